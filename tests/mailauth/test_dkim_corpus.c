/* Messages of others: RFC 6376, RFC 8463, Mail::DKIM and dkimpy. */
#include "mail.h"
#include "mailauth/lookup.h"

#include <stdio.h>

#define NOW 1200000000 /* none of those of Mail::DKIM is from the future then */

static struct vxt_zone zone;

static void add_record(const char *name, const char *file)
{
	struct vx_buf text = mail_read(file);
	char record[2000];

	(void)snprintf(record, sizeof(record), "%.*s",
	    (int)vx_slice_trim(vx_buf_slice(&text), "\r\n").len, text.ptr);
	vxt_zone_add(&zone, name, VX_DNS_TXT, record);
	vx_buf_done(&text);
}

/* --- RFC 6376 and RFC 8463 ------------------------------------------------------------
 */

START_TEST(rfc6376)
{
	struct vx_buf m = mail_read("rfc6376/signed.eml");
	struct vx_dkim_verifier *v;
	const struct vx_dkim_result *r;

	vxt_zone_init(&zone);
	add_record("brisbane._domainkey.example.com", "rfc6376/brisbane.txt");
	v = mail_verify(vx_buf_slice(&m), 7, &zone, NOW);
	ck_assert_uint_eq(vx_dkim_verifier_count(v), 1);
	r = vx_dkim_verifier_result(v, 0);
	ck_assert_msg(r->verdict == VX_VERDICT_PASS, "%s", r->reason);
	ck_assert_str_eq(r->reason, "");
	vxt_assert_str(r->domain, "example.com");
	vxt_assert_str(r->selector, "brisbane");
	vxt_assert_str(r->algorithm, "rsa-sha256");
	vxt_assert_str(r->identity, "joe@football.example.com");
	vxt_assert_str(r->signature, "AuUoFEfD");
	ck_assert_uint_eq(r->key_bits, 1024);
	ck_assert_uint_eq(r->body_octets, UINT64_MAX);
	ck_assert(!r->testing);
	vx_dkim_verifier_free(v);
	vx_buf_done(&m);
	vxt_zone_done(&zone);
}
END_TEST

/* A master file: a name at the beginning of a line, then strings up to ")". */
static void add_zone_file(const char *file)
{
	struct vx_buf all = mail_read(file);
	vx_slice rest = vx_buf_slice(&all);

	while (rest.len > 0) {
		vx_slice strings[20], record, head;
		char name[300];
		size_t n = 0;

		(void)vx_slice_cut(&rest, ')', &record);
		record = vx_slice_trim(record, "\r\n");
		(void)vx_slice_cut(&record, ' ', &head);
		(void)snprintf(name, sizeof(name), "%.*s", (int)head.len, head.ptr);
		while (vx_slice_cut(&record, '"', &head))
			(void)vx_slice_cut(&record, '"', &strings[n++]);
		if (n > 0)
			vxt_zone_add_txt(&zone, name, strings, n);
	}
	vx_buf_done(&all);
}

START_TEST(rfc8463)
{
	struct vx_buf m = mail_read("rfc8463/signed.eml");
	struct vx_dkim_verifier *v;
	static const char *const selectors[] = { "brisbane", "test" },
				 *const algorithms[] = { "ed25519-sha256", "rsa-sha256" },
				 *const first[] = { "/gCrinpc", "F45dVWDf" };

	vxt_zone_init(&zone);
	add_zone_file("rfc8463/dns.zone");
	v = mail_verify(vx_buf_slice(&m), 3, &zone, 1528637909);
	ck_assert_uint_eq(vx_dkim_verifier_count(v), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct vx_dkim_result *const r = vx_dkim_verifier_result(v, i);

		ck_assert_msg(r->verdict == VX_VERDICT_PASS, "%s", r->reason);
		vxt_assert_str(r->domain, "football.example.com");
		vxt_assert_str(r->identity, "@football.example.com");
		vxt_assert_str(r->selector, selectors[i]);
		vxt_assert_str(r->algorithm, algorithms[i]);
		vxt_assert_str(r->signature, first[i]);
		ck_assert_uint_eq(r->key_bits, i == 0 ? 256 : 1024);
	}
	vx_dkim_verifier_free(v);
	vx_buf_done(&m);
	vxt_zone_done(&zone);
}
END_TEST

