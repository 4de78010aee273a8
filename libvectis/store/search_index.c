/*
 * The indexer: one thread of one process, behind search.lock.  It looks through all
 * accounts once, then follows the ring of changes; what it does not hear of in time is
 * found by the next look, and until then asked questions are answered by scanning.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/search_int.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	IDLE_MS = 1000,
	TROUBLE_MS = 10000,
	WORK_US = 20000, /* then others get BREATH_MS */
	BREATH_MS = 5,
	NICE = 10,
	LOOK_EVERY_S = 86400,
	CHANGES = 256,
	RECORDS = 128,
	MARKS = 64, /* mailboxes in one batch */
	DEAD_PERCENT = 40,
};

struct mailbox_mark {
	uint32_t mailbox, uid;
};

struct vx_indexer {
	struct vx_search *search;
	struct vx_search_env *env; /* during a piece of work */
	int lock_fd;
	uint64_t generation, ring_at;
	/* the look through all accounts */
	bool looking;
	uint32_t look_at; /* the next account */
	int64_t looked_s;
	uint32_t changed[CHANGES];
	size_t changed_count;
	/* the account under way */
	struct vx_search_doc doc;
	struct vx_search_build *build; /* own */
	struct vx_search_writes writes;
	uint64_t *known; /* own, ascending: what the index has of it */
	size_t known_count;
	uint64_t fresh[VX_SEARCH_BATCH_DOCS];
	size_t fresh_count;
	uint64_t listed[VX_SEARCH_LISTS * 2];
	size_t listed_count;
	struct mailbox_mark marks[MARKS];
	size_t mark_count;
	bool more;        /* the batch did not take all */
	uint64_t work_us; /* when the last breath was taken */
	/* of the write under way */
	uint32_t account, segment;
};

bool vx_search_rest(struct vx_search *s, long ms)
{
	bool go_on;

	(void)pthread_mutex_lock(&s->lock);
	if (!s->stopping)
		vx_clock_wait(&s->wake, &s->lock, ms);
	go_on = !s->stopping;
	(void)pthread_mutex_unlock(&s->lock);
	return go_on;
}

/* Mail goes first; false when the store closes. */
static bool breathe(struct vx_indexer *x)
{
	bool go_on = true;

	if (vx_clock_mono_us() - x->work_us > WORK_US) {
		go_on = vx_search_rest(x->search, BREATH_MS);
		x->work_us = vx_clock_mono_us();
	}
	return go_on;
}

/* --- what the index has of an account
 * ---------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool knows(const struct vx_indexer *x, uint64_t blob)
{
	return x->known_count > 0 && blob <= x->known[x->known_count - 1] &&
	       bsearch(&blob, x->known, x->known_count, sizeof(blob), compare) != NULL;
}

static int add_known(struct vx_indexer *x, const uint64_t *blobs, size_t count)
{
	uint64_t *grown =
	    vx_realloc(x->known, (x->known_count + count + 1) * sizeof(*grown));

	if (grown == NULL)
		return VX_ENOMEM;
	x->known = grown;
	if (count > 0)
		memcpy(grown + x->known_count, blobs, count * sizeof(*blobs));
	x->known_count += count;
	return VX_OK;
}

static void sort_known(struct vx_indexer *x)
{
	for (size_t i = 1; i < x->known_count; i++)
		if (x->known[i] < x->known[i - 1]) {
			qsort(x->known, x->known_count, sizeof(*x->known), compare);
			return;
		}
}

static int load_segment(
    struct vx_indexer *x, struct vx_kv_txn *txn, const struct vx_search_listed *s)
{
	struct vx_search_docs docs;
	struct vx_key k;
	vx_slice value;
	int rc;

	vx_search_key(&k, x->account, VX_SEARCH_DOCS);
	vx_key_add_u32(&k, s->number);
	rc = vx_kv_get(txn, VX_TREE_BODY, vx_key_slice(&k), &value);
	rc = rc == VX_OK ? vx_docs_read(vx_key_slice(&k), value, &docs) : VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	rc = add_known(x, docs.blobs, docs.count);
	vx_docs_done(&docs);
	return rc;
}

/* The messages whose terms are lists. */
static int load_lists(struct vx_indexer *x, struct vx_kv_txn *txn)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);

	if (rc != VX_OK)
		return rc;
	x->listed_count = 0;
	vx_search_key(&prefix, x->account, VX_SEARCH_LIST);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 8);
	     rc = vx_kv_next(c, &key, &value)) {
		if (x->listed_count == VX_SEARCH_LISTS * 2) {
			rc = VX_ECORRUPT;
			break;
		}
		x->listed[x->listed_count++] = vx_get_be64(key.ptr + prefix.len);
	}
	vx_kv_cursor_close(c);
	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	return add_known(x, x->listed, x->listed_count);
}

