/* Paths and parameters, one by one. */
#include "lib/vxt.h"
#include "smtp/path.h"

#define L64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	vx_slice text;
	const char *path; /* NULL: refused */
	bool utf8;
} mail_paths[] = {
	{ VX_SLICE_INIT("<>"), "", false },
	{ VX_SLICE_INIT("<a@b.test>"), "a@b.test", false },
	{ VX_SLICE_INIT("<a.b+c=d!x@sub.b-c.test>"), "a.b+c=d!x@sub.b-c.test", false },
	{ VX_SLICE_INIT("<\"a b\"@b.test>"), "\"a b\"@b.test", false },
	{ VX_SLICE_INIT("<\"a\\\"@\\\\>\"@b.test>"), "\"a\\\"@\\\\>\"@b.test", false },
	{ VX_SLICE_INIT("<\"\"@b.test>"), "\"\"@b.test", false },
	{ VX_SLICE_INIT("<a@[192.0.2.1]>"), "a@[192.0.2.1]", false },
	{ VX_SLICE_INIT("<a@[IPv6:2001:db8::1]>"), "a@[IPv6:2001:db8::1]", false },
	{ VX_SLICE_INIT("<@x.test,@y.test:a@b.test>"), "a@b.test", false },
	{ VX_SLICE_INIT("<\xc3\xa4@b.test>"), "\xc3\xa4@b.test", true },
	{ VX_SLICE_INIT("<a@b\xc3\xa4.test>"), "a@b\xc3\xa4.test", true },
	{ VX_SLICE_INIT("<\"\xc3\xa4\"@b.test>"), "\"\xc3\xa4\"@b.test", true },
	{ VX_SLICE_INIT("<" L64 "@b.test>"), L64 "@b.test", false },
	{ VX_SLICE_INIT("<" L64 L64 L64 L64 "@b.test>"), L64 L64 L64 L64 "@b.test",
	    false },
	{ VX_SLICE_INIT("<" L64 L64 L64 L64 "0@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<@b\xc3\xa4.test:a@b.test>"), "a@b.test", true },
	{ VX_SLICE_INIT("<\"\\\xc3\xa4\"@b.test>"), NULL, false },
	{ VX_SLICE_INIT(""), NULL, false },
	{ VX_SLICE_INIT("a@b.test"), NULL, false },
	{ VX_SLICE_INIT("<a@b.test"), NULL, false },
	{ VX_SLICE_INIT("< a@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a@b.test >"), NULL, false },
	{ VX_SLICE_INIT("<a>"), NULL, false },
	{ VX_SLICE_INIT("<postmaster>"), NULL, false },
	{ VX_SLICE_INIT("<@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a@>"), NULL, false },
	{ VX_SLICE_INIT("<a@b@c.test>"), NULL, false },
	{ VX_SLICE_INIT("<.a@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a.@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a..b@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a b@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a@b..test>"), NULL, false },
	{ VX_SLICE_INIT("<a@-b.test>"), NULL, false },
	{ VX_SLICE_INIT("<\"a@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<\"a\\"), NULL, false },
	{ VX_SLICE_INIT("<\"a\rb\"@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<\"a\0b\"@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a\0@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a@b.test\0>"), NULL, false },
	{ VX_SLICE_INIT("<a@[192.0.2]>"), NULL, false },
	{ VX_SLICE_INIT("<a@[192.0.2.1>"), NULL, false },
	{ VX_SLICE_INIT("<a@[192.0.2.1\0x]>"), NULL, false },
	{ VX_SLICE_INIT("<a@[IPv6:192.0.2.1]>"), NULL, false },
	{ VX_SLICE_INIT("<a@[2001:db8::1]>"), NULL, false },
	{ VX_SLICE_INIT("<@x.test,@y.testa@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<@x.test:>"), NULL, false },
	{ VX_SLICE_INIT("<\xff@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<\xc3@b.test>"), NULL, false },
	{ VX_SLICE_INIT("<a@b\xff.test>"), NULL, false },
};

