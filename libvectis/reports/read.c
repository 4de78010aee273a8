/*
 * Reports in mail: the parts of a message that may be one, unpacked, parsed, and added up
 * to what is kept of them.  All of it may be forged, and is only counted.
 */
#include "base/bytes.h"
#include "base/map.h"
#include "base/mem.h"
#include "reports/intake.h"
#include "vectis/address.h"
#include "vectis/directory.h"
#include "vectis/header.h"
#include "vectis/message.h"
#include "zip/gzip.h"

#include <stdio.h>

#define PARSE_MEMORY_MAX ((size_t)64 << 20)

struct reading {
	uint64_t now;
	struct vx_arena *arena;
	struct vx_report_found *found;
	size_t count;
	struct vx_buf raw, text; /* own: a part, and what was packed in it */
};

static int bad(struct vx_report_found *f, enum vx_report_bad why, const char *detail)
{
	f->bad = why;
	(void)snprintf(
	    f->detail, sizeof(f->detail), "%.*s", VX_REPORT_NOTED_TEXT_MAX, detail);
	return VX_OK;
}

/* --- adding up -------------------------------------------------------------------------
 */

struct adding {
	struct vx_report_found *f;
	struct vx_arena *arena;
	struct vx_map known;
	struct vx_report_item **end;
	size_t count;
};

/* So much more of what has these octets; what is beyond the limit has none. */
static int add(struct adding *x, vx_slice octets, uint64_t a, uint64_t b)
{
	struct vx_report_item *i = vx_map_find(&x->known, octets);
	int rc = VX_OK;

	if (i == NULL && x->count >= VX_REPORT_GOT_ROWS_MAX) {
		x->f->dropped = vx_report_plus(x->f->dropped, vx_report_plus(a, b));
		return VX_OK;
	}
	if (i == NULL) {
		i = vx_arena_alloc(x->arena, sizeof(*i));
		if (i == NULL)
			return VX_ELIMIT;
		rc = vx_arena_copy(x->arena, octets, &i->octets);
		if (rc == VX_OK)
			rc = vx_map_set(&x->known, i->octets, i);
		if (rc != VX_OK)
			return rc;
		*x->end = i;
		x->end = &i->next;
		x->count++;
	}
	i->a = vx_report_plus(i->a, a);
	i->b = vx_report_plus(i->b, b);
	return VX_OK;
}

static void add_string(struct vx_buf *out, vx_slice s, size_t max)
{
	char len[2];

	s = vx_slice_head(s, max);
	vx_put_le16(len, (uint16_t)s.len);
	vx_buf_add(out, vx_slice_of(len, 2));
	vx_buf_add(out, s);
}

static int add_source(struct adding *x, const struct vx_report_row *row)
{
	struct vx_buf octets = { .max = 256 };
	const bool good = row->dkim || row->spf;
	int rc;

	vx_buf_add_char(&octets, VX_REPORT_ITEM_SOURCE);
	vx_buf_add_char(&octets, (char)row->disposition);
	vx_buf_add_char(&octets, (char)((unsigned)row->dkim | (unsigned)row->spf << 1));
	add_string(&octets, vx_slice_str(row->source_ip), VX_DNS_ADDRESS_MAX);
	rc = octets.failed ? VX_ENOMEM : add(x, vx_buf_slice(&octets), row->count, 0);
	x->f->good = vx_report_plus(x->f->good, good ? row->count : 0);
	x->f->failed = vx_report_plus(x->f->failed, good ? 0 : row->count);
	vx_buf_done(&octets);
	return rc;
}

static int add_session(struct adding *x, enum vx_report_item_type item,
    const struct vx_tls_policy *p, const struct vx_tls_failure *f)
{
	struct vx_buf octets = { .max = 1024 };
	int rc;

	vx_buf_add_char(&octets, (char)item);
	vx_buf_add_char(&octets, (char)p->type);
	vx_buf_add_char(&octets, f == NULL ? '\0' : (char)f->type);
	add_string(&octets, f == NULL ? vx_slice_of("", 0) : f->receiving_hostname,
	    VX_DNS_NAME_MAX);
	add_string(&octets, f == NULL ? vx_slice_of("", 0) : f->reason_code,
	    VX_REPORT_NOTED_TEXT_MAX);
	rc = octets.failed
		 ? VX_ENOMEM
		 : add(x, vx_buf_slice(&octets), f == NULL ? p->successes : f->count,
		       f == NULL ? p->failures : 0);
	vx_buf_done(&octets);
	return rc;
}

/* --- one report ------------------------------------------------------------------------
 */

static int keep(struct reading *r, vx_slice s, vx_slice *out)
{
	return vx_arena_copy(r->arena, vx_slice_head(s, VX_REPORT_GOT_NAME_MAX), out);
}

