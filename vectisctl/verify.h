/* verify.h - whose a domain is: its TXT record, and looking for it (DNS-28). */
#ifndef VECTISCTL_VERIFY_H
#define VECTISCTL_VERIFY_H

#include "vectisctl/ctl.h"

#include "vectis/ownership.h"

/*
 * What a new domain begins with: a token of its own; with --trust none, since then nobody
 * asks for it.  hex has to stay as long as the op.
 */
void ctl_verify_begin(
    struct ctl *c, struct vx_directory_op *op, char hex[VX_DOMAIN_TOKEN_OCTETS + 1]);
/* Status and token of a domain, in the result and (text) for a line of a list. */
const char *ctl_verify_tell(json_t *item, const struct vx_domain *d);
/* A domain was added: its status in the result, and what to do next. */
void ctl_verify_added(
    struct ctl *c, const struct vx_directory_op *op, const char *domain);
/* May it send?  CTL_OK, or it is reported that it may not. */
int ctl_verify_require(struct ctl *c, const char *domain);
/*
 * After records were changed: it is pending, and looked for once.  The store is opened
 * for it, to be written to.
 */
int ctl_verify_applied(struct ctl *c, const char *domain);

#endif
