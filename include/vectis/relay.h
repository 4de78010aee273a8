/*
 * relay.h - servers that mail is given to instead of where its MX records point: by its
 * destination, by the domain of ours that sends it, or all (OUT-08 to OUT-11).
 *
 * Relays are in the store beside the queue, so that the transaction that queues a message
 * also finds its relay, and a change takes effect with its commit: what is queued already
 * is given to the right one by the sender.  What goes by a relay is due for the relay,
 * not for its domain: one that is down keeps nobody else's mail.
 *
 * Which relay: that with the most specific pattern of the destination, a domain before a
 * domain and what is below it before a host of its MX records; then that of the domain
 * that sends; then one for all.  Of two with the same pattern it is the one that names
 * the domain that sends.
 */
#ifndef VECTIS_RELAY_H
#define VECTIS_RELAY_H

#include "vectis/dns.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_RELAY_NAME_MAX 40
#define VX_RELAY_USER_MAX 320
#define VX_RELAY_PASSWORD_MAX 1024
#define VX_RELAY_LIST_MAX 50   /* words of either list of a relay */
#define VX_RELAY_RULES_MAX 500 /* of a relay: the one list times the other */
#define VX_RELAYS_MAX 1000
/* What its mail is due for in the queue: "=" and its name, which is no domain. */
#define VX_RELAY_MARK '='

enum vx_relay_tls {
	VX_RELAY_STARTTLS, /* and its certificate has to be right */
	VX_RELAY_IMPLICIT, /* the same, from the first octet */
	VX_RELAY_OFFERED   /* where it offers it, unchecked: without a login only */
};

struct vx_relay {
	vx_slice name; /* lower-case letters, digits, '-', '_'; borrowed, like the rest */
	vx_slice host; /* a name, or an address in brackets */
	uint16_t port;
	enum vx_relay_tls tls;
	vx_slice user, password; /* user empty: it knows us by our address (OUT-10) */
	uint32_t connections;    /* at once; 0: as many as to any destination */
	uint64_t created;        /* seconds since 1970; of ADD: now */
	/* Domains that send by it, one a line; empty: all. */
	vx_slice domains;
	/*
	 * Destinations, one a line: "a.net", "*.a.net" (what is below), "mx:a.net" (whose
	 * first MX host is a.net or below); empty: all.
	 */
	vx_slice destinations;
};

/* --- reading: VX_OK, VX_ENOENT, VX_ECORRUPT -------------------------------------------
 */

VX_API int vx_relay_get(struct vx_view *v, vx_slice name, struct vx_relay *out);
/* The first whose name sorts after `after`. */
VX_API int vx_relay_next(struct vx_view *v, vx_slice after, struct vx_relay *out);

/*
 * Where mail of a domain goes.  VX_OK: by a relay, whose name is in out; VX_ENOENT: to
 * its destination; VX_WAIT: that depends on the first MX host, and mx is empty.
 */
VX_API int vx_relay_route(struct vx_view *v, vx_slice domain, vx_slice destination,
    vx_slice mx, char out[VX_RELAY_NAME_MAX + 1]);

/* --- changing -------------------------------------------------------------------------
 */

/* What is wrong with words of a person: the two lists may have ',' and blanks, too. */
VX_API bool vx_relay_name_ok(vx_slice name);
/*
 * The form in which a list is kept, appended to out.  VX_OK; VX_EINVAL, VX_ELIMIT with
 * *bad the word in question.
 */
VX_API int vx_relay_domains(vx_slice words, struct vx_buf *out, vx_slice *bad);
VX_API int vx_relay_destinations(vx_slice words, struct vx_buf *out, vx_slice *bad);
/* The same of a host: VX_EINVAL. */
VX_API int vx_relay_host(vx_slice word, struct vx_buf *out);

enum vx_relay_verb {
	/*
	 * VX_EEXIST: the name is taken; VX_ECONFLICT: another relay has one of its rules,
	 * and its name is in other; VX_ELIMIT; VX_EINVAL: a name, a host or a list is
	 * not in the form above, or a login without TLS.
	 */
	VX_RELAY_ADD,
	/* The same for one that is there: all of it is replaced; VX_ENOENT. */
	VX_RELAY_SET,
	VX_RELAY_REMOVE /* VX_ENOENT */
};
struct vx_relay_op {
	struct vx_store_op op;
	enum vx_relay_verb verb;
	struct vx_relay relay;
	char other[VX_RELAY_NAME_MAX + 1]; /* out */
};
VX_API void vx_relay_op_init(struct vx_relay_op *op, enum vx_relay_verb verb);

VX_END_DECLS

#endif
