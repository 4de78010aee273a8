/* test: a message of our own, followed on its way (OUT-13, DX-OP-13). */
#include "vectis/address.h"
#include "vectis/crypto.h"
#include "vectis/date.h"
#include "vectis/dkim.h"
#include "vectis/dkim_keys.h"
#include "vectis/event.h"
#include "vectis/queue.h"
#include "vectis/relay.h"
#include "vectis/smtp_client.h"
#include "vectisctl/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS 60 /* that it is followed */
#define SECONDS_MAX 86400
#define RETURN_PATH                                                                      \
	"Return-Path: <>\r\n" /* as of all that is filed; it does not travel */

struct test {
	struct ctl *c;
	json_t *hops; /* borrowed from the result */
	vx_slice from, to;
	char domain[VX_DNS_NAME_MAX + 1], destination[VX_DNS_NAME_MAX + 1];
	char token[VX_QUEUE_TOKEN_OCTETS + 1];
	struct vx_buf text, signature; /* own */
	struct vx_private_key *keys[VX_DKIM_KEYS_MAX];
	char selectors[VX_DKIM_KEYS_MAX][VX_DKIM_SELECTOR_MAX + 1];
	size_t key_count;
	uint64_t last_event;
	uint64_t id; /* in the queue */
	bool over, good;
};

static void hop(struct test *t, const char *name, bool good, const char *text)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "hop", json_string(name));
	(void)json_object_set_new(j, "ok", json_boolean(good));
	(void)json_object_set_new(j, "text", ctl_text(vx_slice_str(text)));
	(void)json_array_append_new(t->hops, j);
	ctl_say(t->c, "%-4s  %-8s  %s", good ? "ok" : "FAIL", name, text);
	(void)fflush(stdout);
}

/* What a person can do about it, behind the hop that failed. */
static void hint(struct test *t, vx_slice reason)
{
	const struct vx_smtp_hint *h = vx_smtp_hint_of(reason);
	json_t *last = json_array_get(t->hops, json_array_size(t->hops) - 1);

	if (h == NULL)
		return;
	(void)json_object_set_new(last, "hint", json_string(h->text));
	(void)json_object_set_new(last, "hint_id", json_string(h->id));
	ctl_say(t->c, "      %s", h->text);
}

/* --- making it -------------------------------------------------------------------------
 */

static int take_addresses(struct test *t, struct vx_buf *from)
{
	const char *given = ctl_option(t->c, "--from");
	struct vx_buf name = { .max = VX_DNS_NAME_MAX };
	struct vx_resolved r = { .kind = VX_RESOLVED_FOREIGN };
	struct vx_arena arena;
	struct vx_domain d;
	struct vx_view *v;
	int status = CTL_OK, rc;

	t->to = vx_slice_str(t->c->args[0]);
	if (vx_view_begin(t->c->store, &v) != VX_OK)
		return ctl_fail(t->c, CTL_FAILED, "the store cannot be read");
	if (given != NULL)
		vx_buf_add_str(from, given);
	else if (vx_directory_host_domain(v, vx_slice_str(t->c->config->hostname), &d) ==
		 VX_OK)
		vx_buf_printf(from, "postmaster@%.*s", (int)d.name.len, d.name.ptr);
	vx_arena_init(&arena, 65536);
	rc = vx_directory_resolve(
	    v, t->to, t->c->config->subaddress_delimiter[0], &arena, &r);
	vx_arena_done(&arena);
	vx_view_end(v);
	t->from = vx_buf_slice(from);
	if (rc != VX_OK || vx_slice_find(t->to, '@') == t->to.len ||
	    vx_domain_normalise(
		vx_slice_from(t->to, vx_slice_rfind(t->to, '@') + 1), &name) != VX_OK)
		status = ctl_fail(
		    t->c, CTL_USAGE, "%s is no address: NAME@DOMAIN", t->c->args[0]);
	else if (r.kind != VX_RESOLVED_FOREIGN)
		status = ctl_fail(t->c, CTL_USAGE,
		    "%s is of a domain here: nothing would be sent", t->c->args[0]);
	(void)snprintf(t->destination, sizeof(t->destination), "%.*s", (int)name.len,
	    name.len > 0 ? name.ptr : "");
	vx_buf_reset(&name);
	if (status == CTL_OK && t->from.len == 0)
		status = ctl_fail(t->c, CTL_FAILED, "there is no domain that sends");
	if (status == CTL_OK)
		status = ctl_find_own_domain(t->c, t->from);
	if (status == CTL_OK)
		(void)vx_domain_normalise(
		    vx_slice_from(t->from, vx_slice_rfind(t->from, '@') + 1), &name);
	(void)snprintf(t->domain, sizeof(t->domain), "%.*s", (int)name.len,
	    name.len > 0 ? name.ptr : "");
	vx_buf_done(&name);
	return status == CTL_OK ? ctl_verify_require(t->c, t->domain) : status;
}

