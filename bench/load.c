/*
 * What drives the daemons for bench_mail.py: simple blocking clients, a thread each.
 *
 *   load limits                                    memcpy, TLS records, handshakes
 *   load smtp PORT SESSIONS PER-CONNECTION TOTAL SIZE MAILBOXES
 *   load append PORT CONNECTIONS TOTAL SIZE        by IMAP, into users 0, 1, ...
 *   load store PORT CONNECTIONS TOTAL              one flag at a time
 *   load login PORT CONNECTIONS TOTAL
 *   load time PORT USER COMMAND...                 each command: seconds and octets
 *   load idle PORT CONNECTIONS                     logged in and silent until stdin ends
 *
 * Users are uN@example.test with the password of tests/daemons/instance.py.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DOMAIN "example.test"
#define PASSWORD "correct-horse-7"

struct client {
	int fd;
	gnutls_session_t tls; /* NULL: in clear */
	char buf[64 * 1024];
	size_t len, at;
};

static gnutls_certificate_credentials_t credentials;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- a client --------------------------------------------------------------------- */

static void start_tls(struct client *c)
{
	int rc;

	if (gnutls_init(&c->tls, GNUTLS_CLIENT) < 0 ||
	    gnutls_set_default_priority(c->tls) < 0 ||
	    gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, credentials) < 0)
		fail("TLS");
	gnutls_transport_set_int(c->tls, c->fd);
	do
		rc = gnutls_handshake(c->tls);
	while (rc < 0 && !gnutls_error_is_fatal(rc));
	if (rc < 0)
		fail(gnutls_strerror(rc));
}

static struct client *dial(unsigned port, bool tls)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	struct client *c = calloc(1, sizeof(*c));
	const int on = 1;

	if (c == NULL)
		fail("memory");
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		fail("connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (tls)
		start_tls(c);
	return c;
}

static void hang_up(struct client *c)
{
	if (c->tls != NULL)
		gnutls_deinit(c->tls);
	(void)close(c->fd);
	free(c);
}

