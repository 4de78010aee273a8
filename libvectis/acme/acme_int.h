/* acme_int.h - the parts of the core. */
#ifndef VX_ACME_ACME_INT_H
#define VX_ACME_ACME_INT_H

#include "vectis/acme.h"

#include <jansson.h>

typedef char vx_acme_url[VX_ACME_URL_MAX + 1];

/* --- signatures (jws.c) ------------------------------------------------------------- */

/*
 * Append a signed request (RFC 8555 6.2).  kid NULL: the key is in it.  nonce NULL: of a
 * request within another.  VX_OK, VX_ELIMIT, VX_ECRYPTO.
 */
int vx_acme_sign(const struct vx_pki_key *key, const char *kid, const char *nonce,
    const char *url, vx_slice payload, struct vx_buf *out);
/* Append an external account binding (7.3.4).  VX_EINVAL: key is no base64url. */
int vx_acme_bind(const char *kid, const char *key, const char *url,
    const struct vx_pki_key *account, struct vx_buf *out);
/* Append token "." thumbprint (8.1). */
int vx_acme_authorization(
    const struct vx_pki_key *account, const char *token, struct vx_buf *out);

/* --- what an authority says (object.c) ---------------------------------------------- */

struct vx_acme_directory {
	vx_acme_url new_nonce, new_account, new_order, revoke, key_change, renewal_info;
	vx_acme_url terms;
	char issuers[512];  /* caaIdentities, with blanks between them; empty: not said */
	char profiles[512]; /* each with a blank before and behind it; empty: none */
	bool external_account;
};

enum vx_acme_problem_class {
	VX_ACME_P_NONCE,
	VX_ACME_P_LIMITED,
	VX_ACME_P_REPLACED,
	VX_ACME_P_PROFILE,
	VX_ACME_P_NAMES,
	VX_ACME_P_CAA,
	VX_ACME_P_VALIDATION,
	VX_ACME_P_NOT_READY,
	VX_ACME_P_TERMS,
	VX_ACME_P_ACCOUNT,
	VX_ACME_P_UNAUTHORIZED, /* validation, or the account: where it is said tells */
	VX_ACME_P_STOP,
	VX_ACME_P_REVOKED_ALREADY,
	VX_ACME_P_SERVER,
	VX_ACME_P_TRANSPORT, /* no problem document */
	VX_ACME_P_OURS       /* nothing of the authority's */
};

struct vx_acme_problem {
	enum vx_acme_problem_class what;
	char text[VX_ACME_TEXT_MAX]; /* type: detail; name: detail */
	char names[1024]; /* of subproblems, each with a blank before and behind it */
	bool paused;
	bool overload; /* of the authority as a whole */
};

enum vx_acme_object_status {
	VX_ACME_PENDING,
	VX_ACME_READY,
	VX_ACME_PROCESSING,
	VX_ACME_VALID,
	VX_ACME_INVALID /* also deactivated, expired, revoked */
};

struct vx_acme_order {
	enum vx_acme_object_status status;
	vx_acme_url finalize, certificate;
	vx_acme_url authorizations[VX_ACME_NAMES_MAX];
	size_t count;
	struct vx_acme_problem problem; /* text empty: none */
};

struct vx_acme_authz {
	enum vx_acme_object_status status;
	char name[VX_ACME_NAME_MAX + 1];
	bool wildcard;
	struct vx_acme_offer {
		unsigned type; /* enum vx_acme_challenge; 0: not one that we know */
		enum vx_acme_object_status status;
		vx_acme_url url;
		char token[VX_ACME_TOKEN_MAX + 1];
		char issuers[512]; /* dns-persist-01: as above */
	} offers[VX_ACME_CHALLENGES_MAX];
	size_t count;
	struct vx_acme_problem problem;
};

struct vx_acme_window {
	int64_t start, end;
	char explanation[VX_ACME_TEXT_MAX];
};

