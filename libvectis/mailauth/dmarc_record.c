/* The text of a DMARC record (RFC 9989 4.7 and 4.8). */
#include "base/cursor.h"
#include "base/encode.h"
#include "mailauth/path.h"
#include "vectis/address.h"
#include "vectis/dmarc.h"

const char *vx_dmarc_policy_name(enum vx_dmarc_policy policy)
{
	switch (policy) {
	case VX_DMARC_QUARANTINE:
		return "quarantine";
	case VX_DMARC_REJECT:
		return "reject";
	case VX_DMARC_UNSET:
	case VX_DMARC_NONE:
		break;
	}
	return "none";
}

/* --- URIs (RFC 9989 4.6, RFC 3986, RFC 6068) -----------------------------------------
 */

/* Octets of a URI but for ',' and '!', which must be encoded, and ';', which ends a tag.
 */
static bool is_uri_text(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];

		if (c == '%') {
			if (s.len - i < 3 || vx_hex_value(s.ptr[i + 1]) < 0 ||
			    vx_hex_value(s.ptr[i + 2]) < 0)
				return false;
		} else if (!vx_is(c, VX_C_ALPHA | VX_C_DIGIT) &&
			   (c == '\0' || strchr("-._~:/?#[]@$&'()*+=", c) == NULL)) {
			return false;
		}
	}
	return s.len > 0;
}

static bool scheme(struct vx_cursor *c, vx_slice *out)
{
	const char *const start = c->p;

	if (vx_cur_end(c) || !vx_is(*c->p, VX_C_ALPHA))
		return false;
	while (!vx_cur_end(c) && (vx_is(*c->p, VX_C_ALPHA | VX_C_DIGIT) ||
				     (*c->p != '\0' && strchr("+-.", *c->p) != NULL)))
		c->p++;
	*out = vx_slice_range(start, c->p);
	return vx_cur_char(c, ':');
}

