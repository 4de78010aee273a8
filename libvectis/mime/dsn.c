/* Delivery status notifications are written (RFC 3464, 6522, 6533, 3834 3). */
#include "vectis/dsn.h"
#include "base/cursor.h"
#include "base/encode.h"
#include "mime/safe.h"
#include "vectis/date.h"

enum {
	LINE_COLUMNS = 76,
	WORD_MAX = 500, /* octets without a blank; more are torn */
	LINE_MAX_OCTETS = 998,
	MESSAGE_ID_MAX = 250,
	TEXT_MAX = 8 * 1024 * 1024,
	NAME_MAX_OCTETS = 255,
};

static const struct action {
	const char *name, *subject, *status, *heading;
	unsigned notify; /* a report is sent when this was asked for */
	bool unasked;    /* and when nothing was */
} actions[] = {
	[VX_DSN_UNKNOWN] = { "unknown", "", "4.0.0", "", 0, false },
	[VX_DSN_FAILED] = { "failed", "Not delivered", "5.0.0",
	    "It could not be delivered to these recipients, and will not be tried again:",
	    VX_SMTP_NOTIFY_FAILURE, true },
	[VX_DSN_DELAYED] = { "delayed", "Delayed", "4.0.0",
	    "It could not be delivered to these recipients yet. You need not send it "
	    "again: attempts go on.",
	    VX_SMTP_NOTIFY_DELAY, true },
	[VX_DSN_DELIVERED] = { "delivered", "Delivered", "2.0.0",
	    "It was delivered to these recipients:", VX_SMTP_NOTIFY_SUCCESS, false },
	[VX_DSN_RELAYED] = { "relayed", "Passed on", "2.0.0",
	    "It was passed on for these recipients, to servers that will not tell "
	    "whether it arrives:",
	    VX_SMTP_NOTIFY_SUCCESS, false },
	[VX_DSN_EXPANDED] = { "expanded", "Delivered", "2.0.0",
	    "It was delivered to these addresses, and sent on to the recipients behind "
	    "them:",
	    VX_SMTP_NOTIFY_SUCCESS, false },
};
#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

const char *vx_dsn_action_name(enum vx_dsn_action action)
{
	return actions[action].name;
}

bool vx_dsn_wanted(unsigned notify, enum vx_dsn_action action)
{
	return notify == 0 ? actions[action].unasked
			   : (notify & actions[action].notify) != 0;
}

/* --- is it fit to be written? ------------------------------------------------------- */

static bool is_plain(vx_slice s, size_t max, bool ascii)
{
	for (size_t i = 0; i < s.len; i++)
		if (vx_is(s.ptr[i], VX_C_CTL) || (ascii && vx_is(s.ptr[i], VX_C_HIGH)))
			return false;
	return s.len > 0 && s.len <= max && vx_utf8_valid(s);
}

static bool is_token(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT))
			return false;
	return s.len > 0 && s.len <= VX_DSN_TOKEN_MAX;
}

/* "5.1.1": no digit zero before others (RFC 3464 2.3.4). */
static bool is_status(vx_slice s)
{
	struct vx_cursor c = vx_cursor_of(s);
	uint64_t n;

	if (vx_cur_left(&c) == 0 || (*c.p != '2' && *c.p != '4' && *c.p != '5'))
		return false;
	c.p++;
	for (int i = 0; i < 2; i++) {
		const char *const begin = c.p + 1;

		if (!vx_cur_char(&c, '.') || !vx_cur_number(&c, 999, &n) ||
		    (*begin == '0' && c.p - begin > 1) || c.p - begin > 3)
			return false;
	}
	return vx_cur_end(&c);
}

static int check(const struct vx_dsn_report *r)
{
	bool good = is_plain(r->hostname, NAME_MAX_OCTETS, true) &&
		    is_plain(r->from, VX_DSN_ADDRESS_MAX, true) &&
		    is_plain(r->to, VX_DSN_ADDRESS_MAX, false) &&
		    is_plain(r->message_id, MESSAGE_ID_MAX, true) && is_token(r->token) &&
		    r->count > 0;

	if (r->count > VX_DSN_RECIPIENTS_MAX)
		return VX_ELIMIT;
	for (size_t i = 0; i < r->count && good; i++)
		good = is_plain(r->recipients[i].address, VX_DSN_ADDRESS_MAX, false) &&
		       r->recipients[i].action != VX_DSN_UNKNOWN &&
		       (size_t)r->recipients[i].action < ACTIONS;
	return good ? VX_OK : VX_EINVAL;
}

