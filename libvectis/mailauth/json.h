/*
 * json.h - a small strict reader of JSON (RFC 8259), one piece at a time.
 *
 * The whole text is there, and is UTF-8.  What is open is a stack of bits with a limit;
 * strings are decoded into a buffer with one.  That no name is there twice in an object
 * is the caller's to see: only it knows which names matter.
 */
#ifndef VX_MAILAUTH_JSON_H
#define VX_MAILAUTH_JSON_H

#include "base/cursor.h"
#include "vectis/report.h"

enum vx_json_piece {
	VX_JSON_OBJECT,     /* "{" */
	VX_JSON_OBJECT_END, /* "}" */
	VX_JSON_ARRAY,
	VX_JSON_ARRAY_END,
	VX_JSON_NAME,   /* text: of what comes next in an object */
	VX_JSON_STRING, /* text */
	VX_JSON_NUMBER, /* text: as it is written */
	VX_JSON_WORD,   /* text: true, false, null */
	VX_JSON_DONE,
	VX_JSON_BROKEN /* problem; limit: it is one of the limits */
};

struct vx_json {
	struct vx_cursor c;
	const char *begin;
	bool in_object[VX_REPORT_DEPTH_MAX];
	size_t depth;
	enum {
		VX_JSON_WANT_VALUE,
		VX_JSON_WANT_FIRST, /* a value, a name, or the end of what was just begun
				     */
		VX_JSON_WANT_NAME,
		VX_JSON_WANT_MORE /* a comma, or the end */
	} want;
	struct vx_buf string; /* own; max is VX_REPORT_TEXT_MAX */
	vx_slice text;
	const char *problem;
	bool limit;
};

/* text is not copied. */
void vx_json_init(struct vx_json *j, vx_slice text);
void vx_json_done(struct vx_json *j);
enum vx_json_piece vx_json_next(struct vx_json *j);
/* Where the reader is, counted from 1. */
unsigned vx_json_line(const struct vx_json *j);

/* Append s as a string with its quotes; what is not UTF-8 becomes U+FFFD. */
void vx_json_add_string(struct vx_buf *out, vx_slice s);

#endif
