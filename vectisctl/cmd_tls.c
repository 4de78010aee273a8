/* tls test: what clients see on each port (TLS-24, CL-21). */
#include "vectisctl/ctl.h"

#include "vectis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	WAIT_MS = 5000,
	BRIEF_MS = 1000, /* for ctl_tls_believed */
	SAID_MAX = 4096
};

struct probe {
	struct ctl *c;
	struct vx_tls_trust *trust;
	const char *name;
	int fd, wait_ms;
	bool bad;        /* some listener is not good */
	bool both;       /* certificates of both kinds are to be there */
	bool rsa, alone; /* what this connection can check: of RSA, and nothing else */
	struct vx_tls *tls;
	char why[300];
};

/* --- octets
 * --------------------------------------------------------------------------------- */

static bool fail(struct probe *p, const char *why)
{
	(void)snprintf(p->why, sizeof(p->why), "%s", why);
	return false;
}

static bool wait_for(struct probe *p, short events)
{
	struct pollfd f = { .fd = p->fd, .events = events };

	return poll(&f, 1, p->wait_ms) == 1 ? true : fail(p, "no answer in time");
}

/* Any address means this host here. */
static const char *local(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0 ? "127.0.0.1"
	       : strcmp(address, "::") == 0    ? "::1"
					       : address;
}

