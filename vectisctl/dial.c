/* A session with another mail server, step by step, on a socket that blocks. */
#include "vectisctl/dial.h"

#include "vectis/crypto.h"
#include "vectis/smtp_client.h"
#include "vectis/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	WAIT_MS = 30000,
	WIRE_MAX = 1 << 20,
	TEXT_MAX = 1100
};

struct dialling {
	struct ctl *c;
	const struct ctl_dial *d;
	json_t *steps; /* borrowed from the result */
	int fd;
	struct vx_tls_trust *trust;    /* own */
	struct vx_tls *tls;            /* own; NULL: in the clear */
	struct vx_smtp_client *client; /* own */
	struct vx_buf plain, out, wire;
	struct vx_smtp_forward forward;
	struct vx_smtp_message message;
	bool sent, failed;
};

/* --- saying ----------------------------------------------------------------------------
 */

static void step(struct dialling *x, const char *name, bool good, const char *text)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "step", json_string(name));
	(void)json_object_set_new(j, "ok", json_boolean(good));
	(void)json_object_set_new(j, "text", ctl_text(vx_slice_str(text)));
	(void)json_array_append_new(x->steps, j);
	ctl_say(x->c, "%-4s  %-11s  %s", good ? "ok" : "FAIL", name, text);
	x->failed = x->failed || !good;
}

/* What a person can do about it, behind the step that failed. */
static void hint(struct dialling *x, const struct vx_smtp_result *r)
{
	const struct vx_smtp_hint *h = vx_smtp_hint(r);
	json_t *last = json_array_get(x->steps, json_array_size(x->steps) - 1);

	if (h == NULL)
		return;
	(void)json_object_set_new(last, "hint", json_string(h->text));
	(void)json_object_set_new(last, "hint_id", json_string(h->id));
	ctl_say(x->c, "      %s", h->text);
}

static void result_step(
    struct dialling *x, const char *name, bool good, const struct vx_smtp_result *r)
{
	struct vx_buf text = { .max = TEXT_MAX };

	vx_smtp_result_write(r, &text);
	step(x, name, good, text.len > 0 ? text.ptr : "");
	if (!good)
		hint(x, r);
	vx_buf_done(&text);
}

/* --- the socket ------------------------------------------------------------------------
 */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until when the server has to do the next thing. */
static int64_t deadline(const struct dialling *x)
{
	return now_ms() + (x->d->wait_ms > 0 ? x->d->wait_ms : WAIT_MS);
}

static bool wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = until - now_ms();
		n = left <= 0 ? 0 : poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* NULL: it is open; else why it is not. */
static const char *open_one(struct dialling *x, const struct addrinfo *a)
{
	socklen_t size = sizeof(int);
	int error = 0;

	x->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (x->fd < 0)
		return vx_errno_text(errno);
	if (connect(x->fd, a->ai_addr, a->ai_addrlen) == 0)
		return NULL;
	error = errno;
	if (error == EINPROGRESS) {
		error = 0;
		if (!wait_for(x->fd, POLLOUT, deadline(x)))
			error = ETIMEDOUT;
		else
			(void)getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	if (error == 0)
		return NULL;
	(void)close(x->fd);
	x->fd = -1;
	return vx_errno_text(error);
}

/* The host without its brackets. */
static void bare_host(const struct ctl_dial *d, char out[VX_DNS_NAME_MAX + 1])
{
	vx_slice host = vx_slice_trim(vx_slice_str(d->host), "[]");

	if (vx_slice_has_prefix_nocase(host, VX_S("IPv6:")))
		host = vx_slice_from(host, 5);
	host = vx_slice_head(host, VX_DNS_NAME_MAX);
	memcpy(out, host.ptr, host.len);
	out[host.len] = '\0';
}

static bool connect_any(struct dialling *x)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	char host[VX_DNS_NAME_MAX + 1], port[8], where[80], text[200];
	const char *why = "it has no address";
	struct addrinfo *list = NULL;
	int rc;

	bare_host(x->d, host);
	(void)snprintf(port, sizeof(port), "%u", x->d->port);
	rc = getaddrinfo(
	    x->d->address != NULL ? x->d->address : host, port, &hints, &list);
	if (rc != 0) {
		step(x, "address", false, gai_strerror(rc));
		return false;
	}
	for (const struct addrinfo *a = list; a != NULL && x->fd < 0; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, where, sizeof(where), NULL, 0,
			NI_NUMERICHOST) != 0)
			continue;
		why = open_one(x, a);
		(void)snprintf(text, sizeof(text), "%.70s port %s%s%.100s", where, port,
		    why == NULL ? "" : ": ", why == NULL ? "" : why);
		if (why == NULL || a->ai_next == NULL)
			step(x, "connect", why == NULL, text);
	}
	freeaddrinfo(list);
	return x->fd >= 0;
}

