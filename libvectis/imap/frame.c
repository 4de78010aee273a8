#include "imap/frame.h"

#include "base/chars.h"

void vx_imap_frame_init(struct vx_imap_frame *f)
{
	*f = (struct vx_imap_frame){ .command = { .max = VX_IMAP_COMMAND_MAX } };
}

void vx_imap_frame_done(struct vx_imap_frame *f)
{
	vx_buf_wipe(&f->command);
}

/* So large that nobody means it. */
#define LITERAL_MAX (UINT64_MAX / 4)

static size_t line_max(const struct vx_imap_frame *f)
{
	return f->authenticated ? VX_IMAP_LINE_MAX : VX_IMAP_LINE_MAX_EARLY;
}

static size_t command_max(const struct vx_imap_frame *f)
{
	return f->authenticated ? VX_IMAP_COMMAND_MAX : VX_IMAP_COMMAND_MAX_EARLY;
}

/* "{n}", "{n+}", "~{n}" at the end of a line: is there one, and which? */
static bool literal_at_end(vx_slice line, uint64_t *size, bool *nonsync)
{
	const size_t open = vx_slice_rfind(line, '{');
	vx_slice digits;

	if (open == line.len || line.ptr[line.len - 1] != '}')
		return false;
	digits = vx_slice_of(line.ptr + open + 1, line.len - open - 2);
	*nonsync = digits.len > 0 && digits.ptr[digits.len - 1] == '+';
	if (*nonsync)
		digits.len--;
	if (vx_slice_number(digits, LITERAL_MAX, size) == VX_OK)
		return true;
	*size = UINT64_MAX; /* when it comes anyhow, that is too large */
	for (size_t i = 0; i < digits.len; i++)
		if (!vx_is(digits.ptr[i], VX_C_DIGIT))
			return false;
	return digits.len > 0 && *nonsync;
}

static bool take_word(vx_slice *s, vx_slice word)
{
	if (!vx_slice_has_prefix_nocase(*s, word))
		return false;
	*s = vx_slice_from(*s, word.len);
	return true;
}

/*
 * The literal of an APPEND or a REPLACE that is its message: everything before it is
 * complete, so the mailbox is there ("tag APPEND mailbox ...", "tag UID REPLACE 4
 * mailbox ..."), not itself a literal.
 */
static bool is_message(const struct vx_imap_frame *f, vx_slice before)
{
	vx_slice rest = vx_slice_from(before, vx_slice_find(before, ' ') + 1);

	if (!take_word(&rest, VX_S("APPEND "))) {
		(void)take_word(&rest, VX_S("UID "));
		if (!take_word(&rest, VX_S("REPLACE ")))
			return false;
		rest = vx_slice_from(rest, vx_slice_find(rest, ' ') + 1);
	}
	rest = vx_slice_trim(rest, " ");
	/* "CATENATE (URL {20}": a string of the command as others are */
	if (rest.len > 4 &&
	    vx_slice_has_prefix_nocase(vx_slice_from(rest, rest.len - 4), VX_S(" URL")))
		return false;
	return f->authenticated && rest.len > 0;
}

static int too_long(struct vx_imap_frame *f, enum vx_imap_frame_event *event)
{
	f->handed_out = true;
	f->dropping = false;
	*event = VX_IMAP_TOO_LONG;
	if (!f->refused)
		return VX_DATA;
	f->refused = false;
	return VX_OK;
}

static int give_up(struct vx_imap_frame *f)
{
	f->fatal = true;
	return VX_DONE;
}

/* What followed a message that was refused: the command ends, or one more literal comes.
 */
static int end_refused(struct vx_imap_frame *f, bool literal, uint64_t size)
{
	if (literal && f->nonsync) {
		if (size > LITERAL_MAX)
			return give_up(f);
		f->swallow = size;
		f->line_start = 0;
		vx_buf_truncate(&f->command, 0);
		return VX_OK;
	}
	f->refused = false;
	f->handed_out = true;
	return VX_OK;
}

/* A line is complete (without its CRLF): a command, or a literal follows. */
static int end_line(
    struct vx_imap_frame *f, struct vx_buf *out, enum vx_imap_frame_event *event)
{
	const vx_slice all = vx_slice_head(vx_buf_slice(&f->command), f->command.len - 2);
	const vx_slice line = vx_slice_from(all, f->line_start);
	const size_t open = vx_slice_rfind(all, '{');
	uint64_t size;
	const bool literal = literal_at_end(line, &size, &f->nonsync);

	if (f->refused)
		return end_refused(f, literal, size);
	if (!literal) {
		vx_buf_truncate(&f->command, all.len);
		f->handed_out = true;
		*event = VX_IMAP_COMMAND;
		return VX_DATA;
	}
	if (size <= LITERAL_MAX && is_message(f, vx_slice_head(all, open))) {
		vx_buf_truncate(&f->command, all.len);
		f->message = size;
		f->asked = true;
		*event = VX_IMAP_MESSAGE;
		return VX_DATA;
	}
	if (size > command_max(f) - f->command.len) {
		if (f->nonsync)
			return give_up(f); /* it is coming: there is no place to put it */
		return too_long(f, event);
	}
	if (!f->nonsync)
		vx_buf_add_str(out, "+ go on\r\n");
	f->literal = size;
	f->line_start = f->command.len;
	return VX_OK;
}

