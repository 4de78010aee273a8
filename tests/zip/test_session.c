/* A session that answers lines, behind a zip, and its peer with a zlib of its own. */
#define ZLIB_CONST
#include "base/mem.h"
#include "lib/vxt.h"
#include "zip/zip.h"

#include <stdlib.h>
#include <zlib.h>

/*
 * "say N": N octets; "wait": an answer that is pending until resumed; "quit"; "over": it
 * goes on without a zip; any other line is said back.  Lines of more than LINE_MAX octets
 * are dropped silently.
 */
enum {
	LINE_LIMIT = 100
};

struct talker {
	struct vx_session base;
	struct vx_session_host host;
	size_t woken;
	char line[LINE_LIMIT];
	size_t line_len;
	size_t dropped;
	uint64_t to_say;
	bool waits, quits, over;
	struct vx_zip *zip;
};

static void wake(struct vx_session_host *host)
{
	((struct talker *)(void *)((char *)host - offsetof(struct talker, host)))
	    ->woken++;
}

static void talker_init(struct talker *t)
{
	*t = (struct talker){ .host = { .wake = wake } };
	t->base.host = &t->host;
}

static void on_line(struct talker *t, struct vx_buf *out)
{
	const vx_slice line = vx_slice_of(t->line, t->line_len);

	if (vx_slice_has_prefix(line, VX_S("say ")))
		(void)vx_slice_number(vx_slice_from(line, 4), UINT64_MAX, &t->to_say);
	else if (vx_slice_eq(line, VX_S("wait")))
		t->waits = true;
	else if (vx_slice_eq(line, VX_S("quit")))
		t->quits = true;
	else {
		t->over = vx_slice_eq(line, VX_S("over"));
		if (t->over)
			vx_zip_end(t->zip);
		vx_buf_add(out, line);
		vx_buf_add_char(out, '\n');
	}
	t->line_len = 0;
}

static void take(struct talker *t, char c, struct vx_buf *out)
{
	if (c == '\n')
		on_line(t, out);
	else if (t->line_len < sizeof(t->line))
		t->line[t->line_len++] = c;
	else
		t->dropped++;
}

static int talk(struct vx_session *s, vx_slice *in, struct vx_buf *out)
{
	struct talker *t = (struct talker *)(void *)s;

	for (;;) {
		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		if (t->quits)
			return VX_DONE;
		if (t->waits)
			return VX_WAIT;
		if (t->over && t->to_say == 0)
			return VX_MORE;
		if (t->to_say > 0) {
			t->to_say--;
			vx_buf_add_char(out, 'x');
		} else if (in->len > 0) {
			take(t, in->ptr[0], out);
			*in = vx_slice_from(*in, 1);
		} else {
			return VX_MORE;
		}
	}
}

/* --- the peer --------------------------------------------------------------------- */

static void peer_deflate(z_stream *z, vx_slice text, int flush, struct vx_buf *out)
{
	z->next_in = (const Bytef *)text.ptr;
	z->avail_in = (uInt)text.len;
	do {
		char *p = vx_buf_reserve(out, 1024);

		ck_assert_ptr_nonnull(p);
		z->next_out = (Bytef *)p;
		z->avail_out = 1024;
		(void)deflate(z, flush);
		out->len += 1024 - z->avail_out;
	} while (z->avail_out == 0);
}

static struct vx_buf compressed(const char *text)
{
	struct vx_buf out = { .max = 1 << 24 };
	z_stream z = { 0 };

