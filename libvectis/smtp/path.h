/* path.h - paths and parameters of MAIL and RCPT (RFC 5321 4.1.2, 6531 3.3, 3461 4). */
#ifndef VX_SMTP_PATH_H
#define VX_SMTP_PATH_H

#include "base/cursor.h"
#include "vectis/smtp_server.h"

/*
 * "<local@domain>" at the cursor, source routes dropped; *out is without the brackets.
 * null_ok: "<>" (MAIL); postmaster_ok: "<postmaster>" (RCPT).  *utf8: it has octets above
 * 127.  False: no path.
 */
bool vx_smtp_path(
    struct vx_cursor *c, bool null_ok, bool postmaster_ok, vx_slice *out, bool *utf8);

/* Domain or address literal, as in EHLO. */
bool vx_smtp_domain(struct vx_cursor *c);

/*
 * " KEY=VALUE ..." to the end.  VX_OK; VX_EINVAL: syntax (501); VX_EUNSUP: a parameter
 * that is not known, or a value of it (555).
 */
int vx_smtp_params(struct vx_cursor *c, bool mail, struct vx_smtp_params *out);

#endif
