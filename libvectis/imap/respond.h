/* respond.h - writing responses (RFC 9051 7). */
#ifndef VX_IMAP_RESPOND_H
#define VX_IMAP_RESPOND_H

#include "imap/parse.h"
#include "vectis/message.h"
#include "vectis/store.h"

/* A string as quoted when it may be, else a literal; ptr NULL: NIL.  utf8: may be raw. */
void vx_imap_write_string(struct vx_buf *out, vx_slice s, bool utf8);
/* A mailbox name: modified UTF-7, or UTF-8 after ENABLE IMAP4rev2. */
void vx_imap_write_mailbox(struct vx_buf *out, vx_slice name, bool utf8);
/* "(\Seen $Junk)"; names by bit. */
void vx_imap_write_flags(
    struct vx_buf *out, uint64_t flags, const vx_slice names[VX_KEYWORDS_MAX]);
/* "1:3,5" */
void vx_imap_write_ranges(struct vx_buf *out, const struct vx_uid_range *r, size_t count);
/* "* VANISHED 1:3,5" (RFC 7162 3.2.10), a whole line; nothing for no range. */
void vx_imap_write_vanished(
    struct vx_buf *out, bool earlier, const struct vx_uid_range *r, size_t count);

/* Object ids (RFC 8474): of an email by its blob, of a mailbox. */
void vx_imap_write_email_id(struct vx_buf *out, uint64_t blob);
void vx_imap_write_mailbox_id(struct vx_buf *out, uint32_t account, uint32_t mailbox);

/* What a descriptor says; VX_ECORRUPT. */
int vx_imap_write_envelope(struct vx_buf *out, const struct vx_descriptor *d, bool utf8);
int vx_imap_write_structure(
    struct vx_buf *out, const struct vx_descriptor *d, bool extensible, bool utf8);

/* The part that a section names (its text is not looked at); VX_ENOENT, VX_ECORRUPT. */
int vx_imap_section_part(
    const struct vx_descriptor *d, const struct vx_imap_section *s, struct vx_part *out);
/*
 * Which octets of the message a section is: at most `cap` ranges [first, end).  VX_OK
 * with *count; VX_ENOENT: no such part (the answer is NIL or "").  blank: the section
 * ends with a CRLF of its own (HEADER.FIELDS whose blank line was not selected).
 */
struct vx_octet_range {
	uint64_t first, end;
};
#define VX_SECTION_RANGES_MAX 2002
int vx_imap_section_ranges(const struct vx_descriptor *d, const struct vx_imap_section *s,
    struct vx_octet_range *out, size_t cap, size_t *count);
/* HEADER.FIELDS of a part's header, given as text: appended to out with its blank line.
 */
void vx_imap_select_fields(
    vx_slice header, const struct vx_imap_section *s, struct vx_buf *out);

#endif
