/*
 * dns move: what is done to the server itself, with the rights of whoever runs it: the
 * configuration is root's.  What needs the store's user is a step.
 */
#include "vectisctl/move.h"

#include "vectis/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RESTART_S                                                                        \
	120         /* that the operator has to restart daemons where nobody else does */
#define SERVED_S 60 /* that workers have to serve what is installed */
#define NAMES_OCTETS_MAX 65536

static const char *const daemons[] = { "smtpd", "imapd", "pop3d", "acmed" };

static void pause_shortly(void)
{
	const struct timespec t = { .tv_nsec = 200000000 };

	(void)nanosleep(&t, NULL);
}

/* --- names ----------------------------------------------------------------------------
 */

static bool is_covered_by(vx_slice name, const char *host)
{
	return vx_slice_eq_nocase(name, vx_slice_str(host)) ||
	       (vx_slice_has_prefix(name, VX_S("*.")) &&
		   vx_slice_eq_nocase(
		       vx_slice_from(name, 2), vx_dns_parent(vx_slice_str(host), 1)));
}

static bool covers(const char *names, const char *host)
{
	vx_slice rest = vx_slice_str(names), name;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &name);
		if (is_covered_by(name, host))
			return true;
	}
	return false;
}

/* The names that the server has meanwhile. */
static size_t needed(const struct moving *m, const char *out[2])
{
	out[0] = m->s.to;
	out[1] = m->s.from;
	return m->s.fresh ? 1 : 2;
}

static bool has_all(const struct moving *m, const char *names)
{
	const char *want[2];

	for (size_t i = needed(m, want); i > 0; i--)
		if (!covers(names, want[i - 1]))
			return false;
	return true;
}

bool ctl_move_covered(const struct moving *m)
{
	const int64_t now = (int64_t)time(NULL);
	struct vx_certs_entry e;
	struct vx_error err;
	char dir[PATH_MAX];

	ctl_state_path(m->c, "certs", dir);
	for (size_t n = 0; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++)
		if (e.problem.text[0] == '\0' && e.info.not_after > now &&
		    has_all(m, e.info.names) &&
		    (!e.has_rsa || e.rsa_problem.text[0] != '\0' ||
			has_all(m, e.rsa.names)))
			return true;
	return false;
}

static bool is_listed(const struct vx_text_list *names, const char *host)
{
	for (size_t i = 0; i < names->count; i++)
		if (is_covered_by(vx_slice_str(names->items[i]), host))
			return true;
	return false;
}

/* Is it asked for, whichever of both names hostname is? */
static bool is_asked_for(const struct moving *m, const char *host)
{
	return is_listed(&m->c->config->tls_names, host) ||
	       (strcmp(host, m->s.to) == 0 && strcmp(m->c->config->hostname, host) == 0);
}

static bool are_asked_for(const struct moving *m)
{
	const char *want[2];

	for (size_t i = needed(m, want); i > 0; i--)
		if (!is_asked_for(m, want[i - 1]))
			return false;
	return true;
}

/* --- the configuration ----------------------------------------------------------------
 */

static int reload(struct ctl *c)
{
	struct vx_config_errors errors;
	struct vx_config *again = NULL;

	if (vx_config_load(c->config_path, &again, &errors) != VX_OK)
		return ctl_load_config(c); /* which says what is wrong */
	vx_config_free(c->config);
	c->config = again;
	return CTL_OK;
}

static int set(struct moving *m, const char *key, const char *value)
{
	const int status = ctl_config_set(m->c, key, value);

	if (status != CTL_OK)
		return status;
	ctl_say(m->c, "%s is %s now", key, value);
	return reload(m->c);
}

/* Is a key changed and not applied?  Where nothing was applied ever, all are. */
static bool is_pending(struct moving *m, const char *key)
{
	struct vx_buf keys = { .max = NAMES_OCTETS_MAX };
	bool pending = !ctl_config_drift(m->c, &keys);
	vx_slice rest = vx_buf_slice(&keys), each;

	while (!pending && rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &each);
		pending = vx_slice_eq(each, vx_slice_str(key));
	}
	vx_buf_done(&keys);
	return pending;
}

/* What else comes into force with it is said before anybody is asked. */
static void warn_of_drift(struct moving *m)
{
	struct vx_buf keys = { .max = NAMES_OCTETS_MAX };

	if (ctl_config_drift(m->c, &keys) && keys.len > 0)
		ctl_warn(m->c,
		    "%.*s of the configuration, changed before, will come into force "
		    "with it",
		    (int)keys.len, keys.ptr);
	vx_buf_done(&keys);
}

VX_PRINTF(2, 3)
static int confirm(struct moving *m, const char *fmt, ...)
{
	char question[700];
	va_list args;

	warn_of_drift(m);
	va_start(args, fmt);
	(void)vsnprintf(question, sizeof(question), fmt, args);
	va_end(args);
	return ctl_dns_confirm(m->c, question);
}

