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

/* A number for each of 128 UIDs, beside their records (side.c). */
struct vx_side {
	uint32_t number; /* uid / VX_PAGE_UIDS */
	uint64_t bits[VX_PAGE_UIDS / 64];
	uint64_t values[VX_PAGE_UIDS]; /* by uid % VX_PAGE_UIDS, where the bit is set */
	bool loaded, dirty;
};

/* How the keywords of one mailbox are called in another. */
struct vx_keyword_map {
	uint64_t to[VX_KEYWORDS_MAX]; /* 0: there is no room for it */
	uint64_t known;               /* bits that were looked at */
};

/* A change of a record that its like in another mailbox has to follow (all.c). */
struct vx_linked {
	uint32_t mailbox, uid;
	bool gone;
	uint64_t value; /* its flags; gone: its body */
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
	struct vx_side saved, links; /* the last ones looked at */
	struct vx_linked *linked;    /* own */
	size_t linked_count, linked_cap;
	/* the mailbox at the other end of links that is changed along; own */
	struct vx_box *partner;
	/* of a partner: whose it is, and how its keywords are called here */
	struct vx_box *primary;
	struct vx_keyword_map keywords;
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

/* Add a UID above all that are in; there is room for one range more. */
static inline void vx_ranges_add(
    struct vx_uid_range *ranges, size_t *count, uint32_t uid)
{
	if (*count > 0 && ranges[*count - 1].last == uid - 1)
		ranges[*count - 1].last = uid;
	else
		ranges[(*count)++] = (struct vx_uid_range){ uid, uid };
}

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

/* The names of its keywords, which last as long as text. */
int vx_box_keyword_names(struct vx_box *b, char text[][VX_KEYWORD_OCTETS_MAX],
    vx_slice names[VX_KEYWORDS_MAX], size_t *count);
/*
 * Complete the map for the keywords in flags: those that to has not are made there; one
 * that there is no room for is left out.
 */
int vx_box_map_keywords(
    struct vx_box *from, struct vx_box *to, uint64_t flags, struct vx_keyword_map *map);
uint64_t vx_keywords_mapped(const struct vx_keyword_map *map, uint64_t flags);

/*
 * side.c: pages of numbers, of 4 octets (VX_KIND_SAVED) or 8 (VX_KIND_LINKS).  read: VX_OK
 * (there may be none), VX_ECORRUPT.  load: the same into *s, which is written back first.
 */
int vx_side_read(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox,
    enum vx_kind kind, uint32_t number, struct vx_side *out);
int vx_side_load(
    struct vx_box *b, enum vx_kind kind, struct vx_side *s, uint32_t number);
int vx_side_flush(struct vx_box *b, enum vx_kind kind, struct vx_side *s);
bool vx_side_has(const struct vx_side *s, uint32_t uid);
void vx_side_set(struct vx_side *s, uint32_t uid, uint64_t value);
void vx_side_clear(struct vx_side *s, uint32_t uid);

/* The internal date says when it was saved, if it is at most so many seconds before. */
#define VX_SAVED_LATE_S 10
/* r was appended; of page number only the UIDs in live are left; before closing. */
int vx_box_saved_note(struct vx_box *b, const struct vx_record *r);
int vx_box_saved_keep(struct vx_box *b, uint32_t number, const uint64_t live[2]);
int vx_box_saved_forget(struct vx_box *b, uint32_t uid);

/*
 * all.c: what is appended, changed and removed is so in the mailbox that has all messages,
 * and the other way round; before the record is written.  close: the other one, too.
 */
int vx_all_append(struct vx_box *b, const struct vx_record *r);
int vx_all_change(struct vx_box *b, const struct vx_record *r);
int vx_all_remove(struct vx_box *b, const struct vx_record *r);
int vx_all_close(struct vx_box *b);
bool vx_box_is_all(const struct vx_box *b);
/* The other record of a UID, of its side page. */
struct vx_link {
	uint32_t mailbox, uid; /* mailbox 0: none */
};
struct vx_link vx_link_of(const struct vx_side *links, uint32_t uid);
/*
 * mailbox.c: the mailbox is made (fill: the first mailbox that it is to be filled from, 0:
 * there is no mail), and goes.
 */
int vx_all_make(struct vx_kv_txn *txn, uint32_t account, uint32_t fill);
int vx_all_drop(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox);

/* Decoding, also for readers. */
int vx_page_parse(vx_slice value, uint32_t number, struct vx_page *out);
/* The same whatever its checksum says: every record is to be judged by itself. */
int vx_page_parse_damaged(vx_slice value, uint32_t number, struct vx_page *out);
int vx_block_parse(vx_slice value, uint32_t number, struct vx_block *out);
/* names[i] of bit VX_KEYWORD_FIRST + i; *count of them. */
int vx_keywords_parse(vx_slice value, vx_slice names[VX_KEYWORDS_MAX], size_t *count);

/*
 * metadata.c: what the annotations of a mailbox, or a user's of the server, weigh in
 * VX_METADATA_ACCOUNT_MAX, added to *sum; and they go, from what the account has, too: all
 * of a mailbox, or (of the server: account and mailbox 0) those of one user.
 */
int vx_metadata_sum(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, uint64_t *sum);
int vx_metadata_sum_server(struct vx_kv_txn *txn, uint32_t user, uint64_t *sum);
int vx_metadata_forget(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox);
int vx_metadata_forget_user(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, uint32_t user);

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
