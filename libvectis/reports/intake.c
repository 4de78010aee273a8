/* Messages that may be reports: noted, and added to what came before. */
#include "reports/intake.h"

#include "base/bytes.h"
#include "store/account.h"
#include "store/box.h"

enum {
	INTAKE_OCTETS = VX_VALUE_HEADER + 9,
	SUM_OCTETS = VX_VALUE_HEADER + 32,
	BAD_OCTETS = VX_VALUE_HEADER + 16
};

/* --- noting ----------------------------------------------------------------------------
 */

static void intake_key(struct vx_key *k, uint64_t id)
{
	k->octets[0] = VX_REPORT_INTAKE;
	k->len = 1;
	vx_key_add_u64(k, id);
}

static int intake_parse(vx_slice key, vx_slice value, struct vx_report_intake *out)
{
	vx_slice signers;
	uint64_t blob;
	int rc = vx_report_blob(key, value, &blob);

	if (rc == VX_OK && (key.len != 9 || value.len < INTAKE_OCTETS))
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	signers =
	    vx_slice_head(vx_slice_from(value, INTAKE_OCTETS), VX_REPORT_SIGNERS_MAX);
	out->id = vx_get_be64(key.ptr + 1);
	out->blob = blob;
	out->checked = value.ptr[INTAKE_OCTETS - 1] != 0;
	memcpy(out->signers, signers.ptr, signers.len);
	out->signers[signers.len] = '\0';
	return VX_OK;
}

/* The first note, or the last one before the next kind of entry. */
static int end_of_list(struct vx_kv_txn *txn, bool last, struct vx_report_intake *out)
{
	const char from = VX_REPORT_INTAKE, behind = VX_REPORT_INTAKE + 1;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_REPORT, &c);

	if (rc != VX_OK)
		return rc;
	if (!last)
		rc = vx_kv_seek(c, vx_slice_of(&from, 1), &key, &value);
	else if (vx_kv_seek(c, vx_slice_of(&behind, 1), &key, &value) == VX_OK)
		rc = vx_kv_prev(c, &key, &value);
	else
		rc = vx_kv_last(c, &key, &value);
	if (rc == VX_OK)
		rc = intake_parse(key, value, out);
	vx_kv_cursor_close(c);
	return rc;
}

int vx_report_intake_next(struct vx_view *v, struct vx_report_intake *out)
{
	return end_of_list(vx_view_txn(v), false, out);
}

