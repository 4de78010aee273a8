/* A connection in pieces gives what it gives whole; the first octet says how to cut. */
#include "vectis/http_server.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OCTETS_MAX = 500
};

struct talk {
	struct vx_http_server *server;
	struct vx_buf out, seen;
	int end;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void begin(struct talk *t)
{
	const struct vx_http_server_options o = { .struct_size = sizeof(o),
		.body_max = OCTETS_MAX };

	*t = (struct talk){ .out = { .max = 1 << 22 }, .seen = { .max = 1 << 22 } };
	must(vx_http_server_new(&o, &t->server) == VX_OK);
}

static void check_request(const struct vx_http_request *r)
{
	must(r->method.len > 0 && r->path.len > 0 && r->body.len <= OCTETS_MAX);
	must(r->path.ptr[0] == '/' || vx_slice_eq(r->path, VX_S("*")));
	must(r->field_count <= VX_HTTP_FIELDS_MAX && r->host.len <= VX_HTTP_HOST_MAX);
	must(vx_slice_find(r->host, '/') == r->host.len);
	for (size_t i = 0; i < r->path.len; i++)
		must(r->path.ptr[i] > ' ' && r->path.ptr[i] <= '~');
	for (size_t i = 0; i < r->field_count; i++)
		must(vx_slice_find(r->fields[i].value, '\n') == r->fields[i].value.len &&
		     vx_slice_find(r->fields[i].value, '\0') == r->fields[i].value.len);
}

static void feed(struct talk *t, vx_slice in)
{
	static const struct vx_http_answer answer = { .status = 200, .body = { "x", 1 } };
	struct vx_http_request r;
	int rc = VX_DATA;

	while (t->end == 0 && rc == VX_DATA) {
		rc = vx_http_server_next(t->server, &in, &t->out, &r);
		must(rc == VX_DATA || rc == VX_MORE || rc == VX_DONE);
		if (rc == VX_DATA) {
			check_request(&r);
			vx_buf_add(&t->seen, r.method);
			vx_buf_add(&t->seen, r.host);
			vx_buf_add(&t->seen, r.path);
			vx_buf_add(&t->seen, r.body);
			must(vx_http_server_answer(t->server, 0, &answer, &t->out) ==
			     VX_OK);
		} else if (rc == VX_DONE) {
			t->end = 1;
		} else {
			must(in.len == 0);
		}
	}
}

static void done(struct talk *t)
{
	vx_http_server_free(t->server);
	vx_buf_done(&t->out);
	vx_buf_done(&t->seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t piece = size > 0 ? (size_t)data[0] % 40 + 1 : 1;
	vx_slice all = size > 0 ? vx_slice_of(data + 1, size - 1) : vx_slice_of("", 0);
	struct talk whole, parts;

	begin(&whole);
	begin(&parts);
	feed(&whole, all);
	while (all.len > 0) {
		feed(&parts, vx_slice_head(all, piece));
		all = vx_slice_from(all, piece);
	}
	must(vx_slice_eq(vx_buf_slice(&whole.out), vx_buf_slice(&parts.out)));
	must(vx_slice_eq(vx_buf_slice(&whole.seen), vx_buf_slice(&parts.seen)));
	done(&whole);
	done(&parts);
	return 0;
}
