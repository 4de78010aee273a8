/*
 * SORT and THREAD of a million messages: what a job's thread does with descriptors that
 * are in memory.  Rows of name, value (CPU time, with making the messages), unit.
 */
#include "imap/sort.h"
#include "imap/thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum {
	COUNT = 1000000,
	KINDS = 1000 /* of senders */
};

/* Of this process: what others do on the machine does not count. */
static uint64_t cpu_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t state = 88172645463325252u;

static uint64_t chance(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void must(bool good)
{
	if (!good)
		abort();
}

static struct vx_buf octets[KINDS];
static struct vx_descriptor kinds[KINDS];

static void describe(size_t i)
{
	struct vx_buf header = { .max = 1000 };
	struct vx_describer *w;

	vx_buf_printf(&header,
	    "From: \"Sender %zu\" <s%zu@example.org>\r\nTo: r%" PRIu64
	    "@example.org\r\n\r\n",
	    i * 7919 % KINDS, i, chance(100));
	octets[i] = (struct vx_buf){ .max = VX_DESCRIPTOR_MAX };
	must(vx_describer_new(&w) == VX_OK);
	vx_describer_add(w, vx_buf_slice(&header));
	must(vx_describer_end(w, &octets[i]) == VX_OK &&
	     vx_descriptor_open(vx_buf_slice(&octets[i]), &kinds[i]) == VX_OK);
	vx_describer_free(w);
	vx_buf_done(&header);
}

struct mail {
	struct vx_descriptor d;
	char subject[40];
	char references[8 * 3];
};

/* Message i of a mailbox: two in three answer one of the last 200, three ids back. */
static void make(uint32_t i, uint32_t parents[COUNT], bool deep, struct mail *m)
{
	uint64_t id = i + 1;
	size_t n = 0;

	m->d = kinds[i % KINDS];
	m->d.message_id_hash = id;
	m->d.sent = 1600000000 + (int64_t)i * 60 + (int64_t)chance(3600);
	parents[i] = i == 0           ? 0
		     : deep           ? i
		     : chance(3) == 0 ? 0
				      : i - (uint32_t)chance(i < 200 ? i : 200);
	for (uint32_t p = parents[i]; p != 0 && n < 3; p = parents[p - 1], n++) {
		id = p;
		memmove(m->references + 8, m->references, 16);
		memcpy(m->references, &id, 8);
	}
	m->d.references = vx_slice_of(m->references, 8 * n);
	m->d.reply = n > 0;
	m->d.base_subject =
	    vx_slice_of(m->subject, (size_t)snprintf(m->subject, sizeof(m->subject),
					"About the thing %" PRIu64, chance(COUNT / 2)));
}

static uint32_t parents[COUNT];

static double peak_mb(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

static void sort(const char *program)
{
	struct vx_cursor c = vx_cursor_of(vx_slice_str(program));
	const uint64_t start = cpu_ms();
	struct vx_sort_program p;
	struct vx_sorter *s;
	const uint32_t *numbers;
	size_t count;
	struct mail m;

	must(vx_sort_program(&c, &p) &&
	     vx_sorter_new(&p, VX_SORT_MEMORY_MAX, &s) == VX_OK);
	for (uint32_t i = 0; i < COUNT; i++) {
		make(i, parents, false, &m);
		must(vx_sorter_add(s, i + 1, m.d.sent + 5, &m.d) == VX_OK);
	}
	must(vx_sorter_end(s, &numbers, &count) == VX_OK && count == COUNT);
	vx_sorter_free(s);
	printf("sort %s\t%" PRIu64 "\tms\n", program, cpu_ms() - start);
}

static void thread(enum vx_thread_algorithm a, const char *name, bool deep)
{
	struct vx_buf out = { .max = 64 << 20 };
	const uint64_t start = cpu_ms();
	struct vx_threader *t;
	struct mail m;

	must(vx_threader_new(a, VX_THREAD_MEMORY_MAX, &t) == VX_OK);
	for (uint32_t i = 0; i < COUNT; i++) {
		make(i, parents, deep, &m);
		must(vx_threader_add(t, i + 1, m.d.sent + 5, &m.d) == VX_OK);
	}
	must(
	    vx_threader_end(t) == VX_OK && vx_threader_write(t, &out, SIZE_MAX) == VX_OK);
	vx_threader_free(t);
	printf("thread %s\t%" PRIu64 "\tms\t(answer %zu MB)\n", name, cpu_ms() - start,
	    out.len >> 20);
	vx_buf_done(&out);
}

int main(void)
{
	struct mail m;
	uint64_t start;

	for (size_t i = 0; i < KINDS; i++)
		describe(i);
	start = cpu_ms();
	for (uint32_t i = 0; i < COUNT; i++)
		make(i, parents, false, &m);
	printf("making the messages (in each row)\t%" PRIu64 "\tms\n", cpu_ms() - start);
	sort("(ARRIVAL)");
	sort("(SUBJECT)");
	sort("(REVERSE DATE)");
	sort("(FROM SUBJECT REVERSE DATE)");
	thread(VX_THREAD_ORDEREDSUBJECT, "ORDEREDSUBJECT", false);
	thread(VX_THREAD_REFERENCES, "REFERENCES", false);
	thread(VX_THREAD_REFS, "REFS", false);
	thread(VX_THREAD_REFERENCES, "REFERENCES, one thread a million deep", true);
	printf("most memory\t%.0f\tMB\n", peak_mb());
	for (size_t i = 0; i < KINDS; i++)
		vx_buf_done(&octets[i]);
	return 0;
}
