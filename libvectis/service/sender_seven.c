#include "service/sender_seven.h"

#include "base/mem.h"
#include "vectis/sevenbit.h"

#include <stdio.h>

enum {
	PIECE = 16384 /* octets that are read at a time */
};

struct sender_seven {
	struct vx_job job; /* first */
	struct vx_sender *sender;
	struct sender_outgoing *o;
	struct vx_seven *plan;       /* own */
	struct own_signing *signing; /* own */
	struct vx_buf header;        /* own: converted, when it is to be signed */
	struct vx_buf out;           /* own: converted and not yet sent */
	size_t sent;                 /* of it */
	uint64_t at;                 /* octets of the blob that were read */
	int result;
	enum vx_seven_refusal why;
	void (*done)(void *ctx, int result);
	void *ctx;
};

bool vx_sender_seven_wanted(const struct sender_outgoing *o)
{
	if (o->seven != NULL)
		return false;
	for (size_t i = 0; i < o->count; i++)
		if (!o->outcomes[i].known || o->outcomes[i].outcome != VX_SMTP_TO_7BIT)
			return false;
	return o->count > 0;
}

void vx_sender_seven_free(struct sender_seven *x)
{
	if (x == NULL)
		return;
	vx_seven_free(x->plan);
	vx_own_signing_free(x->signing);
	vx_buf_done(&x->header);
	vx_buf_done(&x->out);
	vx_free(x);
}

void vx_sender_seven_redirect(
    struct sender_outgoing *o, void (*done)(void *ctx, int result), void *ctx)
{
	o->seven->done = done;
	o->seven->ctx = ctx;
}

struct vx_sender *vx_sender_seven_sender(const struct sender_outgoing *o)
{
	return o->seven->sender;
}

/* --- on another thread -----------------------------------------------------------------
 */

static int read_piece(struct sender_seven *x, uint64_t at, size_t max, vx_slice *out)
{
	struct vx_blob_reader *r = x->o->reader;
	int rc = vx_blob_read(r, at, max, out);

	if (rc == VX_WAIT) {
		rc = vx_blob_fetch(r, at, max);
		if (rc == VX_OK)
			rc = vx_blob_read(r, at, max, out);
	}
	return rc == VX_WAIT ? VX_ETEMP : rc;
}

/* Did we sign it?  What we forward has another field in front. */
static bool is_ours(const struct sender_seven *x)
{
	return vx_own_sign_domain(x->o->prefix).len > 0;
}

/* The plan, and the header that a new signature is over. */
static int plan(struct sender_seven *x)
{
	uint64_t at = x->o->skip;
	vx_slice octets;
	int rc;

	while ((rc = read_piece(x, at, PIECE, &octets)) == VX_OK && octets.len > 0) {
		rc = vx_seven_count(x->plan, octets);
		at += octets.len;
		if (rc != VX_OK)
			return rc;
	}
	if (rc == VX_OK)
		rc = vx_seven_plan(x->plan, &x->why);
	return rc;
}

/* How far the header of what was converted goes; 0: not to its end. */
static size_t header_end(const struct vx_buf *b)
{
	const vx_slice s = vx_buf_slice(b);
	const size_t at = vx_slice_find_slice(s, VX_S("\r\n\r\n"));

	return vx_slice_has_prefix(s, VX_S("\r\n")) ? 2 : at < s.len ? at + 4 : 0;
}

static int write_header(struct sender_seven *x)
{
	uint64_t at = x->o->skip;
	size_t end = 0;
	vx_slice octets;
	int rc;

	while ((rc = read_piece(x, at, PIECE, &octets)) == VX_OK && octets.len > 0 &&
	       end == 0) {
		rc = vx_seven_write(x->plan, octets, &x->header);
		if (rc != VX_OK)
			return rc;
		at += octets.len;
		end = header_end(&x->header);
	}
	if (rc == VX_OK && end > 0)
		vx_buf_truncate(&x->header, end);
	return rc;
}

static void run_plan(struct vx_job *base)
{
	struct sender_seven *x = (struct sender_seven *)base;

	x->result = plan(x);
	if (x->result == VX_OK && is_ours(x))
		x->result = write_header(x);
	vx_seven_rewind(x->plan);
}

/* The body, as it will be sent, for the new signature. */
static int hash_body(struct sender_seven *x)
{
	uint64_t at = x->o->skip;
	size_t header = x->header.len;
	vx_slice octets;
	int rc;

	while ((rc = read_piece(x, at, PIECE, &octets)) == VX_OK) {
		size_t skipped;

		vx_buf_reset(&x->out);
		rc = octets.len > 0 ? vx_seven_write(x->plan, octets, &x->out)
				    : vx_seven_end(x->plan, &x->out);
		skipped = header < x->out.len ? header : x->out.len;
		header -= skipped;
		if (rc == VX_OK)
			rc = vx_own_sign_body(
			    x->signing, vx_slice_from(vx_buf_slice(&x->out), skipped));
		if (rc != VX_OK || octets.len == 0)
			return rc;
		at += octets.len;
	}
	return rc;
}

static void run_hash(struct vx_job *base)
{
	struct sender_seven *x = (struct sender_seven *)base;

	x->result = hash_body(x);
	vx_seven_rewind(x->plan);
	vx_buf_reset(&x->out);
}

/* --- on the loop's ---------------------------------------------------------------------
 */

static int submit(struct sender_seven *x, void (*run)(struct vx_job *job),
    void (*done)(struct vx_job *job))
{
	struct vx_loop *loop = x->sender->o.loop;

	x->job = (struct vx_job){ .run = run, .done = done };
	return loop->submit(loop, &x->job);
}

