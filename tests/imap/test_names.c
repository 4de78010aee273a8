/* Modified UTF-7 both ways; LIST's wildcards against a naive matcher. */
#include "base/encode.h"
#include "imap/parse.h"
#include "lib/vxt.h"

#include <stdlib.h>

static const struct {
	vx_slice wire, utf8;
} good[] = {
	{ VX_SLICE_INIT(""), VX_SLICE_INIT("") },
	{ VX_SLICE_INIT("INBOX"), VX_SLICE_INIT("INBOX") },
	{ VX_SLICE_INIT("a&-b"), VX_SLICE_INIT("a&b") },
	{ VX_SLICE_INIT("&-"), VX_SLICE_INIT("&") },
	{ VX_SLICE_INIT("&-&-"), VX_SLICE_INIT("&&") },
	{ VX_SLICE_INIT("&-&AOQ-&-"), VX_SLICE_INIT("&\xc3\xa4&") },
	{ VX_SLICE_INIT("Entw&APw-rfe"), VX_SLICE_INIT("Entw\xc3\xbcrfe") },
	{ VX_SLICE_INIT("&U,BTFw-/&ZeVnLIqe-"),
	    VX_SLICE_INIT(
		"\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e") },
	{ VX_SLICE_INIT("&2D3eAA-"), VX_SLICE_INIT("\xf0\x9f\x98\x80") },
	{ VX_SLICE_INIT("&2D3eANg93gE-"),
	    VX_SLICE_INIT("\xf0\x9f\x98\x80\xf0\x9f\x98\x81") },
	{ VX_SLICE_INIT("~peter/mail/&U,BTFw-"),
	    VX_SLICE_INIT("~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97") },
	{ VX_SLICE_INIT("-"), VX_SLICE_INIT("-") },
	{ VX_SLICE_INIT("&AOQ--"), VX_SLICE_INIT("\xc3\xa4-") },
};

static const vx_slice bad[] = {
	VX_SLICE_INIT("&"),
	VX_SLICE_INIT("a&"),
	VX_SLICE_INIT("&AOQ"),
	VX_SLICE_INIT("&AO-"), /* no whole unit */
	VX_SLICE_INIT("&A-"),
	VX_SLICE_INIT("&AOR-"),      /* bits at the end that are not zero */
	VX_SLICE_INIT("&AOQA-"),     /* more of them than needed */
	VX_SLICE_INIT("&AGE-"),      /* "a" stands for itself */
	VX_SLICE_INIT("&ACY-"),      /* and "&" is "&-" */
	VX_SLICE_INIT("&AOQ-&AOQ-"), /* one shift would do */
	VX_SLICE_INIT("&AO/-"),
	VX_SLICE_INIT("&AOQ=-"),
	VX_SLICE_INIT("&2D0-"), /* half a pair */
	VX_SLICE_INIT("&3gA-"),
	VX_SLICE_INIT("&2D0AYQ-"),
	VX_SLICE_INIT("\xc3\xa4"),
	VX_SLICE_INIT("a\tb"),
	VX_SLICE_INIT("a\0b"),
	VX_SLICE_INIT("a\x7f"),
};

START_TEST(utf7)
{
	struct vx_buf out = { .max = 1000 };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		vx_buf_reset(&out);
		ck_assert_msg(vx_imap_utf7_decode(good[i].wire, &out) == VX_OK, "%s",
		    good[i].wire.ptr);
		vxt_assert_slice(vx_buf_slice(&out), good[i].utf8);
		vx_buf_reset(&out);
		vx_imap_utf7_encode(good[i].utf8, &out);
		vxt_assert_slice(vx_buf_slice(&out), good[i].wire);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vx_buf_reset(&out);
		vx_buf_add_str(&out, "kept");
		ck_assert_msg(
		    vx_imap_utf7_decode(bad[i], &out) == VX_EINVAL, "%s", bad[i].ptr);
		vxt_assert_str(vx_buf_slice(&out), "kept");
	}
	vx_buf_done(&out);
	out = (struct vx_buf){ .max = 3 };
	ck_assert_int_eq(vx_imap_utf7_decode(VX_S("four"), &out), VX_ELIMIT);
	vx_buf_done(&out);
}
END_TEST

