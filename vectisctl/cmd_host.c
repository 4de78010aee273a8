/*
 * dns host: what the world needs to find this server: its addresses in the DNS, their PTR
 * records, and ports that firewalls let through (DNS-06, DNS-26, DNS-29, DNS-35).  setup
 * ends with it, and begins with the name that an address has already (DNS-30).
 */
#include "vectisctl/dns.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAMES_MS 2000
#define PORTS_MAX 32
#define SMTP_PORT 25

struct host {
	struct ctl *c;
	struct ctl_dns d; /* only addresses and once */
	struct each {
		char name[VX_DNS_NAME_MAX +
			  1]; /* what the address is called; "": nobody */
		bool ours;    /* one of its names is the server's */
		bool known;
	} names[VX_ZONE_ADDRESSES_MAX];
};

/* --- names of addresses ---------------------------------------------------------------
 */

static void take_names(struct host *h, size_t i, const struct vx_dns_answer *a)
{
	struct each *e = &h->names[i];
	char name[VX_DNS_NAME_MAX + 1];

	e->known = a != NULL && vx_dns_answered(a);
	for (size_t k = 0; e->known && k < a->count; k++) {
		if (vx_dns_read_name(a->rdata[k], name) != VX_OK)
			continue;
		e->ours = e->ours || strcmp(name, h->c->config->hostname) == 0;
		if (e->name[0] == '\0')
			memcpy(e->name, name, sizeof(name));
	}
}

static void find_names(struct host *h)
{
	struct vx_once_question q[VX_ZONE_ADDRESSES_MAX] = { 0 };
	char name[VX_DNS_NAME_MAX + 1];
	struct vx_once_work w = {
		.questions = q, .question_count = h->d.address_count, .ms_max = NAMES_MS
	};
	struct vx_error err;

	for (size_t i = 0; i < w.question_count; i++)
		if (vx_dns_reverse(h->d.addresses[i], NULL, name) != VX_OK ||
		    vx_dns_ask(VX_DNS_PTR, "", vx_slice_str(name), &q[i].question) !=
			VX_OK)
			return;
	if (w.question_count == 0 ||
	    vx_once_new(h->c->config, &h->d.once, &err) != VX_OK ||
	    vx_once_do(h->d.once, &w) != VX_OK)
		return;
	for (size_t i = 0; i < w.question_count; i++) {
		take_names(h, i, q[i].answer);
		vx_dns_answer_free(q[i].answer);
	}
}

static void open_host(struct ctl *c, struct host *h)
{
	memset(h, 0, sizeof(*h));
	h->c = c;
	vx_arena_init(&h->d.arena, 65536);
	ctl_dns_addresses(c, &h->d);
	find_names(h);
}

static bool is_ip6(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* --- saying ---------------------------------------------------------------------------
 */

/* Who has an IPv6 address without its name is refused by many, and had better have none.
 */
static bool is_published(const struct host *h, size_t i)
{
	return !is_ip6(h->d.addresses[i]) || h->names[i].ours;
}

static void say_records(struct host *h)
{
	json_t *const records = json_array(), *const withheld = json_array();
	const char *const name = h->c->config->hostname;

	(void)json_object_set_new(h->c->result, "records", records);
	(void)json_object_set_new(h->c->result, "withheld", withheld);
	ctl_say(h->c, "  where the zone of %s is served:", name);
	for (size_t i = 0; i < h->d.address_count; i++) {
		const char *const address = h->d.addresses[i];
		const char *const type = is_ip6(address) ? "AAAA" : "A";
		const bool good = is_published(h, i);

		if (good)
			ctl_say(h->c, "    %s. %s %s", name, type, address);
		else
			ctl_say(h->c,
			    "    no AAAA record for %s, as long as its PTR record does "
			    "not "
			    "name %s: others refuse mail from it",
			    address, name);
		(void)json_array_append_new(
		    good ? records : withheld, json_pack("{s:s, s:s, s:s}", "name", name,
						   "type", type, "value", address));
	}
}

static void say_reverse(struct host *h)
{
	json_t *const list = json_array();

	(void)json_object_set_new(h->c->result, "ptr", list);
	ctl_say(h->c, "  where the addresses come from:");
	for (size_t i = 0; i < h->d.address_count; i++) {
		const struct each *const e = &h->names[i];
		const char *const how =
		    e->ours || !e->known ? "" : vx_diag_reverse_hint(e->name);

		ctl_say(h->c, "    the PTR record of %s: %s.%s%s%s%s%s",
		    h->d.addresses[i], h->c->config->hostname,
		    e->ours     ? " (it is)"
		    : !e->known ? " (whether it is, nobody answers)"
				: " (now: ",
		    e->ours || !e->known ? ""
		    : e->name[0] == '\0' ? "none"
					 : e->name,
		    *how != '\0' ? "; " : "", how, *how != '\0' ? ")" : "");
		(void)json_array_append_new(list,
		    json_pack("{s:s, s:o, s:s, s:b, s:s}", "address", h->d.addresses[i],
			"found", e->known ? json_string(e->name) : json_null(), "wanted",
			h->c->config->hostname, "good", (int)e->ours, "how", how));
	}
}

static size_t add_port(uint16_t ports[PORTS_MAX], size_t n, uint16_t port)
{
	size_t i = 0;

	while (i < n && ports[i] < port)
		i++;
	if (n == PORTS_MAX || (i < n && ports[i] == port))
		return n;
	memmove(ports + i + 1, ports + i, (n - i) * sizeof(*ports));
	ports[i] = port;
	return n + 1;
}

/* What listens: mail, its clients, and proofs for certificates. */
static size_t find_ports(const struct vx_config *c, uint16_t ports[PORTS_MAX])
{
	const struct vx_listen_list *const lists[] = { &c->smtp_listen, &c->http_listen,
		&c->acme_alpn_listen, &c->submissions_listen, &c->submission_listen,
		&c->imaps_listen, &c->pop3s_listen };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->count; k++)
			n = add_port(ports, n, lists[i]->items[k].port);
	return n;
}