static void compose(struct test *t)
{
	unsigned char random[VX_QUEUE_TOKEN_OCTETS / 2];
	struct vx_buf *out = &t->text;

	vx_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(t->token + 2 * i, 3, "%02x", random[i]);
	vx_buf_add_str(out, RETURN_PATH);
	vx_buf_printf(out, "From: <%.*s>\r\nTo: <%.*s>\r\nSubject: Test of %s\r\nDate: ",
	    (int)t->from.len, t->from.ptr, (int)t->to.len, t->to.ptr,
	    t->c->config->hostname);
	vx_date_write(out, (int64_t)time(NULL), 0);
	vx_buf_printf(
	    out, "\r\nMessage-ID: <test.%s@%s>\r\n", t->token, t->c->config->hostname);
	vx_buf_add_str(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			    "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
			    "This is a test: the administrator of this mail server looks "
			    "whether its mail\r\narrives.  Nothing need be done.\r\n");
}

/* The keys that sign now, read; they are freed with the test. */
static int read_keys(struct test *t, struct vx_dkim_identity *list)
{
	struct vx_dkim_key k = { .selector = { "", 0 } };
	char after[VX_DKIM_SELECTOR_MAX + 1] = "";
	struct vx_error err;
	struct vx_view *v;
	int rc = vx_view_begin(t->c->store, &v);

	if (rc != VX_OK)
		return rc;
	while (t->key_count < VX_DKIM_KEYS_MAX &&
	       (rc = vx_dkim_key_next(
		    v, vx_slice_str(t->domain), vx_slice_str(after), &k)) == VX_OK) {
		char *selector = t->selectors[t->key_count];

		(void)snprintf(
		    after, sizeof(after), "%.*s", (int)k.selector.len, k.selector.ptr);
		if (!vx_dkim_key_signs(&k, (uint64_t)time(NULL)) ||
		    vx_private_key_read(k.pem, &t->keys[t->key_count], &err) != VX_OK)
			continue;
		memcpy(selector, after, sizeof(after));
		list[t->key_count] =
		    (struct vx_dkim_identity){ .domain = vx_slice_str(t->domain),
			    .selector = vx_slice_str(selector),
			    .key = t->keys[t->key_count] };
		t->key_count++;
	}
	vx_view_end(v);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int sign(struct test *t)
{
	const vx_slice text =
	    vx_slice_from(vx_buf_slice(&t->text), sizeof(RETURN_PATH) - 1);
	const size_t end = vx_slice_find_slice(text, VX_S("\r\n\r\n")) + 4;
	struct vx_dkim_identity list[VX_DKIM_KEYS_MAX];
	struct vx_dkim_signer_options o = {
		.struct_size = sizeof(o), .identities = list, .now_s = (int64_t)time(NULL)
	};
	struct vx_dkim_signer *s = NULL;
	int rc = read_keys(t, list);

	o.count = t->key_count;
	if (rc == VX_OK && o.count > 0)
		rc = vx_dkim_signer_new(&o, &s);
	if (s == NULL)
		return rc;
	rc = vx_dkim_signer_header(s, vx_slice_head(text, end));
	if (rc == VX_OK)
		rc = vx_dkim_signer_body(s, vx_slice_from(text, end));
	if (rc == VX_OK)
		rc = vx_dkim_signer_end(s);
	if (rc == VX_OK)
		rc = vx_dkim_signer_compute(s);
	if (rc == VX_OK)
		rc = vx_dkim_signer_write(s, &t->signature);
	vx_dkim_signer_free(s);
	return rc;
}

static void say_signed(struct test *t)
{
	char text[400] = "";
	size_t len = 0;

	for (size_t i = 0; i < t->key_count && len < 300; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.63s",
		    i == 0 ? "DKIM of the domain, selectors " : ", ", t->selectors[i]);
	if (t->key_count == 0)
		(void)snprintf(text, sizeof(text),
		    "%.200s has no DKIM key: vectisctl domain dkim-rotate", t->domain);
	hop(t, "signed", t->key_count > 0, text);
}

static uint64_t newest_event(struct test *t)
{
	uint64_t number = 0;
	struct vx_event e;
	struct vx_view *v;

	if (vx_view_begin(t->c->store, &v) != VX_OK)
		return 0;
	if (vx_event_before(v, UINT64_MAX, &e) == VX_OK)
		number = e.number;
	vx_view_end(v);
	return number;
}

static int queue_it(struct test *t)
{
	struct vx_queue_to to = { .forward_path = t->to,
		.destination = vx_slice_str(t->destination) };
	struct vx_queue_new n = { .created = (uint64_t)time(NULL),
		.due = (uint32_t)time(NULL),
		.size = t->text.len,
		.reverse_path = t->from,
		.domain = vx_slice_str(t->domain),
		.prefix = vx_buf_slice(&t->signature),
		.to = &to,
		.count = 1 };
	struct vx_queue_also also = { .add = &n, .add_count = 1 };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	int rc = vx_blob_writer_new(t->c->store, &w);

	if (rc != VX_OK)
		return rc;
	memcpy(n.token, t->token, VX_QUEUE_TOKEN_OCTETS);
	t->last_event = newest_event(t);
	rc = vx_blob_writer_add(w, vx_buf_slice(&t->text));
	if (rc >= 0) {
		vx_deliver_op_init(&op, w);
		op.internal_date = (uint32_t)time(NULL);
		op.all_or_none = true;
		op.also = vx_queue_also;
		op.also_ctx = &also;
		rc = vx_store_run(t->c->store, &op.op);
	}
	vx_blob_writer_free(w);
	t->id = n.id;
	return rc;
}

/* --- following it ----------------------------------------------------------------------
 */

static void say_route(struct test *t)
{
	char text[VX_DNS_NAME_MAX + 60] = "";
	struct vx_queue_recipient r;
	struct vx_view *v;

	if (vx_view_begin(t->c->store, &v) != VX_OK)
		return;
	if (vx_queue_recipient(v, t->id, 0, &r) == VX_OK &&
	    r.destination.ptr[0] == VX_RELAY_MARK)
		(void)snprintf(text, sizeof(text), "to the relay %.*s",
		    (int)r.destination.len - 1, r.destination.ptr + 1);
	else
		(void)snprintf(
		    text, sizeof(text), "to the mail servers of %s", t->destination);
	vx_view_end(v);
	hop(t, "routed", true, text);
}

static void show(struct test *t, const struct vx_event *e)
{
	const vx_slice reason = e->texts[VX_EVENT_REASON], host = e->texts[VX_EVENT_HOST];
	char text[VX_EVENT_TEXT_MAX + VX_DNS_NAME_MAX + 20];
	vx_slice detail = { "", 0 };
	const vx_slice tls = ctl_event_check(e, "tls", &detail);

	if (tls.len > 0) {
		(void)snprintf(text, sizeof(text), "%.*s%s%.*s", (int)tls.len, tls.ptr,
		    detail.len > 0 ? ", " : "", (int)detail.len,
		    detail.len > 0 ? detail.ptr : "");
		hop(t, "TLS", true, text);
	}
	(void)snprintf(text, sizeof(text), "%.*s: %.*s", (int)host.len,
	    host.len > 0 ? host.ptr : "", (int)reason.len,
	    reason.len > 0 ? reason.ptr : "");
	t->good = e->type == VX_EVENT_SENT;
	t->over = e->type != VX_EVENT_DEFERRED;
	hop(t, vx_event_name(e->type), t->good, text);
	if (!t->good)
		hint(t, reason);
}

/* What became known since it was looked last, oldest first. */
static void look(struct test *t)
{
	struct vx_event e;
	struct vx_view *v;
	uint64_t found = 0, number = UINT64_MAX, newest = 0;

	if (vx_view_begin(t->c->store, &v) != VX_OK)
		return;
	while (vx_event_before(v, number, &e) == VX_OK && e.number > t->last_event) {
		number = e.number;
		newest = newest == 0 ? number : newest;
		if (vx_slice_eq(e.texts[VX_EVENT_ID], vx_slice_str(t->token)) &&
		    e.type >= VX_EVENT_SENT)
			found = number;
	}
	if (found > 0 && vx_event_before(v, found + 1, &e) == VX_OK) {
		show(t, &e);
		t->last_event = found;
	} else if (newest > 0) {
		t->last_event = newest;
	}
	vx_view_end(v);
}

static void follow(struct test *t, uint64_t seconds)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	const time_t end = time(NULL) + (time_t)seconds;

	while (!t->over && time(NULL) <= end) {
		look(t);
		(void)nanosleep(&pause, NULL);
	}
	if (!t->over)
		hop(t, "waiting", false,
		    "it is in the queue still: vectisctl queue list, vectisctl why");
}

