#include "base/mem.h"
#include "fixture.h"
#include "vectis/message.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_all(struct fixture *f, uint64_t blob, struct vx_buf *out)
{
	struct vx_blob_reader *r;

	vxt_assert_ok(vx_blob_open(f->store, blob, &r));
	while (out->len < vx_blob_size(r)) {
		vx_slice s;
		const int rc = vx_blob_read(r, out->len, 100000, &s);

		if (rc == VX_WAIT) {
			vxt_assert_ok(vx_blob_fetch(r, out->len, 100000));
			continue;
		}
		vxt_assert_ok(rc);
		ck_assert_uint_gt(s.len, 0);
		vx_buf_add(out, s);
	}
	vx_blob_close(r);
}

START_TEST(bodies_of_all_sizes_come_back)
{
	static const size_t sizes[] = { 1, 100, 2030, 2048, 2049, 4096, 100000, 262111,
		262112, 262113, 262144, 262145, 524224, 3000000, 4193792, 4193793,
		9000000 };
	struct fixture f;
	char *octets = malloc(9000000);
	struct vx_buf back = { .max = 10000000 };
	struct vx_record records[20];
	size_t n = sizeof(sizes) / sizeof(sizes[0]);

	ck_assert_ptr_nonnull(octets);
	for (size_t i = 0; i < 9000000; i++)
		octets[i] = i % 70 == 69 ? '\n' : (char)('a' + i * 31 % 26);
	fixture_open(&f);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(
		    fixture_add(&f, f.inbox, vx_slice_of(octets, sizes[i]), 0), i + 1);
	for (int round = 0; round < 2; round++) {
		ck_assert_uint_eq(fixture_records(&f, f.inbox, records, 20), n);
		for (size_t i = 0; i < n; i++) {
			ck_assert_uint_eq(records[i].size, sizes[i]);
			vx_buf_reset(&back);
			read_all(&f, records[i].blob, &back);
			ck_assert(vx_slice_eq(
			    vx_buf_slice(&back), vx_slice_of(octets, sizes[i])));
		}
		vx_store_close(f.store);
		fixture_reopen(&f);
	}
	fixture_close(&f);
	vx_buf_done(&back);
	free(octets);
}
END_TEST

/* A message whose first octets are known last: filed in the inbox. */
static void add_with_front(struct fixture *f, vx_slice octets, vx_slice front)
{
	struct vx_delivery_target target = { .account = 1 };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;

	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	vx_blob_writer_expect_front(w);
	while (octets.len > 0) {
		const vx_slice piece = vx_slice_head(octets, 70001);

		ck_assert_int_ge(vx_blob_writer_add(w, piece), VX_OK);
		octets = vx_slice_from(octets, piece.len);
	}
	vxt_assert_ok(vx_blob_writer_front(w, front));
	ck_assert_int_eq(vx_blob_writer_front(w, front), VX_ESTATE);
	vx_deliver_op_init(&op, w);
	op.targets = &target;
	op.target_count = 1;
	op.all_or_none = true;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	vx_blob_writer_free(w);
}

START_TEST(what_goes_in_front_comes_last)
{
	static const size_t sizes[] = { 0, 100, 237535, 237536, 237537, 262112, 262113,
		500000, 4193792, 4431329, 4431330, 9000000 };
	static const size_t fronts[] = { 1, 500, VX_BLOB_FRONT_MAX };
	struct vx_buf whole = { .max = 10000000 }, back = { .max = 10000000 };
	struct vx_record records[40];
	struct fixture f;
	size_t n = 0;

	fixture_open(&f);
	for (size_t i = 0; i < 9000000 + VX_BLOB_FRONT_MAX; i++)
		vx_buf_add_char(&whole, i % 70 == 69 ? '\n' : (char)('a' + i * 31 % 26));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < 3; k++)
			add_with_front(&f,
			    vx_slice_head(
				vx_slice_from(vx_buf_slice(&whole), fronts[k]), sizes[i]),
			    vx_slice_head(vx_buf_slice(&whole), fronts[k]));
	ck_assert_uint_eq(fixture_records(&f, f.inbox, records, 40), 36);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < 3; k++, n++) {
			uint64_t size;

			ck_assert_uint_eq(records[n].size, fronts[k] + sizes[i]);
			vx_buf_reset(&back);
			read_all(&f, records[n].blob, &back);
			ck_assert(vx_slice_eq(vx_buf_slice(&back),
			    vx_slice_head(vx_buf_slice(&whole), records[n].size)));
			vxt_assert_ok(vx_blob_verify(f.store, records[n].blob, &size));
			ck_assert_uint_eq(size, records[n].size);
		}
	fixture_close(&f);
	vx_buf_done(&whole);
	vx_buf_done(&back);
}
END_TEST

