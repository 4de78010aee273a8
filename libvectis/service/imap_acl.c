/* GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS (RFC 4314 3). */
#include "service/imap_int.h"
#include "vectis/directory.h"

#define ANYONE VX_S("anyone")

/* --- identifiers ------------------------------------------------------------------ */

/* "bob@example.org", "anyone", "-bob@example.org" as a grantee: VX_OK, VX_EINVAL. */
static int parse_identifier(
    struct imap_session *s, vx_slice text, uint32_t *grantee, bool *negative)
{
	struct vx_buf login = { .max = VX_ADDRESS_MAX };
	struct vx_account a;
	struct vx_view *v;
	int rc;

	*negative = text.len > 0 && text.ptr[0] == '-';
	if (*negative)
		text = vx_slice_from(text, 1);
	if (vx_slice_eq(text, ANYONE)) {
		*grantee = VX_ACL_ANYONE;
		return VX_OK;
	}
	rc = vx_directory_normalise(text, &login);
	if (rc == VX_OK)
		rc = vx_view_begin(s->service->o.store, &v);
	if (rc == VX_OK) {
		rc = vx_directory_account(v, vx_buf_slice(&login), &a);
		if (rc == VX_OK)
			*grantee = a.id;
		vx_view_end(v);
	}
	vx_buf_done(&login);
	return rc == VX_ENOENT ? VX_EINVAL : rc;
}

/* The letters, with what older clients know of them (RFC 4314 2.1.1). */
static void write_rights(unsigned rights, struct vx_buf *out)
{
	char letters[VX_RIGHTS_TEXT_MAX];

	if (rights == 0) {
		vx_buf_add_str(out, "\"\"");
		return;
	}
	vx_buf_add(out, vx_slice_of(letters, vx_rights_write(rights, letters)));
	if ((rights & (VX_RIGHT_CREATE | VX_RIGHT_DELETE)) != 0)
		vx_buf_add_char(out, 'c');
	if ((rights & (VX_RIGHT_DELETED | VX_RIGHT_EXPUNGE)) != 0)
		vx_buf_add_char(out, 'd');
}

void imap_write_myrights(
    struct imap_session *s, vx_slice name, unsigned rights, struct vx_buf *out)
{
	vx_buf_add_str(out, "* MYRIGHTS ");
	vx_imap_write_mailbox(out, name, imap_utf8(s));
	vx_buf_add_char(out, ' ');
	write_rights(rights, out);
	vx_buf_add_str(out, "\r\n");
}

/* --- reading ---------------------------------------------------------------------- */

static int write_entry(struct imap_session *s, struct vx_view *v,
    const struct vx_acl_entry *e, struct vx_buf *out)
{
	struct vx_account a = { .login = ANYONE };
	struct vx_buf id = { .max = VX_ADDRESS_MAX + 1 };
	int rc = VX_OK;

	if (e->grantee != VX_ACL_ANYONE)
		rc = vx_directory_account_by_id(v, e->grantee, &a);
	if (rc == VX_OK) {
		if (e->negative)
			vx_buf_add_char(&id, '-');
		vx_buf_add(&id, a.login);
		vx_buf_add_char(out, ' ');
		vx_imap_write_string(out, vx_buf_slice(&id), imap_utf8(s));
		vx_buf_add_char(out, ' ');
		write_rights(e->rights, out);
	}
	vx_buf_done(&id);
	return rc == VX_ENOENT ? VX_OK : rc; /* an account that is being removed */
}

static int write_acl(struct imap_session *s, struct vx_view *v,
    const struct imap_place *p, vx_slice name, struct vx_buf *out)
{
	const struct vx_acl_entry owner = { .grantee = p->account,
		.rights = VX_RIGHTS_ALL };
	struct vx_acl_entry *entries = NULL;
	size_t count = 0;
	int rc = vx_acl_list(v, p->account, p->mailbox, &s->arena, &entries, &count);

	if (rc != VX_OK)
		return rc;
	vx_buf_add_str(out, "* ACL ");
	vx_imap_write_mailbox(out, name, imap_utf8(s));
	rc = write_entry(s, v, &owner, out);
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		rc = write_entry(s, v, &entries[i], out);
	vx_buf_add_str(out, "\r\n");
	return rc;
}

