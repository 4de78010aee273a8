/* An Authentication-Results field from what was found out (RFC 8601 2.2). */
#include "base/cursor.h"
#include "base/encode.h"
#include "mailauth/path.h"
#include "vectis/address.h"
#include "vectis/auth_results.h"

/* The line being written, and the word that goes to it next. */
struct writer {
	struct vx_buf *out;
	size_t line; /* where the line begins in out */
	bool utf8;
	struct vx_buf word;
};

static bool is_keyword(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && s.ptr[i] != '-')
			return false;
	return s.len > 0 && s.ptr[s.len - 1] != '-';
}

static bool is_token(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_TOKEN))
			return false;
	return s.len > 0;
}

/* The word goes to this line if it fits there, else to the next one. */
static void flush(struct writer *w, bool new_line)
{
	const size_t column = w->out->len - w->line;

	if (new_line || column + 1 + w->word.len > VX_AUTH_RESULTS_LINE) {
		vx_buf_add_str(w->out, "\r\n");
		w->line = w->out->len;
		vx_buf_add_char(w->out, '\t');
	} else {
		vx_buf_add_char(w->out, ' ');
	}
	vx_buf_add(w->out, vx_buf_slice(&w->word));
	w->out->failed = w->out->failed || w->word.failed;
	vx_buf_reset(&w->word);
}

/* --- values --------------------------------------------------------------------------
 */

/* "example.com" of RFC 6376 3.5, or with U-labels. */
static bool is_domain_name(vx_slice s)
{
	struct vx_buf out = { .max = VX_AUTH_RESULTS_ID_MAX };
	bool good = vx_domain_normalise(s, &out) == VX_OK;

	for (size_t i = 0; i < s.len; i++)
		good = good && (vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT | VX_C_HIGH) ||
				   s.ptr[i] == '-' || s.ptr[i] == '.');
	vx_buf_done(&out);
	return good;
}

/* [ [ local-part ] "@" ] domain-name */
static bool is_identity(vx_slice s)
{
	vx_slice local, domain;

	if (s.len > 0 && s.ptr[0] == '@')
		return is_domain_name(vx_slice_from(s, 1));
	if (vx_path_split(s, &local, &domain) == VX_OK)
		return is_domain_name(domain);
	return is_domain_name(s);
}

/* Octets that are safe everywhere, each other one as '?', VALUE_MAX at most. */
static void add_safe(struct writer *w, vx_slice s, struct vx_buf *out)
{
	while (s.len > 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(s, &n);
		const bool good =
		    c >= 0x80 ? w->utf8 && vx_utf8_valid(vx_slice_head(s, n)) && c >= 0xa0
			      : c >= ' ' && c < 0x7f;
		const vx_slice piece = good ? vx_slice_head(s, n) : VX_S("?");

		if (out->len + piece.len > VX_AUTH_RESULTS_VALUE_MAX)
			return;
		vx_buf_add(out, piece);
		s = vx_slice_from(s, n);
	}
}

/* A domain, or an address, with U-labels as A-labels where UTF-8 is not for this mail. */
static bool add_ascii_domain(const struct writer *w, vx_slice s, struct vx_buf *out)
{
	vx_slice local = vx_slice_of(NULL, 0), domain = s;

	if (w->utf8 || vx_is_ascii(s))
		return false;
	if (s.ptr[0] == '@') {
		local = vx_slice_head(s, 1);
		domain = vx_slice_from(s, 1);
	} else if (vx_path_split(s, &local, &domain) == VX_OK) {
		local.len++;
	}
	if (!vx_is_ascii(local) || local.len > VX_AUTH_RESULTS_VALUE_MAX)
		return false;
	vx_buf_add(out, local);
	/* it has room for both: when it fails there is no memory */
	if (vx_domain_normalise(domain, out) == VX_OK || out->failed)
		return true;
	vx_buf_reset(out);
	return false;
}

static void add_quoted(struct vx_buf *out, vx_slice s)
{
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, s.ptr[i]);
	}
	vx_buf_add_char(out, '"');
}

