/*
 * diagnose.h - what is wrong with a domain's mail: a table of checks over facts, without
 * I/O (features 2.2, DX-...).
 *
 * The caller says what it knows; what the DNS has to say is asked for:
 *
 *	vx_diag_new(&facts, &d);
 *	while ((n = vx_diag_ask(d, questions, max)) > 0)
 *		for each: vx_diag_answer(d, &question, &answer);
 *	vx_diag_run(d);
 *	vx_diag_finding(d, 0), 1, ... until NULL
 *
 * A fault is named once: a check whose outcome follows from another one's says so and is
 * not counted.  Rows that are about things which this server does not have are left out.
 */
#ifndef VECTIS_DIAGNOSE_H
#define VECTIS_DIAGNOSE_H

#include "vectis/cloudflare.h"
#include "vectis/diagnose_flow.h"
#include "vectis/dnsbl.h"
#include "vectis/fetch.h"
#include "vectis/zone.h"

VX_BEGIN_DECLS

#define VX_DIAG_QUESTIONS_MAX 400 /* of a diagnosis; the rest counts as not answered */
#define VX_DIAG_SEEN_MAX 500
#define VX_DIAG_FIX_MAX 1500
#define VX_DIAG_PORTS_MAX 16
#define VX_DIAG_LISTS_MAX 16
#define VX_DIAG_HOSTS_MAX 10 /* MX that are looked at */
#define VX_DIAG_COMPARED_MAX 5
#define VX_DIAG_WITNESSES_MAX 80 /* answers of others; more are not looked at */
#define VX_DIAG_WHO_MAX 64

enum vx_diag_verdict {
	VX_DIAG_PASS,
	VX_DIAG_INFO,
	VX_DIAG_WARN,
	VX_DIAG_FAIL,
	VX_DIAG_NA /* does not apply, or cannot be told: seen says why */
};
/* "pass".  Static. */
VX_API const char *vx_diag_verdict_name(enum vx_diag_verdict v);

/* What was tried and may not have been. */
enum vx_diag_reached {
	VX_DIAG_UNTRIED,
	VX_DIAG_REACHED,
	VX_DIAG_REFUSED,
	VX_DIAG_SILENT
};

struct vx_diag_key {
	const char *selector, *record; /* "v=DKIM1; k=rsa; p=..." */
	bool signs;
	int64_t from, until; /* seconds since 1970; until 0: no end is set */
};
struct vx_diag_port {
	const char *name; /* "imaps" */
	uint16_t port;
	enum vx_diag_reached reached;
};

/* What a web server said to one request. */
struct vx_diag_web {
	enum vx_fetch_result result;
	unsigned status;         /* of an answer */
	const char *problem;     /* why there is none, or "" */
	const char *age, *cache; /* Age and CF-Cache-Status, or "" */
	vx_slice body;
};

/* Whose handshakes fail since they know no TLS that is new enough. */
struct vx_diag_client {
	char network[VX_DNS_ADDRESS_MAX + 5]; /* "192.0.2.1", "2001:db8:0:1::/64" */
	uint64_t count;
	int64_t last; /* seconds since 1970 */
};

/* A certificate beside the first: of a domain's own names, or for clients of RSA. */
struct vx_diag_cert {
	const char *names;
	int64_t end;         /* seconds since 1970; 0: there is none yet */
	const char *problem; /* of its files, or of the last attempt to get it; "" */
};

struct vx_diag_mailbox {
	const char *name;
	unsigned percent; /* of its quota */
};

/* A process of ours. */
#define VX_DIAG_CPU_PERCENT 90 /* of a core, in each of five minutes: too much */
struct vx_diag_process {
	const char *name;
	int pid;
	uint64_t memory; /* octets of its own */
	unsigned
	    cpu_percent;  /* if that was more than it may, five minutes long; else 0 */
	const char *does; /* what it takes that for; "" */
};

