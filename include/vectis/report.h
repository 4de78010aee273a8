/*
 * report.h - aggregate reports: those of DMARC in XML (RFC 9990, and RFC 7489 when read),
 * those of SMTP's TLS in JSON (RFC 8460).  In memory, without I/O and compression.
 *
 * Reports come from anybody, and what they say is not to be believed.  XML has no
 * document type and no entities but the five and numbers; JSON no name twice.  What is
 * not well-formed is refused, with the line where it is not; what is well-formed but not
 * as the RFC has it is taken as far as it makes sense, and counted in defects.
 */
#ifndef VECTIS_REPORT_H
#define VECTIS_REPORT_H

#include "vectis/dmarc.h"

VX_BEGIN_DECLS

#define VX_REPORT_OCTETS_MAX ((size_t)32 << 20) /* of a report that is read */
#define VX_REPORT_DEPTH_MAX 32                  /* of elements, objects, arrays */
#define VX_REPORT_NAME_MAX 256                  /* octets of a name */
#define VX_REPORT_ATTRIBUTES_MAX 32             /* of an element */
#define VX_REPORT_TEXT_MAX 8192                 /* octets of one value */
#define VX_REPORT_ROWS_MAX 100000
#define VX_REPORT_AUTH_MAX 100   /* of a row (RFC 9990 3.1.3); the rest is left out */
#define VX_REPORT_REASONS_MAX 20 /* of a row; the rest is left out */
#define VX_REPORT_POLICIES_MAX 1000
#define VX_REPORT_FAILURES_MAX 100000 /* of all policies together */
#define VX_REPORT_LINES_MAX 1000      /* of a policy's text, and of its mx hosts */

/* --- DMARC ----------------------------------------------------------------------------
 */

enum vx_report_disposition {
	VX_REPORT_NONE,
	VX_REPORT_PASS, /* since RFC 9990: it passed under a policy that is not none */
	VX_REPORT_QUARANTINE,
	VX_REPORT_REJECT
};

/* "none", "pass", "quarantine", "reject".  Static. */
VX_API const char *vx_report_disposition_name(enum vx_report_disposition d);

enum vx_report_override { /* RFC 9990 3.1.6 */
	VX_REPORT_OTHER,
	VX_REPORT_LOCAL_POLICY,
	VX_REPORT_MAILING_LIST,
	VX_REPORT_TEST_MODE,
	VX_REPORT_TRUSTED_FORWARDER,
	VX_REPORT_FORWARDED,  /* of RFC 7489; not written */
	VX_REPORT_SAMPLED_OUT /* of RFC 7489; not written */
};

struct vx_report_reason {
	enum vx_report_override type;
	vx_slice comment; /* empty: none */
	struct vx_report_reason *next;
};

struct vx_report_auth {
	enum vx_dmarc_method method;
	enum vx_verdict verdict;
	vx_slice domain;
	vx_slice selector; /* of DKIM */
	bool helo;         /* of SPF: the scope is "helo", RFC 7489; not written */
	vx_slice human_result;
	struct vx_report_auth *next;
};

struct vx_report_row {
	char source_ip[VX_DNS_ADDRESS_MAX + 1];
	uint64_t count; /* messages */
	enum vx_report_disposition disposition;
	bool dkim, spf; /* it passed and is aligned */
	struct vx_report_reason *reasons;
	vx_slice header_from;
	vx_slice envelope_from; /* ptr NULL: not said; empty: the null reverse-path */
	vx_slice envelope_to;   /* ptr NULL: not said */
	struct vx_report_auth *auth; /* DKIM first, in the order of RFC 9990 3.1.3 */
	struct vx_report_row *next;
};

enum vx_report_discovery {
	VX_REPORT_DISCOVERY_UNSET,
	VX_REPORT_DISCOVERY_PSL,
	VX_REPORT_DISCOVERY_TREEWALK
};

struct vx_report {
	vx_slice org_name, email, extra_contact_info, report_id, error, generator;
	uint64_t begin, end; /* seconds since 1970 */
	/* what was published */
	vx_slice domain;
	enum vx_dmarc_policy p, sp, np; /* UNSET: not said */
	bool strict_dkim, strict_spf, testing;
	vx_slice fo; /* empty: not said */
	enum vx_report_discovery discovery;
	struct vx_report_row *rows;
	size_t rows_count; /* set when it is read */
	unsigned defects;  /* set when it is read */
};