static int load_known(struct vx_indexer *x)
{
	struct vx_search_listed *list = NULL;
	struct vx_kv_txn *txn;
	size_t count = 0;
	int rc = vx_kv_begin(x->env->kv, false, &txn);

	if (rc != VX_OK)
		return rc;
	x->known_count = 0;
	rc = vx_search_segments(txn, x->account, &list, &count);
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		rc = load_segment(x, txn, &list[i]);
	if (rc == VX_OK)
		rc = load_lists(x, txn);
	vx_kv_abort(txn);
	vx_free(list);
	sort_known(x);
	return rc;
}

/* --- what is new in an account
 * --------------------------------------------------------------
 */

static int read_mark(struct vx_indexer *x, struct vx_kv_txn *txn, struct mailbox_mark *m)
{
	struct vx_key k;
	vx_slice value;
	int rc;

	vx_search_key(&k, x->account, VX_SEARCH_MARK);
	vx_key_add_u32(&k, m->mailbox);
	m->uid = 0;
	rc = vx_kv_get(txn, VX_TREE_BODY, vx_key_slice(&k), &value);
	if (rc == VX_ENOENT)
		return VX_OK;
	if (rc == VX_OK)
		rc = vx_search_check(
		    vx_key_slice(&k), value, VX_SEARCH_MARK, VX_VALUE_HEADER + 4);
	if (rc == VX_OK)
		m->uid = vx_get_le32(value.ptr + VX_VALUE_HEADER);
	return rc;
}

/* The messages behind the mark, which moves along. */
static int collect_mailbox(
    struct vx_indexer *x, struct vx_view *v, struct mailbox_mark *m, uint32_t uidnext)
{
	struct vx_record records[RECORDS];
	uint32_t next = m->uid + 1;

	while (next != 0) {
		const struct vx_record_query q = { .account = x->account,
			.mailbox = m->mailbox,
			.first_uid = next,
			.last_uid = UINT32_MAX };
		const size_t room = VX_SEARCH_BATCH_DOCS - x->fresh_count;
		size_t count = 0;
		int rc;

		if (room == 0) {
			x->more = true;
			return VX_OK;
		}
		rc = vx_records_read(
		    v, &q, records, room < RECORDS ? room : RECORDS, &count, &next);
		if (rc != VX_OK)
			return rc;
		for (size_t i = 0; i < count; i++)
			x->fresh[x->fresh_count++] = records[i].blob;
		if (count > 0)
			m->uid = records[count - 1].uid;
	}
	m->uid = uidnext - 1;
	return VX_OK;
}

/* A damaged state is no damage of the index. */
static int of_state(int rc)
{
	return rc == VX_ECORRUPT || rc == VX_EUNSUP ? VX_EIO : rc;
}

static int collect_from(struct vx_indexer *x, struct vx_view *v, struct vx_kv_txn *txn)
{
	struct vx_mailbox_info info = { .name = vx_slice_of("", 0) };
	int rc;

	while ((rc = vx_mailbox_next(v, x->account, info.name, &info)) == VX_OK) {
		struct mailbox_mark m = { .mailbox = info.mailbox };
		struct vx_mailbox_status st;

		if (!info.exists)
			continue;
		if (x->fresh_count == VX_SEARCH_BATCH_DOCS || x->mark_count == MARKS) {
			x->more = true;
			return VX_OK;
		}
		rc = read_mark(x, txn, &m);
		if (rc != VX_OK)
			return rc;
		if (vx_mailbox_status(v, x->account, m.mailbox, &st) != VX_OK ||
		    m.uid + 1 >= st.uidnext)
			continue;
		/* a mailbox that cannot be read is scanned by those who search it */
		if (collect_mailbox(x, v, &m, st.uidnext) == VX_OK)
			x->marks[x->mark_count++] = m;
	}
	return rc == VX_ENOENT ? VX_OK : of_state(rc);
}

