/* Damage of every kind is planted, named by store check, and mended by store repair. */
#include "base/bytes.h"
#include "base/mem.h"
#include "fixture.h"
#include "store/box.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MESSAGES = 300
};

/* Lines of a report, one after the other. */
static struct vx_buf said;

static void hear(void *ctx, const char *text)
{
	(void)ctx;
	vx_buf_add_str(&said, text);
	vx_buf_add_str(&said, "\n");
}

static bool was_said(const char *part)
{
	return vx_slice_find_slice(vx_buf_slice(&said), vx_slice_str(part)) < said.len;
}

static uint64_t check(const struct fixture *f)
{
	struct vx_error err;
	uint64_t problems = 0;

	vx_buf_reset(&said);
	said.max = 10 << 20;
	ck_assert_msg(
	    vx_store_check(f->dir, hear, NULL, &problems, &err) == VX_OK, "%s", err.text);
	return problems;
}

static void repair(const struct fixture *f)
{
	struct vx_error err;

	vx_buf_reset(&said);
	ck_assert_msg(vx_store_repair(f->dir, hear, NULL, &err) == VX_OK, "%s", err.text);
}

static vx_slice text_of(unsigned n, char text[200])
{
	const int len =
	    snprintf(text, 200, "Subject: number %u\r\n\r\nmessage %u\r\n", n, n);

	return vx_slice_of(text, (size_t)len);
}

/* In one commit or a few. */
static void add_all(struct fixture *f)
{
	static struct vx_deliver_op ops[MESSAGES];
	static struct vx_delivery_target targets[MESSAGES];
	struct vx_blob_writer *writers[MESSAGES];
	char text[200];

	for (unsigned i = 0; i < MESSAGES; i++) {
		targets[i] = (struct vx_delivery_target){
			.account = 1, .mailbox = f->inbox, .flags = (i + 1) % 2
		};
		vxt_assert_ok(vx_blob_writer_new(f->store, &writers[i]));
		vxt_assert_ok(vx_blob_writer_add(writers[i], text_of(i + 1, text)));
		vx_deliver_op_init(&ops[i], writers[i]);
		ops[i].targets = &targets[i];
		ops[i].target_count = 1;
		if (i + 1 < MESSAGES)
			vxt_assert_ok(vx_store_submit(f->store, &ops[i].op));
		else /* the last in the queue */
			vxt_assert_ok(vx_store_run(f->store, &ops[i].op));
	}
	vx_store_dispatch(f->store);
	for (unsigned i = 0; i < MESSAGES; i++) {
		vxt_assert_ok(ops[i].op.result);
		ck_assert_uint_eq(targets[i].uid, i + 1);
		vx_blob_writer_free(writers[i]);
	}
}

/* 300 messages in INBOX, every third also in Archive, some flagged, some expunged. */
static void fill(struct fixture *f)
{
	const struct vx_uid_range some = { 10, 50 }, gone = { 100, 110 };
	const vx_slice keyword = VX_S("$Label1");
	struct vx_uid_range third[MESSAGES / 3];
	struct vx_copy_op copy;
	struct vx_flags_op flags;
	struct vx_expunge_op expunge;

	fixture_open(f);
	add_all(f);
	for (unsigned i = 1; i <= MESSAGES / 3; i++)
		third[i - 1] = (struct vx_uid_range){ 3 * i, 3 * i };
	vx_copy_op_init(&copy);
	copy.account = copy.to_account = 1;
	copy.mailbox = f->inbox;
	copy.to_mailbox = f->archive;
	copy.uids = third;
	copy.range_count = MESSAGES / 3;
	vxt_assert_ok(vx_store_run(f->store, &copy.op));
	vx_flags_op_init(&flags);
	flags.account = 1;
	flags.mailbox = f->inbox;
	flags.uids = &some;
	flags.range_count = 1;
	flags.keywords = (struct vx_keyword_list){ &keyword, 1 };
	vxt_assert_ok(vx_store_run(f->store, &flags.op));
	vx_expunge_op_init(&expunge);
	expunge.account = 1;
	expunge.mailbox = f->inbox;
	expunge.uids = &gone;
	expunge.range_count = 1;
	expunge.deleted_only = false;
	vxt_assert_ok(vx_store_run(f->store, &expunge.op));
	vxt_assert_ok(fixture_verb(f, VX_MAILBOX_CREATE, "deep/er", ""));
	vxt_assert_ok(fixture_verb(f, VX_MAILBOX_CREATE, "gone", ""));
	(void)fixture_add(f, fixture_mailbox(f, "gone"), VX_S("x"), 0);
}

