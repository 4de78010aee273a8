/* Bodies on their way in (two lanes) and out (by parts, without a transaction held). */
#include "base/mem.h"
#include "store/store_int.h"
#include "vectis/message.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* Values up to so many octets may lie inside a leaf page, which later writes reuse. */
#define INLINE_VALUE_MAX ((size_t)2048)
enum {
	PIECES_IN_FLIGHT = 2
};

/* --- writing --------------------------------------------------------------------- */

int vx_blob_writer_new(struct vx_store *s, struct vx_blob_writer **out)
{
	struct vx_blob_writer *w = vx_alloc(sizeof(*w));

	if (w == NULL)
		return VX_ENOMEM;
	w->store = s;
	vx_buf_init(&w->octets, VX_BLOB_INLINE_MAX);
	vx_buf_init(&w->descriptor, VX_DESCRIPTOR_MAX);
	if (vx_describer_new(&w->describer) != VX_OK) {
		vx_free(w);
		return VX_ENOMEM;
	}
	*out = w;
	return VX_OK;
}

void vx_blob_writer_on_wake(struct vx_blob_writer *w, void (*wake)(void *ctx), void *ctx)
{
	(void)pthread_mutex_lock(&w->store->lock);
	w->wake = wake;
	w->ctx = ctx;
	(void)pthread_mutex_unlock(&w->store->lock);
}

uint64_t vx_blob_writer_size(const struct vx_blob_writer *w)
{
	return w->size;
}

static void destroy(struct vx_blob_writer *w)
{
	vx_describer_free(w->describer);
	vx_buf_done(&w->octets);
	vx_buf_done(&w->descriptor);
	vx_free(w);
}

void vx_blob_writer_free(struct vx_blob_writer *w)
{
	bool busy;

	if (w == NULL)
		return;
	(void)pthread_mutex_lock(&w->store->lock);
	busy = w->in_flight > 0;
	w->abandoned = true;
	for (struct vx_blob_writer **p = &w->store->wakes; *p != NULL;
	     p = &(*p)->next_wake) {
		if (*p == w) {
			*p = w->next_wake;
			break;
		}
	}
	(void)pthread_mutex_unlock(&w->store->lock);
	if (!busy)
		destroy(w);
}

/* 16 parts of a large message, or its end. */
struct vx_large_piece {
	struct vx_blob_writer *writer;
	struct vx_buf octets; /* own */
	bool last;
	struct vx_store_op *op; /* goes on when the last piece is durable */
	struct vx_large_piece *next;
};