START_TEST(paths)
{
	for (size_t i = 0; i < sizeof(mail_paths) / sizeof(mail_paths[0]); i++) {
		struct vx_cursor c = vx_cursor_of(mail_paths[i].text);
		vx_slice path;
		bool utf8 = false;
		const bool ok = vx_smtp_path(&c, true, false, &path, &utf8);

		ck_assert_msg(ok == (mail_paths[i].path != NULL), "%zu: %s", i,
		    mail_paths[i].text.ptr);
		if (!ok)
			continue;
		ck_assert(vx_cur_end(&c));
		vxt_assert_str(path, mail_paths[i].path);
		ck_assert_int_eq(utf8, mail_paths[i].utf8);
	}
}
END_TEST

START_TEST(recipients)
{
	static const struct {
		const char *text, *path;
	} t[] = { { "<postmaster>", "postmaster" }, { "<PostMaster>", "PostMaster" },
		{ "<postmaster@b.test>", "postmaster@b.test" }, { "<>", NULL },
		{ "<webmaster>", NULL } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct vx_cursor c = vx_cursor_of(vx_slice_str(t[i].text));
		vx_slice path;
		bool utf8;

		ck_assert_int_eq(
		    vx_smtp_path(&c, false, true, &path, &utf8), t[i].path != NULL);
		if (t[i].path != NULL)
			vxt_assert_str(path, t[i].path);
	}
}
END_TEST

/* The whole path has a limit beside that of the local part. */
START_TEST(long_path)
{
	char text[400];
	struct vx_cursor c;
	vx_slice path;
	bool utf8;

	memset(text, 'd', sizeof(text));
	memcpy(text, "<a@", 3);
	for (size_t i = 50; i < sizeof(text); i += 50)
		text[i] = '.';
	memcpy(text + 240, "d>", 2);
	c = vx_cursor_of(vx_slice_of(text, 242));
	ck_assert(vx_smtp_path(&c, true, false, &path, &utf8));
	memcpy(text + 240, "dd", 2);
	memcpy(text + 340, "d>", 2);
	c = vx_cursor_of(vx_slice_of(text, 342));
	ck_assert(!vx_smtp_path(&c, true, false, &path, &utf8));
}
END_TEST

#define X100                                                                             \
	"0123456789abcdefghij0123456789abcdefghij0123456789abcdefghij"                   \
	"0123456789abcdefghij0123456789abcdefghij"

