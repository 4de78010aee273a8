/* domain check: what listens here, what web servers say, and whether mail may leave. */
#include "vectisctl/check.h"

#include "vectis/acme_setup.h"
#include "vectis/crypto.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NEAR_MS 2000 /* ports, pages and the name of the far host, side by side */
#define FAR_MS 1200
#define PAGE_MAX ((size_t)1 << 20)
#define SPARE_PORTS 1 /* beside our own */

enum page {
	PAGE_SITE,
	PAGE_NAMED, /* at autoconfig. */
	PAGE_AT,
	PAGE_STS
};

/* --- connections ----------------------------------------------------------------------
 */

/* Where a service listens, as it is reached from here. */
static void add_port(struct checking *k, struct vx_once_connection *out, const char *name,
    const struct vx_listen_list *list)
{
	struct vx_diag_port *p = &k->ports[k->f.port_count];
	struct vx_once_connection *o = &out[k->f.port_count];
	const char *address;

	if (list->count == 0)
		return;
	address = list->items[0].address;
	*p = (struct vx_diag_port){ .name = name, .port = list->items[0].port };
	*o = (struct vx_once_connection){ .port = p->port };
	(void)snprintf(o->address, sizeof(o->address), "%.45s",
	    strcmp(address, "0.0.0.0") == 0 ? "127.0.0.1"
	    : strcmp(address, "::") == 0    ? "::1"
					    : address);
	k->f.port_count++;
}

static enum vx_diag_reached reached(const struct vx_once_connection *o)
{
	return o->open ? VX_DIAG_REACHED : o->late ? VX_DIAG_SILENT : VX_DIAG_REFUSED;
}

static bool is_named(const struct checking *k)
{
	vx_slice rest = vx_slice_str(k->cert.info.names), name;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &name);
		if (vx_slice_eq_nocase(name, vx_slice_str(k->f.hostname)))
			return true;
	}
	return false;
}

/* Only where something listens; a name that is not right is tls.name's affair. */
static void find_trust(struct checking *k)
{
	const struct vx_listen_list *l = &k->c->config->imaps_listen;

	if (!k->f.certificate || !is_named(k) || k->f.cert_end <= k->f.now)
		return;
	for (size_t i = 0; i < k->f.port_count; i++)
		if (strcmp(k->ports[i].name, "imaps") == 0 &&
		    k->ports[i].reached == VX_DIAG_REACHED &&
		    !ctl_tls_believed(k->c, &l->items[0], k->distrust))
			k->f.cert_distrust = k->distrust;
}

/* --- web servers ----------------------------------------------------------------------
 */

static void add_page(struct checking *k, enum page number, const char *prefix,
    const char *host, const char *path)
{
	struct vx_once_request *r = &k->requests[number];
	const uint64_t port = k->c->config->check_https_port;
	char where[16] = "";

	if (port != 443)
		(void)snprintf(where, sizeof(where), ":%llu", (unsigned long long)port);
	(void)snprintf(k->urls[number], sizeof(k->urls[number]), "https://%s%.253s%s%s",
	    prefix, host, where, path);
	*r = (struct vx_once_request){ .fetch = { .method = "GET",
					   .url = k->urls[number] },
		.body = { .max = PAGE_MAX } };
}

static const struct vx_diag_web *read_page(struct checking *k, enum page number)
{
	const struct vx_once_request *r = &k->requests[number];
	struct vx_diag_web *w = &k->pages[number];

	/* what a cache kept has an old date */
	if (r->age[0] == '\0')
		ctl_dns_clock(&k->d, r->date);
	*w = (struct vx_diag_web){ .result = r->result,
		.status = r->status,
		.problem = r->text,
		.age = r->age,
		.cache = r->cache,
		.body = vx_buf_slice(&r->body) };
	return w;
}

/* Who serves the web on this host, if somebody does. */
static void find_web_certificate(struct checking *k)
{
	const uint16_t port = (uint16_t)k->c->config->check_https_port;
	struct vx_listen here = { .address = "127.0.0.1", .port = port };

	k->f.web_serial = k->f.web_names = "";
	if (!ctl_tls_look(k->c, &here, &k->web_cert)) {
		if (k->f.web->result != VX_FETCH_ANSWERED &&
		    k->f.web->result != VX_FETCH_CERTIFICATE)
			return;
		(void)snprintf(
		    here.address, sizeof(here.address), "%.45s", k->d.addresses[0]);
		if (!ctl_tls_look(k->c, &here, &k->web_cert))
			return;
	}
	k->f.web_serial = k->web_cert.serial;
	k->f.web_names = k->web_cert.names;
}

static bool has_web(const struct checking *k)
{
	return k->c->config->check_https_port != 0;
}

static void read_pages(struct checking *k)
{
	if (!has_web(k))
		return;
	k->f.web = read_page(k, PAGE_SITE);
	k->f.autoconfig = read_page(k, PAGE_NAMED);
	k->f.autoconfig_at = read_page(k, PAGE_AT);
	k->f.sts = read_page(k, PAGE_STS);
	find_web_certificate(k);
}

/* --- all of it ------------------------------------------------------------------------
 */

/* An address of the far host in an answer; false: it has none. */
static bool far_address(const struct vx_dns_answer *a, char out[VX_DNS_ADDRESS_MAX + 1])
{
	return a != NULL && a->count > 0 &&
	       vx_dns_read_address(a->rdata[0], out) == VX_OK;
}

enum vx_diag_reached ctl_check_far(
    struct vx_once *once, uint16_t port, const struct vx_dns_answer *a)
{
	struct vx_once_connection far = { .port = port };
	struct vx_once_work w = {
		.connections = &far, .connection_count = 1, .ms_max = FAR_MS
	};

