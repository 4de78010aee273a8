/*
 * smtp_check.h - is a message from whom it says?  SPF from MAIL on, DKIM, ARC and DMARC
 * when it is there; and the field that tells of it (RFC 8601).
 */
#ifndef VX_SERVICE_SMTP_CHECK_H
#define VX_SERVICE_SMTP_CHECK_H

#include "service/smtp_peer.h"
#include "vectis/report_store.h"

struct smtp_check;

struct smtp_check_options {
	const struct vx_smtp_service_options *service;
	const char *address; /* the client's */
	vx_slice helo, mail_from;
	void (*done)(void *ctx); /* a stage is over; perhaps from within begin or end */
	void *ctx;
};
/*
 * MAIL came.  begin asks for SPF, and done is called once its result is known.  VX_OK,
 * VX_ENOMEM.
 */
int vx_smtp_check_new(const struct smtp_check_options *o, struct smtp_check **out);
void vx_smtp_check_begin(struct smtp_check *c);
void vx_smtp_check_free(struct smtp_check *c);

/* After the first done: what SPF says, noted. */
void vx_smtp_check_note_spf(const struct smtp_check *c, struct smtp_notes *n);
enum vx_verdict vx_smtp_check_spf(const struct smtp_check *c, bool *is_explicit);

/* The header as it came, with its blank line; then the body.  VX_OK, VX_ENOMEM. */
int vx_smtp_check_header(struct smtp_check *c, vx_slice header);
void vx_smtp_check_body(struct smtp_check *c, vx_slice octets);
/* The message is complete: done is called once all is known. */
void vx_smtp_check_end(struct smtp_check *c);

/* After the second done. */
void vx_smtp_check_note(const struct smtp_check *c, struct smtp_notes *n);
/* All but from_ours and mode. */
void vx_smtp_check_facts(const struct smtp_check *c, struct smtp_message_facts *f);
/* The author domains, to be looked up in the directory. */
const struct vx_dmarc_authors *vx_smtp_check_authors(const struct smtp_check *c);
/* Append Authentication-Results.  VX_OK, or what vx_auth_results_write says. */
int vx_smtp_check_write(const struct smtp_check *c, const struct smtp_peer *peer,
    bool utf8, struct vx_buf *out);
/* Append the domains of the signatures that pass, each with a blank behind it. */
void vx_smtp_check_signers(const struct smtp_check *c, struct vx_buf *out);
/* For the owners of the author domains, who want to know. */
void vx_smtp_check_report(const struct smtp_check *c, struct vx_report_batch *batch,
    int64_t now_s, enum smtp_fate fate);

#endif
