#include "store/lists.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <stdlib.h>

enum {
	LIST = 'M',
	MEMBER = 'm',
	MEMBER_PREFIX = 5,
	AT_NUMBER = VX_VALUE_HEADER + 4,
	AT_CREATED = VX_VALUE_HEADER + 8,
	RECORD_OCTETS = VX_VALUE_HEADER + 16
};

static bool is_record(vx_slice value)
{
	return vx_value_check(value, 'd', RECORD_OCTETS) == VX_OK;
}

static int cmp_seen(const void *a, const void *b)
{
	const struct vx_list_seen *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->created > y->created) - (x->created < y->created);
}

static int add(struct vx_lists *l, vx_slice value)
{
	if (!is_record(value))
		return VX_OK;
	if (l->count == l->cap) {
		const size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
		struct vx_list_seen *grown = vx_realloc(l->list, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		l->list = grown;
		l->cap = cap;
	}
	l->list[l->count++] =
	    (struct vx_list_seen){ .number = vx_get_le32(value.ptr + AT_NUMBER),
		    .created = vx_get_le64(value.ptr + AT_CREATED) };
	return VX_OK;
}

int vx_lists_read(struct vx_kv_txn *txn, struct vx_lists *out)
{
	const char kind = LIST;
	struct vx_lists l = { 0 };
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_slice_of(&kind, 1), &key, &value);
	while (rc == VX_OK && key.len > 0 && key.ptr[0] == LIST) {
		rc = add(&l, value);
		if (rc == VX_OK)
			rc = vx_kv_next(c, &key, &value);
	}
	vx_kv_cursor_close(c);
	if (rc != VX_OK && rc != VX_ENOENT) {
		vx_lists_done(&l);
		return rc;
	}
	if (l.count > 0)
		qsort(l.list, l.count, sizeof(*l.list), cmp_seen);
	*out = l;
	return VX_OK;
}

void vx_lists_done(struct vx_lists *l)
{
	vx_free(l->list);
	*l = (struct vx_lists){ 0 };
}

/* The oldest list of that number; NULL: there is none. */
static struct vx_list_seen *find(struct vx_lists *l, uint32_t number)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (l->list[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->count && l->list[low].number == number ? &l->list[low] : NULL;
}

static enum vx_list_entry look_list(struct vx_lists *l, vx_slice value, uint32_t *number)
{
	struct vx_list_seen *seen;

	if (!is_record(value))
		return VX_LIST_DAMAGED;
	*number = vx_get_le32(value.ptr + AT_NUMBER);
	seen = find(l, *number);
	if (seen == NULL || seen->taken ||
	    seen->created != vx_get_le64(value.ptr + AT_CREATED))
		return VX_LIST_TWICE;
	seen->taken = true;
	return VX_LIST_GOOD;
}

enum vx_list_entry vx_lists_look(
    struct vx_lists *l, vx_slice key, vx_slice value, uint32_t *number)
{
	if (key.len > 0 && key.ptr[0] == LIST)
		return look_list(l, value, number);
	if (key.len == 0 || key.ptr[0] != MEMBER)
		return VX_LIST_NONE;
	*number = key.len > MEMBER_PREFIX ? vx_get_be32(key.ptr + 1) : 0;
	if (find(l, *number) == NULL)
		return VX_LIST_ORPHAN;
	return is_record(value) ? VX_LIST_GOOD : VX_LIST_DAMAGED_MEMBER;
}

uint32_t vx_lists_highest(const struct vx_lists *l)
{
	return l->count == 0 ? 0 : l->list[l->count - 1].number;
}

void vx_list_renumber(vx_slice value, uint32_t number, char *out)
{
	memcpy(out, value.ptr, value.len);
	vx_put_le32(out + AT_NUMBER, number);
	vx_value_seal(out, value.len, 'd');
}
