#include "service/own_reports.h"

#include "vectis/directory.h"

static bool is_local_part(vx_slice local, const char *wanted, char delimiter)
{
	if (wanted == NULL || wanted[0] == '\0')
		return false;
	if (delimiter != '\0')
		local = vx_slice_head(local, vx_slice_find(local, delimiter));
	return vx_slice_eq_nocase(local, vx_slice_str(wanted));
}

bool vx_own_is_report_address(struct vx_view *v, const struct own_report_addresses *list,
    char delimiter, vx_slice address)
{
	const size_t at = vx_slice_rfind(address, '@');
	const vx_slice local = vx_slice_head(address, at);
	struct vx_domain d;

	return (is_local_part(local, list->dmarc, delimiter) ||
		   is_local_part(local, list->tls, delimiter)) &&
	       vx_directory_domain(v, vx_slice_from(address, at + 1), &d) == VX_OK;
}
