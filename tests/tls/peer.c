#include "tls/peer.h"

#include "base/encode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static ssize_t pull(gnutls_transport_ptr_t ctx, void *data, size_t len)
{
	struct peer *p = ctx;
	const vx_slice head = vx_slice_head(vx_buf_slice(&p->in), len);

	if (head.len == 0) {
		if (p->eof)
			return 0;
		gnutls_transport_set_errno(p->session, EAGAIN);
		return -1;
	}
	len = head.len;
	memcpy(data, head.ptr, len);
	vx_buf_consume(&p->in, len);
	return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t ctx, const void *data, size_t len)
{
	struct peer *p = ctx;

	vx_buf_add(&p->out, vx_slice_of(data, len));
	return (ssize_t)len;
}

void peer_open(struct peer *p, const char *priority, const char *sni, const char *alpn)
{
	const char *where;

	memset(p, 0, sizeof(*p));
	vx_buf_init(&p->out, 1u << 20);
	vx_buf_init(&p->in, 4u << 20);
	ck_assert_int_eq(
	    gnutls_init(&p->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL),
	    0);
	ck_assert_msg(
	    gnutls_priority_set_direct(p->session, priority, &where) == 0, "%s", where);
	ck_assert_int_eq(gnutls_certificate_allocate_credentials(&p->credentials), 0);
	ck_assert_int_eq(
	    gnutls_credentials_set(p->session, GNUTLS_CRD_CERTIFICATE, p->credentials),
	    0);
	if (sni != NULL)
		ck_assert_int_eq(
		    gnutls_server_name_set(p->session, GNUTLS_NAME_DNS, sni, strlen(sni)),
		    0);
	if (alpn != NULL) {
		const gnutls_datum_t name = { (unsigned char *)(uintptr_t)alpn,
			(unsigned)strlen(alpn) };

		ck_assert_int_eq(gnutls_alpn_set_protocols(p->session, &name, 1, 0), 0);
	}
	gnutls_transport_set_ptr(p->session, p);
	gnutls_transport_set_pull_function(p->session, pull);
	gnutls_transport_set_push_function(p->session, push);
}

void peer_close(struct peer *p)
{
	gnutls_deinit(p->session);
	gnutls_certificate_free_credentials(p->credentials);
	vx_buf_done(&p->out);
	vx_buf_done(&p->in);
}

int peer_handshake(struct peer *p)
{
	int rc;

	do
		rc = gnutls_handshake(p->session);
	while (rc < 0 && rc != GNUTLS_E_AGAIN && gnutls_error_is_fatal(rc) == 0);
	return rc;
}

/* One flight in pieces, each in a block of its own size. */
static int feed(
    struct vx_tls *t, vx_slice flight, size_t cut, size_t piece, struct vx_buf *out)
{
	size_t size = cut == 0 ? flight.len : cut;
	int rc = VX_MORE;

	while (flight.len > 0 && rc == VX_MORE) {
		const vx_slice head = vx_slice_head(flight, size);
		char *block = malloc(head.len);
		vx_slice in = { block, head.len };

		ck_assert_ptr_nonnull(block);
		memcpy(block, head.ptr, head.len);
		rc = vx_tls_handshake(t, &in, out);
		if (rc != VX_ETLS)
			ck_assert_uint_eq(in.len, 0);
		free(block);
		flight = vx_slice_from(flight, head.len);
		size = piece == 0 ? flight.len : piece;
	}
	return rc;
}

int peer_run(struct peer *p, struct vx_tls *server, size_t cut, size_t piece)
{
	struct vx_buf out = { .max = 1u << 20 };
	int client = peer_handshake(p), rc = VX_MORE;

	for (int i = 0; i < 10 && p->out.len > 0 && rc == VX_MORE; i++) {
		vx_buf_reset(&out);
		rc = feed(server, vx_buf_slice(&p->out), cut, piece, &out);
		vx_buf_reset(&p->out);
		vx_buf_add(&p->in, vx_buf_slice(&out));
		if (client == GNUTLS_E_AGAIN)
			client = peer_handshake(p);
		if (client < 0 && client != GNUTLS_E_AGAIN)
			break;
	}
	vx_buf_done(&out);
	return rc == VX_ETLS ? VX_ETLS : rc == VX_OK && client == 0 ? VX_OK : VX_EPROTO;
}

int peer_connect(struct vx_tls_certs *set, const char *priority, const char *sni)
{
	struct vx_tls *server;
	struct peer p;
	int rc;

	vxt_assert_ok(vx_tls_server_new(set, NULL, &server));
	peer_open(&p, priority, sni, NULL);
	rc = peer_run(&p, server, 0, 0);
	peer_close(&p);
	vx_tls_free(server);
	return rc;
}

const char *peer_serial(struct peer *p)
{
	static char text[64];
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(p->session, &count);
	struct vx_buf hex = { .max = 60 };
	unsigned char serial[40];
	size_t len = sizeof(serial);
	gnutls_x509_crt_t crt;

	ck_assert_uint_ge(count, 1);
	ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
	ck_assert_int_eq(gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER), 0);
	ck_assert_int_eq(gnutls_x509_crt_get_serial(crt, serial, &len), 0);
	gnutls_x509_crt_deinit(crt);
	vx_hex_add(&hex, vx_slice_of(serial, len));
	(void)snprintf(text, sizeof(text), "%.*s", (int)hex.len, hex.ptr);
	vx_buf_done(&hex);
	return text;
}

const char *peer_serial_for(struct vx_tls_certs *set, const char *sni)
{
	struct vx_tls *server;
	const char *serial;
	struct peer p;

	vxt_assert_ok(vx_tls_server_new(set, NULL, &server));
	peer_open(&p, PEER_PRIORITY, sni, NULL);
	vxt_assert_ok(peer_run(&p, server, 0, 0));
	serial = peer_serial(&p);
	peer_close(&p);
	vx_tls_free(server);
	return serial;
}
