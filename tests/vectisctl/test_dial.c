/*
 * Sessions with servers that do what their script says, on a thread beside: which steps
 * are told, and how it ends.
 */
#include "lib/vxt.h"
#include "tls/pki.h"
#include "vectisctl/dial.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A script: lines "S: text" (CR LF is added), "E: what a line begins with", "TLS", "RAW
 * text" (with '|' for CR LF), "CLOSE", "WAIT" (until the other one closes).
 */
struct server {
	const char *script;
	int listener;
	uint16_t port;
	int fd;
	gnutls_session_t tls;
	gnutls_certificate_credentials_t credentials;
	char wrong[200]; /* what it did not expect; "": nothing */
	pthread_t thread;
};

static struct pki root, leaf, other;
static char dir[200], authorities[300];
static struct vx_config config;

/* --- the server ------------------------------------------------------------------------
 */

static ssize_t take(struct server *s, char *octet)
{
	return s->tls != NULL ? gnutls_record_recv(s->tls, octet, 1)
			      : recv(s->fd, octet, 1, 0);
}

static void give(struct server *s, vx_slice octets)
{
	if (s->tls != NULL)
		(void)gnutls_record_send(s->tls, octets.ptr, octets.len);
	else
		(void)send(s->fd, octets.ptr, octets.len, MSG_NOSIGNAL);
}

static void expect(struct server *s, vx_slice begin)
{
	char line[2048];
	size_t n = 0;

	while (n < sizeof(line) - 1 && take(s, line + n) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	if (!vx_slice_has_prefix(vx_slice_of(line, n), begin) && s->wrong[0] == '\0')
		(void)snprintf(s->wrong, sizeof(s->wrong), "%.80s, not %.*s", line,
		    (int)begin.len, begin.ptr);
}

static void shake(struct server *s)
{
	int rc;

	(void)gnutls_init(&s->tls, GNUTLS_SERVER);
	(void)gnutls_set_default_priority(s->tls);
	(void)gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, s->credentials);
	gnutls_transport_set_int(s->tls, s->fd);
	do
		rc = gnutls_handshake(s->tls);
	while (rc < 0 && gnutls_error_is_fatal(rc) == 0);
}

static void wait_for_the_end(struct server *s)
{
	char octet;

	while (take(s, &octet) == 1)
		if (s->wrong[0] == '\0')
			(void)snprintf(s->wrong, sizeof(s->wrong), "more was said");
}

static void add_raw(struct vx_buf *out, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		vx_buf_add_str(
		    out, text.ptr[i] == '|' ? "\r\n" : (char[]){ text.ptr[i], '\0' });
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	vx_slice rest = vx_slice_str(s->script), line;

	s->fd = accept(s->listener, NULL, NULL);
	while (s->fd >= 0 && rest.len > 0) {
		struct vx_buf text = { .max = 65536 };

		(void)vx_slice_cut(&rest, '\n', &line);
		if (vx_slice_has_prefix(line, VX_S("S: "))) {
			vx_buf_add(&text, vx_slice_from(line, 3));
			vx_buf_add_str(&text, "\r\n");
			give(s, vx_buf_slice(&text));
		} else if (vx_slice_has_prefix(line, VX_S("RAW "))) {
			add_raw(&text, vx_slice_from(line, 4));
			give(s, vx_buf_slice(&text));
		} else if (vx_slice_has_prefix(line, VX_S("E: "))) {
			expect(s, vx_slice_from(line, 3));
		} else if (vx_slice_eq(line, VX_S("TLS"))) {
			shake(s);
		} else if (vx_slice_eq(line, VX_S("WAIT"))) {
			wait_for_the_end(s);
		}
		vx_buf_done(&text);
	}
	if (s->tls != NULL)
		gnutls_deinit(s->tls);
	if (s->fd >= 0)
		(void)close(s->fd);
	return NULL;
}

