#include "lib/vxt.h"
#include "vectis/dns_cache.h"

#include <stdio.h>

static struct vx_dns_question question(enum vx_dns_type type, const char *name)
{
	struct vx_dns_question q;

	vxt_assert_ok(vx_dns_ask(type, "", vx_slice_str(name), &q));
	return q;
}

START_TEST(answers_are_good_for_their_time)
{
	const struct vx_dns_question q = question(VX_DNS_TXT, "a.example"),
				     other = question(VX_DNS_MX, "a.example");
	const vx_slice rdata[] = { VX_SLICE_INIT("\1a"), VX_SLICE_INIT(""),
		VX_SLICE_INIT("\2bc") };
	const struct vx_dns_answer a = { .status = VX_DNS_FOUND,
		.secure = true,
		.ttl = 100,
		.rdata = rdata,
		.count = 3 };
	const struct vx_dns_answer *got;
	struct vx_dns_cache *c;

	vxt_assert_ok(vx_dns_cache_new(10, &c));
	ck_assert_ptr_null(vx_dns_cache_find(c, &q, 1000));
	vx_dns_cache_put(c, &q, &a, 1000);
	ck_assert_ptr_null(vx_dns_cache_find(c, &other, 1000));
	got = vx_dns_cache_find(c, &q, 1001);
	ck_assert_ptr_nonnull(got);
	ck_assert_int_eq(got->status, VX_DNS_FOUND);
	ck_assert(got->secure);
	ck_assert_uint_eq(got->ttl, 99);
	ck_assert_uint_eq(got->count, 3);
	vxt_assert_slice(got->rdata[0], rdata[0]);
	vxt_assert_slice(got->rdata[1], rdata[1]);
	vxt_assert_slice(got->rdata[2], rdata[2]);
	ck_assert_ptr_nonnull(vx_dns_cache_find(c, &q, 1099));
	ck_assert_ptr_null(vx_dns_cache_find(c, &q, 1100));
	ck_assert_ptr_null(vx_dns_cache_find(c, &q, 1000)); /* it is gone */
	vx_dns_cache_free(c);
}
END_TEST

START_TEST(times_and_sizes_have_limits)
{
	static char large[VX_DNS_KEPT_OCTETS + 1];
	const struct vx_dns_question q = question(VX_DNS_A, "b.example");
	vx_slice rdata = VX_S("\1\2\3\4");
	struct vx_dns_answer a = { .status = VX_DNS_FOUND,
		.ttl = 2 * VX_DNS_KEPT_S,
		.rdata = &rdata,
		.count = 1 };
	struct vx_dns_cache *c;

	vxt_assert_ok(vx_dns_cache_new(10, &c));
	vx_dns_cache_put(c, &q, &a, 0);
	ck_assert_ptr_nonnull(vx_dns_cache_find(c, &q, VX_DNS_KEPT_S - 1));
	ck_assert_ptr_null(vx_dns_cache_find(c, &q, VX_DNS_KEPT_S));
	a = (struct vx_dns_answer){ .status = VX_DNS_BOGUS, .ttl = 1000 };
	vx_dns_cache_put(c, &q, &a, 0);
	ck_assert_int_eq(
	    vx_dns_cache_find(c, &q, VX_DNS_FAILED_S - 1)->status, VX_DNS_BOGUS);
	ck_assert_ptr_null(vx_dns_cache_find(c, &q, VX_DNS_FAILED_S));
	a = (struct vx_dns_answer){ .status = VX_DNS_NODATA, .ttl = 0 };
	vx_dns_cache_put(c, &q, &a, 0);
	ck_assert_ptr_null(vx_dns_cache_find(c, &q, 0));
	rdata = vx_slice_of(large, sizeof(large));
	a = (struct vx_dns_answer){
		.status = VX_DNS_FOUND, .ttl = 9, .rdata = &rdata, .count = 1
	};
	vx_dns_cache_put(c, &q, &a, 0);
	ck_assert_ptr_null(vx_dns_cache_find(c, &q, 0));
	rdata.len--;
	vx_dns_cache_put(c, &q, &a, 0);
	ck_assert_ptr_nonnull(vx_dns_cache_find(c, &q, 0));
	vx_dns_cache_free(c);
}
END_TEST

/* Of ten places the one not asked for longest is given away. */
START_TEST(what_is_used_stays)
{
	const struct vx_dns_answer a = { .status = VX_DNS_NO_NAME, .ttl = 60 };
	struct vx_dns_question q[200];
	struct vx_dns_cache *c;
	char name[20];

	vxt_assert_ok(vx_dns_cache_new(10, &c));
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		q[i] = question(VX_DNS_A, name);
		vx_dns_cache_put(c, &q[i], &a, 0);
		vx_dns_cache_put(c, &q[i], &a, 0); /* the same again takes no place */
		if (i >= 10) {
			ck_assert_ptr_null(vx_dns_cache_find(c, &q[i - 9], 0));
			ck_assert_ptr_nonnull(vx_dns_cache_find(c, &q[i - 8], 0));
			for (unsigned k = i - 8; k <= i; k++) /* as old as they were */
				ck_assert_ptr_nonnull(vx_dns_cache_find(c, &q[k], 0));
		}
		ck_assert_ptr_nonnull(vx_dns_cache_find(c, &q[0], 0));
	}
	vx_dns_cache_free(c);
}
END_TEST

VXT_SUITE(test_cache, "cache", answers_are_good_for_their_time,
    times_and_sizes_have_limits, what_is_used_stays)
