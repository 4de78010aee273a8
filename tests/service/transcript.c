#include "service/transcript.h"

#include "lib/vxt.h"

#include <stdio.h>

enum {
	TLS_MAX = 4,
	BEFORE_MAX = 4
};

struct transcript {
	struct world *world;
	vx_slice title, options;
	struct vx_buf client, log;
	size_t tls[TLS_MAX]; /* offsets in client */
	size_t tls_count;
	vx_slice before[BEFORE_MAX]; /* "ACCOUNT text" */
	size_t before_count;
	bool files; /* mailboxes have to be emptied after each run */
};

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void add_raw(struct vx_buf *out, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '\\') {
			vx_buf_add_char(out, text.ptr[i]);
			continue;
		}
		ck_assert_uint_lt(++i, text.len);
		if (text.ptr[i] == 'x') {
			ck_assert_uint_lt(i + 2, text.len);
			vx_buf_add_char(out, (char)(hex_digit(text.ptr[i + 1]) << 4 |
						    hex_digit(text.ptr[i + 2])));
			i += 2;
		} else {
			vx_buf_add_char(out, text.ptr[i] == 'r'   ? '\r'
					     : text.ptr[i] == 'n' ? '\n'
								  : text.ptr[i]);
		}
	}
}

static bool begins(vx_slice line, const char *with)
{
	return vx_slice_has_prefix(line, vx_slice_str(with));
}

static void add_line(struct transcript *t, vx_slice line)
{
	const vx_slice text = vx_slice_from(line, 3);

	if (begins(line, "C:")) {
		vx_buf_add(&t->client, text);
		vx_buf_add_str(&t->client, "\r\n");
	} else if (begins(line, "R:")) {
		add_raw(&t->client, text);
	} else if (begins(line, "T:")) {
		ck_assert_uint_lt(t->tls_count, TLS_MAX);
		t->tls[t->tls_count++] = t->client.len;
	} else if (begins(line, "B:")) {
		ck_assert_uint_lt(t->before_count, BEFORE_MAX);
		t->before[t->before_count++] = text;
		t->files = true;
	} else if (begins(line, "S:") || begins(line, "E:") || begins(line, "F:") ||
		   begins(line, "|")) {
		t->files = t->files || begins(line, "F:");
		vx_buf_add(&t->log, line);
		vx_buf_add_char(&t->log, '\n');
	} else {
		ck_assert_msg(
		    line.len == 0 || line.ptr[0] == '#', "%.*s", (int)line.len, line.ptr);
	}
}

/* --- a run ----------------------------------------------------------------------- */

/* Sixteen hexadecimal digits after a blank or a dot are different every time. */
static void mask_ids(struct vx_buf *b)
{
	for (size_t i = 1; i + 16 <= b->len; i++) {
		size_t digits = 0;

		while ((b->ptr[i - 1] == ' ' || b->ptr[i - 1] == '.') && digits < 16 &&
		       strchr("0123456789abcdef", b->ptr[i + digits]) != NULL)
			digits++;
		if (digits < 16)
			continue;
		memcpy(b->ptr + i, "ID", 2);
		memmove(b->ptr + i + 2, b->ptr + i + 16, b->len - i - 16);
		b->len -= 14;
	}
}

static void before(const struct transcript *t)
{
	for (size_t i = 0; i < t->before_count; i++) {
		struct vx_buf octets = { .max = 65536 };
		vx_slice rest = t->before[i], name;
		char text[32];

		(void)vx_slice_cut(&rest, ' ', &name);
		(void)snprintf(text, sizeof(text), "%.*s", (int)name.len, name.ptr);
		add_raw(&octets, rest);
		world_deliver(t->world, text, vx_buf_slice(&octets));
		vx_buf_done(&octets);
	}
}

static bool is_tls(const struct transcript *t, size_t at)
{
	for (size_t k = 0; k < t->tls_count; k++)
		if (t->tls[k] == at)
			return true;
	return false;
}

/* The piece begins at offset `at` of what the client says. */
static void feed_at(
    struct drive *d, const struct transcript *t, size_t at, vx_slice piece)
{
	while (piece.len > 0 && d->end != VX_DONE) {
		size_t n = 1;

		while (n < piece.len && !is_tls(t, at + n))
			n++;
		if (d->end != VX_TLS) /* else it is lost */
			drive_feed(d, vx_slice_head(piece, n));
		at += n;
		piece = vx_slice_from(piece, n);
		if (d->end == VX_TLS && is_tls(t, at)) {
			vx_buf_reset(&d->in);
			drive_tls(d);
		}
	}
}

static void write_log(struct drive *d, struct vx_buf *log)
{
	vx_slice rest = vx_buf_slice(&d->out), line;

	while (rest.len > 0) {
		ck_assert(vx_slice_cut(&rest, '\n', &line));
		ck_assert(vx_slice_has_suffix(line, VX_S("\r")));
		line.len--;
		vx_buf_printf(log, "S: %.*s\n", (int)line.len, line.ptr);
	}
	if (d->end == VX_DONE)
		vx_buf_add_str(log, "E: DONE\n");
}

static void run_pieces(void *ctx, const vx_slice *pieces, size_t count)
{
	struct transcript *t = ctx;
	struct vx_buf log = { .max = 1 << 20 };
	struct drive d;
	size_t at = 0;

	before(t);
	drive_open(&d, t->world, t->options);
	for (size_t i = 0; i < count; i++) {
		feed_at(&d, t, at, pieces[i]);
		at += pieces[i].len;
	}
	write_log(&d, &log);
	drive_close(&d);
	world_show(t->world, &log);
	mask_ids(&log);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&log), vx_buf_slice(&t->log)),
	    "%.*s: in %zu pieces:\n%.*s", (int)t->title.len, t->title.ptr, count,
	    (int)log.len, log.ptr);
	vx_buf_done(&log);
	if (t->files ||
	    vx_slice_find_slice(vx_buf_slice(&t->client), VX_S("AUTH")) < t->client.len)
		world_reset(t->world);
	else if (vx_slice_find_slice(vx_buf_slice(&t->client), VX_S("PASS")) <
		 t->client.len)
		world_forget_logins(t->world); /* the next split begins like this one */
}

static void run(struct transcript *t)
{
	struct world *w = t->world;

	if (t->title.len > 0)
		vxt_every_split(vx_buf_slice(&t->client), run_pieces, t);
	vx_buf_done(&t->client);
	vx_buf_done(&t->log);
	*t = (struct transcript){
		.world = w, .client = { .max = 1 << 20 }, .log = { .max = 1 << 20 }
	};
}

void transcripts_run(struct world *w, const char *name)
{
	struct transcript t = { .world = w };
	struct vx_buf file = vxt_read(name);
	vx_slice rest, line;

	for (rest = vx_buf_slice(&file); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (begins(line, "=== ")) {
			run(&t);
			const size_t at = vx_slice_rfind(line, ':');

			t.title = vx_slice_head(line, at);
			t.options = vx_slice_trim(vx_slice_from(line, at + 1), " ");
		} else {
			add_line(&t, line);
		}
	}
	run(&t);
	vx_buf_done(&file);
}
