/*
 * The sender over a real store, with a DNS and servers that do what the input says: each
 * octet is a step, or an answer to what the sender asks.  Afterwards everything is well
 * again, and the queue has to become empty; everybody was delivered to, told of, or
 * removed, and nobody was told twice.
 */
#include "base/cursor.h"
#include "tests/service/world.h"
#include "vectis/queue.h"
#include "vectis/sender.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	MESSAGES = 5,
	RECIPIENTS = 3,
	PEERS = 64,
	LOOKUPS = 64,
	DESTINATIONS = 3,
	ROUNDS = 500,
	RETRY_S = 60,
	RETRY_MAX_S = 300,
	EXPIRE_S = 5 * 86400
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* A server that the sender called, or calls. */
struct peer {
	struct vx_session_host host;
	struct vx_session *session; /* own */
	struct vx_buf in, out;      /* said to the sender, and by it */
	bool opened, greeted, awake;
	bool mute;    /* it says nothing more */
	bool unheard; /* a message was taken, and the sender did not hear it yet */
	enum {
		AT_COMMAND,
		AT_DATA,
		AT_CHUNK
	} at;
	uint64_t chunk;
	bool last, null_sender, mail, tls;
	struct {
		unsigned char message, number;
	} to[16];
	size_t count, taken; /* of our recipients; of any */
	struct vx_buf content;
};

/* What is known of a recipient. */
static struct {
	bool there, removed, refused, wants, told, sent_twice;
	unsigned sent;
} fates[MESSAGES][RECIPIENTS];

static struct world the_world;
static struct vx_sender *sender;
static struct vx_loop loop;
static struct vx_job *jobs;
static struct peer *peers[PEERS];
static struct vx_lookup *lookups[LOOKUPS];
static size_t peer_count, lookup_count, message_count;
static int64_t now;
static uint64_t clock_ms;
static const uint8_t *script;
static size_t script_left;
static bool calm;       /* everything is well from now on */
static bool lossy;      /* a connection was lost when it had not heard everything */
static bool unreported; /* a report could not be delivered, which nobody is told of */
static bool hopeless;   /* a domain may have been said not to be there */

static unsigned octet(void)
{
	if (calm || script_left == 0)
		return 0;
	script_left--;
	return *script++;
}

/* --- the loop --------------------------------------------------------------------------
 */

static int submit(struct vx_loop *l, struct vx_job *job)
{
	(void)l;
	job->next = jobs;
	jobs = job;
	return VX_OK;
}

static int64_t now_s(struct vx_loop *l)
{
	(void)l;
	return now;
}

static uint64_t now_ms(struct vx_loop *l)
{
	(void)l;
	return clock_ms;
}

static int ask(struct vx_loop *l, struct vx_lookup *lookup)
{
	(void)l;
	if (lookup_count == LOOKUPS)
		return VX_ELIMIT;
	lookups[lookup_count++] = lookup;
	return VX_OK;
}

static void forget(struct vx_loop *l, struct vx_lookup *lookup)
{
	(void)l;
	for (size_t i = 0; i < lookup_count; i++)
		if (lookups[i] == lookup)
			lookups[i] = lookups[--lookup_count];
}

static void wake(struct vx_session_host *host)
{
	((struct peer *)(void *)host)->awake = true;
}

static int dial(struct vx_loop *l, const struct vx_dial *d, struct vx_session *session)
{
	struct peer *p;

	must(strncmp(d->address, "192.0.2.", 8) == 0);
	if (peer_count == PEERS || (p = calloc(1, sizeof(*p))) == NULL)
		return VX_ENOMEM;
	p->host = (struct vx_session_host){ .loop = l, .wake = wake };
	vx_buf_init(&p->in, 65536);
	vx_buf_init(&p->out, 1 << 20);
	vx_buf_init(&p->content, 1 << 20);
	p->session = session;
	session->host = &p->host;
	peers[peer_count++] = p;
	return VX_OK;
}

static void run_jobs(void)
{
	while (jobs != NULL) {
		struct vx_job *job = jobs;

		jobs = job->next;
		job->run(job);
		job->done(job);
	}
}

static void close_peer(size_t i)
{
	struct peer *p = peers[i];

	peers[i] = peers[--peer_count];
	lossy = lossy || p->unheard || p->in.len > 0;
	p->session->ops->free(p->session);
	vx_buf_done(&p->in);
	vx_buf_done(&p->out);
	vx_buf_done(&p->content);
	free(p);
}

