/* What lies beside the messages: access lists, annotations, dates of saving. */
#include "base/clock.h"
#include "fixture.h"
#include "store/account.h"
#include "vectis/acl.h"
#include "vectis/metadata.h"

#include <stdio.h>

/* --- access lists ---------------------------------------------------------------------
 */

static int grant(struct fixture *f, uint32_t mailbox, uint32_t grantee, bool negative,
    enum vx_acl_change change, const char *letters)
{
	struct vx_acl_op op;

	vx_acl_op_init(&op);
	op.owner = 1;
	op.mailbox = mailbox;
	op.grantee = grantee;
	op.negative = negative;
	op.change = change;
	vxt_assert_ok(vx_rights_parse(vx_slice_str(letters), &op.rights));
	return vx_store_run(f->store, &op.op);
}

static void check_rights(
    struct fixture *f, uint32_t mailbox, uint32_t who, const char *want)
{
	char text[VX_RIGHTS_TEXT_MAX + 1] = { 0 };
	struct vx_view *v;
	unsigned rights;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_acl_rights(v, 1, mailbox, who, &rights));
	vx_view_end(v);
	text[vx_rights_write(rights, text)] = '\0';
	ck_assert_str_eq(text, want);
}

/* "owner/mailbox ..." of what is shared to who. */
static void check_shared(struct fixture *f, uint32_t who, const char *want)
{
	struct vx_shared at = { 0, 0 };
	char text[200] = { 0 };
	struct vx_view *v;
	int rc;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	while ((rc = vx_shared_next(v, who, &at, &at)) == VX_OK)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u/%u ",
		    at.owner, at.mailbox);
	vx_view_end(v);
	ck_assert_int_eq(rc, VX_ENOENT);
	ck_assert_str_eq(text, want);
}

START_TEST(rights_are_letters)
{
	char text[VX_RIGHTS_TEXT_MAX];
	unsigned r;

	vxt_assert_ok(vx_rights_parse(VX_S("aetxkpiwsrl"), &r));
	ck_assert_uint_eq(r, VX_RIGHTS_ALL);
	ck_assert_uint_eq(vx_rights_write(r, text), 11);
	vxt_assert_str(vx_slice_of(text, 11), "lrswipkxtea");
	vxt_assert_ok(vx_rights_parse(VX_S("lcd"), &r));
	ck_assert_uint_eq(r, VX_RIGHT_LOOKUP | VX_RIGHT_CREATE | VX_RIGHT_DELETE |
				 VX_RIGHT_DELETED | VX_RIGHT_EXPUNGE);
	ck_assert_int_eq(vx_rights_parse(VX_S("lz"), &r), VX_EINVAL);
	ck_assert_int_eq(vx_rights_parse(vx_slice_of("l\0", 2), &r), VX_EINVAL);
}
END_TEST

START_TEST(rights_are_granted_and_taken)
{
	struct fixture f;

	fixture_open(&f);
	fixture_account(&f, 2, NULL);
	fixture_account(&f, 3, NULL);
	check_rights(&f, f.inbox, 1, "lrswipkxtea");
	check_rights(&f, f.inbox, 2, "");
	vxt_assert_ok(grant(&f, f.inbox, 2, false, VX_ACL_REPLACE, "lr"));
	vxt_assert_ok(grant(&f, f.inbox, 2, false, VX_ACL_ADD, "sw"));
	vxt_assert_ok(grant(&f, f.inbox, 2, false, VX_ACL_REMOVE, "w"));
	check_rights(&f, f.inbox, 2, "lrs");
	check_rights(&f, f.inbox, 3, "");
	vxt_assert_ok(grant(&f, f.inbox, VX_ACL_ANYONE, false, VX_ACL_REPLACE, "lrt"));
	check_rights(&f, f.inbox, 2, "lrst");
	check_rights(&f, f.inbox, 3, "lrt");
	vxt_assert_ok(grant(&f, f.inbox, 3, true, VX_ACL_REPLACE, "t"));
	check_rights(&f, f.inbox, 3, "lr");
	check_rights(&f, f.inbox, 2, "lrst");
	ck_assert_int_eq(grant(&f, f.inbox, 1, false, VX_ACL_REPLACE, "l"), VX_EPERM);
	ck_assert_int_eq(grant(&f, 99, 2, false, VX_ACL_REPLACE, "l"), VX_ENOENT);
	check_rights(&f, 99, 1, "");
	fixture_close(&f);
}
END_TEST

