#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/auth_results.h"

#include <stdlib.h>

static struct vx_arena arena = { .limit = 1 << 20 };

/* In a block that ends where the text ends. */
static vx_slice exact(vx_slice text)
{
	char *const block = malloc(text.len + 1);

	memcpy(block + 1, text.ptr == NULL ? "" : text.ptr, text.len);
	return vx_slice_of(block + 1, text.len);
}

static void release(vx_slice s)
{
	free((char *)(uintptr_t)(s.ptr - 1));
}

static int parse(const char *text, struct vx_auth_results *out)
{
	const vx_slice s = exact(vx_slice_str(text));
	const int rc = vx_auth_results_parse(s, &arena, out);

	release(s);
	return rc;
}

/* "id|method/version=result reason=... ptype.name=value|..." */
static const char *show(const struct vx_auth_results *r)
{
	static struct vx_buf out = { .max = 100000 };

	vx_buf_reset(&out);
	vx_buf_add(&out, r->authserv_id);
	for (size_t i = 0; i < r->count; i++) {
		const struct vx_auth_result *const one = &r->results[i];

		vx_buf_add_char(&out, '|');
		vx_buf_add(&out, one->method);
		if (one->version != 0)
			vx_buf_printf(&out, "/%u", one->version);
		vx_buf_add_char(&out, '=');
		vx_buf_add(&out, one->result);
		if (one->reason.len > 0) {
			vx_buf_add_str(&out, " reason=");
			vx_buf_add(&out, one->reason);
		}
		for (size_t k = 0; k < one->properties_count; k++) {
			vx_buf_add_char(&out, ' ');
			vx_buf_add(&out, one->properties[k].ptype);
			vx_buf_add_char(&out, '.');
			vx_buf_add(&out, one->properties[k].name);
			vx_buf_add_char(&out, '=');
			vx_buf_add(&out, one->properties[k].value);
		}
	}
	vx_buf_add_char(&out, '\0');
	return out.ptr;
}