	return far_address(a, far.address) && vx_once_do(once, &w) == VX_OK
		   ? reached(&far)
		   : VX_DIAG_UNTRIED;
}

/* --- who answers on port 80
 * ----------------------------------------------------------------- */

/* Something that acmed alone can answer, in its folder; false: it cannot be put there. */
static bool put_token(struct checking *k)
{
	char path[VX_ACME_PATH_MAX];
	unsigned char octets[48];
	bool good;
	int fd;

	vx_random(octets, sizeof(octets));
	(void)snprintf(k->token80, sizeof(k->token80), "check-");
	k->content80[0] = '\0';
	for (size_t i = 0; i < 24; i++) {
		(void)snprintf(k->token80 + 6 + 2 * i, 3, "%02x", octets[i]);
		(void)snprintf(k->content80 + 2 * i, 3, "%02x", octets[24 + i]);
	}
	(void)snprintf(k->say80, sizeof(k->say80),
	    "GET /.well-known/acme-challenge/%s HTTP/1.1\r\nHost: %s\r\n"
	    "User-Agent: vectisctl/" VX_VERSION "\r\nAccept: */*\r\n"
	    "Connection: close\r\n\r\n",
	    k->token80, k->f.hostname);
	if (!vx_acme_is_wanted(k->c->config) ||
	    vx_acme_path(k->c->config, "check", path) != VX_OK)
		return false;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	good = fd >= 0 && dprintf(fd, "%s %s\n", k->token80, k->content80) > 0;
	if (fd >= 0)
		(void)close(fd);
	return good;
}

static void drop_token(struct checking *k)
{
	char path[VX_ACME_PATH_MAX];

	if (vx_acme_path(k->c->config, "check", path) == VX_OK)
		(void)unlink(path);
}

/* Who sends authorities elsewhere may send them to us. */
static enum vx_diag_answerer answerer(
    const struct checking *k, const struct vx_once_connection *o)
{
	const vx_slice heard = vx_slice_of(o->heard, o->heard_len);

	if (!o->open || o->say == NULL)
		return VX_DIAG_NOT_ASKED;
	if (vx_slice_find_slice(heard, vx_slice_str(k->content80)) < heard.len)
		return VX_DIAG_ACMED;
	return heard.len > 9 && vx_slice_has_prefix(vx_slice_from(heard, 9), VX_S("30"))
		   ? VX_DIAG_NOT_ASKED
		   : VX_DIAG_ANOTHER;
}

static void add_ports(struct checking *k, struct vx_once_connection *all)
{
	const struct vx_config *c = k->c->config;

	add_port(k, all, "smtp", &c->smtp_listen);
	add_port(k, all, "submission", &c->submission_listen);
	add_port(k, all, "submissions", &c->submissions_listen);
	add_port(k, all, "imaps", &c->imaps_listen);
	add_port(k, all, "pop3s", &c->pop3s_listen);
}

static void add_pages(struct checking *k)
{
	char path[VX_DNS_NAME_MAX + 80];

	(void)snprintf(path, sizeof(path),
	    "/mail/config-v1.1.xml?emailaddress=postmaster%%40%.253s", k->d.domain);
	add_page(k, PAGE_SITE, "", k->f.hostname, "/");
	add_page(k, PAGE_NAMED, "autoconfig.", k->d.domain, path);
	add_page(
	    k, PAGE_AT, "", k->d.domain, "/.well-known/autoconfig/mail/config-v1.1.xml");
	add_page(k, PAGE_STS, "mta-sts.", k->d.domain, "/.well-known/mta-sts.txt");
}

void ctl_check_reach(struct checking *k)
{
	struct vx_once_connection all[VX_DIAG_PORTS_MAX + SPARE_PORTS] = { 0 },
							  *web = NULL;
	struct vx_once_question far = { .late = false };
	struct vx_once_work w = { .connections = all,
		.requests = k->requests,
		.request_count = has_web(k) ? CTL_CHECK_PAGES : 0,
		.questions = &far,
		.ms_max = NEAR_MS };

	add_ports(k, all);
	w.connection_count = k->f.port_count;
	if (k->f.http_01) {
		web = &all[w.connection_count++];
		web->port = (uint16_t)k->c->config->http_public_port;
		web->say = put_token(k) ? k->say80 : NULL;
		(void)snprintf(
		    web->address, sizeof(web->address), "%s", k->d.addresses[0]);
	}
	if (has_web(k))
		add_pages(k);
	w.question_count =
	    vx_dns_ask(VX_DNS_A, "", VX_S(VX_DIAG_FAR_HOST), &far.question) == VX_OK;
	if (vx_once_do(k->d.once, &w) == VX_OK) {
		for (size_t i = 0; i < k->f.port_count; i++)
			k->ports[i].reached = reached(&all[i]);
		k->f.http80 = web != NULL ? reached(web) : VX_DIAG_UNTRIED;
		k->f.http80_by = web != NULL ? answerer(k, web) : VX_DIAG_NOT_ASKED;
		find_trust(k);
		read_pages(k);
		if (k->f.relay_host == NULL)
			k->f.out25 = ctl_check_far(
			    k->d.once, (uint16_t)k->c->config->sending_port, far.answer);
	}
	if (web != NULL && web->say != NULL)
		drop_token(k);
	vx_dns_answer_free(far.answer);
}

void ctl_check_done(struct checking *k)
{
	for (size_t i = 0; i < CTL_CHECK_PAGES; i++)
		vx_buf_done(&k->requests[i].body);
	vx_buf_done(&k->drift);
}