/* VX_OK; VX_EPROTO: it is not that; VX_ENOMEM. */
int vx_acme_read_directory(vx_slice body, struct vx_acme_directory *out);
int vx_acme_read_order(vx_slice body, struct vx_acme_order *out);
int vx_acme_read_authz(vx_slice body, struct vx_acme_authz *out);
int vx_acme_read_window(vx_slice body, struct vx_acme_window *out);
/* Always gives something. */
void vx_acme_read_problem(unsigned status, vx_slice body, struct vx_acme_problem *out);
/* https, of octets that need no quoting, and short enough. */
bool vx_acme_is_url(vx_slice s);
/* A name in a certificate: a host name in lower case, perhaps "*.", or an address. */
bool vx_acme_is_name(const char *name);
/* JSON with limits; NULL: it is none. */
json_t *vx_acme_json(vx_slice text, size_t octets_max);
/* Append it as text; flags are the library's.  VX_OK, VX_ELIMIT, VX_ENOMEM. */
int vx_acme_write(const json_t *o, size_t flags, struct vx_buf *out);

/* --- times (when.c) ----------------------------------------------------------------- */

/* RFC 3339, for windows. */
int vx_acme_time(vx_slice text, int64_t *out);
/* Seconds, or a date (RFC 9110 10.2.3), from 1 to a day; standard: there is none. */
int64_t vx_acme_retry_after(vx_slice field, int64_t now, int64_t standard);
/* "... retry after 2026-11-28 12:00:00 UTC ...": a time, or 0. */
int64_t vx_acme_retry_text(const char *text);
int64_t vx_acme_backoff(unsigned failures);

#define VX_ACME_KEY_COMPROMISE 1 /* RFC 5280 5.3.1 */
#define VX_ACME_REVOKE_WAITS                                                             \
	"the next keys are used when their TLSA records were seen for long enough, and " \
	"then what is served now is revoked: see \"vectisctl cert keys\""
#define VX_ACME_ROLL_WAITS                                                               \
	"the next keys are used when their TLSA records were seen for long enough: see " \
	"\"vectisctl cert keys\""

/* --- the core ----------------------------------------------------------------------- */

struct vx_acme_account {
	char *id, *directory_url, *eab_kid, *eab_key, *profile, *chain; /* own */
	struct vx_pki_key *key, *next_key;                              /* own; or NULL */
	vx_acme_url url;
	vx_acme_url terms; /* that were agreed to */
	char issuers[512]; /* as the directory had it last */
	bool deactivated;
	char persists[VX_ACME_NAME_MAX + 1]; /* its name, if it offers dns-persist-01 */
	int64_t not_before;                  /* it asked for that */
	struct vx_acme_directory directory;
	int64_t directory_at; /* 0: not read */
	char nonce[VX_ACME_NONCE_MAX + 1];
	bool told_skew;
};

/* What was made answerable, and is to be removed. */
struct vx_acme_provided {
	unsigned type;
	char name[VX_ACME_NAME_MAX + 1];
	bool wildcard;
	char token[VX_ACME_TOKEN_MAX + 1];
	char content[256];
};

/* All kinds of one certificate. */
struct vx_acme_group {
	char id[VX_ACME_ID_MAX + 1];
	char *dane;        /* own; or NULL */
	uint64_t number;   /* of the command that waits for what is installed; 0: none */
	bool number_rolls; /* it waits for the next keys */
	/* keys that are served */
	char served[2 * VX_PKI_KINDS][VX_PKI_DIGEST_OCTETS];
	size_t served_count;
	int64_t install_next; /* not before */
	/* TLSA records of its names, as they were seen */
	bool used;        /* there are some, in signed zones */
	bool secure;      /* the zone of dane, or of the first name, is signed */
	bool tidy;        /* a record of ours is not wanted any more */
	int64_t looked;   /* 0: never */
	int64_t kept;     /* that is in the state */
	int64_t look_at;  /* the next time */
	int64_t ttl;      /* the largest that anybody may remember */
	int64_t ttl_at;   /* it was seen for the last time */
	int64_t ttl_less; /* the largest since then */
	int64_t clear;    /* not used: who remembers records forgets them then */
	int64_t broken;   /* since when no key that is served is in them; 0: it is */
	/* those of dane, or else what all have */
	char set[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS];
	size_t set_count;
	unsigned unseen; /* times that they were set and not seen */
	bool unknown;    /* the last time nobody could say */
	bool told_broken, told_blocked, told_unserved;
};

