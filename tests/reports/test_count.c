/* Counting: what is noted, how it is added up, and where it ends. */
#include "fixture.h"
#include "reports/batch.h"
#include "store/account.h"

#include <stdio.h>

enum {
	DAY = 20000,
	NOON = DAY * 86400 + 43200
};

static struct vx_report_batch *new_batch(struct fixture *f)
{
	const struct vx_report_batch_options o = {
		.struct_size = sizeof(o), .store = f->store, .dmarc = true, .tls = true
	};
	struct vx_report_batch *b;

	vxt_assert_ok(vx_report_batch_new(&o, &b));
	return b;
}

/* A message from a domain whose record is text. */
static int note(struct vx_report_batch *b, int64_t now, const char *domain,
    const char *ip, const char *text)
{
	struct vx_dmarc_record record;
	struct vx_arena a = { .limit = 1 << 20 };
	const struct vx_report_auth auth = { .method = VX_DMARC_DKIM,
		.verdict = VX_VERDICT_PASS,
		.domain = VX_S("example.org"),
		.selector = VX_S("s1") };
	struct vx_dmarc_result r = { .verdict = VX_VERDICT_PASS,
		.policy_domain = domain,
		.record = &record,
		.dkim = true };
	const struct vx_dmarc_seen s = { .source_ip = ip,
		.result = &r,
		.header_from = vx_slice_str(domain),
		.envelope_from = VX_S(""),
		.auth = &auth };
	int rc;

	vxt_assert_ok(vx_dmarc_record_parse(vx_slice_str(text), &a, &record));
	rc = vx_report_note_dmarc(b, now, &s);
	vx_arena_done(&a);
	return rc;
}

static const char wants[] =
    "v=DMARC1; p=reject; sp=none; aspf=s; ruf=mailto:f@a.example; fo=1:d; "
    "rua=mailto:r@a.example!10m,https://a.example/x";

struct seen {
	uint32_t rows;
	uint64_t seen, dropped;
	char record[VX_REPORT_RECORD_MAX];
};

static bool look(struct fixture *f, uint32_t day, enum vx_report_kind kind,
    const char *domain, struct seen *out)
{
	struct vx_report_head h;
	struct vx_view *v;
	struct vx_key k;
	int rc;

	vx_report_key(&k, VX_REPORT_HEAD, day, kind, vx_slice_str(domain));
	vxt_assert_ok(vx_view_begin(f->store, &v));
	rc = vx_report_head_read(vx_view_txn(v), &k, &h);
	if (rc == VX_OK) {
		*out = (struct seen){ h.rows, h.seen, h.dropped, "" };
		(void)snprintf(out->record, sizeof(out->record), "%.*s",
		    (int)h.record.len, h.record.ptr);
	}
	vx_view_end(v);
	ck_assert(rc == VX_OK || rc == VX_ENOENT);
	return rc == VX_OK;
}

/* Sums of the rows of a domain's day; how many there are. */
static unsigned rows(struct fixture *f, enum vx_report_kind kind, const char *domain,
    uint64_t *a, uint64_t *b)
{
	struct vx_report_count c;
	struct vx_kv_cursor *cursor;
	vx_slice key, value;
	struct vx_view *v;
	struct vx_key k;
	unsigned count = 0;
	int rc;

	*a = *b = 0;
	vx_report_key(&k, VX_REPORT_COUNT, DAY, kind, vx_slice_str(domain));
	vx_key_add(&k, VX_S("\0"));
	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_kv_cursor_open(vx_view_txn(v), VX_TREE_REPORT, &cursor));
	for (rc = vx_kv_seek(cursor, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(&k));
	     rc = vx_kv_next(cursor, &key, &value), count++) {
		vxt_assert_ok(vx_report_count_parse(value, &c));
		*a += c.a;
		*b += c.b;
	}
	vx_kv_cursor_close(cursor);
	vx_view_end(v);
	return count;
}

