/*
 * Reports of others: what is read is bounded, and safe to be shown.  Reports of ours, of
 * values that others made: lines that any server takes, and they are read back.
 *
 * Input: an octet; 0 to 127: a message follows.  Above: values with NUL between them, and
 * behind the last one the original's header; the octet's bits say what kind of report.
 */
#include "base/encode.h"
#include "vectis/dsn.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECIPIENTS = 3
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_text(vx_slice s, size_t max)
{
	must(s.len <= max && vx_utf8_valid(s));
	for (size_t i = 0; i < s.len; i++)
		must((unsigned char)s.ptr[i] >= ' ' && s.ptr[i] != 127);
}

static void check_notice(const struct vx_dsn_notice *n)
{
	must(n->count > 0 && n->count <= VX_DSN_READ_RECIPIENTS_MAX);
	check_text(n->envelope_id, VX_DSN_TEXT_MAX);
	check_text(n->reporting, VX_DSN_TEXT_MAX);
	check_text(n->message_id, VX_DSN_TEXT_MAX);
	for (size_t i = 0; i < n->count; i++) {
		const struct vx_dsn_told *const t = &n->told[i];

		must(t->action <= VX_DSN_EXPANDED &&
		     strlen(t->status) <= VX_DSN_STATUS_MAX);
		must(t->code == 0 || (t->code >= 200 && t->code < 600));
		check_text(t->address, VX_DSN_ADDRESS_MAX);
		check_text(t->original, VX_DSN_ADDRESS_MAX);
		check_text(t->diagnostic, VX_DSN_TEXT_MAX);
		check_text(t->remote, VX_DSN_TEXT_MAX);
		must(t->address.len > 0 || t->original.len > 0);
	}
}

static void read_one(vx_slice message)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_dsn_notice n;
	const int rc = vx_dsn_read(message, &arena, &n);

	must(rc == VX_OK || rc == VX_ENOENT || rc == VX_ELIMIT);
	if (rc == VX_OK)
		check_notice(&n);
	vx_arena_done(&arena);
}

static vx_slice value(vx_slice *rest)
{
	vx_slice v;

	(void)vx_slice_cut(rest, '\0', &v);
	return v;
}

static void check_lines(vx_slice s, bool has_8bit)
{
	vx_slice line;

	must(has_8bit || vx_is_ascii(s));
	while (s.len > 0) {
		must(vx_slice_cut(&s, '\n', &line));
		must(line.len > 0 && line.len <= 999 &&
		     vx_slice_find(line, '\0') == line.len);
		must(vx_slice_find(line, '\r') == line.len - 1);
	}
}

static void check_written(const struct vx_dsn_report *r, const struct vx_dsn_writer *w,
    vx_slice text, bool whole)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_dsn_notice n;

	if (!whole)
		check_lines(text, w->has_8bit);
	must(w->needs_utf8 == !vx_is_ascii(r->to));
	/* who foresees the boundary can do as he likes */
	if (vx_slice_find_slice(r->header, r->token) == r->header.len) {
		must(vx_dsn_read(text, &arena, &n) == VX_OK);
		check_notice(&n);
		must(n.count == r->count);
		for (size_t i = 0; i < n.count; i++)
			must(n.told[i].action == r->recipients[i].action);
	}
	vx_arena_done(&arena);
}

static void write_one(uint8_t kind, vx_slice rest)
{
	struct vx_dsn_recipient to[RECIPIENTS];
	struct vx_dsn_report r = { .hostname = VX_S("mx.test"),
		.from = VX_S("postmaster@mx.test"),
		.message_id = VX_S("1@mx.test"),
		.token = VX_S("7hQ2k9Zr1bVd"),
		.now = 1795860120,
		.recipients = to,
		.count = 1 + kind % RECIPIENTS,
		.full = (kind & 4) != 0,
		.has_8bit = true };
	struct vx_buf out = { .max = 8u << 20 };
	struct vx_dsn_writer w;
	bool whole;

	r.to = value(&rest);
	r.envid = value(&rest);
	for (size_t i = 0; i < RECIPIENTS; i++)
		to[i] = (struct vx_dsn_recipient){
			.action = (enum vx_dsn_action)(1 + (kind >> 3) % 5),
			.address = value(&rest),
			.orcpt = value(&rest),
			.status = value(&rest),
			.diagnostic = value(&rest),
			.remote = value(&rest),
			.attempted = kind & 8,
			.retry_until = kind & 16,
		};
	r.header = rest;
	if (vx_dsn_begin(&w, &r, &out) == VX_OK) {
		whole = w.returning;
		if (whole)
			vx_dsn_content(&w, r.header, &out);
		vx_dsn_end(&w, &out);
		must(!out.failed);
		check_written(&r, &w, vx_buf_slice(&out), whole);
	} else {
		must(out.len == 0);
	}
	vx_buf_done(&out);
}

static void codecs(vx_slice s)
{
	struct vx_buf text = { .max = 1 << 20 }, back = { .max = 1 << 20 };
	vx_slice type;

	if (vx_orcpt_decode(s, &type, &back) == VX_OK)
		must(type.len > 0 && back.len <= s.len);
	if (vx_orcpt_ascii(s, &text) == VX_OK)
		must(vx_is_ascii(vx_buf_slice(&text)) && text.len <= VX_DSN_ORCPT_MAX);
	vx_buf_reset(&text);
	vx_buf_reset(&back);
	vx_xtext_encode(s, &text);
	must(vx_xtext_decode(vx_buf_slice(&text), &back) == VX_OK &&
	     vx_slice_eq(vx_buf_slice(&back), s));
	vx_buf_reset(&text);
	vx_buf_reset(&back);
	vx_utf8_addr_encode(s, true, &text);
	must(vx_utf8_addr_decode(vx_buf_slice(&text), &back) == VX_OK);
	must(!vx_utf8_valid(s) || vx_slice_eq(vx_buf_slice(&back), s));
	vx_buf_done(&text);
	vx_buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice rest = vx_slice_of(data + 1, size == 0 ? 0 : size - 1);

	if (size < 2 || size > 65536)
		return 0;
	if (data[0] < 128)
		read_one(rest);
	else
		write_one(data[0], rest);
	if (size < 1000)
		codecs(rest);
	return 0;
}
