/* The client: requests one by one, rationed, repeated when it makes sense. */
#include "cloudflare/client.h"

#include "base/chars.h"
#include "base/mem.h"

#include <stdio.h>

#define URL_MAX 4096
#define BODY_MAX ((size_t)4 << 20)
#define PAUSE_FIRST_MS 1000 /* before the second try; then twice as long each time */

/* --- life ----------------------------------------------------------------------------
 */

/* What may follow "Bearer ": no blanks, no controls, no line ends from a clumsy copy. */
static bool token_ok(vx_slice token)
{
	if (token.len == 0 || token.len > VX_CF_TOKEN_MAX)
		return false;
	for (size_t i = 0; i < token.len; i++)
		if (token.ptr[i] <= ' ' || token.ptr[i] >= 0x7f)
			return false;
	return true;
}

static char *copy_base(const char *base)
{
	const size_t len = strlen(base);
	char *copy = vx_alloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, base, len);
	for (size_t n = len; n > 0 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	return copy;
}

int vx_cf_new(const struct vx_cf_options *o, struct vx_cf **out)
{
	struct vx_cf *cf;

	if (!token_ok(o->token))
		return VX_EINVAL;
	cf = vx_alloc(sizeof(*cf));
	if (cf == NULL)
		return VX_ENOMEM;
	cf->base = copy_base(o->base != NULL ? o->base : VX_CF_BASE);
	if (cf->base == NULL) {
		vx_free(cf);
		return VX_ENOMEM;
	}
	(void)snprintf(cf->authorization, sizeof(cf->authorization), "Bearer %.*s",
	    (int)o->token.len, o->token.ptr);
	cf->per_page = o->per_page != 0 ? o->per_page : VX_CF_PER_PAGE;
	cf->batch_max = o->batch_max != 0 ? o->batch_max : VX_CF_BATCH_MAX;
	vx_buf_init(&cf->url, URL_MAX);
	vx_buf_init(&cf->body, BODY_MAX);
	vx_buf_init(&cf->exported, VX_CF_ANSWER_MAX);
	vx_buf_init(&cf->value, VX_ZONE_CONTENT_MAX);
	vx_zone_init(&cf->records);
	*out = cf;
	return VX_OK;
}

void vx_cf_free(struct vx_cf *cf)
{
	if (cf == NULL)
		return;
	if (cf->diff != NULL)
		vx_zone_diff_done(cf->diff);
	vx_free(cf->diff);
	vx_buf_done(&cf->url);
	vx_buf_done(&cf->body);
	vx_buf_done(&cf->exported);
	vx_buf_done(&cf->value);
	vx_zone_done(&cf->records);
	vx_free(cf->base);
	vx_wipe(cf->authorization, sizeof(cf->authorization));
	vx_free(cf);
}

const struct vx_cf_result *vx_cf_result(const struct vx_cf *cf)
{
	return &cf->result;
}

const struct vx_cf_zone *vx_cf_zone(const struct vx_cf *cf)
{
	return cf->has_zone ? &cf->zone : NULL;
}

/* --- the step that is under way ------------------------------------------------------
 */

void vx_cf_finish(struct vx_cf *cf, enum vx_cf_outcome outcome, const char *text)
{
	cf->step = VX_CF_STEP_NONE;
	cf->ready = false;
	cf->result.outcome = outcome;
	cf->result.text[0] = '\0';
	vx_cf_add_text(cf->result.text, sizeof(cf->result.text), text);
}

void vx_cf_go(struct vx_cf *cf, enum vx_cf_step step)
{
	cf->step = step;
	cf->ready = false;
	cf->tries = 0;
}

void vx_cf_stop(struct vx_cf *cf, const char *text)
{
	if (cf->step != VX_CF_STEP_NONE)
		vx_cf_finish(cf, VX_CF_UNREACHABLE, text);
}

/*
 * A bucket of VX_CF_AT_ONCE requests, one more every VX_CF_MS_EACH: spent is when it will
 * be full again.
 */
static bool rationed(struct vx_cf *cf, uint64_t now_ms, uint64_t *at_ms)
{
	const uint64_t room = (uint64_t)VX_CF_MS_EACH * (VX_CF_AT_ONCE - 1);

	if (cf->spent < now_ms)
		cf->spent = now_ms;
	if (cf->spent - now_ms > room) {
		*at_ms = cf->spent - room;
		return true;
	}
	cf->spent += VX_CF_MS_EACH;
	return false;
}

int vx_cf_next(
    struct vx_cf *cf, uint64_t now_ms, struct vx_cf_request *request, uint64_t *at_ms)
{
	if (cf->step == VX_CF_STEP_NONE)
		return VX_DONE;
	if (!cf->ready) {
		if (now_ms < cf->not_before) {
			*at_ms = cf->not_before;
			return VX_WAIT;
		}
		if (rationed(cf, now_ms, at_ms))
			return VX_WAIT;
		cf->method = "GET";
		vx_buf_reset(&cf->url);
		vx_buf_reset(&cf->body);
		vx_buf_add_str(&cf->url, cf->base);
		if (vx_cf_step_prepare(cf) != VX_OK || cf->url.failed ||
		    cf->body.failed) {
			vx_cf_finish(cf, VX_CF_TOO_MUCH, "a request is too large");
			return VX_DONE;
		}
		vx_buf_add_char(&cf->url, '\0');
		cf->ready = true;
		cf->tries++;
	}
	*request = (struct vx_cf_request){ .method = cf->method,
		.url = cf->url.ptr,
		.authorization = cf->authorization,
		.body = vx_buf_slice(&cf->body) };
	return VX_DATA;
}

