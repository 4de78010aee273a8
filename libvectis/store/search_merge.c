/*
 * Segments into one, without what was deleted meanwhile.  Both sides are read and written
 * in steps, so that no transaction is long: until the new segment is whole its parts are
 * rubbish (VX_SEARCH_BUILDING), from then on those of the old ones are (VX_SEARCH_TRASH).
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "store/search_int.h"

#include <stdlib.h>

#define INPUTS_MAX 16
#define SWEEP_KEYS 2000 /* deleted in one transaction */
#define LIVE_SLICE 1000 /* messages looked up in one view */

struct input {
	const struct vx_search_listed *from;
	struct vx_search_docs docs;
	uint32_t *map;  /* own: document here to document there, UINT32_MAX: gone */
	uint32_t *list; /* own: room for a posting */
	unsigned zone;  /* VX_ZONES: at the end */
	uint32_t block; /* the one in value; the next is block + 1 */
	bool have_block;
	struct vx_buf value; /* a copy: transactions do not last */
	struct vx_dict dict;
	size_t at; /* of the term in dict.terms */
	vx_slice term;
	struct vx_posting posting;
};

struct merge {
	struct vx_search *search;
	struct vx_search_env *env;
	struct vx_kv_txn *txn; /* of the step under way */
	uint32_t account, segment;
	struct input in[INPUTS_MAX];
	size_t count;
	uint64_t *blobs; /* own, of the new segment */
	bool *wild;      /* own */
	uint32_t docs;
	uint32_t *list; /* own: the documents of a term */
	struct vx_search_writes writes;
	struct vx_dict_writer w;
};

/* --- documents -------------------------------------------------------------------------
 */

static int read_docs(struct merge *m, struct input *in)
{
	struct vx_key k;
	vx_slice value;
	int rc;

	vx_search_key(&k, m->account, VX_SEARCH_DOCS);
	vx_key_add_u32(&k, in->from->number);
	rc = vx_kv_get(m->txn, VX_TREE_BODY, vx_key_slice(&k), &value);
	if (rc == VX_OK)
		rc = vx_docs_read(vx_key_slice(&k), value, &in->docs);
	if (rc == VX_OK && in->docs.count != in->from->s.docs)
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_ECORRUPT : rc;
	in->map = vx_alloc_array(in->docs.count, sizeof(*in->map));
	in->list = vx_alloc_array(in->docs.count, sizeof(*in->list));
	in->value.max = VX_DICT_OCTETS_MAX;
	return in->map == NULL || in->list == NULL ? VX_ENOMEM : VX_OK;
}

/* Mark what is gone: its descriptor was reaped. */
static int find_live(struct merge *m, struct input *in)
{
	struct vx_kv_txn *txn = NULL;
	int rc = VX_OK;

	for (uint32_t i = 0; i < in->docs.count && rc == VX_OK; i++) {
		struct vx_key k;
		vx_slice value;

		if (txn == NULL)
			rc = vx_kv_begin(m->search->store->state, false, &txn);
		if (rc != VX_OK)
			break;
		vx_key_blob(&k, in->docs.blobs[i]);
		rc = vx_kv_get(txn, VX_TREE_DESC, vx_key_slice(&k), &value);
		in->map[i] = rc == VX_ENOENT ? UINT32_MAX : 0;
		rc = rc == VX_ENOENT ? VX_OK : rc;
		if (i % LIVE_SLICE == LIVE_SLICE - 1) {
			vx_kv_abort(txn);
			txn = NULL;
		}
	}
	if (txn != NULL)
		vx_kv_abort(txn);
	return rc;
}

static bool is_wild(const struct vx_search_docs *d, uint32_t doc)
{
	return d->wild != NULL && (d->wild[doc / 64] >> doc % 64 & 1) != 0;
}

