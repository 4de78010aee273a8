/*
 * One message against a SEARCH program.  Cheap keys first: a message's octets are read
 * only when its flags, dates and sizes leave the question open.
 *
 * Texts are compared decoded to UTF-8 and case-folded (RFC 9051 6.4.4, RFC 5255).
 */
#include "service/imap_match.h"

#include "base/mem.h"
#include "vectis/date.h"
#include "vectis/header.h"

#define DAY 86400
#define PIECE ((size_t)64 * 1024)
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

static int ready_set(struct imap_session *s, struct vx_imap_key *k, struct imap_task *t)
{
	struct vx_uid_range *ranges;
	struct vx_imap_range *own;
	size_t count;
	int rc = imap_view_resolve(
	    s, &k->set, k->type == VX_KEY_UID, &t->arena, &ranges, &count);

	if (rc != VX_OK)
		return rc;
	own = vx_arena_array(&t->arena, count + 1, sizeof(*own));
	if (own == NULL)
		return VX_ELIMIT;
	for (size_t i = 0; i < count; i++)
		own[i] = (struct vx_imap_range){ ranges[i].first, ranges[i].last };
	k->set = (struct vx_imap_set){ .ranges = own, .count = count };
	k->type = VX_KEY_UID;
	return VX_OK;
}

