/* Our client against our server: what it may believe of a certificate. */
#include "tls/certs_int.h"
#include "tls/peer.h"
#include "tls/pki.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

static struct pki root, middle, leaf;
static const char *dir;
static const char *const mx[] = { "mx.a.test" };

static void make_all(const char *names, int begin_days, int end_days)
{
	pki_make(&root, &(struct pki_spec){ .cn = "root", .ca = true });
	pki_make(
	    &middle, &(struct pki_spec){ .cn = "middle", .ca = true, .issuer = &root });
	pki_make(&leaf, &(struct pki_spec){ .cn = "leaf",
			    .names = names,
			    .issuer = &middle,
			    .begin_days = begin_days,
			    .end_days = end_days });
	dir = vxt_mkdir();
}

static void free_all(void)
{
	pki_free(&root);
	pki_free(&middle);
	pki_free(&leaf);
	vxt_rmdir(dir);
}

static struct vx_tls_certs *server_set(void)
{
	struct vx_buf chain = { .max = 1u << 20 };
	struct vx_tls_pair p = { .chain_name = "chain",
		.key_name = "key",
		.key = vx_buf_slice(&leaf.key_pem),
		.expired_too = true };
	struct vx_tls_certs *set;
	struct vx_tls_cert *cert;
	struct vx_error err;

	vx_buf_add(&chain, vx_buf_slice(&leaf.pem));
	vx_buf_add(&chain, vx_buf_slice(&middle.pem));
	p.chain = vx_buf_slice(&chain);
	vxt_assert_ok(vx_tls_certs_new(1, VX_TLS_FLOOR_1_2, &set, &err));
	ck_assert_msg(vx_tls_cert_new(&p, NULL, &cert, &err) == VX_OK, "%s", err.text);
	vx_tls_certs_put(set, cert);
	vx_buf_done(&chain);
	return set;
}

/* A handshake, in pieces of so many octets; the client's side. */
static struct vx_tls *connect_pieces(size_t piece)
{
	struct vx_buf to[2] = { { .max = 1u << 20 }, { .max = 1u << 20 } };
	struct vx_tls *ends[2]; /* the client, the server */
	struct vx_tls_certs *set = server_set();
	struct vx_tls_trust *trust;
	struct vx_error err;
	int rc[2] = { VX_MORE, VX_MORE };

	ck_assert_msg(
	    vx_tls_trust_new(pki_file(dir, "root.pem", vx_buf_slice(&root.pem), 0600),
		&trust, &err) == VX_OK,
	    "%s", err.text);
	vxt_assert_ok(vx_tls_client_new(trust, "mx.a.test", &ends[0]));
	vxt_assert_ok(vx_tls_server_new(set, NULL, &ends[1]));
	vx_tls_trust_free(trust);
	for (int i = 0; i < 20000 && (rc[0] == VX_MORE || rc[1] == VX_MORE); i++) {
		const int me = i % 2;
		vx_slice in = vx_slice_head(vx_buf_slice(&to[me]), piece);
		const size_t before = in.len;

		if (rc[me] != VX_MORE || (i > 1 && in.len == 0))
			continue;
		rc[me] = vx_tls_handshake(ends[me], &in, &to[1 - me]);
		vx_buf_consume(&to[me], before - in.len);
	}
	vxt_assert_ok(rc[0]);
	vxt_assert_ok(rc[1]);
	vx_tls_free(ends[1]);
	vx_tls_certs_free(set);
	vx_buf_done(&to[0]);
	vx_buf_done(&to[1]);
	return ends[0];
}

static struct vx_tls *connect_it(void)
{
	return connect_pieces(1u << 20);
}

