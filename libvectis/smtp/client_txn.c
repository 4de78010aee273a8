/* One message: MAIL, RCPT, DATA or BDAT, and what becomes of each recipient. */
#include "base/cursor.h"
#include "base/encode.h"
#include "base/mem.h"
#include "smtp/client_int.h"
#include "smtp/path.h"
#include "vectis/address.h"
#include "vectis/dsn.h"

enum {
	DOMAIN_MAX = 256,
};

/* --- is it fit to be sent? ---------------------------------------------------------- */

/* Our own server would take it as it is, and so it says nothing beside. */
static bool path_ok(vx_slice path, bool reverse, struct vx_buf *scratch)
{
	struct vx_cursor c;
	vx_slice out;
	bool utf8;

	if (path.len > VX_SMTP_PATH_MAX)
		return false;
	vx_buf_reset(scratch);
	vx_buf_add_char(scratch, '<');
	vx_buf_add(scratch, path);
	vx_buf_add_char(scratch, '>');
	c = vx_cursor_of(vx_buf_slice(scratch));
	return vx_smtp_path(&c, reverse, !reverse, &out, &utf8) && vx_cur_end(&c) &&
	       out.len == path.len;
}

static bool param_ok(const char *key, vx_slice value, bool mail, struct vx_buf *scratch)
{
	struct vx_smtp_params p = { 0 };
	struct vx_cursor c;

	if (value.len == 0)
		return true;
	if (value.len > VX_DSN_ORCPT_MAX)
		return false;
	vx_buf_reset(scratch);
	vx_buf_add_str(scratch, key);
	vx_buf_add(scratch, value);
	c = vx_cursor_of(vx_buf_slice(scratch));
	return vx_smtp_params(&c, mail, &p) == VX_OK &&
	       (mail ? p.envid : p.orcpt).len == value.len;
}

static bool notify_ok(unsigned notify)
{
	return (notify & VX_SMTP_NOTIFY_NEVER) == 0 ? notify < 16
						    : notify == VX_SMTP_NOTIFY_NEVER;
}

static int check(const struct vx_smtp_message *m)
{
	struct vx_buf scratch = { .max = 2 * VX_SMTP_PATH_MAX };
	bool good = m->to_count > 0 && path_ok(m->from, true, &scratch) &&
		    param_ok(" ENVID=", m->envid, true, &scratch);

	for (size_t i = 0; i < m->to_count && good; i++)
		good = path_ok(m->to[i].path, false, &scratch) &&
		       param_ok(" ORCPT=", m->to[i].orcpt, false, &scratch) &&
		       notify_ok(m->to[i].notify);
	if (scratch.failed)
		good = false;
	vx_buf_done(&scratch);
	return good ? VX_OK : VX_EINVAL;
}

/* A domain has an ASCII form, a local part has none. */
static bool ascii_path(vx_slice path, struct vx_buf *out)
{
	const size_t at = vx_slice_rfind(path, '@');
	const vx_slice local = vx_slice_head(path, at + 1);
	struct vx_buf domain = { .max = DOMAIN_MAX };
	bool good;

	if (vx_is_ascii(path)) {
		vx_buf_add(out, path);
		return true;
	}
	good = vx_is_ascii(local) &&
	       vx_domain_normalise(vx_slice_from(path, at + 1), &domain) == VX_OK;
	if (good) {
		vx_buf_add(out, local);
		vx_buf_add(out, vx_buf_slice(&domain));
	}
	vx_buf_done(&domain);
	return good;
}

static bool path_fits(const struct vx_smtp_client *c, vx_slice path)
{
	struct vx_buf out = { .max = VX_SMTP_PATH_MAX + DOMAIN_MAX };
	const bool fits = c->utf8 || ascii_path(path, &out);

	vx_buf_done(&out);
	return fits;
}

static bool needs_utf8(const struct vx_smtp_message *m)
{
	bool needs = m->utf8 || m->has_utf8_header || !vx_is_ascii(m->from);

	for (size_t i = 0; i < m->to_count && !needs; i++)
		needs = !vx_is_ascii(m->to[i].path) || !vx_is_ascii(m->to[i].orcpt);
	return needs;
}

