#include "vectis/sasl.h"

#include "base/encode.h"
#include "sasl/scram.h"

static const struct {
	enum vx_sasl_mechanism mechanism;
	const char *name;
} mechanisms[] = {
	/* the best first */
	{ VX_SASL_SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS" },
	{ VX_SASL_SCRAM_SHA_256, "SCRAM-SHA-256" },
	{ VX_SASL_PLAIN, "PLAIN" },
	{ VX_SASL_LOGIN, "LOGIN" },
};
#define MECHANISMS (sizeof(mechanisms) / sizeof(mechanisms[0]))

static bool is_offered(enum vx_sasl_mechanism m, const struct vx_sasl_binding *binding)
{
	return m != VX_SASL_SCRAM_SHA_256_PLUS || binding->len > 0;
}

void vx_sasl_bind(struct vx_sasl_binding *b, vx_slice exporter)
{
	b->len = exporter.len == sizeof(b->octets) ? exporter.len : 0;
	if (b->len > 0)
		memcpy(b->octets, exporter.ptr, b->len);
}

enum vx_sasl_mechanism vx_sasl_find(vx_slice name, const struct vx_sasl_binding *binding)
{
	for (size_t i = 0; i < MECHANISMS; i++)
		if (vx_slice_eq_nocase(name, vx_slice_str(mechanisms[i].name)) &&
		    is_offered(mechanisms[i].mechanism, binding))
			return mechanisms[i].mechanism;
	return VX_SASL_NONE;
}

const char *vx_sasl_name(enum vx_sasl_mechanism mechanism)
{
	for (size_t i = 0; i < MECHANISMS; i++)
		if (mechanisms[i].mechanism == mechanism)
			return mechanisms[i].name;
	return "";
}

void vx_sasl_write_offer(
    struct vx_buf *out, const char *prefix, const struct vx_sasl_binding *binding)
{
	for (size_t i = 0; i < MECHANISMS; i++)
		if (is_offered(mechanisms[i].mechanism, binding))
			vx_buf_printf(out, "%s%s", prefix, mechanisms[i].name);
}

void vx_sasl_init(struct vx_sasl *s, enum vx_sasl_mechanism mechanism,
    const struct vx_sasl_binding *binding)
{
	*s = (struct vx_sasl){ .mechanism = mechanism,
		.user = { .max = VX_SASL_USER_MAX },
		.password = { .max = VX_PASSWORD_MAX },
		.gs2 = { .max = VX_SASL_USER_MAX + 64 },
		.nonce = { .max = VX_SASL_NONCE_MAX + 64 },
		.text = { .max = 2 * VX_SASL_RESPONSE_MAX },
		.out = { .max = VX_SASL_RESPONSE_MAX } };
	if (binding != NULL)
		s->binding = *binding;
}

void vx_sasl_done(struct vx_sasl *s)
{
	vx_buf_wipe(&s->user);
	vx_buf_wipe(&s->password);
	vx_buf_done(&s->gs2);
	vx_buf_done(&s->nonce);
	vx_buf_wipe(&s->text);
	vx_buf_wipe(&s->out);
	vx_sasl_init(s, VX_SASL_NONE, NULL);
}

/* 1*SAFE of RFC 4616: UTF-8 without NUL, of LOGIN too. */
static bool is_text(const struct vx_buf *b)
{
	const vx_slice s = vx_buf_slice(b);

	return s.len > 0 && !b->failed && vx_utf8_valid(s) &&
	       vx_slice_find(s, '\0') == s.len;
}

static int finish(struct vx_sasl *s)
{
	return is_text(&s->user) && is_text(&s->password) ? VX_DONE : VX_EPROTO;
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
	if (s->mechanism == VX_SASL_SCRAM_SHA_256 ||
	    s->mechanism == VX_SASL_SCRAM_SHA_256_PLUS)
		return vx_scram_next(s, response, challenge);
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
