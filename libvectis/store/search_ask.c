/*
 * Asking the index.  A question becomes patterns (search_terms.h); for each segment the
 * terms with a pattern are found block by block, and the documents of those terms are
 * bits of a set.  Where a needle has several patterns, the sets of the body and of the
 * header are cut by themselves and then joined.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "store/search_int.h"

#define BREATH_BLOCKS 64 /* read between two calls of go_on */
#define GROUPS 2         /* the body, the header */
#define LANES 8          /* volumes that the blobs of a mailbox alternate between */

struct question {
	struct vx_needle_plan plan;
	unsigned zones[GROUPS]; /* bits of enum vx_zone; 0: no such group */
	bool exact;
};

/* What is known of some documents: of a segment, or of all lists. */
struct part {
	struct vx_search_docs docs;
	uint64_t *sets[VX_SEARCH_QUESTIONS_MAX]; /* own: may have the needle */
};

struct place {
	size_t part;
	uint32_t doc;
};

struct vx_search_answer {
	struct question *questions; /* own */
	size_t question_count;
	struct part *parts; /* own */
	size_t part_count, part_cap;
	struct place last[LANES]; /* where the last blob of a volume was */
};

struct asking {
	struct vx_search_answer *a;
	struct vx_kv_txn *txn;
	uint32_t account;
	bool (*go_on)(void *ctx);
	void *ctx;
	unsigned blocks;
	/* the segment under way */
	const struct vx_search_listed *segment;
	uint32_t docs;
};

/* --- questions -------------------------------------------------------------------------
 */

static int plan_question(const struct vx_search_question *q, struct question *out)
{
	const unsigned header = ((1u << VX_ZONES) - 1) & ~(1u << VX_ZONE_BODY);
	enum vx_zone zone;
	int rc = vx_needle_plan(q->needle, &out->plan);

	out->exact = out->plan.exact;
	switch (q->field) {
	case VX_SEARCH_IN_TEXT:
		out->zones[0] = 1u << VX_ZONE_BODY;
		out->zones[1] = header;
		return rc;
	case VX_SEARCH_IN_BODY:
		out->zones[0] = 1u << VX_ZONE_BODY;
		return rc;
	case VX_SEARCH_IN_FIELD:
		break;
	}
	zone = vx_search_zone_of(q->name);
	out->zones[0] = 1u << zone;
	if (zone == VX_ZONE_OTHER || q->needle.len == 0) {
		/* which of the fields, or whether there is one, only the header says */
		struct vx_buf name = { .max = 1024 };

		out->zones[0] = header;
		out->exact = false;
		vx_text_fold(vx_slice_head(q->name, 300), &name);
		if (rc == VX_OK)
			rc = name.failed
				 ? VX_ENOMEM
				 : vx_needle_plan_name(vx_buf_slice(&name), &out->plan);
		vx_buf_done(&name);
	}
	return rc;
}

/* --- sets
 * -------------------------------------------------------------------------------- */

static void fill(uint64_t *set, uint32_t docs)
{
	memset(set, 0xff, vx_words(docs) * sizeof(*set));
	if (docs % 64 != 0)
		set[docs / 64] = ((uint64_t)1 << docs % 64) - 1;
}

static bool is_full(const uint64_t *set, uint32_t docs)
{
	for (size_t i = 0; i < docs / 64; i++)
		if (set[i] != UINT64_MAX)
			return false;
	return docs % 64 == 0 || set[docs / 64] == ((uint64_t)1 << docs % 64) - 1;
}

static bool is_empty(const uint64_t *set, uint32_t docs)
{
	for (size_t i = 0; i < vx_words(docs); i++)
		if (set[i] != 0)
			return false;
	return true;
}

static void cut(uint64_t *set, const uint64_t *with, uint32_t docs)
{
	for (size_t i = 0; i < vx_words(docs); i++)
		set[i] &= with[i];
}

