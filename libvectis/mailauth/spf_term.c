/* Terms of a record and the macros in them (RFC 7208 4.6.1, 5, 6, 7.1 and 12). */
#include "mailauth/spf_int.h"

#include <arpa/inet.h>

/* --- macro-string ------------------------------------------------------------------ */

static bool is_delimiter(char c)
{
	return c != '\0' && strchr(".-+,/_=", c) != NULL;
}

/* Behind "%{": letter, transformers, delimiters and "}". */
static bool braces(struct vx_cursor *c, struct vx_spf_piece *out)
{
	const char *start;

	if (vx_cur_end(c) || !vx_is(*c->p, VX_C_ALPHA))
		return false;
	out->letter = vx_lower(*c->p);
	out->escape = *c->p != out->letter;
	if (strchr("slodiphcrtv", out->letter) == NULL)
		return false;
	start = ++c->p;
	for (; !vx_cur_end(c) && vx_is(*c->p, VX_C_DIGIT); c->p++)
		if (out->keep < VX_SPF_PARTS_MAX)
			out->keep = out->keep * 10 + (unsigned)(*c->p - '0');
	if (c->p > start && out->keep == 0)
		return false;
	if (c->p == start || out->keep > VX_SPF_PARTS_MAX)
		out->keep = VX_SPF_PARTS_MAX;
	out->reverse = vx_cur_char(c, 'r') || vx_cur_char(c, 'R');
	out->delimiters.ptr = c->p;
	while (!vx_cur_end(c) && is_delimiter(*c->p))
		c->p++;
	out->delimiters.len = (size_t)(c->p - out->delimiters.ptr);
	out->transform = c->p > start;
	if (out->delimiters.len == 0)
		out->delimiters = VX_S(".");
	return vx_cur_char(c, '}');
}

bool vx_spf_piece_next(struct vx_cursor *c, struct vx_spf_piece *out)
{
	const char *const start = c->p;

	*out = (struct vx_spf_piece){ 0 };
	while (!vx_cur_end(c) && *c->p >= ' ' && *c->p < 0x7f && *c->p != '%')
		c->p++;
	if (c->p > start) {
		out->text = vx_slice_range(start, c->p);
		return true;
	}
	out->macro = true;
	if (vx_cur_text(c, VX_S("%{"))) {
		if (braces(c, out))
			return true;
	} else if (vx_cur_text(c, VX_S("%%"))) {
		out->text = VX_S("%");
	} else if (vx_cur_text(c, VX_S("%_"))) {
		out->text = VX_S(" ");
	} else if (vx_cur_text(c, VX_S("%-"))) {
		out->text = VX_S("%20");
	}
	return out->text.len > 0;
}

bool vx_spf_is_explanation(vx_slice text, unsigned *macros)
{
	struct vx_cursor c = vx_cursor_of(text);
	struct vx_spf_piece piece;
	unsigned letters = 0;

	while (!vx_cur_end(&c)) {
		if (!vx_spf_piece_next(&c, &piece))
			return false;
		if (piece.letter != 0)
			letters |= VX_SPF_LETTER(piece.letter);
	}
	*macros = letters;
	return true;
}

/* --- domain-spec ------------------------------------------------------------------- */

static bool is_all_digits(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_DIGIT))
			return false;
	return true;
}