/* RFC 8601 appendix B, and others. */
START_TEST(fields_are_read)
{
	static const struct {
		const char *value, *shown;
	} cases[] = {
		{ " example.org 1; none", "example.org" },
		{ " example.com;\r\n\t  spf=pass smtp.mailfrom=example.net",
		    "example.com|spf=pass smtp.mailfrom=example.net" },
		{ " example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;"
		  "\r\n spf=pass smtp.mailfrom=example.net",
		    "example.com|auth=pass smtp.auth=sender@example.net|spf=pass "
		    "smtp.mailfrom=example.net" },
		{ " example.com; iprev=pass\r\n policy.iprev=192.0.2.200",
		    "example.com|iprev=pass policy.iprev=192.0.2.200" },
		{ " example.com;\r\n dkim=pass reason=\"good signature\"\r\n"
		  "  header.i=@mail-router.example.net;\r\n dkim=fail reason=\"bad "
		  "signature\"\r\n  header.i=@newyork.example.com",
		    "example.com|dkim=pass reason=good signature "
		    "header.i=@mail-router.example.net|dkim=fail reason=bad signature "
		    "header.i=@newyork.example.com" },
		{ " foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / "
		  "1 "
		  "(One yay) = (wait for it) fail\r\n  policy (A dot can go here) . "
		  "(like that) expired\r\n  (this surprised me) = (as I wasn't expecting "
		  "it) 1362471462",
		    "foo.example.net|dkim/1=fail policy.expired=1362471462" },
		/* quoted strings */
		{ "\"a \\\"b\\\\\" ; spf=pass smtp.mailfrom=\"x y\"@example.com",
		    "a \"b\\|spf=pass smtp.mailfrom=\"x y\"@example.com" },
		{ "a;x=y z.z=\"a;b(c)\\\\\"", "a|x=y z.z=a;b(c)\\" },
		{ "\"\";none", "" },
		{ "m\xc3\xbcller.example; none", "m\xc3\xbcller.example" },
		/* what others write */
		{ "mx.google.com;\r\n dkim=pass header.i=@gmail.com header.s=20230601 "
		  "header.b=\"aB/+1=\";\r\n spf=pass (google.com: domain of a@gmail.com "
		  "designates 2001:db8::1 as permitted sender) smtp.mailfrom=a@gmail.com;"
		  "\r\n dmarc=pass (p=NONE sp=QUARANTINE dis=NONE) header.from=gmail.com",
		    "mx.google.com|dkim=pass header.i=@gmail.com header.s=20230601 "
		    "header.b=aB/+1=|spf=pass smtp.mailfrom=a@gmail.com|dmarc=pass "
		    "header.from=gmail.com" },
		{ "spf.example; spf=pass smtp.mailfrom=;dmarc=pass action=none "
		  "header.from=x.example;compauth=pass reason=100",
		    "spf.example|spf=pass smtp.mailfrom=|dmarc=pass .action=none "
		    "header.from=x.example|compauth=pass reason=100" },
		{ "a; dkim=pass header.b=ab/c+d=;", "a|dkim=pass header.b=ab/c+d=" },
		{ "a;; spf=none;;", "a|spf=none" },
		{ "a; spf=pass smtp.remote-ip=[2001:db8::1]",
		    "a|spf=pass smtp.remote-ip=[2001:db8::1]" },
		{ "a; NONE", "a" },
		{ "a; none; spf=pass", "a|spf=pass" },
		{ "a; none=pass", "a|none=pass" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_auth_results r;
		const int rc = parse(cases[i].value, &r);

		ck_assert_msg(rc == VX_OK, "%s: %d", cases[i].value, rc);
		ck_assert_str_eq(show(&r), cases[i].shown);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(other_fields_are_not_read)
{
	static const struct {
		const char *value;
		int rc;
	} cases[] = {
		{ "", VX_ESYNTAX },
		{ " (example.com", VX_ESYNTAX },
		{ ";", VX_ESYNTAX },
		{ "; none", VX_ESYNTAX },
		{ "a", VX_ESYNTAX },
		{ "a 1", VX_ESYNTAX },
		{ "a b; none", VX_ESYNTAX },
		{ "a 1 2; none", VX_ESYNTAX },
		{ "a/b; none", VX_ESYNTAX },
		{ "a 99999999999999999999; none", VX_ESYNTAX },
		{ "a 2; none", VX_EUNSUP },
		{ "a 10; whatever this is", VX_EUNSUP },
		{ "\"a; none", VX_ESYNTAX },
		{ "\"a\\\"; none", VX_ESYNTAX },
		{ "\"a\"b; none", VX_ESYNTAX },
		{ "a; spf", VX_ESYNTAX },
		{ "a; spf=", VX_ESYNTAX },
		{ "a; spf=pass x", VX_ESYNTAX },
		{ "a; spf=pass x.", VX_ESYNTAX },
		{ "a; spf=pass x.y", VX_ESYNTAX },
		{ "a; spf=pass .y=z", VX_ESYNTAX },
		{ "a; spf=pass x.y=\"z", VX_ESYNTAX },
		{ "a; spf=pass x.y=\"z\\", VX_ESYNTAX },
		{ "a; spf=pass x.y=z\"", VX_ESYNTAX },
		{ "a; spf/=pass", VX_ESYNTAX },
		{ "a; spf/x=pass", VX_ESYNTAX },
		{ "a; =pass", VX_ESYNTAX },
		{ "a; s\xc3\xbc=pass", VX_ESYNTAX },
		{ "a; spf=pass reason", VX_ESYNTAX },
		{ "a; none none", VX_ESYNTAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_auth_results r = { .count = 77 };
		const int rc = parse(cases[i].value, &r);

		ck_assert_msg(rc == cases[i].rc, "%s: %d", cases[i].value, rc);
		ck_assert_uint_eq(r.count, 77);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(the_id_alone)
{
	struct vx_buf out = { .max = 1000 };
	unsigned version = 77;

	vxt_assert_ok(vx_auth_results_id(VX_S(" (x) a.example 2; ?!"), &out, &version));
	vxt_assert_str(vx_buf_slice(&out), "a.example");
	ck_assert_uint_eq(version, 2);
	vxt_assert_ok(vx_auth_results_id(VX_S("\"b c\""), &out, &version));
	vxt_assert_str(vx_buf_slice(&out), "a.exampleb c");
	ck_assert_uint_eq(version, 0);
	version = 77;
	ck_assert_int_eq(
	    vx_auth_results_id(VX_S("a b; none"), &out, &version), VX_ESYNTAX);
	ck_assert_uint_eq(version, 77);
	vxt_assert_str(vx_buf_slice(&out), "a.exampleb c");
	vx_buf_done(&out);
}
END_TEST

static struct vx_auth_property property(
    const char *ptype, const char *name, vx_slice value)
{
	return (struct vx_auth_property){
		.ptype = vx_slice_str(ptype), .name = vx_slice_str(name), .value = value
	};
}

START_TEST(fields_are_written)
{
	const struct vx_auth_property spf =
	    property("smtp", "mailfrom", VX_S("bounces+a=b@news.example.com"));
	const struct vx_auth_property dkim[] = { property(
						     "header", "d", VX_S("example.com")),
		property("header", "s", VX_S("s1")),
		property("header", "i", VX_S("@example.com")),
		property("header", "b", VX_S("aB/+1")) };
	const struct vx_auth_result results[] = {
		{ .method = VX_S("spf"),
		    .result = VX_S("pass"),
		    .properties = &spf,
		    .properties_count = 1 },
		{ .method = VX_S("dkim"),
		    .version = 1,
		    .result = VX_S("fail"),
		    .reason = VX_S("the body \"has\" changed"),
		    .properties = dkim,
		    .properties_count = 4 },
		{ .method = VX_S("arc"), .result = VX_S("none") },
		{ .method = VX_S("dmarc"), .result = VX_S("none"), .reason = VX_S("x") },
	};
	struct vx_auth_results r = {
		.authserv_id = VX_S("mx.example.org"), .results = results, .count = 4
	};
	struct vx_buf out = { .max = 10000 };

	vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), false, &out));
	vxt_assert_str(vx_buf_slice(&out),
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tspf=pass smtp.mailfrom=bounces+a=b@news.example.com;\r\n"
	    "\tdkim/1=fail reason=\"the body \\\"has\\\" changed\" "
	    "header.d=example.com\r\n"
	    "\theader.s=s1 header.i=@example.com header.b=\"aB/+1\";\r\n"
	    "\tarc=none;\r\n"
	    "\tdmarc=none reason=x\r\n");
	vx_buf_reset(&out);
	r.count = 0;
	vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), false, &out));
	vxt_assert_str(
	    vx_buf_slice(&out), "Authentication-Results: mx.example.org; none\r\n");
	vx_buf_reset(&out);
	vxt_assert_ok(vx_auth_results_write(
	    &r, VX_S("ARC-Authentication-Results: i=1;"), false, &out));
	vxt_assert_str(vx_buf_slice(&out),
	    "ARC-Authentication-Results: i=1; mx.example.org; none\r\n");
	vx_buf_done(&out);
}
END_TEST

