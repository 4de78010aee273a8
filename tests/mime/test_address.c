#include "lib/vxt.h"
#include "vectis/address.h"

/* The list as "name|local|domain", groups as "{name" and "}", joined by ';'. */
static vx_slice shown(vx_slice field)
{
	static struct vx_buf out = { .max = 65536 };
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_address *a;

	vx_buf_reset(&out);
	vxt_assert_ok(vx_address_parse(field, &arena, &a));
	for (; a != NULL; a = a->next) {
		if (out.len > 0)
			vx_buf_add_char(&out, ';');
		vx_buf_add_str(&out, a->kind == VX_ADDRESS_GROUP_BEGIN ? "{"
				     : a->kind == VX_ADDRESS_GROUP_END ? "}"
								       : "");
		vx_buf_add(&out, a->name);
		if (a->kind != VX_ADDRESS_MAILBOX)
			continue;
		vx_buf_add_char(&out, '|');
		vx_buf_add(&out, a->local);
		vx_buf_add_char(&out, '|');
		vx_buf_add(&out, a->domain);
	}
	vx_arena_done(&arena);
	return vx_buf_slice(&out);
}

START_TEST(lists_of_rfc_5322_and_what_mail_has)
{
	static const char *const table[][2] = {
		{ "John Doe <jdoe@machine.example>", "John Doe|jdoe|machine.example" },
		{ "\"Joe Q. Public\" <john.q.public@example.com>",
		    "Joe Q. Public|john.q.public|example.com" },
		{ "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
		    "Mary Smith|mary|x.test;|jdoe|example.org;Who?|one|y.test" },
		{ "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
		    "{A Group;Ed Jones|c|a.test;|joe|where.test;John|jdoe|one.test;}" },
		{ "Undisclosed recipients:;", "{Undisclosed recipients;}" },
		{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
		    "Pete|pete|silly.test" },
		{ "\"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
		    "Giant; \"Big\" Box|sysservices|example.net" },
		{ "Mary <@node.test,@b.test:mary@example.net>, , jdoe@test  . example",
		    "Mary|mary|example.net;|jdoe|test.example" },
		{ "joe@x.test (Joe Doe)", "Joe Doe|joe|x.test" },
		{ "\"a@b\"@c.test", "|a@b|c.test" },
		{ "x@[192.0.2.1]", "|x|[192.0.2.1]" },
		{ "J\xc3\xbcrgen <j\xc3\xbcrgen@m\xc3\xbcller.example>",
		    "J\xc3\xbcrgen|j\xc3\xbcrgen|m\xc3\xbcller.example" },
		{ "", "" },
		{ ",,,", "" },
		{ "local", "|local|" },
		{ "<a@b.test", "|a|b.test" },
		{ "((((((", "" },
		{ ">>>", "" },
		{ "Group: a@b.test", "{Group;|a|b.test;}" },
		/* the examples of RFC 5322 A.1.3, A.5 and A.6 that are not above */
		{ "A Group(Some people)\r\n     :Chris Jones <c@(Chris's "
		  "host.)public.example>,"
		  "\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear "
		  "friend); "
		  "(the end of the group)",
		    "{A Group;Chris "
		    "Jones|c|public.example;|joe|example.org;John|jdoe|one.test;"
		    "}" },
		{ "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
		    "{Hidden recipients;}" },
		{ "Joe Q. Public <john.q.public@example.com>",
		    "Joe Q. Public|john.q.public|example.com" },
		/* obs-local-part and obs-domain: blanks beside dots, words in quotes */
		{ "john . q . public@example . com", "|john.q.public|example.com" },
		{ "\"a\" . b . \"c. d\"@x.test", "|a.b.c. d|x.test" },
		{ "< john . q (c) @ (c) example . com >", "|john.q|example.com" },
		{ "a@[ 192.0.\r\n 2.1 ] , b@[IPv6:2001:db8::1]",
		    "|a|[192.0.2.1];|b|[IPv6:2001:db8::1]" },
		/* what follows an address is not of it */
		{ "a@b.test Joe, c@d.test", "|a|b.test;|c|d.test" },
		{ "<a@b.test> Joe, c@d.test", "|a|b.test;|c|d.test" },
		{ "A <a@b.test> B <c@d.test>", "A|a|b.test;B|c|d.test" },
		/* names that are not phrases */
		{ "a@b.test <a@b.test>", "a@b.test|a|b.test" },
		{ "[x] A, B <b@b.test>", "|x A|;B|b|b.test" },
		{ "[x]: y <b@b.test>", "{[x];y|b|b.test;}" },
		{ "J (c) . Doe<a@b.test>", "J . Doe|a|b.test" },
		{ "\"\" <a@b.test>, \"a\\\"\\\\\"<a@b.test>",
		    "|a|b.test;a\"\\|a|b.test" },
		{ "=?utf-8?q?a=2Cb?= <a@b.test>", "=?utf-8?q?a=2Cb?=|a|b.test" },
		/* names in comments */
		{ "a@b.test (N (nested \\) ) m)", "N (nested ) ) m|a|b.test" },
		{ "a@b.test (A\r\n  B)", "A B|a|b.test" },
		{ "a@b.test ()", "|a|b.test" },
		{ "a(no)@b.test", "|a|b.test" },
		/* routes */
		{ "<@a.test:b@c.test>, <@a.test,@b.test:>", "|b|c.test" },
		{ "<@a.test", "" },
		/* ';' and ':' in places where they separate */
		{ "a@b.test; c@d.test", "|a|b.test;|c|d.test" },
		{ "g: h: a@b.test;, c@d.test;", "{g;|a|b.test;};|c|d.test" },
		{ ":;", "{;}" },
		{ "g:a@b.test,;;;", "{g;|a|b.test;}" },
		/* more than one '@': the last one counts */
		{ "a@b@c.test", "|a@b|c.test" },
		{ "@", "" },
		{ "@a.test", "||a.test" },
		{ "<>, <@>, <a@>", "|a|" },
		{ "<<a@b.test>>", "|a|b.test" },
		/* what is not closed */
		{ "\"A <a@b.test>", "|A <a@b.test>|" },
		{ "a@b.test (c", "c|a|b.test" },
		{ "a@[1.2", "|a|[1.2" },
		{ "A <a@b.test, c@d.test", "A|a|b.test;|c|d.test" },
		{ "a\\", "|a|" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		vxt_assert_str(shown(vx_slice_str(table[i][0])), table[i][1]);
}
END_TEST

START_TEST(splitting_and_normalising)
{
	struct vx_buf out = { .max = 300 };
	vx_slice local, domain;

	vxt_assert_ok(vx_address_split(VX_S("\"a@b\"@c.test"), &local, &domain));
	vxt_assert_str(local, "\"a@b\"");
	vxt_assert_ok(vx_address_split(VX_S("a@b@c.test"), &local, &domain));
	vxt_assert_str(local, "a@b");
	ck_assert_int_eq(vx_address_split(VX_S("\"a@b\""), &local, &domain), VX_EINVAL);
	ck_assert_int_eq(vx_address_split(VX_S("\"a\\\"@b"), &local, &domain), VX_EINVAL);
	ck_assert_int_eq(vx_address_split(VX_S("@c"), &local, &domain), VX_EINVAL);
	ck_assert_int_eq(vx_address_split(VX_S("a@"), &local, &domain), VX_EINVAL);
	ck_assert_int_eq(vx_address_split(VX_S("a"), &local, &domain), VX_EINVAL);
	ck_assert_int_eq(vx_address_split(VX_S(""), &local, &domain), VX_EINVAL);
	vxt_assert_ok(vx_domain_normalise(VX_S("M\xc3\xbcller.Example"), &out));
	vxt_assert_str(vx_buf_slice(&out), "xn--mller-kva.example");
	vx_buf_reset(&out);
	vxt_assert_ok(vx_domain_normalise(VX_S("EXAMPLE.Test"), &out));
	vxt_assert_str(vx_buf_slice(&out), "example.test");
	/* U+3002 is a dot, full-width letters are letters, NFD is NFC (UTS 46) */
	vx_buf_reset(&out);
	vxt_assert_ok(
	    vx_domain_normalise(VX_S("u\xcc\x88\xe3\x80\x82\xef\xbd\x81\xc3\x9f"), &out));
	vxt_assert_str(vx_buf_slice(&out), "xn--tda.xn--a-qfa");
	ck_assert_int_eq(vx_domain_normalise(VX_S("a..b"), &out), VX_EINVAL);
	ck_assert_int_eq(vx_domain_normalise(VX_S("-a.b"), &out), VX_EINVAL);
	ck_assert_int_eq(vx_domain_normalise(VX_S("a b"), &out), VX_EINVAL);
	ck_assert_int_eq(vx_domain_normalise(VX_S("a\0b"), &out), VX_EINVAL);
	ck_assert_int_eq(vx_domain_normalise(VX_S("\xff.test"), &out), VX_EINVAL);
	ck_assert_int_eq(vx_domain_normalise(VX_S("a.test."), &out), VX_EINVAL);
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_address, "address", lists_of_rfc_5322_and_what_mail_has,
    splitting_and_normalising)
