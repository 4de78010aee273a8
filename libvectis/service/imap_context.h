/*
 * imap_context.h - searches whose client is told how their results change: UPDATE (RFC
 * 5267 4.3, RFC 5465 7).
 *
 * A context is made while its search is made ready, and is the session's from the end of
 * that search on.  Whenever the session tells what changed in the mailbox, a job looks at
 * what changed since the last time, and the difference is told.
 */
#ifndef VX_SERVICE_IMAP_CONTEXT_H
#define VX_SERVICE_IMAP_CONTEXT_H

#include "imap/sort.h"
#include "service/imap_search.h"

#define IMAP_CONTEXTS_MAX 8 /* of a session; others are refused with NOUPDATE */
#define IMAP_CONTEXT_PROGRAM_MAX ((size_t)64 << 10)
#define IMAP_CONTEXTS_OCTETS_MAX ((size_t)4 << 20) /* of their results, together */

struct imap_context;

/*
 * What was parsed and not made ready yet, with its numbers as UIDs of the view.  NULL:
 * there is no room for it.
 */
struct imap_context *imap_context_new(
    struct imap_session *s, const struct vx_imap_search *what);
/* Its results have an order. */
void imap_context_sorts(
    struct imap_context *c, const struct vx_sort_program *program);
/* ESEARCH: its mailbox is named. */
void imap_context_names(struct imap_context *c, vx_slice mailbox);
void imap_context_free(struct imap_context *c);
/*
 * The search is over: q->context is the session's, or the client is told NOUPDATE.  order:
 * sequence numbers, of SORT.
 */
void imap_context_begin(struct imap_session *s, struct imap_search *q,
    const uint32_t *order, size_t count, struct vx_buf *out);
/* "* NO [NOUPDATE "tag"]" */
void imap_no_update(vx_slice tag, struct vx_buf *out);
/* Does a context have this tag? */
bool imap_context_has(const struct imap_session *s, vx_slice tag);
void imap_contexts_free(struct imap_context *c);
/*
 * Stages of telling what changed: what is gone, before its EXPUNGE; then what else there
 * is, when the view has its new snapshot; items of what is new; the difference.
 */
imap_part_fn imap_contexts_lose, imap_contexts_look, imap_contexts_news,
    imap_contexts_tell;

#endif