/* "10m": at most what 64 bits can say. */
static bool size_limit(vx_slice s, uint64_t *out)
{
	static const char units[] = "kmgt";
	const char *unit = NULL;
	unsigned shift = 0;
	uint64_t n;

	if (s.len > 0 && vx_is(s.ptr[s.len - 1], VX_C_ALPHA)) {
		unit = strchr(units, vx_lower(s.ptr[--s.len]));
		if (unit == NULL)
			return false;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (vx_slice_number(s, UINT64_MAX, &n) != VX_OK)
		return false;
	*out = n > UINT64_MAX >> shift ? UINT64_MAX : n << shift;
	return true;
}

/* The address of a mailto URI: its path, decoded, if SMTP can take that. */
static int mailto(vx_slice path, struct vx_arena *arena, struct vx_dmarc_uri *out)
{
	struct vx_buf text = { .max = VX_DMARC_URI_MAX };
	struct vx_buf whole = { .max = 2 * (size_t)VX_DMARC_URI_MAX };
	vx_slice local, host;
	int rc = VX_EINVAL;

	path = vx_slice_head(path, vx_slice_find(path, '?'));
	for (size_t i = 0; i < path.len; i++) {
		char c = path.ptr[i];

		if (c == '%') {
			c = (char)(vx_hex_value(path.ptr[i + 1]) * 16 +
				   vx_hex_value(path.ptr[i + 2]));
			i += 2;
		}
		vx_buf_add_char(&text, c);
	}
	if (!text.failed && vx_path_split(vx_buf_slice(&text), &local, &host) == VX_OK) {
		vx_buf_add(&whole, local);
		vx_buf_add_char(&whole, '@');
		rc = vx_domain_normalise(host, &whole);
	}
	if (rc == VX_OK) {
		rc = vx_arena_copy(arena, vx_buf_slice(&whole), &out->address);
		out->host = vx_slice_from(out->address, local.len + 1);
	}
	vx_buf_done(&text);
	vx_buf_done(&whole);
	return rc;
}

/* VX_OK; VX_EINVAL: it is none; VX_ELIMIT. */
static int dmarc_uri(vx_slice s, struct vx_arena *arena, struct vx_dmarc_uri *out)
{
	const size_t bang = vx_slice_rfind(s, '!');
	struct vx_dmarc_uri uri = { 0 };
	struct vx_cursor c;
	vx_slice name;
	int rc = VX_OK;

	if (bang < s.len && !size_limit(vx_slice_from(s, bang + 1), &uri.octets_max))
		return VX_EINVAL;
	uri.uri = vx_slice_head(s, bang);
	c = vx_cursor_of(uri.uri);
	if (uri.uri.len > VX_DMARC_URI_MAX || !scheme(&c, &name) ||
	    !is_uri_text(vx_cur_rest(&c)))
		return VX_EINVAL;
	if (vx_slice_eq_nocase(name, VX_S("mailto")))
		rc = mailto(vx_cur_rest(&c), arena, &uri);
	if (rc == VX_OK)
		*out = uri;
	return rc;
}

static int uri_list(
    vx_slice list, struct vx_arena *arena, struct vx_dmarc_uri **out, size_t *out_count)
{
	struct vx_dmarc_uri *uris =
	    vx_arena_array(arena, VX_DMARC_URIS_MAX, sizeof(*uris));
	size_t count = 0;
	bool more = true;

	if (uris == NULL)
		return VX_ELIMIT;
	while (more && count < VX_DMARC_URIS_MAX) {
		vx_slice one;
		int rc;

		more = vx_slice_cut(&list, ',', &one);
		rc = dmarc_uri(vx_slice_trim(one, " \t"), arena, &uris[count]);
		if (rc == VX_ELIMIT)
			return rc;
		count += rc == VX_OK;
	}
	*out = uris;
	*out_count = count;
	return VX_OK;
}

/* --- tags ----------------------------------------------------------------------------
 */

enum tag {
	TAG_ADKIM,
	TAG_ASPF,
	TAG_FO,
	TAG_NP,
	TAG_P,
	TAG_PSD,
	TAG_RUA,
	TAG_RUF,
	TAG_SP,
	TAG_T,
	TAG_COUNT
};

static const char *const tag_names[TAG_COUNT] = {
	[TAG_ADKIM] = "adkim",
	[TAG_ASPF] = "aspf",
	[TAG_FO] = "fo",
	[TAG_NP] = "np",
	[TAG_P] = "p",
	[TAG_PSD] = "psd",
	[TAG_RUA] = "rua",
	[TAG_RUF] = "ruf",
	[TAG_SP] = "sp",
	[TAG_T] = "t",
};

/* What a record says: values without the blanks around them, ptr NULL: not there. */
struct tags {
	vx_slice value[TAG_COUNT];
};

static bool is_value(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (vx_is(s.ptr[i], VX_C_CTL | VX_C_HIGH) && s.ptr[i] != '\t')
			return false;
	return s.len > 0;
}

/* A tag that is not what 4.8 says is as good as not there. */
static void dmarc_tag(vx_slice s, struct tags *out)
{
	vx_slice name;

	if (!vx_slice_cut(&s, '=', &name))
		return;
	name = vx_slice_trim(name, " \t");
	s = vx_slice_trim(s, " \t");
	if (!is_value(s))
		return;
	for (size_t i = 0; i < TAG_COUNT; i++)
		if (out->value[i].ptr == NULL &&
		    vx_slice_eq_nocase(name, vx_slice_str(tag_names[i])))
			out->value[i] = s;
}

/* "v" equals "DMARC1", and then a separator or nothing. */
static bool dmarc_version(vx_slice *rest)
{
	struct vx_cursor c = vx_cursor_of(*rest);

	if (!vx_cur_text(&c, VX_S("v")))
		return false;
	(void)vx_cur_run(&c, VX_C_WSP);
	if (!vx_cur_char(&c, '='))
		return false;
	(void)vx_cur_run(&c, VX_C_WSP);
	if (!vx_slice_has_prefix(vx_cur_rest(&c), VX_S("DMARC1")))
		return false;
	c.p += 6;
	(void)vx_cur_run(&c, VX_C_WSP);
	if (!vx_cur_end(&c) && !vx_cur_char(&c, ';'))
		return false;
	*rest = vx_cur_rest(&c);
	return true;
}

static bool is(vx_slice value, const char *text)
{
	return vx_slice_eq_nocase(value, vx_slice_str(text));
}

static enum vx_dmarc_policy dmarc_request(vx_slice value, bool *bad)
{
	if (is(value, "none"))
		return VX_DMARC_NONE;
	if (is(value, "quarantine"))
		return VX_DMARC_QUARANTINE;
	if (is(value, "reject"))
		return VX_DMARC_REJECT;
	*bad = *bad || value.ptr != NULL;
	return VX_DMARC_UNSET;
}

/* Each at most once, and not both "0" and "1"; otherwise the default. */
static unsigned dmarc_fo(vx_slice value)
{
	static const char letters[] = "01ds";
	unsigned fo = 0;
	bool more = value.ptr != NULL;

	while (more) {
		vx_slice one;
		const char *at;
		unsigned flag;

		more = vx_slice_cut(&value, ':', &one);
		at = one.len == 1 ? strchr(letters, vx_lower(*one.ptr)) : NULL;
		if (at == NULL)
			return VX_DMARC_FO_ALL;
		flag = 1u << (unsigned)(at - letters);
		if ((fo & flag) != 0)
			return VX_DMARC_FO_ALL;
		fo |= flag;
	}
	if (fo == 0 || (fo & (VX_DMARC_FO_ALL | VX_DMARC_FO_ANY)) ==
			   (VX_DMARC_FO_ALL | VX_DMARC_FO_ANY))
		return VX_DMARC_FO_ALL;
	return fo;
}

static void read_tags(const struct tags *t, struct vx_dmarc_record *r)
{
	r->p = dmarc_request(t->value[TAG_P], &r->bad_policy);
	r->sp = dmarc_request(t->value[TAG_SP], &r->bad_policy);
	r->np = dmarc_request(t->value[TAG_NP], &r->bad_policy);
	r->bad_policy = r->bad_policy || r->p == VX_DMARC_UNSET;
	r->strict_dkim = is(t->value[TAG_ADKIM], "s");
	r->strict_spf = is(t->value[TAG_ASPF], "s");
	r->testing = is(t->value[TAG_T], "y");
	if (is(t->value[TAG_PSD], "y"))
		r->psd = VX_DMARC_PSD_Y;
	else if (is(t->value[TAG_PSD], "n"))
		r->psd = VX_DMARC_PSD_N;
}

static int read_uris(
    const struct tags *t, struct vx_arena *arena, struct vx_dmarc_record *r)
{
	const vx_slice rua = t->value[TAG_RUA], ruf = t->value[TAG_RUF];
	int rc = VX_OK;

	if (rua.ptr != NULL)
		rc = uri_list(rua, arena, &r->rua, &r->rua_count);
	if (rc == VX_OK && ruf.ptr != NULL && r->psd != VX_DMARC_PSD_Y) {
		rc = uri_list(ruf, arena, &r->ruf, &r->ruf_count);
		r->fo = dmarc_fo(t->value[TAG_FO]);
	}
	return rc;
}

int vx_dmarc_record_parse(
    vx_slice text, struct vx_arena *arena, struct vx_dmarc_record *out)
{
	struct vx_dmarc_record r = { 0 };
	struct tags tags = { 0 };
	bool more = true;
	int rc;

	if (text.len > VX_DMARC_RECORD_MAX || !dmarc_version(&text))
		return VX_EINVAL;
	if (vx_arena_copy(arena, text, &text) != VX_OK)
		return VX_ELIMIT;
	while (more) {
		vx_slice one;

		more = vx_slice_cut(&text, ';', &one);
		dmarc_tag(one, &tags);
	}
	read_tags(&tags, &r);
	rc = read_uris(&tags, arena, &r);
	if (rc == VX_OK)
		*out = r;
	return rc;
}
