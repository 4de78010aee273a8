/*
 * dns move: the server gets another name, in all its domains at once (DNS-11, TLS-27).
 *
 * The order is that nobody ever finds less than before: the new name's addresses, then a
 * certificate for it, then the records of each domain, then the server's own
 * configuration, and last, when no cache can have them any more, the old name's records
 * go.  What is done is found out anew each time; only the old name and since when are
 * kept, below dns/ in the state directory, so that it can be broken off anywhere and run
 * again.
 */
#include "vectisctl/dns.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DOMAINS_MAX 10000
#define TTL_LEAST 300 /* what "automatic" is at Cloudflare */
#define MX_MS 5000

struct moving {
	struct ctl *c;
	struct ctl_dns d;
	char from[VX_DNS_NAME_MAX + 1], to[VX_DNS_NAME_MAX + 1];
	int64_t since; /* that all domains lead to the new name; 0: they do not yet */
	uint32_t ttl;  /* of what was replaced, the longest */
	bool begun;    /* there is a certificate, and domains lead there */
	char (*domains)[VX_DNS_NAME_MAX + 1]; /* in the arena */
	size_t count;
	json_t *results; /* borrowed from the result: one of each domain */
	size_t work, clashes, by_hand;
};

/* --- what is kept ---------------------------------------------------------------------
 */

static void state_path(const struct ctl *c, char path[PATH_MAX])
{
	ctl_state_path(c, "dns/move", path);
}

/* Both names empty: nothing is under way. */
static json_t *load_state(
    const struct ctl *c, char from[VX_DNS_NAME_MAX + 1], char to[VX_DNS_NAME_MAX + 1])
{
	char path[PATH_MAX];
	json_t *j;

	state_path(c, path);
	j = json_load_file(path, 0, NULL);
	if (vx_dns_name(vx_slice_str(json_string_value(json_object_get(j, "from"))),
		from) != VX_OK ||
	    vx_dns_name(vx_slice_str(json_string_value(json_object_get(j, "to"))), to) !=
		VX_OK)
		from[0] = to[0] = '\0';
	return j;
}

static void read_state(struct moving *m)
{
	json_t *j = load_state(m->c, m->from, m->to);

	m->since = json_integer_value(json_object_get(j, "since"));
	m->ttl = (uint32_t)json_integer_value(json_object_get(j, "ttl"));
	m->begun = json_is_true(json_object_get(j, "begun"));
	json_decref(j);
}

bool ctl_move_names(
    const struct ctl *c, char from[VX_DNS_NAME_MAX + 1], char to[VX_DNS_NAME_MAX + 1])
{
	json_t *j = load_state(c, from, to);
	const bool begun = json_is_true(json_object_get(j, "begun"));

	json_decref(j);
	return begun && from[0] != '\0' && to[0] != '\0';
}

static int add_octets(const char *octets, size_t len, void *out)
{
	vx_buf_add(out, vx_slice_of(octets, len));
	return 0;
}

static int write_state(struct moving *m)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct vx_buf text = { .max = 4096 };
	json_t *j =
	    json_pack("{s:s, s:s, s:b, s:I, s:I}", "from", m->from, "to", m->to, "begun",
		(int)m->begun, "since", (json_int_t)m->since, "ttl", (json_int_t)m->ttl);
	const int rc = json_dump_callback(j, add_octets, &text, JSON_INDENT(1));
	int status;

	json_decref(j);
	ctl_state_path(m->c, "dns", dir);
	state_path(m->c, path);
	status = rc != 0 || text.failed
		     ? ctl_fail(m->c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM))
		     : ctl_make_dir(m->c, dir, 0700);
	if (status == CTL_OK)
		status = ctl_write_file(m->c, path, 0600, vx_buf_slice(&text));
	vx_buf_done(&text);
	return status;
}