START_TEST(what_is_shared_is_found)
{
	char want[60];
	struct fixture f;

	fixture_open(&f);
	fixture_account(&f, 2, NULL);
	fixture_account(&f, 3, NULL);
	check_shared(&f, 2, "");
	vxt_assert_ok(grant(&f, f.archive, 2, false, VX_ACL_REPLACE, "l"));
	vxt_assert_ok(grant(&f, f.inbox, VX_ACL_ANYONE, false, VX_ACL_REPLACE, "l"));
	(void)snprintf(want, sizeof(want), "1/%u 1/%u ", f.inbox, f.archive);
	check_shared(&f, 2, want);
	(void)snprintf(want, sizeof(want), "1/%u ", f.inbox);
	check_shared(&f, 3, want);
	check_shared(&f, 1, "");
	vxt_assert_ok(grant(&f, f.inbox, VX_ACL_ANYONE, false, VX_ACL_REPLACE, ""));
	check_shared(&f, 3, "");
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_DELETE, "Archive", ""));
	check_shared(&f, 2, "");
	check_rights(&f, f.archive, 2, "");
	fixture_close(&f);
}
END_TEST

struct remove_op {
	struct vx_store_op op;
	uint32_t account;
};

static int apply_remove(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	return vx_account_remove(txn, ((struct remove_op *)base)->account);
}

START_TEST(lists_are_inherited_and_forgotten)
{
	struct remove_op remove = { .op = { .apply = apply_remove }, .account = 2 };
	struct fixture f;
	uint32_t child;

	fixture_open(&f);
	fixture_account(&f, 2, NULL);
	vxt_assert_ok(grant(&f, f.archive, 2, false, VX_ACL_REPLACE, "lrk"));
	vxt_assert_ok(grant(&f, f.archive, 2, true, VX_ACL_REPLACE, "k"));
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_CREATE, "Archive/a/b", ""));
	child = fixture_mailbox(&f, "Archive/a/b");
	check_rights(&f, child, 2, "lr");
	vxt_assert_ok(grant(&f, f.archive, 2, false, VX_ACL_REPLACE, "l"));
	check_rights(&f, child, 2, "lr");
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_RENAME, "Archive/a", "x"));
	check_rights(&f, child, 2, "lr");
	vxt_assert_ok(vx_store_run(f.store, &remove.op));
	check_rights(&f, child, 2, "");
	check_shared(&f, 2, "");
	fixture_close(&f);
}
END_TEST

static int apply_many(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct vx_quota none = { 0 };
	int rc = VX_OK;

	(void)base;
	for (uint32_t i = 0; i <= VX_ACL_ENTRIES_MAX && rc == VX_OK; i++)
		rc = vx_account_create(txn, 10 + i, &none);
	return rc;
}

static int apply_lists(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_acl_op op;
	int rc = VX_OK;

	(void)base;
	vx_acl_op_init(&op);
	op.owner = 1;
	op.mailbox = 1;
	op.rights = VX_RIGHT_LOOKUP;
	for (uint32_t i = 0; i < VX_ACL_ENTRIES_MAX && rc == VX_OK; i++) {
		op.grantee = 10 + i;
		rc = op.op.apply(&op.op, txn);
	}
	return rc;
}

