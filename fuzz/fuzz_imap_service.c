/*
 * Two IMAP sessions over a real store, on one account or on two that can share, in pieces
 * and broken off.  What the server says must be responses, whatever it is told, and
 * whoever comes next is served.
 *
 * The first octet says how to cut what is sent, the second what the sessions begin with,
 * the third how they end; the octets 1 and 2 change to the first and the second session.
 */
#include "base/fs.h"
#include "store/all.h"
#include "store/store_int.h"
#include "tests/service/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	LINKS = 2,
	INPUT_MAX = 8192,
	OUTPUT_MAX = 8 << 20,
	RUNS_OF_A_STORE = 100,
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* --- the store --------------------------------------------------------------------- */

static struct host host;
static unsigned runs;

static const vx_slice messages[] = {
	VX_SLICE_INIT("Subject: one\r\nFrom: a@x.example\r\n\r\nbody\r\n"),
	VX_SLICE_INIT(
	    "Subject: Re: one\r\nMessage-ID: <2@x>\r\nReferences: <1@x>\r\n"
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--b\r\n"
	    "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n"
	    "--b--\r\n"),
	VX_SLICE_INIT("Subject: =?utf-8?q?=C3=A4?=\r\nTo: g: b@y.example;\r\n"
		      "Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n"),
};

static void print_line(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "store check: %s\n", text);
}

/* Whatever was done to the store, it is whole. */
static void close_host(void)
{
	char dir[512];
	struct vx_error err;
	uint64_t problems = 0;

	(void)snprintf(dir, sizeof(dir), "%s", host.dir);
	host_close(&host);
	must(vx_store_check(dir, print_line, NULL, &problems, &err) == VX_OK);
	must(problems == 0);
	must(vx_fs_remove_tree(dir, &err) == VX_OK);
}

static bool go_on(struct vx_store *store)
{
	(void)store;
	return true;
}

/* All that the inputs made is gone after a while: none finds a store too full. */
static void prepare(void)
{
	uint32_t alice;

	if (runs > 0 && runs % RUNS_OF_A_STORE != 0)
		return;
	if (runs > 0)
		close_host();
	else
		(void)atexit(close_host);
	must(host_open(&host) == VX_OK);
	host.hasty = true;
	host.store->o.all = VX_STORE_ALL_MAKE;
	must(vx_all_upkeep(host.store, go_on) == VX_OK);
	alice = host_account(&host, "alice");
	must(host_mailbox(&host, alice, "box/in") == VX_OK);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		must(host_deliver(&host, alice, i == 0 ? "box/in" : "INBOX", messages[i],
			 1700000000, i) > 0);
}

/* --- what is said ------------------------------------------------------------------ */

static bool is_tag(char c)
{
	return c > ' ' && c < 0x7f && strchr("(){%*\"\\", c) == NULL;
}

/* Ends the line in a literal?  Its size, else -1. */
static long literal_of(vx_slice line)
{
	uint64_t size;
	const size_t open = vx_slice_rfind(line, '{');

	if (line.len == 0 || line.ptr[line.len - 1] != '}' || open >= line.len ||
	    vx_slice_number(vx_slice_of(line.ptr + open + 1, line.len - open - 2),
		INT32_MAX, &size) != VX_OK)
		return -1;
	return (long)size;
}

/* "tag OK ...": what ends a command, or the line is a response of the server's own. */
static bool is_condition(vx_slice line)
{
	static const char *const words[] = { " OK ", " NO ", " BAD " };
	const vx_slice rest = vx_slice_from(line, vx_slice_find(line, ' '));

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (vx_slice_has_prefix(rest, vx_slice_str(words[i])))
			return true;
	return false;
}

/* Numbers of messages are those that the client was told of: "* 3 EXPUNGE". */
static bool numbers_ok(vx_slice line, uint64_t *exists)
{
	vx_slice rest = vx_slice_from(line, 2), word;
	uint64_t n;

	(void)vx_slice_cut(&rest, ' ', &word);
	if (vx_slice_number(word, UINT32_MAX, &n) != VX_OK)
		return true;
	(void)vx_slice_cut(&rest, ' ', &word);
	if (vx_slice_eq(word, VX_S("EXISTS"))) {
		*exists = n;
	} else if (vx_slice_eq(word, VX_S("FETCH")) ||
		   vx_slice_eq(word, VX_S("EXPUNGE"))) {
		if (n < 1 || n > *exists)
			return false;
		*exists -= vx_slice_eq(word, VX_S("EXPUNGE"));
	}
	return true;
}

