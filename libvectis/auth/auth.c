#include "vectis/auth.h"

#include "base/chars.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "vectis/address.h"
#include "vectis/crypto.h"
#include "vectis/header.h"

#include <pthread.h>

enum {
	CACHE_DEFAULT_S = 300,
	SCRAM_DEFAULT_ITERATIONS = 15000,
	CACHE_WAYS = 4
};

/* A login that was right: the keyed digest of account, credential and password. */
struct remembered {
	char digest[VX_SHA256_OCTETS];
	uint64_t until_ms;
};

/* Wrong logins from an address; forgotten a while after the last. */
struct failures {
	uint64_t key; /* 0: free */
	uint32_t count;
	uint64_t last_ms;
};

struct vx_auth {
	struct vx_auth_options o;
	pthread_mutex_t lock;                      /* the tables */
	char secret[32];                           /* of this process */
	char store_secret[VX_STORE_SECRET_OCTETS]; /* of the installation */
	struct vx_siphash_key hash_key;
	struct remembered cache[VX_AUTH_CACHE_ENTRIES];
	struct failures failures[VX_AUTH_THROTTLE_ENTRIES];
};

int vx_auth_new(const struct vx_auth_options *o, struct vx_auth **out)
{
	struct vx_auth *a = vx_alloc(sizeof(*a));

	if (a == NULL)
		return VX_ENOMEM;
	a->o = *o;
	if (a->o.cache_s == 0)
		a->o.cache_s = CACHE_DEFAULT_S;
	if (a->o.scram_iterations == 0)
		a->o.scram_iterations = SCRAM_DEFAULT_ITERATIONS;
	vx_store_secret(o->store, a->store_secret);
	(void)pthread_mutex_init(&a->lock, NULL);
	vx_random_seed(a->secret, sizeof(a->secret));
	vx_random_seed(&a->hash_key, sizeof(a->hash_key));
	*out = a;
	return VX_OK;
}

void vx_auth_free(struct vx_auth *a)
{
	if (a == NULL)
		return;
	(void)pthread_mutex_destroy(&a->lock);
	vx_wipe(a, sizeof(*a));
	vx_free(a);
}

/* --- throttle -------------------------------------------------------------------- */

/* An IPv6 host has a /64: the last four groups do not count. */
static uint64_t address_key(struct vx_auth *a, const char *address)
{
	vx_slice s = vx_slice_str(address);
	size_t groups = 0;

	for (size_t i = 0; i < s.len && vx_slice_find(s, ':') < s.len; i++) {
		if (s.ptr[i] == ':' && ++groups == 4)
			s = vx_slice_head(s, i);
	}
	return vx_siphash(&a->hash_key, s) | 1;
}

/* The slot of an address, or the one to give it: the oldest of its neighbours. */
static struct failures *slot_of(struct vx_auth *a, uint64_t key)
{
	struct failures *oldest = NULL;

	for (size_t i = 0; i < CACHE_WAYS; i++) {
		struct failures *f = &a->failures[(key + i) % VX_AUTH_THROTTLE_ENTRIES];

		if (f->key == key)
			return f;
		if (oldest == NULL || f->last_ms < oldest->last_ms)
			oldest = f;
	}
	return oldest;
}

/* 1, 2, 4 ... seconds after the failures that are free. */
static uint64_t penalty_ms(uint32_t count)
{
	const uint32_t n =
	    count <= VX_AUTH_FREE_FAILURES ? 0 : count - VX_AUTH_FREE_FAILURES;
	const uint64_t s = n == 0  ? 0
			   : n > 6 ? VX_AUTH_DELAY_MAX_S
				   : (uint64_t)1 << (n - 1);

	return (s < VX_AUTH_DELAY_MAX_S ? s : VX_AUTH_DELAY_MAX_S) * 1000;
}

unsigned vx_auth_delay_s(struct vx_auth *a, const char *address)
{
	const uint64_t now = vx_clock_mono_ms(), key = address_key(a, address);
	const struct failures *f;
	uint64_t until = 0;

	(void)pthread_mutex_lock(&a->lock);
	f = slot_of(a, key);
	if (f->key == key)
		until = f->last_ms + penalty_ms(f->count);
	(void)pthread_mutex_unlock(&a->lock);
	return until > now ? (unsigned)((until - now + 999) / 1000) : 0;
}

