/* New DKIM keys, under names that no other server of the domain has (features DNS-09). */
#include "vectisctl/dns.h"

#include "vectis/address.h"
#include "vectis/crypto.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 3000 /* of the DNS, and of Cloudflare */
#define TRIES_MAX 10 /* of names with octets of their own */
#define KINDS 2

static const enum vx_key_type kinds[KINDS] = { VX_KEY_RSA, VX_KEY_ED25519 };

/* A name for a key, and what is there already. */
struct name {
	char selector[VX_DKIM_SELECTOR_MAX + 1];
	struct vx_buf key; /* own: p= of it */
	bool there, spoken;
};

struct making {
	struct ctl *c;
	struct ctl_dns *d;
	const char *domain; /* as in the DNS */
	struct vx_buf name; /* own: that */
	uint64_t now;
	char id[VX_DKIM_ID_OCTETS + 1];
	/* the plain names, those with our id, and those of the keys that there are */
	struct name names[2 * KINDS + VX_DKIM_DOMAIN_KEYS_MAX];
	size_t count;
	struct vx_buf own[VX_DKIM_DOMAIN_KEYS_MAX]; /* own: p= of these */
};

static struct name *add_name(struct making *m, const char *selector)
{
	struct name *const n = &m->names[m->count++];

	(void)snprintf(n->selector, sizeof(n->selector), "%s", selector);
	vx_buf_init(&n->key, VX_ZONE_CONTENT_MAX);
	return n;
}

static void begin(struct making *m, struct ctl *c, struct ctl_dns *d, const char *domain)
{
	char selector[VX_DKIM_SELECTOR_MAX + 1];

	*m = (struct making){
		.c = c, .d = d, .domain = domain, .now = (uint64_t)time(NULL)
	};
	vx_buf_init(&m->name, VX_DNS_NAME_MAX + 1);
	if (vx_domain_normalise(vx_slice_str(domain), &m->name) == VX_OK) {
		vx_buf_add_char(&m->name, '\0');
		m->domain = m->name.failed ? domain : m->name.ptr;
	}
	vx_dkim_install_id(c->store, m->id);
	for (int with = 0; with < 2; with++)
		for (size_t i = 0; i < KINDS; i++) {
			vx_dkim_selector(
			    kinds[i], m->now, with == 0 ? "" : m->id, "", selector);
			(void)add_name(m, selector);
		}
}

static void end(struct making *m)
{
	vx_buf_done(&m->name);
	for (size_t i = 0; i < m->count; i++)
		vx_buf_done(&m->names[i].key);
	for (size_t i = 0; i < VX_DKIM_DOMAIN_KEYS_MAX; i++)
		vx_buf_done(&m->own[i]);
}

/* --- looking --------------------------------------------------------------------------
 */

static void take_text(struct name *n, vx_slice text)
{
	vx_buf_reset(&n->key);
	n->there = vx_zone_dkim_key(text, &n->key) || n->there;
}

static void take_answer(struct name *n, const struct vx_dns_answer *a)
{
	n->spoken = a != NULL && vx_dns_answered(a);
	for (size_t i = 0; n->spoken && i < a->count && !n->there; i++) {
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

		if (vx_dns_read_txt(a->rdata[i], &text) == VX_OK)
			take_text(n, vx_buf_slice(&text));
		vx_buf_done(&text);
	}
}

static void ask_dns(struct making *m)
{
	struct vx_once_question q[2 * KINDS + VX_DKIM_DOMAIN_KEYS_MAX] = { 0 };
	struct vx_once_work w = {
		.questions = q, .question_count = m->count, .ms_max = LOOK_MS
	};

	for (size_t i = 0; i < m->count; i++) {
		char prefix[VX_DKIM_SELECTOR_MAX + 16];

		(void)snprintf(
		    prefix, sizeof(prefix), "%s._domainkey", m->names[i].selector);
		if (vx_dns_ask(VX_DNS_TXT, prefix, vx_slice_str(m->domain),
			&q[i].question) != VX_OK)
			return;
	}
	if (m->d->once == NULL || vx_once_do(m->d->once, &w) != VX_OK)
		return;
	for (size_t i = 0; i < m->count; i++) {
		take_answer(&m->names[i], q[i].answer);
		vx_dns_answer_free(q[i].answer);
	}
}

