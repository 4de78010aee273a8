/*
 * imap_notify_table.h - what a session with NOTIFY was told of each mailbox: a table by
 * name, as the store lists them.
 */
#ifndef VX_SERVICE_IMAP_NOTIFY_TABLE_H
#define VX_SERVICE_IMAP_NOTIFY_TABLE_H

#include "service/imap_entries.h"

struct imap_entry {
	uint32_t account; /* its owner */
	uint32_t mailbox; /* 0: only a subscribed name */
	uint32_t name;    /* where it is in names */
	uint32_t uidvalidity, uidnext, messages, unseen;
	uint64_t modseq;
	uint16_t name_len;
	bool subscribed;
	bool readable; /* its messages may be told of */
	uint8_t tell;
	unsigned status; /* items that are to be told */
	struct imap_entries entries; /* own: annotations as they were told */
	uint32_t before; /* 1 + its place in the table before */
};

struct imap_table {           /* by name, as the store lists them */
	struct imap_entry *e; /* own */
	size_t count, cap;
	struct vx_buf names;
};

void imap_table_done(struct imap_table *t);
vx_slice imap_table_name(const struct imap_table *t, const struct imap_entry *e);
/* NULL: there is none. */
struct imap_entry *imap_table_find(const struct imap_table *t, vx_slice name);
struct imap_entry *imap_table_find_id(
    const struct imap_table *t, uint32_t account, uint32_t mailbox);
/* Names come in order.  VX_OK, VX_ENOMEM, VX_ELIMIT: too many octets of names. */
int imap_table_add(struct imap_table *t, const struct vx_mailbox_info *m);
bool imap_table_has_below(const struct imap_table *t, vx_slice name);
/* The entries by account and mailbox; own; NULL: no memory. */
struct imap_entry **imap_table_by_place(const struct imap_table *t);
int imap_entry_cmp(const struct imap_entry *a, const struct imap_entry *b);
void imap_entry_take_status(struct imap_entry *e, const struct vx_mailbox_status *st);

#endif
