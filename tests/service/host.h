/*
 * host.h - services over a store in a temporary directory, without sockets: a loop whose
 * turns are taken by hand, and connections that are buffers.
 */
#ifndef VXT_SERVICE_HOST_H
#define VXT_SERVICE_HOST_H

#include "vectis/auth.h"
#include "vectis/imap_service.h"
#include "vectis/service.h"
#include "vectis/store.h"

#define HOST_DOMAIN "example.org"
#define HOST_PASSWORD "secret-4-tests"

struct host {
	struct vx_loop loop;
	char *dir; /* own */
	struct vx_store *store;
	struct vx_auth *auth;
	struct vx_log *log;
	struct vx_imap_service *imap;
	struct vx_job *jobs, **jobs_tail; /* submitted, not run */
	uint64_t longest_ms;              /* that one call of drive took */
	uint64_t turns;
	bool hasty; /* notices of the store are taken, but not waited for */
};

struct link { /* one connection */
	struct vx_session_host base;
	struct host *host;
	struct vx_session *session; /* own */
	struct vx_buf in, out;      /* not yet taken; written and not yet read */
	bool awake, waits;          /* waits: for an op or a job */
	bool stalled;               /* the peer does not read */
	struct link_zip *zip;       /* own: the peer's side of COMPRESS */
	int end;                    /* VX_DONE, VX_TLS, or below 0: it was closed */
};

/* A store, in memory where there is /dev/shm, with the accounts alice and bob; below 0
 * when it cannot be. */
int host_open(struct host *h);
void host_close(struct host *h);
uint32_t host_account(struct host *h, const char *name);
/* File a message; name "INBOX" or another mailbox of the account; the UID, 0: refused. */
uint32_t host_deliver(struct host *h, uint32_t account, const char *mailbox,
    vx_slice message, uint32_t date, uint64_t flags);
int host_mailbox(struct host *h, uint32_t account, const char *name);

int link_open(struct link *l, struct host *h, bool tls);
void link_close(struct link *l);
/* Octets from the peer; one turn; turns until all that can be done is done. */
void host_turn(struct link *l);
void link_send(struct link *l, vx_slice octets);
/* From now on the peer inflates what it hears, and can deflate what it says. */
void link_zip(struct link *l);
void link_deflate(struct link *l, vx_slice text, struct vx_buf *out);
void host_settle(struct host *h, struct link *const links[], size_t count);

#endif
