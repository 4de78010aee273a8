#include "mime/fields.h"

#include "base/bytes.h"
#include "base/chars.h"
#include "base/encode.h"
#include "mime/cfws.h"
#include "mime/subject.h"
#include "vectis/address.h"
#include "vectis/date.h"
#include "vectis/header.h"

#define REFERENCES_OCTETS_MAX ((size_t)64 * 1024)

/* --- strings ---------------------------------------------------------------------------
 */

static void add_packed(struct vx_buf *out, const vx_slice *s)
{
	char len[4];

	vx_put_le32(len, s == NULL ? 0 : (uint32_t)s->len + 1);
	vx_buf_add(out, vx_slice_of(len, 4));
	if (s != NULL)
		vx_buf_add(out, *s);
}

uint32_t vx_desc_add_string(struct vx_buf *strings, vx_slice s)
{
	const uint32_t at = (uint32_t)strings->len;

	add_packed(strings, &s);
	return at;
}

uint32_t vx_desc_empty_envelope(struct vx_buf *strings)
{
	const uint32_t at = (uint32_t)strings->len;
	char zeros[4 + 4 * VX_ENVELOPE_ITEMS] = { 0 };

	vx_put_le32(zeros, 4 * VX_ENVELOPE_ITEMS + 1);
	vx_buf_add(strings, vx_slice_of(zeros, sizeof(zeros)));
	return at;
}

static uint32_t add_lower(struct vx_buf *strings, vx_slice s)
{
	const uint32_t at = vx_desc_add_string(strings, s);

	for (size_t i = strings->failed ? s.len : 0; i < s.len; i++)
		strings->ptr[at + 4 + i] = vx_lower(strings->ptr[at + 4 + i]);
	return at;
}

void vx_desc_index_fields(
    vx_slice header, struct vx_buf *rows, uint32_t *count, unsigned *defects)
{
	const char *const start = header.ptr;
	struct vx_field f;
	char row[VX_ROW_FIELD];

	while (vx_field_next(&header, &f)) {
		if (f.bad)
			continue;
		if (*count == VX_HEADER_FIELDS_MAX) {
			*defects |= VX_DEFECT_HEADER_LIMIT;
			return;
		}
		vx_put_le32(row, vx_field_name_hash(f.name));
		vx_put_le32(row + 4, (uint32_t)(f.whole.ptr - start));
		vx_put_le32(row + 8, (uint32_t)f.whole.len);
		vx_buf_add(rows, vx_slice_of(row, sizeof(row)));
		(*count)++;
	}
}

/* --- the envelope
 * ------------------------------------------------------------------------ */

/* The fields as found: the first of each name counts. */
struct header {
	vx_slice envelope[VX_ENVELOPE_ITEMS];
	vx_slice type, encoding, id, description, md5, location, disposition, language;
	vx_slice references;
	vx_slice whole;
	bool repeated; /* To, Cc or Bcc is there again */
};

struct known {
	const char *name;
	size_t offset;
};

#define ENV(item) (offsetof(struct header, envelope) + (item) * sizeof(vx_slice))
static const struct known known_fields[] = {
	{ "date", ENV(VX_ENVELOPE_DATE) },
	{ "subject", ENV(VX_ENVELOPE_SUBJECT) },
	{ "from", ENV(VX_ENVELOPE_FROM) },
	{ "sender", ENV(VX_ENVELOPE_SENDER) },
	{ "reply-to", ENV(VX_ENVELOPE_REPLY_TO) },
	{ "to", ENV(VX_ENVELOPE_TO) },
	{ "cc", ENV(VX_ENVELOPE_CC) },
	{ "bcc", ENV(VX_ENVELOPE_BCC) },
	{ "in-reply-to", ENV(VX_ENVELOPE_IN_REPLY_TO) },
	{ "message-id", ENV(VX_ENVELOPE_MESSAGE_ID) },
	{ "content-type", offsetof(struct header, type) },
	{ "content-transfer-encoding", offsetof(struct header, encoding) },
	{ "content-id", offsetof(struct header, id) },
	{ "content-description", offsetof(struct header, description) },
	{ "content-md5", offsetof(struct header, md5) },
	{ "content-location", offsetof(struct header, location) },
	{ "content-disposition", offsetof(struct header, disposition) },
	{ "content-language", offsetof(struct header, language) },
	{ "references", offsetof(struct header, references) },
};

