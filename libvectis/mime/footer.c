#include "vectis/footer.h"

#include "base/chars.h"
#include "base/encode.h"
#include "base/mem.h"

enum {
	TEXTS_MAX = 2 /* that one message has: a plain one and HTML */
};
#define TEXT_MAX ((size_t)16 * 1024 * 1024) /* octets of a text in UTF-8 */
/* Of these the structure is not known well enough. */
#define UNKNOWN                                                                          \
	(VX_DEFECT_HEADER_LIMIT | VX_DEFECT_BOUNDARY | VX_DEFECT_NO_PARTS |              \
	    VX_DEFECT_CONTENT_TYPE | VX_DEFECT_DEPTH | VX_DEFECT_DESCRIPTOR)

struct text {
	struct vx_part part;
	bool html;
	bool unchanged;         /* it has it already */
	struct vx_buf body;     /* own: encoded, with the footer */
	bool to_utf8;           /* its charset was another */
	enum vx_encoding label; /* NONE: it stays what it was */
};

struct work {
	vx_slice held;
	bool whole;
	const struct vx_footer *footer;
	struct vx_descriptor d;
	struct text texts[TEXTS_MAX];
	size_t count;
};

int vx_footer_check(const struct vx_footer *f)
{
	const vx_slice forms[] = { f->text, f->html };

	if (vx_slice_trim(f->text, " \t\r\n").len == 0)
		return VX_EINVAL;
	for (size_t k = 0; k < 2; k++) {
		vx_slice rest = forms[k], line;
		bool more = true;

		if (rest.len > VX_FOOTER_OCTETS_MAX)
			return VX_ELIMIT;
		if (!vx_utf8_valid(rest))
			return VX_EINVAL;
		for (size_t i = 0; i < rest.len; i++)
			if (vx_is(rest.ptr[i], VX_C_CTL) && rest.ptr[i] != '\n' &&
			    rest.ptr[i] != '\t' &&
			    (rest.ptr[i] != '\r' || i + 1 == rest.len ||
				rest.ptr[i + 1] != '\n'))
				return VX_EINVAL;
		while (more) {
			more = vx_slice_cut(&rest, '\n', &line);
			if (line.len > VX_FOOTER_LINE_MAX)
				return VX_ELIMIT;
		}
	}
	return VX_OK;
}

/* --- which texts -----------------------------------------------------------------------
 */

static bool is(const struct vx_part *p, const char *type, const char *subtype)
{
	return vx_slice_eq(p->type, vx_slice_str(type)) &&
	       (subtype == NULL || vx_slice_eq(p->subtype, vx_slice_str(subtype)));
}

static bool is_attached(const struct vx_part *p)
{
	return vx_slice_eq_nocase(p->disposition, VX_S("attachment"));
}

static bool is_text(const struct vx_part *p)
{
	return !is_attached(p) && (is(p, "text", "plain") || is(p, "text", "html"));
}

/* May what is in it be changed, and is it something to read? */
static bool is_open(const struct vx_part *p)
{
	return (p->flags & VX_PART_MULTIPART) != 0 && !is(p, "multipart", "signed") &&
	       !is(p, "multipart", "encrypted") && !is(p, "multipart", "report");
}

/* Below a part the first text, or the first multipart/alternative; false: none. */
static bool descend(struct work *w, uint32_t index, struct vx_part *out)
{
	while (vx_descriptor_part(&w->d, index, out) == VX_OK) {
		if (is_text(out) || (is_open(out) && is(out, "multipart", "alternative")))
			return true;
		if (!is_open(out))
			return false;
		/* pictures and the like may stand before it */
		for (index = out->first_child; index != 0; index = out->next_sibling)
			if (vx_descriptor_part(&w->d, index, out) != VX_OK ||
			    is_text(out) || (out->flags & VX_PART_MULTIPART) != 0)
				break;
		if (index == 0)
			return false;
	}
	return false;
}

