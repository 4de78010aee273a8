/* Records as they are on the wire (RFC 1035 3.3 and later). */
#include "vectis/dns.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <arpa/inet.h>

struct vx_dns_answer *vx_dns_answer_dup(const struct vx_dns_answer *a)
{
	const size_t slices = a->count * sizeof(vx_slice);
	size_t octets = a->canonical.len;
	struct vx_dns_answer *copy;
	vx_slice *rdata;
	char *at;

	for (size_t i = 0; i < a->count; i++)
		octets += a->rdata[i].len;
	copy = vx_alloc(sizeof(*copy) + slices + octets);
	if (copy == NULL)
		return NULL;
	rdata = (vx_slice *)(copy + 1);
	at = (char *)rdata + slices;
	for (size_t i = 0; i < a->count; i++) {
		if (a->rdata[i].len > 0)
			memcpy(at, a->rdata[i].ptr, a->rdata[i].len);
		rdata[i] = vx_slice_of(at, a->rdata[i].len);
		at += a->rdata[i].len;
	}
	*copy = *a;
	copy->rdata = rdata;
	if (a->canonical.len > 0)
		memcpy(at, a->canonical.ptr, a->canonical.len);
	copy->canonical = vx_slice_of(at, a->canonical.len);
	return copy;
}

void vx_dns_answer_free(struct vx_dns_answer *a)
{
	vx_free(a);
}

const char *vx_dns_type_name(enum vx_dns_type type)
{
	switch (type) {
	case VX_DNS_A:
		return "A";
	case VX_DNS_NS:
		return "NS";
	case VX_DNS_CNAME:
		return "CNAME";
	case VX_DNS_SOA:
		return "SOA";
	case VX_DNS_PTR:
		return "PTR";
	case VX_DNS_MX:
		return "MX";
	case VX_DNS_TXT:
		return "TXT";
	case VX_DNS_AAAA:
		return "AAAA";
	case VX_DNS_SRV:
		return "SRV";
	case VX_DNS_TLSA:
		return "TLSA";
	case VX_DNS_CAA:
		return "CAA";
	}
	return "?";
}

/* Labels up to the root; *rest is what follows. */
static int read_labels(vx_slice *rest, char out[VX_DNS_NAME_MAX + 1])
{
	struct vx_buf text = { .max = VX_DNS_NAME_MAX + 1 };
	vx_slice in = *rest;
	int rc = VX_ESYNTAX;

	while (in.len > 0) {
		const size_t len = (unsigned char)in.ptr[0];

		in = vx_slice_from(in, 1);
		if (len > VX_DNS_LABEL_MAX || len > in.len)
			break;
		if (len == 0) {
			rc = VX_OK;
			break;
		}
		/* a dot within a label would make two of it */
		if (memchr(in.ptr, '.', len) != NULL)
			text.failed = true;
		vx_buf_add(&text, vx_slice_head(in, len));
		vx_buf_add_char(&text, '.');
		in = vx_slice_from(in, len);
	}
	if (rc == VX_OK)
		rc = text.failed ? VX_EINVAL : vx_dns_name(vx_buf_slice(&text), out);
	vx_buf_done(&text);
	*rest = in;
	return rc;
}

int vx_dns_read_name(vx_slice rdata, char out[VX_DNS_NAME_MAX + 1])
{
	char name[VX_DNS_NAME_MAX + 1];
	const int rc = read_labels(&rdata, name);

	if (rc != VX_OK || rdata.len > 0)
		return rc == VX_OK ? VX_ESYNTAX : rc;
	memcpy(out, name, sizeof(name));
	return VX_OK;
}

int vx_dns_read_txt(vx_slice rdata, struct vx_buf *out)
{
	const size_t before = out->len;

	if (rdata.len == 0)
		return VX_ESYNTAX;
	while (rdata.len > 0) {
		const size_t len = (unsigned char)rdata.ptr[0];

		if (len >= rdata.len) {
			vx_buf_truncate(out, before);
			return VX_ESYNTAX;
		}
		vx_buf_add(out, vx_slice_of(rdata.ptr + 1, len));
		rdata = vx_slice_from(rdata, len + 1);
	}
	return VX_OK;
}

int vx_dns_read_mx(vx_slice rdata, struct vx_dns_mx *out)
{
	struct vx_dns_mx mx;
	int rc;

	if (rdata.len < 3)
		return VX_ESYNTAX;
	mx.preference = vx_get_be16(rdata.ptr);
	rc = vx_dns_read_name(vx_slice_from(rdata, 2), mx.host);
	if (rc == VX_OK)
		*out = mx;
	return rc;
}

int vx_dns_read_address(vx_slice rdata, char out[VX_DNS_ADDRESS_MAX + 1])
{
	if (rdata.len != 4 && rdata.len != 16)
		return VX_ESYNTAX;
	return inet_ntop(rdata.len == 4 ? AF_INET : AF_INET6, rdata.ptr, out,
		   VX_DNS_ADDRESS_MAX + 1) == NULL
		   ? VX_ESYNTAX
		   : VX_OK;
}

int vx_dns_read_tlsa(vx_slice rdata, struct vx_dns_tlsa *out)
{
	if (rdata.len < 4)
		return VX_ESYNTAX;
	*out = (struct vx_dns_tlsa){ .usage = (uint8_t)rdata.ptr[0],
		.selector = (uint8_t)rdata.ptr[1],
		.matching = (uint8_t)rdata.ptr[2],
		.data = vx_slice_from(rdata, 3) };
	return VX_OK;
}

/* RFC 8659 4.1 */
int vx_dns_read_caa(vx_slice rdata, struct vx_dns_caa *out)
{
	const size_t tag = rdata.len < 2 ? 0 : (unsigned char)rdata.ptr[1];

	if (tag == 0 || rdata.len < 2 + tag)
		return VX_ESYNTAX;
	out->critical = ((unsigned char)rdata.ptr[0] & 0x80) != 0;
	out->tag = vx_slice_of(rdata.ptr + 2, tag);
	out->value = vx_slice_from(rdata, 2 + tag);
	return VX_OK;
}