static bool is_destination(size_t item)
{
	return item >= VX_ENVELOPE_TO && item <= VX_ENVELOPE_BCC;
}

static void take_field(const struct vx_field *f, struct header *h)
{
	for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++) {
		vx_slice *slot = (vx_slice *)(void *)((char *)h + known_fields[i].offset);

		if (!vx_slice_eq_nocase(f->name, vx_slice_str(known_fields[i].name)))
			continue;
		if (slot->ptr == NULL)
			*slot = f->value;
		else if (is_destination(i))
			h->repeated = true;
		return;
	}
}

static void find_fields(vx_slice header, struct header *h, unsigned *defects)
{
	struct vx_field f;

	h->whole = header;
	while (vx_field_next(&header, &f)) {
		if (f.bad)
			*defects |= VX_DEFECT_HEADER_LINE;
		else
			take_field(&f, h);
	}
}

/* The end of a group is never without its place. */
enum {
	GROUP_END_OCTETS = 12
};

static size_t packed_octets(const struct vx_address *a)
{
	return a->kind == VX_ADDRESS_GROUP_BEGIN
		   ? 12 + a->name.len + GROUP_END_OCTETS
		   : 12 + a->name.len + a->local.len + a->domain.len;
}

static void pack_address(const struct vx_address *a, struct vx_buf *list)
{
	const bool mailbox = a->kind == VX_ADDRESS_MAILBOX;

	if (a->kind == VX_ADDRESS_GROUP_BEGIN) {
		add_packed(list, NULL);
		add_packed(list, &a->name);
	} else {
		add_packed(list, a->name.ptr == NULL ? NULL : &a->name);
		add_packed(list, mailbox ? &a->local : NULL);
	}
	add_packed(list, mailbox ? &a->domain : NULL);
}

/* Add the addresses of a field; false: there was no room for all of them. */
static bool pack_list(vx_slice field, struct vx_arena *arena, struct vx_buf *list)
{
	struct vx_address *a = NULL;
	bool all = vx_address_parse(field, arena, &a) == VX_OK;
	size_t reserve = 0;

	for (; a != NULL; a = a->next) {
		const size_t room = list->max - list->len;

		if (a->kind == VX_ADDRESS_GROUP_END ? reserve == 0
						    : packed_octets(a) + reserve > room) {
			all = false;
			continue;
		}
		reserve = a->kind == VX_ADDRESS_GROUP_BEGIN ? GROUP_END_OCTETS
			  : a->kind == VX_ADDRESS_GROUP_END ? 0
							    : reserve;
		pack_address(a, list);
	}
	return all;
}

/*
 * The addresses of an item.  RFC 5322 4.5.3: destinations in several fields are one
 * list; of others the first field counts.
 */
static bool pack_addresses(const struct header *h, size_t item, vx_slice first,
    struct vx_arena *arena, struct vx_buf *list)
{
	vx_slice rest = h->whole;
	struct vx_field f;
	bool all = true;

	if (!h->repeated || !is_destination(item))
		return pack_list(first, arena, list);
	while (vx_field_next(&rest, &f))
		if (!f.bad &&
		    vx_slice_eq_nocase(f.name, vx_slice_str(known_fields[item].name)))
			all = pack_list(f.value, arena, list) && all;
	return all;
}

/* An unfolded value, cut at VX_PART_TEXT_MAX octets; false: it was. */
static bool pack_text(vx_slice value, struct vx_buf *out)
{
	struct vx_buf text = { .max = VX_HEADER_OCTETS_MAX };
	const size_t room = out->max - out->len;
	vx_slice s;
	bool all;

	vx_field_unfold(value, &text);
	s = vx_slice_head(vx_buf_slice(&text), VX_PART_TEXT_MAX);
	s = vx_slice_head(s, room < 4 ? 0 : room - 4);
	all = room >= 4 && s.len == text.len;
	if (room >= 4)
		add_packed(out, &s);
	vx_buf_done(&text);
	return all;
}

