/* dsn.h - delivery status notifications (RFC 3461, 3464, 6522, 6533). */
#ifndef VECTIS_DSN_H
#define VECTIS_DSN_H

#include "vectis/arena.h"
#include "vectis/header.h"

VX_BEGIN_DECLS

#define VX_DSN_ENVID_MAX 100 /* octets of xtext (RFC 3461 4.4) */
#define VX_DSN_ORCPT_MAX 500 /* octets of "type;xtext" (RFC 3461 4.2) */

/*
 * xtext (RFC 3461 4).  Decoding takes hexadecimal digits of both cases, and gives any
 * octets: they have to be looked at.  VX_OK, VX_EINVAL, VX_ELIMIT; *out as it was on
 * failure.
 */
VX_API void vx_xtext_encode(vx_slice s, struct vx_buf *out);
VX_API int vx_xtext_decode(vx_slice s, struct vx_buf *out);

/*
 * An address of type utf-8 (RFC 6533 3): as utf-8-addr-xtext, which is ASCII, or as
 * utf-8-addr-unitext; what is not UTF-8 becomes U+FFFD.  Decoding takes both forms and
 * the address itself.  VX_OK, VX_EINVAL, VX_ELIMIT as above.
 */
VX_API void vx_utf8_addr_encode(vx_slice address, bool ascii, struct vx_buf *out);
VX_API int vx_utf8_addr_decode(vx_slice s, struct vx_buf *out);

/*
 * The value of ORCPT: its type and its address, decoded as the type says; and the same
 * value for a peer that takes no UTF-8.  VX_OK; VX_EINVAL; VX_ELIMIT: out is full, or the
 * value would be longer than VX_DSN_ORCPT_MAX.
 */
VX_API int vx_orcpt_decode(vx_slice orcpt, vx_slice *type, struct vx_buf *address);
VX_API int vx_orcpt_ascii(vx_slice orcpt, struct vx_buf *out);

/* --- when, and what ----------------------------------------------------------------- */

enum { /* bits of NOTIFY; none: it was not said */
	VX_SMTP_NOTIFY_NEVER = 1,
	VX_SMTP_NOTIFY_SUCCESS = 2,
	VX_SMTP_NOTIFY_FAILURE = 4,
	VX_SMTP_NOTIFY_DELAY = 8
};

enum vx_dsn_action {
	VX_DSN_UNKNOWN, /* of others' reports only */
	VX_DSN_FAILED,
	VX_DSN_DELAYED,
	VX_DSN_DELIVERED,
	VX_DSN_RELAYED, /* to a server that will tell nothing */
	VX_DSN_EXPANDED /* to those that an alias stands for */
};
/* "failed"; VX_DSN_UNKNOWN: "unknown".  Static. */
VX_API const char *vx_dsn_action_name(enum vx_dsn_action action);

/*
 * May a report of that be sent (RFC 3461 5.2)?  Never to the null reverse-path, which is
 * the caller's to see.
 */
VX_API bool vx_dsn_wanted(unsigned notify, enum vx_dsn_action action);

/* --- writing one -------------------------------------------------------------------- */

#define VX_DSN_RECIPIENTS_MAX 1000 /* of one report */
#define VX_DSN_ADDRESS_MAX 1280    /* octets */
#define VX_DSN_TEXT_MAX 1000       /* octets of what a server said */
#define VX_DSN_SUBJECT_MAX 120     /* octets of the original's subject, in UTF-8 */
#define VX_DSN_HEADER_MAX ((size_t)64 * 1024) /* of the original's that goes back */
#define VX_DSN_TOKEN_MAX 40
#define VX_DSN_STATUS_MAX 9
/* out needs a maximum of: what vx_dsn_begin writes at the most, per recipient and at all
 */
#define VX_DSN_OUT_MAX ((size_t)32 * 1024)
#define VX_DSN_OUT_FIXED ((size_t)512 * 1024)

