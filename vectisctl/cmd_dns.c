/* dns: the records of a domain, planned, applied, exported, withdrawn (CL-18). */
#include "vectisctl/dns.h"
#include "vectisctl/history.h"
#include "vectisctl/verify.h"

#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- saying ---------------------------------------------------------------------------
 */

/* For copying: what, where, and whether it has to be (DNS-27). */
static void say_plan(struct ctl *c, const struct vx_zone_plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++) {
		const struct vx_zone_want *w = &p->wants[i];
		json_t *j = ctl_dns_record(&w->record);

		(void)json_object_set_new(
		    j, "purpose", json_string(vx_zone_purpose_name(w->purpose)));
		(void)json_object_set_new(j, "required", json_boolean(w->required));
		(void)json_array_append_new(list, j);
	}
	(void)json_object_set_new(c->result, "records", list);
}

static void print_plan(struct ctl *c, const struct vx_zone_plan *p)
{
	for (int required = 1; required >= 0; required--) {
		ctl_say(c, required ? "Required:" : "\nRecommended:");
		for (size_t i = 0; i < p->count; i++)
			if (p->wants[i].required == (required != 0))
				ctl_dns_say_record(c, "  ", &p->wants[i].record, "");
	}
	ctl_say(c,
	    "\nThe PTR records of these addresses have to name %s; who rents you "
	    "the addresses sets them.",
	    p->hostname);
}

static void say_change(struct ctl *c, const struct vx_zone_change *k)
{
	static const char *const marks[] = { "  = ", "  + ", "  ~ ", "  & ", "  - ",
		"  . ", "  ! " };
	const bool both = k->verb == VX_ZONE_CHANGE || k->verb == VX_ZONE_MERGE;

	if (both)
		ctl_dns_say_record(c, "  - ", k->have, "");
	ctl_dns_say_record(c, marks[k->verb],
	    k->verb == VX_ZONE_ADD || both || k->have == NULL ? &k->to : k->have, k->why);
}

static json_t *change_json(const struct vx_zone_change *k)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "do", json_string(vx_zone_verb_name(k->verb)));
	(void)json_object_set_new(j, "why", ctl_text(vx_slice_str(k->why)));
	(void)json_object_set_new(j, "taken", json_boolean(k->taken));
	(void)json_object_set_new(j, "ttl_only", json_boolean(k->ttl_only));
	if (k->have != NULL)
		(void)json_object_set_new(j, "have", ctl_dns_record(k->have));
	if (k->want != NULL)
		(void)json_object_set_new(j, "want", ctl_dns_record(&k->to));
	return j;
}

static void say_diff(struct ctl *c, const struct vx_zone_diff *d)
{
	json_t *list = json_array();
	size_t kept = 0;

	for (size_t i = 0; i < d->count; i++) {
		(void)json_array_append_new(list, change_json(&d->changes[i]));
		if (d->changes[i].verb == VX_ZONE_KEEP)
			kept++;
		else
			say_change(c, &d->changes[i]);
	}
	(void)json_object_set_new(c->result, "changes", list);
	(void)json_object_set_new(c->result, "work", json_integer((json_int_t)d->work));
	(void)json_object_set_new(
	    c->result, "clashes", json_integer((json_int_t)d->clashes));
	ctl_say(c, "%zu records are right, %zu changes, %zu in the way", kept, d->work,
	    d->clashes);
}

/* Two servers of a domain cannot have keys of one name; ours takes another (DNS-09). */
static void say_key_clash(struct ctl *c, const struct ctl_dns *d)
{
	char command[VX_DNS_NAME_MAX + 40];

	for (size_t i = 0; i < d->diff->count; i++) {
		const struct vx_zone_change *k = &d->diff->changes[i];

		if (k->verb != VX_ZONE_CLASH || k->have == NULL || k->want == NULL ||
		    k->want->purpose != VX_ZONE_DKIM)
			continue;
		(void)snprintf(command, sizeof(command),
		    "vectisctl domain dkim-rotate %s", d->domain);
		(void)json_object_set_new(c->result, "dkim_clash", json_string(command));
		ctl_say(c,
		    "  another server signs as %s under a name of ours: \"%s\" makes "
		    "keys with names of their own; then apply this again (--take would "
		    "take the other's key out)",
		    d->domain, command);
		return;
	}
}