/* All that waits; false: the connection is lost. */
static bool flush(struct dialling *x)
{
	const int64_t until = deadline(x);

	if (x->tls != NULL && x->out.len > 0) {
		if (vx_tls_write(x->tls, vx_buf_slice(&x->out), &x->wire) != VX_OK)
			return false;
	} else {
		vx_buf_add(&x->wire, vx_buf_slice(&x->out));
	}
	vx_buf_wipe(&x->out);
	while (x->wire.len > 0) {
		const ssize_t n = send(x->fd, x->wire.ptr, x->wire.len, MSG_NOSIGNAL);

		if (n > 0)
			vx_buf_consume(&x->wire, (size_t)n);
		else if (errno != EAGAIN || !wait_for(x->fd, POLLOUT, until))
			return false;
	}
	return !x->wire.failed;
}

/* Octets as they come; what is wrong otherwise. */
static const char *receive(struct dialling *x, char *room, size_t size, vx_slice *out)
{
	ssize_t n;

	if (!wait_for(x->fd, POLLIN, deadline(x)))
		return "the server is silent for too long";
	n = recv(x->fd, room, size, 0);
	if (n < 0)
		return vx_errno_text(errno);
	if (n == 0)
		return "the server closed the connection";
	*out = vx_slice_of(room, (size_t)n);
	return NULL;
}

/* The same without TLS, in plain. */
static const char *receive_plain(struct dialling *x)
{
	char room[16384];
	vx_slice in;
	const char *why = receive(x, room, sizeof(room), &in);
	int rc = VX_MORE;

	if (why != NULL)
		return why;
	if (x->tls == NULL) {
		vx_buf_add(&x->plain, in);
	} else {
		rc = vx_tls_read(x->tls, &in, &x->plain, &x->wire);
		if (!flush(x))
			return "the connection was lost";
	}
	if (rc == VX_DONE && x->plain.len == 0)
		return "the server closed the connection";
	return rc < 0 || x->plain.failed ? "what the server sends cannot be read" : NULL;
}

/* --- TLS -------------------------------------------------------------------------------
 */

static const char *shake(struct dialling *x, vx_slice *rest, char *room, size_t size)
{
	for (;;) {
		const int rc = vx_tls_handshake(x->tls, rest, &x->wire);
		const char *why;

		/* what it says of itself goes out as it is */
		while (x->wire.len > 0) {
			const ssize_t n =
			    send(x->fd, x->wire.ptr, x->wire.len, MSG_NOSIGNAL);

			if (n > 0)
				vx_buf_consume(&x->wire, (size_t)n);
			else if (errno != EAGAIN ||
				 !wait_for(x->fd, POLLOUT, deadline(x)))
				return "the connection was lost";
		}
		if (rc == VX_OK)
			return NULL;
		if (rc != VX_MORE)
			return vx_tls_failure(x->tls);
		why = receive(x, room, size, rest);
		if (why != NULL)
			return why;
	}
}

static bool begin_tls(struct dialling *x)
{
	char host[VX_DNS_NAME_MAX + 1], room[16384], text[300];
	const char *names[] = { host }, *why;
	vx_slice rest = vx_slice_of("", 0);
	struct vx_error err;

	bare_host(x->d, host);
	if (vx_tls_client_new(x->trust, host, &x->tls) != VX_OK) {
		step(x, "TLS", false, "it cannot begin");
		return false;
	}
	why = shake(x, &rest, room, sizeof(room));
	(void)snprintf(text, sizeof(text), "%s %s",
	    why == NULL ? vx_tls_version(x->tls) : why,
	    why == NULL ? vx_tls_cipher(x->tls) : "");
	step(x, "TLS", why == NULL, text);
	if (why != NULL)
		return false;
	if (vx_tls_check_peer(x->tls, names, 1, &err) != VX_OK) {
		step(x, "certificate", x->d->tls == VX_RELAY_OFFERED, err.text);
		if (x->d->tls != VX_RELAY_OFFERED)
			return false;
	} else {
		(void)snprintf(text, sizeof(text), "it is that of %.253s", host);
		step(x, "certificate", true, text);
	}
	if (rest.len > 0 && vx_tls_read(x->tls, &rest, &x->plain, &x->wire) < 0) {
		step(x, "TLS", false, "what the server sends cannot be read");
		return false;
	}
	vx_smtp_client_tls_ready(x->client, vx_tls_exporter(x->tls));
	return true;
}

/* --- the session -----------------------------------------------------------------------
 */