static void finish(struct sender_seven *x, int rc)
{
	struct sender_outgoing *o = x->o;

	vx_buf_done(&x->header);
	if (rc != VX_OK) {
		if (rc == VX_EUNSUP)
			vx_sender_note_again(o, VX_SMTP_PERMANENT,
			    vx_seven_refusal_status(x->why),
			    vx_slice_str(vx_seven_refusal_text(x->why)));
		else
			vx_sender_note_again(
			    o, VX_SMTP_TEMPORARY, "4.3.0", vx_slice_str(vx_strerror(rc)));
		x->done(x->ctx, rc);
		return;
	}
	vx_log(x->sender->o.log, VX_LOG_INFO, "converted to 7 bits",
	    VX_KV_Z("id", o->info.token), VX_KV_U("size", vx_seven_size(x->plan)));
	for (size_t i = 0; i < o->count; i++)
		o->outcomes[i].known = false;
	o->message.size = o->prefix.len + vx_seven_size(x->plan);
	o->message.has_8bit = o->message.body_8bit = false;
	o->message.has_bare = vx_seven_has_bare(x->plan);
	x->done(x->ctx, VX_OK);
}

static void is_signed(void *ctx, int result)
{
	struct sender_seven *x = ctx;
	struct vx_buf text = { .max = VX_QUEUE_PREFIX_MAX };

	if (result == VX_OK)
		result = vx_own_sign_write(x->signing, &text);
	vx_own_signing_free(x->signing);
	x->signing = NULL;
	if (result == VX_OK)
		result = vx_arena_copy(&x->o->arena, vx_buf_slice(&text), &x->o->prefix);
	vx_buf_done(&text);
	finish(x, result);
}

static void hashed(struct vx_job *base)
{
	struct sender_seven *x = (struct sender_seven *)base;
	int rc = x->result;

	if (rc == VX_OK)
		rc = vx_own_sign_submit(x->signing, is_signed, x);
	if (rc != VX_OK)
		finish(x, rc);
}

/* A signature over what is not sent any more goes; without a key none takes its place. */
static int sign(struct sender_seven *x)
{
	const vx_slice domain = vx_own_sign_domain(x->o->prefix);
	int rc = vx_own_sign_begin(
	    &x->sender->keys, domain, vx_buf_slice(&x->header), &x->signing);

	if (rc == VX_OK && x->signing != NULL)
		return submit(x, run_hash, hashed);
	if (rc == VX_OK) {
		x->o->prefix = vx_slice_of("", 0);
		finish(x, VX_OK);
	}
	return rc;
}

static void planned(struct vx_job *base)
{
	struct sender_seven *x = (struct sender_seven *)base;
	int rc = x->result;

	if (rc == VX_OK && is_ours(x)) {
		rc = sign(x);
		if (rc != VX_OK)
			finish(x, rc);
		return;
	}
	finish(x, rc);
}

static int begin(struct sender_seven *x)
{
	struct sender_outgoing *o = x->o;
	struct vx_descriptor d;
	struct vx_view *v;
	vx_slice octets;
	int rc = vx_view_begin(x->sender->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_descriptor_get(v, o->info.blob, &octets);
	if (rc == VX_OK)
		rc = vx_descriptor_open(octets, &d);
	if (rc == VX_OK)
		rc = vx_seven_new(&d, o->skip, &x->plan);
	vx_view_end(v);
	return rc == VX_OK ? submit(x, run_plan, planned) : rc;
}

int vx_sender_seven_begin(struct vx_sender *s, struct sender_outgoing *o,
    void (*done)(void *ctx, int result), void *ctx)
{
	struct sender_seven *x = vx_alloc(sizeof(*x));
	int rc;

	if (x == NULL)
		return VX_ENOMEM;
	x->sender = s;
	x->o = o;
	x->done = done;
	x->ctx = ctx;
	vx_buf_init(&x->header, 4 * (size_t)PIECE + 2 * VX_SEVEN_OUT_MAX);
	vx_buf_init(&x->out, 4 * (size_t)PIECE + 2 * VX_SEVEN_OUT_MAX);
	rc = begin(x);
	if (rc != VX_OK) {
		vx_sender_seven_free(x);
		return rc;
	}
	o->seven = x;
	return VX_OK;
}

/* --- reading ---------------------------------------------------------------------------
 */

/* More into x->out, which is empty. */
static int convert(struct sender_seven *x, uint64_t *offset, size_t *max)
{
	struct sender_outgoing *o = x->o;
	vx_slice octets;
	int rc;

	vx_buf_reset(&x->out);
	x->sent = 0;
	while (x->out.len == 0) {
		*offset = o->skip + x->at;
		*max = PIECE;
		rc = vx_blob_read(o->reader, *offset, *max, &octets);
		if (rc != VX_OK)
			return rc;
		rc = octets.len > 0 ? vx_seven_write(x->plan, octets, &x->out)
				    : vx_seven_end(x->plan, &x->out);
		if (rc != VX_OK)
			return rc;
		x->at += octets.len;
		if (octets.len == 0)
			return x->out.len > 0 ? VX_OK : VX_ECORRUPT;
	}
	return VX_OK;
}

int vx_sender_seven_read(struct sender_outgoing *o, size_t wanted, vx_slice *out,
    uint64_t *offset, size_t *max)
{
	struct sender_seven *x = o->seven;
	int rc = VX_OK;

	if (x->sent == x->out.len)
		rc = convert(x, offset, max);
	if (rc != VX_OK)
		return rc;
	*out = vx_slice_head(vx_slice_from(vx_buf_slice(&x->out), x->sent), wanted);
	x->sent += out->len;
	return VX_OK;
}
