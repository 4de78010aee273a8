#include "service/smtp_policy.h"
#include "service/smtp_says.h"

#include "base/chars.h"
#include "vectis/dmarc.h"
#include "vectis/dns.h"
#include "vectis/network.h"

#include <stdarg.h>
#include <stdio.h>

/* --- notes ---------------------------------------------------------------------------
 */

void vx_smtp_notes_init(struct smtp_notes *n)
{
	*n = (struct smtp_notes){ .score = 0 };
	vx_buf_init(&n->lines, SMTP_NOTES_MAX);
}

void vx_smtp_notes_done(struct smtp_notes *n)
{
	vx_buf_done(&n->lines);
}

static void weigh(struct smtp_notes *n, unsigned weight, const char *said)
{
	n->score += weight;
	if (weight <= n->heaviest)
		return;
	n->heaviest = weight;
	(void)snprintf(n->said, sizeof(n->said), "%s", said);
}

void vx_smtp_notes_add(struct smtp_notes *n, const struct smtp_notes *more)
{
	vx_buf_add(&n->lines, vx_buf_slice(&more->lines));
	n->score += more->score;
	if (more->heaviest > n->heaviest) {
		n->heaviest = more->heaviest;
		memcpy(n->said, more->said, sizeof(n->said));
	}
}

/* Strangers' words in a line of ours: no ends of lines, nothing that is not printed. */
static void make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if (vx_is(*text, VX_C_CTL) || (unsigned char)*text >= 0x7f)
			*text = '?';
}

void vx_smtp_note(
    struct smtp_notes *n, const char *check, const char *result, const char *detail, ...)
{
	char text[SMTP_SAID_MAX];
	va_list args;

	va_start(args, detail);
	(void)vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	make_printable(text);
	if (n->lines.len + strlen(check) + strlen(result) + strlen(text) + 3 >
	    SMTP_NOTES_MAX)
		return; /* whole lines only */
	vx_buf_printf(&n->lines, "%s\t%s\t%s\n", check, result, text);
}

void vx_smtp_weigh(struct smtp_notes *n, unsigned weight, const char *said, ...)
{
	char text[SMTP_SAID_MAX];
	va_list args;

	va_start(args, said);
	(void)vsnprintf(text, sizeof(text), said, args);
	va_end(args);
	make_printable(text);
	weigh(n, weight, text);
}

/* --- the client ----------------------------------------------------------------------
 */

static bool is_address(vx_slice text, const char *address)
{
	struct vx_network a, b;
	bool exact;

	return vx_network_parse(text, &a, &exact) == VX_OK &&
	       vx_network_parse(vx_slice_str(address), &b, &exact) == VX_OK &&
	       memcmp(&a, &b, sizeof(a)) == 0;
}

/* [192.0.2.1], [IPv6:2001:db8::1] */
static bool is_literal(vx_slice helo, vx_slice *address)
{
	if (helo.len < 2 || helo.ptr[0] != '[' || helo.ptr[helo.len - 1] != ']')
		return false;
	*address = vx_slice_of(helo.ptr + 1, helo.len - 2);
	if (vx_slice_has_prefix_nocase(*address, VX_S("IPv6:")))
		*address = vx_slice_from(*address, 5);
	return true;
}

static bool is_any_address(vx_slice text)
{
	struct vx_network n;
	bool exact;

	return vx_network_parse(text, &n, &exact) == VX_OK;
}

void vx_smtp_policy_helo(
    struct smtp_notes *n, vx_slice helo, bool is_us, const char *address)
{
	char name[VX_DNS_NAME_MAX + 1];
	vx_slice literal;
	const char *result = "ok", *said = NULL;
	unsigned weight = 0;

	if (is_us) {
		result = "claims to be this server";
		weight = SMTP_WEIGHT_HELO_IS_US;
		said = SMTP_SAYS_HELO "claims to be this server";
	} else if (is_literal(helo, &literal)) {
		if (!is_address(literal, address)) {
			result = "is another address";
			weight = SMTP_WEIGHT_HELO_ADDRESS;
			said = SMTP_SAYS_HELO "has an address that is not yours";
		}
	} else if (is_any_address(helo)) {
		result = "is an address without brackets";
		weight = SMTP_WEIGHT_HELO_ADDRESS;
		said = SMTP_SAYS_HELO "must be a host name";
	} else if (vx_dns_name(helo, name) != VX_OK || !vx_dns_is_host(name) ||
		   vx_dns_labels(vx_slice_str(name)) < 2) {
		result = "is no full host name";
		weight = SMTP_WEIGHT_HELO_NO_HOST;
		said = SMTP_SAYS_HELO "must be a full host name";
	}
	vx_smtp_note(
	    n, "helo", result, "%.*s", (int)helo.len, helo.len > 0 ? helo.ptr : "");
	if (said != NULL)
		vx_smtp_weigh(n, weight, "%s", said);
}

/* --- the sender ----------------------------------------------------------------------
 */

