/* The server is on its way to another name: both are right meanwhile (TLS-27). */
#include "diagnose/diagnose.h"

bool vx_diag_is_host(const struct vx_diag *d, const char *name)
{
	return strcmp(name, d->f.hostname) == 0 ||
	       (d->f.beside != NULL && strcmp(name, d->f.beside) == 0);
}

bool vx_diag_leads_here(const struct vx_diag *d, const struct vx_dns_answer *mx)
{
	struct vx_dns_mx each;

	for (size_t i = 0; i < mx->count; i++)
		if (vx_dns_read_mx(mx->rdata[i], &each) == VX_OK &&
		    vx_diag_is_host(d, each.host))
			return true;
	return false;
}

static size_t count_ours(struct vx_diag *d, enum vx_dns_type type, const char *name)
{
	const struct vx_dns_answer *a = vx_diag_look(d, type, "", name);
	char text[VX_DNS_ADDRESS_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; vx_diag_spoken(a) && i < a->count; i++)
		n += vx_dns_read_address(a->rdata[i], text) == VX_OK &&
		     vx_diag_is_ours(d, text);
	return n;
}

/* Who still has the name that it comes from has to find it. */
static bool is_lost(struct vx_diag *d, const char *name)
{
	const bool spoken = vx_diag_spoken(vx_diag_look(d, VX_DNS_A, "", name));

	return count_ours(d, VX_DNS_A, name) + count_ours(d, VX_DNS_AAAA, name) == 0 &&
	       spoken;
}

static bool is_domain_left(struct vx_diag *d)
{
	struct vx_diag_mx mx;
	bool here = false, there = false;

	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count; i++) {
		here = here || strcmp(mx.hosts[i].host, d->f.hostname) == 0;
		there = there || strcmp(mx.hosts[i].host, d->f.beside) == 0;
	}
	return there && !here;
}

static enum vx_diag_verdict under_way(struct vx_diag *d, struct vx_diag_finding *f)
{
	const char *const other = d->f.beside;

	if (d->f.move_left == NULL) {
		vx_diag_seen(f, "the server keeps its name");
		return VX_DIAG_NA;
	}
	if (other != NULL && d->f.move_led)
		vx_diag_seen(f, "from %s to %s", other, d->f.hostname);
	else if (other != NULL)
		vx_diag_seen(f, "from %s to %s", d->f.hostname, other);
	else
		vx_diag_seen(f, "to %s", d->f.hostname);
	vx_diag_seen(f, "; left: ");
	if (other != NULL && d->f.move_led && is_domain_left(d))
		vx_diag_seen(f, "%s still leads to %s; ", d->f.domain, other);
	vx_diag_seen(f, "%s", d->f.move_left);
	if (other == NULL || !d->f.move_led || !is_lost(d, other))
		return VX_DIAG_INFO;
	vx_diag_seen(f, "; %s has no address of this server any more", other);
	vx_diag_fix(f, "%s %s %s, until nobody can remember that name", other,
	    strchr(d->f.addresses[0], ':') != NULL ? "AAAA" : "A", d->f.addresses[0]);
	return VX_DIAG_WARN;
}

const struct vx_diag_row vx_diag_move_rows[] = {
	{ "TLS-27", "move.left", "another name for the server", under_way,
	    "who remembers the former name does not find the server",
	    "the TTL of the records" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
