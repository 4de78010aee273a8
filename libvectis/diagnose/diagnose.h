/* diagnose.h - a diagnosis between its files. */
#ifndef VX_DIAGNOSE_DIAGNOSE_H
#define VX_DIAGNOSE_DIAGNOSE_H

#include "vectis/diagnose.h"
#include "vectis/dmarc.h"
#include "vectis/spf.h"

#define VX_DIAG_CHECKS_MAX 128
#define VX_DIAG_SPF_TYPE ((enum vx_dns_type)99) /* obsolete (RFC 7208 3.1) */

struct vx_diag {
	struct vx_diag_facts f;
	struct {
		struct vx_dns_question question;
		struct vx_dns_answer *answer; /* own */
	} known[VX_DIAG_QUESTIONS_MAX];
	size_t known_count;
	struct vx_diag_said {
		enum vx_diag_witness kind;
		char who[VX_DIAG_WHO_MAX + 1];
		struct vx_dns_question question;
		struct vx_dns_answer *answer; /* own; NULL: silent */
	} said[VX_DIAG_WITNESSES_MAX];
	size_t said_count;
	/* while it is asked what is missing */
	struct vx_dns_question *missing;
	size_t missing_count, missing_max;
	struct vx_diag_finding findings[VX_DIAG_CHECKS_MAX];
	size_t finding_count;
};

/* The answer; NULL: there is none, and it is asked for if that is going on. */
const struct vx_dns_answer *vx_diag_look(
    struct vx_diag *d, enum vx_dns_type type, const char *prefix, const char *name);
/* The same of an address in reverse. */
const struct vx_dns_answer *vx_diag_look_ptr(struct vx_diag *d, const char *address);
/* The owner of the name has spoken. */
bool vx_diag_spoken(const struct vx_dns_answer *a);

/* MX hosts of the domain, the best first. */
struct vx_diag_mx {
	struct vx_dns_mx hosts[VX_DIAG_HOSTS_MAX];
	size_t count;
	bool known; /* the DNS has answered, perhaps that there are none */
};
void vx_diag_read_mx(struct vx_diag *d, struct vx_diag_mx *out);
bool vx_diag_is_routing(const char *host); /* of Email Routing */
/* Is it of Email Routing, when that is not declared? */
bool vx_diag_is_usurped(struct vx_diag *d);
/* Does the name of the server lead to a proxy? */
bool vx_diag_is_proxied(struct vx_diag *d);
bool vx_diag_is_ours(const struct vx_diag *d, const char *address);

/* The SPF records of the domain: how many, and the first, appended to out. */
size_t vx_diag_read_spf(struct vx_diag *d, struct vx_buf *out, bool *known);
/* SPF for an address; false: it cannot be told (yet). */
bool vx_diag_eval_spf(struct vx_diag *d, const char *address, enum vx_verdict *verdict,
    unsigned *lookups, char *reason, size_t reason_size);

void vx_diag_seen(struct vx_diag_finding *f, const char *fmt, ...) VX_PRINTF(2, 3);
void vx_diag_fix(struct vx_diag_finding *f, const char *fmt, ...) VX_PRINTF(2, 3);
/* Another check names it already. */
enum vx_diag_verdict vx_diag_see(struct vx_diag_finding *f, const char *name);
/* The DNS did not answer. */
enum vx_diag_verdict vx_diag_silent(struct vx_diag_finding *f);

/* check_acme.c */
enum vx_diag_verdict vx_diag_check_asked(struct vx_diag *d, struct vx_diag_finding *f);
enum vx_diag_verdict vx_diag_check_answered(struct vx_diag *d, struct vx_diag_finding *f);

/* check_move.c: is it the server's name, or its other one while it is moved? */
bool vx_diag_is_host(const struct vx_diag *d, const char *name);
bool vx_diag_leads_here(const struct vx_diag *d, const struct vx_dns_answer *mx);
/* check_acme.c */
enum vx_diag_verdict vx_diag_check_admin_host(
    struct vx_diag *d, struct vx_diag_finding *f);
/* check_persist.c */
enum vx_diag_verdict vx_diag_check_persist(struct vx_diag *d, struct vx_diag_finding *f);
/* Does a record prove the name for good, or all names that certificates are asked for? */
bool vx_diag_is_proven(struct vx_diag *d, const char *name);
bool vx_diag_all_proven(struct vx_diag *d);

typedef enum vx_diag_verdict vx_diag_check(struct vx_diag *d, struct vx_diag_finding *f);
struct vx_diag_row {
	const char *id, *name, *title;
	vx_diag_check *check;
	const char *why, *wait;
};
/* Each ends with an id of NULL. */
extern const struct vx_diag_row vx_diag_cloudflare_rows[], vx_diag_backup_rows[],
    vx_diag_dns_rows[], vx_diag_sender_rows[], vx_diag_policy_rows[],
    vx_diag_witness_rows[], vx_diag_tls_rows[], vx_diag_web_rows[], vx_diag_move_rows[],
    vx_diag_server_rows[], vx_diag_process_rows[], vx_diag_state_rows[],
    vx_diag_flow_rows[], vx_diag_preflight_rows[];
/* Checks that are in two tables. */
vx_diag_check vx_diag_check_host, vx_diag_check_out25;
/* Is host one of names, separated by blanks, or matched by a wildcard of theirs? */
bool vx_diag_covers(const char *names, const char *host);

#endif