/* Why the peer cannot be given the message at all; NULL: it can. */
static const struct unfit {
	enum vx_smtp_outcome outcome;
	const char *status, *why;
} too_large = { VX_SMTP_PERMANENT, "5.3.4", "the message is larger than the peer takes" },
  no_utf8 = { VX_SMTP_PERMANENT, "5.6.7",
	  "the peer takes no addresses and headers in UTF-8" },
  no_8bit = { VX_SMTP_TO_7BIT, "5.6.3", "the peer takes no octets of 8 bits" },
  bare = { VX_SMTP_PERMANENT, "5.6.0",
	  "the message has a CR or LF that ends no line (RFC 5321 2.3.8)" };

static const struct unfit *unfit(const struct vx_smtp_client *c)
{
	const struct vx_smtp_message *const m = c->m;

	if (c->size_max > 0 && m->size > c->size_max)
		return &too_large;
	if (!c->utf8 && (m->has_utf8_header || !path_fits(c, m->from)))
		return &no_utf8;
	if (m->has_8bit && (c->offers & VX_SMTP_EXT_8BITMIME) == 0)
		return &no_8bit;
	return m->has_bare && !c->chunking ? &bare : NULL;
}

/* --- results ------------------------------------------------------------------------ */

void vx_txn_judge(struct vx_smtp_client *c, size_t from, size_t end)
{
	if (c->tell_at == c->tell_end) {
		c->tell_at = from;
		c->tell_end = end;
	} else {
		c->tell_at = from < c->tell_at ? from : c->tell_at;
		c->tell_end = end > c->tell_end ? end : c->tell_end;
	}
	for (size_t i = from; i < end; i++)
		if (c->fates[i] < FATE_JUDGED)
			c->fates[i] = FATE_JUDGED;
}

bool vx_txn_tell(struct vx_smtp_client *c, struct vx_smtp_client_event *ev)
{
	while (c->tell_at < c->tell_end) {
		const size_t i = c->tell_at++;

		if (c->fates[i] != FATE_JUDGED)
			continue;
		c->fates[i] = FATE_TOLD;
		ev->type = VX_SMTP_CLIENT_RESULT;
		ev->recipient = i;
		ev->result = c->verdict.result;
		return true;
	}
	return false;
}

bool vx_txn_unknown(const struct vx_smtp_client *c)
{
	return c->end_sent && c->chunk_left == 0;
}

static void judge_all(struct vx_smtp_client *c)
{
	vx_txn_judge(c, 0, c->m->to_count);
}

static void judge_unfit(struct vx_smtp_client *c, const struct unfit *u)
{
	vx_client_own(&c->verdict, u->outcome, VX_SMTP_AT_MAIL, u->status, u->why);
}

/* The reply ends the transaction; those that are open have it as their result. */
static void refused(struct vx_smtp_client *c, enum vx_smtp_stage stage)
{
	vx_client_from_reply(c, &c->verdict,
	    c->reply.code >= 500 ? VX_SMTP_PERMANENT : VX_SMTP_TEMPORARY, stage);
	judge_all(c);
	c->failing = true;
}

/* --- the beginning ------------------------------------------------------------------ */

static void prepare(struct vx_smtp_client *c, const struct vx_smtp_message *m)
{
	c->m = m;
	c->tell_at = c->tell_end = c->next = c->accepted = c->asked = 0;
	c->domain_count = 0;
	c->mail_sent = c->data_sent = c->end_sent = c->failing = false;
	c->offset = c->chunk_left = 0;
	c->wanted = 0;
	c->stuff = (struct vx_smtp_stuff){ 0 };
	c->utf8 = (c->offers & VX_SMTP_EXT_SMTPUTF8) != 0 && needs_utf8(m);
	c->chunking = (c->offers & VX_SMTP_EXT_CHUNKING) != 0;
}

/* Some addresses may not be expressible; the others are sent to. */
static void judge_addresses(struct vx_smtp_client *c)
{
	size_t unfit_count = 0;

	for (size_t i = 0; i < c->m->to_count; i++) {
		if (path_fits(c, c->m->to[i].path))
			continue;
		vx_txn_judge(c, i, i + 1);
		unfit_count++;
	}
	if (unfit_count > 0)
		judge_unfit(c, &no_utf8);
	if (unfit_count == c->m->to_count)
		c->state = CL_END;
}

