/*
 * A look at part of a store, for as long as there is time: the roots of all trees, what
 * stands first, and what stands at places picked at random.  In a child process, as a
 * damaged page may crash whoever reads it.  vx_store_check looks at all, and at how it
 * fits together.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/box.h"
#include "store/guard.h"
#include "store/store_int.h"

#include <stdio.h>
#include <sys/mman.h>

#define RUN 200         /* entries from a place on */
#define PROBLEMS_MAX 20 /* more say no more */

/* Which part of the time a tree has, and how its entries are looked at. */
typedef int entry_fn(vx_slice key, vx_slice value);

struct probe {
	struct vx_guard *g;
	struct vx_store *store;
	struct vx_kv_txn *txn;
	struct vx_probe *sum; /* shared with the parent */
	const char *dir;
	uint32_t ms_max;
	uint64_t until_ms;
};

static int rc_of_empty(vx_slice value, char type)
{
	return value.len == 0 ? VX_OK : vx_value_check(value, type, VX_VALUE_HEADER);
}

/* The value's type is the kind in its key; some kinds have none. */
static int see_state(vx_slice key, vx_slice value)
{
	return key.len < 9 ? VX_ECORRUPT : rc_of_empty(value, key.ptr[8]);
}

static int see_descriptor(vx_slice key, vx_slice value)
{
	return key.len != 8 ? VX_ECORRUPT
			    : vx_value_check(value, 'd', VX_VALUE_HEADER + 8);
}

static int see_count(vx_slice key, vx_slice value)
{
	uint32_t extra;

	return key.len != 8 ? VX_ECORRUPT : vx_references_parse(value, &extra);
}

static int see_volume(vx_slice key, vx_slice value)
{
	struct vx_volume_record r;

	return vx_volume_record_get(key, value, &r);
}

/* Its pages are there. */
static int see_any(vx_slice key, vx_slice value)
{
	volatile char sink = key.len > 0 ? key.ptr[0] : 0;

	for (size_t i = 0; i < value.len; i += 512)
		sink = (char)(sink + value.ptr[i]);
	return VX_OK;
}

static const struct {
	enum vx_tree tree;
	const char *what;
	entry_fn *see;
	unsigned percent; /* of the time */
	bool bodies;      /* those that it names are read, too */
} trees[] = { { VX_TREE_META, "the counters", see_any, 2, false },
	{ VX_TREE_VOLUME, "the list of volumes", see_volume, 3, false },
	{ VX_TREE_DIR, "the directory", see_any, 5, false },
	{ VX_TREE_QUEUE, "the queue", see_any, 5, false },
	{ VX_TREE_DEAD, "the dead queue", see_any, 2, false },
	{ VX_TREE_EVENT, "the events", see_any, 5, false },
	{ VX_TREE_REPORT, "the reports", see_any, 3, false },
	{ VX_TREE_REFS, "the reference counts", see_count, 5, false },
	{ VX_TREE_STATE, "the mailboxes", see_state, 30, false },
	{ VX_TREE_DESC, "the messages", see_descriptor, 40, true } };

/* --- bodies ---------------------------------------------------------------------------
 */

static bool still_there(struct probe *p, vx_slice key)
{
	struct vx_kv_txn *txn;
	vx_slice v;
	bool there;

	if (vx_kv_begin(p->store->state, false, &txn) != VX_OK)
		return true;
	there = vx_kv_get(txn, VX_TREE_DESC, key, &v) == VX_OK;
	vx_kv_abort(txn);
	return there;
}

static void see_body(struct probe *p, vx_slice key, vx_slice value)
{
	const uint64_t blob = vx_get_be64(key.ptr),
		       described = vx_get_le64(value.ptr + VX_VALUE_HEADER);
	uint64_t size = 0;
	int rc;

	if (described > VX_PROBE_BODY_MAX)
		return;
	vx_guard_at(p->g, "the body of message %016llx", (unsigned long long)blob);
	rc = vx_blob_verify(p->store, blob, &size);
	p->sum->bodies++;
	if ((rc != VX_OK || size != described) && still_there(p, key))
		vx_guard_say(p->g, "message %016llx: its body is %s",
		    (unsigned long long)blob,
		    rc == VX_ENOENT ? "missing"
		    : rc == VX_OK   ? "not as long as described"
				    : "damaged");
}

/* --- entries --------------------------------------------------------------------------
 */

static bool is_late(const struct probe *p, uint64_t until_ms)
{
	const uint64_t now = vx_clock_mono_ms();

	return now >= until_ms || now >= p->until_ms || p->g->lines >= PROBLEMS_MAX;
}

