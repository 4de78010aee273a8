/*
 * Whole reports of the sender to those whose message it was, compared octet for octet
 * with files that were read by eye.  The clock stands still; of the one thing that is
 * random, the report's own token, it is checked that it is one, and then it is another.
 */
#include "lib/vxt.h"
#include "service/sender_int.h"
#include "service/world.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN_OCTETS 24
#define TOKEN "000102030405060708090a0b" /* for the random one */
#define HOUR 3600
#define DAY (24 * HOUR)

#define HEADER                                                                           \
	"Received: from c.test by mx.example.test; Tue, 14 Nov 2023 10:00:00 +0000\r\n"  \
	"Date: Tue, 14 Nov 2023 09:59:58 +0000\r\n"                                      \
	"From: Alice <alice@example.test>\r\n"                                           \
	"To: bob@b.test\r\n"                                                             \
	"Subject: Lunch\r\n"                                                             \
	"Message-ID: <lunch@example.test>\r\n"
#define ORIGINAL HEADER "\r\nAt noon?\r\n.\r\n--=_\r\n"
#define UTF8_ORIGINAL                                                                    \
	"From: \xc3\x84nne <\xc3\xa4nn@far.test>\r\n"                                    \
	"Subject: Gr\xc3\xbc\xc3\x9f"                                                    \
	"e\r\n\r\nBis sp\xc3\xa4ter\r\n"
#define FULL VX_QUEUE_RET_FULL
#define HDRS VX_QUEUE_RET_HEADERS
#define SUCCESS (VX_SMTP_NOTIFY_SUCCESS | VX_SMTP_NOTIFY_FAILURE)

struct told {
	const char *path, *orcpt;
	unsigned notify;
	enum vx_smtp_outcome outcome;
	unsigned code;
	const char *status, *text;
	bool dsn; /* the next server tells of it */
};