int vx_smtp_client_send(struct vx_smtp_client *c, const struct vx_smtp_message *m)
{
	const struct unfit *why;
	unsigned char *fates;
	int rc;

	if (c->state != CL_REST || c->failed || c->lost != NULL ||
	    vx_smtp_client_mails_left(c) == 0)
		return VX_ESTATE;
	if (m->to_count > VX_SMTP_FORWARDS_MAX)
		return VX_ELIMIT;
	rc = check(m);
	if (rc != VX_OK)
		return rc;
	fates = vx_alloc_array(m->to_count, sizeof(*fates));
	if (fates == NULL)
		return VX_ENOMEM;
	vx_free(c->fates);
	c->fates = fates;
	prepare(c, m);
	why = unfit(c);
	c->state = why == NULL ? CL_ENVELOPE : CL_END;
	if (why == NULL) {
		judge_addresses(c);
	} else {
		judge_unfit(c, why);
		judge_all(c);
	}
	return VX_OK;
}

/* --- commands ----------------------------------------------------------------------- */

static void add_path(struct vx_smtp_client *c, struct vx_buf *out, vx_slice path)
{
	if (c->utf8)
		vx_buf_add(out, path);
	else
		c->no_memory = !ascii_path(path, out) || c->no_memory;
}

static void send_mail(struct vx_smtp_client *c, struct vx_buf *out)
{
	const struct vx_smtp_message *const m = c->m;
	static const char *const ret[] = { "", " RET=FULL", " RET=HDRS" };

	vx_buf_add_str(out, "MAIL FROM:<");
	add_path(c, out, m->from);
	vx_buf_add_char(out, '>');
	if ((c->offers & VX_SMTP_EXT_SIZE) != 0)
		vx_buf_printf(out, " SIZE=%llu", (unsigned long long)m->size);
	if ((c->offers & VX_SMTP_EXT_8BITMIME) != 0 && (m->has_8bit || m->body_8bit))
		vx_buf_add_str(out, " BODY=8BITMIME");
	if (c->utf8)
		vx_buf_add_str(out, " SMTPUTF8");
	if ((c->offers & VX_SMTP_EXT_DSN) != 0) {
		vx_buf_add_str(out, ret[m->ret]);
		if (m->envid.len > 0) {
			vx_buf_add_str(out, " ENVID=");
			vx_buf_add(out, m->envid);
		}
	}
	vx_buf_add_str(out, "\r\n");
	c->mail_sent = c->dirty = true;
	c->mails++;
}

static void add_notify(struct vx_buf *out, unsigned notify)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify >> i & 1) == 0)
			continue;
		vx_buf_add_str(out, before);
		vx_buf_add_str(out, words[i]);
		before = ",";
	}
}

static void add_orcpt(struct vx_smtp_client *c, struct vx_buf *out, vx_slice orcpt)
{
	struct vx_buf ascii = { .max = 2 * VX_DSN_ORCPT_MAX };

	if (c->utf8)
		vx_buf_add(&ascii, orcpt);
	else /* too long for that: it has to do without */
		(void)vx_orcpt_ascii(orcpt, &ascii);
	if (ascii.len > 0) {
		vx_buf_add_str(out, " ORCPT=");
		vx_buf_add(out, vx_buf_slice(&ascii));
	}
	vx_buf_done(&ascii);
}

static void send_rcpt(struct vx_smtp_client *c, struct vx_buf *out, size_t i)
{
	const struct vx_smtp_forward *const to = &c->m->to[i];

	vx_buf_add_str(out, "RCPT TO:<");
	add_path(c, out, to->path);
	vx_buf_add_char(out, '>');
	if ((c->offers & VX_SMTP_EXT_DSN) != 0) {
		add_notify(out, to->notify);
		if (to->orcpt.len > 0)
			add_orcpt(c, out, to->orcpt);
	}
	vx_buf_add_str(out, "\r\n");
}

static vx_slice domain_of(const struct vx_smtp_client *c, size_t i)
{
	const vx_slice path = c->m->to[i].path;

	return vx_slice_from(path, vx_slice_rfind(path, '@') + 1);
}

