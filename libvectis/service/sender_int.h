/*
 * sender_int.h - inside the sender: destinations, visits, messages under way.
 *
 * A visit is one attempt to send to a destination: it asks where its mail goes, and tries
 * its hosts one after the other with a link, a connection of its own.  On a link one
 * message goes after the other; each is claimed before and settled behind it.
 */
#ifndef VX_SERVICE_SENDER_INT_H
#define VX_SERVICE_SENDER_INT_H

#include "base/map.h"
#include "service/own_sign.h"
#include "service/own_tls_results.h"
#include "vectis/arena.h"
#include "vectis/relay.h"
#include "vectis/route.h"
#include "vectis/sender.h"
#include "vectis/smtp_client.h"
#include "vectis/tls.h"

#define SENDER_LINGER_MS 2000 /* a connection without work is kept for more */

#define SENDER_LOOK_MAX 100 /* messages, for whether they are reports */

#define SENDER_UNDER_WAY 1024 /* lists of claims, by message */

struct sender_claim { /* a message that is under way to a destination */
	uint64_t message;
	uint32_t waits; /* others of its recipients are due then; UINT32_MAX: none */
	struct sender_outgoing *outgoing;
	struct sender_claim *next, **link;  /* of the destination */
	struct sender_claim *same, **slink; /* of the same list of the sender's */
};

struct destination {  /* a domain, an address literal, or a relay */
	uint32_t due; /* the earliest that is not under way; UINT32_MAX: nothing */
	uint32_t closed_until;
	unsigned failures; /* one after the other */
	unsigned visits, limit;
	unsigned limit_max; /* of a relay; 0: as of all */
	bool routing;       /* what goes by relays is taken out */
	bool fresh;         /* it is on the sender's list */
	char *mx;           /* own: its first MX host; NULL: not known */
	struct destination *next_fresh;
	struct sender_claim *claims;
	struct sender_link *idle; /* connections that wait for more to send */
	char name[];
};
static inline bool vx_sender_is_relay(const struct destination *d)
{
	return d->name[0] == VX_RELAY_MARK;
}

struct vx_sender {
	struct vx_sender_options o;
	struct vx_map destinations; /* own */
	size_t visits;
	uint64_t seen; /* the last message whose destinations are known */
	bool look;     /* anything may have changed: look at all */
	bool stopping;
	uint32_t random;
	struct own_keys keys;   /* sign reports */
	struct sender_sts *sts; /* own; NULL: nothing can be fetched */
	struct own_tls_results tls_results;
	struct vx_watch watch_new, watch_changed, watch_routes;
	uint64_t routes;           /* counts changes of where mail goes */
	uint64_t relays;           /* and of relays themselves */
	struct destination *fresh; /* have something due since they were visited */
	struct sender_claim *under_way[SENDER_UNDER_WAY];
	struct sender_routing *routings; /* under way */
	struct sender_visit *visit_list;
	struct sender_settlement *settlements; /* under way, or to be tried again */
	struct sender_mend *mend;              /* under way */
	struct sender_list *list;              /* under way: one message for a list */
	bool mended, mend_again;
	uint32_t clock_s; /* the time of day, and the other clock, at the last tick */
	uint64_t clock_ms;
};

struct sender_seven;

/* --- a message under way (sender_message.c) -------------------------------------------
 */

struct sender_outgoing {
	struct destination *destination;
	struct sender_claim claim;
	uint64_t routes;       /* the sender's, when it was claimed */
	struct vx_arena arena; /* of what is here */
	struct vx_queue_message info;
	struct vx_queue_recipient *recipients;
	struct vx_smtp_forward *forwards;
	struct sender_outcome {
		bool known;
		enum vx_smtp_outcome outcome;
		char status[VX_SMTP_STATUS_MAX + 1];
		vx_slice reply; /* in the arena */
		bool dsn;
	} * outcomes;
	size_t count;
	char host[VX_DNS_NAME_MAX + 1];
	char way[160];                 /* TLS and the relay, as lines of an event */
	struct vx_blob_reader *reader; /* own */
	vx_slice prefix;               /* in the arena: goes in front */
	uint64_t skip; /* octets of the Return-Path that was written when it was filed */
	struct vx_smtp_message message;
	struct sender_seven *seven; /* own; NULL: it goes as it is (sender_seven.h) */
};

/* From when on it is tried: it may have been held until then. */
static inline uint64_t vx_sender_begun(const struct sender_outgoing *o)
{
	return o->info.release > o->info.created ? o->info.release : o->info.created;
}

/*
 * The next message for a destination that is due and not under way.  VX_OK, VX_ENOENT,
 * or what reading gave; *due is when there is one later, UINT32_MAX: never.
 */
int vx_sender_claim(struct vx_sender *s, struct destination *d, uint32_t now,
    struct sender_outgoing **out, uint32_t *due);
