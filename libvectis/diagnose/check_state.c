/* Whether what is kept here would be there again: backups (DX-OP-23, 34). */
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

const struct vx_diag_row vx_diag_state_rows[] = {
	{ "DX-OP-23", "backup.age", "there is a backup of the store", backup_age,
	    "what is lost with the disk is lost for good", "as long as a backup takes" },
	{ "DX-OP-34", "backup.partial", "the last backup is whole", backup_partial,
	    "what it lacks is lost with the disk", "as long as a backup takes" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
