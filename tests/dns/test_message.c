#include "lib/vxt.h"
#include "vectis/dns.h"

#include <stdlib.h>

/* A message that is put together by hand. */
struct message {
	char octets[2000];
	size_t len;
};

static void put(struct message *m, vx_slice s)
{
	ck_assert_uint_le(m->len + s.len, sizeof(m->octets));
	memcpy(m->octets + m->len, s.ptr, s.len);
	m->len += s.len;
}

static void begin(struct message *m, unsigned rcode, unsigned answers, unsigned authority)
{
	const char header[12] = { 0, 0, (char)0x81, (char)(0x80 | rcode), 0, 1, 0,
		(char)answers, 0, (char)authority, 0, 0 };

	m->len = 0;
	put(m, vx_slice_of(header, 12));
}

/* Name in wire form, type, ttl, rdata. */
static void record(
    struct message *m, vx_slice name, unsigned type, unsigned ttl, vx_slice rdata)
{
	const char fixed[10] = { 0, (char)type, 0, 1, 0, 0, (char)(ttl >> 8), (char)ttl,
		(char)(rdata.len >> 8), (char)rdata.len };

	put(m, name);
	put(m, vx_slice_of(fixed, 10));
	put(m, rdata);
}

#define EXAMPLE "\7eXample\3org\0"  /* at 12 */
#define AT_EXAMPLE VX_S("\xc0\x0c") /* a pointer to it */

static void ask(struct message *m, unsigned type)
{
	const char fixed[4] = { 0, (char)type, 0, 1 };

	put(m, VX_S(EXAMPLE));
	put(m, vx_slice_of(fixed, 4));
}

static int read_it(
    const struct message *m, enum vx_dns_type type, struct vx_dns_records *r)
{
	const struct vx_dns_question q = { type, "example.org" };
	char *copy = malloc(m->len + (m->len == 0)); /* ASan sees its end */
	int rc;

	memcpy(copy, m->octets, m->len);
	rc = vx_dns_read_message(vx_slice_of(copy, m->len), &q, r);
	free(copy);
	return rc;
}

START_TEST(records_are_uncompressed)
{
	struct vx_dns_records r;
	struct vx_dns_mx mx;
	struct message m;

	vx_dns_records_init(&r);
	begin(&m, 0, 2, 0);
	ask(&m, VX_DNS_MX);
	record(&m, AT_EXAMPLE, VX_DNS_MX, 300, VX_S("\0\12\2mX\xc0\x0c"));
	record(&m, VX_S("\7example\xc0\x14"), VX_DNS_MX, 60, VX_S("\0\24\1b\xc0\x14"));
	vxt_assert_ok(read_it(&m, VX_DNS_MX, &r));
	ck_assert_int_eq(r.answer.status, VX_DNS_FOUND);
	ck_assert_uint_eq(r.answer.count, 2);
	ck_assert_uint_eq(r.answer.ttl, 60);
	ck_assert(!r.answer.secure);
	vxt_assert_ok(vx_dns_read_mx(r.answer.rdata[0], &mx));
	ck_assert_str_eq(mx.host, "mx.example.org");
	vxt_assert_ok(vx_dns_read_mx(r.answer.rdata[1], &mx));
	ck_assert_str_eq(mx.host, "b.org");
	vx_dns_records_done(&r);
}
END_TEST

START_TEST(aliases_are_followed)
{
	struct vx_dns_answer *copy;
	struct vx_dns_records r;
	struct message m;

	vx_dns_records_init(&r);
	begin(&m, 0, 4, 0);
	ask(&m, VX_DNS_A);
	record(&m, VX_S("\1b\xc0\x14"), VX_DNS_A, 50, VX_S("\1\2\3\4"));
	record(&m, VX_S("\1c\xc0\x14"), VX_DNS_A, 1, VX_S("\1\2\3\5"));
	record(&m, AT_EXAMPLE, VX_DNS_CNAME, 40, VX_S("\1a\xc0\x14"));
	record(&m, VX_S("\1A\xc0\x14"), VX_DNS_CNAME, 45, VX_S("\1B\xc0\x14"));
	vxt_assert_ok(read_it(&m, VX_DNS_A, &r));
	ck_assert_uint_eq(r.answer.count, 1);
	ck_assert_uint_eq(r.answer.ttl, 40);
	vxt_assert_slice(r.answer.rdata[0], VX_S("\1\2\3\4"));
	copy = vx_dns_answer_dup(&r.answer);
	begin(&m, 0, 1, 0);
	ask(&m, VX_DNS_A);
	record(&m, AT_EXAMPLE, VX_DNS_A, 50, VX_S("\1\2\3\4"));
	vxt_assert_ok(read_it(&m, VX_DNS_A, &r));
	ck_assert_uint_eq(r.answer.canonical.len, 0);
	vxt_assert_str(copy->canonical, "b.org");
	vx_dns_answer_free(copy);
	vx_dns_records_done(&r);
}
END_TEST

