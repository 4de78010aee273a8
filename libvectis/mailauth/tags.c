#include "mailauth/tags.h"

#include "base/chars.h"
#include "base/encode.h"

static const char blanks[] = " \t\r\n"; /* FWS, once the field was found */

static bool is_name(vx_slice name)
{
	if (name.len == 0 || !vx_is(name.ptr[0], VX_C_ALPHA))
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!vx_is(name.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && name.ptr[i] != '_')
			return false;
	return true;
}

/* VALCHAR and blanks; UTF-8 as well (RFC 8616 3). */
static bool is_value(vx_slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (vx_is(value.ptr[i], VX_C_CTL) &&
		    strchr("\t\r\n", value.ptr[i]) == NULL)
			return false;
	return memchr(value.ptr == NULL ? "" : value.ptr, '\0', value.len) == NULL;
}

int vx_tags_parse(vx_slice text, struct vx_tags *out)
{
	bool more = true;

	out->count = 0;
	while (more) {
		struct vx_tag tag = { 0 };

		more = vx_slice_cut(&text, ';', &tag.raw);
		if (!more && out->count > 0 && vx_slice_trim(tag.raw, blanks).len == 0)
			break; /* behind the last ";" */
		if (!vx_slice_cut(&tag.raw, '=', &tag.name))
			return VX_ESYNTAX;
		tag.name = vx_slice_trim(tag.name, blanks);
		tag.value = vx_slice_trim(tag.raw, blanks);
		if (!is_name(tag.name) || !is_value(tag.value))
			return VX_ESYNTAX;
		for (size_t i = 0; i < out->count; i++)
			if (vx_slice_eq(out->list[i].name, tag.name))
				return VX_ESYNTAX;
		if (out->count == VX_DKIM_TAGS_MAX)
			return VX_ELIMIT;
		out->list[out->count++] = tag;
	}
	return VX_OK;
}

const struct vx_tag *vx_tags_find(const struct vx_tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->count; i++)
		if (vx_slice_eq(tags->list[i].name, vx_slice_str(name)))
			return &tags->list[i];
	return NULL;
}

bool vx_tags_item(vx_slice *list, vx_slice *out)
{
	if (list->ptr == NULL)
		return false;
	if (!vx_slice_cut(list, ':', out))
		*list = vx_slice_of(NULL, 0);
	*out = vx_slice_trim(*out, blanks);
	return true;
}

bool vx_tags_has_item(vx_slice list, const char *item)
{
	vx_slice each;

	while (vx_tags_item(&list, &each))
		if (vx_slice_eq(each, vx_slice_str(item)))
			return true;
	return false;
}

int vx_tags_number(vx_slice value, size_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (value.len == 0 || value.len > max)
		return VX_ESYNTAX;
	for (size_t i = 0; i < value.len; i++) {
		if (!vx_is(value.ptr[i], VX_C_DIGIT))
			return VX_ESYNTAX;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (unsigned)(value.ptr[i] - '0'), &n))
			n = UINT64_MAX;
	}
	*out = n;
	return VX_OK;
}

int vx_tags_base64(vx_slice value, struct vx_buf *out)
{
	struct vx_buf text = { .max = VX_DKIM_FIELD_OCTETS_MAX + 2 };
	int rc;

	for (size_t i = 0; i < value.len; i++)
		if (memchr(blanks, value.ptr[i], sizeof(blanks) - 1) == NULL)
			vx_buf_add_char(&text, value.ptr[i]);
	for (int i = 0; i < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; i++)
		vx_buf_truncate(&text, text.len - 1);
	if (text.len > 0 && text.ptr[text.len - 1] == '=')
		vx_buf_reset(&text);
	while (text.len % 4 != 0 && !text.failed)
		vx_buf_add_char(&text, '=');
	if (text.failed)
		rc = VX_ELIMIT;
	else if (text.len == 0)
		rc = VX_ESYNTAX;
	else
		rc = vx_base64_decode(vx_buf_slice(&text), out);
	vx_buf_done(&text);
	return rc == VX_EINVAL ? VX_ESYNTAX : rc;
}
