/* One call, many questions: a loop that turns until all are answered, or the time is up.
 */
#include "runtime/once.h"

#include "runtime/fetch.h"
#include "runtime/resolver.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

#define SWEEP_MS 100

struct vx_once {
	uv_loop_t loop;
	struct vx_log log;
	struct vx_resolver *resolver; /* own */
	struct vx_fetcher *fetcher;   /* own */
	uv_timer_t deadline, sweep;
	size_t waiting;
	bool expired;
};

struct asking { /* a question under way */
	struct vx_lookup lookup;
	struct vx_once *once;
	struct vx_once_question *question;
};
struct dialling { /* a connection under way */
	uv_tcp_t handle;
	uv_connect_t request;
	uv_write_t write;
	struct vx_once *once;
	struct vx_once_connection *connection; /* NULL: it is over */
};
struct call {
	struct vx_once *o;
	struct vx_once_work *w;
	struct asking *questions; /* own */
	struct dialling *dials;   /* own */
	bool *dialled;            /* own */
};

static void one_less(struct vx_once *o)
{
	if (--o->waiting == 0)
		uv_stop(&o->loop);
}

/* --- questions ------------------------------------------------------------------------
 */

static void answered(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct asking *q = (struct asking *)(void *)l;

	q->question->answer = vx_dns_answer_dup(a);
	q->lookup.handle = NULL;
	one_less(q->once);
}

static void ask_all(struct call *c)
{
	for (size_t i = 0; i < c->w->question_count; i++) {
		struct asking *q = &c->questions[i];

		q->once = c->o;
		q->question = &c->w->questions[i];
		q->question->answer = NULL;
		q->question->late = false;
		q->lookup.question = q->question->question;
		q->lookup.done = answered;
		c->o->waiting++;
		if (vx_resolver_ask(c->o->resolver, &q->lookup) != VX_OK) {
			q->question = NULL;
			c->o->waiting--;
		}
	}
}

/* What has no answer by now gets one that says so. */
static void end_questions(struct call *c)
{
	static const struct vx_dns_answer failed = { .status = VX_DNS_FAILED };

	for (size_t i = 0; i < c->w->question_count; i++) {
		struct vx_once_question *q = &c->w->questions[i];

		if (q->answer != NULL)
			continue;
		q->late = true;
		if (c->questions[i].question != NULL)
			vx_resolver_forget(c->o->resolver, &c->questions[i].lookup);
		q->answer = vx_dns_answer_dup(&failed);
	}
}

/* --- connections ----------------------------------------------------------------------
 */

static void end_dial(struct dialling *d)
{
	d->connection = NULL;
	one_less(d->once);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct vx_once_connection *const k =
	    ((struct dialling *)handle->data)->connection;

	(void)suggested;
	*out = k == NULL ? uv_buf_init(NULL, 0)
			 : uv_buf_init(k->heard + k->heard_len,
			       (unsigned)(sizeof(k->heard) - k->heard_len));
}

static void on_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct dialling *const d = stream->data;

	(void)buf;
	if (d->connection == NULL)
		return;
	if (n > 0)
		d->connection->heard_len += (size_t)n;
	if (n < 0 || d->connection->heard_len == sizeof(d->connection->heard)) {
		(void)uv_read_stop(stream);
		end_dial(d);
	}
}

static void on_said(uv_write_t *write, int status)
{
	(void)write; /* who does not hear does not answer either */
	(void)status;
}

static bool say(struct dialling *d)
{
	const char *const text = d->connection->say;
	const uv_buf_t u = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));

	d->handle.data = d;
	return uv_write(&d->write, (uv_stream_t *)&d->handle, &u, 1, on_said) == 0 &&
	       uv_read_start((uv_stream_t *)&d->handle, on_alloc, on_heard) == 0;
}

static void on_connected(uv_connect_t *request, int status)
{
	struct dialling *d = request->data;

	if (status == UV_ECANCELED || d->connection == NULL)
		return;
	d->connection->late = false;
	d->connection->open = status == 0;
	d->connection->text = status == 0 ? "" : uv_strerror(status);
	if (status != 0 || d->connection->say == NULL || !say(d))
		end_dial(d);
}

