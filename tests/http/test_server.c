/* Requests whole and in pieces, and all that could be understood in two ways. */
#include "lib/vxt.h"
#include "vectis/http_server.h"

#include <stdio.h>

enum {
	BODY_MAX = 1000
};

/* A host that says back what it was asked: "METHOD host path query body". */
struct talk {
	struct vx_http_server *server;
	struct vx_buf out, seen;
	int end; /* 0: open */
};

static void talk_begin(struct talk *t)
{
	const struct vx_http_server_options o = { .struct_size = sizeof(o),
		.body_max = BODY_MAX };

	*t = (struct talk){ .out = { .max = 1 << 20 }, .seen = { .max = 1 << 20 } };
	vxt_assert_ok(vx_http_server_new(&o, &t->server));
}

static void talk_end(struct talk *t)
{
	vx_http_server_free(t->server);
	vx_buf_done(&t->out);
	vx_buf_done(&t->seen);
}

static void add(struct vx_buf *b, vx_slice s)
{
	vx_buf_add(b, s);
	vx_buf_add_char(b, ' ');
}

static void feed(struct talk *t, vx_slice in)
{
	struct vx_http_request r;
	int rc = VX_DATA;

	while (t->end == 0 && rc == VX_DATA) {
		rc = vx_http_server_next(t->server, &in, &t->out, &r);
		if (rc == VX_DATA) {
			const struct vx_http_answer a = {
				.status = 200, .type = "text/plain", .body = VX_S("hello")
			};

			add(&t->seen, r.method);
			add(&t->seen, r.host);
			add(&t->seen, r.path);
			add(&t->seen, r.query);
			add(&t->seen, r.body);
			vx_buf_add_char(&t->seen, '\n');
			ck_assert_int_eq(
			    vx_http_server_next(t->server, &in, &t->out, &r), VX_WAIT);
			vxt_assert_ok(
			    vx_http_server_answer(t->server, 784111777, &a, &t->out));
		} else if (rc == VX_DONE) {
			t->end = 1;
		} else {
			ck_assert_int_eq(rc, VX_MORE);
			ck_assert_uint_eq(in.len, 0);
		}
	}
}

static void each_way(void *ctx, const vx_slice *pieces, size_t count)
{
	const char *const *const want = ctx; /* seen, then the beginning of out */
	struct talk t;

	talk_begin(&t);
	for (size_t i = 0; i < count; i++)
		feed(&t, pieces[i]);
	vxt_assert_str(vx_buf_slice(&t.seen), want[0]);
	ck_assert_msg(vx_slice_has_prefix(vx_buf_slice(&t.out), vx_slice_str(want[1])),
	    "%s", t.out.ptr);
	talk_end(&t);
}

