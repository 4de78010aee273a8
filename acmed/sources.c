#include "acmed/sources.h"

#include "vectis/crypto.h"
#include "vectis/memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct server {
	char address[VX_DNS_ADDRESS_MAX + 1];
	uint16_t port;
};

/* On another thread; it outlives who wanted it. */
struct inquiry {
	struct vx_job job;     /* first */
	struct sources *owner; /* NULL: nobody wants it any more */
	struct vx_dns_question question;
	struct server servers[SOURCES_MAX];
	size_t count;
	struct vx_dns_answer *answers[SOURCES_MAX]; /* own; NULL: none */
};

struct sources {
	struct vx_worker *worker;
	sources_done_fn *done;
	void *ctx;
	struct inquiry *inquiry; /* being prepared, or under way */
	struct vx_lookup lookup;
	bool asking;
	size_t labels; /* of the question's name that are left away: the zone */
	char names[SOURCES_NAMES_MAX][VX_DNS_NAME_MAX + 1];
	size_t name_count, at; /* at: of 2 for each, A and AAAA */
};

int sources_new(
    struct vx_worker *w, sources_done_fn *done, void *ctx, struct sources **out)
{
	struct sources *const s = vx_memory_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->worker = w;
	s->done = done;
	s->ctx = ctx;
	*out = s;
	return VX_OK;
}

static void free_inquiry(struct inquiry *q)
{
	for (size_t i = 0; i < q->count; i++)
		vx_dns_answer_free(q->answers[i]);
	vx_memory_free(q);
}

void sources_stop(struct sources *s)
{
	struct inquiry *const q = s->inquiry;

	if (s->asking)
		s->worker->loop->forget(s->worker->loop, &s->lookup);
	if (q != NULL && q->owner == NULL)
		free_inquiry(q);
	else if (q != NULL)
		q->owner = NULL; /* it frees itself */
	s->asking = false;
	s->inquiry = NULL;
}

void sources_free(struct sources *s)
{
	if (s == NULL)
		return;
	sources_stop(s);
	vx_memory_free(s);
}

/* --- asking them, on a thread ---------------------------------------------------------
 */

struct asked {
	int fd; /* -1: it has answered, or cannot be asked */
	uint16_t id;
};

