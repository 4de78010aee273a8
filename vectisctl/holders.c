/*
 * Who listens: the kernel names the sockets of each port, and the sockets of each process
 * (proc(5)).  Those of others are only shown to root.
 */
#include "vectisctl/holders.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LISTENING 0x0a /* the state in /proc/net/tcp */
#define WORDS 10       /* of a line there, up to the inode */
#define SOCKETS_MAX 256

/* A socket that listens on a port that is wanted. */
struct socket_entry {
	uint64_t inode;
	struct vx_diag_holder *holder;
};

struct search {
	struct vx_diag_holder *list;
	size_t count;
	struct socket_entry sockets[SOCKETS_MAX];
	size_t socket_count;
	struct ctl_worker workers[CTL_WORKERS_MAX];
	size_t worker_count;
};

size_t ctl_holders_want(struct vx_diag_holder *list, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].port == port)
			return n;
	if (n < CTL_HOLDERS_MAX)
		list[n++] = (struct vx_diag_holder){ .port = port };
	return n;
}

static void take_socket(struct search *s, unsigned port, uint64_t inode)
{
	for (size_t i = 0; i < s->count && s->socket_count < SOCKETS_MAX; i++)
		if (s->list[i].port == port) {
			s->list[i].held = true;
			s->sockets[s->socket_count++] =
			    (struct socket_entry){ .inode = inode,
				    .holder = &s->list[i] };
		}
}

/* False: it has another digit, or is longer than a port's or a state's. */
static bool read_hex(vx_slice text, unsigned *out)
{
	unsigned n = 0;

	if (text.len == 0 || text.len > 4)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char c = text.ptr[i];

		if (c >= '0' && c <= '9')
			n = n * 16 + (unsigned)(c - '0');
		else if (c >= 'A' && c <= 'F')
			n = n * 16 + (unsigned)(c - 'A') + 10;
		else
			return false;
	}
	*out = n;
	return true;
}

/* "0: 0100007F:0019 00000000:0000 0A 0:0 0:0 0 0 0 1234 ..." */
static void read_line(struct search *s, const char *line)
{
	vx_slice rest = vx_slice_str(line), words[WORDS], address;
	unsigned state, port;
	uint64_t inode;
	size_t n = 0;

	while (n < WORDS && (rest = vx_slice_trim(rest, " \n")).len > 0)
		(void)vx_slice_cut(&rest, ' ', &words[n++]);
	if (n < WORDS || !read_hex(words[3], &state) || state != LISTENING ||
	    vx_slice_number(words[9], INT64_MAX, &inode) != VX_OK)
		return;
	(void)vx_slice_cut(&words[1], ':', &address);
	if (read_hex(words[1], &port))
		take_socket(s, port, inode);
}

static void read_table(struct search *s, const char *path)
{
	char line[512];
	FILE *f = fopen(path, "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		read_line(s, line);
	if (f != NULL)
		(void)fclose(f);
}

static bool is_ours(const struct search *s, int pid)
{
	for (size_t i = 0; i < s->worker_count; i++)
		if (s->workers[i].pid == pid || s->workers[i].parent == pid)
			return true;
	return false;
}

static void name_process(struct search *s, int pid, struct vx_diag_holder *h)
{
	char path[64], name[32] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(name, sizeof(name), f) != NULL)
			name[strcspn(name, "\n")] = '\0';
		(void)fclose(f);
	}
	h->ours = is_ours(s, pid);
	(void)snprintf(h->process, sizeof(h->process), "%s (%d)", name, pid);
}

/* Has the process one of the sockets? */
static void search_process(struct search *s, int pid)
{
	char dir[64], path[400], target[64];
	const struct dirent *e;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "/proc/%d/fd", pid);
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL) {
		uint64_t inode;
		vx_slice link;
		ssize_t n;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		n = readlink(path, target, sizeof(target));
		link = vx_slice_of(target, n > 0 ? (size_t)n : 0);
		if (!vx_slice_has_prefix(link, VX_S("socket:[")) ||
		    vx_slice_number(vx_slice_trim(vx_slice_from(link, 8), "]"), INT64_MAX,
			&inode) != VX_OK)
			continue;
		for (size_t i = 0; i < s->socket_count; i++)
			if (s->sockets[i].inode == inode &&
			    s->sockets[i].holder->process[0] == '\0')
				name_process(s, pid, s->sockets[i].holder);
	}
	if (d != NULL)
		(void)closedir(d);
}

void ctl_holders_find(struct ctl *c, struct vx_diag_holder *list, size_t n)
{
	static struct search s;
	const struct dirent *e;
	uint64_t pid;
	DIR *d;

	s.list = list;
	s.count = n;
	s.socket_count = 0;
	read_table(&s, "/proc/net/tcp");
	read_table(&s, "/proc/net/tcp6");
	if (s.socket_count == 0)
		return;
	s.worker_count = ctl_workers(c, s.workers);
	d = opendir("/proc");
	while (d != NULL && (e = readdir(d)) != NULL)
		if (vx_slice_number(vx_slice_str(e->d_name), INT32_MAX, &pid) == VX_OK)
			search_process(&s, (int)pid);
	if (d != NULL)
		(void)closedir(d);
}
