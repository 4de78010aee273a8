/*
 * ARC in pieces says what it says of the whole; with a set that we add a chain still
 * passes that passed, and one that was broken stays so.
 */
#include "dkim_input.h"
#include "vectis/arc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000

static struct vx_arc_verifier *verify(
    const struct dkim_input *in, vx_slice header, size_t chunk)
{
	const struct vx_arc_verifier_options o = { .struct_size = sizeof(o),
		.now_s = NOW };
	struct vx_arc_verifier *v;
	struct vx_dns_question q;
	vx_slice body = in->body;
	int rc;

	dkim_must(vx_arc_verifier_new(&o, &v) == VX_OK);
	dkim_must(vx_arc_verifier_header(v, header) == VX_OK);
	for (; body.len > 0; body = vx_slice_from(body, chunk))
		dkim_must(vx_arc_verifier_body(v, vx_slice_head(body, chunk)) == VX_OK);
	dkim_must(vx_arc_verifier_end(v) == VX_OK);
	while ((rc = vx_arc_verifier_next(v, &q)) == VX_WAIT) {
		const struct vx_dns_answer a = dkim_input_answer(in, &q);

		dkim_must(vx_arc_verifier_answer(v, &a) == VX_OK);
	}
	dkim_must(rc == VX_DONE);
	return v;
}

static void check_result(const struct vx_arc_verifier *v)
{
	const struct vx_arc_result *const r = vx_arc_verifier_result(v);

	dkim_must(r->verdict == VX_VERDICT_NONE || r->verdict == VX_VERDICT_PASS ||
		  r->verdict == VX_VERDICT_FAIL);
	dkim_must((r->verdict == VX_VERDICT_FAIL) == (r->reason[0] != '\0'));
	dkim_must(r->sets <= VX_ARC_SETS_MAX && r->failed <= r->sets);
	dkim_must(r->oldest_pass <= r->sets && r->oldest_pass != 1);
	dkim_must(r->verdict == VX_VERDICT_PASS || r->oldest_pass == 0);
	dkim_must(r->verdict != VX_VERDICT_NONE || r->sets == 0);
	for (unsigned i = 1; i <= r->sets; i++)
		dkim_must(r->verdict != VX_VERDICT_PASS ||
			  vx_arc_verifier_set(v, i)->domain.len > 0);
}

static void check_same(const struct vx_arc_verifier *a, const struct vx_arc_verifier *b)
{
	const struct vx_arc_result *const r = vx_arc_verifier_result(a);
	const struct vx_arc_result *const s = vx_arc_verifier_result(b);

	check_result(a);
	dkim_must(r->verdict == s->verdict && r->reason == s->reason);
	dkim_must(r->sets == s->sets && r->failed == s->failed);
	dkim_must(r->oldest_pass == s->oldest_pass && r->temporary == s->temporary);
}

/* VX_OK: out has the set. */
static int seal(const struct dkim_input *in, enum vx_verdict chain, struct vx_buf *out)
{
	const struct vx_arc_sealer_options o = { .struct_size = sizeof(o),
		.domain = VX_S(DKIM_OUR_DOMAIN),
		.selector = VX_S(DKIM_OUR_SELECTOR),
		.key = dkim_our_key(),
		.now_s = NOW };
	struct vx_arc_sealer *s;
	int rc;

	dkim_must(vx_arc_sealer_new(&o, &s) == VX_OK);
	rc = vx_arc_sealer_header(s, in->header);
	if (rc == VX_OK) {
		dkim_must(vx_arc_sealer_body(s, in->body) == VX_OK);
		dkim_must(
		    vx_arc_sealer_end(s, chain, VX_S("fuzz.example; none")) == VX_OK);
		dkim_must(vx_arc_sealer_compute(s) == VX_OK);
		dkim_must(vx_arc_sealer_write(s, out) == VX_OK);
	}
	dkim_must(rc == VX_OK || rc == VX_DONE || rc == VX_EINVAL || rc == VX_ELIMIT);
	vx_arc_sealer_free(s);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vx_buf with = { .max = 1u << 20 };
	struct vx_arc_verifier *whole, *cut;
	struct vx_arc_result r;
	struct dkim_input in;

	if (!dkim_input_read(data, size, &in))
		return 0;
	whole = verify(&in, in.header, size);
	cut = verify(&in, in.header, in.chunk);
	check_same(whole, cut);
	r = *vx_arc_verifier_result(whole);
	vx_arc_verifier_free(whole);
	vx_arc_verifier_free(cut);
	if (seal(&in, r.verdict, &with) == VX_OK && r.sets < 10) {
		vx_buf_add(&with, in.header);
		whole = verify(&in, vx_buf_slice(&with), size);
		check_result(whole);
		dkim_must(vx_arc_verifier_result(whole)->sets == r.sets + 1);
		dkim_must((vx_arc_verifier_result(whole)->verdict == VX_VERDICT_PASS) ==
			  (r.verdict != VX_VERDICT_FAIL));
		vx_arc_verifier_free(whole);
	}
	vx_buf_done(&with);
	return 0;
}
