/* Routing: a small machine whose steps are the questions that it asks. */
#include "vectis/route.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>

enum step {
	ASK_MX,
	ASK_A,
	ASK_AAAA,
	ASK_CNAME, /* is at least the first one of them signed? */
	ASK_TLSA,
	GIVE_HOST,
	NEXT_HOST,
	END
};

struct mx {
	uint16_t preference;
	uint32_t order; /* random, among the same preference */
	char name[VX_DNS_NAME_MAX + 1];
	bool bogus; /* an answer about it was */
};

/* Why a host cannot be tried now. */
struct cause {
	const char *enhanced, *text;
};

struct vx_route {
	struct vx_route_options o;
	char destination[VX_DNS_NAME_MAX + 1], hostname[VX_DNS_NAME_MAX + 1];
	char self[VX_ROUTE_SELF_MAX][VX_DNS_ADDRESS_MAX + 1];
	size_t self_count;
	enum step step;
	bool waits;
	struct mx mx[VX_ROUTE_HOSTS_MAX];
	size_t count, at;
	bool mx_secure, addresses_secure;
	bool mx_bogus;
	char next_hop[VX_DNS_NAME_MAX + 1]; /* "": the destination itself */
	char alias[VX_DNS_NAME_MAX + 1];    /* what the host's name led to; "": nothing */
	bool alias_begins_secure;           /* but its addresses are not */
	bool own_name;    /* the TLSA records of what it led to are not there */
	bool given;       /* a host was handed out */
	bool host_failed; /* a question about this host */
	bool any_failed;  /* about any: */
	const struct cause *cause;
	struct vx_route_host host;
	char tlsa_octets[VX_ROUTE_TLSA_OCTETS];
	size_t tlsa_used;
	struct vx_route_verdict verdict;
};

static void end(
    struct vx_route *r, bool permanent, const char *enhanced, const char *text)
{
	r->step = END;
	r->verdict.permanent = permanent;
	r->verdict.enhanced = enhanced;
	(void)snprintf(r->verdict.text, sizeof(r->verdict.text), "%s", text);
}

/* --- beginning -----------------------------------------------------------------------
 */

static bool is_literal(vx_slice text, char out[VX_DNS_ADDRESS_MAX + 1])
{
	unsigned char octets[16];
	vx_slice inner;

	if (text.len < 3 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
		return false;
	inner = vx_slice_of(text.ptr + 1, text.len - 2);
	if (vx_slice_has_prefix_nocase(inner, VX_S("IPv6:")))
		inner = vx_slice_from(inner, 5);
	if (inner.len > VX_DNS_ADDRESS_MAX)
		return false;
	memcpy(out, inner.ptr, inner.len);
	out[inner.len] = '\0';
	return inet_pton(AF_INET, out, octets) == 1 ||
	       inet_pton(AF_INET6, out, octets) == 1;
}

static void copy_self(struct vx_route *r, const struct vx_route_options *o)
{
	for (size_t i = 0; i < o->self_count && i < VX_ROUTE_SELF_MAX; i++)
		(void)snprintf(
		    r->self[r->self_count++], VX_DNS_ADDRESS_MAX + 1, "%s", o->self[i]);
}

static bool is_self(const struct vx_route *r, const char *address)
{
	for (size_t i = 0; i < r->self_count; i++)
		if (strcmp(r->self[i], address) == 0)
			return true;
	return false;
}

static int set_destination(struct vx_route *r, const struct vx_route_options *o)
{
	int rc;

	if (is_literal(o->destination, r->host.addresses[0])) {
		r->host.address_count = 1;
		r->host.name = r->host.tlsa_base = r->host.addresses[0];
		r->step = GIVE_HOST;
		if (is_self(r, r->host.addresses[0]))
			end(r, true, "5.4.6",
			    "the address is this server's, which does not have the "
			    "mailbox: a loop");
		return VX_OK;
	}
	rc = vx_dns_name(o->destination, r->destination);
	if (rc != VX_OK || !vx_dns_is_host(r->destination))
		return VX_EINVAL;
	if (o->no_mx) {
		memcpy(r->mx[0].name, r->destination, sizeof(r->destination));
		r->count = 1;
		r->mx_secure = true; /* it was not learnt from the DNS */
		r->step = ASK_A;
	}
	return VX_OK;
}

int vx_route_new(const struct vx_route_options *o, struct vx_route **out)
{
	struct vx_route *r = vx_alloc(sizeof(*r));
	int rc;

	if (r == NULL)
		return VX_ENOMEM;
	r->o = *o;
	(void)vx_dns_name(vx_slice_str(o->hostname), r->hostname);
	copy_self(r, o);
	rc = set_destination(r, o);
	if (rc != VX_OK) {
		vx_free(r);
		return rc;
	}
	*out = r;
	return VX_OK;
}

void vx_route_free(struct vx_route *r)
{
	vx_free(r);
}

/* --- MX ------------------------------------------------------------------------------
 */

static uint32_t shuffle(uint32_t seed, const char *name)
{
	uint32_t h = seed ^ 2166136261u;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	h ^= h >> 15;
	return h * 2246822519u;
}

static bool goes_before(const struct mx *a, const struct mx *b)
{
	return a->preference != b->preference ? a->preference < b->preference
					      : a->order < b->order;
}

static void insert(struct vx_route *r, const struct mx *m)
{
	size_t i = r->count++;

	for (; i > 0 && goes_before(m, &r->mx[i - 1]); i--)
		r->mx[i] = r->mx[i - 1];
	r->mx[i] = *m;
}

/* We are one of them: what is not better than we would send it back (RFC 5321 5.1). */
static void cut_self(struct vx_route *r)
{
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->mx[i].name, r->hostname) != 0)
			continue;
		while (i > 0 && r->mx[i - 1].preference == r->mx[i].preference)
			i--;
		r->count = i;
		if (r->count == 0)
			end(r, true, "5.4.6",
			    "the domain's mail comes to this server, which does not have "
			    "it: a loop");
		return;
	}
}

