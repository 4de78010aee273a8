/* A domain's day as report.h has it: its rows are read in steps, each a short view. */
#include "reports/make.h"

#include "base/encode.h"
#include "reports/record.h"
#include "store/account.h"
#include "vectis/date.h"
#include "vectis/header.h"
#include "zip/gzip.h"

#define STEP 200 /* rows of a view */
#define MEMORY_MAX ((size_t)48 << 20)

struct maker {
	const struct vx_report_make *m;
	struct vx_arena arena;
	struct vx_key at; /* the last row that was read */
	vx_slice record;  /* of DMARC, in the arena */
	struct row_octets {
		struct vx_report_count count; /* octets in the arena */
		char digest[VX_REPORT_DIGEST];
		struct row_octets *next;
	} * rows, **end;
};

/* --- reading ---------------------------------------------------------------------------
 */

static int keep_row(struct maker *k, vx_slice key, vx_slice value)
{
	struct row_octets *row = vx_arena_alloc(&k->arena, sizeof(*row));
	int rc = row == NULL ? VX_ELIMIT : vx_report_count_parse(value, &row->count);

	if (rc == VX_OK)
		rc = vx_arena_copy(&k->arena, row->count.octets, &row->count.octets);
	if (rc != VX_OK)
		return rc;
	memcpy(row->digest, vx_slice_end(key) - VX_REPORT_DIGEST, VX_REPORT_DIGEST);
	*k->end = row;
	k->end = &row->next;
	k->at.len = 0;
	vx_key_add(&k->at, key);
	return VX_OK;
}

/* VX_MORE: there are more. */
static int read_some(struct maker *k, struct vx_kv_cursor *c, const struct vx_key *prefix)
{
	vx_slice key, value;
	unsigned left = STEP;
	int rc = vx_kv_seek(c, vx_key_slice(&k->at), &key, &value);

	if (rc == VX_OK && k->rows != NULL && vx_slice_eq(key, vx_key_slice(&k->at)))
		rc = vx_kv_next(c, &key, &value);
	while (rc == VX_OK && left > 0) {
		if (!vx_slice_has_prefix(key, vx_key_slice(prefix)) ||
		    key.len != prefix->len + VX_REPORT_DIGEST)
			return VX_OK;
		left--;
		rc = keep_row(k, key, value);
		if (rc == VX_OK)
			rc = vx_kv_next(c, &key, &value);
	}
	return rc == VX_ENOENT ? VX_OK : rc == VX_OK ? VX_MORE : rc;
}

static int read_rows(struct maker *k)
{
	const struct vx_report_make *m = k->m;
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	struct vx_view *v;
	int rc;

	vx_report_key(&prefix, VX_REPORT_COUNT, m->day, m->kind, m->domain);
	vx_key_add(&prefix, VX_S("\0"));
	k->at = prefix;
	k->end = &k->rows;
	do {
		rc = vx_view_begin(m->store, &v);
		if (rc != VX_OK)
			return rc;
		rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_REPORT, &c);
		if (rc == VX_OK) {
			rc = read_some(k, c, &prefix);
			vx_kv_cursor_close(c);
		}
		vx_view_end(v);
	} while (rc == VX_MORE);
	return rc == VX_OK && k->rows == NULL ? VX_ENOENT : rc;
}

static int read_record(struct maker *k)
{
	struct vx_report_head h;
	struct vx_view *v;
	struct vx_key key;
	int rc = vx_view_begin(k->m->store, &v);

	if (rc != VX_OK)
		return rc;
	vx_report_key(&key, VX_REPORT_HEAD, k->m->day, k->m->kind, k->m->domain);
	rc = vx_report_head_read(vx_view_txn(v), &key, &h);
	if (rc == VX_OK)
		rc = vx_arena_copy(&k->arena, h.record, &k->record);
	vx_view_end(v);
	return rc;
}

/* --- what it is called -----------------------------------------------------------------
 */

