/*
 * path.h - local parts of addresses as SMTP writes them (RFC 5321 4.1.2, RFC 6531 3.3):
 * a dot-string or a quoted string.
 */
#ifndef VX_MAILAUTH_PATH_H
#define VX_MAILAUTH_PATH_H

#include "vectis/buf.h"

/* Octets of ASCII or UTF-8 without controls between the dots. */
bool vx_path_is_dot_string(vx_slice local);
/* Cut behind the local part; the domain is what follows the "@".  VX_OK, VX_EINVAL. */
int vx_path_split(vx_slice path, vx_slice *local, vx_slice *domain);
/* A local part that vx_path_split gave, without its quotes, appended. */
void vx_path_unquote(vx_slice local, struct vx_buf *out);
/* The reverse: with quotes only where they are needed. */
void vx_path_quote(vx_slice content, struct vx_buf *out);

#endif
