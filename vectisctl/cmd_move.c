/*
 * dns move: the server gets another name, in all its domains at once (DNS-11, TLS-27).
 *
 * The order is that nobody ever finds less than before: the new name's addresses, then a
 * certificate for both names that every daemon serves, its TLSA records, then the records
 * of each domain, then the server's own name, and last, when no cache can have them any
 * more, the old name's records go.  What is done is found out anew each time; only what
 * cannot be seen is kept, below dns/ in the state directory, so that it can be broken off
 * anywhere and run again.
 *
 * This process keeps the rights that it has, since the configuration is root's; whatever
 * has to do with the store, the DNS or acmed is done by a step, which gives them up.
 */
#include "vectisctl/move.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TTL_LEAST 300 /* what "automatic" is at Cloudflare */

/* From where to where: as it was begun, or from what the server is called. */
static int read_names(struct moving *m)
{
	struct ctl_move *const s = &m->s;
	char to[VX_DNS_NAME_MAX + 1];
	struct ctl *c = m->c;
	bool under_way;

	if (vx_dns_name(vx_slice_str(c->args[0]), to) != VX_OK || !vx_dns_is_host(to) ||
	    vx_dns_labels(vx_slice_str(to)) < 2)
		return ctl_fail(c, CTL_USAGE,
		    "%s is no name of a server, such as mail.your-domain.net",
		    c->args[0]);
	ctl_move_load(c, s);
	if (strcmp(s->to, to) == 0)
		return CTL_OK;
	under_way = s->to[0] != '\0' && !s->withdrawn;
	if (under_way && strcmp(s->from, to) != 0)
		return ctl_fail(c, CTL_FAILED,
		    "the server is on its way to %s: finish that with \"vectisctl dns "
		    "move "
		    "%s\", or go back with \"vectisctl dns move %s\"",
		    s->to, s->to, s->from);
	/* a way back is a way from where it was going, which perhaps nobody has seen */
	s->fresh = under_way && !s->begun && !s->swapped;
	s->swapped = under_way;
	(void)snprintf(
	    s->from, sizeof(s->from), "%s", under_way ? s->to : c->config->hostname);
	(void)snprintf(s->to, sizeof(s->to), "%s", to);
	s->since = 0;
	s->ttl = 0;
	s->begun = s->renamed = s->withdrawn = false;
	if (strcmp(s->from, to) == 0)
		return ctl_fail(c, CTL_FAILED, "the server is called %s already", to);
	return CTL_OK;
}

/* Whom it concerns beside us. */
static int tell(struct moving *m)
{
	(void)json_object_set_new(m->c->result, "clients", json_string(m->s.to));
	ctl_say(m->c,
	    "the server is called %s.  Its users have to put that in the place of %s, "
	    "for "
	    "mail that comes and for mail that goes; until its records go, %s works, too",
	    m->s.to, m->s.from, m->s.from);
	return ctl_move_step(m, NULL, ctl_move_ptr);
}

/* true: others may remember the old name. */
static bool has_to_wait(struct moving *m)
{
	const uint32_t ttl = m->s.ttl > TTL_LEAST ? m->s.ttl : TTL_LEAST;
	const int64_t left = m->s.since + ttl - (int64_t)time(NULL);

	(void)json_object_set_new(m->c->result, "seconds_left",
	    json_integer((json_int_t)(left > 0 && !m->s.fresh ? left : 0)));
	if (left <= 0 || m->s.fresh || ctl_flag(m->c, "--no-wait"))
		return false;
	(void)json_object_set_new(m->c->result, "phase", json_string("wait"));
	ctl_say(m->c,
	    "others may remember %s for %lld seconds more: its records go with "
	    "\"vectisctl dns move %s\" after that",
	    m->s.from, (long long)left, m->s.to);
	return true;
}

/* Until every domain leads there, and the server is called so. */
static int lead(struct moving *m)
{
	int status = ctl_move_step(m, NULL, ctl_move_publish);

	if (status == CTL_OK)
		status = ctl_move_certificate(m);
	if (status == CTL_OK)
		status = ctl_move_step(m, NULL, ctl_move_tlsa);
	if (status == CTL_OK)
		status = ctl_move_step(m, NULL, ctl_move_records);
	return status == CTL_OK ? ctl_move_rename(m) : status;
}

static int move(struct moving *m)
{
	int status = CTL_OK;

	(void)json_object_set_new(m->c->result, "from", json_string(m->s.from));
	(void)json_object_set_new(m->c->result, "to", json_string(m->s.to));
	if (!m->s.withdrawn) {
		status = lead(m);
		if (status != CTL_OK || ctl_flag(m->c, "--plan"))
			return status;
		status = tell(m);
		if (status != CTL_OK || has_to_wait(m))
			return status;
		status = ctl_move_step(m, NULL, ctl_move_withdraw);
	}
	if (status != CTL_OK || ctl_flag(m->c, "--plan"))
		return status;
	return ctl_move_retire(m);
}

static int dns_move(struct ctl *c)
{
	static struct moving m;
	uid_t owner = 0;
	int status;

	m.c = c;
	status = ctl_find_store(c, &owner);
	if (status == CTL_OK)
		status = read_names(&m);
	if (status == CTL_OK && !ctl_flag(c, "--plan"))
		status = ctl_move_lock(c);
	return status == CTL_OK ? move(&m) : status;
}

const struct ctl_command ctl_move_commands[] = {
	{ "dns", "move", dns_move, NEEDS_CONFIG, 1, 1,
	    "HOST [--plan] [--take] [--no-wait] [--retire] [--yes]",
	    "another name for the server, in all domains" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
