#include "service/world.h"

#include "base/fs.h"
#include "vectis/crypto.h"

#include <arpa/inet.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	WAIT_MS = 60000,
	RECORDS = 64
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "world: %s\n", what);
	abort();
}

/* --- the loop -------------------------------------------------------------------- */

static struct world *world_of(struct vx_loop *loop)
{
	return (struct world *)(void *)((char *)loop - offsetof(struct world, loop));
}

static int submit(struct vx_loop *loop, struct vx_job *job)
{
	struct world *w = world_of(loop);

	job->next = w->jobs;
	w->jobs = job;
	return VX_OK;
}

static int64_t now_s(struct vx_loop *loop)
{
	(void)loop;
	return WORLD_NOW;
}

static uint64_t now_ms(struct vx_loop *loop)
{
	return world_of(loop)->now_ms;
}

/* --- the DNS ----------------------------------------------------------------------- */

/* The client 192.0.2.7 is mail.client.test; 192.0.2.66 and 2001:db8::7 have no names. */
static const struct {
	const char *name;
	enum vx_dns_type type;
	const char *text;
} zone[] = {
	{ "7.2.0.192.in-addr.arpa", VX_DNS_PTR, "mail.client.test" },
	{ "mail.client.test", VX_DNS_A, "192.0.2.7" },
	{ "66.2.0.192.bl.test", VX_DNS_A, "127.0.0.4" },
	{ "2.0.0.127.bl.test", VX_DNS_A, "127.0.0.2" },
	{ "good.test", VX_DNS_TXT, "v=spf1 ip4:192.0.2.0/24 -all" },
	{ "_dmarc.good.test", VX_DNS_TXT, "v=DMARC1; p=reject" },
	{ "strict.test", VX_DNS_TXT, "v=spf1 -all" },
	{ "_dmarc.strict.test", VX_DNS_TXT, "v=DMARC1; p=reject" },
	{ "wary.test", VX_DNS_TXT, "v=spf1 -all" },
	{ "_dmarc.wary.test", VX_DNS_TXT, "v=DMARC1; p=quarantine" },
	{ "loose.test", VX_DNS_TXT, "v=spf1 ~all" },
	{ "_dmarc.loose.test", VX_DNS_TXT, "v=DMARC1; p=none" },
	{ "example.test", VX_DNS_TXT, "v=spf1 ip4:192.0.2.7 -all" },
};

static bool is_broken(const struct world *w, const char *name)
{
	return w->dns_fails ||
	       vx_slice_has_suffix(vx_slice_str(name), VX_S("broken.test"));
}

static void put_name(struct vx_buf *out, const char *name)
{
	vx_slice rest = vx_slice_str(name), label;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '.', &label);
		vx_buf_add_char(out, (char)label.len);
		vx_buf_add(out, label);
	}
	vx_buf_add_char(out, '\0');
}

static void put_rdata(struct vx_buf *out, enum vx_dns_type type, const char *text)
{
	unsigned char address[4];

	if (type == VX_DNS_A) {
		must(inet_pton(AF_INET, text, address) == 1, text);
		vx_buf_add(out, vx_slice_of(address, 4));
	} else if (type == VX_DNS_TXT) {
		vx_buf_add_char(out, (char)strlen(text));
		vx_buf_add_str(out, text);
	} else {
		put_name(out, text);
	}
}

static void answer(struct world *w, struct vx_lookup *l)
{
	const struct vx_dns_question *q = &l->question;
	struct vx_dns_answer a = { .status = VX_DNS_NO_NAME };
	struct vx_buf rdata = { .max = 1024 };
	vx_slice record;

	if (is_broken(w, q->name))
		a.status = VX_DNS_FAILED;
	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (a.status == VX_DNS_FAILED || strcmp(zone[i].name, q->name) != 0)
			continue;
		a.status = a.status == VX_DNS_FOUND ? VX_DNS_FOUND : VX_DNS_NODATA;
		if (zone[i].type != q->type || a.count > 0)
			continue;
		put_rdata(&rdata, q->type, zone[i].text);
		record = vx_buf_slice(&rdata);
		a.status = VX_DNS_FOUND;
		a.rdata = &record;
		a.count = 1;
	}
	l->done(l, &a);
	vx_buf_done(&rdata);
}

static int ask(struct vx_loop *loop, struct vx_lookup *l)
{
	struct world *w = world_of(loop);

	l->next = w->lookups;
	l->link = &w->lookups;
	if (l->next != NULL)
		l->next->link = &l->next;
	w->lookups = l;
	return VX_OK;
}

