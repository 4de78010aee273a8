#include "tls/certs_int.h"
#include "tls/peer.h"
#include "tls/pki.h"

#include <stdlib.h>

#define ONLY_1_2 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define ONLY_1_3 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static struct pki pair;

/* A set of one certificate. */
static struct vx_tls_certs *set_of(enum vx_tls_floor floor, bool rsa)
{
	struct vx_tls_pair p = { .chain_name = "chain", .key_name = "key" };
	struct vx_tls_certs *set;
	struct vx_tls_cert *cert;
	struct vx_error err;

	pki_make(
	    &pair, &(struct pki_spec){ .cn = "x", .names = "mail.a.test", .rsa = rsa });
	p.chain = vx_buf_slice(&pair.pem);
	p.key = vx_buf_slice(&pair.key_pem);
	vxt_assert_ok(vx_tls_certs_new(1, floor, &set, &err));
	vxt_assert_ok(vx_tls_cert_new(&p, NULL, &cert, &err));
	vx_tls_certs_put(set, cert);
	return set;
}

static void done(struct vx_tls_certs *set)
{
	vx_tls_certs_free(set);
	pki_free(&pair);
}

static void split(
    struct vx_tls_certs *set, const char *priority, size_t cut, size_t piece)
{
	struct vx_tls *server;
	struct peer p;

	vxt_assert_ok(vx_tls_server_new(set, NULL, &server));
	peer_open(&p, priority, "mail.a.test", NULL);
	ck_assert_msg(peer_run(&p, server, cut, piece) == VX_OK,
	    "%s: cut at %zu, pieces of %zu", priority, cut, piece);
	peer_close(&p);
	vx_tls_free(server);
}

/* Every single cut of each flight, and pieces of all small sizes. */
START_TEST(a_handshake_in_every_split)
{
	static const char *const versions[] = { ONLY_1_2, ONLY_1_3 };
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);

	for (size_t v = 0; v < 2; v++) {
		for (size_t piece = 1; piece <= 16; piece++)
			split(set, versions[v], piece, piece);
		for (size_t cut = 1; cut < 450; cut++)
			split(set, versions[v], cut, 0);
	}
	done(set);
}
END_TEST

START_TEST(versions)
{
	static const struct {
		enum vx_tls_floor floor;
		const char *offer;
		bool good;
	} cases[] = {
		{ VX_TLS_FLOOR_1_2, ONLY_1_2, true },
		{ VX_TLS_FLOOR_1_2, ONLY_1_3, true },
		{ VX_TLS_FLOOR_1_2, "NORMAL:-VERS-ALL:+VERS-TLS1.1", false },
		{ VX_TLS_FLOOR_1_2, "NORMAL:-VERS-ALL:+VERS-TLS1.0", false },
		{ VX_TLS_FLOOR_1_3, ONLY_1_2, false },
		{ VX_TLS_FLOOR_1_3, ONLY_1_3, true },
		{ VX_TLS_FLOOR_1_1, "NORMAL:-VERS-ALL:+VERS-TLS1.1", true },
		{ VX_TLS_FLOOR_1_1, "NORMAL:-VERS-ALL:+VERS-TLS1.0", false },
		{ VX_TLS_FLOOR_1_0, "NORMAL:-VERS-ALL:+VERS-TLS1.0", true },
		{ VX_TLS_FLOOR_1_0, ONLY_1_3, true },
		/* no forward secrecy, no AEAD */
		{ VX_TLS_FLOOR_1_2, ONLY_1_2 ":-KX-ALL:+RSA", false },
		{ VX_TLS_FLOOR_1_2, ONLY_1_2 ":-CIPHER-ALL:+AES-128-CBC", false },
		{ VX_TLS_FLOOR_1_2, ONLY_1_2 ":-CIPHER-ALL:+CHACHA20-POLY1305", true },
		{ VX_TLS_FLOOR_1_2, ONLY_1_2 ":-KX-ALL:+DHE-RSA", false },
		{ VX_TLS_FLOOR_1_0, "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+RSA", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_tls_certs *set = set_of(cases[i].floor, true);
		const int rc = peer_connect(set, cases[i].offer, NULL);

		ck_assert_msg((rc == VX_OK) == cases[i].good, "floor %d, %s: %d",
		    (int)cases[i].floor, cases[i].offer, rc);
		done(set);
	}
}
END_TEST

START_TEST(a_refusal_is_told_by_an_alert)
{
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);
	struct vx_buf out = { .max = 1u << 20 };
	struct vx_tls *server;
	struct peer p;
	vx_slice in;

	vxt_assert_ok(vx_tls_server_new(set, NULL, &server));
	peer_open(&p, "NORMAL:-VERS-ALL:+VERS-TLS1.1", NULL, NULL);
	ck_assert_int_eq(peer_handshake(&p), GNUTLS_E_AGAIN);
	in = vx_buf_slice(&p.out);
	ck_assert_int_eq(vx_tls_handshake(server, &in, &out), VX_ETLS);
	ck_assert_uint_gt(out.len, 0);
	vx_buf_add(&p.in, vx_buf_slice(&out));
	ck_assert_int_eq(peer_handshake(&p), GNUTLS_E_FATAL_ALERT_RECEIVED);
	ck_assert_int_eq(gnutls_alert_get(p.session), GNUTLS_A_PROTOCOL_VERSION);
	peer_close(&p);
	vx_tls_free(server);
	vx_buf_done(&out);
	done(set);
}
END_TEST

