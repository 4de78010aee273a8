/*
 * sasl.h - SASL (RFC 4422) without I/O: the server's side, which has no user database of
 * its own, and the client's.
 *
 * PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) with
 * tls-exporter (RFC 9266).  The protocol cores carry challenges and responses, already
 * decoded from base64.
 */
#ifndef VECTIS_SASL_H
#define VECTIS_SASL_H

#include "vectis/crypto.h"

VX_BEGIN_DECLS

#define VX_SASL_RESPONSE_MAX 4096 /* octets, decoded */
#define VX_SASL_USER_MAX 1024
#define VX_SASL_NONCE_MAX 256     /* octets of the client's */
#define VX_SASL_BINDING_OCTETS 32 /* tls-exporter */

enum vx_sasl_mechanism {
	VX_SASL_NONE,
	VX_SASL_SCRAM_SHA_256_PLUS,
	VX_SASL_SCRAM_SHA_256,
	VX_SASL_PLAIN,
	VX_SASL_LOGIN
};

/* What TLS says of itself, for -PLUS; len 0: it says nothing, and -PLUS is not offered.
 */
struct vx_sasl_binding {
	char octets[VX_SASL_BINDING_OCTETS];
	size_t len;
};
VX_API void vx_sasl_bind(struct vx_sasl_binding *b, vx_slice exporter);

/* In any case of letters; VX_SASL_NONE: not known, or not offered. */
VX_API enum vx_sasl_mechanism vx_sasl_find(
    vx_slice name, const struct vx_sasl_binding *binding);
/* The mechanisms that are offered, the best first, each with prefix before it. */
VX_API void vx_sasl_write_offer(
    struct vx_buf *out, const char *prefix, const struct vx_sasl_binding *binding);

/* How a client proved who it is. */
enum vx_sasl_proof {
	VX_SASL_PASSWORD, /* not yet: the password has to be checked */
	VX_SASL_PROVEN,
	VX_SASL_WRONG
};

struct vx_sasl {
	enum vx_sasl_mechanism mechanism;
	unsigned step;
	struct vx_buf user;     /* own: what the client said */
	struct vx_buf password; /* own: of PLAIN and LOGIN */
	enum vx_sasl_proof proof;
	/* SCRAM */
	struct vx_sasl_binding binding;
	struct vx_buf gs2;   /* own: the GS2 header */
	struct vx_buf nonce; /* own: the client's, then ours */
	struct vx_buf text;  /* own: AuthMessage, as far as it is known */
	struct vx_buf out;   /* own: the challenge */
	char stored_key[VX_SHA256_OCTETS], server_key[VX_SHA256_OCTETS];
};

VX_API void vx_sasl_init(struct vx_sasl *s, enum vx_sasl_mechanism mechanism,
    const struct vx_sasl_binding *binding);
VX_API void vx_sasl_done(struct vx_sasl *s); /* wipes */

/*
 * Take a response (ptr NULL: none yet, only at the beginning).
 *   VX_MORE    *challenge is to be sent (valid until the next call)
 *   VX_WAIT    the keys of user are wanted: vx_sasl_keys
 *   VX_DONE    user and proof are there, perhaps with a password to be checked
 *   VX_EPROTO  malformed, or another identity was asked for (authzid is not supported but
 *              for the user's own)
 */
VX_API int vx_sasl_next(struct vx_sasl *s, vx_slice response, vx_slice *challenge);

/*
 * The SCRAM keys of user; for one that is not there, others that look alike.  VX_MORE:
 * *challenge is to be sent; below 0: our failure.
 */
VX_API int vx_sasl_keys(
    struct vx_sasl *s, const struct vx_credential *keys, vx_slice *challenge);

/* --- the client's side -------------------------------------------------------------- */

#define VX_SASL_ITERATIONS_MIN 4096   /* RFC 7677 4: fewer is somebody who attacks */
#define VX_SASL_ITERATIONS_MAX 600000 /* some tenths of a second */
#define VX_SASL_SALT_MAX 256          /* octets */

/* A bit, 1 << mechanism, for each name in a list with blanks between that we know. */
VX_API unsigned vx_sasl_offered(vx_slice names);
/* The best mechanism of those bits; VX_SASL_NONE: there is none. */
VX_API enum vx_sasl_mechanism vx_sasl_choose(
    unsigned offered, const struct vx_sasl_binding *binding);
VX_API const char *vx_sasl_name(enum vx_sasl_mechanism mechanism);

struct vx_sasl_client {
	enum vx_sasl_mechanism mechanism;
	unsigned step;
	vx_slice user, password; /* borrowed: outlive it */
	bool good;               /* nothing is missing for success to be believed */
	/* SCRAM */
	struct vx_sasl_binding binding;
	struct vx_buf gs2, nonce, text; /* own: as in struct vx_sasl */
	struct vx_buf out;              /* own: the response */
	char signature[VX_SHA256_OCTETS];
};

/*
 * offered: what the server has, so that it learns if somebody took -PLUS off the list
 * (RFC 5802 6).  The password has to be prepared (RFC 4013) for SCRAM.
 */
VX_API void vx_sasl_client_init(struct vx_sasl_client *s,
    enum vx_sasl_mechanism mechanism, vx_slice user, vx_slice password,
    const struct vx_sasl_binding *binding, unsigned offered);
VX_API void vx_sasl_client_done(struct vx_sasl_client *s); /* wipes */

/*
 * Take a challenge (ptr NULL: none yet, first of all).
 *   VX_MORE    *response is to be sent (valid until the next call); ptr NULL: there is
 *              none before the first challenge
 *   VX_EPROTO  malformed, or the server does not know the password: give it up
 * With SCRAM this computes for as long as VX_SASL_ITERATIONS_MAX takes, once.
 */
VX_API int vx_sasl_client_next(
    struct vx_sasl_client *s, vx_slice challenge, vx_slice *response);

VX_END_DECLS

#endif