/* Has all that is due now this VX_QUEUE_ flag?  Looks at the first SENDER_LOOK_MAX. */
bool vx_sender_has_only(
    struct vx_sender *s, struct destination *d, uint32_t now, unsigned flag);
/* Ready to be sent: its octets and what the client has to know. */
int vx_sender_prepare(struct vx_sender *s, struct sender_outgoing *o);
void vx_sender_note(struct sender_outgoing *o, size_t i, const struct vx_smtp_result *r);
/* The same for all that have none yet. */
void vx_sender_note_all(struct sender_outgoing *o, enum vx_smtp_outcome outcome,
    const char *status, vx_slice reply);
/* The same for all, whatever they had. */
void vx_sender_note_again(struct sender_outgoing *o, enum vx_smtp_outcome outcome,
    const char *status, vx_slice reply);
/* It is not under way any more. */
void vx_sender_unclaim(struct sender_outgoing *o);
void vx_sender_outgoing_free(struct sender_outgoing *o);

/* --- what became of it (sender_settle.c)
 * ------------------------------------------------ */

/* It was put off until due, as it stands in the queue now. */
void vx_sender_put_off(struct vx_sender *s, struct destination *d, uint32_t due);
/* Longer than that, in seconds, nothing is put off, unless the clock was set back since.
 */
static inline uint32_t vx_sender_wait_max(const struct vx_sender *s)
{
	return (uint32_t)(s->o.retry_max_s + s->o.retry_max_s / 10 + 1);
}
/* Write it to the queue, with reports where they are due; takes o over. */
void vx_sender_settle(struct vx_sender *s, struct sender_outgoing *o);
void vx_sender_settle_again(struct vx_sender *s);
/* The sender goes: what the store still does is on its own. */
void vx_sender_settle_alone(struct vx_sender *s);

/* --- relays (sender_relay.c)
 * ------------------------------------------------------------ */

struct sender_relay { /* as it was when the visit began; counted */
	unsigned refs;
	uint16_t port;
	enum vx_relay_tls tls;
	char host[VX_DNS_NAME_MAX + 1];
	char user[VX_RELAY_USER_MAX + 1], password[VX_RELAY_PASSWORD_MAX + 1];
};
/* Of a destination that is one.  VX_OK; VX_ENOENT: it is gone; VX_ENOMEM. */
int vx_sender_relay_new(
    struct vx_sender *s, struct destination *d, struct sender_relay **out);
struct sender_relay *vx_sender_relay_ref(struct sender_relay *r);
void vx_sender_relay_free(struct sender_relay *r); /* one reference; NULL is fine */
/* Does a message of domain go by a relay, and not to d? */
bool vx_sender_is_stray(
    struct vx_view *v, const struct destination *d, const struct vx_queue_message *m);
/* Is the next one that is due a stray? */
bool vx_sender_has_stray(struct vx_sender *s, struct destination *d);
/* Give strays to their relays, while nothing is sent to d. */
void vx_sender_route(struct vx_sender *s, struct destination *d);
/* The sender goes: what the store still does is on its own. */
void vx_sender_routings_leave(struct vx_sender *s);

/* --- visits (sender_visit.c)
 * ------------------------------------------------------------ */

int vx_sender_visit(struct vx_sender *s, struct destination *d);
/* One that is idle goes on; false: there is none. */
bool vx_sender_wake_idle(struct destination *d);
/* Once a second, and when relays change: what waits for nothing more hangs up. */
void vx_sender_hang_up_idle(struct vx_sender *s);
/* All that have no connection any more; of the others the loop has freed the sessions. */
void vx_sender_visits_free(struct vx_sender *s);
/* --- lists (sender_list.c)
 * --------------------------------------------------------------- */

/* Like a visit, of the destination that has what is for our lists. */
int vx_sender_list_visit(struct vx_sender *s, struct destination *d);
/* The sender goes: what is under way ends on its own. */
void vx_sender_list_alone(struct vx_sender *s);

/* A visit is over; took: messages that were sent; why: NULL, or why none could be. */
void vx_sender_visited(
    struct vx_sender *s, struct destination *d, unsigned took, const char *why);
/* There may be more for it than this visit has: others may begin. */
void vx_sender_more(struct vx_sender *s, struct destination *d);
/* Some of its mail is due then. */
void vx_sender_due(struct vx_sender *s, struct destination *d, uint32_t due);
/* The same by name; it is visited soon. */
void vx_sender_note_due(struct vx_sender *s, vx_slice name, uint32_t due);
/* Visit those that have something due since they were visited. */
void vx_sender_visit_fresh(struct vx_sender *s);
/* No host can be had: what is due is put off, or given up. */
void vx_sender_fail(struct vx_sender *s, struct destination *d,
    enum vx_smtp_outcome outcome, const char *status, const char *host, vx_slice text);
uint32_t vx_sender_now(struct vx_sender *s);
/* How long to wait after so many failures, one after the other. */
uint32_t vx_sender_back_off_s(const struct vx_sender *s, unsigned failures);

#endif
