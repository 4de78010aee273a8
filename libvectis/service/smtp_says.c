#include "service/smtp_says.h"

static const char *const names[] = { [VX_REFUSAL_OTHER] = "other",
	[VX_REFUSAL_UNKNOWN] = "unknown recipient",
	[VX_REFUSAL_CLOSED] = "inactive domain",
	[VX_REFUSAL_AWAY] = "domain that only sends",
	[VX_REFUSAL_RELAYING] = "relaying",
	[VX_REFUSAL_BLOCKED] = "operator's block",
	[VX_REFUSAL_RATE] = "rate",
	[VX_REFUSAL_BLOCKLIST] = "blocklist",
	[VX_REFUSAL_NAME] = "name of the address",
	[VX_REFUSAL_HELO] = "HELO",
	[VX_REFUSAL_SPF] = "SPF",
	[VX_REFUSAL_OWN_DOMAIN] = "own domain",
	[VX_REFUSAL_GREYLIST] = "greylist",
	[VX_REFUSAL_DMARC] = "DMARC",
	[VX_REFUSAL_UNVERIFIED] = "unverified domain" };

const char *vx_refusal_name(unsigned refusal)
{
	return refusal < VX_REFUSALS ? names[refusal] : "?";
}

/* How it begins; the more special before the more general. */
static const struct {
	vx_slice text;
	enum vx_refusal refusal;
} table[] = { { VX_SLICE_INIT(SMTP_SAYS_UNKNOWN), VX_REFUSAL_UNKNOWN },
	{ VX_SLICE_INIT(SMTP_SAYS_CLOSED), VX_REFUSAL_CLOSED },
	{ VX_SLICE_INIT(SMTP_SAYS_AWAY), VX_REFUSAL_AWAY },
	{ VX_SLICE_INIT(SMTP_SAYS_RELAYING), VX_REFUSAL_RELAYING },
	{ VX_SLICE_INIT(SMTP_SAYS_BLOCKED), VX_REFUSAL_BLOCKED },
	{ VX_SLICE_INIT(SMTP_SAYS_MESSAGES), VX_REFUSAL_RATE },
	{ VX_SLICE_INIT(SMTP_SAYS_RECIPIENTS), VX_REFUSAL_RATE },
	{ VX_SLICE_INIT(SMTP_SAYS_NO_NAME), VX_REFUSAL_NAME },
	{ VX_SLICE_INIT(SMTP_SAYS_NAME), VX_REFUSAL_NAME },
	{ VX_SLICE_INIT(SMTP_SAYS_LISTED), VX_REFUSAL_BLOCKLIST },
	{ VX_SLICE_INIT(SMTP_SAYS_HELO), VX_REFUSAL_HELO },
	{ VX_SLICE_INIT(SMTP_SAYS_SPF), VX_REFUSAL_SPF },
	{ VX_SLICE_INIT(SMTP_SAYS_SPF_WRONG), VX_REFUSAL_SPF },
	{ VX_SLICE_INIT(SMTP_SAYS_OWN_DOMAIN), VX_REFUSAL_OWN_DOMAIN },
	{ VX_SLICE_INIT(SMTP_SAYS_GREYLIST), VX_REFUSAL_GREYLIST },
	{ VX_SLICE_INIT(SMTP_SAYS_DMARC), VX_REFUSAL_DMARC },
	{ VX_SLICE_INIT(SMTP_SAYS_DMARC_LATER), VX_REFUSAL_DMARC },
	{ VX_SLICE_INIT(SMTP_SAYS_UNVERIFIED), VX_REFUSAL_UNVERIFIED },
	{ VX_SLICE_INIT(SMTP_SAYS_LIST_UNVERIFIED), VX_REFUSAL_UNVERIFIED } };

enum vx_refusal vx_refusal_of(vx_slice reason)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (vx_slice_has_prefix(reason, table[i].text))
			return table[i].refusal;
	return VX_REFUSAL_OTHER;
}
