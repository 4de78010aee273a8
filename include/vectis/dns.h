/*
 * dns.h - questions to the DNS and their answers as the cores see them, without I/O.
 *
 * A core that needs the DNS hands out one question at a time and takes its answer.  Who
 * runs the core asks a resolver; the answers of one that validates (RFC 4035) say
 * whether they are secure.
 *
 * Names are text: labels of 1 to 63 octets with dots between them, in lower case,
 * A-labels, without a dot at the end; the root is "".  The octets are printable ASCII but
 * for backslash, since SPF asks for names with almost anything in them, a blank too
 * (RFC 7208 7.1); vx_dns_is_host says whether it is the name of a host.
 */
#ifndef VECTIS_DNS_H
#define VECTIS_DNS_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_DNS_NAME_MAX 253 /* octets of a name (RFC 1035 3.1: 255 on the wire) */
#define VX_DNS_LABEL_MAX 63

enum vx_dns_type {
	VX_DNS_A = 1,
	VX_DNS_NS = 2,
	VX_DNS_CNAME = 5,
	VX_DNS_SOA = 6,
	VX_DNS_PTR = 12,
	VX_DNS_MX = 15,
	VX_DNS_TXT = 16,
	VX_DNS_AAAA = 28,
	VX_DNS_SRV = 33,
	VX_DNS_TLSA = 52,
	VX_DNS_CAA = 257
};

struct vx_dns_question {
	enum vx_dns_type type;
	char name[VX_DNS_NAME_MAX + 1];
};

enum vx_dns_status {
	VX_DNS_FOUND,   /* there are records */
	VX_DNS_NODATA,  /* the name is there, or names below it are; records are not */
	VX_DNS_NO_NAME, /* there is no such name (RFC 8020) */
	VX_DNS_FAILED,  /* nobody answers, or with an error: may be different later */
	VX_DNS_BOGUS    /* as FAILED: the answer is not what the owner signed */
};

struct vx_dns_answer {
	enum vx_dns_status status;
	bool secure;           /* validated; also of NODATA and NO_NAME */
	uint32_t ttl;          /* seconds that it is good for */
	const vx_slice *rdata; /* borrowed: as on the wire, names not compressed */
	size_t count;          /* of records, 0 unless FOUND */
	vx_slice canonical;    /* borrowed: where CNAMEs led to; empty: there were none */
};

/* Of FOUND, NODATA and NO_NAME only: the owner of the name has spoken. */
static inline bool vx_dns_answered(const struct vx_dns_answer *a)
{
	return a->status != VX_DNS_FAILED && a->status != VX_DNS_BOGUS;
}

/* A copy in one block of memory, its records with it.  NULL: no memory. */
VX_API struct vx_dns_answer *vx_dns_answer_dup(const struct vx_dns_answer *a);
VX_API void vx_dns_answer_free(struct vx_dns_answer *a);

/* "A", "TLSA"; "?" of another number. */
VX_API const char *vx_dns_type_name(enum vx_dns_type type);

/*
 * A name from text in any case, with a dot at its end or not; A-labels.  VX_OK, VX_EINVAL
 * (empty label, other octets, too long): *out is untouched.
 */
VX_API int vx_dns_name(vx_slice text, char out[VX_DNS_NAME_MAX + 1]);
/* type and a name that is joined from prefix (which may be empty) and name.  As above. */
VX_API int vx_dns_ask(enum vx_dns_type type, const char *prefix, vx_slice name,
    struct vx_dns_question *out);
/* Letters, digits, '-' and '_' only, and not the root. */
VX_API bool vx_dns_is_host(const char *name);
/* Is name below zone, or the same?  Both as names; every name is below "". */
VX_API bool vx_dns_is_below(vx_slice name, vx_slice zone);
/* How many labels a name has; name without the first n of them. */
VX_API size_t vx_dns_labels(vx_slice name);
VX_API vx_slice vx_dns_parent(vx_slice name, size_t n);

/*
 * The labels of an IPv4 or IPv6 address as text ("192.0.2.1") in reverse, for a zone:
 * "1.2.0.192" and ".", zone.  zone NULL: in-addr.arpa or ip6.arpa.  VX_OK, VX_EINVAL.
 */
