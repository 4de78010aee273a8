/*
 * A question to one server.  The socket is connected, so that others' datagrams do not
 * come, and the number of the question is random; what does not fit is thrown away.
 */
#include "runtime/once_direct.h"

#include "vectis/crypto.h"

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	const struct vx_direct *d = handle->data;

	(void)suggested;
	*out = d->room;
}

/* Is it the answer?  Then it is kept. */
static bool take(struct vx_direct *d, vx_slice message)
{
	struct vx_once_direct *q = d->question;
	struct vx_dns_records records;
	struct vx_dns_header header;
	bool good;

	if (vx_dns_read_header(message, &header) != VX_OK || header.id != d->id)
		return false;
	vx_dns_records_init(&records);
	good = vx_dns_read_message(message, &q->question, &records) == VX_OK;
	q->truncated = good && header.truncated;
	q->authoritative = good && header.authoritative;
	if (good && !header.truncated)
		q->answer = vx_dns_answer_dup(&records.answer);
	vx_dns_records_done(&records);
	return good;
}

static void on_datagram(uv_udp_t *handle, ssize_t n, const uv_buf_t *buf,
    const struct sockaddr *from, unsigned flags)
{
	struct vx_direct *d = handle->data;

	/* n < 0: that nobody listens is silence, too */
	if (n <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) != 0 ||
	    d->question == NULL || !take(d, vx_slice_of(buf->base, (size_t)n)))
		return;
	d->question = NULL;
	(void)uv_udp_recv_stop(handle);
	d->done(d);
}

void vx_direct_again(struct vx_direct *d)
{
	struct vx_buf message = { .max = 512 };
	uv_buf_t u;

	if (d->question == NULL)
		return;
	if (vx_dns_write_query(
		&d->question->question, d->id, d->question->recurse, &message) == VX_OK) {
		u = uv_buf_init(message.ptr, (unsigned)message.len);
		(void)uv_udp_try_send(&d->handle, &u, 1, NULL);
	}
	vx_buf_done(&message);
}

int vx_direct_begin(uv_loop_t *loop, struct vx_direct *d, struct vx_once_direct *q)
{
	struct sockaddr_storage to = { 0 };

	q->answer = NULL;
	q->truncated = q->authoritative = false;
	d->question = NULL;
	d->room = uv_buf_init(d->octets, sizeof(d->octets));
	vx_random(&d->id, sizeof(d->id));
	if (uv_ip4_addr(q->address, q->port, (struct sockaddr_in *)&to) != 0 &&
	    uv_ip6_addr(q->address, q->port, (struct sockaddr_in6 *)&to) != 0)
		return VX_EINVAL;
	if (uv_udp_init(loop, &d->handle) != 0)
		return VX_ENOMEM;
	d->open = true;
	d->handle.data = d;
	if (uv_udp_connect(&d->handle, (const struct sockaddr *)&to) != 0 ||
	    uv_udp_recv_start(&d->handle, on_alloc, on_datagram) != 0)
		return VX_EIO;
	d->question = q;
	vx_direct_again(d);
	return VX_OK;
}
