/* smtp_greylist.h - strangers are asked to come back later (RFC 6647). */
#ifndef VX_SERVICE_SMTP_GREYLIST_H
#define VX_SERVICE_SMTP_GREYLIST_H

#include "service/smtp_int.h"

/* A recipient that would be taken: *reply is changed when the client has to wait. */
void vx_smtp_greylist(struct smtp_session *s, struct vx_view *v, vx_slice recipient,
    struct smtp_reply *reply);
/* Every second: those who were not here for long are forgotten, now and then. */
void vx_smtp_greylist_tick(struct vx_smtp_service *s);
void vx_smtp_greylist_free(struct vx_smtp_service *s);

#endif
