/*
 * FETCH: an iterator over records that writes as much as the connection takes.
 *
 * What is in memory is written at once; octets that are not are brought by a job, and the
 * iterator goes on where it stood.
 */
#include "base/mem.h"
#include "mime/transfer.h"
#include "service/imap_int.h"
#include "vectis/date.h"
#include "vectis/header.h"

#include <inttypes.h>
#include <stdio.h>

#define PIECE ((size_t)64 * 1024)

struct imap_fetch {
	struct vx_imap_fetch what; /* in the session's arena, like ranges */
	struct vx_uid_range *ranges;
	size_t range_count, range;
	uint32_t next_uid; /* where to go on in the range; 0: at its beginning */
	bool want_uid, want_modseq;
	bool telling; /* of what went: VANISHED */
	struct imap_vanished vanished;
	bool looking; /* for messages without \Seen, which is set first */
	uint64_t
	    seen_modseq; /* changes from here on were made by \Seen: FLAGS are told */
	uint32_t expected, written;
	int failed;                      /* a message could not be read */
	struct vx_view *view;            /* of the step under way, or NULL */
	vx_slice names[VX_KEYWORDS_MAX]; /* borrowed from view */
	bool have_names;
	struct vx_record records[IMAP_BATCH];
	size_t count, at;
	/* inside a message */
	bool open;                       /* "* n FETCH (" was written */
	bool first;                      /* nothing was written after it */
	size_t item;                     /* the next item */
	struct vx_descriptor descriptor; /* borrowed from view */
	bool have_descriptor;
	struct vx_blob_reader *reader; /* own; a job has it while it is under way */
	struct vx_buf raw;  /* octets of a header or part that are gathered first */
	struct vx_buf text; /* what was made of them */
	struct vx_transfer
	    transfer;     /* how a BINARY part is decoded while it is written */
	bool measured;    /* octets and has_nul tell of the decoded part */
	uint64_t decoded; /* octets */
	bool has_nul;
	uint64_t skip, left; /* decoded octets to pass over, and then to write */
	int cold_failed;     /* what a job said: not asked again */
	bool streaming; /* octets [stream, stream_end) of the body are being written */
	uint64_t stream, stream_end;
};

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

static void end_view(struct imap_fetch *f)
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
			 ? vx_imap_write_envelope(
			       out, &f->descriptor, s->enabled[IMAP_REV2])
			 : vx_imap_write_structure(
			       out, &f->descriptor, extensible, s->enabled[IMAP_REV2]);
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
	    s->enabled[IMAP_REV2]);
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

static bool asks(const struct imap_fetch *f, enum vx_imap_item_type type)
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

	if (seen && !asks(f, VX_ITEM_FLAGS))
		write_flags(s, r, out);
	if (aware && !f->want_uid && !asks(f, VX_ITEM_UID)) {
		name_item(f, out, "UID ");
		vx_buf_add_number(out, r->uid);
	}
	if (f->want_modseq || (aware && !asks(f, VX_ITEM_MODSEQ))) {
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
		vx_buf_add_str(out, "* ");
		vx_buf_add_number(out, seq);
		vx_buf_add_str(out, " FETCH (");
		f->open = f->first = true;
		if (f->want_uid) {
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
static int load_batch(struct imap_session *s)
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
		if (rc == VX_OK && asks(f, VX_ITEM_SAVEDATE))
			rc = vx_records_saved(
			    f->view, q.account, q.mailbox, f->records, f->count);
		if (f->next_uid == 0)
			f->range++;
	}
	return rc == VX_OK && f->count == 0 ? VX_DONE : rc;
}

static int tell_result(struct imap_session *s, struct vx_buf *out)
{
	const struct imap_fetch *f = s->fetch;
	const bool gone =
	    !s->by_uid && !f->what.has_changed_since && f->written < f->expected;
	const int rc = f->failed;

	imap_fetch_free(s->fetch);
	s->fetch = NULL;
	if (rc == VX_EUNSUP)
		return imap_no(
		    s, out, "[UNKNOWN-CTE] a part has an unknown transfer encoding");
	if (rc == VX_OK && gone)
		return imap_no(s, out, "[EXPUNGEISSUED] some of the messages are gone");
	return imap_result(s, out, rc, "done");
}

