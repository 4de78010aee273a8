/*
 * box.h - changing the messages of one mailbox inside a write transaction.
 *
 * Open, change, close: the head, the account's record and the UID blocks are read once
 * and written once, a page of 128 records is read and written once per change of it.
 */
#ifndef VX_STORE_BOX_H
#define VX_STORE_BOX_H

#include "store/keys.h"

#define VX_PAGE_UIDS 128
#define VX_BLOCK_PAGES 64
#define VX_BLOCK_UIDS (VX_PAGE_UIDS * VX_BLOCK_PAGES)

struct vx_page {
	uint32_t number; /* uid / VX_PAGE_UIDS */
	unsigned count;
	struct vx_record records[VX_PAGE_UIDS]; /* the first count, ascending */
};

/* Live UIDs and the newest MODSEQ of each page, for 8192 UIDs. */
struct vx_block {
	uint32_t number; /* uid / VX_BLOCK_UIDS */
	uint64_t modseq[VX_BLOCK_PAGES];
	uint64_t bits[VX_BLOCK_UIDS / 64];
};

/* Dates of saving of 128 UIDs, where they are not the internal date (saved.c). */
struct vx_saved {
	uint32_t number; /* uid / VX_PAGE_UIDS */
	uint64_t bits[VX_PAGE_UIDS / 64];
	uint32_t dates[VX_PAGE_UIDS]; /* by uid % VX_PAGE_UIDS, where the bit is set */
};

/* The other record of each of 128 UIDs, between a mailbox and the one that has all (all.c).
 */
struct vx_link {
	uint32_t mailbox, uid; /* mailbox 0: none */
};
struct vx_links {
	uint32_t number; /* uid / VX_PAGE_UIDS */
	struct vx_link to[VX_PAGE_UIDS];
};

struct vx_box {
	struct vx_kv_txn *txn;
	uint32_t account, mailbox;
	struct vx_account_record a;
	struct vx_head h;
	uint64_t modseq; /* of this change: begin's */
	struct vx_block block;
	bool have_block, block_dirty;
	struct vx_page page; /* the last one appended to */
	bool have_page, page_dirty;
	struct vx_saved saved; /* the last one looked at */
	bool have_saved, saved_dirty;
	struct vx_links links; /* the last ones looked at */
	bool have_links, links_dirty;
	/* the mailbox at the other end of links that is changed along; own */
	struct vx_box *partner;
	/* of a partner: whose it is; its bits of the other's keywords, as far as known; its
	 * keywords that the other has not; what was removed */
	struct vx_box *primary;
	uint64_t keyword_to[VX_KEYWORDS_MAX], keywords_kept;
	bool knows_kept;
	struct vx_uid_range *gone; /* own */
	size_t gone_count, gone_cap;
};

struct vx_box *vx_box_new(void);
/* What a box that was not closed still holds; then itself, of vx_box_new. */
void vx_box_done(struct vx_box *b);
void vx_box_free(struct vx_box *b);

/* Zeroed or used before.  VX_OK, VX_ENOENT (also a mailbox that was deleted and not swept yet), VX_ECORRUPT. */
int vx_box_open(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, struct vx_box *b);
/* The same, deleted ones too: for the sweep. */
int vx_box_open_any(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, struct vx_box *b);
/* Write back what changed and note the change. */
int vx_box_close(struct vx_box *b);

/* Add a record under the next UID (r->uid and r->modseq are set).  VX_ELIMIT: no UID
 * left. */
int vx_box_append(struct vx_box *b, struct vx_record *r);

/* The same under the UID and MODSEQ that it had, which is above all that are there. */
int vx_box_restore(struct vx_box *b, const struct vx_record *r);

/*
 * For every record of the ranges from uid *from on, at most limit of them: visit may
 * change flags (return VX_BOX_CHANGED) or have it removed (VX_BOX_REMOVED).  *from is
 * where to go on, 0 at the end.
 */
enum vx_box_verdict {
	VX_BOX_KEPT,
	VX_BOX_CHANGED,
	VX_BOX_REMOVED
};
struct vx_box_visit {
	const struct vx_uid_range *ranges; /* NULL: all */
	size_t range_count;
	size_t limit;
	enum vx_box_verdict (*visit)(struct vx_box_visit *v, struct vx_record *r);
	void *ctx;
};
int vx_box_visit(struct vx_box *b, struct vx_box_visit *v, uint32_t *from);