START_TEST(any_part_of_a_body_can_be_read)
{
	static const size_t sizes[] = { 262112, 262113, 262144, 600000 };
	struct vx_record records[4];
	struct fixture f;
	char *octets = malloc(600000);

	for (size_t i = 0; i < 600000; i++)
		octets[i] = i % 70 == 69 ? '\n' : (char)('a' + i * 31 % 26);
	fixture_open(&f);
	for (size_t i = 0; i < 4; i++)
		(void)fixture_add(&f, f.inbox, vx_slice_of(octets, sizes[i]), 0);
	ck_assert_uint_eq(fixture_records(&f, f.inbox, records, 4), 4);
	for (size_t i = 0; i < 4; i++) {
		for (size_t at = 0; at < sizes[i]; at += 13001) {
			struct vx_blob_reader *r;
			vx_slice s;

			vxt_assert_ok(vx_blob_open(f.store, records[i].blob, &r));
			vxt_assert_ok(vx_blob_fetch(r, at, 100));
			vxt_assert_ok(vx_blob_read(r, at, 100, &s));
			ck_assert_uint_gt(s.len, 0);
			ck_assert(vx_slice_eq(s, vx_slice_of(octets + at, s.len)));
			vx_blob_close(r);
		}
	}
	fixture_close(&f);
	free(octets);
}
END_TEST

static void add_octets(struct vx_blob_writer *w, size_t count)
{
	static const char line[] =
	    "0123456789012345678901234567890123456789012345678901234567\r\n";

	while (count > 0) {
		const size_t n = count < 60 ? count : 60;
		const int rc = vx_blob_writer_add(w, vx_slice_of(line, n));

		ck_assert_int_ge(rc, 0);
		if (rc == VX_WAIT)
			(void)usleep(1000);
		count -= n;
	}
}

static unsigned sealed_volumes(struct fixture *f)
{
	struct vx_volume_record *list;
	size_t count;
	unsigned n = 0;

	vxt_assert_ok(vx_volume_list(f->store, &list, &count));
	for (size_t i = 0; i < count; i++)
		n += list[i].sealed;
	vx_free(list);
	return n;
}

/* One that is never finished, and one that is given up, hold no volume open for ever. */
START_TEST(uploads_under_way_do_not_keep_volumes_from_being_sealed)
{
	struct vx_blob_writer *slow, *left;
	struct fixture f;
	char *octets = malloc(5 << 20);
	struct vx_delivery_target t = { .account = 1 };
	struct vx_deliver_op op;

	memset(octets, 'x', 5 << 20);
	fixture_open(&f);
	vxt_assert_ok(vx_blob_writer_new(f.store, &left));
	add_octets(left, 5 << 20);
	vx_blob_writer_free(left);
	(void)fixture_add(&f, f.inbox, vx_slice_of(octets, 5 << 20), 0);
	(void)fixture_add(&f, f.inbox, vx_slice_of(octets, 5 << 20), 0);
	ck_assert_uint_ge(sealed_volumes(&f), 1);
	vxt_assert_ok(vx_blob_writer_new(f.store, &slow));
	add_octets(slow, 5 << 20);
	for (int i = 0; i < 4; i++)
		(void)fixture_add(&f, f.inbox, vx_slice_of(octets, 5 << 20), 0);
	ck_assert_uint_ge(sealed_volumes(&f), 3);
	vx_deliver_op_init(&op, slow);
	op.targets = &t;
	op.target_count = 1;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	vx_blob_writer_free(slow);
	ck_assert_uint_ge(sealed_volumes(&f), 4);
	fixture_close(&f);
	free(octets);
}
END_TEST

