/*
 * A connection: a socket, perhaps TLS, a session.
 *
 * Two rules keep it safe: what the kernel is reading is never the buffer being filled,
 * and above the high-water mark neither the socket is read nor the session driven.
 * Input stays in the worker's shared buffer while it is used; only what the session
 * does not take yet is copied, so that an idle connection owns next to nothing.
 */
#include "runtime/worker.h"
#include "vectis/memory.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>

#define INPUT_MAX ((size_t)256 * 1024) /* kept for a session that does not take it */
#define OUTPUT_MAX ((size_t)4 << 20)   /* one step of a session stays far below */
#define IDLE_KEEP ((size_t)512)

struct vx_conn {
	uv_tcp_t handle;
	struct vx_session_host host; /* what the session sees */
	struct vx_server *server;
	const struct vx_listener_def *def; /* NULL: we opened it */
	uv_connect_t connect;
	char tls_name[256]; /* of the server that we called */
	const char *alpn;   /* that we offer it; or NULL */
	bool connecting;
	struct vx_session *session; /* own; NULL until TLS is up or accepted */
	struct vx_peer peer;
	struct vx_tls *tls; /* own */
	bool handshaking, reading, closing, closed, awake, wants_input, eof;
	struct vx_buf input;     /* plain text not yet taken */
	struct vx_buf out;       /* plain text to be sent */
	struct vx_buf wire;      /* TLS records to be sent */
	struct vx_buf in_flight; /* with the kernel */
	bool answered;           /* since the last octets came */
	uv_write_t write;
	uint64_t since_ms; /* the last progress, or the begin of what is waited for */
	size_t heard;      /* octets since then */
	struct vx_conn *next, **prev;
	struct vx_conn *next_awake;
	uint64_t network; /* whose: an IPv4 address or an IPv6 /64 */
	struct vx_conn *next_near, **prev_near; /* others of the same bucket */
	bool waits, stop_later;
};

static void drive(struct vx_conn *c);

static struct vx_conn *conn_of(struct vx_session_host *host)
{
	return (struct vx_conn *)(void *)((char *)host - offsetof(struct vx_conn, host));
}

static void wake(struct vx_session_host *host)
{
	struct vx_conn *c = conn_of(host);

	if (c->awake || c->closed)
		return;
	c->awake = true;
	c->next_awake = c->server->awake;
	c->server->awake = c;
	vx_worker_stay_awake(c->server);
}

static void on_closed(uv_handle_t *handle)
{
	struct vx_conn *c = handle->data;

	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev_near != NULL)
		*c->prev_near = c->next_near;
	if (c->next_near != NULL)
		c->next_near->prev_near = c->prev_near;
	c->server->conn_count--;
	vx_buf_wipe(&c->input);
	vx_buf_done(&c->out);
	vx_buf_done(&c->wire);
	vx_buf_done(&c->in_flight);
	vx_tls_free(c->tls);
	vx_memory_free(c);
}

static void close_conn(struct vx_conn *c)
{
	if (c->closed)
		return;
	c->closed = true;
	if (c->session != NULL)
		c->session->ops->free(c->session);
	c->session = NULL;
	if (c->awake) {
		struct vx_conn **p = &c->server->awake;

		while (*p != NULL && *p != c)
			p = &(*p)->next_awake;
		if (*p == NULL)
			for (p = &c->server->turn; *p != c;)
				p = &(*p)->next_awake;
		*p = c->next_awake;
	}
	uv_close((uv_handle_t *)&c->handle, on_closed);
}

/* --- sending
 * ------------------------------------------------------------------------------ */

static void progress(struct vx_conn *c)
{
	c->since_ms = vx_now_ms();
	c->heard = 0;
}

static void on_written(uv_write_t *req, int status)
{
	struct vx_conn *c = req->handle->data;

	if (c->closed)
		return;
	vx_buf_shrink(&c->in_flight, IDLE_KEEP);
	c->since_ms = vx_now_ms();
	if (status < 0)
		close_conn(c);
	else
		drive(c);
}