/* What is set there may not be seen yet, or is an alias for a key elsewhere. */
static void ask_cloudflare(struct making *m)
{
	const struct vx_zone *z;

	if (m->d->cf == NULL || m->d->once == NULL)
		return;
	m->d->deadline_ms = ctl_dns_now_ms() + LOOK_MS;
	ctl_dns_try(m->d, vx_cf_load(m->d->cf, m->domain));
	if (vx_cf_result(m->d->cf)->outcome != VX_CF_GOOD)
		return;
	z = vx_cf_records(m->d->cf);
	for (size_t i = 0; i < m->count; i++) {
		struct name *const n = &m->names[i];
		char name[VX_DNS_NAME_MAX + VX_DKIM_SELECTOR_MAX + 16];

		(void)snprintf(
		    name, sizeof(name), "%s._domainkey.%s", n->selector, m->domain);
		n->spoken = true;
		for (size_t k = 0; k < z->count; k++) {
			if (strcmp(z->records[k].name, name) != 0)
				continue;
			if (strcmp(z->records[k].type, "TXT") == 0)
				take_text(n, vx_slice_str(z->records[k].content));
			else
				n->there =
				    n->there || strcmp(z->records[k].type, "CNAME") == 0;
		}
	}
}

static bool same_key(const struct name *a, const struct name *b)
{
	return a->there && b->there &&
	       vx_slice_eq(vx_buf_slice(&a->key), vx_buf_slice(&b->key));
}

/* A name that nobody but us would take has the same key: that is a wildcard's. */
static bool is_free(const struct making *m, size_t kind, bool with_id)
{
	const struct name *const plain = &m->names[kind], *const own =
							      &m->names[KINDS + kind];

	return !(with_id ? own : plain)->there || same_key(plain, own);
}

static void look(struct making *m)
{
	json_t *taken = json_array();

	ask_dns(m);
	ask_cloudflare(m);
	for (size_t i = 0; i < KINDS; i++) {
		const struct name *const n = &m->names[i];

		if (!n->spoken)
			ctl_warn(m->c,
			    "the DNS does not answer: whether another server has a key "
			    "at %s._domainkey.%s is not known",
			    n->selector, m->domain);
		if (is_free(m, i, false))
			continue;
		(void)json_array_append_new(taken, json_string(n->selector));
		ctl_say(m->c,
		    "%s._domainkey.%s has a key already: ours gets a name with the id "
		    "of this server, %s",
		    n->selector, m->domain, m->id);
	}
	(void)json_object_set_new(m->c->result, "taken", taken);
}

/* --- making ---------------------------------------------------------------------------
 */

/* The names of a kind, one after the other; false: there are no more. */
static bool next_name(const struct making *m, size_t kind, bool fresh, unsigned try,
    char out[VX_DKIM_SELECTOR_MAX + 1])
{
	unsigned char random[2];
	char more[8];

	if (try < 2 && (fresh || !is_free(m, kind, try == 1))) {
		out[0] = '\0';
		return true;
	}
	if (try < 2) {
		(void)snprintf(out, VX_DKIM_SELECTOR_MAX + 1, "%s",
		    m->names[try * KINDS + kind].selector);
		return true;
	}
	vx_random(random, sizeof(random));
	(void)snprintf(more, sizeof(more), "%02x%02x", random[0], random[1]);
	vx_dkim_selector(kinds[kind], m->now, m->id, more, out);
	return try < TRIES_MAX;
}

static int make_one(const struct making *m, size_t kind, uint64_t from, bool replaces,
    bool revokes, bool fresh)
{
	struct vx_buf pem = { .max = VX_KEY_PEM_OCTETS_MAX };
	char selector[VX_DKIM_SELECTOR_MAX + 1];
	struct vx_private_key *key;
	struct vx_dkim_key_op op;
	int rc = vx_private_key_generate(kinds[kind], &key);

	if (rc == VX_OK) {
		rc = vx_private_key_write(key, &pem);
		vx_private_key_free(key);
	}
	vx_dkim_key_op_init(&op, VX_DKIM_KEY_ADD);
	op.key = (struct vx_dkim_key){
		.domain = vx_slice_str(m->domain), .pem = vx_buf_slice(&pem), .from = from
	};
	op.replaces = replaces;
	op.revokes = revokes;
	if (rc == VX_OK)
		rc = VX_EEXIST;
	for (unsigned try = 0;
	     rc == VX_EEXIST && next_name(m, kind, fresh, try, selector); try++) {
		op.key.selector = vx_slice_str(selector);
		if (selector[0] != '\0')
			rc = vx_store_run(m->c->store, &op.op);
	}
	vx_buf_wipe(&pem);
	if (rc == VX_ELIMIT)
		return ctl_fail(m->c, CTL_FAILED,
		    "%s has too many keys: remove old ones with vectisctl domain "
		    "dkim-remove",
		    m->domain);
	return rc == VX_OK ? CTL_OK
			   : ctl_fail(m->c, CTL_FAILED, "no DKIM key for %s: %s",
				 m->domain, vx_strerror(rc));
}