START_TEST(rows_are_added_up_over_batches)
{
	struct vx_report_batch *b;
	struct fixture f;
	uint64_t sum, none;
	struct seen s;

	fixture_open(&f);
	for (int i = 0; i < 3; i++) {
		b = new_batch(&f);
		vxt_assert_ok(note(b, NOON, "A.example", "192.0.2.1", wants));
		vxt_assert_ok(note(b, NOON + 1, "a.example", "192.0.2.1", wants));
		vxt_assert_ok(note(b, NOON + 1, "a.example", "192.0.2.2", wants));
		vxt_assert_ok(note(b, NOON + 86400, "a.example", "192.0.2.2", wants));
		vx_report_batch_free(b);
	}
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	ck_assert_uint_eq(s.rows, 3); /* "A.example" is another author domain */
	ck_assert_uint_eq(s.seen, 9);
	ck_assert_uint_eq(s.dropped, 0);
	ck_assert_str_eq(s.record,
	    "v=DMARC1; p=reject; sp=none; adkim=r; aspf=s; t=n; fo=1:d; "
	    "rua=mailto:r@a.example!10485760,https://a.example/x");
	ck_assert_uint_eq(rows(&f, VX_REPORT_DMARC, "a.example", &sum, &none), 3);
	ck_assert_uint_eq(sum, 9);
	ck_assert(look(&f, DAY + 1, VX_REPORT_DMARC, "a.example", &s));
	ck_assert_uint_eq(s.seen, 3);
	fixture_close(&f);
}
END_TEST

START_TEST(who_wants_none_is_not_counted)
{
	struct vx_report_batch_options o = { .struct_size = sizeof(o), .tls = true };
	struct vx_report_batch *b;
	struct fixture f;
	struct seen s;

	fixture_open(&f);
	b = new_batch(&f);
	vxt_assert_ok(note(b, NOON, "a.example", "192.0.2.1", "v=DMARC1; p=none"));
	vxt_assert_ok(vx_report_note_dmarc(b, NOON,
	    &(struct vx_dmarc_seen){ .source_ip = "::1",
		.result = &(struct vx_dmarc_result){ .policy_domain = "" } }));
	vx_report_batch_free(b);
	o.store = f.store;
	vxt_assert_ok(vx_report_batch_new(&o, &b));
	vxt_assert_ok(note(b, NOON, "a.example", "192.0.2.1", wants));
	vx_report_batch_free(b);
	vxt_assert_ok(note(NULL, NOON, "a.example", "192.0.2.1", wants));
	ck_assert(!look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	fixture_close(&f);
}
END_TEST

/* A record that changes during the day: the last one counts. */
START_TEST(the_last_record_counts)
{
	struct vx_report_batch *b;
	struct fixture f;
	struct seen s;

	fixture_open(&f);
	b = new_batch(&f);
	vxt_assert_ok(note(b, NOON, "b.example", "::1", wants));
	vxt_assert_ok(note(b, NOON, "a.example", "::1", wants));
	vxt_assert_ok(note(
	    b, NOON, "a.example", "::1", "v=DMARC1; p=none; rua=mailto:other@a.example"));
	vx_report_batch_free(b);
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	ck_assert_uint_eq(s.seen, 2);
	ck_assert_uint_eq(s.rows, 1);
	ck_assert_str_eq(s.record, "v=DMARC1; p=none; adkim=r; aspf=r; t=n; "
				   "rua=mailto:other@a.example");
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "b.example", &s));
	ck_assert_uint_eq(s.seen, 1);
	fixture_close(&f);
}
END_TEST

static int note_tls(struct vx_report_batch *b, const char *policy, unsigned successes,
    struct vx_tls_failure *failures)
{
	struct vx_report_line line = { .text = vx_slice_str(policy) };

	return vx_report_note_tls(b, NOON,
	    &(struct vx_tls_policy){ .domain = VX_S("a.example"),
		.type = VX_TLS_POLICY_STS,
		.lines = &line,
		.mx_hosts = &line,
		.successes = successes,
		.failures = failures != NULL,
		.details = failures });
}

START_TEST(sessions_are_counted_by_policy)
{
	struct vx_tls_failure second = { .type = VX_TLS_CERTIFICATE_EXPIRED,
		.receiving_hostname = VX_S("mx.a.example"),
		.count = 1 };
	struct vx_tls_failure first = {
		.type = VX_TLS_CERTIFICATE_HOST_MISMATCH, .count = 1, .next = &second
	};
	struct vx_report_batch *b;
	uint64_t good, bad;
	struct fixture f;
	struct seen s;

	fixture_open(&f);
	b = new_batch(&f);
	vxt_assert_ok(note_tls(b, "mode: testing", 1, NULL));
	vxt_assert_ok(note_tls(b, "mode: testing", 1, NULL));
	vxt_assert_ok(note_tls(b, "mode: testing", 0, &first));
	vxt_assert_ok(note_tls(b, "mode: enforce", 0, &second));
	vx_report_batch_free(b);
	ck_assert(look(&f, DAY, VX_REPORT_TLS, "a.example", &s));
	ck_assert_uint_eq(s.seen, 4);
	ck_assert_uint_eq(s.rows, 5);
	/* two policies: 2/1 and 0/1; three failures of one session each */
	ck_assert_uint_eq(rows(&f, VX_REPORT_TLS, "a.example", &good, &bad), 5);
	ck_assert_uint_eq(good, 2 + 3);
	ck_assert_uint_eq(bad, 2);
	fixture_close(&f);
}
END_TEST

