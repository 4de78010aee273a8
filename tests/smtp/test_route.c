#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/route.h"

#include <stdio.h>
#include <stdlib.h>

static struct vxt_zone zone;

static void begin(void)
{
	vxt_zone_init(&zone);
	zone.secure = true;
}

static void mx(const char *name, const char *text)
{
	vxt_zone_add(&zone, name, VX_DNS_MX, text);
}

static void a(const char *name, const char *text)
{
	vxt_zone_add(
	    &zone, name, strchr(text, ':') != NULL ? VX_DNS_AAAA : VX_DNS_A, text);
}

static char why[400]; /* the verdict of the last route */

/* "host(address address); host(...) VERDICT": where mail to a destination goes. */
static const char *route_with(struct vx_route_options o)
{
	static char text[4000];
	struct vx_route *r;
	struct vx_dns_question q;
	size_t len = 0;
	int rc;

	o.struct_size = sizeof(o);
	o.hostname = "mail.our.example";
	o.port = 25;
	text[0] = '\0';
	if (vx_route_new(&o, &r) != VX_OK)
		return "none";
	while ((rc = vx_route_next(r, &q)) != VX_DONE) {
		const struct vx_route_host *h = vx_route_host(r);
		struct vx_dns_answer answer;

		ck_assert_uint_lt(zone.asked, 500);
		if (rc == VX_WAIT) {
			answer = vxt_zone_answer(&zone, &q);
			vx_route_answer(r, &answer);
			continue;
		}
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s(", h->name);
		for (size_t i = 0; i < h->address_count; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			    i > 0 ? " " : "", h->addresses[i]);
		len += (size_t)snprintf(text + len, sizeof(text) - len, ")%s ",
		    h->dane == VX_ROUTE_DANE_RECORDS && strcmp(h->tlsa_base, h->name) != 0
			? "+>"
		    : h->dane == VX_ROUTE_DANE_RECORDS  ? "+"
		    : h->dane == VX_ROUTE_DANE_UNUSABLE ? "?"
							: "");
	}
	(void)snprintf(text + len, sizeof(text) - len, "%s%s",
	    vx_route_verdict(r)->permanent ? "never " : "later ",
	    vx_route_verdict(r)->enhanced);
	(void)snprintf(why, sizeof(why), "%s", vx_route_verdict(r)->text);
	vx_route_free(r);
	return text;
}

static const char *route(const char *destination)
{
	const struct vx_route_options o = { .destination = vx_slice_str(destination),
		.dane = true };

	return route_with(o);
}

START_TEST(hosts_by_preference)
{
	begin();
	mx("d.example", "20 b.example");
	mx("d.example", "10 a.example");
	mx("d.example", "30 c.example");
	a("a.example", "192.0.2.1");
	a("a.example", "2001:db8::1");
	a("a.example", "192.0.2.2");
	a("b.example", "192.0.2.3");
	ck_assert_str_eq(route("D.example."),
	    "a.example(2001:db8::1 192.0.2.1 192.0.2.2) "
	    "b.example(192.0.2.3) later 4.4.1");
	ck_assert_str_eq(route("a.example"), /* no MX: itself */
	    "a.example(2001:db8::1 192.0.2.1 192.0.2.2) later 4.4.1");
	ck_assert_str_eq(route("[192.0.2.9]"), "192.0.2.9(192.0.2.9) later 4.4.1");
	ck_assert_str_eq(
	    route("[IPv6:2001:db8::9]"), "2001:db8::9(2001:db8::9) later 4.4.1");
	ck_assert_str_eq(route("[192.0.2]"), "none");
	ck_assert_str_eq(route("a..b"), "none");
	ck_assert_str_eq(route(""), "none");
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(no_hosts)
{
	begin();
	mx("null.example", "0 .");
	mx("mixed.example", "0 .");
	mx("mixed.example", "5 a.example");
	a("a.example", "192.0.2.1");
	mx("hollow.example", "10 nothing.example");
	mx("shy.example", "10 silent.example");
	mx("half.example", "10 silent.example");
	mx("half.example", "20 a.example");
	mx("odd.example", "10 a+b.example");
	vxt_zone_fail(&zone, "silent.example", VX_DNS_FAILED);
	vxt_zone_fail(&zone, "forged.example", VX_DNS_BOGUS);
	ck_assert_str_eq(route("null.example"), "never 5.1.10");
	ck_assert_str_eq(route("mixed.example"), "a.example(192.0.2.1) later 4.4.1");
	ck_assert_str_eq(route("missing.example"), "never 5.1.2");
	ck_assert_str_eq(route("hollow.example"), "never 5.4.4");
	ck_assert_str_eq(route("shy.example"), "later 4.4.1");
	ck_assert_str_eq(route("half.example"), "a.example(192.0.2.1) later 4.4.1");
	ck_assert_str_eq(route("silent.example"), "later 4.4.3");
	ck_assert_str_eq(route("forged.example"), "later 4.7.0");
	ck_assert_str_eq(route("odd.example"), "never 5.4.4");
	vxt_zone_done(&zone);
}
END_TEST

/* Where we are one of the hosts, only better ones are tried. */
START_TEST(loops_are_seen)
{
	static const char *const self[] = { "192.0.2.77", "2001:db8::77" };
	struct vx_route_options o = { .self = self, .self_count = 2 };

	begin();
	a("a.example", "192.0.2.1");
	a("b.example", "192.0.2.2");
	a("alias.example", "192.0.2.77");
	mx("one.example", "10 MAIL.our.example");
	mx("two.example", "10 a.example");
	mx("two.example", "20 mail.our.example");
	mx("two.example", "20 b.example");
	mx("two.example", "30 b.example");
	mx("three.example", "10 a.example");
	mx("three.example", "20 alias.example");
	mx("three.example", "30 b.example");
	mx("four.example", "5 alias.example");
	mx("four.example", "9 b.example");
	o.destination = VX_S("one.example");
	ck_assert_str_eq(route_with(o), "never 5.4.6");
	o.destination = VX_S("two.example");
	ck_assert_str_eq(route_with(o), "a.example(192.0.2.1) later 4.4.1");
	o.destination = VX_S("three.example");
	ck_assert_str_eq(route_with(o), "a.example(192.0.2.1) later 4.4.1");
	o.destination = VX_S("four.example");
	ck_assert_str_eq(route_with(o), "never 5.4.6");
	o.destination = VX_S("alias.example");
	ck_assert_str_eq(route_with(o), "never 5.4.6");
	o.destination = VX_S("[192.0.2.77]");
	ck_assert_str_eq(route_with(o), "never 5.4.6");
	vxt_zone_done(&zone);
}
END_TEST

#define SHA256 "0011223344556677889900112233445566778899001122334455667788990011"

START_TEST(tlsa_needs_signatures)
{
	struct vx_route_options o = { .destination = VX_S("d.example"), .dane = true };

	begin();
	mx("d.example", "10 a.example");
	mx("d.example", "20 b.example");
	mx("d.example", "30 c.example");
	a("a.example", "192.0.2.1");
	a("b.example", "192.0.2.2");
	a("c.example", "192.0.2.3");
	vxt_zone_add(&zone, "_25._tcp.a.example", VX_DNS_TLSA, "3 1 1 " SHA256);
	vxt_zone_add(&zone, "_25._tcp.a.example", VX_DNS_TLSA, "1 1 1 " SHA256);
	vxt_zone_add(&zone, "_25._tcp.b.example", VX_DNS_TLSA, "1 1 1 " SHA256);
	vxt_zone_add(&zone, "_25._tcp.b.example", VX_DNS_TLSA, "3 1 1 00");
	ck_assert_str_eq(route_with(o), "a.example(192.0.2.1)+ b.example(192.0.2.2)? "
					"c.example(192.0.2.3) later 4.4.1");
	zone.secure = false;
	ck_assert_str_eq(route_with(o),
	    "a.example(192.0.2.1) b.example(192.0.2.2) c.example(192.0.2.3) later 4.4.1");
	zone.secure = true;
	o.dane = false;
	ck_assert_str_eq(route_with(o),
	    "a.example(192.0.2.1) b.example(192.0.2.2) c.example(192.0.2.3) later 4.4.1");
	/* a host whose records cannot be had is not tried at all */
	o.dane = true;
	vxt_zone_fail(&zone, "_25._tcp.c.example", VX_DNS_BOGUS);
	ck_assert_str_eq(
	    route_with(o), "a.example(192.0.2.1)+ b.example(192.0.2.2)? later 4.4.1");
	/* what is wrong is said where nothing was tried */
	mx("e.example", "10 c.example");
	o.destination = VX_S("e.example");
	ck_assert_str_eq(route_with(o), "later 4.7.0");
	ck_assert_str_eq(
	    why, "the DNSSEC signatures of the hosts' TLSA records are wrong");
	vxt_zone_fail(&zone, "c.example", VX_DNS_BOGUS);
	ck_assert_str_eq(route_with(o), "later 4.7.0");
	ck_assert_str_eq(why, "the DNSSEC signatures of the hosts' addresses are wrong");
	vxt_zone_done(&zone);
}
END_TEST

/* A host's name may be that of another: RFC 7672 2.2.2. */
START_TEST(tlsa_behind_an_alias)
{
	static const struct {
		bool of_target, of_own; /* whose records there are */
		const char *insecure, *routed;
	} cases[] = { { true, true, NULL, "a.example(192.0.2.1)+> later 4.4.1" },
		{ true, false, NULL, "a.example(192.0.2.1)+> later 4.4.1" },
		{ false, true, NULL, "a.example(192.0.2.1)+ later 4.4.1" },
		{ false, false, NULL, "a.example(192.0.2.1) later 4.4.1" },
		/* what it leads to is not signed: only its own */
		{ true, true, "t.example", "a.example(192.0.2.1)+ later 4.4.1" },
		{ true, false, "t.example", "a.example(192.0.2.1) later 4.4.1" },
		/* in between is nothing, signed or not */
		{ true, true, "m.example", "a.example(192.0.2.1)+ later 4.4.1" },
		/* it is not signed that it leads anywhere */
		{ true, true, "a.example", "a.example(192.0.2.1) later 4.4.1" },
		/* one set of records is not signed: the other one */
		{ true, true, "_25._tcp.t.example", "a.example(192.0.2.1)+ later 4.4.1" },
		{ true, true, "_25._tcp.a.example",
		    "a.example(192.0.2.1)+> later 4.4.1" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		zone.insecure = cases[i].insecure;
		mx("d.example", "10 a.example");
		vxt_zone_add(&zone, "a.example", VX_DNS_CNAME, "m.example");
		vxt_zone_add(&zone, "m.example", VX_DNS_CNAME, "t.example");
		a("t.example", "192.0.2.1");
		vxt_zone_add(&zone, "_25._tcp.m.example", VX_DNS_TLSA, "3 1 1 " SHA256);
		if (cases[i].of_target)
			vxt_zone_add(
			    &zone, "_25._tcp.t.example", VX_DNS_TLSA, "3 1 1 " SHA256);
		if (cases[i].of_own)
			vxt_zone_add(
			    &zone, "_25._tcp.a.example", VX_DNS_TLSA, "3 1 1 " SHA256);
		ck_assert_msg(strcmp(route("d.example"), cases[i].routed) == 0,
		    "case %zu: %s", i, route("d.example"));
		vxt_zone_done(&zone);
	}
}
END_TEST

/* An answer that is missing puts a host off, whichever it is. */
START_TEST(aliases_that_cannot_be_followed)
{
	static const char *const broken[] = { "_25._tcp.t.example",
		"_25._tcp.a.example" };

	for (int i = 0; i < 2; i++) {
		begin();
		mx("d.example", "10 a.example");
		vxt_zone_add(&zone, "a.example", VX_DNS_CNAME, "t.example");
		a("t.example", "192.0.2.1");
		vxt_zone_fail(&zone, broken[i], VX_DNS_FAILED);
		ck_assert_str_eq(route("d.example"), "later 4.4.1");
		vxt_zone_done(&zone);
	}
}
END_TEST

/* Names are asked for by what the destination's own CNAMEs led to, too. */
START_TEST(aliased_destination)
{
	const struct vx_route_options o = { .struct_size = sizeof(o),
		.destination = VX_S("d.example"),
		.hostname = "mail.our.example",
		.dane = true,
		.port = 25 };
	struct vx_dns_question q;
	struct vx_route *r;
	int rc;

	for (int secure = 0; secure < 2; secure++) {
		begin();
		zone.secure = secure != 0;
		vxt_zone_add(&zone, "d.example", VX_DNS_CNAME, "e.example");
		mx("e.example", "10 a.example");
		a("a.example", "192.0.2.1");
		vxt_assert_ok(vx_route_new(&o, &r));
		while ((rc = vx_route_next(r, &q)) == VX_WAIT) {
			const struct vx_dns_answer answer = vxt_zone_answer(&zone, &q);

			vx_route_answer(r, &answer);
		}
		ck_assert_int_eq(rc, VX_DATA);
		if (secure != 0)
			ck_assert_str_eq(vx_route_host(r)->next_hop, "e.example");
		else
			ck_assert_ptr_null(vx_route_host(r)->next_hop);
		vx_route_free(r);
		vxt_zone_done(&zone);
	}
}
END_TEST

/* Each of three equal hosts is first now and then, and all are there. */
/* Who asks after a route what was forged. */
static const char *bogus(const char *destination)
{
	const struct vx_route_options o = { .struct_size = sizeof(o),
		.destination = vx_slice_str(destination),
		.hostname = "mail.our.example",
		.dane = true,
		.port = 25 };
	static char text[1000];
	struct vx_dns_question q;
	struct vx_route *r;
	const char *name;
	size_t at = 0;
	int rc;

	vxt_assert_ok(vx_route_new(&o, &r));
	ck_assert_ptr_null(vx_route_bogus(r, &at));
	while ((rc = vx_route_next(r, &q)) != VX_DONE)
		if (rc == VX_WAIT) {
			const struct vx_dns_answer a = vxt_zone_answer(&zone, &q);

			vx_route_answer(r, &a);
		}
	text[0] = '\0';
	for (at = 0; (name = vx_route_bogus(r, &at)) != NULL;)
		(void)snprintf(
		    text + strlen(text), sizeof(text) - strlen(text), "<%s>", name);
	ck_assert_ptr_null(vx_route_bogus(r, &at));
	vx_route_free(r);
	return text;
}

START_TEST(what_was_forged)
{
	begin();
	for (int i = 0; i < 5; i++) {
		char text[40];

		(void)snprintf(text, sizeof(text), "%d %c.example", i, 'a' + i);
		mx("d.example", text);
		(void)snprintf(text, sizeof(text), "%c.example", 'a' + i);
		a(text, "192.0.2.1");
	}
	ck_assert_str_eq(bogus("d.example"), "");
	vxt_zone_fail(&zone, "_25._tcp.a.example", VX_DNS_BOGUS);
	vxt_zone_fail(&zone, "_25._tcp.b.example", VX_DNS_FAILED);
	vxt_zone_fail(&zone, "c.example", VX_DNS_BOGUS);
	vxt_zone_fail(&zone, "_25._tcp.e.example", VX_DNS_BOGUS);
	ck_assert_str_eq(bogus("d.example"), "<a.example><c.example><e.example>");
	vxt_zone_fail(&zone, "d.example", VX_DNS_BOGUS);
	ck_assert_str_eq(bogus("d.example"), "<>");
	vxt_zone_fail(&zone, "f.example", VX_DNS_FAILED);
	ck_assert_str_eq(bogus("f.example"), "");
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(equal_hosts_take_turns)
{
	struct vx_route_options o = { .destination = VX_S("d.example") };
	unsigned first[3] = { 0 };

	begin();
	for (int i = 0; i < 3; i++) {
		char text[40];

		(void)snprintf(text, sizeof(text), "10 m%d.example", i);
		mx("d.example", text);
		a(text + 3, "192.0.2.1");
	}
	for (o.random = 0; o.random < 300; o.random++) {
		const char *text = route_with(o);

		ck_assert_uint_eq(
		    strlen(text), strlen("m0.example(192.0.2.1) ") * 3 + 11);
		first[text[1] - '0']++;
		zone.asked = 0;
	}
	for (int i = 0; i < 3; i++)
		ck_assert_uint_gt(first[i], 50);
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(relays_are_hosts)
{
	struct vx_route_options o = {
		.destination = VX_S("relay.example"), .no_mx = true, .no_ipv6 = true
	};

	begin();
	mx("relay.example", "10 other.example");
	a("relay.example", "192.0.2.5");
	a("relay.example", "2001:db8::5");
	ck_assert_str_eq(route_with(o), "relay.example(192.0.2.5) later 4.4.1");
	o.no_ipv6 = false;
	o.no_ipv4 = true;
	ck_assert_str_eq(route_with(o), "relay.example(2001:db8::5) later 4.4.1");
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(there_are_limits)
{
	begin();
	for (int i = 0; i < 100; i++) {
		char text[40], address[40];

		(void)snprintf(text, sizeof(text), "%d m%d.example", i, i);
		(void)snprintf(address, sizeof(address), "192.0.2.%d", i);
		mx("many.example", text);
		a("wide.example", address);
	}
	ck_assert_str_eq(route("many.example"), "never 5.4.4");
	ck_assert_uint_eq(zone.asked, 1 + 2 * VX_ROUTE_HOSTS_MAX);
	zone.asked = 0;
	ck_assert_uint_eq(strlen(route("wide.example")),
	    strlen("wide.example() later 4.4.1") + 10 * 10 + 6 * 11 - 1);
	vxt_zone_done(&zone);
}
END_TEST

VXT_SUITE(test_route, "route", hosts_by_preference, no_hosts, loops_are_seen,
    tlsa_needs_signatures, tlsa_behind_an_alias, aliases_that_cannot_be_followed,
    aliased_destination, what_was_forged, equal_hosts_take_turns, relays_are_hosts,
    there_are_limits)
