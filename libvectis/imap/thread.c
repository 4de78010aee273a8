/*
 * Nodes are message ids: those of messages, and dummies for ids that are only referred
 * to.  Step numbers are those of RFC 5256 3, REFERENCES.
 */
#include "imap/thread.h"

#include "base/hash.h"
#include "base/intern.h"
#include "base/mem.h"
#include "base/order.h"
#include "base/random.h"
#include "imap/forest.h"
#include "imap/sort.h"
#include "vectis/header.h"

#define NONE UINT32_MAX

enum {
	FIRST_CAP = 64,
	/* octets, with all that is made in the end */
	NODE_OCTETS = 64,
	MESSAGE_OCTETS = 56
};

struct node {
	uint64_t id;      /* 0: none */
	uint32_t message; /* NONE: a dummy */
};

struct message {
	int64_t date, arrival;
	uint32_t number, node;
	uint32_t subject; /* NONE: empty */
	bool reply;
};

/* In the end: trees of nodes, of which dummies are only at the top. */
struct trees {
	uint32_t *up;                  /* own, like the rest: NONE at the top */
	uint32_t *first, *last, *next; /* children, siblings; next also of the top */
	uint32_t *other;               /* of this and that step */
	uint32_t *order, *scratch;     /* messages by sent date */
	uint64_t *keys;
	uint32_t top_first, top_last;
	size_t count; /* of nodes, with those that step 5 adds */
};

struct vx_threader {
	enum vx_thread_algorithm algorithm;
	size_t memory;
	struct message *messages; /* own */
	size_t message_count, message_cap;
	struct node *nodes; /* own */
	size_t node_count, node_cap;
	uint32_t *slots; /* own: node + 1 by id */
	size_t slot_cap;
	struct vx_siphash_key key;
	struct vx_forest forest;
	struct vx_intern subjects;
	struct vx_buf folded;
	struct trees r;
	uint32_t at; /* of writing: the node to enter, NONE: the end */
	bool leaving;
};

bool vx_thread_algorithm(struct vx_cursor *c, enum vx_thread_algorithm *out)
{
	static const char *const names[] = {
		[VX_THREAD_ORDEREDSUBJECT] = "ORDEREDSUBJECT",
		[VX_THREAD_REFERENCES] = "REFERENCES",
		[VX_THREAD_REFS] = "REFS",
	};
	vx_slice name;

	if (!vx_imap_atom(c, &name))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (vx_slice_eq_nocase(name, vx_slice_str(names[i]))) {
			*out = (enum vx_thread_algorithm)i;
			return true;
		}
	}
	return false;
}

int vx_threader_new(
    enum vx_thread_algorithm algorithm, size_t memory, struct vx_threader **out)
{
	struct vx_threader *t = vx_alloc(sizeof(*t));

	if (t == NULL)
		return VX_ENOMEM;
	t->algorithm = algorithm;
	t->memory = memory;
	vx_random_seed(&t->key, sizeof(t->key));
	vx_forest_init(&t->forest);
	vx_intern_init(&t->subjects, memory / 4);
	vx_buf_init(&t->folded, 8 * VX_DESCRIPTOR_MAX);
	*out = t;
	return VX_OK;
}

static void free_trees(struct trees *r)
{
	vx_free(r->up);
	vx_free(r->first);
	vx_free(r->last);
	vx_free(r->next);
	vx_free(r->other);
	vx_free(r->order);
	vx_free(r->scratch);
	vx_free(r->keys);
}

void vx_threader_free(struct vx_threader *t)
{
	if (t == NULL)
		return;
	free_trees(&t->r);
	vx_free(t->messages);
	vx_free(t->nodes);
	vx_free(t->slots);
	vx_forest_done(&t->forest);
	vx_intern_done(&t->subjects);
	vx_buf_done(&t->folded);
	vx_free(t);
}

/* --- nodes ---------------------------------------------------------------------------
 */

static size_t slot_of(const struct vx_threader *t, uint64_t id)
{
	return (size_t)vx_siphash(&t->key, vx_slice_of(&id, sizeof(id))) &
	       (t->slot_cap - 1);
}

static void file_node(struct vx_threader *t, uint32_t node)
{
	size_t at = slot_of(t, t->nodes[node].id);

	while (t->slots[at] != 0)
		at = (at + 1) & (t->slot_cap - 1);
	t->slots[at] = node + 1;
}

