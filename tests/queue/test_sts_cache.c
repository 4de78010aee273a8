/* Policies in the store: they are there after it was closed, and whole. */
#include "fixture.h"
#include "vectis/sts_cache.h"

#include <stdio.h>

#define POLICY "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 86400\n"

static int keep(struct fixture *f, const char *domain, vx_slice policy)
{
	struct vx_sts_cache_op op;

	vx_sts_cache_op_init(&op);
	(void)snprintf(op.entry.domain, sizeof(op.entry.domain), "%s", domain);
	(void)snprintf(op.entry.id, sizeof(op.entry.id), "20240101");
	op.entry.fetched = 1000;
	op.entry.expires = 87400;
	op.entry.used = 1001;
	op.entry.tried = 2000;
	op.entry.failing = true;
	op.entry.policy = policy;
	return vx_store_run(f->store, &op.op);
}

static int find(struct fixture *f, const char *domain, struct vx_sts_entry *e)
{
	struct vx_view *v;
	int rc;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	rc = vx_sts_cached(v, domain, e);
	if (rc == VX_OK)
		vxt_assert_str(e->policy, POLICY);
	vx_view_end(v);
	return rc;
}

START_TEST(kept)
{
	struct vx_sts_entry e;
	struct fixture f;

	fixture_open(&f);
	ck_assert_int_eq(find(&f, "a.example", &e), VX_ENOENT);
	vxt_assert_ok(keep(&f, "a.example", VX_S("old")));
	vxt_assert_ok(keep(&f, "a.example", VX_S(POLICY)));
	vx_store_close(f.store);
	fixture_reopen(&f);
	vxt_assert_ok(find(&f, "a.example", &e));
	ck_assert_str_eq(e.domain, "a.example");
	ck_assert_str_eq(e.id, "20240101");
	ck_assert_uint_eq(e.fetched, 1000);
	ck_assert_uint_eq(e.expires, 87400);
	ck_assert_uint_eq(e.used, 1001);
	ck_assert_uint_eq(e.tried, 2000);
	ck_assert(e.failing);
	ck_assert_int_eq(find(&f, "example", &e), VX_ENOENT);
	ck_assert_int_eq(find(&f, "a.example.org", &e), VX_ENOENT);
	vxt_assert_ok(keep(&f, "a.example", VX_S("")));
	vxt_assert_ok(keep(&f, "a.example", VX_S("")));
	ck_assert_int_eq(find(&f, "a.example", &e), VX_ENOENT);
	fixture_close(&f);
}
END_TEST

START_TEST(walked)
{
	static const char *const domains[] = { "b.example", "a.example", "aa.example" };
	static const char *const order[] = { "a.example", "aa.example", "b.example" };
	struct vx_sts_entry e = { .domain = "" };
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	ck_assert_int_eq(vx_sts_cached_next(v, "", &e), VX_ENOENT);
	vx_view_end(v);
	for (int i = 0; i < 3; i++)
		vxt_assert_ok(keep(&f, domains[i], VX_S(POLICY)));
	vxt_assert_ok(vx_view_begin(f.store, &v));
	for (int i = 0; i < 3; i++) {
		vxt_assert_ok(vx_sts_cached_next(v, e.domain, &e));
		ck_assert_str_eq(e.domain, order[i]);
	}
	ck_assert_int_eq(vx_sts_cached_next(v, e.domain, &e), VX_ENOENT);
	vx_view_end(v);
	fixture_close(&f);
}
END_TEST

START_TEST(limits)
{
	struct vx_buf large = { .max = VX_STS_OCTETS_MAX + 1 };
	struct vx_sts_entry e;
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	while (large.len < VX_STS_OCTETS_MAX)
		vx_buf_add_char(&large, 'x');
	vxt_assert_ok(keep(&f, "a.example", vx_buf_slice(&large)));
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_sts_cached(v, "a.example", &e));
	ck_assert_uint_eq(e.policy.len, VX_STS_OCTETS_MAX);
	vx_view_end(v);
	vx_buf_add_char(&large, 'x');
	ck_assert_int_eq(keep(&f, "a.example", vx_buf_slice(&large)), VX_EINVAL);
	ck_assert_int_eq(keep(&f, "", VX_S(POLICY)), VX_EINVAL);
	vx_buf_done(&large);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_sts_cache, "sts_cache", kept, walked, limits)
