/* The selected mailbox as its client knows it, and how it learns what changed. */
#include "base/mem.h"
#include "service/imap_int.h"

#include <stdlib.h>

static void on_change(struct vx_watch *w)
{
	struct imap_session *s =
	    (struct imap_session *)(void *)((char *)w -
					    offsetof(struct imap_session, view.watch));

	s->view.changed = true;
	if (s->busy == IMAP_IDLING)
		s->base.host->wake(s->base.host);
}

void imap_view_close(struct imap_session *s)
{
	if (s->view.snapshot == NULL)
		return;
	vx_watch_remove(s->service->o.store, &s->view.watch);
	vx_snapshot_free(s->view.snapshot);
	vx_free(s->view.saved);
	s->view = (struct imap_view){ 0 };
	if (s->state == IMAP_SELECTED)
		s->state = IMAP_AUTH;
}

/* --- SELECT ---------------------------------------------------------------------- */

static void write_flag_lists(struct imap_session *s, struct vx_buf *out)
{
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_view *v;
	uint64_t known = VX_FLAG_SYSTEM;

	if (vx_view_begin(s->service->o.store, &v) != VX_OK)
		return;
	if (vx_mailbox_keywords(v, s->view.account, s->view.mailbox, names) == VX_OK)
		for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++)
			known |=
			    names[i].len > 0 ? (uint64_t)1 << (VX_KEYWORD_FIRST + i) : 0;
	vx_buf_add_str(out, "* FLAGS ");
	vx_imap_write_flags(out, known, names);
	vx_buf_add_str(out, "\r\n* OK [PERMANENTFLAGS ");
	if (s->view.read_only) {
		vx_buf_add_str(out, "()");
	} else {
		vx_imap_write_flags(out, known, names);
		vx_buf_truncate(out, out->len - 1);
		vx_buf_add_str(out, " \\*)");
	}
	vx_buf_add_str(out, "] these can be set\r\n");
	vx_view_end(v);
}

/* The first message without \Seen, for RFC 3501's UNSEEN. */
static uint32_t first_unseen(struct imap_session *s)
{
	struct vx_record records[IMAP_BATCH];
	uint32_t next = 1, found = 0;

	while (next != 0 && found == 0) {
		const struct vx_record_query q = { .account = s->view.account,
			.mailbox = s->view.mailbox,
			.first_uid = next,
			.last_uid = UINT32_MAX };
		struct vx_view *v;
		size_t count = 0;
		int rc = vx_view_begin(s->service->o.store, &v);

		if (rc == VX_OK) {
			rc = vx_records_read(v, &q, records, IMAP_BATCH, &count, &next);
			vx_view_end(v);
		}
		if (rc != VX_OK)
			return 0;
		for (size_t i = 0; i < count && found == 0; i++)
			if ((records[i].flags & VX_FLAG_SEEN) == 0)
				found = vx_snapshot_seq(s->view.snapshot, records[i].uid);
	}
	return found;
}

static int select_mailbox(
    struct imap_session *s, vx_slice name, bool read_only, struct vx_buf *out)
{
	const struct vx_mailbox_status *st;
	struct vx_snapshot *snapshot;
	uint32_t mailbox, unseen;
	int rc = imap_find_mailbox(s, name, &mailbox);

