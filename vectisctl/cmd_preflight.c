/*
 * preflight: is this host fit for a mail server, before one is set up (DX-OP-26)?  It
 * needs neither a configuration nor a store.
 */
#include "vectisctl/check.h"
#include "vectisctl/holders.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define ARENA_MAX ((size_t)1 << 16)
#define ALL_MS 6000
#define FAR_NAME_MS 2000
#define OS_RELEASE "/etc/os-release"
#define NO_NAME "mail.invalid" /* where the server's own is not known */

struct preflight {
	struct ctl *c;
	struct ctl_dns d; /* only addresses and once */
	struct vx_diag_facts f;
	struct vx_diag_host host;
	struct vx_diag_holder ports[CTL_HOLDERS_MAX];
	bool has_config; /* else it is what would be */
	char hostname[VX_DNS_NAME_MAX + 1];
	char os_id[64], os_version[64], os_name[200], disk_path[PATH_MAX];
};

/* --- the host -------------------------------------------------------------------------
 */

/* KEY=value or KEY="value" (os-release(5)). */
static void take_value(const char *line, const char *key, char *out, size_t size)
{
	vx_slice s = vx_slice_trim(vx_slice_str(line), "\n");

	if (!vx_slice_has_prefix(s, vx_slice_str(key)) || s.len <= strlen(key) ||
	    s.ptr[strlen(key)] != '=')
		return;
	s = vx_slice_trim(vx_slice_from(s, strlen(key) + 1), "\"'");
	(void)snprintf(out, size, "%.*s", (int)s.len, s.ptr);
}

static void find_system(struct preflight *p)
{
	char line[512];
	FILE *f = fopen(OS_RELEASE, "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		take_value(line, "ID", p->os_id, sizeof(p->os_id));
		take_value(line, "VERSION_ID", p->os_version, sizeof(p->os_version));
		take_value(line, "PRETTY_NAME", p->os_name, sizeof(p->os_name));
	}
	if (f != NULL)
		(void)fclose(f);
	p->host.os_id = p->os_id;
	p->host.os_version = p->os_version;
	p->host.os_name = p->os_name;
}

/* "MemTotal:  2015204 kB" */
uint64_t ctl_memory(const char *key)
{
	const vx_slice start = vx_slice_str(key);
	char line[256];
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t kb = 0;

	while (f != NULL && kb == 0 && fgets(line, sizeof(line), f) != NULL)
		if (vx_slice_has_prefix(vx_slice_str(line), start) &&
		    vx_slice_number(
			vx_slice_trim(vx_slice_str(line + start.len), ": kB\n"),
			INT64_MAX / 1024, &kb) != VX_OK)
			kb = 0;
	if (f != NULL)
		(void)fclose(f);
	return kb * 1024;
}

/* What is free where the store is or will be: its directory, or the next above it. */
static void find_disk(struct preflight *p)
{
	struct statvfs v;
	char *slash;

	(void)snprintf(
	    p->disk_path, sizeof(p->disk_path), "%.4000s", p->c->config->state_dir);
	p->host.disk_path = p->disk_path;
	while (statvfs(p->disk_path, &v) < 0) {
		slash = strrchr(p->disk_path, '/');
		if (slash == NULL || p->disk_path[1] == '\0')
			return;
		slash[slash == p->disk_path ? 1 : 0] = '\0';
	}
	p->host.disk_free_octets = (uint64_t)v.f_bavail * v.f_frsize;
}

static void find_ports(struct preflight *p)
{
	const struct vx_config *c = p->c->config;
	const struct vx_listen_list *const lists[] = { &c->smtp_listen, &c->http_listen,
		&c->acme_alpn_listen, &c->submissions_listen, &c->submission_listen,
		&c->imaps_listen, &c->pop3s_listen };

	/* sooner or later, for proofs of names or for pages */
	if (!p->has_config)
		p->host.port_count = ctl_holders_want(p->ports, p->host.port_count, 443);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->count; k++)
			p->host.port_count = ctl_holders_want(
			    p->ports, p->host.port_count, lists[i]->items[k].port);
	ctl_holders_find(p->c, p->ports, p->host.port_count);
	p->host.ports = p->ports;
}

static void look_at_host(struct preflight *p)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	p->host.cpus = cpus > 0 ? (unsigned)cpus : 0;
	p->host.ram_octets = ctl_memory("MemTotal");
	find_system(p);
	find_disk(p);
	find_ports(p);
	ctl_dns_addresses(p->c, &p->d);
	p->f = (struct vx_diag_facts){ .struct_size = sizeof(p->f),
		.now = (int64_t)time(NULL),
		.domain = p->hostname,
		.hostname = p->hostname,
		.addresses = p->d.addresses,
		.address_count = p->d.address_count,
		.host = &p->host };
}