/* Send b as far as the kernel takes it at once; the rest goes into flight. */
static void send_buf(struct vx_conn *c, struct vx_buf *b)
{
	uv_buf_t u = uv_buf_init(b->ptr, (unsigned)b->len);
	const int n = uv_try_write((uv_stream_t *)&c->handle, &u, 1);
	struct vx_buf swap;

	c->answered = true;
	if (n < 0 && n != UV_EAGAIN) {
		close_conn(c);
		return;
	}
	if (n > 0)
		vx_buf_consume(b, (size_t)n);
	if (b->len == 0) {
		vx_buf_shrink(b, IDLE_KEEP);
		return;
	}
	swap = c->in_flight;
	c->in_flight = *b;
	*b = swap;
	b->max = c->in_flight.max;
	u = uv_buf_init(c->in_flight.ptr, (unsigned)c->in_flight.len);
	c->since_ms = vx_now_ms();
	if (uv_write(&c->write, (uv_stream_t *)&c->handle, &u, 1, on_written) < 0)
		close_conn(c);
}

static void flush(struct vx_conn *c)
{
	if (c->closed || c->in_flight.len > 0)
		return;
	if (c->tls != NULL && c->out.len > 0 && !c->handshaking) {
		if (vx_tls_write(c->tls, vx_buf_slice(&c->out), &c->wire) != VX_OK) {
			close_conn(c);
			return;
		}
		vx_buf_shrink(&c->out, IDLE_KEEP);
	}
	if (c->tls != NULL && c->wire.len > 0)
		send_buf(c, &c->wire);
	else if ((c->tls == NULL) && c->out.len > 0)
		send_buf(c, &c->out);
	if (c->closing && !c->closed && c->in_flight.len == 0 && c->out.len == 0)
		close_conn(c);
}

static bool output_waits(const struct vx_conn *c)
{
	return c->in_flight.len > 0 || c->out.len + c->wire.len >= VX_SESSION_HIGH_WATER;
}

/* --- receiving
 * ------------------------------------------------------------------------------ */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct vx_conn *c = handle->data;

	(void)suggested;
	*out = uv_buf_init(c->server->input, sizeof(c->server->input));
}

static void farewell(struct vx_conn *c)
{
	if (c->tls != NULL && !c->handshaking) {
		if (c->out.len > 0)
			(void)vx_tls_write(c->tls, vx_buf_slice(&c->out), &c->wire);
		vx_buf_reset(&c->out);
		vx_tls_bye(c->tls, &c->wire);
	}
	c->closing = true;
}

/* To a session that called and does not hear otherwise. */
static void tell_failure(struct vx_conn *c, int why, const char *text)
{
	if (c->session != NULL && c->session->ops->failed != NULL)
		c->session->ops->failed(c->session, why, text);
}

static int begin_session(struct vx_conn *c)
{
	return c->def->session(c->server->service, &c->peer, &c->host, &c->session);
}

static void tell_tls(struct vx_conn *c)
{
	const struct vx_session_tls tls = { .version =
						vx_slice_str(vx_tls_version(c->tls)),
		.cipher = vx_slice_str(vx_tls_cipher(c->tls)),
		.exporter = vx_tls_exporter(c->tls),
		.connection = c->tls };

	c->session->ops->tls_ready(c->session, &tls);
}

/* The peer's part of a handshake; true when it is done. */
static bool handshake(struct vx_conn *c, vx_slice *in)
{
	const int rc = vx_tls_handshake(c->tls, in, &c->wire);

	if (rc == VX_MORE) {
		flush(c);
		return false;
	}
	if (rc != VX_OK) {
		if (c->def != NULL && vx_tls_too_old(c->tls))
			vx_old_clients_note(
			    &c->server->old, c->peer.address, vx_now_s());
		tell_failure(c, VX_ETLS, vx_tls_failure(c->tls));
		c->closing = true;
		vx_buf_reset(&c->out);
		flush(c);
		return false;
	}
	c->handshaking = false;
	progress(c);
	if (c->session == NULL && begin_session(c) != VX_OK) {
		close_conn(c);
		return false;
	}
	tell_tls(c);
	return true;
}

/* Octets from the wire: plain text goes to input. */
static void receive(struct vx_conn *c, vx_slice in)
{
	int rc = VX_MORE;

	if (c->handshaking && !handshake(c, &in))
		return;
	if (c->tls == NULL) {
		vx_buf_add(&c->input, in);
		if (c->input.failed)
			close_conn(c);
		return;
	}
	rc = vx_tls_read(c->tls, &in, &c->input, &c->wire);
	if (rc == VX_DONE)
		c->eof = true;
	else if (rc != VX_MORE) {
		c->closing = true; /* an alert may wait in wire */
		vx_buf_reset(&c->out);
	}
}