static void finish(struct fixture *f)
{
	vxt_rmdir(f->dir);
	free((void *)(uintptr_t)f->dir);
	vx_buf_done(&said);
}

/* Everything that can be read is what fill made; lost of INBOX's messages are not there.
 */
static void expect_whole(struct fixture *f, size_t lost)
{
	static struct vx_record r[MESSAGES];
	char text[200];
	size_t n;

	fixture_reopen(f);
	n = fixture_records(f, f->inbox, r, MESSAGES);
	ck_assert_uint_eq(n, MESSAGES - 11 - lost);
	for (size_t i = 0; i < n; i++) {
		struct vx_blob_reader *reader;
		vx_slice got;

		ck_assert_uint_eq(r[i].flags & VX_FLAG_SYSTEM, r[i].uid % 2);
		vxt_assert_ok(vx_blob_open(f->store, r[i].blob, &reader));
		vxt_assert_ok(vx_blob_fetch(reader, 0, 200));
		vxt_assert_ok(vx_blob_read(reader, 0, 200, &got));
		ck_assert(vx_slice_eq(got, text_of(r[i].uid, text)));
		vx_blob_close(reader);
	}
	/* and it can go on */
	ck_assert_uint_gt(
	    fixture_add(f, f->inbox, VX_S("Subject: new\r\n\r\n"), 0), MESSAGES);
	vx_store_close(f->store);
}

/* --- planting
 * ------------------------------------------------------------------------------ */

/* Flip an octet in the middle of a value of the state. */
static void flip(struct fixture *f, enum vx_tree tree, vx_slice key)
{
	struct vx_kv_txn *txn;
	vx_slice v;
	char *copy;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_kv_get(txn, tree, key, &v));
	copy = malloc(v.len);
	memcpy(copy, v.ptr, v.len);
	copy[v.len - 2] = (char)(copy[v.len - 2] ^ 0x10);
	vxt_assert_ok(vx_kv_put(txn, tree, key, vx_slice_of(copy, v.len)));
	free(copy);
	vxt_assert_ok(vx_kv_commit(txn));
}

static void erase(struct fixture *f, enum vx_tree tree, vx_slice key)
{
	struct vx_kv_txn *txn;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_kv_delete(txn, tree, key));
	vxt_assert_ok(vx_kv_commit(txn));
}

static struct vx_key state_key(uint32_t mailbox, enum vx_kind kind)
{
	struct vx_key k;

	vx_key_state(&k, 1, mailbox, kind);
	if (kind == VX_KIND_PAGE || kind == VX_KIND_BLOCK)
		vx_key_add_u32(&k, 0);
	return k;
}

static uint64_t blob_of(struct fixture *f, uint32_t uid)
{
	static struct vx_record r[MESSAGES];
	const size_t n = fixture_records(f, f->inbox, r, MESSAGES);

	for (size_t i = 0; i < n; i++)
		if (r[i].uid == uid)
			return r[i].blob;
	ck_abort_msg("no such UID");
}

/* Overwrite every page of a file below the state directory that has needle. */
static void scribble(const struct fixture *f, const char *name, const char *needle,
    const char *with, size_t octets)
{
	char path[PATH_MAX], page[4096], garbage[4096];
	unsigned hits = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	(void)chmod(path, 0600);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	memset(garbage, 0xa5, sizeof(garbage));
	for (off_t at = 0; pread(fd, page, sizeof(page), at) == (ssize_t)sizeof(page);
	     at += (off_t)sizeof(page)) {
		const vx_slice all = vx_slice_of(page, sizeof(page));
		const size_t found = vx_slice_find_slice(all, vx_slice_str(needle));

		/* The page that names the trees is what everything hangs on: spare it. */
		if (found == all.len ||
		    vx_slice_find_slice(all, VX_S("queue")) != all.len)
			continue;
		hits++;
		if (with != NULL)
			ck_assert_int_gt(
			    pwrite(fd, with, strlen(with), at + (off_t)found), 0);
		else
			ck_assert_int_gt(pwrite(fd, garbage, octets, at + 16), 0);
	}
	(void)close(fd);
	ck_assert_uint_gt(hits, 0);
}

/* --- damage that costs nothing
 * --------------------------------------------------------------- */

static void damage_head(struct fixture *f)
{
	const struct vx_key k = state_key(f->inbox, VX_KIND_HEAD);

	flip(f, VX_TREE_STATE, vx_key_slice(&k));
}

