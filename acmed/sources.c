#include "acmed/sources.h"

#include "runtime/direct.h"
#include "vectis/memory.h"

/* On another thread; it outlives who wanted it. */
struct inquiry {
	struct vx_job job;     /* first */
	struct sources *owner; /* NULL: nobody wants it any more */
	struct vx_dns_question question;
	struct vx_direct servers[SOURCES_MAX];
	size_t count;
};

struct sources {
	struct vx_worker *worker;
	sources_done_fn *done;
	void *ctx;
	struct inquiry *inquiry; /* being prepared, or under way */
	struct vx_lookup lookup;
	bool asking;
	size_t labels; /* of the question's name that are left away: the zone */
	char names[SOURCES_NAMES_MAX][VX_DNS_NAME_MAX + 1];
	size_t name_count, at; /* at: of 2 for each, A and AAAA */
};

int sources_new(
    struct vx_worker *w, sources_done_fn *done, void *ctx, struct sources **out)
{
	struct sources *const s = vx_memory_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->worker = w;
	s->done = done;
	s->ctx = ctx;
	*out = s;
	return VX_OK;
}

static void free_inquiry(struct inquiry *q)
{
	for (size_t i = 0; i < q->count; i++)
		vx_dns_answer_free(q->servers[i].answer);
	vx_memory_free(q);
}

void sources_stop(struct sources *s)
{
	struct inquiry *const q = s->inquiry;

	if (s->asking)
		s->worker->loop->forget(s->worker->loop, &s->lookup);
	if (q != NULL && q->owner == NULL)
		free_inquiry(q);
	else if (q != NULL)
		q->owner = NULL; /* it frees itself */
	s->asking = false;
	s->inquiry = NULL;
}

void sources_free(struct sources *s)
{
	if (s == NULL)
		return;
	sources_stop(s);
	vx_memory_free(s);
}

/* --- asking them, on a thread ---------------------------------------------------------
 */

static void run(struct vx_job *job)
{
	struct inquiry *const q = (struct inquiry *)job;

	vx_direct_ask(q->servers, q->count, SOURCES_MS);
}

/* One without authority says what it has heard, and is none. */
static bool is_answer(const struct vx_direct *d)
{
	return d->answer != NULL && d->authoritative && vx_dns_answered(d->answer);
}

static void ran(struct vx_job *job)
{
	struct inquiry *const q = (struct inquiry *)job;
	struct sources *const s = q->owner;
	struct vx_dns_answer *answers[SOURCES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < q->count; i++)
		if (is_answer(&q->servers[i]))
			answers[n++] = q->servers[i].answer;
	if (s != NULL) {
		s->inquiry = NULL;
		s->done(s->ctx, answers, n);
	}
	free_inquiry(q);
}

/* --- who they are ---------------------------------------------------------------------
 */

static int begin(struct sources *s)
{
	struct inquiry *const q = s->inquiry;
	int rc;

	q->job = (struct vx_job){ .run = run, .done = ran };
	q->owner = s;
	rc = s->worker->loop->submit(s->worker->loop, &q->job);
	if (rc != VX_OK) {
		q->owner = NULL;
		sources_stop(s);
	}
	return rc;
}

static void add(struct inquiry *q, const struct vx_dns_server *server)
{
	if (q->count == SOURCES_MAX)
		return;
	q->servers[q->count++] =
	    (struct vx_direct){ .question = q->question, .server = *server };
}

/* The servers that the configuration names for the zone.  False: none. */
static bool add_configured(struct sources *s)
{
	const struct vx_text_list *const zones = &s->worker->config->dns_zones;
	struct vx_dns_server server;
	vx_slice zone;

	for (size_t i = 0; i < zones->count; i++)
		if (vx_dns_server_parse_zone(
			vx_slice_str(zones->items[i]), &zone, &server) == VX_OK &&
		    vx_dns_is_below(vx_slice_str(s->inquiry->question.name), zone))
			add(s->inquiry, &server);
	return s->inquiry->count > 0;
}

static int go_on(struct sources *s);

static void on_answer(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct sources *const s =
	    (struct sources *)(void *)((char *)l - offsetof(struct sources, lookup));
	char text[VX_DNS_ADDRESS_MAX + 1];
	struct vx_dns_server server;

	s->asking = false;
	if (s->name_count == 0) {
		for (size_t i = 0; i < a->count && s->name_count < SOURCES_NAMES_MAX; i++)
			s->name_count += vx_dns_read_name(a->rdata[i],
					     s->names[s->name_count]) == VX_OK;
		s->labels++;
	} else {
		if (a->count > 0 && vx_dns_read_address(a->rdata[0], text) == VX_OK &&
		    vx_dns_server_parse(vx_slice_str(text), &server) == VX_OK)
			add(s->inquiry, &server);
		s->at++;
	}
	if (go_on(s) != VX_OK)
		s->done(s->ctx, NULL, 0);
}

/* The next question: NS of the name and of those above it, then where these are. */
static bool next(struct sources *s, struct vx_dns_question *q)
{
	const vx_slice name = vx_slice_str(s->inquiry->question.name);

	if (s->name_count == 0)
		return vx_dns_labels(name) > s->labels &&
		       vx_dns_ask(VX_DNS_NS, "", vx_dns_parent(name, s->labels), q) ==
			   VX_OK;
	return s->at < 2 * s->name_count &&
	       vx_dns_ask(s->at % 2 == 0 ? VX_DNS_A : VX_DNS_AAAA, "",
		   vx_slice_str(s->names[s->at / 2]), q) == VX_OK;
}

static int go_on(struct sources *s)
{
	s->lookup = (struct vx_lookup){ .done = on_answer };
	s->asking = next(s, &s->lookup.question) &&
		    s->worker->loop->ask(s->worker->loop, &s->lookup) == VX_OK;
	return s->asking ? VX_OK : begin(s);
}

int sources_ask(struct sources *s, const struct vx_dns_question *q)
{
	sources_stop(s);
	s->inquiry = vx_memory_alloc(sizeof(*s->inquiry));
	if (s->inquiry == NULL)
		return VX_ENOMEM;
	s->inquiry->question = *q;
	s->labels = s->name_count = s->at = 0;
	return add_configured(s) ? begin(s) : go_on(s);
}
