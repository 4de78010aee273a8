/* Text of mail to UTF-8: charsets, encoded words, transfer encodings, HTML. */
#include "base/cursor.h"
#include "base/encode.h"
#include "base/mem.h"
#include "mime/transfer.h"
#include "vectis/header.h"

#include <errno.h>
#include <iconv.h>
#include <uninorm.h>

/* --- charsets -------------------------------------------------------------------- */

/* What mail calls them, and what iconv knows (or what is a superset of it). */
static const char *const aliases[][2] = { { "us-ascii", "windows-1252" },
	{ "ascii", "windows-1252" }, { "iso-8859-1", "windows-1252" },
	{ "latin1", "windows-1252" }, { "gb2312", "gb18030" }, { "gbk", "gb18030" },
	{ "ks_c_5601-1987", "cp949" }, { "euc-kr", "cp949" }, { "shift_jis", "cp932" },
	{ "iso-8859-8-i", "iso-8859-8" }, { "iso-8859-8-e", "iso-8859-8" },
	{ "unicode-1-1-utf-7", "utf-7" }, { "x-unknown", "windows-1252" },
	{ "unknown-8bit", "windows-1252" }, { "big5", "big5-hkscs" } };

static void add_repaired(vx_slice text, struct vx_buf *out)
{
	while (text.len > 0) {
		size_t n = vx_ascii_run(text);

		if (n > 0)
			vx_buf_add(out, vx_slice_head(text, n));
		else
			vx_utf8_add(out, vx_utf8_next(text, &n));
		text = vx_slice_from(text, n);
	}
}

static bool one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool charset_name(vx_slice charset, char name[64])
{
	charset = vx_slice_trim(charset, " \t\"'");
	if (charset.len == 0 || charset.len > 40)
		return false;
	for (size_t i = 0; i < charset.len; i++) {
		if (!vx_is(charset.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    !one_of(charset.ptr[i], "-_.:()+"))
			return false;
		name[i] = vx_lower(charset.ptr[i]);
	}
	name[charset.len] = '\0';
	if (name[0] == 'c' && name[1] == 'p' && name[2] == '-') /* cp-850 */
		memmove(name + 2, name + 3, charset.len - 2);
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(name, aliases[i][0]) == 0)
			memcpy(name, aliases[i][1], strlen(aliases[i][1]) + 1);
	return true;
}

static void convert(iconv_t cd, vx_slice text, struct vx_buf *out)
{
	/* iconv only reads through the pointer it wants writable */
	char *in = (char *)(uintptr_t)text.ptr;
	size_t left = text.len;

	for (bool more = true; more;) {
		char chunk[4096], *to = chunk;
		size_t room = sizeof(chunk);
		size_t rc;

		/* at the end, what it has kept back to see what follows */
		more = left > 0;
		rc = more ? iconv(cd, &in, &left, &to, &room)
			  : iconv(cd, NULL, NULL, &to, &room);

		vx_buf_add(out, vx_slice_of(chunk, sizeof(chunk) - room));
		if (more && rc == (size_t)-1 && errno != E2BIG) {
			vx_utf8_add(out, 0xfffd);
			in++;
			left--;
		}
		if (out->failed)
			return;
	}
}

/* iconv lets through what is beyond Unicode, as UTF-8 of five octets and more. */
static void repair(struct vx_buf *out, size_t from)
{
	struct vx_buf raw = { .max = out->max };
	const vx_slice tail = vx_slice_from(vx_buf_slice(out), from);

	if (vx_utf8_valid(tail))
		return;
	vx_buf_add(&raw, tail);
	vx_buf_truncate(out, from);
	add_repaired(vx_buf_slice(&raw), out);
	out->failed = out->failed || raw.failed;
	vx_buf_done(&raw);
}

/* RFC 2781 4.3: without a mark, big-endian. */
static void byte_order(char name[64], vx_slice text)
{
	if (strcmp(name, "utf-16") == 0 && !vx_slice_has_prefix(text, VX_S("\xfe\xff")) &&
	    !vx_slice_has_prefix(text, VX_S("\xff\xfe")))
		memcpy(name, "utf-16be", sizeof("utf-16be"));
}