/* From where to where: as it was begun, or from what the server is called. */
static int read_names(struct moving *m)
{
	char to[VX_DNS_NAME_MAX + 1];
	struct ctl *c = m->c;

	if (vx_dns_name(vx_slice_str(c->args[0]), to) != VX_OK || !vx_dns_is_host(to) ||
	    vx_dns_labels(vx_slice_str(to)) < 2)
		return ctl_fail(c, CTL_USAGE,
		    "%s is no name of a server, such as mail.your-domain.net",
		    c->args[0]);
	read_state(m);
	if (strcmp(m->to, to) == 0)
		return CTL_OK;
	if (m->to[0] != '\0' && strcmp(m->from, to) != 0)
		return ctl_fail(c, CTL_FAILED,
		    "the server is on its way to %s: finish that with \"vectisctl dns "
		    "move "
		    "%s\", or go back with \"vectisctl dns move %s\"",
		    m->to, m->to, m->from);
	/* a way back is a way from where it was going */
	(void)snprintf(m->from, sizeof(m->from), "%s",
	    m->to[0] != '\0' ? m->to : c->config->hostname);
	(void)snprintf(m->to, sizeof(m->to), "%s", to);
	m->since = 0;
	m->ttl = 0;
	m->begun = false;
	if (strcmp(m->from, to) == 0)
		return ctl_fail(c, CTL_FAILED, "the server is called %s already", to);
	return CTL_OK;
}

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

/* --- the certificate ------------------------------------------------------------------
 */

static bool covers(const char *names, const char *host)
{
	const vx_slice h = vx_slice_str(host);
	vx_slice rest = vx_slice_str(names), name;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &name);
		if (vx_slice_eq_nocase(name, h) ||
		    (vx_slice_has_prefix(name, VX_S("*.")) &&
			vx_slice_eq_nocase(vx_slice_from(name, 2), vx_dns_parent(h, 1))))
			return true;
	}
	return false;
}

static bool has_certificate(struct moving *m)
{
	const int64_t now = (int64_t)time(NULL);
	struct vx_certs_entry e;
	struct vx_error err;
	char dir[PATH_MAX];

	ctl_state_path(m->c, "certs", dir);
	for (size_t n = 0; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++)
		if (e.problem.text[0] == '\0' && e.info.not_after > now &&
		    covers(e.info.names, m->to))
			return true;
	return false;
}

/* The names that acmed asks for, and the new one, as config set takes them. */
static void write_names(const struct moving *m, struct vx_buf *out)
{
	const struct vx_text_list *names = &m->c->config->tls_names;

	vx_buf_add_str(out, "[");
	for (size_t i = 0; i < names->count; i++)
		vx_buf_printf(out, "\"%s\", ", names->items[i]);
	vx_buf_printf(out, "\"%s\"]", m->to);
	vx_buf_add_char(out, '\0');
}

static int want_certificate(struct moving *m)
{
	struct vx_buf names = { .max = 500 };
	char how[900];

	write_names(m, &names);
	if (m->c->config->tls_provider == VX_TLS_LETSENCRYPT && !names.failed)
		(void)snprintf(how, sizeof(how),
		    "\"vectisctl config set tls.names '%s'\", \"vectisctl config apply\" "
		    "and \"vectisctl cert issue\"",
		    names.ptr);
	else
		(void)snprintf(how, sizeof(how), "%s",
		    m->c->config->tls_provider == VX_TLS_LETSENCRYPT
			? "add the name to tls.names, \"vectisctl config apply\" and "
			  "\"vectisctl cert issue\""
			: "import one that has it, beside the old name, with "
			  "\"vectisctl cert import\"");
	vx_buf_done(&names);
	(void)json_object_set_new(m->c->result, "phase", json_string("certificate"));
	return ctl_fail(m->c, CTL_FAILED,
	    "there is no certificate for %s yet, and clients would be refused: %s; then "
	    "\"vectisctl dns move %s\" again",
	    m->to, how, m->to);
}

/* --- domains that are served elsewhere -------------------------------------------------
 */

/* Where its mail goes, as the DNS has it: to the new name, and not to the old? */
static bool leads_there(struct moving *m, const char *domain)
{
	struct vx_once_question q = { .late = false };
	struct vx_once_work w = { .questions = &q, .question_count = 1, .ms_max = MX_MS };
	bool to = false, from = false;

	if (vx_dns_ask(VX_DNS_MX, "", vx_slice_str(domain), &q.question) != VX_OK ||
	    vx_once_do(m->d.once, &w) != VX_OK)
		return false;
	for (size_t i = 0; q.answer != NULL && i < q.answer->count; i++) {
		struct vx_dns_mx mx;

		if (vx_dns_read_mx(q.answer->rdata[i], &mx) != VX_OK)
			continue;
		to = to || strcmp(mx.host, m->to) == 0;
		from = from || strcmp(mx.host, m->from) == 0;
	}
	vx_dns_answer_free(q.answer);
	return to && !from;
}