static int dial(struct dialling *d, const struct vx_once_connection *c)
{
	struct sockaddr_storage address = { 0 };
	int rc = uv_ip4_addr(c->address, c->port, (struct sockaddr_in *)&address);

	if (rc != 0)
		rc = uv_ip6_addr(c->address, c->port, (struct sockaddr_in6 *)&address);
	d->request.data = d;
	return rc != 0 ? rc
		       : uv_tcp_connect(&d->request, &d->handle,
			     (const struct sockaddr *)&address, on_connected);
}

static void dial_all(struct call *c)
{
	for (size_t i = 0; i < c->w->connection_count; i++) {
		struct vx_once_connection *k = &c->w->connections[i];
		struct dialling *d = &c->dials[i];
		int rc;

		k->open = false;
		k->late = true;
		k->text = "nobody answers";
		k->heard_len = 0;
		d->once = c->o;
		d->connection = k;
		if (uv_tcp_init(&c->o->loop, &d->handle) != 0)
			continue;
		c->dialled[i] = true;
		rc = dial(d, k);
		if (rc == 0) {
			c->o->waiting++;
			continue;
		}
		k->late = false;
		k->text = uv_strerror(rc);
		d->connection = NULL;
	}
}

/* --- requests -------------------------------------------------------------------------
 */

static void copy_field(
    const struct vx_fetch_answer *a, const char *name, char *out, size_t size)
{
	const vx_slice value = vx_fetch_value(a, name);

	(void)snprintf(out, size, "%.*s", (int)value.len, value.len > 0 ? value.ptr : "");
}

static void end_request(
    struct vx_once_request *r, enum vx_fetch_result result, const char *text)
{
	r->result = result;
	(void)snprintf(r->text, sizeof(r->text), "%s", text);
}

static void fetched(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct vx_once_request *r = (struct vx_once_request *)(void *)f;
	struct vx_once *o = r->once;

	r->once = NULL;
	end_request(r, a->result, a->text);
	r->status = a->result == VX_FETCH_ANSWERED ? a->status : 0;
	copy_field(a, "Retry-After", r->retry_after, sizeof(r->retry_after));
	copy_field(a, "Age", r->age, sizeof(r->age));
	copy_field(a, "Date", r->date, sizeof(r->date));
	copy_field(a, "CF-Cache-Status", r->cache, sizeof(r->cache));
	vx_buf_add(&r->body, a->body);
	if (r->body.failed)
		end_request(r, VX_FETCH_TOO_LARGE, "the answer is larger than is taken");
	one_less(o);
}

static void fetch_all(struct call *c)
{
	for (size_t i = 0; i < c->w->request_count; i++) {
		struct vx_once_request *r = &c->w->requests[i];
		int rc;

		r->status = 0;
		r->retry_after[0] = r->age[0] = r->cache[0] = r->date[0] = '\0';
		vx_buf_reset(&r->body);
		r->fetch.done = fetched;
		r->fetch.body_max = r->body.max;
		r->once = c->o;
		c->o->waiting++;
		rc = vx_fetcher_fetch(c->o->fetcher, &r->fetch);
		if (rc == VX_OK)
			continue;
		r->once = NULL;
		c->o->waiting--;
		end_request(r, VX_FETCH_FAILED, vx_strerror(rc));
	}
}

static void end_requests(struct call *c)
{
	for (size_t i = 0; i < c->w->request_count; i++) {
		struct vx_once_request *r = &c->w->requests[i];

		if (r->once == NULL)
			continue;
		r->once = NULL;
		vx_fetcher_drop(c->o->fetcher, &r->fetch);
		end_request(r, VX_FETCH_TIMEOUT, "it took too long");
	}
}

/* --- a call ---------------------------------------------------------------------------
 */

static void on_deadline(uv_timer_t *timer)
{
	struct vx_once *o = timer->data;

	o->expired = true;
	uv_stop(&o->loop);
}

