/* set.h - lists in the text of a configuration. */
#ifndef VX_CONFIG_SET_H
#define VX_CONFIG_SET_H

#include "config/yaml.h"

/*
 * text with the list that begins with v, of a file, becoming that of `want` (NULL: no
 * items), which is `written` on one line; appended.  A list of lines keeps those of the
 * items that stay, with their comments.  VX_OK; VX_EUNSUP: it is written in a way that
 * something would get lost.
 */
int vx_set_list(vx_slice text, const struct vx_yaml_value *v,
    const struct vx_yaml_value *want, vx_slice written, struct vx_buf *out);
/* Do two lists, or rests of values, begin with the same items of a path each? */
bool vx_set_same_items(const struct vx_yaml_value *a, const struct vx_yaml_value *b);

#endif