static void forget(struct vx_loop *loop, struct vx_lookup *l)
{
	(void)loop;
	*l->link = l->next;
	if (l->next != NULL)
		l->next->link = l->link;
}

static void answer_all(struct world *w)
{
	while (w->lookups != NULL) {
		struct vx_lookup *l = w->lookups;

		forget(&w->loop, l);
		answer(w, l);
	}
}

static void run_jobs(struct world *w)
{
	answer_all(w);
	while (w->jobs != NULL) {
		struct vx_job *job = w->jobs;

		w->jobs = job->next;
		job->run(job);
		job->done(job);
	}
}

static bool wait_for_store(struct world *w, int timeout_ms)
{
	struct pollfd p = { .fd = vx_store_fd(w->store), .events = POLLIN };

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	vx_store_dispatch(w->store);
	return true;
}

struct marker {
	struct vx_store_op op;
	bool done;
};

static int apply_marker(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	(void)op;
	(void)txn;
	return VX_OK;
}

static void marker_done(struct vx_store_op *op)
{
	((struct marker *)op)->done = true;
}

void world_settle(struct world *w)
{
	struct marker m = { .op = { .apply = apply_marker, .done = marker_done } };

	run_jobs(w);
	must(vx_store_submit(w->store, &m.op) == VX_OK, "submit");
	while (!m.done)
		must(wait_for_store(w, WAIT_MS), "the store does not answer");
	run_jobs(w);
}

/* --- what is there --------------------------------------------------------------- */

static void change(struct world *w, enum vx_directory_verb verb, const char *name,
    const char *const targets[], unsigned set, unsigned flags)
{
	struct vx_directory_op op;
	vx_slice t[2];

	vx_directory_op_init(&op, verb);
	op.name = vx_slice_str(name);
	for (size_t i = 0; targets != NULL && i < 2 && targets[i] != NULL; i++)
		t[op.target_count++] = vx_slice_str(targets[i]);
	op.targets = t;
	op.set = set;
	op.flags = flags;
	must(vx_store_run(w->store, &op.op) == VX_OK, name);
}

static void add_account(
    struct world *w, const char *name, unsigned flags, uint64_t octets, uint64_t messages)
{
	static struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	struct vx_directory_op op;

	if (credential.len == 0)
		must(vx_credential_make(
			 vx_slice_str(WORLD_PASSWORD), 1, 4096, &credential) == VX_OK,
		    "hash");
	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = vx_slice_str(name);
	op.flags = flags;
	op.credential = vx_buf_slice(&credential);
	op.quota_octets = octets;
	op.quota_messages = messages;
	must(vx_store_run(w->store, &op.op) == VX_OK, name);
}

static void people(struct world *w)
{
	static const char *const bob[2] = { "bob@example.test" };
	static const char *const both[2] = { "alice@example.test", "bob@example.test" };
	static const char *const team[2] = { "alice@example.test", "full@example.test" };
	static const char *const out[2] = { "alice@example.test",
		"somebody@elsewhere.test" };

	change(w, VX_DOMAIN_ADD, "away.test", NULL, 0, 0);
	change(w, VX_DOMAIN_ADD, "catch.test", NULL, 0, 0);
	change(w, VX_DOMAIN_ADD, "closed.test", NULL, 0, 0);
	change(w, VX_DOMAIN_ADD, "example.test", NULL, 0, 0);
	add_account(w, "alice@example.test", VX_ACCOUNT_POP3, 0, 0);
	add_account(w, "bob@example.test", VX_ACCOUNT_POP3, 0, 0);
	add_account(w, "off@example.test", VX_ACCOUNT_POP3 | VX_ACCOUNT_INACTIVE, 0, 0);
	add_account(w, "nopop@example.test", 0, 0, 0);
	add_account(w, "full@example.test", VX_ACCOUNT_POP3, 0, 1);
	add_account(w, "small@example.test", VX_ACCOUNT_POP3, 10000, 0);
	change(w, VX_DOMAIN_SET, "closed.test", NULL, VX_SET_FLAGS, VX_DOMAIN_INACTIVE);
	change(w, VX_DOMAIN_SET, "away.test", NULL, VX_SET_FLAGS, VX_DOMAIN_NO_INCOMING);
	change(w, VX_DOMAIN_SET, "catch.test", bob, VX_SET_TARGETS, 0);
	change(w, VX_ALIAS_ADD, "info@example.test", both, 0, 0);
	change(w, VX_ALIAS_ADD, "team@example.test", team, 0, 0);
	change(w, VX_ALIAS_ADD, "out@example.test", out, 0, 0);
	world_deliver(w, "full", VX_S("Subject: filler\r\n\r\n"));
}

