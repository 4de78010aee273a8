/*
 * dns move: what is done to the DNS, step by step.  Each step finds out anew what there
 * is to do, asks once for all of it, and does it zone by zone.
 */
#include "vectisctl/move.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DOMAINS_MAX 10000
#define ASK_MS 5000
#define PTR_MS 2000
#define SEEN_S 30 /* that a record which was just published is waited for */

/* --- questions ------------------------------------------------------------------------
 */

/* One question, to a resolver that remembers nothing yet; the answer is the caller's. */
static struct vx_dns_answer *ask(
    struct moving *m, enum vx_dns_type type, const char *prefix, const char *name)
{
	struct vx_once_question q = { .late = false };
	struct vx_once_work w = {
		.questions = &q, .question_count = 1, .ms_max = ASK_MS
	};
	struct vx_once *once = NULL;
	struct vx_error err;

	if (vx_dns_ask(type, prefix, vx_slice_str(name), &q.question) == VX_OK &&
	    vx_once_new(m->c->config, &once, &err) == VX_OK)
		(void)vx_once_do(once, &w);
	vx_once_free(once);
	if (q.answer != NULL && !vx_dns_answered(q.answer)) {
		vx_dns_answer_free(q.answer);
		q.answer = NULL;
	}
	return q.answer;
}

/* Is there an address of ours at the new name, as the DNS has it? */
static bool has_address(struct moving *m)
{
	bool found = false;

	for (size_t i = 0; i < m->d.address_count && !found; i++) {
		const bool six = strchr(m->d.addresses[i], ':') != NULL;
		struct vx_dns_answer *a =
		    ask(m, six ? VX_DNS_AAAA : VX_DNS_A, "", m->s.to);

		found = a != NULL && a->count > 0;
		vx_dns_answer_free(a);
	}
	return found;
}

/* How many TLSA records it has; all: every key of ours is among them. */
static size_t count_keys(struct moving *m, bool *all)
{
	struct vx_dns_answer *a = ask(m, VX_DNS_TLSA, "_25._tcp", m->s.to);
	const size_t count = a != NULL && a->secure ? a->count : 0;
	size_t there = 0;

	for (size_t k = 0; k < m->d.tlsa_count; k++)
		for (size_t i = 0; i < count; i++) {
			char hex[2 * VX_PKI_DIGEST_OCTETS + 1];
			struct vx_dns_tlsa t;

			if (vx_dns_read_tlsa(a->rdata[i], &t) != VX_OK || t.usage != 3 ||
			    t.selector != 1 || t.matching != 1 ||
			    t.data.len != VX_PKI_DIGEST_OCTETS)
				continue;
			for (size_t n = 0; n < t.data.len; n++)
				(void)snprintf(hex + 2 * n, 3, "%02x",
				    (unsigned)(unsigned char)t.data.ptr[n]);
			if (strcmp(hex, m->d.tlsa[k]) == 0) {
				there++;
				break;
			}
		}
	vx_dns_answer_free(a);
	*all = there == m->d.tlsa_count;
	return count;
}

