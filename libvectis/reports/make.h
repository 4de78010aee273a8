/* make.h - a report of a domain's day, and the mail that takes it there. */
#ifndef VX_REPORTS_MAKE_H
#define VX_REPORTS_MAKE_H

#include "vectis/report_store.h"

#define VX_REPORT_PACKED_MAX ((size_t)8 << 20) /* octets of a report that is sent */
#define VX_REPORT_MAIL_MAX ((size_t)12 << 20)  /* of the mail around it */
#define VX_REPORT_TO_MAX VX_DMARC_URIS_MAX     /* addresses */

struct vx_report_make { /* borrowed */
	struct vx_store *store;
	enum vx_report_kind kind;
	uint32_t day;    /* since 1970 */
	vx_slice domain; /* whose report it is */
	vx_slice organization, email;
	vx_slice submitter; /* domain of email */
	const vx_slice *to; /* of the mail */
	size_t to_count;
};

/*
 * Append the report, packed; any thread.  VX_OK; VX_ENOENT: nothing was counted;
 * VX_ELIMIT, VX_ENOMEM, VX_ECORRUPT, VX_EINVAL.  The same day gives the same report.
 */
int vx_report_make(const struct vx_report_make *m, struct vx_buf *packed);
/* The media type of a packed report. */
const char *vx_report_media_type(enum vx_report_kind kind);
/* Append its mail, header and body, CRLF.  VX_OK, VX_EINVAL, VX_ELIMIT. */
int vx_report_write_mail(
    const struct vx_report_make *m, vx_slice packed, int64_t now_s, struct vx_buf *out);

/*
 * Where a domain wants reports about TLS, from the TXT records of _smtp._tls (RFC 8460
 * 3): URIs of mailto, https and others, in the arena.  VX_OK; VX_ENOENT: nowhere;
 * VX_ETEMP: nobody answers; VX_ELIMIT.
 */
int vx_report_tls_destinations(const struct vx_dns_answer *a, struct vx_arena *arena,
    const struct vx_dmarc_uri **uris, size_t *count);

#endif
