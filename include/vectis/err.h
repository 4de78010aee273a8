/*
 * err.h - the one table of results, and the text for a person who must act.
 *
 * Functions that can fail return int: VX_OK; above 0 for progress of something
 * incremental; below 0 for a failure of ours.  What a peer does wrong is an event
 * or a reply, never one of these.  Outputs are untouched on failure.
 */
#ifndef VECTIS_ERR_H
#define VECTIS_ERR_H

#include "vectis/api.h"

VX_BEGIN_DECLS

/* name, number (part of the ABI), text */
#define VX_ERR_TABLE(X)                                                                  \
	X(ENOMEM, -1, "out of memory")                                                   \
	X(ELIMIT, -2, "a limit was reached")                                             \
	X(EINVAL, -3, "invalid argument or value")                                       \
	X(ESTATE, -4, "not possible in this state")                                      \
	X(EPROTO, -5, "protocol violation")                                              \
	X(ESYNTAX, -6, "syntax error")                                                   \
	X(ENOENT, -7, "no such object")                                                  \
	X(EEXIST, -8, "object exists already")                                           \
	X(EIO, -9, "input/output error")                                                 \
	X(ENOSPC, -10, "no space left")                                                  \
	X(EQUOTA, -11, "quota exceeded")                                                 \
	X(EPERM, -12, "not permitted")                                                   \
	X(EAUTH, -13, "authentication failed")                                           \
	X(ETLS, -14, "TLS failure")                                                      \
	X(ECRYPTO, -15, "cryptographic failure")                                         \
	X(ECORRUPT, -16, "stored data is damaged")                                       \
	X(EBUSY, -17, "in use by another")                                               \
	X(ETEMP, -18, "temporary failure, try again")                                    \
	X(EUNSUP, -19, "not supported")                                                  \
	X(ECLOSED, -20, "closed")                                                        \
	X(ECONFLICT, -21, "changed by another meanwhile")                                \
	X(ETIMEOUT, -22, "timed out")                                                    \
	X(ENOTEMPTY, -23, "not empty")                                                   \
	X(EACCES, -24, "no right to do that")

enum vx_result {
	VX_OK = 0,
	VX_MORE = 1, /* all input used: call again with what follows */
	VX_DATA = 2, /* something was handed out: use it, then call again */
	VX_DONE = 3, /* the end was reached */
	VX_WAIT = 4, /* an answer is awaited: nothing was consumed */
	VX_TLS = 5,  /* send what there is, then begin a TLS handshake */
#define VX_ERR_ENUM(name, number, text) VX_##name = (number),
	VX_ERR_TABLE(VX_ERR_ENUM)
#undef VX_ERR_ENUM
};

/* The text of a result, never NULL.  Static. */
VX_API const char *vx_strerror(int result);

#define VX_ERROR_TEXT_MAX 400
#define VX_ERROR_FILE_MAX 256

/* For a person: what is wrong and what to do.  line and column count from 1; 0: none. */
struct vx_error {
	int code;
	unsigned line;
	unsigned column;
	char file[VX_ERROR_FILE_MAX];
	char text[VX_ERROR_TEXT_MAX];
};

/*
 * Fill *err (which may be NULL) and return code.  Text that is too long is cut;
 * octets below 32 become '?'.  _at adds a place.
 */
VX_API int vx_error_set(struct vx_error *err, int code, const char *fmt, ...)
    VX_PRINTF(3, 4);
VX_API void vx_error_at(
    struct vx_error *err, const char *file, unsigned line, unsigned column);

/* The text of errno number; thread-safe, static storage. */
VX_API const char *vx_errno_text(int number);

/* The result that errno number stands for: ENOSPC is VX_ENOSPC, and so on. */
VX_API int vx_errno_result(int number);

VX_END_DECLS

#endif