START_TEST(authorities_vouch)
{
	static const char *const other[] = { "other.test" }, *const both[] = {
		"other.test", "mx.a.test"
	};
	struct vx_error err;
	struct vx_tls *t;

	make_all("mx.a.test *.b.test", 0, 0);
	for (size_t piece = 1; piece < 40; piece += 13)
		vx_tls_free(connect_pieces(piece));
	t = connect_it();
	ck_assert_msg(vx_tls_check_peer(t, mx, 1, &err) == VX_OK, "%s", err.text);
	vxt_assert_ok(vx_tls_check_peer(t, both, 2, &err));
	ck_assert_int_eq(vx_tls_check_peer(t, other, 1, &err), VX_ETLS);
	ck_assert_str_eq(err.text, "the server's certificate is not one of other.test");
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_NAME);
	ck_assert_int_eq(vx_tls_check_host(t, "b.test", &err), VX_ETLS);
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_NAME);
	vxt_assert_ok(vx_tls_check_host(t, "x.b.test", &err));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_NONE);
	ck_assert_int_eq(vx_tls_check_peer(t, other, 0, &err), VX_ETLS);
	ck_assert_str_eq(vx_tls_failure(t), "");
	vx_tls_free(t);
	free_all();
}
END_TEST

START_TEST(what_nobody_vouches_for)
{
	struct vx_tls_trust *trust;
	struct vx_error err;
	struct vx_tls *t;

	make_all("mx.a.test", -60, -1);
	t = connect_it();
	ck_assert_int_eq(vx_tls_check_peer(t, mx, 1, &err), VX_ETLS);
	ck_assert_ptr_nonnull(strstr(err.text, "expired"));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_EXPIRED);
	ck_assert_int_eq(vx_tls_check_host(t, "mx.a.test", &err), VX_ETLS);
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_EXPIRED);
	vx_tls_free(t);
	ck_assert_int_eq(vx_tls_trust_new("/nonexistent", &trust, &err), VX_ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent"));
	pki_free(&root); /* another root than the one that signed */
	pki_make(&root, &(struct pki_spec){ .cn = "root", .ca = true });
	t = connect_it();
	ck_assert_int_eq(vx_tls_check_peer(t, mx, 1, &err), VX_ETLS);
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_NOT_TRUSTED);
	vx_tls_free(t);
	free_all();
}
END_TEST

/* A record of a certificate, its data in out. */
static struct vx_tls_dane dane(const struct pki *p, unsigned usage, unsigned selector,
    unsigned matching, struct vx_buf *out)
{
	struct vx_tls_dane r = { (uint8_t)usage, (uint8_t)selector, (uint8_t)matching,
		{ 0 } };
	gnutls_datum_t der;
	gnutls_pubkey_t key;
	char hash[64];

	vx_buf_reset(out);
	ck_assert_int_eq(gnutls_pubkey_init(&key), 0);
	ck_assert_int_eq(gnutls_pubkey_import_x509(key, p->crt, 0), 0);
	ck_assert_int_eq(selector == 0
			     ? gnutls_x509_crt_export2(p->crt, GNUTLS_X509_FMT_DER, &der)
			     : gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der),
	    0);
	if (matching == 0) {
		vx_buf_add(out, vx_slice_of(der.data, der.size));
	} else {
		ck_assert_int_eq(gnutls_hash_fast(matching == 1 ? GNUTLS_DIG_SHA256
								: GNUTLS_DIG_SHA512,
				     der.data, der.size, hash),
		    0);
		vx_buf_add(out, vx_slice_of(hash, matching == 1 ? 32 : 64));
	}
	gnutls_free(der.data);
	gnutls_pubkey_deinit(key);
	r.data = vx_buf_slice(out);
	return r;
}

static bool matches(struct vx_tls *t, const struct pki *p, unsigned usage,
    unsigned selector, unsigned matching, const char *const *names)
{
	struct vx_buf data = { .max = 65536 };
	const struct vx_tls_dane r = dane(p, usage, selector, matching, &data);
	struct vx_error err;
	const int rc = vx_tls_check_dane(t, &r, 1, names, 1, &err);

	ck_assert(rc == VX_OK || rc == VX_ETLS);
	vx_buf_done(&data);
	return rc == VX_OK;
}

