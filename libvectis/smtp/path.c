#include "smtp/path.h"

#include "base/encode.h"
#include "vectis/address.h"
#include "vectis/date.h"

#include <arpa/inet.h>

static bool atom(struct vx_cursor *c)
{
	return vx_cur_run(c, VX_C_ATEXT | VX_C_HIGH).len > 0;
}

static bool dot_string(struct vx_cursor *c)
{
	do {
		if (!atom(c))
			return false;
	} while (vx_cur_char(c, '.'));
	return true;
}

static bool quoted_string(struct vx_cursor *c)
{
	if (!vx_cur_char(c, '"'))
		return false;
	while (!vx_cur_end(c) && *c->p != '"') {
		const bool pair = vx_cur_char(c, '\\');

		if (vx_cur_end(c) || vx_is(*c->p, VX_C_CTL) ||
		    (pair && vx_is(*c->p, VX_C_HIGH)))
			return false;
		c->p++;
	}
	return vx_cur_char(c, '"');
}

/* "[192.0.2.1]" or "[IPv6:...]" */
static bool address_literal(struct vx_cursor *c)
{
	char text[64] = { 0 };
	unsigned char octets[16];
	vx_slice s, inner;

	if (!vx_cur_char(c, '['))
		return false;
	s = vx_cur_rest(c);
	inner = vx_slice_head(s, vx_slice_find(s, ']'));
	if (inner.len == s.len || inner.len >= sizeof(text) ||
	    vx_slice_find(inner, '\0') < inner.len)
		return false;
	memcpy(text, inner.ptr, inner.len);
	c->p += inner.len + 1;
	if (vx_slice_has_prefix_nocase(inner, VX_S("IPv6:")))
		return inet_pton(AF_INET6, text + 5, octets) == 1;
	return inet_pton(AF_INET, text, octets) == 1;
}

bool vx_smtp_domain(struct vx_cursor *c)
{
	struct vx_buf out = { .max = 256 };
	const char *const start = c->p;
	bool ok;

	if (vx_cur_peek(c) == '[')
		return address_literal(c);
	while (!vx_cur_end(c) && (vx_is(*c->p, VX_C_ALPHA | VX_C_DIGIT | VX_C_HIGH) ||
				     *c->p == '-' || *c->p == '.' || *c->p == '_'))
		c->p++;
	ok = vx_domain_normalise(vx_slice_range(start, c->p), &out) == VX_OK;
	vx_buf_done(&out);
	return ok;
}

/* "@a,@b:" */
static bool source_route(struct vx_cursor *c)
{
	do {
		if (!vx_cur_char(c, '@') || !vx_smtp_domain(c))
			return false;
	} while (vx_cur_char(c, ','));
	return vx_cur_char(c, ':');
}

bool vx_smtp_path(
    struct vx_cursor *c, bool null_ok, bool postmaster_ok, vx_slice *out, bool *utf8)
{
	const char *const begin = c->p;
	const char *start, *at;

	if (!vx_cur_char(c, '<'))
		return false;
	*utf8 = false;
	if (vx_cur_char(c, '>')) {
		*out = vx_slice_of("", 0);
		return null_ok;
	}
	if (vx_cur_peek(c) == '@' && !source_route(c))
		return false;
	start = c->p;
	if (postmaster_ok && vx_cur_text(c, VX_S("postmaster>"))) {
		*out = vx_slice_of(start, 10);
		return true;
	}
	if (!(vx_cur_peek(c) == '"' ? quoted_string(c) : dot_string(c)))
		return false;
	at = c->p;
	if (!vx_cur_char(c, '@') || !vx_smtp_domain(c))
		return false;
	*out = vx_slice_range(start, c->p);
	/* longer than 64 is common among senders (VERP), and 4.5.3.1 asks for no limit */
	if (at - start > VX_SMTP_LOCAL_MAX)
		return false;
	*utf8 = !vx_is_ascii(vx_slice_range(begin, c->p));
	return (!*utf8 || vx_utf8_valid(vx_slice_range(begin, c->p))) &&
	       vx_cur_char(c, '>');
}

/* --- parameters ----------------------------------------------------------------------
 */

