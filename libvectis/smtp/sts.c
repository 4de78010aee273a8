/* TXT records and policies of MTA-STS: both are lists of names and values. */
#include "vectis/sts.h"

#include "base/chars.h"

#define BLANK " \t"

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* sts-ext-name */
static bool is_name(vx_slice s)
{
	if (s.len == 0 || s.len > VX_STS_NAME_MAX || !is_alphanumeric(s.ptr[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_alphanumeric(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != '-' &&
		    s.ptr[i] != '.')
			return false;
	return true;
}

/* --- the TXT record ------------------------------------------------------------------
 */

static bool is_id(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alphanumeric(s.ptr[i]))
			return false;
	return s.len > 0 && s.len <= VX_STS_ID_MAX;
}

/* sts-ext-value: neither blanks nor controls, nor what stands between fields */
static bool is_txt_value(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7e || s.ptr[i] == '=')
			return false;
	return s.len > 0;
}

/* "v=STSv1" and a semicolon: others under the name are somebody else's. */
static bool is_ours(vx_slice text, vx_slice *fields)
{
	vx_slice version;

	if (!vx_slice_cut(&text, ';', &version) ||
	    !vx_slice_has_prefix(version, VX_S("v=STSv1")))
		return false;
	*fields = text;
	return vx_slice_trim(vx_slice_from(version, 7), BLANK).len == 0;
}

/* The fields behind the version; the id is the first one. */
static int read_fields(vx_slice rest, vx_slice *id)
{
	vx_slice field, name;
	bool more = true;

	*id = vx_slice_of("", 0);
	while (more) {
		more = vx_slice_cut(&rest, ';', &field);
		field = vx_slice_trim(field, BLANK);
		if (!more && field.len == 0) /* what the last semicolon ends */
			break;
		if (!vx_slice_cut(&field, '=', &name) || !is_name(name) ||
		    !is_txt_value(field))
			return VX_ESYNTAX;
		if (!vx_slice_eq(name, VX_S("id")))
			continue;
		if (!is_id(field))
			return VX_ESYNTAX;
		if (id->len == 0)
			*id = field;
	}
	return id->len > 0 ? VX_OK : VX_ESYNTAX;
}

static int read_record(vx_slice rdata, char id[VX_STS_ID_MAX + 1])
{
	struct vx_buf text = { .max = 65536 };
	vx_slice fields, found;
	int rc = vx_dns_read_txt(rdata, &text);

	if (rc != VX_OK || !is_ours(vx_buf_slice(&text), &fields))
		rc = VX_ENOENT;
	else
		rc = read_fields(fields, &found);
	if (rc == VX_OK) {
		memcpy(id, found.ptr, found.len);
		id[found.len] = '\0';
	}
	vx_buf_done(&text);
	return rc;
}

int vx_sts_read_txt(const struct vx_dns_answer *a, char id[VX_STS_ID_MAX + 1])
{
	char found[VX_STS_ID_MAX + 1];
	int result = VX_ENOENT;

	if (!vx_dns_answered(a))
		return VX_ETEMP;
	for (size_t i = 0; i < a->count; i++) {
		const int rc = read_record(a->rdata[i], found);

		if (rc == VX_ENOENT)
			continue;
		if (result != VX_ENOENT) /* more than one */
			return VX_ESYNTAX;
		result = rc;
	}
	if (result == VX_OK)
		memcpy(id, found, sizeof(found));
	return result;
}

/* --- the policy ----------------------------------------------------------------------
 */

/* Behind the name: sts-policy-ext-value is UTF-8 without controls. */
static bool is_value(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0;
}

/* The next line that is not empty as name and value; VX_ENOENT: there is none. */
static int next_field(vx_slice *rest, vx_slice *name, vx_slice *value)
{
	vx_slice line = vx_slice_of("", 0);

	while (line.len == 0) {
		if (rest->len == 0)
			return VX_ENOENT;
		(void)vx_slice_cut(rest, '\n', &line);
		line = vx_slice_trim(line, BLANK "\r");
	}
	if (!vx_slice_cut(&line, ':', name) || !is_name(*name))
		return VX_ESYNTAX;
	*value = vx_slice_trim(line, BLANK);
	return is_value(*value) ? VX_OK : VX_ESYNTAX;
}

static bool read_pattern(vx_slice value, char out[VX_DNS_NAME_MAX + 3])
{
	const bool wild = vx_slice_has_prefix(value, VX_S("*."));
	char name[VX_DNS_NAME_MAX + 1];

	if (wild)
		value = vx_slice_from(value, 2);
	if (value.len == 0 || value.ptr[value.len - 1] == '.' ||
	    vx_dns_name(value, name) != VX_OK || !vx_dns_is_host(name))
		return false;
	memcpy(out, "*.", 2);
	memcpy(out + (wild ? 2 : 0), name, strlen(name) + 1);
	return true;
}

bool vx_sts_next_mx(vx_slice *rest, char out[VX_DNS_NAME_MAX + 3])
{
	vx_slice name, value;

	while (next_field(rest, &name, &value) == VX_OK)
		if (vx_slice_eq(name, VX_S("mx")))
			return read_pattern(value, out);
	return false;
}

static const char *const modes[] = {
	[VX_STS_NONE] = "none", [VX_STS_TESTING] = "testing", [VX_STS_ENFORCE] = "enforce"
};

const char *vx_sts_mode_name(enum vx_sts_mode mode)
{
	return (size_t)mode < sizeof(modes) / sizeof(modes[0]) ? modes[mode] : "?";
}

static bool read_mode(vx_slice value, enum vx_sts_mode *out)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (vx_slice_eq(value, vx_slice_str(modes[i]))) {
			*out = (enum vx_sts_mode)i;
			return true;
		}
	return false;
}

