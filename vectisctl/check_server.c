/* domain check: the server itself (DX-OP). */
#include "vectisctl/check.h"

#include "vectis/hold.h"
#include "vectis/search.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DRIFT_MAX 4096
#define PROBE_MS 1000   /* that the store is looked at */
#define FULL_PERCENT 80 /* from which on a mailbox is named */

/* --- mailboxes ------------------------------------------------------------------------
 */

static unsigned percent_of(uint64_t used, uint64_t limit)
{
	if (limit == 0)
		return 0;
	return used >= limit ? 100 : (unsigned)((double)used * 100.0 / (double)limit);
}

static void take_mailbox(struct checking *k, vx_slice name, const struct vx_quota *q)
{
	const unsigned octets = percent_of(q->used_octets, q->limit_octets),
		       messages = percent_of(q->used_messages, q->limit_messages);
	const size_t n = k->server.mailbox_count;

	if ((octets < FULL_PERCENT && messages < FULL_PERCENT) ||
	    n == CTL_CHECK_MAILBOXES)
		return;
	(void)snprintf(k->names[n], sizeof(k->names[n]), "%.*s", (int)name.len, name.ptr);
	k->mailboxes[n] = (struct vx_diag_mailbox){ .name = k->names[n],
		.percent = octets > messages ? octets : messages };
	k->server.mailbox_count++;
}

static bool is_in(vx_slice login, const char *domain)
{
	const size_t at = vx_slice_rfind(login, '@');

	return at < login.len &&
	       vx_slice_eq_nocase(vx_slice_from(login, at + 1), vx_slice_str(domain));
}

static void find_mailboxes(struct checking *k)
{
	char after[VX_ADDRESS_MAX + 1] = "";
	struct vx_view *v = NULL;
	struct vx_account a;
	struct vx_quota q;

	if (vx_view_begin(k->c->store, &v) != VX_OK)
		return;
	while (vx_directory_next_account(v, vx_slice_str(after), &a) == VX_OK) {
		ctl_keep(after, a.login);
		if (is_in(a.login, k->d.domain) && vx_quota_get(v, a.id, &q) == VX_OK)
			take_mailbox(k, vx_slice_str(after), &q);
	}
	vx_view_end(v);
}

/* --- the store ------------------------------------------------------------------------
 */

static void keep_first(void *ctx, const char *text)
{
	struct checking *k = ctx;

	if (k->store_problem[0] == '\0')
		(void)snprintf(k->store_problem, sizeof(k->store_problem), "%s", text);
}

int ctl_check_store_first(struct ctl *c, struct ctl_dns *d)
{
	struct checking *k =
	    (struct checking *)(void *)((char *)d - offsetof(struct checking, d));
	struct vx_diag_store *s = &k->server.store;
	struct vx_probe p;
	const int status = ctl_check_store(c);

	if (status != CTL_OK)
		return status;
	s->dir = c->config->state_dir;
	s->problem = k->store_problem;
	ctl_proof_read(c, s, k->proved_problem);
	if (vx_store_probe(c->config->state_dir, PROBE_MS, keep_first, k, &p) != VX_OK)
		return CTL_OK;
	s->known = true;
	s->unusable = !p.opened;
	s->code = p.code;
	s->entries = p.entries;
	s->bodies = p.bodies;
	s->problems = p.problems;
	return s->unusable ? CTL_FAILED : CTL_OK;
}

/* --- all ------------------------------------------------------------------------------
 */

static void find_room(struct checking *k)
{
	struct statvfs v;

	if (statvfs(k->c->config->state_dir, &v) < 0)
		return;
	/* what only root may still fill counts as used */
	k->server.disk_free = (uint64_t)v.f_bavail * v.f_frsize;
	k->server.disk_octets =
	    (uint64_t)(v.f_blocks - v.f_bfree + v.f_bavail) * v.f_frsize;
}

void ctl_check_config(struct checking *k)
{
	k->drift = (struct vx_buf){ .max = DRIFT_MAX };
	k->server.drift = NULL;
	if (!ctl_config_drift(k->c, &k->drift))
		return;
	vx_buf_add_char(&k->drift, '\0');
	k->server.drift = k->drift.failed ? NULL : k->drift.ptr;
}

/* What cron would have to call: this program, of this installation. */
static void name_backup(struct checking *k)
{
	char self[PATH_MAX], config[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	if (realpath(k->c->config_path, config) == NULL)
		(void)snprintf(config, sizeof(config), "%s", k->c->config_path);
	if (strcmp(config, VX_SYSCONFDIR "/config.yaml") == 0)
		(void)snprintf(k->program, sizeof(k->program), "%s store backup",
		    n > 0 ? self : "vectisctl");
	else
		(void)snprintf(k->program, sizeof(k->program), "%s -c %s store backup",
		    n > 0 ? self : "vectisctl", config);
}

static void find_backups(struct checking *k)
{
	name_backup(k);
	ctl_backup_read(k->c, &k->saved);
	k->server.saved = k->saved.diag;
	k->server.saved.command = k->program;
}

static void find_apply(struct checking *k)
{
	struct vx_holder h;
	char path[PATH_MAX];

	ctl_state_path(k->c, CTL_APPLY_LOCK, path);
	if (vx_hold_look(path, &h) != VX_OK)
		return;
	k->server.apply_pid = h.pid;
	k->server.apply_since = h.since;
}

static void find_processes(struct checking *k)
{
	ctl_processes_read(k->c, &k->processes);
	k->server.processes = k->processes.list;
	k->server.process_count = k->processes.count;
	k->server.process_budget = ctl_process_budget(k->c);
	k->server.daemons = k->processes.daemons;
	k->server.daemon_count = k->processes.daemon_count;
}

void ctl_check_server(struct checking *k)
{
	struct vx_search_status st;

	find_backups(k);
	find_processes(k);
	find_apply(k);
	k->server.mailboxes = k->mailboxes;
	if (k->c->store != NULL)
		find_mailboxes(k);
	k->server.search_wanted = k->c->config->search_index != 0;
	if (k->c->store != NULL && vx_search_status(k->c->store, &st) == VX_OK) {
		k->server.search_present = st.present;
		k->server.search_pending = st.pending;
	}
	find_room(k);
	k->server.ram_octets = ctl_memory("MemTotal");
	k->server.ram_available = ctl_memory("MemAvailable");
	ctl_daemons(k->c, k->running, k->stopped, &k->server.daemon_octets);
	k->server.running = k->running;
	k->server.stopped = k->stopped;
	k->f.server = &k->server;
}
