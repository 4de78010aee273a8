/*
 * message.h - what a message is made of: its description, made once at delivery.
 *
 * A describer takes the octets of a message in pieces cut anywhere and makes a
 * descriptor: compact binary with the sizes, the offsets of header fields and MIME
 * parts, and all that ENVELOPE, BODYSTRUCTURE, SORT, THREAD and PREVIEW need.  It never
 * fails because of what the message says: what is wrong is a defect, the rest is
 * described as well as it can be (RFC 5322, 2045, 2046, 6532).
 */
#ifndef VECTIS_MESSAGE_H
#define VECTIS_MESSAGE_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_MIME_DEPTH_MAX 64              /* deeper parts are opaque */
#define VX_MIME_PARTS_MAX 2000            /* later ones are not described */
#define VX_MIME_BOUNDARY_MAX 200          /* longer: none (RFC 2046 allows 70) */
#define VX_HEADER_OCTETS_MAX (256 * 1024) /* of one header block kept for parsing */
#define VX_HEADER_FIELDS_MAX 2000         /* of the message's header with their offsets */
#define VX_PART_TEXT_MAX (8 * 1024)       /* of Subject, Content-ID and the like */
#define VX_PART_PARAMS_MAX (16 * 1024)    /* of the parameters of one field */
#define VX_DESCRIPTOR_MAX (512 * 1024)
#define VX_REFERENCES_MAX 100 /* of more, the first and the last ones */
#define VX_PREVIEW_MAX 200    /* characters (RFC 8970 3.3) */

enum vx_defect {                          /* bits */
	VX_DEFECT_HEADER_LINE = 1 << 0,   /* a header line that is no field */
	VX_DEFECT_NO_BLANK_LINE = 1 << 1, /* the header ends without one */
	VX_DEFECT_HEADER_LIMIT = 1 << 2,  /* a header longer than the limits */
	VX_DEFECT_CONTENT_TYPE = 1 << 3,  /* cannot be parsed: taken as text/plain */
	VX_DEFECT_BOUNDARY = 1 << 4,      /* a multipart without one: text/plain */
	VX_DEFECT_UNTERMINATED = 1 << 5,  /* a multipart without its closing delimiter */
	VX_DEFECT_NO_PARTS = 1 << 6,      /* a multipart without any: text/plain */
	VX_DEFECT_DEPTH = 1 << 7,         /* parts too deep: what has them is opaque */
	VX_DEFECT_PARTS = 1 << 8,         /* too many parts */
	VX_DEFECT_ENCODING = 1 << 9,      /* a composite part in base64 or the like */
	VX_DEFECT_DESCRIPTOR = 1 << 10,   /* too much to describe: structure left out */
	VX_DEFECT_ENVELOPE = 1 << 11,     /* too long: texts cut, addresses left out */
};

struct vx_describer;
VX_API int vx_describer_new(struct vx_describer **out);
/* Never fails; without memory the rest is described as opaque. */
VX_API void vx_describer_add(struct vx_describer *d, vx_slice octets);
/*
 * Whole fields that go in front of all that was added, before the end: what is known
 * of a message only when it is there, such as whether its signatures are good.
 */
VX_API void vx_describer_front(struct vx_describer *d, vx_slice fields);
/* The message ended: append its descriptor to out.  VX_OK, VX_ENOMEM, VX_ELIMIT. */
VX_API int vx_describer_end(struct vx_describer *d, struct vx_buf *out);
VX_API void vx_describer_free(struct vx_describer *d);

/* --- reading a descriptor: every function takes damaged ones and says VX_ECORRUPT --- */

struct vx_descriptor {
	vx_slice octets;      /* borrowed */
	uint64_t size;        /* of the message */
	uint64_t header_size; /* with the blank line */
	uint32_t lines;
	unsigned defects;
	int64_t sent;             /* Date, seconds since 1970; INT64_MIN: none */
	uint64_t message_id_hash; /* of the normalised id (RFC 5256 3); 0: none */
	uint32_t part_count, field_count;
	vx_slice fields, parts, strings; /* tables inside octets */
	vx_slice preview;
	vx_slice base_subject; /* RFC 5256 2.1, decoded, UTF-8 */
	vx_slice references;   /* what it is a reply to: see vx_reference_next */
	bool reply;            /* so its subject says, or that it was forwarded */
};
VX_API int vx_descriptor_open(vx_slice octets, struct vx_descriptor *out);
/*
 * Take the hash of the next message id off references: those of References, else the
 * first of In-Reply-To (RFC 5256 3), oldest first.  False at the end.
 */
VX_API bool vx_reference_next(vx_slice *list, uint64_t *hash);

/* A field of the message's header: name is the hash of its lower-case name. */
struct vx_descriptor_field {
	uint32_t name;
	uint32_t offset, length; /* of the whole field with its CRLF */
};
VX_API int vx_descriptor_field(
    const struct vx_descriptor *d, uint32_t index, struct vx_descriptor_field *out);
VX_API uint32_t vx_field_name_hash(vx_slice name);

/* A MIME part; 0 is the message itself, children follow their parent. */
struct vx_part {
	uint32_t index;
	uint32_t parent;       /* UINT32_MAX: none */
	uint32_t next_sibling; /* 0: none */
	uint32_t first_child;  /* 0: none; a MULTIPART or MESSAGE of ours has one */
	uint64_t header_offset, body_offset, end; /* octets [header|body|end) */
	uint32_t lines;                           /* of the body */
	unsigned flags;                           /* VX_PART_* */
	vx_slice type, subtype;                   /* lower case */
	vx_slice params; /* pairs of strings: see vx_part_param */
	vx_slice id, description, encoding, md5, location; /* ptr NULL: absent */
	vx_slice disposition, disposition_params;          /* ptr NULL: absent */
	vx_slice languages;                                /* list of strings */
	vx_slice envelope; /* of a message: opaque, for vx_envelope_* */
};
enum {
	VX_PART_MULTIPART = 1 << 0,
	VX_PART_MESSAGE =
	    1 << 1,            /* message/rfc822 or message/global: first_child is it */
	VX_PART_ROOT = 1 << 2, /* a message: the whole, or the one inside a MESSAGE */
	VX_PART_TEXT = 1 << 3,
};
VX_API int vx_descriptor_part(
    const struct vx_descriptor *d, uint32_t index, struct vx_part *out);

/* Take the next string off a packed list; false at the end (or damage). */
VX_API bool vx_packed_next(vx_slice *list, vx_slice *out);

/* The envelope of a message (RFC 9051 7.5.2).  Header values are as in the message. */
enum vx_envelope_item {
	VX_ENVELOPE_DATE,
	VX_ENVELOPE_SUBJECT,
	VX_ENVELOPE_FROM,
	VX_ENVELOPE_SENDER,
	VX_ENVELOPE_REPLY_TO,
	VX_ENVELOPE_TO,
	VX_ENVELOPE_CC,
	VX_ENVELOPE_BCC,
	VX_ENVELOPE_IN_REPLY_TO,
	VX_ENVELOPE_MESSAGE_ID,
	VX_ENVELOPE_ITEMS
};
/* items[i].ptr NULL: absent.  The address ones are lists for vx_envelope_address. */
VX_API int vx_envelope_open(vx_slice envelope, vx_slice items[VX_ENVELOPE_ITEMS]);
/* One address: group begin (host absent, mailbox = name), group end (both absent). */
struct vx_envelope_address {
	vx_slice name, mailbox, host; /* ptr NULL: absent (NIL) */
};
VX_API bool vx_envelope_address(vx_slice *list, struct vx_envelope_address *out);

VX_END_DECLS

#endif