/* They are read in their order: from the first to the last is how many there are. */
static int count_waiting(struct vx_kv_txn *txn, uint64_t *count)
{
	struct vx_report_intake first, last;
	int rc = end_of_list(txn, false, &first);

	if (rc == VX_OK)
		rc = end_of_list(txn, true, &last);
	if (rc == VX_OK)
		*count = last.id - first.id + 1;
	else if (rc == VX_ENOENT)
		*count = 0;
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_report_waiting(struct vx_view *v, uint64_t *count)
{
	return count_waiting(vx_view_txn(v), count);
}

static int put(struct vx_kv_txn *txn, const struct vx_key *k, struct vx_buf *value)
{
	int rc = value->failed ? VX_ENOMEM : VX_OK;

	if (rc == VX_OK) {
		vx_value_seal(value->ptr, value->len, VX_REPORT_VALUE);
		rc = vx_kv_put(txn, VX_TREE_REPORT, vx_key_slice(k), vx_buf_slice(value));
	}
	vx_buf_done(value);
	return rc;
}

static int put_intake(
    struct vx_kv_txn *txn, uint64_t blob, const struct vx_report_also *a)
{
	struct vx_buf value = { .max = 2 * VX_REPORT_SIGNERS_MAX };
	char fixed[INTAKE_OCTETS] = { 0 };
	struct vx_key k;
	uint64_t id;
	int rc = vx_meta_next(txn, "reports", &id);

	if (rc != VX_OK)
		return rc;
	intake_key(&k, id);
	vx_put_le64(fixed + VX_VALUE_HEADER, blob);
	fixed[INTAKE_OCTETS - 1] = (char)a->checked;
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_buf_add(&value, vx_slice_head(a->signers, VX_REPORT_SIGNERS_MAX));
	rc = put(txn, &k, &value);
	if (rc == VX_OK)
		vx_kv_note_change(txn, VX_WATCH_QUEUE, VX_REPORT_WATCH, id);
	return rc;
}

/* --- what is bad -----------------------------------------------------------------------
 */

static const char *const bad_texts[VX_REPORT_BADS] = {
	[VX_REPORT_GOOD] = "good",
	[VX_REPORT_BAD_EMPTY] = "there is no report in it",
	[VX_REPORT_BAD_PACKED] = "it cannot be unpacked",
	[VX_REPORT_BAD_LARGE] = "it is too large",
	[VX_REPORT_BAD_SYNTAX] = "it is not well-formed",
	[VX_REPORT_BAD_FOREIGN] = "it is not about a domain of this server",
	[VX_REPORT_BAD_TIME] = "it is too old, or of the future",
	[VX_REPORT_BAD_UNSIGNED] = "it has no valid signature of its sender",
	[VX_REPORT_BAD_AGAIN] = "it came before",
	[VX_REPORT_BAD_FULL] = "there are too many",
};

const char *vx_report_bad_text(enum vx_report_bad bad)
{
	return (unsigned)bad < VX_REPORT_BADS ? bad_texts[bad] : "unknown";
}

static void bad_key(struct vx_key *k, enum vx_report_bad bad)
{
	k->octets[0] = VX_REPORT_BAD;
	k->octets[1] = (char)bad;
	k->len = 2;
}

static int bad_read(
    struct vx_kv_txn *txn, enum vx_report_bad bad, struct vx_report_bad_count *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	bad_key(&k, bad);
	rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_value_check(v, VX_REPORT_VALUE, BAD_OCTETS);
	if (rc == VX_OK)
		*out = (struct vx_report_bad_count){ vx_get_le64(v.ptr + VX_VALUE_HEADER),
			vx_get_le64(v.ptr + VX_VALUE_HEADER + 8),
			vx_slice_from(v, BAD_OCTETS) };
	else if (rc == VX_ENOENT)
		*out = (struct vx_report_bad_count){ .count = 0 };
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_report_bad_get(
    struct vx_view *v, enum vx_report_bad bad, struct vx_report_bad_count *out)
{
	return bad_read(vx_view_txn(v), bad, out);
}

static int count_bad(
    struct vx_kv_txn *txn, enum vx_report_bad bad, uint64_t now, vx_slice detail)
{
	struct vx_buf value = { .max = 512 };
	char fixed[BAD_OCTETS] = { 0 };
	struct vx_report_bad_count b;
	struct vx_key k;
	int rc = bad_read(txn, bad, &b);

	if (rc != VX_OK && rc != VX_ECORRUPT)
		return rc;
	vx_put_le64(
	    fixed + VX_VALUE_HEADER, rc == VX_OK ? vx_report_plus(b.count, 1) : 1);
	vx_put_le64(fixed + VX_VALUE_HEADER + 8, now);
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_buf_add(&value, vx_slice_head(detail, VX_REPORT_NOTED_TEXT_MAX));
	bad_key(&k, bad);
	return put(txn, &k, &value);
}

int vx_report_also(
    struct vx_deliver_op *op, struct vx_kv_txn *txn, uint64_t blob, uint32_t *references)
{
	struct vx_report_also *a = op->also_ctx;
	uint64_t waiting = 0;
	bool full;
	int rc = a->intake ? count_waiting(txn, &waiting) : VX_OK;

	full = waiting >= VX_REPORT_INTAKE_MAX;
	if (rc == VX_OK && full && a->only)
		rc = VX_ETEMP;
	if (rc == VX_OK && a->settle != NULL)
		rc = vx_report_settle(txn, a->settle);
	if (rc != VX_OK)
		return rc;
	op->also_ctx = &a->queue;
	rc = vx_queue_also(op, txn, blob, references);
	op->also_ctx = a;
	if (rc != VX_OK || !a->intake)
		return rc;
	if (full)
		return count_bad(txn, VX_REPORT_BAD_FULL, a->now, vx_slice_of("", 0));
	rc = put_intake(txn, blob, a);
	if (rc == VX_OK)
		(*references)++;
	return rc;
}

/* --- the sums of a domain's day --------------------------------------------------------
 */

static int sum_parse(vx_slice v, struct vx_report_sum *out)
{
	const char *p = v.ptr + VX_VALUE_HEADER;
	const int rc = vx_value_check(v, VX_REPORT_VALUE, SUM_OCTETS);

	if (rc != VX_OK)
		return rc;
	out->reports = vx_get_le32(p);
	out->rows = vx_get_le32(p + 4);
	out->good = vx_get_le64(p + 8);
	out->bad = vx_get_le64(p + 16);
	out->dropped = vx_get_le64(p + 24);
	return VX_OK;
}

static int sum_write(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_report_sum *s)
{
	struct vx_buf value = { .max = 64 };
	char fixed[SUM_OCTETS] = { 0 };
	char *const p = fixed + VX_VALUE_HEADER;

	vx_put_le32(p, s->reports);
	vx_put_le32(p + 4, s->rows);
	vx_put_le64(p + 8, s->good);
	vx_put_le64(p + 16, s->bad);
	vx_put_le64(p + 24, s->dropped);
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	return put(txn, k, &value);
}

int vx_report_sum_next(
    struct vx_view *v, const struct vx_report_sum *after, struct vx_report_sum *out)
{
	struct vx_key k = { .octets = { VX_REPORT_SUM }, .len = 1 };
	struct vx_report_sum s = { .reports = 0 };
	struct vx_report_at at;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_REPORT, &c);

	if (rc != VX_OK)
		return rc;
	if (after != NULL) {
		vx_report_key(&k, VX_REPORT_SUM, after->day, after->kind, after->domain);
		vx_key_add(&k, VX_S("\0"));
	}
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != VX_REPORT_SUM))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_report_at_parse(key, &at);
	if (rc == VX_OK)
		rc = sum_parse(value, &s);
	vx_kv_cursor_close(c);
	if (rc != VX_OK)
		return rc;
	s.day = at.day;
	s.kind = at.kind;
	s.domain = at.domain;
	*out = s;
	return VX_OK;
}

