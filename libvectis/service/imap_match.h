/* imap_match.h - does a message match a SEARCH program?  For a job's thread. */
#ifndef VX_SERVICE_IMAP_MATCH_H
#define VX_SERVICE_IMAP_MATCH_H

#include "service/imap_int.h"
#include "vectis/search.h"

struct imap_matcher {
	struct vx_store *store;
	uint32_t account, mailbox;
	int64_t now_s; /* when the command came */
	const struct vx_imap_key *key;
	struct imap_task *task; /* its abandoned ends long reads */
	/* what the index is asked: the texts of HEADER, BODY and TEXT keys, in the
	 * task's arena; such a key's number is that of its question */
	struct vx_search_question *questions;
	size_t question_count;
	struct vx_search_answer *answer; /* own */
	unsigned unasked; /* so many keys are answered by reading before it is asked */
	struct vx_plain plain;
	struct vx_blob_source source;
	bool scores;       /* they are asked for (RFC 6203 4) */
	unsigned score;    /* of the last message that matched: 1 to 100 */
	bool looked;       /* more than its record was read of the last message */
	uint64_t until_ms; /* when this turn on the thread is over */
	/* of the message under way */
	const struct vx_record *record;
	struct vx_blob_reader *reader; /* own */
	struct vx_buf descriptor_octets;
	struct vx_descriptor descriptor;
	bool have_descriptor, have_header_text, have_body_text;
	struct vx_buf header_text, body_text, value; /* decoded and folded */
};

/*
 * On the loop's thread: sets become UIDs of the view, keywords bits, texts are folded,
 * all in the task's arena.  VX_OK, VX_ELIMIT.
 */
int imap_matcher_init(struct imap_matcher *m, struct imap_session *s,
    const struct imap_view *view, struct vx_imap_key *key, struct imap_task *task);
/* A set becomes UIDs as the view has them now.  VX_OK, VX_ELIMIT. */
int imap_match_set(
    const struct imap_view *v, struct vx_imap_key *k, struct vx_arena *arena);
void imap_matcher_done(struct imap_matcher *m);
/* 1: yes; 0: no; below 0: the store cannot be read. */
int imap_match(struct imap_matcher *m, const struct vx_record *r);

#endif