/* The same for the same day: who gets it twice can tell. */
static void write_id(const struct vx_report_make *m, struct vx_buf *out)
{
	struct vx_buf all = { .max = 1024 };
	char digest[VX_REPORT_DIGEST];

	vx_buf_printf(&all, "%c %u ", (char)m->kind, m->day);
	vx_buf_add(&all, m->domain);
	vx_buf_add_char(&all, ' ');
	vx_buf_add(&all, m->submitter);
	vx_report_digest(vx_buf_slice(&all), digest);
	vx_buf_printf(out, "%s.%u.", m->kind == VX_REPORT_TLS ? "tls" : "dmarc", m->day);
	vx_hex_add(out, vx_slice_of(digest, 8));
	vx_buf_add_char(out, '@');
	vx_buf_add(out, m->submitter);
	vx_buf_done(&all);
}

static struct vx_report_name name_of(const struct vx_report_make *m, vx_slice id)
{
	const uint64_t begin = (uint64_t)m->day * VX_REPORT_DAY_S;

	return (struct vx_report_name){ .receiver = m->submitter,
		.policy_domain = m->domain,
		.begin = begin,
		.end = begin + VX_REPORT_DAY_S - 1,
		.report_id = id,
		.tls = m->kind == VX_REPORT_TLS,
		.gzip = true };
}

/* --- DMARC -----------------------------------------------------------------------------
 */

/* The tag's value in the record that note.c wrote; with ruf left out it is not read. */
static vx_slice fo_of(vx_slice record)
{
	const size_t at = vx_slice_find_slice(record, VX_S("; fo="));
	const vx_slice rest = vx_slice_from(record, at + 5);

	return vx_slice_head(rest, vx_slice_find(rest, ';'));
}

static int make_rows(struct maker *k, struct vx_report *out)
{
	struct vx_report_row **end = &out->rows;

	for (const struct row_octets *o = k->rows; o != NULL; o = o->next) {
		struct vx_report_row *row = vx_arena_alloc(&k->arena, sizeof(*row));
		const int rc = row == NULL
				   ? VX_ELIMIT
				   : vx_report_row_read(o->count.octets, &k->arena, row);

		if (rc == VX_ECORRUPT)
			continue;
		if (rc != VX_OK)
			return rc;
		row->count = o->count.a;
		*end = row;
		end = &row->next;
	}
	return out->rows == NULL ? VX_ENOENT : VX_OK;
}

static int make_dmarc(struct maker *k, vx_slice id, struct vx_buf *out)
{
	const struct vx_report_name n = name_of(k->m, id);
	struct vx_dmarc_record policy;
	struct vx_report r = { .org_name = k->m->organization,
		.email = k->m->email,
		.report_id = id,
		.generator = VX_S("Vectis " VX_VERSION),
		.begin = n.begin,
		.end = n.end,
		.domain = k->m->domain,
		.discovery = VX_REPORT_DISCOVERY_TREEWALK };
	int rc = read_record(k);

	if (rc == VX_OK)
		rc = vx_dmarc_record_parse(k->record, &k->arena, &policy);
	if (rc == VX_OK)
		rc = make_rows(k, &r);
	if (rc != VX_OK)
		return rc;
	r.p = policy.p == VX_DMARC_UNSET ? VX_DMARC_NONE : policy.p;
	r.sp = policy.sp;
	r.np = policy.np;
	r.strict_dkim = policy.strict_dkim;
	r.strict_spf = policy.strict_spf;
	r.testing = policy.testing;
	r.fo = fo_of(k->record);
	return vx_report_write(&r, out);
}

/* --- TLS -------------------------------------------------------------------------------
 */

struct policy_of_digest {
	struct vx_tls_policy policy; /* first */
	const char *digest;
	struct vx_tls_failure **end;
};

