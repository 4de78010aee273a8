/* What mailboxes and domains send: a record of each beside the directory's. */
#include "vectis/sending.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "directory/record.h"
#include "store/account.h"
#include "store/keys.h"

enum {
	SENDING_OCTETS = VX_VALUE_HEADER + 32,
	HOUR_S = 3600
};

static void account_key(struct vx_dir_key *k, uint32_t account)
{
	k->octets[0] = VX_DIR_SENDING;
	k->octets[1] = 'a';
	vx_put_be32(k->octets + 2, account);
	k->len = 6;
}

static int domain_key(struct vx_dir_key *k, vx_slice domain)
{
	if (domain.len == 0 || domain.len + 2 > sizeof(k->octets))
		return VX_EINVAL;
	k->octets[0] = VX_DIR_SENDING;
	k->octets[1] = 'd';
	memcpy(k->octets + 2, domain.ptr, domain.len);
	k->len = 2 + domain.len;
	return VX_OK;
}

static int read_record(
    struct vx_kv_txn *txn, const struct vx_dir_key *k, struct vx_sending *out)
{
	const char *p;
	vx_slice v;
	int rc = vx_kv_get(txn, VX_TREE_DIR, vx_dir_key_slice(k), &v);

	*out = (struct vx_sending){ 0 };
	if (rc == VX_ENOENT)
		return VX_OK;
	if (rc == VX_OK)
		rc = vx_value_check(v, 'd', SENDING_OCTETS);
	if (rc != VX_OK)
		return rc;
	p = v.ptr + VX_VALUE_HEADER;
	out->limit = vx_get_le32(p);
	out->hour = vx_get_le32(p + 4);
	out->count = vx_get_le32(p + 8);
	out->before = vx_get_le32(p + 12);
	out->average = vx_get_le32(p + 16);
	out->told = vx_get_le32(p + 20);
	out->suspended = vx_get_le64(p + 24);
	out->reason = vx_slice_from(v, SENDING_OCTETS);
	return VX_OK;
}

static int write_record(
    struct vx_kv_txn *txn, const struct vx_dir_key *k, const struct vx_sending *s)
{
	const vx_slice reason = vx_slice_head(s->reason, VX_SENDING_REASON_MAX);
	char v[SENDING_OCTETS + VX_SENDING_REASON_MAX] = { 0 };
	char *const p = v + VX_VALUE_HEADER;

	vx_put_le32(p, s->limit);
	vx_put_le32(p + 4, s->hour);
	vx_put_le32(p + 8, s->count);
	vx_put_le32(p + 12, s->before);
	vx_put_le32(p + 16, s->average);
	vx_put_le32(p + 20, s->told);
	vx_put_le64(p + 24, s->suspended);
	if (reason.len > 0)
		memcpy(v + SENDING_OCTETS, reason.ptr, reason.len);
	vx_value_seal(v, SENDING_OCTETS + reason.len, 'd');
	return vx_kv_put(txn, VX_TREE_DIR, vx_dir_key_slice(k),
	    vx_slice_of(v, SENDING_OCTETS + reason.len));
}

static int delete_record(struct vx_kv_txn *txn, const struct vx_dir_key *k)
{
	const int rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(k));

	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_sending_account(struct vx_view *v, uint32_t account, struct vx_sending *out)
{
	struct vx_dir_key k;

	account_key(&k, account);
	return read_record(vx_view_txn(v), &k, out);
}

int vx_sending_domain(struct vx_view *v, vx_slice domain, struct vx_sending *out)
{
	struct vx_dir_key k;
	const int rc = domain_key(&k, domain);

	return rc == VX_OK ? read_record(vx_view_txn(v), &k, out) : rc;
}

/* --- counting --------------------------------------------------------------------------
 */

/* The hour that is over goes into the average, and the empty ones behind it. */
static void turn_hours(struct vx_sending *s, uint32_t hour)
{
	uint32_t passed = hour - s->hour;

	if (hour <= s->hour) /* the same one, or the clock was set back */
		return;
	if (s->hour == 0) {
		s->hour = hour;
		return;
	}
	s->before = passed == 1 ? s->count : 0;
	for (uint32_t n = 0; n < passed && n < VX_SENDING_AVERAGE_HOURS * 20; n++) {
		const uint64_t of_it = n == 0 ? (uint64_t)s->count * 256 : 0;

		s->average =
		    (uint32_t)(((uint64_t)s->average * (VX_SENDING_AVERAGE_HOURS - 1) +
				   of_it) /
			       VX_SENDING_AVERAGE_HOURS);
	}
	s->count = 0;
	s->hour = hour;
}

