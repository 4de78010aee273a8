/*
 * zip.h - DEFLATE (RFC 1951) around a protocol session, as COMPRESS=DEFLATE has it
 * (RFC 4978).
 *
 * A zip stands between the loop and a session's own drive: octets from the wire are
 * inflated for the session, what it says is deflated.  Whenever the session has no more
 * to say for now its words are flushed, so that the peer never waits for octets that are
 * still in the compressor.
 *
 * Hostile peers.  A few octets may inflate to a thousand times as many: they are
 * inflated piece by piece as the session takes them, no buffer grows, and one call of
 * vx_zip_drive handles no more than about VX_ZIP_STEP_MAX octets of plain text before
 * the loop turns to other connections.
 */
#ifndef VX_ZIP_ZIP_H
#define VX_ZIP_ZIP_H

#include "vectis/service.h"

#define VX_ZIP_PIECE ((size_t)8 * 1024)      /* inflated at once, and held at most */
#define VX_ZIP_STEP_MAX ((size_t)128 * 1024) /* in and out, of one vx_zip_drive */
#define VX_ZIP_TEXT_MAX ((size_t)4 << 20)    /* that a session may say in one step */
/*
 * Of zlib's for one connection.  The compressor's window is a quarter of the largest: 64
 * KiB instead of 256 for answers that are larger by 3 (envelopes) to 10 % (text).
 */
#define VX_ZIP_MEMORY_MAX ((size_t)128 * 1024)
#define VX_ZIP_MEMORY_RESTING ((size_t)48 * 1024)

struct vx_zip;

int vx_zip_new(struct vx_zip **out); /* VX_ENOMEM */
void vx_zip_free(struct vx_zip *z);

/*
 * Like the session's own drive, with compressed octets at both sides.  Results as
 * service.h has them; VX_WAIT also when there was enough work for one step: the
 * session's host was woken then.  VX_DONE also when nothing can follow on what the peer
 * sent: see vx_zip_broken.
 */
int vx_zip_drive(struct vx_zip *z, struct vx_session *s,
    int (*drive)(struct vx_session *s, vx_slice *in, struct vx_buf *out), vx_slice *in,
    struct vx_buf *out);
/* Say something out of turn (a farewell), flushed.  VX_OK, VX_ENOMEM. */
int vx_zip_say(struct vx_zip *z, vx_slice text, struct vx_buf *out);
/* The peer sent what is not DEFLATE, or ended its stream. */
bool vx_zip_broken(const struct vx_zip *z);
/*
 * Both streams end (RFC 8437 4): ours with what the session says until its drive returns
 * VX_MORE, the peer's with what the session has taken.  Then end_in reads up to the end
 * of the peer's: VX_OK: what is left of *in is not compressed, and the zip can go; VX_MORE:
 * with more input; VX_ESYNTAX: something follows in the stream, or it is damaged.
 * A peer may have flushed its stream without ending it: that is so when an octet follows
 * the flush that text can begin with, since what ends a flushed stream begins with 1 or 3.
 */
void vx_zip_end(struct vx_zip *z);
int vx_zip_end_in(struct vx_zip *z, vx_slice *in);
/*
 * The session will be silent for long: give the compressor's memory back.  What is said
 * later begins with an empty window, and is no worse for the peer.
 */
void vx_zip_rest(struct vx_zip *z);
/* Octets that zlib holds now. */
size_t vx_zip_memory(const struct vx_zip *z);

#endif