static void note(struct vx_auth *a, const char *address, bool right)
{
	const uint64_t now = vx_clock_mono_ms(), key = address_key(a, address);
	struct failures *f;

	(void)pthread_mutex_lock(&a->lock);
	f = slot_of(a, key);
	if (right) {
		if (f->key ==
		    key) /* a real user behind a shared address is let through */
			f->count = 0;
	} else {
		if (f->key != key ||
		    now - f->last_ms > (uint64_t)10 * VX_AUTH_DELAY_MAX_S * 1000)
			*f = (struct failures){ .key = key };
		f->count++;
		f->last_ms = now;
	}
	(void)pthread_mutex_unlock(&a->lock);
}

/* --- cache ----------------------------------------------------------------------- */

static void digest(struct vx_auth *a, const char *login, vx_slice credential,
    vx_slice password, char out[VX_SHA256_OCTETS])
{
	char parts[3 * VX_SHA256_OCTETS];

	vx_hmac_sha256(
	    vx_slice_of(a->secret, sizeof(a->secret)), vx_slice_str(login), parts);
	vx_sha256(credential, parts + VX_SHA256_OCTETS);
	vx_hmac_sha256(vx_slice_of(a->secret, sizeof(a->secret)), password,
	    parts + 2 * VX_SHA256_OCTETS);
	vx_hmac_sha256(vx_slice_of(a->secret, sizeof(a->secret)),
	    vx_slice_of(parts, sizeof(parts)), out);
	vx_wipe(parts, sizeof(parts));
}

static struct remembered *cache_slot(struct vx_auth *a, const char d[VX_SHA256_OCTETS])
{
	return &a->cache[((unsigned char)d[0] | (unsigned)(unsigned char)d[1] << 8) %
			 VX_AUTH_CACHE_ENTRIES];
}

static bool is_remembered(struct vx_auth *a, const char d[VX_SHA256_OCTETS])
{
	struct remembered *r = cache_slot(a, d);
	bool yes;

	(void)pthread_mutex_lock(&a->lock);
	yes = r->until_ms > vx_clock_mono_ms() &&
	      vx_equal_secret(vx_slice_of(r->digest, VX_SHA256_OCTETS),
		  vx_slice_of(d, VX_SHA256_OCTETS));
	(void)pthread_mutex_unlock(&a->lock);
	return yes;
}

static void remember(struct vx_auth *a, const char d[VX_SHA256_OCTETS])
{
	struct remembered *r = cache_slot(a, d);

	(void)pthread_mutex_lock(&a->lock);
	memcpy(r->digest, d, VX_SHA256_OCTETS);
	r->until_ms = vx_clock_mono_ms() + (uint64_t)a->o.cache_s * 1000;
	(void)pthread_mutex_unlock(&a->lock);
}

/* --- checking -------------------------------------------------------------------- */