static void fresh_auth(struct world *w)
{
	const struct vx_auth_options o = { .struct_size = sizeof(o),
		.store = w->store,
		.hash_cost = 1,
		.scram_iterations = 4096 };

	must(vx_auth_new(&o, &w->auth) == VX_OK, "auth");
}

static void services(struct world *w)
{
	static const struct vx_log log = { .fd = -1, .level = VX_LOG_ERROR };
	static struct vx_dnsbl list;
	const struct vx_smtp_service_options s = { .struct_size = sizeof(s),
		.store = w->store,
		.auth = w->auth,
		.log = &log,
		.loop = &w->loop,
		.hostname = "mx.example.test",
		.banner = "ESMTP",
		.message_octets_max = 20000,
		.recipients_max = 100,
		.received_max = 3,
		.login_s = 60,
		.idle_s = 300,
		.rate_min = 500,
		.delimiter = '+' };
	const struct vx_pop3_service_options p = { .struct_size = sizeof(p),
		.store = w->store,
		.auth = w->auth,
		.log = &log,
		.lock_path = w->lock_path,
		.login_s = 60,
		.idle_s = 600 };

	struct vx_smtp_service_options c = s;

	must(vx_smtp_service_new(&s, &w->smtp) == VX_OK, "smtp");
	must(vx_dnsbl_parse(VX_S("bl.test"), &list) == VX_OK, "list");
	c.verify = true;
	c.refuse_score = 10;
	c.blocklists = &list;
	c.blocklist_count = 1;
	must(vx_smtp_service_new(&c, &w->checked) == VX_OK, "smtp");
	answer_all(w); /* the list works */
	must(vx_pop3_service_new(&p, &w->pop3) == VX_OK, "pop3");
}

static void open_store(struct world *w)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.dir = w->dir,
		.map_octets = 4 << 20,
		.ballast_octets = 4096 };
	struct vx_error err;

	must(vx_store_open(&o, &w->store, &err) == VX_OK, err.text);
}

void world_open(struct world *w)
{
	/* where nothing is flushed to a disk, if there is such a place */
	static const char memory[] = "/dev/shm";
	struct vx_store_options o = {
		.struct_size = sizeof(o), .map_octets = 4 << 20, .ballast_octets = 4096
	};

	*w = (struct world){ .loop = { .submit = submit,
				 .now_s = now_s,
				 .now_ms = now_ms,
				 .ask = ask,
				 .forget = forget },
		.now_ms = 1000 };
	(void)snprintf(w->dir, sizeof(w->dir), "%s/vxt.XXXXXX",
	    access(memory, W_OK) == 0 ? memory : "/tmp");
	must(mkdtemp(w->dir) != NULL, w->dir);
	(void)snprintf(w->lock_path, sizeof(w->lock_path), "%s/pop3.lock", w->dir);
	open_store(w);
	people(w);
	fresh_auth(w);
	services(w);
}

static void print_line(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "store check: %s\n", text);
}

static void close_services(struct world *w)
{
	vx_smtp_service_free(w->smtp);
	vx_smtp_service_free(w->checked);
	vx_pop3_service_free(w->pop3);
	vx_auth_free(w->auth);
}

void world_close(struct world *w)
{
	struct vx_error err;
	uint64_t problems = 99;

	world_settle(w);
	close_services(w);
	vx_store_close(w->store);
	must(vx_store_check(w->dir, print_line, NULL, &problems, &err) == VX_OK, "check");
	must(problems == 0, "store check finds problems");
	must(vx_fs_remove_tree(w->dir, &err) == VX_OK, err.text);
}

void world_restart(struct world *w)
{
	world_settle(w);
	close_services(w);
	vx_store_close(w->store);
	open_store(w);
	fresh_auth(w);
	services(w);
}

/* --- mailboxes ------------------------------------------------------------------- */

static const char *const shown[] = { "alice", "bob", "full", "small", "nopop", "off" };
enum {
	SHOWN = sizeof(shown) / sizeof(shown[0])
};

