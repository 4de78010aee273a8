/*
 * diagnose_flow.h - what a diagnosis is told of mail that came and went, and of logins
 * (features DX-OP-06 to DX-OP-14).  All of it is borrowed, and no text is NULL.
 */
#ifndef VECTIS_DIAGNOSE_FLOW_H
#define VECTIS_DIAGNOSE_FLOW_H

#include "vectis/slice.h"

VX_BEGIN_DECLS

#define VX_DIAG_FLOW_DAYS 7    /* that are looked back */
#define VX_DIAG_FLOW_SHOWN 5   /* names of a kind that are said */
#define VX_DIAG_FLOW_CLIENTS 8 /* whose SPF is looked at */
#define VX_DIAG_LOGIN_AGAIN 5  /* failures of a mailbox that are no typing error */
#define VX_DIAG_FAILURES 3     /* mail in a row that nobody took */
#define VX_DIAG_WARM_DAYS 28   /* that a server is new to others */

/* One of several, those that are most often first. */
struct vx_diag_tally {
	const char *what, *example;
	uint64_t count;
};

/* A client whose mail was refused, for what it is or says. */
struct vx_diag_rejected {
	const char *address, *rule;
	uint64_t count;
	bool lasting; /* the rule is none that only asks to come again */
};

enum vx_diag_login_why {
	VX_DIAG_LOGIN_UNKNOWN, /* there is no such mailbox */
	VX_DIAG_LOGIN_WRONG,   /* the password is another */
	VX_DIAG_LOGIN_ALIAS,
	VX_DIAG_LOGIN_INACTIVE, /* the mailbox */
	VX_DIAG_LOGIN_CLOSED,   /* the domain */
	VX_DIAG_LOGIN_SUSPENDED,
	VX_DIAG_LOGIN_POP3_OFF,
	VX_DIAG_LOGIN_NO_TLS,
	VX_DIAG_LOGIN_THROTTLED
};
struct vx_diag_login {
	const char *login;   /* printable; "-": it was not said */
	const char *network; /* where the last came from */
	const char *owner;   /* ALIAS: the mailboxes, with blanks between them; else "" */
	enum vx_diag_login_why why;
	bool mailbox; /* there is one of this name */
	uint64_t count;
	int64_t last, right; /* when it failed, and was right last; 0: not known */
};

/* What a relay said for the last time that only its operator or ours can change. */
struct vx_diag_answer {
	uint64_t count;
	int64_t time; /* 0: none */
	const char *reply, *advice, *sender;
	bool over; /* later mail, of the same sender where that matters, was taken */
};
struct vx_diag_relay {
	const char *name, *host;
	uint64_t sent;
	int64_t last_sent; /* 0: never */
	struct vx_diag_answer auth, identity;
};

/* Mail that left, or did not. */
struct vx_diag_sent {
	int64_t time; /* 0: none */
	const char *host, *recipient, *reply;
};

struct vx_diag_flow {
	int64_t since; /* seconds since 1970: what is older counts for nothing */
	bool cut;      /* there was too much: it was read only as far back as that */
	bool inactive; /* the domain */
	bool away;     /* it only sends */
	/* refused: for addresses that nobody has; since the domain is closed or away */
	const struct vx_diag_tally *unknown;
	size_t unknown_count;
	uint64_t unknown_all, closed;
	/* for others, in the domain's name, by who did not log in */
	uint64_t relaying;
	/* for what the client is: by rule, and by client */
	const struct vx_diag_tally *rules;
	size_t rule_count;
	uint64_t rejected_all;
	const struct vx_diag_rejected *clients;
	size_t client_count;
	const struct vx_diag_login *logins;
	size_t login_count;
	const struct vx_diag_relay *relays; /* that mail of the domain may go by */
	size_t relay_count;
	struct vx_diag_sent taken, failed; /* the last of the domain's */
	uint64_t failures;                 /* since the last that was taken */
	/* of the whole server, not by a relay: since when it sends, 0: that is not known
	 */
	int64_t first_sent;
	uint64_t sent;
};

VX_END_DECLS

#endif
