#include "reports/record.h"

#include "base/bytes.h"
#include "vectis/crypto.h"

enum {
	TOTAL_OCTETS = VX_VALUE_HEADER + 16,
	HEAD_OCTETS = VX_VALUE_HEADER + 40,
	COUNT_OCTETS = VX_VALUE_HEADER + 16,
	HAS_ENVELOPE_FROM = 1 << 2
};

const char *vx_report_kind_name(enum vx_report_kind kind)
{
	return kind == VX_REPORT_TLS ? "tls" : "dmarc";
}

/* --- keys ------------------------------------------------------------------------------
 */

void vx_report_key(struct vx_key *k, enum vx_report_entry entry, uint32_t day,
    enum vx_report_kind kind, vx_slice domain)
{
	const char octet = (char)kind;

	k->octets[0] = (char)entry;
	k->len = 1;
	vx_key_add_u32(k, day);
	vx_key_add(k, vx_slice_of(&octet, 1));
	vx_key_add(k, domain);
}

static bool has_digest(char entry)
{
	return entry == VX_REPORT_COUNT || entry == VX_REPORT_GOT ||
	       entry == VX_REPORT_ROW;
}

void vx_report_key_digest(struct vx_key *k, const char digest[VX_REPORT_DIGEST])
{
	vx_key_add(k, VX_S("\0"));
	vx_key_add(k, vx_slice_of(digest, VX_REPORT_DIGEST));
}

int vx_report_at_parse(vx_slice key, struct vx_report_at *out)
{
	const size_t behind =
	    key.len > 0 && has_digest(key.ptr[0]) ? 1 + VX_REPORT_DIGEST : 0;

	if (key.len < 6 + behind ||
	    (key.ptr[5] != VX_REPORT_DMARC && key.ptr[5] != VX_REPORT_TLS))
		return VX_ECORRUPT;
	out->day = vx_get_be32(key.ptr + 1);
	out->kind = (enum vx_report_kind)key.ptr[5];
	out->domain = vx_slice_of(key.ptr + 6, key.len - 6 - behind);
	return out->domain.len <= VX_DNS_NAME_MAX ? VX_OK : VX_ECORRUPT;
}

void vx_report_digest(vx_slice octets, char out[VX_REPORT_DIGEST])
{
	char whole[VX_SHA256_OCTETS];

	vx_sha256(octets, whole);
	memcpy(out, whole, VX_REPORT_DIGEST);
}

/* --- strings ---------------------------------------------------------------------------
 */

static void add_string(struct vx_buf *out, vx_slice s, size_t max)
{
	char len[2];

	s = vx_slice_head(s, max);
	vx_put_le16(len, (uint16_t)s.len);
	vx_buf_add(out, vx_slice_of(len, 2));
	vx_buf_add(out, s);
}

/* What is left of octets that are read; bad once they were too short. */
struct reader {
	vx_slice rest;
	bool bad;
};

static unsigned take_octet(struct reader *r)
{
	const vx_slice s = vx_slice_head(r->rest, 1);

	r->bad = r->bad || s.len == 0;
	r->rest = vx_slice_from(r->rest, s.len);
	return s.len == 0 ? 0 : (unsigned char)s.ptr[0];
}

static vx_slice take_string(struct reader *r)
{
	size_t len;
	vx_slice s;

	if (r->bad || r->rest.len < 2) {
		r->bad = true;
		return vx_slice_of("", 0);
	}
	len = vx_get_le16(r->rest.ptr);
	r->rest = vx_slice_from(r->rest, 2);
	s = vx_slice_head(r->rest, len);
	r->bad = s.len < len;
	r->rest = vx_slice_from(r->rest, s.len);
	return s;
}

/* --- values ----------------------------------------------------------------------------
 */

static int put(struct vx_kv_txn *txn, const struct vx_key *k, char *value, size_t len)
{
	vx_value_seal(value, len, VX_REPORT_VALUE);
	return vx_kv_put(txn, VX_TREE_REPORT, vx_key_slice(k), vx_slice_of(value, len));
}

