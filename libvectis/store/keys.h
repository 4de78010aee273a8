/* keys.h - the layout of keys and values (STORE.md 4).  Keys big-endian, values little.
 */
#ifndef VX_STORE_KEYS_H
#define VX_STORE_KEYS_H

#include "store/kv.h"
#include "vectis/store.h"

/* Kinds in the state tree, after account and mailbox. */
enum vx_kind {
	VX_KIND_ACCOUNT = 'A', /* mailbox 0 */
	VX_KIND_NAME = 'N',    /* mailbox 0; rest: name */
	VX_KIND_SWEEP = 'Z',   /* account 0, mailbox 0; rest: account | mailbox deleted */
	VX_KIND_HEAD = 'H',
	VX_KIND_KEYWORDS = 'K',
	VX_KIND_BLOCK = 'm',    /* rest: uid >> 13 */
	VX_KIND_PAGE = 'p',     /* rest: uid >> 7 */
	VX_KIND_VANISHED = 'v', /* rest: modseq */
	VX_KIND_ACL = 'L',      /* rest: grantee u32 | negative u8 */
	VX_KIND_SHARED =
	    'R', /* mailbox 0, account is the grantee; rest: owner | mailbox */
	VX_KIND_METADATA = 'M', /* rest: user u32 | entry */
	VX_KIND_SAVED = 'S',    /* rest: uid >> 7 */
	VX_KIND_LINKS = 'l',    /* rest: uid >> 7 */
};

struct vx_key {
	char octets[VX_KV_KEY_MAX];
	size_t len;
};

static inline vx_slice vx_key_slice(const struct vx_key *k)
{
	return vx_slice_of(k->octets, k->len);
}

void vx_key_state(
    struct vx_key *k, uint32_t account, uint32_t mailbox, enum vx_kind kind);
void vx_key_add_u32(struct vx_key *k, uint32_t n);
void vx_key_add_u64(struct vx_key *k, uint64_t n);
/* Octets, as many as fit. */
void vx_key_add(struct vx_key *k, vx_slice s);
void vx_key_blob(struct vx_key *k, uint64_t blob);
/* Is key one of these, with n octets of rest? */
bool vx_key_is(vx_slice key, const struct vx_key *prefix, size_t rest);

/*
 * Every value begins with 8 octets: type, version, two of its own, CRC-32C of all the
 * others.  check: the right type and version, at least min octets, a right CRC.
 */
#define VX_VALUE_HEADER 8
void vx_value_seal(char *value, size_t len, char type);
int vx_value_check(vx_slice value, char type, size_t min);

/*
 * A number in the meta tree (VX_ENOENT: it was never set), and a counter there: its
 * value, which is then one more.  It starts at 1.
 */
int vx_meta_get(struct vx_kv_txn *txn, const char *name, uint64_t *out);
int vx_meta_set(struct vx_kv_txn *txn, const char *name, uint64_t value);
int vx_meta_next(struct vx_kv_txn *txn, const char *name, uint64_t *out);

/* The account's record. */
struct vx_account_record {
	uint64_t used_octets, used_messages;
	uint64_t limit_octets, limit_messages; /* 0: none */
	uint32_t next_mailbox; /* 0: the account was removed, its mailboxes are swept */
	uint32_t last_uidvalidity;
	uint64_t modseq;
	uint32_t all; /* the mailbox that has all messages (all.c); 0: none */
	uint32_t
	    fill; /* the mailbox where it is still to be filled from; 0: it is full */
	uint64_t metadata; /* octets of annotations of its mailboxes, and its own ones */
	uint8_t told;      /* quota notice: 0, 80 or 95; falls with what is used */
};
/* What a notice would be about: 0, 80 or 95 percent (MB-18). */
unsigned vx_account_level(const struct vx_account_record *r);
int vx_account_read(
    struct vx_kv_txn *txn, uint32_t account, struct vx_account_record *out);
int vx_account_write(
    struct vx_kv_txn *txn, uint32_t account, const struct vx_account_record *r);

/* A mailbox's head. */
struct vx_head {
	struct vx_mailbox_status s;
	uint16_t vanished; /* what its expunge records weigh: see vx_box_add_vanished */
	unsigned special_use;
	uint16_t name_len;
	char name[VX_MAILBOX_NAME_MAX];
};
int vx_head_read(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, struct vx_head *out);
int vx_head_write(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, const struct vx_head *h);

/* The first of the account's mailboxes from mailbox on that has any key; 0: none. */
uint32_t vx_mailbox_from(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox);

/* A name: of a mailbox, or only subscribed to (mailbox 0). */
struct vx_name {
	uint32_t mailbox;
	bool subscribed;
};
int vx_name_parse(vx_slice value, struct vx_name *out);
int vx_name_read(
    struct vx_kv_txn *txn, uint32_t account, vx_slice name, struct vx_name *out);
/* Written, or removed when it is neither a mailbox nor subscribed to. */
int vx_name_write(
    struct vx_kv_txn *txn, uint32_t account, vx_slice name, const struct vx_name *n);

struct vx_volume_record {
	uint32_t number;
	uint8_t lane, sealed;
	uint64_t live, dead; /* octets of messages referenced, and of reaped ones */
	uint64_t
	    stored; /* when sealed: octets in the file, also those never referenced */
};
int vx_volume_record_get(vx_slice key, vx_slice value, struct vx_volume_record *out);
int vx_volume_record_read(
    struct vx_kv_txn *txn, uint32_t number, struct vx_volume_record *out);
int vx_volume_record_write(struct vx_kv_txn *txn, const struct vx_volume_record *r);

/*
 * The queue's tree, whose values queue/ reads and writes: kind and id, of a recipient its
 * number; PLACE: destination NUL due id number; POLICY: domain.
 */
enum vx_queue_kind {
	VX_QUEUE_MESSAGE = 'M',
	VX_QUEUE_RECIPIENT = 'R',
	VX_QUEUE_PREFIX = 'P',
	VX_QUEUE_POLICY = 'S', /* rest: domain; of MTA-STS */
	VX_QUEUE_PLACE = 'T',
	VX_QUEUE_BOUNCES = 'B', /* rest: domain NUL day u32 */
	VX_QUEUE_RELAY = 'Y', /* rest: name */
	VX_QUEUE_RULE = 'U'   /* rest: its kind, pattern NUL domain */
};
#define VX_QUEUE_BLOB_AT VX_VALUE_HEADER /* in the value of a MESSAGE */
/* The body that an entry refers to; VX_ENOENT: it refers to none. */
int vx_queue_blob(vx_slice key, vx_slice value, uint64_t *out);

/*
 * The reports' tree, whose values reports/ reads and writes.  Days since 1970, u32; a kind
 * of report is one octet.
 */
enum vx_report_entry {
	VX_REPORT_TOTAL = 'T',  /* day kind */
	VX_REPORT_HEAD = 'D',   /* day kind domain */
	VX_REPORT_COUNT = 'C',  /* day kind domain NUL digest */
	VX_REPORT_INTAKE = 'I', /* id: a message that came and may have a report */
	VX_REPORT_SUM = 'S',    /* day kind domain: of reports that came */
	VX_REPORT_GOT = 'G',    /* day kind domain NUL digest: one of them */
	VX_REPORT_ROW = 'R',    /* day kind domain NUL digest: their rows, added up */
	VX_REPORT_BAD = 'B'     /* why: what came and could not be used */
};
#define VX_REPORT_VALUE 'a' /* the type of all its values */
/* As vx_queue_blob. */
int vx_report_blob(vx_slice key, vx_slice value, uint64_t *out);

#endif
