/*
 * CATENATE: octets of stored messages become part of a new one (RFC 4469).  A job reads a
 * piece, the loop gives it to the message's writer while the next one is read.
 */
#include "service/imap_int.h"

#include "base/mem.h"
#include "imap/respond.h"
#include "imap/url.h"

#include <stdio.h>

#define PIECE ((size_t)256 * 1024)

struct source { /* the data of a task */
	struct vx_blob_reader *reader;
	struct vx_octet_range left;
	const struct vx_imap_item *item; /* in the task's arena */
	bool fields;                     /* HEADER.FIELDS: left is the header */
	struct vx_buf piece;
};

static void release(struct imap_task *t)
{
	struct source *c = t->data;

	vx_blob_close(c->reader);
	vx_buf_done(&c->piece);
	vx_free(c);
}

static int bad_url(struct imap_session *s, vx_slice url, struct vx_buf *out)
{
	bool shown = url.len <= VX_IMAP_URL_MAX;

	for (size_t i = 0; i < url.len; i++)
		shown =
		    shown && url.ptr[i] > ' ' && url.ptr[i] != ']' && url.ptr[i] != 0x7f;
	vx_buf_add(out, s->tag);
	vx_buf_add_str(out, " NO ");
	if (shown) {
		vx_buf_add_str(out, "[BADURL ");
		vx_buf_add(out, url);
		vx_buf_add_str(out, "] ");
	}
	vx_buf_add_str(out, "there is no such message or part\r\n");
	return imap_append_fail(s);
}

/* --- which octets ------------------------------------------------------------------ */

static int mailbox_of(
    struct imap_session *s, const struct vx_imap_url *u, struct imap_place *p)
{
	struct vx_mailbox_info info = { 0 };
	struct vx_view *v;
	vx_slice name;
	size_t slash;
	struct vx_buf whole = { .max = IMAP_NAME_MAX };
	int rc;

