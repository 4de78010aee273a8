#include "base/mem.h"
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/dmarc.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	RECORDS = 8,
	IDS = 4
};

struct id {
	char method;      /* s, d */
	const char *what; /* domain; "!" before it: it failed, "?": temperror */
	char aligned;     /* y, n, ? */
};

struct example {
	const char *title, *author;
	const char *records[RECORDS][2]; /* name and text; text NULL: asking fails */
	struct id ids[IDS];
	const char *want;      /* verdict and policy */
	const char *at;        /* policy domain */
	const char *questions; /* without "_dmarc."; NULL: not looked at */
};

static struct vxt_zone zone;
static struct vx_buf log_ = { .max = 1 << 20 };

static void build(const char *const records[][2])
{
	vxt_zone_init(&zone);
	for (size_t i = 0; i < RECORDS && records[i][0] != NULL; i++) {
		if (records[i][1] == NULL)
			vxt_zone_fail(&zone, records[i][0], VX_DNS_FAILED);
		else if (strcmp(records[i][1], "bogus") == 0)
			vxt_zone_fail(&zone, records[i][0], VX_DNS_BOGUS);
		else if (strncmp(records[i][1], "A ", 2) == 0)
			vxt_zone_add(&zone, records[i][0], VX_DNS_A, records[i][1] + 2);
		else
			vxt_zone_add(&zone, records[i][0], VX_DNS_TXT, records[i][1]);
	}
}

/* The answer in blocks that end where the records end. */
static void answer(struct vx_dmarc *d, const struct vx_dns_question *q)
{
	struct vx_dns_answer a = vxt_zone_answer(&zone, q);
	vx_slice copies[VXT_ZONE_RECORDS];

	for (size_t i = 0; i < a.count; i++) {
		char *const block = malloc(a.rdata[i].len + 1);

		memcpy(block + 1, a.rdata[i].ptr, a.rdata[i].len);
		copies[i] = vx_slice_of(block + 1, a.rdata[i].len);
	}
	a.rdata = copies;
	vxt_assert_ok(vx_dmarc_answer(d, &a));
	ck_assert_int_eq(vx_dmarc_answer(d, &a), VX_ESTATE);
	for (size_t i = 0; i < a.count; i++)
		free((char *)(uintptr_t)(copies[i].ptr - 1));
}

static void run(struct vx_dmarc *d)
{
	struct vx_dns_question q, again;
	int rc;

	vx_buf_reset(&log_);
	while ((rc = vx_dmarc_next(d, &q)) == VX_WAIT) {
		ck_assert_int_eq(vx_dmarc_next(d, &again), VX_WAIT);
		ck_assert_str_eq(q.name, again.name);
		vx_buf_printf(&log_, "%s%s%s", log_.len == 0 ? "" : " ",
		    q.type == VX_DNS_TXT ? "" : vx_dns_type_name(q.type),
		    strncmp(q.name, "_dmarc.", 7) == 0 ? q.name + 7 : q.name);
		answer(d, &q);
	}
	ck_assert_int_eq(rc, VX_DONE);
	ck_assert_int_eq(vx_dmarc_next(d, &q), VX_DONE);
	ck_assert(!log_.failed);
}

static struct vx_dmarc *make(const struct example *e)
{
	struct vx_dmarc_identifier ids[IDS];
	struct vx_dmarc_options o = { .struct_size = sizeof(o),
		.author = vx_slice_str(e->author),
		.identifiers = ids };
	struct vx_dmarc *d = NULL;

	for (size_t i = 0; i < IDS && e->ids[i].method != '\0'; i++) {
		const char *const what = e->ids[i].what;

		ids[i].method = e->ids[i].method == 's' ? VX_DMARC_SPF : VX_DMARC_DKIM;
		ids[i].verdict = *what == '!'   ? VX_VERDICT_FAIL
				 : *what == '?' ? VX_VERDICT_TEMPERROR
						: VX_VERDICT_PASS;
		ids[i].domain = vx_slice_str(what + (*what == '!' || *what == '?'));
		o.identifiers_count++;
	}
	vxt_assert_ok(vx_dmarc_new(&o, &d));
	return d;
}

