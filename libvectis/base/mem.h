/* mem.h - the only door to the heap.  Everything else calls these. */
#ifndef VX_BASE_MEM_H
#define VX_BASE_MEM_H

#include <stddef.h>

/* Zeroed; NULL when there is none.  vx_free(NULL) does nothing. */
void *vx_alloc(size_t size);
void *vx_alloc_array(size_t count, size_t size);
/* The new octets are not zeroed; on NULL the old block is as it was. */
void *vx_realloc(void *ptr, size_t size);
void vx_free(void *ptr);

/* Overwrite with zeros in a way that the compiler keeps. */
void vx_wipe(void *ptr, size_t len);

/*
 * For tests: let the n-th allocation of this thread from now on fail (1 is the
 * next), once; 0 switches it off.  vx_mem_failed says whether it happened.
 */
void vx_mem_fail_at(size_t n);
int vx_mem_failed(void);

#endif
