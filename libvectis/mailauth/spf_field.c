/* Received-SPF (RFC 7208 9.1). */
#include "mailauth/spf_int.h"

/* Printable ASCII is as it is, the rest are question marks; no line becomes too long. */
static void add_escaped(struct vx_buf *out, const char *text, const char *escaped)
{
	const vx_slice s = vx_slice_head(vx_slice_str(text), VX_SPF_VALUE_MAX);

	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i] < ' ' || s.ptr[i] > '~' ? '?' : s.ptr[i];

		if (strchr(escaped, c) != NULL)
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, c);
	}
}

static bool is_dot_atom(vx_slice s)
{
	bool dot = true;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '.' ? dot : !vx_is(s.ptr[i], VX_C_ATEXT))
			return false;
		dot = s.ptr[i] == '.';
	}
	return !dot;
}

static void add_pair(struct vx_buf *out, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	vx_buf_printf(out, "\r\n\t%s=", key);
	if (is_dot_atom(vx_slice_str(value))) {
		vx_buf_add_str(out, value);
	} else {
		vx_buf_add_char(out, '"');
		add_escaped(out, value, "\"\\");
		vx_buf_add_char(out, '"');
	}
	vx_buf_add_char(out, ';');
}

/* What it means, with the client before it and the identity behind it. */
static const char *words(enum vx_verdict verdict)
{
	switch (verdict) {
	case VX_VERDICT_PASS:
		return "may send for";
	case VX_VERDICT_FAIL:
		return "may not send for";
	case VX_VERDICT_SOFTFAIL:
		return "probably may not send for";
	case VX_VERDICT_NEUTRAL:
		return "is neither named nor excluded by";
	case VX_VERDICT_NONE:
	case VX_VERDICT_POLICY:
	case VX_VERDICT_TEMPERROR:
	case VX_VERDICT_PERMERROR:
		break;
	}
	return NULL;
}

static void add_comment(const struct vx_spf *s, const char *who, struct vx_buf *out)
{
	const struct vx_spf_result *const r = &s->result;
	const char *const text = words(r->verdict);

	vx_buf_printf(out, "\r\n\t(%s: ", s->receiver);
	if (text != NULL) {
		vx_buf_printf(out, "%s %s\r\n\t", s->client, text);
		add_escaped(out, who, "()\\");
	} else {
		add_escaped(out, r->reason, "()\\");
	}
	vx_buf_add_char(out, ')');
}

void vx_spf_write(const struct vx_spf *s, struct vx_buf *out)
{
	const struct vx_spf_result *const r = &s->result;
	const bool helo = r->identity == VX_SPF_HELO;

	vx_buf_printf(out, "Received-SPF: %s", vx_verdict_name(r->verdict));
	add_comment(s, helo ? s->helo : s->mail_from, out);
	add_pair(out, "receiver", s->receiver);
	add_pair(out, "identity", helo ? "helo" : "mailfrom");
	add_pair(out, "client-ip", s->client);
	add_pair(out, "helo", s->helo);
	add_pair(out, "envelope-from", helo ? "" : s->mail_from);
	add_pair(out, "mechanism", r->mechanism);
	if (r->verdict == VX_VERDICT_TEMPERROR || r->verdict == VX_VERDICT_PERMERROR)
		add_pair(out, "problem", r->reason);
	vx_buf_truncate(out, out->failed ? out->len : out->len - 1);
	vx_buf_add_str(out, "\r\n");
}