uint32_t vx_sending_last_hour(const struct vx_sending *s, uint64_t now_s)
{
	struct vx_sending at = *s;
	const uint64_t rest = HOUR_S - now_s % HOUR_S;

	turn_hours(&at, (uint32_t)(now_s / HOUR_S));
	return at.count + (uint32_t)((uint64_t)at.before * rest / HOUR_S);
}

static uint32_t limit_of(const struct vx_sending *s, uint32_t standard)
{
	if (s->limit == VX_SENDING_NONE)
		return 0;
	return s->limit != VX_SENDING_STANDARD ? s->limit : standard;
}

static bool is_over(
    const struct vx_sending *s, const struct vx_sending_count *c, uint32_t limit)
{
	return limit > 0 &&
	       (uint64_t)vx_sending_last_hour(s, c->now_s) + c->recipients > limit;
}

/* Counts it, and says whether that is growth to be told of. */
static bool count(struct vx_sending *s, struct vx_sending_count *c)
{
	turn_hours(s, (uint32_t)(c->now_s / HOUR_S));
	s->count =
	    s->count > UINT32_MAX - c->recipients ? UINT32_MAX : s->count + c->recipients;
	if (s->told == s->hour || s->count < VX_SENDING_GROWTH_LEAST ||
	    (uint64_t)s->count * 256 <= (uint64_t)s->average * VX_SENDING_GROWTH_TIMES)
		return false;
	s->told = s->hour;
	return true;
}

static void judge(struct vx_sending_count *c, const struct vx_sending *mailbox,
    const struct vx_sending *domain)
{
	const uint32_t its = limit_of(mailbox, c->mailbox_limit),
		       all = limit_of(domain, c->domain_limit);

	c->verdict = VX_SENDING_MAY;
	c->limit = 0;
	if (is_over(mailbox, c, its)) {
		c->verdict = VX_SENDING_MAILBOX;
		c->limit = its;
	} else if (is_over(domain, c, all)) {
		c->verdict = VX_SENDING_DOMAIN;
		c->limit = all;
	}
}

static int read_both(struct vx_kv_txn *txn, const struct vx_sending_count *c,
    struct vx_dir_key *a, struct vx_dir_key *d, struct vx_sending *mailbox,
    struct vx_sending *domain)
{
	int rc = domain_key(d, c->domain);

	account_key(a, c->account);
	if (rc == VX_OK)
		rc = read_record(txn, a, mailbox);
	return rc == VX_OK ? read_record(txn, d, domain) : rc;
}

int vx_sending_ask(struct vx_view *v, struct vx_sending_count *c)
{
	struct vx_sending mailbox, domain;
	struct vx_dir_key a, d;
	const int rc = read_both(vx_view_txn(v), c, &a, &d, &mailbox, &domain);

	if (rc == VX_OK)
		judge(c, &mailbox, &domain);
	return rc;
}

int vx_sending_add(struct vx_kv_txn *txn, struct vx_sending_count *c)
{
	char reason[VX_SENDING_REASON_MAX];
	struct vx_sending mailbox, domain;
	struct vx_dir_key a, d;
	int rc = read_both(txn, c, &a, &d, &mailbox, &domain);

	if (rc != VX_OK)
		return rc;
	judge(c, &mailbox, &domain);
	if (c->verdict != VX_SENDING_MAY)
		return VX_EPERM;
	c->mailbox_grew = count(&mailbox, c);
	c->domain_grew = count(&domain, c);
	c->count = c->mailbox_grew ? mailbox.count : domain.count;
	c->average = (c->mailbox_grew ? mailbox.average : domain.average) / 256;
	/* what was read is borrowed, and gone with the first write */
	domain.reason = vx_slice_of("", 0);
	mailbox.reason = vx_slice_head(mailbox.reason, sizeof(reason));
	if (mailbox.reason.len > 0)
		memcpy(reason, mailbox.reason.ptr, mailbox.reason.len);
	mailbox.reason.ptr = reason;
	rc = write_record(txn, &a, &mailbox);
	return rc == VX_OK ? write_record(txn, &d, &domain) : rc;
}

