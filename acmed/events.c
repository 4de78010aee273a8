#include "acmed/events.h"

#include "vectis/date.h"
#include "vectis/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "2026-11-28T18:00:00Z warn mail: text"; what an authority wrote is on one line. */
static void format(const struct vx_acme_step *step, char *out, size_t size)
{
	static const char *const words[] = { [VX_ACME_INFO] = "info",
		[VX_ACME_WARN] = "warn",
		[VX_ACME_ALARM] = "alarm" };
	const struct vx_civil c = vx_civil_of(vx_now_s(), 0);
	int n = snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02dZ %s %s: %s", c.year,
	    c.month, c.day, c.hour, c.minute, c.second, words[step->event],
	    step->id[0] == '\0' ? "account" : step->id, step->text);

	if (n >= (int)size - 1)
		n = (int)size - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)out[i] < 32 || out[i] == 127)
			out[i] = '?';
	out[n] = '\n';
	out[n + 1] = '\0';
}

static void write_line(const struct vx_config *config, const char *line)
{
	char path[VX_ACME_PATH_MAX], old[VX_ACME_PATH_MAX];
	struct stat st;
	int fd;

	if (vx_acme_path(config, EVENTS_FILE, path) != VX_OK ||
	    vx_acme_path(config, EVENTS_OLD, old) != VX_OK)
		return;
	if (stat(path, &st) == 0 && st.st_size > EVENTS_OCTETS_MAX)
		(void)rename(path, old);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return; /* the log has it */
	(void)!write(fd, line, strlen(line));
	(void)close(fd);
}

void events_tell(const struct vx_config *config, const struct vx_log *log,
    const struct vx_acme_step *step)
{
	static const enum vx_log_level levels[] = { [VX_ACME_INFO] = VX_LOG_INFO,
		[VX_ACME_WARN] = VX_LOG_WARN,
		[VX_ACME_ALARM] = VX_LOG_ERROR };
	char line[VX_ACME_TEXT_MAX + 128];

	vx_log(log, levels[step->event], "acme",
	    VX_KV_Z("cert", step->id[0] == '\0' ? "-" : step->id),
	    VX_KV_Z("text", step->text));
	format(step, line, sizeof(line));
	write_line(config, line);
}
