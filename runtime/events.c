/*
 * libunbound's event interface on a libuv loop: an event is a poll handle, a timer, or
 * both.  The handles outlive the event until libuv has closed them.
 */
#include "runtime/events.h"

#include "vectis/memory.h"

#include <stddef.h>
#include <sys/time.h>

#include <unbound-event.h>

struct poll { /* on the heap: a descriptor may change, a handle may not */
	uv_poll_t handle;
	struct event *event; /* NULL: it is gone */
};

struct timer {
	uv_timer_t handle;
	struct event *event;
};

struct base {
	struct ub_event_base super;
	uv_loop_t *loop;
};

struct event {
	struct ub_event super;
	struct base *base;
	int fd;
	short bits;
	void (*cb)(int fd, short bits, void *arg);
	void *arg;
	struct poll *poll;   /* own, made when it is needed */
	struct timer *timer; /* own, likewise */
};

static struct event *event_of(struct ub_event *e)
{
	return (struct event *)(void *)((char *)e - offsetof(struct event, super));
}

static void free_handle(uv_handle_t *handle)
{
	vx_memory_free(handle->data);
}

static void drop_poll(struct event *e)
{
	if (e->poll == NULL)
		return;
	e->poll->event = NULL;
	uv_close((uv_handle_t *)&e->poll->handle, free_handle);
	e->poll = NULL;
}

static void drop_timer(struct event *e)
{
	if (e->timer == NULL)
		return;
	e->timer->event = NULL;
	uv_close((uv_handle_t *)&e->timer->handle, free_handle);
	e->timer = NULL;
}

static int del(struct ub_event *super)
{
	struct event *e = event_of(super);

	/* the descriptor may be closed now: its handle must not outlive that */
	drop_poll(e);
	if (e->timer != NULL)
		(void)uv_timer_stop(&e->timer->handle);
	return 0;
}

static void fire(struct event *e, short bits)
{
	if ((e->bits & UB_EV_PERSIST) == 0)
		(void)del(&e->super);
	e->cb(e->fd, bits, e->arg); /* may free e */
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	const struct poll *p = handle->data;
	short bits = 0;

	if (p->event == NULL)
		return;
	if (status < 0 || (events & UV_READABLE) != 0)
		bits |= UB_EV_READ;
	if (status < 0 || (events & UV_WRITABLE) != 0)
		bits |= UB_EV_WRITE;
	bits &= p->event->bits;
	if (bits != 0)
		fire(p->event, bits);
}

static void on_timer(uv_timer_t *handle)
{
	const struct timer *t = handle->data;

	if (t->event != NULL)
		fire(t->event, UB_EV_TIMEOUT);
}

static int start_poll(struct event *e)
{
	const int events = ((e->bits & UB_EV_READ) != 0 ? UV_READABLE : 0) |
			   ((e->bits & UB_EV_WRITE) != 0 ? UV_WRITABLE : 0);

	if (e->fd < 0 || events == 0)
		return 0;
	if (e->poll == NULL) {
		struct poll *p = vx_memory_alloc(sizeof(*p));

		if (p == NULL)
			return -1;
		if (uv_poll_init(e->base->loop, &p->handle, e->fd) < 0) {
			vx_memory_free(p);
			return -1;
		}
		p->handle.data = p;
		p->event = e;
		e->poll = p;
	}
	return uv_poll_start(&e->poll->handle, events, on_poll) < 0 ? -1 : 0;
}

static int start_timer(struct event *e, const struct timeval *tv)
{
	const uint64_t ms = (uint64_t)tv->tv_sec * 1000 + (uint64_t)tv->tv_usec / 1000;

	if (e->timer == NULL) {
		struct timer *t = vx_memory_alloc(sizeof(*t));

		if (t == NULL)
			return -1;
		(void)uv_timer_init(e->base->loop, &t->handle);
		t->handle.data = t;
		t->event = e;
		e->timer = t;
	}
	return uv_timer_start(&e->timer->handle, on_timer, ms, 0) < 0 ? -1 : 0;
}

static int add(struct ub_event *super, struct timeval *tv)
{
	struct event *e = event_of(super);

	if (start_poll(e) < 0)
		return -1;
	return tv != NULL ? start_timer(e, tv) : 0;
}

static void add_bits(struct ub_event *super, short bits)
{
	event_of(super)->bits |= bits;
}

static void del_bits(struct ub_event *super, short bits)
{
	event_of(super)->bits &= (short)~bits;
}

static void set_fd(struct ub_event *super, int fd)
{
	struct event *e = event_of(super);

	if (e->fd != fd)
		drop_poll(e);
	e->fd = fd;
}

static void free_event(struct ub_event *super)
{
	struct event *e = event_of(super);

	drop_poll(e);
	drop_timer(e);
	vx_memory_free(e);
}

static int add_timer(struct ub_event *super, struct ub_event_base *base,
    void (*cb)(int, short, void *), void *arg, struct timeval *tv)
{
	struct event *e = event_of(super);

	(void)base;
	e->cb = cb;
	e->arg = arg;
	return start_timer(e, tv);
}

static int del_timer(struct ub_event *super)
{
	struct event *e = event_of(super);

	if (e->timer != NULL)
		(void)uv_timer_stop(&e->timer->handle);
	return 0;
}

static struct ub_event *new_event(struct ub_event_base *super, int fd, short bits,
    void (*cb)(int, short, void *), void *arg)
{
	static struct ub_event_vmt methods = { .add_bits = add_bits,
		.del_bits = del_bits,
		.set_fd = set_fd,
		.free = free_event,
		.add = add,
		.del = del,
		.add_timer = add_timer,
		.del_timer = del_timer };
	struct event *e = vx_memory_alloc(sizeof(*e));

	if (e == NULL)
		return NULL;
	*e = (struct event){ .super = { .magic = UB_EVENT_MAGIC, .vmt = &methods },
		.base =
		    (struct base *)(void *)((char *)super - offsetof(struct base, super)),
		.fd = fd,
		.bits = bits,
		.cb = cb,
		.arg = arg };
	return &e->super;
}

struct ub_event_base *vx_events_new(uv_loop_t *loop)
{
	static struct ub_event_base_vmt methods = { .new_event = new_event };
	struct base *b = vx_memory_alloc(sizeof(*b));

	if (b == NULL)
		return NULL;
	*b = (struct base){ .super = { .magic = UB_EVENT_MAGIC, .vmt = &methods },
		.loop = loop };
	return &b->super;
}

void vx_events_free(struct ub_event_base *base)
{
	if (base != NULL)
		vx_memory_free((char *)base - offsetof(struct base, super));
}
