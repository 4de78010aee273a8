/*
 * Mail that may have reports, files that are packed, and entries of the store that may be
 * damaged: what is read of them is bounded.
 *
 * Input: an octet that says which, then the octets: 'm' a message, 'g' gzip, 'z' an
 * archive, 'M', 'P', 'F' what makes a row.
 */
#include "reports/intake.h"
#include "zip/gzip.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	NOW = 1728000000,
	OUT_MAX = 1 << 20
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_found(const struct vx_report_found *f)
{
	uint64_t sum = 0;
	size_t count = 0;

	must((unsigned)f->bad < VX_REPORT_BADS);
	must(f->organization.len <= VX_REPORT_GOT_NAME_MAX &&
	     f->id.len <= VX_REPORT_GOT_NAME_MAX &&
	     f->contact.len <= VX_REPORT_GOT_NAME_MAX);
	must(memchr(f->detail, '\0', sizeof(f->detail)) != NULL);
	if (f->bad != VX_REPORT_GOOD)
		return;
	must(f->domain.len > 0 && f->domain.len <= VX_DNS_NAME_MAX);
	must(f->begin <= NOW + VX_REPORT_DAY_S);
	for (const struct vx_report_item *i = f->items; i != NULL; i = i->next, count++) {
		must(i->octets.len >= 3 && i->octets.len <= VX_REPORT_NOTED_OCTETS_MAX);
		sum = vx_report_plus(sum, i->a);
	}
	must(count <= VX_REPORT_GOT_ROWS_MAX);
	if (f->kind == VX_REPORT_DMARC)
		must(vx_report_plus(sum, f->dropped) ==
			 vx_report_plus(f->good, f->failed) ||
		     vx_report_plus(f->good, f->failed) == UINT64_MAX);
}

static void read_mail(vx_slice octets)
{
	struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX];
	struct vx_arena arena = { .limit = 8 << 20 };
	size_t count = 0;

	must(vx_report_read_mail(octets, NOW, &arena, found, &count) == VX_OK);
	must(count >= 1 && count <= VX_REPORT_MESSAGE_REPORTS_MAX);
	for (size_t i = 0; i < count; i++)
		check_found(&found[i]);
	vx_arena_done(&arena);
}

static void unpack(int (*fn)(vx_slice in, struct vx_buf *out), vx_slice octets)
{
	struct vx_buf out = { .max = OUT_MAX };
	int rc;

	vx_buf_add_str(&out, "x");
	rc = fn(octets, &out);
	must(out.len >= 1 && out.ptr[0] == 'x' && out.len <= OUT_MAX);
	must(rc == VX_OK || out.len == 1);
	vx_buf_done(&out);
}

/* What is packed by us comes back. */
static void pack(vx_slice octets)
{
	struct vx_buf gz = { .max = OUT_MAX }, back = { .max = OUT_MAX };

	if (octets.len > OUT_MAX / 2)
		return;
	must(vx_gzip(octets, &gz) == VX_OK);
	must(vx_gunzip(vx_buf_slice(&gz), &back) == VX_OK);
	must(vx_slice_eq(vx_buf_slice(&back), octets));
	vx_buf_done(&gz);
	vx_buf_done(&back);
}

static void read_row(vx_slice octets)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_tls_policy policy;
	struct vx_tls_failure failure;
	struct vx_report_row row;
	const char *digest;

	if (vx_report_row_read(octets, &arena, &row) == VX_OK)
		must(memchr(row.source_ip, '\0', sizeof(row.source_ip)) != NULL);
	(void)vx_report_policy_read(octets, &arena, &policy);
	(void)vx_report_failure_read(octets, &digest, &failure);
	vx_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice all = vx_slice_of(data, size);

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'm':
		read_mail(vx_slice_from(all, 1));
		break;
	case 'g':
		unpack(vx_gunzip, vx_slice_from(all, 1));
		pack(vx_slice_from(all, 1));
		break;
	case 'z':
		unpack(vx_unzip, vx_slice_from(all, 1));
		break;
	default:
		read_row(all);
		break;
	}
	return 0;
}
