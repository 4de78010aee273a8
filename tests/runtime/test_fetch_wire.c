/* Requests and answers between processes, of which one may have been taken over. */
#include "lib/vxt.h"
#include "runtime/fetch_wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct vx_fetch_field read_fields[VX_FETCH_FIELDS_MAX];

static struct vx_buf request(void)
{
	static const struct vx_fetch_field fields[] = { { { "Accept", 6 }, { "a/b", 3 } },
		{ { "X-Empty", 7 }, { "", 0 } } };
	const struct vx_fetch f = { .method = "POST",
		.url = "https://a.test/x",
		.fields = fields,
		.field_count = 2,
		.body = VX_S("bo\0dy"),
		.body_max = 1000,
		.ms_max = 5000 };
	struct vx_buf out = { .max = 10000 };

	vxt_assert_ok(vx_fetch_write_request(&f, &out));
	return out;
}

static struct vx_buf answer(void)
{
	static const struct vx_fetch_field fields[] = { { { "A", 1 }, { "b", 1 } } };
	const struct vx_fetch_answer a = { .result = VX_FETCH_ANSWERED,
		.text = "",
		.status = 200,
		.fields = fields,
		.field_count = 1,
		.body = VX_S("hello") };
	struct vx_buf out = { .max = 10000 };

	vxt_assert_ok(vx_fetch_write_answer(&a, &out));
	return out;
}

START_TEST(there_and_back)
{
	struct vx_fetch_answer a;
	struct vx_fetch f;
	struct vx_buf octets = request();

	vxt_assert_ok(vx_fetch_read_request(vx_buf_slice(&octets), read_fields, &f));
	ck_assert_str_eq(f.method, "POST");
	ck_assert_str_eq(f.url, "https://a.test/x");
	ck_assert_uint_eq(f.field_count, 2);
	vxt_assert_str(f.fields[0].value, "a/b");
	vxt_assert_str(f.fields[1].name, "X-Empty");
	ck_assert_uint_eq(f.fields[1].value.len, 0);
	vxt_assert_slice(f.body, VX_S("bo\0dy"));
	ck_assert_uint_eq(f.body_max, 1000);
	ck_assert_uint_eq(f.ms_max, 5000);
	vx_buf_done(&octets);
	octets = answer();
	vxt_assert_ok(vx_fetch_read_answer(vx_buf_slice(&octets), read_fields, &a));
	ck_assert_int_eq(a.result, VX_FETCH_ANSWERED);
	ck_assert_uint_eq(a.status, 200);
	vxt_assert_str(vx_fetch_value(&a, "a"), "b");
	ck_assert_ptr_null(vx_fetch_value(&a, "b").ptr);
	vxt_assert_str(a.body, "hello");
	vx_buf_done(&octets);
}
END_TEST

/* Cut anywhere, or with one octet more, it is refused; each octet may be any other. */
static void mangle(struct vx_buf *octets, bool is_answer)
{
	struct vx_fetch_answer a;
	struct vx_fetch f;

	for (size_t len = 0; len < octets->len; len++) {
		char *copy = malloc(len + 1);
		const vx_slice s = vx_slice_of(copy, len);

		memcpy(copy, octets->ptr, len);
		ck_assert_int_eq(is_answer ? vx_fetch_read_answer(s, read_fields, &a)
					   : vx_fetch_read_request(s, read_fields, &f),
		    VX_ESYNTAX);
		free(copy);
	}
	for (size_t i = 0; i < octets->len; i++)
		for (int bit = 0; bit < 8; bit++) {
			octets->ptr[i] = (char)(octets->ptr[i] ^ (1 << bit));
			if (is_answer)
				(void)vx_fetch_read_answer(
				    vx_buf_slice(octets), read_fields, &a);
			else
				(void)vx_fetch_read_request(
				    vx_buf_slice(octets), read_fields, &f);
			octets->ptr[i] = (char)(octets->ptr[i] ^ (1 << bit));
		}
	vx_buf_add_char(octets, 'x');
	ck_assert_int_eq(
	    is_answer ? vx_fetch_read_answer(vx_buf_slice(octets), read_fields, &a)
		      : vx_fetch_read_request(vx_buf_slice(octets), read_fields, &f),
	    VX_ESYNTAX);
	vx_buf_done(octets);
}

