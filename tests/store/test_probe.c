/* A short look at a store finds what is damaged, and ends in time. */
#include "fixture.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MS 5000 /* it takes no longer than it has to */
#define MESSAGES 100

static char said[4096];

static void keep(void *ctx, const char *text)
{
	(void)ctx;
	(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static struct vx_probe look(const struct fixture *f)
{
	const uint64_t before = vx_clock_mono_ms();
	struct vx_probe p;

	said[0] = '\0';
	vxt_assert_ok(vx_store_probe(f->dir, MS, keep, NULL, &p));
	ck_assert_uint_lt(vx_clock_mono_ms() - before, 4 * MS);
	ck_assert_int_eq(p.problems == 0, said[0] == '\0');
	return p;
}

static void fill(struct fixture *f)
{
	char text[200];

	fixture_open(f);
	for (int i = 0; i < MESSAGES; i++) {
		(void)snprintf(
		    text, sizeof(text), "Subject: m%d\r\n\r\nFINDME FINDME %d\r\n", i, i);
		(void)fixture_add(f, f->inbox, vx_slice_str(text), 0);
	}
	vx_store_close(f->store);
}

static void done(struct fixture *f)
{
	vxt_rmdir(f->dir);
	free((void *)(uintptr_t)f->dir);
}

/* Overwrite each from in a file; how many there were. */
static int damage(
    const struct fixture *f, const char *name, const char *from, const char *to)
{
	char path[PATH_MAX], octets[4096];
	int fd, n = 0;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 0; (len = pread(fd, octets, sizeof(octets), at)) > 0; at += len) {
		vx_slice rest = vx_slice_of(octets, (size_t)len);
		size_t found;

		while (
		    (found = vx_slice_find_slice(rest, vx_slice_str(from))) < rest.len) {
			rest = vx_slice_from(rest, found);
			n += pwrite(fd, to, strlen(to), at + (rest.ptr - octets)) ==
			     (ssize_t)strlen(to);
			rest = vx_slice_from(rest, strlen(from));
		}
	}
	(void)close(fd);
	return n;
}

START_TEST(a_good_store_has_no_problem)
{
	struct vx_probe p;
	struct fixture f;

	fill(&f);
	p = look(&f);
	ck_assert(p.opened && p.code == VX_OK);
	ck_assert_uint_eq(p.problems, 0);
	ck_assert_uint_gt(p.entries, MESSAGES);
	ck_assert_uint_gt(p.bodies, 0);
	fixture_reopen(&f); /* nor while it is used */
	p = look(&f);
	ck_assert(p.opened && p.problems == 0);
	fixture_close(&f);
}
END_TEST

START_TEST(a_damaged_entry_is_found)
{
	struct vx_probe p;
	struct fixture f;

	fill(&f);
	ck_assert_int_gt(damage(&f, "state.mdb", "INBOX", "OUTBO"), 0);
	p = look(&f);
	ck_assert_msg(
	    p.opened && p.problems > 0, "%d %d %s", p.opened, (int)p.problems, said);
	ck_assert_ptr_nonnull(strstr(said, "the mailboxes: an entry is damaged"));
	done(&f);
}
END_TEST

START_TEST(damaged_bodies_are_found_and_not_all_are_said)
{
	struct vx_probe p;
	struct fixture f;

	fill(&f);
	ck_assert_int_gt(damage(&f, "vol-00000001.mdb", "FINDME", "LOSTME"), 0);
	p = look(&f);
	ck_assert_msg(p.opened && p.problems > 0 && p.problems <= 20, "%d %d %s",
	    p.opened, (int)p.problems, said);
	ck_assert_ptr_nonnull(strstr(said, "its body is damaged"));
	done(&f);
}
END_TEST

START_TEST(missing_bodies_are_found)
{
	char path[PATH_MAX];
	struct vx_probe p;
	struct fixture f;

	fill(&f);
	(void)snprintf(path, sizeof(path), "%s/vol-00000001.mdb", f.dir);
	ck_assert_int_eq(unlink(path), 0);
	p = look(&f);
	ck_assert_msg(
	    p.opened && p.problems > 0, "%d %d %s", p.opened, (int)p.problems, said);
	ck_assert_ptr_nonnull(strstr(said, "its body is missing"));
	done(&f);
}
END_TEST

START_TEST(what_does_not_open_says_why)
{
	const char newer[4] = { 3, 0, 0, 0 };
	struct vx_kv_txn *txn;
	struct vx_probe p;
	struct fixture f;

	fill(&f);
	fixture_reopen(&f);
	vxt_assert_ok(vx_kv_begin(f.store->state, true, &txn));
	vxt_assert_ok(
	    vx_kv_put(txn, VX_TREE_META, VX_S("format"), vx_slice_of(newer, 4)));
	vxt_assert_ok(vx_kv_commit(txn));
	vx_store_close(f.store);
	p = look(&f);
	ck_assert(!p.opened && p.code == VX_EUNSUP && p.problems == 1);
	ck_assert_ptr_nonnull(strstr(said, "format 3"));
	done(&f);
}
END_TEST

/* Octets at random places of the file: this process lives, whatever is read. */
START_TEST(damaged_pages_crash_nobody)
{
	unsigned seed = 7, found = 0;
	char path[PATH_MAX], octets[512];

	for (int i = 0; i < 8; i++) {
		struct vx_probe p;
		struct fixture f;
		off_t size;
		int fd;

		fill(&f);
		(void)snprintf(path, sizeof(path), "%s/state.mdb", f.dir);
		fd = open(path, O_RDWR | O_CLOEXEC);
		size = lseek(fd, 0, SEEK_END);
		for (int k = 0; k < 6; k++) {
			for (size_t n = 0; n < sizeof(octets); n++)
				octets[n] = (char)rand_r(&seed);
			ck_assert_int_gt(pwrite(fd, octets, sizeof(octets),
					     8192 + rand_r(&seed) % (size - 9000)),
			    0);
		}
		(void)close(fd);
		p = look(&f);
		found += p.problems > 0;
		ck_assert(p.opened || p.problems > 0);
		done(&f);
	}
	ck_assert_uint_gt(found, 1);
}
END_TEST

VXT_SUITE(test_probe, "probe", a_good_store_has_no_problem, a_damaged_entry_is_found,
    damaged_bodies_are_found_and_not_all_are_said, missing_bodies_are_found,
    what_does_not_open_says_why, damaged_pages_crash_nobody)
