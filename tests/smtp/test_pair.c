/* Our client and our server, with what both say cut at random. */
#include "lib/vxt.h"
#include "vectis/smtp_client.h"

#include <stdlib.h>

#define EXPORTER "0123456789abcdef0123456789abcdef"

enum {
	ROUNDS = 400,
	FORWARDS = 6,
	MESSAGES = 4
};

/* Both ends of a connection, and what each host knows. */
struct pair {
	unsigned seed;
	struct vx_smtp_client *client;
	struct vx_smtp_server *server;
	struct vx_buf to_server, to_client; /* on their way */
	int client_end, server_end;
	bool exporter;

	struct vx_smtp_message message;
	struct vx_smtp_forward to[FORWARDS];
	struct vx_buf content;
	struct vx_smtp_result results[FORWARDS];
	size_t result_count, sent;
	bool ready, failed;
	struct vx_smtp_result failure;

	struct vx_buf received; /* of the message that is coming */
	struct vx_buf rcpts;    /* that were taken, with blanks */
	struct vx_buf filed, filed_rcpts;
	bool login;
	size_t filed_count, expected_count;
	bool no; /* the server's verdict at the end */
};

static unsigned dice(struct pair *p, unsigned n)
{
	return (unsigned)rand_r(&p->seed) % n;
}

static void open_pair(struct pair *p, unsigned seed, struct vx_smtp_client_options o,
    struct vx_smtp_server_options so)
{
	*p = (struct pair){ .seed = seed,
		.to_server = { .max = VX_SMTP_OUT_MAX },
		.to_client = { .max = 1 << 20 },
		.content = { .max = 1 << 20 },
		.received = { .max = 1 << 20 },
		.rcpts = { .max = 4096 },
		.filed = { .max = 1 << 20 },
		.filed_rcpts = { .max = 4096 } };
	o.struct_size = sizeof(o);
	o.hostname = VX_S("client.test");
	so.struct_size = sizeof(so);
	so.hostname = VX_S("mx.test");
	so.banner = VX_S("Vectis");
	vxt_assert_ok(vx_smtp_client_new(&o, &p->client));
	vxt_assert_ok(vx_smtp_server_new(&so, &p->server));
}

static void close_pair(struct pair *p)
{
	vx_smtp_client_free(p->client);
	vx_smtp_server_free(p->server);
	vx_buf_done(&p->to_server);
	vx_buf_done(&p->to_client);
	vx_buf_done(&p->content);
	vx_buf_done(&p->received);
	vx_buf_done(&p->rcpts);
	vx_buf_done(&p->filed);
	vx_buf_done(&p->filed_rcpts);
}

/* --- the server's host: names say what becomes of them ------------------------------ */

static void give_keys(struct pair *p)
{
	char salted[VX_SHA256_OCTETS], client[VX_SHA256_OCTETS];
	const vx_slice s = { salted, sizeof(salted) };
	struct vx_credential keys = { .iterations = 4096, .salt = "sixteen octets." };

	vx_pbkdf2_sha256(
	    VX_S("two words"), vx_slice_of(keys.salt, sizeof(keys.salt)), 4096, salted);
	vx_hmac_sha256(s, VX_S("Client Key"), client);
	vx_sha256(vx_slice_of(client, sizeof(client)), keys.stored_key);
	vx_hmac_sha256(s, VX_S("Server Key"), keys.server_key);
	vx_smtp_server_keys(p->server, &p->to_client, &keys);
}

static void on_auth(struct pair *p, const struct vx_smtp_event *ev)
{
	p->login = ev->proof == VX_SASL_PROVEN ||
		   (ev->proof == VX_SASL_PASSWORD &&
		       vx_slice_eq(ev->password, VX_S("two words")));
	p->login = p->login && vx_slice_eq(ev->user, VX_S("alice"));
	vx_smtp_server_answer(p->server, &p->to_client, p->login ? 235 : 535,
	    p->login ? "2.7.0" : "5.7.8", "x");
}

