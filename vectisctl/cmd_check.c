/* domain check: what is wrong with a domain's mail, and what to do about it (CL-01). */
#include "vectisctl/check.h"

#include "vectis/relay.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The whole is over in less than 10 seconds, whoever does not answer. */
#define CLOUDFLARE_MS 3000
#define ALL_MS 9300
#define ROUND_MS 3000
#define QUESTIONS 150 /* of a round */
#define ROUNDS_MAX 20

uint64_t ctl_check_left(const struct checking *k)
{
	const uint64_t now = ctl_dns_now_ms();

	return k->end_ms > now ? k->end_ms - now : 1;
}

/* --- what the store knows -------------------------------------------------------------
 */

static bool has_mailbox(void *ctx, vx_slice address)
{
	struct checking *k = ctx;
	struct vx_resolved found;
	struct vx_arena arena;
	struct vx_view *v = NULL;
	bool has = false;

	vx_arena_init(&arena, 65536);
	if (vx_view_begin(k->c->store, &v) == VX_OK) {
		has =
		    vx_directory_resolve(v, address,
			k->c->config->subaddress_delimiter[0], &arena, &found) == VX_OK &&
		    (found.kind == VX_RESOLVED_LOCAL || found.away);
		vx_view_end(v);
	}
	vx_arena_done(&arena);
	return has;
}

/* The relay that mail of the domain to anybody leaves by. */
static void find_relay(struct checking *k)
{
	char name[VX_RELAY_NAME_MAX + 1];
	struct vx_view *v = NULL;
	struct vx_relay r;

	if (vx_view_begin(k->c->store, &v) != VX_OK)
		return;
	if (vx_relay_route(v, vx_slice_str(k->d.domain), VX_S("destination.invalid"),
		VX_S("mx.destination.invalid"), name) == VX_OK &&
	    vx_relay_get(v, vx_slice_str(name), &r) == VX_OK) {
		(void)snprintf(
		    k->relay, sizeof(k->relay), "%.*s", (int)r.host.len, r.host.ptr);
		k->f.relay_host = k->relay;
	}
	vx_view_end(v);
}

/* --- Cloudflare -----------------------------------------------------------------------
 */

void ctl_check_cloudflare(struct checking *k)
{
	struct ctl_dns *d = &k->d;

	k->f.secrets_problem = d->secrets_problem;
	k->f.has_token = d->cf != NULL;
	if (d->cf == NULL)
		return;
	d->deadline_ms = ctl_dns_now_ms() + CLOUDFLARE_MS;
	ctl_dns_try(d, vx_cf_check(d->cf, d->domain));
	k->token = *vx_cf_result(d->cf);
	k->f.token = &k->token;
	if (k->token.outcome != VX_CF_GOOD && k->token.outcome != VX_CF_FORBIDDEN)
		return;
	ctl_dns_try(d, vx_cf_ask_state(d->cf, d->domain));
	k->state = *vx_cf_state(d->cf);
	if (vx_cf_result(d->cf)->outcome == VX_CF_GOOD)
		k->f.cloudflare = &k->state;
	ctl_dns_try(d, vx_cf_load(d->cf, d->domain));
	if (vx_cf_result(d->cf)->outcome == VX_CF_GOOD)
		k->f.zone = vx_cf_records(d->cf);
	if (k->f.backup_to == NULL)
		return;
	ctl_dns_try(d, vx_cf_ask_backup(d->cf, d->domain, k->f.backup_to));
	if (vx_cf_result(d->cf)->outcome == VX_CF_GOOD)
		k->f.routing = vx_cf_backup(d->cf);
}

/* --- the DNS --------------------------------------------------------------------------
 */

/* All questions of a round side by side; the next round asks what follows from them. */
static bool ask_round(struct vx_once *once, struct vx_diag *d, uint64_t ms_max)
{
	static struct vx_dns_question asked[QUESTIONS];
	static struct vx_once_question questions[QUESTIONS];
	struct vx_once_work w = { .questions = questions };

	w.question_count = vx_diag_ask(d, asked, QUESTIONS);
	w.ms_max = ms_max < ROUND_MS ? ms_max : ROUND_MS;
	for (size_t i = 0; i < w.question_count; i++)
		questions[i] = (struct vx_once_question){ .question = asked[i] };
	if (w.question_count == 0 || vx_once_do(once, &w) != VX_OK)
		return false;
	for (size_t i = 0; i < w.question_count; i++) {
		if (questions[i].answer != NULL)
			(void)vx_diag_answer(d, &asked[i], questions[i].answer);
		vx_dns_answer_free(questions[i].answer);
	}
	return true;
}

void ctl_check_ask(struct vx_once *once, struct vx_diag *d, uint64_t end_ms)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		const uint64_t now = ctl_dns_now_ms();

		if (now >= end_ms || !ask_round(once, d, end_ms - now))
			return;
	}
}

/* --- saying ---------------------------------------------------------------------------
 */

