/* An order: from the names to a certificate that is served (RFC 8555 7.4, 7.5). */
#include "acme/acme_int.h"
#include "base/encode.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	POLL_S = 2,
	NO_PROVISION = VX_ACME_NAMES_MAX
};
#define DNS_BITS (VX_ACME_DNS_01 | VX_ACME_DNS_PERSIST_01)

static bool is_wildcard(const char *name)
{
	return strncmp(name, "*.", 2) == 0;
}

static const char *base_of(const char *name)
{
	return is_wildcard(name) ? name + 2 : name;
}

static bool is_address(const char *name)
{
	unsigned char address[16];

	return inet_pton(AF_INET, name, address) == 1 ||
	       inet_pton(AF_INET6, name, address) == 1;
}

static bool is_left_out(const struct vx_acme_lineage *l, size_t i)
{
	return (l->refused & (UINT32_C(1) << i)) != 0;
}

/* A response of an authority that cannot be understood is as if none had come. */
static void not_understood(struct vx_acme *a, const char *what)
{
	vx_acme_fail_text(a, VX_ACME_P_TRANSPORT, "%s gave %s that cannot be understood",
	    vx_acme_account_of(a)->id, what);
}

/* Is there patience for another look?  The first one begins it. */
static bool wait_more(struct vx_acme *a, vx_slice retry_after, const char *what)
{
	if (a->phase_end == 0)
		a->phase_end = a->now + VX_ACME_POLL_S_MAX;
	if (a->now >= a->phase_end) {
		vx_acme_fail_text(a, VX_ACME_P_VALIDATION,
		    "%s: %s took longer than %d minutes", vx_acme_account_of(a)->id, what,
		    VX_ACME_POLL_S_MAX / 60);
		return false;
	}
	a->wait_until = a->now + vx_acme_retry_after(retry_after, a->now, POLL_S);
	if (a->wait_until > a->phase_end)
		a->wait_until = a->phase_end;
	return true;
}

/* --- what can work, before anything is asked for --------------------------------------
 */

static void begin_look(struct vx_acme *a)
{
	struct vx_acme_lineage *const l = a->task.l;
	struct vx_acme_step *step;

	while (a->index < l->count && is_left_out(l, a->index))
		a->index++;
	if (a->index == l->count) {
		vx_acme_go(a, VX_ACME_PH_DIRECTORY);
		return;
	}
	step = vx_acme_ask(a, VX_ACME_LOOK);
	step->name = base_of(l->names[a->index]);
	step->wildcard = is_wildcard(l->names[a->index]);
	step->account = vx_acme_account_of(a)->url;
}

static void look_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	const char *const name = a->task.l->names[a->index];
	unsigned can = answer->result == VX_OK ? answer->challenges : 0;

	if (is_wildcard(name) && can != 0 && (can & DNS_BITS) == 0) {
		vx_acme_fail_text(a, VX_ACME_P_OURS,
		    "%s: names with a wildcard are proven by DNS-01 only: set "
		    "tls.dns_challenge",
		    name);
		return;
	}
	if (is_wildcard(name))
		can &= DNS_BITS;
	if (is_address(name))
		can &= VX_ACME_HTTP_01 | VX_ACME_TLS_ALPN_01;
	if (can == 0) {
		vx_acme_fail_text(a, VX_ACME_P_OURS, "%s: %s", name,
		    answer->text == NULL ? "no challenge can work" : answer->text);
		return;
	}
	if (answer->text != NULL)
		vx_acme_tell(a, VX_ACME_WARN, "%s: %s", name, answer->text);
	(void)snprintf(a->persists[a->index], sizeof(a->persists[0]), "%s",
	    answer->persists == NULL ? "" : answer->persists);
	a->allowed[a->index++] = can;
}

/* --- a new order ----------------------------------------------------------------------
 */

/* What is asked for, of what there is; NULL: none. */
static const char *choose_profile(struct vx_acme *a)
{
	const struct vx_acme_account *const c = vx_acme_account_of(a);
	const char *const wanted = c->profile == NULL ? "tlsserver" : c->profile;
	char word[VX_ACME_ID_MAX + 3];

	if (a->task.l->no_profile || wanted[0] == '\0')
		return NULL;
	(void)snprintf(word, sizeof(word), " %.64s ", wanted);
	if (strstr(c->directory.profiles, word) != NULL)
		return wanted;
	if (c->profile != NULL)
		vx_acme_tell(a, VX_ACME_WARN, "%s has no profile %s: it has%s", c->id,
		    wanted,
		    c->directory.profiles[0] == '\0' ? " none" : c->directory.profiles);
	return NULL;
}