/* --- what a server says
 * ----------------------------------------------------------------- */

static bool find(vx_slice path, unsigned *message, unsigned *number)
{
	char text[64];

	if (path.len >= sizeof(text))
		return false;
	memcpy(text, path.ptr, path.len);
	text[path.len] = '\0';
	return sscanf(text, "m%u.%u@", message, number) == 2 &&
	       *message < message_count && *number < RECIPIENTS;
}

/* Everybody whom a report says to have failed. */
static void read_report(vx_slice text)
{
	static const char field[] = "\nFinal-Recipient: rfc822; ";
	vx_slice rest = text;
	size_t at;

	while ((at = vx_slice_find_slice(rest, vx_slice_str(field))) < rest.len) {
		unsigned message, number;
		vx_slice line;

		rest = vx_slice_from(rest, at + sizeof(field) - 1);
		line = vx_slice_head(rest, vx_slice_find(rest, '\r'));
		at = vx_slice_find_slice(rest, VX_S("\nAction: "));
		if (!vx_slice_has_prefix(
			vx_slice_from(rest, at), VX_S("\nAction: failed")) ||
		    !find(line, &message, &number))
			continue;
		must(!fates[message][number].told || lossy);
		fates[message][number].told = true;
	}
}

/* 2, 4 or 5; 0: nothing is said at all, from now on. */
static unsigned mood(struct peer *p)
{
	static const unsigned char moods[] = { 2, 2, 2, 2, 2, 4, 5, 0 };
	const unsigned kind = p->mute ? 0 : moods[octet() % sizeof(moods)];

	p->mute = kind == 0;
	return kind;
}

static void reply(struct peer *p, unsigned kind, const char *good)
{
	vx_buf_add_str(&p->in, kind == 2   ? good
			       : kind == 4 ? "451 4.2.1 later\r\n"
			       : kind == 5 ? "550 5.1.1 never\r\n"
					   : "");
}

static void note_refused(struct peer *p, unsigned kind)
{
	unreported = unreported || (kind == 5 && p->null_sender);
	for (size_t i = 0; kind == 5 && i < p->count; i++)
		fates[p->to[i].message][p->to[i].number].refused = true;
}

static void end_of_message(struct peer *p)
{
	const unsigned kind = mood(p);

	reply(p, kind, "250 2.0.0 taken\r\n");
	note_refused(p, kind);
	for (size_t i = 0; kind == 2 && i < p->count; i++)
		fates[p->to[i].message][p->to[i].number].sent++;
	if (kind == 2) {
		p->unheard = true;
		read_report(vx_buf_slice(&p->content));
	}
	p->count = p->taken = 0;
	p->mail = false;
	p->at = AT_COMMAND;
	vx_buf_reset(&p->content);
}

static void hear_ehlo(struct peer *p)
{
	static const char *const names[] = { "PIPELINING", "SIZE 100000", "8BITMIME",
		"SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS" };
	const unsigned offers = calm ? 0x27 : octet();

	if (p->mute)
		return;
	vx_buf_add_str(&p->in, "250-peer\r\n");
	for (unsigned i = 0; i < 8; i++)
		if ((offers >> i & 1) != 0 && (i < 7 || !p->tls))
			vx_buf_printf(&p->in, "250-%s\r\n", names[i]);
	vx_buf_add_str(&p->in, "250 HELP\r\n");
}

static void hear_rcpt(struct peer *p, vx_slice line)
{
	const size_t open = vx_slice_find(line, '<') + 1, shut = vx_slice_find(line, '>');
	const unsigned kind = p->mute ? 0 : p->mail ? mood(p) : 5;
	unsigned message, number;

	must(open < shut && shut < line.len);
	reply(p, kind, "250 2.1.5 ok\r\n");
	p->taken += kind == 2;
	unreported = unreported || (kind == 5 && p->null_sender);
	if (!find(vx_slice_range(line.ptr + open, line.ptr + shut), &message, &number))
		return;
	must(fates[message][number].there);
	fates[message][number].refused |= kind == 5;
	if (kind == 2 && p->count < sizeof(p->to) / sizeof(p->to[0])) {
		p->to[p->count].message = (unsigned char)message;
		p->to[p->count++].number = (unsigned char)number;
	}
}

