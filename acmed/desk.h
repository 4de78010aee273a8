/*
 * desk.h - what persons want of acmed, by files in its folder: vectisctl, who is the same
 * user, puts "VERB ID REASON" into ask/NUMBER, and finds "0 text" or "1 text" in
 * done/NUMBER when it is over.  Behind "revoke-key AUTHORITY REASON LENGTH" there are a
 * certificate of so many octets and its key; the authority is "-" when it is not known.
 */
#ifndef VX_ACMED_DESK_H
#define VX_ACMED_DESK_H

#include "vectis/acme_setup.h"

#define DESK_ASK "ask"
#define DESK_DONE "done"
#define DESK_LINE_MAX 200
#define DESK_FILE_MAX (2 * VX_PKI_PEM_MAX + DESK_LINE_MAX)
#define DESK_PIECE ((size_t)4096) /* that is read at once */
#define DESK_AT_ONCE 16           /* files that are looked at in one turn */

/* Make the folders.  VX_OK, or err. */
int desk_open(const struct vx_config *config, struct vx_error *err);
/* Take what is there; true: the core has something to do. */
bool desk_look(const struct vx_config *config, struct vx_acme *core);
/*
 * What answers a token of vectisctl's, who wants to know whether it is acmed that answers
 * on port 80, and puts "TOKEN CONTENT" into DESK_CHECK.  ptr NULL: it is none.
 */
#define DESK_CHECK "check"
#define DESK_CHECK_TOKEN "check-" /* such tokens begin with */
vx_slice desk_check(
    const struct vx_config *config, vx_slice token, char out[DESK_LINE_MAX]);
/* A command is over. */
void desk_done(
    const struct vx_config *config, uint64_t number, int result, const char *text);

#endif