	if (s->view.snapshot != NULL) {
		imap_view_close(s);
		vx_buf_add_str(out, "* OK [CLOSED] the other mailbox is closed\r\n");
	}
	if (rc == VX_OK)
		rc = vx_snapshot_take(
		    s->service->o.store, s->who.account, mailbox, &snapshot);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	st = vx_snapshot_status(snapshot);
	s->view.account = s->who.account;
	s->view.mailbox = mailbox;
	s->view.snapshot = snapshot;
	s->view.read_only = read_only;
	s->view.seen_modseq = st->highestmodseq;
	s->view.watch.changed = on_change;
	(void)vx_watch_add(s->service->o.store, &s->view.watch, s->view.account, mailbox);
	s->state = IMAP_SELECTED;
	vx_buf_printf(out, "* %u EXISTS\r\n", vx_snapshot_count(snapshot));
	if (!s->rev2) {
		vx_buf_add_str(out, "* 0 RECENT\r\n");
		unseen = st->unseen == 0 ? 0 : first_unseen(s);
		if (unseen > 0)
			vx_buf_printf(
			    out, "* OK [UNSEEN %u] the first unseen\r\n", unseen);
	}
	write_flag_lists(s, out);
	vx_buf_printf(out,
	    "* OK [UIDVALIDITY %u] UIDs are valid\r\n* OK [UIDNEXT %u] the next UID\r\n"
	    "* OK [HIGHESTMODSEQ %llu] the newest change\r\n",
	    st->uidvalidity, st->uidnext, (unsigned long long)st->highestmodseq);
	if (s->rev2) {
		vx_buf_add_str(out, "* LIST () \"/\" ");
		vx_imap_write_mailbox(out, name, true);
		vx_buf_add_str(out, "\r\n");
	}
	return imap_ok(
	    s, out, read_only ? "[READ-ONLY] selected" : "[READ-WRITE] selected");
}

static int cmd_open(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out, bool read_only)
{
	vx_slice name;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name))
		return imap_bad(s, out, "a mailbox is expected");
	if (vx_cur_text(c, VX_S(" (CONDSTORE)")))
		s->condstore = true;
	if (!vx_cur_end(c))
		return imap_bad(s, out, "nothing is expected after the mailbox");
	return select_mailbox(s, name, read_only, out);
}

int imap_cmd_select(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return cmd_open(s, c, out, false);
}

int imap_cmd_examine(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return cmd_open(s, c, out, true);
}

int imap_cmd_unselect(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	imap_view_close(s);
	return imap_ok(s, out, "unselected");
}

int imap_cmd_check(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	return imap_done(s, out, VX_OK, "done");
}

/* --- what changed ---------------------------------------------------------------- */

/* Sequence numbers of the old snapshot that are gone, highest first. */
static void write_expunges(struct imap_session *s, struct vx_buf *out,
    const struct vx_uid_range *gone, size_t count)
{
	const struct vx_snapshot *old = s->view.snapshot;

	for (size_t i = count; i-- > 0;) {
		const uint32_t low = vx_snapshot_rank(old, gone[i].first - 1);

		for (uint32_t seq = vx_snapshot_rank(old, gone[i].last); seq > low; seq--)
			vx_buf_printf(out, "* %u EXPUNGE\r\n", seq);
	}
}

static void write_one_change(struct imap_session *s, struct vx_buf *out,
    const struct vx_record *r, const vx_slice *names, bool with_uid)
{
	const uint32_t seq = vx_snapshot_seq(s->view.snapshot, r->uid);

	if (seq == 0)
		return; /* not told yet that it exists */
	vx_buf_printf(out, "* %u FETCH (", seq);
	if (with_uid)
		vx_buf_printf(out, "UID %u ", r->uid);
	vx_buf_add_str(out, "FLAGS ");
	vx_imap_write_flags(out, r->flags, names);
	if (s->condstore)
		vx_buf_printf(out, " MODSEQ (%llu)", (unsigned long long)r->modseq);
	vx_buf_add_str(out, ")\r\n");
}

void imap_view_silence(struct imap_session *s, uint64_t modseq)
{
	if (modseq > 0 && s->view.silent_count < IMAP_SILENT_MAX)
		s->view.silent[s->view.silent_count++] = modseq;
}

static bool is_silent(const struct imap_view *v, uint64_t modseq)
{
	for (size_t i = 0; i < v->silent_count; i++)
		if (v->silent[i] == modseq)
			return true;
	return false;
}

static void write_changes_in(struct imap_session *s, struct vx_view *v,
    struct vx_buf *out, struct vx_record_query *q, const vx_slice *names, bool with_uid)
{
	struct vx_record records[IMAP_BATCH];
	uint32_t next = q->first_uid;