/* Random names there and back; what is not canonical is not taken. */
START_TEST(utf7_random)
{
	static const char alphabet[] = "&-AOQa+,/";
	static const uint32_t points[] = { 'a', '&', '-', '/', 0xe4, 0x7f, 0x20ac, 0xffff,
		0x10000, 0x10ffff };
	struct vx_buf name = { .max = 1000 }, wire = { .max = 1000 },
		      back = { .max = 1000 };
	unsigned seed = 7;

	for (unsigned n = 0; n < 20000; n++) {
		vx_buf_reset(&name);
		vx_buf_reset(&wire);
		vx_buf_reset(&back);
		for (int i = rand_r(&seed) % 12; i > 0; i--)
			vx_utf8_add(&name, points[(size_t)rand_r(&seed) %
						  (sizeof(points) / sizeof(points[0]))]);
		vx_imap_utf7_encode(vx_buf_slice(&name), &wire);
		vxt_assert_ok(vx_imap_utf7_decode(vx_buf_slice(&wire), &back));
		vxt_assert_slice(vx_buf_slice(&back), vx_buf_slice(&name));
	}
	for (unsigned n = 0, taken = 0; n < 200000 || taken < 100; n++) {
		vx_buf_reset(&name);
		vx_buf_reset(&wire);
		vx_buf_reset(&back);
		for (int i = rand_r(&seed) % 12; i > 0; i--)
			vx_buf_add_char(&wire,
			    alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)]);
		if (vx_imap_utf7_decode(vx_buf_slice(&wire), &name) != VX_OK)
			continue;
		vx_imap_utf7_encode(vx_buf_slice(&name), &back);
		vxt_assert_slice(vx_buf_slice(&back), vx_buf_slice(&wire));
		taken++;
	}
	vx_buf_done(&name);
	vx_buf_done(&wire);
	vx_buf_done(&back);
}
END_TEST

/* --- patterns ---------------------------------------------------------------------- */

static bool naive(vx_slice p, vx_slice n)
{
	if (p.len == 0)
		return n.len == 0;
	if (p.ptr[0] != '*' && p.ptr[0] != '%')
		return n.len > 0 && n.ptr[0] == p.ptr[0] &&
		       naive(vx_slice_from(p, 1), vx_slice_from(n, 1));
	if (naive(vx_slice_from(p, 1), n))
		return true;
	return n.len > 0 && (p.ptr[0] == '*' || n.ptr[0] != '/') &&
	       naive(p, vx_slice_from(n, 1));
}

static void random_text(unsigned *seed, const char *alphabet, char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = alphabet[(size_t)rand_r(seed) % strlen(alphabet)];
}

START_TEST(list_match)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} t[] = { { "", "", true }, { "", "a", false }, { "*", "", true },
		{ "%", "", true }, { "*", "a/b/c", true }, { "%", "a", true },
		{ "%", "a/b", false }, { "%/%", "a/b", true }, { "%/%", "a/b/c", false },
		{ "a/%", "a/b", true }, { "a/%", "a", false }, { "a%", "ab", true },
		{ "*b", "a/b", true }, { "%b", "a/b", false }, { "*/%", "a/b/c", true },
		{ "a*%c", "abcd/c", true }, { "%a%", "xxa", true },
		{ "%%%%", "abc", true }, { "INBOX", "inbox", false } };
	char p[8], n[10];
	unsigned seed = 3, matches = 0;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ck_assert_msg(vx_imap_list_match(vx_slice_str(t[i].pattern),
				  vx_slice_str(t[i].name)) == t[i].match,
		    "%s %s", t[i].pattern, t[i].name);
	for (unsigned i = 0; i < 500000; i++) {
		const vx_slice ps = vx_slice_of(p, (size_t)rand_r(&seed) % sizeof(p));
		const vx_slice ns = vx_slice_of(n, (size_t)rand_r(&seed) % sizeof(n));
		const bool want = (random_text(&seed, "ab/*%", p, ps.len),
		    random_text(&seed, "ab/", n, ns.len), naive(ps, ns));

		ck_assert_msg(vx_imap_list_match(ps, ns) == want, "%.*s %.*s",
		    (int)ps.len, p, (int)ns.len, n);
		matches += want;
	}
	ck_assert_uint_gt(matches, 10000);
}
END_TEST

/* The worst that a client can ask for is done at once. */
START_TEST(list_match_worst)
{
	char p[400], n[400];

	for (unsigned i = 0; i < sizeof(p); i++) {
		p[i] = "*a%a"[i % 4];
		n[i] = 'a';
	}
	p[399] = 'b';
	for (unsigned i = 0; i < 100; i++)
		ck_assert(!vx_imap_list_match(
		    vx_slice_of(p, sizeof(p)), vx_slice_of(n, sizeof(n))));
}
END_TEST

VXT_SUITE(test_names, "names", utf7, utf7_random, list_match, list_match_worst)
