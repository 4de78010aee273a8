/* Certification authority authorization (RFC 8659, RFC 8657). */
#include "vectis/caa.h"

#include "base/chars.h"

#include <stdio.h>

/* --- values (RFC 8659 4.2) ------------------------------------------------------------
 */

static vx_slice skip_blanks(vx_slice s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = vx_slice_from(s, 1);
	return s;
}

/* Letters and digits, with hyphens between them. */
static bool is_label(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && s.ptr[i] != '-')
			return false;
	return s.len > 0 && s.ptr[0] != '-' && s.ptr[s.len - 1] != '-';
}

static bool is_domain(vx_slice s)
{
	vx_slice label;

	if (s.len > VX_DNS_NAME_MAX || s.ptr[s.len - 1] == '.')
		return false;
	while (s.len > 0) {
		(void)vx_slice_cut(&s, '.', &label);
		if (!is_label(label))
			return false;
	}
	return true;
}

static bool is_value(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7e || s.ptr[i] == ';')
			return false;
	return true;
}

static bool read_parameter(vx_slice text, struct vx_caa_parameter *out)
{
	vx_slice name;

	if (!vx_slice_cut(&text, '=', &name))
		return false;
	out->name = vx_slice_trim(name, " \t");
	out->value = vx_slice_trim(text, " \t");
	return is_label(out->name) && is_value(out->value);
}

/* The parameters; a semicolon stands between two of them, and not behind the last. */
static int read_parameters(vx_slice rest, struct vx_caa_value *out)
{
	bool more = skip_blanks(rest).len > 0;

	while (more) {
		vx_slice part;

		more = vx_slice_cut(&rest, ';', &part);
		if (out->count == VX_CAA_PARAMETERS_MAX ||
		    !read_parameter(part, &out->parameters[out->count]))
			return VX_ESYNTAX;
		out->count++;
	}
	return VX_OK;
}

int vx_caa_read_value(vx_slice text, struct vx_caa_value *out)
{
	struct vx_caa_value v = { .count = 0 };
	vx_slice issuer;
	int rc;

	(void)vx_slice_cut(&text, ';', &issuer);
	v.issuer = vx_slice_trim(issuer, " \t");
	if (v.issuer.len > 0 && !is_domain(v.issuer))
		return VX_ESYNTAX;
	rc = read_parameters(text, &v);
	if (rc == VX_OK)
		*out = v;
	return rc;
}

bool vx_caa_parameter(
    const struct vx_caa_value *v, const char *name, vx_slice *out, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < v->count; i++)
		if (vx_slice_eq_nocase(v->parameters[i].name, vx_slice_str(name))) {
			*out = v->parameters[i].value;
			++*count;
		}
	return *count == 1;
}

bool vx_caa_is_listed(vx_slice issuer, const char *list)
{
	vx_slice rest = vx_slice_str(list), each;

	while (rest.len > 0 && issuer.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &each);
		if (vx_slice_eq_nocase(each, issuer))
			return true;
	}
	return false;
}

/* --- one record -----------------------------------------------------------------------
 */

/* How far a record of issue goes towards us. */
enum nearness {
	OTHERS,  /* it is for another authority, for nobody, or cannot be read */
	ACCOUNT, /* for another account there */
	METHODS, /* for methods that we do not have */
	OURS
};

