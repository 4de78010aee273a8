/* A message under way: taken from the queue, read for the client, its results noted. */
#include "service/sender_seven.h"

#include "base/mem.h"

#include <stdio.h>

#define RETURN_PATH_MAX ((size_t)VX_QUEUE_PATH_MAX + 20)

/* --- claiming --------------------------------------------------------------------------
 */

/* One of those that are under way themselves? */
static bool is_taken(const struct sender_claim *c, uint32_t number)
{
	const struct sender_outgoing *o = c->outgoing;
	size_t i = 0;

	while (i < o->count && o->recipients[i].number != number)
		i++;
	return i < o->count;
}

/* A recipient of a message that is under way waits until it is not. */
static bool is_claimed(const struct destination *d, const struct vx_queue_place *at)
{
	struct sender_claim *c = d->claims;

	while (c != NULL && c->message != at->message)
		c = c->next;
	if (c != NULL && at->due < c->waits && !is_taken(c, at->number))
		c->waits = at->due;
	return c != NULL;
}

static struct sender_claim **list_of(struct vx_sender *s, uint64_t message)
{
	return &s->under_way[message % SENDER_UNDER_WAY];
}

static void claim(struct vx_sender *s, struct sender_outgoing *o, uint64_t message)
{
	struct destination *d = o->destination;
	struct sender_claim *c = &o->claim, **list = list_of(s, message);

	c->message = message;
	c->outgoing = o;
	c->waits = UINT32_MAX;
	c->next = d->claims;
	c->link = &d->claims;
	if (c->next != NULL)
		c->next->link = &c->next;
	d->claims = c;
	c->same = *list;
	c->slink = list;
	if (c->same != NULL)
		c->same->slink = &c->same;
	*list = c;
}

static void unclaim(struct sender_claim *c)
{
	if (c->link == NULL)
		return;
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	c->link = NULL;
	*c->slink = c->same;
	if (c->same != NULL)
		c->same->slink = c->slink;
}

/* One that was due for another destination when it was taken: relays changed. */
static bool is_under_way(struct vx_sender *s, uint64_t message, uint32_t number)
{
	for (const struct sender_claim *c = *list_of(s, message); c != NULL; c = c->same)
		for (size_t i = 0; c->message == message && i < c->outgoing->count; i++)
			if (c->outgoing->recipients[i].number == number)
				return true;
	return false;
}

static int copy(struct vx_arena *a, vx_slice *s)
{
	return vx_arena_copy(a, *s, s);
}

static int copy_recipient(struct vx_arena *a, struct vx_queue_recipient *r)
{
	int rc = copy(a, &r->forward_path);

	if (rc == VX_OK)
		rc = copy(a, &r->orcpt);
	if (rc == VX_OK)
		rc = copy(a, &r->host);
	if (rc == VX_OK)
		rc = copy(a, &r->reply);
	r->destination = vx_slice_of("", 0);
	return rc;
}

/* The message with its recipients that are due for the destination, from at on. */
static int take(struct vx_sender *s, struct vx_view *v, struct vx_queue_place at,
    uint32_t now, struct sender_outgoing *o)
{
	struct destination *d = o->destination;
	const size_t max = VX_SENDER_RECIPIENTS_MAX;
	const uint64_t id = at.message;
	int rc = vx_queue_get(v, id, &o->info);

	if (rc == VX_OK)
		rc = copy(&o->arena, &o->info.reverse_path);
	if (rc == VX_OK)
		rc = copy(&o->arena, &o->info.envid);
	if (rc == VX_OK)
		rc = copy(&o->arena, &o->info.hold);
	o->info.domain = vx_slice_of("", 0);
	if (rc == VX_OK)
		rc = vx_queue_prefix(v, id, &o->prefix);
	if (rc == VX_OK)
		rc = copy(&o->arena, &o->prefix);
	o->recipients = vx_arena_array(&o->arena, max, sizeof(*o->recipients));
	if (rc == VX_OK && o->recipients == NULL)
		rc = VX_ENOMEM;
	while (rc == VX_OK && at.message == id && at.due <= now && o->count < max) {
		struct vx_queue_recipient *r = &o->recipients[o->count];

		rc = vx_queue_recipient(v, id, at.number, r);
		if (rc == VX_OK && r->number == at.number &&
		    !is_under_way(s, id, r->number)) {
			rc = copy_recipient(&o->arena, r);
			o->count++;
		}
		if (rc == VX_OK && vx_queue_due(v, vx_slice_str(d->name), &at) != VX_OK)
			break;
	}
	return rc == VX_OK && o->count == 0 ? VX_ENOENT : rc;
}

