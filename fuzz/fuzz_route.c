/*
 * Where mail goes, whatever the DNS says.  The first line is the destination; then, for
 * each question, an answer as of dns_input.h.
 */
#include "dns_input.h"
#include "vectis/route.h"

#include <string.h>

enum {
	QUESTIONS_MAX = 1 + 4 * VX_ROUTE_HOSTS_MAX, /* MX; A, AAAA, CNAME or TLSA, TLSA */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct vx_route_host *h)
{
	must(h->tlsa_base != NULL && (strcmp(h->tlsa_base, h->name) == 0 ||
					 strcmp(h->tlsa_base, "alias.example") == 0));
	must(h->address_count > 0 && h->address_count <= VX_ROUTE_ADDRESSES_MAX);
	must(strcmp(h->name, "mail.our.example") != 0);
	must((h->dane == VX_ROUTE_DANE_RECORDS) == (h->tlsa_count > 0));
	must(h->tlsa_count <= VX_ROUTE_TLSA_MAX);
	for (size_t i = 0; i < h->address_count; i++)
		must(strcmp(h->addresses[i], "192.0.2.25") != 0);
	for (size_t i = 0; i < h->tlsa_count; i++) {
		volatile unsigned sum = 0;

		must(h->tlsa[i].usage == 2 || h->tlsa[i].usage == 3);
		for (size_t k = 0; k < h->tlsa[i].data.len; k++)
			sum += (unsigned char)h->tlsa[i].data.ptr[k];
	}
}

static void drive(struct vx_route *r, vx_slice in)
{
	vx_slice records[DNS_RECORDS_MAX];
	struct vx_dns_question q;
	size_t asked = 0, hosts = 0;
	int rc;

	while ((rc = vx_route_next(r, &q)) != VX_DONE) {
		if (rc == VX_WAIT) {
			struct vx_dns_answer a = next_answer(&in, records, VX_DNS_FAILED);
			char again[VX_DNS_NAME_MAX + 1];

			must(++asked <= QUESTIONS_MAX);
			must(vx_dns_name(vx_slice_str(q.name), again) == VX_OK);
			vx_route_answer(r, &a);
		} else {
			must(rc == VX_DATA && ++hosts <= VX_ROUTE_HOSTS_MAX);
			look_at(vx_route_host(r));
		}
	}
	must(vx_route_verdict(r)->enhanced != NULL);
	for (size_t i = 0; i < vx_route_mx_count(r); i++)
		must(vx_route_mx(r, i)[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const self[] = { "192.0.2.25", "2001:db8::25" };
	vx_slice in = vx_slice_of(data, size);
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	struct vx_route_options o = { .struct_size = sizeof(o),
		.hostname = "mail.our.example",
		.self = self,
		.self_count = 2,
		.port = 25,
		.dane = true };
	struct vx_route *r;

	if (line == NULL)
		return 0;
	o.destination = vx_slice_of(data, (size_t)(line - data));
	o.random = (uint32_t)size;
	if (vx_route_new(&o, &r) != VX_OK)
		return 0;
	drive(r, vx_slice_from(in, (size_t)(line - data) + 1));
	vx_route_free(r);
	return 0;
}
