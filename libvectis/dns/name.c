/* Names: text, their labels, addresses in reverse. */
#include "vectis/dns.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool is_octet(char c)
{
	return c >= ' ' && c < 0x7f && c != '\\';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name(vx_slice text)
{
	size_t label = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '.' ? label == 0 : !is_octet(text.ptr[i]))
			return false;
		label = text.ptr[i] == '.' ? 0 : label + 1;
		if (label > VX_DNS_LABEL_MAX)
			return false;
	}
	return text.len == 0 || label > 0;
}

int vx_dns_name(vx_slice text, char out[VX_DNS_NAME_MAX + 1])
{
	if (text.len > 0 && text.ptr[text.len - 1] == '.')
		text.len--;
	if (text.len > VX_DNS_NAME_MAX || !is_name(text))
		return VX_EINVAL;
	for (size_t i = 0; i < text.len; i++)
		out[i] = lower(text.ptr[i]);
	out[text.len] = '\0';
	return VX_OK;
}

int vx_dns_ask(
    enum vx_dns_type type, const char *prefix, vx_slice name, struct vx_dns_question *out)
{
	char text[2 * VX_DNS_NAME_MAX];
	const int len = snprintf(text, sizeof(text), "%s%s%.*s", prefix,
	    *prefix != '\0' && name.len > 0 ? "." : "",
	    (int)(name.len > VX_DNS_NAME_MAX + 1 ? VX_DNS_NAME_MAX + 1 : name.len),
	    name.len > 0 ? name.ptr : "");

	if (len < 0 || (size_t)len >= sizeof(text))
		return VX_EINVAL;
	out->type = type;
	return vx_dns_name(vx_slice_of(text, (size_t)len), out->name);
}

bool vx_dns_is_host(const char *name)
{
	return *name != '\0' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name);
}

bool vx_dns_is_below(vx_slice name, vx_slice zone)
{
	if (zone.len == 0)
		return true;
	return vx_slice_has_suffix(name, zone) &&
	       (name.len == zone.len || name.ptr[name.len - zone.len - 1] == '.');
}

size_t vx_dns_labels(vx_slice name)
{
	size_t n = name.len > 0;

	for (size_t i = 0; i < name.len; i++)
		n += name.ptr[i] == '.';
	return n;
}

vx_slice vx_dns_parent(vx_slice name, size_t n)
{
	while (n-- > 0)
		name = vx_slice_from(name, vx_slice_find(name, '.') + 1);
	return name;
}

static size_t reverse4(const unsigned char octets[4], char *out, size_t size)
{
	return (size_t)snprintf(
	    out, size, "%u.%u.%u.%u", octets[3], octets[2], octets[1], octets[0]);
}

static size_t reverse6(const unsigned char octets[16], char *out)
{
	static const char digits[] = "0123456789abcdef";
	char *at = out;

	for (size_t i = 16; i-- > 0;) {
		*at++ = digits[octets[i] & 15];
		*at++ = '.';
		*at++ = digits[octets[i] >> 4];
		*at++ = '.';
	}
	*--at = '\0';
	return (size_t)(at - out);
}

int vx_dns_reverse(const char *address, const char *zone, char out[VX_DNS_NAME_MAX + 1])
{
	unsigned char octets[16];
	char text[80];
	struct vx_dns_question q;
	size_t len;
	int rc;

	if (inet_pton(AF_INET, address, octets) == 1) {
		len = reverse4(octets, text, sizeof(text));
		zone = zone == NULL ? "in-addr.arpa" : zone;
	} else if (inet_pton(AF_INET6, address, octets) == 1) {
		len = reverse6(octets, text);
		zone = zone == NULL ? "ip6.arpa" : zone;
	} else {
		return VX_EINVAL;
	}
	if (len >= sizeof(text))
		return VX_EINVAL;
	rc = vx_dns_ask(VX_DNS_PTR, text, vx_slice_str(zone), &q);
	if (rc == VX_OK)
		memcpy(out, q.name, sizeof(q.name));
	return rc;
}
