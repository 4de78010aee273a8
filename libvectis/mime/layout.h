/*
 * layout.h - the octets of a descriptor (message.h), little-endian.
 *
 * A header, then the rows of fields, the rows of parts, the strings.  A string is a
 * length of 4 octets, one more than it has (0: absent), and its octets; a list is
 * strings one after the other inside a string.
 */
#ifndef VX_MIME_LAYOUT_H
#define VX_MIME_LAYOUT_H

enum {
	VX_DESC_VERSION = 2,

	/* header */
	VX_DESC_SIZE = 8,         /* u64 */
	VX_DESC_HEADER_SIZE = 16, /* u64 */
	VX_DESC_SENT = 24,        /* i64 */
	VX_DESC_MESSAGE_ID = 32,  /* u64 */
	VX_DESC_LINES = 40,       /* u32, like the rest */
	VX_DESC_DEFECTS = 44,
	VX_DESC_FIELDS = 48,
	VX_DESC_PARTS = 52,
	VX_DESC_PREVIEW = 56,
	VX_DESC_SUBJECT = 60,
	VX_DESC_REFERENCES = 64, /* a string of u64s: hashes of message ids */
	VX_DESC_FLAGS = 68,      /* VX_DESC_REPLY */
	VX_DESC_HEADER = 72,

	/* a field */
	VX_ROW_FIELD = 12, /* name hash, offset, length */

	/* a part */
	VX_PART_AT_HEADER = 0, /* u64 */
	VX_PART_AT_BODY = 8,
	VX_PART_AT_END = 16,
	VX_PART_AT_PARENT = 24, /* u32, like the rest */
	VX_PART_AT_NEXT = 28,
	VX_PART_AT_CHILD = 32,
	VX_PART_AT_LINES = 36,
	VX_PART_AT_FLAGS = 40,
	VX_PART_AT_STRINGS = 44, /* offsets in the strings, VX_PART_STRINGS of them */
};

enum vx_part_string {
	VX_STR_TYPE,
	VX_STR_SUBTYPE,
	VX_STR_PARAMS,
	VX_STR_ID,
	VX_STR_DESCRIPTION,
	VX_STR_ENCODING,
	VX_STR_MD5,
	VX_STR_LOCATION,
	VX_STR_DISPOSITION,
	VX_STR_DISPOSITION_PARAMS,
	VX_STR_LANGUAGES,
	VX_STR_ENVELOPE,
	VX_PART_STRINGS
};

#define VX_ROW_PART (VX_PART_AT_STRINGS + 4 * VX_PART_STRINGS)
#define VX_STR_NONE UINT32_MAX
#define VX_DESC_REPLY 1u /* the subject says: a reply, or forwarded */

#endif