/* The blobs of all that live, ascending; one that two segments have is there once. */
static int join_docs(struct merge *m)
{
	uint32_t at[INPUTS_MAX] = { 0 };
	size_t total = 0;

	for (size_t i = 0; i < m->count; i++)
		total += m->in[i].docs.count;
	m->blobs = vx_alloc_array(total + 1, sizeof(*m->blobs));
	m->wild = vx_alloc_array(total + 1, sizeof(*m->wild));
	m->list = vx_alloc_array(total + 1, sizeof(*m->list));
	if (m->blobs == NULL || m->wild == NULL || m->list == NULL)
		return VX_ENOMEM;
	for (;;) {
		struct input *least = NULL;
		uint32_t doc = 0;

		for (size_t i = 0; i < m->count; i++) {
			struct input *in = &m->in[i];

			while (at[i] < in->docs.count && in->map[at[i]] == UINT32_MAX)
				at[i]++;
			if (at[i] < in->docs.count &&
			    (least == NULL ||
				in->docs.blobs[at[i]] < least->docs.blobs[doc])) {
				least = in;
				doc = at[i];
			}
		}
		if (least == NULL)
			return VX_OK;
		at[least - m->in]++;
		if (m->docs == 0 || m->blobs[m->docs - 1] != least->docs.blobs[doc]) {
			m->wild[m->docs] = is_wild(&least->docs, doc);
			m->blobs[m->docs++] = least->docs.blobs[doc];
		}
		least->map[doc] = m->docs - 1;
	}
}

/* --- terms ----------------------------------------------------------------------------
 */

static int load_block(struct merge *m, struct input *in)
{
	struct vx_key k;
	vx_slice value;
	int rc;

	vx_search_key_zone(&k, m->account, VX_SEARCH_DICT, in->from->number,
	    (enum vx_zone)in->zone, in->block);
	rc = vx_kv_get(m->txn, VX_TREE_BODY, vx_key_slice(&k), &value);
	vx_buf_reset(&in->value);
	if (rc == VX_OK)
		vx_buf_add(&in->value, value);
	if (rc == VX_OK && !in->value.failed)
		rc = vx_dict_read(vx_key_slice(&k), vx_buf_slice(&in->value), &in->dict);
	in->at = 0;
	in->have_block = rc == VX_OK;
	return rc == VX_ENOENT || in->value.failed ? VX_ECORRUPT : rc;
}

/* The next block, of this zone or a later one; zone is VX_ZONES when there is none. */
static int next_block(struct merge *m, struct input *in)
{
	if (in->have_block)
		in->block++;
	in->have_block = false;
	while (in->zone < VX_ZONES && in->block >= in->from->s.blocks[in->zone]) {
		in->zone++;
		in->block = 0;
	}
	return in->zone < VX_ZONES ? load_block(m, in) : VX_OK;
}

static int next_term(struct merge *m, struct input *in)
{
	int rc;

	if (!in->have_block || in->at + 1 >= in->dict.terms.len) {
		rc = next_block(m, in);
		if (rc != VX_OK || in->zone == VX_ZONES)
			return rc;
	}
	in->term = vx_slice_from(in->dict.terms, in->at + 1);
	in->term.len = vx_slice_find(in->term, '\0');
	in->at += in->term.len + 1;
	if (in->term.len == 0 || in->term.len > VX_TERM_MAX ||
	    !vx_posting_next(&in->dict.postings, &in->posting))
		return VX_ECORRUPT;
	return VX_OK;
}

static bool before(const struct input *a, const struct input *b)
{
	return a->zone != b->zone ? a->zone < b->zone
				  : vx_slice_cmp(a->term, b->term) < 0;
}

