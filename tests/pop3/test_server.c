/* Transcripts, cut in every way; limits; listings that pause. */
#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/pop3_server.h"

#include <stdio.h>

static const char *const texts[] = {
	"Subject: one\r\n\r\n.dot\r\n..\r\nlast line\r\n",
	"Subject: two\n\n.\nbare",
	"Subject: empty\r\n\r\n",
};
enum {
	COUNT = 3,
	PIECE = 3
};

struct host {
	struct vx_pop3_server *core;
	struct vx_pop3_message messages[COUNT];
	struct vx_pop3_maildrop drop;
	struct vx_buf out;
	unsigned commits, deleted, in_clear;
	struct vx_buf name; /* who tried to log in in clear */
	int end;            /* what next said last */
};

static void host_open(struct host *h, bool tls)
{
	*h = (struct host){ .out = { .max = 1 << 20 }, .name = { .max = 1000 } };
	vxt_assert_ok(vx_pop3_server_new(tls, &h->core));
	for (uint32_t i = 0; i < COUNT; i++)
		h->messages[i] = (struct vx_pop3_message){ .uid = 10 * (i + 1),
			.size = strlen(texts[i]) };
	h->drop = (struct vx_pop3_maildrop){
		.uidvalidity = 0x5eed, .messages = h->messages, .count = COUNT
	};
}

static void host_close(struct host *h)
{
	vx_pop3_server_free(h->core);
	vx_buf_done(&h->out);
	vx_buf_done(&h->name);
}

static enum vx_pop3_login verdict(const struct vx_pop3_event *ev)
{
	static const struct {
		vx_slice user;
		enum vx_pop3_login result;
	} users[] = {
		{ VX_SLICE_INIT("busy"), VX_POP3_LOGIN_IN_USE },
		{ VX_SLICE_INIT("off"), VX_POP3_LOGIN_DISABLED },
		{ VX_SLICE_INIT("slow"), VX_POP3_LOGIN_SLOW },
		{ VX_SLICE_INIT("temp"), VX_POP3_LOGIN_TEMP },
	};

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (vx_slice_eq(ev->user, users[i].user))
			return users[i].result;
	return vx_slice_eq(ev->user, VX_S("alice")) &&
		       vx_slice_eq(ev->password, VX_S("two words"))
		   ? VX_POP3_LOGIN_OK
		   : VX_POP3_LOGIN_WRONG;
}

static void send_message(struct host *h, const char *text)
{
	vx_slice rest = vx_slice_str(text);
	int rc = VX_MORE;

	vx_pop3_server_retrieve(h->core, &h->out, VX_OK);
	while (rest.len > 0 && rc == VX_MORE) {
		rc = vx_pop3_server_body(h->core, vx_slice_head(rest, PIECE), &h->out);
		rest = vx_slice_from(rest, PIECE);
	}
	vx_pop3_server_body_end(h->core, &h->out);
}

static void answer(struct host *h, const struct vx_pop3_event *ev)
{
	switch (ev->type) {
	case VX_POP3_KEYS: /* tests/sasl has the exchange itself */
		vx_pop3_server_keys(h->core, &h->out, NULL);
		break;
	case VX_POP3_LOGIN:
		vx_pop3_server_login(h->core, &h->out, verdict(ev), &h->drop);
		break;
	case VX_POP3_RETRIEVE:
		send_message(h, texts[ev->index]);
		break;
	case VX_POP3_COMMIT:
		h->commits++;
		for (size_t i = 0; i < COUNT; i++)
			h->deleted += h->messages[i].deleted;
		vx_pop3_server_commit(h->core, &h->out, VX_OK);
		break;
	case VX_POP3_NO_TLS:
		h->in_clear++;
		vx_buf_reset(&h->name);
		vx_buf_add(&h->name, ev->user);
		break;
	}
}

static void feed(struct host *h, vx_slice in)
{
	struct vx_pop3_event ev;

	while ((h->end = vx_pop3_server_next(h->core, &in, &h->out, &ev)) == VX_DATA)
		answer(h, &ev);
}