START_TEST(lists_have_a_limit)
{
	struct vx_store_op many = { .apply = apply_many },
			   lists = { .apply = apply_lists };
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_acl_entry *entries;
	struct fixture f;
	struct vx_view *v;
	size_t count;

	fixture_open(&f);
	vxt_assert_ok(vx_store_run(f.store, &many));
	vxt_assert_ok(vx_store_run(f.store, &lists));
	ck_assert_int_eq(
	    grant(&f, f.inbox, 10 + VX_ACL_ENTRIES_MAX, false, VX_ACL_REPLACE, "l"),
	    VX_ELIMIT);
	ck_assert_int_eq(grant(&f, f.inbox, 9, false, VX_ACL_REPLACE, "l"), VX_EINVAL);
	vxt_assert_ok(grant(&f, f.inbox, 10, false, VX_ACL_REPLACE, "lr"));
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_acl_list(v, 1, f.inbox, &arena, &entries, &count));
	vx_view_end(v);
	ck_assert_uint_eq(count, VX_ACL_ENTRIES_MAX);
	ck_assert_uint_eq(entries[0].grantee, 10);
	ck_assert_uint_eq(entries[0].rights, VX_RIGHT_LOOKUP | VX_RIGHT_READ);
	vx_arena_done(&arena);
	fixture_close(&f);
}
END_TEST

/* --- annotations ----------------------------------------------------------------------
 */

static int annotate(struct fixture *f, uint32_t mailbox, uint32_t user,
    const struct vx_metadata_entry *entries, size_t count)
{
	struct vx_metadata_op op;

	vx_metadata_op_init(&op);
	op.account = 1;
	op.mailbox = mailbox;
	op.user = user;
	op.entries = entries;
	op.count = count;
	return vx_store_run(f->store, &op.op);
}

static int annotate_one(struct fixture *f, uint32_t mailbox, uint32_t user,
    const char *name, const char *value)
{
	const struct vx_metadata_entry e = { .name = vx_slice_str(name),
		.value = value == NULL ? vx_slice_of(NULL, 0) : vx_slice_str(value) };

	return annotate(f, mailbox, user, &e, 1);
}

/* "name=value;..." of all entries. */
static void check_metadata(
    struct fixture *f, uint32_t mailbox, uint32_t user, const char *want)
{
	struct vx_metadata_entry e = { .name = { "", 0 } };
	char text[400] = { 0 };
	struct vx_view *v;
	size_t n = 0;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	while (vx_metadata_next(v, 1, mailbox, user, e.name, &e) == VX_OK)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s=%.*s;",
		    (int)e.name.len, e.name.ptr, (int)e.value.len, e.value.ptr);
	vx_view_end(v);
	ck_assert_str_eq(text, want);
}

START_TEST(annotations_are_kept_by_user)
{
	struct fixture f;
	struct vx_view *v;
	vx_slice value;

	fixture_open(&f);
	vxt_assert_ok(annotate_one(&f, f.inbox, 0, "/shared/Comment", "ours"));
	vxt_assert_ok(annotate_one(&f, f.inbox, 1, "/private/comment", "mine"));
	vxt_assert_ok(annotate_one(&f, f.inbox, 2, "/private/comment", "hers"));
	vxt_assert_ok(annotate_one(&f, f.archive, 1, "/private/vendor/x/y", ""));
	check_metadata(&f, f.inbox, 0, "/shared/comment=ours;");
	check_metadata(&f, f.inbox, 1, "/private/comment=mine;");
	check_metadata(&f, f.inbox, 2, "/private/comment=hers;");
	check_metadata(&f, f.archive, 1, "/private/vendor/x/y=;");
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_metadata_get(v, 1, f.inbox, 0, VX_S("/SHARED/comment"), &value));
	vxt_assert_str(value, "ours");
	ck_assert_int_eq(
	    vx_metadata_get(v, 1, f.inbox, 3, VX_S("/private/comment"), &value),
	    VX_ENOENT);
	vx_view_end(v);
	vxt_assert_ok(annotate_one(&f, f.inbox, 1, "/private/comment", NULL));
	vxt_assert_ok(annotate_one(&f, f.inbox, 1, "/private/comment", NULL));
	check_metadata(&f, f.inbox, 1, "");
	ck_assert_int_eq(annotate_one(&f, 99, 1, "/private/comment", "x"), VX_ENOENT);
	ck_assert_int_eq(annotate_one(&f, 0, 1, "/private/comment", "x"), VX_ENOENT);
	fixture_close(&f);
}
END_TEST

