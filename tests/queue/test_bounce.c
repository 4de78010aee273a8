/* What came to its recipients is counted, by domain and day. */
#include "fixture.h"
#include "vectis/bounce.h"

#include <stdio.h>

#define DAY ((uint64_t)86400)

struct counting {
	struct vx_store_op op;
	const char *domain;
	uint64_t now;
	enum vx_bounce_kind kind;
};

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct counting *x = (struct counting *)base;

	return vx_bounce_count(txn, vx_slice_str(x->domain), x->now, x->kind);
}

static int count(
    struct fixture *f, const char *domain, uint64_t day, enum vx_bounce_kind kind)
{
	struct counting x = { .op = { .apply = apply },
		.domain = domain,
		.now = day * DAY + 5,
		.kind = kind };

	return vx_store_run(f->store, &x.op);
}

/* "a.test 1 0 0 0 0, ..." */
static const char *all(struct fixture *f, uint32_t from)
{
	static char text[2000];
	struct vx_bounces b = { .domain = "" };
	struct vx_view *v;
	size_t len = 0;

	text[0] = '\0';
	vxt_assert_ok(vx_view_begin(f->store, &v));
	while (vx_bounces_next(v, vx_slice_str(b.domain), from, &b) == VX_OK) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
		    len > 0 ? ", " : "", b.domain);
		for (size_t i = 0; i < VX_BOUNCE_KINDS; i++)
			len += (size_t)snprintf(
			    text + len, sizeof(text) - len, " %u", (unsigned)b.counts[i]);
	}
	vx_view_end(v);
	return text;
}

START_TEST(days_add_up)
{
	struct fixture f;

	fixture_open(&f);
	ck_assert_str_eq(all(&f, 0), "");
	vxt_assert_ok(count(&f, "b.test", 1000, VX_BOUNCE_SENT));
	vxt_assert_ok(count(&f, "b.test", 1000, VX_BOUNCE_SENT));
	vxt_assert_ok(count(&f, "b.test", 1001, VX_BOUNCE_HARD));
	vxt_assert_ok(count(&f, "a.test", 1001, VX_BOUNCE_RETURNED_SOFT));
	vxt_assert_ok(count(&f, "a.test.x", 1001, VX_BOUNCE_SOFT));
	ck_assert_str_eq(
	    all(&f, 0), "a.test 0 0 0 0 1, a.test.x 0 0 1 0 0, b.test 2 1 0 0 0");
	ck_assert_str_eq(
	    all(&f, 1001), "a.test 0 0 0 0 1, a.test.x 0 0 1 0 0, b.test 0 1 0 0 0");
	ck_assert_int_eq(count(&f, "", 1000, VX_BOUNCE_SENT), VX_EINVAL);
	ck_assert_int_eq(count(&f, "a.test", 1000, VX_BOUNCE_KINDS), VX_EINVAL);
	fixture_close(&f);
}
END_TEST

START_TEST(old_days_go)
{
	struct fixture f;

	fixture_open(&f);
	for (uint64_t day = 1000; day < 1010; day++)
		vxt_assert_ok(count(&f, "b.test", day, VX_BOUNCE_SENT));
	vxt_assert_ok(count(&f, "b.test", 1000 + VX_BOUNCE_DAYS + 2, VX_BOUNCE_HARD));
	ck_assert_str_eq(all(&f, 0), "b.test 7 1 0 0 0"); /* 1000 to 1002 are gone */
	vxt_assert_ok(count(&f, "b.test", 5000, VX_BOUNCE_HARD));
	vxt_assert_ok(count(&f, "b.test", 5001, VX_BOUNCE_HARD));
	ck_assert_str_eq(all(&f, 0), "b.test 0 2 0 0 0");
	fixture_close(&f);
}
END_TEST

START_TEST(hard_and_soft)
{
	ck_assert(vx_bounce_is_hard("5.1.1"));
	ck_assert(vx_bounce_is_hard("5.0.0"));
	ck_assert(!vx_bounce_is_hard("5.2.2"));
	ck_assert(!vx_bounce_is_hard("5.7.1"));
	ck_assert(!vx_bounce_is_hard("4.1.1"));
	ck_assert(!vx_bounce_is_hard(""));
}
END_TEST

VXT_SUITE(test_bounce, "bounce", days_add_up, old_days_go, hard_and_soft)
