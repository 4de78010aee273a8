/* What an authority will find at the addresses of a name. */
#include "vectis/acme_ways.h"

#include <stdio.h>
#include <string.h>

const char *vx_acme_seen_name(enum vx_acme_seen seen)
{
	static const char *const names[] = { [VX_ACME_SEEN_NOTHING] = "not tried",
		[VX_ACME_SEEN_OURS] = "ours",
		[VX_ACME_SEEN_REDIRECT] = "redirected",
		[VX_ACME_SEEN_OTHER] = "other",
		[VX_ACME_SEEN_REFUSED] = "refused",
		[VX_ACME_SEEN_SILENT] = "silent" };

	return names[seen];
}

/* How an address is, from the best to the worst. */
enum state {
	GOOD,
	UNKNOWN, /* it cannot be seen from here */
	DEAD,    /* ours, and nobody can connect */
	TAKEN,   /* ours, and somebody else answers */
	ELSEWHERE,
	PROXIED
};

static enum state state_of(const struct vx_acme_place *p, enum vx_acme_seen seen)
{
	if (seen == VX_ACME_SEEN_OURS || seen == VX_ACME_SEEN_REDIRECT)
		return GOOD;
	if (p->proxy)
		return PROXIED;
	if (p->foreign)
		return ELSEWHERE;
	if (!p->own || seen == VX_ACME_SEEN_NOTHING)
		return UNKNOWN;
	return seen == VX_ACME_SEEN_OTHER ? TAKEN : DEAD;
}

struct judged {
	enum state worst;
	const struct vx_acme_place *place; /* the worst one */
	enum vx_acme_seen seen;            /* there */
	bool works;
};

/*
 * Any address may be taken by the authority, and one of IPv6 before all others.  Only one
 * of IPv6 where it cannot connect lets it go to the next.
 */
static struct judged judge(const struct vx_acme_ways *w, bool tls)
{
	struct judged j = { .worst = GOOD, .works = w->count > 0 };
	bool reachable = false, bad = false;

	for (size_t i = 0; i < w->count; i++) {
		const struct vx_acme_place *const p = &w->places[i];
		const enum vx_acme_seen seen = tls ? p->tls : p->http;
		const enum state state = state_of(p, seen);
		const bool six = strchr(p->address, ':') != NULL;

		reachable = reachable || state <= UNKNOWN;
		bad = bad || state > DEAD || (state == DEAD && !six);
		if (j.place == NULL || state > j.worst)
			j = (struct judged){ state, p, seen, true };
	}
	j.works = w->count > 0 && reachable && !bad;
	return j;
}

#define OR_DNS "or set tls.dns_challenge"

static void say(const struct vx_acme_ways *w, const struct judged *j, bool tls,
    char why[VX_ACME_TEXT_MAX])
{
	const unsigned port = tls ? w->tls_port : w->http_port;
	const char *const a = j->place->address;
	const char *const key = tls ? "acme.alpn_listen" : "http.listen";
	const char *const kind = strchr(a, ':') != NULL ? "AAAA" : "A";

	why[0] = '\0';
	switch (j->worst) {
	case GOOD:
		break;
	case UNKNOWN:
		(void)snprintf(why, VX_ACME_TEXT_MAX,
		    "it cannot be seen from here whether port %u of %s leads to this "
		    "server: where there is a NAT, forward the port, and set "
		    "dns.addresses",
		    port, a);
		break;
	case DEAD:
		(void)snprintf(why, VX_ACME_TEXT_MAX,
		    "port %u of its address %s %s: see that %s has it, and open it in "
		    "the "
		    "firewalls, " OR_DNS,
		    port, a,
		    j->seen == VX_ACME_SEEN_REFUSED ? "takes no connections"
						    : "does not answer",
		    key);
		break;
	case TAKEN:
		(void)snprintf(why, VX_ACME_TEXT_MAX,
		    "another program answers on port %u of its address %s: end it, or "
		    "let it "
		    "hand %s on to %s, " OR_DNS,
		    port, a,
		    tls ? "connections for acme-tls/1" : "/.well-known/acme-challenge/",
		    key);
		break;
	case ELSEWHERE:
		(void)snprintf(why, VX_ACME_TEXT_MAX,
		    "its %s record %s is not an address of this server, and another host "
		    "answers authorities: %s%s%s, " OR_DNS,
		    kind, a, w->own[0] == '\0' ? "correct or remove it" : "set it to ",
		    w->own, w->own[0] == '\0' ? "" : " or remove it");
		break;
	case PROXIED:
		if (w->web) {
			(void)snprintf(why, VX_ACME_TEXT_MAX,
			    "the proxy of Cloudflare's before it (%s) does not hand "
			    "/.well-known/acme-challenge/ on to port 80 of this server: "
			    "let it do so, " OR_DNS,
			    a);
			break;
		}
		(void)snprintf(why, VX_ACME_TEXT_MAX,
		    "its %s record leads to a proxy of Cloudflare's (%s), which answers "
		    "authorities in our place: set the record to \"DNS only\", " OR_DNS,
		    kind, a);
		break;
	}
}

unsigned vx_acme_find_ways(const struct vx_acme_ways *w, char why[VX_ACME_TEXT_MAX])
{
	const struct judged http = judge(w, false), tls = judge(w, true);
	const bool by_http = w->http && http.works, by_tls = w->tls && tls.works;

	why[0] = '\0';
	/* what works best, or what is looked at first when nothing does */
	if (w->count > 0 && w->http && (http.works || !by_tls))
		say(w, &http, false, why);
	else if (w->count > 0 && w->tls)
		say(w, &tls, true, why);
	return (by_http ? VX_ACME_HTTP_01 : 0U) | (by_tls ? VX_ACME_TLS_ALPN_01 : 0U);
}
