#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	FILES_MAX = 64
};

enum kind {
	WRITE,
	WRITE_THROUGH, /* by a descriptor with O_DSYNC */
	FLUSH,
	FLUSH_DIR,
	NOTE
};

struct event {
	enum kind kind;
	unsigned file;
	off_t offset;
	size_t len;
	char *octets; /* own */
};

static struct {
	pthread_mutex_t lock;
	bool recording;
	struct event *events; /* own */
	size_t count, cap;
	char *names[FILES_MAX]; /* own */
	unsigned files;
	unsigned calls, fail_at;
	int fail_with;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The path of a store's file; false: fd is something else. */
static bool is_store_file(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	path[n < 0 ? 0 : n] = '\0';
	return n > 4 && strstr(path, "/vxt.") != NULL &&
	       strcmp(path + n - 4, ".mdb") == 0;
}

static unsigned file_of(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	unsigned i = 0;

	while (i < disk.files && strcmp(disk.names[i], name) != 0)
		i++;
	if (i == disk.files)
		disk.names[disk.files++] = strdup(name);
	return i;
}

static struct event *add_event(enum kind kind)
{
	struct event *e;

	if (disk.count == disk.cap) {
		disk.cap = disk.cap == 0 ? 4096 : disk.cap * 2;
		disk.events = realloc(disk.events, disk.cap * sizeof(*disk.events));
	}
	e = &disk.events[disk.count++];
	*e = (struct event){ .kind = kind };
	return e;
}

/* Is this call to fail?  errno is set. */
static bool fails(void)
{
	if (disk.fail_at == 0 || ++disk.calls != disk.fail_at)
		return false;
	errno = disk.fail_with;
	return true;
}

static void record(int fd, const char *path, const char *octets, size_t len, off_t offset)
{
	const bool through = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	struct event *e;

	if (!disk.recording)
		return;
	e = add_event(through ? WRITE_THROUGH : WRITE);
	e->file = file_of(path);
	e->offset = offset;
	e->len = len;
	e->octets = malloc(len);
	memcpy(e->octets, octets, len);
}

/* --- what LMDB calls
 * -------------------------------------------------------------------- */

#define SEEN_BY_LMDB __attribute__((visibility("default")))
SEEN_BY_LMDB ssize_t pwrite(int fd, const void *octets, size_t len, off_t offset);
SEEN_BY_LMDB ssize_t writev(int fd, const struct iovec *v, int count);
SEEN_BY_LMDB int fdatasync(int fd);
SEEN_BY_LMDB int fsync(int fd);

ssize_t pwrite(int fd, const void *octets, size_t len, off_t offset)
{
	char path[PATH_MAX];
	bool failed = false;

	if (is_store_file(fd, path)) {
		(void)pthread_mutex_lock(&disk.lock);
		failed = fails();
		if (!failed)
			record(fd, path, octets, len, offset);
		(void)pthread_mutex_unlock(&disk.lock);
	}
	return failed ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, octets, len, offset);
}

ssize_t writev(int fd, const struct iovec *v, int count)
{
	char path[PATH_MAX];
	bool failed = false;

	if (is_store_file(fd, path)) {
		off_t offset = lseek(fd, 0, SEEK_CUR);

		(void)pthread_mutex_lock(&disk.lock);
		failed = fails();
		for (int i = 0; i < count && !failed; i++) {
			record(fd, path, v[i].iov_base, v[i].iov_len, offset);
			offset += (off_t)v[i].iov_len;
		}
		(void)pthread_mutex_unlock(&disk.lock);
	}
	return failed ? -1 : (ssize_t)syscall(SYS_writev, fd, v, count);
}

int fdatasync(int fd)
{
	char path[PATH_MAX];
	bool failed = false;

	/* The disk of a test is not pulled: nothing is really flushed. */
	if (is_store_file(fd, path)) {
		(void)pthread_mutex_lock(&disk.lock);
		failed = fails();
		if (!failed && disk.recording)
			add_event(FLUSH)->file = file_of(path);
		(void)pthread_mutex_unlock(&disk.lock);
	}
	return failed ? -1 : 0;
}

int fsync(int fd)
{
	char path[PATH_MAX];

	if (is_store_file(fd, path))
		return fdatasync(fd);
	(void)pthread_mutex_lock(&disk.lock);
	if (disk.recording && strstr(path, "/vxt.") != NULL)
		(void)add_event(FLUSH_DIR);
	(void)pthread_mutex_unlock(&disk.lock);
	return 0;
}

/* --- for tests
 * ----------------------------------------------------------------------------- */

void disk_fail(unsigned call, int with)
{
	(void)pthread_mutex_lock(&disk.lock);
	disk.calls = 0;
	disk.fail_at = call;
	disk.fail_with = with;
	(void)pthread_mutex_unlock(&disk.lock);
}

