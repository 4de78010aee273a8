/*
 * Deliveries beside what the disk and LMDB alone can do in the same minute.
 * bench_store [directory]: where to write, default $TMPDIR or /tmp.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/account.h"
#include "vectis/store.h"

#include <fcntl.h>
#include <lmdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ACCOUNTS = 1000,
	CLIENTS = 64,
	BODY_OCTETS = 10000,
	RUN_MS = 2000,
	BIG_MAILBOX = 50000
};

static char body[BODY_OCTETS];

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench_store: %s failed\n", what);
	exit(1);
}

static void must(bool ok, const char *what)
{
	if (!ok)
		fail(what);
}

static void row(const char *name, double value, const char *unit, double limit)
{
	printf("%-28s %12.1f %-8s", name, value, unit);
	if (limit > 0)
		printf(" %6.2f", value / limit);
	printf("\n");
	(void)fflush(stdout);
}

/* --- the limits -----------------------------------------------------------------------
 */

static double flushes_per_s(const char *dir)
{
	const uint64_t until = vx_clock_mono_ms() + RUN_MS;
	char path[512];
	unsigned n = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/flush", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	must(fd >= 0, "open");
	for (; vx_clock_mono_ms() < until; n++)
		must(write(fd, body, 4096) == 4096 && fdatasync(fd) == 0, "fdatasync");
	(void)close(fd);
	(void)unlink(path);
	return n * 1000.0 / RUN_MS;
}

/* Values of len octets, batch of them in a transaction; values a second. */
static double raw_lmdb(const char *dir, unsigned batch, size_t len)
{
	const uint64_t until = vx_clock_mono_ms() + RUN_MS;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char path[512];
	uint64_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/raw.mdb", dir);
	must(mdb_env_create(&env) == 0 &&
		 mdb_env_set_mapsize(env, (size_t)16 << 30) == 0 &&
		 mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NORDAHEAD, 0600) == 0,
	    "mdb_env_open");
	while (vx_clock_mono_ms() < until) {
		must(mdb_txn_begin(env, NULL, 0, &txn) == 0 &&
			 mdb_dbi_open(txn, NULL, 0, &dbi) == 0,
		    "mdb_txn_begin");
		for (unsigned i = 0; i < batch; i++, n++) {
			const uint64_t key = __builtin_bswap64(n);
			MDB_val k = { sizeof(key), (void *)(uintptr_t)&key };
			MDB_val v = { len, body };

			must(mdb_put(txn, dbi, &k, &v, MDB_APPEND) == 0, "mdb_put");
		}
		must(mdb_txn_commit(txn) == 0, "mdb_txn_commit");
	}
	mdb_env_close(env);
	(void)unlink(path);
	return (double)n * 1000.0 / RUN_MS;
}

/* --- the store ------------------------------------------------------------------------
 */

struct account_op {
	struct vx_store_op op;
	uint32_t first;
};

static int make_accounts(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct account_op *op = (struct account_op *)base;
	const struct vx_quota none = { 0 };
	int rc = VX_OK;

	for (uint32_t i = 0; i < 100 && rc == VX_OK; i++)
		rc = vx_account_create(txn, op->first + i, &none);
	return rc;
}

static struct vx_store *open_store(const char *dir)
{
	struct vx_store_options o = { .struct_size = sizeof(o) };
	struct vx_store *s;
	struct vx_error err;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/store", dir);
	o.dir = path;
	must(vx_store_open(&o, &s, &err) == VX_OK, "vx_store_open");
	for (uint32_t first = 1; first <= ACCOUNTS; first += 100) {
		struct account_op op = { .op = { .apply = make_accounts },
			.first = first };

		must(vx_store_run(s, &op.op) == VX_OK, "an account");
	}
	return s;
}

struct client {
	struct vx_deliver_op op; /* first */
	struct vx_delivery_target target;
	struct vx_blob_writer *blob;
	struct load *load;
	uint64_t since_us;
};

struct load {
	struct vx_store *store;
	uint64_t until_ms, done;
	uint64_t worst_us, sum_us;
	unsigned running;
	uint32_t account; /* 0: one after the other */
	uint32_t next;
	struct client clients[CLIENTS];
};

static void finished(struct vx_store_op *base);

