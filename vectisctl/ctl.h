/* ctl.h - vectisctl: tables of commands, and what they share. */
#ifndef VECTISCTL_CTL_H
#define VECTISCTL_CTL_H

#include "vectis/config.h"
#include "vectis/directory.h"
#include "vectis/store.h"

#include <jansson.h>
#include <limits.h>
#include <sys/types.h>

enum {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2
};
#define CTL_ARGS_MAX 32
#define CTL_ERROR_MAX 1024 /* octets of one message on standard error */
#define CTL_MB_MAX 1000000000

struct ctl {
	const char *config_path;
	bool json;
	bool quiet;                     /* nothing is said, for now */
	struct vx_config *config;       /* when the command wants it */
	struct vx_store *store;         /* when the command wants it */
	const char *args[CTL_ARGS_MAX]; /* positional */
	size_t arg_count;
	struct {
		const char *name, *value; /* "--quota", "10" or "" */
	} options[CTL_ARGS_MAX];
	size_t option_count;
	json_t *result; /* own: what --json prints */
};

enum {
	NEEDS_CONFIG = 1 << 0,
	NEEDS_STORE = 1 << 1,
	NEEDS_STORE_READ = 1 << 2, /* nothing is changed */
	TAKES_NAME = 1 << 3        /* --name or --email for the first argument */
};

struct ctl_command {
	const char *group, *verb; /* verb NULL: the group alone */
	int (*run)(struct ctl *c);
	unsigned needs;
	size_t args_min, args_max; /* positional ones */
	const char *usage, *help;
};

/* Each ends with a group of NULL. */
extern const struct ctl_command ctl_setup_commands[], ctl_domain_commands[],
    ctl_list_commands[], ctl_mailbox_commands[], ctl_metadata_commands[],
    ctl_alias_commands[], ctl_config_commands[], ctl_cert_commands[],
    ctl_search_commands[], ctl_queue_commands[], ctl_reports_commands[],
    ctl_block_commands[], ctl_why_commands[], ctl_dkim_commands[], ctl_store_commands[],
    ctl_status_commands[];

/* certificates from an authority */
extern const struct ctl_command ctl_acme_commands[], ctl_tls_commands[];

/* mail that leaves */
extern const struct ctl_command ctl_relay_commands[], ctl_test_commands[],
    ctl_bounce_commands[];
/* the DNS of domains */
extern const struct ctl_command ctl_dns_commands[], ctl_move_commands[],
    ctl_check_commands[], ctl_preflight_commands[], ctl_verify_commands[],
    ctl_host_commands[], ctl_checklist_commands[];
/* for who is asked for help */
extern const struct ctl_command ctl_support_commands[];

/* --- words ---------------------------------------------------------------------------
 */

/* Sort argv into args and options; CTL_OK or CTL_USAGE, reported. */
int ctl_parse(struct ctl *c, int argc, char **argv);
/* An option's value; NULL: not given. */
const char *ctl_option(const struct ctl *c, const char *name);
bool ctl_flag(const struct ctl *c, const char *name);
/* Of best (which may be NULL) and candidate, what word is likely a slip of; or NULL. */
const char *ctl_nearer(const char *word, const char *best, const char *candidate);
/* A yes or no for bit of *flags; inverse: "on" clears it. */
int ctl_switch(
    struct ctl *c, const char *option, unsigned bit, bool inverse, unsigned *flags);
/* --send-limit, if it is given: a number, "standard" or "none". */
int ctl_send_limit(struct ctl *c, uint32_t *limit);
/* Set it, of an account or (0) of a domain. */
int ctl_set_send_limit(struct ctl *c, uint32_t account, vx_slice domain, uint32_t limit);
/* What was sent in the last hour, the limit, and since when and why sending is suspended.
 */
struct vx_sending;
void ctl_sending(struct ctl *c, json_t *item, const struct vx_sending *s);
/* --quota in octets, if it is given. */
int ctl_quota(struct ctl *c, uint64_t *octets);
/* Words that are separated by commas, from args[first] on or from text alone. */
int ctl_targets(struct ctl *c, const char *text, size_t first,
    vx_slice out[VX_ALIAS_TARGETS_MAX], size_t *count);

/* --- saying --------------------------------------------------------------------------
 */

