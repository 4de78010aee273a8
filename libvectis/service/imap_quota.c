/*
 * GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208).  An account has one quota root, called
 * "", which only its owner sees.
 */
#include "service/imap_int.h"
#include "vectis/directory.h"

static void write_resource(
    struct vx_buf *out, const char *name, uint64_t used, uint64_t limit, bool *first)
{
	if (limit == 0)
		return;
	vx_buf_printf(out, "%s%s %llu %llu", *first ? "" : " ", name,
	    (unsigned long long)used, (unsigned long long)limit);
	*first = false;
}

/* Used octets count as begun units: what is full looks full. */
static int write_quota(struct imap_session *s, struct vx_view *v, struct vx_buf *out)
{
	struct vx_quota q;
	bool first = true;
	const int rc = vx_quota_get(v, s->who.account, &q);

	if (rc != VX_OK)
		return rc;
	vx_buf_add_str(out, "* QUOTA \"\" (");
	write_resource(out, "STORAGE", (q.used_octets + 1023) / 1024,
	    (q.limit_octets + 1023) / 1024, &first);
	write_resource(out, "MESSAGE", q.used_messages, q.limit_messages, &first);
	vx_buf_add_str(out, ")\r\n");
	return VX_OK;
}

static int tell_quota(struct imap_session *s, struct vx_buf *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc == VX_OK) {
		rc = write_quota(s, v, out);
		vx_view_end(v);
	}
	return imap_done(s, rc, "done");
}

int imap_cmd_getquota(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice root;

	if (!vx_imap_sp(c) || !vx_imap_astring(c, &s->arena, &root) || !vx_cur_end(c))
		return imap_bad(s, out, "GETQUOTA root is expected");
	if (root.len > 0)
		return imap_no(s, out, "[NONEXISTENT] there is no such quota root");
	return tell_quota(s, out);
}

/*
 * A mailbox that is not there yet is asked for, too (RFC 9208 4.1.2): so what others
 * have and do not share looks like it.  What another account uses is not told.
 */
int imap_cmd_getquotaroot(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice name;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_cur_end(c))
		return imap_bad(s, out, "GETQUOTAROOT mailbox is expected");
	vx_buf_add_str(out, "* QUOTAROOT ");
	vx_imap_write_mailbox(out, name, imap_utf8(s));
	if (imap_name_is_others(name)) {
		vx_buf_add_str(out, "\r\n");
		return imap_done(s, VX_OK, "done");
	}
	vx_buf_add_str(out, " \"\"\r\n");
	return tell_quota(s, out);
}

/* "(STORAGE 512 MESSAGE 10)" */
static bool limits(struct vx_cursor *c)
{
	vx_slice name;
	uint64_t n;

	if (!vx_cur_char(c, '('))
		return false;
	if (vx_cur_char(c, ')'))
		return vx_cur_end(c);
	do {
		if (!vx_imap_atom(c, &name) || !vx_imap_sp(c) ||
		    !vx_cur_number(c, INT64_MAX, &n))
			return false;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')') && vx_cur_end(c);
}

/* QUOTASET is not offered: limits are set by vectisctl. */
int imap_cmd_setquota(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice root;

	if (!vx_imap_sp(c) || !vx_imap_astring(c, &s->arena, &root) || !vx_imap_sp(c) ||
	    !limits(c))
		return imap_bad(s, out, "SETQUOTA root (limits) is expected");
	return imap_no(s, out, "[NOPERM] only the administrator sets quotas");
}
