/* domain remove: its records first, if that is wanted, and then the domain (DNS-37). */
#include "vectisctl/dns.h"
#include "vectisctl/history.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int too_full(struct ctl *c, const struct vx_directory_op *op)
{
	(void)json_object_set_new(c->result, "mailboxes", json_integer(op->accounts));
	(void)json_object_set_new(c->result, "aliases", json_integer(op->aliases));
	(void)json_object_set_new(c->result, "lists", json_integer(op->lists));
	return ctl_fail(c, CTL_FAILED,
	    "%s still has %u mailboxes and %u aliases, and %u lists and groups: remove "
	    "them first",
	    c->args[0], op->accounts, op->aliases, op->lists);
}

/* only_ask: may it be removed? */
static int run(struct ctl *c, bool only_ask)
{
	struct vx_directory_op op;
	int rc;

	vx_directory_op_init(&op, VX_DOMAIN_REMOVE);
	op.name = vx_slice_str(c->args[0]);
	op.only_ask = only_ask;
	rc = vx_store_run(c->store, &op.op);
	if (rc == VX_ENOTEMPTY)
		return too_full(c, &op);
	if (rc == VX_OK && only_ask)
		return CTL_OK;
	if (rc == VX_OK)
		ctl_history_forget(c, c->args[0]);
	return ctl_done(c, rc, "domain removed", c->args[0]);
}

static void keep(struct ctl *c, const struct ctl_dns *d)
{
	const char *const name = d->domain[0] != '\0' ? d->domain : c->args[0];
	char command[VX_DNS_NAME_MAX + 40];

	(void)snprintf(command, sizeof(command), "vectisctl dns withdraw %.253s", name);
	(void)json_object_set_new(c->result, "dns", json_string("kept"));
	(void)json_object_set_new(c->result, "withdraw", json_string(command));
	ctl_say(c,
	    "its records stay in the DNS: \"%s\" removes those that were made here%s",
	    command,
	    d->cf != NULL ? "" : ", once there is a token; else it is yours to do");
}

/* A person is there who can be shown what there is, and asked. */
static bool may_ask(const struct ctl *c)
{
	return isatty(STDIN_FILENO) != 0 && !c->json;
}

static int deal_with_records(struct ctl *c, struct ctl_dns *d, const char *how)
{
	bool done = false;
	int status;

	if (how == NULL && (d->cf == NULL || (!ctl_flag(c, "--yes") && !may_ask(c)))) {
		keep(c, d);
		return CTL_OK;
	}
	status = ctl_dns_withdraw(c, d, how == NULL, &done);
	if (status == CTL_OK && done) {
		(void)json_object_set_new(c->result, "dns", json_string("withdrawn"));
		status = ctl_dns_forget_merged(c, d);
	} else if (status == CTL_OK) {
		keep(c, d);
	}
	if (status != CTL_OK)
		return ctl_fail(c, status,
		    "%s was not removed: do that again, or add --dns keep", c->args[0]);
	return CTL_OK;
}

int ctl_domain_remove(struct ctl *c)
{
	const char *how = ctl_option(c, "--dns");
	const bool keeps = how != NULL && strcmp(how, "keep") == 0;
	struct ctl_dns d = { .writes = true, .removes = true, .tolerant = how == NULL };
	int status;

	if (!ctl_flag(c, "--confirm"))
		return ctl_fail(
		    c, CTL_USAGE, "add --confirm to remove the domain %s", c->args[0]);
	if (how != NULL && !keeps && strcmp(how, "withdraw") != 0)
		return ctl_fail(
		    c, CTL_USAGE, "--dns is withdraw or keep, not \"%s\"", how);
	status = keeps ? ctl_dns_open_keys(c, &d) : ctl_dns_open(c, &d);
	if (status == CTL_OK)
		status = run(c, true);
	if (status == CTL_OK && keeps)
		keep(c, &d);
	else if (status == CTL_OK)
		status = deal_with_records(c, &d, how);
	if (status == CTL_OK)
		status = run(c, false);
	ctl_dns_close(&d);
	return status;
}
