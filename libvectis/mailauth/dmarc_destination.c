/* Reports go only where somebody wants them (RFC 9990 4). */
#include "base/mem.h"
#include "mailauth/dmarc_walk.h"

struct vx_dmarc_destinations {
	struct vx_dmarc_dns dns;
	struct vx_dmarc_destination result[VX_DMARC_URIS_MAX];
	const struct vx_dmarc_uri *uris; /* borrowed */
	size_t count, done;
	bool failure;
	char policy_domain[VX_DNS_NAME_MAX + 1];
};

int vx_dmarc_destinations_new(vx_slice policy_domain, const struct vx_dmarc_uri *uris,
    size_t count, bool failure, struct vx_dmarc_destinations **out)
{
	struct vx_dmarc_destinations *d;
	char name[VX_DNS_NAME_MAX + 1];

	if (count > VX_DMARC_URIS_MAX || vx_dns_name(policy_domain, name) != VX_OK ||
	    !vx_dns_is_host(name))
		return VX_EINVAL;
	d = vx_alloc(sizeof(*d));
	if (d == NULL)
		return VX_ENOMEM;
	vx_dmarc_dns_init(&d->dns);
	d->uris = uris;
	d->count = count;
	d->failure = failure;
	memcpy(d->policy_domain, name, sizeof(name));
	*out = d;
	return VX_OK;
}

void vx_dmarc_destinations_free(struct vx_dmarc_destinations *d)
{
	if (d == NULL)
		return;
	vx_dmarc_dns_done(&d->dns);
	vx_free(d);
}

/* Are host and the domain of the policy of one organization?  As for an alignment. */
static int is_own(struct vx_dmarc_destinations *d, vx_slice host)
{
	const vx_slice domain = vx_slice_str(d->policy_domain);
	struct vx_dmarc_walk w;
	int rc;

	if (vx_slice_eq(host, domain))
		return VX_DONE;
	rc = vx_dmarc_walk(&d->dns, domain, &w);
	if (rc != VX_OK)
		return rc;
	return vx_dmarc_same_organization(&d->dns, host, w.organizational);
}

/* What a confirming record says instead of the URI: all of it at the same host. */
static void override(struct vx_dmarc_destination *out, vx_slice host,
    const struct vx_dmarc_uri *uris, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!vx_slice_eq(uris[i].host, host))
			out->status = VX_DMARC_TO_ELSEWHERE;
	if (count > 0) {
		out->uris = uris;
		out->count = count;
	}
	if (out->status == VX_DMARC_TO_ELSEWHERE)
		out->count = 0;
}

static int confirm(struct vx_dmarc_destinations *d, const struct vx_dmarc_uri *uri,
    struct vx_dmarc_destination *out)
{
	static const char infix[] = "._report._dmarc";
	char prefix[VX_DNS_NAME_MAX + sizeof(infix)];
	const size_t len = strlen(d->policy_domain);
	const struct vx_dmarc_asked *a;
	int rc;

	memcpy(prefix, d->policy_domain, len);
	memcpy(prefix + len, infix, sizeof(infix));
	rc = vx_dmarc_dns_ask(&d->dns, VX_DNS_TXT, prefix, uri->host, &a);
	if (rc != VX_OK)
		return rc;
	if (a->failed)
		return VX_ETEMP;
	*out = (struct vx_dmarc_destination){ .status = VX_DMARC_TO_REFUSED };
	if (a->records == 0)
		return VX_OK;
	*out = (struct vx_dmarc_destination){
		.status = VX_DMARC_TO_CONFIRMED, .uris = uri, .count = 1
	};
	if (d->failure)
		override(out, uri->host, a->record.ruf, a->record.ruf_count);
	else
		override(out, uri->host, a->record.rua, a->record.rua_count);
	return VX_OK;
}

/* VX_OK, VX_WAIT. */
static int check(struct vx_dmarc_destinations *d, const struct vx_dmarc_uri *uri,
    struct vx_dmarc_destination *out)
{
	int rc;

	*out = (struct vx_dmarc_destination){ .status = VX_DMARC_TO_UNSUPPORTED };
	if (uri->address.len == 0)
		return VX_OK;
	rc = is_own(d, uri->host);
	if (rc == VX_DONE) {
		*out = (struct vx_dmarc_destination){
			.status = VX_DMARC_TO_OWN, .uris = uri, .count = 1
		};
		return VX_OK;
	}
	if (rc == VX_OK)
		rc = confirm(d, uri, out);
	if (rc == VX_OK || rc == VX_WAIT)
		return rc;
	*out = (struct vx_dmarc_destination){
		.status = rc == VX_ETEMP ? VX_DMARC_TO_UNKNOWN : VX_DMARC_TO_REFUSED
	};
	return VX_OK;
}

int vx_dmarc_destinations_next(
    struct vx_dmarc_destinations *d, struct vx_dns_question *question)
{
	if (vx_dmarc_dns_next(&d->dns, question) == VX_WAIT)
		return VX_WAIT;
	while (d->done < d->count) {
		struct vx_dmarc_destination one;

		if (check(d, &d->uris[d->done], &one) == VX_WAIT)
			return vx_dmarc_dns_next(&d->dns, question);
		d->result[d->done++] = one;
	}
	return VX_DONE;
}

int vx_dmarc_destinations_answer(
    struct vx_dmarc_destinations *d, const struct vx_dns_answer *answer)
{
	return vx_dmarc_dns_answer(&d->dns, answer);
}

const struct vx_dmarc_destination *vx_dmarc_destinations_result(
    const struct vx_dmarc_destinations *d)
{
	return d->result;
}
