/*
 * DKIM in pieces says what it says of the whole, and what we sign passes, whatever else
 * is in the message.
 */
#include "dkim_input.h"
#include "vectis/dkim.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000

static struct vx_dkim_verifier *verify(
    const struct dkim_input *in, vx_slice header, size_t chunk)
{
	const struct vx_dkim_verifier_options o = { .struct_size = sizeof(o),
		.now_s = NOW };
	struct vx_dkim_verifier *v;
	struct vx_dns_question q;
	vx_slice body = in->body;
	int rc;

	dkim_must(vx_dkim_verifier_new(&o, &v) == VX_OK);
	dkim_must(vx_dkim_verifier_header(v, header) == VX_OK);
	for (; body.len > 0; body = vx_slice_from(body, chunk))
		dkim_must(vx_dkim_verifier_body(v, vx_slice_head(body, chunk)) == VX_OK);
	dkim_must(vx_dkim_verifier_end(v) == VX_OK);
	while ((rc = vx_dkim_verifier_next(v, &q)) == VX_WAIT) {
		const struct vx_dns_answer a = dkim_input_answer(in, &q);
		char name[VX_DNS_NAME_MAX + 1];

		dkim_must(q.type == VX_DNS_TXT);
		dkim_must(vx_dns_name(vx_slice_str(q.name), name) == VX_OK);
		dkim_must(strcmp(name, q.name) == 0 && vx_dns_is_host(name));
		dkim_must(vx_dkim_verifier_answer(v, &a) == VX_OK);
	}
	dkim_must(rc == VX_DONE);
	return v;
}

static void check_result(const struct vx_dkim_result *r)
{
	for (size_t i = 0; i < r->identity.len; i++)
		dkim_must((unsigned char)r->identity.ptr[i] >= ' ' &&
			  r->identity.ptr[i] != 0x7f);
	dkim_must(r->signature.len <= 8);
	dkim_must(r->reason != NULL);
	dkim_must((r->verdict == VX_VERDICT_PASS) == (r->reason[0] == '\0'));
	if (r->verdict == VX_VERDICT_PASS) {
		dkim_must(r->domain.len > 0 && r->selector.len > 0);
		dkim_must(r->identity.len > r->domain.len && r->key_bits > 0);
		dkim_must(r->body_octets == UINT64_MAX);
	}
}

static void check_same(const struct vx_dkim_verifier *a, const struct vx_dkim_verifier *b)
{
	dkim_must(vx_dkim_verifier_count(a) == vx_dkim_verifier_count(b));
	for (size_t i = 0; i < vx_dkim_verifier_count(a); i++) {
		const struct vx_dkim_result *const r = vx_dkim_verifier_result(a, i);
		const struct vx_dkim_result *const s = vx_dkim_verifier_result(b, i);

		check_result(r);
		dkim_must(r->verdict == s->verdict && r->reason == s->reason);
		dkim_must(vx_slice_eq(r->domain, s->domain));
		dkim_must(vx_slice_eq(r->identity, s->identity));
		dkim_must(r->key_bits == s->key_bits && r->testing == s->testing);
	}
}

/* VX_OK: signed has the fields. */
static int sign(const struct dkim_input *in, struct vx_buf *out)
{
	const struct vx_dkim_identity id = { VX_S(DKIM_OUR_DOMAIN),
		VX_S(DKIM_OUR_SELECTOR), dkim_our_key() };
	const struct vx_dkim_signer_options o = {
		.struct_size = sizeof(o), .identities = &id, .count = 1, .now_s = NOW
	};
	struct vx_dkim_signer *s;
	int rc;

	dkim_must(vx_dkim_signer_new(&o, &s) == VX_OK);
	rc = vx_dkim_signer_header(s, in->header);
	if (rc == VX_OK) {
		dkim_must(vx_dkim_signer_body(s, in->body) == VX_OK);
		dkim_must(vx_dkim_signer_end(s) == VX_OK);
		dkim_must(vx_dkim_signer_compute(s) == VX_OK);
		dkim_must(vx_dkim_signer_write(s, out) == VX_OK);
	}
	dkim_must(rc == VX_OK || rc == VX_EINVAL || rc == VX_ELIMIT);
	vx_dkim_signer_free(s);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vx_buf with = { .max = 1u << 20 };
	struct vx_dkim_verifier *whole, *cut;
	struct dkim_input in;

	if (!dkim_input_read(data, size, &in))
		return 0;
	whole = verify(&in, in.header, size);
	cut = verify(&in, in.header, in.chunk);
	check_same(whole, cut);
	vx_dkim_verifier_free(whole);
	vx_dkim_verifier_free(cut);
	if (sign(&in, &with) == VX_OK) {
		const struct vx_dkim_result *r;

		vx_buf_add(&with, in.header);
		whole = verify(&in, vx_buf_slice(&with), size);
		r = vx_dkim_verifier_result(whole, 0);
		dkim_must(vx_dkim_verifier_count(whole) > 0);
		dkim_must(r->verdict == VX_VERDICT_PASS);
		vx_dkim_verifier_free(whole);
	}
	vx_buf_done(&with);
	return 0;
}
