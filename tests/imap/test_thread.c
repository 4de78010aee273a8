/* THREAD: examples, and random mail against the RFC's words done literally. */
#include "base/mem.h"
#include "imap/forest.h"
#include "imap/thread.h"
#include "lib/vxt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MESSAGES = 14, /* of a random mailbox, at most */
	IDS = 9,
	REFERENCES = 4,
	NODES = MESSAGES * 3 + IDS,
	ROUNDS = 30000
};

/* Ids are small numbers here; 0 is none. */
struct mail {
	uint64_t id, references[REFERENCES];
	size_t reference_count;
	const char *subject; /* the base subject */
	bool reply;
	int64_t sent, arrival;
};

static void add(struct vx_threader *t, uint32_t number, const struct mail *m)
{
	struct vx_descriptor d = { .message_id_hash = m->id,
		.sent = m->sent,
		.reply = m->reply,
		.base_subject = vx_slice_str(m->subject) };
	char packed[8 * REFERENCES];

	for (size_t i = 0; i < m->reference_count; i++)
		for (size_t k = 0; k < 8; k++)
			packed[8 * i + k] = (char)(m->references[i] >> 8 * k);
	d.references = vx_slice_of(packed, 8 * m->reference_count);
	vxt_assert_ok(vx_threader_add(t, number, m->arrival, &d));
}

/* In pieces of a few octets. */
static struct vx_buf thread(
    enum vx_thread_algorithm algorithm, const struct mail *mail, size_t count)
{
	struct vx_buf out = { .max = 1 << 24 };
	struct vx_threader *t;

	vxt_assert_ok(vx_threader_new(algorithm, VX_THREAD_MEMORY_MAX, &t));
	for (size_t i = 0; i < count; i++)
		add(t, (uint32_t)i + 1, &mail[i]);
	vxt_assert_ok(vx_threader_end(t));
	while (vx_threader_write(t, &out, out.len + 5) == VX_DATA)
		;
	vx_threader_free(t);
	return out;
}

static void assert_threads(enum vx_thread_algorithm algorithm, const struct mail *mail,
    size_t count, const char *want)
{
	struct vx_buf got = thread(algorithm, mail, count);

	vxt_assert_str(vx_buf_slice(&got), want);
	vx_buf_done(&got);
}

/* --- the literal one -----------------------------------------------------------------
 */

struct tree {
	int parent[NODES], message[NODES]; /* -1: none */
	uint64_t id[NODES];
	size_t count;
	int kids[NODES + 1][NODES]; /* [NODES]: the root */
	size_t kid_count[NODES + 1];
	const struct mail *mail;
	size_t mail_count;
};

enum {
	ROOT = NODES
};

static int new_node(struct tree *t, uint64_t id)
{
	t->parent[t->count] = t->message[t->count] = -1;
	t->id[t->count] = id;
	t->kid_count[t->count] = 0;
	return (int)t->count++;
}

static int lookup(struct tree *t, uint64_t id)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->id[i] == id)
			return (int)i;
	return new_node(t, id);
}

static void link_to(struct tree *t, int parent, int child)
{
	for (int at = parent; at >= 0; at = t->parent[at])
		if (at == child)
			return;
	t->parent[child] = parent;
}

static void step_1(struct tree *t)
{
	for (size_t i = 0; i < t->mail_count; i++) {
		const struct mail *m = &t->mail[i];
		int last = -1, own = -1;

		for (size_t k = 0; k < m->reference_count; k++) {
			const int n = lookup(t, m->references[k]);

			if (last >= 0 && t->parent[n] < 0)
				link_to(t, last, n);
			last = n;
		}
		if (m->id != 0)
			own = lookup(t, m->id);
		if (own < 0 || t->message[own] >= 0)
			own = new_node(t, 1000000 + i);
		t->message[own] = (int)i;
		t->parent[own] = -1;
		if (last >= 0)
			link_to(t, last, own);
	}
}

static void add_kid(struct tree *t, int parent, int kid)
{
	t->kids[parent][t->kid_count[parent]++] = kid;
}

static void prune_below(struct tree *t, int node)
{
	int old[NODES];
	const size_t count = t->kid_count[node];

	memcpy(old, t->kids[node], sizeof(old));
	t->kid_count[node] = 0;
	for (size_t i = 0; i < count; i++) {
		const int kid = old[i];

		prune_below(t, kid);
		if (t->message[kid] >= 0 || (node == ROOT && t->kid_count[kid] > 1))
			add_kid(t, node, kid);
		else
			for (size_t k = 0; k < t->kid_count[kid]; k++)
				add_kid(t, node, t->kids[kid][k]);
	}
}

