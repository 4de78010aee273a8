/* Signed requests (RFC 7515, RFC 8555 6.2). */
#include "acme/acme_int.h"
#include "base/encode.h"

enum {
	HEADER_MAX = 4096
};

/* What is signed: header "." payload, both in base64url. */
static int parts(vx_slice header, vx_slice payload, struct vx_buf *out)
{
	vx_base64url_add(out, header);
	vx_buf_add_char(out, '.');
	vx_base64url_add(out, payload);
	return out->failed ? VX_ELIMIT : VX_OK;
}

/* {"protected":"...","payload":"...","signature":"..."} of what was signed. */
static void write_whole(vx_slice signing, vx_slice signature, struct vx_buf *out)
{
	vx_slice header;

	(void)vx_slice_cut(&signing, '.', &header);
	vx_buf_add_str(out, "{\"protected\":\"");
	vx_buf_add(out, header);
	vx_buf_add_str(out, "\",\"payload\":\"");
	vx_buf_add(out, signing);
	vx_buf_add_str(out, "\",\"signature\":\"");
	vx_base64url_add(out, signature);
	vx_buf_add_str(out, "\"}");
}

int vx_acme_sign(const struct vx_pki_key *key, const char *kid, const char *nonce,
    const char *url, vx_slice payload, struct vx_buf *out)
{
	struct vx_buf header = { .max = HEADER_MAX },
		      signing = { .max = 2 * VX_ACME_JSON_MAX },
		      signature = { .max = 1024 };
	int rc = VX_OK;

	/* none of these has an octet that JSON quotes: URLs are checked, nonces too */
	vx_buf_printf(&header, "{\"alg\":\"%s\",", vx_pki_key_alg(key));
	if (nonce != NULL)
		vx_buf_printf(&header, "\"nonce\":\"%s\",", nonce);
	vx_buf_printf(&header, "\"url\":\"%s\",", url);
	if (kid != NULL) {
		vx_buf_printf(&header, "\"kid\":\"%s\"}", kid);
	} else {
		vx_buf_add_str(&header, "\"jwk\":");
		rc = vx_pki_key_jwk(key, &header);
		vx_buf_add_char(&header, '}');
	}
	if (rc == VX_OK)
		rc = header.failed ? VX_ELIMIT
				   : parts(vx_buf_slice(&header), payload, &signing);
	if (rc == VX_OK)
		rc = vx_pki_key_sign(key, vx_buf_slice(&signing), &signature);
	if (rc == VX_OK) {
		write_whole(vx_buf_slice(&signing), vx_buf_slice(&signature), out);
		rc = out->failed ? VX_ELIMIT : VX_OK;
	}
	vx_buf_done(&header);
	vx_buf_done(&signing);
	vx_buf_done(&signature);
	return rc;
}

int vx_acme_bind(const char *kid, const char *key, const char *url,
    const struct vx_pki_key *account, struct vx_buf *out)
{
	json_t *const object =
	    json_pack("{s:s, s:s, s:s}", "alg", "HS256", "kid", kid, "url", url);
	struct vx_buf header = { .max = HEADER_MAX }, jwk = { .max = HEADER_MAX },
		      secret = { .max = 1024 },
		      signing = { .max = (size_t)4 * HEADER_MAX };
	char mac[VX_SHA256_OCTETS];
	int rc =
	    object == NULL ? VX_EINVAL : vx_acme_write(object, JSON_COMPACT, &header);

	if (rc == VX_OK)
		rc = vx_pki_key_jwk(account, &jwk);
	if (rc == VX_OK && vx_base64url_decode(vx_slice_str(key), &secret) != VX_OK)
		rc = VX_EINVAL;
	if (rc == VX_OK)
		rc = parts(vx_buf_slice(&header), vx_buf_slice(&jwk), &signing);
	if (rc == VX_OK) {
		vx_hmac_sha256(vx_buf_slice(&secret), vx_buf_slice(&signing), mac);
		write_whole(vx_buf_slice(&signing), vx_slice_of(mac, sizeof(mac)), out);
		rc = out->failed ? VX_ELIMIT : VX_OK;
	}
	json_decref(object);
	vx_buf_done(&header);
	vx_buf_done(&jwk);
	vx_buf_wipe(&secret);
	vx_buf_done(&signing);
	return rc;
}

int vx_acme_authorization(
    const struct vx_pki_key *account, const char *token, struct vx_buf *out)
{
	struct vx_buf jwk = { .max = HEADER_MAX };
	char digest[VX_SHA256_OCTETS];
	const int rc = vx_pki_key_jwk(account, &jwk);

	if (rc == VX_OK) {
		vx_sha256(vx_buf_slice(&jwk), digest);
		vx_buf_add_str(out, token);
		vx_buf_add_char(out, '.');
		vx_base64url_add(out, vx_slice_of(digest, sizeof(digest)));
	}
	vx_buf_done(&jwk);
	if (rc != VX_OK)
		return rc;
	return out->failed ? VX_ELIMIT : VX_OK;
}
