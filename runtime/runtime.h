/*
 * runtime.h - daemons: processes, listeners, connections, blocking work.
 *
 * The parent binds, drops root and restarts workers; a worker is one libuv loop that
 * owns its connections, a few threads for jobs, and an open store.
 */
#ifndef VX_RUNTIME_H
#define VX_RUNTIME_H

#include "vectis/auth.h"
#include "vectis/config.h"
#include "vectis/service.h"
#include "vectis/tls.h"

#define VX_LISTENERS_MAX 8 /* kinds of a daemon */
#define VX_HANDSHAKE_MS 30000
#define VX_DIAL_MS 30000         /* for a connection that we open */
#define VX_SLOW_READER_MS 300000 /* output that nobody takes for so long */
#define VX_STOP_MS 10000
/*
 * Octets, at the least, that a peer in the middle of something sends within its session's
 * patience; a whole command is worth as much.  One octet a minute keeps no connection.
 */
#define VX_SLOW_SENDER_OCTETS 16384
#define VX_WORKER_SILENT_MS 60000 /* a worker that hangs is killed and replaced */
#define VX_SPARE_FILES 64         /* open files that are not for connections */

/* What a worker has; services keep a pointer to it. */
struct vx_worker {
	const struct vx_config *config;
	const struct vx_secrets *secrets; /* NULL: none, or not for this daemon */
	const struct vx_log *log;
	struct vx_store *store; /* NULL for a daemon without one */
	struct vx_auth *auth;
	struct vx_certs *certs;     /* NULL for a daemon that is stateless */
	struct vx_tls_trust *trust; /* NULL: the daemon opens no connections */
	struct vx_loop *loop;
};

/* One kind of listener. */
struct vx_listener_def {
	const char *name; /* "imaps": also systemd's name */
	const struct vx_listen_list *(*where)(const struct vx_config *c);
	bool tls;         /* from the first octet */
	const char *alpn; /* RFC 7301 name, or NULL */
	/* The set that it serves, borrowed, of the service; NULL from it: nobody is let
	 * in.  NULL: the one of the daemon. */
	struct vx_tls_certs *(*certs)(void *service);
	const char
	    *busy; /* said, in clear, when there are too many connections; or NULL */
	int (*session)(void *service, const struct vx_peer *peer,
	    struct vx_session_host *host, struct vx_session **out);
};

struct vx_daemon {
	const char *name; /* "imapd" */
	bool store;
	bool searches;                /* it asks the search index, and keeps it */
	bool has_all_mail;            /* it makes and drops the mailboxes All Mail */
	unsigned workers;             /* 0: as many as the configuration says */
	bool reads_certificate_files; /* the sandbox allows it the custom pair */
	/* the sandbox allows it the folder of vectis/acme_setup.h; it gets the secrets */
	bool keeps_account;
	bool connects;  /* it opens connections of its own: the sandbox allows them */
	bool resolves;  /* it asks the DNS; it connects, too */
	bool stateless; /* no certificates, and no file that it may write */
	bool fetches;   /* its loop has fetch: a process beside it serves that */
	bool serves_fetch;
	struct vx_listener_def listeners[VX_LISTENERS_MAX];
	size_t listener_count;
	/* In the worker, before the first connection; *service is given to session. */
	int (*start)(struct vx_worker *w, void **service);
	void (*stop)(void *service);
	/* Every second, in the loop; may be NULL. */
	void (*tick)(void *service);
	/*
	 * One process more with another task, and without listeners, which may have one
	 * beside it, too; NULL: none.  At most one of all fetches, and one serves that.
	 */
	const struct vx_daemon *beside;
};

/* The numeric addresses of this host's interfaces, at most max; how many. */
#define VX_OWN_ADDRESSES_MAX 64
size_t vx_own_addresses(char out[][48], size_t max);

/* The whole life of a daemon's process: returns the exit status. */
int vx_daemon_main(int argc, char **argv, const struct vx_daemon *def);

#endif
