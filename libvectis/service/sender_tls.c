#include "service/sender_tls.h"

#include <stdio.h>

#define POLICY_TEXT_MAX 32768

/* --- which policy --------------------------------------------------------------------
 */

static void policy_known(struct sender_wish *w)
{
	struct sender_tls *t =
	    (struct sender_tls *)(void *)((char *)w - offsetof(struct sender_tls, wish));

	t->known(t);
}

int vx_sender_tls_begin(struct sender_tls *t, struct vx_sender *s, const char *domain,
    bool quiet, void (*known)(struct sender_tls *t))
{
	t->sender = s;
	t->domain = domain;
	t->quiet = quiet;
	t->known = known;
	t->wish = (struct sender_wish){ .done = policy_known, .quiet = quiet };
	if (s->sts == NULL || domain[0] == '[')
		return VX_OK;
	return vx_sender_sts_ask(s->sts, domain, &t->wish);
}

void vx_sender_tls_done(struct sender_tls *t)
{
	vx_sender_sts_forget(&t->wish);
	vx_sender_policy_free(t->wish.policy);
	t->wish.policy = NULL;
}

static enum vx_tls_policy_type type_of(
    const struct sender_tls *t, const struct vx_route_host *h)
{
	/* records that mean nothing here ask for TLS, and for no more: a policy does */
	if (h->dane == VX_ROUTE_DANE_RECORDS)
		return VX_TLS_POLICY_TLSA;
	if (t->wish.policy != NULL)
		return VX_TLS_POLICY_STS;
	return h->dane == VX_ROUTE_DANE_UNUSABLE ? VX_TLS_POLICY_TLSA
						 : VX_TLS_POLICY_NONE;
}

static bool is_enforced(const struct sender_tls *t, const struct vx_route_host *h)
{
	return type_of(t, h) == VX_TLS_POLICY_STS &&
	       t->wish.policy->sts.mode == VX_STS_ENFORCE;
}

bool vx_sender_tls_is_required(const struct sender_tls *t, const struct vx_route_host *h)
{
	return h->dane != VX_ROUTE_DANE_NONE || is_enforced(t, h);
}

bool vx_sender_tls_admits(const struct sender_tls *t, const struct vx_route_host *h,
    char why[SENDER_TLS_TEXT_MAX])
{
	struct sender_tls_seen seen = { .known = true,
		.failed = true,
		.failure = VX_TLS_VALIDATION_FAILURE,
		.reason = "the policy does not name the host" };

	if (!is_enforced(t, h) || vx_sts_matches(&t->wish.policy->sts, h->name))
		return true;
	(void)snprintf(why, SENDER_TLS_TEXT_MAX,
	    "the MTA-STS policy of the domain does not name its host %s", h->name);
	if (!t->quiet)
		vx_sender_tls_count(t, h, &seen);
	return false;
}

/* --- a connection --------------------------------------------------------------------
 */

void vx_sender_tls_opened(struct sender_tls_seen *seen, const struct vx_peer *peer)
{
	(void)snprintf(seen->local, sizeof(seen->local), "%s", peer->local_address);
	(void)snprintf(seen->remote, sizeof(seen->remote), "%s", peer->address);
}

static void note(
    struct sender_tls_seen *seen, enum vx_tls_failure_type failure, const char *reason)
{
	seen->known = seen->failed = true;
	seen->failure = failure;
	(void)snprintf(
	    seen->reason, sizeof(seen->reason), "%.*s", SENDER_TLS_TEXT_MAX - 1, reason);
}

void vx_sender_tls_failed(struct sender_tls_seen *seen, const char *text)
{
	note(seen, VX_TLS_VALIDATION_FAILURE, text);
}

void vx_sender_tls_missing(struct sender_tls_seen *seen)
{
	note(seen, VX_TLS_STARTTLS_NOT_SUPPORTED, "");
}

enum vx_tls_failure_type vx_sender_tls_failure(enum vx_tls_fault fault)
{
	switch (fault) {
	case VX_TLS_FAULT_NAME:
		return VX_TLS_CERTIFICATE_HOST_MISMATCH;
	case VX_TLS_FAULT_EXPIRED:
		return VX_TLS_CERTIFICATE_EXPIRED;
	case VX_TLS_FAULT_NOT_TRUSTED:
		return VX_TLS_CERTIFICATE_NOT_TRUSTED;
	case VX_TLS_FAULT_RECORDS: /* "none of the records ... were found to be valid" */
		return VX_TLS_TLSA_INVALID;
	case VX_TLS_FAULT_NONE:
	case VX_TLS_FAULT_OTHER:
		break;
	}
	return VX_TLS_VALIDATION_FAILURE;
}

/* The names of RFC 7672 3.2.2. */
static int check_dane(const struct sender_tls *t, const struct vx_route_host *h,
    struct vx_tls *tls, struct vx_error *err)
{
	const char *const names[] = { h->tlsa_base, t->domain, h->next_hop };
	struct vx_tls_dane records[VX_ROUTE_TLSA_MAX];

	for (size_t i = 0; i < h->tlsa_count; i++)
		records[i] = (struct vx_tls_dane){ h->tlsa[i].usage, h->tlsa[i].selector,
			h->tlsa[i].matching, h->tlsa[i].data };
	return vx_tls_check_dane(
	    tls, records, h->tlsa_count, names, h->next_hop != NULL ? 3 : 2, err);
}