/* Both kinds of signature are deterministic: what we sign is what the RFC has. */
START_TEST(rfc8463_signed_again)
{
	struct vx_buf m = mail_read("rfc8463/signed.eml"),
		      seed = mail_read("rfc8463/ed25519.private.b64"),
		      made = { .max = VX_KEY_SIGNATURE_OCTETS_MAX };
	struct vx_private_key *const keys[] = { mail_ed25519(seed.ptr),
		mail_key("rfc8463/rsa.private.pem") };
	struct vx_arena arena = { .limit = 65536 };
	struct vx_mail_header h;
	vx_slice body;

	vxt_assert_ok(vx_mail_header_init(&h, mail_header(vx_buf_slice(&m), &body)));
	for (size_t i = 0; i < 2; i++) {
		struct vx_signature s;

		ck_assert_ptr_null(
		    vx_signature_parse(VX_SIGNATURE_DKIM, &h.fields[i].f, &arena, &s));
		vx_signature_hash(&s, &h);
		vx_buf_reset(&made);
		vxt_assert_ok(vx_private_key_sign(keys[i], s.digest, &made));
		vxt_assert_slice(vx_buf_slice(&made), s.value);
		vx_private_key_free(keys[i]);
	}
	vx_mail_header_done(&h);
	vx_arena_done(&arena);
	vx_buf_done(&m);
	vx_buf_done(&seed);
	vx_buf_done(&made);
}
END_TEST

/* --- Mail::DKIM -----------------------------------------------------------------------
 */

static void add_fake_dns(void)
{
	struct vx_buf all = vxt_read("mailauth/mail-dkim/FAKE_DNS.dat");
	vx_slice rest = vx_buf_slice(&all), line;

	while (rest.len > 0) {
		char name[300], text[2000];
		vx_slice head;

		(void)vx_slice_cut(&rest, '\n', &line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		(void)vx_slice_cut(&line, ' ', &head);
		line = vx_slice_trim(line, " ");
		(void)snprintf(name, sizeof(name), "%.*s", (int)head.len, head.ptr);
		(void)snprintf(text, sizeof(text), "%.*s", (int)line.len, line.ptr);
		if (line.ptr[0] == '~')
			vxt_zone_fail(&zone, name, VX_DNS_FAILED);
		else if (strcmp(text, "NXDOMAIN") != 0)
			vxt_zone_add(&zone, name, VX_DNS_TXT,
			    strcmp(text, "\"\"") == 0 ? "" : text);
	}
	vx_buf_done(&all);
}

static void add_word(struct vx_buf *out, const char *word)
{
	if (out->len > 0)
		vx_buf_add_char(out, ',');
	vx_buf_add_str(out, word);
}

/* "pass,fail", in the order of the signatures. */
static void verdicts_of(vx_slice message, struct vx_buf *out)
{
	struct vx_dkim_verifier *const v = mail_verify(message, 1000, &zone, NOW);

	for (size_t i = 0; i < vx_dkim_verifier_count(v); i++)
		add_word(out, vx_verdict_name(vx_dkim_verifier_result(v, i)->verdict));
	if (out->len == 0)
		vx_buf_add_str(out, "none");
	vx_dkim_verifier_free(v);
}

static const char *core_of(
    const struct vx_field *field, const struct vx_mail_header *h, vx_slice message_body)
{
	struct vx_arena arena = { .limit = 65536 };
	struct vx_lookups lookups = { .arena = &arena };
	struct vx_body body = { 0 };
	struct vx_signature s;
	struct vx_dns_question q;
	struct vx_dns_answer a;
	unsigned checks = 10;
	const char *word = "-";

	(void)vx_signature_parse(VX_SIGNATURE_DKIM, field, &arena, &s);
	if (vx_slice_has_suffix(s.algorithm, VX_S("-sha256")) && s.key_name != NULL) {
		(void)vx_body_want(&body, s.relaxed_body, s.length);
		vx_body_add(&body, message_body);
		vx_body_end(&body);
		vx_signature_hash(&s, h);
		ck_assert_ptr_null(vx_lookups_find(&lookups, s.key_name, &q));
		a = vxt_zone_answer(&zone, &q);
		vxt_assert_ok(vx_lookups_answer(&lookups, &a));
		word = memcmp(body.hashes[0].digest, s.body_hash, VX_SHA256_OCTETS) != 0
			   ? "body"
			   : vx_verdict_name(
				 vx_lookup_check(lookups.all, &s, &checks).verdict);
	}
	vx_arena_done(&arena);
	return word;
}

/* Without regard to versions and so on. */
static void cores_of(vx_slice message, struct vx_buf *out)
{
	struct vx_mail_header h;
	vx_slice body;

	vxt_assert_ok(vx_mail_header_init(&h, mail_header(message, &body)));
	for (size_t i = 0; i < h.count; i++)
		if (vx_slice_eq_nocase(h.fields[i].f.name, VX_S("DKIM-Signature")))
			add_word(out, core_of(&h.fields[i].f, &h, body));
	if (out->len == 0)
		vx_buf_add_char(out, '-');
	vx_mail_header_done(&h);
}

/* What upstream says: a column of EXPECTED.tsv. */
static void upstream(vx_slice file, char *out, size_t size)
{
	struct vx_buf all = vxt_read("mailauth/mail-dkim/EXPECTED.tsv");
	vx_slice rest = vx_buf_slice(&all), line, name, word = VX_S("?");

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		(void)vx_slice_cut(&line, '\t', &name);
		if (vx_slice_eq(name, file))
			(void)vx_slice_cut(&line, '\t', &word);
	}
	(void)snprintf(out, size, "%.*s", (int)word.len, word.ptr);
	vx_buf_done(&all);
}

