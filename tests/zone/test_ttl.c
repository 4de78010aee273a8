/* How long records are kept: short while they are new, longer once all is right. */
#include "zone/zone_check.h"

#include <stdlib.h>
#include <string.h>

#define SPF "v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 -all"
#define DMARC "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.net; fo=1"
#define HOST4(t) "mail.example.net A 192.0.2.1 | vectis:host | ttl=" t "\n"
#define HOST6(t) "mail.example.net AAAA 2001:db8::1 | vectis:host | ttl=" t "\n"
#define MX(t) "example.net MX 10 mail.example.net | vectis:mx | ttl=" t "\n"
#define TXT(t) "example.net TXT " SPF " | vectis:spf | ttl=" t "\n"
#define POLICY(t) "_dmarc.example.net TXT " DMARC " | vectis:dmarc | ttl=" t "\n"
#define ALL(t) HOST4(t) HOST6(t) MX(t) TXT(t) POLICY(t)
#define REST(t) HOST6(t) MX(t) TXT(t) POLICY(t)
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OLD "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define TLSA(h, t)                                                                       \
	"_25._tcp.mail.example.net TLSA 3 1 1 " h " | vectis:tlsa | ttl=" t "\n"
#define SETUP VX_ZONE_TTL_SETUP
#define SETTLED VX_ZONE_TTL_SETTLED

static const char *const hashes[] = { HASH };

static const struct {
	const char *have;
	uint32_t ttl, kept;
	unsigned flags;
	bool tlsa;
	const char
	    *want; /* "add NAME TYPE TTL", and " only" of those that say the same */
} rows[] = {
	{ "", SETUP, SETTLED, 0, false,
	    "add mail.example.net A 60\nadd mail.example.net AAAA 60\n"
	    "add example.net MX 60\nadd example.net TXT 60\n"
	    "add _dmarc.example.net TXT 60\n" },
	{ "", 0, 0, 0, false,
	    "add mail.example.net A 0\nadd mail.example.net AAAA 0\n"
	    "add example.net MX 0\nadd example.net TXT 0\n"
	    "add _dmarc.example.net TXT 0\n" },
	/* what is right stays as it is for as long as it is not known that all is */
	{ ALL("0"), SETUP, 0, 0, false, "" },
	{ ALL("3600"), SETUP, 0, 0, false, "" },
	{ ALL("60"), 0, 0, 0, false, "" },
	/* and then it is raised, but never lowered */
	{ ALL("60"), SETUP, SETTLED, 0, false,
	    "change mail.example.net A 3600 only\nchange mail.example.net AAAA 3600 "
	    "only\n"
	    "change example.net MX 3600 only\nchange example.net TXT 3600 only\n"
	    "change _dmarc.example.net TXT 3600 only\n" },
	{ HOST4("0") REST("86400"), SETUP, SETTLED, 0, false,
	    "change mail.example.net A 3600 only\n" },
	{ ALL("3600"), SETUP, SETTLED, 0, false, "" },
	/* while something changes, nothing is raised */
	{ REST("60"), SETUP, SETTLED, 0, false, "add mail.example.net A 60\n" },
	{ ALL("60") "example.net MX 20 old.example.net | vectis:mx | ttl=60\n", SETUP,
	    SETTLED, 0, false, "remove example.net MX 60\n" },
	/* what changes may be wrong */
	{ "mail.example.net A 192.0.2.9 | vectis:host | ttl=3600\n" REST("3600"), SETUP,
	    SETTLED, 0, false, "change mail.example.net A 60\n" },
	/* and who does not care leaves it */
	{ "mail.example.net A 192.0.2.9 | vectis:host | ttl=3600\n" REST("3600"), 0, 0, 0,
	    false, "change mail.example.net A 3600\n" },
	/* all of a set have one */
	{ ALL("3600") "example.net MX 20 old.example.net | vectis:mx | ttl=3600\n", SETUP,
	    SETTLED, 0, false,
	    "change example.net MX 60 only\nremove example.net MX 3600\n" },
	/* that of others, if there are any */
	{ ALL("60") "example.net TXT hello | ttl=300\n"
		    "mail.example.net A 192.0.2.9\n",
	    SETUP, SETTLED, 0, false,
	    "change mail.example.net AAAA 3600 only\n"
	    "clash mail.example.net A 0\nchange example.net MX 3600 only\n"
	    "change _dmarc.example.net TXT 3600 only\n" },
	{ HOST4("60") HOST6("60") MX("60")
		POLICY("60") "example.net TXT hello | ttl=300\n",
	    SETUP, SETTLED, 0, false, "add example.net TXT 300\n" },
	/* but not of those that go */
	{ HOST4("60") HOST6("60") TXT("60")
		POLICY("60") "example.net MX 1 mx.example.org | ttl=86400\n",
	    SETUP, SETTLED, VX_ZONE_TAKE, false,
	    "remove example.net MX 86400\nadd example.net MX 60\n" },
	/* others' own stay as they are */
	{ HOST4("3600") HOST6("3600") MX("3600") POLICY(
	      "3600") "example.net TXT v=spf1 include:x.example -all | ttl=300\n",
	    SETUP, SETTLED, 0, false, "merge example.net TXT 300\n" },
	{ "mail.example.net A 192.0.2.1 | ttl=300\n" REST("3600"), SETUP, SETTLED, 0,
	    false, "" },
	/* what the provider holds, or answers itself */
	{ HOST4("60")
		HOST6("3600") "example.net MX 10 mail.example.net | vectis:mx | locked"
			      " | ttl=60\n" TXT("3600") POLICY("3600"),
	    SETUP, SETTLED, 0, false, "change mail.example.net A 3600 only\n" },
	/* a key waits by the TTL of its TLSA records: they are as they were */
	{ ALL("3600") TLSA(HASH, "300"), SETUP, SETTLED, 0, true, "" },
	{ ALL("3600"), SETUP, SETTLED, 0, true,
	    "add _25._tcp.mail.example.net TLSA 60\n" },
	{ ALL("3600"), SETTLED, 0, 0, true, "add _25._tcp.mail.example.net TLSA 60\n" },
	{ ALL("3600") TLSA(OLD, "120"), SETUP, SETTLED, 0, true,
	    "change _25._tcp.mail.example.net TLSA 120\n" },
	{ ALL("3600") TLSA(OLD, "120"), 0, 0, VX_ZONE_PART, true,
	    "change _25._tcp.mail.example.net TLSA 120\n" },
	{ ALL("60"), SETUP, SETTLED, VX_ZONE_WITHDRAW, false,
	    "remove example.net MX 60\nremove example.net TXT 60\n"
	    "remove _dmarc.example.net TXT 60\n" },
};