/* Its end has to be known: a delimiter that is there, or the message's. */
static bool take(struct work *w, const struct vx_part *p)
{
	const bool html = is(p, "text", "html");

	if (w->count == TEXTS_MAX || (w->count == 1 && w->texts[0].html == html))
		return true; /* the first of a form counts */
	if ((!w->whole && p->end + 4 >= w->held.len) || p->md5.ptr != NULL)
		return false;
	w->texts[w->count++] = (struct text){ .part = *p, .html = html };
	return true;
}

static bool choose(struct work *w)
{
	struct vx_part p, inner;
	bool good = descend(w, 0, &p);

	if (!good || is_text(&p))
		return good && take(w, &p);
	for (uint32_t i = p.first_child; i != 0 && good; i = inner.next_sibling) {
		struct vx_part found;

		good = vx_descriptor_part(&w->d, i, &inner) == VX_OK;
		if (good && descend(w, i, &found) && is_text(&found))
			good = take(w, &found);
	}
	return good && w->count > 0;
}

/* --- a text ----------------------------------------------------------------------------
 */

static vx_slice param(const struct vx_part *p, const char *wanted)
{
	vx_slice list = p->params, name, value;

	while (vx_packed_next(&list, &name) && vx_packed_next(&list, &value))
		if (vx_slice_eq(name, vx_slice_str(wanted)))
			return value;
	return vx_slice_of("", 0);
}

static bool one_of(vx_slice s, const char *const *list)
{
	for (; *list != NULL; list++)
		if (vx_slice_has_prefix_nocase(s, vx_slice_str(*list)))
			return true;
	return false;
}

static bool is_ascii_charset(vx_slice charset)
{
	return charset.len == 0 || vx_slice_eq_nocase(charset, VX_S("us-ascii")) ||
	       vx_slice_eq_nocase(charset, VX_S("ascii"));
}

static bool is_utf8(vx_slice charset, vx_slice body)
{
	return vx_slice_eq_nocase(charset, VX_S("utf-8")) ||
	       vx_slice_eq_nocase(charset, VX_S("utf8")) ||
	       (is_ascii_charset(charset) && vx_utf8_valid(body));
}

/* Lines of a form, with CR LF. */
static void add_lines(vx_slice text, struct vx_buf *out)
{
	text = vx_slice_trim(text, "\r\n");
	while (text.len > 0) {
		vx_slice line;

		(void)vx_slice_cut(&text, '\n', &line);
		vx_buf_add(out, vx_slice_trim(line, "\r"));
		vx_buf_add_str(out, "\r\n");
	}
}

/* In ASCII, whatever the charset of the part is. */
static void add_html(vx_slice utf8, bool is_html, struct vx_buf *out)
{
	while (utf8.len > 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(utf8, &n);

		if (c > 127)
			vx_buf_printf(out, "&#%lu;", (unsigned long)c);
		else if (!is_html && (c == '<' || c == '>' || c == '&'))
			vx_buf_printf(out, "&#%u;", (unsigned)c);
		else if (!is_html && c == '\n')
			vx_buf_add_str(out, "<br>\r\n");
		else if (c == '\n')
			vx_buf_add_str(out, "\r\n");
		else if (c != '\r')
			vx_buf_add_char(out, (char)c);
		utf8 = vx_slice_from(utf8, n);
	}
}

static void form(const struct work *w, bool html, struct vx_buf *out)
{
	const bool own = w->footer->html.len > 0;

	if (!html) {
		add_lines(w->footer->text, out);
		return;
	}
	add_html(
	    vx_slice_trim(own ? w->footer->html : w->footer->text, "\r\n"), own, out);
	vx_buf_add_str(out, "\r\n");
}

