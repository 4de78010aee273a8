#include "service/smtp_peer.h"
#include "service/smtp_says.h"

#include "base/mem.h"

#include <stdio.h>

enum {
	CHECK_MS = 20000 /* for all questions about a client together */
};

/* One question, as a core. */
struct one {
	const struct vx_dnsbl *list;
	const char *address;
	enum vx_dnsbl_verdict verdict;
	char code[VX_DNS_ADDRESS_MAX + 1];
	bool done;
};

static int one_next(void *core, struct vx_dns_question *question)
{
	struct one *o = core;

	if (!o->done && vx_dnsbl_ask(o->list, o->address, question) == VX_OK)
		return VX_WAIT;
	return VX_DONE;
}

static int one_answer(void *core, const struct vx_dns_answer *answer)
{
	struct one *o = core;

	o->verdict = vx_dnsbl_read(o->list, answer, o->code);
	o->done = true;
	return VX_OK;
}

static void ask_list(struct own_inquiry *i, struct one *o, struct vx_loop *loop,
    const struct vx_dnsbl *list, const char *address)
{
	*o = (struct one){ .list = list, .address = address, .verdict = VX_DNSBL_FAILED };
	i->loop = loop;
	i->by_ms = loop->now_ms(loop) + CHECK_MS;
	i->core = o;
	i->next = one_next;
	i->answer = one_answer;
}

/* --- do they work? -------------------------------------------------------------------
 */

struct test {
	struct own_inquiry asking[2];
	struct one points[2]; /* VX_DNSBL_TEST_LISTED, _NOT */
	unsigned open;
	bool known, works;
	struct smtp_lists *lists;
};

struct smtp_lists {
	const struct vx_log *log;
	struct vx_loop *loop;
	const struct vx_dnsbl *lists; /* borrowed */
	size_t count;
	int64_t tested_s;
	struct test tests[];
};

static void tested(void *ctx, int rc)
{
	struct test *t = ctx;
	const bool worked = t->works, known = t->known;

	(void)rc;
	if (--t->open > 0)
		return;
	t->works = vx_dnsbl_works(t->points[0].verdict, t->points[1].verdict);
	t->known = true;
	if (t->works && (!known || !worked))
		vx_log(t->lists->log, VX_LOG_INFO, "blocklist works",
		    VX_KV_Z("zone", t->points[0].list->zone));
	else if (!t->works && (!known || worked))
		vx_log(t->lists->log, VX_LOG_WARN,
		    "blocklist does not work, and is not used: ask another, or a "
		    "resolver "
		    "of your own",
		    VX_KV_Z("zone", t->points[0].list->zone),
		    VX_KV_Z(VX_DNSBL_TEST_LISTED,
			vx_dnsbl_verdict_name(t->points[0].verdict)),
		    VX_KV_Z(
			VX_DNSBL_TEST_NOT, vx_dnsbl_verdict_name(t->points[1].verdict)));
}

static void test_all(struct smtp_lists *l)
{
	static const char *const points[] = { VX_DNSBL_TEST_LISTED, VX_DNSBL_TEST_NOT };

	l->tested_s = l->loop->now_s(l->loop);
	for (size_t i = 0; i < l->count; i++) {
		struct test *t = &l->tests[i];

		if (t->open > 0)
			continue;
		t->lists = l;
		t->open = 2;
		for (size_t k = 0; k < 2; k++) {
			ask_list(&t->asking[k], &t->points[k], l->loop, &l->lists[i],
			    points[k]);
			t->asking[k].done = tested;
			t->asking[k].ctx = t;
		}
		for (size_t k = 0; k < 2; k++)
			vx_own_inquiry_start(&t->asking[k]);
	}
}

int vx_smtp_lists_new(const struct vx_smtp_service_options *o, struct smtp_lists **out)
{
	struct smtp_lists *l =
	    vx_alloc(sizeof(*l) + o->blocklist_count * sizeof(l->tests[0]));

	if (l == NULL)
		return VX_ENOMEM;
	l->log = o->log;
	l->loop = o->loop;
	l->lists = o->blocklists;
	l->count = o->loop->ask == NULL ? 0 : o->blocklist_count;
	test_all(l);
	*out = l;
	return VX_OK;
}

void vx_smtp_lists_free(struct smtp_lists *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < 2; k++)
			vx_own_inquiry_stop(&l->tests[i].asking[k]);
	vx_free(l);
}

void vx_smtp_lists_tick(struct smtp_lists *l)
{
	const int64_t now = l->loop->now_s(l->loop);

	if (now < l->tested_s || now - l->tested_s >= SMTP_LIST_TEST_S)
		test_all(l);
}

/* --- a client ------------------------------------------------------------------------
 */

struct smtp_peer_check {
	struct smtp_peer *found; /* own */
	struct vx_reverse reverse;
	struct own_inquiry asking;
	const struct smtp_lists *lists;
	char address[48];
	unsigned open; /* inquiries under way */
	void (*done)(void *ctx);
	void *ctx;
	struct {
		struct own_inquiry asking;
		struct one core;
	} list[]; /* those that work */
};

