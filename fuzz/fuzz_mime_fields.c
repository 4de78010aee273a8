/*
 * What stands in header fields.  The first octet says which parser gets the rest; what
 * it read is written again where that is possible, and must read the same.
 */
#include "base/chars.h"
#include "base/encode.h"
#include "vectis/address.h"
#include "vectis/date.h"
#include "vectis/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ARENA_MAX = 4 << 20,
	OUT_MAX = 1 << 20
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* --- addresses ------------------------------------------------------------------------
 */

static void write_quoted(struct vx_buf *out, vx_slice s)
{
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, s.ptr[i]);
	}
	vx_buf_add_char(out, '"');
}

static void write_address(struct vx_buf *out, const struct vx_address *a)
{
	switch (a->kind) {
	case VX_ADDRESS_MAILBOX:
		if (a->name.ptr != NULL)
			write_quoted(out, a->name);
		vx_buf_add_char(out, '<');
		write_quoted(out, a->local);
		vx_buf_add_char(out, '@');
		vx_buf_add(out, a->domain);
		vx_buf_add_str(
		    out, a->next != NULL && a->next->kind == VX_ADDRESS_GROUP_END ? ">"
										  : ">,");
		break;
	case VX_ADDRESS_GROUP_BEGIN:
		write_quoted(out, a->name);
		vx_buf_add_char(out, ':');
		break;
	case VX_ADDRESS_GROUP_END:
		vx_buf_add_str(out, ";,");
		break;
	}
}

static bool is_domain(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT | VX_C_HIGH) &&
		    s.ptr[i] != '.' && s.ptr[i] != '-')
			return false;
	return true;
}

static bool same(const struct vx_address *a, const struct vx_address *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (a->kind != b->kind || !vx_slice_eq(a->name, b->name) ||
		    !vx_slice_eq(a->local, b->local) ||
		    !vx_slice_eq(a->domain, b->domain))
			return false;
	return a == NULL && b == NULL;
}

static void addresses(vx_slice in)
{
	struct vx_arena arena = { .limit = ARENA_MAX }, other = { .limit = ARENA_MAX },
			small = { .limit = 200 };
	struct vx_address *list, *again;
	struct vx_buf out = { .max = OUT_MAX };
	bool in_group = false, plain = true, limit;
	size_t count = 0;

	limit = vx_address_parse(in, &arena, &list) != VX_OK;
	for (const struct vx_address *a = list; a != NULL; a = a->next, count++) {
		must((a->kind == VX_ADDRESS_GROUP_BEGIN ? !in_group : true) &&
		     (a->kind == VX_ADDRESS_GROUP_END ? in_group : true));
		if (a->kind != VX_ADDRESS_MAILBOX)
			in_group = a->kind == VX_ADDRESS_GROUP_BEGIN;
		else
			must(a->local.len > 0 || a->domain.len > 0);
		must(a->name.ptr == NULL || a->name.len > 0 ||
		     a->kind == VX_ADDRESS_GROUP_BEGIN);
		plain = plain && is_domain(a->domain);
		write_address(&out, a);
	}
	must(!in_group && count <= VX_ADDRESSES_MAX + 1);
	must(!limit || count >= VX_ADDRESSES_MAX);
	if (plain && count < VX_ADDRESSES_MAX) {
		must(vx_address_parse(vx_buf_slice(&out), &other, &again) == VX_OK);
		must(same(list, again));
	}
	(void)vx_address_parse(in, &small, &again);
	vx_arena_done(&arena);
	vx_arena_done(&other);
	vx_arena_done(&small);
	vx_buf_done(&out);
}

static void domains(vx_slice in)
{
	struct vx_buf out = { .max = 255 }, again = { .max = 255 };
	vx_slice local, domain;

	if (vx_address_split(in, &local, &domain) == VX_OK)
		must(local.len > 0 && domain.len > 0 && *vx_slice_end(local) == '@' &&
		     local.len + 1 + domain.len == in.len);
	if (vx_domain_normalise(in, &out) == VX_OK) {
		must(vx_is_ascii(vx_buf_slice(&out)) && out.len <= 253);
		must(vx_domain_normalise(vx_buf_slice(&out), &again) == VX_OK);
		must(vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&again)));
	} else {
		must(out.len == 0);
	}
	vx_buf_done(&out);
	vx_buf_done(&again);
}

/* --- dates ----------------------------------------------------------------------------
 */

