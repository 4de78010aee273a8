/* One connection: GnuTLS reads from and writes to the caller's buffers. */
#include "base/mem.h"
#include "tls/tls_int.h"

#include <errno.h>
#include <stdio.h>

enum {
	RECORD_MAX = 16384,
	MESSAGES_BUFFER_MAX = 128 * 1024
};

static ssize_t pull(gnutls_transport_ptr_t ctx, void *data, size_t len)
{
	struct vx_tls *t = ctx;
	const vx_slice head = vx_slice_head(*t->in, len);

	if (head.len == 0) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return -1;
	}
	memcpy(data, head.ptr, head.len);
	*t->in = vx_slice_from(*t->in, head.len);
	return (ssize_t)head.len;
}

static ssize_t push(gnutls_transport_ptr_t ctx, const void *data, size_t len)
{
	struct vx_tls *t = ctx;

	vx_buf_add(t->out, vx_slice_of(data, len));
	if (t->out->failed) {
		gnutls_transport_set_errno(t->session, ENOMEM);
		return -1;
	}
	return (ssize_t)len;
}

void vx_tls_attach(struct vx_tls *t)
{
	gnutls_session_set_ptr(t->session, t);
	gnutls_handshake_set_max_packet_length(t->session, MESSAGES_BUFFER_MAX);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_push_function(t->session, push);
}

/* RFC 8737 3: nobody but who asks for just that, by the name that it is about. */
static int choose_proof(gnutls_session_t session, const struct vx_tls *t, vx_slice sni)
{
	const struct vx_tls_cert *const proof = vx_tls_proofs_find(t->certs, sni);
	gnutls_datum_t protocol;

	if (gnutls_alpn_get_selected_protocol(session, &protocol) != 0)
		return GNUTLS_E_NO_APPLICATION_PROTOCOL;
	return proof == NULL ? GNUTLS_E_UNRECOGNIZED_NAME
			     : gnutls_credentials_set(
				   session, GNUTLS_CRD_CERTIFICATE, proof->credentials);
}

/* The client's hello is read: serve the certificate of the name that it asks for. */
static int choose(gnutls_session_t session)
{
	struct vx_tls *t = gnutls_session_get_ptr(session);
	char name[256];
	size_t len = sizeof(name);
	unsigned type = 0;
	vx_slice sni = vx_slice_of("", 0);

	if (gnutls_server_name_get(session, name, &len, &type, 0) == 0 &&
	    type == GNUTLS_NAME_DNS)
		sni = vx_slice_str(name);
	if (t->certs->proofs)
		return choose_proof(session, t, sni);
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
	    vx_tls_certs_find(t->certs, sni)->credentials);
}

