/*
 * VANISHED (EARLIER): what went while a client was away (RFC 7162 3.2.5, 3.2.6).
 *
 * The store remembers what was expunged when, up to a horizon.  Beyond it, or when that
 * is too much to be looked at, every UID that was given once and is not there is told: it
 * is read off the snapshot as it is written, so that it needs no memory however much it
 * is.
 */
#include "service/imap_int.h"

#define GONE_MAX ((size_t)1 << 20) /* octets of ranges from the store */
#define LINE_RANGES 500 /* in one response: its line stays below 11,000 octets */

/* --- which are asked for --------------------------------------------------------- */

/* "*" stands for the last UID that was given: who asks for "1:*" means all. */
static int known_uids(struct imap_session *s, const struct vx_imap_set *set,
    uint32_t last, struct imap_vanished *v)
{
	const size_t cap = set == NULL  ? 1
			   : set->saved ? s->view.saved_count
					: set->count;
	struct vx_uid_range *r = vx_arena_array(&v->arena, cap + 1, sizeof(*r));

	if (r == NULL)
		return VX_ELIMIT;
	v->known = r;
	if (set == NULL)
		r[v->known_count++] = (struct vx_uid_range){ 1, last };
	for (size_t i = 0; set != NULL && i < cap; i++) {
		const struct vx_imap_range *in = set->saved ? NULL : &set->ranges[i];
		const uint32_t a = set->saved       ? s->view.saved[i].first
				   : in->first == 0 ? last
						    : in->first;
		const uint32_t b = set->saved      ? s->view.saved[i].last
				   : in->last == 0 ? last
						   : in->last;
		const uint32_t low = a < b ? a : b, high = a < b ? b : a;

		if (low <= last)
			r[v->known_count++] =
			    (struct vx_uid_range){ low, high < last ? high : last };
	}
	imap_merge_ranges(r, &v->known_count);
	return VX_OK;
}

static int read_gone(struct imap_session *s, struct imap_vanished *v, uint64_t since)
{
	struct vx_mailbox_status st;
	struct vx_view *view;
	int rc = vx_view_begin(s->service->o.store, &view);

	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_status(view, s->view.account, s->view.mailbox, &st);
	if (rc == VX_OK && since < st.expunge_floor)
		rc = VX_ELIMIT; /* the horizon */
	if (rc == VX_OK)
		rc = vx_mailbox_vanished(view, s->view.account, s->view.mailbox, since,
		    &v->arena, &v->gone, &v->gone_count);
	vx_view_end(view);
	v->none = rc == VX_OK && v->gone_count == 0;
	if (rc != VX_OK)
		v->gone = NULL;
	return rc == VX_ELIMIT ? VX_OK : rc;
}

int imap_vanished_begin(struct imap_session *s, struct imap_vanished *v,
    const struct vx_imap_set *set, uint64_t since, uint32_t floor)
{
	const uint32_t uidnext = vx_snapshot_status(s->view.snapshot)->uidnext;
	int rc;

	*v = (struct imap_vanished){ .next = floor + 1 };
	vx_arena_init(&v->arena, GONE_MAX);
	if (uidnext == 1)
		return VX_OK;
	rc = known_uids(s, set, uidnext - 1, v);
	if (rc == VX_OK)
		rc = read_gone(s, v, since);
	return rc;
}

int imap_vanished_fetch(
    struct imap_session *s, struct imap_vanished *v, struct vx_cursor c, uint64_t since)
{
	struct vx_imap_set set;

	/* it was read once, as messages that are there */
	return vx_imap_sp(&c) && vx_imap_sequence_set(&c, &s->arena, &set)
		   ? imap_vanished_begin(s, v, &set, since, 0)
		   : VX_ELIMIT;
}

void imap_vanished_done(struct imap_vanished *v)
{
	vx_arena_done(&v->arena);
}

/* --- writing --------------------------------------------------------------------- */

