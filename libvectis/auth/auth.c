#include "vectis/auth.h"

#include "auth/refused.h"
#include "auth/throttle.h"
#include "base/chars.h"
#include "base/mem.h"
#include "base/random.h"
#include "vectis/address.h"
#include "vectis/crypto.h"
#include "vectis/header.h"

#include <pthread.h>
#include <time.h>

enum {
	CACHE_DEFAULT_S = 300,
	SCRAM_DEFAULT_ITERATIONS = 15000
};

/* A login that was right: the keyed digest of account, credential and password. */
struct remembered {
	char digest[VX_SHA256_OCTETS];
	uint64_t from_ms, until_ms;
};

struct vx_auth {
	struct vx_auth_options o;
	struct vx_throttle *throttle;              /* own */
	pthread_mutex_t lock;                      /* the cache, and refused */
	char secret[32];                           /* of this process */
	char store_secret[VX_STORE_SECRET_OCTETS]; /* of the installation */
	struct remembered cache[VX_AUTH_CACHE_ENTRIES];
	struct vx_refused refused;
};

static uint64_t system_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int vx_auth_new(const struct vx_auth_options *o, struct vx_auth **out)
{
	struct vx_auth *a = vx_alloc(sizeof(*a));
	int rc;

	if (a == NULL)
		return VX_ENOMEM;
	a->o = *o;
	if (a->o.cache_s == 0)
		a->o.cache_s = CACHE_DEFAULT_S;
	if (a->o.scram_iterations == 0)
		a->o.scram_iterations = SCRAM_DEFAULT_ITERATIONS;
	if (a->o.now_ms == NULL)
		a->o.now_ms = system_ms;
	vx_store_secret(o->store, a->store_secret);
	rc = vx_throttle_open(o->throttle_path,
	    vx_slice_of(a->store_secret, sizeof(a->store_secret)), &a->throttle);
	if (rc != VX_OK) {
		vx_wipe(a, sizeof(*a));
		vx_free(a);
		return rc;
	}
	(void)pthread_mutex_init(&a->lock, NULL);
	vx_random_seed(a->secret, sizeof(a->secret));
	*out = a;
	return VX_OK;
}

void vx_auth_free(struct vx_auth *a)
{
	if (a == NULL)
		return;
	vx_throttle_close(a->throttle);
	(void)pthread_mutex_destroy(&a->lock);
	vx_wipe(a, sizeof(*a));
	vx_free(a);
}

/* --- throttle -------------------------------------------------------------------- */

/* The login as accounts have it; what cannot be one is taken as it is. */
static void normalise(vx_slice login, struct vx_buf *out)
{
	if (vx_directory_normalise(login, out) == VX_OK && !out->failed)
		return;
	vx_buf_reset(out);
	vx_buf_add(out, vx_slice_head(login, VX_ADDRESS_MAX));
}

unsigned vx_auth_delay_s(struct vx_auth *a, const char *address, vx_slice login)
{
	struct vx_buf name = { .max = VX_ADDRESS_MAX };
	uint64_t ms;

	normalise(login, &name);
	ms =
	    vx_throttle_wait_ms(a->throttle, address, vx_buf_slice(&name), a->o.now_ms());
	vx_buf_done(&name);
	return (unsigned)((ms + 999) / 1000);
}

static void note(struct vx_auth *a, const struct vx_auth_claim *c, bool right)
{
	struct vx_buf name = { .max = VX_ADDRESS_MAX };

	normalise(c->login, &name);
	vx_throttle_note(
	    a->throttle, c->address, vx_buf_slice(&name), right, a->o.now_ms());
	vx_buf_done(&name);
}

int64_t vx_auth_right_s(struct vx_auth *a, vx_slice login)
{
	struct vx_buf name = { .max = VX_ADDRESS_MAX };
	uint64_t ms;

	normalise(login, &name);
	ms = vx_throttle_right_ms(a->throttle, vx_buf_slice(&name), a->o.now_ms());
	vx_buf_done(&name);
	return (int64_t)(ms / 1000);
}