	ck_assert_int_eq(
	    deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	peer_deflate(&z, vx_slice_str(text), Z_SYNC_FLUSH, &out);
	(void)deflateEnd(&z);
	return out;
}

struct peer {
	z_stream z;
	struct vx_buf heard;
	bool ended;
};

static void peer_init(struct peer *p)
{
	*p = (struct peer){ .heard = { .max = 1 << 26 } };
	ck_assert_int_eq(inflateInit2(&p->z, -15), Z_OK);
}

static void peer_done(struct peer *p)
{
	(void)inflateEnd(&p->z);
	vx_buf_done(&p->heard);
}

/* All of out is inflated as far as it goes: what is still in the compressor is missed. */
static void hear(struct peer *p, struct vx_buf *out)
{
	p->z.next_in = (const Bytef *)out->ptr;
	p->z.avail_in = (uInt)out->len;
	do {
		char *at = vx_buf_reserve(&p->heard, 4096);
		int rc;

		ck_assert_ptr_nonnull(at);
		p->z.next_out = (Bytef *)at;
		p->z.avail_out = 4096;
		rc = inflate(&p->z, Z_SYNC_FLUSH);
		ck_assert(rc == Z_OK || rc == Z_BUF_ERROR || rc == Z_STREAM_END);
		p->ended = rc == Z_STREAM_END;
		p->heard.len += 4096 - p->z.avail_out;
	} while (p->z.avail_out == 0);
	ck_assert_uint_eq(p->z.avail_in, 0);
	vx_buf_reset(out);
}

struct scene {
	struct talker t;
	struct peer p;
	struct vx_zip *z;
	struct vx_buf out;
};

static void begin(struct scene *s)
{
	talker_init(&s->t);
	peer_init(&s->p);
	vxt_assert_ok(vx_zip_new(&s->z));
	s->t.zip = s->z;
	s->out = (struct vx_buf){ .max = 4 << 20 };
}

static void end(struct scene *s)
{
	vx_zip_free(s->z);
	peer_done(&s->p);
	vx_buf_done(&s->out);
}

/* As a loop does it: again after VX_DATA, and after VX_WAIT when woken. */
static int feed(struct scene *s, vx_slice in)
{
	int rc;

	do {
		size_t woken = s->t.woken;

		rc = vx_zip_drive(s->z, &s->t.base, talk, &in, &s->out);
		ck_assert_int_ge(rc, 0);
		ck_assert_uint_le(s->out.len, 3 * VX_SESSION_HIGH_WATER);
		hear(&s->p, &s->out);
		if (rc == VX_WAIT && s->t.woken == woken)
			break;
	} while (rc == VX_DATA || rc == VX_WAIT);
	return rc;
}

static int feed_text(struct scene *s, const char *text)
{
	struct vx_buf in = compressed(text);
	const int rc = feed(s, vx_buf_slice(&in));

	vx_buf_done(&in);
	return rc;
}

/* --- tests ------------------------------------------------------------------------ */

static const char *const dialogue = "hello\nsay 3\nhello\nhello again\nsay 200\nend\n";

static void one_split(void *ctx, const vx_slice *pieces, size_t count)
{
	struct scene s;

	(void)ctx;
	begin(&s);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(feed(&s, pieces[i]), VX_MORE);
	vxt_assert_slice(vx_slice_head(vx_buf_slice(&s.p.heard), 27),
	    VX_S("hello\nxxxhello\nhello again\n"));
	ck_assert_uint_eq(s.p.heard.len, 27 + 200 + 4);
	ck_assert(vx_slice_has_suffix(vx_buf_slice(&s.p.heard), VX_S("xend\n")));
	end(&s);
}

START_TEST(every_split)
{
	struct vx_buf in = compressed(dialogue);

	vxt_every_split(vx_buf_slice(&in), one_split, NULL);
	vx_buf_done(&in);
}
END_TEST

/* --- the end of the streams -----------------------------------------------------------
 */

/* "hello", "over" with this flush, and the end of the stream, if it has one, by itself.
 */
static struct vx_buf ending(int flush, bool apart)
{
	struct vx_buf out = { .max = 4096 };
	z_stream z = { 0 };

	ck_assert_int_eq(
	    deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	peer_deflate(&z, VX_S("hello\nover\n"), flush, &out);
	if (apart)
		peer_deflate(&z, VX_S(""), Z_FINISH, &out);
	(void)deflateEnd(&z);
	return out;
}

/* What is left of the pieces when both streams have ended: VX_OK, or end_in's refusal. */
static int feed_ending(
    struct scene *s, const vx_slice *pieces, size_t count, struct vx_buf *rest)
{
	int rc = VX_MORE;

