/* worker.h - inside runtime/: a worker's loop and its parts. */
#ifndef VX_RUNTIME_WORKER_H
#define VX_RUNTIME_WORKER_H

#include "runtime/fetch_away.h"
#include "runtime/old_clients.h"
#include "runtime/resolver.h"
#include "runtime/runtime.h"

#include <uv.h>

/* --- jobs
 * --------------------------------------------------------------------------------- */

#define VX_JOBS_MAX 256 /* waiting; more are refused */
#define VX_JOB_THREADS 2

struct vx_work;
int vx_work_new(uv_loop_t *loop, struct vx_work **out);
int vx_work_submit(struct vx_work *w, struct vx_job *job);
/* Jobs under way are waited for; their done is called. */
void vx_work_free(struct vx_work *w);

/* --- connections
 * ---------------------------------------------------------------------------- */

struct vx_listener {
	uv_tcp_t handle;
	const struct vx_listener_def *def;
	struct vx_server *server;
	bool waiting; /* a connection that there was no memory for is still to be taken */
	struct vx_listener *next;
};

struct vx_conn;

#define VX_NEAR_BUCKETS 4096

struct vx_server {
	uv_loop_t loop;
	struct vx_loop host; /* what services see */
	struct vx_worker worker;
	const struct vx_daemon *def;
	bool beside;
	void *service;
	struct vx_work *work;
	struct vx_resolver *resolver; /* NULL: this daemon does not ask */
	struct vx_fetcher *fetcher;   /* its own; NULL: another process's, or none */
	struct vx_away *away;         /* NULL: it fetches by itself, or not at all */
	int fetch_fd;                 /* to the one that serves or asks; -1: none */
	struct vx_listener *listeners;
	struct vx_conn *conns; /* all */
	struct vx_conn *awake; /* to be driven */
	struct vx_conn *turn;  /* of these, what is left of the turn under way */
	size_t conn_count, conn_max;
	struct vx_conn *near[VX_NEAR_BUCKETS]; /* by network, to count those of one */
	uint64_t seed;                         /* of that table */
	int parent;                            /* the process that started us */
	int beat_fd;                           /* where the parent hears of us */
	unsigned char number;                  /* who we are there */
	bool stopping;
	uint64_t stop_by_ms;
	struct vx_old_clients old; /* clients of this worker's */
	uv_prepare_t prepare; /* drives what is awake */
	uv_idle_t idle;       /* so that the loop does not sleep meanwhile */
	uv_timer_t sweep;     /* once a second */
	uv_poll_t store_poll, certs_poll;
	uv_signal_t term, interrupt;
	unsigned ticks;
	char input[65536]; /* shared by all connections: one reads at a time */
};

/* VX_ENOMEM: it has to be called again, for the loop does not say it a second time. */
int vx_conn_accept(struct vx_server *s, struct vx_listener *l);
/* As dial of struct vx_loop. */
int vx_conn_dial(
    struct vx_server *s, const struct vx_dial *d, struct vx_session *session);
void vx_conn_sweep(struct vx_server *s);
void vx_conn_drive_awake(struct vx_server *s);
void vx_conn_stop_all(struct vx_server *s);
/* Whose an address is: one of IPv4, or a /64 of IPv6, which any host may fill. */
uint64_t vx_conn_network(const char *address);
/* Something is awake: the loop must not sleep before it is driven. */
void vx_worker_stay_awake(struct vx_server *s);

/* What a worker gets from its parent. */
struct vx_worker_start {
	const int *fds;      /* listening sockets */
	const size_t *kinds; /* indices into the daemon's listeners */
	size_t fd_count;
	int parent;           /* its process */
	int beat_fd;          /* one octet, number, once it serves and every second */
	unsigned char number; /* of the worker */
	bool beside;          /* it is a process beside the workers */
	int fetch_fd;         /* its end of the pair for requests; -1: it has none */
	const struct vx_secrets *secrets; /* NULL: none, or not for it */
};

/* The worker: runs until it is told to stop. */
int vx_worker_run(const struct vx_daemon *def, const struct vx_config *c,
    const struct vx_log *log, const struct vx_worker_start *start);

#endif
