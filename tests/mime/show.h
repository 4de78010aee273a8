/* show.h - descriptors of messages as text. */
#ifndef VX_TESTS_MIME_SHOW_H
#define VX_TESTS_MIME_SHOW_H

#include "vectis/message.h"

/* The descriptor of a message that comes in pieces. */
struct vx_buf describe(const vx_slice *pieces, size_t count);

/* "multipart/mixed header body end lines" for each part, indented by depth. */
void show_parts(vx_slice octets, struct vx_buf *out);

/*
 * The ENVELOPE of a message: items with '|' between them, an absent one as "~", addresses
 * as "name<local@domain>" with ',' between them, groups as "name:" and ";".
 */
void show_envelope(vx_slice envelope, struct vx_buf *out);

#endif
