/* yaml.h - a YAML file as a list of keys with their places; libyaml stays in yaml.c. */
#ifndef VX_CONFIG_YAML_H
#define VX_CONFIG_YAML_H

#include "vectis/arena.h"
#include "vectis/config.h"

/* A scalar (or an item of a list: the same path several times). */
struct vx_yaml_value {
	const char *path; /* "tls.provider", in the arena */
	vx_slice text;    /* in the arena, NUL-terminated */
	unsigned line, column;
	bool in_list;
	struct vx_yaml_value *next;
};

/*
 * Only mappings with plain keys, scalars and lists of scalars; no anchors, aliases, tags
 * or second documents; no key twice.  VX_ESYNTAX, VX_ELIMIT: err has the place.
 */
int vx_yaml_read(vx_slice text, const char *file, struct vx_arena *arena,
    struct vx_yaml_value **out, struct vx_error *err);

#endif