static bool shares_a_name(const struct vx_acme_lineage *l)
{
	char word[VX_ACME_NAME_MAX + 3];
	struct vx_buf list = { .max = VX_PKI_NAMES_OCTETS + 8 };
	bool shared = false;

	vx_buf_printf(&list, " %s ", l->cert.names);
	for (size_t i = 0; i < l->count && !shared && !list.failed; i++) {
		(void)snprintf(word, sizeof(word), " %s ", l->names[i]);
		shared = strstr(list.ptr, word) != NULL;
	}
	vx_buf_done(&list);
	return shared;
}

/* RFC 9773 5: an order that replaces is exempt from limits. */
static void add_replaces(struct vx_acme *a, json_t *order)
{
	const struct vx_acme_account *const c = vx_acme_account_of(a);
	const struct vx_acme_lineage *const l = a->task.l;
	struct vx_buf id = { .max = 256 };

	if (l->there && !l->no_replaces && c->directory.renewal_info[0] != '\0' &&
	    strcmp(l->issued_by, c->id) == 0 && shares_a_name(l) &&
	    vx_acme_cert_id(&l->cert, &id))
		(void)json_object_set_new(
		    order, "replaces", json_stringn(id.ptr, id.len));
	vx_buf_done(&id);
}

static void begin_new_order(struct vx_acme *a)
{
	const struct vx_acme_lineage *const l = a->task.l;
	const char *const profile = choose_profile(a);
	json_t *const list = json_array();
	json_t *order;

	for (size_t i = 0; i < l->count; i++)
		if (!is_left_out(l, i))
			(void)json_array_append_new(
			    list, json_pack("{s:s, s:s}", "type",
				      is_address(l->names[i]) ? "ip" : "dns", "value",
				      l->names[i]));
	order = json_pack("{s:o}", "identifiers", list);
	if (profile != NULL)
		(void)json_object_set_new(order, "profile", json_string(profile));
	add_replaces(a, order);
	vx_acme_post(a, vx_acme_account_of(a)->directory.new_order, order);
}

/* --- how the order stands
 * --------------------------------------------------------------- */

static void order_is_dead(struct vx_acme *a)
{
	struct vx_acme_problem p = a->order.problem;

	a->task.l->order[0] = '\0';
	if (p.text[0] == '\0') {
		p.what = VX_ACME_P_VALIDATION;
		(void)snprintf(
		    p.text, sizeof(p.text), "the authority calls the order invalid");
	}
	if (p.what == VX_ACME_P_UNAUTHORIZED)
		p.what = VX_ACME_P_VALIDATION;
	vx_acme_fail(a, &p, 0);
}

static void by_status(struct vx_acme *a)
{
	switch (a->order.status) {
	case VX_ACME_PENDING:
		a->authz_count = 0;
		a->phase_end = 0;
		vx_acme_go(a, VX_ACME_PH_AUTHZ);
		break;
	case VX_ACME_READY:
		vx_acme_go(a, VX_ACME_PH_FINALIZE);
		break;
	case VX_ACME_PROCESSING:
		vx_acme_go(a, VX_ACME_PH_ISSUED);
		break;
	case VX_ACME_VALID:
		vx_acme_go(a, VX_ACME_PH_DOWNLOAD);
		break;
	case VX_ACME_INVALID:
		order_is_dead(a);
		break;
	}
}

static bool read_order(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (vx_acme_read_order(answer->body, &a->order) == VX_OK)
		return true;
	not_understood(a, "an order");
	return false;
}

static void new_order_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_lineage *const l = a->task.l;

	if (!vx_acme_is_url(answer->location)) {
		not_understood(a, "an order without a place");
		return;
	}
	memcpy(l->order, answer->location.ptr, answer->location.len);
	l->order[answer->location.len] = '\0';
	a->dirty = true;
	if (read_order(a, answer))
		by_status(a);
}

/* Waiting for the order itself: until it is ready, or until it is valid. */
static void poll_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	const bool issued = a->phase == VX_ACME_PH_ISSUED;

	if (!read_order(a, answer))
		return;
	if (a->order.status == VX_ACME_PENDING || a->order.status == VX_ACME_PROCESSING ||
	    (issued && a->order.status == VX_ACME_READY))
		(void)wait_more(a, answer->retry_after, "the order");
	else
		by_status(a);
}

