/*
 * dmarc.h - DMARC (RFC 9989): is the author domain of a message proved by SPF or DKIM,
 * and what does its owner want to be done when it is not?  Without I/O: a core hands out
 * DNS questions (dns.h) and takes their answers.
 *
 * The organizational domain is found by the tree walk (RFC 9989 4.10), not by a list of
 * public suffixes.  Nothing is asked twice, and all is bounded, whatever the message and
 * the records say.
 *
 * Where the RFC leaves a choice:
 * - a record must begin with its v tag, without blanks before it; names of tags and their
 *   values are compared without regard to case, but for "DMARC1"; of a tag that is there
 *   twice the first one counts;
 * - without a valid p tag, or with an sp or np that is not valid, a record that has an
 *   address for aggregate reports counts as p=none; without one the verdict is permerror
 *   (4.10.1);
 * - when a DNS question fails, or SPF or DKIM failed for such a reason on an identifier
 *   that would be aligned, and nothing else passes, the verdict is temperror (5.3.6).
 */
#ifndef VECTIS_DMARC_H
#define VECTIS_DMARC_H

#include "vectis/arena.h"
#include "vectis/dns.h"
#include "vectis/verdict.h"

VX_BEGIN_DECLS

#define VX_DMARC_RECORD_MAX 8192    /* octets of a record; a longer one is none */
#define VX_DMARC_RECORDS_MAX 100    /* of an answer; the rest is not looked at */
#define VX_DMARC_URIS_MAX 20        /* of rua, and of ruf; the rest is left out */
#define VX_DMARC_URI_MAX 1024       /* octets of one; a longer one is not valid */
#define VX_DMARC_WALK_MAX 8         /* questions of one tree walk (RFC 9989 4.10) */
#define VX_DMARC_QUESTIONS_MAX 64   /* for one message, or one list of destinations */
#define VX_DMARC_IDENTIFIERS_MAX 32 /* of a message; the rest counts as not aligned */
#define VX_DMARC_AUTHORS_MAX 8      /* author domains of a message */
#define VX_DMARC_REASON_MAX 320     /* octets; longer ones are cut */
#define VX_DMARC_MEMORY_MAX ((size_t)2 << 20)

/* --- records -------------------------------------------------------------------------
 */

enum vx_dmarc_policy {
	VX_DMARC_UNSET, /* the tag is not there, or is not valid */
	VX_DMARC_NONE,
	VX_DMARC_QUARANTINE,
	VX_DMARC_REJECT
};

/* "none", "quarantine", "reject"; "none" of UNSET.  Static. */
VX_API const char *vx_dmarc_policy_name(enum vx_dmarc_policy policy);

enum vx_dmarc_psd {
	VX_DMARC_PSD_U, /* nothing is said */
	VX_DMARC_PSD_Y, /* a public suffix */
	VX_DMARC_PSD_N  /* an organizational domain */
};

enum {
	VX_DMARC_FO_ALL = 1, /* "0": report when nothing passes and is aligned */
	VX_DMARC_FO_ANY = 2, /* "1": ... when anything does not */
	VX_DMARC_FO_DKIM = 4,
	VX_DMARC_FO_SPF = 8
};

struct vx_dmarc_uri {
	vx_slice uri;        /* without the size */
	vx_slice address;    /* of mailto: what SMTP takes; empty: another scheme */
	vx_slice host;       /* of address: its domain, A-labels */
	uint64_t octets_max; /* "!10m", obsolete since RFC 9989; 0: nothing is said */
};

struct vx_dmarc_record {
	enum vx_dmarc_policy p, sp, np;
	bool bad_policy; /* p is missing or not valid, or sp or np is not valid */
	bool strict_dkim, strict_spf, testing;
	enum vx_dmarc_psd psd;
	unsigned fo; /* VX_DMARC_FO_*; 0 without ruf */
	/* of a public suffix ruf is left out (RFC 9990 7.3) */
	struct vx_dmarc_uri *rua, *ruf;
	size_t rua_count, ruf_count;
};

/*
 * A record from its text (RFC 9989 4.8).  URIs that are not valid and tags that are not
 * known or not valid are left out.  Its slices and lists live in the arena.  VX_OK;
 * VX_EINVAL: it is no DMARC record, or is too long; VX_ELIMIT (arena).
 */
VX_API int vx_dmarc_record_parse(
    vx_slice text, struct vx_arena *arena, struct vx_dmarc_record *out);

/* --- the author domain (RFC 9989 5.3.1, 11.5) ----------------------------------------
 */

enum vx_dmarc_from {
	VX_DMARC_FROM_ONE,  /* one field, one domain: DMARC applies */
	VX_DMARC_FROM_NONE, /* no field, or no mailbox in it (an empty group) */
	VX_DMARC_FROM_BAD,  /* a mailbox without a domain name: an address literal, too */
	VX_DMARC_FROM_SEVERAL, /* one field with mailboxes of several domains, or of more
				  than could be looked at */
	VX_DMARC_FROM_FIELDS   /* several fields, which RFC 5322 3.6 does not allow */
};

struct vx_dmarc_authors {
	enum vx_dmarc_from from;
	bool more; /* there are more than could be looked at */
	size_t count;
	char domains[VX_DMARC_AUTHORS_MAX][VX_DNS_NAME_MAX + 1]; /* each once */
};

