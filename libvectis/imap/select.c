/* What SELECT and EXAMINE may carry behind the mailbox (RFC 4466 2.1, RFC 7162 7). */
#include "imap/parse.h"

bool vx_imap_known_set(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_set *out)
{
	if (!vx_imap_sequence_set(c, a, out) || out->saved)
		return false;
	for (size_t i = 0; i < out->count; i++)
		if (out->ranges[i].first == 0 || out->ranges[i].last == 0)
			return false;
	return true;
}

/* In ascending order, each once; *numbers is how many. */
static bool ascending_set(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_set *out, uint64_t *numbers)
{
	if (!vx_imap_known_set(c, a, out))
		return false;
	*numbers = 0;
	for (size_t i = 0; i < out->count; i++) {
		const struct vx_imap_range *r = &out->ranges[i];

		if (r->last < r->first || (i > 0 && r->first <= r[-1].last))
			return false;
		*numbers += (uint64_t)r->last - r->first + 1;
	}
	return true;
}

/* "(numbers UIDs)": each UID is that of the number at the same place */
static bool seq_match_data(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_select *out)
{
	uint64_t numbers, uids;

	out->has_match = true;
	return ascending_set(c, a, &out->match[0], &numbers) && vx_imap_sp(c) &&
	       ascending_set(c, a, &out->match[1], &uids) && numbers == uids &&
	       vx_cur_char(c, ')');
}

/* "QRESYNC (uidvalidity modseq [known-uids] [seq-match-data])" */
static bool qresync(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_select *out)
{
	uint64_t n;

	if (out->qresync || !vx_cur_text(c, VX_S(" (")) ||
	    !vx_cur_number(c, UINT32_MAX, &n) || n == 0 || !vx_imap_sp(c) ||
	    !vx_cur_number(c, INT64_MAX, &out->modseq))
		return false;
	out->qresync = true;
	out->uidvalidity = (uint32_t)n;
	if (vx_cur_char(c, ')'))
		return true;
	if (!vx_imap_sp(c))
		return false;
	if (vx_cur_char(c, '('))
		return seq_match_data(c, a, out) && vx_cur_char(c, ')');
	out->has_known = true;
	if (!vx_imap_known_set(c, a, &out->known))
		return false;
	if (vx_cur_text(c, VX_S(" (")) && !seq_match_data(c, a, out))
		return false;
	return vx_cur_char(c, ')');
}

bool vx_imap_select_params(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_select *out)
{
	vx_slice name;

	*out = (struct vx_imap_select){ 0 };
	if (vx_cur_end(c))
		return true;
	if (!vx_cur_text(c, VX_S(" (")))
		return false;
	do {
		if (!vx_imap_atom(c, &name))
			return false;
		if (vx_slice_eq_nocase(name, VX_S("QRESYNC")) && qresync(c, a, out))
			continue;
		if (!vx_slice_eq_nocase(name, VX_S("CONDSTORE")) || out->condstore)
			return false;
		out->condstore = true;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')') && vx_cur_end(c);
}
