/*
 * What web servers say (DX-CF-12, DX-DN-27, DX-TL-12), and whose TLS is too old
 * (DX-TL-09).
 */
#include "diagnose/diagnose.h"

#include <time.h>

#define CLIENTS_SHOWN 5

static bool is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static enum vx_diag_verdict cached(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_web *w = d->f.web;
	bool hit;

	if (w == NULL || w->result != VX_FETCH_ANSWERED) {
		vx_diag_seen(f, "skipped: no web server %s for %s%s%.200s",
		    w != NULL ? "answers" : "was looked for", d->f.hostname,
		    w != NULL && is_set(w->problem) ? ": " : "",
		    w != NULL && is_set(w->problem) ? w->problem : "");
		return VX_DIAG_NA;
	}
	hit = is_set(w->cache) && strcmp(w->cache, "DYNAMIC") != 0 &&
	      strcmp(w->cache, "BYPASS") != 0;
	if (!is_set(w->age) && !hit) {
		vx_diag_seen(f, "answers come from the server itself (%u)", w->status);
		return VX_DIAG_PASS;
	}
	if (is_set(w->age))
		vx_diag_seen(f, "the answer has the field Age: %.30s; ", w->age);
	if (hit)
		vx_diag_seen(f, "and CF-Cache-Status: %.60s", w->cache);
	vx_diag_fix(f,
	    "let the cache leave out /api/* of %s: at Cloudflare, a cache rule \"bypass "
	    "cache\"",
	    d->f.hostname);
	return VX_DIAG_WARN;
}

/* --- autoconfig -----------------------------------------------------------------------
 */

enum document {
	NO_SERVER, /* nobody speaks for the name */
	NO_DOCUMENT,
	OURS,
	ANOTHERS
};

static bool has_text(vx_slice text, vx_slice part)
{
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (vx_slice_eq_nocase(
			vx_slice_head(vx_slice_from(text, i), part.len), part))
			return true;
	return false;
}

static enum document document_of(const struct vx_diag *d, const struct vx_diag_web *w)
{
	if (w == NULL)
		return NO_SERVER;
	if (w->result == VX_FETCH_CERTIFICATE)
		return NO_DOCUMENT;
	if (w->result != VX_FETCH_ANSWERED)
		return NO_SERVER;
	if (w->status != 200 || !has_text(w->body, VX_S("<clientConfig")))
		return NO_DOCUMENT;
	return has_text(w->body, vx_slice_str(d->f.hostname)) ||
		       (d->f.beside != NULL &&
			   has_text(w->body, vx_slice_str(d->f.beside)))
		   ? OURS
		   : ANOTHERS;
}

/* A site of the domain's own that has no such document is no fault: most have none. */
static enum vx_diag_verdict autoconfig(struct vx_diag *d, struct vx_diag_finding *f)
{
	const enum document named = document_of(d, d->f.autoconfig),
			    at = document_of(d, d->f.autoconfig_at);

	if (named == ANOTHERS || (named != OURS && at == ANOTHERS)) {
		vx_diag_seen(f, "the document of %s%s does not name %s",
		    named == ANOTHERS ? "autoconfig." : "", d->f.domain, d->f.hostname);
		vx_diag_fix(f, "let it name %s, or take it away", d->f.hostname);
		return VX_DIAG_WARN;
	}
	if (named == OURS || at == OURS) {
		vx_diag_seen(f, "clients are told to use %s", d->f.hostname);
		return VX_DIAG_PASS;
	}
	if (named == NO_DOCUMENT) {
		if (d->f.autoconfig->result == VX_FETCH_ANSWERED)
			vx_diag_seen(f, "the web server of autoconfig.%s answers %u",
			    d->f.domain, d->f.autoconfig->status);
		else
			vx_diag_seen(f, "autoconfig.%s: %.300s", d->f.domain,
			    is_set(d->f.autoconfig->problem) ? d->f.autoconfig->problem
							     : "wrong certificate");
		vx_diag_fix(f,
		    "serve /mail/config-v1.1.xml there, with a certificate for "
		    "autoconfig.%s, or let the name lead to no web server",
		    d->f.domain);
		return VX_DIAG_WARN;
	}
	vx_diag_seen(f,
	    "skipped: nobody serves it, and this server has no web server; clients go by "
	    "SRV records or guess");
	return VX_DIAG_NA;
}

/* --- TLS ------------------------------------------------------------------------------
 */

static enum vx_diag_verdict drift(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!is_set(d->f.web_serial) || !is_set(d->f.web_names) ||
	    !vx_diag_covers(d->f.web_names, d->f.hostname)) {
		vx_diag_seen(f, "skipped: no web server here serves a certificate for %s",
		    d->f.hostname);
		return VX_DIAG_NA;
	}
	if (!d->f.certificate)
		return vx_diag_see(f, "tls.absent");
	if (strcmp(d->f.web_serial, d->f.cert_serial) == 0) {
		vx_diag_seen(f, "port 443 serves the same certificate");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(
	    f, "port 443 serves %.60s, mail %.60s", d->f.web_serial, d->f.cert_serial);
	vx_diag_fix(f, "let the web server use the certificate of this one, which is in "
		       "certs/mail of state_dir, and load it again when it changes");
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict old_client(struct vx_diag *d, struct vx_diag_finding *f)
{
	uint64_t count = 0;

	for (size_t i = 0; i < d->f.old_client_count; i++) {
		const struct vx_diag_client *c = &d->f.old_clients[i];
		const time_t last = (time_t)c->last;
		char when[32] = "";
		struct tm tm;

		count += c->count;
		if (i >= CLIENTS_SHOWN)
			continue;
		if (gmtime_r(&last, &tm) != NULL)
			(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
		vx_diag_seen(f, "%s: %llu handshakes, the last %s; ", c->network,
		    (unsigned long long)c->count, when);
	}
	if (count == 0) {
		vx_diag_seen(f, "no client is known whose TLS is too old");
		return VX_DIAG_PASS;
	}
	if (d->f.old_client_count > CLIENTS_SHOWN)
		vx_diag_seen(
		    f, "and %zu networks more", d->f.old_client_count - CLIENTS_SHOWN);
	vx_diag_fix(f, "the client needs TLS 1.2: update it, or its system");
	return VX_DIAG_INFO;
}

const struct vx_diag_row vx_diag_web_rows[] = {
	{ "DX-TL-09", "tls.old_client", "clients speak TLS that is new enough",
	    old_client, "who knows only TLS 1.0 or 1.1 cannot connect", "none" },
	{ "DX-TL-12", "tls.drift", "web and mail have the same certificate", drift,
	    "one of the two is not renewed any more, and will expire", "minutes" },
	{ "DX-CF-12", "http.cached", "no cache is before this server's pages", cached,
	    "who administers sees how it was, not how it is", "5 minutes" },
	{ "DX-DN-27", "autoconfig.http", "clients find their settings", autoconfig,
	    "users have to enter names and ports themselves, or get wrong ones",
	    "minutes" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