/* One domain more than the peer takes in a transaction? */
static bool is_domain_too_many(struct vx_smtp_client *c, size_t i)
{
	if (c->domain_max == 0)
		return false;
	for (size_t k = 0; k < c->domain_count; k++)
		if (vx_slice_eq_nocase(domain_of(c, c->domains[k]), domain_of(c, i)))
			return false;
	if (c->domain_count >= c->domain_max)
		return true;
	c->domains[c->domain_count++] = i;
	return false;
}

/* RFC 9422 4: what the peer has said that it would not take is for another transaction.
 */
static bool is_over_limit(struct vx_smtp_client *c, size_t i)
{
	const bool all = c->rcpt_max > 0 && c->asked >= c->rcpt_max;

	if (!all && !is_domain_too_many(c, i))
		return false;
	vx_client_own(&c->verdict, VX_SMTP_NEXT, VX_SMTP_AT_RCPT, "4.5.3",
	    "more than the peer takes at a time");
	vx_txn_judge(c, i, all ? c->m->to_count : i + 1);
	if (all)
		c->next = c->m->to_count;
	return true;
}

/* Recipients that were asked for, and not answered. */
static bool may_be_accepted(const struct vx_smtp_client *c)
{
	return c->accepted > 0 || c->window_count > 0;
}

/* The next command of the envelope; false: there is none, or none now. */
static bool send_command(struct vx_smtp_client *c, struct vx_buf *out)
{
	const size_t before = out->len, i = c->next;

	if (!c->mail_sent && c->dirty) {
		vx_buf_add_str(out, "RSET\r\n");
		c->dirty = false;
		vx_client_sent(c, out, before, VX_SMTP_AT_RSET, 0);
	} else if (!c->mail_sent) {
		send_mail(c, out);
		vx_client_sent(c, out, before, VX_SMTP_AT_MAIL, 0);
	} else if (i < c->m->to_count) {
		c->next++;
		if (c->fates[i] != FATE_OPEN || is_over_limit(c, i))
			return true;
		c->asked++;
		send_rcpt(c, out, i);
		vx_client_sent(c, out, before, VX_SMTP_AT_RCPT, i);
	} else if (!c->m->probe && !c->chunking && !c->data_sent && may_be_accepted(c)) {
		vx_buf_add_str(out, "DATA\r\n");
		c->data_sent = true;
		vx_client_sent(c, out, before, VX_SMTP_AT_DATA, 0);
	} else {
		return false;
	}
	return true;
}

/* It would be taken; that was all there is to know. */
static void end_probe(struct vx_smtp_client *c, struct vx_buf *out)
{
	const size_t before = out->len;

	vx_client_own(
	    &c->verdict, VX_SMTP_DELIVERED, VX_SMTP_AT_RCPT, "2.1.5", "accepted");
	c->verdict.result.code = 250;
	judge_all(c);
	vx_buf_add_str(out, "RSET\r\n");
	c->dirty = false;
	c->state = CL_END;
	vx_client_sent(c, out, before, VX_SMTP_AT_RSET, 0);
}

static int envelope_next(struct vx_smtp_client *c, struct vx_buf *out)
{
	if (out->len >= VX_SMTP_OUT_HIGH)
		return VX_MORE;
	if (!c->failing && vx_client_may_send(c) && send_command(c, out))
		return VX_OK;
	if (c->window_count > 0)
		return VX_MORE;
	if (c->m->probe && c->accepted > 0 && !c->failing) {
		end_probe(c, out);
		return VX_OK;
	}
	/* all is answered: BDAT, or nobody wants it */
	c->state = c->accepted > 0 && !c->failing ? CL_CONTENT : CL_END;
	return VX_OK;
}

/* --- replies ------------------------------------------------------------------------ */

/*
 * RFC 5321 4.5.3.1.10: so many at a time, and the rest in a transaction of its own; some
 * say that with 552.  Without one that was taken it is another matter: the next
 * transaction would fare no better.
 */
static bool too_many(const struct vx_smtp_client *c)
{
	const char *const status = c->reply.status;

	if (c->accepted == 0 || (c->reply.code != 452 && c->reply.code != 552))
		return false;
	return status[0] == '\0' || strcmp(status + 1, ".5.3") == 0;
}

