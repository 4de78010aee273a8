/* The tests that ValiMail published: tests/data/mailauth/arc. */
#include "mail.h"
#include "vectis/arc.h"

#include <stdio.h>

#define NOW 1500000000

/* What is read of one of the files, line by line. */
struct suite {
	struct vx_buf file, message;
	vx_slice rest;
	struct vxt_zone *zone;
	char name[100], argument[100];
	struct vx_buf names, results, seal, signature;
};

static void set(struct vx_buf *to, vx_slice text)
{
	vx_buf_reset(to);
	vx_buf_add(to, text);
}

static void copy(char *to, size_t size, vx_slice text)
{
	(void)snprintf(to, size, "%.*s", (int)text.len, text.ptr);
}

static void suite_open(struct suite *s, const char *name)
{
	static struct vxt_zone zone;

	*s = (struct suite){ .message = { .max = 1u << 20 },
		.names = { .max = 1000 },
		.results = { .max = 1000 },
		.seal = { .max = 5000 },
		.signature = { .max = 5000 },
		.zone = &zone };
	s->file = vxt_read(name);
	s->rest = vx_buf_slice(&s->file);
	vxt_zone_init(&zone);
}

static void suite_close(struct suite *s)
{
	vx_buf_done(&s->file);
	vx_buf_done(&s->message);
	vx_buf_done(&s->names);
	vx_buf_done(&s->results);
	vx_buf_done(&s->seal);
	vx_buf_done(&s->signature);
	vxt_zone_done(s->zone);
}

static void take_record(struct suite *s, vx_slice line)
{
	char name[200], text[2000];
	vx_slice head;

	(void)vx_slice_cut(&line, ' ', &head);
	copy(name, sizeof(name), head);
	copy(text, sizeof(text), line);
	vxt_zone_add(s->zone, name, VX_DNS_TXT, text);
}

static void take_line(struct suite *s, vx_slice line)
{
	vx_slice word;

	if (vx_slice_has_prefix(line, VX_S("|"))) {
		vx_buf_add(&s->message, vx_slice_from(line, 1));
		vx_buf_add_str(&s->message, "\r\n");
		return;
	}
	if (vx_slice_has_prefix(line, VX_S(":"))) {
		vx_buf_add(&s->message, vx_slice_from(line, 1));
		return;
	}
	(void)vx_slice_cut(&line, ' ', &word);
	if (vx_slice_eq(word, VX_S("scenario"))) {
		vxt_zone_done(s->zone);
	} else if (vx_slice_eq(word, VX_S("record"))) {
		take_record(s, line);
	} else if (vx_slice_eq(word, VX_S("test"))) {
		(void)vx_slice_cut(&line, ' ', &word);
		copy(s->name, sizeof(s->name), word);
		copy(s->argument, sizeof(s->argument), line);
	} else if (vx_slice_eq(word, VX_S("names"))) {
		set(&s->names, line);
	} else if (vx_slice_eq(word, VX_S("results"))) {
		set(&s->results, line);
	} else if (vx_slice_eq(word, VX_S("seal"))) {
		set(&s->seal, line);
	} else if (vx_slice_eq(word, VX_S("message"))) {
		set(&s->signature, line);
	} else {
		ck_assert_msg(word.len == 0 || word.ptr[0] == '#', "what is %.*s?",
		    (int)word.len, word.ptr);
	}
}

/* The next test; false at the end. */
static bool suite_next(struct suite *s)
{
	vx_slice line;

	vx_buf_reset(&s->message);
	s->name[0] = '\0';
	while (s->rest.len > 0) {
		vx_slice ahead = s->rest;

		(void)vx_slice_cut(&ahead, '\n', &line);
		if (s->name[0] != '\0' &&
		    (vx_slice_has_prefix(line, VX_S("test ")) ||
			vx_slice_has_prefix(line, VX_S("scenario "))))
			break;
		s->rest = ahead;
		take_line(s, line);
	}
	return s->name[0] != '\0';
}

static struct vx_arc_verifier *verify(const struct suite *s, size_t chunk)
{
	const struct vx_arc_verifier_options o = { .struct_size = sizeof(o),
		.now_s = NOW };
	struct vx_arc_verifier *v;
	struct vx_dns_question q;
	vx_slice body, header = mail_header(vx_buf_slice(&s->message), &body);
	int rc;

	vxt_assert_ok(vx_arc_verifier_new(&o, &v));
	vxt_assert_ok(vx_arc_verifier_header(v, header));
	for (; body.len > 0; body = vx_slice_from(body, chunk))
		vxt_assert_ok(vx_arc_verifier_body(v, vx_slice_head(body, chunk)));
	vxt_assert_ok(vx_arc_verifier_end(v));
	while ((rc = vx_arc_verifier_next(v, &q)) == VX_WAIT) {
		const struct vx_dns_answer a = vxt_zone_answer(s->zone, &q);

		vxt_assert_ok(vx_arc_verifier_answer(v, &a));
	}
	ck_assert_int_eq(rc, VX_DONE);
	return v;
}