/* The value that counts for an item (RFC 9051 7.5.2); ptr NULL: none. */
static vx_slice item_value(const struct header *h, size_t item)
{
	const vx_slice value = h->envelope[item];
	const bool defaults = item == VX_ENVELOPE_SENDER || item == VX_ENVELOPE_REPLY_TO;

	return defaults && vx_slice_trim(value, " \t\r\n").len == 0
		   ? h->envelope[VX_ENVELOPE_FROM]
		   : value;
}

static bool is_list(size_t item)
{
	return item >= VX_ENVELOPE_FROM && item <= VX_ENVELOPE_BCC;
}

/*
 * At most half of the room that the strings have left, so that the parts that follow
 * have some.  The texts come first, then each list has what is left.
 */
static uint32_t pack_envelope(const struct header *h, struct vx_arena *arena,
    struct vx_buf *strings, unsigned *defects)
{
	struct vx_buf items[VX_ENVELOPE_ITEMS], out = { .max = strings->max };
	size_t left = (strings->max - strings->len) / 2;
	bool all = true;
	uint32_t at;

	for (int lists = 0; lists < 2; lists++) {
		for (size_t i = 0; i < VX_ENVELOPE_ITEMS; i++) {
			const vx_slice value = item_value(h, i);

			if (is_list(i) != (lists == 1))
				continue;
			vx_buf_init(&items[i], left);
			if (value.ptr == NULL)
				continue;
			all = (lists == 1 ? pack_addresses(h, i, value, arena, &items[i])
					  : pack_text(value, &items[i])) &&
			      all;
			left -= items[i].len;
		}
	}
	for (size_t i = 0; i < VX_ENVELOPE_ITEMS; i++) {
		const vx_slice item = vx_buf_slice(&items[i]);

		out.failed = out.failed || items[i].failed; /* of memory */
		if (item.len > 0 && !is_list(i))
			vx_buf_add(&out, item); /* a string already */
		else
			add_packed(&out, item.len > 0 ? &item : NULL);
		vx_buf_done(&items[i]);
	}
	if (!all)
		*defects |= VX_DEFECT_ENVELOPE;
	strings->failed = strings->failed || out.failed;
	at = vx_desc_add_string(strings, vx_buf_slice(&out));
	vx_buf_done(&out);
	return at;
}

/* --- MIME fields
 * --------------------------------------------------------------------------- */

static uint32_t pack_params(const struct vx_param *p, struct vx_buf *strings)
{
	struct vx_buf list = { .max = VX_PART_PARAMS_MAX };
	uint32_t at = VX_STR_NONE;

	for (; p != NULL; p = p->next) {
		if (8 + p->name.len + p->value.len > list.max - list.len)
			continue;
		add_packed(&list, &p->name);
		add_packed(&list, &p->value);
	}
	if (list.len > 0 && !list.failed)
		at = vx_desc_add_string(strings, vx_buf_slice(&list));
	vx_buf_done(&list);
	return at;
}

static bool is_token(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_TOKEN))
			return false;
	return s.len > 0;
}

static void set_type(
    struct vx_desc_part *p, struct vx_buf *strings, vx_slice type, vx_slice sub)
{
	p->strings[VX_STR_TYPE] = add_lower(strings, type);
	p->strings[VX_STR_SUBTYPE] = add_lower(strings, sub);
	if (vx_slice_eq_nocase(type, VX_S("multipart"))) {
		p->flags |= VX_PART_MULTIPART;
		if (vx_slice_eq_nocase(sub, VX_S("digest")))
			p->flags |= VX_DESC_DIGEST;
	} else if (vx_slice_eq_nocase(type, VX_S("message")) &&
		   (vx_slice_eq_nocase(sub, VX_S("rfc822")) ||
		       vx_slice_eq_nocase(sub, VX_S("global")))) {
		p->flags |= VX_PART_MESSAGE;
	} else if (vx_slice_eq_nocase(type, VX_S("text"))) {
		p->flags |= VX_PART_TEXT;
	}
}

