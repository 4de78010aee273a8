/* What a POP3 session waits for: the login, cold octets, the deletions at QUIT. */
#include "base/mem.h"
#include "service/pop3_int.h"

#include <fcntl.h>
#include <unistd.h>

enum {
	RECORDS_AT_ONCE = 512
};

/* --- login ----------------------------------------------------------------------- */

/* VX_OK, VX_EBUSY: another session has it, VX_EIO. */
static int take_lock(const char *path, uint32_t account, int *out)
{
	struct flock l = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = account, .l_len = 1
	};
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return VX_EIO;
	if (fcntl(fd, F_OFD_SETLK, &l) < 0) {
		(void)close(fd);
		return VX_EBUSY;
	}
	*out = fd;
	return VX_OK;
}

static int inbox(struct pop3_login *l, struct vx_mailbox_status *status)
{
	struct vx_mailbox_info info;
	struct vx_view *v;
	int rc = vx_view_begin(l->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_find(v, l->who.account, VX_S("INBOX"), &info);
	if (rc == VX_OK) {
		l->mailbox = info.mailbox;
		rc = vx_mailbox_status(v, l->who.account, info.mailbox, status);
	}
	vx_view_end(v);
	return rc;
}

static int read_some(struct pop3_login *l, uint32_t last_uid, size_t cap, uint32_t *next)
{
	const struct vx_record_query q = { .account = l->who.account,
		.mailbox = l->mailbox,
		.first_uid = *next,
		.last_uid = last_uid };
	const size_t left = cap - l->drop.count;
	struct vx_record r[RECORDS_AT_ONCE];
	struct vx_view *v;
	size_t n = 0;
	int rc = vx_view_begin(l->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_records_read(
	    v, &q, r, left < RECORDS_AT_ONCE ? left : RECORDS_AT_ONCE, &n, next);
	vx_view_end(v);
	for (size_t i = 0; rc == VX_OK && i < n; i++)
		l->drop.messages[l->drop.count++] =
		    (struct vx_pop3_message){ .uid = r[i].uid, .size = r[i].size };
	return rc;
}

/*
 * The UIDs up to the last one now.  Read in steps with a view each: what is expunged
 * meanwhile is not there, or is found gone when it is asked for.
 */
static int load(struct pop3_login *l)
{
	struct vx_mailbox_status status;
	uint32_t next = 1;
	size_t cap;
	int rc = inbox(l, &status);

	if (rc != VX_OK)
		return rc;
	cap = status.messages < VX_POP3_MESSAGES_MAX ? status.messages
						     : VX_POP3_MESSAGES_MAX;
	l->drop.uidvalidity = status.uidvalidity;
	if (cap == 0)
		return VX_OK;
	l->drop.messages = vx_alloc_array(cap, sizeof(l->drop.messages[0]));
	if (l->drop.messages == NULL)
		return VX_ENOMEM;
	while (rc == VX_OK && next > 0 && next < status.uidnext && l->drop.count < cap)
		rc = read_some(l, status.uidnext - 1, cap, &next);
	return rc;
}

/* The flags as they are now: the login may have been remembered for minutes. */
static bool may_use_pop3(const struct pop3_login *l)
{
	struct vx_account a;
	struct vx_view *v;
	bool may = false;

	if (vx_view_begin(l->service->o.store, &v) != VX_OK)
		return false;
	if (vx_directory_account_by_id(v, l->who.account, &a) == VX_OK)
		may = (a.flags & VX_ACCOUNT_POP3) != 0 &&
		      (a.flags & VX_ACCOUNT_INACTIVE) == 0;
	vx_view_end(v);
	return may;
}

static enum vx_pop3_login log_in(struct pop3_login *l)
{
	const struct vx_auth_claim claim = { .address = l->address,
		.login = vx_buf_slice(&l->user),
		.password = vx_buf_slice(&l->password),
		.proof = l->proof };
	int rc = vx_auth_claim(l->service->o.auth, &claim, &l->who, &l->why);

	if (rc != VX_OK)
		return rc == VX_EAUTH ? VX_POP3_LOGIN_WRONG : VX_POP3_LOGIN_TEMP;
	if (!may_use_pop3(l)) {
		vx_auth_note(l->service->o.auth, VX_AUTH_POP3_OFF, l->address,
		    vx_slice_str(l->who.login));
		return VX_POP3_LOGIN_DISABLED;
	}
	rc = take_lock(l->service->o.lock_path, l->who.account, &l->lock_fd);
	if (rc == VX_OK)
		rc = load(l);
	if (rc == VX_EBUSY)
		return VX_POP3_LOGIN_IN_USE;
	return rc == VX_OK ? VX_POP3_LOGIN_OK : VX_POP3_LOGIN_TEMP;
}

static void login_run(struct vx_job *job)
{
	struct pop3_login *l = (struct pop3_login *)job;

	l->result = log_in(l);
}

void vx_pop3_login_free(struct pop3_login *l)
{
	if (l == NULL)
		return;
	if (l->lock_fd >= 0)
		(void)close(l->lock_fd);
	vx_buf_wipe(&l->user);
	vx_buf_wipe(&l->password);
	vx_free(l->drop.messages);
	vx_free(l);
}

static void login_done(struct vx_job *job)
{
	struct pop3_login *l = (struct pop3_login *)job;
	struct pop3_session *s = l->session;

	if (s == NULL) {
		vx_pop3_login_free(l);
		return;
	}
	s->answer = POP3_LOGIN;
	s->base.host->wake(s->base.host);
}

int vx_pop3_login_begin(
    struct pop3_session *s, const struct vx_pop3_event *ev, enum vx_pop3_login *result)
{
	struct vx_loop *loop = s->base.host->loop;
	struct pop3_login *l;

	*result = VX_POP3_LOGIN_SLOW;
	if (vx_auth_delay_s(s->service->o.auth, s->peer.address, ev->user) > 0)
		return VX_ELIMIT;
	*result = VX_POP3_LOGIN_TEMP;
	l = vx_alloc(sizeof(*l));
	if (l == NULL)
		return VX_ENOMEM;
	l->job = (struct vx_job){ .run = login_run, .done = login_done };
	l->session = s;
	l->service = s->service;
	l->lock_fd = -1;
	memcpy(l->address, s->peer.address, sizeof(l->address));
	vx_buf_init(&l->user, VX_POP3_AUTH_LINE_MAX);
	vx_buf_init(&l->password, VX_POP3_AUTH_LINE_MAX);
	vx_buf_add(&l->user, ev->user);
	vx_buf_add(&l->password, ev->password);
	l->proof = ev->proof;
	if (l->user.failed || l->password.failed ||
	    loop->submit(loop, &l->job) != VX_OK) {
		vx_pop3_login_free(l);
		return VX_ELIMIT;
	}
	s->login = l;
	return VX_OK;
}

/* --- cold octets ----------------------------------------------------------------- */

static void fetch_run(struct vx_job *job)
{
	struct pop3_fetch *f = (struct pop3_fetch *)job;

	f->result = vx_blob_fetch(f->reader, f->offset, POP3_PIECE);
}

static void fetch_done(struct vx_job *job)
{
	struct pop3_fetch *f = (struct pop3_fetch *)job;
	struct pop3_session *s = f->session;

	if (s == NULL) {
		vx_blob_close(f->reader);
	} else {
		s->fetch = NULL;
		s->fetch_result = f->result;
		s->base.host->wake(s->base.host);
	}
	vx_free(f);
}

int vx_pop3_fetch_begin(struct pop3_session *s)
{
	struct vx_loop *loop = s->base.host->loop;
	struct pop3_fetch *f = vx_alloc(sizeof(*f));

	if (f == NULL)
		return VX_ENOMEM;
	f->job = (struct vx_job){ .run = fetch_run, .done = fetch_done };
	f->session = s;
	f->reader = s->reader;
	f->offset = s->offset;
	if (loop->submit(loop, &f->job) != VX_OK) {
		vx_free(f);
		return VX_ELIMIT;
	}
	s->fetch = f;
	return VX_OK;
}

/* --- QUIT ------------------------------------------------------------------------ */

static void commit_free(struct pop3_commit *c)
{
	if (c->lock_fd >= 0)
		(void)close(c->lock_fd);
	vx_free(c->uids);
	vx_free(c);
}

static void commit_done(struct vx_store_op *op)
{
	struct pop3_commit *c = (struct pop3_commit *)op;
	struct pop3_session *s = c->session;

	c->deleted += op->result == VX_OK ? c->op.expunged : 0;
	if (op->result == VX_OK && c->op.next_uid > 0) { /* a large one goes in parts */
		c->op.from_uid = c->op.next_uid;
		op->result = vx_store_submit(c->store, op);
		if (op->result == VX_OK)
			return;
	}
	if (s != NULL) {
		s->commit = NULL;
		s->commit_result = op->result;
		s->deleted = c->deleted;
		s->answer = POP3_COMMIT;
		s->base.host->wake(s->base.host);
	}
	commit_free(c);
}

/* The marked UIDs as ranges; neighbours in the maildrop make one. */
static size_t marked(const struct vx_pop3_maildrop *d, struct vx_uid_range *out)
{
	size_t n = 0;

	for (size_t i = 0; i < d->count; i++) {
		const uint32_t uid = d->messages[i].uid;

		if (!d->messages[i].deleted)
			continue;
		if (n > 0 && out[n - 1].last == uid - 1)
			out[n - 1].last = uid;
		else
			out[n++] = (struct vx_uid_range){ uid, uid };
	}
	return n;
}

int vx_pop3_commit_begin(struct pop3_session *s)
{
	struct pop3_commit *c = vx_alloc(sizeof(*c));
	size_t count = 0;

	if (c == NULL)
		return VX_ENOMEM;
	c->lock_fd = -1;
	for (size_t i = 0; i < s->drop.count; i++)
		count += s->drop.messages[i].deleted;
	c->uids = vx_alloc_array(count, sizeof(c->uids[0]));
	if (c->uids == NULL) {
		commit_free(c);
		return VX_ENOMEM;
	}
	vx_expunge_op_init(&c->op);
	c->op.op.done = commit_done;
	c->op.account = s->account;
	c->op.mailbox = s->mailbox;
	c->op.uids = c->uids;
	c->op.range_count = marked(&s->drop, c->uids);
	c->op.deleted_only = false;
	c->session = s;
	c->store = s->service->o.store;
	if (vx_store_submit(c->store, &c->op.op) != VX_OK) {
		commit_free(c);
		return VX_ETEMP;
	}
	c->lock_fd = s->lock_fd;
	s->lock_fd = -1;
	s->commit = c;
	return VX_OK;
}