static void copy_name(vx_slice name, char out[VX_DNS_NAME_MAX + 1])
{
	if (name.len == 0 || name.len > VX_DNS_NAME_MAX)
		return;
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
}

static void take_mx(struct vx_route *r, const struct vx_dns_answer *a)
{
	size_t null = 0;

	for (size_t i = 0; i < a->count && r->count < VX_ROUTE_HOSTS_MAX; i++) {
		struct vx_dns_mx read;
		struct mx m;

		if (vx_dns_read_mx(a->rdata[i], &read) != VX_OK)
			continue;
		null += read.host[0] == '\0';
		if (!vx_dns_is_host(read.host))
			continue;
		m.bogus = false;
		m.preference = read.preference;
		m.order = shuffle(r->o.random, read.host);
		memcpy(m.name, read.host, sizeof(m.name));
		insert(r, &m);
	}
	if (r->count == 0 && null > 0)
		end(r, true, "5.1.10", "the domain receives no mail (null MX)");
	else if (r->count == 0)
		end(r, true, "5.4.4", "the domain's MX records name no host");
	else
		cut_self(r);
}

static void on_mx(struct vx_route *r, const struct vx_dns_answer *a)
{
	r->step = ASK_A;
	r->mx_secure = a->secure;
	if (a->secure)
		copy_name(a->canonical, r->next_hop);
	switch (a->status) {
	case VX_DNS_FOUND:
		take_mx(r, a);
		break;
	case VX_DNS_NODATA: /* the domain itself, as if with preference 0 */
		memcpy(r->mx[0].name, r->destination, sizeof(r->destination));
		r->count = 1;
		cut_self(r);
		break;
	case VX_DNS_NO_NAME:
		end(r, true, "5.1.2", "there is no such domain");
		break;
	case VX_DNS_FAILED:
		end(r, false, "4.4.3", "the domain's name servers do not answer");
		break;
	case VX_DNS_BOGUS:
		r->mx_bogus = true;
		end(r, false, "4.7.0", "the domain's DNSSEC signatures are wrong");
		break;
	}
}

/* --- hosts ---------------------------------------------------------------------------
 */

static const struct cause silent[2] = {
	{ "4.4.1", "the addresses of the domain's hosts cannot be found now" },
	{ "4.4.1", "the TLSA records of the domain's hosts cannot be found now" },
};
static const struct cause forged[2] = {
	{ "4.7.0", "the DNSSEC signatures of the hosts' addresses are wrong" },
	{ "4.7.0", "the DNSSEC signatures of the hosts' TLSA records are wrong" },
};

/* A question about this host has no answer that counts. */
static void fail_host(struct vx_route *r, const struct vx_dns_answer *a, bool tlsa)
{
	r->host_failed = true;
	if (a->status == VX_DNS_BOGUS)
		r->mx[r->at].bogus = true;
	r->cause = a->status == VX_DNS_BOGUS ? &forged[tlsa] : &silent[tlsa];
}

static void begin_host(struct vx_route *r)
{
	r->host = (struct vx_route_host){ .name = r->mx[r->at].name,
		.tlsa_base = r->mx[r->at].name,
		.next_hop = r->next_hop[0] != '\0' ? r->next_hop : NULL,
		.is_mx_secure = r->mx_secure };
	r->alias[0] = '\0';
	r->alias_begins_secure = r->own_name = false;
	r->tlsa_used = 0;
	r->host_failed = false;
	r->addresses_secure = true;
	r->step = ASK_A;
}

