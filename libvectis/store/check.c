/* store check: the invariants of STORE.md 9, walked in a child process. */
#include "base/bytes.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/store_int.h"
#include "vectis/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct check {
	struct vx_store *store;
	struct vx_kv_txn *txn;
	vx_store_report_fn *report;
	void *ctx;
	uint64_t problems;
	uint64_t *blobs; /* own: of every record */
	size_t blob_count, blob_cap;
	uint64_t account_octets, account_messages;
	uint32_t account; /* whose sums these are */
};

VX_PRINTF(2, 3) static void problem(struct check *c, const char *fmt, ...)
{
	char text[300];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	c->problems++;
	c->report(c->ctx, text);
}

static void see_blob(struct check *c, uint64_t blob)
{
	if (c->blob_count == c->blob_cap) {
		const size_t cap = c->blob_cap == 0 ? 4096 : c->blob_cap * 2;
		uint64_t *grown = vx_realloc(c->blobs, cap * sizeof(*grown));

		if (grown == NULL) {
			problem(c, "not enough memory to check the references");
			return;
		}
		c->blobs = grown;
		c->blob_cap = cap;
	}
	c->blobs[c->blob_count++] = blob;
}

struct sums {
	uint32_t messages, unseen, deleted, live;
	uint64_t size;
};

static void check_pages(
    struct check *c, uint32_t account, uint32_t mailbox, struct sums *sums)
{
	struct vx_kv_cursor *cur;
	struct vx_key prefix;
	vx_slice key, value;
	struct vx_page page;
	int rc;

	vx_key_state(&prefix, account, mailbox, VX_KIND_PAGE);
	if (vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur) != VX_OK)
		return;
	for (rc = vx_kv_seek(cur, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 4);
	     rc = vx_kv_next(cur, &key, &value)) {
		if (vx_page_parse(value, vx_get_be32(key.ptr + 9), &page) != VX_OK) {
			problem(c,
			    "account %u mailbox %u: the records from UID %u on are "
			    "damaged",
			    account, mailbox, vx_get_be32(key.ptr + 9) * VX_PAGE_UIDS);
			continue;
		}
		for (unsigned i = 0; i < page.count; i++) {
			const struct vx_record *r = &page.records[i];

			sums->messages++;
			sums->unseen += (r->flags & VX_FLAG_SEEN) == 0;
			sums->deleted += (r->flags & VX_FLAG_DELETED) != 0;
			sums->size += r->size;
			see_blob(c, r->blob);
		}
	}
	vx_kv_cursor_close(cur);
}

static void check_blocks(
    struct check *c, uint32_t account, uint32_t mailbox, struct sums *sums)
{
	struct vx_kv_cursor *cur;
	struct vx_key prefix;
	vx_slice key, value;
	struct vx_block block;
	int rc;

	vx_key_state(&prefix, account, mailbox, VX_KIND_BLOCK);
	if (vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur) != VX_OK)
		return;
	for (rc = vx_kv_seek(cur, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 4);
	     rc = vx_kv_next(cur, &key, &value)) {
		if (vx_block_parse(value, vx_get_be32(key.ptr + 9), &block) != VX_OK) {
			problem(c, "account %u mailbox %u: a UID block is damaged",
			    account, mailbox);
			continue;
		}
		for (size_t i = 0; i < VX_BLOCK_UIDS / 64; i++)
			sums->live += (uint32_t)__builtin_popcountll(block.bits[i]);
	}
	vx_kv_cursor_close(cur);
}

static void check_mailbox(struct check *c, uint32_t account, uint32_t mailbox)
{
	struct sums sums = { 0 };
	struct vx_head h;
	struct vx_name n;

	if (vx_head_read(c->txn, account, mailbox, &h) != VX_OK) {
		problem(
		    c, "account %u mailbox %u: its head is damaged", account, mailbox);
		return;
	}
	check_pages(c, account, mailbox, &sums);
	check_blocks(c, account, mailbox, &sums);
	if (sums.messages != h.s.messages || sums.live != h.s.messages ||
	    sums.unseen != h.s.unseen || sums.deleted != h.s.deleted ||
	    sums.size != h.s.size)
		problem(c,
		    "account %u mailbox %u: the head counts %u messages (%u unseen, %u "
		    "deleted), "
		    "the records are %u (%u, %u), the UID blocks have %u",
		    account, mailbox, h.s.messages, h.s.unseen, h.s.deleted,
		    sums.messages, sums.unseen, sums.deleted, sums.live);
	if (vx_name_read(c->txn, account, vx_slice_of(h.name, h.name_len), &n) == VX_OK &&
	    n.mailbox != mailbox && n.mailbox != 0 &&
	    vx_head_read(c->txn, account, n.mailbox, &h) != VX_OK)
		problem(c, "account %u: a name points to mailbox %u, which is not there",
		    account, n.mailbox);
	c->account_octets += sums.size;
	c->account_messages += sums.messages;
}

static void close_account(struct check *c)
{
	struct vx_account_record a;

	if (c->account == 0)
		return;
	if (vx_account_read(c->txn, c->account, &a) != VX_OK)
		problem(c, "account %u: its record is damaged or missing", c->account);
	else if (a.used_octets != c->account_octets ||
		 a.used_messages != c->account_messages)
		problem(c,
		    "account %u: its record counts %llu octets, its mailboxes have %llu",
		    c->account, (unsigned long long)a.used_octets,
		    (unsigned long long)c->account_octets);
	c->account_octets = c->account_messages = 0;
}

