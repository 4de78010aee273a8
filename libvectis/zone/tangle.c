/* Mail that is led to a proxied name, and the way out (DNS-23). */
#include "base/chars.h"
#include "zone/content.h"

#include <stdio.h>

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* A service of mail by its name, "_imaps._tcp.example.net". */
static bool is_mail_service(const char *name)
{
	static const char *const services[] = { "_submission._tcp.", "_submissions._tcp.",
		"_imap._tcp.", "_imaps._tcp.", "_pop3._tcp.", "_pop3s._tcp." };

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (vx_slice_has_prefix(vx_slice_str(name), vx_slice_str(services[i])))
			return true;
	return false;
}

/* The host of a record of mail; "": it is none. */
static const char *target_of(const struct vx_zone_record *r)
{
	const char *last = strrchr(r->content, ' ');

	if (last == NULL ||
	    !(is(r->type, "MX") || (is(r->type, "SRV") && is_mail_service(r->name))))
		return "";
	return is(last + 1, ".") ? "" : last + 1;
}

bool vx_zone_is_substitute(const char *name)
{
	vx_slice rest = vx_slice_str(name), label, hash;

	(void)vx_slice_cut(&rest, '.', &label);
	if (vx_slice_eq_nocase(label, VX_S("_dc-mx")))
		return true;
	if (!vx_slice_has_prefix_nocase(label, VX_S("dc-")))
		return false;
	hash = vx_slice_from(label, 3);
	for (size_t i = 0; i < hash.len; i++)
		if (!vx_is(hash.ptr[i], VX_C_HEX))
			return false;
	return hash.len >= 8;
}

/* An alias is followed within the zone, as far as one goes. */
static bool is_proxied(const struct vx_zone *have, const char *name)
{
	for (int turn = 0; turn < VX_ZONE_ALIASES_MAX && name != NULL; turn++) {
		const char *next = NULL;

		for (size_t i = 0; i < have->count; i++) {
			const struct vx_zone_record *r = &have->records[i];

			if (!is(r->name, name))
				continue;
			if (r->proxied)
				return true;
			if (is(r->type, "CNAME"))
				next = r->content;
		}
		name = next;
	}
	return false;
}

size_t vx_zone_find_tangles(
    const struct vx_zone *have, struct vx_zone_tangle out[VX_ZONE_TANGLES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < have->count && n < VX_ZONE_TANGLES_MAX; i++) {
		const struct vx_zone_record *r = &have->records[i];
		const char *target = target_of(r);
		const bool substitute = vx_zone_is_substitute(target);

		if (*target != '\0' && (substitute || is_proxied(have, target)))
			out[n++] = (struct vx_zone_tangle){
				.have = r, .target = target, .substitute = substitute
			};
	}
	return n;
}

static bool is_address_of(const struct vx_zone_plan *p, const struct vx_zone_record *r)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->wants[i].purpose == VX_ZONE_HOST &&
		    is(p->wants[i].record.type, r->type) &&
		    is(p->wants[i].record.content, r->content))
			return true;
	return false;
}

/* Is the name free for the server, or its already, in the open? */
static bool fits(
    const struct vx_zone_plan *p, const struct vx_zone *have, const char *name)
{
	for (size_t i = 0; i < have->count; i++) {
		const struct vx_zone_record *r = &have->records[i];

		if (is(r->name, name) && !is(r->type, "CAA") && !is(r->type, "TXT") &&
		    (r->proxied || !is_address_of(p, r)))
			return false;
	}
	return true;
}

int vx_zone_open_name(const struct vx_zone_plan *p, const struct vx_zone *have,
    char out[VX_DNS_NAME_MAX + 1])
{
	static const char *const labels[] = { "mail", "mx", "smtp", "mail1", "mx1" };
	char name[VX_DNS_NAME_MAX + 16];

	if (!is_proxied(have, p->hostname)) {
		memcpy(out, p->hostname, sizeof(p->hostname));
		return VX_OK;
	}
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s.%s", labels[i], p->zone);
		if (fits(p, have, name) && vx_dns_name(vx_slice_str(name), out) == VX_OK)
			return VX_OK;
	}
	return VX_ENOENT;
}