/* "." toplabel [ "." ] at the end of literal text. */
static bool ends_in_toplabel(vx_slice s)
{
	vx_slice label;

	if (s.len > 0 && s.ptr[s.len - 1] == '.')
		s.len--;
	if (vx_slice_rfind(s, '.') == s.len)
		return false;
	label = vx_slice_from(s, vx_slice_rfind(s, '.') + 1);
	if (label.len == 0 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!vx_is(label.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && label.ptr[i] != '-')
			return false;
	return !is_all_digits(label);
}

static bool read_address(vx_slice s, int family, unsigned char out[16])
{
	char text[VX_DNS_ADDRESS_MAX + 1];

	if (s.len >= sizeof(text) || vx_slice_find(s, '\0') < s.len)
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return inet_pton(family, text, out) == 1;
}

static const char *domain_spec(vx_slice s, struct vx_spf_term *t)
{
	const unsigned explanations_only =
	    VX_SPF_LETTER('c') | VX_SPF_LETTER('r') | VX_SPF_LETTER('t');
	struct vx_cursor c = vx_cursor_of(s);
	struct vx_spf_piece piece = { 0 };
	unsigned char octets[16];

	if (s.len == 0)
		return "there is no domain in it";
	while (!vx_cur_end(&c)) {
		const bool percent = *c.p == '%';

		if (!vx_spf_piece_next(&c, &piece))
			return percent ? "it has a macro that is none"
				       : "it has octets that may not be there";
		if (piece.letter != 0)
			t->macros |= VX_SPF_LETTER(piece.letter);
	}
	if ((t->macros & explanations_only) != 0)
		return "%{c}, %{r} and %{t} are for explanations only";
	if (!piece.macro && read_address(s, AF_INET, octets))
		return "an address stands where a domain should; was ip4: meant?";
	if (!piece.macro && !ends_in_toplabel(piece.text))
		return "its domain does not end in a top-level domain";
	t->last = piece.letter;
	t->spec = s;
	return NULL;
}

/* --- networks ---------------------------------------------------------------------- */

/*
 * Cut "/24" (or what stands for the slash) off the end of *s.  False: its number is none
 * or above max.  Nothing is cut, and *out stays, where there is none.
 */
static bool cut_prefix(vx_slice *s, vx_slice slash, unsigned max, unsigned *out)
{
	size_t begin = s->len;
	uint64_t n;

	while (begin > 0 && vx_is(s->ptr[begin - 1], VX_C_DIGIT))
		begin--;
	if (begin == s->len || !vx_slice_has_suffix(vx_slice_head(*s, begin), slash))
		return true;
	if ((s->ptr[begin] == '0' && s->len - begin > 1) ||
	    vx_slice_number(vx_slice_from(*s, begin), max, &n) != VX_OK)
		return false;
	*out = (unsigned)n;
	s->len = begin - slash.len;
	return true;
}

static const char bad_prefix[] = "its prefix length is out of range";

static const char *dual_cidr(vx_slice *arg, struct vx_spf_term *t)
{
	if (!cut_prefix(arg, VX_S("//"), 128, &t->prefix6) ||
	    !cut_prefix(arg, VX_S("/"), 32, &t->prefix4))
		return bad_prefix;
	return NULL;
}

/* inet_pton of some systems takes "010" for an octet. */
static bool has_leading_zero(vx_slice s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.ptr[i] == '0' && (i == 0 || s.ptr[i - 1] == '.') &&
		    s.ptr[i + 1] != '.')
			return true;
	return false;
}

static const char *ip4(vx_slice arg, struct vx_spf_term *t)
{
	vx_slice s = vx_slice_from(arg, 1);

	if (!cut_prefix(&s, VX_S("/"), 32, &t->prefix4))
		return bad_prefix;
	if (has_leading_zero(s) || !read_address(s, AF_INET, t->network))
		return "it has no IPv4 address";
	return NULL;
}

static const char *ip6(vx_slice arg, struct vx_spf_term *t)
{
	vx_slice s = vx_slice_from(arg, 1);

	if (!cut_prefix(&s, VX_S("/"), 128, &t->prefix6))
		return bad_prefix;
	if (!read_address(s, AF_INET6, t->network))
		return "it has no IPv6 address";
	return NULL;
}

/* --- terms ------------------------------------------------------------------------- */

enum argument {
	ARG_NONE,
	ARG_SPEC,
	ARG_SPEC_OR_NONE,
	ARG_SPEC_CIDR_OR_NONE,
	ARG_IP4,
	ARG_IP6
};

static const struct {
	vx_slice name;
	enum vx_spf_kind kind;
	enum argument argument;
} mechanisms[] = {
	{ VX_SLICE_INIT("ip4"), VX_SPF_IP4, ARG_IP4 },
	{ VX_SLICE_INIT("ip6"), VX_SPF_IP6, ARG_IP6 },
	{ VX_SLICE_INIT("include"), VX_SPF_INCLUDE, ARG_SPEC },
	{ VX_SLICE_INIT("a"), VX_SPF_A, ARG_SPEC_CIDR_OR_NONE },
	{ VX_SLICE_INIT("mx"), VX_SPF_MX, ARG_SPEC_CIDR_OR_NONE },
	{ VX_SLICE_INIT("all"), VX_SPF_ALL, ARG_NONE },
	{ VX_SLICE_INIT("exists"), VX_SPF_EXISTS, ARG_SPEC },
	{ VX_SLICE_INIT("ptr"), VX_SPF_PTR, ARG_SPEC_OR_NONE },
};

/* arg: what follows the name, with its colon. */
static const char *read_argument(
    enum argument argument, vx_slice arg, struct vx_spf_term *t)
{
	const char *problem = NULL;

