/*
 * imap_search.h - a SEARCH program at work: for SEARCH itself, SORT and THREAD.
 *
 * The matches are bits by sequence number.  A job runs a slice of IMAP_SEARCH_MS at a
 * time and is submitted again until next is 0.
 */
#ifndef VX_SERVICE_IMAP_SEARCH_H
#define VX_SERVICE_IMAP_SEARCH_H

#include "service/imap_match.h"

struct imap_search {
	struct vx_imap_search what; /* in the task's arena */
	struct imap_matcher matcher;
	struct vx_snapshot *snapshot; /* own reference */
	unsigned char
	    *bits; /* own: bit seq - 1 of each message of snapshot that matches */
	unsigned char *scores; /* own: of each message that matches; NULL: not asked */
	uint32_t found, first, last; /* how many; sequence numbers */
	uint32_t next;               /* the UID where the search goes on; 0: it is over */
	uint64_t modseq_first, modseq_last, modseq_max;
	/* again: only what changed after a MODSEQ is looked at, the other bits stay */
	bool again;
	uint64_t since;
	struct imap_context *context; /* own: what UPDATE asks for; NULL: nothing */
};

/* Of the view's mailbox.  VX_OK, VX_ENOMEM; done in both cases. */
int imap_search_init(struct imap_search *q, const struct imap_view *view);
void imap_search_done(struct imap_search *q);
/*
 * what was parsed: make it ready to run in the selected mailbox.  VX_OK, or VX_DONE: it
 * was refused and that was answered.
 */
int imap_search_ready(struct imap_search *q, struct imap_session *s, struct imap_task *t,
    struct vx_buf *out);
/* FUZZY and scores: keep them.  VX_OK, VX_ENOMEM. */
int imap_search_score(struct imap_search *q);
/* A slice, on the job's thread, until the matcher's until_ms.  VX_OK or below 0. */
int imap_search_slice(struct imap_search *q, const struct imap_task *t);

/* A SEARCH, or that of one mailbox in an ESEARCH, and its answer under way. */
struct imap_search_run {
	struct imap_search q;
	vx_slice mailbox; /* ESEARCH: its name in the answer, in the task's arena */
	bool selected;    /* the same: it is the selected one */
	enum {
		IMAP_SEARCH_BEGIN,
		IMAP_SEARCH_LIST,
		IMAP_SEARCH_SCORES
	} part;
	bool any;
	uint32_t from, at, end; /* sequence numbers to look at: [at, end) */
};
/* To be the data of a task: with its release and the function of its job. */
struct imap_search_run *imap_search_run_new(
    struct imap_task *t, const struct imap_view *view);
void imap_search_run_slice(struct vx_job *job);
/* "* ESEARCH ..." in steps: VX_OK or VX_DATA. */
int imap_search_run_write(
    struct imap_session *s, struct imap_search_run *r, struct vx_buf *out);
/* What it found is "$".  As imap_search_save. */
int imap_search_run_save(struct imap_session *s, const struct imap_search *q);

bool imap_search_matched(const struct imap_search *q, uint32_t seq);
/* The first match from seq on; beyond last: none. */
uint32_t imap_search_from(const struct imap_search *q, uint32_t seq);
/* Of what q was searched for: "* ESEARCH (TAG "a") UID", of ESEARCH with the mailbox. */
struct imap_correlator {
	vx_slice tag, mailbox; /* mailbox.ptr NULL: none */
	uint32_t uidvalidity;
	bool by_uid;
};
void imap_write_correlator(
    const struct imap_session *s, const struct imap_correlator *c, struct vx_buf *out);
/*
 * The messages of bits are what "$" stands for from now on.  VX_OK, VX_ENOMEM; VX_ELIMIT:
 * too many ranges: say imap_search_not_saved.
 */
int imap_search_save(
    struct imap_session *s, const struct imap_search *q, const unsigned char *bits);
void imap_search_forget(struct imap_session *s);
imap_part_fn imap_search_not_saved;

#endif
