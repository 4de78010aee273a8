/*
 * The header of a message that a user sends.  It is kept until it is complete: its
 * authors have to be the login's, what a message must have is added, what must not leave
 * is taken out.  Then it goes the way of all others, and the body behind it as it comes.
 */
#include "service/smtp_submit.h"

#include "base/encode.h"
#include "service/smtp_header.h"
#include "vectis/address.h"
#include "vectis/auth_results.h"
#include "vectis/crypto.h"
#include "vectis/date.h"
#include "vectis/dkim.h"
#include "vectis/header.h"

struct seen {
	bool date, message_id;
	unsigned from;
	vx_slice domain; /* of the first author, in the arena */
	bool foreign;    /* an author is not the login */
	bool suspended;  /* meanwhile */
	struct vx_buf
	    unverified; /* own: the first domain of ours that may not send; "" */
};

static void write_address(const struct vx_address *a, struct vx_buf *out)
{
	vx_buf_printf(out, "%.*s@%.*s", (int)a->local.len,
	    a->local.len > 0 ? a->local.ptr : "", (int)a->domain.len,
	    a->domain.len > 0 ? a->domain.ptr : "");
}

/* Each author has to be one whose name the login may use (OUT-02). */
static int see_from(struct smtp_session *s, vx_slice value, struct seen *seen)
{
	struct smtp_txn *t = s->txn;
	struct vx_address *a;
	enum smtp_may may;
	int rc = vx_address_parse(value, &t->arena, &a);

	seen->from++;
	if (rc == VX_ELIMIT) { /* some are not known, and may be anybody */
		seen->foreign = true;
		return VX_OK;
	}
	for (; a != NULL && rc == VX_OK && !seen->foreign; a = a->next) {
		struct vx_buf address = { .max = VX_SMTP_PATH_MAX };

		if (a->kind != VX_ADDRESS_MAILBOX)
			continue;
		write_address(a, &address);
		may = vx_smtp_may_send_as(s, vx_buf_slice(&address), &seen->unverified);
		seen->foreign = seen->foreign || may != SMTP_MAY;
		seen->suspended = seen->suspended || may == SMTP_SUSPENDED;
		if (seen->domain.len == 0) {
			vx_buf_reset(&address);
			rc = vx_domain_normalise(a->domain, &address);
			if (rc == VX_OK)
				rc = vx_arena_copy(
				    &t->arena, vx_buf_slice(&address), &seen->domain);
			else
				seen->foreign = true;
			rc = rc == VX_EINVAL ? VX_OK : rc;
		}
		vx_buf_done(&address);
	}
	return rc;
}

/* Who sends for the author may be anybody, but in no domain that may not send yet. */
static int see_sender(struct smtp_session *s, vx_slice value, struct seen *seen)
{
	struct vx_address *a;
	struct vx_view *v;
	int rc = vx_address_parse(value, &s->txn->arena, &a);

	if (rc == VX_ELIMIT) { /* a thousand senders: nobody's mail */
		seen->foreign = true;
		return VX_OK;
	}
	if (rc == VX_OK)
		rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return rc;
	for (; a != NULL && seen->unverified.len == 0; a = a->next)
		if (a->kind == VX_ADDRESS_MAILBOX)
			(void)vx_smtp_is_unverified(v, a->domain, &seen->unverified);
	vx_view_end(v);
	return VX_OK;
}

/* What the sender must not tell, what final delivery writes, and our own verdicts. */
static bool must_go(const struct smtp_session *s, const struct vx_field *f)
{
	const vx_slice id = vx_slice_str(s->service->o.hostname);

	return vx_slice_eq_nocase(f->name, VX_S("Bcc")) ||
	       vx_slice_eq_nocase(f->name, VX_S("Resent-Bcc")) ||
	       vx_slice_eq_nocase(f->name, VX_S("Return-Path")) ||
	       (vx_slice_eq_nocase(f->name, VX_S("Authentication-Results")) &&
		   vx_auth_results_claims(f->value, &id, 1));
}

static void see_other(vx_slice name, struct seen *seen)
{
	if (vx_slice_eq_nocase(name, VX_S("Date")))
		seen->date = true;
	else if (vx_slice_eq_nocase(name, VX_S("Message-ID")))
		seen->message_id = true;
}