static void on_path(struct pair *p, const struct vx_smtp_event *ev)
{
	const bool no = vx_slice_has_prefix(ev->path, VX_S("no"));
	const bool later = vx_slice_has_prefix(ev->path, VX_S("later"));

	if (!no && !later && ev->type == VX_SMTP_RCPT) {
		vx_buf_add(&p->rcpts, ev->path);
		vx_buf_add_char(&p->rcpts, ' ');
	}
	vx_smtp_server_answer(p->server, &p->to_client,
	    no      ? 550
	    : later ? 450
		    : 250,
	    no      ? "5.1.1"
	    : later ? "4.2.0"
		    : "2.1.5",
	    "so it is");
}

static void forget(struct pair *p)
{
	vx_buf_reset(&p->received);
	vx_buf_reset(&p->rcpts);
}

static void file(struct pair *p)
{
	if (!p->no) {
		p->filed_count++;
		vx_buf_reset(&p->filed);
		vx_buf_reset(&p->filed_rcpts);
		vx_buf_add(&p->filed, vx_buf_slice(&p->received));
		vx_buf_add(&p->filed_rcpts, vx_buf_slice(&p->rcpts));
	}
	vx_smtp_server_answer(p->server, &p->to_client, p->no ? 554 : 250,
	    p->no ? "5.7.1" : "2.0.0", "done");
	forget(p);
}

static void serve(struct pair *p, const struct vx_smtp_event *ev)
{
	switch (ev->type) {
	case VX_SMTP_STARTTLS:
		vx_smtp_server_answer(p->server, &p->to_client, 220, "2.0.0", "go");
		break;
	case VX_SMTP_KEYS:
		give_keys(p);
		break;
	case VX_SMTP_AUTH:
		on_auth(p, ev);
		break;
	case VX_SMTP_MAIL:
	case VX_SMTP_RCPT:
		on_path(p, ev);
		break;
	case VX_SMTP_DATA:
		vx_smtp_server_answer(p->server, &p->to_client, 354, "", "go");
		break;
	case VX_SMTP_CONTENT:
		vx_buf_add(&p->received, ev->octets);
		break;
	case VX_SMTP_END:
		file(p);
		break;
	case VX_SMTP_RESET:
		forget(p);
		break;
	case VX_SMTP_REFUSED:
		break;
	}
}

static void run_server(struct pair *p)
{
	const size_t n =
	    p->to_server.len == 0 ? 0 : 1 + dice(p, (unsigned)p->to_server.len);
	char *const block = malloc(n + 1);
	vx_slice in = vx_slice_of(block, n);
	struct vx_smtp_event ev;

	ck_assert_ptr_nonnull(block);
	if (n > 0)
		memcpy(block, p->to_server.ptr, n);
	vx_buf_consume(&p->to_server, n);
	while ((p->server_end = vx_smtp_server_next(
		    p->server, &in, &p->to_client, &ev)) == VX_DATA)
		serve(p, &ev);
	free(block);
}

/* --- the client's host -------------------------------------------------------------- */

static void on_client_event(struct pair *p, const struct vx_smtp_client_event *ev)
{
	const vx_slice all = vx_buf_slice(&p->content);

	switch (ev->type) {
	case VX_SMTP_CLIENT_READY:
		p->ready = true;
		break;
	case VX_SMTP_CLIENT_CONTENT:
		vxt_assert_ok(vx_smtp_client_content(p->client, &p->to_server,
		    vx_slice_head(vx_slice_from(all, (size_t)ev->offset),
			1 + dice(p, (unsigned)ev->wanted))));
		break;
	case VX_SMTP_CLIENT_RESULT:
		p->results[ev->recipient] = ev->result;
		p->result_count++;
		break;
	case VX_SMTP_CLIENT_FAILED:
		p->failed = true;
		p->failure = ev->result;
		break;
	}
}

static void run_client(struct pair *p)
{
	const size_t n =
	    p->to_client.len == 0 ? 0 : 1 + dice(p, (unsigned)p->to_client.len);
	char *const block = malloc(n + 1);
	vx_slice in = vx_slice_of(block, n);
	struct vx_smtp_client_event ev;

	ck_assert_ptr_nonnull(block);
	if (n > 0)
		memcpy(block, p->to_client.ptr, n);
	vx_buf_consume(&p->to_client, n);
	while ((p->client_end = vx_smtp_client_next(
		    p->client, &in, &p->to_server, &ev)) == VX_DATA)
		on_client_event(p, &ev);
	ck_assert_int_ge(p->client_end, 0);
	free(block);
}

