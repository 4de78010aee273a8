/* One server per fault; a good one gives no alarm. */
#include "lib/vxt.h"
#include "vectis/diagnose.h"

#define NOW INT64_C(1790000000)

static const char *const addresses[] = { "192.0.2.1" };
static struct vx_diag_server server;
static struct vx_diag_mailbox mailboxes[2];
static struct vx_diag_port port;
static struct vx_diag_process processes[2];
static struct vx_diag_daemon daemons[2];

static void reset(void)
{
	mailboxes[0] = (struct vx_diag_mailbox){ "ann@example.net", 79 };
	mailboxes[1] = (struct vx_diag_mailbox){ "bob@example.net", 0 };
	port = (struct vx_diag_port){ "smtp", 25, VX_DIAG_REACHED };
	processes[0] = (struct vx_diag_process){
		.name = "smtpd", .pid = 11, .memory = UINT64_C(300) << 20, .does = ""
	};
	processes[1] =
	    (struct vx_diag_process){ .name = "sender", .pid = 12, .does = "" };
	daemons[0] = (struct vx_diag_daemon){ .name = "smtpd",
		.runs = true,
		.restarts = 2,
		.died_at = NOW - 7200,
		.reason = "smtpd (process 9) was ended by signal 11, SIGSEGV" };
	daemons[1] =
	    (struct vx_diag_daemon){ .name = "acmed", .runs = true, .reason = "" };
	server = (struct vx_diag_server){ .mailboxes = mailboxes,
		.mailbox_count = 2,
		.search_wanted = true,
		.search_present = true,
		.processes = processes,
		.process_count = 2,
		.process_budget = UINT64_C(300) << 20,
		.daemons = daemons,
		.daemon_count = 2,
		.disk_octets = UINT64_C(100) << 30,
		.disk_free = UINT64_C(20) << 30,
		.ram_octets = UINT64_C(2) << 30,
		.ram_available = UINT64_C(1) << 30,
		.daemon_octets = UINT64_C(200) << 20,
		.running = "smtpd imapd pop3d acmed",
		.stopped = "",
		.drift = "",
		.clock_known = true,
		.clock_skew = -60 };
}

static void nearly_full(void)
{
	mailboxes[0].percent = 80;
}
static void full(void)
{
	mailboxes[1].percent = 100;
	mailboxes[0].percent = 95;
}
static void being_built(void)
{
	server.search_pending = 7;
}
static void no_index(void)
{
	server.search_present = false;
}
static void index_off(void)
{
	server.search_wanted = server.search_present = false;
}
static void disk_used(void)
{
	server.disk_free = (UINT64_C(19) << 30) - 1;
}
static void disk_full(void)
{
	server.disk_free = UINT64_C(127) << 20;
}
static void no_memory(void)
{
	server.ram_available = UINT64_C(100) << 20;
}
static void large_daemons(void)
{
	server.daemon_octets = UINT64_C(1100) << 20;
}
static void one_is_down(void)
{
	server.running = "smtpd imapd pop3d";
	server.stopped = "acmed";
}
static void none_runs(void)
{
	server.running = "";
	server.stopped = "smtpd imapd pop3d acmed";
}
static void port_is_closed(void)
{
	one_is_down();
	port.reached = VX_DIAG_REFUSED;
}
static void nobody_left_word(void)
{
	server.process_count = server.daemon_count = 0;
}
static void large_process(void)
{
	processes[1].memory = UINT64_C(301) << 20;
}
static void unknown_budget(void)
{
	large_process();
	server.process_budget = 0;
}
static void ended(enum vx_diag_end end)
{
	one_is_down();
	daemons[1].runs = false;
	daemons[1].end = end;
	daemons[1].end_at = NOW - 5 * 60;
	daemons[1].reason = "acmed (process 9) ended with status 1";
}
static void was_killed(void)
{
	ended(VX_DIAG_KILLED);
}
static void was_stopped(void)
{
	ended(VX_DIAG_STOPPED);
}
static void cannot_begin(void)
{
	ended(VX_DIAG_HOPELESS);
}
static void cannot_begin_on_a_port(void)
{
	cannot_begin();
	port.reached = VX_DIAG_REFUSED;
}
static void died_once(void)
{
	daemons[0].hour = 1;
}
static void died_twice(void)
{
	daemons[0].hour = daemons[0].lately = 2;
}
static void loops(void)
{
	daemons[0].hour = daemons[0].lately = 3;
	daemons[1].hour = 1;
	daemons[1].reason = "acmed (process 9) stood still and was killed";
}
static void busy(void)
{
	processes[1].cpu_percent = 97;
	processes[1].does = "it sends mail";
}
static void busy_with_something(void)
{
	processes[0].cpu_percent = 91;
}
static void drifted(void)
{
	server.drift = "smtp.listen";
}
static void unknown_drift(void)
{
	server.drift = NULL;
}
static void apply_runs(void)
{
	server.apply_pid = 77;
	server.apply_since = NOW - 119;
}
static void apply_hangs(void)
{
	server.apply_pid = 77;
	server.apply_since = NOW - 300;
}
static void slow_clock(void)
{
	server.clock_skew = -61;
}
static void fast_clock(void)
{
	server.clock_skew = 3600;
}
static void no_clock(void)
{
	server.clock_known = false;
}

