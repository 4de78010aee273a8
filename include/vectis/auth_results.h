/*
 * auth_results.h - the Authentication-Results field (RFC 8601): written, read, and
 * removed where somebody else claims to be us.
 */
#ifndef VECTIS_AUTH_RESULTS_H
#define VECTIS_AUTH_RESULTS_H

#include "vectis/arena.h"
#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_AUTH_RESULTS_LINE 76       /* octets of a line, where words allow it */
#define VX_AUTH_RESULTS_VALUE_MAX 400 /* octets of a value that is written; cut */
#define VX_AUTH_RESULTS_ID_MAX 255    /* octets of an authserv-id */
#define VX_AUTH_RESULTS_MAX 100       /* results of one field */
#define VX_AUTH_PROPERTIES_MAX 30     /* properties of one result */

struct vx_auth_property {
	vx_slice ptype,
	    name; /* "smtp", "mailfrom"; read: ptype may be empty, "action=x" */
	vx_slice value;
};

struct vx_auth_result {
	vx_slice method;  /* "spf", "dkim", "dmarc", "arc" and so on */
	unsigned version; /* of the method; 0: not said, which is 1 */
	vx_slice result;  /* "pass"; see vx_verdict_name */
	vx_slice reason;  /* for a person; empty: none */
	const struct vx_auth_property *properties;
	size_t properties_count;
};

struct vx_auth_results {
	vx_slice authserv_id;
	const struct vx_auth_result *results;
	size_t count; /* 0: "none" */
};

/*
 * Append the field with its line end, folded with CRLF.  head is what it begins with;
 * empty: "Authentication-Results:".  Values and reasons may be anything: controls, what
 * is not UTF-8, and without utf8 (the message is not one of SMTPUTF8) what is not ASCII
 * become '?', but domains A-labels; they are quoted where that is needed.
 * VX_OK; VX_EINVAL: a method, result or name of a property is no Keyword (RFC
 * 5321 4.1.2), no authserv-id, more than the limits; VX_ELIMIT: out is full.
 */
VX_API int vx_auth_results_write(
    const struct vx_auth_results *r, vx_slice head, bool utf8, struct vx_buf *out);

/*
 * The value of a field as it stands in a header.  Taken beyond RFC 8601 2.2, since many
 * write it: a ';' at the end, values that should be quoted, empty ones, properties
 * without a ptype.  Slices and lists live in the arena; values are without quotes and
 * comments. VX_OK; VX_ESYNTAX; VX_EUNSUP: another version than 1; VX_ELIMIT: arena, or
 * more than the limits.
 */
VX_API int vx_auth_results_parse(
    vx_slice value, struct vx_arena *arena, struct vx_auth_results *out);
/* Append the authserv-id only, of any version (0: none is said).  VX_OK, VX_ESYNTAX. */
VX_API int vx_auth_results_id(vx_slice value, struct vx_buf *out, unsigned *version);

/*
 * Does the value claim one of these authserv-ids?  Without regard to case, as U-label or
 * A-label; also where only a careless reader would find it.
 */
VX_API bool vx_auth_results_claims(vx_slice value, const vx_slice *ids, size_t count);

/*
 * Append a header, with its blank line if it has one, without the Authentication-Results
 * fields that claim one of the ids or are of a version that is not ours (RFC 8601 5).
 * removed (or NULL): how many there were.  VX_OK; VX_ELIMIT: out is full.
 */
VX_API int vx_auth_results_filter(vx_slice header, const vx_slice *ids, size_t count,
    struct vx_buf *out, size_t *removed);

VX_END_DECLS

#endif