/* The documents of an input's term, numbered anew, behind those in m->list. */
static int take_posting(struct merge *m, struct input *in, size_t *count)
{
	struct vx_posting p = in->posting;
	size_t n = 0;
	int rc = VX_OK;

	if (p.form == VX_POSTING_APART) {
		struct vx_key k;
		vx_slice value;

		vx_search_key(&k, m->account, VX_SEARCH_POSTING);
		vx_key_add_u32(&k, in->from->number);
		vx_key_add_u32(&k, p.number);
		rc = vx_kv_get(m->txn, VX_TREE_BODY, vx_key_slice(&k), &value);
		rc = rc == VX_OK ? vx_posting_read(vx_key_slice(&k), value, &p)
				 : VX_ECORRUPT;
	}
	if (rc == VX_OK)
		rc = vx_posting_list(&p, in->docs.count, in->list, &n);
	for (size_t i = 0; i < n && rc == VX_OK; i++)
		if (in->map[in->list[i]] != UINT32_MAX)
			m->list[(*count)++] = in->map[in->list[i]];
	return rc;
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Ascending, each once: mostly the inputs follow each other, and it is so already. */
static size_t order(uint32_t *list, size_t count)
{
	size_t n = 1;

	for (size_t i = 1; i < count; i++)
		if (list[i] <= list[i - 1]) {
			qsort(list, count, sizeof(*list), compare);
			break;
		}
	for (size_t i = 1; i < count; i++)
		if (list[i] != list[n - 1])
			list[n++] = list[i];
	return count == 0 ? 0 : n;
}

/* One term of all that have it.  VX_DONE: there is none left. */
static int merge_term(struct merge *m)
{
	struct input *least = NULL, *same[INPUTS_MAX];
	size_t same_count = 0, count = 0;
	int rc = VX_OK;

	for (size_t i = 0; i < m->count; i++)
		if (m->in[i].zone < VX_ZONES &&
		    (least == NULL || before(&m->in[i], least)))
			least = &m->in[i];
	if (least == NULL)
		return VX_DONE;
	for (size_t i = 0; i < m->count; i++)
		if (m->in[i].zone == least->zone && !before(least, &m->in[i]))
			same[same_count++] = &m->in[i];
	for (size_t i = 0; i < same_count && rc == VX_OK; i++)
		rc = take_posting(m, same[i], &count);
	count = order(m->list, count);
	if (rc == VX_OK && count > 0)
		vx_dict_add(
		    &m->w, (enum vx_zone)least->zone, least->term, m->list, count);
	for (size_t i = 0; i < same_count && rc == VX_OK; i++)
		rc = next_term(m, same[i]);
	return rc;
}

/* --- steps -----------------------------------------------------------------------------
 */

static int put_step(void *ctx, struct vx_kv_txn *txn)
{
	const struct merge *m = ctx;

	return vx_writes_put(&m->writes, txn);
}

/* Terms until enough is to be written.  VX_DONE: they are at their end. */
static int read_step(struct merge *m)
{
	int rc = vx_kv_begin(m->env->kv, false, &m->txn);

	if (rc != VX_OK)
		return rc;
	while (rc == VX_OK && m->writes.octets.len < VX_SEARCH_WRITE_OCTETS)
		rc = merge_term(m);
	vx_kv_abort(m->txn);
	return rc;
}

static int begin_merge(struct merge *m)
{
	int rc = vx_kv_begin(m->env->kv, false, &m->txn);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < m->count && rc == VX_OK; i++)
		rc = read_docs(m, &m->in[i]);
	for (size_t i = 0; i < m->count && rc == VX_OK; i++)
		rc = next_term(m, &m->in[i]);
	vx_kv_abort(m->txn);
	for (size_t i = 0; i < m->count && rc == VX_OK; i++)
		rc = find_live(m, &m->in[i]);
	return rc == VX_OK ? join_docs(m) : rc;
}

