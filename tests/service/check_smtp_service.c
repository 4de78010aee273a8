/* SMTP on a real store: what is said, and what is in the mailboxes afterwards. */
#include "lib/vxt.h"
#include "service/transcript.h"

static void run(const char *name)
{
	struct world w;

	world_open(&w);
	transcripts_run(&w, name);
	world_close(&w);
}

START_TEST(mail)
{
	run("smtp_service/mail.txt");
}
END_TEST

START_TEST(leak)
{
	run("smtp_service/leak.txt");
}
END_TEST

START_TEST(quota)
{
	run("smtp_service/quota.txt");
}
END_TEST

START_TEST(utf8)
{
	run("smtp_service/utf8.txt");
}
END_TEST

START_TEST(params)
{
	run("smtp_service/params.txt");
}
END_TEST

START_TEST(order)
{
	run("smtp_service/order.txt");
}
END_TEST

START_TEST(chunking)
{
	run("smtp_service/chunking.txt");
}
END_TEST

START_TEST(auth)
{
	run("smtp_service/auth.txt");
}
END_TEST

START_TEST(tls)
{
	run("smtp_service/tls.txt");
}
END_TEST

START_TEST(checked)
{
	run("smtp_service/checked.txt");
}
END_TEST

VXT_SUITE(suite, "smtp_service", checked, mail, leak, quota, utf8, params, order,
    chunking, auth, tls)

vxt_suite_fn suite_smuggling, suite_sender_sts, suite_tls_results, test_deadlines,
    test_inquiry, test_policy, test_claim, test_sender_reports, test_own_bounce,
    test_unverified, test_verifier;

VXT_MAIN(suite, suite_smuggling, suite_sender_sts, suite_tls_results, test_deadlines,
    test_inquiry, test_policy, test_claim, test_sender_reports, test_own_bounce,
    test_unverified, test_verifier)
