/*
 * own_sign.h - DKIM signatures of what leaves, with our domains' keys (dkim_keys.h): the
 * private keys work on another thread, and are kept ready.
 */
#ifndef VX_SERVICE_OWN_SIGN_H
#define VX_SERVICE_OWN_SIGN_H

#include "vectis/service.h"
#include "vectis/store.h"

#define OWN_KEYS_MAX 256 /* private keys that are kept ready */

struct own_key;
struct own_keys {
	struct vx_store *store; /* borrowed, like loop */
	struct vx_loop *loop;
	struct own_key *list;
	size_t count;
};
/* After all signings. */
void vx_own_keys_free(struct own_keys *keys);

struct own_signing;
/*
 * Begin with the header of a message whose author is of domain.  VX_OK, with *out NULL
 * when the domain has no key that signs now; VX_ENOMEM, what the store gave, or
 * what vx_dkim_signer_header gave.
 */
int vx_own_sign_begin(
    struct own_keys *keys, vx_slice domain, vx_slice header, struct own_signing **out);
/* Whose key made the first of these signatures; empty: nobody's. */
vx_slice vx_own_sign_domain(vx_slice signatures);
/* x may be NULL. */
int vx_own_sign_body(struct own_signing *x, vx_slice octets);
/*
 * The message is complete.  VX_OK: done is called later, and x may be freed from then on;
 * VX_ELIMIT, VX_ENOMEM: it is not.
 */
int vx_own_sign_submit(
    struct own_signing *x, void (*done)(void *ctx, int result), void *ctx);
/* Append the signatures, when done said VX_OK. */
int vx_own_sign_write(const struct own_signing *x, struct vx_buf *out);
/* Not while it is under way.  NULL is fine. */
void vx_own_signing_free(struct own_signing *x);

#endif