/* false: it is no response that a client can have expected. */
static bool line_ok(vx_slice line, uint64_t *exists)
{
	if (line.len < 2) /* "+ " asks for a response without a challenge */
		return false;
	if (line.ptr[0] == '*' && line.ptr[1] == ' ')
		return numbers_ok(line, exists);
	return (line.ptr[0] == '+' && line.ptr[1] == ' ') ||
	       (is_tag(line.ptr[0]) && is_condition(line));
}

static void must_be_response(vx_slice line, uint64_t *exists)
{
	if (line_ok(line, exists))
		return;
	fprintf(
	    stderr, "of %u messages: %.*s\n", (unsigned)*exists, (int)line.len, line.ptr);
	abort();
}

/* Responses, each with its literals; the last may be cut where the connection ended. */
static void check_output(vx_slice said)
{
	bool goes_on = false; /* behind a literal */
	uint64_t exists = 0;

	while (said.len > 0) {
		const size_t lf = vx_slice_find(said, '\n');
		vx_slice line = vx_slice_head(said, lf);
		long literal;

		if (lf == said.len)
			return;
		must(lf > 0 && said.ptr[lf - 1] == '\r');
		line.len--;
		must(memchr(line.ptr, '\r', line.len) == NULL &&
		     memchr(line.ptr, '\0', line.len) == NULL);
		if (!goes_on)
			must_be_response(line, &exists);
		said = vx_slice_from(said, lf + 1);
		literal = literal_of(line);
		goes_on = literal >= 0;
		if (literal > 0 && (size_t)literal > said.len)
			return;
		if (literal > 0)
			said = vx_slice_from(said, (size_t)literal);
	}
}

static bool says(vx_slice text, const char *word)
{
	const vx_slice w = vx_slice_str(word);

	for (; text.len >= w.len; text = vx_slice_from(text, 1))
		if (vx_slice_eq_nocase(vx_slice_head(text, w.len), w))
			return true;
	return false;
}

/* --- the sessions ------------------------------------------------------------------ */

static struct link links[LINKS];

static void say(unsigned which, vx_slice octets)
{
	struct link *const all[LINKS] = { &links[0], &links[1] };

	if (links[which].session == NULL || links[which].out.len > OUTPUT_MAX)
		return;
	link_send(&links[which], octets);
	host_settle(&host, all, LINKS);
}

static void begin(unsigned which, unsigned how)
{
	must(link_open(&links[which], &host, (how & 16) == 0) == VX_OK);
	if ((how & 32) != 0)
		say(which, VX_S("l LOGIN bob@" HOST_DOMAIN " " HOST_PASSWORD "\r\n"));
	else if ((how & 1) != 0)
		say(which, VX_S("l LOGIN alice@" HOST_DOMAIN " " HOST_PASSWORD "\r\n"));
	if ((how & 2) != 0)
		say(which, VX_S("s SELECT INBOX\r\n"));
	if ((how & 4) != 0)
		say(which, VX_S("e ENABLE IMAP4rev2\r\n"));
	if ((how & 8) != 0)
		say(which, VX_S("q ENABLE QRESYNC\r\n"));
}

static void feed(vx_slice in, size_t chunk)
{
	unsigned which = 0;

	while (in.len > 0) {
		size_t n = 0;

		while (n < in.len && n < chunk && in.ptr[n] != 1 && in.ptr[n] != 2)
			n++;
		if (n > 0) {
			say(which, vx_slice_head(in, n));
		} else {
			which = in.ptr[0] == 2 ? 1 : 0;
			n = 1;
		}
		in = vx_slice_from(in, n);
	}
}

static void end(unsigned which, unsigned how, bool compressed)
{
	struct link *l = &links[which];
	struct vx_buf last = { .max = 4u << 20 };

	if (l->session != NULL && how == 1)
		l->session->ops->timeout(l->session, &last);
	else if (l->session != NULL && how == 2)
		l->session->ops->stop(l->session, &last);
	vx_buf_done(&last);
	if (!compressed)
		check_output(vx_buf_slice(&l->out));
	link_close(l);
}

static void must_serve(void)
{
	begin(0, 3);
	must(says(vx_buf_slice(&links[0].out), "l OK ") &&
	     says(vx_buf_slice(&links[0].out), "s OK "));
	link_close(&links[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice in = vx_slice_of(data, size);
	const bool compressed = says(in, "COMPRESS");

	if (size < 4 || size > INPUT_MAX)
		return 0;
	prepare();
	begin(0, data[1] & 31u);
	begin(1, 3 | (data[1] & 32u));
	feed(vx_slice_from(in, 3), data[0] == 0 ? size : data[0]);
	for (unsigned i = 0; i < LINKS; i++)
		end(i, data[2] >> 2 * i & 3u, compressed);
	must_serve();
	runs++;
	return 0;
}
