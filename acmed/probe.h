/*
 * probe.h - goes to an address as an authority would, for http-01 or for tls-alpn-01, and
 * sees who answers.
 */
#ifndef VX_ACMED_PROBE_H
#define VX_ACMED_PROBE_H

#include "runtime/runtime.h"
#include "vectis/acme_ways.h"

#define PROBE_MS 4000         /* then nobody answers */
#define PROBE_OCTETS_MAX 8192 /* of an answer that are looked at */
#define PROBE_CONTENT_MAX 100

struct probe_way {
	const char *address;
	uint16_t port;
	const char *name;            /* that is proven */
	const char *token, *content; /* of http-01: what is asked for, and the answer */
	const char *digest; /* of tls-alpn-01: of the key, as hex; NULL: http-01 */
};
typedef void probe_done_fn(void *ctx, enum vx_acme_seen seen);

struct probe;
/* VX_OK: done is called once, not from within; else it is not. */
int probe_new(struct vx_worker *w, const struct probe_way *way, probe_done_fn *done,
    void *ctx, struct probe **out);
/* Every second: the time may be up.  Not after done was called. */
void probe_tick(struct probe *p);
/* done will not be called any more. */
void probe_forget(struct probe *p);

#endif