/* An address of ours: this host and those that are not better are out. */
static void found_self(struct vx_route *r)
{
	const uint16_t preference = r->mx[r->at].preference;

	r->count = r->at;
	while (r->count > 0 && r->mx[r->count - 1].preference == preference)
		r->count--; /* they were tried already */
	r->host.address_count = 0;
	r->at = r->count;
	if (!r->given && !r->any_failed)
		end(r, true, "5.4.6",
		    "the domain's mail comes to an address of this server, which does "
		    "not "
		    "have it: a loop");
	else
		r->step = NEXT_HOST;
}

static void take_addresses(struct vx_route *r, const struct vx_dns_answer *a)
{
	struct vx_route_host *h = &r->host;

	if (!vx_dns_answered(a))
		fail_host(r, a, false);
	/* what is not there need not be signed when the other kind is */
	if (a->status == VX_DNS_FOUND && !a->secure)
		r->addresses_secure = false;
	if (a->status == VX_DNS_FOUND)
		copy_name(a->canonical, r->alias);
	for (size_t i = 0; i < a->count && h->address_count < VX_ROUTE_ADDRESSES_MAX;
	     i++) {
		char *out = h->addresses[h->address_count];

		if (vx_dns_read_address(a->rdata[i], out) != VX_OK)
			continue;
		if (is_self(r, out)) {
			found_self(r);
			return;
		}
		h->address_count++;
	}
	r->step = r->step == ASK_A ? ASK_AAAA : ASK_CNAME;
}

/* The host's name is signed to be another one, which is in a zone that is not. */
static void on_cname(struct vx_route *r, const struct vx_dns_answer *a)
{
	r->step = ASK_TLSA;
	r->alias_begins_secure = a->status == VX_DNS_FOUND && a->secure;
	if (!vx_dns_answered(a)) {
		fail_host(r, a, false);
		r->step = NEXT_HOST;
	}
}

static void take_tlsa(struct vx_route *r, const struct vx_dns_answer *a)
{
	struct vx_route_host *h = &r->host;
	struct vx_dns_tlsa t;

	for (size_t i = 0; i < a->count && h->tlsa_count < VX_ROUTE_TLSA_MAX; i++) {
		/* 0 and 1 are not for SMTP (RFC 7672 3.1.3) */
		if (vx_dns_read_tlsa(a->rdata[i], &t) != VX_OK ||
		    (t.usage != 2 && t.usage != 3) || t.selector > 1 || t.matching > 2 ||
		    (t.matching == 1 && t.data.len != 32) ||
		    (t.matching == 2 && t.data.len != 64) ||
		    t.data.len > sizeof(r->tlsa_octets) - r->tlsa_used)
			continue;
		memcpy(r->tlsa_octets + r->tlsa_used, t.data.ptr, t.data.len);
		t.data.ptr = r->tlsa_octets + r->tlsa_used;
		r->tlsa_used += t.data.len;
		h->tlsa[h->tlsa_count++] = t;
	}
	h->dane = h->tlsa_count > 0 ? VX_ROUTE_DANE_RECORDS : VX_ROUTE_DANE_UNUSABLE;
}

static void on_tlsa(struct vx_route *r, const struct vx_dns_answer *a)
{
	const bool expanded = r->host.tlsa_base == r->alias;

	r->step = GIVE_HOST;
	if (!vx_dns_answered(a)) { /* nobody may switch DANE off (RFC 7672 2.1.1) */
		fail_host(r, a, true);
		r->step = NEXT_HOST;
	} else if (a->status == VX_DNS_FOUND && a->secure) {
		take_tlsa(r, a);
	} else if (expanded) {
		r->own_name = true; /* its own, then */
		r->step = ASK_TLSA;
	}
}

static bool wants_tlsa(const struct vx_route *r)
{
	return r->o.dane && r->mx_secure && r->host.address_count > 0 &&
	       (r->addresses_secure || r->alias_begins_secure);
}

static bool wants_cname(const struct vx_route *r)
{
	return r->o.dane && r->mx_secure && r->host.address_count > 0 &&
	       !r->addresses_secure && r->alias[0] != '\0';
}

/* Two names may have the records: the last one first, and none in between. */
static void choose_base(struct vx_route *r)
{
	r->host.tlsa_base = r->addresses_secure && r->alias[0] != '\0' && !r->own_name
				? r->alias
				: r->host.name;
}

/* IPv6 first, as RFC 6724 has it, since AAAA records were asked for second. */
static void order_addresses(struct vx_route *r)
{
	char v4[VX_ROUTE_ADDRESSES_MAX][VX_DNS_ADDRESS_MAX + 1];
	struct vx_route_host *h = &r->host;
	size_t six = 0, four = 0;

	for (size_t i = 0; i < h->address_count; i++) {
		if (strchr(h->addresses[i], ':') == NULL)
			memcpy(v4[four++], h->addresses[i], sizeof(v4[0]));
		else
			memmove(h->addresses[six++], h->addresses[i], sizeof(v4[0]));
	}
	memcpy(h->addresses[six], v4, four * sizeof(v4[0]));
}

