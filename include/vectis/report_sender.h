/*
 * report_sender.h - sends and reads aggregate reports (report_store.h), on any loop: what
 * was counted of a day goes to those who want it on the next one, what came is read.  One
 * process of a store has it.
 *
 * A domain's day is sent once: by mail it is settled in the transaction that queues it;
 * what is posted by HTTPS is settled behind it, and posted again after a crash between
 * the two, with the same name.  Reports are never told of (their reverse-path is null,
 * VX_QUEUE_REPORT) and not counted themselves.
 */
#ifndef VECTIS_REPORT_SENDER_H
#define VECTIS_REPORT_SENDER_H

#include "vectis/report_store.h"
#include "vectis/service.h"

VX_BEGIN_DECLS

#define VX_REPORT_AT_ONCE 4      /* reports under way */
#define VX_REPORT_WAIT_S 900     /* after the end of a day: counts come late */
#define VX_REPORT_SPREAD_S 14400 /* then they are spread over so long (RFC 8460 4.1) */
#define VX_REPORT_RETRY_S 1800   /* the first wait after a failure; it doubles */
#define VX_REPORT_TRIES_MAX 6    /* attempts in a day, as RFC 8460 5.5 has it */
#define VX_REPORT_DESTINATIONS_MAX 5 /* of a report; the rest of the URIs is left out */

struct vx_report_sender_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like all here */
	const struct vx_log *log;
	struct vx_loop *loop;
	const char *hostname;
	const char *organization; /* empty: the host's name */
	const char *email; /* empty: postmaster of the host's domain; else one of ours */
	const char *dmarc_address, *tls_address; /* as of smtp_service.h */
	char delimiter;                          /* of subaddresses; NUL: none */
	bool dmarc, tls;                         /* what is sent */
	bool receive;                            /* what waits is read */
};

struct vx_report_sender;
VX_API int vx_report_sender_new(
    const struct vx_report_sender_options *o, struct vx_report_sender **out);
/* What is under way is given up, and done again later. */
VX_API void vx_report_sender_free(struct vx_report_sender *s);
/* Every second, on the loop's thread. */
VX_API void vx_report_sender_tick(struct vx_report_sender *s);

VX_END_DECLS

#endif