static uint32_t account(struct vx_view *v, const char *name)
{
	char login[64];
	struct vx_account a;

	(void)snprintf(login, sizeof(login), "%s@example.test", name);
	must(vx_directory_account(v, vx_slice_str(login), &a) == VX_OK, name);
	return a.id;
}

static uint32_t inbox(struct vx_view *v, uint32_t id)
{
	struct vx_mailbox_info info;

	must(vx_mailbox_find(v, id, VX_S("INBOX"), &info) == VX_OK, "INBOX");
	return info.mailbox;
}

void world_deliver(struct world *w, const char *name, vx_slice octets)
{
	struct vx_delivery_target t = { 0 };
	struct vx_blob_writer *blob;
	struct vx_deliver_op op;
	struct vx_view *v;

	must(vx_view_begin(w->store, &v) == VX_OK, "view");
	t.account = account(v, name);
	vx_view_end(v);
	must(vx_blob_writer_new(w->store, &blob) == VX_OK, "writer");
	must(vx_blob_writer_add(blob, octets) >= 0, "write");
	vx_deliver_op_init(&op, blob);
	op.targets = &t;
	op.target_count = 1;
	op.internal_date = WORLD_NOW;
	must(vx_store_run(w->store, &op.op) == VX_OK, "deliver");
	vx_blob_writer_free(blob);
}

struct box {
	uint32_t account, mailbox;
	struct vx_record records[RECORDS];
	size_t count; /* without the filler */
};

static void look(struct world *w, const char *name, struct box *b)
{
	struct vx_record_query q = { .first_uid = 1, .last_uid = UINT32_MAX };
	struct vx_view *v;
	uint32_t next;

	must(vx_view_begin(w->store, &v) == VX_OK, "view");
	b->account = account(v, name);
	b->mailbox = inbox(v, b->account);
	q.account = b->account;
	q.mailbox = b->mailbox;
	if (strcmp(name, "full") == 0)
		q.first_uid = 2;
	must(vx_records_read(v, &q, b->records, RECORDS, &b->count, &next) == VX_OK,
	    "records");
	vx_view_end(v);
	must(next == 0, "too many messages");
}

uint32_t world_count(struct world *w)
{
	static struct box b;
	uint32_t n = 0;

	for (size_t i = 0; i < SHOWN; i++) {
		look(w, shown[i], &b);
		n += (uint32_t)b.count;
	}
	return n;
}

static void empty(struct world *w, struct box *b)
{
	const struct vx_uid_range all = { b->records[0].uid, UINT32_MAX };
	struct vx_expunge_op op;

	if (b->count == 0)
		return;
	vx_expunge_op_init(&op);
	op.account = b->account;
	op.mailbox = b->mailbox;
	op.uids = &all;
	op.range_count = 1;
	op.deleted_only = false;
	must(vx_store_run(w->store, &op.op) == VX_OK, "expunge");
}

void world_empty(struct world *w)
{
	static struct box b;

	for (size_t i = 0; i < SHOWN; i++) {
		look(w, shown[i], &b);
		empty(w, &b);
	}
}

void world_forget_logins(struct world *w)
{
	close_services(w);
	fresh_auth(w);
	services(w);
}

void world_reset(struct world *w)
{
	world_settle(w);
	world_empty(w);
	world_forget_logins(w);
}

static void show_octet(struct vx_buf *out, char c)
{
	if (c == '\t')
		vx_buf_add_str(out, "\\t");
	else if (c == '\\')
		vx_buf_add_str(out, "\\\\");
	else if (c == '\n' || (c >= 32 && c < 127))
		vx_buf_add_char(out, c);
	else
		vx_buf_printf(out, "\\x%02x", (unsigned)(unsigned char)c);
}

/* All of it, while the reader is open. */
static vx_slice open_message(
    struct world *w, const struct vx_record *r, struct vx_blob_reader **blob)
{
	vx_slice text;
	int rc;

	must(vx_blob_open(w->store, r->blob, blob) == VX_OK, "open");
	while ((rc = vx_blob_read(*blob, 0, r->size, &text)) == VX_WAIT)
		must(vx_blob_fetch(*blob, 0, r->size) == VX_OK, "fetch");
	must(rc == VX_OK && text.len == r->size, "read");
	return text;
}

void world_read(struct world *w, const char *name, size_t index, struct vx_buf *out)
{
	static struct box b;
	struct vx_blob_reader *blob;

	look(w, name, &b);
	must(index < b.count, "no such message");
	vx_buf_add(out, open_message(w, &b.records[index], &blob));
	vx_blob_close(blob);
}

