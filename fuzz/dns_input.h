/*
 * dns_input.h - answers of the DNS as fuzz input: an octet with the status, bits of it
 * whether it is secure and behind a CNAME; of one that was found the count of records,
 * and each behind its length.
 */
#ifndef FUZZ_DNS_INPUT_H
#define FUZZ_DNS_INPUT_H

#include "vectis/dns.h"

#include <stdlib.h>

enum {
	DNS_RECORDS_MAX = 40,
	DNS_SECURE = 0x10,
	DNS_ALIAS = 0x20,
	DNS_STATUS = 0x07
};

static inline void must(bool good)
{
	if (!good)
		abort();
}

/* The next octet; rest: there is none. */
static inline unsigned next_octet(vx_slice *in, unsigned rest)
{
	unsigned char c;

	if (in->len == 0)
		return rest;
	c = (unsigned char)in->ptr[0];
	*in = vx_slice_from(*in, 1);
	return c;
}

/* The next answer; rest: the status of all when there is no input left. */
static inline struct vx_dns_answer next_answer(
    vx_slice *in, vx_slice records[DNS_RECORDS_MAX], enum vx_dns_status rest)
{
	struct vx_dns_answer a = { .rdata = records };
	const unsigned head = next_octet(in, rest);
	size_t count;

	a.status = (enum vx_dns_status)((head & DNS_STATUS) % (VX_DNS_BOGUS + 1));
	a.secure = (head & DNS_SECURE) != 0;
	if (a.status != VX_DNS_FOUND)
		return a;
	count = next_octet(in, rest) % (DNS_RECORDS_MAX + 1);
	for (; a.count < count && in->len > 0; a.count++) {
		size_t len = next_octet(in, rest);

		len = len < in->len ? len : in->len;
		records[a.count] = vx_slice_of(in->ptr, len);
		*in = vx_slice_from(*in, len);
	}
	if (a.count == 0)
		a.status = VX_DNS_NODATA;
	else if ((head & DNS_ALIAS) != 0)
		a.canonical = VX_S("alias.example");
	return a;
}

#endif
