/* MTA-STS: what is taken has what it has to, whatever its patterns are. */
#include "vectis/sts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_patterns(const struct vx_sts_policy *p)
{
	char pattern[VX_DNS_NAME_MAX + 3], host[VX_DNS_NAME_MAX + 5];
	vx_slice rest = p->text;
	size_t count = 0;

	while (vx_sts_next_mx(&rest, pattern)) {
		count++;
		if (pattern[0] == '*') {
			host[0] = 'a';
			memcpy(host + 1, pattern + 1, strlen(pattern));
		} else {
			memcpy(host, pattern, strlen(pattern) + 1);
		}
		if (count < 20 && (!vx_sts_matches(p, host) || !vx_dns_is_host(host)))
			abort();
	}
	if (count != p->mx_count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice text = vx_slice_of((const char *)data, size);
	const struct vx_dns_answer a = { .rdata = &text, .count = 1 };
	char id[VX_STS_ID_MAX + 1] = "";
	struct vx_sts_policy p;
	struct vx_error err;

	if (vx_sts_read_txt(&a, id) == VX_OK &&
	    (id[0] == '\0' || strlen(id) > VX_STS_ID_MAX))
		abort();
	(void)vx_sts_is_plain(text);
	if (vx_sts_parse(text, &p, &err) != VX_OK)
		return 0;
	if (p.max_age > VX_STS_AGE_MAX || (p.mx_count == 0 && p.mode != VX_STS_NONE))
		abort();
	check_patterns(&p);
	return 0;
}