static void show_message(struct world *w, const struct vx_record *r, struct vx_buf *out)
{
	struct vx_blob_reader *blob;
	vx_slice text = open_message(w, r, &blob), line;

	while (text.len > 0) {
		const bool more = vx_slice_cut(&text, '\n', &line);

		vx_buf_add_str(out, "| ");
		if (more && vx_slice_has_suffix(line, VX_S("\r")))
			line.len--;
		for (size_t i = 0; i < line.len; i++)
			show_octet(out, line.ptr[i]);
		vx_buf_add_str(out, more ? "\n" : "\\\n");
	}
	vx_blob_close(blob);
}

void world_show(struct world *w, struct vx_buf *out)
{
	static struct box b;

	for (size_t i = 0; i < SHOWN; i++) {
		look(w, shown[i], &b);
		for (size_t k = 0; k < b.count; k++) {
			vx_buf_printf(out, "F: %s\n", shown[i]);
			show_message(w, &b.records[k], out);
		}
	}
}

/* --- sessions -------------------------------------------------------------------- */

static void wake(struct vx_session_host *host)
{
	((struct drive *)(void *)((char *)host - offsetof(struct drive, host)))->awake =
	    true;
}

void drive_open(struct drive *d, struct world *w, vx_slice options)
{
	struct vx_peer peer = { .address = "192.0.2.7",
		.port = 4711,
		.local_address = "192.0.2.1",
		.local_port = 25 };
	struct vx_smtp_service *smtp = w->smtp;
	bool user = false, pop3 = false;
	vx_slice word;
	int rc;

	while (options.len > 0) {
		(void)vx_slice_cut(&options, ' ', &word);
		user = user || vx_slice_eq(word, VX_S("submission"));
		pop3 = pop3 || vx_slice_eq(word, VX_S("pop3"));
		peer.implicit_tls = peer.implicit_tls || vx_slice_eq(word, VX_S("tls"));
		if (vx_slice_eq(word, VX_S("checked")))
			smtp = w->checked;
		if (vx_slice_eq(word, VX_S("listed")))
			(void)snprintf(peer.address, sizeof(peer.address), "192.0.2.66");
		if (vx_slice_eq(word, VX_S("v6")))
			(void)snprintf(peer.address, sizeof(peer.address), "2001:db8::7");
	}
	*d = (struct drive){ .world = w,
		.host = { .loop = &w->loop, .wake = wake },
		.in = { .max = 1 << 20 },
		.out = { .max = 8 << 20 } };
	rc = pop3 ? vx_pop3_session_new(w->pop3, &peer, &d->host, &d->session)
		  : vx_smtp_session_new(smtp, user ? VX_SMTP_SUBMISSION : VX_SMTP_MX,
			&peer, &d->host, &d->session);
	must(rc == VX_OK, "session");
	if (peer.implicit_tls)
		drive_tls(d);
	drive_feed(d, VX_S(""));
}

void drive_close(struct drive *d)
{
	d->session->ops->free(d->session);
	world_settle(d->world);
	vx_buf_done(&d->in);
	vx_buf_done(&d->out);
}

void drive_tls(struct drive *d)
{
	const struct vx_session_tls tls = { .version = VX_S("TLS1.3"),
		.cipher = VX_S("TLS_AES_256_GCM_SHA384") };

	d->session->ops->tls_ready(d->session, &tls);
	d->end = VX_MORE;
}

void drive_feed(struct drive *d, vx_slice octets)
{
	vx_buf_add(&d->in, octets);
	do {
		vx_slice in = vx_buf_slice(&d->in);
		const size_t before = in.len;

		d->awake = false;
		d->end = d->session->ops->drive(d->session, &in, &d->out);
		vx_buf_consume(&d->in, before - in.len);
		if (d->end == VX_WAIT && d->patient)
			return;
		while (d->end == VX_WAIT && !d->awake) {
			run_jobs(d->world);
			if (!d->awake && d->world->lookups == NULL)
				must(wait_for_store(d->world, WAIT_MS), "no answer");
		}
		must(!d->in.failed && !d->out.failed, "too much");
	} while (d->end == VX_WAIT || (d->end == VX_DATA && d->out.len < 4 << 20));
	must(d->end != VX_MORE || d->in.len == 0, "octets are left");
}
