/*
 * acl.h - who may do what with a mailbox (RFC 4314; features MB-20, IM-08).
 *
 * The owner of a mailbox has every right, always.  Others have what its list grants
 * to them and to anyone, without what negative entries take away.  Grantees are
 * accounts by their number, so that a login that is given again later inherits
 * nothing.  A new mailbox has a copy of its parent's list.
 */
#ifndef VECTIS_ACL_H
#define VECTIS_ACL_H

#include "vectis/store.h"

VX_BEGIN_DECLS

enum vx_right {                    /* bits; RFC 4314 2.1 */
	VX_RIGHT_LOOKUP = 1 << 0,  /* l */
	VX_RIGHT_READ = 1 << 1,    /* r */
	VX_RIGHT_SEEN = 1 << 2,    /* s */
	VX_RIGHT_WRITE = 1 << 3,   /* w: flags but \Seen and \Deleted */
	VX_RIGHT_INSERT = 1 << 4,  /* i: APPEND, COPY into it */
	VX_RIGHT_POST = 1 << 5,    /* p */
	VX_RIGHT_CREATE = 1 << 6,  /* k: mailboxes below it */
	VX_RIGHT_DELETE = 1 << 7,  /* x: the mailbox itself */
	VX_RIGHT_DELETED = 1 << 8, /* t: \Deleted */
	VX_RIGHT_EXPUNGE = 1 << 9, /* e */
	VX_RIGHT_ADMIN = 1 << 10,  /* a */
};
#define VX_RIGHTS_ALL 0x7ffu
#define VX_RIGHTS_TEXT_MAX 11 /* letters */

/*
 * Letters as bits; the obsolete c and d mean k, x and t, e (RFC 4314 2.1.1).  VX_EINVAL:
 * a letter that is no right.
 */
VX_API int vx_rights_parse(vx_slice letters, unsigned *out);
/* The letters in the order of RFC 4314; how many. */
VX_API size_t vx_rights_write(unsigned rights, char out[VX_RIGHTS_TEXT_MAX]);

#define VX_ACL_ANYONE 0 /* as a grantee: everybody who can log in */
#define VX_ACL_ENTRIES_MAX 1000

struct vx_acl_entry {
	uint32_t grantee;
	bool negative;
	unsigned rights;
};

/*
 * What account `who` may do with a mailbox of account `owner`: a union of bits, 0 also
 * when there is no such mailbox.  VX_OK, VX_ECORRUPT, VX_EIO.
 */
VX_API int vx_acl_rights(
    struct vx_view *v, uint32_t owner, uint32_t mailbox, uint32_t who, unsigned *out);
/* The list without the owner, by grantee; into the arena. */
VX_API int vx_acl_list(struct vx_view *v, uint32_t owner, uint32_t mailbox,
    struct vx_arena *arena, struct vx_acl_entry **out, size_t *count);

/* A mailbox of another account whose list names a grantee. */
struct vx_shared {
	uint32_t owner, mailbox;
};
/*
 * The first after `after` (0, 0: the first), by owner and mailbox, whose list names
 * account `who` or anyone.  VX_OK, VX_ENOENT: no more.
 */
VX_API int vx_shared_next(struct vx_view *v, uint32_t who, const struct vx_shared *after,
    struct vx_shared *out);

enum vx_acl_change {
	VX_ACL_REPLACE, /* rights 0: the entry goes */
	VX_ACL_ADD,
	VX_ACL_REMOVE
};

/*
 * VX_ENOENT: no such mailbox.  VX_EINVAL: no such grantee.  VX_ELIMIT.  VX_EPERM: the
 * owner's rights are fixed.
 */
struct vx_acl_op {
	struct vx_store_op op;
	uint32_t owner, mailbox;
	uint32_t grantee;
	bool negative;
	enum vx_acl_change change;
	unsigned rights;
};
VX_API void vx_acl_op_init(struct vx_acl_op *op);

VX_END_DECLS

#endif
