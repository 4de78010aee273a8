#include "service/own_login.h"

void vx_own_login_log(const struct own_login *l, vx_slice user, const char *why)
{
	if (why == NULL)
		vx_log(l->log, VX_LOG_INFO, "login", VX_KV_S("user", user),
		    VX_KV_Z("ip", l->address), VX_KV_Z("protocol", l->protocol));
	else
		vx_log(l->log, VX_LOG_INFO, "login refused", VX_KV_S("user", user),
		    VX_KV_Z("ip", l->address), VX_KV_Z("protocol", l->protocol),
		    VX_KV_Z("reason", why));
}

void vx_own_login_refuse(
    const struct own_login *l, vx_slice user, enum vx_auth_reason reason)
{
	vx_auth_note(l->auth, reason, l->address, user);
	vx_own_login_log(l, user, vx_auth_reason_word(reason));
}
