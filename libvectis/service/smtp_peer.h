/*
 * smtp_peer.h - what is known of a client: whether it is trusted or blocked, the name of
 * its address, and the lists that it is on.
 */
#ifndef VX_SERVICE_SMTP_PEER_H
#define VX_SERVICE_SMTP_PEER_H

#include "service/own_inquiry.h"
#include "service/smtp_policy.h"
#include "vectis/dnsbl.h"
#include "vectis/network.h"
#include "vectis/reverse.h"
#include "vectis/smtp_service.h"
#include "vectis/store.h"

/* --- lists of addresses, and whether they work ---------------------------------------
 */

#define SMTP_LIST_TEST_S 3600 /* test points are asked that often */

struct smtp_lists;
/* Asks the test points at once; a list says nothing before it was found to work. */
int vx_smtp_lists_new(const struct vx_smtp_service_options *o, struct smtp_lists **out);
void vx_smtp_lists_free(struct smtp_lists *l);
void vx_smtp_lists_tick(struct smtp_lists *l);

/* --- a client ------------------------------------------------------------------------
 */

struct smtp_peer {
	struct smtp_notes notes; /* own */
	enum vx_verdict iprev;
	char name[VX_DNS_NAME_MAX + 1]; /* of its address; "": none */
};

struct smtp_peer_check;
/*
 * Look into it; done is called, perhaps from within, once all is known.  VX_OK,
 * VX_ENOMEM.
 */
int vx_smtp_peer_check_new(const struct vx_smtp_service_options *o,
    const struct smtp_lists *lists, const char *address, void (*done)(void *ctx),
    void *ctx, struct smtp_peer_check **out);
/* After done: what was found, which is the caller's from now on. */
struct smtp_peer *vx_smtp_peer_check_take(struct smtp_peer_check *c);
void vx_smtp_peer_free(struct smtp_peer *p);
void vx_smtp_peer_check_free(struct smtp_peer_check *c);

#endif