static void say(struct ctl *c, const struct vx_diag_finding *f,
    const struct ctl_past *past, json_t *list)
{
	json_t *j = json_object();
	char since[100] = "";

	(void)json_object_set_new(j, "id", json_string(f->id));
	(void)json_object_set_new(j, "name", json_string(f->name));
	(void)json_object_set_new(j, "title", json_string(f->title));
	(void)json_object_set_new(
	    j, "verdict", json_string(vx_diag_verdict_name(f->verdict)));
	(void)json_object_set_new(j, "seen", ctl_text(vx_slice_str(f->seen)));
	(void)json_object_set_new(j, "why", json_string(f->why));
	(void)json_object_set_new(j, "fix", ctl_text(vx_slice_str(f->fix)));
	(void)json_object_set_new(j, "wait", json_string(f->wait));
	(void)json_array_append_new(list, j);
	if (past != NULL)
		ctl_history_tell(past, f->name, j, since);
	if (f->verdict == VX_DIAG_NA && !ctl_flag(c, "--all"))
		return;
	ctl_say(c, "%-4s  %s (%s %s): %s%s", vx_diag_verdict_name(f->verdict), f->title,
	    f->id, f->name, f->seen, since);
	if (f->verdict == VX_DIAG_INFO && f->fix[0] != '\0')
		ctl_say(c, "      do:   %s", f->fix);
	if (f->verdict != VX_DIAG_WARN && f->verdict != VX_DIAG_FAIL)
		return;
	if (f->why[0] != '\0')
		ctl_say(c, "      why:  %s", f->why);
	ctl_say(c, "      do:   %s", f->fix);
	ctl_say(c, "      wait: %s", f->wait);
}

/* What it comes to for those who get mail from here (DNS-31). */
static void say_report(struct checking *k, const struct vx_diag *d)
{
	struct vx_diag_section sections[VX_DIAG_SECTIONS];
	const unsigned score = vx_diag_report(d, sections);
	json_t *report = json_object(), *list = json_array();

	(void)json_object_set_new(report, "score", json_integer((json_int_t)score));
	(void)json_object_set_new(report, "sections", list);
	(void)json_object_set_new(k->c->result, "report", report);
	ctl_say(k->c, "\ndeliverability: %u of 100", score);
	for (size_t i = 0; i < VX_DIAG_SECTIONS; i++) {
		const struct vx_diag_section *s = &sections[i];
		json_t *j = json_object();

		(void)json_object_set_new(j, "name", json_string(s->name));
		(void)json_object_set_new(j, "title", json_string(s->title));
		(void)json_object_set_new(
		    j, "verdict", json_string(vx_diag_verdict_name(s->verdict)));
		(void)json_object_set_new(
		    j, "weight", json_integer((json_int_t)s->weight));
		(void)json_object_set_new(
		    j, "points", json_integer((json_int_t)s->points));
		(void)json_object_set_new(j, "check", json_string(s->decisive->name));
		(void)json_object_set_new(
		    j, "found", ctl_text(vx_slice_str(s->decisive->seen)));
		(void)json_array_append_new(list, j);
		ctl_say(k->c, "  %-4s  %2u of %2u  %s: %s",
		    vx_diag_verdict_name(s->verdict), s->points, s->weight, s->title,
		    s->decisive->seen);
	}
}

/* What is right may be kept longer (DNS-16): that is told, and is no fault. */
static void say_ttl(struct checking *k, bool good)
{
	const struct vx_zone_wish w = { .struct_size = sizeof(w),
		.domain = k->f.domain,
		.hostname = k->f.hostname,
		.install = k->d.id,
		.ttl_kept = VX_ZONE_TTL_SETTLED };
	const bool raises = good && k->past.h.passed != 0 && k->f.zone != NULL &&
			    k->d.hostname == NULL &&
			    vx_zone_count_short(&w, k->f.zone) > 0;

	(void)json_object_set_new(k->c->result, "raise_ttl", json_boolean(raises));
	if (raises)
		ctl_say(k->c,
		    "\nall passes: vectisctl dns apply %s raises the TTL of its records",
		    k->f.domain);
}

int ctl_check_say_all(
    struct ctl *c, const struct vx_diag *d, const char *what, const struct ctl_past *past)
{
	size_t counts[VX_DIAG_NA + 1] = { 0 };
	const struct vx_diag_finding *f;
	json_t *list = json_array(), *sums = json_object();

	for (size_t i = 0; (f = vx_diag_finding(d, i)) != NULL; i++) {
		counts[f->verdict]++;
		say(c, f, past, list);
	}
	for (int v = 0; v <= VX_DIAG_NA; v++)
		(void)json_object_set_new(sums,
		    vx_diag_verdict_name((enum vx_diag_verdict)v),
		    json_integer((json_int_t)counts[v]));
	(void)json_object_set_new(c->result, "checks", list);
	(void)json_object_set_new(c->result, "counts", sums);
	ctl_say(c, "%s: %zu pass, %zu warn, %zu fail", what,
	    counts[VX_DIAG_PASS] + counts[VX_DIAG_INFO], counts[VX_DIAG_WARN],
	    counts[VX_DIAG_FAIL]);
	return counts[VX_DIAG_FAIL] > 0 ? CTL_FAILED : CTL_OK;
}