static int64_t sent(const struct tree *t, int message)
{
	const struct mail *m = &t->mail[message];

	return m->sent == INT64_MIN ? m->arrival : m->sent;
}

static bool is_before(const struct tree *t, int a, int b)
{
	return sent(t, a) != sent(t, b) ? sent(t, a) < sent(t, b) : a < b;
}

/* The message that stands for a node in sorting. */
static int earliest(const struct tree *t, int node)
{
	int best = t->message[node];

	for (size_t i = 0; t->message[node] < 0 && i < t->kid_count[node]; i++) {
		const int m = t->message[t->kids[node][i]];

		if (best < 0 || is_before(t, m, best))
			best = m;
	}
	return best;
}

static int latest(const struct tree *t, int node)
{
	int best = t->message[node];

	for (size_t i = 0; i < t->kid_count[node]; i++) {
		const int m = latest(t, t->kids[node][i]);

		if (best < 0 || t->mail[m].arrival > t->mail[best].arrival ||
		    (t->mail[m].arrival == t->mail[best].arrival && m > best))
			best = m;
	}
	return best;
}

static void sort_kids(struct tree *t, int node, bool by_arrival)
{
	int *kids = t->kids[node];

	for (size_t i = 0; i < t->kid_count[node]; i++) {
		for (size_t k = i; k > 0; k--) {
			const int a = kids[k - 1], b = kids[k];
			bool good;

			if (by_arrival) {
				const int la = latest(t, a), lb = latest(t, b);

				good = t->mail[la].arrival < t->mail[lb].arrival ||
				       (t->mail[la].arrival == t->mail[lb].arrival &&
					   la < lb);
			} else {
				good = is_before(t, earliest(t, a), earliest(t, b));
			}
			if (good)
				break;
			kids[k - 1] = b;
			kids[k] = a;
		}
	}
}

static const char *subject_of(const struct tree *t, int node)
{
	return t->mail[earliest(t, node)].subject;
}

static bool reply(const struct tree *t, int node)
{
	return t->mail[t->message[node]].reply;
}

static bool dummy(const struct tree *t, int node)
{
	return t->message[node] < 0;
}

static int *entry(const struct tree *t, int table[NODES], const char *subject)
{
	for (size_t i = 0; i < t->mail_count; i++)
		if (strcmp(t->mail[i].subject, subject) == 0)
			return &table[i];
	return NULL;
}

static void drop_root(struct tree *t, int node)
{
	size_t n = 0;

	for (size_t i = 0; i < t->kid_count[ROOT]; i++)
		if (t->kids[ROOT][i] != node)
			t->kids[ROOT][n++] = t->kids[ROOT][i];
	t->kid_count[ROOT] = n;
}

static void step_5(struct tree *t)
{
	int table[NODES], roots[NODES];
	const char *subjects[NODES];
	const size_t count = t->kid_count[ROOT];

	for (size_t i = 0; i < NODES; i++)
		table[i] = -1;
	memcpy(roots, t->kids[ROOT], sizeof(roots));
	for (size_t i = 0; i < count; i++) {
		const int c = roots[i];
		int *e = entry(t, table, subject_of(t, c));

		subjects[i] = subject_of(t, c);
		if (*subjects[i] == '\0')
			continue;
		if (*e < 0 ||
		    (!dummy(t, *e) && (dummy(t, c) || (reply(t, *e) && !reply(t, c)))))
			*e = c;
	}
	for (size_t i = 0; i < count; i++) {
		const int c = roots[i];
		int *e = entry(t, table, subjects[i]);

		if (*subjects[i] == '\0' || *e == c)
			continue;
		if (dummy(t, *e) && dummy(t, c)) {
			for (size_t k = 0; k < t->kid_count[c]; k++)
				add_kid(t, *e, t->kids[c][k]);
			drop_root(t, c);
		} else if (dummy(t, *e) || (reply(t, c) && !reply(t, *e))) {
			add_kid(t, *e, c);
			drop_root(t, c);
		} else {
			const int fresh = new_node(t, 2000000);

			add_kid(t, fresh, c);
			add_kid(t, fresh, *e);
			drop_root(t, c);
			drop_root(t, *e);
			add_kid(t, ROOT, fresh);
			*e = fresh;
		}
	}
}

static void sort_below(struct tree *t, int node)
{
	for (size_t i = 0; i < t->kid_count[node]; i++)
		sort_below(t, t->kids[node][i]);
	sort_kids(t, node, false);
}

