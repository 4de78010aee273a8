#include "spf_check.h"

#include <stdio.h>

static struct vxt_zone zone;

static struct vx_buf field(const struct vx_spf_options *o)
{
	struct vx_buf out = { .max = 10000 };
	struct vx_spf *const s = spf_check_with(&zone, o);

	vx_spf_write(s, &out);
	ck_assert(!out.failed);
	vx_spf_free(s);
	return out;
}

START_TEST(the_field_has_what_was_checked)
{
	static const struct {
		const char *client, *from, *field;
	} cases[] = {
		{ "192.0.2.1", "joe@a.test",
		    "Received-SPF: pass\r\n"
		    "\t(mx.vectis.test: 192.0.2.1 may send for\r\n"
		    "\tjoe@a.test)\r\n"
		    "\treceiver=mx.vectis.test;\r\n"
		    "\tidentity=mailfrom;\r\n"
		    "\tclient-ip=192.0.2.1;\r\n"
		    "\thelo=mail.example.net;\r\n"
		    "\tenvelope-from=\"joe@a.test\";\r\n"
		    "\tmechanism=\"ip4:192.0.2.1\"\r\n" },
		{ "2001:db8::1", "",
		    "Received-SPF: softfail\r\n"
		    "\t(mx.vectis.test: 2001:db8::1 probably may not send for\r\n"
		    "\tmail.example.net)\r\n"
		    "\treceiver=mx.vectis.test;\r\n"
		    "\tidentity=helo;\r\n"
		    "\tclient-ip=\"2001:db8::1\";\r\n"
		    "\thelo=mail.example.net;\r\n"
		    "\tmechanism=~all\r\n" },
		{ "192.0.2.2", "\"j \\\"(o)e\"@A.test",
		    "Received-SPF: fail\r\n"
		    "\t(mx.vectis.test: 192.0.2.2 may not send for\r\n"
		    "\t\"j \\\\\"\\(o\\)e\"@a.test)\r\n"
		    "\treceiver=mx.vectis.test;\r\n"
		    "\tidentity=mailfrom;\r\n"
		    "\tclient-ip=192.0.2.2;\r\n"
		    "\thelo=mail.example.net;\r\n"
		    "\tenvelope-from=\"\\\"j \\\\\\\"(o)e\\\"@a.test\";\r\n"
		    "\tmechanism=-all\r\n" },
		{ "192.0.2.1", "joe@n.test",
		    "Received-SPF: neutral\r\n"
		    "\t(mx.vectis.test: 192.0.2.1 is neither named nor excluded by\r\n"
		    "\tjoe@n.test)\r\n"
		    "\treceiver=mx.vectis.test;\r\n"
		    "\tidentity=mailfrom;\r\n"
		    "\tclient-ip=192.0.2.1;\r\n"
		    "\thelo=mail.example.net;\r\n"
		    "\tenvelope-from=\"joe@n.test\";\r\n"
		    "\tmechanism=default\r\n" },
		{ "192.0.2.1", "joe@b.test",
		    "Received-SPF: permerror\r\n"
		    "\t(mx.vectis.test: b.test: \"moo\\(\": there is no such "
		    "mechanism)\r\n"
		    "\treceiver=mx.vectis.test;\r\n"
		    "\tidentity=mailfrom;\r\n"
		    "\tclient-ip=192.0.2.1;\r\n"
		    "\thelo=mail.example.net;\r\n"
		    "\tenvelope-from=\"joe@b.test\";\r\n"
		    "\tproblem=\"b.test: \\\"moo(\\\": there is no such "
		    "mechanism\"\r\n" },
		{ "192.0.2.1", "joe@t.test",
		    "Received-SPF: temperror\r\n"
		    "\t(mx.vectis.test: TXT t.test: the DNS gives no answer)\r\n"
		    "\treceiver=mx.vectis.test;\r\n"
		    "\tidentity=mailfrom;\r\n"
		    "\tclient-ip=192.0.2.1;\r\n"
		    "\thelo=mail.example.net;\r\n"
		    "\tenvelope-from=\"joe@t.test\";\r\n"
		    "\tproblem=\"TXT t.test: the DNS gives no answer\"\r\n" },
		{ "192.0.2.1", "\xc3\xb6@x",
		    "Received-SPF: none\r\n"
		    "\t(mx.vectis.test: MAIL FROM has no domain name that could be "
		    "checked)\r\n"
		    "\treceiver=mx.vectis.test;\r\n"
		    "\tidentity=mailfrom;\r\n"
		    "\tclient-ip=192.0.2.1;\r\n"
		    "\thelo=mail.example.net;\r\n"
		    "\tenvelope-from=\"?\?@x\"\r\n" },
	};

	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "a.test", VX_DNS_TXT, "v=spf1 ip4:192.0.2.1 -all");
	vxt_zone_add(&zone, "n.test", VX_DNS_TXT, "v=spf1");
	vxt_zone_add(&zone, "b.test", VX_DNS_TXT, "v=spf1 moo(");
	vxt_zone_add(&zone, "mail.example.net", VX_DNS_TXT, "v=spf1 ~all");
	vxt_zone_fail(&zone, "t.test", VX_DNS_FAILED);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vx_spf_options o =
		    spf_options(cases[i].client, cases[i].from);
		struct vx_buf out = field(&o);

		vxt_assert_str(vx_buf_slice(&out), cases[i].field);
		vx_buf_done(&out);
	}
	vxt_zone_done(&zone);
}
END_TEST

