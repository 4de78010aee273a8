/* Merging SPF records (DNS-08). */
#include "zone/spf.h"

bool vx_zone_is_spf(vx_slice text)
{
	return vx_slice_has_prefix_nocase(text, VX_S("v=spf1")) &&
	       (text.len == 6 || text.ptr[6] == ' ');
}

bool vx_zone_spf_term(vx_slice *record, vx_slice *term)
{
	do {
		if (record->len == 0)
			return false;
		(void)vx_slice_cut(record, ' ', term);
	} while (term->len == 0);
	return true;
}

static vx_slice bare(vx_slice term)
{
	return term.len > 0 && term.ptr[0] == '+' ? vx_slice_from(term, 1) : term;
}

static bool same(vx_slice a, vx_slice b)
{
	return vx_slice_eq_nocase(bare(a), bare(b));
}

/* "all" with its qualifier. */
static bool is_all(vx_slice term)
{
	if (term.len == 4 && strchr("+-~?", term.ptr[0]) != NULL)
		term = vx_slice_from(term, 1);
	return vx_slice_eq_nocase(term, VX_S("all"));
}

static bool is_redirect(vx_slice term)
{
	return vx_slice_has_prefix_nocase(term, VX_S("redirect="));
}

static bool is_address(vx_slice term)
{
	term = bare(term);
	return vx_slice_has_prefix_nocase(term, VX_S("ip4:")) ||
	       vx_slice_has_prefix_nocase(term, VX_S("ip6:"));
}

bool vx_zone_spf_has(vx_slice record, vx_slice term)
{
	vx_slice each;

	while (vx_zone_spf_term(&record, &each))
		if (same(each, term))
			return true;
	return false;
}

static bool is_backup(vx_slice term)
{
	return vx_slice_has_prefix(term, VX_S(VX_ZONE_SPF_HOST)) ||
	       same(term, VX_S(VX_ZONE_SPF_CLOUDFLARE));
}

bool vx_zone_spf_is_plain(vx_slice record)
{
	vx_slice term;

	(void)vx_zone_spf_term(&record, &term);
	while (vx_zone_spf_term(&record, &term))
		if (!is_address(term) && !same(term, VX_S("mx")) &&
		    !same(term, VX_S("a")) && !is_all(term) && !is_backup(term))
			return false;
	return true;
}

static void add_term(vx_slice term, struct vx_buf *out)
{
	vx_buf_add_char(out, ' ');
	vx_buf_add(out, term);
}

/* Those mechanisms of ours that the record lacks and needs. */
static void add_missing(
    vx_slice record, vx_slice ours, bool addresses, struct vx_buf *out)
{
	vx_slice term;

	(void)vx_zone_spf_term(&ours, &term);
	while (vx_zone_spf_term(&ours, &term)) {
		if (is_all(term) || is_redirect(term) || vx_zone_spf_has(record, term))
			continue;
		if (addresses && (same(term, VX_S("mx")) || same(term, VX_S("a"))))
			continue;
		add_term(term, out);
	}
}

void vx_zone_spf_drop_backup(vx_slice record, vx_slice wanted, struct vx_buf *out)
{
	vx_slice term;

	vx_buf_add_str(out, "v=spf1");
	(void)vx_zone_spf_term(&record, &term);
	while (vx_zone_spf_term(&record, &term))
		if (!is_backup(term) || vx_zone_spf_has(wanted, term))
			add_term(term, out);
}

void vx_zone_spf_drop_merged(
    vx_slice record, const char *merged, vx_slice wanted, struct vx_buf *out)
{
	vx_slice term;

	vx_buf_add_str(out, "v=spf1");
	(void)vx_zone_spf_term(&record, &term);
	while (vx_zone_spf_term(&record, &term))
		if (!vx_zone_spf_has(vx_slice_str(merged), term) ||
		    vx_zone_spf_has(wanted, term))
			add_term(term, out);
}

int vx_zone_spf_merged(
    const char *known, vx_slice before, vx_slice after, struct vx_buf *out)
{
	const size_t start = out->len;
	vx_slice rest = after, term;

	if (!vx_zone_is_spf(before) || !vx_zone_is_spf(after))
		return VX_EINVAL;
	(void)vx_zone_spf_term(&rest, &term);
	while (vx_zone_spf_term(&rest, &term)) {
		if (is_all(term) || is_redirect(term) ||
		    (vx_zone_spf_has(before, term) &&
			!vx_zone_spf_has(vx_slice_str(known), term)))
			continue;
		if (out->len > start)
			vx_buf_add_char(out, ' ');
		vx_buf_add(out, term);
	}
	return VX_OK;
}

static bool has_kind(vx_slice record, bool (*kind)(vx_slice))
{
	vx_slice term;

	while (vx_zone_spf_term(&record, &term))
		if (kind(term))
			return true;
	return false;
}

/* The first term of a kind, if there is one. */
static void add_first(vx_slice record, bool (*kind)(vx_slice), struct vx_buf *out)
{
	vx_slice term;

	while (vx_zone_spf_term(&record, &term))
		if (kind(term)) {
			add_term(term, out);
			return;
		}
}

int vx_zone_spf_join(vx_slice record, vx_slice other, bool thrifty, struct vx_buf *out)
{
	vx_slice rest = record, term;

	if (!vx_zone_is_spf(record) || !vx_zone_is_spf(other))
		return VX_EINVAL;
	vx_buf_add_str(out, "v=spf1");
	(void)vx_zone_spf_term(&rest, &term);
	while (vx_zone_spf_term(&rest, &term))
		if (!is_all(term) && !is_redirect(term))
			add_term(term, out);
	add_missing(record, other, thrifty && has_kind(other, is_address), out);
	/* redirect= counts only where there is no `all` (RFC 7208 6.1) */
	add_first(record, has_kind(record, is_all) ? is_all : is_redirect, out);
	return VX_OK;
}

int vx_zone_merge_spf(vx_slice record, vx_slice ours, struct vx_buf *out)
{
	return vx_zone_spf_join(record, ours, true, out);
}