static int send_it(struct test *t, uint64_t seconds)
{
	char text[100];
	int rc;

	compose(t);
	rc = sign(t);
	if (rc == VX_OK)
		rc = t->text.failed ? VX_ELIMIT : queue_it(t);
	if (rc != VX_OK)
		return ctl_fail(
		    t->c, CTL_FAILED, "it cannot be queued: %s", vx_strerror(rc));
	(void)json_object_set_new(t->c->result, "id", json_string(t->token));
	(void)snprintf(text, sizeof(text), "as %s, %zu octets", t->token, t->text.len);
	hop(t, "queued", true, text);
	say_signed(t);
	say_route(t);
	follow(t, seconds);
	return t->good ? CTL_OK : CTL_FAILED;
}

static int test_send(struct ctl *c)
{
	const char *given = ctl_option(c, "--seconds");
	struct vx_buf from = { .max = 2 * VX_ADDRESS_MAX };
	struct test t = { .c = c,
		.hops = json_array(),
		.text = { .max = 16384 },
		.signature = { .max = VX_QUEUE_PREFIX_MAX } };
	uint64_t seconds = SECONDS;
	int status = CTL_OK;

	(void)json_object_set_new(c->result, "hops", t.hops);
	if (given != NULL &&
	    vx_slice_number(vx_slice_str(given), SECONDS_MAX, &seconds) != VX_OK)
		status = ctl_fail(c, CTL_USAGE,
		    "--seconds is a number up to %d, not \"%s\"", SECONDS_MAX, given);
	if (status == CTL_OK)
		status = take_addresses(&t, &from);
	if (status == CTL_OK)
		status = send_it(&t, seconds);
	(void)json_object_set_new(c->result, "ok", json_boolean(status == CTL_OK));
	for (size_t i = 0; i < t.key_count; i++)
		vx_private_key_free(t.keys[i]);
	vx_buf_done(&t.text);
	vx_buf_done(&t.signature);
	vx_buf_done(&from);
	return status;
}

const struct ctl_command ctl_test_commands[] = {
	{ "test", "send", test_send, NEEDS_STORE, 1, 1,
	    "ADDRESS [--from ADDRESS] [--seconds N]",
	    "send a test message and tell how far it comes" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
