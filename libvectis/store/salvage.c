/*
 * The first half of store repair: copy every entry that can be reached into a new file.
 * A child walks; when a damaged page stops or crashes it, the next child begins at the
 * other end of the tree.  Nothing is judged here.
 */
#include "base/mem.h"
#include "store/repair.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	BATCH = 512,
	/* ways of walking a tree, in the order in which they are tried */
	FORWARD = 0,
	FORWARD_SINGLE, /* up to the very entry before the damage */
	BACKWARD,
	BACKWARD_SINGLE,
	DONE
};

struct progress { /* shared with the child */
	unsigned tree, way;
	struct vx_key low, high; /* copied: up to low, from high on; empty: nothing */
	uint64_t copied;
	bool opened; /* what is damaged leads somewhere at least */
};

struct salvage {
	const char *from, *to;
	struct progress *p;
	struct vx_kv_env *source, *target;
};

static bool is_backward(unsigned way)
{
	return way >= BACKWARD;
}

/* Stand on the next entry to copy. */
static int stand(
    struct salvage *s, struct vx_kv_cursor *c, vx_slice *key, vx_slice *value)
{
	const struct vx_key *at = is_backward(s->p->way) ? &s->p->high : &s->p->low;
	int rc;

	if (at->len == 0)
		return is_backward(s->p->way) ? vx_kv_last(c, key, value)
					      : vx_kv_first(c, key, value);
	rc = vx_kv_seek(c, vx_key_slice(at), key, value);
	if (is_backward(s->p->way))
		return rc == VX_OK ? vx_kv_prev(c, key, value) : rc;
	if (rc == VX_OK && vx_slice_eq(*key, vx_key_slice(at)))
		rc = vx_kv_next(c, key, value);
	return rc;
}

/* Going back, what was copied going forward is the end. */
static bool is_met(const struct salvage *s, vx_slice key)
{
	return is_backward(s->p->way) && s->p->low.len > 0 &&
	       vx_slice_cmp(key, vx_key_slice(&s->p->low)) <= 0;
}

/* A batch in one transaction; VX_ENOENT at the end of the tree. */
static int copy_batch(struct salvage *s, struct vx_kv_cursor *c)
{
	const bool single = s->p->way == FORWARD_SINGLE || s->p->way == BACKWARD_SINGLE;
	struct vx_key at = { .len = 0 };
	struct vx_kv_txn *to;
	vx_slice key, value;
	unsigned n = 0;
	int rc = vx_kv_begin(s->target, true, &to), end = VX_OK;

	if (rc != VX_OK)
		return rc;
	for (end = stand(s, c, &key, &value); end == VX_OK && n < (single ? 1 : BATCH);
	     n++) {
		if (is_met(s, key)) {
			end = VX_ENOENT;
			break;
		}
		rc = vx_kv_put(to, (enum vx_tree)s->p->tree, key, value);
		if (rc != VX_OK)
			break;
		at.len = 0;
		vx_key_add(&at, key);
		end = is_backward(s->p->way) ? vx_kv_prev(c, &key, &value)
					     : vx_kv_next(c, &key, &value);
	}
	if (rc != VX_OK) {
		vx_kv_abort(to);
		return rc;
	}
	rc = vx_kv_commit(to);
	if (rc == VX_OK && at.len > 0) {
		*(is_backward(s->p->way) ? &s->p->high : &s->p->low) = at;
		s->p->copied += n;
	}
	return rc == VX_OK ? end : rc;
}

static int copy_tree(struct salvage *s)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	int rc = vx_kv_begin(s->source, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_cursor_open(txn, (enum vx_tree)s->p->tree, &c);
	if (rc == VX_OK) {
		do
			rc = copy_batch(s, c);
		while (rc == VX_OK || rc == VX_ETEMP); /* the map was too small */
		vx_kv_cursor_close(c);
	}
	vx_kv_abort(txn);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static void next_tree(struct progress *p)
{
	p->tree++;
	p->way = FORWARD;
	p->low.len = p->high.len = 0;
}

static int walk(struct vx_guard *g, void *ctx)
{
	struct salvage *s = ctx;
	struct vx_error err;
	int rc =
	    vx_kv_open(s->from, VX_KV_READ_ONLY | VX_KV_NO_LOCK, 0, &s->source, &err);

	s->p->opened = s->p->opened || rc == VX_OK;
	if (rc == VX_OK)
		rc = vx_kv_open(
		    s->to, VX_KV_NO_METASYNC, (uint64_t)1 << 30, &s->target, &err);
	if (rc != VX_OK) {
		vx_guard_say(g, "%s", err.text);
		return rc;
	}
	while (rc == VX_OK && s->p->tree < VX_TREES) {
		vx_guard_at(g, "the tree %s", vx_kv_tree_name((enum vx_tree)s->p->tree));
		rc = copy_tree(s);
		if (rc == VX_OK)
			next_tree(s->p);
	}
	vx_kv_close(s->target);
	vx_kv_close(s->source);
	return rc;
}

static int try_all_ways(
    struct salvage *s, vx_store_report_fn *report, void *ctx, struct vx_error *err)
{
	char text[VX_GUARD_LINE_MAX];

	while (s->p->tree < VX_TREES) {
		struct vx_guard g = { 0 };
		const int rc = vx_guard_run(&g, walk, s, report, ctx);

		if (s->p->tree == VX_TREES)
			break;
		if (!g.crashed && (rc == VX_ENOSPC || rc == VX_EIO || rc == VX_EPERM ||
				      rc == VX_ENOENT || rc == VX_EUNSUP))
			return vx_error_set(
			    err, rc, "cannot copy the state: %s", vx_strerror(rc));
		if (!g.crashed && !s->p->opened)
			break;
		if (s->p->way == FORWARD) {
			(void)snprintf(text, sizeof(text),
			    "%s has a damaged page: what lay on it is lost", g.where);
			report(ctx, text);
		}
		if (++s->p->way == DONE)
			next_tree(s->p);
	}
	if (s->p->copied > 0)
		return VX_OK;
	return vx_error_set(err, VX_ECORRUPT,
	    "nothing of %s can be read: restore a backup (vectisctl store backup made "
	    "it)",
	    s->from);
}

int vx_salvage(const char *from, const char *to, vx_store_report_fn *report, void *ctx,
    struct vx_error *err)
{
	struct salvage s = { .from = from, .to = to };
	int rc;

	s.p = mmap(NULL, sizeof(*s.p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);
	if (s.p == MAP_FAILED)
		return vx_error_set(err, VX_ENOMEM, "no memory to repair");
	rc = try_all_ways(&s, report, ctx, err);
	(void)munmap(s.p, sizeof(*s.p));
	return rc;
}
