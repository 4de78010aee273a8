/* Transfer encodings are written, cut anywhere, and read back. */
#include "base/random.h"
#include "lib/vxt.h"
#include "vectis/header.h"

static const char alphabet[] = { '\r', '\n', ' ', '=', 'a', '\0' };
enum {
	LETTERS = 6,
	LONGEST = 5
};

static void encode(enum vx_encoding kind, vx_slice s, unsigned cuts, struct vx_buf *out)
{
	struct vx_mime_encoder e = { .kind = kind };
	size_t from = 0;

	for (size_t i = 1; i <= s.len; i++) {
		if (i < s.len && (cuts >> ((i - 1) % 32) & 1) == 0)
			continue;
		vx_mime_encode(&e, vx_slice_of(s.ptr + from, i - from), out);
		from = i;
	}
	vx_mime_encode_end(&e, out);
}

/* Lines of at most 76 octets that are ASCII, and have no blank at their end. */
static bool are_lines(vx_slice s)
{
	vx_slice line;

	while (s.len > 0) {
		if (vx_slice_cut(&s, '\n', &line)) {
			if (!vx_slice_has_suffix(line, VX_S("\r")))
				return false;
			line.len--;
		}
		for (size_t i = 0; i < line.len; i++)
			if ((line.ptr[i] < ' ' || line.ptr[i] > '~') &&
			    line.ptr[i] != '\t')
				return false;
		if (line.len > 76 || vx_slice_has_suffix(line, VX_S(" ")) ||
		    vx_slice_has_suffix(line, VX_S("\t")))
			return false;
	}
	return true;
}

/*
 * What s becomes, whole; it is checked, and s in pieces becomes the same.  An assertion
 * costs more than an encoding, so that there is one only where something is wrong.
 */
static void check_whole(enum vx_encoding kind, vx_slice s, struct vx_buf *whole)
{
	static struct vx_buf back = { .max = 1 << 20 };

	vx_buf_reset(whole);
	vx_buf_reset(&back);
	encode(kind, s, 0, whole);
	if (!are_lines(vx_buf_slice(whole)))
		ck_abort_msg("lines: %.*s", (int)whole->len, whole->ptr);
	vx_transfer_decode(
	    kind == VX_ENCODING_QP ? VX_S("quoted-printable") : VX_S("base64"),
	    vx_buf_slice(whole), &back);
	if (!vx_slice_eq(vx_buf_slice(&back), s))
		vxt_assert_slice(vx_buf_slice(&back), s);
}

static void check_cuts(
    enum vx_encoding kind, vx_slice s, unsigned cuts, const struct vx_buf *whole)
{
	static struct vx_buf text = { .max = 1 << 20 };

	vx_buf_reset(&text);
	encode(kind, s, cuts, &text);
	if (!vx_slice_eq(vx_buf_slice(&text), vx_buf_slice(whole)))
		vxt_assert_slice(vx_buf_slice(&text), vx_buf_slice(whole));
}

static void check_back(enum vx_encoding kind, vx_slice s, unsigned cuts)
{
	static struct vx_buf whole = { .max = 1 << 20 };

	check_whole(kind, s, &whole);
	check_cuts(kind, s, cuts, &whole);
}

/* A piece ends before each octet of which a bit is set. */
static void check_all_cuts(enum vx_encoding kind, vx_slice s)
{
	static struct vx_buf whole = { .max = 1 << 20 };

	check_whole(kind, s, &whole);
	for (unsigned cuts = 1; s.len > 1 && cuts < 1u << (s.len - 1); cuts++)
		check_cuts(kind, s, cuts, &whole);
}

/* A line that a soft break begins is none that is a delimiter (RFC 2046 5.1.1). */
START_TEST(no_delimiter_after_a_soft_break)
{
	char text[200];
	struct vx_buf out = { .max = 4096 };

	memset(text, '-', sizeof(text));
	text[0] = 'a';
	encode(VX_ENCODING_QP, vx_slice_of(text, sizeof(text)), 0, &out);
	ck_assert_uint_lt(
	    vx_slice_find_slice(vx_buf_slice(&out), VX_S("=\r\n=2D")), out.len);
	ck_assert_uint_eq(
	    vx_slice_find_slice(vx_buf_slice(&out), VX_S("\r\n-")), out.len);
	vx_buf_done(&out);
	check_back(VX_ENCODING_QP, vx_slice_of(text, sizeof(text)), 0x55555555);
}
END_TEST

START_TEST(all_short_strings)
{
	char text[LONGEST];

	for (size_t len = 0, count = 1; len <= LONGEST; len++, count *= LETTERS) {
		for (size_t n = 0; n < count; n++) {
			for (size_t i = 0, k = n; i < len; i++, k /= LETTERS)
				text[i] = alphabet[k % LETTERS];
			check_all_cuts(VX_ENCODING_QP, vx_slice_of(text, len));
			check_all_cuts(VX_ENCODING_BASE64, vx_slice_of(text, len));
		}
	}
}
END_TEST

START_TEST(long_ones)
{
	char octets[700];

	for (unsigned round = 0; round < 300; round++) {
		vx_random_seed(octets, sizeof(octets));
		for (size_t i = 0; i < sizeof(octets) && round % 2 == 0; i++)
			octets[i] =
			    octets[i] < -60 ? ' ' : (char)('a' + (octets[i] & 15));
		check_back(
		    VX_ENCODING_QP, vx_slice_of(octets, round * 2), round * 2654435761u);
		check_back(VX_ENCODING_BASE64, vx_slice_of(octets, round * 2),
		    round * 2654435761u);
	}
}
END_TEST

START_TEST(known_ones)
{
	static const struct {
		enum vx_encoding kind;
		vx_slice octets;
		const char *text;
	} cases[] = {
		{ VX_ENCODING_NONE, VX_SLICE_INIT("a=\xc3\xa4 "), "a=\xc3\xa4 " },
		{ VX_ENCODING_QP, VX_SLICE_INIT("a=\xc3\xa4 \r\nb\t"),
		    "a=3D=C3=A4=20\r\nb=09" },
		{ VX_ENCODING_QP, VX_SLICE_INIT("a b\r\n\r\n"), "a b\r\n\r\n" },
		{ VX_ENCODING_QP, VX_SLICE_INIT("a\rb\nc\0"), "a=0Db=0Ac=00" },
		{ VX_ENCODING_QP, VX_SLICE_INIT("\r\r\n \r"), "=0D\r\n=20=0D" },
		{ VX_ENCODING_QP,
		    VX_SLICE_INIT(
			"0123456789012345678901234567890123456789012345678901234"
			"56789012345678901234567890"),
		    "01234567890123456789012345678901234567890123456789012345678901234567"
		    "8901234"
		    "=\r\n567890" },
		{ VX_ENCODING_BASE64, VX_SLICE_INIT(""), "" },
		{ VX_ENCODING_BASE64, VX_SLICE_INIT("a"), "YQ==\r\n" },
		{ VX_ENCODING_BASE64,
		    VX_SLICE_INIT(
			"0123456789012345678901234567890123456789012345678901234567"),
		    "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw"
		    "MTIzNDU2"
		    "\r\nNw==\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf out = { .max = 400 };

		encode(cases[i].kind, cases[i].octets, 0, &out);
		vxt_assert_str(vx_buf_slice(&out), cases[i].text);
		vx_buf_done(&out);
	}
}
END_TEST

VXT_SUITE(test_encoder, "encoder", all_short_strings, long_ones, known_ones,
    no_delimiter_after_a_soft_break)
