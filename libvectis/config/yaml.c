#include "config/yaml.h"

#include "base/chars.h"

#include <stdio.h>
#include <yaml.h>

enum {
	PATH_OCTETS = 256
};

struct reader {
	yaml_parser_t parser;
	vx_slice text; /* the file */
	const char *file;
	struct vx_arena *arena;
	struct vx_yaml_value *first, **tail;
	struct vx_yaml_value *groups; /* those seen, by path */
	size_t count;                 /* of values and groups */
	struct vx_error *err;
	char path[PATH_OCTETS];
	size_t lengths[VX_CONFIG_DEPTH_MAX]; /* of path, before each level's key */
	unsigned depth;
	bool want_key, in_list, list_has_items, document_seen;
	yaml_mark_t list_start;
	size_t list_octet;
	bool list_flow;
	struct vx_yaml_value *list_first; /* its first item */
	size_t bom;                       /* octets of it */
	size_t index, octet;              /* the last place that was translated */
};

static int fail_at(struct reader *r, const yaml_mark_t *mark, int code, const char *text)
{
	(void)vx_error_set(r->err, code, "%s", text);
	vx_error_at(
	    r->err, r->file, (unsigned)mark->line + 1, (unsigned)mark->column + 1);
	return code;
}

/* libyaml counts characters; the file has octets. */
static size_t octet_at(struct reader *r, const yaml_mark_t *mark)
{
	if (mark->index < r->index) {
		r->index = 0;
		r->octet = r->bom;
	}
	while (r->index < mark->index && r->octet < r->text.len) {
		r->octet++;
		while (r->octet < r->text.len &&
		       ((unsigned char)r->text.ptr[r->octet] & 0xc0) == 0x80)
			r->octet++;
		r->index++;
	}
	return r->octet;
}

static bool listed(const struct vx_yaml_value *v, const char *path)
{
	for (; v != NULL; v = v->next)
		if (strcmp(v->path, path) == 0)
			return true;
	return false;
}

static int check_new(struct reader *r, const yaml_mark_t *mark)
{
	if (listed(r->first, r->path) || listed(r->groups, r->path))
		return fail_at(r, mark, VX_ESYNTAX, "this key is there twice");
	return VX_OK;
}

static int new_value(struct reader *r, const yaml_event_t *e, struct vx_yaml_value **out)
{
	struct vx_yaml_value *v;

	if (r->count == VX_CONFIG_VALUES_MAX)
		return fail_at(r, &e->start_mark, VX_ELIMIT, "too many keys and values");
	v = vx_arena_alloc(r->arena, sizeof(*v));
	if (v == NULL ||
	    (v->path = vx_arena_dup(r->arena, vx_slice_str(r->path))) == NULL)
		return fail_at(r, &e->start_mark, VX_ELIMIT, "the file is too large");
	v->line = (unsigned)e->start_mark.line + 1;
	v->column = (unsigned)e->start_mark.column + 1;
	v->start = octet_at(r, &e->start_mark);
	v->end = octet_at(r, &e->end_mark);
	v->first = true;
	r->count++;
	*out = v;
	return VX_OK;
}

static void append(struct reader *r, struct vx_yaml_value *v)
{
	*r->tail = v;
	r->tail = &v->next;
}

static bool is_nothing(const yaml_event_t *e, vx_slice text)
{
	return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (text.len == 0 || vx_slice_eq(text, VX_S("~")) ||
		   vx_slice_eq(text, VX_S("null")));
}

static int add_scalar(struct reader *r, const yaml_event_t *e)
{
	const vx_slice text = vx_slice_of(e->data.scalar.value, e->data.scalar.length);
	struct vx_yaml_value *v;
	int rc = r->in_list ? VX_OK : check_new(r, &e->start_mark);

	if (rc == VX_OK)
		rc = new_value(r, e, &v);
	if (rc != VX_OK)
		return rc;
	if (vx_arena_copy(r->arena, text, &v->text) != VX_OK)
		return fail_at(r, &e->start_mark, VX_ELIMIT, "the file is too large");
	v->kind = r->in_list            ? VX_YAML_ITEM
		  : is_nothing(e, text) ? VX_YAML_NOTHING
					: VX_YAML_SCALAR;
	v->first = !r->in_list || !r->list_has_items;
	if (r->in_list && v->first)
		r->list_first = v;
	r->list_has_items = true;
	append(r, v);
	return VX_OK;
}

static int add_key(struct reader *r, const yaml_event_t *e)
{
	const vx_slice key = vx_slice_of(e->data.scalar.value, e->data.scalar.length);
	const size_t len = r->depth == 0 ? 0 : r->lengths[r->depth - 1];
	int n;

	for (size_t i = 0; i < key.len; i++)
		if (!vx_is(key.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && key.ptr[i] != '_' &&
		    key.ptr[i] != '-')
			return fail_at(r, &e->start_mark, VX_ESYNTAX,
			    "a key has letters, digits and '_' only");
	if (key.len == 0)
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "a key is missing here");
	if (key.len > VX_YAML_KEY_MAX)
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "this key is too long");
	n = snprintf(r->path + len, sizeof(r->path) - len, "%s%.*s", len > 0 ? "." : "",
	    (int)key.len, key.ptr);
	if (n >= (int)(sizeof(r->path) - len))
		return fail_at(r, &e->start_mark, VX_ESYNTAX, "this key is too long");
	r->want_key = false;
	return VX_OK;
}