/* RFC 7162 3.2: who comes back is told that something is new. */
START_TEST(annotations_raise_the_modseq)
{
	struct fixture f;
	uint64_t before;

	fixture_open(&f);
	before = fixture_status(&f, f.inbox).highestmodseq;
	vxt_assert_ok(annotate_one(&f, f.inbox, 0, "/shared/comment", "ours"));
	ck_assert_uint_gt(fixture_status(&f, f.inbox).highestmodseq, before);
	before = fixture_status(&f, f.inbox).highestmodseq;
	vxt_assert_ok(annotate_one(&f, f.archive, 1, "/private/comment", "mine"));
	ck_assert_uint_eq(fixture_status(&f, f.inbox).highestmodseq, before);
	fixture_close(&f);
}
END_TEST

START_TEST(annotations_are_all_or_none)
{
	static char large[VX_METADATA_VALUE_MAX + 1];
	struct vx_metadata_entry e[2] = { { VX_S("/private/a"), VX_S("1") },
		{ VX_S("/private/b"), { large, sizeof(large) } } };
	struct vx_metadata_entry many[VX_METADATA_ENTRIES_MAX + 1];
	char names[VX_METADATA_ENTRIES_MAX + 1][20];
	struct fixture f;

	fixture_open(&f);
	ck_assert_int_eq(annotate(&f, f.inbox, 1, e, 2), VX_EINVAL);
	check_metadata(&f, f.inbox, 1, "");
	e[1].value.len--;
	vxt_assert_ok(annotate(&f, f.inbox, 1, e, 2));
	for (int i = 0; i <= VX_METADATA_ENTRIES_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "/private/%d", i);
		many[i] = (struct vx_metadata_entry){ vx_slice_str(names[i]), VX_S("v") };
	}
	ck_assert_int_eq(
	    annotate(&f, f.inbox, 2, many, VX_METADATA_ENTRIES_MAX + 1), VX_ELIMIT);
	check_metadata(&f, f.inbox, 2, "");
	vxt_assert_ok(annotate(&f, f.inbox, 2, many, VX_METADATA_ENTRIES_MAX));
	fixture_close(&f);
}
END_TEST

static uint64_t annotation_octets(struct fixture *f)
{
	struct vx_account_record a;
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_account_read(v->txn, 1, &a));
	vx_view_end(v);
	return a.metadata;
}

/* Of all mailboxes together, whoever sets them; a mailbox that goes gives its share back. */
START_TEST(annotations_have_a_limit)
{
	static char octets[VX_METADATA_VALUE_MAX];
	struct vx_metadata_entry e = { .value = vx_slice_of(octets, sizeof(octets)) };
	char name[40];
	struct fixture f;
	uint64_t before;
	int rc = VX_OK;

	fixture_open(&f);
	memset(octets, 'x', sizeof(octets));
	for (unsigned i = 0; i < 400 && rc == VX_OK; i++) {
		(void)snprintf(name, sizeof(name), "/private/n%u", i % 90);
		e.name = vx_slice_str(name);
		before = annotation_octets(&f);
		rc = annotate(&f, i < 90 ? f.inbox : f.archive + i / 90, i % 3 ? 1 : 7, &e, 1);
		if (rc == VX_OK)
			ck_assert_uint_eq(annotation_octets(&f) - before,
			    e.name.len + e.value.len);
	}
	ck_assert_int_eq(rc, VX_EQUOTA);
	ck_assert_uint_eq(annotation_octets(&f), before);
	ck_assert_uint_gt(before + sizeof(octets) + 40, VX_METADATA_ACCOUNT_MAX);
	ck_assert_uint_le(before, VX_METADATA_ACCOUNT_MAX);
	/* the same entry again weighs what it weighs, less is always possible */
	e.name = VX_S("/private/n1");
	vxt_assert_ok(annotate(&f, f.inbox, 1, &e, 1));
	ck_assert_uint_eq(annotation_octets(&f), before);
	e.value.len = 1;
	vxt_assert_ok(annotate(&f, f.inbox, 1, &e, 1));
	e.value = vx_slice_of(NULL, 0);
	vxt_assert_ok(annotate(&f, f.inbox, 1, &e, 1));
	ck_assert_uint_eq(
	    annotation_octets(&f), before - e.name.len - VX_METADATA_VALUE_MAX);
	before = annotation_octets(&f);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_DELETE, "Drafts", NULL), VX_OK);
	vxt_assert_ok(vx_state_reap(f.store, fixture_go_on));
	ck_assert_uint_lt(annotation_octets(&f), before);
	fixture_close(&f);
}
END_TEST