/* --- the configuration, or what would be one ------------------------------------------
 */

int ctl_default_config(struct ctl *c)
{
	static const char text[] =
	    "hostname: " NO_NAME "\ntls:\n  provider: self-signed\n";
	struct vx_config_errors errors;

	return vx_config_parse(vx_slice_str(text), "preflight", &c->config, &errors) ==
		       VX_OK
		   ? CTL_OK
		   : ctl_fail(c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM));
}

static int use_config(struct preflight *p)
{
	const char *given = ctl_option(p->c, "--hostname");
	int status = CTL_OK;

	if (p->c->config == NULL && access(p->c->config_path, F_OK) == 0)
		status = ctl_load_config(p->c);
	p->has_config = p->c->config != NULL;
	if (status == CTL_OK && p->c->config == NULL)
		status = ctl_default_config(p->c);
	if (status != CTL_OK)
		return status;
	if (vx_dns_name(vx_slice_str(given != NULL ? given : p->c->config->hostname),
		p->hostname) != VX_OK ||
	    !vx_dns_is_host(p->hostname))
		return ctl_fail(p->c, CTL_USAGE,
		    "\"%s\" is no host name, such as mail.your-domain.net", given);
	p->host.has_name = strcmp(p->hostname, NO_NAME) != 0;
	return CTL_OK;
}

/* --- others ---------------------------------------------------------------------------
 */

static void reach(struct preflight *p)
{
	struct vx_once_question q = { .late = false };
	struct vx_once_work w = {
		.questions = &q, .question_count = 1, .ms_max = FAR_NAME_MS
	};

	if (vx_dns_ask(VX_DNS_A, "", VX_S(VX_DIAG_FAR_HOST), &q.question) != VX_OK ||
	    vx_once_do(p->d.once, &w) != VX_OK)
		return;
	p->f.out25 =
	    ctl_check_far(p->d.once, (uint16_t)p->c->config->sending_port, q.answer);
	vx_dns_answer_free(q.answer);
}

static int diagnose(struct preflight *p, uint64_t end_ms)
{
	struct vx_diag *d = NULL;
	const int rc = vx_diag_new(&p->f, &d);
	int status;

	if (rc != VX_OK)
		return ctl_fail(p->c, CTL_FAILED, "%s", vx_strerror(rc));
	if (p->d.once != NULL)
		ctl_check_ask(p->d.once, d, end_ms);
	vx_diag_run(d);
	status = ctl_check_say_all(p->c, d, "this host", NULL);
	vx_diag_free(d);
	return status;
}

static int preflight(struct ctl *c)
{
	static struct preflight p;
	const uint64_t end_ms = ctl_dns_now_ms() + ALL_MS;
	struct vx_error err;
	int status;

	p.c = c;
	vx_arena_init(&p.d.arena, ARENA_MAX);
	status = use_config(&p);
	if (status == CTL_OK) {
		look_at_host(&p);
		if (vx_once_new(c->config, &p.d.once, &err) != VX_OK)
			status = ctl_fail(c, CTL_FAILED, "%s", err.text);
	}
	if (status == CTL_OK) {
		reach(&p);
		status = diagnose(&p, end_ms);
	}
	ctl_dns_close(&p.d);
	return status;
}

void ctl_preflight_tell(struct ctl *c)
{
	static struct preflight p;
	const struct vx_diag_finding *f;
	json_t *list = json_array();
	struct vx_diag *d = NULL;

	p.c = c;
	vx_arena_init(&p.d.arena, ARENA_MAX);
	if (use_config(&p) == CTL_OK) {
		look_at_host(&p);
		if (vx_diag_new(&p.f, &d) == VX_OK)
			vx_diag_run(d);
	}
	for (size_t i = 0; d != NULL && (f = vx_diag_finding(d, i)) != NULL; i++) {
		if (strncmp(f->name, "pre.", 4) != 0 ||
		    (f->verdict != VX_DIAG_WARN && f->verdict != VX_DIAG_FAIL))
			continue;
		ctl_say(c, "look at this: %s: %s: %s", f->title, f->seen, f->fix);
		(void)json_array_append_new(list, json_string(f->name));
	}
	(void)json_object_set_new(c->result, "preflight", list);
	vx_diag_free(d);
	vx_arena_done(&p.d.arena);
}

const struct ctl_command ctl_preflight_commands[] = {
	{ "preflight", NULL, preflight, 0, 0, 0, "[--hostname NAME] [--all]",
	    "find out whether this host is fit for a mail server" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
