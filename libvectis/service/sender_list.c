/*
 * What is for a mailing list of ours: a copy with the list's fields goes to its members,
 * into their mailboxes and into the queue, in the transaction that takes it out.
 *
 * Its reverse-path leads to the list's owner (own_srs.h): bounces never go to the list.
 * Who is in To or Cc has a copy of his own, and gets none from the list (IN-12).  What
 * the sender wished to be told of ends here: a list's copies are its own (RFC
 * 3461 5.2.7).
 */
#include "service/own_queue.h"
#include "service/own_srs.h"
#include "service/quota_notice.h"
#include "service/sender_int.h"

#include "base/encode.h"
#include "base/mem.h"
#include "vectis/address.h"
#include "vectis/directory.h"
#include "vectis/header.h"

#include <stdio.h>

#define ARENA_MAX ((size_t)8 << 20)
#define PIECE ((size_t)64 * 1024)
#define TURN ((size_t)1024 * 1024)      /* octets that are copied in one turn */
#define HEADER_MAX ((size_t)256 * 1024) /* of the original, in which To and Cc are */
#define NAMED_MAX 1000                  /* addresses of them that are looked at */
#define FIELDS_MAX ((size_t)8192)

struct sender_list {
	struct vx_job job;        /* first */
	struct vx_sender *sender; /* NULL: it is gone */
	struct destination *destination;
	struct sender_outgoing *o; /* own */
	size_t recipient;          /* of it: the list under way */
	unsigned took;
	bool busy; /* a job or an op is under way */
	/* the copy under way */
	struct vx_arena arena;
	struct vx_blob_writer *writer; /* own */
	uint64_t offset;               /* octets of the original that it has */
	int fetched;
	struct vx_deliver_op op;
	struct vx_queue_new add;
	struct vx_queue_also also;
	struct vx_queue_result result;
};

static void go_on(struct sender_list *x);

static void free_list(struct sender_list *x)
{
	if (x->writer != NULL)
		vx_blob_writer_on_wake(x->writer, NULL, NULL);
	vx_blob_writer_free(x->writer);
	vx_sender_outgoing_free(x->o);
	vx_arena_done(&x->arena);
	vx_free(x);
}

static void note(struct sender_list *x, enum vx_smtp_outcome outcome, const char *status,
    const char *text)
{
	struct vx_smtp_result r = {
		.outcome = outcome, .text = vx_slice_str(text), .dsn = true
	};

	(void)snprintf(r.status, sizeof(r.status), "%s", status);
	vx_sender_note(x->o, x->recipient++, &r);
	vx_blob_writer_free(x->writer);
	x->writer = NULL;
	vx_arena_reset(&x->arena);
}

static void note_failure(struct sender_list *x, int rc)
{
	if (rc == VX_ENOENT)
		note(x, VX_SMTP_PERMANENT, "5.1.1", "there is no such list any more");
	else if (rc == VX_ELIMIT)
		note(x, VX_SMTP_TEMPORARY, "4.5.3", "the list leads to more than it may");
	else
		note(x, VX_SMTP_TEMPORARY, "4.3.0", vx_strerror(rc));
}

/* --- who gets it -----------------------------------------------------------------------
 */

/* Those in To and Cc. */
struct named {
	vx_slice addresses[NAMED_MAX];
	uint32_t accounts[NAMED_MAX];
	size_t address_count, account_count, looked_at;
};

static int add_named(
    struct sender_list *x, struct vx_view *v, const struct vx_address *a, struct named *n)
{
	struct vx_arena scratch = { .limit = 65536 };
	struct vx_buf text = { .max = VX_ADDRESS_MAX * 2 },
		      key = { .max = VX_ADDRESS_MAX };
	struct vx_resolved r;
	int rc;

	vx_buf_printf(&text, "%.*s@%.*s", (int)a->local.len,
	    a->local.len > 0 ? a->local.ptr : "", (int)a->domain.len,
	    a->domain.len > 0 ? a->domain.ptr : "");
	rc = vx_directory_normalise(vx_buf_slice(&text), &key);
	if (rc == VX_OK && !text.failed && !key.failed) {
		rc = vx_arena_copy(
		    &x->arena, vx_buf_slice(&key), &n->addresses[n->address_count]);
		n->address_count += rc == VX_OK;
		if (rc == VX_OK)
			rc = vx_directory_person(
			    v, vx_buf_slice(&key), x->sender->o.delimiter, &scratch, &r);
		if (rc == VX_OK && r.kind == VX_RESOLVED_LOCAL && r.count == 1 &&
		    r.targets[0].account != 0)
			n->accounts[n->account_count++] = r.targets[0].account;
	}
	vx_buf_done(&text);
	vx_buf_done(&key);
	vx_arena_done(&scratch);
	return rc == VX_EINVAL ? VX_OK : rc;
}