static void on_rcpt_no(struct vx_smtp_client *c, size_t i)
{
	const bool next = too_many(c);

	vx_client_from_reply(c, &c->verdict,
	    next                   ? VX_SMTP_NEXT
	    : c->reply.code >= 500 ? VX_SMTP_PERMANENT
				   : VX_SMTP_TEMPORARY,
	    VX_SMTP_AT_RCPT);
	vx_txn_judge(c, i, i + 1);
	if (!next)
		return;
	/* the same would be said to those that were not asked for yet */
	vx_txn_judge(c, c->next, c->m->to_count);
	c->next = c->m->to_count;
}

static void on_rcpt(struct vx_smtp_client *c, size_t i)
{
	if (c->fates[i] != FATE_OPEN)
		return; /* MAIL was refused */
	if (c->reply.code < 300) {
		c->fates[i] = FATE_ACCEPTED;
		c->accepted++;
	} else if (c->reply.code < 400) {
		vx_client_garbage(c, VX_SMTP_AT_RCPT);
	} else {
		on_rcpt_no(c, i);
	}
}

static void on_data(struct vx_smtp_client *c)
{
	if (c->reply.code == 354)
		c->state = CL_CONTENT;
	else if (c->reply.code < 400)
		vx_client_garbage(c, VX_SMTP_AT_DATA);
	else if (!c->failing)
		refused(c, VX_SMTP_AT_DATA);
}

static void on_end(struct vx_smtp_client *c)
{
	const bool wanted = c->end_sent;

	if (c->reply.code >= 300 && c->reply.code < 400) {
		vx_client_garbage(c, VX_SMTP_AT_END);
		return;
	}
	c->end_sent = false;
	if (c->failing && c->chunking)
		return;   /* a chunk before it was refused */
	c->dirty = false; /* 4.1.1.4: it is over, whatever was said */
	if (!wanted)
		return;
	if (c->reply.code >= 400) {
		refused(c, VX_SMTP_AT_END);
	} else {
		vx_client_from_reply(c, &c->verdict, VX_SMTP_DELIVERED, VX_SMTP_AT_END);
		judge_all(c);
	}
}

/* RSET, MAIL, a chunk: nothing comes of it but that it goes on, or does not. */
static void on_step(struct vx_smtp_client *c, enum vx_smtp_stage stage)
{
	if (c->reply.code < 300 || (c->failing && c->reply.code >= 400))
		return;
	if (c->reply.code < 400)
		vx_client_garbage(c, stage);
	else
		refused(c, stage);
}

/* Who refuses to forget the last message cannot be given another one. */
static void on_rset(struct vx_smtp_client *c)
{
	if (c->reply.code < 300)
		return;
	if (c->reply.code < 400) {
		vx_client_garbage(c, VX_SMTP_AT_RSET);
		return;
	}
	vx_client_from_reply(c, &c->verdict, VX_SMTP_TEMPORARY, VX_SMTP_AT_RSET);
	judge_all(c);
	vx_client_own(&c->failure, VX_SMTP_TEMPORARY, VX_SMTP_AT_RSET, "4.5.0",
	    "the peer refuses RSET");
	vx_client_end(c, CL_OVER);
}

void vx_txn_reply(struct vx_smtp_client *c, const struct vx_client_sent *sent)
{
	if (sent->stage == VX_SMTP_AT_RSET)
		on_rset(c);
	else if (sent->stage == VX_SMTP_AT_RCPT)
		on_rcpt(c, sent->recipient);
	else if (sent->stage == VX_SMTP_AT_DATA)
		on_data(c);
	else if (sent->stage == VX_SMTP_AT_END)
		on_end(c);
	else
		on_step(c, sent->stage);
}

/*
 * Some say what they think of a message while it still comes, and close.  It counts when
 * it is a no; in step with the peer we are not any more.
 */
void vx_txn_interrupted(struct vx_smtp_client *c)
{
	if (c->reply.code < 400) {
		vx_client_garbage(c, VX_SMTP_AT_CONTENT);
		return;
	}
	if (!c->failing)
		refused(c, VX_SMTP_AT_CONTENT);
	vx_client_own(&c->failure, VX_SMTP_TEMPORARY, VX_SMTP_AT_CONTENT, "4.5.0",
	    "the peer did not wait for the end of the message");
	vx_client_end(c, CL_OVER);
}

/* --- the message -------------------------------------------------------------------- */