	if (u->where == VX_URL_MAILBOX)
		return imap_reach(s, u->mailbox, VX_RIGHT_READ, p);
	if (s->state != IMAP_SELECTED)
		return VX_ENOENT;
	*p = (struct imap_place){ .account = s->view.account,
		.mailbox = s->view.mailbox,
		.rights = s->view.rights };
	if (u->where == VX_URL_SELECTED)
		return VX_OK;
	rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_get(v, p->account, p->mailbox, &info);
	info.account = p->account;
	if (rc == VX_OK)
		rc = imap_shown_name(s, v, &s->arena, &info, &name);
	vx_view_end(v);
	if (rc != VX_OK)
		return rc;
	slash = vx_slice_rfind(name, '/');
	if (slash < name.len)
		vx_buf_add(&whole, vx_slice_head(name, slash + 1));
	vx_buf_add(&whole, u->mailbox);
	rc = whole.failed ? VX_ENOENT
			  : imap_reach(s, vx_buf_slice(&whole), VX_RIGHT_READ, p);
	vx_buf_done(&whole);
	return rc;
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

/* The part's octets in the message, by its descriptor. */
static int locate(struct vx_view *v, uint64_t blob, struct source *c)
{
	struct vx_descriptor d;
	vx_slice octets;
	size_t count;
	int rc = vx_descriptor_get(v, blob, &octets);

	if (rc == VX_OK)
		rc = vx_descriptor_open(octets, &d);
	return rc == VX_OK
		   ? vx_imap_section_ranges(&d, &c->item->section, &c->left, 1, &count)
		   : rc;
}

static int find(struct imap_session *s, const struct vx_imap_url *u, struct vx_view *v,
    const struct imap_place *p, struct source *c)
{
	const struct vx_imap_section *section = &u->item.section;
	const struct vx_record_query q = { .account = p->account,
		.mailbox = p->mailbox,
		.first_uid = u->uid,
		.last_uid = u->uid };
	struct vx_mailbox_status st;
	struct vx_record r;
	uint32_t next;
	size_t count = 0;
	int rc = vx_mailbox_status(v, p->account, p->mailbox, &st);

	if (rc == VX_OK && u->uidvalidity != 0 && u->uidvalidity != st.uidvalidity)
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_records_read(v, &q, &r, 1, &count, &next);
	if (rc == VX_OK && count == 0)
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_blob_open(s->service->o.store, r.blob, &c->reader);
	if (rc != VX_OK)
		return rc;
	c->left = (struct vx_octet_range){ 0, vx_blob_size(c->reader) };
	if (section->part_count > 0 || section->text != VX_SECTION_ALL)
		rc = locate(v, r.blob, c);
	if (rc == VX_OK && c->left.end > vx_blob_size(c->reader))
		rc = VX_ECORRUPT;
	c->fields =
	    section->text == VX_SECTION_FIELDS || section->text == VX_SECTION_FIELDS_NOT;
	if (rc == VX_OK && !c->fields)
		clip(c->item, &c->left.first, &c->left.end);
	return rc;
}

/* --- on the job's thread ------------------------------------------------------------ */

static int read_piece(struct source *c, size_t max)
{
	int rc = VX_OK;

	vx_buf_reset(&c->piece);
	while (rc == VX_OK && c->piece.len < max && c->left.first < c->left.end) {
		const uint64_t left = c->left.end - c->left.first;
		const size_t most = max - c->piece.len;
		vx_slice part;

		rc = vx_blob_read(
		    c->reader, c->left.first, left < most ? (size_t)left : most, &part);
		if (rc == VX_WAIT) {
			rc = vx_blob_fetch(c->reader, c->left.first, most);
			continue;
		}
		if (rc == VX_OK && part.len == 0)
			rc = VX_ECORRUPT;
		if (rc != VX_OK)
			break;
		vx_buf_add(&c->piece, part);
		c->left.first += part.len;
	}
	return c->piece.failed ? VX_ENOMEM : rc;
}

/* All of the header, and what was asked for of it. */
static int read_fields(struct source *c)
{
	struct vx_buf text = { .max = VX_HEADER_OCTETS_MAX * 4 };
	uint64_t first = 0, end;
	int rc = read_piece(c, c->piece.max);

	if (rc == VX_OK)
		vx_imap_select_fields(vx_buf_slice(&c->piece), &c->item->section, &text);
	if (rc == VX_OK && text.failed)
		rc = VX_ELIMIT;
	end = text.len;
	clip(c->item, &first, &end);
	vx_buf_reset(&c->piece);
	if (rc == VX_OK)
		vx_buf_add(
		    &c->piece, vx_slice_of(text.ptr + first, (size_t)(end - first)));
	vx_buf_done(&text);
	return c->piece.failed ? VX_ENOMEM : rc;
}

static void run(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct source *c = t->data;

	t->result = c->fields ? read_fields(c) : read_piece(c, PIECE);
}

/* --- on the loop's thread ------------------------------------------------------------
 */

/*
 * All that the URLs of a command copy is as much as a message at most: a short command
 * must not fill the disk before the quota is asked.
 */
static bool fits(struct imap_session *s, uint64_t more)
{
	const uint64_t max = s->service->o.message_octets_max;

	return more <= max && s->append.copied <= max - more &&
	       vx_blob_writer_size(s->writer) <= max - more;
}

static int too_big(struct imap_session *s, struct vx_buf *out)
{
	(void)imap_no(s, out, "[TOOBIG] the message is larger than this server takes");
	return imap_append_fail(s);
}

static int copied(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct source *c = t->data;
	int rc = t->result;

	if (rc == VX_OK && !fits(s, c->piece.len))
		return too_big(s, out);
	s->append.copied += c->piece.len;
	if (rc == VX_OK && c->piece.len > 0)
		rc = vx_blob_writer_add(s->writer, vx_buf_slice(&c->piece));
	if (rc == VX_WAIT) { /* the next piece is read, but waits for the disk */
		s->append_waits = true;
		rc = VX_OK;
	}
	if (rc != VX_OK) {
		(void)imap_result(s, out, rc, "");
		return imap_append_fail(s);
	}
	if (c->left.first == c->left.end)
		return imap_append_go(s, out);
	if (imap_submit_job(s, t, out, run) == VX_WAIT)
		return VX_WAIT;
	return imap_append_fail(s);
}

/* What the URL is, ready to be read: VX_OK, VX_ENOENT, or below 0. */
static int prepare(
    struct imap_session *s, struct imap_task *t, vx_slice url, struct source *c)
{
	struct vx_imap_url *u = vx_arena_alloc(&t->arena, sizeof(*u));
	struct imap_place p;
	struct vx_view *v;
	int rc;

	if (u == NULL)
		return VX_ENOMEM;
	if (!vx_imap_url(url, &t->arena, u))
		return VX_ENOENT;
	c->item = &u->item;
	rc = mailbox_of(s, u, &p);
	if (rc == VX_OK)
		rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return rc == VX_EACCES ? VX_ENOENT : rc;
	rc = find(s, u, v, &p, c);
	vx_view_end(v);
	return rc;
}

int imap_catenate(struct imap_session *s, vx_slice url, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, copied);
	struct source *c = t == NULL ? NULL : vx_alloc(sizeof(*c));
	bool big = false;
	int rc = VX_ENOMEM;

	if (c != NULL) {
		*c = (struct source){ .piece = { .max = VX_HEADER_OCTETS_MAX * 4 } };
		t->data = c;
		t->release = release;
		rc = prepare(s, t, url, c);
	}
	if (rc == VX_OK && !c->fields)
		big = !fits(s, c->left.end - c->left.first);
	if (rc == VX_OK && !big)
		return imap_submit_job(s, t, out, run) == VX_WAIT ? VX_WAIT
								  : imap_append_fail(s);
	imap_task_free(t);
	if (big)
		return too_big(s, out);
	if (rc == VX_ENOENT)
		return bad_url(s, url, out);
	(void)imap_result(s, out, rc, "");
	return imap_append_fail(s);
}
