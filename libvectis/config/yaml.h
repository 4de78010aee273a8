/* yaml.h - a YAML file as a list of keys with their places; libyaml stays in yaml.c. */
#ifndef VX_CONFIG_YAML_H
#define VX_CONFIG_YAML_H

#include "vectis/arena.h"
#include "vectis/config.h"

#define VX_YAML_KEY_MAX 64 /* octets of one key */

enum vx_yaml_kind {
	VX_YAML_SCALAR,   /* "key: text" */
	VX_YAML_NOTHING,  /* "key:", also "key: ~" */
	VX_YAML_ITEM,     /* of a list: the same path once for each */
	VX_YAML_NO_ITEMS, /* "key: []" */
};

struct vx_yaml_value {
	const char *path; /* "tls.provider", in the arena */
	vx_slice text;    /* in the arena, NUL-terminated */
	enum vx_yaml_kind kind;
	bool first;            /* false: a later item of the same list */
	unsigned line, column; /* from 1; the column counts characters */
	size_t start, end;     /* where the value is, in octets of the file */
	/* of a list's first item, and of one without: where the list is; "[a, b]"? */
	size_t list_start, list_end;
	bool flow;
	struct vx_yaml_value *next;
};

/*
 * Only mappings with plain keys, scalars and lists of scalars, in one document; no
 * anchors, aliases or tags; no key and no group twice; at most VX_CONFIG_VALUES_MAX
 * values and VX_CONFIG_DEPTH_MAX levels.  VX_ESYNTAX, VX_ELIMIT: err has the place.
 */
int vx_yaml_read(vx_slice text, const char *file, struct vx_arena *arena,
    struct vx_yaml_value **out, struct vx_error *err);

#endif
