/*
 * libcurl's multi interface on libuv: it says which descriptors and which time it waits
 * for, and is told what came.  Its callbacks must not end transfers: those that are over
 * are taken from its list afterwards.
 */
#include "runtime/fetch.h"

#include "runtime/resolver.h"
#include "runtime/worker.h"
#include "vectis/memory.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_MS 60000

struct place {
	size_t name, name_len, value, value_len; /* in head */
};

struct transfer {
	struct vx_fetcher *fetcher;
	struct vx_fetch *fetch; /* whose it is */
	struct transfer *next, **link;
	uint64_t until_ms;
	/* the request */
	char method[VX_FETCH_METHOD_MAX + 1], url[VX_FETCH_URL_MAX + 1];
	char host[VX_DNS_NAME_MAX + 1];
	uint64_t port;
	struct curl_slist *fields, *addresses; /* own */
	struct vx_buf body;                    /* own */
	/* the addresses */
	struct vx_lookup lookups[2];
	bool asking[2], dns_failed;
	struct vx_buf resolved; /* own: "+host:port:address,address" */
	size_t address_count;
	/* the answer */
	CURL *easy; /* own */
	char error[CURL_ERROR_SIZE];
	struct vx_buf head, answer; /* own */
	struct place places[VX_FETCH_FIELDS_MAX];
	size_t field_count;
	bool too_large;
};

struct timer { /* on the heap: libuv gives it back later */
	uv_timer_t handle;
	struct vx_fetcher *fetcher;
};

struct vx_fetcher {
	uv_loop_t *loop;
	struct vx_resolver *resolver;
	const char *authorities;
	CURLM *multi;      /* own */
	uv_timer_t *timer; /* own */
	struct transfer *list;
	size_t count;
};

struct watched { /* a descriptor of libcurl's */
	uv_poll_t poll;
	struct vx_fetcher *fetcher;
	curl_socket_t fd;
};

/* --- the end of a transfer ------------------------------------------------------------
 */

static void free_transfer(struct transfer *t)
{
	for (size_t i = 0; i < 2; i++)
		if (t->asking[i])
			vx_resolver_forget(t->fetcher->resolver, &t->lookups[i]);
	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(t->fetcher->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->fields);
	curl_slist_free_all(t->addresses);
	vx_buf_done(&t->body);
	vx_buf_done(&t->resolved);
	vx_buf_done(&t->head);
	vx_buf_done(&t->answer);
	if (t->link != NULL) {
		*t->link = t->next;
		if (t->next != NULL)
			t->next->link = t->link;
		t->fetcher->count--;
	}
	vx_memory_free(t);
}

static void finish(struct transfer *t, const struct vx_fetch_answer *a)
{
	struct vx_fetch *f = t->fetch;

	f->handle = NULL;
	f->done(f, a);
	free_transfer(t);
}

static void fail(struct transfer *t, enum vx_fetch_result result, const char *text)
{
	const struct vx_fetch_answer a = { .result = result, .text = text };

	finish(t, &a);
}

static void succeed(struct transfer *t)
{
	struct vx_fetch_field fields[VX_FETCH_FIELDS_MAX];
	struct vx_fetch_answer a = { .result = VX_FETCH_ANSWERED,
		.text = "",
		.fields = fields,
		.field_count = t->field_count,
		.body = vx_buf_slice(&t->answer) };
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	a.status = (unsigned)status;
	for (size_t i = 0; i < t->field_count; i++) {
		const struct place *p = &t->places[i];

		fields[i].name = vx_slice_of(t->head.ptr + p->name, p->name_len);
		fields[i].value = vx_slice_of(t->head.ptr + p->value, p->value_len);
	}
	finish(t, &a);
}

