/*
 * http_server.h - the server's side of HTTP/1.1 on one connection (RFC 9112), without
 * I/O.
 *
 * Strict: what could be understood in two ways is refused, for a proxy may stand before
 * us.  Bare LF, NUL, a blank before a colon, folded fields, two lengths, a length beside
 * a transfer coding, more or less than one Host are answered with 400 and the end of the
 * connection.  One request at a time: the next one is looked at when the last was
 * answered.
 */
#ifndef VECTIS_HTTP_SERVER_H
#define VECTIS_HTTP_SERVER_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_HTTP_HEAD_MAX 16384 /* octets of request line and fields */
#define VX_HTTP_LINE_MAX 8192  /* of one of these lines; of the request line: 414 */
#define VX_HTTP_FIELDS_MAX 64  /* 431 */
#define VX_HTTP_HOST_MAX 255   /* with a port */
#define VX_HTTP_CHUNK_LINE_MAX 256
#define VX_HTTP_TRAILER_MAX 4096  /* octets of all fields behind chunks */
#define VX_HTTP_REQUESTS_MAX 1000 /* of a connection */
#define VX_HTTP_ANSWER_FIELDS_MAX 16

struct vx_http_field {
	vx_slice name, value; /* value without blanks around it */
};

/* Good until the answer. */
struct vx_http_request {
	vx_slice method; /* a token, as it was sent: "GET" */
	vx_slice path;   /* "/..." as it was sent, or "*"; no query */
	vx_slice query;  /* without "?"; ptr NULL: there is none */
	vx_slice host;   /* without a port, in lower case; empty: HTTP/1.0 without one */
	const struct vx_http_field *fields;
	size_t field_count;
	vx_slice body;
};
/* The value of a field, in any case of its name; ptr NULL: not there. */
VX_API vx_slice vx_http_field(const struct vx_http_request *r, const char *name);

struct vx_http_server;
struct vx_http_server_options {
	size_t struct_size;
	size_t body_max; /* octets; more: 413 */
};
VX_API int vx_http_server_new(
    const struct vx_http_server_options *o, struct vx_http_server **out);
VX_API void vx_http_server_free(struct vx_http_server *s);

/*
 * Take octets from *in, which is advanced.
 *   VX_MORE  all of it was used
 *   VX_DATA  *request is to be answered
 *   VX_WAIT  it is not answered yet; nothing was taken
 *   VX_DONE  send out, then close
 * What the peer did wrong was answered into out.  VX_ENOMEM: close.
 */
VX_API int vx_http_server_next(struct vx_http_server *s, vx_slice *in, struct vx_buf *out,
    struct vx_http_request *request);

struct vx_http_answer {
	unsigned status;                    /* 200 to 599 */
	const char *type;                   /* Content-Type; NULL: none */
	vx_slice body;                      /* not sent to HEAD, but its length is */
	const struct vx_http_field *fields; /* others; without CR, LF, NUL */
	size_t field_count;
	bool close; /* the connection ends with it */
};
/* Append the answer of the request; now_s is its Date.  VX_OK; VX_ESTATE; VX_EINVAL. */
VX_API int vx_http_server_answer(struct vx_http_server *s, int64_t now_s,
    const struct vx_http_answer *answer, struct vx_buf *out);
/* Is a request half there, or waits for its answer? */
VX_API bool vx_http_server_busy(const struct vx_http_server *s);
/* Append what is said to a peer that was silent for too long: 408, if it began. */
VX_API void vx_http_server_timeout(struct vx_http_server *s, struct vx_buf *out);

VX_END_DECLS

#endif