static void default_type(struct vx_desc_part *p, bool digest, struct vx_buf *strings)
{
	struct vx_buf list = { .max = 64 };
	const vx_slice name = VX_S("charset"), value = VX_S("us-ascii");

	if (digest) {
		set_type(p, strings, VX_S("message"), VX_S("rfc822"));
		return;
	}
	set_type(p, strings, VX_S("text"), VX_S("plain"));
	add_packed(&list, &name);
	add_packed(&list, &value);
	p->strings[VX_STR_PARAMS] = vx_desc_add_string(strings, vx_buf_slice(&list));
	vx_buf_done(&list);
}

/* The boundary of a multipart; empty: it has none that may be used. */
static vx_slice boundary_of(const struct vx_param *p)
{
	while (p != NULL && !vx_slice_eq(p->name, VX_S("boundary")))
		p = p->next;
	return p == NULL || p->value.len > VX_MIME_BOUNDARY_MAX ? vx_slice_of("", 0)
								: p->value;
}

/* A multipart without a boundary has no valid type: text/plain (RFC 2045 5.2). */
static void content_type(const struct header *h, struct vx_desc_part *p, bool digest,
    struct vx_buf *strings, struct vx_arena *arena, vx_slice *boundary, unsigned *defects)
{
	struct vx_param *params = NULL;
	vx_slice main = { 0 }, type = { 0 };

	if (h->type.ptr == NULL) {
		default_type(p, digest, strings);
		return;
	}
	if (vx_params_parse(h->type, arena, &main, &params) != VX_OK ||
	    !vx_slice_cut(&main, '/', &type) || !is_token(type) || !is_token(main)) {
		*defects |= VX_DEFECT_CONTENT_TYPE;
		default_type(p, digest, strings);
		return;
	}
	if (vx_slice_eq_nocase(type, VX_S("multipart"))) {
		*boundary = boundary_of(params);
		if (boundary->len == 0) {
			*defects |= VX_DEFECT_BOUNDARY;
			default_type(p, false, strings);
			return;
		}
	}
	set_type(p, strings, type, main);
	p->strings[VX_STR_PARAMS] = pack_params(params, strings);
}

void vx_desc_childless(struct vx_desc_part *p, bool limit, struct vx_buf *strings)
{
	p->flags &= ~(unsigned)(VX_PART_MULTIPART | VX_PART_MESSAGE | VX_DESC_DIGEST);
	p->strings[VX_STR_PARAMS] = VX_STR_NONE;
	if (limit)
		set_type(p, strings, VX_S("application"), VX_S("octet-stream"));
	else
		default_type(p, false, strings);
}

static uint32_t add_unfolded(struct vx_buf *strings, vx_slice value)
{
	const uint32_t at = (uint32_t)strings->len;

	if (vx_slice_trim(value, " \t\r\n").len == 0)
		return VX_STR_NONE;
	(void)pack_text(value, strings);
	return strings->len == at ? VX_STR_NONE : at;
}

/* RFC 3282: tags with commas between them. */
static void languages(vx_slice value, struct vx_desc_part *p, struct vx_buf *strings)
{
	struct vx_buf list = { .max = VX_PART_PARAMS_MAX };
	struct vx_cursor c = vx_cursor_of(value);

	for (vx_skip_cfws(&c); !vx_cur_end(&c); vx_skip_cfws(&c)) {
		vx_slice tag;

		if (!vx_cur_some(&c, VX_C_TOKEN, &tag))
			c.p++;
		else if (8 + tag.len <= list.max - list.len)
			add_packed(&list, &tag);
	}
	if (list.len > 0)
		p->strings[VX_STR_LANGUAGES] =
		    vx_desc_add_string(strings, vx_buf_slice(&list));
	vx_buf_done(&list);
}