static void say_ports(struct ctl *c)
{
	uint16_t ports[PORTS_MAX];
	const size_t n = find_ports(c->config, ports);
	json_t *const in = json_array();
	char text[8 * PORTS_MAX] = "";

	for (size_t i = 0; i < n; i++) {
		(void)json_array_append_new(in, json_integer(ports[i]));
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u",
		    i > 0 ? ", " : "", (unsigned)ports[i]);
	}
	(void)json_object_set_new(c->result, "ports_in", in);
	(void)json_object_set_new(
	    c->result, "ports_out", json_pack("[i, i, i]", SMTP_PORT, 53, 443));
	ctl_say(c,
	    "  in the firewalls of this host and of who runs it, TCP:\n    in: %s\n    "
	    "out: %d (to other servers; many providers open it on request only), 53 "
	    "(also "
	    "UDP), 443",
	    text, SMTP_PORT);
}

static void say_all(struct host *h)
{
	ctl_say(h->c, "what others need to find this server:");
	if (h->d.address_count == 0)
		ctl_say(h->c,
		    "  no interface has a public address: set dns.addresses to those by "
		    "which the world reaches this host, and \"vectisctl dns host\" says "
		    "which records they need");
	else {
		say_records(h);
		say_reverse(h);
	}
	say_ports(h->c);
}

void ctl_host_tell(struct ctl *c)
{
	static struct host h;
	json_t *const all = c->result;

	c->result = json_object();
	open_host(c, &h);
	say_all(&h);
	(void)json_object_set_new(all, "host", c->result);
	c->result = all;
	ctl_dns_close(&h.d);
}

/* The name of the first IPv4 address that has one of its owner's, not of who rents it. */
bool ctl_host_name(struct ctl *c, char *out, size_t size)
{
	static struct host h;
	bool found = false;

	if (ctl_default_config(c) != CTL_OK)
		return false;
	open_host(c, &h);
	for (size_t i = 0; i < h.d.address_count && !found; i++) {
		found = !is_ip6(h.d.addresses[i]) && vx_diag_is_own_name(h.names[i].name);
		if (found)
			(void)snprintf(out, size, "%s", h.names[i].name);
	}
	ctl_dns_close(&h.d);
	vx_config_free(c->config);
	c->config = NULL;
	return found;
}

static int dns_host(struct ctl *c)
{
	static struct host h;
	int status = CTL_OK;

	open_host(c, &h);
	if (h.d.address_count == 0)
		status = ctl_fail(c, CTL_FAILED,
		    "no public address of this server is known: set dns.addresses in %s",
		    c->config_path);
	else
		say_all(&h);
	ctl_dns_close(&h.d);
	return status;
}

const struct ctl_command ctl_host_commands[] = {
	{ "dns", "host", dns_host, NEEDS_CONFIG, 0, 0, "",
	    "the records, PTR records and open ports that this server needs" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
