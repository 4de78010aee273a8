/* Delivery status notifications of others are read. */
#include "base/cursor.h"
#include "base/mem.h"
#include "mime/cfws.h"
#include "mime/safe.h"
#include "vectis/dsn.h"
#include "vectis/message.h"

enum {
	HEADER_READ_MAX = 64 * 1024, /* of what goes back */
	VALUE_MAX = 4096,
};

struct reader {
	vx_slice message;
	struct vx_arena *arena;
	struct vx_buf scratch;
	struct vx_dsn_notice *out;
	int rc;
};

static vx_slice keep(struct reader *r, vx_slice text, size_t max)
{
	vx_slice copy = { "", 0 };

	vx_buf_reset(&r->scratch);
	vx_safe_text(text, max, false, &r->scratch);
	if (vx_arena_copy(r->arena, vx_buf_slice(&r->scratch), &copy) != VX_OK)
		r->rc = VX_ELIMIT;
	return copy;
}

/* "type; value": the value, and its type; without a type all is value. */
static vx_slice without_type(vx_slice value, vx_slice *type)
{
	struct vx_cursor c = vx_cursor_of(vx_slice_trim(value, " \t\r\n"));
	const vx_slice all = vx_cur_rest(&c);

	*type = vx_cur_run(&c, VX_C_ATEXT);
	vx_skip_cfws(&c);
	if (type->len == 0 || !vx_cur_char(&c, ';')) {
		*type = VX_S("");
		return all;
	}
	return vx_slice_trim(vx_cur_rest(&c), " \t\r\n");
}

static vx_slice keep_address(struct reader *r, vx_slice value)
{
	struct vx_buf plain = { .max = VX_DSN_ADDRESS_MAX };
	vx_slice type, text = without_type(value, &type), out;

	/* some write it as in a header */
	if (text.len > 2 && text.ptr[0] == '<' && text.ptr[text.len - 1] == '>')
		text = vx_slice_of(text.ptr + 1, text.len - 2);
	if (vx_slice_eq_nocase(type, VX_S("utf-8")) &&
	    vx_utf8_addr_decode(text, &plain) == VX_OK)
		text = vx_buf_slice(&plain);
	out = keep(r, text, VX_DSN_ADDRESS_MAX);
	vx_buf_done(&plain);
	return out;
}

static vx_slice keep_text(struct reader *r, vx_slice value)
{
	vx_slice type;

	return keep(r, without_type(value, &type), VX_DSN_TEXT_MAX);
}

/* "550 5.1.1 no", whatever type it says it has */
static unsigned reply_code(vx_slice text)
{
	uint64_t code;

	if (text.len > 3 && text.ptr[3] != ' ' && text.ptr[3] != '-')
		return 0;
	if (vx_slice_number(vx_slice_head(text, 3), 599, &code) != VX_OK || code < 200)
		return 0;
	return (unsigned)code;
}

/* "5.1.1", and what may stand behind it */
static void read_status(vx_slice value, struct vx_dsn_told *t)
{
	const vx_slice text = vx_slice_trim(value, " \t\r\n");
	struct vx_cursor c = vx_cursor_of(text);
	uint64_t n;
	vx_slice s;

	if (!vx_cur_number(&c, 9, &n) || !vx_cur_char(&c, '.') ||
	    !vx_cur_number(&c, 999, &n) || !vx_cur_char(&c, '.') ||
	    !vx_cur_number(&c, 999, &n))
		return;
	s = vx_slice_range(text.ptr, c.p);
	if (s.len > VX_DSN_STATUS_MAX || vx_slice_find(s, '.') != 1)
		return;
	memcpy(t->status, s.ptr, s.len);
	t->status[s.len] = '\0';
}

