/*
 * The search index: how fast it is built, and what questions cost in a large mailbox.
 * bench_search [messages [directory]]: default 50000 in $TMPDIR or /tmp.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/account.h"
#include "store/search_int.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	TOGETHER = 256,
	VOCABULARY = 60000,
	RUNS = 200
};

static uint64_t state = 88172645463325252u;
static char vocabulary[VOCABULARY][16];

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench_search: %s failed\n", what);
	exit(1);
}

static void must(bool ok, const char *what)
{
	if (!ok)
		fail(what);
}

static void row(const char *name, double value, const char *unit, const char *more)
{
	printf("%-28s %12.2f %-10s %s\n", name, value, unit, more);
	(void)fflush(stdout);
}

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 11) % n);
}

/* Of this thread: the machine may have other work. */
static double cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- mail: words as often as in a language, names, numbers, what servers add
 * ------------ */

static void make_vocabulary(void)
{
	static const char *const parts[] = { "an", "ber", "con", "der", "est", "for",
		"gen", "hal", "ion", "jun", "kel", "lor", "men", "nor", "opt", "per",
		"qui", "ran", "sta", "ten", "und", "ver", "wor", "xen", "yes", "zur",
		"ing", "ed", "ly", "a", "o", "ish" };

	for (size_t i = 0; i < VOCABULARY; i++) {
		size_t len = 0;
		const unsigned n = 1 + random_below(i < 500 ? 2 : 4);

		vocabulary[i][0] = '\0';
		for (unsigned k = 0; k < n && len < 12; k++)
			len += (size_t)snprintf(
			    vocabulary[i] + len, 16 - len, "%s", parts[random_below(32)]);
	}
}

/* Zipf's law, roughly: the n-th word about 1/n as often as the first. */
static const char *word(void)
{
	const double r = (double)random_below(1 << 30) / (1 << 30);
	double n = 1;

	for (double x = r * 16; x >= 1; x -= 1)
		n *= 2; /* 2^(16 r): uniform in its logarithm */
	n = n * (1 + r * 16 - (double)(int)(r * 16));
	return vocabulary[(uint32_t)n % VOCABULARY];
}

