/* The base subject of anything is UTF-8 and its own base subject; ids have their limits.
 */
#include "mime/subject.h"
#include "vectis/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void subjects(vx_slice in)
{
	struct vx_buf base = { .max = 1 << 20 }, again = { .max = 1 << 20 },
		      folded = { .max = 1 << 22 };
	bool reply, more;

	vx_subject_base(in, &base, &reply);
	must(!base.failed && vx_slice_trim(vx_buf_slice(&base), " ").len == base.len);
	must(vx_slice_find(vx_buf_slice(&base), '\n') == base.len);
	/* decoded words may hold what looks like encoded words: only others are stable */
	if (vx_slice_find_slice(vx_buf_slice(&base), VX_S("=?")) == base.len &&
	    base.len < VX_SUBJECT_MAX) {
		vx_subject_base(vx_buf_slice(&base), &again, &more);
		must(vx_slice_eq(vx_buf_slice(&base), vx_buf_slice(&again)) && !more);
	}
	vx_text_fold(vx_buf_slice(&base), &folded);
	must(!folded.failed);
	vx_buf_done(&base);
	vx_buf_done(&again);
	vx_buf_done(&folded);
}

static void ids(vx_slice in)
{
	struct vx_buf out = { .max = 1 << 20 };
	size_t before = 0, left = in.len + 1;

	while (vx_message_id_next(&in, &out)) {
		must(out.len > before && out.len - before <= VX_MESSAGE_ID_MAX);
		must(in.len < left);
		must(vx_message_id_hash(vx_buf_slice(&out)) != 0);
		before = out.len;
		left = in.len;
	}
	must(in.len == 0 && out.len == before);
	vx_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice in = vx_slice_of(data, size);

	subjects(in);
	ids(in);
	return 0;
}
