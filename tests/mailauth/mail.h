/* mail.h - messages for the tests of DKIM and ARC, and a verifier run over one. */
#ifndef MAILAUTH_TESTS_MAIL_H
#define MAILAUTH_TESTS_MAIL_H

#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/dkim.h"

/* A file below tests/data/mailauth with CRLF, whatever its lines end with. */
struct vx_buf mail_read(const char *name);
/* Append text with CRLF instead of LF. */
void mail_add_crlf(struct vx_buf *out, vx_slice text);
/* The header without the blank line; *body is what follows that. */
vx_slice mail_header(vx_slice message, vx_slice *body);

/* Check a message, whose body is given in pieces of chunk octets. */
struct vx_dkim_verifier *mail_verify(
    vx_slice message, size_t chunk, struct vxt_zone *zone, int64_t now_s);
/* Let it ask the zone until it is done. */
void mail_answer(struct vx_dkim_verifier *v, struct vxt_zone *zone);
/* The only signature's verdict; a failed test when there is not exactly one. */
enum vx_verdict mail_verdict(vx_slice message, struct vxt_zone *zone, int64_t now_s);

/* A private key of a file below tests/data/mailauth, or of 32 octets in base64. */
struct vx_private_key *mail_key(const char *name);
struct vx_private_key *mail_ed25519(const char *base64);
/* A record for its public part. */
void mail_publish(
    struct vxt_zone *zone, const char *name, const struct vx_private_key *key);

/* The message with the fields of DKIM in front. */
struct vx_buf mail_sign(vx_slice message, size_t chunk,
    const struct vx_dkim_identity *identities, size_t count, int64_t now_s);

/*
 * The message with a DKIM-Signature of these tags in front, whatever they say: in them
 * the first "bh=@" gets the hash of the body, and "b=@" the signature by key.
 */
struct vx_buf mail_forge(
    vx_slice message, const char *tags, const struct vx_private_key *key);

#endif