/*
 * The rest of what the peer says may be held back by its Nagle algorithm until this part
 * is acknowledged, which the kernel would delay by 40 ms: APPEND's literal and its CRLF.
 */
static void ack_now(struct vx_conn *c)
{
	const int on = 1;
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&c->handle, &fd) == 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct vx_conn *c = stream->data;

	if (n == 0 || c->closed)
		return;
	if (n < 0) {
		c->eof = true;
		(void)uv_read_stop(stream);
		c->reading = false;
		if (c->handshaking)
			tell_failure(c, VX_ETLS, "the connection was closed");
		if (n != UV_EOF || c->handshaking || c->session == NULL ||
		    c->input.len == 0)
			close_conn(c);
		else
			drive(c);
		return;
	}
	c->heard += (size_t)n;
	if (c->heard >= VX_SLOW_SENDER_OCTETS && !c->handshaking)
		progress(c); /* a handshake has to be done in time as a whole */
	c->answered = false;
	receive(c, vx_slice_of(buf->base, (size_t)n));
	if (!c->closed)
		drive(c);
	if (!c->closed && !c->answered && c->reading)
		ack_now(c);
}

static void set_reading(struct vx_conn *c, bool on)
{
	if (on == c->reading || c->closed)
		return;
	c->reading = on;
	if (on)
		(void)uv_read_start((uv_stream_t *)&c->handle, on_alloc, on_read);
	else
		(void)uv_read_stop((uv_stream_t *)&c->handle);
}

/* --- driving
 * --------------------------------------------------------------------------------- */

static int new_tls(struct vx_conn *c)
{
	struct vx_tls_certs *certs;
	int rc;

	if (c->def == NULL) {
		rc = vx_tls_client_new(c->server->worker.trust, c->tls_name, &c->tls);
		return rc == VX_OK && c->alpn != NULL ? vx_tls_offer(c->tls, c->alpn)
						      : rc;
	}
	certs = c->def->certs != NULL ? c->def->certs(c->server->service)
				      : vx_certs_get(c->server->worker.certs);
	return certs == NULL ? VX_ESTATE
			     : vx_tls_server_new(certs, c->def->alpn, &c->tls);
}

/* STARTTLS: what came before the handshake must be nothing (RFC 3207 4). */
static void start_tls(struct vx_conn *c)
{
	vx_slice nothing = vx_slice_of("", 0);

	if (c->input.len > 0 || new_tls(c) != VX_OK) {
		tell_failure(c, VX_ETLS, "something was sent before it");
		c->closing = true;
		return;
	}
	c->handshaking = true;
	c->since_ms = vx_now_ms();
	if (c->def == NULL) /* the client speaks first */
		(void)handshake(c, &nothing);
}

static void session_step(struct vx_conn *c)
{
	int rc = VX_DATA;

	while (rc == VX_DATA && !output_waits(c)) {
		vx_slice in = vx_buf_slice(&c->input);
		const size_t before = in.len, said = c->out.len;

		rc = c->session->ops->drive(c->session, &in, &c->out);
		if (c->out.len > said && c->heard > 0) /* an answer, not a notice */
			progress(c);
		vx_buf_consume(&c->input, before - in.len);
		if (c->out.failed)
			rc = VX_ENOMEM;
		if (rc == VX_DATA && c->out.len < VX_SESSION_HIGH_WATER)
			continue;
		flush(c);
		if (c->closed)
			return;
	}
	c->wants_input = rc == VX_MORE;
	c->waits = rc == VX_WAIT || rc == VX_DATA;
	if (rc == VX_MORE && c->stop_later && !c->closing) {
		c->session->ops->stop(c->session, &c->out);
		farewell(c);
	} else if (rc == VX_TLS) {
		flush(c); /* the last words in clear */
		start_tls(c);
		c->wants_input = true;
	} else if (rc == VX_DONE) {
		farewell(c);
	} else if (rc < 0) {
		close_conn(c);
	} else if (rc == VX_MORE && c->eof) {
		farewell(c);
	}
}

static void drive(struct vx_conn *c)
{
	if (!c->closed && !c->closing && !c->handshaking && !c->connecting &&
	    c->session != NULL && !output_waits(c))
		session_step(c);
	if (c->connecting)
		return;
	flush(c);
	if (c->closed)
		return;
	if (c->input.len == 0)
		vx_buf_shrink(&c->input, IDLE_KEEP);
	set_reading(
	    c, !c->closing && !c->eof && !output_waits(c) &&
		   (c->handshaking || (c->wants_input && c->input.len < INPUT_MAX / 2)));
}

