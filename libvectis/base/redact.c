#include "vectis/redact.h"

#include "base/hash.h"

#include <string.h>

#define SAID(text) vx_slice_of("[" text "]", sizeof("[" text "]") - 1)
#define KEY_BEGIN "-----BEGIN "
#define KEY_WORD "PRIVATE KEY-----"
#define KEY_END "-----END "

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What a value ends at, in a log and in JSON. */
static bool ends_value(char c)
{
	return (unsigned char)c <= ' ' || strchr("\"',;)>}]\\", c) != NULL;
}

static size_t value_length(vx_slice s)
{
	size_t n = 0;

	while (n < s.len && n < VX_REDACT_VALUE_MAX && !ends_value(s.ptr[n]))
		n++;
	return n;
}

/* --- secrets: how many octets at the beginning of s are one, and what is said instead
 * -----
 */

static size_t known(const struct vx_redact *r, vx_slice s)
{
	size_t longest = 0;

	for (size_t i = 0; i < r->secret_count; i++) {
		const vx_slice one = r->secrets[i];

		if (one.len >= VX_REDACT_SECRET_MIN && one.len > longest &&
		    vx_slice_has_prefix(s, one))
			longest = one.len;
	}
	return longest;
}

/* To the line of its end, or to the end of all. */
static size_t private_key(vx_slice s)
{
	const vx_slice head = vx_slice_head(s, 64);
	size_t end;

	if (!vx_slice_has_prefix(s, VX_S(KEY_BEGIN)) ||
	    vx_slice_find_slice(head, VX_S(KEY_WORD)) == head.len)
		return 0;
	end = vx_slice_find_slice(s, VX_S(KEY_END));
	if (end == s.len)
		return s.len;
	end += vx_slice_find(vx_slice_from(s, end + sizeof(KEY_END)), '-') +
	       sizeof(KEY_END) + 5;
	return end < s.len ? end : s.len;
}

static size_t hash(vx_slice s)
{
	static const char *const forms[] = { "$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$",
		"$1$", "$5$", "$6$", "$argon2", "SCRAM-SHA-256$", "SCRAM-SHA-1$" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const vx_slice form = vx_slice_str(forms[i]);

		if (vx_slice_has_prefix_nocase(s, form))
			/* a comma separates parameters of some */
			return form.len + value_length(vx_slice_from(s, form.len)) > 12
				   ? form.len + value_length(vx_slice_from(s, form.len))
				   : 0;
	}
	return 0;
}

static size_t token(vx_slice s, size_t *keep)
{
	static const char *const forms[] = { "Bearer ", "Basic ", "vectis_sk_" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const vx_slice form = vx_slice_str(forms[i]);
		const size_t n = vx_slice_has_prefix_nocase(s, form)
				     ? value_length(vx_slice_from(s, form.len))
				     : 0;

		if (n >= 8) {
			*keep = form.len;
			return form.len + n;
		}
	}
	return 0;
}

/* "://USER:PASSWORD@" */
static size_t url_user(vx_slice s, size_t *keep)
{
	size_t n = 3;

	if (!vx_slice_has_prefix(s, VX_S("://")))
		return 0;
	while (n < s.len && n < VX_REDACT_VALUE_MAX && s.ptr[n] != '/' &&
	       s.ptr[n] != '@' && !ends_value(s.ptr[n]))
		n++;
	*keep = 3;
	return n < s.len && s.ptr[n] == '@' && n > 3 ? n : 0;
}

static size_t skip(vx_slice s, size_t at, const char *set)
{
	while (at < s.len && s.ptr[at] != '\0' && strchr(set, s.ptr[at]) != NULL)
		at++;
	return at;
}

/* The name of a secret and its value: password=x, "token": "x", Authorization: x y. */
static size_t named(vx_slice s, size_t *keep)
{
	static const char *const names[] = { "password", "passwd", "passphrase", "secret",
		"token", "api_key", "apikey", "eab_key", "hmac_key", "private_key",
		"authorization", "credential", "x-api-key" };
	size_t at = 0, start, ignored;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && at == 0; i++)
		if (vx_slice_has_prefix_nocase(s, vx_slice_str(names[i])))
			at = strlen(names[i]);
	if (at == 0)
		return 0;
	at = skip(s, at, "\\\"'");
	at = skip(s, at, " \t");
	if (at >= s.len || (s.ptr[at] != '=' && s.ptr[at] != ':'))
		return 0;
	start = skip(s, skip(s, at + 1, " \t"), "\\\"'");
	*keep = start;
	/* in quotes there may be blanks */
	if (start > 0 && strchr("\"'", s.ptr[start - 1]) != NULL)
		for (at = start; at < s.len && s.ptr[at] != s.ptr[start - 1] &&
				 s.ptr[at] != '\n' && at - start < VX_REDACT_VALUE_MAX;)
			at += s.ptr[at] == '\\' && at + 1 < s.len ? 2 : 1;
	else if ((at = token(vx_slice_from(s, start), &ignored)) > 0)
		at += start; /* of two words */
	else
		at = start + value_length(vx_slice_from(s, start));
	return at > start ? (at < s.len ? at : s.len) : 0;
}

