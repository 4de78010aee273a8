#define ZLIB_CONST
#include "host.h"

#include "vectis/crypto.h"
#include "vectis/directory.h"
#include "vectis/log.h"
#include "vectis/memory.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static int submit(struct vx_loop *loop, struct vx_job *job)
{
	struct host *h = (struct host *)loop;

	job->next = NULL;
	*h->jobs_tail = job;
	h->jobs_tail = &job->next;
	return VX_OK;
}

static int64_t now_s(struct vx_loop *loop)
{
	(void)loop;
	return 1796000000; /* in November 2026 */
}

static uint64_t now_ms(struct vx_loop *loop)
{
	(void)loop;
	return vx_now_ms();
}

static bool run_job(struct host *h)
{
	struct vx_job *job = h->jobs;

	if (job == NULL)
		return false;
	h->jobs = job->next;
	if (h->jobs == NULL)
		h->jobs_tail = &h->jobs;
	job->run(job);
	job->done(job);
	return true;
}

static int add_account(struct host *h, const char *login, vx_slice credential)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = vx_slice_str(login);
	op.credential = credential;
	return vx_store_run(h->store, &op.op);
}

static int add_accounts(struct host *h)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	struct vx_directory_op op;
	int rc;

	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = VX_S(HOST_DOMAIN);
	rc = vx_store_run(h->store, &op.op);
	if (rc == VX_OK)
		rc =
		    vx_credential_make(vx_slice_str(HOST_PASSWORD), 1, 4096, &credential);
	if (rc == VX_OK)
		rc = add_account(h, "alice@" HOST_DOMAIN, vx_buf_slice(&credential));
	if (rc == VX_OK)
		rc = add_account(h, "bob@" HOST_DOMAIN, vx_buf_slice(&credential));
	vx_buf_wipe(&credential);
	return rc;
}

static int open_services(struct host *h)
{
	const struct vx_auth_options a = { .struct_size = sizeof(a),
		.store = h->store,
		.hash_cost = 1,
		.scram_iterations = 4096 };
	struct vx_imap_service_options o = { .struct_size = sizeof(o),
		.store = h->store,
		.hostname = "mail." HOST_DOMAIN,
		.message_octets_max = 4u << 20,
		.idle_s = 1800,
		.login_s = 60 };
	int rc = vx_auth_new(&a, &h->auth);

	o.auth = h->auth;
	return rc != VX_OK ? rc : vx_imap_service_new(&o, &h->imap);
}

static const char *parent_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (access("/dev/shm", W_OK) == 0)
		return "/dev/shm"; /* thousands of commits that flush nothing */
	return tmp != NULL ? tmp : "/tmp";
}

int host_open(struct host *h)
{
	struct vx_store_options o = { .struct_size = sizeof(o),
		.map_octets = 1 << 20,
		.volume_octets = 64 << 20,
		.ballast_octets = 4096 };
	char dir[512];
	struct vx_error err;
	int rc;

	(void)snprintf(dir, sizeof(dir), "%.400s/vxt-service-XXXXXX", parent_dir());
	if (mkdtemp(dir) == NULL)
		return VX_EIO;
	*h = (struct host){ .loop = { submit, now_s, now_ms }, .dir = strdup(dir) };
	h->jobs_tail = &h->jobs;
	o.dir = h->dir;
	rc = vx_store_open(&o, &h->store, &err);
	if (rc == VX_OK)
		rc = add_accounts(h);
	return rc != VX_OK ? rc : open_services(h);
}

void host_close(struct host *h)
{
	while (run_job(h))
		;
	vx_imap_service_free(h->imap);
	vx_auth_free(h->auth);
	vx_store_close(h->store);
	free(h->dir);
}

uint32_t host_account(struct host *h, const char *name)
{
	char login[100];
	struct vx_account a = { 0 };
	struct vx_view *v;

	(void)snprintf(login, sizeof(login), "%s@%s", name, HOST_DOMAIN);
	if (vx_view_begin(h->store, &v) != VX_OK)
		return 0;
	if (vx_directory_account(v, vx_slice_str(login), &a) != VX_OK)
		a.id = 0;
	vx_view_end(v);
	return a.id;
}

int host_mailbox(struct host *h, uint32_t account, const char *name)
{
	struct vx_mailbox_op op;

	vx_mailbox_op_init(&op, VX_MAILBOX_CREATE);
	op.account = account;
	op.name = vx_slice_str(name);
	op.new_name = VX_S("");
	return vx_store_run(h->store, &op.op);
}

static uint32_t find(struct host *h, uint32_t account, const char *name)
{
	struct vx_mailbox_info m = { 0 };
	struct vx_view *v;

	if (vx_view_begin(h->store, &v) != VX_OK)
		return 0;
	if (vx_mailbox_find(v, account, vx_slice_str(name), &m) != VX_OK)
		m.mailbox = 0;
	vx_view_end(v);
	return m.mailbox;
}

uint32_t host_deliver(struct host *h, uint32_t account, const char *mailbox,
    vx_slice message, uint32_t date, uint64_t flags)
{
	struct vx_delivery_target t = {
		.account = account, .mailbox = find(h, account, mailbox), .flags = flags
	};
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	int rc;

	if (vx_blob_writer_new(h->store, &w) != VX_OK)
		return 0;
	rc = vx_blob_writer_add(w, message);
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	op.internal_date = date;
	if (rc >= 0)
		rc = vx_store_run(h->store, &op.op);
	vx_blob_writer_free(w);
	return rc == VX_OK ? t.uid : 0;
}

