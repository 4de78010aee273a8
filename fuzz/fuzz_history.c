/* What is kept of checks: what is read is written as it was, and more goes into it. */
#include "vectis/history.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct vx_history *h)
{
	struct vx_history_since s;

	if (h->run_count > VX_HISTORY_RUNS_MAX || h->name_count > VX_HISTORY_CHECKS_MAX)
		abort();
	for (size_t i = 0; i < h->name_count; i++)
		if (vx_history_since(h, h->names[i], &s) == VX_OK &&
		    (h->run_count == 0 || s.verdict > VX_DIAG_NA ||
			s.before > VX_DIAG_NA || (s.has_before && s.before == s.verdict)))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vx_history h, again;
	const struct vx_history_check checks[] = { { "dns.mx", VX_DIAG_FAIL },
		{ "a.new_one", VX_DIAG_PASS } };
	struct vx_buf text = { .max = 2 * VX_HISTORY_OCTETS_MAX },
		      more = { .max = 2 * VX_HISTORY_OCTETS_MAX };

	if (vx_history_read(vx_slice_of((const char *)data, size), &h) != VX_OK)
		return 0;
	check(&h);
	vx_history_write(&h, &text);
	if (text.failed || vx_history_read(vx_buf_slice(&text), &again) != VX_OK)
		abort();
	vx_history_write(&again, &more);
	if (!vx_slice_eq(vx_buf_slice(&text), vx_buf_slice(&more)))
		abort();
	(void)vx_history_add(&h, 1795888800, 50, checks, 2);
	check(&h);
	vx_buf_reset(&text);
	vx_history_write(&h, &text);
	if (text.failed || vx_history_read(vx_buf_slice(&text), &again) != VX_OK)
		abort();
	vx_buf_done(&text);
	vx_buf_done(&more);
	return 0;
}
