/*
 * domain check: the servers of the zone, public resolvers and the system's are asked
 * directly, all side by side.
 */
#include "vectisctl/check.h"

#include "runtime/direct.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS                                                                           \
	1500 /* for each step: who serves the zone, where they are, what they say */
#define ENOUGH_MS 800
#define SERVERS_MAX 4
#define OTHERS_MAX 16
#define RESOLV_CONF "/etc/resolv.conf"
#define SYSTEM_MAX 3 /* as the C library does */

_Static_assert(
    OTHERS_MAX *VX_DIAG_COMPARED_MAX <= VX_DIRECT_MAX, "all are asked at once");

struct other {
	enum vx_diag_witness kind;
	char who[VX_DNS_NAME_MAX + 1];
	struct vx_dns_server server;
};

struct others {
	struct checking *k;
	struct other list[OTHERS_MAX];
	size_t count;
};

/* --- who ------------------------------------------------------------------------------
 */

static void add(struct others *o, enum vx_diag_witness kind, const char *who,
    const struct vx_dns_server *server)
{
	struct other *e = &o->list[o->count];

	if (o->count == OTHERS_MAX)
		return;
	e->kind = kind;
	e->server = *server;
	(void)snprintf(e->who, sizeof(e->who), "%s", who != NULL ? who : server->address);
	o->count++;
}

static void add_text(
    struct others *o, enum vx_diag_witness kind, const char *who, vx_slice text)
{
	struct vx_dns_server server;

	if (vx_dns_server_parse(text, &server) == VX_OK)
		add(o, kind, who, &server);
}

static void add_list(
    struct others *o, enum vx_diag_witness kind, const struct vx_text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		add_text(o, kind, NULL, vx_slice_str(list->items[i]));
}

/* resolv.conf(5): lines "nameserver ADDRESS". */
static void add_system(struct others *o)
{
	char line[256];
	FILE *f = fopen(RESOLV_CONF, "re");
	size_t n = 0;

	while (f != NULL && n < SYSTEM_MAX && fgets(line, sizeof(line), f) != NULL) {
		vx_slice rest = vx_slice_trim(vx_slice_str(line), " \t\r\n"), word;

		if (!vx_slice_has_prefix(rest, VX_S("nameserver")))
			continue;
		rest = vx_slice_trim(vx_slice_from(rest, 10), " \t");
		(void)vx_slice_cut(&rest, ' ', &word);
		add_text(o, VX_DIAG_SYSTEM, NULL, word);
		n++;
	}
	if (f != NULL)
		(void)fclose(f);
}

/* The servers that the configuration names for the zone.  False: none. */
static bool add_configured(struct others *o)
{
	const struct vx_text_list *zones = &o->k->c->config->dns_zones;
	const size_t before = o->count;

	for (size_t i = 0; i < zones->count; i++) {
		const vx_slice text = vx_slice_str(zones->items[i]);
		struct vx_dns_server server;
		vx_slice zone;

		if (vx_dns_server_parse_zone(text, &zone, &server) == VX_OK &&
		    vx_dns_is_below(vx_slice_str(o->k->d.domain), zone))
			add(o, VX_DIAG_SOURCE, NULL, &server);
	}
	return o->count > before;
}

static bool ask_all(struct others *o, struct vx_once_question *q, size_t n)
{
	const uint64_t left = ctl_check_left(o->k);
	struct vx_once_work w = { .questions = q,
		.question_count = n,
		.ms_max = left < ASK_MS ? left : ASK_MS };

	return vx_once_do(o->k->d.once, &w) == VX_OK;
}