/* Its process died while it waited for the lock: the others do not yield for ever. */
START_TEST(waiters_that_died_are_forgotten)
{
	struct fixture f;

	fixture_open(&f);
	vx_notify_waiting(f.store, 1);
	ck_assert_uint_eq(vx_notify_waiters(f.store), 1);
	vx_notify_forget_waiters(f.store);
	ck_assert_uint_eq(vx_notify_waiters(f.store), 0);
	vx_notify_waiting(f.store, -1);
	ck_assert_uint_eq(vx_notify_waiters(f.store), 0);
	fixture_close(&f);
}
END_TEST

START_TEST(an_old_reader_is_named)
{
	struct vx_old_reader old = { 0 };
	struct fixture f;
	struct vx_view *v;

	fixture_open(&f);
	vx_store_check_readers(f.store, &old, 10);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	(void)fixture_add(&f, f.inbox, VX_S("x"), 0);
	vx_store_check_readers(f.store, &old, 20);
	ck_assert_uint_eq(old.pid, (unsigned)getpid());
	vx_store_check_readers(f.store, &old, 70);
	ck_assert_uint_eq(old.named, 0);
	vx_store_check_readers(f.store, &old, 81);
	ck_assert_uint_eq(old.named, 1);
	vx_store_check_readers(f.store, &old, 90);
	ck_assert_uint_eq(old.named, 1);
	vx_view_end(v);
	vx_store_check_readers(f.store, &old, 200);
	ck_assert_uint_eq(old.pid, 0);
	fixture_close(&f);
}
END_TEST

static void *hold_views(void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < 3000; i++) {
		struct vx_view *a, *b;

		vxt_assert_ok(vx_view_begin(f->store, &a));
		if (i % 50 == 0)
			(void)usleep(100);
		vxt_assert_ok(vx_view_begin(f->store, &b));
		vx_view_end(b);
		vx_view_end(a);
	}
	return NULL;
}

