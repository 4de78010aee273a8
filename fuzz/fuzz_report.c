/*
 * Reports: whatever comes is refused, with a reason, or read; what was read and can be
 * written is read again as it was.
 */
#include "vectis/report.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* Refused: why and where. */
static void check_error(int rc, const struct vx_error *err)
{
	must(rc == VX_ESYNTAX || rc == VX_ELIMIT);
	must(err->code == rc && err->text[0] != '\0');
}

static void dmarc(vx_slice in)
{
	struct vx_arena arena = { .limit = 8u << 20 };
	struct vx_buf out = { .max = 64u << 20 }, again = { .max = 64u << 20 };
	struct vx_error err = { 0 };
	struct vx_report r, second;
	int rc = vx_report_parse(in, &arena, &r, &err);

	if (rc != VX_OK) {
		check_error(rc, &err);
	} else if (vx_report_write(&r, &out) == VX_OK) {
		rc = vx_report_parse(vx_buf_slice(&out), &arena, &second, &err);
		must(rc == VX_OK || rc == VX_ELIMIT);
		if (rc == VX_OK) {
			must(second.defects == 0);
			must(second.rows_count == r.rows_count);
			must(vx_report_write(&second, &again) == VX_OK);
			must(vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&again)));
		}
	}
	vx_buf_done(&out);
	vx_buf_done(&again);
	vx_arena_done(&arena);
}

static void tls(vx_slice in)
{
	struct vx_arena arena = { .limit = 8u << 20 };
	struct vx_buf out = { .max = 64u << 20 }, again = { .max = 64u << 20 };
	struct vx_error err = { 0 };
	struct vx_tls_report r, second;
	int rc = vx_tls_report_parse(in, &arena, &r, &err);

	if (rc != VX_OK) {
		check_error(rc, &err);
	} else if (vx_tls_report_write(&r, &out) == VX_OK) {
		rc = vx_tls_report_parse(vx_buf_slice(&out), &arena, &second, &err);
		must(rc == VX_OK || rc == VX_ELIMIT);
		if (rc == VX_OK) {
			must(second.defects == 0);
			must(vx_tls_report_write(&second, &again) == VX_OK);
			must(vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&again)));
		}
	}
	vx_buf_done(&out);
	vx_buf_done(&again);
	vx_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dmarc(vx_slice_of(data, size));
	tls(vx_slice_of(data, size));
	return 0;
}
