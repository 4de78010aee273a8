#include "mailauth/path.h"

#include "base/cursor.h"
#include "base/encode.h"
#include "vectis/err.h"

static bool dot_string(struct vx_cursor *c)
{
	do {
		if (vx_cur_run(c, VX_C_ATEXT | VX_C_HIGH).len == 0)
			return false;
	} while (vx_cur_char(c, '.'));
	return true;
}

static bool quoted_string(struct vx_cursor *c)
{
	if (!vx_cur_char(c, '"'))
		return false;
	while (!vx_cur_end(c) && *c->p != '"') {
		const bool pair = vx_cur_char(c, '\\');

		if (vx_cur_end(c) || vx_is(*c->p, VX_C_CTL) ||
		    (pair && vx_is(*c->p, VX_C_HIGH)))
			return false;
		c->p++;
	}
	return vx_cur_char(c, '"');
}

bool vx_path_is_dot_string(vx_slice local)
{
	struct vx_cursor c = vx_cursor_of(local);

	return dot_string(&c) && vx_cur_end(&c) && vx_utf8_valid(local);
}

int vx_path_split(vx_slice path, vx_slice *local, vx_slice *domain)
{
	struct vx_cursor c = vx_cursor_of(path);
	vx_slice head;

	if (!(vx_cur_peek(&c) == '"' ? quoted_string(&c) : dot_string(&c)))
		return VX_EINVAL;
	head = vx_slice_range(path.ptr, c.p);
	if (!vx_cur_char(&c, '@') || vx_cur_end(&c) || !vx_utf8_valid(path))
		return VX_EINVAL;
	*local = head;
	*domain = vx_cur_rest(&c);
	return VX_OK;
}

void vx_path_unquote(vx_slice local, struct vx_buf *out)
{
	if (local.len < 2 || local.ptr[0] != '"') {
		vx_buf_add(out, local);
		return;
	}
	for (size_t i = 1; i + 1 < local.len; i++) {
		if (local.ptr[i] == '\\')
			i++;
		vx_buf_add_char(out, local.ptr[i]);
	}
}

void vx_path_quote(vx_slice content, struct vx_buf *out)
{
	if (vx_path_is_dot_string(content)) {
		vx_buf_add(out, content);
		return;
	}
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < content.len; i++) {
		if (content.ptr[i] == '"' || content.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, content.ptr[i]);
	}
	vx_buf_add_char(out, '"');
}
