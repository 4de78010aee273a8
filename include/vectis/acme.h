/*
 * acme.h - certificates from authorities that speak ACME (RFC 8555), without I/O.
 *
 * The core knows which certificates are wanted, which there are, and when each is to be
 * renewed: in the window that the authority names (RFC 9773), else at two thirds of its
 * life.  It says one thing at a time that its host has to do, and is told how that went:
 *
 *	while (vx_acme_next(a, now, &step) == VX_OK)
 *		do it, then vx_acme_answer(a, now, &answer)
 *
 * All that has to survive is one text, which the host keeps when it is asked to
 * (VX_ACME_SAVE) and gives back at the next start: an order that was under way then goes
 * on where it was.  The text has private keys in it.
 *
 * A certificate may be of several kinds of keys: they are ordered one by one, and
 * installed together.  Each kind has the key in use and the next one.  What TLSA records
 * say of port 25 (DANE, RFC 7672) is looked at, and the next key is used when its record
 * was seen for so long that nobody can remember records without it; until then, and
 * without being asked, certificates are renewed for the key in use.
 *
 * Challenges: http-01, dns-01 (RFC 8555 8), tls-alpn-01 (RFC 8737), dns-persist-01
 * (a draft, used when it is offered).  Addresses as names: RFC 8738.
 */
#ifndef VECTIS_ACME_H
#define VECTIS_ACME_H

#include "vectis/pki.h"

VX_BEGIN_DECLS

#define VX_ACME_AUTHORITIES_MAX 4
#define VX_ACME_CERTS_MAX 64
#define VX_ACME_NAMES_MAX 25 /* of a certificate: what a short profile allows */
#define VX_ACME_NAME_MAX 253 /* octets, with "*." */
#define VX_ACME_ID_MAX 64    /* of a certificate or an authority in our own words */
#define VX_ACME_URL_MAX 1023 /* longer ones are refused */
#define VX_ACME_NONCE_MAX 255
#define VX_ACME_TOKEN_MAX 127
#define VX_ACME_TEXT_MAX 400
#define VX_ACME_JSON_MAX 65536 /* octets of an answer that is JSON */
#define VX_ACME_JSON_DEPTH_MAX 16
#define VX_ACME_LINKS_MAX 8      /* fields Link of an answer; more are not looked at */
#define VX_ACME_CHALLENGES_MAX 8 /* of an authorization; more are not looked at */
#define VX_ACME_STATE_MAX ((size_t)4 << 20)
#define VX_ACME_NONCE_TRIES 20 /* of one request that is refused for its nonce */
#define VX_ACME_POLL_S_MAX 600 /* an order or an authorization that does not move */
#define VX_ACME_COMMANDS_MAX 16
#define VX_ACME_EVENTS_MAX 32  /* not yet handed out; the oldest are dropped */
#define VX_ACME_TLSA_MAX 32    /* records of a name that are looked at */
#define VX_ACME_OLD_KEYS_MAX 4 /* of one kind, whose records are still there */
#define VX_ACME_PAIRS_MAX VX_PKI_KINDS

/* Times of a certificate that fails: a minute, ten, a hundred, then a day. */
#define VX_ACME_BACKOFF_MAX 86400
#define VX_ACME_SKEW_WARN_S 300
#define VX_ACME_SKEW_MAX_S 3600
/*
 * TLSA records are looked at so often: at most, while something waits for them, and while
 * that is urgent.  What was not looked at for the last time is not known.
 */
#define VX_ACME_LOOK_S (6 * 3600)
#define VX_ACME_LOOK_SOON_S 3600
#define VX_ACME_LOOK_URGENT_S 600
#define VX_ACME_UNSEEN_MAX_S (13 * 3600)
/*
 * A key is served when its record was seen so long, and twice the records' TTL; the
 * second number when it is urgent.  A record stays as long after its key.
 */
#define VX_ACME_STAGE_S 86400
#define VX_ACME_STAGE_URGENT_S 7200
#define VX_ACME_TTL_MAX (7 * 86400)
/* One kind waits so long for the other, so that both are switched together. */
#define VX_ACME_SIBLINGS_S 3600
/* A certificate that may not be served is thrown away then. */
#define VX_ACME_FRESH_S 86400
/* So long one authority may fail before the next is tried. */
#define VX_ACME_PATIENCE_S (3 * 86400)

