/*
 * FETCH: an iterator over records that writes as much as the connection takes.
 *
 * What is in memory is written at once; octets that are not are brought by a job, and the
 * iterator goes on where it stood.
 */
#include "service/imap_fetch.h"
#include "base/mem.h"
#include "mime/transfer.h"
#include "vectis/date.h"
#include "vectis/header.h"

#include <inttypes.h>
#include <stdio.h>

#define PIECE ((size_t)64 * 1024)

bool imap_fetch_streaming(const struct imap_fetch *f)
{
	return f->streaming;
}

static void leave_message(struct imap_fetch *f)
{
	vx_blob_close(f->reader);
	f->reader = NULL;
	f->open = f->have_descriptor = f->measured = f->streaming = false;
	f->item = 0;
	vx_buf_shrink(&f->raw, PIECE);
	vx_buf_shrink(&f->text, PIECE);
}

void imap_fetch_free(struct imap_fetch *f)
{
	if (f == NULL)
		return;
	leave_message(f);
	imap_vanished_done(&f->vanished);
	vx_buf_done(&f->raw);
	vx_buf_done(&f->text);
	vx_free(f);
}

/* --- the step's view ------------------------------------------------------------- */

static int need_view(struct imap_session *s)
{
	struct imap_fetch *f = s->fetch;
	int rc = f->view != NULL ? VX_OK : vx_view_begin(s->service->o.store, &f->view);

	if (rc == VX_OK && !f->have_names)
		rc = vx_mailbox_keywords(
		    f->view, s->view.account, s->view.mailbox, f->names);
	f->have_names = rc == VX_OK;
	return rc;
}

void imap_fetch_end_view(struct imap_fetch *f)
{
	if (f->view != NULL)
		vx_view_end(f->view);
	f->view = NULL;
	f->have_descriptor = f->have_names = false;
}

static int need_descriptor(struct imap_session *s)
{
	struct imap_fetch *f = s->fetch;
	vx_slice octets;
	int rc;

	if (f->have_descriptor)
		return VX_OK;
	rc = need_view(s);
	if (rc == VX_OK)
		rc = vx_descriptor_get(f->view, f->records[f->at].blob, &octets);
	if (rc == VX_OK)
		rc = vx_descriptor_open(octets, &f->descriptor);
	f->have_descriptor = rc == VX_OK;
	return rc;
}

/* --- cold octets ----------------------------------------------------------------- */

struct cold {
	struct vx_blob_reader *reader; /* taken from the iterator meanwhile */
	uint64_t offset, end;
	/* to be measured: how long, and what, the part is when it is decoded */
	bool measure, has_nul;
	struct vx_transfer transfer;
	uint64_t decoded;
	struct vx_buf piece;
};

static void cold_release(struct imap_task *t)
{
	struct cold *c = t->data;

	vx_blob_close(c->reader);
	vx_buf_done(&c->piece);
	vx_free(c);
}

static void count_piece(struct cold *c)
{
	c->decoded += c->piece.len;
	if (c->piece.len > 0 && memchr(c->piece.ptr, '\0', c->piece.len) != NULL)
		c->has_nul = true;
	vx_buf_reset(&c->piece);
}

static int cold_measure(struct cold *c)
{
	vx_slice piece;
	int rc = VX_OK;

	while (rc == VX_OK && c->offset < c->end) {
		rc = vx_blob_read(c->reader, c->offset,
		    c->end - c->offset < PIECE ? (size_t)(c->end - c->offset) : PIECE,
		    &piece);
		if (rc == VX_WAIT) {
			rc = vx_blob_fetch(c->reader, c->offset, PIECE);
			continue;
		}
		if (rc != VX_OK || piece.len == 0)
			break;
		vx_transfer_add(&c->transfer, piece, &c->piece);
		if (c->piece.failed)
			return VX_ENOMEM;
		count_piece(c);
		c->offset += piece.len;
	}
	vx_transfer_end(&c->transfer, &c->piece);
	count_piece(c);
	return rc;
}

static void cold_run(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct cold *c = t->data;

	t->result =
	    c->measure ? cold_measure(c) : vx_blob_fetch(c->reader, c->offset, PIECE);
}