/* A daemon, as its parent process left word. */
struct vx_diag_daemon {
	const char *name;
	bool runs;
	uint64_t restarts;     /* of its processes, since it began */
	unsigned lately, hour; /* deaths of the last ten minutes, of the last hour */
	int64_t died_at;       /* the last one: seconds since 1970; reason: how */
	const char *reason;
	/* when it does not run */
	enum vx_diag_end {
		VX_DIAG_KILLED,
		VX_DIAG_STOPPED,
		VX_DIAG_HOPELESS /* no process of it could begin */
	} end;
	int64_t end_at;
};

/* Backups of the store. */
enum vx_diag_saved_state {
	VX_DIAG_SAVED_NONE,
	VX_DIAG_SAVED_RUNNING,
	VX_DIAG_SAVED_WHOLE,
	VX_DIAG_SAVED_DAMAGED, /* all is there, and bodies were damaged before */
	VX_DIAG_SAVED_PARTIAL
};
struct vx_diag_saved {
	bool known;
	enum vx_diag_saved_state state; /* of the last */
	int64_t began;
	const char *where, *cause;
	int64_t whole_at; /* when the last that is whole was done; 0: there is none */
	const char *whole_where;
	uint64_t octets;     /* of that */
	const char *command; /* that makes one, without its directory */
};

/* The store, as far as there was time to look at it. */
struct vx_diag_store {
	bool known;
	bool unusable;       /* it does not open: what is in it is not known */
	int code;            /* why not, as vx_store_open */
	const char *problem; /* the first one; "" */
	const char *dir;     /* where it is */
	uint64_t entries, bodies, problems; /* looked at, and found */
	/* when all of it was proved last, or not: seconds since 1970; 0: never */
	int64_t proved_at;
	uint64_t proved_problems;
	const char *proved_problem;
};

/* The server as it is. */
struct vx_diag_server {
	struct vx_diag_store store;
	int apply_pid; /* who applies a configuration, since when; 0: nobody */
	int64_t apply_since;
	const struct vx_diag_process *processes;
	size_t process_count;
	uint64_t process_budget; /* octets that one may have; 0: not known */
	const struct vx_diag_daemon *daemons;
	size_t daemon_count;
	struct vx_diag_saved saved;
	const struct vx_diag_mailbox *mailboxes; /* of the domain */
	size_t mailbox_count;
	bool search_wanted, search_present;
	uint64_t search_pending;         /* messages */
	uint64_t disk_octets, disk_free; /* of state_dir; 0: not known */
	uint64_t ram_octets, ram_available, daemon_octets; /* 0: not known */
	const char *running, *stopped; /* daemons, separated by blanks */
	const char *drift; /* keys that are changed and not applied; NULL: not known */
	bool clock_known;
	int64_t clock_skew; /* seconds that ours is fast */
};

/* A port that a daemon wants, and whose it is. */
struct vx_diag_holder {
	uint16_t port;
	bool held, ours;  /* ours: one of the daemons has it */
	char process[64]; /* "nginx (123)"; "": not known */
};

/* A host before it is a mail server. */
struct vx_diag_host {
	const char *os_id, *os_version, *os_name; /* of os-release(5); "" */
	unsigned cpus;
	uint64_t ram_octets, disk_free_octets;
	const char *disk_path; /* where mail will be */
	bool has_name;         /* hostname is what it will be called */
	const struct vx_diag_holder *ports;
	size_t port_count;
};

