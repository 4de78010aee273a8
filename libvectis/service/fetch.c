#include "vectis/fetch.h"

vx_slice vx_fetch_value(const struct vx_fetch_answer *a, const char *name)
{
	for (size_t i = 0; i < a->field_count; i++)
		if (vx_slice_eq_nocase(a->fields[i].name, vx_slice_str(name)))
			return a->fields[i].value;
	return (vx_slice){ 0 };
}

const char *vx_fetch_result_name(enum vx_fetch_result result)
{
	static const char *const names[] = { [VX_FETCH_ANSWERED] = "answered",
		[VX_FETCH_NO_NAME] = "no name",
		[VX_FETCH_DNS] = "DNS failed",
		[VX_FETCH_CONNECT] = "cannot connect",
		[VX_FETCH_TLS] = "TLS failed",
		[VX_FETCH_CERTIFICATE] = "wrong certificate",
		[VX_FETCH_TIMEOUT] = "timed out",
		[VX_FETCH_TOO_LARGE] = "too large",
		[VX_FETCH_BROKEN] = "connection broken",
		[VX_FETCH_FAILED] = "not asked" };

	return (size_t)result < sizeof(names) / sizeof(names[0]) ? names[result] : "?";
}

static bool is_clean(vx_slice s, unsigned char lowest)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < lowest || s.ptr[i] == 0x7f)
			return false;
	return true;
}

static bool is_method(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < 'A' || s.ptr[i] > 'Z')
			return false;
	return s.len > 0 && s.len <= VX_FETCH_METHOD_MAX;
}

static bool is_field(const struct vx_fetch_field *f)
{
	return f->name.len > 0 && f->name.len + f->value.len <= VX_FETCH_FIELD_OCTETS &&
	       is_clean(f->name, '!') && is_clean(f->value, ' ') &&
	       vx_slice_find(f->name, ':') == f->name.len;
}

bool vx_fetch_check(const struct vx_fetch *f)
{
	const vx_slice url = vx_slice_str(f->url);
	size_t octets = 0;

	if (!is_method(vx_slice_str(f->method)) || url.len > VX_FETCH_URL_MAX ||
	    !vx_slice_has_prefix(url, VX_S("https://")) || !is_clean(url, '!') ||
	    f->field_count > VX_FETCH_FIELDS_MAX || f->body.len > VX_FETCH_BODY_MAX ||
	    f->body_max > VX_FETCH_BODY_MAX || f->ms_max > VX_FETCH_MS_MAX)
		return false;
	for (size_t i = 0; i < f->field_count; i++) {
		octets += f->fields[i].name.len + f->fields[i].value.len;
		if (!is_field(&f->fields[i]) || octets > VX_FETCH_FIELDS_OCTETS)
			return false;
	}
	return true;
}
