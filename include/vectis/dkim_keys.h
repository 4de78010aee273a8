/*
 * dkim_keys.h - the keys with which mail of our domains is signed: in the directory, so
 * that a change takes effect with its commit (features MA-01 to MA-07).
 *
 * A key signs from a time on and, when another takes its place, up to a time; its record
 * has to be in the DNS before the first and some days beyond the second.
 */
#ifndef VECTIS_DKIM_KEYS_H
#define VECTIS_DKIM_KEYS_H

#include "vectis/key.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_DKIM_SELECTOR_MAX 63
#define VX_DKIM_DOMAIN_KEYS_MAX 16 /* of a domain */

struct vx_dkim_key {
	vx_slice domain, selector, pem; /* borrowed from the view; pem is a secret */
	uint64_t from;                  /* seconds since 1970 */
	uint32_t until;                 /* 0: no end is set */
};

/* Does it sign at that time? */
VX_API bool vx_dkim_key_signs(const struct vx_dkim_key *k, uint64_t now_s);
/* The first of a domain whose selector sorts after `after`; VX_OK, VX_ENOENT. */
VX_API int vx_dkim_key_next(
    struct vx_view *v, vx_slice domain, vx_slice after, struct vx_dkim_key *out);

/*
 * Several servers may sign for one domain, each with keys of its own, which then need
 * names of their own (features DNS-09).  The id of this installation: hex, the same for
 * as long as its store is there, made of what only that knows.
 */
#define VX_DKIM_ID_OCTETS 6
VX_API void vx_dkim_install_id(
    const struct vx_store *store, char out[VX_DKIM_ID_OCTETS + 1]);
/*
 * The selector of a key (RFC 6376 3.1): YYYYMM, "e" for Ed25519, and what tells it from
 * others where that is taken: "202611e-3fa9c2-07d1".  id and more are letters, digits and
 * dashes; "": none.
 */
VX_API void vx_dkim_selector(enum vx_key_type type, uint64_t now_s, const char *id,
    const char *more, char out[VX_DKIM_SELECTOR_MAX + 1]);

enum vx_dkim_key_verb {
	VX_DKIM_KEY_ADD,    /* VX_EEXIST; VX_ENOENT: no such domain; VX_ELIMIT */
	VX_DKIM_KEY_SET,    /* from and until; VX_ENOENT */
	VX_DKIM_KEY_REMOVE, /* VX_ENOENT */
};
struct vx_dkim_key_op {
	struct vx_store_op op;
	enum vx_dkim_key_verb verb;
	struct vx_dkim_key key;
	/* ADD: keys that sign at key.from do so until then: none is without a successor
	 */
	bool replaces;
	/* ADD: all others of the domain are removed: they are in wrong hands */
	bool revokes;
};
VX_API void vx_dkim_key_op_init(struct vx_dkim_key_op *op, enum vx_dkim_key_verb verb);

VX_END_DECLS

#endif