/*
 * Append the XML of RFC 9990.  VX_OK; VX_EINVAL: no domain, p, report-id of its form
 * (3.5.1), org_name, email or rows, or a row without an address; VX_ELIMIT: out is full.
 */
VX_API int vx_report_write(const struct vx_report *r, struct vx_buf *out);

/*
 * A report of RFC 9990, RFC 7489 or the drafts before them, in UTF-8 or what its
 * declaration names.  All lives in the arena.  VX_OK; VX_ESYNTAX: not well-formed, or not
 * a report: err (or NULL) says why and in which line; VX_ELIMIT: one of the limits, or
 * the arena's.  *out is untouched then.
 */
VX_API int vx_report_parse(
    vx_slice xml, struct vx_arena *arena, struct vx_report *out, struct vx_error *err);

/* --- TLS -------------------------------------------------------------------------------
 */

enum vx_tls_policy_type {
	VX_TLS_POLICY_NONE, /* "no-policy-found" */
	VX_TLS_POLICY_STS,
	VX_TLS_POLICY_TLSA
};

enum vx_tls_failure_type {         /* RFC 8460 4.3 */
	VX_TLS_VALIDATION_FAILURE, /* also what is not known */
	VX_TLS_STARTTLS_NOT_SUPPORTED,
	VX_TLS_CERTIFICATE_HOST_MISMATCH,
	VX_TLS_CERTIFICATE_EXPIRED,
	VX_TLS_CERTIFICATE_NOT_TRUSTED,
	VX_TLS_TLSA_INVALID,
	VX_TLS_DNSSEC_INVALID,
	VX_TLS_DANE_REQUIRED,
	VX_TLS_STS_POLICY_FETCH_ERROR,
	VX_TLS_STS_POLICY_INVALID,
	VX_TLS_STS_WEBPKI_INVALID
};

/* "sts", "certificate-expired": as they are written.  Static. */
VX_API const char *vx_tls_policy_type_name(enum vx_tls_policy_type type);
VX_API const char *vx_tls_failure_type_name(enum vx_tls_failure_type type);

struct vx_report_line {
	vx_slice text;
	struct vx_report_line *next;
};

struct vx_tls_failure {
	enum vx_tls_failure_type type;
	vx_slice sending_ip, receiving_hostname, receiving_helo, receiving_ip;
	uint64_t count; /* sessions */
	vx_slice additional_information, reason_code;
	struct vx_tls_failure *next;
};

struct vx_tls_policy {
	enum vx_tls_policy_type type;
	struct vx_report_line *lines; /* the policy: its lines, or TLSA records */
	vx_slice domain;
	struct vx_report_line *mx_hosts;
	uint64_t successes, failures; /* sessions */
	struct vx_tls_failure *details;
	struct vx_tls_policy *next;
};

struct vx_tls_report {
	vx_slice organization, contact, report_id;
	int64_t begin, end; /* seconds since 1970 */
	struct vx_tls_policy *policies;
	unsigned defects; /* set when it is read */
};

/* The JSON of RFC 8460 4.4.  VX_OK; VX_EINVAL: something required is empty; VX_ELIMIT. */
VX_API int vx_tls_report_write(const struct vx_tls_report *r, struct vx_buf *out);
/* As vx_report_parse. */
VX_API int vx_tls_report_parse(vx_slice json, struct vx_arena *arena,
    struct vx_tls_report *out, struct vx_error *err);

/* --- names -----------------------------------------------------------------------------
 */

struct vx_report_name {
	vx_slice receiver, policy_domain; /* domains */
	uint64_t begin, end;              /* seconds since 1970 */
	vx_slice unique_id;               /* letters and digits; empty: none */
	vx_slice report_id;               /* of the subject */
	bool tls;                         /* a report of RFC 8460 */
	bool gzip;
};

/*
 * Append the name of the file, "mx.example!example.com!1013662812!1013749130.xml.gz" (RFC
 * 9990 3.5.2, RFC 8460 5.1), or the value of the Subject field, "Report Domain: ...".
 * VX_OK; VX_EINVAL: a domain or an id is none; VX_ELIMIT.
 */
VX_API int vx_report_filename(const struct vx_report_name *n, struct vx_buf *out);
VX_API int vx_report_subject(const struct vx_report_name *n, struct vx_buf *out);

VX_END_DECLS

#endif