/* The record of an active account, copied: VX_ENOENT when there is none. */
static int look_up(struct vx_auth *a, vx_slice login, struct vx_auth_result *out,
    struct vx_buf *credential)
{
	struct vx_account account;
	struct vx_domain domain;
	struct vx_view *v;
	int rc = vx_view_begin(a->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_directory_account(v, login, &account);
	if (rc == VX_OK && (account.flags & VX_ACCOUNT_INACTIVE) != 0)
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_directory_domain(v,
		    vx_slice_from(account.login, vx_slice_rfind(account.login, '@') + 1),
		    &domain);
	if (rc == VX_OK && (domain.flags & VX_DOMAIN_INACTIVE) != 0)
		rc = VX_ENOENT;
	if (rc == VX_OK && account.login.len > VX_ADDRESS_MAX)
		rc = VX_ECORRUPT;
	if (rc == VX_OK) {
		out->account = account.id;
		out->account_flags = account.flags;
		memcpy(out->login, account.login.ptr, account.login.len);
		out->login[account.login.len] = '\0';
		vx_buf_add(credential, account.credential);
	}
	vx_view_end(v);
	return rc;
}

static int verify(struct vx_auth *a, const struct vx_auth_result *who, vx_slice record,
    vx_slice password)
{
	struct vx_credential c;
	char d[VX_SHA256_OCTETS];
	int rc;

	if (vx_credential_parse(record, &c) != VX_OK)
		return vx_password_verify_nobody(password, a->o.hash_cost);
	digest(a, who->login, record, password, d);
	if (is_remembered(a, d))
		return VX_OK;
	rc = vx_password_verify(password, c.hash);
	if (rc == VX_OK)
		remember(a, d);
	vx_wipe(d, sizeof(d));
	return rc == VX_OK ? VX_OK : VX_EAUTH;
}

static int check(
    struct vx_auth *a, const struct vx_auth_claim *c, struct vx_auth_result *who)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX },
		      password = { .max = VX_PASSWORD_MAX };
	int rc = look_up(a, c->login, who, &credential);

	vx_password_prepare(c->password, &password); /* too long: empty, fits none */

	if (rc != VX_OK && rc != VX_ENOENT && rc != VX_EINVAL)
		rc = VX_ETEMP;
	else if (c->proof != VX_SASL_PASSWORD)
		rc = rc == VX_OK && c->proof == VX_SASL_PROVEN ? VX_OK : VX_EAUTH;
	else if (rc == VX_OK)
		rc = verify(a, who, vx_buf_slice(&credential), vx_buf_slice(&password));
	else
		rc = vx_password_verify_nobody(vx_buf_slice(&password), a->o.hash_cost);
	vx_buf_wipe(&password);
	vx_buf_wipe(&credential);
	return rc;
}

int vx_auth_claim(
    struct vx_auth *a, const struct vx_auth_claim *claim, struct vx_auth_result *out)
{
	struct vx_auth_result who = { 0 };
	const int rc = check(a, claim, &who);

	if (rc != VX_ETEMP)
		note(a, claim->address, rc == VX_OK);
	if (rc == VX_OK)
		*out = who;
	return rc;
}

int vx_auth_check(struct vx_auth *a, const char *address, vx_slice login,
    vx_slice password, struct vx_auth_result *out)
{
	const struct vx_auth_claim claim = {
		.address = address, .login = login, .password = password
	};

	return vx_auth_claim(a, &claim, out);
}

/* Keys that fit no password, always the same for a login. */
static void fake_keys(struct vx_auth *a, vx_slice login, struct vx_credential *out)
{
	const vx_slice secret = vx_slice_of(a->store_secret, sizeof(a->store_secret));
	struct vx_buf text = { .max = VX_SASL_USER_MAX + 8 };
	char digest[VX_SHA256_OCTETS];

	vx_buf_add_str(&text, "scram ");
	for (size_t i = 0; i < login.len; i++)
		vx_buf_add_char(&text, vx_lower(login.ptr[i]));
	vx_hmac_sha256(secret, vx_buf_slice(&text), digest);
	memcpy(out->salt, digest, sizeof(out->salt));
	out->iterations = a->o.scram_iterations;
	vx_hmac_sha256(secret, vx_slice_of(digest, sizeof(digest)), out->stored_key);
	vx_hmac_sha256(secret, vx_slice_of(out->stored_key, sizeof(out->stored_key)),
	    out->server_key);
	vx_buf_wipe(&text);
}

int vx_auth_keys(struct vx_auth *a, vx_slice login, struct vx_credential *out)
{
	struct vx_buf record = { .max = VX_CREDENTIAL_MAX };
	struct vx_auth_result who = { 0 };
	int rc = look_up(a, login, &who, &record);

	*out = (struct vx_credential){ 0 };
	if (rc == VX_OK && vx_credential_parse(vx_buf_slice(&record), out) != VX_OK)
		out->iterations = 0;
	if (rc != VX_OK && rc != VX_ENOENT && rc != VX_EINVAL)
		rc = VX_ETEMP;
	else
		rc = VX_OK;
	if (rc == VX_OK && out->iterations == 0)
		fake_keys(a, login, out);
	out->hash = vx_slice_of("", 0);
	vx_buf_wipe(&record);
	return rc;
}
