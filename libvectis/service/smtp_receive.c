#include "service/smtp_receive.h"

#include "base/mem.h"
#include "service/smtp_header.h"
#include "vectis/auth_results.h"
#include "vectis/directory.h"

/* --- the client, and the sender ------------------------------------------------------
 */

/* Something is known now: whoever waits for it goes on. */
static void known(struct smtp_session *s)
{
	if (s->rcpt_waits && vx_smtp_receive_ready(s)) {
		s->answer = ANSWER_RCPT;
		s->base.host->wake(s->base.host);
	}
}

static void peer_known(void *ctx)
{
	struct smtp_session *s = ctx;

	s->found = vx_smtp_peer_check_take(s->peer_check);
	known(s);
}

static void message_known(void *ctx)
{
	struct smtp_txn *t = ctx;
	struct smtp_session *s = t->session;

	if (!t->spf_known) {
		t->spf_known = true;
		known(s);
		return;
	}
	s->answer = ANSWER_CHECKED;
	s->base.host->wake(s->base.host);
}

static bool is_our_domain(struct smtp_session *s, vx_slice domain)
{
	struct vx_domain d;
	struct vx_view *v;
	bool ours = false;

	if (domain.len > 0 && vx_view_begin(s->service->o.store, &v) == VX_OK) {
		ours = vx_directory_domain(v, domain, &d) == VX_OK;
		vx_view_end(v);
	}
	return ours;
}

static vx_slice domain_of(vx_slice path)
{
	return vx_slice_from(path, vx_slice_rfind(path, '@') + 1);
}

int vx_smtp_receive_begin(struct smtp_session *s, struct smtp_txn *t)
{
	bool extended;
	const struct smtp_check_options o = { .service = &s->service->o,
		.address = s->peer.address,
		.helo = vx_smtp_server_helo(s->core, &extended),
		.mail_from = vx_buf_slice(&t->sender),
		.done = message_known,
		.ctx = t };
	int rc = vx_smtp_check_new(&o, &t->check);

	if (rc != VX_OK)
		return rc;
	t->sender_ours = is_our_domain(s, domain_of(vx_buf_slice(&t->sender)));
	if (s->peer_check == NULL && s->found == NULL)
		rc = vx_smtp_peer_check_new(&s->service->o, s->service->lists,
		    s->peer.address, peer_known, s, &s->peer_check);
	if (rc == VX_OK)
		vx_smtp_check_begin(t->check);
	return rc;
}

bool vx_smtp_receive_ready(const struct smtp_session *s)
{
	return s->txn == NULL || s->txn->check == NULL ||
	       (s->found != NULL && s->txn->spf_known);
}

/* What is known of client and sender, once for each transaction. */
static void note_sender(struct smtp_session *s, struct smtp_txn *t)
{
	bool extended, is_explicit;
	const vx_slice helo = vx_smtp_server_helo(s->core, &extended);
	const bool is_us =
	    vx_slice_eq_nocase(helo, vx_slice_str(s->service->o.hostname)) ||
	    is_our_domain(s, helo);

	if (t->noted)
		return;
	t->noted = true;
	vx_smtp_peer_check_free(s->peer_check);
	s->peer_check = NULL;
	vx_smtp_notes_add(&t->notes, &s->found->notes);
	vx_smtp_policy_helo(&t->notes, helo, is_us, s->peer.address);
	vx_smtp_check_note_spf(t->check, &t->notes);
	vx_smtp_policy_spf(&t->notes, vx_smtp_check_spf(t->check, &is_explicit));
}

/* RFC 5321 4.5.1 and RFC 2142: whoever is refused has to be able to say so. */
static bool is_needed(vx_slice path)
{
	const vx_slice local = vx_slice_head(path, vx_slice_rfind(path, '@'));

	return vx_slice_eq_nocase(local, VX_S("postmaster")) ||
	       vx_slice_eq_nocase(local, VX_S("abuse"));
}

struct smtp_reply vx_smtp_receive_recipient(struct smtp_session *s, vx_slice path)
{
	const struct vx_smtp_service_options *o = &s->service->o;
	struct smtp_txn *t = s->txn;
	struct smtp_sender_facts f = { .spf_refuses = o->spf_refuses,
		.refuse_score = o->refuse_score,
		.needed = is_needed(path) };
	struct smtp_reply r;
	struct smtp_notes n;

	if (t->check == NULL)
		return (struct smtp_reply){ 0 };
	note_sender(s, t);
	f.ours = t->sender_ours;
	f.spf = vx_smtp_check_spf(t->check, &f.spf_explicit);
	vx_smtp_notes_init(&n);
	vx_smtp_notes_add(&n, &t->notes);
	r = vx_smtp_policy_recipient(&n, &f);
	if (r.text == n.said) /* it has to live on */
		r.text = t->notes.said;
	if (r.code != 0)
		vx_smtp_refused(s, vx_buf_slice(&t->sender), path, r.text, &n);
	vx_smtp_notes_done(&n);
	return r;
}

/* --- the message ---------------------------------------------------------------------
 */

/* Nobody else speaks in our name (RFC 8601 5). */
static int filter(struct smtp_session *s, struct vx_buf *out)
{
	const vx_slice id = vx_slice_str(s->service->o.hostname);

	return vx_auth_results_filter(vx_buf_slice(&s->txn->header), &id, 1, out, NULL);
}

