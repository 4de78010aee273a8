#include "runtime/children.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void vx_children_born(struct vx_children *c, size_t i, const char *name, int pid)
{
	if (i >= VX_CHILDREN_MAX)
		return;
	if (i >= c->count)
		c->count = i + 1;
	c->list[i] = (struct vx_child){ .pid = pid };
	(void)snprintf(c->list[i].name, sizeof(c->list[i].name), "%s", name);
}

void vx_children_died(
    struct vx_children *c, size_t i, int status, bool hung, int64_t now_s)
{
	struct vx_child_death *d;

	if (i >= c->count)
		return;
	if (c->death_count == VX_CHILD_DEATHS) {
		memmove(c->deaths, c->deaths + 1,
		    (VX_CHILD_DEATHS - 1) * sizeof(c->deaths[0]));
		c->death_count--;
	}
	d = &c->deaths[c->death_count++];
	*d = (struct vx_child_death){ .at = now_s,
		.pid = c->list[i].pid,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
		.hung = hung };
	memcpy(d->name, c->list[i].name, sizeof(d->name));
	c->list[i].pid = 0;
	c->list[i].sample_count = 0;
	c->restarts++;
}

/* proc(5), stat: fields 14 and 15, behind a name that may have anything in it. */
static bool read_cpu(int pid, uint64_t *ms)
{
	char path[64], text[1024];
	vx_slice rest, word;
	uint64_t ticks = 0, n;
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text));
	(void)close(fd);
	rest = vx_slice_of(text, len < 0 ? 0 : (size_t)len);
	rest = vx_slice_from(rest, vx_slice_rfind(rest, ')'));
	for (unsigned field = 2; field <= 15; field++) {
		if (rest.len == 0)
			return false;
		(void)vx_slice_cut(&rest, ' ', &word);
		if (field < 14)
			continue;
		if (vx_slice_number(word, INT64_MAX, &n) != VX_OK)
			return false;
		ticks += n;
	}
	*ms = ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	return true;
}

static void sample(struct vx_child *child, uint64_t now_ms)
{
	uint64_t ms;

	if (child->pid == 0 || !read_cpu(child->pid, &ms))
		return;
	if (child->sample_count == VX_CHILD_SAMPLES) {
		memmove(child->samples, child->samples + 1,
		    (VX_CHILD_SAMPLES - 1) * sizeof(child->samples[0]));
		child->sample_count--;
	}
	child->samples[child->sample_count++] =
	    (struct vx_child_sample){ .at_ms = now_ms, .cpu_ms = ms };
}

bool vx_children_sample(struct vx_children *c, uint64_t now_ms)
{
	if (c->sampled_ms != 0 && now_ms - c->sampled_ms < VX_CHILD_SAMPLE_MS)
		return false;
	c->sampled_ms = now_ms;
	for (size_t i = 0; i < c->count; i++)
		sample(&c->list[i], now_ms);
	return true;
}

unsigned vx_child_busy(const struct vx_child *child)
{
	unsigned least = UINT_MAX;

	if (child->sample_count < VX_CHILD_SAMPLES)
		return 0;
	for (size_t i = 1; i < VX_CHILD_SAMPLES; i++) {
		const struct vx_child_sample *a = &child->samples[i - 1],
					     *b = &child->samples[i];
		const uint64_t ms = b->at_ms - a->at_ms;
		const uint64_t percent = ms == 0 || b->cpu_ms < a->cpu_ms
					     ? 0
					     : (b->cpu_ms - a->cpu_ms) * 100 / ms;

		if (percent <= VX_CHILD_BUSY)
			return 0;
		if (percent < least)
			least = (unsigned)percent;
	}
	return least;
}

void vx_children_write(const struct vx_children *c, int parent, int64_t since,
    enum vx_children_end end, int64_t now_s, struct vx_buf *out)
{
	static const char *const ends[] = { "run", "stopped", "hopeless" };

	vx_buf_printf(out, "parent %d %lld\nend %s %lld\nrestarts %llu\n", parent,
	    (long long)since, ends[end], (long long)now_s,
	    (unsigned long long)c->restarts);
	for (size_t i = 0; i < c->death_count; i++) {
		const struct vx_child_death *d = &c->deaths[i];

		vx_buf_printf(out, "death %lld %s %d %d %d %d\n", (long long)d->at,
		    d->name, d->pid, d->signal, d->status, d->hung);
	}
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].pid != 0)
			vx_buf_printf(out, "child %s %d %u\n", c->list[i].name,
			    c->list[i].pid, vx_child_busy(&c->list[i]));
}