/* A word is on the line if it ends at VX_AUTH_RESULTS_LINE, and on the next if it does
 * not. */
START_TEST(lines_are_folded)
{
	static char octets[100];
	struct vx_auth_property p[2] = { property("x", "y", VX_S("z")) };
	const struct vx_auth_result result = { .method = VX_S("m"),
		.result = VX_S("pass"),
		.properties = p,
		.properties_count = 2 };
	const struct vx_auth_results r = {
		.authserv_id = VX_S("a"), .results = &result, .count = 1
	};
	const size_t before = strlen("\tm=pass x.y=z x.y=");

	memset(octets, 'o', sizeof(octets));
	for (size_t over = 0; over < 2; over++) {
		struct vx_buf out = { .max = 1000 };

		p[1] = property(
		    "x", "y", vx_slice_of(octets, VX_AUTH_RESULTS_LINE - before + over));
		vxt_assert_ok(vx_auth_results_write(&r, VX_S("X:"), false, &out));
		ck_assert_uint_eq(vx_slice_find_slice(
				      vx_buf_slice(&out), VX_S("=z\r\n\tx.y=")) < out.len,
		    over);
		vx_buf_done(&out);
	}
}
END_TEST

/* How a value of a property, and a reason, stands in a field. */
START_TEST(values_are_made_safe)
{
	static const struct {
		const char *value, *ascii, *utf8; /* utf8 NULL: the same */
	} cases[] = {
		{ "", "\"\"", NULL },
		{ "pass", "pass", NULL },
		{ "a@example.com", "a@example.com", NULL },
		{ "@example.com", "@example.com", NULL },
		{ "\"a b\"@example.com", "\"a b\"@example.com", NULL },
		{ "a b@example.com", "\"a b@example.com\"", NULL },
		{ "a@b@example.com", "\"a@b@example.com\"", NULL },
		{ "a@exa_mple.com", "\"a@exa_mple.com\"", NULL },
		{ "a@[192.0.2.1]", "\"a@[192.0.2.1]\"", NULL },
		{ "@", "\"@\"", NULL },
		{ "a@", "\"a@\"", NULL },
		{ "a;b", "\"a;b\"", NULL },
		{ "a(b", "\"a(b\"", NULL },
		{ "a\"\\", "\"a\\\"\\\\\"", NULL },
		{ "a\r\nSubject: x", "\"a??Subject: x\"", NULL },
		{ "a\tb\x7f", "\"a?b?\"", NULL },
		{ "2001:db8::1", "\"2001:db8::1\"", NULL },
		{ "m\xc3\xbcller.example", "xn--mller-kva.example",
		    "m\xc3\xbcller.example" },
		{ "@m\xc3\xbcller.example", "@xn--mller-kva.example",
		    "@m\xc3\xbcller.example" },
		{ "a@m\xc3\xbcller.example", "a@xn--mller-kva.example",
		    "a@m\xc3\xbcller.example" },
		{ "\xc3\xbc@m\xc3\xbcller.example", "\"?@m?ller.example\"",
		    "\xc3\xbc@m\xc3\xbcller.example" },
		{ "\xc3\xbc x", "\"? x\"", "\"\xc3\xbc x\"" },
		{ "\xff\xc3", "\"??\"", NULL },
		{ "\xc2\x85", "\"?\"", NULL },
		{ "\xef\xbf\xbd", "\"?\"", "\"\xef\xbf\xbd\"" },
	};
	struct vx_buf want = { .max = 1000 }, out = { .max = 1000 };

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const vx_slice value = exact(vx_slice_str(cases[i / 2].value));
		const struct vx_auth_property p = property("x", "y", value);
		const struct vx_auth_result result = { .method = VX_S("m"),
			.result = VX_S("pass"),
			.properties = &p,
			.properties_count = 1 };
		const struct vx_auth_results r = {
			.authserv_id = VX_S("a"), .results = &result, .count = 1
		};
		const bool utf8 = i % 2 == 1 && cases[i / 2].utf8 != NULL;

		vx_buf_reset(&want);
		vx_buf_printf(&want, "Authentication-Results: a;\r\n\tm=pass x.y=%s\r\n",
		    utf8 ? cases[i / 2].utf8 : cases[i / 2].ascii);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), i % 2 == 1, &out));
		vxt_assert_slice(vx_buf_slice(&out), vx_buf_slice(&want));
		release(value);
	}
	vx_buf_done(&want);
	vx_buf_done(&out);
}
END_TEST

