/* imap_list.h - LIST and LSUB: what was asked for, and what other accounts share. */
#ifndef VX_SERVICE_IMAP_LIST_H
#define VX_SERVICE_IMAP_LIST_H

#include "service/imap_int.h"

/* Names of other accounts' mailboxes that one LIST sees, and their octets; not more. */
#define IMAP_SHARED_MAX 4096
#define IMAP_SHARED_OCTETS_MAX ((size_t)1 << 20)

#define IMAP_LIST_ENTRIES_MAX 16 /* that LIST tells of each mailbox, in one step */

struct imap_shared_name {
	vx_slice name;           /* as this session calls it; in the arena */
	uint32_t owner, mailbox; /* 0: it is only subscribed to */
	bool subscribed;
};

struct imap_shared {
	struct vx_arena *arena; /* of the names; NULL: the command's */
	struct imap_shared_name *names; /* by name, once gathered */
	size_t count, at, octets;
	struct vx_shared after;
	bool gathered;
};

struct imap_list {
	bool subscribed_only, special_only, recursive;     /* selection */
	bool show_subscribed, show_children, show_special; /* return */
	bool show_myrights;
	vx_slice *entries; /* METADATA (RFC 9590); in the arena */
	size_t entry_count;
	bool lsub, extended;
	unsigned status; /* items; 0: none */
	vx_slice patterns[IMAP_PATTERNS_MAX];
	size_t count, octets;            /* of patterns */
	char after[VX_MAILBOX_NAME_MAX]; /* the mailbox that was looked at last */
	size_t after_len;
	struct imap_shared shared;
};

struct imap_list_about { /* a mailbox */
	bool children, child_info;
	vx_slice was; /* as it was asked for, or called before; may be empty */
};

bool imap_list_matches(const struct imap_list *l, vx_slice name);
bool imap_list_selects(const struct imap_list *l, const struct vx_mailbox_info *m);
void imap_list_write(struct imap_session *s, struct vx_view *v, const struct imap_list *l,
    const struct vx_mailbox_info *m, const struct imap_list_about *about,
    struct vx_buf *out);

/* The names that are shared to this account: VX_OK, VX_DATA, below 0. */
int imap_shared_gather(
    struct imap_session *s, struct vx_view *v, struct imap_shared *sh, struct vx_buf *out);
/* What is shared to this account, after its own: VX_OK, VX_DATA, below 0. */
int imap_shared_step(
    struct imap_session *s, struct vx_view *v, struct imap_list *l, struct vx_buf *out);
/* LIST of one that is told of by NOTIFY, by its name in this session. */
void imap_shared_event(struct imap_session *s, struct vx_view *v, vx_slice name,
    bool subscribed, const struct imap_list_about *about, struct vx_buf *out);
void imap_shared_selected(struct imap_session *s, struct vx_view *v, vx_slice name,
    vx_slice asked, struct vx_buf *out);

#endif
