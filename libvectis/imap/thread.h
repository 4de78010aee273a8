/*
 * thread.h - THREAD: ORDEREDSUBJECT and REFERENCES (RFC 5256 3), and REFS.
 *
 * REFS (draft-ietf-morg-inthread, expired, but what clients ask for first) is REFERENCES
 * without the gathering by subject, with the threads in the order of the latest arrival
 * (INTERNALDATE) in each.
 *
 * Message ids are the hashes that descriptors have: two different ids with one hash (1
 * in 10^7 for a million messages) would be taken for the same.  Nothing here recurses,
 * and no time but the logarithm of forest.h depends on how deep threads are.
 */
#ifndef VX_IMAP_THREAD_H
#define VX_IMAP_THREAD_H

#include "imap/parse.h"
#include "vectis/message.h"

/* Of one THREAD: enough for two million messages that name four million ids. */
#define VX_THREAD_MEMORY_MAX ((size_t)512 << 20)

enum vx_thread_algorithm {
	VX_THREAD_ORDEREDSUBJECT,
	VX_THREAD_REFERENCES,
	VX_THREAD_REFS
};
bool vx_thread_algorithm(struct vx_cursor *c, enum vx_thread_algorithm *out);

struct vx_threader;
/* VX_ENOMEM */
int vx_threader_new(
    enum vx_thread_algorithm algorithm, size_t memory, struct vx_threader **out);
void vx_threader_free(struct vx_threader *t);
/*
 * One message, in the order of the mailbox.  VX_OK, VX_ECORRUPT, VX_ELIMIT, VX_ENOMEM:
 * after a failure nothing more can be added.
 */
int vx_threader_add(struct vx_threader *t, uint32_t number, int64_t arrival,
    const struct vx_descriptor *d);
/* All are added: make the threads.  VX_OK, VX_ENOMEM. */
int vx_threader_end(struct vx_threader *t);
/* Octets that it holds after that, until it is freed. */
size_t vx_threader_held(const struct vx_threader *t);
/*
 * Append the next of "(2)(3 6 (4 23)(44 7 96))", until out has about max octets: VX_DATA
 * when there is more, else VX_OK.
 */
int vx_threader_write(struct vx_threader *t, struct vx_buf *out, size_t max);

#endif