/* "vectisctl: ..." on standard error, and in the result: returns status. */
int ctl_fail(struct ctl *c, int status, const char *fmt, ...) VX_PRINTF(3, 4);
/* A warning: on standard error, and in the list "warnings" of the result. */
void ctl_warn(struct ctl *c, const char *fmt, ...) VX_PRINTF(2, 3);
/* A line on standard output, not with --json. */
void ctl_say(const struct ctl *c, const char *fmt, ...) VX_PRINTF(2, 3);
/* A copy of a slice as a JSON string. */
json_t *ctl_text(vx_slice s);
/* The result of an op on name; what is "mailbox added" and the like. */
int ctl_done(struct ctl *c, int rc, const char *what, const char *name);
/* Run an op and report it. */
int ctl_submit(struct ctl *c, struct vx_directory_op *op, const char *what);

/* --- the installation ----------------------------------------------------------------
 */

/* What NEEDS_CONFIG and NEEDS_STORE do; errors are reported. */
int ctl_load_config(struct ctl *c);
int ctl_open_store(struct ctl *c, bool read_only);
/* There is a store: CTL_OK and whose it is. */
int ctl_find_store(struct ctl *c, uid_t *owner);
/* There is a store and it is ours: CTL_OK.  Root is its user from now on. */
int ctl_check_store(struct ctl *c);
/* setup: the same, but a store is made if there is none. */
int ctl_make_store(struct ctl *c);
/* Root becomes the user that the store's files belong to, for good. */
int ctl_become_user(struct ctl *c);
/*
 * Make dir, if it is not there, for the user of the store; go into it, whoever may enter
 * those above it, and become that user: it is "." from now on.
 */
int ctl_output_dir(struct ctl *c, const char *dir, bool must_be_new);
int ctl_read_file(struct ctl *c, const char *path, struct vx_buf *out);
/* Replace a file as one step; its mode and owner stay, else it gets mode. */
int ctl_write_file(struct ctl *c, const char *path, mode_t mode, vx_slice text);
/* The same without a word: VX_OK, VX_EINVAL or VX_EIO, and why. */
int ctl_replace_file(const char *path, mode_t mode, vx_slice text, struct vx_error *err);
/* A directory and those above it. */
int ctl_make_dir(struct ctl *c, const char *path, mode_t mode);
void ctl_state_path(const struct ctl *c, const char *name, char path[PATH_MAX]);

/* --- shared between commands ---------------------------------------------------------
 */

/* --generate, --password-fd or two questions; a credential of it.  See also below. */
int ctl_make_credential(struct ctl *c, struct vx_buf *credential, struct vx_buf *made);
/* A password of somebody else's server, as it is: --password-fd, --password-file, or
 * asked. */
int ctl_read_password(struct ctl *c, const char *question, struct vx_buf *out);
/* Show what --generate made, once the change is done. */
void ctl_show_password(struct ctl *c, struct vx_buf *made);
/* A question on the terminal; an empty answer is standard. */
int ctl_ask(
    struct ctl *c, const char *question, const char *standard, char *out, size_t size);

/* Call next with each record until it says VX_ENOENT; after is the last one's name. */
typedef int ctl_next_fn(
    struct ctl *c, struct vx_view *v, json_t *list, char after[VX_ADDRESS_MAX + 1]);
int ctl_list(struct ctl *c, const char *key, ctl_next_fn *next);
void ctl_keep(char after[VX_ADDRESS_MAX + 1], vx_slice name);
/* The account, with slices that must not be used: VX_OK, VX_ENOENT, VX_EINVAL. */
int ctl_find_account(struct ctl *c, vx_slice login, struct vx_account *out);
/* There is such a domain: CTL_OK. */
int ctl_find_domain(struct ctl *c, const char *name);
/* The TXT record of a key, without quotes, appended. */
int ctl_dkim_record(vx_slice pem, struct vx_buf *out);
#define CTL_DKIM_KEEP_DAYS 7 /* that a record is wanted after its key signed last */
/* Its keys and their records. */
int ctl_dkim_list(struct ctl *c, const char *domain);
/* Is the domain of an address hosted here?  CTL_OK, or what is wrong is reported. */
int ctl_find_own_domain(struct ctl *c, vx_slice address);
/* Is each target a mailbox, or an address elsewhere (if that is allowed)? */
int ctl_check_targets(
    struct ctl *c, const vx_slice *targets, size_t count, bool elsewhere);
/* Write all mail of an account below dir, which is there. */
int ctl_export(
    struct ctl *c, uint32_t account, const char *dir, bool mbox, uint64_t *messages);
/* Check a pair as the operator has it, and install it for the daemons. */
int ctl_import_cert(struct ctl *c, const char *chain_path, const char *key_path);
/* What "config set" and "config apply" do, as root; the second becomes the store's user.
 */