static void damage_counters(struct fixture *f)
{
	struct vx_kv_txn *txn;
	struct vx_head h;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_head_read(txn, 1, f->inbox, &h));
	h.s.unseen += 3;
	vxt_assert_ok(vx_head_write(txn, 1, f->inbox, &h));
	vxt_assert_ok(vx_kv_commit(txn));
}

static void damage_account(struct fixture *f)
{
	const struct vx_key k = state_key(0, VX_KIND_ACCOUNT);

	flip(f, VX_TREE_STATE, vx_key_slice(&k));
}

static void damage_usage(struct fixture *f)
{
	struct vx_account_record a;
	struct vx_kv_txn *txn;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_account_read(txn, 1, &a));
	a.used_octets -= 7;
	vxt_assert_ok(vx_account_write(txn, 1, &a));
	vxt_assert_ok(vx_kv_commit(txn));
}

static void damage_block(struct fixture *f)
{
	const struct vx_key k = state_key(f->inbox, VX_KIND_BLOCK);

	flip(f, VX_TREE_STATE, vx_key_slice(&k));
}

static void lose_block(struct fixture *f)
{
	const struct vx_key k = state_key(f->inbox, VX_KIND_BLOCK);

	erase(f, VX_TREE_STATE, vx_key_slice(&k));
}

static void damage_name(struct fixture *f)
{
	struct vx_key k = state_key(0, VX_KIND_NAME);

	vx_key_add(&k, VX_S("INBOX"));
	flip(f, VX_TREE_STATE, vx_key_slice(&k));
}

static void lose_name(struct fixture *f)
{
	struct vx_key k = state_key(0, VX_KIND_NAME);

	vx_key_add(&k, VX_S("deep/er"));
	erase(f, VX_TREE_STATE, vx_key_slice(&k));
}

static void damage_keywords(struct fixture *f)
{
	const struct vx_key k = state_key(f->inbox, VX_KIND_KEYWORDS);

	flip(f, VX_TREE_STATE, vx_key_slice(&k));
}

static void damage_descriptor(struct fixture *f)
{
	struct vx_key k;

	vx_key_blob(&k, blob_of(f, 5));
	flip(f, VX_TREE_DESC, vx_key_slice(&k));
}

static void lose_descriptor(struct fixture *f)
{
	struct vx_key k;

	vx_key_blob(&k, blob_of(f, 6));
	erase(f, VX_TREE_DESC, vx_key_slice(&k));
}

static void damage_count(struct fixture *f)
{
	struct vx_key k;

	vx_key_blob(&k, blob_of(f, 9));
	flip(f, VX_TREE_REFS, vx_key_slice(&k));
}

static void lose_count(struct fixture *f)
{
	struct vx_key k;

	vx_key_blob(&k, blob_of(f, 9));
	erase(f, VX_TREE_REFS, vx_key_slice(&k));
}

static void plant_count(struct fixture *f)
{
	struct vx_kv_txn *txn;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_references_write(txn, blob_of(f, 10), 4));
	vxt_assert_ok(vx_kv_commit(txn));
}

static void plant_dead(struct fixture *f)
{
	struct vx_kv_txn *txn;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_blob_drop_reference(txn, blob_of(f, 11), 1));
	vxt_assert_ok(vx_kv_commit(txn));
}

static void empty_dead(struct fixture *f)
{
	struct vx_kv_cursor *c;
	struct vx_kv_txn *txn;
	vx_slice key, value;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_kv_cursor_open(txn, VX_TREE_DEAD, &c));
	vxt_assert_ok(vx_kv_first(c, &key, &value));
	vxt_assert_ok(vx_kv_cursor_delete(c));
	vx_kv_cursor_close(c);
	vxt_assert_ok(vx_kv_commit(txn));
}

static void damage_volume_record(struct fixture *f)
{
	const char key[4] = { 0, 0, 0, 1 };

	flip(f, VX_TREE_VOLUME, vx_slice_of(key, 4));
}

static void damage_volume_count(struct fixture *f)
{
	struct vx_volume_record r;
	struct vx_kv_txn *txn;

	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_volume_record_read(txn, 1, &r));
	r.live++;
	vxt_assert_ok(vx_volume_record_write(txn, &r));
	vxt_assert_ok(vx_kv_commit(txn));
}

static void damage_record(struct fixture *f)
{
	const struct vx_key k = state_key(f->inbox, VX_KIND_PAGE);

	flip(f, VX_TREE_STATE, vx_key_slice(&k)); /* the last record's thread */
}

