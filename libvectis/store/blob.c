/* Bodies on their way in (two lanes) and out (by parts, without a transaction held). */
#include "base/bytes.h"
#include "base/mem.h"
#include "store/store_int.h"
#include "vectis/message.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

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
	vx_buf_init(&w->first, VX_BLOB_INLINE_MAX);
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

size_t vx_blob_writer_keep(struct vx_blob_writer *w)
{
	if (w->durable) {
		vx_buf_done(&w->octets);
		vx_buf_done(&w->first);
	}
	return w->octets.len + w->descriptor.len;
}

/* Its volume need not wait for it any more; the store is locked. */
static void leave_lane(struct vx_blob_writer *w)
{
	if (w->lane != NULL)
		w->lane->begun--;
	w->lane = NULL;
}

static void destroy(struct vx_blob_writer *w)
{
	vx_describer_free(w->describer);
	vx_buf_done(&w->octets);
	vx_buf_done(&w->first);
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
	if (!busy)
		leave_lane(w);
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
	struct vx_buf first;  /* own: part 0, when it comes last */
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
	if (last)
		p->first = w->first;
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
	if (last)
		vx_buf_init(&w->first, VX_BLOB_INLINE_MAX);
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

/* It does not stay in memory, but for what waits for its front.  What is left of octets.
 */
static vx_slice turn_large(struct vx_blob_writer *w, vx_slice octets)
{
	const size_t room = w->octets.max - w->octets.len;

	w->large = true;
	if (w->expects_front) {
		vx_buf_add(&w->octets, vx_slice_head(octets, room));
		octets = vx_slice_from(octets, room);
		w->first = w->octets;
		w->next_part = 1;
		vx_buf_init(&w->octets, VX_BLOB_PIECE);
	}
	w->octets.max = VX_BLOB_PIECE;
	return octets;
}

void vx_blob_writer_expect_front(struct vx_blob_writer *w)
{
	w->expects_front = true;
	w->octets.max = VX_BLOB_INLINE_MAX - VX_BLOB_FRONT_MAX;
}

int vx_blob_writer_front(struct vx_blob_writer *w, vx_slice fields)
{
	struct vx_buf *b = w->large ? &w->first : &w->octets;
	const size_t len = b->len;

	if (!w->expects_front || w->finished)
		return VX_ESTATE;
	if (fields.len > VX_BLOB_FRONT_MAX)
		return VX_ELIMIT;
	b->max = VX_BLOB_INLINE_MAX;
	vx_buf_add(b, fields);
	if (b->failed)
		return VX_ENOMEM;
	memmove(b->ptr + fields.len, b->ptr, len);
	memcpy(b->ptr, fields.ptr, fields.len);
	vx_describer_front(w->describer, fields);
	w->size += fields.len;
	w->expects_front = false;
	return VX_OK;
}

int vx_blob_writer_add(struct vx_blob_writer *w, vx_slice octets)
{
	int rc = VX_OK;

	if (w->finished)
		return VX_ESTATE;
	vx_describer_add(w->describer, octets);
	w->size += octets.len;
	if (!w->large && octets.len > w->octets.max - w->octets.len)
		octets = turn_large(w, octets);
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
	if (w->describer == NULL)
		return VX_ESTATE;
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
	int rc = s->refusal;

	if (rc == VX_OK)
		rc = collect_small(s, batch, parts, &count);
	if (rc == VX_OK && count > 0)
		rc = vx_lane_append(s, &s->small_lane, parts, count, true);
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

/*
 * The lanes of the thread: the first is where blobs begin, the others have a full volume
 * in which blobs are under way.  A blob stays in the volume where it began.
 */
struct large {
	struct vx_store *store;
	struct vx_lane *lanes; /* own */
};

static int begin_blob(struct large *l, struct vx_blob_writer *w)
{
	struct vx_lane *lane = l->lanes;
	int rc;

	if (lane == NULL || vx_lane_is_full(l->store, lane)) {
		lane = vx_alloc(sizeof(*lane));
		if (lane == NULL)
			return VX_ENOMEM;
		vx_lane_init(lane, 1);
		lane->next = l->lanes;
		l->lanes = lane;
	}
	rc = vx_lane_next_blob(l->store, lane, &w->blob);
	if (rc != VX_OK)
		return rc;
	(void)pthread_mutex_lock(&l->store->lock);
	w->lane = lane;
	lane->begun++;
	(void)pthread_mutex_unlock(&l->store->lock);
	return VX_OK;
}

static int append_piece(struct large *l, struct vx_large_piece *p)
{
	struct vx_blob_part parts[VX_BLOB_PIECE / VX_PART_PAYLOAD + 2];
	struct vx_blob_writer *w = p->writer;
	vx_slice rest = vx_buf_slice(&p->octets);
	size_t count = 0;
	int rc = w->blob == 0 ? begin_blob(l, w) : VX_OK;

	if (rc == VX_OK && (w->lane->volume == NULL ||
			       w->lane->volume->number != (uint32_t)(w->blob >> 32)))
		rc = VX_EIO; /* what it began in could not be written */
	if (rc != VX_OK)
		return rc;
	if (p->first.len > 0)
		parts[count++] = (struct vx_blob_part){ .blob = w->blob,
			.payload = vx_buf_slice(&p->first) };
	do {
		const uint32_t part = w->next_part++;

		parts[count++] = (struct vx_blob_part){ .blob = w->blob,
			.part = part,
			.offset = (uint64_t)part * VX_PART_PAYLOAD,
			.payload = vx_slice_head(rest, VX_PART_PAYLOAD) };
		rest = vx_slice_from(rest, VX_PART_PAYLOAD);
	} while (rest.len > 0);
	parts[count - 1].last = p->last;
	return vx_lane_append(l->store, w->lane, parts, count, p->last);
}

static void piece_done(struct vx_store *s, struct vx_large_piece *p, int rc)
{
	struct vx_blob_writer *w = p->writer;
	bool destroy_now;

	(void)pthread_mutex_lock(&s->lock);
	w->in_flight--;
	if (rc != VX_OK && w->failed == VX_OK)
		w->failed = rc;
	rc = w->failed;
	destroy_now = w->abandoned && w->in_flight == 0;
	if (p->last || rc != VX_OK || destroy_now)
		leave_lane(w);
	if (w->waiting && !w->abandoned) {
		w->waiting = false;
		if (w->wake != NULL) {
			w->next_wake = s->wakes;
			s->wakes = w;
		}
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (p->op != NULL) {
		w->durable = rc == VX_OK;
		if (rc == VX_OK)
			rc = vx_store_enqueue(s, p->op);
		if (rc != VX_OK)
			vx_store_finish(s, p->op, rc);
	}
	vx_store_ring_bell(s);
	if (destroy_now)
		destroy(w);
	vx_buf_done(&p->octets);
	vx_buf_done(&p->first);
	vx_free(p);
}

/* Seal what is full and in which nothing is under way. */
static void seal_full(struct large *l)
{
	for (struct vx_lane **at = &l->lanes; *at != NULL;) {
		struct vx_lane *lane = *at;
		bool idle;

		(void)pthread_mutex_lock(&l->store->lock);
		idle = lane->begun == 0;
		(void)pthread_mutex_unlock(&l->store->lock);
		if (idle)
			vx_lane_check_full(l->store, lane);
		if (idle && lane->volume == NULL) {
			*at = lane->next;
			vx_free(lane);
		} else {
			at = &lane->next;
		}
	}
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

static int failed_before(struct vx_store *s, const struct vx_blob_writer *w)
{
	int rc;

	(void)pthread_mutex_lock(&s->lock);
	rc = w->abandoned ? VX_ECLOSED : w->failed;
	(void)pthread_mutex_unlock(&s->lock);
	return rc != VX_OK ? rc : s->refusal;
}

static void *large_lane(void *arg)
{
	struct large l = { .store = arg };
	struct vx_large_piece *p;

	(void)prctl(PR_SET_NAME, "vx-large");
	while ((p = take_piece(l.store)) != NULL) {
		int rc = failed_before(l.store, p->writer);

		if (rc == VX_OK) {
			rc = append_piece(&l, p);
			if (rc == VX_ENOSPC || rc == VX_EIO)
				vx_store_disk_failed(l.store, rc);
		}
		piece_done(l.store, p, rc);
		seal_full(&l);
	}
	while (l.lanes != NULL) {
		struct vx_lane *lane = l.lanes;

		l.lanes = lane->next;
		vx_lane_done(l.store, lane);
		vx_free(lane);
	}
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
	size_t first; /* octets of part 0, which need not be full */
	uint32_t last_part;
	bool have;   /* the part below is there */
	bool intact; /* and its CRC was right */
	uint32_t part;
	vx_slice value;  /* into the map, or copy */
	uint64_t offset; /* in the file; VX_KV_NOT_IN_PLACE: it is copy */
	char *copy;      /* own */
};

static int keep_copy(struct vx_blob_reader *r, vx_slice *value)
{
	vx_free(r->copy);
	r->copy = value->len > VX_KV_SMALL_MAX ? NULL : vx_alloc(value->len + 1);
	if (r->copy == NULL)
		return VX_ENOMEM;
	memcpy(r->copy, value->ptr, value->len);
	value->ptr = r->copy;
	return VX_OK;
}

/* The value of a part; it stays valid because a volume never frees a page. */
static int load(struct vx_blob_reader *r, uint32_t part)
{
	struct vx_kv_txn *txn;
	char key[12];
	vx_slice value;
	uint64_t offset;
	int rc;

	if (r->have && r->part == part)
		return VX_OK;
	r->have = r->intact = false;
	vx_volume_key(key, r->blob, part);
	rc = vx_kv_begin(r->volume->env, false, &txn);
	if (rc != VX_OK)
		return rc;
	rc = vx_kv_get_in_place(txn, VX_TREE_BODY, vx_slice_of(key, 12), &value, &offset);
	if (rc == VX_OK && offset == VX_KV_NOT_IN_PLACE)
		rc = keep_copy(r, &value);
	vx_kv_abort(txn);
	if (rc != VX_OK)
		return rc;
	r->value = value;
	r->offset = offset;
	r->part = part;
	r->have = true;
	return VX_OK;
}

/* Is all of it in memory, so that touching it does not wait for the disk? */
static bool resident(const struct vx_blob_reader *r, vx_slice octets)
{
	unsigned char pages[VX_PART_PAYLOAD / 4096 + 3];
	const uintptr_t page = 4096, begin = (uintptr_t)octets.ptr / page * page;
	const size_t len = (uintptr_t)octets.ptr + octets.len - begin;

	if (r->offset == VX_KV_NOT_IN_PLACE || (len + page - 1) / page > sizeof(pages))
		return true;
	/* mincore takes the address of a mapping, which it does not write. */
	if (mincore((void *)begin, len, pages) < 0)
		return true;
	for (size_t i = 0; i < (len + page - 1) / page; i++)
		if ((pages[i] & 1) == 0)
			return false;
	return true;
}

/*
 * Find out the size by the last part's key and length, and the first one's: they lie in
 * leaves, the body is not touched.
 */
static int find_size(struct vx_blob_reader *r)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	vx_slice key, value, first = VX_S("");
	char after[12], mine[12];
	int rc = vx_kv_begin(r->volume->env, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);
	if (rc != VX_OK) {
		vx_kv_abort(txn);
		return rc;
	}
	vx_volume_key(after, r->blob + 1, 0);
	rc = vx_kv_seek(c, vx_slice_of(after, 12), &key, &value);
	rc = rc == VX_OK ? vx_kv_prev(c, &key, &value) : vx_kv_last(c, &key, &value);
	vx_volume_key(mine, r->blob, 0);
	if (rc == VX_OK && (key.len != 12 || memcmp(key.ptr, mine, 8) != 0))
		rc = VX_ENOENT;
	if (rc == VX_OK && value.len < VX_PART_HEADER)
		rc = VX_ECORRUPT;
	if (rc == VX_OK) {
		r->last_part = vx_get_be32(key.ptr + 8);
		rc = vx_kv_get(txn, VX_TREE_BODY, vx_slice_of(mine, 12), &first);
	}
	if (rc == VX_OK &&
	    (first.len < VX_PART_HEADER || first.len > VX_PART_HEADER + VX_PART_PAYLOAD))
		rc = VX_ECORRUPT;
	if (rc == VX_OK) {
		r->first = first.len - VX_PART_HEADER;
		r->size = value.len - VX_PART_HEADER;
		if (r->last_part > 0)
			r->size +=
			    r->first + (uint64_t)(r->last_part - 1) * VX_PART_PAYLOAD;
	}
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
	    p.offset != (uint64_t)r->part * VX_PART_PAYLOAD ||
	    p.payload.len > VX_PART_PAYLOAD || p.last != (r->part == r->last_part) ||
	    (!p.last && r->part > 0 && p.payload.len != VX_PART_PAYLOAD))
		return VX_ECORRUPT;
	r->intact = true;
	return VX_OK;
}

/* Where an octet of the message is: in which part, and there. */
static uint32_t part_of(const struct vx_blob_reader *r, uint64_t offset, size_t *within)
{
	if (offset < r->first) {
		*within = (size_t)offset;
		return 0;
	}
	*within = (size_t)((offset - r->first) % VX_PART_PAYLOAD);
	return 1 + (uint32_t)((offset - r->first) / VX_PART_PAYLOAD);
}

int vx_blob_read(struct vx_blob_reader *r, uint64_t offset, size_t max, vx_slice *out)
{
	vx_slice payload;
	size_t within;
	int rc;

	if (offset >= r->size) {
		*out = vx_slice_of(NULL, 0);
		return VX_OK;
	}
	rc = load(r, part_of(r, offset, &within));
	if (rc != VX_OK)
		return rc;
	payload = vx_slice_from(r->value, VX_PART_HEADER + within);
	payload = vx_slice_head(payload, max);
	/* The checksum takes all of the part; later it may have been paged out again. */
	if (!resident(r, r->intact ? payload : r->value))
		return VX_WAIT;
	rc = check_part(r);
	if (rc != VX_OK)
		return rc;
	if (payload.len == 0)
		return VX_ECORRUPT;
	*out = payload;
	return VX_OK;
}

int vx_blob_fetch(struct vx_blob_reader *r, uint64_t offset, size_t max)
{
	size_t within;
	int rc = VX_OK;

	(void)max; /* whole parts are checked, so whole parts are fetched */
	if (offset < r->size)
		rc = load(r, part_of(r, offset, &within));
	if (rc != VX_OK || offset >= r->size)
		return rc;
	if (r->offset != VX_KV_NOT_IN_PLACE)
		vx_kv_warm(r->volume->env, r->value, r->offset);
	return check_part(r);
}

void vx_blob_close(struct vx_blob_reader *r)
{
	if (r == NULL)
		return;
	vx_volume_give(r->store, r->volume);
	vx_free(r->copy);
	vx_free(r);
}
