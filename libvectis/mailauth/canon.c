#include "mailauth/canon.h"

#include "base/chars.h"

/* --- fields ------------------------------------------------------------------------- */

struct writer {
	struct vx_sha256_state *hash;
	char octets[512];
	size_t len;
	bool any, blank; /* of the value: something was written, WSP is due */
};

static void put(struct writer *w, char c)
{
	if (w->len == sizeof(w->octets)) {
		vx_sha256_add(w->hash, vx_slice_of(w->octets, w->len));
		w->len = 0;
	}
	w->octets[w->len++] = c;
}

/* A part of the value: unfolded, WSP as one blank, none at the beginning and the end. */
static void relax(struct writer *w, vx_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];

		if (c == '\n' || (c == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n'))
			continue;
		if (vx_is(c, VX_C_WSP)) {
			w->blank = w->any;
			continue;
		}
		if (w->blank)
			put(w, ' ');
		w->blank = false;
		w->any = true;
		put(w, c);
	}
}

static vx_slice before(vx_slice whole, vx_slice part)
{
	return vx_slice_range(whole.ptr, part.ptr);
}

static vx_slice behind(vx_slice whole, vx_slice part)
{
	return vx_slice_range(vx_slice_end(part), vx_slice_end(whole));
}

/* The field without its line end. */
static vx_slice line(const struct vx_field *field)
{
	vx_slice s = field->whole;

	if (vx_slice_has_suffix(s, VX_S("\r\n")))
		s.len -= 2;
	else if (vx_slice_has_suffix(s, VX_S("\n")))
		s.len--;
	return s;
}

void vx_canon_field(struct vx_sha256_state *hash, bool relaxed,
    const struct vx_field *field, vx_slice without)
{
	const vx_slice all = line(field);
	vx_slice value = all, name;
	struct writer w = { .hash = hash };

	if (!relaxed) {
		vx_sha256_add(hash, without.ptr == NULL ? all : before(all, without));
		if (without.ptr != NULL)
			vx_sha256_add(hash, behind(all, without));
	} else {
		(void)vx_slice_cut(&value, ':', &name);
		for (size_t i = 0; i < field->name.len; i++)
			put(&w, vx_lower(field->name.ptr[i]));
		put(&w, ':');
		relax(&w, without.ptr == NULL ? value : before(value, without));
		if (without.ptr != NULL)
			relax(&w, behind(value, without));
		vx_sha256_add(hash, vx_slice_of(w.octets, w.len));
	}
	if (without.ptr == NULL)
		vx_sha256_add(hash, VX_S("\r\n"));
}

/* --- the body ------------------------------------------------------------------------
 */

int vx_body_want(struct vx_body *b, bool relaxed, uint64_t length)
{
	struct vx_body_hash *h;

	for (size_t i = 0; i < b->count; i++)
		if (b->hashes[i].relaxed == relaxed && b->hashes[i].length == length)
			return (int)i;
	if (b->count == VX_DKIM_BODY_HASHES_MAX)
		return -1;
	h = &b->hashes[b->count];
	h->relaxed = relaxed;
	h->length = h->left = length;
	vx_sha256_begin(&h->state);
	b->wanted[relaxed] = true;
	return (int)b->count++;
}

/* Octets of the canonical form, to the hashes that want them. */
static void hand_out(struct vx_body *b, bool relaxed, vx_slice octets)
{
	for (size_t i = 0; i < b->count; i++) {
		struct vx_body_hash *const h = &b->hashes[i];
		vx_slice some = octets;

		if (h->relaxed != relaxed || h->left == 0)
			continue;
		if (h->length != UINT64_MAX) {
			some = vx_slice_head(
			    octets, h->left < octets.len ? (size_t)h->left : octets.len);
			h->left -= some.len;
		}
		vx_sha256_add(&h->state, some);
	}
	b->canon[relaxed].any = true;
}