static void check(const struct example *e)
{
	struct vx_dmarc *d = make(e);
	const struct vx_dmarc_result *r;
	char got[80];

	build(e->records);
	run(d);
	r = vx_dmarc_result(d);
	(void)snprintf(got, sizeof(got), "%s %s", vx_verdict_name(r->verdict),
	    vx_dmarc_policy_name(r->policy));
	ck_assert_msg(strcmp(got, e->want) == 0, "%s: %s, not %s (%s)", e->title, got,
	    e->want, r->reason);
	ck_assert_msg(strcmp(r->policy_domain, e->at) == 0, "%s: at %s", e->title,
	    r->policy_domain);
	for (size_t i = 0; i < IDS && e->ids[i].method != '\0'; i++)
		ck_assert_msg("ny?"[r->aligned[i]] == e->ids[i].aligned, "%s: %s is %c",
		    e->title, e->ids[i].what, "ny?"[r->aligned[i]]);
	if (e->questions != NULL)
		ck_assert_msg(
		    vx_slice_eq(vx_buf_slice(&log_), vx_slice_str(e->questions)),
		    "%s: asked %.*s", e->title, (int)log_.len, log_.ptr);
	ck_assert_uint_gt(strlen(r->reason), 5);
	ck_assert_str_eq(r->author, e->author);
	ck_assert((r->record != NULL) == (e->at[0] != '\0'));
	vx_dmarc_free(d);
	vxt_zone_done(&zone);
}

static void check_all(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(&examples[i]);
	vx_buf_done(&log_);
}
#define CHECK_ALL(examples) check_all(examples, sizeof(examples) / sizeof((examples)[0]))

#define REJECT "v=DMARC1; p=reject"

/* RFC 9989 4.4 and appendix B.1 and B.3. */
START_TEST(alignment_tables)
{
	static const struct example examples[] = {
		{ "4.4, relaxed", "news.example.com",
		    { { "_dmarc.example.com", REJECT } },
		    { { 'd', "foo.example.com", 'y' } }, "pass none", "example.com",
		    "news.example.com example.com com foo.example.com" },
		{ "4.4, strict", "news.example.com",
		    { { "_dmarc.news.example.com", "v=DMARC1;p=reject;adkim=s" } },
		    { { 'd', "news.example.com", 'y' } }, "pass none", "news.example.com",
		    "news.example.com" },
		{ "B.1.1 example 1", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 's', "example.com", 'y' } }, "pass none", "example.com",
		    "example.com" },
		{ "B.1.1 example 2", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 's', "child.example.com", 'y' } }, "pass none", "example.com",
		    "example.com com child.example.com" },
		{ "B.1.1 example 3", "child.example.com",
		    { { "_dmarc.example.com", REJECT } }, { { 's', "example.net", 'n' } },
		    "fail reject", "example.com", "child.example.com example.com com" },
		{ "B.1.2 example 1", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 'd', "example.com", 'y' } }, "pass none", "example.com",
		    "example.com" },
		{ "B.1.2 example 2", "child.example.com",
		    { { "_dmarc.example.com", REJECT } }, { { 'd', "example.com", 'y' } },
		    "pass none", "example.com", "child.example.com example.com com" },
		{ "B.1.2 example 3", "child.example.com",
		    { { "_dmarc.example.com", REJECT } }, { { 'd', "example.net", 'n' } },
		    "fail reject", "example.com", NULL },
		{ "B.3.1", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=reject; aspf=r; "
					      "rua=mailto:dmarc-feedback@example.com" } },
		    { { 's', "mail.example.com", 'y' }, { 'd', "example.com", 'y' } },
		    "pass none", "example.com", NULL },
		/* strict: the same and nothing else */
		{ "strict, parent", "a.example.com",
		    { { "_dmarc.a.example.com", "v=DMARC1;p=reject;aspf=s;adkim=s" },
			{ "_dmarc.example.com", REJECT } },
		    { { 's', "example.com", 'n' }, { 'd', "b.a.example.com", 'n' } },
		    "fail reject", "a.example.com", "a.example.com" },
		{ "strict SPF, relaxed DKIM", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=reject; aspf=s" } },
		    { { 's', "a.example.com", 'n' }, { 'd', "a.example.com", 'y' } },
		    "pass none", "example.com", NULL },
		{ "strict DKIM, relaxed SPF", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=reject; adkim=s" } },
		    { { 's', "a.example.com", 'y' }, { 'd', "a.example.com", 'n' } },
		    "pass none", "example.com", NULL },
		/* what did not pass proves nothing */
		{ "failed", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 's', "!example.com", 'n' }, { 'd', "!example.com", 'n' } },
		    "fail reject", "example.com", "example.com" },
		{ "none at all", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 0 } }, "fail reject", "example.com", "example.com" },
		{ "any of several", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 'd', "example.net", 'n' }, { 'd', "!example.com", 'n' },
			{ 'd', "Example.COM.", 'y' }, { 's', "bad domain", 'n' } },
		    "pass none", "example.com", "example.com" },
		{ "U-labels", "xn--mller-kva.example",
		    { { "_dmarc.xn--mller-kva.example", REJECT } },
		    { { 'd', "m\xc3\xbcller.example", 'y' } }, "pass none",
		    "xn--mller-kva.example", NULL },
		/* 11.8: one whose organization is a part of another's */
		{ "separate below", "evil.example.com",
		    { { "_dmarc.mail.example.com", "v=DMARC1; p=reject; psd=n" },
			{ "_dmarc.example.com", REJECT } },
		    { { 'd', "mail.example.com", 'n' } }, "fail reject", "example.com",
		    NULL },
		{ "separate above", "mail.example.com",
		    { { "_dmarc.mail.example.com", "v=DMARC1; p=reject; psd=n" },
			{ "_dmarc.example.com", REJECT } },
		    { { 'd', "evil.example.com", 'n' }, { 'd', "example.com", 'n' },
			{ 's', "a.mail.example.com", 'y' } },
		    "pass none", "mail.example.com",
		    "mail.example.com a.mail.example.com" },
		{ "names that end alike", "example.com",
		    { { "_dmarc.example.com", REJECT } },
		    { { 'd', "anexample.com", 'n' }, { 's', "com", 'n' } }, "fail reject",
		    "example.com", "example.com com" },
	};

	CHECK_ALL(examples);
}
END_TEST