static uint32_t find_node(const struct vx_threader *t, uint64_t id)
{
	for (size_t at = t->slot_cap == 0 ? 0 : slot_of(t, id); t->slot_cap > 0;
	     at = (at + 1) & (t->slot_cap - 1)) {
		if (t->slots[at] == 0)
			return NONE;
		if (t->nodes[t->slots[at] - 1].id == id)
			return t->slots[at] - 1;
	}
	return NONE;
}

static int grow_nodes(struct vx_threader *t)
{
	const size_t cap = t->node_cap == 0 ? FIRST_CAP : 2 * t->node_cap;
	struct node *nodes;
	uint32_t *slots;

	if (t->node_count < t->node_cap)
		return VX_OK;
	if (cap * NODE_OCTETS > t->memory / 2)
		return VX_ELIMIT;
	nodes = vx_realloc(t->nodes, cap * sizeof(*nodes));
	if (nodes == NULL)
		return VX_ENOMEM;
	t->nodes = nodes;
	slots = vx_alloc_array(2 * cap, sizeof(*slots));
	if (slots == NULL)
		return VX_ENOMEM;
	vx_free(t->slots);
	t->slots = slots;
	t->slot_cap = 2 * cap;
	t->node_cap = cap;
	for (uint32_t i = 0; i < t->node_count; i++)
		if (nodes[i].id != 0)
			file_node(t, i);
	return VX_OK;
}

/* A node more, a dummy so far. */
static int add_node(struct vx_threader *t, uint64_t id, uint32_t *out)
{
	int rc = grow_nodes(t);

	if (rc == VX_OK)
		rc = vx_forest_grow(&t->forest);
	if (rc != VX_OK)
		return rc;
	*out = (uint32_t)t->node_count++;
	t->nodes[*out] = (struct node){ .id = id, .message = NONE };
	if (id != 0)
		file_node(t, *out);
	return VX_OK;
}

static int node_of(struct vx_threader *t, uint64_t id, uint32_t *out)
{
	const uint32_t found = find_node(t, id);

	if (found == NONE)
		return add_node(t, id, out);
	*out = found;
	return VX_OK;
}

/* (1.A) The references in a row, each the parent of the next; *last is the last one. */
static int link_references(
    struct vx_threader *t, const struct vx_descriptor *d, uint32_t *last)
{
	vx_slice list = d->references;
	uint64_t id;
	int rc = VX_OK;

	*last = NONE;
	while (rc >= 0 && vx_reference_next(&list, &id)) {
		const uint32_t before = *last;

		rc = node_of(t, id, last);
		if (rc == VX_OK && before != NONE && before != *last &&
		    t->forest.parent[*last] == NONE)
			rc = vx_forest_link(&t->forest, before, *last);
	}
	return rc < 0 ? rc : VX_OK;
}

/* (1.A) A message whose id another has already is like one without. */
static int own_node(struct vx_threader *t, const struct vx_descriptor *d, uint32_t *out)
{
	int rc = VX_OK;

	*out = NONE;
	if (d->message_id_hash != 0)
		rc = node_of(t, d->message_id_hash, out);
	if (rc == VX_OK && (*out == NONE || t->nodes[*out].message != NONE))
		rc = add_node(t, 0, out);
	return rc;
}

/* (1.B) */
static int link_message(struct vx_threader *t, uint32_t parent, uint32_t node)
{
	if (t->forest.parent[node] == parent)
		return VX_OK;
	if (t->forest.parent[node] != NONE)
		vx_forest_cut(&t->forest, node);
	return parent == NONE || parent == node
		   ? VX_OK
		   : vx_forest_link(&t->forest, parent, node);
}

static int grow_messages(struct vx_threader *t)
{
	const size_t cap = t->message_cap == 0 ? FIRST_CAP : 2 * t->message_cap;
	struct message *messages;

	if (t->message_count < t->message_cap)
		return VX_OK;
	if (cap * MESSAGE_OCTETS > t->memory / 4)
		return VX_ELIMIT;
	messages = vx_realloc(t->messages, cap * sizeof(*messages));
	if (messages == NULL)
		return VX_ENOMEM;
	t->messages = messages;
	t->message_cap = cap;
	return VX_OK;
}

static int subject_of(struct vx_threader *t, const struct vx_descriptor *d, uint32_t *out)
{
	*out = NONE;
	if (t->algorithm == VX_THREAD_REFS || d->base_subject.len == 0)
		return VX_OK;
	vx_buf_reset(&t->folded);
	vx_text_fold(d->base_subject, &t->folded);
	return t->folded.failed
		   ? VX_ENOMEM
		   : vx_intern_add(&t->subjects, vx_buf_slice(&t->folded), out);
}