static void deliver(struct client *c)
{
	struct load *l = c->load;

	must(vx_blob_writer_new(l->store, &c->blob) == VX_OK, "vx_blob_writer_new");
	must(vx_blob_writer_add(c->blob, vx_slice_of(body, sizeof(body))) == VX_OK,
	    "vx_blob_writer_add");
	vx_deliver_op_init(&c->op, c->blob);
	c->target = (struct vx_delivery_target){
		.account = l->account != 0 ? l->account : 1 + l->next++ * 7 % ACCOUNTS,
	};
	c->op.targets = &c->target;
	c->op.target_count = 1;
	c->op.op.done = finished;
	c->since_us = vx_clock_mono_us();
	must(vx_store_submit(l->store, &c->op.op) == VX_OK, "vx_store_submit");
}

static void finished(struct vx_store_op *base)
{
	struct client *c = (struct client *)base;
	struct load *l = c->load;
	const uint64_t us = vx_clock_mono_us() - c->since_us;

	must(base->result == VX_OK, "a delivery");
	vx_blob_writer_free(c->blob);
	l->done++;
	l->sum_us += us;
	l->worst_us = us > l->worst_us ? us : l->worst_us;
	if (vx_clock_mono_ms() < l->until_ms)
		deliver(c);
	else
		l->running--;
}

/* Deliveries a second by so many clients, each waiting for its answer. */
static double run_load(struct load *l, unsigned clients, uint64_t run_ms)
{
	const uint64_t start = vx_clock_mono_us();

	l->until_ms = vx_clock_mono_ms() + run_ms;
	l->done = l->worst_us = l->sum_us = 0;
	l->running = clients;
	for (unsigned i = 0; i < clients; i++) {
		l->clients[i].load = l;
		deliver(&l->clients[i]);
	}
	while (l->running > 0) {
		struct pollfd p = { .fd = vx_store_fd(l->store), .events = POLLIN };

		(void)poll(&p, 1, 1000);
		vx_store_dispatch(l->store);
	}
	return (double)l->done * 1e6 / (double)(vx_clock_mono_us() - start);
}

static void bench_mailbox(struct load *l)
{
	const struct vx_uid_range all = { 1, UINT32_MAX };
	struct vx_flags_op flags;
	struct vx_snapshot *s;
	uint64_t t;

	l->account = ACCOUNTS;
	while (l->done < BIG_MAILBOX) {
		const uint64_t before = l->done;

		(void)run_load(l, CLIENTS, 500);
		l->done += before;
	}
	t = vx_clock_mono_us();
	must(vx_snapshot_take(l->store, l->account, 1, &s) == VX_OK, "a snapshot");
	row("snapshot_50k", (double)(vx_clock_mono_us() - t), "us", 0);
	vx_snapshot_free(s);
	vx_flags_op_init(&flags);
	flags.account = l->account;
	flags.mailbox = 1;
	flags.uids = &all;
	flags.range_count = 1;
	flags.flags = VX_FLAG_SEEN;
	t = vx_clock_mono_us();
	must(vx_store_run(l->store, &flags.op) == VX_OK, "a change of flags");
	row("flags_50k", (double)(vx_clock_mono_us() - t), "us", 0);
}

int main(int argc, char **argv)
{
	const char *tmp = argc > 1 ? argv[1] : getenv("TMPDIR");
	char dir[256];
	struct load *l = vx_alloc(sizeof(*l));
	double flushes, commits, values, rate;

	(void)snprintf(
	    dir, sizeof(dir), "%s/bench_store.XXXXXX", tmp != NULL ? tmp : "/tmp");
	must(l != NULL && mkdtemp(dir) != NULL, "a directory");
	memset(body, 'x', sizeof(body));
	(void)memcpy(body, "Subject: bench\r\n\r\n", 18);
	flushes = flushes_per_s(dir);
	row("fdatasync", flushes, "1/s", 0);
	commits = raw_lmdb(dir, 1, 100);
	row("lmdb_commit", commits, "1/s", flushes / 2);
	values = raw_lmdb(dir, CLIENTS, BODY_OCTETS);
	row("lmdb_64_bodies", values, "1/s", 0);
	l->store = open_store(dir);
	rate = run_load(l, 1, RUN_MS);
	row("deliver_1_client", rate, "1/s", commits / 2);
	row("deliver_1_client_mean", (double)l->sum_us / (double)l->done, "us", 0);
	rate = run_load(l, CLIENTS, RUN_MS);
	row("deliver_64_clients", rate, "1/s", values);
	row("deliver_64_clients_mean", (double)l->sum_us / (double)l->done, "us", 0);
	row("deliver_64_clients_worst", (double)l->worst_us, "us", 0);
	bench_mailbox(l);
	vx_store_close(l->store);
	vx_free(l);
	(void)vx_fs_remove_tree(dir, NULL);
	return 0;
}
