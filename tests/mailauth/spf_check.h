/* spf_check.h - a check that a DNS in memory answers. */
#ifndef VXT_SPF_CHECK_H
#define VXT_SPF_CHECK_H

#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/spf.h"

/* Run it to its end; how many questions it had. */
unsigned spf_run(struct vx_spf *s, struct vxt_zone *z);
/* MAIL FROM, with helo "mail.example.net", receiver "mx.vectis.test". */
struct vx_spf_options spf_options(const char *client, const char *mail_from);
/* A check that was run; the caller frees it. */
struct vx_spf *spf_check(struct vxt_zone *z, const char *client, const char *mail_from);
struct vx_spf *spf_check_with(struct vxt_zone *z, const struct vx_spf_options *o);
/* That is the verdict, and what has a reason or a mechanism has it. */
void spf_expect(
    struct vxt_zone *z, const char *client, const char *mail_from, const char *verdict);

#endif
