#include "service/own_bounce.h"

#include "vectis/address.h"
#include "vectis/dsn.h"
#include "vectis/queue.h"

#include <stdio.h>

enum {
	RECEIVED_MAX = 400, /* octets from our name to the id in a Received field */
	LIST_MAX = 20       /* recipients of a report that are counted */
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Is a token here, and nothing that goes on? */
static bool is_token(vx_slice s)
{
	for (size_t i = 0; i < VX_QUEUE_TOKEN_OCTETS; i++)
		if (i >= s.len || !is_hex(s.ptr[i]))
			return false;
	return s.len == VX_QUEUE_TOKEN_OCTETS || !is_hex(s.ptr[VX_QUEUE_TOKEN_OCTETS]);
}

/* "by HOST with ... id TOKEN", which is what our Received fields say. */
static vx_slice find_token(vx_slice text, const char *hostname)
{
	char by[VX_DNS_NAME_MAX + 20];

	(void)snprintf(by, sizeof(by), "by %.253s with ", hostname);
	for (;;) {
		const size_t at = vx_slice_find_slice(text, vx_slice_str(by));
		vx_slice near;
		size_t id;

		if (at >= text.len)
			return vx_slice_of("", 0);
		text = vx_slice_from(text, at + 1);
		near = vx_slice_head(text, RECEIVED_MAX);
		id = vx_slice_find_slice(near, VX_S(" id "));
		if (id < near.len && is_token(vx_slice_from(near, id + 4)))
			return vx_slice_head(
			    vx_slice_from(near, id + 4), VX_QUEUE_TOKEN_OCTETS);
	}
}

static struct vx_event tell(
    const struct vx_dsn_told *told, vx_slice token, vx_slice recipient, uint64_t now_s)
{
	struct vx_event e = { .type = VX_EVENT_RETURNED, .time = now_s };

	e.texts[VX_EVENT_ID] = token;
	e.texts[VX_EVENT_SENDER] = recipient;
	e.texts[VX_EVENT_RECIPIENTS] =
	    told->original.len > 0 ? told->original : told->address;
	e.texts[VX_EVENT_HOST] = told->remote;
	e.texts[VX_EVENT_REASON] =
	    told->diagnostic.len > 0 ? told->diagnostic : vx_slice_str(told->status);
	return e;
}

void vx_own_bounce_read(vx_slice message, vx_slice recipient, bool rewritten,
    const char *hostname, uint64_t now_s, struct vx_arena *arena, struct own_bounce *out)
{
	const vx_slice token = find_token(message, hostname);
	struct vx_buf domain = { .max = VX_DNS_NAME_MAX };
	struct vx_dsn_notice n;
	vx_slice id;
	int rc;

	*out = (struct own_bounce){ .count = 0 };
	if (message.len == 0 || (token.len == 0 && !rewritten) ||
	    vx_dsn_read(message, arena, &n) != VX_OK)
		return;
	rc = vx_domain_normalise(
	    vx_slice_from(recipient, vx_slice_rfind(recipient, '@') + 1), &domain);
	if (rc == VX_OK)
		rc = vx_arena_copy(arena, vx_buf_slice(&domain), &out->domain);
	if (rc == VX_OK)
		rc = vx_arena_copy(arena, token, &id);
	vx_buf_done(&domain);
	out->list = vx_arena_array(arena, LIST_MAX, sizeof(*out->list));
	if (rc != VX_OK || out->list == NULL)
		return;
	for (size_t i = 0; i < n.count && out->count < LIST_MAX; i++) {
		if (n.told[i].action != VX_DSN_FAILED)
			continue;
		out->list[out->count].hard = vx_bounce_is_hard(n.told[i].status);
		out->list[out->count++].event = tell(&n.told[i], id, recipient, now_s);
	}
}

int vx_own_bounce_write(struct vx_kv_txn *txn, const struct own_bounce *b)
{
	int rc = VX_OK;

	for (size_t i = 0; i < b->count && rc == VX_OK; i++) {
		rc = vx_bounce_count(txn, b->domain, b->list[i].event.time,
		    b->list[i].hard ? VX_BOUNCE_RETURNED_HARD : VX_BOUNCE_RETURNED_SOFT);
		if (rc == VX_OK)
			rc = vx_event_write(txn, &b->list[i].event);
	}
	return rc;
}