START_TEST(ids_are_written_so_that_all_can_read_them)
{
	static const struct {
		const char *id, *want;
	} cases[] = {
		{ "m\xc3\xbcller.example", "xn--mller-kva.example" },
		{ "MX.example", "MX.example" },
		{ "mx example", "\"mx example\"" },
		{ "a/b", "\"a/b\"" },
		{ "x;\r\ny", "\"x;??y\"" },
	};
	struct vx_buf want = { .max = 1000 }, out = { .max = 1000 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vx_auth_results r = { .authserv_id =
						       vx_slice_str(cases[i].id) };

		vx_buf_reset(&want);
		vx_buf_printf(
		    &want, "Authentication-Results: %s; none\r\n", cases[i].want);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), true, &out));
		vxt_assert_slice(vx_buf_slice(&out), vx_buf_slice(&want));
	}
	vx_buf_done(&want);
	vx_buf_done(&out);
}
END_TEST

/* A whole field of the longest values, its memory and its room ending anywhere. */
START_TEST(writing_has_limits)
{
	static char octets[2000];
	struct vx_auth_property properties[VX_AUTH_PROPERTIES_MAX + 1];
	struct vx_auth_result results[VX_AUTH_RESULTS_MAX + 1];
	struct vx_auth_results r = {
		.authserv_id = VX_S("a"), .results = results, .count = VX_AUTH_RESULTS_MAX
	};
	struct vx_buf out = { .max = 4 << 20 };
	vx_slice rest, line;
	size_t most = 0;

	memset(octets, '"', sizeof(octets));
	for (size_t i = 0; i <= VX_AUTH_PROPERTIES_MAX; i++)
		properties[i] = property("x", "y", vx_slice_of(octets, sizeof(octets)));
	for (size_t i = 0; i <= VX_AUTH_RESULTS_MAX; i++)
		results[i] = (struct vx_auth_result){ .method = VX_S("m"),
			.result = VX_S("pass"),
			.reason = vx_slice_of(octets, sizeof(octets)),
			.properties = properties,
			.properties_count = VX_AUTH_PROPERTIES_MAX };
	vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), false, &out));
	for (rest = vx_buf_slice(&out); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		most = line.len > most ? line.len : most;
	}
	ck_assert_uint_gt(most, 2 * VX_AUTH_RESULTS_VALUE_MAX);
	ck_assert_uint_lt(most, 998); /* RFC 5322 2.1.1 */
	vx_buf_reset(&out);
	r.count++;
	ck_assert_int_eq(vx_auth_results_write(&r, VX_S(""), false, &out), VX_EINVAL);
	r.count = 1;
	results[0].properties_count++;
	ck_assert_int_eq(vx_auth_results_write(&r, VX_S(""), false, &out), VX_EINVAL);
	r.count = 0;
	r.authserv_id = vx_slice_of(octets, 0);
	ck_assert_int_eq(vx_auth_results_write(&r, VX_S(""), false, &out), VX_EINVAL);
	r.authserv_id = vx_slice_of(octets, VX_AUTH_RESULTS_ID_MAX + 1);
	ck_assert_int_eq(vx_auth_results_write(&r, VX_S(""), false, &out), VX_EINVAL);
	r.authserv_id = vx_slice_of(octets, VX_AUTH_RESULTS_ID_MAX);
	vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), false, &out));
	vx_buf_done(&out);
}
END_TEST

