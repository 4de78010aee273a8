/* A resolver's answer as it is on the wire (RFC 1035 4). */
#include "vectis/dns.h"

#include "base/bytes.h"

enum {
	HEADER = 12,
	WIRE_MAX = 255, /* octets of a name */
	TYPE_SOA_NUMBERS = 20,
	TYPE_OPT = 41,
	CLASS_IN = 1
};

struct name { /* on the wire, not compressed, in lower case */
	char octets[WIRE_MAX];
	size_t len;
};

struct record {
	struct name owner;
	unsigned type, class;
	uint32_t ttl;
	size_t at, len; /* of rdata in the message */
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * The name at *at, which then is behind it.  A pointer goes back, further than the one
 * before, so that it ends.
 */
static bool read_name(vx_slice m, size_t *at, struct name *out)
{
	size_t here = *at, before = *at;
	bool jumped = false;

	out->len = 0;
	while (here < m.len) {
		const size_t len = (unsigned char)m.ptr[here];

		if (len >= 0xc0) {
			if (here + 2 > m.len)
				return false;
			if (!jumped)
				*at = here + 2;
			jumped = true;
			here = vx_get_be16(m.ptr + here) & 0x3fffu;
			if (here >= before)
				return false;
			before = here;
			continue;
		}
		if (len > VX_DNS_LABEL_MAX || len + 1 > m.len - here ||
		    len + 1 > WIRE_MAX - out->len)
			return false;
		for (size_t i = 0; i <= len; i++)
			out->octets[out->len++] =
			    i == 0 ? m.ptr[here] : lower(m.ptr[here + i]);
		here += len + 1;
		if (len > 0)
			continue;
		if (!jumped)
			*at = here;
		return true;
	}
	return false;
}

static bool read_record(vx_slice m, size_t *at, struct record *out)
{
	if (!read_name(m, at, &out->owner) || m.len - *at < 10)
		return false;
	out->type = vx_get_be16(m.ptr + *at);
	out->class = vx_get_be16(m.ptr + *at + 2);
	out->ttl = vx_get_be32(m.ptr + *at + 4);
	out->len = vx_get_be16(m.ptr + *at + 8);
	out->at = *at + 10;
	if (out->len > m.len - out->at)
		return false;
	*at = out->at + out->len;
	return true;
}

static bool same(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->octets, b->octets, a->len) == 0;
}

/* How many octets stand before the names of an rdata, and how many names there are. */
static unsigned names_in(unsigned type, size_t *before)
{
	*before = type == VX_DNS_MX ? 2 : type == VX_DNS_SRV ? 6 : 0;
	switch (type) {
	case VX_DNS_SOA:
		return 2;
	case VX_DNS_NS:
	case VX_DNS_CNAME:
	case VX_DNS_PTR:
	case VX_DNS_MX:
	case VX_DNS_SRV:
		return 1;
	default:
		return 0;
	}
}

/* Append the rdata with its names uncompressed. */
static bool copy_rdata(vx_slice m, const struct record *r, struct vx_buf *out)
{
	const size_t end = r->at + r->len;
	size_t at, before;
	unsigned names = names_in(r->type, &before);
	struct name n;

	if (before > r->len)
		return false;
	vx_buf_add(out, vx_slice_of(m.ptr + r->at, before));
	for (at = r->at + before; names > 0; names--) {
		if (!read_name(vx_slice_head(m, end), &at, &n))
			return false;
		vx_buf_add(out, vx_slice_of(n.octets, n.len));
	}
	vx_buf_add(out, vx_slice_of(m.ptr + at, end - at));
	return true;
}

struct reader {
	vx_slice m;
	size_t answers; /* where they begin */
	unsigned answer_count, authority_count;
	struct vx_dns_records *out;
	size_t ends[VX_DNS_RECORDS_MAX]; /* of each rdata among the octets */
};

static void take_ttl(struct reader *r, uint32_t ttl)
{
	if (ttl > INT32_MAX) /* RFC 2181 8 */
		ttl = 0;
	if (ttl < r->out->answer.ttl)
		r->out->answer.ttl = ttl;
}

/* All records of the type at name; *alias: its CNAME, if it has one. */
static bool collect(
    struct reader *r, unsigned type, const struct name *name, struct name *alias)
{
	struct vx_dns_answer *a = &r->out->answer;
	size_t at = r->answers;
	struct record rec;

	alias->len = 0;
	for (unsigned i = 0; i < r->answer_count; i++) {
		if (!read_record(r->m, &at, &rec))
			return false;
		if (rec.class != CLASS_IN || !same(&rec.owner, name))
			continue;
		if (rec.type == type && a->count < VX_DNS_RECORDS_MAX) {
			if (!copy_rdata(r->m, &rec, &r->out->octets))
				return false;
			r->ends[a->count++] = r->out->octets.len;
			take_ttl(r, rec.ttl);
		} else if (rec.type == VX_DNS_CNAME && type != VX_DNS_CNAME) {
			size_t target = rec.at;

			if (!read_name(r->m, &target, alias))
				return false;
			take_ttl(r, rec.ttl);
		}
	}
	return true;
}

/* How long it is good that there is nothing: RFC 2308 5. */
static void take_negative_ttl(struct reader *r)
{
	size_t at = r->answers;
	struct record rec;

	for (unsigned i = 0; i < r->answer_count + r->authority_count; i++) {
		if (!read_record(r->m, &at, &rec))
			return;
		if (i < r->answer_count || rec.type != VX_DNS_SOA ||
		    rec.len < TYPE_SOA_NUMBERS)
			continue;
		take_ttl(r, rec.ttl);
		take_ttl(r, vx_get_be32(r->m.ptr + rec.at + rec.len - 4));
		return;
	}
	take_ttl(r, 0);
}

