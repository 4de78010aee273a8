/*
 * What the DNS is asked.  To find out what is missing the checks are run: what they look
 * for and do not find is asked, until they find all.
 */
#include "diagnose/diagnose.h"

#include "base/chars.h"
#include "zone/spf.h"

#include <stdio.h>

static const struct vx_dns_answer *find(
    const struct vx_diag *d, const struct vx_dns_question *q)
{
	for (size_t i = 0; i < d->known_count; i++)
		if (d->known[i].question.type == q->type &&
		    strcmp(d->known[i].question.name, q->name) == 0)
			return d->known[i].answer;
	return NULL;
}

static bool is_missing(const struct vx_diag *d, const struct vx_dns_question *q)
{
	for (size_t i = 0; i < d->missing_count; i++)
		if (d->missing[i].type == q->type &&
		    strcmp(d->missing[i].name, q->name) == 0)
			return true;
	return false;
}

static const struct vx_dns_answer *look(
    struct vx_diag *d, const struct vx_dns_question *q)
{
	const struct vx_dns_answer *a = find(d, q);

	if (a == NULL && d->missing_count < d->missing_max && !is_missing(d, q) &&
	    d->known_count + d->missing_count < VX_DIAG_QUESTIONS_MAX)
		d->missing[d->missing_count++] = *q;
	return a;
}

const struct vx_dns_answer *vx_diag_look(
    struct vx_diag *d, enum vx_dns_type type, const char *prefix, const char *name)
{
	struct vx_dns_question q;

	return vx_dns_ask(type, prefix, vx_slice_str(name), &q) == VX_OK ? look(d, &q)
									 : NULL;
}

const struct vx_dns_answer *vx_diag_look_ptr(struct vx_diag *d, const char *address)
{
	struct vx_dns_question q = { .type = VX_DNS_PTR };

	return vx_dns_reverse(address, NULL, q.name) == VX_OK ? look(d, &q) : NULL;
}

bool vx_diag_spoken(const struct vx_dns_answer *a)
{
	return a != NULL && vx_dns_answered(a);
}

size_t vx_diag_ask(struct vx_diag *d, struct vx_dns_question *out, size_t max)
{
	d->missing = out;
	d->missing_count = 0;
	d->missing_max = max;
	vx_diag_run(d);
	d->finding_count = 0;
	d->missing = NULL;
	d->missing_max = 0;
	return d->missing_count;
}

int vx_diag_answer(
    struct vx_diag *d, const struct vx_dns_question *q, const struct vx_dns_answer *a)
{
	struct vx_dns_answer *copy;

	if (find(d, q) != NULL || d->known_count == VX_DIAG_QUESTIONS_MAX)
		return VX_OK;
	copy = vx_dns_answer_dup(a);
	if (copy == NULL)
		return VX_ENOMEM;
	d->known[d->known_count].question = *q;
	d->known[d->known_count++].answer = copy;
	return VX_OK;
}

/* --- what several checks need ---------------------------------------------------------
 */

void vx_diag_read_mx(struct vx_diag *d, struct vx_diag_mx *out)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_MX, "", d->f.domain);

	out->count = 0;
	out->known = vx_diag_spoken(a);
	for (size_t i = 0; out->known && i < a->count && out->count < VX_DIAG_HOSTS_MAX;
	     i++) {
		struct vx_dns_mx mx;
		size_t at = out->count;

		if (vx_dns_read_mx(a->rdata[i], &mx) != VX_OK)
			continue;
		for (; at > 0 && out->hosts[at - 1].preference > mx.preference; at--)
			out->hosts[at] = out->hosts[at - 1];
		out->hosts[at] = mx;
		out->count++;
	}
}

bool vx_diag_is_routing(const char *host)
{
	return vx_slice_has_suffix(vx_slice_str(host), VX_S(".mx.cloudflare.net"));
}

bool vx_diag_is_usurped(struct vx_diag *d)
{
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count; i++)
		if (vx_diag_is_routing(mx.hosts[i].host))
			return !d->f.backup;
	return false;
}

static bool any_proxied(const struct vx_dns_answer *a)
{
	char text[VX_DNS_ADDRESS_MAX + 1];

	for (size_t i = 0; vx_diag_spoken(a) && i < a->count; i++)
		if (vx_dns_read_address(a->rdata[i], text) == VX_OK &&
		    vx_diag_is_cloudflare(text))
			return true;
	return false;
}

bool vx_diag_is_proxied(struct vx_diag *d)
{
	const bool v4 = any_proxied(vx_diag_look(d, VX_DNS_A, "", d->f.hostname));

	return any_proxied(vx_diag_look(d, VX_DNS_AAAA, "", d->f.hostname)) || v4;
}

bool vx_diag_is_ours(const struct vx_diag *d, const char *address)
{
	struct vx_buf own = { .max = 64 };
	bool same = false;

	for (size_t i = 0; i < d->f.address_count && !same; i++) {
		const char *each = d->f.addresses[i];

		vx_buf_reset(&own);
		same = vx_zone_content(strchr(each, ':') != NULL ? "AAAA" : "A",
			   vx_slice_str(each), &own) == VX_OK &&
		       vx_slice_eq(vx_buf_slice(&own), vx_slice_str(address));
	}
	vx_buf_done(&own);
	return same;
}

size_t vx_diag_read_spf(struct vx_diag *d, struct vx_buf *out, bool *known)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_TXT, "", d->f.domain);
	size_t n = 0;

	*known = vx_diag_spoken(a);
	for (size_t i = 0; *known && i < a->count; i++) {
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

		if (vx_dns_read_txt(a->rdata[i], &text) == VX_OK &&
		    vx_zone_is_spf(vx_buf_slice(&text)) && n++ == 0)
			vx_buf_add(out, vx_buf_slice(&text));
		vx_buf_done(&text);
	}
	return n;
}

bool vx_diag_eval_spf(struct vx_diag *d, const char *address, enum vx_verdict *verdict,
    unsigned *lookups, char *reason, size_t reason_size)
{
	char from[VX_DNS_NAME_MAX + 16];
	struct vx_spf_options o = { .struct_size = sizeof(o),
		.identity = VX_SPF_MAILFROM,
		.client = address,
		.helo = vx_slice_str(d->f.hostname),
		.now = d->f.now };
	const struct vx_dns_answer *a = NULL;
	struct vx_dns_question q;
	struct vx_spf *s = NULL;
	bool done = false;

	(void)snprintf(from, sizeof(from), "postmaster@%.253s", d->f.domain);
	o.mail_from = vx_slice_str(from);
	if (vx_spf_new(&o, &s) != VX_OK)
		return false;
	while (vx_spf_next(s, &q) == VX_WAIT && (a = look(d, &q)) != NULL)
		if (vx_spf_answer(s, a) != VX_OK)
			break;
	if (vx_spf_result(s) != NULL) {
		*verdict = vx_spf_result(s)->verdict;
		*lookups = vx_spf_result(s)->lookups;
		(void)snprintf(reason, reason_size, "%s", vx_spf_result(s)->reason);
		done = true;
	}
	vx_spf_free(s);
	return done;
}
