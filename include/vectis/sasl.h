/*
 * sasl.h - the server side of SASL (RFC 4422), without I/O and without a user database.
 *
 * PLAIN (RFC 4616) and LOGIN.  The protocol cores carry challenges and responses, already
 * decoded from base64.
 */
#ifndef VECTIS_SASL_H
#define VECTIS_SASL_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_SASL_RESPONSE_MAX 4096 /* octets, decoded */

enum vx_sasl_mechanism {
	VX_SASL_NONE,
	VX_SASL_PLAIN,
	VX_SASL_LOGIN
};
/* In any case of letters; VX_SASL_NONE: not known. */
VX_API enum vx_sasl_mechanism vx_sasl_find(vx_slice name);

struct vx_sasl {
	enum vx_sasl_mechanism mechanism;
	unsigned step;
	struct vx_buf user, password; /* own: what the client said */
};

VX_API void vx_sasl_init(struct vx_sasl *s, enum vx_sasl_mechanism mechanism);
VX_API void vx_sasl_done(struct vx_sasl *s); /* wipes */

/*
 * Take a response (ptr NULL: none yet, only at the beginning).  VX_MORE: *challenge is
 * to be sent; VX_DONE: user and password are there, to be checked; VX_EPROTO: malformed,
 * or another identity was asked for (authzid is not supported but for the user's own).
 */
VX_API int vx_sasl_next(struct vx_sasl *s, vx_slice response, vx_slice *challenge);

VX_END_DECLS

#endif
