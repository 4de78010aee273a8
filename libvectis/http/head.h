/* head.h - a request line and its fields, once they are whole (RFC 9112 2 to 6). */
#ifndef VX_HTTP_HEAD_H
#define VX_HTTP_HEAD_H

#include "vectis/http_server.h"

struct vx_http_head {
	struct vx_http_request request; /* without fields and body */
	struct vx_http_field fields[VX_HTTP_FIELDS_MAX];
	char host[VX_HTTP_HOST_MAX + 1];
	uint64_t length; /* UINT64_MAX: larger than that */
	bool chunked, close, expects;
};

bool vx_http_is_token(vx_slice s);
/* text ends with an empty line, each line with CRLF.  0, or the status that refuses it.
 */
unsigned vx_http_read_head(vx_slice text, struct vx_http_head *out);

#endif