/* --- adding ----------------------------------------------------------------------------
 */

static int add_item(struct vx_kv_txn *txn, const struct vx_key *prefix,
    const struct vx_report_item *i, struct vx_report_sum *sum)
{
	struct vx_report_count c = { i->a, i->b, i->octets }, old;
	char digest[VX_REPORT_DIGEST];
	struct vx_key k = *prefix;
	vx_slice v;
	int rc;

	vx_report_digest(i->octets, digest);
	vx_report_key_digest(&k, digest);
	rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_report_count_parse(v, &old);
	if (rc == VX_OK) {
		c.a = vx_report_plus(c.a, old.a);
		c.b = vx_report_plus(c.b, old.b);
	} else if (rc == VX_ENOENT && sum->rows >= VX_REPORT_GOT_ROWS_MAX) {
		sum->dropped = vx_report_plus(sum->dropped, vx_report_plus(i->a, i->b));
		return VX_OK;
	} else if (rc == VX_ENOENT) {
		sum->rows++;
	} else {
		return rc;
	}
	return vx_report_count_write(txn, &k, &c);
}

static int add_items(struct vx_kv_txn *txn, const struct vx_report_found *f, uint32_t day,
    struct vx_report_sum *sum)
{
	struct vx_key prefix;
	int rc = VX_OK;

	vx_report_key(&prefix, VX_REPORT_ROW, day, f->kind, f->domain);
	for (const struct vx_report_item *i = f->items; i != NULL && rc == VX_OK;
	     i = i->next)
		rc = add_item(txn, &prefix, i, sum);
	return rc;
}

/* What makes it another report than all others of its day. */
static void got_key(struct vx_key *k, uint32_t day, const struct vx_report_found *f)
{
	struct vx_buf name = { .max = 1024 };
	char digest[VX_REPORT_DIGEST];

	vx_buf_add(&name, f->organization);
	vx_buf_add_char(&name, '\0');
	vx_buf_add(&name, f->id);
	vx_report_digest(vx_buf_slice(&name), digest);
	vx_report_key(k, VX_REPORT_GOT, day, f->kind, f->domain);
	vx_report_key_digest(k, digest);
	vx_buf_done(&name);
}