/* --- the zone as it is ----------------------------------------------------------------
 */

int ctl_dns_compare_loaded(struct ctl *c, struct ctl_dns *d, unsigned flags)
{
	int status;

	(void)json_object_set_new(
	    c->result, "zone", ctl_text(vx_slice_str(vx_cf_zone(d->cf)->name)));
	status = ctl_dns_plan(c, d, vx_cf_zone(d->cf)->name);
	/* a part has nothing to do with the backup */
	if (status == CTL_OK && (flags & (VX_ZONE_PART | VX_ZONE_TLSA_ONLY)) == 0)
		status = ctl_dns_ask_backup(c, d, flags);
	if (status != CTL_OK)
		return status;
	say_plan(c, d->plan);
	ctl_dns_check_backup(c, d);
	d->diff = vx_memory_alloc(sizeof(*d->diff));
	if (d->diff == NULL)
		return ctl_fail(c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM));
	if (vx_zone_diff(d->plan, vx_cf_records(d->cf), flags | ctl_dns_unlocks(d),
		d->diff) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "there is too much to change");
	say_diff(c, d->diff);
	say_key_clash(c, d);
	ctl_dns_say_backup(c, d);
	ctl_dns_say_tangles(c, d);
	return CTL_OK;
}

static int compare(struct ctl *c, struct ctl_dns *d, unsigned flags)
{
	const int status = ctl_dns_run(c, d, vx_cf_load(d->cf, d->domain));

	return status == CTL_OK ? ctl_dns_compare_loaded(c, d, flags) : status;
}

static void no_token(struct ctl *c)
{
	ctl_say(c, "There is no cloudflare.api_token in secrets.yaml: these are the "
		   "records to publish.\n");
}

static unsigned take_flag(const struct ctl *c)
{
	return ctl_flag(c, "--take") ? VX_ZONE_TAKE : 0;
}

