/* Texts of strangers, as they come into results. */
#include "lib/vxt.h"
#include "vectisctl/ctl.h"

#include <stdio.h>
#include <string.h>

START_TEST(texts)
{
	static const struct {
		vx_slice text;
		const char *shown;
	} cases[] = {
		{ VX_SLICE_INIT(""), "" },
		{ { NULL, 0 }, "" },
		{ VX_SLICE_INIT("a\xc3\xa4"), "a\xc3\xa4" },
		/* cut in the middle */
		{ VX_SLICE_INIT("a\xc3"), "a" },
		{ VX_SLICE_INIT("a\xe2\x82"), "a" },
		{ VX_SLICE_INIT("a\xf0\x9f\x98"), "a" },
		{ VX_SLICE_INIT("\xc3\xa4\xf0"), "\xc3\xa4" },
		/* of another character set, and nothing but a piece */
		{ VX_SLICE_INIT("gr\xfc\xdf"
				"e \xc3\xa4"),
		    "gr??e ??" },
		{ VX_SLICE_INIT("\xc3"), "?" },
		{ VX_SLICE_INIT("\xf0\x9f\x98"), "???" },
		{ VX_SLICE_INIT("a\xff\xff\xff\xff"), "a????" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = ctl_text(cases[i].text);

		ck_assert_ptr_nonnull(j);
		ck_assert_msg(strcmp(json_string_value(j), cases[i].shown) == 0,
		    "%zu: %s", i, json_string_value(j));
		json_decref(j);
	}
}
END_TEST

/* A warning is said, and in the result; the first failure is the one that counts. */
START_TEST(failures)
{
	struct ctl c = { .json = true, .result = json_object() };
	char longest[CTL_ERROR_MAX * 2];

	ck_assert_int_eq(ctl_fail(&c, CTL_USAGE, "no %s\x1b[2J", "such"), CTL_USAGE);
	ck_assert_int_eq(ctl_fail(&c, CTL_FAILED, "another"), CTL_FAILED);
	ck_assert_str_eq(
	    json_string_value(json_object_get(c.result, "error")), "no such?[2J");
	ctl_warn(&c, "C1: \xc2\x9b, %d", 1);
	/* cut in the middle of a character */
	memset(longest, 'x', sizeof(longest));
	memcpy(longest + CTL_ERROR_MAX - 2, "\xc3\xa4", 2);
	longest[sizeof(longest) - 1] = '\0';
	ctl_warn(&c, "%s", longest);
	ck_assert_uint_eq(json_array_size(json_object_get(c.result, "warnings")), 2);
	ck_assert_str_eq(
	    json_string_value(json_array_get(json_object_get(c.result, "warnings"), 0)),
	    "C1: ??, 1");
	ck_assert_uint_eq(
	    json_string_length(json_array_get(json_object_get(c.result, "warnings"), 1)),
	    CTL_ERROR_MAX - 2);
	json_decref(c.result);
}
END_TEST

VXT_SUITE(test_say, "say", texts, failures)