static bool dial(struct probe *p, const struct vx_listen *l)
{
	const bool v6 = strchr(l->address, ':') != NULL;
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(l->port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(l->port) };
	int error = 0, rc;
	socklen_t n = sizeof(error);

	(void)inet_pton(AF_INET6, local(l->address), &a6.sin6_addr);
	(void)inet_pton(AF_INET, local(l->address), &a4.sin_addr);
	p->fd = socket(
	    v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return fail(p, vx_errno_text(errno));
	rc = v6 ? connect(p->fd, (struct sockaddr *)&a6, sizeof(a6))
		: connect(p->fd, (struct sockaddr *)&a4, sizeof(a4));
	if (rc < 0 && errno != EINPROGRESS)
		return fail(p, vx_errno_text(errno));
	if (!wait_for(p, POLLOUT))
		return false;
	(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	return error == 0 ? true : fail(p, vx_errno_text(error));
}

static bool send_all(struct probe *p, vx_slice s)
{
	while (s.len > 0) {
		const ssize_t n = send(p->fd, s.ptr, s.len, MSG_NOSIGNAL);

		if (n > 0)
			s = vx_slice_from(s, (size_t)n);
		else if (n < 0 && errno == EAGAIN && wait_for(p, POLLOUT))
			continue;
		else
			return fail(p, vx_errno_text(errno));
	}
	return true;
}

static bool receive(struct probe *p, struct vx_buf *out)
{
	char piece[4096];
	ssize_t n;

	if (!wait_for(p, POLLIN))
		return false;
	n = recv(p->fd, piece, sizeof(piece), 0);
	if (n <= 0)
		return fail(
		    p, n == 0 ? "the connection was closed" : vx_errno_text(errno));
	vx_buf_add(out, vx_slice_of(piece, (size_t)n));
	return !out->failed || fail(p, "it says too much");
}

/* --- SMTP until STARTTLS (RFC 3207)
 * ------------------------------------------------------------ */

/* The last line of a reply, "250 ...", is there. */
static bool is_reply(vx_slice s)
{
	vx_slice line = s;

	while (s.len > 0 && vx_slice_cut(&s, '\n', &line))
		if (s.len == 0)
			return line.len >= 4 && line.ptr[3] == ' ';
	return false;
}

static bool expect(struct probe *p, const char *code)
{
	struct vx_buf said = { .max = SAID_MAX };
	bool good = true;

	while (good && !is_reply(vx_buf_slice(&said)))
		good = receive(p, &said);
	if (good && !vx_slice_has_prefix(vx_buf_slice(&said), vx_slice_str(code)))
		good = fail(p, "STARTTLS is refused");
	vx_buf_done(&said);
	return good;
}

static bool starttls(struct probe *p)
{
	return expect(p, "220") && send_all(p, VX_S("EHLO localhost\r\n")) &&
	       expect(p, "250") && send_all(p, VX_S("STARTTLS\r\n")) && expect(p, "220");
}

/* --- TLS
 * -----------------------------------------------------------------------------------------
 */

static bool handshake(struct probe *p)
{
	struct vx_buf in = { .max = (size_t)1 << 20 }, out = { .max = (size_t)1 << 20 };
	bool good = (vx_tls_client_new(p->trust, p->name, &p->tls) == VX_OK &&
			(!p->alone || vx_tls_client_only(p->tls, p->rsa) == VX_OK)) ||
		    fail(p, "no memory");
	int rc = VX_MORE;

	while (good && rc == VX_MORE) {
		vx_slice rest = vx_buf_slice(&in);

		rc = vx_tls_handshake(p->tls, &rest, &out);
		vx_buf_reset(&in);
		good = send_all(p, vx_buf_slice(&out));
		vx_buf_reset(&out);
		if (good && rc == VX_MORE)
			good = receive(p, &in);
	}
	if (good && rc != VX_OK)
		good = fail(p, vx_tls_failure(p->tls));
	vx_buf_done(&in);
	vx_buf_done(&out);
	return good;
}

static void report(
    struct probe *p, const char *port, const struct vx_listen *l, bool good, json_t *list)
{
	struct vx_error err = { .text = "" };
	struct vx_tls_cert_info info = { .serial = "" };
	const char *const names[] = { p->name };
	const bool verified = good && vx_tls_check_peer(p->tls, names, 1, &err) == VX_OK;
	json_t *const item = json_object();

	if (good)
		(void)vx_tls_peer(p->tls, &info, &err);
	ctl_say(p->c, "%-12s %s port %u%s: %s", port, l->address, l->port,
	    !p->alone ? ""
	    : p->rsa  ? ", with RSA only"
		      : ", with ECDSA only",
	    !good      ? p->why
	    : verified ? "good"
		       : err.text);
	if (good)
		ctl_say(p->c, "  %s, %s, key %s\n  subject %s\n  issuer %s\n  serial %s",
		    vx_tls_version(p->tls), vx_tls_cipher(p->tls), info.key_kind,
		    info.subject[0] == '\0' ? info.names : info.subject, info.issuer,
		    info.serial);
	(void)json_object_set_new(item, "listener", ctl_text(vx_slice_str(port)));
	(void)json_object_set_new(item, "address", ctl_text(vx_slice_str(l->address)));
	(void)json_object_set_new(item, "port", json_integer(l->port));
	(void)json_object_set_new(item, "verified", json_boolean(verified));
	(void)json_object_set_new(
	    item, "problem", ctl_text(vx_slice_str(!good ? p->why : err.text)));
	(void)json_object_set_new(
	    item, "version", ctl_text(vx_slice_str(good ? vx_tls_version(p->tls) : "")));
	(void)json_object_set_new(
	    item, "cipher", ctl_text(vx_slice_str(good ? vx_tls_cipher(p->tls) : "")));
	(void)json_object_set_new(item, "subject", ctl_text(vx_slice_str(info.subject)));
	(void)json_object_set_new(item, "issuer", ctl_text(vx_slice_str(info.issuer)));
	(void)json_object_set_new(item, "serial", ctl_text(vx_slice_str(info.serial)));
	(void)json_object_set_new(item, "not_after", json_integer(info.not_after));
	(void)json_object_set_new(item, "key",
	    ctl_text(vx_slice_str(info.key_kind == NULL ? "" : info.key_kind)));
	(void)json_array_append_new(list, item);
	if (!verified)
		p->bad = true;
}

static void test_one(struct probe *p, const char *port, const struct vx_listen *l,
    bool implicit, json_t *list)
{
	bool good;

	p->fd = -1;
	p->tls = NULL;
	p->why[0] = '\0';
	good = dial(p, l) && (implicit || starttls(p)) && handshake(p);
	report(p, port, l, good, list);
	vx_tls_free(p->tls);
	if (p->fd >= 0)
		(void)close(p->fd);
}

/* Each listener once, and where there are two certificates once for each. */
static void test_list(struct probe *p, const char *port, const struct vx_listen_list *l,
    bool implicit, json_t *list)
{
	for (size_t i = 0; i < l->count; i++)
		for (int kind = 0; kind < (p->both ? 2 : 1); kind++) {
			p->alone = p->both;
			p->rsa = kind == 1;
			test_one(p, port, &l->items[i], implicit, list);
		}
}

bool ctl_tls_believed(struct ctl *c, const struct vx_listen *l, char why[300])
{
	struct probe p = { .c = c, .name = c->config->hostname, .fd = -1 };
	const char *const names[] = { p.name };
	const char *const authorities =
	    c->config->tls_authorities[0] == '\0' ? NULL : c->config->tls_authorities;
	struct vx_error err = { .text = "" };
	bool good = true;

	p.wait_ms = BRIEF_MS;
	if (vx_tls_trust_new(authorities, &p.trust, &err) != VX_OK)
		return true; /* nobody is believed here: that says nothing */
	if (dial(&p, l) && handshake(&p))
		good = vx_tls_check_peer(p.tls, names, 1, &err) == VX_OK;
	(void)snprintf(why, 300, "%.299s", good ? "" : err.text);
	vx_tls_free(p.tls);
	vx_tls_trust_free(p.trust);
	if (p.fd >= 0)
		(void)close(p.fd);
	return good;
}

bool ctl_tls_look(struct ctl *c, const struct vx_listen *l, struct vx_tls_cert_info *out)
{
	struct probe p = {
		.c = c, .name = c->config->hostname, .fd = -1, .wait_ms = BRIEF_MS
	};
	const char *const authorities =
	    c->config->tls_authorities[0] == '\0' ? NULL : c->config->tls_authorities;
	struct vx_error err;
	bool good;

	if (vx_tls_trust_new(authorities, &p.trust, &err) != VX_OK)
		return false;
	good = dial(&p, l) && handshake(&p) && vx_tls_peer(p.tls, out, &err) == VX_OK;
	vx_tls_free(p.tls);
	vx_tls_trust_free(p.trust);
	if (p.fd >= 0)
		(void)close(p.fd);
	return good;
}

static int tls_test(struct ctl *c)
{
	struct probe p = { .c = c, .name = c->config->hostname, .wait_ms = WAIT_MS };
	json_t *const list = json_array();
	const char *const authorities =
	    c->config->tls_authorities[0] == '\0' ? NULL : c->config->tls_authorities;
	struct vx_error err;

	(void)json_object_set_new(c->result, "listeners", list);
	p.both = c->config->tls_provider == VX_TLS_LETSENCRYPT &&
		 c->config->tls_key_type == VX_TLS_KEYS_BOTH;
	if (vx_tls_trust_new(authorities, &p.trust, &err) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	test_list(&p, "smtp", &c->config->smtp_listen, false, list);
	test_list(&p, "submission", &c->config->submission_listen, false, list);
	test_list(&p, "submissions", &c->config->submissions_listen, true, list);
	test_list(&p, "imaps", &c->config->imaps_listen, true, list);
	test_list(&p, "pop3s", &c->config->pop3s_listen, true, list);
	vx_tls_trust_free(p.trust);
	return p.bad ? CTL_FAILED : CTL_OK;
}

const struct ctl_command ctl_tls_commands[] = {
	{ "tls", "test", tls_test, NEEDS_CONFIG, 0, 0, "",
	    "what clients see on each port, and whether they believe it" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