/* The last of the messages from number seq on whose UIDs are in a row. */
static uint32_t end_of_row(const struct vx_snapshot *snap, uint32_t seq, uint32_t uid)
{
	uint32_t low = 0, high = vx_snapshot_count(snap) - seq + 1;

	/* uid(seq + k) - (uid + k) never falls */
	while (high - low > 1) {
		const uint32_t mid = low + (high - low) / 2;

		if (vx_snapshot_uid(snap, seq + mid) == uid + mid)
			low = mid;
		else
			high = mid;
	}
	return uid + low;
}

static bool enter(const struct vx_uid_range *r, size_t count, size_t *at, uint32_t *uid)
{
	while (*at < count && r[*at].last < *uid)
		(*at)++;
	if (*at == count)
		return false;
	if (r[*at].first > *uid)
		*uid = r[*at].first;
	return true;
}

/* The next range from v->next on that is asked for, and went, and is not there. */
static bool next_range(
    const struct vx_snapshot *snap, struct imap_vanished *v, struct vx_uid_range *out)
{
	for (;;) {
		uint32_t uid = v->next, seq;

		if (!enter(v->known, v->known_count, &v->known_at, &uid))
			return false;
		if (v->gone != NULL && !enter(v->gone, v->gone_count, &v->gone_at, &uid))
			return false;
		v->next = uid;
		if (v->known[v->known_at].first > uid || v->known[v->known_at].last < uid)
			continue;
		seq = vx_snapshot_seq(snap, uid);
		if (seq != 0) { /* it is there, or its end is still to be told */
			v->next = end_of_row(snap, seq, uid) + 1;
			continue;
		}
		*out = (struct vx_uid_range){ uid, v->known[v->known_at].last };
		if (v->gone != NULL && v->gone[v->gone_at].last < out->last)
			out->last = v->gone[v->gone_at].last;
		seq = vx_snapshot_uid(snap, vx_snapshot_rank(snap, uid) + 1);
		if (seq != 0 && seq <= out->last)
			out->last = seq - 1;
		v->next = out->last + 1;
		return true;
	}
}

int imap_vanished_write(
    struct imap_session *s, struct imap_vanished *v, struct vx_buf *out)
{
	struct vx_uid_range ranges[LINE_RANGES];
	size_t n;

	if (v->none)
		return VX_OK;
	do {
		if (imap_full(s, out))
			return VX_DATA;
		n = 0;
		while (n < LINE_RANGES && next_range(s->view.snapshot, v, &ranges[n]))
			n++;
		vx_imap_write_vanished(out, true, ranges, n);
	} while (n == LINE_RANGES);
	return VX_OK;
}

/* --- what the client knows ------------------------------------------------------- */

uint32_t imap_vanished_floor(
    const struct imap_session *s, const struct vx_imap_set match[2])
{
	const struct vx_snapshot *snap = s->view.snapshot;
	size_t i = 0, k = 0;
	uint32_t seq = match[0].ranges[0].first, uid = match[1].ranges[0].first,
		 floor = 0;

	for (;;) { /* a row of both: seq + n is said to have uid + n */
		const uint32_t left[2] = { match[0].ranges[i].last - seq,
			match[1].ranges[k].last - uid };
		const uint32_t row = left[0] < left[1] ? left[0] : left[1];
		uint32_t low = 0, high = row;

		/* uid(seq + n) - (uid + n) never falls: the last that is not above 0 */
		while (low < high) {
			const uint32_t mid = low + (high - low + 1) / 2;
			const uint32_t have = vx_snapshot_uid(snap, seq + mid);

			if (have != 0 && have <= uid + mid)
				low = mid;
			else
				high = mid - 1;
		}
		if (vx_snapshot_uid(snap, seq + low) == uid + low)
			floor = uid + low;
		i += left[0] == row;
		k += left[1] == row;
		if (i == match[0].count || k == match[1].count)
			return floor;
		seq = left[0] == row ? match[0].ranges[i].first : seq + row + 1;
		uid = left[1] == row ? match[1].ranges[k].first : uid + row + 1;
	}
}
