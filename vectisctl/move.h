/* move.h - what the parts of vectisctl dns move share. */
#ifndef VECTISCTL_MOVE_H
#define VECTISCTL_MOVE_H

#include "vectisctl/dns.h"

#define CTL_MOVE_ADDED_MAX 8

/* What is kept below dns/ in the state directory while the server is on its way. */
struct ctl_move {
	char from[VX_DNS_NAME_MAX + 1], to[VX_DNS_NAME_MAX + 1]; /* "": it is not */
	int64_t since;  /* that all domains lead to the new name; 0: they do not yet */
	uint32_t ttl;   /* of what was replaced, the longest */
	bool begun;     /* domains lead there */
	bool fresh;     /* no domain was ever led to `from` */
	bool swapped;   /* it goes back */
	bool renaming;  /* hostname may have been set to it, by us */
	bool renamed;   /* hostname is it, and the daemons know */
	bool withdrawn; /* the records of `from` are gone; its certificate has it still */
	/* names that were put into tls.names for it */
	char added[CTL_MOVE_ADDED_MAX][VX_DNS_NAME_MAX + 1];
	size_t added_count;
};

struct moving {
	struct ctl *c;
	struct ctl_dns d; /* of a step, in its own process */
	struct ctl_move s;
	unsigned flags; /* of the difference */
	bool host_step; /* it is about the server's name, whoever's mail it has */
	bool covered;   /* the zones that were seen have the former name */
	char (*domains)[VX_DNS_NAME_MAX + 1]; /* in the arena */
	size_t count;
	json_t *results; /* borrowed from the result: one of each domain */
	size_t work, clashes, by_hand;
	size_t unserved; /* domains whose policy of MTA-STS does not let mail go there */
};

/* move_state.c: CTL_OK, or it is reported.  Save and end as the store's user. */
void ctl_move_load(const struct ctl *c, struct ctl_move *out);
int ctl_move_save(struct ctl *c, const struct ctl_move *s);
int ctl_move_end(struct ctl *c);
/*
 * Another process does it: it has the rights of this one, may give them up, and its
 * result is added to ours (key NULL), or to the object key of it.  What is kept is read
 * again.
 */
int ctl_move_step(struct moving *m, const char *key, int (*run)(struct moving *));
/* In such a process, once it is the store's user: it ends with its parent. */
void ctl_move_bind(void);
/* Nobody else moves the server meanwhile, until this process and its steps end. */
int ctl_move_lock(struct ctl *c);

/* move_dns.c, each of them a step. */
int ctl_move_publish(struct moving *m);
int ctl_move_tlsa(struct moving *m);
int ctl_move_records(struct moving *m);
int ctl_move_withdraw(struct moving *m);
/* Which PTR records are wanted, and which are there. */
int ctl_move_ptr(struct moving *m);

/* move_server.c, as root. */

/* Does what is installed have all names that are needed? */
bool ctl_move_covered(const struct moving *m);
/* Have a certificate with both names served, or say what the operator has to do. */
int ctl_move_certificate(struct moving *m);
int ctl_move_rename(struct moving *m);
/* Take what was added out of tls.names again. */
int ctl_move_retire(struct moving *m);

#endif