static int cold_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	struct cold *c = t->data;

	(void)out;
	f->reader = c->reader;
	c->reader = NULL;
	s->busy = IMAP_ANSWERING;
	f->cold_failed = t->result;
	if (c->measure && t->result == VX_OK) {
		f->measured = true;
		f->decoded = c->decoded;
		f->has_nul = c->has_nul;
	}
	return VX_OK;
}

/*
 * Bring octets from the disk, or (transfer) find out what [offset, end) is when it is
 * decoded: VX_WAIT, or below 0.
 */
static int fetch_cold(struct imap_session *s, uint64_t offset, uint64_t end,
    const struct vx_transfer *transfer)
{
	struct imap_fetch *f = s->fetch;
	struct imap_task *t;
	struct cold *c;

	if (f->cold_failed != VX_OK)
		return f->cold_failed;
	t = imap_task_new(s, cold_finish);
	c = vx_alloc(sizeof(*c));
	if (t == NULL || c == NULL) {
		imap_task_free(t);
		vx_free(c);
		return VX_ENOMEM;
	}
	*c = (struct cold){ .reader = f->reader,
		.offset = offset,
		.end = end,
		.piece = { .max = 2 * PIECE } };
	if (transfer != NULL) {
		c->measure = true;
		c->transfer = *transfer;
	}
	f->reader = NULL;
	t->data = c;
	t->release = cold_release;
	return imap_submit_job_quiet(s, t, cold_run) == VX_WAIT ? VX_WAIT : VX_ETEMP;
}

static int need_reader(struct imap_session *s)
{
	struct imap_fetch *f = s->fetch;

	if (f->reader != NULL)
		return VX_OK;
	return vx_blob_open(s->service->o.store, f->records[f->at].blob, &f->reader);
}

/* Octets [offset, end) into raw; goes on where it was when called again. */
static int gather(struct imap_session *s, uint64_t offset, uint64_t end)
{
	struct imap_fetch *f = s->fetch;
	int rc = need_reader(s);

	while (rc == VX_OK && offset + f->raw.len < end) {
		const uint64_t at = offset + f->raw.len;
		vx_slice piece;

		rc = vx_blob_read(
		    f->reader, at, end - at < PIECE ? (size_t)(end - at) : PIECE, &piece);
		if (rc == VX_WAIT)
			return fetch_cold(s, at, end, NULL);
		if (rc == VX_OK && piece.len == 0)
			rc = VX_ECORRUPT;
		if (rc == VX_OK)
			vx_buf_add(&f->raw, piece);
		if (f->raw.failed)
			rc = VX_ELIMIT;
	}
	return rc;
}

/* Octets of a BINARY part, decoded: what was asked for of them goes to out. */
static int write_decoded(struct imap_fetch *f, struct vx_buf *out)
{
	const vx_slice all = vx_buf_slice(&f->text);
	const size_t skip = f->skip < all.len ? (size_t)f->skip : all.len;
	const vx_slice rest = vx_slice_from(all, skip);
	const vx_slice part =
	    vx_slice_head(rest, f->left < rest.len ? (size_t)f->left : rest.len);

	if (f->text.failed)
		return VX_ENOMEM;
	vx_buf_add(out, part);
	f->skip -= skip;
	f->left -= part.len;
	vx_buf_reset(&f->text);
	return VX_OK;
}

static int stream_piece(struct imap_fetch *f, vx_slice piece, struct vx_buf *out)
{
	f->stream += piece.len;
	if (!f->measured) {
		vx_buf_add(out, piece);
		return VX_OK;
	}
	vx_transfer_add(&f->transfer, piece, &f->text);
	if (f->stream == f->stream_end)
		vx_transfer_end(&f->transfer, &f->text);
	return write_decoded(f, out);
}

static void log_unread(const struct imap_session *s, int rc)
{
	vx_log(s->service->o.log, VX_LOG_ERROR, "message not read",
	    VX_KV_U("account", s->view.account),
	    VX_KV_U("uid", s->fetch->records[s->fetch->at].uid), VX_KV_ERR(rc));
}