/* "1 2 (3)(4)" of a node's members. */
static void write_members(const struct tree *t, int node, struct vx_buf *out)
{
	if (!dummy(t, node))
		vx_buf_printf(out, "%d", t->message[node] + 1);
	if (t->kid_count[node] > 0 && !dummy(t, node))
		vx_buf_add_char(out, ' ');
	for (size_t i = 0; i < t->kid_count[node]; i++) {
		if (t->kid_count[node] > 1)
			vx_buf_add_char(out, '(');
		write_members(t, t->kids[node][i], out);
		if (t->kid_count[node] > 1)
			vx_buf_add_char(out, ')');
	}
}

static void literal_references(struct tree *t, bool refs)
{
	step_1(t);
	for (size_t i = 0; i < t->count; i++)
		add_kid(t, t->parent[i] < 0 ? ROOT : t->parent[i], (int)i);
	prune_below(t, ROOT);
	sort_kids(t, ROOT, false);
	if (!refs)
		step_5(t);
	sort_below(t, ROOT);
	if (refs)
		sort_kids(t, ROOT, true);
}

static void literal_subjects(struct tree *t)
{
	int nodes[MESSAGES];

	for (size_t i = 0; i < t->mail_count; i++) {
		nodes[i] = new_node(t, i);
		t->message[nodes[i]] = (int)i;
	}
	for (size_t i = 0; i < t->mail_count; i++) {
		int first = (int)i;

		for (size_t k = 0; k < t->mail_count; k++)
			if (strcmp(t->mail[k].subject, t->mail[i].subject) == 0 &&
			    is_before(t, (int)k, first))
				first = (int)k;
		add_kid(t, first == (int)i ? ROOT : nodes[first], nodes[i]);
	}
	sort_below(t, ROOT);
}

static struct vx_buf literally(
    enum vx_thread_algorithm algorithm, const struct mail *mail, size_t count)
{
	static struct tree t;
	struct vx_buf out = { .max = 1 << 16 };

	t.mail = mail;
	t.mail_count = count;
	t.count = 0;
	t.kid_count[ROOT] = 0;
	if (algorithm == VX_THREAD_ORDEREDSUBJECT)
		literal_subjects(&t);
	else
		literal_references(&t, algorithm == VX_THREAD_REFS);
	for (size_t i = 0; i < t.kid_count[ROOT]; i++) {
		vx_buf_add_char(&out, '(');
		write_members(&t, t.kids[ROOT][i], &out);
		vx_buf_add_char(&out, ')');
	}
	return out;
}

static void random_mail(struct mail *m, unsigned *seed)
{
	static const char *const subjects[] = { "", "a", "b", "c" };

	*m = (struct mail){ .id = (uint64_t)rand_r(seed) % (IDS + 1),
		.subject = subjects[(unsigned)rand_r(seed) % 4],
		.reply = rand_r(seed) % 2 == 0,
		.sent = rand_r(seed) % 5 == 0 ? INT64_MIN : rand_r(seed) % 12,
		.arrival = rand_r(seed) % 12 };
	if (rand_r(seed) % 3 > 0)
		m->reference_count = (size_t)rand_r(seed) % (REFERENCES + 1);
	for (size_t i = 0; i < m->reference_count; i++)
		m->references[i] = 1 + (uint64_t)rand_r(seed) % IDS;
}

START_TEST(random_mailboxes)
{
	unsigned seed = 4711;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct mail mail[MESSAGES];
		const size_t count = (size_t)rand_r(&seed) % (MESSAGES + 1);

		for (size_t i = 0; i < count; i++)
			random_mail(&mail[i], &seed);
		for (unsigned a = VX_THREAD_ORDEREDSUBJECT; a <= VX_THREAD_REFS; a++) {
			struct vx_buf got = thread(a, mail, count);
			struct vx_buf want = literally(a, mail, count);

			vxt_assert_slice(vx_buf_slice(&got), vx_buf_slice(&want));
			vx_buf_done(&got);
			vx_buf_done(&want);
		}
	}
}
END_TEST

/* --- examples ------------------------------------------------------------------------
 */

