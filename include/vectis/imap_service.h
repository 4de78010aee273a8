/*
 * imap_service.h - IMAP4rev1 and IMAP4rev2 on the store (RFC 3501, 9051).  Which
 * extensions there are, and when they are offered, is the table in imap_command.c.
 */
#ifndef VECTIS_IMAP_SERVICE_H
#define VECTIS_IMAP_SERVICE_H

#include "vectis/auth.h"
#include "vectis/service.h"

VX_BEGIN_DECLS

#define VX_IMAP_BAD_MAX 20 /* commands that are none, before BYE */

struct vx_imap_service_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like all here */
	struct vx_auth *auth;
	const struct vx_log *log;
	const char *hostname;
	uint64_t message_octets_max;
	uint64_t idle_s, login_s;
	bool no_sharing; /* no ACL: every account sees its own mailboxes only (MB-20) */
};

struct vx_imap_service;
VX_API int vx_imap_service_new(
    const struct vx_imap_service_options *o, struct vx_imap_service **out);
VX_API void vx_imap_service_free(struct vx_imap_service *s);
VX_API int vx_imap_session_new(struct vx_imap_service *service,
    const struct vx_peer *peer, struct vx_session_host *host, struct vx_session **out);

VX_END_DECLS

#endif