int imap_fetch_stream(struct imap_session *s, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	int rc = VX_OK;

	while (f->stream < f->stream_end && !(f->measured && f->left == 0)) {
		const uint64_t left = f->stream_end - f->stream;
		vx_slice piece;

		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		if (imap_tired(s))
			return VX_OK;
		rc = vx_blob_read(
		    f->reader, f->stream, left < PIECE ? (size_t)left : PIECE, &piece);
		if (rc == VX_WAIT)
			return fetch_cold(s, f->stream, f->stream_end, NULL);
		if (rc == VX_OK && piece.len == 0)
			rc = VX_ECORRUPT;
		if (rc == VX_OK)
			rc = stream_piece(f, piece, out);
		if (rc != VX_OK) {
			log_unread(s, rc);
			return rc;
		}
	}
	f->streaming = f->measured = false;
	return VX_OK;
}

/* --- items ----------------------------------------------------------------------- */

static void name_item(struct imap_fetch *f, struct vx_buf *out, const char *name)
{
	if (!f->first)
		vx_buf_add_char(out, ' ');
	f->first = false;
	vx_buf_add_str(out, name);
}

/* "BODY[1.2.HEADER]<0> ", "RFC822 ", "BINARY[1] " */
static void name_section(
    struct imap_fetch *f, const struct vx_imap_item *it, struct vx_buf *out)
{
	static const char *const names[] = { [VX_ITEM_SECTION] = "BODY",
		[VX_ITEM_BINARY] = "BINARY",
		[VX_ITEM_BINARY_SIZE] = "BINARY.SIZE" };

	if (it->legacy != NULL) {
		name_item(f, out, it->legacy);
	} else {
		name_item(f, out, names[it->type]);
		vx_buf_add_char(out, '[');
		vx_buf_add(out, it->section_text);
		vx_buf_add_char(out, ']');
		if (it->partial)
			vx_buf_printf(out, "<%" PRIu64 ">", it->offset);
	}
	vx_buf_add_char(out, ' ');
}

static void clip(const struct vx_imap_item *it, uint64_t *first, uint64_t *end)
{
	const uint64_t size = *end - *first;

	if (!it->partial)
		return;
	*first += it->offset < size ? it->offset : size;
	if (it->length < *end - *first)
		*end = *first + it->length;
}

static void write_text(
    struct imap_fetch *f, const struct vx_imap_item *it, struct vx_buf *out)
{
	uint64_t first = 0, end = f->text.len;
	vx_slice text;

	clip(it, &first, &end);
	text = vx_slice_of(f->text.ptr + first, (size_t)(end - first));
	name_section(f, it, out);
	vx_buf_printf(out, "{%zu}\r\n", text.len);
	vx_buf_add(out, text);
}

/* Which octets of the message the section is. */
static int locate(
    struct imap_session *s, const struct vx_imap_item *it, struct vx_octet_range *r)
{
	struct imap_fetch *f = s->fetch;
	size_t count;
	int rc;

	if (it->section.part_count == 0 && it->section.text == VX_SECTION_ALL) {
		rc = need_reader(s);
		if (rc == VX_OK)
			*r = (struct vx_octet_range){ 0, vx_blob_size(f->reader) };
		return rc;
	}
	rc = need_descriptor(s);
	return rc == VX_OK
		   ? vx_imap_section_ranges(&f->descriptor, &it->section, r, 1, &count)
		   : rc;
}

static int write_fields(struct imap_session *s, const struct vx_imap_item *it,
    const struct vx_octet_range *r, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	const int rc = gather(s, r->first, r->end);

	if (rc != VX_OK)
		return rc;
	vx_imap_select_fields(vx_buf_slice(&f->raw), &it->section, &f->text);
	if (f->text.failed)
		return VX_ELIMIT;
	write_text(f, it, out);
	return VX_OK;
}

static int write_section(
    struct imap_session *s, const struct vx_imap_item *it, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	struct vx_octet_range r;
	int rc = locate(s, it, &r);

	if (rc == VX_OK && (it->section.text == VX_SECTION_FIELDS ||
			       it->section.text == VX_SECTION_FIELDS_NOT))
		return write_fields(s, it, &r, out);
	if (rc == VX_OK)
		rc = need_reader(s);
	if (rc == VX_OK && r.end > vx_blob_size(f->reader))
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	clip(it, &r.first, &r.end);
	name_section(f, it, out);
	vx_buf_printf(out, "{%" PRIu64 "}\r\n", r.end - r.first);
	f->stream = r.first;
	f->stream_end = r.end;
	f->streaming = true;
	/* small ones go with the rest; large ones straight to the connection's buffer */
	if (r.end - r.first > IMAP_INLINE_MAX)
		return VX_DATA;
	rc = imap_fetch_stream(s, out);
	return rc == VX_OK && f->streaming ? VX_DATA : rc;
}