static const struct param {
	vx_slice text;
	bool mail;
	int result;
	struct vx_smtp_params want;
} params[] = {
	{ VX_SLICE_INIT(""), true, VX_OK, { 0 } },
	{ VX_SLICE_INIT(" "), true, VX_OK, { 0 } },
	{ VX_SLICE_INIT(" SIZE=0"), true, VX_OK, { 0 } },
	{ VX_SLICE_INIT(" size=12345  BODY=8bitmime"), true, VX_OK,
	    { .size = 12345, .body_8bit = true } },
	{ VX_SLICE_INIT(" BODY=7BIT RET=FULL"), true, VX_OK, { .ret_full = true } },
	{ VX_SLICE_INIT(" smtputf8 RET=hdrs AUTH=<>"), true, VX_OK,
	    { .utf8 = true, .ret_headers = true } },
	{ VX_SLICE_INIT(" ENVID=a+2Bb"), true, VX_OK,
	    { .envid = VX_SLICE_INIT("a+2Bb") } },
	{ VX_SLICE_INIT(" ENVID=" X100), true, VX_OK, { .envid = VX_SLICE_INIT(X100) } },
	{ VX_SLICE_INIT(" ENVID=" X100 "0"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT("SIZE=1"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT("\tSIZE=1"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SIZE"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SIZE="), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SIZE=-1"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SIZE=1k"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SIZE=18446744073709551616"), true, VX_OK,
	    { .size = UINT64_MAX } },
	{ VX_SLICE_INIT(" SIZE=99999999999999999999"), true, VX_OK,
	    { .size = UINT64_MAX } },
	{ VX_SLICE_INIT(" SIZE=000000000000000000001"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SIZE=1 SIZE=2"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SMTPUTF8 SMTPUTF8"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" BODY"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" BODY="), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" BODY=BINARYMIME"), true, VX_EUNSUP, { 0 } },
	{ VX_SLICE_INIT(" AUTH=a+40b.test"), true, VX_OK, { 0 } },
	{ VX_SLICE_INIT(" AUTH"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" AUTH="), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" AUTH=a=b"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SMTPUTF8="), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SMTPUTF8=1"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" RET"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" RET=ALL"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ENVID"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ENVID="), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ENVID=a+2"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ENVID=a+xyb"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ENVID=a=b"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ENVID=a\xc3\xa4"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ENVID=a\tb"), true, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" FOO=1"), true, VX_EUNSUP, { 0 } },
	{ VX_SLICE_INIT(" =1"), true, VX_EUNSUP, { 0 } },
	{ VX_SLICE_INIT(" NOTIFY=NEVER"), true, VX_EUNSUP, { 0 } },
	{ VX_SLICE_INIT(" NOTIFY=never"), false, VX_OK,
	    { .notify = VX_SMTP_NOTIFY_NEVER } },
	{ VX_SLICE_INIT(" NOTIFY=SUCCESS,FAILURE,DELAY"), false, VX_OK,
	    { .notify = VX_SMTP_NOTIFY_SUCCESS | VX_SMTP_NOTIFY_FAILURE |
			VX_SMTP_NOTIFY_DELAY } },
	{ VX_SLICE_INIT(" ORCPT=rfc822;a+2Bb@c.test NOTIFY=DELAY"), false, VX_OK,
	    { .orcpt = VX_SLICE_INIT("rfc822;a+2Bb@c.test"),
		.notify = VX_SMTP_NOTIFY_DELAY } },
	{ VX_SLICE_INIT(" NOTIFY"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" NOTIFY="), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" NOTIFY=NEVER,DELAY"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" NOTIFY=DELAY,"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" NOTIFY=ALWAYS"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" NOTIFY=DELAY NOTIFY=DELAY"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ORCPT"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ORCPT=rfc822"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ORCPT=rfc822;"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ORCPT=;a@b.test"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ORCPT=rfc(822;a@b.test"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ORCPT=utf-8;\xc3\xa4@b.test"), false, VX_OK,
	    { .orcpt = VX_SLICE_INIT("utf-8;\xc3\xa4@b.test") } },
	{ VX_SLICE_INIT(" ORCPT=UTF-8;\\x{E4}@b.test"), false, VX_OK,
	    { .orcpt = VX_SLICE_INIT("UTF-8;\\x{E4}@b.test") } },
	{ VX_SLICE_INIT(" ORCPT=utf-8;\xc3@b.test"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" ORCPT=rfc822;\xc3\xa4@b.test"), false, VX_EINVAL, { 0 } },
	{ VX_SLICE_INIT(" SIZE=1"), false, VX_EUNSUP, { 0 } },
};

START_TEST(parameters)
{
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		const struct param *t = &params[i];
		struct vx_cursor c = vx_cursor_of(t->text);
		struct vx_smtp_params got = { 0 };
		const int rc = vx_smtp_params(&c, t->mail, &got);

		ck_assert_msg(rc == t->result, "%s: %d", t->text.ptr, rc);
		if (rc != VX_OK)
			continue;
		ck_assert_uint_eq(got.size, t->want.size);
		ck_assert_int_eq(got.body_8bit, t->want.body_8bit);
		ck_assert_int_eq(got.utf8, t->want.utf8);
		ck_assert_int_eq(got.ret_headers, t->want.ret_headers);
		ck_assert_int_eq(got.ret_full, t->want.ret_full);
		ck_assert_uint_eq(got.notify, t->want.notify);
		vxt_assert_slice(got.envid, t->want.envid);
		vxt_assert_slice(got.orcpt, t->want.orcpt);
	}
}
END_TEST

VXT_SUITE(test_path, "path", paths, recipients, long_path, parameters)