static int make(struct vx_sender *s, struct vx_view *v, struct destination *d,
    struct vx_queue_place at, uint32_t now, struct sender_outgoing **out)
{
	struct sender_outgoing *o = vx_alloc(sizeof(*o));
	int rc;

	if (o == NULL)
		return VX_ENOMEM;
	o->destination = d;
	o->routes = s->routes;
	vx_arena_init(&o->arena, (size_t)1 << 20);
	rc = take(s, v, at, now, o);
	if (rc == VX_OK) {
		o->outcomes = vx_arena_array(&o->arena, o->count, sizeof(*o->outcomes));
		rc = o->outcomes == NULL ? VX_ENOMEM : VX_OK;
	}
	if (rc != VX_OK) {
		vx_arena_done(&o->arena);
		vx_free(o);
		return rc;
	}
	claim(s, o, at.message);
	*out = o;
	return VX_OK;
}

/* Has it to go by a relay, now that its MX hosts are known? */
static bool is_stray(
    struct vx_view *v, const struct destination *d, const struct vx_queue_place *at)
{
	struct vx_queue_message m;

	return vx_queue_get(v, at->message, &m) == VX_OK && vx_sender_is_stray(v, d, &m);
}

/* The first message from *at on that is not under way. */
static int first_free(
    struct vx_view *v, const struct destination *d, struct vx_queue_place *at)
{
	int rc;

	do
		rc = vx_queue_due(v, vx_slice_str(d->name), at);
	while (rc == VX_OK && is_claimed(d, at));
	return rc;
}

int vx_sender_claim(struct vx_sender *s, struct destination *d, uint32_t now,
    struct sender_outgoing **out, uint32_t *due)
{
	struct vx_queue_place at = { 0 }, next;
	bool stray = false;
	struct vx_view *v;
	int rc = vx_view_begin(s->o.store, &v);

	if (rc != VX_OK)
		return rc;
	*due = UINT32_MAX;
	while ((rc = first_free(v, d, &at)) == VX_OK && at.due <= now) {
		stray = is_stray(v, d, &at);
		rc = stray ? VX_ECONFLICT : make(s, v, d, at, now, out);
		if (rc != VX_ENOENT && rc != VX_ECORRUPT)
			break;
		/* it went meanwhile, or is damaged: the others need not wait for it */
	}
	next = at;
	if (rc == VX_OK && at.due > now) {
		*due = at.due;
		rc = VX_ENOENT;
	} else if (rc == VX_OK && first_free(v, d, &next) == VX_OK) {
		*due = next.due;
	}
	vx_view_end(v);
	if (stray) {
		vx_sender_route(s, d);
		return VX_ENOENT;
	}
	return rc;
}

bool vx_sender_has_stray(struct vx_sender *s, struct destination *d)
{
	struct vx_queue_place at = { 0 };
	struct vx_view *v;
	bool stray;

	if (vx_view_begin(s->o.store, &v) != VX_OK)
		return false;
	stray = first_free(v, d, &at) == VX_OK && is_stray(v, d, &at);
	vx_view_end(v);
	return stray;
}

bool vx_sender_has_only(
    struct vx_sender *s, struct destination *d, uint32_t now, unsigned flag)
{
	struct vx_queue_place at = { 0 };
	struct vx_queue_message m;
	bool only = false;
	struct vx_view *v;

	if (vx_view_begin(s->o.store, &v) != VX_OK)
		return false;
	for (int i = 0; i <= SENDER_LOOK_MAX; i++) {
		if (first_free(v, d, &at) != VX_OK || at.due > now)
			break;
		only = i < SENDER_LOOK_MAX && vx_queue_get(v, at.message, &m) == VX_OK &&
		       (m.flags & flag) != 0;
		if (!only)
			break;
	}
	vx_view_end(v);
	return only;
}

void vx_sender_unclaim(struct sender_outgoing *o)
{
	unclaim(&o->claim);
}

void vx_sender_outgoing_free(struct sender_outgoing *o)
{
	if (o == NULL)
		return;
	unclaim(&o->claim);
	vx_sender_seven_free(o->seven);
	vx_blob_close(o->reader);
	vx_arena_done(&o->arena);
	vx_free(o);
}

