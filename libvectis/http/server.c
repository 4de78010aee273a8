/* HTTP/1.1 as a server: the head is framed first, then read, then the body. */
#include "base/chars.h"
#include "base/mem.h"
#include "http/head.h"
#include "vectis/date.h"

#include <string.h>

struct vx_http_server {
	size_t body_max;
	enum {
		HEAD,
		BODY, /* left octets of it */
		CHUNK_LINE,
		CHUNK, /* left octets of it */
		CHUNK_END,
		TRAILER,
		ANSWER,
		CLOSED
	} state;
	struct vx_buf head, body, line; /* own */
	bool after_cr;
	uint64_t left;
	size_t line_len, trailer_len; /* octets of the line under way */
	unsigned requests;
	struct vx_http_head read; /* slices of head */
	struct vx_http_request request;
};

int vx_http_server_new(
    const struct vx_http_server_options *o, struct vx_http_server **out)
{
	struct vx_http_server *const s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->body_max = o->body_max;
	vx_buf_init(&s->head, VX_HTTP_HEAD_MAX);
	vx_buf_init(&s->body, o->body_max);
	vx_buf_init(&s->line, VX_HTTP_CHUNK_LINE_MAX);
	*out = s;
	return VX_OK;
}

void vx_http_server_free(struct vx_http_server *s)
{
	if (s == NULL)
		return;
	vx_buf_done(&s->head);
	vx_buf_done(&s->body);
	vx_buf_done(&s->line);
	vx_free(s);
}

vx_slice vx_http_field(const struct vx_http_request *r, const char *name)
{
	for (size_t i = 0; i < r->field_count; i++)
		if (vx_slice_eq_nocase(r->fields[i].name, vx_slice_str(name)))
			return r->fields[i].value;
	return vx_slice_of(NULL, 0);
}

/* --- answers
 * ---------------------------------------------------------------------------- */

static const char *reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} words[] = { { 200, "OK" }, { 204, "No Content" }, { 301, "Moved Permanently" },
		{ 302, "Found" }, { 304, "Not Modified" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 408, "Request Timeout" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].status == status)
			return words[i].text;
	return "Status";
}

/* What the peer did wrong, and the end. */
static int refuse(struct vx_http_server *s, unsigned status, struct vx_buf *out)
{
	vx_buf_printf(out,
	    "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s\n",
	    status, reason(status), strlen(reason(status)) + 1, reason(status));
	s->state = CLOSED;
	return VX_DONE;
}

static bool is_value(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
			return false;
	return true;
}

static bool is_answer(const struct vx_http_answer *a)
{
	if (a->status < 200 || a->status > 599 ||
	    a->field_count > VX_HTTP_ANSWER_FIELDS_MAX)
		return false;
	for (size_t i = 0; i < a->field_count; i++)
		if (!vx_http_is_token(a->fields[i].name) || !is_value(a->fields[i].value))
			return false;
	return a->type == NULL || is_value(vx_slice_str(a->type));
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) */
static void add_date(struct vx_buf *out, int64_t now_s)
{
	struct vx_buf text = { .max = 64 };

	vx_date_write(&text, now_s, 0);
	if (text.len > 6 && text.len < 40)
		vx_buf_printf(out, "Date: %.*s GMT\r\n", (int)text.len - 6, text.ptr);
	vx_buf_done(&text);
}

