/* The process that fetches: requests come over a pair of sockets, answers go back. */
#include "runtime/fetch.h"
#include "runtime/fetch_away.h"
#include "runtime/fetch_wire.h"
#include "runtime/worker.h"
#include "vectis/memory.h"

struct served {
	struct vx_fetch fetch; /* first */
	struct vx_fetch_desk *desk;
	uint64_t id;
	struct served *next, **link;
};

struct vx_fetch_desk {
	uv_poll_t poll;
	int fd;
	struct vx_fetcher *fetcher;
	struct served *list;
};

static void free_served(struct served *x)
{
	*x->link = x->next;
	if (x->next != NULL)
		x->next->link = x->link;
	vx_memory_free(x);
}

/* What cannot be sent is lost: who asked has a clock. */
static void reply(struct vx_fetch_desk *d, uint64_t id, const struct vx_fetch_answer *a)
{
	struct vx_buf octets = { .max = VX_FETCH_WIRE_MAX };

	if (vx_fetch_write_answer(a, &octets) == VX_OK)
		(void)vx_fetch_send(d->fd, id, VX_FETCH_ANSWER, vx_buf_slice(&octets));
	vx_buf_done(&octets);
}

static void done(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct served *x = (struct served *)f;

	reply(x->desk, x->id, a);
	free_served(x);
}

static void serve(struct vx_fetch_desk *d, uint64_t id, const struct vx_fetch *request)
{
	const struct vx_fetch_answer full = { .result = VX_FETCH_FAILED,
		.text = "too many requests are under way" };
	struct served *x = vx_memory_alloc(sizeof(*x));

	if (x != NULL) {
		x->fetch = *request;
		x->fetch.done = done;
		x->desk = d;
		x->id = id;
	}
	if (x == NULL || vx_fetcher_fetch(d->fetcher, &x->fetch) != VX_OK) {
		vx_memory_free(x);
		reply(d, id, &full);
		return;
	}
	x->next = d->list;
	x->link = &d->list;
	if (x->next != NULL)
		x->next->link = &x->next;
	d->list = x;
}

static void drop(struct vx_fetch_desk *d, uint64_t id)
{
	struct served *x = d->list;

	while (x != NULL && x->id != id)
		x = x->next;
	if (x == NULL)
		return;
	vx_fetcher_drop(d->fetcher, &x->fetch);
	free_served(x);
}

static void take(void *ctx, const struct vx_fetch_message *m, vx_slice octets)
{
	struct vx_fetch_desk *d = ctx;
	struct vx_fetch_field fields[VX_FETCH_FIELDS_MAX];
	struct vx_fetch request;

	if (m->kind == VX_FETCH_DROP)
		drop(d, m->id);
	else if (m->kind == VX_FETCH_REQUEST &&
		 vx_fetch_read_request(octets, fields, &request) == VX_OK)
		serve(d, m->id, &request);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	const struct vx_fetch_desk *d = poll->data;

	(void)events;
	if (status != 0 || vx_fetch_receive_some(d->fd, take, poll->data) != VX_OK)
		(void)uv_poll_stop(poll);
}

/* --- life -----------------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle)
{
	vx_memory_free(handle->data);
}

int vx_fetch_desk_new(struct uv_loop_s *loop, int fd, struct vx_fetcher *fetcher,
    struct vx_fetch_desk **out)
{
	struct vx_fetch_desk *d = vx_memory_alloc(sizeof(*d));

	if (d == NULL)
		return VX_ENOMEM;
	if (uv_poll_init(loop, &d->poll, fd) < 0) {
		vx_memory_free(d);
		return VX_ENOMEM;
	}
	d->fd = fd;
	d->fetcher = fetcher;
	d->poll.data = d;
	(void)uv_poll_start(&d->poll, UV_READABLE, on_readable);
	*out = d;
	return VX_OK;
}

void vx_fetch_desk_free(struct vx_fetch_desk *d)
{
	if (d == NULL)
		return;
	while (d->list != NULL) {
		vx_fetcher_drop(d->fetcher, &d->list->fetch);
		free_served(d->list);
	}
	if (!uv_is_closing((uv_handle_t *)&d->poll))
		uv_close((uv_handle_t *)&d->poll, on_closed);
}

struct service {
	struct vx_fetcher *fetcher; /* own */
	struct vx_fetch_desk *desk; /* own */
};

static void stop(void *ctx)
{
	struct service *s = ctx;

	vx_fetch_desk_free(s->desk);
	vx_fetcher_close(s->fetcher);
	vx_memory_free(s);
}

static int start(struct vx_worker *w, void **service)
{
	struct vx_server *server =
	    (struct vx_server *)(void *)((char *)w - offsetof(struct vx_server, worker));
	struct service *s = vx_memory_alloc(sizeof(*s));
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	rc = vx_fetcher_open(w, &s->fetcher);
	if (rc == VX_OK)
		rc = vx_fetch_desk_new(
		    &server->loop, server->fetch_fd, s->fetcher, &s->desk);
	if (rc != VX_OK)
		stop(s);
	else
		*service = s;
	return rc;
}

const struct vx_daemon vx_fetch_daemon = {
	.name = "fetcher",
	.stateless = true,
	.resolves = true,
	.connects = true,
	.serves_fetch = true,
	.start = start,
	.stop = stop,
};