START_TEST(tlsa_records)
{
	static const char *const other[] = { "other.test" };
	struct vx_tls *t;

	make_all("mx.a.test", 0, 0);
	t = connect_it();
	for (unsigned selector = 0; selector < 2; selector++) {
		for (unsigned matching = 0; matching < 3; matching++) {
			ck_assert(matches(t, &leaf, 3, selector, matching, other));
			ck_assert(!matches(t, &middle, 3, selector, matching, mx));
			ck_assert(matches(t, &middle, 2, selector, matching, mx));
			ck_assert(!matches(t, &middle, 2, selector, matching, other));
			/* the root is not shown: only its whole certificate helps */
			ck_assert(matches(t, &root, 2, selector, matching, mx) ==
				  (selector == 0 && matching == 0));
			ck_assert(!matches(t, &leaf, 0, selector, matching, mx));
			ck_assert(!matches(t, &leaf, 1, selector, matching, mx));
			ck_assert(!matches(t, &leaf, 4, selector, matching, mx));
		}
		ck_assert(matches(t, &leaf, 2, selector, 1, mx));
	}
	vx_tls_free(t);
	free_all();
	make_all("mx.a.test", -60, -1); /* dates are not for usage 3 */
	t = connect_it();
	ck_assert(matches(t, &leaf, 3, 1, 1, other));
	ck_assert(!matches(t, &middle, 2, 1, 1, mx));
	vx_tls_free(t);
	free_all();
}
END_TEST

/* One of several is enough; none, or garbage, matches nothing. */
START_TEST(several_records)
{
	struct vx_buf data = { .max = 65536 };
	struct vx_tls_dane r[3] = { { 3, 1, 1, VX_SLICE_INIT("short") },
		{ 2, 0, 0, VX_SLICE_INIT("no certificate") } };
	struct vx_error err;
	struct vx_tls *t;

	make_all("mx.a.test", 0, 0);
	t = connect_it();
	r[2] = dane(&leaf, 3, 1, 1, &data);
	vxt_assert_ok(vx_tls_check_dane(t, r, 3, mx, 1, &err));
	ck_assert_int_eq(vx_tls_check_dane(t, r, 2, mx, 1, &err), VX_ETLS);
	ck_assert_int_eq(vx_tls_check_dane(t, r, 0, mx, 1, &err), VX_ETLS);
	data.ptr[5] ^= 1;
	ck_assert_int_eq(vx_tls_check_dane(t, r, 3, mx, 1, &err), VX_ETLS);
	vx_tls_free(t);
	vx_buf_done(&data);
	free_all();
}
END_TEST

/* Why it is not the right one, as reports tell the kinds apart (RFC 8460 4.3). */
START_TEST(faults_of_records)
{
	static const char *const other[] = { "other.test" };
	struct vx_buf data[2] = { { .max = 65536 }, { .max = 65536 } };
	struct vx_tls_dane r[2];
	struct vx_error err;
	struct vx_tls *t;

	make_all("mx.a.test", 0, 0);
	t = connect_it();
	ck_assert(!matches(t, &middle, 3, 1, 1, mx));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_RECORDS);
	ck_assert(!matches(t, &middle, 2, 1, 1, other));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_NAME);
	ck_assert(!matches(t, &root, 2, 0, 0, other));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_NAME);
	pki_free(&root); /* nobody's authority, whole: it just does not match */
	pki_make(&root, &(struct pki_spec){ .cn = "root", .ca = true });
	ck_assert(!matches(t, &root, 2, 0, 0, mx));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_RECORDS);
	vx_tls_free(t);
	free_all();
	make_all("mx.a.test", -60, -1);
	t = connect_it();
	ck_assert(!matches(t, &middle, 2, 1, 1, mx));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_EXPIRED);
	ck_assert(!matches(t, &root, 2, 0, 0, mx));
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_EXPIRED);
	r[0] = dane(&middle, 2, 1, 1, &data[0]);
	pki_free(&root);
	pki_make(&root, &(struct pki_spec){ .cn = "root", .ca = true });
	r[1] = dane(&root, 2, 0, 0, &data[1]); /* does not hide the other's */
	ck_assert_int_eq(vx_tls_check_dane(t, r, 2, mx, 1, &err), VX_ETLS);
	ck_assert_int_eq(vx_tls_fault(t), VX_TLS_FAULT_EXPIRED);
	ck_assert_ptr_nonnull(strstr(err.text, "expired"));
	vx_tls_free(t);
	vx_buf_done(&data[0]);
	vx_buf_done(&data[1]);
	free_all();
}
END_TEST

VXT_SUITE(test_client, "client", authorities_vouch, what_nobody_vouches_for, tlsa_records,
    several_records, faults_of_records)
