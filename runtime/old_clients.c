#include "runtime/old_clients.h"
#include "runtime/publish.h"

#include "vectis/buf.h"
#include "vectis/err.h"

#include <string.h>

#define LINE_MAX_OCTETS ((size_t)VX_NETWORK_TEXT_MAX + 48)

static bool same(const struct vx_network *a, const struct vx_network *b)
{
	return a->v6 == b->v6 && a->bits == b->bits &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* Where the network stands, or is to stand. */
static struct vx_old_client *place_of(
    struct vx_old_clients *o, const struct vx_network *network)
{
	struct vx_old_client *oldest = &o->list[0];

	for (size_t i = 0; i < o->count; i++) {
		if (same(&o->list[i].network, network))
			return &o->list[i];
		if (o->list[i].last < oldest->last)
			oldest = &o->list[i];
	}
	if (o->count < VX_OLD_CLIENTS_MAX)
		oldest = &o->list[o->count++];
	*oldest = (struct vx_old_client){ .network = *network };
	return oldest;
}

void vx_old_clients_note(struct vx_old_clients *o, const char *address, int64_t now)
{
	struct vx_old_client *c;
	struct vx_network n;
	bool exact;

	if (vx_network_parse(vx_slice_str(address), &n, &exact) != VX_OK)
		return;
	n = vx_network_owner(&n);
	c = place_of(o, &n);
	c->count++;
	c->last = now;
	o->changed = true;
}

bool vx_old_clients_write(struct vx_old_clients *o, const char *path)
{
	struct vx_buf text = { .max = LINE_MAX_OCTETS * VX_OLD_CLIENTS_MAX };
	bool good;

	if (!o->changed)
		return true;
	o->changed = false;
	for (size_t i = 0; i < o->count; i++) {
		char network[VX_NETWORK_TEXT_MAX + 1];

		vx_network_write(&o->list[i].network, network);
		vx_buf_printf(&text, "%s %llu %lld\n", network,
		    (unsigned long long)o->list[i].count, (long long)o->list[i].last);
	}
	good = !text.failed && vx_publish(path, vx_buf_slice(&text));
	vx_buf_done(&text);
	return good;
}