static void begin_tls(struct pair *p)
{
	const vx_slice exporter = p->exporter ? VX_S(EXPORTER) : VX_S("");

	/* the server has said 220 and nothing more, the client nothing after its command
	 */
	ck_assert_uint_eq(p->to_server.len, 0);
	while (p->client_end != VX_TLS)
		run_client(p);
	vx_smtp_server_tls_ready(p->server, exporter);
	vx_smtp_client_tls_ready(p->client, exporter);
	p->server_end = p->client_end = VX_MORE;
}

/* Until the client is at rest, or it is over. */
static void meet(struct pair *p)
{
	p->ready = false;
	for (int i = 0; i < 100000 && !p->ready && !p->failed; i++) {
		run_client(p);
		if (p->server_end != VX_DONE && p->server_end != VX_TLS)
			run_server(p);
		if (p->server_end == VX_TLS)
			begin_tls(p);
	}
	ck_assert(p->ready || p->failed);
}

/* --- messages at random ------------------------------------------------------------- */

static void make_message(struct pair *p)
{
	static const char *const pieces[] = { "\r\n", ".", "a", "..", "\r\n.\r\n", "x.y",
		" " };
	static const char *const names[] = { "c@d.test", "no@d.test", "later@d.test",
		"e@f.test", "postmaster" };
	struct vx_smtp_scan scan = { 0 };
	const unsigned count = dice(p, 4) == 0 ? 9000 : dice(p, 30);

	vx_buf_reset(&p->content);
	for (unsigned i = 0; i < count; i++)
		vx_buf_add_str(&p->content, pieces[dice(p, 7)]);
	vx_smtp_scan_add(&scan, vx_buf_slice(&p->content));
	vx_smtp_scan_end(&scan);
	p->message = (struct vx_smtp_message){ .from = VX_S("a@b.test"),
		.to = p->to,
		.to_count = 1 + dice(p, FORWARDS),
		.size = scan.octets,
		.has_bare = scan.has_bare };
	for (size_t i = 0; i < p->message.to_count; i++)
		p->to[i] =
		    (struct vx_smtp_forward){ .path = vx_slice_str(names[dice(p, 5)]) };
	p->no = dice(p, 5) == 0;
	p->result_count = 0;
}

static void check_message(struct pair *p, bool chunking, uint64_t recipients_max)
{
	struct vx_buf rcpts = { .max = 4096 };
	size_t taken = 0;

	for (size_t i = 0; i < p->message.to_count; i++) {
		const vx_slice path = p->to[i].path;
		const enum vx_smtp_outcome outcome = p->results[i].outcome;

		if (vx_slice_has_prefix(path, VX_S("no")) && outcome != VX_SMTP_NEXT) {
			ck_assert_int_eq(outcome, VX_SMTP_PERMANENT);
			ck_assert_int_eq(p->results[i].stage, VX_SMTP_AT_RCPT);
		} else if (vx_slice_has_prefix(path, VX_S("later")) &&
			   outcome != VX_SMTP_NEXT) {
			ck_assert_int_eq(outcome, VX_SMTP_TEMPORARY);
			ck_assert_str_eq(p->results[i].status, "4.2.0");
		} else if (outcome == VX_SMTP_NEXT) {
			ck_assert_uint_eq(taken, recipients_max);
		} else {
			taken++;
			ck_assert_int_eq(
			    outcome, p->no ? VX_SMTP_PERMANENT : VX_SMTP_DELIVERED);
			ck_assert_int_eq(p->results[i].stage, VX_SMTP_AT_END);
			ck_assert_int_eq(p->results[i].dsn, !p->no);
			vx_buf_add(&rcpts, path);
			vx_buf_add_char(&rcpts, ' ');
		}
	}
	ck_assert_uint_le(taken, recipients_max);
	if (taken > 0 && !p->no) {
		if (!chunking && p->content.len > 0 &&
		    !vx_slice_has_suffix(vx_buf_slice(&p->content), VX_S("\r\n")))
			vx_buf_add_str(&p->content, "\r\n");
		vxt_assert_slice(vx_buf_slice(&p->filed), vx_buf_slice(&p->content));
		vxt_assert_slice(vx_buf_slice(&p->filed_rcpts), vx_buf_slice(&rcpts));
	}
	p->expected_count += taken > 0 && !p->no;
	ck_assert_uint_eq(p->filed_count, p->expected_count);
	vx_buf_done(&rcpts);
}

