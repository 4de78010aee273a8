/*
 * Each question has a socket of its own, which is connected, so that others' datagrams do
 * not come, and a random number; what does not fit both is thrown away.
 */
#include "runtime/direct.h"

#include "vectis/crypto.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct asked {
	int fd; /* -1: it has answered, or cannot be asked */
	uint16_t id;
};

static int open_to(const struct vx_dns_server *to)
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

/* Is it the answer?  Then it is kept. */
static bool take(struct vx_direct *q, uint16_t id, vx_slice message)
{
	struct vx_dns_records records;
	struct vx_dns_header header;
	bool good;

	if (vx_dns_read_header(message, &header) != VX_OK || header.id != id)
		return false;
	vx_dns_records_init(&records);
	good = vx_dns_read_message(message, &q->question, &records) == VX_OK;
	q->truncated = good && header.truncated;
	q->authoritative = good && header.authoritative;
	if (good && !header.truncated)
		q->answer = vx_dns_answer_dup(&records.answer);
	vx_dns_records_done(&records);
	return good;
}

/* One datagram: whoever sends many does not keep us beyond the time. */
static void hear(struct vx_direct *q, struct asked *a)
{
	char octets[VX_DNS_UDP_MAX + 1]; /* longer than was asked for is none */
	const ssize_t n = recv(a->fd, octets, sizeof(octets), 0);

	if (n < 0 || n > VX_DNS_UDP_MAX ||
	    !take(q, a->id, vx_slice_of(octets, (size_t)n)))
		return;
	(void)close(a->fd);
	a->fd = -1;
}

static void say(const struct vx_direct *q, const struct asked *a)
{
	struct vx_buf message = { .max = 512 };

	if (a->fd >= 0 &&
	    vx_dns_write_query(&q->question, a->id, q->recurse, &message) == VX_OK)
		(void)send(a->fd, message.ptr, message.len, MSG_NOSIGNAL);
	vx_buf_done(&message);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Until all have answered, or it is end.  False: all have. */
static bool listen_until(
    struct vx_direct *list, struct asked *asked, size_t count, uint64_t end)
{
	struct pollfd fds[VX_DIRECT_MAX];
	size_t open = 1;

	for (uint64_t now; open > 0 && (now = now_ms()) < end;) {
		open = 0;
		for (size_t i = 0; i < count; i++) {
			fds[i] = (struct pollfd){ .fd = asked[i].fd, .events = POLLIN };
			open += asked[i].fd >= 0;
		}
		/* that nobody listens there is silence, too: it is read, and asked again
		 */
		if (open > 0 && poll(fds, (nfds_t)count, (int)(end - now)) > 0)
			for (size_t i = 0; i < count; i++)
				if (fds[i].revents != 0)
					hear(&list[i], &asked[i]);
	}
	return open > 0;
}

void vx_direct_ask(struct vx_direct *list, size_t count, uint64_t ms_max)
{
	const uint64_t end = now_ms() + ms_max;
	const size_t n = count < VX_DIRECT_MAX ? count : VX_DIRECT_MAX;
	struct asked asked[VX_DIRECT_MAX];
	bool open = true;

	for (size_t i = 0; i < count; i++) {
		list[i].answer = NULL;
		list[i].truncated = list[i].authoritative = false;
	}
	for (size_t i = 0; i < n; i++) {
		asked[i].fd = open_to(&list[i].server);
		vx_random(&asked[i].id, sizeof(asked[i].id));
	}
	for (uint64_t now; open && (now = now_ms()) < end;) {
		for (size_t i = 0; i < n; i++)
			say(&list[i], &asked[i]);
		open = listen_until(list, asked, n,
		    end - now < VX_DIRECT_AGAIN_MS ? end : now + VX_DIRECT_AGAIN_MS);
	}
	for (size_t i = 0; i < n; i++)
		if (asked[i].fd >= 0)
			(void)close(asked[i].fd);
}