/* RFC 9989 4.10, 4.10.2 and appendix B.4. */
START_TEST(tree_walks)
{
	static const struct example examples[] = {
		{ "B.4.1", "example.com",
		    { { "_dmarc.example.com", REJECT },
			{ "_dmarc.signing.example.com", REJECT } },
		    { { 's', "example.com", 'y' }, { 'd', "signing.example.com", 'y' } },
		    "pass none", "example.com", "example.com com signing.example.com" },
		{ "B.4.2", "a.b.c.d.e.f.g.h.i.j.k.example.com",
		    { { "_dmarc.example.com", REJECT },
			{ "_dmarc.signing.example.com", REJECT } },
		    { { 's', "example.com", 'y' }, { 'd', "signing.example.com", 'y' } },
		    "pass none", "example.com",
		    "a.b.c.d.e.f.g.h.i.j.k.example.com g.h.i.j.k.example.com "
		    "h.i.j.k.example.com i.j.k.example.com j.k.example.com "
		    "k.example.com example.com com signing.example.com" },
		{ "B.4.3", "giant.bank.example",
		    { { "_dmarc.bank.example", "v=DMARC1; p=reject; psd=y" },
			{ "_dmarc.giant.bank.example", "v=DMARC1; p=quarantine" } },
		    { { 's', "mail.giant.bank.example", 'y' },
			{ 'd', "mail.mega.bank.example", 'n' } },
		    "pass none", "giant.bank.example",
		    "giant.bank.example bank.example mail.giant.bank.example" },
		{ "4.10, thirteen labels", "a.b.c.d.e.f.g.h.i.j.mail.example.com",
		    { { 0 } }, { { 0 } }, "none none", "",
		    "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com "
		    "h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com "
		    "mail.example.com example.com com" },
		{ "eight labels", "a.b.c.d.e.f.g.h", { { 0 } }, { { 0 } }, "none none",
		    "",
		    "a.b.c.d.e.f.g.h b.c.d.e.f.g.h c.d.e.f.g.h d.e.f.g.h e.f.g.h f.g.h "
		    "g.h h" },
		{ "nine labels", "a.b.c.d.e.f.g.h.i", { { 0 } }, { { 0 } }, "none none",
		    "",
		    "a.b.c.d.e.f.g.h.i c.d.e.f.g.h.i d.e.f.g.h.i e.f.g.h.i f.g.h.i "
		    "g.h.i h.i i" },
		{ "seven labels", "a.b.c.d.e.f.g", { { 0 } }, { { 0 } }, "none none", "",
		    "a.b.c.d.e.f.g b.c.d.e.f.g c.d.e.f.g d.e.f.g e.f.g f.g g" },
		{ "one label", "example", { { "_dmarc.example", REJECT } }, { { 0 } },
		    "fail reject", "example", "example" },
		/* 4.10.2: the three examples at its end */
		{ "fewest labels", "a.mail.example.com",
		    { { "_dmarc.mail.example.com", "v=DMARC1; p=none" },
			{ "_dmarc.example.com", REJECT } },
		    { { 'd', "b.example.com", 'y' } }, "pass none", "example.com",
		    "a.mail.example.com mail.example.com example.com com b.example.com" },
		{ "psd=n", "a.mail.example.com",
		    { { "_dmarc.mail.example.com", "v=DMARC1; p=reject; psd=n" },
			{ "_dmarc.example.com", REJECT } },
		    { { 'd', "b.example.com", 'n' }, { 'd', "mail.example.com", 'y' } },
		    "pass none", "mail.example.com",
		    "a.mail.example.com mail.example.com" },
		{ "psd=y", "a.mail.example.com",
		    { { "_dmarc.com", "v=DMARC1; p=reject; psd=y" } },
		    { { 'd', "b.example.com", 'y' }, { 'd', "x.com", 'n' } }, "pass none",
		    "com",
		    "a.mail.example.com mail.example.com example.com com b.example.com" },
		/* the policy of a public suffix is the last resort */
		{ "organization and suffix", "a.example.com",
		    { { "_dmarc.com", "v=DMARC1; p=reject; psd=y" },
			{ "_dmarc.example.com", "v=DMARC1; p=quarantine" } },
		    { { 0 } }, "fail quarantine", "example.com",
		    "a.example.com example.com com" },
		{ "below an organization without a record", "a.b.example.com",
		    { { "_dmarc.com", "v=DMARC1; p=reject; psd=y" },
			{ "_dmarc.b.example.com", "v=DMARC1; p=quarantine" } },
		    { { 0 } }, "fail reject", "com", NULL },
		{ "the suffix itself writes", "bank.example",
		    { { "_dmarc.bank.example", "v=DMARC1; p=reject; psd=y" },
			{ "_dmarc.example", "v=DMARC1; p=none" } },
		    { { 'd', "a.bank.example", 'n' }, { 's', "bank.example", 'y' } },
		    "pass none", "bank.example", "bank.example a.bank.example" },
		{ "a suffix without psd is an organization", "a.example",
		    { { "_dmarc.example", REJECT } }, { { 'd', "b.example", 'y' } },
		    "pass none", "example", NULL },
		/* several records, and others */
		{ "two records are none", "example.com",
		    { { "_dmarc.example.com", REJECT },
			{ "_dmarc.example.com", "v=DMARC1; p=none" } },
		    { { 0 } }, "none none", "", "example.com com" },
		{ "two records are none, but above is one", "a.example.com",
		    { { "_dmarc.a.example.com", REJECT },
			{ "_dmarc.a.example.com", REJECT },
			{ "_dmarc.example.com", "v=DMARC1; p=quarantine" } },
		    { { 0 } }, "fail quarantine", "example.com", NULL },
		{ "others do not count", "example.com",
		    { { "_dmarc.example.com", "v=spf1 -all" },
			{ "_dmarc.example.com", REJECT },
			{ "_dmarc.example.com", "v=DMARC2; p=none" },
			{ "_dmarc.example.com", "" } },
		    { { 0 } }, "fail reject", "example.com", NULL },
		{ "an alias", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 0 } }, "fail reject", "example.com", NULL },
	};

	CHECK_ALL(examples);
}
END_TEST

