/*
 * Look-ups by libunbound.  Its callbacks may come while it is being asked, and its
 * context must not be used from within them: what is known waits in a list until the loop
 * turns.
 */
#include "runtime/resolver.h"

#include "runtime/events.h"
#include "vectis/dns_cache.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <unbound-event.h>
#include <unbound.h>

enum {
	CLASS_IN = 1,
	CONFIG_MAX = 16384
};

/*
 * What libunbound remembers for fresh lookups.  Its settings cannot say "remember less",
 * since the longest time is one for all contexts of a process.
 */
struct fresh {
	struct ub_ctx *ctx; /* own */
	size_t busy;        /* questions under way */
	uint64_t began_ms;
	struct fresh *next;
};

/* A question under way.  Its lookup may be forgotten before libunbound answers. */
struct pending {
	struct vx_resolver *resolver;
	struct vx_lookup *lookup; /* NULL: nobody waits */
	struct vx_dns_question question;
	struct pending *next, **link; /* in under_way, oldest first, or in ready */
	uint64_t began_ms;
	int id;              /* libunbound's */
	struct fresh *fresh; /* whose question it is; NULL: not of one of these */
	bool asked, answered;
	struct vx_dns_answer *answer; /* own; NULL: failed */
};

struct list {
	struct pending *first, **tail;
};

struct vx_resolver {
	struct ub_event_base *events; /* own */
	struct ub_ctx *ctx;           /* own */
	struct fresh *fresh;          /* own, the newest first */
	const struct vx_config *config;
	int anchor; /* own: a copy of the trust anchor; -1: there is none */
	struct vx_dns_cache *cache;    /* own */
	struct vx_dns_records records; /* of the answer that is being read */
	struct list under_way, ready;
	size_t count;
	uv_async_t turn; /* there is something in ready */
};

/* --- lists ------------------------------------------------------------------------- */

static void append(struct list *l, struct pending *p)
{
	p->next = NULL;
	p->link = l->tail;
	*l->tail = p;
	l->tail = &p->next;
}

static void take_out(struct list *l, struct pending *p)
{
	*p->link = p->next;
	if (p->next != NULL)
		p->next->link = p->link;
	else
		l->tail = p->link;
}

static uint64_t now_s(void)
{
	return uv_hrtime() / 1000000000;
}

static void free_pending(struct pending *p)
{
	p->resolver->count--;
	vx_dns_answer_free(p->answer);
	vx_memory_free(p);
}

/* --- the context ---------------------------------------------------------------------
 */

static void add_zone(struct vx_buf *out, vx_slice text)
{
	struct vx_dns_server server;
	vx_slice zone;

	if (vx_dns_server_parse_zone(text, &zone, &server) != VX_OK)
		return;
	/* what unbound answers by itself otherwise: private networks, .test, .home.arpa,
	 * and all below them */
	vx_buf_printf(
	    out, "server:\n local-zone: \"%.*s\" transparent\n", (int)zone.len, zone.ptr);
	vx_buf_printf(out, "stub-zone:\n name: \"%.*s\"\n stub-addr: %s@%u\n",
	    (int)zone.len, zone.ptr, server.address, (unsigned)server.port);
}

/* Both were checked when the configuration was read.  anchor: a file; NULL: none. */
static void write_config(
    const struct vx_config *c, const char *anchor, bool fresh, struct vx_buf *out)
{
	vx_buf_printf(out,
	    "server:\n module-config: \"%s\"\n do-not-query-localhost: no\n"
	    " unblock-lan-zones: yes\n insecure-lan-zones: yes\n"
	    " outbound-msg-retry: 2\n edns-buffer-size: 1232\n%s"
	    " so-rcvbuf: 0\n use-syslog: no\n root-hints: \"\"\n",
	    anchor != NULL ? "validator iterator" : "iterator",
	    fresh ? " msg-cache-size: 256k\n rrset-cache-size: 512k\n"
		    " key-cache-size: 256k\n num-queries-per-thread: 256\n"
		    " outgoing-range: 64\n"
		  : " msg-cache-size: 4m\n rrset-cache-size: 8m\n key-cache-size: 2m\n"
		    " aggressive-nsec: yes\n num-queries-per-thread: 4096\n"
		    " outgoing-range: 1024\n");
	if (anchor != NULL)
		vx_buf_printf(out, " trust-anchor-file: \"%s\"\n", anchor);
	for (size_t i = 0; i < c->dns_zones.count; i++)
		add_zone(out, vx_slice_str(c->dns_zones.items[i]));
	if (c->dns_upstream.count > 0)
		vx_buf_add_str(out, "forward-zone:\n name: \".\"\n");
	for (size_t i = 0; i < c->dns_upstream.count; i++)
		vx_buf_printf(out, " forward-addr: %s\n", c->dns_upstream.items[i]);
}