/* --- transcripts ------------------------------------------------------------------- */

struct transcript {
	struct vx_buf client, server;
};

/* Each line is "C: text" or "S: text"; CR LF is added. */
static void load(const char *name, struct transcript *t)
{
	char path[200];
	struct vx_buf file;
	vx_slice rest, line;

	(void)snprintf(path, sizeof(path), "pop3/%s.txt", name);
	file = vxt_read(path);
	*t = (struct transcript){ { .max = 65536 }, { .max = 65536 } };
	for (rest = vx_buf_slice(&file); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (vx_slice_has_prefix(line, VX_S("C:"))) {
			vx_buf_add(&t->client, vx_slice_from(line, 3));
			vx_buf_add(&t->client, VX_S("\r\n"));
		} else if (vx_slice_has_prefix(line, VX_S("S:"))) {
			vx_buf_add(&t->server, vx_slice_from(line, 3));
			vx_buf_add(&t->server, VX_S("\r\n"));
		} else {
			ck_assert_msg(line.len == 0 || line.ptr[0] == '#', "%s", name);
		}
	}
	vx_buf_done(&file);
}

static void run_pieces(void *ctx, const vx_slice *pieces, size_t count)
{
	const struct transcript *t = ctx;
	struct host h;

	host_open(&h, true);
	for (size_t i = 0; i < count; i++)
		feed(&h, pieces[i]);
	vxt_assert_slice(vx_buf_slice(&h.out), vx_buf_slice(&t->server));
	host_close(&h);
}

START_TEST(transcripts)
{
	static const char *const names[] = { "login", "auth", "mail", "delete",
		"refused" };
	struct transcript t;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		load(names[i], &t);
		vxt_every_split(vx_buf_slice(&t.client), run_pieces, &t);
		vx_buf_done(&t.client);
		vx_buf_done(&t.server);
	}
}
END_TEST

/* --- limits ------------------------------------------------------------------------ */

START_TEST(line_limits)
{
	char line[VX_POP3_AUTH_LINE_MAX + 2];
	struct host h;

	memset(line, 'x', sizeof(line));
	for (size_t over = 0; over < 2; over++) {
		host_open(&h, true);
		memcpy(line, "USER ", 5);
		feed(&h, vx_slice_of(line, VX_POP3_LINE_MAX - 2 + over));
		feed(&h, VX_S("\r\n"));
		ck_assert_int_eq(vx_slice_find_slice(vx_buf_slice(&h.out),
				     VX_S("the line is too long")) < h.out.len,
		    over == 1);
		host_close(&h);
		host_open(&h, true);
		memcpy(line, "PASS ", 5);
		feed(&h, VX_S("USER x\r\n"));
		feed(&h, vx_slice_of(line, VX_POP3_AUTH_LINE_MAX - 2 + over));
		feed(&h, VX_S("\r\n"));
		ck_assert_int_eq(vx_slice_find_slice(vx_buf_slice(&h.out),
				     VX_S("the line is too long")) < h.out.len,
		    over == 1);
		host_close(&h);
	}
}
END_TEST

START_TEST(errors_end_it)
{
	struct host h;

	host_open(&h, true);
	for (unsigned i = 0; i < VX_POP3_ERRORS_MAX; i++) {
		ck_assert_int_eq(h.end, i == 0 ? VX_OK : VX_MORE);
		feed(&h, VX_S("NONSENSE\r\n"));
	}
	ck_assert_int_eq(h.end, VX_DONE);
	host_close(&h);
	host_open(&h, true);
	for (unsigned i = 0; i < VX_POP3_LOGINS_MAX; i++)
		feed(&h, VX_S("USER alice\r\nPASS guess\r\n"));
	ck_assert_int_eq(h.end, VX_DONE);
	host_close(&h);
}
END_TEST