static void hear_mail(struct peer *p, vx_slice line)
{
	const unsigned kind = mood(p);

	p->null_sender = vx_slice_has_prefix(line, VX_S("MAIL FROM:<>"));
	p->count = p->taken = 0;
	p->mail = kind == 2;
	hopeless = hopeless || kind == 5; /* it is for all of the message */
	unreported = unreported || (kind == 5 && p->null_sender);
	reply(p, kind, "250 2.1.0 ok\r\n");
}

static void hear_data(struct peer *p)
{
	const unsigned kind = p->mute ? 0 : p->taken > 0 ? mood(p) : 5;

	reply(p, kind, "354 go on\r\n");
	if (p->taken > 0)
		note_refused(p, kind);
	if (kind == 2)
		p->at = AT_DATA;
	if (kind == 5)
		p->count = p->taken = 0;
}

static void hear_bdat(struct peer *p, vx_slice line)
{
	struct vx_cursor c = vx_cursor_of(vx_slice_from(line, 5));

	must(vx_cur_number(&c, 1 << 20, &p->chunk));
	p->last = vx_cur_text(&c, VX_S(" LAST"));
	must(vx_cur_end(&c));
	p->at = AT_CHUNK;
}

static void hear(struct peer *p, vx_slice line)
{
	if (vx_slice_has_prefix(line, VX_S("EHLO ")) && octet() % 8 != 1)
		hear_ehlo(p);
	else if (vx_slice_has_prefix(line, VX_S("MAIL FROM:")))
		hear_mail(p, line);
	else if (vx_slice_has_prefix(line, VX_S("RCPT TO:")))
		hear_rcpt(p, line);
	else if (vx_slice_eq(line, VX_S("DATA")))
		hear_data(p);
	else if (vx_slice_has_prefix(line, VX_S("BDAT ")))
		hear_bdat(p, line);
	else if (vx_slice_eq(line, VX_S("STARTTLS")))
		reply(p, mood(p), "220 2.0.0 go\r\n");
	else if (vx_slice_has_prefix(line, VX_S("HELO ")) ||
		 vx_slice_eq(line, VX_S("RSET")) || vx_slice_eq(line, VX_S("QUIT")) ||
		 vx_slice_has_prefix(line, VX_S("EHLO ")))
		reply(p, mood(p), "250 2.0.0 ok\r\n");
	else
		abort(); /* the sender says nothing else */
}

/* The end of the message in DATA; false: it is not there yet. */
static bool hear_content(struct peer *p)
{
	const vx_slice out = vx_buf_slice(&p->out);
	const bool empty = p->content.len == 0 && vx_slice_has_prefix(out, VX_S(".\r\n"));
	const size_t end = empty ? 0 : vx_slice_find_slice(out, VX_S("\r\n.\r\n")) + 2;

	if (end >= out.len)
		return false;
	vx_buf_add(&p->content, vx_slice_head(out, end));
	vx_buf_consume(&p->out, end + 3);
	end_of_message(p);
	return true;
}

static bool hear_chunk(struct peer *p)
{
	const size_t part = p->out.len < p->chunk ? p->out.len : (size_t)p->chunk;

	vx_buf_add(&p->content, vx_slice_head(vx_buf_slice(&p->out), part));
	vx_buf_consume(&p->out, part);
	p->chunk -= part;
	if (p->chunk > 0)
		return false;
	if (p->taken == 0) {
		reply(p, p->mute ? 0 : 5, "");
		p->at = AT_COMMAND;
		vx_buf_reset(&p->content);
	} else if (p->last) {
		end_of_message(p);
	} else {
		const unsigned kind = mood(p);

		reply(p, kind, "250 2.0.0 chunk\r\n");
		note_refused(p, kind);
		if (kind != 2)
			p->count = p->taken = 0;
		p->at = AT_COMMAND;
	}
	return true;
}

static bool hear_line(struct peer *p)
{
	const vx_slice out = vx_buf_slice(&p->out);
	const size_t end = vx_slice_find_slice(out, VX_S("\r\n"));
	char line[2048];

	if (end >= out.len)
		return false;
	must(end < sizeof(line));
	memcpy(line, out.ptr, end);
	vx_buf_consume(&p->out, end + 2);
	hear(p, vx_slice_of(line, end));
	return true;
}