	for (size_t i = 0; i < count; i++) {
		vx_slice in = pieces[i];

		if (!s->p.ended) {
			ck_assert_int_eq(
			    vx_zip_drive(s->z, &s->t.base, talk, &in, &s->out), VX_MORE);
			hear(&s->p, &s->out);
			ck_assert(s->p.ended == s->t.over);
		}
		if (s->p.ended && rc == VX_MORE)
			rc = vx_zip_end_in(s->z, &in);
		if (rc == VX_OK)
			vx_buf_add(rest, in);
	}
	return rc;
}

static void one_ending(void *ctx, const vx_slice *pieces, size_t count)
{
	struct vx_buf rest = { .max = 100 };
	struct scene s;

	(void)ctx;
	begin(&s);
	vxt_assert_ok(feed_ending(&s, pieces, count, &rest));
	vxt_assert_slice(vx_buf_slice(&rest), VX_S("b LOGIN\r\n"));
	vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("hello\nover\n"));
	vx_buf_done(&rest);
	end(&s);
}

/* A peer ends its stream with the last line, after it, or only flushes it. */
START_TEST(every_split_of_an_end)
{
	static const struct {
		int flush;
		bool apart;
	} ways[] = { { Z_FINISH, false }, { Z_SYNC_FLUSH, true }, { Z_SYNC_FLUSH, false },
		{ Z_FULL_FLUSH, true } };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct vx_buf in = ending(ways[i].flush, ways[i].apart);

		vx_buf_add(&in, VX_S("b LOGIN\r\n"));
		if (ways[i].flush != Z_FINISH && !ways[i].apart) {
			/* what was only flushed ends where the peer waits */
			const size_t at = in.len - 9;
			const vx_slice two[] = { vx_slice_of(in.ptr, at),
				vx_slice_of(in.ptr + at, 9) };

			one_ending(NULL, two, 2);
		} else {
			vxt_every_split(vx_buf_slice(&in), one_ending, NULL);
		}
		vx_buf_done(&in);
	}
}
END_TEST

/* What goes on in the stream, or is none, is refused. */
START_TEST(what_has_no_end)
{
	struct vx_buf more = compressed("hello\nover\nmore\n"), rest = { .max = 100 };
	const vx_slice one = vx_buf_slice(&more);
	struct vx_buf flushed = ending(Z_SYNC_FLUSH, false);
	const vx_slice two[] = { vx_buf_slice(&flushed), VX_S("\x07\x01\x02") };
	struct scene s;

	begin(&s);
	ck_assert_int_eq(feed_ending(&s, &one, 1, &rest), VX_ESYNTAX);
	end(&s);
	begin(&s);
	ck_assert_int_eq(feed_ending(&s, two, 2, &rest), VX_ESYNTAX);
	end(&s);
	vx_buf_done(&more);
	vx_buf_done(&flushed);
	vx_buf_done(&rest);
}
END_TEST

/* What is said before an answer is awaited, or before the end, is heard at once. */
START_TEST(nothing_is_held_back)
{
	struct scene s;

	begin(&s);
	ck_assert_int_eq(feed_text(&s, "a\n"), VX_MORE);
	vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("a\n"));
	end(&s);
	begin(&s);
	ck_assert_int_eq(feed_text(&s, "b\nwait\nc\n"), VX_WAIT);
	vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("b\n"));
	s.t.waits = false;
	ck_assert_int_eq(feed(&s, VX_S("")), VX_MORE);
	vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("b\nc\n"));
	end(&s);
	begin(&s);
	ck_assert_int_eq(feed_text(&s, "d\nquit\ne\n"), VX_DONE);
	vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("d\n"));
	ck_assert(!vx_zip_broken(s.z));
	vxt_assert_ok(vx_zip_say(s.z, VX_S("bye\n"), &s.out));
	hear(&s.p, &s.out);
	vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("d\nbye\n"));
	end(&s);
}
END_TEST

