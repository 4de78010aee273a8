/* own_login.h - what is logged of a login, and kept of one that failed: the same in all
 * protocols. */
#ifndef VX_SERVICE_OWN_LOGIN_H
#define VX_SERVICE_OWN_LOGIN_H

#include "vectis/auth.h"
#include "vectis/log.h"

struct own_login {
	const struct vx_log *log;
	struct vx_auth *auth;
	const char *protocol; /* "imap" */
	const char *address;  /* of the client */
};

/* why: a word for the log; NULL: it was right. */
void vx_own_login_log(const struct own_login *l, vx_slice user, const char *why);
/* Before a password was looked at: it is kept, too (vx_auth_note). */
void vx_own_login_refuse(
    const struct own_login *l, vx_slice user, enum vx_auth_reason reason);

#endif
