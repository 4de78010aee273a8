/* DKIM signatures of what leaves: the keys at hand, the work on another thread. */
#include "service/own_sign.h"

#include "base/mem.h"
#include "vectis/crypto.h"
#include "vectis/dkim.h"
#include "vectis/dkim_keys.h"
#include "vectis/header.h"

/* A private key that was read once: reading tries it out, which takes a signature. */
struct own_key {
	struct own_key *next;
	unsigned refs;                 /* signers */
	char digest[VX_SHA256_OCTETS]; /* of its PEM */
	struct vx_private_key *key;    /* own */
};

struct own_signing {
	struct vx_job job; /* first */
	struct vx_loop *loop;
	struct vx_dkim_signer *signer; /* own */
	struct own_key *keys[VX_DKIM_KEYS_MAX];
	size_t key_count;
	int result;
	void (*done)(void *ctx, int result);
	void *ctx;
};

/* --- keys ------------------------------------------------------------------------------
 */

static void forget_unused(struct own_keys *keys)
{
	struct own_key **at = &keys->list;

	while (*at != NULL) {
		struct own_key *k = *at;

		if (k->refs > 0) {
			at = &k->next;
			continue;
		}
		*at = k->next;
		keys->count--;
		vx_private_key_free(k->key);
		vx_free(k);
	}
}

void vx_own_keys_free(struct own_keys *keys)
{
	forget_unused(keys);
}

static struct own_key *find_key(struct own_keys *keys, vx_slice pem)
{
	char digest[VX_SHA256_OCTETS];
	struct own_key *k = keys->list;
	struct vx_error err;

	vx_sha256(pem, digest);
	while (k != NULL && memcmp(k->digest, digest, sizeof(digest)) != 0)
		k = k->next;
	if (k != NULL)
		return k;
	if (keys->count >= OWN_KEYS_MAX)
		forget_unused(keys);
	k = vx_alloc(sizeof(*k));
	if (k == NULL || vx_private_key_read(pem, &k->key, &err) != VX_OK) {
		vx_free(k);
		return NULL;
	}
	memcpy(k->digest, digest, sizeof(digest));
	k->next = keys->list;
	keys->list = k;
	keys->count++;
	return k;
}

/* --- beginning -------------------------------------------------------------------------
 */

struct chosen {
	struct vx_dkim_identity list[VX_DKIM_KEYS_MAX];
	char selectors[VX_DKIM_KEYS_MAX][VX_DKIM_SELECTOR_MAX];
	size_t count;
};

static void add(struct own_signing *x, struct own_key *key, vx_slice domain,
    vx_slice selector, struct chosen *out)
{
	char *copy = out->selectors[out->count];

	key->refs++;
	x->keys[x->key_count++] = key;
	memcpy(copy, selector.ptr, selector.len);
	out->list[out->count++] = (struct vx_dkim_identity){ .domain = domain,
		.selector = vx_slice_of(copy, selector.len),
		.key = key->key };
}

/* The keys of a domain that sign now; what cannot be read is left out. */
static int choose(
    struct own_keys *keys, vx_slice domain, struct own_signing *x, struct chosen *out)
{
	const uint64_t now = (uint64_t)keys->loop->now_s(keys->loop);
	struct vx_dkim_key k = { .selector = vx_slice_of("", 0) };
	struct vx_view *v;
	int rc = vx_view_begin(keys->store, &v);

	if (rc != VX_OK)
		return rc;
	while (out->count < VX_DKIM_KEYS_MAX &&
	       (rc = vx_dkim_key_next(v, domain, k.selector, &k)) == VX_OK) {
		struct own_key *key =
		    vx_dkim_key_signs(&k, now) ? find_key(keys, k.pem) : NULL;

		if (key != NULL && k.selector.len <= VX_DKIM_SELECTOR_MAX)
			add(x, key, domain, k.selector, out);
	}
	vx_view_end(v);
	return rc == VX_ENOENT ? VX_OK : rc;
}

void vx_own_signing_free(struct own_signing *x)
{
	if (x == NULL)
		return;
	vx_dkim_signer_free(x->signer);
	for (size_t i = 0; i < x->key_count; i++)
		x->keys[i]->refs--;
	vx_free(x);
}

int vx_own_sign_begin(
    struct own_keys *keys, vx_slice domain, vx_slice header, struct own_signing **out)
{
	struct own_signing *x = vx_alloc(sizeof(*x));
	struct chosen chosen = { .count = 0 };
	struct vx_dkim_signer_options o = { .struct_size = sizeof(o),
		.identities = chosen.list,
		.now_s = keys->loop->now_s(keys->loop) };
	int rc;

	*out = NULL;
	if (x == NULL)
		return VX_ENOMEM;
	x->loop = keys->loop;
	rc = choose(keys, domain, x, &chosen);
	o.count = chosen.count;
	if (rc == VX_OK && o.count > 0)
		rc = vx_dkim_signer_new(&o, &x->signer);
	if (rc == VX_OK && o.count > 0)
		rc = vx_dkim_signer_header(x->signer, header);
	if (rc != VX_OK || o.count == 0) {
		vx_own_signing_free(x);
		return rc;
	}
	*out = x;
	return VX_OK;
}

vx_slice vx_own_sign_domain(vx_slice signatures)
{
	const vx_slice tag = VX_S("d=");
	struct vx_field f;
	vx_slice item;

	if (!vx_field_next(&signatures, &f) ||
	    !vx_slice_eq_nocase(f.name, VX_S("DKIM-Signature")))
		return vx_slice_of("", 0);
	while (vx_slice_cut(&f.value, ';', &item)) {
		item = vx_slice_trim(item, " \t\r\n");
		if (vx_slice_has_prefix(item, tag))
			return vx_slice_from(item, tag.len);
	}
	return vx_slice_of("", 0);
}

int vx_own_sign_body(struct own_signing *x, vx_slice octets)
{
	return x == NULL ? VX_OK : vx_dkim_signer_body(x->signer, octets);
}

/* --- the end ---------------------------------------------------------------------------
 */

static void run(struct vx_job *base)
{
	struct own_signing *x = (struct own_signing *)base;

	x->result = vx_dkim_signer_compute(x->signer);
}

static void finished(struct vx_job *base)
{
	struct own_signing *x = (struct own_signing *)base;

	x->done(x->ctx, x->result);
}

int vx_own_sign_submit(
    struct own_signing *x, void (*done)(void *ctx, int result), void *ctx)
{
	int rc = vx_dkim_signer_end(x->signer);

	if (rc != VX_OK)
		return rc;
	x->job = (struct vx_job){ .run = run, .done = finished };
	x->done = done;
	x->ctx = ctx;
	return x->loop->submit(x->loop, &x->job);
}

int vx_own_sign_write(const struct own_signing *x, struct vx_buf *out)
{
	return vx_dkim_signer_write(x->signer, out);
}
