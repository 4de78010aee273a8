/* Where a server of the DNS is asked, as people write it. */
#include "vectis/dns.h"

#include <arpa/inet.h>
#include <string.h>

#define PORT 53

static bool is_address(const char *text)
{
	unsigned char octets[16];

	return inet_pton(AF_INET, text, octets) == 1 ||
	       inet_pton(AF_INET6, text, octets) == 1;
}

int vx_dns_server_parse(vx_slice text, struct vx_dns_server *out)
{
	const size_t at = vx_slice_find(text, '@');
	struct vx_dns_server server = { .port = PORT };
	uint64_t port = PORT;

	if (at >= sizeof(server.address) ||
	    (at < text.len && vx_slice_number(vx_slice_from(text, at + 1), UINT16_MAX,
				  &port) != VX_OK) ||
	    port == 0)
		return VX_EINVAL;
	if (at > 0)
		memcpy(server.address, text.ptr, at);
	if (!is_address(server.address))
		return VX_EINVAL;
	server.port = (uint16_t)port;
	*out = server;
	return VX_OK;
}

int vx_dns_server_parse_zone(vx_slice text, vx_slice *zone, struct vx_dns_server *out)
{
	char name[VX_DNS_NAME_MAX + 1];
	vx_slice head;
	int rc = VX_EINVAL;

	if (vx_slice_cut(&text, ' ', &head) && vx_dns_name(head, name) == VX_OK)
		rc = vx_dns_server_parse(vx_slice_trim(text, " "), out);
	if (rc == VX_OK)
		*zone = head;
	return rc;
}
