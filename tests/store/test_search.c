/*
 * The search index: what it answers, together with looking where it says so, is what a
 * scan finds, over mail in many scripts and at any moment: behind, being merged, after
 * expunges, copies, restarts, deletion of the file and damage to it.
 */
#include "fixture.h"

#include "base/encode.h"
#include "base/mem.h"
#include "store/account.h"
#include "store/search_int.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- mail in many scripts ----------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 11) % n;
}

static const char *const words[] = { "the", "The", "invoice", "Invoice-2024", "meeting",
	"alice@example.org", "bob.smith@mail.example", "re-entry", "state-of-the-art",
	"O'Brien", "e-mail", "a", "I", "x1", "42", "3.14", "100%", "C++", "a_b_c", "->",
	"...", "--", "(see", "below)", "\"quoted\"", "http://example.org/a?b=c&d=e",
	"Gr\u00fc\u00dfe", "STRASSE", "stra\u00dfe", "J\u00fcrgen", "ju\u0308rgen",
	"na\u00efve", "cr\u00e8me", "br\u00fbl\u00e9e", "\u0141\u00f3d\u017a",
	"\u0130stanbul", "\u0131\u015f\u0131k", "\ufb01lm", "\u0152uvre",
	"\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1",
	"\u03ba\u03cc\u03c3\u03bc\u03bf\u03c2",
	"\u03a3\u0395\u0399\u03a3\u039c\u039f\u03a3",
	"\u041f\u0440\u0438\u0432\u0435\u0442", "\u043c\u0438\u0440",
	"\u0401\u0436\u0438\u043a", "\u0439\u043e\u0434", "\u05e9\u05dc\u05d5\u05dd",
	"\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u0645\u0631\u062d\u0628\u0627",
	"\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
	"\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e04\u0e23\u0e31\u0e1a\u0e17\u0e38\u0e01"
	"\u0e04\u0e19",
	"\u0928\u092e\u0938\u094d\u0924\u0947", "\u4f60\u597d\u4e16\u754c",
	"\u4e2d\u6587\u90ae\u4ef6\u641c\u7d22",
	"\u65e5\u672c\u8a9e\u306e\u30e1\u30fc\u30eb", "\u304c\u304e\u3050",
	"\uff76\uff9e\uff77\uff9e", "\ud55c\uad6d\uc5b4", "\ud55c", "\U0001f600",
	"\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea",
	"\u2764\ufe0f", "\u20ac5", "\u00bd", "x\u00b2", "\u212bngstr\u00f6m",
	"\U00020000\U00020001",
	"Donaudampfschifffahrtsgesellschaftskapit\u00e4nsm\u00fctzenabzeichenverordnungsg"
	"esetzentwurfsfassung",
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	"0123456789abcdef"
	"0123456789abcdef0123456789abcdef",
	"\u05d0\u05d1\u05d2\u05d3\u05d4\u05d5\u05d6\u05d7\u05d8\u05d9\u05db\u05dc\u05de"
	"\u05e0\u05e1"
	"\u05e2\u05e4\u05e6\u05e7\u05e8\u05e9\u05ea\u05d0\u05d1\u05d2\u05d3\u05d4\u05d5"
	"\u05d6\u05d7"
	"\u05d8\u05d9\u05db\u05dc\u05de\u05e0\u05e1\u05e2\u05e4\u05e6\u05e7\u05e8\u05e9"
	"\u05ea\u05d0"
	"\u05d1\u05d2\u05d3\u05d4\u05d5\u05d6\u05d7\u05d8\u05d9\u05db\u05dc" };
#define WORDS (sizeof(words) / sizeof(words[0]))

/* Text in old charsets, as it is in the message. */
static const char *const olds[][2] = { { "iso-8859-1", "caf\xe9 gar\xe7on \xfc\xdf" },
	{ "koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4 \xcd\xc9\xd2" },
	{ "shift_jis", "\x93\xfa\x96\x7b\x8c\xea" }, { "gb2312", "\xc4\xe3\xba\xc3" },
	{ "windows-1255", "\xf9\xec\xe5\xed" }, { "iso-2022-jp", "\x1b$BF|K\\8l\x1b(B" },
	{ "utf-7", "+T2BZfQ- x" }, { "us-ascii", "8 bit \xfc" },
	{ "x-nothing", "a\xff z" } };
