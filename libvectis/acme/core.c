/* The core: what is asked of the host, and the one request that is under way. */
#include "acme/acme_int.h"
#include "base/chars.h"
#include "base/mem.h"
#include "vectis/date.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define JOSE "application/jose+json"
#define PHASES_MAX 1000 /* without a step between them: more is a bug of ours */

const char *vx_acme_challenge_name(enum vx_acme_challenge type)
{
	switch (type) {
	case VX_ACME_HTTP_01:
		return "http-01";
	case VX_ACME_DNS_01:
		return "dns-01";
	case VX_ACME_TLS_ALPN_01:
		return "tls-alpn-01";
	case VX_ACME_DNS_PERSIST_01:
		return "dns-persist-01";
	}
	return "";
}

/* --- small things that all phases use ----------------------------------------------- */

struct vx_acme_account *vx_acme_account_of(struct vx_acme *a)
{
	return &a->accounts[a->task.authority];
}

/* splitmix64: it only spreads load. */
uint64_t vx_acme_random(struct vx_acme *a, uint64_t below)
{
	uint64_t z = (a->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return below == 0 ? 0 : (z ^ (z >> 31)) % below;
}

static struct vx_acme_queued *queue_event(struct vx_acme *a)
{
	struct vx_acme_queued *e;

	if (a->event_count == VX_ACME_EVENTS_MAX) {
		a->event_first = (a->event_first + 1) % VX_ACME_EVENTS_MAX;
		a->event_count--;
	}
	e = &a->events[(a->event_first + a->event_count++) % VX_ACME_EVENTS_MAX];
	*e = (struct vx_acme_queued){ .event = VX_ACME_INFO };
	if (a->task.l != NULL) {
		(void)snprintf(e->id, sizeof(e->id), "%s", a->task.l->id);
		e->kind = a->task.l->kind;
	}
	return e;
}

void vx_acme_tell(struct vx_acme *a, enum vx_acme_event event, const char *fmt, ...)
{
	struct vx_acme_queued *const e = queue_event(a);
	va_list args;

	e->event = event;
	va_start(args, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
}

void vx_acme_go(struct vx_acme *a, enum vx_acme_phase phase)
{
	a->phase = phase;
	a->index = 0;
}

struct vx_acme_step *vx_acme_ask(struct vx_acme *a, enum vx_acme_step_type type)
{
	a->asked = true;
	a->handed = false;
	a->step = (struct vx_acme_step){ .type = type,
		.id = "",
		.name = "",
		.account = "",
		.token = "",
		.text = "",
		.issuers = "" };
	if (a->task.l != NULL) {
		a->step.id = a->task.l->id;
		a->step.kind = a->task.l->kind;
	}
	return &a->step;
}

/* --- requests ----------------------------------------------------------------------- */

static void begin_request(struct vx_acme *a, const char *url)
{
	a->request.active = true;
	a->request.tries = 0;
	a->request.in_nonce = a->request.by_key = a->request.plain_get = false;
	a->request.key = NULL;
	a->request.accept = NULL;
	(void)snprintf(a->request.url, sizeof(a->request.url), "%s", url);
	vx_buf_reset(&a->request.payload);
}

void vx_acme_post_text(struct vx_acme *a, const char *url, vx_slice payload)
{
	begin_request(a, url);
	vx_buf_add(&a->request.payload, payload);
}

void vx_acme_post(struct vx_acme *a, const char *url, json_t *payload)
{
	begin_request(a, url);
	if (vx_acme_write(payload, JSON_COMPACT, &a->request.payload) != VX_OK)
		a->request.payload.failed = true;
	json_decref(payload);
}

void vx_acme_post_get(struct vx_acme *a, const char *url)
{
	begin_request(a, url);
}

void vx_acme_get(struct vx_acme *a, const char *url)
{
	begin_request(a, url);
	a->request.plain_get = true;
}

static int sign(struct vx_acme *a, struct vx_acme_account *account)
{
	const struct vx_pki_key *const key =
	    a->request.key == NULL ? account->key : a->request.key;
	int rc;

	if (a->request.payload.failed || key == NULL)
		return VX_ENOMEM;
	vx_buf_reset(&a->request.body);
	rc = vx_acme_sign(key, a->request.by_key ? NULL : account->url, account->nonce,
	    a->request.url, vx_buf_slice(&a->request.payload), &a->request.body);
	account->nonce[0] = '\0'; /* it is used up, whatever comes of it */
	return rc;
}

/* The step of the request: a nonce first, if there is none. */
static int ask_request(struct vx_acme *a)
{
	struct vx_acme_account *const account = vx_acme_account_of(a);
	const bool nonce = !a->request.plain_get && account->nonce[0] == '\0';
	const int rc = a->request.plain_get || nonce ? VX_OK : sign(a, account);
	struct vx_acme_step *step;

	if (rc != VX_OK)
		return rc;
	a->request.in_nonce = nonce;
	step = vx_acme_ask(a, VX_ACME_REQUEST);
	step->method = a->request.plain_get ? "GET" : nonce ? "HEAD" : "POST";
	step->url = nonce ? account->directory.new_nonce : a->request.url;
	step->accept = a->request.accept;
	if (!a->request.plain_get && !nonce) {
		step->content_type = JOSE;
		step->body = vx_buf_slice(&a->request.body);
	}
	return VX_OK;
}

/* RFC 8555 6.5.1: octets of base64url. */
static void keep_nonce(struct vx_acme_account *account, vx_slice nonce)
{
	for (size_t i = 0; i < nonce.len; i++)
		if (!vx_is(nonce.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    nonce.ptr[i] != '-' && nonce.ptr[i] != '_')
			return;
	if (nonce.len > 0 && nonce.len <= VX_ACME_NONCE_MAX) {
		memcpy(account->nonce, nonce.ptr, nonce.len);
		account->nonce[nonce.len] = '\0';
	}
}

/* Is our clock good enough?  What is renewed by a wrong one is renewed wrongly. */
static bool check_clock(struct vx_acme *a, vx_slice date)
{
	struct vx_acme_account *const account = vx_acme_account_of(a);
	struct vx_civil c;
	int64_t off;

	if (date.len == 0 || vx_date_parse(date, &c) != VX_OK)
		return true;
	off = a->now - vx_civil_time(&c);
	if (off > VX_ACME_SKEW_MAX_S || off < -VX_ACME_SKEW_MAX_S) {
		vx_acme_fail_text(a, VX_ACME_P_OURS,
		    "the clock of this host is %lld minutes %s: set it "
		    "(systemd-timesyncd, "
		    "chrony); nothing is renewed before",
		    (long long)(off < 0 ? -off : off) / 60, off < 0 ? "slow" : "fast");
		return false;
	}
	if ((off > VX_ACME_SKEW_WARN_S || off < -VX_ACME_SKEW_WARN_S) &&
	    !account->told_skew) {
		account->told_skew = true;
		vx_acme_tell(a, VX_ACME_WARN,
		    "the clock of this host differs by %lld seconds from the authority's",
		    (long long)off);
	}
	return true;
}

/* A problem: of the nonce, of what the phase knows, or a failure. */
static void on_problem(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_problem p;
	int64_t retry;

	vx_acme_read_problem(answer->status, answer->body, &p);
	if (p.what == VX_ACME_P_NONCE && ++a->request.tries < VX_ACME_NONCE_TRIES)
		return; /* the answer brought another, or one is fetched */
	a->request.active = false;
	if (p.what == VX_ACME_P_NONCE)
		p.what = VX_ACME_P_SERVER;
	if (vx_acme_account_problem(a, &p) || vx_acme_order_problem(a, &p))
		return;
	retry = vx_acme_retry_after(answer->retry_after, a->now, 0);
	if (retry > 0)
		retry += a->now;
	else if (p.what == VX_ACME_P_LIMITED)
		retry = vx_acme_retry_text(p.text);
	if (retry > a->now + VX_ACME_BACKOFF_MAX)
		retry = a->now + VX_ACME_BACKOFF_MAX;
	vx_acme_fail(a, &p, retry);
}

static void phase_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (a->phase >= VX_ACME_PH_DIRECTORY && a->phase <= VX_ACME_PH_WINDOW)
		vx_acme_account_answer(a, answer);
	else if (a->phase >= VX_ACME_PH_REVOKE)
		vx_acme_account_answer(a, answer);
	else
		vx_acme_order_answer(a, answer);
}

static void request_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_account *const account = vx_acme_account_of(a);
	const bool nonce = a->request.in_nonce;

	if (answer->result != VX_OK) {
		vx_acme_fail_text(a, VX_ACME_P_TRANSPORT, "%s cannot be reached: %s",
		    a->step.url,
		    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
		return;
	}
	keep_nonce(account, answer->nonce);
	if (!check_clock(a, answer->date))
		return;
	if (answer->status < 200 || answer->status > 299) {
		on_problem(a, answer);
	} else if (!nonce) {
		a->request.active = false;
		phase_answer(a, answer);
	} else if (account->nonce[0] == '\0') {
		vx_acme_fail_text(
		    a, VX_ACME_P_TRANSPORT, "%s gave no nonce", account->id);
	}
}

/* --- next and answer ---------------------------------------------------------------- */

/* An event that waits; it is the host's until the next call. */
static bool hand_out(struct vx_acme *a, struct vx_acme_step *out)
{
	if (a->event_count == 0)
		return false;
	a->told = a->events[a->event_first];
	a->event_first = (a->event_first + 1) % VX_ACME_EVENTS_MAX;
	a->event_count--;
	*out = (struct vx_acme_step){ .type = VX_ACME_TELL,
		.id = a->told.id,
		.kind = a->told.kind,
		.event = a->told.event,
		.text = a->told.text,
		.command = a->told.command,
		.result = a->told.result,
		.name = "",
		.account = "",
		.token = "" };
	return true;
}

static void wait_for(struct vx_acme_step *out, int64_t until)
{
	*out = (struct vx_acme_step){ .type = VX_ACME_WAIT,
		.until = until,
		.id = "",
		.name = "",
		.account = "",
		.token = "",
		.text = "" };
}

static void begin_phase(struct vx_acme *a)
{
	if ((a->phase >= VX_ACME_PH_DIRECTORY && a->phase <= VX_ACME_PH_WINDOW) ||
	    a->phase >= VX_ACME_PH_REVOKE)
		vx_acme_begin_account(a);
	else
		vx_acme_begin_order(a);
}

/* One move; true: the host has to wait until then. */
static bool move(struct vx_acme *a, int64_t *until, int *rc)
{
	*until = INT64_MAX;
	if (a->dirty) {
		*until = a->save_at;
		if (a->save_at <= a->now)
			(void)vx_acme_ask(a, VX_ACME_SAVE);
		return a->save_at > a->now;
	}
	*until = a->wait_until;
	if (a->wait_until > a->now)
		return true;
	a->wait_until = 0;
	if (a->phase == VX_ACME_PH_IDLE && !a->request.active) {
		*rc = vx_acme_make_keys(a);
		if (*rc != VX_OK || a->dirty) {
			*rc = *rc == VX_DATA ? VX_OK : *rc;
			return false;
		}
	}
	if (a->request.active)
		*rc = ask_request(a);
	else if (a->phase != VX_ACME_PH_IDLE)
		begin_phase(a);
	else if (!vx_acme_plan(a, until))
		return a->event_count == 0;
	return false;
}

int vx_acme_next(struct vx_acme *a, int64_t now, struct vx_acme_step *out)
{
	int64_t until = 0;
	int rc = VX_OK;

	a->now = now;
	for (size_t i = 0; i < PHASES_MAX && rc == VX_OK; i++) {
		if (hand_out(a, out))
			return VX_OK;
		if (a->asked && a->handed)
			return VX_WAIT;
		if (a->asked) {
			a->handed = true;
			*out = a->step;
			return VX_OK;
		}
		if (move(a, &until, &rc)) {
			wait_for(out, until);
			return VX_OK;
		}
	}
	return rc == VX_OK ? VX_ESTATE : rc;
}

static void save_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	a->dirty = answer->result != VX_OK;
	a->save_at = a->dirty ? a->now + 60 : 0;
	if (a->dirty && !a->told_save)
		vx_acme_tell(a, VX_ACME_ALARM,
		    "the state of the certificates cannot be kept, so nothing is done: "
		    "%s",
		    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
	a->told_save = a->dirty;
}

void vx_acme_answer(struct vx_acme *a, int64_t now, const struct vx_acme_answer *answer)
{
	if (!a->asked || !a->handed)
		return;
	a->now = now;
	a->asked = a->handed = false;
	if (a->step.type == VX_ACME_SAVE)
		save_answer(a, answer);
	else if (a->step.type == VX_ACME_REQUEST)
		request_answer(a, answer);
	else
		vx_acme_order_answer(a, answer);
}

/* --- life --------------------------------------------------------------------------- */

static char *copy(const char *text)
{
	const size_t n = strlen(text) + 1;
	char *const out = vx_alloc(n);

	if (out != NULL)
		memcpy(out, text, n);
	return out;
}

/* NULL stays NULL. */
static bool set(char **out, const char *text)
{
	if (text == NULL)
		return true;
	*out = copy(text);
	return *out != NULL;
}

static bool is_id(const char *id)
{
	for (size_t i = 0; id[i] != '\0'; i++)
		if (!vx_is(id[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    strchr(".-_", id[i]) == NULL)
			return false;
	return id[0] != '\0' && strlen(id) <= VX_ACME_ID_MAX;
}

static int take_authority(
    struct vx_acme *a, const struct vx_acme_authority *from, struct vx_error *err)
{
	struct vx_acme_account *const to = &a->accounts[a->account_count];

	if (!is_id(from->id))
		return vx_error_set(
		    err, VX_EINVAL, "\"%s\" is no name for an authority", from->id);
	if (!vx_acme_is_url(vx_slice_str(from->directory)))
		return vx_error_set(err, VX_EINVAL,
		    "\"%s\" is no address of a directory: it begins with https://",
		    from->directory);
	if ((from->eab_kid == NULL) != (from->eab_key == NULL))
		return vx_error_set(err, VX_EINVAL,
		    "an external account needs both its number and its key");
	a->account_count++;
	if (!set(&to->id, from->id) || !set(&to->directory_url, from->directory) ||
	    !set(&to->eab_kid, from->eab_kid) || !set(&to->eab_key, from->eab_key) ||
	    !set(&to->profile, from->profile) || !set(&to->chain, from->chain))
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	return VX_OK;
}

static int take_name(struct vx_acme_lineage *to, const char *name, struct vx_error *err)
{
	if (!vx_acme_is_name(name))
		return vx_error_set(err, VX_EINVAL,
		    "\"%s\" is no name for a certificate: host names are in lower case "
		    "and "
		    "have at least two parts",
		    name);
	for (size_t i = 0; i < to->count; i++)
		if (strcmp(to->names[i], name) == 0)
			return vx_error_set(
			    err, VX_EINVAL, "\"%s\" is there twice", name);
	to->names[to->count] = copy(name);
	if (to->names[to->count] == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	to->count++;
	return VX_OK;
}

static int take_names(
    struct vx_acme_lineage *to, const struct vx_acme_wanted *from, struct vx_error *err)
{
	struct vx_buf all = { .max = sizeof(to->all) - 1 };
	int rc = VX_OK;

	to->names = vx_alloc_array(from->count, sizeof(char *));
	if (to->names == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	for (size_t i = 0; i < from->count && rc == VX_OK; i++) {
		rc = take_name(to, from->names[i], err);
		vx_buf_printf(&all, "%s%s", i == 0 ? "" : " ", from->names[i]);
	}
	if (all.ptr != NULL)
		memcpy(to->all, all.ptr, all.len + 1);
	vx_buf_done(&all);
	return rc;
}

/* There is room for as many as there are certificates. */
static struct vx_acme_group *group_for(struct vx_acme *a, const char *id)
{
	size_t i = 0;

	while (i < a->group_count && strcmp(a->groups[i].id, id) != 0)
		i++;
	if (i == a->group_count) {
		(void)snprintf(a->groups[i].id, sizeof(a->groups[i].id), "%s", id);
		a->group_count++;
	}
	return &a->groups[i];
}

static int take_cert(
    struct vx_acme *a, const struct vx_acme_wanted *from, struct vx_error *err)
{
	struct vx_acme_lineage *const to = &a->certs[a->cert_count];

	if (!is_id(from->id))
		return vx_error_set(
		    err, VX_EINVAL, "\"%s\" is no name for a certificate", from->id);
	if (from->count == 0 || from->count > VX_ACME_NAMES_MAX)
		return vx_error_set(err, VX_EINVAL,
		    "the certificate %s has %zu names: it may have 1 to %d", from->id,
		    from->count, VX_ACME_NAMES_MAX);
	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].kind == from->kind &&
		    strcmp(a->certs[i].id, from->id) == 0)
			return vx_error_set(
			    err, VX_EINVAL, "\"%s\" is there twice", from->id);
	a->cert_count++;
	to->group = group_for(a, from->id);
	if (from->dane != NULL && to->group->dane == NULL &&
	    !set(&to->group->dane, from->dane))
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	vx_buf_init(&to->chain, VX_PKI_PEM_MAX);
	vx_buf_init(&to->fresh_chain, VX_PKI_PEM_MAX);
	vx_buf_init(&to->doomed, VX_PKI_PEM_MAX);
	to->kind = from->kind;
	to->partial = from->partial;
	to->id = copy(from->id);
	if (to->id == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	return take_names(to, from, err);
}

static int take_options(
    struct vx_acme *a, const struct vx_acme_options *o, struct vx_error *err)
{
	int rc = VX_OK;

	if (o->authority_count == 0 || o->authority_count > VX_ACME_AUTHORITIES_MAX ||
	    o->cert_count > VX_ACME_CERTS_MAX)
		return vx_error_set(err, VX_EINVAL,
		    "there are 1 to %d authorities and at most %d certificates",
		    VX_ACME_AUTHORITIES_MAX, VX_ACME_CERTS_MAX);
	a->certs =
	    vx_alloc_array(o->cert_count == 0 ? 1 : o->cert_count, sizeof(a->certs[0]));
	a->groups =
	    vx_alloc_array(o->cert_count == 0 ? 1 : o->cert_count, sizeof(a->groups[0]));
	if (a->certs == NULL || a->groups == NULL || !set(&a->contact, o->contact))
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	for (size_t i = 0; i < o->authority_count && rc == VX_OK; i++)
		rc = take_authority(a, &o->authorities[i], err);
	for (size_t i = 0; i < o->cert_count && rc == VX_OK; i++)
		rc = take_cert(a, &o->certs[i], err);
	a->agrees = o->agrees;
	a->random = o->seed;
	a->key_days = o->key_days;
	a->make_key = o->make_key;
	a->make_ctx = o->make_ctx;
	return rc;
}

int vx_acme_new(const struct vx_acme_options *o, vx_slice state, struct vx_acme **out,
    struct vx_error *err)
{
	struct vx_acme *const a = vx_alloc(sizeof(*a));
	int rc;

	if (a == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	vx_buf_init(&a->request.payload, VX_ACME_JSON_MAX);
	vx_buf_init(&a->request.body, (size_t)4 * VX_ACME_JSON_MAX);
	vx_buf_init(&a->chain, VX_PKI_PEM_MAX);
	vx_buf_init(&a->content, VX_PKI_PEM_MAX);
	vx_buf_init(&a->alpn_chain, VX_PKI_PEM_MAX);
	vx_buf_init(&a->alpn_key, VX_PKI_PEM_MAX);
	vx_buf_init(&a->other.chain, VX_PKI_PEM_MAX);
	for (size_t i = 0; i < VX_ACME_PAIRS_MAX; i++)
		vx_buf_init(&a->keys[i], VX_PKI_PEM_MAX);
	rc = take_options(a, o, err);
	if (rc == VX_OK && state.len > 0)
		rc = vx_acme_load(a, state, err);
	if (rc == VX_OK)
		*out = a;
	else
		vx_acme_free(a);
	return rc;
}

static void free_account(struct vx_acme_account *c)
{
	vx_free(c->id);
	vx_free(c->directory_url);
	vx_free(c->eab_kid);
	if (c->eab_key != NULL)
		vx_wipe(c->eab_key, strlen(c->eab_key));
	vx_free(c->eab_key);
	vx_free(c->profile);
	vx_free(c->chain);
	vx_pki_key_free(c->key);
	vx_pki_key_free(c->next_key);
}

static void free_lineage(struct vx_acme_lineage *l)
{
	vx_free(l->id);
	for (size_t i = 0; l->names != NULL && i < l->count; i++)
		vx_free(l->names[i]);
	vx_free(l->names);
	vx_pki_key_free(l->key);
	vx_pki_key_free(l->next_key);
	vx_buf_done(&l->chain);
	vx_buf_done(&l->fresh_chain);
	vx_buf_done(&l->doomed);
}

void vx_acme_free(struct vx_acme *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->account_count; i++)
		free_account(&a->accounts[i]);
	for (size_t i = 0; i < a->cert_count; i++)
		free_lineage(&a->certs[i]);
	for (size_t i = 0; i < a->group_count; i++)
		vx_free(a->groups[i].dane);
	vx_free(a->certs);
	vx_free(a->groups);
	for (size_t i = 0; i < VX_ACME_PAIRS_MAX; i++)
		vx_buf_wipe(&a->keys[i]);
	vx_free(a->contact);
	vx_buf_done(&a->request.payload);
	vx_buf_done(&a->request.body);
	vx_buf_done(&a->chain);
	vx_buf_wipe(&a->content);
	vx_buf_done(&a->alpn_chain);
	vx_buf_wipe(&a->alpn_key);
	vx_acme_forget_other(a);
	vx_free(a);
}
