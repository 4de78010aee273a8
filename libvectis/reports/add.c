/* Counts are added to the store's: on the committer's thread, within the limits. */
#include "reports/batch.h"

#include "base/mem.h"

static vx_slice key_of(const struct vx_report_entry_note *n)
{
	return vx_slice_of(n->octets, n->key_len);
}

static vx_slice value_of(const struct vx_report_entry_note *n)
{
	return vx_slice_of(n->octets + n->key_len, n->len);
}

static void as_key(vx_slice octets, struct vx_key *k)
{
	k->len = 0;
	vx_key_add(k, octets);
}

/* --- domains ---------------------------------------------------------------------------
 */

/* A domain that was not counted this day: VX_OK, or VX_ELIMIT. */
static int admit(struct vx_kv_txn *txn, const struct vx_report_at *at, uint64_t seen)
{
	struct vx_report_total t;
	struct vx_key k;
	bool full;
	int rc;

	vx_report_key(&k, VX_REPORT_TOTAL, at->day, at->kind, vx_slice_of("", 0));
	rc = vx_report_total_read(txn, &k, &t);
	if (rc != VX_OK)
		return rc;
	full = t.domains >= VX_REPORT_DAY_DOMAINS_MAX;
	t.domains += !full;
	t.dropped = vx_report_plus(t.dropped, full ? seen : 0);
	rc = vx_report_total_write(txn, &k, &t);
	return rc == VX_OK && full ? VX_ELIMIT : rc;
}

static int add_head(struct vx_kv_txn *txn, const struct vx_report_entry_note *n)
{
	struct vx_report_head h = { .record = vx_slice_of("", 0) };
	struct vx_report_at at;
	struct vx_key k;
	int rc = vx_report_at_parse(key_of(n), &at);

	as_key(key_of(n), &k);
	if (rc == VX_OK)
		rc = vx_report_head_read(txn, &k, &h);
	if (rc == VX_ENOENT) {
		rc = admit(txn, &at, n->a);
		if (rc == VX_ELIMIT)
			return VX_OK;
	}
	if (rc != VX_OK)
		return rc;
	h.seen = vx_report_plus(h.seen, n->a);
	h.dropped = vx_report_plus(h.dropped, h.state == VX_REPORT_OPEN ? n->b : n->a);
	if (h.state == VX_REPORT_OPEN)
		h.record = value_of(n);
	return vx_report_head_write(txn, &k, &h);
}

/* --- rows ------------------------------------------------------------------------------
 */

static int add_new_row(struct vx_kv_txn *txn, const struct vx_key *k,
    const struct vx_key *head_key, struct vx_report_head *h,
    const struct vx_report_entry_note *n)
{
	const struct vx_report_count c = { n->a, n->b, value_of(n) };
	const bool full = h->rows >= VX_REPORT_DOMAIN_ROWS_MAX;
	int rc;

	h->rows += !full;
	h->dropped = vx_report_plus(h->dropped, full ? vx_report_plus(n->a, n->b) : 0);
	rc = vx_report_head_write(txn, head_key, h);
	return rc == VX_OK && !full ? vx_report_count_write(txn, k, &c) : rc;
}

static int add_row(struct vx_kv_txn *txn, const struct vx_report_entry_note *n)
{
	struct vx_report_count c;
	struct vx_report_head h;
	struct vx_report_at at;
	struct vx_key k, head_key;
	vx_slice v;
	int rc = vx_report_at_parse(key_of(n), &at);

	if (rc != VX_OK)
		return rc;
	vx_report_key(&head_key, VX_REPORT_HEAD, at.day, at.kind, at.domain);
	rc = vx_report_head_read(txn, &head_key, &h);
	if (rc == VX_ENOENT || (rc == VX_OK && h.state != VX_REPORT_OPEN))
		return VX_OK; /* its domain counts it as dropped */
	as_key(key_of(n), &k);
	if (rc == VX_OK)
		rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(&k), &v);
	if (rc == VX_ENOENT)
		return add_new_row(txn, &k, &head_key, &h, n);
	if (rc == VX_OK)
		rc = vx_report_count_parse(v, &c);
	if (rc != VX_OK)
		return rc;
	c.a = vx_report_plus(c.a, n->a);
	c.b = vx_report_plus(c.b, n->b);
	return vx_report_count_write(txn, &k, &c);
}

/* --- the op ----------------------------------------------------------------------------
 */

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct vx_report_add_op *op = (struct vx_report_add_op *)base;
	int rc = VX_OK;

	for (const struct vx_report_entry_note *n = op->notes.heads;
	     n != NULL && rc == VX_OK; n = n->next)
		rc = add_head(txn, n);
	for (const struct vx_report_entry_note *n = op->notes.rows;
	     n != NULL && rc == VX_OK; n = n->next)
		rc = add_row(txn, n);
	return rc;
}

void vx_report_add_op_init(struct vx_report_add_op *op)
{
	*op = (struct vx_report_add_op){ .op = { .apply = apply } };
}

static void free_list(struct vx_report_entry_note *n)
{
	while (n != NULL) {
		struct vx_report_entry_note *next = n->next;

		vx_free(n);
		n = next;
	}
}

void vx_report_notes_free(struct vx_report_notes *n)
{
	free_list(n->heads);
	free_list(n->rows);
	*n = (struct vx_report_notes){ NULL, NULL };
}