/* Ten megabytes of a line without an end come as ten kilobytes. */
START_TEST(bomb_that_says_nothing)
{
	const size_t size = 10 << 20;
	char *zeros = malloc(size + 1);
	struct vx_buf in;
	struct scene s;
	vx_slice rest;
	size_t calls = 0;
	int rc;

	ck_assert_ptr_nonnull(zeros);
	memset(zeros, 'z', size);
	zeros[size] = '\0';
	in = compressed(zeros);
	free(zeros);
	ck_assert_uint_lt(in.len, 12000);
	begin(&s);
	rest = vx_buf_slice(&in);
	do {
		const size_t before = s.t.dropped;

		rc = vx_zip_drive(s.z, &s.t.base, talk, &rest, &s.out);
		ck_assert_uint_le(s.t.dropped - before, VX_ZIP_STEP_MAX + VX_ZIP_PIECE);
		ck_assert_uint_eq(s.out.len, 0);
		ck_assert_uint_le(vx_zip_memory(s.z), VX_ZIP_MEMORY_MAX);
		calls++;
		ck_assert(rc == VX_MORE || s.t.woken == calls);
	} while (rc == VX_WAIT);
	ck_assert_int_eq(rc, VX_MORE);
	ck_assert_uint_eq(s.t.dropped, size - LINE_LIMIT);
	ck_assert_uint_ge(calls, size / (VX_ZIP_STEP_MAX + VX_ZIP_PIECE));
	vx_buf_done(&in);
	end(&s);
}
END_TEST

/* Many commands in a few octets whose answers nobody reads: input is not taken. */
START_TEST(bomb_that_is_answered)
{
	struct vx_buf text = { .max = 1 << 24 }, in;
	struct scene s;
	vx_slice rest;
	int rc;

	for (unsigned i = 0; i < 4000; i++)
		vx_buf_printf(&text, "say %u\n", 20000 + i);
	in = compressed(text.ptr);
	begin(&s);
	rest = vx_buf_slice(&in);
	do
		rc = vx_zip_drive(s.z, &s.t.base, talk, &rest, &s.out);
	while (rc == VX_WAIT);
	ck_assert_int_eq(rc, VX_DATA); /* 80 MB at a thousand to one fill the buffer */
	ck_assert_uint_ge(s.out.len, VX_SESSION_HIGH_WATER);
	ck_assert_uint_lt(s.out.len, VX_SESSION_HIGH_WATER + 4096);
	ck_assert_int_eq(vx_zip_drive(s.z, &s.t.base, talk, &rest, &s.out), VX_DATA);
	ck_assert_uint_lt(s.out.len, VX_SESSION_HIGH_WATER + 4096);
	ck_assert_uint_le(vx_zip_memory(s.z), VX_ZIP_MEMORY_MAX);
	vx_buf_done(&text);
	vx_buf_done(&in);
	end(&s);
}
END_TEST

START_TEST(what_is_not_deflate)
{
	static const char *const bad[] = { "a NOOP\r\n", "\x07", "\xff\xff\xff\xff" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct scene s;

		begin(&s);
		ck_assert_int_eq(feed_text(&s, "first\n"), VX_MORE);
		ck_assert_int_eq(feed(&s, vx_slice_str(bad[i])), VX_DONE);
		ck_assert(vx_zip_broken(s.z));
		vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("first\n"));
		end(&s);
	}
}
END_TEST