/* Messages until the step is over: VX_OK: all are written. */
static int step(struct imap_session *s, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	int rc = VX_OK;

	while (!imap_full(s, out)) {
		if (f->at == f->count) {
			rc = load_batch(s);
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

static int look_for_unseen(struct imap_session *s, struct vx_buf *out);

static int fetch_body(struct imap_session *s, struct vx_buf *out)
{
	int rc;

	if (s->fetch->telling) {
		rc = imap_vanished_write(s, &s->fetch->vanished, out);
		if (rc != VX_OK)
			return rc;
		s->fetch->telling = false;
	}
	if (s->fetch->looking) {
		rc = look_for_unseen(s, out);
		if (rc != VX_OK)
			return rc;
	}
	rc = step(s, out);
	end_view(s->fetch);
	return rc;
}

/* --- the command ----------------------------------------------------------------- */

static uint32_t count_in(struct imap_session *s, const struct vx_uid_range *r, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += vx_snapshot_rank(s->view.snapshot, r[i].last) -
		       vx_snapshot_rank(s->view.snapshot, r[i].first - 1);
	return sum;
}

/* Keep only the messages at these places of ranges (RFC 9394 3.3); how many ranges. */
static size_t keep_places(const struct imap_session *s, const struct vx_imap_partial *p,
    struct vx_uid_range *r, size_t count, uint32_t total)
{
	const struct vx_snapshot *snap = s->view.snapshot;
	uint32_t low = 1, high = 0, passed = 0;
	size_t kept = 0;

	if (!vx_imap_partial_of(p, total, &low, &high))
		return 0;
	for (size_t i = 0; i < count && passed < high; i++) {
		const uint32_t before = vx_snapshot_rank(snap, r[i].first - 1);
		const uint32_t n = vx_snapshot_rank(snap, r[i].last) - before;
		const uint32_t first = low > passed ? low - passed : 1;
		const uint32_t last = high - passed < n ? high - passed : n;

		if (first <= last)
			r[kept++] =
			    (struct vx_uid_range){ vx_snapshot_uid(snap, before + first),
				    vx_snapshot_uid(snap, before + last) };
		passed += n;
	}
	return kept;
}

static bool sets_seen(const struct imap_session *s)
{
	const struct imap_fetch *f = s->fetch;

	for (size_t i = 0; i < f->what.count; i++) {
		const struct vx_imap_item *it = &f->what.items[i];

		if ((it->type == VX_ITEM_SECTION || it->type == VX_ITEM_BINARY) &&
		    !it->peek)
			return !s->view.read_only;
	}
	return false;
}

static int set_seen(struct imap_session *s);

/* Is there a message without \Seen among them?  Then that is set first. */
static int look_for_unseen(struct imap_session *s, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;
	bool found = false;
	int rc = VX_OK;

	while (!found && rc == VX_OK) {
		if (imap_full(s, out)) {
			end_view(f);
			return VX_DATA;
		}
		rc = load_batch(s);
		for (size_t i = 0; rc == VX_OK && i < f->count; i++)
			found = found || (f->records[i].flags & VX_FLAG_SEEN) == 0;
	}
	end_view(f);
	f->range = f->count = f->at = 0;
	f->next_uid = 0;
	f->looking = false;
	return found ? set_seen(s) : VX_OK;
}

static int seen_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_fetch *f = s->fetch;

	(void)out;
	if (t->result != VX_OK && t->result != VX_ENOENT)
		vx_log(s->service->o.log, VX_LOG_WARN, "\\Seen not set",
		    VX_KV_U("account", s->view.account), VX_KV_ERR(t->result));
	if (f->seen_modseq == 0)
		f->seen_modseq = t->u.flags.modseq;
	imap_view_silence(s, t->u.flags.modseq); /* the answers have FLAGS */
	if (t->result == VX_OK && t->u.flags.next_uid != 0) {
		t->u.flags.from_uid = t->u.flags.next_uid;
		if (imap_submit_quiet(s, t) == VX_WAIT)
			return VX_WAIT;
	}
	s->busy = IMAP_ANSWERING;
	return VX_OK;
}

/* \Seen first, so that what is answered is what is there (RFC 9051 6.4.5). */
static int set_seen(struct imap_session *s)
{
	struct imap_fetch *f = s->fetch;
	struct imap_task *t = imap_task_new(s, seen_finish);
	struct vx_uid_range *uids =
	    t == NULL ? NULL : vx_arena_array(&t->arena, f->range_count, sizeof(*uids));

	if (uids == NULL) {
		imap_task_free(t);
		return VX_OK; /* no reason not to show the messages */
	}
	vx_flags_op_init(&t->u.flags);
	t->u.flags.account = s->view.account;
	t->u.flags.mailbox = s->view.mailbox;
	memcpy(uids, f->ranges, f->range_count * sizeof(*uids));
	t->u.flags.uids = uids;
	t->u.flags.range_count = f->range_count;
	t->u.flags.change = VX_FLAGS_ADD;
	t->u.flags.flags = VX_FLAG_SEEN;
	return imap_submit_quiet(s, t) == VX_WAIT ? VX_WAIT : VX_OK;
}

int imap_cmd_fetch(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	const struct vx_cursor set = *c;
	struct vx_uid_range *ranges;
	size_t count;
	struct imap_fetch *f;
	int rc = VX_OK;

	if (imap_view_set(s, c, &s->arena, out, &ranges, &count) != VX_OK)
		return VX_OK;
	f = vx_alloc(sizeof(*f));
	if (f == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	vx_buf_init(&f->raw, VX_HEADER_OCTETS_MAX * 4);
	vx_buf_init(&f->text, VX_HEADER_OCTETS_MAX * 4);
	if (!vx_imap_sp(c) || !vx_imap_fetch_items(c, &s->arena, &f->what) ||
	    (f->what.partial && !s->by_uid) ||
	    (f->what.vanished && (!s->by_uid || !s->enabled[IMAP_QRESYNC]))) {
		imap_fetch_free(f);
		return imap_bad(s, out, "the items of FETCH are not understood");
	}
	f->telling = f->what.vanished;
	if (f->telling)
		rc = imap_vanished_fetch(s, &f->vanished, set, f->what.changed_since);
	if (rc != VX_OK) {
		imap_fetch_free(f);
		return imap_result(s, out, rc, "");
	}
	f->ranges = ranges;
	f->range_count = count;
	f->expected = count_in(s, ranges, count);
	if (f->what.partial)
		f->range_count =
		    keep_places(s, &f->what.places, ranges, count, f->expected);
	f->want_uid = s->by_uid && !asks(f, VX_ITEM_UID);
	if (f->what.has_changed_since || asks(f, VX_ITEM_MODSEQ))
		imap_enable_condstore(s, out);
	f->want_modseq = f->what.has_changed_since && !asks(f, VX_ITEM_MODSEQ);
	s->fetch = f;
	f->looking = sets_seen(s);
	return imap_answer(s, &(struct imap_answer){ .body = fetch_body,
				  .sync = true,
				  .expunges = s->by_uid,
				  .tail = tell_result });
}
