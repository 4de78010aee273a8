/*
 * issuer.h - drives the core of ACME: its requests, its challenges, what it keeps and
 * what it installs; and sees to it that all daemons serve what was installed.
 */
#ifndef VX_ACMED_ISSUER_H
#define VX_ACMED_ISSUER_H

#include "runtime/runtime.h"

#define ISSUER_STEPS_MAX 200 /* in one turn; the rest a second later */
#define ISSUER_SERVED_S 120  /* that daemons may take to serve a new certificate */

struct issuer;
/* VX_OK; VX_ESTATE: no certificates are wanted from an authority; else err. */
int issuer_new(struct vx_worker *w, struct issuer **out, struct vx_error *err);
void issuer_free(struct issuer *i);
/* Every second. */
void issuer_tick(struct issuer *i);
/* What "/.well-known/acme-challenge/" token answers with; ptr NULL: there is none. */
vx_slice issuer_token(const struct issuer *i, vx_slice token);
/* The same of what acmed asks itself, and vectisctl.  Good until the next call. */
vx_slice issuer_self(struct issuer *i, vx_slice token);
/* The certificates that answer tls-alpn-01 now, borrowed; NULL: there are none. */
struct vx_tls_certs *issuer_proofs(const struct issuer *i);

#endif