/* A thread that has a view begins another while the map wants to grow. */
START_TEST(the_map_grows_while_views_are_nested)
{
	struct fixture f;
	pthread_t thread;
	char *octets = malloc(20000);
	struct vx_store_stat before, after;

	for (int i = 0; i < 20000; i++)
		octets[i] = i % 8 == 7 ? '\n' : (i % 8 == 3 ? ':' : 'h');
	fixture_open(&f);
	vxt_assert_ok(vx_store_stat(f.store, &before));
	ck_assert_int_eq(pthread_create(&thread, NULL, hold_views, &f), 0);
	for (int i = 0; i < 400; i++)
		(void)fixture_add(&f, f.inbox, vx_slice_of(octets, 20000), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	vxt_assert_ok(vx_store_stat(f.store, &after));
	ck_assert_uint_gt(after.map_octets, before.map_octets);
	ck_assert_uint_gt(after.state_free_octets, 0);
	fixture_close(&f);
	free(octets);
}
END_TEST

START_TEST(one_directory_opens_once_in_a_process)
{
	struct fixture f;
	struct vx_store *again;
	struct vx_error err;

	fixture_open(&f);
	ck_assert_int_eq(
	    vx_store_open(&(struct vx_store_options){ .dir = f.dir }, &again, &err),
	    VX_EBUSY);
	fixture_close(&f);
}
END_TEST

/* A child that stores messages and writes each UID down once it is acknowledged. */
static _Noreturn void writer(const char *dir, uint32_t inbox, int fd)
{
	struct fixture f = { .dir = dir };

	vxt_child(fd);
	fixture_reopen(&f);
	for (unsigned n = 0;; n++) {
		char text[5000];
		const int len =
		    snprintf(text, sizeof(text), "Subject: %d-%u\r\n\r\n%*s\r\n",
			(int)getpid(), n, (int)(n * 37 % 4000), "x");
		const uint32_t uid =
		    fixture_add(&f, inbox, vx_slice_of(text, (size_t)len), 0);

		if (write(fd, &uid, sizeof(uid)) < 0)
			_exit(1);
	}
}

START_TEST(what_was_acknowledged_survives_kill_9)
{
	enum {
		KILLS = 40
	};
	struct fixture f;
	struct vx_snapshot *s;
	uint32_t uid;
	size_t acknowledged = 0;
	int p[2];

	fixture_open(&f);
	vx_store_close(f.store);
	ck_assert_int_eq(pipe(p), 0);
	(void)fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
	for (int i = 0; i < KILLS; i++) {
		pid_t pids[2];

		for (int n = 0; n < 2; n++)
			if ((pids[n] = fork()) == 0)
				writer(f.dir, f.inbox, p[1]);
		(void)usleep((useconds_t)(20000 + i * 977 % 40000));
		for (int n = 0; n < 2; n++) {
			(void)kill(pids[n], SIGKILL);
			(void)waitpid(pids[n], NULL, 0);
		}
	}
	(void)close(p[1]);
	fixture_reopen(&f);
	vxt_assert_ok(vx_snapshot_take(f.store, 1, f.inbox, &s));
	while (read(p[0], &uid, sizeof(uid)) == sizeof(uid)) {
		ck_assert_uint_ne(vx_snapshot_seq(s, uid), 0);
		acknowledged++;
	}
	ck_assert_uint_gt(acknowledged, KILLS);
	ck_assert_uint_le(acknowledged, vx_snapshot_count(s));
	ck_assert_uint_le(vx_snapshot_count(s), acknowledged + 2 * KILLS);
	vx_snapshot_free(s);
	(void)close(p[0]);
	fixture_close(&f);
}
END_TEST

/* The first message of a process; its exit status is what became of it. */
static _Noreturn void first_message(
    const char *dir, uint32_t inbox, int go, useconds_t delay)
{
	struct fixture f = { .dir = dir };
	struct vx_delivery_target t = { .account = 1, .mailbox = inbox };
	struct vx_deliver_op op;
	struct vx_blob_writer *w;
	char c;
	int rc;

	vxt_child(go);
	fixture_reopen(&f);
	if (vx_blob_writer_new(f.store, &w) != VX_OK ||
	    vx_blob_writer_add(w, VX_S("Subject: first\r\n\r\n")) != VX_OK)
		_exit(99);
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	(void)!read(go, &c, 1); /* all at once: the other end is closed */
	(void)usleep(delay);
	rc = vx_store_run(f.store, &op.op);
	vx_blob_writer_free(w);
	vx_store_close(f.store);
	_exit(-rc);
}

/* Each makes a volume, which another may find and take before its maker does. */
START_TEST(processes_that_begin_at_once_do_not_refuse_mail)
{
	enum {
		PROCESSES = 8,
		ROUNDS = 20
	};

	for (unsigned round = 0; round < ROUNDS; round++) {
		pid_t pids[PROCESSES];
		int go[2], status;
		struct fixture f;

		fixture_open(&f);
		vx_store_close(f.store);
		ck_assert_int_eq(pipe(go), 0);
		for (unsigned n = 0; n < PROCESSES; n++) {
			pids[n] = fork();
			if (pids[n] == 0) {
				(void)close(go[1]);
				first_message(
				    f.dir, f.inbox, go[0], n * 100 * (round % 5));
			}
		}
		(void)close(go[0]);
		(void)usleep(30000);
		(void)close(go[1]);
		for (unsigned n = 0; n < PROCESSES; n++) {
			(void)waitpid(pids[n], &status, 0);
			ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			    "round %u: %d", round, WEXITSTATUS(status));
		}
		fixture_reopen(&f);
		ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, PROCESSES);
		fixture_close(&f);
	}
}
END_TEST

static unsigned changes;

static void on_change(struct vx_watch *w)
{
	(void)w;
	changes++;
}

static int wait_change(struct fixture *f, unsigned want)
{
	struct pollfd p = { .fd = vx_store_fd(f->store), .events = POLLIN };

	for (int i = 0; i < 100 && changes < want; i++) {
		(void)poll(&p, 1, 50);
		vx_store_dispatch(f->store);
	}
	return changes >= want;
}

