/* receive.h - the workers of smtpd: the service with its settings. */
#ifndef SMTPD_RECEIVE_H
#define SMTPD_RECEIVE_H

#include "runtime/runtime.h"

int smtpd_receive_start(struct vx_worker *w, void **service);
void smtpd_receive_stop(void *service);
void smtpd_receive_tick(void *service);
int smtpd_from_server(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out);
int smtpd_from_user(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out);

#endif
