#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/reverse.h"

#include <stdio.h>

static struct vxt_zone z;

/* Runs it to its end; the questions that it took. */
static unsigned run(const char *address, struct vx_reverse *r)
{
	struct vx_dns_question q;
	unsigned asked = 0;
	int rc;

	vxt_assert_ok(vx_reverse_init(r, address));
	while ((rc = vx_reverse_next(r, &q)) == VX_WAIT) {
		const struct vx_dns_answer a = vxt_zone_answer(&z, &q);

		vxt_assert_ok(vx_reverse_answer(r, &a));
		ck_assert_uint_lt(asked++, VX_REVERSE_NAMES_MAX + 1);
	}
	ck_assert_int_eq(rc, VX_DONE);
	return asked;
}

START_TEST(a_name_that_leads_back_passes)
{
	struct vx_reverse r;

	vxt_zone_init(&z);
	vxt_zone_add(&z, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "other.test");
	vxt_zone_add(&z, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "mail.test");
	vxt_zone_add(&z, "other.test", VX_DNS_A, "192.0.2.2");
	vxt_zone_add(&z, "mail.test", VX_DNS_A, "192.0.2.9");
	vxt_zone_add(&z, "mail.test", VX_DNS_A, "192.0.2.1");
	ck_assert_uint_eq(run("192.0.2.1", &r), 3);
	ck_assert_int_eq(r.verdict, VX_VERDICT_PASS);
	ck_assert_str_eq(r.name, "mail.test");
	vxt_zone_add(&z,
	    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	    VX_DNS_PTR, "six.test");
	vxt_zone_add(&z, "six.test", VX_DNS_AAAA, "2001:DB8:0::1");
	ck_assert_uint_eq(run("2001:db8::1", &r), 2);
	ck_assert_int_eq(r.verdict, VX_VERDICT_PASS);
	ck_assert_str_eq(r.name, "six.test");
	vxt_zone_done(&z);
}
END_TEST

START_TEST(others_do_not)
{
	struct vx_reverse r;

	vxt_zone_init(&z);
	ck_assert_uint_eq(run("192.0.2.1", &r), 1);
	ck_assert_int_eq(r.verdict, VX_VERDICT_PERMERROR);
	ck_assert_str_eq(r.name, "");
	vxt_zone_add(&z, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "a b.test"); /* no host */
	ck_assert_uint_eq(run("192.0.2.1", &r), 1);
	ck_assert_int_eq(r.verdict, VX_VERDICT_PERMERROR);
	vxt_zone_add(&z, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "liar.test");
	ck_assert_uint_eq(run("192.0.2.1", &r), 2);
	ck_assert_int_eq(r.verdict, VX_VERDICT_FAIL);
	ck_assert_str_eq(r.name, "liar.test");
	vxt_zone_fail(&z, "liar.test", VX_DNS_BOGUS);
	ck_assert_uint_eq(run("192.0.2.1", &r), 2);
	ck_assert_int_eq(r.verdict, VX_VERDICT_TEMPERROR);
	vxt_zone_fail(&z, "2.2.0.192.in-addr.arpa", VX_DNS_FAILED);
	ck_assert_uint_eq(run("192.0.2.2", &r), 1);
	ck_assert_int_eq(r.verdict, VX_VERDICT_TEMPERROR);
	vxt_zone_done(&z);
}
END_TEST

START_TEST(a_name_may_fail_when_another_passes)
{
	struct vx_reverse r;

	vxt_zone_init(&z);
	vxt_zone_add(&z, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "broken.test");
	vxt_zone_add(&z, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "mail.test");
	vxt_zone_fail(&z, "broken.test", VX_DNS_FAILED);
	vxt_zone_add(&z, "mail.test", VX_DNS_A, "192.0.2.1");
	(void)run("192.0.2.1", &r);
	ck_assert_int_eq(r.verdict, VX_VERDICT_PASS);
	vxt_zone_done(&z);
}
END_TEST

START_TEST(only_so_many_names_are_looked_at)
{
	struct vx_dns_answer a = { .status = VX_DNS_FOUND };
	struct vx_reverse r;
	char name[32];

	vxt_zone_init(&z);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		vxt_zone_add(&z, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, name);
	}
	vxt_zone_add(&z, "n99.test", VX_DNS_A, "192.0.2.1");
	ck_assert_uint_eq(run("192.0.2.1", &r), 1 + VX_REVERSE_NAMES_MAX);
	ck_assert_int_eq(r.verdict, VX_VERDICT_FAIL);
	ck_assert_int_eq(vx_reverse_answer(&r, &a), VX_ESTATE);
	ck_assert_int_eq(vx_reverse_init(&r, "mail.test"), VX_EINVAL);
	ck_assert_int_eq(vx_reverse_init(&r, ""), VX_EINVAL);
	vxt_zone_done(&z);
}
END_TEST

VXT_SUITE(test_reverse, "reverse", a_name_that_leads_back_passes, others_do_not,
    a_name_may_fail_when_another_passes, only_so_many_names_are_looked_at)