static const struct {
	CURLcode code;
	enum vx_fetch_result result;
} results[] = { { CURLE_COULDNT_RESOLVE_HOST, VX_FETCH_NO_NAME },
	{ CURLE_COULDNT_CONNECT, VX_FETCH_CONNECT },
	{ CURLE_OPERATION_TIMEDOUT, VX_FETCH_TIMEOUT },
	{ CURLE_SSL_CONNECT_ERROR, VX_FETCH_TLS }, { CURLE_SSL_CIPHER, VX_FETCH_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, VX_FETCH_CERTIFICATE },
	{ CURLE_SSL_ISSUER_ERROR, VX_FETCH_CERTIFICATE },
	{ CURLE_SSL_INVALIDCERTSTATUS, VX_FETCH_CERTIFICATE },
	{ CURLE_FILESIZE_EXCEEDED, VX_FETCH_TOO_LARGE },
	{ CURLE_WEIRD_SERVER_REPLY, VX_FETCH_BROKEN },
	{ CURLE_UNSUPPORTED_PROTOCOL, VX_FETCH_BROKEN }, /* HTTP/0.9 */
	{ CURLE_PARTIAL_FILE, VX_FETCH_BROKEN }, { CURLE_GOT_NOTHING, VX_FETCH_BROKEN },
	{ CURLE_SEND_ERROR, VX_FETCH_BROKEN }, { CURLE_RECV_ERROR, VX_FETCH_BROKEN } };

static void end_transfer(struct transfer *t, CURLcode code)
{
	enum vx_fetch_result result = VX_FETCH_FAILED;

	if (code == CURLE_OK) {
		succeed(t);
		return;
	}
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i].code == code)
			result = results[i].result;
	if (t->too_large)
		fail(t, VX_FETCH_TOO_LARGE, "the answer is larger than is taken");
	else
		fail(
		    t, result, t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
}

/* Those that are over; a done may begin and drop others meanwhile. */
static void end_transfers(struct vx_fetcher *f)
{
	const CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
		struct transfer *t = NULL;
		const CURLcode code = m->data.result;

		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		end_transfer(t, code);
	}
}

/* --- what libcurl waits for -----------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle)
{
	vx_memory_free(handle->data);
}

static void on_descriptor(uv_poll_t *poll, int status, int events)
{
	struct watched *w = poll->data;
	struct vx_fetcher *f = w->fetcher;
	int running, what = 0;

	if (status < 0)
		what = CURL_CSELECT_ERR;
	if ((events & UV_READABLE) != 0)
		what |= CURL_CSELECT_IN;
	if ((events & UV_WRITABLE) != 0)
		what |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(f->multi, w->fd, what, &running);
	end_transfers(f);
}

static void on_timer(uv_timer_t *timer)
{
	struct vx_fetcher *f = ((struct timer *)timer->data)->fetcher;
	int running;

	(void)curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	end_transfers(f);
}

static struct watched *watch(struct vx_fetcher *f, curl_socket_t fd)
{
	struct watched *w = vx_memory_alloc(sizeof(*w));

	if (w == NULL || uv_poll_init_socket(f->loop, &w->poll, fd) < 0) {
		vx_memory_free(w);
		return NULL;
	}
	w->poll.data = w;
	w->fetcher = f;
	w->fd = fd;
	(void)curl_multi_assign(f->multi, fd, w);
	return w;
}

static int set_descriptor(CURL *easy, curl_socket_t fd, int what, void *ctx, void *its)
{
	struct vx_fetcher *f = ctx;
	struct watched *w = its;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		/* before it is closed: the handle must not outlive that */
		if (w != NULL && !uv_is_closing((uv_handle_t *)&w->poll))
			uv_close((uv_handle_t *)&w->poll, on_closed);
		return 0;
	}
	if (w == NULL && (w = watch(f, fd)) == NULL)
		return -1;
	if (what != CURL_POLL_OUT)
		events |= UV_READABLE;
	if (what != CURL_POLL_IN)
		events |= UV_WRITABLE;
	return uv_poll_start(&w->poll, events, on_descriptor) < 0 ? -1 : 0;
}