/* unbound reads a file: one that has no name elsewhere. */
static int give_config(struct ub_ctx *ctx, vx_slice text, struct vx_error *err)
{
	const int fd = memfd_create("dns", MFD_CLOEXEC);
	char path[40];
	int rc = fd < 0 ? UB_READFILE : 0;

	if (rc == 0 && write(fd, text.ptr, text.len) != (ssize_t)text.len)
		rc = UB_READFILE;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (rc == 0)
		rc = ub_ctx_config(ctx, path);
	if (fd >= 0)
		(void)close(fd);
	if (rc != 0)
		return vx_error_set(err, VX_EINVAL,
		    "the resolver does not take its settings: %s", ub_strerror(rc));
	return VX_OK;
}

static void ignore(
    void *data, int rcode, void *packet, int len, int sec, char *why, int limited)
{
	(void)data;
	(void)rcode;
	(void)packet;
	(void)len;
	(void)sec;
	(void)why;
	(void)limited;
}

/* The first question makes it read its files: one that it answers by itself. */
static int settle(struct ub_ctx *ctx, const struct vx_config *c, struct vx_error *err)
{
	const int rc =
	    ub_resolve_event(ctx, "localhost.", VX_DNS_A, CLASS_IN, NULL, ignore, NULL);

	if (rc != 0)
		return vx_error_set(err, VX_EINVAL,
		    "the resolver cannot begin (%s): is %s, dns.trust_anchor, a file of "
		    "keys?",
		    ub_strerror(rc), c->dns_trust_anchor);
	return VX_OK;
}

static int open_context(struct vx_resolver *r, const char *anchor, bool fresh,
    struct ub_ctx **out, struct vx_error *err)
{
	struct ub_ctx *ctx = ub_ctx_create_ub_event(r->events);
	struct vx_buf text = { .max = CONFIG_MAX };
	int rc;

	if (ctx == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for a resolver");
	(void)ub_ctx_debugout(ctx, NULL);
	write_config(r->config, anchor, fresh, &text);
	rc = text.failed ? VX_ELIMIT : give_config(ctx, vx_buf_slice(&text), err);
	vx_buf_done(&text);
	if (rc == VX_OK)
		rc = settle(ctx, r->config, err);
	if (rc == VX_OK)
		*out = ctx;
	else
		ub_ctx_delete(ctx);
	return rc;
}

/* --- fresh lookups -------------------------------------------------------------------
 */

/* The sandbox lets no context read the file itself any more. */
static int copy_anchor(const char *path)
{
	FILE *from = fopen(path, "re");
	int fd = from == NULL ? -1 : memfd_create("anchor", MFD_CLOEXEC);
	char octets[4096];
	size_t n;

	while (fd >= 0 && (n = fread(octets, 1, sizeof(octets), from)) > 0)
		if (write(fd, octets, n) != (ssize_t)n) {
			(void)close(fd);
			fd = -1;
		}
	if (from != NULL)
		(void)fclose(from);
	return fd;
}

static struct fresh *open_fresh(struct vx_resolver *r)
{
	struct fresh *f = vx_memory_alloc(sizeof(*f));
	struct vx_error err;
	char anchor[40];

