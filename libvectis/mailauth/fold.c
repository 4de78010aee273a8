#include "mailauth/fold.h"

#include <inttypes.h>
#include <stdio.h>

void vx_fold_begin(struct vx_fold *f, struct vx_buf *out, size_t width, const char *name)
{
	*f = (struct vx_fold){ .out = out, .column = strlen(name) + 1, .width = width };
	vx_buf_printf(out, "%s:", name);
}

static void new_line(struct vx_fold *f)
{
	vx_buf_add_str(f->out, "\r\n ");
	f->column = 1;
}

static void add(struct vx_fold *f, vx_slice s)
{
	vx_buf_add(f->out, s);
	f->column += s.len;
}

/* How much of a value is not folded inside. */
static size_t piece(vx_slice value, size_t room, int at)
{
	size_t n;

	if (at == '\0')
		return room == 0 ? 1 : room;
	if (at < 0)
		return value.len;
	n = vx_slice_find(value, (char)at);
	return n < value.len ? n + 1 : n;
}

/*
 * Blanks count: before a tag and not before its name nor in its value, unless that has to
 * be folded, so that wide enough the field is in the form that ARC's tests have.
 */
void vx_fold_tag(struct vx_fold *f, const char *name, vx_slice value, int at)
{
	const size_t head = strlen(name) + 1;
	const size_t first = vx_slice_head(value, piece(value, f->width, at)).len;

	if (f->any)
		add(f, VX_S(";"));
	/* a blank, the name, "=", as much as stays together if it can, and ";" */
	if (f->any && f->column + 1 + head + first + 1 > f->width)
		new_line(f);
	else
		add(f, VX_S(" "));
	f->any = true;
	vx_buf_printf(f->out, "%s=", name);
	f->column += head;
	while (value.len > 0) {
		/* one octet is left for what follows */
		const size_t room =
		    f->column + 1 < f->width ? f->width - f->column - 1 : 0;
		const size_t n = vx_slice_head(value, piece(value, room, at)).len;

		if (n > room && f->column > 1 && at >= 0) {
			new_line(f);
			continue;
		}
		add(f, vx_slice_head(value, n));
		value = vx_slice_from(value, n);
	}
}

void vx_fold_number(struct vx_fold *f, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	vx_fold_tag(f, name, vx_slice_str(text), -1);
}