static void add_missing(
    struct smtp_session *s, const struct seen *seen, struct vx_buf *out)
{
	char random[12];

	if (!seen->date) {
		vx_buf_add_str(out, "Date: ");
		vx_date_write(out, s->base.host->loop->now_s(s->base.host->loop), 0);
		vx_buf_add_str(out, "\r\n");
	}
	if (!seen->message_id) {
		vx_random(random, sizeof(random));
		vx_buf_add_str(out, "Message-ID: <");
		vx_hex_add(out, vx_slice_of(random, sizeof(random)));
		vx_buf_printf(out, "@%s>\r\n", s->service->o.hostname);
	}
}

/* The header as it is kept and leaves; lines that are no fields stay as they are. */
static int rewrite(struct smtp_session *s, struct vx_buf *out, struct seen *seen)
{
	struct smtp_txn *t = s->txn;
	vx_slice rest = vx_buf_slice(&t->header);
	struct vx_buf fields = { .max = out->max };
	struct vx_field f;
	int rc = VX_OK;

	while (rc == VX_OK && vx_field_next(&rest, &f)) {
		if (vx_slice_eq_nocase(f.name, VX_S("From")))
			rc = see_from(s, f.value, seen);
		else if (vx_slice_eq_nocase(f.name, VX_S("Sender")))
			rc = see_sender(s, f.value, seen);
		see_other(f.name, seen);
		vx_smtp_header_see(t, &f);
		if (!must_go(s, &f))
			vx_buf_add(&fields, f.whole);
	}
	add_missing(s, seen, out);
	vx_buf_add(out, vx_buf_slice(&fields));
	if (vx_smtp_header_has_end(vx_buf_slice(&t->header)))
		vx_buf_add_str(out, "\r\n");
	rc = rc == VX_OK && (fields.failed || out->failed) ? VX_ELIMIT : rc;
	vx_buf_done(&fields);
	return rc;
}

static const char *unverified(struct smtp_txn *t, const struct seen *seen)
{
	char reason[VX_SMTP_UNVERIFIED_MAX];
	const char *kept;

	vx_smtp_unverified_reason(&seen->unverified, reason);
	kept = vx_arena_dup(&t->arena, vx_slice_str(reason));
	return kept != NULL ? kept : "the domain of the message is not verified";
}

static const char *objection(struct smtp_txn *t, const struct seen *seen)
{
	if (seen->from == 0)
		return "the message has no From field";
	if (seen->from > 1)
		return "the message has several From fields";
	if (seen->suspended)
		return "sending is suspended for this mailbox: ask your administrator";
	if (seen->unverified.len > 0)
		return unverified(t, seen);
	if (seen->foreign || seen->domain.len == 0)
		return "the From field is not this login's";
	return NULL;
}

static int add_header(struct smtp_txn *t, vx_slice header)
{
	int rc = VX_OK;

	if (t->objection == NULL && t->groups != NULL)
		rc = vx_own_sign_begin(
		    &t->service->keys, t->author_domain, header, &t->signing);
	if (rc == VX_OK && t->groups != NULL)
		vx_smtp_scan_add(&t->scan, header);
	return rc == VX_OK ? vx_blob_writer_add(t->writer, header) : rc;
}

static int add_octets(struct smtp_txn *t, vx_slice octets)
{
	int rc = vx_own_sign_body(t->signing, octets);

	if (t->groups != NULL)
		vx_smtp_scan_add(&t->scan, octets);
	return rc == VX_OK ? vx_blob_writer_add(t->writer, octets) : rc;
}

/* --- the domain's footer (OUT-14) ----------------------------------------------------
 */

/* What leaves the domain is held until it has its footer, where there is one. */
static int find_footer(struct smtp_txn *t)
{
	struct vx_footer f;
	struct vx_view *v;
	int rc;

	if (!t->leaves)
		return VX_OK;
	rc = vx_view_begin(t->service->o.store, &v);
	if (rc != VX_OK)
		return rc;
	rc = vx_directory_footer(v, t->author_domain, &f);
	t->holds = rc == VX_OK;
	if (rc == VX_OK)
		rc = vx_arena_copy(&t->arena, f.text, &t->footer.text);
	if (rc == VX_OK)
		rc = vx_arena_copy(&t->arena, f.html, &t->footer.html);
	vx_view_end(v);
	vx_buf_init(&t->held, VX_FOOTER_HELD_MAX + 2 * (size_t)VX_DKIM_HEADER_OCTETS_MAX +
				  VX_SMTP_CONTENT_MAX);
	return rc == VX_ENOENT || rc == VX_EINVAL ? VX_OK : rc;
}