START_TEST(names_must_be_keywords)
{
	static const char *const bad[] = { "", "-", "a-", "a b", "a.b", "a=b", "a;",
		"\xc3\xbc", "a\r\nb", "a_b" };
	struct vx_auth_property p = property("smtp", "mailfrom", VX_S("x"));
	struct vx_auth_result result = { .method = VX_S("spf"),
		.result = VX_S("pass"),
		.properties = &p,
		.properties_count = 1 };
	const struct vx_auth_results r = {
		.authserv_id = VX_S("a"), .results = &result, .count = 1
	};
	vx_slice *const words[] = { &result.method, &result.result, &p.ptype, &p.name };
	struct vx_buf out = { .max = 1000 };

	for (size_t w = 0; w < 4; w++) {
		const vx_slice before = *words[w];

		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			*words[w] = vx_slice_str(bad[i]);
			ck_assert_int_eq(
			    vx_auth_results_write(&r, VX_S(""), false, &out), VX_EINVAL);
		}
		*words[w] = before;
	}
	ck_assert_uint_eq(out.len, 0);
	vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), false, &out));
	vx_buf_done(&out);
}
END_TEST

START_TEST(no_room_and_no_memory)
{
	const struct vx_auth_property p =
	    property("smtp", "mailfrom", VX_S("m\xc3\xbc.example"));
	const struct vx_auth_result result = { .method = VX_S("spf"),
		.result = VX_S("pass"),
		.reason = VX_S("a b"),
		.properties = &p,
		.properties_count = 1 };
	const struct vx_auth_results r = {
		.authserv_id = VX_S("a"), .results = &result, .count = 1
	};
	struct vx_buf all = { .max = 1000 };
	bool failed = true;

	vxt_assert_ok(vx_auth_results_write(&r, VX_S(""), false, &all));
	for (size_t max = 1; max < all.len; max++) {
		struct vx_buf out = { .max = max };

		vx_buf_add_char(&out, 'x');
		ck_assert_int_eq(
		    vx_auth_results_write(&r, VX_S(""), false, &out), VX_ELIMIT);
		vxt_assert_str(vx_buf_slice(&out), "x");
		vx_buf_done(&out);
	}
	for (size_t n = 1; failed; n++) {
		struct vx_buf out = { .max = 1000 };
		int rc;

		ck_assert_uint_lt(n, 100);
		vx_mem_fail_at(n);
		rc = vx_auth_results_write(&r, VX_S(""), false, &out);
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		if (rc == VX_OK)
			vxt_assert_slice(vx_buf_slice(&out), vx_buf_slice(&all));
		else
			ck_assert(failed && rc == VX_ELIMIT && out.len == 0);
		vx_buf_done(&out);
	}
	vx_buf_done(&all);
}
END_TEST

