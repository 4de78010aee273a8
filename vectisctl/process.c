/* Processes of the daemons, as the kernel has them. */
#include "vectisctl/process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first line of a file below /proc or run_dir. */
bool ctl_first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool good;

	if (f == NULL)
		return false;
	good = fgets(line, (int)size, f) != NULL;
	(void)fclose(f);
	if (good)
		line[strcspn(line, "\n")] = '\0';
	return good;
}

/* proc(5), stat: fields 4 (parent), 14 and 15 (time), 22 (start) */
static bool read_stat(int pid, struct ctl_process *p)
{
	char path[64], line[1024];
	const char *open, *close;
	vx_slice rest, word;
	uint64_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!ctl_first_line(path, line, sizeof(line)) ||
	    (open = strchr(line, '(')) == NULL || (close = strrchr(line, ')')) == NULL ||
	    close[1] != ' ')
		return false;
	(void)snprintf(
	    p->name, sizeof(p->name), "%.*s", (int)(close - open - 1), open + 1);
	rest = vx_slice_str(close + 2);
	for (unsigned field = 3; rest.len > 0 && field <= 22; field++) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (vx_slice_number(word, INT64_MAX, &n) != VX_OK)
			continue;
		if (field == 4)
			p->parent = n;
		else if (field == 14 || field == 15)
			p->cpu_ticks += n;
		else if (field == 22)
			p->started_ticks = n;
	}
	return true;
}

bool ctl_process_read(int pid, struct ctl_process *p)
{
	char path[64], line[256];
	vx_slice rest, size, resident, shared;
	uint64_t r, s;

	memset(p, 0, sizeof(*p));
	if (!read_stat(pid, p))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (!ctl_first_line(path, line, sizeof(line)))
		return false;
	rest = vx_slice_str(line);
	(void)vx_slice_cut(&rest, ' ', &size);
	(void)vx_slice_cut(&rest, ' ', &resident);
	(void)vx_slice_cut(&rest, ' ', &shared);
	if (vx_slice_number(resident, INT64_MAX, &r) == VX_OK &&
	    vx_slice_number(shared, INT64_MAX, &s) == VX_OK && s <= r)
		p->memory = (r - s) * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

uint64_t ctl_process_age_s(const struct ctl_process *p)
{
	char line[128];
	vx_slice rest, word;
	uint64_t up;

	if (!ctl_first_line("/proc/uptime", line, sizeof(line)))
		return 0;
	rest = vx_slice_str(line);
	(void)vx_slice_cut(&rest, '.', &word);
	if (vx_slice_number(word, INT64_MAX, &up) != VX_OK)
		return 0;
	up -= p->started_ticks / (uint64_t)sysconf(_SC_CLK_TCK);
	return up > (uint64_t)INT64_MAX ? 0 : up;
}
