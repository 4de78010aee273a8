/*
 * Who changed what: a ring of recent changes shared by all processes and a file whose
 * modification wakes them (STORE.md 6).  Both are hints.  A process that fell behind
 * by more than the ring tells all its watches, and each compares HIGHESTMODSEQ: that
 * costs a get for each session, where a tree of changes would cost every commit a page.
 */
#include "base/fs.h"
#include "base/mem.h"
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	RING_ENTRIES = 4096
};

struct ring_entry {
	_Atomic uint64_t number; /* of the change that is in it, written last */
	uint64_t modseq;
	uint32_t account, mailbox;
};

struct vx_ring {
	_Atomic uint64_t next; /* number of the next change; the first is 1 */
	_Atomic int32_t waiters;
	uint32_t unused;
	struct ring_entry entries[RING_ENTRIES];
};

static int fail(struct vx_store *s, struct vx_error *err)
{
	const int number = errno;

	return vx_error_set(err, vx_errno_result(number),
	    "cannot set up the notices in %s: %s", s->dir, vx_errno_text(number));
}

static int map_ring(struct vx_store *s, struct vx_error *err)
{
	char path[PATH_MAX + 16];
	void *p;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/notify.ring", s->dir);
	rc = vx_fs_map(path, sizeof(struct vx_ring), &p);
	if (rc != VX_OK)
		return vx_error_set(
		    err, rc, "cannot set up %s: %s", path, vx_strerror(rc));
	s->ring = p;
	return VX_OK;
}

int vx_notify_open(struct vx_store *s, struct vx_error *err)
{
	char path[PATH_MAX + 16];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/notify.sig", s->dir);
	s->signal_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->signal_fd < 0)
		return fail(s, err);
	rc = map_ring(s, err);
	if (rc != VX_OK)
		return rc;
	s->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->inotify_fd < 0 || inotify_add_watch(s->inotify_fd, path, IN_MODIFY) < 0)
		return fail(s, err);
	s->ring_at = atomic_load(&s->ring->next);
	return VX_OK;
}

void vx_notify_close(struct vx_store *s)
{
	if (s->ring != NULL)
		vx_fs_unmap(s->ring, sizeof(*s->ring));
	s->ring = NULL;
	if (s->signal_fd >= 0)
		(void)close(s->signal_fd);
	if (s->inotify_fd >= 0)
		(void)close(s->inotify_fd);
	s->signal_fd = s->inotify_fd = -1;
}

void vx_notify_publish(struct vx_store *s, const struct vx_change *changes, size_t count)
{
	uint64_t number = atomic_fetch_add(&s->ring->next, count);

	for (size_t i = 0; i < count; i++, number++) {
		struct ring_entry *e = &s->ring->entries[number % RING_ENTRIES];

		atomic_store(&e->number, UINT64_MAX); /* nobody reads a mixed entry */
		atomic_thread_fence(memory_order_release);
		e->account = changes[i].account;
		e->mailbox = changes[i].mailbox;
		e->modseq = changes[i].modseq;
		atomic_store(&e->number, number);
	}
	/* Lost only if the file system is gone; the next change wakes them. */
	if (pwrite(s->signal_fd, "!", 1, 0) < 0)
		return;
}

void vx_notify_waiting(struct vx_store *s, int by)
{
	(void)atomic_fetch_add(&s->ring->waiters, by);
}

void vx_notify_forget_waiters(struct vx_store *s)
{
	/* One that does wait takes itself off below 0, until the next time here. */
	atomic_store(&s->ring->waiters, 0);
}

unsigned vx_notify_waiters(struct vx_store *s)
{
	const int32_t n = atomic_load(&s->ring->waiters);

	/* A process that died while it waited leaves a count behind for some seconds. */
	return n > 0 && n < 64 ? (unsigned)n : 0;
}

/* --- watches ------------------------------------------------------------------------ */

static struct vx_watch **bucket(struct vx_store *s, uint32_t account)
{
	return &s->watches[account % VX_WATCH_BUCKETS];
}

int vx_watch_add(
    struct vx_store *s, struct vx_watch *w, uint32_t account, uint32_t mailbox)
{
	struct vx_watch **head = bucket(s, account);

	w->account = account;
	w->mailbox = mailbox;
	w->next = *head;
	w->prev = head;
	if (w->next != NULL)
		w->next->prev = &w->next;
	*head = w;
	return VX_OK;
}

void vx_watch_remove(struct vx_store *s, struct vx_watch *w)
{
	if (w->prev == NULL)
		return;
	if (s->next_watch == w)
		s->next_watch = w->next;
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	w->next = NULL;
	w->prev = NULL;
}

/* Tell the watches of a bucket that match; changed may remove any watch. */
static void tell(struct vx_store *s, struct vx_watch *first, const struct vx_change *c)
{
	for (struct vx_watch *w = first; w != NULL; w = s->next_watch) {
		const bool mine =
		    c == NULL ||
		    (w->account == c->account && (w->mailbox == 0 || c->mailbox == 0 ||
						     w->mailbox == c->mailbox)) ||
		    w->account == 0;

		s->next_watch = w->next;
		w->which = c == NULL ? 0 : c->mailbox;
		if (mine)
			w->changed(w);
	}
	s->next_watch = NULL;
}

static void tell_all(struct vx_store *s)
{
	for (size_t i = 0; i < VX_WATCH_BUCKETS; i++)
		tell(s, s->watches[i], NULL);
}

void vx_notify_dispatch(struct vx_store *s)
{
	uint64_t next;

	if (s->ring == NULL)
		return;
	next = atomic_load(&s->ring->next);
	if (next - s->ring_at > RING_ENTRIES) {
		s->ring_at = next;
		tell_all(s);
		return;
	}
	while (s->ring_at < next) {
		const struct ring_entry *e = &s->ring->entries[s->ring_at % RING_ENTRIES];
		const uint64_t number = atomic_load(&e->number);
		const struct vx_change c = { e->account, e->mailbox, e->modseq };

		atomic_thread_fence(memory_order_acquire);
		if (number != s->ring_at || atomic_load(&e->number) != number ||
		    (c.account == 0 && c.mailbox == 0)) {
			/* overtaken, being written by a slower process, or "everything"
			 */
			s->ring_at = next;
			tell_all(s);
			return;
		}
		s->ring_at++;
		tell(s, *bucket(s, c.account), &c);
		if (c.account % VX_WATCH_BUCKETS != 0)
			tell(s, *bucket(s, 0), &c);
	}
}

bool vx_notify_read(
    struct vx_store *s, uint64_t *at, struct vx_change *out, size_t cap, size_t *count)
{
	const uint64_t next = atomic_load(&s->ring->next);

	*count = 0;
	if (*at > next || next - *at > RING_ENTRIES) {
		*at = next;
		return false;
	}
	for (; *at < next && *count < cap; (*at)++) {
		const struct ring_entry *e = &s->ring->entries[*at % RING_ENTRIES];
		const uint64_t number = atomic_load(&e->number);

		out[*count] = (struct vx_change){ e->account, e->mailbox, e->modseq };
		if (number != *at || atomic_load(&e->number) != number) {
			*at = next; /* overtaken, or being written by a slower process */
			return false;
		}
		(*count)++;
	}
	return true;
}