static const struct {
	const char *name, *named;
	void (*plant)(struct fixture *f);
} damages[] = {
	{ "head", "mailbox 1: its head is damaged", damage_head },
	{ "counters", "the head counts", damage_counters },
	{ "account", "account 1: its record is damaged", damage_account },
	{ "usage", "account 1: its record counts", damage_usage },
	{ "block", "a UID block is damaged", damage_block },
	{ "lost block", "the UID block differs from the records", lose_block },
	{ "name", "the name \"INBOX\" is damaged", damage_name },
	{ "lost name", "the name \"deep/er\" does not lead to it", lose_name },
	{ "keywords", "its keywords are damaged", damage_keywords },
	{ "descriptor", "its descriptor is damaged", damage_descriptor },
	{ "lost descriptor", "its descriptor is missing", lose_descriptor },
	{ "count", "its reference count is damaged", damage_count },
	{ "lost count", "it is in 2 places, its count says 1", lose_count },
	{ "wrong count", "it is in 1 places, its count says 5", plant_count },
	{ "dead", "it is in a mailbox or queued, and would be deleted", plant_dead },
	{ "not dead", "it is nowhere, and not to be deleted", empty_dead },
	{ "volume record", "the record of a volume is damaged", damage_volume_record },
	{ "volume count", "volume 00000001: its record counts", damage_volume_count },
	{ "record", "the records from UID 0 on are damaged", damage_record },
};

START_TEST(damage_of_the_state_is_named_and_mended)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct fixture f;

		fill(&f);
		damages[i].plant(&f);
		vx_store_close(f.store);
		ck_assert_msg(check(&f) > 0, "%s is not seen", damages[i].name);
		ck_assert_msg(was_said(damages[i].named), "%s: %.*s", damages[i].name,
		    (int)said.len, said.ptr);
		repair(&f);
		ck_assert_msg(check(&f) == 0, "%s after repair: %.*s", damages[i].name,
		    (int)said.len, said.ptr);
		expect_whole(&f, 0);
		ck_assert_uint_eq(check(&f), 0);
		finish(&f);
	}
}
END_TEST

/* --- lists -----------------------------------------------------------------------------
 */

/* Records of the directory: "M", domain NUL local, or "m", number, address. */
static void put_dir(struct fixture *f, vx_slice key, uint32_t number, uint64_t created)
{
	char value[VX_VALUE_HEADER + 16 + 6] = { 0 };
	struct vx_kv_txn *txn;

	vx_put_le32(value + VX_VALUE_HEADER + 4, number);
	vx_put_le64(value + VX_VALUE_HEADER + 8, created);
	vx_value_seal(value, sizeof(value), 'd');
	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(
	    vx_kv_put(txn, VX_TREE_DIR, key, vx_slice_of(value, sizeof(value))));
	vxt_assert_ok(vx_kv_commit(txn));
}

static struct vx_key list_key(char local)
{
	struct vx_key k = { .len = 0 };

	vx_key_add(&k, VX_S("Md.test"));
	vx_key_add(&k, vx_slice_of("\0", 1));
	vx_key_add(&k, vx_slice_of(&local, 1));
	return k;
}

static struct vx_key member_key(uint32_t list, char local)
{
	struct vx_key k = { .len = 0 };

	vx_key_add(&k, VX_S("m"));
	vx_key_add_u32(&k, list);
	vx_key_add(&k, vx_slice_of(&local, 1));
	return k;
}

/* Two lists, "a" (1) with members x and y, and "b" (2) with x; the next is 3. */
static void plant_lists(struct fixture *f)
{
	struct vx_kv_txn *txn;
	struct vx_key k;

	for (uint32_t list = 1; list <= 2; list++) {
		k = list_key(list == 1 ? 'a' : 'b');
		put_dir(f, vx_key_slice(&k), list, 100 + list);
		for (uint32_t i = list; i <= 2; i++) {
			k = member_key(list, i == list ? 'x' : 'y');
			put_dir(f, vx_key_slice(&k), 0, 0);
		}
	}
	vxt_assert_ok(vx_kv_begin(f->store->state, true, &txn));
	vxt_assert_ok(vx_meta_set(txn, "list", 3));
	vxt_assert_ok(vx_kv_commit(txn));
}

