#include "lib/vxt.h"
#include "runtime/children.h"
#include "runtime/publish.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct vx_children c;
static char text[65536];

static const char *written(enum vx_children_end end)
{
	struct vx_buf out = { .max = sizeof(text) - 1 };

	vx_children_write(&c, 100, 5000, end, 6000, &out);
	ck_assert(!out.failed);
	memcpy(text, out.ptr, out.len);
	text[out.len] = '\0';
	vx_buf_done(&out);
	return text;
}

START_TEST(who_died_is_remembered)
{
	memset(&c, 0, sizeof(c));
	vx_children_born(&c, 0, "smtpd", 101);
	vx_children_born(&c, 1, "sender", 102);
	ck_assert_str_eq(written(VX_CHILDREN_RUN),
	    "parent 100 5000\nend run 6000\nrestarts 0\nchild smtpd 101 0\n"
	    "child sender 102 0\n");
	vx_children_died(&c, 0, SIGSEGV, false, 5100);
	ck_assert_str_eq(written(VX_CHILDREN_STOPPED),
	    "parent 100 5000\nend stopped 6000\nrestarts 1\n"
	    "death 5100 smtpd 101 11 0 0\nchild sender 102 0\n");
	vx_children_born(&c, 0, "smtpd", 103);
	vx_children_died(&c, 1, 3 << 8, true, 5200);
	ck_assert_str_eq(written(VX_CHILDREN_HOPELESS),
	    "parent 100 5000\nend hopeless 6000\nrestarts 2\n"
	    "death 5100 smtpd 101 11 0 0\ndeath 5200 sender 102 0 3 1\n"
	    "child smtpd 103 0\n");
}
END_TEST

START_TEST(only_the_last_deaths_are)
{
	memset(&c, 0, sizeof(c));
	for (int i = 0; i < 3 * VX_CHILD_DEATHS; i++) {
		vx_children_born(&c, 0, "a-name-that-is-longer-than-that", 10 + i);
		vx_children_died(&c, 0, 0, false, 1000 + i);
	}
	ck_assert_uint_eq(c.death_count, VX_CHILD_DEATHS);
	ck_assert_uint_eq(c.restarts, 3 * VX_CHILD_DEATHS);
	ck_assert_int_eq(c.deaths[0].at, 1000 + 2 * VX_CHILD_DEATHS);
	ck_assert_int_eq(
	    c.deaths[VX_CHILD_DEATHS - 1].at, 1000 + 3 * VX_CHILD_DEATHS - 1);
	ck_assert_str_eq(c.deaths[0].name, "a-name-that-is-");
}
END_TEST

START_TEST(what_has_no_place_is_ignored)
{
	memset(&c, 0, sizeof(c));
	vx_children_born(&c, VX_CHILDREN_MAX, "x", 1);
	vx_children_died(&c, VX_CHILDREN_MAX, 0, false, 1);
	vx_children_died(&c, 0, 0, false, 1);
	ck_assert_uint_eq(c.count + c.death_count, 0);
	vx_children_born(&c, VX_CHILDREN_MAX - 1, "x", 1);
	ck_assert_uint_eq(c.count, VX_CHILDREN_MAX);
	ck_assert_str_eq(written(VX_CHILDREN_RUN),
	    "parent 100 5000\nend run 6000\nrestarts 0\nchild x 1 0\n");
}
END_TEST

/* A child that does nothing but that. */
START_TEST(what_they_took_is_known_minute_by_minute)
{
	const pid_t pid = fork();
	struct vx_child *child = &c.list[0];

	if (pid == 0)
		for (volatile unsigned n = 0;; n++)
			;
	memset(&c, 0, sizeof(c));
	vx_children_born(&c, 0, "busy", (int)pid);
	ck_assert(vx_children_sample(&c, 1000));
	ck_assert(!vx_children_sample(&c, 1000 + VX_CHILD_SAMPLE_MS - 1));
	do {
		(void)usleep(10000);
		c.sampled_ms = 0;
		ck_assert(vx_children_sample(&c, 60000));
	} while (child->samples[child->sample_count - 1].cpu_ms < 30);
	for (uint64_t i = 1; i < 3 * VX_CHILD_SAMPLES; i++)
		ck_assert(vx_children_sample(&c, 60000 + i * VX_CHILD_SAMPLE_MS));
	ck_assert_uint_eq(child->sample_count, VX_CHILD_SAMPLES);
	for (size_t i = 1; i < VX_CHILD_SAMPLES; i++) {
		ck_assert_uint_eq(child->samples[i].at_ms - child->samples[i - 1].at_ms,
		    VX_CHILD_SAMPLE_MS);
		ck_assert_uint_ge(child->samples[i].cpu_ms, child->samples[i - 1].cpu_ms);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	/* its successor begins anew; one that is gone is passed over */
	vx_children_born(&c, 0, "busy", (int)pid);
	c.sampled_ms = 0;
	ck_assert(vx_children_sample(&c, 99));
	ck_assert_uint_eq(child->sample_count, 0);
}
END_TEST

START_TEST(who_is_busy_for_five_minutes_is_known)
{
	static const struct {
		unsigned took[VX_CHILD_SAMPLES - 1], busy; /* percent */
	} rows[] = { { { 91, 91, 91, 91, 91 }, 91 }, { { 90, 91, 91, 91, 91 }, 0 },
		{ { 91, 91, 91, 91, 90 }, 0 }, { { 400, 100, 95, 100, 120 }, 95 },
		{ { 500, 500, 0, 500, 500 }, 0 }, { { 0, 0, 0, 0, 0 }, 0 } };

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct vx_child child = { .pid = 1, .sample_count = 1 };

		child.samples[0] = (struct vx_child_sample){ 7000, 12 };
		for (size_t i = 0; i < VX_CHILD_SAMPLES - 1; i++) {
			ck_assert_uint_eq(vx_child_busy(&child), 0);
			child.samples[i + 1].at_ms =
			    child.samples[i].at_ms + VX_CHILD_SAMPLE_MS;
			child.samples[i + 1].cpu_ms =
			    child.samples[i].cpu_ms +
			    rows[r].took[i] * (VX_CHILD_SAMPLE_MS / 100);
			child.sample_count++;
		}
		ck_assert_msg(vx_child_busy(&child) == rows[r].busy, "%zu", r);
	}
}
END_TEST

START_TEST(it_is_published_as_one_step)
{
	char path[300], dir[200];
	struct stat st;
	FILE *f;

	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	(void)snprintf(path, sizeof(path), "%s/x.parent", dir);
	ck_assert(vx_publish(path, VX_S("one\n")));
	ck_assert(vx_publish(path, VX_S("two\n")));
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	(void)fclose(f);
	ck_assert_str_eq(text, "two\n");
	/* names that somebody typed are nobody else's affair */
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	(void)snprintf(path, sizeof(path), "%s/no/x", dir);
	ck_assert(!vx_publish(path, VX_S("x")));
	vxt_rmdir(dir);
}
END_TEST

VXT_SUITE(test_children, "children", who_died_is_remembered, only_the_last_deaths_are,
    what_has_no_place_is_ignored, what_they_took_is_known_minute_by_minute,
    who_is_busy_for_five_minutes_is_known, it_is_published_as_one_step)
