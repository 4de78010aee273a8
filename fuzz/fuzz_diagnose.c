/*
 * A hostile DNS: whatever it answers, a diagnosis comes to an end, asks no question
 * twice, and says what it saw in printable text.  The input is answers, as of
 * dns_input.h.
 */
#include "dns_input.h"
#include "vectis/diagnose.h"

enum {
	ROUNDS_MAX = 60
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_all(struct vx_diag *d, vx_slice in)
{
	static struct vx_dns_question asked[VX_DIAG_QUESTIONS_MAX + 1];
	vx_slice records[DNS_RECORDS_MAX];
	size_t count = 0, n;

	for (unsigned round = 0;
	     (n = vx_diag_ask(d, asked + count, VX_DIAG_QUESTIONS_MAX - count)) > 0;
	     round++) {
		must(round < ROUNDS_MAX || n > 0);
		for (size_t i = count; i < count + n; i++) {
			const struct vx_dns_answer a =
			    next_answer(&in, records, VX_DNS_NODATA);

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
	static const struct vx_zone_authority authority = { .issuer = "ca.example",
		.account = "https://ca.example/1" };
	/* a page that says what the name servers said */
	const struct vx_diag_web page = { .result = VX_FETCH_ANSWERED,
		.status = 200,
		.problem = "",
		.age = "",
		.cache = "",
		.body = vx_slice_of(data, size) };
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
		.cert_digest = "ab",
		.sts = &page,
		.autoconfig = &page,
		.authorities = &authority,
		.authority_count = 1,
		.acme_methods = "http-01 dns-01",
		.acme_names = "mail.example.net *.example.net" };
	const struct vx_diag_finding *each;
	vx_slice in = vx_slice_of(data, size);
	struct vx_diag *d;

	must(vx_dnsbl_parse(VX_S("list.example"), &list) == VX_OK);
	f.backup = (next_octet(&in, VX_DNS_NODATA) & 1) != 0;
	f.relay_host = (next_octet(&in, VX_DNS_NODATA) & 1) != 0 ? "relay.example" : NULL;
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
