/* imap_sort.h - messages that a search found, put in order by a job: SORT and THREAD. */
#ifndef VX_SERVICE_IMAP_SORT_H
#define VX_SERVICE_IMAP_SORT_H

#include "imap/sort.h"
#include "imap/thread.h"
#include "service/imap_search.h"

struct imap_arrangement {
	struct imap_search q;
	struct vx_imap_service *service;
	struct vx_sort_program program;
	bool threads, by_uid;
	enum vx_thread_algorithm algorithm;
	struct vx_sorter *sorter;     /* own: of SORT */
	struct vx_threader *threader; /* own: of THREAD */
	size_t reserved;              /* octets of the service's budget */
	uint32_t collect; /* the UID where collecting goes on; 0: it is over */
	bool ended;
	/* the answer of SORT: sequence numbers in their order */
	const uint32_t *order;
	size_t count;
	/* of the answer under way */
	enum {
		IMAP_ORDER_BEGIN,
		IMAP_ORDER_ALL,
		IMAP_ORDER_PARTIAL,
		IMAP_ORDER_END
	} part;
	bool any;
	size_t at;
};

/* Memory out of the budget: VX_OK, VX_ENOMEM, or VX_ELIMIT: not now.  done in any case. */
int imap_arrangement_ready(struct imap_arrangement *a);
void imap_arrangement_done(struct imap_arrangement *a);
/*
 * On the job's thread: go on from collect over what the search found, until the matcher's
 * until_ms; ended: all is in order.  VX_OK or below 0.
 */
int imap_arrange(struct imap_arrangement *a, const struct imap_task *t);

#endif
