/* SEARCH programs: the tree keeps to its limits, whatever was written. */
#include "imap/parse.h"
#include "imap/sort.h"
#include "imap/thread.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static size_t children(const struct vx_imap_key *k)
{
	size_t n = 0;

	for (const struct vx_imap_key *c = k->child; c != NULL; c = c->next)
		n++;
	return n;
}

/* How many keys, and are they what their types say? */
static size_t walk(const struct vx_imap_key *k, unsigned depth)
{
	size_t n = 1;

	must(depth <= VX_IMAP_SEARCH_DEPTH_MAX + 1);
	must(children(k) == (k->type == VX_KEY_OR       ? 2
				: k->type == VX_KEY_NOT ? 1
				: k->type == VX_KEY_AND ? children(k)
							: 0));
	must(k->type != VX_KEY_AND || k->child != NULL);
	must((k->type != VX_KEY_SEQUENCE && k->type != VX_KEY_UID) || k->set.saved ||
	     k->set.count > 0);
	must((k->type != VX_KEY_FLAG && k->type != VX_KEY_NO_FLAG) || k->flags != 0);
	for (const struct vx_imap_key *c = k->child; c != NULL; c = c->next)
		n += walk(c, depth + 1);
	return n;
}

/* What stands before the keys of SORT and THREAD. */
static void orders(vx_slice text)
{
	struct vx_cursor c = vx_cursor_of(text);
	enum vx_thread_algorithm algorithm;
	struct vx_sort_program p;
	unsigned seen = 0;

	if (vx_thread_algorithm(&c, &algorithm))
		must(algorithm <= VX_THREAD_REFS);
	c = vx_cursor_of(text);
	if (!vx_sort_program(&c, &p))
		return;
	must(p.count >= 1 && p.count <= VX_SORT_KEYS);
	for (size_t i = 0; i < p.count; i++) {
		must((seen & 1u << p.criteria[i].key) == 0);
		seen |= 1u << p.criteria[i].key;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vx_arena a = { .limit = 2u << 20 };
	struct vx_cursor c = vx_cursor_of(vx_slice_of(data, size));
	struct vx_imap_fetch items;
	struct vx_imap_search s;

	orders(vx_slice_of(data, size));
	if (vx_imap_search(&c, &a, &s)) {
		must(vx_cur_end(&c) && s.key->type == VX_KEY_AND && s.key->next == NULL);
		must(walk(s.key, 0) <= VX_IMAP_SEARCH_KEYS_MAX);
		must(!s.has_return || s.min || s.max || s.count || s.all || s.save ||
		     s.partial || s.relevancy);
		must(s.items.len == 0 || s.update);
		c = vx_cursor_of(s.items);
		must(s.items.len == 0 || vx_imap_fetch_atts(&c, &a, &items));
		must(!s.partial ||
		     (!s.all && s.places.low >= 1 && s.places.low <= s.places.high));
	}
	vx_arena_done(&a);
	return 0;
}
