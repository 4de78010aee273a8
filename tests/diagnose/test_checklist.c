/* What has to be set at Cloudflare: each fault at its setting, and at no other. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/diagnose.h"

#include <stdlib.h>
#include <string.h>

static const char good[] = "example.net MX 10 mail.example.net\n"
			   "example.net TXT v=spf1 mx -all\n"
			   "example.net NS ann.ns.cloudflare.com\n"
			   "mail.example.net A 192.0.2.1\n";
#define ROUTES                                                                           \
	"example.net MX 51 route1.mx.cloudflare.net\n"                                   \
	"example.net MX 52 route2.mx.cloudflare.net\n"
#define INCLUDE "example.net TXT v=spf1 mx include:_spf.mx.cloudflare.net -all\n"

static struct vx_cf_result token;
static struct vx_cf_state state;
static struct vx_cf_backup routing;
static struct vx_zone records;

static void no_token(struct vx_diag_facts *f)
{
	f->has_token = false;
	f->token = NULL;
	f->cloudflare = NULL;
	f->zone = NULL;
}
static void bad_token(struct vx_diag_facts *f)
{
	token.outcome = VX_CF_FORBIDDEN;
	f->cloudflare = NULL;
	f->zone = NULL;
}
static void routing_on(struct vx_diag_facts *f)
{
	(void)f;
	state.routing = VX_CF_ROUTING_ON;
}
static void backup(struct vx_diag_facts *f)
{
	routing_on(f);
	f->backup = true;
}
static void inbox(struct vx_diag_facts *f)
{
	backup(f);
	f->backup_to = "spare@inbox.example";
	f->routing = &routing;
	routing.address = VX_CF_ADDRESS_UNCONFIRMED;
}
static void pending(struct vx_diag_facts *f)
{
	(void)f;
	(void)strcpy(state.dnssec, "pending");
	(void)strcpy(state.ds, "example.net. DS 1 13 2 ab");
}
static void disabled(struct vx_diag_facts *f)
{
	(void)f;
	(void)strcpy(state.dnssec, "disabled");
}
static void flattened(struct vx_diag_facts *f)
{
	(void)f;
	state.flatten_all = true;
}

static const struct {
	const char *drop, *add;
	void (*tweak)(struct vx_diag_facts *f);
	bool secure;
	const char *want; /* names that are not right, and a word of what to do */
	const char *set;
} rows[] = {
	{ "", "", NULL, false, "", "" },
	{ "", "", no_token, true, "token? cname_flattening? ", "" },
	{ "", "", no_token, false, "token? dnssec! cname_flattening? ", "DS record" },
	{ "", "", bad_token, true, "token! cname_flattening? ", "Zone > DNS > Edit" },
	{ "", "", pending, false, "dnssec! ", "DS 1 13 2 ab" },
	{ "", "", disabled, false, "dnssec! ", "DS record" },
	{ "example.net", "", disabled, false, "provider? email_routing? dnssec? ", "" },
	{ "", "", flattened, false, "cname_flattening! ", "root" },
	{ "example.net NS", "example.net NS ns.example.org\n", NULL, false, "provider! ",
	    "registrar" },
	/* the mail host, and what depends on it */
	{ "mail.example.net A", "mail.example.net A 104.16.7.7\n", NULL, false,
	    "proxied! universal_ssl! always_https! ", "DNS only" },
	{ "example.net MX", "example.net MX 10 _dc-mx.0123456789.example.net\n", NULL,
	    false, "proxied! ", "DNS only" },
	{ "mail.example.net A", "", NULL, false, "", "" },
	/* Email Routing: off, */
	{ "", "", routing_on, false, "email_routing! ", "off" },
	{ "", ROUTES, routing_on, false, "email_routing! ", "--backup-mx cloudflare" },
	{ "example.net TXT", INCLUDE, NULL, false, "email_routing! ", "take include:" },
	/* or the declared backup */
	{ "example.net TXT", ROUTES INCLUDE, backup, false, "", "" },
	{ "", ROUTES, backup, false, "email_routing! ", "include:_spf.mx" },
	{ "", "", backup, false, "email_routing! ", "switch Email Routing on" },
	{ "example.net TXT", ROUTES INCLUDE, inbox, false, "email_routing! ",
	    "open the link" },
};

