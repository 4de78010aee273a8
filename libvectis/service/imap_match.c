/*
 * One message against a SEARCH program.  Cheap keys first: a message's octets are read
 * only when its flags, dates and sizes leave the question open.
 *
 * Texts are compared as plain.h has them (RFC 9051 6.4.4, i;unicode-casemap of RFC 5255).
 * The index is asked for all of them before the first message, and a message is read only
 * where it says so: the answers are those of reading every one.
 */
#include "service/imap_match.h"

#include "base/mem.h"
#include "vectis/date.h"
#include "vectis/header.h"

#define DAY 86400
#define VALUE_MAX ((size_t)1 << 20)

/* --- making ready (on the loop's thread) ----------------------------------------- */

static int ready_text(struct imap_task *t, vx_slice *text)
{
	struct vx_buf folded = { .max = 4 * VX_IMAP_COMMAND_MAX };
	int rc;

	vx_text_fold(*text, &folded);
	rc = folded.failed ? VX_ELIMIT
			   : vx_arena_copy(&t->arena, vx_buf_slice(&folded), text);
	vx_buf_done(&folded);
	return rc;
}

/* The text of a key becomes a question to the index; beyond the last it is MAYBE. */
static int ready_question(
    struct imap_matcher *m, struct vx_imap_key *k, struct imap_task *t)
{
	struct vx_search_question *q;

	if (m->questions == NULL)
		m->questions = vx_arena_array(
		    &t->arena, VX_SEARCH_QUESTIONS_MAX, sizeof(*m->questions));
	if (m->questions == NULL)
		return VX_ELIMIT;
	k->number = (int64_t)m->question_count;
	if (m->question_count == VX_SEARCH_QUESTIONS_MAX)
		return VX_OK;
	q = &m->questions[m->question_count++];
	q->field = k->type == VX_KEY_HEADER ? VX_SEARCH_IN_FIELD
		   : k->type == VX_KEY_BODY ? VX_SEARCH_IN_BODY
					    : VX_SEARCH_IN_TEXT;
	q->name = k->name;
	q->needle = k->text;
	return VX_OK;
}

int imap_match_set(
    const struct imap_view *v, struct vx_imap_key *k, struct vx_arena *arena)
{
	struct vx_uid_range *ranges;
	struct vx_imap_range *own;
	size_t count;
	int rc = imap_view_resolve(v, &k->set,
	    k->type == VX_KEY_UID ? IMAP_SET_UIDS : IMAP_SET_SOUGHT, arena, &ranges,
	    &count);

	if (rc != VX_OK)
		return rc;
	own = vx_arena_array(arena, count + 1, sizeof(*own));
	if (own == NULL)
		return VX_ELIMIT;
	for (size_t i = 0; i < count; i++)
		own[i] = (struct vx_imap_range){ ranges[i].first, ranges[i].last };
	k->set = (struct vx_imap_set){ .ranges = own, .count = count };
	k->type = VX_KEY_UID;
	return VX_OK;
}

