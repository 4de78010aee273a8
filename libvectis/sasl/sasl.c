#include "vectis/sasl.h"

#include "base/encode.h"

enum vx_sasl_mechanism vx_sasl_find(vx_slice name)
{
	if (vx_slice_eq_nocase(name, VX_S("PLAIN")))
		return VX_SASL_PLAIN;
	return vx_slice_eq_nocase(name, VX_S("LOGIN")) ? VX_SASL_LOGIN : VX_SASL_NONE;
}

void vx_sasl_init(struct vx_sasl *s, enum vx_sasl_mechanism mechanism)
{
	*s = (struct vx_sasl){ .mechanism = mechanism,
		.user = { .max = 1024 },
		.password = { .max = 1024 } };
}

void vx_sasl_done(struct vx_sasl *s)
{
	vx_buf_wipe(&s->user);
	vx_buf_wipe(&s->password);
	vx_sasl_init(s, VX_SASL_NONE);
}

static int finish(struct vx_sasl *s)
{
	const bool good = s->user.len > 0 && s->password.len > 0 && !s->user.failed &&
			  !s->password.failed && vx_utf8_valid(vx_buf_slice(&s->user)) &&
			  vx_utf8_valid(vx_buf_slice(&s->password));

	return good ? VX_DONE : VX_EPROTO;
}

/* [authzid] NUL authcid NUL passwd */
static int plain(struct vx_sasl *s, vx_slice r)
{
	vx_slice authzid, authcid;

	if (!vx_slice_cut(&r, '\0', &authzid) || !vx_slice_cut(&r, '\0', &authcid) ||
	    vx_slice_find(r, '\0') < r.len)
		return VX_EPROTO;
	if (authzid.len > 0 && !vx_slice_eq_nocase(authzid, authcid))
		return VX_EPROTO;
	vx_buf_add(&s->user, authcid);
	vx_buf_add(&s->password, r);
	return finish(s);
}

int vx_sasl_next(struct vx_sasl *s, vx_slice response, vx_slice *challenge)
{
	if (response.len > VX_SASL_RESPONSE_MAX)
		return VX_EPROTO;
	if (s->mechanism == VX_SASL_PLAIN) {
		if (response.ptr != NULL)
			return plain(s, response);
		*challenge = VX_S("");
		return s->step++ == 0 ? VX_MORE : VX_EPROTO;
	}
	if (s->mechanism != VX_SASL_LOGIN)
		return VX_EPROTO;
	if (response.ptr != NULL && s->user.len == 0)
		vx_buf_add(&s->user, response);
	else if (response.ptr != NULL)
		vx_buf_add(&s->password, response);
	if (s->user.len > 0 && s->password.len > 0)
		return finish(s);
	*challenge = s->user.len == 0 ? VX_S("Username:") : VX_S("Password:");
	return s->step++ < 3 ? VX_MORE : VX_EPROTO;
}
