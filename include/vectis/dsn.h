/* dsn.h - delivery status notifications (RFC 3461, 3464, 6522, 6533). */
#ifndef VECTIS_DSN_H
#define VECTIS_DSN_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_DSN_ENVID_MAX 100 /* octets of xtext (RFC 3461 4.4) */
#define VX_DSN_ORCPT_MAX 500 /* octets of "type;xtext" (RFC 3461 4.2) */

/*
 * xtext (RFC 3461 4).  Decoding takes hexadecimal digits of both cases, and gives any
 * octets: they have to be looked at.  VX_OK, VX_EINVAL, VX_ELIMIT; *out as it was on
 * failure.
 */
VX_API void vx_xtext_encode(vx_slice s, struct vx_buf *out);
VX_API int vx_xtext_decode(vx_slice s, struct vx_buf *out);

/*
 * An address of type utf-8 (RFC 6533 3): as utf-8-addr-xtext, which is ASCII, or as
 * utf-8-addr-unitext; what is not UTF-8 becomes U+FFFD.  Decoding takes both forms and
 * the address itself.  VX_OK, VX_EINVAL, VX_ELIMIT as above.
 */
VX_API void vx_utf8_addr_encode(vx_slice address, bool ascii, struct vx_buf *out);
VX_API int vx_utf8_addr_decode(vx_slice s, struct vx_buf *out);

/*
 * The value of ORCPT: its type and its address, decoded as the type says; and the same
 * value for a peer that takes no UTF-8.  VX_OK; VX_EINVAL; VX_ELIMIT: out is full, or the
 * value would be longer than VX_DSN_ORCPT_MAX.
 */
VX_API int vx_orcpt_decode(vx_slice orcpt, vx_slice *type, struct vx_buf *address);
VX_API int vx_orcpt_ascii(vx_slice orcpt, struct vx_buf *out);

VX_END_DECLS

#endif
