/*
 * world.h - services on a real store in a directory of its own, driven without sockets.
 * Also for fuzz targets: nothing of Check is used, what must not happen aborts.
 *
 * In it: the domains example.test, closed.test (not active), away.test (only sends) and
 * catch.test (catch-all: bob); the accounts alice, bob, off (inactive), nopop (no POP3), full (a
 * limit of one message, which it has) and small (10,000 octets) of example.test, all with
 * WORLD_PASSWORD; the aliases info (alice, bob), team (alice, full) and out (alice,
 * somebody elsewhere).
 */
#ifndef VXT_SERVICE_WORLD_H
#define VXT_SERVICE_WORLD_H

#include "vectis/pop3_service.h"
#include "vectis/smtp_service.h"

#define WORLD_NOW 1700000000
#define WORLD_PASSWORD "correct-horse-7"

struct world {
	char dir[64], lock_path[96];
	struct vx_store *store;
	struct vx_auth *auth;
	struct vx_loop loop;
	struct vx_job *jobs; /* submitted, not yet run; newest first */
	uint64_t now_ms;
	struct vx_smtp_service *smtp;
	struct vx_smtp_service *checked; /* it looks into mail from servers */
	struct vx_lookup *lookups;       /* asked, not answered yet; newest first */
	bool dns_fails;                  /* nothing is answered any more */
	struct vx_pop3_service *pop3;
	uint32_t filler; /* the UID of the message that fills full */
};

void world_open(struct world *w);
/* Also proves that store check finds nothing. */
void world_close(struct world *w);
/* Messages and failed logins are forgotten. */
void world_reset(struct world *w);
void world_forget_logins(struct world *w);
/* All messages go; the filler stays. */
void world_empty(struct world *w);
/* The store and the services are closed and opened. */
void world_restart(struct world *w);
/* A message into the INBOX of an account of example.test. */
void world_deliver(struct world *w, const char *name, vx_slice octets);
/* How many messages are there, all in all; the filler is not counted. */
uint32_t world_count(struct world *w);
/*
 * What is in the INBOXes of alice, bob, full and small: "F: NAME" and the message's
 * lines after "| ".  The filler is left out.
 */
void world_show(struct world *w, struct vx_buf *out);
/* The message of that number, from 0, in the INBOX of one of these; appended. */
void world_read(struct world *w, const char *name, size_t index, struct vx_buf *out);
/* Jobs and ops under way end. */
void world_settle(struct world *w);

struct drive {
	struct world *world;
	struct vx_session_host host;
	struct vx_session *session;
	bool awake, patient; /* patient: answers are not waited for */
	struct vx_buf in;    /* not taken yet */
	struct vx_buf out;
	int end; /* what the session said last */
};

/* Words: submission or pop3, else the port of servers; checked; tls; v6; listed: the
 * client is on the blocklist. */
void drive_open(struct drive *d, struct world *w, vx_slice options);
void drive_close(struct drive *d);
/* Feed octets and wait for answers until more is wanted or it is over. */
void drive_feed(struct drive *d, vx_slice octets);
/* The handshake after VX_TLS. */
void drive_tls(struct drive *d);

#endif