int imap_cmd_getacl(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	const size_t begin = out->len;
	struct imap_place p;
	struct vx_view *v;
	vx_slice name;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_cur_end(c))
		return imap_bad(s, out, "GETACL mailbox is expected");
	rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	rc = imap_reach_in(s, v, name, VX_RIGHT_ADMIN, &p);
	if (rc == VX_OK)
		rc = write_acl(s, v, &p, name, out);
	vx_view_end(v);
	if (rc != VX_OK)
		vx_buf_truncate(out, begin);
	return imap_done(s, rc, "done");
}

int imap_cmd_myrights(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_place p;
	vx_slice name;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_cur_end(c))
		return imap_bad(s, out, "MYRIGHTS mailbox is expected");
	rc = imap_reach(s, name, 0, &p);
	if (rc == VX_OK)
		imap_write_myrights(s, name, p.rights, out);
	return imap_done(s, rc, "done");
}

int imap_cmd_listrights(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_place p;
	vx_slice name, id;
	uint32_t grantee;
	bool negative;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_imap_sp(c) ||
	    !vx_imap_astring(c, &s->arena, &id) || !vx_cur_end(c))
		return imap_bad(s, out, "LISTRIGHTS mailbox identifier is expected");
	rc = imap_reach(s, name, VX_RIGHT_ADMIN, &p);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	rc = parse_identifier(s, id, &grantee, &negative);
	if (rc == VX_EINVAL)
		return imap_no(s, out, "[CANNOT] there is no such user");
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	vx_buf_add_str(out, "* LISTRIGHTS ");
	vx_imap_write_mailbox(out, name, imap_utf8(s));
	vx_buf_add_char(out, ' ');
	vx_imap_write_string(out, id, imap_utf8(s));
	vx_buf_add_str(out, grantee == p.account ? " lrswipkxteacd\r\n"
						 : " \"\" l r s w i p k x t e a c d\r\n");
	return imap_done(s, VX_OK, "done");
}

/* --- changing --------------------------------------------------------------------- */

static int acl_done(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	if (t->result == VX_EINVAL) /* the account went meanwhile */
		return imap_no(s, out, "[CANNOT] there is no such user");
	if (t->result == VX_EPERM)
		return imap_no(s, out, "[CANNOT] the owner has every right, always");
	return imap_done(s, t->result, "done");
}

static int change_acl(struct imap_session *s, vx_slice name, vx_slice id,
    enum vx_acl_change change, unsigned rights, struct vx_buf *out)
{
	struct imap_task *t;
	struct imap_place p;
	uint32_t grantee;
	bool negative;
	int rc = imap_reach(s, name, VX_RIGHT_ADMIN, &p);

	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	rc = parse_identifier(s, id, &grantee, &negative);
	if (rc == VX_EINVAL)
		return imap_no(s, out, "[CANNOT] there is no such user");
	t = rc == VX_OK ? imap_task_new(s, acl_done) : NULL;
	if (t == NULL)
		return imap_result(s, out, rc == VX_OK ? VX_ENOMEM : rc, "");
	vx_acl_op_init(&t->u.acl);
	t->u.acl.owner = p.account;
	t->u.acl.mailbox = p.mailbox;
	t->u.acl.grantee = grantee;
	t->u.acl.negative = negative;
	t->u.acl.change = change;
	t->u.acl.rights = rights;
	return imap_submit(s, t, out);
}

int imap_cmd_setacl(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	enum vx_acl_change change = VX_ACL_REPLACE;
	vx_slice name, id, letters;
	unsigned rights;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_imap_sp(c) ||
	    !vx_imap_astring(c, &s->arena, &id) || !vx_imap_sp(c) ||
	    !vx_imap_astring(c, &s->arena, &letters) || !vx_cur_end(c))
		return imap_bad(s, out, "SETACL mailbox identifier rights is expected");
	if (letters.len > 0 && (letters.ptr[0] == '+' || letters.ptr[0] == '-')) {
		change = letters.ptr[0] == '+' ? VX_ACL_ADD : VX_ACL_REMOVE;
		letters = vx_slice_from(letters, 1);
	}
	if (vx_rights_parse(letters, &rights) != VX_OK)
		return imap_bad(s, out, "one of these rights is not known");
	return change_acl(s, name, id, change, rights, out);
}

int imap_cmd_deleteacl(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice name, id;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_imap_sp(c) ||
	    !vx_imap_astring(c, &s->arena, &id) || !vx_cur_end(c))
		return imap_bad(s, out, "DELETEACL mailbox identifier is expected");
	return change_acl(s, name, id, VX_ACL_REPLACE, 0, out);
}
