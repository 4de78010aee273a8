/* Volumes that seal, are collected while they are read, and are backed up. */
#include "base/clock.h"
#include "base/mem.h"
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MESSAGES = 120,
	OCTETS = 100000 /* so that three volumes of 4 MB are filled */
};

static vx_slice body(unsigned n, char *octets)
{
	memset(octets, 'a' + (int)(n % 26), OCTETS);
	(void)snprintf(octets, 40, "Subject: %u\r\n\r\n", n);
	return vx_slice_of(octets, OCTETS);
}

static void fill(struct fixture *f)
{
	char *octets = malloc(OCTETS);

	for (unsigned n = 1; n <= MESSAGES; n++)
		ck_assert_uint_eq(fixture_add(f, f->inbox, body(n, octets), 0), n);
	free(octets);
}

/* Expunge and reap all but every keep-th message. */
static void thin_out(struct fixture *f, unsigned keep)
{
	struct vx_uid_range ranges[MESSAGES];
	struct vx_expunge_op op;
	size_t n = 0;

	for (unsigned uid = 1; uid <= MESSAGES; uid++)
		if (keep == 0 || uid % keep != 0)
			ranges[n++] = (struct vx_uid_range){ uid, uid };
	vx_expunge_op_init(&op);
	op.account = 1;
	op.mailbox = f->inbox;
	op.uids = ranges;
	op.range_count = n;
	op.deleted_only = false;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	ck_assert_uint_eq(op.expunged, n);
	f->store->o.grace_s = 0;
	vxt_assert_ok(vx_state_reap(f->store, fixture_go_on));
}

/* Pretend that the volumes were written two hours ago. */
static void age(struct fixture *f)
{
	const struct timespec times[2] = { { .tv_sec = vx_clock_s() - 7200 },
		{ .tv_sec = vx_clock_s() - 7200 } };
	struct vx_volume_record *list;
	char path[PATH_MAX];
	size_t count;

	vxt_assert_ok(vx_volume_list(f->store, &list, &count));
	for (size_t i = 0; i < count; i++) {
		vx_volume_path(f->store, list[i].number, path);
		ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	}
	vx_free(list);
}