/* --- answers -------------------------------------------------------------------------
 */

/* Is the JSON nested no deeper than we read?  Its syntax is another's affair. */
static bool depth_ok(vx_slice body)
{
	size_t depth = 0;
	bool string = false;

	for (size_t i = 0; i < body.len; i++) {
		const char c = body.ptr[i];

		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '[') && ++depth > VX_CF_DEPTH_MAX)
			return false;
		else if (!string && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return true;
}

static void fail(struct vx_cf *cf, enum vx_cf_outcome outcome, const char *fmt,
    const char *detail, int status)
{
	char text[VX_CF_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "%s%.300s", fmt, detail);
	cf->result.status = status;
	vx_cf_finish(cf, outcome, text);
}

/* The same request again, after a pause; too often: the task ends. */
static void again(struct vx_cf *cf, uint64_t now_ms, enum vx_cf_outcome outcome,
    const char *what, const char *detail)
{
	if (cf->tries >= VX_CF_TRIES_MAX) {
		fail(cf, outcome, what, detail, cf->result.status);
		return;
	}
	cf->ready = false;
	cf->not_before = now_ms + ((uint64_t)PAUSE_FIRST_MS << (cf->tries - 1));
}

/* A limit of the server's: everything is refused until it is over. */
static void limited(
    struct vx_cf *cf, uint64_t now_ms, vx_slice retry_after, const char *text)
{
	uint64_t s, pause = VX_CF_PAUSE_MS;
	char detail[VX_CF_TEXT_MAX + 1];

	if (vx_slice_number(vx_slice_trim(retry_after, " \t"), UINT32_MAX, &s) == VX_OK)
		pause = s == 0 ? PAUSE_FIRST_MS : s * 1000;
	cf->result.wait_ms = pause;
	if (pause > VX_CF_PAUSE_MAX_MS || cf->tries >= VX_CF_TRIES_MAX) {
		(void)snprintf(detail, sizeof(detail), "%llu seconds; %.300s",
		    (unsigned long long)(pause / 1000), text);
		fail(cf, VX_CF_LIMITED, "too many requests: wait ", detail,
		    cf->result.status);
		return;
	}
	cf->ready = false;
	cf->not_before = now_ms + pause;
}

static void take_error(
    struct vx_cf *cf, uint64_t now_ms, const struct vx_cf_answer *a, const json_t *root)
{
	struct vx_cf_error e;

	vx_cf_error_read(cf, a->status, root, &e);
	cf->result.code = e.count > 0 ? e.codes[0] : 0;
	if (e.outcome == VX_CF_NO_ZONE && cf->remembered) {
		/* it was moved or made anew since we saw it */
		cf->kept_count = cf->kept_next = 0;
		cf->has_zone = cf->remembered = false;
		vx_cf_go(cf, VX_CF_STEP_ZONE);
		return;
	}
	if (e.outcome == VX_CF_LIMITED)
		limited(cf, now_ms, a->retry_after, e.text);
	else if (a->status >= 500)
		again(cf, now_ms, VX_CF_UNREACHABLE, "the server fails: ", e.text);
	else if (!vx_cf_step_forgive(cf, &e))
		vx_cf_finish(cf, e.outcome,
		    e.text[0] != '\0' ? e.text : "the server refuses it without a word");
}

/* An answer that is not JSON: an edge's own page, or half of one. */
static void take_other(struct vx_cf *cf, uint64_t now_ms, const struct vx_cf_answer *a)
{
	char status[64];

	(void)snprintf(status, sizeof(status), "status %d", a->status);
	if (a->status == 429)
		limited(cf, now_ms, a->retry_after, status);
	else
		again(cf, now_ms, a->status >= 500 ? VX_CF_UNREACHABLE : VX_CF_STRANGE,
		    "the answer cannot be read: ", status);
}

static void take(struct vx_cf *cf, uint64_t now_ms, const struct vx_cf_answer *a)
{
	json_t *root = NULL;

	if (a->body.len > VX_CF_ANSWER_MAX) {
		vx_cf_finish(cf, VX_CF_TOO_MUCH, "an answer is too large");
		return;
	}
	if (cf->step == VX_CF_STEP_EXPORT && a->status == 200 &&
	    (a->body.len == 0 || a->body.ptr[0] != '{')) {
		vx_cf_step_take(cf, NULL, a->body);
		return;
	}
	if (a->body.len > 0 && depth_ok(a->body))
		root = json_loadb(a->body.ptr, a->body.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root))
		take_other(cf, now_ms, a);
	else if (json_is_true(json_object_get(root, "success")) && a->status >= 200 &&
		 a->status < 300)
		vx_cf_step_take(cf, root, a->body);
	else
		take_error(cf, now_ms, a, root);
	json_decref(root);
}

int vx_cf_answer(struct vx_cf *cf, uint64_t now_ms, const struct vx_cf_answer *a)
{
	if (cf->step == VX_CF_STEP_NONE || !cf->ready)
		return VX_ESTATE;
	cf->result.status = a->status;
	cf->result.code = 0;
	if (a->status == 0)
		again(cf, now_ms, VX_CF_UNREACHABLE, "there is no answer: ",
		    a->text != NULL ? a->text : "no reason is known");
	else
		take(cf, now_ms, a);
	return VX_OK;
}
