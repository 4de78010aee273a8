/* Disks that fail, and power that is cut: nothing acknowledged is lost, nothing is torn.
 */
#include "disk.h"
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SMALL = 700,
	LARGE = 300000,
	CUTS = 100
};

static char octets[LARGE];

static void open_small(struct fixture *f)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.dir = f->dir,
		.map_octets = 1 << 20,
		.volume_octets = 1 << 20,
		.ballast_octets = 4096 };
	struct vx_error err;

	ck_assert_msg(vx_store_open(&o, &f->store, &err) == VX_OK, "%s", err.text);
}

static void begin(struct fixture *f)
{
	/* Flushes are only noted: a file system in memory is as good, and faster. */
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1);
	memset(octets, 'x', sizeof(octets));
	memcpy(octets, "Subject: x\r\n\r\n", 14);
	f->dir = strdup(vxt_mkdir());
	open_small(f);
	fixture_account(f, 1, NULL);
	f->inbox = fixture_mailbox(f, "INBOX");
	f->archive = fixture_mailbox(f, "Archive");
}

/* --- power cuts
 * -------------------------------------------------------------------------- */

static void change_something(struct fixture *f, unsigned n)
{
	const struct vx_uid_range uid = { n / 2 + 1, n / 2 + 1 };
	struct vx_copy_op copy;
	struct vx_flags_op flags;

	vx_copy_op_init(&copy);
	copy.account = copy.to_account = 1;
	copy.mailbox = f->inbox;
	copy.to_mailbox = f->archive;
	copy.uids = &uid;
	copy.range_count = 1;
	vxt_assert_ok(vx_store_run(f->store, &copy.op));
	vx_flags_op_init(&flags);
	flags.account = 1;
	flags.mailbox = f->inbox;
	flags.uids = &uid;
	flags.range_count = 1;
	flags.flags = VX_FLAG_SEEN;
	vxt_assert_ok(vx_store_run(f->store, &flags.op));
}

/* The store that a cut after at events leaves has the first `acknowledged` messages. */
static void expect_after_cut(
    struct fixture *f, size_t at, uint32_t acknowledged, unsigned *seed)
{
	struct fixture left = { .dir = strdup(vxt_mkdir()) };

	disk_cut(at, left.dir, seed);
	ck_assert_msg(fixture_problems(&left) == 0, "after %zu events", at);
	open_small(&left);
	ck_assert_uint_ge(fixture_status(&left, f->inbox).messages, acknowledged);
	ck_assert_uint_le(fixture_status(&left, f->inbox).messages, acknowledged + 1);
	/* and it goes on */
	(void)fixture_add(&left, f->inbox, vx_slice_of(octets, SMALL), 0);
	fixture_close(&left);
}

START_TEST(power_may_be_cut_at_any_moment)
{
	enum {
		MESSAGES = 60
	};
	size_t after[MESSAGES + 1];
	unsigned seed = 11;
	struct fixture f;

	disk_record(true);
	begin(&f);
	after[0] = disk_note();
	for (unsigned n = 1; n <= MESSAGES; n++) {
		const size_t len = n % 7 == 0 ? LARGE : SMALL;

		(void)fixture_add(&f, f.inbox, vx_slice_of(octets, len), 0);
		after[n] = disk_note();
		if (n % 5 == 0)
			change_something(&f, n);
	}
	disk_record(false);
	for (int i = 0; i < CUTS; i++) {
		const size_t at =
		    after[0] + (size_t)rand_r(&seed) % (after[MESSAGES] - after[0] + 1);
		uint32_t n = 0;

		while (n < MESSAGES && after[n + 1] <= at)
			n++;
		expect_after_cut(&f, at, n, &seed);
	}
	fixture_close(&f);
	disk_forget();
}
END_TEST

/* --- failing writes
 * -------------------------------------------------------------------------- */

static int deliver(struct fixture *f, size_t len)
{
	struct vx_delivery_target t = { .account = 1 };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	int rc;

	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	rc = vx_blob_writer_add(w, vx_slice_of(octets, len));
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	if (rc >= 0)
		rc = vx_store_run(f->store, &op.op);
	vx_blob_writer_free(w);
	return rc;
}

static int try_small(struct fixture *f)
{
	return deliver(f, SMALL);
}