/* --- COMPRESS -------------------------------------------------------------------- */

struct link_zip {
	z_stream in, out; /* what it hears, what it says */
};

void link_zip(struct link *l)
{
	l->zip = calloc(1, sizeof(*l->zip));
	if (l->zip == NULL || inflateInit2(&l->zip->in, -15) != Z_OK ||
	    deflateInit2(&l->zip->out, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
}

static void zip_free(struct link_zip *z)
{
	if (z == NULL)
		return;
	(void)inflateEnd(&z->in);
	(void)deflateEnd(&z->out);
	free(z);
}

/* Call work until the stream has given all it has. */
static int zip_all(
    z_stream *z, int (*work)(z_streamp z, int flush), vx_slice octets, struct vx_buf *out)
{
	int rc;

	z->next_in = (const Bytef *)octets.ptr;
	z->avail_in = (uInt)octets.len;
	do {
		char *p = vx_buf_reserve(out, 4096);

		if (p == NULL)
			abort();
		z->next_out = (Bytef *)p;
		z->avail_out = 4096;
		rc = work(z, Z_SYNC_FLUSH);
		vx_buf_truncate(out, out->len += 4096 - z->avail_out);
	} while (z->avail_out == 0);
	return rc;
}

void link_deflate(struct link *l, vx_slice text, struct vx_buf *out)
{
	(void)zip_all(&l->zip->out, deflate, text, out);
}

static void hear(struct link *l, vx_slice octets)
{
	int rc = Z_OK;

	if (l->zip == NULL)
		vx_buf_add(&l->out, octets);
	else if (octets.len > 0)
		rc = zip_all(&l->zip->in, inflate, octets, &l->out);
	if (rc == Z_STREAM_END) { /* after UNAUTHENTICATE */
		vx_buf_add(&l->out, vx_slice_of((const char *)l->zip->in.next_in,
				       l->zip->in.avail_in));
		zip_free(l->zip);
		l->zip = NULL;
		rc = Z_OK;
	}
	if (rc != Z_OK && rc != Z_BUF_ERROR)
		abort();
}

/* --- connections ----------------------------------------------------------------- */

static void wake(struct vx_session_host *base)
{
	((struct link *)(void *)base)->awake = true;
}

int link_open(struct link *l, struct host *h, bool tls)
{
	const struct vx_peer peer = {
		.address = "192.0.2.1", .local_address = "192.0.2.2", .implicit_tls = tls
	};

	*l = (struct link){ .base = { .loop = &h->loop, .wake = wake },
		.host = h,
		.awake = true,
		.in = { .max = 64u << 20 },
		.out = { .max = 256u << 20 } };
	return vx_imap_session_new(h->imap, &peer, &l->base, &l->session);
}

void link_close(struct link *l)
{
	if (l->session != NULL)
		l->session->ops->free(l->session);
	l->session = NULL;
	zip_free(l->zip);
	l->zip = NULL;
	vx_buf_done(&l->in);
	vx_buf_done(&l->out);
}

static void ended(struct link *l, int rc)
{
	l->end = rc;
	if (rc == VX_TLS)
		return;
	l->session->ops->free(l->session);
	l->session = NULL;
}

/* One turn, as a connection of the daemons gives it. */
static void drive(struct link *l)
{
	struct vx_buf out = { .max = 4u << 20 };
	const uint64_t before = vx_now_ms();
	vx_slice in = vx_buf_slice(&l->in);
	const size_t had = in.len;
	const int rc = l->session->ops->drive(l->session, &in, &out);
	const uint64_t took = vx_now_ms() - before;

	if (took > l->host->longest_ms)
		l->host->longest_ms = took;
	l->host->turns++;
	vx_buf_consume(&l->in, had - in.len);
	hear(l, vx_buf_slice(&out));
	if (rc == VX_DATA)
		l->awake = true;
	l->waits = rc == VX_WAIT;
	if (rc == VX_DONE || rc == VX_TLS || rc < 0 || out.failed)
		ended(l, out.failed ? VX_ELIMIT : rc);
	vx_buf_done(&out);
}

void link_send(struct link *l, vx_slice octets)
{
	vx_buf_add(&l->in, octets);
	l->awake = true;
}

/* He does not read, and is given no more. */
static bool is_full(const struct link *l)
{
	return l->stalled && l->out.len >= VX_SESSION_HIGH_WATER;
}

static bool turn(struct link *const links[], size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		struct link *l = links[i];

		if (l == NULL || l->session == NULL || !l->awake || l->end == VX_TLS ||
		    is_full(l))
			continue;
		l->awake = false;
		drive(l);
		any = true;
	}
	return any;
}

void host_turn(struct link *l)
{
	struct link *const links[] = { l };

	(void)turn(links, 1);
}

static bool waits(struct link *const links[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (links[i] != NULL && links[i]->session != NULL && links[i]->waits &&
		    !is_full(links[i]))
			return true;
	return false;
}

/* Until nobody can go on, nobody waits for the store, and that has nothing to say. */
void host_settle(struct host *h, struct link *const links[], size_t count)
{
	struct pollfd p = { .fd = vx_store_fd(h->store), .events = POLLIN };

	for (;;) {
		const bool busy = turn(links, count) || run_job(h);

		if (poll(&p, 1, busy || (h->hasty && !waits(links, count)) ? 0 : 1) > 0)
			vx_store_dispatch(h->store);
		else if (!busy && !waits(links, count))
			return;
	}
}
