/*
 * tls.h - TLS between two buffers, and the certificates it serves (RFC 8446, RFC 9325).
 *
 * TLS 1.2 and 1.3 with forward secrecy and AEAD only (TLS-16, TLS-34).  A set of
 * certificates is immutable and counted: a session keeps the one it began with.
 */
#ifndef VECTIS_TLS_H
#define VECTIS_TLS_H

#include "vectis/buf.h"
#include "vectis/err.h"
#include "vectis/log.h"

VX_BEGIN_DECLS

#define VX_TLS_CERTS_MAX 1000 /* in a set */
#define VX_TLS_NAMES_MAX 200  /* of one certificate */
#define VX_TLS_PEM_MAX ((size_t)256 * 1024)
#define VX_TLS_SERIAL_MAX 48 /* octets of hex with its NUL */

/* --- certificates ----------------------------------------------------------------------
 */

/* The oldest version that is spoken.  1.0 and 1.1 are broken: only for old peers
 * (TLS-17).
 */
enum vx_tls_floor {
	VX_TLS_FLOOR_1_2,
	VX_TLS_FLOOR_1_3,
	VX_TLS_FLOOR_1_1,
	VX_TLS_FLOOR_1_0
};

struct vx_tls_certs; /* a set, counted; may be used from several threads */
VX_API struct vx_tls_certs *vx_tls_certs_ref(struct vx_tls_certs *c);
VX_API void vx_tls_certs_free(struct vx_tls_certs *c); /* gives one reference back */
/* The serial number of the default certificate, lower-case hex.  temporary: self-signed.
 */
VX_API const char *vx_tls_certs_serial(const struct vx_tls_certs *c);
VX_API bool vx_tls_certs_temporary(const struct vx_tls_certs *c);

struct vx_tls_cert_info {
	char serial[VX_TLS_SERIAL_MAX];
	char subject[256];
	char issuer[256];
	char names[1024]; /* separated by blanks; those that there is room for */
	int64_t not_before, not_after;
	char key_digest[65];  /* SHA-256 of its public key, hex: TLSA 3 1 1; "" */
	const char *key_kind; /* "ecdsa", "rsa", "ed25519", "other"; static */
};

/*
 * Is the pair usable: parses, the key matches, the chain is in order, not expired, has
 * names?  err says exactly what is wrong.
 */
VX_API int vx_tls_check_pair(vx_slice chain_pem, vx_slice key_pem,
    struct vx_tls_cert_info *info, struct vx_error *err);

/*
 * The same of two files, whose content is appended to chain and key.  VX_EPERM: the key's
 * mode is looser than 0600 (TLS-09).  err names the file.
 */
VX_API int vx_tls_read_pair(const char *chain_path, const char *key_path,
    struct vx_buf *chain, struct vx_buf *key, struct vx_tls_cert_info *info,
    struct vx_error *err);

/* --- the directory of certificates (DESIGN 6) ------------------------------------- */

#define VX_CERTS_NAME_MAX 64
#define VX_CERTS_PAIRS_MAX 2
/*
 * Of the generations of a name so many are kept, and none that is older; the one in use
 * and the one before it stay whatever their age is.
 */
#define VX_CERTS_KEEP_MAX 10
#define VX_CERTS_KEEP_DAYS 100

struct vx_certs_pair {
	vx_slice chain, key; /* PEM */
};
/*
 * Install pairs as a new generation of name (letters, digits, '.', '-', '_') below dir,
 * and name it in the manifest, last.  A second pair is one of RSA beside one of another
 * kind: both are served, each to clients that can check it (RFC 8446 4.2.3).  Old
 * generations are removed then.  Several processes may do so at once.
 */
VX_API int vx_certs_install_pairs(const char *dir, const char *name,
    const struct vx_certs_pair *pairs, size_t count, const char *provider,
    struct vx_error *err);
VX_API int vx_certs_install(const char *dir, const char *name, vx_slice chain_pem,
    vx_slice key_pem, const char *provider, struct vx_error *err);