static int plan(struct ctl *c, struct ctl_dns *d)
{
	int status;

	if (d->cf != NULL) {
		status = compare(c, d, take_flag(c));
		if (status == CTL_OK)
			ctl_dns_say_dnssec(c, d);
		if (status == CTL_OK)
			ctl_dns_say_policy(c, d);
		return status;
	}
	status = ctl_dns_plan(c, d, NULL);
	if (status != CTL_OK)
		return status;
	no_token(c);
	say_plan(c, d->plan);
	print_plan(c, d->plan);
	if ((d->flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0)
		ctl_say(c,
		    "\nEmail Routing has to be on at Cloudflare, and to lead all mail of "
		    "%s "
		    "to %s.",
		    d->domain, d->backup[0] != '\0' ? d->backup : "a mailbox elsewhere");
	ctl_dns_say_policy(c, d);
	return CTL_OK;
}

/* --- changing it ----------------------------------------------------------------------
 */

/* The zone as it was, in the state directory: what a person goes back to. */
static int keep_export(struct ctl *c, struct ctl_dns *d)
{
	const time_t now = time(NULL);
	char dir[PATH_MAX], path[PATH_MAX], when[32];
	struct tm tm;
	int status = ctl_dns_run(c, d, vx_cf_export(d->cf, d->domain));

	if (status != CTL_OK)
		return status;
	(void)gmtime_r(&now, &tm);
	(void)strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	ctl_state_path(c, "dns", dir);
	status = ctl_make_dir(c, dir, 0700);
	if (snprintf(path, sizeof(path), "%.3800s/%.200s-%s.zone", dir,
		vx_cf_zone(d->cf)->name, when) >= (int)sizeof(path))
		return ctl_fail(c, CTL_FAILED, "the path of %s is too long", dir);
	if (status == CTL_OK)
		status = ctl_write_file(c, path, 0600, vx_cf_exported(d->cf));
	if (status == CTL_OK) {
		(void)json_object_set_new(c->result, "export", json_string(path));
		ctl_say(c, "the zone as it was is in %s", path);
	}
	return status;
}

int ctl_dns_confirm(struct ctl *c, const char *question)
{
	char answer[16];
	int status;

	if (ctl_flag(c, "--yes"))
		return CTL_OK;
	if (isatty(STDIN_FILENO) == 0)
		return ctl_fail(
		    c, CTL_USAGE, "nobody is there to say yes: add --yes to change it");
	status = ctl_ask(c, question, "no", answer, sizeof(answer));
	if (status != CTL_OK)
		return status;
	return strcmp(answer, "yes") == 0 || strcmp(answer, "y") == 0
		   ? CTL_OK
		   : ctl_fail(c, CTL_FAILED, "nothing was changed");
}

/* What Cloudflare says to have done is looked at once more. */
static int look_again(struct ctl *c, struct ctl_dns *d, unsigned flags)
{
	int status = ctl_dns_run(c, d, vx_cf_load(d->cf, d->domain));

	if (status != CTL_OK)
		return status;
	vx_zone_diff_done(d->diff);
	if (vx_zone_diff(d->plan, vx_cf_records(d->cf), flags, d->diff) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "there is too much to change");
	return CTL_OK;
}

static void add_done(struct vx_cf_done *sum, struct vx_cf_done more)
{
	sum->added += more.added;
	sum->changed += more.changed;
	sum->removed += more.removed;
}

static int change_records(
    struct ctl *c, struct ctl_dns *d, unsigned flags, struct vx_cf_done *done)
{
	const int status = ctl_dns_run(c, d, vx_cf_apply(d->cf, d->plan, flags));

	add_done(done, vx_cf_done(d->cf));
	return status;
}

/* Records that were tied to Email Routing may have gone with it: they are made anew. */
static int verify(
    struct ctl *c, struct ctl_dns *d, unsigned flags, struct vx_cf_done *done)
{
	int status = look_again(c, d, flags);

	if (status == CTL_OK && d->diff->work > 0 && d->todo_count > 0) {
		status = change_records(c, d, flags, done);
		if (status == CTL_OK)
			status = look_again(c, d, flags);
	}
	if (status == CTL_OK && d->diff->work > 0)
		return ctl_fail(c, CTL_FAILED,
		    "after the change the zone is not as it should be: somebody changes "
		    "it, too");
	return status;
}

/* What a check has found does not hold for records that say something else (DNS-16). */
static void note_change(struct ctl *c, struct ctl_dns *d)
{
	size_t ttls = 0;

	for (size_t i = 0; i < d->diff->count; i++)
		ttls += d->diff->changes[i].ttl_only;
	if (d->diff->work == ttls && d->todo_count == 0)
		return;
	d->plan->ttl_kept = 0;
	ctl_history_changed(c, d->domain);
}

int ctl_dns_change(struct ctl *c, struct ctl_dns *d, unsigned flags)
{
	struct vx_cf_done done = { 0 };
	json_t *j = json_object();
	int status = keep_export(c, d);

	if (status == CTL_OK)
		note_change(c, d);
	if (status == CTL_OK)
		status = ctl_dns_begin_backup(c, d, (flags & VX_ZONE_TAKE) != 0);
	if (status == CTL_OK)
		status = ctl_dns_keep_merged(c, d, true);
	if (status == CTL_OK)
		status = change_records(c, d, flags, &done);
	if (status == CTL_OK)
		status = ctl_dns_end_backup(c, d);
	if (status == CTL_OK)
		status = verify(c, d, flags, &done);
	if (status == CTL_OK)
		status = ctl_dns_keep_merged(c, d, false);
	(void)json_object_set_new(j, "added", json_integer((json_int_t)done.added));
	(void)json_object_set_new(j, "changed", json_integer((json_int_t)done.changed));
	(void)json_object_set_new(j, "removed", json_integer((json_int_t)done.removed));
	(void)json_object_set_new(c->result, "done", j);
	if (status == CTL_OK)
		ctl_say(c, "%zu added, %zu changed, %zu removed", done.added,
		    done.changed, done.removed);
	return status;
}

static int change_if_wanted(
    struct ctl *c, struct ctl_dns *d, unsigned flags, const char *question)
{
	int status = compare(c, d, flags);

	if (status == CTL_OK && d->diff->work + d->todo_count > 0) {
		status = ctl_dns_confirm(c, question);
		if (status == CTL_OK)
			status = ctl_dns_change(c, d, flags);
	}
	if (status == CTL_OK && d->diff->clashes > 0)
		status = ctl_fail(c, CTL_FAILED,
		    "%zu records are in the way: change them yourself, or take them over "
		    "with --take",
		    d->diff->clashes);
	return status;
}

static int apply(struct ctl *c, struct ctl_dns *d)
{
	int status;

	if (d->cf == NULL) {
		(void)plan(c, d);
		return ctl_fail(c, CTL_FAILED,
		    "without a token nothing is changed: publish these records yourself");
	}
	status = change_if_wanted(c, d, take_flag(c), "Change the zone? (yes, no)");
	return status == CTL_OK && d->verify[0] != '\0' && !d->verified
		   ? ctl_verify_applied(c, d->domain)
		   : status;
}

/* The server that the best of the MX leads to which were made here; NULL: there is none.
 */
static const char *served_by(const struct ctl_dns *d)
{
	const struct vx_zone *z = vx_cf_records(d->cf);
	const char *best = NULL;
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < z->count; i++) {
		const struct vx_zone_record *r = &z->records[i];
		vx_slice rest = vx_slice_str(r->content), word;
		uint64_t preference;

		if (strcmp(r->type, "MX") != 0 || strcmp(r->name, d->domain) != 0 ||
		    !vx_zone_is_ours(r))
			continue;
		(void)vx_slice_cut(&rest, ' ', &word);
		if (vx_slice_number(word, 65535, &preference) == VX_OK &&
		    preference < least && rest.len > 0) {
			least = preference;
			best = rest.ptr;
		}
	}
	return best;
}

