/* url.h - the relative IMAP URLs of messages and parts that CATENATE takes (RFC 5092). */
#ifndef VX_IMAP_URL_H
#define VX_IMAP_URL_H

#include "imap/parse.h"

#define VX_IMAP_URL_MAX 4096 /* octets */

struct vx_imap_url {
	enum {
		VX_URL_SELECTED, /* ";UID=7": of the selected mailbox */
		VX_URL_BESIDE,   /* "name/;UID=7": beside it in the hierarchy */
		VX_URL_MAILBOX   /* "/name/;UID=7" */
	} where;
	vx_slice mailbox;     /* UTF-8, in the arena */
	uint32_t uidvalidity; /* 0: none is given */
	uint32_t uid;
	struct vx_imap_item item; /* section and partial; the whole message without */
};

/* False: it is none, or has a scheme or a server. */
bool vx_imap_url(vx_slice text, struct vx_arena *a, struct vx_imap_url *out);

#endif