static void read_action(vx_slice value, struct vx_dsn_told *t)
{
	struct vx_cursor c = vx_cursor_of(vx_slice_trim(value, " \t\r\n"));
	const vx_slice word = vx_cur_run(&c, VX_C_ALPHA);

	for (unsigned a = VX_DSN_FAILED; a <= VX_DSN_EXPANDED; a++)
		if (vx_slice_eq_nocase(
			word, vx_slice_str(vx_dsn_action_name((enum vx_dsn_action)a))))
			t->action = (enum vx_dsn_action)a;
}

/* Action must be there (RFC 3464 2.3.3); where it is not, the status tells. */
static void derive_action(struct vx_dsn_told *t)
{
	if (t->action != VX_DSN_UNKNOWN)
		return;
	if (t->status[0] == '5')
		t->action = VX_DSN_FAILED;
	else if (t->status[0] == '4')
		t->action = VX_DSN_DELAYED;
	else if (t->status[0] == '2')
		t->action = VX_DSN_DELIVERED;
}

/* --- the fields --------------------------------------------------------------------- */

static void take_field(struct reader *r, const struct vx_field *f, struct vx_dsn_told *t)
{
	const vx_slice value = vx_slice_head(f->value, VALUE_MAX);
	const vx_slice name = f->name;

	if (vx_slice_eq_nocase(name, VX_S("Final-Recipient"))) {
		t->address = keep_address(r, value);
	} else if (vx_slice_eq_nocase(name, VX_S("Original-Recipient"))) {
		t->original = keep_address(r, value);
	} else if (vx_slice_eq_nocase(name, VX_S("Action"))) {
		read_action(value, t);
	} else if (vx_slice_eq_nocase(name, VX_S("Status"))) {
		read_status(value, t);
	} else if (vx_slice_eq_nocase(name, VX_S("Remote-MTA"))) {
		t->remote = keep_text(r, value);
	} else if (vx_slice_eq_nocase(name, VX_S("Diagnostic-Code"))) {
		t->diagnostic = keep_text(r, value);
		t->code = reply_code(t->diagnostic);
	} else if (vx_slice_eq_nocase(name, VX_S("Original-Envelope-Id"))) {
		r->out->envelope_id = keep(r, value, VX_DSN_TEXT_MAX);
	} else if (vx_slice_eq_nocase(name, VX_S("Reporting-MTA"))) {
		r->out->reporting = keep_text(r, value);
	}
}

static void add_told(struct reader *r, const struct vx_dsn_told *t)
{
	struct vx_dsn_notice *const out = r->out;

	if (out->count == VX_DSN_READ_RECIPIENTS_MAX) {
		out->cut = true;
		return;
	}
	out->told[out->count] = *t;
	derive_action(&out->told[out->count]);
	out->count++;
}

/* Groups of fields with blank lines between; whose has a recipient is one. */
static void read_status_part(struct reader *r, vx_slice body)
{
	r->out->told =
	    vx_arena_array(r->arena, VX_DSN_READ_RECIPIENTS_MAX, sizeof(*r->out->told));
	if (r->out->told == NULL) {
		r->rc = VX_ELIMIT;
		return;
	}
	while (body.len > 0 && r->rc == VX_OK && !r->out->cut) {
		struct vx_dsn_told t = { .address = { "", 0 },
			.original = { "", 0 },
			.diagnostic = { "", 0 },
			.remote = { "", 0 } };
		struct vx_field f;

		while (vx_field_next(&body, &f) && r->rc == VX_OK)
			take_field(r, &f, &t);
		if (t.address.len > 0 || t.original.len > 0)
			add_told(r, &t);
	}
}

static void read_original(struct reader *r, vx_slice header)
{
	struct vx_field f;

	while (vx_field_next(&header, &f)) {
		vx_slice id = f.value;

		if (!vx_slice_eq_nocase(f.name, VX_S("Message-ID")))
			continue;
		id = vx_slice_from(id, vx_slice_find(id, '<') + 1);
		id = vx_slice_head(id, vx_slice_find(id, '>'));
		if (id.len > 0)
			r->out->message_id = keep(r, id, VX_DSN_TEXT_MAX);
		return;
	}
}