/* All of it is borrowed until vx_diag_free. */
struct vx_diag_facts {
	size_t struct_size;
	int64_t now; /* seconds since 1970 */
	const char *domain, *hostname;
	const char *admin_host; /* for browsers, and proxied; NULL or "": there is none */
	/* The server is on its way to another name: what is left to do, in words; NULL:
	 * it is not.  hostname is the name that the DNS is led to, if that has begun
	 * (move_led), and beside the other one, which is as right; NULL: none. */
	const char *move_left, *beside;
	bool move_led;
	const char *const *addresses; /* of this server: it sends from them, too */
	size_t address_count;
	const struct vx_diag_key *keys;
	size_t key_count;
	bool backup;             /* Email Routing is declared as backup */
	const char *backup_to;   /* where it shall lead mail; NULL: not said */
	const char *backup_host; /* another server is declared; NULL: none */
	bool dmarc_none;         /* p=none is declared */
	const char *relay_host;  /* all mail leaves by it; NULL: none */
	/* Is it the address of a mailbox or an alias here?  NULL: not known. */
	bool (*mailbox)(void *ctx, vx_slice address);
	void *mailbox_ctx;
	const struct vx_dnsbl *lists;
	size_t list_count;
	/* certificates */
	bool certificate;         /* there is one that is not temporary */
	const char *cert_problem; /* it cannot be used: why; "" */
	const char *cert_names;   /* separated by blanks */
	int64_t cert_end;
	const char *cert_digest; /* SHA-256 of its key as hex; "" */
	const char *rsa_digest;  /* the same of a second one, of RSA; NULL or "": none */
	bool cert_custom;        /* nobody renews it */
	const char *cert_stale;  /* workers that serve another one; "" */
	const char
	    *cert_distrust; /* why clients do not believe it; "": they do, or untried */
	const char *acme_problem; /* what the last attempt failed by; "" */
	const struct vx_diag_cert *certs;
	size_t cert_count;
	bool http_01;           /* it is asked for by HTTP-01 */
	const char *acme_names; /* that it is asked for, with blanks between them; "" */
	/* names that records could prove for good, where an authority takes such */
	const struct vx_zone_proof *proofs;
	size_t proof_count;
	bool old_tls;                /* TLS before 1.2 is allowed */
	enum vx_diag_reached http80; /* port 80 at an address of ours */
	/* who answered there, as far as it was asked */
	enum vx_diag_answerer {
		VX_DIAG_NOT_ASKED,
		VX_DIAG_ACMED,
		VX_DIAG_ANOTHER
	} http80_by;
	const char *cert_serial; /* of what is installed; "" */
	/* what port 443 of this host serves for the host's name; "": nothing */
	const char *web_serial, *web_names;
	const struct vx_diag_client *old_clients;
	size_t old_client_count;
	/* web: NULL: not tried */
	const struct vx_diag_web *web;           /* the host's own site */
	const struct vx_diag_web *autoconfig;    /* at autoconfig. of the domain */
	const struct vx_diag_web *autoconfig_at; /* at the domain itself */
	/* MTA-STS: "testing" or "enforce" as it is declared, NULL: it is not; and what is
	 * served at mta-sts. of the domain */
	const char *sts_mode;
	const struct vx_diag_web *sts;
	/* who is asked for certificates, and by which proofs: "http-01 dns-01" */
	const struct vx_zone_authority *authorities;
	size_t authority_count;
	const char *acme_methods;
	/* the domain's owner proves that it is, by this TXT record; NULL: not asked for
	 */
	const char *verify;
	bool verified; /* it was seen once, or somebody vouches for it */
	/* Cloudflare */
	bool has_token;
	const struct vx_cf_result *token;     /* what checking it came to */
	const struct vx_cf_state *cloudflare; /* NULL: not known */
	const struct vx_cf_backup *routing;   /* for backup_to; NULL: not known */
	const struct vx_zone *zone;           /* its records; NULL: not known */
	bool order_runs;                      /* a challenge may be under way */
	bool provider_only;                   /* only what Cloudflare does is looked at */
	const char *secrets_problem;          /* "" */
	/* reachability */
	const struct vx_diag_port *ports;
	size_t port_count;
	enum vx_diag_reached out25;
	const struct vx_diag_server *server; /* NULL: not known */
	const struct vx_diag_flow *flow;     /* NULL: not known */
	/* not NULL: only that is looked at (DX-OP-26), and of all else addresses, host
	 * name and out25 */
	const struct vx_diag_host *host;
};

struct vx_diag;
/* VX_OK; VX_EINVAL: domain, host name or an address is none; VX_ENOMEM. */
VX_API int vx_diag_new(const struct vx_diag_facts *f, struct vx_diag **out);
VX_API void vx_diag_free(struct vx_diag *d);
/* Up to max questions that have no answer yet; 0: all is known. */
VX_API size_t vx_diag_ask(struct vx_diag *d, struct vx_dns_question *out, size_t max);
/* Copied.  VX_OK, VX_ENOMEM. */
VX_API int vx_diag_answer(
    struct vx_diag *d, const struct vx_dns_question *q, const struct vx_dns_answer *a);

