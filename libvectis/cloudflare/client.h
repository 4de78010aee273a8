/* client.h - the client between its files. */
#ifndef VX_CLOUDFLARE_CLIENT_H
#define VX_CLOUDFLARE_CLIENT_H

#include "vectis/cloudflare.h"

#include <jansson.h>

#define VX_CF_CODES_MAX 16 /* errors of an answer, with their chains */

enum vx_cf_step {
	VX_CF_STEP_NONE,
	VX_CF_STEP_VERIFY,
	VX_CF_STEP_VERIFY_ACCOUNT,
	VX_CF_STEP_ZONE,
	VX_CF_STEP_MAY_WRITE,
	VX_CF_STEP_LIST,
	VX_CF_STEP_EXPORT,
	VX_CF_STEP_TXT_ADD,
	VX_CF_STEP_TXT_LIST,
	VX_CF_STEP_TXT_REMOVE,
	VX_CF_STEP_BATCH,
	VX_CF_STEP_ROUTING,
	VX_CF_STEP_DNSSEC,
	VX_CF_STEP_SETTINGS,
	/* backup.c */
	VX_CF_STEP_BACKUP_ROUTING,
	VX_CF_STEP_BACKUP_RULE,
	VX_CF_STEP_BACKUP_ADDRESSES,
	VX_CF_STEP_BACKUP_ADDRESS_ADD,
	VX_CF_STEP_BACKUP_RULE_SET,
	VX_CF_STEP_BACKUP_RULE_END,
	VX_CF_STEP_BACKUP_ENABLE,
	VX_CF_STEP_BACKUP_UNLOCK,
	VX_CF_STEP_BACKUP_DISABLE,
	VX_CF_STEPS
};

enum vx_cf_task {
	VX_CF_TASK_CHECK,
	VX_CF_TASK_LOAD,
	VX_CF_TASK_EXPORT,
	VX_CF_TASK_TXT_SET,
	VX_CF_TASK_TXT_REMOVE,
	VX_CF_TASK_APPLY,
	VX_CF_TASK_STATE,
	VX_CF_TASK_ASK_BACKUP,
	VX_CF_TASK_BACKUP
};

/* What an answer says is wrong. */
struct vx_cf_error {
	enum vx_cf_outcome outcome;
	int codes[VX_CF_CODES_MAX];
	size_t count;
	char text[VX_CF_TEXT_MAX + 1];
};

struct vx_cf {
	char authorization[VX_CF_TOKEN_MAX + 16]; /* a secret */
	char *base;                               /* own */
	unsigned per_page, batch_max;

	enum vx_cf_task task;
	enum vx_cf_step step;
	char name[VX_DNS_NAME_MAX + 1]; /* that the task is about */
	struct vx_cf_result result;

	/* the request of the step */
	bool ready; /* it is made up, and not answered */
	const char *method;
	struct vx_buf url, body;
	unsigned tries;
	uint64_t not_before;
	uint64_t spent; /* the time at which all that was asked for is paid for */

	/* finding the zone */
	struct vx_cf_zone zone;
	bool has_zone, remembered; /* it was not asked for this time */
	vx_slice candidate;        /* of name */
	struct vx_cf_zone kept[VX_CF_ZONES_REMEMBERED];
	size_t kept_count, kept_next;

	/* checking the token */
	bool verified;
	int64_t token_end;

	/* lists */
	struct vx_zone records;
	unsigned page;
	struct vx_buf exported;

	/* a challenge */
	struct vx_buf value;
	char ids[VX_CF_CHALLENGES_MAX][33];
	size_t id_count;

	/* applying */
	const struct vx_zone_plan *plan;
	unsigned flags, turns;
	struct vx_zone_diff *diff; /* own, or NULL */
	bool *sent;                /* own: of the diff's changes */
	bool sending[VX_ZONE_CHANGES_MAX];
	struct vx_cf_done done;

	struct vx_cf_state state;

	/* Email Routing */
	struct vx_cf_backup backup;
	char address[VX_CF_ADDRESS_MAX + 1]; /* "": none */
	bool take;
	enum vx_cf_todo todo[VX_CF_TODO_MAX];
	size_t todo_count, todo_at;
};

/* The task is over. */
void vx_cf_finish(struct vx_cf *cf, enum vx_cf_outcome outcome, const char *text);
/* Another request comes next. */
void vx_cf_go(struct vx_cf *cf, enum vx_cf_step step);

/* Make up the request of the step: method, url, body.  VX_OK, VX_ENOMEM, VX_ELIMIT. */
int vx_cf_step_prepare(struct vx_cf *cf);
/* The step is done: what the answer says, and what comes next.  root may be NULL
 * (export).
 */
void vx_cf_step_take(struct vx_cf *cf, const json_t *root, vx_slice body);
/* The answer is an error: true when the step makes something else of it. */
bool vx_cf_step_forgive(struct vx_cf *cf, const struct vx_cf_error *e);
/* The permission that the step needs, in words. */
const char *vx_cf_step_permission(enum vx_cf_step step);
/* The first step of a task, once its zone is known. */
void vx_cf_task_go(struct vx_cf *cf);

/* The same for the steps of backup.c; go is its first one. */
void vx_cf_backup_go(struct vx_cf *cf);
int vx_cf_backup_prepare(struct vx_cf *cf);
void vx_cf_backup_take(struct vx_cf *cf, const json_t *root);
bool vx_cf_backup_forgive(struct vx_cf *cf, const struct vx_cf_error *e);
const char *vx_cf_backup_permission(enum vx_cf_step step);
bool vx_cf_address_ok(const char *address);
/* The body of the request that is made up; json is taken over. */
int vx_cf_set_body(struct vx_cf *cf, const char *method, json_t *json);

/* Read what is wrong from an answer with "success": false. */
void vx_cf_error_read(
    const struct vx_cf *cf, int status, const json_t *root, struct vx_cf_error *out);
bool vx_cf_error_has(const struct vx_cf_error *e, int code);
/* Does its text have the words? */
bool vx_cf_error_says(const struct vx_cf_error *e, const char *words);
/* Add text that a stranger wrote: printable ASCII, cut. */
void vx_cf_add_text(char *out, size_t size, const char *text);

/* A record's object for a request: new, or what is to be changed.  NULL: no memory. */
json_t *vx_cf_record_write(const struct vx_zone_record *r, bool with_comment);
/* A record of an answer.  VX_OK; VX_ESYNTAX: it is none; VX_ELIMIT. */
int vx_cf_record_read(struct vx_zone *z, const json_t *item);
/* The text of a member, "" when it is none. */
const char *vx_cf_text(const json_t *object, const char *key);
/* A member as a number from 0 to max, else other. */
uint64_t vx_cf_number(
    const json_t *object, const char *key, uint64_t max, uint64_t other);

#endif
