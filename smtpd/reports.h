/* reports.h - aggregate reports in smtpd: workers count, the sender sends and reads. */
#ifndef SMTPD_REPORTS_H
#define SMTPD_REPORTS_H

#include "runtime/runtime.h"
#include "vectis/report_sender.h"
#include "vectis/smtp_service.h"

/* Where reports about our domains come to. */
void smtpd_report_addresses(const struct vx_config *c, struct vx_smtp_service_options *o);
/* What this process counts: of messages that came, or of sessions with other servers. */
int smtpd_report_batch(struct vx_worker *w, struct vx_report_batch **out);
int smtpd_report_sender(struct vx_worker *w, struct vx_report_sender **out);

#endif