#define OLDS (sizeof(olds) / sizeof(olds[0]))

static void add_word(struct vx_buf *out)
{
	static const char *const gaps[] = { " ", " ", " ", " ", " ", ", ", ". ", "",
		"\r\n", "-", "\u3000", "/" };

	if (random_below(12) == 0) /* one that is in few messages */
		vx_buf_printf(out, "%s%u", random_below(2) == 0 ? "nr" : "\u2116",
		    random_below(5000));
	else
		vx_buf_add_str(out, words[random_below(WORDS)]);
	vx_buf_add_str(out, gaps[random_below(12)]);
}

static void add_words(struct vx_buf *out, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		add_word(out);
}

static void add_qp(vx_slice s, struct vx_buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.ptr[i];

		if (c == '=' || c > 126)
			vx_buf_printf(out, "=%02X", c);
		else
			vx_buf_add_char(out, s.ptr[i]);
		if (i % 60 == 59 && c != '\r')
			vx_buf_add_str(out, "=\r\n");
	}
}

static void add_body(struct vx_buf *out, bool html)
{
	struct vx_buf text = { .max = 1 << 20 };
	const uint32_t how = random_below(4);

	if (how == 3 && !html) {
		const char *const *const old = olds[random_below(OLDS)];

		vx_buf_printf(out,
		    "Content-Type: text/plain; charset=\"%s\"\r\n\r\n%s\r\n", old[0],
		    old[1]);
		return;
	}
	if (html)
		vx_buf_add_str(
		    &text, "<html><style>p{}</style><p>one <b>bo</b>ld&amp;x ");
	add_words(&text, 3 + random_below(40));
	if (html)
		vx_buf_add_str(&text, "<br>&uuml;ber</p></html>");
	vx_buf_printf(out,
	    "Content-Type: text/%s; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n",
	    html ? "html" : "plain",
	    how == 0   ? "8bit"
	    : how == 1 ? "quoted-printable"
		       : "base64");
	if (how == 1)
		add_qp(vx_buf_slice(&text), out);
	else if (how == 0)
		vx_buf_add(out, vx_buf_slice(&text));
	else
		vx_base64_add(out, vx_buf_slice(&text));
	vx_buf_add_str(out, "\r\n");
	vx_buf_done(&text);
}

static void add_encoded(struct vx_buf *out)
{
	struct vx_buf text = { .max = 4096 };

	add_words(&text, 2);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '\r' || text.ptr[i] == '\n')
			text.ptr[i] = ' ';
	if (random_below(2) == 0) {
		vx_buf_add_str(out, "=?utf-8?B?");
		vx_base64_add(out, vx_buf_slice(&text));
		vx_buf_add_str(out, "?=");
	} else {
		vx_buf_add(out, vx_buf_slice(&text));
	}
	vx_buf_done(&text);
}

static void make_message(struct vx_buf *m)
{
	const char *const parts[] = { "", "", "multipart", "message" };
	const char *const kind = parts[random_below(4)];

	vx_buf_reset(m);
	vx_buf_add_str(m, "Subject: ");
	add_encoded(m);
	vx_buf_printf(m, "\r\nFrom: ");
	add_encoded(m);
	vx_buf_printf(m,
	    " <a%u@example.org>\r\nTo: list-%u@example.net,\r\n b@example.org\r\n",
	    random_below(20), random_below(50));
	if (random_below(3) == 0)
		vx_buf_add_str(m, "Cc: Carla <carla@example.com>\r\n");
	if (random_below(5) == 0)
		vx_buf_add_str(m, "X-Spam-Flag: YES\r\nTo: second@example.org\r\n");
	if (random_below(9) == 0)
		vx_buf_add_str(m, "Bcc: hidden@example.org\r\nno field at all\r\n");
	vx_buf_printf(
	    m, "Message-ID: <%u.%u@host>\r\n", random_below(100000), random_below(9));
	if (kind[0] == '\0') {
		add_body(m, random_below(3) == 0);
		return;
	}
	vx_buf_add_str(m, "Content-Type: multipart/mixed; boundary=XX\r\n\r\n--XX\r\n");
	add_body(m, false);
	vx_buf_add_str(m, "--XX\r\n");
	if (kind[1] == 'e') {
		vx_buf_add_str(m, "Content-Type: message/rfc822\r\n\r\nSubject: inside ");
		add_encoded(m);
		vx_buf_add_str(m, "\r\n");
	}
	add_body(m, true);
	vx_buf_add_str(m,
	    "--XX\r\nContent-Type: application/pdf; name=\"r\u00e9sum\u00e9.pdf\"\r\n"
	    "\r\nnot searched\r\n--XX--\r\n");
}