static int check_sts(const struct sender_tls *t, const struct vx_route_host *h,
    struct vx_tls *tls, struct sender_tls_seen *seen, struct vx_error *err)
{
	if (!vx_sts_matches(&t->wish.policy->sts, h->name)) { /* while testing */
		note(
		    seen, VX_TLS_VALIDATION_FAILURE, "the policy does not name the host");
		return VX_OK;
	}
	if (vx_tls_check_host(tls, h->name, err) == VX_OK)
		return VX_OK;
	note(seen, vx_sender_tls_failure(vx_tls_fault(tls)), err->text);
	if (is_enforced(t, h))
		return VX_ETLS;
	vx_log(t->sender->o.log, VX_LOG_INFO,
	    "a server is not as its MTA-STS policy says, which is being tested",
	    VX_KV_Z("domain", t->domain), VX_KV_Z("host", h->name),
	    VX_KV_Z("reason", err->text));
	return VX_OK;
}

int vx_sender_tls_check(const struct sender_tls *t, const struct vx_route_host *h,
    struct vx_tls *tls, struct sender_tls_seen *seen, struct vx_error *err)
{
	int rc = VX_OK;

	seen->known = true;
	switch (type_of(t, h)) {
	case VX_TLS_POLICY_STS:
		return check_sts(t, h, tls, seen, err);
	case VX_TLS_POLICY_TLSA:
		if (h->dane == VX_ROUTE_DANE_UNUSABLE) {
			note(seen, VX_TLS_TLSA_INVALID, "no record is usable");
			break;
		}
		rc = check_dane(t, h, tls, err);
		if (rc != VX_OK)
			note(seen, vx_sender_tls_failure(vx_tls_fault(tls)), err->text);
		break;
	case VX_TLS_POLICY_NONE:
		break;
	}
	return rc;
}

const char *vx_sender_tls_words(const struct sender_tls *t, const struct vx_route_host *h,
    const struct sender_tls_seen *seen)
{
	switch (type_of(t, h)) {
	case VX_TLS_POLICY_TLSA:
		return seen->failed ? NULL : "its certificate is right, by DANE";
	case VX_TLS_POLICY_STS:
		return seen->failed ? "not as the domain's MTA-STS policy says, which is "
				      "being tested"
				    : "its certificate is right, by MTA-STS";
	case VX_TLS_POLICY_NONE:
		break;
	}
	return NULL;
}

/* --- counting ------------------------------------------------------------------------
 */

/* Records as RFC 6698 2.3 shows them, and as RFC 8460 4.4 wants them. */
static void write_records(const struct vx_route_host *h, struct vx_buf *out)
{
	for (size_t i = 0; i < h->tlsa_count; i++) {
		const struct vx_dns_tlsa *r = &h->tlsa[i];

		vx_buf_printf(out, "%s%u %u %u ", i > 0 ? "\n" : "", r->usage,
		    r->selector, r->matching);
		for (size_t k = 0; k < r->data.len; k++)
			vx_buf_printf(out, "%02X", (unsigned char)r->data.ptr[k]);
	}
}

/* A policy's lines without what the last of them ends with. */
static void write_lines(vx_slice text, struct vx_buf *out)
{
	vx_slice line;

	while (text.len > 0) {
		(void)vx_slice_cut(&text, '\n', &line);
		line = vx_slice_trim(line, " \t\r");
		if (line.len == 0)
			continue;
		if (out->len > 0)
			vx_buf_add_char(out, '\n');
		vx_buf_add(out, line);
	}
}

static void write_patterns(vx_slice text, struct vx_buf *out)
{
	char pattern[VX_DNS_NAME_MAX + 3];

	while (vx_sts_next_mx(&text, pattern))
		vx_buf_printf(out, "%s%s", out->len > 0 ? "\n" : "", pattern);
}

/*
 * Whether there is a policy is not known then: what DANE would have it be is named, with
 * no record (RFC 8460 4.3.2.1).  "dane-required" is never said: nobody is asked for more
 * than the DNS says.
 */
void vx_sender_tls_forged(const struct sender_tls *t, const char *host)
{
	const struct own_tls_outcome o = { .domain = vx_slice_str(t->domain),
		.type = VX_TLS_POLICY_TLSA,
		.mx_hosts = vx_slice_str(host),
		.failed = true,
		.failure = VX_TLS_DNSSEC_INVALID,
		.receiving_hostname = vx_slice_str(host),
		.reason_code = VX_S("the DNSSEC signatures are wrong") };

	if (!t->quiet)
		(void)vx_own_tls_result(
		    &t->sender->tls_results, &o, vx_sender_now(t->sender));
}

void vx_sender_tls_count(const struct sender_tls *t, const struct vx_route_host *h,
    const struct sender_tls_seen *seen)
{
	struct vx_buf policy = { .max = POLICY_TEXT_MAX },
		      hosts = { .max = POLICY_TEXT_MAX };
	struct own_tls_outcome o = { .domain = vx_slice_str(t->domain),
		.type = type_of(t, h),
		.failed = seen->failed,
		.failure = seen->failure,
		.receiving_hostname = vx_slice_str(h->name),
		.receiving_ip = vx_slice_str(seen->remote),
		.receiving_helo = vx_slice_str(seen->helo != NULL ? seen->helo : ""),
		.sending_ip = vx_slice_str(seen->local),
		.reason_code = vx_slice_str(seen->reason) };

	if (!seen->known || t->domain == NULL || t->domain[0] == '[')
		return;
	if (o.type == VX_TLS_POLICY_STS) {
		write_lines(t->wish.policy->sts.text, &policy);
		write_patterns(t->wish.policy->sts.text, &hosts);
	} else if (o.type == VX_TLS_POLICY_TLSA) {
		write_records(h, &policy);
		vx_buf_add_str(&hosts, h->tlsa_base);
	}
	o.policy = vx_buf_slice(&policy);
	o.mx_hosts = vx_buf_slice(&hosts);
	(void)vx_own_tls_result(&t->sender->tls_results, &o, vx_sender_now(t->sender));
	vx_buf_done(&policy);
	vx_buf_done(&hosts);
}
