/*
 * frame.h - cut the client's octets into commands: lines with their literals.
 *
 * A command is handed out whole, its literals inside as "{n}" CRLF octets, but for the
 * message of an APPEND or REPLACE, which is handed out piece by piece.  After login there
 * is LITERAL+ (RFC 7888); before it LITERAL- has clients wait with literals above 4096
 * octets; those that do not are taken when they fit all the same.
 */
#ifndef VX_IMAP_FRAME_H
#define VX_IMAP_FRAME_H

#include "vectis/buf.h"
#include "vectis/err.h"

#define VX_IMAP_LINE_MAX ((size_t)64 * 1024)
#define VX_IMAP_LINE_MAX_EARLY ((size_t)8 * 1024) /* before login */
#define VX_IMAP_COMMAND_MAX ((size_t)256 * 1024)  /* with its literals */
#define VX_IMAP_COMMAND_MAX_EARLY ((size_t)16 * 1024)
#define VX_IMAP_HEAD_MAX ((size_t)512) /* of a command that is too long: its tag */

enum vx_imap_frame_event {
	VX_IMAP_COMMAND,  /* command is whole */
	VX_IMAP_MESSAGE,  /* an APPEND or REPLACE up to its message of `message` octets:
			     accept or refuse */
	VX_IMAP_OCTETS,   /* of that message */
	VX_IMAP_TOO_LONG, /* a line or a literal beyond the limits: say BAD; it was
			     dropped, but command begins as it did */
};

struct vx_imap_frame {
	struct vx_buf command; /* what there is of the command under way */
	bool authenticated;    /* set by the host: larger limits, APPEND streams */
	size_t line_start;     /* of the line under way, in command */
	uint64_t literal;      /* octets of a literal still to come */
	uint64_t message;      /* octets of an APPEND's message still to come */
	uint64_t swallow;      /* octets to be dropped */
	bool asked;            /* MESSAGE was handed out: accept or refuse is awaited */
	char tail[4];          /* of the line under way when it is dropped */
	bool nonsync, dropping, handed_out, fatal;
	bool refused; /* what follows the message up to the command's end: drop */
};

void vx_imap_frame_init(struct vx_imap_frame *f);
void vx_imap_frame_done(struct vx_imap_frame *f);

/*
 * Advance over *in; "+ ..." lines go to out.  VX_DATA: *event; octets is set for OCTETS,
 * the command is in f->command.  VX_MORE.  VX_DONE: a limit was passed in a way that the
 * rest cannot be told apart (octets of a literal are on their way): close.
 */
int vx_imap_frame_next(struct vx_imap_frame *f, vx_slice *in, struct vx_buf *out,
    enum vx_imap_frame_event *event, vx_slice *octets);
/*
 * After MESSAGE: take it (sends "+" when the client waits for it), or drop it and the
 * rest of its command, of which nothing more is heard.
 */
void vx_imap_frame_accept(struct vx_imap_frame *f, struct vx_buf *out);
void vx_imap_frame_refuse(struct vx_imap_frame *f);

#endif
