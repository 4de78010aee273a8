#include "lib/vxt.h"
#include "vectis/log.h"

#include <unistd.h>

static vx_slice logged(int fd)
{
	static char text[VX_LOG_LINE_MAX * 2];

	return vx_slice_of(text, (size_t)read(fd, text, sizeof(text)));
}

START_TEST(a_value_cannot_forge_a_line_or_a_key)
{
	int p[2];
	struct vx_log log = { .level = VX_LOG_INFO, .program = "smtpd" };

	ck_assert_int_eq(pipe(p), 0);
	log.fd = p[1];
	vx_log(&log, VX_LOG_INFO, "rcpt refused",
	    VX_KV_Z("rcpt", "a b=\"c\"\r\n<3>x\xff"), VX_KV_I("code", -550),
	    VX_KV_U("n", 7), VX_KV_Z("empty", ""));
	vxt_assert_str(logged(p[0]), "<6>prog=smtpd event=\"rcpt refused\" rcpt=\"a "
				     "b=\\\"c\\\"\\x0d\\x0a<3>x\\xff\" "
				     "code=-550 n=7 empty=\"\"\n");
	vx_log(&log, VX_LOG_DEBUG, "dropped");
	vx_log(NULL, VX_LOG_ERROR, "dropped");
	vx_log(&log, VX_LOG_ERROR, "stop");
	vxt_assert_str(logged(p[0]), "<3>prog=smtpd event=stop\n");
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(long_lines_are_cut)
{
	static char big[100000];
	int p[2];
	struct vx_log log = { .level = VX_LOG_INFO };
	vx_slice line;

	memset(big, '\n', sizeof(big));
	ck_assert_int_eq(pipe(p), 0);
	log.fd = p[1];
	for (int i = 0; i < 2; i++) {
		vx_log(&log, VX_LOG_INFO, "big",
		    VX_KV_S("a", vx_slice_of(big, sizeof(big))),
		    VX_KV_S("b", vx_slice_of(big, sizeof(big))));
		line = logged(p[0]);
		ck_assert_uint_le(line.len, VX_LOG_LINE_MAX);
		ck_assert(vx_slice_has_prefix(line, VX_S("<6>event=big a=")));
		ck_assert(vx_slice_has_suffix(line, VX_S("...\n")));
		memset(big, 'x', sizeof(big));
	}
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(levels_have_names)
{
	enum vx_log_level level = VX_LOG_INFO;

	vxt_assert_ok(vx_log_level_parse(VX_S("warn"), &level));
	ck_assert_int_eq(level, VX_LOG_WARN);
	ck_assert_int_eq(vx_log_level_parse(VX_S("loud"), &level), VX_EINVAL);
	ck_assert_int_eq(level, VX_LOG_WARN);
}
END_TEST

VXT_SUITE(test_log, "log", a_value_cannot_forge_a_line_or_a_key, long_lines_are_cut,
    levels_have_names)