START_TEST(mangled)
{
	struct vx_buf octets = request();

	mangle(&octets, false);
	octets = answer();
	mangle(&octets, true);
}
END_TEST

static int fds[2];

static void open_pair(void)
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
	    0);
}

/* A message with so many files of four octets. */
static void send_raw(const void *m, size_t len, size_t files)
{
	union {
		struct cmsghdr header;
		char octets[CMSG_SPACE(4 * sizeof(int))];
	} c;
	struct iovec v = { (void *)(uintptr_t)m, len };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };
	int list[4] = { 0 };

	for (size_t i = 0; i < files; i++) {
		list[i] = memfd_create("x", MFD_CLOEXEC);
		ck_assert_int_eq(write(list[i], "four", 4), 4);
	}
	if (files > 0) {
		memset(&c, 0, sizeof(c));
		h.msg_control = &c;
		h.msg_controllen = CMSG_SPACE(files * sizeof(int));
		c.header.cmsg_level = SOL_SOCKET;
		c.header.cmsg_type = SCM_RIGHTS;
		c.header.cmsg_len = CMSG_LEN(files * sizeof(int));
		memcpy(CMSG_DATA(&c.header), list, files * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fds[0], &h, MSG_NOSIGNAL), (ssize_t)len);
	for (size_t i = 0; i < files; i++)
		(void)close(list[i]);
}

static int lowest_free(void)
{
	const int fd = dup(0);

	(void)close(fd);
	return fd;
}

START_TEST(messages)
{
	struct vx_buf octets = { .max = 100 };
	struct vx_fetch_message m;

	open_pair();
	ck_assert_int_eq(vx_fetch_receive(fds[1], &m, &octets), VX_ENOENT);
	vxt_assert_ok(vx_fetch_send(fds[0], 7, VX_FETCH_REQUEST, VX_S("octets")));
	vxt_assert_ok(vx_fetch_send(fds[0], 8, VX_FETCH_DROP, vx_slice_of("", 0)));
	vxt_assert_ok(vx_fetch_receive(fds[1], &m, &octets));
	ck_assert_uint_eq(m.id, 7);
	ck_assert_uint_eq(m.kind, VX_FETCH_REQUEST);
	vxt_assert_str(vx_buf_slice(&octets), "octets");
	vx_buf_reset(&octets);
	vxt_assert_ok(vx_fetch_receive(fds[1], &m, &octets));
	ck_assert_uint_eq(m.id, 8);
	ck_assert_uint_eq(octets.len, 0);
	(void)close(fds[0]);
	ck_assert_int_eq(vx_fetch_receive(fds[1], &m, &octets), VX_ECLOSED);
	(void)close(fds[1]);
	vx_buf_done(&octets);
}
END_TEST

/* What is no message leaves no open file behind. */
START_TEST(messages_that_are_none)
{
	static const struct {
		uint32_t length;
		size_t octets, files;
	} cases[] = { { 4, 8, 1 }, { 5, 16, 1 }, { 4, 16, 0 }, { 0, 16, 1 }, { 4, 16, 2 },
		{ 4, 16, 4 }, { UINT32_MAX, 16, 1 }, { 101, 16, 1 }, { 4, 24, 1 } };
	struct vx_buf octets = { .max = 100 };
	char raw[24] = { 0 };

	open_pair();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int before = lowest_free();
		struct vx_fetch_message m = {
			.id = 1, .kind = VX_FETCH_ANSWER, .length = cases[i].length
		};

		memcpy(raw, &m, sizeof(m));
		send_raw(raw, cases[i].octets, cases[i].files);
		ck_assert_msg(
		    vx_fetch_receive(fds[1], &m, &octets) == VX_ESYNTAX, "case %zu", i);
		vx_buf_reset(&octets);
		ck_assert_int_eq(lowest_free(), before);
	}
	send_raw(&(struct vx_fetch_message){ .length = 4 },
	    sizeof(struct vx_fetch_message), 1);
	ck_assert_int_eq(
	    vx_fetch_receive(fds[1], &(struct vx_fetch_message){ 0 }, &octets), VX_OK);
	vxt_assert_str(vx_buf_slice(&octets), "four");
	vx_buf_done(&octets);
	(void)close(fds[0]);
	(void)close(fds[1]);
}
END_TEST

