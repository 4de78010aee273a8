/*
 * metadata.h - annotations of mailboxes and of the server (RFC 5464).
 *
 * An entry belongs to a mailbox (account and mailbox 0: to the server) and to a user: the
 * account that alone sees its /private/ entries, or 0 for the /shared/ ones.  Names compare without case and are kept in
 * lower case; values are octets.
 */
#ifndef VECTIS_METADATA_H
#define VECTIS_METADATA_H

#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_METADATA_NAME_MAX 200                 /* octets */
#define VX_METADATA_VALUE_MAX ((size_t)64 << 10) /* octets */
#define VX_METADATA_ENTRIES_MAX 100              /* of one mailbox and user */
/*
 * Octets of names and values of all mailboxes of an account, whoever set them, and of its
 * private ones of the server.
 */
#define VX_METADATA_ACCOUNT_MAX ((size_t)16 << 20)

struct vx_metadata_entry {
	vx_slice name;
	vx_slice value; /* ptr NULL: none; in an op: remove it */
};

/* May this be an entry: /private/ or /shared/, at least two parts, no '*', '%', "//"? */
VX_API bool vx_metadata_name_ok(vx_slice name);

/* Slices are borrowed from the view.  VX_OK, VX_ENOENT, VX_ECORRUPT. */
VX_API int vx_metadata_get(struct vx_view *v, uint32_t account, uint32_t mailbox,
    uint32_t user, vx_slice name, vx_slice *value);
/* The first entry whose name sorts after `after` (empty: the first); VX_ENOENT: end. */
VX_API int vx_metadata_next(struct vx_view *v, uint32_t account, uint32_t mailbox,
    uint32_t user, vx_slice after, struct vx_metadata_entry *out);

/*
 * All entries or none; user is that of /private/ ones.  VX_ENOENT: no such mailbox;
 * VX_EINVAL: a name, or a value that is too large; VX_ELIMIT: too many entries; VX_EQUOTA:
 * too many octets.
 */
struct vx_metadata_op {
	struct vx_store_op op;
	uint32_t account, mailbox, user;
	const struct vx_metadata_entry *entries;
	size_t count;
	bool set_use; /* the mailbox's use, too, which is told as an entry (RFC 6154 4) */
	unsigned special_use;
};
VX_API void vx_metadata_op_init(struct vx_metadata_op *op);

VX_END_DECLS

#endif
