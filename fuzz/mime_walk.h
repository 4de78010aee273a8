/* mime_walk.h - for the targets that have a descriptor: read and render all of it. */
#ifndef VX_FUZZ_MIME_WALK_H
#define VX_FUZZ_MIME_WALK_H

#include "vectis/message.h"

/* abort() unless good. */
void mime_must(bool good);

/* The descriptor of a message, given in exactly sized pieces of chunk octets. */
struct vx_buf mime_describe(vx_slice message, size_t chunk);

/* Every part, field, list and envelope: what is handed out is inside the descriptor. */
void mime_read_all(const struct vx_descriptor *d);

/*
 * ENVELOPE and BODYSTRUCTURE in all their forms, and sections.  ours: we made the
 * descriptor, so that all of it must succeed and follow the grammar of RFC 9051 9.
 */
void mime_render_all(const struct vx_descriptor *d, bool ours);

#endif
