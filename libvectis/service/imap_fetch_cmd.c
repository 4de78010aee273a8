/* The FETCH command: what it is about, \Seen that it sets first, and its end. */
#include "base/mem.h"
#include "service/imap_fetch.h"

/* Keep only the messages at these places of ranges (RFC 9394 3.3); how many ranges. */
static size_t keep_places(const struct imap_session *s, const struct vx_imap_partial *p,
    struct vx_uid_range *r, size_t count, uint32_t total)
{
	const struct vx_snapshot *snap = s->view.snapshot;
	uint32_t low = 1, high = 0, passed = 0;
	size_t kept = 0;

	if (!vx_imap_partial_of(p, total, &low, &high))
		return 0;
	for (size_t i = 0; i < count && passed < high; i++) {
		const uint32_t before = vx_snapshot_rank(snap, r[i].first - 1);
		const uint32_t n = vx_snapshot_rank(snap, r[i].last) - before;
		const uint32_t first = low > passed ? low - passed : 1;
		const uint32_t last = high - passed < n ? high - passed : n;

		if (first <= last)
			r[kept++] =
			    (struct vx_uid_range){ vx_snapshot_uid(snap, before + first),
				    vx_snapshot_uid(snap, before + last) };
		passed += n;
	}
	return kept;
}

static bool sets_seen(const struct imap_session *s)
{
	const struct imap_fetch *f = s->fetch;

	for (size_t i = 0; i < f->what.count; i++) {
		const struct vx_imap_item *it = &f->what.items[i];

		if ((it->type == VX_ITEM_SECTION || it->type == VX_ITEM_BINARY) &&
		    !it->peek)
			return !s->view.read_only &&
			       (s->view.rights & VX_RIGHT_SEEN) != 0;
	}
	return false;
}

static int set_seen(struct imap_session *s);

/* Is there a message without \Seen among them?  Then that is set first. */
static int look_for_unseen(struct imap_session *s, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	bool found = false;
	int rc = VX_OK;

	while (!found && rc == VX_OK) {
		if (imap_full(s, out)) {
			imap_fetch_end_view(f);
			return VX_DATA;
		}
		rc = imap_fetch_load(s);
		for (size_t i = 0; rc == VX_OK && i < f->count; i++)
			found = found || (f->records[i].flags & VX_FLAG_SEEN) == 0;
	}
	imap_fetch_end_view(f);
	f->range = f->count = f->at = 0;
	f->next_uid = 0;
	f->looking = false;
	return found ? set_seen(s) : VX_OK;
}

static int seen_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;

	(void)out;
	if (t->result != VX_OK && t->result != VX_ENOENT)
		vx_log(s->service->o.log, VX_LOG_WARN, "\\Seen not set",
		    VX_KV_U("account", s->view.account), VX_KV_ERR(t->result));
	if (f->seen_modseq == 0)
		f->seen_modseq = t->u.flags.modseq;
	imap_view_silence(s, t->u.flags.modseq); /* the answers have FLAGS */
	if (t->result == VX_OK && t->u.flags.next_uid != 0) {
		t->u.flags.from_uid = t->u.flags.next_uid;
		if (imap_submit_quiet(s, t) == VX_WAIT)
			return VX_WAIT;
	}
	s->busy = IMAP_ANSWERING;
	return VX_OK;
}

/* \Seen first, so that what is answered is what is there (RFC 9051 6.4.5). */
static int set_seen(struct imap_session *s)
{
	struct imap_fetch *f = s->fetch;
	struct imap_task *t = imap_task_new(s, seen_finish);
	struct vx_uid_range *uids =
	    t == NULL ? NULL : vx_arena_array(&t->arena, f->range_count, sizeof(*uids));

	if (uids == NULL) {
		imap_task_free(t);
		return VX_OK; /* no reason not to show the messages */
	}
	vx_flags_op_init(&t->u.flags);
	t->u.flags.account = s->view.account;
	t->u.flags.mailbox = s->view.mailbox;
	memcpy(uids, f->ranges, f->range_count * sizeof(*uids));
	t->u.flags.uids = uids;
	t->u.flags.range_count = f->range_count;
	t->u.flags.change = VX_FLAGS_ADD;
	t->u.flags.flags = VX_FLAG_SEEN;
	return imap_submit_quiet(s, t) == VX_WAIT ? VX_WAIT : VX_OK;
}

static int unknown_encoding(struct imap_session *s, struct vx_buf *out)
{
	return imap_no(s, out, "[UNKNOWN-CTE] a part has an unknown transfer encoding");
}

/* All is written: what the tagged line will say. */
static void end_fetch(struct imap_session *s)
{
	const struct imap_fetch *f = s->fetch;
	const bool gone =
	    !s->by_uid && !f->what.has_changed_since && f->written < f->expected;

	s->answer.result = f->failed;
	if (f->failed == VX_EUNSUP)
		s->answer.tail = unknown_encoding;
	else if (f->failed == VX_OK && gone)
		s->answer.tail = imap_some_are_gone;
	imap_fetch_free(s->fetch);
	s->fetch = NULL;
}

static int fetch_body(struct imap_session *s, struct vx_buf *out)
{
	int rc;

	if (s->fetch->telling) {
		rc = imap_vanished_write(s, &s->fetch->vanished, out);
		if (rc != VX_OK)
			return rc;
		s->fetch->telling = false;
	}
	if (s->fetch->looking) {
		rc = look_for_unseen(s, out);
		if (rc != VX_OK)
			return rc;
	}
	rc = imap_fetch_messages(s, out);
	imap_fetch_end_view(s->fetch);
	if (rc == VX_OK)
		end_fetch(s);
	return rc;
}

int imap_cmd_fetch(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	const struct vx_cursor set = *c;
	struct vx_uid_range *ranges;
	size_t count;
	struct imap_fetch *f;
	int rc = VX_OK;

	if (imap_view_set(s, c, &s->arena, out, &ranges, &count) != VX_OK)
		return VX_OK;
	f = imap_fetch_new();
	if (f == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	if (!vx_imap_sp(c) || !vx_imap_fetch_items(c, &s->arena, &f->what) ||
	    (f->what.partial && !s->by_uid) ||
	    (f->what.vanished && (!s->by_uid || !s->enabled[IMAP_QRESYNC]))) {
		imap_fetch_free(f);
		return imap_bad(s, out, "the items of FETCH are not understood");
	}
	f->telling = f->what.vanished;
	if (f->telling)
		rc = imap_vanished_fetch(s, &f->vanished, set, f->what.changed_since);
	if (rc != VX_OK) {
		imap_fetch_free(f);
		return imap_result(s, out, rc, "");
	}
	f->ranges = ranges;
	f->range_count = count;
	f->expected = imap_view_count(s, ranges, count);
	if (f->what.partial)
		f->range_count =
		    keep_places(s, &f->what.places, ranges, count, f->expected);
	f->want_uid = s->by_uid && !imap_fetch_asks(f, VX_ITEM_UID);
	if (f->what.has_changed_since || imap_fetch_asks(f, VX_ITEM_MODSEQ))
		imap_enable_condstore(s, out);
	f->want_modseq = f->what.has_changed_since && !imap_fetch_asks(f, VX_ITEM_MODSEQ);
	s->fetch = f;
	f->looking = sets_seen(s);
	return imap_answer(s,
	    &(struct imap_answer){
		.body = fetch_body, .sync = true, .expunges = s->by_uid, .ok = "done" });
}