START_TEST(another_process_sees_a_change)
{
	struct vx_watch mine = { .changed = on_change }, other = { .changed = on_change };
	struct fixture f;
	int go[2];
	char c;
	pid_t pid;

	fixture_open(&f);
	vx_store_close(f.store);
	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		struct fixture child = { .dir = f.dir };

		vxt_child(go[0]);
		fixture_reopen(&child);
		ck_assert_int_eq((int)read(go[0], &c, 1), 1);
		(void)fixture_add(&child, f.inbox, VX_S("Subject: hi\r\n\r\n"), 0);
		vx_store_close(child.store);
		_exit(0);
	}
	fixture_reopen(&f);
	changes = 0;
	vxt_assert_ok(vx_watch_add(f.store, &mine, 1, f.inbox));
	vxt_assert_ok(vx_watch_add(f.store, &other, 1, f.archive));
	ck_assert_int_eq((int)write(go[1], "!", 1), 1);
	ck_assert(wait_change(&f, 1));
	(void)fixture_add(&f, f.inbox, VX_S("Subject: own\r\n\r\n"), 0);
	ck_assert(wait_change(&f, 2));
	ck_assert_uint_eq(changes, 2); /* the other mailbox did not change */
	vx_watch_remove(f.store, &mine);
	vx_watch_remove(f.store, &other);
	(void)waitpid(pid, NULL, 0);
	(void)close(go[0]);
	(void)close(go[1]);
	fixture_close(&f);
}
END_TEST

START_TEST(a_damaged_body_is_noticed_when_it_is_read)
{
	struct vx_record r;
	struct fixture f;
	struct vx_blob_reader *reader;
	char path[PATH_MAX], octets[4096];
	vx_slice s;
	ssize_t n;
	int fd, damaged = 0;

	fixture_open(&f);
	(void)fixture_add(&f, f.inbox, VX_S("Subject: x\r\n\r\nFINDME FINDME\r\n"), 0);
	ck_assert_uint_eq(fixture_records(&f, f.inbox, &r, 1), 1);
	vx_store_close(f.store);
	(void)snprintf(
	    path, sizeof(path), "%s/vol-%08x.mdb", f.dir, (unsigned)(r.blob >> 32));
	fd = open(path, O_RDWR);
	for (off_t at = 0; (n = pread(fd, octets, sizeof(octets), at)) > 0; at += n) {
		const vx_slice page = vx_slice_of(octets, (size_t)n);
		const size_t found = vx_slice_find_slice(page, VX_S("FINDME"));

		if (found < page.len)
			damaged += pwrite(fd, "LOSTME", 6, at + (off_t)found) == 6;
	}
	(void)close(fd);
	ck_assert_int_gt(damaged, 0);
	fixture_reopen(&f);
	vxt_assert_ok(vx_blob_open(f.store, r.blob, &reader));
	ck_assert_int_eq(vx_blob_read(reader, 0, 100, &s), VX_ECORRUPT);
	vx_blob_close(reader);
	vx_store_close(f.store);
	ck_assert_uint_eq(fixture_problems(&f), 1);
	vxt_rmdir(f.dir);
	free((void *)(uintptr_t)f.dir);
}
END_TEST

