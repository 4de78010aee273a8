/* settle.h - settling a day inside the transaction that sends it. */
#ifndef VX_REPORTS_SETTLE_H
#define VX_REPORTS_SETTLE_H

#include "reports/record.h"

/* As the op: everything is looked at before anything is written. */
int vx_report_settle(struct vx_kv_txn *txn, const struct vx_report_settle_op *op);

#endif