static int end_header(struct smtp_session *s)
{
	struct smtp_txn *t = s->txn;
	vx_slice rest = vx_buf_slice(&t->header);
	struct vx_buf kept = { .max = t->header.max };
	struct vx_field f;
	int rc = VX_OK;

	t->header_done = true;
	if (t->check != NULL)
		rc = vx_smtp_check_header(t->check, rest);
	while (vx_field_next(&rest, &f))
		vx_smtp_header_see(t, &f);
	if (rc == VX_OK)
		rc = vx_smtp_list_header(s, vx_buf_slice(&t->header));
	if (rc == VX_OK)
		rc = filter(s, &kept);
	if (rc == VX_OK && t->groups != NULL)
		vx_smtp_scan_add(&t->scan, vx_buf_slice(&kept));
	if (rc == VX_OK && kept.len > 0)
		rc = vx_blob_writer_add(t->writer, vx_buf_slice(&kept));
	vx_buf_done(&kept);
	vx_buf_done(&t->header);
	return rc;
}

static int add_body(struct smtp_txn *t, vx_slice octets)
{
	if (t->check != NULL)
		vx_smtp_check_body(t->check, octets);
	if (t->groups != NULL)
		vx_smtp_scan_add(&t->scan, octets);
	return vx_blob_writer_add(t->writer, octets);
}

int vx_smtp_receive_take(struct smtp_session *s, vx_slice octets)
{
	struct smtp_txn *t = s->txn;
	int rc, waits = VX_OK;

	if (t->header_done)
		return add_body(t, octets);
	rc = vx_smtp_header_take(t, &octets);
	if (rc == VX_MORE)
		return VX_OK;
	if (rc == VX_OK)
		rc = waits = end_header(s);
	if (rc < 0 || octets.len == 0)
		return rc;
	/* what waits for the disk waits behind this piece, too */
	rc = add_body(t, octets);
	return rc == VX_OK ? waits : rc;
}

int vx_smtp_receive_end(struct smtp_session *s)
{
	struct smtp_txn *t = s->txn;
	int rc = VX_OK;

	/* A last chunk may end in mid-line; a message in a mailbox has whole ones, and
	 * POP3 must send as many octets as it said. */
	if (t->last != '\n')
		rc = vx_smtp_receive_take(s, VX_S("\r\n"));
	if (rc >= VX_OK && !t->header_done)
		rc = end_header(s);
	if (rc < 0)
		return rc;
	if (t->received > s->service->o.received_max)
		return VX_EEXIST;
	if (t->objection != NULL) {
		t->refusal = (struct smtp_reply){ 550, "5.7.1", t->objection };
		return VX_EPERM;
	}
	if (t->check == NULL)
		return VX_OK;
	vx_smtp_check_end(t->check);
	return VX_WAIT;
}

/* --- what becomes of it --------------------------------------------------------------
 */

static bool any_author_ours(struct smtp_session *s)
{
	const struct vx_dmarc_authors *a = vx_smtp_check_authors(s->txn->check);

	for (size_t i = 0; i < a->count; i++)
		if (is_our_domain(s, vx_slice_str(a->domains[i])))
			return true;
	return false;
}

static uint32_t junk_of(struct vx_view *v, uint32_t account)
{
	struct vx_mailbox_info m = { 0 };

	for (int rc = vx_mailbox_next(v, account, vx_slice_of("", 0), &m); rc == VX_OK;
	     rc = vx_mailbox_next(v, account, m.name, &m))
		if ((m.special_use & VX_USE_JUNK) != 0)
			return m.mailbox;
	return 0;
}

/* A mailbox for junk of each; who has none gets it with all else. */
static void file_as_junk(struct smtp_session *s, struct smtp_txn *t)
{
	struct vx_view *v;

	if (vx_view_begin(s->service->o.store, &v) != VX_OK)
		return;
	for (size_t i = 0; i < t->count; i++)
		t->targets[i].mailbox = junk_of(v, t->targets[i].account);
	vx_view_end(v);
}

int vx_smtp_receive_decide(struct smtp_session *s)
{
	const struct vx_smtp_service_options *o = &s->service->o;
	struct smtp_message_facts f = { .mode = (enum vx_dmarc_mode)o->dmarc };
	struct smtp_txn *t = s->txn;
	enum smtp_fate fate;

	vx_smtp_check_facts(t->check, &f);
	f.from_ours = any_author_ours(s);
	vx_smtp_check_note(t->check, &t->notes);
	fate = vx_smtp_policy_message(&t->notes, &f, &t->refusal);
	if (o->reports != NULL && t->refusal.code / 100 != 4)
		vx_smtp_check_report(t->check, o->reports, o->loop->now_s(o->loop), fate);
	if (fate == SMTP_JUNK)
		file_as_junk(s, t);
	return fate == SMTP_REFUSE ? VX_EPERM : VX_OK;
}

int vx_smtp_receive_front(struct smtp_session *s, vx_slice trace)
{
	struct vx_buf front = { .max = VX_BLOB_FRONT_MAX };
	struct smtp_txn *t = s->txn;
	int rc = VX_OK;

	vx_buf_add(&front, trace);
	if (t->check != NULL)
		rc = vx_smtp_check_write(t->check, s->found, t->utf8, &front);
	if (rc == VX_OK)
		rc = front.failed ? VX_ELIMIT
				  : vx_blob_writer_front(t->writer, vx_buf_slice(&front));
	vx_buf_done(&front);
	return rc;
}
