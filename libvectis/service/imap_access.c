/*
 * Who may do what (RFC 4314): the one place that leads from a name to a mailbox of
 * another account.  What is not shared is never told from what is not there.
 */
#include "service/imap_int.h"
#include "service/quota_notice.h"
#include "vectis/directory.h"

static const vx_slice others = VX_SLICE_INIT(IMAP_OTHERS "/");

/* MYRIGHTS: with one of these a mailbox is known (RFC 4314 4). */
#define KNOWN                                                                            \
	(VX_RIGHT_LOOKUP | VX_RIGHT_READ | VX_RIGHT_INSERT | VX_RIGHT_CREATE |           \
	    VX_RIGHT_DELETE | VX_RIGHT_ADMIN)

bool imap_name_is_others(vx_slice name)
{
	return vx_slice_has_prefix(name, others) || vx_slice_eq(name, VX_S(IMAP_OTHERS));
}

unsigned imap_rights(
    struct imap_session *s, struct vx_view *v, uint32_t account, uint32_t mailbox)
{
	unsigned rights;

	if (s->service->o.no_sharing && account != s->who.account)
		return 0;
	if (vx_acl_rights(v, account, mailbox, s->who.account, &rights) != VX_OK)
		return 0;
	return rights;
}

/* "Other Users/bob@example.org/Plans" as an account and its name. */
static int split(struct imap_session *s, struct vx_view *v, vx_slice name,
    uint32_t *account, vx_slice *path)
{
	struct vx_buf login = { .max = VX_ADDRESS_MAX };
	struct vx_account a;
	size_t slash;
	int rc;

	if (!imap_name_is_others(name)) {
		*account = s->who.account;
		*path = name;
		return VX_OK;
	}
	if (!vx_slice_has_prefix(name, others))
		return VX_ENOENT;
	name = vx_slice_from(name, others.len);
	slash = vx_slice_find(name, '/');
	rc = vx_directory_normalise(vx_slice_head(name, slash), &login);
	if (rc == VX_OK)
		rc = vx_directory_account(v, vx_buf_slice(&login), &a);
	vx_buf_done(&login);
	if (rc != VX_OK || slash >= name.len || a.id == s->who.account)
		return VX_ENOENT;
	*account = a.id;
	*path = vx_slice_from(name, slash + 1);
	return VX_OK;
}

static int judge(unsigned rights, unsigned need)
{
	if (need == 0 ? (rights & KNOWN) != 0 : (rights & need) == need)
		return VX_OK;
	return (rights & VX_RIGHT_LOOKUP) != 0 ? VX_EACCES : VX_ENOENT;
}

/* What is not there takes as long to be looked for as what is hidden. */
static void look_in_vain(struct imap_session *s, struct vx_view *v, vx_slice name,
    const struct imap_place *p)
{
	struct vx_mailbox_info info;
	uint32_t account = p->account;

	if (!imap_name_is_others(name))
		return;
	if (account == 0) { /* nor is the account: a lookup that finds nothing, either */
		account = s->who.account;
		(void)vx_mailbox_find(v, account, name, &info);
	}
	(void)imap_rights(s, v, account, 1);
}

int imap_reach_in(struct imap_session *s, struct vx_view *v, vx_slice name, unsigned need,
    struct imap_place *out)
{
	struct vx_mailbox_info info;
	struct imap_place p = { 0 };
	int rc = split(s, v, name, &p.account, &p.name);

	if (rc == VX_OK)
		rc = vx_mailbox_find(v, p.account, p.name, &info);
	if (rc == VX_OK && !info.exists)
		rc = VX_ENOENT;
	if (rc != VX_OK) {
		look_in_vain(s, v, name, &p);
		return rc == VX_EINVAL ? VX_ENOENT : rc;
	}
	p.mailbox = info.mailbox;
	p.rights = imap_rights(s, v, p.account, p.mailbox);
	rc = judge(p.rights, need);
	if (rc == VX_OK)
		*out = p;
	return rc;
}

int imap_reach(
    struct imap_session *s, vx_slice name, unsigned need, struct imap_place *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = imap_reach_in(s, v, name, need, out);
	vx_view_end(v);
	return rc;
}

/* The rights at the nearest mailbox above, which rule what can be made (RFC 4314 4). */
static int above(struct imap_session *s, struct vx_view *v, struct imap_place *p)
{
	for (size_t i = p->name.len; i-- > 1;) {
		struct vx_mailbox_info info;

		if (p->name.ptr[i] != '/' ||
		    vx_mailbox_find(v, p->account, vx_slice_head(p->name, i), &info) !=
			VX_OK ||
		    !info.exists)
			continue;
		p->rights = imap_rights(s, v, p->account, info.mailbox);
		return judge(p->rights, VX_RIGHT_CREATE);
	}
	return VX_ENOENT;
}

int imap_reach_new(struct imap_session *s, vx_slice name, struct imap_place *out)
{
	struct imap_place p = { 0 };
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = split(s, v, name, &p.account, &p.name);
	p.rights = VX_RIGHTS_ALL;
	if (rc == VX_OK && p.account != s->who.account)
		rc = above(s, v, &p);
	vx_view_end(v);
	if (rc == VX_OK)
		*out = p;
	return rc == VX_ENOENT ? VX_EINVAL : rc;
}

bool imap_view_rights(struct imap_session *s)
{
	struct vx_view *v;

	if (s->view.snapshot == NULL || s->view.account == s->who.account) {
		s->view.rights = VX_RIGHTS_ALL;
		return true;
	}
	s->view.rights = 0;
	if (vx_view_begin(s->service->o.store, &v) == VX_OK) {
		s->view.rights = imap_rights(s, v, s->view.account, s->view.mailbox);
		vx_view_end(v);
	}
	return (s->view.rights & VX_RIGHT_READ) != 0;
}

uint64_t imap_flag_mask(unsigned rights)
{
	uint64_t mask = (rights & VX_RIGHT_WRITE) != 0 ? UINT64_MAX : 0;

	mask &= ~(uint64_t)(VX_FLAG_SEEN | VX_FLAG_DELETED);
	if ((rights & VX_RIGHT_SEEN) != 0)
		mask |= VX_FLAG_SEEN;
	if ((rights & VX_RIGHT_DELETED) != 0)
		mask |= VX_FLAG_DELETED;
	return mask;
}

int imap_shown_name(struct imap_session *s, struct vx_view *v, struct vx_arena *arena,
    const struct vx_mailbox_info *m, vx_slice *out)
{
	struct vx_buf name = { .max = IMAP_NAME_MAX };
	struct vx_account a;
	int rc = VX_OK;

	if (m->account == s->who.account)
		return vx_arena_copy(arena, m->name, out);
	rc = vx_directory_account_by_id(v, m->account, &a);
	if (rc == VX_OK) {
		vx_buf_add(&name, others);
		vx_buf_add(&name, a.login);
		vx_buf_add_char(&name, '/');
		vx_buf_add(&name, m->name);
		rc = name.failed ? VX_ELIMIT
				 : vx_arena_copy(arena, vx_buf_slice(&name), out);
	}
	vx_buf_done(&name);
	return rc;
}

void imap_quota_due(struct imap_session *s, uint32_t account, unsigned percent)
{
	const struct vx_imap_service_options *o = &s->service->o;
	struct vx_loop *loop = s->base.host->loop;
	const struct vx_quota_notice n = { .store = o->store,
		.log = o->log,
		.hostname = o->hostname,
		.now_s = loop->now_s(loop) };

	if (percent != 0)
		vx_quota_notice_send(&n, account, percent);
}