bool disk_failed(void)
{
	bool failed;

	(void)pthread_mutex_lock(&disk.lock);
	failed = disk.fail_at != 0 && disk.calls >= disk.fail_at;
	disk.fail_at = 0;
	(void)pthread_mutex_unlock(&disk.lock);
	return failed;
}

void disk_record(bool on)
{
	(void)pthread_mutex_lock(&disk.lock);
	disk.recording = on;
	(void)pthread_mutex_unlock(&disk.lock);
}

size_t disk_note(void)
{
	size_t at;

	(void)pthread_mutex_lock(&disk.lock);
	(void)add_event(NOTE);
	at = disk.count;
	(void)pthread_mutex_unlock(&disk.lock);
	return at;
}

struct content {
	char *octets; /* own */
	size_t len;
	bool named, exists;
};

static void apply(struct content *c, const struct event *e)
{
	const size_t end = (size_t)e->offset + e->len;

	if (end > c->len) {
		c->octets = realloc(c->octets, end);
		memset(c->octets + c->len, 0, end - c->len);
		c->len = end;
	}
	memcpy(c->octets + e->offset, e->octets, e->len);
	c->exists = true;
}

/* Which pages of a file hold what is not on the disk yet; one octet a page. */
struct pending {
	size_t *events; /* own: indices */
	size_t count, cap;
};

static bool overlaps(const struct event *a, const struct event *b)
{
	const off_t first = a->offset / PAGE,
		    last = (a->offset + (off_t)a->len - 1) / PAGE;

	return b->offset / PAGE <= last &&
	       (b->offset + (off_t)b->len - 1) / PAGE >= first;
}

static void push(struct pending *p, size_t at)
{
	if (p->count == p->cap) {
		p->cap = p->cap == 0 ? 64 : p->cap * 2;
		p->events = realloc(p->events, p->cap * sizeof(*p->events));
	}
	p->events[p->count++] = at;
}

/* What is pending reaches the disk: all, or what touches the pages of one write. */
static void settle(struct pending *p, struct content *c, const struct event *with)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct event *e = &disk.events[p->events[i]];

		if (with == NULL || overlaps(with, e))
			apply(c, e);
		else
			p->events[kept++] = p->events[i];
	}
	p->count = kept;
}

/* Of a page either everything that was written is there or nothing. */
static void cut(struct pending *p, struct content *c, unsigned *seed)
{
	const unsigned salt = (unsigned)rand_r(seed);

	for (size_t i = 0; i < p->count; i++) {
		const struct event *e = &disk.events[p->events[i]];

		for (size_t at = 0; at < e->len;) {
			const size_t page = ((size_t)e->offset + at) / PAGE;
			size_t n = PAGE - ((size_t)e->offset + at) % PAGE;
			struct event part = *e;

			n = n < e->len - at ? n : e->len - at;
			part.offset += (off_t)at;
			part.octets += at;
			part.len = n;
			if (((salt ^ (unsigned)page * 2654435761U) >> 7 & 1) != 0)
				apply(c, &part);
			at += n;
		}
	}
}

static void write_file(const char *dir, const char *name, const struct content *c)
{
	char path[PATH_MAX];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(c->octets, 1, c->len, f), c->len);
	ck_assert_int_eq(fclose(f), 0);
}

void disk_cut(size_t at, const char *dir, unsigned *seed)
{
	struct content files[FILES_MAX] = { 0 };
	struct pending pending[FILES_MAX] = { 0 };

	for (size_t i = 0; i < at; i++) {
		const struct event *e = &disk.events[i];

		switch (e->kind) {
		case WRITE:
			files[e->file].exists = true;
			push(&pending[e->file], i);
			break;
		case WRITE_THROUGH:
			settle(&pending[e->file], &files[e->file], e);
			apply(&files[e->file], e);
			break;
		case FLUSH:
			settle(&pending[e->file], &files[e->file], NULL);
			break;
		case FLUSH_DIR:
			for (unsigned f = 0; f < disk.files; f++)
				files[f].named = files[f].exists;
			break;
		case NOTE:
			break;
		}
	}
	for (unsigned f = 0; f < disk.files; f++) {
		cut(&pending[f], &files[f], seed);
		if (files[f].named || (files[f].exists && rand_r(seed) % 2 == 0))
			write_file(dir, disk.names[f], &files[f]);
		free(files[f].octets);
		free(pending[f].events);
	}
}

size_t disk_events(void)
{
	return disk.count;
}

void disk_forget(void)
{
	for (size_t i = 0; i < disk.count; i++)
		free(disk.events[i].octets);
	free(disk.events);
	for (unsigned f = 0; f < disk.files; f++)
		free(disk.names[f]);
	disk.events = NULL;
	disk.count = disk.cap = disk.files = 0;
}