bool vx_charset_decode(vx_slice charset, vx_slice text, struct vx_buf *out)
{
	const size_t before = out->len;
	char name[64];
	iconv_t cd;

	if (!charset_name(charset, name)) {
		add_repaired(text, out);
		return false;
	}
	if (strcmp(name, "utf-8") == 0 || strcmp(name, "utf8") == 0 ||
	    (vx_is_ascii(text) && strcmp(name, "windows-1252") == 0)) {
		add_repaired(text, out);
		return true;
	}
	byte_order(name, text);
	cd = iconv_open("UTF-8", name);
	if (cd == (iconv_t)-1) {
		add_repaired(text, out);
		return false;
	}
	convert(cd, text, out);
	(void)iconv_close(cd);
	repair(out, before);
	return true;
}

/* --- encoded words (RFC 2047) ---------------------------------------------------- */

struct word {
	vx_slice charset, text;
	char encoding;
	size_t len; /* of the whole */
};

/*
 * "=?charset*language?B?text?=" at the beginning of s.  RFC 2047 2 allows 75 octets and
 * no blanks; mail has more, but no line end.
 */
static bool word_parse(vx_slice s, struct word *out)
{
	vx_slice rest = vx_slice_from(vx_slice_head(s, VX_ENCODED_WORD_MAX), 2), part;
	size_t end;

	if (!vx_slice_has_prefix(s, VX_S("=?")) || !vx_slice_cut(&rest, '?', &part))
		return false;
	if (part.len == 0 || part.len > 60)
		return false;
	if (rest.len < 4 || rest.ptr[1] != '?' || !one_of(rest.ptr[0], "bBqQ"))
		return false;
	out->charset = vx_slice_head(part, vx_slice_find(part, '*'));
	out->encoding = vx_lower(rest.ptr[0]);
	rest = vx_slice_from(rest, 2);
	end = vx_slice_find_slice(rest, VX_S("?="));
	if (end == rest.len)
		return false;
	out->text = vx_slice_head(rest, end);
	out->len = (size_t)(rest.ptr + end + 2 - s.ptr);
	return vx_slice_find(out->text, '\n') == end;
}

/* What vx_text_decode is at. */
struct decoder {
	struct vx_buf *out;
	struct vx_buf
	    raw; /* octets of adjacent words of one charset: it may cut characters */
	struct vx_buf plain; /* octets that are in no word */
	vx_slice charset;
};

static void flush(struct decoder *d)
{
	add_repaired(vx_buf_slice(&d->plain), d->out);
	if (d->raw.len > 0)
		(void)vx_charset_decode(d->charset, vx_buf_slice(&d->raw), d->out);
	vx_buf_reset(&d->plain);
	vx_buf_reset(&d->raw);
}

static void take_word(struct decoder *d, const struct word *w)
{
	if (d->plain.len > 0 || !vx_slice_eq_nocase(d->charset, w->charset))
		flush(d);
	d->charset = w->charset;
	if (w->encoding == 'b')
		vx_transfer_run(VX_TRANSFER_BASE64, w->text, &d->raw);
	else
		vx_transfer_run(VX_TRANSFER_Q, w->text, &d->raw);
}

void vx_text_decode(vx_slice value, struct vx_buf *out)
{
	struct decoder d = {
		.out = out, .raw = { .max = 1 << 20 }, .plain = { .max = 1 << 20 }
	};
	bool after_word = false;

	while (value.len > 0 && !out->failed) {
		struct word w;
		size_t n = 0;

		/* blanks between words are not text (RFC 2047 6.2) */
		while (after_word && n < value.len && one_of(value.ptr[n], " \t\r\n"))
			n++;
		after_word = n < value.len && value.ptr[n] == '=' &&
			     word_parse(vx_slice_from(value, n), &w);
		if (after_word) {
			take_word(&d, &w);
			value = vx_slice_from(value, n + w.len);
			continue;
		}
		if (d.raw.len > 0)
			flush(&d);
		if (value.ptr[0] != '\r' && value.ptr[0] != '\n')
			vx_buf_add_char(&d.plain, value.ptr[0]);
		value = vx_slice_from(value, 1);
	}
	flush(&d);
	vx_buf_done(&d.raw);
	vx_buf_done(&d.plain);
}

/* --- HTML, passwords --------------------------------------------------------------- */

