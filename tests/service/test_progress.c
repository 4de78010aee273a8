/* INPROGRESS (RFC 9585): not before ten seconds, then every ten. */
#include "lib/vxt.h"
#include "service/imap_int.h"

struct clock {
	struct vx_loop loop;
	uint64_t now;
};

static uint64_t now_ms(struct vx_loop *loop)
{
	return ((struct clock *)(void *)loop)->now;
}

START_TEST(every_ten_seconds)
{
	struct clock clock = { .loop = { .now_ms = now_ms }, .now = 5000 };
	struct vx_session_host host = { .loop = &clock.loop };
	struct imap_session s = { .base = { .host = &host }, .tag = VX_S("a\\1") };
	struct imap_task t = { 0 };
	struct vx_buf out = { .max = 1000 };

	imap_progress(&s, &t, &out, 1, 100);
	clock.now += IMAP_PROGRESS_MS - 1;
	imap_progress(&s, &t, &out, 2, 100);
	ck_assert_uint_eq(out.len, 0);
	clock.now++;
	imap_progress(&s, &t, &out, 3, 100);
	vxt_assert_str(
	    vx_buf_slice(&out), "* OK [INPROGRESS (\"a\\\\1\" 3 100)] still at work\r\n");
	clock.now++;
	imap_progress(&s, &t, &out, 4, 100);
	clock.now += IMAP_PROGRESS_MS;
	imap_progress(&s, &t, &out, 99, 100);
	ck_assert(
	    vx_slice_has_suffix(vx_buf_slice(&out), VX_S(" 99 100)] still at work\r\n")));
	ck_assert(vx_slice_find_slice(vx_buf_slice(&out), VX_S(" 4 100")) == out.len);
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_progress, "progress", every_ten_seconds)