/* Hand what is collected to the large lane. */
static int hand_over(struct vx_blob_writer *w, bool last, struct vx_store_op *op)
{
	struct vx_store *s = w->store;
	struct vx_large_piece *p = vx_alloc(sizeof(*p));
	int rc = VX_OK;

	if (p == NULL)
		return VX_ENOMEM;
	*p = (struct vx_large_piece){
		.writer = w, .octets = w->octets, .last = last, .op = op
	};
	(void)pthread_mutex_lock(&s->lock);
	if (s->stopping || !s->large_runs) {
		rc = VX_ECLOSED;
	} else {
		w->in_flight++;
		*s->large_tail = p;
		s->large_tail = &p->next;
		(void)pthread_cond_signal(&s->more_large);
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (rc != VX_OK) {
		vx_free(p);
		return rc;
	}
	vx_buf_init(&w->octets, VX_BLOB_PIECE);
	return VX_OK;
}

/* May more be added now?  VX_OK, VX_WAIT, or why a piece could not be written. */
static int pace(struct vx_blob_writer *w)
{
	int rc = VX_OK;

	(void)pthread_mutex_lock(&w->store->lock);
	if (w->failed != VX_OK)
		rc = w->failed;
	else if (w->in_flight >= PIECES_IN_FLIGHT) {
		w->waiting = true;
		rc = VX_WAIT;
	}
	(void)pthread_mutex_unlock(&w->store->lock);
	return rc;
}

int vx_blob_writer_add(struct vx_blob_writer *w, vx_slice octets)
{
	int rc = VX_OK;

	if (w->finished)
		return VX_ESTATE;
	vx_describer_add(w->describer, octets);
	w->size += octets.len;
	if (!w->large && octets.len > w->octets.max - w->octets.len) {
		w->large = true;
		w->octets.max = VX_BLOB_PIECE;
	}
	while (octets.len > 0 && rc == VX_OK) {
		const vx_slice now = vx_slice_head(octets, w->octets.max - w->octets.len);

		vx_buf_add(&w->octets, now);
		if (w->octets.failed)
			return VX_ENOMEM;
		octets = vx_slice_from(octets, now.len);
		if (w->octets.len == w->octets.max && w->large)
			rc = hand_over(w, false, NULL);
	}
	return rc == VX_OK && w->large ? pace(w) : rc;
}

int vx_blob_writer_finish(struct vx_blob_writer *w)
{
	int rc;

	if (w->finished)
		return VX_OK;
	rc = vx_describer_end(w->describer, &w->descriptor);
	vx_describer_free(w->describer);
	w->describer = NULL;
	w->finished = rc == VX_OK;
	return rc;
}

/* Give the small blobs of a batch their parts; *count parts in out. */
static int collect_small(struct vx_store *s, struct vx_store_op *batch,
    struct vx_blob_part *out, size_t *count)
{
	int rc = VX_OK;

	for (; batch != NULL; batch = batch->next) {
		struct vx_blob_writer *w = batch->blob;

		if (w == NULL || w->durable || w->large)
			continue;
		if (rc == VX_OK)
			rc = vx_lane_next_blob(s, &s->small_lane, &w->blob);
		if (rc == VX_OK)
			out[(*count)++] = (struct vx_blob_part){ .blob = w->blob,
				.last = true,
				.payload = vx_buf_slice(&w->octets) };
	}
	return rc;
}

int vx_blob_commit_small(struct vx_store *s, struct vx_store_op *batch)
{
	struct vx_blob_part parts[VX_STORE_BATCH_OPS];
	size_t count = 0;
	int rc = s->read_mostly ? VX_ENOSPC : collect_small(s, batch, parts, &count);

	if (rc == VX_OK && count > 0)
		rc = vx_lane_append(&s->small_lane, parts, count, true);
	for (struct vx_store_op *op = batch; op != NULL; op = op->next) {
		if (op->blob == NULL || op->blob->large || op->blob->durable)
			continue;
		op->blob->durable = rc == VX_OK;
		if (rc != VX_OK)
			op->result = rc;
	}
	return rc;
}

int vx_blob_submit_large(struct vx_store *s, struct vx_store_op *op)
{
	(void)s;
	return hand_over(op->blob, true, op);
}

/* --- the large lane's thread -------------------------------------------------------- */

static int append_piece(
    struct vx_store *s, struct vx_lane *lane, struct vx_large_piece *p)
{
	struct vx_blob_part parts[VX_BLOB_PIECE / VX_PART_PAYLOAD + 1];
	struct vx_blob_writer *w = p->writer;
	vx_slice rest = vx_buf_slice(&p->octets);
	size_t count = 0;
	int rc = VX_OK;

	if (w->blob == 0)
		rc = vx_lane_next_blob(s, lane, &w->blob);
	if (rc != VX_OK)
		return rc;
	/* A blob stays in the volume where it began, even when that is full meanwhile. */
	do {
		const uint32_t part = w->next_part++;

		parts[count++] = (struct vx_blob_part){ .blob = w->blob,
			.part = part,
			.offset = (uint64_t)part * VX_PART_PAYLOAD,
			.payload = vx_slice_head(rest, VX_PART_PAYLOAD) };
		rest = vx_slice_from(rest, VX_PART_PAYLOAD);
	} while (rest.len > 0);
	parts[count - 1].last = p->last;
	return vx_lane_append(lane, parts, count, p->last);
}

static void piece_done(struct vx_store *s, struct vx_large_piece *p, int rc)
{
	struct vx_blob_writer *w = p->writer;
	bool destroy_now;

	(void)pthread_mutex_lock(&s->lock);
	w->in_flight--;
	if (rc != VX_OK && w->failed == VX_OK)
		w->failed = rc;
	destroy_now = w->abandoned && w->in_flight == 0;
	if (w->waiting && !w->abandoned) {
		w->waiting = false;
		if (w->wake != NULL) {
			w->next_wake = s->wakes;
			s->wakes = w;
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (p->op != NULL) {
		w->durable = w->failed == VX_OK;
		rc = w->durable ? vx_store_enqueue(s, p->op) : w->failed;
		if (rc != VX_OK)
			vx_store_finish(s, p->op, rc);
	}
	vx_store_ring_bell(s);
	if (destroy_now)
		destroy(w);
	vx_buf_done(&p->octets);
	vx_free(p);
}

static struct vx_large_piece *take_piece(struct vx_store *s)
{
	struct vx_large_piece *p;

	(void)pthread_mutex_lock(&s->lock);
	while (s->large == NULL && s->large_runs)
		(void)pthread_cond_wait(&s->more_large, &s->lock);
	p = s->large;
	if (p != NULL) {
		s->large = p->next;
		if (s->large == NULL)
			s->large_tail = &s->large;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return p;
}

/* How many large blobs are between their first and last piece: the volume stays. */
static void *large_lane(void *arg)
{
	struct vx_store *s = arg;
	struct vx_large_piece *p;
	struct vx_lane lane;
	unsigned begun = 0;

	vx_lane_init(&lane, 1);
	while ((p = take_piece(s)) != NULL) {
		const bool first = p->writer->blob == 0, last = p->last;
		int rc = p->writer->failed;

		if (rc == VX_OK && s->read_mostly)
			rc = VX_ENOSPC;
		if (rc == VX_OK && !p->writer->abandoned)
			rc = append_piece(s, &lane, p);
		if (rc == VX_ENOSPC)
			vx_store_disk_full(s);
		begun += first && p->writer->blob != 0;
		begun -= last && p->writer->blob != 0;
		piece_done(s, p, rc);
		if (begun == 0)
			vx_lane_check_full(s, &lane);
	}
	vx_lane_done(s, &lane);
	return NULL;
}

int vx_large_lane_start(struct vx_store *s)
{
	sigset_t all, old;
	int rc;

	s->large_runs = true;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->large_thread, NULL, large_lane, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		s->large_runs = false;
	return vx_errno_result(rc);
}

void vx_large_lane_stop(struct vx_store *s)
{
	if (!s->large_runs)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->large_runs = false;
	(void)pthread_cond_signal(&s->more_large);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->large_thread, NULL);
}

/* --- reading -------------------------------------------------------------------------
 */

struct vx_blob_reader {
	struct vx_store *store;
	struct vx_volume *volume; /* own reference */
	uint64_t blob, size;
	bool have;   /* the part below is there */
	bool intact; /* and its CRC was right */
	uint32_t part;
	vx_slice value; /* into the map, or into copy */
	char copy[INLINE_VALUE_MAX + 1];
};

/* The value of a part; it stays valid because a volume never frees a page. */
static int load(struct vx_blob_reader *r, uint32_t part)
{
	struct vx_kv_txn *txn;
	char key[12];
	vx_slice value;
	int rc;

	if (r->have && r->part == part)
		return VX_OK;
	r->have = r->intact = false;
	vx_volume_key(key, r->blob, part);
	rc = vx_kv_begin(r->volume->env, false, &txn);
	if (rc != VX_OK)
		return rc;
	rc = vx_kv_get(txn, VX_TREE_BODY, vx_slice_of(key, 12), &value);
	if (rc == VX_OK && value.len <= INLINE_VALUE_MAX) {
		memcpy(r->copy, value.ptr, value.len);
		value.ptr = r->copy;
	}
	vx_kv_abort(txn);
	if (rc != VX_OK)
		return rc;
	r->value = value;
	r->part = part;
	r->have = true;
	return VX_OK;
}

/* Is all of the value in memory, so that touching it does not wait for the disk? */
static bool resident(vx_slice value)
{
	unsigned char pages[VX_PART_PAYLOAD / 4096 + 3];
	const uintptr_t page = 4096, begin = (uintptr_t)value.ptr / page * page;
	const size_t len = (uintptr_t)value.ptr + value.len - begin;

	if (value.len <= INLINE_VALUE_MAX)
		return true;
	/* mincore and madvise take the address of a mapping, which they do not write. */
	if (mincore((void *)begin, len, pages) < 0)
		return true;
	for (size_t i = 0; i < (len + page - 1) / page; i++)
		if ((pages[i] & 1) == 0)
			return false;
	return true;
}

static void fault_in(vx_slice value)
{
	const uintptr_t begin = (uintptr_t)value.ptr / 4096 * 4096;
	volatile char sink = 0;

	(void)madvise(
	    (void *)begin, (uintptr_t)value.ptr + value.len - begin, MADV_WILLNEED);
	for (size_t i = 0; i < value.len; i += 4096)
		sink = (char)(sink + value.ptr[i]);
}

/* Find out the size: the last part says where it begins. */
static int find_size(struct vx_blob_reader *r)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	struct vx_blob_part p;
	vx_slice key, value;
	char last[12];
	int rc = vx_kv_begin(r->volume->env, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);
	if (rc != VX_OK) {
		vx_kv_abort(txn);
		return rc;
	}
	vx_volume_key(last, r->blob + 1, 0);
	rc = vx_kv_seek(c, vx_slice_of(last, 12), &key, &value);
	rc = rc == VX_OK ? vx_kv_prev(c, &key, &value) : vx_kv_last(c, &key, &value);
	if (rc == VX_OK && (key.len != 12 || memcmp(key.ptr, last, 4) != 0))
		rc = VX_ENOENT;
	vx_volume_key(last, r->blob, 0);
	if (rc == VX_OK && memcmp(key.ptr, last, 8) != 0)
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_part_read(value, &p);
	if (rc == VX_OK && !p.last)
		rc = VX_ENOENT; /* its end was never written */
	if (rc == VX_OK)
		r->size = p.offset + p.payload.len;
	vx_kv_cursor_close(c);
	vx_kv_abort(txn);
	return rc;
}

int vx_blob_open(struct vx_store *s, uint64_t blob, struct vx_blob_reader **out)
{
	struct vx_blob_reader *r = vx_alloc(sizeof(*r));
	int rc;

	if (r == NULL)
		return VX_ENOMEM;
	r->store = s;
	r->blob = blob;
	rc = vx_volume_take(s, (uint32_t)(blob >> 32), &r->volume);
	if (rc != VX_OK) {
		vx_free(r);
		return rc;
	}
	rc = find_size(r);
	if (rc != VX_OK) {
		vx_blob_close(r);
		return rc;
	}
	*out = r;
	return VX_OK;
}

uint64_t vx_blob_size(const struct vx_blob_reader *r)
{
	return r->size;
}

static int check_part(struct vx_blob_reader *r)
{
	struct vx_blob_part p;

	if (r->intact)
		return VX_OK;
	if (vx_part_read(r->value, &p) != VX_OK || !vx_part_intact(r->value) ||
	    p.offset != (uint64_t)r->part * VX_PART_PAYLOAD)
		return VX_ECORRUPT;
	r->intact = true;
	return VX_OK;
}

int vx_blob_read(struct vx_blob_reader *r, uint64_t offset, size_t max, vx_slice *out)
{
	vx_slice payload;
	int rc;

	if (offset >= r->size) {
		*out = vx_slice_of(NULL, 0);
		return VX_OK;
	}
	rc = load(r, (uint32_t)(offset / VX_PART_PAYLOAD));
	if (rc != VX_OK)
		return rc;
	if (!r->intact && !resident(r->value))
		return VX_WAIT;
	rc = check_part(r);
	if (rc != VX_OK)
		return rc;
	payload =
	    vx_slice_from(r->value, VX_PART_HEADER + (size_t)(offset % VX_PART_PAYLOAD));
	if (payload.len == 0)
		return VX_ECORRUPT;
	*out = vx_slice_head(payload, max);
	return VX_OK;
}

int vx_blob_fetch(struct vx_blob_reader *r, uint64_t offset, size_t max)
{
	int rc = VX_OK;

	(void)max; /* whole parts are checked, so whole parts are fetched */
	if (offset < r->size)
		rc = load(r, (uint32_t)(offset / VX_PART_PAYLOAD));
	if (rc != VX_OK || offset >= r->size)
		return rc;
	fault_in(r->value);
	return check_part(r);
}

void vx_blob_close(struct vx_blob_reader *r)
{
	if (r == NULL)
		return;
	vx_volume_give(r->store, r->volume);
	vx_free(r);
}
