/*
 * dkim.h - DKIM (RFC 6376, with RFC 8301, RFC 8463 and RFC 8616), without I/O: checking
 * the signatures of a message, and making some.
 *
 * Both are given the header once, whole, and then the body in any pieces.  The message is
 * as it is on the wire: lines end with CRLF, dots are not doubled.  A bare CR or LF in
 * the body is an octet as any other.
 *
 * We are stricter than RFC 6376 is: rsa-sha1 and RSA keys of less than 1024 bits do not
 * pass (RFC 8301), nor does a signature over a part of the body (l=), nor one that leaves
 * a From field out.
 */
#ifndef VECTIS_DKIM_H
#define VECTIS_DKIM_H

#include "vectis/buf.h"
#include "vectis/dns.h"
#include "vectis/err.h"
#include "vectis/key.h"
#include "vectis/verdict.h"

VX_BEGIN_DECLS

/* Of a message whose header has more, no signature passes, and none is made. */
#define VX_DKIM_HEADER_OCTETS_MAX (256 * 1024)
#define VX_DKIM_FIELDS_MAX 2000
#define VX_DKIM_SIGNATURES_MAX 10 /* that are looked at, from the top */
/* Of a signature that has more: policy. */
#define VX_DKIM_FIELD_OCTETS_MAX 16384
#define VX_DKIM_TAGS_MAX 50
#define VX_DKIM_NAMES_MAX 250     /* in h= */
#define VX_DKIM_BODY_HASHES_MAX 4 /* different ones: canonicalization and l= */
#define VX_DKIM_CHECKS_MAX 20     /* of a signature with a key, for one message */
#define VX_DKIM_RECORDS_MAX 3     /* keys of one name that are tried; the rest is not */
#define VX_DKIM_RECORD_OCTETS_MAX 4096 /* as on the wire */
#define VX_DKIM_SKEW_S 300             /* how wrong the signer's clock may be */

/* --- checking ----------------------------------------------------------------------- */

struct vx_dkim_verifier_options {
	size_t struct_size;
	int64_t now_s; /* since 1970: when the message came */
};

struct vx_dkim_verifier;

/* VX_OK, VX_ENOMEM, VX_EINVAL. */
VX_API int vx_dkim_verifier_new(
    const struct vx_dkim_verifier_options *o, struct vx_dkim_verifier **out);
VX_API void vx_dkim_verifier_free(struct vx_dkim_verifier *v);

/*
 * The header, with the blank line after it or without, once; it is not kept.  VX_OK,
 * VX_ENOMEM, VX_ESTATE.
 */
VX_API int vx_dkim_verifier_header(struct vx_dkim_verifier *v, vx_slice block);
/* Does the body count?  With no signature to check it need not be given. */
VX_API bool vx_dkim_verifier_wants_body(const struct vx_dkim_verifier *v);
/* What follows the blank line.  VX_OK, VX_ESTATE. */
VX_API int vx_dkim_verifier_body(struct vx_dkim_verifier *v, vx_slice octets);
/* There is no more of it.  VX_OK, VX_ESTATE. */
VX_API int vx_dkim_verifier_end(struct vx_dkim_verifier *v);

/*
 * VX_WAIT: *out is to be asked, and answered below, before the next call.  VX_DONE: there
 * are results.  VX_ESTATE: before the end.  The keys are used in it: that takes some
 * hundredths of a millisecond for each.
 */
VX_API int vx_dkim_verifier_next(struct vx_dkim_verifier *v, struct vx_dns_question *out);
/* VX_OK, VX_ESTATE: there was no question. */
VX_API int vx_dkim_verifier_answer(
    struct vx_dkim_verifier *v, const struct vx_dns_answer *answer);

/*
 * What became of one signature.  pass; fail: the message or the signature was altered, or
 * it is too late; policy: see above; permerror: it cannot be checked; temperror: not now.
 * The slices live as long as the verifier; what is not readable is empty.
 */
struct vx_dkim_result {
	enum vx_verdict verdict;
	const char *reason; /* in plain words; "" of pass.  Static. */
	vx_slice domain;    /* d=: A-labels in lower case */
	vx_slice selector;  /* s=: the same */
	vx_slice algorithm; /* a= */
	vx_slice identity;  /* i=, decoded: UTF-8, no control characters; or "@" and d= */
	vx_slice signature; /* the first 8 octets of b= (RFC 6008 4) */
	uint64_t body_octets; /* l=, UINT64_MAX: none */
	unsigned key_bits;    /* 0: no key was seen */
	bool testing; /* t=y: as if the message had no signature (RFC 6376 3.6.1) */
};

/*
 * From the top of the header.  When there are more than VX_DKIM_SIGNATURES_MAX, one that
 * is policy stands for those that were not looked at.  0 before the end.
 */
VX_API size_t vx_dkim_verifier_count(const struct vx_dkim_verifier *v);
VX_API const struct vx_dkim_result *vx_dkim_verifier_result(
    const struct vx_dkim_verifier *v, size_t i);

/* --- making ------------------------------------------------------------------------- */

#define VX_DKIM_KEYS_MAX 4
#define VX_DKIM_LINE_OCTETS 76 /* where the fields are folded */

struct vx_dkim_identity {
	vx_slice domain, selector; /* A-labels */
	const struct vx_private_key *key;
};

struct vx_dkim_signer_options {
	size_t struct_size;
	const struct vx_dkim_identity *identities; /* a field for each, in this order */
	size_t count;
	int64_t now_s;
	uint32_t valid_s; /* x= is that much later; 0: no x= */
};

struct vx_dkim_signer;

/*
 * The names are copied; the keys are borrowed until the signer is freed.  VX_OK;
 * VX_ENOMEM; VX_EINVAL: none or too many, or a name that cannot be one.
 */
VX_API int vx_dkim_signer_new(
    const struct vx_dkim_signer_options *o, struct vx_dkim_signer **out);
VX_API void vx_dkim_signer_free(struct vx_dkim_signer *s);

/*
 * The header, as for the verifier.  VX_OK; VX_ENOMEM; VX_ESTATE; VX_ELIMIT: it is too
 * long; VX_EINVAL: it has no From field, or several (RFC 6376 3.8), or begins with a
 * blank.
 */
VX_API int vx_dkim_signer_header(struct vx_dkim_signer *s, vx_slice block);
VX_API int vx_dkim_signer_body(struct vx_dkim_signer *s, vx_slice octets);
/* VX_OK, VX_ENOMEM, VX_ESTATE. */
VX_API int vx_dkim_signer_end(struct vx_dkim_signer *s);
/*
 * The private keys do their work: milliseconds.  It may be called from another thread,
 * while nobody else uses the signer.  VX_OK, VX_ECRYPTO, VX_ENOMEM, VX_ESTATE.
 */
VX_API int vx_dkim_signer_compute(struct vx_dkim_signer *s);
/*
 * Append the DKIM-Signature fields, which belong before the header.  VX_OK, VX_ESTATE,
 * VX_ELIMIT: *out is too small, and has a part of them.
 */
VX_API int vx_dkim_signer_write(const struct vx_dkim_signer *s, struct vx_buf *out);

VX_END_DECLS

#endif
