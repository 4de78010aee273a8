/* memory.h - the library's heap, for daemons and embedders that pass it memory. */
#ifndef VECTIS_MEMORY_H
#define VECTIS_MEMORY_H

#include "vectis/api.h"

#include <stddef.h>
#include <stdint.h>

VX_BEGIN_DECLS

/* Zeroed, or NULL; freeing NULL does nothing. */
VX_API void *vx_memory_alloc(size_t size);
VX_API void vx_memory_free(void *ptr);

/* Seconds since 1970; milliseconds that never go back. */
VX_API int64_t vx_now_s(void);
VX_API uint64_t vx_now_ms(void);

VX_END_DECLS

#endif