static int read_header(struct sender_outgoing *o, vx_slice *out)
{
	int rc = vx_blob_read(o->reader, o->skip, HEADER_MAX, out);

	if (rc == VX_WAIT) {
		rc = vx_blob_fetch(o->reader, o->skip, HEADER_MAX);
		if (rc == VX_OK)
			rc = vx_blob_read(o->reader, o->skip, HEADER_MAX, out);
	}
	return rc == VX_WAIT ? VX_ETEMP : rc;
}

static int find_named(struct sender_list *x, struct vx_view *v, struct named *n)
{
	struct vx_field f;
	vx_slice header;
	int rc = read_header(x->o, &header);

	while (rc == VX_OK && n->looked_at < NAMED_MAX && vx_field_next(&header, &f)) {
		struct vx_address *a;

		if (!vx_slice_eq_nocase(f.name, VX_S("To")) &&
		    !vx_slice_eq_nocase(f.name, VX_S("Cc")))
			continue;
		rc = vx_address_parse(f.value, &x->arena, &a);
		rc = rc == VX_ELIMIT ? VX_OK : rc;
		for (; rc == VX_OK && a != NULL && n->looked_at < NAMED_MAX; a = a->next)
			if (a->kind == VX_ADDRESS_MAILBOX) {
				n->looked_at++;
				rc = add_named(x, v, a, n);
			}
	}
	return rc;
}

static bool is_named(const struct named *n, const struct vx_resolved_target *t)
{
	for (size_t i = 0; t->account != 0 && i < n->account_count; i++)
		if (n->accounts[i] == t->account)
			return true;
	for (size_t i = 0; t->account == 0 && i < n->address_count; i++)
		if (vx_slice_eq(n->addresses[i], t->address))
			return true;
	return false;
}

/* One that is full does not keep it from the others. */
static bool has_room(struct vx_view *v, uint32_t account, uint64_t size)
{
	struct vx_quota q;

	if (vx_quota_get(v, account, &q) != VX_OK)
		return false;
	return (q.limit_octets == 0 || (q.used_octets < q.limit_octets &&
					   size <= q.limit_octets - q.used_octets)) &&
	       (q.limit_messages == 0 || q.used_messages < q.limit_messages);
}

static int add_to(struct sender_list *x, const struct vx_resolved_target *t)
{
	struct vx_queue_to *to = &x->add.to[x->add.count];

	*to = (struct vx_queue_to){ .forward_path = t->address };
	if (vx_own_destination(&x->arena, t->address, &to->destination) != VX_OK)
		return VX_EINVAL;
	x->add.count++;
	return VX_OK;
}

static void log_left_out(
    struct sender_list *x, const struct vx_resolved_target *t, const char *why)
{
	vx_log(x->sender->o.log, VX_LOG_INFO, "no copy from a list",
	    VX_KV_Z("id", x->o->info.token), VX_KV_S("to", t->address),
	    VX_KV_S("list", x->o->recipients[x->recipient].forward_path),
	    VX_KV_Z("reason", why));
}

static int choose(struct sender_list *x, struct vx_view *v, const struct vx_resolved *all,
    const struct named *named)
{
	x->add = (struct vx_queue_new){ .to = vx_arena_array(&x->arena, all->count + 1,
					    sizeof(*x->add.to)) };
	x->op.targets = vx_arena_array(&x->arena, all->count + 1, sizeof(*x->op.targets));
	if (x->add.to == NULL || x->op.targets == NULL)
		return VX_ELIMIT;
	for (size_t i = 0; i < all->count; i++) {
		const struct vx_resolved_target *t = &all->targets[i];

		if (is_named(named, t))
			log_left_out(x, t, "is in To or Cc");
		else if (t->account == 0 && add_to(x, t) != VX_OK)
			log_left_out(x, t, "the address cannot be sent to");
		else if (t->account != 0 && !has_room(v, t->account, x->o->message.size))
			log_left_out(x, t, "the mailbox is full");
		else if (t->account != 0)
			x->op.targets[x->op.target_count++] =
			    (struct vx_delivery_target){ .account = t->account };
	}
	return VX_OK;
}

