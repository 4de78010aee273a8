/*
 * smtp_policy.h - what speaks against a client and its mail, and what is done about it:
 * all rules for mail from other servers, in their order, in one place.
 *
 * What was found out is noted with its weight; weights of one message add up.  A rule
 * that refuses by itself stands in vx_smtp_policy_recipient or vx_smtp_policy_message.
 */
#ifndef VX_SERVICE_SMTP_POLICY_H
#define VX_SERVICE_SMTP_POLICY_H

#include "vectis/buf.h"
#include "vectis/smtp_service.h"
#include "vectis/verdict.h"

#define SMTP_NOTES_MAX 4000 /* octets of the notes of a message */
#define SMTP_SAID_MAX 300   /* of what a refused client is told */

/* What each weighs; DNSBLs have weights of their own (smtp.blocklists). */
enum {
	SMTP_WEIGHT_NO_NAME = 3,        /* the address has no name */
	SMTP_WEIGHT_NAME_ELSEWHERE = 1, /* its name does not lead back */
	SMTP_WEIGHT_HELO_IS_US = 8,
	SMTP_WEIGHT_HELO_ADDRESS = 3, /* an address without [], or another's */
	SMTP_WEIGHT_HELO_NO_HOST = 2, /* no dot, or what is no name */
	SMTP_WEIGHT_SPF_FAIL = 4,
	SMTP_WEIGHT_SPF_SOFTFAIL = 1,
	SMTP_WEIGHT_SPF_PERMERROR = 1,
};

struct smtp_notes {
	struct vx_buf lines; /* own: "check<TAB>result<TAB>detail" (event.h) */
	unsigned score, heaviest;
	char said[SMTP_SAID_MAX]; /* of what weighs most, for the client */
};

void vx_smtp_notes_init(struct smtp_notes *n);
void vx_smtp_notes_done(struct smtp_notes *n);
/* A copy of what was found out before. */
void vx_smtp_notes_add(struct smtp_notes *n, const struct smtp_notes *more);
/* What others said in it is cut and made printable. */
void vx_smtp_note(struct smtp_notes *n, const char *check, const char *result,
    const char *detail, ...) VX_PRINTF(4, 5);
/* It speaks against the message; said is for the client. */
void vx_smtp_weigh(struct smtp_notes *n, unsigned weight, const char *said, ...)
    VX_PRINTF(3, 4);

/* What a server says to a client; code 0: nothing speaks against it. */
struct smtp_reply {
	unsigned code;
	const char *enhanced, *text; /* text: static, or in the notes */
};

/*
 * What HELO said: noted, and weighed.  is_us: the name is ours, or one of our domains.
 * address is the client's.
 */
void vx_smtp_policy_helo(
    struct smtp_notes *n, vx_slice helo, bool is_us, const char *address);

/* What SPF says of the reverse-path is weighed. */
void vx_smtp_policy_spf(struct smtp_notes *n, enum vx_verdict spf);

struct smtp_sender_facts {
	bool ours;             /* the domain of the reverse-path is one of ours */
	enum vx_verdict spf;   /* of the reverse-path */
	bool spf_explicit;     /* its owner named this very address (IN-11) */
	bool spf_refuses;      /* smtp.spf_fail: refuse */
	unsigned refuse_score; /* 0: never */
	bool needed;           /* to postmaster or abuse: weights do not count */
};
/* May this sender write to somebody here?  What refuses is noted. */
struct smtp_reply vx_smtp_policy_recipient(
    struct smtp_notes *n, const struct smtp_sender_facts *f);

struct smtp_message_facts {
	unsigned from_fields;
	bool from_ours; /* an author's domain is ours */
	bool authentic; /* SPF, or a signature, of whatever domain, passed */
	enum vx_verdict dmarc;
	unsigned policy; /* enum vx_dmarc_policy: what the owner wants of this message */
	const char *author; /* its domain */
	enum vx_dmarc_mode mode;
};
enum smtp_fate {
	SMTP_DELIVER,
	SMTP_JUNK, /* into the mailbox for it */
	SMTP_REFUSE
};
/* What becomes of the message; reply is set when it is refused. */
enum smtp_fate vx_smtp_policy_message(
    struct smtp_notes *n, const struct smtp_message_facts *f, struct smtp_reply *reply);

#endif
