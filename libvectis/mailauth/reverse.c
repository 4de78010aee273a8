#include "vectis/reverse.h"

#include "vectis/network.h"

#include <stdio.h>
#include <string.h>

int vx_reverse_init(struct vx_reverse *r, const char *address)
{
	char name[VX_DNS_NAME_MAX + 1];

	if (strlen(address) > VX_DNS_ADDRESS_MAX ||
	    vx_dns_reverse(address, NULL, name) != VX_OK)
		return VX_EINVAL;
	*r = (struct vx_reverse){ .verdict = VX_VERDICT_NONE };
	memcpy(r->address, address, strlen(address) + 1);
	return VX_OK;
}

static void end(struct vx_reverse *r)
{
	r->done = true;
	if (r->failed)
		r->verdict = VX_VERDICT_TEMPERROR;
	else
		r->verdict = r->count > 0 ? VX_VERDICT_FAIL : VX_VERDICT_PERMERROR;
}

int vx_reverse_next(struct vx_reverse *r, struct vx_dns_question *question)
{
	struct vx_dns_question q = { .type = VX_DNS_PTR };

	if (!r->done && r->asked_names && r->at == r->count)
		end(r);
	if (r->done)
		return VX_DONE;
	if (!r->asked_names) {
		(void)vx_dns_reverse(r->address, NULL, q.name);
	} else {
		q.type = strchr(r->address, ':') != NULL ? VX_DNS_AAAA : VX_DNS_A;
		memcpy(q.name, r->names[r->at], sizeof(q.name));
	}
	*question = q;
	return VX_WAIT;
}

static void take_names(struct vx_reverse *r, const struct vx_dns_answer *a)
{
	for (size_t i = 0; i < a->count && r->count < VX_REVERSE_NAMES_MAX; i++) {
		char *name = r->names[r->count];

		/* a name that nobody can look up is none */
		if (vx_dns_read_name(a->rdata[i], name) == VX_OK && vx_dns_is_host(name))
			r->count++;
	}
	if (r->count > 0)
		memcpy(r->name, r->names[0], sizeof(r->name));
}

static bool leads_back(const struct vx_reverse *r, const struct vx_dns_answer *a)
{
	struct vx_network client, found;
	char text[VX_DNS_ADDRESS_MAX + 1];
	bool exact;

	if (vx_network_parse(vx_slice_str(r->address), &client, &exact) != VX_OK)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (vx_dns_read_address(a->rdata[i], text) == VX_OK &&
		    vx_network_parse(vx_slice_str(text), &found, &exact) == VX_OK &&
		    vx_network_has(&client, &found))
			return true;
	return false;
}

int vx_reverse_answer(struct vx_reverse *r, const struct vx_dns_answer *answer)
{
	if (r->done || (r->asked_names && r->at == r->count))
		return VX_ESTATE;
	r->failed = r->failed || !vx_dns_answered(answer);
	if (!r->asked_names) {
		r->asked_names = true;
		take_names(r, answer);
	} else if (leads_back(r, answer)) {
		memcpy(r->name, r->names[r->at], sizeof(r->name));
		r->verdict = VX_VERDICT_PASS;
		r->done = true;
	} else {
		r->at++;
	}
	return VX_OK;
}