/* --- brute force ----------------------------------------------------------------------
 */

/* What a scan has of a message: made once, as bodies do not change. */
struct seen {
	uint64_t blob;
	struct vx_buf header, body; /* folded */
	struct vx_buf octets;       /* the header as it is */
};

static struct seen *seen;
static size_t seen_count;
static struct vx_plain plain;

static struct seen *see(struct fixture *f, uint64_t blob)
{
	struct vx_blob_reader *reader;
	struct vx_blob_source source;
	struct vx_descriptor d;
	struct vx_view *v;
	vx_slice octets;
	struct seen *s;

	for (size_t i = seen_count; i-- > 0;)
		if (seen[i].blob == blob)
			return &seen[i];
	seen = realloc(seen, (seen_count + 1) * sizeof(*seen));
	s = &seen[seen_count++];
	*s = (struct seen){ blob, { .max = 1 << 24 }, { .max = 1 << 24 },
		{ .max = 1 << 20 } };
	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_descriptor_get(v, blob, &octets));
	vx_buf_add(&s->header, octets);
	vx_view_end(v);
	vxt_assert_ok(vx_blob_open(f->store, blob, &reader));
	vx_blob_source_init(&source, reader);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&s->header), &d));
	vxt_assert_ok(vx_plain_body(&plain, &d, &source.base, &s->body));
	vxt_assert_ok(source.base.read(&source.base, 0, d.header_size, &octets));
	vx_buf_add(&s->octets, octets);
	vx_buf_reset(&s->header);
	vx_plain_header(&plain, vx_buf_slice(&s->octets), &s->header);
	vx_blob_source_done(&source);
	vx_blob_close(reader);
	ck_assert(!s->header.failed && !s->body.failed);
	return s;
}

static void forget_seen(void)
{
	for (size_t i = 0; i < seen_count; i++) {
		vx_buf_done(&seen[i].header);
		vx_buf_done(&seen[i].body);
		vx_buf_done(&seen[i].octets);
	}
	free(seen);
	seen = NULL;
	seen_count = 0;
	vx_plain_done(&plain);
}

static bool has(const struct vx_buf *text, vx_slice needle)
{
	return needle.len == 0 ||
	       vx_slice_find_slice(vx_buf_slice(text), needle) < text->len;
}

static bool field_has(const struct seen *s, vx_slice name, vx_slice needle)
{
	struct vx_buf value = { .max = 1 << 20 };
	vx_slice block = vx_buf_slice(&s->octets);
	struct vx_field f;
	bool found = false;

	while (!found && vx_field_next(&block, &f)) {
		if (f.bad || !vx_slice_eq_nocase(f.name, name))
			continue;
		vx_buf_reset(&value);
		vx_plain_value(&plain, &f, &value);
		found = has(&value, needle);
	}
	vx_buf_done(&value);
	return found;
}

static bool brute(const struct seen *s, const struct vx_search_question *q)
{
	switch (q->field) {
	case VX_SEARCH_IN_TEXT:
		return has(&s->header, q->needle) || has(&s->body, q->needle);
	case VX_SEARCH_IN_BODY:
		return has(&s->body, q->needle);
	case VX_SEARCH_IN_FIELD:
		return field_has(s, q->name, q->needle);
	}
	return false;
}

/* --- questions
 * --------------------------------------------------------------------------- */

/* Octets of text from one code point to another. */
static vx_slice cut_anywhere(vx_slice text, uint32_t most)
{
	size_t begin, end;

	if (text.len == 0)
		return text;
	begin = random_below((uint32_t)text.len);
	end = begin + 1 + random_below(most);
	while (begin > 0 && ((unsigned char)text.ptr[begin] & 0xc0) == 0x80)
		begin--;
	while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
		end++;
	return vx_slice_from(vx_slice_head(text, end), begin);
}

