/* A directory of a backup says whether all of it is there, and what is not whole is not
 * taken for a store. */
#include "fixture.h"

#include "base/fs.h"
#include "store/backup_mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct backup {
	struct fixture f;
	char to[PATH_MAX];
	struct vx_error err;
};

static void ignore_line(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static int make(struct backup *b)
{
	return vx_store_backup(b->f.store, b->to, ignore_line, NULL, &b->err);
}

static void begin(struct backup *b)
{
	fixture_open(&b->f);
	(void)fixture_add(&b->f, b->f.inbox, VX_S("Subject: kept\r\n\r\nx\r\n"), 0);
	(void)snprintf(b->to, sizeof(b->to), "%s/backup", b->f.dir);
}

static const char *in(const struct backup *b, const char *name)
{
	static char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", b->to, name);
	return path;
}

static void put(const struct backup *b, const char *name, const char *text)
{
	FILE *f = fopen(in(b, name), "w");

	ck_assert_ptr_nonnull(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int open_it(struct backup *b, bool read_only)
{
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = b->to, .read_only = read_only
	};
	struct vx_store *s = NULL;
	const int rc = vx_store_open(&o, &s, &b->err);

	vx_store_close(s);
	return rc;
}

/* It is refused by name, whoever opens it, and nothing is made in it. */
static void assert_refused(struct backup *b, const char *why)
{
	struct vx_backup found = { .files = 77 };
	const bool had = access(in(b, "state.mdb"), F_OK) == 0;

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(open_it(b, i == 1), VX_ECORRUPT);
		ck_assert_msg(strstr(b->err.text, why) != NULL &&
				  strstr(b->err.text, "not whole") != NULL &&
				  strstr(b->err.text, b->to) != NULL,
		    "%s", b->err.text);
	}
	ck_assert_int_eq(access(in(b, "state.mdb"), F_OK) == 0, had);
	ck_assert_int_eq(vx_backup_look(b->to, &found, &b->err), VX_ECORRUPT);
	ck_assert_uint_eq(found.files, 77);
}

START_TEST(a_whole_one_says_so_until_it_is_a_store)
{
	struct vx_backup found;
	struct backup b;
	struct stat st;

	begin(&b);
	ck_assert_int_eq(vx_backup_look(b.to, &found, &b.err), VX_ENOENT);
	for (int i = 0; i < 2; i++) {
		vxt_assert_ok(make(&b));
		vxt_assert_ok(vx_backup_look(b.to, &found, &b.err));
		ck_assert_uint_eq(found.files, 2);
		ck_assert_int_eq(stat(in(&b, "state.mdb"), &st), 0);
		ck_assert_uint_gt(found.octets, (uint64_t)st.st_size);
		ck_assert_int_ge(found.began, 1700000000);
		ck_assert_int_ge(found.ended, found.began);
	}
	vxt_assert_ok(open_it(&b, true));
	vxt_assert_ok(vx_backup_look(b.to, &found, &b.err));
	vxt_assert_ok(open_it(&b, false));
	ck_assert_int_eq(vx_backup_look(b.to, &found, &b.err), VX_ENOENT);
	ck_assert_int_eq(make(&b), VX_EEXIST); /* somebody's store by now */
	fixture_close(&b.f);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
	struct vx_backup found;
	struct backup b;
	char *volume;
	FILE *f;

	begin(&b);
	vxt_assert_ok(make(&b));
	volume = strdup(in(&b, "vol-00000001.mdb"));
	ck_assert_int_eq(rename(volume, in(&b, "aside")), 0);
	assert_refused(&b, "vol-00000001.mdb is missing");
	ck_assert_int_eq(rename(in(&b, "aside"), volume), 0);
	vxt_assert_ok(vx_backup_look(b.to, &found, &b.err));
	ck_assert_int_eq(chmod(in(&b, "state.mdb"), 0600), 0);
	f = fopen(in(&b, "state.mdb"), "a");
	ck_assert_ptr_nonnull(f);
	(void)fputc('x', f);
	(void)fclose(f);
	assert_refused(&b, "state.mdb is not as long");
	vxt_assert_ok(make(&b)); /* and is mended by the next one */
	vxt_assert_ok(open_it(&b, false));
	free(volume);
	fixture_close(&b.f);
}
END_TEST

/* state.new cannot be written: the first is partial, one before stays whole. */
START_TEST(one_that_fails_is_partial)
{
	struct vx_backup found;
	struct backup b;

	begin(&b);
	ck_assert_int_eq(mkdir(b.to, 0700), 0);
	ck_assert_int_eq(mkdir(in(&b, "state.new"), 0700), 0);
	ck_assert_int_lt(make(&b), 0);
	assert_refused(&b, "broken off");
	ck_assert_int_eq(rmdir(in(&b, "state.new")), 0);
	vxt_assert_ok(make(&b));
	ck_assert_int_eq(mkdir(in(&b, "state.new"), 0700), 0);
	ck_assert_int_lt(make(&b), 0);
	vxt_assert_ok(vx_backup_look(b.to, &found, &b.err));
	vxt_assert_ok(open_it(&b, true));
	fixture_close(&b.f);
}
END_TEST

/* Killed while files took their places: whoever comes next puts the others there. */
START_TEST(one_that_was_complete_is_finished)
{
	struct vx_buf text = { .max = 4096 };
	char mark[8192], from[PATH_MAX + 16];
	struct vx_backup found;
	struct backup b;

	for (int way = 0; way < 3; way++) {
		begin(&b);
		vxt_assert_ok(make(&b));
		vx_buf_reset(&text);
		vxt_assert_ok(vx_fs_read(in(&b, VX_BACKUP_MARK), &text, &b.err));
		vx_buf_add_char(&text, '\0');
		(void)snprintf(mark, sizeof(mark),
		    "vectis backup 1\ncomplete\nbegan 1\nended 2\n%s",
		    strstr(text.ptr, "file "));
		put(&b, VX_BACKUP_MARK, mark);
		(void)snprintf(from, sizeof(from), "%s/state.mdb", b.to);
		ck_assert_int_eq(rename(from, in(&b, "state.new")), 0);
		if (way == 0)
			vxt_assert_ok(open_it(&b, true));
		else if (way == 1)
			vxt_assert_ok(make(&b));
		vxt_assert_ok(vx_backup_look(b.to, &found, &b.err));
		ck_assert_int_eq(access(in(&b, "state.new"), F_OK), -1);
		ck_assert_int_eq(found.began == 1, way != 1);
		vxt_assert_ok(open_it(&b, false));
		fixture_close(&b.f);
	}
	vx_buf_done(&text);
}
END_TEST

START_TEST(a_mark_that_says_nothing_is_refused)
{
	static const char *const texts[] = { "", "x", "vectis backup 2\nwhole\n",
		"vectis backup 1\n", "vectis backup 1\nwhole\n",
		"vectis backup 1\nhalf\nbegan 1\nended 2\nfile 1 state\n",
		"vectis backup 1\nwhole\nbegan x\nended 2\nfile 1 state\n",
		"vectis backup 1\nwhole\nbegan 1\nended 2\n",
		"vectis backup 1\nwhole\nbegan 1\nended 2\nfile 1 ../state\n",
		"vectis backup 1\nwhole\nbegan 1\nended 2\nfile -1 state\n",
		"vectis backup 1\nwhole\nbegan 1\nended 2\nfile 1 \n",
		"vectis backup 1\nwhole\nbegan 1\nended 2\nfile 1 state",
		"vectis backup 1\nwhole\nbegan 1\nended 2\nfile 1 "
		"statestatestatestatestatestatestatestate\n",
		"vectis backup 1\ncomplete\nbegan 1\nended 2\nlink 1 state\n" };
	struct backup b;

	begin(&b);
	vxt_assert_ok(make(&b));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(&b, VX_BACKUP_MARK, texts[i]);
		assert_refused(&b, "cannot be read");
	}
	put(&b, VX_BACKUP_MARK, "A backup made by vectisctl store backup.\n");
	vxt_assert_ok(open_it(&b, false));
	fixture_close(&b.f);
}
END_TEST

START_TEST(a_repair_saves_what_is_in_a_partial_one)
{
	struct backup b;

	begin(&b);
	vxt_assert_ok(make(&b));
	ck_assert_int_eq(unlink(in(&b, "vol-00000001.mdb")), 0);
	assert_refused(&b, "missing");
	vxt_assert_ok(vx_store_repair(b.to, ignore_line, NULL, &b.err));
	vxt_assert_ok(open_it(&b, false));
	fixture_close(&b.f);
}
END_TEST

VXT_SUITE(test_backup, "backup", a_whole_one_says_so_until_it_is_a_store,
    what_is_missing_is_named, one_that_fails_is_partial,
    one_that_was_complete_is_finished, a_mark_that_says_nothing_is_refused,
    a_repair_saves_what_is_in_a_partial_one)