	while (next != 0) {
		size_t n = 0;

		q->first_uid = next;
		if (vx_records_read(v, q, records, IMAP_BATCH, &n, &next) != VX_OK)
			return;
		for (size_t k = 0; k < n; k++)
			if (q->changed_since == 0 ||
			    !is_silent(&s->view, records[k].modseq))
				write_one_change(s, out, &records[k], names, with_uid);
	}
}

void imap_write_flag_changes(struct imap_session *s, struct vx_buf *out, uint64_t since,
    const struct vx_uid_range *ranges, size_t count, bool with_uid)
{
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_view *v;

	if (vx_view_begin(s->service->o.store, &v) != VX_OK)
		return;
	if (vx_mailbox_keywords(v, s->view.account, s->view.mailbox, names) == VX_OK) {
		for (size_t i = 0; i < count; i++) {
			struct vx_record_query q = { .account = s->view.account,
				.mailbox = s->view.mailbox,
				.first_uid = ranges[i].first,
				.last_uid = ranges[i].last,
				.changed_since = since };

			write_changes_in(s, v, out, &q, names, with_uid);
		}
	}
	vx_view_end(v);
}

static int find_vanished(struct imap_session *s, struct vx_arena *arena,
    struct vx_uid_range **gone, size_t *count)
{
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_vanished(
	    v, s->view.account, s->view.mailbox, s->view.seen_modseq, arena, gone, count);
	vx_view_end(v);
	return rc;
}

/* The new snapshot takes the old one's place; what is new and what changed is told. */
static void advance(struct imap_session *s, struct vx_buf *out, struct vx_snapshot *fresh)
{
	const struct vx_mailbox_status *st = vx_snapshot_status(fresh);
	const uint32_t old_next = vx_snapshot_status(s->view.snapshot)->uidnext;

	vx_snapshot_free(s->view.snapshot);
	s->view.snapshot = fresh;
	if (st->uidnext != old_next)
		vx_buf_printf(out, "* %u EXISTS\r\n", vx_snapshot_count(fresh));
	/* what is new has not been fetched: only flags of what was known are told */
	if (old_next > 1)
		imap_write_flag_changes(s, out, s->view.seen_modseq,
		    &(struct vx_uid_range){ 1, old_next - 1 }, 1,
		    s->by_uid || s->rev2 || s->condstore);
	s->view.seen_modseq = st->highestmodseq;
	s->view.silent_count = 0;
}

void imap_view_sync(struct imap_session *s, struct vx_buf *out, bool expunges)
{
	struct vx_arena arena = { .limit = IMAP_ARENA_MAX };
	struct vx_uid_range *gone = NULL;
	struct vx_snapshot *fresh;
	size_t count = 0;
	int rc;

	if (s->view.snapshot == NULL)
		return;
	rc = vx_snapshot_take(
	    s->service->o.store, s->view.account, s->view.mailbox, &fresh);
	if (rc == VX_ENOENT && !s->closing) {
		vx_buf_add_str(out, "* BYE the selected mailbox was deleted\r\n");
		s->closing = true;
	}
	if (rc != VX_OK)
		return;
	s->view.changed = false;
	if (vx_snapshot_status(fresh)->highestmodseq == s->view.seen_modseq ||
	    find_vanished(s, &arena, &gone, &count) != VX_OK ||
	    (count > 0 && !expunges)) {
		vx_snapshot_free(fresh);
	} else {
		write_expunges(s, out, gone, count);
		advance(s, out, fresh);
	}
	vx_arena_done(&arena);
}

/* --- sets ------------------------------------------------------------------------ */

/* A number of the set: '*' is the largest there is. */
static uint32_t number_of(struct imap_session *s, uint32_t n, bool by_uid)
{
	const uint32_t count = vx_snapshot_count(s->view.snapshot);

	if (n != 0)
		return n;
	return by_uid ? vx_snapshot_uid(s->view.snapshot, count) : count;
}

