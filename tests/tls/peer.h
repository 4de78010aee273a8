/* peer.h - a TLS client between two buffers, and a server's side driven against it. */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include "lib/vxt.h"
#include "vectis/tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define PEER_PRIORITY "NORMAL"

struct peer {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	struct vx_buf in;  /* from the server, not read yet */
	struct vx_buf out; /* for the server */
	bool eof;
};

void peer_open(struct peer *p, const char *priority, const char *sni, const char *alpn);
void peer_close(struct peer *p);
/* The client's step of the handshake: what gnutls said. */
int peer_handshake(struct peer *p);

/*
 * The whole handshake; each flight is given to the server in pieces: the first of cut
 * octets (0: whole), the others of piece octets (0: the rest).  VX_OK, or VX_ETLS of the
 * server, or VX_EPROTO: the client gave up.
 */
int peer_run(struct peer *p, struct vx_tls *server, size_t cut, size_t piece);

/* Both in one: handshake with a set, and what came of it. */
int peer_connect(struct vx_tls_certs *set, const char *priority, const char *sni);
/* The serial that the client saw, static. */
const char *peer_serial(struct peer *p);
/* Serial for a name, from a set. */
const char *peer_serial_for(struct vx_tls_certs *set, const char *sni);

#endif
