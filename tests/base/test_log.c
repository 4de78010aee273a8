#include "base/encode.h"
#include "lib/vxt.h"
#include "vectis/log.h"

#include <errno.h>
#include <fcntl.h>
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

/* The value of the key v at the end of a line, as its octets were. */
static vx_slice read_back(vx_slice line)
{
	static struct vx_buf out = { .max = VX_LOG_LINE_MAX };
	vx_slice v = vx_slice_from(line, vx_slice_find_slice(line, VX_S(" v=")) + 3);

	vx_buf_reset(&out);
	ck_assert(vx_slice_has_suffix(v, VX_S("\n")));
	v.len--;
	if (v.len < 2 || v.ptr[0] != '"')
		return v;
	ck_assert_int_eq(v.ptr[v.len - 1], '"');
	for (size_t i = 1; i + 1 < v.len; i++) {
		ck_assert_int_ne(v.ptr[i], '"');
		if (v.ptr[i] != '\\') {
			vx_buf_add_char(&out, v.ptr[i]);
		} else if (v.ptr[i + 1] == 'x') {
			vxt_assert_ok(vx_hex_decode(vx_slice_of(v.ptr + i + 2, 2), &out));
			i += 3;
		} else {
			vx_buf_add_char(&out, v.ptr[++i]);
		}
	}
	return vx_buf_slice(&out);
}

START_TEST(every_octet_can_be_told_and_none_breaks_the_line)
{
	int p[2];
	struct vx_log log = { .level = VX_LOG_INFO };

	ck_assert_int_eq(pipe(p), 0);
	log.fd = p[1];
	for (int c = 0; c < 256; c++) {
		static const char *const around[] = { "", "a", " ", "\\", "\"" };

		for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
			struct vx_buf value = { .max = 10 };
			vx_slice line;

			vx_buf_add_str(&value, around[i]);
			vx_buf_add_char(&value, (char)c);
			vx_buf_add_str(&value, around[i]);
			vx_log(
			    &log, VX_LOG_INFO, "x", VX_KV_S("v", vx_buf_slice(&value)));
			line = logged(p[0]);
			ck_assert(vx_slice_has_prefix(line, VX_S("<6>event=x v=")));
			for (size_t k = 0; k + 1 < line.len; k++)
				ck_assert(line.ptr[k] >= 32 && line.ptr[k] < 127);
			vxt_assert_slice(read_back(line), vx_buf_slice(&value));
			vx_buf_done(&value);
		}
	}
	vx_log(&log, VX_LOG_INFO, "a\nb c=d");
	vxt_assert_str(logged(p[0]), "<6>event=\"a\\x0ab c=d\"\n");
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(a_log_that_cannot_be_written_disturbs_nobody)
{
	struct vx_log log = { .level = VX_LOG_INFO };

	log.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(log.fd, 0);
	errno = 4242;
	vx_log(&log, VX_LOG_INFO, "lost");
	ck_assert_int_eq(errno, 4242);
	close(log.fd);
	vx_log(&log, VX_LOG_INFO, "lost");
	ck_assert_int_eq(errno, 4242);
}
END_TEST

VXT_SUITE(test_log, "log", a_value_cannot_forge_a_line_or_a_key, long_lines_are_cut,
    levels_have_names, every_octet_can_be_told_and_none_breaks_the_line,
    a_log_that_cannot_be_written_disturbs_nobody)
