/*
 * log.h - one line per event: <priority>event key=value key="quoted value" ...
 *
 * The priority prefix is journald's.  Every value is escaped here and nowhere
 * else: what a peer sends can neither start a line nor forge a key.  Passwords,
 * tokens and keys are never given to it.  A NULL log drops everything.
 */
#ifndef VECTIS_LOG_H
#define VECTIS_LOG_H

#include "vectis/slice.h"

VX_BEGIN_DECLS

enum vx_log_level { /* numbers are syslog's */
	VX_LOG_ERROR = 3,
	VX_LOG_WARN = 4,
	VX_LOG_INFO = 6,
	VX_LOG_DEBUG = 7,
};

/* One line in the longest: more is cut and ends with "...". */
#define VX_LOG_LINE_MAX 2048

struct vx_log {
	int fd;                  /* borrowed; one write(2) a line */
	enum vx_log_level level; /* lines above it are dropped */
	char program[24];        /* the key prog, when not empty */
};

struct vx_kv {
	const char *key; /* NULL ends a list */
	enum {
		VX_KV_SLICE,
		VX_KV_INT,
		VX_KV_UINT
	} type;
	vx_slice s;
	int64_t i;
	uint64_t u;
};

#define VX_KV_S(k, slice)                                                                \
	((struct vx_kv){ .key = (k), .type = VX_KV_SLICE, .s = (slice) })
#define VX_KV_Z(k, str)                                                                  \
	((struct vx_kv){ .key = (k), .type = VX_KV_SLICE, .s = vx_slice_str(str) })
#define VX_KV_I(k, int_)                                                                 \
	((struct vx_kv){ .key = (k), .type = VX_KV_INT, .i = (int64_t)(int_) })
#define VX_KV_U(k, uint_)                                                                \
	((struct vx_kv){ .key = (k), .type = VX_KV_UINT, .u = (uint64_t)(uint_) })
#define VX_KV_ERR(result) VX_KV_Z("error", vx_strerror(result))

/* vx_log(log, VX_LOG_INFO, "rcpt refused", VX_KV_S("rcpt", path), VX_KV_I("code", 550))
 */
#define vx_log(log, level, ...)                                                          \
	VX_LOG_PICK(log, level, __VA_ARGS__, (struct vx_kv){ .key = NULL })
#define VX_LOG_PICK(log, level, event, ...)                                              \
	vx_log_write(log, level, event, (const struct vx_kv[]){ __VA_ARGS__ })

VX_API void vx_log_write(const struct vx_log *log, enum vx_log_level level,
    const char *event, const struct vx_kv *kvs);

/* "debug", "info", "warn", "error" to a level; VX_EINVAL for another word. */
VX_API int vx_log_level_parse(vx_slice word, enum vx_log_level *out);

VX_END_DECLS

#endif