int vx_http_server_answer(struct vx_http_server *s, int64_t now_s,
    const struct vx_http_answer *a, struct vx_buf *out)
{
	const bool empty = a->status == 204 || a->status == 304;
	bool close;

	if (s->state != ANSWER)
		return VX_ESTATE;
	if (!is_answer(a))
		return VX_EINVAL;
	close = a->close || s->read.close || ++s->requests >= VX_HTTP_REQUESTS_MAX;
	vx_buf_printf(out, "HTTP/1.1 %u %s\r\n", a->status, reason(a->status));
	add_date(out, now_s);
	if (a->type != NULL)
		vx_buf_printf(out, "Content-Type: %s\r\n", a->type);
	if (!empty)
		vx_buf_printf(out, "Content-Length: %zu\r\n", a->body.len);
	for (size_t i = 0; i < a->field_count; i++)
		vx_buf_printf(out, "%.*s: %.*s\r\n", (int)a->fields[i].name.len,
		    a->fields[i].name.ptr, (int)a->fields[i].value.len,
		    a->fields[i].value.ptr);
	if (close)
		vx_buf_add_str(out, "Connection: close\r\n");
	vx_buf_add_str(out, "\r\n");
	if (!empty && !vx_slice_eq(s->request.method, VX_S("HEAD")))
		vx_buf_add(out, a->body);
	s->state = close ? CLOSED : HEAD;
	vx_buf_shrink(&s->head, 4096);
	vx_buf_shrink(&s->body, 0);
	return VX_OK;
}

bool vx_http_server_busy(const struct vx_http_server *s)
{
	return s->state != CLOSED && (s->state != HEAD || s->head.len > 0);
}

void vx_http_server_timeout(struct vx_http_server *s, struct vx_buf *out)
{
	if (s->state != ANSWER && vx_http_server_busy(s))
		(void)refuse(s, 408, out);
	s->state = CLOSED;
}

/* --- the head
 * ------------------------------------------------------------------------------ */

/* The request is whole: it waits for its answer. */
static int ready(struct vx_http_server *s, struct vx_http_request *request)
{
	s->state = ANSWER;
	s->request = s->read.request;
	s->request.fields = s->read.fields;
	s->request.body = vx_buf_slice(&s->body);
	*request = s->request;
	return VX_DATA;
}

static int on_head(
    struct vx_http_server *s, struct vx_buf *out, struct vx_http_request *request)
{
	const unsigned status = vx_http_read_head(vx_buf_slice(&s->head), &s->read);

	if (status != 0)
		return refuse(s, status, out);
	if (s->read.length > s->body_max)
		return refuse(s, 413, out);
	if (s->read.length == 0 && !s->read.chunked)
		return ready(s, request);
	/* whoever asked whether the body is wanted waits for this (RFC 9110 10.1.1) */
	if (s->read.expects)
		vx_buf_add_str(out, "HTTP/1.1 100 Continue\r\n\r\n");
	s->left = s->read.length;
	s->state = s->read.chunked ? CHUNK_LINE : BODY;
	s->line_len = s->trailer_len = 0;
	return VX_OK;
}

/* Is it the request line, or a field? */
static unsigned too_long(const struct vx_http_server *s)
{
	const vx_slice before = vx_slice_head(vx_buf_slice(&s->head), s->head.len - 1);

	return vx_slice_find(before, '\n') == before.len ? 414 : 431;
}

/* One octet of the head; 0, or the status that refuses it.  done: it was the last. */
static unsigned head_octet(struct vx_http_server *s, char c, bool *done)
{
	if (c == '\0' || (s->after_cr && c != '\n') || (!s->after_cr && c == '\n'))
		return 400;
	/* an empty line before a request is what old clients send (RFC 9112 2.2) */
	if (s->head.len == 0 && (c == '\r' || c == '\n')) {
		s->after_cr = c == '\r';
		return 0;
	}
	vx_buf_add_char(&s->head, c);
	if (s->head.failed || ++s->line_len > VX_HTTP_LINE_MAX)
		return too_long(s);
	s->after_cr = c == '\r';
	if (c != '\n')
		return 0;
	*done = s->line_len == 2;
	s->line_len = 0;
	return 0;
}

static int take_head(struct vx_http_server *s, vx_slice *in, struct vx_buf *out,
    struct vx_http_request *request)
{
	while (in->len > 0) {
		bool done = false;
		const unsigned status = head_octet(s, in->ptr[0], &done);

		*in = vx_slice_from(*in, 1);
		if (status != 0)
			return refuse(s, status, out);
		if (done)
			return on_head(s, out, request);
	}
	return VX_MORE;
}