static void random_needle(struct vx_buf *raw)
{
	const uint32_t kind = random_below(8);
	const struct seen *s =
	    seen_count == 0 ? NULL : &seen[random_below((uint32_t)seen_count)];

	vx_buf_reset(raw);
	if (kind < 3 && s != NULL)
		vx_buf_add(
		    raw, cut_anywhere(
			     vx_buf_slice(random_below(2) == 0 ? &s->header : &s->body),
			     kind == 0   ? 4
			     : kind == 1 ? 12
					 : 120));
	else if (kind < 6)
		vx_buf_add(raw, cut_anywhere(vx_slice_str(words[random_below(WORDS)]),
				    kind == 3 ? 3 : 200));
	else if (kind == 6)
		vx_buf_printf(raw, "nr%u", random_below(5000));
	else
		add_words(raw, 1 + random_below(3));
}

static struct vx_search_question random_question(
    struct vx_buf *raw, struct vx_buf *folded)
{
	static const char *const names[] = { "subject", "From", "TO", "cc", "Bcc",
		"message-id", "X-Spam-Flag", "Not-There", "content-type", "" };
	struct vx_search_question q = { .field = (enum vx_search_field)random_below(3) };

	random_needle(raw);
	vx_buf_reset(folded);
	if (random_below(60) > 0)
		vx_text_fold(vx_buf_slice(raw), folded);
	q.needle = vx_buf_slice(folded);
	q.name = vx_slice_str(names[random_below(10)]);
	return q;
}

struct tally {
	unsigned questions, yes, no, maybe, unknown;
};

static void compare(struct fixture *f, const struct vx_search_question *q,
    struct vx_search_answer *a, size_t number, uint32_t mailbox, struct tally *t)
{
	static struct vx_record records[4096];
	const size_t count = fixture_records(f, mailbox, records, 4096);

	for (size_t i = 0; i < count; i++) {
		const struct seen *s = see(f, records[i].blob);
		const enum vx_search_verdict v =
		    vx_search_verdict(a, number, records[i].blob);
		const bool want = brute(s, q);
		char text[512];

		ck_assert_msg(v == VX_SEARCH_MAYBE || (v == VX_SEARCH_YES) == want,
		    "field %d name %.*s needle \"%s\": %d, not %d", (int)q->field,
		    (int)q->name.len, q->name.ptr,
		    vxt_escape(q->needle, text, sizeof(text)), (int)v, want);
		t->yes += v == VX_SEARCH_YES;
		t->no += v == VX_SEARCH_NO;
		t->maybe += v == VX_SEARCH_MAYBE;
	}
}

static void ask_some(struct fixture *f, unsigned questions, struct tally *t)
{
	for (unsigned i = 0; i < questions; i++) {
		struct vx_buf raw[2] = { { .max = 8192 }, { .max = 8192 } };
		struct vx_buf folded[2] = { { .max = 32768 }, { .max = 32768 } };
		struct vx_search_question q[2];
		struct vx_search_answer *a;

		for (size_t n = 0; n < 2; n++)
			q[n] = random_question(&raw[n], &folded[n]);
		vxt_assert_ok(vx_search_ask(f->store, 1, q, 2, NULL, NULL, &a));
		for (size_t n = 0; n < 2; n++) {
			compare(f, &q[n], a, n, f->inbox, t);
			compare(f, &q[n], a, n, f->archive, t);
			t->questions++;
		}
		vx_search_answer_free(a);
		for (size_t n = 0; n < 2; n++) {
			vx_buf_done(&raw[n]);
			vx_buf_done(&folded[n]);
		}
	}
}

/* --- the store
 * ------------------------------------------------------------------------------ */

static void open_with(struct fixture *f, enum vx_store_search search)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.dir = f->dir,
		.map_octets = 1 << 20,
		.volume_octets = 4 << 20,
		.ballast_octets = 4096,
		.search = search };
	struct vx_error err;

	ck_assert_msg(vx_store_open(&o, &f->store, &err) == VX_OK, "%s", err.text);
}

static void reopen(struct fixture *f, enum vx_store_search search)
{
	vx_store_close(f->store);
	open_with(f, search);
}

#define TOGETHER 64

static unsigned waiting;

static void delivered(struct vx_store_op *op)
{
	vxt_assert_ok(op->result);
	waiting--;
}