/* RFC 9989 4.7 (np, sp, t) and 4.10.1. */
START_TEST(policies)
{
	static const struct example examples[] = {
		{ "p", "example.com",
		    { { "_dmarc.example.com",
			"v=DMARC1;p=quarantine;sp=none;np=reject" } },
		    { { 0 } }, "fail quarantine", "example.com", "example.com" },
		{ "sp of one that exists", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1;p=none;sp=quarantine;np=reject" },
			{ "a.example.com", "A 192.0.2.1" } },
		    { { 0 } }, "fail quarantine", "example.com",
		    "a.example.com example.com com Aa.example.com" },
		{ "np of one that does not", "a.example.com",
		    { { "_dmarc.example.com",
			"v=DMARC1;p=none;sp=quarantine;np=reject" } },
		    { { 0 } }, "fail reject", "example.com",
		    "a.example.com example.com com Aa.example.com" },
		{ "one with names below it exists", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=none; np=reject" },
			{ "x.a.example.com", "A 192.0.2.1" } },
		    { { 0 } }, "fail none", "example.com",
		    "a.example.com example.com com Aa.example.com" },
		{ "one with another text at _dmarc exists", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=none; np=reject" },
			{ "_dmarc.a.example.com", "hello" } },
		    { { 0 } }, "fail none", "example.com",
		    "a.example.com example.com com" },
		{ "np only", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=reject; np=none" } },
		    { { 0 } }, "fail none", "example.com", NULL },
		{ "np as sp: nobody has to ask", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1;p=none;sp=reject;np=reject" } },
		    { { 0 } }, "fail reject", "example.com",
		    "a.example.com example.com com" },
		{ "no np: sp", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=none; sp=reject" } },
		    { { 0 } }, "fail reject", "example.com",
		    "a.example.com example.com com" },
		{ "neither: p", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=quarantine" } }, { { 0 } },
		    "fail quarantine", "example.com", NULL },
		{ "sp of a record on a subdomain is not used", "a.example.com",
		    { { "_dmarc.a.example.com", "v=DMARC1; p=none; sp=reject" },
			{ "_dmarc.example.com", REJECT } },
		    { { 0 } }, "fail none", "a.example.com", "a.example.com" },
		{ "np of a suffix", "nobody.example",
		    { { "_dmarc.example", "v=DMARC1; p=none; np=reject; psd=y" } },
		    { { 0 } }, "fail reject", "example", NULL },
		/* t */
		{ "t=y of reject", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=reject; t=y" } }, { { 0 } },
		    "fail quarantine", "example.com", NULL },
		{ "t=y of quarantine", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=quarantine; t=y" } },
		    { { 0 } }, "fail none", "example.com", NULL },
		{ "t=y of none", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=none; t=y" } }, { { 0 } },
		    "fail none", "example.com", NULL },
		{ "t=y of np", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=none; np=reject; t=y" } },
		    { { 0 } }, "fail quarantine", "example.com", NULL },
		/* B.2.5 */
		{ "B.2.5, testing", "test.example.com",
		    { { "_dmarc.test.example.com",
			"v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,"
			"mailto:tld-test@thirdparty.example.net; t=y" } },
		    { { 's', "example.net", 'n' } }, "fail none", "test.example.com",
		    NULL },
		/* 4.10.1: policies that are not valid */
		{ "no p, with rua", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; rua=mailto:a@example.com" } },
		    { { 0 } }, "fail none", "example.com", NULL },
		{ "bad p, with rua, aligned", "example.com",
		    { { "_dmarc.example.com",
			"v=DMARC1; p=x; rua=https://example.com/" } },
		    { { 'd', "example.com", 'y' } }, "pass none", "example.com", NULL },
		{ "bad sp, with rua", "example.com",
		    { { "_dmarc.example.com",
			"v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com" } },
		    { { 0 } }, "fail none", "example.com", NULL },
		{ "bad np, with rua", "a.example.com",
		    { { "_dmarc.example.com",
			"v=DMARC1; p=reject; np=x; rua=mailto:a@example.com" } },
		    { { 0 } }, "fail none", "example.com",
		    "a.example.com example.com com" },
		{ "no p", "example.com", { { "_dmarc.example.com", "v=DMARC1" } },
		    { { 'd', "example.com", 'n' } }, "permerror none", "example.com",
		    "example.com" },
		{ "bad p, and rua is none", "example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=x; rua=a@example.com" } },
		    { { 0 } }, "permerror none", "example.com", NULL },
		{ "bad sp", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=reject; sp=x" } }, { { 0 } },
		    "permerror none", "example.com", NULL },
		{ "no record", "example.com", { { "example.com", "A 192.0.2.1" } },
		    { { 'd', "example.com", 'n' } }, "none none", "", "example.com com" },
	};

	CHECK_ALL(examples);
}
END_TEST