static int set_domain(struct reading *r, struct vx_report_found *f, vx_slice name)
{
	struct vx_buf domain = { .max = VX_DNS_NAME_MAX };
	int rc = vx_domain_normalise(name, &domain);

	if (rc == VX_OK)
		rc = vx_arena_copy(r->arena, vx_buf_slice(&domain), &f->domain);
	else if (rc == VX_EINVAL)
		rc = bad(f, VX_REPORT_BAD_SYNTAX, "its domain is none");
	vx_buf_done(&domain);
	return rc;
}

static void check_time(struct reading *r, struct vx_report_found *f)
{
	const uint64_t oldest =
	    r->now > (uint64_t)VX_REPORT_GOT_AGE_DAYS * VX_REPORT_DAY_S
		? r->now - (uint64_t)VX_REPORT_GOT_AGE_DAYS * VX_REPORT_DAY_S
		: 0;

	if (f->bad == VX_REPORT_GOOD &&
	    (f->begin < oldest || f->begin > r->now + VX_REPORT_DAY_S))
		(void)bad(f, VX_REPORT_BAD_TIME, "");
}

static int take_dmarc(
    struct reading *r, struct vx_report_found *f, const struct vx_report *report)
{
	struct adding x = { .f = f, .arena = r->arena, .end = &f->items };
	int rc = set_domain(r, f, report->domain);

	f->kind = VX_REPORT_DMARC;
	f->begin = report->begin;
	f->end = report->end;
	if (rc == VX_OK)
		rc = keep(r, report->org_name, &f->organization);
	if (rc == VX_OK)
		rc = keep(r, report->report_id, &f->id);
	if (rc == VX_OK)
		rc = keep(r, report->email, &f->contact);
	vx_map_init(&x.known, VX_REPORT_GOT_ROWS_MAX);
	for (const struct vx_report_row *row = report->rows; row != NULL && rc == VX_OK;
	     row = row->next)
		rc = add_source(&x, row);
	vx_map_done(&x.known);
	return rc;
}

static int add_policy(struct adding *x, const struct vx_tls_policy *p)
{
	int rc = add_session(x, VX_REPORT_ITEM_POLICY, p, NULL);

	for (const struct vx_tls_failure *f = p->details; f != NULL && rc == VX_OK;
	     f = f->next)
		rc = add_session(x, VX_REPORT_ITEM_FAILURE, p, f);
	x->f->good = vx_report_plus(x->f->good, p->successes);
	x->f->failed = vx_report_plus(x->f->failed, p->failures);
	return rc;
}

/* All policies of a report are of one domain (RFC 8460 4): what is not is left out. */
static int take_tls(
    struct reading *r, struct vx_report_found *f, const struct vx_tls_report *report)
{
	const struct vx_tls_policy *first = report->policies;
	struct adding x = { .f = f, .arena = r->arena, .end = &f->items };
	int rc = first == NULL ? bad(f, VX_REPORT_BAD_SYNTAX, "it has no policy")
			       : set_domain(r, f, first->domain);

	f->kind = VX_REPORT_TLS;
	f->begin = report->begin < 0 ? 0 : (uint64_t)report->begin;
	f->end = report->end < 0 ? 0 : (uint64_t)report->end;
	if (rc == VX_OK)
		rc = keep(r, report->organization, &f->organization);
	if (rc == VX_OK)
		rc = keep(r, report->report_id, &f->id);
	if (rc == VX_OK)
		rc = keep(r, report->contact, &f->contact);
	vx_map_init(&x.known, VX_REPORT_GOT_ROWS_MAX);
	for (const struct vx_tls_policy *p = first; p != NULL && rc == VX_OK; p = p->next)
		if (vx_slice_eq_nocase(p->domain, first->domain))
			rc = add_policy(&x, p);
	vx_map_done(&x.known);
	return rc;
}

/* XML or JSON; *none: it is neither. */
static int take_text(
    struct reading *r, struct vx_report_found *f, vx_slice text, bool *none)
{
	struct vx_arena arena = { .limit = PARSE_MEMORY_MAX };
	struct vx_tls_report tls;
	struct vx_report dmarc;
	struct vx_error err = { .text = "" };
	vx_slice body = text;
	int rc;

