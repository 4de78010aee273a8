/* Dot-stuffing and the scan against slow and obvious ones, and against our own server. */
#include "lib/vxt.h"
#include "smtp/data.h"
#include "smtp/stuff.h"
#include "vectis/smtp_client.h"

static const char alphabet[] = { '\r', '\n', '.', 'a', '\0' };
enum {
	LETTERS = 5,
	LONGEST = 6
};

static bool slow_is_bare(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\n' && (i == 0 || s.ptr[i - 1] != '\r'))
			return true;
		if (s.ptr[i] == '\r' && (i + 1 == s.len || s.ptr[i + 1] != '\n'))
			return true;
	}
	return false;
}

static void slow_stuff(vx_slice s, struct vx_buf *out)
{
	vx_slice line;

	while (s.len > 0) {
		const size_t end = vx_slice_find_slice(s, VX_S("\r\n"));

		line = vx_slice_head(s, end);
		if (vx_slice_has_prefix(line, VX_S(".")))
			vx_buf_add_char(out, '.');
		vx_buf_add(out, line);
		vx_buf_add_str(out, "\r\n");
		s = vx_slice_from(s, end + 2);
	}
	vx_buf_add_str(out, ".\r\n");
}

/* Cut before each octet whose bit is set. */
static int stuff(vx_slice s, unsigned cuts, struct vx_buf *out)
{
	struct vx_smtp_stuff state = { 0 };
	size_t from = 0;

	for (size_t i = 1; i <= s.len; i++) {
		if (i < s.len && (cuts >> (i - 1) & 1) == 0)
			continue;
		if (vx_smtp_stuff_add(&state, vx_slice_of(s.ptr + from, i - from), out) !=
		    VX_OK)
			return VX_EPROTO;
		from = i;
	}
	return vx_smtp_stuff_end(&state, out);
}

/* What was said before it was found is no end, and has no such thing itself. */
static bool is_no_end(vx_slice out)
{
	return vx_slice_find_slice(out, VX_S("\r\n.\r\n")) == out.len &&
	       !vx_slice_has_prefix(out, VX_S(".\r\n")) && !slow_is_bare(out);
}

/* An assertion costs more than what it looks at: there is one where something is wrong.
 */
static void compare(vx_slice s)
{
	static struct vx_buf want = { .max = 64 }, got = { .max = 64 };
	const bool is_bare = slow_is_bare(s);

	vx_buf_reset(&want);
	slow_stuff(s, &want);
	for (unsigned cuts = 0; cuts < (s.len == 0 ? 1u : 1u << (s.len - 1)); cuts++) {
		vx_buf_reset(&got);
		if (stuff(s, cuts, &got) != (is_bare ? VX_EPROTO : VX_OK))
			ck_abort_msg("of %zu octets, cut at %x", s.len, cuts);
		if (is_bare && !is_no_end(vx_buf_slice(&got)))
			ck_abort_msg("an end in %zu octets, cut at %x", s.len, cuts);
		if (!is_bare && !vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)))
			vxt_assert_slice(vx_buf_slice(&got), vx_buf_slice(&want));
	}
}

typedef void string_fn(vx_slice s);

static void all_strings(size_t longest, string_fn *fn)
{
	char text[LONGEST];

	for (size_t len = 0, count = 1; len <= longest; len++, count *= LETTERS) {
		for (size_t n = 0; n < count; n++) {
			for (size_t i = 0, k = n; i < len; i++, k /= LETTERS)
				text[i] = alphabet[k % LETTERS];
			fn(vx_slice_of(text, len));
		}
	}
}

START_TEST(all_short_strings)
{
	all_strings(LONGEST, compare);
}
END_TEST

/* --- the server core reads it back -------------------------------------------------- */

static void answer(struct vx_smtp_server *s, const struct vx_smtp_event *ev,
    struct vx_buf *out, struct vx_buf *content)
{
	switch (ev->type) {
	case VX_SMTP_CONTENT:
		vx_buf_add(content, ev->octets);
		break;
	case VX_SMTP_DATA:
		vx_smtp_server_answer(s, out, 354, "", "go");
		break;
	case VX_SMTP_MAIL:
	case VX_SMTP_RCPT:
	case VX_SMTP_END:
		vx_smtp_server_answer(s, out, 250, "2.0.0", "ok");
		break;
	case VX_SMTP_STARTTLS:
	case VX_SMTP_KEYS:
	case VX_SMTP_AUTH:
	case VX_SMTP_RESET:
	case VX_SMTP_REFUSED:
		ck_abort();
	}
}