/*
 * What others say, asked directly: the servers of the zone, public resolvers, and those
 * that other programs of this host use.  Before vx_diag_run, in any order.
 */
enum vx_diag_witness {
	VX_DIAG_SOURCE,
	VX_DIAG_PUBLIC,
	VX_DIAG_SYSTEM
};
/* What one of a kind is to be asked. */
VX_API size_t vx_diag_compare(const struct vx_diag *d, enum vx_diag_witness kind,
    struct vx_dns_question out[VX_DIAG_COMPARED_MAX]);
/*
 * What who ("1.1.1.1", cut) says; a NULL: nothing.  Copied.  VX_OK, VX_ENOMEM; more than
 * there is room for are ignored.
 */
VX_API int vx_diag_witness(struct vx_diag *d, enum vx_diag_witness kind, const char *who,
    const struct vx_dns_question *q, const struct vx_dns_answer *a);

struct vx_diag_finding {
	const char *id, *name,
	    *title; /* "DX-DN-01", "dns.mx"; static, like why and wait */
	enum vx_diag_verdict verdict;
	char seen[VX_DIAG_SEEN_MAX + 1];
	const char *why; /* it breaks mail */
	char fix[VX_DIAG_FIX_MAX + 1];
	const char *wait; /* how long until the fix is seen */
};
VX_API void vx_diag_run(struct vx_diag *d);
VX_API const struct vx_diag_finding *vx_diag_finding(
    const struct vx_diag *d, size_t index);

/*
 * The deliverability report (features DNS-31): what it comes to for those who get mail
 * from here.  A section has the verdict of the worst of its checks; FAIL takes all of its
 * weight, WARN half.  What does not apply takes nothing.
 */
#define VX_DIAG_SECTIONS 8
struct vx_diag_section {
	const char *name, *title; /* "spf"; static */
	unsigned weight, points;  /* the weights of all are 100 */
	enum vx_diag_verdict verdict;
	const struct vx_diag_finding *decisive; /* the diagnosis' */
};
/* After vx_diag_run: the score, 0 to 100. */
VX_API unsigned vx_diag_report(
    const struct vx_diag *d, struct vx_diag_section out[VX_DIAG_SECTIONS]);

/*
 * What has to be set at Cloudflare (features DNS-40), as the checks have found it: a
 * setting is as the worst of its checks.
 */
#define VX_DIAG_SETTINGS 8
enum vx_diag_set {
	VX_DIAG_SET_RIGHT,
	VX_DIAG_SET_WRONG,
	VX_DIAG_SET_UNKNOWN
};
/* "yes", "no", "unknown".  Static. */
VX_API const char *vx_diag_set_name(enum vx_diag_set s);
struct vx_diag_setting {
	const char *name, *title; /* "dnssec"; static, like where */
	enum vx_diag_set state;
	const char *where; /* in the dashboard */
	char seen[VX_DIAG_SEEN_MAX + 1];
	char set[VX_DIAG_FIX_MAX + 1]; /* what it has to be; "" unless it is WRONG */
};
/* After vx_diag_run. */
VX_API void vx_diag_checklist(
    struct vx_diag *d, struct vx_diag_setting out[VX_DIAG_SETTINGS]);

/* Whom to reach tells whether mail may leave: a server that takes it from anybody. */
#define VX_DIAG_FAR_HOST "gmail-smtp-in.l.google.com"
/*
 * Where the PTR record of an address is set that is called name now ("": nobody), for
 * people.  Static.
 */
VX_API const char *vx_diag_reverse_hint(const char *name);
/* Is it a name of whoever has the address, and not of who rents it to them? */
VX_API bool vx_diag_is_own_name(const char *name);
/* Is it an address of Cloudflare's proxies? */
VX_API bool vx_diag_is_cloudflare(const char *address);

VX_END_DECLS

#endif
