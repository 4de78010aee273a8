/*
 * history.h - what the checks of a domain came to, run by run, without I/O (feature
 * DNS-33).
 *
 * As text it is a line "vectis-checks 1", perhaps "passed TIME", and of each run, the
 * oldest first,
 *
 *	run TIME SCORE NAME=VERDICT ...
 *
 * with times in seconds since 1970.  Checks are known by their names: one that has
 * another name from some day on is a new one, and the old one stays in the old runs.
 */
#ifndef VECTIS_HISTORY_H
#define VECTIS_HISTORY_H

#include "vectis/buf.h"
#include "vectis/diagnose.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_HISTORY_RUNS_MAX 100
#define VX_HISTORY_CHECKS_MAX 256 /* different ones, of all runs */
#define VX_HISTORY_NAME_MAX 40
#define VX_HISTORY_EVERY_S 3600 /* a run that found nothing new is kept that seldom */
#define VX_HISTORY_SCORE_MAX 100
#define VX_HISTORY_TIME_MAX 253402300799        /* the last second of the year 9999 */
#define VX_HISTORY_OCTETS_MAX ((size_t)1 << 20) /* of its text, which is less */
#define VX_HISTORY_NOTHING 0xff                 /* a check that a run does not have */

struct vx_history_run {
	int64_t at; /* seconds since 1970 */
	unsigned score;
	/* enum vx_diag_verdict of names[i], or VX_HISTORY_NOTHING */
	unsigned char verdicts[VX_HISTORY_CHECKS_MAX];
};
struct vx_history {
	char names[VX_HISTORY_CHECKS_MAX][VX_HISTORY_NAME_MAX + 1];
	size_t name_count;
	struct vx_history_run runs[VX_HISTORY_RUNS_MAX]; /* the oldest first */
	size_t run_count;
	/* when a run found no FAIL, since the records were changed last; 0: none has */
	int64_t passed;
};

/* Empty; no memory is held. */
VX_API void vx_history_init(struct vx_history *h);
/*
 * From its text.  VX_OK; VX_EUNSUP: another version's; VX_ESYNTAX: it is none; VX_ELIMIT:
 * of anything there is more than may be; VX_ENOMEM.  *out is untouched unless VX_OK.
 */
VX_API int vx_history_read(vx_slice text, struct vx_history *out);
/* Appended. */
VX_API void vx_history_write(const struct vx_history *h, struct vx_buf *out);

struct vx_history_check {
	const char *name; /* "dns.mx"; one that is none, or too long, is left out */
	enum vx_diag_verdict verdict;
};
/*
 * A run, at a time.  It is not kept when it is as the last one, less than
 * VX_HISTORY_EVERY_S after it; PASS and INFO are alike, here and below.  When there is no
 * room, one goes that says what those before and after it say, or the oldest.  Is there
 * anything to be written?
 */
VX_API bool vx_history_add(struct vx_history *h, int64_t now, unsigned score,
    const struct vx_history_check *checks, size_t count);
/* The records were changed: what was found before says nothing of them. */
VX_API void vx_history_changed(struct vx_history *h);

/* A check as the last run has it. */
struct vx_history_since {
	enum vx_diag_verdict verdict;
	int64_t
	    since; /* the first run that had it, or one alike, without others between */
	bool has_before; /* else it never had another, as far as is known */
	enum vx_diag_verdict before;
	int64_t until; /* the last run that had that */
};
/*
 * Runs in which the check could not be told (VX_DIAG_NA) are passed over, unless there
 * are no others.  VX_OK; VX_ENOENT: the last run does not have it.
 */
VX_API int vx_history_since(
    const struct vx_history *h, const char *name, struct vx_history_since *out);
/* "green", "yellow" or "red"; "" of what was not told.  Static. */
VX_API const char *vx_history_colour(enum vx_diag_verdict v);

VX_END_DECLS

#endif