/* identity: it may be an address or a domain, and stands without quotes then. */
static void add_value(struct writer *w, vx_slice s, bool identity)
{
	struct vx_buf text = { .max = 2 * VX_AUTH_RESULTS_VALUE_MAX };
	vx_slice safe;

	if (!identity || !add_ascii_domain(w, s, &text))
		add_safe(w, s, &text);
	safe = vx_buf_slice(&text);
	if (is_token(safe) || (identity && is_identity(safe)))
		vx_buf_add(&w->word, safe);
	else
		add_quoted(&w->word, safe);
	w->word.failed = w->word.failed || text.failed;
	vx_buf_done(&text);
}

/* --- results -------------------------------------------------------------------------
 */

static void resinfo(struct writer *w, const struct vx_auth_result *r, bool last)
{
	vx_buf_add(&w->word, r->method);
	if (r->version > 0)
		vx_buf_printf(&w->word, "/%u", r->version);
	vx_buf_add_char(&w->word, '=');
	vx_buf_add(&w->word, r->result);
	if (r->properties_count == 0 && r->reason.len == 0 && !last)
		vx_buf_add_char(&w->word, ';');
	flush(w, true);
	if (r->reason.len > 0) {
		vx_buf_add_str(&w->word, "reason=");
		add_value(w, r->reason, false);
		if (r->properties_count == 0 && !last)
			vx_buf_add_char(&w->word, ';');
		flush(w, false);
	}
	for (size_t i = 0; i < r->properties_count; i++) {
		const struct vx_auth_property *const p = &r->properties[i];

		vx_buf_add(&w->word, p->ptype);
		vx_buf_add_char(&w->word, '.');
		vx_buf_add(&w->word, p->name);
		vx_buf_add_char(&w->word, '=');
		add_value(w, p->value, true);
		if (i + 1 == r->properties_count && !last)
			vx_buf_add_char(&w->word, ';');
		flush(w, false);
	}
}

static bool is_result(const struct vx_auth_result *r)
{
	if (!is_keyword(r->method) || !is_keyword(r->result) ||
	    r->properties_count > VX_AUTH_PROPERTIES_MAX)
		return false;
	for (size_t i = 0; i < r->properties_count; i++)
		if (!is_keyword(r->properties[i].ptype) ||
		    !is_keyword(r->properties[i].name))
			return false;
	return true;
}

static bool is_writable(const struct vx_auth_results *r)
{
	if (r->authserv_id.len == 0 || r->authserv_id.len > VX_AUTH_RESULTS_ID_MAX ||
	    r->count > VX_AUTH_RESULTS_MAX)
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (!is_result(&r->results[i]))
			return false;
	return true;
}

/* As A-labels where it is a domain: that can be read in any message. */
static void authserv_id(struct writer *w, vx_slice id)
{
	if (!vx_is_ascii(id) &&
	    (vx_domain_normalise(id, &w->word) == VX_OK || w->word.failed))
		return;
	add_value(w, id, false);
}

int vx_auth_results_write(
    const struct vx_auth_results *r, vx_slice head, bool utf8, struct vx_buf *out)
{
	const size_t before = out->len;
	struct writer w = { .out = out,
		.line = before,
		.utf8 = utf8,
		.word = { .max = 4 * VX_AUTH_RESULTS_VALUE_MAX } };

	if (!is_writable(r))
		return VX_EINVAL;
	vx_buf_add(out, head.len > 0 ? head : VX_S("Authentication-Results:"));
	authserv_id(&w, r->authserv_id);
	vx_buf_add_char(&w.word, ';');
	flush(&w, false);
	if (r->count == 0) {
		vx_buf_add_str(&w.word, "none");
		flush(&w, false);
	}
	for (size_t i = 0; i < r->count; i++)
		resinfo(&w, &r->results[i], i + 1 == r->count);
	vx_buf_add_str(out, "\r\n");
	vx_buf_done(&w.word);
	if (!out->failed)
		return VX_OK;
	vx_buf_truncate(out, before);
	return VX_ELIMIT;
}
