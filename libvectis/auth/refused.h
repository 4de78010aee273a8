/*
 * refused.h - logins that failed, for the administrator: who, why, how often, and from
 * where last.
 *
 * Names that are there and names that are not have lists of their own, so that whoever
 * tries names at random makes nobody's entry go; a full list forgets what is oldest.
 * Not locked.
 */
#ifndef VX_AUTH_REFUSED_H
#define VX_AUTH_REFUSED_H

#include "vectis/auth.h"

struct vx_refused_entry {
	char login[VX_ADDRESS_MAX]; /* as it was said, cut */
	size_t len;
	enum vx_auth_reason reason;
	uint64_t count;
	int64_t last; /* seconds since 1970 */
	struct vx_network network;
	bool unsorted; /* among those that are not there, and nobody has looked yet */
};

/* All zero: nobody was refused. */
struct vx_refused {
	struct vx_refused_entry known[VX_AUTH_REFUSED_KNOWN],
	    unknown[VX_AUTH_REFUSED_UNKNOWN];
	size_t known_count, unknown_count;
	bool changed; /* since it was written */
};

enum vx_refused_name {
	VX_REFUSED_KNOWN,   /* a mailbox or an alias */
	VX_REFUSED_UNKNOWN, /* neither */
	VX_REFUSED_UNSORTED /* not looked up: the answer must not wait for that */
};
/* What is no address has no network. */
void vx_refused_note(struct vx_refused *r, vx_slice login, enum vx_refused_name name,
    enum vx_auth_reason reason, const char *address, int64_t now_s);
/* Look up those that nobody did: is there a mailbox or an alias of that name? */
void vx_refused_sort(
    struct vx_refused *r, bool (*exists)(void *ctx, vx_slice login), void *ctx);
/* Append all as lines (auth.h). */
void vx_refused_write(const struct vx_refused *r, struct vx_buf *out);

#endif