static void join(uint64_t *set, const uint64_t *with, uint32_t docs)
{
	for (size_t i = 0; i < vx_words(docs); i++)
		set[i] |= with[i];
}

/* --- segments
 * ------------------------------------------------------------------------------ */

static int get_part(struct asking *q, const struct vx_key *k, vx_slice *value)
{
	const int rc = vx_kv_get(q->txn, VX_TREE_BODY, vx_key_slice(k), value);

	return rc == VX_ENOENT ? VX_ECORRUPT : rc;
}

/* The documents of posting number index of a block; the first of rest is number *at. */
static int mark_posting(
    struct asking *q, vx_slice *rest, unsigned *at, unsigned index, uint64_t *set)
{
	struct vx_posting p;
	struct vx_key k;
	vx_slice value;
	int rc;

	for (; *at <= index; (*at)++)
		if (!vx_posting_next(rest, &p))
			return VX_ECORRUPT;
	if (p.form != VX_POSTING_APART)
		return vx_posting_mark(&p, q->docs, set);
	vx_search_key(&k, q->account, VX_SEARCH_POSTING);
	vx_key_add_u32(&k, q->segment->number);
	vx_key_add_u32(&k, p.number);
	rc = get_part(q, &k, &value);
	if (rc == VX_OK)
		rc = vx_posting_read(vx_key_slice(&k), value, &p);
	return rc == VX_OK ? vx_posting_mark(&p, q->docs, set) : rc;
}

/* All terms of a block with the pattern. */
static int ask_block(
    struct asking *q, const struct vx_dict *d, const struct vx_pattern *p, uint64_t *set)
{
	vx_slice rest = d->postings;
	unsigned ends = 0, at = 0;
	size_t counted = 0, found = vx_pattern_find(d->terms, 0, p);

	while (found < d->terms.len) {
		const char *end;
		int rc;

		/* NULs up to it, one before each term */
		for (; counted <= found; counted++)
			ends += d->terms.ptr[counted] == '\0';
		if (ends > d->count) /* the last NUL begins no term */
			return VX_OK;
		rc = mark_posting(q, &rest, &at, ends - 1, set);
		if (rc != VX_OK)
			return rc;
		end = memchr(d->terms.ptr + found + 1, '\0', d->terms.len - found - 1);
		if (end == NULL)
			return VX_OK;
		found = vx_pattern_find(d->terms, (size_t)(end - d->terms.ptr), p);
	}
	return VX_OK;
}

static int ask_dict(struct asking *q, enum vx_zone zone, uint32_t block,
    const struct vx_pattern *p, uint64_t *set)
{
	struct vx_dict d;
	struct vx_key k;
	vx_slice value;
	int rc;

	if (++q->blocks % BREATH_BLOCKS == 0 && q->go_on != NULL && !q->go_on(q->ctx))
		return VX_ECLOSED;
	vx_search_key_zone(
	    &k, q->account, VX_SEARCH_DICT, q->segment->number, zone, block);
	rc = get_part(q, &k, &value);
	if (rc == VX_OK)
		rc = vx_dict_read(vx_key_slice(&k), value, &d);
	return rc == VX_OK ? ask_block(q, &d, p, set) : rc;
}

/* The documents with the pattern in a zone. */
static int ask_zone(
    struct asking *q, enum vx_zone zone, const struct vx_pattern *p, uint64_t *set)
{
	const uint32_t blocks = q->segment->s.blocks[zone];
	int rc = VX_OK;

	for (uint32_t first = 0; first < blocks && rc == VX_OK;
	     first += VX_FILTER_BLOCKS) {
		const uint32_t here =
		    blocks - first < VX_FILTER_BLOCKS ? blocks - first : VX_FILTER_BLOCKS;
		struct vx_key k;
		vx_slice filter;
		size_t count = 0;

		vx_search_key_zone(&k, q->account, VX_SEARCH_FILTER, q->segment->number,
		    zone, first / VX_FILTER_BLOCKS);
		rc = get_part(q, &k, &filter);
		if (rc == VX_OK)
			rc = vx_filter_read(vx_key_slice(&k), filter, &count);
		if (rc == VX_OK && count != here)
			rc = VX_ECORRUPT;
		for (size_t i = 0; i < count && rc == VX_OK; i++)
			if (vx_filter_may_have(filter, i, p))
				rc = ask_dict(q, zone, first + (uint32_t)i, p, set);
		if (rc == VX_OK && is_full(set, q->docs))
			break;
	}
	return rc;
}