int vx_threader_add(struct vx_threader *t, uint32_t number, int64_t arrival,
    const struct vx_descriptor *d)
{
	struct message m = { .date = vx_sent_date(d, arrival),
		.arrival = arrival,
		.number = number,
		.reply = d->reply };
	uint32_t last = NONE;
	int rc = grow_messages(t);

	if (rc == VX_OK)
		rc = subject_of(t, d, &m.subject);
	if (rc == VX_OK && t->algorithm == VX_THREAD_ORDEREDSUBJECT)
		rc = add_node(t, 0, &m.node);
	else if (rc == VX_OK) {
		rc = link_references(t, d, &last);
		if (rc == VX_OK)
			rc = own_node(t, d, &m.node);
		if (rc == VX_OK)
			rc = link_message(t, last, m.node);
	}
	if (rc < 0)
		return rc;
	t->nodes[m.node].message = (uint32_t)t->message_count;
	t->messages[t->message_count++] = m;
	return VX_OK;
}

/* --- the trees -----------------------------------------------------------------------
 */

static bool is_dummy(const struct vx_threader *t, uint32_t node)
{
	return node >= t->node_count || t->nodes[node].message == NONE;
}

static const struct message *message_of(const struct vx_threader *t, uint32_t node)
{
	return &t->messages[t->nodes[node].message];
}

static void fill(uint32_t *array, size_t count)
{
	for (size_t i = 0; i < count; i++)
		array[i] = NONE;
}

/* Step 5 adds a dummy for two messages at most. */
static int make_room(struct vx_threader *t)
{
	const size_t n = t->node_count + t->message_count / 2, m = t->message_count;
	struct trees *r = &t->r;

	r->count = t->node_count;
	r->up = vx_alloc_array(n, sizeof(*r->up));
	r->first = vx_alloc_array(n, sizeof(*r->first));
	r->last = vx_alloc_array(n, sizeof(*r->last));
	r->next = vx_alloc_array(n, sizeof(*r->next));
	r->other = vx_alloc_array(n, sizeof(*r->other));
	r->order = vx_alloc_array(m, sizeof(*r->order));
	r->scratch = vx_alloc_array(m, sizeof(*r->scratch));
	r->keys = vx_alloc_array(m, sizeof(*r->keys));
	if (r->up == NULL || r->first == NULL || r->last == NULL || r->next == NULL ||
	    r->other == NULL || r->order == NULL || r->scratch == NULL || r->keys == NULL)
		return VX_ENOMEM;
	fill(r->up, n);
	fill(r->first, n);
	fill(r->last, n);
	fill(r->next, n);
	fill(r->other, n);
	r->top_first = r->top_last = NONE;
	return VX_OK;
}

static void order_messages(struct vx_threader *t, bool by_arrival)
{
	struct trees *r = &t->r;

	for (size_t i = 0; i < t->message_count; i++)
		r->keys[i] = vx_order_signed(
		    by_arrival ? t->messages[i].arrival : t->messages[i].date);
	vx_order_init(r->order, t->message_count);
	vx_order_by(r->keys, r->order, r->scratch, t->message_count);
}

/*
 * The message above a dummy, or the dummy at the top.  other remembers it for all
 * dummies on the way, so that none is passed twice.
 */
static uint32_t anchor(struct vx_threader *t, uint32_t dummy)
{
	const uint32_t *parent = t->forest.parent;
	uint32_t *known = t->r.other, at = dummy, end;

	while (is_dummy(t, at) && known[at] == NONE && parent[at] != NONE)
		at = parent[at];
	end = is_dummy(t, at) && known[at] != NONE ? known[at] : at;
	for (at = dummy; at != end && is_dummy(t, at) && known[at] == NONE;
	     at = parent[at])
		known[at] = end;
	return end;
}

/* (2), (3) Without dummies, but those at the top that have several children. */
static void prune(struct vx_threader *t)
{
	struct trees *r = &t->r;

	for (size_t i = 0; i < t->message_count; i++) {
		const uint32_t node = t->messages[i].node;
		uint32_t up = t->forest.parent[node];

		if (up != NONE && is_dummy(t, up))
			up = anchor(t, up);
		r->up[node] = up;
		if (up != NONE && is_dummy(t, up)) { /* first, last: who is below it */
			if (r->first[up] == NONE)
				r->first[up] = node;
			r->last[up] = node;
		}
	}
	for (uint32_t i = 0; i < t->node_count; i++) {
		if (is_dummy(t, i) && r->first[i] != NONE && r->first[i] == r->last[i])
			r->up[r->first[i]] = NONE;
		r->first[i] = r->last[i] = r->other[i] = NONE;
	}
}

