/* zone.h - a DNS in memory, for tests of what asks one. */
#ifndef VXT_ZONE_H
#define VXT_ZONE_H

#include "vectis/dns.h"

#define VXT_ZONE_RECORDS 1000

struct vxt_zone {
	struct vxt_record {
		char name[VX_DNS_NAME_MAX + 1];
		int type; /* enum vx_dns_type, or -1: status is the answer to all */
		enum vx_dns_status status;
		struct vx_buf rdata;
	} records[VXT_ZONE_RECORDS];
	size_t count;
	bool secure;          /* what answers say */
	const char *insecure; /* unless they touch this name; NULL: none */
	char canonical[VX_DNS_NAME_MAX + 1];
	unsigned asked;                   /* how many questions were answered */
	vx_slice found[VXT_ZONE_RECORDS]; /* of the last answer */
};

void vxt_zone_init(struct vxt_zone *z);
void vxt_zone_done(struct vxt_zone *z);
/*
 * A record from text: "192.0.2.1", "10 mail.example.com", "3 1 1 ABCDEF", "0 issue ca.example", "0 1 993 mail.example.com", of TXT the text
 * itself.  A failed test when it is none.
 */
void vxt_zone_add(
    struct vxt_zone *z, const char *name, enum vx_dns_type type, const char *text);
/*
 * Records from lines "name TYPE content", but for those that begin as one of drop, which
 * are separated by '|'.
 */
void vxt_zone_fill(struct vxt_zone *z, const char *text, const char *drop);
/* A TXT record of several strings. */
void vxt_zone_add_txt(
    struct vxt_zone *z, const char *name, const vx_slice *strings, size_t count);
/* Whatever is asked about name: VX_DNS_FAILED, VX_DNS_BOGUS. */
void vxt_zone_fail(struct vxt_zone *z, const char *name, enum vx_dns_status status);
/* CNAMEs are followed as a resolver does.  Good until the next call. */
struct vx_dns_answer vxt_zone_answer(struct vxt_zone *z, const struct vx_dns_question *q);

#endif