/* Each once: a session that wakes itself has its next turn after the sockets had theirs.
 */
void vx_conn_drive_awake(struct vx_server *s)
{
	s->turn = s->awake;
	s->awake = NULL;
	while (s->turn != NULL) {
		struct vx_conn *c = s->turn;

		s->turn = c->next_awake;
		c->awake = false;
		drive(c);
	}
}

/* --- beginning
 * ---------------------------------------------------------------------------------- */

static void name_peer(uv_tcp_t *tcp, bool remote, char out[48], uint16_t *port)
{
	struct sockaddr_storage a;
	int len = sizeof(a);
	const int rc = remote ? uv_tcp_getpeername(tcp, (struct sockaddr *)&a, &len)
			      : uv_tcp_getsockname(tcp, (struct sockaddr *)&a, &len);

	out[0] = '\0';
	if (rc < 0)
		return;
	if (a.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&a;

		(void)uv_ip4_name(in, out, 48);
		*port = ntohs(in->sin_port);
	} else {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&a;

		(void)uv_ip6_name(in, out, 48);
		*port = ntohs(in->sin6_port);
	}
}

static uint64_t mix(const struct vx_server *s, uint64_t network)
{
	network = (network ^ s->seed) * 0x9e3779b97f4a7c15u;
	return network ^ network >> 32;
}

uint64_t vx_conn_network(const char *address)
{
	struct in6_addr v6 = { 0 };
	uint64_t network;

	if (inet_pton(AF_INET6, address, &v6) != 1) {
		/* where IPv6 has multicast: nobody calls from there */
		memset(v6.s6_addr, 0xff, 4);
		(void)inet_pton(AF_INET, address, v6.s6_addr + 4);
	}
	memcpy(&network, v6.s6_addr, sizeof(network));
	return network;
}

/* Put it with those of its network. */
static void file_network(struct vx_server *s, struct vx_conn *c)
{
	struct vx_conn **bucket;

	c->network = vx_conn_network(c->peer.address);
	bucket = &s->near[mix(s, c->network) % VX_NEAR_BUCKETS];
	c->next_near = *bucket;
	c->prev_near = bucket;
	if (c->next_near != NULL)
		c->next_near->prev_near = &c->next_near;
	*bucket = c;
}

static bool too_many(struct vx_server *s, const struct vx_conn *fresh)
{
	const struct vx_config *cfg = s->worker.config;
	uint64_t same = 0;

	if (s->conn_count > s->conn_max)
		return true;
	for (const struct vx_conn *c = s->near[mix(s, fresh->network) % VX_NEAR_BUCKETS];
	     c != NULL && same <= cfg->connections_per_address; c = c->next_near)
		same += c->network == fresh->network;
	return same > cfg->connections_per_address;
}

static int begin(struct vx_conn *c)
{
	if (c->def->tls) {
		c->handshaking = true;
		return new_tls(c);
	}
	return begin_session(c);
}

static struct vx_conn *new_conn(struct vx_server *s, const struct vx_listener_def *def)
{
	struct vx_conn *c = vx_memory_alloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->server = s;
	c->def = def;
	c->host = (struct vx_session_host){ .loop = &s->host, .wake = wake };
	vx_buf_init(&c->input, INPUT_MAX);
	vx_buf_init(&c->out, OUTPUT_MAX);
	vx_buf_init(&c->wire, 2 * OUTPUT_MAX);
	vx_buf_init(&c->in_flight, 2 * OUTPUT_MAX);
	(void)uv_tcp_init(&s->loop, &c->handle);
	c->handle.data = c;
	c->next = s->conns;
	c->prev = &s->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	s->conns = c;
	s->conn_count++;
	c->since_ms = vx_now_ms();
	return c;
}

static void set_options(struct vx_conn *c)
{
	(void)uv_tcp_nodelay(&c->handle, 1);
	(void)uv_tcp_keepalive(&c->handle, 1, 300);
	name_peer(&c->handle, true, c->peer.address, &c->peer.port);
	name_peer(&c->handle, false, c->peer.local_address, &c->peer.local_port);
}

