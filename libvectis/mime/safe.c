#include "mime/safe.h"

#include "base/encode.h"

#include <unictype.h>

static bool is_space(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Controls, surrogates, format characters (which include those of direction), breaks. */
static bool is_unsafe(uint32_t c)
{
	return c == 0xfffd || c < ' ' ||
	       (c > '~' && uc_is_general_category_withtable(
			       c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf |
				      UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp |
				      UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Co));
}

void vx_safe_text(vx_slice text, size_t max, bool ascii, struct vx_buf *out)
{
	const size_t before = out->len;
	bool blank = true; /* none at the beginning */

	while (text.len > 0) {
		size_t n, room = max - (out->len - before);
		const uint32_t c = vx_utf8_next(text, &n);
		const vx_slice raw = vx_slice_head(text, n);

		text = vx_slice_from(text, n);
		if (is_space(c) && blank)
			continue;
		blank = is_space(c);
		if (blank || is_unsafe(c) || (ascii && c > 127)) {
			if (room < 1)
				break;
			vx_buf_add_char(out, blank ? ' ' : '?');
		} else {
			if (room < n)
				break;
			vx_buf_add(out, raw);
		}
		if (out->failed)
			return;
	}
	while (out->len > before && out->ptr[out->len - 1] == ' ')
		vx_buf_truncate(out, out->len - 1);
}
