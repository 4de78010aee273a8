/* report_int.h - inside what sends and reads reports. */
#ifndef VX_SERVICE_REPORT_INT_H
#define VX_SERVICE_REPORT_INT_H

#include "service/own_sign.h"
#include "vectis/report_sender.h"

struct report_sending;
struct report_reading;

struct vx_report_sender {
	struct vx_report_sender_options o;
	struct own_keys keys;
	struct vx_watch watch;
	/* the walk over all days: where it goes on, and when it begins again */
	struct report_place {
		bool begun;
		uint32_t day;
		enum vx_report_kind kind;
		char domain[VX_DNS_NAME_MAX + 1];
	} at;
	int64_t again;
	bool once_more;
	struct report_sending *sendings; /* own */
	size_t count;
	struct report_reading *reading; /* own */
	int64_t read_again;
	int64_t sweep_at;
	struct report_sweep *sweep; /* own */
};

int64_t vx_report_sender_now(const struct vx_report_sender *s);

/* --- one report (report_send.c) -------------------------------------------------------
 */

/* Begin with a day that is due.  VX_OK, also when it is under way already; VX_ENOMEM. */
int vx_report_send(struct vx_report_sender *s, const struct vx_report_day *d);
/* All are given up. */
void vx_report_send_stop(struct vx_report_sender *s);

/* --- what came (report_receive.c)
 * -------------------------------------------------------- */

/* Read the first message that waits, if none is being read. */
void vx_report_read_next(struct vx_report_sender *s);
void vx_report_read_stop(struct vx_report_sender *s);

#endif