struct vx_acme_old_key {
	char digest[VX_PKI_DIGEST_OCTETS];
	int64_t since; /* that it is not served any more */
};

struct vx_acme_lineage {
	struct vx_acme_group *group;
	char *id;     /* own */
	char **names; /* own */
	size_t count;
	enum vx_pki_kind kind;
	bool partial;
	char all[VX_ACME_NAMES_MAX * 40 +
		 1024];                    /* names with blanks between, for people */
	struct vx_pki_key *key, *next_key; /* own; or NULL */
	int64_t key_since;
	int64_t key_seen, next_seen; /* since when in all TLSA records; 0: they are not */
	bool rolling;                /* the next key is wanted */
	enum vx_acme_haste haste;
	bool bad; /* no certificate is ordered for the key any more */
	struct vx_acme_old_key old[VX_ACME_OLD_KEYS_MAX];
	size_t old_count;
	bool told_key, told_next; /* that their records are missing */
	/* the order under way is for the next key */
	bool with_next;
	/* what came of an order, until it is installed */
	bool has_fresh, fresh_next;
	struct vx_pki_cert fresh;
	struct vx_buf fresh_chain; /* own */
	char fresh_by[VX_ACME_ID_MAX + 1];
	int64_t fresh_at;
	/* what there is */
	bool there;
	struct vx_pki_cert cert;
	struct vx_buf chain; /* own; of the certificate, for its revocation */
	char issued_by[VX_ACME_ID_MAX + 1]; /* an authority; empty: not known */
	/* a certificate whose key others have: revoked when another key is served */
	struct vx_buf doomed; /* own */
	char doomed_by[VX_ACME_ID_MAX + 1];
	int64_t doomed_next;
	/* RFC 9773 */
	int64_t window_start, window_end, chosen, window_next;
	/* what went wrong */
	unsigned failures, throttled;
	int64_t failing_since, not_before, tried_at;
	char problem[VX_ACME_TEXT_MAX];
	uint32_t stopped; /* by authority */
	uint32_t refused; /* names, by number */
	size_t authority;
	bool forced;
	bool no_replaces, no_profile; /* of the order under way, or the next one */
	/* the order under way */
	vx_acme_url order;
	struct vx_acme_provided provided[VX_ACME_NAMES_MAX];
	size_t provided_count;
};

enum vx_acme_phase {
	VX_ACME_PH_IDLE,
	VX_ACME_PH_LOOK,
	VX_ACME_PH_DIRECTORY,
	VX_ACME_PH_CHECK_KEY,
	VX_ACME_PH_ACCOUNT,
	VX_ACME_PH_AGREE,
	VX_ACME_PH_WINDOW,
	VX_ACME_PH_PERMIT,
	VX_ACME_PH_NEW_ORDER,
	VX_ACME_PH_ORDER,
	VX_ACME_PH_AUTHZ,
	VX_ACME_PH_PROVISION,
	VX_ACME_PH_RESPOND,
	VX_ACME_PH_POLL,
	VX_ACME_PH_READY,
	VX_ACME_PH_FINALIZE,
	VX_ACME_PH_ISSUED,
	VX_ACME_PH_DOWNLOAD,
	VX_ACME_PH_TLSA,
	VX_ACME_PH_INSTALL,
	VX_ACME_PH_SERVED,
	VX_ACME_PH_PUBLISH,
	VX_ACME_PH_CLEAN,
	VX_ACME_PH_REVOKE,
	VX_ACME_PH_ROLL_OVER,
	VX_ACME_PH_DEACTIVATE
};

