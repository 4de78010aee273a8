/* own_reports.h - addresses of ours that reports are sent to (report_store.h). */
#ifndef VX_SERVICE_OWN_REPORTS_H
#define VX_SERVICE_OWN_REPORTS_H

#include "vectis/slice.h"
#include "vectis/store.h"

/* Local parts, the same in each of our domains; empty or NULL: none. */
struct own_report_addresses {
	const char *dmarc, *tls;
};
/* Is it one of them, with or without a tag behind the delimiter (NUL: none)? */
bool vx_own_is_report_address(struct vx_view *v, const struct own_report_addresses *list,
    char delimiter, vx_slice address);

#endif
