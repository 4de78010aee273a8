#include "service/smtp_header.h"

enum {
	BLANK_LINE = 4 /* CR LF CR LF */
};

/* Where the blank line ends among what was kept and what comes; 0: not yet. */
static size_t find_end(struct smtp_txn *t, vx_slice octets)
{
	const size_t kept = t->header.len;
	const size_t from = kept < BLANK_LINE - 1 ? 0 : kept - (BLANK_LINE - 1);
	size_t at;

	vx_buf_add(&t->header, octets);
	if (t->header.failed)
		return 0;
	if (kept < 2 && vx_slice_has_prefix(vx_buf_slice(&t->header), VX_S("\r\n")))
		return 2; /* no header at all */
	at = vx_slice_find_slice(
	    vx_slice_from(vx_buf_slice(&t->header), from), VX_S("\r\n\r\n"));
	return from + at + BLANK_LINE <= t->header.len ? from + at + BLANK_LINE : 0;
}

int vx_smtp_header_take(struct smtp_txn *t, vx_slice *octets)
{
	const size_t kept = t->header.len;
	size_t end;

	/*
	 * A line that begins with a blank would go on with the last field that we put in
	 * front of it, and say what it likes there: it belongs to the body.
	 */
	if (kept == 0 && octets->len > 0 &&
	    (octets->ptr[0] == ' ' || octets->ptr[0] == '\t')) {
		vx_buf_add_str(&t->header, "\r\n");
		return t->header.failed ? VX_ELIMIT : VX_OK;
	}
	end = find_end(t, *octets);
	if (t->header.failed)
		return VX_ELIMIT;
	if (end == 0)
		return VX_MORE;
	vx_buf_truncate(&t->header, end);
	*octets = vx_slice_from(*octets, end - kept);
	return VX_OK;
}

static void keep(struct smtp_txn *t, enum vx_event_text which, vx_slice value)
{
	struct vx_buf text = { .max = VX_EVENT_TEXT_MAX };

	if (t->event.texts[which].len > 0)
		return;
	vx_field_unfold(vx_slice_head(value, VX_EVENT_TEXT_MAX), &text);
	(void)vx_arena_copy(&t->arena, vx_buf_slice(&text), &t->event.texts[which]);
	vx_buf_done(&text);
}

void vx_smtp_header_see(struct smtp_txn *t, const struct vx_field *f)
{
	if (vx_slice_eq_nocase(f->name, VX_S("Received")))
		t->received++;
	else if (vx_slice_eq_nocase(f->name, VX_S("Message-ID")))
		keep(t, VX_EVENT_MESSAGE_ID, vx_slice_trim(f->value, " \t\r\n<>"));
	else if (vx_slice_eq_nocase(f->name, VX_S("Subject")))
		keep(t, VX_EVENT_SUBJECT, f->value);
}

bool vx_smtp_header_has_end(vx_slice header)
{
	return vx_slice_has_suffix(header, VX_S("\r\n\r\n")) ||
	       vx_slice_eq(header, VX_S("\r\n"));
}
