/* header.h - header fields: finding, unfolding, parameters, encoded words, charsets. */
#ifndef VECTIS_HEADER_H
#define VECTIS_HEADER_H

#include "vectis/arena.h"
#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

struct vx_field {
	vx_slice whole; /* with its line ends */
	vx_slice name;
	vx_slice value; /* folded as it is, without the last line end */
	bool bad;       /* the line is no field: name is empty, value is the line */
};

/*
 * Take the next field off a header block.  False at its end: the blank line is taken
 * too.  Lines end with CRLF or LF.
 */
VX_API bool vx_field_next(vx_slice *block, struct vx_field *out);

/* Append value without the line ends of its folding (RFC 5322 2.2.3), blanks trimmed. */
VX_API void vx_field_unfold(vx_slice value, struct vx_buf *out);

/* Parameters of one field (RFC 2045 5.1, RFC 2231 put together and decoded to UTF-8). */
#define VX_PARAMS_MAX 100 /* as written, pieces counted; the rest is left out */
struct vx_param {
	vx_slice name;  /* lower case */
	vx_slice value; /* unquoted */
	struct vx_param *next;
};
/*
 * "type/subtype; a=b" or "token; a=b": *main is what stands before the first ';' without
 * comments and blanks.  Each name is there once: an extended value counts before a plain
 * one, else the first.  Garbled parameters are skipped.  VX_OK, VX_ELIMIT (arena).
 */
VX_API int vx_params_parse(
    vx_slice value, struct vx_arena *arena, vx_slice *main, struct vx_param **out);

/*
 * Decode RFC 2047 encoded words to UTF-8, wherever they stand; other octets that are not
 * UTF-8 become U+FFFD.  Line ends are left out.  What is longer than 1 MB is cut.
 */
#define VX_ENCODED_WORD_MAX 2000 /* octets of one word; longer ones stay as they are */
VX_API void vx_text_decode(vx_slice value, struct vx_buf *out);
/*
 * Append UTF-8 as encoded words of at most 75 octets, folded (RFC 2047 2); what is not
 * UTF-8 is not allowed.
 */
VX_API void vx_text_encode(vx_slice utf8, struct vx_buf *out);
/*
 * Append the header of a message or of a part, with its blank line if it has one, for a
 * client that takes no UTF-8 in it (RFC 6858 2): addresses that cannot be written become
 * an invalid one with the name, a subject gets encoded, parameters and other fields with
 * octets beyond ASCII are left out; what is ASCII stays as it is.
 */
VX_API void vx_header_downgrade(vx_slice header, struct vx_buf *out);
/*
 * Append text of a charset as UTF-8, what is wrong in it as U+FFFD.  False: the charset
 * is unknown, and the text was taken as UTF-8.
 */
VX_API bool vx_charset_decode(vx_slice charset, vx_slice text, struct vx_buf *out);
/* Undo quoted-printable or base64 leniently; any other encoding is copied. */
VX_API void vx_transfer_decode(vx_slice encoding, vx_slice body, struct vx_buf *out);
/*
 * Content transfer encodings in pieces, cut anywhere (RFC 2045 6.7, 6.8): { .kind = k }.
 * Quoted-printable is of text: CR LF stays the end of a line, and what else there is of
 * CR or LF is written as it is escaped.  A line has at most 76 octets.
 */
enum vx_encoding {
	VX_ENCODING_NONE, /* 7bit, 8bit, binary */
	VX_ENCODING_QP,
	VX_ENCODING_BASE64
};
struct vx_mime_encoder {
	enum vx_encoding kind;
	unsigned column, held_len; /* private */
	char held[3];
};
VX_API void vx_mime_encode(
    struct vx_mime_encoder *e, vx_slice octets, struct vx_buf *out);
VX_API void vx_mime_encode_end(struct vx_mime_encoder *e, struct vx_buf *out);
/* The text of HTML: tags and comments out, entities resolved, blanks collapsed. */
VX_API void vx_html_text(vx_slice html, struct vx_buf *out);
/*
 * As i;unicode-casemap compares (RFC 5051): every code point in titlecase and wholly
 * decomposed.  The fold of a text is the folds of its pieces, one after the other; what
 * is not UTF-8 becomes U+FFFD, so the result always is UTF-8.
 */
VX_API void vx_text_fold(vx_slice utf8, struct vx_buf *out);

/*
 * A password as it is compared, whichever way it was typed: NFKC, other blanks as a blank
 * (RFC 4013 2.1 and 2.2, which SCRAM's clients do).  What is not UTF-8 stays as it is.
 */
VX_API void vx_password_prepare(vx_slice password, struct vx_buf *out);

VX_END_DECLS

#endif