/* --- authorizations
 * ----------------------------------------------------------------------- */

/* Which of the names; how many there are: none of them. */
static size_t number_of(const struct vx_acme *a, const char *name, bool wildcard)
{
	const struct vx_acme_lineage *const l = a->task.l;
	size_t i = 0;

	while (i < l->count && (is_wildcard(l->names[i]) != wildcard ||
				   strcmp(base_of(l->names[i]), name) != 0))
		i++;
	return i;
}

/* A record that is there proves nothing to an authority that it does not name. */
static bool fits(const struct vx_acme *a, const struct vx_acme_offer *offer, size_t name)
{
	return offer->type != VX_ACME_DNS_PERSIST_01 || offer->issuers[0] == '\0' ||
	       vx_acme_share(offer->issuers, a->persists[name]);
}

/* The first of what is offered and can work, in our order. */
static const struct vx_acme_offer *choose_offer(const struct vx_acme *a)
{
	static const unsigned order[] = { VX_ACME_DNS_PERSIST_01, VX_ACME_DNS_01,
		VX_ACME_HTTP_01, VX_ACME_TLS_ALPN_01 };
	const size_t name = number_of(a, a->seen.name, a->seen.wildcard);
	const unsigned can = name < a->task.l->count ? a->allowed[name] : 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (size_t k = 0; k < a->seen.count && (can & order[i]) != 0; k++)
			if (a->seen.offers[k].type == order[i] &&
			    fits(a, &a->seen.offers[k], name))
				return &a->seen.offers[k];
	return NULL;
}

/* What has to be there for the challenge, noted before it is made. */
static bool note_provision(
    struct vx_acme *a, const struct vx_acme_offer *offer, struct vx_acme_step_authz *z)
{
	struct vx_acme_lineage *const l = a->task.l;
	struct vx_acme_provided *const p = &l->provided[l->provided_count];
	struct vx_buf text = { .max = sizeof(p->content) - 1 };
	char digest[VX_SHA256_OCTETS];
	bool good;

	z->provided = NO_PROVISION;
	if (offer->type == VX_ACME_DNS_PERSIST_01)
		return true;
	if (l->provided_count == VX_ACME_NAMES_MAX)
		return false;
	good = vx_acme_authorization(vx_acme_account_of(a)->key, offer->token, &text) ==
	       VX_OK;
	if (good && offer->type != VX_ACME_HTTP_01) {
		vx_sha256(vx_buf_slice(&text), digest);
		vx_buf_reset(&text);
		vx_base64url_add(&text, vx_slice_of(digest, sizeof(digest)));
	}
	if (good) {
		*p = (struct vx_acme_provided){ .type = offer->type,
			.wildcard = a->seen.wildcard };
		memcpy(p->name, a->seen.name, sizeof(p->name));
		memcpy(p->token, offer->token, sizeof(p->token));
		memcpy(p->content, text.ptr, text.len + 1);
		z->provided = l->provided_count++;
		a->dirty = true;
	}
	vx_buf_done(&text);
	return good;
}

static void take_pending(struct vx_acme *a)
{
	const struct vx_acme_offer *const offer = choose_offer(a);
	struct vx_acme_step_authz *const z = &a->authz[a->authz_count];

	if (offer == NULL) {
		vx_acme_fail_text(a, VX_ACME_P_OURS,
		    "%s: %s offers no challenge that can work here", a->seen.name,
		    vx_acme_account_of(a)->id);
		return;
	}
	memcpy(z->url, a->order.authorizations[a->index], sizeof(z->url));
	memcpy(z->challenge, offer->url, sizeof(z->challenge));
	z->responded = offer->status != VX_ACME_PENDING;
	if (!note_provision(a, offer, z)) {
		vx_acme_fail_text(a, VX_ACME_P_OURS, "no memory for the challenge");
		return;
	}
	a->authz_count++;
	a->index++;
}

static void begin_authz(struct vx_acme *a)
{
	if (a->index < a->order.count)
		vx_acme_post_get(a, a->order.authorizations[a->index]);
	else
		vx_acme_go(a, VX_ACME_PH_PROVISION);
}