/* So many in one commit: flushing each would take most of the test's time. */
static void add_together(struct fixture *f, unsigned count)
{
	static struct vx_deliver_op ops[TOGETHER];
	static struct vx_delivery_target targets[TOGETHER];
	struct vx_blob_writer *writers[TOGETHER];
	struct vx_buf m = { .max = 1 << 20 };

	for (unsigned i = 0; i < count; i++) {
		make_message(&m);
		targets[i] = (struct vx_delivery_target){ .account = 1,
			.mailbox = random_below(3) == 0 ? f->archive : f->inbox };
		vxt_assert_ok(vx_blob_writer_new(f->store, &writers[i]));
		ck_assert_int_ge(vx_blob_writer_add(writers[i], vx_buf_slice(&m)), 0);
		vx_deliver_op_init(&ops[i], writers[i]);
		ops[i].targets = &targets[i];
		ops[i].target_count = 1;
		ops[i].op.done = delivered;
		waiting++;
		vxt_assert_ok(vx_store_submit(f->store, &ops[i].op));
	}
	while (waiting > 0) {
		struct pollfd p = { .fd = vx_store_fd(f->store), .events = POLLIN };

		(void)poll(&p, 1, 100);
		vx_store_dispatch(f->store);
	}
	for (unsigned i = 0; i < count; i++)
		vx_blob_writer_free(writers[i]);
	vx_buf_done(&m);
}

static void add_messages(struct fixture *f, unsigned count)
{
	for (; count > TOGETHER; count -= TOGETHER)
		add_together(f, TOGETHER);
	add_together(f, count);
}

static void index_all(struct fixture *f)
{
	int rc;

	do
		rc = vx_search_work(f->store->search);
	while (rc == VX_OK);
	ck_assert_int_eq(rc, VX_DONE);
}

static struct vx_search_status status_of(struct fixture *f)
{
	struct vx_search_status st;

	vxt_assert_ok(vx_search_status(f->store, &st));
	return st;
}

static struct vx_uid_range some_range(struct fixture *f)
{
	const uint32_t next = fixture_status(f, f->inbox).uidnext;
	const uint32_t first = 1 + random_below(next);

	return (struct vx_uid_range){ first, first + random_below(6) };
}

static void copy_some(struct fixture *f, bool move)
{
	const struct vx_uid_range range = some_range(f);
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_copy_op op;
	int rc;

	vx_copy_op_init(&op);
	op.account = op.to_account = 1;
	op.mailbox = f->inbox;
	op.to_mailbox = f->archive;
	op.uids = &range;
	op.range_count = 1;
	op.move = move;
	op.arena = &arena;
	rc = vx_store_run(f->store, &op.op);
	ck_assert(rc == VX_OK || rc == VX_ENOENT);
	vx_arena_done(&arena);
}

static void expunge_some(struct fixture *f)
{
	const struct vx_uid_range range = some_range(f);
	struct vx_expunge_op op;

	vx_expunge_op_init(&op);
	op.account = 1;
	op.mailbox = f->inbox;
	op.uids = &range;
	op.range_count = 1;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
}

/* Change an octet of a random value of the index: its seal is wrong then. */
static bool damage_value(struct fixture *f)
{
	struct vx_search_env *env;
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	char keys[VX_KV_KEY_MAX], *copy;
	size_t key_len, len, n = 1 + random_below(60);
	int rc;

	if (vx_search_take_writable(f->store->search, &env) != VX_OK)
		return false;
	vxt_assert_ok(vx_kv_begin(env->kv, true, &txn));
	vxt_assert_ok(vx_kv_cursor_open(txn, VX_TREE_BODY, &c));
	rc = vx_kv_first(c, &key, &value);
	while (rc == VX_OK && n-- > 0) {
		const int next = vx_kv_next(c, &key, &value);

		if (next != VX_OK)
			break;
	}
	key_len = key.len;
	len = value.len;
	memcpy(keys, key.ptr, key_len);
	copy = malloc(len);
	memcpy(copy, value.ptr, len);
	vx_kv_cursor_close(c);
	copy[VX_VALUE_HEADER / 2 + random_below((uint32_t)len - VX_VALUE_HEADER / 2)] ^=
	    0x10;
	vxt_assert_ok(vx_kv_put(
	    txn, VX_TREE_BODY, vx_slice_of(keys, key_len), vx_slice_of(copy, len)));
	vxt_assert_ok(vx_kv_commit(txn));
	vx_search_give(f->store->search, env);
	free(copy);
	return true;
}

