/* sign.h - what making DKIM signatures and ARC sets have in common. */
#ifndef VX_MAILAUTH_SIGN_H
#define VX_MAILAUTH_SIGN_H

#include "mailauth/canon.h"
#include "mailauth/header.h"
#include "vectis/arena.h"

/* VX_OK; VX_EINVAL: no domain and selector whose key can be found; VX_ENOMEM. */
int vx_sign_check_identity(vx_slice domain, vx_slice selector);
/* "rsa-sha256", "ed25519-sha256" */
const char *vx_sign_algorithm(const struct vx_private_key *key);

/*
 * The names for h=: those of the header that are to be signed (RFC 6376 5.4.1), as often
 * as they are there, and once more what a reader sees.  dkim: earlier signatures too (RFC
 * 8617 4.1.2).  VX_OK, VX_ELIMIT, VX_ENOMEM.
 */
int vx_sign_names(const struct vx_mail_header *h, bool dkim, struct vx_buf *out);
#define VX_SIGN_NAMES_OCTETS ((size_t)VX_DKIM_NAMES_MAX * 40)
void vx_sign_hash_names(
    struct vx_sha256_state *hash, const struct vx_mail_header *h, vx_slice names);

/* Base64 that is as long as that of a signature, which is not known yet. */
int vx_sign_placeholder(const struct vx_private_key *key, struct vx_buf *out);
/* Append the base64 of some octets; VX_OK, VX_ELIMIT. */
int vx_sign_base64(vx_slice octets, struct vx_buf *out);
/* Hash a field that is written, with any value of b=, as it is hashed last. */
void vx_sign_hash_written(struct vx_sha256_state *hash, vx_slice field);

#endif
