/*
 * Changing one value in the text of a configuration.  The new text is read again, and it
 * is taken only if nothing but that value changed: whatever the file looks like.
 */
#include "config/set.h"
#include "config/keys.h"

#include "base/chars.h"

struct change {
	vx_slice text, path, value;
	const char *file;
	struct vx_error *err;
	struct vx_yaml_value *items; /* of a value that is a YAML list; else NULL */
};

/* Needs no quotes in any place, and is no null. */
static bool plain(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		const bool word =
		    vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT) || s.ptr[i] == '/';
		const bool between =
		    i > 0 && i + 1 < s.len && strchr("._@+- ", s.ptr[i]) != NULL;

		if (!word && !between)
			return false;
	}
	return s.len > 0 && !vx_slice_eq(s, VX_S("null"));
}

static void write_value(
    const struct change *ch, const struct vx_key *k, struct vx_buf *out)
{
	/* a list is given as YAML */
	if (plain(ch->value) ||
	    (vx_key_is_list(k) && vx_slice_has_prefix(ch->value, VX_S("[")))) {
		vx_buf_add(out, ch->value);
		return;
	}
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < ch->value.len; i++) {
		if (ch->value.ptr[i] == '"' || ch->value.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, ch->value.ptr[i]);
	}
	vx_buf_add_char(out, '"');
}

static void replace(const struct change *ch, const struct vx_yaml_value *v,
    vx_slice written, struct vx_buf *out)
{
	const bool lines = v->end > v->start && ch->text.ptr[v->end - 1] == '\n';

	vx_buf_add(out, vx_slice_head(ch->text, v->start));
	if (v->start > 0 && ch->text.ptr[v->start - 1] == ':')
		vx_buf_add_char(out, ' ');
	vx_buf_add(out, written);
	if (lines)
		vx_buf_add_char(out, '\n');
	vx_buf_add(out, vx_slice_from(ch->text, v->end));
}

/* Before the line of the group's first key; behind an empty group's colon. */
static bool insert(const struct change *ch, const struct vx_yaml_value *values,
    vx_slice written, struct vx_buf *out)
{
	const size_t dot = vx_slice_find(ch->path, '.');
	const vx_slice name = vx_slice_from(ch->path, dot + 1);

	for (const struct vx_yaml_value *v = values; v != NULL && dot < ch->path.len;
	     v = v->next) {
		const vx_slice path = vx_slice_str(v->path);
		size_t at = v->start, indent = 0;

		if (v->kind == VX_YAML_NOTHING &&
		    vx_slice_eq(path, vx_slice_head(ch->path, dot))) {
			vx_buf_add(out, vx_slice_head(ch->text, v->start));
			vx_buf_printf(out, "\n  %.*s: ", (int)name.len, name.ptr);
			vx_buf_add(out, written);
			vx_buf_add(out, vx_slice_from(ch->text, v->end));
			return true;
		}
		if (!vx_slice_has_prefix(path, vx_slice_head(ch->path, dot + 1)))
			continue;
		while (at > 0 && ch->text.ptr[at - 1] != '\n')
			at--;
		while (at + indent < ch->text.len && ch->text.ptr[at + indent] == ' ')
			indent++;
		vx_buf_add(out, vx_slice_head(ch->text, at + indent));
		vx_buf_printf(out, "%.*s: ", (int)name.len, name.ptr);
		vx_buf_add(out, written);
		vx_buf_printf(out, "\n%*s", (int)indent, "");
		vx_buf_add(out, vx_slice_from(ch->text, at + indent));
		return true;
	}
	return false;
}

static void append(const struct change *ch, vx_slice written, struct vx_buf *out)
{
	vx_slice rest = ch->path, group;

	vx_buf_add(out, ch->text);
	if (ch->text.len > 0 && ch->text.ptr[ch->text.len - 1] != '\n')
		vx_buf_add_char(out, '\n');
	if (vx_slice_cut(&rest, '.', &group))
		vx_buf_printf(out, "%.*s:\n  ", (int)group.len, group.ptr);
	else
		rest = group;
	vx_buf_printf(out, "%.*s: ", (int)rest.len, rest.ptr);
	vx_buf_add(out, written);
	vx_buf_add_char(out, '\n');
}

/* Go on to the next value that must be the same before and after. */
static const struct vx_yaml_value *kept(const struct vx_yaml_value *v, vx_slice path)
{
	while (v != NULL && (vx_slice_eq(vx_slice_str(v->path), path) ||
				(v->kind == VX_YAML_NOTHING &&
				    vx_key_is_group(vx_slice_str(v->path)))))
		v = v->next;
	return v;
}

static bool only_this_changed(const struct change *ch, const struct vx_key *k,
    const struct vx_yaml_value *before, const struct vx_yaml_value *after)
{
	bool there = vx_key_is_list(k) && ch->items == NULL;

	for (const struct vx_yaml_value *v = after; v != NULL && ch->items != NULL;
	     v = v->next)
		if (vx_slice_eq(vx_slice_str(v->path), ch->path) && v->first)
			there = vx_set_same_items(v, ch->items);
	for (const struct vx_yaml_value *v = after; v != NULL && !there; v = v->next)
		there = vx_slice_eq(vx_slice_str(v->path), ch->path) &&
			vx_slice_eq(v->text, ch->value);
	before = kept(before, ch->path);
	after = kept(after, ch->path);
	while (before != NULL && after != NULL) {
		if (strcmp(before->path, after->path) != 0 ||
		    before->kind != after->kind ||
		    !vx_slice_eq(before->text, after->text))
			return false;
		before = kept(before->next, ch->path);
		after = kept(after->next, ch->path);
	}
	return there && before == NULL && after == NULL;
}

