/* No sequence of line ends and dots splits a message; no part of one is ever filed. */
#include "lib/vxt.h"
#include "service/world.h"

#include <stdlib.h>

enum {
	TOKENS_MAX = 4
};

static const vx_slice tokens[] = { VX_SLICE_INIT("\r"), VX_SLICE_INIT("\n"),
	VX_SLICE_INIT("\r\n"), VX_SLICE_INIT("\0"), VX_SLICE_INIT("."),
	VX_SLICE_INIT("x") };
enum {
	TOKENS = sizeof(tokens) / sizeof(tokens[0])
};
static const vx_slice envelope =
    VX_SLICE_INIT("EHLO client.test\r\nMAIL FROM:<ann@elsewhere.test>\r\nRCPT "
		  "TO:<alice@example.test>\r\n");
static const vx_slice head = VX_SLICE_INIT("Subject: s\r\n\r\nx");
static const vx_slice evil =
    VX_SLICE_INIT("MAIL FROM:<evil@elsewhere.test>\r\nRCPT TO:<bob@example.test>\r\n"
		  "DATA\r\nSubject: evil\r\n.\r\n");

/* Do all CR and LF stand in pairs? */
static bool is_clean(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\r' && (i + 1 == s.len || s.ptr[i + 1] != '\n'))
			return false;
		if (s.ptr[i] == '\n' && (i == 0 || s.ptr[i - 1] != '\r'))
			return false;
	}
	return true;
}

static bool has(vx_slice s, const char *what)
{
	return vx_slice_find_slice(s, vx_slice_str(what)) < s.len;
}

/* What a run left: how many messages, and for whom. */
struct left {
	uint32_t count;
	struct vx_buf shown;
};

static struct left look(struct world *w)
{
	struct left l = { .count = world_count(w), .shown = { .max = 65536 } };

	if (l.count > 0) {
		world_show(w, &l.shown);
		world_reset(w);
	}
	return l;
}

static struct left run(struct world *w, vx_slice octets)
{
	struct drive d;

	drive_open(&d, w, VX_S("mx"));
	drive_feed(&d, octets);
	drive_close(&d);
	return look(w);
}

static void say(char text[256], vx_slice sequence)
{
	(void)vxt_escape(sequence, text, 256);
}

static void try_data(struct world *w, vx_slice sequence)
{
	struct vx_buf in = { .max = 4096 }, body = { .max = 4096 };
	struct left l;
	char text[256];
	bool ends, clean;

	vx_buf_add(&body, head);
	vx_buf_add(&body, sequence);
	ends = has(vx_buf_slice(&body), "\r\n.\r\n");
	vx_buf_add(&body, evil);
	clean = is_clean(vx_buf_slice(&body));
	vx_buf_add(&in, envelope);
	vx_buf_add_str(&in, "DATA\r\n");
	vx_buf_add(&in, vx_buf_slice(&body));
	l = run(w, vx_buf_slice(&in));
	say(text, sequence);
	if (ends) /* two messages, as the client said, unless what is before is bad */
		ck_assert_msg(l.count <= 2, "%s", text);
	else
		ck_assert_msg(
		    l.count == (clean ? 1 : 0) && !has(vx_buf_slice(&l.shown), "F: bob"),
		    "%s: %u", text, l.count);
	vx_buf_done(&in);
	vx_buf_done(&body);
	vx_buf_done(&l.shown);
}

/* A chunk is as long as it says: what is in it is never a command. */
static void try_chunk(struct world *w, vx_slice sequence)
{
	struct vx_buf in = { .max = 4096 };
	const size_t size = head.len + sequence.len + evil.len;
	struct left l;
	char text[256];
	bool clean;

	vx_buf_add(&in, head);
	vx_buf_add(&in, sequence);
	vx_buf_add(&in, evil);
	clean = is_clean(vx_buf_slice(&in));
	vx_buf_reset(&in);
	vx_buf_add(&in, envelope);
	vx_buf_printf(&in, "BDAT %zu\r\n%.*s", head.len, (int)head.len, head.ptr);
	vx_buf_printf(&in, "BDAT %zu LAST\r\n", size - head.len);
	vx_buf_add(&in, sequence);
	vx_buf_add(&in, evil);
	l = run(w, vx_buf_slice(&in));
	say(text, sequence);
	ck_assert_msg(
	    l.count == (clean ? 1 : 0) && !has(vx_buf_slice(&l.shown), "F: bob"),
	    "%s: %u", text, l.count);
	vx_buf_done(&in);
	vx_buf_done(&l.shown);
}

/* Every sequence of at most TOKENS_MAX tokens. */
static void every_sequence(
    struct world *w, void (*attempt)(struct world *w, vx_slice sequence))
{
	size_t total = 1;

	for (size_t n = 1; n <= TOKENS_MAX; n++) {
		total *= TOKENS;
		for (size_t number = 0; number < total; number++) {
			struct vx_buf sequence = { .max = 64 };

			for (size_t k = 0, rest = number; k < n; k++, rest /= TOKENS)
				vx_buf_add(&sequence, tokens[rest % TOKENS]);
			attempt(w, vx_buf_slice(&sequence));
			vx_buf_done(&sequence);
		}
	}
}

START_TEST(matrix_data)
{
	struct world w;

	world_open(&w);
	every_sequence(&w, try_data);
	world_close(&w);
}
END_TEST

START_TEST(matrix_chunks)
{
	struct world w;

	world_open(&w);
	every_sequence(&w, try_chunk);
	world_close(&w);
}
END_TEST

/* --- cut off ---------------------------------------------------------------------- */

static const vx_slice by_data =
    VX_SLICE_INIT("DATA\r\nSubject: cut\r\n\r\ntext\r\n..dot\r\n.\r\n");
static const vx_slice by_chunks = VX_SLICE_INIT(
    "BDAT 16\r\nSubject: cut\r\n\r\nBDAT 6\r\ntext\r\nBDAT 6 LAST\r\n.dot\r\n");

enum how {
	GONE,      /* the connection ends */
	SILENT,    /* it times out */
	STOPPED,   /* the server stops */
	IMPATIENT, /* the answer is not waited for */
	HOWS
};

static void cut_at(struct world *w, vx_slice octets, size_t at, enum how how)
{
	struct drive d;
	struct left l;

	drive_open(&d, w, VX_S("mx"));
	drive_feed(&d, envelope);
	d.patient = how == IMPATIENT;
	drive_feed(&d, vx_slice_head(octets, at));
	if (how == SILENT)
		d.session->ops->timeout(d.session, &d.out);
	else if (how == STOPPED)
		d.session->ops->stop(d.session, &d.out);
	drive_close(&d);
	l = look(w);
	ck_assert_msg(l.count == (at == octets.len), "%zu of %zu, %d: %u", at, octets.len,
	    (int)how, l.count);
	if (l.count > 0)
		ck_assert(has(vx_buf_slice(&l.shown), "| text\n| .dot\n"));
	vx_buf_done(&l.shown);
}

START_TEST(cut_off)
{
	struct world w;

	world_open(&w);
	for (enum how how = GONE; how < HOWS; how++) {
		for (size_t at = 0; at <= by_data.len; at++)
			cut_at(&w, by_data, at, how);
		for (size_t at = 0; at <= by_chunks.len; at++)
			cut_at(&w, by_chunks, at, how);
	}
	world_close(&w);
}
END_TEST

VXT_SUITE(suite_smuggling, "smuggling", matrix_data, matrix_chunks, cut_off)
