/*
 * sender_report.h - telling a message's sender what became of it (RFC 3461 5, 6): a
 * report of a message's recipients, filed or queued in the transaction that takes them
 * out.
 */
#ifndef VX_SERVICE_SENDER_REPORT_H
#define VX_SERVICE_SENDER_REPORT_H

#include "service/sender_int.h"

enum sender_action {
	SENDER_SILENT,
	SENDER_RELAYED, /* to a server that does not tell by itself */
	SENDER_DELIVERED,
	SENDER_EXPANDED,
	SENDER_FAILED,
	SENDER_DELAYED
};

struct sender_report;
/* Is the sender to be told, by NOTIFY and the reverse-path? */
bool vx_sender_report_wanted(
    const struct sender_outgoing *o, size_t i, enum sender_action action);
/* One recipient more; *report is made when it is NULL. */
int vx_sender_report_add(struct sender_report **report, struct vx_sender *s,
    struct sender_outgoing *o, size_t i, enum sender_action action,
    const struct vx_queue_result *r);
/* VX_OK: done will be called; it may be submitted again when that had a failure. */
int vx_sender_report_submit(struct sender_report *report, struct vx_sender *s,
    void (*done)(void *ctx, int result), void *ctx);
/* When what it tells of is due again. */
void vx_sender_report_due(
    const struct sender_report *report, struct vx_sender *s, struct destination *d);
void vx_sender_report_free(struct sender_report *report);

#endif