	if (f == NULL)
		return NULL;
	(void)snprintf(anchor, sizeof(anchor), "/proc/self/fd/%d", r->anchor);
	if (open_context(r, r->anchor >= 0 ? anchor : NULL, true, &f->ctx, &err) !=
	    VX_OK) {
		vx_memory_free(f);
		return NULL;
	}
	f->began_ms = uv_now(r->turn.loop);
	f->next = r->fresh;
	r->fresh = f;
	return f;
}

static bool is_old(const struct vx_resolver *r, const struct fresh *f)
{
	return uv_now(r->turn.loop) - f->began_ms >= VX_LOOKUP_FRESH_MS;
}

/* NULL: none can be made, and what is remembered has to do. */
static struct fresh *find_fresh(struct vx_resolver *r)
{
	return r->fresh != NULL && !is_old(r, r->fresh) ? r->fresh : open_fresh(r);
}

static struct ub_ctx *context_of(const struct pending *p)
{
	return p->fresh != NULL ? p->fresh->ctx : p->resolver->ctx;
}

/* libunbound is done with it. */
static void leave(struct pending *p)
{
	if (p->fresh != NULL)
		p->fresh->busy--;
	p->fresh = NULL;
}

/* all: whoever waits. */
static void close_fresh(struct vx_resolver *r, bool all)
{
	struct fresh **link = &r->fresh, *f;

	while ((f = *link) != NULL) {
		if (!all && (f->busy > 0 || !is_old(r, f))) {
			link = &f->next;
			continue;
		}
		*link = f->next;
		ub_ctx_delete(f->ctx);
		vx_memory_free(f);
	}
}

/* --- answers -------------------------------------------------------------------------
 */

static void set_ready(struct vx_resolver *r, struct pending *p)
{
	p->answered = true;
	append(&r->ready, p);
	(void)uv_async_send(&r->turn);
}

static void on_answer(
    void *data, int rcode, void *packet, int len, int sec, char *why, int limited)
{
	struct pending *p = data;
	struct vx_resolver *r = p->resolver;

	const bool fresh = p->fresh != NULL;

	(void)why;
	(void)limited;
	take_out(&r->under_way, p);
	leave(p);
	/* a packet that goes with an error is not to be looked at */
	if (rcode == 0 || rcode == 3)
		(void)vx_dns_read_message(
		    vx_slice_of(packet, (size_t)len), &p->question, &r->records);
	else
		r->records.answer = (struct vx_dns_answer){ .status = VX_DNS_FAILED };
	r->records.answer.secure = sec == 2;
	if (sec == 1)
		r->records.answer = (struct vx_dns_answer){ .status = VX_DNS_BOGUS };
	if (!fresh)
		vx_dns_cache_put(r->cache, &p->question, &r->records.answer, now_s());
	p->answer = vx_dns_answer_dup(&r->records.answer);
	set_ready(r, p);
}

static void on_turn(uv_async_t *turn)
{
	static const struct vx_dns_answer failed = { .status = VX_DNS_FAILED };
	struct vx_resolver *r = turn->data;
	struct pending *p;

	while ((p = r->ready.first) != NULL) {
		struct vx_lookup *l = p->lookup;

		take_out(&r->ready, p);
		if (l != NULL) {
			l->handle = NULL;
			l->done(l, p->answer != NULL ? p->answer : &failed);
		}
		free_pending(p);
	}
}

/* --- asking --------------------------------------------------------------------------
 */

static bool remembered(struct vx_resolver *r, struct pending *p)
{
	const struct vx_dns_answer *a =
	    vx_dns_cache_find(r->cache, &p->question, now_s());

	if (a != NULL)
		p->answer = vx_dns_answer_dup(a);
	return p->answer != NULL;
}

int vx_resolver_ask(struct vx_resolver *r, struct vx_lookup *l)
{
	char name[VX_DNS_NAME_MAX + 2];
	struct pending *p;

	if (r->count >= VX_LOOKUPS_MAX)
		return VX_ELIMIT;
	p = vx_memory_alloc(sizeof(*p));
	if (p == NULL)
		return VX_ENOMEM;
	p->resolver = r;
	p->lookup = l;
	p->question = l->question;
	p->began_ms = uv_now(r->turn.loop);
	l->handle = p;
	r->count++;
	if (!l->fresh && remembered(r, p)) {
		set_ready(r, p);
		return VX_OK;
	}
	if (l->fresh && (p->fresh = find_fresh(r)) != NULL)
		p->fresh->busy++;
	append(&r->under_way, p);
	(void)snprintf(name, sizeof(name), "%s.", p->question.name);
	if (ub_resolve_event(context_of(p), name, (int)p->question.type, CLASS_IN, p,
		on_answer, &p->id) != 0) {
		take_out(&r->under_way, p);
		leave(p);
		set_ready(r, p); /* as failed */
	} else if (!p->answered) {
		p->asked = true;
	}
	return VX_OK;
}

void vx_resolver_forget(struct vx_resolver *r, struct vx_lookup *l)
{
	struct pending *p = l->handle;

	(void)r;
	if (p != NULL)
		p->lookup = NULL; /* its answer is for the cache */
	l->handle = NULL;
}

void vx_resolver_sweep(struct vx_resolver *r)
{
	const uint64_t now = uv_now(r->turn.loop);
	struct pending *p;

	while ((p = r->under_way.first) != NULL && now - p->began_ms >= VX_LOOKUP_MS) {
		if (p->asked)
			(void)ub_cancel(context_of(p), p->id);
		take_out(&r->under_way, p);
		leave(p);
		set_ready(r, p);
	}
	close_fresh(r, false);
}

/* --- life ----------------------------------------------------------------------------
 */

int vx_resolver_new(uv_loop_t *loop, const struct vx_config *c, const struct vx_log *log,
    struct vx_resolver **out, struct vx_error *err)
{
	struct vx_resolver *r = vx_memory_alloc(sizeof(*r));
	const bool anchored = access(c->dns_trust_anchor, R_OK) == 0;
	int rc;

