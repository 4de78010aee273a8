/*
 * xml.h - a small reader of XML 1.0, one piece at a time: elements and text, without
 * document types and without entities but the five and numbers.  Comments and processing
 * instructions are passed over, attributes are checked and passed over.
 *
 * The whole document is there, and is UTF-8.  What is open is a stack of names with a
 * limit, nothing is expanded, so that work and memory are bounded by its length.
 */
#ifndef VX_MAILAUTH_XML_H
#define VX_MAILAUTH_XML_H

#include "base/cursor.h"
#include "vectis/report.h"

enum vx_xml_piece {
	VX_XML_START, /* name */
	VX_XML_TEXT,  /* text: a part of what stands between two tags */
	VX_XML_END,   /* name */
	VX_XML_DONE,
	VX_XML_BROKEN /* problem; limit: it is one of the limits */
};

struct vx_xml {
	struct vx_cursor c;
	const char *begin;
	vx_slice open[VX_REPORT_DEPTH_MAX];
	size_t depth;
	bool root;  /* it was there */
	bool empty; /* "<a/>": the end of what was begun is due */
	char octets[4];
	vx_slice name, text;
	const char *problem;
	bool limit;
};

/* document is not copied: UTF-8 without controls but tabs and line ends. */
void vx_xml_init(struct vx_xml *x, vx_slice document);
enum vx_xml_piece vx_xml_next(struct vx_xml *x);
/* Where the reader is, counted from 1. */
unsigned vx_xml_line(const struct vx_xml *x);

#endif