static bool is_list(const struct vx_yaml_value *v)
{
	return v->kind == VX_YAML_ITEM || v->kind == VX_YAML_NO_ITEMS;
}

static int cannot(const struct change *ch, const struct vx_key *k)
{
	return vx_error_set(ch->err, VX_EUNSUP,
	    "%s cannot be changed in the way the file is written: edit it",
	    k->public.path);
}

/* A value that is a YAML list, as one. */
static int read_items(struct change *ch, const struct vx_key *k, struct vx_arena *arena)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX };
	int rc = VX_OK;

	if (!vx_key_is_list(k) || !vx_slice_has_prefix(ch->value, VX_S("[")))
		return VX_OK;
	vx_buf_add_str(&text, "value: ");
	vx_buf_add(&text, ch->value);
	vx_buf_add_char(&text, '\n');
	if (text.failed)
		rc = vx_error_set(ch->err, VX_ELIMIT, "the value is too large");
	if (rc == VX_OK)
		rc = vx_yaml_read(
		    vx_buf_slice(&text), "the value", arena, &ch->items, ch->err);
	if (rc == VX_OK && (!is_list(ch->items) || !ch->items->flow ||
			       ch->items->list_end + 1 != text.len))
		rc = vx_error_set(ch->err, VX_EINVAL, "this is no list");
	vx_buf_done(&text);
	return rc;
}

static int write_new(const struct change *ch, const struct vx_key *k,
    const struct vx_yaml_value *values, struct vx_buf *out)
{
	const struct vx_yaml_value *v = values;
	struct vx_buf written = { .max = VX_CONFIG_OCTETS_MAX };

	while (v != NULL && !vx_slice_eq(vx_slice_str(v->path), ch->path))
		v = v->next;
	if (v != NULL && is_list(v) && ch->items == NULL)
		return vx_error_set(ch->err, VX_EUNSUP,
		    "%s is a list: give all of it, as '[\"...\", \"...\"]', or edit the "
		    "file",
		    v->path);
	write_value(ch, k, &written);
	if (v != NULL && is_list(v)) {
		if (vx_set_list(ch->text, v, ch->items, vx_buf_slice(&written), out) !=
		    VX_OK) {
			vx_buf_done(&written);
			return cannot(ch, k);
		}
	} else if (v != NULL)
		replace(ch, v, vx_buf_slice(&written), out);
	else if (!insert(ch, values, vx_buf_slice(&written), out))
		append(ch, vx_buf_slice(&written), out);
	if (written.failed)
		out->failed = true;
	vx_buf_done(&written);
	return out->failed
		   ? vx_error_set(ch->err, VX_ELIMIT, "the file would be too large")
		   : VX_OK;
}

static int check_new(const struct change *ch, const struct vx_key *k,
    const struct vx_yaml_value *before, vx_slice text, struct vx_arena *arena)
{
	struct vx_config_errors errors;
	struct vx_yaml_value *after;
	struct vx_config *c;
	int rc = vx_config_parse(text, ch->file, &c, &errors);

	if (rc != VX_OK) {
		if (errors.count > 0 && ch->err != NULL)
			*ch->err = errors.items[0];
		return rc;
	}
	vx_config_free(c);
	rc = vx_yaml_read(text, ch->file, arena, &after, ch->err);
	return rc == VX_OK && !only_this_changed(ch, k, before, after) ? cannot(ch, k)
								       : rc;
}

int vx_config_set(vx_slice text, const char *file, vx_slice path, vx_slice value,
    struct vx_buf *out, struct vx_error *err)
{
	struct change ch = {
		.text = text, .path = path, .value = value, .file = file, .err = err
	};
	struct vx_arena arena = { .limit = 16 * VX_CONFIG_OCTETS_MAX };
	struct vx_buf made = { .max = VX_CONFIG_OCTETS_MAX };
	const struct vx_key *k = vx_key_find(path);
	struct vx_yaml_value *values = NULL;
	int rc = VX_OK;

	if (k == NULL)
		return vx_error_set(
		    err, VX_EINVAL, "there is no key %.*s", (int)path.len, path.ptr);
	if (!vx_key_text_ok(value))
		rc = vx_error_set(err, VX_EINVAL, "a value is one line of text");
	if (rc == VX_OK)
		rc = vx_yaml_read(text, file, &arena, &values, err);
	if (rc == VX_OK)
		rc = read_items(&ch, k, &arena);
	if (rc == VX_OK)
		rc = write_new(&ch, k, values, &made);
	if (rc == VX_OK)
		rc = check_new(&ch, k, values, vx_buf_slice(&made), &arena);
	if (rc == VX_OK)
		vx_buf_add(out, vx_buf_slice(&made));
	vx_buf_done(&made);
	vx_arena_done(&arena);
	return rc == VX_OK && out->failed ? VX_ELIMIT : rc;
}