/* --- step 5: threads with the same subject -------------------------------------------
 */

struct gathering {
	uint32_t *roots; /* own: in order of their sent dates */
	size_t count;
	uint32_t *table; /* own: the root of each subject */
};

/* (4) first of a dummy becomes its earliest child. */
static void list_roots(struct vx_threader *t, struct gathering *g)
{
	struct trees *r = &t->r;

	for (size_t i = 0; i < t->message_count; i++) {
		const uint32_t node = t->messages[r->order[i]].node, up = r->up[node];

		if (up == NONE) {
			g->roots[g->count++] = node;
		} else if (is_dummy(t, up) && r->first[up] == NONE) {
			r->first[up] = node;
			g->roots[g->count++] = up;
		}
	}
}

static uint32_t thread_subject(const struct vx_threader *t, uint32_t root)
{
	return message_of(t, is_dummy(t, root) ? t->r.first[root] : root)->subject;
}

static bool is_reply(const struct vx_threader *t, uint32_t node)
{
	return !is_dummy(t, node) && message_of(t, node)->reply;
}

/* (5.B) */
static void fill_table(struct vx_threader *t, struct gathering *g)
{
	for (size_t i = 0; i < g->count; i++) {
		const uint32_t root = g->roots[i], subject = thread_subject(t, root);
		uint32_t *in = subject == NONE ? NULL : &g->table[subject];

		if (in == NULL)
			continue;
		if (*in == NONE ||
		    (!is_dummy(t, *in) &&
			(is_dummy(t, root) || (is_reply(t, *in) && !is_reply(t, root)))))
			*in = root;
	}
}

/* (5.C) other of a dummy is the one that has its children now. */
static void merge(struct vx_threader *t, uint32_t *in, uint32_t root)
{
	struct trees *r = &t->r;

	if (is_dummy(t, *in) && is_dummy(t, root)) {
		r->other[root] = *in;
	} else if (is_dummy(t, *in) || (is_reply(t, root) && !is_reply(t, *in))) {
		r->up[root] = *in;
	} else {
		const uint32_t fresh = (uint32_t)r->count++;

		r->up[*in] = r->up[root] = fresh;
		*in = fresh;
	}
}

static int gather(struct vx_threader *t)
{
	struct gathering g = { 0 };
	int rc = VX_OK;

	g.roots = vx_alloc_array(t->message_count, sizeof(*g.roots));
	g.table = vx_alloc_array(t->subjects.count, sizeof(*g.table));
	if (g.roots == NULL || g.table == NULL) {
		rc = VX_ENOMEM;
	} else {
		fill(g.table, t->subjects.count);
		list_roots(t, &g);
		fill_table(t, &g);
		for (size_t i = 0; i < g.count; i++) {
			const uint32_t subject = thread_subject(t, g.roots[i]);

			if (subject != NONE && g.table[subject] != g.roots[i])
				merge(t, &g.table[subject], g.roots[i]);
		}
		fill(t->r.first, t->r.count);
	}
	vx_free(g.roots);
	vx_free(g.table);
	return rc;
}

/* --- the order -----------------------------------------------------------------------
 */

static void append_top(struct trees *r, uint32_t node)
{
	if (r->top_last == NONE)
		r->top_first = node;
	else
		r->next[r->top_last] = node;
	r->top_last = node;
}

static void append_child(struct trees *r, uint32_t up, uint32_t node)
{
	if (r->first[up] == NONE)
		r->first[up] = node;
	else
		r->next[r->last[up]] = node;
	r->last[up] = node;
}

/*
 * (6) In order of sent dates each message goes to the end of its siblings; a dummy goes
 * to the top with its first child.
 */
static void build(struct vx_threader *t, bool top_too)
{
	struct trees *r = &t->r;

	for (size_t i = 0; i < t->message_count; i++) {
		const uint32_t node = t->messages[r->order[i]].node;
		uint32_t up = r->up[node];

		if (up != NONE && r->other[up] != NONE)
			up = r->up[node] = r->other[up];
		if (top_too && up == NONE)
			append_top(r, node);
		else if (top_too && is_dummy(t, up) && r->first[up] == NONE)
			append_top(r, up);
		if (up != NONE)
			append_child(r, up, node);
	}
}

/* The top of a node's tree, remembered in other for all on the way. */
static uint32_t top_of(struct trees *r, uint32_t node)
{
	uint32_t at = node, top;

	while (r->other[at] == NONE && r->up[at] != NONE)
		at = r->up[at];
	top = r->other[at] == NONE ? at : r->other[at];
	for (at = node; at != NONE && r->other[at] == NONE; at = r->up[at])
		r->other[at] = top;
	return top;
}