/* --- bodies
 * ---------------------------------------------------------------------------------- */

/* Up to left octets; true: none is left. */
static bool take_left(struct vx_http_server *s, vx_slice *in)
{
	const size_t n = s->left < in->len ? (size_t)s->left : in->len;

	vx_buf_add(&s->body, vx_slice_head(*in, n));
	*in = vx_slice_from(*in, n);
	s->left -= n;
	return s->left == 0;
}

/* A line with CRLF, without them in s->line: 1 when it is there, 0, or -1: wrong. */
static int take_line(struct vx_http_server *s, vx_slice *in)
{
	while (in->len > 0) {
		const char c = in->ptr[0];

		*in = vx_slice_from(*in, 1);
		if (s->after_cr) {
			s->after_cr = false;
			return c == '\n' ? 1 : -1;
		}
		s->after_cr = c == '\r';
		if (c == '\n' || c == '\0')
			return -1;
		if (c != '\r')
			vx_buf_add_char(&s->line, c);
		if (s->line.failed)
			return -1;
	}
	return 0;
}

/* chunk-size and extensions, which nobody uses (RFC 9112 7.1). */
static bool read_size(vx_slice line, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < line.len && vx_is(line.ptr[i], VX_C_HEX); i++) {
		const char c = vx_lower(line.ptr[i]);

		if (i == 8)
			return false;
		n = n * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*out = n;
	return i > 0 && (i == line.len || line.ptr[i] == ';');
}

/* One line of a chunked body; VX_OK: go on. */
static int on_line(
    struct vx_http_server *s, struct vx_buf *out, struct vx_http_request *request)
{
	const vx_slice line = vx_buf_slice(&s->line);
	const size_t n = line.len;

	if (s->state == CHUNK_END) {
		s->state = CHUNK_LINE;
		if (n > 0)
			return refuse(s, 400, out);
	} else if (s->state == CHUNK_LINE) {
		if (!read_size(line, &s->left))
			return refuse(s, 400, out);
		if (s->left > s->body_max - s->body.len)
			return refuse(s, 413, out);
		s->state = s->left == 0 ? TRAILER : CHUNK;
	} else if (n == 0) {
		vx_buf_reset(&s->line);
		return ready(s, request);
	} else if ((s->trailer_len += n) > VX_HTTP_TRAILER_MAX) {
		return refuse(s, 431, out);
	}
	vx_buf_reset(&s->line);
	return VX_OK;
}

static int take_chunks(struct vx_http_server *s, vx_slice *in, struct vx_buf *out,
    struct vx_http_request *request)
{
	int rc = VX_OK;

	while (rc == VX_OK && in->len > 0) {
		if (s->state == CHUNK) {
			if (take_left(s, in))
				s->state = CHUNK_END;
			continue;
		}
		switch (take_line(s, in)) {
		case 0:
			return VX_MORE;
		case 1:
			rc = on_line(s, out, request);
			break;
		default:
			return refuse(s, 400, out);
		}
	}
	return rc == VX_OK ? VX_MORE : rc;
}

int vx_http_server_next(struct vx_http_server *s, vx_slice *in, struct vx_buf *out,
    struct vx_http_request *request)
{
	int rc = VX_MORE;

	if (s->state == ANSWER)
		return VX_WAIT;
	if (s->state == HEAD)
		rc = take_head(s, in, out, request);
	if (s->state == BODY && in->len > 0)
		rc = take_left(s, in) ? ready(s, request) : VX_MORE;
	else if (s->state > BODY && s->state < ANSWER)
		rc = take_chunks(s, in, out, request);
	if (s->state == CLOSED)
		return VX_DONE;
	if (s->body.failed)
		return VX_ENOMEM;
	return rc == VX_OK ? VX_MORE : rc;
}