static int step_save(struct moving *m)
{
	const int status = ctl_check_store(m->c);

	return status == CTL_OK ? ctl_move_save(m->c, &m->s) : status;
}

static int step_apply(struct moving *m)
{
	return ctl_config_apply(m->c);
}

static int step_issue(struct moving *m)
{
	if (ctl_check_store(m->c) != CTL_OK)
		return CTL_FAILED;
	ctl_move_bind();
	return ctl_cert_issue(m->c);
}

/* --- daemons --------------------------------------------------------------------------
 */

static void name_daemons(unsigned bits, char out[128])
{
	out[0] = '\0';
	for (unsigned i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
		if ((bits & 1U << i) != 0)
			(void)snprintf(out + strlen(out), 128 - strlen(out), " vectis-%s",
			    daemons[i]);
}

/* Those that have to know the configuration and do not; those of `ran` have to run. */
static unsigned behind(struct moving *m, unsigned who, unsigned ran)
{
	struct stat st;
	unsigned older, newer;

	if (stat(m->c->config_path, &st) < 0)
		return 0;
	/* a tick of the clock by which processes are counted */
	ctl_daemon_ages(m->c,
	    (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 - 20, &older,
	    &newer);
	return (older | (ran & ~newer)) & who;
}

static unsigned running(struct moving *m)
{
	unsigned older, newer;

	ctl_daemon_ages(m->c, 0, &older, &newer);
	return older | newer;
}

static int await_restart(struct moving *m, unsigned who, unsigned ran)
{
	const time_t until = time(NULL) + RESTART_S;
	char names[128];
	unsigned left;
	bool said = false;

	while ((left = behind(m, who, ran)) != 0 && time(NULL) < until) {
		name_daemons(left, names);
		if (!said)
			ctl_say(m->c,
			    "waiting until these are started with this configuration:%s",
			    names);
		said = true;
		(void)fflush(stdout);
		pause_shortly();
	}
	if (left == 0)
		return CTL_OK;
	name_daemons(left, names);
	return ctl_fail(m->c, CTL_FAILED,
	    "after %d seconds these were not started with the configuration as it is: "
	    "restart%s, and then \"vectisctl dns move %s\" again",
	    RESTART_S, names, m->s.to);
}

/* Does each worker serve what is installed? */
static bool is_served(struct moving *m, char who[64])
{
	struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t n = ctl_workers(m->c, workers);
	struct vx_certs_entry e;
	struct vx_error err;
	char dir[PATH_MAX];

	ctl_state_path(m->c, "certs", dir);
	if (vx_certs_entry(dir, 0, &e, &err) != VX_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(workers[i].daemon, "acmed") != 0 &&
		    strstr(workers[i].serial, e.info.serial) == NULL) {
			(void)snprintf(who, 64, "%.15s", workers[i].daemon);
			return false;
		}
	return true;
}

static int await_served(struct moving *m)
{
	const time_t until = time(NULL) + SERVED_S;
	char who[64] = "the daemons";

	while (!is_served(m, who)) {
		if (time(NULL) >= until)
			return ctl_fail(m->c, CTL_FAILED,
			    "%s does not serve the certificate after %d seconds: restart "
			    "it, and then \"vectisctl dns move %s\" again",
			    who, SERVED_S, m->s.to);
		pause_shortly();
	}
	return CTL_OK;
}

/* --- the certificate ------------------------------------------------------------------
 */

static void write_names(struct moving *m, bool retire, struct vx_buf *out)
{
	const struct vx_text_list *names = &m->c->config->tls_names;
	const char *want[2];
	size_t n = 0;

	vx_buf_add_char(out, '[');
	for (size_t i = 0; i < names->count; i++) {
		bool goes = false;

		for (size_t k = 0; retire && k < m->s.added_count; k++)
			goes = goes || strcmp(m->s.added[k], names->items[i]) == 0;
		if (!goes)
			vx_buf_printf(
			    out, "%s\"%s\"", n++ > 0 ? ", " : "", names->items[i]);
	}
	for (size_t i = retire ? 0 : needed(m, want); i > 0; i--)
		if (!is_asked_for(m, want[i - 1]))
			vx_buf_printf(out, "%s\"%s\"", n++ > 0 ? ", " : "", want[i - 1]);
	vx_buf_add_str(out, "]");
	vx_buf_add_char(out, '\0');
}

/* Before they are written: who is killed now still knows whose they are. */
static int note_added(struct moving *m)
{
	const char *want[2];
	struct ctl_move *const s = &m->s;

	for (size_t i = needed(m, want); i > 0; i--) {
		bool known = is_asked_for(m, want[i - 1]);

		for (size_t k = 0; k < s->added_count; k++)
			known = known || strcmp(s->added[k], want[i - 1]) == 0;
		if (!known && s->added_count < CTL_MOVE_ADDED_MAX)
			(void)snprintf(s->added[s->added_count++], sizeof(s->added[0]),
			    "%s", want[i - 1]);
	}
	return ctl_move_step(m, "state", step_save);
}

static int ask_for_names(struct moving *m)
{
	struct vx_buf value = { .max = NAMES_OCTETS_MAX };
	int status;

	(void)json_object_set_new(m->c->result, "phase", json_string("names"));
	write_names(m, false, &value);
	ctl_say(m->c, "The certificate has to have both names: tls.names becomes %s.",
	    value.failed ? "" : value.ptr);
	if (value.failed)
		status = ctl_fail(m->c, CTL_FAILED, "%s", vx_strerror(VX_ELIMIT));
	else if (ctl_flag(m->c, "--plan"))
		status = CTL_OK;
	else
		status = confirm(
		    m, "Set it, and order a certificate for %s? (yes, no)", m->s.to);
	if (status == CTL_OK && !ctl_flag(m->c, "--plan")) {
		status = note_added(m);
		if (status == CTL_OK)
			status = set(m, "tls.names", value.ptr);
	}
	vx_buf_done(&value);
	return status;
}

/* acmed knows what is wanted, and has done it. */
static int order(struct moving *m)
{
	int status = CTL_OK;

	if (is_pending(m, "tls.names"))
		status = ctl_move_step(m, "applied", step_apply);
	if (status == CTL_OK)
		status = await_restart(m, CTL_DAEMON_ACMED, 0);
	(void)json_object_set_new(m->c->result, "phase", json_string("certificate"));
	if (status == CTL_OK)
		status = ctl_move_step(m, "issued", step_issue);
	return status == CTL_OK ? await_served(m) : status;
}

static int order_both(struct moving *m)
{
	int status = are_asked_for(m) ? CTL_OK : ask_for_names(m);

	if (ctl_flag(m->c, "--plan")) {
		if (!ctl_move_covered(m))
			ctl_say(m->c, "Then acmed orders it, and it is served.");
		return status;
	}
	if (status == CTL_OK && ctl_move_covered(m) &&
	    (m->s.added_count == 0 || !is_pending(m, "tls.names")))
		return CTL_OK;
	if (status == CTL_OK)
		status = order(m);
	if (status != CTL_OK)
		return ctl_fail(m->c, status,
		    "there is no certificate for %s yet, and no mail is led there "
		    "before: "
		    "\"vectisctl dns move %s\" goes on from here, \"vectisctl dns move "
		    "%s\" goes back",
		    m->s.to, m->s.to, m->s.from);
	if (ctl_move_covered(m))
		return CTL_OK;
	return ctl_fail(m->c, CTL_FAILED,
	    "acmed has nothing to order, and the certificate lacks %s: restart "
	    "vectis-acmed, and then \"vectisctl dns move %s\" again",
	    m->s.to, m->s.to);
}

/* Is there a pair at tls.cert_path that has what is needed? */
static bool has_own_pair(struct moving *m)
{
	const struct vx_config *c = m->c->config;
	struct vx_buf chain = { .max = VX_TLS_PEM_MAX }, key = { .max = VX_TLS_PEM_MAX };
	struct vx_tls_cert_info info;
	struct vx_error err;
	const bool good = vx_tls_read_pair(c->tls_cert_path, c->tls_key_path, &chain,
			      &key, &info, &err) == VX_OK &&
			  has_all(m, info.names);

	vx_buf_done(&chain);
	vx_buf_wipe(&key);
	return good;
}

static int want_pair(struct moving *m)
{
	const struct vx_config *c = m->c->config;
	char how[2 * PATH_MAX + 200];

	if (c->tls_provider == VX_TLS_CUSTOM)
		(void)snprintf(how, sizeof(how),
		    "tls.provider is custom: put one that has %s and %s at %s, and its "
		    "key at %s",
		    m->s.from, m->s.to, c->tls_cert_path, c->tls_key_path);
	else
		(void)snprintf(how, sizeof(how),
		    "%s: import one that has %s and %s with \"vectisctl cert import "
		    "FULLCHAIN.PEM PRIVKEY.PEM\"%s",
		    c->tls_provider == VX_TLS_LETSENCRYPT
			? "tls.email is not set, so that none is ordered"
			: "tls.provider is self-signed",
		    m->s.from, m->s.to,
		    c->tls_provider == VX_TLS_LETSENCRYPT ? ", or set tls.email" : "");
	return ctl_fail(m->c, CTL_FAILED,
	    "there is no certificate for %s yet, and clients would be refused.  %s; then "
	    "\"vectisctl dns move %s\" again",
	    m->s.to, how, m->s.to);
}

int ctl_move_certificate(struct moving *m)
{
	int status;

	(void)json_object_set_new(m->c->result, "phase", json_string("certificate"));
	if (vx_acme_is_wanted(m->c->config))
		return order_both(m);
	if (ctl_move_covered(m))
		return CTL_OK;
	if (m->c->config->tls_provider != VX_TLS_CUSTOM || !has_own_pair(m))
		return ctl_flag(m->c, "--plan") ? CTL_OK : want_pair(m);
	ctl_say(m->c, "The certificate at %s has both names, and is taken.",
	    m->c->config->tls_cert_path);
	if (ctl_flag(m->c, "--plan"))
		return CTL_OK;
	status = confirm(m, "Apply the configuration with it? (yes, no)");
	if (status == CTL_OK)
		status = ctl_move_step(m, "applied", step_apply);
	return status == CTL_OK ? await_served(m) : status;
}

/* --- the name -------------------------------------------------------------------------
 */

/* The daemons have it, whoever restarts them. */
static int put_into_force(struct moving *m, unsigned ran)
{
	int status = CTL_OK;

	if (is_pending(m, "hostname"))
		status = ctl_move_step(m, "applied", step_apply);
	if (status == CTL_OK)
		status = await_restart(m, ~0U, ran);
	if (status == CTL_OK && ran != 0)
		status = await_served(m);
	return status;
}

int ctl_move_rename(struct moving *m)
{
	const bool called = strcmp(m->c->config->hostname, m->s.to) == 0;
	const unsigned ran = running(m);
	int status = CTL_OK;

	if (called && m->s.renamed)
		return CTL_OK;
	(void)json_object_set_new(m->c->result, "phase", json_string("hostname"));
	if (ctl_flag(m->c, "--plan")) {
		ctl_say(m->c, "Then hostname becomes %s, and the daemons are restarted.",
		    m->s.to);
		return CTL_OK;
	}
	if (!called) {
		status = confirm(m,
		    "All domains lead to it.  Call the server %s, and restart its "
		    "daemons? (yes, no)",
		    m->s.to);
		m->s.renaming = true;
		if (status == CTL_OK)
			status = ctl_move_step(m, "state", step_save);
		if (status == CTL_OK)
			status = set(m, "hostname", m->s.to);
	}
	/* who goes back before it was set has nothing to restart */
	if (status == CTL_OK && m->s.renaming)
		status = put_into_force(m, ran);
	if (status != CTL_OK)
		return status;
	m->s.renamed = true;
	return ctl_move_step(m, "state", step_save);
}

/* --- and the old one ------------------------------------------------------------------
 */

static bool any_added(const struct moving *m)
{
	const struct vx_text_list *names = &m->c->config->tls_names;

	for (size_t i = 0; i < names->count; i++)
		for (size_t k = 0; k < m->s.added_count; k++)
			if (strcmp(names->items[i], m->s.added[k]) == 0)
				return true;
	return false;
}

/* VX_OK and false: it stays, for now. */
static int may_retire(struct moving *m, bool *may)
{
	*may = true;
	if (ctl_flag(m->c, "--retire"))
		return CTL_OK;
	if (!ctl_flag(m->c, "--yes") && isatty(STDIN_FILENO) != 0)
		return confirm(
		    m, "Take %s out of the certificate, too? (yes, no)", m->s.from);
	*may = false;
	(void)json_object_set_new(m->c->result, "phase", json_string("name"));
	ctl_say(m->c,
	    "%s is still a name of the certificate (tls.names), which cannot be renewed "
	    "by a name without address: \"vectisctl dns move %s --retire\" takes it out",
	    m->s.from, m->s.to);
	return CTL_OK;
}

static int step_end(struct moving *m)
{
	const int status = ctl_check_store(m->c);

	return status == CTL_OK ? ctl_move_end(m->c) : status;
}

int ctl_move_retire(struct moving *m)
{
	struct vx_buf value = { .max = NAMES_OCTETS_MAX };
	bool may = true;
	int status = CTL_OK;

	if (any_added(m)) {
		status = may_retire(m, &may);
		write_names(m, true, &value);
		if (status == CTL_OK && may)
			status = value.failed ? ctl_fail(m->c, CTL_FAILED, "%s",
						    vx_strerror(VX_ELIMIT))
					      : set(m, "tls.names", value.ptr);
		vx_buf_done(&value);
	}
	if (status != CTL_OK || !may)
		return status;
	if (m->s.added_count > 0 && vx_acme_is_wanted(m->c->config))
		status = order(m);
	if (status == CTL_OK)
		status = ctl_move_step(m, "state", step_end);
	if (status == CTL_OK) {
		(void)json_object_set_new(m->c->result, "phase", json_string("done"));
		ctl_say(m->c, "the server is %s, everywhere", m->s.to);
	}
	return status;
}