static void server_open(struct server *s, const char *script, const struct pki *pair)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t size = sizeof(a);
	gnutls_datum_t chain, key;

	*s = (struct server){ .script = script, .fd = -1 };
	chain.data = (unsigned char *)pair->pem.ptr;
	chain.size = (unsigned)pair->pem.len;
	key.data = (unsigned char *)pair->key_pem.ptr;
	key.size = (unsigned)pair->key_pem.len;
	ck_assert_int_eq(gnutls_certificate_allocate_credentials(&s->credentials), 0);
	ck_assert_int_ge(gnutls_certificate_set_x509_key_mem(
			     s->credentials, &chain, &key, GNUTLS_X509_FMT_PEM),
	    0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(s->listener, 0);
	ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(s->listener, 1), 0);
	ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&a, &size), 0);
	s->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_close(struct server *s)
{
	(void)shutdown(s->listener, SHUT_RDWR); /* if nobody came */
	ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
	(void)close(s->listener);
	gnutls_certificate_free_credentials(s->credentials);
}

/* --- what is told ----------------------------------------------------------------------
 */

/* "connect; EHLO; !RCPT 550 no": the steps, the text of those that failed. */
static void write_steps(struct vx_buf *out, const struct ctl *c)
{
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(c->result, "steps"), i, step)
	{
		const bool good = json_is_true(json_object_get(step, "ok"));

		vx_buf_printf(out, "%s%s%s", i > 0 ? "; " : "", good ? "" : "!",
		    json_string_value(json_object_get(step, "step")));
		if (!good)
			vx_buf_printf(
			    out, " %s", json_string_value(json_object_get(step, "text")));
		if (json_object_get(step, "hint_id") != NULL)
			vx_buf_printf(out, " (%s)",
			    json_string_value(json_object_get(step, "hint_id")));
	}
	vx_buf_add_char(out, '\0');
}

static void begin(void)
{
	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	pki_make(&root, &(struct pki_spec){ .cn = "root", .ca = true });
	pki_make(
	    &leaf, &(struct pki_spec){ .cn = "mx", .names = "mx.test", .issuer = &root });
	pki_make(&other,
	    &(struct pki_spec){ .cn = "else", .names = "else.test", .issuer = &root });
	(void)snprintf(authorities, sizeof(authorities), "%s",
	    pki_file(dir, "root.pem", vx_buf_slice(&root.pem), 0600));
	config =
	    (struct vx_config){ .hostname = "our.test", .tls_authorities = authorities };
}

static void end(void)
{
	pki_free(&root);
	pki_free(&leaf);
	pki_free(&other);
	vxt_rmdir(dir);
}

struct session {
	const char *script, *steps;
	enum vx_relay_tls tls;
	const char *user, *to;
	const struct pki *pair; /* NULL: the right one */
};

static void play(const struct session *x)
{
	struct vx_buf steps = { .max = 65536 };
	struct ctl c = { .json = true, .config = &config, .result = json_object() };
	struct ctl_dial d = { .host = "mx.test",
		.address = "127.0.0.1",
		.tls = x->tls,
		.user = vx_slice_str(x->user != NULL ? x->user : ""),
		.password = vx_slice_str(x->user != NULL ? "secret" : ""),
		.from = "a@our.test",
		.to = x->to,
		.wait_ms = strstr(x->steps, "silent") != NULL ? 300 : 20000 };
	struct server s;
	int status;

	server_open(&s, x->script, x->pair != NULL ? x->pair : &leaf);
	d.port = s.port;
	status = ctl_dial(&c, &d);
	server_close(&s);
	write_steps(&steps, &c);
	ck_assert_str_eq(steps.ptr, x->steps);
	ck_assert_str_eq(s.wrong, "");
	ck_assert_int_eq(status, strchr(x->steps, '!') == NULL ? CTL_OK : CTL_FAILED);
	vx_buf_done(&steps);
	json_decref(c.result);
}