/* --- what it says of itself ------------------------------------------------------------
 */

/* In the list's domain, and to its owner. */
static void bounce_path(struct sender_list *x, vx_slice list, struct vx_buf *out)
{
	char octets[VX_SHA256_OCTETS];
	const vx_slice secret = vx_slice_of(octets, sizeof(octets));
	const struct vx_srs_options o = { .struct_size = sizeof(o),
		.secrets = &secret,
		.secrets_count = 1,
		.always = true };

	vx_own_srs_secret(x->sender->o.store, octets);
	/* what cannot be written gets no bounces */
	(void)vx_srs_forward(&o, list, vx_slice_from(list, vx_slice_rfind(list, '@') + 1),
	    vx_sender_now(x->sender), out);
	vx_wipe(octets, sizeof(octets));
}

static void add_title(vx_slice title, struct vx_buf *out)
{
	if (title.len == 0)
		return;
	if (!vx_is_ascii(title)) {
		vx_text_encode(title, out);
		vx_buf_add_char(out, ' ');
		return;
	}
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < title.len; i++) {
		if (title.ptr[i] == '"' || title.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, title.ptr[i]);
	}
	vx_buf_add_str(out, "\" ");
}

/* RFC 2919, RFC 2369, RFC 9228; nobody answers by himself to what is of a list. */
static void write_fields(
    struct sender_list *x, const struct vx_list *list, struct vx_buf *out)
{
	const vx_slice a = list->address;
	const int at = (int)vx_slice_rfind(a, '@');
	const int domain = (int)a.len - at - 1;

	vx_buf_add_str(out, "Return-Path: <");
	vx_buf_add(out, x->add.reverse_path);
	vx_buf_printf(out, ">\r\nDelivered-To: %.*s\r\nList-Id: ", (int)a.len, a.ptr);
	add_title(list->title, out);
	vx_buf_printf(out, "<%.*s.%.*s>\r\n", at, a.ptr, domain, a.ptr + at + 1);
	vx_buf_printf(out, "List-Post: <mailto:%.*s>\r\n", (int)a.len, a.ptr);
	vx_buf_add_str(out, "Precedence: list\r\n");
}

static int begin_blob(struct sender_list *x, const struct vx_list *list)
{
	struct vx_buf path = { .max = VX_QUEUE_PATH_MAX },
		      fields = { .max = FIELDS_MAX + VX_QUEUE_PREFIX_MAX };
	int rc;

	bounce_path(x, list->address, &path);
	rc = vx_arena_copy(&x->arena, vx_buf_slice(&path), &x->add.reverse_path);
	if (rc == VX_OK)
		rc = vx_blob_writer_new(x->sender->o.store, &x->writer);
	if (rc == VX_OK) {
		write_fields(x, list, &fields);
		rc = fields.failed ? VX_ELIMIT
				   : vx_blob_writer_add(x->writer, vx_buf_slice(&fields));
		rc = rc == VX_WAIT ? VX_OK : rc;
	}
	vx_buf_done(&path);
	vx_buf_done(&fields);
	return rc;
}

/* --- a list ----------------------------------------------------------------------------
 */

static int prepare_in(struct sender_list *x, struct vx_view *v)
{
	struct named *named = vx_alloc(sizeof(*named));
	struct vx_resolved all = { 0 };
	struct vx_list list;
	int rc = named == NULL ? VX_ENOMEM
			       : vx_directory_list(v,
				     x->o->recipients[x->recipient].forward_path, &list);

	if (rc == VX_EINVAL ||
	    (rc == VX_OK && (list.flags & (VX_LIST_GROUP | VX_LIST_INACTIVE)) != 0))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_directory_expand(v, &list, &x->arena, &all);
	if (rc == VX_OK)
		rc = find_named(x, v, named);
	if (rc == VX_OK)
		rc = choose(x, v, &all, named);
	if (rc == VX_OK && x->op.target_count + x->add.count > 0)
		rc = begin_blob(x, &list);
	vx_free(named);
	return rc;
}

