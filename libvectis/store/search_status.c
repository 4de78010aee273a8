/* How far the index has come. */
#include "base/bytes.h"
#include "base/mem.h"
#include "store/search_int.h"

#include <unistd.h>

struct sum {
	struct vx_search_status *st;
	struct vx_kv_txn *txn; /* of the index; NULL: there is none */
	struct vx_view *view;
};

static int count_lists(struct sum *s, uint32_t account)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(s->txn, VX_TREE_BODY, &c);

	if (rc != VX_OK)
		return rc;
	vx_search_key(&prefix, account, VX_SEARCH_LIST);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 8); rc = vx_kv_next(c, &key, &value))
		s->st->lists++;
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int count_segments(struct sum *s, uint32_t account)
{
	struct vx_search_listed *list = NULL;
	size_t count = 0;
	int rc = vx_search_segments(s->txn, account, &list, &count);

	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		s->st->segments++;
		s->st->messages += list[i].s.docs;
		s->st->terms += list[i].s.terms;
	}
	vx_free(list);
	return rc;
}

static uint32_t mark_of(struct sum *s, uint32_t account, uint32_t mailbox)
{
	struct vx_key k;
	vx_slice value;

	if (s->txn == NULL)
		return 0;
	vx_search_key(&k, account, VX_SEARCH_MARK);
	vx_key_add_u32(&k, mailbox);
	if (vx_kv_get(s->txn, VX_TREE_BODY, vx_key_slice(&k), &value) != VX_OK ||
	    vx_search_check(
		vx_key_slice(&k), value, VX_SEARCH_MARK, VX_VALUE_HEADER + 4) != VX_OK)
		return 0;
	return vx_get_le32(value.ptr + VX_VALUE_HEADER);
}

/* Messages behind the marks: at most those that there are. */
static int count_pending(struct sum *s, uint32_t account)
{
	struct vx_mailbox_info info = { .name = vx_slice_of("", 0) };
	int rc;

	while ((rc = vx_mailbox_next(s->view, account, info.name, &info)) == VX_OK) {
		struct vx_mailbox_status st;
		uint32_t behind;

		if (!info.exists ||
		    vx_mailbox_status(s->view, account, info.mailbox, &st) != VX_OK)
			continue;
		behind = st.uidnext - 1 - mark_of(s, account, info.mailbox);
		s->st->pending += behind < st.messages ? behind : st.messages;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* The account after one; VX_ENOENT: none. */
static int account_after(struct sum *s, uint32_t *account)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(s->view->txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	k.len = 0;
	vx_key_add_u32(&k, *account + 1);
	rc = *account == UINT32_MAX ? VX_ENOENT
				    : vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && key.len >= 4)
		*account = vx_get_be32(key.ptr);
	vx_kv_cursor_close(c);
	return rc;
}

static int count_all(struct sum *s)
{
	uint32_t account = 0;
	int rc;

	while ((rc = account_after(s, &account)) == VX_OK) {
		rc = count_pending(s, account);
		if (rc == VX_OK && s->txn != NULL)
			rc = count_segments(s, account);
		if (rc == VX_OK && s->txn != NULL)
			rc = count_lists(s, account);
		if (rc != VX_OK)
			return rc;
	}
	s->st->messages += s->st->lists;
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* Does a process hold the lock? */
static bool is_followed(const struct vx_store *store)
{
	int fd;
	const int rc = vx_search_lock(store, &fd);

	if (rc == VX_OK)
		(void)close(fd);
	return rc == VX_EBUSY || (store->search != NULL && store->search->thread_runs);
}

int vx_search_status(struct vx_store *store, struct vx_search_status *out)
{
	struct vx_search_status st = { .indexing = is_followed(store) };
	struct vx_search_env *env = vx_search_take(store->search);
	struct vx_kv_env *own = NULL, *kv = env != NULL ? env->kv : NULL;
	struct vx_kv_stat stat;
	struct sum s = { .st = &st };
	int rc;

	if (kv == NULL && store->search == NULL && vx_search_peek(store, &own) == VX_OK)
		kv = own;
	st.present = kv != NULL;
	if (kv != NULL && vx_kv_stat(kv, &stat) == VX_OK)
		st.octets = stat.used_octets;
	rc = vx_view_begin(store, &s.view);
	if (rc == VX_OK && kv != NULL)
		rc = vx_kv_begin(kv, false, &s.txn);
	if (rc == VX_OK)
		rc = count_all(&s);
	if (s.txn != NULL)
		vx_kv_abort(s.txn);
	vx_view_end(s.view);
	vx_search_give(store->search, env);
	vx_kv_close(own);
	if (rc == VX_OK)
		*out = st;
	return rc;
}

int vx_search_rebuild(struct vx_store *store)
{
	return vx_search_unlink(store);
}