START_TEST(what_is_no_tls)
{
	static const char *const texts[] = { "EHLO client.example.net\r\n",
		"GET / HTTP/1.1\r\n\r\n", "\x80\x2e\x01\x03\x01", "\x16\x03\x01\xff\xff",
		"\x16\x03\x01\x40\x01" };
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		static char junk[70000];
		struct vx_buf out = { .max = 1u << 20 };
		struct vx_tls *server;
		vx_slice in = vx_slice_of(junk, sizeof(junk));

		memcpy(junk, texts[i], strlen(texts[i]));
		vxt_assert_ok(vx_tls_server_new(set, NULL, &server));
		ck_assert_msg(
		    vx_tls_handshake(server, &in, &out) == VX_ETLS, "%s", texts[i]);
		vx_buf_done(&out);
		vx_tls_free(server);
	}
	done(set);
}
END_TEST

/* Only foreign protocols offered: somebody redirects a client (ALPACA). */
START_TEST(alpn)
{
	static const struct {
		const char *ours, *theirs;
		bool good;
	} cases[] = { { "imap", "imap", true }, { "imap", NULL, true },
		{ "imap", "http/1.1", false }, { NULL, "http/1.1", true } };
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_tls *server;
		struct peer p;

		vxt_assert_ok(vx_tls_server_new(set, cases[i].ours, &server));
		peer_open(&p, PEER_PRIORITY, NULL, cases[i].theirs);
		ck_assert_int_eq(peer_run(&p, server, 0, 0) == VX_OK, cases[i].good);
		peer_close(&p);
		vx_tls_free(server);
	}
	done(set);
}
END_TEST

struct pipe {
	struct vx_tls *server;
	struct peer p;
	struct vx_buf plain, out;
};

static void connect_pipe(struct pipe *x, struct vx_tls_certs *set, const char *priority)
{
	*x = (struct pipe){ .plain = { .max = 1u << 20 }, .out = { .max = 4u << 20 } };
	vxt_assert_ok(vx_tls_server_new(set, NULL, &x->server));
	peer_open(&x->p, priority, NULL, NULL);
	vxt_assert_ok(peer_run(&x->p, x->server, 0, 0));
}

static void close_pipe(struct pipe *x)
{
	peer_close(&x->p);
	vx_tls_free(x->server);
	vx_buf_done(&x->plain);
	vx_buf_done(&x->out);
}

/* Give the server what the client wrote, in pieces. */
static int receive(struct pipe *x, size_t piece)
{
	vx_slice wire = vx_buf_slice(&x->p.out);
	int rc = VX_MORE;

	while (wire.len > 0 && rc == VX_MORE) {
		vx_slice in = vx_slice_head(wire, piece);

		wire = vx_slice_from(wire, in.len);
		rc = vx_tls_read(x->server, &in, &x->plain, &x->out);
	}
	vx_buf_reset(&x->p.out);
	return rc;
}