/* --- the parts ---------------------------------------------------------------------- */

static bool is_type(const struct vx_part *p, const char *type, const char *subtype)
{
	return vx_slice_eq(p->type, vx_slice_str(type)) &&
	       vx_slice_eq(p->subtype, vx_slice_str(subtype));
}

static bool is_status_part(const struct vx_part *p)
{
	return is_type(p, "message", "delivery-status") ||
	       is_type(p, "message", "global-delivery-status");
}

static bool is_original(const struct vx_part *p)
{
	return is_type(p, "text", "rfc822-headers") || is_type(p, "message", "rfc822") ||
	       is_type(p, "message", "global") || is_type(p, "message", "global-headers");
}

static void take_part(struct reader *r, const struct vx_part *p)
{
	struct vx_buf body = { .max = VX_DSN_READ_MAX + 1024 };
	const size_t begin = (size_t)p->body_offset, end = (size_t)p->end;
	vx_slice raw = vx_slice_from(vx_slice_head(r->message, end), begin);
	const bool status = is_status_part(p);

	if (!status && !is_original(p))
		return;
	if (!status)
		raw = vx_slice_head(raw, HEADER_READ_MAX);
	vx_transfer_decode(p->encoding, raw, &body);
	if (body.failed)
		r->rc = VX_ENOMEM;
	else if (status && r->out->told == NULL)
		read_status_part(r, vx_buf_slice(&body));
	else if (!status && r->out->message_id.len == 0)
		read_original(r, vx_buf_slice(&body));
	vx_buf_done(&body);
}

/* report-type is missing here and there; another one is another report. */
static bool is_report(const struct vx_part *p)
{
	vx_slice params = p->params, name, value;

	if (!is_type(p, "multipart", "report") || p->first_child == 0)
		return false;
	while (vx_packed_next(&params, &name) && vx_packed_next(&params, &value))
		if (vx_slice_eq(name, VX_S("report-type")))
			return vx_slice_eq_nocase(value, VX_S("delivery-status"));
	return true;
}

static int read_parts(struct reader *r, vx_slice octets)
{
	struct vx_descriptor d;
	struct vx_part p;

	if (vx_descriptor_open(octets, &d) != VX_OK ||
	    vx_descriptor_part(&d, 0, &p) != VX_OK || !is_report(&p))
		return VX_ENOENT;
	for (uint32_t i = p.first_child; i != 0 && r->rc == VX_OK; i = p.next_sibling) {
		if (vx_descriptor_part(&d, i, &p) != VX_OK)
			return VX_ENOENT;
		take_part(r, &p);
	}
	if (r->rc != VX_OK)
		return r->rc;
	return r->out->count > 0 ? VX_OK : VX_ENOENT;
}

int vx_dsn_read(vx_slice message, struct vx_arena *arena, struct vx_dsn_notice *out)
{
	struct vx_dsn_notice notice = {
		.envelope_id = { "", 0 }, .reporting = { "", 0 }, .message_id = { "", 0 }
	};
	struct reader r = { .message = vx_slice_head(message, VX_DSN_READ_MAX),
		.arena = arena,
		.scratch = { .max = VALUE_MAX },
		.out = &notice };
	struct vx_buf descriptor = { .max = VX_DESCRIPTOR_MAX };
	struct vx_describer *d;
	int rc = vx_describer_new(&d);

	if (rc != VX_OK)
		return rc;
	vx_describer_add(d, r.message);
	rc = vx_describer_end(d, &descriptor);
	vx_describer_free(d);
	if (rc == VX_OK)
		rc = read_parts(&r, vx_buf_slice(&descriptor));
	if (rc == VX_OK)
		*out = notice;
	vx_buf_done(&r.scratch);
	vx_buf_done(&descriptor);
	return rc;
}