static void note_id(void *ctx, const struct vx_fetch_message *m, vx_slice octets)
{
	struct vx_buf *out = ctx;

	vx_buf_printf(out, "%u%.*s ", (unsigned)m->id, (int)octets.len, octets.ptr);
}

/* A turn has its end, what is no message does not end it, and the last ones count. */
START_TEST(some_at_a_time)
{
	struct vx_buf got = { .max = 1000 };

	open_pair();
	for (unsigned i = 0; i < VX_FETCH_AT_ONCE + 2; i++) {
		if (i == 1) /* no message */
			send_raw("short", 5, 1);
		else
			vxt_assert_ok(vx_fetch_send(fds[0], i, VX_FETCH_ANSWER,
			    i % 2 == 0 ? VX_S("x") : vx_slice_of("", 0)));
	}
	vxt_assert_ok(vx_fetch_receive_some(fds[1], note_id, &got));
	vxt_assert_str(
	    vx_buf_slice(&got), "0x 2x 3 4x 5 6x 7 8x 9 10x 11 12x 13 14x 15 ");
	vx_buf_reset(&got);
	(void)close(fds[0]);
	ck_assert_int_eq(vx_fetch_receive_some(fds[1], note_id, &got), VX_ECLOSED);
	vxt_assert_str(vx_buf_slice(&got), "16x 17 ");
	(void)close(fds[1]);
	vx_buf_done(&got);
}
END_TEST

/* Nobody reads: the sender is told, and does not wait. */
START_TEST(full)
{
	int rc = VX_OK, count = 0;

	open_pair();
	while (rc == VX_OK && count++ < 100000)
		rc = vx_fetch_send(fds[0], 1, VX_FETCH_DROP, vx_slice_of("", 0));
	ck_assert_int_eq(rc, VX_EBUSY);
	(void)close(fds[1]);
	ck_assert_int_eq(
	    vx_fetch_send(fds[0], 1, VX_FETCH_DROP, vx_slice_of("", 0)), VX_EIO);
	(void)close(fds[0]);
}
END_TEST

START_TEST(checked)
{
	static const struct vx_fetch_field bad[] = { { { "A:", 2 }, { "b", 1 } },
		{ { "A", 1 }, { "b\r\nC: d", 7 } }, { { "", 0 }, { "b", 1 } },
		{ { "A b", 3 }, { "b", 1 } } };
	struct vx_fetch f = { .method = "GET", .url = "https://a.test/" };

	ck_assert(vx_fetch_check(&f));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f.fields = &bad[i];
		f.field_count = 1;
		ck_assert(!vx_fetch_check(&f));
	}
	f.field_count = 0;
	f.ms_max = VX_FETCH_MS_MAX + 1;
	ck_assert(!vx_fetch_check(&f));
	f.ms_max = 0;
	f.body_max = VX_FETCH_BODY_MAX + 1;
	ck_assert(!vx_fetch_check(&f));
	f.body_max = 0;
	f.method = "GET /";
	ck_assert(!vx_fetch_check(&f));
	f.method = "GETGETGETGETGETGET";
	ck_assert(!vx_fetch_check(&f));
}
END_TEST

VXT_SUITE(test_fetch_wire, "fetch_wire", there_and_back, mangled, messages,
    messages_that_are_none, some_at_a_time, full, checked)