/* Who has taken the domain to another server does not want its records to go. */
static int refuse_anothers(struct ctl *c, const struct ctl_dns *d)
{
	const char *const host = served_by(d);

	if (host == NULL || strcmp(host, d->plan->hostname) == 0 ||
	    strcmp(host, d->plan->former) == 0 ||
	    (d->beside != NULL && strcmp(host, d->beside) == 0))
		return CTL_OK;
	return ctl_fail(c, CTL_FAILED,
	    "the MX of %s leads to %s, so that its records are those of another server; "
	    "if this one had that name: vectisctl dns withdraw %s --former %s",
	    d->domain, host, d->domain, host);
}

/* What is offered may be declined. */
static int ask_to_remove(struct ctl *c, bool offers, bool *yes)
{
	char answer[16];
	int status = CTL_OK;

	*yes = true;
	if (!offers || ctl_flag(c, "--yes"))
		return ctl_dns_confirm(c, "Remove these records? (yes, no)");
	status = ctl_ask(c, "Remove these records, which were made for it? (yes, no)",
	    "no", answer, sizeof(answer));
	*yes = strcmp(answer, "yes") == 0 || strcmp(answer, "y") == 0;
	return status;
}

int ctl_dns_withdraw(struct ctl *c, struct ctl_dns *d, bool offers, bool *done)
{
	const unsigned flags =
	    VX_ZONE_WITHDRAW |
	    (ctl_flag(c, "--with-host") ? (unsigned)VX_ZONE_WITHDRAW_HOST : 0);
	bool yes = true;
	int status;

	if (d->cf == NULL)
		return ctl_fail(c, CTL_FAILED,
		    "without a token nothing is changed: take out yourself what was "
		    "published for %s%s%s",
		    d->domain, d->gone ? "" : ", as vectisctl dns plan names it for ",
		    d->gone ? "" : d->domain);
	status = compare(c, d, flags);
	if (status == CTL_OK)
		status = refuse_anothers(c, d);
	if (status == CTL_OK && d->diff->work + d->todo_count > 0) {
		status = ask_to_remove(c, offers, &yes);
		if (status == CTL_OK && yes)
			status = ctl_dns_change(c, d, flags);
	}
	if (status == CTL_OK && yes && d->diff->clashes > 0)
		status = ctl_fail(c, CTL_FAILED,
		    "%zu records are locked at Cloudflare: unlock them there",
		    d->diff->clashes);
	*done = status == CTL_OK && yes;
	return status;
}

