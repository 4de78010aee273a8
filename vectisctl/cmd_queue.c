/* queue: mail that waits to be sent. */
#include "vectis/queue.h"
#include "vectis/relay.h"
#include "vectisctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LIST_MAX 1000 /* messages that a list shows unless --all is given */

static void when(uint64_t s, char out[32])
{
	const time_t t = (time_t)s;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(out, 32, "%" PRIu64, s);
}

/* Empty: the null reverse-path of reports. */
static vx_slice sender_of(const struct vx_queue_message *m)
{
	return m->reverse_path.len > 0 ? m->reverse_path : VX_S("<>");
}

static const char *state_of(
    const struct vx_queue_message *m, const struct vx_queue_recipient *r)
{
	return (m->flags & VX_QUEUE_HELD) != 0     ? "held"
	       : r->attempts > 0                   ? "deferred"
	       : m->release > (uint64_t)time(NULL) ? "scheduled"
						   : "waiting";
}

static bool is_relayed(const struct vx_queue_recipient *r)
{
	return r->destination.len > 1 && r->destination.ptr[0] == VX_RELAY_MARK;
}

/* The domain, whatever way it goes. */
static vx_slice destination_of(const struct vx_queue_recipient *r)
{
	if (!is_relayed(r))
		return r->destination;
	return vx_slice_from(r->forward_path, vx_slice_rfind(r->forward_path, '@') + 1);
}

static json_t *recipient_json(
    const struct vx_queue_message *m, const struct vx_queue_recipient *r)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "address", ctl_text(r->forward_path));
	(void)json_object_set_new(j, "destination", ctl_text(destination_of(r)));
	(void)json_object_set_new(j, "relay",
	    is_relayed(r) ? ctl_text(vx_slice_from(r->destination, 1)) : json_null());
	(void)json_object_set_new(j, "state", json_string(state_of(m, r)));
	(void)json_object_set_new(j, "next_try", json_integer((json_int_t)r->due));
	(void)json_object_set_new(j, "attempts", json_integer((json_int_t)r->attempts));
	(void)json_object_set_new(j, "host", ctl_text(r->host));
	(void)json_object_set_new(j, "reason", ctl_text(r->reply));
	return j;
}

static json_t *message_json(const struct vx_queue_message *m)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "id", json_string(m->token));
	(void)json_object_set_new(j, "sender", ctl_text(m->reverse_path));
	(void)json_object_set_new(j, "size", json_integer((json_int_t)m->size));
	(void)json_object_set_new(j, "created", json_integer((json_int_t)m->created));
	(void)json_object_set_new(j, "release", json_integer((json_int_t)m->release));
	(void)json_object_set_new(
	    j, "held", json_boolean((m->flags & VX_QUEUE_HELD) != 0));
	(void)json_object_set_new(
	    j, "recipients", json_integer((json_int_t)m->recipients));
	(void)json_object_set_new(j, "left", json_integer((json_int_t)m->left));
	return j;
}

static void say_recipient(const struct ctl *c, const struct vx_queue_message *m,
    const struct vx_queue_recipient *r)
{
	char due[32];
	const vx_slice relay =
	    is_relayed(r) ? vx_slice_from(r->destination, 1) : VX_S("");

	when(r->due, due);
	ctl_say(c, "  %-8s %.*s%s%.*s", state_of(m, r), (int)r->forward_path.len,
	    r->forward_path.ptr, relay.len > 0 ? " by relay " : "", (int)relay.len,
	    relay.ptr);
	if (strcmp(state_of(m, r), "scheduled") == 0)
		ctl_say(c, "           its sender wants it to be sent at %s", due);
	if (r->attempts > 0)
		ctl_say(c, "           tried %u times, next %s: %.*s%s%.*s%s",
		    r->attempts, due, (int)r->reply.len, r->reply.ptr,
		    r->host.len > 0 ? " [" : "", (int)r->host.len, r->host.ptr,
		    r->host.len > 0 ? "]" : "");
}