/* RFC 9989 5.3.6 */
START_TEST(failing_questions)
{
	static const struct example examples[] = {
		{ "at the author", "example.com", { { "_dmarc.example.com", NULL } },
		    { { 'd', "example.com", 'n' } }, "temperror none", "",
		    "example.com" },
		{ "bogus", "example.com", { { "_dmarc.example.com", "bogus" } },
		    { { 0 } }, "temperror none", "", NULL },
		{ "on the way to the policy", "a.b.example.com",
		    { { "_dmarc.b.example.com", NULL },
			{ "_dmarc.example.com", REJECT } },
		    { { 'd', "a.b.example.com", 'n' } }, "temperror none", "",
		    "a.b.example.com b.example.com" },
		{ "above a policy that is final", "a.example.com",
		    { { "_dmarc.a.example.com", "v=DMARC1; p=reject; psd=n" },
			{ "_dmarc.example.com", NULL } },
		    { { 'd', "b.a.example.com", 'y' } }, "pass none", "a.example.com",
		    NULL },
		{ "for one that is not needed", "example.com",
		    { { "_dmarc.example.com", REJECT }, { "_dmarc.com", NULL } },
		    { { 'd', "example.com", 'y' }, { 's', "a.example.com", '?' },
			{ 'd', "example.net", 'n' } },
		    "pass none", "example.com", "example.com com" },
		{ "for the only one", "example.com",
		    { { "_dmarc.example.com", REJECT },
			{ "_dmarc.a.example.com", NULL } },
		    { { 's', "a.example.com", '?' } }, "temperror none", "example.com",
		    NULL },
		{ "for the author's organization", "example.com",
		    { { "_dmarc.example.com", REJECT }, { "_dmarc.com", NULL } },
		    { { 's', "a.com", '?' } }, "temperror none", "example.com", NULL },
		{ "for the existence", "a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1; p=none; np=reject" },
			{ "a.example.com", NULL } },
		    { { 0 } }, "temperror none", "example.com", NULL },
		/* what SPF and DKIM could not find out */
		{ "DKIM", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 'd', "?example.com", 'y' } }, "temperror none", "example.com",
		    NULL },
		{ "SPF, relaxed", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 's', "?a.example.com", 'y' }, { 'd', "example.net", 'n' } },
		    "temperror none", "example.com", NULL },
		{ "of another", "example.com", { { "_dmarc.example.com", REJECT } },
		    { { 'd', "?example.net", 'n' } }, "fail reject", "example.com",
		    NULL },
		{ "beside one that passes", "example.com",
		    { { "_dmarc.example.com", REJECT } },
		    { { 'd', "?example.com", 'n' }, { 's', "example.com", 'y' } },
		    "pass none", "example.com", "example.com" },
		{ "without a record", "example.com", { { 0 } },
		    { { 'd', "?example.com", 'n' } }, "none none", "", NULL },
	};

	CHECK_ALL(examples);
}
END_TEST