/* What was written is read as it was. */
START_TEST(written_and_read)
{
	static const char *const fields[] = {
		"a|x=y reason=\"r;\\ z.z=(",
		"example.com|auth=pass smtp.auth=a@b.example|spf/1=fail smtp.mailfrom=@c",
		"a b|dkim=pass reason=a=b header.b=/+= header.x=",
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		static const char *const written[] = {
			"a; x=y reason=\"\\\"r;\\\\\" z.z=\"(\"",
			"example.com; auth=pass smtp.auth=a@b.example; spf/1=fail "
			"smtp.mailfrom=@c",
			"\"a b\"; dkim=pass reason=\"a=b\" header.b=\"/+=\" header.x=\"\""
		};
		struct vx_buf out = { .max = 1000 };
		struct vx_auth_results r, again;

		vxt_assert_ok(parse(written[i], &r));
		ck_assert_str_eq(show(&r), fields[i]);
		vxt_assert_ok(vx_auth_results_write(&r, VX_S("X:"), true, &out));
		vx_buf_truncate(&out, out.len - 2);
		vxt_assert_ok(vx_auth_results_parse(
		    vx_slice_from(vx_buf_slice(&out), 2), &arena, &again));
		ck_assert_str_eq(show(&again), fields[i]);
		vx_buf_done(&out);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(reading_has_limits)
{
	struct vx_buf text = { .max = 1 << 20 };
	struct vx_arena small = { .limit = 100 };
	struct vx_auth_results r;

	for (unsigned over = 0; over < 2; over++) {
		vx_buf_reset(&text);
		vx_buf_add_char(&text, 'a');
		for (unsigned i = 0; i < VX_AUTH_RESULTS_MAX + over; i++)
			vx_buf_add_str(&text, ";x=y");
		vx_buf_add_char(&text, '\0');
		ck_assert_int_eq(parse(text.ptr, &r), over ? VX_ELIMIT : VX_OK);
		vx_buf_reset(&text);
		vx_buf_add_str(&text, "a;x=y");
		for (unsigned i = 0; i < VX_AUTH_PROPERTIES_MAX + over; i++)
			vx_buf_add_str(&text, " p.q=r");
		vx_buf_add_char(&text, '\0');
		ck_assert_int_eq(parse(text.ptr, &r), over ? VX_ELIMIT : VX_OK);
		ck_assert_int_eq(
		    vx_auth_results_parse(vx_slice_str(text.ptr), &small, &r), VX_ELIMIT);
		vx_buf_reset(&text);
		for (unsigned i = 0; i < VX_AUTH_RESULTS_ID_MAX + over; i++)
			vx_buf_add_char(&text, 'a');
		vx_buf_add_str(&text, ";none");
		vx_buf_add_char(&text, '\0');
		ck_assert_int_eq(parse(text.ptr, &r), over ? VX_ESYNTAX : VX_OK);
	}
	vx_buf_done(&text);
	vx_arena_done(&small);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(claims)
{
	static const vx_slice ids[] = { VX_SLICE_INIT("mx.Example.org"),
		VX_SLICE_INIT("m\xc3\xbcller.example"), VX_SLICE_INIT("local id") };
	static const char *const ours[] = { "mx.example.org; none",
		" MX.EXAMPLE.ORG 1;x=y", "\"mx.example.org\"; none",
		"\"m\\x.example.org\";", "mx.example.org",
		"(comment (nested)) mx.example.org(x);", "mx.example.org.;none",
		"m\xc3\xbcller.example; none", "XN--MLLER-KVA.example;none",
		"\"M\xc3\x9cLLER.example\";", "\"LOCAL ID\"; none",
		"\r\n\tmx.example.org;",
		/* nobody can read these, or somebody careless can */
		"mx.example.org/1; none", "mx.example.org spf=pass", "mx.exam(x)ple.org;",
		"mx . example . org;", "\"mx\".\"example\".\"org\";", "\"mx.example.org",
		"mx.\"example.org;", "(x)mx.\\example.org;" };
	static const char *const others[] = { "", ";", "mx.example.com; none",
		"mx.example.org.example.com; none", "x.mx.example.org; none",
		"example.org; none", "(mx.example.org)", "(mx.example.org",
		"a; mx.example.org", "a (mx.example.org); none", "\"\"; none",
		"local; none", "id; none" };
	struct vx_buf longer = { .max = 10000 };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		const vx_slice s = exact(vx_slice_str(ours[i]));

		ck_assert_msg(vx_auth_results_claims(s, ids, 3), "%s", ours[i]);
		ck_assert(!vx_auth_results_claims(s, ids, 0));
		release(s);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const vx_slice s = exact(vx_slice_str(others[i]));

		ck_assert_msg(!vx_auth_results_claims(s, ids, 3), "%s", others[i]);
		release(s);
	}
	for (size_t i = 0; i < 1000; i++)
		vx_buf_add_str(&longer, "mx.example.org");
	ck_assert(!vx_auth_results_claims(vx_buf_slice(&longer), ids, 3));
	vx_buf_done(&longer);
	/* without memory it is the safe side */
	for (size_t n = 1; n < 4; n++) {
		vx_mem_fail_at(n);
		ck_assert(vx_auth_results_claims(VX_S("mx.example.org;"), ids, 1));
		vx_mem_fail_at(0);
	}
}
END_TEST

/* RFC 8601 5 */
START_TEST(forged_fields_are_removed)
{
	static const vx_slice ids[] = { VX_SLICE_INIT("mx.example.org") };
	static const struct {
		const char *in, *out;
		size_t removed;
	} cases[] = {
		{ "", "", 0 },
		{ "\r\n", "\r\n", 0 },
		{ "\n", "\n", 0 },
		{ "A: b\r\n\r\n", "A: b\r\n\r\n", 0 },
		{ "A: b", "A: b", 0 },
		{ "Authentication-Results: mx.example.org; none\r\nA: b\r\n\r\n",
		    "A: b\r\n\r\n", 1 },
		{ "A: b\nauthentication-results :\n\tMX.example.org;\n\tspf=pass\n c\nD: "
		  "e\n",
		    "A: b\nD: e\n", 1 },
		{ "Authentication-Results: other.example; none\r\nA: b\r\n",
		    "Authentication-Results: other.example; none\r\nA: b\r\n", 0 },
		{ "Authentication-Results: other.example 2; none\r\nA: b\r\n", "A: b\r\n",
		    1 },
		{ "Authentication-Results: other.example 1; none\r\n",
		    "Authentication-Results: other.example 1; none\r\n", 0 },
		{ "ARC-Authentication-Results: i=1; mx.example.org; none\r\n",
		    "ARC-Authentication-Results: i=1; mx.example.org; none\r\n", 0 },
		{ "Authentication-Results: mx.example.org\r\n"
		  "no field\r\n"
		  "Authentication-Results: (\r\n mx.example.org)\r\n"
		  "Authentication-Results: mx.\r\n example.org;\r\n"
		  "\r\n",
		    "no field\r\nAuthentication-Results: (\r\n mx.example.org)\r\n\r\n",
		    2 },
		/* the body is nobody's business */
		{ "A: b\n\nAuthentication-Results: mx.example.org; none\n", "A: b\n\n",
		    0 },
	};
	struct vx_buf out = { .max = 1000 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const vx_slice in = exact(vx_slice_str(cases[i].in));
		size_t removed = 77;

		vx_buf_reset(&out);
		vxt_assert_ok(vx_auth_results_filter(in, ids, 1, &out, &removed));
		vxt_assert_str(vx_buf_slice(&out), cases[i].out);
		ck_assert_uint_eq(removed, cases[i].removed);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_auth_results_filter(in, ids, 1, &out, NULL));
		release(in);
	}
	vx_buf_done(&out);
	out = (struct vx_buf){ .max = 5 };
	vx_buf_add_char(&out, 'x');
	ck_assert_int_eq(
	    vx_auth_results_filter(VX_S("A: b\n\n"), ids, 1, &out, NULL), VX_ELIMIT);
	vxt_assert_str(vx_buf_slice(&out), "x");
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_auth_results, "authentication results", fields_are_read,
    other_fields_are_not_read, the_id_alone, fields_are_written, lines_are_folded,
    values_are_made_safe, ids_are_written_so_that_all_can_read_them, writing_has_limits,
    names_must_be_keywords, no_room_and_no_memory, written_and_read, reading_has_limits,
    claims, forged_fields_are_removed)
