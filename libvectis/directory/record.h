/* record.h - the values of the directory tree: a checked header, then packed strings. */
#ifndef VX_DIRECTORY_RECORD_H
#define VX_DIRECTORY_RECORD_H

#include "store/kv.h"
#include "vectis/directory.h"

enum vx_directory_kind {
	VX_DIR_DOMAIN = 'D',  /* + name */
	VX_DIR_ACCOUNT = 'A', /* + domain NUL local: an account's domain is a range */
	VX_DIR_ALIAS = 'L',   /* + domain NUL local */
	VX_DIR_ID = 'I',      /* + id: the login */
	VX_DIR_DKIM = 'K',    /* + domain NUL selector */
	VX_DIR_SENDING = 'S', /* + 'a' id, or 'd' domain: sending.c */
	VX_DIR_BLOCK = 'B',   /* + network */
	VX_DIR_FOOTER = 'F',  /* + name of a domain */
	VX_DIR_LIST = 'M',    /* + domain NUL local */
	VX_DIR_MEMBER = 'm',  /* + id of the list, address */
};

struct vx_dir_key {
	char octets[VX_KV_KEY_MAX];
	size_t len;
};

/* name is normalised; of an address, "domain NUL local".  VX_EINVAL: too long. */
int vx_dir_key(struct vx_dir_key *k, enum vx_directory_kind kind, vx_slice name);
int vx_dir_key_id(struct vx_dir_key *k, uint32_t id);
static inline vx_slice vx_dir_key_slice(const struct vx_dir_key *k)
{
	return vx_slice_of(k->octets, k->len);
}

/*
 * A record as stored: two numbers and a date, then strings.  The first string is the
 * name, so that the key need not be taken apart.
 */
#define VX_DIR_STRINGS 3
struct vx_dir_record {
	unsigned flags;
	uint32_t number; /* account id, or max_accounts */
	uint64_t created;
	vx_slice strings[VX_DIR_STRINGS];
	/* Of domains, record.c says what: records that are older than it end before. */
	vx_slice ownership;
};
/* What is in it.  VX_OK, VX_ECORRUPT. */
int vx_dir_ownership(const struct vx_dir_record *r, struct vx_domain *out);
#define VX_DIR_OWNERSHIP_OCTETS (1 + 8 + VX_DOMAIN_TOKEN_OCTETS)
/* Write it, for a record that may be without (token is empty).  VX_OK, VX_EINVAL. */
int vx_dir_set_ownership(const struct vx_domain *d, struct vx_dir_record *r,
    char octets[VX_DIR_OWNERSHIP_OCTETS]);
int vx_dir_read(
    struct vx_kv_txn *txn, const struct vx_dir_key *k, struct vx_dir_record *out);
int vx_dir_write(
    struct vx_kv_txn *txn, const struct vx_dir_key *k, const struct vx_dir_record *r);
int vx_dir_parse(vx_slice value, struct vx_dir_record *out);
/* The first record of a kind behind a name. */
int vx_dir_next(struct vx_view *v, enum vx_directory_kind kind, vx_slice after,
    struct vx_dir_record *out);
/* Of a member, which is normalised.  VX_EINVAL: too long. */
int vx_dir_key_member(struct vx_dir_key *k, uint32_t list, vx_slice member);
/* A list's ops; name is normalised. */
int vx_dir_list_apply(struct vx_directory_op *op, struct vx_kv_txn *txn, vx_slice name);
/* An address is no more: it is no member of any list. */
int vx_dir_forget_member(struct vx_kv_txn *txn, vx_slice address);
/* The domain must be ours, and the name free in all kinds. */
int vx_dir_may_add(struct vx_kv_txn *txn, vx_slice name, bool account);
/* Is an address taken, and by what?  VX_OK: kind; VX_ENOENT. */
int vx_dir_owner_of(struct vx_kv_txn *txn, vx_slice name, enum vx_directory_kind *kind);
/* All keys of a domain, which is normalised. */
int vx_dir_forget_dkim(struct vx_kv_txn *txn, vx_slice domain);

/* An account's sending was switched off, for a reason, or on (then it counts anew). */
int vx_dir_sending_switched(struct vx_kv_txn *txn, uint32_t account, bool suspended,
    vx_slice reason, uint64_t now_s);
/* It goes, or the domain when account is 0. */
int vx_dir_forget_sending(struct vx_kv_txn *txn, uint32_t account, vx_slice domain);

#endif