static int cmp_range(const void *a, const void *b)
{
	const uint32_t x = ((const struct vx_uid_range *)a)->first,
		       y = ((const struct vx_uid_range *)b)->first;

	return (x > y) - (x < y);
}

static size_t merge(struct vx_uid_range *r, size_t n)
{
	size_t merged = 0;

	if (n > 0)
		qsort(r, n, sizeof(*r), cmp_range);
	for (size_t i = 0; i < n; i++) {
		if (merged == 0 || r[i].first > r[merged - 1].last)
			r[merged++] = r[i];
		else if (r[i].last > r[merged - 1].last)
			r[merged - 1].last = r[i].last;
	}
	return merged;
}

/* One range of the set; VX_ENOENT: it names nothing. */
static int resolve_range(struct imap_session *s, const struct vx_imap_range *in,
    bool by_uid, struct vx_uid_range *out)
{
	const struct vx_snapshot *snap = s->view.snapshot;
	const uint32_t count = vx_snapshot_count(snap);
	const uint32_t last = by_uid ? vx_snapshot_uid(snap, count) : count;
	const uint32_t a = number_of(s, in->first, by_uid);
	const uint32_t b = number_of(s, in->last, by_uid);
	const uint32_t low = a < b ? a : b, high = a < b ? b : a;

	if (low == 0 || low > last)
		return by_uid ? VX_ENOENT : VX_EINVAL;
	/* what came after the client was told is not there for it */
	*out = by_uid ? (struct vx_uid_range){ low, high < last ? high : last }
		      : (struct vx_uid_range){ vx_snapshot_uid(snap, low),
				vx_snapshot_uid(snap, high < last ? high : last) };
	return VX_OK;
}

int imap_view_resolve(struct imap_session *s, const struct vx_imap_set *set, bool by_uid,
    struct vx_arena *arena, struct vx_uid_range **out, size_t *count)
{
	const size_t cap = set->saved ? s->view.saved_count : set->count;
	struct vx_uid_range *r = vx_arena_array(arena, cap + 1, sizeof(*r));
	size_t n = 0;

	if (r == NULL)
		return VX_ELIMIT;
	if (set->saved) {
		if (cap > 0)
			memcpy(r, s->view.saved, cap * sizeof(*r));
		n = cap;
	}
	for (size_t i = 0; i < cap && !set->saved; i++) {
		const int rc = resolve_range(s, &set->ranges[i], by_uid, &r[n]);

		if (rc == VX_EINVAL)
			return rc;
		n += rc == VX_OK;
	}
	*count = merge(r, n);
	*out = r;
	return VX_OK;
}

int imap_view_set(struct imap_session *s, struct vx_cursor *c, struct vx_arena *arena,
    struct vx_buf *out, struct vx_uid_range **ranges, size_t *count)
{
	struct vx_imap_set set;
	int rc;

	if (!vx_imap_sp(c) || !vx_imap_sequence_set(c, &s->arena, &set)) {
		(void)imap_bad(s, out, "a set of messages is expected");
		return VX_DONE;
	}
	rc = imap_view_resolve(s, &set, s->by_uid, arena, ranges, count);
	if (rc == VX_EINVAL)
		(void)imap_bad(s, out, "there are not so many messages");
	else if (rc != VX_OK)
		(void)imap_result(s, out, rc, "");
	return rc == VX_OK ? VX_OK : VX_DONE;
}

void imap_write_numbers(struct imap_session *s, struct vx_buf *out,
    const struct vx_uid_range *ranges, size_t count)
{
	const struct vx_snapshot *snap = s->view.snapshot;
	const char *separator = "";

	if (s->by_uid) {
		vx_imap_write_ranges(out, ranges, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const uint32_t first = vx_snapshot_rank(snap, ranges[i].first - 1) + 1;
		const uint32_t last = vx_snapshot_rank(snap, ranges[i].last);

		if (last < first)
			continue;
		vx_buf_printf(
		    out, first == last ? "%s%u" : "%s%u:%u", separator, first, last);
		separator = ",";
	}
}
