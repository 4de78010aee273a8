#include "lib/vxt.h"
#include "service/own_rates.h"
#include "service/smtp_policy.h"
#include "vectis/dmarc.h"
#include "vectis/refusal.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(helo_is_weighed)
{
	static const struct {
		const char *helo, *address, *result;
		bool is_us;
		unsigned score;
	} table[] = { { "mail.peer.test", "192.0.2.1", "ok", false, 0 },
		{ "[192.0.2.1]", "192.0.2.1", "ok", false, 0 },
		{ "[IPv6:2001:db8::1]", "2001:db8:0::1", "ok", false, 0 },
		{ "[192.0.2.2]", "192.0.2.1", "is another address", false, 3 },
		{ "[]", "192.0.2.1", "is another address", false, 3 },
		{ "192.0.2.1", "192.0.2.1", "is an address without brackets", false, 3 },
		{ "localhost", "192.0.2.1", "is no full host name", false, 2 },
		{ "a b.test", "192.0.2.1", "is no full host name", false, 2 },
		{ "", "192.0.2.1", "is no full host name", false, 2 },
		{ "mx.example.test", "192.0.2.1", "claims to be this server", true, 8 } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct smtp_notes n;
		char want[200];

		vx_smtp_notes_init(&n);
		vx_smtp_policy_helo(
		    &n, vx_slice_str(table[i].helo), table[i].is_us, table[i].address);
		(void)snprintf(
		    want, sizeof(want), "helo\t%s\t%s\n", table[i].result, table[i].helo);
		vxt_assert_str(vx_buf_slice(&n.lines), want);
		ck_assert_uint_eq(n.score, table[i].score);
		vx_smtp_notes_done(&n);
	}
}
END_TEST

static struct smtp_reply recipient(struct smtp_sender_facts f, unsigned weight)
{
	static struct smtp_notes n; /* the reply may be in it */
	struct smtp_reply r;

	vx_smtp_notes_done(&n);
	vx_smtp_notes_init(&n);
	vx_smtp_weigh(&n, 1, "%s", "little");
	if (weight > 1)
		vx_smtp_weigh(&n, weight - 1, "%s", "much");
	r = vx_smtp_policy_recipient(&n, &f);
	return r;
}

START_TEST(weights_add_up)
{
	const struct smtp_sender_facts some = { .refuse_score = 10 };
	const struct smtp_sender_facts never = { .refuse_score = 0 };
	const struct smtp_sender_facts needed = { .refuse_score = 10, .needed = true };

	ck_assert_uint_eq(recipient(some, 9).code, 0);
	ck_assert_uint_eq(recipient(some, 10).code, 550);
	ck_assert_str_eq(recipient(some, 10).text, "much");
	ck_assert_uint_eq(recipient(never, 1000).code, 0);
	ck_assert_uint_eq(recipient(needed, 1000).code, 0);
}
END_TEST

START_TEST(our_own_domain_is_guarded)
{
	struct smtp_sender_facts f = { .ours = true, .needed = true };

	for (int v = VX_VERDICT_NONE; v <= VX_VERDICT_PERMERROR; v++) {
		f.spf = (enum vx_verdict)v;
		f.spf_explicit = false;
		ck_assert_uint_eq(
		    recipient(f, 1).code, v == VX_VERDICT_TEMPERROR ? 451 : 550);
		f.spf_explicit = true;
		ck_assert_uint_eq(recipient(f, 1).code, v == VX_VERDICT_PASS ? 0
							: v == VX_VERDICT_TEMPERROR
							    ? 451
							    : 550);
	}
}
END_TEST

START_TEST(spf_may_be_enough)
{
	struct smtp_sender_facts f = { .spf = VX_VERDICT_FAIL };

	ck_assert_uint_eq(recipient(f, 1).code, 0);
	f.spf_refuses = true;
	ck_assert_uint_eq(recipient(f, 1).code, 550);
	ck_assert_str_eq(recipient(f, 1).enhanced, "5.7.23");
	f.needed = true;
	ck_assert_uint_eq(recipient(f, 1).code, 0);
	f.needed = false;
	f.spf = VX_VERDICT_SOFTFAIL;
	ck_assert_uint_eq(recipient(f, 1).code, 0);
}
END_TEST