/* REFS: the thread with the latest arrival last, each before the one found before it. */
static void order_by_arrival(struct vx_threader *t)
{
	struct trees *r = &t->r;
	uint32_t *placed = r->last; /* not needed any more: NONE when it was placed */

	for (size_t i = 0; i < r->count; i++)
		placed[i] = (uint32_t)i;
	order_messages(t, true);
	for (size_t i = t->message_count; i-- > 0;) {
		const uint32_t top = top_of(r, t->messages[r->order[i]].node);

		if (placed[top] == NONE)
			continue;
		placed[top] = NONE;
		r->next[top] = r->top_first;
		r->top_first = top;
	}
}

/* ORDEREDSUBJECT: the first of each subject is above all others. */
static int group_by_subject(struct vx_threader *t)
{
	/* the empty subject is one too: the last */
	uint32_t *table = vx_alloc_array(t->subjects.count + 1, sizeof(*table));

	if (table == NULL)
		return VX_ENOMEM;
	fill(table, t->subjects.count + 1);
	for (size_t i = 0; i < t->message_count; i++) {
		const struct message *m = &t->messages[t->r.order[i]];
		uint32_t *first =
		    &table[m->subject == NONE ? t->subjects.count : m->subject];

		if (*first == NONE)
			*first = m->node;
		else
			t->r.up[m->node] = *first;
	}
	vx_free(table);
	return VX_OK;
}

/* What writing does not need goes here, on the thread of a job. */
static void forget(struct vx_threader *t)
{
	struct trees *r = &t->r;
	uint32_t **const arrays[] = { &t->slots, &r->last, &r->other, &r->order,
		&r->scratch };

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		vx_free(*arrays[i]);
		*arrays[i] = NULL;
	}
	vx_free(r->keys);
	r->keys = NULL;
	vx_forest_done(&t->forest);
	vx_intern_done(&t->subjects);
	vx_buf_done(&t->folded);
}

size_t vx_threader_held(const struct vx_threader *t)
{
	const size_t trees = t->node_count + t->message_count / 2;

	return t->node_cap * sizeof(*t->nodes) + trees * 3 * sizeof(uint32_t) +
	       t->message_cap * sizeof(*t->messages);
}

int vx_threader_end(struct vx_threader *t)
{
	int rc = make_room(t);

	if (rc != VX_OK)
		return rc;
	order_messages(t, false);
	if (t->algorithm == VX_THREAD_ORDEREDSUBJECT)
		rc = group_by_subject(t);
	else
		prune(t);
	if (t->algorithm == VX_THREAD_REFERENCES)
		rc = gather(t);
	if (rc != VX_OK)
		return rc;
	build(t, t->algorithm != VX_THREAD_REFS);
	if (t->algorithm == VX_THREAD_REFS)
		order_by_arrival(t);
	t->at = t->r.top_first;
	forget(t);
	return VX_OK;
}

/* --- writing -------------------------------------------------------------------------
 */

/* A member of a thread without siblings stands beside its parent, without parentheses. */
static bool is_lone(const struct trees *r, uint32_t node)
{
	const uint32_t up = r->up[node];

	return up != NONE && r->next[r->first[up]] == NONE;
}

static void enter(struct vx_threader *t, struct vx_buf *out)
{
	const struct trees *r = &t->r;

	if (!is_lone(r, t->at))
		vx_buf_add_char(out, '(');
	if (!is_dummy(t, t->at)) {
		vx_buf_add_number(out, message_of(t, t->at)->number);
		if (r->first[t->at] != NONE)
			vx_buf_add_char(out, ' ');
	}
	if (r->first[t->at] != NONE)
		t->at = r->first[t->at];
	else
		t->leaving = true;
}

static void leave(struct vx_threader *t, struct vx_buf *out)
{
	const struct trees *r = &t->r;

	if (!is_lone(r, t->at))
		vx_buf_add_char(out, ')');
	t->leaving = r->next[t->at] == NONE;
	t->at = t->leaving ? r->up[t->at] : r->next[t->at];
}

int vx_threader_write(struct vx_threader *t, struct vx_buf *out, size_t max)
{
	while (t->at != NONE && !out->failed) {
		if (out->len >= max)
			return VX_DATA;
		if (t->leaving)
			leave(t, out);
		else
			enter(t, out);
	}
	return out->failed ? VX_ENOMEM : VX_OK;
}