START_TEST(examples)
{
	/* RFC 5256 4: "(2)(3 6 (4 23)(44 7 96))", with the numbers in order */
	static const struct mail nested[] = {
		{ .id = 2, .subject = "x", .sent = 1 },
		{ .id = 3, .subject = "y", .sent = 2 },
		{ .id = 6, .references = { 3 }, 1, .subject = "y", .sent = 3 },
		{ .id = 4, .references = { 3, 6 }, 2, .subject = "y", .sent = 4 },
		{ .id = 23, .references = { 3, 6, 4 }, 3, .subject = "y", .sent = 5 },
		{ .id = 44, .references = { 6 }, 1, .subject = "y", .sent = 6 },
		{ .id = 7, .references = { 44 }, 1, .subject = "y", .sent = 7 },
		{ .id = 96, .references = { 7 }, 1, .subject = "y", .sent = 8 },
	};
	/* RFC 5256 4: "((3)(5))": siblings of a parent that is not there */
	static const struct mail siblings[] = {
		{ .id = 3, .references = { 9 }, 1, .subject = "x", .sent = 1 },
		{ .id = 5, .references = { 9 }, 1, .subject = "y", .sent = 2 },
	};
	static const struct mail subjects[] = {
		{ .id = 1, .subject = "a", .sent = 5 },
		{ .id = 2, .subject = "b", .sent = 1 },
		{ .id = 3, .subject = "a", .reply = true, .sent = 3 },
		{ .id = 4, .subject = "a", .reply = true, .sent = 9 },
		{ .id = 5, .subject = "", .sent = 2 },
		{ .id = 6, .subject = "", .sent = 4 },
	};
	static const struct mail loop[] = {
		{ .id = 1, .references = { 2 }, 1, .subject = "x", .sent = 1 },
		{ .id = 2, .references = { 1 }, 1, .subject = "y", .sent = 2 },
		{ .id = 3, .references = { 3 }, 1, .subject = "z", .sent = 3 },
	};
	static const struct mail arrivals[] = {
		{ .id = 1, .subject = "x", .sent = 1, .arrival = 1 },
		{ .id = 2, .subject = "x", .sent = 2, .arrival = 2 },
		{ .id = 3,
		    .references = { 1 },
		    1,
		    .subject = "x",
		    .sent = 3,
		    .arrival = 9 },
	};

	assert_threads(VX_THREAD_REFERENCES, nested, 8, "(1)(2 3 (4 5)(6 7 8))");
	assert_threads(VX_THREAD_REFERENCES, siblings, 2, "((1)(2))");
	assert_threads(VX_THREAD_REFERENCES, subjects, 6, "(2)(5)(6)(1 (3)(4))");
	assert_threads(VX_THREAD_ORDEREDSUBJECT, subjects, 6, "(2)(5 6)(3 (1)(4))");
	assert_threads(VX_THREAD_REFS, subjects, 6, "(1)(2)(3)(4)(5)(6)");
	assert_threads(VX_THREAD_REFERENCES, loop, 3, "(2 1)(3)");
	assert_threads(VX_THREAD_REFS, arrivals, 3, "(2)(1 3)");
	assert_threads(VX_THREAD_REFERENCES, arrivals, 0, "");
}
END_TEST

START_TEST(names)
{
	static const char *const good[] = { "ORDEREDSUBJECT", "references", "Refs" };
	enum vx_thread_algorithm a;

	for (unsigned i = 0; i < 3; i++) {
		struct vx_cursor c = vx_cursor_of(vx_slice_str(good[i]));

		ck_assert(vx_thread_algorithm(&c, &a));
		ck_assert_uint_eq(a, i);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct vx_cursor c = vx_cursor_of(i == 0 ? VX_S("REF") : VX_S(""));

		ck_assert(!vx_thread_algorithm(&c, &a));
	}
}
END_TEST

/* --- hostile mail --------------------------------------------------------------------
 */

/*
 * A thread as deep as it has messages; then messages that would cut it at its top and
 * hang it below its end, again and again.
 */
START_TEST(deep_thread)
{
	const uint32_t depth = 50000;
	struct vx_buf out = { .max = 1 << 24 };
	struct vx_threader *t;

	vxt_assert_ok(vx_threader_new(VX_THREAD_REFERENCES, VX_THREAD_MEMORY_MAX, &t));
	for (uint32_t i = 1; i <= depth; i++) {
		const struct mail m = { .id = i,
			.references = { i - 1, depth },
			.reference_count = i == 1 ? 0 : 1 + (i % 3 == 0),
			.subject = "x",
			.sent = i };

		add(t, i, &m);
	}
	for (uint32_t i = 1; i <= depth; i++) {
		const struct mail m = { .id = i, /* taken: it gets one of its own */
			.references = { depth, i, depth - i, depth },
			.reference_count = 4,
			.subject = "x",
			.reply = true,
			.sent = depth + i };

		add(t, depth + i, &m);
	}
	vxt_assert_ok(vx_threader_end(t));
	/* 100,000 messages, as many ids, and what doubling leaves over */
	ck_assert_uint_gt(vx_threader_held(t), 2 * depth * 50);
	ck_assert_uint_lt(vx_threader_held(t), 2 * depth * 100);
	vxt_assert_ok(vx_threader_write(t, &out, SIZE_MAX));
	ck_assert_uint_gt(out.len, 5 * depth);
	vx_buf_done(&out);
	vx_threader_free(t);
}
END_TEST