/* RFC 3461 4: printable, "+" only as "+XX"; octets of class `out` are none. */
static bool xtext_without(vx_slice s, unsigned out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (vx_is(s.ptr[i], out) || s.ptr[i] == ' ' || s.ptr[i] == '=')
			return false;
		if (s.ptr[i] == '+' &&
		    (i + 2 >= s.len || !vx_is(s.ptr[i + 1], VX_C_HEX) ||
			!vx_is(s.ptr[i + 2], VX_C_HEX)))
			return false;
	}
	return s.len > 0 && s.len <= 500;
}

static bool xtext(vx_slice s)
{
	return xtext_without(s, VX_C_CTL | VX_C_HIGH);
}

static bool utf8_xtext(vx_slice s)
{
	return xtext_without(s, VX_C_CTL) && vx_utf8_valid(s);
}

static bool notify(vx_slice s, unsigned *out)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	vx_slice word;

	for (bool more = true; more;) {
		size_t i = 0;

		more = vx_slice_cut(&s, ',', &word);
		while (i < 4 && !vx_slice_eq_nocase(word, vx_slice_str(words[i])))
			i++;
		if (i == 4)
			return false;
		*out |= 1u << i;
	}
	return (*out & VX_SMTP_NOTIFY_NEVER) == 0 || *out == VX_SMTP_NOTIFY_NEVER;
}

static int size_param(vx_slice value, struct vx_smtp_params *out)
{
	if (value.len == 0 || value.len > 20) /* RFC 1870 4: 1*20DIGIT */
		return VX_EINVAL;
	for (size_t i = 0; i < value.len; i++)
		if (!vx_is(value.ptr[i], VX_C_DIGIT))
			return VX_EINVAL;
	if (vx_slice_number(value, UINT64_MAX, &out->size) != VX_OK)
		out->size = UINT64_MAX; /* well-formed, and too large for anybody */
	return VX_OK;
}

/* RFC 6152; BINARYMIME is not offered (RFC 3030 3). */
static int body_param(vx_slice value, struct vx_smtp_params *out)
{
	out->body_8bit = vx_slice_eq_nocase(value, VX_S("8BITMIME"));
	if (out->body_8bit || vx_slice_eq_nocase(value, VX_S("7BIT")))
		return VX_OK;
	return value.len > 0 ? VX_EUNSUP : VX_EINVAL;
}

static int utf8_param(vx_slice value, struct vx_smtp_params *out)
{
	out->utf8 = value.ptr == NULL;
	return out->utf8 ? VX_OK : VX_EINVAL;
}

static int ret_param(vx_slice value, struct vx_smtp_params *out)
{
	out->ret_headers = vx_slice_eq_nocase(value, VX_S("HDRS"));
	out->ret_full = vx_slice_eq_nocase(value, VX_S("FULL"));
	return out->ret_headers || out->ret_full ? VX_OK : VX_EINVAL;
}

static int envid_param(vx_slice value, struct vx_smtp_params *out)
{
	out->envid = value;
	return xtext(value) && value.len <= 100 ? VX_OK : VX_EINVAL;
}

/* RFC 4954 5: "<>" or an address as xtext.  Taken, and not used. */
static int auth_param(vx_slice value, struct vx_smtp_params *out)
{
	(void)out;
	return xtext(value) ? VX_OK : VX_EINVAL;
}

/* RFC 4865 4: a positive number; one of the two may be given. */
static int hold_for_param(vx_slice value, struct vx_smtp_params *out)
{
	if (out->hold.len > 0 || value.len > 9 || value.len == 0 || value.ptr[0] == '0')
		return VX_EINVAL;
	out->hold = value;
	return vx_slice_number(value, 999999999, &out->hold_for) == VX_OK ? VX_OK
									  : VX_EINVAL;
}

/* So many digits, and what has to follow. */
static bool digits(vx_slice *s, size_t count, char then, int *out)
{
	uint64_t n;

	if (s->len <= count || s->ptr[count] != then ||
	    vx_slice_number(vx_slice_head(*s, count), 9999, &n) != VX_OK)
		return false;
	*out = (int)n;
	*s = vx_slice_from(*s, count + 1);
	return true;
}

