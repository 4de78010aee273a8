/*
 * store repair, the second half: a new state from what was salvaged of the old one.
 * Records and descriptors are believed when their checksums are right or when they agree
 * with each other; everything that can be counted is counted anew; a descriptor that is
 * lost is made again from its body.  The old state file stays beside the new one.
 */
#include "store/repair.h"
#include "store/backup_mark.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/store_int.h"
#include "vectis/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int vx_repair_next_txn(struct repair *r)
{
	int rc = VX_OK;

	if (r->out != NULL)
		rc = vx_kv_commit(r->out);
	r->out = NULL;
	r->pending = 0;
	return rc == VX_OK ? vx_kv_begin(r->store->state, true, &r->out) : rc;
}

/* Between two entries, when no value is borrowed from the new state. */
int vx_repair_breathe(struct repair *r)
{
	return ++r->pending < VX_REPAIR_BATCH ? VX_OK : vx_repair_next_txn(r);
}

int vx_repair_put(struct repair *r, enum vx_tree tree, vx_slice key, vx_slice value)
{
	const int rc = vx_kv_put(r->out, tree, key, value);

	return rc == VX_OK ? vx_repair_breathe(r) : rc;
}

/* Every salvaged entry of a tree whose key begins with prefix. */
int vx_repair_each(struct repair *r, enum vx_tree tree, const struct vx_key *prefix,
    vx_repair_entry_fn *fn)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(r->in, tree, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_seek(c, vx_key_slice(prefix), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(prefix));
	     rc = vx_kv_next(c, &key, &value)) {
		rc = fn(r, key, value);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int each_of_tree(struct repair *r, enum vx_tree tree, vx_repair_entry_fn *fn)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(r->in, tree, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_first(c, &key, &value); rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value)) {
		rc = fn(r, key, value);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* A list without members in the place of one whose number an older list has. */
static int copy_renumbered(struct repair *r, vx_slice key, vx_slice value)
{
	vx_slice local = vx_slice_from(key, 1), domain;
	char *copy = vx_alloc(value.len);
	uint64_t number;
	int rc = copy == NULL ? VX_ENOMEM : vx_meta_next(r->out, "list", &number);

	if (rc == VX_OK) {
		vx_list_renumber(value, (uint32_t)number, copy);
		(void)vx_slice_cut(&local, '\0', &domain);
		vx_guard_say(r->g,
		    "%.*s@%.*s had the members of an older list, and has none now",
		    (int)local.len, local.ptr, (int)domain.len, domain.ptr);
		rc = vx_repair_put(r, VX_TREE_DIR, key, vx_slice_of(copy, value.len));
	}
	vx_free(copy);
	return rc;
}

/* What belongs to no list that can be read is lost. */
static int copy_dir(struct repair *r, vx_slice key, vx_slice value)
{
	uint32_t number;

	switch (vx_lists_look(&r->lists, key, value, &number)) {
	case VX_LIST_NONE:
	case VX_LIST_GOOD:
		break;
	case VX_LIST_TWICE:
		return copy_renumbered(r, key, value);
	case VX_LIST_DAMAGED:
		r->lists_lost++;
		return VX_OK;
	case VX_LIST_DAMAGED_MEMBER:
	case VX_LIST_ORPHAN:
		r->members_lost++;
		return VX_OK;
	}
	return vx_repair_put(r, VX_TREE_DIR, key, value);
}

static int copy_event(struct repair *r, vx_slice key, vx_slice value)
{
	return vx_repair_put(r, VX_TREE_EVENT, key, value);
}

/* Counters that are right, and the secret; the others are set at the end. */
static int copy_meta(struct repair *r, vx_slice key, vx_slice value)
{
	if (vx_slice_eq(key, VX_S("format")) ||
	    (!vx_slice_eq(key, VX_S("secret")) &&
		vx_value_check(value, 'c', VX_VALUE_HEADER + 8) != VX_OK))
		return VX_OK;
	return vx_repair_put(r, VX_TREE_META, key, value);
}

static bool is_descriptor(vx_slice value)
{
	struct vx_descriptor d;

	return vx_value_check(value, 'd', VX_VALUE_HEADER + 8) == VX_OK &&
	       vx_descriptor_open(vx_slice_from(value, VX_VALUE_HEADER + 8), &d) == VX_OK;
}

static int copy_descriptor(struct repair *r, vx_slice key, vx_slice value)
{
	if (key.len != 8 || !is_descriptor(value))
		return VX_OK;
	return vx_repair_put(r, VX_TREE_DESC, key, value);
}

/* --- bodies
 * ----------------------------------------------------------------------------- */

/* Is the body there?  Its octets may be wrong: that is for the reader to see. */
static int open_body(struct repair *r, uint64_t blob, struct vx_blob_reader **out)
{
	const uint32_t volume = (uint32_t)(blob >> 32);
	int rc;

	for (unsigned i = 0; i < r->known->bad_count; i++)
		if (r->known->bad[i] == volume)
			return VX_ECORRUPT;
	r->known->reading = volume;
	rc = vx_blob_open(r->store, blob, out);
	r->known->reading = 0;
	return rc;
}

static int describe(struct vx_blob_reader *reader, struct vx_buf *out)
{
	struct vx_describer *d;
	uint64_t at = 0;
	int rc = vx_describer_new(&d);

	while (rc == VX_OK && at < vx_blob_size(reader)) {
		vx_slice s;

		rc = vx_blob_fetch(reader, at, 65536);
		if (rc == VX_OK)
			rc = vx_blob_read(reader, at, 65536, &s);
		if (rc != VX_OK)
			break;
		vx_describer_add(d, s);
		at += s.len;
	}
	if (rc == VX_OK)
		rc = vx_describer_end(d, out);
	vx_describer_free(d);
	return rc;
}

static int make_descriptor(struct repair *r, uint64_t blob, struct vx_blob_reader *reader)
{
	struct vx_buf d = { .max = VX_DESCRIPTOR_MAX }, v;
	char head[VX_VALUE_HEADER + 8] = { 0 };
	struct vx_key k;
	int rc;

	r->known->reading = (uint32_t)(blob >> 32);
	rc = describe(reader, &d);
	r->known->reading = 0;
	vx_buf_init(&v, VX_DESCRIPTOR_MAX + sizeof(head));
	vx_put_le64(head + VX_VALUE_HEADER, vx_blob_size(reader));
	vx_buf_add(&v, vx_slice_of(head, sizeof(head)));
	vx_buf_add(&v, vx_buf_slice(&d));
	if (rc == VX_OK && v.failed)
		rc = VX_ENOMEM;
	if (rc == VX_OK) {
		vx_value_seal(v.ptr, v.len, 'd');
		vx_key_blob(&k, blob);
		rc = vx_kv_put(r->out, VX_TREE_DESC, vx_key_slice(&k), vx_buf_slice(&v));
		r->described++;
	}
	vx_buf_done(&d);
	vx_buf_done(&v);
	return rc;
}

/* Can the message be read?  VX_OK, VX_ENOENT: it is lost; else the repair failed. */
int vx_repair_believe(struct repair *r, uint64_t blob, uint32_t size, bool sure)
{
	struct vx_blob_reader *reader;
	struct vx_key k;
	vx_slice v;
	int rc = open_body(r, blob, &reader);

	if (rc != VX_OK)
		return rc == VX_ENOMEM ? rc : VX_ENOENT;
	vx_key_blob(&k, blob);
	rc = vx_kv_get(r->out, VX_TREE_DESC, vx_key_slice(&k), &v);
	if (rc == VX_ENOENT) {
		rc = make_descriptor(r, blob, reader);
		if (rc == VX_ECORRUPT)
			rc = VX_ENOENT;
	}
	/* A record with a wrong checksum has to agree with the body. */
	if (rc == VX_OK && !sure && size != UINT32_MAX && vx_blob_size(reader) != size)
		rc = VX_ENOENT;
	vx_blob_close(reader);
	return rc;
}

int vx_repair_keep_blob(struct repair *r, uint64_t blob)
{
	if (r->blob_count == r->blob_cap) {
		const size_t cap = r->blob_cap == 0 ? 4096 : r->blob_cap * 2;
		uint64_t *grown = vx_realloc(r->blobs, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		r->blobs = grown;
		r->blob_cap = cap;
	}
	r->blobs[r->blob_count++] = blob;
	return VX_OK;
}

/*
 * A message that waits to be sent needs its body.  What lost its message, or is missing
 * in the list of what is due, is seen to by the queue itself when sending begins.
 */
static int copy_queue(struct repair *r, vx_slice key, vx_slice value)
{
	uint64_t blob;
	int rc = vx_queue_blob(key, value, &blob);

	if (rc == VX_OK) {
		rc = vx_repair_believe(r, blob, UINT32_MAX, true);
		if (rc == VX_OK)
			rc = vx_repair_keep_blob(r, blob);
	} else if (rc == VX_ENOENT) {
		rc = value.len == 0 ? VX_OK : vx_value_check(value, 'q', VX_VALUE_HEADER);
	}
	if (rc == VX_OK)
		return vx_repair_put(r, VX_TREE_QUEUE, key, value);
	if (rc != VX_ENOENT && rc != VX_ECORRUPT)
		return rc;
	r->lost += key.ptr[0] == VX_QUEUE_MESSAGE;
	return VX_OK;
}

/* A report that was not yet read needs its body, too; the rest is right or lost. */
static int copy_report(struct repair *r, vx_slice key, vx_slice value)
{
	uint64_t blob;
	int rc = vx_report_blob(key, value, &blob);

	if (rc == VX_OK) {
		rc = vx_repair_believe(r, blob, UINT32_MAX, true);
		if (rc == VX_OK)
			rc = vx_repair_keep_blob(r, blob);
	} else if (rc == VX_ENOENT) {
		rc = VX_OK;
	}
	if (rc == VX_OK)
		return vx_repair_put(r, VX_TREE_REPORT, key, value);
	return rc == VX_ENOENT || rc == VX_ECORRUPT ? VX_OK : rc;
}

/* --- what is counted from the records
 * ------------------------------------------------------ */

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool is_filed(const struct repair *r, uint64_t blob)
{
	return r->blob_count > 0 && bsearch(&blob, r->blobs, r->blob_count,
					sizeof(*r->blobs), cmp_u64) != NULL;
}

static int count_references(struct repair *r)
{
	int rc = VX_OK;

	if (r->blob_count > 0)
		qsort(r->blobs, r->blob_count, sizeof(*r->blobs), cmp_u64);
	for (size_t i = 0, run; i < r->blob_count && rc == VX_OK; i += run) {
		for (run = 1;
		     i + run < r->blob_count && r->blobs[i + run] == r->blobs[i];)
			run++;
		if (run > 1)
			rc =
			    vx_references_write(r->out, r->blobs[i], (uint32_t)(run - 1));
		if (rc == VX_OK)
			rc = vx_repair_breathe(r);
	}
	return rc;
}

static int copy_dead(struct repair *r, vx_slice key, vx_slice value)
{
	struct vx_key k;
	vx_slice v;

	if (key.len != 12 || is_filed(r, vx_get_be64(key.ptr + 4)))
		return VX_OK;
	vx_key_blob(&k, vx_get_be64(key.ptr + 4));
	if (vx_kv_get(r->out, VX_TREE_DESC, vx_key_slice(&k), &v) != VX_OK)
		return VX_OK;
	return vx_repair_put(r, VX_TREE_DEAD, key, value);
}

struct volumes {
	struct vx_volume_record *list; /* own, ascending */
	size_t count;
};

static int add_volume(struct volumes *v, uint32_t number, uint64_t octets)
{
	struct vx_volume_record *grown;

	if (v->count == 0 || v->list[v->count - 1].number != number) {
		grown = vx_realloc(v->list, (v->count + 1) * sizeof(*grown));
		if (grown == NULL)
			return VX_ENOMEM;
		v->list = grown;
		v->list[v->count++] = (struct vx_volume_record){ .number = number };
	}
	v->list[v->count - 1].live += octets;
	return VX_OK;
}

static bool is_in_dead_queue(uint64_t blob, const uint64_t *dead, size_t dead_count)
{
	size_t low = 0;
	size_t high = dead_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (dead[middle] < blob)
			low = middle + 1;
		else
			high = middle;
	}
	return low < dead_count && dead[low] == blob;
}

/* The blobs of the new dead queue, sorted.  Own. */
static int list_dead(struct repair *r, uint64_t **out, size_t *count)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	uint64_t *list = NULL;
	size_t n = 0, cap = 0;
	int rc = vx_kv_cursor_open(r->out, VX_TREE_DEAD, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_first(c, &key, &value); rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value)) {
		if (n == cap) {
			uint64_t *grown;

			cap = cap == 0 ? 1024 : cap * 2;
			grown = vx_realloc(list, cap * sizeof(*grown));
			if (grown == NULL) {
				vx_kv_cursor_close(c);
				vx_free(list);
				return VX_ENOMEM;
			}
			list = grown;
		}
		list[n++] = vx_get_be64(key.ptr + 4);
	}
	vx_kv_cursor_close(c);
	if (n > 0)
		qsort(list, n, sizeof(*list), cmp_u64);
	*out = list;
	*count = n;
	return rc == VX_ENOENT ? VX_OK : rc;
}