static void something_happens(struct fixture *f)
{
	switch (random_below(12)) {
	case 0:
	case 1:
		add_messages(f, 1 + random_below(20));
		return;
	case 2:
		copy_some(f, false);
		return;
	case 3:
		copy_some(f, true);
		return;
	case 4:
		expunge_some(f);
		return;
	case 5:
		reopen(f, VX_STORE_SEARCH_ASK);
		return;
	case 6:
		if (random_below(6) == 0)
			vxt_assert_ok(vx_search_rebuild(f->store));
		return;
	case 7:
		if (random_below(4) == 0)
			(void)damage_value(f);
		return;
	case 8:
		index_all(f);
		return;
	default:
		(void)vx_search_work(f->store->search);
	}
}

static unsigned rounds(unsigned usual)
{
	const char *wish = getenv("VXT_SEARCH_ROUNDS");

	return wish == NULL ? usual : (unsigned)strtoul(wish, NULL, 10);
}

START_TEST(answers_are_those_of_a_scan)
{
	struct fixture f;
	struct tally t = { 0 };

	fixture_open(&f);
	reopen(&f, VX_STORE_SEARCH_ASK);
	add_messages(&f, 120);
	ask_some(&f, 20, &t);
	ck_assert_uint_eq(t.yes + t.no, 0); /* there is no index yet */
	for (unsigned i = 0; i < rounds(60); i++) {
		something_happens(&f);
		ask_some(&f, 10, &t);
	}
	index_all(&f);
	t = (struct tally){ 0 };
	ask_some(&f, 100, &t);
	ck_assert_uint_eq(status_of(&f).pending, 0);
	ck_assert_uint_gt(t.yes, t.questions);
	/* it is of use: most questions are decided for most messages */
	ck_assert_msg(t.maybe < (t.yes + t.no) / 2, "%u of %u", t.maybe, t.yes + t.no);
	forget_seen();
	fixture_close(&f);
}
END_TEST

/* Segments of some levels and merges, by many small messages. */
START_TEST(merges_keep_everything)
{
	struct fixture f;
	struct tally t = { 0 };

	fixture_open(&f);
	reopen(&f, VX_STORE_SEARCH_ASK);
	for (unsigned i = 0; i < 10; i++) {
		add_messages(&f, 140);
		index_all(&f);
		ck_assert_uint_eq(status_of(&f).messages, (i + 1) * 140);
	}
	ck_assert_uint_ge(status_of(&f).segments, 2);
	ask_some(&f, 40, &t);
	while (status_of(&f).segments > 1) {
		struct vx_search_env *env;
		struct vx_search_listed *list;
		struct vx_kv_txn *txn;
		size_t count;
		bool more = true;

		vxt_assert_ok(vx_search_take_writable(f.store->search, &env));
		vxt_assert_ok(vx_kv_begin(env->kv, false, &txn));
		vxt_assert_ok(vx_search_segments(txn, 1, &list, &count));
		vx_kv_abort(txn);
		ck_assert_uint_gt(count, 1);
		vxt_assert_ok(vx_search_merge(f.store->search, env, 1, list, 2));
		ask_some(&f, 20, &t);
		while (more)
			vxt_assert_ok(vx_search_sweep(env, 1, &more));
		vx_free(list);
		vx_search_give(f.store->search, env);
		ask_some(&f, 20, &t);
	}
	ck_assert_uint_eq(status_of(&f).messages, 1400);
	ck_assert_uint_eq(status_of(&f).pending, 0);
	forget_seen();
	fixture_close(&f);
}
END_TEST

