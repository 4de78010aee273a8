#include "vectis/network.h"

#include "vectis/err.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static unsigned bits_of(bool v6)
{
	return v6 ? 128 : 32;
}

static int parse_address(vx_slice text, struct vx_network *out)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char address[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(address) ||
	    memchr(text.ptr, '\0', text.len) != NULL)
		return VX_EINVAL;
	memcpy(address, text.ptr, text.len);
	address[text.len] = '\0';
	*out = (struct vx_network){ .v6 = strchr(address, ':') != NULL };
	if (inet_pton(out->v6 ? AF_INET6 : AF_INET, address, out->address) != 1)
		return VX_EINVAL;
	if (out->v6 && memcmp(out->address, mapped, sizeof(mapped)) == 0) {
		memcpy(out->address, out->address + sizeof(mapped), 4);
		memset(out->address + 4, 0, sizeof(mapped));
		out->v6 = false;
	}
	out->bits = (unsigned char)bits_of(out->v6);
	return VX_OK;
}

/* Clear what is beyond the prefix; was there anything? */
static bool mask(struct vx_network *n)
{
	bool any = false;

	for (unsigned i = n->bits / 8; i < 16; i++) {
		const unsigned kept = i == n->bits / 8 ? n->bits % 8 : 0;
		const unsigned char beyond = (unsigned char)(0xff >> kept);

		any = any || (n->address[i] & beyond) != 0;
		n->address[i] = (unsigned char)(n->address[i] & ~beyond);
	}
	return any;
}

int vx_network_parse(vx_slice text, struct vx_network *out, bool *exact)
{
	const size_t slash = vx_slice_find(text, '/');
	struct vx_network n;
	uint64_t bits;
	int rc = parse_address(vx_slice_head(text, slash), &n);

	if (rc != VX_OK)
		return rc;
	if (slash < text.len) {
		if (vx_slice_number(vx_slice_from(text, slash + 1), n.bits, &bits) !=
		    VX_OK)
			return VX_EINVAL;
		n.bits = (unsigned char)bits;
	}
	*exact = !mask(&n);
	*out = n;
	return VX_OK;
}

void vx_network_write(const struct vx_network *n, char out[VX_NETWORK_TEXT_MAX + 1])
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(n->v6 ? AF_INET6 : AF_INET, n->address, address, sizeof(address));
	if (n->bits == bits_of(n->v6))
		(void)snprintf(out, VX_NETWORK_TEXT_MAX + 1, "%s", address);
	else
		(void)snprintf(
		    out, VX_NETWORK_TEXT_MAX + 1, "%s/%u", address, (unsigned)n->bits);
}

struct vx_network vx_network_wider(const struct vx_network *n, unsigned bits)
{
	struct vx_network wide = *n;

	if (bits < wide.bits)
		wide.bits = (unsigned char)bits;
	(void)mask(&wide);
	return wide;
}

bool vx_network_has(const struct vx_network *n, const struct vx_network *inner)
{
	const struct vx_network wide = vx_network_wider(inner, n->bits);

	return n->v6 == inner->v6 && n->bits == wide.bits &&
	       memcmp(n->address, wide.address, sizeof(n->address)) == 0;
}

struct vx_network vx_network_owner(const struct vx_network *address)
{
	return vx_network_wider(address, address->v6 ? 64 : 32);
}

static bool is_public4(const unsigned char *a)
{
	return a[0] != 0 && a[0] != 10 && a[0] != 127 && a[0] < 224 &&
	       !(a[0] == 172 && (a[1] & 0xf0) == 16) && !(a[0] == 192 && a[1] == 168) &&
	       !(a[0] == 169 && a[1] == 254) && !(a[0] == 100 && (a[1] & 0xc0) == 64);
}

/* Of IPv6, 2000::/3 is what is given out. */
bool vx_network_is_public(const char *address)
{
	struct vx_network n;
	bool exact;

	if (vx_network_parse(vx_slice_str(address), &n, &exact) != VX_OK)
		return false;
	return n.v6 ? n.bits == 128 && (n.address[0] & 0xe0) == 0x20
		    : n.bits == 32 && is_public4(n.address);
}
