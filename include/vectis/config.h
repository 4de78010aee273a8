/*
 * config.h - config.yaml: one table of keys, errors with their place.
 *
 * A configuration is immutable and counted.  Text is NUL-terminated and lives as long
 * as the configuration.
 */
#ifndef VECTIS_CONFIG_H
#define VECTIS_CONFIG_H

#include "vectis/buf.h"
#include "vectis/err.h"
#include "vectis/log.h"

VX_BEGIN_DECLS

#define VX_CONFIG_OCTETS_MAX ((size_t)1 << 20)
#define VX_CONFIG_DEPTH_MAX 8
#define VX_CONFIG_ERRORS_MAX 20
#define VX_CONFIG_LIST_MAX 16     /* items of a list */
#define VX_CONFIG_VALUES_MAX 1000 /* keys, groups and items of lists in a file */

enum vx_tls_minimum {
	VX_TLS_MINIMUM_1_0,
	VX_TLS_MINIMUM_1_1,
	VX_TLS_MINIMUM_1_2,
	VX_TLS_MINIMUM_1_3
};
enum vx_tls_provider {
	VX_TLS_LETSENCRYPT,
	VX_TLS_CUSTOM,
	VX_TLS_SELF_SIGNED
};

enum vx_tls_keys {
	VX_TLS_KEYS_BOTH,
	VX_TLS_KEYS_ECDSA,
	VX_TLS_KEYS_RSA
};

enum vx_tls_dane_by {
	VX_TLS_DANE_MANUAL,
	VX_TLS_DANE_CLOUDFLARE
};

enum vx_dns_challenge {
	VX_DNS_CHALLENGE_NONE,
	VX_DNS_CHALLENGE_CLOUDFLARE
};

/* Where a service listens: address (numeric) and port. */
struct vx_listen {
	char address[48];
	uint16_t port;
};
struct vx_listen_list {
	struct vx_listen items[VX_CONFIG_LIST_MAX];
	size_t count;
};

struct vx_text_list {
	const char *items[VX_CONFIG_LIST_MAX];
	size_t count;
};

struct vx_config {
	const char *hostname;
	const char *state_dir, *run_dir;
	const char *user;   /* empty: stay who we are */
	uint64_t workers;   /* 0: the cores, at most 4 */
	uint64_t log_level; /* enum vx_log_level */

	uint64_t tls_provider; /* enum vx_tls_provider */
	uint64_t tls_minimum;  /* enum vx_tls_minimum */
	const char *tls_cert_path, *tls_key_path;
	const char *tls_authorities; /* a file; "": the system's */

	const char *tls_email;                /* "": nothing is ordered */
	struct vx_text_list tls_names;        /* beside hostname */
	struct vx_text_list tls_certificates; /* "ID NAME NAME ..." */
	uint64_t tls_key_type;                /* enum vx_tls_keys */
	uint64_t tls_key_days;                /* 0: for ever */
	uint64_t tls_dane;                    /* enum vx_tls_dane_by */
	uint64_t tls_dns_challenge;           /* enum vx_dns_challenge */
	struct vx_text_list acme_directories;
	const char *acme_profile, *acme_chain;
	struct vx_listen_list http_listen, acme_alpn_listen;
	uint64_t http_public_port, acme_alpn_port; /* where authorities come to */
	uint64_t acme_preflight;                   /* 0 or 1 */

	struct vx_listen_list smtp_listen, submission_listen, submissions_listen,
	    imaps_listen, pop3s_listen;

	struct vx_text_list dns_upstream;  /* "address[@port]"; none: ask the roots */
	struct vx_text_list dns_zones;     /* "zone address[@port]" */
	const char *dns_trust_anchor;      /* a file */
	struct vx_text_list dns_addresses; /* of this server, as the world sees it */
	const char *dns_admin_host; /* for browsers, and proxied; "": there is none */
	/* of domain check: "address[@port]" */
	struct vx_text_list check_resolvers, check_system_resolvers;
	uint64_t check_https_port;
	const char *cloudflare_api;

	const char *smtp_banner;
	uint64_t message_octets_max; /* smtp.message_size_limit */
	uint64_t smtp_recipients_max;
	uint64_t smtp_received_max;          /* hops before a loop is assumed */
	const char *subaddress_delimiter;    /* one character, or empty */
	struct vx_text_list smtp_trusted;    /* as of network.h */
	struct vx_text_list smtp_blocklists; /* as of dnsbl.h */
	uint64_t smtp_refuse_score;
	uint64_t smtp_connections_minute, smtp_messages_minute, smtp_recipients_minute;
	uint64_t smtp_greylist, smtp_greylist_s;