/*
 * One descriptor of the new state: count its octets; in no mailbox: it is deleted after
 * the grace period, or now when its body is gone.
 */
static int settle_descriptor(struct repair *r, uint64_t blob, uint64_t size,
    const uint64_t *dead, size_t dead_count, struct volumes *v, uint64_t *orphans)
{
	struct vx_blob_reader *reader;
	struct vx_key k;

	if (!is_filed(r, blob)) {
		if (open_body(r, blob, &reader) != VX_OK) {
			vx_key_blob(&k, blob);
			return vx_kv_delete(r->out, VX_TREE_DESC, vx_key_slice(&k));
		}
		vx_blob_close(reader);
		if (!is_in_dead_queue(blob, dead, dead_count)) {
			const int rc =
			    vx_blob_drop_reference(r->out, blob, (uint32_t)vx_clock_s());

			(*orphans)++;
			if (rc != VX_OK)
				return rc;
		}
	}
	return add_volume(v, (uint32_t)(blob >> 32), size);
}

static int settle_descriptors(struct repair *r, struct volumes *v)
{
	struct vx_kv_cursor *c;
	struct vx_key at = { .len = 0 };
	vx_slice key, value;
	uint64_t *dead = NULL, orphans = 0;
	size_t dead_count = 0;
	int rc = list_dead(r, &dead, &dead_count);

	vx_key_blob(&at, 0);
	while (rc == VX_OK) {
		uint64_t blob, size;

		rc = vx_kv_cursor_open(r->out, VX_TREE_DESC, &c);
		if (rc != VX_OK)
			break;
		rc = vx_kv_seek(c, vx_key_slice(&at), &key, &value);
		blob = rc == VX_OK ? vx_get_be64(key.ptr) : 0;
		size = rc == VX_OK ? vx_get_le64(value.ptr + VX_VALUE_HEADER) : 0;
		vx_kv_cursor_close(c);
		if (rc == VX_OK)
			rc = settle_descriptor(
			    r, blob, size, dead, dead_count, v, &orphans);
		vx_key_blob(&at, blob + 1);
		if (rc == VX_OK)
			rc = vx_repair_breathe(r);
	}
	if (orphans > 0)
		vx_guard_say(r->g,
		    "%llu messages are in no mailbox any more: they are kept for the "
		    "grace period",
		    (unsigned long long)orphans);
	vx_free(dead);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* --- volumes, counters
 * ---------------------------------------------------------------------- */

static int copy_volume_record(struct repair *r, vx_slice key, vx_slice value)
{
	struct vx_volume_record v;

	if (vx_volume_record_get(key, value, &v) != VX_OK)
		return VX_OK;
	v.live = 0;
	return vx_volume_record_write(r->out, &v);
}

/* A record for a volume whose own is lost: sealed, so that nobody goes on in it. */
static void guess_volume(struct repair *r, struct vx_volume_record *v)
{
	struct vx_volume *volume;
	char path[PATH_MAX];

	v->sealed = 1;
	v->stored = v->live;
	r->known->reading = v->number;
	if (vx_volume_take(r->store, v->number, &volume) == VX_OK) {
		(void)vx_volume_stored(volume, &v->stored);
		vx_volume_give(r->store, volume);
	}
	r->known->reading = 0;
	vx_volume_path(r->store, v->number, path);
	(void)chmod(path, VX_VOLUME_SEALED_MODE);
}

/* A counter gives numbers above least from now on. */
static int raise_counter(struct repair *r, const char *name, uint64_t least)
{
	vx_slice v;
	const int rc = vx_kv_get(r->out, VX_TREE_META, vx_slice_str(name), &v);

	if (rc == VX_OK && vx_get_le64(v.ptr + VX_VALUE_HEADER) > least)
		return VX_OK;
	return rc == VX_OK || rc == VX_ENOENT ? vx_meta_set(r->out, name, least + 1) : rc;
}

static int write_volumes(struct repair *r, const struct volumes *v)
{
	struct vx_volume_record *all;
	uint64_t highest = 0;
	char path[PATH_MAX];
	size_t count;
	int rc = each_of_tree(r, VX_TREE_VOLUME, copy_volume_record);

	for (size_t i = 0; i < v->count && rc == VX_OK; i++) {
		struct vx_volume_record record;

		rc = vx_volume_record_read(r->out, v->list[i].number, &record);
		if (rc == VX_ENOENT) {
			record = v->list[i];
			guess_volume(r, &record);
			rc = VX_OK;
		}
		record.live = v->list[i].live;
		if (rc == VX_OK)
			rc = vx_volume_record_write(r->out, &record);
	}
	if (rc == VX_OK)
		rc = vx_repair_next_txn(r);
	if (rc == VX_OK)
		rc = vx_volume_list(r->store, &all, &count);
	if (rc != VX_OK)
		return rc;
	if (count > 0)
		highest = all[count - 1].number;
	vx_free(all);
	do
		vx_volume_path(r->store, (uint32_t)++highest, path);
	while (access(path, F_OK) == 0);
	rc = raise_counter(r, "volume", highest);
	return rc == VX_OK ? raise_counter(r, "account", r->last_account) : rc;
}

/* --- the whole
 * ------------------------------------------------------------------------------ */

/* The directory, and a counter that gives no list's number again. */
static int copy_directory(struct repair *r)
{
	int rc = vx_lists_read(r->in, &r->lists);

	if (rc == VX_OK && vx_lists_highest(&r->lists) > 0)
		rc = raise_counter(r, "list", vx_lists_highest(&r->lists));
	if (rc == VX_OK)
		rc = each_of_tree(r, VX_TREE_DIR, copy_dir);
	vx_lists_done(&r->lists);
	if (rc == VX_OK && r->lists_lost + r->members_lost > 0)
		vx_guard_say(r->g,
		    "%llu mailing lists and %llu members of lists are lost",
		    (unsigned long long)r->lists_lost,
		    (unsigned long long)r->members_lost);
	return rc;
}

static int build_all(struct repair *r)
{
	struct volumes v = { 0 };
	int rc = each_of_tree(r, VX_TREE_META, copy_meta);

	if (rc == VX_OK)
		rc = copy_directory(r);
	if (rc == VX_OK)
		rc = each_of_tree(r, VX_TREE_EVENT, copy_event);
	if (rc == VX_OK)
		rc = each_of_tree(r, VX_TREE_DESC, copy_descriptor);
	if (rc == VX_OK)
		rc = each_of_tree(r, VX_TREE_QUEUE, copy_queue);
	if (rc == VX_OK)
		rc = each_of_tree(r, VX_TREE_REPORT, copy_report);
	if (rc == VX_OK)
		rc = vx_repair_accounts(r);
	if (rc == VX_OK)
		rc = count_references(r);
	if (rc == VX_OK)
		rc = each_of_tree(r, VX_TREE_DEAD, copy_dead);
	if (rc == VX_OK)
		rc = settle_descriptors(r, &v);
	if (rc == VX_OK)
		rc = write_volumes(r, &v);
	vx_free(v.list);
	return rc;
}

static int build_in(struct repair *r)
{
	int rc = vx_kv_begin(r->old, false, &r->in);

	if (rc != VX_OK)
		return rc;
	rc = vx_repair_next_txn(r);
	if (rc == VX_OK)
		rc = build_all(r);
	if (rc == VX_OK)
		rc = vx_kv_commit(r->out);
	else if (r->out != NULL)
		vx_kv_abort(r->out);
	vx_kv_abort(r->in);
	return rc;
}

struct job {
	const char *dir;
	struct known *known;
};

#define SALVAGED "state.salvaged"
#define REPAIRED "state.repaired"
#define OLD_NAMES_MAX 100 /* of one second */

/* dir/name of a file of the repair. */
static void file_of(const char *dir, const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/%s", dir, name);
}

static void remove_file(const char *dir, const char *name)
{
	char path[PATH_MAX], lock[PATH_MAX];

	file_of(dir, name, path);
	(void)unlink(path);
	(void)snprintf(lock, sizeof(lock), "%.4080s-lock", path);
	(void)unlink(lock);
}

static int build(struct vx_guard *g, void *ctx)
{
	const struct job *job = ctx;
	struct repair r = { .g = g, .dir = job->dir, .known = job->known };
	struct vx_store_options o = { .struct_size = sizeof(o), .dir = job->dir };
	struct vx_error err;
	char path[PATH_MAX];
	int rc;

	remove_file(job->dir, REPAIRED);
	file_of(job->dir, SALVAGED, path);
	rc = vx_kv_open(path, VX_KV_READ_ONLY | VX_KV_NO_LOCK, 0, &r.old, &err);
	if (rc == VX_OK)
		rc = vx_store_open_offline(&o, REPAIRED, &r.store, &err);
	if (rc != VX_OK) {
		vx_guard_say(g, "%s", err.text);
		vx_kv_close(r.old);
		return rc;
	}
	rc = build_in(&r);
	vx_store_close(r.store);
	vx_kv_close(r.old);
	vx_free(r.blobs);
	if (rc == VX_OK && r.described > 0)
		vx_guard_say(g, "%llu descriptors were made again from their bodies",
		    (unsigned long long)r.described);
	return rc;
}

/* Build, without the volumes that crash whoever reads them. */
static int build_guarded(
    struct job *job, vx_store_report_fn *report, void *ctx, struct vx_error *err)
{
	char text[VX_GUARD_LINE_MAX];

	for (;;) {
		struct known *k = job->known;
		struct vx_guard g = { 0 };
		const int rc = vx_guard_run(&g, build, job, report, ctx);

		if (!g.crashed && rc == VX_OK)
			return VX_OK;
		if (!g.crashed || k->reading == 0 || k->bad_count == VX_REPAIR_BAD_MAX)
			return vx_error_set(err, rc != VX_OK ? rc : VX_ECORRUPT,
			    "the state could not be built anew: %s (at %s)",
			    g.crashed ? "it crashed" : vx_strerror(rc), g.where);
		(void)snprintf(text, sizeof(text),
		    "volume %08x has a damaged page: its messages cannot be read; once "
		    "more without it",
		    k->reading);
		report(ctx, text);
		k->bad[k->bad_count++] = k->reading;
		k->reading = 0;
	}
}

/* Another name for the old state, by the second and, in the same second, a number. */
static int keep_old(const char *dir, const char *path, char old[PATH_MAX])
{
	const long long now = (long long)vx_clock_s();
	int rc = -1;

	for (unsigned n = 0; rc < 0 && n < OLD_NAMES_MAX; n++) {
		char number[16] = "";

		if (n > 0)
			(void)snprintf(number, sizeof(number), ".%u", n);
		(void)snprintf(
		    old, PATH_MAX, "%.4000s/state.damaged-%lld%s", dir, now, number);
		rc = link(path, old);
		if (rc < 0 && errno != EEXIST)
			break;
	}
	return rc;
}

/* The new state takes the place of the old one, which stays beside it. */
static int swap(
    const char *dir, vx_store_report_fn *report, void *ctx, struct vx_error *err)
{
	char fresh[PATH_MAX], path[PATH_MAX], old[PATH_MAX], text[PATH_MAX + 64];

	file_of(dir, REPAIRED, fresh);
	file_of(dir, "state.mdb", path);
	/* Until the last step the old state is in its place. */
	if (keep_old(dir, path, old) < 0 || rename(fresh, path) < 0)
		return vx_error_set(err, vx_errno_result(errno), "cannot replace %s: %s",
		    path, vx_errno_text(errno));
	(void)snprintf(text, sizeof(text), "the old state is kept as %s", old);
	report(ctx, text);
	return vx_fs_sync_dir(dir, err);
}

static int repair_all(
    const char *dir, vx_store_report_fn *report, void *ctx, struct vx_error *err)
{
	struct job job = { .dir = dir };
	char from[PATH_MAX], to[PATH_MAX];
	int rc;

	job.known = mmap(NULL, sizeof(*job.known), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job.known == MAP_FAILED)
		return vx_error_set(err, VX_ENOMEM, "no memory to repair");
	file_of(dir, "state.mdb", from);
	file_of(dir, SALVAGED, to);
	remove_file(dir, SALVAGED);
	rc = access(from, R_OK) < 0
		 ? vx_error_set(err, vx_errno_result(errno), "cannot read %s: %s", from,
		       vx_errno_text(errno))
		 : vx_salvage(from, to, report, ctx, err);
	if (rc == VX_OK)
		rc = build_guarded(&job, report, ctx, err);
	if (rc == VX_OK)
		rc = swap(dir, report, ctx, err);
	remove_file(dir, SALVAGED);
	remove_file(dir, REPAIRED);
	(void)munmap(job.known, sizeof(*job.known));
	return rc;
}

int vx_store_repair(
    const char *dir, vx_store_report_fn *report, void *ctx, struct vx_error *err)
{
	struct vx_backup b;
	int lock, rc = vx_store_use_lock(dir, true, true, &lock);

	if (rc == VX_EBUSY)
		return vx_error_set(
		    err, rc, "%s is in use: stop the daemons before it is repaired", dir);
	if (rc != VX_OK)
		return vx_error_set(
		    err, rc, "cannot lock the store in %s: %s", dir, vx_strerror(rc));
	(void)vx_backup_look(dir, &b, NULL); /* what was left to do to it is done */
	rc = repair_all(dir, report, ctx, err);
	if (rc == VX_OK)
		vx_backup_forget(dir);
	(void)close(lock);
	return rc;
}