static void check_state(struct check *c)
{
	struct vx_kv_cursor *cur;
	struct vx_key k;
	vx_slice key, value;
	int rc;

	if (vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur) != VX_OK)
		return;
	vx_key_state(&k, 1, 0, VX_KIND_ACCOUNT);
	k.len = 4;
	rc = vx_kv_seek(cur, vx_key_slice(&k), &key, &value);
	while (rc == VX_OK) {
		const uint32_t account = vx_get_be32(key.ptr),
			       mailbox = vx_get_be32(key.ptr + 4);

		if (account != c->account) {
			close_account(c);
			c->account = account;
		}
		if (mailbox != 0)
			check_mailbox(c, account, mailbox);
		k.len = 0;
		vx_key_add_u32(&k, account);
		vx_key_add_u32(
		    &k, mailbox + 1); /* the next mailbox, or the next account */
		rc = vx_kv_seek(cur, vx_key_slice(&k), &key, &value);
	}
	close_account(c);
	vx_kv_cursor_close(cur);
}

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void check_blob(struct check *c, uint64_t blob, size_t records)
{
	struct vx_descriptor d;
	struct vx_key k;
	vx_slice v;
	uint64_t size;
	int rc;

	vx_key_blob(&k, blob);
	rc = vx_kv_get(c->txn, VX_TREE_DESC, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_value_check(v, 'd', VX_VALUE_HEADER + 8);
	if (rc == VX_OK)
		rc = vx_descriptor_open(vx_slice_from(v, VX_VALUE_HEADER + 8), &d);
	if (rc != VX_OK)
		problem(c, "message %016llx: its descriptor is missing or damaged",
		    (unsigned long long)blob);
	rc = vx_blob_verify(c->store, blob, &size);
	if (rc != VX_OK)
		problem(c, "message %016llx: its body is %s", (unsigned long long)blob,
		    rc == VX_ENOENT ? "missing" : "damaged");
	else if (vx_get_le64(v.ptr + VX_VALUE_HEADER) != size)
		problem(c, "message %016llx: its body has %llu octets, not as described",
		    (unsigned long long)blob, (unsigned long long)size);
	rc = vx_kv_get(c->txn, VX_TREE_REFS, vx_key_slice(&k), &v);
	if ((rc == VX_OK && v.len == 4 ? vx_get_le32(v.ptr) + (size_t)1 : 1) != records)
		problem(c,
		    "message %016llx: it is in %zu places, its count says otherwise",
		    (unsigned long long)blob, records);
}

static void check_blobs(struct check *c)
{
	if (c->blob_count > 0)
		qsort(c->blobs, c->blob_count, sizeof(*c->blobs), cmp_u64);
	for (size_t i = 0, run; i < c->blob_count; i += run) {
		for (run = 1;
		     i + run < c->blob_count && c->blobs[i + run] == c->blobs[i];)
			run++;
		check_blob(c, c->blobs[i], run);
	}
}

int vx_state_check(
    struct vx_store *store, vx_store_report_fn *report, void *ctx, uint64_t *problems)
{
	struct check c = { .store = store, .report = report, .ctx = ctx };
	const int rc = vx_kv_begin(store->state, false, &c.txn);

	if (rc != VX_OK)
		return rc;
	check_state(&c);
	check_blobs(&c);
	vx_kv_abort(c.txn);
	vx_free(c.blobs);
	*problems = c.problems;
	return VX_OK;
}

/* --- the child ---------------------------------------------------------------------- */

static void report_line(void *ctx, const char *text)
{
	(void)dprintf(*(int *)ctx, "%s\n", text);
}

static _Noreturn void child(const char *dir, int fd)
{
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = dir, .read_only = true
	};
	struct vx_store *store;
	struct vx_error err;
	uint64_t problems = 0;
	int rc = vx_store_open(&o, &store, &err);

	if (rc == VX_OK) {
		rc = vx_state_check(store, report_line, &fd, &problems);
		vx_store_close(store);
	} else {
		(void)dprintf(fd, "%s\n", err.text);
	}
	_exit(rc == VX_OK ? 0 : 1);
}

/* Hand each line of the child to report; how many there were. */
static uint64_t relay(int fd, vx_store_report_fn *report, void *ctx)
{
	FILE *in = fdopen(fd, "r");
	char line[512];
	uint64_t n = 0;

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		report(ctx, line);
		n++;
	}
	if (in != NULL)
		(void)fclose(in);
	return n;
}

int vx_store_check(const char *dir, vx_store_report_fn *report, void *ctx,
    uint64_t *problems, struct vx_error *err)
{
	int p[2], status = 0;
	pid_t pid;

	if (pipe(p) < 0)
		return vx_error_set(
		    err, VX_EIO, "cannot make a pipe: %s", vx_errno_text(errno));
	pid = fork();
	if (pid == 0) {
		(void)close(p[0]);
		child(dir, p[1]);
	}
	(void)close(p[1]);
	if (pid < 0) {
		(void)close(p[0]);
		return vx_error_set(
		    err, VX_EIO, "cannot start the check: %s", vx_errno_text(errno));
	}
	*problems = relay(p[0], report, ctx);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		report(
		    ctx, "the check itself crashed on a damaged page: run store repair");
		(*problems)++;
	} else if (WEXITSTATUS(status) != 0 && *problems == 0) {
		return vx_error_set(err, VX_EIO, "the check could not be made");
	}
	return VX_OK;
}