struct vx_dsn_recipient {
	enum vx_dsn_action action;
	vx_slice address; /* forward-path without <> */
	vx_slice orcpt;   /* "type;xtext" as it came; empty: not said */
	vx_slice status;  /* RFC 3463; empty, or none: that of the action */
	vx_slice
	    diagnostic;    /* "550 5.1.1 no such user" as it was said, or words of ours */
	vx_slice remote;   /* the server that said it; empty: none did */
	int64_t attempted; /* seconds since 1970; 0: not said */
	int64_t retry_until; /* of DELAYED; 0: not said */
};

struct vx_dsn_report {
	vx_slice hostname;   /* who reports */
	vx_slice from;       /* the address of a person: postmaster@... */
	vx_slice to;         /* the original's reverse-path, not empty */
	vx_slice message_id; /* of the report, without <> */
	vx_slice
	    token; /* letters and digits that nobody can foresee: the boundary has it */
	int64_t now, arrival; /* seconds since 1970; arrival 0: not said */
	int zone;             /* minutes east of UTC */
	vx_slice envid;       /* xtext as it came; empty: not said */
	/* RFC 4865 5.1.2, "for;600" or "until;2026-12-24T08:00:00Z"; empty: not said */
	vx_slice hold;
	const struct vx_dsn_recipient *recipients;
	size_t count;
	/* The original's header; what is behind its blank line is passed over. */
	vx_slice header;
	bool full;     /* RET=FULL, and it is not too large: the whole goes back */
	bool has_8bit; /* the whole has octets above 127 */
};

struct vx_dsn_writer {
	bool returning;  /* vx_dsn_content is to be called with the whole original */
	bool has_8bit;   /* the report needs 8BITMIME */
	bool needs_utf8; /* it needs SMTPUTF8 */
	/* private */
	bool line_open;
	struct vx_mime_encoder encoder;
	char boundary[VX_DSN_TOKEN_MAX + 16];
};

/*
 * Append a report up to where the whole original is to go; that (only when returning is
 * set), in pieces; the end.  The envelope is the null reverse-path, report's to, and
 * NOTIFY=NEVER (RFC 3461 6.1).
 *
 * The report is multipart/report of text for people, message/delivery-status, and
 * text/rfc822-headers or, when full is set and a recipient failed (RFC 3461 4.3), the
 * message; their message/global-* forms (RFC 6533) where to is in UTF-8, or the header
 * is. What others said is made safe and cut.
 *
 * VX_OK; VX_EINVAL: a value has what does not belong there, or no recipient;
 * VX_ELIMIT: too many recipients.  Whether out took it is its failed.
 */
VX_API int vx_dsn_begin(
    struct vx_dsn_writer *w, const struct vx_dsn_report *report, struct vx_buf *out);
VX_API void vx_dsn_content(struct vx_dsn_writer *w, vx_slice octets, struct vx_buf *out);
VX_API void vx_dsn_end(struct vx_dsn_writer *w, struct vx_buf *out);

/* --- reading those of others -------------------------------------------------------- */

#define VX_DSN_READ_MAX ((size_t)1024 * 1024) /* octets that are looked at */
#define VX_DSN_READ_RECIPIENTS_MAX 200

struct vx_dsn_told {
	enum vx_dsn_action action;
	char status[VX_DSN_STATUS_MAX + 1]; /* "": none */
	unsigned code;                      /* of SMTP, in the diagnostic; 0: none */
	vx_slice address;                   /* Final-Recipient, without its type */
	vx_slice original;   /* Original-Recipient, without its type; empty: not said */
	vx_slice diagnostic; /* one safe line, without its type */
	vx_slice remote;
};

struct vx_dsn_notice {
	vx_slice envelope_id;     /* as it is there; empty: not said */
	vx_slice reporting;       /* MTA, without its type */
	vx_slice message_id;      /* of what goes back, without <>; empty: not there */
	struct vx_dsn_told *told; /* in the arena, like all slices */
	size_t count;
	bool cut; /* there were more recipients */
};

/*
 * Is the message a delivery status notification?  Never believed: anybody can write one.
 * VX_OK, VX_ENOENT: no, or without any recipient; VX_ELIMIT: the arena is full;
 * VX_ENOMEM.
 */
VX_API int vx_dsn_read(
    vx_slice message, struct vx_arena *arena, struct vx_dsn_notice *out);

VX_END_DECLS

#endif