static int put_buf(struct vx_kv_txn *txn, const struct vx_key *k, struct vx_buf *value)
{
	const int rc = value->failed ? VX_ELIMIT : put(txn, k, value->ptr, value->len);

	vx_buf_done(value);
	return rc;
}

int vx_report_total_read(
    struct vx_kv_txn *txn, const struct vx_key *k, struct vx_report_total *out)
{
	vx_slice v;
	int rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(k), &v);

	if (rc == VX_ENOENT) {
		*out = (struct vx_report_total){ 0 };
		return VX_OK;
	}
	if (rc == VX_OK)
		rc = vx_value_check(v, VX_REPORT_VALUE, TOTAL_OCTETS);
	if (rc == VX_OK)
		*out = (struct vx_report_total){ vx_get_le32(v.ptr + VX_VALUE_HEADER),
			vx_get_le64(v.ptr + VX_VALUE_HEADER + 8) };
	return rc;
}

int vx_report_total_write(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_report_total *t)
{
	char v[TOTAL_OCTETS] = { 0 };

	vx_put_le32(v + VX_VALUE_HEADER, t->domains);
	vx_put_le64(v + VX_VALUE_HEADER + 8, t->dropped);
	return put(txn, k, v, sizeof(v));
}

int vx_report_head_parse(vx_slice v, struct vx_report_head *out)
{
	const char *p = v.ptr + VX_VALUE_HEADER;
	struct vx_report_head h = { 0 };
	struct reader r;
	int rc = vx_value_check(v, VX_REPORT_VALUE, HEAD_OCTETS);

	if (rc != VX_OK)
		return rc;
	h.state = (enum vx_report_state)(unsigned char)p[0];
	h.rows = vx_get_le32(p + 4);
	h.tries = vx_get_le32(p + 8);
	h.due = vx_get_le32(p + 12);
	h.settled = vx_get_le32(p + 16);
	h.seen = vx_get_le64(p + 24);
	h.dropped = vx_get_le64(p + 32);
	r = (struct reader){ .rest = vx_slice_from(v, HEAD_OCTETS) };
	h.record = take_string(&r);
	h.reason = take_string(&r);
	if (r.bad || (unsigned char)p[0] > VX_REPORT_GIVEN_UP)
		return VX_ECORRUPT;
	*out = h;
	return VX_OK;
}

int vx_report_head_read(
    struct vx_kv_txn *txn, const struct vx_key *k, struct vx_report_head *out)
{
	vx_slice v;
	const int rc = vx_kv_get(txn, VX_TREE_REPORT, vx_key_slice(k), &v);

	return rc == VX_OK ? vx_report_head_parse(v, out) : rc;
}

int vx_report_head_write(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_report_head *h)
{
	struct vx_buf value = { .max = 2 * VX_REPORT_RECORD_MAX };
	char fixed[HEAD_OCTETS] = { 0 };
	char *const p = fixed + VX_VALUE_HEADER;

	p[0] = (char)h->state;
	vx_put_le32(p + 4, h->rows);
	vx_put_le32(p + 8, h->tries);
	vx_put_le32(p + 12, h->due);
	vx_put_le32(p + 16, h->settled);
	vx_put_le64(p + 24, h->seen);
	vx_put_le64(p + 32, h->dropped);
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	add_string(&value, h->record, VX_REPORT_RECORD_MAX);
	add_string(&value, h->reason, VX_REPORT_NOTED_TEXT_MAX);
	return put_buf(txn, k, &value);
}

int vx_report_count_parse(vx_slice v, struct vx_report_count *out)
{
	const int rc = vx_value_check(v, VX_REPORT_VALUE, COUNT_OCTETS);

	if (rc == VX_OK)
		*out = (struct vx_report_count){ vx_get_le64(v.ptr + VX_VALUE_HEADER),
			vx_get_le64(v.ptr + VX_VALUE_HEADER + 8),
			vx_slice_from(v, COUNT_OCTETS) };
	return rc;
}

int vx_report_count_write(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_report_count *c)
{
	struct vx_buf value = { .max = 2 * VX_REPORT_NOTED_OCTETS_MAX };
	char fixed[COUNT_OCTETS] = { 0 };

	vx_put_le64(fixed + VX_VALUE_HEADER, c->a);
	vx_put_le64(fixed + VX_VALUE_HEADER + 8, c->b);
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_buf_add(&value, c->octets);
	return put_buf(txn, k, &value);
}

