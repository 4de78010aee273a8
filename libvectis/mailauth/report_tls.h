/* report_tls.h - words of RFC 8460 that are read and written. */
#ifndef VX_MAILAUTH_REPORT_TLS_H
#define VX_MAILAUTH_REPORT_TLS_H

#include "vectis/report.h"

const char *vx_tls_policy_type_name(enum vx_tls_policy_type type);
const char *vx_tls_failure_type_name(enum vx_tls_failure_type type);

#endif
