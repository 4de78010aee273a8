/* What the server itself lacks: room, time, a configuration that is in force (DX-OP). */
#include "diagnose/diagnose.h"

#define QUOTA_WARN 80 /* percent */
#define DISK_WARN 80
#define DISK_LEAST ((uint64_t)128 << 20) /* octets, below which mail is refused soon */
#define CLOCK_WARN 60                    /* seconds */
#define APPLY_LONG 120                   /* seconds that no apply takes */

static bool is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static enum vx_diag_verdict quota(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_server *s = d->f.server;
	enum vx_diag_verdict v = VX_DIAG_PASS;

	if (s->store.unusable)
		return vx_diag_see(f, "store.integrity");
	for (size_t i = 0; i < s->mailbox_count; i++) {
		const struct vx_diag_mailbox *m = &s->mailboxes[i];

		if (m->percent < QUOTA_WARN)
			continue;
		vx_diag_seen(f, "%.100s %u %%; ", m->name, m->percent);
		vx_diag_fix(f,
		    "vectisctl mailbox set %.100s --quota MB, or let them "
		    "delete mail; ",
		    m->name);
		if (m->percent >= 100)
			v = VX_DIAG_FAIL;
		else if (v == VX_DIAG_PASS)
			v = VX_DIAG_WARN;
	}
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "no mailbox has %d %% of its quota", QUOTA_WARN);
	return v;
}

static enum vx_diag_verdict search(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_server *s = d->f.server;

	if (s->store.unusable)
		return vx_diag_see(f, "store.integrity");
	if (!s->search_wanted) {
		vx_diag_seen(f, "off (search.index): searches read the messages");
		return VX_DIAG_INFO;
	}
	if (!s->search_present || s->search_pending > 0) {
		vx_diag_seen(f,
		    s->search_present ? "%llu messages are not in it yet"
				      : "it is not there yet",
		    (unsigned long long)s->search_pending);
		return VX_DIAG_INFO;
	}
	vx_diag_seen(f, "complete");
	return VX_DIAG_PASS;
}

static enum vx_diag_verdict disk(struct vx_diag *d, struct vx_diag_finding *f)
{
	const uint64_t all = d->f.server->disk_octets, left = d->f.server->disk_free;
	uint64_t used;

	if (all == 0) {
		vx_diag_seen(f, "not known");
		return VX_DIAG_NA;
	}
	used = (all - left) * 100 / all;
	vx_diag_seen(f, "%llu %% used, %llu MB free", (unsigned long long)used,
	    (unsigned long long)(left >> 20));
	if (used <= DISK_WARN && left >= DISK_LEAST)
		return VX_DIAG_PASS;
	vx_diag_fix(
	    f, "make the disk of state_dir larger, or take away what is not mail");
	return left < DISK_LEAST ? VX_DIAG_FAIL : VX_DIAG_WARN;
}

/* Whoever began to apply it and does not end keeps others from it. */
static bool stands_still(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_server *s = d->f.server;
	const int64_t s_long = d->f.now - s->apply_since;

	if (s->apply_pid == 0 || s_long < APPLY_LONG)
		return false;
	vx_diag_seen(f,
	    "process %d (vectisctl config apply) does not end since %lld minutes",
	    s->apply_pid, (long long)(s_long / 60));
	vx_diag_fix(f, "kill %d, then vectisctl config apply", s->apply_pid);
	return true;
}

static enum vx_diag_verdict drift(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (stands_still(d, f))
		return VX_DIAG_WARN;
	if (d->f.server->drift == NULL) {
		vx_diag_seen(f, "skipped: what was applied last cannot be read");
		return VX_DIAG_NA;
	}
	if (!is_set(d->f.server->drift)) {
		vx_diag_seen(f, "the daemons run with what the file says");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "changed and not applied: %.400s", d->f.server->drift);
	vx_diag_fix(f, "vectisctl config diff shows it, vectisctl config apply does it");
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict time_of_day(struct vx_diag *d, struct vx_diag_finding *f)
{
	const int64_t skew = d->f.server->clock_skew;

	if (!d->f.server->clock_known) {
		vx_diag_seen(f, "skipped: nobody told the time");
		return VX_DIAG_NA;
	}
	vx_diag_seen(f, "%lld seconds %s", (long long)(skew < 0 ? -skew : skew),
	    skew < 0 ? "slow" : "fast");
	if (skew >= -CLOCK_WARN && skew <= CLOCK_WARN)
		return VX_DIAG_PASS;
	vx_diag_fix(f, "let the clock be set from the network: timedatectl set-ntp true");
	return VX_DIAG_WARN;
}

const struct vx_diag_row vx_diag_server_rows[] = {
	{ "DX-OP-16", "quota.level", "mailboxes have room", quota,
	    "mail to a full mailbox comes back to its sender", "none" },
	{ "DX-OP-17", "fts.state", "searches are quick", search, "", "none" },
	{ "DX-OP-19", "disk.free", "the disk has room", disk,
	    "mail is refused when it is full", "none" },
	{ "DX-OP-22", "conf.drift", "the configuration is in force", drift,
	    "the server does something else than the file says", "seconds" },
	{ "DX-OP-24", "clock", "the clock is right", time_of_day,
	    "certificates, signatures and codes are taken for expired, or not yet good",
	    "minutes" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