/* A keyword is a bit, or no message has it. */
static int ready_keyword(struct imap_session *s, struct vx_imap_key *k)
{
	const bool wanted = k->type == VX_KEY_KEYWORD;
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_keywords(v, s->view.account, s->view.mailbox, names);
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

static int ready(struct imap_session *s, struct vx_imap_key *k, struct imap_task *t);

static int ready_key(struct imap_session *s, struct vx_imap_key *k, struct imap_task *t)
{
	if (k->child != NULL)
		return ready(s, k->child, t);
	if (k->type == VX_KEY_SEQUENCE || k->type == VX_KEY_UID)
		return ready_set(s, k, t);
	if (k->type == VX_KEY_KEYWORD || k->type == VX_KEY_NO_KEYWORD)
		return ready_keyword(s, k);
	return k->text.len > 0 ? ready_text(t, &k->text) : VX_OK;
}

/* The depth of the tree is VX_IMAP_SEARCH_DEPTH_MAX at most. */
static int ready(struct imap_session *s, struct vx_imap_key *k, struct imap_task *t)
{
	int rc = VX_OK;

	for (; k != NULL && rc == VX_OK; k = k->next)
		rc = ready_key(s, k, t);
	return rc;
}

int imap_matcher_init(struct imap_matcher *m, struct imap_session *s,
    struct vx_imap_key *key, struct imap_task *task)
{
	*m = (struct imap_matcher){ .store = s->service->o.store,
		.account = s->view.account,
		.mailbox = s->view.mailbox,
		.key = key,
		.task = task,
		.raw = { .max = IMAP_TEXT_MAX },
		.descriptor_octets = { .max = VX_DESCRIPTOR_MAX },
		.header_text = { .max = IMAP_TEXT_MAX },
		.body_text = { .max = IMAP_TEXT_MAX },
		.scratch = { .max = IMAP_TEXT_MAX },
		.value = { .max = IMAP_TEXT_MAX } };
	return ready(s, key, task);
}

void imap_matcher_done(struct imap_matcher *m)
{
	vx_blob_close(m->reader);
	vx_buf_done(&m->raw);
	vx_buf_done(&m->descriptor_octets);
	vx_buf_done(&m->header_text);
	vx_buf_done(&m->body_text);
	vx_buf_done(&m->scratch);
	vx_buf_done(&m->value);
}

/* --- the message ----------------------------------------------------------------- */

static void forget_message(struct imap_matcher *m)
{
	vx_blob_close(m->reader);
	m->reader = NULL;
	m->have_descriptor = m->have_header_text = m->have_body_text = false;
	vx_buf_shrink(&m->raw, VALUE_MAX);
	vx_buf_shrink(&m->header_text, VALUE_MAX);
	vx_buf_shrink(&m->body_text, VALUE_MAX);
	vx_buf_shrink(&m->scratch, VALUE_MAX);
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

/* The first end octets of the message are in raw. */
static int need_octets(struct imap_matcher *m, uint64_t end)
{
	int rc = m->reader != NULL ? VX_OK
				   : vx_blob_open(m->store, m->record->blob, &m->reader);

	if (end > IMAP_TEXT_MAX)
		end = IMAP_TEXT_MAX;
	while (rc == VX_OK && m->raw.len < end && !m->task->abandoned) {
		vx_slice piece;

		rc = vx_blob_read(m->reader, m->raw.len, PIECE, &piece);
		if (rc == VX_WAIT) {
			rc = vx_blob_fetch(m->reader, m->raw.len, PIECE);
			continue;
		}
		if (rc != VX_OK || piece.len == 0)
			break;
		vx_buf_add(&m->raw, piece);
		if (m->raw.failed)
			return VX_ENOMEM;
	}
	return rc;
}

static vx_slice octets_of(const struct imap_matcher *m, uint64_t first, uint64_t end)
{
	const vx_slice all = vx_buf_slice(&m->raw);

	if (end > all.len)
		end = all.len;
	return first >= end ? vx_slice_of("", 0)
			    : vx_slice_of(all.ptr + first, (size_t)(end - first));
}

/* A header's fields, decoded and folded, a line each, into out. */
static void add_header(struct imap_matcher *m, vx_slice block, struct vx_buf *out)
{
	struct vx_field f;

	while (vx_field_next(&block, &f)) {
		vx_buf_reset(&m->scratch);
		vx_buf_reset(&m->value);
		vx_buf_add(&m->scratch, f.name);
		vx_buf_add_str(&m->scratch, ": ");
		vx_field_unfold(f.value, &m->scratch);
		vx_text_decode(vx_buf_slice(&m->scratch), &m->value);
		vx_text_fold(vx_buf_slice(&m->value), out);
		vx_buf_add_char(out, '\n');
	}
}

static vx_slice charset_of(const struct vx_part *p)
{
	vx_slice list = p->params, name, value;

	while (vx_packed_next(&list, &name) && vx_packed_next(&list, &value))
		if (vx_slice_eq_nocase(name, VX_S("charset")))
			return value;
	return VX_S("us-ascii");
}

static void add_part_text(struct imap_matcher *m, const struct vx_part *p)
{
	struct vx_buf plain = { .max = IMAP_TEXT_MAX };

	vx_buf_reset(&m->scratch);
	vx_buf_reset(&m->value);
	vx_transfer_decode(
	    p->encoding, octets_of(m, p->body_offset, p->end), &m->scratch);
	(void)vx_charset_decode(charset_of(p), vx_buf_slice(&m->scratch), &m->value);
	if (vx_slice_eq(p->subtype, VX_S("html"))) {
		vx_html_text(vx_buf_slice(&m->value), &plain);
		vx_text_fold(vx_buf_slice(&plain), &m->body_text);
	} else {
		vx_text_fold(vx_buf_slice(&m->value), &m->body_text);
	}
	vx_buf_add_char(&m->body_text, '\n');
	vx_buf_done(&plain);
}

static int need_header_text(struct imap_matcher *m)
{
	int rc;

	if (m->have_header_text)
		return VX_OK;
	rc = need_descriptor(m);
	if (rc == VX_OK)
		rc = need_octets(m, m->descriptor.header_size);
	if (rc != VX_OK)
		return rc;
	vx_buf_reset(&m->header_text);
	add_header(m, octets_of(m, 0, m->descriptor.header_size), &m->header_text);
	m->have_header_text = true;
	return VX_OK;
}

/* All text parts, and the headers of messages inside. */
static int need_body_text(struct imap_matcher *m)
{
	struct vx_part p;
	int rc;

	if (m->have_body_text)
		return VX_OK;
	rc = need_descriptor(m);
	if (rc == VX_OK)
		rc = need_octets(m, m->descriptor.size);
	vx_buf_reset(&m->body_text);
	for (uint32_t i = 0; rc == VX_OK && i < m->descriptor.part_count; i++) {
		rc = vx_descriptor_part(&m->descriptor, i, &p);
		if (rc != VX_OK)
			break;
		if (i > 0 && (p.flags & VX_PART_ROOT) != 0)
			add_header(m, octets_of(m, p.header_offset, p.body_offset),
			    &m->body_text);
		if ((p.flags & VX_PART_TEXT) != 0)
			add_part_text(m, &p);
	}
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

static int match_header(struct imap_matcher *m, const struct vx_imap_key *k)
{
	struct vx_buf folded = { .max = IMAP_TEXT_MAX };
	vx_slice block;
	struct vx_field f;
	int rc = need_descriptor(m);

	if (rc == VX_OK)
		rc = need_octets(m, m->descriptor.header_size);
	if (rc != VX_OK)
		return rc;
	block = octets_of(m, 0, m->descriptor.header_size);
	while (rc == 0 && vx_field_next(&block, &f)) {
		if (f.bad || !vx_slice_eq_nocase(f.name, k->name))
			continue;
		vx_buf_reset(&m->scratch);
		vx_buf_reset(&m->value);
		vx_buf_reset(&folded);
		vx_field_unfold(f.value, &m->scratch);
		vx_text_decode(vx_buf_slice(&m->scratch), &m->value);
		vx_text_fold(vx_buf_slice(&m->value), &folded);
		rc = has(&folded, k->text);
	}
	vx_buf_done(&folded);
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
		return match_header(m, k);
	case VX_KEY_BODY:
	case VX_KEY_TEXT:
		return match_text(m, k);
	case VX_KEY_MODSEQ:
		return r->modseq >= (uint64_t)k->number;
	}
	return 0;
}

/* Keys that need the message's octets come last among what must all match. */
static bool is_costly(const struct vx_imap_key *k)
{
	return k->type == VX_KEY_HEADER || k->type == VX_KEY_BODY ||
	       k->type == VX_KEY_TEXT;
}

int imap_match(struct imap_matcher *m, const struct vx_record *r)
{
	int rc = 1;

	m->record = r;
	for (int costly = 0; costly < 2 && rc > 0; costly++)
		for (const struct vx_imap_key *k = m->key->child; k != NULL && rc > 0;
		     k = k->next)
			if (is_costly(k) == (costly != 0))
				rc = match(m, k);
	forget_message(m);
	/* a message that went meanwhile, or that is damaged, matches nothing */
	return rc == VX_ENOENT || rc == VX_ECORRUPT ? 0 : rc;
}
