/* What counts as a signature, and what as a key; limits at their edges. */
#include "base/mem.h"
#include "mail.h"

#include <stdio.h>

#define NOW 1700000000
#define MESSAGE                                                                          \
	"From: Joe <joe@example.com>\r\nTo: jane@example.net\r\nSubject: x  y\r\n"       \
	"\r\nHello  there\r\n\r\n"
/* bh= and b= are filled in by mail_forge */
#define TAGS "v=1; a=ed25519-sha256; d=example.com; s=sel; "
#define END "; bh=@; b=@"
#define GOOD TAGS "c=relaxed/relaxed; h=from:to:subject" END

static struct vxt_zone zone;
static struct vx_private_key *ed, *rsa;
static char record[300]; /* of ed */

static void setup(void)
{
	struct vx_buf p = { .max = 100 };

	ed = mail_ed25519("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
	rsa = mail_key("rfc8463/rsa.private.pem");
	vxt_assert_ok(vx_private_key_public(ed, &p));
	(void)snprintf(record, sizeof(record), "v=DKIM1; k=ed25519; p=%s", p.ptr);
	vx_buf_done(&p);
	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "sel._domainkey.example.com", VX_DNS_TXT, record);
	mail_publish(&zone, "rsa._domainkey.example.com", rsa);
}

static void teardown(void)
{
	vx_private_key_free(ed);
	vx_private_key_free(rsa);
	vxt_zone_done(&zone);
}

static void check_result(const struct vx_dkim_result *r, enum vx_verdict want,
    const char *reason, const char *what)
{
	ck_assert_msg(r->verdict == want && strstr(r->reason, reason) != NULL &&
			  (r->reason[0] == '\0') == (want == VX_VERDICT_PASS),
	    "%s: %s, %s", what, vx_verdict_name(r->verdict), r->reason);
}

static void check_message(
    vx_slice message, enum vx_verdict want, const char *reason, const char *what)
{
	struct vx_dkim_verifier *const v = mail_verify(message, 5, &zone, NOW);

	ck_assert_uint_eq(vx_dkim_verifier_count(v), 1);
	check_result(vx_dkim_verifier_result(v, 0), want, reason, what);
	vx_dkim_verifier_free(v);
}

static void check_tags(
    const char *tags, const char *message, enum vx_verdict want, const char *reason)
{
	struct vx_buf m = mail_forge(vx_slice_str(message), tags, ed);

	check_message(vx_buf_slice(&m), want, reason, tags);
	vx_buf_done(&m);
}

/* --- RFC 6376 3.5 and 6.1.1: the tags of a signature -----------------------------------
 */

#define PASS VX_VERDICT_PASS
#define FAIL VX_VERDICT_FAIL
#define POLICY VX_VERDICT_POLICY
#define PERM VX_VERDICT_PERMERROR
#define TEMP VX_VERDICT_TEMPERROR