START_TEST(no_login_without_tls)
{
	struct host h;

	host_open(&h, false);
	feed(&h, VX_S("CAPA\r\nUSER alice\r\n"));
	ck_assert_uint_eq(h.in_clear, 1);
	vxt_assert_str(vx_buf_slice(&h.name), "alice");
	feed(&h, VX_S("AUTH PLAIN\r\nPASS two words\r\n"));
	ck_assert_uint_eq(h.in_clear, 2);
	ck_assert(!vx_pop3_server_logged_in(h.core));
	ck_assert_uint_eq(
	    vx_slice_find_slice(vx_buf_slice(&h.out), VX_S("SASL")), h.out.len);
	host_close(&h);
}
END_TEST

START_TEST(only_quit_deletes)
{
	struct host h;

	host_open(&h, true);
	feed(&h, VX_S("USER alice\r\nPASS two words\r\nDELE 1\r\nDELE 3\r\nQUIT\r\n"));
	ck_assert_uint_eq(h.commits, 1);
	ck_assert_uint_eq(h.deleted, 2);
	ck_assert_int_eq(h.end, VX_DONE);
	host_close(&h);
	host_open(&h, true);
	feed(&h, VX_S("USER alice\r\nPASS two words\r\nDELE 1\r\n"));
	vx_pop3_server_close(h.core, &h.out);
	feed(&h, VX_S("QUIT\r\n"));
	ck_assert_uint_eq(h.commits, 0);
	ck_assert_int_eq(h.end, VX_DONE);
	host_close(&h);
}
END_TEST

/* A listing of a great mailbox pauses when out is full and goes on when it drained. */
START_TEST(listing_pauses)
{
	enum {
		MANY = 20000
	};
	struct vx_pop3_message *m = vx_alloc_array(MANY, sizeof(*m));
	struct vx_pop3_event ev;
	struct host h;
	vx_slice in = VX_S("LIST\r\nNOOP\r\n");
	size_t lines = 0, pauses = 0;
	int rc;

	ck_assert_ptr_nonnull(m);
	for (uint32_t i = 0; i < MANY; i++)
		m[i] = (struct vx_pop3_message){ .uid = i + 1, .size = 1000 };
	host_open(&h, true);
	h.drop.messages = m;
	h.drop.count = MANY;
	feed(&h, VX_S("USER alice\r\nPASS two words\r\n"));
	vx_buf_reset(&h.out);
	do {
		rc = vx_pop3_server_next(h.core, &in, &h.out, &ev);
		ck_assert_uint_lt(h.out.len, VX_POP3_OUT_HIGH + 64);
		for (size_t i = 0; i < h.out.len; i++)
			lines += h.out.ptr[i] == '\n';
		pauses += rc == VX_OK;
		vx_buf_reset(&h.out);
	} while (rc == VX_OK);
	ck_assert_int_eq(rc, VX_MORE);
	ck_assert_uint_eq(lines, 1 + MANY + 1 + 1);
	ck_assert_uint_gt(pauses, 2);
	host_close(&h);
	vx_free(m);
}
END_TEST

/* No allocation may be missed: every one fails once, and the core answers or gives up. */
START_TEST(out_of_memory)
{
	for (size_t n = 1; n < 60; n++) {
		struct host h = { .out = { .max = 1 << 20 } };
		int rc;

		vx_mem_fail_at(n);
		rc = vx_pop3_server_new(true, &h.core);
		if (rc == VX_OK) {
			h.drop = (struct vx_pop3_maildrop){ .messages = h.messages,
				.count = COUNT };
			feed(&h, VX_S("AUTH PLAIN AGFsaWNlAHR3byB3b3Jkcw==\r\n"
				      "RETR 1\r\nUIDL\r\nDELE 1\r\nQUIT\r\n"));
			ck_assert(
			    h.end == VX_DONE || h.end == VX_ELIMIT || h.end == VX_MORE);
		} else {
			ck_assert_int_eq(rc, VX_ENOMEM);
		}
		vx_mem_fail_at(0);
		host_close(&h);
	}
}
END_TEST

VXT_SUITE(test_server, "server", transcripts, line_limits, errors_end_it,
    no_login_without_tls, only_quit_deletes, listing_pauses, out_of_memory)
