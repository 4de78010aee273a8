/* header.h - the fields of a message's header, to be found by name from the bottom. */
#ifndef VX_MAILAUTH_HEADER_H
#define VX_MAILAUTH_HEADER_H

#include "vectis/dkim.h"
#include "vectis/header.h"

struct vx_mail_field {
	struct vx_field f;
	uint32_t hash; /* of its name */
};

struct vx_mail_header {
	struct vx_mail_field *fields; /* own; in their order */
	size_t count;
	bool open;     /* its first line goes on with what is put before it */
	bool too_long; /* more than VX_DKIM_HEADER_OCTETS_MAX or VX_DKIM_FIELDS_MAX */
};

/* The fields borrow from block; lines that are no fields are left out.  VX_OK, VX_ENOMEM.
 */
int vx_mail_header_init(struct vx_mail_header *h, vx_slice block);
void vx_mail_header_done(struct vx_mail_header *h);
size_t vx_mail_header_count(const struct vx_mail_header *h, const char *name);

/*
 * For the names of one h=, in their order: each takes the lowest field of the name that
 * was not taken (RFC 6376 5.4.2).
 */
struct vx_mail_pick {
	const struct vx_mail_header *header;
	uint8_t taken[(VX_DKIM_FIELDS_MAX + 7) / 8];
};

/* self, if not NULL, is the field with the signature: it is never taken. */
void vx_mail_pick_init(
    struct vx_mail_pick *p, const struct vx_mail_header *h, const struct vx_field *self);
/* NULL: there is none, or no more. */
const struct vx_field *vx_mail_pick_next(struct vx_mail_pick *p, vx_slice name);

#endif