static int mark(struct merge *m, struct vx_kv_txn *txn, enum vx_search_kind kind,
    uint32_t segment, bool there)
{
	char value[VX_VALUE_HEADER] = { 0 };
	struct vx_key k;
	int rc;

	vx_search_key(&k, m->account, kind);
	vx_key_add_u32(&k, segment);
	if (there) {
		vx_search_seal(vx_key_slice(&k), value, sizeof(value));
		return vx_kv_put(txn, VX_TREE_BODY, vx_key_slice(&k),
		    vx_slice_of(value, sizeof(value)));
	}
	rc = vx_kv_delete(txn, VX_TREE_BODY, vx_key_slice(&k));
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* The new one is whole, the old ones are rubbish. */
static int finish_step(void *ctx, struct vx_kv_txn *txn)
{
	struct merge *m = ctx;
	int rc = m->docs == 0 ? mark(m, txn, VX_SEARCH_TRASH, m->segment, true)
			      : vx_writes_put(&m->writes, txn);

	if (rc == VX_OK)
		rc = mark(m, txn, VX_SEARCH_BUILDING, m->segment, false);
	for (size_t i = 0; i < m->count && rc == VX_OK; i++) {
		rc = mark(m, txn, VX_SEARCH_SEGMENT, m->in[i].from->number, false);
		if (rc == VX_OK)
			rc = mark(m, txn, VX_SEARCH_TRASH, m->in[i].from->number, true);
	}
	return rc;
}

static int write_all(struct merge *m)
{
	unsigned level = 0;
	int rc = VX_OK, step = VX_OK;

	for (size_t i = 0; i < m->count; i++)
		if (m->in[i].from->s.level > level)
			level = m->in[i].from->s.level;
	vx_dict_writer_init(&m->w, &m->writes, m->account, m->segment, m->docs);
	m->w.s.level = level + (m->count > 1);
	while (rc == VX_OK && step != VX_DONE && m->docs > 0) {
		step = read_step(m);
		rc = step == VX_DONE ? vx_dict_result(&m->w) : step;
		if (rc != VX_OK || step == VX_DONE)
			break;
		rc = vx_dict_result(&m->w);
		if (rc == VX_OK)
			rc = vx_search_write(m->env, put_step, m);
		vx_buf_reset(&m->writes.octets);
		if (rc == VX_OK && !vx_search_rest(m->search, 1))
			rc = VX_ECLOSED;
	}
	if (rc == VX_OK && m->docs > 0) {
		vx_dict_end(&m->w, m->blobs, m->wild);
		rc = vx_dict_result(&m->w);
	}
	if (rc == VX_OK)
		rc = vx_search_write(m->env, finish_step, m);
	vx_dict_writer_done(&m->w);
	return rc;
}

static void done(struct merge *m)
{
	for (size_t i = 0; i < m->count; i++) {
		vx_docs_done(&m->in[i].docs);
		vx_free(m->in[i].map);
		vx_free(m->in[i].list);
		vx_buf_done(&m->in[i].value);
	}
	vx_buf_done(&m->writes.octets);
	vx_free(m->blobs);
	vx_free(m->wild);
	vx_free(m->list);
	vx_free(m);
}

int vx_search_merge(struct vx_search *search, struct vx_search_env *env, uint32_t account,
    const struct vx_search_listed *from, size_t count)
{
	struct merge *m = vx_alloc(sizeof(*m));
	int rc = m == NULL ? VX_ENOMEM : VX_OK;

	if (m == NULL)
		return rc;
	m->search = search;
	m->env = env;
	m->account = account;
	m->count = count < INPUTS_MAX ? count : INPUTS_MAX;
	m->writes.octets.max = 16 * VX_SEARCH_WRITE_OCTETS;
	for (size_t i = 0; i < m->count; i++)
		m->in[i].from = &from[i];
	rc = vx_search_reserve(env, account, &m->segment);
	if (rc == VX_OK)
		rc = begin_merge(m);
	if (rc == VX_OK)
		rc = write_all(m);
	done(m);
	return rc;
}

/* --- numbers, rubbish
 * -------------------------------------------------------------------- */

struct reserve {
	uint32_t account, segment;
};

static int reserve_step(void *ctx, struct vx_kv_txn *txn)
{
	struct reserve *r = ctx;
	char value[VX_VALUE_HEADER + 4] = { 0 };
	struct vx_key k;
	vx_slice found;
	int rc;

	vx_search_key(&k, r->account, VX_SEARCH_ACCOUNT);
	rc = vx_kv_get(txn, VX_TREE_BODY, vx_key_slice(&k), &found);
	r->segment = 1;
	if (rc == VX_OK)
		rc = vx_search_check(
		    vx_key_slice(&k), found, VX_SEARCH_ACCOUNT, sizeof(value));
	if (rc == VX_OK)
		r->segment = vx_get_le32(found.ptr + VX_VALUE_HEADER);
	else if (rc != VX_ENOENT)
		return rc;
	vx_put_le32(value + VX_VALUE_HEADER, r->segment + 1);
	vx_search_seal(vx_key_slice(&k), value, sizeof(value));
	rc = vx_kv_put(
	    txn, VX_TREE_BODY, vx_key_slice(&k), vx_slice_of(value, sizeof(value)));
	if (rc != VX_OK)
		return rc;
	vx_search_key(&k, r->account, VX_SEARCH_BUILDING);
	vx_key_add_u32(&k, r->segment);
	memset(value, 0, sizeof(value));
	vx_search_seal(vx_key_slice(&k), value, VX_VALUE_HEADER);
	return vx_kv_put(
	    txn, VX_TREE_BODY, vx_key_slice(&k), vx_slice_of(value, VX_VALUE_HEADER));
}

int vx_search_reserve(struct vx_search_env *env, uint32_t account, uint32_t *segment)
{
	struct reserve r = { account, 0 };
	const int rc = vx_search_write(env, reserve_step, &r);

	*segment = r.segment;
	return rc;
}

int vx_search_segments(
    struct vx_kv_txn *txn, uint32_t account, struct vx_search_listed **out, size_t *count)
{
	struct vx_search_listed *list = NULL;
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	size_t n = 0, cap = 0;
	int rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);

	if (rc != VX_OK)
		return rc;
	vx_search_key(&prefix, account, VX_SEARCH_SEGMENT);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 4);
	     rc = vx_kv_next(c, &key, &value)) {
		if (n == cap) {
			struct vx_search_listed *grown =
			    vx_realloc(list, (cap = cap * 2 + 16) * sizeof(*grown));

			if (grown == NULL) {
				rc = VX_ENOMEM;
				break;
			}
			list = grown;
		}
		list[n].number = vx_get_be32(key.ptr + 5);
		rc = vx_segment_read(key, value, &list[n].s);
		if (rc != VX_OK)
			break;
		n++;
	}
	vx_kv_cursor_close(c);
	if (rc != VX_OK && rc != VX_ENOENT) {
		vx_free(list);
		return rc;
	}
	*out = list;
	*count = n;
	return VX_OK;
}

