#include "spf_check.h"

/* Until it is answered, a question stays the same, and there is no result. */
static void check_waits(struct vx_spf *s, const struct vx_dns_question *q)
{
	struct vx_dns_question again;

	ck_assert_ptr_null(vx_spf_result(s));
	ck_assert(!vx_spf_is_explicit(s));
	ck_assert_int_eq(vx_spf_next(s, &again), VX_WAIT);
	ck_assert_str_eq(q->name, again.name);
	ck_assert_int_eq((int)q->type, (int)again.type);
}

unsigned spf_run(struct vx_spf *s, struct vxt_zone *z)
{
	struct vx_dns_answer a = { .status = VX_DNS_NODATA };
	struct vx_dns_question q;
	unsigned n = 0;

	for (; vx_spf_next(s, &q) == VX_WAIT; n++) {
		check_waits(s, &q);
		a = vxt_zone_answer(z, &q);
		vxt_assert_ok(vx_spf_answer(s, &a));
	}
	ck_assert_int_eq(vx_spf_answer(s, &a), VX_ESTATE);
	ck_assert_int_eq(vx_spf_next(s, &q), VX_DONE);
	ck_assert_uint_le(n, VX_SPF_QUESTIONS_MAX);
	ck_assert_ptr_nonnull(vx_spf_result(s));
	return n;
}

struct vx_spf *spf_check_with(struct vxt_zone *z, const struct vx_spf_options *o)
{
	struct vx_spf *s;

	vxt_assert_ok(vx_spf_new(o, &s));
	(void)spf_run(s, z);
	return s;
}

struct vx_spf_options spf_options(const char *client, const char *mail_from)
{
	return (struct vx_spf_options){ .struct_size = sizeof(struct vx_spf_options),
		.identity = VX_SPF_MAILFROM,
		.client = client,
		.helo = VX_S("mail.example.net"),
		.mail_from = vx_slice_str(mail_from),
		.receiver = VX_S("mx.vectis.test"),
		.now = 1700000000 };
}

struct vx_spf *spf_check(struct vxt_zone *z, const char *client, const char *mail_from)
{
	const struct vx_spf_options o = spf_options(client, mail_from);

	return spf_check_with(z, &o);
}

void spf_expect(
    struct vxt_zone *z, const char *client, const char *mail_from, const char *verdict)
{
	struct vx_spf *const s = spf_check(z, client, mail_from);
	const struct vx_spf_result *const r = vx_spf_result(s);
	const bool has_reason = r->verdict == VX_VERDICT_NONE ||
				r->verdict == VX_VERDICT_TEMPERROR ||
				r->verdict == VX_VERDICT_PERMERROR;

	ck_assert_msg(strcmp(vx_verdict_name(r->verdict), verdict) == 0,
	    "%s: %s (%s), not %s", mail_from, vx_verdict_name(r->verdict), r->reason,
	    verdict);
	ck_assert_msg(
	    (r->reason[0] != '\0') == has_reason, "%s: \"%s\"", mail_from, r->reason);
	ck_assert_msg(
	    (r->mechanism[0] == '\0') == has_reason, "%s: %s", mail_from, r->mechanism);
	vx_spf_free(s);
}