static void say(struct client *c, const char *text, size_t len)
{
	while (len > 0) {
		const ssize_t n = c->tls != NULL ? gnutls_record_send(c->tls, text, len)
						 : send(c->fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			fail("send");
		text += n;
		len -= (size_t)n;
	}
}

static void fill(struct client *c)
{
	ssize_t n;

	if (c->at > 0) {
		memmove(c->buf, c->buf + c->at, c->len - c->at);
		c->len -= c->at;
		c->at = 0;
	}
	if (c->len == sizeof(c->buf))
		c->len = 0; /* a line that nobody looks at */
	do                  /* a session ticket comes between records */
		n = c->tls != NULL
			? gnutls_record_recv(
			      c->tls, c->buf + c->len, sizeof(c->buf) - c->len)
			: recv(c->fd, c->buf + c->len, sizeof(c->buf) - c->len, 0);
	while (c->tls != NULL && n < 0 && !gnutls_error_is_fatal((int)n));
	if (n <= 0)
		fail("the server closed");
	c->len += (size_t)n;
}

/* The next line, without its end; valid until the next call. */
static const char *line(struct client *c)
{
	for (;;) {
		char *const begin = c->buf + c->at;
		char *const lf = memchr(begin, '\n', c->len - c->at);

		if (lf != NULL) {
			c->at = (size_t)(lf + 1 - c->buf);
			*(lf > begin && lf[-1] == '\r' ? lf - 1 : lf) = '\0';
			return begin;
		}
		fill(c);
	}
}

/* --- threads -------------------------------------------------------------------------
 */

struct job {
	unsigned port, threads, per_connection, total, size, mailboxes;
	atomic_uint next;
	char *message;
	double *took; /* of each, in seconds */
	void (*run)(struct job *j, unsigned thread);
};

struct thread {
	struct job *job;
	unsigned number;
};

static void *enter(void *arg)
{
	struct thread *t = arg;

	t->job->run(t->job, t->number);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void make_message(struct job *j)
{
	const size_t room = (size_t)j->size + 400;
	size_t at;

	j->message = malloc(room);
	j->took = calloc(j->total, sizeof(*j->took));
	if (j->message == NULL || j->took == NULL)
		fail("memory");
	at = (size_t)snprintf(j->message, room,
	    "From: someone@example.net\r\nTo: u0@" DOMAIN "\r\nSubject: bench\r\n"
	    "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: "
	    "<b@example.net>\r\n\r\n");
	while (at + 78 < j->size + 300u && at < j->size) {
		memset(j->message + at, 'a' + (int)(at / 78 % 26), 76);
		memcpy(j->message + at + 76, "\r\n", 2);
		at += 78;
	}
	j->message[at] = '\0';
}

/* Prints how many a second, and the mean, median, 99th and worst in milliseconds. */
static void run_all(struct job *j)
{
	pthread_t *ids = calloc(j->threads, sizeof(*ids));
	struct thread *threads = calloc(j->threads, sizeof(*threads));
	const double begin = now();
	double took, sum = 0;

	if (ids == NULL || threads == NULL)
		fail("memory");
	for (unsigned i = 0; i < j->threads; i++) {
		threads[i] = (struct thread){ j, i };
		if (pthread_create(&ids[i], NULL, enter, &threads[i]) != 0)
			fail("thread");
	}
	for (unsigned i = 0; i < j->threads; i++)
		(void)pthread_join(ids[i], NULL);
	took = now() - begin;
	for (unsigned i = 0; i < j->total; i++)
		sum += j->took[i];
	qsort(j->took, j->total, sizeof(*j->took), by_size);
	printf("%.1f %.3f %.3f %.3f %.3f\n", j->total / took, sum / j->total * 1e3,
	    j->took[j->total / 2] * 1e3, j->took[j->total - 1 - j->total / 100] * 1e3,
	    j->took[j->total - 1] * 1e3);
	free(ids);
	free(threads);
}

/* --- SMTP ------------------------------------------------------------------------------
 */

static void expect(struct client *c, char digit, unsigned count)
{
	while (count-- > 0) {
		const char *l = line(c);

		while (l[3] == '-')
			l = line(c);
		if (l[0] != digit)
			fail(l);
	}
}

static void one_message(struct job *j, struct client *c, unsigned number)
{
	char text[300];
	double begin;
	const int n = snprintf(text, sizeof(text),
	    "MAIL FROM:<someone@example.net>\r\nRCPT TO:<u%u@" DOMAIN ">\r\nDATA\r\n",
	    number % j->mailboxes);

	say(c, text, (size_t)n);
	expect(c, '2', 2);
	expect(c, '3', 1);
	say(c, j->message, strlen(j->message));
	begin = now();
	say(c, ".\r\n", 3);
	expect(c, '2', 1);
	j->took[number] = now() - begin;
}

static void run_smtp(struct job *j, unsigned thread)
{
	struct client *c = NULL;
	unsigned sent = 0, number;

	(void)thread;
	while ((number = atomic_fetch_add(&j->next, 1)) < j->total) {
		if (c == NULL) {
			c = dial(j->port, false);
			expect(c, '2', 1);
			say(c, "EHLO bench.example.net\r\n", 24);
			expect(c, '2', 1);
		}
		one_message(j, c, number);
		if (++sent % j->per_connection == 0) {
			hang_up(c);
			c = NULL;
		}
	}
	if (c != NULL)
		hang_up(c);
}

/* --- IMAP
 * ------------------------------------------------------------------------------- */

/* Up to the tagged line; how many octets came. */
static size_t until_tag(struct client *c)
{
	size_t octets = 0;

	for (;;) {
		const char *l;
		size_t literal = 0, len;
		const char *open;

		l = line(c);
		len = strlen(l);
		octets += len + 2;
		if (strncmp(l, "a ", 2) == 0) {
			if (strncmp(l, "a OK", 4) != 0)
				fail(l);
			return octets;
		}
		open = len > 2 && l[len - 1] == '}' ? strrchr(l, '{') : NULL;
		if (open != NULL)
			literal = strtoull(open + 1, NULL, 10);
		octets += literal;
		while (literal > 0) {
			const size_t have = c->len - c->at;
			const size_t part = have < literal ? have : literal;

			c->at += part;
			literal -= part;
			if (literal > 0)
				fill(c);
		}
	}
}

static size_t command(struct client *c, const char *text)
{
	char buf[600];
	const int n = snprintf(buf, sizeof(buf), "a %s\r\n", text);

	say(c, buf, (size_t)n);
	return until_tag(c);
}

static struct client *log_in(unsigned port, unsigned user)
{
	struct client *c = dial(port, true);
	char text[200];

	(void)line(c);
	(void)snprintf(text, sizeof(text), "LOGIN u%u@" DOMAIN " " PASSWORD, user);
	(void)command(c, text);
	return c;
}

static void run_append(struct job *j, unsigned thread)
{
	struct client *c = log_in(j->port, thread % j->mailboxes);
	const size_t len = strlen(j->message);
	char text[100];
	unsigned number;

	while ((number = atomic_fetch_add(&j->next, 1)) < j->total) {
		const double begin = now();
		const int n =
		    snprintf(text, sizeof(text), "a APPEND INBOX {%zu}\r\n", len);

		say(c, text, (size_t)n);
		if (line(c)[0] != '+')
			fail("APPEND");
		say(c, j->message, len);
		say(c, "\r\n", 2);
		(void)until_tag(c);
		j->took[number] = now() - begin;
	}
	hang_up(c);
}

static void run_store(struct job *j, unsigned thread)
{
	struct client *c = log_in(j->port, thread % j->mailboxes);
	unsigned number;
	bool on = true;

	(void)command(c, "SELECT INBOX");
	while ((number = atomic_fetch_add(&j->next, 1)) < j->total) {
		const double begin = now();

		(void)command(c, on ? "STORE 1 +FLAGS.SILENT (\\Flagged)"
				    : "STORE 1 -FLAGS.SILENT (\\Flagged)");
		on = !on;
		j->took[number] = now() - begin;
	}
	hang_up(c);
}

static void run_login(struct job *j, unsigned thread)
{
	unsigned number;

	(void)thread;
	while ((number = atomic_fetch_add(&j->next, 1)) < j->total) {
		const double begin = now();

		hang_up(log_in(j->port, number % j->mailboxes));
		j->took[number] = now() - begin;
	}
}

static void time_commands(unsigned port, unsigned user, char **commands)
{
	struct client *c = log_in(port, user);

	for (; *commands != NULL; commands++) {
		const double begin = now();
		const size_t octets = command(c, *commands);

		printf("%.6f %zu\n", now() - begin, octets);
	}
	hang_up(c);
}

static void idle(unsigned port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct client *c = log_in(port, 0);

		(void)command(c, "SELECT INBOX");
		say(c, "a IDLE\r\n", 8);
		(void)line(c);
	}
	printf("ready\n");
	(void)fflush(stdout);
	(void)getchar();
}

/* --- limits
 * ------------------------------------------------------------------------------ */

#define CHUNK ((size_t)16 * 1024)
#define COPIES 40000u

static void limits(void)
{
	char *a = malloc(CHUNK * 64), *b = malloc(CHUNK * 64);
	gnutls_cipher_hd_t cipher;
	gnutls_datum_t key = { NULL, 16 }, iv = { NULL, 12 };
	double begin;

	if (a == NULL || b == NULL)
		fail("memory");
	memset(a, 1, CHUNK * 64);
	memset(b, 2, CHUNK * 64);
	begin = now();
	for (unsigned i = 0; i < COPIES / 64; i++) {
		memcpy(b, a, CHUNK * 64);
		a[i % CHUNK] = b[(i + 1) % CHUNK];
	}
	printf("memcpy %.1f\n", COPIES / 64 * 64 * (double)CHUNK / 1e6 / (now() - begin));
	key.data = (unsigned char *)a;
	iv.data = (unsigned char *)b;
	if (gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_GCM,
		&(gnutls_datum_t){ key.data, 32 }, &iv) < 0)
		fail("cipher");
	begin = now();
	for (unsigned i = 0; i < COPIES; i++)
		(void)gnutls_cipher_encrypt(cipher, b, CHUNK);
	printf("aes %.1f\n", COPIES * (double)CHUNK / 1e6 / (now() - begin));
	gnutls_cipher_deinit(cipher);
	free(a);
	free(b);
}