/* The last place where word stands, in any case of letters; SIZE_MAX: nowhere. */
static size_t find_last(vx_slice s, vx_slice word)
{
	for (size_t i = s.len; i-- > 0;)
		if (vx_slice_has_prefix_nocase(vx_slice_from(s, i), word))
			return i;
	return SIZE_MAX;
}

static size_t find_first(vx_slice s, vx_slice word)
{
	for (size_t i = 0; i < s.len; i++)
		if (vx_slice_has_prefix_nocase(vx_slice_from(s, i), word))
			return i;
	return s.len;
}

static bool contains(vx_slice s, vx_slice what)
{
	return what.len > 0 && vx_slice_find_slice(s, what) < s.len;
}

/*
 * Does the text have it already, of itself?  In a plain text what is quoted has marks in
 * front of its lines; in HTML it is inside a blockquote.
 */
static bool has_it(const struct text *t, vx_slice body, vx_slice what)
{
	size_t last;

	what = vx_slice_trim(what, "\r\n");
	if (!t->html) {
		const size_t at = vx_slice_find_slice(body, what);

		return at < body.len && (at == 0 || body.ptr[at - 1] == '\n');
	}
	last = find_last(body, VX_S("</blockquote"));
	return contains(
		   vx_slice_head(body, find_first(body, VX_S("<blockquote"))), what) ||
	       (last != SIZE_MAX && contains(vx_slice_from(body, last), what));
}

/* OpenPGP in the text (RFC 9580 7): a signature, or what nobody reads. */
static bool is_pgp(vx_slice body)
{
	static const char mark[] = "-----BEGIN PGP ";
	const size_t at = vx_slice_find_slice(body, vx_slice_str(mark));

	return at < body.len && (at == 0 || body.ptr[at - 1] == '\n');
}

static size_t place(const struct text *t, vx_slice body)
{
	size_t at;

	if (!t->html)
		return body.len;
	at = find_last(body, VX_S("</body"));
	if (at == SIZE_MAX)
		at = find_last(body, VX_S("</html"));
	return at == SIZE_MAX ? body.len : at;
}

/* The decoded body with the footer in it. */
static void insert(const struct text *t, vx_slice body, vx_slice what, struct vx_buf *out)
{
	const size_t at = place(t, body);
	const vx_slice before = vx_slice_head(body, at);

	vx_buf_add(out, before);
	if (before.len > 0 && !vx_slice_has_suffix(before, VX_S("\n")))
		vx_buf_add_str(out, "\r\n");
	if (!t->html && before.len > 0)
		vx_buf_add_str(out, "\r\n");
	vx_buf_add(out, what);
	vx_buf_add(out, vx_slice_from(body, at));
}

/* The encoding that it has; or quoted-printable, where that is not enough any more. */
static int encode(struct text *t, vx_slice body)
{
	const vx_slice encoding = t->part.encoding;
	struct vx_mime_encoder e = { .kind = VX_ENCODING_NONE };

	if (vx_slice_eq_nocase(encoding, VX_S("base64")))
		e.kind = VX_ENCODING_BASE64;
	else if (vx_slice_eq_nocase(encoding, VX_S("quoted-printable")))
		e.kind = VX_ENCODING_QP;
	else if (!vx_is_ascii(body) && !vx_slice_eq_nocase(encoding, VX_S("8bit")) &&
		 !vx_slice_eq_nocase(encoding, VX_S("binary")))
		e.kind = t->label = VX_ENCODING_QP;
	vx_mime_encode(&e, body, &t->body);
	vx_mime_encode_end(&e, &t->body);
	return t->body.failed ? VX_ELIMIT : VX_OK;
}

static bool is_known(vx_slice encoding)
{
	static const char *const known[] = { "7bit", "8bit", "binary", "base64",
		"quoted-printable", NULL };

	return encoding.len == 0 || one_of(encoding, known);
}

