/* Expansion of macros (RFC 7208 7). */
#include "mailauth/spf_int.h"

/*
 * Where octets go.  Of a name only the right-hand end counts: when it is full, what
 * cannot be in the last 253 octets is dropped.  Of a text it is the left-hand one.
 */
struct sink {
	char *ptr;
	size_t len, max;
	bool is_name;
	bool not_ascii; /* or not printable */
};

enum {
	NAME_SINK = 2048,
	NAME_KEEP = VX_DNS_NAME_MAX + 2 /* with a dot before it and one at its end */
};

static void put(struct sink *out, char c)
{
	if (c < ' ' || c > '~')
		out->not_ascii = true;
	if (out->len == out->max) {
		if (!out->is_name)
			return;
		memmove(out->ptr, out->ptr + out->len - NAME_KEEP, NAME_KEEP);
		out->len = NAME_KEEP;
	}
	out->ptr[out->len++] = c;
}

/* An octet of a value: all but "unreserved" of RFC 3986 2.3 is escaped where asked for.
 */
static void put_value(struct sink *out, char c, bool escape)
{
	static const char digits[] = "0123456789ABCDEF";

	if (!escape || vx_is(c, VX_C_ALPHA | VX_C_DIGIT) || c == '-' || c == '.' ||
	    c == '_' || c == '~') {
		put(out, c);
		return;
	}
	put(out, '%');
	put(out, digits[(unsigned char)c >> 4]);
	put(out, digits[(unsigned char)c & 15]);
}

static bool is_split(const struct vx_spf_piece *piece, char c)
{
	return vx_slice_find(piece->delimiters, c) < piece->delimiters.len;
}

static size_t count_parts(const struct vx_spf_piece *piece, vx_slice value)
{
	size_t n = 1;

	for (size_t i = 0; i < value.len; i++)
		n += is_split(piece, value.ptr[i]);
	return n;
}

/* Without the first n parts. */
static vx_slice drop_parts(const struct vx_spf_piece *piece, vx_slice value, size_t n)
{
	size_t at = 0;

	while (n > 0)
		n -= is_split(piece, value.ptr[at++]);
	return vx_slice_from(value, at);
}

static void put_parts(struct sink *out, const struct vx_spf_piece *piece, vx_slice value)
{
	for (size_t i = 0; i < value.len; i++)
		put_value(out, is_split(piece, value.ptr[i]) ? '.' : value.ptr[i],
		    piece->escape);
}

/* The last part of value, which loses it. */
static vx_slice cut_last(const struct vx_spf_piece *piece, vx_slice *value)
{
	size_t at = value->len;
	vx_slice part;

	while (at > 0 && !is_split(piece, value->ptr[at - 1]))
		at--;
	part = vx_slice_from(*value, at);
	*value = vx_slice_head(*value, at > 0 ? at - 1 : 0);
	return part;
}

/* The parts that stay, the last one first. */
static void put_reversed(
    struct sink *out, const struct vx_spf_piece *piece, vx_slice value)
{
	size_t n = count_parts(piece, value);

	/* what is at the right after reversal was at the left */
	for (; n > piece->keep; n--)
		(void)cut_last(piece, &value);
	for (; n > 0; n--) {
		put_parts(out, piece, cut_last(piece, &value));
		if (n > 1)
			put_value(out, '.', piece->escape);
	}
}

static void put_macro(struct sink *out, const struct vx_spf_piece *piece, vx_slice value)
{
	size_t n;

	if (!piece->transform) {
		for (size_t i = 0; i < value.len; i++)
			put_value(out, value.ptr[i], piece->escape);
	} else if (piece->reverse) {
		put_reversed(out, piece, value);
	} else {
		n = count_parts(piece, value);
		put_parts(out, piece,
		    n > piece->keep ? drop_parts(piece, value, n - piece->keep) : value);
	}
}

static const char *value_of(const struct vx_spf *s, const char *domain, char letter)
{
	switch (letter) {
	case 's':
		return s->sender;
	case 'l':
		return s->local;
	case 'o':
		return s->origin;
	case 'd':
		return domain;
	case 'i':
		return s->dotted;
	case 'p':
		return s->p;
	case 'v':
		return s->ipv6 ? "ip6" : "in-addr";
	case 'h':
		return s->helo;
	case 'c':
		return s->client;
	case 'r':
		return s->receiver;
	default:
		return s->now;
	}
}

/* spec is known to be a macro-string. */
static void expand(
    const struct vx_spf *s, const char *domain, vx_slice spec, struct sink *out)
{
	struct vx_cursor c = vx_cursor_of(spec);
	struct vx_spf_piece piece;

	while (!vx_cur_end(&c) && vx_spf_piece_next(&c, &piece)) {
		if (piece.letter != 0)
			put_macro(
			    out, &piece, vx_slice_str(value_of(s, domain, piece.letter)));
		for (size_t i = 0; i < piece.text.len; i++)
			put(out, piece.text.ptr[i]);
	}
}

/* Labels go from the left until 253 octets are left (7.3). */
static vx_slice cut_labels(vx_slice name)
{
	const size_t max =
	    VX_DNS_NAME_MAX + (name.len > 0 && name.ptr[name.len - 1] == '.' ? 1u : 0u);

	if (name.len <= max)
		return name;
	name = vx_slice_from(name, name.len - max - 1);
	return vx_slice_from(name, vx_slice_find(name, '.') + 1);
}

int vx_spf_expand_name(
    const struct vx_spf *s, const char *domain, vx_slice spec, char *out)
{
	char text[NAME_SINK], name[VX_DNS_NAME_MAX + 1];
	struct sink sink = { .ptr = text, .max = sizeof(text), .is_name = true };
	int rc;

	expand(s, domain, spec, &sink);
	rc = vx_dns_name(cut_labels(vx_slice_of(text, sink.len)), name);
	if (rc != VX_OK || name[0] == '\0')
		return VX_EINVAL;
	memcpy(out, name, sizeof(name));
	return VX_OK;
}

bool vx_spf_expand_text(const struct vx_spf *s, const char *domain, vx_slice text,
    char out[VX_SPF_EXPLANATION_MAX + 1])
{
	struct sink sink = { .ptr = out, .max = VX_SPF_EXPLANATION_MAX };

	expand(s, domain, text, &sink);
	out[sink.not_ascii ? 0 : sink.len] = '\0';
	return !sink.not_ascii;
}