/* Octets of a secret that begins here; of these the first *keep stay. */
static size_t secret(
    const struct vx_redact *r, vx_slice s, char before, size_t *keep, vx_slice *instead)
{
	size_t n;

	*keep = 0;
	*instead = SAID("redacted");
	if ((n = known(r, s)) > 0)
		return n;
	switch (s.ptr[0]) {
	case '-':
		*instead = SAID("a private key, redacted");
		return private_key(s);
	case '$':
		*instead = SAID("a hash, redacted");
		return hash(s);
	case ':':
		return url_user(s, keep);
	default:
		break;
	}
	if (!is_letter(s.ptr[0]) || is_letter(before))
		return 0;
	if ((n = token(s, keep)) > 0 || (n = hash(s)) > 0)
		return n;
	return named(s, keep);
}

/* --- addresses ------------------------------------------------------------------------
 */

/* An octet of a local part; those that separate words in logs are not. */
static bool is_local(char c)
{
	return is_letter(c) || is_digit(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr(".!#$%&'*+-?^_~", c) != NULL);
}

static bool is_role(vx_slice local)
{
	static const char *const roles[] = { "postmaster", "abuse", "hostmaster",
		"webmaster", "mailer-daemon", "dmarc", "tlsrpt" };

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (vx_slice_eq_nocase(local, vx_slice_str(roles[i])))
			return true;
	return false;
}

/* What stands before the '@' at `at`, as octets of text. */
static vx_slice local_before(vx_slice text, size_t at)
{
	size_t from = at;

	/* "\"ann b\"@x": a quoted one in a value in quotes */
	if (at >= 2 && text.ptr[at - 1] == '"' && text.ptr[at - 2] == '\\') {
		for (from = at - 2; from > 1 && at - from < VX_REDACT_LOCAL_MAX &&
				    text.ptr[from - 1] != '\n';
		     from--)
			if (text.ptr[from - 1] == '"' && text.ptr[from - 2] == '\\')
				return vx_slice_of(text.ptr + from - 2, at - (from - 2));
		from = at;
	}
	while (
	    from > 0 && at - from < VX_REDACT_LOCAL_MAX && is_local(text.ptr[from - 1]))
		from--;
	return vx_slice_of(text.ptr + from, at - from);
}

static void add_mark(const struct vx_redact *r, vx_slice address, struct vx_buf *out)
{
	struct vx_siphash_key key;
	char lower[2 * VX_REDACT_LOCAL_MAX];
	size_t n = 0;

	for (; n < address.len && n < sizeof(lower); n++)
		lower[n] = address.ptr[n] >= 'A' && address.ptr[n] <= 'Z'
			       ? (char)(address.ptr[n] | 0x20)
			       : address.ptr[n];
	memcpy(&key, r->seed, sizeof(key));
	vx_buf_printf(out, "u-%08x",
	    (unsigned)(vx_siphash(&key, vx_slice_of(lower, n)) & 0xffffffff));
}

/* The local part was copied already: a mark takes its place. */
static void redact_address(
    const struct vx_redact *r, vx_slice text, size_t at, struct vx_buf *out)
{
	const vx_slice local = local_before(text, at);
	size_t end = at + 1;

	while (end < text.len && end - at < VX_REDACT_LOCAL_MAX &&
	       (is_letter(text.ptr[end]) || is_digit(text.ptr[end]) ||
		   text.ptr[end] == '.' || text.ptr[end] == '-' ||
		   (unsigned char)text.ptr[end] >= 0x80))
		end++;
	if (local.len == 0 || local.len > out->len || is_role(local) ||
	    (end == at + 1 && (end >= text.len || text.ptr[end] != '[')) ||
	    memcmp(out->ptr + out->len - local.len, local.ptr, local.len) != 0)
		return;
	out->len -= local.len;
	add_mark(r, vx_slice_of(local.ptr, end - (at - local.len)), out);
}

int vx_redact(const struct vx_redact *r, vx_slice text, struct vx_buf *out)
{
	const size_t before = out->len;

	for (size_t at = 0; at < text.len && !out->failed;) {
		const vx_slice rest = vx_slice_from(text, at);
		vx_slice instead;
		size_t keep, n;

		n = secret(r, rest, at > 0 ? text.ptr[at - 1] : ' ', &keep, &instead);
		if (n > 0) {
			vx_buf_add(out, vx_slice_head(rest, keep));
			vx_buf_add(out, instead);
			at += n;
			continue;
		}
		if (rest.ptr[0] == '@' && !r->keep_addresses)
			redact_address(r, text, at, out);
		vx_buf_add(out, vx_slice_head(rest, 1));
		at++;
	}
	if (!out->failed)
		return VX_OK;
	out->len = before;
	return VX_ELIMIT;
}