/* VX_ENOENT: there is no such account. */
static int collect(struct vx_indexer *x)
{
	struct vx_account_record a;
	struct vx_kv_txn *txn;
	struct vx_view *v;
	int rc = vx_view_begin(x->search->store, &v);

	x->fresh_count = x->mark_count = 0;
	x->more = false;
	if (rc != VX_OK)
		return rc;
	rc = of_state(vx_account_read(v->txn, x->account, &a));
	if (rc == VX_OK)
		rc = vx_kv_begin(x->env->kv, false, &txn);
	if (rc == VX_OK) {
		rc = collect_from(x, v, txn);
		vx_kv_abort(txn);
	}
	vx_view_end(v);
	return rc;
}

/* In order, each once (it may be in two mailboxes), without what the index has. */
static void sort_fresh(struct vx_indexer *x)
{
	size_t n = 0;

	qsort(x->fresh, x->fresh_count, sizeof(*x->fresh), compare);
	for (size_t i = 0; i < x->fresh_count; i++)
		if ((n == 0 || x->fresh[i] != x->fresh[n - 1]) && !knows(x, x->fresh[i]))
			x->fresh[n++] = x->fresh[i];
	x->fresh_count = n;
}

/* --- writing a batch
 * ----------------------------------------------------------------------- */

static void add_marks(struct vx_indexer *x)
{
	for (size_t i = 0; i < x->mark_count; i++) {
		struct vx_buf value = { .max = 64 };
		char octets[VX_VALUE_HEADER + 4] = { 0 };
		struct vx_key k;

		vx_put_le32(octets + VX_VALUE_HEADER, x->marks[i].uid);
		vx_buf_add(&value, vx_slice_of(octets, sizeof(octets)));
		vx_search_key(&k, x->account, VX_SEARCH_MARK);
		vx_key_add_u32(&k, x->marks[i].mailbox);
		vx_writes_add(&x->writes, &k, &value);
		vx_buf_done(&value);
	}
}

static int put_writes(void *ctx, struct vx_kv_txn *txn)
{
	const struct vx_indexer *x = ctx;

	return vx_writes_put(&x->writes, txn);
}

/* The segment that was built; the lists that went into it go. */
static int put_segment(void *ctx, struct vx_kv_txn *txn)
{
	const struct vx_indexer *x = ctx;
	struct vx_key k;
	int rc = vx_writes_put(&x->writes, txn);

	vx_search_key(&k, x->account, VX_SEARCH_BUILDING);
	vx_key_add_u32(&k, x->segment);
	if (rc == VX_OK)
		rc = vx_kv_delete(txn, VX_TREE_BODY, vx_key_slice(&k));
	for (size_t i = 0; i < x->listed_count && rc == VX_OK; i++) {
		vx_search_key(&k, x->account, VX_SEARCH_LIST);
		vx_key_add_u64(&k, x->listed[i]);
		rc = vx_kv_delete(txn, VX_TREE_BODY, vx_key_slice(&k));
		rc = rc == VX_ENOENT ? VX_OK : rc;
	}
	return rc;
}

static vx_slice *zones_of(const struct vx_search_doc *d, vx_slice zones[VX_ZONES])
{
	for (size_t i = 0; i < VX_ZONES; i++)
		zones[i] = vx_buf_slice(&d->zones[i]);
	return zones;
}

/* A message that is gone or cannot be read: nobody finds it by scanning either. */
static bool unreadable(int rc)
{
	return rc == VX_ENOENT || rc == VX_ECORRUPT || rc == VX_EUNSUP;
}