/* A message with its recipients. */
static void show(
    struct ctl *c, struct vx_view *v, const struct vx_queue_message *m, json_t *list)
{
	json_t *j = message_json(m), *to = json_array();
	struct vx_queue_recipient r;
	char created[32];

	when(m->created, created);
	ctl_say(c, "%s  %s  %" PRIu64 " octets  %.*s", m->token, created, m->size,
	    (int)sender_of(m).len, sender_of(m).ptr);
	for (uint64_t from = 0; from <= UINT32_MAX &&
				vx_queue_recipient(v, m->id, (uint32_t)from, &r) == VX_OK;
	     from = (uint64_t)r.number + 1) {
		say_recipient(c, m, &r);
		(void)json_array_append_new(to, recipient_json(m, &r));
	}
	(void)json_object_set_new(j, "to", to);
	(void)json_array_append_new(list, j);
}

static int queue_list(struct ctl *c)
{
	const bool all = ctl_flag(c, "--all");
	struct vx_queue_message m = { 0 };
	json_t *list = json_array();
	struct vx_view *v;
	uint64_t count = 0;
	int rc = vx_view_begin(c->store, &v);

	if (rc != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	while ((rc = vx_queue_next(v, m.id, &m)) == VX_OK)
		if (count++ < LIST_MAX || all)
			show(c, v, &m, list);
	vx_view_end(v);
	(void)json_object_set_new(c->result, "messages", list);
	(void)json_object_set_new(c->result, "count", json_integer((json_int_t)count));
	if (rc != VX_ENOENT)
		return ctl_fail(c, CTL_FAILED,
		    "the queue is damaged: stop the daemons and run vectisctl store "
		    "repair");
	if (count == 0)
		ctl_say(c, "the queue is empty");
	else if (count > LIST_MAX && !all)
		ctl_say(c, "and %" PRIu64 " more: --all shows them", count - LIST_MAX);
	else
		ctl_say(c, "%" PRIu64 " message%s", count, count == 1 ? "" : "s");
	return CTL_OK;
}

/* The message that is meant, by the id that people are told. */
static int find(struct ctl *c, struct vx_view *v, struct vx_queue_message *m)
{
	const int rc = vx_queue_find(v, vx_slice_str(c->args[0]), m);

	if (rc == VX_ENOENT)
		return ctl_fail(c, CTL_FAILED,
		    "there is no message %s in the queue: it was sent, given up or "
		    "deleted",
		    c->args[0]);
	return rc == VX_OK ? CTL_OK : ctl_fail(c, CTL_FAILED, "the queue cannot be read");
}

static int write_content(struct ctl *c, uint64_t blob)
{
	struct vx_buf text = { .max = (size_t)2 << 30 };
	struct vx_blob_reader *reader;
	uint64_t at = 0;
	vx_slice octets;
	int rc = vx_blob_open(c->store, blob, &reader);

	if (rc != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the message cannot be read");
	while (
	    (rc = vx_blob_read(reader, at, 65536, &octets)) == VX_WAIT || rc == VX_OK) {
		if (rc == VX_WAIT) {
			if (vx_blob_fetch(reader, at, 65536) != VX_OK)
				break;
			continue;
		}
		if (octets.len == 0)
			break;
		at += octets.len;
		if (c->json)
			vx_buf_add(&text, octets);
		else
			(void)fwrite(octets.ptr, 1, octets.len, stdout);
	}
	vx_blob_close(reader);
	if (c->json)
		(void)json_object_set_new(
		    c->result, "content", ctl_text(vx_buf_slice(&text)));
	vx_buf_done(&text);
	return rc == VX_OK ? CTL_OK
			   : ctl_fail(c, CTL_FAILED, "the message cannot be read");
}

static int queue_show(struct ctl *c)
{
	json_t *list = json_array();
	struct vx_queue_message m;
	struct vx_view *v;
	uint64_t blob = 0;
	int status;

	if (vx_view_begin(c->store, &v) != VX_OK) {
		json_decref(list);
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	}
	status = find(c, v, &m);
	if (status == CTL_OK) {
		show(c, v, &m, list);
		blob = m.blob;
	}
	vx_view_end(v);
	(void)json_object_set_new(c->result, "messages", list);
	if (status == CTL_OK && ctl_flag(c, "--content")) {
		ctl_say(c, "%s", "");
		status = write_content(c, blob);
	}
	return status;
}

/* A wish about the message that is named, or about all. */
static int wish(struct ctl *c, enum vx_queue_verb verb, const char *done)
{
	const bool all = c->arg_count == 0;
	struct vx_queue_admin_op op;
	uint64_t changed = 0;
	int rc = VX_OK;

	vx_queue_admin_op_init(&op, verb);
	op.now = (uint32_t)time(NULL);
	if (!all) {
		struct vx_queue_message m;
		struct vx_view *v;

		if (vx_view_begin(c->store, &v) != VX_OK)
			return ctl_fail(c, CTL_FAILED, "the store cannot be read");
		rc = find(c, v, &m);
		vx_view_end(v);
		if (rc != CTL_OK)
			return rc;
		op.id = m.id;
	}
	do {
		rc = vx_store_run(c->store, &op.op);
		changed += rc == VX_OK ? op.changed : 0;
		op.from_id = op.next_id;
	} while (rc == VX_OK && op.next_id != 0);
	(void)json_object_set_new(
	    c->result, "recipients", json_integer((json_int_t)changed));
	if (rc != VX_OK && rc != VX_ENOENT)
		return ctl_fail(
		    c, CTL_FAILED, "the queue cannot be changed: %s", vx_strerror(rc));
	ctl_say(c, "%" PRIu64 " recipient%s %s", changed, changed == 1 ? "" : "s", done);
	return CTL_OK;
}

/* Of all at once only when that is said. */
static int one_or_all(struct ctl *c, enum vx_queue_verb verb, const char *done)
{
	if (c->arg_count == 0 && !ctl_flag(c, "--all"))
		return ctl_fail(c, CTL_USAGE, "which message?  An id, or --all");
	if (c->arg_count == 1 && ctl_flag(c, "--all"))
		return ctl_fail(c, CTL_USAGE, "an id or --all, not both");
	return wish(c, verb, done);
}

static int queue_flush(struct ctl *c)
{
	return wish(c, VX_QUEUE_FLUSH, "will be tried now");
}

static int queue_hold(struct ctl *c)
{
	return one_or_all(c, VX_QUEUE_HOLD, "held");
}

static int queue_release(struct ctl *c)
{
	return one_or_all(c, VX_QUEUE_RELEASE, "released");
}

static int queue_delete(struct ctl *c)
{
	return one_or_all(c, VX_QUEUE_REMOVE, "deleted; nobody is told");
}

static int queue_delete_deferred(struct ctl *c)
{
	return wish(c, VX_QUEUE_REMOVE_DEFERRED, "deleted; nobody is told");
}

const struct ctl_command ctl_queue_commands[] = {
	{ "queue", "list", queue_list, NEEDS_STORE_READ, 0, 0, "[--all]",
	    "mail that waits to be sent, why, and when it is tried next" },
	{ "queue", "show", queue_show, NEEDS_STORE_READ, 1, 1, "ID [--content]",
	    "one message of it" },
	{ "queue", "flush", queue_flush, NEEDS_STORE, 0, 1, "[ID]",
	    "try it, or all, now" },
	{ "queue", "hold", queue_hold, NEEDS_STORE, 0, 1, "ID|--all",
	    "do not send it until it is released" },
	{ "queue", "release", queue_release, NEEDS_STORE, 0, 1, "ID|--all",
	    "send what was held" },
	{ "queue", "delete", queue_delete, NEEDS_STORE, 0, 1, "ID|--all",
	    "take it out, without a report" },
	{ "queue", "delete-deferred", queue_delete_deferred, NEEDS_STORE, 0, 0, "",
	    "take out all recipients that were tried in vain" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