	if (r == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for a resolver");
	if (!anchored)
		vx_log(log, VX_LOG_WARN,
		    "no DNSSEC: dns.trust_anchor cannot be read (on Debian the package "
		    "dns-root-data has it)",
		    VX_KV_Z("file", c->dns_trust_anchor));
	r->config = c;
	r->anchor = anchored ? copy_anchor(c->dns_trust_anchor) : -1;
	vx_dns_records_init(&r->records);
	r->under_way.tail = &r->under_way.first;
	r->ready.tail = &r->ready.first;
	(void)uv_async_init(loop, &r->turn, on_turn);
	r->turn.data = r;
	uv_unref((uv_handle_t *)&r->turn);
	rc = vx_dns_cache_new(VX_LOOKUP_KEPT, &r->cache);
	if (rc == VX_OK && (r->events = vx_events_new(loop)) == NULL)
		rc = VX_ENOMEM;
	if (rc != VX_OK)
		(void)vx_error_set(err, rc, "no memory for a resolver");
	else
		rc = open_context(
		    r, anchored ? c->dns_trust_anchor : NULL, false, &r->ctx, err);
	if (rc != VX_OK) {
		vx_resolver_free(r);
		return rc;
	}
	*out = r;
	return VX_OK;
}

static void on_closed(uv_handle_t *handle)
{
	vx_memory_free(handle->data);
}

void vx_resolver_free(struct vx_resolver *r)
{
	struct pending *p;

	if (r == NULL)
		return;
	while ((p = r->under_way.first) != NULL) {
		take_out(&r->under_way, p);
		if (p->asked)
			(void)ub_cancel(context_of(p), p->id);
		free_pending(p);
	}
	while ((p = r->ready.first) != NULL) {
		take_out(&r->ready, p);
		free_pending(p);
	}
	close_fresh(r, true);
	if (r->ctx != NULL)
		ub_ctx_delete(r->ctx);
	if (r->anchor >= 0)
		(void)close(r->anchor);
	vx_events_free(r->events);
	vx_dns_cache_free(r->cache);
	vx_dns_records_done(&r->records);
	uv_close((uv_handle_t *)&r->turn, on_closed);
}
