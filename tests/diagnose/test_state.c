/* What is known of backups and of the store, one fault at a time. */
#include "lib/vxt.h"
#include "vectis/diagnose.h"

#define NOW INT64_C(1790000000)
#define HOUR 3600

static const char *const addresses[] = { "192.0.2.1" };
static struct vx_diag_server server;

static void reset(void)
{
	server = (struct vx_diag_server){ .store = { .known = true,
					      .code = VX_OK,
					      .problem = "",
					      .dir = "/var/lib/vectis",
					      .entries = 900,
					      .bodies = 40,
					      .proved_at = NOW - 73 * HOUR,
					      .proved_problem = "" },
		.saved = { .known = true,
		    .state = VX_DIAG_SAVED_WHOLE,
		    .began = NOW - HOUR,
		    .where = "/srv/backup",
		    .cause = "",
		    .whole_at = NOW - 48 * HOUR + 1,
		    .whole_where = "/srv/backup",
		    .octets = UINT64_C(7) << 20,
		    .command = "/usr/sbin/vectisctl store "
			       "backup" } };
}

static void never_saved(void)
{
	server.saved = (struct vx_diag_saved){
		.known = true, .where = "", .cause = "", .whole_where = ""
	};
}
static void saved_long_ago(void)
{
	server.saved.whole_at = NOW - 48 * HOUR;
}
static void saved_tomorrow(void)
{
	server.saved.whole_at = NOW + 24 * HOUR;
}
static void first_runs(void)
{
	never_saved();
	server.saved.state = VX_DIAG_SAVED_RUNNING;
	server.saved.began = NOW - 47 * HOUR;
}
static void another_runs(void)
{
	saved_long_ago();
	server.saved.state = VX_DIAG_SAVED_RUNNING;
}
static void runs_for_days(void)
{
	another_runs();
	server.saved.began = NOW - 48 * HOUR;
}
static void disk_was_full(void)
{
	server.saved.state = VX_DIAG_SAVED_PARTIAL;
	server.saved.cause =
	    "cannot write /srv/backup/state.new: No space left on device";
}
static void first_was_partial(void)
{
	disk_was_full();
	server.saved.whole_at = 0;
	server.saved.whole_where = "";
}
static void partial_since_days(void)
{
	disk_was_full();
	saved_long_ago();
}
static void has_damage(void)
{
	server.saved.state = VX_DIAG_SAVED_DAMAGED;
	server.saved.cause = "3 bodies in it are damaged";
}
static void not_known(void)
{
	server.saved.known = false;
	server.saved.state = VX_DIAG_SAVED_NONE;
	server.saved.whole_at = 0;
}

static void never_proved(void)
{
	server.store.proved_at = 0;
}
static void not_looked_at(void)
{
	server.store.known = false;
}
static void does_not_open(void)
{
	server.store.unusable = true;
	server.store.code = VX_ECORRUPT;
	server.store.problem = "state.mdb is no file of a Vectis store";
}
static void is_newer(void)
{
	does_not_open();
	server.store.code = VX_EUNSUP;
	server.store.problem = "the store has format 3, this program knows format 2";
}
static void is_repaired(void)
{
	does_not_open();
	server.store.code = VX_EBUSY;
	server.store.problem = "the store is being repaired";
}
static void has_problems(void)
{
	server.store.problems = 3;
	server.store.problem = "message 0000000100000001: its body is damaged";
}
static void was_not_proved(void)
{
	server.store.proved_problems = 5;
	server.store.proved_problem = "account 1: a page is damaged";
}

