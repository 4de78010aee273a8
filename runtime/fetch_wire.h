/*
 * fetch_wire.h - requests and their answers between a process that asks and the one that
 * fetches, over a pair of sockets that keeps the borders of messages.
 *
 * A message is short; what it is about is in a file in memory that goes with it.  Neither
 * side believes the other: what is read has limits and is checked whole.
 */
#ifndef VX_RUNTIME_FETCH_WIRE_H
#define VX_RUNTIME_FETCH_WIRE_H

#include "vectis/fetch.h"

#define VX_FETCH_WIRE_MAX (VX_FETCH_BODY_MAX + 4 * VX_FETCH_FIELDS_OCTETS)

enum vx_fetch_kind {
	VX_FETCH_REQUEST = 1, /* with a file */
	VX_FETCH_ANSWER,      /* with a file */
	VX_FETCH_DROP         /* nobody waits for it any more */
};

struct vx_fetch_message {
	uint64_t id; /* of the request; the asking side chooses */
	uint32_t kind;
	uint32_t length; /* of the file, octets */
};

/* Append a request or an answer.  VX_OK, VX_ELIMIT. */
int vx_fetch_write_request(const struct vx_fetch *f, struct vx_buf *out);
int vx_fetch_write_answer(const struct vx_fetch_answer *a, struct vx_buf *out);
/*
 * Read one: fields (of VX_FETCH_FIELDS_MAX) get what the result points to, octets are
 * borrowed.  VX_OK, VX_ESYNTAX: *out is untouched.
 */
int vx_fetch_read_request(
    vx_slice octets, struct vx_fetch_field *fields, struct vx_fetch *out);
int vx_fetch_read_answer(
    vx_slice octets, struct vx_fetch_field *fields, struct vx_fetch_answer *out);

/* Send; octets empty: without a file.  VX_OK, VX_EBUSY (the other one does not read),
 * VX_EIO. */
int vx_fetch_send(int fd, uint64_t id, enum vx_fetch_kind kind, vx_slice octets);
/*
 * The next message, with its file's octets appended.  VX_OK, VX_ENOENT: there is none
 * now; VX_ESYNTAX: it was none; VX_ECLOSED.
 */
int vx_fetch_receive(int fd, struct vx_fetch_message *m, struct vx_buf *octets);
/*
 * Those that are there now, at most VX_FETCH_AT_ONCE; what is none is left out.  VX_OK;
 * VX_ECLOSED: none will come any more.
 */
#define VX_FETCH_AT_ONCE 16
typedef void vx_fetch_take_fn(
    void *ctx, const struct vx_fetch_message *m, vx_slice octets);
int vx_fetch_receive_some(int fd, vx_fetch_take_fn *take, void *ctx);

#endif