static void ignore_line(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

START_TEST(a_backup_is_a_whole_store)
{
	char to[PATH_MAX], mark[PATH_MAX + 16];
	struct fixture f, copy = { 0 };
	struct vx_error err;

	fixture_open(&f);
	for (int i = 0; i < 300; i++)
		(void)fixture_add(&f, f.inbox, VX_S("Subject: kept\r\n\r\nx\r\n"), 0);
	(void)snprintf(to, sizeof(to), "%s/backup", f.dir);
	vxt_assert_ok(vx_store_backup(f.store, to, ignore_line, NULL, &err));
	(void)fixture_add(&f, f.inbox, VX_S("Subject: later\r\n\r\nx\r\n"), 0);
	vxt_assert_ok(vx_store_backup(f.store, to, ignore_line, NULL, &err));
	copy.dir = to;
	ck_assert_uint_eq(fixture_problems(&copy), 0);
	ck_assert_int_eq(
	    vx_store_backup(f.store, f.dir, ignore_line, NULL, &err), VX_EINVAL);
	(void)unlink(strcat(strcpy(mark, to), "/backup"));
	ck_assert_int_eq(
	    vx_store_backup(f.store, to, ignore_line, NULL, &err), VX_EEXIST);
	fixture_reopen(&copy);
	ck_assert_uint_eq(fixture_status(&copy, f.inbox).messages, 301);
	vx_store_close(copy.store);
	fixture_close(&f);
}
END_TEST

/* There are passwords and keys in it, whoever's umask it is made with. */
START_TEST(a_backup_is_for_its_owner)
{
	const mode_t old = umask(0);
	char to[PATH_MAX], path[PATH_MAX + 300];
	struct vx_error err;
	struct dirent *e;
	struct fixture f;
	struct stat st;
	size_t count = 0;
	DIR *dir;

	fixture_open(&f);
	(void)fixture_add(&f, f.inbox, VX_S("Subject: kept\r\n\r\nx\r\n"), 0);
	(void)snprintf(to, sizeof(to), "%s/backup", f.dir);
	ck_assert_int_eq(mkdir(to, 0777), 0);
	for (int i = 0; i < 2; i++)
		vxt_assert_ok(vx_store_backup(f.store, to, ignore_line, NULL, &err));
	dir = opendir(to);
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", to, e->d_name);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_msg((st.st_mode & 077) == 0, "%s: %o", path, st.st_mode);
		count++;
	}
	(void)closedir(dir);
	ck_assert_uint_ge(count, 3); /* state, a volume, and what says that it is one */
	(void)umask(old);
	fixture_close(&f);
}
END_TEST

START_TEST(a_newer_format_and_foreign_files_are_refused)
{
	const char newer[4] = { 3, 0, 0, 0 };
	struct vx_kv_txn *txn;
	struct vx_error err;
	char path[PATH_MAX];
	struct fixture f;
	struct vx_store *s = NULL;
	FILE *file;

	fixture_open(&f);
	vxt_assert_ok(vx_kv_begin(f.store->state, true, &txn));
	vxt_assert_ok(
	    vx_kv_put(txn, VX_TREE_META, VX_S("format"), vx_slice_of(newer, 4)));
	vxt_assert_ok(vx_kv_commit(txn));
	vx_store_close(f.store);
	for (int read_only = 0; read_only < 2; read_only++) {
		const struct vx_store_options o = { .dir = f.dir,
			.read_only = read_only == 1 };

		ck_assert_int_eq(vx_store_open(&o, &s, &err), VX_EUNSUP);
		ck_assert_ptr_nonnull(strstr(err.text, "format 3"));
	}
	(void)snprintf(path, sizeof(path), "%s/state.mdb", f.dir);
	file = fopen(path, "w");
	for (int i = 0; i < 100000; i++)
		(void)fputc("no store at all"[i % 15], file);
	(void)fclose(file);
	ck_assert_int_eq(
	    vx_store_open(&(struct vx_store_options){ .dir = f.dir }, &s, &err),
	    VX_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err.text, "state.mdb is no file of a Vectis store"));
	vxt_rmdir(f.dir);
	free((void *)(uintptr_t)f.dir);
}
END_TEST

VXT_SUITE(test_engine, "engine", bodies_of_all_sizes_come_back,
    what_goes_in_front_comes_last, any_part_of_a_body_can_be_read,
    uploads_under_way_do_not_keep_volumes_from_being_sealed,
    waiters_that_died_are_forgotten, an_old_reader_is_named,
    the_map_grows_while_views_are_nested, a_newer_format_and_foreign_files_are_refused,
    one_directory_opens_once_in_a_process, what_was_acknowledged_survives_kill_9,
    processes_that_begin_at_once_do_not_refuse_mail, another_process_sees_a_change,
    a_damaged_body_is_noticed_when_it_is_read, a_backup_is_for_its_owner,
    a_backup_is_a_whole_store)