static const struct {
	const char *name;
	enum vx_diag_verdict verdict;
	void (*tweak)(void);
	const char *seen, *fix;
} rows[] = {
	{ "backup.age", VX_DIAG_PASS, reset, "47 hours old: /srv/backup, 7 MB", "" },
	{ "backup.age", VX_DIAG_PASS, saved_tomorrow, "0 hours", "" },
	{ "backup.age", VX_DIAG_PASS, disk_was_full, "47 hours", "" },
	{ "backup.age", VX_DIAG_WARN, never_saved, "none that is whole",
	    "vectisctl store backup /var/backups/vectis; every night: echo '17 3 * * * "
	    "root "
	    "vectisctl store backup /var/backups/vectis' > /etc/cron.d/" },
	{ "backup.age", VX_DIAG_WARN, saved_long_ago, "48 hours old",
	    "/usr/sbin/vectisctl store backup /srv/backup; every night" },
	{ "backup.age", VX_DIAG_INFO, first_runs, "is being made", "" },
	{ "backup.age", VX_DIAG_INFO, another_runs, "48 hours old", "" },
	{ "backup.age", VX_DIAG_WARN, runs_for_days, "48 hours old", "every night" },
	{ "backup.age", VX_DIAG_NA, first_was_partial, "backup.partial", "" },
	{ "backup.age", VX_DIAG_NA, not_known, "cannot be read", "" },
	{ "backup.partial", VX_DIAG_PASS, reset, "whole: /srv/backup", "" },
	{ "backup.partial", VX_DIAG_NA, never_saved, "skipped", "" },
	{ "backup.partial", VX_DIAG_INFO, first_runs, "being made", "" },
	{ "backup.partial", VX_DIAG_WARN, disk_was_full, "No space left on device",
	    "mend that, then /usr/sbin/vectisctl store backup /srv/backup" },
	{ "backup.partial", VX_DIAG_FAIL, first_was_partial, "No space left on device",
	    "/var/backups/vectis" },
	{ "backup.partial", VX_DIAG_FAIL, partial_since_days, "No space left", "" },
	{ "backup.partial", VX_DIAG_WARN, has_damage, "3 bodies", "store check" },
	{ "backup.partial", VX_DIAG_NA, not_known, "skipped", "" },
	{ "store.integrity", VX_DIAG_PASS, reset,
	    "900 entries and 40 messages that were looked at are right; all was 3 days",
	    "" },
	{ "store.integrity", VX_DIAG_PASS, never_proved, "was never made", "" },
	{ "store.integrity", VX_DIAG_NA, not_looked_at, "skipped", "" },
	{ "store.integrity", VX_DIAG_FAIL, does_not_open, "no file of a Vectis store",
	    "vectisctl store repair, which names what is lost, and store check; or "
	    "restore "
	    "the backup: mv /var/lib/vectis /var/lib/vectis.damaged, cp -a /srv/backup "
	    "/var/lib/vectis, vectisctl setup; " },
	{ "store.integrity", VX_DIAG_FAIL, is_newer, "format 3", "install the version" },
	{ "store.integrity", VX_DIAG_INFO, is_repaired, "being repaired", "" },
	{ "store.integrity", VX_DIAG_FAIL, has_problems, "damaged; 3 of 900",
	    "store repair" },
	{ "store.integrity", VX_DIAG_FAIL, was_not_proved,
	    "found 5 problems 3 days ago: account 1", "store repair" },
};

static bool is_of_these(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

static bool is_alarm(enum vx_diag_verdict v)
{
	return v == VX_DIAG_WARN || v == VX_DIAG_FAIL;
}

/* The row says what it has to, and no other one is alarmed when it is. */
static void look_at(size_t i, const struct vx_diag *d)
{
	const struct vx_diag_finding *f;
	bool met = false;

	for (size_t k = 0; (f = vx_diag_finding(d, k)) != NULL; k++) {
		if (!is_of_these(f->name))
			continue;
		if (strcmp(f->name, rows[i].name) != 0) {
			ck_assert_msg(!is_alarm(rows[i].verdict) || !is_alarm(f->verdict),
			    "row %zu: %s, too: %s", i, f->name, f->seen);
			continue;
		}
		met = true;
		ck_assert_msg(f->verdict == rows[i].verdict &&
				  strstr(f->seen, rows[i].seen) != NULL &&
				  strstr(f->fix, rows[i].fix) != NULL &&
				  is_alarm(f->verdict) == (f->fix[0] != '\0'),
		    "row %zu, %s: %s, %s, %s", i, f->name,
		    vx_diag_verdict_name(f->verdict), f->seen, f->fix);
	}
	ck_assert_msg(met, "row %zu: %s is not there", i, rows[i].name);
}

/* What is known of the domain came from the store. */
START_TEST(without_a_store_only_the_server_is_looked_at)
{
	const struct vx_diag_facts facts = { .struct_size = sizeof(facts),
		.now = NOW,
		.domain = "example.net",
		.hostname = "mail.example.net",
		.server = &server };
	const struct vx_diag_finding *f;
	struct vx_diag *d;

	reset();
	does_not_open();
	vxt_assert_ok(vx_diag_new(&facts, &d));
	vx_diag_run(d);
	for (size_t k = 0; (f = vx_diag_finding(d, k)) != NULL; k++) {
		ck_assert_msg(strncmp(f->id, "DX-OP-", 6) == 0, "%s", f->id);
		ck_assert_msg(
		    is_alarm(f->verdict) == (strcmp(f->name, "store.integrity") == 0),
		    "%s: %s", f->name, f->seen);
	}
	vx_diag_free(d);
}
END_TEST

START_TEST(each_fault_of_what_is_kept)
{
	const struct vx_diag_facts facts = { .struct_size = sizeof(facts),
		.now = NOW,
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 1,
		.cert_serial = "",
		.server = &server };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_diag *d;

		reset();
		rows[i].tweak();
		vxt_assert_ok(vx_diag_new(&facts, &d));
		vx_diag_run(d);
		look_at(i, d);
		vx_diag_free(d);
	}
}
END_TEST

VXT_SUITE(test_state, "state", each_fault_of_what_is_kept,
    without_a_store_only_the_server_is_looked_at)