/* What a result says beside its verdict. */
START_TEST(results)
{
	static const struct example e = { "", "a.example.com",
		{ { "_dmarc.example.com",
		    "v=DMARC1; p=none; sp=quarantine; np=reject; t=y; "
		    "rua=mailto:x@example.com" } },
		{ { 's', "b.example.com", 'y' }, { 'd', "!example.com", 'n' } },
		"pass none", "example.com", NULL };
	struct vx_dmarc *d = make(&e);
	const struct vx_dmarc_result *r = vx_dmarc_result(d);

	build(e.records);
	run(d);
	ck_assert_int_eq(r->published, VX_DMARC_QUARANTINE);
	ck_assert_str_eq(r->organizational, "example.com");
	ck_assert(r->spf && !r->dkim);
	ck_assert_uint_eq(r->aligned_count, 2);
	ck_assert_uint_eq(r->record->rua_count, 1);
	ck_assert_str_eq(r->reason, "SPF is aligned with a.example.com");
	vx_dmarc_free(d);
	vxt_zone_done(&zone);
	vx_buf_done(&log_);
}
END_TEST

/* TXT records of several strings are one text (RFC 9989 4.5); CNAMEs are followed. */
START_TEST(records_in_pieces)
{
	const vx_slice strings[] = { VX_S("v=DMA"), VX_S("RC1; p=rej"), VX_S(""),
		VX_S("ect") };
	static const struct example e = { "", "example.com", { { 0 } }, { { 0 } }, "", "",
		NULL };
	struct vx_dmarc *d = make(&e);

	build(e.records);
	vxt_zone_add(&zone, "_dmarc.example.com", VX_DNS_CNAME, "d.example.net");
	vxt_zone_add_txt(&zone, "d.example.net", strings, 4);
	run(d);
	ck_assert_int_eq(vx_dmarc_result(d)->policy, VX_DMARC_REJECT);
	vx_dmarc_free(d);
	vxt_zone_done(&zone);
	vx_buf_done(&log_);
}
END_TEST

