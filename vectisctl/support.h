/* support.h - a support bundle while it is made (DX-OP-27). */
#ifndef VECTISCTL_SUPPORT_H
#define VECTISCTL_SUPPORT_H

#include "vectisctl/ctl.h"

#include "vectis/redact.h"

#define SUPPORT_PART_MAX ((size_t)4 << 20) /* octets of a part; the rest is cut */
#define SUPPORT_PARTS_MAX 40
#define SUPPORT_MAX ((size_t)64 << 20) /* of all */
#define SUPPORT_DOMAINS 5
#define SUPPORT_LOG_LINES "500"
#define SUPPORT_MS 15000 /* that a command may take */
#define SUPPORT_SECRETS_MAX 200

struct support_part {
	char name[64], problem[400]; /* problem: "" */
	struct vx_buf text;          /* own */
};

struct support {
	struct ctl *c;
	struct support_part parts[SUPPORT_PARTS_MAX];
	size_t count;
	struct vx_redact redact;
	struct vx_buf secrets; /* own: what is never shown, one behind another */
	vx_slice list[SUPPORT_SECRETS_MAX];
	size_t secret_count;
};

/* A part that is empty for now; NULL: there are too many. */
struct support_part *support_begin(struct support *s, const char *name);
/* What a command says; command[0] is found in PATH, or this program for NULL. */
void support_run(struct support *s, const char *name, const char *const command[]);
/* A file, and one of the state or run directory. */
void support_file(struct support *s, const char *name, const char *path);
/* Everything; names of domains: the parts of one, or (NULL) of the first ones. */
void support_gather(struct support *s, const char *domain);
/* What must not be in it: of secrets.yaml, and passwords of relays in the store. */
void support_find_secrets(struct support *s);

#endif