/* --- lines that are folded ---------------------------------------------------------- */

/*
 * Words with a blank between them, of which the first one begins where `used` octets
 * stand already; indent begins each further line.
 */
static void add_wrapped(
    struct vx_buf *out, vx_slice text, size_t used, const char *indent)
{
	for (bool first = true; text.len > 0; first = false) {
		const size_t blank = vx_slice_find(text, ' ');
		const vx_slice word =
		    vx_slice_head(text, blank < WORD_MAX ? blank : WORD_MAX);

		if (!first && used + 1 + word.len > LINE_COLUMNS) {
			vx_buf_add_str(out, "\r\n");
			vx_buf_add_str(out, indent);
			used = strlen(indent);
		} else if (!first) {
			vx_buf_add_char(out, ' ');
			used++;
		}
		vx_buf_add(out, word);
		used += word.len;
		text = vx_slice_from(text, word.len + (blank == word.len));
	}
	vx_buf_add_str(out, "\r\n");
}

static void add_safe(
    struct vx_buf *out, vx_slice text, size_t used, bool ascii, const char *indent)
{
	struct vx_buf safe = { .max = VX_DSN_ADDRESS_MAX };

	vx_safe_text(text, safe.max, ascii, &safe);
	add_wrapped(out, vx_buf_slice(&safe), used, indent);
	out->failed = out->failed || safe.failed;
	vx_buf_done(&safe);
}

static void add_date(struct vx_buf *out, const char *name, int64_t t, int zone)
{
	vx_buf_add_str(out, name);
	vx_date_write(out, t, zone);
	vx_buf_add_str(out, "\r\n");
}

/* --- what is known of the original -------------------------------------------------- */

struct original {
	vx_slice header;                    /* whole fields, within the limit */
	vx_slice subject, date, message_id; /* empty: none */
	bool high, clean; /* octets above 127; else fit for 7 or 8 bits, and UTF-8 */
};

/* The first message id with its brackets, if it is one. */
static vx_slice find_id(vx_slice value)
{
	const size_t begin = vx_slice_find(value, '<');
	const vx_slice rest = vx_slice_from(value, begin);
	const vx_slice id = vx_slice_head(rest, vx_slice_find(rest, '>') + 1);

	if (id.len < 3 || id.ptr[id.len - 1] != '>' || id.len > MESSAGE_ID_MAX)
		return VX_S("");
	for (size_t i = 0; i < id.len; i++)
		if (vx_is(id.ptr[i], VX_C_CTL | VX_C_HIGH | VX_C_WSP))
			return VX_S("");
	return id;
}

/* Lines that any server takes: CR LF at the end, no NUL, not too long. */
static bool is_clean(vx_slice s)
{
	size_t line = 0;

	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];

		if (c == '\0' || (c == '\r') != (i + 1 < s.len && s.ptr[i + 1] == '\n') ||
		    (c == '\n' && (i == 0 || s.ptr[i - 1] != '\r')))
			return false;
		line = c == '\n' ? 0 : line + 1;
		if (line > LINE_MAX_OCTETS + 1) /* its CR */
			return false;
	}
	return vx_utf8_valid(s) && vx_slice_has_suffix(s, VX_S("\r\n"));
}

static struct original look_at(vx_slice header)
{
	struct original o = { 0 };
	vx_slice rest = vx_slice_head(header, VX_DSN_HEADER_MAX);
	struct vx_field f;
	size_t used = 0;

	while (vx_field_next(&rest, &f)) {
		/* what the limit has cut is left out */
		if (rest.len == 0 && header.len > VX_DSN_HEADER_MAX)
			break;
		used = (size_t)(vx_slice_end(f.whole) - header.ptr);
		if (vx_slice_eq_nocase(f.name, VX_S("Subject")))
			o.subject = f.value;
		else if (vx_slice_eq_nocase(f.name, VX_S("Date")))
			o.date = f.value;
		else if (vx_slice_eq_nocase(f.name, VX_S("Message-ID")))
			o.message_id = find_id(f.value);
	}
	o.header = vx_slice_head(header, used);
	o.high = !vx_is_ascii(o.header);
	o.clean = is_clean(o.header);
	return o;
}