START_TEST(authors_must_be_domains)
{
	static const char *const bad[] = { "", ".", "[192.0.2.1]", "a..b", "-a.example",
		"a b", "a@b", "a\tb", "\xff.example" };
	struct vx_dmarc_options o = { .struct_size = sizeof(o) };
	struct vx_dmarc *d = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.author = vx_slice_str(bad[i]);
		ck_assert_int_eq(vx_dmarc_new(&o, &d), VX_EINVAL);
	}
	ck_assert_ptr_null(d);
	o.author = VX_S("M\xc3\x9cller.Example.");
	vxt_assert_ok(vx_dmarc_new(&o, &d));
	ck_assert_str_eq(vx_dmarc_result(d)->author, "xn--mller-kva.example");
	ck_assert_int_eq(
	    vx_dmarc_answer(d, &(struct vx_dns_answer){ .status = VX_DNS_NODATA }),
	    VX_ESTATE);
	vx_dmarc_free(d);
	vx_dmarc_free(NULL);
}
END_TEST

/* Names so long that "_dmarc" does not fit before them have no record there. */
START_TEST(long_names)
{
	struct example e = { "", NULL,
		{ { "_dmarc.example.com", "v=DMARC1; p=none; "
					  "np=reject" } },
		{ { 'd', "example.com", 'y' } }, "", "", NULL };
	char name[VX_DNS_NAME_MAX + 1];
	struct vx_dmarc *d;

	for (size_t i = 0; i < 242; i++)
		name[i] = i % 50 == 49 ? '.' : 'a';
	memcpy(name + 241, ".example.com", 13);
	ck_assert_uint_eq(strlen(name), VX_DNS_NAME_MAX);
	e.author = name;
	for (int aligned = 0; aligned < 2; aligned++) {
		e.ids[0].method = aligned ? 'd' : '\0';
		d = make(&e);
		build(e.records);
		run(d);
		ck_assert_int_eq(vx_dmarc_result(d)->verdict,
		    aligned ? VX_VERDICT_PASS : VX_VERDICT_FAIL);
		ck_assert_int_eq(vx_dmarc_result(d)->policy,
		    aligned ? VX_DMARC_NONE : VX_DMARC_REJECT);
		vx_dmarc_free(d);
		vxt_zone_done(&zone);
	}
	vx_buf_done(&log_);
}
END_TEST

/* However many identifiers there are, below the author's domain and with many labels. */
START_TEST(questions_are_bounded)
{
	static const char *const records[RECORDS][2] = { { "_dmarc.example.com",
	    REJECT } };
	struct vx_dmarc_identifier ids[2 * VX_DMARC_IDENTIFIERS_MAX];
	char names[2 * VX_DMARC_IDENTIFIERS_MAX][60];
	const struct vx_dmarc_options o = { .struct_size = sizeof(o),
		.author = VX_S("example.com"),
		.identifiers = ids,
		.identifiers_count = 2 * VX_DMARC_IDENTIFIERS_MAX };
	struct vx_dmarc *d = NULL;
	size_t aligned = 0;

	for (unsigned i = 0; i < 2 * VX_DMARC_IDENTIFIERS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]),
		    "a.b.c.d%u.e%u.f%u.g%u.h%u.i%u.example.com", i, i, i, i, i, i);
		ids[i] = (struct vx_dmarc_identifier){ .method = VX_DMARC_DKIM,
			.verdict = VX_VERDICT_PASS,
			.domain = vx_slice_str(names[i]) };
	}
	build(records);
	vxt_assert_ok(vx_dmarc_new(&o, &d));
	run(d);
	ck_assert_uint_eq(zone.asked, VX_DMARC_QUESTIONS_MAX);
	ck_assert_uint_eq(vx_dmarc_result(d)->aligned_count, VX_DMARC_IDENTIFIERS_MAX);
	for (size_t i = 0; i < VX_DMARC_IDENTIFIERS_MAX; i++)
		aligned += vx_dmarc_result(d)->aligned[i] == VX_DMARC_ALIGNED;
	ck_assert_uint_eq(aligned, (VX_DMARC_QUESTIONS_MAX - 2) / 6);
	ck_assert_int_eq(vx_dmarc_result(d)->verdict, VX_VERDICT_PASS);
	vx_dmarc_free(d);
	vxt_zone_done(&zone);
	vx_buf_done(&log_);
}
END_TEST