/*
 * UIDs removed at b->modseq, for VANISHED.  The oldest records go when those of the
 * mailbox weigh more than VX_VANISHED_MAX (each 1, and 1 more for every 128 ranges) or
 * are older than VX_VANISHED_AGE_S; expunge_floor says up to where.
 */
#define VX_VANISHED_MAX 4096
#define VX_VANISHED_AGE_S (180 * 86400)
#define VX_VANISHED_HEADER (VX_VALUE_HEADER + 8) /* and when, seconds since 1970 */
int vx_box_add_vanished(
    struct vx_box *b, const struct vx_uid_range *ranges, size_t count);

/*
 * One record, without a visit: its flags change, or it goes.  VX_ENOENT: there is none.
 * The MODSEQ is the box's.  flush: write back what changed, but not the account.
 */
int vx_box_set_flags(struct vx_box *b, uint32_t uid, uint64_t flags, uint64_t keep);
int vx_box_remove(struct vx_box *b, uint32_t uid);
int vx_box_flush(struct vx_box *b);

/* Bits of the named keywords; add: give bits to new ones (VX_ELIMIT: none is free). */
int vx_box_keywords(
    struct vx_box *b, const struct vx_keyword_list *names, bool add, uint64_t *bits);

/* The internal date says when it was saved, if it is at most so many seconds before. */
#define VX_SAVED_LATE_S 10
int vx_saved_read(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox,
    uint32_t number, struct vx_saved *out);
/* r was appended; of page number only the UIDs in live are left; before closing. */
int vx_box_saved_note(struct vx_box *b, const struct vx_record *r);
int vx_box_saved_keep(struct vx_box *b, uint32_t number, const uint64_t live[2]);
int vx_box_saved_forget(struct vx_box *b, uint32_t uid);
int vx_box_saved_flush(struct vx_box *b);

/*
 * all.c: what is appended, changed and removed is so in the mailbox that has all messages,
 * and the other way round; before the record is written.  close: the other one, too.
 */
int vx_all_append(struct vx_box *b, const struct vx_record *r);
int vx_all_change(struct vx_box *b, const struct vx_record *r);
int vx_all_remove(struct vx_box *b, const struct vx_record *r);
int vx_all_close(struct vx_box *b);
bool vx_box_is_all(const struct vx_box *b);
/* The links of a page's UIDs: VX_OK (there may be none), VX_ECORRUPT. */
int vx_links_read(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox,
    uint32_t number, struct vx_links *out);
/* mailbox.c: the mailbox is made, and goes. */
int vx_all_make(struct vx_kv_txn *txn, uint32_t account, uint32_t *mailbox);
int vx_all_drop(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox);

/* Decoding, also for readers. */
int vx_page_parse(vx_slice value, uint32_t number, struct vx_page *out);
/* The same whatever its checksum says: every record is to be judged by itself. */
int vx_page_parse_damaged(vx_slice value, uint32_t number, struct vx_page *out);
int vx_block_parse(vx_slice value, uint32_t number, struct vx_block *out);
/* names[i] of bit VX_KEYWORD_FIRST + i; *count of them. */
int vx_keywords_parse(vx_slice value, vx_slice names[VX_KEYWORDS_MAX], size_t *count);

/* acl.c: a new mailbox has its parent's list; one that goes leaves its grantees. */
int vx_acl_inherit(
    struct vx_kv_txn *txn, uint32_t owner, uint32_t parent, uint32_t mailbox);
int vx_acl_forget_mailbox(struct vx_kv_txn *txn, uint32_t owner, uint32_t mailbox);
/* An account goes: nothing is shared to it any more. */
int vx_acl_forget_grantee(struct vx_kv_txn *txn, uint32_t grantee);

/* References to bodies: one more; one fewer, the last puts it into the dead queue. */
int vx_references_parse(vx_slice value, uint32_t *extra);
int vx_references_write(struct vx_kv_txn *txn, uint64_t blob, uint32_t extra);
int vx_blob_add_reference(struct vx_kv_txn *txn, uint64_t blob, uint32_t count);
int vx_blob_drop_reference(struct vx_kv_txn *txn, uint64_t blob, uint32_t now);
/* Its grace period is over: the descriptor goes, the volume's octets are dead. */
int vx_reap_blob(struct vx_kv_txn *txn, uint64_t blob);

#endif
