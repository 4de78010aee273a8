/* The other process may die at any time: what it was asked is then never answered. */
#include "runtime/fetch_away.h"

#include "runtime/fetch_wire.h"
#include "vectis/crypto.h"
#include "vectis/memory.h"

struct asked {
	struct vx_away *away;
	struct vx_fetch *fetch;
	uint64_t id, until_ms;
	struct asked *next, **link;
};

struct vx_away {
	uv_poll_t poll;
	int fd;
	uint64_t last_id;
	struct asked *list;
	size_t count;
};

static void free_asked(struct asked *x)
{
	*x->link = x->next;
	if (x->next != NULL)
		x->next->link = x->link;
	x->away->count--;
	x->fetch->handle = NULL;
	vx_memory_free(x);
}

static void finish(struct asked *x, const struct vx_fetch_answer *a)
{
	struct vx_fetch *f = x->fetch;

	free_asked(x);
	f->done(f, a);
}

static void fail(struct asked *x, const char *text)
{
	const struct vx_fetch_answer a = { .result = VX_FETCH_FAILED, .text = text };

	finish(x, &a);
}

/* --- asking ---------------------------------------------------------------------------
 */

static int send_request(struct vx_away *a, uint64_t id, const struct vx_fetch *f)
{
	struct vx_buf octets = { .max = VX_FETCH_WIRE_MAX };
	int rc = vx_fetch_write_request(f, &octets);

	if (rc == VX_OK)
		rc = vx_fetch_send(a->fd, id, VX_FETCH_REQUEST, vx_buf_slice(&octets));
	vx_buf_done(&octets);
	return rc == VX_OK ? VX_OK : VX_ELIMIT;
}

int vx_away_fetch(struct vx_away *a, struct vx_fetch *f)
{
	struct asked *x;
	int rc;

	if (!vx_fetch_check(f))
		return VX_EINVAL;
	if (a->count >= VX_FETCH_AWAY_MAX)
		return VX_ELIMIT;
	x = vx_memory_alloc(sizeof(*x));
	if (x == NULL)
		return VX_ENOMEM;
	rc = send_request(a, ++a->last_id, f);
	if (rc != VX_OK) {
		vx_memory_free(x);
		return rc;
	}
	x->away = a;
	x->fetch = f;
	x->id = a->last_id;
	x->until_ms =
	    vx_now_ms() + (f->ms_max > 0 ? f->ms_max : 60000) + VX_FETCH_GRACE_MS;
	x->next = a->list;
	x->link = &a->list;
	if (x->next != NULL)
		x->next->link = &x->next;
	a->list = x;
	a->count++;
	f->handle = x;
	return VX_OK;
}

void vx_away_drop(struct vx_away *a, struct vx_fetch *f)
{
	struct asked *x = f->handle;

	if (x == NULL)
		return;
	(void)vx_fetch_send(a->fd, x->id, VX_FETCH_DROP, vx_slice_of("", 0));
	free_asked(x);
}

/* --- answers --------------------------------------------------------------------------
 */

static struct asked *find(struct vx_away *a, uint64_t id)
{
	struct asked *x = a->list;

	while (x != NULL && x->id != id)
		x = x->next;
	return x;
}

static void take(void *ctx, const struct vx_fetch_message *m, vx_slice octets)
{
	struct vx_away *a = ctx;
	struct vx_fetch_field fields[VX_FETCH_FIELDS_MAX];
	struct vx_fetch_answer answer;
	struct asked *x = find(a, m->id);

	if (x == NULL) /* dropped, or asked by a process that is gone */
		return;
	if (m->kind != VX_FETCH_ANSWER ||
	    vx_fetch_read_answer(octets, fields, &answer) != VX_OK)
		fail(x, "the process that fetches does not make sense");
	else
		finish(x, &answer);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	const struct vx_away *a = poll->data;

	(void)events;
	if (status != 0 || vx_fetch_receive_some(a->fd, take, poll->data) != VX_OK)
		(void)uv_poll_stop(poll);
}

void vx_away_sweep(struct vx_away *a)
{
	const uint64_t now = vx_now_ms();
	struct asked *x = a->list;

	while (x != NULL) {
		if (x->until_ms > now) {
			x = x->next;
			continue;
		}
		fail(x, "the process that fetches does not answer");
		x = a->list; /* a done may have changed all of it */
	}
}

/* --- life -----------------------------------------------------------------------------
 */

int vx_away_new(uv_loop_t *loop, int fd, struct vx_away **out)
{
	struct vx_away *a = vx_memory_alloc(sizeof(*a));

	if (a == NULL)
		return VX_ENOMEM;
	if (uv_poll_init(loop, &a->poll, fd) < 0) {
		vx_memory_free(a);
		return VX_ENOMEM;
	}
	a->fd = fd;
	a->poll.data = a;
	vx_random(&a->last_id, sizeof(a->last_id));
	(void)uv_poll_start(&a->poll, UV_READABLE, on_readable);
	*out = a;
	return VX_OK;
}

static void on_closed(uv_handle_t *handle)
{
	vx_memory_free(handle->data);
}

void vx_away_free(struct vx_away *a)
{
	if (a == NULL)
		return;
	while (a->list != NULL)
		free_asked(a->list);
	if (!uv_is_closing((uv_handle_t *)&a->poll))
		uv_close((uv_handle_t *)&a->poll, on_closed);
}