static int set_up(struct vx_tls *t, const char *alpn)
{
	int rc =
	    gnutls_init(&t->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

	if (rc == 0)
		rc = gnutls_priority_set(t->session, t->certs->priority);
	if (rc == 0)
		rc = gnutls_credentials_set(
		    t->session, GNUTLS_CRD_CERTIFICATE, t->certs->certs[0]->credentials);
	if (rc == 0 && !t->certs->proofs)
		rc = gnutls_session_ticket_enable_server(
		    t->session, &t->certs->ticket_key);
	if (rc == 0 && alpn != NULL) {
		const gnutls_datum_t name = { (unsigned char *)(uintptr_t)alpn,
			(unsigned)strlen(alpn) };

		/* only foreign protocols offered: somebody redirects a client (ALPACA) */
		rc = gnutls_alpn_set_protocols(
		    t->session, &name, 1, GNUTLS_ALPN_MANDATORY);
	}
	if (rc != 0)
		return VX_ETLS;
	vx_tls_attach(t);
	gnutls_handshake_set_post_client_hello_function(t->session, choose);
	gnutls_certificate_server_set_request(t->session, GNUTLS_CERT_IGNORE);
	return VX_OK;
}

int vx_tls_server_new(struct vx_tls_certs *certs, const char *alpn, struct vx_tls **out)
{
	struct vx_tls *t = vx_alloc(sizeof(*t));
	int rc;

	if (t == NULL)
		return VX_ENOMEM;
	t->certs = vx_tls_certs_ref(certs);
	rc = set_up(t, alpn);
	if (rc != VX_OK) {
		vx_tls_free(t);
		return rc;
	}
	*out = t;
	return VX_OK;
}

void vx_tls_free(struct vx_tls *t)
{
	if (t == NULL)
		return;
	if (t->session != NULL)
		gnutls_deinit(t->session);
	vx_tls_certs_free(t->certs);
	vx_tls_trust_free(t->trust);
	vx_wipe(t->exporter, sizeof(t->exporter));
	vx_free(t);
}

int vx_tls_handshake(struct vx_tls *t, vx_slice *in, struct vx_buf *out)
{
	int rc;

	t->in = in;
	t->out = out;
	do
		rc = gnutls_handshake(t->session);
	while (rc == GNUTLS_E_INTERRUPTED || (rc == GNUTLS_E_AGAIN && in->len > 0) ||
	       (rc < 0 && rc != GNUTLS_E_AGAIN && gnutls_error_is_fatal(rc) == 0));
	if (rc == GNUTLS_E_AGAIN)
		return VX_MORE;
	if (rc < 0) {
		t->failed = rc;
		(void)gnutls_alert_send_appropriate(t->session, rc);
		return VX_ETLS;
	}
	t->done = true;
	return VX_OK;
}

int vx_tls_read(struct vx_tls *t, vx_slice *in, struct vx_buf *plain, struct vx_buf *out)
{
	t->in = in;
	t->out = out;
	for (;;) {
		const size_t room = plain->max - plain->len;
		char *p = room == 0 ? NULL
				    : vx_buf_reserve(
					  plain, room < RECORD_MAX ? room : RECORD_MAX);
		ssize_t n;

		if (p == NULL)
			return plain->failed ? VX_ENOMEM : VX_DATA;
		n = gnutls_record_recv(
		    t->session, p, room < RECORD_MAX ? room : RECORD_MAX);
		if (n > 0) {
			vx_buf_truncate(plain, plain->len += (size_t)n);
			continue;
		}
		if (n == 0)
			return VX_DONE;
		if (n == GNUTLS_E_AGAIN && in->len == 0)
			return VX_MORE;
		if (n == GNUTLS_E_REHANDSHAKE) { /* never: a source of attacks */
			(void)gnutls_alert_send(
			    t->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
			return VX_ETLS;
		}
		if (n == GNUTLS_E_PREMATURE_TERMINATION)
			return VX_DONE;
		if (n != GNUTLS_E_AGAIN && n != GNUTLS_E_INTERRUPTED &&
		    gnutls_error_is_fatal((int)n) != 0)
			return VX_ETLS;
	}
}

int vx_tls_write(struct vx_tls *t, vx_slice plain, struct vx_buf *out)
{
	vx_slice nothing = vx_slice_of("", 0);

	t->in = &nothing;
	t->out = out;
	while (plain.len > 0) {
		const ssize_t n = gnutls_record_send(t->session, plain.ptr,
		    plain.len < RECORD_MAX ? plain.len : RECORD_MAX);

		if (n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			return VX_ETLS;
		plain = vx_slice_from(plain, (size_t)n);
	}
	return VX_OK;
}

void vx_tls_bye(struct vx_tls *t, struct vx_buf *out)
{
	vx_slice nothing = vx_slice_of("", 0);

	t->in = &nothing;
	t->out = out;
	if (t->done)
		(void)gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

const char *vx_tls_failure(const struct vx_tls *t)
{
	if (t->failed == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		const char *alert = gnutls_alert_get_name(gnutls_alert_get(t->session));

		return alert == NULL ? "the peer refused" : alert;
	}
	return t->failed == 0 ? "" : gnutls_strerror(t->failed);
}

/*
 * Where 1.3 alone is spoken, GnuTLS takes the version of an older client and then finds no
 * suite for it.
 */
bool vx_tls_too_old(const struct vx_tls *t)
{
	const unsigned *versions;
	int n;

	if (t->failed != GNUTLS_E_NO_CIPHER_SUITES || t->certs == NULL)
		return t->failed == GNUTLS_E_UNSUPPORTED_VERSION_PACKET;
	n = gnutls_priority_protocol_list(t->certs->priority, &versions);
	for (int i = 0; i < n; i++)
		if (versions[i] == (unsigned)gnutls_protocol_get_version(t->session))
			return false;
	return true;
}

const char *vx_tls_version(const struct vx_tls *t)
{
	const char *name =
	    gnutls_protocol_get_name(gnutls_protocol_get_version(t->session));

	return name == NULL ? "TLS" : name;
}

const char *vx_tls_cipher(const struct vx_tls *t)
{
	const char *name = gnutls_ciphersuite_get(t->session);

	return name == NULL ? "" : name;
}

vx_slice vx_tls_exporter(struct vx_tls *t)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	/* RFC 9266 4.2: with TLS 1.2 only with the extended master secret */
	if (gnutls_protocol_get_version(t->session) != GNUTLS_TLS1_3 &&
	    gnutls_session_ext_master_secret_status(t->session) == 0)
		return vx_slice_of("", 0);
	if (gnutls_prf_rfc5705(t->session, sizeof(label) - 1, label, 0, "",
		VX_TLS_EXPORTER_OCTETS, t->exporter) < 0)
		return vx_slice_of("", 0);
	return vx_slice_of(t->exporter, VX_TLS_EXPORTER_OCTETS);
}