static int write_got(struct vx_kv_txn *txn, const struct vx_key *k,
    const struct vx_report_found *f, uint64_t now)
{
	struct vx_buf octets = { .max = 1024 };
	const vx_slice strings[] = { f->organization, f->id, f->contact };
	struct vx_report_count c = { .a = f->good, .b = f->failed };
	char numbers[24];
	int rc;

	vx_put_le64(numbers, now);
	vx_put_le64(numbers + 8, f->begin);
	vx_put_le64(numbers + 16, f->end);
	vx_buf_add(&octets, vx_slice_of(numbers, sizeof(numbers)));
	for (size_t i = 0; i < 3; i++) {
		char len[2];

		vx_put_le16(len, (uint16_t)strings[i].len);
		vx_buf_add(&octets, vx_slice_of(len, 2));
		vx_buf_add(&octets, strings[i]);
	}
	c.octets = vx_buf_slice(&octets);
	rc = octets.failed ? VX_ENOMEM : vx_report_count_write(txn, k, &c);
	vx_buf_done(&octets);
	return rc;
}

static int read_sum(
    struct vx_kv_txn *txn, const struct vx_key *k, struct vx_report_sum *out)
{
	vx_slice v;
	int rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(k), &v);

	*out = (struct vx_report_sum){ .reports = 0 };
	if (rc == VX_OK)
		rc = sum_parse(v, out);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* f->bad says when it is not taken. */
static int add_found(struct vx_kv_txn *txn, struct vx_report_found *f, uint64_t now)
{
	const uint32_t day = vx_report_day((int64_t)f->begin);
	struct vx_key got, sum_key;
	struct vx_report_sum sum;
	vx_slice v;
	int rc;

	got_key(&got, day, f);
	vx_report_key(&sum_key, VX_REPORT_SUM, day, f->kind, f->domain);
	rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(&got), &v);
	if (rc == VX_OK)
		f->bad = VX_REPORT_BAD_AGAIN;
	if (rc == VX_ENOENT)
		rc = read_sum(txn, &sum_key, &sum);
	if (rc != VX_OK || f->bad != VX_REPORT_GOOD)
		return rc;
	if (sum.reports >= VX_REPORT_GOT_EACH_MAX) {
		f->bad = VX_REPORT_BAD_FULL;
		return VX_OK;
	}
	rc = write_got(txn, &got, f, now);
	if (rc == VX_OK)
		rc = add_items(txn, f, day, &sum);
	sum.reports++;
	sum.good = vx_report_plus(sum.good, f->good);
	sum.bad = vx_report_plus(sum.bad, f->failed);
	sum.dropped = vx_report_plus(sum.dropped, f->dropped);
	return rc == VX_OK ? sum_write(txn, &sum_key, &sum) : rc;
}

static int apply_receive(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_report_receive_op *op = (struct vx_report_receive_op *)base;
	uint64_t blob;
	struct vx_key k;
	vx_slice v;
	int rc;

	intake_key(&k, op->id);
	rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_report_blob(vx_key_slice(&k), v, &blob);
	for (size_t i = 0; i < op->count && rc == VX_OK; i++) {
		struct vx_report_found *f = &op->found[i];

		if (f->bad == VX_REPORT_BAD_AGAIN || f->bad == VX_REPORT_BAD_FULL)
			f->bad = VX_REPORT_GOOD; /* of a batch that was taken back */
		if (f->bad == VX_REPORT_GOOD)
			rc = add_found(txn, f, op->now);
		if (rc == VX_OK && f->bad != VX_REPORT_GOOD)
			rc = count_bad(txn, f->bad, op->now, vx_slice_str(f->detail));
	}
	if (rc == VX_OK)
		rc = vx_kv_delete(txn, VX_TREE_REPORT, vx_key_slice(&k));
	return rc == VX_OK ? vx_blob_drop_reference(txn, blob, 0) : rc;
}

void vx_report_receive_op_init(struct vx_report_receive_op *op)
{
	*op = (struct vx_report_receive_op){ .op = { .apply = apply_receive } };
}

/* --- showing ---------------------------------------------------------------------------
 */

