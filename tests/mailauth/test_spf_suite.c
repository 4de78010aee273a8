/* The openspf.org suite; its format is told in tests/data/spf/rfc7208.txt. */
#include "spf_check.h"

#include "base/encode.h"

static struct vxt_zone zone;

struct test {
	vx_slice name, client, helo, from, results, explanation;
	bool has_explanation;
};

static void unescape(vx_slice text, struct vx_buf *out)
{
	while (text.len > 0) {
		if (vx_slice_has_prefix(text, VX_S("\\x"))) {
			vxt_assert_ok(
			    vx_hex_decode(vx_slice_head(vx_slice_from(text, 2), 2), out));
			text = vx_slice_from(text, 4);
		} else {
			vx_buf_add_char(out, text.ptr[0]);
			text = vx_slice_from(text, 1);
		}
	}
	vx_buf_add_char(out, '\0');
	out->len--;
	ck_assert(!out->failed);
}

static void add_txt(const char *name, vx_slice rest)
{
	struct vx_buf buffers[4] = { { .max = 300 }, { .max = 300 }, { .max = 300 },
		{ .max = 300 } };
	vx_slice strings[4], string;
	size_t n = 0;

	while (vx_slice_cut(&rest, '"', &string) && rest.len > 0) {
		(void)vx_slice_cut(&rest, '"', &string);
		ck_assert_uint_lt(n, 4);
		unescape(string, &buffers[n]);
		strings[n] = vx_buf_slice(&buffers[n]);
		n++;
	}
	vxt_zone_add_txt(&zone, name, strings, n);
	for (size_t i = 0; i < 4; i++)
		vx_buf_done(&buffers[i]);
}

static void add_record(vx_slice type, vx_slice rest)
{
	static const struct {
		vx_slice name;
		enum vx_dns_type type;
	} types[] = { { VX_SLICE_INIT("A"), VX_DNS_A },
		{ VX_SLICE_INIT("AAAA"), VX_DNS_AAAA },
		{ VX_SLICE_INIT("MX"), VX_DNS_MX }, { VX_SLICE_INIT("PTR"), VX_DNS_PTR },
		{ VX_SLICE_INIT("CNAME"), VX_DNS_CNAME } };
	struct vx_buf name = { .max = 1000 }, data = { .max = 1000 };
	vx_slice word;

	(void)vx_slice_cut(&rest, ' ', &word);
	unescape(word, &name);
	unescape(rest, &data);
	if (vx_slice_eq(type, VX_S("FAIL"))) {
		vxt_zone_fail(&zone, name.ptr, VX_DNS_FAILED);
	} else if (vx_slice_eq(type, VX_S("TXT"))) {
		add_txt(name.ptr, rest);
	} else {
		size_t i = 0;

		while (i < 5 && !vx_slice_eq(type, types[i].name))
			i++;
		ck_assert_msg(i < 5, "%.*s", (int)type.len, type.ptr);
		vxt_zone_add(&zone, name.ptr, types[i].type, data.ptr);
	}
	vx_buf_done(&name);
	vx_buf_done(&data);
}

static bool is_one_of(vx_slice words, const char *word)
{
	vx_slice w;

	while (words.len > 0) {
		(void)vx_slice_cut(&words, ' ', &w);
		if (vx_slice_eq(w, vx_slice_str(word)))
			return true;
	}
	return false;
}

static void run(const struct test *t)
{
	struct vx_buf client = { .max = 100 }, helo = { .max = 300 },
		      from = { .max = 1000 }, explanation = { .max = 1000 };
	const struct vx_spf_result *r;
	struct vx_spf_options o = { .struct_size = sizeof(o),
		.identity = VX_SPF_MAILFROM };
	struct vx_spf *s;

	unescape(t->client, &client);
	unescape(t->helo, &helo);
	unescape(t->from, &from);
	unescape(t->explanation, &explanation);
	o.client = client.ptr;
	o.helo = vx_buf_slice(&helo);
	o.mail_from = vx_buf_slice(&from);
	s = spf_check_with(&zone, &o);
	r = vx_spf_result(s);
	ck_assert_msg(is_one_of(t->results, vx_verdict_name(r->verdict)),
	    "%.*s: %s (%s), not %.*s", (int)t->name.len, t->name.ptr,
	    vx_verdict_name(r->verdict), r->reason, (int)t->results.len, t->results.ptr);
	if (vx_slice_eq(t->explanation, VX_S("DEFAULT")))
		vx_buf_reset(&explanation);
	if (t->has_explanation)
		ck_assert_msg(vx_slice_eq_nocase(vx_slice_str(r->explanation),
				  vx_buf_slice(&explanation)),
		    "%.*s: explanation \"%s\"", (int)t->name.len, t->name.ptr,
		    r->explanation);
	vx_spf_free(s);
	vx_buf_done(&client);
	vx_buf_done(&helo);
	vx_buf_done(&from);
	vx_buf_done(&explanation);
}

START_TEST(the_suite_passes)
{
	struct vx_buf file = vxt_read("spf/rfc7208.txt");
	struct test t = { 0 };
	vx_slice rest = vx_buf_slice(&file), line, word;
	unsigned scenarios = 0, tests = 0;

	vxt_zone_init(&zone);
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		(void)vx_slice_cut(&line, ' ', &word);
		if (vx_slice_eq(word, VX_S("scenario")) ||
		    vx_slice_eq(word, VX_S("test"))) {
			if (t.name.len > 0)
				run(&t);
			t = (struct test){ 0 };
		}
		if (vx_slice_eq(word, VX_S("scenario"))) {
			vxt_zone_done(&zone);
			scenarios++;
		} else if (vx_slice_eq(word, VX_S("test"))) {
			t.name = line;
			tests++;
		} else if (vx_slice_eq(word, VX_S("client"))) {
			t.client = line;
		} else if (vx_slice_eq(word, VX_S("helo"))) {
			t.helo = line;
		} else if (vx_slice_eq(word, VX_S("from"))) {
			t.from = line;
		} else if (vx_slice_eq(word, VX_S("result"))) {
			t.results = line;
		} else if (vx_slice_eq(word, VX_S("explanation"))) {
			t.explanation = line;
			t.has_explanation = true;
		} else {
			add_record(word, line);
		}
	}
	run(&t);
	ck_assert_uint_eq(scenarios, 16);
	ck_assert_uint_eq(tests, 203);
	vxt_zone_done(&zone);
	vx_buf_done(&file);
}
END_TEST

VXT_SUITE(test_spf_suite, "spf suite", the_suite_passes)