static int try_large(struct fixture *f)
{
	return deliver(f, LARGE);
}

static const struct vx_uid_range first_three = { 1, 3 };

static int try_flags(struct fixture *f)
{
	const vx_slice keyword = VX_S("$Work");
	struct vx_flags_op op;

	vx_flags_op_init(&op);
	op.account = 1;
	op.mailbox = f->inbox;
	op.uids = &first_three;
	op.range_count = 1;
	op.flags = VX_FLAG_FLAGGED;
	op.keywords = (struct vx_keyword_list){ &keyword, 1 };
	return vx_store_run(f->store, &op.op);
}

static int try_copy(struct fixture *f)
{
	struct vx_copy_op op;

	vx_copy_op_init(&op);
	op.account = op.to_account = 1;
	op.mailbox = f->inbox;
	op.to_mailbox = f->archive;
	op.uids = &first_three;
	op.range_count = 1;
	return vx_store_run(f->store, &op.op);
}

static int try_move(struct fixture *f)
{
	struct vx_copy_op op;

	vx_copy_op_init(&op);
	op.account = op.to_account = 1;
	op.mailbox = f->inbox;
	op.to_mailbox = f->archive;
	op.uids = &first_three;
	op.range_count = 1;
	op.move = true;
	return vx_store_run(f->store, &op.op);
}

static int try_expunge(struct fixture *f)
{
	const struct vx_uid_range some = { 4, 5 };
	struct vx_expunge_op op;

	vx_expunge_op_init(&op);
	op.account = 1;
	op.mailbox = f->inbox;
	op.uids = &some;
	op.range_count = 1;
	op.deleted_only = false;
	return vx_store_run(f->store, &op.op);
}

static int try_create(struct fixture *f)
{
	return fixture_verb(f, VX_MAILBOX_CREATE, "new/one", "");
}

static int try_rename(struct fixture *f)
{
	return fixture_verb(f, VX_MAILBOX_RENAME, "new", "other/place");
}

static int try_delete(struct fixture *f)
{
	return fixture_verb(f, VX_MAILBOX_DELETE, "Archive", "");
}

static int try_reap(struct fixture *f)
{
	f->store->o.grace_s = 0;
	return vx_state_reap(f->store, fixture_go_on);
}

/* Fail every write of op in turn: each time nothing has changed, then it succeeds. */
static void fail_each_write(
    struct fixture *f, const char *name, int (*op)(struct fixture *f), int with)
{
	for (unsigned call = 1;; call++) {
		struct vx_mailbox_status before = fixture_status(f, f->inbox), after;
		bool failed;
		int rc;

		disk_fail(call, with);
		rc = op(f);
		failed = disk_failed();
		f->store->refusal = VX_OK; /* what upkeep finds out within a second */
		if (!failed) {
			ck_assert_msg(rc == VX_OK, "%s, write %u of %u: %s", name, call,
			    call, vx_strerror(rc));
			return;
		}
		ck_assert_msg(rc == VX_EIO || rc == VX_ENOSPC || rc == VX_OK,
		    "%s, write %u: %s", name, call, vx_strerror(rc));
		if (rc == VX_OK)
			return; /* tried again by itself, or after the commit */
		after = fixture_status(f, f->inbox);
		ck_assert_uint_eq(before.messages, after.messages);
		ck_assert_uint_eq(before.uidnext, after.uidnext);
		ck_assert_uint_eq(before.highestmodseq, after.highestmodseq);
	}
}

START_TEST(failed_writes_change_nothing_and_heal)
{
	static const struct {
		const char *name;
		int (*op)(struct fixture *f);
	} ops[] = { { "small", try_small }, { "large", try_large },
		{ "flags", try_flags }, { "copy", try_copy }, { "move", try_move },
		{ "expunge", try_expunge }, { "create", try_create },
		{ "rename", try_rename }, { "reap", try_reap },
		{ "delete", try_delete } };
	static const int errors[] = { EIO, ENOSPC };

	for (size_t e = 0; e < 2; e++) {
		struct fixture f;

		begin(&f);
		for (int i = 0; i < 10; i++)
			vxt_assert_ok(deliver(&f, SMALL));
		for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
			fail_each_write(&f, ops[i].name, ops[i].op, errors[e]);
		fixture_close(&f);
	}
}
END_TEST