static void play_all(const struct session *list, size_t count)
{
	begin();
	for (size_t i = 0; i < count; i++)
		play(&list[i]);
	end();
}
#define PLAY(list) play_all(list, sizeof(list) / sizeof((list)[0]))

#define HELLO "S: 220 mx.test\nE: EHLO our.test\nS: 250-mx.test\n"
#define BYE "E: QUIT\nS: 221 bye\nWAIT\n"

START_TEST(in_the_clear)
{
	static const struct session list[] = {
		{ HELLO "S: 250 SIZE 1000\n" BYE, "connect; EHLO", VX_RELAY_OFFERED, NULL,
		    NULL, NULL },
		{ HELLO "S: 250 HELP\nE: MAIL FROM:<a@our.test>\nS: 250 ok\n"
			"E: RCPT TO:<b@b.test>\nS: 250 ok\nE: RSET\nS: 250 ok\n" BYE,
		    "connect; EHLO; RCPT", VX_RELAY_OFFERED, NULL, "b@b.test", NULL },
		{ HELLO "S: 250 HELP\nE: MAIL FROM:<a@our.test>\nS: 250 ok\n"
			"E: RCPT TO:<b@b.test>\nS: 550 5.1.1 nobody\n" BYE,
		    "connect; EHLO; !RCPT 550 5.1.1 nobody", VX_RELAY_OFFERED, NULL,
		    "b@b.test", NULL },
		{ HELLO
		    "S: 250 HELP\nE: MAIL FROM:<a@our.test>\nS: 451 4.3.0 later\n" BYE,
		    "connect; EHLO; !MAIL 451 4.3.0 later", VX_RELAY_OFFERED, NULL,
		    "b@b.test", NULL },
		{ HELLO "S: 250 HELP\n" BYE, "connect; EHLO; !MAIL an address is none",
		    VX_RELAY_OFFERED, NULL, "b\n@b.test", NULL },
	};

	PLAY(list);
}
END_TEST

START_TEST(servers_that_do_not_serve)
{
	static const struct session list[] = {
		{ "S: 554 5.7.1 go away\n" BYE,
		    "connect; !the greeting 554 5.7.1 go away", VX_RELAY_OFFERED, NULL,
		    NULL, NULL },
		{ "CLOSE\n", "connect; !the greeting the server closed the connection",
		    VX_RELAY_OFFERED, NULL, NULL, NULL },
		{ "S: what?\nWAIT\n",
		    "connect; !the greeting the reply is malformed or too long",
		    VX_RELAY_OFFERED, NULL, NULL, NULL },
		{ "WAIT\n", "connect; !the greeting the server is silent for too long",
		    VX_RELAY_OFFERED, NULL, NULL, NULL },
		{ "RAW 220 mx\nWAIT\n",
		    "connect; !the greeting the server is silent for too long",
		    VX_RELAY_OFFERED, NULL, NULL, NULL },
		{ HELLO "CLOSE\n", "connect; !EHLO the server closed the connection",
		    VX_RELAY_OFFERED, NULL, NULL, NULL },
		{ HELLO "S: 250 HELP\nE: MAIL\nCLOSE\n",
		    "connect; EHLO; !MAIL the server closed the connection; "
		    "!MAIL the server closed the connection",
		    VX_RELAY_OFFERED, NULL, "b@b.test", NULL },
	};

	PLAY(list);
}
END_TEST

#define STARTTLS HELLO "S: 250 STARTTLS\nE: STARTTLS\nS: 220 go on\n"
#define IN_TLS "E: EHLO our.test\nS: 250-mx.test\n"