struct vx_certs_entry {
	char name[VX_CERTS_NAME_MAX + 1];
	char provider[32];
	unsigned generation;
	struct vx_tls_cert_info info;
	struct vx_error problem; /* text empty: it can be used */
	bool has_rsa;            /* it has a second pair, of RSA */
	struct vx_tls_cert_info rsa;
	struct vx_error rsa_problem;
};
/* Where the files of a generation are: "fullchain.pem" and others.  Static. */
VX_API const char *vx_certs_chain_file(bool rsa);
VX_API const char *vx_certs_key_file(bool rsa);

/* Entry number index of the manifest; VX_ENOENT: no more, or no manifest. */
VX_API int vx_certs_entry(
    const char *dir, size_t index, struct vx_certs_entry *out, struct vx_error *err);

/*
 * The set in use, following the directory: the manifest's rename is seen by inotify, a
 * stat every minute is the fallback.  A manifest with a new certificate that cannot be
 * used is reported to the log and the old set stays.  Without a manifest a temporary
 * self-signed one is served, which is made anew before its end.
 */
struct vx_certs;
struct vx_certs_options {
	size_t struct_size;
	const char *dir, *hostname; /* copied */
	const struct vx_log *log;   /* borrowed */
	enum vx_tls_floor floor;
};
VX_API int vx_certs_open(
    const struct vx_certs_options *o, struct vx_certs **out, struct vx_error *err);
VX_API void vx_certs_close(struct vx_certs *c);
VX_API int vx_certs_fd(const struct vx_certs *c); /* readable: call dispatch */
/* True when the set changed.  Also to be called every minute. */
VX_API bool vx_certs_dispatch(struct vx_certs *c);
VX_API struct vx_tls_certs *vx_certs_get(struct vx_certs *c); /* borrowed */

#define VX_CERTS_MARK_MAX 17 /* octets of hex with its NUL */
/* Tells manifests apart: that of the set in use ("": there is none), and that of dir. */
VX_API const char *vx_certs_mark(const struct vx_certs *c);
VX_API int vx_certs_mark_of(
    const char *dir, char out[VX_CERTS_MARK_MAX], struct vx_error *err);

/* --- proofs to authorities (RFC 8737) ------------------------------------------------
 */

#define VX_TLS_PROOFS_MAX 100

struct vx_tls_proof {
	const char *name;    /* that the authority asks for by SNI, in lower case */
	vx_slice chain, key; /* PEM: self-signed, with acmeIdentifier */
};
/*
 * A set for vx_tls_server_new with "acme-tls/1": who does not negotiate that protocol, or
 * asks for none of the names, gets an alert and no certificate; nothing is resumed.
 * VX_OK; VX_EINVAL: none, or too many; VX_ETLS, VX_ENOMEM; with err.
 */
VX_API int vx_tls_proofs_new(const struct vx_tls_proof *list, size_t count,
    struct vx_tls_certs **out, struct vx_error *err);

/* --- a connection
 * -------------------------------------------------------------------------- */

struct vx_tls;
VX_API int vx_tls_server_new(
    struct vx_tls_certs *certs, const char *alpn, struct vx_tls **out);
VX_API void vx_tls_free(struct vx_tls *t);

/*
 * in: octets from the wire, advanced; out: octets for the wire are appended.
 * handshake: VX_OK when done, VX_MORE, or VX_ETLS (out has the alert: send it, close).
 */
VX_API int vx_tls_handshake(struct vx_tls *t, vx_slice *in, struct vx_buf *out);
/* Append plain text: VX_MORE (all input used), VX_DATA (plain is full), VX_DONE (closed).
 */
VX_API int vx_tls_read(
    struct vx_tls *t, vx_slice *in, struct vx_buf *plain, struct vx_buf *out);
VX_API int vx_tls_write(struct vx_tls *t, vx_slice plain, struct vx_buf *out);
VX_API void vx_tls_bye(struct vx_tls *t, struct vx_buf *out);