/* Lines that are complete, folded, short enough, printable; strings that are closed. */
static void check_shape(vx_slice out)
{
	vx_slice line;
	bool quoted = false;
	int depth = 0;

	ck_assert(vx_slice_has_suffix(out, VX_S("\r\n")));
	for (bool first = true; out.len > 0; first = false) {
		(void)vx_slice_cut(&out, '\n', &line);
		ck_assert_uint_le(line.len, 999);
		ck_assert_int_eq(line.ptr[line.len - 1], '\r');
		ck_assert_int_eq(line.ptr[0], first ? 'R' : '\t');
		for (size_t i = 1; i + 1 < line.len; i++) {
			const char c = line.ptr[i];

			ck_assert(c >= ' ' && c <= '~');
			if (c == '\\')
				i++;
			else if (c == '"' && depth == 0)
				quoted = !quoted;
			else if (!quoted)
				depth += (c == '(') - (c == ')');
		}
		ck_assert(!quoted);
		ck_assert(depth == 0 || depth == 1);
	}
	ck_assert_int_eq(depth, 0);
}

START_TEST(the_field_is_well_formed)
{
	static const char *const hostile[] = { "a\r\nX: y", "\"", "\\", "(", ")", "((((",
		"\\)", "a\"; x=\"y", "\t", "\x7f", "\xff\xfe", "a;b", "a..b", ".", "-",
		"a b" };
	char from[300], helo[300];

	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "a.test", VX_DNS_TXT, "v=spf1 a:%{h}.\"(\\).test ?all");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		for (size_t k = 1; k < 250; k += 40)
			for (int no = 0; no < 4; no++) {
				struct vx_spf_options o = spf_options("192.0.2.1", from);
				struct vx_buf out;
				size_t n = 0;

				while (n < k)
					n += (size_t)snprintf(
					    from + n, sizeof(from) - n, "%s", hostile[i]);
				memcpy(helo, from, sizeof(helo));
				(void)strcpy(from + n, no == 0 ? "@a.test" : "@b\r.test");
				o.mail_from = vx_slice_str(no == 2 ? "" : from);
				o.helo = vx_slice_of(helo, n < 300 ? n : 0);
				o.identity = no == 3 ? VX_SPF_HELO : VX_SPF_MAILFROM;
				out = field(&o);
				check_shape(vx_buf_slice(&out));
				vx_buf_done(&out);
			}
	vxt_zone_done(&zone);
}
END_TEST

/* Values of the longest kind, of octets that need a backslash. */
START_TEST(the_field_has_a_size)
{
	char from[600], record[700] = "v=spf1 exists:";
	struct vx_spf_options o;
	struct vx_buf out;

	vxt_zone_init(&zone);
	memset(from, '"', 256);
	from[256] = '@';
	for (size_t i = 0; i < 253; i++)
		from[257 + i] = i % 60 == 10 ? '.' : 'd';
	from[257 + 253] = '\0';
	memset(record + 14, '"', 500);
	memcpy(record + 514, ".%{d} -all", 11);
	vxt_zone_add(&zone, from + 257, VX_DNS_TXT, record);
	o = spf_options("192.0.2.1", from);
	out = field(&o);
	check_shape(vx_buf_slice(&out));
	vx_buf_done(&out);
	memcpy(record + 514, " -all", 6);
	vxt_zone_done(&zone);
	vxt_zone_init(&zone);
	vxt_zone_add(&zone, from + 257, VX_DNS_TXT, record);
	out = field(&o);
	check_shape(vx_buf_slice(&out));
	vx_buf_done(&out);
	/* an address that is none, as it came */
	memset(from, '\\', 590);
	from[590] = '\0';
	o.mail_from = vx_slice_str(from);
	out = field(&o);
	check_shape(vx_buf_slice(&out));
	vx_buf_done(&out);
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(values_are_quoted_where_they_must_be)
{
	static const struct {
		const char *helo, *pair;
	} cases[] = {
		{ "a.b", "helo=a.b;" },
		{ "a", "helo=a;" },
		{ "a.b.", "helo=\"a.b.\";" },
		{ ".a.b", "helo=\".a.b\";" },
		{ "a..b", "helo=\"a..b\";" },
		{ "[192.0.2.1]", "helo=\"[192.0.2.1]\";" },
		{ "a b\"\\", "helo=\"a b\\\"\\\\\";" },
		{ "a\r\nX:", "helo=\"a??X:\";" },
		{ "", "helo=unknown;" },
	};

	vxt_zone_init(&zone);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
		struct vx_buf out;

		o.helo = vx_slice_str(cases[i].helo);
		out = field(&o);
		ck_assert_msg(vx_slice_find_slice(vx_buf_slice(&out),
				  vx_slice_str(cases[i].pair)) < out.len,
		    "%s", out.ptr);
		vx_buf_done(&out);
	}
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(a_full_buffer_is_told)
{
	const struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
	struct vx_spf *s;

	vxt_zone_init(&zone);
	s = spf_check_with(&zone, &o);
	for (size_t max = 0; max < 150; max++) {
		struct vx_buf out = { .max = max };

		vx_spf_write(s, &out);
		ck_assert(out.failed);
		vx_buf_done(&out);
	}
	vx_spf_free(s);
	vxt_zone_done(&zone);
}
END_TEST

VXT_SUITE(test_spf_field, "spf field", the_field_has_what_was_checked,
    the_field_is_well_formed, the_field_has_a_size, values_are_quoted_where_they_must_be,
    a_full_buffer_is_told)