/* --- preparing -------------------------------------------------------------------------
 */

/* Final delivery wrote a Return-Path in front (RFC 5321 4.4): it does not travel. */
static int skip_return_path(struct sender_outgoing *o)
{
	vx_slice head;
	size_t lf;
	int rc = vx_blob_read(o->reader, 0, RETURN_PATH_MAX, &head);

	if (rc == VX_WAIT) {
		rc = vx_blob_fetch(o->reader, 0, RETURN_PATH_MAX);
		if (rc == VX_OK)
			rc = vx_blob_read(o->reader, 0, RETURN_PATH_MAX, &head);
	}
	if (rc != VX_OK)
		return rc == VX_WAIT ? VX_ETEMP : rc;
	if (!vx_slice_has_prefix_nocase(head, VX_S("Return-Path:")))
		return VX_OK;
	lf = vx_slice_find(head, '\n');
	o->skip = lf < head.len ? lf + 1 : 0;
	return VX_OK;
}

int vx_sender_prepare(struct vx_sender *s, struct sender_outgoing *o)
{
	const unsigned flags = o->info.flags;
	int rc = vx_blob_open(s->o.store, o->info.blob, &o->reader);

	if (rc == VX_OK)
		rc = skip_return_path(o);
	o->forwards = vx_arena_array(&o->arena, o->count, sizeof(*o->forwards));
	if (rc == VX_OK && o->forwards == NULL)
		rc = VX_ENOMEM;
	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < o->count; i++)
		o->forwards[i] = (struct vx_smtp_forward){ o->recipients[i].forward_path,
			o->recipients[i].notify, o->recipients[i].orcpt };
	o->message = (struct vx_smtp_message){ .from = o->info.reverse_path,
		.to = o->forwards,
		.to_count = o->count,
		.size = o->prefix.len + vx_blob_size(o->reader) - o->skip,
		.ret = (flags & VX_QUEUE_RET_HEADERS) != 0 ? VX_SMTP_RET_HDRS
		       : (flags & VX_QUEUE_RET_FULL) != 0  ? VX_SMTP_RET_FULL
							   : VX_SMTP_RET_NONE,
		.envid = o->info.envid,
		.body_8bit = (flags & VX_QUEUE_8BIT) != 0,
		.utf8 = (flags & VX_QUEUE_UTF8) != 0,
		.has_8bit = (flags & VX_QUEUE_HAS_8BIT) != 0,
		.has_utf8_header = (flags & VX_QUEUE_HAS_UTF8_HEADER) != 0,
		.has_bare = (flags & VX_QUEUE_HAS_BARE) != 0 };
	return VX_OK;
}

/* --- results ---------------------------------------------------------------------------
 */

static void note(struct sender_outgoing *o, size_t i, enum vx_smtp_outcome outcome,
    const char *status, vx_slice reply, bool dsn)
{
	struct sender_outcome *x = &o->outcomes[i];

	x->known = true;
	x->outcome = outcome;
	x->dsn = dsn;
	(void)snprintf(x->status, sizeof(x->status), "%s", status);
	if (vx_arena_copy(&o->arena, reply, &x->reply) != VX_OK)
		x->reply = vx_slice_of("", 0);
}

void vx_sender_note(struct sender_outgoing *o, size_t i, const struct vx_smtp_result *r)
{
	char text[VX_QUEUE_REPLY_MAX + 1];

	if (i >= o->count)
		return;
	if (r->code > 0)
		(void)snprintf(text, sizeof(text), "%u %s %.*s (to %s)", r->code,
		    r->status, (int)r->text.len, r->text.len > 0 ? r->text.ptr : "",
		    vx_smtp_stage_name(r->stage));
	else
		(void)snprintf(text, sizeof(text), "%.*s", (int)r->text.len,
		    r->text.len > 0 ? r->text.ptr : "");
	note(o, i, r->outcome, r->status, vx_slice_str(text), r->dsn);
}

void vx_sender_note_all(struct sender_outgoing *o, enum vx_smtp_outcome outcome,
    const char *status, vx_slice reply)
{
	for (size_t i = 0; i < o->count; i++)
		if (!o->outcomes[i].known)
			note(o, i, outcome, status, reply, false);
}

void vx_sender_note_again(struct sender_outgoing *o, enum vx_smtp_outcome outcome,
    const char *status, vx_slice reply)
{
	for (size_t i = 0; i < o->count; i++)
		note(o, i, outcome, status, reply, false);
}