static void on_ready(struct dialling *x)
{
	uint64_t size = 0;
	char text[100];

	if (x->sent) {
		(void)vx_smtp_client_quit(x->client);
		return;
	}
	(void)vx_smtp_client_offers(x->client, &size);
	(void)snprintf(text, sizeof(text), "it takes mail of %s%llu octets",
	    size > 0 ? "up to " : "any number of octets: ", (unsigned long long)size);
	step(x, "EHLO", true, size > 0 ? text : "it takes mail");
	if (x->d->user.len > 0)
		step(x, "AUTH", true, "the login is good");
	if (x->d->to == NULL) {
		(void)vx_smtp_client_quit(x->client);
		return;
	}
	x->forward.path = vx_slice_str(x->d->to);
	x->message = (struct vx_smtp_message){ .from = vx_slice_str(x->d->from),
		.to = &x->forward,
		.to_count = 1,
		.size = 1000,
		.probe = true };
	x->sent = true;
	if (vx_smtp_client_send(x->client, &x->message) != VX_OK) {
		step(x, "MAIL", false, "an address is none");
		(void)vx_smtp_client_quit(x->client);
	}
}

static void on_result(struct dialling *x, const struct vx_smtp_result *r)
{
	char text[1400];

	if (r->outcome != VX_SMTP_DELIVERED) {
		result_step(x, vx_smtp_stage_name(r->stage), false, r);
		return;
	}
	(void)snprintf(text, sizeof(text), "it takes mail from %.600s to %.600s",
	    x->d->from, x->d->to);
	step(x, "RCPT", true, text);
}

/* A name for what went wrong, which need not be what was said last. */
static const char *failed_step(const struct dialling *x, const struct vx_smtp_result *r)
{
	if (r->code == 0 && strcmp(r->status, "4.7.4") == 0)
		return x->tls == NULL ? "STARTTLS" : "AUTH";
	return vx_smtp_stage_name(r->stage);
}

/* false: it is over. */
static bool turn(struct dialling *x)
{
	vx_slice in = vx_buf_slice(&x->plain);
	const size_t before = in.len;
	struct vx_smtp_client_event ev;
	const char *why;
	const int rc = vx_smtp_client_next(x->client, &in, &x->out, &ev);

	vx_buf_consume(&x->plain, before - in.len);
	if (rc == VX_DATA) {
		if (ev.type == VX_SMTP_CLIENT_READY)
			on_ready(x);
		else if (ev.type == VX_SMTP_CLIENT_RESULT)
			on_result(x, &ev.result);
		else if (ev.type == VX_SMTP_CLIENT_FAILED)
			result_step(x, failed_step(x, &ev.result), false, &ev.result);
		return true;
	}
	why = flush(x) ? NULL : "the connection was lost";
	if (rc == VX_TLS && why == NULL)
		return begin_tls(x);
	if (rc != VX_MORE && rc != VX_WAIT && rc != VX_TLS)
		return false;
	if (why == NULL)
		why = receive_plain(x);
	if (why != NULL)
		vx_smtp_client_lost(x->client, why);
	return true;
}

static int new_client(struct dialling *x)
{
	const struct ctl_dial *d = x->d;
	const struct vx_smtp_client_options o = { .struct_size = sizeof(o),
		.hostname = vx_slice_str(x->c->config->hostname),
		.user = d->user,
		.password = d->password,
		.tls = d->tls == VX_RELAY_IMPLICIT,
		.policy = d->tls == VX_RELAY_OFFERED ? VX_SMTP_TLS_OFFERED
						     : VX_SMTP_TLS_REQUIRED };
	struct vx_error err;
	const char *authorities = x->c->config->tls_authorities;
	int rc =
	    vx_tls_trust_new(*authorities != '\0' ? authorities : NULL, &x->trust, &err);

	if (rc != VX_OK)
		return ctl_fail(x->c, CTL_FAILED, "%s", err.text);
	rc = vx_smtp_client_new(&o, &x->client);
	return rc == VX_OK ? CTL_OK : ctl_fail(x->c, CTL_FAILED, "%s", vx_strerror(rc));
}

int ctl_dial(struct ctl *c, const struct ctl_dial *d)
{
	struct dialling x = { .c = c,
		.d = d,
		.steps = json_array(),
		.fd = -1,
		.plain = { .max = WIRE_MAX },
		.out = { .max = VX_SMTP_OUT_MAX },
		.wire = { .max = WIRE_MAX } };
	int status;

	(void)json_object_set_new(c->result, "steps", x.steps);
	status = new_client(&x);
	if (status == CTL_OK && connect_any(&x) &&
	    (d->tls != VX_RELAY_IMPLICIT || begin_tls(&x)))
		while (turn(&x))
			;
	if (x.fd >= 0)
		(void)close(x.fd);
	vx_smtp_client_free(x.client);
	vx_tls_free(x.tls);
	vx_tls_trust_free(x.trust);
	vx_buf_done(&x.plain);
	vx_buf_wipe(&x.out);
	vx_buf_done(&x.wire);
	return status != CTL_OK ? status : x.failed ? CTL_FAILED : CTL_OK;
}
