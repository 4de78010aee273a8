/* DKIM signatures of what users send: the keys at hand, the work on another thread. */
#include "base/mem.h"
#include "service/smtp_submit.h"
#include "vectis/crypto.h"
#include "vectis/dkim_keys.h"

/* A private key that was read once: reading tries it out, which takes a signature. */
struct smtp_key {
	struct smtp_key *next;
	unsigned refs;                 /* signers */
	char digest[VX_SHA256_OCTETS]; /* of its PEM */
	struct vx_private_key *key;    /* own */
};

struct smtp_signing {
	struct vx_job job;
	struct smtp_txn *txn;
	struct vx_dkim_signer *signer; /* own */
	struct smtp_key *keys[VX_DKIM_KEYS_MAX];
	size_t key_count;
	int result;
	void (*done)(struct smtp_txn *t, int result);
};

/* --- keys ------------------------------------------------------------------------------
 */

static void forget_unused(struct vx_smtp_service *s)
{
	struct smtp_key **at = &s->keys;

	while (*at != NULL) {
		struct smtp_key *k = *at;

		if (k->refs > 0) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		s->key_count--;
		vx_private_key_free(k->key);
		vx_free(k);
	}
}

void vx_smtp_keys_free(struct vx_smtp_service *s)
{
	forget_unused(s);
}

static struct smtp_key *find_key(struct vx_smtp_service *s, vx_slice pem)
{
	char digest[VX_SHA256_OCTETS];
	struct smtp_key *k = s->keys;
	struct vx_error err;

	vx_sha256(pem, digest);
	while (k != NULL && memcmp(k->digest, digest, sizeof(digest)) != 0)
		k = k->next;
	if (k != NULL)
		return k;
	if (s->key_count >= SMTP_KEYS_MAX)
		forget_unused(s);
	k = vx_alloc(sizeof(*k));
	if (k == NULL || vx_private_key_read(pem, &k->key, &err) != VX_OK) {
		vx_free(k);
		return NULL;
	}
	memcpy(k->digest, digest, sizeof(digest));
	k->next = s->keys;
	s->keys = k;
	s->key_count++;
	return k;
}

/* --- beginning -------------------------------------------------------------------------
 */

struct chosen {
	struct vx_dkim_identity list[VX_DKIM_KEYS_MAX];
	size_t count;
};

/* The keys of a domain that sign now; what cannot be read is said and left out. */
static int choose(
    struct smtp_txn *t, vx_slice domain, struct smtp_signing *x, struct chosen *out)
{
	struct vx_smtp_service *s = t->service;
	const uint64_t now = (uint64_t)s->o.loop->now_s(s->o.loop);
	struct vx_dkim_key k;
	vx_slice selector = { 0 };
	struct vx_view *v;
	int rc = vx_view_begin(s->o.store, &v);

	if (rc != VX_OK)
		return rc;
	while (out->count < VX_DKIM_KEYS_MAX &&
	       (rc = vx_dkim_key_next(v, domain, selector, &k)) == VX_OK) {
		struct smtp_key *key =
		    vx_dkim_key_signs(&k, now) ? find_key(s, k.pem) : NULL;

		rc = vx_arena_copy(&t->arena, k.selector, &selector);
		if (rc != VX_OK)
			break;
		if (key == NULL)
			continue;
		key->refs++;
		x->keys[x->key_count++] = key;
		out->list[out->count++] = (struct vx_dkim_identity){
			.domain = domain, .selector = selector, .key = key->key
		};
	}
	vx_view_end(v);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static void free_signing(struct smtp_signing *x)
{
	vx_dkim_signer_free(x->signer);
	for (size_t i = 0; i < x->key_count; i++)
		x->keys[i]->refs--;
	vx_free(x);
}

int vx_smtp_sign_begin(struct smtp_txn *t, vx_slice domain, vx_slice header)
{
	struct vx_smtp_service *s = t->service;
	struct smtp_signing *x = vx_alloc(sizeof(*x));
	struct chosen chosen = { .count = 0 };
	struct vx_dkim_signer_options o = { .struct_size = sizeof(o),
		.identities = chosen.list,
		.now_s = s->o.loop->now_s(s->o.loop) };
	int rc;

	if (x == NULL)
		return VX_ENOMEM;
	rc = choose(t, domain, x, &chosen);
	o.count = chosen.count;
	if (rc == VX_OK && o.count > 0)
		rc = vx_dkim_signer_new(&o, &x->signer);
	if (rc == VX_OK && o.count > 0)
		rc = vx_dkim_signer_header(x->signer, header);
	if (rc != VX_OK || o.count == 0) {
		free_signing(x);
		return rc;
	}
	x->txn = t;
	t->signing = x;
	return VX_OK;
}

int vx_smtp_sign_body(struct smtp_txn *t, vx_slice octets)
{
	return t->signing == NULL ? VX_OK
				  : vx_dkim_signer_body(t->signing->signer, octets);
}

/* --- the end ---------------------------------------------------------------------------
 */

static void run(struct vx_job *base)
{
	struct smtp_signing *x = (struct smtp_signing *)base;

	x->result = vx_dkim_signer_compute(x->signer);
}

static void finished(struct vx_job *base)
{
	struct smtp_signing *x = (struct smtp_signing *)base;
	struct smtp_txn *t = x->txn;
	int rc = x->result;

	if (rc == VX_OK)
		rc = vx_dkim_signer_write(x->signer, &t->signature);
	t->signing = NULL;
	x->done(t, rc);
	free_signing(x);
}

int vx_smtp_sign_submit(struct smtp_session *s, struct smtp_txn *t,
    void (*done)(struct smtp_txn *t, int result))
{
	struct smtp_signing *x = t->signing;
	struct vx_loop *loop = s->base.host->loop;
	int rc = vx_dkim_signer_end(x->signer);

	if (rc != VX_OK)
		return rc;
	x->job = (struct vx_job){ .run = run, .done = finished };
	x->done = done;
	return loop->submit(loop, &x->job);
}

void vx_smtp_sign_free(struct smtp_txn *t)
{
	if (t->signing != NULL)
		free_signing(t->signing);
	t->signing = NULL;
}