START_TEST(nothing_has_a_time_too)
{
	static const struct {
		unsigned rcode;
		enum vx_dns_status status;
	} cases[] = { { 0, VX_DNS_NODATA }, { 3, VX_DNS_NO_NAME }, { 2, VX_DNS_FAILED },
		{ 5, VX_DNS_FAILED } };
	struct vx_dns_records r;
	struct message m;

	vx_dns_records_init(&r);
	for (size_t i = 0; i < 4; i++) {
		begin(&m, cases[i].rcode, 0, 1);
		ask(&m, VX_DNS_TXT);
		record(&m, AT_EXAMPLE, VX_DNS_SOA, 600,
		    VX_S("\1a\xc0\x0c\1b\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0"
			 "\5"));
		vxt_assert_ok(read_it(&m, VX_DNS_TXT, &r));
		ck_assert_int_eq(r.answer.status, cases[i].status);
		ck_assert_uint_eq(r.answer.count, 0);
		if (i < 2)
			ck_assert_uint_eq(r.answer.ttl, 5);
	}
	begin(&m, 3, 0, 0);
	ask(&m, VX_DNS_TXT);
	vxt_assert_ok(read_it(&m, VX_DNS_TXT, &r));
	ck_assert_uint_eq(r.answer.ttl, 0);
	vx_dns_records_done(&r);
}
END_TEST

START_TEST(what_is_no_answer_is_refused)
{
	const struct vx_dns_question q = { VX_DNS_A, "example.com" };
	struct vx_dns_records r;
	struct message m;

	vx_dns_records_init(&r);
	begin(&m, 0, 1, 0);
	ask(&m, VX_DNS_A);
	record(&m, AT_EXAMPLE, VX_DNS_A, 50, VX_S("\1\2\3\4"));
	for (size_t len = 0; len < m.len; len++) { /* cut anywhere */
		struct message part = m;

		part.len = len;
		ck_assert_int_eq(read_it(&part, VX_DNS_A, &r), VX_ESYNTAX);
		ck_assert_int_eq(r.answer.status, VX_DNS_FAILED);
	}
	vxt_assert_ok(read_it(&m, VX_DNS_A, &r));
	ck_assert_int_eq(read_it(&m, VX_DNS_AAAA, &r), VX_ESYNTAX); /* another type */
	ck_assert_int_eq(
	    vx_dns_read_message(vx_slice_of(m.octets, m.len), &q, &r), VX_ESYNTAX);
	m.octets[2] = 1; /* a query */
	ck_assert_int_eq(read_it(&m, VX_DNS_A, &r), VX_ESYNTAX);

	begin(&m, 0, 1, 0); /* a pointer to itself, and one forward */
	ask(&m, VX_DNS_A);
	record(&m, VX_S("\xc0\x1d"), VX_DNS_A, 50, VX_S("\1\2\3\4"));
	ck_assert_int_eq(read_it(&m, VX_DNS_A, &r), VX_ESYNTAX);
	begin(&m, 0, 1, 0);
	ask(&m, VX_DNS_A);
	record(&m, VX_S("\xc0\x20"), VX_DNS_A, 50, VX_S("\1\2\3\4"));
	ck_assert_int_eq(read_it(&m, VX_DNS_A, &r), VX_ESYNTAX);

	begin(&m, 0, 2, 0); /* a loop of aliases */
	ask(&m, VX_DNS_A);
	record(&m, AT_EXAMPLE, VX_DNS_CNAME, 50, VX_S("\1a\xc0\x14"));
	record(&m, VX_S("\1a\xc0\x14"), VX_DNS_CNAME, 50, AT_EXAMPLE);
	ck_assert_int_eq(read_it(&m, VX_DNS_A, &r), VX_ESYNTAX);
	vx_dns_records_done(&r);
}
END_TEST

/* The octets of RFC 1035 4.1 and RFC 6891 6.1.2. */
START_TEST(a_question_is_written)
{
	const struct vx_dns_question q = { VX_DNS_MX, "example.org" };
	struct vx_dns_question bad = { VX_DNS_MX, "a..b" };
	struct vx_buf out = { .max = 600 }, none = { .max = 4 };

	vxt_assert_ok(vx_dns_write_query(&q, 0x1234, true, &out));
	vxt_assert_slice(vx_buf_slice(&out),
	    VX_S("\x12\x34\1\0\0\1\0\0\0\0\0\1\7example\3org\0\0\17\0\1"
		 "\0\0\51\4\xd0\0\0\0\0\0\0"));
	vx_buf_reset(&out);
	vxt_assert_ok(vx_dns_write_query(&q, 1, false, &out));
	ck_assert_int_eq(out.ptr[2], 0);
	ck_assert_int_eq(vx_dns_write_query(&bad, 1, true, &out), VX_EINVAL);
	ck_assert_int_eq(vx_dns_write_query(&q, 1, true, &none), VX_ENOMEM);
	vx_buf_done(&out);
	vx_buf_done(&none);
}
END_TEST

START_TEST(a_header_is_read)
{
	struct vx_dns_header h;

	vxt_assert_ok(
	    vx_dns_read_header(VX_S("\x12\x34\x86\0\0\1\0\0\0\0\0\0"), &h));
	ck_assert_uint_eq(h.id, 0x1234);
	ck_assert(h.authoritative && h.truncated);
	vxt_assert_ok(
	    vx_dns_read_header(VX_S("\0\1\x80\0\0\1\0\0\0\0\0\0"), &h));
	ck_assert(!h.authoritative && !h.truncated);
	ck_assert_int_eq(
	    vx_dns_read_header(VX_S("\0\1\0\0\0\1\0\0\0\0\0\0"), &h), VX_ESYNTAX);
	ck_assert_int_eq(
	    vx_dns_read_header(VX_S("\0\1\x80\0\0\1\0\0\0\0\0"), &h), VX_ESYNTAX);
}
END_TEST

VXT_SUITE(test_message, "message", records_are_uncompressed, aliases_are_followed,
    nothing_has_a_time_too, what_is_no_answer_is_refused, a_question_is_written,
    a_header_is_read)