static int set_timer(CURLM *multi, long ms, void *ctx)
{
	struct vx_fetcher *f = ctx;

	(void)multi;
	if (uv_is_closing((uv_handle_t *)f->timer))
		return 0;
	if (ms < 0)
		(void)uv_timer_stop(f->timer);
	else
		(void)uv_timer_start(f->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

/* --- the answer -----------------------------------------------------------------------
 */

static size_t on_body(char *ptr, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	const size_t len = size * count; /* size is 1 */

	vx_buf_add(&t->answer, vx_slice_of(ptr, len));
	t->too_large = t->too_large || t->answer.failed;
	return t->answer.failed ? 0 : len;
}

static void add_field(struct transfer *t, vx_slice name, vx_slice value)
{
	struct place *p = &t->places[t->field_count++];

	*p = (struct place){ t->head.len, name.len, t->head.len + name.len, value.len };
	vx_buf_add(&t->head, name);
	vx_buf_add(&t->head, value);
}

/* A line of the header, or of trailers; those of an answer like 100 go before its own. */
static size_t on_field(char *ptr, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	vx_slice line = vx_slice_of(ptr, size * count), name;

	if (vx_slice_has_prefix(line, VX_S("HTTP/"))) {
		vx_buf_reset(&t->head);
		t->field_count = 0;
		return size * count;
	}
	if (line.len > VX_FETCH_FIELD_OCTETS || t->field_count == VX_FETCH_FIELDS_MAX)
		t->too_large = true;
	else if (vx_slice_cut(&line, ':', &name))
		add_field(t, name, vx_slice_trim(line, " \t\r\n"));
	t->too_large = t->too_large || t->head.failed;
	return t->too_large ? 0 : size * count;
}

/* --- the request ----------------------------------------------------------------------
 */

#define SET(option, value) (ok = ok && curl_easy_setopt(e, option, value) == CURLE_OK)

static bool set_security(struct transfer *t, CURL *e)
{
	const char *const authorities = t->fetcher->authorities;
	bool ok = true;

	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CAPATH, NULL);
	if (authorities[0] != '\0')
		SET(CURLOPT_CAINFO, authorities);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	return ok;
}

static bool set_ends(struct transfer *t, CURL *e)
{
	const uint64_t now = vx_now_ms();
	const long left = now < t->until_ms ? (long)(t->until_ms - now) : 1;
	bool ok = true;

	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_ERRORBUFFER, t->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_field);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_TIMEOUT_MS, left);
	SET(CURLOPT_CONNECTTIMEOUT_MS,
	    left < VX_FETCH_CONNECT_MS ? left : (long)VX_FETCH_CONNECT_MS);
	if (t->addresses != NULL)
		SET(CURLOPT_RESOLVE, t->addresses);
	return ok;
}

static bool set_request(struct transfer *t, CURL *e)
{
	bool ok = true;

	SET(CURLOPT_URL, t->url);
	SET(CURLOPT_USERAGENT, "vectis/" VX_VERSION);
	SET(CURLOPT_HTTPHEADER, t->fields);
	if (strcmp(t->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	} else if (strcmp(t->method, "GET") == 0) {
		SET(CURLOPT_HTTPGET, 1L);
	} else {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.len);
		SET(CURLOPT_POSTFIELDS, t->body.len > 0 ? t->body.ptr : "");
		SET(CURLOPT_CUSTOMREQUEST, t->method);
	}
	return ok;
}

static int begin(struct transfer *t)
{
	t->easy = curl_easy_init();
	if (t->easy == NULL || !set_security(t, t->easy) || !set_ends(t, t->easy) ||
	    !set_request(t, t->easy) ||
	    curl_multi_add_handle(t->fetcher->multi, t->easy) != CURLM_OK)
		return VX_ENOMEM;
	return VX_OK;
}

/* --- addresses ------------------------------------------------------------------------
 */

static void add_address(struct transfer *t, vx_slice rdata)
{
	char text[VX_DNS_ADDRESS_MAX + 1];

	if (t->address_count == VX_FETCH_ADDRESSES ||
	    vx_dns_read_address(rdata, text) != VX_OK)
		return;
	if (t->address_count == 0) /* +: for this request, not for good */
		vx_buf_printf(&t->resolved, "+%s:%u:", t->host, (unsigned)t->port);
	else
		vx_buf_add_char(&t->resolved, ',');
	t->address_count++;
	if (strchr(text, ':') != NULL)
		vx_buf_printf(&t->resolved, "[%s]", text);
	else
		vx_buf_add_str(&t->resolved, text);
}

static void all_answered(struct transfer *t)
{
	if (t->address_count == 0) {
		fail(t, t->dns_failed ? VX_FETCH_DNS : VX_FETCH_NO_NAME,
		    t->dns_failed ? "the name servers of the host do not answer"
				  : "there is no such host, or it has no address");
		return;
	}
	vx_buf_add_char(&t->resolved, '\0');
	if (!t->resolved.failed)
		t->addresses = curl_slist_append(NULL, t->resolved.ptr);
	if (t->addresses == NULL || begin(t) != VX_OK)
		fail(t, VX_FETCH_FAILED, "the request cannot be made");
}