static void authz_is_dead(struct vx_acme *a)
{
	struct vx_acme_problem p = a->seen.problem;

	a->task.l->order[0] = '\0';
	(void)snprintf(p.text, sizeof(p.text), "%s: %.140s", a->seen.name,
	    a->seen.problem.text[0] == '\0' ? "the authority calls it invalid"
					    : a->seen.problem.text);
	if (a->seen.problem.text[0] == '\0' || p.what == VX_ACME_P_UNAUTHORIZED ||
	    p.what == VX_ACME_P_STOP)
		p.what = VX_ACME_P_VALIDATION;
	vx_acme_fail(a, &p, 0);
}

/* What it is called in such records, for people who want to set one. */
static void note_persists(struct vx_acme *a)
{
	struct vx_acme_account *const c = vx_acme_account_of(a);

	for (size_t i = 0; i < a->seen.count; i++) {
		vx_slice rest = vx_slice_str(a->seen.offers[i].issuers), first;

		(void)vx_slice_cut(&rest, ' ', &first);
		if (first.len == 0 || first.len >= sizeof(c->persists) ||
		    vx_slice_eq(first, vx_slice_str(c->persists)))
			continue;
		memcpy(c->persists, first.ptr, first.len);
		c->persists[first.len] = '\0';
		a->dirty = true;
	}
}

static void authz_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (vx_acme_read_authz(answer->body, &a->seen) != VX_OK)
		not_understood(a, "an authorization");
	else if (a->seen.status == VX_ACME_VALID)
		a->index++;
	else if (a->seen.status == VX_ACME_INVALID)
		authz_is_dead(a);
	else
		take_pending(a);
	note_persists(a);
}

/* --- challenges
 * ----------------------------------------------------------------------------- */

static void fill_provision(struct vx_acme_step *step, const struct vx_acme_provided *p)
{
	step->name = p->name;
	step->wildcard = p->wildcard;
	step->challenge = (enum vx_acme_challenge)p->type;
	step->token = p->token;
	step->content = vx_slice_str(p->content);
}

/* The certificate that answers tls-alpn-01, made of the digest that was noted. */
static bool make_alpn(struct vx_acme *a, const struct vx_acme_provided *p)
{
	struct vx_buf digest = { .max = 64 };
	bool good = vx_base64url_decode(vx_slice_str(p->content), &digest) == VX_OK &&
		    digest.len == VX_SHA256_OCTETS;

	vx_buf_reset(&a->alpn_chain);
	vx_buf_reset(&a->alpn_key);
	good = good && vx_pki_alpn_pair(p->name, digest.ptr, a->now, &a->alpn_chain,
			   &a->alpn_key) == VX_OK;
	vx_buf_done(&digest);
	return good;
}

static void begin_provision(struct vx_acme *a)
{
	const struct vx_acme_lineage *const l = a->task.l;
	const struct vx_acme_provided *p;
	struct vx_acme_step *step;

	while (a->index < a->authz_count && a->authz[a->index].provided == NO_PROVISION)
		a->index++;
	if (a->index == a->authz_count) {
		vx_acme_go(a, VX_ACME_PH_RESPOND);
		return;
	}
	p = &l->provided[a->authz[a->index].provided];
	if (p->type == VX_ACME_TLS_ALPN_01 && !make_alpn(a, p)) {
		vx_acme_fail_text(a, VX_ACME_P_OURS,
		    "the certificate of a challenge "
		    "cannot be made");
		return;
	}
	step = vx_acme_ask(a, VX_ACME_PROVISION);
	fill_provision(step, p);
	if (p->type == VX_ACME_TLS_ALPN_01) {
		step->chain = vx_buf_slice(&a->alpn_chain);
		step->key = vx_buf_slice(&a->alpn_key);
	}
}

static void provision_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (answer->result == VX_OK) {
		a->index++;
		return;
	}
	vx_acme_fail_text(a, VX_ACME_P_OURS, "%s: %s", a->step.name,
	    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
}

static void begin_respond(struct vx_acme *a)
{
	while (a->index < a->authz_count && a->authz[a->index].responded)
		a->index++;
	if (a->index < a->authz_count) {
		vx_acme_post(a, a->authz[a->index].challenge, json_object());
		return;
	}
	a->phase_end = 0;
	vx_acme_go(a, VX_ACME_PH_POLL);
}

static void begin_poll(struct vx_acme *a)
{
	if (a->index < a->authz_count) {
		vx_acme_post_get(a, a->authz[a->index].url);
		return;
	}
	a->phase_end = 0;
	vx_acme_go(a, VX_ACME_PH_READY);
}