static uint32_t walk(const struct vx_forest *f, uint32_t x)
{
	while (f->parent[x] != VX_FOREST_NONE)
		x = f->parent[x];
	return x;
}

/* Random links and cuts in deep trees, each answer compared with walking. */
START_TEST(forest)
{
	unsigned seed = 99;

	for (unsigned round = 0; round < 20; round++) {
		struct vx_forest f;

		vx_forest_init(&f);
		for (unsigned i = 0; i < 100 + 10 * round; i++)
			vxt_assert_ok(vx_forest_grow(&f));
		for (uint32_t i = 1; i < f.count; i++)
			ck_assert_int_eq(vx_forest_link(&f, i - 1, i), 1);
		for (unsigned step = 0; step < 3000; step++) {
			const uint32_t n = (uint32_t)f.count;
			const uint32_t a = (uint32_t)rand_r(&seed) % n;
			/* mostly neighbours, so that chains become deep */
			const uint32_t b = rand_r(&seed) % 4 == 0
					       ? (uint32_t)rand_r(&seed) % n
					       : (a + 1) % n;

			if (step % 50 == 0)
				vxt_assert_ok(vx_forest_grow(&f));
			if (f.parent[b] != VX_FOREST_NONE) {
				if (rand_r(&seed) % 8 == 0)
					vx_forest_cut(&f, b);
				continue;
			}
			if (a == b)
				continue;
			if (walk(&f, a) == b) {
				ck_assert_int_eq(vx_forest_link(&f, a, b), 0);
				ck_assert_uint_eq(f.parent[b], VX_FOREST_NONE);
			} else {
				ck_assert_int_eq(vx_forest_link(&f, a, b), 1);
				ck_assert_uint_eq(f.parent[b], a);
			}
		}
		ck_assert_ptr_nonnull(f.up); /* it did become deep */
		vx_forest_done(&f);
	}
}
END_TEST

START_TEST(memory_limit)
{
	struct vx_threader *t;
	struct vx_descriptor d = { .message_id_hash = 1, .sent = 1 };
	int rc = VX_OK;
	uint32_t n = 0;

	vxt_assert_ok(vx_threader_new(VX_THREAD_REFS, 1 << 20, &t));
	for (; rc == VX_OK; n++) {
		d.message_id_hash = n + 1;
		rc = vx_threader_add(t, n + 1, 1, &d);
	}
	ck_assert_int_eq(rc, VX_ELIMIT);
	ck_assert_uint_gt(n, 4000);
	vx_threader_free(t);
}
END_TEST

/* Each allocation fails once: the failure is said, and nothing is lost or leaks. */
START_TEST(without_memory)
{
	static struct mail mail[40];
	unsigned seed = 5;
	bool failed = true;
	size_t n = 0;

	for (size_t i = 0; i < 40; i++) {
		random_mail(&mail[i], &seed);
		mail[i].id = i + 1;
		mail[i].references[0] = i;
		mail[i].reference_count = i > 0;
	}
	for (; failed; n++) {
		struct vx_threader *t = NULL;
		int rc;

		vx_mem_fail_at(n + 1);
		rc = vx_threader_new(VX_THREAD_REFERENCES, VX_THREAD_MEMORY_MAX, &t);
		for (uint32_t i = 0; rc == VX_OK && i < 40; i++) {
			struct vx_descriptor d = { .message_id_hash = i + 1,
				.sent = (int64_t)i,
				.references =
				    vx_slice_of(&mail[i].references, 8 * (i > 0)),
				.base_subject = vx_slice_str(mail[i].subject) };

			rc = vx_threader_add(t, i + 1, 0, &d);
		}
		if (rc == VX_OK)
			rc = vx_threader_end(t);
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		ck_assert_int_eq(rc, failed ? VX_ENOMEM : VX_OK);
		vx_threader_free(t);
	}
	ck_assert_uint_gt(n, 15);
}
END_TEST

VXT_SUITE(test_thread, "thread", names, examples, random_mailboxes, deep_thread, forest,
    memory_limit, without_memory)