static int reverse_next(void *core, struct vx_dns_question *question)
{
	return vx_reverse_next(core, question);
}

static int reverse_answer(void *core, const struct vx_dns_answer *answer)
{
	return vx_reverse_answer(core, answer);
}

static void note_name(struct smtp_peer *p, const struct vx_reverse *r)
{
	p->iprev = r->verdict;
	memcpy(p->name, r->name, sizeof(p->name));
	if (r->verdict == VX_VERDICT_PASS) {
		vx_smtp_note(&p->notes, "name", "pass", "%s", r->name);
	} else if (r->verdict == VX_VERDICT_FAIL) {
		vx_smtp_note(&p->notes, "name", "fail",
		    "%s does not lead back to the address", r->name);
		vx_smtp_weigh(&p->notes, SMTP_WEIGHT_NAME_ELSEWHERE,
		    SMTP_SAYS_NAME ", %s, does not lead back to it", r->name);
	} else if (r->verdict == VX_VERDICT_PERMERROR) {
		vx_smtp_note(&p->notes, "name", "none", "the address has no name");
		vx_smtp_weigh(&p->notes, SMTP_WEIGHT_NO_NAME, SMTP_SAYS_NO_NAME);
	} else {
		vx_smtp_note(
		    &p->notes, "name", "not known now", "the DNS did not answer");
	}
}

static void note_list(struct smtp_peer *p, const struct one *o, const char *address)
{
	vx_smtp_note(
	    &p->notes, o->list->zone, vx_dnsbl_verdict_name(o->verdict), "%s", o->code);
	if (o->verdict == VX_DNSBL_LISTED)
		vx_smtp_weigh(&p->notes, o->list->weight,
		    SMTP_SAYS_LISTED "%s is listed by %s", address, o->list->zone);
}

static void one_done(void *ctx, int rc)
{
	struct smtp_peer_check *c = ctx;

	(void)rc;
	if (--c->open > 0)
		return;
	note_name(c->found, &c->reverse);
	for (size_t i = 0, n = 0; i < c->lists->count; i++)
		if (c->list[n].core.list == &c->lists->lists[i])
			note_list(c->found, &c->list[n++].core, c->address);
	c->done(c->ctx);
}

static void begin_name(struct smtp_peer_check *c, struct vx_loop *loop)
{
	if (vx_reverse_init(&c->reverse, c->address) != VX_OK)
		return;
	c->asking = (struct own_inquiry){ .loop = loop,
		.by_ms = loop->now_ms(loop) + CHECK_MS,
		.core = &c->reverse,
		.next = reverse_next,
		.answer = reverse_answer,
		.done = one_done,
		.ctx = c };
	c->open++;
}

int vx_smtp_peer_check_new(const struct vx_smtp_service_options *o,
    const struct smtp_lists *lists, const char *address, void (*done)(void *ctx),
    void *ctx, struct smtp_peer_check **out)
{
	/* one entry more, which ends them */
	struct smtp_peer_check *c =
	    vx_alloc(sizeof(*c) + (lists->count + 1) * sizeof(c->list[0]));
	size_t n = 0;

	if (c == NULL)
		return VX_ENOMEM;
	c->lists = lists;
	c->found = vx_alloc(sizeof(*c->found));
	if (c->found == NULL) {
		vx_free(c);
		return VX_ENOMEM;
	}
	vx_smtp_notes_init(&c->found->notes);
	c->done = done;
	c->ctx = ctx;
	(void)snprintf(c->address, sizeof(c->address), "%s", address);
	*out = c;
	c->open = 1;
	begin_name(c, o->loop);
	for (size_t i = 0; i < lists->count; i++) {
		if (!lists->tests[i].works)
			continue;
		ask_list(&c->list[n].asking, &c->list[n].core, o->loop, &lists->lists[i],
		    c->address);
		c->list[n].asking.done = one_done;
		c->list[n++].asking.ctx = c;
		c->open++;
	}
	if (c->asking.done != NULL)
		vx_own_inquiry_start(&c->asking);
	for (size_t i = 0; i < n; i++)
		vx_own_inquiry_start(&c->list[i].asking);
	one_done(c, VX_OK); /* all are under way */
	return VX_OK;
}

struct smtp_peer *vx_smtp_peer_check_take(struct smtp_peer_check *c)
{
	struct smtp_peer *p = c->found;

	c->found = NULL;
	return p;
}

void vx_smtp_peer_free(struct smtp_peer *p)
{
	if (p != NULL)
		vx_smtp_notes_done(&p->notes);
	vx_free(p);
}

void vx_smtp_peer_check_free(struct smtp_peer_check *c)
{
	if (c == NULL)
		return;
	vx_own_inquiry_stop(&c->asking);
	for (size_t i = 0; i < c->lists->count; i++)
		vx_own_inquiry_stop(&c->list[i].asking);
	vx_smtp_peer_free(c->found);
	vx_free(c);
}