/* Something follows: what was held back counts. */
static void release(struct vx_body *b, bool relaxed)
{
	static const char lines[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
				    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	struct vx_body_canon *const c = &b->canon[relaxed];

	while (c->lines > 0) {
		const uint64_t most = (sizeof(lines) - 1) / 2;
		const uint64_t n = c->lines < most ? c->lines : most;

		hand_out(b, relaxed, vx_slice_of(lines, 2 * (size_t)n));
		c->lines -= n;
	}
	if (c->blank)
		hand_out(b, relaxed, VX_S(" "));
	c->blank = false;
}

/* The CR that was the last octet turns out to be one of the content. */
static void release_cr(struct vx_body *b, bool relaxed)
{
	release(b, relaxed);
	hand_out(b, relaxed, VX_S("\r"));
	b->canon[relaxed].cr = false;
}

/* Behind a CR: the rest after the LF, if that is what follows. */
static vx_slice end_line(struct vx_body *b, bool relaxed, vx_slice s)
{
	struct vx_body_canon *const c = &b->canon[relaxed];

	if (s.ptr[0] != '\n') {
		release_cr(b, relaxed);
		return s;
	}
	c->cr = c->blank = false;
	c->lines++;
	return vx_slice_from(s, 1);
}

static void add_simple(struct vx_body *b, vx_slice s)
{
	struct vx_body_canon *const c = &b->canon[false];
	uint64_t lines = 0;
	bool cr;

	if (s.len > 0 && c->cr)
		s = end_line(b, false, s);
	if (s.len == 0)
		return;
	cr = s.ptr[s.len - 1] == '\r';
	s.len -= cr;
	for (; vx_slice_has_suffix(s, VX_S("\r\n")); s.len -= 2)
		lines++;
	if (s.len > 0) {
		release(b, false);
		hand_out(b, false, s);
	}
	c->lines += lines;
	c->cr = cr;
}

/* Does WSP change here: more of it than one blank, or at the end of a line? */
static bool changes(char c, char next)
{
	return (c == '\t') |
	       ((c == ' ') & ((next == ' ') | (next == '\t') | (next == '\r')));
}

/* The same of that many octets, without branches, so that vectors do it. */
#define BLOCK 64
static bool block_changes(const char *p)
{
	unsigned char found = 0;

	for (size_t i = 0; i < BLOCK; i++)
		found |= changes(p[i], p[i + 1]);
	return found != 0;
}

/*
 * How much of s, which begins with content, is canonical as it is, up to the end of
 * content: most of it.
 */
static size_t run_length(vx_slice s)
{
	size_t n = 0;

	while (s.len - n > BLOCK && !block_changes(s.ptr + n))
		n += BLOCK;
	while (n + 1 < s.len && !changes(s.ptr[n], s.ptr[n + 1]))
		n++;
	if (n + 1 == s.len)
		n++;
	for (;;) { /* what may count or not, with what follows */
		const char last = s.ptr[n - 1];

		if (last == '\r' || vx_is(last, VX_C_WSP))
			n--;
		else if (last == '\n' && n > 1 && s.ptr[n - 2] == '\r')
			n -= 2;
		else
			return n;
	}
}

static void add_relaxed(struct vx_body *b, vx_slice s)
{
	struct vx_body_canon *const c = &b->canon[true];

	while (s.len > 0) {
		if (c->cr) {
			s = end_line(b, true, s);
		} else if (s.ptr[0] == '\r') {
			c->cr = true;
			s = vx_slice_from(s, 1);
		} else if (vx_is(s.ptr[0], VX_C_WSP)) {
			c->blank = true;
			s = vx_slice_from(s, 1);
		} else {
			const size_t n = run_length(s);

			release(b, true);
			hand_out(b, true, vx_slice_head(s, n));
			s = vx_slice_from(s, n);
		}
	}
}

void vx_body_add(struct vx_body *b, vx_slice octets)
{
	if (b->wanted[false])
		add_simple(b, octets);
	if (b->wanted[true])
		add_relaxed(b, octets);
}

void vx_body_end(struct vx_body *b)
{
	for (int relaxed = 0; relaxed < 2; relaxed++) {
		if (b->canon[relaxed].cr)
			release_cr(b, relaxed);
		/* nothing at all is a line when it is simple, and none when relaxed */
		if (!relaxed || b->canon[relaxed].any)
			hand_out(b, relaxed, VX_S("\r\n"));
	}
	for (size_t i = 0; i < b->count; i++)
		vx_sha256_end(&b->hashes[i].state, b->hashes[i].digest);
}