static int make_policies(struct maker *k, struct vx_tls_report *out)
{
	struct vx_tls_policy **end = &out->policies;

	for (const struct row_octets *o = k->rows; o != NULL; o = o->next) {
		struct policy_of_digest *p = vx_arena_alloc(&k->arena, sizeof(*p));
		const int rc = p == NULL ? VX_ELIMIT
					 : vx_report_policy_read(
					       o->count.octets, &k->arena, &p->policy);

		if (rc == VX_ECORRUPT)
			continue; /* a failure, for instance */
		if (rc != VX_OK)
			return rc;
		p->digest = o->digest;
		p->end = &p->policy.details;
		p->policy.domain = k->m->domain;
		p->policy.successes = o->count.a;
		p->policy.failures = o->count.b;
		*end = &p->policy;
		end = &p->policy.next;
	}
	return out->policies == NULL ? VX_ENOENT : VX_OK;
}

static struct policy_of_digest *find_policy(
    const struct vx_tls_report *r, const char *digest)
{
	for (struct vx_tls_policy *p = r->policies; p != NULL; p = p->next) {
		struct policy_of_digest *d = (struct policy_of_digest *)p;

		if (memcmp(d->digest, digest, VX_REPORT_DIGEST) == 0)
			return d;
	}
	return NULL;
}

static int make_failures(struct maker *k, const struct vx_tls_report *r)
{
	for (const struct row_octets *o = k->rows; o != NULL; o = o->next) {
		struct policy_of_digest *p;
		struct vx_tls_failure *f;
		const char *digest;

		if (o->count.octets.len == 0 ||
		    o->count.octets.ptr[0] != VX_REPORT_ROW_FAILURE)
			continue;
		f = vx_arena_alloc(&k->arena, sizeof(*f));
		if (f == NULL)
			return VX_ELIMIT;
		if (vx_report_failure_read(o->count.octets, &digest, f) != VX_OK ||
		    (p = find_policy(r, digest)) == NULL)
			continue;
		f->count = o->count.a;
		*p->end = f;
		p->end = &f->next;
	}
	return VX_OK;
}

static int make_tls(struct maker *k, vx_slice id, struct vx_buf *out)
{
	const struct vx_report_name n = name_of(k->m, id);
	struct vx_tls_report r = { .organization = k->m->organization,
		.contact = k->m->email,
		.report_id = id,
		.begin = (int64_t)n.begin,
		.end = (int64_t)n.end };
	int rc = make_policies(k, &r);

	if (rc == VX_OK)
		rc = make_failures(k, &r);
	return rc == VX_OK ? vx_tls_report_write(&r, out) : rc;
}

int vx_report_make(const struct vx_report_make *m, struct vx_buf *packed)
{
	struct maker k = { .m = m, .arena = { .limit = MEMORY_MAX } };
	struct vx_buf id = { .max = 400 }, text = { .max = VX_REPORT_OCTETS_MAX };
	int rc = read_rows(&k);

	write_id(m, &id);
	if (rc == VX_OK)
		rc = m->kind == VX_REPORT_TLS ? make_tls(&k, vx_buf_slice(&id), &text)
					      : make_dmarc(&k, vx_buf_slice(&id), &text);
	if (rc == VX_OK)
		rc = vx_gzip(vx_buf_slice(&text), packed);
	vx_buf_done(&id);
	vx_buf_done(&text);
	vx_arena_done(&k.arena);
	return rc;
}

/* --- the mail --------------------------------------------------------------------------
 */

const char *vx_report_media_type(enum vx_report_kind kind)
{
	return kind == VX_REPORT_TLS ? "application/tlsrpt+gzip" : "application/gzip";
}

static void write_to(const struct vx_report_make *m, struct vx_buf *out)
{
	vx_buf_add_str(out, "To: ");
	for (size_t i = 0; i < m->to_count; i++)
		vx_buf_printf(out, "%s<%.*s>", i == 0 ? "" : ",\r\n\t", (int)m->to[i].len,
		    m->to[i].ptr);
	vx_buf_add_str(out, "\r\n");
}