/* A batch that is full is written at once; while that is under way, more is left out. */
START_TEST(a_batch_has_an_end)
{
	struct vx_report_batch *b;
	struct fixture f;
	unsigned left_out = 0;
	char ip[48];
	struct seen s;

	fixture_open(&f);
	b = new_batch(&f);
	for (int i = 0; i < 2 * VX_REPORT_BATCH_ROWS_MAX; i++) {
		(void)snprintf(ip, sizeof(ip), "2001:db8::%x", (unsigned)i);
		left_out += note(b, NOON, "a.example", ip, wants) != VX_OK;
	}
	ck_assert_uint_gt(left_out, 0);
	ck_assert_uint_lt(left_out, 2 * VX_REPORT_NOTED_FAILURES_MAX);
	vx_report_batch_free(b);
	vx_store_close(f.store); /* answers what was under way */
	fixture_reopen(&f);
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	ck_assert_uint_eq(s.seen, 2 * VX_REPORT_BATCH_ROWS_MAX - (left_out - s.dropped));
	ck_assert_uint_eq(s.rows, 2 * VX_REPORT_BATCH_ROWS_MAX - left_out);
	fixture_close(&f);
}
END_TEST

START_TEST(a_domain_has_an_end)
{
	struct vx_report_batch *b;
	struct fixture f;
	uint64_t sum, none;
	struct seen s;
	char ip[48];

	fixture_open(&f);
	for (unsigned k = 0; k < 5; k++) {
		b = new_batch(&f);
		for (unsigned i = 0; i < VX_REPORT_DOMAIN_ROWS_MAX / 4; i++) {
			(void)snprintf(ip, sizeof(ip), "2001:db8::%x:%x", k, i);
			vxt_assert_ok(note(b, NOON, "a.example", ip, wants));
		}
		vx_report_batch_free(b);
	}
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	ck_assert_uint_eq(s.rows, VX_REPORT_DOMAIN_ROWS_MAX);
	ck_assert_uint_eq(s.dropped, VX_REPORT_DOMAIN_ROWS_MAX / 4);
	ck_assert_uint_eq(s.seen, s.rows + s.dropped);
	ck_assert_uint_eq(rows(&f, VX_REPORT_DMARC, "a.example", &sum, &none), s.rows);
	ck_assert_uint_eq(sum, s.rows);
	fixture_close(&f);
}
END_TEST

struct total_op {
	struct vx_store_op op;
	struct vx_report_total t;
};

static int apply_total(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct total_op *op = (struct total_op *)base;
	struct vx_key k;

	vx_report_key(&k, VX_REPORT_TOTAL, DAY, VX_REPORT_DMARC, vx_slice_of("", 0));
	return vx_report_total_write(txn, &k, &op->t);
}

START_TEST(a_day_has_an_end)
{
	struct total_op op = { .op = { .apply = apply_total },
		.t = { VX_REPORT_DAY_DOMAINS_MAX - 1, 7 } };
	struct vx_report_total t;
	struct vx_report_batch *b;
	struct fixture f;
	struct vx_view *v;
	struct vx_key k;
	struct seen s;

	fixture_open(&f);
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	for (int i = 0; i < 2; i++) {
		b = new_batch(&f);
		vxt_assert_ok(
		    note(b, NOON, i == 0 ? "a.example" : "b.example", "::1", wants));
		vxt_assert_ok(note(b, NOON, "a.example", "::1", wants));
		vx_report_batch_free(b);
	}
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	ck_assert_uint_eq(s.seen, 3);
	ck_assert(!look(&f, DAY, VX_REPORT_DMARC, "b.example", &s));
	vx_report_key(&k, VX_REPORT_TOTAL, DAY, VX_REPORT_DMARC, vx_slice_of("", 0));
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_report_total_read(vx_view_txn(v), &k, &t));
	vx_view_end(v);
	ck_assert_uint_eq(t.domains, VX_REPORT_DAY_DOMAINS_MAX);
	ck_assert_uint_eq(t.dropped, 8);
	fixture_close(&f);
}
END_TEST