/* As octets of a charset in which ASCII is ASCII, or as UTF-8. */
static int decode(struct work *w, struct text *t, vx_slice what, struct vx_buf *out)
{
	static const char *const odd[] = { "utf-16", "utf-32", "utf-7", "unicode-1-1",
		"ucs", "iso-10646", "hz-", "ibm", "cp037", NULL };
	const vx_slice charset = param(&t->part, "charset");
	const vx_slice raw =
	    vx_slice_head(vx_slice_from(w->held, (size_t)t->part.body_offset),
		(size_t)(t->part.end - t->part.body_offset));
	struct vx_buf body = { .max = TEXT_MAX };
	int rc = VX_OK;

	if (!is_known(t->part.encoding))
		return VX_ENOENT;
	vx_transfer_decode(t->part.encoding, raw, &body);
	if (is_utf8(charset, vx_buf_slice(&body)) ||
	    (vx_is_ascii(what) && !one_of(charset, odd))) {
		vx_buf_add(out, vx_buf_slice(&body));
		/* a charset that is not named has no more than ASCII */
		t->to_utf8 = !vx_is_ascii(what) && is_ascii_charset(charset);
	} else {
		t->to_utf8 = true;
		if (!vx_charset_decode(charset, vx_buf_slice(&body), out))
			rc = VX_ENOENT;
	}
	if (body.failed || out->failed)
		rc = VX_ENOENT; /* more than may be, for a text */
	vx_buf_done(&body);
	return rc;
}

static int make(struct work *w, struct text *t)
{
	struct vx_buf what = { .max = 16 * (size_t)VX_FOOTER_OCTETS_MAX },
		      body = { .max = TEXT_MAX },
		      full = { .max = TEXT_MAX + 16 * (size_t)VX_FOOTER_OCTETS_MAX };
	int rc;

	vx_buf_init(&t->body, 4 * TEXT_MAX);
	form(w, t->html, &what);
	rc = what.failed ? VX_ENOENT : decode(w, t, vx_buf_slice(&what), &body);
	if (rc == VX_OK && !t->html && is_pgp(vx_buf_slice(&body)))
		rc = VX_ENOENT;
	if (rc == VX_OK && has_it(t, vx_buf_slice(&body), vx_buf_slice(&what))) {
		t->unchanged = true;
	} else if (rc == VX_OK) {
		insert(t, vx_buf_slice(&body), vx_buf_slice(&what), &full);
		rc = full.failed ? VX_ENOENT : encode(t, vx_buf_slice(&full));
	}
	vx_buf_done(&what);
	vx_buf_done(&body);
	vx_buf_done(&full);
	return rc;
}

/* --- the message -----------------------------------------------------------------------
 */

static void add_type(const struct text *t, struct vx_buf *out)
{
	vx_slice list = t->part.params, name, value;

	vx_buf_add_str(out, t->html ? "Content-Type: text/html; charset=utf-8"
				    : "Content-Type: text/plain; charset=utf-8");
	while (vx_packed_next(&list, &name) && vx_packed_next(&list, &value)) {
		if (vx_slice_eq(name, VX_S("charset")) || !vx_is_ascii(value) ||
		    value.len > 200)
			continue;
		vx_buf_add_str(out, ";\r\n\t");
		vx_buf_add(out, name);
		vx_buf_add_str(out, "=\"");
		for (size_t i = 0; i < value.len; i++) {
			if (value.ptr[i] == '"' || value.ptr[i] == '\\')
				vx_buf_add_char(out, '\\');
			if (!vx_is(value.ptr[i], VX_C_CTL))
				vx_buf_add_char(out, value.ptr[i]);
		}
		vx_buf_add_char(out, '"');
	}
	vx_buf_add_str(out, "\r\n");
}