int ctl_config_set(struct ctl *c, const char *key, const char *value);
int ctl_config_apply(struct ctl *c);
/* "cert issue", of the certificate of hostname and tls.names. */
int ctl_cert_issue(struct ctl *c);
/* cert status: what acmed will do. */
void ctl_acme_status(struct ctl *c);
/*
 * Do clients believe the certificate of a listener with TLS from the first octet?  Else
 * why not.  What cannot be tried, or does not answer, is believed.
 */
bool ctl_tls_believed(struct ctl *c, const struct vx_listen *l, char why[300]);
/* What such a listener shows for the name of this server; false: nothing. */
struct vx_tls_cert_info;
bool ctl_tls_look(struct ctl *c, const struct vx_listen *l, struct vx_tls_cert_info *out);
/* A line of /proc/meminfo in octets; 0: there is none. */
uint64_t ctl_memory(const char *key);
/* Names of the daemons that run and of those that should, and what they have of memory.
 */
void ctl_daemons(
    struct ctl *c, char running[64], char stopped[64], uint64_t *memory_octets);
/*
 * Of the daemons that run, those that were started before a time (milliseconds since
 * 1970) and those that were not: bits of CTL_DAEMON_*.
 */
enum {
	CTL_DAEMON_SMTPD = 1,
	CTL_DAEMON_IMAPD = 2,
	CTL_DAEMON_POP3D = 4,
	CTL_DAEMON_ACMED = 8
};
void ctl_daemon_ages(struct ctl *c, int64_t ms, unsigned *older, unsigned *newer);
/*
 * Keys that a daemon would have to be restarted for, since they are not as they were
 * applied last; false: that cannot be told.
 */
bool ctl_config_drift(struct ctl *c, struct vx_buf *out);
#define CTL_APPLY_LOCK "apply.lock" /* in the state directory: one apply at a time */
/* What this host lacks: preflight's checks that ask nobody, in the result, too. */
void ctl_preflight_tell(struct ctl *c);
/* What a server has that has no configuration yet, as the configuration of c. */
int ctl_default_config(struct ctl *c);
/* Which records and ports this server needs, in the result, too, as "host". */
void ctl_host_tell(struct ctl *c);
/* Without a configuration: the name that an address of this host has; false: none. */
bool ctl_host_name(struct ctl *c, char *out, size_t size);
/* What store stat prints. */
int ctl_store_stat(struct ctl *c);

/* A worker of a daemon that runs: what it published (runtime/worker.c). */
struct ctl_worker {
	char daemon[16];
	int pid, parent;
	char serial[128];
};
#define CTL_WORKERS_MAX 320
size_t ctl_workers(struct ctl *c, struct ctl_worker out[CTL_WORKERS_MAX]);
/* The result of a check of an event, and its detail; empty: it has none of that name. */
struct vx_event;
vx_slice ctl_event_check(const struct vx_event *e, const char *name, vx_slice *detail);

/* Each line of a file that the workers publish, DAEMON.PIDend. */
void ctl_worker_lines(
    struct ctl *c, const char *end, void (*take)(void *ctx, const char *line), void *ctx);

/*
 * Logins that failed, as the workers that run saw it, those that are wanted: each name
 * and reason once, who came last first.
 */
#define CTL_REFUSED_MAX 500
struct vx_auth_refused;
size_t ctl_refused(struct ctl *c,
    bool (*wanted)(const struct vx_auth_refused *r, const void *ctx), const void *ctx,
    struct vx_auth_refused *out);
/* Of the same: when each of logins was right last (0: not known), and the mailboxes that
 * an alias of that name leads to, with blanks between them ("": it is none). */
struct ctl_refused_more {
	int64_t right;
	char owner[VX_ADDRESS_MAX + 1];
	bool mailbox;   /* there is one of this name */
	unsigned flags; /* its */
	bool closed;    /* its domain is inactive */
};
void ctl_refused_look(struct ctl *c, const struct vx_auth_refused *list, size_t count,
    struct ctl_refused_more *out);
/* "there is no such mailbox": what an administrator is told. */
const char *ctl_refused_words(unsigned reason);

/*
 * Whose TLS is too old, as the workers that run saw it, who came last first: up to
 * CTL_OLD_CLIENTS_MAX networks.
 */
#define CTL_OLD_CLIENTS_MAX 256
struct vx_diag_client;
size_t ctl_old_clients(struct ctl *c, struct vx_diag_client *out);

#endif
