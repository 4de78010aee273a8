/* What plans are made of that is kept: proofs of names, and merged SPF records. */
#include "vectisctl/dns.h"

#include <stdio.h>
#include <string.h>

#define MERGED_FILE "dns/merged"
#define MERGED_MAX ((size_t)1 << 20)

/* --- proofs ---------------------------------------------------------------------------
 */

/* A name is there once for each authority, and with a wildcard if any has one. */
static void add_proof(
    struct ctl_dns *d, vx_slice name, const char *issuer, const char *account)
{
	const bool wildcard = vx_slice_has_prefix(name, VX_S("*."));
	char host[VX_DNS_NAME_MAX + 1];
	struct vx_zone_proof *p = &d->proofs[d->proof_count];

	if (vx_dns_name(vx_slice_from(name, wildcard ? 2 : 0), host) != VX_OK ||
	    !vx_dns_is_host(host))
		return;
	for (size_t i = 0; i < d->proof_count; i++)
		if (strcmp(d->proofs[i].name, host) == 0 &&
		    strcmp(d->proofs[i].issuer, issuer) == 0) {
			d->proofs[i].wildcard = d->proofs[i].wildcard || wildcard;
			return;
		}
	if (d->proof_count == VX_ZONE_PROOFS_MAX)
		return;
	*p = (struct vx_zone_proof){ .name = vx_arena_dup(&d->arena, vx_slice_str(host)),
		.issuer = vx_arena_dup(&d->arena, vx_slice_str(issuer)),
		.account = vx_arena_dup(&d->arena, vx_slice_str(account)),
		.wildcard = wildcard };
	d->proof_count += p->name != NULL && p->issuer != NULL && p->account != NULL;
}

void ctl_dns_find_proofs(struct ctl_dns *d, const struct vx_acme *core)
{
	struct vx_acme_issuer a;

	for (size_t n = 0; vx_acme_issuer(core, n, &a) == VX_OK; n++) {
		struct vx_acme_status s;

		if (a.persists[0] == '\0' || a.account[0] == '\0' ||
		    strlen(a.account) > VX_ZONE_ACCOUNT_MAX)
			continue;
		for (size_t i = 0; vx_acme_status(core, 0, i, &s) == VX_OK; i++) {
			vx_slice rest = vx_slice_str(s.names), name;

			while (rest.len > 0) {
				(void)vx_slice_cut(&rest, ' ', &name);
				add_proof(d, name, a.persists, a.account);
			}
		}
	}
}

/* --- what was merged ------------------------------------------------------------------
 */

static json_t *load_merged(const struct ctl *c)
{
	char path[PATH_MAX];
	json_t *j;

	ctl_state_path(c, MERGED_FILE, path);
	j = json_load_file(path, 0, NULL);
	if (json_is_object(j))
		return j;
	json_decref(j);
	return json_object();
}

const char *ctl_dns_merged(const struct ctl *c, struct ctl_dns *d)
{
	json_t *j = load_merged(c);
	const char *text = json_string_value(json_object_get(j, d->domain));

	text = vx_arena_dup(&d->of_domain, vx_slice_str(text));
	json_decref(j);
	return text;
}

static int add_octets(const char *octets, size_t len, void *out)
{
	vx_buf_add(out, vx_slice_of(octets, len));
	return 0;
}

static int save_merged(struct ctl *c, const json_t *j)
{
	struct vx_buf text = { .max = MERGED_MAX };
	char dir[PATH_MAX], path[PATH_MAX];
	int status = CTL_OK;

	ctl_state_path(c, "dns", dir);
	ctl_state_path(c, MERGED_FILE, path);
	if (json_dump_callback(j, add_octets, &text, JSON_INDENT(1) | JSON_SORT_KEYS) !=
		0 ||
	    text.failed)
		status = ctl_fail(c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM));
	if (status == CTL_OK)
		status = ctl_make_dir(c, dir, 0700);
	if (status == CTL_OK)
		status = ctl_write_file(c, path, 0600, vx_buf_slice(&text));
	vx_buf_done(&text);
	return status;
}

/* Of the domain's own name and somebody else's. */
static bool is_others_spf(const struct ctl_dns *d, const struct vx_zone_change *k)
{
	return k->have != NULL && !vx_zone_is_ours(k->have) &&
	       strcmp(k->have->type, "TXT") == 0 &&
	       strcmp(k->have->name, d->domain) == 0 &&
	       vx_slice_has_prefix_nocase(
		   vx_slice_str(k->have->content), VX_S("v=spf1")) &&
	       (k->verb == VX_ZONE_KEEP || k->verb == VX_ZONE_MERGE ||
		   k->verb == VX_ZONE_LEAVE);
}

/* What is to be remembered, as far as the difference tells; false: it does not. */
static bool find_merged(
    const struct ctl_dns *d, bool before, const char *known, struct vx_buf *out)
{
	for (size_t i = 0; i < d->diff->count; i++) {
		const struct vx_zone_change *k = &d->diff->changes[i];

		if (k->verb == VX_ZONE_ADD && k->want->purpose == VX_ZONE_SPF)
			return true;
		if (!is_others_spf(d, k))
			continue;
		/* until it is done, both may be there */
		if (before || k->verb != VX_ZONE_MERGE)
			(void)vx_zone_spf_merged(known, vx_slice_str(k->have->content),
			    vx_slice_str(k->have->content), out);
		if (out->len > 0 && k->verb == VX_ZONE_MERGE)
			vx_buf_add_char(out, ' ');
		if (k->verb == VX_ZONE_MERGE)
			(void)vx_zone_spf_merged(known, vx_slice_str(k->have->content),
			    vx_slice_str(k->to.content), out);
		return true;
	}
	return false;
}

int ctl_dns_keep_merged(struct ctl *c, struct ctl_dns *d, bool before)
{
	struct vx_buf now = { .max = 2 * VX_ZONE_CONTENT_MAX };
	const char *const known = ctl_dns_merged(c, d);
	json_t *j = load_merged(c);
	int status = CTL_OK;

	if (known == NULL || j == NULL)
		status = ctl_fail(c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM));
	else if (find_merged(d, before, known, &now) && !now.failed &&
		 !vx_slice_eq(vx_buf_slice(&now), vx_slice_str(known))) {
		if (now.len > 0)
			(void)json_object_set_new(
			    j, d->domain, ctl_text(vx_buf_slice(&now)));
		else
			(void)json_object_del(j, d->domain);
		status = save_merged(c, j);
	}
	json_decref(j);
	vx_buf_done(&now);
	return status;
}

int ctl_dns_forget_merged(struct ctl *c, const struct ctl_dns *d)
{
	json_t *j = load_merged(c);
	const int status =
	    json_object_del(j, d->domain) == 0 ? save_merged(c, j) : CTL_OK;

	json_decref(j);
	return status;
}