VX_API int vx_dns_reverse(
    const char *address, const char *zone, char out[VX_DNS_NAME_MAX + 1]);

/* --- records: VX_OK, or VX_ESYNTAX when rdata is not of that type ------------------- */

/* NS, CNAME, PTR: the name; VX_EINVAL: it is none in the sense of this header. */
VX_API int vx_dns_read_name(vx_slice rdata, char out[VX_DNS_NAME_MAX + 1]);
/* TXT: its strings, one behind the other, appended. */
VX_API int vx_dns_read_txt(vx_slice rdata, struct vx_buf *out);

struct vx_dns_mx {
	uint16_t preference;
	char host[VX_DNS_NAME_MAX + 1]; /* "": the null MX (RFC 7505) */
};
/* VX_EINVAL as of vx_dns_read_name. */
VX_API int vx_dns_read_mx(vx_slice rdata, struct vx_dns_mx *out);

/* A, AAAA as text: "192.0.2.1", "2001:db8::1". */
#define VX_DNS_ADDRESS_MAX 45
VX_API int vx_dns_read_address(vx_slice rdata, char out[VX_DNS_ADDRESS_MAX + 1]);

/* Where a server of the DNS is asked. */
struct vx_dns_server {
	char address[VX_DNS_ADDRESS_MAX + 1];
	uint16_t port;
};
/* "192.0.2.1", "2001:db8::1@5353"; without a port it is 53.  VX_OK, VX_EINVAL. */
VX_API int vx_dns_server_parse(vx_slice text, struct vx_dns_server *out);
/* "ZONE SERVER": who is asked for a zone, which is borrowed.  VX_OK, VX_EINVAL. */
VX_API int vx_dns_server_parse_zone(
    vx_slice text, vx_slice *zone, struct vx_dns_server *out);

struct vx_dns_tlsa {
	uint8_t usage, selector, matching;
	vx_slice data; /* borrowed */
};
VX_API int vx_dns_read_tlsa(vx_slice rdata, struct vx_dns_tlsa *out);

struct vx_dns_caa {
	bool critical;
	vx_slice tag, value; /* borrowed; the tag is not empty */
};
VX_API int vx_dns_read_caa(vx_slice rdata, struct vx_dns_caa *out);

/* --- messages ------------------------------------------------------------------------
 */

#define VX_DNS_RECORDS_MAX 512 /* of one answer; more are left out */
#define VX_DNS_CHAIN_MAX 16    /* CNAMEs */

/* The records of an answer with the octets that they are in. */
struct vx_dns_records {
	struct vx_dns_answer answer;
	vx_slice rdata[VX_DNS_RECORDS_MAX];
	struct vx_buf octets; /* own */
	char canonical[VX_DNS_NAME_MAX + 1];
};
VX_API void vx_dns_records_init(struct vx_dns_records *r);
VX_API void vx_dns_records_done(struct vx_dns_records *r);
/*
 * What a resolver's message (RFC 1035 4) says to q: CNAMEs are followed, names in records
 * are uncompressed.  secure is left false: it is the resolver's to say.  VX_OK;
 * VX_ESYNTAX: it is no answer to q; VX_ENOMEM.  The answer is FAILED in both cases.
 */
VX_API int vx_dns_read_message(
    vx_slice message, const struct vx_dns_question *q, struct vx_dns_records *out);

#define VX_DNS_UDP_MAX 1232 /* octets of an answer by UDP that are taken */
/*
 * A message that asks q of one server, appended; recurse: it shall look further.  Answers
 * of up to VX_DNS_UDP_MAX octets may come (RFC 6891 6.2.3).  VX_OK, VX_EINVAL, VX_ENOMEM.
 */
VX_API int vx_dns_write_query(
    const struct vx_dns_question *q, uint16_t id, bool recurse, struct vx_buf *out);
/* What the header of an answer says beside its records. */
struct vx_dns_header {
	uint16_t id;
	bool authoritative, truncated;
};
/* VX_OK; VX_ESYNTAX: it is too short, or no answer. */
VX_API int vx_dns_read_header(vx_slice message, struct vx_dns_header *out);

VX_END_DECLS

#endif