/* Only the first records of an answer are looked at, and none that is too long. */
START_TEST(answers_are_bounded)
{
	static const struct example e = { "", "example.com", { { 0 } }, { { 0 } }, "", "",
		NULL };
	static char many[VX_DMARC_RECORD_MAX + 1];
	vx_slice strings[VX_DMARC_RECORD_MAX / 250 + 1];
	struct vx_dmarc *d;

	for (int over = 0; over < 2; over++) {
		d = make(&e);
		build(e.records);
		for (int i = 0; i < VX_DMARC_RECORDS_MAX - 1 + over; i++)
			vxt_zone_add(&zone, "_dmarc.example.com", VX_DNS_TXT, "hello");
		vxt_zone_add(&zone, "_dmarc.example.com", VX_DNS_TXT, REJECT);
		run(d);
		ck_assert_int_eq(vx_dmarc_result(d)->verdict,
		    over ? VX_VERDICT_NONE : VX_VERDICT_FAIL);
		vx_dmarc_free(d);
		vxt_zone_done(&zone);
	}
	memset(many, ';', sizeof(many));
	memcpy(many, REJECT, sizeof(REJECT) - 1);
	for (size_t over = 0; over < 2; over++) {
		vx_slice rest = vx_slice_of(many, VX_DMARC_RECORD_MAX + over);
		size_t n = 0;

		for (; rest.len > 0; rest = vx_slice_from(rest, 250))
			strings[n++] = vx_slice_head(rest, 250);
		d = make(&e);
		build(e.records);
		vxt_zone_add_txt(&zone, "_dmarc.example.com", strings, n);
		run(d);
		ck_assert_int_eq(vx_dmarc_result(d)->verdict,
		    over ? VX_VERDICT_NONE : VX_VERDICT_FAIL);
		vx_dmarc_free(d);
		vxt_zone_done(&zone);
	}
	vx_buf_done(&log_);
}
END_TEST

/* TXT records that are not of that form, and a memory that fails anywhere. */
START_TEST(hostile_answers)
{
	static const struct example e = { "", "example.com", { { 0 } }, { { 0 } }, "", "",
		NULL };
	const vx_slice rdata[] = { VX_S(""), VX_S("\xff"), VX_S("\5v=DM"),
		VX_S("\x12v=DMARC1; p=reject") };
	const struct vx_dns_answer a = {
		.status = VX_DNS_FOUND, .rdata = rdata, .count = 4
	};
	struct vx_dns_question q;
	bool failed = true;

	for (size_t n = 1; failed; n++) {
		struct vx_dmarc *d;
		int rc;

		ck_assert_uint_lt(n, 100);
		d = make(&e);
		ck_assert_int_eq(vx_dmarc_next(d, &q), VX_WAIT);
		vx_mem_fail_at(n);
		rc = vx_dmarc_answer(d, &a);
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		if (failed && rc != VX_OK) {
			ck_assert_int_eq(rc, VX_ENOMEM);
			ck_assert_int_eq(vx_dmarc_next(d, &q), VX_WAIT);
			vxt_assert_ok(vx_dmarc_answer(d, &a));
		}
		ck_assert_int_eq(vx_dmarc_next(d, &q), VX_DONE);
		if (!failed)
			ck_assert_int_eq(vx_dmarc_result(d)->policy, VX_DMARC_REJECT);
		vx_dmarc_free(d);
	}
}
END_TEST

/* RFC 9989 11.5 */
START_TEST(the_strictest_of_several)
{
	const struct vx_dmarc_result pass = { .verdict = VX_VERDICT_PASS },
				     none = { .verdict = VX_VERDICT_NONE },
				     temp = { .verdict = VX_VERDICT_TEMPERROR },
				     perm = { .verdict = VX_VERDICT_PERMERROR },
				     quarantine = { .verdict = VX_VERDICT_FAIL,
					     .policy = VX_DMARC_QUARANTINE },
				     reject = { .verdict = VX_VERDICT_FAIL,
					     .policy = VX_DMARC_REJECT };
	const struct vx_dmarc_result *const all[] = { &pass, &none, &perm, &temp,
		&quarantine, &reject, &pass, &none };

	ck_assert_ptr_null(vx_dmarc_strictest(all, 0));
	for (size_t i = 1; i <= 6; i++)
		ck_assert_ptr_eq(vx_dmarc_strictest(all, i), all[i - 1]);
	ck_assert_ptr_eq(vx_dmarc_strictest(all, 8), &reject);
}
END_TEST

VXT_SUITE(test_dmarc, "dmarc", alignment_tables, tree_walks, policies, failing_questions,
    results, records_in_pieces, authors_must_be_domains, long_names,
    questions_are_bounded, answers_are_bounded, hostile_answers, the_strictest_of_several)