static size_t entity(vx_slice s, struct vx_buf *out)
{
	static const struct {
		const char *name;
		uint32_t code;
	} names[] = { { "amp;", '&' }, { "lt;", '<' }, { "gt;", '>' }, { "quot;", '"' },
		{ "apos;", '\'' }, { "nbsp;", ' ' }, { "auml;", 0xe4 }, { "ouml;", 0xf6 },
		{ "uuml;", 0xfc }, { "Auml;", 0xc4 }, { "Ouml;", 0xd6 },
		{ "Uuml;", 0xdc }, { "szlig;", 0xdf }, { "eacute;", 0xe9 },
		{ "egrave;", 0xe8 }, { "euro;", 0x20ac }, { "copy;", 0xa9 },
		{ "ndash;", 0x2013 }, { "mdash;", 0x2014 }, { "hellip;", 0x2026 },
		{ "zwnj;", 0x200c } };
	const vx_slice rest = vx_slice_from(s, 1);
	uint32_t code = 0;
	size_t i = 1;

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		if (vx_slice_has_prefix(rest, vx_slice_str(names[n].name))) {
			vx_utf8_add(out, names[n].code);
			return 1 + strlen(names[n].name);
		}
	}
	if (rest.len < 2 || rest.ptr[0] != '#')
		goto plain;
	if (vx_lower(rest.ptr[1]) == 'x')
		for (i = 2; i < rest.len && i < 9 && vx_hex_value(rest.ptr[i]) >= 0; i++)
			code = code << 4 | (uint32_t)vx_hex_value(rest.ptr[i]);
	else
		for (; i < rest.len && i < 9 && vx_is(rest.ptr[i], VX_C_DIGIT); i++)
			code = code * 10 + (uint32_t)(rest.ptr[i] - '0');
	if (code == 0)
		goto plain;
	vx_utf8_add(out, code);
	return 1 + i + (i < rest.len && rest.ptr[i] == ';');
plain:
	vx_buf_add_char(out, '&');
	return 1;
}

/* How long the markup at the beginning of s is: a comment, a script, or one tag. */
static size_t markup(vx_slice s)
{
	static const char *const silent[][2] = { { "<!--", "-->" },
		{ "<style", "</style" }, { "<script", "</script" },
		{ "<head>", "</head" } };
	size_t at = 0;

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		const vx_slice end = vx_slice_str(silent[i][1]);

		if (!vx_slice_has_prefix_nocase(s, vx_slice_str(silent[i][0])))
			continue;
		for (at = 1; at < s.len &&
			     !vx_slice_has_prefix_nocase(vx_slice_from(s, at), end);)
			at++;
		break;
	}
	at += vx_slice_find(vx_slice_from(s, at), '>') + 1;
	return at < s.len ? at : s.len;
}

/* Does the markup stand inside a word, as <b> may?  Other tags part words. */
static bool is_inline(vx_slice tag)
{
	static const char *const names[] = { "a", "abbr", "b", "bdi", "bdo", "big",
		"cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s",
		"samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u",
		"var", "wbr" };
	struct vx_cursor c = vx_cursor_of(vx_slice_from(tag, 1));
	vx_slice name;

	if (vx_slice_has_prefix(tag, VX_S("<!--")))
		return true;
	(void)vx_cur_char(&c, '/');
	name = vx_cur_run(&c, VX_C_ALPHA | VX_C_DIGIT);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (vx_slice_eq_nocase(name, vx_slice_str(names[i])))
			return true;
	return false;
}

void vx_html_text(vx_slice html, struct vx_buf *out)
{
	bool gap = false;

	while (html.len > 0 && !out->failed) {
		size_t n = 1;

		if (html.ptr[0] == '<') {
			n = markup(html);
			gap = gap || !is_inline(vx_slice_head(html, n));
		} else if (vx_is(html.ptr[0], VX_C_CTL | VX_C_WSP)) {
			gap = true;
		} else {
			if (gap && out->len > 0)
				vx_buf_add_char(out, ' ');
			gap = false;
			if (html.ptr[0] == '&')
				n = entity(html, out);
			else
				vx_buf_add_char(out, html.ptr[0]);
		}
		html = vx_slice_from(html, n);
	}
}

void vx_password_prepare(vx_slice password, struct vx_buf *out)
{
	uint8_t *text;
	size_t len = 0;

	if (vx_is_ascii(password) || !vx_utf8_valid(password)) {
		vx_buf_add(out, password);
		return;
	}
	text = u8_normalize(
	    UNINORM_NFKC, (const uint8_t *)password.ptr, password.len, NULL, &len);
	if (text == NULL) {
		out->failed = true;
		return;
	}
	vx_buf_add(out, vx_slice_of(text, len));
	vx_wipe(text, len);
	vx_free(text); /* libunistring's */
}
