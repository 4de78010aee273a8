/* What Cloudflare says when it does not do what was asked: codes, and what they mean. */
#include "cloudflare/client.h"

#include "base/chars.h"

#include <stdio.h>

static const char *const outcomes[] = { "good", "no zone", "token", "forbidden", "clash",
	"invalid", "limited", "unreachable", "strange", "too much", "unconfirmed" };

const char *vx_cf_outcome_name(enum vx_cf_outcome o)
{
	return (unsigned)o < sizeof(outcomes) / sizeof(outcomes[0]) ? outcomes[o] : "?";
}

/*
 * The codes that public logs show.  A code that comes with several meanings (10000, 9109)
 * is FORBIDDEN: what it was asked for tells which.
 */
static const struct {
	int code;
	enum vx_cf_outcome outcome;
	const char *advice;
} codes[] = {
	{ 9106, VX_CF_TOKEN, "no token was sent" },
	{ 6111, VX_CF_TOKEN,
	    "the token is malformed: copy it again, without blanks and quotes; a global "
	    "API "
	    "key will not do" },
	{ 6103, VX_CF_TOKEN,
	    "that is a global API key: make an API token with Zone > DNS > Edit" },
	{ 6003, VX_CF_TOKEN, "the token is malformed" },
	{ 1000, VX_CF_TOKEN,
	    "the token is not valid: it may have been rolled or deleted" },
	{ 10001, VX_CF_TOKEN, "the token is not valid" },
	{ 10000, VX_CF_FORBIDDEN, "" },
	{ 9109, VX_CF_FORBIDDEN, "" },
	{ 7003, VX_CF_NO_ZONE, "no such zone or record" },
	{ 7000, VX_CF_NO_ZONE, "no such zone or record" },
	{ 81044, VX_CF_CLASH, "the record is gone" },
	{ 81057, VX_CF_CLASH, "the record is there already" },
	{ 81058, VX_CF_CLASH, "the same record is there already" },
	{ 81053, VX_CF_CLASH, "an A, AAAA or CNAME record of that name is in the way" },
	{ 81054, VX_CF_CLASH, "a CNAME record of that name is in the way" },
	{ 1004, VX_CF_INVALID, "" },
	{ 9000, VX_CF_INVALID, "" },
	{ 9005, VX_CF_INVALID, "" },
	{ 9007, VX_CF_INVALID, "" },
	{ 9021, VX_CF_INVALID, "" },
	{ 9015, VX_CF_INVALID, "the record is too long" },
	{ 83011, VX_CF_INVALID,
	    "all TXT records of that name are too long together: remove some" },
	{ 10100, VX_CF_LIMITED, "" },
	{ 971, VX_CF_LIMITED, "" },
};

void vx_cf_add_text(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);

	for (; *text != '\0' && n + 1 < size; text++)
		out[n++] = *text >= ' ' && *text < 0x7f ? *text : '?';
	out[n] = '\0';
}

bool vx_cf_error_has(const struct vx_cf_error *e, int code)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->codes[i] == code)
			return true;
	return false;
}

/* One error's code and message. */
static void add(struct vx_cf_error *e, const json_t *item)
{
	char number[32];
	const int code = (int)vx_cf_number(item, "code", INT32_MAX, 0);

	if (e->count == VX_CF_CODES_MAX)
		return;
	e->codes[e->count++] = code;
	if (e->text[0] != '\0')
		vx_cf_add_text(e->text, sizeof(e->text), "; ");
	vx_cf_add_text(e->text, sizeof(e->text), vx_cf_text(item, "message"));
	(void)snprintf(number, sizeof(number), " (%d)", code);
	vx_cf_add_text(e->text, sizeof(e->text), number);
}

static void add_all(struct vx_cf_error *e, const json_t *errors)
{
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *item = json_array_get(errors, i);
		const json_t *chain = json_object_get(item, "error_chain");

		add(e, item);
		for (size_t k = 0; k < json_array_size(chain); k++)
			add(e, json_array_get(chain, k));
	}
}

/* What a status means when no code is known. */
static enum vx_cf_outcome by_status(int status)
{
	switch (status) {
	case 401:
		return VX_CF_TOKEN;
	case 403:
		return VX_CF_FORBIDDEN;
	case 404:
		return VX_CF_NO_ZONE;
	case 409:
		return VX_CF_CLASH;
	case 429:
		return VX_CF_LIMITED;
	default:
		return status >= 400 && status < 500 ? VX_CF_INVALID : VX_CF_STRANGE;
	}
}

/* Put what it means before what the server says. */
static void explain(struct vx_cf_error *e, const char *advice)
{
	char said[VX_CF_TEXT_MAX + 1];

	(void)snprintf(said, sizeof(said), "%s", e->text);
	e->text[0] = '\0';
	vx_cf_add_text(e->text, sizeof(e->text), advice);
	if (*advice != '\0' && said[0] != '\0')
		vx_cf_add_text(e->text, sizeof(e->text), "; the server says: ");
	vx_cf_add_text(e->text, sizeof(e->text), said);
}

bool vx_cf_error_says(const struct vx_cf_error *e, const char *words)
{
	const vx_slice text = vx_slice_str(e->text);

	return vx_slice_find_slice(text, vx_slice_str(words)) < text.len;
}

void vx_cf_error_read(
    const struct vx_cf *cf, int status, const json_t *root, struct vx_cf_error *out)
{
	char advice[200] = "";

	*out = (struct vx_cf_error){ .outcome = by_status(status) };
	add_all(out, json_object_get(root, "errors"));
	if (vx_cf_error_says(out, "Email Routing") || vx_cf_error_says(out, "managed by"))
		out->outcome = VX_CF_CLASH;
	/* the innermost that is known says most */
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (vx_cf_error_has(out, codes[i].code)) {
			out->outcome =
			    out->outcome == VX_CF_CLASH ? VX_CF_CLASH : codes[i].outcome;
			(void)snprintf(advice, sizeof(advice), "%s", codes[i].advice);
			break;
		}
	if (out->outcome == VX_CF_FORBIDDEN) {
		/* whoever may not even list zones has no token */
		if (cf->step == VX_CF_STEP_ZONE || cf->step == VX_CF_STEP_VERIFY)
			out->outcome = VX_CF_TOKEN;
		if (out->outcome == VX_CF_TOKEN)
			(void)snprintf(advice, sizeof(advice),
			    "the token is not valid, or may not be used from this "
			    "address");
		else
			(void)snprintf(advice, sizeof(advice),
			    "the token lacks the permission %s for this zone",
			    vx_cf_step_permission(cf->step));
	}
	explain(out, advice);
}