/* --- what failed ----------------------------------------------------------------- */

static void refused(struct vx_auth *a, enum vx_auth_reason reason,
    enum vx_refused_name kind, const char *address, vx_slice login)
{
	struct vx_buf name = { .max = VX_ADDRESS_MAX };

	normalise(login, &name);
	(void)pthread_mutex_lock(&a->lock);
	vx_refused_note(&a->refused, vx_buf_slice(&name), kind, reason, address,
	    (int64_t)(a->o.now_ms() / 1000));
	(void)pthread_mutex_unlock(&a->lock);
	vx_buf_done(&name);
}

void vx_auth_note(
    struct vx_auth *a, enum vx_auth_reason reason, const char *address, vx_slice login)
{
	refused(a, reason, VX_REFUSED_UNSORTED, address, login);
}

static bool exists(void *ctx, vx_slice login)
{
	struct vx_view *v = ctx;
	struct vx_account account;
	struct vx_alias alias;

	return vx_directory_account(v, login, &account) == VX_OK ||
	       vx_directory_alias(v, login, &alias) == VX_OK;
}

int vx_auth_refusals(struct vx_auth *a, struct vx_buf *out)
{
	struct vx_view *v;
	int rc = VX_OK;

	(void)pthread_mutex_lock(&a->lock);
	if (a->refused.changed) {
		a->refused.changed = false;
		if (vx_view_begin(a->o.store, &v) == VX_OK) {
			vx_refused_sort(&a->refused, exists, v);
			vx_view_end(v);
		}
		vx_refused_write(&a->refused, out);
		rc = VX_DATA;
	}
	(void)pthread_mutex_unlock(&a->lock);
	return rc;
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
	const uint64_t now = a->o.now_ms();
	bool yes;

	(void)pthread_mutex_lock(&a->lock);
	yes = r->until_ms > now && r->from_ms <= now && /* the clock may be set back */
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
	r->from_ms = a->o.now_ms();
	r->until_ms = r->from_ms + (uint64_t)a->o.cache_s * 1000;
	(void)pthread_mutex_unlock(&a->lock);
}

/* --- checking -------------------------------------------------------------------- */

static enum vx_auth_reason reason_of(
    int found, const struct vx_account *account, unsigned domain_flags, bool alias)
{
	if (found != VX_OK)
		return alias ? VX_AUTH_ALIAS : VX_AUTH_UNKNOWN;
	if ((account->flags & VX_ACCOUNT_INACTIVE) != 0)
		return VX_AUTH_INACTIVE;
	return (domain_flags & VX_DOMAIN_INACTIVE) != 0 ? VX_AUTH_CLOSED : VX_AUTH_RIGHT;
}

/* Account, alias and domain are asked for, whichever there is: the time tells nothing. */
static int read_record(
    struct vx_view *v, vx_slice login, struct vx_account *out, enum vx_auth_reason *why)
{
	struct vx_domain domain = { .flags = 0 };
	struct vx_alias alias;
	int rc = vx_directory_account(v, login, out);
	const bool is_alias = vx_directory_alias(v, login, &alias) == VX_OK;
	const int of_domain = vx_directory_domain(
	    v, vx_slice_from(login, vx_slice_rfind(login, '@') + 1), &domain);

	*why = reason_of(rc, out, domain.flags, is_alias);
	if (rc == VX_OK)
		rc = of_domain;
	if (rc == VX_OK && *why != VX_AUTH_RIGHT)
		rc = VX_ENOENT;
	return rc == VX_OK && out->login.len > VX_ADDRESS_MAX ? VX_ECORRUPT : rc;
}

