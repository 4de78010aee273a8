/*
 * intake.h - reports that come by mail.  A message for an address of reports is noted in
 * the transaction that accepts it; it is read later, in a job, and what it came to is
 * written in the one that takes the note away: nothing is lost, and nothing read twice.
 */
#ifndef VX_REPORTS_INTAKE_H
#define VX_REPORTS_INTAKE_H

#include "reports/record.h"
#include "reports/settle.h"
#include "vectis/queue.h"

/* --- noting ----------------------------------------------------------------------------
 */

/*
 * To be `also` of a deliver op, whose also_ctx is this: what vx_queue_also does, and more
 * in the same transaction.
 */
struct vx_report_also {
	struct vx_queue_also queue;
	bool intake; /* it may be a report for us */
	/*
	 * No mailbox has it: when too many wait to be read, VX_ETEMP.  Else it is only
	 * counted as one that was not read.
	 */
	bool only;
	/* Its signatures were looked into; the domains of those that pass, blanks
	 * between. */
	bool checked;
	vx_slice signers;
	uint64_t now;
	const struct vx_report_settle_op *settle; /* NULL: none; as its op would, first */
};
int vx_report_also(
    struct vx_deliver_op *op, struct vx_kv_txn *txn, uint64_t blob, uint32_t *references);

#define VX_REPORT_SIGNERS_MAX 1024 /* octets; those that do not fit are left out */

struct vx_report_intake {
	uint64_t id, blob;
	bool checked;
	char signers[VX_REPORT_SIGNERS_MAX + 1];
};
/* The first message that waits; VX_ENOENT. */
int vx_report_intake_next(struct vx_view *v, struct vx_report_intake *out);

/* --- reading ---------------------------------------------------------------------------
 */

enum vx_report_item_type { /* the first octet */
	VX_REPORT_ITEM_SOURCE = 'S',
	VX_REPORT_ITEM_POLICY = 'P',
	VX_REPORT_ITEM_FAILURE = 'F'
};
/* A row to be added to those of a domain's day. */
struct vx_report_item {
	vx_slice octets;
	uint64_t a, b;
	struct vx_report_item *next;
};

struct vx_report_found { /* all in the arena */
	enum vx_report_bad bad;
	enum vx_report_kind kind;
	vx_slice domain; /* as a name (dns.h) */
	uint64_t begin, end;
	vx_slice organization, id, contact;
	struct vx_report_item *items;
	uint64_t good, failed, dropped;
	char detail[VX_REPORT_NOTED_TEXT_MAX + 1]; /* when it is bad, for a person */
};

/*
 * The reports in a message, or why there is none: at least one is found.  VX_OK;
 * VX_ENOMEM.
 */
int vx_report_read_mail(vx_slice message, uint64_t now, struct vx_arena *arena,
    struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX], size_t *count);
/*
 * The same of a stored message; what is not about a domain of this server, or has to be
 * signed and is not, is bad, too.  Blocks: for a job.  VX_OK, VX_ENOMEM, VX_EIO.
 */
int vx_report_read_blob(struct vx_store *store, const struct vx_report_intake *intake,
    uint64_t now, struct vx_arena *arena,
    struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX], size_t *count);

/* --- the end ---------------------------------------------------------------------------
 */

/* What was found is added, and the message waits no more.  VX_ENOENT: it does not. */
struct vx_report_receive_op {
	struct vx_store_op op;
	uint64_t id, now;
	struct vx_report_found *found; /* out: bad is set of those that are not taken */
	size_t count;
};
void vx_report_receive_op_init(struct vx_report_receive_op *op);

#endif
