/* Authentication-Results fields that others wrote (RFC 8601 2.2 and 5). */
#include "base/cursor.h"
#include "mime/cfws.h"
#include "vectis/address.h"
#include "vectis/auth_results.h"
#include "vectis/header.h"

enum {
	SUPPORTED_VERSION = 1,
	VERSION_MAX = 999999999
};

static bool keyword(struct vx_cursor *c, vx_slice *out)
{
	const char *const start = c->p;

	while (!vx_cur_end(c) &&
	       (vx_is(*c->p, VX_C_ALPHA | VX_C_DIGIT) || *c->p == '-' || *c->p == '_'))
		c->p++;
	*out = vx_slice_range(start, c->p);
	return out->len > 0;
}

static bool equals(struct vx_cursor *c)
{
	vx_skip_cfws(c);
	if (!vx_cur_char(c, '='))
		return false;
	vx_skip_cfws(c);
	return true;
}

/* A quoted string that is closed, without its quotes and line ends. */
static bool quoted_string(struct vx_cursor *c, struct vx_buf *out)
{
	if (!vx_cur_char(c, '"'))
		return false;
	while (!vx_cur_end(c)) {
		char ch = *c->p++;

		if (ch == '"')
			return true;
		if (ch == '\\') {
			if (vx_cur_end(c))
				return false;
			ch = *c->p++;
		}
		if (ch != '\r' && ch != '\n')
			vx_buf_add_char(out, ch);
	}
	return false;
}

/* value := token / quoted-string; UTF-8 is allowed in both (RFC 8601 2.5). */
static bool value(struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice s;

	if (vx_cur_peek(c) == '"')
		return quoted_string(c, out);
	if (!vx_cur_some(c, VX_C_TOKEN | VX_C_HIGH, &s))
		return false;
	vx_buf_add(out, s);
	return true;
}

/* What a property may be: much is written without quotes that should have them. */
static bool is_pvalue_octet(char c)
{
	return !vx_is(c, VX_C_CTL | VX_C_WSP) && strchr("();\"\\", c) == NULL;
}

/* value / [ [ local-part ] "@" ] domain-name; empty: "smtp.mailfrom=" */
static bool pvalue(struct vx_cursor *c, struct vx_buf *out)
{
	const char *const start = c->p;

	if (vx_cur_peek(c) == '"') {
		if (!quoted_string(c, out))
			return false;
		if (vx_cur_peek(c) != '@')
			return true;
		vx_buf_reset(out);
	}
	while (!vx_cur_end(c) && is_pvalue_octet(*c->p))
		c->p++;
	vx_buf_add(out, vx_slice_range(start, c->p));
	return true;
}

/* authserv-id [ CFWS authres-version ] up to the ";" or the end */
static bool head(struct vx_cursor *c, struct vx_buf *id, unsigned *version)
{
	uint64_t n = 0;

	vx_skip_cfws(c);
	if (!value(c, id) || id->failed || id->len > VX_AUTH_RESULTS_ID_MAX)
		return false;
	vx_skip_cfws(c);
	if (!vx_cur_end(c) && vx_is(*c->p, VX_C_DIGIT)) {
		if (!vx_cur_number(c, VERSION_MAX, &n))
			return false;
		vx_skip_cfws(c);
	}
	*version = (unsigned)n;
	return vx_cur_end(c) || *c->p == ';';
}

int vx_auth_results_id(vx_slice text, struct vx_buf *out, unsigned *version)
{
	struct vx_buf id = { .max = VX_AUTH_RESULTS_ID_MAX };
	struct vx_cursor c = vx_cursor_of(text);
	unsigned n;
	int rc = VX_ESYNTAX;

	if (head(&c, &id, &n)) {
		vx_buf_add(out, vx_buf_slice(&id));
		*version = n;
		rc = VX_OK;
	}
	vx_buf_done(&id);
	return rc;
}

/* --- the whole field -----------------------------------------------------------------
 */

struct reader {
	struct vx_cursor c;
	struct vx_arena *arena;
	struct vx_buf text; /* of one value */
	struct vx_auth_result results[VX_AUTH_RESULTS_MAX];
	size_t count;
	struct vx_auth_property
	    properties[VX_AUTH_PROPERTIES_MAX]; /* of the last result */
	size_t properties_count;
	int rc; /* why reading stopped */
};

static bool stop(struct reader *r, int rc)
{
	r->rc = rc;
	return false;
}