static void quiet(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

START_TEST(a_repair_keeps_what_was_counted)
{
	struct vx_report_batch *b;
	struct vx_error err;
	struct fixture f;
	uint64_t sum, none;
	struct seen s;

	fixture_open(&f);
	b = new_batch(&f);
	vxt_assert_ok(note(b, NOON, "a.example", "::1", wants));
	vx_report_batch_free(b);
	vx_store_close(f.store);
	vxt_assert_ok(vx_store_repair(f.dir, quiet, NULL, &err));
	fixture_reopen(&f);
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	ck_assert_uint_eq(rows(&f, VX_REPORT_DMARC, "a.example", &sum, &none), 1);
	fixture_close(&f);
}
END_TEST

/* The name of the reports' tree in the file becomes another one: as if it were older. */
static void forget_tree(const struct fixture *f)
{
	struct vx_buf text;
	char path[600];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/state.mdb", f->dir);
	text = vxt_read(path);
	file = fopen(path, "r+b");
	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i + 6 <= text.len; i++)
		if (memcmp(text.ptr + i, "report", 6) == 0) {
			ck_assert_int_eq(fseek(file, (long)i + 3, SEEK_SET), 0);
			ck_assert_int_eq(fputc('0', file), '0');
		}
	ck_assert_int_eq(fclose(file), 0);
	vx_buf_done(&text);
}

START_TEST(an_older_state_has_none)
{
	struct vx_store_options o = { .struct_size = sizeof(o), .read_only = true };
	struct vx_report_batch *b;
	struct vx_report_day d;
	struct vx_error err;
	struct fixture f;
	struct vx_view *v;
	struct seen s;
	uint64_t count;

	fixture_open(&f);
	b = new_batch(&f);
	vxt_assert_ok(note(b, NOON, "b.example", "::1", wants));
	vx_report_batch_free(b);
	vx_store_close(f.store);
	forget_tree(&f);
	o.dir = f.dir;
	ck_assert_msg(vx_store_open(&o, &f.store, &err) == VX_OK, "%s", err.text);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	ck_assert_int_eq(vx_report_day_next(v, NULL, &d), VX_ENOENT);
	vxt_assert_ok(vx_report_waiting(v, &count));
	ck_assert_uint_eq(count, 0);
	vx_view_end(v);
	vx_store_close(f.store);
	fixture_reopen(&f); /* who writes makes it */
	b = new_batch(&f);
	vxt_assert_ok(note(b, NOON, "a.example", "::1", wants));
	vx_report_batch_free(b);
	ck_assert(look(&f, DAY, VX_REPORT_DMARC, "a.example", &s));
	ck_assert(!look(&f, DAY, VX_REPORT_DMARC, "b.example", &s));
	fixture_close(&f);
}
END_TEST

START_TEST(reports_are_known_by_their_header)
{
	static const struct {
		const char *header;
		bool is;
	} cases[] = {
		{ "Subject: Report Domain: a.example\r\n\tSubmitter: b.example\r\n"
		  "\tReport-ID: <x>\r\n\r\n",
		    true },
		{ "From: a@b\r\nsubject: report domain: a Submitter: b\r\n\r\n", true },
		{ "TLS-Report-Domain: a.example\r\n\r\n", true },
		{ "Subject: Re: Report Domain: a.example Submitter: b\r\n\r\n", false },
		{ "Subject: Report Domain: a.example\r\n\r\n", false },
		{ "X: y\r\n\r\nTLS-Report-Domain: a.example\r\n", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
		    vx_report_is_report(vx_slice_str(cases[i].header)) == cases[i].is,
		    "%s", cases[i].header);
}
END_TEST

VXT_SUITE(test_count, "count", rows_are_added_up_over_batches,
    who_wants_none_is_not_counted, the_last_record_counts, sessions_are_counted_by_policy,
    a_batch_has_an_end, a_domain_has_an_end, a_day_has_an_end,
    a_repair_keeps_what_was_counted, an_older_state_has_none,
    reports_are_known_by_their_header)
