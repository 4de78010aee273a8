/*
 * A batch: what was noted waits in a table until an op takes it to the store.  One op is
 * under way at a time; what the store did not take is tried again, and is kept meanwhile.
 */
#include "reports/batch.h"

#include "base/mem.h"

#define AGAIN_S 5                               /* after the store could not be written */
#define ROOM (VX_REPORT_NOTED_FAILURES_MAX + 2) /* that one call may want */

struct vx_report_batch {
	struct vx_report_batch_options o;
	struct vx_map entries; /* borrowed from notes */
	struct vx_report_notes notes;
	size_t count;
	int64_t since;                    /* when the first of them came */
	struct vx_report_add_op *writing; /* own */
	bool under_way;                   /* else it is tried again */
	int64_t again;
	int64_t now; /* of the last call */
	uint64_t lost;
};

bool vx_report_batch_wants(const struct vx_report_batch *b, enum vx_report_kind kind)
{
	return b != NULL && (kind == VX_REPORT_DMARC ? b->o.dmarc : b->o.tls);
}

int vx_report_batch_new(
    const struct vx_report_batch_options *o, struct vx_report_batch **out)
{
	struct vx_report_batch *b = vx_alloc(sizeof(*b));

	if (b == NULL)
		return VX_ENOMEM;
	b->o = *o;
	vx_map_init(&b->entries, VX_REPORT_BATCH_ROWS_MAX);
	*out = b;
	return VX_OK;
}

/* --- writing ---------------------------------------------------------------------------
 */

static void forget(struct vx_report_add_op *op)
{
	vx_report_notes_free(&op->notes);
	vx_free(op);
}

static void written(struct vx_store_op *base)
{
	struct vx_report_add_op *op = (struct vx_report_add_op *)base;
	struct vx_report_batch *b = op->batch;

	if (b == NULL) {
		forget(op);
		return;
	}
	b->under_way = false;
	if (op->op.result == VX_OK || op->op.result == VX_ECORRUPT) {
		if (op->op.result != VX_OK)
			vx_log(b->o.log, VX_LOG_ERROR, "counts for reports are damaged",
			    VX_KV_ERR(op->op.result));
		b->writing = NULL;
		forget(op);
		return;
	}
	b->again = b->now + AGAIN_S;
	vx_log(b->o.log, VX_LOG_WARN, "counts for reports cannot be written now",
	    VX_KV_ERR(op->op.result));
}

/* What was noted becomes an op; NULL: there is no memory. */
static struct vx_report_add_op *take(struct vx_report_batch *b)
{
	struct vx_report_add_op *op = vx_alloc(sizeof(*op));

	if (op == NULL)
		return NULL;
	vx_report_add_op_init(op);
	op->op.done = written;
	op->batch = b;
	op->notes = b->notes;
	b->notes = (struct vx_report_notes){ NULL, NULL };
	b->count = 0;
	vx_map_done(&b->entries);
	vx_map_init(&b->entries, VX_REPORT_BATCH_ROWS_MAX);
	return op;
}

static void submit(struct vx_report_batch *b)
{
	b->under_way = vx_store_submit(b->o.store, &b->writing->op) == VX_OK;
	b->again = b->now + AGAIN_S;
}

static void write_now(struct vx_report_batch *b)
{
	if (b->writing != NULL || b->count == 0)
		return;
	b->writing = take(b);
	if (b->writing != NULL)
		submit(b);
}

void vx_report_batch_tick(struct vx_report_batch *b, int64_t now_s)
{
	b->now = now_s;
	if (b->writing != NULL && !b->under_way && now_s >= b->again)
		submit(b);
	if (b->count > 0 && now_s >= b->since + VX_REPORT_BATCH_S)
		write_now(b);
	if (b->lost > 0)
		vx_log(b->o.log, VX_LOG_WARN, "counts for reports were left out",
		    VX_KV_U("count", b->lost));
	b->lost = 0;
}

/* The committer still runs: the store is closed later. */
static void write_last(struct vx_report_batch *b, struct vx_report_add_op *op)
{
	const int rc = vx_store_run(b->o.store, &op->op);

	if (rc != VX_OK)
		vx_log(
		    b->o.log, VX_LOG_WARN, "counts for reports are lost", VX_KV_ERR(rc));
	forget(op);
}