static void no_more(struct vx_route *r)
{
	if (r->given)
		end(r, false, "4.4.1", "no host of the domain took the message");
	else if (r->any_failed)
		end(r, false, r->cause->enhanced, r->cause->text);
	else
		end(r, true, "5.4.4", "the domain's mail hosts have no address");
}

static void next_host(struct vx_route *r)
{
	r->any_failed = r->any_failed || r->host_failed;
	r->at++;
	if (r->at < r->count)
		begin_host(r);
	else
		no_more(r);
}

/* --- asking --------------------------------------------------------------------------
 */

/* The question of this step; false: it is left out. */
static bool ask(struct vx_route *r, struct vx_dns_question *q)
{
	char prefix[20];

	switch (r->step) {
	case ASK_MX:
		return vx_dns_ask(VX_DNS_MX, "", vx_slice_str(r->destination), q) ==
		       VX_OK;
	case ASK_A:
		return !r->o.no_ipv4 &&
		       vx_dns_ask(VX_DNS_A, "", vx_slice_str(r->host.name), q) == VX_OK;
	case ASK_AAAA:
		return !r->o.no_ipv6 && vx_dns_ask(VX_DNS_AAAA, "",
					    vx_slice_str(r->host.name), q) == VX_OK;
	case ASK_CNAME:
		return wants_cname(r) && vx_dns_ask(VX_DNS_CNAME, "",
					     vx_slice_str(r->host.name), q) == VX_OK;
	case ASK_TLSA:
		(void)snprintf(prefix, sizeof(prefix), "_%u._tcp", r->o.port);
		if (wants_tlsa(r))
			choose_base(r);
		return wants_tlsa(r) && vx_dns_ask(VX_DNS_TLSA, prefix,
					    vx_slice_str(r->host.tlsa_base), q) == VX_OK;
	case GIVE_HOST:
	case NEXT_HOST:
	case END:
		break;
	}
	return false;
}

static void leave_out(struct vx_route *r)
{
	static const struct vx_dns_answer nothing = { .status = VX_DNS_NODATA };

	switch (r->step) {
	case ASK_MX:
		end(r, true, "5.1.2", "the domain is no name");
		break;
	case ASK_A:
	case ASK_AAAA:
		take_addresses(r, &nothing);
		break;
	case ASK_CNAME:
		r->step = ASK_TLSA;
		break;
	case ASK_TLSA:
		r->step = GIVE_HOST;
		break;
	case NEXT_HOST:
		next_host(r);
		break;
	case GIVE_HOST:
	case END:
		break;
	}
}

int vx_route_next(struct vx_route *r, struct vx_dns_question *q)
{
	if (r->step == ASK_A && r->host.name == NULL && r->count > 0)
		begin_host(r);
	while (r->step != END) {
		if (ask(r, q)) {
			r->waits = true;
			return VX_WAIT;
		}
		if (r->step != GIVE_HOST) {
			leave_out(r);
			continue;
		}
		r->step = NEXT_HOST;
		if (r->host.address_count == 0)
			continue;
		order_addresses(r);
		r->given = true;
		r->mx[r->at].bogus = false; /* what was is not missed */
		return VX_DATA;
	}
	return VX_DONE;
}

void vx_route_answer(struct vx_route *r, const struct vx_dns_answer *a)
{
	if (!r->waits)
		return;
	r->waits = false;
	if (r->step == ASK_MX) {
		on_mx(r, a);
		if (r->step == ASK_A)
			begin_host(r);
	} else if (r->step == ASK_A || r->step == ASK_AAAA) {
		take_addresses(r, a);
	} else if (r->step == ASK_CNAME) {
		on_cname(r, a);
	} else if (r->step == ASK_TLSA) {
		on_tlsa(r, a);
	}
}

const struct vx_route_host *vx_route_host(const struct vx_route *r)
{
	return &r->host;
}

const struct vx_route_verdict *vx_route_verdict(const struct vx_route *r)
{
	return &r->verdict;
}

size_t vx_route_mx_count(const struct vx_route *r)
{
	return r->count;
}

const char *vx_route_mx(const struct vx_route *r, size_t index)
{
	return index < r->count ? r->mx[index].name : NULL;
}

const char *vx_route_bogus(const struct vx_route *r, size_t *at)
{
	if (*at == 0 && r->mx_bogus) {
		++*at;
		return "";
	}
	for (size_t i = *at > 0 ? *at - 1 : 0; i < VX_ROUTE_HOSTS_MAX; i++)
		if (r->mx[i].bogus) {
			*at = i + 2;
			return r->mx[i].name;
		}
	return NULL;
}