static void poll_authz_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (vx_acme_read_authz(answer->body, &a->seen) != VX_OK)
		not_understood(a, "an authorization");
	else if (a->seen.status == VX_ACME_VALID)
		a->index++;
	else if (a->seen.status == VX_ACME_INVALID)
		authz_is_dead(a);
	else
		(void)wait_more(a, answer->retry_after, a->seen.name);
}

/* --- the certificate
 * -------------------------------------------------------------------------- */

/* The key that the order under way is for. */
static const struct vx_pki_key *ordered_key(const struct vx_acme_lineage *l)
{
	return l->with_next ? l->next_key : l->key;
}

static void begin_finalize(struct vx_acme *a)
{
	struct vx_acme_lineage *const l = a->task.l;
	const char *names[VX_ACME_NAMES_MAX];
	struct vx_buf der = { .max = 32768 }, text = { .max = VX_ACME_JSON_MAX };
	size_t n = 0;

	if (vx_acme_takes_next(a, l) != l->with_next) {
		l->with_next = !l->with_next;
		a->dirty = true; /* kept before the authority knows it */
		return;
	}
	for (size_t i = 0; i < l->count; i++)
		if (!is_left_out(l, i))
			names[n++] = l->names[i];
	if (ordered_key(l) != NULL &&
	    vx_pki_request(ordered_key(l), names, n, &der) == VX_OK) {
		vx_base64url_add(&text, vx_buf_slice(&der));
		vx_acme_post(a, a->order.finalize, json_pack("{s:s}", "csr", text.ptr));
	} else {
		vx_acme_fail_text(a, VX_ACME_P_OURS, "the request cannot be made");
	}
	vx_buf_done(&der);
	vx_buf_done(&text);
}

static void finalize_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (!read_order(a, answer))
		return;
	if (a->order.status == VX_ACME_READY || a->order.status == VX_ACME_PENDING ||
	    a->order.status == VX_ACME_PROCESSING) {
		vx_acme_go(a, VX_ACME_PH_ISSUED);
		(void)wait_more(a, answer->retry_after, "the order");
	} else {
		by_status(a);
	}
}

/* Is it what was asked for?  err says what is not. */
static int check_fresh(
    const struct vx_acme *a, const struct vx_pki_cert *cert, struct vx_error *err)
{
	const struct vx_pki_key *const key = ordered_key(a->task.l);
	char digest[VX_PKI_DIGEST_OCTETS];

	if (key == NULL || vx_pki_key_digest(key, digest) != VX_OK ||
	    memcmp(digest, cert->digest, sizeof(digest)) != 0)
		return vx_error_set(err, VX_ETLS, "it is not for our key");
	if (!vx_acme_same_names(a->task.l, cert))
		return vx_error_set(
		    err, VX_ETLS, "it is for other names: %s", cert->names);
	if (cert->not_before > a->now + VX_ACME_SKEW_MAX_S)
		return vx_error_set(
		    err, VX_ETLS, "it is good only later: is the clock right?");
	if (cert->not_after <= a->now)
		return vx_error_set(err, VX_ETLS, "it has expired: is the clock right?");
	return VX_OK;
}

static void note_alternates(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	for (size_t i = 0; i < answer->link_count && i < VX_ACME_LINKS_MAX; i++) {
		const vx_slice link = vx_slice_trim(answer->links[i], " \t");
		const size_t end = vx_slice_find(link, '>');
		vx_slice url;

		if (link.len == 0 || link.ptr[0] != '<' || end == link.len ||
		    vx_slice_find_slice(vx_slice_from(link, end), VX_S("alternate")) ==
			link.len - end)
			continue;
		url = vx_slice_of(link.ptr + 1, end - 1);
		if (!vx_acme_is_url(url))
			continue;
		memcpy(a->alternates[a->alternate_count], url.ptr, url.len);
		a->alternates[a->alternate_count++][url.len] = '\0';
	}
}

