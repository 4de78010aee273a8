/*
 * redact.h - text that is given to others, without what is nobody else's affair: logs and
 * figures in a support bundle (DX-OP-27).
 *
 * Left out are secrets that the caller knows, private keys in PEM, hashes of passwords in
 * the forms of crypt(3), keys of SCRAM, bearer tokens, user names and passwords in URLs,
 * and what stands behind the name of a secret ("password=", "token": ...).  In addresses
 * of mail the local part is replaced by a mark; within one bundle an address has the same
 * mark wherever it is, so that its way can be followed.  Roles that every domain has,
 * such as postmaster, stay.
 */
#ifndef VECTIS_REDACT_H
#define VECTIS_REDACT_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_REDACT_SECRET_MIN 6  /* octets; shorter ones are in many words */
#define VX_REDACT_LOCAL_MAX 128 /* octets before an '@' that are looked at */
#define VX_REDACT_VALUE_MAX 4096

struct vx_redact {
	const vx_slice *secrets;
	size_t secret_count;
	bool keep_addresses;
	char seed[16]; /* of the marks: random, one for each bundle */
};

/* Append text to out.  VX_OK; VX_ELIMIT: out is full, and is as it was. */
VX_API int vx_redact(const struct vx_redact *r, vx_slice text, struct vx_buf *out);

VX_END_DECLS

#endif
