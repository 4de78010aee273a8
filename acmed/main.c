/* acmed: looks after the certificates that the other daemons serve. */
#include "acmed/keeper.h"
#include "vectis/memory.h"

#include <stddef.h>

static int start(struct vx_worker *w, void **service)
{
	struct keeper *k;
	const int rc = keeper_new(w->config, w->log, &k);

	if (rc == VX_OK)
		*service = k;
	return rc;
}

static void tick(void *service)
{
	keeper_tick(service);
}

static void stop(void *service)
{
	keeper_free(service);
}

int main(int argc, char **argv)
{
	static const struct vx_daemon acmed = {
		.name = "acmed",
		.workers = 1,
		.reads_certificate_files = true,
		.start = start,
		.stop = stop,
		.tick = tick,
	};

	return vx_daemon_main(argc, argv, &acmed);
}