START_TEST(validation)
{
	struct suite s;
	unsigned tests = 0;

	suite_open(&s, "mailauth/arc/validation.txt");
	for (; suite_next(&s); tests++)
		for (size_t chunk = 1; chunk < 10000; chunk += 4999) {
			struct vx_arc_verifier *const v = verify(&s, chunk);
			const struct vx_arc_result *const r = vx_arc_verifier_result(v);

			ck_assert_msg(
			    strcmp(vx_verdict_name(r->verdict), s.argument) == 0,
			    "%s is %s (%s, %u), not %s", s.name,
			    vx_verdict_name(r->verdict), r->reason, r->failed,
			    s.argument);
			ck_assert(
			    (r->reason[0] != '\0') == (r->verdict == VX_VERDICT_FAIL));
			ck_assert(!r->temporary);
			vx_arc_verifier_free(v);
		}
	ck_assert_uint_eq(tests, 171);
	suite_close(&s);
}
END_TEST

static enum vx_verdict chain_of(const struct suite *s)
{
	struct vx_arc_verifier *const v = verify(s, 1000);
	const enum vx_verdict verdict = vx_arc_verifier_result(v)->verdict;

	vx_arc_verifier_free(v);
	return verdict;
}

/* The fields without blanks, each with a LF. */
static void squash(vx_slice fields, struct vx_buf *out)
{
	for (size_t i = 0; i < fields.len; i++) {
		const char c = fields.ptr[i];

		if (c == '\n' && (i + 1 == fields.len || fields.ptr[i + 1] != ' '))
			vx_buf_add_char(out, '\n');
		else if (strchr(" \t\r\n", c) == NULL)
			vx_buf_add_char(out, c);
	}
}

static void check_sealed(const struct suite *s, const struct vx_buf *fields)
{
	struct vx_buf got = { .max = 10000 }, want = { .max = 10000 };
	vx_slice wanted;
	uint64_t instance;

	/* which instance: "...;i=2;..." */
	wanted = vx_buf_slice(&s->seal);
	wanted = vx_slice_from(wanted, vx_slice_find_slice(wanted, VX_S(";i=")) + 3);
	vxt_assert_ok(vx_slice_number(
	    vx_slice_head(wanted, vx_slice_find(wanted, ';')), 50, &instance));
	vx_buf_printf(&want,
	    "ARC-Seal:%s\nARC-Message-Signature:%s\n"
	    "ARC-Authentication-Results:i=%u;",
	    s->seal.ptr, s->signature.ptr, (unsigned)instance);
	squash(vx_buf_slice(&s->results), &want);
	vx_buf_add_char(&want, '\n');
	squash(vx_buf_slice(fields), &got);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)),
	    "%s:\n%s\nis not\n%s", s->name, got.ptr, want.ptr);
	vx_buf_done(&got);
	vx_buf_done(&want);
}

static void check_signing(struct suite *s, const struct vx_private_key *key)
{
	struct vx_arc_sealer_options o = { .struct_size = sizeof(o),
		.domain = VX_S("example.org"),
		.selector = VX_S("dummy"),
		.key = key,
		.names = vx_buf_slice(&s->names),
		.line_octets = 10000 }; /* no blanks within values */
	struct vx_buf fields = { .max = 65536 };
	struct vx_arc_sealer *sealer;
	vx_slice body, header = mail_header(vx_buf_slice(&s->message), &body);
	uint64_t now;
	int rc;

	vxt_assert_ok(vx_slice_number(vx_slice_str(s->argument), NOW, &now));
	o.now_s = (int64_t)now;
	vxt_assert_ok(vx_arc_sealer_new(&o, &sealer));
	rc = vx_arc_sealer_header(sealer, header);
	if (s->seal.len == 0) {
		ck_assert_int_eq(rc, VX_DONE);
	} else {
		vxt_assert_ok(rc);
		vxt_assert_ok(vx_arc_sealer_body(sealer, body));
		vxt_assert_ok(
		    vx_arc_sealer_end(sealer, chain_of(s), vx_buf_slice(&s->results)));
		vxt_assert_ok(vx_arc_sealer_compute(sealer));
		vxt_assert_ok(vx_arc_sealer_write(sealer, &fields));
		check_sealed(s, &fields);
	}
	vx_arc_sealer_free(sealer);
	vx_buf_done(&fields);
}

START_TEST(signing)
{
	struct vx_private_key *const key = mail_key("rfc8463/rsa.private.pem");
	struct suite s;
	unsigned tests = 0;

	suite_open(&s, "mailauth/arc/signing.txt");
	for (; suite_next(&s); tests++)
		check_signing(&s, key);
	ck_assert_uint_eq(tests, 17);
	suite_close(&s);
	vx_private_key_free(key);
}
END_TEST

VXT_SUITE(test_arc_suite, "arc_suite", validation, signing)
