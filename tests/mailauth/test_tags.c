#include "lib/vxt.h"
#include "mailauth/tags.h"

#include <stdio.h>

START_TEST(lists)
{
	static const struct {
		const char *text;
		int rc;
		const char *found; /* name=value| and so on */
	} rows[] = {
		{ "a=1", VX_OK, "a=1|" },
		{ "a=1;", VX_OK, "a=1|" },
		{ " a = 1 ; \t b\r\n = x y\r\n\tz ;\r\n ", VX_OK, "a=1|b=x y\r\n\tz|" },
		{ "a=;B_9==x=", VX_OK, "a=|B_9==x=|" },
		{ "a=1; A=2", VX_OK, "a=1|A=2|" },
		{ "a=\xc3\xa9", VX_OK, "a=\xc3\xa9|" },
		{ "", VX_ESYNTAX, NULL },
		{ " ", VX_ESYNTAX, NULL },
		{ ";", VX_ESYNTAX, NULL },
		{ ";a=1", VX_ESYNTAX, NULL },
		{ "a=1;;", VX_ESYNTAX, NULL },
		{ "a=1; ;b=2", VX_ESYNTAX, NULL },
		{ "a", VX_ESYNTAX, NULL },
		{ "a=1; b", VX_ESYNTAX, NULL },
		{ "=1", VX_ESYNTAX, NULL },
		{ "a b=1", VX_ESYNTAX, NULL },
		{ "9=1", VX_ESYNTAX, NULL },
		{ "_=1", VX_ESYNTAX, NULL },
		{ "a-=1", VX_ESYNTAX, NULL },
		{ "\xc3\xa9=1", VX_ESYNTAX, NULL },
		{ "a=1; b=2; a=1", VX_ESYNTAX, NULL },
		{ "a=\x01", VX_ESYNTAX, NULL },
		{ "a=x\x7f", VX_ESYNTAX, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_tags t;
		struct vx_buf all = { .max = 200 };
		const int rc = vx_tags_parse(vx_slice_str(rows[i].text), &t);

		ck_assert_msg(rc == rows[i].rc, "\"%s\": %d", rows[i].text, rc);
		if (rc != VX_OK)
			continue;
		for (size_t k = 0; k < t.count; k++) {
			vx_buf_add(&all, t.list[k].name);
			vx_buf_add_char(&all, '=');
			vx_buf_add(&all, t.list[k].value);
			vx_buf_add_char(&all, '|');
		}
		vxt_assert_str(vx_buf_slice(&all), rows[i].found);
		vx_buf_done(&all);
	}
}
END_TEST

START_TEST(nul_is_no_value)
{
	struct vx_tags t;

	ck_assert_int_eq(vx_tags_parse(vx_slice_of("a=x\0y", 5), &t), VX_ESYNTAX);
}
END_TEST

START_TEST(raw_values_are_whole)
{
	struct vx_tags t;

	vxt_assert_ok(vx_tags_parse(VX_S("a=1; b = x\r\n y ;c="), &t));
	vxt_assert_str(vx_tags_find(&t, "b")->raw, " x\r\n y ");
	vxt_assert_str(vx_tags_find(&t, "c")->raw, "");
	ck_assert_ptr_null(vx_tags_find(&t, "d"));
	ck_assert_ptr_null(vx_tags_find(&t, ""));
}
END_TEST

START_TEST(lists_have_a_limit)
{
	struct vx_tags t;
	struct vx_buf b = { .max = 2000 };

	for (int i = 0; i < VX_DKIM_TAGS_MAX; i++)
		vx_buf_printf(&b, "t%d=;", i);
	vxt_assert_ok(vx_tags_parse(vx_buf_slice(&b), &t));
	ck_assert_uint_eq(t.count, VX_DKIM_TAGS_MAX);
	vx_buf_add_str(&b, "x=");
	ck_assert_int_eq(vx_tags_parse(vx_buf_slice(&b), &t), VX_ELIMIT);
	vx_buf_done(&b);
}
END_TEST

START_TEST(items)
{
	vx_slice list = VX_S(" a:b\r\n :\t: cd "), item;

	ck_assert(vx_tags_item(&list, &item));
	vxt_assert_str(item, "a");
	ck_assert(vx_tags_item(&list, &item));
	vxt_assert_str(item, "b");
	ck_assert(vx_tags_item(&list, &item));
	vxt_assert_str(item, "");
	ck_assert(vx_tags_item(&list, &item));
	vxt_assert_str(item, "cd");
	ck_assert(!vx_tags_item(&list, &item));
	ck_assert(vx_tags_has_item(VX_S("x:sha256"), "sha256"));
	ck_assert(!vx_tags_has_item(VX_S("x:sha2567"), "sha256"));
	ck_assert(!vx_tags_has_item(VX_S("SHA256"), "sha256"));
	ck_assert(!vx_tags_has_item(vx_slice_of(NULL, 0), ""));
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		const char *text;
		size_t max;
		int rc;
		uint64_t value;
	} rows[] = {
		{ "0", 12, VX_OK, 0 },
		{ "999999999999", 12, VX_OK, 999999999999 },
		{ "1000000000000", 12, VX_ESYNTAX, 0 },
		{ "18446744073709551614", 76, VX_OK, UINT64_MAX - 1 },
		{ "18446744073709551615", 76, VX_OK, UINT64_MAX },
		{ "18446744073709551616", 76, VX_OK, UINT64_MAX },
		{ "99999999999999999999999999999999999999999999999999999999999999999999"
		  "99999999",
		    76, VX_OK, UINT64_MAX },
		{ "00000000000000000000000000000000000000000000000000000000000000000000"
		  "00000017",
		    76, VX_OK, 17 },
		{ "", 12, VX_ESYNTAX, 0 },
		{ "-1", 12, VX_ESYNTAX, 0 },
		{ "1 2", 12, VX_ESYNTAX, 0 },
		{ "1a", 12, VX_ESYNTAX, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = 0;

		ck_assert_int_eq(
		    vx_tags_number(vx_slice_str(rows[i].text), rows[i].max, &n),
		    rows[i].rc);
		ck_assert_uint_eq(n, rows[i].value);
	}
}
END_TEST

START_TEST(base64)
{
	static const struct {
		const char *text;
		int rc;
		const char *octets;
	} rows[] = {
		{ "YWJj", VX_OK, "abc" },
		{ "Y W\r\n\tJj ", VX_OK, "abc" },
		{ "YWI=", VX_OK, "ab" },
		{ "YWI", VX_OK, "ab" },
		{ "YQ==", VX_OK, "a" },
		{ "YQ", VX_OK, "a" },
		{ "YQ=", VX_OK, "a" },
		{ "Y Q = =", VX_OK, "a" },
		{ "YQ===", VX_ESYNTAX, "" },
		{ "Y", VX_ESYNTAX, "" },
		{ "YWJjY", VX_ESYNTAX, "" },
		{ "YR==", VX_ESYNTAX, "" }, /* bits that belong to nothing */
		{ "=", VX_ESYNTAX, "" },
		{ "", VX_ESYNTAX, "" },
		{ " ", VX_ESYNTAX, "" },
		{ "Y=Jj", VX_ESYNTAX, "" },
		{ "YW-j", VX_ESYNTAX, "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf b = { .max = 100 };
		const int rc = vx_tags_base64(vx_slice_str(rows[i].text), &b);

		ck_assert_msg(rc == rows[i].rc, "%s: %d", rows[i].text, rc);
		vxt_assert_str(vx_buf_slice(&b), rows[i].octets);
		vx_buf_done(&b);
	}
}
END_TEST

VXT_SUITE(test_tags, "tags", lists, nul_is_no_value, raw_values_are_whole,
    lists_have_a_limit, items, numbers, base64)
