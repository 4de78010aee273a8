/* The end of certificates (RFC 8555 7.6). */
#include "acme/acme_int.h"
#include "base/encode.h"

#include <string.h>

/* With a key of its own nothing of the account is needed, not even that it is there. */
void vx_acme_begin_revoke(struct vx_acme *a)
{
	const struct vx_acme_account *const c = vx_acme_account_of(a);
	const bool other = a->task.type == VX_ACME_T_REVOKE_OTHER;
	const bool doomed = a->task.type == VX_ACME_T_REVOKE_DOOMED;
	const vx_slice chain = vx_buf_slice(other    ? &a->other.chain
					    : doomed ? &a->task.l->doomed
						     : &a->task.l->chain);
	struct vx_buf der = { .max = VX_PKI_PEM_MAX }, text = { .max = VX_PKI_PEM_MAX };

	if (c->directory.revoke[0] == '\0' || vx_pki_cert_der(chain, &der) != VX_OK) {
		vx_acme_fail_text(
		    a, VX_ACME_P_OURS, "there is no certificate that can be revoked");
	} else {
		vx_base64url_add(&text, vx_buf_slice(&der));
		vx_acme_post(a, c->directory.revoke,
		    json_pack("{s:s, s:i}", "certificate", text.ptr, "reason",
			(int)a->task.reason));
		a->request.by_key = other;
		a->request.key = other ? a->other.key : NULL;
	}
	vx_buf_done(&der);
	vx_buf_done(&text);
}

static bool is_same(const struct vx_pki_cert *a, const struct vx_pki_cert *b)
{
	return a->serial_len == b->serial_len &&
	       memcmp(a->serial, b->serial, a->serial_len) == 0 &&
	       memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

/* The next key, as soon as that is safe. */
static void change_key(struct vx_acme_lineage *l)
{
	l->bad = l->rolling = true;
	if (l->haste == VX_ACME_STAGED)
		l->haste = VX_ACME_URGENT;
}

void vx_acme_doom(struct vx_acme_lineage *l)
{
	vx_buf_reset(&l->doomed);
	vx_buf_add(&l->doomed, vx_buf_slice(&l->chain));
	memcpy(l->doomed_by, l->issued_by, sizeof(l->doomed_by));
	l->doomed_next = 0;
	change_key(l);
	l->chosen = 1;
	l->order[0] = '\0';
	vx_acme_drop_fresh(l);
}

int64_t vx_acme_doomed_at(const struct vx_acme_lineage *l)
{
	return l->doomed.len == 0 || l->bad ? INT64_MAX : l->doomed_next;
}

/* Another one is ordered at once, for another key if this one is not ours alone. */
static void order_another(struct vx_acme *a, struct vx_acme_lineage *l)
{
	if (a->task.reason == VX_ACME_KEY_COMPROMISE)
		change_key(l);
	l->chosen = 1;
	l->order[0] = '\0';
	vx_acme_drop_fresh(l);
	a->dirty = true;
}

/* The other kinds of a certificate go with it; false: there is no other. */
static bool go_on(struct vx_acme *a)
{
	struct vx_acme_lineage *l = a->task.l;
	size_t issuer;

	do
		l = vx_acme_member(a, l->group, (size_t)(l - a->certs) + 1);
	while (l != NULL && !l->there);
	if (l == NULL)
		return false;
	issuer = vx_acme_issuer_of(a, l);
	a->task.l = l;
	a->task.authority = issuer < a->account_count ? issuer : 0;
	vx_acme_go(a, VX_ACME_PH_DIRECTORY);
	return true;
}

/* Which of those that are installed it is. */
static struct vx_acme_lineage *find_other(
    struct vx_acme *a, const struct vx_pki_cert *cert)
{
	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].there && is_same(&a->certs[i].cert, cert))
			return &a->certs[i];
	return NULL;
}