/* NS of the domain, or of what is next above it; they are known by now. */
static size_t find_servers(struct others *o, char names[][VX_DNS_NAME_MAX + 1])
{
	vx_slice zone = vx_slice_str(o->k->d.domain);
	size_t n = 0;

	for (; n == 0 && vx_dns_labels(zone) >= 2; zone = vx_dns_parent(zone, 1)) {
		struct vx_once_question q = { .late = false };

		if (vx_dns_ask(VX_DNS_NS, "", zone, &q.question) != VX_OK ||
		    !ask_all(o, &q, 1))
			return 0;
		for (size_t i = 0;
		     q.answer != NULL && i < q.answer->count && n < SERVERS_MAX; i++)
			n += vx_dns_read_name(q.answer->rdata[i], names[n]) == VX_OK;
		vx_dns_answer_free(q.answer);
		if (q.late)
			return 0;
	}
	return n;
}

static void add_servers(struct others *o)
{
	char names[SERVERS_MAX][VX_DNS_NAME_MAX + 1], text[VX_DNS_ADDRESS_MAX + 1];
	struct vx_once_question q[2 * SERVERS_MAX] = { 0 };
	const size_t n = find_servers(o, names);

	for (size_t i = 0; i < 2 * n; i++)
		if (vx_dns_ask(i % 2 == 0 ? VX_DNS_A : VX_DNS_AAAA, "",
			vx_slice_str(names[i / 2]), &q[i].question) != VX_OK)
			return;
	if (n == 0 || !ask_all(o, q, 2 * n))
		return;
	for (size_t i = 0; i < 2 * n; i++) {
		const bool first = i % 2 == 0 || o->count == 0 ||
				   strcmp(o->list[o->count - 1].who, names[i / 2]) != 0;

		if (first && q[i].answer != NULL && q[i].answer->count > 0 &&
		    vx_dns_read_address(q[i].answer->rdata[0], text) == VX_OK)
			add_text(o, VX_DIAG_SOURCE, names[i / 2], vx_slice_str(text));
		vx_dns_answer_free(q[i].answer);
	}
}

/* --- what -----------------------------------------------------------------------------
 */

static void tell(struct vx_diag *d, const struct other *e, const struct vx_direct *q)
{
	const struct vx_dns_answer *a = q->answer;

	if (q->truncated)
		return;
	/* one that is not the zone's own says what it has heard */
	if (e->kind == VX_DIAG_SOURCE && !q->authoritative)
		a = NULL;
	(void)vx_diag_witness(d, e->kind, e->who, &q->question, a);
}

static void ask_others(struct others *o, struct vx_diag *d)
{
	static struct vx_direct q[OTHERS_MAX * VX_DIAG_COMPARED_MAX];
	static size_t whose[OTHERS_MAX * VX_DIAG_COMPARED_MAX];
	const uint64_t left = ctl_check_left(o->k);
	size_t count = 0;

	for (size_t i = 0; i < o->count; i++) {
		struct vx_dns_question each[VX_DIAG_COMPARED_MAX];
		const struct other *e = &o->list[i];
		const size_t n = vx_diag_compare(d, e->kind, each);

		for (size_t k = 0; k < n; k++) {
			q[count] = (struct vx_direct){ .question = each[k],
				.server = e->server,
				.recurse = e->kind != VX_DIAG_SOURCE };
			whose[count++] = i;
		}
	}
	vx_direct_ask(q, count, left < ASK_MS ? left : ASK_MS);
	for (size_t i = 0; i < count; i++) {
		tell(d, &o->list[whose[i]], &q[i]);
		vx_dns_answer_free(q[i].answer);
	}
}

void ctl_check_others(struct checking *k, struct vx_diag *d)
{
	const struct vx_config *c = k->c->config;
	struct others o = { .k = k };

	add_list(&o, VX_DIAG_PUBLIC, &c->check_resolvers);
	if (c->check_system_resolvers.count > 0)
		add_list(&o, VX_DIAG_SYSTEM, &c->check_system_resolvers);
	else
		add_system(&o);
	if (!add_configured(&o))
		add_servers(&o);
	/* in less time silence would mean nothing */
	if (ctl_check_left(k) >= ENOUGH_MS)
		ask_others(&o, d);
}
