/* fields.h - what a part's header says, for the describer. */
#ifndef VX_MIME_FIELDS_H
#define VX_MIME_FIELDS_H

#include "mime/layout.h"
#include "vectis/arena.h"
#include "vectis/message.h"

#define VX_DESC_DIGEST (1u << 16) /* a flag while describing: children are messages */

struct vx_desc_part {
	uint64_t header_offset, body_offset, end;
	uint64_t lines_before; /* of the whole message, before the body */
	uint32_t parent, next_sibling, first_child, last_child, lines;
	unsigned flags;
	uint32_t strings[VX_PART_STRINGS];
};

struct vx_desc_message {
	int64_t sent;
	uint64_t id_hash;
	uint32_t subject;    /* the base subject's string */
	uint32_t references; /* the string of their hashes */
	bool reply;
};

/* Append a string; its offset. */
uint32_t vx_desc_add_string(struct vx_buf *strings, vx_slice s);
uint32_t vx_desc_empty_envelope(struct vx_buf *strings);

/* A row for each field of the message's header. */
void vx_desc_index_fields(
    vx_slice header, struct vx_buf *rows, uint32_t *count, unsigned *defects);

/*
 * Parse a header into p.  digest: the default type is message/rfc822.  *boundary is in
 * the arena.  message is filled for the message's own header, else NULL.
 */
void vx_desc_parse_header(vx_slice header, struct vx_desc_part *p, bool digest,
    struct vx_buf *strings, struct vx_arena *arena, vx_slice *boundary, unsigned *defects,
    struct vx_desc_message *message);

/*
 * A multipart or message has no part after all.  limit: because of our limits, and it is
 * opaque; else what there is may be read as text.
 */
void vx_desc_childless(struct vx_desc_part *p, bool limit, struct vx_buf *strings);

/* The preview of a text part whose body begins with captured; its string. */
uint32_t vx_desc_preview(
    const struct vx_desc_part *p, vx_slice captured, struct vx_buf *strings);

#endif