START_TEST(with_tls)
{
	static const struct session list[] = {
		{ STARTTLS "TLS\n" IN_TLS "S: 250 HELP\n" BYE,
		    "connect; TLS; certificate; EHLO", VX_RELAY_STARTTLS, NULL, NULL,
		    NULL },
		{ "TLS\nS: 220 mx.test\n" IN_TLS "S: 250 HELP\n" BYE,
		    "connect; TLS; certificate; EHLO", VX_RELAY_IMPLICIT, NULL, NULL,
		    NULL },
		{ HELLO "S: 250 HELP\n" BYE,
		    "connect; !STARTTLS TLS is required and not offered",
		    VX_RELAY_STARTTLS, NULL, NULL, NULL },
		/* nothing is said to another server, least of all a login */
		{ STARTTLS "TLS\nWAIT\n",
		    "connect; TLS; !certificate the server's certificate is not one of "
		    "mx.test",
		    VX_RELAY_STARTTLS, "joe", NULL, &other },
		{ "TLS\nWAIT\n",
		    "connect; TLS; !certificate the server's certificate is not one of "
		    "mx.test",
		    VX_RELAY_IMPLICIT, "joe", NULL, &other },
		/* but where TLS is a wish only */
		{ STARTTLS "TLS\n" IN_TLS "S: 250 HELP\n" BYE,
		    "connect; TLS; certificate; EHLO", VX_RELAY_OFFERED, NULL, NULL,
		    &other },
		{ HELLO "S: 250 STARTTLS\nE: STARTTLS\nRAW 220 go on|250 evil|\nWAIT\n",
		    "connect; !STARTTLS octets in the clear before TLS",
		    VX_RELAY_STARTTLS, NULL, NULL, NULL },
	};

	PLAY(list);
}
END_TEST

START_TEST(logins)
{
	static const struct session list[] = {
		{ STARTTLS "TLS\n" IN_TLS
			   "S: 250 AUTH PLAIN\nE: AUTH PLAIN AGpvZQBzZWNyZXQ=\n"
			   "S: 235 2.7.0 good\n" BYE,
		    "connect; TLS; certificate; EHLO; AUTH", VX_RELAY_STARTTLS, "joe",
		    NULL, NULL },
		{ STARTTLS "TLS\n" IN_TLS "S: 250 AUTH PLAIN\nE: AUTH PLAIN \n"
			   "S: 535 5.7.8 wrong\n" BYE,
		    "connect; TLS; certificate; !AUTH 535 5.7.8 wrong (relay.auth)",
		    VX_RELAY_STARTTLS, "joe", NULL, NULL },
		{ STARTTLS "TLS\n" IN_TLS "S: 250 AUTH GSSAPI\n" BYE,
		    "connect; TLS; certificate; !AUTH no way to log in that is known "
		    "here "
		    "is offered",
		    VX_RELAY_STARTTLS, "joe", NULL, NULL },
	};

	PLAY(list);
}
END_TEST

/* What goes wrong before a session begins. */
START_TEST(nobody_there)
{
	struct vx_buf steps = { .max = 65536 };
	struct ctl c = { .json = true, .config = &config, .result = json_object() };
	struct ctl_dial d = { .host = "[127.0.0.1]", .wait_ms = 300 };
	struct sockaddr_in a = { .sin_family = AF_INET };
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(a);
	char text[100];

	begin();
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	d.port = ntohs(a.sin_port); /* nobody listens there */
	ck_assert_int_eq(ctl_dial(&c, &d), CTL_FAILED);
	write_steps(&steps, &c);
	(void)snprintf(
	    text, sizeof(text), "!connect 127.0.0.1 port %u: Connection refused", d.port);
	ck_assert_str_eq(steps.ptr, text);
	(void)close(fd);
	config.tls_authorities = "/nonexistent";
	ck_assert_int_eq(ctl_dial(&c, &d), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(
	    json_string_value(json_object_get(c.result, "error")), "/nonexistent"));
	ck_assert_uint_eq(json_array_size(json_object_get(c.result, "steps")), 0);
	vx_buf_done(&steps);
	json_decref(c.result);
	end();
}
END_TEST

VXT_SUITE(test_dial, "dial", in_the_clear, servers_that_do_not_serve, with_tls, logins,
    nobody_there)