/* --- what is written of it ---------------------------------------------------------- */

/* One report on its way: what all parts need to know. */
struct report {
	const struct vx_dsn_report *r;
	struct original original;
	bool utf8; /* it goes to an address in UTF-8: by servers that take all of it */
	bool full;
	struct vx_buf *out;
};

/* Of several, what is worst. */
static const struct action *main_action(const struct vx_dsn_report *r)
{
	enum vx_dsn_action worst = r->recipients[0].action;

	for (size_t i = 0; i < r->count; i++)
		if (r->recipients[i].action < worst)
			worst = r->recipients[i].action;
	return &actions[worst];
}

static void add_subject(const struct report *p)
{
	struct vx_buf decoded = { .max = VX_DSN_HEADER_MAX * 4 },
		      text = { .max = VX_DSN_SUBJECT_MAX };
	const vx_slice raw = vx_slice_trim(p->original.subject, " \t\r\n");
	vx_slice s;

	vx_text_decode(raw, &decoded);
	vx_safe_text(vx_buf_slice(&decoded), VX_DSN_SUBJECT_MAX, false, &text);
	s = vx_buf_slice(&text);
	vx_buf_printf(p->out, "Subject: %s", main_action(p->r)->subject);
	if (s.len > 0)
		vx_buf_add_str(p->out, ": ");
	if (vx_is_ascii(s) && vx_slice_find_slice(s, VX_S("=?")) == s.len)
		vx_buf_add(p->out, s);
	else
		vx_text_encode(s, p->out);
	vx_buf_add_str(p->out, "\r\n");
	p->out->failed = p->out->failed || decoded.failed || text.failed;
	vx_buf_done(&decoded);
	vx_buf_done(&text);
}