/*
 * The domains of the mailboxes in all From fields of a header, as A-labels; those within
 * groups count too (RFC 6854).  Of anything but ONE, RFC 9989 says that DMARC cannot be
 * applied, and that such messages are a way around it: what is neither refused nor
 * distrusted for it should be checked for each domain, and vx_dmarc_strictest says
 * which result is the message's.
 */
VX_API void vx_dmarc_authors(vx_slice header, struct vx_dmarc_authors *out);

/* --- a message -----------------------------------------------------------------------
 */

enum vx_dmarc_method {
	VX_DMARC_SPF, /* of MAIL FROM, or of HELO when that is empty (RFC 9989 3.2.4) */
	VX_DMARC_DKIM /* the d= of a signature */
};

struct vx_dmarc_identifier {
	enum vx_dmarc_method method;
	enum vx_verdict verdict;
	vx_slice domain; /* what is no domain name is never aligned */
};

struct vx_dmarc_options {
	size_t struct_size;
	vx_slice author;
	const struct vx_dmarc_identifier *identifiers;
	size_t identifiers_count;
};

enum vx_dmarc_alignment {
	VX_DMARC_NOT_ALIGNED,
	VX_DMARC_ALIGNED,
	VX_DMARC_ALIGNMENT_UNKNOWN /* a question failed */
};

struct vx_dmarc_result {
	enum vx_verdict verdict; /* NONE: there is no record */
	/*
	 * What the owner wants for this message, after sp, np and t: NONE unless the
	 * verdict is FAIL.  RFC 9989 7.4: REJECT alone is no ground for refusing.
	 */
	enum vx_dmarc_policy policy;
	/* The same for a message that fails, before t; of a pass np is not considered. */
	enum vx_dmarc_policy published;
	const char *author;
	const char *policy_domain; /* where the record is; "": none */
	/* Of the author domain; "" when it was not needed, or is not known. */
	const char *organizational;
	const struct vx_dmarc_record *record; /* NULL: none */
	/* Of each identifier; looked into only where the verdict is pass or temperror. */
	const enum vx_dmarc_alignment *aligned;
	size_t aligned_count;
	bool spf, dkim; /* one that passed is aligned: for reports */
	char reason[VX_DMARC_REASON_MAX + 1]; /* for a person; printable ASCII */
};

struct vx_dmarc;
/* The options are copied.  VX_OK; VX_EINVAL: the author domain is none; VX_ENOMEM. */
VX_API int vx_dmarc_new(const struct vx_dmarc_options *o, struct vx_dmarc **out);
VX_API void vx_dmarc_free(struct vx_dmarc *d);

/*
 * VX_WAIT: *question wants an answer; VX_DONE: there is a result.
 * _answer: VX_OK; VX_ESTATE: nothing was asked; VX_ENOMEM.
 */
VX_API int vx_dmarc_next(struct vx_dmarc *d, struct vx_dns_question *question);
VX_API int vx_dmarc_answer(struct vx_dmarc *d, const struct vx_dns_answer *answer);
/* After VX_DONE; lives as long as d. */
VX_API const struct vx_dmarc_result *vx_dmarc_result(const struct vx_dmarc *d);

/*
 * Which of the results for several author domains is the message's (RFC 9989 11.5): the
 * strictest policy of those that fail; else one that could not be found out; else one
 * without a record; else the first.  NULL of none.
 */
VX_API const struct vx_dmarc_result *vx_dmarc_strictest(
    const struct vx_dmarc_result *const *results, size_t count);

/* --- where reports may go (RFC 9990 4) -----------------------------------------------
 */

enum vx_dmarc_destination_status {
	VX_DMARC_TO_OWN,         /* within the organization */
	VX_DMARC_TO_CONFIRMED,   /* outside, and its domain says that it wants them */
	VX_DMARC_TO_UNSUPPORTED, /* not mailto */
	VX_DMARC_TO_REFUSED,     /* outside, and nothing says so, or enough was asked */
	VX_DMARC_TO_ELSEWHERE,   /* it names another destination at another host */
	VX_DMARC_TO_UNKNOWN      /* a question failed: try again later */
};

struct vx_dmarc_destination {
	enum vx_dmarc_destination_status status;
	/* Send here, after OWN and CONFIRMED: the URI of the record, or those instead. */
	const struct vx_dmarc_uri *uris;
	size_t count;
};

struct vx_dmarc_destinations;
/*
 * policy_domain: where the record was found.  uris: its rua, or its ruf with failure
 * true; at most VX_DMARC_URIS_MAX, borrowed until _free.  VX_OK, VX_EINVAL, VX_ENOMEM.
 */
VX_API int vx_dmarc_destinations_new(vx_slice policy_domain,
    const struct vx_dmarc_uri *uris, size_t count, bool failure,
    struct vx_dmarc_destinations **out);
VX_API void vx_dmarc_destinations_free(struct vx_dmarc_destinations *d);
/* As vx_dmarc_next and vx_dmarc_answer. */
VX_API int vx_dmarc_destinations_next(
    struct vx_dmarc_destinations *d, struct vx_dns_question *question);
VX_API int vx_dmarc_destinations_answer(
    struct vx_dmarc_destinations *d, const struct vx_dns_answer *answer);
/* After VX_DONE: one for each of the URIs, in their order. */
VX_API const struct vx_dmarc_destination *vx_dmarc_destinations_result(
    const struct vx_dmarc_destinations *d);

VX_END_DECLS

#endif