static int annotate_server(struct fixture *f, uint32_t user, const char *name)
{
	const struct vx_metadata_entry e = { .name = vx_slice_str(name),
		.value = VX_S("kept") };
	struct vx_metadata_op op;

	vx_metadata_op_init(&op);
	op.user = user;
	op.entries = &e;
	op.count = 1;
	return vx_store_run(f->store, &op.op);
}

static bool has_annotation(
    struct fixture *f, uint32_t account, uint32_t mailbox, uint32_t user, const char *name)
{
	struct vx_view *v;
	vx_slice value;
	bool has;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	has = vx_metadata_get(v, account, mailbox, user, vx_slice_str(name), &value) == VX_OK;
	vx_view_end(v);
	return has;
}

static void quiet(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

START_TEST(annotations_outlive_a_repair)
{
	struct vx_error err;
	struct fixture f;

	fixture_open(&f);
	vxt_assert_ok(annotate_server(&f, 0, "/shared/admin"));
	vxt_assert_ok(annotate_server(&f, 1, "/private/mine"));
	vxt_assert_ok(annotate_one(&f, f.inbox, 1, "/private/comment", "x"));
	vx_store_close(f.store);
	vxt_assert_ok(vx_store_repair(f.dir, quiet, NULL, &err));
	fixture_reopen(&f);
	ck_assert(has_annotation(&f, 0, 0, 0, "/shared/admin"));
	ck_assert(has_annotation(&f, 0, 0, 1, "/private/mine"));
	ck_assert(has_annotation(&f, 1, f.inbox, 1, "/private/comment"));
	fixture_close(&f);
}
END_TEST

/* Private ones of a removed account are nobody's any more. */
START_TEST(annotations_go_with_their_account)
{
	struct remove_op removal = { .op = { .apply = apply_remove }, .account = 2 };
	struct fixture f;

	fixture_open(&f);
	fixture_account(&f, 2, NULL);
	vxt_assert_ok(grant(&f, f.inbox, 2, false, VX_ACL_REPLACE, "lr"));
	vxt_assert_ok(annotate_server(&f, 2, "/private/mine"));
	vxt_assert_ok(annotate_one(&f, f.inbox, 2, "/private/comment", "hers"));
	vxt_assert_ok(annotate_one(&f, f.inbox, 0, "/shared/comment", "ours"));
	vxt_assert_ok(vx_store_run(f.store, &removal.op));
	vxt_assert_ok(vx_state_reap(f.store, fixture_go_on));
	ck_assert(!has_annotation(&f, 0, 0, 2, "/private/mine"));
	ck_assert(!has_annotation(&f, 1, f.inbox, 2, "/private/comment"));
	ck_assert(has_annotation(&f, 1, f.inbox, 0, "/shared/comment"));
	fixture_close(&f);
}
END_TEST

START_TEST(annotations_have_names)
{
	static const char *const good[] = { "/private/a", "/shared/vendor/x/y",
		"/SHARED/Comment" };
	static const char *const bad[] = { "", "/", "/private", "/private/", "/public/a",
		"/private//a", "/private/a/", "/private/a*", "/private/%", "private/a",
		"/private/\x01", "/private/\xc3\xa9" };
	char longest[VX_METADATA_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(vx_metadata_name_ok(vx_slice_str(good[i])), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!vx_metadata_name_ok(vx_slice_str(bad[i])), "%s", bad[i]);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "/private/", 9);
	ck_assert(vx_metadata_name_ok(vx_slice_of(longest, VX_METADATA_NAME_MAX)));
	ck_assert(!vx_metadata_name_ok(vx_slice_of(longest, VX_METADATA_NAME_MAX + 1)));
}
END_TEST

/* --- dates of saving ------------------------------------------------------------------
 */

static size_t read_saved(
    struct fixture *f, uint32_t mailbox, struct vx_record *out, size_t cap)
{
	const size_t count = fixture_records(f, mailbox, out, cap);
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_records_saved(v, 1, mailbox, out, count));
	vx_view_end(v);
	return count;
}

