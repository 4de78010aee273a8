#include "fixture.h"

#include "store/account.h"
#include "vectis/message.h"

#include <stdio.h>
#include <stdlib.h>

static void print_line(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "store check: %s\n", text);
}

void fixture_reopen(struct fixture *f)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.dir = f->dir,
		.map_octets = 1 << 20,
		.volume_octets = 4 << 20,
		.ballast_octets = 4096 };
	struct vx_error err;

	ck_assert_msg(vx_store_open(&o, &f->store, &err) == VX_OK, "%s", err.text);
}

struct account_op {
	struct vx_store_op op;
	uint32_t account;
	struct vx_quota quota;
};

static int apply_account(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct account_op *op = (struct account_op *)base;

	return vx_account_create(txn, op->account, &op->quota);
}

void fixture_account(struct fixture *f, uint32_t account, const struct vx_quota *quota)
{
	struct account_op op = { .op = { .apply = apply_account }, .account = account };

	if (quota != NULL)
		op.quota = *quota;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
}

void fixture_open(struct fixture *f)
{
	f->dir = strdup(vxt_mkdir());
	fixture_reopen(f);
	fixture_account(f, 1, NULL);
	f->inbox = fixture_mailbox(f, "INBOX");
	f->archive = fixture_mailbox(f, "Archive");
}

bool fixture_go_on(struct vx_store *store)
{
	(void)store;
	return true;
}

uint64_t fixture_problems(struct fixture *f)
{
	struct vx_error err;
	uint64_t problems = 99;

	ck_assert_msg(vx_store_check(f->dir, print_line, NULL, &problems, &err) == VX_OK,
	    "%s", err.text);
	return problems;
}

void fixture_close(struct fixture *f)
{
	vx_store_close(f->store);
	ck_assert_uint_eq(fixture_problems(f), 0);
	vxt_rmdir(f->dir);
	free((void *)(uintptr_t)f->dir);
}

uint32_t fixture_mailbox(struct fixture *f, const char *name)
{
	struct vx_mailbox_info info = { 0 };
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	if (vx_mailbox_find(v, 1, vx_slice_str(name), &info) != VX_OK)
		info.mailbox = 0;
	vx_view_end(v);
	return info.mailbox;
}

struct vx_mailbox_status fixture_status(struct fixture *f, uint32_t mailbox)
{
	struct vx_mailbox_status s;
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_mailbox_status(v, 1, mailbox, &s));
	vx_view_end(v);
	return s;
}

uint32_t fixture_add(struct fixture *f, uint32_t mailbox, vx_slice octets, uint64_t flags)
{
	struct vx_delivery_target t = {
		.account = 1, .mailbox = mailbox, .flags = flags
	};
	struct vx_blob_writer *w;
	struct vx_deliver_op op;

	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	ck_assert_int_ge(vx_blob_writer_add(w, octets), 0); /* VX_WAIT: it was taken */
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	vx_blob_writer_free(w);
	return t.uid;
}

size_t fixture_records(
    struct fixture *f, uint32_t mailbox, struct vx_record *out, size_t cap)
{
	const struct vx_record_query q = {
		.account = 1, .mailbox = mailbox, .first_uid = 1, .last_uid = UINT32_MAX
	};
	struct vx_view *v;
	size_t count;
	uint32_t next;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_records_read(v, &q, out, cap, &count, &next));
	vx_view_end(v);
	ck_assert_uint_eq(next, 0);
	return count;
}

int fixture_verb(
    struct fixture *f, enum vx_mailbox_verb verb, const char *name, const char *to)
{
	struct vx_mailbox_op op;

	vx_mailbox_op_init(&op, verb);
	op.account = 1;
	op.name = vx_slice_str(name);
	op.new_name = vx_slice_str(to);
	return vx_store_run(f->store, &op.op);
}