/* --- rows of DMARC ---------------------------------------------------------------------
 */

static void add_octet(struct vx_buf *out, unsigned n)
{
	vx_buf_add_char(out, (char)n);
}

static void add_reasons(struct vx_buf *out, const struct vx_report_reason *list)
{
	unsigned count = 0;

	for (const struct vx_report_reason *r = list;
	     r != NULL && count < VX_REPORT_REASONS_MAX; r = r->next)
		count++;
	add_octet(out, count);
	for (; count-- > 0; list = list->next) {
		add_octet(out, list->type);
		add_string(out, list->comment, VX_REPORT_NOTED_TEXT_MAX);
	}
}

static void add_auth(struct vx_buf *out, const struct vx_report_auth *list)
{
	unsigned count = 0;

	for (const struct vx_report_auth *a = list;
	     a != NULL && count < VX_REPORT_NOTED_AUTH_MAX; a = a->next)
		count++;
	add_octet(out, count);
	for (; count-- > 0; list = list->next) {
		add_octet(out, list->method);
		add_octet(out, list->verdict);
		add_string(out, list->domain, VX_DNS_NAME_MAX);
		add_string(out, list->selector, VX_DNS_NAME_MAX);
		add_string(out, list->human_result, VX_REPORT_NOTED_TEXT_MAX);
	}
}

void vx_report_row_write(const struct vx_dmarc_seen *s, struct vx_buf *out)
{
	add_octet(out, VX_REPORT_ROW_MESSAGE);
	add_octet(out, s->disposition);
	add_octet(out, (unsigned)s->result->dkim | (unsigned)s->result->spf << 1 |
			   (s->envelope_from.ptr != NULL ? HAS_ENVELOPE_FROM : 0u));
	add_string(out, vx_slice_str(s->source_ip), VX_DNS_ADDRESS_MAX);
	add_string(out, s->header_from, VX_DNS_NAME_MAX);
	add_string(out, s->envelope_from, VX_DNS_NAME_MAX);
	add_reasons(out, s->reasons);
	add_auth(out, s->auth);
}

static int read_reasons(
    struct reader *r, struct vx_arena *arena, struct vx_report_reason **end)
{
	for (unsigned count = take_octet(r); count-- > 0 && !r->bad;
	     end = &(*end)->next) {
		*end = vx_arena_array(arena, 1, sizeof(**end));
		if (*end == NULL)
			return VX_ELIMIT;
		(*end)->type = (enum vx_report_override)take_octet(r);
		(*end)->comment = take_string(r);
	}
	return VX_OK;
}

static int read_auth(
    struct reader *r, struct vx_arena *arena, struct vx_report_auth **end)
{
	for (unsigned count = take_octet(r); count-- > 0 && !r->bad;
	     end = &(*end)->next) {
		*end = vx_arena_array(arena, 1, sizeof(**end));
		if (*end == NULL)
			return VX_ELIMIT;
		(*end)->method = (enum vx_dmarc_method)take_octet(r);
		(*end)->verdict = (enum vx_verdict)take_octet(r);
		(*end)->domain = take_string(r);
		(*end)->selector = take_string(r);
		(*end)->human_result = take_string(r);
	}
	return VX_OK;
}

int vx_report_row_read(vx_slice octets, struct vx_arena *arena, struct vx_report_row *out)
{
	struct reader r = { .rest = octets };
	struct vx_report_row row = { .count = 0 };
	unsigned flags;
	vx_slice ip;
	int rc;

	if (take_octet(&r) != VX_REPORT_ROW_MESSAGE)
		return VX_ECORRUPT;
	row.disposition = (enum vx_report_disposition)take_octet(&r);
	flags = take_octet(&r);
	row.dkim = (flags & 1) != 0;
	row.spf = (flags & 2) != 0;
	ip = take_string(&r);
	row.header_from = take_string(&r);
	row.envelope_from = take_string(&r);
	if ((flags & HAS_ENVELOPE_FROM) == 0)
		row.envelope_from = (vx_slice){ 0 };
	rc = read_reasons(&r, arena, &row.reasons);
	if (rc == VX_OK)
		rc = read_auth(&r, arena, &row.auth);
	if (rc == VX_OK && (r.bad || ip.len > VX_DNS_ADDRESS_MAX))
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	memcpy(row.source_ip, ip.ptr, ip.len);
	*out = row;
	return VX_OK;
}