static int prepare(struct sender_list *x)
{
	struct vx_view *v;
	int rc = vx_view_begin(x->sender->o.store, &v);

	x->op = (struct vx_deliver_op){ .target_count = 0 };
	x->offset = 0;
	if (rc == VX_OK) {
		rc = prepare_in(x, v);
		vx_view_end(v);
	}
	return rc;
}

static void tell_quotas(struct sender_list *x)
{
	const struct vx_sender_options *o = &x->sender->o;
	const struct vx_quota_notice n = { .store = o->store,
		.log = o->log,
		.hostname = o->hostname,
		.now_s = vx_sender_now(x->sender) };

	for (size_t i = 0; i < x->op.target_count; i++)
		if (x->op.targets[i].result == VX_OK && x->op.targets[i].quota_due != 0)
			vx_quota_notice_send(
			    &n, x->op.targets[i].account, x->op.targets[i].quota_due);
}

static void delivered(struct vx_store_op *base)
{
	struct sender_list *x =
	    (struct sender_list *)(void *)((char *)base -
					   offsetof(struct sender_list, op));
	const int rc = base->result;

	x->busy = false;
	if (x->sender == NULL) {
		free_list(x);
		return;
	}
	if (rc == VX_OK) {
		tell_quotas(x);
		vx_log(x->sender->o.log, VX_LOG_INFO, "sent to a list",
		    VX_KV_Z("id", x->o->info.token),
		    VX_KV_S("list", x->o->recipients[x->recipient].forward_path),
		    VX_KV_U("mailboxes", x->op.target_count),
		    VX_KV_U("queued", x->add.count));
	}
	/* a conflict: it was taken out of the queue meanwhile */
	if (rc == VX_OK || rc == VX_ECONFLICT)
		note(x, VX_SMTP_DELIVERED, "2.0.0", "sent to the members");
	else
		note_failure(x, rc == VX_ELIMIT || rc == VX_ENOENT ? VX_ETEMP : rc);
	go_on(x);
}

static int commit(struct sender_list *x)
{
	const uint32_t now = vx_sender_now(x->sender);
	const vx_slice list = x->o->recipients[x->recipient].forward_path;
	struct vx_delivery_target *targets = x->op.targets;
	const size_t count = x->op.target_count;

	vx_own_token(x->add.token);
	x->add.created = x->add.due = now;
	x->add.size = vx_blob_writer_size(x->writer);
	x->add.account = x->o->info.account;
	x->add.domain = vx_slice_from(list, vx_slice_rfind(list, '@') + 1);
	x->add.prefix = x->o->prefix; /* its author's signature, of those that leave */
	x->add.flags =
	    x->o->info.flags & (VX_QUEUE_8BIT | VX_QUEUE_UTF8 | VX_QUEUE_HAS_8BIT |
				   VX_QUEUE_HAS_UTF8_HEADER | VX_QUEUE_HAS_BARE);
	x->result = (struct vx_queue_result){ .message = x->o->info.id,
		.number = x->o->recipients[x->recipient].number,
		.finished = true };
	x->also = (struct vx_queue_also){ .add = &x->add,
		.add_count = x->add.count > 0,
		.results = &x->result,
		.count = 1 };
	vx_deliver_op_init(&x->op, x->writer);
	x->op.targets = targets;
	x->op.target_count = count;
	x->op.internal_date = now;
	x->op.overfill = true;
	x->op.also = vx_queue_also;
	x->op.also_ctx = &x->also;
	x->op.op.done = delivered;
	x->busy = vx_store_submit(x->sender->o.store, &x->op.op) == VX_OK;
	return x->busy ? VX_WAIT : VX_ETEMP;
}

/* --- copying ---------------------------------------------------------------------------
 */

static void run_fetch(struct vx_job *base)
{
	struct sender_list *x = (struct sender_list *)base;

	x->fetched = vx_blob_fetch(x->o->reader, x->o->skip + x->offset, PIECE);
}

static void copy(struct sender_list *x);

static void fetched(struct vx_job *base)
{
	struct sender_list *x = (struct sender_list *)base;

	x->busy = false;
	if (x->sender == NULL) {
		free_list(x);
	} else if (x->fetched != VX_OK) {
		note_failure(x, VX_EIO);
		go_on(x);
	} else {
		copy(x);
	}
}