struct vx_acme_task {
	enum {
		VX_ACME_T_ISSUE,
		VX_ACME_T_INSTALL, /* l: the first of the group */
		VX_ACME_T_DANE,    /* the same */
		VX_ACME_T_WINDOW,
		VX_ACME_T_REVOKE,
		VX_ACME_T_REVOKE_OTHER, /* by its own key */
		VX_ACME_T_REVOKE_DOOMED,
		VX_ACME_T_ROLL_OVER,
		VX_ACME_T_DEACTIVATE
	} type;
	struct vx_acme_lineage *l; /* NULL: about an account */
	size_t authority;
	unsigned reason;
	uint64_t number; /* of the command; 0: none */
};

/* Of an authorization, as long as the order is under way. */
struct vx_acme_step_authz {
	vx_acme_url url, challenge;
	size_t provided; /* index, in the lineage; none: VX_ACME_NAMES_MAX */
	bool responded;  /* the authority was told, before a crash */
};

struct vx_acme_queued {
	enum vx_acme_event event;
	char id[VX_ACME_ID_MAX + 1];
	enum vx_pki_kind kind;
	char text[VX_ACME_TEXT_MAX];
	uint64_t command;
	int result;
};

struct vx_acme {
	struct vx_acme_account accounts[VX_ACME_AUTHORITIES_MAX];
	size_t account_count;
	struct vx_acme_lineage *certs; /* own */
	size_t cert_count;
	struct vx_acme_group *groups; /* own */
	size_t group_count;
	unsigned key_days;
	vx_acme_key_fn *make_key; /* NULL: the library */
	void *make_ctx;
	char *contact; /* own; or NULL */
	bool agrees;
	uint64_t random;
	int64_t now; /* of the call under way */

	struct vx_acme_queued events[VX_ACME_EVENTS_MAX];
	size_t event_first, event_count;
	struct vx_acme_queued told; /* handed out */
	struct vx_acme_task commands[VX_ACME_COMMANDS_MAX];
	size_t command_count;

	/* the step that is asked for */
	struct vx_acme_step step;
	bool asked, handed; /* it is to be answered; the host knows it */
	bool dirty;         /* has to be kept before anything else */
	int64_t save_at;    /* keeping failed: again then */
	bool told_save;
	int64_t wait_until; /* the phase waits */

	/* the request under way */
	struct {
		bool active, in_nonce, by_key, as_get, plain_get;
		unsigned tries;
		vx_acme_url url;
		struct vx_buf payload, body;  /* own */
		const struct vx_pki_key *key; /* NULL: the account's */
		const char *accept;
	} request;

	/* what vx_acme_revoke was given; key NULL: nothing */
	struct {
		struct vx_pki_key *key; /* own */
		struct vx_buf chain;    /* own */
	} other;

	struct vx_acme_task task;
	enum vx_acme_phase phase;
	size_t index;      /* of what a phase goes through */
	int64_t phase_end; /* when its patience is over; 0: not begun */
	unsigned allowed[VX_ACME_NAMES_MAX];
	char persists[VX_ACME_NAMES_MAX][VX_ACME_NAME_MAX + 1]; /* issuers in records */
	struct vx_acme_order order;
	struct vx_acme_step_authz authz[VX_ACME_NAMES_MAX];
	size_t authz_count;
	struct vx_acme_authz seen;
	struct vx_buf chain;                       /* own: what was downloaded */
	vx_acme_url alternates[VX_ACME_LINKS_MAX]; /* still to be looked at */
	size_t alternate_count;
	bool has_chain;
	struct vx_pki_cert fresh;
	struct vx_buf content, alpn_chain, alpn_key; /* own: of a step */
	struct vx_buf keys[VX_ACME_PAIRS_MAX];       /* own: of INSTALL */
	struct vx_acme_look {
		bool used, failed, secure;
		int64_t ttl;
		char all[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS]; /* what all have */
		bool everywhere[VX_ACME_TLSA_MAX]; /* each server of their zones, too */
		size_t all_count;
		char set[VX_ACME_TLSA_MAX]
			[VX_PKI_DIGEST_OCTETS]; /* of the group's dane */
		size_t set_count;
		bool seen; /* some name was looked at */
		char why[VX_ACME_TEXT_MAX];
	} look;
	char wanted[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS]; /* of PUBLISH */
	bool failed; /* the task did: after cleaning up it is over */
	bool agreed_again;
};