/* --- rows of TLS -----------------------------------------------------------------------
 */

static void add_lines(struct vx_buf *out, const struct vx_report_line *list)
{
	unsigned count = 0;

	for (const struct vx_report_line *l = list;
	     l != NULL && count < VX_REPORT_NOTED_LINES_MAX; l = l->next)
		count++;
	add_octet(out, count);
	for (; count-- > 0; list = list->next)
		add_string(out, list->text, VX_REPORT_NOTED_OCTETS_MAX);
}

void vx_report_policy_write(const struct vx_tls_policy *p, struct vx_buf *out)
{
	add_octet(out, VX_REPORT_ROW_POLICY);
	add_octet(out, p->type);
	add_lines(out, p->lines);
	add_lines(out, p->mx_hosts);
}

static int read_lines(
    struct reader *r, struct vx_arena *arena, struct vx_report_line **end)
{
	for (unsigned count = take_octet(r); count-- > 0 && !r->bad;
	     end = &(*end)->next) {
		*end = vx_arena_array(arena, 1, sizeof(**end));
		if (*end == NULL)
			return VX_ELIMIT;
		(*end)->text = take_string(r);
	}
	return VX_OK;
}

int vx_report_policy_read(
    vx_slice octets, struct vx_arena *arena, struct vx_tls_policy *out)
{
	struct reader r = { .rest = octets };
	struct vx_tls_policy p = { .domain = vx_slice_of("", 0) };
	int rc;

	if (take_octet(&r) != VX_REPORT_ROW_POLICY)
		return VX_ECORRUPT;
	p.type = (enum vx_tls_policy_type)take_octet(&r);
	rc = read_lines(&r, arena, &p.lines);
	if (rc == VX_OK)
		rc = read_lines(&r, arena, &p.mx_hosts);
	if (rc == VX_OK && r.bad)
		rc = VX_ECORRUPT;
	if (rc == VX_OK)
		*out = p;
	return rc;
}

void vx_report_failure_write(const struct vx_tls_failure *f,
    const char policy[VX_REPORT_DIGEST], struct vx_buf *out)
{
	add_octet(out, VX_REPORT_ROW_FAILURE);
	vx_buf_add(out, vx_slice_of(policy, VX_REPORT_DIGEST));
	add_octet(out, f->type);
	add_string(out, f->sending_ip, VX_DNS_ADDRESS_MAX);
	add_string(out, f->receiving_hostname, VX_DNS_NAME_MAX);
	add_string(out, f->receiving_helo, VX_DNS_NAME_MAX);
	add_string(out, f->receiving_ip, VX_DNS_ADDRESS_MAX);
	add_string(out, f->additional_information, VX_REPORT_NOTED_TEXT_MAX);
	add_string(out, f->reason_code, VX_REPORT_NOTED_TEXT_MAX);
}

int vx_report_failure_read(
    vx_slice octets, const char **policy, struct vx_tls_failure *out)
{
	struct reader r = { .rest = vx_slice_from(octets, 1 + VX_REPORT_DIGEST) };
	struct vx_tls_failure f = { .count = 0 };

	if (octets.len < 1 + VX_REPORT_DIGEST || octets.ptr[0] != VX_REPORT_ROW_FAILURE)
		return VX_ECORRUPT;
	f.type = (enum vx_tls_failure_type)take_octet(&r);
	f.sending_ip = take_string(&r);
	f.receiving_hostname = take_string(&r);
	f.receiving_helo = take_string(&r);
	f.receiving_ip = take_string(&r);
	f.additional_information = take_string(&r);
	f.reason_code = take_string(&r);
	if (r.bad)
		return VX_ECORRUPT;
	*policy = octets.ptr + 1;
	*out = f;
	return VX_OK;
}