/* The documents with all patterns in some zones, joined to set. */
static int ask_group(struct asking *q, const struct vx_needle_plan *plan, unsigned zones,
    uint64_t *one, uint64_t *all, uint64_t *set)
{
	int rc = VX_OK;

	fill(all, q->docs);
	for (size_t i = 0; i < plan->count && rc == VX_OK && !is_empty(all, q->docs);
	     i++) {
		memset(one, 0, vx_words(q->docs) * sizeof(*one));
		for (unsigned zone = 0; zone < VX_ZONES && rc == VX_OK; zone++)
			if ((zones >> zone & 1) != 0)
				rc = ask_zone(
				    q, (enum vx_zone)zone, &plan->patterns[i], one);
		cut(all, one, q->docs);
	}
	join(set, all, q->docs);
	return rc;
}

static int ask_segment(struct asking *q, struct part *part)
{
	const size_t words = vx_words(q->docs);
	uint64_t *room = vx_alloc_array(words * 2 + 1, sizeof(*room));
	int rc = room == NULL ? VX_ENOMEM : VX_OK;

	for (size_t i = 0; i < q->a->question_count && rc == VX_OK; i++) {
		const struct question *w = &q->a->questions[i];

		for (size_t g = 0; g < GROUPS && rc == VX_OK; g++)
			if (w->zones[g] != 0)
				rc = ask_group(q, &w->plan, w->zones[g], room,
				    room + words, part->sets[i]);
	}
	vx_free(room);
	return rc;
}

/* --- parts
 * -------------------------------------------------------------------------------- */