static unsigned number(const char *s)
{
	return (unsigned)strtoul(s, NULL, 10);
}

int main(int argc, char **argv)
{
	struct job j = { .per_connection = 1, .mailboxes = 1, .size = 10000 };
	const char *mode = argc > 1 ? argv[1] : "";

	if (gnutls_certificate_allocate_credentials(&credentials) < 0)
		fail("TLS");
	j.port = argc > 2 ? number(argv[2]) : 0;
	j.threads = argc > 3 ? number(argv[3]) : 1;
	if (strcmp(mode, "limits") == 0) {
		limits();
	} else if (strcmp(mode, "smtp") == 0 && argc == 8) {
		j.per_connection = number(argv[4]);
		j.total = number(argv[5]);
		j.size = number(argv[6]);
		j.mailboxes = number(argv[7]);
		j.run = run_smtp;
	} else if (strcmp(mode, "append") == 0 && argc == 6) {
		j.total = number(argv[4]);
		j.size = number(argv[5]);
		j.mailboxes = j.threads;
		j.run = run_append;
	} else if (strcmp(mode, "store") == 0 && argc == 5) {
		j.total = number(argv[4]);
		j.mailboxes = j.threads;
		j.run = run_store;
	} else if (strcmp(mode, "login") == 0 && argc == 5) {
		j.total = number(argv[4]);
		j.run = run_login;
	} else if (strcmp(mode, "time") == 0 && argc > 4) {
		time_commands(j.port, number(argv[3]), argv + 4);
	} else if (strcmp(mode, "idle") == 0 && argc == 4) {
		idle(j.port, j.threads);
	} else {
		fprintf(stderr, "usage: see the beginning of bench/load.c\n");
		return 2;
	}
	if (j.run != NULL) {
		make_message(&j);
		run_all(&j);
		free(j.message);
		free(j.took);
	}
	gnutls_certificate_free_credentials(credentials);
	return 0;
}