int vx_conn_accept(struct vx_server *s, struct vx_listener *l)
{
	struct vx_conn *c = new_conn(s, l->def);

	if (c == NULL)
		return VX_ENOMEM;
	if (uv_accept((uv_stream_t *)&l->handle, (uv_stream_t *)&c->handle) < 0 ||
	    s->stopping) {
		close_conn(c);
		return VX_OK;
	}
	set_options(c);
	c->peer.implicit_tls = l->def->tls;
	file_network(s, c);
	if (too_many(s, c)) {
		vx_log(s->worker.log, VX_LOG_WARN, "too many connections",
		    VX_KV_Z("ip", c->peer.address));
		if (!l->def->tls && l->def->busy != NULL)
			vx_buf_add_str(&c->out, l->def->busy);
		c->closing = true;
	} else if (begin(c) != VX_OK) {
		close_conn(c);
	}
	drive(c);
	return VX_OK;
}

/* --- calling -------------------------------------------------------------------------
 */

static void on_connected(uv_connect_t *req, int status)
{
	struct vx_conn *c = req->handle->data;

	c->connecting = false;
	if (c->closed)
		return;
	if (status < 0) {
		tell_failure(c, VX_EIO, uv_strerror(status));
		close_conn(c);
		return;
	}
	set_options(c);
	progress(c);
	c->session->ops->opened(c->session, &c->peer);
	if (c->peer.implicit_tls)
		start_tls(c);
	drive(c);
}

static bool read_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	return uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0 ||
	       uv_ip6_addr(text, port, (struct sockaddr_in6 *)out) == 0;
}

int vx_conn_dial(struct vx_server *s, const struct vx_dial *d, struct vx_session *session)
{
	struct sockaddr_storage to = { 0 }, from = { 0 };
	struct vx_conn *c;

	if (!read_address(d->address, d->port, &to) ||
	    (d->from != NULL && !read_address(d->from, 0, &from)))
		return VX_EINVAL;
	c = new_conn(s, NULL);
	if (c == NULL)
		return VX_ENOMEM;
	if (d->tls_name != NULL && strlen(d->tls_name) < sizeof(c->tls_name))
		memcpy(c->tls_name, d->tls_name, strlen(d->tls_name) + 1);
	c->alpn = d->alpn;
	c->peer.implicit_tls = d->tls;
	if ((d->from != NULL &&
		uv_tcp_bind(&c->handle, (struct sockaddr *)&from, 0) < 0) ||
	    uv_tcp_connect(
		&c->connect, &c->handle, (struct sockaddr *)&to, on_connected) < 0) {
		close_conn(c);
		return VX_EINVAL;
	}
	c->connecting = true;
	c->session = session;
	session->host = &c->host;
	return VX_OK;
}

/* --- time
 * ------------------------------------------------------------------------------------------
 */

static void check_time(struct vx_conn *c, uint64_t now)
{
	const uint64_t silent = now - c->since_ms;

	if (c->closed)
		return;
	if (c->connecting) {
		if (silent > VX_DIAL_MS) {
			tell_failure(c, VX_ETIMEOUT, "connection timed out");
			close_conn(c);
		}
	} else if (c->in_flight.len > 0) {
		if (silent > VX_SLOW_READER_MS)
			close_conn(c);
	} else if (c->handshaking) {
		if (silent > VX_HANDSHAKE_MS) {
			tell_failure(c, VX_ETLS, "the handshake timed out");
			close_conn(c);
		}
	} else if (c->session != NULL && !c->closing && c->wants_input &&
		   silent > c->session->ops->patience_ms(c->session)) {
		c->session->ops->timeout(c->session, &c->out);
		farewell(c);
		drive(c);
	} else if (c->closing && silent > VX_HANDSHAKE_MS) {
		close_conn(c);
	}
}

void vx_conn_sweep(struct vx_server *s)
{
	const uint64_t now = vx_now_ms();

	for (struct vx_conn *c = s->conns, *next; c != NULL; c = next) {
		next = c->next;
		check_time(c, now);
	}
}

void vx_conn_stop_all(struct vx_server *s)
{
	for (struct vx_conn *c = s->conns, *next; c != NULL; c = next) {
		next = c->next;
		if (c->closed)
			continue;
		if (c->connecting) {
			close_conn(c);
			continue;
		}
		if (c->waits && !c->closing) { /* first the answer that is under way */
			c->stop_later = true;
			continue;
		}
		if (c->session != NULL && !c->handshaking && !c->closing)
			c->session->ops->stop(c->session, &c->out);
		farewell(c);
		drive(c);
	}
}