/* The chain that is preferred, or the first one when none is. */
static void begin_download(struct vx_acme *a)
{
	const char *const wanted = vx_acme_account_of(a)->chain;

	if (!a->has_chain) {
		a->alternate_count = 0;
		vx_acme_post_get(a, a->order.certificate);
	} else if (wanted == NULL || strcmp(a->fresh.top_issuer, wanted) == 0 ||
		   a->alternate_count == 0) {
		if (wanted != NULL && strcmp(a->fresh.top_issuer, wanted) != 0)
			vx_acme_tell(a, VX_ACME_WARN,
			    "there is no chain to %s: the one to %s is taken", wanted,
			    a->fresh.top_issuer);
		vx_acme_obtained(a);
		return;
	} else {
		vx_acme_post_get(a, a->alternates[--a->alternate_count]);
	}
	a->request.accept = "application/pem-certificate-chain";
}

static void download_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	const char *const wanted = vx_acme_account_of(a)->chain;
	struct vx_error err = { .code = VX_OK };
	struct vx_pki_cert cert;
	int rc = vx_pki_cert_read(answer->body, &cert, &err);

	if (rc == VX_OK)
		rc = check_fresh(a, &cert, &err);
	if (a->has_chain &&
	    (rc != VX_OK || wanted == NULL || strcmp(cert.top_issuer, wanted) != 0))
		return; /* an alternate that is not better */
	if (rc != VX_OK) {
		vx_acme_fail_text(a, VX_ACME_P_OURS,
		    "the certificate that %s gave is not taken: %.200s",
		    vx_acme_account_of(a)->id, err.text);
		return;
	}
	vx_buf_reset(&a->chain);
	vx_buf_add(&a->chain, answer->body);
	a->fresh = cert;
	if (!a->has_chain)
		note_alternates(a, answer);
	a->has_chain = true;
}

/* --- the end
 * ------------------------------------------------------------------------------------ */

void vx_acme_clean(struct vx_acme *a)
{
	a->request.active = false;
	a->wait_until = 0;
	vx_acme_go(a, VX_ACME_PH_CLEAN);
}

static void begin_clean(struct vx_acme *a)
{
	struct vx_acme_lineage *const l = a->task.l;

	if (l->provided_count > 0)
		fill_provision(
		    vx_acme_ask(a, VX_ACME_REMOVE), &l->provided[l->provided_count - 1]);
	else
		vx_acme_end(a, a->failed ? VX_ETEMP : VX_OK, "");
}

/* What could not be removed is told; it does no harm but to the eye. */
static void clean_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (answer->result != VX_OK)
		vx_acme_tell(a, VX_ACME_WARN,
		    "what answered %s for %s is still there: %s",
		    vx_acme_challenge_name(a->step.challenge), a->step.name,
		    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
	a->task.l->provided_count--;
	a->dirty = true;
}

/* --- phases
 * -------------------------------------------------------------------------------------
 */

void vx_acme_order_start(struct vx_acme *a)
{
	a->has_chain = false;
	a->phase_end = 0;
	switch (a->task.type) {
	case VX_ACME_T_ISSUE:
		vx_acme_go(a,
		    a->task.l->order[0] == '\0' ? VX_ACME_PH_PERMIT : VX_ACME_PH_ORDER);
		break;
	case VX_ACME_T_INSTALL:
	case VX_ACME_T_DANE: /* they need no account */
		vx_acme_end(a, VX_OK, "");
		break;
	case VX_ACME_T_WINDOW:
		vx_acme_go(a, VX_ACME_PH_WINDOW);
		break;
	case VX_ACME_T_REVOKE:
	case VX_ACME_T_REVOKE_OTHER:
	case VX_ACME_T_REVOKE_DOOMED:
		vx_acme_go(a, VX_ACME_PH_REVOKE);
		break;
	case VX_ACME_T_ROLL_OVER:
		vx_acme_go(a, VX_ACME_PH_ROLL_OVER);
		break;
	case VX_ACME_T_DEACTIVATE:
		vx_acme_go(a, VX_ACME_PH_DEACTIVATE);
		break;
	}
}