static bool read_age(vx_slice value, uint32_t *out)
{
	uint64_t n;

	if (value.len > 10 || vx_slice_number(value, UINT64_MAX, &n) != VX_OK)
		return false;
	*out = n < VX_STS_AGE_MAX ? (uint32_t)n : VX_STS_AGE_MAX;
	return true;
}

enum {
	VERSION = 1,
	MODE = 2,
	AGE = 4,
	ALL = 7
};

/* One field; *seen has those that come once.  A sentence about what is wrong, or NULL. */
static const char *take_field(
    struct vx_sts_policy *p, unsigned *seen, vx_slice name, vx_slice value)
{
	char pattern[VX_DNS_NAME_MAX + 3];
	const unsigned which = vx_slice_eq(name, VX_S("version"))   ? VERSION
			       : vx_slice_eq(name, VX_S("mode"))    ? MODE
			       : vx_slice_eq(name, VX_S("max_age")) ? AGE
								    : 0;

	if (vx_slice_eq(name, VX_S("mx"))) {
		p->mx_count++;
		return read_pattern(value, pattern) ? NULL : "an mx is no name of a host";
	}
	if (which == 0 || (*seen & which) != 0) /* the first one counts */
		return NULL;
	*seen |= which;
	if (which == VERSION)
		return vx_slice_eq(value, VX_S("STSv1")) ? NULL
							 : "the version is not STSv1";
	if (which == MODE)
		return read_mode(value, &p->mode) ? NULL : "the mode is not known";
	return read_age(value, &p->max_age) ? NULL : "max_age is no number of seconds";
}

static const char *what_is_missing(const struct vx_sts_policy *p, unsigned seen)
{
	return (seen & VERSION) == 0                        ? "there is no version"
	       : (seen & MODE) == 0                         ? "there is no mode"
	       : (seen & AGE) == 0                          ? "there is no max_age"
	       : p->mx_count == 0 && p->mode != VX_STS_NONE ? "there is no mx"
							    : NULL;
}

int vx_sts_parse(vx_slice text, struct vx_sts_policy *out, struct vx_error *err)
{
	struct vx_sts_policy p = { .text = text };
	const char *wrong = NULL;
	vx_slice rest = text, name, value;
	unsigned seen = 0;
	int rc = VX_OK;

	if (text.len > VX_STS_OCTETS_MAX)
		return vx_error_set(err, VX_ELIMIT, "the policy is too large");
	while (wrong == NULL && (rc = next_field(&rest, &name, &value)) == VX_OK)
		wrong = take_field(&p, &seen, name, value);
	if (wrong == NULL && rc == VX_ESYNTAX)
		wrong = "a line is no name and value";
	if (wrong == NULL)
		wrong = what_is_missing(&p, seen);
	if (wrong != NULL)
		return vx_error_set(err, VX_ESYNTAX, "%s", wrong);
	*out = p;
	return VX_OK;
}

/* A star stands for one label, all of it. */
static bool matches(const char *pattern, const char *host)
{
	const char *dot;

	if (pattern[0] != '*')
		return strcmp(pattern, host) == 0;
	dot = strchr(host, '.');
	return dot != NULL && dot != host && strcmp(pattern + 1, dot) == 0;
}

bool vx_sts_matches(const struct vx_sts_policy *p, const char *host)
{
	char pattern[VX_DNS_NAME_MAX + 3];
	vx_slice rest = p->text;

	while (vx_sts_next_mx(&rest, pattern))
		if (matches(pattern, host))
			return true;
	return false;
}

bool vx_sts_is_plain(vx_slice content_type)
{
	vx_slice type;

	(void)vx_slice_cut(&content_type, ';', &type);
	return vx_slice_eq_nocase(vx_slice_trim(type, BLANK), VX_S("text/plain"));
}
