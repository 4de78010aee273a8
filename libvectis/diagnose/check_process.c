/* Whether the daemons run, and what they take (DX-OP-20, 21, 33). */
#include "diagnose/diagnose.h"

#define MEMORY_LEAST 20 /* one in so many has to be free */
#define LOOPS 3         /* deaths of ten minutes */
#define MB(octets) ((unsigned long long)((octets) >> 20))

static bool is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

/* --- memory ---------------------------------------------------------------------------
 */

/* Processes that have more than one may. */
static bool see_large(const struct vx_diag_server *s, struct vx_diag_finding *f)
{
	bool found = false;

	for (size_t i = 0; i < s->process_count && s->process_budget > 0; i++) {
		const struct vx_diag_process *p = &s->processes[i];

		if (p->memory <= s->process_budget)
			continue;
		vx_diag_seen(f, "; %.20s (process %d) has %llu MB, more than %llu",
		    p->name, p->pid, MB(p->memory), MB(s->process_budget));
		found = true;
	}
	return found;
}

static enum vx_diag_verdict memory(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_server *s = d->f.server;
	bool large;

	if (s->ram_octets == 0) {
		vx_diag_seen(f, "not known");
		return VX_DIAG_NA;
	}
	vx_diag_seen(f, "%llu of %llu MB can be had; the daemons have %llu MB",
	    MB(s->ram_available), MB(s->ram_octets), MB(s->daemon_octets));
	large = see_large(s, f);
	if (s->ram_available >= s->ram_octets / MEMORY_LEAST &&
	    s->daemon_octets <= s->ram_octets / 2 && !large)
		return VX_DIAG_PASS;
	if (large || s->daemon_octets > s->ram_octets / 2)
		vx_diag_fix(f, "see which daemon it is (vectisctl status), keep a "
			       "\"vectisctl support bundle\", and restart it; a lower "
			       "limits.connections makes all of them smaller");
	else
		vx_diag_fix(f, "see which program takes it, or give the host more");
	return VX_DIAG_WARN;
}

/* --- daemons --------------------------------------------------------------------------
 */

static const struct vx_diag_daemon *daemon_of(
    const struct vx_diag_server *s, vx_slice name)
{
	for (size_t i = 0; i < s->daemon_count; i++)
		if (vx_slice_eq(name, vx_slice_str(s->daemons[i].name)))
			return &s->daemons[i];
	return NULL;
}

static long long minutes_since(const struct vx_diag *d, int64_t then)
{
	return d->f.now > then ? (long long)((d->f.now - then) / 60) : 0;
}

/* What those that do not run ended by. */
static void see_ends(const struct vx_diag *d, struct vx_diag_finding *f)
{
	static const char *const ends[] = { [VX_DIAG_KILLED] = "it was killed",
		[VX_DIAG_STOPPED] = "it was stopped",
		[VX_DIAG_HOPELESS] = "no process of it could begin" };
	const struct vx_diag_server *s = d->f.server;
	vx_slice rest = vx_slice_str(s->stopped), name;

	while (rest.len > 0) {
		const struct vx_diag_daemon *one;

		(void)vx_slice_cut(&rest, ' ', &name);
		one = daemon_of(s, name);
		if (one == NULL || one->runs)
			continue;
		vx_diag_seen(f, "; %.20s: %s", one->name, ends[one->end]);
		if (one->end != VX_DIAG_KILLED)
			vx_diag_seen(
			    f, " %lld minutes ago", minutes_since(d, one->end_at));
		if (one->end == VX_DIAG_HOPELESS && is_set(one->reason))
			vx_diag_seen(f, ", %.150s", one->reason);
	}
}

/* Those whose processes died lately; the worst. */
static enum vx_diag_verdict see_deaths(const struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_PASS;

	for (size_t i = 0; i < d->f.server->daemon_count; i++) {
		const struct vx_diag_daemon *one = &d->f.server->daemons[i];

		if (!one->runs || one->hour == 0)
			continue;
		vx_diag_seen(f,
		    "; %.20s: %u of its processes died in ten minutes, %u in an hour, "
		    "the "
		    "last %lld minutes ago: %.150s",
		    one->name, one->lately, one->hour, minutes_since(d, one->died_at),
		    one->reason);
		vx_diag_fix(f,
		    "see what the log of %.20s says of it, and keep a \"vectisctl "
		    "support "
		    "bundle\" for who mends it; ",
		    one->name);
		if (one->lately >= LOOPS)
			v = VX_DIAG_FAIL;
		else if (v == VX_DIAG_PASS)
			v = VX_DIAG_WARN;
	}
	return v;
}

static uint64_t restarts_of(const struct vx_diag_server *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->daemon_count; i++)
		n += s->daemons[i].runs ? s->daemons[i].restarts : 0;
	return n;
}

/* That a port does not answer is net.in25's affair. */
static enum vx_diag_verdict daemons(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_server *s = d->f.server;
	enum vx_diag_verdict v;

	for (size_t i = 0; i < d->f.port_count; i++)
		if (d->f.ports[i].reached == VX_DIAG_REFUSED) {
			v = vx_diag_see(f, "net.in25");
			see_ends(d, f);
			return v;
		}
	if (!is_set(s->running)) {
		vx_diag_seen(f, "skipped: no daemon runs here that could be seen");
		see_ends(d, f);
		return VX_DIAG_NA;
	}
	vx_diag_seen(f, "%.200s: running", s->running);
	if (is_set(s->stopped)) {
		vx_diag_seen(f, "; %.200s: not", s->stopped);
		see_ends(d, f);
		vx_diag_fix(f, "look into the log of %.200s, and start it", s->stopped);
		return VX_DIAG_FAIL;
	}
	v = see_deaths(d, f);
	if (v == VX_DIAG_PASS && s->daemon_count > 0)
		vx_diag_seen(f, "; %llu restarts since they began",
		    (unsigned long long)restarts_of(s));
	return v;
}

/* --- processors -----------------------------------------------------------------------
 */

static enum vx_diag_verdict cpu(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_server *s = d->f.server;
	bool found = false;

	if (s->process_count == 0) {
		vx_diag_seen(f, "skipped: no daemon runs here that could be seen");
		return VX_DIAG_NA;
	}
	for (size_t i = 0; i < s->process_count; i++) {
		const struct vx_diag_process *p = &s->processes[i];

		if (p->cpu_percent <= VX_DIAG_CPU_PERCENT)
			continue;
		vx_diag_seen(f,
		    "%.20s (process %d) takes %u %% of a core for more than 5 "
		    "minutes%s%s; ",
		    p->name, p->pid, p->cpu_percent, is_set(p->does) ? ": " : "",
		    is_set(p->does) ? p->does : "");
		vx_diag_fix(f,
		    "if it does so in an hour, keep a \"vectisctl support bundle\", and "
		    "restart what %.20s belongs to; ",
		    p->name);
		found = true;
	}
	if (found)
		return VX_DIAG_WARN;
	vx_diag_seen(
	    f, "no process takes %d %% of a core for five minutes", VX_DIAG_CPU_PERCENT);
	return VX_DIAG_PASS;
}

const struct vx_diag_row vx_diag_process_rows[] = {
	{ "DX-OP-20", "mem", "there is memory", memory,
	    "it is slow, and processes are killed", "minutes" },
	{ "DX-OP-21", "svc", "the daemons run", daemons, "what it does is not done",
	    "seconds" },
	{ "DX-OP-33", "cpu", "no daemon is busy all the time", cpu,
	    "all else that it serves is slow", "minutes" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