/* The peer ends its stream: what came before counts, what comes after does not. */
START_TEST(stream_that_ends)
{
	struct vx_buf in = { .max = 4096 };
	z_stream z = { 0 };
	struct scene s;

	ck_assert_int_eq(
	    deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	peer_deflate(&z, VX_S("last\n"), Z_FINISH, &in);
	(void)deflateEnd(&z);
	vx_buf_add_str(&in, "more");
	begin(&s);
	ck_assert_int_eq(feed(&s, vx_buf_slice(&in)), VX_DONE);
	ck_assert(vx_zip_broken(s.z));
	vxt_assert_slice(vx_buf_slice(&s.p.heard), VX_S("last\n"));
	vx_buf_done(&in);
	end(&s);
}
END_TEST

/* A compressor that was given back and made anew continues the same stream. */
START_TEST(rested)
{
	struct vx_buf in = { .max = 4096 };
	z_stream z = { 0 };
	struct scene s;

	begin(&s);
	ck_assert_int_eq(
	    deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	for (unsigned i = 0; i < 5; i++) {
		peer_deflate(&z, VX_S("the same words\n"), Z_SYNC_FLUSH, &in);
		ck_assert_int_eq(feed(&s, vx_buf_slice(&in)), VX_MORE);
		ck_assert_uint_le(vx_zip_memory(s.z), VX_ZIP_MEMORY_MAX);
		ck_assert_uint_gt(vx_zip_memory(s.z), VX_ZIP_MEMORY_RESTING);
		vx_buf_reset(&in);
		vx_zip_rest(s.z);
		vx_zip_rest(s.z);
		ck_assert_uint_le(vx_zip_memory(s.z), VX_ZIP_MEMORY_RESTING);
		ck_assert_uint_eq(s.p.heard.len, (i + 1) * 15);
	}
	(void)deflateEnd(&z);
	vx_buf_done(&in);
	end(&s);
}
END_TEST

/* Random commands in random pieces, with rests: all is heard, in order. */
START_TEST(long_talk)
{
	struct vx_buf in = { .max = 1 << 20 }, want = { .max = 1 << 24 };
	z_stream z = { 0 };
	struct scene s;
	unsigned seed = 7;

	begin(&s);
	ck_assert_int_eq(
	    deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (unsigned i = 0; i < 300; i++) {
		struct vx_buf text = { .max = 4096 };
		const unsigned n = (unsigned)rand_r(&seed) % 9000;

		vx_buf_printf(
		    &text, "line %u of %u\nsay %u\n", i, (unsigned)rand_r(&seed), n);
		vx_buf_add(&want, vx_slice_head(vx_buf_slice(&text),
				      vx_slice_find(vx_buf_slice(&text), '\n') + 1));
		for (unsigned k = 0; k < n; k++)
			vx_buf_add_char(&want, 'x');
		peer_deflate(&z, vx_buf_slice(&text),
		    rand_r(&seed) % 2 == 0 ? Z_SYNC_FLUSH : Z_FULL_FLUSH, &in);
		while (in.len > 0) {
			const size_t cut = 1 + (size_t)rand_r(&seed) % in.len;

			ck_assert_int_eq(
			    feed(&s, vx_slice_head(vx_buf_slice(&in), cut)), VX_MORE);
			vx_buf_consume(&in, cut);
		}
		ck_assert_uint_eq(s.p.heard.len, want.len);
		if (rand_r(&seed) % 10 == 0)
			vx_zip_rest(s.z);
		vx_buf_done(&text);
	}
	ck_assert(vx_slice_eq(vx_buf_slice(&s.p.heard), vx_buf_slice(&want)));
	(void)deflateEnd(&z);
	vx_buf_done(&in);
	vx_buf_done(&want);
	end(&s);
}
END_TEST

START_TEST(without_memory)
{
	struct vx_buf in = compressed(dialogue);
	size_t n = 0;
	bool failed = true;

	while (failed) {
		struct vx_zip *z = NULL;
		struct talker t;
		struct vx_buf out = { .max = 1 << 20 };
		vx_slice rest = vx_buf_slice(&in);
		int rc;

		talker_init(&t);
		vx_mem_fail_at(++n);
		rc = vx_zip_new(&z);
		if (rc == VX_OK)
			rc = vx_zip_drive(z, &t.base, talk, &rest, &out);
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		ck_assert_int_eq(rc, failed ? VX_ENOMEM : VX_MORE);
		vx_zip_free(z);
		vx_buf_done(&out);
	}
	ck_assert_uint_gt(n, 5);
	vx_buf_done(&in);
}
END_TEST

VXT_SUITE(test_session, "session", every_split, every_split_of_an_end, what_has_no_end,
    nothing_is_held_back, bomb_that_says_nothing, bomb_that_is_answered,
    what_is_not_deflate, stream_that_ends, rested, long_talk, without_memory)