START_TEST(signatures)
{
	static const struct {
		const char *tags;
		enum vx_verdict want;
		const char *reason;
	} rows[] = {
		{ GOOD, PASS, "" },
		{ " v = 1 ;a=ed25519-sha256;\r\n\td=EXAMPLE.com; s=SEL; h=From\r\n : "
		  "To" END " ; ",
		    PASS, "" },
		{ TAGS "h=from" END, PASS, "" },
		{ TAGS "h=from; x-y=1" END, PERM, "malformed" },
		{ TAGS "h=from; xy=1; z=From:a|To:b" END, PASS, "" },
		{ "a=ed25519-sha256; d=example.com; s=sel; h=from" END, PERM,
		    "v= is missing" },
		{ "v=2; a=ed25519-sha256; d=example.com; s=sel; h=from" END, PERM,
		    "version" },
		{ "v=1.0; a=ed25519-sha256; d=example.com; s=sel; h=from" END, PERM,
		    "version" },
		{ "v=1; d=example.com; s=sel; h=from" END, PERM, "a= is missing" },
		{ "v=1; a=; d=example.com; s=sel; h=from" END, PERM, "not known" },
		{ "v=1; a=rsa-sha1; d=example.com; s=rsa; h=from" END, PERM, "rsa-sha1" },
		{ "v=1; a=rsa-sha512; d=example.com; s=sel; h=from" END, PERM,
		    "not known" },
		{ "v=1; a=ED25519-SHA256; d=example.com; s=sel; h=from" END, PERM,
		    "not known" },
		{ "v=1; a=ed25519_sha256; d=example.com; s=sel; h=from" END, PERM,
		    "malformed" },
		{ "v=1; a=ed25519-sha256; s=sel; h=from" END, PERM, "d= is missing" },
		{ "v=1; a=ed25519-sha256; d=; s=sel; h=from" END, PERM, "no domain" },
		{ "v=1; a=ed25519-sha256; d=com; s=sel; h=from" END, PERM, "no domain" },
		{ "v=1; a=ed25519-sha256; d=example..com; s=sel; h=from" END, PERM,
		    "no domain" },
		{ "v=1; a=ed25519-sha256; d=example.com.; s=sel; h=from" END, PERM,
		    "no domain" },
		{ "v=1; a=ed25519-sha256; d=ex ample.com; s=sel; h=from" END, PERM,
		    "no domain" },
		{ "v=1; a=ed25519-sha256; d=example.com; h=from" END, PERM,
		    "s= is missing" },
		{ "v=1; a=ed25519-sha256; d=example.com; s=; h=from" END, PERM,
		    "no selector" },
		{ "v=1; a=ed25519-sha256; d=example.com; s=a/b; h=from" END, PERM,
		    "no selector" },
		{ TAGS "bh=@; b=@", PERM, "h= is missing" },
		{ TAGS "h=" END, PERM, "h= is malformed" },
		{ TAGS "h=from:" END, PERM, "h= is malformed" },
		{ TAGS "h=from::to" END, PERM, "h= is malformed" },
		{ TAGS "h=fr om" END, PERM, "h= is malformed" },
		{ TAGS "h=to:subject" END, PERM, "From" },
		{ TAGS "h=from; bh=@", PERM, "b= is missing" },
		{ TAGS "h=from; bh=@; b=", PERM, "b= is not" },
		{ TAGS "h=from; bh=@; b=A", PERM, "b= is not" },
		{ TAGS "h=from; bh=@; b=*", PERM, "b= is not" },
		{ TAGS "h=from; bh=@; b=AAAA", FAIL, "not of these" },
		{ TAGS "h=from; b=@", PERM, "bh= is missing" },
		{ TAGS "h=from; bh=; b=@", PERM, "bh= is not" },
		{ TAGS "h=from; bh=AAAA; b=@", PERM, "bh= is not" },
		{ TAGS "h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=@",
		    FAIL, "body" },
		{ TAGS "c=simple; h=from" END, PASS, "" },
		{ TAGS "c=relaxed; h=from" END, PASS, "" },
		{ TAGS "c=simple/simple; h=from" END, PASS, "" },
		{ TAGS "c=simple/relaxed; h=from" END, PASS, "" },
		{ TAGS "c=relaxed/simple; h=from" END, PASS, "" },
		{ TAGS "c=; h=from" END, PERM, "canonicalization" },
		{ TAGS "c=simple/; h=from" END, PERM, "canonicalization" },
		{ TAGS "c=Relaxed; h=from" END, PERM, "canonicalization" },
		{ TAGS "c=relaxed/relaxed/relaxed; h=from" END, PERM,
		    "canonicalization" },
		{ TAGS "c=nowsp; h=from" END, PERM, "canonicalization" },
		{ TAGS "i=@example.com; h=from" END, PASS, "" },
		{ TAGS "i=joe@sub.Example.com; h=from" END, PASS, "" },
		{ TAGS "i=a=40b=2E@example.com; h=from" END, PASS, "" },
		{ TAGS "i=; h=from" END, PERM, "i= has no domain" },
		{ TAGS "i=joe@; h=from" END, PERM, "i= has no domain" },
		{ TAGS "i=joe; h=from" END, PERM, "i= has no domain" },
		{ TAGS "i=joe@example.net; h=from" END, PERM, "not in the domain" },
		{ TAGS "i=joe@myexample.com; h=from" END, PERM, "not in the domain" },
		{ TAGS "i=joe@com; h=from" END, PERM, "not in the domain" },
		{ TAGS "i=joe=4@example.com; h=from" END, PERM, "i= is malformed" },
		{ TAGS "i=joe=0A@example.com; h=from" END, PERM, "i= is malformed" },
		{ TAGS "i=joe=FF@example.com; h=from" END, PERM, "i= is malformed" },
		{ TAGS "q=dns/txt; h=from" END, PASS, "" },
		{ TAGS "q=x/y : dns/txt; h=from" END, PASS, "" },
		{ TAGS "q=dns; h=from" END, PERM, "q=" },
		{ TAGS "q=; h=from" END, PERM, "q=" },
		{ TAGS "l=0; h=from" END, POLICY, "l=" },
		{ TAGS "l=5; h=from" END, POLICY, "l=" },
		{ TAGS "l=14; h=from" END, POLICY, "l=" }, /* all of it */
		{ TAGS "l=15; h=from" END, FAIL, "shorter" },
		{ TAGS "l=18446744073709551616; h=from" END, FAIL, "shorter" },
		{ TAGS "l=-1; h=from" END, PERM, "l= is no number" },
		{ TAGS "l=; h=from" END, PERM, "l= is no number" },
		{ TAGS "t=1700000300; h=from" END, PASS, "" },
		{ TAGS "t=1700000301; h=from" END, FAIL, "future" },
		{ TAGS "t=; h=from" END, PERM, "t= is no time" },
		{ TAGS "t=1e9; h=from" END, PERM, "t= is no time" },
		{ TAGS "x=1699999700; h=from" END, PASS, "" },
		{ TAGS "x=1699999699; h=from" END, FAIL, "expired" },
		{ TAGS "x=999999999999; h=from" END, PASS, "" },
		{ TAGS "x=1000000000000; h=from" END, PERM, "x= is no time" },
		{ TAGS "t=1700000000; x=1700000001; h=from" END, PASS, "" },
		{ TAGS "t=1700000000; x=1700000000; h=from" END, PERM, "not later" },
		{ TAGS "v=1; h=from" END, PERM, "malformed" },
		{ "v=1; a=ed25519-sha256; d=example.org; s=sel; h=from" END, PERM,
		    "no key for it" },
		{ "v=1; a=rsa-sha256; d=example.com; s=sel; h=from" END, PERM,
		    "another kind" },
		{ "v=1; a=ed25519-sha256; d=example.com; s=rsa; h=from" END, PERM,
		    "another kind" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_tags(rows[i].tags, MESSAGE, rows[i].want, rows[i].reason);
}
END_TEST

/* h= takes fields from the bottom, and those that are not there count as nothing. */
START_TEST(repeated_and_missing_fields)
{
	static const char many[] = "X: 1\r\nFrom: a@b.test\r\nX: 2\r\nX: 3\r\n\r\n";
	static const char added[] =
	    "X: 1\r\nX: 9\r\nFrom: a@b.test\r\nX: 2\r\nX: 3\r\n\r\n";
	static const char none[] = "From: a@b.test\r\n\r\n";
	struct vx_buf m, other = { .max = 10000 };
	vx_slice body, field;

	/* X: 3 and X: 2 are signed: another one above them is not seen */
	m = mail_forge(vx_slice_str(many), TAGS "h=x:from:X" END, ed);
	check_message(vx_buf_slice(&m), PASS, "", "as it is");
	field = vx_slice_head(
	    vx_buf_slice(&m), vx_slice_find_slice(vx_buf_slice(&m), vx_slice_str(many)));
	vx_buf_add(&other, field);
	vx_buf_add_str(&other, added);
	check_message(vx_buf_slice(&other), PASS, "", "one more above");
	/* but one below is */
	vx_buf_reset(&other);
	vx_buf_add(&other, field);
	vx_buf_add(&other, mail_header(vx_slice_str(many), &body));
	vx_buf_add_str(&other, "X: 4\r\n\r\n");
	check_message(vx_buf_slice(&other), FAIL, "not of these", "one more below");
	vx_buf_done(&m);

	/* a name more than there are fields: none can be added (5.4) */
	m = mail_forge(vx_slice_str(none), TAGS "h=from:from:x" END, ed);
	check_message(vx_buf_slice(&m), PASS, "", "missing ones");
	field = vx_slice_head(
	    vx_buf_slice(&m), vx_slice_find_slice(vx_buf_slice(&m), vx_slice_str(none)));
	for (int i = 0; i < 2; i++) {
		vx_buf_reset(&other);
		vx_buf_add(&other, field);
		vx_buf_add_str(&other, i == 0 ? "X:\r\n" : "From: c@d.test\r\n");
		vx_buf_add_str(&other, none);
		check_message(vx_buf_slice(&other), FAIL, "not of these", "added");
	}
	vx_buf_done(&m);
	vx_buf_done(&other);
}
END_TEST

/* A From field that is not signed is what a reader may see (RFC 6376 8.15). */
START_TEST(every_from_is_signed)
{
	static const char two[] = "From: a@b.test\r\nFrom: c@d.test\r\n\r\n";

	check_tags(TAGS "h=from" END, two, POLICY, "does not sign");
	check_tags(TAGS "h=from:from" END, two, PASS, "");
	check_tags(TAGS "h=from:from:from" END, two, PASS, "");
	check_tags(GOOD, "Subject: no From at all\r\n\r\n", PASS, "");
}
END_TEST

/* RFC 6376 3.7: it is not one of the fields that it signs; others may be. */
START_TEST(signatures_of_signatures)
{
	struct vx_buf one = mail_forge(VX_S(MESSAGE), GOOD, ed), two;
	struct vx_dkim_verifier *v;

	two = mail_forge(vx_buf_slice(&one),
	    TAGS "c=relaxed/relaxed; h=dkim-signature:from:dkim-signature" END, ed);
	v = mail_verify(vx_buf_slice(&two), 100, &zone, NOW);
	ck_assert_uint_eq(vx_dkim_verifier_count(v), 2);
	for (size_t i = 0; i < 2; i++)
		check_result(vx_dkim_verifier_result(v, i), PASS, "", "both");
	vx_dkim_verifier_free(v);
	/* the first one alone */
	vx_buf_consume(&two, two.len - one.len);
	check_message(vx_buf_slice(&two), PASS, "", "the first");
	vx_buf_done(&one);
	vx_buf_done(&two);
}
END_TEST

/* --- results
 * ---------------------------------------------------------------------------- */

static struct vx_dkim_result only_result(
    const char *tags, const char *message, struct vx_dkim_verifier **v)
{
	struct vx_buf m = mail_forge(vx_slice_str(message), tags, ed);

	*v = mail_verify(vx_buf_slice(&m), 100, &zone, NOW);
	vx_buf_done(&m);
	ck_assert_uint_eq(vx_dkim_verifier_count(*v), 1);
	return *vx_dkim_verifier_result(*v, 0);
}

START_TEST(results_tell)
{
	struct vx_dkim_verifier *v;
	struct vx_dkim_result r = only_result(
	    "v=1; a=ed25519-sha256; d=Example.COM; s=SEL; i=J=6Fe@x.EXAMPLE.com;"
	    "l=4; h=from; bh=@; b=@",
	    MESSAGE, &v);

	vxt_assert_str(r.domain, "example.com");
	vxt_assert_str(r.selector, "sel");
	vxt_assert_str(r.identity, "Joe@x.example.com");
	vxt_assert_str(r.algorithm, "ed25519-sha256");
	ck_assert_uint_eq(r.signature.len, 8);
	ck_assert_uint_eq(r.body_octets, 4);
	ck_assert_uint_eq(r.key_bits, 256);
	vx_dkim_verifier_free(v);

	/* of a broken one, what can be read */
	r = only_result(
	    "v=1; a=rsa-md5; d=example.com; s=se l; h=; b=12 34\r\n 5678 9", MESSAGE, &v);
	ck_assert_int_eq(r.verdict, PERM);
	vxt_assert_str(r.domain, "example.com");
	vxt_assert_str(r.selector, "");
	vxt_assert_str(r.identity, "@example.com");
	vxt_assert_str(r.algorithm, "rsa-md5");
	vxt_assert_str(r.signature, "12345678");
	ck_assert_uint_eq(r.body_octets, UINT64_MAX);
	ck_assert_uint_eq(r.key_bits, 0);
	vx_dkim_verifier_free(v);
}
END_TEST

/* RFC 8616: names may be in UTF-8, and are looked up and told as A-labels. */
START_TEST(internationalised_names)
{
	struct vx_dkim_verifier *v;
	struct vx_dkim_result r;

	vxt_zone_add(
	    &zone, "xn--wgv71a._domainkey.xn--bcher-kva.example", VX_DNS_TXT, record);
	r = only_result("v=1; a=ed25519-sha256; d=b\xc3\xbc"
			"cher.example; s=\xe6\x97\xa5\xe6\x9c\xac; "
			"i=j\xc3\xb6rg@B\xc3\x9c"
			"CHER.example; h=from; bh=@; b=@",
	    MESSAGE, &v);
	check_result(&r, PASS, "", "UTF-8");
	vxt_assert_str(r.domain, "xn--bcher-kva.example");
	vxt_assert_str(r.selector, "xn--wgv71a");
	vxt_assert_str(r.identity, "j\xc3\xb6rg@xn--bcher-kva.example");
	vx_dkim_verifier_free(v);
	r = only_result("v=1; a=ed25519-sha256; d=xn--bcher-kva.example; s=xn--wgv71a; "
			"i=@x.b\xc3\xbc"
			"cher.example; h=from; bh=@; b=@",
	    MESSAGE, &v);
	check_result(&r, PASS, "", "A-labels");
	vx_dkim_verifier_free(v);
	/* one label; not UTF-8 */
	check_tags("v=1; a=ed25519-sha256; d=\xe6\x97\xa5\xe6\x9c\xac; s=sel; h=from" END,
	    MESSAGE, PERM, "no domain");
	check_tags("v=1; a=ed25519-sha256; d=b\xfc.example; s=sel; h=from" END, MESSAGE,
	    PERM, "no domain");
}
END_TEST

/* --- RFC 6376 3.6.1 and 6.1.2: keys
 * ------------------------------------------------------- */

#define P "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

START_TEST(records)
{
	static const struct {
		const char *text;
		enum vx_verdict want;
		const char *reason;
		bool testing;
	} rows[] = {
		{ "v=DKIM1; k=ed25519; " P, PASS, "", false },
		{ "k=ed25519;" P ";", PASS, "", false },
		{ " v = DKIM1 ; k = ed25519 ; p = 11qYAYKxCrfVS/7Ty WQHOg7hcvPapiMl"
		  "rwIaaPcHURo",
		    PASS, "", false },
		{ "v=DKIM1; k=ed25519; g=nobody; n=a note; xyz=1; " P, PASS, "", false },
		{ "v=DKIM1; k=ed25519; h=sha256; " P, PASS, "", false },
		{ "v=DKIM1; k=ed25519; h=sha1 : sha256 :x; " P, PASS, "", false },
		{ "v=DKIM1; k=ed25519; h=sha1; " P, PERM, "SHA-256", false },
		{ "v=DKIM1; k=ed25519; h=; " P, PERM, "SHA-256", false },
		{ "v=DKIM1; k=ed25519; s=*; " P, PASS, "", false },
		{ "v=DKIM1; k=ed25519; s=web:email; " P, PASS, "", false },
		{ "v=DKIM1; k=ed25519; s=tlsrpt; " P, PERM, "not for mail", false },
		{ "v=DKIM1; k=ed25519; s=; " P, PERM, "not for mail", false },
		{ "v=DKIM1; k=ed25519; t=y; " P, PASS, "", true },
		{ "v=DKIM1; k=ed25519; t=x:y; " P, PASS, "", true },
		{ "v=DKIM1; k=ed25519; t=yes; " P, PASS, "", false },
		{ "v=DKIM1; k=ed25519; t=s; " P, PASS, "", false },
		{ "v=DKIM1; k=ed25519; p=", PERM, "revoked", false },
		{ "v=DKIM1; k=ed25519", PERM, "no key", false },
		{ "v=DKIM2; k=ed25519; " P, PERM, "DKIM1", false },
		{ "v=dkim1; k=ed25519; " P, PERM, "DKIM1", false },
		{ "k=ed25519; v=DKIM1; " P, PERM, "DKIM1", false },
		{ "v=DKIM1; k=rsa; " P, PERM, "another kind", false },
		{ "v=DKIM1; " P, PERM, "another kind", false },
		{ "v=DKIM1; k=Ed25519; " P, PERM, "another kind", false },
		{ "v=DKIM1; k=ed25519; p=11qY", PERM, "key is malformed", false },
		{ "v=DKIM1; k=ed25519; p=*", PERM, "key is malformed", false },
		{ "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=AA",
		    PERM, "key is malformed", false },
		{ "v=DKIM1; k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=",
		    FAIL, "not by this key", false },
		{ "v=DKIM1; k=ed25519;; " P, PERM, "malformed", false },
		{ "v=DKIM1; k=ed25519; " P "; " P, PERM, "malformed", false },
		{ "v=spf1 -all", PERM, "DKIM1", false },
		{ "some text", PERM, "malformed", false },
		{ "", PERM, "malformed", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_dkim_verifier *v;
		struct vx_dkim_result r;

		vxt_zone_done(&zone);
		vxt_zone_add(
		    &zone, "sel._domainkey.example.com", VX_DNS_TXT, rows[i].text);
		r = only_result(GOOD, MESSAGE, &v);
		check_result(&r, rows[i].want, rows[i].reason, rows[i].text);
		ck_assert_int_eq(r.testing, rows[i].testing);
		vx_dkim_verifier_free(v);
	}
}
END_TEST

/* t=s: i= in the very domain. */
START_TEST(strict_keys)
{
	char text[400];

	(void)snprintf(text, sizeof(text), "%s; t=y:s", record);
	vxt_zone_done(&zone);
	vxt_zone_add(&zone, "sel._domainkey.example.com", VX_DNS_TXT, text);
	check_tags(GOOD, MESSAGE, PASS, "");
	check_tags(TAGS "i=joe@Example.com; h=from" END, MESSAGE, PASS, "");
	check_tags(TAGS "i=joe@sub.example.com; h=from" END, MESSAGE, PERM, "t=s");
}
END_TEST

START_TEST(several_records)
{
	static const char name[] = "sel._domainkey.example.com";
	static const char wrong[] =
	    "k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";

	/* other texts do not matter, whichever comes first */
	vxt_zone_add(&zone, name, VX_DNS_TXT, "v=spf1 -all");
	check_tags(GOOD, MESSAGE, PASS, "");
	vxt_zone_done(&zone);
	vxt_zone_add(&zone, name, VX_DNS_TXT, "v=DKIM1; k=ed25519; p=");
	vxt_zone_add(&zone, name, VX_DNS_TXT, wrong);
	check_tags(GOOD, MESSAGE, FAIL, "not by this key");
	vxt_zone_add(&zone, name, VX_DNS_TXT, record);
	check_tags(GOOD, MESSAGE, PASS, "");
	/* the fourth is not looked at */
	vxt_zone_done(&zone);
	for (int i = 0; i < VX_DKIM_RECORDS_MAX; i++)
		vxt_zone_add(&zone, name, VX_DNS_TXT, wrong);
	vxt_zone_add(&zone, name, VX_DNS_TXT, record);
	check_tags(GOOD, MESSAGE, FAIL, "not by this key");
}
END_TEST

START_TEST(answers_of_the_dns)
{
	static const char name[] = "sel._domainkey.example.com";

	vxt_zone_done(&zone);
	check_tags(GOOD, MESSAGE, PERM, "no key for it"); /* NXDOMAIN */
	vxt_zone_add(&zone, name, VX_DNS_A, "192.0.2.1");
	check_tags(GOOD, MESSAGE, PERM, "no key for it"); /* NODATA */
	vxt_zone_done(&zone);
	vxt_zone_fail(&zone, name, VX_DNS_FAILED);
	check_tags(GOOD, MESSAGE, TEMP, "does not answer");
	vxt_zone_done(&zone);
	vxt_zone_fail(&zone, name, VX_DNS_BOGUS);
	check_tags(GOOD, MESSAGE, TEMP, "not authentic");
}
END_TEST

/* Garbage where a TXT record should be. */
START_TEST(broken_answers)
{
	const vx_slice rdata[] = { VX_S(""), VX_S("\x09v=DKIM1") };
	const struct vx_dns_answer a = {
		.status = VX_DNS_FOUND, .rdata = rdata, .count = 2
	};
	struct vx_buf m = mail_forge(VX_S(MESSAGE), GOOD, ed);
	const struct vx_dkim_verifier_options o = { .struct_size = sizeof(o),
		.now_s = NOW };
	struct vx_dkim_verifier *v;
	struct vx_dns_question q;
	vx_slice body, header = mail_header(vx_buf_slice(&m), &body);

	vxt_assert_ok(vx_dkim_verifier_new(&o, &v));
	vxt_assert_ok(vx_dkim_verifier_header(v, header));
	vxt_assert_ok(vx_dkim_verifier_body(v, body));
	vxt_assert_ok(vx_dkim_verifier_end(v));
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_WAIT);
	vxt_assert_ok(vx_dkim_verifier_answer(v, &a));
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_DONE);
	check_result(vx_dkim_verifier_result(v, 0), PERM, "none at all", "garbage");
	vx_dkim_verifier_free(v);
	vx_buf_done(&m);
}
END_TEST

/* RFC 8301 3.2 */
START_TEST(short_keys)
{
	static const unsigned bits[] = { 768, 1023 };

	for (size_t i = 0; i < 2; i++) {
		char name[50], text[400];
		struct vx_buf m, r;
		struct vx_dkim_verifier *v;

		(void)snprintf(name, sizeof(name), "short/%u.eml", bits[i]);
		m = mail_read(name);
		(void)snprintf(name, sizeof(name), "short/%u.txt", bits[i]);
		r = mail_read(name);
		(void)snprintf(text, sizeof(text), "%.*s", (int)r.len - 2, r.ptr);
		vxt_zone_done(&zone);
		vxt_zone_add(&zone, "short._domainkey.example.com", VX_DNS_TXT, text);
		v = mail_verify(vx_buf_slice(&m), 100, &zone, 1800000000);
		check_result(vx_dkim_verifier_result(v, 0), POLICY, "1024", name);
		ck_assert_uint_eq(vx_dkim_verifier_result(v, 0)->key_bits, bits[i]);
		vx_dkim_verifier_free(v);
		m.ptr[m.len - 4] ^= 1; /* altered: then it is that */
		v = mail_verify(vx_buf_slice(&m), 100, &zone, 1800000000);
		check_result(vx_dkim_verifier_result(v, 0), FAIL, "altered", name);
		vx_dkim_verifier_free(v);
		vx_buf_done(&m);
		vx_buf_done(&r);
	}
}
END_TEST

/* --- limits
 * ------------------------------------------------------------------------------- */

/* MESSAGE with n signatures; "#" in their tags is their number. */
static struct vx_buf forge_many(unsigned n, const char *tags)
{
	struct vx_buf out = { .max = 1u << 20 }, each = { .max = 1000 };

	for (unsigned i = 0; i < n; i++) {
		vx_slice rest = vx_slice_str(tags), head;
		struct vx_buf one;

		vx_buf_reset(&each);
		while (vx_slice_cut(&rest, '#', &head)) {
			vx_buf_add(&each, head);
			vx_buf_add_number(&each, i);
		}
		vx_buf_add(&each, head);
		one = mail_forge(VX_S(MESSAGE), each.ptr, ed);
		vx_buf_add(
		    &out, vx_slice_head(vx_buf_slice(&one), one.len - strlen(MESSAGE)));
		vx_buf_done(&one);
	}
	vx_buf_add_str(&out, MESSAGE);
	vx_buf_done(&each);
	return out;
}

START_TEST(limit_of_signatures)
{
	for (unsigned n = VX_DKIM_SIGNATURES_MAX; n <= VX_DKIM_SIGNATURES_MAX + 3; n++) {
		struct vx_buf m = forge_many(n, GOOD "; n=#");
		const bool more = n > VX_DKIM_SIGNATURES_MAX;
		struct vx_dkim_verifier *v;

		zone.asked = 0;
		v = mail_verify(vx_buf_slice(&m), 100, &zone, NOW);
		ck_assert_uint_eq(
		    vx_dkim_verifier_count(v), VX_DKIM_SIGNATURES_MAX + more);
		for (size_t i = 0; i < VX_DKIM_SIGNATURES_MAX; i++)
			check_result(vx_dkim_verifier_result(v, i), PASS, "", "one");
		if (more)
			check_result(vx_dkim_verifier_result(v, VX_DKIM_SIGNATURES_MAX),
			    POLICY, "more signatures", "the last");
		ck_assert_uint_eq(zone.asked, 1); /* they share their key */
		vx_dkim_verifier_free(v);
		vx_buf_done(&m);
	}
}
END_TEST

START_TEST(limit_of_body_hashes)
{
	struct vx_buf m = forge_many(
	    VX_DKIM_BODY_HASHES_MAX + 2, TAGS "c=relaxed/relaxed; h=from; l=#" END);
	struct vx_dkim_verifier *const v = mail_verify(vx_buf_slice(&m), 100, &zone, NOW);

	for (size_t i = 0; i < VX_DKIM_BODY_HASHES_MAX + 2; i++)
		check_result(vx_dkim_verifier_result(v, i), POLICY,
		    i < VX_DKIM_BODY_HASHES_MAX ? "part of the body" : "more ways",
		    "one");
	vx_dkim_verifier_free(v);
	vx_buf_done(&m);
}
END_TEST

/* Three keys under each name, of which the last is right. */
START_TEST(limit_of_checks)
{
	struct vx_buf m = forge_many(VX_DKIM_SIGNATURES_MAX,
	    "v=1; a=ed25519-sha256; d=example.com; s=k#; h=from" END);
	struct vx_dkim_verifier *v;
	const size_t good = VX_DKIM_CHECKS_MAX / VX_DKIM_RECORDS_MAX;

	for (unsigned i = 0; i < VX_DKIM_SIGNATURES_MAX; i++) {
		char name[100];

		(void)snprintf(name, sizeof(name), "k%u._domainkey.example.com", i);
		for (int k = 1; k < VX_DKIM_RECORDS_MAX; k++)
			vxt_zone_add(&zone, name, VX_DNS_TXT,
			    "k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
		vxt_zone_add(&zone, name, VX_DNS_TXT, record);
	}
	v = mail_verify(vx_buf_slice(&m), 100, &zone, NOW);
	for (size_t i = 0; i < VX_DKIM_SIGNATURES_MAX; i++)
		check_result(vx_dkim_verifier_result(v, i), i < good ? PASS : POLICY,
		    i < good ? "" : "more keys", "one");
	vx_dkim_verifier_free(v);
	vx_buf_done(&m);
}
END_TEST

/* GOOD with something repeated n times before its end. */
static char *repeated(const char *begin, size_t n, const char *each, const char *end)
{
	struct vx_buf b = { .max = 100000 };

	vx_buf_add_str(&b, begin);
	while (n-- > 0)
		vx_buf_add_str(&b, each);
	vx_buf_add_str(&b, end);
	return b.ptr;
}

START_TEST(limits_of_a_signature)
{
	struct vx_buf tags = { .max = 1000 }, m;
	char *text;

	/* names in h= */
	text = repeated(TAGS "h=from", VX_DKIM_NAMES_MAX - 1, ":x", END);
	check_tags(text, MESSAGE, PASS, "");
	vx_free(text);
	text = repeated(TAGS "h=from", VX_DKIM_NAMES_MAX, ":x", END);
	check_tags(text, MESSAGE, POLICY, "larger");
	vx_free(text);
	/* tags: 7 are there */
	for (unsigned i = 0; i < VX_DKIM_TAGS_MAX - 7; i++)
		vx_buf_printf(&tags, "t%u=; ", i);
	vx_buf_add_str(&tags, TAGS "h=from" END);
	check_tags(tags.ptr, MESSAGE, PASS, "");
	vx_buf_add_str(&tags, "; more=");
	check_tags(tags.ptr, MESSAGE, POLICY, "larger");
	vx_buf_done(&tags);
	/* octets: a blank is one */
	m = mail_forge(VX_S(MESSAGE), GOOD, ed);
	text = repeated(GOOD "; n=",
	    VX_DKIM_FIELD_OCTETS_MAX - (m.len - strlen(MESSAGE)) - 4, "x", "");
	check_tags(text, MESSAGE, PASS, "");
	vx_free(text);
	text = repeated(GOOD "; n=",
	    VX_DKIM_FIELD_OCTETS_MAX - (m.len - strlen(MESSAGE)) - 3, "x", "");
	check_tags(text, MESSAGE, POLICY, "larger");
	vx_free(text);
	vx_buf_done(&m);
}
END_TEST

START_TEST(limits_of_the_header)
{
	struct vx_buf m = mail_forge(VX_S(MESSAGE), GOOD, ed),
		      long_one = { .max = 1u << 20 };
	vx_slice body;
	size_t header;

	/* an unsigned field in front that makes it as long as may be */
	(void)mail_header(vx_buf_slice(&m), &body);
	header = m.len - body.len - 2;
	for (size_t more = 0; more < 2; more++) {
		vx_buf_reset(&long_one);
		vx_buf_add_str(&long_one, "X:");
		while (long_one.len < VX_DKIM_HEADER_OCTETS_MAX - header - 2 + more)
			vx_buf_add_char(&long_one, 'x');
		vx_buf_add_str(&long_one, "\r\n");
		vx_buf_add(&long_one, vx_buf_slice(&m));
		check_message(vx_buf_slice(&long_one), more == 0 ? PASS : POLICY,
		    more == 0 ? "" : "longer", "octets");
	}
	/* fields: 4 are there */
	for (size_t n = VX_DKIM_FIELDS_MAX - 4; n <= VX_DKIM_FIELDS_MAX - 3; n++) {
		vx_buf_reset(&long_one);
		for (size_t i = 0; i < n; i++)
			vx_buf_add_str(&long_one, "X:\r\n");
		vx_buf_add(&long_one, vx_buf_slice(&m));
		check_message(vx_buf_slice(&long_one),
		    n == VX_DKIM_FIELDS_MAX - 4 ? PASS : POLICY,
		    n == VX_DKIM_FIELDS_MAX - 4 ? "" : "longer", "fields");
	}
	vx_buf_done(&m);
	vx_buf_done(&long_one);
}
END_TEST

START_TEST(limit_of_a_record)
{
	static const char name[] = "sel._domainkey.example.com";
	char text[VX_DKIM_RECORD_OCTETS_MAX + 300];
	vx_slice strings[30];

	for (size_t more = 0; more < 2; more++) {
		/* on the wire one octet more for each 255 */
		const size_t len = VX_DKIM_RECORD_OCTETS_MAX -
				   (VX_DKIM_RECORD_OCTETS_MAX + 255) / 256 + more;
		vx_slice rest = vx_slice_of(text, len);
		size_t n = 0;

		memset(text, 'x', sizeof(text));
		(void)snprintf(text, sizeof(text), "%s; n=", record);
		text[strlen(text)] = 'x';
		for (; rest.len > 0; rest = vx_slice_from(rest, 255))
			strings[n++] = vx_slice_head(rest, 255);
		vxt_zone_done(&zone);
		vxt_zone_add_txt(&zone, name, strings, n);
		check_tags(
		    GOOD, MESSAGE, more == 0 ? PASS : PERM, more == 0 ? "" : "too long");
	}
}
END_TEST

/* A name in the DNS has at most 253 octets. */
START_TEST(limit_of_a_key_name)
{
	static const char label[] =
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg";

	for (size_t more = 0; more < 2; more++) {
		char domain[300], name[400], tags[600];
		int len;

		(void)snprintf(
		    domain, sizeof(domain), "%s.%s.%s.com", label, label, label);
		len = (int)(VX_DNS_NAME_MAX + more - strlen("._domainkey.") -
			    strlen(domain));
		(void)snprintf(tags, sizeof(tags),
		    "v=1; a=ed25519-sha256; d=%s; s=%.*s; h=from" END, domain, len,
		    label);
		(void)snprintf(
		    name, sizeof(name), "%.*s._domainkey.%s", len, label, domain);
		if (more == 0)
			vxt_zone_add(&zone, name, VX_DNS_TXT, record);
		check_tags(
		    tags, MESSAGE, more == 0 ? PASS : PERM, more == 0 ? "" : "too long");
	}
}
END_TEST

/* --- the course of it
 * ------------------------------------------------------------------------ */

START_TEST(calls_in_order)
{
	struct vx_dkim_verifier_options o = { .struct_size = 1 };
	const struct vx_dns_answer a = { .status = VX_DNS_NO_NAME };
	struct vx_dkim_verifier *v = NULL;
	struct vx_dns_question q;
	struct vx_buf m = mail_forge(VX_S(MESSAGE), GOOD, ed);
	vx_slice body, header = mail_header(vx_buf_slice(&m), &body);

	ck_assert_int_eq(vx_dkim_verifier_new(&o, &v), VX_EINVAL);
	o.struct_size = sizeof(o);
	o.now_s = NOW;
	vxt_assert_ok(vx_dkim_verifier_new(&o, &v));
	ck_assert_int_eq(vx_dkim_verifier_body(v, body), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_verifier_end(v), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_verifier_answer(v, &a), VX_ESTATE);
	ck_assert(!vx_dkim_verifier_wants_body(v));
	vxt_assert_ok(vx_dkim_verifier_header(v, header));
	ck_assert_int_eq(vx_dkim_verifier_header(v, header), VX_ESTATE);
	ck_assert(vx_dkim_verifier_wants_body(v));
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_ESTATE);
	vxt_assert_ok(vx_dkim_verifier_body(v, body));
	ck_assert_uint_eq(vx_dkim_verifier_count(v), 0);
	vxt_assert_ok(vx_dkim_verifier_end(v));
	ck_assert_int_eq(vx_dkim_verifier_body(v, body), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_verifier_answer(v, &a), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_WAIT);
	vxt_assert_ok(vx_dkim_verifier_answer(v, &a));
	ck_assert_int_eq(vx_dkim_verifier_answer(v, &a), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_DONE);
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_DONE);
	vx_dkim_verifier_free(v);
	vx_dkim_verifier_free(NULL);
	vx_buf_done(&m);

	/* no signature, or none that can be good: the body is not needed */
	vxt_assert_ok(vx_dkim_verifier_new(&o, &v));
	vxt_assert_ok(vx_dkim_verifier_header(v, VX_S("From: a@b.test\r\n")));
	ck_assert(!vx_dkim_verifier_wants_body(v));
	vxt_assert_ok(vx_dkim_verifier_end(v));
	ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_DONE);
	ck_assert_uint_eq(vx_dkim_verifier_count(v), 0);
	vx_dkim_verifier_free(v);
	vxt_assert_ok(vx_dkim_verifier_new(&o, &v));
	vxt_assert_ok(vx_dkim_verifier_header(v, VX_S("DKIM-Signature: v=1\r\n")));
	ck_assert(!vx_dkim_verifier_wants_body(v));
	vx_dkim_verifier_free(v);
}
END_TEST

