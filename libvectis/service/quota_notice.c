/*
 * The notice that a mailbox is nearly full.  That it was told is written with the message
 * in one transaction, so that a crash between two of them can only repeat the attempt.
 */
#include "service/quota_notice.h"

#include "base/encode.h"
#include "base/mem.h"
#include "vectis/crypto.h"
#include "vectis/date.h"
#include "vectis/directory.h"

struct notice {
	struct vx_deliver_op op; /* first */
	struct vx_delivery_target target;
	struct vx_blob_writer *writer; /* own */
	const struct vx_log *log;
	struct vx_buf login; /* own */
};

static void release(struct notice *n)
{
	vx_blob_writer_free(n->writer);
	vx_buf_done(&n->login);
	vx_free(n);
}

static void filed(struct vx_store_op *op)
{
	struct notice *n = (struct notice *)(void *)op;
	const int rc = op->result;

	if (rc != VX_ECONFLICT) /* else another was faster */
		vx_log(n->log, rc == VX_OK ? VX_LOG_INFO : VX_LOG_WARN,
		    rc == VX_OK ? "quota notice filed" : "quota notice not filed",
		    VX_KV_S("user", vx_buf_slice(&n->login)),
		    VX_KV_U("percent", n->op.quota_notice),
		    VX_KV_Z("reason", rc == VX_OK ? "" : vx_strerror(rc)));
	release(n);
}

static int look_up(struct vx_store *store, uint32_t account, struct vx_buf *login,
    struct vx_quota *quota)
{
	struct vx_account a;
	struct vx_view *v;
	int rc = vx_view_begin(store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_directory_account_by_id(v, account, &a);
	if (rc == VX_OK)
		vx_buf_add(login, a.login);
	if (rc == VX_OK)
		rc = vx_quota_get(v, account, quota);
	vx_view_end(v);
	return rc == VX_OK && login->failed ? VX_ELIMIT : rc;
}

static void write_use(
    struct vx_buf *out, uint64_t used, uint64_t limit, uint64_t unit, const char *name)
{
	if (limit > 0)
		vx_buf_printf(out, "    %llu of %llu %s\r\n",
		    (unsigned long long)((used + unit - 1) / unit),
		    (unsigned long long)((limit + unit - 1) / unit), name);
}

static void write_text(struct vx_buf *out, const struct vx_quota *q, unsigned percent)
{
	vx_buf_printf(out,
	    "At least %u %% of the space of your mailbox is used:\r\n\r\n", percent);
	write_use(out, q->used_octets, q->limit_octets, 1 << 20, "MB");
	write_use(out, q->used_messages, q->limit_messages, 1, "messages");
	vx_buf_add_str(out, "\r\nWhen it is full, new mail for you is refused. Please "
			    "delete what you do\r\n"
			    "not need any more, and empty the trash; or ask the "
			    "administrator for more\r\n"
			    "space.\r\n");
}

static void write_message(struct vx_buf *out, const struct vx_quota_notice *n,
    vx_slice login, const struct vx_quota *q, unsigned percent)
{
	const vx_slice domain = vx_slice_from(login, vx_slice_find(login, '@') + 1);
	char random[8];

	vx_random(random, sizeof(random));
	vx_buf_printf(out, "Return-Path: <>\r\nFrom: Mail system <postmaster@%.*s>\r\n",
	    (int)domain.len, domain.ptr);
	vx_buf_printf(out, "To: <%.*s>\r\n", (int)login.len, login.ptr);
	vx_buf_printf(out, "Subject: Your mailbox is %u %% full\r\nDate: ", percent);
	vx_date_write(out, n->now_s, 0);
	vx_buf_add_str(out, "\r\nMessage-ID: <quota.");
	vx_hex_add(out, vx_slice_of(random, sizeof(random)));
	vx_buf_printf(out, "@%s>\r\n", n->hostname);
	vx_buf_add_str(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			    "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
	write_text(out, q, percent);
}

static int submit(struct notice *n, const struct vx_quota_notice *how, uint32_t account,
    unsigned percent)
{
	struct vx_buf text = { .max = 4096 };
	struct vx_quota q;
	int rc = look_up(how->store, account, &n->login, &q);

	if (rc == VX_OK) {
		write_message(&text, how, vx_buf_slice(&n->login), &q, percent);
		rc = text.failed ? VX_ELIMIT : vx_blob_writer_new(how->store, &n->writer);
	}
	if (rc == VX_OK)
		rc = vx_blob_writer_add(n->writer, vx_buf_slice(&text));
	vx_buf_done(&text);
	if (rc < 0)
		return rc;
	n->target = (struct vx_delivery_target){ .account = account };
	vx_deliver_op_init(&n->op, n->writer);
	n->op.op.done = filed;
	n->op.targets = &n->target;
	n->op.target_count = 1;
	n->op.all_or_none = true;
	n->op.internal_date = (uint32_t)how->now_s;
	n->op.quota_notice = percent;
	return vx_store_submit(how->store, &n->op.op);
}

void vx_quota_notice_send(
    const struct vx_quota_notice *how, uint32_t account, unsigned percent)
{
	struct notice *n = vx_alloc(sizeof(*n));

	if (n == NULL)
		return;
	n->log = how->log;
	vx_buf_init(&n->login, VX_ADDRESS_MAX);
	if (submit(n, how, account, percent) != VX_OK)
		release(n);
}