static void listen_to(struct peer *p)
{
	if (!p->greeted)
		reply(p, mood(p), "220 peer\r\n");
	p->greeted = true;
	for (bool more = true; more;)
		more = p->at == AT_COMMAND ? hear_line(p)
		       : p->at == AT_DATA  ? hear_content(p)
					   : hear_chunk(p);
}

/* --- turns
 * -------------------------------------------------------------------------------- */

static void begin_tls(struct peer *p)
{
	const struct vx_session_tls tls = { .version = VX_S("TLS1.3") };

	p->tls = true;
	vx_buf_reset(&p->in);
	p->session->ops->tls_ready(p->session, &tls);
}

/* One turn of a connection; false: it is over. */
static bool turn(size_t i)
{
	struct peer *p = peers[i];
	vx_slice in;
	size_t before;
	int rc;

	if (!p->opened)
		return true;
	listen_to(p);
	p->awake = false;
	in = vx_buf_slice(&p->in);
	before = in.len;
	rc = p->session->ops->drive(p->session, &in, &p->out);
	vx_buf_consume(&p->in, before - in.len);
	if (p->in.len == 0)
		p->unheard = false;
	if (rc == VX_TLS && octet() % 4 == 3) {
		p->session->ops->failed(p->session, VX_ETLS, "it is said so");
		rc = VX_DONE;
	} else if (rc == VX_TLS) {
		begin_tls(p);
	}
	if (rc == VX_DONE || rc < 0)
		close_peer(i);
	return rc != VX_DONE && rc >= 0;
}

static void open_peer(size_t i, bool well)
{
	struct peer *p = peers[i];
	const struct vx_peer who = { .address = "192.0.2.1", .port = 25 };

	if (p->opened)
		return;
	if (well) {
		p->opened = true;
		p->session->ops->opened(p->session, &who);
		(void)turn(i);
	} else {
		p->session->ops->failed(p->session, VX_EIO, "nobody there");
		close_peer(i);
	}
}

static void answer(size_t i, unsigned how)
{
	static const char mx[] = "\0\12\2mx\2d0\4test", null_mx[] = "\0\0";
	static const char address[] = "\300\0\2\1",
			  tlsa[] = "\1\1\1xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct vx_lookup *l = lookups[i];
	struct vx_dns_answer a = { .status = VX_DNS_NODATA };
	vx_slice rdata = VX_S("");

	lookups[i] = lookups[--lookup_count];
	if (l->question.type == VX_DNS_MX)
		rdata = how == 7 ? vx_slice_of(null_mx, 3) : vx_slice_of(mx, sizeof(mx));
	else if (l->question.type == VX_DNS_A)
		rdata = vx_slice_of(address, 4);
	else if (l->question.type == VX_DNS_TLSA && how == 6)
		rdata = vx_slice_of(tlsa, sizeof(tlsa) - 1);
	if (rdata.len > 0)
		a = (struct vx_dns_answer){
			.status = VX_DNS_FOUND, .rdata = &rdata, .count = 1
		};
	if (how >= 1 && how <= 3)
		a = (struct vx_dns_answer){ .status = how == 1   ? VX_DNS_FAILED
						      : how == 2 ? VX_DNS_BOGUS
								 : VX_DNS_NO_NAME };
	a.secure = how == 6;
	hopeless = hopeless || a.status == VX_DNS_NO_NAME || how == 7 ||
		   (how != 0 && a.status == VX_DNS_NODATA);
	unreported = unreported || hopeless;
	l->done(l, &a);
}

static void settle(void)
{
	run_jobs();
	world_settle(&the_world);
	run_jobs();
}

/* --- the queue
 * ---------------------------------------------------------------------------- */

static uint64_t write_message(unsigned kind, struct vx_queue_new *n)
{
	struct vx_queue_also also = { .add = n, .add_count = 1 };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;

	must(vx_blob_writer_new(the_world.store, &w) == VX_OK);
	must(vx_blob_writer_add(
		 w, VX_S("Return-Path: <x>\r\nSubject: s\r\n\r\n.body\r\n")) >= 0);
	if ((kind & 8) != 0)
		must(vx_blob_writer_add(w, VX_S("\xc3\xa4\r\n")) >= 0);
	n->size = vx_blob_writer_size(w);
	vx_deliver_op_init(&op, w);
	op.all_or_none = true;
	op.also = vx_queue_also;
	op.also_ctx = &also;
	must(vx_store_run(the_world.store, &op.op) == VX_OK);
	vx_blob_writer_free(w);
	return n->id;
}