static void answered(struct transfer *t, size_t i, const struct vx_dns_answer *a)
{
	t->asking[i] = false;
	t->dns_failed = t->dns_failed || !vx_dns_answered(a);
	for (size_t k = 0; k < a->count; k++)
		add_address(t, a->rdata[k]);
	if (!t->asking[0] && !t->asking[1])
		all_answered(t);
}

static void answered_aaaa(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	answered((struct transfer *)(void *)((char *)l -
					     offsetof(struct transfer, lookups[0])),
	    0, a);
}

static void answered_a(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	answered((struct transfer *)(void *)((char *)l -
					     offsetof(struct transfer, lookups[1])),
	    1, a);
}

static int ask(struct transfer *t)
{
	static const enum vx_dns_type types[] = { VX_DNS_AAAA, VX_DNS_A };
	int rc = VX_OK;

	for (size_t i = 0; i < 2 && rc == VX_OK; i++) {
		struct vx_lookup *l = &t->lookups[i];

		l->done = i == 0 ? answered_aaaa : answered_a;
		rc = vx_dns_ask(types[i], "", vx_slice_str(t->host), &l->question);
		if (rc == VX_OK)
			rc = vx_resolver_ask(t->fetcher->resolver, l);
		t->asking[i] = rc == VX_OK;
	}
	return rc;
}

/* --- asking ---------------------------------------------------------------------------
 */

/* Host and port; *numeric: there is nothing to look up. */
static int read_url(struct transfer *t, bool *numeric)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL;
	int rc = VX_EINVAL;

	if (u == NULL)
		return VX_ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, t->url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		char octets[16];

		*numeric = host[0] == '[' || uv_inet_pton(AF_INET, host, octets) == 0;
		rc = vx_slice_number(vx_slice_str(port), 65535, &t->port);
		if (rc == VX_OK && !*numeric)
			rc = vx_dns_name(vx_slice_str(host), t->host);
		/* as libcurl will look for it */
		if (rc == VX_OK && !*numeric &&
		    (!vx_dns_is_host(t->host) || strcasecmp(t->host, host) != 0))
			rc = VX_EINVAL;
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return rc;
}

static bool add_line(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->fields, line);

	if (more != NULL)
		t->fields = more;
	return more != NULL;
}

static int copy_fields(struct transfer *t, const struct vx_fetch *f)
{
	bool ok = add_line(t, "Expect:"), typed = false;

	for (size_t i = 0; i < f->field_count && ok; i++) {
		const vx_slice name = f->fields[i].name, value = f->fields[i].value;
		struct vx_buf line = { .max = VX_FETCH_FIELD_OCTETS + 8 };

		vx_buf_add(&line, name);
		vx_buf_add_str(&line, value.len > 0 ? ": " : ";");
		vx_buf_add(&line, value);
		vx_buf_add_char(&line, '\0');
		ok = !line.failed && add_line(t, line.ptr);
		vx_buf_done(&line);
		typed = typed || vx_slice_eq_nocase(name, VX_S("Content-Type"));
	}
	if (ok && !typed) /* libcurl would say that it is a form */
		ok = add_line(t, "Content-Type:");
	return ok ? VX_OK : VX_ENOMEM;
}

static int copy_request(struct transfer *t, const struct vx_fetch *f)
{
	(void)snprintf(t->method, sizeof(t->method), "%s", f->method);
	(void)snprintf(t->url, sizeof(t->url), "%s", f->url);
	vx_buf_init(&t->body, VX_FETCH_BODY_MAX);
	vx_buf_init(&t->head, VX_FETCH_FIELDS_OCTETS);
	vx_buf_init(&t->answer, f->body_max > 0 ? f->body_max : VX_FETCH_BODY_MAX);
	vx_buf_init(&t->resolved,
	    VX_DNS_NAME_MAX + 20 + VX_FETCH_ADDRESSES * (VX_DNS_ADDRESS_MAX + 3));
	vx_buf_add(&t->body, f->body);
	t->until_ms = vx_now_ms() + (f->ms_max > 0 ? f->ms_max : DEFAULT_MS);
	return t->body.failed ? VX_ENOMEM : copy_fields(t, f);
}