/* A message of which s is the beginning, the end, or both, and NOOP behind it. */
static void read_back(vx_slice s, const char *before)
{
	const struct vx_smtp_server_options o = { .struct_size = sizeof(o),
		.hostname = VX_S("mx.test"),
		.banner = VX_S("x"),
		.message_octets_max = 1000,
		.recipients_max = 3 };
	struct vx_buf message = { .max = 200 }, said = { .max = 400 },
		      out = { .max = 4096 }, got = { .max = 200 };
	struct vx_smtp_stuff state = { 0 };
	struct vx_smtp_server *server;
	struct vx_smtp_event ev;
	vx_slice in;

	vx_buf_add_str(&message, before);
	vx_buf_add(&message, s);
	if (slow_is_bare(vx_buf_slice(&message))) {
		vx_buf_done(&message);
		return;
	}
	vx_buf_add_str(&said, "HELO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT "
			      "TO:<c@d.test>\r\nDATA\r\n");
	vxt_assert_ok(vx_smtp_stuff_add(&state, vx_buf_slice(&message), &said));
	vxt_assert_ok(vx_smtp_stuff_end(&state, &said));
	vx_buf_add_str(&said, "NOOP\r\n");
	vxt_assert_ok(vx_smtp_server_new(&o, &server));
	in = vx_buf_slice(&said);
	while (vx_smtp_server_next(server, &in, &out, &ev) == VX_DATA)
		answer(server, &ev, &out, &got);
	ck_assert(vx_slice_has_suffix(
	    vx_buf_slice(&out), VX_S("354 go\r\n250 2.0.0 ok\r\n250 2.0.0 ok\r\n")));
	if (message.len > 0 && !vx_slice_has_suffix(vx_buf_slice(&message), VX_S("\r\n")))
		vx_buf_add_str(&message, "\r\n");
	vxt_assert_slice(vx_buf_slice(&got), vx_buf_slice(&message));
	vx_smtp_server_free(server);
	vx_buf_done(&message);
	vx_buf_done(&said);
	vx_buf_done(&out);
	vx_buf_done(&got);
}

static void read_back_all(vx_slice s)
{
	read_back(s, "");
	read_back(s, "Subject: x\r\n\r\nx");
}

START_TEST(our_server_reads_it_back)
{
	all_strings(LONGEST - 1, read_back_all);
}
END_TEST

/* --- the scan ----------------------------------------------------------------------- */

static void scan(vx_slice s, unsigned cuts, struct vx_smtp_scan *out)
{
	size_t from = 0;

	*out = (struct vx_smtp_scan){ 0 };
	for (size_t i = 1; i <= s.len; i++) {
		if (i < s.len && (cuts >> (i - 1) & 1) == 0)
			continue;
		vx_smtp_scan_add(out, vx_slice_of(s.ptr + from, i - from));
		from = i;
	}
	vx_smtp_scan_end(out);
}

static void compare_scan(vx_slice s)
{
	const bool is_bare = slow_is_bare(s);

	for (unsigned cuts = 0; cuts < (s.len == 0 ? 1u : 1u << (s.len - 1)); cuts++) {
		struct vx_smtp_scan got;

		scan(s, cuts, &got);
		if (got.octets != s.len || got.has_bare != is_bare || got.has_8bit ||
		    got.has_utf8_header)
			ck_abort_msg("of %zu octets, cut at %x", s.len, cuts);
	}
}

START_TEST(scan_of_all_short_strings)
{
	all_strings(LONGEST, compare_scan);
}
END_TEST

START_TEST(scan_of_headers)
{
	static const struct {
		vx_slice message;
		bool has_8bit, header;
	} cases[] = {
		{ VX_SLICE_INIT("Subject: \xc3\xa4\r\n\r\nx"), true, true },
		{ VX_SLICE_INIT("Subject: a\r\n\r\n\xc3\xa4"), true, false },
		{ VX_SLICE_INIT("Subject: a\r\n \r\n\xc3\xa4"), true, true },
		{ VX_SLICE_INIT("Subject: a\n\n\xc3\xa4"), true, false },
		{ VX_SLICE_INIT("\r\n\xc3\xa4"), true, false },
		{ VX_SLICE_INIT("\r\r\n\xc3\xa4"), true, false },
		{ VX_SLICE_INIT("\x7f"), false, false },
		{ VX_SLICE_INIT("\x80"), true, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned cuts = 0; cuts < 2; cuts++) {
			struct vx_smtp_scan got;

			scan(cases[i].message, cuts == 0 ? 0 : UINT32_MAX, &got);
			ck_assert_int_eq(got.has_8bit, cases[i].has_8bit);
			ck_assert_int_eq(got.has_utf8_header, cases[i].header);
		}
	}
}
END_TEST

VXT_SUITE(test_stuff, "stuff", all_short_strings, our_server_reads_it_back,
    scan_of_all_short_strings, scan_of_headers)
