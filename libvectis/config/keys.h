/* keys.h - the table of keys, and setting a field of struct vx_config by its key. */
#ifndef VX_CONFIG_KEYS_H
#define VX_CONFIG_KEYS_H

#include "vectis/arena.h"
#include "vectis/config.h"

enum vx_key_type {
	VX_KEY_TEXT,
	VX_KEY_PATH,
	VX_KEY_NUMBER,
	VX_KEY_YES_NO,
	VX_KEY_WORD,
	VX_KEY_LISTEN,
	VX_KEY_HOSTNAME,
	VX_KEY_HOST, /* the same, or empty */
	VX_KEY_CHARACTER,
	VX_KEY_RESOLVERS,    /* "192.0.2.1", "2001:db8::1@5300" */
	VX_KEY_ZONES,        /* "zone 192.0.2.1@5300" */
	VX_KEY_NETWORKS,     /* "192.0.2.0/24" */
	VX_KEY_BLOCKLISTS,   /* as of dnsbl.h */
	VX_KEY_ADDRESSES,    /* "192.0.2.1", "2001:db8::1" */
	VX_KEY_NAMES,        /* "mail.shop.net", "*.shop.net" */
	VX_KEY_CERTIFICATES, /* "shop mail.shop.net imap.shop.net" */
	VX_KEY_URLS,
	VX_KEY_EMAIL,
};

struct vx_key {
	struct vx_config_key public;
	enum vx_key_type type;
	size_t offset; /* of its field in struct vx_config */
	uint64_t min, max;
	const char *words; /* of a WORD: its values in order, separated by '|' */
};

/* Its values are items. */
bool vx_key_is_list(const struct vx_key *k);
const struct vx_key *vx_key_at(size_t index);
const struct vx_key *vx_key_find(vx_slice path);
/* Is name the part before the dot of some key? */
bool vx_key_is_group(vx_slice name);
/* The key that path may have meant, or NULL. */
const struct vx_key *vx_key_nearest(const char *path);

/* One line of printable text: no control characters, no line ends of Unicode. */
bool vx_key_text_ok(vx_slice text);

/* VX_OK, VX_ELIMIT (arena). */
int vx_key_set_standard(
    struct vx_config *c, const struct vx_key *k, struct vx_arena *arena);
void vx_key_clear_list(struct vx_config *c, const struct vx_key *k);
/*
 * text is NUL-terminated and lives as long as c; for a list it is one more item.
 * VX_EINVAL; VX_ELIMIT: the list is full, or the arena.
 */
int vx_key_set(
    struct vx_config *c, const struct vx_key *k, vx_slice text, struct vx_arena *arena);

#endif
