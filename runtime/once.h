/*
 * once.h - for a tool that is no daemon: questions to the DNS, HTTPS requests and
 * connections, each call until all of its answers are there.  A loop and a resolver of
 * its own, no thread.
 */
#ifndef VX_RUNTIME_ONCE_H
#define VX_RUNTIME_ONCE_H

#include "vectis/config.h"
#include "vectis/dns.h"
#include "vectis/fetch.h"

#define VX_ONCE_MAX 400 /* questions, requests and connections of a call, each */

struct vx_once;
/* c is borrowed.  VX_OK; else err says why. */
int vx_once_new(const struct vx_config *c, struct vx_once **out, struct vx_error *err);
void vx_once_free(struct vx_once *o);

struct vx_once_question {
	struct vx_dns_question question;
	struct vx_dns_answer *answer; /* own: vx_dns_answer_free; NULL: no memory */
	bool late;                    /* nobody answered in time: answer is FAILED */
};

#define VX_ONCE_HEARD_MAX 4096

/* A connection that is opened, and closed when it is, or when it was heard. */
struct vx_once_connection {
	char address[VX_DNS_ADDRESS_MAX + 1];
	uint16_t port;
	bool open;
	bool late;        /* nobody answered in time */
	const char *text; /* why it is not open; static; "" */
	/* sent when it is open; NULL: nothing.  What comes then is heard, until the other
	 * side ends it, no more fits, or the time is up */
	const char *say;
	char heard[VX_ONCE_HEARD_MAX];
	size_t heard_len;
};

/* A request, whose answer is kept. */
struct vx_once_request {
	struct vx_fetch fetch; /* done is ours */
	struct vx_once *once;  /* ours: it is under way */
	enum vx_fetch_result result;
	char text[VX_FETCH_TEXT_MAX];
	unsigned status;
	char retry_after[64], age[32], cache[64], date[64]; /* fields, cut; "" */
	struct vx_buf body; /* own; max is set by the caller */
};

struct vx_once_work {
	struct vx_once_question *questions;
	size_t question_count;
	struct vx_once_connection *connections;
	size_t connection_count;
	struct vx_once_request *requests;
	size_t request_count;
	uint64_t ms_max; /* what is not there by then has failed */
};
/* All side by side.  VX_OK, VX_ELIMIT, VX_ENOMEM; answers are set in each case. */
int vx_once_do(struct vx_once *o, struct vx_once_work *w);

#endif