enum vx_acme_challenge { /* bits */
	VX_ACME_HTTP_01 = 1,
	VX_ACME_DNS_01 = 2,
	VX_ACME_TLS_ALPN_01 = 4,
	VX_ACME_DNS_PERSIST_01 = 8
};
/* "http-01" and so on.  Static. */
VX_API const char *vx_acme_challenge_name(enum vx_acme_challenge type);

struct vx_acme_authority {
	const char *id;                /* "letsencrypt": letters, digits, '-', '_' */
	const char *directory;         /* URL, https */
	const char *eab_kid, *eab_key; /* RFC 8555 7.3.4; the key in base64url; or NULL */
	const char *profile;           /* NULL: "tlsserver" if it is there; "": none */
	const char *chain; /* common name of the root that is preferred; NULL: none */
};

struct vx_acme_wanted {
	const char *id; /* its name in the directory of certificates */
	enum vx_pki_kind kind;
	const char *const *names; /* host names, "*.name", addresses */
	size_t count;
	bool partial;     /* names that the authority refuses are left out */
	const char *dane; /* of its kinds: whose TLSA records the host sets; NULL: none */
};

/* VX_OK, or a failure: then it is asked again later. */
typedef int vx_acme_key_fn(void *ctx, enum vx_pki_kind kind, struct vx_pki_key **out);

struct vx_acme_options {
	size_t struct_size;
	const struct vx_acme_authority *authorities; /* in order of preference */
	size_t authority_count;
	const struct vx_acme_wanted *certs;
	size_t cert_count;
	const char *contact; /* "mailto:..."; NULL: none */
	bool agrees;         /* to the terms of service, new ones too */
	uint64_t seed;       /* of times that are chosen by chance */
	unsigned
	    key_days; /* a renewal takes the next key then; 0: when that is asked for */
	vx_acme_key_fn *make_key; /* NULL: vx_pki_key_generate */
	void *make_ctx;
};

struct vx_acme;
/*
 * All of options is copied.  state: what was kept; empty at the first time.  VX_OK;
 * VX_EINVAL: options are wrong; VX_ESYNTAX: the state is damaged; VX_ENOMEM; with err.
 */
VX_API int vx_acme_new(const struct vx_acme_options *o, vx_slice state,
    struct vx_acme **out, struct vx_error *err);
VX_API void vx_acme_free(struct vx_acme *a);

/*
 * What is installed, at the start: a state that was lost does not make another order or
 * another key.  VX_OK; VX_ENOENT: no such certificate is wanted, VX_EUNSUP: not of that
 * kind; else err.  In each case it is known to be served.
 */
VX_API int vx_acme_installed(struct vx_acme *a, const char *id, enum vx_pki_kind kind,
    vx_slice chain_pem, vx_slice key_pem, struct vx_error *err);

/*
 * The same of one that came from elsewhere: only its key's digest, as hex, is of interest
 * (TLSA).  What is no digest is as if it were not there.
 */
VX_API void vx_acme_serving(struct vx_acme *a, const char *id, const char *digest_hex);

enum vx_acme_step_type {
	VX_ACME_SAVE,    /* keep vx_acme_save's text, on the disk, before anything else */
	VX_ACME_REQUEST, /* one HTTP request; redirects are not followed */
	VX_ACME_LOOK,    /* what challenges can work for name? */
	/* what of challenges do the CAA records of name allow?  Before each new order of
	 * an authority that says what it is called there. */
	VX_ACME_PERMIT,
	VX_ACME_PROVISION, /* make it answerable, and be sure that it is seen */
	VX_ACME_REMOVE,    /* undo that; it need not be there */
	VX_ACME_INSTALL,   /* serve the pairs: answered when all do */
	VX_ACME_SERVED,    /* do all serve what was installed last? */
	VX_ACME_TLSA,      /* which TLSA records of port 25 has name? */
	VX_ACME_PUBLISH,   /* those of name shall be 3 1 1 of digests, and no more of ours
			    */
	VX_ACME_TELL,      /* an event for the log; needs no answer */
	VX_ACME_WAIT       /* nothing before until, or a command; needs no answer */
};