void vx_report_batch_free(struct vx_report_batch *b)
{
	struct vx_report_add_op *last;

	if (b == NULL)
		return;
	if (b->writing != NULL && b->under_way)
		b->writing->batch = NULL; /* the store's close answers it */
	else if (b->writing != NULL)
		write_last(b, b->writing);
	last = b->count > 0 ? take(b) : NULL;
	if (last != NULL) {
		last->op.done = NULL;
		write_last(b, last);
	}
	vx_report_notes_free(&b->notes);
	vx_map_done(&b->entries);
	vx_free(b);
}

/* --- noting ----------------------------------------------------------------------------
 */

static struct vx_report_entry_note *make_note(const struct vx_key *k, vx_slice octets)
{
	struct vx_report_entry_note *n =
	    vx_alloc(sizeof(*n) + k->len + (octets.len == 0 ? 1 : octets.len));

	if (n == NULL)
		return NULL;
	n->key_len = k->len;
	n->len = octets.len;
	memcpy(n->octets, k->octets, k->len);
	if (octets.len > 0)
		memcpy(n->octets + k->len, octets.ptr, octets.len);
	return n;
}

/* The note of a key, made when there is none. */
static int find(struct vx_report_batch *b, const struct vx_key *k, vx_slice octets,
    struct vx_report_entry_note **list, struct vx_report_entry_note **out)
{
	struct vx_report_entry_note *n = vx_map_find(&b->entries, vx_key_slice(k));
	int rc;

	if (n != NULL) {
		*out = n;
		return VX_OK;
	}
	n = make_note(k, octets);
	if (n == NULL)
		return VX_ENOMEM;
	rc = vx_map_set(&b->entries, vx_slice_of(n->octets, n->key_len), n);
	if (rc != VX_OK) {
		b->lost++;
		vx_free(n);
		return rc;
	}
	n->next = *list;
	*list = n;
	if (b->count++ == 0)
		b->since = b->now;
	*out = n;
	return VX_OK;
}

/* Another record than before: the note is made anew. */
static int replace_head(struct vx_report_batch *b, const struct vx_key *k,
    vx_slice record, struct vx_report_entry_note *old)
{
	struct vx_report_entry_note *n = make_note(k, record), **at = &b->notes.heads;
	const uint64_t a = old->a, dropped = old->b;

	if (n == NULL)
		return VX_ENOMEM;
	while (*at != old)
		at = &(*at)->next;
	(void)vx_map_remove(&b->entries, vx_key_slice(k));
	*at = n;
	n->next = old->next;
	n->a = a;
	n->b = dropped;
	vx_free(old);
	return vx_map_set(&b->entries, vx_slice_of(n->octets, n->key_len), n);
}

int vx_report_batch_head(struct vx_report_batch *b, int64_t now_s,
    enum vx_report_kind kind, vx_slice domain, vx_slice record, uint64_t seen)
{
	struct vx_report_entry_note *n;
	struct vx_key k;
	int rc;

	b->now = now_s;
	if (b->count + ROOM > VX_REPORT_BATCH_ROWS_MAX)
		write_now(b); /* room for what a session or a message can come to */
	vx_report_key(&k, VX_REPORT_HEAD, vx_report_day(now_s), kind, domain);
	rc = find(b, &k, record, &b->notes.heads, &n);
	if (rc != VX_OK)
		return rc;
	n->a = vx_report_plus(n->a, seen);
	if (!vx_slice_eq(record, vx_slice_of(n->octets + n->key_len, n->len)))
		rc = replace_head(b, &k, record, n);
	return rc;
}

int vx_report_batch_row(struct vx_report_batch *b, enum vx_report_kind kind,
    vx_slice domain, vx_slice octets, uint64_t x, uint64_t y)
{
	struct vx_report_entry_note *n;
	char digest[VX_REPORT_DIGEST];
	struct vx_key k;
	int rc;

	vx_report_digest(octets, digest);
	vx_report_key(&k, VX_REPORT_COUNT, vx_report_day(b->now), kind, domain);
	vx_report_key_digest(&k, digest);
	rc = find(b, &k, octets, &b->notes.rows, &n);
	if (rc != VX_OK)
		return rc;
	n->a = vx_report_plus(n->a, x);
	n->b = vx_report_plus(n->b, y);
	return VX_OK;
}

void vx_report_batch_drop(
    struct vx_report_batch *b, enum vx_report_kind kind, vx_slice domain, uint64_t count)
{
	struct vx_report_entry_note *n;
	struct vx_key k;

	vx_report_key(&k, VX_REPORT_HEAD, vx_report_day(b->now), kind, domain);
	n = vx_map_find(&b->entries, vx_key_slice(&k));
	if (n != NULL)
		n->b = vx_report_plus(n->b, count);
}