/* A message of somebody here, of somebody elsewhere, or of nobody. */
static void add_message(void)
{
	static const char *const from[] = { "alice@example.test", "", "x@d0.test",
		"alice@example.test" };
	static const unsigned notify[] = { 0, VX_SMTP_NOTIFY_NEVER,
		VX_SMTP_NOTIFY_FAILURE, VX_SMTP_NOTIFY_SUCCESS | VX_SMTP_NOTIFY_FAILURE };
	const unsigned kind = octet(), count = kind % RECIPIENTS + 1;
	char paths[RECIPIENTS][40], names[RECIPIENTS][16];
	struct vx_queue_to to[RECIPIENTS] = { 0 };
	struct vx_queue_new n = { .created = (uint32_t)now,
		.due = (uint32_t)now,
		.reverse_path = vx_slice_str(from[kind >> 2 & 3]),
		.flags =
		    ((kind & 8) != 0 ? VX_QUEUE_8BIT | VX_QUEUE_HAS_8BIT : 0u) |
		    ((kind & 64) != 0 ? VX_QUEUE_REPORT | VX_QUEUE_TLS_OPTIONAL : 0u),
		.token = "0123456789abcde",
		.to = to,
		.count = count };

	if (message_count == MESSAGES)
		return;
	for (unsigned i = 0; i < count; i++) {
		const unsigned more = octet(), how = notify[more >> 4 & 3];

		(void)snprintf(
		    names[i], sizeof(names[i]), "d%u.test", more % DESTINATIONS);
		(void)snprintf(
		    paths[i], sizeof(paths[i]), "m%zu.%u@%s", message_count, i, names[i]);
		to[i] = (struct vx_queue_to){ .forward_path = vx_slice_str(paths[i]),
			.destination = vx_slice_str(names[i]),
			.notify = how };
		fates[message_count][i].there = true;
		fates[message_count][i].wants =
		    n.reverse_path.len > 0 && how != VX_SMTP_NOTIFY_NEVER;
	}
	n.token[15] = (char)('a' + message_count++);
	(void)write_message(kind, &n);
}

/* What is in the queue, as its operator wants it; all of it. */
static void wish(enum vx_queue_verb verb)
{
	struct vx_queue_admin_op op;

	vx_queue_admin_op_init(&op, verb);
	op.now = (uint32_t)now;
	do {
		must(vx_store_run(the_world.store, &op.op) == VX_OK);
		op.from_id = op.next_id;
	} while (op.next_id != 0);
	for (size_t m = 0; verb == VX_QUEUE_REMOVE && m < message_count; m++)
		for (size_t r = 0; r < RECIPIENTS; r++)
			fates[m][r].removed = true;
	unreported = unreported || verb == VX_QUEUE_REMOVE;
}

static bool is_empty(void)
{
	struct vx_queue_message m;
	struct vx_view *v;
	int rc;

	must(vx_view_begin(the_world.store, &v) == VX_OK);
	rc = vx_queue_next(v, 0, &m);
	vx_view_end(v);
	must(rc == VX_OK || rc == VX_ENOENT);
	return rc == VX_ENOENT;
}

/* --- a run
 * -------------------------------------------------------------------------------- */

static void begin_sender(void)
{
	static const struct vx_log log = { .fd = -1, .level = VX_LOG_ERROR };
	const struct vx_sender_options o = { .struct_size = sizeof(o),
		.store = the_world.store,
		.log = &log,
		.loop = &loop,
		.hostname = "mx.example.test",
		.port = 25,
		.delimiter = '+',
		.connections = 6,
		.connections_each = 3,
		.messages_each = 4,
		.retry_s = RETRY_S,
		.retry_max_s = RETRY_MAX_S,
		.warn_s = 4 * 3600,
		.expire_s = EXPIRE_S };

	must(vx_sender_new(&o, &sender) == VX_OK);
	settle();
}

static void end_sender(void)
{
	while (peer_count > 0)
		close_peer(0);
	run_jobs();
	vx_sender_free(sender);
	must(lookup_count == 0);
	settle();
}

static void set_clock(unsigned how)
{
	static const int64_t jumps[] = { 1, 61, 400, 5 * 3600, 6 * 86400, -2 * 86400, 1,
		10 };

	now += jumps[how % 8];
	clock_ms += jumps[how % 8] > 0 ? (uint64_t)jumps[how % 8] * 1000 : 1000;
	hopeless = hopeless || how % 8 == 4; /* everything is expired */
	unreported = unreported || how % 8 == 4;
	vx_sender_tick(sender);
}