static void check_file(vx_slice file, vx_slice verdicts, vx_slice core, vx_slice why)
{
	char path[200], theirs[20];
	struct vx_buf got = { .max = 200 }, got_core = { .max = 200 }, m;

	(void)snprintf(
	    path, sizeof(path), "mail-dkim/corpus/%.*s", (int)file.len, file.ptr);
	m = mail_read(path);
	verdicts_of(vx_buf_slice(&m), &got);
	cores_of(vx_buf_slice(&m), &got_core);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), verdicts) &&
			  vx_slice_eq(vx_buf_slice(&got_core), core),
	    "%s: %s %s", path, got.ptr, got_core.ptr);
	/* one that should pass does, or the reason is named; the others never do */
	upstream(file, theirs, sizeof(theirs));
	ck_assert_msg((strcmp(theirs, "pass") == 0) ==
			  (why.len > 0 || strstr(got.ptr, "pass") != NULL),
	    "%s is %s upstream", path, theirs);
	vx_buf_done(&got);
	vx_buf_done(&got_core);
	vx_buf_done(&m);
}

START_TEST(mail_dkim)
{
	struct vx_buf all = vxt_read("mailauth/mail-dkim.expected");
	vx_slice rest = vx_buf_slice(&all), line, file, verdicts, core;
	unsigned files = 0;

	vxt_zone_init(&zone);
	add_fake_dns();
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		(void)vx_slice_cut(&line, ' ', &file);
		(void)vx_slice_cut(&line, ' ', &verdicts);
		(void)vx_slice_cut(&line, ' ', &core);
		check_file(file, verdicts, core, line);
		files++;
	}
	ck_assert_uint_eq(files, 79);
	vx_buf_done(&all);
	vxt_zone_done(&zone);
}
END_TEST

/* --- dkimpy ----------------------------------------------------------------------------
 */

/* The verdict of the only signature, with the key of a file. */
static void check_dkimpy(const char *message, const char *name, const char *record,
    enum vx_verdict want, const char *reason)
{
	struct vx_buf m = mail_read(message);
	struct vx_dkim_verifier *v;
	const struct vx_dkim_result *r;

	vxt_zone_init(&zone);
	add_record(name, record);
	v = mail_verify(vx_buf_slice(&m), 1000, &zone, 1600000000);
	ck_assert_uint_eq(vx_dkim_verifier_count(v), 1);
	r = vx_dkim_verifier_result(v, 0);
	ck_assert_msg(r->verdict == want && strstr(r->reason, reason) != NULL,
	    "%s: %s, %s", message, vx_verdict_name(r->verdict), r->reason);
	vx_dkim_verifier_free(v);
	vx_buf_done(&m);
	vxt_zone_done(&zone);
}

START_TEST(dkimpy)
{
	check_dkimpy("dkimpy/ed25519test2.msg", "sed._domainkey.test.ex",
	    "dkimpy/eximtest.dns", VX_VERDICT_PASS, "");
	check_dkimpy("dkimpy/rfc6376.signed.no_t.msg",
	    "test._domainkey.football.example.com", "dkimpy/test.txt", VX_VERDICT_FAIL,
	    "");
	check_dkimpy("dkimpy/rfc6376.signed.rsa.msg",
	    "test._domainkey.football.example.com", "dkimpy/test.txt", VX_VERDICT_PASS,
	    "");
	check_dkimpy("dkimpy/test.message.baddomain", "test._domainkey.example.com",
	    "dkimpy/test.txt", VX_VERDICT_PERMERROR, "d= is no domain");
	check_dkimpy("dkimpy/test2.message", "20120113._domainkey.gmail.com",
	    "dkimpy/test.txt", VX_VERDICT_FAIL, "");
	check_dkimpy("dkimpy/message.mbox", "2007-00._domainkey.kitterman.com",
	    "dkimpy/test.txt", VX_VERDICT_FAIL, "");
}
END_TEST