static void other_fields(const struct header *h, struct vx_desc_part *p,
    struct vx_buf *strings, struct vx_arena *arena, unsigned *defects)
{
	struct vx_param *params = NULL;
	vx_slice main = { 0 };

	if (h->encoding.ptr != NULL &&
	    vx_params_parse(h->encoding, arena, &main, &params) == VX_OK &&
	    is_token(main)) {
		p->strings[VX_STR_ENCODING] = add_lower(strings, main);
		if ((p->flags & (VX_PART_MULTIPART | VX_PART_MESSAGE)) != 0 &&
		    (vx_slice_eq_nocase(main, VX_S("base64")) ||
			vx_slice_eq_nocase(main, VX_S("quoted-printable"))))
			*defects |= VX_DEFECT_ENCODING;
	}
	if (h->disposition.ptr != NULL &&
	    vx_params_parse(h->disposition, arena, &main, &params) == VX_OK &&
	    is_token(main)) {
		p->strings[VX_STR_DISPOSITION] = add_lower(strings, main);
		p->strings[VX_STR_DISPOSITION_PARAMS] = pack_params(params, strings);
	}
	if (h->id.ptr != NULL)
		p->strings[VX_STR_ID] = add_unfolded(strings, h->id);
	if (h->description.ptr != NULL)
		p->strings[VX_STR_DESCRIPTION] = add_unfolded(strings, h->description);
	if (h->md5.ptr != NULL)
		p->strings[VX_STR_MD5] = add_unfolded(strings, h->md5);
	if (h->location.ptr != NULL)
		p->strings[VX_STR_LOCATION] = add_unfolded(strings, h->location);
	if (h->language.ptr != NULL)
		languages(h->language, p, strings);
}

/* --- the message's own
 * ---------------------------------------------------------------------- */

static uint32_t base_subject(vx_slice field, struct vx_buf *strings, bool *reply)
{
	struct vx_buf text = { .max = 1 << 16 };
	uint32_t at;

	vx_subject_base(field, &text, reply);
	at = vx_desc_add_string(strings, vx_buf_slice(&text));
	vx_buf_done(&text);
	return at;
}

/* Without valid ids in References the first of In-Reply-To (RFC 5256 3). */
static uint32_t references(const struct header *h, struct vx_buf *strings)
{
	struct vx_buf id = { .max = VX_HEADER_OCTETS_MAX };
	char hashes[8 * VX_REFERENCES_MAX];
	vx_slice list = vx_slice_head(h->references, REFERENCES_OCTETS_MAX);
	uint32_t at = VX_STR_NONE;
	size_t n = 0;

	for (; vx_message_id_next(&list, &id); vx_buf_reset(&id)) {
		if (n == VX_REFERENCES_MAX) /* the first one stays */
			memmove(hashes + 8, hashes + 16, 8 * (--n - 1));
		vx_put_le64(hashes + 8 * n++, vx_message_id_hash(vx_buf_slice(&id)));
	}
	list = vx_slice_head(h->envelope[VX_ENVELOPE_IN_REPLY_TO], REFERENCES_OCTETS_MAX);
	if (n == 0 && vx_message_id_next(&list, &id))
		vx_put_le64(hashes + 8 * n++, vx_message_id_hash(vx_buf_slice(&id)));
	if (n > 0)
		at = vx_desc_add_string(strings, vx_slice_of(hashes, 8 * n));
	vx_buf_done(&id);
	return at;
}

static uint64_t own_id(vx_slice field)
{
	struct vx_buf id = { .max = VX_HEADER_OCTETS_MAX };
	uint64_t hash = 0;

	field = vx_slice_head(field, REFERENCES_OCTETS_MAX);
	if (vx_message_id_next(&field, &id))
		hash = vx_message_id_hash(vx_buf_slice(&id));
	vx_buf_done(&id);
	return hash;
}