/* A keyword is a bit, or no message has it. */
static int ready_keyword(const struct imap_matcher *m, struct vx_imap_key *k)
{
	const bool wanted = k->type == VX_KEY_KEYWORD;
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_view *v;
	int rc = vx_view_begin(m->store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_keywords(v, m->account, m->mailbox, names);
	k->type = wanted ? VX_KEY_NONE : VX_KEY_ALL;
	for (unsigned i = 0; rc == VX_OK && i < VX_KEYWORDS_MAX; i++) {
		if (names[i].len == 0 || !vx_slice_eq_nocase(names[i], k->text))
			continue;
		k->type = wanted ? VX_KEY_FLAG : VX_KEY_NO_FLAG;
		k->flags = (uint64_t)1 << (VX_KEYWORD_FIRST + i);
	}
	vx_view_end(v);
	return rc;
}

/* Keys that need the message's octets. */
static bool is_costly(const struct vx_imap_key *k)
{
	return k->type == VX_KEY_HEADER || k->type == VX_KEY_BODY ||
	       k->type == VX_KEY_TEXT || k->type == VX_KEY_FUZZY;
}

static int ready(struct imap_matcher *m, const struct imap_view *v, struct vx_imap_key *k,
    struct imap_task *t);

static int ready_key(struct imap_matcher *m, const struct imap_view *v,
    struct vx_imap_key *k, struct imap_task *t)
{
	int rc;

	if (k->child != NULL)
		return ready(m, v, k->child, t);
	if (k->type == VX_KEY_SEQUENCE || k->type == VX_KEY_UID)
		return imap_match_set(v, k, &t->arena);
	if (k->type == VX_KEY_KEYWORD || k->type == VX_KEY_NO_KEYWORD)
		return ready_keyword(m, k);
	if (k->type == VX_KEY_OLDER || k->type == VX_KEY_YOUNGER) { /* RFC 5032 2 */
		k->number = m->now_s - k->number;
		return VX_OK;
	}
	rc = k->text.len > 0 ? ready_text(t, &k->text) : VX_OK;
	return rc == VX_OK && is_costly(k) ? ready_question(m, k, t) : rc;
}

/* The depth of the tree is VX_IMAP_SEARCH_DEPTH_MAX at most. */
static int ready(struct imap_matcher *m, const struct imap_view *v, struct vx_imap_key *k,
    struct imap_task *t)
{
	int rc = VX_OK;

	for (; k != NULL && rc == VX_OK; k = k->next)
		rc = ready_key(m, v, k, t);
	return rc;
}

static bool is_wanted(void *ctx)
{
	const struct imap_task *t = ctx;

	return !t->abandoned;
}

int imap_matcher_init(struct imap_matcher *m, struct imap_session *s,
    const struct imap_view *view, struct vx_imap_key *key, struct imap_task *task)
{
	struct vx_loop *loop = s->base.host->loop;

	*m = (struct imap_matcher){ .store = s->service->o.store,
		.account = view->account,
		.mailbox = view->mailbox,
		.now_s = loop->now_s(loop),
		.key = key,
		.task = task,
		.descriptor_octets = { .max = VX_DESCRIPTOR_MAX },
		.header_text = { .max = IMAP_TEXT_MAX },
		.body_text = { .max = IMAP_TEXT_MAX },
		.value = { .max = IMAP_TEXT_MAX } };
	vx_blob_source_init(&m->source, NULL);
	m->source.go_on = is_wanted;
	m->source.ctx = task;
	return ready(m, view, key, task);
}

void imap_matcher_done(struct imap_matcher *m)
{
	vx_blob_close(m->reader);
	vx_blob_source_done(&m->source);
	vx_plain_done(&m->plain);
	vx_search_answer_free(m->answer);
	vx_buf_done(&m->descriptor_octets);
	vx_buf_done(&m->header_text);
	vx_buf_done(&m->body_text);
	vx_buf_done(&m->value);
}

/* --- the message ----------------------------------------------------------------- */

static void forget_message(struct imap_matcher *m)
{
	m->looked = m->have_descriptor;
	if (!m->looked) /* then nothing else was read either */
		return;
	vx_blob_close(m->reader);
	m->reader = NULL;
	m->have_descriptor = m->have_header_text = m->have_body_text = false;
	vx_plain_shrink(&m->plain);
	vx_buf_shrink(&m->source.copy, VALUE_MAX);
	vx_buf_shrink(&m->header_text, VALUE_MAX);
	vx_buf_shrink(&m->body_text, VALUE_MAX);
	vx_buf_shrink(&m->value, VALUE_MAX);
}

/* A copy of the descriptor: the view must not stay open while bodies are read. */
static int need_descriptor(struct imap_matcher *m)
{
	struct vx_view *v;
	vx_slice octets;
	int rc;

	if (m->have_descriptor)
		return VX_OK;
	rc = vx_view_begin(m->store, &v);
	if (rc != VX_OK)
		return rc;
	rc = vx_descriptor_get(v, m->record->blob, &octets);
	vx_buf_reset(&m->descriptor_octets);
	if (rc == VX_OK)
		vx_buf_add(&m->descriptor_octets, octets);
	vx_view_end(v);
	if (rc == VX_OK)
		rc = m->descriptor_octets.failed
			 ? VX_ENOMEM
			 : vx_descriptor_open(
			       vx_buf_slice(&m->descriptor_octets), &m->descriptor);
	m->have_descriptor = rc == VX_OK;
	return rc;
}

/* Ready to read the message's octets. */
static int need_reader(struct imap_matcher *m)
{
	int rc = need_descriptor(m);

	if (rc == VX_OK && m->reader == NULL)
		rc = vx_blob_open(m->store, m->record->blob, &m->reader);
	m->source.reader = m->reader;
	return rc;
}

/* The message's header, until more is read. */
static int read_header(struct imap_matcher *m, vx_slice *block)
{
	const int rc = need_reader(m);

	return rc != VX_OK ? rc
			   : m->source.base.read(
				 &m->source.base, 0, m->descriptor.header_size, block);
}

static int need_header_text(struct imap_matcher *m)
{
	vx_slice block;
	int rc;

	if (m->have_header_text)
		return VX_OK;
	rc = read_header(m, &block);
	if (rc != VX_OK)
		return rc;
	vx_buf_reset(&m->header_text);
	vx_plain_header(&m->plain, block, &m->header_text);
	m->have_header_text = true;
	return VX_OK;
}

static int need_body_text(struct imap_matcher *m)
{
	int rc;

	if (m->have_body_text)
		return VX_OK;
	rc = need_reader(m);
	vx_buf_reset(&m->body_text);
	if (rc == VX_OK)
		rc = vx_plain_body(
		    &m->plain, &m->descriptor, &m->source.base, &m->body_text);
	m->have_body_text = rc == VX_OK;
	return rc;
}

/* --- keys ------------------------------------------------------------------------ */

static bool has(const struct vx_buf *text, vx_slice needle)
{
	return needle.len == 0 ||
	       (text->len >= needle.len &&
		   memmem(text->ptr, text->len, needle.ptr, needle.len) != NULL);
}

/* What the index says of a key's text; the first question is asked on the job's thread.
 */
static enum vx_search_verdict verdict(struct imap_matcher *m, const struct vx_imap_key *k)
{
	if (m->answer == NULL && m->unasked > 0) {
		m->unasked--;
		return VX_SEARCH_MAYBE;
	}
	if (m->answer == NULL &&
	    vx_search_ask(m->store, m->account, m->questions, m->question_count,
		is_wanted, m->task, &m->answer) != VX_OK)
		return VX_SEARCH_MAYBE;
	return vx_search_verdict(m->answer, (size_t)k->number, m->record->blob);
}

/* Does the descriptor say that there is no such field?  It lists them up to a limit. */
static bool lacks_field(struct imap_matcher *m, vx_slice name)
{
	const uint32_t hash = vx_field_name_hash(name);
	struct vx_descriptor_field f;

	for (uint32_t i = 0; i < m->descriptor.field_count; i++)
		if (vx_descriptor_field(&m->descriptor, i, &f) != VX_OK || f.name == hash)
			return false;
	return m->descriptor.defects == 0 &&
	       m->descriptor.field_count < VX_HEADER_FIELDS_MAX;
}

static int match_header(struct imap_matcher *m, const struct vx_imap_key *k)
{
	vx_slice block;
	struct vx_field f;
	int rc = need_descriptor(m);

	if (rc == VX_OK && lacks_field(m, k->name))
		return 0;
	if (rc == VX_OK)
		rc = read_header(m, &block);
	while (rc == 0 && vx_field_next(&block, &f)) {
		if (f.bad || !vx_slice_eq_nocase(f.name, k->name))
			continue;
		vx_buf_reset(&m->value);
		vx_plain_value(&m->plain, &f, &m->value);
		rc = has(&m->value, k->text);
	}
	return rc;
}

/* The day that Date says, in its own zone (RFC 9051 6.4.4: SENTON and the like). */
static int sent_day(struct imap_matcher *m, int64_t *day)
{
	vx_slice items[VX_ENVELOPE_ITEMS];
	struct vx_part root;
	struct vx_civil c;
	int rc = need_descriptor(m);

	if (rc == VX_OK)
		rc = vx_descriptor_part(&m->descriptor, 0, &root);
	if (rc == VX_OK)
		rc = vx_envelope_open(root.envelope, items);
	if (rc != VX_OK)
		return rc;
	if (items[VX_ENVELOPE_DATE].ptr == NULL ||
	    vx_date_parse(items[VX_ENVELOPE_DATE], &c) != VX_OK)
		return VX_ENOENT;
	c.zone = c.hour = c.minute = c.second = 0;
	*day = vx_civil_time(&c) / DAY;
	return VX_OK;
}

static int match_sent(struct imap_matcher *m, const struct vx_imap_key *k)
{
	int64_t day = 0;
	const int rc = sent_day(m, &day);

	if (rc != VX_OK)
		return rc == VX_ENOENT ? 0 : rc;
	return k->type == VX_KEY_SENTBEFORE ? day < k->number
	       : k->type == VX_KEY_SENTON   ? day == k->number
					    : day >= k->number;
}

static bool in_set(const struct vx_imap_set *set, uint32_t uid)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (set->ranges[mid].last < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set->count && set->ranges[low].first <= uid;
}

static int match_text(struct imap_matcher *m, const struct vx_imap_key *k)
{
	int rc;

	if (k->type == VX_KEY_TEXT) {
		rc = need_header_text(m);
		if (rc != VX_OK)
			return rc;
		if (has(&m->header_text, k->text))
			return 1;
	}
	rc = need_body_text(m);
	return rc != VX_OK ? rc : has(&m->body_text, k->text);
}

/* By the index, or else by reading. */
static int match_costly(struct imap_matcher *m, const struct vx_imap_key *k)
{
	switch (verdict(m, k)) {
	case VX_SEARCH_NO:
		return 0;
	case VX_SEARCH_YES:
		return 1;
	case VX_SEARCH_MAYBE:
		break;
	}
	return k->type == VX_KEY_HEADER ? match_header(m, k) : match_text(m, k);
}

static int match(struct imap_matcher *m, const struct vx_imap_key *k);

static int match_children(struct imap_matcher *m, const struct vx_imap_key *k)
{
	const bool any = k->type == VX_KEY_OR;

	for (const struct vx_imap_key *c = k->child; c != NULL; c = c->next) {
		const int rc = match(m, c);

		if (rc < 0 || (rc > 0) == any)
			return rc;
	}
	return !any;
}

/* All the words of a fuzzy text. */
static int match_words(struct imap_matcher *m, const struct vx_imap_key *k)
{
	int rc = k->child->next != NULL;

	for (const struct vx_imap_key *w = k->child->next; w != NULL && rc > 0;
	     w = w->next)
		rc = match_costly(m, w);
	return rc;
}

static int match_fuzzy(struct imap_matcher *m, const struct vx_imap_key *k)
{
	const int rc = match_costly(m, k->child);

	return rc != 0 ? rc : match_words(m, k);
}

static int match(struct imap_matcher *m, const struct vx_imap_key *k)
{
	const struct vx_record *r = m->record;
	const int64_t day = r->internal_date / DAY;
	int rc;

	switch (k->type) {
	case VX_KEY_ALL:
		return 1;
	case VX_KEY_NONE:
	case VX_KEY_KEYWORD:
	case VX_KEY_NO_KEYWORD:
	case VX_KEY_SEQUENCE: /* were resolved */
		return 0;
	case VX_KEY_AND:
	case VX_KEY_OR:
		return match_children(m, k);
	case VX_KEY_NOT:
		rc = match(m, k->child);
		return rc < 0 ? rc : !rc;
	case VX_KEY_FLAG:
		return (r->flags & k->flags) == k->flags;
	case VX_KEY_NO_FLAG:
		return (r->flags & k->flags) == 0;
	case VX_KEY_UID:
		return in_set(&k->set, r->uid);
	case VX_KEY_UIDAFTER:
		return (int64_t)r->uid > k->number;
	case VX_KEY_UIDBEFORE:
		return (int64_t)r->uid < k->number;
	case VX_KEY_LARGER:
		return (int64_t)r->size > k->number;
	case VX_KEY_SMALLER:
		return (int64_t)r->size < k->number;
	case VX_KEY_BEFORE:
		return day < k->number;
	case VX_KEY_ON:
		return day == k->number;
	case VX_KEY_SINCE:
		return day >= k->number;
	case VX_KEY_SENTBEFORE:
	case VX_KEY_SENTON:
	case VX_KEY_SENTSINCE:
		return match_sent(m, k);
	case VX_KEY_HEADER:
	case VX_KEY_BODY:
	case VX_KEY_TEXT:
		return match_costly(m, k);
	case VX_KEY_FUZZY:
		return match_fuzzy(m, k);
	case VX_KEY_OLDER: /* were made times */
		return (int64_t)r->internal_date <= k->number;
	case VX_KEY_YOUNGER:
		return (int64_t)r->internal_date >= k->number;
	case VX_KEY_SAVEDBEFORE:
		return r->saved_date / DAY < k->number;
	case VX_KEY_SAVEDON:
		return r->saved_date / DAY == k->number;
	case VX_KEY_SAVEDSINCE:
		return r->saved_date / DAY >= k->number;
	case VX_KEY_EMAILID:
		return r->blob == k->blob;
	case VX_KEY_MODSEQ:
		return r->modseq >= (uint64_t)k->number;
	}
	return 0;
}

/* --- scores (RFC 6203 4) ----------------------------------------------------------- */

enum {
	SCORE_WHOLE = 100,     /* the text as it was given */
	SCORE_WHOLE_BODY = 75, /* TEXT: not in the header */
	SCORE_WORDS = 50,      /* all its words */
	SCORE_WORDS_BODY = 25
};

/* Is it in the header?  Of a TEXT key; a word is enough to raise what its words score. */
static bool in_header(struct imap_matcher *m, const struct vx_imap_key *k)
{
	return k->type != VX_KEY_TEXT ||
	       (need_header_text(m) == VX_OK && has(&m->header_text, k->text));
}

static unsigned score_text(struct imap_matcher *m, const struct vx_imap_key *k)
{
	const struct vx_imap_key *const words = k->child->next;

	if (match_costly(m, k->child) > 0)
		return in_header(m, k->child) ? SCORE_WHOLE : SCORE_WHOLE_BODY;
	if (match_words(m, k) <= 0)
		return 0;
	for (const struct vx_imap_key *w = words; w != NULL; w = w->next)
		if (in_header(m, w))
			return SCORE_WORDS;
	return SCORE_WORDS_BODY;
}

/* The best of an OR, the mean of what must all match; 0: nothing of it is fuzzy. */
static unsigned score(struct imap_matcher *m, const struct vx_imap_key *k)
{
	unsigned sum = 0, count = 0, best = 0;

	if (k->type == VX_KEY_FUZZY)
		return score_text(m, k);
	if (k->type != VX_KEY_AND && k->type != VX_KEY_OR)
		return 0;
	for (const struct vx_imap_key *c = k->child; c != NULL; c = c->next) {
		const unsigned one = score(m, c);

		sum += one;
		count += one > 0;
		best = one > best ? one : best;
	}
	return k->type == VX_KEY_OR ? best : count > 0 ? sum / count : 0;
}

/* Costly keys come last among what must all match. */
int imap_match(struct imap_matcher *m, const struct vx_record *r)
{
	int rc = 1;

	m->record = r;
	for (int costly = 0; costly < 2 && rc > 0; costly++)
		for (const struct vx_imap_key *k = m->key->child; k != NULL && rc > 0;
		     k = k->next)
			if (is_costly(k) == (costly != 0))
				rc = match(m, k);
	if (rc > 0 && m->scores) {
		m->score = score(m, m->key);
		if (m->score == 0) /* what matched is not fuzzy */
			m->score = SCORE_WHOLE;
	}
	forget_message(m);
	/* a message that went meanwhile, or that is damaged, matches nothing */
	return rc == VX_ENOENT || rc == VX_ECORRUPT ? 0 : rc;
}