static int write_lists(struct vx_indexer *x)
{
	struct vx_buf value = { .max = VX_ZONES * (VX_LIST_OCTETS_MAX + 16) };
	vx_slice zones[VX_ZONES];
	int rc = VX_OK;

	for (size_t i = 0; i < x->fresh_count && rc == VX_OK; i++) {
		struct vx_key k;

		rc = vx_search_doc_read(&x->doc, x->search->store, x->fresh[i]);
		if (unreadable(rc)) {
			rc = VX_OK;
			continue;
		}
		if (rc != VX_OK)
			break;
		vx_list_write(zones_of(&x->doc, zones), x->doc.wild, &value);
		vx_search_key(&k, x->account, VX_SEARCH_LIST);
		vx_key_add_u64(&k, x->fresh[i]);
		vx_writes_add(&x->writes, &k, &value);
		if (!breathe(x))
			rc = VX_ECLOSED;
	}
	vx_buf_done(&value);
	add_marks(x);
	return rc == VX_OK ? vx_search_write(x->env, put_writes, x) : rc;
}

static int end_segment(struct vx_indexer *x, bool last)
{
	int rc = VX_OK;

	vx_buf_reset(&x->writes.octets);
	if (vx_search_build_count(x->build) == 0) { /* all were unreadable */
		add_marks(x);
		return last ? vx_search_write(x->env, put_writes, x) : VX_OK;
	}
	rc = vx_search_reserve(x->env, x->account, &x->segment);
	if (rc == VX_OK)
		rc = vx_search_build_end(x->build, x->account, x->segment, &x->writes);
	if (last)
		add_marks(x);
	return rc == VX_OK ? vx_search_write(x->env, put_segment, x) : rc;
}

/* A message to the segment, by its list or by itself. */
static int build_one(struct vx_indexer *x, uint64_t blob, bool listed)
{
	vx_slice zones[VX_ZONES], value;
	struct vx_kv_txn *txn = NULL;
	struct vx_key k;
	bool wild;
	int rc;

	if (!listed) {
		rc = vx_search_doc_read(&x->doc, x->search->store, blob);
		if (rc == VX_OK)
			rc = vx_search_build_add(
			    x->build, blob, zones_of(&x->doc, zones), x->doc.wild);
		return unreadable(rc) ? VX_OK : rc;
	}
	rc = vx_kv_begin(x->env->kv, false, &txn);
	if (rc != VX_OK)
		return rc;
	vx_search_key(&k, x->account, VX_SEARCH_LIST);
	vx_key_add_u64(&k, blob);
	rc = vx_kv_get(txn, VX_TREE_BODY, vx_key_slice(&k), &value);
	rc = rc == VX_OK ? vx_list_read(vx_key_slice(&k), value, zones, &wild)
			 : VX_ECORRUPT;
	if (rc == VX_OK)
		rc = vx_search_build_add(x->build, blob, zones, wild);
	vx_kv_abort(txn);
	return rc;
}

/* The lists and the new messages in one segment, or in several when it gets too large. */
static int write_segment(struct vx_indexer *x)
{
	size_t f = 0, l = 0;
	int rc = VX_OK;

	while (rc == VX_OK && (f < x->fresh_count || l < x->listed_count)) {
		const bool listed = l < x->listed_count &&
				    (f == x->fresh_count || x->listed[l] < x->fresh[f]);
		const uint64_t blob = listed ? x->listed[l] : x->fresh[f];

		rc = build_one(x, blob, listed);
		if (rc == VX_ELIMIT) {
			/* lists are deleted with the last: until then both have them */
			const size_t keep = x->listed_count;

			x->listed_count = 0;
			rc = end_segment(x, false);
			x->listed_count = keep;
			continue;
		}
		f += !listed;
		l += listed;
		if (rc == VX_OK && !breathe(x))
			rc = VX_ECLOSED;
	}
	return rc == VX_OK ? end_segment(x, true) : rc;
}

/* --- merging
 * --------------------------------------------------------------------------------- */

