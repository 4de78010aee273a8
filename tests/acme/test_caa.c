/* What authorities are called in CAA records, and our accounts there. */
#include "acme/ca.h"

static const char *const one[] = { "mail.example.com", NULL };

static void run_with(struct world *w, const char *caa)
{
	w->ca[0].identities = caa;
	world_start(w);
	world_run(w, w->now + 3000);
}

static struct vx_acme_issuer issuer(struct world *w)
{
	struct vx_acme_issuer i;

	vxt_assert_ok(vx_acme_issuer(w->core, 0, &i));
	return i;
}

START_TEST(names_are_kept)
{
	struct vx_acme_issuer i;
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	i = issuer(&w);
	ck_assert_str_eq(i.account, "");
	ck_assert_str_eq(i.caa, "");
	run_with(&w, "[\"CA.example\", \"second.example\"]");
	i = issuer(&w);
	ck_assert_str_eq(i.account, "https://ca.test/account/1");
	ck_assert_str_eq(i.caa, "ca.example second.example");
	ck_assert_ptr_nonnull(strstr(i.directory, "https://ca.test/"));
	ck_assert_int_eq(vx_acme_issuer(w.core, w.ca_count, &i), VX_ENOENT);
	/* those who only look read the same */
	world_start(&w);
	i = issuer(&w);
	ck_assert_str_eq(i.caa, "ca.example second.example");
	ck_assert_str_eq(i.account, "https://ca.test/account/1");
	world_done(&w);
}
END_TEST

/* What would say more than a name within a record's quotes. */
START_TEST(nothing_but_names)
{
	static const struct {
		const char *caa, *want;
	} rows[] = {
		{ "[\"a.example\\\"; accounturi=x\", \"b.example;c\", \"d.example\"]",
		    "d.example" },
		{ "[\"\", 7, null, [\"x.example\"], \"e.example f.example\", "
		  "\"g.example\"]",
		    "g.example" },
		{ "{\"a\": 1}", "" },
		{ "\"g.example\"", "" },
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct world w;

		world_init(&w);
		world_cert(&w, "mail", VX_PKI_P256, one);
		run_with(&w, rows[k].caa);
		ck_assert_str_eq(issuer(&w).caa, rows[k].want);
		world_done(&w);
	}
}
END_TEST

START_TEST(there_is_a_limit)
{
	struct vx_buf text = { .max = 100000 };
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	vx_buf_add_str(&text, "[\"first.example\"");
	for (int n = 0; n < 100; n++)
		vx_buf_printf(&text, ", \"number-%d.example\"", n);
	vx_buf_add_str(&text, "]");
	vx_buf_add_char(&text, '\0');
	run_with(&w, text.ptr);
	ck_assert_uint_le(strlen(issuer(&w).caa), 511);
	ck_assert_ptr_nonnull(strstr(issuer(&w).caa, "first.example number-0.example "));
	world_done(&w);
	vx_buf_done(&text);
}
END_TEST

VXT_SUITE(test_caa, "caa", names_are_kept, nothing_but_names, there_is_a_limit)
