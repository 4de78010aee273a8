/* cert: what the daemons serve */
#include "vectisctl/ctl.h"

#include "vectis/tls.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CERT_NAME "mail" /* what the daemons serve by default */

/*
 * The key is root's, what is installed has to be the daemons': read as root, become
 * their user, install.
 */
int ctl_import_cert(struct ctl *c, const char *chain_path, const char *key_path)
{
	struct vx_buf chain = { .max = VX_TLS_PEM_MAX }, key = { .max = VX_TLS_PEM_MAX };
	struct vx_tls_cert_info info;
	struct vx_error err;
	char dir[PATH_MAX];
	int status = CTL_OK;

	if (vx_tls_read_pair(chain_path, key_path, &chain, &key, &info, &err) != VX_OK)
		status = ctl_fail(
		    c, CTL_FAILED, "the certificate was not taken: %s", err.text);
	if (status == CTL_OK)
		status = ctl_check_store(c);
	ctl_state_path(c, "certs", dir);
	if (status == CTL_OK && vx_certs_install(dir, CERT_NAME, vx_buf_slice(&chain),
				    vx_buf_slice(&key), "custom", &err) != VX_OK)
		status = ctl_fail(
		    c, CTL_FAILED, "the certificate was not taken: %s", err.text);
	if (status == CTL_OK) {
		(void)json_object_set_new(
		    c->result, "serial", ctl_text(vx_slice_str(info.serial)));
		ctl_say(c,
		    "the certificate %s for %s is installed; daemons that run serve it "
		    "within seconds",
		    info.serial, info.names);
	}
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
	return status;
}

/* --- what is served --------------------------------------------------------------- */

static int cert_import(struct ctl *c)
{
	return ctl_import_cert(c, c->args[0], c->args[1]);
}

static long long days_left(const struct vx_tls_cert_info *info)
{
	return (long long)(info->not_after - (int64_t)time(NULL)) / 86400;
}

/* The second pair of a generation. */
static json_t *rsa_json(const struct vx_certs_entry *e)
{
	json_t *const item = json_pack("{s:o, s:I, s:I}", "serial",
	    ctl_text(vx_slice_str(e->rsa.serial)), "not_after",
	    (json_int_t)e->rsa.not_after, "days_left", (json_int_t)days_left(&e->rsa));

	if (e->rsa_problem.text[0] != '\0')
		(void)json_object_set_new(
		    item, "problem", ctl_text(vx_slice_str(e->rsa_problem.text)));
	return item;
}

static void show(struct ctl *c, const struct vx_certs_entry *e, json_t *list)
{
	const long long days = days_left(&e->info);
	json_t *item = json_object();

	(void)json_object_set_new(item, "name", ctl_text(vx_slice_str(e->name)));
	(void)json_object_set_new(item, "serial", ctl_text(vx_slice_str(e->info.serial)));
	(void)json_object_set_new(item, "provider", ctl_text(vx_slice_str(e->provider)));
	(void)json_object_set_new(item, "names", ctl_text(vx_slice_str(e->info.names)));
	(void)json_object_set_new(item, "issuer", ctl_text(vx_slice_str(e->info.issuer)));
	(void)json_object_set_new(item, "not_after", json_integer(e->info.not_after));
	(void)json_object_set_new(item, "days_left", json_integer(days));
	if (e->problem.text[0] != '\0')
		(void)json_object_set_new(
		    item, "problem", ctl_text(vx_slice_str(e->problem.text)));
	if (e->has_rsa)
		(void)json_object_set_new(item, "rsa", rsa_json(e));
	(void)json_array_append_new(list, item);
	ctl_say(c,
	    "%s, generation %u (%s)\n  serial %s\n  names %s\n  issuer %s\n  "
	    "%lld days left%s",
	    e->name, e->generation, e->provider, e->info.serial, e->info.names,
	    e->info.issuer, days,
	    e->info.not_after < (int64_t)time(NULL) ? ": EXPIRED"
	    : days < 14                             ? ": replace it soon"
						    : "");
	if (e->problem.text[0] != '\0')
		ctl_say(c, "  %s", e->problem.text);
	if (e->has_rsa)
		ctl_say(c, "  and of RSA, serial %s, %lld days left%s%s", e->rsa.serial,
		    days_left(&e->rsa), e->rsa_problem.text[0] != '\0' ? ": " : "",
		    e->rsa_problem.text);
}

/* What each worker says that it serves. */
static void served(struct ctl *c, json_t *list)
{
	struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t n = ctl_workers(c, workers);

	for (size_t i = 0; i < n; i++) {
		json_t *name = json_sprintf("%s.%d", workers[i].daemon, workers[i].pid);
		json_t *item = json_object();

		ctl_say(
		    c, "  %-20s serves %s", json_string_value(name), workers[i].serial);
		(void)json_object_set_new(item, "worker", name);
		(void)json_object_set_new(
		    item, "serial", ctl_text(vx_slice_str(workers[i].serial)));
		(void)json_array_append_new(list, item);
	}
	if (n == 0)
		ctl_say(c, "no daemon runs");
}

static int cert_status(struct ctl *c)
{
	json_t *certs = json_array(), *workers = json_array();
	struct vx_certs_entry e;
	struct vx_error err = { 0 };
	char dir[PATH_MAX];
	int rc = VX_OK;
	size_t n = 0;

	(void)json_object_set_new(c->result, "certificates", certs);
	(void)json_object_set_new(c->result, "workers", workers);
	if (ctl_check_store(c) != CTL_OK)
		return CTL_FAILED;
	ctl_state_path(c, "certs", dir);
	while ((rc = vx_certs_entry(dir, n, &e, &err)) == VX_OK) {
		show(c, &e, certs);
		n++;
	}
	if (rc != VX_ENOENT)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	if (n == 0)
		ctl_say(c,
		    "no certificate is installed: a temporary self-signed one is served");
	served(c, workers);
	ctl_acme_status(c);
	return CTL_OK;
}

const struct ctl_command ctl_cert_commands[] = {
	{ "cert", "import", cert_import, NEEDS_CONFIG, 2, 2, "FULLCHAIN.PEM PRIVKEY.PEM",
	    "check a pair and serve it" },
	{ "cert", "status", cert_status, NEEDS_CONFIG, 0, 0, "",
	    "what is installed and served" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
