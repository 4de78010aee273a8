/* Lists in the text of a configuration: "[a, b]", and a line for each item. */
#include "config/set.h"

/* The next item of the same list; NULL: it was the last. */
static const struct vx_yaml_value *next_of(const struct vx_yaml_value *v)
{
	const struct vx_yaml_value *n = v->next;

	return n != NULL && n->kind == VX_YAML_ITEM && !n->first ? n : NULL;
}

static const struct vx_yaml_value *items(const struct vx_yaml_value *v)
{
	return v != NULL && v->kind == VX_YAML_ITEM ? v : NULL;
}

bool vx_set_same_items(const struct vx_yaml_value *a, const struct vx_yaml_value *b)
{
	a = items(a);
	b = items(b);
	while (a != NULL && b != NULL && vx_slice_eq(a->text, b->text)) {
		a = next_of(a);
		b = next_of(b);
	}
	return a == NULL && b == NULL;
}

static size_t line_begin(vx_slice text, size_t at)
{
	while (at > 0 && text.ptr[at - 1] != '\n')
		at--;
	return at;
}

/* Behind its LF. */
static size_t line_end(vx_slice text, size_t at)
{
	while (at < text.len && text.ptr[at] != '\n')
		at++;
	return at < text.len ? at + 1 : at;
}

/* "  - item" on a line of its own; false: it is not. */
static bool has_line(vx_slice text, const struct vx_yaml_value *v)
{
	size_t at = line_begin(text, v->start);

	while (at < v->start && text.ptr[at] == ' ')
		at++;
	if (at == v->start || text.ptr[at] != '-')
		return false;
	for (at++; at < v->start; at++)
		if (text.ptr[at] != ' ')
			return false;
	return line_end(text, v->start) >= v->end;
}

/* A new line like that of v, with another item. */
static void add_line(
    vx_slice text, const struct vx_yaml_value *v, vx_slice item, struct vx_buf *out)
{
	const size_t begin = line_begin(text, v->start);

	if (out->len > 0 && out->ptr[out->len - 1] != '\n')
		vx_buf_add_char(out, '\n');
	vx_buf_add(out, vx_slice_head(vx_slice_from(text, begin), v->start - begin));
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < item.len; i++) {
		if (item.ptr[i] == '"' || item.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, item.ptr[i]);
	}
	vx_buf_add_str(out, "\"\n");
}

/* Those that stay keep their lines; what is new comes behind the last of the old. */
static int set_lines(vx_slice text, const struct vx_yaml_value *v,
    const struct vx_yaml_value *want, struct vx_buf *out)
{
	const struct vx_yaml_value *first = v;
	size_t at = 0;

	for (want = items(want); v != NULL; v = next_of(v)) {
		const size_t begin = line_begin(text, v->start),
			     end = line_end(text, v->start);

		if (!has_line(text, v) || begin < at)
			return VX_EUNSUP;
		vx_buf_add(out, vx_slice_head(vx_slice_from(text, at), begin - at));
		if (want != NULL && vx_slice_eq(want->text, v->text)) {
			vx_buf_add(
			    out, vx_slice_head(vx_slice_from(text, begin), end - begin));
			want = next_of(want);
		}
		at = end;
	}
	for (; want != NULL; want = next_of(want))
		add_line(text, first, want->text, out);
	vx_buf_add(out, vx_slice_from(text, at));
	return VX_OK;
}

int vx_set_list(vx_slice text, const struct vx_yaml_value *v,
    const struct vx_yaml_value *want, vx_slice written, struct vx_buf *out)
{
	const vx_slice old = vx_slice_head(
	    vx_slice_from(text, v->list_start), v->list_end - v->list_start);

	if (!v->flow)
		return items(want) == NULL ? VX_EUNSUP : set_lines(text, v, want, out);
	/* a comment in the midst of it would get lost */
	if (vx_slice_find(old, '\n') < old.len && vx_slice_find(old, '#') < old.len)
		return VX_EUNSUP;
	vx_buf_add(out, vx_slice_head(text, v->list_start));
	vx_buf_add(out, written);
	vx_buf_add(out, vx_slice_from(text, v->list_end));
	return VX_OK;
}