START_TEST(messages_at_random)
{
	for (unsigned seed = 0; seed < ROUNDS; seed++) {
		const unsigned ignore = (seed & 1 ? VX_SMTP_EXT_PIPELINING : 0u) |
					(seed & 2 ? VX_SMTP_EXT_CHUNKING : 0u);
		const uint64_t recipients_max = seed & 4 ? 2 : 100;
		struct pair p;

		open_pair(&p, seed,
		    (struct vx_smtp_client_options){
			.policy = seed & 8 ? VX_SMTP_TLS_OFFERED : VX_SMTP_TLS_NEVER,
			.ignore = ignore },
		    (struct vx_smtp_server_options){ .message_octets_max = 1 << 20,
			.recipients_max = recipients_max });
		meet(&p);
		for (size_t i = 0; i < MESSAGES; i++) {
			make_message(&p);
			vxt_assert_ok(vx_smtp_client_send(p.client, &p.message));
			meet(&p);
			ck_assert(!p.failed);
			ck_assert_uint_eq(p.result_count, p.message.to_count);
			check_message(&p, (seed & 2) == 0, recipients_max);
		}
		vxt_assert_ok(vx_smtp_client_quit(p.client));
		while (p.client_end != VX_DONE) {
			run_client(&p);
			if (p.server_end != VX_DONE)
				run_server(&p);
		}
		ck_assert(!p.failed);
		close_pair(&p);
	}
}
END_TEST

/* --- logins ------------------------------------------------------------------------- */

START_TEST(logins)
{
	static const struct {
		const char *password;
		bool exporter, good;
	} cases[] = {
		{ "two words", false, true },
		{ "two words", true, true },
		{ "two\xc2\xa0words", true, true }, /* prepared: RFC 4013 2.1 */
		{ "two word", false, false },
		{ "two word", true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned seed = 0; seed < 4; seed++) {
			struct pair p;

			open_pair(&p, seed,
			    (struct vx_smtp_client_options){
				.policy = VX_SMTP_TLS_REQUIRED,
				.user = VX_S("alice"),
				.password = vx_slice_str(cases[i].password) },
			    (struct vx_smtp_server_options){ .role = VX_SMTP_SUBMISSION,
				.message_octets_max = 1000,
				.recipients_max = 10 });
			p.exporter = cases[i].exporter;
			meet(&p);
			ck_assert_int_eq(p.ready, cases[i].good);
			ck_assert_int_eq(p.login, cases[i].good);
			if (p.failed) {
				ck_assert_int_eq(p.failure.outcome, VX_SMTP_TEMPORARY);
				ck_assert_uint_eq(p.failure.code, 535);
			}
			close_pair(&p);
		}
	}
}
END_TEST

/* TLS from the first octet, with an exporter. */
START_TEST(a_login_with_implicit_tls)
{
	struct pair p;

	open_pair(&p, 1,
	    (struct vx_smtp_client_options){ .policy = VX_SMTP_TLS_REQUIRED,
		.tls = true,
		.user = VX_S("alice"),
		.password = VX_S("two words") },
	    (struct vx_smtp_server_options){ .role = VX_SMTP_SUBMISSION,
		.message_octets_max = 1000,
		.recipients_max = 10,
		.tls = true });
	vx_smtp_server_tls_ready(p.server, VX_S(EXPORTER));
	vx_smtp_client_tls_ready(p.client, VX_S(EXPORTER));
	meet(&p);
	ck_assert(p.ready && p.login);
	close_pair(&p);
}
END_TEST

VXT_SUITE(test_pair, "pair", messages_at_random, logins, a_login_with_implicit_tls)
