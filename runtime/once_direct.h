/* once_direct.h - inside runtime/: a question to one server, by UDP. */
#ifndef VX_RUNTIME_ONCE_DIRECT_H
#define VX_RUNTIME_ONCE_DIRECT_H

#include "runtime/once.h"

#include <uv.h>

struct vx_direct {
	uv_udp_t handle;
	struct vx_once_direct *question; /* NULL: it is over */
	uint16_t id;
	bool open;     /* the handle has to be closed */
	uv_buf_t room; /* for the answer */
	char octets[VX_DNS_UDP_MAX];
	void (*done)(struct vx_direct *d); /* once, when there is an answer */
	void *ctx;
};

/* Ask.  VX_OK: done is called, or it is closed before; else it has failed. */
int vx_direct_begin(uv_loop_t *loop, struct vx_direct *d, struct vx_once_direct *q);
/* Ask once more what is not answered: datagrams are lost. */
void vx_direct_again(struct vx_direct *d);

#endif