/* RFC 8657 4: labels between commas; none of ours is like one that is malformed. */
static unsigned methods_of(const struct vx_caa_options *o, vx_slice list)
{
	unsigned bits = 0;
	bool more = true;

	while (more) {
		vx_slice each;

		more = vx_slice_cut(&list, ',', &each);
		for (size_t i = 0; i < each.len; i++)
			if (!vx_is(each.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
			    each.ptr[i] != '-')
				return 0;
		if (each.len == 0)
			return 0;
		for (size_t i = 0; i < o->method_count && i < VX_CAA_METHODS_MAX; i++)
			if (vx_slice_eq(each, vx_slice_str(o->methods[i])))
				bits |= 1U << i;
	}
	return bits;
}

static enum nearness judge(
    const struct vx_caa_options *o, vx_slice text, unsigned *methods)
{
	struct vx_caa_value v;
	vx_slice value;
	size_t count;

	*methods = (1U << o->method_count) - 1;
	if (vx_caa_read_value(text, &v) != VX_OK ||
	    !vx_caa_is_listed(v.issuer, o->issuers))
		return OTHERS;
	if (vx_caa_parameter(&v, "accounturi", &value, &count)
		? !vx_slice_eq(value, vx_slice_str(o->account))
		: count > 0)
		return ACCOUNT;
	if (vx_caa_parameter(&v, "validationmethods", &value, &count))
		*methods = methods_of(o, value);
	else if (count > 0)
		*methods = 0;
	return *methods == 0 ? METHODS : OURS;
}

/* --- the set of a name ----------------------------------------------------------------
 */

/* Those that authorities know: any other that is critical stops them (4.5). */
static bool is_known(vx_slice tag)
{
	return vx_caa_is_listed(
	    tag, "issue issuewild iodef issuemail issuevmc contactemail contactphone");
}

static bool has_tag(const struct vx_dns_answer *a, const char *tag)
{
	struct vx_dns_caa r;

	for (size_t i = 0; i < a->count; i++)
		if (vx_dns_read_caa(a->rdata[i], &r) == VX_OK &&
		    vx_slice_eq_nocase(r.tag, vx_slice_str(tag)))
			return true;
	return false;
}

static void say_forbidden(
    struct vx_caa *c, enum nearness nearest, const char *tag, const struct vx_buf *seen)
{
	const vx_slice list = vx_slice_str(c->o.issuers);
	vx_slice rest = list, issuer;
	const char *const where = c->result.where;

	(void)vx_slice_cut(&rest, ' ', &issuer);
	if (nearest == ACCOUNT)
		(void)snprintf(c->result.text, sizeof(c->result.text),
		    "the CAA record of %.60s is for another account: make its accounturi "
		    "%.150s",
		    where,
		    c->o.account[0] == '\0'
			? "that of the account here, when there is one"
			: c->o.account);
	else if (nearest == METHODS)
		(void)snprintf(c->result.text, sizeof(c->result.text),
		    "the validationmethods of the CAA record of %.60s have none that can "
		    "be used here: %.100s",
		    where, seen->len > 0 ? seen->ptr : "");
	else
		(void)snprintf(c->result.text, sizeof(c->result.text),
		    "the CAA records of %.60s let only others issue (%.80s): add %.60s "
		    "CAA "
		    "0 %s \"%.*s\"",
		    where, seen->len > 0 ? seen->ptr : "nobody", where, tag,
		    (int)issuer.len, issuer.ptr);
}

/* What is in the records, harmless to look at. */
static void note(struct vx_buf *seen, vx_slice value)
{
	if (seen->len > 0)
		vx_buf_add_str(seen, ", ");
	for (size_t i = 0; i < value.len && seen->len < 100; i++)
		vx_buf_add_char(seen,
		    value.ptr[i] >= 0x20 && value.ptr[i] < 0x7f ? value.ptr[i] : '?');
}

static void decide(struct vx_caa *c, const struct vx_dns_answer *a)
{
	const char *const tag =
	    c->o.wildcard && has_tag(a, "issuewild") ? "issuewild" : "issue";
	enum nearness nearest = OTHERS;
	struct vx_buf seen = { .max = 200 };
	bool any = false;

	for (size_t i = 0; i < a->count; i++) {
		enum nearness near;
		struct vx_dns_caa r;
		unsigned methods;

		if (vx_dns_read_caa(a->rdata[i], &r) != VX_OK)
			continue;
		if (r.critical && !is_known(r.tag)) {
			c->result.verdict = VX_CAA_FORBIDDEN;
			(void)snprintf(c->result.text, sizeof(c->result.text),
			    "a CAA record of %.60s is critical and of a kind that no "
			    "authority knows: remove it",
			    c->result.where);
			vx_buf_done(&seen);
			return;
		}
		if (!vx_slice_eq_nocase(r.tag, vx_slice_str(tag)))
			continue;
		any = true;
		note(&seen, r.value);
		near = judge(&c->o, r.value, &methods);
		if (near == OURS)
			c->result.methods |= methods;
		if (near > nearest)
			nearest = near;
	}
	if (!any)
		c->result.methods = (1U << c->o.method_count) - 1;
	else if (nearest != OURS)
		c->result.verdict = VX_CAA_FORBIDDEN;
	if (c->result.verdict == VX_CAA_FORBIDDEN)
		say_forbidden(c, nearest, tag, &seen);
	vx_buf_done(&seen);
}

/* --- climbing (RFC 8659 3) ------------------------------------------------------------
 */

void vx_caa_begin(struct vx_caa *c, const struct vx_caa_options *o)
{
	*c = (struct vx_caa){ .o = *o, .name = vx_slice_str(o->name) };
	if (c->o.method_count > VX_CAA_METHODS_MAX)
		c->o.method_count = VX_CAA_METHODS_MAX;
}

int vx_caa_next(struct vx_caa *c, struct vx_dns_question *q)
{
	if (!c->over && c->name.len == 0) {
		c->over = true; /* nobody says anything */
		c->result.methods = (1U << c->o.method_count) - 1;
	}
	if (!c->over && vx_dns_ask(VX_DNS_CAA, "", c->name, q) != VX_OK) {
		c->over = true;
		c->result.verdict = VX_CAA_SILENT;
		(void)snprintf(c->result.text, sizeof(c->result.text), "it is no name");
	}
	return c->over ? VX_DONE : VX_WAIT;
}

void vx_caa_answer(struct vx_caa *c, const struct vx_dns_answer *a)
{
	if (vx_dns_answered(a) && a->count == 0) {
		c->name = vx_dns_parent(c->name, 1);
		return;
	}
	c->over = true;
	(void)snprintf(c->result.where, sizeof(c->result.where), "%.*s", (int)c->name.len,
	    c->name.ptr);
	if (vx_dns_answered(a)) {
		decide(c, a);
		return;
	}
	c->result.verdict = VX_CAA_SILENT;
	(void)snprintf(c->result.text, sizeof(c->result.text),
	    a->status == VX_DNS_BOGUS
		? "the DNSSEC signatures of %.100s are wrong: check the DS record at the "
		  "registrar, and the clock"
		: "the name servers of %.100s fail when they are asked for CAA records: "
		  "authorities do not issue then",
	    c->result.where);
}