START_TEST(good_requests)
{
	static const char ok[] =
	    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 5\r\n";
	static const char *const cases[][3] = {
		{ "GET / HTTP/1.1\r\nHost: A.example\r\n\r\n", "GET a.example /   \n",
		    ok },
		{ "\r\nGET /x?y=z?a HTTP/1.1\r\nhOST:\ta.example:80 \r\nX:\r\n\r\n",
		    "GET a.example /x y=z?a  \n", ok },
		{ "GET http://b.example:8080/q HTTP/1.1\r\nHost: a.example\r\n\r\n",
		    "GET b.example /q   \n", ok },
		{ "GET /6 HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n",
		    "GET [2001:db8::1] /6   \n", ok },
		{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS a *   \n", ok },
		{ "GET / HTTP/1.0\r\n\r\n", "GET  /   \n", ok },
		{ "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na\0b\r\n",
		    NULL, ok },
		{ "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
		  "GET /n HTTP/1.1\r\nHost: a\r\n\r\n",
		    "POST a /p  abc \nGET a /n   \n", ok },
		{ "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
		  "3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\n"
		  "GET /n HTTP/1.1\r\nHost: a\r\n\r\n",
		    "POST a /p  abc0123456789 \nGET a /n   \n", ok },
		{ "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		  "Content-Length: 1\r\n\r\nx",
		    "POST a /p  x \n",
		    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want[2] = { cases[i][1], cases[i][2] };

		if (cases[i][1] != NULL)
			vxt_every_split(vx_slice_str(cases[i][0]), each_way, want);
	}
}
END_TEST

START_TEST(bad_requests)
{
	static const struct {
		const char *text;
		unsigned status;
		size_t len; /* 0: of text */
	} cases[] = {
		{ "GET / HTTP/1.1\nHost: a\n\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400, 31 },
		{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET /\r\n\r\n", 400, 0 },
		{ "GET / http/1.1\r\nHost: a\r\n\r\n", 400, 0 },
		{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: "
		  "1\r\n\r\nx",
		    400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: "
		  "99999999999999999999999\r\n\r\n",
		    413, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
		  "chunked\r\n\r\nx",
		    400, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		    501, 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n",
		    400, 0 },
		{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		    400, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
		    400, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 "
		  "\r\nx",
		    400, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx",
		    400, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n1\r\nxy\r\n",
		    400, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n000000001\r\n",
		    400, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		  "chunked\r\n\r\nffffffff\r\n",
		    413, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n3e7\r\n",
		    0, 0 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n3e9\r\n",
		    413, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk t;
		char want[64] = "";

		talk_begin(&t);
		feed(&t, vx_slice_of(cases[i].text,
			     cases[i].len > 0 ? cases[i].len : strlen(cases[i].text)));
		if (cases[i].status != 0)
			(void)snprintf(
			    want, sizeof(want), "HTTP/1.1 %u ", cases[i].status);
		ck_assert_msg(
		    vx_slice_has_prefix(vx_buf_slice(&t.out), vx_slice_str(want)) &&
			t.end == (cases[i].status != 0) && t.seen.len == 0,
		    "case %zu: %s%s", i, t.seen.ptr == NULL ? "" : t.seen.ptr,
		    t.out.ptr == NULL ? "" : t.out.ptr);
		talk_end(&t);
	}
}
END_TEST

static void fill(struct vx_buf *b, const char *before, size_t n, const char *after)
{
	vx_buf_reset(b);
	vx_buf_add_str(b, before);
	for (size_t i = 0; i < n; i++)
		vx_buf_add_char(b, 'x');
	vx_buf_add_str(b, after);
}

static void expect(const struct vx_buf *text, const char *want)
{
	struct talk t;

	talk_begin(&t);
	feed(&t, vx_buf_slice(text));
	ck_assert_msg(vx_slice_has_prefix(vx_buf_slice(&t.out), vx_slice_str(want)),
	    "%zu octets %.40s, want %s: %s", text->len, text->ptr, want,
	    t.out.ptr == NULL ? "nothing" : t.out.ptr);
	talk_end(&t);
}

START_TEST(limits)
{
	struct vx_buf b = { .max = 1 << 20 };

	/* "GET /" and " HTTP/1.1" CRLF are 16 octets */
	fill(&b, "GET /", VX_HTTP_LINE_MAX - 16, " HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(&b, "HTTP/1.1 200 ");
	fill(&b, "GET /", VX_HTTP_LINE_MAX - 15, " HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(&b, "HTTP/1.1 414 ");
	fill(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ", VX_HTTP_LINE_MAX - 5, "\r\n\r\n");
	expect(&b, "HTTP/1.1 200 ");
	fill(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ", VX_HTTP_LINE_MAX - 4, "\r\n\r\n");
	expect(&b, "HTTP/1.1 431 ");
	vx_buf_reset(&b);
	vx_buf_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 1; i < VX_HTTP_FIELDS_MAX; i++)
		vx_buf_add_str(&b, "X: y\r\n");
	vx_buf_add_str(&b, "\r\n");
	expect(&b, "HTTP/1.1 200 ");
	vx_buf_truncate(&b, b.len - 2);
	vx_buf_add_str(&b, "X: y\r\n\r\n");
	expect(&b, "HTTP/1.1 431 ");
	fill(&b, "GET / HTTP/1.1\r\nHost: ", VX_HTTP_HOST_MAX, "\r\n\r\n");
	expect(&b, "HTTP/1.1 200 ");
	fill(&b, "GET / HTTP/1.1\r\nHost: ", VX_HTTP_HOST_MAX + 1, "\r\n\r\n");
	expect(&b, "HTTP/1.1 400 ");
	fill(&b, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", 1000, "");
	expect(&b, "HTTP/1.1 200 ");
	fill(&b, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;",
	    VX_HTTP_CHUNK_LINE_MAX - 2, "\r\n\r\n");
	expect(&b, "HTTP/1.1 200 ");
	fill(&b, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;",
	    VX_HTTP_CHUNK_LINE_MAX - 1, "\r\n\r\n");
	expect(&b, "HTTP/1.1 400 ");
	vx_buf_reset(&b);
	vx_buf_add_str(
	    &b, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
	for (int i = 0; i <= VX_HTTP_TRAILER_MAX / 4; i++)
		vx_buf_add_str(&b, "X: y\r\n");
	expect(&b, "HTTP/1.1 431 ");
	vx_buf_done(&b);
}
END_TEST

START_TEST(connections_end)
{
	static const struct {
		const char *fields;
		bool ends;
	} cases[] = { { "1.1\r\nHost: a\r\n\r\n", false },
		{ "1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", true },
		{ "1.0\r\n\r\n", true },
		{ "1.0\r\nConnection: keep-alive\r\n\r\n", false } };
	struct talk t;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		talk_begin(&t);
		feed(&t, VX_S("GET / HTTP/"));
		feed(&t, vx_slice_str(cases[i].fields));
		feed(&t, VX_S(""));
		ck_assert_int_eq(t.end, cases[i].ends);
		ck_assert_uint_eq(vx_slice_find_slice(vx_buf_slice(&t.out),
				      VX_S("Connection: close\r\n")) < t.out.len,
		    cases[i].ends);
		talk_end(&t);
	}
	talk_begin(&t);
	for (unsigned i = 0; i < VX_HTTP_REQUESTS_MAX; i++) {
		ck_assert_int_eq(t.end, 0);
		vx_buf_reset(&t.out);
		feed(&t, VX_S("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	}
	ck_assert_int_eq(t.end, 1);
	talk_end(&t);
}
END_TEST

START_TEST(answers)
{
	const struct vx_http_field good = { VX_S("Location"), VX_S("https://a/") },
				   bad = { VX_S("X"), VX_S("a\r\nb: c") };
	struct vx_http_answer a = { .status = 301, .fields = &bad, .field_count = 1 };
	vx_slice in = VX_S("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	struct vx_http_request r;
	struct talk t;

	talk_begin(&t);
	ck_assert_int_eq(vx_http_server_answer(t.server, 0, &a, &t.out), VX_ESTATE);
	ck_assert(!vx_http_server_busy(t.server));
	ck_assert_int_eq(vx_http_server_next(t.server, &in, &t.out, &r), VX_DATA);
	ck_assert(vx_http_server_busy(t.server));
	ck_assert_ptr_null(vx_http_field(&r, "x").ptr);
	vxt_assert_str(vx_http_field(&r, "hOsT"), "a");
	ck_assert_int_eq(vx_http_server_answer(t.server, 0, &a, &t.out), VX_EINVAL);
	ck_assert_uint_eq(t.out.len, 0);
	a.fields = &good;
	a.body = VX_S("not for HEAD");
	vxt_assert_ok(vx_http_server_answer(t.server, 0, &a, &t.out));
	vxt_assert_str(vx_buf_slice(&t.out),
	    "HTTP/1.1 301 Moved Permanently\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	    "Content-Length: 12\r\nLocation: https://a/\r\n\r\n");
	talk_end(&t);
}
END_TEST

START_TEST(silence)
{
	struct talk t;

	talk_begin(&t);
	vx_http_server_timeout(t.server, &t.out);
	ck_assert_uint_eq(t.out.len, 0);
	talk_end(&t);
	talk_begin(&t);
	feed(&t, VX_S("GET"));
	ck_assert(vx_http_server_busy(t.server));
	vx_http_server_timeout(t.server, &t.out);
	ck_assert(vx_slice_has_prefix(vx_buf_slice(&t.out), VX_S("HTTP/1.1 408 ")));
	feed(&t, VX_S(" / HTTP/1.1\r\nHost: a\r\n\r\n"));
	ck_assert_int_eq(t.end, 1);
	ck_assert_uint_eq(t.seen.len, 0);
	talk_end(&t);
}
END_TEST

VXT_SUITE(test_server, "http server", good_requests, bad_requests, limits,
    connections_end, answers, silence)