static void add_dated(struct fixture *f, uint32_t date)
{
	struct vx_delivery_target t = { .account = 1 };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;

	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	ck_assert_int_ge(vx_blob_writer_add(w, VX_S("A: b\r\n\r\nc\r\n")), 0);
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	op.internal_date = date;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	vx_blob_writer_free(w);
}

static size_t pages_of_dates(struct fixture *f, uint32_t mailbox)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	struct vx_view *v;
	vx_slice key, value;
	size_t n = 0;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vx_key_state(&k, 1, mailbox, VX_KIND_SAVED);
	vxt_assert_ok(vx_kv_cursor_open(v->txn, VX_TREE_STATE, &c));
	for (int rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_key_is(key, &k, 4); rc = vx_kv_next(c, &key, &value))
		n++;
	vx_kv_cursor_close(c);
	vx_view_end(v);
	return n;
}

START_TEST(messages_know_when_they_were_saved)
{
	const struct vx_uid_range all = { 1, UINT32_MAX }, first = { 1, 1 };
	const uint32_t now = (uint32_t)vx_clock_s();
	struct vx_record r[300];
	struct vx_expunge_op expunge;
	struct vx_copy_op copy;
	struct fixture f;

	fixture_open(&f);
	for (int i = 0; i < 150; i++)
		add_dated(&f, now);
	ck_assert_uint_eq(pages_of_dates(&f, f.inbox), 0); /* a delivery costs nothing */
	add_dated(&f, 1000);
	ck_assert_uint_eq(read_saved(&f, f.inbox, r, 300), 151);
	ck_assert_uint_eq(r[0].saved_date, now);
	ck_assert_uint_eq(r[150].internal_date, 1000);
	ck_assert_uint_ge(r[150].saved_date, now);
	vx_copy_op_init(&copy);
	copy.account = copy.to_account = 1;
	copy.mailbox = f.inbox;
	copy.to_mailbox = f.archive;
	copy.uids = &(struct vx_uid_range){ 151, 151 };
	copy.range_count = 1;
	vxt_assert_ok(vx_store_run(f.store, &copy.op));
	ck_assert_uint_eq(read_saved(&f, f.archive, r, 300), 1);
	ck_assert_uint_eq(r[0].internal_date, 1000);
	ck_assert_uint_ge(r[0].saved_date, now);
	ck_assert_uint_eq(pages_of_dates(&f, f.archive), 1);
	vx_expunge_op_init(&expunge);
	expunge.account = 1;
	expunge.mailbox = f.archive;
	expunge.uids = &first;
	expunge.range_count = 1;
	expunge.deleted_only = false;
	vxt_assert_ok(vx_store_run(f.store, &expunge.op));
	ck_assert_uint_eq(pages_of_dates(&f, f.archive), 0);
	copy.uids = &all;
	copy.move = true;
	vxt_assert_ok(vx_store_run(f.store, &copy.op));
	ck_assert_uint_eq(pages_of_dates(&f, f.inbox), 0);
	ck_assert_uint_eq(read_saved(&f, f.archive, r, 300), 151);
	ck_assert_uint_ge(r[150].saved_date, now);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_beside, "beside the messages", rights_are_letters,
    rights_are_granted_and_taken, what_is_shared_is_found,
    lists_are_inherited_and_forgotten, lists_have_a_limit, annotations_are_kept_by_user,
    annotations_raise_the_modseq, annotations_are_all_or_none,
    annotations_have_a_limit, annotations_outlive_a_repair,
    annotations_go_with_their_account, annotations_have_names,
    messages_know_when_they_were_saved)
