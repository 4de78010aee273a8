/* fixture.h - a store in a fresh directory with one account, and short ways to use it. */
#ifndef VXT_STORE_FIXTURE_H
#define VXT_STORE_FIXTURE_H

#include "lib/vxt.h"
#include "store/store_int.h"

struct fixture {
	const char *dir;
	struct vx_store *store;
	uint32_t inbox, archive; /* mailboxes of account 1 */
};

void fixture_open(struct fixture *f);
void fixture_reopen(struct fixture *f);
/* Also proves that store check finds nothing. */
void fixture_close(struct fixture *f);
void fixture_account(struct fixture *f, uint32_t account, const struct vx_quota *quota);
/* Store octets in a mailbox of account 1; the UID. */
uint32_t fixture_add(
    struct fixture *f, uint32_t mailbox, vx_slice octets, uint64_t flags);
uint32_t fixture_mailbox(struct fixture *f, const char *name);
struct vx_mailbox_status fixture_status(struct fixture *f, uint32_t mailbox);
/* All records of a mailbox of account 1. */
size_t fixture_records(
    struct fixture *f, uint32_t mailbox, struct vx_record *out, size_t cap);
int fixture_verb(
    struct fixture *f, enum vx_mailbox_verb verb, const char *name, const char *to);
uint64_t fixture_problems(struct fixture *f);
/* For what may be told to give up. */
bool fixture_go_on(struct vx_store *store);

#endif
