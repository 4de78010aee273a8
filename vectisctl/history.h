/* history.h - what checks of a domain came to before (features DNS-33, DNS-16). */
#ifndef VECTISCTL_HISTORY_H
#define VECTISCTL_HISTORY_H

#include "vectisctl/ctl.h"

#include "vectis/history.h"

/* The history of a domain, with the run that is being told. */
struct ctl_past {
	struct vx_history h;
	int64_t at; /* when that run was kept; 0: it is not */
};

/* As the store's user.  Empty when there is none; what cannot be read is warned of. */
void ctl_history_read(struct ctl *c, const char *domain, struct vx_history *out);
/* What a diagnosis found goes into it; what cannot be kept is a warning, no failure. */
void ctl_history_keep(
    struct ctl *c, const char *domain, const struct vx_diag *d, struct ctl_past *out);
/* The domain's records were changed. */
void ctl_history_changed(struct ctl *c, const char *domain);
/* The domain is gone. */
void ctl_history_forget(struct ctl *c, const char *domain);
/* Since when a check is as it is, into j; and if that is new with this run, in words. */
void ctl_history_tell(
    const struct ctl_past *p, const char *check, json_t *j, char out[100]);
/* domain check --history */
int ctl_history_show(struct ctl *c);

#endif