static int ask(struct vx_smtp_client *c, uint64_t left, struct vx_smtp_client_event *ev)
{
	c->wanted = left < VX_SMTP_CONTENT_MAX ? (size_t)left : VX_SMTP_CONTENT_MAX;
	ev->type = VX_SMTP_CLIENT_CONTENT;
	ev->offset = c->offset;
	ev->wanted = c->wanted;
	return VX_DATA;
}

/* The message is of no use; the connection is inside it, and nothing ends it. */
static void bare_found(struct vx_smtp_client *c)
{
	judge_unfit(c, &bare);
	c->verdict.result.stage = VX_SMTP_AT_CONTENT;
	judge_all(c);
	vx_client_own(&c->failure, VX_SMTP_TEMPORARY, VX_SMTP_AT_CONTENT, "4.5.0",
	    "given up in the middle of a message");
	vx_client_end(c, CL_OVER);
}

static int data_next(
    struct vx_smtp_client *c, struct vx_buf *out, struct vx_smtp_client_event *ev)
{
	const bool wanted = c->accepted > 0 && !c->failing;
	const size_t before = out->len;

	if (wanted && c->offset < c->m->size)
		return ask(c, c->m->size - c->offset, ev);
	/* RFC 2920 3.1: 354 with nobody to get it: an empty one, which ends it */
	if (vx_smtp_stuff_end(&c->stuff, out) != VX_OK) {
		bare_found(c);
		return VX_OK;
	}
	c->end_sent = wanted;
	vx_client_sent(c, out, before, VX_SMTP_AT_END, 0);
	c->state = CL_END;
	return VX_OK;
}

static bool may_send_chunk(const struct vx_smtp_client *c)
{
	return c->window_count == 0 || ((c->offers & VX_SMTP_EXT_PIPELINING) != 0 &&
					   c->window_count < VX_SMTP_CHUNKS_AHEAD);
}

/* RFC 3030 2 */
static int chunk_next(
    struct vx_smtp_client *c, struct vx_buf *out, struct vx_smtp_client_event *ev)
{
	const uint64_t left = c->m->size - c->offset;
	const bool last = left <= VX_SMTP_CHUNK_OCTETS;
	const size_t before = out->len;

	if (c->chunk_left > 0)
		return ask(c, c->chunk_left, ev);
	if (c->failing || c->end_sent) {
		c->state = CL_END;
		return VX_OK;
	}
	if (!may_send_chunk(c))
		return VX_MORE;
	c->chunk_left = last ? left : VX_SMTP_CHUNK_OCTETS;
	vx_buf_printf(out, "BDAT %llu%s\r\n", (unsigned long long)c->chunk_left,
	    last ? " LAST" : "");
	c->end_sent = last;
	vx_client_sent(c, out, before, last ? VX_SMTP_AT_END : VX_SMTP_AT_CONTENT, 0);
	return VX_OK;
}

static int content_next(
    struct vx_smtp_client *c, struct vx_buf *out, struct vx_smtp_client_event *ev)
{
	if (c->wanted > 0)
		return VX_WAIT;
	if (out->len >= VX_SMTP_OUT_HIGH)
		return VX_MORE;
	return c->chunking ? chunk_next(c, out, ev) : data_next(c, out, ev);
}

int vx_smtp_client_content(struct vx_smtp_client *c, struct vx_buf *out, vx_slice octets)
{
	if (c->state != CL_CONTENT || c->wanted == 0 || c->lost != NULL)
		return VX_ESTATE;
	if (octets.len == 0 || octets.len > c->wanted)
		return VX_EINVAL;
	c->wanted = 0;
	c->steps++;
	c->offset += octets.len;
	if (c->chunking) {
		vx_buf_add(out, octets);
		c->chunk_left -= octets.len;
	} else if (vx_smtp_stuff_add(&c->stuff, octets, out) != VX_OK) {
		bare_found(c);
	}
	return out->failed ? VX_ENOMEM : VX_OK;
}

int vx_txn_next(
    struct vx_smtp_client *c, struct vx_buf *out, struct vx_smtp_client_event *ev)
{
	if (c->state == CL_ENVELOPE)
		return envelope_next(c, out);
	if (c->state == CL_CONTENT)
		return content_next(c, out, ev);
	if (c->window_count > 0)
		return VX_MORE;
	c->m = NULL;
	c->state = CL_READY;
	return VX_OK;
}