static const struct report_case {
	const char *name, *from, *envid, *original;
	const char *destination; /* NULL: b.test */
	unsigned flags;
	uint32_t age;
	uint32_t release; /* seconds after it was taken */
	const char *hold;
	struct told to[4];
} cases[] = {
	{ .name = "failed",
	    .envid = "QQ+2B31+20x",
	    .to = { { "bob@b.test", "rfc822;bob+2Blunch@b.test", VX_SMTP_NOTIFY_FAILURE,
		VX_SMTP_PERMANENT, 550, "5.1.1", "no such mailbox", false } } },
	{ .name = "failed-hdrs",
	    .flags = HDRS,
	    .to = { { "bob@b.test", NULL, 0, VX_SMTP_PERMANENT, 552, "5.3.4", "too large",
		false } } },
	{ .name = "failed-full",
	    .flags = FULL,
	    .to = { { "bob@b.test", NULL, 0, VX_SMTP_PERMANENT, 554, "5.7.1",
		"we do not want it", false } } },
	{ .name = "failed-full-8bit",
	    .original = "Subject: Lunch\r\n\r\nUm zw\xc3\xb6lf?\r\n",
	    .flags = FULL | VX_QUEUE_8BIT | VX_QUEUE_HAS_8BIT,
	    .to = { { "bob@b.test", NULL, 0, VX_SMTP_TO_7BIT, 0, "5.6.3",
		"the server takes 7 bits only", false } } },
	{ .name = "delayed",
	    .age = 5 * HOUR,
	    .envid = "42",
	    .to = { { "bob@b.test", "rfc822;bob@b.test", VX_SMTP_NOTIFY_DELAY,
		VX_SMTP_TEMPORARY, 452, "4.2.2", "the mailbox is full", false } } },
	{ .name = "delayed-held", /* the hours count from its release (RFC 4865 4) */
	    .age = 10 * HOUR,
	    .release = 5 * HOUR,
	    .hold = "for;18000",
	    .to = { { "bob@b.test", NULL, 0, VX_SMTP_TEMPORARY, 0, "4.4.1",
		"nobody answers", false } } },
	{ .name = "expired",
	    .age = 5 * DAY,
	    .to = { { "bob@b.test", NULL, 0, VX_SMTP_TEMPORARY, 0, "4.4.2",
		"the connection was lost", false } } },
	{ .name = "relayed",
	    .envid = "QQ+2B31+20x",
	    .flags = FULL, /* of failures only (RFC 3461 4.3) */
	    .to = { { "bob@b.test", "rfc822;bob+2Blunch@b.test", SUCCESS,
		VX_SMTP_DELIVERED, 250, "2.0.0", "queued as 1", false } } },
	{ .name = "delivered",
	    .destination = VX_QUEUE_DELIVERED,
	    .to = { { "bob@example.test", "rfc822;bob@example.test", SUCCESS,
		VX_SMTP_DELIVERED, 0, "2.0.0", "", false } } },
	{ .name = "expanded",
	    .destination = VX_QUEUE_EXPANDED,
	    .to = { { "team@example.test", "rfc822;team@example.test", SUCCESS,
		VX_SMTP_DELIVERED, 0, "2.0.0", "", false } } },
	/* one of each kind; of two nothing is told: the one has NEVER, and of the
	   other the next server tells by itself */
	{ .name = "several",
	    .age = 6 * HOUR,
	    .to = { { "bob@b.test", NULL, SUCCESS, VX_SMTP_DELIVERED, 250, "2.1.5", "ok",
			false },
		{ "carol@b.test", NULL, 0, VX_SMTP_TEMPORARY, 451, "4.3.0", "not now",
		    false },
		{ "dave@b.test", "rfc822;Dave@b.test", 0, VX_SMTP_PERMANENT, 550, "5.1.1",
		    "no such mailbox", false },
		{ "eve@b.test", NULL, VX_SMTP_NOTIFY_NEVER, VX_SMTP_PERMANENT, 550,
		    "5.1.1", "no such mailbox", false } } },
	{ .name = "several-failed",
	    .from = "ann@far.test",
	    .to = { { "bob@b.test", NULL, 0, VX_SMTP_PERMANENT, 550, "5.1.1",
			"no such mailbox", false },
		{ "carol@b.test", NULL, SUCCESS, VX_SMTP_DELIVERED, 250, "2.0.0", "ok",
		    true },
		{ "dave@b.test", NULL, 0, VX_SMTP_PERMANENT, 0, "5.6.7",
		    "the server takes no UTF-8", false } } },
	{ .name = "utf8-recipient", /* its sender may read ASCII only */
	    .flags = VX_QUEUE_UTF8,
	    .to = { { "b\xc3\xb6"
		      "b@b.test",
		"utf-8;b\\x{F6}b@b.test", 0, VX_SMTP_PERMANENT, 550, "5.1.1",
		"gibt\xc2\xb4s nicht", false } } },
	{ .name = "utf8-sender",
	    .from = "\xc3\xa4nn@far.test",
	    .original = UTF8_ORIGINAL,
	    .flags = VX_QUEUE_UTF8 | VX_QUEUE_HAS_UTF8_HEADER | VX_QUEUE_HAS_8BIT |
		     VX_QUEUE_8BIT,
	    .envid = "1",
	    .to = { { "b\xc3\xb6"
		      "b@b.test",
		"utf-8;b\xc3\xb6"
		"b@b.test",
		0, VX_SMTP_PERMANENT, 550, "5.1.1", "gibt\xc2\xb4s nicht", false } } },
	{ .name = "utf8-sender-full",
	    .from = "\xc3\xa4nn@far.test",
	    .original = UTF8_ORIGINAL,
	    .flags = FULL | VX_QUEUE_UTF8 | VX_QUEUE_HAS_UTF8_HEADER | VX_QUEUE_HAS_8BIT |
		     VX_QUEUE_8BIT,
	    .to = { { "bob@b.test", NULL, 0, VX_SMTP_PERMANENT, 553, "5.6.7",
		"no SMTPUTF8", false } } },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static const char *path_of(const struct report_case *c)
{
	return c->from != NULL ? c->from : "alice@example.test";
}

static const char *destination_of(const struct report_case *c)
{
	return c->destination != NULL ? c->destination : "b.test";
}

static vx_slice text_of(const char *s)
{
	return vx_slice_str(s != NULL ? s : "");
}

static size_t count_of(const struct report_case *c)
{
	size_t n = 0;

	while (n < 4 && c->to[n].path != NULL)
		n++;
	return n;
}

static void queue_message(struct world *w, const struct report_case *c)
{
	struct vx_queue_to to[4];
	struct vx_queue_new n = { .created = WORLD_NOW - c->age,
		.due = WORLD_NOW,
		.size = 10,
		.token = "0123456789abcde",
		.flags = c->flags,
		.reverse_path = vx_slice_str(path_of(c)),
		.envid = text_of(c->envid),
		.release = c->release > 0 ? WORLD_NOW - c->age + c->release : 0,
		.hold = text_of(c->hold),
		.to = to,
		.count = count_of(c) };
	struct vx_queue_also also = { .add = &n, .add_count = 1 };
	struct vx_blob_writer *blob;
	struct vx_deliver_op op;

	for (size_t i = 0; i < n.count; i++)
		to[i] = (struct vx_queue_to){ .forward_path = vx_slice_str(c->to[i].path),
			.orcpt = text_of(c->to[i].orcpt),
			.destination = vx_slice_str(destination_of(c)),
			.notify = c->to[i].notify };
	vxt_assert_ok(vx_blob_writer_new(w->store, &blob));
	/* what was written when it was filed here, too, does not go back */
	ck_assert_int_ge(
	    vx_blob_writer_add(blob, VX_S("Return-Path: <alice@example.test>\r\n")), 0);
	ck_assert_int_ge(vx_blob_writer_add(blob,
			     vx_slice_str(c->original != NULL ? c->original : ORIGINAL)),
	    0);
	vx_deliver_op_init(&op, blob);
	op.all_or_none = true;
	op.also = vx_queue_also;
	op.also_ctx = &also;
	vxt_assert_ok(vx_store_run(w->store, &op.op));
	vx_blob_writer_free(blob);
}

/* The message has its fate. */
static void judge(struct vx_sender *s, struct destination *d, const struct report_case *c)
{
	struct sender_outgoing *o;
	uint32_t due;

	vxt_assert_ok(vx_sender_claim(s, d, WORLD_NOW, &o, &due));
	ck_assert_uint_eq(o->count, count_of(c));
	if (c->destination == NULL)
		(void)snprintf(o->host, sizeof(o->host), "mx.b.test");
	for (size_t i = 0; i < o->count; i++) {
		const struct told *t = &c->to[i];
		struct vx_smtp_result r = { .outcome = t->outcome,
			.stage = VX_SMTP_AT_RCPT,
			.code = t->code,
			.text = vx_slice_str(t->text),
			.dsn = t->dsn };

		(void)snprintf(r.status, sizeof(r.status), "%s", t->status);
		vx_sender_note(o, i, &r);
	}
	vx_sender_settle(s, o);
}

static void read_blob(struct world *w, uint64_t id, struct vx_buf *out)
{
	struct vx_blob_reader *r;
	vx_slice text;
	int rc;

	vxt_assert_ok(vx_blob_open(w->store, id, &r));
	while ((rc = vx_blob_read(r, out->len, 1 << 20, &text)) == VX_WAIT ||
	       (rc == VX_OK && text.len > 0)) {
		if (rc == VX_OK)
			vx_buf_add(out, text);
		else
			vxt_assert_ok(vx_blob_fetch(r, out->len, 1 << 20));
	}
	vxt_assert_ok(rc);
	vx_blob_close(r);
}

/* The report that is to leave, if there is one; it goes to nobody else. */
static bool read_queued(struct world *w, const struct report_case *c, struct vx_buf *out)
{
	struct vx_queue_message m = { 0 };
	struct vx_queue_recipient r;
	struct vx_view *v;
	bool found = false;

	vxt_assert_ok(vx_view_begin(w->store, &v));
	while (!found && vx_queue_next(v, m.id, &m) == VX_OK)
		found = m.reverse_path.len == 0;
	if (found) {
		ck_assert_uint_eq(m.recipients, 1);
		ck_assert((m.flags & VX_QUEUE_REPORT) != 0);
		vxt_assert_ok(vx_queue_recipient(v, m.id, 0, &r));
		vxt_assert_str(r.forward_path, path_of(c));
		ck_assert_uint_eq(r.notify, VX_SMTP_NOTIFY_NEVER);
	}
	vx_view_end(v);
	if (found) {
		read_blob(w, m.blob, out);
		ck_assert_uint_eq(m.size, out->len);
		ck_assert(((m.flags & VX_QUEUE_UTF8) != 0) ==
			  (vx_slice_find_slice(vx_buf_slice(out), VX_S("To: <\xc3\xa4")) <
			      out->len));
	}
	return found;
}

/* The token, wherever it stands, is another one. */
static void replace_token(struct vx_buf *text)
{
	static const char field[] = "\r\nMessage-ID: <";
	const size_t at = vx_slice_find_slice(vx_buf_slice(text), vx_slice_str(field)) +
			  sizeof(field) - 1;
	char token[TOKEN_OCTETS + 1];
	unsigned count = 0;

	ck_assert_uint_lt(at + TOKEN_OCTETS, text->len);
	memcpy(token, text->ptr + at, TOKEN_OCTETS);
	token[TOKEN_OCTETS] = '\0';
	ck_assert_uint_eq(strspn(token, "0123456789abcdef"), TOKEN_OCTETS);
	ck_assert_str_ne(token, TOKEN);
	for (size_t i = 0; i + TOKEN_OCTETS <= text->len; i++)
		if (memcmp(text->ptr + i, token, TOKEN_OCTETS) == 0) {
			memcpy(text->ptr + i, TOKEN, TOKEN_OCTETS);
			count++;
		}
	ck_assert_uint_ge(count, 4); /* the id, and the boundary */
}

static void compare(struct world *w, const struct report_case *c)
{
	struct vx_buf got = { .max = 1 << 20 }, want;
	char path[100];

	if (!read_queued(w, c, &got))
		world_read(w, "alice", 0, &got);
	ck_assert(
	    vx_slice_has_prefix(vx_buf_slice(&got), VX_S("Return-Path: <>\r\nDate: ")));
	replace_token(&got);
	(void)snprintf(path, sizeof(path), "sender_reports/%s.eml", c->name);
	want = vxt_read(path);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)), "%s:\n%.*s",
	    c->name, (int)got.len, got.ptr);
	vx_buf_done(&got);
	vx_buf_done(&want);
}