/* fresh: where others were revoked, their names must not come back. */
static int make_both(
    const struct making *m, uint64_t from, bool replaces, bool revokes, bool fresh)
{
	int status = CTL_OK;

	/* the first of the two deals with what was there before */
	for (size_t i = 0; i < KINDS && status == CTL_OK; i++)
		status =
		    make_one(m, i, from, replaces && i == 0, revokes && i == 0, fresh);
	return status;
}

int ctl_dkim_make(struct ctl *c, struct ctl_dns *d, const char *domain)
{
	struct making m;
	int status;

	begin(&m, c, d, domain);
	look(&m);
	status = make_both(&m, m.now, false, false, false);
	end(&m);
	return status;
}

int ctl_dkim_regenerate(struct ctl *c, const char *domain)
{
	struct making m;
	int status;

	begin(&m, c, NULL, domain);
	status = make_both(&m, m.now, false, true, true);
	end(&m);
	return status;
}

/* --- keys whose names others have -----------------------------------------------------
 */

static int add_own(struct making *m)
{
	char selector[VX_DKIM_SELECTOR_MAX + 1] = "";
	struct vx_dkim_key k;
	struct vx_view *v = NULL;
	size_t n = 0;
	int rc = vx_view_begin(m->c->store, &v);

	while (rc == VX_OK && n < VX_DKIM_DOMAIN_KEYS_MAX &&
	       (rc = vx_dkim_key_next(
		    v, vx_slice_str(m->domain), vx_slice_str(selector), &k)) == VX_OK) {
		struct vx_buf record = { .max = VX_ZONE_CONTENT_MAX };

		(void)snprintf(selector, sizeof(selector), "%.*s", (int)k.selector.len,
		    k.selector.ptr);
		(void)add_name(m, selector);
		vx_buf_init(&m->own[n], VX_ZONE_CONTENT_MAX);
		if (ctl_dkim_record(k.pem, &record) == VX_OK)
			(void)vx_zone_dkim_key(vx_buf_slice(&record), &m->own[n]);
		vx_buf_done(&record);
		n++;
	}
	if (v != NULL)
		vx_view_end(v);
	return rc == VX_ENOENT || rc == VX_OK
		   ? CTL_OK
		   : ctl_fail(m->c, CTL_FAILED, "%s", vx_strerror(rc));
}

/* A key that is neither ours nor nobody's: it is another server's. */
static bool is_lost(const struct making *m, size_t own)
{
	const struct name *const n = &m->names[2 * KINDS + own];

	if (!n->there || n->key.len == 0 || m->own[own].len == 0 ||
	    vx_slice_eq(vx_buf_slice(&n->key), vx_buf_slice(&m->own[own])))
		return false;
	for (size_t i = 0; i < KINDS; i++)
		if (same_key(n, &m->names[KINDS + i]) &&
		    strcmp(n->selector, m->names[KINDS + i].selector) != 0)
			return false;
	return true;
}

/* Nobody could check what they signed. */
static int forget_lost(struct making *m)
{
	json_t *list = json_array();
	int rc = VX_OK;

	for (size_t i = 0; 2 * KINDS + i < m->count && rc == VX_OK; i++) {
		const char *const selector = m->names[2 * KINDS + i].selector;
		struct vx_dkim_key_op op;

		if (!is_lost(m, i))
			continue;
		vx_dkim_key_op_init(&op, VX_DKIM_KEY_REMOVE);
		op.key.domain = vx_slice_str(m->domain);
		op.key.selector = vx_slice_str(selector);
		rc = vx_store_run(m->c->store, &op.op);
		(void)json_array_append_new(list, json_string(selector));
		ctl_say(m->c,
		    "%s: the DNS has the key of another server there; ours, which nobody "
		    "could check, is forgotten",
		    selector);
	}
	(void)json_object_set_new(m->c->result, "forgotten", list);
	return rc == VX_OK ? CTL_OK : ctl_fail(m->c, CTL_FAILED, "%s", vx_strerror(rc));
}

static bool any_lost(const struct making *m)
{
	for (size_t i = 0; 2 * KINDS + i < m->count; i++)
		if (is_lost(m, i))
			return true;
	return false;
}

int ctl_dkim_rotate(struct ctl *c, struct ctl_dns *d, const char *domain,
    const uint64_t *hours, uint64_t standard)
{
	struct making m;
	int status;

	begin(&m, c, d, domain);
	status = add_own(&m);
	if (status == CTL_OK) {
		look(&m);
		/* without them nothing might sign meanwhile */
		if (hours == NULL && any_lost(&m))
			standard = 0;
		status = make_both(&m, m.now + (hours != NULL ? *hours : standard) * 3600,
		    true, false, false);
	}
	if (status == CTL_OK)
		status = forget_lost(&m);
	end(&m);
	return status;
}