static void add_header(const struct report *p, const struct vx_dsn_writer *w)
{
	const struct vx_dsn_report *const r = p->r;
	const vx_slice id = p->original.message_id;

	add_date(p->out, "Date: ", r->now, r->zone);
	vx_buf_add_str(p->out, "From: Mail Delivery System <");
	vx_buf_add(p->out, r->from);
	vx_buf_add_str(p->out, ">\r\nTo: <");
	vx_buf_add(p->out, r->to);
	vx_buf_add_str(p->out, ">\r\n");
	add_subject(p);
	vx_buf_add_str(p->out, "Message-ID: <");
	vx_buf_add(p->out, r->message_id);
	vx_buf_add_str(p->out, ">\r\n");
	if (id.len > 0)
		vx_buf_printf(p->out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n",
		    (int)id.len, id.ptr, (int)id.len, id.ptr);
	vx_buf_printf(p->out,
	    "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    " boundary=\"%s\"\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	    w->boundary, w->has_8bit ? "8bit" : "7bit");
}

static void begin_part(const struct report *p, const struct vx_dsn_writer *w,
    const char *description, const char *type, const char *encoding)
{
	vx_buf_printf(p->out,
	    "--%s\r\nContent-Description: %s\r\nContent-Type: %s\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n",
	    w->boundary, description, type, encoding);
}

/* --- for people --------------------------------------------------------------------- */

static void add_about(struct vx_buf *out, const char *name, vx_slice value)
{
	struct vx_buf decoded = { .max = VX_DSN_HEADER_MAX * 4 };

	if (value.len == 0)
		return;
	vx_text_decode(vx_slice_trim(value, " \t\r\n"), &decoded);
	vx_buf_printf(out, "    %s: ", name);
	add_safe(out, vx_slice_head(vx_buf_slice(&decoded), VX_DSN_TEXT_MAX),
	    strlen(name) + 6, false, "        ");
	out->failed = out->failed || decoded.failed;
	vx_buf_done(&decoded);
}

/* The address that the sender wrote, if it is another one. */
static void add_written_as(struct vx_buf *out, const struct vx_dsn_recipient *r)
{
	struct vx_buf address = { .max = VX_DSN_ADDRESS_MAX };
	vx_slice type;

	if (vx_orcpt_decode(r->orcpt, &type, &address) == VX_OK &&
	    !vx_slice_eq_nocase(vx_buf_slice(&address), r->address)) {
		vx_buf_add_str(out, "        to which you wrote as ");
		add_safe(out, vx_buf_slice(&address), 30, false, "        ");
	}
	vx_buf_done(&address);
}

static bool is_reply(vx_slice s)
{
	return s.len >= 3 && s.ptr[0] >= '2' && s.ptr[0] <= '5' &&
	       vx_is(s.ptr[1], VX_C_DIGIT) && vx_is(s.ptr[2], VX_C_DIGIT) &&
	       (s.len == 3 || s.ptr[3] == ' ' || s.ptr[3] == '-');
}

static void add_said(struct vx_buf *out, const struct vx_dsn_recipient *r)
{
	struct vx_buf said = { .max = VX_DSN_ADDRESS_MAX + VX_DSN_TEXT_MAX };

	if (r->remote.len > 0 && r->diagnostic.len == 0)
		vx_buf_add_str(&said, "by way of ");
	vx_safe_text(r->remote, NAME_MAX_OCTETS, false, &said);
	if (r->remote.len > 0 && r->diagnostic.len > 0)
		vx_buf_add_str(&said, is_reply(r->diagnostic) ? " said: " : ": ");
	vx_safe_text(r->diagnostic, VX_DSN_TEXT_MAX, false, &said);
	if (said.len > 0) {
		vx_buf_add_str(out, "        ");
		add_wrapped(out, vx_buf_slice(&said), 8, "        ");
	}
	out->failed = out->failed || said.failed;
	vx_buf_done(&said);
}

static void add_person(struct vx_buf *out, const struct vx_dsn_recipient *r, int zone)
{
	vx_buf_add_str(out, "    ");
	add_safe(out, r->address, 4, false, "    ");
	add_written_as(out, r);
	add_said(out, r);
	if (r->action == VX_DSN_DELAYED && r->retry_until != 0)
		add_date(out, "        It is tried until ", r->retry_until, zone);
}

static void add_people(
    const struct report *p, struct vx_buf *out, enum vx_dsn_action action)
{
	bool any = false;

	for (size_t i = 0; i < p->r->count; i++) {
		if (p->r->recipients[i].action != action)
			continue;
		if (!any) {
			vx_buf_add_str(out, "\r\n");
			add_wrapped(out, vx_slice_str(actions[action].heading), 0, "");
			vx_buf_add_str(out, "\r\n");
		}
		any = true;
		add_person(out, &p->r->recipients[i], p->r->zone);
	}
}

static void write_words(const struct report *p, struct vx_buf *out)
{
	const struct original *const o = &p->original;

	vx_buf_printf(out, "This is the mail server %.*s,\r\n", (int)p->r->hostname.len,
	    p->r->hostname.ptr);
	vx_buf_add_str(out, "with news of a message that you sent.\r\n");
	if (o->subject.len + o->date.len + o->message_id.len > 0)
		vx_buf_add_str(out, "\r\n");
	add_about(out, "Subject", o->subject);
	add_about(out, "Date", o->date);
	add_about(out, "Message-ID", o->message_id);
	for (size_t i = VX_DSN_FAILED; i < ACTIONS; i++)
		add_people(p, out, (enum vx_dsn_action)i);
	vx_buf_add_str(out, "\r\nA report for programs follows");
	if (p->full || o->header.len > 0)
		vx_buf_add_str(out,
		    p->full ? ", and the message" : ", and the header of the message");
	vx_buf_add_str(out, ".\r\n");
}

static void add_words(const struct report *p, const struct vx_dsn_writer *w)
{
	struct vx_mime_encoder qp = { .kind = VX_ENCODING_QP };
	struct vx_buf words = { .max = TEXT_MAX };
	bool ascii;

	write_words(p, &words);
	ascii = vx_is_ascii(vx_buf_slice(&words));
	qp.kind = ascii ? VX_ENCODING_NONE : VX_ENCODING_QP;
	begin_part(p, w, "Notification",
	    ascii ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8",
	    ascii ? "7bit" : "quoted-printable");
	vx_mime_encode(&qp, vx_buf_slice(&words), p->out);
	vx_mime_encode_end(&qp, p->out);
	p->out->failed = p->out->failed || words.failed;
	vx_buf_done(&words);
}

/* --- for programs ------------------------------------------------------------------- */

/* RFC 6533 3: an address in UTF-8 has a type of its own, and a form in ASCII. */
static void add_address(
    const struct report *p, const char *name, vx_slice type, vx_slice address)
{
	struct vx_buf text = { .max = 12 * VX_DSN_ADDRESS_MAX };
	const bool ascii = vx_is_ascii(address);

	if (!ascii)
		type = VX_S("utf-8");
	vx_buf_printf(p->out, "%s: %.*s; ", name, (int)type.len, type.ptr);
	if (!ascii && !p->utf8)
		vx_utf8_addr_encode(address, true, &text);
	else if (is_plain(
		     address, VX_DSN_ADDRESS_MAX, true)) /* with each of its blanks */
		vx_buf_add(&text, address);
	else
		vx_safe_text(address, VX_DSN_ADDRESS_MAX, false, &text);
	if (text.len <= WORD_MAX) {
		vx_buf_add(p->out, vx_buf_slice(&text));
		vx_buf_add_str(p->out, "\r\n");
	} else { /* no line may have that much */
		add_wrapped(p->out, vx_buf_slice(&text), 0, " ");
	}
	p->out->failed = p->out->failed || text.failed;
	vx_buf_done(&text);
}

static void add_original_recipient(const struct report *p, vx_slice orcpt)
{
	struct vx_buf address = { .max = VX_DSN_ADDRESS_MAX };
	vx_slice type;

	if (orcpt.len == 0)
		return;
	if (vx_orcpt_decode(orcpt, &type, &address) == VX_OK && address.len > 0) {
		add_address(p, "Original-Recipient", type, vx_buf_slice(&address));
	} else {
		/* RFC 6533 3: what is not what it should be is copied */
		vx_buf_add_str(p->out, "Original-Recipient: ");
		if (vx_slice_find(orcpt, ';') == orcpt.len)
			vx_buf_add_str(p->out, "unknown; ");
		add_safe(p->out, orcpt, 29, !p->utf8, " ");
	}
	vx_buf_done(&address);
}

static void add_diagnostic(const struct report *p, const struct vx_dsn_recipient *r)
{
	/* RFC 3461 9.2: of type smtp are replies, and nothing else */
	const char *const field = is_reply(r->diagnostic) ? "Diagnostic-Code: smtp; "
							  : "Diagnostic-Code: x-vectis; ";

	if (r->diagnostic.len == 0)
		return;
	vx_buf_add_str(p->out, field);
	add_safe(p->out, vx_slice_head(r->diagnostic, VX_DSN_TEXT_MAX), strlen(field),
	    !p->utf8, " ");
}

static void add_recipient(const struct report *p, const struct vx_dsn_recipient *r)
{
	const struct action *const a = &actions[r->action];

	vx_buf_add_str(p->out, "\r\n");
	add_original_recipient(p, r->orcpt);
	add_address(p, "Final-Recipient", VX_S("rfc822"), r->address);
	vx_buf_printf(p->out, "Action: %s\r\nStatus: ", a->name);
	vx_buf_add(p->out, is_status(r->status) ? r->status : vx_slice_str(a->status));
	vx_buf_add_str(p->out, "\r\n");
	if (r->remote.len > 0) {
		vx_buf_add_str(p->out, "Remote-MTA: dns; ");
		add_safe(
		    p->out, vx_slice_head(r->remote, NAME_MAX_OCTETS), 17, true, " ");
	}
	add_diagnostic(p, r);
	if (r->attempted != 0)
		add_date(p->out, "Last-Attempt-Date: ", r->attempted, p->r->zone);
	if (r->action == VX_DSN_DELAYED && r->retry_until != 0)
		add_date(p->out, "Will-Retry-Until: ", r->retry_until, p->r->zone);
}

static void add_envelope_id(const struct report *p)
{
	struct vx_buf id = { .max = VX_DSN_ENVID_MAX };

	if (p->r->envid.len == 0)
		return;
	if (vx_xtext_decode(p->r->envid, &id) !=
	    VX_OK) /* as it came is better than none */
		vx_buf_add(&id, vx_slice_head(p->r->envid, VX_DSN_ENVID_MAX));
	vx_buf_add_str(p->out, "Original-Envelope-Id: ");
	add_safe(p->out, vx_buf_slice(&id), 22, true, " ");
	vx_buf_done(&id);
}

static void add_status(const struct report *p, const struct vx_dsn_writer *w)
{
	begin_part(p, w, "Delivery report",
	    p->utf8 ? "message/global-delivery-status" : "message/delivery-status",
	    p->utf8 ? "8bit" : "7bit");
	add_envelope_id(p);
	vx_buf_printf(p->out, "Reporting-MTA: dns; %.*s\r\n", (int)p->r->hostname.len,
	    p->r->hostname.ptr);
	if (p->r->arrival != 0)
		add_date(p->out, "Arrival-Date: ", p->r->arrival, p->r->zone);
	if (p->r->hold.len > 0)
		vx_buf_printf(p->out, "Future-Release-Request: %.*s\r\n",
		    (int)p->r->hold.len, p->r->hold.ptr);
	for (size_t i = 0; i < p->r->count; i++)
		add_recipient(p, &p->r->recipients[i]);
	vx_buf_add_str(p->out, "\r\n");
}

/* --- what goes back ----------------------------------------------------------------- */

/* Where the way is not known to take 8 bits, a global one is encoded (RFC 6533 4.5). */
static void begin_full(const struct report *p, struct vx_dsn_writer *w)
{
	const bool global = p->original.high && vx_utf8_valid(p->original.header);

	w->returning = true;
	w->line_open = false;
	w->encoder =
	    (struct vx_mime_encoder){ .kind = global && !p->utf8 ? VX_ENCODING_BASE64
								 : VX_ENCODING_NONE };
	begin_part(p, w, "The message", global ? "message/global" : "message/rfc822",
	    global           ? (p->utf8 ? "8bit" : "base64")
	    : p->r->has_8bit ? "8bit"
			     : "7bit");
}

static void add_original_header(const struct report *p, const struct vx_dsn_writer *w)
{
	const struct original *const o = &p->original;
	const bool global = o->high && o->clean;
	/* RFC 6522 4: what is broken is encoded */
	const bool encoded = !o->clean || (global && !p->utf8);
	struct vx_mime_encoder e = { .kind =
					 encoded ? VX_ENCODING_QP : VX_ENCODING_NONE };

	if (o->header.len == 0)
		return;
	begin_part(p, w, "The header of the message",
	    global ? "message/global-headers" : "text/rfc822-headers",
	    encoded  ? "quoted-printable"
	    : global ? "8bit"
		     : "7bit");
	vx_mime_encode(&e, o->header, p->out);
	vx_mime_encode_end(&e, p->out);
	vx_buf_add_str(p->out, "\r\n");
}

/* RFC 3461 4.3: the whole goes back with failures only. */
static bool any_failed(const struct vx_dsn_report *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->recipients[i].action == VX_DSN_FAILED)
			return true;
	return false;
}

