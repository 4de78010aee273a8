/* domain check: what is installed, and what acmed says of what is not. */
#include "vectisctl/check.h"

#include <stdio.h>
#include <string.h>

static void find_stale(struct checking *k)
{
	struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t n = ctl_workers(k->c, workers);

	for (size_t i = 0; i < n; i++)
		if (strstr(workers[i].serial, k->cert.info.serial) == NULL &&
		    strlen(k->stale) + 200 < sizeof(k->stale))
			(void)snprintf(k->stale + strlen(k->stale), 200,
			    "%s.%d serves %.100s; ", workers[i].daemon, workers[i].pid,
			    workers[i].serial);
}

/* Of what acmed asks for: the last attempt's problem, or "". */
static const char *problem_of(const struct checking *k, const char *id)
{
	for (size_t i = 0; i < k->d.acme_count; i++)
		if (strcmp(k->d.acme[i].id, id) == 0)
			return k->d.acme[i].problem;
	return "";
}

static void add(struct checking *k, int64_t end, const char *problem, const char *names,
    const char *kind)
{
	const size_t n = k->f.cert_count;

	if (n == CTL_CHECK_CERTS)
		return;
	(void)snprintf(
	    k->cert_names[n], sizeof(k->cert_names[n]), "%.200s%s", names, kind);
	(void)snprintf(k->cert_problems[n], sizeof(k->cert_problems[n]), "%s", problem);
	k->certs[n] = (struct vx_diag_cert){
		.names = k->cert_names[n], .end = end, .problem = k->cert_problems[n]
	};
	k->f.cert_count++;
}

/* Others than the first, which is the server's, and those that are not there yet. */
static void find_others(struct checking *k, const char *dir)
{
	struct vx_certs_entry e;
	struct vx_error err = { 0 };
	size_t n = 0;

	k->f.certs = k->certs;
	for (; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++) {
		const char *const problem = problem_of(k, e.name);

		if (n > 0)
			add(k, e.info.not_after,
			    e.problem.text[0] != '\0' ? e.problem.text : problem,
			    e.info.names, "");
		if (e.has_rsa)
			add(k, e.rsa.not_after,
			    e.rsa_problem.text[0] != '\0' ? e.rsa_problem.text : problem,
			    e.rsa.names, " (RSA)");
	}
	for (size_t i = 0; i < k->d.acme_count; i++) {
		const struct ctl_acme_cert *a = &k->d.acme[i];

		if (!a->there && strcmp(a->id, VX_ACME_DEFAULT) != 0)
			add(k, 0, a->problem, a->names, "");
	}
}

/* The ways that acmed may take, as CAA records call them (RFC 8657 4). */
static const char *methods(struct checking *k)
{
	const struct vx_config *c = k->c->config;
	const bool dns = c->tls_dns_challenge != VX_DNS_CHALLENGE_NONE;

	(void)snprintf(k->methods, sizeof(k->methods), "%s%s%s",
	    dns ? "dns-01" : "http-01",
	    !dns && c->acme_alpn_listen.count > 0 ? " tls-alpn-01" : "",
	    k->d.proof_count > 0 ? " dns-persist-01" : "");
	return k->methods;
}

void ctl_check_certs(struct checking *k)
{
	const struct vx_config *c = k->c->config;
	struct vx_error err = { 0 };
	char dir[PATH_MAX];

	k->f.cert_stale = k->stale;
	k->f.cert_custom = c->tls_provider == VX_TLS_CUSTOM;
	k->f.acme_problem = problem_of(k, VX_ACME_DEFAULT);
	k->f.acme_names = k->d.acme_names;
	k->f.proofs = k->d.proofs;
	k->f.proof_count = k->d.proof_count;
	k->f.authorities = k->d.authorities;
	k->f.authority_count = k->d.authority_count;
	k->f.acme_methods = methods(k);
	k->f.http_01 = c->tls_provider == VX_TLS_LETSENCRYPT &&
		       c->tls_dns_challenge == VX_DNS_CHALLENGE_NONE;
	k->f.old_tls = c->tls_minimum < VX_TLS_MINIMUM_1_2;
	ctl_state_path(k->c, "certs", dir);
	if (vx_certs_entry(dir, 0, &k->cert, &err) != VX_OK)
		return;
	k->f.cert_problem = k->cert.problem.text;
	k->f.certificate = k->cert.problem.text[0] == '\0';
	k->f.cert_custom = k->f.cert_custom || strcmp(k->cert.provider, "custom") == 0;
	k->f.cert_names = k->cert.info.names;
	k->f.cert_end = k->cert.info.not_after;
	k->f.cert_digest = k->cert.info.key_digest;
	k->f.rsa_digest = k->cert.has_rsa ? k->cert.rsa.key_digest : NULL;
	k->f.cert_serial = k->cert.info.serial;
	if (k->f.certificate)
		find_stale(k);
	find_others(k, dir);
}