/* "a1 b2 1x 1y 2x, 3": lists, members, and the next number. */
static void show_lists(struct fixture *f, char out[200])
{
	struct vx_kv_cursor *c;
	struct vx_kv_txn *txn;
	vx_slice key, value;
	uint64_t next = 1;
	size_t n = 0;

	out[0] = '\0';
	vxt_assert_ok(vx_kv_begin(f->store->state, false, &txn));
	vxt_assert_ok(vx_kv_cursor_open(txn, VX_TREE_DIR, &c));
	for (int rc = vx_kv_first(c, &key, &value); rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value)) {
		const char last = key.ptr[key.len - 1];

		if (key.ptr[0] == 'M')
			n += (size_t)snprintf(out + n, 200 - n, "%c%u ", last,
			    vx_get_le32(value.ptr + VX_VALUE_HEADER + 4));
		else if (key.ptr[0] == 'm')
			n += (size_t)snprintf(
			    out + n, 200 - n, "%u%c ", vx_get_be32(key.ptr + 1), last);
	}
	vx_kv_cursor_close(c);
	(void)vx_meta_get(txn, "list", &next);
	(void)snprintf(out + n, 200 - n, "next %llu", (unsigned long long)next);
	vx_kv_abort(txn);
}

static void nothing_wrong(struct fixture *f)
{
	(void)f;
}

static void member_of_none(struct fixture *f)
{
	const struct vx_key k = member_key(7, 'x'), again = member_key(7, 'y');

	put_dir(f, vx_key_slice(&k), 0, 0);
	put_dir(f, vx_key_slice(&again), 0, 0);
}

static void lose_list(struct fixture *f)
{
	const struct vx_key k = list_key('a');

	erase(f, VX_TREE_DIR, vx_key_slice(&k));
}

static void damage_list(struct fixture *f)
{
	const struct vx_key k = list_key('b');

	flip(f, VX_TREE_DIR, vx_key_slice(&k));
}

static void damage_member(struct fixture *f)
{
	const struct vx_key k = member_key(1, 'y');

	flip(f, VX_TREE_DIR, vx_key_slice(&k));
}

/* The one that came last does not keep the members, wherever its name sorts. */
static void same_number(struct fixture *f)
{
	const struct vx_key k = list_key('A');

	put_dir(f, vx_key_slice(&k), 1, 500);
}

static void lose_counter(struct fixture *f)
{
	erase(f, VX_TREE_META, VX_S("list"));
}

static const struct {
	const char *named, *after, *told; /* told: by the repair; NULL: nothing */
	void (*plant)(struct fixture *f);
	uint64_t problems;
} lists[] = {
	{ NULL, "a1 b2 1x 1y 2x next 3", NULL, nothing_wrong, 0 },
	{ "list 7: it is not there, and has members", "a1 b2 1x 1y 2x next 3",
	    "0 mailing lists and 2 members of lists are lost", member_of_none, 1 },
	{ "list 1: it is not there, and has members", "b2 2x next 3",
	    "0 mailing lists and 2 members of lists are lost", lose_list, 1 },
	{ "the directory: a list's entry is damaged", "a1 1x 1y next 3",
	    "1 mailing lists and 1 members of lists are lost", damage_list, 2 },
	{ "list 1: a member's entry is damaged", "a1 b2 1x 2x next 3",
	    "0 mailing lists and 1 members of lists are lost", damage_member, 1 },
	{ "list 1: another list has its members", "A3 a1 b2 1x 1y 2x next 4",
	    "A@d.test had the members of an older list, and has none now", same_number,
	    1 },
	{ "list 2: its number would be given again", "a1 b2 1x 1y 2x next 3", NULL,
	    lose_counter, 1 },
};

START_TEST(members_belong_to_lists)
{
	char text[200];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct fixture f;

		fixture_open(&f);
		plant_lists(&f);
		lists[i].plant(&f);
		vx_store_close(f.store);
		ck_assert_uint_eq(check(&f), lists[i].problems);
		ck_assert_msg(lists[i].named == NULL || was_said(lists[i].named),
		    "%zu: %.*s", i, (int)said.len, said.ptr);
		repair(&f);
		ck_assert_msg(
		    lists[i].told == NULL ? !was_said("list") : was_said(lists[i].told),
		    "%zu: %.*s", i, (int)said.len, said.ptr);
		ck_assert_msg(
		    check(&f) == 0, "%zu after repair: %.*s", i, (int)said.len, said.ptr);
		fixture_reopen(&f);
		show_lists(&f, text);
		ck_assert_str_eq(text, lists[i].after);
		vx_store_close(f.store);
		finish(&f);
	}
}
END_TEST

