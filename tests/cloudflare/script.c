#include "cloudflare/script.h"

#include <stdlib.h>

#define BASE "https://api.test/v4"

struct vx_cf *script_client(void)
{
	const struct vx_cf_options o = {
		.struct_size = sizeof(o), .token = VX_S("cfut_secret"), .base = BASE "/"
	};
	struct vx_cf *cf;

	vxt_assert_ok(vx_cf_new(&o, &cf));
	return cf;
}

static void compare(
    const struct vx_cf_request *r, const struct script_line *line, size_t i)
{
	struct vx_buf got = { .max = 100000 };

	ck_assert_str_eq(r->authorization, "Bearer cfut_secret");
	ck_assert_int_eq(strncmp(r->url, BASE, strlen(BASE)), 0);
	vx_buf_printf(&got, "%s %s", r->method, r->url + strlen(BASE));
	if (r->body.len > 0) {
		vx_buf_add_char(&got, ' ');
		vx_buf_add(&got, r->body);
	}
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), vx_slice_str(line->want)),
	    "line %zu:\n%.*s\nnot\n%s", i, (int)got.len, got.ptr, line->want);
	vx_buf_done(&got);
}

uint64_t script_run(struct vx_cf *cf, const struct script_line *lines, size_t count)
{
	uint64_t now = 1000000, at = 0;
	struct vx_cf_request r, same;
	size_t i = 0;
	int rc;

	while ((rc = vx_cf_next(cf, now, &r, &at)) != VX_DONE) {
		struct vx_cf_answer a = { 0 };
		char *body;

		if (rc == VX_WAIT) {
			ck_assert_uint_gt(at, now);
			now = at;
			continue;
		}
		ck_assert_int_eq(rc, VX_DATA);
		ck_assert_msg(
		    i < count, "more requests than lines: %s %s", r.method, r.url);
		compare(&r, &lines[i], i);
		/* until its answer it is the same one */
		ck_assert_int_eq(vx_cf_next(cf, now, &same, &at), VX_DATA);
		ck_assert_ptr_eq(same.url, r.url);
		a.status = lines[i].status;
		a.text = "nobody listens";
		a.retry_after = vx_slice_str(lines[i].retry_after);
		/* octets that end where they end */
		body = malloc(strlen(lines[i].body) + 1);
		a.body = vx_slice_of(body, strlen(lines[i].body));
		memcpy(body, lines[i].body, a.body.len);
		vxt_assert_ok(vx_cf_answer(cf, now, &a));
		free(body);
		i++;
	}
	ck_assert_msg(i == count, "%zu of %zu lines were used", i, count);
	return now - 1000000;
}

void script_outcome(const struct vx_cf *cf, enum vx_cf_outcome outcome)
{
	const struct vx_cf_result *r = vx_cf_result(cf);

	ck_assert_msg(r->outcome == outcome, "%s (%s), not %s",
	    vx_cf_outcome_name(r->outcome), r->text, vx_cf_outcome_name(outcome));
	ck_assert_int_eq(r->text[0] == '\0', outcome == VX_CF_GOOD);
}