static int list_segments(
    struct vx_indexer *x, struct vx_search_listed **list, size_t *count)
{
	struct vx_kv_txn *txn;
	int rc = vx_kv_begin(x->env->kv, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_search_segments(txn, x->account, list, count);
	vx_kv_abort(txn);
	return rc;
}

/* The segments of the lowest level that has enough of them, to the front of list. */
static size_t choose(struct vx_search_listed *list, size_t count)
{
	for (unsigned level = 0; level < 32; level++) {
		uint64_t docs = 0;
		size_t n = 0;

		for (size_t i = 0; i < count && n < VX_SEARCH_FANOUT; i++) {
			const struct vx_search_listed here = list[i];

			if (here.s.level != level)
				continue;
			docs += here.s.docs;
			list[i] = list[n];
			list[n++] = here;
		}
		if (n == VX_SEARCH_FANOUT && docs <= VX_SEGMENT_DOCS_MAX)
			return n;
	}
	return 0;
}

static int sweep(struct vx_indexer *x)
{
	bool more = true;
	int rc = VX_OK;

	while (rc == VX_OK && more) {
		rc = vx_search_sweep(x->env, x->account, &more);
		if (rc == VX_OK && !breathe(x))
			rc = VX_ECLOSED;
	}
	return rc;
}

/* VX_DONE: nothing was to be merged. */
static int merge_some(struct vx_indexer *x)
{
	struct vx_search_listed *list = NULL;
	size_t count = 0, n = 0;
	int rc = list_segments(x, &list, &count);

	if (rc == VX_OK) {
		n = choose(list, count);
		rc = n == 0 ? VX_DONE
			    : vx_search_merge(x->search, x->env, x->account, list, n);
	}
	vx_free(list);
	return rc == VX_OK ? sweep(x) : rc;
}

/* How many of a segment's messages are gone? */
static int count_dead(
    struct vx_indexer *x, const struct vx_search_listed *s, uint32_t *dead)
{
	struct vx_kv_txn *txn, *state;
	struct vx_search_docs docs = { 0 };
	struct vx_key k;
	vx_slice value;
	int rc = vx_kv_begin(x->env->kv, false, &txn);

	*dead = 0;
	if (rc != VX_OK)
		return rc;
	vx_search_key(&k, x->account, VX_SEARCH_DOCS);
	vx_key_add_u32(&k, s->number);
	rc = vx_kv_get(txn, VX_TREE_BODY, vx_key_slice(&k), &value);
	rc = rc == VX_OK ? vx_docs_read(vx_key_slice(&k), value, &docs) : VX_ECORRUPT;
	vx_kv_abort(txn);
	if (rc == VX_OK)
		rc = vx_kv_begin(x->search->store->state, false, &state);
	if (rc == VX_OK) {
		for (uint32_t i = 0; i < docs.count; i++) {
			vx_key_blob(&k, docs.blobs[i]);
			*dead += vx_kv_get(state, VX_TREE_DESC, vx_key_slice(&k),
				     &value) == VX_ENOENT;
		}
		vx_kv_abort(state);
	}
	vx_docs_done(&docs);
	return rc;
}

/* Segments of which much is gone are written anew, in every look through the accounts. */
static int purge(struct vx_indexer *x)
{
	struct vx_search_listed *list = NULL;
	size_t count = 0;
	int rc = list_segments(x, &list, &count);

	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		uint32_t dead;

		rc = count_dead(x, &list[i], &dead);
		if (rc == VX_OK &&
		    (uint64_t)dead * 100 > (uint64_t)list[i].s.docs * DEAD_PERCENT)
			rc = vx_search_merge(x->search, x->env, x->account, &list[i], 1);
		if (rc == VX_OK && !breathe(x))
			rc = VX_ECLOSED;
	}
	vx_free(list);
	return rc == VX_OK ? sweep(x) : rc;
}

/* --- an account
 * -------------------------------------------------------------------------------
 */

static int forget(struct vx_indexer *x)
{
	bool more = true;
	int rc = VX_OK;

	while (rc == VX_OK && more) {
		rc = vx_search_forget(x->env, x->account, &more);
		if (rc == VX_OK && !breathe(x))
			rc = VX_ECLOSED;
	}
	return rc == VX_OK ? VX_DONE : rc;
}

static int write_batch(struct vx_indexer *x)
{
	int rc;

	vx_buf_reset(&x->writes.octets);
	if (x->fresh_count + x->listed_count < VX_SEARCH_LISTS)
		rc = write_lists(x);
	else
		rc = write_segment(x);
	if (rc != VX_OK) {
		/* whatever is half built is not used */
		vx_search_build_free(x->build);
		x->build = NULL;
	}
	vx_buf_shrink(&x->writes.octets, VX_SEARCH_WRITE_OCTETS);
	return rc;
}