/* --- changing --------------------------------------------------------------------------
 */

int vx_dir_sending_switched(struct vx_kv_txn *txn, uint32_t account, bool suspended,
    vx_slice reason, uint64_t now_s)
{
	struct vx_dir_key k;
	struct vx_sending s;
	int rc;

	account_key(&k, account);
	rc = read_record(txn, &k, &s);
	if (rc != VX_OK)
		return rc;
	s.suspended = suspended ? now_s : 0;
	s.reason = suspended ? reason : vx_slice_of("", 0);
	if (!suspended) /* else the next message would be too many again */
		s.count = s.before = 0;
	return write_record(txn, &k, &s);
}

int vx_dir_forget_sending(struct vx_kv_txn *txn, uint32_t account, vx_slice domain)
{
	struct vx_dir_key k;
	int rc = VX_OK;

	if (account != 0)
		account_key(&k, account);
	else
		rc = domain_key(&k, domain);
	return rc == VX_OK ? delete_record(txn, &k) : rc;
}

/* The account's own record, whose key is its login. */
static int find_account(struct vx_kv_txn *txn, uint32_t account, struct vx_dir_key *k,
    struct vx_dir_record *r)
{
	struct vx_dir_key id;
	vx_slice login;
	int rc;

	(void)vx_dir_key_id(&id, account);
	rc = vx_kv_get(txn, VX_TREE_DIR, vx_dir_key_slice(&id), &login);
	if (rc == VX_OK)
		rc = vx_dir_key(k, VX_DIR_ACCOUNT, login);
	return rc == VX_OK ? vx_dir_read(txn, k, r) : rc;
}

static int suspend(const struct vx_sending_op *op, struct vx_kv_txn *txn)
{
	struct vx_dir_key k;
	struct vx_dir_record r;
	int rc = find_account(txn, op->account, &k, &r);

	if (rc == VX_OK && (r.flags & VX_ACCOUNT_NO_SENDING) != 0)
		rc = VX_EEXIST;
	if (rc != VX_OK)
		return rc;
	r.flags |= VX_ACCOUNT_NO_SENDING;
	rc = vx_dir_write(txn, &k, &r);
	return rc == VX_OK ? vx_dir_sending_switched(
				 txn, op->account, true, op->reason, op->now_s)
			   : rc;
}

static int set_limit(const struct vx_sending_op *op, struct vx_kv_txn *txn)
{
	char reason[VX_SENDING_REASON_MAX];
	struct vx_dir_key k, own;
	struct vx_dir_record r;
	struct vx_sending s;
	int rc;

	if (op->account != 0) {
		rc = find_account(txn, op->account, &own, &r);
		account_key(&k, op->account);
	} else {
		rc = vx_dir_key(&own, VX_DIR_DOMAIN, op->domain);
		if (rc == VX_OK)
			rc = vx_dir_read(txn, &own, &r);
		if (rc == VX_OK)
			rc = domain_key(&k, op->domain);
	}
	if (rc == VX_OK && op->limit != VX_SENDING_NONE &&
	    op->limit > VX_SENDING_LIMIT_MAX)
		rc = VX_EINVAL;
	if (rc == VX_OK)
		rc = read_record(txn, &k, &s);
	if (rc != VX_OK)
		return rc;
	s.limit = op->limit;
	s.reason = vx_slice_head(s.reason, sizeof(reason));
	if (s.reason.len > 0)
		memcpy(reason, s.reason.ptr, s.reason.len);
	s.reason.ptr = reason;
	return write_record(txn, &k, &s);
}

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct vx_sending_op *op = (struct vx_sending_op *)base;

	return op->verb == VX_SENDING_SUSPEND ? suspend(op, txn) : set_limit(op, txn);
}

void vx_sending_op_init(struct vx_sending_op *op, enum vx_sending_verb verb)
{
	*op = (struct vx_sending_op){ .op = { .apply = apply }, .verb = verb };
}
