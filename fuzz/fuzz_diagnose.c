/*
 * A hostile DNS: whatever it answers, a diagnosis comes to an end, asks no question
 * twice, and says what it saw in printable text.  The input is answers, as of fuzz_route.
 */
#include "vectis/diagnose.h"

#include <stdlib.h>

enum {
	RECORDS_MAX = 40,
	ROUNDS_MAX = 60,
	SECURE = 0x10,
	STATUS = 0x07
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static unsigned octet(vx_slice *in)
{
	unsigned char c;

	if (in->len == 0)
		return VX_DNS_NODATA;
	c = (unsigned char)in->ptr[0];
	*in = vx_slice_from(*in, 1);
	return c;
}

static struct vx_dns_answer next_answer(vx_slice *in, vx_slice records[RECORDS_MAX])
{
	struct vx_dns_answer a = { .rdata = records };
	const unsigned head = octet(in);
	size_t count;

	a.status = (enum vx_dns_status)((head & STATUS) % (VX_DNS_BOGUS + 1));
	a.secure = (head & SECURE) != 0;
	if (a.status != VX_DNS_FOUND)
		return a;
	count = octet(in) % (RECORDS_MAX + 1);
	for (; a.count < count && in->len > 0; a.count++) {
		size_t len = octet(in);

		len = len < in->len ? len : in->len;
		records[a.count] = vx_slice_of(in->ptr, len);
		*in = vx_slice_from(*in, len);
	}
	if (a.count == 0)
		a.status = VX_DNS_NODATA;
	return a;
}

static void ask_all(struct vx_diag *d, vx_slice in)
{
	static struct vx_dns_question asked[VX_DIAG_QUESTIONS_MAX + 1];
	vx_slice records[RECORDS_MAX];
	size_t count = 0, n;

	for (unsigned round = 0;
	     (n = vx_diag_ask(d, asked + count, VX_DIAG_QUESTIONS_MAX - count)) > 0;
	     round++) {
		must(round < ROUNDS_MAX || n > 0);
		for (size_t i = count; i < count + n; i++) {
			const struct vx_dns_answer a = next_answer(&in, records);

			for (size_t k = 0; k < i; k++)
				must(asked[k].type != asked[i].type ||
				     strcmp(asked[k].name, asked[i].name) != 0);
			must(vx_diag_answer(d, &asked[i], &a) == VX_OK);
		}
		count += n;
		must(count <= VX_DIAG_QUESTIONS_MAX);
	}
}

static bool is_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text >= 0x7f)
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const addresses[] = { "192.0.2.1", "2001:db8::1" };
	static const struct vx_diag_key keys[] = { { "202611", "v=DKIM1; k=rsa; p=MIIB",
						       true, 1, 0 },
		{ "202605", "v=DKIM1; k=rsa; p=OLD", false, 1, 2 } };
	struct vx_dnsbl list;
	struct vx_diag_facts f = { .struct_size = sizeof(f),
		.now = 1795888800,
		.domain = "sub.example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 2,
		.keys = keys,
		.key_count = 2,
		.lists = &list,
		.list_count = 1,
		.certificate = true,
		.cert_names = "mail.example.net",
		.cert_digest = "ab" };
	const struct vx_diag_finding *each;
	vx_slice in = vx_slice_of(data, size);
	struct vx_diag *d;

	must(vx_dnsbl_parse(VX_S("list.example"), &list) == VX_OK);
	f.backup = (octet(&in) & 1) != 0;
	f.relay_host = (octet(&in) & 1) != 0 ? "relay.example" : NULL;
	must(vx_diag_new(&f, &d) == VX_OK);
	ask_all(d, in);
	vx_diag_run(d);
	for (size_t i = 0; (each = vx_diag_finding(d, i)) != NULL; i++) {
		must(is_clean(each->seen) && is_clean(each->fix));
		must(each->seen[0] != '\0');
	}
	vx_diag_free(d);
	return 0;
}