static int scalar(struct reader *r, const yaml_event_t *e)
{
	int rc;

	if (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL)
		return fail_at(
		    r, &e->start_mark, VX_ESYNTAX, "anchors and tags are not used here");
	if (r->depth == 0)
		return is_nothing(
			   e, vx_slice_of(e->data.scalar.value, e->data.scalar.length))
			   ? VX_OK
			   : fail_at(r, &e->start_mark, VX_ESYNTAX,
				 "expected \"key: value\" lines");
	if (r->want_key)
		return add_key(r, e);
	rc = add_scalar(r, e);
	r->want_key = !r->in_list;
	return rc;
}

static int mapping_start(struct reader *r, const yaml_event_t *e)
{
	struct vx_yaml_value *group;
	int rc;

	if (e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL)
		return fail_at(
		    r, &e->start_mark, VX_ESYNTAX, "anchors and tags are not used here");
	if (r->depth == VX_CONFIG_DEPTH_MAX || r->in_list ||
	    (r->depth > 0 && r->want_key))
		return fail_at(r, &e->start_mark, VX_ESYNTAX,
		    "a group of keys is not expected here");
	if (r->depth > 0) {
		rc = check_new(r, &e->start_mark);
		if (rc == VX_OK)
			rc = new_value(r, e, &group);
		if (rc != VX_OK)
			return rc;
		group->next = r->groups;
		r->groups = group;
	}
	r->lengths[r->depth] = r->depth == 0 ? 0 : strlen(r->path);
	r->depth++;
	r->want_key = true;
	return VX_OK;
}

static int sequence_start(struct reader *r, const yaml_event_t *e)
{
	if (e->data.sequence_start.anchor != NULL || e->data.sequence_start.tag != NULL)
		return fail_at(
		    r, &e->start_mark, VX_ESYNTAX, "anchors and tags are not used here");
	if (r->depth == 0 || r->want_key || r->in_list)
		return fail_at(
		    r, &e->start_mark, VX_ESYNTAX, "a list is not expected here");
	r->in_list = true;
	r->list_has_items = false;
	r->list_start = e->start_mark;
	r->list_octet = octet_at(r, &e->start_mark);
	r->list_flow = e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
	return check_new(r, &e->start_mark);
}

static int sequence_end(struct reader *r, const yaml_event_t *e)
{
	struct vx_yaml_value *v;
	int rc = VX_OK;

	if (!r->list_has_items) {
		rc = new_value(r, e, &v);
		if (rc == VX_OK) {
			v->kind = VX_YAML_NO_ITEMS;
			v->line = (unsigned)r->list_start.line + 1;
			v->column = (unsigned)r->list_start.column + 1;
			append(r, v);
			r->list_first = v;
		}
	}
	if (rc == VX_OK) {
		r->list_first->list_start = r->list_octet;
		r->list_first->list_end = octet_at(r, &e->end_mark);
		r->list_first->flow = r->list_flow;
	}
	r->in_list = false;
	r->want_key = true;
	return rc;
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
		return sequence_start(r, e);
	case YAML_SEQUENCE_END_EVENT:
		return sequence_end(r, e);
	case YAML_ALIAS_EVENT:
		return fail_at(
		    r, &e->start_mark, VX_ESYNTAX, "aliases are not used here");
	case YAML_DOCUMENT_START_EVENT:
		if (r->document_seen)
			return fail_at(r, &e->start_mark, VX_ESYNTAX,
			    "a second document is not expected here");
		r->document_seen = true;
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return VX_OK;
}

/*
 * What is no UTF-8 text has no mark, only an offset in octets; of a broken sequence it is
 * the octet that breaks it.
 */
static int reader_error(struct reader *r)
{
	const char *problem = r->parser.problem == NULL ? "" : r->parser.problem;
	size_t at = r->bom + r->parser.problem_offset;
	yaml_mark_t mark = { 0 };

	if (strstr(problem, "trailing") != NULL)
		while (at > r->bom && ((unsigned char)r->text.ptr[--at] & 0xc0) == 0x80)
			;
	for (size_t i = r->bom; i < at && i < r->text.len; i++) {
		mark.column += ((unsigned char)r->text.ptr[i] & 0xc0) != 0x80;
		if (r->text.ptr[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return fail_at(r, &mark, VX_ESYNTAX, "this is not UTF-8 text");
}

static int syntax_error(struct reader *r)
{
	const yaml_mark_t *mark = &r->parser.problem_mark;
	const size_t at = octet_at(r, mark);

	if (r->parser.error == YAML_READER_ERROR)
		return reader_error(r);
	if (r->parser.error == YAML_MEMORY_ERROR)
		return fail_at(r, mark, VX_ENOMEM, "no memory to read the file");
	if (at < r->text.len && r->text.ptr[at] == '\t')
		return fail_at(r, mark, VX_ESYNTAX, "a tab cannot indent: use blanks");
	return fail_at(r, mark, VX_ESYNTAX,
	    r->parser.problem == NULL ? "not YAML" : r->parser.problem);
}

int vx_yaml_read(vx_slice text, const char *file, struct vx_arena *arena,
    struct vx_yaml_value **out, struct vx_error *err)
{
	struct reader r = { .text = text, .file = file, .arena = arena, .err = err };
	bool end = false;
	int rc = VX_OK;

	r.tail = &r.first;
	if (yaml_parser_initialize(&r.parser) == 0)
		return vx_error_set(err, VX_ENOMEM, "no memory to read %s", file);
	if (vx_slice_has_prefix(text, VX_S("\xef\xbb\xbf")))
		r.bom = r.octet = 3;
	text = vx_slice_from(text, r.bom);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser,
	    (const unsigned char *)(text.ptr == NULL ? "" : text.ptr), text.len);
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
