/*
 * A state with hostile octets in it is read and changed: every value and key that the
 * store takes from its file is refused or used within its bounds, whatever it says.
 *
 * Input: entries of  kind u8 (top bit: the value is not sealed), mailbox u8, rest u32,
 * length u16, value.  All happens in one write transaction that is never committed.
 */
#include "base/bytes.h"
#include "base/fs.h"
#include "store/account.h"
#include "store/box.h"
#include "store/store_int.h"
#include "vectis/message.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vx_store *store;
static char dir[] = "/tmp/vx-fuzz-store-XXXXXX";

static void must(bool good)
{
	if (!good)
		abort();
}

static void tidy(void)
{
	struct vx_error err;

	vx_store_close(store);
	(void)vx_fs_remove_tree(dir, &err);
}

static void open_once(void)
{
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = dir, .map_octets = (uint64_t)64 << 20
	};
	struct vx_error err;

	if (store != NULL)
		return;
	must(mkdtemp(dir) != NULL);
	must(vx_store_open_offline(&o, "state.mdb", &store, &err) == VX_OK);
	(void)atexit(tidy);
}

/* --- decoders by themselves
 * ------------------------------------------------------------- */

static void use_descriptor(vx_slice octets)
{
	struct vx_descriptor d;
	struct vx_descriptor_field field;
	struct vx_part part;

	if (vx_descriptor_open(octets, &d) != VX_OK)
		return;
	for (uint32_t i = 0; i < 64; i++) {
		(void)vx_descriptor_field(&d, i, &field);
		(void)vx_descriptor_part(&d, i, &part);
	}
}

static void decode(vx_slice value, uint32_t number)
{
	static struct vx_page page;
	static struct vx_block block;
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_volume_record volume;
	struct vx_blob_part part;
	struct vx_name name;
	size_t count;
	uint32_t extra;

	if (vx_page_parse(value, number, &page) == VX_OK)
		for (unsigned i = 0; i < page.count; i++)
			must(page.records[i].uid / VX_PAGE_UIDS == number);
	(void)vx_page_parse_damaged(value, number, &page);
	(void)vx_block_parse(value, number, &block);
	(void)vx_keywords_parse(value, names, &count);
	(void)vx_references_parse(value, &extra);
	(void)vx_name_parse(value, &name);
	(void)vx_volume_record_get(value, value, &volume);
	(void)vx_volume_record_get(vx_slice_head(value, 4), value, &volume);
	if (vx_part_read(value, &part) == VX_OK) {
		must(part.payload.len + VX_PART_HEADER == value.len);
		(void)vx_part_intact(value);
	}
	use_descriptor(vx_slice_from(value, VX_VALUE_HEADER + 8));
}

/* --- a state made of the input
 * ------------------------------------------------------------ */

static enum vx_tree make_key(struct vx_key *k, char kind, uint32_t mailbox, uint32_t rest)
{
	switch (kind) {
	case 'd':
	case 'r':
		vx_key_blob(k, (uint64_t)1 << 32 | rest);
		return kind == 'd' ? VX_TREE_DESC : VX_TREE_REFS;
	case 'x':
		k->len = 0;
		vx_key_add_u32(k, mailbox);
		vx_key_add_u64(k, (uint64_t)1 << 32 | rest);
		return VX_TREE_DEAD;
	case 'V':
		k->len = 0;
		vx_key_add_u32(k, mailbox);
		return VX_TREE_VOLUME;
	case 'A':
		vx_key_state(k, 1, 0, VX_KIND_ACCOUNT);
		return VX_TREE_STATE;
	case 'N': /* the name is "INBOX", or a letter or two */
		vx_key_state(k, 1, 0, VX_KIND_NAME);
		if (rest == 0)
			vx_key_add(k, VX_S("INBOX"));
		else
			vx_key_add(k, vx_slice_head(vx_slice_str("a/b/c"), rest % 6));
		return VX_TREE_STATE;
	default:
		vx_key_state(k, 1, mailbox, (enum vx_kind)kind);
		if (kind == 'v')
			vx_key_add_u64(k, rest);
		else if (kind != 'H' && kind != 'K')
			vx_key_add_u32(k, rest);
		return VX_TREE_STATE;
	}
}

static void fill(struct vx_kv_txn *txn, vx_slice in)
{
	static char value[70000];

	for (unsigned n = 0; in.len >= 8 && n < 100; n++) {
		const bool sealed = (in.ptr[0] & 0x80) == 0;
		const char kind = (char)(in.ptr[0] & 0x7f);
		const uint32_t mailbox = (unsigned char)in.ptr[1],
			       rest = vx_get_le32(in.ptr + 2);
		const vx_slice v =
		    vx_slice_head(vx_slice_from(in, 8), vx_get_le16(in.ptr + 6));
		struct vx_key k;
		const enum vx_tree tree = make_key(&k, kind, mailbox, rest);

		if (v.len > 0)
			memcpy(value, v.ptr, v.len);
		if (sealed && v.len >= VX_VALUE_HEADER)
			vx_value_seal(value, v.len, kind);
		decode(vx_slice_of(value, v.len), rest);
		must(vx_kv_put(txn, tree, vx_key_slice(&k), vx_slice_of(value, v.len)) ==
		     VX_OK);
		in = vx_slice_from(in, 8 + v.len);
	}
}