/* Why the handshake failed, in words; "": it did not.  Static. */
VX_API const char *vx_tls_failure(const struct vx_tls *t);
/* It did, since the peer knows no version that is new enough. */
VX_API bool vx_tls_too_old(const struct vx_tls *t);
/* After the handshake.  Static or owned by t. */
VX_API const char *vx_tls_version(const struct vx_tls *t);
VX_API const char *vx_tls_cipher(const struct vx_tls *t);
VX_API vx_slice vx_tls_exporter(struct vx_tls *t); /* RFC 9266; empty: not available */

/* --- as a client ------------------------------------------------------------------- */

#define VX_TLS_CHAIN_MAX 12 /* certificates that a server shows; more are refused */

/* Whose certificates are believed, counted; may be used from several threads. */
struct vx_tls_trust;
/*
 * The authorities of a file in PEM; NULL: those of the system.  VX_OK; VX_ENOENT: it has
 * none (then no server can be checked by vx_tls_check_peer), with err.
 */
VX_API int vx_tls_trust_new(
    const char *path, struct vx_tls_trust **out, struct vx_error *err);
VX_API struct vx_tls_trust *vx_tls_trust_ref(struct vx_tls_trust *t);
VX_API void vx_tls_trust_free(struct vx_tls_trust *t); /* gives one reference back */

/*
 * No certificate of ours is shown, and the server's is not looked at until one of the
 * checks below.  sni: a host name; NULL or an address: none is sent.  TLS 1.2 and 1.3.
 */
VX_API int vx_tls_client_new(
    struct vx_tls_trust *trust, const char *sni, struct vx_tls **out);

/* Before the handshake: the one protocol that is offered (RFC 7301).  VX_OK, VX_ETLS. */
VX_API int vx_tls_offer(struct vx_tls *t, const char *alpn);
/* Before the handshake: only keys of RSA, or none of RSA, can be checked from here. */
VX_API int vx_tls_client_only(struct vx_tls *t, bool rsa);

/*
 * After the handshake: do the authorities that are trusted vouch for the certificate, and
 * is it one of the names'?  VX_OK, VX_ETLS with err.
 */
VX_API int vx_tls_check_peer(
    struct vx_tls *t, const char *const *names, size_t count, struct vx_error *err);

/* What the server's certificate says, believed or not.  VX_OK, VX_ETLS with err. */
VX_API int vx_tls_peer(
    struct vx_tls *t, struct vx_tls_cert_info *info, struct vx_error *err);

/*
 * The same for who holds MTA-STS: only names of the certificate for DNS hosts count, not
 * its subject (RFC 8461 4.2).
 */
VX_API int vx_tls_check_host(struct vx_tls *t, const char *name, struct vx_error *err);

enum vx_tls_fault {
	VX_TLS_FAULT_NONE,
	VX_TLS_FAULT_NAME,    /* it is somebody else's */
	VX_TLS_FAULT_EXPIRED, /* or not yet good */
	VX_TLS_FAULT_NOT_TRUSTED,
	VX_TLS_FAULT_RECORDS, /* it matches no TLSA record */
	VX_TLS_FAULT_OTHER    /* there is none, or it cannot be read */
};
/* What the last check found. */
VX_API enum vx_tls_fault vx_tls_fault(const struct vx_tls *t);

struct vx_tls_dane { /* a TLSA record (RFC 6698 2.1) */
	uint8_t usage, selector, matching;
	vx_slice data;
};
/*
 * Does it match one of the records, as RFC 7672 3.1 has it: usage 3 whatever its names
 * and dates are, usage 2 with one of the names; others match nothing.  VX_OK, VX_ETLS
 * with err.
 */
VX_API int vx_tls_check_dane(struct vx_tls *t, const struct vx_tls_dane *records,
    size_t record_count, const char *const *names, size_t name_count,
    struct vx_error *err);

VX_END_DECLS

#endif
