/*
 * arc.h - ARC (RFC 8617), without I/O: checking the chain of a message, and adding to it.
 *
 * It is used as dkim.h is: the header once, the body in any pieces, and of the verifier
 * then questions and answers.
 */
#ifndef VECTIS_ARC_H
#define VECTIS_ARC_H

#include "vectis/dkim.h"

VX_BEGIN_DECLS

#define VX_ARC_SETS_MAX 50    /* RFC 8617 4.2.1 */
#define VX_ARC_CHECKS_MAX 110 /* of a signature with a key, for one message */
/* Of headers that are hashed for one message; then older signatures are not looked at. */
#define VX_ARC_HASHED_OCTETS_MAX ((size_t)4 << 20)

/* --- checking ----------------------------------------------------------------------- */

struct vx_arc_verifier_options {
	size_t struct_size;
	int64_t now_s; /* since 1970: when the message came */
};

struct vx_arc_verifier;

/* Each as its brother of dkim.h. */
VX_API int vx_arc_verifier_new(
    const struct vx_arc_verifier_options *o, struct vx_arc_verifier **out);
VX_API void vx_arc_verifier_free(struct vx_arc_verifier *v);
VX_API int vx_arc_verifier_header(struct vx_arc_verifier *v, vx_slice block);
VX_API bool vx_arc_verifier_wants_body(const struct vx_arc_verifier *v);
VX_API int vx_arc_verifier_body(struct vx_arc_verifier *v, vx_slice octets);
VX_API int vx_arc_verifier_end(struct vx_arc_verifier *v);
VX_API int vx_arc_verifier_next(struct vx_arc_verifier *v, struct vx_dns_question *out);
VX_API int vx_arc_verifier_answer(
    struct vx_arc_verifier *v, const struct vx_dns_answer *answer);

struct vx_arc_result {
	enum vx_verdict verdict; /* none, pass, fail (RFC 8617 4.4) */
	const char *reason;      /* of fail, in plain words, else "".  Static. */
	unsigned sets;           /* the highest instance, 0: there is none */
	unsigned failed; /* the instance that is the reason of fail; 0: all of it */
	/*
	 * Of pass: the oldest instance whose signature of the message is still good; 0
	 * when all are (RFC 8617 5.2).
	 */
	unsigned oldest_pass;
	bool temporary; /* of fail: the DNS did not answer.  It stays a fail (5.2.1). */
};

/* What one instance says.  All empty where it is not there or not readable. */
struct vx_arc_set {
	vx_slice domain, selector;                 /* of ARC-Seal; A-labels, lower case */
	vx_slice message_domain, message_selector; /* of ARC-Message-Signature */
	vx_slice
	    results; /* of ARC-Authentication-Results behind "i=1;", folded as it is */
};

/* Good until the verifier is freed; verdict and so on once next said VX_DONE. */
VX_API const struct vx_arc_result *vx_arc_verifier_result(
    const struct vx_arc_verifier *v);
/* instance is 1 to sets of the result. */
VX_API const struct vx_arc_set *vx_arc_verifier_set(
    const struct vx_arc_verifier *v, unsigned instance);

/* --- adding ------------------------------------------------------------------------- */

#define VX_ARC_RESULTS_OCTETS_MAX 16384

struct vx_arc_sealer_options {
	size_t struct_size;
	vx_slice domain, selector; /* A-labels */
	const struct vx_private_key *key;
	int64_t now_s;
	vx_slice names; /* h= of the signature; empty: as for DKIM, and DKIM's fields */
	size_t line_octets; /* where the fields are folded; 0: VX_DKIM_LINE_OCTETS */
};

struct vx_arc_sealer;

/* The names are copied, the key is borrowed.  VX_OK, VX_ENOMEM, VX_EINVAL. */
VX_API int vx_arc_sealer_new(
    const struct vx_arc_sealer_options *o, struct vx_arc_sealer **out);
VX_API void vx_arc_sealer_free(struct vx_arc_sealer *s);
/*
 * The header as it goes out, with what we added to it.  VX_OK; VX_DONE: nothing is to be
 * added, since the last one found the chain broken (RFC 8617 5.1, step 2); VX_ELIMIT: the
 * header is too long, or the chain; VX_EINVAL: it begins with a blank; VX_ENOMEM,
 * VX_ESTATE.
 */
VX_API int vx_arc_sealer_header(struct vx_arc_sealer *s, vx_slice block);
VX_API int vx_arc_sealer_body(struct vx_arc_sealer *s, vx_slice octets);
/*
 * What a verifier said of the chain when the message came: none, pass or fail; and the
 * payload of Authentication-Results (RFC 8601 2.2), which may be folded.  VX_OK;
 * VX_ESTATE, VX_ENOMEM; VX_EINVAL: chain does not fit to the header, or results is no
 * field's value.
 */
VX_API int vx_arc_sealer_end(
    struct vx_arc_sealer *s, enum vx_verdict chain, vx_slice results);
/* The private key does its work, twice: as of vx_dkim_signer_compute. */
VX_API int vx_arc_sealer_compute(struct vx_arc_sealer *s);
/* Append the three fields, which belong before the header.  As of vx_dkim_signer_write.
 */
VX_API int vx_arc_sealer_write(const struct vx_arc_sealer *s, struct vx_buf *out);

VX_END_DECLS

#endif
