/* notes.h - what vectisctl keeps of backups and checks of the store. */
#ifndef VECTISCTL_NOTES_H
#define VECTISCTL_NOTES_H

#include "vectisctl/ctl.h"

#include "vectis/diagnose.h"

struct ctl_backup {
	int hold; /* so that there is one at a time; -1: it could not be had */
	json_t *note;
};
/* As the store's user: CTL_OK, or another one is being made and its process is named. */
int ctl_backup_begin(struct ctl *c, const char *where, struct ctl_backup *b);
/* state: "whole", "damaged" (all is there, and some of it was damaged before), "partial".
 */
void ctl_backup_end(struct ctl *c, struct ctl_backup *b, const char *state,
    uint64_t octets, const char *cause);

/* What is known of them. */
struct ctl_saved {
	struct vx_diag_saved diag; /* points to these */
	char where[PATH_MAX], whole_where[PATH_MAX], cause[CTL_ERROR_MAX];
};
void ctl_backup_read(struct ctl *c, struct ctl_saved *out);

/* All of the store was looked at, just now; first: the first problem, or "". */
void ctl_proof_note(struct ctl *c, uint64_t problems, const char *first);
/* What was found is no more. */
void ctl_proof_forget(struct ctl *c);
void ctl_proof_read(struct ctl *c, struct vx_diag_store *out, char first[CTL_ERROR_MAX]);

#endif