static void write_fields(const struct vx_report_make *m, vx_slice id, vx_slice boundary,
    int64_t now_s, struct vx_buf *out)
{
	vx_buf_add_str(out, "Date: ");
	vx_date_write(out, now_s, 0);
	vx_buf_printf(out, "\r\nMessage-ID: <%.*s>\r\nAuto-Submitted: auto-generated\r\n",
	    (int)id.len, id.ptr);
	if (m->kind == VX_REPORT_TLS) /* it arrives although TLS fails (RFC 8460 3) */
		vx_buf_printf(out,
		    "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n"
		    "TLS-Required: No\r\n",
		    (int)m->domain.len, m->domain.ptr, (int)m->submitter.len,
		    m->submitter.ptr);
	vx_buf_printf(out,
	    "MIME-Version: 1.0\r\nContent-Type: "
	    "multipart/%s;\r\n\tboundary=\"%.*s\"\r\n\r\n",
	    m->kind == VX_REPORT_TLS ? "report; report-type=\"tlsrpt\"" : "mixed",
	    (int)boundary.len, boundary.ptr);
}

static void write_text(
    const struct vx_report_make *m, vx_slice boundary, struct vx_buf *out)
{
	const struct vx_civil day = vx_civil_of((int64_t)m->day * VX_REPORT_DAY_S, 0);

	vx_buf_printf(out,
	    "--%.*s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "An aggregate report of %04d-%02d-%02d (UTC) about ",
	    (int)boundary.len, boundary.ptr, day.year, day.month, day.day);
	if (m->kind == VX_REPORT_TLS)
		vx_buf_printf(out, "TLS with the mail servers of\r\n%.*s\r\n",
		    (int)m->domain.len, m->domain.ptr);
	else
		vx_buf_printf(out, "mail whose author domain is\r\n%.*s, or below it\r\n",
		    (int)m->domain.len, m->domain.ptr);
	vx_buf_printf(out, "\r\nIt was made by %.*s.\r\n\r\n", (int)m->submitter.len,
	    m->submitter.ptr);
}

static int write_attachment(const struct vx_report_make *m, vx_slice boundary,
    vx_slice packed, vx_slice file, struct vx_buf *out)
{
	struct vx_mime_encoder e = { .kind = VX_ENCODING_BASE64 };

	vx_buf_printf(out,
	    "--%.*s\r\nContent-Type: %s;\r\n\tname=\"%.*s\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment;\r\n\tfilename=\"%.*s\"\r\n\r\n",
	    (int)boundary.len, boundary.ptr, vx_report_media_type(m->kind), (int)file.len,
	    file.ptr, (int)file.len, file.ptr);
	vx_mime_encode(&e, packed, out);
	vx_mime_encode_end(&e, out);
	vx_buf_printf(out, "\r\n--%.*s--\r\n", (int)boundary.len, boundary.ptr);
	return out->failed ? VX_ELIMIT : VX_OK;
}

int vx_report_write_mail(
    const struct vx_report_make *m, vx_slice packed, int64_t now_s, struct vx_buf *out)
{
	struct vx_buf id = { .max = 400 }, file = { .max = 700 },
		      boundary = { .max = 80 };
	char digest[VX_REPORT_DIGEST];
	struct vx_report_name n;
	int rc;

	write_id(m, &id);
	vx_report_digest(packed, digest);
	vx_buf_add_str(&boundary, "report-");
	vx_hex_add(&boundary, vx_slice_of(digest, sizeof(digest)));
	n = name_of(m, vx_buf_slice(&id));
	rc = vx_report_filename(&n, &file);
	vx_buf_printf(out, "From: <%.*s>\r\n", (int)m->email.len, m->email.ptr);
	write_to(m, out);
	vx_buf_add_str(out, "Subject: ");
	if (rc == VX_OK)
		rc = vx_report_subject(&n, out);
	vx_buf_add_str(out, "\r\n");
	if (rc == VX_OK) {
		write_fields(m, vx_buf_slice(&id), vx_buf_slice(&boundary), now_s, out);
		write_text(m, vx_buf_slice(&boundary), out);
		rc = write_attachment(
		    m, vx_buf_slice(&boundary), packed, vx_buf_slice(&file), out);
	}
	vx_buf_done(&id);
	vx_buf_done(&file);
	vx_buf_done(&boundary);
	return rc;
}