static int new_part(struct vx_search_answer *a, struct part **out)
{
	if (a->part_count == a->part_cap) {
		const size_t cap = a->part_cap * 2 + 16;
		struct part *grown = vx_realloc(a->parts, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		a->parts = grown;
		a->part_cap = cap;
	}
	*out = &a->parts[a->part_count++];
	memset(*out, 0, sizeof(**out));
	return VX_OK;
}

static int make_sets(struct vx_search_answer *a, struct part *p)
{
	for (size_t i = 0; i < a->question_count; i++) {
		p->sets[i] = vx_alloc_array(vx_words(p->docs.count), sizeof(uint64_t));
		if (p->sets[i] == NULL)
			return VX_ENOMEM;
	}
	return VX_OK;
}

static int add_segment(struct asking *q, const struct vx_search_listed *s)
{
	struct part *part;
	struct vx_key k;
	vx_slice value;
	int rc = new_part(q->a, &part);

	if (rc != VX_OK)
		return rc;
	vx_search_key(&k, q->account, VX_SEARCH_DOCS);
	vx_key_add_u32(&k, s->number);
	rc = get_part(q, &k, &value);
	if (rc == VX_OK)
		rc = vx_docs_read(vx_key_slice(&k), value, &part->docs);
	if (rc == VX_OK && part->docs.count != s->s.docs)
		rc = VX_ECORRUPT;
	if (rc == VX_OK)
		rc = make_sets(q->a, part);
	q->segment = s;
	q->docs = s->s.docs;
	return rc == VX_OK ? ask_segment(q, part) : rc;
}

/* --- lists
 * ---------------------------------------------------------------------------------- */

static bool list_has(const vx_slice zones[VX_ZONES], const struct question *w)
{
	for (size_t g = 0; g < GROUPS; g++) {
		bool all = w->zones[g] != 0;

		for (size_t i = 0; i < w->plan.count && all; i++) {
			const struct vx_pattern *p = &w->plan.patterns[i];
			bool has = false;

			for (unsigned z = 0; z < VX_ZONES && !has; z++)
				has = (w->zones[g] >> z & 1) != 0 &&
				      vx_pattern_find(zones[z], 0, p) < zones[z].len;
			all = has;
		}
		if (all)
			return true;
	}
	return false;
}

static int take_list(
    struct asking *q, struct part *part, vx_slice key, vx_slice value, uint32_t cap)
{
	vx_slice zones[VX_ZONES];
	bool wild;
	const uint32_t doc = part->docs.count;
	int rc = vx_list_read(key, value, zones, &wild);

	if (rc != VX_OK || doc == cap)
		return rc == VX_OK ? VX_ECORRUPT : rc;
	part->docs.blobs[part->docs.count++] = vx_get_be64(key.ptr + 5);
	if (wild)
		part->docs.wild[doc / 64] |= (uint64_t)1 << doc % 64;
	for (size_t i = 0; i < q->a->question_count; i++)
		if (list_has(zones, &q->a->questions[i]))
			part->sets[i][doc / 64] |= (uint64_t)1 << doc % 64;
	return VX_OK;
}

static int add_lists(struct asking *q)
{
	const uint32_t cap = VX_SEARCH_LISTS * 2;
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	struct part *part;
	vx_slice key, value;
	int rc = new_part(q->a, &part);

	if (rc != VX_OK)
		return rc;
	part->docs.count = cap;
	part->docs.blobs = vx_alloc_array(cap, sizeof(uint64_t));
	part->docs.wild = vx_alloc_array(vx_words(cap), sizeof(uint64_t));
	rc = part->docs.blobs == NULL || part->docs.wild == NULL ? VX_ENOMEM
								 : make_sets(q->a, part);
	part->docs.count = 0;
	if (rc == VX_OK)
		rc = vx_kv_cursor_open(q->txn, VX_TREE_BODY, &c);
	if (rc != VX_OK)
		return rc;
	vx_search_key(&prefix, q->account, VX_SEARCH_LIST);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 8);
	     rc = vx_kv_next(c, &key, &value)) {
		rc = take_list(q, part, key, value, cap);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* --- the answer
 * ------------------------------------------------------------------------------ */

static void forget_parts(struct vx_search_answer *a)
{
	for (size_t i = 0; i < a->part_count; i++) {
		vx_docs_done(&a->parts[i].docs);
		for (size_t q = 0; q < a->question_count; q++)
			vx_free(a->parts[i].sets[q]);
	}
	a->part_count = 0;
}

void vx_search_answer_free(struct vx_search_answer *a)
{
	if (a == NULL)
		return;
	forget_parts(a);
	vx_free(a->parts);
	vx_free(a->questions);
	vx_free(a);
}

static int ask_all(struct asking *q, struct vx_kv_env *kv)
{
	struct vx_search_listed *list = NULL;
	size_t count = 0;
	int rc = vx_kv_begin(kv, false, &q->txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_search_segments(q->txn, q->account, &list, &count);
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		rc = add_segment(q, &list[i]);
	if (rc == VX_OK)
		rc = add_lists(q);
	vx_kv_abort(q->txn);
	vx_free(list);
	return rc;
}

static int make_answer(const struct vx_search_question *questions, size_t count,
    struct vx_search_answer **out)
{
	struct vx_search_answer *a = vx_alloc(sizeof(*a));
	int rc = VX_OK;

	if (a == NULL)
		return VX_ENOMEM;
	a->question_count =
	    count < VX_SEARCH_QUESTIONS_MAX ? count : VX_SEARCH_QUESTIONS_MAX;
	a->questions = vx_alloc_array(a->question_count + 1, sizeof(*a->questions));
	if (a->questions == NULL)
		rc = VX_ENOMEM;
	for (size_t i = 0; i < a->question_count && rc == VX_OK; i++)
		rc = plan_question(&questions[i], &a->questions[i]);
	if (rc != VX_OK) {
		vx_search_answer_free(a);
		return rc;
	}
	*out = a;
	return VX_OK;
}

int vx_search_ask(struct vx_store *store, uint32_t account,
    const struct vx_search_question *questions, size_t count, bool (*go_on)(void *ctx),
    void *ctx, struct vx_search_answer **out)
{
	struct asking q = { .account = account, .go_on = go_on, .ctx = ctx };
	struct vx_search_env *env = vx_search_take(store->search);
	int rc = make_answer(questions, count, &q.a);

	if (rc == VX_OK && env != NULL) {
		rc = ask_all(&q, env->kv);
		if (rc == VX_ECORRUPT || rc == VX_EUNSUP)
			vx_search_damaged(store->search, env, "found when searching");
		if (rc != VX_OK)
			forget_parts(q.a);
		rc = VX_OK;
	}
	vx_search_give(store->search, env);
	if (rc == VX_OK)
		*out = q.a;
	return rc;
}

/* Where a blob is among a part's, from octet hint on or anywhere; false: nowhere. */
static bool find_doc(const struct part *p, uint64_t blob, uint32_t *doc)
{
	uint32_t low = 0, high = p->docs.count;

	if (high == 0 || blob < p->docs.blobs[0] || blob > p->docs.blobs[high - 1])
		return false;
	while (low < high) {
		const uint32_t mid = low + (high - low) / 2;

		if (p->docs.blobs[mid] < blob)
			low = mid + 1;
		else
			high = mid;
	}
	*doc = low;
	return p->docs.blobs[low] == blob;
}

/* The next one of the same volume, mostly. */
static bool is_next(const struct vx_search_answer *a, uint64_t blob, struct place *last)
{
	const struct vx_search_docs *d;

	if (last->part >= a->part_count)
		return false;
	d = &a->parts[last->part].docs;
	if (last->doc < d->count && d->blobs[last->doc] == blob)
		return true;
	if (last->doc + 1 >= d->count || d->blobs[last->doc + 1] != blob)
		return false;
	last->doc++;
	return true;
}

static const struct place *find_blob(struct vx_search_answer *a, uint64_t blob)
{
	struct place *const last = &a->last[(blob >> 32) % LANES];

	if (is_next(a, blob, last))
		return last;
	for (size_t i = 0; i < a->part_count; i++) {
		const size_t part = (last->part + i) % a->part_count;

		if (find_doc(&a->parts[part], blob, &last->doc)) {
			last->part = part;
			return last;
		}
	}
	return NULL;
}

static bool has_bit(const uint64_t *set, uint32_t doc)
{
	return (set[doc / 64] >> doc % 64 & 1) != 0;
}

enum vx_search_verdict vx_search_verdict(
    struct vx_search_answer *a, size_t question, uint64_t blob)
{
	const struct place *at = question < a->question_count ? find_blob(a, blob) : NULL;
	const struct part *p;

	if (at == NULL)
		return VX_SEARCH_MAYBE;
	p = &a->parts[at->part];
	if (p->docs.wild != NULL && has_bit(p->docs.wild, at->doc))
		return VX_SEARCH_MAYBE;
	if (!has_bit(p->sets[question], at->doc))
		return VX_SEARCH_NO;
	return a->questions[question].exact ? VX_SEARCH_YES : VX_SEARCH_MAYBE;
}

uint64_t vx_search_known(const struct vx_search_answer *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->part_count; i++)
		sum += a->parts[i].docs.count;
	return sum;
}

uint64_t vx_search_candidates(const struct vx_search_answer *a, size_t question)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->part_count && question < a->question_count; i++)
		for (size_t w = 0; w < vx_words(a->parts[i].docs.count); w++)
			sum +=
			    (uint64_t)__builtin_popcountll(a->parts[i].sets[question][w]);
	return sum;
}
