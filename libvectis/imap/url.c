#include "imap/url.h"

#include "base/encode.h"

/* "%41" is an octet; the result is UTF-8 without NUL. */
static bool decode(vx_slice text, struct vx_arena *a, vx_slice *out)
{
	struct vx_buf b = { .max = VX_IMAP_URL_MAX };
	bool good = true;

	while (text.len > 0 && good) {
		if (text.ptr[0] != '%') {
			vx_buf_add_char(&b, text.ptr[0]);
			text = vx_slice_from(text, 1);
			continue;
		}
		good = text.len >= 3 &&
		       vx_hex_decode(vx_slice_range(text.ptr + 1, text.ptr + 3), &b) ==
			   VX_OK;
		text = vx_slice_from(text, 3);
	}
	good = good && !b.failed && vx_utf8_valid(vx_buf_slice(&b)) &&
	       vx_slice_find(vx_buf_slice(&b), '\0') == b.len &&
	       vx_arena_copy(a, vx_buf_slice(&b), out) == VX_OK;
	vx_buf_done(&b);
	return good;
}

/* Where in text does word begin, in any case?  text.len: nowhere. */
static size_t find_word(vx_slice text, const char *word)
{
	const vx_slice w = vx_slice_str(word);

	for (size_t i = 0; i + w.len <= text.len; i++)
		if (vx_slice_has_prefix_nocase(vx_slice_from(text, i), w))
			return i;
	return text.len;
}

static bool number(vx_slice *rest, uint32_t *out)
{
	struct vx_cursor c = vx_cursor_of(*rest);
	uint64_t n;

	if (!vx_cur_number(&c, UINT32_MAX, &n) || n == 0)
		return false;
	*out = (uint32_t)n;
	*rest = vx_cur_rest(&c);
	return true;
}

/* "/name;UIDVALIDITY=7", "name", "" */
static bool mailbox(vx_slice text, struct vx_arena *a, struct vx_imap_url *out)
{
	static const char word[] = ";UIDVALIDITY=";
	const size_t at = find_word(text, word);
	vx_slice name = vx_slice_head(text, at);

	if (at < text.len) {
		vx_slice rest = vx_slice_from(text, at + sizeof(word) - 1);

		if (!number(&rest, &out->uidvalidity) || rest.len > 0)
			return false;
	}
	out->where = name.len == 0        ? VX_URL_SELECTED
		     : name.ptr[0] == '/' ? VX_URL_MAILBOX
					  : VX_URL_BESIDE;
	if (out->where == VX_URL_MAILBOX)
		name = vx_slice_from(name, 1);
	/* "//server", "imap:" */
	if (vx_slice_has_prefix(name, VX_S("/")) ||
	    (out->where == VX_URL_BESIDE && vx_slice_find(name, ':') < name.len))
		return false;
	return decode(name, a, &out->mailbox) &&
	       (out->where == VX_URL_SELECTED || out->mailbox.len > 0);
}

/* "1.2.HEADER" and "0.100" as an item of FETCH; each may be empty. */
static bool item(
    vx_slice section, vx_slice partial, struct vx_arena *a, struct vx_imap_item *out)
{
	struct vx_buf text = { .max = 2 * VX_IMAP_URL_MAX };
	struct vx_imap_fetch f;
	struct vx_cursor c;
	vx_slice own = { 0 };
	bool good;

	vx_buf_add_str(&text, "BODY.PEEK[");
	vx_buf_add(&text, section);
	vx_buf_add_char(&text, ']');
	if (partial.len > 0) {
		vx_buf_add_char(&text, '<');
		vx_buf_add(&text, partial);
		if (vx_slice_find(partial, '.') == partial.len) /* to the end */
			vx_buf_add_str(&text, ".4294967295");
		vx_buf_add_char(&text, '>');
	}
	good = !text.failed && vx_arena_copy(a, vx_buf_slice(&text), &own) == VX_OK;
	vx_buf_done(&text);
	c = vx_cursor_of(own);
	if (!good || !vx_imap_fetch_items(&c, a, &f) || f.count != 1 || !vx_cur_end(&c))
		return false;
	*out = f.items[0];
	return true;
}

bool vx_imap_url(vx_slice text, struct vx_arena *a, struct vx_imap_url *out)
{
	static const char uid[] = ";UID=", section[] = "/;SECTION=",
			  partial[] = "/;PARTIAL=";
	size_t at = find_word(text, uid);
	vx_slice name = vx_slice_head(text, at), rest, part = { 0 }, octets = { 0 };

	*out = (struct vx_imap_url){ 0 };
	if (text.len > VX_IMAP_URL_MAX || at == text.len)
		return false;
	if (name.len > 0) { /* "name/" */
		if (name.len == 1 || name.ptr[name.len - 1] != '/')
			return false;
		name.len--;
	}
	rest = vx_slice_from(text, at + sizeof(uid) - 1);
	if (!mailbox(name, a, out) || !number(&rest, &out->uid))
		return false;
	at = find_word(rest, partial);
	if (at < rest.len) {
		octets = vx_slice_from(rest, at + sizeof(partial) - 1);
		rest = vx_slice_head(rest, at);
		if (octets.len == 0)
			return false;
	}
	if (rest.len > 0) {
		if (!vx_slice_has_prefix_nocase(rest, vx_slice_str(section)) ||
		    !decode(vx_slice_from(rest, sizeof(section) - 1), a, &part) ||
		    part.len == 0)
			return false;
	}
	return item(part, octets, a, &out->item);
}