static uint64_t file_octets(struct fixture *f, uint32_t volume)
{
	char path[PATH_MAX];
	struct stat st;

	vx_volume_path(f->store, volume, path);
	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static bool give_up(struct vx_store *s)
{
	(void)s;
	return false;
}

static bool die(struct vx_store *s)
{
	(void)s;
	return raise(SIGKILL) != 0;
}

static void check_bodies(struct fixture *f, unsigned keep)
{
	struct vx_record r[MESSAGES];
	const size_t n = fixture_records(f, f->inbox, r, MESSAGES);
	char *want = malloc(OCTETS);

	ck_assert_uint_eq(n, MESSAGES / keep);
	for (size_t i = 0; i < n; i++) {
		struct vx_blob_reader *reader;
		vx_slice got;
		int rc;

		ck_assert_uint_eq(r[i].uid % keep, 0);
		vxt_assert_ok(vx_blob_open(f->store, r[i].blob, &reader));
		rc = vx_blob_read(reader, 0, OCTETS, &got);
		if (rc == VX_WAIT) {
			vxt_assert_ok(vx_blob_fetch(reader, 0, OCTETS));
			rc = vx_blob_read(reader, 0, OCTETS, &got);
		}
		vxt_assert_ok(rc);
		ck_assert(vx_slice_eq(got, body(r[i].uid, want)));
		vx_blob_close(reader);
	}
	free(want);
}

START_TEST(dead_space_is_given_back_while_it_is_read)
{
	struct vx_blob_reader *reader;
	struct vx_record r[MESSAGES];
	struct fixture f;
	uint64_t before;
	uint32_t volume;
	char *want = malloc(OCTETS);
	vx_slice old;

	fixture_open(&f);
	fill(&f);
	ck_assert_uint_eq(fixture_records(&f, f.inbox, r, MESSAGES), MESSAGES);
	volume = (uint32_t)(r[0].blob >> 32);
	before = file_octets(&f, volume);
	ck_assert_uint_gt(before, 4 << 20);
	vxt_assert_ok(vx_blob_open(f.store, r[0].blob, &reader));
	thin_out(&f, 4);
	vxt_assert_ok(
	    vx_volumes_collect(f.store, fixture_go_on)); /* written too lately */
	ck_assert_uint_eq(file_octets(&f, volume), before);
	age(&f);
	ck_assert_int_eq(vx_volumes_collect(f.store, give_up), VX_ECLOSED);
	ck_assert_uint_eq(file_octets(&f, volume), before);
	vxt_assert_ok(vx_volumes_collect(f.store, fixture_go_on));
	ck_assert_uint_lt(file_octets(&f, volume), before / 3);
	/* A reader that began before reads to its end, even what was dead. */
	vxt_assert_ok(vx_blob_fetch(reader, 0, OCTETS));
	vxt_assert_ok(vx_blob_read(reader, 0, OCTETS, &old));
	ck_assert(vx_slice_eq(old, body(1, want)));
	vx_blob_close(reader);
	ck_assert_int_eq(vx_blob_open(f.store, r[0].blob, &reader), VX_ENOENT);
	check_bodies(&f, 4);
	before = file_octets(&f, volume);
	age(&f);
	vxt_assert_ok(
	    vx_volumes_collect(f.store, fixture_go_on)); /* nothing more to gain */
	ck_assert_uint_eq(file_octets(&f, volume), before);
	vx_store_close(f.store);
	fixture_reopen(&f);
	check_bodies(&f, 4);
	fixture_close(&f);
	free(want);
}
END_TEST

START_TEST(a_volume_without_life_disappears)
{
	struct vx_record r[MESSAGES];
	struct vx_store_stat st;
	struct fixture f;
	uint32_t volume;

	fixture_open(&f);
	fill(&f);
	(void)fixture_records(&f, f.inbox, r, MESSAGES);
	volume = (uint32_t)(r[0].blob >> 32);
	thin_out(&f, 0);
	age(&f);
	vxt_assert_ok(vx_volumes_collect(f.store, fixture_go_on));
	ck_assert_uint_eq(file_octets(&f, volume), 0);
	vxt_assert_ok(vx_store_stat(f.store, &st));
	ck_assert_uint_eq(st.volumes, 1); /* the active one */
	ck_assert_uint_eq(fixture_add(&f, f.inbox, VX_S("x"), 0), MESSAGES + 1);
	fixture_close(&f);
}
END_TEST

START_TEST(a_backup_keeps_collection_away)
{
	struct vx_record r[MESSAGES];
	struct fixture f;
	uint64_t before;
	int lock, status;
	pid_t pid;

	fixture_open(&f);
	fill(&f);
	(void)fixture_records(&f, f.inbox, r, MESSAGES);
	before = file_octets(&f, (uint32_t)(r[0].blob >> 32));
	thin_out(&f, 4);
	age(&f);
	vxt_assert_ok(vx_collect_lock(f.store, false, &lock));
	ck_assert_int_eq(vx_volumes_collect(f.store, fixture_go_on), VX_EBUSY);
	ck_assert_uint_eq(file_octets(&f, (uint32_t)(r[0].blob >> 32)), before);
	(void)close(lock);
	vx_store_close(f.store);
	/* One that is killed in the middle leaves the old file, and the next one works.
	 */
	pid = fork();
	if (pid == 0) {
		vxt_child(-1);
		fixture_reopen(&f);
		_exit(vx_volumes_collect(f.store, die));
	}
	(void)waitpid(pid, &status, 0);
	ck_assert(WIFSIGNALED(status));
	fixture_reopen(&f);
	check_bodies(&f, 4);
	vxt_assert_ok(vx_volumes_collect(f.store, fixture_go_on));
	check_bodies(&f, 4);
	fixture_close(&f);
}
END_TEST

static void ignore_line(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

START_TEST(a_backup_follows_volumes_that_grow_seal_and_shrink)
{
	struct fixture f, copy = { 0 };
	char to[PATH_MAX], path[PATH_MAX + 32];
	struct vx_record r[MESSAGES];
	struct vx_error err;
	struct stat a, b;

	fixture_open(&f);
	(void)snprintf(to, sizeof(to), "%s/backup", f.dir);
	(void)fixture_add(&f, f.archive, VX_S("x"), 0);
	vxt_assert_ok(vx_store_backup(f.store, to, ignore_line, NULL, &err));
	fill(&f); /* the volume that was active is sealed now */
	vxt_assert_ok(vx_store_backup(f.store, to, ignore_line, NULL, &err));
	copy.dir = to;
	ck_assert_uint_eq(fixture_problems(&copy), 0);
	(void)fixture_records(&f, f.inbox, r, MESSAGES);
	(void)snprintf(
	    path, sizeof(path), "%s/vol-%08x.mdb", to, (unsigned)(r[0].blob >> 32));
	ck_assert_int_eq(stat(path, &a), 0);
	ck_assert_uint_eq(a.st_nlink, 2);
	thin_out(&f, 4);
	age(&f);
	vxt_assert_ok(vx_volumes_collect(f.store, fixture_go_on));
	vxt_assert_ok(vx_store_backup(f.store, to, ignore_line, NULL, &err));
	ck_assert_uint_eq(fixture_problems(&copy), 0);
	ck_assert_int_eq(stat(path, &b), 0);
	ck_assert_uint_ne(a.st_ino, b.st_ino);
	ck_assert_int_lt(b.st_size, a.st_size);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_collect, "collect", dead_space_is_given_back_while_it_is_read,
    a_volume_without_life_disappears, a_backup_keeps_collection_away,
    a_backup_follows_volumes_that_grow_seal_and_shrink)