	if (vx_slice_has_prefix(body, VX_S("\xef\xbb\xbf")))
		body = vx_slice_from(body, 3);
	body = vx_slice_trim(body, " \t\r\n");
	*none = !vx_slice_has_prefix(body, VX_S("<")) &&
		!vx_slice_has_prefix(body, VX_S("{")) &&
		!vx_slice_has_prefix(body, VX_S("\xff\xfe")) &&
		!vx_slice_has_prefix(body, VX_S("\xfe\xff"));
	if (*none)
		return VX_OK;
	if (vx_slice_has_prefix(body, VX_S("{"))) {
		rc = vx_tls_report_parse(text, &arena, &tls, &err);
		if (rc == VX_OK)
			rc = take_tls(r, f, &tls);
	} else {
		rc = vx_report_parse(text, &arena, &dmarc, &err);
		if (rc == VX_OK)
			rc = take_dmarc(r, f, &dmarc);
	}
	if (rc == VX_ESYNTAX)
		rc = bad(f, VX_REPORT_BAD_SYNTAX, err.text);
	else if (rc == VX_ELIMIT)
		rc = bad(f, VX_REPORT_BAD_LARGE, "");
	vx_arena_done(&arena);
	check_time(r, f);
	return rc;
}

/* --- parts -----------------------------------------------------------------------------
 */

static int unpack(struct reading *r, struct vx_report_found *f, vx_slice *text)
{
	const vx_slice raw = vx_buf_slice(&r->raw);
	const bool gz = vx_slice_has_prefix(raw, VX_S("\x1f\x8b"));
	int rc;

	*text = raw;
	if (!gz && !vx_slice_has_prefix(raw, VX_S("PK\3\4")))
		return VX_OK;
	rc = gz ? vx_gunzip(raw, &r->text) : vx_unzip(raw, &r->text);
	*text = vx_buf_slice(&r->text);
	if (rc == VX_ELIMIT)
		return bad(f, VX_REPORT_BAD_LARGE, "unpacked");
	if (rc != VX_OK && rc != VX_ENOMEM)
		return bad(f, VX_REPORT_BAD_PACKED, vx_strerror(rc));
	return rc;
}

/* Text for people is none, unless it is all there is. */
static bool may_be_report(const struct vx_part *p)
{
	if ((p->flags & (VX_PART_MULTIPART | VX_PART_MESSAGE)) != 0)
		return false;
	return !vx_slice_eq(p->type, VX_S("text")) ||
	       vx_slice_eq(p->subtype, VX_S("xml")) ||
	       vx_slice_eq(p->subtype, VX_S("json"));
}

static int take_part(struct reading *r, vx_slice message, const struct vx_part *p)
{
	const vx_slice body =
	    vx_slice_head(vx_slice_from(message, (size_t)p->body_offset),
		(size_t)(p->end - p->body_offset));
	struct vx_report_found *f = &r->found[r->count];
	vx_slice text;
	bool none = false;
	int rc;

	*f = (struct vx_report_found){ .bad = VX_REPORT_GOOD };
	vx_buf_reset(&r->raw);
	vx_buf_reset(&r->text);
	vx_transfer_decode(p->encoding, body, &r->raw);
	if (r->raw.failed)
		return VX_ENOMEM;
	rc = unpack(r, f, &text);
	if (rc == VX_OK && f->bad == VX_REPORT_GOOD)
		rc = take_text(r, f, text, &none);
	r->count += rc == VX_OK && !none;
	return rc;
}

static int take_parts(struct reading *r, vx_slice message, const struct vx_descriptor *d)
{
	struct vx_part p;
	int rc = VX_OK;

	for (uint32_t i = 0;
	     i < d->part_count && rc == VX_OK && r->count < VX_REPORT_MESSAGE_REPORTS_MAX;
	     i++)
		if (vx_descriptor_part(d, i, &p) == VX_OK && may_be_report(&p) &&
		    p.body_offset <= p.end && p.end <= message.len)
			rc = take_part(r, message, &p);
	return rc;
}

int vx_report_read_mail(vx_slice message, uint64_t now, struct vx_arena *arena,
    struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX], size_t *count)
{
	struct reading r = { .now = now, .arena = arena, .found = found };
	struct vx_buf octets = { .max = VX_DESCRIPTOR_MAX };
	struct vx_describer *describer;
	struct vx_descriptor d;
	int rc = vx_describer_new(&describer);

	if (rc != VX_OK)
		return rc;
	vx_buf_init(&r.raw, VX_REPORT_MESSAGE_MAX);
	vx_buf_init(&r.text, VX_REPORT_OCTETS_MAX);
	vx_describer_add(describer, message);
	rc = vx_describer_end(describer, &octets);
	vx_describer_free(describer);
	if (rc == VX_OK)
		rc = vx_descriptor_open(vx_buf_slice(&octets), &d);
	if (rc == VX_OK)
		rc = take_parts(&r, message, &d);
	if (rc == VX_OK && r.count == 0) {
		found[0] = (struct vx_report_found){ .bad = VX_REPORT_BAD_EMPTY };
		r.count = 1;
	}
	vx_buf_done(&octets);
	vx_buf_done(&r.raw);
	vx_buf_done(&r.text);
	if (rc == VX_OK)
		*count = r.count;
	return rc == VX_OK ? VX_OK : VX_ENOMEM;
}