START_TEST(messages_meet_their_fate)
{
	static const struct {
		struct smtp_message_facts f;
		enum smtp_fate fate;
		unsigned code;
	} table[] = {
		{ { .from_fields = 1, .dmarc = VX_VERDICT_PASS, .policy = VX_DMARC_NONE },
		    SMTP_DELIVER, 0 },
		{ { .from_fields = 1, .dmarc = VX_VERDICT_NONE }, SMTP_DELIVER, 0 },
		{ { .from_fields = 0, .dmarc = VX_VERDICT_NONE }, SMTP_DELIVER, 0 },
		{ { .from_fields = 2 }, SMTP_REFUSE, 550 },
		{ { .from_fields = 1, .dmarc = VX_VERDICT_FAIL, .policy = VX_DMARC_NONE },
		    SMTP_DELIVER, 0 },
		{ { .from_fields = 1,
		      .dmarc = VX_VERDICT_FAIL,
		      .policy = VX_DMARC_QUARANTINE },
		    SMTP_JUNK, 0 },
		{ { .from_fields = 1,
		      .dmarc = VX_VERDICT_FAIL,
		      .policy = VX_DMARC_REJECT },
		    SMTP_REFUSE, 550 },
		{ { .from_fields = 1,
		      .dmarc = VX_VERDICT_FAIL,
		      .policy = VX_DMARC_REJECT,
		      .mode = VX_DMARC_MODE_QUARANTINE },
		    SMTP_JUNK, 0 },
		{ { .from_fields = 1,
		      .dmarc = VX_VERDICT_FAIL,
		      .policy = VX_DMARC_REJECT,
		      .mode = VX_DMARC_MODE_RECORD },
		    SMTP_DELIVER, 0 },
		{ { .from_fields = 1, .dmarc = VX_VERDICT_TEMPERROR }, SMTP_REFUSE, 451 },
		{ { .from_fields = 1,
		      .dmarc = VX_VERDICT_TEMPERROR,
		      .mode = VX_DMARC_MODE_RECORD },
		    SMTP_DELIVER, 0 },
		/* an author of ours */
		{ { .from_fields = 1, .from_ours = true, .dmarc = VX_VERDICT_NONE },
		    SMTP_REFUSE, 550 },
		{ { .from_fields = 1,
		      .from_ours = true,
		      .dmarc = VX_VERDICT_NONE,
		      .authentic = true },
		    SMTP_DELIVER, 0 },
		{ { .from_fields = 1, .from_ours = true, .dmarc = VX_VERDICT_PASS },
		    SMTP_DELIVER, 0 },
		{ { .from_fields = 1,
		      .from_ours = true,
		      .dmarc = VX_VERDICT_FAIL,
		      .policy = VX_DMARC_NONE,
		      .mode = VX_DMARC_MODE_RECORD },
		    SMTP_REFUSE, 550 },
		{ { .from_fields = 1, .from_ours = true, .dmarc = VX_VERDICT_TEMPERROR },
		    SMTP_REFUSE, 451 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct smtp_message_facts f = table[i].f;
		struct smtp_reply r = { 0 };
		struct smtp_notes n;

		f.author = "a.test";
		vx_smtp_notes_init(&n);
		ck_assert_int_eq(vx_smtp_policy_message(&n, &f, &r), table[i].fate);
		ck_assert_uint_eq(r.code, table[i].code);
		/* whatever is done is noted */
		ck_assert_int_eq(n.lines.len > 0, table[i].fate != SMTP_DELIVER);
		vx_smtp_notes_done(&n);
	}
}
END_TEST

START_TEST(strangers_words_stay_in_their_line)
{
	struct smtp_notes n, more;

	vx_smtp_notes_init(&n);
	vx_smtp_notes_init(&more);
	vx_smtp_note(&n, "x", "y", "%s", "a\tb\r\nc\x7f\xc3\xa4");
	vxt_assert_str(vx_buf_slice(&n.lines), "x\ty\ta?b??c???\n");
	/* whole lines only, and no more than fit */
	for (size_t i = 0; i < 1000; i++)
		vx_smtp_note(&n, "check", "result", "%0100zu", i);
	ck_assert(!n.lines.failed);
	ck_assert_uint_le(n.lines.len, SMTP_NOTES_MAX);
	ck_assert_int_eq(n.lines.ptr[n.lines.len - 1], '\n');
	vx_smtp_weigh(&more, 7, "%s", "seven");
	vx_smtp_weigh(&n, 5, "%s", "five");
	vx_smtp_notes_add(&n, &more);
	ck_assert_uint_eq(n.score, 12);
	ck_assert_str_eq(n.said, "seven");
	vx_smtp_notes_done(&n);
	vx_smtp_notes_done(&more);
}
END_TEST

/* --- rates ---------------------------------------------------------------------------
 */

static struct vx_network network(const char *text)
{
	struct vx_network n = { 0 };
	bool exact;

	vxt_assert_ok(vx_network_parse(vx_slice_str(text), &n, &exact));
	return n;
}

START_TEST(rates_are_counted_per_minute_by_all_together)
{
	const struct vx_network a = network("192.0.2.1"), b = network("192.0.2.2");
	char *dir = strdup(vxt_mkdir()), path[200];
	struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = dir, .ballast_octets = 4096
	};
	struct own_rates *one, *two;
	struct vx_store *store;
	struct vx_error err;

	(void)snprintf(path, sizeof(path), "%s/rates", dir);
	vxt_assert_ok(vx_store_open(&o, &store, &err));
	vxt_assert_ok(vx_own_rates_open(store, path, &one));
	vxt_assert_ok(vx_own_rates_open(store, path, &two));
	ck_assert_uint_eq(vx_own_rates_count(one, OWN_RATE_MESSAGES, &a, 600), 1);
	ck_assert_uint_eq(vx_own_rates_count(two, OWN_RATE_MESSAGES, &a, 659), 2);
	ck_assert_uint_eq(vx_own_rates_count(one, OWN_RATE_RECIPIENTS, &a, 659), 1);
	ck_assert_uint_eq(vx_own_rates_count(one, OWN_RATE_MESSAGES, &b, 659), 1);
	ck_assert_uint_eq(vx_own_rates_count(one, OWN_RATE_MESSAGES, &a, 660), 1);
	/* more networks than there are slots: the oldest go, nothing breaks */
	for (uint32_t i = 0; i < 3 * OWN_RATES_SLOTS; i++) {
		struct vx_network n = a;

		memcpy(n.address, &i, sizeof(i));
		ck_assert_uint_ge(
		    vx_own_rates_count(one, OWN_RATE_CONNECTIONS, &n, 720), 1);
	}
	vx_own_rates_close(one);
	vx_own_rates_close(two);
	ck_assert_int_ne(vx_own_rates_open(store, "/nonexistent/rates", &one), VX_OK);
	vxt_assert_ok(vx_own_rates_open(store, NULL, &one));
	ck_assert_uint_eq(vx_own_rates_count(one, OWN_RATE_MESSAGES, &a, 660), 1);
	vx_own_rates_close(one);
	vx_store_close(store);
	vxt_rmdir(dir);
	free(dir);
}
END_TEST

