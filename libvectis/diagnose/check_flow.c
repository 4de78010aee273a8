/* What became of mail and logins lately (DX-OP-06 to DX-OP-14). */
#include "diagnose/diagnose.h"

#include <stdio.h>
#include <time.h>

#define DAY 86400
#define SCORE_GOOD 90
#define SCORE_BAD 70

static void write_time(int64_t when, char out[32])
{
	const time_t t = (time_t)when;
	struct tm tm;

	(void)snprintf(out, 32, "?");
	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

/* "in the last 7 days" */
static void say_span(const struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;
	char since[32];

	write_time(w->since, since);
	if (w->cut)
		vx_diag_seen(
		    f, "since %s (there are too many events to read more)", since);
	else
		vx_diag_seen(f, "in the last %d days", VX_DIAG_FLOW_DAYS);
}

static const struct vx_diag_finding *finding(const struct vx_diag *d, const char *name)
{
	for (size_t i = 0; i < d->finding_count; i++)
		if (strcmp(d->findings[i].name, name) == 0)
			return &d->findings[i];
	return NULL;
}

/* Does that check raise an alarm? */
static bool alarms(const struct vx_diag *d, const char *name)
{
	const struct vx_diag_finding *f = finding(d, name);

	return f != NULL && (f->verdict == VX_DIAG_WARN || f->verdict == VX_DIAG_FAIL);
}

static void say_tallies(
    struct vx_diag_finding *f, const struct vx_diag_tally *list, size_t count)
{
	for (size_t i = 0; i < count && i < VX_DIAG_FLOW_SHOWN; i++)
		vx_diag_seen(f, "%s%.80s %llu", i > 0 ? ", " : "", list[i].what,
		    (unsigned long long)list[i].count);
}

/* --- mail that came -------------------------------------------------------------------
 */

/* Most of it is for names that were never there. */
static enum vx_diag_verdict unknown_user(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;

	if (w->unknown_all == 0) {
		vx_diag_seen(f, "no mail for addresses that nobody has ");
		say_span(d, f);
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%llu refused ", (unsigned long long)w->unknown_all);
	say_span(d, f);
	vx_diag_seen(f, ": ");
	say_tallies(f, w->unknown, w->unknown_count);
	vx_diag_fix(f,
	    "where somebody should have one of these: vectisctl mailbox add %.100s, or "
	    "vectisctl alias add %.100s MAILBOX",
	    w->unknown_count > 0 ? w->unknown[0].what : "ADDRESS",
	    w->unknown_count > 0 ? w->unknown[0].what : "ADDRESS");
	return VX_DIAG_INFO;
}

static bool leads_here(struct vx_diag *d)
{
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count; i++)
		if (strcmp(mx.hosts[i].host, d->f.hostname) == 0)
			return true;
	return false;
}

static enum vx_diag_verdict is_closed(
    struct vx_diag *d, struct vx_diag_finding *f, const char *why)
{
	vx_diag_seen(f, "%s: %llu refused ", why, (unsigned long long)d->f.flow->closed);
	say_span(d, f);
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict relay_denied(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;

	if (w->inactive) {
		vx_diag_fix(f, "vectisctl domain set %s --active on", d->f.domain);
		return is_closed(d, f, "the domain is inactive");
	}
	if (w->away && leads_here(d)) {
		vx_diag_fix(f,
		    "vectisctl domain set %s --incoming on, or let its MX record lead "
		    "to where its mail is",
		    d->f.domain);
		return is_closed(d, f, "it only sends, and its MX record leads here");
	}
	if (w->relaying == 0) {
		vx_diag_seen(f, "%s",
		    w->away ? "it only sends, and its MX record leads elsewhere"
			    : "its mail is taken");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%llu refused ", (unsigned long long)w->relaying);
	say_span(d, f);
	vx_diag_seen(f, ": in the domain's name, for others, and without a login");
	vx_diag_fix(f,
	    "if these are yours: let the program or device log in, at port 587 or 465; "
	    "else they are forged, and nothing need be done");
	return VX_DIAG_INFO;
}

/* --- clients that were refused --------------------------------------------------------
 */

/* Is it an address of that host? */
static bool has_address(struct vx_diag *d, const char *host, const char *address)
{
	const enum vx_dns_type type =
	    strchr(address, ':') != NULL ? VX_DNS_AAAA : VX_DNS_A;
	const struct vx_dns_answer *a = vx_diag_look(d, type, "", host);
	char text[VX_DNS_ADDRESS_MAX + 1];

	for (size_t i = 0; vx_diag_spoken(a) && i < a->count; i++)
		if (vx_dns_read_address(a->rdata[i], text) == VX_OK &&
		    strcmp(text, address) == 0)
			return true;
	return false;
}

/* Who takes mail for us, or from us: a declared backup, a host of the MX, a relay. */
static const char *is_friend(struct vx_diag *d, const char *address)
{
	enum vx_verdict spf = VX_VERDICT_NONE;
	unsigned lookups;
	struct vx_diag_mx mx;
	char why[200];

	if (d->f.backup_host != NULL && has_address(d, d->f.backup_host, address))
		return d->f.backup_host;
	for (size_t i = 0; i < d->f.flow->relay_count; i++)
		if (d->f.flow->relays[i].host[0] != '[' &&
		    has_address(d, d->f.flow->relays[i].host, address))
			return d->f.flow->relays[i].host;
	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count; i++)
		if (strcmp(mx.hosts[i].host, d->f.hostname) != 0 &&
		    mx.hosts[i].host[0] != '\0' &&
		    has_address(d, mx.hosts[i].host, address))
			return "a host of its MX records";
	/* where Email Routing sends from is known by what its record in ours names */
	if (d->f.backup &&
	    vx_diag_eval_spf(d, address, &spf, &lookups, why, sizeof(why)) &&
	    spf == VX_VERDICT_PASS)
		return "the backup, by the domain's SPF record";
	return NULL;
}

static enum vx_diag_verdict rejected_friends(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;
	enum vx_diag_verdict v = VX_DIAG_INFO;
	size_t looked = 0;

	for (size_t i = 0; i < w->client_count && looked < VX_DIAG_FLOW_CLIENTS; i++) {
		const struct vx_diag_rejected *c = &w->clients[i];
		const char *who;

		if (!c->lasting)
			continue;
		looked++;
		who = vx_diag_is_ours(d, c->address) ? "this server"
						     : is_friend(d, c->address);
		if (who == NULL)
			continue;
		vx_diag_seen(
		    f, "; among them %s, which is %.80s (%s)", c->address, who, c->rule);
		vx_diag_fix(f,
		    "add %s to smtp.trusted_networks (vectisctl config set), so that it "
		    "is not looked at; ",
		    c->address);
		v = VX_DIAG_WARN;
	}
	return v;
}

static enum vx_diag_verdict client_rejected(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;
	enum vx_diag_verdict v;

	if (w->rejected_all == 0) {
		vx_diag_seen(f, "none was refused for what it is ");
		say_span(d, f);
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%llu refused ", (unsigned long long)w->rejected_all);
	say_span(d, f);
	vx_diag_seen(f, ": ");
	for (size_t i = 0; i < w->rule_count && i < VX_DIAG_FLOW_SHOWN; i++)
		vx_diag_seen(f, "%s%s %llu (%.60s)", i > 0 ? ", " : "", w->rules[i].what,
		    (unsigned long long)w->rules[i].count, w->rules[i].example);
	v = rejected_friends(d, f);
	vx_diag_fix(f,
	    "most of it is unwanted; vectisctl why %.48s shows each check of one, "
	    "vectisctl block list whom you block, and smtp.* in vectis-config(5) the "
	    "rules",
	    w->client_count > 0 ? w->clients[0].address : "ADDRESS");
	return v;
}

/* --- logins ---------------------------------------------------------------------------
 */

static const char *const whys[] = { [VX_DIAG_LOGIN_UNKNOWN] = "no such mailbox",
	[VX_DIAG_LOGIN_WRONG] = "wrong password",
	[VX_DIAG_LOGIN_ALIAS] = "an alias",
	[VX_DIAG_LOGIN_INACTIVE] = "the mailbox is inactive",
	[VX_DIAG_LOGIN_CLOSED] = "the domain is inactive",
	[VX_DIAG_LOGIN_SUSPENDED] = "sending is suspended",
	[VX_DIAG_LOGIN_POP3_OFF] = "it may not use POP3",
	[VX_DIAG_LOGIN_NO_TLS] = "without TLS",
	[VX_DIAG_LOGIN_THROTTLED] = "too many wrong passwords" };

/* Somebody is shut out: a mailbox that is there, again and again, and not once right
 * since. */
static bool is_shut_out(const struct vx_diag_login *l)
{
	return l->mailbox && l->count >= VX_DIAG_LOGIN_AGAIN && l->right < l->last &&
	       l->why != VX_DIAG_LOGIN_THROTTLED; /* that follows from the others */
}

static void fix_login(struct vx_diag_finding *f, const struct vx_diag_login *l)
{
	switch (l->why) {
	case VX_DIAG_LOGIN_WRONG:
		vx_diag_fix(f,
		    "ask whose client at %s it is: the password in it is old, or "
		    "somebody guesses; a new one: vectisctl mailbox passwd %.100s; ",
		    l->network, l->login);
		break;
	case VX_DIAG_LOGIN_INACTIVE:
		vx_diag_fix(f, "vectisctl mailbox set %.100s --active on; ", l->login);
		break;
	case VX_DIAG_LOGIN_SUSPENDED:
		vx_diag_fix(f,
		    "when it is known why it wrote so much: vectisctl mailbox set "
		    "%.100s --sending on; ",
		    l->login);
		break;
	case VX_DIAG_LOGIN_POP3_OFF:
		vx_diag_fix(f,
		    "vectisctl mailbox set %.100s --pop3 on, or let the client use "
		    "IMAP; ",
		    l->login);
		break;
	case VX_DIAG_LOGIN_NO_TLS:
		vx_diag_fix(f,
		    "let the client at %s use TLS (port 465, or 587 with STARTTLS), and "
		    "another password (vectisctl mailbox passwd %.100s): this one went "
		    "over the network in clear; ",
		    l->network, l->login);
		break;
	case VX_DIAG_LOGIN_UNKNOWN:
	case VX_DIAG_LOGIN_ALIAS:
	case VX_DIAG_LOGIN_CLOSED:
	case VX_DIAG_LOGIN_THROTTLED:
		break;
	}
}

static bool is_told(const struct vx_diag_flow *w, const struct vx_diag_login *l)
{
	return l->last >= w->since && l->why != VX_DIAG_LOGIN_ALIAS;
}

static void say_login(struct vx_diag_finding *f, const struct vx_diag_login *l)
{
	vx_diag_seen(f, "%s%.80s: %s, %llu time%s, last from %s",
	    f->seen[0] != '\0' ? "; " : "", l->login, whys[l->why],
	    (unsigned long long)l->count, l->count == 1 ? "" : "s", l->network);
}

static enum vx_diag_verdict auth_reason(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;
	enum vx_diag_verdict v = VX_DIAG_PASS;
	size_t said = 0, more = 0;

	/* those that matter first */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < w->login_count; i++) {
			const struct vx_diag_login *l = &w->logins[i];
			const bool out = is_shut_out(l);

			if (!is_told(w, l) || out != (pass == 0) ||
			    (w->inactive && l->why == VX_DIAG_LOGIN_CLOSED))
				continue;
			if (out)
				v = VX_DIAG_WARN;
			else if (v == VX_DIAG_PASS)
				v = VX_DIAG_INFO;
			if (said++ >= VX_DIAG_FLOW_SHOWN) {
				more++;
				continue;
			}
			say_login(f, l);
			if (out || (v == VX_DIAG_INFO && l->why != VX_DIAG_LOGIN_WRONG))
				fix_login(f, l);
		}
	if (more > 0)
		vx_diag_seen(f, "; and %zu more", more);
	if (v != VX_DIAG_PASS) {
		vx_diag_fix(f, "vectisctl why LOGIN shows them");
		return v;
	}
	if (w->inactive)
		return vx_diag_see(f, "in.relay_denied");
	vx_diag_seen(f, "no login of the domain failed that the daemons remember");
	return VX_DIAG_PASS;
}

static enum vx_diag_verdict auth_alias(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;
	size_t said = 0;

	for (size_t i = 0; i < w->login_count; i++) {
		const struct vx_diag_login *l = &w->logins[i];

		if (l->why != VX_DIAG_LOGIN_ALIAS || l->last < w->since ||
		    said++ >= VX_DIAG_FLOW_SHOWN)
			continue;
		vx_diag_seen(f, "%.100s, %llu time%s, last from %s; ", l->login,
		    (unsigned long long)l->count, l->count == 1 ? "" : "s", l->network);
		if (l->owner[0] != '\0')
			vx_diag_fix(
			    f, "who uses %.100s logs in as %.150s; ", l->login, l->owner);
		else
			vx_diag_fix(f,
			    "%.100s leads to no mailbox here: nobody can log in for it; ",
			    l->login);
	}
	if (said > 0)
		return VX_DIAG_WARN;
	vx_diag_seen(f, "nobody tried to log in with an alias");
	return VX_DIAG_PASS;
}

/* --- relays ---------------------------------------------------------------------------
 */

static void say_answer(struct vx_diag_finding *f, const struct vx_diag_relay *r,
    const struct vx_diag_answer *a)
{
	char when[32];

	write_time(a->time, when);
	vx_diag_seen(
	    f, "%.40s (%.80s) said at %s: %.150s; ", r->name, r->host, when, a->reply);
	vx_diag_fix(f, "%.400s; then vectisctl relay test %.40s; ", a->advice, r->name);
}

static bool has_relays(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (d->f.flow->relay_count == 0)
		vx_diag_seen(f, "there is no relay");
	return d->f.flow->relay_count > 0;
}

/* What each has taken; NA when that is nothing at all. */
static enum vx_diag_verdict say_taken(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_NA;
	char when[32];

	for (size_t i = 0; i < d->f.flow->relay_count; i++) {
		const struct vx_diag_relay *r = &d->f.flow->relays[i];

		write_time(r->last_sent, when);
		if (r->last_sent == 0) {
			vx_diag_seen(f,
			    "nothing of the domain went by %.40s: vectisctl relay test "
			    "%.40s; ",
			    r->name, r->name);
			continue;
		}
		vx_diag_seen(f, "%.40s took mail at %s; ", r->name, when);
		v = VX_DIAG_PASS;
	}
	return v;
}

static enum vx_diag_verdict relay_auth(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_PASS;

	if (!has_relays(d, f))
		return VX_DIAG_NA;
	for (size_t i = 0; i < d->f.flow->relay_count; i++) {
		const struct vx_diag_relay *r = &d->f.flow->relays[i];

		if (r->auth.time == 0 || r->auth.over)
			continue;
		say_answer(f, r, &r->auth);
		v = VX_DIAG_FAIL;
	}
	return v == VX_DIAG_FAIL ? v : say_taken(d, f);
}

static enum vx_diag_verdict relay_identity(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_PASS;

	if (!has_relays(d, f))
		return VX_DIAG_NA;
	for (size_t i = 0; i < d->f.flow->relay_count; i++) {
		const struct vx_diag_relay *r = &d->f.flow->relays[i];

		if (r->identity.time == 0 || r->identity.over)
			continue;
		say_answer(f, r, &r->identity);
		vx_diag_seen(f, "for %.80s; ", r->identity.sender);
		v = VX_DIAG_WARN;
	}
	if (v == VX_DIAG_WARN)
		return v;
	if (alarms(d, "relay.auth"))
		return vx_diag_see(f, "relay.auth");
	return say_taken(d, f);
}

/* --- mail that leaves -----------------------------------------------------------------
 */

static enum vx_diag_verdict test_send(struct vx_diag *d, struct vx_diag_finding *f)
{
	static const char *const causes[] = { "net.out25", "relay.auth",
		"relay.identity" };
	const struct vx_diag_flow *w = d->f.flow;
	char when[32];

	if (w->taken.time == 0 && w->failed.time == 0) {
		vx_diag_seen(f, "nothing was sent ");
		say_span(d, f);
		vx_diag_seen(
		    f, ": vectisctl test send ADDRESS --from NAME@%s", d->f.domain);
		return VX_DIAG_NA;
	}
	write_time(w->taken.time, when);
	if (w->taken.time != 0 && w->failures < VX_DIAG_FAILURES) {
		vx_diag_seen(f, "taken by %.100s at %s", w->taken.host, when);
		if (w->failures > 0)
			vx_diag_seen(f, "; %llu were not, since: the last for %.80s",
			    (unsigned long long)w->failures, w->failed.recipient);
		return VX_DIAG_PASS;
	}
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (alarms(d, causes[i]))
			return vx_diag_see(f, causes[i]);
	write_time(w->failed.time, when);
	vx_diag_seen(f, "the last %llu were not taken; at %s, for %.80s, %.80s: %.150s",
	    (unsigned long long)w->failures, when, w->failed.recipient,
	    w->failed.host[0] != '\0' ? w->failed.host : "no server", w->failed.reply);
	vx_diag_fix(f,
	    "vectisctl why %.100s shows each; then vectisctl test send ADDRESS --from "
	    "NAME@%s",
	    w->failed.recipient, d->f.domain);
	return VX_DIAG_WARN;
}

/* What lands mail in junk and has a row of its own. */
static const char *const triggers[] = { "dns.ptr", "dns.ptr6", "rbl.listed",
	"spf.softfail", "dmarc.policy" };

static bool name_others(struct vx_diag *d, struct vx_diag_finding *f, unsigned *score)
{
	struct vx_diag_section sections[VX_DIAG_SECTIONS];
	const char *named[VX_DIAG_SECTIONS + sizeof(triggers) / sizeof(triggers[0])];
	size_t n = 0;

	*score = vx_diag_report(d, sections);
	for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
		if (alarms(d, triggers[i]))
			named[n++] = triggers[i];
	for (size_t i = 0; i < VX_DIAG_SECTIONS; i++) {
		const struct vx_diag_finding *other = sections[i].decisive;
		bool is = other == NULL || sections[i].points == sections[i].weight;

		for (size_t k = 0; k < n && !is; k++)
			is = strcmp(named[k], other->name) == 0;
		if (!is && *score < SCORE_GOOD)
			named[n++] = other->name;
	}
	for (size_t i = 0; i < n; i++)
		vx_diag_seen(f, "%s%s", i > 0 ? ", " : "follows from ", named[i]);
	if (n > 0)
		vx_diag_seen(f, " (score %u of 100%s)", *score,
		    *score < SCORE_BAD ? ": mail goes to junk" : "");
	return n > 0;
}

static enum vx_diag_verdict spam_triggers(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_flow *w = d->f.flow;
	const int64_t days = (d->f.now - w->first_sent) / DAY;
	unsigned score;

	if (name_others(d, f, &score))
		return VX_DIAG_NA;
	vx_diag_seen(f, "nothing of what the DNS shows; score %u of 100", score);
	if (w->first_sent == 0 || d->f.relay_host != NULL || days >= VX_DIAG_WARM_DAYS)
		return VX_DIAG_PASS;
	vx_diag_seen(f,
	    "; this server sent its first mail %lld days ago, and %llu since: others do "
	    "not know it yet",
	    (long long)(days > 0 ? days : 0), (unsigned long long)w->sent);
	vx_diag_fix(f,
	    "begin with some dozens a day, to people who expect it and answer, and at "
	    "most twice as many every few days; no newsletters for %d days; what large "
	    "providers think of it: postmaster.google.com, Outlook's SNDS",
	    VX_DIAG_WARM_DAYS);
	return VX_DIAG_INFO;
}

const struct vx_diag_row vx_diag_flow_rows[] = {
	{ "DX-OP-06", "in.unknown_user", "mail is for addresses that somebody has",
	    unknown_user, "its sender is told that there is no such mailbox", "none" },
	{ "DX-OP-07", "in.relay_denied", "mail for the domain is taken", relay_denied,
	    "who writes to the domain is told that it is not served here", "none" },
	{ "DX-OP-08", "in.client_rejected", "servers that write to it are let in",
	    client_rejected, "what a backup passes on comes back to its sender", "none" },
	{ "DX-OP-09", "auth.reason", "logins succeed", auth_reason,
	    "whose client does not get in can neither read nor send", "none" },
	{ "DX-OP-10", "auth.alias", "logins are names of mailboxes", auth_alias,
	    "an alias has no password: its login fails", "none" },
	{ "DX-OP-11", "relay.auth", "the relay lets this server log in", relay_auth,
	    "nothing leaves by it", "minutes: what waits is tried again" },
	{ "DX-OP-12", "relay.identity", "the relay takes every sender of the domain",
	    relay_identity, "mail of some senders, or to some, is refused by it",
	    "none, once the provider has done it" },
	{ "DX-OP-13", "test.send", "mail of the domain is taken by others", test_send,
	    "what is written here does not arrive", "none" },
	{ "DX-OP-14", "spam.triggers", "nothing makes others take its mail for junk",
	    spam_triggers, "", "weeks" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