int vx_fetcher_fetch(struct vx_fetcher *f, struct vx_fetch *request)
{
	struct transfer *t;
	bool numeric = false;
	int rc;

	if (!vx_fetch_check(request))
		return VX_EINVAL;
	if (f->count >= VX_FETCHES_MAX)
		return VX_ELIMIT;
	t = vx_memory_alloc(sizeof(*t));
	if (t == NULL)
		return VX_ENOMEM;
	t->fetcher = f;
	t->fetch = request;
	rc = copy_request(t, request);
	if (rc == VX_OK)
		rc = read_url(t, &numeric);
	if (rc == VX_OK)
		rc = numeric ? begin(t) : ask(t);
	if (rc != VX_OK) {
		free_transfer(t);
		return rc;
	}
	t->next = f->list;
	t->link = &f->list;
	if (t->next != NULL)
		t->next->link = &t->next;
	f->list = t;
	f->count++;
	request->handle = t;
	return VX_OK;
}

void vx_fetcher_drop(struct vx_fetcher *f, struct vx_fetch *request)
{
	struct transfer *t = request->handle;

	(void)f;
	request->handle = NULL;
	if (t != NULL)
		free_transfer(t);
}

/* --- life -----------------------------------------------------------------------------
 */

static int set_up(struct vx_fetcher *f)
{
	f->multi = curl_multi_init();
	if (f->multi == NULL ||
	    curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, set_descriptor) !=
		CURLM_OK ||
	    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) != CURLM_OK ||
	    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
	    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) != CURLM_OK ||
	    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)VX_FETCH_KEPT) !=
		CURLM_OK)
		return VX_ENOMEM;
	return VX_OK;
}

int vx_fetcher_new(uv_loop_t *loop, struct vx_resolver *resolver, const char *authorities,
    struct vx_fetcher **out)
{
	struct timer *timer;
	struct vx_fetcher *f;
	int rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return VX_ENOMEM;
	f = vx_memory_alloc(sizeof(*f));
	timer = vx_memory_alloc(sizeof(*timer));
	if (f == NULL || timer == NULL) {
		vx_memory_free(f);
		vx_memory_free(timer);
		return VX_ENOMEM;
	}
	f->loop = loop;
	f->resolver = resolver;
	f->authorities = authorities;
	f->timer = &timer->handle;
	(void)uv_timer_init(loop, f->timer);
	timer->fetcher = f;
	f->timer->data = timer;
	rc = set_up(f);
	if (rc != VX_OK) {
		vx_fetcher_close(f);
		return rc;
	}
	*out = f;
	return VX_OK;
}

void vx_fetcher_close(struct vx_fetcher *f)
{
	if (f == NULL)
		return;
	while (f->list != NULL)
		free_transfer(f->list);
	if (f->multi != NULL)
		(void)curl_multi_cleanup(f->multi);
	if (!uv_is_closing((uv_handle_t *)f->timer))
		uv_close((uv_handle_t *)f->timer, on_closed);
	vx_memory_free(f);
}

/* --- as the loop of a worker ----------------------------------------------------------
 */

static struct vx_server *server_of(struct vx_loop *loop)
{
	return (
	    struct vx_server *)(void *)((char *)loop - offsetof(struct vx_server, host));
}

static int loop_fetch(struct vx_loop *loop, struct vx_fetch *f)
{
	return vx_fetcher_fetch(server_of(loop)->fetcher, f);
}

static void loop_drop(struct vx_loop *loop, struct vx_fetch *f)
{
	vx_fetcher_drop(server_of(loop)->fetcher, f);
}

int vx_fetcher_open(struct vx_worker *w, struct vx_fetcher **out)
{
	struct vx_server *s = server_of(w->loop);
	const int rc = vx_fetcher_new(
	    &s->loop, s->resolver, w->config->tls_authorities, &s->fetcher);

	if (rc != VX_OK)
		return rc;
	w->loop->fetch = loop_fetch;
	w->loop->drop = loop_drop;
	*out = s->fetcher;
	return VX_OK;
}