static void by_hand(struct moving *m, const char *domain)
{
	const bool done = leads_there(m, domain);

	(void)json_object_set_new(m->c->result, "by_hand", json_boolean(!done));
	if (done)
		return;
	m->by_hand++;
	ctl_say(m->c,
	    "  ! this token does not see its zone: lead everything that names %s to %s "
	    "there",
	    m->from, m->to);
}

/* --- one after the other ---------------------------------------------------------------
 */

/* What is replaced may be kept by others for as long as it said. */
static void note_ttl(struct moving *m)
{
	for (size_t i = 0; i < m->d.diff->count; i++) {
		const struct vx_zone_change *k = &m->d.diff->changes[i];

		if (k->have != NULL && k->verb != VX_ZONE_KEEP && k->have->ttl > m->ttl)
			m->ttl = k->have->ttl;
	}
}

/* Its result is an object of its own. */
static int each(struct moving *m, size_t i, int (*run)(struct moving *, const char *))
{
	json_t *all = m->c->result, *own = json_object();
	int status;

	(void)json_object_set_new(own, "domain", json_string(m->domains[i]));
	m->c->result = own;
	ctl_say(m->c, "%s:", m->domains[i]);
	status = ctl_dns_select(m->c, &m->d, m->domains[i]);
	if (status == CTL_OK)
		status = run(m, m->domains[i]);
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
		status = each(m, i, run);
	return status;
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

static int compare_one(struct moving *m, const char *domain, unsigned flags)
{
	const unsigned take = ctl_flag(m->c, "--take") ? VX_ZONE_TAKE : 0;
	bool found;
	int status = find_zone(m, domain, &found);

	if (status != CTL_OK)
		return status;
	if (!found) {
		by_hand(m, domain);
		return CTL_OK;
	}
	status = ctl_dns_compare_loaded(m->c, &m->d, take | flags);
	if (status != CTL_OK)
		return status;
	ctl_dns_say_policy(m->c, &m->d);
	m->work += m->d.diff->work + m->d.todo_count;
	m->clashes += m->d.diff->clashes;
	return CTL_OK;
}

static int look_at(struct moving *m, const char *domain)
{
	return compare_one(m, domain, m->d.host_only ? VX_ZONE_PART : 0);
}

/* What was said is not said again; a domain that is right already costs one look. */
static int change_one(struct moving *m, const char *domain)
{
	const unsigned flags = (ctl_flag(m->c, "--take") ? VX_ZONE_TAKE : 0) |
			       (m->d.host_only ? VX_ZONE_PART : 0u);
	int status;

	m->c->quiet = true;
	status = compare_one(m, domain, m->d.host_only ? VX_ZONE_PART : 0);
	m->c->quiet = false;
	if (status != CTL_OK || m->d.diff == NULL ||
	    m->d.diff->work + m->d.todo_count == 0)
		return status;
	note_ttl(m);
	return ctl_dns_change(m->c, &m->d, flags);
}

/* --- the phases -----------------------------------------------------------------------
 */

static void count_anew(struct moving *m)
{
	m->work = m->clashes = m->by_hand = 0;
}

/* One difference over all, a question, and then each. */
static int change_all(struct moving *m, const char *question)
{
	size_t by_hand_count;
	int status;

	count_anew(m);
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
	if (m->work > 0) {
		status =
		    ctl_flag(m->c, "--plan") ? CTL_OK : ctl_dns_confirm(m->c, question);
		if (status != CTL_OK || ctl_flag(m->c, "--plan"))
			return status;
		status = write_state(m);
		if (status == CTL_OK)
			status = for_all(m, change_one);
		if (status != CTL_OK)
			(void)ctl_fail(m->c, CTL_FAILED,
			    "%zu of %zu domains were looked after: run it again, and it "
			    "goes on from there",
			    json_array_size(m->results) - 1, m->count);
	}
	m->by_hand = by_hand_count;
	return status;
}

/* The addresses of the new name, so that an authority finds it. */
static int publish_host(struct moving *m)
{
	int status;

	(void)json_object_set_new(m->c->result, "phase", json_string("host"));
	ctl_say(m->c, "The addresses of %s come first:", m->to);
	m->d.host_only = true;
	status = change_all(m, "Publish them? (yes, no)");
	m->d.host_only = false;
	return status;
}

static int move_records(struct moving *m)
{
	int status;

	(void)json_object_set_new(m->c->result, "phase", json_string("records"));
	m->d.beside = m->from;
	m->begun = true;
	status = change_all(m, "Lead all these domains to the new name? (yes, no)");
	m->d.beside = NULL;
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	if (m->by_hand > 0)
		return ctl_fail(m->c, CTL_FAILED,
		    "%zu domains are served elsewhere and still have to be led to %s; %s "
		    "stays until then",
		    m->by_hand, m->to, m->from);
	if (m->since == 0 || m->work > 0)
		m->since = (int64_t)time(NULL);
	return write_state(m);
}

static int forget_former(struct moving *m)
{
	char path[PATH_MAX];
	int status;

	(void)json_object_set_new(m->c->result, "phase", json_string("withdraw"));
	ctl_say(m->c, "The records of %s go:", m->from);
	m->d.former = m->from;
	status = change_all(m, "Remove them? (yes, no)");
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	state_path(m->c, path);
	(void)unlink(path);
	(void)json_object_set_new(m->c->result, "phase", json_string("done"));
	ctl_say(m->c, "the server is %s, everywhere", m->to);
	return CTL_OK;
}

/* Everybody leads here by the new name: what is left is ours to do, and others' to
 * forget. */
static int finish(struct moving *m)
{
	const uint32_t ttl = m->ttl > TTL_LEAST ? m->ttl : TTL_LEAST;
	const int64_t left = m->since + ttl - (int64_t)time(NULL);

	if (strcmp(m->c->config->hostname, m->to) != 0) {
		(void)json_object_set_new(m->c->result, "phase", json_string("hostname"));
		ctl_say(m->c,
		    "all domains lead to %s.  Now \"vectisctl config set hostname %s\" "
		    "and "
		    "\"vectisctl config apply\", have the PTR records of the addresses "
		    "name "
		    "it, and then \"vectisctl dns move %s\" again, which takes the "
		    "records "
		    "of %s out",
		    m->to, m->to, m->to, m->from);
		return CTL_OK;
	}
	(void)json_object_set_new(m->c->result, "seconds_left",
	    json_integer((json_int_t)(left > 0 ? left : 0)));
	if (left > 0 && !ctl_flag(m->c, "--no-wait")) {
		(void)json_object_set_new(m->c->result, "phase", json_string("wait"));
		ctl_say(m->c,
		    "others may remember %s for %lld seconds more: its records go with "
		    "\"vectisctl dns move %s\" after that",
		    m->from, (long long)left, m->to);
		return CTL_OK;
	}
	return forget_former(m);
}

static int move(struct moving *m)
{
	int status;

	m->results = json_array();
	(void)json_object_set_new(m->c->result, "domains", m->results);
	(void)json_object_set_new(m->c->result, "from", json_string(m->from));
	(void)json_object_set_new(m->c->result, "to", json_string(m->to));
	m->d.hostname = m->to;
	if (!has_certificate(m)) {
		status = publish_host(m);
		return status == CTL_OK ? want_certificate(m) : status;
	}
	status = move_records(m);
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	return finish(m);
}

static int dns_move(struct ctl *c)
{
	static struct moving m;
	int status;

	m.c = c;
	status = ctl_dns_open_server(c, &m.d);
	if (status == CTL_OK && m.d.cf == NULL)
		status = ctl_fail(c, CTL_FAILED,
		    "without cloudflare.api_token in secrets.yaml nothing is changed: "
		    "lead "
		    "the domains to the new name yourself, and then set hostname");
	if (status == CTL_OK)
		status = read_names(&m);
	if (status == CTL_OK)
		status = list_domains(&m);
	if (status == CTL_OK)
		status = move(&m);
	ctl_dns_close(&m.d);
	return status;
}

const struct ctl_command ctl_move_commands[] = {
	{ "dns", "move", dns_move, NEEDS_CONFIG, 1, 1,
	    "HOST [--plan] [--take] [--no-wait] [--yes]",
	    "another name for the server, in all domains" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
