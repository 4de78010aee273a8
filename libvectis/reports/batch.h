/* batch.h - counts that wait in memory, and the op that adds them to the store's. */
#ifndef VX_REPORTS_BATCH_H
#define VX_REPORTS_BATCH_H

#include "base/map.h"
#include "reports/record.h"

/* Of a domain's day, or of one of its rows: octets is the key, and what it is of. */
struct vx_report_entry_note {
	struct vx_report_entry_note *next;
	uint64_t a, b; /* of a domain: seen and dropped */
	size_t key_len, len;
	char octets[];
};

struct vx_report_notes {
	struct vx_report_entry_note *heads, *rows;
};

/*
 * Heads first: a row is added where there is one.  Those beyond a limit, and of days that
 * were reported already, are counted as dropped.
 */
struct vx_report_add_op {
	struct vx_store_op op;
	struct vx_report_notes notes;  /* own */
	struct vx_report_batch *batch; /* NULL: it is gone */
};
void vx_report_add_op_init(struct vx_report_add_op *op);
void vx_report_notes_free(struct vx_report_notes *n);

/* For what notes (note.c). */
bool vx_report_batch_wants(const struct vx_report_batch *b, enum vx_report_kind kind);
/* A domain is seen so often more; record is its latest one.  VX_ELIMIT, VX_ENOMEM. */
int vx_report_batch_head(struct vx_report_batch *b, int64_t now_s,
    enum vx_report_kind kind, vx_slice domain, vx_slice record, uint64_t seen);
/* A row of it: so much more. */
int vx_report_batch_row(struct vx_report_batch *b, enum vx_report_kind kind,
    vx_slice domain, vx_slice octets, uint64_t x, uint64_t y);

/* What was counted in the last of these that cannot be kept. */
void vx_report_batch_drop(
    struct vx_report_batch *b, enum vx_report_kind kind, vx_slice domain, uint64_t count);

#endif
