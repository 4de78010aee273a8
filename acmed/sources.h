/*
 * sources.h - what the servers of a zone say themselves: a resolver asks one of them, and
 * another may have older records, which somebody else is told.
 */
#ifndef VX_ACMED_SOURCES_H
#define VX_ACMED_SOURCES_H

#include "runtime/runtime.h"
#include "vectis/dns.h"

#define SOURCES_MAX 16 /* addresses that are asked; more are not */
#define SOURCES_NAMES_MAX 8
#define SOURCES_MS 4500 /* for all of their answers */

struct sources;
/*
 * The answers of those that have authority and answered; none: nobody could be asked.
 * Valid during the call.
 */
typedef void sources_done_fn(
    void *ctx, struct vx_dns_answer *const *answers, size_t count);
/* VX_OK, VX_ENOMEM. */
int sources_new(
    struct vx_worker *w, sources_done_fn *done, void *ctx, struct sources **out);
void sources_free(struct sources *s);
/* VX_OK: done will be called, not from within.  VX_ENOMEM, VX_ELIMIT: it will not. */
int sources_ask(struct sources *s, const struct vx_dns_question *q);
/* done will not be called any more. */
void sources_stop(struct sources *s);

#endif