static void dates(vx_slice in)
{
	struct vx_buf out = { .max = 100 };
	struct vx_civil c, again;
	int64_t t, back;

	/* the leap second at the end of 9999 is in a year that is not written */
	if (vx_date_parse(in, &c) == VX_OK && (c.year < 9999 || c.second < 60)) {
		t = vx_civil_time(&c);
		vx_date_write(&out, t, c.zone);
		must(vx_date_parse(vx_buf_slice(&out), &again) == VX_OK);
		must(vx_civil_time(&again) == t && again.zone == c.zone);
	}
	if (vx_date_imap_parse(in, &t) == VX_OK) {
		vx_buf_reset(&out);
		vx_date_imap_write(&out, t);
		must(out.len == strlen("23-Nov-2026 10:00:00 +0000"));
		must(vx_date_imap_parse(vx_buf_slice(&out), &back) == VX_OK);
		must(back == t);
	}
	if (in.len >= 8) { /* any number of seconds, as of a damaged record */
		memcpy(&t, in.ptr, sizeof(t));
		vx_buf_reset(&out);
		vx_date_imap_write(&out, t);
		must(vx_date_imap_parse(vx_buf_slice(&out), &back) == VX_OK);
		(void)vx_civil_of(t, 5999);
	}
	(void)vx_date_day_parse(in, &t);
	vx_buf_done(&out);
}

/* --- fields ---------------------------------------------------------------------------
 */

static size_t count_fields(vx_slice block)
{
	struct vx_field f;
	size_t n = 0;

	while (vx_field_next(&block, &f))
		n++;
	must(block.len == 0);
	return n;
}

/* A header with its blank line: ASCII, no field more, and the same a second time. */
static void downgrade(vx_slice header)
{
	struct vx_buf out = { .max = OUT_MAX }, again = { .max = OUT_MAX };

	vx_header_downgrade(header, &out);
	must(vx_is_ascii(vx_buf_slice(&out)));
	if (!out.failed) {
		must(count_fields(vx_buf_slice(&out)) <= count_fields(header));
		vx_header_downgrade(vx_buf_slice(&out), &again);
		must(vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&again)));
	}
	vx_buf_done(&out);
	vx_buf_done(&again);
}

static void fields(vx_slice in)
{
	const char *at = in.ptr;
	vx_slice block = in;
	struct vx_field f;

	while (vx_field_next(&block, &f)) {
		struct vx_buf out = { .max = OUT_MAX };

		must(f.whole.ptr == at && f.whole.len > 0);
		must(f.bad == (f.name.len == 0));
		at = vx_slice_end(f.whole);
		must(block.ptr == at);
		vx_field_unfold(f.value, &out);
		must(vx_slice_find(vx_buf_slice(&out), '\n') == out.len);
		must(out.len <= f.value.len);
		vx_buf_done(&out);
	}
	must(block.ptr >= at && vx_slice_end(block) == vx_slice_end(in));
	downgrade(vx_slice_head(in, in.len - block.len));
}

/* Text as encoded words, cut anywhere. */
static void write_words(struct vx_buf *out, vx_slice text, bool quoted)
{
	while (text.len > 0) {
		const vx_slice part = vx_slice_head(text, 1 + (uint8_t)text.ptr[0] % 30u);

		vx_buf_add_str(out, quoted ? "=?UTF-8?q?" : "=?utf-8*x?B?");
		if (!quoted)
			vx_base64_add(out, part);
		for (size_t i = 0; quoted && i < part.len; i++) {
			if (vx_is(part.ptr[i], VX_C_ALPHA | VX_C_DIGIT))
				vx_buf_add_char(out, part.ptr[i]);
			else
				vx_buf_printf(
				    out, "=%02X", (unsigned)(uint8_t)part.ptr[i]);
		}
		vx_buf_add_str(out, quoted ? "?= " : "?=\r\n\t");
		text = vx_slice_from(text, part.len);
	}
	if (out->len > 0)
		vx_buf_truncate(out, out->len - (quoted ? 1 : 3));
}

static void words(vx_slice in)
{
	struct vx_buf text = { .max = OUT_MAX }, wire = { .max = OUT_MAX },
		      back = { .max = OUT_MAX };

	vx_text_decode(in, &text);
	must(vx_utf8_valid(vx_buf_slice(&text)));
	for (unsigned quoted = 0; quoted < 2 && text.len < OUT_MAX / 32; quoted++) {
		vx_buf_reset(&wire);
		vx_buf_reset(&back);
		write_words(&wire, vx_buf_slice(&text), quoted == 1);
		vx_text_decode(vx_buf_slice(&wire), &back);
		must(vx_slice_eq(vx_buf_slice(&text), vx_buf_slice(&back)));
	}
	vx_buf_done(&text);
	vx_buf_done(&wire);
	vx_buf_done(&back);
}