static int open_to(const struct server *to)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(to->port) };
	struct sockaddr_in6 b = { .sin6_family = AF_INET6, .sin6_port = htons(to->port) };
	const bool v4 = inet_pton(AF_INET, to->address, &a.sin_addr) == 1;
	int fd;

	if (!v4 && inet_pton(AF_INET6, to->address, &b.sin6_addr) != 1)
		return -1;
	fd =
	    socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
	    connect(fd, v4 ? (const struct sockaddr *)&a : (const struct sockaddr *)&b,
		v4 ? sizeof(a) : sizeof(b)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* Is it the answer?  One without authority says what it has heard, and is none. */
static bool take(struct inquiry *q, size_t i, uint16_t id, vx_slice message)
{
	struct vx_dns_records records;
	struct vx_dns_header header;
	bool good;

	if (vx_dns_read_header(message, &header) != VX_OK || header.id != id)
		return false;
	vx_dns_records_init(&records);
	good = vx_dns_read_message(message, &q->question, &records) == VX_OK;
	if (good && header.authoritative && !header.truncated &&
	    vx_dns_answered(&records.answer))
		q->answers[i] = vx_dns_answer_dup(&records.answer);
	vx_dns_records_done(&records);
	return good;
}

/* One datagram: whoever sends many does not keep us beyond the time. */
static void hear(struct inquiry *q, size_t i, struct asked *a)
{
	char octets[VX_DNS_UDP_MAX];
	const ssize_t n = recv(a->fd, octets, sizeof(octets), 0);

	if (n < 0 || !take(q, i, a->id, vx_slice_of(octets, (size_t)n)))
		return;
	(void)close(a->fd);
	a->fd = -1;
}

static void say(const struct inquiry *q, const struct asked *a)
{
	struct vx_buf message = { .max = 512 };

	if (a->fd >= 0 &&
	    vx_dns_write_query(&q->question, a->id, false, &message) == VX_OK)
		(void)send(a->fd, message.ptr, message.len, MSG_NOSIGNAL);
	vx_buf_done(&message);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One round.  False: all have answered. */
static bool ask_once(struct inquiry *q, struct asked *asked)
{
	const int64_t end = now_ms() + SOURCES_MS;
	struct pollfd fds[SOURCES_MAX];
	int64_t left;
	size_t open = 1;

	for (size_t i = 0; i < q->count; i++)
		say(q, &asked[i]);
	while (open > 0 && (left = end - now_ms()) > 0) {
		open = 0;
		for (size_t i = 0; i < q->count; i++) {
			fds[i] = (struct pollfd){ .fd = asked[i].fd, .events = POLLIN };
			open += asked[i].fd >= 0;
		}
		if (open > 0 && poll(fds, (nfds_t)q->count, (int)left) > 0)
			for (size_t i = 0; i < q->count; i++)
				if (fds[i].revents != 0)
					hear(q, i, &asked[i]);
	}
	return open > 0;
}

static void run(struct vx_job *job)
{
	struct inquiry *const q = (struct inquiry *)job;
	struct asked asked[SOURCES_MAX];

	for (size_t i = 0; i < q->count; i++) {
		asked[i].fd = open_to(&q->servers[i]);
		vx_random(&asked[i].id, sizeof(asked[i].id));
	}
	for (int round = 0; round < SOURCES_ROUNDS && ask_once(q, asked); round++)
		;
	for (size_t i = 0; i < q->count; i++)
		if (asked[i].fd >= 0)
			(void)close(asked[i].fd);
}

static void ran(struct vx_job *job)
{
	struct inquiry *const q = (struct inquiry *)job;
	struct sources *const s = q->owner;
	struct vx_dns_answer *answers[SOURCES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < q->count; i++)
		if (q->answers[i] != NULL)
			answers[n++] = q->answers[i];
	if (s != NULL) {
		s->inquiry = NULL;
		s->done(s->ctx, answers, n);
	}
	free_inquiry(q);
}

/* --- who they are ---------------------------------------------------------------------
 */

static int begin(struct sources *s)
{
	struct inquiry *const q = s->inquiry;
	int rc;

	q->job = (struct vx_job){ .run = run, .done = ran };
	q->owner = s;
	rc = s->worker->loop->submit(s->worker->loop, &q->job);
	if (rc != VX_OK) {
		q->owner = NULL;
		sources_stop(s);
	}
	return rc;
}

static void add(struct inquiry *q, vx_slice address, uint16_t port)
{
	struct server *const to = &q->servers[q->count];

	if (q->count == SOURCES_MAX)
		return;
	(void)snprintf(
	    to->address, sizeof(to->address), "%.*s", (int)address.len, address.ptr);
	to->port = port;
	q->count++;
}

/* "zone address[@port]": the servers that the configuration names.  False: none. */
static bool add_configured(struct sources *s)
{
	const struct vx_text_list *const zones = &s->worker->config->dns_zones;

	for (size_t i = 0; i < zones->count; i++) {
		vx_slice rest = vx_slice_str(zones->items[i]), zone, address;
		uint64_t port = 53;

		(void)vx_slice_cut(&rest, ' ', &zone);
		if (!vx_dns_is_below(vx_slice_str(s->inquiry->question.name), zone))
			continue;
		rest = vx_slice_trim(rest, " ");
		(void)vx_slice_cut(&rest, '@', &address);
		if (rest.len == 0 || vx_slice_number(rest, UINT16_MAX, &port) == VX_OK)
			add(s->inquiry, address, (uint16_t)port);
	}
	return s->inquiry->count > 0;
}

static int go_on(struct sources *s);

static void on_answer(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct sources *const s =
	    (struct sources *)(void *)((char *)l - offsetof(struct sources, lookup));
	char text[VX_DNS_ADDRESS_MAX + 1];

	s->asking = false;
	if (s->name_count == 0) {
		for (size_t i = 0; i < a->count && s->name_count < SOURCES_NAMES_MAX; i++)
			s->name_count += vx_dns_read_name(a->rdata[i],
					     s->names[s->name_count]) == VX_OK;
		s->labels++;
	} else {
		if (a->count > 0 && vx_dns_read_address(a->rdata[0], text) == VX_OK)
			add(s->inquiry, vx_slice_str(text), 53);
		s->at++;
	}
	if (go_on(s) != VX_OK)
		s->done(s->ctx, NULL, 0);
}

/* The next question: NS of the name and of those above it, then where these are. */
static bool next(struct sources *s, struct vx_dns_question *q)
{
	const vx_slice name = vx_slice_str(s->inquiry->question.name);

	if (s->name_count == 0)
		return vx_dns_labels(name) > s->labels &&
		       vx_dns_ask(VX_DNS_NS, "", vx_dns_parent(name, s->labels), q) ==
			   VX_OK;
	return s->at < 2 * s->name_count &&
	       vx_dns_ask(s->at % 2 == 0 ? VX_DNS_A : VX_DNS_AAAA, "",
		   vx_slice_str(s->names[s->at / 2]), q) == VX_OK;
}

static int go_on(struct sources *s)
{
	s->lookup = (struct vx_lookup){ .done = on_answer };
	s->asking = next(s, &s->lookup.question) &&
		    s->worker->loop->ask(s->worker->loop, &s->lookup) == VX_OK;
	return s->asking ? VX_OK : begin(s);
}

int sources_ask(struct sources *s, const struct vx_dns_question *q)
{
	sources_stop(s);
	s->inquiry = vx_memory_alloc(sizeof(*s->inquiry));
	if (s->inquiry == NULL)
		return VX_ENOMEM;
	s->inquiry->question = *q;
	s->labels = s->name_count = s->at = 0;
	return add_configured(s) ? begin(s) : go_on(s);
}
