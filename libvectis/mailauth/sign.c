#include "mailauth/sign.h"

#include "base/encode.h"
#include "mailauth/tags.h"
#include "vectis/address.h"

#include <stdio.h>

static int check_domain(vx_slice name)
{
	struct vx_buf text = { .max = VX_DNS_NAME_MAX };
	const int rc = vx_is_ascii(name) ? vx_domain_normalise(name, &text) : VX_EINVAL;

	vx_buf_done(&text);
	return rc == VX_ELIMIT ? VX_ENOMEM : rc; /* a domain is never too long for it */
}

int vx_sign_check_identity(vx_slice domain, vx_slice selector)
{
	int rc = check_domain(domain);

	if (rc == VX_OK)
		rc = check_domain(selector);
	if (rc != VX_OK)
		return rc;
	return vx_slice_find(domain, '.') < domain.len &&
		       selector.len + sizeof("._domainkey.") - 1 + domain.len <=
			   VX_DNS_NAME_MAX
		   ? VX_OK
		   : VX_EINVAL;
}

const char *vx_sign_algorithm(const struct vx_private_key *key)
{
	return vx_private_key_type(key) == VX_KEY_RSA ? "rsa-sha256" : "ed25519-sha256";
}

/* once: one more of it cannot be added later without breaking the signature */
static const struct {
	const char *name;
	bool once;
} names[] = {
	{ "from", true },
	{ "to", true },
	{ "subject", true },
	{ "date", true },
	{ "content-type", true },
	{ "cc", false },
	{ "sender", false },
	{ "reply-to", false },
	{ "message-id", false },
	{ "in-reply-to", false },
	{ "references", false },
	{ "mime-version", false },
	{ "content-transfer-encoding", false },
	{ "content-disposition", false },
	{ "content-id", false },
	{ "content-description", false },
	{ "resent-date", false },
	{ "resent-from", false },
	{ "resent-to", false },
	{ "resent-cc", false },
	{ "list-id", false },
	{ "list-help", false },
	{ "list-unsubscribe", false },
	{ "list-unsubscribe-post", false }, /* RFC 8058 4: it must be signed */
	{ "list-subscribe", false },
	{ "list-post", false },
	{ "list-owner", false },
	{ "list-archive", false },
	{ "tls-report-domain", false }, /* RFC 8460 5.3 */
	{ "tls-report-submitter", false },
	{ "tls-required", false }, /* RFC 8689 */
};

static size_t add_name(struct vx_buf *out, const char *name, size_t times)
{
	for (size_t i = 0; i < times; i++) {
		if (out->len > 0)
			vx_buf_add_char(out, ':');
		vx_buf_add_str(out, name);
	}
	return times;
}

int vx_sign_names(const struct vx_mail_header *h, bool dkim, struct vx_buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		count += add_name(out, names[i].name,
		    vx_mail_header_count(h, names[i].name) + names[i].once);
	if (dkim)
		count += add_name(
		    out, "dkim-signature", vx_mail_header_count(h, "dkim-signature"));
	if (count > VX_DKIM_NAMES_MAX)
		return VX_ELIMIT;
	return out->failed ? VX_ENOMEM : VX_OK;
}

void vx_sign_hash_names(
    struct vx_sha256_state *hash, const struct vx_mail_header *h, vx_slice list)
{
	struct vx_mail_pick pick;
	vx_slice name;

	vx_mail_pick_init(&pick, h, NULL);
	while (vx_tags_item(&list, &name)) {
		const struct vx_field *const f = vx_mail_pick_next(&pick, name);

		if (f != NULL)
			vx_canon_field(hash, true, f, vx_slice_of(NULL, 0));
	}
}

int vx_sign_base64(vx_slice octets, struct vx_buf *out)
{
	vx_base64_add(out, octets);
	return out->failed ? VX_ELIMIT : VX_OK;
}

int vx_sign_placeholder(const struct vx_private_key *key, struct vx_buf *out)
{
	static const char zeros[VX_KEY_SIGNATURE_OCTETS_MAX];

	return vx_sign_base64(
	    vx_slice_of(zeros, vx_private_key_signature_octets(key)), out);
}

void vx_sign_hash_written(struct vx_sha256_state *hash, vx_slice field)
{
	struct vx_field f = { 0 };
	struct vx_tags tags = { 0 };
	const struct vx_tag *b;

	(void)vx_field_next(&field, &f);
	(void)vx_tags_parse(f.value, &tags);
	b = vx_tags_find(&tags, "b");
	vx_canon_field(hash, true, &f, b == NULL ? vx_slice_of(NULL, 0) : b->raw);
}