/* One batch of an account.  VX_OK: there may be more; VX_DONE. */
static int work_on(struct vx_indexer *x, uint32_t account, bool tidy)
{
	int rc = VX_OK;

	x->account = account;
	if (x->build == NULL)
		rc = vx_search_build_new(&x->build);
	if (rc == VX_OK)
		rc = collect(x);
	if (rc == VX_ENOENT)
		return forget(x);
	if (rc == VX_OK && x->mark_count == 0 && !tidy)
		return VX_DONE; /* flags changed, or something went */
	if (rc == VX_OK)
		rc = sweep(x);
	if (rc == VX_OK)
		rc = load_known(x);
	if (rc == VX_OK) {
		sort_fresh(x);
		rc = x->mark_count > 0 ? write_batch(x) : VX_OK;
	}
	while (rc == VX_OK)
		rc = merge_some(x);
	return rc == VX_DONE && x->more ? VX_OK : rc;
}

/* --- all accounts
 * ------------------------------------------------------------------------------
 */

/* The first account from *account on, of the state or of the index; VX_ENOENT: none. */
static int next_account(struct vx_kv_env *kv, enum vx_tree tree, uint32_t *account)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	struct vx_key k = { .len = 0 };
	vx_slice key, value;
	int rc = vx_kv_begin(kv, false, &txn);

	if (rc != VX_OK)
		return rc;
	vx_key_add_u32(&k, *account);
	rc = vx_kv_cursor_open(txn, tree, &c);
	if (rc == VX_OK) {
		rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
		if (rc == VX_OK && key.len < 4)
			rc = VX_ECORRUPT;
		if (rc == VX_OK)
			*account = vx_get_be32(key.ptr);
		vx_kv_cursor_close(c);
	}
	vx_kv_abort(txn);
	return rc;
}

/* A piece of the look.  VX_DONE: it is over. */
static int look(struct vx_indexer *x)
{
	uint32_t here = x->look_at, there = x->look_at;
	const int a = next_account(x->search->store->state, VX_TREE_STATE, &here);
	const int b = next_account(x->env->kv, VX_TREE_BODY, &there);
	int rc;

	if ((a != VX_OK && a != VX_ENOENT) || (b != VX_OK && b != VX_ENOENT))
		return a != VX_OK && a != VX_ENOENT ? VX_EIO : b;
	if (a != VX_OK && b != VX_OK)
		return VX_DONE;
	if (a != VX_OK || (b == VX_OK && there < here))
		here = there;
	x->look_at = here;
	rc = work_on(x, here, true);
	if (rc == VX_DONE)
		rc = purge(x);
	else if (rc != VX_EIO) /* an account that cannot be read keeps nobody waiting */
		return rc;
	x->look_at = here + 1;
	return here == UINT32_MAX ? VX_DONE : rc == VX_EIO ? VX_OK : rc;
}

static void note_changed(struct vx_indexer *x, uint32_t account)
{
	if (account == VX_WATCH_QUEUE) /* it has no mail that is searched */
		return;
	for (size_t i = 0; i < x->changed_count; i++)
		if (x->changed[i] == account)
			return;
	if (account == 0 || x->changed_count == CHANGES) { /* too many: look at all */
		x->looking = true;
		x->look_at = 1;
		return;
	}
	x->changed[x->changed_count++] = account;
}

static void hear(struct vx_indexer *x)
{
	struct vx_change changes[64];
	size_t count;

	do {
		if (!vx_notify_read(x->search->store, &x->ring_at, changes, 64, &count))
			note_changed(x, 0);
		for (size_t i = 0; i < count; i++)
			note_changed(x, changes[i].account);
	} while (count > 0);
}

static void begin_look(struct vx_indexer *x)
{
	x->looking = true;
	x->look_at = 1;
	x->looked_s = vx_clock_s();
}