/* Slices and strings are good until the next call. */
struct vx_acme_step {
	enum vx_acme_step_type type;
	const char *id; /* of the certificate it is about; "": of none */
	enum vx_pki_kind kind;
	/* REQUEST */
	const char *method; /* "GET", "HEAD", "POST" */
	const char *url;
	const char *content_type; /* NULL: no body */
	const char *accept;       /* NULL: anything */
	vx_slice body;
	/* LOOK, PERMIT, PROVISION, REMOVE */
	const char *name; /* without "*." */
	bool wildcard;
	enum vx_acme_challenge challenge;
	const char *account; /* its URL; "": none yet */
	const char
	    *issuers; /* PERMIT: of the authority, as in CAA; blanks between them */
	unsigned challenges; /* PERMIT: bits: those that could be used */
	const char *token;   /* http-01: the last part of the path */
	vx_slice content; /* http-01: the body; dns-01: TXT of "_acme-challenge." name */
	vx_slice chain, key; /* tls-alpn-01: PEM */
	/* INSTALL: P-256 first */
	struct vx_acme_pair {
		enum vx_pki_kind kind;
		vx_slice chain, key; /* PEM */
	} pairs[VX_ACME_PAIRS_MAX];
	size_t pair_count;
	/* PUBLISH */
	const char (*digests)[VX_PKI_DIGEST_OCTETS];
	size_t digest_count;
	/* TELL */
	enum vx_acme_event {
		VX_ACME_INFO,
		VX_ACME_WARN,
		VX_ACME_ALARM
	} event;
	const char *text;
	uint64_t command; /* that it ends; 0: none */
	int result;       /* of that */
	/* WAIT */
	int64_t until; /* INT64_MAX: for ever */
};

/* VX_OK; VX_WAIT: an answer is awaited; VX_ENOMEM, VX_ECRYPTO: call again later. */
VX_API int vx_acme_next(struct vx_acme *a, int64_t now, struct vx_acme_step *out);

struct vx_acme_answer {
	int result;       /* VX_OK, or a failure: there was no answer, it was not done */
	const char *text; /* why; NULL: no words for it */
	/* REQUEST */
	unsigned status;
	vx_slice nonce, location, retry_after, date; /* fields; empty: not there */
	vx_slice links[VX_ACME_LINKS_MAX];
	size_t link_count;
	vx_slice body;
	/* LOOK, PERMIT */
	unsigned challenges; /* bits; 0: none, and text says why */
	/* LOOK: issuers of records for dns-persist-01 (vx_acme_persist), with blanks
	 * between them; NULL: none */
	const char *persists;
	/* TLSA; result is a failure when nobody knows, and when the answer is bogus */
	bool secure;   /* the answer is, whether there are records or not */
	size_t usable; /* how many have usage 2 or 3 (RFC 7672 3.1) */
	uint32_t ttl;  /* of these */
	const char (*digests)[VX_PKI_DIGEST_OCTETS]; /* of those that are 3 1 1 */
	size_t digest_count; /* more than VX_ACME_TLSA_MAX are not looked at */
	/* which of them each server of the zone names that was asked by itself; NULL:
	 * all. Nobody signs what these say, so it can only keep a key waiting. */
	const bool *everywhere;
};
VX_API void vx_acme_answer(
    struct vx_acme *a, int64_t now, const struct vx_acme_answer *answer);

/* The state, appended: a secret.  VX_OK, VX_ELIMIT, VX_ENOMEM, VX_ECRYPTO. */
VX_API int vx_acme_save(const struct vx_acme *a, struct vx_buf *out);

enum vx_acme_command {
	VX_ACME_RENEW,      /* id: now, whatever its age; what stopped it is forgotten */
	VX_ACME_ISSUE,      /* id: now if it is not there or is due */
	VX_ACME_REVOKE,     /* id: what is installed, for a reason (RFC 5280 5.3.1) */
	VX_ACME_ROLL_OVER,  /* id of an authority: another key for the account */
	VX_ACME_DEACTIVATE, /* id of an authority: the account, for ever */
	VX_ACME_ROLL_KEYS   /* id: the next keys; reason: enum vx_acme_haste */
};
enum vx_acme_haste {
	VX_ACME_STAGED, /* when nobody can have missed their records */
	VX_ACME_URGENT, /* the same, with the shortest time that is safe */
	VX_ACME_AT_ONCE /* whatever others remember */
};