/* The header of a text, whose charset or encoding may be another now. */
static void add_header(const struct text *t, vx_slice header, struct vx_buf *out)
{
	const bool labelled = t->label != VX_ENCODING_NONE;
	const vx_slice start = header;
	vx_slice rest = header;
	bool version = (t->part.flags & VX_PART_ROOT) == 0;
	size_t read = 0;
	struct vx_field f;

	if (!labelled && !t->to_utf8) {
		vx_buf_add(out, header);
		return;
	}
	while (vx_field_next(&rest, &f)) {
		read += f.whole.len;
		version = version || vx_slice_eq_nocase(f.name, VX_S("MIME-Version"));
		if ((labelled &&
			vx_slice_eq_nocase(f.name, VX_S("Content-Transfer-Encoding"))) ||
		    (t->to_utf8 && vx_slice_eq_nocase(f.name, VX_S("Content-Type"))))
			continue;
		vx_buf_add(out, f.whole);
	}
	if (!version)
		vx_buf_add_str(out, "MIME-Version: 1.0\r\n");
	if (t->to_utf8)
		add_type(t, out);
	if (labelled)
		vx_buf_add_str(out, "Content-Transfer-Encoding: quoted-printable\r\n");
	if (read < start.len)
		vx_buf_add(out, vx_slice_from(start, read));
	else
		vx_buf_add_str(out, "\r\n"); /* there was no body */
}

static vx_slice between(vx_slice s, uint64_t from, uint64_t to)
{
	return vx_slice_head(vx_slice_from(s, (size_t)from), (size_t)(to - from));
}

static int write(const struct work *w, struct vx_buf *out)
{
	uint64_t at = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct text *t = &w->texts[i];

		if (t->unchanged)
			continue;
		vx_buf_add(out, between(w->held, at, t->part.header_offset));
		add_header(
		    t, between(w->held, t->part.header_offset, t->part.body_offset), out);
		vx_buf_add(out, vx_buf_slice(&t->body));
		at = t->part.end;
	}
	vx_buf_add(out, vx_slice_from(w->held, (size_t)at));
	return out->failed ? VX_ELIMIT : VX_OK;
}

static int describe(vx_slice held, struct vx_buf *octets)
{
	struct vx_describer *d;
	int rc = vx_describer_new(&d);

	if (rc != VX_OK)
		return rc;
	vx_describer_add(d, held);
	rc = vx_describer_end(d, octets);
	vx_describer_free(d);
	return rc;
}

/* A header without a blank line has no body to which anything could be added. */
static bool has_body(const struct work *w)
{
	const vx_slice header = vx_slice_head(w->held, (size_t)w->d.header_size);

	return vx_slice_has_suffix(header, VX_S("\r\n\r\n")) ||
	       vx_slice_eq(header, VX_S("\r\n"));
}

static int add(struct work *w, struct vx_buf *out)
{
	bool changes = false;
	int rc = VX_OK;

	if ((w->d.defects & UNKNOWN) != 0 || !has_body(w) || !choose(w))
		return VX_ENOENT;
	for (size_t i = 0; i < w->count && rc == VX_OK; i++) {
		rc = make(w, &w->texts[i]);
		changes = changes || !w->texts[i].unchanged;
	}
	if (rc == VX_OK)
		rc = changes ? write(w, out) : VX_ENOENT;
	return rc;
}

int vx_footer_add(
    vx_slice held, bool whole, const struct vx_footer *f, struct vx_buf *out)
{
	struct work w = { .held = held, .whole = whole, .footer = f };
	struct vx_buf octets = { .max = VX_DESCRIPTOR_MAX };
	const size_t before = out->len;
	int rc = describe(held, &octets);

	if (rc == VX_OK)
		rc = vx_descriptor_open(vx_buf_slice(&octets), &w.d);
	if (rc == VX_OK)
		rc = add(&w, out);
	if (rc != VX_OK)
		vx_buf_truncate(out, before);
	for (size_t i = 0; i < w.count; i++)
		vx_buf_done(&w.texts[i].body);
	vx_buf_done(&octets);
	return rc == VX_ECORRUPT ? VX_ENOENT : rc;
}