/* RFC 3339 5.6, in UTC: "2026-12-24T08:00:00Z", perhaps with a fraction. */
static int hold_until_param(vx_slice value, struct vx_smtp_params *out)
{
	struct vx_civil c = { 0 }, back;
	vx_slice s = value;

	if (out->hold.len > 0 || value.len > VX_SMTP_HOLD_MAX)
		return VX_EINVAL;
	if (!digits(&s, 4, '-', &c.year) || !digits(&s, 2, '-', &c.month) ||
	    !digits(&s, 2, 'T', &c.day) || !digits(&s, 2, ':', &c.hour) ||
	    !digits(&s, 2, ':', &c.minute))
		return VX_EINVAL;
	if (s.len > 3 && s.ptr[2] == '.') {
		size_t n = 3;

		while (n < s.len && vx_is(s.ptr[n], VX_C_DIGIT))
			n++;
		if (n == 3 || n + 1 != s.len || s.ptr[n] != 'Z' ||
		    !digits(&s, 2, '.', &c.second))
			return VX_EINVAL;
	} else if (s.len != 3 || !digits(&s, 2, 'Z', &c.second)) {
		return VX_EINVAL;
	}
	if (c.month < 1 || c.month > 12 || c.hour > 23 || c.minute > 59 || c.second > 60)
		return VX_EINVAL;
	out->hold_until = vx_civil_time(&c);
	back = vx_civil_of(out->hold_until - (c.second == 60), 0);
	if (back.day != c.day || back.month != c.month) /* there is no such day */
		return VX_EINVAL;
	out->hold = value;
	return VX_OK;
}

static int notify_param(vx_slice value, struct vx_smtp_params *out)
{
	return notify(value, &out->notify) ? VX_OK : VX_EINVAL;
}

/* addr-type ";" xtext; the type utf-8 may also have UTF-8 as it is (RFC 6533 3). */
static int orcpt_param(vx_slice value, struct vx_smtp_params *out)
{
	struct vx_cursor c = vx_cursor_of(value);
	const vx_slice type = vx_cur_run(&c, VX_C_ATEXT);
	bool good;

	out->orcpt = value;
	if (type.len == 0 || !vx_cur_char(&c, ';'))
		return VX_EINVAL;
	good = vx_slice_eq_nocase(type, VX_S("utf-8")) ? utf8_xtext(vx_cur_rest(&c))
						       : xtext(vx_cur_rest(&c));
	return good ? VX_OK : VX_EINVAL;
}

static const struct param {
	const char *key;
	bool mail; /* of MAIL, else of RCPT */
	int (*take)(vx_slice value, struct vx_smtp_params *out);
} known[] = {
	{ "SIZE", true, size_param },
	{ "BODY", true, body_param },
	{ "SMTPUTF8", true, utf8_param },
	{ "RET", true, ret_param },
	{ "ENVID", true, envid_param },
	{ "AUTH", true, auth_param },
	{ "HOLDFOR", true, hold_for_param },
	{ "HOLDUNTIL", true, hold_until_param },
	{ "NOTIFY", false, notify_param },
	{ "ORCPT", false, orcpt_param },
};

/* *seen: bits of those that were there, for each may be given once (RFC 3461 4). */
static int param(
    vx_slice key, vx_slice value, bool mail, unsigned *seen, struct vx_smtp_params *out)
{
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].mail != mail ||
		    !vx_slice_eq_nocase(key, vx_slice_str(known[i].key)))
			continue;
		if ((*seen >> i & 1) != 0)
			return VX_EINVAL;
		*seen |= 1u << i;
		return known[i].take(value, out);
	}
	return VX_EUNSUP;
}

int vx_smtp_params(struct vx_cursor *c, bool mail, struct vx_smtp_params *out)
{
	vx_slice rest = vx_slice_trim(vx_cur_rest(c), " ");
	unsigned seen = 0;

	if (vx_cur_left(c) > 0 && *c->p != ' ')
		return VX_EINVAL;
	while (rest.len > 0) {
		vx_slice value, key;
		int rc;

		(void)vx_slice_cut(&rest, ' ', &value);
		rest = vx_slice_trim(rest, " ");
		if (!vx_slice_cut(&value, '=', &key))
			value = vx_slice_of(NULL, 0);
		rc = param(key, value, mail, &seen, out);
		if (rc != VX_OK)
			return rc;
	}
	return VX_OK;
}
