/* Whether what is kept here is whole, and would be there again (DX-OP-23, 30, 34). */
#include "diagnose/diagnose.h"

#define BACKUP_HOURS 48
#define HOUR 3600

static bool is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

/* Hours since; a clock that was set back makes nothing old. */
static int64_t hours_since(const struct vx_diag *d, int64_t then)
{
	return d->f.now > then ? (d->f.now - then) / HOUR : 0;
}

static bool is_fresh(const struct vx_diag *d)
{
	const int64_t at = d->f.server->saved.whole_at;

	return at != 0 && hours_since(d, at) < BACKUP_HOURS;
}

static void fix_backup(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_saved *s = &d->f.server->saved;
	const char *command = is_set(s->command) ? s->command : "vectisctl store backup";
	const char *where =
	    is_set(s->whole_where) ? s->whole_where : "/var/backups/vectis";

	vx_diag_fix(f,
	    "%.300s %.300s; every night: echo '17 3 * * * root %.300s %.300s' > "
	    "/etc/cron.d/vectis-backup (vectisctl(8) has a timer of systemd's); keep a "
	    "copy "
	    "on another host",
	    command, where, command, where);
}

static enum vx_diag_verdict backup_age(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_saved *s = &d->f.server->saved;
	const bool runs =
	    s->state == VX_DIAG_SAVED_RUNNING && hours_since(d, s->began) < BACKUP_HOURS;

	if (!s->known) {
		vx_diag_seen(f, "skipped: what is known of backups cannot be read");
		return VX_DIAG_NA;
	}
	if (!is_fresh(d) && s->state == VX_DIAG_SAVED_PARTIAL)
		return vx_diag_see(f, "backup.partial");
	if (s->whole_at == 0)
		vx_diag_seen(f, "there is none that is whole");
	else
		vx_diag_seen(f, "the newest is %lld hours old: %.300s, %llu MB",
		    (long long)hours_since(d, s->whole_at), s->whole_where,
		    (unsigned long long)(s->octets >> 20));
	if (is_fresh(d))
		return VX_DIAG_PASS;
	if (runs) {
		vx_diag_seen(f, "; one is being made");
		return VX_DIAG_INFO;
	}
	fix_backup(d, f);
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict backup_partial(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_saved *s = &d->f.server->saved;

	switch (s->known ? s->state : VX_DIAG_SAVED_NONE) {
	case VX_DIAG_SAVED_NONE:
		vx_diag_seen(f, "skipped: none was made that is known of");
		return VX_DIAG_NA;
	case VX_DIAG_SAVED_RUNNING:
		vx_diag_seen(f, "one is being made: %.300s", s->where);
		return VX_DIAG_INFO;
	case VX_DIAG_SAVED_WHOLE:
		vx_diag_seen(f, "the last one is whole: %.300s", s->where);
		return VX_DIAG_PASS;
	case VX_DIAG_SAVED_DAMAGED:
		vx_diag_seen(f, "%.400s", s->cause);
		vx_diag_fix(f, "vectisctl store check names them; an older backup may "
			       "have them whole: keep it");
		return VX_DIAG_WARN;
	case VX_DIAG_SAVED_PARTIAL:
		break;
	}
	vx_diag_seen(f, "the last one, %.200s: %.250s", s->where, s->cause);
	vx_diag_fix(f, "mend that, then ");
	fix_backup(d, f);
	return is_fresh(d) ? VX_DIAG_WARN : VX_DIAG_FAIL;
}

/* --- the store ------------------------------------------------------------------------
 */

static void fix_store(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_server *s = d->f.server;
	const char *dir = is_set(s->store.dir) ? s->store.dir : "the state directory";

	vx_diag_fix(f, "stop the daemons, then vectisctl store repair, which names what "
		       "is lost, and "
		       "store check");
	if (is_set(s->saved.whole_where))
		vx_diag_fix(f,
		    "; or restore the backup: mv %.200s %.200s.damaged, cp -a %.200s "
		    "%.200s, "
		    "vectisctl setup",
		    dir, dir, s->saved.whole_where, dir);
	vx_diag_fix(
	    f, "; and look whether the disk is sound (smartctl -a, the kernel's log)");
}

static enum vx_diag_verdict does_not_open(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_store *s = &d->f.server->store;

	vx_diag_seen(f, "%.450s", s->problem);
	if (s->code == VX_EBUSY) /* it is being repaired */
		return VX_DIAG_INFO;
	if (s->code == VX_EUNSUP)
		vx_diag_fix(
		    f, "install the version of Vectis that wrote it, or a newer one");
	else
		fix_store(d, f);
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict integrity(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_store *s = &d->f.server->store;
	const long long days = (long long)(hours_since(d, s->proved_at) / 24);

	if (!s->known) {
		vx_diag_seen(f, "skipped: it was not looked at");
		return VX_DIAG_NA;
	}
	if (s->unusable)
		return does_not_open(d, f);
	if (s->problems > 0) {
		vx_diag_seen(f, "%.300s; %llu of %llu that were looked at", s->problem,
		    (unsigned long long)s->problems, (unsigned long long)s->entries);
		fix_store(d, f);
		return VX_DIAG_FAIL;
	}
	if (s->proved_at != 0 && s->proved_problems > 0) {
		vx_diag_seen(f,
		    "vectisctl store check found %llu problems %lld days ago: %.300s",
		    (unsigned long long)s->proved_problems, days, s->proved_problem);
		fix_store(d, f);
		return VX_DIAG_FAIL;
	}
	vx_diag_seen(f, "%llu entries and %llu messages that were looked at are right; ",
	    (unsigned long long)s->entries, (unsigned long long)s->bodies);
	if (s->proved_at == 0)
		vx_diag_seen(
		    f, "vectisctl store check, which looks at all, was never made");
	else
		vx_diag_seen(f, "all was %lld days ago", days);
	return VX_DIAG_PASS;
}

const struct vx_diag_row vx_diag_state_rows[] = {
	{ "DX-OP-23", "backup.age", "there is a backup of the store", backup_age,
	    "what is lost with the disk is lost for good", "as long as a backup takes" },
	{ "DX-OP-30", "store.integrity", "the store is whole", integrity,
	    "mail is missing, or cannot be read", "as long as the repair takes" },
	{ "DX-OP-34", "backup.partial", "the last backup is whole", backup_partial,
	    "what it lacks is lost with the disk", "as long as a backup takes" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