static void trouble(size_t i, unsigned how)
{
	struct peer *p = peers[i];

	if (how == 0) {
		p->session->ops->timeout(p->session, &p->out);
		(void)turn(i);
	} else if (how == 1 && p->opened) {
		/* a server that talks nonsense: what it has taken nobody knows */
		vx_buf_add_str(&p->in, "999 what\r\n250");
		lossy = hopeless = unreported = true;
		(void)turn(i);
	} else {
		close_peer(i);
	}
}

static void step(void)
{
	const unsigned what = octet(), how = octet();
	const size_t peer = peer_count > 0 ? how % peer_count : 0;

	switch (what % 12) {
	case 0:
	case 1:
		add_message();
		break;
	case 2:
		set_clock(how);
		break;
	case 3:
	case 4:
		if (lookup_count > 0)
			answer(how % lookup_count, what >> 4 & 7);
		break;
	case 5:
		if (peer_count > 0)
			open_peer(peer, (what >> 4) % 4 != 0);
		break;
	case 6:
	case 7:
		if (peer_count > 0)
			(void)turn(peer);
		break;
	case 8:
		settle();
		break;
	case 9:
		if (peer_count > 0)
			trouble(peer, what >> 4 & 3);
		break;
	case 10:
		wish((enum vx_queue_verb)(how % (VX_QUEUE_REMOVE + 1)));
		break;
	default:
		end_sender();
		begin_sender();
		break;
	}
}

/* Everybody helps, until nothing is left to do. */
static void become_well(void)
{
	calm = true;
	wish(VX_QUEUE_RELEASE);
	for (unsigned round = 0; !is_empty(); round++) {
		must(round < ROUNDS);
		while (lookup_count > 0)
			answer(0, 0);
		for (size_t i = 0; i < peer_count; i++)
			open_peer(i, true);
		for (size_t i = peer_count; i-- > 0;)
			if (i < peer_count)
				(void)turn(i);
		settle();
		/* those that wait for a word that was never said */
		if (round % 50 == 49)
			while (peer_count > 0)
				close_peer(0);
		now += 20;
		clock_ms += 20000;
		vx_sender_tick(sender);
	}
}

static void check_fates(void)
{
	struct vx_buf shown = { .max = 8u << 20 };
	vx_slice rest, line;
	struct vx_buf text = { .max = 8u << 20 };

	world_show(&the_world, &shown);
	for (rest = vx_buf_slice(&shown); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		vx_buf_add(&text, vx_slice_from(line, 2));
		vx_buf_add_str(&text, "\r\n");
	}
	read_report(vx_buf_slice(&text));
	for (size_t m = 0; m < message_count; m++) {
		for (size_t r = 0; r < RECIPIENTS; r++) {
			if (!fates[m][r].there)
				continue;
			must(fates[m][r].sent <= 1 || lossy);
			must(!fates[m][r].told || fates[m][r].sent == 0 || lossy);
			must(!fates[m][r].told || fates[m][r].wants);
			must(fates[m][r].sent > 0 || fates[m][r].removed ||
			     fates[m][r].refused || hopeless);
			must(fates[m][r].sent > 0 || fates[m][r].removed ||
			     fates[m][r].told || !fates[m][r].wants || unreported);
		}
	}
	vx_buf_done(&shown);
	vx_buf_done(&text);
}

static void at_end(void)
{
	world_close(&the_world); /* store check, too */
}

static void open_world(void)
{
	world_open(&the_world);
	loop = (struct vx_loop){ .submit = submit,
		.now_s = now_s,
		.now_ms = now_ms,
		.ask = ask,
		.forget = forget,
		.dial = dial };
	(void)atexit(at_end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4 || size > 2048)
		return 0;
	if (the_world.store == NULL)
		open_world();
	memset(fates, 0, sizeof(fates));
	message_count = 0;
	calm = lossy = unreported = hopeless = false;
	now = WORLD_NOW;
	clock_ms = 1000;
	script = data;
	script_left = size;
	begin_sender();
	while (script_left > 0)
		step();
	become_well();
	check_fates();
	end_sender();
	world_reset(&the_world);
	return 0;
}