static bool whole_has_8bit(const struct report *p)
{
	const bool encoded =
	    p->original.high && vx_utf8_valid(p->original.header) && !p->utf8;

	return p->full && p->r->has_8bit && !encoded;
}

int vx_dsn_begin(
    struct vx_dsn_writer *w, const struct vx_dsn_report *report, struct vx_buf *out)
{
	struct report p = { .r = report, .out = out };
	const int rc = check(report);

	if (rc != VX_OK)
		return rc;
	p.original = look_at(report->header);
	p.utf8 = !vx_is_ascii(report->to);
	p.full = report->full && any_failed(report);
	*w = (struct vx_dsn_writer){ .needs_utf8 = p.utf8,
		.has_8bit = p.utf8 || whole_has_8bit(&p) };
	memcpy(w->boundary, "=_", 2);
	memcpy(w->boundary + 2, report->token.ptr, report->token.len);
	add_header(&p, w);
	add_words(&p, w);
	add_status(&p, w);
	if (p.full)
		begin_full(&p, w);
	else
		add_original_header(&p, w);
	return VX_OK;
}

void vx_dsn_content(struct vx_dsn_writer *w, vx_slice octets, struct vx_buf *out)
{
	if (!w->returning || octets.len == 0)
		return;
	vx_mime_encode(&w->encoder, octets, out);
	w->line_open =
	    w->encoder.kind == VX_ENCODING_NONE && octets.ptr[octets.len - 1] != '\n';
}

void vx_dsn_end(struct vx_dsn_writer *w, struct vx_buf *out)
{
	if (w->returning) {
		vx_mime_encode_end(&w->encoder, out);
		/* the line end before a delimiter is the delimiter's */
		vx_buf_add_str(out, w->line_open ? "\r\n\r\n" : "\r\n");
	}
	vx_buf_printf(out, "--%s--\r\n", w->boundary);
	w->returning = false;
}