/* An ed25519 and an RSA signature, of which upstream tests the first. */
START_TEST(dkimpy_both)
{
	struct vx_buf m = mail_read("dkimpy/rfc6376.signed.msg");
	struct vx_dkim_verifier *v;

	vxt_zone_init(&zone);
	add_zone_file("rfc8463/dns.zone");
	v = mail_verify(vx_buf_slice(&m), 9, &zone, 1600000000);
	ck_assert_uint_eq(vx_dkim_verifier_count(v), 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_msg(vx_dkim_verifier_result(v, i)->verdict == VX_VERDICT_PASS,
		    "%zu: %s", i, vx_dkim_verifier_result(v, i)->reason);
	vx_dkim_verifier_free(v);
	vx_buf_done(&m);
	vxt_zone_done(&zone);
}
END_TEST

/* A key as upstream has it, and its record. */
START_TEST(dkimpy_ed25519)
{
	struct vx_buf m = mail_read("dkimpy/ed25519test.msg"),
		      seed = mail_read("dkimpy/ed25519test.key"), s;
	struct vx_private_key *const key = mail_ed25519(seed.ptr);
	const struct vx_dkim_identity id = { VX_S("example.com"), VX_S("test"), key };

	s = mail_sign(vx_buf_slice(&m), 10, &id, 1, 1500000000);
	vxt_zone_init(&zone);
	add_record("test._domainkey.example.com", "dkimpy/ed25519test.dns");
	ck_assert_int_eq(
	    mail_verdict(vx_buf_slice(&s), &zone, 1500000000), VX_VERDICT_PASS);
	vxt_zone_done(&zone);
	vx_private_key_free(key);
	vx_buf_done(&m);
	vx_buf_done(&seed);
	vx_buf_done(&s);
}
END_TEST

/* Signed with test.private, then checked with the records of upstream's tests. */
START_TEST(dkimpy_records)
{
	static const struct {
		const char *record;
		enum vx_verdict want;
		const char *reason;
	} rows[] = {
		{ "dkimpy/test.txt", VX_VERDICT_PASS, "" },
		{ "dkimpy/test2.txt", VX_VERDICT_PASS, "" },
		{ "dkimpy/badversion.txt", VX_VERDICT_PERMERROR, "not of DKIM1" },
		{ "dkimpy/badk.txt", VX_VERDICT_PERMERROR, "another kind" },
		{ "dkimpy/test_bad.txt", VX_VERDICT_PERMERROR, "the key is malformed" },
		{ "dkimpy/test_tlsrpt.txt", VX_VERDICT_PERMERROR, "not for mail" },
		{ "dkimpy/1024_testkey_wo_markers.pub.txt", VX_VERDICT_FAIL,
		    "not by this" },
		{ "dkimpy/1024_testkey_wo_markers.pub.rsa.txt", VX_VERDICT_FAIL,
		    "not by this" },
	};
	struct vx_private_key *const key = mail_key("dkimpy/test.private");
	const struct vx_dkim_identity id = { VX_S("example.com"), VX_S("test"), key };
	static const char *const messages[] = { "dkimpy/test.message",
		"dkimpy/rfc6376.msg", "dkimpy/rfc6376.w1258.msg",
		"dkimpy/test_extra.message", "mail-dkim/test5.txt" };

	for (size_t k = 0; k < sizeof(messages) / sizeof(messages[0]); k++) {
		struct vx_buf m = mail_read(messages[k]),
			      s = mail_sign(vx_buf_slice(&m), 10, &id, 1, 1500000000);

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct vx_dkim_verifier *v;
			const struct vx_dkim_result *r;

			vxt_zone_init(&zone);
			add_record("test._domainkey.example.com", rows[i].record);
			v = mail_verify(vx_buf_slice(&s), 10, &zone, 1500000000);
			r = vx_dkim_verifier_result(v, 0);
			ck_assert_msg(r->verdict == rows[i].want &&
					  strstr(r->reason, rows[i].reason) != NULL,
			    "%s, %s: %s, %s", messages[k], rows[i].record,
			    vx_verdict_name(r->verdict), r->reason);
			vx_dkim_verifier_free(v);
			vxt_zone_done(&zone);
		}
		vx_buf_done(&m);
		vx_buf_done(&s);
	}
	vx_private_key_free(key);
}
END_TEST

VXT_SUITE(test_dkim_corpus, "dkim_corpus", rfc6376, rfc8463, rfc8463_signed_again,
    mail_dkim, dkimpy, dkimpy_both, dkimpy_ed25519, dkimpy_records)