/* core.c */
struct vx_acme_account *vx_acme_account_of(struct vx_acme *a);
void vx_acme_tell(struct vx_acme *a, enum vx_acme_event event, const char *fmt, ...)
    VX_PRINTF(3, 4);
void vx_acme_go(struct vx_acme *a, enum vx_acme_phase phase);
/* Ask for a request of the phase: signed, or as GET without a signature. */
void vx_acme_post(struct vx_acme *a, const char *url, json_t *payload);
void vx_acme_post_text(struct vx_acme *a, const char *url, vx_slice payload);
void vx_acme_post_get(struct vx_acme *a, const char *url);
void vx_acme_get(struct vx_acme *a, const char *url);
/* A step that is not a request. */
struct vx_acme_step *vx_acme_ask(struct vx_acme *a, enum vx_acme_step_type type);
uint64_t vx_acme_random(struct vx_acme *a, uint64_t below);

/* account.c and order.c: what begins in a phase, and what is said to it. */
void vx_acme_begin_account(struct vx_acme *a);
void vx_acme_account_answer(struct vx_acme *a, const struct vx_acme_answer *answer);
void vx_acme_begin_order(struct vx_acme *a);
void vx_acme_order_answer(struct vx_acme *a, const struct vx_acme_answer *answer);
/* A problem that a phase knows what to do about: true. */
bool vx_acme_account_problem(struct vx_acme *a, const struct vx_acme_problem *p);
bool vx_acme_order_problem(struct vx_acme *a, const struct vx_acme_problem *p);
/* Where it goes when the account is there. */
void vx_acme_order_start(struct vx_acme *a);
void vx_acme_clean(struct vx_acme *a);

/* permit.c */
void vx_acme_begin_permit(struct vx_acme *a);
void vx_acme_permit_answer(struct vx_acme *a, const struct vx_acme_answer *answer);
/* Do two lists share an issuer? */
bool vx_acme_share(const char *issuers, const char *others);
/* keys.c */
/* Make what is missing: VX_OK, VX_DATA: one was made, or a failure. */
int vx_acme_make_keys(struct vx_acme *a);
bool vx_acme_is_served(const struct vx_acme_group *g, const char *digest);
void vx_acme_note_served(struct vx_acme_group *g, const char *digest);
/* How long a record has to be seen before its key is served. */
int64_t vx_acme_stage(const struct vx_acme_group *g, enum vx_acme_haste haste);
/* When a key may be served: 0: at once, INT64_MAX: not known. */
int64_t vx_acme_key_ready(const struct vx_acme *a, const struct vx_acme_lineage *l);
int64_t vx_acme_next_ready(const struct vx_acme_lineage *l, int64_t now);
/* Is a certificate ordered for the next key now? */
bool vx_acme_takes_next(const struct vx_acme *a, const struct vx_acme_lineage *l);
/* When one can be ordered at all. */
int64_t vx_acme_order_ready(const struct vx_acme *a, const struct vx_acme_lineage *l);
/* The next key is served. */
void vx_acme_promote(struct vx_acme *a, struct vx_acme_lineage *l);
/* What was looked up is known now. */
void vx_acme_note_look(struct vx_acme *a, struct vx_acme_group *g);
/* All digests that TLSA records have to have; how many. */
size_t vx_acme_wanted_set(const struct vx_acme *a, const struct vx_acme_group *g,
    char out[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS]);
