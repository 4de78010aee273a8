/*
 * sort.h - SORT (RFC 5256, 5957): the program, and an order of messages from their
 * descriptors.
 *
 * Strings compare as i;unicode-casemap does (RFC 5051), dates as RFC 5256 2.2 says; what
 * is equal stays in the order in which it was added.  All is linear in the number of
 * messages but for the different strings, whose time is n log n.
 */
#ifndef VX_IMAP_SORT_H
#define VX_IMAP_SORT_H

#include "imap/parse.h"
#include "vectis/message.h"

#define VX_SORT_CRITERIA_MAX 32                /* in one program */
#define VX_SORT_MEMORY_MAX ((size_t)256 << 20) /* of one SORT or THREAD */

enum vx_sort_key {
	VX_SORT_ARRIVAL,
	VX_SORT_CC,
	VX_SORT_DATE,
	VX_SORT_DISPLAYFROM,
	VX_SORT_DISPLAYTO,
	VX_SORT_FROM,
	VX_SORT_RELEVANCY, /* RFC 6203: the highest first */
	VX_SORT_SIZE,
	VX_SORT_SUBJECT,
	VX_SORT_TO,
	VX_SORT_KEYS
};

/* Criteria in the order of their weight; those that decide nothing were left out. */
struct vx_sort_program {
	struct {
		enum vx_sort_key key;
		bool reverse;
	} criteria[VX_SORT_KEYS];
	size_t count;
};
/* "(REVERSE DATE SUBJECT)"; false: it is none. */
bool vx_sort_program(struct vx_cursor *c, struct vx_sort_program *out);
bool vx_sort_has(const struct vx_sort_program *p, enum vx_sort_key key);

struct vx_sorter;
/* VX_ENOMEM */
int vx_sorter_new(
    const struct vx_sort_program *program, size_t memory, struct vx_sorter **out);
void vx_sorter_free(struct vx_sorter *s);
/*
 * One message, in the order of the mailbox.  VX_OK; VX_ECORRUPT (its envelope cannot be
 * read), VX_ELIMIT (more than memory octets), VX_ENOMEM: nothing was added.
 */
int vx_sorter_add(struct vx_sorter *s, uint32_t number, int64_t arrival, unsigned score,
    const struct vx_descriptor *d);
/* The numbers in order, valid until free.  VX_OK, VX_ELIMIT, VX_ENOMEM. */
int vx_sorter_end(struct vx_sorter *s, const uint32_t **numbers, size_t *count);

/* The sent date of RFC 5256 2.2. */
int64_t vx_sent_date(const struct vx_descriptor *d, int64_t arrival);

#endif