/* A value as pieces of RFC 2231, the last first. */
static void write_pieces(struct vx_buf *out, vx_slice value)
{
	const size_t step = value.len / 4 + 1;

	vx_buf_add_str(out, "a/b");
	for (size_t n = (value.len + step - 1) / step; n-- > 0;) {
		const vx_slice part = vx_slice_head(vx_slice_from(value, n * step), step);

		vx_buf_printf(out, "; n*%zu*=%s", n, n == 0 ? "UTF-8'x'" : "");
		for (size_t i = 0; i < part.len; i++)
			vx_buf_printf(out, "%%%02x", (unsigned)(uint8_t)part.ptr[i]);
	}
}

static void params(vx_slice in)
{
	struct vx_arena arena = { .limit = ARENA_MAX }, small = { .limit = 6000 };
	struct vx_buf wire = { .max = OUT_MAX }, text = { .max = OUT_MAX };
	struct vx_param *p, *again;
	vx_slice main;
	size_t count = 0;

	must(vx_params_parse(in, &arena, &main, &p) == VX_OK);
	for (; p != NULL; p = p->next, count++)
		for (size_t i = 0; i < p->name.len; i++)
			must(p->name.ptr[i] == vx_lower(p->name.ptr[i]));
	must(count <= VX_PARAMS_MAX);
	(void)vx_params_parse(in, &small, &main, &again);
	(void)vx_charset_decode(VX_S("utf-8"), in, &text);
	if (in.len > 0 && in.len < 10000) {
		vx_arena_reset(&arena);
		write_pieces(&wire, vx_buf_slice(&text));
		must(vx_params_parse(vx_buf_slice(&wire), &arena, &main, &p) == VX_OK);
		must(vx_slice_eq(main, VX_S("a/b")) && p != NULL && p->next == NULL);
		must(vx_slice_eq(p->name, VX_S("n")));
		must(vx_slice_eq(p->value, vx_buf_slice(&text)));
	}
	vx_arena_done(&arena);
	vx_arena_done(&small);
	vx_buf_done(&wire);
	vx_buf_done(&text);
}

/* --- text -----------------------------------------------------------------------------
 */

/* Up to the first LF the charset's name, then text in it. */
static void charsets(vx_slice in)
{
	struct vx_buf out = { .max = OUT_MAX }, folded = { .max = OUT_MAX };
	vx_slice name;

	(void)vx_slice_cut(&in, '\n', &name);
	(void)vx_charset_decode(name, in, &out);
	must(vx_utf8_valid(vx_buf_slice(&out)));
	vx_text_fold(vx_buf_slice(&out), &folded);
	must(vx_utf8_valid(vx_buf_slice(&folded)));
	vx_buf_reset(&folded);
	vx_password_prepare(in, &folded);
	vx_text_fold(in, &folded);
	vx_buf_done(&out);
	vx_buf_done(&folded);
}

static void encodings(vx_slice in)
{
	struct vx_buf out = { .max = OUT_MAX }, wire = { .max = OUT_MAX };

	vx_transfer_decode(VX_S("base64"), in, &out);
	must(out.len <= in.len);
	vx_buf_reset(&out);
	vx_transfer_decode(VX_S("quoted-printable"), in, &out);
	must(out.len <= in.len);
	vx_buf_reset(&out);
	vx_base64_add(&wire, in);
	vx_transfer_decode(VX_S("BASE64"), vx_buf_slice(&wire), &out);
	must(vx_slice_eq(vx_buf_slice(&out), in));
	vx_buf_reset(&out);
	vx_buf_reset(&wire);
	for (size_t i = 0; i < in.len; i++)
		vx_buf_printf(&wire, i % 20 == 19 ? "=%02X=\r\n" : "=%02X",
		    (unsigned)(uint8_t)in.ptr[i]);
	vx_transfer_decode(VX_S("Quoted-Printable"), vx_buf_slice(&wire), &out);
	must(vx_slice_eq(vx_buf_slice(&out), in));
	vx_buf_reset(&out);
	vx_html_text(in, &out);
	must(out.len <= 4 * in.len + 4);
	vx_buf_done(&out);
	vx_buf_done(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(vx_slice in) = { addresses, domains, dates, fields,
		words, params, charsets, encodings };

	if (size < 1 || size > 65536)
		return 0;
	parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](
	    vx_slice_of(data + 1, size - 1));
	return 0;
}
