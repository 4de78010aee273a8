/* record.h - the entries of the reports' tree (store/keys.h names their keys). */
#ifndef VX_REPORTS_RECORD_H
#define VX_REPORTS_RECORD_H

#include "store/keys.h"
#include "vectis/report_store.h"

#define VX_REPORT_RECORD_MAX 4096 /* octets of a policy record that is kept */

#define VX_REPORT_SLICE 2000 /* entries that an op looks at */

static inline uint32_t vx_report_day(int64_t s)
{
	return s <= 0 ? 0 : (uint32_t)((uint64_t)s / VX_REPORT_DAY_S);
}

/* --- keys ------------------------------------------------------------------------------
 */

/* Of a TOTAL domain is empty; of a COUNT, GOT or ROW behind it a NUL and the digest. */
void vx_report_key(struct vx_key *k, enum vx_report_entry entry, uint32_t day,
    enum vx_report_kind kind, vx_slice domain);
void vx_report_key_digest(struct vx_key *k, const char digest[VX_REPORT_DIGEST]);
struct vx_report_at {
	uint32_t day;
	enum vx_report_kind kind;
	vx_slice domain; /* borrowed from the key */
};
/* Of any of these.  VX_ECORRUPT. */
int vx_report_at_parse(vx_slice key, struct vx_report_at *out);
/* The digest of what makes a row. */
void vx_report_digest(vx_slice octets, char out[VX_REPORT_DIGEST]);

/* --- values ----------------------------------------------------------------------------
 */

struct vx_report_total {
	uint32_t domains;
	uint64_t dropped; /* messages or sessions of others */
};
int vx_report_total_read(
    struct vx_kv_txn *txn, const struct vx_key *k, struct vx_report_total *out);
int vx_report_total_write(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_report_total *t);

/* A domain's day, without its name; rows: without those that are left out. */
struct vx_report_head {
	enum vx_report_state state;
	uint32_t rows, tries;
	uint64_t seen, dropped;
	uint32_t due, settled;
	vx_slice record; /* of DMARC: the policy record, borrowed from the transaction */
	vx_slice reason;
};
int vx_report_head_parse(vx_slice value, struct vx_report_head *out);
int vx_report_head_read(
    struct vx_kv_txn *txn, const struct vx_key *k, struct vx_report_head *out);
/* The strings may be borrowed from the value that is replaced. */
int vx_report_head_write(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_report_head *h);

/* A row: two counts, and what makes it. */
struct vx_report_count {
	uint64_t a, b; /* messages; of a TLS policy successes and failures */
	vx_slice octets;
};
int vx_report_count_parse(vx_slice value, struct vx_report_count *out);
int vx_report_count_write(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_report_count *c);

/* Numbers as they are stored add up to the largest one and stay there. */
static inline uint64_t vx_report_plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* --- what makes rows -------------------------------------------------------------------
 */

enum vx_report_row_type { /* the first octet */
	VX_REPORT_ROW_MESSAGE = 'M',
	VX_REPORT_ROW_POLICY = 'P',
	VX_REPORT_ROW_FAILURE = 'F'
};
void vx_report_row_write(const struct vx_dmarc_seen *s, struct vx_buf *out);
/* Slices are borrowed from octets, lists live in the arena.  VX_ECORRUPT, VX_ELIMIT. */
int vx_report_row_read(
    vx_slice octets, struct vx_arena *arena, struct vx_report_row *out);
void vx_report_policy_write(const struct vx_tls_policy *p, struct vx_buf *out);
int vx_report_policy_read(
    vx_slice octets, struct vx_arena *arena, struct vx_tls_policy *out);
/* policy: the digest of whose failure it is. */
void vx_report_failure_write(const struct vx_tls_failure *f,
    const char policy[VX_REPORT_DIGEST], struct vx_buf *out);
int vx_report_failure_read(
    vx_slice octets, const char **policy, struct vx_tls_failure *out);

#endif