static int export(struct ctl *c, struct ctl_dns *d)
{
	struct vx_buf text = { .max = VX_CF_ANSWER_MAX };
	int status;

	if (d->cf != NULL) {
		status = ctl_dns_run(c, d, vx_cf_export(d->cf, d->domain));
		if (status == CTL_OK)
			vx_buf_add(&text, vx_cf_exported(d->cf));
	} else {
		status = ctl_dns_plan(c, d, NULL);
		for (size_t i = 0; status == CTL_OK && i < d->plan->count; i++)
			vx_zone_write(&d->plan->wants[i].record, &text);
	}
	if (status == CTL_OK) {
		(void)json_object_set_new(
		    c->result, "zone_file", ctl_text(vx_buf_slice(&text)));
		ctl_say(c, "%.*s", (int)text.len, text.len > 0 ? text.ptr : "");
	}
	vx_buf_done(&text);
	return status;
}

/* --- commands -------------------------------------------------------------------------
 */

static int open_and_run(
    struct ctl *c, struct ctl_dns *d, int (*run)(struct ctl *, struct ctl_dns *))
{
	int status = ctl_dns_open(c, d);

	if (status == CTL_OK) {
		(void)json_object_set_new(c->result, "provider",
		    d->cf != NULL ? json_string("cloudflare") : json_null());
		status = run(c, d);
	}
	ctl_dns_close(d);
	return status;
}

static int with_dns(struct ctl *c, int (*run)(struct ctl *, struct ctl_dns *))
{
	struct ctl_dns d = { .flags = 0 };

	return open_and_run(c, &d, run);
}

static int dns_plan(struct ctl *c)
{
	return with_dns(c, plan);
}

static int dns_apply(struct ctl *c)
{
	return with_dns(c, apply);
}

static int dns_export(struct ctl *c)
{
	return with_dns(c, export);
}

static int withdraw(struct ctl *c, struct ctl_dns *d)
{
	bool done = false;
	const int status = ctl_dns_withdraw(c, d, false, &done);

	return status == CTL_OK && done && d->gone ? ctl_dns_forget_merged(c, d) : status;
}

/* Also of a domain that was here. */
static int dns_withdraw(struct ctl *c)
{
	struct ctl_dns d = { .removes = true, .may_be_gone = true };

	return open_and_run(c, &d, withdraw);
}

const struct ctl_command ctl_dns_commands[] = {
	{ "dns", "plan", dns_plan, NEEDS_CONFIG | TAKES_NAME, 1, 1,
	    "DOMAIN [--take] [--former HOST] [--mta-sts ID]",
	    "the records of a domain, and what has to be changed for them" },
	{ "dns", "apply", dns_apply, NEEDS_CONFIG | TAKES_NAME, 1, 1,
	    "DOMAIN [--take] [--former HOST] [--mta-sts ID] [--yes]",
	    "change them at Cloudflare" },
	{ "dns", "export", dns_export, NEEDS_CONFIG | TAKES_NAME, 1, 1, "DOMAIN",
	    "the zone as text" },
	{ "dns", "withdraw", dns_withdraw, NEEDS_CONFIG | TAKES_NAME, 1, 1,
	    "DOMAIN [--with-host] [--former HOST] [--yes]",
	    "take out the records that were made here" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