static void read_all(struct vx_view *v)
{
	static struct vx_record records[300];
	struct vx_arena arena = { .limit = (size_t)4 << 20 };
	struct vx_mailbox_info info;
	struct vx_uid_range *ranges;
	struct vx_mailbox_status status;
	vx_slice names[VX_KEYWORDS_MAX], descriptor;
	struct vx_quota quota;
	size_t count;
	uint32_t next;

	(void)vx_quota_get(v, 1, &quota);
	(void)vx_mailbox_find(v, 1, VX_S("inbox"), &info);
	if (vx_mailbox_next(v, 1, VX_S(""), &info) == VX_OK)
		(void)vx_mailbox_next(v, 1, info.name, &info);
	for (uint32_t m = 1; m < 3; m++) {
		(void)vx_mailbox_get(v, 1, m, &info);
		(void)vx_mailbox_status(v, 1, m, &status);
		(void)vx_mailbox_keywords(v, 1, m, names);
		for (uint64_t since = 0; since < 40; since += 13) {
			struct vx_record_query q = { 1, m, 1, UINT32_MAX, since };

			if (vx_records_read(v, &q, records, 300, &count, &next) != VX_OK)
				continue;
			must(count <= 300);
			(void)vx_records_saved(v, 1, m, records, count);
			for (size_t i = 0; i < count && i < 3; i++)
				if (vx_descriptor_get(v, records[i].blob, &descriptor) ==
				    VX_OK)
					use_descriptor(descriptor);
			(void)vx_mailbox_vanished(
			    v, 1, m, since, &arena, &ranges, &count);
		}
	}
	vx_arena_done(&arena);
}

/* --- ops on it
 * ------------------------------------------------------------------------------ */

static const struct vx_uid_range some[2] = { { 1, 3 }, { 100, UINT32_MAX } };

static void flags(struct vx_kv_txn *txn)
{
	const vx_slice keyword = VX_S("$Junk");
	struct vx_flags_op op;

	vx_flags_op_init(&op);
	op.account = op.mailbox = 1;
	op.uids = some;
	op.range_count = 2;
	op.flags = VX_FLAG_DELETED;
	op.keywords = (struct vx_keyword_list){ &keyword, 1 };
	(void)op.op.apply(&op.op, txn);
}

static void copy(struct vx_kv_txn *txn, bool move)
{
	struct vx_copy_op op;

	vx_copy_op_init(&op);
	op.account = op.to_account = op.mailbox = 1;
	op.to_mailbox = 2;
	op.uids = some;
	op.range_count = 2;
	op.move = move;
	(void)op.op.apply(&op.op, txn);
}

static void expunge(struct vx_kv_txn *txn)
{
	struct vx_expunge_op op;

	vx_expunge_op_init(&op);
	op.account = op.mailbox = 1;
	(void)op.op.apply(&op.op, txn);
}

static void deliver(struct vx_kv_txn *txn)
{
	struct vx_blob_writer w = { .blob = (uint64_t)1 << 32 | 5, .size = 10 };
	struct vx_delivery_target t = { .account = 1 };
	struct vx_deliver_op op;
	char descriptor[4] = "none";

	w.descriptor = (struct vx_buf){ .ptr = descriptor, .len = 4, .max = 4 };
	vx_deliver_op_init(&op, &w);
	op.targets = &t;
	op.target_count = 1;
	(void)op.op.apply(&op.op, txn);
}

static void verb(struct vx_kv_txn *txn, enum vx_mailbox_verb verb, const char *to)
{
	struct vx_mailbox_op op;

	vx_mailbox_op_init(&op, verb);
	op.account = 1;
	op.name = VX_S("a");
	op.new_name = vx_slice_str(to);
	(void)op.op.apply(&op.op, txn);
}

static void change_all(struct vx_kv_txn *txn)
{
	for (int i = 0; i < 10 && vx_kv_broken(txn) == VX_OK; i++) {
		switch (i) {
		case 0:
			flags(txn);
			break;
		case 1:
			copy(txn, false);
			break;
		case 2:
			copy(txn, true);
			break;
		case 3:
			deliver(txn);
			break;
		case 4:
			expunge(txn);
			break;
		case 5:
			verb(txn, VX_MAILBOX_RENAME, "b/c");
			break;
		case 6:
			verb(txn, VX_MAILBOX_CREATE, "");
			break;
		case 7:
			verb(txn, VX_MAILBOX_DELETE, "");
			break;
		case 8:
			for (uint32_t seq = 0; seq < 4; seq++)
				(void)vx_reap_blob(txn, (uint64_t)1 << 32 | seq);
			break;
		default:
			(void)vx_account_remove(txn, 1);
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vx_view v;

	open_once();
	v.store = store;
	must(vx_kv_begin(store->state, true, &v.txn) == VX_OK);
	fill(v.txn, vx_slice_of(data, size));
	read_all(&v);
	change_all(v.txn);
	if (vx_kv_broken(v.txn) == VX_OK)
		read_all(&v);
	vx_kv_abort(v.txn);
	return 0;
}
