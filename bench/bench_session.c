/*
 * What the server side of FETCH costs without TLS: an IMAP session on a store, its
 * answer sent through a connection on loopback to a thread that throws it away.
 * (The daemons have no port without TLS: TLS-22.)
 * bench_session [directory]: where to write, default $TMPDIR or /tmp.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vectis/crypto.h"
#include "vectis/directory.h"
#include "vectis/imap_service.h"
#include "vectis/store.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MESSAGES = 4000,
	MEAN_OCTETS = 35000,
	SYNC_MESSAGES = 50000,
	SYNC_CHANGES = 1000,
	RUNS = 5
};

static const char password[] = "correct-horse-7";

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_session: %s failed\n", what);
	exit(1);
}

/* --- the loop -------------------------------------------------------------------------
 */

static struct vx_job *jobs; /* submitted, to be run by the next turn */

static int submit(struct vx_loop *loop, struct vx_job *job)
{
	(void)loop;
	job->next = jobs;
	jobs = job;
	return VX_OK;
}

static int64_t now_s(struct vx_loop *loop)
{
	(void)loop;
	return 1800000000;
}

static uint64_t now_ms(struct vx_loop *loop)
{
	(void)loop;
	return vx_clock_mono_ms();
}

static void wake(struct vx_session_host *host)
{
	(void)host; /* the session is driven anyway */
}

static void turn(struct vx_store *store)
{
	struct pollfd p = { .fd = vx_store_fd(store), .events = POLLIN };
	struct vx_job *job = jobs;

	if (job != NULL) {
		jobs = job->next;
		job->run(job);
		job->done(job);
		return;
	}
	(void)poll(&p, 1, 1000);
	vx_store_dispatch(store);
}

/* --- the connection -------------------------------------------------------------------
 */

static void *throw_away(void *arg)
{
	static char buf[256 * 1024];
	const int fd = *(const int *)arg;

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	return NULL;
}

