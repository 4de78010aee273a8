/* ca.h - an authority in memory, which checks what it is sent, and a host for the core.
 */
#ifndef ACME_CA_H
#define ACME_CA_H

#include "lib/vxt.h"
#include "vectis/acme.h"

#include <gnutls/x509.h>
#include <jansson.h>

#define CA_ORDERS 4000
#define CA_SCRIPT 16
#define CA_NAMES 8

enum ca_status {
	CA_PENDING,
	CA_READY,
	CA_PROCESSING,
	CA_VALID,
	CA_INVALID
};

struct ca_authz {
	char name[128];
	bool wildcard;
	enum ca_status status;
	char token[32], problem[200];
};

struct ca_order {
	enum ca_status status;
	struct ca_authz authz[CA_NAMES];
	size_t count;
	char replaces[128], profile[32];
	struct vx_buf pem; /* own */
	int polls;
};

/* What is said instead, the first so many times that a URL has this in it. */
struct ca_said {
	const char *url;
	unsigned status, times;
	const char *type;  /* behind "urn:ietf:params:acme:error:"; NULL: body is all */
	const char *body;  /* members behind type and detail, or all */
	const char *retry; /* Retry-After */
	bool lost;         /* no answer at all */
	bool after;        /* ... but it was done */
};

#define WORLD_SETS 64

struct world;
struct ca {
	struct world *world;
	const char *host; /* "ca.test" */
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
	/* how it is */
	unsigned nonce_reject, reuse; /* per cent */
	int64_t life_s, skew_s;
	const char *eab_kid, *eab_secret; /* of the one account elsewhere that it knows */
	bool no_rsa;                      /* requests for such keys fail for the moment */
	bool windows, eab, terms, deaf;   /* deaf: no connection is possible */
	int64_t window_start, window_end; /* 0: a third before the end */
	const char *profiles;             /* JSON */
	const char
	    *identities; /* JSON: what CAA records call it; NULL: it does not say */
	const char *window_retry;
	int processing; /* so many polls of an order */
	struct ca_said script[CA_SCRIPT];
	size_t script_count;
	/* what it has */
	char jwk[400]; /* of the account; empty: none */
	bool deactivated;
	unsigned nonces; /* given; one is good once */
	bool used[65536];
	struct ca_order *orders; /* own */
	size_t order_count;
	unsigned serial;
	/* what happened */
	unsigned requests, refused_nonces, accounts, certs, replaced, revoked,
	    revoked_by_key;
	char revoked_by[400]; /* the key that signed the last one; empty: the account */
	unsigned last_reason;
	char contact[100];
};

/* A host of the core, with a clock that is turned. */
struct world {
	int64_t now;
	struct ca ca[2];
	size_t ca_count;
	struct vx_acme_authority authorities[2];
	struct vx_acme_wanted certs[3];
	unsigned key_days;
	const char *names[3][CA_NAMES];
	size_t cert_count;
	bool disagrees;
	struct vx_acme *core;
	struct vx_buf state;  /* own: what is on the disk */
	unsigned can;         /* challenges */
	const char *persists; /* issuers that records of dns-persist-01 name */
	unsigned permit;      /* challenges that CAA records allow */
	const char *forbids;  /* why they do not; NULL: the DNS does not fail */
	unsigned permits;     /* how often that was asked */
	char permit_for[200]; /* the last time: name, issuers, account, challenges */
	/* what is answerable now */
	struct {
		unsigned type;
		char name[128], token[64], content[200];
	} provided[CA_NAMES * 2];
	size_t provided_count;
	unsigned last_provided; /* challenge; 0: none was */
	bool no_provision, no_disk, no_install, not_served;
	/* the TLSA records of the first name, and how they were */
	struct world_set {
		char digests[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS];
		size_t count;
		int64_t until; /* another took its place */
		uint32_t ttl;  /* 0: zone_ttl */
	} zone, before[WORLD_SETS];
	size_t before_count;
	bool zone_secure, zone_bogus;
	bool behind; /* some server says that it has none of the keys */
	uint32_t zone_ttl;
	/* what our resolver remembers */
	struct world_set cache;
	bool no_publish; /* the host cannot set records */
	unsigned looks, publishes, mismatches;
	unsigned generations;
	/* what is served */
	struct world_served {
		struct vx_pki_cert cert;
		struct vx_buf chain, key; /* own */
		unsigned installs;
	} served[3];
	char told[VX_ACME_TEXT_MAX]; /* the last event */
	char alarm[VX_ACME_TEXT_MAX];
	uint64_t ended; /* a command */
	int ended_result;
	unsigned steps, saves, commands_ended;
	unsigned die_at; /* a step before which the core is lost; 0: never */
	bool die_after;  /* ... after it was done, before it is answered */
	unsigned deaths;
};

void world_init(struct world *w);
void world_cert(
    struct world *w, const char *id, enum vx_pki_kind kind, const char *const *names);
void world_done(struct world *w);
/* A core of the state. */
void world_start(struct world *w);
/* The records of the first name are these now. */
void world_publish(
    struct world *w, const char (*digests)[VX_PKI_DIGEST_OCTETS], size_t n);
/* What a person does who is told to publish what has to be there. */
void world_publish_wanted(struct world *w);
/* Turn the clock until then, doing what is asked. */
void world_run(struct world *w, int64_t until);
struct vx_acme_status world_status(struct world *w, size_t index);
struct ca_said *ca_say(struct ca *ca, const char *url, unsigned status, const char *type);
void ca_answer(
    struct ca *ca, const struct vx_acme_step *step, struct vx_acme_answer *out);

#endif
