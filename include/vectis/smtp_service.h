/*
 * smtp_service.h - receiving mail: from other servers (25) and from users (587, 465).
 *
 * A message is filed for all its local recipients, and queued for the others (queue.h),
 * in one transaction; 250 is said when that is on the disk.  Only users may send
 * elsewhere; what an alias forwards leaves with a reverse-path of ours (srs.h).
 *
 * Mail from other servers is looked into before it is taken: the client's address
 * (blocks, rates, its name, lists), HELO, SPF, the recipient, the greylist, DKIM, ARC and
 * DMARC, in this order.  What was found stands in front of the message
 * (Authentication-Results), and with what became of it in the events (event.h).
 */
#ifndef VECTIS_SMTP_SERVICE_H
#define VECTIS_SMTP_SERVICE_H

#include "vectis/auth.h"
#include "vectis/dnsbl.h"
#include "vectis/network.h"
#include "vectis/report_store.h"
#include "vectis/service.h"
#include "vectis/smtp_server.h"

VX_BEGIN_DECLS

/* An address for reports is accepted without a mailbox, too: they are read and counted
 * (report_store.h). */
struct vx_smtp_service_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like all here */
	struct vx_auth *auth;
	const struct vx_log *log;
	struct vx_loop *loop;
	const char *hostname, *banner;
	uint64_t message_octets_max, recipients_max, received_max;
	/* of what users send; 0: as above, and any number (sending.h) */
	uint64_t submission_octets_max;
	uint64_t hold_max_s; /* that they may have a message wait (RFC 4865); 0: not */
	uint32_t mailbox_hour, domain_hour; /* recipients in an hour */
	uint64_t login_s;                   /* for a greeting, and for a user's login, each command */
	uint64_t idle_s;  /* for each other command (RFC 5321 4.5.3.2.7) */
	/*
	 * A message may take idle_s and as long as its octets take with so many a second;
	 * 0: any time, as long as it goes on.
	 */
	uint64_t rate_min;
	char delimiter; /* of subaddresses; NUL: none */
	/* local parts that aggregate reports about our domains come to; NULL: none */
	const char *dmarc_address, *tls_address;

	/* of mail from other servers; without verify nothing is looked up in the DNS */
	bool verify;
	unsigned dmarc;        /* enum vx_dmarc_mode */
	bool spf_refuses;      /* a fail of SPF alone is enough */
	unsigned refuse_score; /* of all that speaks against a client; 0: never */
	const struct vx_dnsbl *blocklists;
	size_t blocklist_count;
	const struct vx_network *trusted; /* whose mail is not looked into */
	size_t trusted_count;
	bool greylist;
	uint32_t greylist_s; /* how long a stranger has to wait */
	/* of one IPv4 address or IPv6 /64 in a minute; 0: any number */
	uint32_t connections_minute, messages_minute, recipients_minute;
	const char *rates_path;          /* a file that all processes share; NULL: none */
	struct vx_report_batch *reports; /* NULL: nothing is counted for DMARC reports */
};

/* What is done to mail whose author is not proved, as the owner of the domain wishes. */
enum vx_dmarc_mode {
	VX_DMARC_MODE_ENFORCE,    /* refused, or filed as junk */
	VX_DMARC_MODE_QUARANTINE, /* filed as junk, also what should be refused */
	VX_DMARC_MODE_RECORD      /* nothing */
};

struct vx_smtp_service;
VX_API int vx_smtp_service_new(
    const struct vx_smtp_service_options *o, struct vx_smtp_service **out);
/* After all its sessions. */
VX_API void vx_smtp_service_free(struct vx_smtp_service *s);
/* Every second. */
VX_API void vx_smtp_service_tick(struct vx_smtp_service *s);

VX_API int vx_smtp_session_new(struct vx_smtp_service *service, enum vx_smtp_role role,
    const struct vx_peer *peer, struct vx_session_host *host, struct vx_session **out);

VX_END_DECLS

#endif
