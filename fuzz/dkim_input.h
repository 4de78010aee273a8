/* dkim_input.h - for fuzz_dkim and fuzz_arc: a message and a DNS out of one input. */
#ifndef VX_FUZZ_DKIM_INPUT_H
#define VX_FUZZ_DKIM_INPUT_H

#include "vectis/dns.h"
#include "vectis/key.h"

/* abort() unless good. */
void dkim_must(bool good);

/*
 * Octets: how to cut; then parts that end with NUL: the message, and records of which a
 * name gets one, two, three or none.  The name of our own key has our record.
 */
struct dkim_input {
	size_t chunk;
	vx_slice header, body;
	vx_slice records;
};

#define DKIM_OUR_SELECTOR "ours"
#define DKIM_OUR_DOMAIN "fuzz.example"

/* False: it is too small, or too large. */
bool dkim_input_read(const uint8_t *data, size_t size, struct dkim_input *out);
/* Good until the next call. */
struct vx_dns_answer dkim_input_answer(
    const struct dkim_input *in, const struct vx_dns_question *q);
/* Made once; never freed. */
const struct vx_private_key *dkim_our_key(void);

#endif