	if (argument == ARG_SPEC_CIDR_OR_NONE)
		problem = dual_cidr(&arg, t);
	if (problem != NULL ||
	    (arg.len == 0 && (argument == ARG_NONE || argument == ARG_SPEC_OR_NONE ||
				 argument == ARG_SPEC_CIDR_OR_NONE)))
		return problem;
	if (argument == ARG_NONE)
		return "nothing may follow its name";
	if (arg.len == 0 || arg.ptr[0] != ':')
		return "a colon should follow its name";
	if (argument == ARG_IP4)
		return ip4(arg, t);
	if (argument == ARG_IP6)
		return ip6(arg, t);
	return domain_spec(vx_slice_from(arg, 1), t);
}

static const char *mechanism(vx_slice name, vx_slice arg, struct vx_spf_term *t)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (vx_slice_eq_nocase(name, mechanisms[i].name)) {
			t->kind = mechanisms[i].kind;
			return read_argument(mechanisms[i].argument, arg, t);
		}
	return "there is no such mechanism";
}

static const char *modifier(vx_slice name, vx_slice value, struct vx_spf_term *t)
{
	if (name.len == 0 || !vx_is(name.ptr[0], VX_C_ALPHA))
		return "its name does not begin with a letter";
	t->kind = vx_slice_eq_nocase(name, VX_S("redirect")) ? VX_SPF_REDIRECT
		  : vx_slice_eq_nocase(name, VX_S("exp"))    ? VX_SPF_EXP
							     : VX_SPF_UNKNOWN;
	if (t->kind != VX_SPF_UNKNOWN)
		return domain_spec(value, t);
	return vx_spf_is_explanation(value, &t->macros) ? NULL
							: "its value is no macro-string";
}

static enum vx_verdict qualifier(char c)
{
	switch (c) {
	case '+':
		return VX_VERDICT_PASS;
	case '-':
		return VX_VERDICT_FAIL;
	case '~':
		return VX_VERDICT_SOFTFAIL;
	case '?':
		return VX_VERDICT_NEUTRAL;
	default:
		return VX_VERDICT_NONE;
	}
}

const char *vx_spf_term_parse(vx_slice text, struct vx_spf_term *out)
{
	const enum vx_verdict said =
	    text.len > 0 ? qualifier(text.ptr[0]) : VX_VERDICT_NONE;
	vx_slice name, arg;
	size_t len = 0;

	*out = (struct vx_spf_term){ .text = text,
		.qualifier = said == VX_VERDICT_NONE ? VX_VERDICT_PASS : said,
		.prefix4 = 32,
		.prefix6 = 128 };
	arg = said == VX_VERDICT_NONE ? text : vx_slice_from(text, 1);
	while (len < arg.len &&
	       (vx_is(arg.ptr[len], VX_C_ALPHA | VX_C_DIGIT) ||
		   (arg.ptr[len] != '\0' && strchr("-_.", arg.ptr[len]) != NULL)))
		len++;
	name = vx_slice_head(arg, len);
	arg = vx_slice_from(arg, len);
	if (arg.len == 0 || arg.ptr[0] != '=')
		return mechanism(name, arg, out);
	if (said != VX_VERDICT_NONE)
		return "a modifier has no qualifier";
	return modifier(name, vx_slice_from(arg, 1), out);
}

bool vx_spf_term_next(vx_slice record, size_t *at, vx_slice *out)
{
	size_t begin = *at == 0 ? VX_S("v=spf1").len : *at;
	size_t end;

	while (begin < record.len && record.ptr[begin] == ' ')
		begin++;
	end = begin + vx_slice_find(vx_slice_from(record, begin), ' ');
	*at = end;
	*out = vx_slice_of(record.ptr + begin, end - begin);
	return end > begin;
}

/* --- explicit ---------------------------------------------------------------------- */

static bool is_client_chosen(char letter)
{
	return letter != 0 && strchr("slhp", letter) != NULL;
}

bool vx_spf_term_is_explicit(const struct vx_spf_term *t, bool ipv6)
{
	if (is_client_chosen(t->last))
		return false;
	switch (t->kind) {
	case VX_SPF_A:
	case VX_SPF_MX:
	case VX_SPF_IP4:
	case VX_SPF_IP6:
		return ipv6 ? t->prefix6 >= VX_SPF_EXPLICIT_IP6
			    : t->prefix4 >= VX_SPF_EXPLICIT_IP4;
	case VX_SPF_EXISTS:
		return (t->macros & (VX_SPF_LETTER('i') | VX_SPF_LETTER('p'))) != 0;
	case VX_SPF_INCLUDE:
	case VX_SPF_PTR:
	case VX_SPF_REDIRECT:
		return true;
	case VX_SPF_ALL:
	case VX_SPF_EXP:
	case VX_SPF_UNKNOWN:
		return false;
	}
	return false;
}
