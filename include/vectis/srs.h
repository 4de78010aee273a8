/*
 * srs.h - the Sender Rewriting Scheme: mail that is forwarded leaves with a reverse-path
 * in a domain of ours, so that SPF passes, and bounces to it find back (features MA-15).
 *
 *   user@host               SRS0=HASH=TT=host=user@ours
 *   SRS0=opaque@host        SRS1=HASH=host==opaque@ours
 *   SRS1=X=first==opaque@host  SRS1=HASH=first==opaque@ours
 *
 * HASH is a keyed one in base64, cut, compared without regard to case, since some servers
 * do not keep it; TT is the day in base32, modulo 1,024.  There is no RFC; the form is
 * that of Mail::SRS and of PostSRSd, so that addresses of others are recognised.
 *
 * Addresses are as SMTP has them, without "<" and ">"; local parts may be quoted and may
 * be UTF-8 (RFC 6531).  Domains are written as A-labels.
 */
#ifndef VECTIS_SRS_H
#define VECTIS_SRS_H

#include "vectis/crypto.h"

VX_BEGIN_DECLS

#define VX_SRS_HASH_MIN 4 /* characters, of about 5.2 bits each */
#define VX_SRS_HASH_MAX 20
#define VX_SRS_HASH_DEFAULT 6
#define VX_SRS_DAYS_DEFAULT 21 /* that a bounce may take */
#define VX_SRS_DAYS_MAX 500    /* of 1,024: what is older is not the future */
#define VX_SRS_SECRETS_MAX 16
#define VX_SRS_LOCAL_MAX 256 /* octets of a local part: what VX_SMTP_LOCAL_MAX takes */

struct vx_srs_options {
	size_t struct_size;
	const vx_slice *secrets; /* the first signs, all are tried; none is empty */
	size_t secrets_count;
	unsigned hash_chars; /* written, and the least that is taken; 0: the default */
	unsigned days;       /* 0: the default */
	/* Octets of a local part that is made; 0: VX_SRS_LOCAL_MAX; all servers take 64.
	 */
	size_t local_max;
	bool always; /* rewrite addresses of the domain itself, too */
	/* For tests; NULL: vx_hmac_sha256.  The first 15 octets are used. */
	void (*hmac)(vx_slice key, vx_slice text, char out[VX_SHA256_OCTETS]);
};

/*
 * Append the reverse-path with which mail from path is forwarded by a domain of ours, at
 * time now (seconds since 1970).  The null path stays what it is, and so does an address
 * of the domain itself.  VX_OK; VX_EEXIST: it is one of our rewritten ones already;
 * VX_EINVAL: it is no address, or the options are none; VX_ELIMIT: the local part would
 * be too long, or out is full.
 */
VX_API int vx_srs_forward(const struct vx_srs_options *o, vx_slice path, vx_slice domain,
    int64_t now, struct vx_buf *out);

/* Does the local part begin as a rewritten one?  Whose it is reverse can tell. */
VX_API bool vx_srs_is_rewritten(vx_slice path);

/*
 * Append where a bounce to path, which is in a domain of ours, goes.  VX_OK; VX_ENOENT:
 * it is no rewritten address; VX_ESYNTAX: it begins like one, and is none; VX_EAUTH: its
 * hash is not ours; VX_ETIMEOUT: it is too old; VX_EINVAL, VX_ELIMIT as above.
 */
VX_API int vx_srs_reverse(
    const struct vx_srs_options *o, vx_slice path, int64_t now, struct vx_buf *out);

VX_END_DECLS

#endif