static void connect_loopback(int ends[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	const int l = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(l >= 0 && bind(l, (struct sockaddr *)&a, sizeof(a)) == 0 &&
		 listen(l, 1) == 0 && getsockname(l, (struct sockaddr *)&a, &len) == 0,
	    "listen");
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(ends[0], (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
	ends[1] = accept(l, NULL, NULL);
	must(ends[1] >= 0, "accept");
	(void)close(l);
}

static void send_all(int fd, struct vx_buf *out)
{
	size_t at = 0;

	while (fd >= 0 && at < out->len) {
		const ssize_t n = send(fd, out->ptr + at, out->len - at, 0);

		must(n > 0, "send");
		at += (size_t)n;
	}
	vx_buf_reset(out);
}

/* --- the session ----------------------------------------------------------------------
 */

struct client {
	struct vx_store *store;
	struct vx_session *session;
	int fd; /* -1: the answers are dropped */
};

/* A command, driven until the session wants the next; octets of the answer. */
static uint64_t command(struct client *c, const char *text)
{
	vx_slice in = vx_slice_str(text);
	struct vx_buf out;
	uint64_t octets = 0;
	int rc;

	vx_buf_init(&out, (size_t)4 << 20);
	do {
		rc = c->session->ops->drive(c->session, &in, &out);
		octets += out.len;
		must(rc >= 0 && rc != VX_DONE && !out.failed, text);
		send_all(c->fd, &out);
		if (rc == VX_WAIT)
			turn(c->store);
	} while (rc != VX_MORE || in.len > 0);
	vx_buf_done(&out);
	return octets;
}

static void timed(struct client *c, const char *name, const char *text, bool rate)
{
	uint64_t best = UINT64_MAX, octets = 0;

	for (int i = 0; i < RUNS; i++) {
		const uint64_t begin = vx_clock_mono_us();
		uint64_t took;

		octets = command(c, text);
		took = vx_clock_mono_us() - begin;
		best = took < best ? took : best;
	}
	if (rate)
		printf("%-40s%12.2f MB/s\n", name, (double)octets / (double)best);
	else
		printf("%-40s%12.2f ms\n", name, (double)best / 1000);
	(void)fflush(stdout);
}

/* --- the mailbox ----------------------------------------------------------------------
 */

static void make_account(struct vx_store *store)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = VX_S("example.test");
	must(vx_store_run(store, &op.op) == VX_OK, "a domain");
	must(vx_credential_make(vx_slice_str(password), 1, 4096, &credential) == VX_OK,
	    "a credential");
	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = VX_S("u@example.test");
	op.credential = vx_buf_slice(&credential);
	must(vx_store_run(store, &op.op) == VX_OK, "an account");
	must(op.id == 1, "the first account");
	vx_buf_wipe(&credential);
}

static void deliver(struct vx_store *store, const char *text, size_t len)
{
	struct vx_delivery_target inbox = { .account = 1 };
	struct vx_blob_writer *blob;
	struct vx_deliver_op op;

	must(vx_blob_writer_new(store, &blob) == VX_OK &&
		 vx_blob_writer_add(blob, vx_slice_of(text, len)) >= 0,
	    "a message");
	vx_deliver_op_init(&op, blob);
	op.targets = &inbox;
	op.target_count = 1;
	op.internal_date = 1800000000;
	must(vx_store_run(store, &op.op) == VX_OK, "a delivery");
	vx_blob_writer_free(blob);
}

static void fill(struct vx_store *store)
{
	char *text = vx_alloc((size_t)MEAN_OCTETS * 10);

	must(text != NULL, "memory");
	for (int i = 0; i < MESSAGES; i++) {
		const size_t octets =
		    i % 10 == 0 ? MEAN_OCTETS * 8u : MEAN_OCTETS * 2u / 9;
		size_t at = (size_t)sprintf(text,
		    "From: A <a%d@example.net>\r\nSubject: message %d\r\n\r\n", i, i);

		for (; at < octets; at += 78) {
			memset(text + at, 'a' + (int)(at / 78 % 26), 76);
			memcpy(text + at + 76, "\r\n", 2);
		}
		deliver(store, text, at);
	}
	vx_free(text);
}

/* --- coming back ----------------------------------------------------------------------
 */

static struct vx_mailbox_status sync_status(struct vx_store *store)
{
	struct vx_mailbox_info info;
	struct vx_mailbox_status st;
	struct vx_view *v;

	must(vx_view_begin(store, &v) == VX_OK &&
		 vx_mailbox_find(v, 1, VX_S("sync"), &info) == VX_OK &&
		 vx_mailbox_status(v, 1, info.mailbox, &st) == VX_OK,
	    "the status");
	vx_view_end(v);
	return st;
}

/* Half of the changes are flags, half are expunges; each is a change of its own. */
static void resync(struct client *c, const char *name, unsigned changes)
{
	const struct vx_mailbox_status st = sync_status(c->store);
	char text[200];

	(void)command(c, "a SELECT sync\r\n");
	for (unsigned i = 0; i < changes; i++) {
		const unsigned seq = 1 + i * 47 % (SYNC_MESSAGES - SYNC_CHANGES);

		(void)snprintf(text, sizeof(text), "a STORE %u +FLAGS.SILENT (%s)\r\n",
		    seq, i % 2 == 0 ? "\\Answered" : "\\Deleted");
		(void)command(c, text);
		if (i % 2 == 1)
			(void)command(c, "a EXPUNGE\r\n");
	}
	(void)command(c, "a UNSELECT\r\n");
	(void)snprintf(text, sizeof(text), "a SELECT sync (QRESYNC (%u %llu))\r\n",
	    st.uidvalidity, (unsigned long long)st.highestmodseq);
	timed(c, name, text, false);
}

static void sync_rows(struct client *c)
{
	char text[40];

	(void)command(c, "a ENABLE QRESYNC\r\n");
	(void)command(c, "a CREATE sync\r\n");
	for (unsigned n = 0; n < SYNC_MESSAGES; n += MESSAGES) {
		const unsigned left = SYNC_MESSAGES - n;

		(void)snprintf(text, sizeof(text), "a COPY 1:%u sync\r\n",
		    left < MESSAGES ? left : MESSAGES);
		(void)command(c, text);
	}
	(void)command(c, "a SELECT sync\r\n");
	(void)command(c, "a STORE 1:* +FLAGS.SILENT (\\Seen)\r\n");
	timed(c, "SELECT of 50,000", "a SELECT sync\r\n", false);
	resync(c, "QRESYNC after 10 changes in 50,000", 10);
	resync(c, "QRESYNC after 1,000 changes in 50,000", SYNC_CHANGES);
}

static void run(struct vx_store *store)
{
	const struct vx_auth_options a = { .struct_size = sizeof(a), .store = store };
	const struct vx_session_tls tls = { .version = VX_S("TLSv1.3") };
	const struct vx_peer peer = { .address = "192.0.2.1", .implicit_tls = true };
	struct vx_imap_service_options o = { .struct_size = sizeof(o),
		.store = store,
		.hostname = "mail.example.test",
		.message_octets_max = 1 << 20,
		.idle_s = 1800,
		.login_s = 60 };
	struct vx_loop loop = { .submit = submit, .now_s = now_s, .now_ms = now_ms };
	struct vx_session_host host = { .loop = &loop, .wake = wake };
	struct client c = { .store = store, .fd = -1 };
	struct vx_imap_service *service;
	pthread_t reader;
	int ends[2];

	must(vx_auth_new(&a, &o.auth) == VX_OK &&
		 vx_imap_service_new(&o, &service) == VX_OK &&
		 vx_imap_session_new(service, &peer, &host, &c.session) == VX_OK,
	    "a session");
	c.session->ops->tls_ready(c.session, &tls);
	(void)command(&c, "a LOGIN u@example.test correct-horse-7\r\n");
	(void)command(&c, "a SELECT INBOX\r\n");
	timed(&c, "bodies rendered, no connection", "a FETCH 1:* BODY.PEEK[]\r\n", true);
	timed(&c, "all items rendered",
	    "a FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)\r\n", false);
	sync_rows(&c);
	(void)command(&c, "a SELECT INBOX\r\n");
	connect_loopback(ends);
	c.fd = ends[0];
	must(pthread_create(&reader, NULL, throw_away, &ends[1]) == 0, "a thread");
	timed(&c, "bodies in clear on loopback", "a FETCH 1:* BODY.PEEK[]\r\n", true);
	(void)shutdown(ends[0], SHUT_WR);
	(void)pthread_join(reader, NULL);
	(void)close(ends[0]);
	(void)close(ends[1]);
	c.session->ops->free(c.session);
	vx_imap_service_free(service);
	vx_auth_free(o.auth);
}

int main(int argc, char **argv)
{
	const char *tmp = argc > 1 ? argv[1] : getenv("TMPDIR");
	struct vx_store_options o = { .struct_size = sizeof(o) };
	struct vx_store *store;
	struct vx_error err;
	char dir[256], path[300];

	(void)snprintf(
	    dir, sizeof(dir), "%s/bench_session.XXXXXX", tmp != NULL ? tmp : "/tmp");
	must(mkdtemp(dir) != NULL, "a directory");
	(void)snprintf(path, sizeof(path), "%s/store", dir);
	o.dir = path;
	must(vx_store_open(&o, &store, &err) == VX_OK, "vx_store_open");
	make_account(store);
	fill(store);
	run(store);
	vx_store_close(store);
	(void)vx_fs_remove_tree(dir, NULL);
	return 0;
}