static const struct {
	void (*begin)(struct vx_acme *a);
	void (*answer)(struct vx_acme *a, const struct vx_acme_answer *answer);
} phases[] = {
	[VX_ACME_PH_LOOK] = { begin_look, look_answer },
	[VX_ACME_PH_PERMIT] = { vx_acme_begin_permit, vx_acme_permit_answer },
	[VX_ACME_PH_NEW_ORDER] = { begin_new_order, new_order_answer },
	[VX_ACME_PH_ORDER] = { NULL, NULL },
	[VX_ACME_PH_AUTHZ] = { begin_authz, authz_answer },
	[VX_ACME_PH_PROVISION] = { begin_provision, provision_answer },
	[VX_ACME_PH_RESPOND] = { begin_respond, NULL },
	[VX_ACME_PH_POLL] = { begin_poll, poll_authz_answer },
	[VX_ACME_PH_READY] = { NULL, poll_answer },
	[VX_ACME_PH_FINALIZE] = { begin_finalize, finalize_answer },
	[VX_ACME_PH_ISSUED] = { NULL, poll_answer },
	[VX_ACME_PH_DOWNLOAD] = { begin_download, download_answer },
	[VX_ACME_PH_TLSA] = { vx_acme_begin_tlsa, vx_acme_tlsa_answer },
	[VX_ACME_PH_INSTALL] = { vx_acme_begin_install, vx_acme_install_answer },
	[VX_ACME_PH_SERVED] = { vx_acme_begin_served, vx_acme_served_answer },
	[VX_ACME_PH_PUBLISH] = { vx_acme_begin_publish, vx_acme_publish_answer },
	[VX_ACME_PH_CLEAN] = { begin_clean, clean_answer },
};

void vx_acme_begin_order(struct vx_acme *a)
{
	if (phases[a->phase].begin != NULL)
		phases[a->phase].begin(a);
	else
		vx_acme_post_get(a, a->task.l->order);
}

void vx_acme_order_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	if (phases[a->phase].answer != NULL)
		phases[a->phase].answer(a, answer);
	else if (a->phase == VX_ACME_PH_RESPOND)
		a->index++;
	else if (read_order(a, answer))
		by_status(a);
}

/* Names that an authority does not take are left out, where that is allowed. */
static bool leave_out(struct vx_acme *a, const struct vx_acme_problem *p)
{
	struct vx_acme_lineage *const l = a->task.l;
	char word[VX_ACME_NAME_MAX + 3];
	uint32_t refused = l->refused;
	size_t left = 0;

	for (size_t i = 0; i < l->count; i++) {
		(void)snprintf(word, sizeof(word), " %s ", l->names[i]);
		if (strstr(p->names, word) != NULL)
			refused |= UINT32_C(1) << i;
		left += (refused & (UINT32_C(1) << i)) == 0;
	}
	if (!l->partial || refused == l->refused || left == 0)
		return false;
	l->refused = refused;
	a->dirty = true;
	vx_acme_tell(a, VX_ACME_ALARM,
	    "the authority refuses names, which are left out: %s", p->text);
	vx_acme_go(a, VX_ACME_PH_NEW_ORDER);
	return true;
}

static bool new_order_problem(struct vx_acme *a, const struct vx_acme_problem *p)
{
	struct vx_acme_lineage *const l = a->task.l;

	if (p->what == VX_ACME_P_REPLACED && !l->no_replaces) {
		l->no_replaces = true;
		return true;
	}
	if (p->what == VX_ACME_P_PROFILE && !l->no_profile) {
		l->no_profile = true;
		vx_acme_tell(
		    a, VX_ACME_WARN, "it is ordered without a profile: %s", p->text);
		return true;
	}
	return p->what == VX_ACME_P_NAMES && leave_out(a, p);
}

/* What was ordered is not known there any more. */
static bool order_is_lost(struct vx_acme *a, const struct vx_acme_problem *p)
{
	struct vx_acme_problem lost = *p;

	if (p->what != VX_ACME_P_STOP || a->phase < VX_ACME_PH_ORDER ||
	    a->phase > VX_ACME_PH_DOWNLOAD || a->phase == VX_ACME_PH_FINALIZE)
		return false;
	lost.what = VX_ACME_P_VALIDATION;
	a->task.l->order[0] = '\0';
	vx_acme_fail(a, &lost, 0);
	return true;
}

bool vx_acme_order_problem(struct vx_acme *a, const struct vx_acme_problem *p)
{
	if (a->phase == VX_ACME_PH_NEW_ORDER)
		return new_order_problem(a, p);
	if (a->phase == VX_ACME_PH_RESPOND && p->what == VX_ACME_P_STOP) {
		a->index++; /* it was answered before: the authorization says how */
		return true;
	}
	if (a->phase == VX_ACME_PH_FINALIZE && p->what == VX_ACME_P_NOT_READY) {
		vx_acme_go(a, VX_ACME_PH_READY);
		(void)wait_more(a, (vx_slice){ NULL, 0 }, "the order");
		return true;
	}
	return order_is_lost(a, p);
}
