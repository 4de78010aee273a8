/* Answers of well-known relays, and what they mean for the person who set them up. */
#include "vectis/smtp_client.h"

#include <stdio.h>

/* What is found first counts: the more special before the more general. */
static const struct known {
	bool auth; /* at AUTH only; else from MAIL on */
	vx_slice text;
	struct vx_smtp_hint hint;
} known[] = {
	{ true, VX_SLICE_INIT("application-specific password"),
	    { "relay.auth", "Google wants an app password: switch on 2-step verification "
			    "for the account "
			    "and make one at myaccount.google.com/apppasswords" } },
	{ true, VX_SLICE_INIT("web browser"),
	    { "relay.auth", "Google does not let a program log in with the account's own "
			    "password: make an "
			    "app password at myaccount.google.com/apppasswords" } },
	{ true, VX_SLICE_INIT("support.google.com"),
	    { "relay.auth",
		"Google refuses this login: an app password of the account is needed, or "
		"its "
		"SMTP relay service with this server's address and no login" } },
	{ true, VX_SLICE_INIT("smtpclientauth"),
	    { "relay.auth",
		"Office 365 has logins by SMTP switched off: switch on Authenticated "
		"SMTP for "
		"the mailbox, or use a connector, port 25 and a static address without a "
		"login" } },
	{ true, VX_SLICE_INIT("5.7.139"),
	    { "relay.auth", "Office 365 refuses logins of this kind: use a connector, "
			    "port 25 and a static "
			    "address without a login" } },
	{ true, VX_SLICE_INIT("prod.outlook.com"),
	    { "relay.auth",
		"Office 365 refuses this login: switch on Authenticated SMTP for the "
		"mailbox, "
		"or use a connector, port 25 and a static address without a login" } },
	{ false, VX_SLICE_INIT("email address is not verified"),
	    { "relay.identity", "Amazon SES has not verified the address: verify the "
				"whole domain, not one "
				"address, and ask to leave the sandbox" } },
	{ false, VX_SLICE_INIT("sandbox"),
	    { "relay.identity",
		"the relay's account is in its sandbox: ask the provider for production "
		"access" } },
	{ false, VX_SLICE_INIT("verified sender identity"),
	    { "relay.identity", "SendGrid knows single addresses only: authenticate the "
				"whole domain there" } },
	{ false, VX_SLICE_INIT("sender signature"),
	    { "relay.identity", "Postmark does not know the sender: verify the whole "
				"domain there, not one "
				"address" } },
	{ false, VX_SLICE_INIT("pending approval"),
	    { "relay.identity",
		"the relay's account is not approved yet: ask the provider for it" } },
	{ false, VX_SLICE_INIT("5.7.60"),
	    { "relay.identity",
		"Office 365 lets the login send as its own address only: use a connector "
		"instead, which takes every address of the domain" } },
	{ false, VX_SLICE_INIT("sendasdenied"),
	    { "relay.identity",
		"Office 365 lets the login send as its own address only: use a connector "
		"instead, which takes every address of the domain" } },
	{ false, VX_SLICE_INIT("not verified"),
	    { "relay.identity", "the relay has not verified the sender: verify the whole "
				"domain there, not "
				"one address" } },
};

static bool has(vx_slice text, vx_slice word)
{
	for (size_t i = 0; i + word.len <= text.len; i++)
		if (vx_slice_has_prefix_nocase(vx_slice_from(text, i), word))
			return true;
	return false;
}

const struct vx_smtp_hint *vx_smtp_hint(const struct vx_smtp_result *r)
{
	static const struct vx_smtp_hint password = { "relay.auth",
		"the relay refuses the user or the password: most providers want an API "
		"key "
		"or an SMTP password of its own, not that of the account" };
	const bool auth = r->stage == VX_SMTP_AT_AUTH;
	const bool later = r->stage > VX_SMTP_AT_RSET && r->stage < VX_SMTP_AT_QUIT;

	if (r->code < 400)
		return NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((known[i].auth ? auth : later) &&
		    (has(r->text, known[i].text) ||
			(r->status_said &&
			    vx_slice_eq(known[i].text, vx_slice_str(r->status)))))
			return &known[i].hint;
	return auth && r->code == 535 ? &password : NULL;
}

/* Take " (to AUTH)" off; a reason that was cut has none: then its code has to do. */
static enum vx_smtp_stage take_stage(vx_slice *text, unsigned code)
{
	for (unsigned i = 0; i <= VX_SMTP_AT_QUIT; i++) {
		const enum vx_smtp_stage stage = (enum vx_smtp_stage)i;
		char end[40];
		size_t len;

		(void)snprintf(end, sizeof(end), " (to %s)", vx_smtp_stage_name(stage));
		len = strlen(end);
		if (text->len >= len &&
		    memcmp(text->ptr + text->len - len, end, len) == 0) {
			*text = vx_slice_head(*text, text->len - len);
			return stage;
		}
	}
	return code == 530 || code == 534 || code == 535 ? VX_SMTP_AT_AUTH
							 : VX_SMTP_AT_RCPT;
}

const struct vx_smtp_hint *vx_smtp_hint_of(vx_slice reason)
{
	struct vx_smtp_result r = { .status_said = true };
	vx_slice code, status;
	uint64_t number;

	(void)vx_slice_cut(&reason, ' ', &code);
	(void)vx_slice_cut(&reason, ' ', &status);
	if (vx_slice_number(code, 999, &number) != VX_OK ||
	    status.len > VX_SMTP_STATUS_MAX)
		return NULL;
	r.code = (unsigned)number;
	if (status.len > 0)
		memcpy(r.status, status.ptr, status.len);
	r.stage = take_stage(&reason, r.code);
	r.text = reason;
	return vx_smtp_hint(&r);
}