START_TEST(octets_in_both_directions)
{
	static const size_t pieces[] = { 1, 2, 7, 100, 16385, 1000000 };
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);
	static char text[40000], back[40000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct pipe x;
		size_t sent = 0, got = 0;
		ssize_t n;

		connect_pipe(&x, set, i % 2 == 0 ? ONLY_1_2 : ONLY_1_3);
		while (sent < sizeof(text)) {
			n = gnutls_record_send(
			    x.p.session, text + sent, sizeof(text) - sent);
			ck_assert_int_gt(n, 0);
			sent += (size_t)n;
		}
		ck_assert_int_eq(receive(&x, pieces[i]), VX_MORE);
		vxt_assert_slice(vx_buf_slice(&x.plain), vx_slice_of(text, sizeof(text)));
		vxt_assert_ok(
		    vx_tls_write(x.server, vx_slice_of(text, sizeof(text)), &x.out));
		vx_buf_add(&x.p.in, vx_buf_slice(&x.out));
		while (got < sizeof(text)) {
			n = gnutls_record_recv(
			    x.p.session, back + got, sizeof(back) - got);
			if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
				continue;
			ck_assert_int_gt(n, 0);
			got += (size_t)n;
		}
		ck_assert_mem_eq(text, back, sizeof(text));
		close_pipe(&x);
	}
	done(set);
}
END_TEST

/* What there is no room for stays inside, and comes at the next call. */
START_TEST(a_full_buffer)
{
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);
	vx_slice nothing = vx_slice_of("", 0), in;
	struct pipe x;
	unsigned total = 0;
	int rc;

	connect_pipe(&x, set, ONLY_1_3);
	x.plain.max = 10;
	ck_assert_int_eq(
	    gnutls_record_send(x.p.session, "0123456789abcdefghijklmno", 25), 25);
	in = vx_buf_slice(&x.p.out);
	rc = vx_tls_read(x.server, &in, &x.plain, &x.out);
	for (int i = 0; i < 5 && rc == VX_DATA; i++) {
		total += (unsigned)x.plain.len;
		vx_buf_reset(&x.plain);
		rc = vx_tls_read(x.server, in.len > 0 ? &in : &nothing, &x.plain, &x.out);
	}
	ck_assert_int_eq(rc, VX_MORE);
	ck_assert_uint_eq(total + x.plain.len, 25);
	vxt_assert_str(vx_buf_slice(&x.plain), "klmno");
	close_pipe(&x);
	done(set);
}
END_TEST

START_TEST(the_end)
{
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);
	struct pipe x;
	char octet;
	ssize_t n;

	for (int i = 0; i < 2; i++) {
		connect_pipe(&x, set, i == 0 ? ONLY_1_2 : ONLY_1_3);
		ck_assert_int_eq(gnutls_record_send(x.p.session, "last", 4), 4);
		ck_assert_int_eq(gnutls_bye(x.p.session, GNUTLS_SHUT_WR), 0);
		ck_assert_int_eq(receive(&x, 1000), VX_DONE);
		vxt_assert_str(vx_buf_slice(&x.plain), "last");
		vx_tls_bye(x.server, &x.out);
		vx_buf_add(&x.p.in, vx_buf_slice(&x.out));
		do /* tickets come first */
			n = gnutls_record_recv(x.p.session, &octet, 1);
		while (n == GNUTLS_E_AGAIN && x.p.in.len > 0);
		ck_assert_int_eq(n, 0);
		close_pipe(&x);
	}
	done(set);
}
END_TEST

/* A record that is cut off, or changed, gives nothing at all. */
START_TEST(truncated_and_changed_records)
{
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);

	for (int i = 0; i < 2; i++) {
		struct pipe x;

		connect_pipe(&x, set, i == 0 ? ONLY_1_2 : ONLY_1_3);
		ck_assert_int_eq(gnutls_record_send(x.p.session, "DELE 1\r\n", 8), 8);
		vx_buf_truncate(&x.p.out, x.p.out.len - 1);
		ck_assert_int_eq(receive(&x, 1000), VX_MORE); /* and then the end */
		ck_assert_uint_eq(x.plain.len, 0);
		close_pipe(&x);
		connect_pipe(&x, set, i == 0 ? ONLY_1_2 : ONLY_1_3);
		ck_assert_int_eq(gnutls_record_send(x.p.session, "DELE 1\r\n", 8), 8);
		x.p.out.ptr[x.p.out.len - 1] ^= 1;
		ck_assert_int_eq(receive(&x, 1000), VX_ETLS);
		ck_assert_uint_eq(x.plain.len, 0);
		close_pipe(&x);
	}
	done(set);
}
END_TEST

