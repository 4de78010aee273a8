#include "base/mem.h"
#include "mail.h"
#include "mailauth/tags.h"
#include "vectis/header.h"

#include <stdio.h>

#define NOW 1700000000

static struct vxt_zone zone;
static struct vx_private_key *ed, *rsa;
static struct vx_dkim_identity both[2];

static void setup(void)
{
	ed = mail_ed25519("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
	rsa = mail_key("dkimpy/2048_testkey.key");
	vxt_zone_init(&zone);
	mail_publish(&zone, "202311._domainkey.example.com", rsa);
	mail_publish(&zone, "202311e._domainkey.example.com", ed);
	both[0] = (struct vx_dkim_identity){ VX_S("example.com"), VX_S("202311"), rsa };
	both[1] = (struct vx_dkim_identity){ VX_S("example.com"), VX_S("202311e"), ed };
}

static void teardown(void)
{
	vx_private_key_free(ed);
	vx_private_key_free(rsa);
	vxt_zone_done(&zone);
}

static void check_passes(vx_slice message, size_t signatures)
{
	struct vx_dkim_verifier *const v = mail_verify(message, 100, &zone, NOW);

	ck_assert_uint_eq(vx_dkim_verifier_count(v), signatures);
	for (size_t i = 0; i < signatures; i++)
		ck_assert_msg(vx_dkim_verifier_result(v, i)->verdict == VX_VERDICT_PASS,
		    "%zu: %s", i, vx_dkim_verifier_result(v, i)->reason);
	vx_dkim_verifier_free(v);
}

/* The field itself, as everybody sees it. */
START_TEST(fields)
{
	static const char message[] =
	    "Received: from a\r\nFROM: joe@example.com\r\nSubject: x\r\nTo: a@b.test\r\n"
	    "Cc: c@d.test\r\nReceived: from b\r\nX-Mailer: y\r\nList-ID: <l.test>\r\n"
	    "CC: again@d.test\r\n\r\nHello\r\n";
	struct vx_buf m = mail_sign(vx_slice_str(message), 100, both, 2, NOW);
	struct vx_buf want = mail_read("ours/dkim.txt");

	vx_buf_add_str(&want, message);
	vxt_assert_slice(vx_buf_slice(&m), vx_buf_slice(&want));
	vx_buf_done(&m);
	vx_buf_done(&want);
}
END_TEST

static vx_slice tag(vx_slice message, const char *name)
{
	static struct vx_tags tags;
	struct vx_field f;

	ck_assert(vx_field_next(&message, &f));
	vxt_assert_ok(vx_tags_parse(f.value, &tags));
	return vx_tags_find(&tags, name) == NULL ? vx_slice_of(NULL, 0)
						 : vx_tags_find(&tags, name)->value;
}

START_TEST(expiry)
{
	struct vx_dkim_signer_options o = { .struct_size = sizeof(o),
		.identities = both,
		.count = 1,
		.now_s = NOW,
		.valid_s = 86400 };
	struct vx_dkim_signer *s;
	struct vx_buf out = { .max = 10000 };

	vxt_assert_ok(vx_dkim_signer_new(&o, &s));
	vxt_assert_ok(vx_dkim_signer_header(s, VX_S("From: a@example.com\r\n")));
	vxt_assert_ok(vx_dkim_signer_end(s));
	vxt_assert_ok(vx_dkim_signer_compute(s));
	vxt_assert_ok(vx_dkim_signer_write(s, &out));
	vxt_assert_str(tag(vx_buf_slice(&out), "t"), "1700000000");
	vxt_assert_str(tag(vx_buf_slice(&out), "x"), "1700086400");
	ck_assert_ptr_null(tag(vx_buf_slice(&out), "l").ptr);
	vx_buf_add_str(&out, "From: a@example.com\r\n\r\n");
	check_passes(vx_buf_slice(&out), 1);
	vx_dkim_signer_free(s);
	vx_buf_done(&out);
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void add_random_text(struct vx_buf *out, uint32_t *seed, uint32_t n)
{
	static const char *const parts[] = { "a", "bc", " ", "  ", "\t", ":", ";", "=",
		"\xc3\xa9", ".", "0", "\\", "\"", "(", ")", "\x01" };

	for (uint32_t i = 0; i < n; i++)
		vx_buf_add_str(out, parts[next_random(seed) % 16]);
}

static void add_random_field(struct vx_buf *out, uint32_t *seed)
{
	static const char *const names[] = { "Subject", "To", "CC", "date", "X-Any",
		"Message-ID", "References", "content-TYPE", "List-Id", "Received",
		"DKIM-Signature-Not", "Resent-From" };

	vx_buf_add_str(out, names[next_random(seed) % 12]);
	vx_buf_add_str(out, next_random(seed) % 8 == 0 ? " :" : ":");
	add_random_text(out, seed, next_random(seed) % 40);
	for (uint32_t n = next_random(seed) % 3; n > 0; n--) {
		vx_buf_add_str(out, "\r\n\t");
		add_random_text(out, seed, next_random(seed) % 40);
	}
	vx_buf_add_str(out, "\r\n");
}

static struct vx_buf random_message(uint32_t *seed)
{
	struct vx_buf out = { .max = 1u << 20 };

	for (uint32_t n = next_random(seed) % 10; n > 0; n--)
		add_random_field(&out, seed);
	vx_buf_add_str(&out, "From: a@example.com\r\n");
	for (uint32_t n = next_random(seed) % 10; n > 0; n--)
		add_random_field(&out, seed);
	vx_buf_add_str(&out, "\r\n");
	for (uint32_t n = next_random(seed) % 50; n > 0; n--) {
		add_random_text(&out, seed, next_random(seed) % 30);
		vx_buf_add_str(&out, next_random(seed) % 20 == 0 ? "\r" : "\r\n");
	}
	return out;
}

/* Lines of at most 76 octets, each field one that is found again. */
static void check_form(vx_slice written, size_t count)
{
	vx_slice rest = written, line;
	struct vx_field f;

	while (rest.len > 0) {
		ck_assert(vx_slice_cut(&rest, '\n', &line));
		ck_assert(vx_slice_has_suffix(line, VX_S("\r")));
		ck_assert_uint_le(line.len - 1, VX_DKIM_LINE_OCTETS);
		ck_assert(vx_slice_trim(line, " \r").len > 0);
	}
	for (; count > 0; count--) {
		ck_assert(vx_field_next(&written, &f));
		vxt_assert_str(f.name, "DKIM-Signature");
	}
	ck_assert(!vx_field_next(&written, &f));
}

START_TEST(random_messages)
{
	uint32_t seed = 8463;

	for (int round = 0; round < 150; round++) {
		struct vx_buf m = random_message(&seed), s;

		s = mail_sign(
		    vx_buf_slice(&m), 1 + next_random(&seed) % 100, both, 2, NOW);
		check_form(vx_slice_head(vx_buf_slice(&s), s.len - m.len), 2);
		check_passes(vx_buf_slice(&s), 2);
		vx_buf_done(&m);
		vx_buf_done(&s);
	}
}
END_TEST

/* Whatever is done on the way that relaxed is for. */
START_TEST(what_survives)
{
	struct vx_buf m = mail_sign(
	    VX_S("From: a@example.com\r\nSubject: a  b\r\n\r\nx y\r\n"), 5, both, 2, NOW);
	struct vx_buf other = { .max = 10000 };
	const vx_slice all = vx_buf_slice(&m);

	vx_buf_add_str(&other, "Received: by others\r\n");
	vx_buf_add(&other, vx_slice_head(all, vx_slice_find_slice(all, VX_S("From:"))));
	vx_buf_add_str(&other, "X-Spam: no\r\nSUBJECT:a\r\n\tb \r\nFrom:  "
			       "a@example.com\r\n\r\nx  y \r\n\r\n");
	check_passes(vx_buf_slice(&other), 2);
	vx_buf_done(&m);
	vx_buf_done(&other);
}
END_TEST

/* Fields that are signed once more than they are there cannot be added. */
START_TEST(oversigned)
{
	static const char *const names[] = { "From", "To", "Subject", "Date",
		"Content-Type" };
	struct vx_buf m = mail_sign(VX_S("From: a@example.com\r\n\r\n"), 5, both, 1, NOW);

	for (size_t i = 0; i < 5; i++) {
		struct vx_buf other = { .max = 10000 };

		vx_buf_printf(&other, "%s: x\r\n", names[i]);
		vx_buf_add(&other, vx_buf_slice(&m));
		ck_assert_int_eq(
		    mail_verdict(vx_buf_slice(&other), &zone, NOW), VX_VERDICT_FAIL);
		vx_buf_done(&other);
	}
	vx_buf_done(&m);
}
END_TEST

/* Of what we sign, whatever octet is altered, it does not pass. */
START_TEST(altered_messages_fail)
{
	struct vx_buf m =
	    mail_sign(VX_S("From: a@example.com\r\nTo: b@c.test\r\nReferences: "
			   "<d>\r\n\r\nHello you\r\n"),
		100, &both[1], 1, NOW);

	ck_assert_int_eq(mail_verdict(vx_buf_slice(&m), &zone, NOW), VX_VERDICT_PASS);
	for (size_t i = 0; i < 2 * m.len; i++) {
		const char mask = i % 2 ? 1 : 0x40;
		struct vx_dkim_verifier *v;

		m.ptr[i / 2] ^= mask;
		v = mail_verify(vx_buf_slice(&m), 1000, &zone, NOW);
		for (size_t k = 0; k < vx_dkim_verifier_count(v); k++)
			ck_assert_msg(
			    vx_dkim_verifier_result(v, k)->verdict != VX_VERDICT_PASS,
			    "octet %zu", i / 2);
		vx_dkim_verifier_free(v);
		m.ptr[i / 2] ^= mask;
	}
	vx_buf_done(&m);
}
END_TEST

/* --- what cannot be signed -------------------------------------------------------------
 */

static int try_header(vx_slice header)
{
	const struct vx_dkim_signer_options o = {
		.struct_size = sizeof(o), .identities = both, .count = 2, .now_s = NOW
	};
	struct vx_dkim_signer *s;
	int rc;

	vxt_assert_ok(vx_dkim_signer_new(&o, &s));
	rc = vx_dkim_signer_header(s, header);
	ck_assert_int_eq(
	    vx_dkim_signer_body(s, VX_S("x")), rc == VX_OK ? VX_OK : VX_ESTATE);
	vx_dkim_signer_free(s);
	return rc;
}

START_TEST(headers_that_are_not_signed)
{
	struct vx_buf m = mail_read("dkimpy/test_nofrom.message"),
		      h = { .max = 1u << 20 };
	vx_slice body;

	ck_assert_int_eq(try_header(mail_header(vx_buf_slice(&m), &body)), VX_EINVAL);
	ck_assert_int_eq(try_header(VX_S("")), VX_EINVAL);
	ck_assert_int_eq(try_header(VX_S("From: a\r\nfrom: b\r\n")), VX_EINVAL);
	/* it would go on with the field that we put before it */
	ck_assert_int_eq(try_header(VX_S(" x\r\nFrom: a\r\n")), VX_EINVAL);
	/* names: From and what is there once more take 6 */
	for (int n = VX_DKIM_NAMES_MAX - 6; n <= VX_DKIM_NAMES_MAX - 5; n++) {
		vx_buf_reset(&h);
		vx_buf_add_str(&h, "From: a\r\n");
		for (int i = 0; i < n; i++)
			vx_buf_add_str(&h, "Cc: a\r\n");
		ck_assert_int_eq(try_header(vx_buf_slice(&h)),
		    n == VX_DKIM_NAMES_MAX - 6 ? VX_OK : VX_ELIMIT);
	}
	vx_buf_reset(&h);
	vx_buf_add_str(&h, "From: a\r\nX:");
	while (h.len < VX_DKIM_HEADER_OCTETS_MAX)
		vx_buf_add_char(&h, 'x');
	vxt_assert_ok(try_header(vx_buf_slice(&h)));
	vx_buf_add_char(&h, 'x');
	ck_assert_int_eq(try_header(vx_buf_slice(&h)), VX_ELIMIT);
	vx_buf_done(&m);
	vx_buf_done(&h);
}
END_TEST

START_TEST(identities)
{
	static const struct {
		const char *domain, *selector;
		int rc;
	} rows[] = {
		{ "example.com", "a", VX_OK },
		{ "sub.example.com", "a.b_c", VX_OK },
		{ "xn--bcher-kva.example", "xn--wgv71a", VX_OK },
		{ "com", "a", VX_EINVAL },
		{ "", "a", VX_EINVAL },
		{ "example.com", "", VX_EINVAL },
		{ "example.com; x=y", "a", VX_EINVAL },
		{ "example.com", "a;b", VX_EINVAL },
		{ "example.com", "a\r\n", VX_EINVAL },
		{ "b\xc3\xbc"
		  "cher.example",
		    "a", VX_EINVAL },
	};
	struct vx_dkim_signer_options o = { .struct_size = sizeof(o), .now_s = NOW };
	struct vx_dkim_identity many[VX_DKIM_KEYS_MAX + 1];
	struct vx_dkim_signer *s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vx_dkim_identity id = { vx_slice_str(rows[i].domain),
			vx_slice_str(rows[i].selector), ed };
		int rc;

		o.identities = &id;
		o.count = 1;
		rc = vx_dkim_signer_new(&o, &s);
		ck_assert_msg(rc == rows[i].rc, "%s: %d", rows[i].domain, rc);
		if (rc == VX_OK)
			vx_dkim_signer_free(s);
	}
	for (size_t i = 0; i <= VX_DKIM_KEYS_MAX; i++)
		many[i] = both[1];
	o.identities = many;
	o.count = VX_DKIM_KEYS_MAX + 1;
	ck_assert_int_eq(vx_dkim_signer_new(&o, &s), VX_EINVAL);
	o.count = 0;
	ck_assert_int_eq(vx_dkim_signer_new(&o, &s), VX_EINVAL);
	o.count = VX_DKIM_KEYS_MAX;
	vxt_assert_ok(vx_dkim_signer_new(&o, &s));
	vx_dkim_signer_free(s);
	o.struct_size--;
	ck_assert_int_eq(vx_dkim_signer_new(&o, &s), VX_EINVAL);
}
END_TEST

/* The longest names: a line may be longer then, and the field is still right. */
START_TEST(long_names)
{
	static const char label[] =
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg";
	char domain[300], selector[100], name[400];
	struct vx_dkim_identity id = { .key = ed };
	struct vx_buf m;
	int len;

	(void)snprintf(domain, sizeof(domain), "%s.%s.%s.com", label, label, label);
	len = (int)(VX_DNS_NAME_MAX - strlen("._domainkey.") - strlen(domain));
	(void)snprintf(selector, sizeof(selector), "%.*s", len, label);
	(void)snprintf(name, sizeof(name), "%s._domainkey.%s", selector, domain);
	mail_publish(&zone, name, ed);
	id.domain = vx_slice_str(domain);
	id.selector = vx_slice_str(selector);
	m = mail_sign(VX_S("From: a@example.com\r\n\r\nx\r\n"), 5, &id, 1, NOW);
	check_passes(vx_buf_slice(&m), 1);
	vx_buf_done(&m);
}
END_TEST

START_TEST(calls_in_order)
{
	const struct vx_dkim_signer_options o = {
		.struct_size = sizeof(o), .identities = both, .count = 2, .now_s = -1
	};
	struct vx_dkim_signer *s;
	struct vx_buf out = { .max = 100 };

	vxt_assert_ok(vx_dkim_signer_new(&o, &s));
	ck_assert_int_eq(vx_dkim_signer_body(s, VX_S("x")), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_signer_end(s), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_signer_compute(s), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_signer_write(s, &out), VX_ESTATE);
	/* one that failed may be tried again */
	ck_assert_int_eq(vx_dkim_signer_header(s, VX_S("To: a\r\n")), VX_EINVAL);
	vxt_assert_ok(vx_dkim_signer_header(s, VX_S("From: a\r\n")));
	ck_assert_int_eq(vx_dkim_signer_header(s, VX_S("From: a\r\n")), VX_ESTATE);
	vxt_assert_ok(vx_dkim_signer_end(s));
	ck_assert_int_eq(vx_dkim_signer_body(s, VX_S("x")), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_signer_end(s), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_signer_write(s, &out), VX_ESTATE);
	vxt_assert_ok(vx_dkim_signer_compute(s));
	ck_assert_int_eq(vx_dkim_signer_compute(s), VX_ESTATE);
	ck_assert_int_eq(vx_dkim_signer_write(s, &out), VX_ELIMIT);
	vx_buf_done(&out);
	out.max = 10000;
	vxt_assert_ok(vx_dkim_signer_write(s, &out));
	vxt_assert_str(tag(vx_buf_slice(&out), "t"), "0");
	vx_dkim_signer_free(s);
	vx_dkim_signer_free(NULL);
	vx_buf_done(&out);
}
END_TEST

START_TEST(memory_is_short)
{
	const struct vx_dkim_signer_options o = {
		.struct_size = sizeof(o), .identities = &both[1], .count = 1, .now_s = NOW
	};
	struct vx_buf out = { .max = 10000 };
	size_t n = 1;

	for (bool whole = false; !whole; n++) {
		struct vx_dkim_signer *s = NULL;
		int rc;

		vx_buf_done(&out);
		vx_mem_fail_at(n);
		rc = vx_dkim_signer_new(&o, &s);
		if (rc == VX_OK)
			rc = vx_dkim_signer_header(s, VX_S("From: a@example.com\r\n"));
		if (rc == VX_OK)
			rc = vx_dkim_signer_end(s);
		if (rc == VX_OK)
			rc = vx_dkim_signer_compute(s);
		ck_assert(rc == VX_OK || rc == VX_ENOMEM);
		if (rc == VX_OK) {
			rc = vx_dkim_signer_write(s, &out);
			ck_assert(rc == VX_OK || rc == VX_ELIMIT);
		}
		whole = !vx_mem_failed();
		vx_mem_fail_at(0);
		ck_assert_int_eq(rc == VX_OK, whole);
		vx_dkim_signer_free(s);
	}
	ck_assert_uint_gt(n, 10);
	vx_buf_add_str(&out, "From: a@example.com\r\n\r\n");
	check_passes(vx_buf_slice(&out), 1);
	vx_buf_done(&out);
}
END_TEST

Suite *test_dkim_sign(void);
Suite *test_dkim_sign(void)
{
	const TTest *const tests[] = { fields, expiry, random_messages, what_survives,
		oversigned, altered_messages_fail, headers_that_are_not_signed,
		identities, long_names, calls_in_order, memory_is_short };
	Suite *const suite = suite_create("dkim_sign");
	TCase *const tc = tcase_create("all");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite;
}