struct sweep {
	uint32_t account;
	bool everything;
	size_t left;
	bool more;
};

/* Delete what begins with prefix; VX_MORE: enough for one transaction. */
static int delete_some(
    struct sweep *s, struct vx_kv_txn *txn, const struct vx_key *prefix)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_seek(c, vx_key_slice(prefix), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(prefix));
	     rc = vx_kv_next(c, &key, &value)) {
		if (s->left-- == 0) {
			s->left = 0;
			rc = VX_MORE;
			break;
		}
		rc = vx_kv_cursor_delete(c);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* All parts of a segment, then the mark that asked for it. */
static int sweep_segment(
    struct sweep *s, struct vx_kv_txn *txn, const struct vx_key *mark)
{
	static const enum vx_search_kind kinds[] = { VX_SEARCH_DICT, VX_SEARCH_FILTER,
		VX_SEARCH_POSTING, VX_SEARCH_DOCS };
	int rc = VX_OK;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && rc == VX_OK; i++) {
		struct vx_key k;

		vx_search_key(&k, s->account, kinds[i]);
		vx_key_add(&k, vx_slice_of(mark->octets + 5, 4));
		rc = delete_some(s, txn, &k);
	}
	return rc == VX_OK ? vx_kv_delete(txn, VX_TREE_BODY, vx_key_slice(mark)) : rc;
}

static int find_mark(
    struct vx_kv_txn *txn, uint32_t account, enum vx_search_kind kind, struct vx_key *out)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);

	if (rc != VX_OK)
		return rc;
	vx_search_key(&prefix, account, kind);
	rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	if (rc == VX_OK && !vx_key_is(key, &prefix, 4))
		rc = VX_ENOENT;
	if (rc == VX_OK) {
		out->len = 0;
		vx_key_add(out, key);
	}
	vx_kv_cursor_close(c);
	return rc;
}

static int sweep_step(void *ctx, struct vx_kv_txn *txn)
{
	struct sweep *s = ctx;
	struct vx_key k;
	int rc = VX_OK;

	s->left = SWEEP_KEYS;
	if (s->everything) {
		k.len = 0;
		vx_key_add_u32(&k, s->account);
		rc = delete_some(s, txn, &k);
	}
	while (rc == VX_OK && !s->everything) {
		rc = find_mark(txn, s->account, VX_SEARCH_TRASH, &k);
		if (rc == VX_ENOENT)
			rc = find_mark(txn, s->account, VX_SEARCH_BUILDING, &k);
		if (rc != VX_OK)
			break;
		rc = sweep_segment(s, txn, &k);
	}
	s->more = rc == VX_MORE;
	return rc == VX_MORE || rc == VX_ENOENT ? VX_OK : rc;
}

int vx_search_sweep(struct vx_search_env *env, uint32_t account, bool *more)
{
	struct sweep s = { .account = account };
	const int rc = vx_search_write(env, sweep_step, &s);

	*more = s.more;
	return rc;
}

int vx_search_forget(struct vx_search_env *env, uint32_t account, bool *more)
{
	struct sweep s = { .account = account, .everything = true };
	const int rc = vx_search_write(env, sweep_step, &s);

	*more = s.more;
	return rc;
}