/* Whatever octet of the message or the signature is altered, it does not pass. */
static void alter_all(const char *tags)
{
	struct vx_buf m = mail_forge(VX_S(MESSAGE), tags, ed);

	check_message(vx_buf_slice(&m), PASS, "", tags);
	for (size_t i = 0; i < 2 * m.len; i++) {
		const char mask = i % 2 ? 1 : 0x10;
		struct vx_dkim_verifier *v;

		m.ptr[i / 2] ^= mask;
		v = mail_verify(vx_buf_slice(&m), 1000, &zone, NOW);
		for (size_t k = 0; k < vx_dkim_verifier_count(v); k++)
			ck_assert_msg(
			    vx_dkim_verifier_result(v, k)->verdict != VX_VERDICT_PASS,
			    "%s: octet %zu", tags, i / 2);
		vx_dkim_verifier_free(v);
		m.ptr[i / 2] ^= mask;
	}
	vx_buf_done(&m);
}

START_TEST(altered_messages_fail)
{
	alter_all(GOOD);
	alter_all(TAGS "c=simple/simple; h=from:to:subject" END);
}
END_TEST

/* When memory is short there is an error, or a temporary one; never a wrong verdict. */
START_TEST(memory_is_short)
{
	const struct vx_dkim_verifier_options o = { .struct_size = sizeof(o),
		.now_s = NOW };
	struct vx_buf m = mail_forge(
	    VX_S(MESSAGE), TAGS "c=relaxed/simple; i=a=20b@example.com; h=from" END, ed);
	vx_slice body, header = mail_header(vx_buf_slice(&m), &body);
	size_t n = 1, temporary = 0;
	bool whole = false;

	for (; !whole; n++) {
		struct vx_dkim_verifier *v = NULL;
		struct vx_dns_question q;
		int rc;

		vx_mem_fail_at(n);
		rc = vx_dkim_verifier_new(&o, &v);
		if (rc == VX_OK)
			rc = vx_dkim_verifier_header(v, header);
		if (rc == VX_OK)
			rc = vx_dkim_verifier_body(v, body);
		if (rc == VX_OK)
			rc = vx_dkim_verifier_end(v);
		if (rc == VX_OK && vx_dkim_verifier_next(v, &q) == VX_WAIT) {
			char rdata[300];
			const int len = snprintf(
			    rdata, sizeof(rdata), "%c%s", (char)strlen(record), record);
			const vx_slice one = vx_slice_of(rdata, (size_t)len);
			const struct vx_dns_answer a = {
				.status = VX_DNS_FOUND, .rdata = &one, .count = 1
			};

			rc = vx_dkim_verifier_answer(v, &a);
		}
		whole = !vx_mem_failed();
		if (rc == VX_OK) {
			const struct vx_dkim_result *const r =
			    vx_dkim_verifier_result(v, 0);

			ck_assert_int_eq(vx_dkim_verifier_next(v, &q), VX_DONE);
			whole = !vx_mem_failed();
			ck_assert_msg(
			    r->verdict == (whole ? PASS : TEMP), "%zu: %s", n, r->reason);
			temporary += !whole;
		} else {
			ck_assert_int_eq(rc, VX_ENOMEM);
		}
		vx_mem_fail_at(0);
		vx_dkim_verifier_free(v);
	}
	ck_assert_uint_gt(n, 10);
	ck_assert_uint_gt(temporary, 5);
	vx_buf_done(&m);
}
END_TEST

Suite *test_dkim_verify(void);
Suite *test_dkim_verify(void)
{
	const TTest *const tests[] = { signatures, repeated_and_missing_fields,
		every_from_is_signed, signatures_of_signatures, results_tell,
		internationalised_names, records, strict_keys, several_records,
		answers_of_the_dns, broken_answers, short_keys, limit_of_signatures,
		limit_of_body_hashes, limit_of_checks, limits_of_a_signature,
		limits_of_the_header, limit_of_a_record, limit_of_a_key_name,
		calls_in_order, altered_messages_fail, memory_is_short };
	Suite *const suite = suite_create("dkim_verify");
	TCase *const tc = tcase_create("all");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite;
}