static bool wait_until(struct moving *m, bool (*there)(struct moving *))
{
	const uint64_t until = ctl_dns_now_ms() + SEEN_S * UINT64_C(1000);
	const struct timespec pause = { .tv_nsec = 300000000 };

	while (!there(m)) {
		if (ctl_dns_now_ms() > until)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

/* Where its mail goes, as the DNS has it: to the new name, and not to the old? */
static bool leads_there(struct moving *m, const char *domain)
{
	struct vx_once_question q = { .late = false };
	struct vx_once_work w = {
		.questions = &q, .question_count = 1, .ms_max = ASK_MS
	};
	bool to = false, from = false;

	if (vx_dns_ask(VX_DNS_MX, "", vx_slice_str(domain), &q.question) != VX_OK ||
	    vx_once_do(m->d.once, &w) != VX_OK)
		return false;
	for (size_t i = 0; q.answer != NULL && i < q.answer->count; i++) {
		struct vx_dns_mx mx;

		if (vx_dns_read_mx(q.answer->rdata[i], &mx) != VX_OK)
			continue;
		to = to || strcmp(mx.host, m->s.to) == 0;
		from = from || strcmp(mx.host, m->s.from) == 0;
	}
	vx_dns_answer_free(q.answer);
	return to && !from;
}

/* --- one after the other ---------------------------------------------------------------
 */

static int list_domains(struct moving *m)
{
	char after[VX_DNS_NAME_MAX + 1] = "";
	struct vx_domain d;
	struct vx_view *v = NULL;
	size_t n = 0;
	int rc = vx_view_begin(m->c->store, &v);

	while (rc == VX_OK &&
	       (rc = vx_directory_next_domain(v, vx_slice_str(after), &d)) == VX_OK) {
		(void)snprintf(after, sizeof(after), "%.*s", (int)d.name.len, d.name.ptr);
		n++;
	}
	after[0] = '\0';
	m->domains = rc == VX_ENOENT && n <= DOMAINS_MAX
			 ? vx_arena_array(&m->d.arena, n + 1, sizeof(*m->domains))
			 : NULL;
	for (rc = VX_OK; m->domains != NULL && m->count < n && rc == VX_OK; m->count++) {
		rc = vx_directory_next_domain(v, vx_slice_str(after), &d);
		(void)snprintf(after, sizeof(after), "%.*s", (int)d.name.len, d.name.ptr);
		memcpy(m->domains[m->count], after, sizeof(after));
	}
	if (v != NULL)
		vx_view_end(v);
	if (m->domains == NULL || rc != VX_OK)
		return ctl_fail(m->c, CTL_FAILED, "there are too many domains");
	return n > 0 ? CTL_OK : ctl_fail(m->c, CTL_FAILED, "there are no domains");
}

/* What a person has to do in a zone that the token does not see. */
static void by_hand(struct moving *m, const char *domain)
{
	const bool former = m->host_step && m->d.former != NULL;
	const bool done = former         ? false
			  : m->host_step ? has_address(m)
					 : leads_there(m, domain);

	(void)json_object_set_new(m->c->result, "by_hand", json_boolean(!done));
	if (done)
		return;
	m->by_hand++;
	if (former)
		ctl_say(m->c,
		    "  ! this token does not see its zone: take out the records of %s "
		    "there",
		    m->s.from);
	else if (m->host_step)
		ctl_say(m->c,
		    "  ! this token does not see its zone: publish the addresses of this "
		    "server at %s there",
		    m->s.to);
	else
		ctl_say(m->c,
		    "  ! this token does not see its zone: lead everything that names %s "
		    "to %s there",
		    m->s.from, m->s.to);
}

/* What is replaced may be kept by others for as long as it said. */
static void note_ttl(struct moving *m)
{
	for (size_t i = 0; i < m->d.diff->count; i++) {
		const struct vx_zone_change *k = &m->d.diff->changes[i];

		if (k->have != NULL && k->verb != VX_ZONE_KEEP && k->have->ttl > m->s.ttl)
			m->s.ttl = k->have->ttl;
	}
}

/* Its result is an object of its own. */
static int each(
    struct moving *m, const char *name, int (*run)(struct moving *, const char *))
{
	json_t *all = m->c->result, *own = json_object();
	int status = CTL_OK;

	(void)json_object_set_new(own, "domain", json_string(name));
	m->c->result = own;
	ctl_say(m->c, "%s:", name);
	if (m->host_step)
		ctl_dns_select_host(&m->d, name);
	else
		status = ctl_dns_select(m->c, &m->d, name);
	if (status == CTL_OK)
		status = run(m, name);
	m->c->result = all;
	(void)json_array_append_new(m->results, own);
	if (status != CTL_OK)
		(void)json_object_set(all, "error", json_object_get(own, "error"));
	return status;
}

static int for_all(struct moving *m, int (*run)(struct moving *, const char *))
{
	int status = CTL_OK;

	(void)json_array_clear(m->results);
	for (size_t i = 0; status == CTL_OK && i < m->count; i++)
		status = each(m, m->domains[i], run);
	return status;
}

/* Who heeds the policy that is served delivers to no server that it does not name. */
static void check_served(struct moving *m, const char *domain)
{
	struct vx_once_request r = { .fetch = { .method = "GET" },
		.body = { .max = VX_STS_OCTETS_MAX } };
	const unsigned port = (unsigned)m->c->config->sending_sts_port;
	char url[VX_DNS_NAME_MAX + 80];
	struct vx_sts_policy p;

	if ((m->d.flags & VX_DOMAIN_STS_ENFORCE) == 0)
		return;
	(void)snprintf(url, sizeof(url),
	    port == 443 ? "https://mta-sts.%s/.well-known/mta-sts.txt"
			: "https://mta-sts.%s:%u/.well-known/mta-sts.txt",
	    domain, port);
	r.fetch.url = url;
	if (ctl_dns_fetch(&m->d, &r, ASK_MS) == VX_OK && r.result == VX_FETCH_ANSWERED &&
	    r.status == 200 && vx_sts_parse(vx_buf_slice(&r.body), &p, NULL) == VX_OK &&
	    p.mode == VX_STS_ENFORCE && !vx_sts_matches(&p, m->s.to)) {
		m->unserved++;
		(void)json_object_set_new(m->c->result, "served", json_false());
		ctl_say(m->c, "  ! what is served there does not name %s", m->s.to);
	}
	vx_buf_done(&r.body);
}

/* Is there a zone for it?  CTL_OK and false: it is served elsewhere. */
static int find_zone(struct moving *m, const char *domain, bool *found)
{
	ctl_dns_try(&m->d, vx_cf_load(m->d.cf, domain));
	*found = vx_cf_result(m->d.cf)->outcome == VX_CF_GOOD;
	if (*found || vx_cf_result(m->d.cf)->outcome == VX_CF_NO_ZONE)
		return CTL_OK;
	return ctl_fail(
	    m->c, CTL_FAILED, "%s: Cloudflare: %s", domain, vx_cf_result(m->d.cf)->text);
}

static unsigned flags_of(const struct moving *m)
{
	return m->flags | (ctl_flag(m->c, "--take") ? VX_ZONE_TAKE : 0u);
}

static int look_at(struct moving *m, const char *domain)
{
	bool found;
	int status = find_zone(m, domain, &found);

	if (status != CTL_OK)
		return status;
	if (!found) {
		by_hand(m, domain);
		return CTL_OK;
	}
	m->covered = m->covered || vx_dns_is_below(vx_slice_str(m->s.from),
				       vx_slice_str(vx_cf_zone(m->d.cf)->name));
	status = ctl_dns_compare_loaded(m->c, &m->d, flags_of(m));
	if (status != CTL_OK)
		return status;
	if (m->flags == 0)
		ctl_dns_say_policy(m->c, &m->d);
	if (m->d.beside != NULL && !m->c->quiet)
		check_served(m, domain);
	m->work += m->d.diff->work + m->d.todo_count;
	m->clashes += m->d.diff->clashes;
	return CTL_OK;
}

/* What was said is not said again; a domain that is right already costs one look. */
static int change_one(struct moving *m, const char *domain)
{
	int status;

	m->c->quiet = true;
	status = look_at(m, domain);
	m->c->quiet = false;
	if (status != CTL_OK || m->d.diff == NULL ||
	    m->d.diff->work + m->d.todo_count == 0)
		return status;
	note_ttl(m);
	/* before it is replaced: who is killed now still knows how long to wait */
	status = ctl_move_save(m->c, &m->s);
	return status == CTL_OK ? ctl_dns_change(m->c, &m->d, flags_of(m)) : status;
}

/* One difference over all, a question, and then each. */
static int change_all(struct moving *m, const char *question)
{
	size_t by_hand_count;
	int status;

	m->work = m->clashes = m->by_hand = m->unserved = 0;
	status = for_all(m, look_at);
	by_hand_count = m->by_hand;
	(void)json_object_set_new(
	    m->c->result, "work", json_integer((json_int_t)m->work));
	(void)json_object_set_new(
	    m->c->result, "clashes", json_integer((json_int_t)m->clashes));
	if (status != CTL_OK)
		return status;
	if (m->clashes > 0)
		return ctl_fail(m->c, CTL_FAILED,
		    "%zu records are in the way, and nothing was changed: change them "
		    "yourself, or take them over with --take",
		    m->clashes);
	if (m->unserved > 0 && !ctl_flag(m->c, "--plan"))
		return ctl_fail(m->c, CTL_FAILED,
		    "%zu domains have a policy of MTA-STS (RFC 8461) that lets no mail "
		    "go to "
		    "%s, and nothing was changed: serve those that are shown above first",
		    m->unserved, m->s.to);
	if (m->work > 0 && !ctl_flag(m->c, "--plan")) {
		status = ctl_dns_confirm(m->c, question);
		if (status == CTL_OK)
			status = for_all(m, change_one);
		if (status != CTL_OK && json_array_size(m->results) < m->count)
			(void)ctl_fail(m->c, CTL_FAILED,
			    "%zu of %zu domains were looked after: run it again, and it "
			    "goes on from there",
			    json_array_size(m->results) - 1, m->count);
		else if (status != CTL_OK)
			(void)ctl_fail(
			    m->c, CTL_FAILED, "run it again, and it goes on from there");
	}
	m->by_hand = by_hand_count;
	return status;
}

/* --- the steps ------------------------------------------------------------------------
 */

/* Everything anew: what is asked and opened belongs to this process. */
static int begin(struct moving *m, const char *phase, bool all)
{
	int status;

	(void)json_object_set_new(m->c->result, "phase", json_string(phase));
	m->d.hostname = m->s.to;
	status = ctl_dns_open_server(m->c, &m->d);
	ctl_move_bind();
	if (status == CTL_OK && m->d.cf == NULL)
		status = ctl_fail(m->c, CTL_FAILED,
		    "without cloudflare.api_token in secrets.yaml nothing is changed: "
		    "lead the domains to the new name yourself, and then set hostname");
	m->results = json_array();
	(void)json_object_set_new(m->c->result, "domains", m->results);
	if (status == CTL_OK && all)
		status = list_domains(m);
	return status;
}

/* The same for one name of the server, in whatever zone it is. */
static int begin_host(struct moving *m, const char *phase, const char *name)
{
	static char one[1][VX_DNS_NAME_MAX + 1];
	const int status = begin(m, phase, false);

	(void)snprintf(one[0], sizeof(one[0]), "%s", name);
	m->domains = one;
	m->count = 1;
	m->host_step = true;
	return status;
}

/* The addresses of the new name, so that authorities and clients find it. */
int ctl_move_publish(struct moving *m)
{
	int status = begin_host(m, "host", m->s.to);

	m->d.host_only = true;
	m->flags = VX_ZONE_PART;
	if (status == CTL_OK) {
		ctl_say(m->c, "The addresses of %s come first:", m->s.to);
		status = change_all(m, "Publish them? (yes, no)");
	}
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	if (m->by_hand > 0)
		return ctl_fail(m->c, CTL_FAILED,
		    "%s has no address yet, and its zone cannot be changed with this "
		    "token: publish the addresses of this server there, and then "
		    "\"vectisctl dns move %s\" again",
		    m->s.to, m->s.to);
	status = ctl_move_save(m->c, &m->s);
	if (status == CTL_OK && m->work > 0 && vx_acme_is_wanted(m->c->config) &&
	    !wait_until(m, has_address))
		ctl_warn(m->c, "%s is not seen by this server's resolver yet", m->s.to);
	return status;
}

static bool has_keys(struct moving *m)
{
	bool all;

	(void)count_keys(m, &all);
	return all;
}

static int keys_by_hand(struct moving *m)
{
	bool all;
	const size_t count = count_keys(m, &all);

	if (all)
		return CTL_OK;
	for (size_t i = 0; i < m->d.tlsa_count; i++)
		ctl_say(m->c, "  _25._tcp.%s. TLSA 3 1 1 %s", m->s.to, m->d.tlsa[i]);
	if (count > 0)
		return ctl_fail(m->c, CTL_FAILED,
		    "the TLSA records of %s do not have all keys of this server, and "
		    "servers that look at them would not deliver: publish those above, "
		    "and "
		    "then \"vectisctl dns move %s\" again",
		    m->s.to, m->s.to);
	ctl_warn(m->c,
	    "%s is in a signed zone and has no TLSA records: publish those above for "
	    "DANE",
	    m->s.to);
	return CTL_OK;
}

/* Servers that use DANE find the keys in use and the next ones before they come there. */
int ctl_move_tlsa(struct moving *m)
{
	int status = begin_host(m, "tlsa", m->s.to);

	if (status != CTL_OK || !m->d.secure || m->d.tlsa_count == 0)
		return status;
	m->d.tlsa_only = true;
	m->flags = VX_ZONE_TLSA_ONLY;
	ctl_say(m->c,
	    "The TLSA records of %s have to be there before mail comes to it:", m->s.to);
	status = change_all(m, "Publish them? (yes, no)");
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	if (json_is_true(json_object_get(json_array_get(m->results, 0), "by_hand")) ||
	    m->d.diff == NULL)
		return keys_by_hand(m);
	if (wait_until(m, has_keys))
		return CTL_OK;
	return ctl_fail(m->c, CTL_FAILED,
	    "the TLSA records of %s are published, and not all of them are seen after %d "
	    "seconds: no domain is led there before they are; then "
	    "\"vectisctl dns move %s\" again",
	    m->s.to, SEEN_S, m->s.to);
}

int ctl_move_records(struct moving *m)
{
	int status = begin(m, "records", true);

	m->d.beside = m->s.from;
	m->s.begun = true;
	if (status == CTL_OK)
		status =
		    change_all(m, "Lead all these domains to the new name? (yes, no)");
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	if (m->s.since == 0 || m->work > 0)
		m->s.since = m->by_hand > 0 ? 0 : (int64_t)time(NULL);
	status = ctl_move_save(m->c, &m->s);
	if (status == CTL_OK && m->by_hand > 0)
		status = ctl_fail(m->c, CTL_FAILED,
		    "%zu domains are served elsewhere and still have to be led to %s; %s "
		    "stays until then",
		    m->by_hand, m->s.to, m->s.from);
	return status;
}

/* The former name's own zone, where no domain is. */
static int withdraw_host(struct moving *m)
{
	static char one[1][VX_DNS_NAME_MAX + 1];

	(void)snprintf(one[0], sizeof(one[0]), "%s", m->s.from);
	m->domains = one;
	m->count = 1;
	m->host_step = m->d.host_only = true;
	return change_all(m, "Remove these, too? (yes, no)");
}

int ctl_move_withdraw(struct moving *m)
{
	int status = begin(m, "withdraw", true);

	m->d.former = m->s.from;
	if (status == CTL_OK) {
		ctl_say(m->c,
		    "The records of %s go; clients that still use it find nobody then:",
		    m->s.from);
		status = change_all(m, "Remove them? (yes, no)");
	}
	if (status == CTL_OK && !m->covered)
		status = withdraw_host(m);
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	m->s.withdrawn = true;
	return ctl_move_save(m->c, &m->s);
}

/* --- what a provider has to do --------------------------------------------------------
 */

static bool is_named(const struct vx_dns_answer *a, const char *name)
{
	char each[VX_DNS_NAME_MAX + 1];

	for (size_t i = 0; a != NULL && i < a->count; i++)
		if (vx_dns_read_name(a->rdata[i], each) == VX_OK &&
		    strcmp(each, name) == 0)
			return true;
	return false;
}

static void say_ptr(struct moving *m, const char *address, bool right, json_t *list)
{
	(void)json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "address", address,
					      "name", m->s.to, "right", (int)right));
	if (!right)
		ctl_say(m->c, "  at your provider, have the PTR record of %s name %s",
		    address, m->s.to);
}

int ctl_move_ptr(struct moving *m)
{
	struct vx_once_question q[VX_ZONE_ADDRESSES_MAX] = { 0 };
	struct vx_once_work w = { .questions = q, .ms_max = PTR_MS };
	json_t *const list = json_array();
	const int status = begin(m, "hostname", false);

	(void)json_object_del(m->c->result, "domains");
	(void)json_object_set_new(m->c->result, "ptr", list);
	if (status != CTL_OK)
		return status;
	for (; w.question_count < m->d.address_count; w.question_count++) {
		struct vx_dns_question *each = &q[w.question_count].question;

		each->type = VX_DNS_PTR;
		(void)vx_dns_reverse(m->d.addresses[w.question_count], NULL, each->name);
	}
	(void)vx_once_do(m->d.once, &w);
	for (size_t i = 0; i < w.question_count; i++) {
		say_ptr(m, m->d.addresses[i], is_named(q[i].answer, m->s.to), list);
		vx_dns_answer_free(q[i].answer);
	}
	return CTL_OK;
}