/* Those that are done with are not in the queue any more, and nothing is told twice. */
static void check_left(struct world *w, const struct report_case *c)
{
	struct vx_queue_message m;
	size_t later = 0;
	struct vx_view *v;
	int rc;

	for (size_t i = 0; i < count_of(c); i++)
		later += c->to[i].outcome == VX_SMTP_TEMPORARY && c->age < 5 * DAY;
	vxt_assert_ok(vx_view_begin(w->store, &v));
	rc = vx_queue_next(v, 0, &m);
	if (later == 0)
		ck_assert(rc == VX_ENOENT || m.reverse_path.len == 0);
	else
		ck_assert_uint_eq(m.left, later);
	vx_view_end(v);
}

static void remove_all(struct world *w)
{
	struct vx_queue_admin_op op;

	vx_queue_admin_op_init(&op, VX_QUEUE_REMOVE);
	op.now = WORLD_NOW;
	do {
		vxt_assert_ok(vx_store_run(w->store, &op.op));
		op.from_id = op.next_id;
	} while (op.next_id != 0);
}

START_TEST(whole_reports)
{
	static const struct vx_log log = { .fd = -1, .level = VX_LOG_ERROR };
	struct destination *d = calloc(1, sizeof(*d) + VX_DNS_NAME_MAX + 1);
	static struct vx_sender s;
	struct world w;

	ck_assert_ptr_nonnull(d);
	world_open(&w);
	s = (struct vx_sender){ .o = { .store = w.store,
				    .log = &log,
				    .loop = &w.loop,
				    .hostname = "mx.example.test",
				    .delimiter = '+',
				    .retry_s = 60,
				    .retry_max_s = 300,
				    .warn_s = 4 * HOUR,
				    .expire_s = 5 * DAY },
		.keys = { .store = w.store, .loop = &w.loop },
		.stopping = true };
	for (size_t i = 0; i < CASES; i++) {
		(void)snprintf(
		    d->name, VX_DNS_NAME_MAX + 1, "%s", destination_of(&cases[i]));
		queue_message(&w, &cases[i]);
		judge(&s, d, &cases[i]);
		for (int k = 0; k < 3 && s.settlements != NULL; k++)
			world_settle(&w); /* the silent ones, and then the report */
		ck_assert_ptr_null(s.settlements);
		check_left(&w, &cases[i]);
		compare(&w, &cases[i]);
		remove_all(&w);
		world_empty(&w);
	}
	vx_own_keys_free(&s.keys);
	world_close(&w);
	free(d);
}
END_TEST

VXT_SUITE(test_sender_reports, "sender_reports", whole_reports)