/* Let go what is held, with the footer or, where it has no place, without. */
static int release(struct smtp_txn *t, bool whole)
{
	const vx_slice held = vx_buf_slice(&t->held);
	struct vx_buf out = { .max = 8 * VX_FOOTER_HELD_MAX };
	int rc = vx_footer_add(held, whole, &t->footer, &out), waits;
	const vx_slice message = rc == VX_OK ? vx_buf_slice(&out) : held;
	size_t end = vx_slice_find_slice(message, VX_S("\r\n\r\n")) + 4;

	t->holds = false;
	vx_log(t->service->o.log, VX_LOG_INFO,
	    rc == VX_OK ? "footer added" : "footer not added", VX_KV_Z("id", t->id));
	if (vx_slice_has_prefix(message, VX_S("\r\n")))
		end = 2;
	rc = waits = add_header(t, vx_slice_head(message, end));
	if (rc >= VX_OK && end < message.len)
		rc = add_octets(t, vx_slice_from(message, end));
	vx_buf_done(&out);
	vx_buf_done(&t->held);
	return rc == VX_OK ? waits : rc;
}

static int hold(struct smtp_txn *t, vx_slice octets)
{
	vx_buf_add(&t->held, octets);
	if (t->held.failed)
		return VX_ENOMEM;
	return t->held.len > VX_FOOTER_HELD_MAX ? release(t, false) : VX_OK;
}

/* The header is whole: look at it, and let it go on. */
static int end_header(struct smtp_session *s)
{
	struct smtp_txn *t = s->txn;
	struct vx_buf out = { .max = 2 * VX_DKIM_HEADER_OCTETS_MAX };
	struct seen seen = { .unverified = { .max = VX_DNS_NAME_MAX } };
	int rc = rewrite(s, &out, &seen);

	t->header_done = true;
	vx_buf_done(&t->header);
	if (rc == VX_OK)
		t->objection = objection(t, &seen);
	vx_buf_done(&seen.unverified);
	if (rc == VX_OK && t->objection == NULL)
		rc = vx_smtp_list_header(s, vx_buf_slice(&out));
	t->author_domain = seen.domain;
	if (rc == VX_OK && t->objection == NULL)
		rc = find_footer(t);
	if (rc == VX_OK)
		rc = t->holds ? hold(t, vx_buf_slice(&out))
			      : add_header(t, vx_buf_slice(&out));
	vx_buf_done(&out);
	return rc;
}

static int add_body(struct smtp_txn *t, vx_slice octets)
{
	return t->holds ? hold(t, octets) : add_octets(t, octets);
}

int vx_smtp_submit_take(struct smtp_session *s, vx_slice octets)
{
	struct smtp_txn *t = s->txn;
	int rc, waits;

	if (t->header_done)
		return add_body(t, octets);
	rc = vx_smtp_header_take(t, &octets);
	if (rc != VX_OK)
		return rc == VX_MORE ? VX_OK : rc;
	waits = rc = end_header(s);
	if (rc < 0 || octets.len == 0)
		return rc;
	/* what waits for the disk waits behind this piece, too */
	rc = add_body(t, octets);
	return rc == VX_OK ? waits : rc;
}

int vx_smtp_submit_end(struct smtp_session *s)
{
	struct smtp_txn *t = s->txn;
	int rc = VX_OK;

	if (t->failed == VX_OK && t->last != '\n') {
		rc = vx_smtp_submit_take(s, VX_S("\r\n"));
		rc = rc == VX_WAIT ? VX_OK : rc;
	}
	if (t->failed == VX_OK && rc == VX_OK && !t->header_done) {
		rc = end_header(s);
		rc = rc == VX_WAIT ? VX_OK : rc;
	}
	if (t->failed == VX_OK && rc == VX_OK && t->holds) {
		rc = release(t, true);
		rc = rc == VX_WAIT ? VX_OK : rc;
	}
	return t->failed != VX_OK ? t->failed : rc;
}
