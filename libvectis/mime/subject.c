#include "mime/subject.h"

#include "base/chars.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "vectis/header.h"

/* --- the base subject: step numbers are those of RFC 5256 2.1 ---------------------- */

/* (1) Blanks, line ends and runs of them become one space. */
static void collapse(vx_slice text, struct vx_buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		const char c = text.ptr[i];
		const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';

		if (!blank)
			vx_buf_add_char(out, c);
		else if (out->len == 0 || out->ptr[out->len - 1] != ' ')
			vx_buf_add_char(out, ' ');
	}
}

/* (2) subj-trailer = "(fwd)" / WSP */
static vx_slice without_trailers(vx_slice s, bool *reply)
{
	for (;;) {
		s = vx_slice_trim(s, " ");
		if (s.len < 5 ||
		    !vx_slice_eq_nocase(vx_slice_from(s, s.len - 5), VX_S("(fwd)")))
			return s;
		s = vx_slice_head(s, s.len - 5);
		*reply = true;
	}
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP */
static bool blob(struct vx_cursor *c)
{
	struct vx_cursor t = *c;

	if (!vx_cur_char(&t, '['))
		return false;
	while (!vx_cur_end(&t) && *t.p != '[' && *t.p != ']')
		t.p++;
	if (!vx_cur_char(&t, ']'))
		return false;
	(void)vx_cur_run(&t, VX_C_WSP);
	*c = t;
	return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool refwd(struct vx_cursor *c)
{
	struct vx_cursor t = *c;

	if (vx_cur_text(&t, VX_S("fw")))
		(void)vx_cur_text(&t, VX_S("d"));
	else if (!vx_cur_text(&t, VX_S("re")))
		return false;
	(void)vx_cur_run(&t, VX_C_WSP);
	(void)blob(&t);
	if (!vx_cur_char(&t, ':'))
		return false;
	*c = t;
	return true;
}

/*
 * (3) to (5) subj-leader = (*subj-blob subj-refwd) / WSP, then blobs before a subject
 * that is not empty without them.  When no refwd follows a row of blobs, none follows a
 * part of the row: the row goes at once, so that all is linear.
 */
static vx_slice without_leaders(vx_slice s, bool *reply)
{
	struct vx_cursor c = vx_cursor_of(s);

	for (;;) {
		struct vx_cursor row, last;

		(void)vx_cur_run(&c, VX_C_WSP);
		row = last = c;
		for (struct vx_cursor t = c; blob(&t); row = t)
			last = row;
		if (refwd(&row)) {
			c = row;
			*reply = true;
			continue;
		}
		if (row.p == c.p)
			return vx_cur_rest(&c);
		if (vx_cur_end(&row)) /* the last one is the subject */
			return vx_cur_rest(&last);
		c = row;
	}
}

/* (6) "[fwd:" subject "]" */
static bool unwrap(vx_slice *s)
{
	if (s->len < 6 || s->ptr[s->len - 1] != ']' ||
	    !vx_slice_has_prefix_nocase(*s, VX_S("[fwd:")))
		return false;
	*s = vx_slice_head(vx_slice_from(*s, 5), s->len - 6);
	return true;
}

void vx_subject_base(vx_slice value, struct vx_buf *out, bool *reply)
{
	struct vx_buf decoded = { .max = 1 << 20 }, text = { .max = 1 << 20 };
	vx_slice s;

	*reply = false;
	vx_text_decode(vx_slice_head(value, VX_SUBJECT_MAX), &decoded);
	collapse(vx_buf_slice(&decoded), &text);
	s = vx_buf_slice(&text);
	for (bool more = true; more; *reply = *reply || more) {
		s = without_trailers(s, reply);
		s = without_leaders(s, reply);
		more = unwrap(&s);
	}
	vx_buf_add(out, s);
	vx_buf_done(&decoded);
	vx_buf_done(&text);
}

/* --- message ids ------------------------------------------------------------------- */

/* The id that begins at value ("<" was taken): its octets, or 0 when it is none. */
static size_t message_id(vx_slice value, struct vx_buf *out)
{
	const size_t start = out->len;
	bool quoted = false;

	for (size_t i = 0; i < value.len && i < VX_MESSAGE_ID_MAX; i++) {
		const char c = value.ptr[i];

		if (c == '"') {
			quoted = !quoted;
		} else if (quoted && c == '\\' && i + 1 < value.len) {
			vx_buf_add_char(out, value.ptr[++i]);
		} else if (!quoted && c == '>') {
			return out->len > start ? i + 1 : 0;
		} else if (!quoted && c == '<') {
			break;
		} else if (c != '\r' && c != '\n' && (quoted || !vx_is(c, VX_C_WSP))) {
			vx_buf_add_char(out, c);
		}
	}
	vx_buf_truncate(out, start);
	return 0;
}

bool vx_message_id_next(vx_slice *value, struct vx_buf *out)
{
	while (value->len > 0) {
		const size_t start = vx_slice_find(*value, '<');
		const vx_slice rest = vx_slice_from(*value, start + 1);
		const size_t len = message_id(rest, out);

		*value = vx_slice_from(rest, len);
		if (len > 0)
			return true;
	}
	return false;
}

uint64_t vx_message_id_hash(vx_slice id)
{
	/* stored: it must be the same always */
	static const struct vx_siphash_key key = { 0, 0 };
	const uint64_t hash = vx_siphash(&key, id);

	return hash == 0 ? 1 : hash;
}
