/*
 * sender.h - sends what is in the queue to other servers, on any loop that dials and asks
 * the DNS (service.h).  One process of a store has a sender.
 *
 * Each destination has its own connections and its own patience: one that is slow or dead
 * takes nothing from the others.  What became of a recipient is on the disk before
 * it counts: a message is sent twice only when this process dies between the peer's 250
 * and the commit.
 */
#ifndef VECTIS_SENDER_H
#define VECTIS_SENDER_H

#include "vectis/queue.h"
#include "vectis/service.h"

VX_BEGIN_DECLS

#define VX_SENDER_RECIPIENTS_MAX 100 /* of a message, to one destination at a time */
#define VX_SENDER_BULK_MAX                                                               \
	1000 /* messages that one failure of a destination puts off                      \
	      */

struct vx_report_batch; /* report_store.h */

struct vx_sender_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like all here */
	const struct vx_log *log;
	struct vx_loop *loop;
	const char *hostname;
	const char *const *self; /* our addresses: mail to them is a loop */
	size_t self_count;
	uint16_t port;                 /* of other servers: 25 */
	char delimiter;                /* of subaddresses, for reports to our users */
	uint64_t connections;          /* at once, to all */
	uint64_t connections_each;     /* to one destination */
	uint64_t messages_each;        /* on one connection */
	uint64_t retry_s, retry_max_s; /* the first wait; it doubles up to the second */
	uint64_t warn_s;   /* then the sender is told that it takes long; 0: never */
	uint64_t expire_s; /* then it is given up */
	uint16_t sts_port; /* of web servers with MTA-STS policies: 443 */
	uint64_t sts_ms;   /* for fetching one; 0: a minute */
	struct vx_report_batch
	    *reports; /* is told of sessions with TLS; NULL: nobody is */
};

struct vx_sender;
VX_API int vx_sender_new(const struct vx_sender_options *o, struct vx_sender **out);
/* After the loop has freed its sessions, and all its jobs are done. */
VX_API void vx_sender_free(struct vx_sender *s);
/* Every second, on the loop's thread. */
VX_API void vx_sender_tick(struct vx_sender *s);

VX_END_DECLS

#endif