static void make_message(struct vx_buf *m, unsigned number)
{
	const unsigned words = 20 + random_below(300);

	vx_buf_reset(m);
	vx_buf_printf(m,
	    "Received: from host-%u.example.net (host-%u.example.net [192.0.2.%u])\r\n"
	    "\tby mail.example.org with ESMTPS id %08x%08x for <me@example.org>;\r\n"
	    "\tMon, 2 Mar 2026 10:00:%02u +0000\r\n"
	    "Message-ID: <%08x.%u@host-%u.example.net>\r\n"
	    "From: %s %s <%s.%u@example.net>\r\nTo: me@example.org\r\nSubject: ",
	    random_below(500), random_below(500), random_below(255),
	    random_below(1u << 31), random_below(1u << 31), random_below(60),
	    random_below(1u << 31), number, random_below(500), word(), word(), word(),
	    random_below(300));
	for (unsigned i = 0; i < 5; i++)
		vx_buf_printf(m, "%s ", word());
	vx_buf_add_str(m, "\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\n"
			  "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	for (unsigned i = 0; i < words; i++)
		vx_buf_printf(m, "%s%s", word(),
		    i % 11 == 10 ? ".\r\n"
		    : i % 7 == 6 ? ", "
				 : " ");
	vx_buf_printf(m, "order nr%u of day %u\r\n", number, random_below(365));
	if (number % 1000 == 7)
		vx_buf_add_str(
		    m, "a needle-in-the haystack \u4e2d\u6587\u90ae\u4ef6\r\n");
}

static unsigned waiting;

static void delivered(struct vx_store_op *op)
{
	must(op->result == VX_OK, "deliver");
	waiting--;
}

static void deliver(struct vx_store *s, unsigned first, unsigned count)
{
	static struct vx_deliver_op ops[TOGETHER];
	static struct vx_delivery_target targets[TOGETHER];
	struct vx_blob_writer *writers[TOGETHER];
	struct vx_buf m = { .max = 1 << 20 };

	for (unsigned i = 0; i < count; i++) {
		make_message(&m, first + i);
		targets[i] = (struct vx_delivery_target){ .account = 1 };
		must(vx_blob_writer_new(s, &writers[i]) == VX_OK, "writer");
		must(vx_blob_writer_add(writers[i], vx_buf_slice(&m)) >= 0, "add");
		vx_deliver_op_init(&ops[i], writers[i]);
		ops[i].targets = &targets[i];
		ops[i].target_count = 1;
		ops[i].op.done = delivered;
		waiting++;
		must(vx_store_submit(s, &ops[i].op) == VX_OK, "submit");
	}
	while (waiting > 0) {
		struct pollfd p = { .fd = vx_store_fd(s), .events = POLLIN };

		(void)poll(&p, 1, 100);
		vx_store_dispatch(s);
	}
	for (unsigned i = 0; i < count; i++)
		vx_blob_writer_free(writers[i]);
	vx_buf_done(&m);
}

struct account_op {
	struct vx_store_op op;
};

static int apply_account(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	const struct vx_quota quota = { 0 };

	(void)op;
	return vx_account_create(txn, 1, &quota);
}

/* --- questions
 * ------------------------------------------------------------------------------ */

static struct vx_record *records;
static size_t record_count;

static void read_records(struct vx_store *s, unsigned messages)
{
	const struct vx_record_query q = {
		.account = 1, .mailbox = 1, .first_uid = 1, .last_uid = UINT32_MAX
	};
	struct vx_view *v;
	uint32_t next;

	records = calloc(messages + 1, sizeof(*records));
	must(vx_view_begin(s, &v) == VX_OK &&
		 vx_records_read(v, &q, records, messages, &record_count, &next) == VX_OK,
	    "records");
	vx_view_end(v);
}

static bool look(struct vx_store *s, const struct vx_search_question *q, uint64_t blob)
{
	static struct vx_plain plain;
	static struct vx_buf text = { .max = 1 << 24 };
	struct vx_blob_reader *reader;
	struct vx_blob_source source;
	struct vx_descriptor d;
	struct vx_view *v;
	vx_slice octets;
	static char copy[VX_DESCRIPTOR_MAX];

	must(vx_view_begin(s, &v) == VX_OK, "view");
	must(vx_descriptor_get(v, blob, &octets) == VX_OK, "descriptor");
	memcpy(copy, octets.ptr, octets.len);
	octets.ptr = copy;
	vx_view_end(v);
	must(vx_blob_open(s, blob, &reader) == VX_OK, "blob");
	vx_blob_source_init(&source, reader);
	must(vx_descriptor_open(octets, &d) == VX_OK, "open");
	vx_buf_reset(&text);
	if (q->field == VX_SEARCH_IN_TEXT) {
		must(source.base.read(&source.base, 0, d.header_size, &octets) == VX_OK,
		    "read");
		vx_plain_header(&plain, octets, &text);
	}
	must(vx_plain_body(&plain, &d, &source.base, &text) == VX_OK, "body");
	vx_blob_source_done(&source);
	vx_blob_close(reader);
	return memmem(text.ptr, text.len, q->needle.ptr, q->needle.len) != NULL;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One search of the whole mailbox, as SEARCH does it; milliseconds of CPU. */
static double search(
    struct vx_store *s, const struct vx_search_question *q, size_t *hits, size_t *looked)
{
	const double begin = cpu_s();
	struct vx_search_answer *a;

	must(vx_search_ask(s, 1, q, 1, NULL, NULL, &a) == VX_OK, "ask");
	for (size_t i = 0; i < record_count; i++) {
		enum vx_search_verdict v = vx_search_verdict(a, 0, records[i].blob);

		if (v == VX_SEARCH_MAYBE) {
			(*looked)++;
			v = look(s, q, records[i].blob) ? VX_SEARCH_YES : VX_SEARCH_NO;
		}
		*hits += v == VX_SEARCH_YES;
	}
	vx_search_answer_free(a);
	return (cpu_s() - begin) * 1000;
}

static void random_needle(int kind, struct vx_buf *raw)
{
	const char *w = word(), *fixed[] = { "needle-in-the", "\u4e2d\u6587\u90ae", "e",
		", ", "zzqqx" };
	size_t len = strlen(w);

	vx_buf_reset(raw);
	switch (kind) {
	case 0: /* a word */
		vx_buf_add_str(raw, w);
		return;
	case 1: /* four letters inside of words */
		while (len < 6)
			len = strlen(w = word());
		vx_buf_add(raw, vx_slice_of(w + 1, 4));
		return;
	case 2: /* two words */
		vx_buf_printf(raw, "%s %s", w, word());
		return;
	case 3: /* in one message */
		vx_buf_printf(raw, "nr%u", random_below((uint32_t)record_count));
		return;
	default:
		vx_buf_add_str(raw, fixed[kind - 4]);
	}
}

static void ask(
    struct vx_store *s, const char *name, int kind, enum vx_search_field field)
{
	const int runs = kind == 6 || kind == 7 ? 5 : RUNS;
	double ms[RUNS];
	size_t hits = 0, looked = 0;
	char more[100];

	for (int i = 0; i < runs; i++) {
		struct vx_buf raw = { .max = 256 }, folded = { .max = 1024 };
		struct vx_search_question q = { .field = field };

		random_needle(kind, &raw);
		vx_text_fold(vx_buf_slice(&raw), &folded);
		q.needle = vx_buf_slice(&folded);
		ms[i] = search(s, &q, &hits, &looked);
		vx_buf_done(&raw);
		vx_buf_done(&folded);
	}
	qsort(ms, (size_t)runs, sizeof(ms[0]), compare);
	(void)snprintf(more, sizeof(more), "p99 %.2f ms, %zu found, %zu read on average",
	    ms[runs * 99 / 100], hits / (size_t)runs, looked / (size_t)runs);
	row(name, ms[runs / 2], "ms", more);
}

static void build(struct vx_store *s, unsigned messages)
{
	const uint64_t begin = vx_clock_mono_us();
	const double cpu = cpu_s();
	struct vx_search_status st;
	char more[100];
	int rc;

	do
		rc = vx_search_work(s->search);
	while (rc == VX_OK);
	must(rc == VX_DONE, "index");
	must(vx_search_status(s, &st) == VX_OK && st.messages == messages, "status");
	(void)snprintf(more, sizeof(more),
	    "%.1f us of CPU each, %.1f MB, %llu terms in %llu "
	    "segments",
	    (cpu_s() - cpu) / messages * 1e6, (double)st.octets / 1e6,
	    (unsigned long long)st.terms, (unsigned long long)st.segments);
	row("index", messages * 1e6 / (double)(vx_clock_mono_us() - begin), "messages/s",
	    more);
}

int main(int argc, char **argv)
{
	const unsigned messages = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 50000;
	const char *tmp = getenv("TMPDIR");
	struct account_op op = { .op = { .apply = apply_account } };
	struct vx_store_options o = { .struct_size = sizeof(o),
		.search = VX_STORE_SEARCH_ASK };
	struct vx_store *s;
	struct vx_error err;
	char dir[400], command[500];

	(void)snprintf(dir, sizeof(dir), "%s/bench-search-XXXXXX",
	    argc > 2      ? argv[2]
	    : tmp != NULL ? tmp
			  : "/tmp");
	must(mkdtemp(dir) != NULL, "mkdtemp");
	o.dir = dir;
	make_vocabulary();
	must(vx_store_open(&o, &s, &err) == VX_OK, "open");
	must(vx_store_run(s, &op.op) == VX_OK, "account");
	for (unsigned i = 0; i < messages; i += TOGETHER)
		deliver(s, i, messages - i < TOGETHER ? messages - i : TOGETHER);
	read_records(s, messages);
	build(s, messages);
	ask(s, "BODY word", 0, VX_SEARCH_IN_BODY);
	ask(s, "TEXT word", 0, VX_SEARCH_IN_TEXT);
	ask(s, "BODY four letters", 1, VX_SEARCH_IN_BODY);
	ask(s, "TEXT four letters", 1, VX_SEARCH_IN_TEXT);
	ask(s, "TEXT of one message", 3, VX_SEARCH_IN_TEXT);
	ask(s, "TEXT two words", 2, VX_SEARCH_IN_TEXT);
	ask(s, "TEXT needle-in-the", 4, VX_SEARCH_IN_TEXT);
	ask(s, "TEXT three Han", 5, VX_SEARCH_IN_TEXT);
	ask(s, "TEXT one letter", 6, VX_SEARCH_IN_TEXT);
	ask(s, "TEXT common signs", 7, VX_SEARCH_IN_TEXT);
	ask(s, "TEXT nowhere", 8, VX_SEARCH_IN_TEXT);
	vx_store_close(s);
	free(records);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : 1;
}