START_TEST(a_whole_store_is_repaired_to_the_same)
{
	struct vx_mailbox_status before, after;
	struct vx_error err;
	struct fixture f;
	struct vx_view *v;
	vx_slice names[VX_KEYWORDS_MAX];

	fill(&f);
	before = fixture_status(&f, f.inbox);
	ck_assert_int_eq(vx_store_repair(f.dir, hear, NULL, &err), VX_EBUSY);
	vx_store_close(f.store);
	repair(&f);
	ck_assert_uint_eq(check(&f), 0);
	fixture_reopen(&f);
	after = fixture_status(&f, f.inbox);
	ck_assert_uint_eq(after.uidvalidity, before.uidvalidity);
	ck_assert_uint_eq(after.uidnext, before.uidnext);
	ck_assert_uint_eq(after.messages, before.messages);
	ck_assert_uint_eq(after.unseen, before.unseen);
	ck_assert_uint_eq(after.expunge_floor, before.expunge_floor);
	ck_assert_uint_ge(after.highestmodseq, before.highestmodseq);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_mailbox_keywords(v, 1, f.inbox, names));
	vxt_assert_str(names[0], "$Label1");
	vx_view_end(v);
	ck_assert_uint_ne(fixture_mailbox(&f, "deep/er"), 0);
	fixture_close(&f);
	vx_buf_done(&said);
}
END_TEST

START_TEST(a_damaged_body_is_named_and_the_rest_is_kept)
{
	struct fixture f;
	char wanted[64];

	fill(&f);
	(void)snprintf(wanted, sizeof(wanted), "message %016llx: its body is damaged",
	    (unsigned long long)blob_of(&f, 77));
	vx_store_close(f.store);
	scribble(&f, "vol-00000001.mdb", "message 77\r", "MESSAGE", 0);
	ck_assert_uint_eq(check(&f), 1);
	ck_assert_msg(was_said(wanted), "%.*s", (int)said.len, said.ptr);
	repair(&f);
	ck_assert_uint_eq(check(&f), 1); /* it may be worth reading all the same */
	finish(&f);
}
END_TEST

START_TEST(a_missing_volume_is_named_once_and_its_messages_are_given_up)
{
	char path[PATH_MAX];
	struct fixture f;

	fill(&f);
	vx_store_close(f.store);
	(void)snprintf(path, sizeof(path), "%s/vol-00000001.mdb", f.dir);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_uint_eq(check(&f), 2);
	ck_assert(was_said("volume 00000001: its file is missing"));
	ck_assert(was_said("301 messages are in volumes that are not there"));
	repair(&f);
	ck_assert(was_said("mailbox 1: the message with UID 1 is lost"));
	ck_assert_uint_eq(check(&f), 0);
	fixture_reopen(&f);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, 0);
	ck_assert_uint_eq(fixture_add(&f, f.inbox, VX_S("x"), 0), MESSAGES + 1);
	fixture_close(&f);
	vx_buf_done(&said);
}
END_TEST

/* Pages of the state with garbage in them: whatever happens, nobody but a child crashes.
 */
START_TEST(damaged_pages_are_survived_and_what_is_left_is_kept)
{
	static const char *const needles[] = { "number 150", "number 42", "number 298" };

	for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++) {
		struct fixture f;
		struct vx_mailbox_status s;

		fill(&f);
		vx_store_close(f.store);
		scribble(&f, "state.mdb", needles[i], NULL, 2000);
		ck_assert_msg(check(&f) > 0, "%s", needles[i]);
		repair(&f);
		ck_assert_msg(
		    check(&f) == 0, "%s: %.*s", needles[i], (int)said.len, said.ptr);
		fixture_reopen(&f);
		s = fixture_status(&f, f.inbox);
		ck_assert_uint_le(s.messages, MESSAGES);
		(void)fixture_add(&f, f.inbox, VX_S("Subject: new\r\n\r\n"), 0);
		vx_store_close(f.store);
		ck_assert_uint_eq(check(&f), 0);
		finish(&f);
	}
}
END_TEST

VXT_SUITE(test_repair, "repair", damage_of_the_state_is_named_and_mended,
    members_belong_to_lists, a_whole_store_is_repaired_to_the_same,
    a_damaged_body_is_named_and_the_rest_is_kept,
    a_missing_volume_is_named_once_and_its_messages_are_given_up,
    damaged_pages_are_survived_and_what_is_left_is_kept)
