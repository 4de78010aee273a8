/* Questions to servers themselves: each of these is a socket that a thread plays. */
#include "lib/vxt.h"
#include "runtime/direct.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QR 0x80
#define AA 0x04
#define TC 0x02

enum habit {
	GOOD,
	LOSES_THE_FIRST,
	HAS_HEARD, /* not authoritative */
	CUTS,
	SAYS_OTHER_THINGS, /* other numbers, other names, garbage, again and again */
	TOO_LONG,
	SILENT,
	NOBODY /* the port is closed */
};

struct server {
	enum habit habit;
	int fd; /* -1: there is none */
	struct sockaddr_in at;
	pthread_t thread;
	unsigned asked;
	bool recursion; /* it was desired */
};

static void say(const struct server *s, const char *m, size_t len,
    const struct sockaddr_in *to, socklen_t to_len)
{
	ck_assert_int_eq(
	    sendto(s->fd, m, len, 0, (const struct sockaddr *)to, to_len), (ssize_t)len);
}

/* An address record for the question in m, of which len octets are there. */
static size_t answer(char *m, size_t len, int flags)
{
	static const char a[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\300\0\2\1";
	size_t end = 12;

	ck_assert_uint_gt(len, 17);
	while (m[end] != 0)
		end += (unsigned char)m[end] + 1;
	end += 5;
	m[2] = (char)(QR | flags);
	m[3] = 0;
	memset(m + 6, 0, 6);
	m[7] = 1;
	memcpy(m + end, a, sizeof(a) - 1);
	return end + sizeof(a) - 1;
}

static void disturb(const struct server *s, const char *good, size_t len,
    const struct sockaddr_in *to, socklen_t to_len)
{
	char m[1500];

	for (int i = 0; i < 50; i++) {
		memcpy(m, good, len);
		m[0] = (char)(m[0] + 1); /* another number */
		say(s, m, len, to, to_len);
		memcpy(m, good, len);
		m[13] ^= 1; /* another name */
		say(s, m, len, to, to_len);
		say(s, good, (size_t)i, to, to_len);
	}
}

static void *play(void *arg)
{
	struct server *const s = arg;
	char m[1500] = { 0 };
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n;

	while (
	    (n = recvfrom(s->fd, m, 512, 0, (struct sockaddr *)&from, &from_len)) > 0) {
		const int flags = s->habit == HAS_HEARD ? 0 : s->habit == CUTS ? TC : AA;
		size_t len;

		s->asked++;
		s->recursion = (m[2] & 1) != 0;
		if (s->habit == SILENT || (s->habit == LOSES_THE_FIRST && s->asked == 1))
			continue;
		len = answer(m, (size_t)n, flags);
		if (s->habit == SAYS_OTHER_THINGS)
			disturb(s, m, len, &from, from_len);
		else
			say(s, m, s->habit == TOO_LONG ? VX_DNS_UDP_MAX + 1 : len, &from,
			    from_len);
		from_len = sizeof(from);
	}
	return NULL;
}

static void begin(struct server *s, enum habit habit)
{
	socklen_t len = sizeof(s->at);

	*s = (struct server){ .habit = habit,
		.fd = socket(AF_INET, SOCK_DGRAM, 0),
		.at = {
		    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	ck_assert_int_ge(s->fd, 0);
	ck_assert_int_eq(bind(s->fd, (const struct sockaddr *)&s->at, sizeof(s->at)), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&s->at, &len), 0);
	if (habit == NOBODY) {
		ck_assert_int_eq(close(s->fd), 0);
		s->fd = -1;
	} else {
		ck_assert_int_eq(pthread_create(&s->thread, NULL, play, s), 0);
	}
}

static void end(struct server *s)
{
	if (s->fd < 0)
		return;
	say(s, "", 0, &s->at, sizeof(s->at)); /* the last that it hears */
	ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
	ck_assert_int_eq(close(s->fd), 0);
}

static void ask_for(struct vx_direct *d, const struct server *s, bool recurse)
{
	*d = (struct vx_direct){ .server = { .address = "127.0.0.1",
				     .port = ntohs(s->at.sin_port) },
		.recurse = recurse };
	vxt_assert_ok(vx_dns_ask(VX_DNS_A, "", VX_S("mail.example.net"), &d->question));
}

static uint64_t now_ms(void)
{
	struct timespec t;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#define HABITS (NOBODY + 1)

START_TEST(each_for_itself)
{
	struct server servers[HABITS];
	struct vx_direct d[HABITS];
	char text[VX_DNS_ADDRESS_MAX + 1];
	const uint64_t start = now_ms();
	uint64_t took;

	for (unsigned i = 0; i < HABITS; i++) {
		begin(&servers[i], (enum habit)i);
		ask_for(&d[i], &servers[i], i == HAS_HEARD);
	}
	vx_direct_ask(d, HABITS, 1000);
	took = now_ms() - start;
	/* nobody makes it longer, however much it sends */
	ck_assert_uint_ge(took, 1000);
	ck_assert_uint_lt(took, 10000);
	for (unsigned i = 0; i < HABITS; i++) {
		const bool answers = i == GOOD || i == LOSES_THE_FIRST || i == HAS_HEARD;

		end(&servers[i]);
		ck_assert_msg((d[i].answer != NULL) == answers, "habit %u", i);
		ck_assert_int_eq(d[i].truncated, i == CUTS);
		ck_assert_int_eq(d[i].authoritative, answers && i != HAS_HEARD);
		if (servers[i].fd >= 0)
			ck_assert_int_eq(servers[i].recursion, i == HAS_HEARD);
		if (!answers)
			continue;
		ck_assert_uint_eq(d[i].answer->count, 1);
		vxt_assert_ok(vx_dns_read_address(d[i].answer->rdata[0], text));
		ck_assert_str_eq(text, "192.0.2.1");
		vx_dns_answer_free(d[i].answer);
	}
	/* silence is asked again, an answer is not */
	ck_assert_uint_eq(servers[GOOD].asked, 1);
	ck_assert_uint_eq(servers[LOSES_THE_FIRST].asked, 2);
	ck_assert_uint_eq(servers[SILENT].asked, 2);
}
END_TEST

START_TEST(limits)
{
	static struct vx_direct d[VX_DIRECT_MAX + 1];
	struct server good;

	begin(&good, GOOD);
	for (size_t i = 0; i <= VX_DIRECT_MAX; i++)
		ask_for(&d[i], &good, false);
	vx_direct_ask(d, VX_DIRECT_MAX + 1, 10000);
	for (size_t i = 0; i < VX_DIRECT_MAX; i++) {
		ck_assert_ptr_nonnull(d[i].answer);
		vx_dns_answer_free(d[i].answer);
	}
	ck_assert_ptr_null(d[VX_DIRECT_MAX].answer);
	/* an address that is none, and no question at all */
	(void)strcpy(d[0].server.address, "ns.example.net");
	vx_direct_ask(d, 1, 10000);
	ck_assert_ptr_null(d[0].answer);
	vx_direct_ask(d, 0, 10000);
	end(&good);
}
END_TEST

VXT_SUITE(test_direct, "direct", each_for_itself, limits)