/* A client that wants to negotiate anew is refused, and does not get it. */
START_TEST(renegotiation)
{
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);
	struct pipe x;

	connect_pipe(&x, set, ONLY_1_2);
	ck_assert_int_eq(gnutls_handshake(x.p.session), GNUTLS_E_AGAIN);
	ck_assert_uint_gt(x.p.out.len, 0);
	ck_assert_int_eq(receive(&x, 100000), VX_ETLS);
	vx_buf_add(&x.p.in, vx_buf_slice(&x.out));
	ck_assert_int_ne(gnutls_handshake(x.p.session), 0);
	ck_assert_int_eq(gnutls_alert_get(x.p.session), GNUTLS_A_NO_RENEGOTIATION);
	close_pipe(&x);
	done(set);
}
END_TEST

/* RFC 9266: with TLS 1.3, or with 1.2 and the extended master secret; both sides agree.
 */
START_TEST(channel_bindings)
{
	static const struct {
		const char *priority;
		bool there;
	} cases[] = { { ONLY_1_3, true }, { ONLY_1_2, true },
		{ ONLY_1_2 ":%NO_SESSION_HASH", false } };
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const char label[] = "EXPORTER-Channel-Binding";
		char theirs[32];
		vx_slice ours;
		struct pipe x;

		connect_pipe(&x, set, cases[i].priority);
		ours = vx_tls_exporter(x.server);
		ck_assert_uint_eq(ours.len, cases[i].there ? 32 : 0);
		ck_assert_int_eq(gnutls_prf_rfc5705(x.p.session, sizeof(label) - 1, label,
				     0, "", sizeof(theirs), theirs),
		    0);
		if (cases[i].there)
			vxt_assert_slice(ours, vx_slice_of(theirs, sizeof(theirs)));
		close_pipe(&x);
	}
	done(set);
}
END_TEST

START_TEST(what_is_said_of_a_connection)
{
	struct vx_tls_certs *set = set_of(VX_TLS_FLOOR_1_2, false);
	struct pipe x;

	connect_pipe(&x, set, ONLY_1_2 ":-CIPHER-ALL:+AES-256-GCM");
	ck_assert_str_eq(vx_tls_version(x.server), "TLS1.2");
	ck_assert_str_eq(
	    vx_tls_cipher(x.server), "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
	close_pipe(&x);
	connect_pipe(&x, set, ONLY_1_3);
	ck_assert_str_eq(vx_tls_version(x.server), "TLS1.3");
	close_pipe(&x);
	done(set);
}
END_TEST

/* Who is refused for his version is told from who fails otherwise. */
START_TEST(who_is_too_old)
{
	static const struct {
		enum vx_tls_floor floor;
		const char *offer;
		bool too_old;
	} cases[] = {
		{ VX_TLS_FLOOR_1_2, "NORMAL:-VERS-ALL:+VERS-TLS1.0", true },
		{ VX_TLS_FLOOR_1_2, "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", true },
		{ VX_TLS_FLOOR_1_3, ONLY_1_2, true },
		{ VX_TLS_FLOOR_1_2, ONLY_1_2 ":-KX-ALL:+RSA", false },
		{ VX_TLS_FLOOR_1_2, ONLY_1_2, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_tls_certs *set = set_of(cases[i].floor, true);
		struct vx_tls *server;
		struct peer p;

		vxt_assert_ok(vx_tls_server_new(set, NULL, &server));
		peer_open(&p, cases[i].offer, "mail.a.test", NULL);
		(void)peer_run(&p, server, 0, 0);
		ck_assert_msg(vx_tls_too_old(server) == cases[i].too_old, "%s: %s",
		    cases[i].offer, vx_tls_failure(server));
		peer_close(&p);
		vx_tls_free(server);
		done(set);
	}
}
END_TEST

VXT_SUITE(test_connection, "connection", a_handshake_in_every_split, versions,
    a_refusal_is_told_by_an_alert, what_is_no_tls, alpn, octets_in_both_directions,
    a_full_buffer, the_end, truncated_and_changed_records, renegotiation,
    channel_bindings, what_is_said_of_a_connection,
    who_is_too_old)
