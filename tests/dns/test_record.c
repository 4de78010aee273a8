#include "lib/vxt.h"
#include "vectis/dns.h"

#include <stdlib.h>

START_TEST(names_are_read)
{
	char out[VX_DNS_NAME_MAX + 1] = "before";

	vxt_assert_ok(vx_dns_read_name(VX_S("\4Mail\7example\0"), out));
	ck_assert_str_eq(out, "mail.example");
	vxt_assert_ok(vx_dns_read_name(VX_S("\0"), out));
	ck_assert_str_eq(out, "");
	(void)strcpy(out, "before");
	ck_assert_int_eq(vx_dns_read_name(VX_S(""), out), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_name(VX_S("\4mai"), out), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_name(VX_S("\4mail"), out), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_name(VX_S("\4mail\0x"), out), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_name(VX_S("\xc0\x0c"), out), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_name(VX_S("\4ma.l\0"), out), VX_EINVAL);
	ck_assert_int_eq(vx_dns_read_name(VX_S("\4ma\0l\0"), out), VX_EINVAL);
	ck_assert_int_eq(vx_dns_read_name(VX_S("\4ma\r\n\0"), out), VX_EINVAL);
	ck_assert_str_eq(out, "before");
}
END_TEST

START_TEST(text_is_joined)
{
	struct vx_buf out = { .max = 100 };

	vx_buf_add_str(&out, "+");
	vxt_assert_ok(vx_dns_read_txt(VX_S("\3v=s\0\4pf1 "), &out));
	vxt_assert_str(vx_buf_slice(&out), "+v=spf1 ");
	ck_assert_int_eq(vx_dns_read_txt(VX_S(""), &out), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_txt(VX_S("\1a\3bc"), &out), VX_ESYNTAX);
	vxt_assert_str(vx_buf_slice(&out), "+v=spf1 ");
	vx_buf_done(&out);
}
END_TEST

START_TEST(other_records)
{
	struct vx_dns_mx mx = { .preference = 7 };
	struct vx_dns_tlsa t;
	char address[VX_DNS_ADDRESS_MAX + 1];

	vxt_assert_ok(vx_dns_read_mx(VX_S("\1\2\1a\1b\0"), &mx));
	ck_assert_uint_eq(mx.preference, 258);
	ck_assert_str_eq(mx.host, "a.b");
	vxt_assert_ok(vx_dns_read_mx(VX_S("\0\0\0"), &mx));
	ck_assert_str_eq(mx.host, "");
	ck_assert_int_eq(vx_dns_read_mx(VX_S("\0\0"), &mx), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_mx(VX_S("\0\12\1a"), &mx), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_mx(VX_S("\0\12\2a\t\0"), &mx), VX_EINVAL);

	vxt_assert_ok(vx_dns_read_address(VX_S("\300\0\2\1"), address));
	ck_assert_str_eq(address, "192.0.2.1");
	vxt_assert_ok(
	    vx_dns_read_address(VX_S("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), address));
	ck_assert_str_eq(address, "2001:db8::1");
	ck_assert_int_eq(vx_dns_read_address(VX_S("\1\2\3"), address), VX_ESYNTAX);

	vxt_assert_ok(vx_dns_read_tlsa(VX_S("\3\1\1ab"), &t));
	ck_assert_uint_eq(t.usage, 3);
	ck_assert_uint_eq(t.selector, 1);
	ck_assert_uint_eq(t.matching, 1);
	vxt_assert_str(t.data, "ab");
	ck_assert_int_eq(vx_dns_read_tlsa(VX_S("\3\1\1"), &t), VX_ESYNTAX);
	ck_assert_str_eq(vx_dns_type_name(VX_DNS_TLSA), "TLSA");
}
END_TEST

/* Every short rdata over a few octets that matter, each at the end of its block. */
START_TEST(nothing_is_read_past_the_end)
{
	static const char octets[] = { 0, 1, 2, 3, 63, 64, (char)0xc0, 'a', '.' };
	const size_t n = sizeof(octets);

	for (size_t len = 0; len <= 5; len++) {
		size_t all = 1;

		for (size_t i = 0; i < len; i++)
			all *= n;
		for (size_t k = 0; k < all; k++) {
			char *block = malloc(len + (len == 0)), name[VX_DNS_NAME_MAX + 1];
			struct vx_buf text = { .max = 1000 };
			struct vx_dns_tlsa t;
			struct vx_dns_mx mx;
			size_t rest = k;

			for (size_t i = 0; i < len; i++, rest /= n)
				block[i] = octets[rest % n];
			(void)vx_dns_read_name(vx_slice_of(block, len), name);
			(void)vx_dns_read_txt(vx_slice_of(block, len), &text);
			(void)vx_dns_read_mx(vx_slice_of(block, len), &mx);
			(void)vx_dns_read_tlsa(vx_slice_of(block, len), &t);
			(void)vx_dns_read_address(vx_slice_of(block, len), name);
			ck_assert_uint_lt(text.len, len + 1);
			vx_buf_done(&text);
			free(block);
		}
	}
}
END_TEST

VXT_SUITE(test_record, "record", names_are_read, text_is_joined, other_records,
    nothing_is_read_past_the_end)