static struct vx_diag *diagnose(struct vxt_zone *z, size_t row)
{
	static const char *const addresses[] = { "192.0.2.1" };
	struct vx_diag_facts f = { .struct_size = sizeof(f),
		.now = 1795888800,
		.provider_only = true,
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 1,
		.has_token = true,
		.token = &token,
		.cloudflare = &state,
		.zone = &records };
	struct vx_dns_question q[32];
	struct vx_diag *d = NULL;
	size_t n, all = 0;

	token = (struct vx_cf_result){ .outcome = VX_CF_GOOD };
	state = (struct vx_cf_state){
		.routing = VX_CF_ROUTING_OFF, .flatten_known = true, .dnssec = "active"
	};
	routing = (struct vx_cf_backup){ .on = true };
	if (rows[row].tweak != NULL)
		rows[row].tweak(&f);
	vxt_assert_ok(vx_diag_new(&f, &d));
	while ((n = vx_diag_ask(d, q, 32)) > 0) {
		/* no more than it needs: a person waits */
		ck_assert_uint_lt(all += n, 25);
		for (size_t i = 0; i < n; i++) {
			const struct vx_dns_answer a = vxt_zone_answer(z, &q[i]);

			vxt_assert_ok(vx_diag_answer(d, &q[i], &a));
		}
	}
	vx_diag_run(d);
	return d;
}

static void check_row(size_t i, struct vx_diag *d)
{
	struct vx_diag_setting all[VX_DIAG_SETTINGS];
	struct vx_buf got = { .max = 1000 };
	bool has = rows[i].set[0] == '\0';

	vx_diag_checklist(d, all);
	for (size_t k = 0; k < VX_DIAG_SETTINGS; k++) {
		const struct vx_diag_setting *s = &all[k];

		if (s->state != VX_DIAG_SET_RIGHT)
			vx_buf_printf(&got, "%s%s ", s->name,
			    s->state == VX_DIAG_SET_WRONG ? "!" : "?");
		ck_assert_msg((s->set[0] != '\0') == (s->state == VX_DIAG_SET_WRONG),
		    "row %zu, %s: %s", i, s->name, s->set);
		ck_assert_msg(
		    s->seen[0] != '\0' && s->where[0] != '\0' && s->title[0] != '\0',
		    "row %zu, %s", i, s->name);
		has = has || strstr(s->set, rows[i].set) != NULL;
	}
	vx_buf_add_char(&got, '\0');
	ck_assert_msg(strcmp(got.ptr, rows[i].want) == 0, "row %zu: %s", i, got.ptr);
	ck_assert_msg(has, "row %zu: nobody says %s", i, rows[i].set);
	vx_buf_done(&got);
}

START_TEST(settings)
{
	static struct vxt_zone z;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_diag *d;

		vxt_zone_init(&z);
		vx_zone_init(&records);
		z.secure = rows[i].secure;
		vxt_zone_fill(&z, good, rows[i].drop);
		vxt_zone_fill(&z, rows[i].add, "");
		if (strcmp(rows[i].drop, "example.net") == 0)
			vxt_zone_fail(&z, "example.net", VX_DNS_FAILED);
		d = diagnose(&z, i);
		check_row(i, d);
		vx_diag_free(d);
		vxt_zone_done(&z);
		vx_zone_done(&records);
	}
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(vx_diag_set_name(VX_DIAG_SET_RIGHT), "yes");
	ck_assert_str_eq(vx_diag_set_name(VX_DIAG_SET_WRONG), "no");
	ck_assert_str_eq(vx_diag_set_name(VX_DIAG_SET_UNKNOWN), "unknown");
	ck_assert_str_eq(vx_diag_set_name((enum vx_diag_set)9), "?");
}
END_TEST

VXT_SUITE(test_checklist, "checklist", settings, words)