/* Does it change what records say? */
static bool write_diff(const struct vx_zone_diff *d, struct vx_buf *out)
{
	size_t ttls = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct vx_zone_change *c = &d->changes[i];
		const bool to = c->verb == VX_ZONE_ADD || c->verb == VX_ZONE_CHANGE ||
				c->verb == VX_ZONE_MERGE;
		const struct vx_zone_record *r = to || c->have == NULL ? &c->to : c->have;

		if (c->verb != VX_ZONE_KEEP && c->verb != VX_ZONE_LEAVE)
			vx_buf_printf(out, "%s %s %s %u%s\n", vx_zone_verb_name(c->verb),
			    r->name, r->type, (unsigned)r->ttl,
			    c->ttl_only ? " only" : "");
		if (c->ttl_only) {
			ck_assert_str_eq(c->to.content, c->have->content);
			ck_assert_str_eq(c->to.comment, c->have->comment);
			ttls++;
		}
	}
	return d->work > ttls;
}

static void check_row(size_t i)
{
	struct vx_zone_wish w = zone_check_wish();
	struct vx_zone_diff *d = calloc(1, sizeof(*d));
	struct vx_buf text = { .max = 4096 };
	struct vx_zone have, after;
	struct vx_zone_plan p;

	w.ttl = rows[i].ttl;
	w.ttl_kept = rows[i].kept;
	w.tlsa = hashes;
	w.tlsa_count = rows[i].tlsa;
	zone_check_read(&have, rows[i].have);
	vxt_assert_ok(vx_zone_plan(&w, &p));
	vxt_assert_ok(vx_zone_diff(&p, &have, rows[i].flags, d));
	if (write_diff(d, &text))
		p.ttl_kept = 0;
	vx_buf_add_char(&text, '\0');
	ck_assert_msg(strcmp(text.ptr, rows[i].want) == 0, "row %zu: %s", i, text.ptr);
	/* it is done then; what has changed is not raised before it was looked at */
	zone_check_apply(&have, d, &after);
	vx_zone_diff_done(d);
	vxt_assert_ok(vx_zone_diff(&p, &after, rows[i].flags, d));
	ck_assert_msg(d->work == 0, "row %zu", i);
	vx_buf_done(&text);
	vx_zone_diff_done(d);
	vx_zone_done(&have);
	vx_zone_done(&after);
	vx_zone_plan_done(&p);
	free(d);
}

START_TEST(differences)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i);
}
END_TEST

/* What would be raised, without a plan. */
START_TEST(counted)
{
	static const struct {
		const char *have;
		size_t count;
	} zones[] = {
		{ "", 0 },
		{ ALL("3600"), 0 },
		{ ALL("60"), 5 },
		{ ALL("0"), 5 },
		{ HOST4("60") REST("3600") TLSA(HASH, "60"), 1 },
		/* of other domains, and of others */
		{ "sub.example.net MX 10 mail.example.net | vectis:mx | ttl=60\n"
		  "mx.example.net A 192.0.2.1 | vectis:host | ttl=60\n"
		  "example.net A 192.0.2.1 | ttl=60\n"
		  "x._domainkey.example.net TXT x | vectis:dkim | ttl=60\n",
		    1 },
		{ TXT("60") "example.net TXT hello\n" MX("60"), 1 },
		{ "autoconfig.example.net CNAME mail.example.net | vectis:autoconfig"
		  " | proxied\n",
		    0 },
		/* another server's */
		{ "a._domainkey.example.net TXT x | vectis:dkim other | ttl=60\n"
		  "b._domainkey.example.net TXT x | vectis:dkim this | ttl=60\n",
		    1 },
	};

	struct vx_zone_wish w = zone_check_wish();

	w.install = "this";
	w.ttl_kept = SETTLED;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		struct vx_zone have;

		zone_check_read(&have, zones[i].have);
		ck_assert_uint_eq(vx_zone_count_short(&w, &have), zones[i].count);
		vx_zone_done(&have);
	}
}
END_TEST

VXT_SUITE(test_ttl, "ttl", differences, counted)