static void see(struct probe *p, size_t t, vx_slice key, vx_slice value)
{
	const int rc = trees[t].see(key, value);

	p->sum->entries++;
	if (rc != VX_OK)
		vx_guard_say(p->g, "%s: an entry is damaged", trees[t].what);
	else if (trees[t].bodies)
		see_body(p, key, value);
}

/* A key between the first one and last, of which two numbers say most. */
static void somewhere(vx_slice last, struct vx_key *out)
{
	uint64_t random;

	out->len = 0;
	if (last.len < 8)
		return;
	vx_random_seed(&random, sizeof(random));
	vx_key_add_u32(
	    out, (uint32_t)((random >> 32) % ((vx_get_be64(last.ptr) >> 32) + 1)));
	/* mailboxes and messages have small numbers more often than large ones */
	vx_key_add_u32(out, (uint32_t)random >> (random >> 32) % 32);
}

static int walk(struct probe *p, size_t t, struct vx_kv_cursor *c, vx_slice from,
    unsigned max, uint64_t until_ms)
{
	vx_slice key, value;
	int rc = from.len == 0 ? vx_kv_first(c, &key, &value)
			       : vx_kv_seek(c, from, &key, &value);

	for (unsigned n = 0; rc == VX_OK && n < max && !is_late(p, until_ms); n++) {
		see(p, t, key, value);
		rc = vx_kv_next(c, &key, &value);
	}
	return rc;
}

/* All of it if there is time, else what is first for half of it, and then here and there.
 */
static void see_tree(struct probe *p, size_t t)
{
	const uint64_t now = vx_clock_mono_ms();
	const uint64_t ms = p->ms_max * (uint64_t)trees[t].percent / 100;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key from;
	int rc = vx_kv_cursor_open(p->txn, trees[t].tree, &c);

	vx_guard_at(p->g, "%s", trees[t].what);
	if (rc == VX_OK) {
		rc = walk(p, t, c, vx_slice_of("", 0), UINT32_MAX, now + ms / 2);
		while (rc == VX_OK && !is_late(p, now + ms)) {
			rc = vx_kv_last(c, &key, &value);
			if (rc != VX_OK)
				break;
			somewhere(key, &from);
			rc = walk(p, t, c, vx_key_slice(&from), RUN, now + ms);
			if (rc == VX_ENOENT)
				rc = VX_OK;
		}
		vx_kv_cursor_close(c);
	}
	if (rc != VX_OK && rc != VX_ENOENT)
		vx_guard_say(
		    p->g, "%s cannot be read: %s", trees[t].what, vx_strerror(rc));
}

static int look(struct vx_guard *g, void *ctx)
{
	struct probe *p = ctx;
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = p->dir, .read_only = true
	};
	struct vx_error err;
	int rc;

	p->g = g;
	p->until_ms = vx_clock_mono_ms() + p->ms_max;
	vx_guard_at(g, "the roots of the trees");
	rc = vx_store_open(&o, &p->store, &err);
	if (rc != VX_OK) {
		vx_guard_say(g, "%s", err.text);
		return rc;
	}
	p->sum->opened = true;
	for (size_t t = 0; t < sizeof(trees) / sizeof(trees[0]); t++) {
		rc = vx_kv_begin(p->store->state, false, &p->txn);
		if (rc != VX_OK) {
			vx_guard_say(g, "the state cannot be read: %s", vx_strerror(rc));
			break;
		}
		see_tree(p, t);
		vx_kv_abort(p->txn);
	}
	vx_store_close(p->store);
	return VX_OK;
}

int vx_store_probe(const char *dir, uint32_t ms_max, vx_store_report_fn *report,
    void *ctx, struct vx_probe *out)
{
	struct probe p = { .dir = dir, .ms_max = ms_max };
	struct vx_guard g = { 0 };
	char text[VX_GUARD_LINE_MAX];
	int rc;

	p.sum = mmap(NULL, sizeof(*p.sum), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.sum == MAP_FAILED)
		return VX_ENOMEM;
	rc = vx_guard_run(&g, look, &p, report, ctx);
	*out = *p.sum;
	(void)munmap(p.sum, sizeof(*p.sum));
	out->problems = g.lines;
	out->code = rc;
	if (g.crashed) {
		(void)snprintf(text, sizeof(text),
		    "a damaged page crashed whoever read %s", g.where);
		report(ctx, text);
		out->problems++;
		out->opened = false;
		out->code = VX_ECORRUPT;
	}
	return g.crashed || g.lines > 0 || rc == VX_OK ? VX_OK : rc;
}