static void about_message(
    const struct header *h, struct vx_buf *strings, struct vx_desc_message *m)
{
	struct vx_civil date;

	if (h->envelope[VX_ENVELOPE_DATE].ptr != NULL &&
	    vx_date_parse(h->envelope[VX_ENVELOPE_DATE], &date) == VX_OK)
		m->sent = vx_civil_time(&date);
	m->id_hash = own_id(h->envelope[VX_ENVELOPE_MESSAGE_ID]);
	m->references = references(h, strings);
	if (h->envelope[VX_ENVELOPE_SUBJECT].ptr != NULL)
		m->subject =
		    base_subject(h->envelope[VX_ENVELOPE_SUBJECT], strings, &m->reply);
}

void vx_desc_parse_header(vx_slice header, struct vx_desc_part *p, bool digest,
    struct vx_buf *strings, struct vx_arena *arena, vx_slice *boundary, unsigned *defects,
    struct vx_desc_message *message)
{
	struct header h = { 0 };

	find_fields(header, &h, defects);
	content_type(&h, p, digest, strings, arena, boundary, defects);
	other_fields(&h, p, strings, arena, defects);
	if ((p->flags & VX_PART_ROOT) != 0)
		p->strings[VX_STR_ENVELOPE] = pack_envelope(&h, arena, strings, defects);
	if (message != NULL)
		about_message(&h, strings, message);
}

/* --- preview
 * ---------------------------------------------------------------------------------- */

static vx_slice string_at(const struct vx_buf *strings, uint32_t at)
{
	vx_slice list = vx_slice_from(vx_buf_slice(strings), at), out = { 0 };

	if (at == VX_STR_NONE || strings->failed || !vx_packed_next(&list, &out))
		return vx_slice_of("", 0);
	return out;
}

static vx_slice charset_of(const struct vx_desc_part *p, const struct vx_buf *strings)
{
	vx_slice list = string_at(strings, p->strings[VX_STR_PARAMS]), name, value;

	while (vx_packed_next(&list, &name) && vx_packed_next(&list, &value))
		if (vx_slice_eq(name, VX_S("charset")))
			return value;
	return VX_S("us-ascii");
}

/* At most VX_PREVIEW_MAX characters, runs of blanks as one. */
static void shorten(vx_slice text, struct vx_buf *out)
{
	size_t count = 0;
	bool gap = false;

	while (text.len > 0) {
		size_t n;

		(void)vx_utf8_next(text, &n);
		if (vx_is(text.ptr[0], VX_C_CTL | VX_C_WSP)) {
			gap = out->len > 0;
		} else {
			count += gap + 1u;
			if (count > VX_PREVIEW_MAX)
				return;
			if (gap)
				vx_buf_add_char(out, ' ');
			gap = false;
			vx_buf_add(out, vx_slice_head(text, n));
		}
		text = vx_slice_from(text, n);
	}
}

uint32_t vx_desc_preview(
    const struct vx_desc_part *p, vx_slice captured, struct vx_buf *strings)
{
	struct vx_buf raw = { .max = 65536 }, text = { .max = 262144 },
		      plain = { .max = 262144 }, brief = { .max = 4 * VX_PREVIEW_MAX };
	uint32_t at = VX_STR_NONE;

	/* what was captured may run into the delimiter that ended the part */
	if (p->end - p->body_offset < captured.len)
		captured.len = (size_t)(p->end - p->body_offset);
	vx_transfer_decode(
	    string_at(strings, p->strings[VX_STR_ENCODING]), captured, &raw);
	(void)vx_charset_decode(charset_of(p, strings), vx_buf_slice(&raw), &text);
	if (vx_slice_eq(string_at(strings, p->strings[VX_STR_SUBTYPE]), VX_S("html")))
		vx_html_text(vx_buf_slice(&text), &plain);
	else
		vx_buf_add(&plain, vx_buf_slice(&text));
	shorten(vx_buf_slice(&plain), &brief);
	if (brief.len > 0 && brief.len + 4 <= strings->max - strings->len)
		at = vx_desc_add_string(strings, vx_buf_slice(&brief));
	vx_buf_done(&raw);
	vx_buf_done(&text);
	vx_buf_done(&plain);
	vx_buf_done(&brief);
	return at;
}