void vx_acme_revoked(struct vx_acme *a, const char *text)
{
	struct vx_acme_lineage *l = a->task.l;
	char whole[VX_ACME_TEXT_MAX];
	struct vx_pki_cert cert;
	struct vx_error err;

	if (a->task.type == VX_ACME_T_REVOKE_DOOMED) {
		vx_buf_reset(&l->doomed);
		a->dirty = true;
		vx_acme_tell(a, VX_ACME_INFO, "%s, whose key was changed", text);
		vx_acme_end(a, VX_OK, "");
		return;
	}
	if (a->task.type == VX_ACME_T_REVOKE_OTHER &&
	    vx_pki_cert_read(vx_buf_slice(&a->other.chain), &cert, &err) == VX_OK)
		l = find_other(a, &cert);
	if (l != NULL)
		order_another(a, l);
	if (a->task.type == VX_ACME_T_REVOKE && go_on(a))
		return;
	(void)snprintf(
	    whole, sizeof(whole), "%s%s", text, l != NULL ? ", another is ordered" : "");
	vx_acme_end(a, VX_OK, whole);
}

/* --- by its own key
 * ------------------------------------------------------------------------- */

void vx_acme_forget_other(struct vx_acme *a)
{
	vx_pki_key_free(a->other.key);
	a->other.key = NULL;
	vx_buf_done(&a->other.chain);
	vx_buf_init(&a->other.chain, VX_PKI_PEM_MAX);
}

/* Where it is revoked. */
static int find_authority(
    const struct vx_acme *a, const char *id, const struct vx_acme_lineage *l, size_t *out)
{
	const size_t issuer =
	    l == NULL ? VX_ACME_AUTHORITIES_MAX : vx_acme_issuer_of(a, l);

	*out = issuer < a->account_count ? issuer : 0;
	for (size_t i = 0; id != NULL && i < a->account_count; i++)
		if (strcmp(a->accounts[i].id, id) == 0) {
			*out = i;
			return VX_OK;
		}
	return id == NULL ? VX_OK : VX_ENOENT;
}

static int read_pair(vx_slice chain, vx_slice key_pem, struct vx_pki_cert *cert,
    struct vx_pki_key **key, struct vx_error *err)
{
	char digest[VX_PKI_DIGEST_OCTETS];

	if (vx_pki_cert_read(chain, cert, err) != VX_OK ||
	    vx_pki_key_read(key_pem, key, err) != VX_OK)
		return VX_EINVAL;
	if (vx_pki_key_digest(*key, digest) == VX_OK &&
	    memcmp(digest, cert->digest, sizeof(digest)) == 0)
		return VX_OK;
	vx_pki_key_free(*key);
	*key = NULL;
	return vx_error_set(err, VX_EINVAL, "the key is not that of the certificate");
}

int vx_acme_revoke(struct vx_acme *a, vx_slice chain_pem, vx_slice key_pem,
    const char *authority, unsigned reason, uint64_t number, struct vx_error *err)
{
	struct vx_acme_task task = {
		.type = VX_ACME_T_REVOKE_OTHER, .reason = reason, .number = number
	};
	struct vx_pki_key *key = NULL;
	struct vx_pki_cert cert;
	int rc;

	if (a->other.key != NULL)
		return vx_error_set(
		    err, VX_ELIMIT, "one is being revoked: try again then");
	rc = read_pair(chain_pem, key_pem, &cert, &key, err);
	if (rc == VX_OK)
		rc = find_authority(a, authority, find_other(a, &cert), &task.authority);
	if (rc == VX_OK)
		vx_buf_add(&a->other.chain, chain_pem);
	if (rc == VX_OK && a->other.chain.failed)
		rc = VX_ELIMIT;
	if (rc == VX_OK)
		rc = vx_acme_queue(a, &task);
	a->other.key = key;
	if (rc != VX_OK)
		vx_acme_forget_other(a);
	return rc;
}