/* New mail before old mail. */
static int work(struct vx_indexer *x)
{
	int rc;

	x->work_us = vx_clock_mono_us();
	if (x->generation != x->env->generation) {
		x->generation = x->env->generation;
		begin_look(x);
	}
	hear(x);
	if (vx_clock_s() - x->looked_s > LOOK_EVERY_S)
		begin_look(x);
	if (x->changed_count > 0) {
		rc = work_on(x, x->changed[x->changed_count - 1], false);
		x->changed_count -= rc == VX_DONE || rc == VX_EIO;
		return rc == VX_DONE || rc == VX_EIO ? VX_OK : rc;
	}
	if (!x->looking)
		return VX_DONE;
	rc = look(x);
	x->looking = rc != VX_DONE;
	return rc == VX_DONE ? VX_OK : rc; /* there may be news */
}

static int new_indexer(struct vx_search *s)
{
	struct vx_indexer *x = vx_alloc(sizeof(*x));

	if (x == NULL)
		return VX_ENOMEM;
	s->indexer = x;
	x->search = s;
	x->lock_fd = -1;
	x->ring_at = UINT64_MAX;
	x->writes.octets.max = (size_t)256 << 20;
	return vx_search_doc_init(&x->doc);
}

static void free_indexer(struct vx_indexer *x)
{
	if (x == NULL)
		return;
	if (x->lock_fd >= 0)
		(void)close(x->lock_fd);
	vx_search_doc_done(&x->doc);
	vx_search_build_free(x->build);
	vx_buf_done(&x->writes.octets);
	vx_free(x->known);
	vx_free(x);
}

int vx_search_work(struct vx_search *s)
{
	struct vx_indexer *x;
	int rc = s->indexer == NULL ? new_indexer(s) : VX_OK;

	x = s->indexer;
	if (rc == VX_OK && x->lock_fd < 0)
		rc = vx_search_lock(s->store, &x->lock_fd);
	if (rc == VX_OK && s->store->refusal != VX_OK)
		return VX_ENOSPC;
	if (rc == VX_OK)
		rc = vx_search_take_writable(s, &x->env);
	if (rc != VX_OK)
		return rc;
	rc = work(x);
	if (rc == VX_ECORRUPT || rc == VX_EUNSUP)
		vx_search_damaged(s, x->env, "a value");
	vx_search_give(s, x->env);
	x->env = NULL;
	return rc;
}

/* --- the thread
 * -------------------------------------------------------------------------------
 */

static void *indexer(void *arg)
{
	struct vx_search *s = arg;
	long pause = 0;

	(void)prctl(PR_SET_NAME, "vx-index");
	(void)setpriority(PRIO_PROCESS, 0, NICE); /* of this thread only */
	while (vx_search_rest(s, pause)) {
		const int rc = vx_search_work(s);

		pause = rc == VX_OK ? BREATH_MS
			: rc == VX_DONE || rc == VX_EBUSY || rc == VX_ECORRUPT
			    ? IDLE_MS
			    : TROUBLE_MS;
		if (pause == TROUBLE_MS && rc != VX_ECLOSED)
			vx_log(s->store->o.log, VX_LOG_WARN, "the search index waits",
			    VX_KV_Z("why", vx_strerror(rc)));
	}
	return NULL;
}

static int start_thread(struct vx_search *s)
{
	sigset_t all, old;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, indexer, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->thread_runs = rc == 0;
	return vx_errno_result(rc);
}

int vx_search_open(struct vx_store *store)
{
	struct vx_search *s;

	if (store->o.search == VX_STORE_SEARCH_OFF)
		return vx_search_unlink(store);
	if (store->o.search == VX_STORE_SEARCH_NONE)
		return VX_OK;
	s = vx_alloc(sizeof(*s));
	if (s == NULL)
		return VX_ENOMEM;
	s->store = store;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->wake, NULL);
	store->search = s;
	vx_search_guard_open(s);
	return store->o.search == VX_STORE_SEARCH_KEEP ? start_thread(s) : VX_OK;
}

void vx_search_close(struct vx_store *store)
{
	struct vx_search *s = store->search;

	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stopping = true;
	(void)pthread_cond_broadcast(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
	if (s->thread_runs)
		(void)pthread_join(s->thread, NULL);
	free_indexer(s->indexer);
	vx_search_drop(s);
	vx_search_guard_close(s);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_cond_destroy(&s->wake);
	vx_free(s);
	store->search = NULL;
}
