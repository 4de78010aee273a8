/* Whose TLS is too old, as the daemons saw it (runtime/old_clients.h; DX-TL-09). */
#include "vectisctl/ctl.h"

#include "vectis/diagnose.h"

#include <stdlib.h>
#include <string.h>

/* "NETWORK COUNT LAST" */
static bool read_line(const char *line, struct vx_diag_client *out)
{
	vx_slice rest = vx_slice_trim(vx_slice_str(line), "\n"), network, count;
	uint64_t last;

	*out = (struct vx_diag_client){ .count = 0 };
	if (!vx_slice_cut(&rest, ' ', &network) || !vx_slice_cut(&rest, ' ', &count) ||
	    network.len == 0 || network.len >= sizeof(out->network) ||
	    vx_slice_number(count, INT64_MAX, &out->count) != VX_OK ||
	    vx_slice_number(rest, INT64_MAX, &last) != VX_OK)
		return false;
	memcpy(out->network, network.ptr, network.len);
	out->last = (int64_t)last;
	return true;
}

/* The same network in the files of several workers is one. */
static size_t add(struct vx_diag_client *list, size_t n, const struct vx_diag_client *one)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].network, one->network) == 0) {
			list[i].count += one->count;
			if (list[i].last < one->last)
				list[i].last = one->last;
			return n;
		}
	if (n < CTL_OLD_CLIENTS_MAX)
		list[n++] = *one;
	return n;
}

static int by_time(const void *a, const void *b)
{
	const struct vx_diag_client *x = a, *y = b;

	return (x->last < y->last) - (x->last > y->last);
}

struct found {
	struct vx_diag_client *list;
	size_t count;
};

static void take(void *ctx, const char *line)
{
	struct found *f = ctx;
	struct vx_diag_client one;

	if (read_line(line, &one))
		f->count = add(f->list, f->count, &one);
}

size_t ctl_old_clients(struct ctl *c, struct vx_diag_client *out)
{
	struct found f = { .list = out };

	ctl_worker_lines(c, ".old", take, &f);
	if (f.count > 0)
		qsort(out, f.count, sizeof(out[0]), by_time);
	return f.count;
}