/* A message of more terms than are kept is looked at by whoever asks. */
START_TEST(what_is_too_much_is_never_denied)
{
	const struct vx_search_question q = { .field = VX_SEARCH_IN_BODY,
		.needle = VX_S("NOWHERE") };
	struct vx_buf m = { .max = 4 << 20 };
	struct vx_record r[1000];
	struct vx_search_answer *a;
	struct fixture f;
	size_t count, maybe = 0;

	fixture_open(&f);
	reopen(&f, VX_STORE_SEARCH_ASK);
	vx_buf_add_str(&m, "Subject: wild\r\n\r\n");
	for (unsigned i = 0; i < 100000; i++)
		vx_buf_printf(&m, "w%x%s", i * 7919, i % 10 == 9 ? "\r\n" : " ");
	(void)fixture_add(&f, f.inbox, vx_buf_slice(&m), 0);
	for (unsigned turn = 0; turn < 2; turn++) { /* as a list, then in a segment */
		index_all(&f);
		count = fixture_records(&f, f.inbox, r, 1000);
		vxt_assert_ok(vx_search_ask(f.store, 1, &q, 1, NULL, NULL, &a));
		ck_assert_uint_eq(vx_search_known(a), turn == 0 ? 1 : 301);
		ck_assert_int_eq(vx_search_verdict(a, 0, r[0].blob), VX_SEARCH_MAYBE);
		for (size_t i = 1; i < count; i++)
			maybe += vx_search_verdict(a, 0, r[i].blob) == VX_SEARCH_MAYBE;
		ck_assert_uint_eq(maybe, 0);
		vx_search_answer_free(a);
		if (turn == 0)
			add_messages(&f, 300);
	}
	ck_assert_uint_eq(status_of(&f).segments, 1);
	vx_buf_done(&m);
	fixture_close(&f);
}
END_TEST

static bool go_on(struct vx_store *s)
{
	(void)s;
	return true;
}

/* What was reaped leaves with the next segment; an account that is gone leaves at once.
 */
START_TEST(what_is_gone_leaves_the_index)
{
	struct vx_record r[1000];
	struct vx_search_env *env;
	struct vx_kv_txn *txn;
	struct fixture f;
	struct vx_key k;
	size_t count;
	uint32_t account = 1;

	fixture_open(&f);
	reopen(&f, VX_STORE_SEARCH_ASK);
	add_messages(&f, 300);
	index_all(&f);
	ck_assert_uint_eq(status_of(&f).messages, 300);
	count = fixture_records(&f, f.inbox, r, 1000);
	/* as reaping does, which waits for an hour at least */
	vxt_assert_ok(vx_kv_begin(f.store->state, true, &txn));
	for (size_t i = 0; i < count; i++) {
		vx_key_blob(&k, r[i].blob);
		vxt_assert_ok(vx_kv_delete(txn, VX_TREE_DESC, vx_key_slice(&k)));
	}
	vxt_assert_ok(vx_kv_commit(txn));
	reopen(&f, VX_STORE_SEARCH_ASK); /* looks through all accounts again */
	index_all(&f);
	ck_assert_uint_eq(status_of(&f).messages, 300 - count);
	ck_assert_uint_eq(status_of(&f).segments, 1);

	vxt_assert_ok(vx_kv_begin(f.store->state, true, &txn));
	vxt_assert_ok(vx_account_remove(txn, account));
	vxt_assert_ok(vx_kv_commit(txn));
	vxt_assert_ok(vx_state_reap(f.store, go_on));
	reopen(&f, VX_STORE_SEARCH_ASK);
	index_all(&f);
	vxt_assert_ok(vx_search_take_writable(f.store->search, &env));
	vxt_assert_ok(vx_kv_begin(env->kv, false, &txn));
	for (const char *kind = "ABDFLMNPST"; *kind != '\0'; kind++) {
		struct vx_kv_cursor *c;
		vx_slice key, value;

		vx_search_key(&k, account, (enum vx_search_kind) * kind);
		vxt_assert_ok(vx_kv_cursor_open(txn, VX_TREE_BODY, &c));
		ck_assert(vx_kv_seek(c, vx_key_slice(&k), &key, &value) != VX_OK ||
			  !vx_slice_has_prefix(key, vx_key_slice(&k)));
		vx_kv_cursor_close(c);
	}
	vx_kv_abort(txn);
	vx_search_give(f.store->search, env);
	/* the store was changed behind its back, so it is not checked */
	vx_store_close(f.store);
	vxt_rmdir(f.dir);
	free((void *)(uintptr_t)f.dir);
}
END_TEST