/* What was read, out of text. */
static bool keep(struct reader *r, vx_slice *out)
{
	if (r->text.failed ||
	    vx_arena_copy(r->arena, vx_buf_slice(&r->text), out) != VX_OK)
		return stop(r, VX_ELIMIT);
	vx_buf_reset(&r->text);
	return true;
}

static bool keep_word(struct reader *r, vx_slice word, vx_slice *out)
{
	return vx_arena_copy(r->arena, word, out) == VX_OK || stop(r, VX_ELIMIT);
}

/* reason "=" value, or ptype "." property "=" pvalue; end: there is no more. */
static bool spec(struct reader *r, struct vx_auth_result *result, bool *end)
{
	struct vx_auth_property p = { .ptype = { NULL, 0 } };
	vx_slice first, second;

	vx_skip_cfws(&r->c);
	*end = vx_cur_end(&r->c) || *r->c.p == ';';
	if (*end)
		return true;
	if (!keyword(&r->c, &first))
		return stop(r, VX_ESYNTAX);
	vx_skip_cfws(&r->c);
	if (vx_cur_char(&r->c, '.')) {
		vx_skip_cfws(&r->c);
		if (!keyword(&r->c, &second))
			return stop(r, VX_ESYNTAX);
		if (!keep_word(r, first, &p.ptype) || !keep_word(r, second, &p.name))
			return false;
	} else if (!keep_word(r, first, &p.name)) {
		return false;
	}
	if (!equals(&r->c) || !pvalue(&r->c, &r->text))
		return stop(r, VX_ESYNTAX);
	if (!keep(r, &p.value))
		return false;
	if (p.ptype.len == 0 && vx_slice_eq_nocase(p.name, VX_S("reason"))) {
		result->reason = p.value;
		return true;
	}
	if (r->properties_count == VX_AUTH_PROPERTIES_MAX)
		return stop(r, VX_ELIMIT);
	r->properties[r->properties_count++] = p;
	return true;
}

static bool specs(struct reader *r, struct vx_auth_result *result)
{
	struct vx_auth_property *copy;
	bool end = false;

	r->properties_count = 0;
	while (!end)
		if (!spec(r, result, &end))
			return false;
	if (r->properties_count == 0)
		return true;
	copy = vx_arena_array(r->arena, r->properties_count, sizeof(*copy));
	if (copy == NULL)
		return stop(r, VX_ELIMIT);
	memcpy(copy, r->properties, r->properties_count * sizeof(*copy));
	result->properties = copy;
	result->properties_count = r->properties_count;
	return true;
}

/* ";" methodspec [ reasonspec ] *propspec, or ";" "none", or ";" and nothing */
static bool resinfo(struct reader *r)
{
	struct vx_auth_result result = { .version = 0 };
	vx_slice method, word;
	uint64_t n;

	if (!vx_cur_char(&r->c, ';'))
		return stop(r, VX_ESYNTAX);
	vx_skip_cfws(&r->c);
	if (vx_cur_end(&r->c) || *r->c.p == ';')
		return true;
	if (!keyword(&r->c, &method))
		return stop(r, VX_ESYNTAX);
	vx_skip_cfws(&r->c);
	if (vx_slice_eq_nocase(method, VX_S("none")) &&
	    (vx_cur_end(&r->c) || *r->c.p == ';'))
		return true;
	if (vx_cur_char(&r->c, '/')) {
		vx_skip_cfws(&r->c);
		if (!vx_cur_number(&r->c, VERSION_MAX, &n))
			return stop(r, VX_ESYNTAX);
		result.version = (unsigned)n;
	}
	if (!equals(&r->c) || !keyword(&r->c, &word))
		return stop(r, VX_ESYNTAX);
	if (r->count == VX_AUTH_RESULTS_MAX)
		return stop(r, VX_ELIMIT);
	if (!keep_word(r, method, &result.method) ||
	    !keep_word(r, word, &result.result) || !specs(r, &result))
		return false;
	r->results[r->count++] = result;
	return true;
}

static int payload(struct reader *r, struct vx_auth_results *out)
{
	struct vx_auth_results all = { .count = 0 };
	struct vx_auth_result *copy;
	unsigned version;

	if (!head(&r->c, &r->text, &version))
		return VX_ESYNTAX;
	if (version > SUPPORTED_VERSION)
		return VX_EUNSUP;
	if (!keep(r, &all.authserv_id) || vx_cur_end(&r->c))
		return r->rc == VX_OK ? VX_ESYNTAX : r->rc;
	while (!vx_cur_end(&r->c))
		if (!resinfo(r))
			return r->rc;
	if (r->count > 0) {
		copy = vx_arena_array(r->arena, r->count, sizeof(*copy));
		if (copy == NULL)
			return VX_ELIMIT;
		memcpy(copy, r->results, r->count * sizeof(*copy));
		all.results = copy;
		all.count = r->count;
	}
	*out = all;
	return VX_OK;
}

