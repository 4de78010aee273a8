#include "config/yaml.h"

#include <stdio.h>
#include <yaml.h>

enum { PATH_OCTETS = 256 };

struct reader {
	yaml_parser_t parser;
	const char *file;
	struct vx_arena *arena;
	struct vx_yaml_value *first, **tail;
	struct vx_error *err;
	char path[PATH_OCTETS];
	size_t lengths[VX_CONFIG_DEPTH_MAX]; /* of path, before each level's key */
	unsigned depth;
	bool want_key, in_list;
};

static int fail_at(struct reader *r, const yaml_mark_t *mark, int code, const char *text)
{
	(void)vx_error_set(r->err, code, "%s", text);
	vx_error_at(r->err, r->file, (unsigned)mark->line + 1, (unsigned)mark->column + 1);
	return code;
}

static bool seen(const struct reader *r, const char *path)
{
	for (const struct vx_yaml_value *v = r->first; v != NULL; v = v->next)
		if (strcmp(v->path, path) == 0)
			return true;
	return false;
}

static int add(struct reader *r, const yaml_event_t *e)
{
	const vx_slice text = vx_slice_of(e->data.scalar.value, e->data.scalar.length);
	struct vx_yaml_value *v = vx_arena_alloc(r->arena, sizeof(*v));

	if (!r->in_list && seen(r, r->path))
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "this key is there twice");
	if (v == NULL || (v->path = vx_arena_dup(r->arena, vx_slice_str(r->path))) == NULL ||
	    vx_arena_copy(r->arena, text, &v->text) != VX_OK)
		return fail_at(r, &e->start_mark, VX_ELIMIT, "the file is too large");
	v->line = (unsigned)e->start_mark.line + 1;
	v->column = (unsigned)e->start_mark.column + 1;
	v->in_list = r->in_list;
	*r->tail = v;
	r->tail = &v->next;
	return VX_OK;
}

static int scalar(struct reader *r, const yaml_event_t *e)
{
	const size_t len = r->depth == 0 ? 0 : r->lengths[r->depth - 1];
	int rc;

	if (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL)
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "anchors and tags are not used here");
	if (r->depth == 0)
		return e->data.scalar.length == 0 ? VX_OK :
						    fail_at(r, &e->start_mark, VX_ESYNTAX,
							"expected \"key: value\" lines");
	if (!r->want_key) {
		rc = add(r, e);
		r->want_key = !r->in_list;
		return rc;
	}
	if (snprintf(r->path + len, sizeof(r->path) - len, "%s%.100s", len > 0 ? "." : "",
	        (const char *)e->data.scalar.value) >= (int)(sizeof(r->path) - len))
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "this key is too long");
	r->want_key = false;
	return VX_OK;
}

static int mapping_start(struct reader *r, const yaml_event_t *e)
{
	if (r->depth == VX_CONFIG_DEPTH_MAX || r->in_list || (r->depth > 0 && r->want_key))
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "a group of keys is not expected here");
	r->lengths[r->depth] = r->depth == 0 ? 0 : strlen(r->path);
	r->depth++;
	r->want_key = true;
	return VX_OK;
}

static int event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return scalar(r, e);
	case YAML_MAPPING_START_EVENT:
		return mapping_start(r, e);
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		r->want_key = true;
		return VX_OK;
	case YAML_SEQUENCE_START_EVENT:
		if (r->depth == 0 || r->want_key || r->in_list)
			return fail_at(r, &e->start_mark, VX_ESYNTAX, "a list is not expected here");
		if (seen(r, r->path))
			return fail_at(r, &e->start_mark, VX_ESYNTAX, "this key is there twice");
		r->in_list = true;
		return VX_OK;
	case YAML_SEQUENCE_END_EVENT:
		r->in_list = false;
		r->want_key = true;
		return VX_OK;
	case YAML_ALIAS_EVENT:
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "aliases are not used here");
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return VX_OK;
}

static int syntax_error(struct reader *r)
{
	const char *problem = r->parser.problem == NULL ? "not YAML" : r->parser.problem;

	return fail_at(r, &r->parser.problem_mark, VX_ESYNTAX, problem);
}

int vx_yaml_read(vx_slice text, const char *file, struct vx_arena *arena,
    struct vx_yaml_value **out, struct vx_error *err)
{
	struct reader r = { .file = file, .arena = arena, .err = err };
	bool end = false;
	int rc = VX_OK;

	r.tail = &r.first;
	if (yaml_parser_initialize(&r.parser) == 0)
		return vx_error_set(err, VX_ENOMEM, "no memory to read %s", file);
	yaml_parser_set_input_string(
	    &r.parser, (const unsigned char *)(text.ptr == NULL ? "" : text.ptr), text.len);
	while (rc == VX_OK && !end) {
		yaml_event_t e;

		if (yaml_parser_parse(&r.parser, &e) == 0) {
			rc = syntax_error(&r);
			break;
		}
		rc = event(&r, &e);
		end = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&r.parser);
	if (rc == VX_OK)
		*out = r.first;
	return rc;
}