/*
 * Put it behind those that wait.  A TELL with number ends it.  An id of a certificate is
 * for all of its kinds.  VX_OK; VX_ENOENT: no such id; VX_ELIMIT: too many wait.
 */
VX_API int vx_acme_do(struct vx_acme *a, enum vx_acme_command command, const char *id,
    unsigned reason, uint64_t number);

/*
 * Revoke any certificate by its own key, without an account (RFC 8555 7.6), behind what
 * waits; chain and key are PEM.  authority: an id; NULL: who issued it, if it is one of
 * ours, else the first.  One that is installed is ordered anew.  VX_OK; VX_ENOENT: no
 * such authority; VX_ELIMIT: too much waits; VX_EINVAL: they are no pair, or a kind of
 * key that is not known, with err.
 */
VX_API int vx_acme_revoke(struct vx_acme *a, vx_slice chain_pem, vx_slice key_pem,
    const char *authority, unsigned reason, uint64_t number, struct vx_error *err);

/* What there is about a certificate. */
struct vx_acme_status {
	const char *id, *names; /* of what is wanted, separated by blanks */
	enum vx_pki_kind kind;
	bool there;
	int64_t not_before, not_after;
	int64_t due;         /* when it will be renewed */
	int64_t next;        /* when something is done about it at the earliest */
	unsigned failures;   /* since the last success */
	const char *problem; /* the last one; "": none */
	bool stopped;        /* nothing is tried before a person acts */
	bool running;
	const char *authority; /* that it is asked from next */
	const char *account;   /* URL there; "": none */
	const char *persists;  /* how it is called in records for dns-persist-01; "": it
				  did not offer that */
	bool has_window;       /* the authority named one */
	int64_t window_start, window_end;
	char digest[VX_PKI_DIGEST_OCTETS]; /* of its key, for TLSA 3 1 1 */
	bool has_key;
	/* the next key */
	char next_digest[VX_PKI_DIGEST_OCTETS];
	bool has_next;
	int64_t next_seen;  /* since when in the TLSA records; 0: it is not */
	int64_t next_ready; /* when it may be served; INT64_MAX: not known */
	bool rolling;       /* it is wanted */
	int64_t key_since;  /* when the key was made or taken into use */
	size_t old_count;   /* keys whose records are still wanted */
	bool waits;         /* there is a certificate that is not yet served */
	/* TLSA records of its names */
	bool dane, dane_secure; /* there are some that count; the zone is signed */
	int64_t dane_looked;    /* when that was seen; 0: not yet */
	int64_t dane_ttl;
};
/* Number index; VX_ENOENT: no more.  Strings are good until the next call of others. */
VX_API int vx_acme_status(
    const struct vx_acme *a, int64_t now, size_t index, struct vx_acme_status *out);
/*
 * The digests that TLSA records of the certificate's names have to have: keys in use,
 * next ones, old ones.  How many, at most VX_ACME_TLSA_MAX; 0: none is served yet.
 */
VX_API size_t vx_acme_tlsa(const struct vx_acme *a, const char *id,
    char out[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS]);

/*
 * Does a TXT record of "_validation-persist." name prove it for an account at an issuer
 * (draft-ietf-acme-dns-persist)?  issuer: borrowed from text, when it is true.
 */
VX_API bool vx_acme_persist(
    vx_slice text, const char *account, bool wildcard, int64_t now, vx_slice *issuer);

/* An authority as it is configured, and what it has said of itself. */
struct vx_acme_issuer {
	const char *id, *directory;
	const char *account; /* URL; "": none yet */
	/* Its names in CAA records (RFC 8555 7.1.1), separated by blanks; "": not known.
	 */
	const char *caa;
	const char *persists; /* its name in records for dns-persist-01; "": none */
};
/* Number index, the preferred first; VX_ENOENT: no more.  As of vx_acme_status. */
VX_API int vx_acme_issuer(
    const struct vx_acme *a, size_t index, struct vx_acme_issuer *out);

VX_END_DECLS

#endif