static bool known_encoding(vx_slice e)
{
	static const char *const known[] = { "7bit", "8bit", "binary", "base64",
		"quoted-printable" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (vx_slice_eq_nocase(e, vx_slice_str(known[i])))
			return true;
	return e.len == 0;
}

/* How the part was encoded; VX_EUNSUP: it cannot be undone (RFC 3516 4.3). */
static int part_encoding(
    struct imap_session *s, const struct vx_imap_item *it, struct vx_transfer *out)
{
	struct imap_fetch *f = s->fetch;
	struct vx_part p;
	int rc = need_descriptor(s);

	*out = (struct vx_transfer){ .kind = VX_TRANSFER_PLAIN };
	if (rc == VX_OK && it->section.part_count > 0) {
		rc = vx_imap_section_part(&f->descriptor, &it->section, &p);
		if (rc == VX_OK && !known_encoding(p.encoding))
			rc = VX_EUNSUP;
		if (rc == VX_OK)
			out->kind = vx_transfer_find(p.encoding);
	}
	return rc;
}

/* The part is read twice: how long it is must be told before its octets. */
static int write_binary(
    struct imap_session *s, const struct vx_imap_item *it, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	uint64_t first = 0, end;
	struct vx_octet_range r;
	int rc = locate(s, it, &r);

	if (rc == VX_OK)
		rc = part_encoding(s, it, &f->transfer);
	if (rc == VX_OK)
		rc = need_reader(s);
	if (rc != VX_OK)
		return rc;
	if (!f->measured)
		return fetch_cold(s, r.first, r.end, &f->transfer);
	name_section(f, it, out);
	if (it->type == VX_ITEM_BINARY_SIZE) {
		f->measured = false;
		vx_buf_add_number(out, f->decoded);
		return VX_OK;
	}
	end = f->decoded;
	clip(it, &first, &end);
	if (f->has_nul)
		vx_buf_add_char(out, '~');
	vx_buf_printf(out, "{%" PRIu64 "}\r\n", end - first);
	f->skip = first;
	f->left = end - first;
	f->stream = r.first;
	f->stream_end = r.end;
	f->streaming = true;
	return VX_DATA;
}

static void write_flags(
    struct imap_session *s, const struct vx_record *r, struct vx_buf *out)
{
	if (need_view(s) != VX_OK)
		return;
	name_item(s->fetch, out, "FLAGS ");
	vx_imap_write_flags(out, r->flags, s->fetch->names);
}

static int write_described(
    struct imap_session *s, const struct vx_imap_item *it, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	const bool extensible = it->type == VX_ITEM_BODYSTRUCTURE;
	size_t before;
	int rc = need_descriptor(s);

	name_item(f, out,
	    it->type == VX_ITEM_ENVELOPE ? "ENVELOPE "
	    : extensible                 ? "BODYSTRUCTURE "
					 : "BODY ");
	before = out->len;
	if (rc == VX_OK)
		rc = it->type == VX_ITEM_ENVELOPE
			 ? vx_imap_write_envelope(out, &f->descriptor, imap_utf8(s))
			 : vx_imap_write_structure(
			       out, &f->descriptor, extensible, imap_utf8(s));
	if (rc !=
	    VX_OK) { /* the item's name stands there: NIL keeps the answer readable */
		vx_buf_truncate(out, before);
		vx_buf_add_str(out, "NIL");
		f->failed = rc;
	}
	return VX_OK;
}

static int write_preview(struct imap_session *s, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	const int rc = need_descriptor(s);

	name_item(f, out, "PREVIEW ");
	if (rc != VX_OK)
		f->failed = rc;
	/* never NIL: it is at hand (RFC 8970 3.2) */
	vx_imap_write_string(out,
	    rc == VX_OK && f->descriptor.preview.ptr != NULL ? f->descriptor.preview
							     : VX_S(""),
	    imap_utf8(s));
	return VX_OK;
}

/* Of RFC 8514 and 8474.  Threads of more than one mailbox are not known. */
static int write_facts(struct imap_session *s, const struct vx_imap_item *it,
    const struct vx_record *r, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;

	if (it->type == VX_ITEM_SAVEDATE) {
		name_item(f, out, "SAVEDATE \"");
		vx_date_imap_write(out, r->saved_date);
		vx_buf_add_char(out, '"');
	} else if (it->type == VX_ITEM_EMAILID) {
		name_item(f, out, "EMAILID (");
		vx_imap_write_email_id(out, r->blob);
		vx_buf_add_char(out, ')');
	} else {
		name_item(f, out, "THREADID NIL");
	}
	return VX_OK;
}

static int write_item(
    struct imap_session *s, const struct vx_imap_item *it, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	const struct vx_record *r = &f->records[f->at];

	switch (it->type) {
	case VX_ITEM_FLAGS:
		write_flags(s, r, out);
		return VX_OK;
	case VX_ITEM_UID:
		name_item(f, out, "UID ");
		vx_buf_add_number(out, r->uid);
		return VX_OK;
	case VX_ITEM_INTERNALDATE:
		name_item(f, out, "INTERNALDATE \"");
		vx_date_imap_write(out, r->internal_date);
		vx_buf_add_char(out, '"');
		return VX_OK;
	case VX_ITEM_SIZE:
		name_item(f, out, "RFC822.SIZE ");
		vx_buf_add_number(
		    out, r->size == UINT32_MAX && need_descriptor(s) == VX_OK
			     ? f->descriptor.size
			     : r->size);
		return VX_OK;
	case VX_ITEM_MODSEQ:
		name_item(f, out, "MODSEQ ");
		vx_buf_printf(out, "(%" PRIu64 ")", r->modseq);
		return VX_OK;
	case VX_ITEM_PREVIEW:
		return write_preview(s, out);
	case VX_ITEM_SAVEDATE:
	case VX_ITEM_EMAILID:
	case VX_ITEM_THREADID:
		return write_facts(s, it, r, out);
	case VX_ITEM_ENVELOPE:
	case VX_ITEM_BODY:
	case VX_ITEM_BODYSTRUCTURE:
		return write_described(s, it, out);
	case VX_ITEM_SECTION:
		return write_section(s, it, out);
	case VX_ITEM_BINARY:
	case VX_ITEM_BINARY_SIZE:
		return write_binary(s, it, out);
	}
	return VX_ESTATE;
}

/* An item that is not there, or that cannot be read, is NIL. */
static void write_nil(
    struct imap_session *s, const struct vx_imap_item *it, int rc, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;

	name_section(f, it, out);
	vx_buf_add_str(out, it->type == VX_ITEM_BINARY_SIZE ? "0" : "NIL");
	if (rc == VX_ENOENT)
		return;
	f->failed = rc;
	if (rc != VX_EUNSUP)
		log_unread(s, rc);
}

/* --- messages -------------------------------------------------------------------- */

bool imap_fetch_asks(const struct imap_fetch *f, enum vx_imap_item_type type)
{
	for (size_t i = 0; i < f->what.count; i++)
		if (f->what.items[i].type == type)
			return true;
	return false;
}

static void write_extras(
    struct imap_session *s, const struct vx_record *r, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;

	const bool seen = f->seen_modseq > 0 && r->modseq >= f->seen_modseq;
	const bool aware = seen && s->enabled[IMAP_CONDSTORE]; /* RFC 7162 3.2.4 */

	if (seen && !imap_fetch_asks(f, VX_ITEM_FLAGS))
		write_flags(s, r, out);
	if (aware && !f->want_uid && !imap_fetch_asks(f, VX_ITEM_UID) &&
	    !s->enabled[IMAP_UIDONLY]) {
		name_item(f, out, "UID ");
		vx_buf_add_number(out, r->uid);
	}
	if (f->want_modseq || (aware && !imap_fetch_asks(f, VX_ITEM_MODSEQ))) {
		name_item(f, out, "MODSEQ ");
		vx_buf_printf(out, "(%" PRIu64 ")", r->modseq);
	}
}

/* VX_OK: the message is written; VX_DATA: there is more of it; VX_WAIT; below 0: close.
 */
static int write_message(struct imap_session *s, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	const struct vx_record *r = &f->records[f->at];
	const uint32_t seq = vx_snapshot_seq(s->view.snapshot, r->uid);

	if (seq == 0)
		return VX_OK; /* the client was not told of it */
	if (!f->open) {
		imap_open_fetch(s, out, seq, r->uid);
		f->open = f->first = true;
		if (f->want_uid && !s->enabled[IMAP_UIDONLY]) {
			name_item(f, out, "UID ");
			vx_buf_add_number(out, r->uid);
		}
	}
	while (f->item < f->what.count) {
		const struct vx_imap_item *it = &f->what.items[f->item];
		int rc;

		if (imap_full(s, out))
			return VX_DATA;
		rc = write_item(s, it, out);
		if (rc == VX_WAIT && !f->streaming)
			return rc; /* the item again when the octets are there */
		if (rc < 0 && f->streaming)
			return rc;
		if (rc < 0)
			write_nil(s, it, rc, out);
		f->item++;
		vx_buf_reset(&f->raw);
		vx_buf_reset(&f->text);
		f->cold_failed = VX_OK;
		if (rc == VX_WAIT || rc == VX_DATA)
			return rc; /* the octets after the item's name are streaming */
	}
	write_extras(s, r, out);
	vx_buf_add_str(out, ")\r\n");
	f->written++;
	return VX_OK;
}

/* The next records: VX_OK, or VX_DONE. */
int imap_fetch_load(struct imap_session *s)
{
	struct imap_fetch *f = s->fetch;
	int rc = need_view(s);

	f->at = f->count = 0;
	while (rc == VX_OK && f->count == 0 && f->range < f->range_count) {
		const struct vx_uid_range *r = &f->ranges[f->range];
		const struct vx_record_query q = { .account = s->view.account,
			.mailbox = s->view.mailbox,
			.first_uid = f->next_uid != 0 ? f->next_uid : r->first,
			.last_uid = r->last,
			.changed_since = f->what.changed_since };

		rc = vx_records_read(
		    f->view, &q, f->records, IMAP_BATCH, &f->count, &f->next_uid);
		if (rc == VX_OK && imap_fetch_asks(f, VX_ITEM_SAVEDATE))
			rc = vx_records_saved(
			    f->view, q.account, q.mailbox, f->records, f->count);
		if (f->next_uid == 0)
			f->range++;
	}
	return rc == VX_OK && f->count == 0 ? VX_DONE : rc;
}

/* Messages until the step is over: VX_OK: all are written. */
int imap_fetch_messages(struct imap_session *s, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	int rc = VX_OK;

	while (!imap_full(s, out)) {
		if (f->at == f->count) {
			rc = imap_fetch_load(s);
			if (rc != VX_OK) {
				f->failed = rc == VX_DONE ? f->failed : rc;
				return VX_OK;
			}
		}
		rc = write_message(s, out);
		if (rc != VX_OK)
			return rc;
		leave_message(f);
		f->at++;
	}
	return VX_DATA;
}

/* --- without the command --------------------------------------------------------- */

struct imap_fetch *imap_fetch_new(void)
{
	struct imap_fetch *f = vx_alloc(sizeof(*f));

	if (f == NULL)
		return NULL;
	vx_buf_init(&f->raw, VX_HEADER_OCTETS_MAX * 4);
	vx_buf_init(&f->text, VX_HEADER_OCTETS_MAX * 4);
	return f;
}

int imap_fetch_begin(struct imap_session *s, const struct vx_imap_fetch *what,
    const struct vx_uid_range *ranges, size_t count)
{
	struct imap_fetch *f = imap_fetch_new();

	if (f == NULL)
		return VX_ENOMEM;
	f->what = *what;
	f->ranges = ranges;
	f->range_count = count;
	f->want_uid = s->enabled[IMAP_CONDSTORE] && !imap_fetch_asks(f, VX_ITEM_UID);
	f->want_modseq =
	    s->enabled[IMAP_CONDSTORE] && !imap_fetch_asks(f, VX_ITEM_MODSEQ);
	s->fetch = f;
	return VX_OK;
}

int imap_fetch_step(struct imap_session *s, struct vx_buf *out)
{
	const int rc = imap_fetch_messages(s, out);

	imap_fetch_end_view(s->fetch);
	if (rc == VX_OK) {
		imap_fetch_free(s->fetch);
		s->fetch = NULL;
	}
	return rc;
}