/* A failing disk makes the store read-mostly: deletes go on, and it heals by itself. */
START_TEST(a_failing_disk_refuses_mail_and_heals)
{
	struct fixture f;

	begin(&f);
	for (int i = 0; i < 10; i++)
		vxt_assert_ok(deliver(&f, SMALL));
	disk_fail(1, EIO);
	ck_assert_int_eq(deliver(&f, SMALL), VX_EIO);
	ck_assert(disk_failed());
	ck_assert_int_eq(deliver(&f, SMALL), VX_EIO);
	vxt_assert_ok(try_expunge(&f));
	for (int i = 0; i < 100 && f.store->refusal != VX_OK; i++)
		(void)usleep(50000);
	vxt_assert_ok(deliver(&f, SMALL));
	fixture_close(&f);
}
END_TEST

/* --- kill -9 in the middle of everything
 * ------------------------------------------------------ */

static void say_nothing(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static bool go_on(struct vx_store *s)
{
	(void)s;
	return true;
}

static _Noreturn void work(const char *dir, uint32_t inbox, unsigned round)
{
	struct fixture f = { .dir = dir, .inbox = inbox };
	char to[PATH_MAX];
	struct vx_error err;

	vxt_child(-1);
	open_small(&f);
	f.store->o.grace_s = 0;
	(void)snprintf(to, sizeof(to), "%s/backup", dir);
	for (unsigned n = round;; n++) {
		const struct vx_uid_range all = { 1, UINT32_MAX };
		struct vx_volume_record *list;
		struct vx_expunge_op op;
		size_t count;

		(void)deliver(&f, n % 3 == 0 ? LARGE : SMALL);
		if (n % 4 == 0 &&
		    vx_store_backup(f.store, to, say_nothing, NULL, &err) < 0)
			_exit(9);
		if (n % 11 != 0)
			continue;
		vx_expunge_op_init(&op);
		op.account = 1;
		op.mailbox = inbox;
		op.uids = &all;
		op.range_count = 1;
		op.deleted_only = false;
		(void)vx_store_run(f.store, &op.op);
		(void)vx_state_reap(f.store, go_on);
		if (vx_volume_list(f.store, &list, &count) != VX_OK)
			_exit(8);
		for (size_t i = 0; i < count; i++) {
			const struct timespec old[2] = { { .tv_sec = 1 },
				{ .tv_sec = 1 } };
			char path[PATH_MAX];

			vx_volume_path(f.store, list[i].number, path);
			if (list[i].sealed)
				(void)utimensat(AT_FDCWD, path, old, 0);
		}
		free(list);
		(void)vx_volumes_collect(f.store, go_on);
	}
}

START_TEST(killed_in_the_middle_of_everything)
{
	enum {
		ROUNDS = 60
	};
	struct fixture f, copy = { 0 };
	char to[PATH_MAX];
	struct vx_error err;
	unsigned seed = 5;

	begin(&f);
	vx_store_close(f.store);
	(void)snprintf(to, sizeof(to), "%s/backup", f.dir);
	copy.dir = to;
	for (unsigned i = 0; i < ROUNDS; i++) {
		const pid_t pid = fork();
		char path[PATH_MAX + 16];
		int status;

		if (pid == 0)
			work(f.dir, f.inbox, i);
		(void)usleep(5000 + (useconds_t)rand_r(&seed) % 60000);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		ck_assert_msg(
		    WIFSIGNALED(status), "round %u: exit %d", i, WEXITSTATUS(status));
		ck_assert_uint_eq(fixture_problems(&f), 0);
		(void)snprintf(path, sizeof(path), "%s/state.mdb", to);
		if (i % 8 == 7 && access(path, F_OK) == 0)
			ck_assert_uint_eq(fixture_problems(&copy), 0);
	}
	open_small(&f);
	vxt_assert_ok(vx_store_backup(f.store, to, say_nothing, NULL, &err));
	ck_assert_uint_eq(fixture_problems(&copy), 0);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_disk, "disk", power_may_be_cut_at_any_moment,
    failed_writes_change_nothing_and_heal, a_failing_disk_refuses_mail_and_heals,
    killed_in_the_middle_of_everything)
