/*
 * search.h - which messages have a text in them, by the index of the store.
 *
 * An index in search.mdb follows the messages of every account (STORE.md 8).  It answers
 * "has it", "has it not" or "look yourself": for what it has not reached, for what no
 * index can decide (a needle of several words), and for everything when there is no
 * index. Who looks himself as plain.h says gets, at every moment, the answers of a scan
 * of all messages.
 *
 * Bodies never change, so neither copies, moves and flags nor expunges touch the index;
 * what was deleted leaves it when segments are merged.  The file may be deleted at any
 * time; a damaged one is, by whoever meets the damage.  Both cost time only.
 */
#ifndef VECTIS_SEARCH_H
#define VECTIS_SEARCH_H

#include "vectis/plain.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_SEARCH_QUESTIONS_MAX 64 /* of one ask; more are answered "look yourself" */

enum vx_search_field {
	VX_SEARCH_IN_TEXT, /* the whole header, or the body */
	VX_SEARCH_IN_BODY, /* what vx_plain_body appends */
	VX_SEARCH_IN_FIELD /* the value of one of the header's fields called name */
};

struct vx_search_question {
	enum vx_search_field field;
	vx_slice name;   /* of the field, in any case */
	vx_slice needle; /* in the form of vx_text_fold */
};

enum vx_search_verdict {
	VX_SEARCH_NO,
	VX_SEARCH_YES,
	VX_SEARCH_MAYBE, /* look yourself */
};

/*
 * Ask about the messages of an account (whose mailbox it is).  Reads the index for some
 * milliseconds: in a job.  go_on is asked now and then; false gives up: then, as after
 * any failure, all verdicts are VX_SEARCH_MAYBE.  VX_OK, VX_ENOMEM.  The answer borrows
 * nothing and is for one thread.
 */
struct vx_search_answer;
VX_API int vx_search_ask(struct vx_store *store, uint32_t account,
    const struct vx_search_question *questions, size_t count, bool (*go_on)(void *ctx),
    void *ctx, struct vx_search_answer **out);
/* Quickest when the blobs come in the order of their mailbox. */
VX_API enum vx_search_verdict vx_search_verdict(
    struct vx_search_answer *a, size_t question, uint64_t blob);
/* How many messages the index knew, and of them how many are YES or MAYBE. */
VX_API uint64_t vx_search_known(const struct vx_search_answer *a);
VX_API uint64_t vx_search_candidates(const struct vx_search_answer *a, size_t question);
VX_API void vx_search_answer_free(struct vx_search_answer *a);

/* A stored message as a source of its text; blocks on the disk: in a job. */
struct vx_blob_source {
	struct vx_plain_source base;
	struct vx_blob_reader *reader; /* borrowed */
	struct vx_buf copy;
	bool (*go_on)(void *ctx); /* false: VX_ECLOSED; may be NULL */
	void *ctx;
};
VX_API void vx_blob_source_init(struct vx_blob_source *s, struct vx_blob_reader *reader);
VX_API void vx_blob_source_done(struct vx_blob_source *s);

struct vx_search_status {
	bool present;      /* there is an index, and it is this store's */
	bool indexing;     /* a process follows the messages */
	uint64_t messages; /* that it knows, in all accounts */
	uint64_t pending;  /* that it has still to look at */
	uint64_t segments, lists, terms;
	uint64_t octets; /* of the file */
};
/* Also for a store that is open for reading only. */
VX_API int vx_search_status(struct vx_store *store, struct vx_search_status *out);
/* Have it made anew; the indexing process sees to it. */
VX_API int vx_search_rebuild(struct vx_store *store);

VX_END_DECLS

#endif
