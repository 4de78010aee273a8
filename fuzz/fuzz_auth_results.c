/*
 * Authentication-Results: what is read can be written and read again, what is written is
 * a field that breaks no header, and no field that claims our id is left.
 */
#include "vectis/auth_results.h"
#include "vectis/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const vx_slice ids[] = { VX_SLICE_INIT("mx.example.org"),
	VX_SLICE_INIT("m\xc3\xbcller.example") };

static void must(bool good)
{
	if (!good)
		abort();
}

/* One field, of lines that are not too long, without octets that are not allowed. */
static void check_field(vx_slice s, bool utf8)
{
	vx_slice rest = s, line;
	struct vx_field f;

	while (rest.len > 0) {
		must(vx_slice_cut(&rest, '\n', &line));
		must(line.len > 1 && line.len <= 999);
		must(line.ptr[line.len - 1] == '\r');
		for (size_t i = 0; i + 1 < line.len; i++)
			must(line.ptr[i] == '\t' ||
			     (line.ptr[i] >= ' ' && line.ptr[i] < 0x7f) ||
			     (utf8 && (unsigned char)line.ptr[i] >= 0x80));
	}
	must(vx_field_next(&s, &f) && !f.bad && s.len == 0);
}

static bool same(const struct vx_auth_results *a, const struct vx_auth_results *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!vx_slice_eq(a->results[i].method, b->results[i].method) ||
		    !vx_slice_eq(a->results[i].result, b->results[i].result) ||
		    a->results[i].properties_count != b->results[i].properties_count)
			return false;
	return true;
}

static void write_again(
    const struct vx_auth_results *r, struct vx_arena *arena, bool utf8)
{
	struct vx_buf out = { .max = 16 << 20 }, twice = { .max = 16 << 20 };
	struct vx_auth_results again;
	struct vx_field f;
	vx_slice rest;

	if (vx_auth_results_write(r, VX_S(""), utf8, &out) == VX_OK) {
		check_field(vx_buf_slice(&out), utf8);
		rest = vx_buf_slice(&out);
		must(vx_field_next(&rest, &f));
		must(vx_auth_results_parse(f.value, arena, &again) == VX_OK);
		must(same(r, &again));
		must(vx_auth_results_write(&again, VX_S(""), utf8, &twice) == VX_OK);
		must(vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&twice)));
	}
	vx_buf_done(&out);
	vx_buf_done(&twice);
}

static void filter(vx_slice header)
{
	struct vx_buf out = { .max = header.len }, again = { .max = header.len };
	struct vx_field f;
	vx_slice rest;
	size_t removed = 0;

	must(vx_auth_results_filter(header, ids, 2, &out, &removed) == VX_OK);
	for (rest = vx_buf_slice(&out); vx_field_next(&rest, &f);)
		must(!vx_slice_eq_nocase(f.name, VX_S("Authentication-Results")) ||
		     !vx_auth_results_claims(f.value, ids, 2));
	must(vx_auth_results_filter(vx_buf_slice(&out), ids, 2, &again, &removed) ==
	     VX_OK);
	must(removed == 0 && vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&again)));
	vx_buf_done(&out);
	vx_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice in = vx_slice_of(data, size);
	struct vx_arena arena = { .limit = 16 << 20 };
	struct vx_buf id = { .max = VX_AUTH_RESULTS_ID_MAX };
	struct vx_auth_results r;
	unsigned version;

	if (size > 65536)
		return 0;
	filter(in);
	if (vx_auth_results_parse(in, &arena, &r) == VX_OK) {
		must(vx_auth_results_id(in, &id, &version) == VX_OK);
		must(vx_slice_eq(vx_buf_slice(&id), r.authserv_id));
		must(vx_auth_results_claims(in, &r.authserv_id, 1) || id.len == 0);
		write_again(&r, &arena, true);
		write_again(&r, &arena, false);
	}
	vx_buf_done(&id);
	vx_arena_done(&arena);
	return 0;
}
