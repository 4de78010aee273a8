/*
 * web.h - port 80: answers for authorities, and the way to https for all else (TLS-02,
 * TLS-23).
 */
#ifndef VX_ACMED_WEB_H
#define VX_ACMED_WEB_H

#include "acmed/issuer.h"

#define WEB_BODY_MAX 1024 /* octets of a request's; nobody has to send one */
#define WEB_PATIENCE_MS 30000

int web_session_new(struct issuer *issuer, const struct vx_worker *w,
    struct vx_session_host *host, struct vx_session **out);

#endif