/* The record of an active account, copied: VX_ENOENT when there is none. */
static int look_up(struct vx_auth *a, vx_slice login, struct vx_auth_login *out,
    struct vx_buf *credential, enum vx_auth_reason *why)
{
	struct vx_account account;
	struct vx_view *v;
	int rc = vx_view_begin(a->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = read_record(v, login, &account, why);
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

/*
 * The hash came from elsewhere, and the password is right: keep our own kind, unless it
 * was changed meanwhile.  When that fails the next login tries again.
 */
static void rehash(struct vx_auth *a, const struct vx_auth_login *who, vx_slice record,
    vx_slice password)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = vx_slice_str(who->login);
	op.set = VX_SET_CREDENTIAL;
	op.expected_credential = record;
	if (vx_credential_make(
		password, a->o.hash_cost, a->o.scram_iterations, &credential) == VX_OK) {
		op.credential = vx_buf_slice(&credential);
		(void)vx_store_run(a->o.store, &op.op);
	}
	vx_buf_wipe(&credential);
}

static int verify(struct vx_auth *a, const struct vx_auth_login *who, vx_slice record,
    const struct vx_auth_claim *claim, vx_slice password)
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
	/* elsewhere it may have been hashed as it was typed */
	if (rc == VX_EAUTH && c.iterations == 0 &&
	    !vx_slice_eq(password, claim->password))
		rc = vx_password_verify(claim->password, c.hash);
	if (rc == VX_EUNSUP)
		rc = vx_password_verify_nobody(password, a->o.hash_cost);
	if (rc == VX_OK)
		remember(a, d);
	if (rc == VX_OK && (c.iterations == 0 || !vx_password_hash_current(c.hash)))
		rehash(a, who, record, password);
	vx_wipe(d, sizeof(d));
	return rc == VX_OK ? VX_OK : VX_EAUTH;
}

/* No account may be opened by an empty password, whatever its hash says. */
static int check_password(struct vx_auth *a, const struct vx_auth_claim *c, bool found,
    const struct vx_auth_login *who, vx_slice record)
{
	struct vx_buf password = { .max = VX_PASSWORD_MAX };
	int rc;

	vx_password_prepare(c->password, &password); /* too long: empty, fits none */
	if (found && password.len > 0)
		rc = verify(a, who, record, c, vx_buf_slice(&password));
	else
		rc = vx_password_verify_nobody(vx_buf_slice(&password), a->o.hash_cost);
	vx_buf_wipe(&password);
	return rc;
}

static int check(struct vx_auth *a, const struct vx_auth_claim *c,
    struct vx_auth_login *who, enum vx_auth_reason *why)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	int rc = look_up(a, c->login, who, &credential, why);

	if (rc != VX_OK && rc != VX_ENOENT && rc != VX_EINVAL)
		rc = VX_ETEMP;
	else if (c->proof != VX_SASL_PASSWORD)
		rc = rc == VX_OK && c->proof == VX_SASL_PROVEN ? VX_OK : VX_EAUTH;
	else
		rc = check_password(a, c, rc == VX_OK, who, vx_buf_slice(&credential));
	if (rc == VX_EAUTH && *why == VX_AUTH_RIGHT)
		*why = VX_AUTH_WRONG;
	vx_buf_wipe(&credential);
	return rc;
}

int vx_auth_claim(struct vx_auth *a, const struct vx_auth_claim *claim,
    struct vx_auth_login *out, enum vx_auth_reason *why)
{
	enum vx_auth_reason reason = VX_AUTH_UNKNOWN;
	struct vx_auth_login who = { 0 };
	const int rc = check(a, claim, &who, &reason);

	if (rc != VX_ETEMP)
		note(a, claim, rc == VX_OK);
	if (rc == VX_EAUTH)
		refused(a, reason,
		    reason == VX_AUTH_UNKNOWN ? VX_REFUSED_UNKNOWN : VX_REFUSED_KNOWN,
		    claim->address, claim->login);
	if (rc == VX_OK)
		*out = who;
	if (rc != VX_ETEMP && why != NULL)
		*why = reason;
	return rc;
}

int vx_auth_check(struct vx_auth *a, const char *address, vx_slice login,
    vx_slice password, struct vx_auth_login *out)
{
	const struct vx_auth_claim claim = {
		.address = address, .login = login, .password = password
	};

	return vx_auth_claim(a, &claim, out, NULL);
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
	struct vx_auth_login who = { 0 };
	enum vx_auth_reason why;
	int rc = look_up(a, login, &who, &record, &why);

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
