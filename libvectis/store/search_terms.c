#include "store/search_terms.h"

#include "base/encode.h"
#include "mime/casemap.h"

struct run {
	vx_slice text;
	enum vx_char_class class;
};

/* Classes of ASCII, which most text is. */
static enum vx_char_class ascii_class(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return VX_CHAR_WORD;
	return c <= ' ' || c == 0x7f ? VX_CHAR_SPACE : VX_CHAR_SIGN;
}

/* The class of the first code point of s and its length; false: no memory. */
static bool next_class(vx_slice s, enum vx_char_class *class, size_t *len)
{
	const struct vx_case_block *b;
	uint32_t c;

	*len = 1;
	if ((s.ptr[0] & 0x80) == 0) {
		*class = ascii_class((unsigned char)s.ptr[0]);
		return true;
	}
	c = vx_utf8_next(s, len);
	b = vx_case_block(c);
	if (b == NULL)
		return false;
	*class = (enum vx_char_class)b->classes[c % 256];
	return true;
}

/* Take the next run off text: VX_OK, VX_ENOENT (the end), VX_ENOMEM. */
static int run_next(vx_slice *text, struct run *out)
{
	const char *const begin = text->ptr;
	enum vx_char_class class;
	size_t len;

	if (text->len == 0)
		return VX_ENOENT;
	if (!next_class(*text, &out->class, &len))
		return VX_ENOMEM;
	*text = vx_slice_from(*text, len);
	while (text->len > 0) {
		if (!next_class(*text, &class, &len))
			return VX_ENOMEM;
		if (class != out->class)
			break;
		*text = vx_slice_from(*text, len);
	}
	out->text = vx_slice_of(begin, (size_t)(text->ptr - begin));
	return VX_OK;
}

/* The largest cut of s at or before at that parts no code point. */
static size_t whole_before(vx_slice s, size_t at)
{
	if (at >= s.len)
		return s.len;
	while (at > 0 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* --- of a text -----------------------------------------------------------------------
 */

/* The window of a long word that begins at about octet at; false: the word ends in it. */
static bool window(vx_slice word, size_t at, vx_slice *out)
{
	const size_t begin = whole_before(word, at);
	const size_t end = whole_before(word, at + VX_TERM_OCTETS);

	*out = vx_slice_from(vx_slice_head(word, end), begin);
	return end < word.len;
}

static void terms_of_word(vx_slice word, vx_term_fn *fn, void *ctx)
{
	bool more = true;

	if (word.len <= VX_TERM_OCTETS) {
		fn(ctx, word);
		return;
	}
	for (size_t at = 0; more; at += VX_TERM_STEP) {
		vx_slice piece;

		more = window(word, at, &piece);
		fn(ctx, piece);
	}
}

/* The code point at the beginning of s. */
static size_t sign_octets(vx_slice s)
{
	size_t len;

	(void)vx_utf8_next(s, &len);
	return len;
}

static void terms_of_signs(vx_slice signs, vx_term_fn *fn, void *ctx)
{
	size_t first = sign_octets(signs);

	if (first == signs.len)
		fn(ctx, signs);
	while (first < signs.len) {
		const size_t second = sign_octets(vx_slice_from(signs, first));

		fn(ctx, vx_slice_head(signs, first + second));
		signs = vx_slice_from(signs, first);
		first = second;
	}
}

int vx_terms_of(vx_slice text, vx_term_fn *fn, void *ctx)
{
	struct run r;
	int rc;

	while ((rc = run_next(&text, &r)) == VX_OK) {
		if (r.class == VX_CHAR_WORD)
			terms_of_word(r.text, fn, ctx);
		else if (r.class == VX_CHAR_SIGN)
			terms_of_signs(r.text, fn, ctx);
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* --- of a needle ----------------------------------------------------------------------
 */

static void add(struct vx_needle_plan *plan, bool from_start, vx_slice s, bool to_end)
{
	struct vx_pattern *p;

	if (plan->count == VX_PATTERNS_MAX)
		return;
	p = &plan->patterns[plan->count++];
	p->len = 0;
	if (from_start)
		p->octets[p->len++] = '\0';
	memcpy(p->octets + p->len, s.ptr, s.len);
	p->len += s.len;
	if (to_end)
		p->octets[p->len++] = '\0';
}

/* The run may go on in the text where it touches an end of the needle. */
static void plan_word(
    struct vx_needle_plan *plan, vx_slice word, bool open_before, bool open_behind)
{
	const bool fits = word.len <= VX_NEEDLE_OCTETS;
	vx_slice piece = vx_slice_head(word, whole_before(word, VX_NEEDLE_OCTETS));

	if (open_before && open_behind) {
		add(plan, false, piece, false);
		plan->exact = plan->exact && fits;
		return;
	}
	plan->exact = false;
	if (open_before) {
		if (!fits) { /* its last octets, from a whole code point on */
			size_t at = word.len - VX_NEEDLE_OCTETS;

			while (((unsigned char)word.ptr[at] & 0xc0) == 0x80)
				at++;
			piece = vx_slice_from(word, at);
		}
		add(plan, false, piece, true);
	} else if (open_behind) {
		add(plan, true, piece, false);
	} else if (word.len <= VX_TERM_OCTETS) {
		add(plan, true, word, true);
	} else {
		(void)window(word, 0, &piece);
		add(plan, true, piece, true);
	}
}

static void plan_signs(
    struct vx_needle_plan *plan, vx_slice signs, bool open_before, bool open_behind)
{
	size_t first = sign_octets(signs), pairs = 0;

	if (first == signs.len) {
		add(plan, !open_before, signs, !open_behind);
		plan->exact = plan->exact && open_before && open_behind;
		return;
	}
	for (; first < signs.len; pairs++) {
		const size_t second = sign_octets(vx_slice_from(signs, first));

		add(plan, true, vx_slice_head(signs, first + second), true);
		signs = vx_slice_from(signs, first);
		first = second;
	}
	plan->exact = plan->exact && pairs == 1 && open_before && open_behind;
}

/* Words say more than signs, so they come first. */
static int plan_runs(
    struct vx_needle_plan *plan, vx_slice needle, enum vx_char_class class)
{
	vx_slice rest = needle;
	struct run r;
	int rc;

	while ((rc = run_next(&rest, &r)) == VX_OK) {
		const bool before = r.text.ptr == needle.ptr, behind = rest.len == 0;

		if (r.class == VX_CHAR_SPACE)
			plan->exact = false;
		if (r.class != class)
			continue;
		if (class == VX_CHAR_WORD)
			plan_word(plan, r.text, before, behind);
		else
			plan_signs(plan, r.text, before, behind);
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_needle_plan(vx_slice needle, struct vx_needle_plan *out)
{
	int rc;

	out->count = 0;
	out->exact = true;
	rc = plan_runs(out, needle, VX_CHAR_WORD);
	if (rc == VX_OK)
		rc = plan_runs(out, needle, VX_CHAR_SIGN);
	return rc;
}

int vx_needle_plan_name(vx_slice name, struct vx_needle_plan *plan)
{
	vx_slice rest = name;
	struct run r;
	int rc;

	plan->exact = false;
	while ((rc = run_next(&rest, &r)) == VX_OK)
		if (r.class == VX_CHAR_WORD)
			plan_word(plan, r.text, false, false);
	return rc == VX_ENOENT ? VX_OK : rc;
}