/* Another thread brings what is not in memory; meanwhile others have their turn. */
static int fetch(struct sender_list *x)
{
	struct vx_loop *loop = x->sender->o.loop;

	x->job = (struct vx_job){ .run = run_fetch, .done = fetched };
	x->busy = loop->submit(loop, &x->job) == VX_OK;
	return x->busy ? VX_WAIT : VX_ETEMP;
}

static void wake(void *ctx)
{
	copy(ctx);
}

static int copy_some(struct sender_list *x)
{
	vx_slice octets;
	size_t copied = 0;
	int rc;

	while (copied < TURN) {
		rc = vx_blob_read(x->o->reader, x->o->skip + x->offset, PIECE, &octets);
		if (rc == VX_WAIT)
			break;
		if (rc != VX_OK)
			return rc;
		if (octets.len == 0)
			return commit(x);
		rc = vx_blob_writer_add(x->writer, octets);
		x->offset += octets.len;
		copied += octets.len;
		if (rc == VX_WAIT)
			vx_blob_writer_on_wake(x->writer, wake, x);
		if (rc != VX_OK)
			return rc;
	}
	return fetch(x);
}

static void copy(struct sender_list *x)
{
	const int rc = copy_some(x);

	if (rc == VX_WAIT)
		return;
	note_failure(x, rc == VX_ELIMIT ? VX_ETEMP : rc);
	go_on(x);
}

/* --- one list after the other
 * -------------------------------------------------------------------- */

/* VX_WAIT: it is under way. */
static int begin_list(struct sender_list *x)
{
	int rc = prepare(x);

	if (rc == VX_OK && x->writer == NULL) {
		note(x, VX_SMTP_DELIVERED, "2.0.0", "there is nobody to send it to");
		return VX_OK;
	}
	if (rc == VX_OK)
		rc = copy_some(x);
	if (rc != VX_WAIT)
		note_failure(x, rc);
	return rc;
}

static void end(struct sender_list *x)
{
	struct vx_sender *s = x->sender;
	struct destination *d = x->destination;
	const unsigned took = x->took;

	s->list = NULL;
	free_list(x);
	vx_sender_visited(s, d, took, NULL);
}

/* The next message that is for lists; false: there is none. */
static bool next_message(struct sender_list *x)
{
	struct vx_sender *s = x->sender;

	if (s->stopping || vx_sender_claim(s, x->destination, vx_sender_now(s), &x->o,
			       &x->destination->due) != VX_OK)
		return false;
	x->recipient = 0;
	x->took++;
	if (vx_sender_prepare(s, x->o) != VX_OK) {
		vx_sender_note_all(
		    x->o, VX_SMTP_TEMPORARY, "4.3.0", VX_S("the message cannot be read"));
		x->recipient = x->o->count;
	}
	return true;
}

static void go_on(struct sender_list *x)
{
	for (;;) {
		struct sender_outgoing *o;

		if (x->o == NULL && !next_message(x)) {
			end(x);
			return;
		}
		o = x->o;
		while (x->recipient < o->count)
			if (begin_list(x) == VX_WAIT)
				return;
		x->o = NULL;
		vx_sender_settle(x->sender, o);
	}
}

int vx_sender_list_visit(struct vx_sender *s, struct destination *d)
{
	struct sender_list *x;

	if (s->list != NULL)
		return VX_EBUSY;
	x = vx_alloc(sizeof(*x));
	if (x == NULL)
		return VX_ENOMEM;
	x->sender = s;
	x->destination = d;
	vx_arena_init(&x->arena, ARENA_MAX);
	s->list = x;
	s->visits++;
	d->visits++;
	d->due = UINT32_MAX; /* until a claim finds more */
	go_on(x);
	return VX_OK;
}

void vx_sender_list_alone(struct vx_sender *s)
{
	struct sender_list *x = s->list;

	if (x == NULL)
		return;
	s->list = NULL;
	vx_sender_unclaim(x->o);
	x->sender = NULL;
	if (x->writer != NULL)
		vx_blob_writer_on_wake(x->writer, NULL, NULL);
	/* what waits for the disk only is not waited for; a job or an op ends it */
	if (!x->busy)
		free_list(x);
}
