#include "vectis/ownership.h"

#include "base/chars.h"

#include <stdio.h>

#define STRINGS_MAX 65536 /* octets: all that a record has room for */

const char *vx_ownership_name(enum vx_ownership o)
{
	switch (o) {
	case VX_OWNERSHIP_SILENT:
		return "silent";
	case VX_OWNERSHIP_NONE:
		return "no_record";
	case VX_OWNERSHIP_OTHER:
		return "another_record";
	case VX_OWNERSHIP_FOUND:
		return "found";
	}
	return "?";
}

void vx_ownership_text(vx_slice token, char out[VX_OWNERSHIP_TEXT_MAX + 1])
{
	(void)snprintf(out, VX_OWNERSHIP_TEXT_MAX + 1, VX_OWNERSHIP_MARK "%.*s",
	    (int)token.len, token.len > 0 ? token.ptr : "");
}

/* It is shown to people. */
static void show(vx_slice text, char out[VX_OWNERSHIP_TEXT_MAX + 1])
{
	const size_t n =
	    text.len < VX_OWNERSHIP_TEXT_MAX ? text.len : VX_OWNERSHIP_TEXT_MAX;

	for (size_t i = 0; i < n; i++)
		out[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?';
	out[n] = '\0';
}

enum vx_ownership vx_ownership_read(const struct vx_dns_answer *a, const char *text,
    char other[VX_OWNERSHIP_TEXT_MAX + 1])
{
	struct vx_buf one = { .max = STRINGS_MAX };
	enum vx_ownership found = VX_OWNERSHIP_NONE;

	other[0] = '\0';
	if (!vx_dns_answered(a))
		return VX_OWNERSHIP_SILENT;
	for (size_t i = 0; i < a->count && found != VX_OWNERSHIP_FOUND; i++) {
		vx_slice s;

		vx_buf_reset(&one);
		if (vx_dns_read_txt(a->rdata[i], &one) != VX_OK)
			continue;
		s = vx_slice_trim(vx_buf_slice(&one), " ");
		if (vx_slice_eq_nocase(s, vx_slice_str(text))) {
			found = VX_OWNERSHIP_FOUND;
			other[0] = '\0';
		} else if (found == VX_OWNERSHIP_NONE &&
			   vx_slice_eq_nocase(
			       vx_slice_head(s, sizeof(VX_OWNERSHIP_MARK) - 1),
			       VX_S(VX_OWNERSHIP_MARK))) {
			found = VX_OWNERSHIP_OTHER;
			show(s, other);
		}
	}
	vx_buf_done(&one);
	return found;
}
