/* One function per rule of RFC 9112; what is not in a rule is refused. */
#include "http/head.h"

#include "base/chars.h"

#include <string.h>

/* tchar (RFC 9110 5.6.2) */
static bool is_tchar(char c)
{
	return vx_is(c, VX_C_ALPHA | VX_C_DIGIT) ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool vx_http_is_token(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_tchar(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* A line without its CRLF, which is known to be there. */
static vx_slice cut_line(vx_slice *text)
{
	vx_slice line;

	(void)vx_slice_cut(text, '\n', &line);
	return vx_slice_head(line, line.len - 1);
}

/* --- Host (RFC 9110 7.2)
 * ------------------------------------------------------------------ */

static bool is_port(vx_slice s)
{
	uint64_t port;

	return s.len == 0 || vx_slice_number(s, 65535, &port) == VX_OK;
}

/* A name or an address, with or without a port; in out without one, in lower case. */
static bool read_host(vx_slice s, char out[VX_HTTP_HOST_MAX + 1])
{
	const size_t bracket = vx_slice_rfind(s, ']');
	size_t end = vx_slice_find(vx_slice_from(s, bracket < s.len ? bracket : 0), ':');

	if (s.len == 0 || s.len > VX_HTTP_HOST_MAX)
		return false;
	end += bracket < s.len ? bracket : 0;
	if (end < s.len && !is_port(vx_slice_from(s, end + 1)))
		return false;
	for (size_t i = 0; i < end; i++) {
		const char c = s.ptr[i];
		const bool number = bracket < s.len && (c == '[' || c == ':' || c == ']');

		if (!vx_is(c, VX_C_ALPHA | VX_C_DIGIT) && c != '.' && c != '-' &&
		    c != '_' && !number)
			return false;
		out[i] = vx_lower(c);
	}
	out[end] = '\0';
	return end > 0;
}

/* --- the request line (RFC 9112 3)
 * ---------------------------------------------------------- */

/* "http://host/path": the host in it counts (3.2.2). */
static bool read_absolute(vx_slice *target, struct vx_http_head *out)
{
	const size_t scheme = vx_slice_has_prefix_nocase(*target, VX_S("http://"))    ? 7
			      : vx_slice_has_prefix_nocase(*target, VX_S("https://")) ? 8
										      : 0;
	size_t end;

	if (scheme == 0)
		return false;
	*target = vx_slice_from(*target, scheme);
	for (end = 0;
	     end < target->len && target->ptr[end] != '/' && target->ptr[end] != '?';)
		end++;
	if (!read_host(vx_slice_head(*target, end), out->host))
		return false;
	*target = end < target->len ? vx_slice_from(*target, end) : VX_S("/");
	return target->ptr[0] == '/';
}

static bool read_target(vx_slice target, struct vx_http_head *out)
{
	for (size_t i = 0; i < target.len; i++)
		if (target.ptr[i] <= ' ' || target.ptr[i] > '~' || target.ptr[i] == '#')
			return false;
	if (target.len == 0)
		return false;
	if (vx_slice_eq(target, VX_S("*")) &&
	    vx_slice_eq(out->request.method, VX_S("OPTIONS"))) {
		out->request.path = target;
		return true;
	}
	if (target.ptr[0] != '/' && !read_absolute(&target, out))
		return false;
	if (vx_slice_cut(&target, '?', &out->request.path))
		out->request.query = target.ptr == NULL ? VX_S("") : target;
	return true;
}

/* HTTP/1.x, of which 1.0 ends with each answer: 0 or a status. */
static unsigned read_version(vx_slice s, bool *old)
{
	if (s.len != 8 || !vx_slice_has_prefix(s, VX_S("HTTP/")) ||
	    !vx_is(s.ptr[5], VX_C_DIGIT) || s.ptr[6] != '.' ||
	    !vx_is(s.ptr[7], VX_C_DIGIT))
		return 400;
	*old = s.ptr[7] == '0';
	return s.ptr[5] == '1' ? 0 : 505;
}

static unsigned read_request_line(vx_slice line, struct vx_http_head *out, bool *old)
{
	vx_slice target;
	unsigned status;

	if (!vx_slice_cut(&line, ' ', &out->request.method) ||
	    !vx_slice_cut(&line, ' ', &target))
		return 400;
	status = read_version(line, old);
	if (status != 0)
		return status;
	if (!vx_http_is_token(out->request.method) || !read_target(target, out))
		return 400;
	return 0;
}

/* --- fields (RFC 9112 5)
 * ----------------------------------------------------------------------- */

static bool read_field(vx_slice line, struct vx_http_field *out)
{
	vx_slice name;

	if (!vx_slice_cut(&line, ':', &name) || !vx_http_is_token(name))
		return false;
	for (size_t i = 0; i < line.len; i++)
		if (vx_is(line.ptr[i], VX_C_CTL) && line.ptr[i] != '\t')
			return false;
	out->name = name;
	out->value = vx_slice_trim(line, " \t");
	return true;
}

/* Digits, however many; what is larger than 64 bits is as large as can be. */
static bool read_length(vx_slice s, uint64_t *out)
{
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_DIGIT))
			return false;
	if (vx_slice_number(s, UINT64_MAX - 1, out) != VX_OK)
		*out = UINT64_MAX;
	return true;
}

/* Is word one of a list with commas? */
static bool has_word(vx_slice list, const char *word)
{
	vx_slice item;

	while (list.len > 0) {
		(void)vx_slice_cut(&list, ',', &item);
		if (vx_slice_eq_nocase(vx_slice_trim(item, " \t"), vx_slice_str(word)))
			return true;
	}
	return false;
}

/* How many of those fields that may be there once were; what they say. */
struct seen {
	unsigned hosts, lengths, codings;
	bool keep;
};

static unsigned on_field(
    const struct vx_http_field *f, struct vx_http_head *out, struct seen *seen)
{
	char host[VX_HTTP_HOST_MAX + 1];

	if (vx_slice_eq_nocase(f->name, VX_S("host"))) {
		if (seen->hosts++ > 0 || !read_host(f->value, host))
			return 400;
		if (out->host[0] == '\0')
			memcpy(out->host, host, sizeof(host));
	} else if (vx_slice_eq_nocase(f->name, VX_S("content-length"))) {
		if (seen->lengths++ > 0 || !read_length(f->value, &out->length))
			return 400;
	} else if (vx_slice_eq_nocase(f->name, VX_S("transfer-encoding"))) {
		if (seen->codings++ > 0)
			return 400;
		if (!vx_slice_eq_nocase(f->value, VX_S("chunked")))
			return 501;
		out->chunked = true;
	} else if (vx_slice_eq_nocase(f->name, VX_S("connection"))) {
		out->close = out->close || has_word(f->value, "close");
		seen->keep = seen->keep || has_word(f->value, "keep-alive");
	} else if (vx_slice_eq_nocase(f->name, VX_S("expect"))) {
		out->expects = vx_slice_eq_nocase(f->value, VX_S("100-continue"));
	}
	return 0;
}

static unsigned read_fields(vx_slice text, struct vx_http_head *out, struct seen *seen)
{
	size_t n = 0;
	vx_slice line;

	while ((line = cut_line(&text)).len > 0) {
		unsigned status;

		if (n == VX_HTTP_FIELDS_MAX)
			return 431;
		if (!read_field(line, &out->fields[n]))
			return 400;
		status = on_field(&out->fields[n++], out, seen);
		if (status != 0)
			return status;
	}
	out->request.field_count = n;
	return 0;
}

unsigned vx_http_read_head(vx_slice text, struct vx_http_head *out)
{
	struct seen seen = { .hosts = 0 };
	bool old = false;
	unsigned status;

	out->request = (struct vx_http_request){ .query = { NULL, 0 } };
	out->host[0] = '\0';
	out->length = 0;
	out->chunked = out->close = out->expects = false;
	status = read_request_line(cut_line(&text), out, &old);
	if (status == 0)
		status = read_fields(text, out, &seen);
	if (status != 0)
		return status;
	if ((!old && seen.hosts != 1) || (old && out->chunked) ||
	    (seen.lengths > 0 && seen.codings > 0))
		return 400;
	out->close = out->close || (old && !seen.keep);
	out->expects = out->expects && !old;
	out->request.host = vx_slice_str(out->host);
	return 0;
}
