/*
 * direct.h - questions to servers of the DNS themselves, by UDP, with no cache between:
 * to a server of a zone, or to a resolver of others.  It blocks: for a tool, or a job.
 */
#ifndef VX_RUNTIME_DIRECT_H
#define VX_RUNTIME_DIRECT_H

#include "vectis/dns.h"

#define VX_DIRECT_MAX 128      /* of one call; the rest has no answer */
#define VX_DIRECT_AGAIN_MS 600 /* then what has no answer is asked again */

struct vx_direct {
	struct vx_dns_question question;
	struct vx_dns_server server;
	bool recurse;                 /* it is a resolver, and not a server of the zone */
	struct vx_dns_answer *answer; /* out, own: vx_dns_answer_free; NULL: none */
	bool truncated;               /* there is one, which UDP has no room for */
	bool authoritative;
};

/* All side by side, until each has answered or ms_max milliseconds are over. */
void vx_direct_ask(struct vx_direct *list, size_t count, uint64_t ms_max);

#endif
