/* imap_fetch.h - the iterator behind FETCH, inside service/. */
#ifndef VX_SERVICE_IMAP_FETCH_H
#define VX_SERVICE_IMAP_FETCH_H

#include "mime/transfer.h"
#include "service/imap_int.h"

struct imap_fetch {
	struct vx_imap_fetch what; /* in the session's arena, like ranges */
	const struct vx_uid_range *ranges;
	size_t range_count, range;
	uint32_t next_uid; /* where to go on in the range; 0: at its beginning */
	bool want_uid, want_modseq;
	bool telling; /* of what went: VANISHED */
	struct imap_vanished vanished;
	bool looking; /* for messages without \Seen, which is set first */
	uint64_t
	    seen_modseq; /* changes from here on were made by \Seen: FLAGS are told */
	uint32_t expected, written;
	int failed;                      /* a message could not be read */
	struct vx_view *view;            /* of the step under way, or NULL */
	vx_slice names[VX_KEYWORDS_MAX]; /* borrowed from view */
	bool have_names;
	struct vx_record records[IMAP_BATCH];
	size_t count, at;
	/* inside a message */
	bool open;                       /* "* n FETCH (" was written */
	bool first;                      /* nothing was written after it */
	size_t item;                     /* the next item */
	struct vx_descriptor descriptor; /* borrowed from view */
	bool have_descriptor;
	struct vx_blob_reader *reader; /* own; a job has it while it is under way */
	struct vx_buf raw;  /* octets of a header or part that are gathered first */
	struct vx_buf text; /* what was made of them */
	struct vx_transfer
	    transfer;     /* how a BINARY part is decoded while it is written */
	bool measured;    /* octets and has_nul tell of the decoded part */
	uint64_t decoded; /* octets */
	bool has_nul;
	uint64_t skip, left; /* decoded octets to pass over, and then to write */
	int cold_failed;     /* what a job said: not asked again */
	bool streaming; /* octets [stream, stream_end) of the body are being written */
	uint64_t stream, stream_end;
};

/* One with nothing in it; NULL: no memory. */
struct imap_fetch *imap_fetch_new(void);
bool imap_fetch_asks(const struct imap_fetch *f, enum vx_imap_item_type type);
/* The next records, through the step's view: VX_OK, VX_DONE, or below 0. */
int imap_fetch_load(struct imap_session *s);
void imap_fetch_end_view(struct imap_fetch *f);
/* Messages until the step is over; as an imap_part_fn. */
int imap_fetch_messages(struct imap_session *s, struct vx_buf *out);

#endif