int vx_auth_results_parse(
    vx_slice text, struct vx_arena *arena, struct vx_auth_results *out)
{
	struct reader r = {
		.c = vx_cursor_of(text), .arena = arena, .text = { .max = text.len }
	};
	const int rc = payload(&r, out);

	vx_buf_done(&r.text);
	return rc;
}

/* --- forged fields -------------------------------------------------------------------
 */

/* As both are compared: A-labels, else lower case. */
static void fold(vx_slice id, struct vx_buf *out)
{
	vx_buf_reset(out);
	if (id.len > 1 && id.ptr[id.len - 1] == '.')
		id.len--;
	if (vx_domain_normalise(id, out) == VX_OK)
		return;
	vx_buf_reset(out);
	for (size_t i = 0; i < id.len; i++)
		vx_buf_add_char(out, vx_lower(id.ptr[i]));
}

/* Without memory everything is: that is the safe side. */
static bool is_one_of(vx_slice id, const vx_slice *ids, size_t count)
{
	struct vx_buf a = { .max = 2 * VX_AUTH_RESULTS_ID_MAX };
	struct vx_buf b = { .max = 2 * VX_AUTH_RESULTS_ID_MAX };
	bool found = false;

	if (id.len == 0 || id.len > VX_AUTH_RESULTS_ID_MAX)
		return false;
	fold(id, &a);
	for (size_t i = 0; i < count && !found; i++) {
		fold(vx_slice_head(ids[i], VX_AUTH_RESULTS_ID_MAX), &b);
		found = a.failed || b.failed ||
			vx_slice_eq(vx_buf_slice(&a), vx_buf_slice(&b));
	}
	vx_buf_done(&a);
	vx_buf_done(&b);
	return found;
}

/* All octets up to the first ';', but for blanks, comments, quotes and backslashes. */
static void careless_id(vx_slice text, struct vx_buf *out)
{
	struct vx_cursor c = vx_cursor_of(text);

	for (;;) {
		vx_skip_cfws(&c);
		if (vx_cur_end(&c) || *c.p == ';')
			return;
		if (*c.p != '"' && *c.p != '\\')
			vx_buf_add_char(out, *c.p);
		c.p++;
	}
}

bool vx_auth_results_claims(vx_slice text, const vx_slice *ids, size_t count)
{
	struct vx_buf id = { .max = text.len }; /* it fails without memory only */
	struct vx_cursor c = vx_cursor_of(text);
	bool claims;

	vx_skip_cfws(&c);
	claims = value(&c, &id) && is_one_of(vx_buf_slice(&id), ids, count);
	if (!claims && !id.failed) {
		vx_buf_reset(&id);
		careless_id(text, &id);
		claims = is_one_of(vx_buf_slice(&id), ids, count);
	}
	claims = claims || (id.failed && count > 0);
	vx_buf_done(&id);
	return claims;
}

static bool is_forged(vx_slice text, const vx_slice *ids, size_t count)
{
	struct vx_buf id = { .max = VX_AUTH_RESULTS_ID_MAX };
	struct vx_cursor c = vx_cursor_of(text);
	unsigned version;
	const bool other = head(&c, &id, &version) && version > SUPPORTED_VERSION;

	vx_buf_done(&id);
	return other || vx_auth_results_claims(text, ids, count);
}

int vx_auth_results_filter(vx_slice header, const vx_slice *ids, size_t count,
    struct vx_buf *out, size_t *removed)
{
	const size_t before = out->len;
	vx_slice rest = header;
	struct vx_field f;
	size_t n = 0;

	while (vx_field_next(&header, &f)) {
		rest = header;
		if (vx_slice_eq_nocase(f.name, VX_S("Authentication-Results")) &&
		    is_forged(f.value, ids, count))
			n++;
		else
			vx_buf_add(out, f.whole);
	}
	vx_buf_add(out, vx_slice_head(rest, rest.len - header.len)); /* the blank line */
	if (out->failed) {
		vx_buf_truncate(out, before);
		return VX_ELIMIT;
	}
	if (removed != NULL)
		*removed = n;
	return VX_OK;
}