bool vx_acme_has_digest(
    const char (*set)[VX_PKI_DIGEST_OCTETS], size_t count, const char *digest);

/* dane.c: TLSA, SERVED, PUBLISH */
void vx_acme_begin_tlsa(struct vx_acme *a);
void vx_acme_tlsa_answer(struct vx_acme *a, const struct vx_acme_answer *answer);
void vx_acme_begin_served(struct vx_acme *a);
void vx_acme_served_answer(struct vx_acme *a, const struct vx_acme_answer *answer);
void vx_acme_begin_publish(struct vx_acme *a);
void vx_acme_publish_answer(struct vx_acme *a, const struct vx_acme_answer *answer);
/* Begin to look. */
void vx_acme_go_tlsa(struct vx_acme *a);

/* install.c */
/* An order came to a certificate: it is kept until it is installed. */
void vx_acme_obtained(struct vx_acme *a);
/* When what waits is installed; INT64_MAX: nothing does. */
int64_t vx_acme_install_at(const struct vx_acme *a, const struct vx_acme_group *g);
void vx_acme_begin_install(struct vx_acme *a);
void vx_acme_install_answer(struct vx_acme *a, const struct vx_acme_answer *answer);
/* Has what waits to be looked at before? */
bool vx_acme_install_needs_look(const struct vx_acme *a, const struct vx_acme_group *g);
/* What is kept of it is served. */
void vx_acme_take_fresh(struct vx_acme *a, struct vx_acme_lineage *l);
void vx_acme_drop_fresh(struct vx_acme_lineage *l);

/* revoke.c */
void vx_acme_begin_revoke(struct vx_acme *a);
void vx_acme_revoked(struct vx_acme *a, const char *text);
void vx_acme_forget_other(struct vx_acme *a);
/* Its key is changed, and then it is revoked. */
void vx_acme_doom(struct vx_acme_lineage *l);
/* When that is revoked; INT64_MAX: there is none, or it is served. */
int64_t vx_acme_doomed_at(const struct vx_acme_lineage *l);

/* plan.c */
/* A command of a group is over. */
void vx_acme_tell_number(
    struct vx_acme *a, const struct vx_acme_group *g, uint64_t number, const char *text);
int64_t vx_acme_earliest(const struct vx_acme *a, const struct vx_acme_lineage *l);
/* The first of a group from index on; NULL: no more. */
struct vx_acme_lineage *vx_acme_member(
    const struct vx_acme *a, const struct vx_acme_group *g, size_t from);
/* Begin what is due: true.  Else *until is when something will be. */
bool vx_acme_plan(struct vx_acme *a, int64_t *until);
int64_t vx_acme_due(const struct vx_acme *a, const struct vx_acme_lineage *l);
/* The task did not succeed; retry: what the authority asked for, a time, or 0. */
void vx_acme_fail(struct vx_acme *a, const struct vx_acme_problem *p, int64_t retry);
void vx_acme_fail_text(struct vx_acme *a, enum vx_acme_problem_class what,
    const char *fmt, ...) VX_PRINTF(3, 4);
/* Behind the commands that wait: VX_OK, VX_ELIMIT. */
int vx_acme_queue(struct vx_acme *a, const struct vx_acme_task *task);
/* Who issued what is there; VX_ACME_AUTHORITIES_MAX: it is not known. */
size_t vx_acme_issuer_of(const struct vx_acme *a, const struct vx_acme_lineage *l);
/* It is over. */
void vx_acme_end(struct vx_acme *a, int result, const char *text);
bool vx_acme_same_names(const struct vx_acme_lineage *l, const struct vx_pki_cert *cert);
/* base64url of the key's id "." that of the serial; false: it has no key id. */
bool vx_acme_cert_id(const struct vx_pki_cert *cert, struct vx_buf *out);

/* state.c */
int vx_acme_load(struct vx_acme *a, vx_slice text, struct vx_error *err);

#endif