void vx_smtp_policy_spf(struct smtp_notes *n, enum vx_verdict spf)
{
	if (spf == VX_VERDICT_FAIL)
		vx_smtp_weigh(n, SMTP_WEIGHT_SPF_FAIL,
		    SMTP_SAYS_SPF "let your address send for it");
	else if (spf == VX_VERDICT_SOFTFAIL)
		vx_smtp_weigh(
		    n, SMTP_WEIGHT_SPF_SOFTFAIL, SMTP_SAYS_SPF "name your address");
	else if (spf == VX_VERDICT_PERMERROR)
		vx_smtp_weigh(
		    n, SMTP_WEIGHT_SPF_PERMERROR, SMTP_SAYS_SPF_WRONG "is wrong");
}

/* Nobody writes in our name from elsewhere, but whom our own SPF record names. */
static struct smtp_reply guard_own_domain(
    struct smtp_notes *n, const struct smtp_sender_facts *f)
{
	if (!f->ours)
		return (struct smtp_reply){ 0 };
	if (f->spf == VX_VERDICT_PASS && f->spf_explicit)
		return (struct smtp_reply){ 0 };
	if (f->spf == VX_VERDICT_TEMPERROR) {
		vx_smtp_note(n, "own domain", "not known now",
		    "its SPF record cannot be looked up");
		return (struct smtp_reply){ 451, "4.4.3",
			SMTP_SAYS_SPF_WRONG "cannot be looked up now" };
	}
	vx_smtp_note(n, "own domain", "refused",
	    "a domain of this server, from an address that its SPF record does not name");
	return (struct smtp_reply){ 550, "5.7.1", SMTP_SAYS_OWN_DOMAIN };
}

struct smtp_reply vx_smtp_policy_recipient(
    struct smtp_notes *n, const struct smtp_sender_facts *f)
{
	struct smtp_reply r = guard_own_domain(n, f);

	if (r.code != 0)
		return r;
	if (f->spf_refuses && f->spf == VX_VERDICT_FAIL && !f->needed) {
		vx_smtp_note(n, "policy", "refused", "SPF fails (smtp.spf_fail)");
		return (struct smtp_reply){ 550, "5.7.23",
			SMTP_SAYS_SPF "let your address send for it (SPF)" };
	}
	if (f->refuse_score == 0 || n->score < f->refuse_score)
		return (struct smtp_reply){ 0 };
	if (f->needed) {
		vx_smtp_note(n, "policy", "passed over",
		    "score %u: mail to postmaster and abuse is taken", n->score);
		return (struct smtp_reply){ 0 };
	}
	vx_smtp_note(n, "policy", "refused", "score %u of %u (smtp.refuse_score)",
	    n->score, f->refuse_score);
	return (struct smtp_reply){ 550, "5.7.1", n->said };
}

/* --- the message ---------------------------------------------------------------------
 */

static enum smtp_fate refuse(
    struct smtp_reply *reply, unsigned code, const char *enhanced, const char *text)
{
	*reply = (struct smtp_reply){ code, enhanced, text };
	return SMTP_REFUSE;
}

static enum smtp_fate by_dmarc(
    struct smtp_notes *n, const struct smtp_message_facts *f, struct smtp_reply *reply)
{
	const bool rejects = f->policy == VX_DMARC_REJECT;

	if (f->mode == VX_DMARC_MODE_RECORD)
		return SMTP_DELIVER;
	if (f->dmarc == VX_VERDICT_TEMPERROR) {
		vx_smtp_note(n, "policy", "later", "DMARC cannot be looked up now");
		return refuse(reply, 451, "4.7.24",
		    SMTP_SAYS_DMARC_LATER "cannot be looked up now");
	}
	if (f->dmarc != VX_VERDICT_FAIL || f->policy == VX_DMARC_NONE)
		return SMTP_DELIVER;
	if (rejects && f->mode == VX_DMARC_MODE_ENFORCE) {
		vx_smtp_note(n, "policy", "refused", "%s asks for it (DMARC)", f->author);
		return refuse(reply, 550, "5.7.26",
		    SMTP_SAYS_DMARC ", which asks to refuse such mail (DMARC)");
	}
	vx_smtp_note(n, "policy", "junk", "%s asks for it (DMARC)", f->author);
	return SMTP_JUNK;
}

enum smtp_fate vx_smtp_policy_message(
    struct smtp_notes *n, const struct smtp_message_facts *f, struct smtp_reply *reply)
{
	if (f->from_fields > 1) { /* who is shown is not who was checked */
		vx_smtp_note(n, "policy", "refused", "several From fields");
		return refuse(
		    reply, 550, "5.6.0", "a message has one From field (RFC 5322 3.6)");
	}
	if (f->from_ours && f->dmarc != VX_VERDICT_PASS &&
	    f->dmarc != VX_VERDICT_TEMPERROR && !f->authentic) {
		vx_smtp_note(n, "policy", "refused",
		    "the author's domain is of this server, and nothing proves it");
		return refuse(reply, 550, "5.7.1", SMTP_SAYS_OWN_DOMAIN);
	}
	return by_dmarc(n, f, reply);
}