static void judged(enum vx_refusal want, const char *text)
{
	ck_assert_msg(vx_refusal_of(vx_slice_str(text)) == want, "%s: %s, not %s", text,
	    vx_refusal_name(vx_refusal_of(vx_slice_str(text))), vx_refusal_name(want));
}

/* What is answered says afterwards which rule it was. */
START_TEST(refusals_have_a_rule)
{
	const struct smtp_sender_facts fails = { .spf_refuses = true,
		.spf = VX_VERDICT_FAIL };
	const struct smtp_sender_facts ours = { .ours = true, .spf = VX_VERDICT_FAIL };
	const struct smtp_sender_facts later = { .ours = true,
		.spf = VX_VERDICT_TEMPERROR };
	struct smtp_message_facts m = { .from_fields = 1,
		.dmarc = VX_VERDICT_FAIL,
		.policy = VX_DMARC_REJECT,
		.mode = VX_DMARC_MODE_ENFORCE };
	struct smtp_notes n;
	struct smtp_reply r;

	judged(VX_REFUSAL_SPF, recipient(fails, 1).text);
	judged(VX_REFUSAL_OWN_DOMAIN, recipient(ours, 1).text);
	judged(VX_REFUSAL_SPF, recipient(later, 1).text);
	for (int v = VX_VERDICT_NONE; v <= VX_VERDICT_PERMERROR; v++) {
		vx_smtp_notes_init(&n);
		vx_smtp_policy_spf(&n, (enum vx_verdict)v);
		if (n.score > 0)
			judged(VX_REFUSAL_SPF, n.said);
		vx_smtp_notes_done(&n);
	}
	vx_smtp_notes_init(&n);
	vx_smtp_policy_helo(&n, VX_S("localhost"), false, "192.0.2.1");
	judged(VX_REFUSAL_HELO, n.said);
	ck_assert_int_eq(vx_smtp_policy_message(&n, &m, &r), SMTP_REFUSE);
	judged(VX_REFUSAL_DMARC, r.text);
	m.dmarc = VX_VERDICT_TEMPERROR;
	ck_assert_int_eq(vx_smtp_policy_message(&n, &m, &r), SMTP_REFUSE);
	judged(VX_REFUSAL_DMARC, r.text);
	vx_smtp_notes_done(&n);
	judged(VX_REFUSAL_OTHER, "");
	judged(VX_REFUSAL_OTHER, "the mailbox is full");
	ck_assert_str_eq(vx_refusal_name(VX_REFUSALS), "?");
}
END_TEST

VXT_SUITE(test_policy, "policy", helo_is_weighed, weights_add_up,
    our_own_domain_is_guarded, spf_may_be_enough, messages_meet_their_fate,
    strangers_words_stay_in_their_line, rates_are_counted_per_minute_by_all_together,
    refusals_have_a_rule)