/* --- the command ----------------------------------------------------------------------
 */

static void gather(struct checking *k)
{
	const struct vx_text_list *lists = &k->c->config->smtp_blocklists;

	k->f.struct_size = sizeof(k->f);
	k->f.now = (int64_t)time(NULL);
	k->f.domain = k->d.domain;
	k->f.hostname = k->c->config->hostname;
	k->f.admin_host = k->c->config->dns_admin_host;
	ctl_check_move(k);
	k->f.addresses = k->d.addresses;
	k->f.address_count = k->d.address_count;
	k->f.keys = k->d.keys;
	k->f.key_count = k->d.dkim_count;
	k->f.backup = (k->d.flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0;
	if (k->f.backup && k->d.backup[0] != '\0')
		k->f.backup_to = k->d.backup;
	if ((k->d.flags & VX_DOMAIN_BACKUP_HOST) != 0)
		k->f.backup_host = k->d.backup;
	k->f.verify = k->d.verify[0] != '\0' ? k->d.verify : NULL;
	k->f.verified = k->d.verified;
	k->f.dmarc_none = (k->d.flags & VX_DOMAIN_DMARC_NONE) != 0;
	k->f.sts_mode = (k->d.flags & VX_DOMAIN_STS_ENFORCE) != 0   ? "enforce"
			: (k->d.flags & VX_DOMAIN_STS_TESTING) != 0 ? "testing"
								    : NULL;
	k->f.mailbox = has_mailbox;
	k->f.mailbox_ctx = k;
	k->f.ports = k->ports;
	k->f.lists = k->lists;
	for (size_t i = 0; i < lists->count && k->f.list_count < VX_DIAG_LISTS_MAX; i++)
		k->f.list_count += vx_dnsbl_parse(vx_slice_str(lists->items[i]),
				       &k->lists[k->f.list_count]) == VX_OK;
	find_relay(k);
	ctl_check_certs(k);
	k->f.old_clients = k->old_clients;
	k->f.old_client_count = ctl_old_clients(k->c, k->old_clients);
	ctl_check_server(k);
	ctl_check_flow(k);
	ctl_check_cloudflare(k);
	ctl_check_reach(k);
	k->server.clock_known = k->d.clock_known;
	k->server.clock_skew = k->d.clock_skew;
}

static int diagnose(struct checking *k)
{
	struct vx_diag *d = NULL;
	int rc, status;

	gather(k);
	rc = vx_diag_new(&k->f, &d);
	if (rc != VX_OK)
		return ctl_fail(k->c, CTL_FAILED, "%s", vx_strerror(rc));
	ctl_check_ask(k->d.once, d, k->end_ms);
	ctl_check_others(k, d);
	vx_diag_run(d);
	ctl_history_keep(k->c, k->d.domain, d, &k->past);
	status = ctl_check_say_all(k->c, d, k->d.domain, &k->past);
	say_report(k, d);
	say_ttl(k, status == CTL_OK);
	vx_diag_free(d);
	return status;
}

/* The store does not open: what is wrong with the server is all that can be said. */
static int diagnose_server(struct checking *k)
{
	struct vx_diag *d = NULL;
	int status;

	k->f.struct_size = sizeof(k->f);
	k->f.now = (int64_t)time(NULL);
	k->f.domain = k->c->config->hostname;
	k->f.hostname = k->c->config->hostname;
	k->f.admin_host = k->c->config->dns_admin_host;
	ctl_check_server(k);
	if (vx_diag_new(&k->f, &d) != VX_OK)
		return ctl_fail(k->c, CTL_FAILED, "%s", k->store_problem);
	vx_diag_run(d);
	status = ctl_check_say_all(k->c, d, "the server", NULL);
	vx_diag_free(d);
	return status;
}

static int domain_check(struct ctl *c)
{
	static struct checking k;
	int status;

	if (ctl_flag(c, "--history"))
		return ctl_history_show(c);
	k.c = c;
	k.d.tolerant = true;
	k.d.look = ctl_check_store_first;
	k.end_ms = ctl_dns_now_ms() + ALL_MS;
	ctl_check_config(&k); /* as root, whose the file is */
	status = ctl_dns_open(c, &k.d);
	if (k.server.store.unusable)
		status = diagnose_server(&k);
	else if (status == CTL_OK)
		status = diagnose(&k);
	ctl_dns_close(&k.d);
	ctl_check_done(&k);
	return status;
}

const struct ctl_command ctl_check_commands[] = {
	{ "domain", "check", domain_check, NEEDS_CONFIG | TAKES_NAME, 1, 1,
	    "DOMAIN [--all] [--history]",
	    "find out what is wrong with its mail, and what to do" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