static void on_sweep(uv_timer_t *timer)
{
	struct vx_once *o = timer->data;

	vx_resolver_sweep(o->resolver);
}

static void on_dial_closed(uv_handle_t *handle)
{
	struct dialling *d = handle->data;

	d->once->waiting--;
}

/* Handles live until the loop has said that they are closed. */
static void end_connections(struct call *c)
{
	c->o->waiting = 0;
	for (size_t i = 0; i < c->w->connection_count; i++) {
		if (!c->dialled[i])
			continue;
		c->dials[i].connection = NULL;
		c->dials[i].handle.data = &c->dials[i];
		c->o->waiting++;
		uv_close((uv_handle_t *)&c->dials[i].handle, on_dial_closed);
	}
	while (c->o->waiting > 0)
		(void)uv_run(&c->o->loop, UV_RUN_NOWAIT);
}

static void turn(struct vx_once *o, uint64_t ms_max)
{
	o->expired = false;
	(void)uv_timer_start(&o->deadline, on_deadline, ms_max, 0);
	(void)uv_timer_start(&o->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	while (o->waiting > 0 && !o->expired)
		(void)uv_run(&o->loop, UV_RUN_DEFAULT);
	(void)uv_timer_stop(&o->deadline);
	(void)uv_timer_stop(&o->sweep);
}

int vx_once_do(struct vx_once *o, struct vx_once_work *w)
{
	struct call c = { .o = o, .w = w };
	int rc = VX_OK;

	if (w->question_count > VX_ONCE_MAX || w->connection_count > VX_ONCE_MAX ||
	    w->request_count > VX_ONCE_MAX)
		return VX_ELIMIT;
	c.questions = vx_memory_alloc((w->question_count + 1) * sizeof(*c.questions));
	c.dials = vx_memory_alloc((w->connection_count + 1) * sizeof(*c.dials));
	c.dialled = vx_memory_alloc((w->connection_count + 1) * sizeof(*c.dialled));
	if (c.questions != NULL && c.dials != NULL && c.dialled != NULL) {
		uv_update_time(&o->loop);
		o->waiting = 0;
		ask_all(&c);
		dial_all(&c);
		fetch_all(&c);
		turn(o, w->ms_max);
		end_questions(&c);
		end_requests(&c);
		end_connections(&c);
	} else {
		rc = VX_ENOMEM;
	}
	vx_memory_free(c.questions);
	vx_memory_free(c.dials);
	vx_memory_free(c.dialled);
	return rc;
}

/* --- life -----------------------------------------------------------------------------
 */

static void close_all(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void vx_once_free(struct vx_once *o)
{
	if (o == NULL)
		return;
	if (o->fetcher != NULL)
		vx_fetcher_close(o->fetcher);
	if (o->resolver != NULL)
		vx_resolver_free(o->resolver);
	(void)uv_run(&o->loop, UV_RUN_NOWAIT);
	uv_walk(&o->loop, close_all, NULL);
	(void)uv_run(&o->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&o->loop);
	vx_memory_free(o);
}

int vx_once_new(const struct vx_config *c, struct vx_once **out, struct vx_error *err)
{
	struct vx_once *o = vx_memory_alloc(sizeof(*o));
	int rc = VX_ENOMEM;

	if (o == NULL || uv_loop_init(&o->loop) != 0) {
		vx_memory_free(o);
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	}
	o->log = (struct vx_log){ .fd = 2, .level = VX_LOG_ERROR };
	(void)uv_timer_init(&o->loop, &o->deadline);
	(void)uv_timer_init(&o->loop, &o->sweep);
	o->deadline.data = o->sweep.data = o;
	rc = vx_resolver_new(&o->loop, c, &o->log, &o->resolver, err);
	if (rc == VX_OK) {
		rc = vx_fetcher_new(
		    &o->loop, o->resolver, c->tls_authorities, &o->fetcher);
		if (rc != VX_OK)
			(void)vx_error_set(err, rc, "%s", vx_strerror(rc));
	}
	if (rc == VX_OK)
		*out = o;
	else
		vx_once_free(o);
	return rc;
}