static const struct {
	const char *name;
	enum vx_diag_verdict verdict;
	void (*tweak)(void);
	const char *seen, *fix;
} rows[] = {
	{ "quota.level", VX_DIAG_PASS, reset, "no mailbox", "" },
	{ "quota.level", VX_DIAG_WARN, nearly_full, "ann@example.net 80 %", "--quota" },
	{ "quota.level", VX_DIAG_FAIL, full, "bob@example.net 100 %", "bob@example.net" },
	{ "fts.state", VX_DIAG_PASS, reset, "complete", "" },
	{ "fts.state", VX_DIAG_INFO, being_built, "7 messages", "" },
	{ "fts.state", VX_DIAG_INFO, no_index, "not there yet", "" },
	{ "fts.state", VX_DIAG_INFO, index_off, "off", "" },
	{ "disk.free", VX_DIAG_PASS, reset, "80 % used", "" },
	{ "disk.free", VX_DIAG_WARN, disk_used, "81 % used", "larger" },
	{ "disk.free", VX_DIAG_FAIL, disk_full, "127 MB free", "larger" },
	{ "mem", VX_DIAG_PASS, reset, "1024 of 2048 MB", "" },
	{ "mem", VX_DIAG_WARN, no_memory, "100 of 2048 MB", "which program" },
	{ "mem", VX_DIAG_WARN, large_daemons, "1100 MB", "vectisctl status" },
	{ "mem", VX_DIAG_WARN, large_process,
	    "; sender (process 12) has 301 MB, more than 300", "limits.connections" },
	{ "mem", VX_DIAG_PASS, unknown_budget, "1024 of", "" },
	{ "svc", VX_DIAG_PASS, reset, "acmed: running; 2 restarts since they began", "" },
	{ "svc", VX_DIAG_PASS, nobody_left_word, "running", "" },
	{ "svc", VX_DIAG_FAIL, was_killed, "acmed: not; acmed: it was killed",
	    "start it" },
	{ "svc", VX_DIAG_FAIL, was_stopped, "acmed: it was stopped 5 minutes ago", "" },
	{ "svc", VX_DIAG_FAIL, cannot_begin,
	    "no process of it could begin 5 minutes ago, acmed (process 9) ended with "
	    "status 1",
	    "" },
	{ "svc", VX_DIAG_NA, cannot_begin_on_a_port, "net.in25; acmed: no process", "" },
	{ "svc", VX_DIAG_WARN, died_once,
	    "smtpd: 0 of its processes died in ten minutes, 1 in an hour, the last 120 "
	    "minutes ago: smtpd (process 9) was ended by signal 11, SIGSEGV",
	    "log of smtpd" },
	{ "svc", VX_DIAG_WARN, died_twice, "smtpd: 2 of", "support bundle" },
	{ "svc", VX_DIAG_FAIL, loops, "acmed (process 9) stood still", "log of acmed" },
	{ "cpu", VX_DIAG_PASS, reset, "no process takes 90 %", "" },
	{ "cpu", VX_DIAG_NA, nobody_left_word, "skipped", "" },
	{ "cpu", VX_DIAG_WARN, busy,
	    "sender (process 12) takes 97 % of a core for more than 5 minutes: it sends "
	    "mail",
	    "sender" },
	{ "cpu", VX_DIAG_WARN, busy_with_something, "smtpd (process 11) takes 91 %", "" },
	{ "svc", VX_DIAG_FAIL, one_is_down, "acmed: not", "log of acmed" },
	{ "svc", VX_DIAG_NA, none_runs, "skipped", "" },
	{ "svc", VX_DIAG_NA, port_is_closed, "net.in25", "" },
	{ "conf.drift", VX_DIAG_PASS, reset, "what the file says", "" },
	{ "conf.drift", VX_DIAG_WARN, drifted, "smtp.listen", "config apply" },
	{ "conf.drift", VX_DIAG_PASS, apply_runs, "what the file says", "" },
	{ "conf.drift", VX_DIAG_WARN, apply_hangs,
	    "process 77 (vectisctl config apply) does not end since 5 minutes",
	    "kill 77" },
	{ "conf.drift", VX_DIAG_NA, unknown_drift, "skipped", "" },
	{ "clock", VX_DIAG_PASS, reset, "60 seconds slow", "" },
	{ "clock", VX_DIAG_WARN, slow_clock, "61 seconds slow", "set-ntp" },
	{ "clock", VX_DIAG_WARN, fast_clock, "3600 seconds fast", "set-ntp" },
	{ "clock", VX_DIAG_NA, no_clock, "skipped", "" },
};

static bool is_servers(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

START_TEST(each_fault_of_a_server)
{
	const struct vx_diag_facts facts = { .struct_size = sizeof(facts),
		.now = NOW,
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 1,
		.ports = &port,
		.port_count = 1,
		.cert_serial = "",
		.server = &server };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vx_diag_finding *f;
		struct vx_diag *d;
		unsigned met = 0;

		reset();
		rows[i].tweak();
		vxt_assert_ok(vx_diag_new(&facts, &d));
		vx_diag_run(d);
		for (size_t k = 0; (f = vx_diag_finding(d, k)) != NULL; k++) {
			if (!is_servers(f->name))
				continue;
			met++;
			if (strcmp(f->name, rows[i].name) != 0) {
				ck_assert_msg(
				    f->verdict < VX_DIAG_WARN || f->verdict == VX_DIAG_NA,
				    "row %zu: %s, too: %s", i, f->name, f->seen);
				continue;
			}
			ck_assert_msg(f->verdict == rows[i].verdict &&
					  strstr(f->seen, rows[i].seen) != NULL &&
					  strstr(f->fix, rows[i].fix) != NULL,
			    "row %zu, %s: %s, %s, %s", i, f->name,
			    vx_diag_verdict_name(f->verdict), f->seen, f->fix);
		}
		ck_assert_uint_eq(met, 8);
		vx_diag_free(d);
	}
}
END_TEST

VXT_SUITE(test_server, "server", each_fault_of_a_server)
