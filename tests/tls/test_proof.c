/* tls-alpn-01 (RFC 8737 3): who gets an answer, and who does not. */
#include "tls/certs_int.h"
#include "tls/peer.h"
#include "tls/pki.h"

#define ACME "acme-tls/1"

static struct vx_tls_certs *set_of(struct pki *pairs, size_t count)
{
	static const char *const names[] = { "a.test", "b.test" };
	struct vx_tls_proof list[2];
	struct vx_tls_certs *set = NULL;
	struct vx_error err = { 0 };

	for (size_t i = 0; i < count; i++) {
		pki_make(&pairs[i], &(struct pki_spec){ .cn = "x", .names = names[i] });
		list[i] = (struct vx_tls_proof){ .name = names[i],
			.chain = vx_buf_slice(&pairs[i].pem),
			.key = vx_buf_slice(&pairs[i].key_pem) };
	}
	ck_assert_msg(
	    vx_tls_proofs_new(list, count, &set, &err) == VX_OK, "%s", err.text);
	return set;
}

static const struct {
	const char *sni, *alpn, *priority;
	int alert; /* 0: it gets the certificate */
} cases[] = {
	{ "a.test", ACME, PEER_PRIORITY, 0 },
	{ "B.TEST", ACME, PEER_PRIORITY, 0 },
	{ "b.test", ACME, "NORMAL:-VERS-ALL:+VERS-TLS1.2", 0 },
	{ "c.test", ACME, PEER_PRIORITY, GNUTLS_A_UNRECOGNIZED_NAME },
	{ "x.a.test", ACME, PEER_PRIORITY, GNUTLS_A_UNRECOGNIZED_NAME },
	{ "a", ACME, PEER_PRIORITY, GNUTLS_A_UNRECOGNIZED_NAME },
	{ NULL, ACME, PEER_PRIORITY, GNUTLS_A_UNRECOGNIZED_NAME },
	{ "a.test", NULL, PEER_PRIORITY, GNUTLS_A_NO_APPLICATION_PROTOCOL },
	{ "a.test", "http/1.1", PEER_PRIORITY, GNUTLS_A_NO_APPLICATION_PROTOCOL },
	{ "a.test", "acme-tls/2", PEER_PRIORITY, GNUTLS_A_NO_APPLICATION_PROTOCOL },
	{ "a.test", ACME, "NORMAL:-VERS-ALL:+VERS-TLS1.1", GNUTLS_A_PROTOCOL_VERSION },
};

START_TEST(who_is_answered)
{
	struct pki pairs[2];
	struct vx_tls_certs *const set = set_of(pairs, 2);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_tls *server;
		unsigned count = 0;
		struct peer p;
		int rc;

		vxt_assert_ok(vx_tls_server_new(set, ACME, &server));
		peer_open(&p, cases[i].priority, cases[i].sni, cases[i].alpn);
		rc = peer_run(&p, server, 0, 0);
		if (cases[i].alert == 0) {
			const size_t n = cases[i].sni[0] == 'a' ? 0 : 1;
			gnutls_datum_t protocol;

			ck_assert_msg(rc == VX_OK, "case %zu", i);
			ck_assert_str_eq(peer_serial(&p), pairs[n].serial);
			ck_assert_int_eq(
			    gnutls_alpn_get_selected_protocol(p.session, &protocol), 0);
		} else {
			ck_assert_msg(rc == VX_ETLS, "case %zu", i);
			ck_assert_msg((int)gnutls_alert_get(p.session) == cases[i].alert,
			    "case %zu: %d", i, (int)gnutls_alert_get(p.session));
			ck_assert_ptr_null(
			    gnutls_certificate_get_peers(p.session, &count));
		}
		peer_close(&p);
		vx_tls_free(server);
	}
	vx_tls_certs_free(set);
	for (size_t i = 0; i < 2; i++)
		pki_free(&pairs[i]);
}
END_TEST

/* Our own client, as it is used to see whether an authority will be answered. */
START_TEST(our_client)
{
	static const char *const offers[] = { ACME, "http/1.1" };
	struct pki pairs[2];
	struct vx_tls_certs *const set = set_of(pairs, 1);
	struct vx_tls_trust *trust;
	struct vx_tls_cert_info info;
	const char *const dir = vxt_mkdir();
	struct vx_error err;

	vxt_assert_ok(vx_tls_trust_new(
	    pki_file(dir, "ca.pem", vx_buf_slice(&pairs[0].pem), 0600), &trust, &err));
	for (size_t i = 0; i < 2; i++) {
		struct vx_buf up = { .max = 1u << 20 }, down = { .max = 1u << 20 };
		vx_slice in = vx_slice_of("", 0);
		struct vx_tls *client, *server;
		int rc;

		vxt_assert_ok(vx_tls_server_new(set, ACME, &server));
		vxt_assert_ok(vx_tls_client_new(trust, "a.test", &client));
		vxt_assert_ok(vx_tls_offer(client, offers[i]));
		ck_assert_int_eq(vx_tls_handshake(client, &in, &up), VX_MORE);
		in = vx_buf_slice(&up);
		rc = vx_tls_handshake(server, &in, &down);
		ck_assert_int_eq(rc, i == 0 ? VX_MORE : VX_ETLS);
		in = vx_buf_slice(&down);
		ck_assert_int_eq(
		    vx_tls_handshake(client, &in, &up), i == 0 ? VX_OK : VX_ETLS);
		if (i == 0) {
			vxt_assert_ok(vx_tls_peer(client, &info, &err));
			ck_assert_str_eq(info.serial, pairs[0].serial);
		}
		vx_tls_free(client);
		vx_tls_free(server);
		vx_buf_done(&up);
		vx_buf_done(&down);
	}
	vx_tls_trust_free(trust);
	vx_tls_certs_free(set);
	pki_free(&pairs[0]);
	vxt_rmdir(dir);
}
END_TEST

START_TEST(sets_that_cannot_be)
{
	struct vx_tls_proof list[VX_TLS_PROOFS_MAX + 1] = {
		{ .name = "a.test", .chain = VX_S("no"), .key = VX_S("no") }
	};
	struct vx_tls_certs *set = NULL;
	struct vx_error err = { 0 };

	ck_assert_int_eq(vx_tls_proofs_new(list, 0, &set, &err), VX_EINVAL);
	ck_assert_int_eq(
	    vx_tls_proofs_new(list, VX_TLS_PROOFS_MAX + 1, &set, &err), VX_EINVAL);
	ck_assert_int_eq(vx_tls_proofs_new(list, 1, &set, &err), VX_ETLS);
	ck_assert_ptr_null(set);
}
END_TEST

VXT_SUITE(test_proof, "proof", who_is_answered, our_client, sets_that_cannot_be)
