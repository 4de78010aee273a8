/*
 * pop3_service.h - POP3 on the store: the INBOX of an account, as it was at login.
 *
 * One session at a time has an account's maildrop (RFC 1939 4), over all processes: a
 * lock on one octet of a file, at the account's number, which the kernel releases
 * whatever happens.  Deletions are one op at QUIT.  UIDL is UIDVALIDITY and UID.
 *
 * Messages are sent as they are stored, with and without the UTF8 command: those with
 * UTF-8 headers (RFC 6532) are not downgraded.
 */
#ifndef VECTIS_POP3_SERVICE_H
#define VECTIS_POP3_SERVICE_H

#include "vectis/auth.h"
#include "vectis/service.h"

VX_BEGIN_DECLS

/* Most messages that a session shows, oldest first: the rest when those are deleted. */
#define VX_POP3_MESSAGES_MAX 1000000

struct vx_pop3_service_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like all here */
	struct vx_auth *auth;
	const struct vx_log *log;
	const char *lock_path; /* made when it is not there; one for all processes */
	uint64_t login_s;      /* from the connection to the login */
	uint64_t idle_s;       /* between commands; at least 600 (RFC 1939 3) */
};

struct vx_pop3_service;
VX_API int vx_pop3_service_new(
    const struct vx_pop3_service_options *o, struct vx_pop3_service **out);
/* After all its sessions, with no job or op of theirs under way. */
VX_API void vx_pop3_service_free(struct vx_pop3_service *s);

VX_API int vx_pop3_session_new(struct vx_pop3_service *service,
    const struct vx_peer *peer, struct vx_session_host *host, struct vx_session **out);

VX_END_DECLS

#endif