/* --- stored messages -------------------------------------------------------------------
 */

static int read_all(struct vx_store *store, uint64_t blob, struct vx_buf *out)
{
	struct vx_blob_reader *reader;
	uint64_t at = 0;
	vx_slice octets;
	int rc = vx_blob_open(store, blob, &reader);

	if (rc != VX_OK)
		return rc;
	while (rc == VX_OK && at < vx_blob_size(reader)) {
		rc = vx_blob_fetch(reader, at, 65536);
		if (rc == VX_OK)
			rc = vx_blob_read(reader, at, 65536, &octets);
		if (rc != VX_OK)
			break;
		vx_buf_add(out, octets);
		at += octets.len;
		if (out->failed)
			rc = VX_ELIMIT;
	}
	vx_blob_close(reader);
	return rc;
}

/* A domain of ours, or one above it: there the record of DMARC may be. */
static int is_ours(struct vx_view *v, vx_slice domain, bool *ours)
{
	struct vx_domain d = { .name = vx_slice_of("", 0) };
	int rc = VX_OK;

	*ours = false;
	while (!*ours && (rc = vx_directory_next_domain(v, d.name, &d)) == VX_OK) {
		const size_t above = d.name.len - domain.len;

		*ours = vx_slice_eq(d.name, domain) ||
			(d.name.len > domain.len + 1 && d.name.ptr[above - 1] == '.' &&
			    vx_slice_has_suffix(d.name, domain) &&
			    vx_slice_find(domain, '.') < domain.len);
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* Of the domain of its contact, of one above or below it. */
static bool is_signed(const struct vx_report_intake *intake, vx_slice contact)
{
	const vx_slice domain = vx_slice_from(contact, vx_slice_rfind(contact, '@') + 1);
	vx_slice rest = vx_slice_str(intake->signers), signer;
	struct vx_buf name = { .max = VX_DNS_NAME_MAX };
	bool found = false;

	if (vx_domain_normalise(domain, &name) == VX_OK)
		while (!found && rest.len > 0) {
			(void)vx_slice_cut(&rest, ' ', &signer);
			found = signer.len > 0 &&
				(vx_dns_is_below(signer, vx_buf_slice(&name)) ||
				    vx_dns_is_below(vx_buf_slice(&name), signer));
		}
	vx_buf_done(&name);
	return found;
}

/* Without one it has to be ignored; those of DMARC are only counted (RFC 8460 3). */
static void check_signed(
    const struct vx_report_intake *intake, struct vx_report_found *found, size_t count)
{
	for (size_t i = 0; i < count && intake->checked; i++)
		if (found[i].bad == VX_REPORT_GOOD && found[i].kind == VX_REPORT_TLS &&
		    !is_signed(intake, found[i].contact)) {
			found[i].bad = VX_REPORT_BAD_UNSIGNED;
			(void)snprintf(found[i].detail, sizeof(found[i].detail), "%.*s",
			    VX_REPORT_NOTED_TEXT_MAX, intake->signers);
		}
}

static int check_ours(struct vx_store *store, struct vx_report_found *found, size_t count)
{
	struct vx_view *v;
	bool ours;
	int rc = vx_view_begin(store, &v);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		if (found[i].bad != VX_REPORT_GOOD)
			continue;
		rc = is_ours(v, found[i].domain, &ours);
		if (rc == VX_OK && !ours) {
			found[i].bad = VX_REPORT_BAD_FOREIGN;
			(void)snprintf(found[i].detail, sizeof(found[i].detail), "%.*s",
			    (int)found[i].domain.len, found[i].domain.ptr);
		}
	}
	vx_view_end(v);
	return rc;
}

int vx_report_read_blob(struct vx_store *store, const struct vx_report_intake *intake,
    uint64_t now, struct vx_arena *arena,
    struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX], size_t *count)
{
	struct vx_buf message = { .max = VX_REPORT_MESSAGE_MAX };
	int rc = read_all(store, intake->blob, &message);

	if (rc == VX_ELIMIT || rc == VX_ECORRUPT || rc == VX_ENOENT) {
		found[0] = (struct vx_report_found){
			.bad = rc == VX_ELIMIT ? VX_REPORT_BAD_LARGE : VX_REPORT_BAD_EMPTY
		};
		*count = 1;
		vx_buf_done(&message);
		return VX_OK;
	}
	if (rc == VX_OK)
		rc =
		    vx_report_read_mail(vx_buf_slice(&message), now, arena, found, count);
	vx_buf_done(&message);
	if (rc == VX_OK)
		check_signed(intake, found, *count);
	return rc == VX_OK ? check_ours(store, found, *count) : rc;
}