static void keep_tail(struct vx_imap_frame *f, vx_slice part)
{
	const size_t n = part.len < sizeof(f->tail) ? part.len : sizeof(f->tail);

	if (n == 0)
		return;
	memmove(f->tail, f->tail + n, sizeof(f->tail) - n);
	memcpy(f->tail + sizeof(f->tail) - n, part.ptr + part.len - n, n);
}

/* The beginning has the tag by which the command is refused, in every split. */
static void keep_head(struct vx_imap_frame *f, vx_slice part)
{
	if (f->command.len < VX_IMAP_HEAD_MAX)
		vx_buf_add(
		    &f->command, vx_slice_head(part, VX_IMAP_HEAD_MAX - f->command.len));
}

/*
 * A line that is too long.  When it ends with "{n+}" its literal is on its way, and must
 * not be taken for commands.
 */
static int drop_line(
    struct vx_imap_frame *f, vx_slice part, bool whole, enum vx_imap_frame_event *event)
{
	if (!f->dropping) {
		keep_tail(f, vx_buf_slice(&f->command));
		keep_head(f, part);
	}
	keep_tail(f, part);
	f->dropping = true;
	if (!whole)
		return VX_OK;
	if (memcmp(f->tail, "+}\r\n", sizeof(f->tail)) == 0)
		return give_up(f);
	return too_long(f, event);
}

static int take_line(struct vx_imap_frame *f, vx_slice *in, struct vx_buf *out,
    enum vx_imap_frame_event *event)
{
	const size_t lf = vx_slice_find(*in, '\n');
	const bool whole = lf < in->len;
	const vx_slice part = vx_slice_head(*in, whole ? lf + 1 : lf);

	*in = vx_slice_from(*in, part.len);
	if (f->dropping || f->command.len - f->line_start + part.len > line_max(f) ||
	    f->command.len + part.len > command_max(f)) {
		return drop_line(f, part, whole, event);
	}
	vx_buf_add(&f->command, part);
	if (f->command.failed)
		return VX_ENOMEM;
	if (!whole)
		return VX_OK;
	/* a bare LF is taken as a line end nowhere: it is part of a bad command */
	if (f->command.len - f->line_start < 2 ||
	    f->command.ptr[f->command.len - 2] != '\r')
		return too_long(f, event);
	return end_line(f, out, event);
}

static int take_message(struct vx_imap_frame *f, vx_slice *in,
    enum vx_imap_frame_event *event, vx_slice *octets)
{
	*octets =
	    vx_slice_head(*in, f->message < SIZE_MAX ? (size_t)f->message : SIZE_MAX);
	*in = vx_slice_from(*in, octets->len);
	f->message -= octets->len;
	*event = VX_IMAP_OCTETS;
	if (f->message == 0)
		f->line_start = f->command.len; /* the rest of the line follows */
	return VX_DATA;
}

static void take_some(uint64_t *left, vx_slice *in, struct vx_buf *to)
{
	const vx_slice part =
	    vx_slice_head(*in, *left < SIZE_MAX ? (size_t)*left : SIZE_MAX);

	if (to != NULL)
		vx_buf_add(to, part);
	*in = vx_slice_from(*in, part.len);
	*left -= part.len;
}

static void take_literal(struct vx_imap_frame *f, vx_slice *in)
{
	take_some(&f->literal, in, &f->command);
	f->line_start = f->command.len; /* what is in it is no part of a line */
}

/* Nothing of what was handed out is needed any more. */
static void begin(struct vx_imap_frame *f)
{
	f->handed_out = false;
	f->line_start = 0;
	vx_buf_shrink(&f->command, 1024);
}

int vx_imap_frame_next(struct vx_imap_frame *f, vx_slice *in, struct vx_buf *out,
    enum vx_imap_frame_event *event, vx_slice *octets)
{
	int rc = VX_OK;

	if (f->fatal)
		return VX_DONE;
	while (rc == VX_OK && in->len > 0) {
		if (f->handed_out)
			begin(f);
		if (f->asked)
			return VX_WAIT;
		if (f->swallow > 0)
			take_some(&f->swallow, in, NULL);
		else if (f->message > 0)
			rc = take_message(f, in, event, octets);
		else if (f->literal > 0)
			take_literal(f, in);
		else
			rc = take_line(f, in, out, event);
		if (f->command.failed)
			return VX_ENOMEM;
	}
	return rc == VX_OK ? VX_MORE : rc;
}

void vx_imap_frame_accept(struct vx_imap_frame *f, struct vx_buf *out)
{
	f->asked = false;
	if (!f->nonsync)
		vx_buf_add_str(out, "+ go on\r\n");
	f->line_start = f->command.len;
}

void vx_imap_frame_refuse(struct vx_imap_frame *f)
{
	f->asked = false;
	if (f->nonsync)
		f->swallow = f->message;
	f->refused = f->nonsync;
	f->message = 0;
	f->handed_out = true;
}