	uint64_t mailauth_verify;   /* 0 or 1 */
	uint64_t mailauth_dmarc;    /* enum vx_dmarc_mode */
	uint64_t mailauth_spf_fail; /* 0: it weighs, 1: it is enough */

	uint64_t sending_sts_port, sending_sts_s;
	uint64_t sending_port, sending_connections, sending_connections_each,
	    sending_messages_each;
	uint64_t sending_hold_days;
	uint64_t sending_octets_max; /* of a message of a user; 0: as of all */
	uint64_t sending_mailbox_hour, sending_domain_hour; /* recipients; 0: any */
	uint64_t sending_retry_s, sending_retry_max_s, sending_warn_hours,
	    sending_expire_hours;

	uint64_t reports_dmarc, reports_tls, reports_receive; /* 0 or 1 */
	const char *reports_organization, *reports_email;     /* or empty */
	const char *reports_dmarc_address, *reports_tls_address;

	uint64_t connections_max, connections_per_address;
	uint64_t imap_idle_s, pop3_idle_s, smtp_idle_s, smtp_rate_min, login_s;

	uint64_t imap_sharing, imap_all_mail; /* 0 or 1 */
	uint64_t pop3_default_enabled;
	uint64_t quota_default_mb;

	uint64_t auth_hash_cost, auth_scram_iterations, auth_cache_s;

	uint64_t store_grace_days, store_volume_mb, store_ballast_mb;
	uint64_t search_index; /* 0 or 1 */
};

struct vx_config_errors {
	struct vx_error items[VX_CONFIG_ERRORS_MAX];
	size_t count; /* of items */
	size_t
	    warnings; /* that many of them are no errors: all, when the call is VX_OK */
};

/*
 * Read a file.  VX_OK (perhaps with warnings); VX_ESYNTAX, VX_EINVAL and what reading a
 * file gives: errors has the texts.
 */
VX_API int vx_config_load(
    const char *path, struct vx_config **out, struct vx_config_errors *errors);
/* The same of text that was read from file, or made for it. */
VX_API int vx_config_parse(vx_slice text, const char *file, struct vx_config **out,
    struct vx_config_errors *errors);
VX_API void vx_config_free(struct vx_config *c);

/* "file:line:column: text" of an error, appended. */
VX_API void vx_config_error_write(const struct vx_error *e, struct vx_buf *out);

/* --- secrets.yaml --------------------------------------------------------------------
 */

#define VX_SECRET_MAX 1024 /* octets of one */
#define VX_SECRET_ACCOUNTS_MAX 4

/* What nobody else may know (features SE-04).  Strings are never NULL; "": not given. */
struct vx_secrets {
	const char *cloudflare_api_token;
	/* of an external account (RFC 8555 7.3.4); the key in base64url */
	const char *acme_eab_kid, *acme_eab_key;
	/* the same, of one authority by its name (its host, or "letsencrypt") */
	struct vx_secret_account {
		const char *authority, *kid, *key;
	} acme_eab[VX_SECRET_ACCOUNTS_MAX];
	size_t acme_eab_count;
};
/*
 * Read a file that only its owner can.  VX_OK; VX_ENOENT: there is none; VX_EPERM: others
 * may read or write it; VX_ESYNTAX, VX_EINVAL (a key that is not known, or a value that
 * is no line of text); with err, which never has a secret in it.
 */
VX_API int vx_secrets_load(
    const char *path, struct vx_secrets **out, struct vx_error *err);
/* Wipes them. */
VX_API void vx_secrets_free(struct vx_secrets *s);

/* --- the table, for tools
 * --------------------------------------------------------------- */

struct vx_config_key {
	const char *path; /* "tls.provider" */
	const char
	    *type; /* "text", "number", "yes/no", "list of address:port", or words */
	const char *standard; /* default, as it would be written */
	const char *help;
	const char *daemons; /* who has to be restarted when it changes */
};
/* Key number index; NULL: no more. */
VX_API const struct vx_config_key *vx_config_key_at(size_t index);
/* The value of a key in c, as it would be written.  VX_ENOENT: no such key. */
VX_API int vx_config_get(const struct vx_config *c, vx_slice path, struct vx_buf *out);
/*
 * text with the key's value replaced, or added at its place; all else stays, comments
 * too.  value is what the key shall be, not YAML; for a list it may be a YAML list.
 * VX_EINVAL: no such key, or a value that it cannot have; VX_ESYNTAX: text is wrong;
 * VX_EUNSUP: the value is a list and the new one is not, or it is written in a way that
 * cannot be changed; with err.
 */
VX_API int vx_config_set(vx_slice text, const char *file, vx_slice path, vx_slice value,
    struct vx_buf *out, struct vx_error *err);

VX_END_DECLS

#endif
