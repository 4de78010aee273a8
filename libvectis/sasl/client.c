#include "sasl/scram.h"
#include "vectis/sasl.h"

unsigned vx_sasl_offered(vx_slice names)
{
	/* whether -PLUS can be used is our side's business: it is known by its name */
	static const struct vx_sasl_binding any = { .len = VX_SASL_BINDING_OCTETS };
	unsigned bits = 0;
	vx_slice name;

	while (names.len > 0) {
		(void)vx_slice_cut(&names, ' ', &name);
		bits |= 1u << vx_sasl_find(name, &any);
	}
	return bits & ~(1u << VX_SASL_NONE);
}

enum vx_sasl_mechanism vx_sasl_choose(
    unsigned offered, const struct vx_sasl_binding *binding)
{
	if (binding->len == 0)
		offered &= ~(1u << VX_SASL_SCRAM_SHA_256_PLUS);
	for (unsigned m = VX_SASL_SCRAM_SHA_256_PLUS; m <= VX_SASL_LOGIN; m++)
		if ((offered >> m & 1) != 0)
			return (enum vx_sasl_mechanism)m;
	return VX_SASL_NONE;
}

/* gs2-cbind-flag: "y" says that we could, and that -PLUS was not on the list. */
static const char *binding_flag(const struct vx_sasl_client *s, unsigned offered)
{
	if (s->mechanism == VX_SASL_SCRAM_SHA_256_PLUS)
		return "p=tls-exporter,,";
	if (s->binding.len > 0 && (offered >> VX_SASL_SCRAM_SHA_256_PLUS & 1) == 0)
		return "y,,";
	return "n,,";
}

void vx_sasl_client_init(struct vx_sasl_client *s, enum vx_sasl_mechanism mechanism,
    vx_slice user, vx_slice password, const struct vx_sasl_binding *binding,
    unsigned offered)
{
	*s = (struct vx_sasl_client){ .mechanism = mechanism,
		.user = user,
		.password = password,
		.gs2 = { .max = 64 },
		.nonce = { .max = VX_SASL_NONCE_MAX },
		.text = { .max = 2 * VX_SASL_RESPONSE_MAX },
		.out = { .max = VX_SASL_RESPONSE_MAX } };
	if (binding != NULL)
		s->binding = *binding;
	if (mechanism == VX_SASL_SCRAM_SHA_256 ||
	    mechanism == VX_SASL_SCRAM_SHA_256_PLUS) {
		vx_buf_add_str(&s->gs2, binding_flag(s, offered));
		vx_scram_nonce(&s->nonce);
	}
}

void vx_sasl_client_done(struct vx_sasl_client *s)
{
	vx_buf_done(&s->gs2);
	vx_buf_done(&s->nonce);
	vx_buf_wipe(&s->text);
	vx_buf_wipe(&s->out);
	*s = (struct vx_sasl_client){ 0 };
}

static int plain(struct vx_sasl_client *s, vx_slice *response)
{
	if (s->step++ > 0)
		return VX_EPROTO;
	vx_buf_add_char(&s->out, '\0');
	vx_buf_add(&s->out, s->user);
	vx_buf_add_char(&s->out, '\0');
	vx_buf_add(&s->out, s->password);
	s->good = true;
	*response = vx_buf_slice(&s->out);
	return s->out.failed ? VX_ENOMEM : VX_MORE;
}

/* What is asked for is asked in words that are not agreed upon: first the one. */
static int login(struct vx_sasl_client *s, vx_slice *response)
{
	static const vx_slice none = { NULL, 0 };
	const vx_slice said[] = { none, s->user, s->password };

	if (s->step >= sizeof(said) / sizeof(said[0]))
		return VX_EPROTO;
	*response = said[s->step++];
	s->good = s->step == sizeof(said) / sizeof(said[0]);
	return VX_MORE;
}

int vx_sasl_client_next(struct vx_sasl_client *s, vx_slice challenge, vx_slice *response)
{
	if (challenge.len > VX_SASL_RESPONSE_MAX)
		return VX_EPROTO;
	switch (s->mechanism) {
	case VX_SASL_PLAIN:
		return plain(s, response);
	case VX_SASL_LOGIN:
		return login(s, response);
	case VX_SASL_SCRAM_SHA_256:
	case VX_SASL_SCRAM_SHA_256_PLUS:
		return vx_scram_client_next(s, challenge, response);
	case VX_SASL_NONE:
		break;
	}
	return VX_EPROTO;
}