/* The next of a domain's day with a digest in its key. */
static int next_of(struct vx_view *v, enum vx_report_entry entry,
    const struct vx_report_sum *of, const char *after, char digest[VX_REPORT_DIGEST],
    struct vx_report_count *out)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key prefix, k;
	int rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_REPORT, &c);

	if (rc != VX_OK)
		return rc;
	vx_report_key(&prefix, entry, of->day, of->kind, of->domain);
	vx_key_add(&prefix, VX_S("\0"));
	k = prefix;
	if (after != NULL) {
		vx_key_add(&k, vx_slice_of(after, VX_REPORT_DIGEST));
		vx_key_add(&k, VX_S("\0"));
	}
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && !vx_slice_has_prefix(key, vx_key_slice(&prefix)))
		rc = VX_ENOENT;
	if (rc == VX_OK && key.len != prefix.len + VX_REPORT_DIGEST)
		rc = VX_ECORRUPT;
	if (rc == VX_OK)
		rc = vx_report_count_parse(value, out);
	if (rc == VX_OK)
		memcpy(digest, key.ptr + prefix.len, VX_REPORT_DIGEST);
	vx_kv_cursor_close(c);
	return rc;
}

static bool take(vx_slice *rest, vx_slice *out)
{
	const size_t len = rest->len >= 2 ? vx_get_le16(rest->ptr) : SIZE_MAX;

	if (rest->len < 2 || len > rest->len - 2)
		return false;
	*out = vx_slice_of(rest->ptr + 2, len);
	*rest = vx_slice_from(*rest, 2 + len);
	return true;
}

int vx_report_got_next(struct vx_view *v, const struct vx_report_sum *of,
    const char after[VX_REPORT_DIGEST], struct vx_report_got *out)
{
	struct vx_report_got g = { .good = 0 };
	struct vx_report_count c;
	vx_slice rest;
	int rc = next_of(v, VX_REPORT_GOT, of, after, g.digest, &c);

	if (rc != VX_OK)
		return rc;
	if (c.octets.len < 24)
		return VX_ECORRUPT;
	g.good = c.a;
	g.bad = c.b;
	g.came = vx_get_le64(c.octets.ptr);
	g.begin = vx_get_le64(c.octets.ptr + 8);
	g.end = vx_get_le64(c.octets.ptr + 16);
	rest = vx_slice_from(c.octets, 24);
	if (!take(&rest, &g.organization) || !take(&rest, &g.id) ||
	    !take(&rest, &g.contact))
		return VX_ECORRUPT;
	*out = g;
	return VX_OK;
}

static int as_source(vx_slice octets, struct vx_report_got_row *r)
{
	vx_slice ip;

	if (octets.len < 3)
		return VX_ECORRUPT;
	r->disposition = (enum vx_report_disposition)(unsigned char)octets.ptr[1];
	r->dkim = (octets.ptr[2] & 1) != 0;
	r->spf = (octets.ptr[2] & 2) != 0;
	octets = vx_slice_from(octets, 3);
	if (!take(&octets, &ip) || ip.len > VX_DNS_ADDRESS_MAX)
		return VX_ECORRUPT;
	memcpy(r->source_ip, ip.ptr, ip.len);
	return VX_OK;
}

static int as_session(vx_slice octets, struct vx_report_got_row *r)
{
	if (octets.len < 3)
		return VX_ECORRUPT;
	r->failure = octets.ptr[0] == VX_REPORT_ITEM_FAILURE;
	r->policy = (enum vx_tls_policy_type)(unsigned char)octets.ptr[1];
	r->type = (enum vx_tls_failure_type)(unsigned char)octets.ptr[2];
	octets = vx_slice_from(octets, 3);
	return take(&octets, &r->hostname) && take(&octets, &r->reason) ? VX_OK
									: VX_ECORRUPT;
}

int vx_report_got_row_next(struct vx_view *v, const struct vx_report_sum *of,
    const char after[VX_REPORT_DIGEST], struct vx_report_got_row *out)
{
	struct vx_report_got_row r = { .count = 0 };
	struct vx_report_count c;
	int rc = next_of(v, VX_REPORT_ROW, of, after, r.digest, &c);

	if (rc == VX_OK)
		rc = of->kind == VX_REPORT_DMARC ? as_source(c.octets, &r)
						 : as_session(c.octets, &r);
	if (rc != VX_OK)
		return rc;
	r.count = c.a;
	r.failures = c.b;
	*out = r;
	return VX_OK;
}
