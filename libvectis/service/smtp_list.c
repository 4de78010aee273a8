/*
 * Mail to lists, and mail that our addresses forward.  Here is decided whether it may go
 * on; a list's copies are made by the sender (sender_list.c).
 */
#include "service/own_queue.h"
#include "service/smtp_int.h"
#include "service/smtp_says.h"
#include "vectis/address.h"
#include "vectis/dkim.h"
#include "vectis/header.h"

#include <stdio.h>

static const char not_a_member[] = "only members may write to this list";

/* --- RCPT ------------------------------------------------------------------------------
 */

int vx_smtp_list_refuses(
    struct smtp_session *s, struct vx_view *v, vx_slice address, const char **why)
{
	const vx_slice sender = vx_buf_slice(&s->txn->sender);
	const vx_slice domain = vx_slice_from(address, vx_slice_rfind(address, '@') + 1);
	struct vx_buf which = { .max = VX_DNS_NAME_MAX };
	struct vx_list list;
	int rc = vx_directory_list(v, address, &list);

	if (rc != VX_OK)
		return rc;
	*why = NULL;
	/* a list sends in its domain's name, whoever has written to it (OUT-25) */
	if (vx_smtp_is_unverified(v, domain, &which))
		*why = SMTP_SAYS_LIST_UNVERIFIED ", and may not send yet";
	else if (sender.len == 0)
		*why = "this list takes no reports and no notices";
	else if ((list.flags & VX_LIST_MEMBERS_ONLY) != 0)
		rc = vx_directory_may_post(v, &list, sender, s->service->o.delimiter);
	if (rc == VX_EPERM)
		*why = not_a_member;
	vx_buf_done(&which);
	return rc == VX_EPERM ? VX_OK : rc;
}

int vx_smtp_list_add(
    struct smtp_txn *t, vx_slice address, const struct vx_smtp_params *params)
{
	struct smtp_list *l;
	size_t count = 0;
	int rc;

	for (l = t->lists; l != NULL; l = l->next, count++)
		if (vx_slice_eq(l->address, address))
			return VX_OK;
	l = count == VX_SMTP_LISTS_MAX ? NULL : vx_arena_alloc(&t->arena, sizeof(*l));
	if (l == NULL)
		return VX_ELIMIT;
	rc = vx_arena_copy(&t->arena, address, &l->address);
	if (rc == VX_OK)
		rc = vx_smtp_queue_list(t, l->address, params);
	if (rc != VX_OK)
		return rc;
	l->next = t->lists;
	t->lists = l;
	return VX_OK;
}

/* --- the header ------------------------------------------------------------------------
 */

/* Does what goes on have to be looked at? */
static bool goes_on(const struct smtp_txn *t)
{
	bool forwards = t->lists != NULL;

	for (const struct smtp_group *g = t->groups; g != NULL && !forwards; g = g->next)
		forwards = g->via.len > 0;
	return forwards;
}

/* RFC 9228: it was here before, for the same address. */
static bool was_delivered_to(const struct smtp_txn *t, vx_slice value)
{
	struct vx_buf address = { .max = VX_ADDRESS_MAX };
	bool seen = false;

	value = vx_slice_trim(value, " \t\r\n<>");
	if (vx_directory_normalise(value, &address) == VX_OK && !address.failed) {
		for (const struct smtp_group *g = t->groups; g != NULL; g = g->next)
			seen = seen || (g->via.len > 0 &&
					   vx_slice_eq(g->via, vx_buf_slice(&address)));
		for (const struct smtp_list *l = t->lists; l != NULL; l = l->next)
			seen = seen || vx_slice_eq(l->address, vx_buf_slice(&address));
	}
	vx_buf_done(&address);
	return seen;
}

/* RFC 2919: a list's own copy, which somebody sends to it again. */
static bool is_copy_of(const struct smtp_txn *t, vx_slice value)
{
	const size_t from = vx_slice_rfind(value, '<');
	vx_slice id = vx_slice_from(value, from + 1);

	id = vx_slice_head(id, vx_slice_find(id, '>'));
	for (const struct smtp_list *l = t->lists; l != NULL; l = l->next) {
		const size_t at = vx_slice_rfind(l->address, '@');

		if (id.len == l->address.len && id.ptr[at] == '.' &&
		    vx_slice_eq_nocase(
			vx_slice_head(id, at), vx_slice_head(l->address, at)) &&
		    vx_slice_eq_nocase(
			vx_slice_from(id, at + 1), vx_slice_from(l->address, at + 1)))
			return true;
	}
	return false;
}

/* Each author has to be a member of each list that is for members only (MB-13). */
static int check_author(
    struct smtp_session *s, struct vx_view *v, const struct vx_address *a)
{
	struct vx_buf address = { .max = VX_SMTP_PATH_MAX };
	int rc = VX_OK;

	vx_buf_printf(&address, "%.*s@%.*s", (int)a->local.len,
	    a->local.len > 0 ? a->local.ptr : "", (int)a->domain.len,
	    a->domain.len > 0 ? a->domain.ptr : "");
	for (const struct smtp_list *l = s->txn->lists; l != NULL && rc == VX_OK;
	     l = l->next) {
		struct vx_list list;

		rc = vx_directory_list(v, l->address, &list);
		if (rc == VX_OK && (list.flags & VX_LIST_MEMBERS_ONLY) != 0)
			rc = vx_directory_may_post(
			    v, &list, vx_buf_slice(&address), s->service->o.delimiter);
		rc = rc == VX_ENOENT ? VX_OK : rc; /* the sender will tell */
	}
	vx_buf_done(&address);
	return rc;
}

/* All of a From field; without one the author is nobody, who is no member. */
static int check_from(struct smtp_session *s, vx_slice value)
{
	const struct vx_address nobody = { .kind = VX_ADDRESS_MAILBOX };
	struct vx_address *a = NULL;
	struct vx_view *v;
	size_t authors = 0;
	int rc = vx_address_parse(value, &s->txn->arena, &a);

	if (rc == VX_ELIMIT)
		return VX_EPERM; /* some are not known */
	if (rc == VX_OK)
		rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return rc;
	for (; a != NULL && rc == VX_OK; a = a->next) {
		if (a->kind != VX_ADDRESS_MAILBOX)
			continue;
		rc = ++authors > VX_SMTP_AUTHORS_MAX ? VX_EPERM : check_author(s, v, a);
	}
	if (rc == VX_OK && authors == 0)
		rc = check_author(s, v, &nobody);
	vx_view_end(v);
	return rc;
}

int vx_smtp_list_header(struct smtp_session *s, vx_slice header)
{
	struct smtp_txn *t = s->txn;
	bool author = t->lists == NULL;
	struct vx_field f;
	int rc = VX_OK;

	if (!goes_on(t))
		return VX_OK;
	while (rc == VX_OK && vx_field_next(&header, &f)) {
		if (vx_slice_eq_nocase(f.name, VX_S("Delivered-To")))
			rc = was_delivered_to(t, f.value) ? VX_EEXIST : VX_OK;
		else if (vx_slice_eq_nocase(f.name, VX_S("List-Id")))
			rc = is_copy_of(t, f.value) ? VX_EEXIST : VX_OK;
		else if (t->lists != NULL && vx_slice_eq_nocase(f.name, VX_S("From"))) {
			rc = check_from(s, f.value);
			author = true;
		}
	}
	if (rc == VX_OK && !author)
		rc = check_from(s, vx_slice_of("", 0));
	if (rc == VX_EPERM) {
		t->objection = not_a_member;
		rc = VX_OK;
	}
	return rc;
}
