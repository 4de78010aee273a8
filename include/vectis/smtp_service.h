/*
 * smtp_service.h - receiving mail: from other servers (25) and from users (587, 465).
 *
 * A message is filed for all its local recipients, and queued for the others (queue.h),
 * in one transaction; 250 is said when that is on the disk.  Only users may send
 * elsewhere; what an alias forwards leaves with a reverse-path of ours (srs.h).
 */
#ifndef VECTIS_SMTP_SERVICE_H
#define VECTIS_SMTP_SERVICE_H

#include "vectis/auth.h"
#include "vectis/service.h"
#include "vectis/smtp_server.h"

VX_BEGIN_DECLS

struct vx_smtp_service_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like all here */
	struct vx_auth *auth;
	const struct vx_log *log;
	struct vx_loop *loop;
	const char *hostname, *banner;
	uint64_t message_octets_max, recipients_max, received_max;
	uint64_t login_s; /* for a greeting, and for a user's login, each command */
	uint64_t idle_s;  /* for each other command (RFC 5321 4.5.3.2.7) */
	/*
	 * A message may take idle_s and as long as its octets take with so many a second;
	 * 0: any time, as long as it goes on.
	 */
	uint64_t rate_min;
	char delimiter; /* of subaddresses; NUL: none */
};

struct vx_smtp_service;
VX_API int vx_smtp_service_new(
    const struct vx_smtp_service_options *o, struct vx_smtp_service **out);
/* After all its sessions. */
VX_API void vx_smtp_service_free(struct vx_smtp_service *s);

VX_API int vx_smtp_session_new(struct vx_smtp_service *service, enum vx_smtp_role role,
    const struct vx_peer *peer, struct vx_session_host *host, struct vx_session **out);

VX_END_DECLS

#endif