static int write_name(const char *text, struct name *out)
{
	vx_slice rest = vx_slice_str(text), label;

	out->len = 0;
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '.', &label);
		if (label.len == 0 || label.len > VX_DNS_LABEL_MAX ||
		    label.len + 2 > WIRE_MAX - out->len)
			return VX_EINVAL;
		out->octets[out->len++] = (char)label.len;
		memcpy(out->octets + out->len, label.ptr, label.len);
		out->len += label.len;
	}
	out->octets[out->len++] = '\0';
	return VX_OK;
}

/* The header and the question: is it an answer to q? */
static bool begin(struct reader *r, const struct vx_dns_question *q, struct name *name)
{
	size_t at = HEADER;
	struct name asked;

	if (r->m.len < HEADER || write_name(q->name, name) != VX_OK ||
	    ((unsigned char)r->m.ptr[2] & 0x80) == 0 || vx_get_be16(r->m.ptr + 4) != 1 ||
	    !read_name(r->m, &at, &asked) || r->m.len - at < 4 || !same(&asked, name) ||
	    vx_get_be16(r->m.ptr + at) != (unsigned)q->type)
		return false;
	r->answers = at + 4;
	r->answer_count = vx_get_be16(r->m.ptr + 6);
	r->authority_count = vx_get_be16(r->m.ptr + 8);
	return true;
}

/* One that is no name in the sense of dns.h leads nowhere. */
static void set_canonical(struct vx_dns_records *out, const struct name *name)
{
	if (vx_dns_read_name(vx_slice_of(name->octets, name->len), out->canonical) ==
	    VX_OK)
		out->answer.canonical = vx_slice_str(out->canonical);
}

static bool follow(struct reader *r, unsigned type, struct name name)
{
	struct vx_dns_answer *a = &r->out->answer;
	struct name alias;

	for (unsigned i = 0; i <= VX_DNS_CHAIN_MAX; i++) {
		if (!collect(r, type, &name, &alias))
			return false;
		if (a->count > 0 || alias.len == 0) {
			if (i > 0 && a->count > 0)
				set_canonical(r->out, &name);
			return true;
		}
		name = alias;
	}
	return false;
}

static void point(struct reader *r)
{
	struct vx_dns_records *out = r->out;
	const vx_slice all = vx_buf_slice(&out->octets);
	size_t from = 0;

	for (size_t i = 0; i < out->answer.count; i++) {
		out->rdata[i] =
		    vx_slice_head(vx_slice_from(all, from), r->ends[i] - from);
		from = r->ends[i];
	}
	out->answer.rdata = out->rdata;
}

void vx_dns_records_init(struct vx_dns_records *r)
{
	r->answer = (struct vx_dns_answer){ .status = VX_DNS_FAILED };
	vx_buf_init(&r->octets, (size_t)1 << 20);
}

void vx_dns_records_done(struct vx_dns_records *r)
{
	vx_buf_done(&r->octets);
}

static int fail(struct vx_dns_records *out, int rc)
{
	out->answer = (struct vx_dns_answer){ .status = VX_DNS_FAILED };
	return rc;
}

int vx_dns_read_message(
    vx_slice message, const struct vx_dns_question *q, struct vx_dns_records *out)
{
	struct reader r = { .m = message, .out = out };
	struct vx_dns_answer *a = &out->answer;
	struct name name;
	unsigned rcode;

	*a = (struct vx_dns_answer){ .status = VX_DNS_FAILED, .ttl = UINT32_MAX };
	vx_buf_reset(&out->octets);
	if (!begin(&r, q, &name))
		return fail(out, VX_ESYNTAX);
	rcode = (unsigned char)message.ptr[3] & 15u;
	if (rcode != 0 && rcode != 3)
		return fail(out, VX_OK);
	if (!follow(&r, (unsigned)q->type, name))
		return fail(out, VX_ESYNTAX);
	if (out->octets.failed)
		return fail(out, VX_ENOMEM);
	if (a->count == 0)
		take_negative_ttl(&r);
	a->status = a->count > 0 ? VX_DNS_FOUND
		    : rcode == 3 ? VX_DNS_NO_NAME
				 : VX_DNS_NODATA;
	point(&r);
	return VX_OK;
}

static void add16(struct vx_buf *out, unsigned n)
{
	vx_buf_add_char(out, (char)(n >> 8 & 0xff));
	vx_buf_add_char(out, (char)(n & 0xff));
}

int vx_dns_write_query(
    const struct vx_dns_question *q, uint16_t id, bool recurse, struct vx_buf *out)
{
	struct name name;

	if (write_name(q->name, &name) != VX_OK)
		return VX_EINVAL;
	add16(out, id);
	add16(out, recurse ? 0x0100 : 0);
	add16(out, 1);
	add16(out, 0);
	add16(out, 0);
	add16(out, 1);
	vx_buf_add(out, vx_slice_of(name.octets, name.len));
	add16(out, (unsigned)q->type);
	add16(out, CLASS_IN);
	/* OPT: the root, its number, how much we take, no flags, no options */
	vx_buf_add_char(out, '\0');
	add16(out, TYPE_OPT);
	add16(out, VX_DNS_UDP_MAX);
	add16(out, 0);
	add16(out, 0);
	add16(out, 0);
	return out->failed ? VX_ENOMEM : VX_OK;
}

int vx_dns_read_header(vx_slice message, struct vx_dns_header *out)
{
	if (message.len < HEADER || ((unsigned char)message.ptr[2] & 0x80) == 0)
		return VX_ESYNTAX;
	out->id = vx_get_be16(message.ptr);
	out->authoritative = ((unsigned char)message.ptr[2] & 0x04) != 0;
	out->truncated = ((unsigned char)message.ptr[2] & 0x02) != 0;
	return VX_OK;
}