/* An index of another store, or of a later state than the store has, is none. */
START_TEST(an_index_belongs_to_its_store)
{
	struct fixture f, other;
	char from[PATH_MAX], to[PATH_MAX], command[3 * PATH_MAX];

	fixture_open(&f);
	fixture_open(&other);
	reopen(&f, VX_STORE_SEARCH_ASK);
	add_messages(&f, 5);
	index_all(&f);
	ck_assert(status_of(&f).present);
	(void)snprintf(from, sizeof(from), "%s/search.mdb", f.dir);
	(void)snprintf(to, sizeof(to), "%s/search.mdb", other.dir);
	(void)snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	ck_assert_int_eq(system(command), 0);
	reopen(&other, VX_STORE_SEARCH_ASK);
	ck_assert(!status_of(&other).present);
	index_all(&other);
	ck_assert(status_of(&other).present);
	ck_assert_uint_eq(status_of(&other).messages, 0);
	reopen(&f, VX_STORE_SEARCH_OFF);
	ck_assert_int_ne(access(from, F_OK), 0);
	ck_assert(!status_of(&f).present);
	fixture_close(&f);
	fixture_close(&other);
}
END_TEST

START_TEST(without_memory_nothing_is_denied)
{
	struct vx_search_question q[2] = { { .field = VX_SEARCH_IN_TEXT,
					       .needle = VX_S("INVOICE") },
		{ .field = VX_SEARCH_IN_FIELD,
		    .name = VX_S("X-Spam-Flag"),
		    .needle = VX_S("Y") } };
	struct vx_search_answer *a;
	struct fixture f;
	struct tally t = { 0 };
	bool failed = true;

	fixture_open(&f);
	reopen(&f, VX_STORE_SEARCH_ASK);
	add_messages(&f, 270);
	index_all(&f);
	add_messages(&f, 10);
	index_all(&f);
	ask_some(&f, 1, &t);
	for (size_t n = 1; failed; n++) {
		int rc;

		vx_mem_fail_at(n);
		rc = vx_search_ask(f.store, 1, q, 2, NULL, NULL, &a);
		failed = vx_mem_failed();
		vx_mem_fail_at(0);
		ck_assert(rc == VX_OK || (failed && rc == VX_ENOMEM));
		if (rc != VX_OK)
			continue;
		for (size_t i = 0; i < 2; i++)
			compare(&f, &q[i], a, i, f.inbox, &t);
		vx_search_answer_free(a);
	}
	ck_assert_uint_eq(status_of(&f).messages, 280);
	for (size_t n = 1; n < 400; n += 7) { /* the indexer goes on when there is some */
		add_messages(&f, 1);
		vx_mem_fail_at(n);
		(void)vx_search_work(f.store->search);
		vx_mem_fail_at(0);
	}
	index_all(&f);
	ck_assert_uint_eq(status_of(&f).pending, 0);
	ask_some(&f, 30, &t);
	forget_seen();
	fixture_close(&f);
}
END_TEST

/* An indexer that is killed at any moment leaves an index that is right. */
START_TEST(a_killed_indexer_leaves_no_lies)
{
	struct fixture f;
	struct tally t = { 0 };

	fixture_open(&f);
	reopen(&f, VX_STORE_SEARCH_ASK);
	for (unsigned turn = 0; turn < 8; turn++) {
		pid_t child;

		add_messages(&f, 130);
		vx_store_close(f.store); /* never fork with a store open */
		f.store = NULL;
		child = fork();
		ck_assert_int_ge(child, 0);
		if (child == 0) {
			vxt_child(-1);
			open_with(&f, VX_STORE_SEARCH_KEEP);
			for (;;)
				(void)pause();
		}
		(void)usleep(20000 + random_below(400000));
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
		open_with(&f, VX_STORE_SEARCH_ASK);
		ask_some(&f, 5, &t);
		if (turn % 3 == 2)
			index_all(&f);
		ask_some(&f, 5, &t);
	}
	index_all(&f);
	ck_assert_uint_eq(status_of(&f).messages, 8 * 130);
	ask_some(&f, 20, &t);
	forget_seen();
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_search, "search", answers_are_those_of_a_scan, merges_keep_everything,
    what_is_too_much_is_never_denied, what_is_gone_leaves_the_index,
    an_index_belongs_to_its_store, without_memory_nothing_is_denied,
    a_killed_indexer_leaves_no_lies)
