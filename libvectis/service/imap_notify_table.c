#include "service/imap_notify_table.h"

#include "base/mem.h"
#include "service/imap_filter.h"

#include <stdlib.h>

void imap_table_done(struct imap_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		imap_entries_done(&t->e[i].entries);
	vx_free(t->e);
	vx_buf_done(&t->names);
	*t = (struct imap_table){ 0 };
}

vx_slice imap_table_name(const struct imap_table *t, const struct imap_entry *e)
{
	return vx_slice_of(t->names.ptr + e->name, e->name_len);
}

struct imap_entry *imap_table_find(const struct imap_table *t, vx_slice name)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int c = vx_slice_cmp(imap_table_name(t, &t->e[mid]), name);

		if (c == 0)
			return &t->e[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct imap_entry *imap_table_find_id(
    const struct imap_table *t, uint32_t account, uint32_t mailbox)
{
	for (size_t i = 0; i < t->count && mailbox != 0; i++)
		if (t->e[i].mailbox == mailbox && t->e[i].account == account)
			return &t->e[i];
	return NULL;
}

int imap_table_add(struct imap_table *t, const struct vx_mailbox_info *m)
{
	if (t->count == t->cap) {
		const size_t cap = t->cap == 0 ? 16 : t->cap * 2;
		struct imap_entry *grown = vx_realloc(t->e, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		t->e = grown;
		t->cap = cap;
	}
	t->e[t->count] = (struct imap_entry){ .account = m->account,
		.mailbox = m->mailbox,
		.name = (uint32_t)t->names.len,
		.name_len = (uint16_t)m->name.len,
		.subscribed = m->subscribed,
		.readable = true };
	vx_buf_add(&t->names, m->name);
	if (t->names.failed)
		return VX_ELIMIT;
	t->count++;
	return VX_OK;
}

void imap_entry_take_status(struct imap_entry *e, const struct vx_mailbox_status *st)
{
	e->uidvalidity = st->uidvalidity;
	e->uidnext = st->uidnext;
	e->messages = st->messages;
	e->unseen = st->unseen;
	e->modseq = st->highestmodseq;
}

int imap_entry_cmp(const struct imap_entry *a, const struct imap_entry *b)
{
	if (a->account != b->account)
		return a->account < b->account ? -1 : 1;
	return (a->mailbox > b->mailbox) - (a->mailbox < b->mailbox);
}

static int cmp_id(const void *a, const void *b)
{
	return imap_entry_cmp(*(struct imap_entry *const *)a, *(struct imap_entry *const *)b);
}

struct imap_entry **imap_table_by_place(const struct imap_table *t)
{
	struct imap_entry **p = vx_alloc_array(t->count + 1, sizeof(struct imap_entry *));

	if (p == NULL)
		return NULL;
	for (size_t i = 0; i < t->count; i++)
		p[i] = &t->e[i];
	qsort(p, t->count, sizeof(*p), cmp_id);
	return p;
}

bool imap_table_has_below(const struct imap_table *t, vx_slice name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->e[i].mailbox != 0 && t->e[i].name_len > name.len &&
		    imap_filter_below(imap_table_name(t, &t->e[i]), name))
			return true;
	return false;
}
