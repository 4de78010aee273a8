/*
 * What drives the daemons for bench_mail.py: simple blocking clients, a thread each.
 *
 *   load limits CHAIN KEY                          memcpy, TLS records, handshakes
 *   load smtp PORT SESSIONS PER-CONNECTION TOTAL SIZE MAILBOXES [NAME]
 *   load starttls ... as smtp                      the same behind STARTTLS
 *   load submit ... as smtp, then DOMAIN           behind a login, each session as a
 *                                                  user, to users of the other domain
 *   load file ... as smtp, then FILE SENDER CLIENT one message from a file, from an
 * address load append PORT CONNECTIONS TOTAL SIZE        by IMAP, into users 0, 1, ...
 *   load store PORT CONNECTIONS TOTAL              one flag at a time
 *   load login PORT CONNECTIONS TOTAL              LOGIN, SELECT, LOGOUT
 *   load time PORT USER COMMAND...                 each command: seconds and octets
 *   load each PORT USER TOTAL                      a FETCH for each body, 64 under way
 *   load sink PORT TOTAL                           a server that takes so many messages
 *   load idle PORT CONNECTIONS MAILBOXES           in IDLE until stdin ends
 *   load idle-smtp PORT CONNECTIONS                after EHLO until stdin ends
 *
 * Users are uN@example.test with the password of tests/daemons/instance.py.  Every
 * message is another one; SIZE 0 is a mix of sizes and structures, 35 KB on average.
 */
#include <arpa/inet.h>
#include <errno.h>
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

static in_addr_t from; /* our own address; 0: any */

static struct client *dial(unsigned port, bool tls)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	const struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = from };
	struct client *c = calloc(1, sizeof(*c));
	const int on = 1;

	if (c == NULL)
		fail("memory");
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 ||
	    (from != 0 && bind(c->fd, (const struct sockaddr *)&own, sizeof(own)) < 0) ||
	    connect(c->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
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

/* What follows the header fields that are different in every message. */
struct body {
	char *text;
	size_t len;
};

#define HEADER_MAX ((size_t)400)

static const struct kind {
	unsigned percent;
	size_t octets;
	bool parts; /* text and HTML, and an attachment */
} mix[] = {
	{ 50, 3000, false },
	{ 30, 12000, true },
	{ 15, 60000, true },
	{ 4, 300000, true },
	{ 1, 900000, true },
};

#define KINDS (sizeof(mix) / sizeof(mix[0]))

struct job {
	unsigned port, threads, per_connection, total, size, mailboxes;
	const char *name;   /* of the mailboxes, before their number */
	const char *sender; /* reverse-path; NULL: the session's user, who logs in */
	const char *domain; /* of the mailboxes */
	char *file;         /* own: the one message, with its last dot missing; or NULL */
	size_t file_len;
	bool starttls;
	atomic_uint next;
	struct body bodies[KINDS]; /* of a fixed size: only the first */
	double *took;              /* of each, in seconds */
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

static void add_text(struct body *b, const char *text)
{
	const size_t len = strlen(text);

	memcpy(b->text + b->len, text, len + 1);
	b->len += len;
}

static void add_lines(struct body *b, size_t octets)
{
	char text[79] = { 0 };

	for (size_t i = 0; i < octets / 78; i++) {
		for (size_t k = 0; k < 76; k++)
			text[k] =
			    "etaoin shrdlu ETAOIN/+0123456789"[(i * 7 + k * k) % 32];
		memcpy(text + 76, "\r\n", 2);
		add_text(b, text);
	}
}

static void make_body(struct body *b, size_t octets, bool parts)
{
	b->text = malloc(octets + 2000);
	if (b->text == NULL)
		fail("memory");
	b->len = 0;
	if (!parts) {
		add_text(b, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
		add_lines(b, octets);
		return;
	}
	add_text(b,
	    "Content-Type: multipart/mixed; boundary=\"mixed\"\r\n\r\n--mixed\r\n"
	    "Content-Type: multipart/alternative; boundary=\"alt\"\r\n\r\n--alt\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	add_lines(b, 1000);
	add_text(b, "--alt\r\nContent-Type: text/html; charset=utf-8\r\n\r\n");
	add_lines(b, 3000);
	add_text(b, "--alt--\r\n--mixed\r\nContent-Type: application/pdf; name=a.pdf\r\n"
		    "Content-Disposition: attachment; filename=\"a.pdf\"\r\n"
		    "Content-Transfer-Encoding: base64\r\n\r\n");
	add_lines(b, octets - 4000);
	add_text(b, "--mixed--\r\n");
}

static void make_bodies(struct job *j)
{
	j->took = calloc(j->total, sizeof(*j->took));
	if (j->took == NULL)
		fail("memory");
	if (j->size > 0)
		make_body(&j->bodies[0], j->size, false);
	for (size_t i = 0; j->size == 0 && i < KINDS; i++)
		make_body(&j->bodies[i], mix[i].octets, mix[i].parts);
}

static const struct body *body_of(const struct job *j, unsigned number)
{
	unsigned percent = number * 37 % 100;
	size_t i = 0;

	if (j->size > 0)
		return &j->bodies[0];
	while (percent >= mix[i].percent)
		percent -= mix[i++].percent;
	return &j->bodies[i];
}

/* The message of a number into the thread's buffer; its length. */
static size_t make_message(
    const struct job *j, unsigned number, const char *author, char **buf)
{
	const struct body *b = body_of(j, number);
	size_t at;

	*buf = realloc(*buf, HEADER_MAX + b->len);
	if (*buf == NULL)
		fail("memory");
	at = (size_t)snprintf(*buf, HEADER_MAX,
	    "From: Someone %u <%s>\r\n"
	    "To: \"User\" <u%u@" DOMAIN ">, friends@example.org\r\n"
	    "Subject: Re: the plans of week %u\r\n"
	    "Date: Mon, 23 Nov 2026 10:%02u:%02u +0000\r\n"
	    "Message-ID: <%u.%u@example.net>\r\nMIME-Version: 1.0\r\n",
	    number % 997, author, number % 10, number, number / 60 % 60, number % 60,
	    number, j->port);
	memcpy(*buf + at, b->text, b->len);
	return at + b->len;
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

static void one_message(
    struct job *j, struct client *c, unsigned thread, unsigned number, char **buf)
{
	char text[300], sender[100];
	double begin;
	size_t len;
	int n;

	(void)snprintf(sender, sizeof(sender), "u%u@" DOMAIN, thread % j->mailboxes);
	if (j->sender != NULL)
		(void)snprintf(sender, sizeof(sender), "%s", j->sender);
	len = j->file != NULL ? j->file_len : make_message(j, number, sender, buf);
	n = snprintf(text, sizeof(text),
	    "MAIL FROM:<%s>\r\nRCPT TO:<%s%u@%s>\r\nDATA\r\n", sender, j->name,
	    number % j->mailboxes, j->domain);
	say(c, text, (size_t)n);
	expect(c, '2', 2);
	expect(c, '3', 1);
	say(c, j->file != NULL ? j->file : *buf, len);
	begin = now();
	say(c, ".\r\n", 3);
	expect(c, '2', 1);
	j->took[number] = now() - begin;
}

/* In base64, as a line; its length. */
static size_t encode_line(const char *from_text, char *to)
{
	const gnutls_datum_t in = { (unsigned char *)(uintptr_t)from_text,
		(unsigned)strlen(from_text) };
	gnutls_datum_t out;
	size_t len;

	if (gnutls_base64_encode2(&in, &out) < 0)
		fail("base64");
	memcpy(to, out.data, out.size);
	memcpy(to + out.size, "\r\n", 2);
	len = out.size + 2;
	gnutls_free(out.data);
	return len;
}

static struct client *greet(unsigned port)
{
	struct client *c = dial(port, false);

	expect(c, '2', 1);
	say(c, "EHLO bench.example.net\r\n", 24);
	expect(c, '2', 1);
	return c;
}

static struct client *greet_tls(unsigned port)
{
	struct client *c = greet(port);

	say(c, "STARTTLS\r\n", 10);
	expect(c, '2', 1);
	start_tls(c);
	say(c, "EHLO bench.example.net\r\n", 24);
	expect(c, '2', 1);
	return c;
}

static struct client *log_in_to_send(const struct job *j, unsigned thread)
{
	struct client *c = greet_tls(j->port);
	char text[100], user[100];

	(void)snprintf(user, sizeof(user), "u%u@" DOMAIN, thread % j->mailboxes);
	say(c, "AUTH LOGIN\r\n", 12);
	expect(c, '3', 1);
	say(c, text, encode_line(user, text));
	expect(c, '3', 1);
	say(c, text, encode_line(PASSWORD, text));
	expect(c, '2', 1);
	return c;
}

static void read_file(struct job *j, const char *path)
{
	FILE *f = fopen(path, "rb");

	j->file = malloc(1 << 20);
	if (f == NULL || j->file == NULL)
		fail(path);
	j->file_len = fread(j->file, 1, 1 << 20, f);
	(void)fclose(f);
}

static void run_smtp(struct job *j, unsigned thread)
{
	struct client *c = NULL;
	unsigned sent = 0, number;
	char *buf = NULL;

	while ((number = atomic_fetch_add(&j->next, 1)) < j->total) {
		if (c == NULL)
			c = j->sender == NULL ? log_in_to_send(j, thread)
			    : j->starttls     ? greet_tls(j->port)
					      : greet(j->port);
		one_message(j, c, thread, number, &buf);
		if (++sent % j->per_connection == 0) {
			hang_up(c);
			c = NULL;
		}
	}
	if (c != NULL)
		hang_up(c);
	free(buf);
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
	char text[100], *buf = NULL;
	unsigned number;

	while ((number = atomic_fetch_add(&j->next, 1)) < j->total) {
		const size_t len = make_message(j, number, "someone@example.net", &buf);
		const double begin = now();
		const int n =
		    snprintf(text, sizeof(text), "a APPEND INBOX {%zu}\r\n", len);

		say(c, text, (size_t)n);
		if (line(c)[0] != '+')
			fail("APPEND");
		say(c, buf, len);
		say(c, "\r\n", 2);
		(void)until_tag(c);
		j->took[number] = now() - begin;
	}
	hang_up(c);
	free(buf);
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
		struct client *c = log_in(j->port, number % j->mailboxes);

		(void)command(c, "SELECT INBOX");
		(void)command(c, "LOGOUT");
		hang_up(c);
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

/* Bodies one by one, UNDER_WAY commands sent ahead; seconds and octets. */
#define UNDER_WAY 64u

static void fetch_each(unsigned port, unsigned user, unsigned total)
{
	struct client *c = log_in(port, user);
	size_t octets = 0;
	double begin;
	char text[60];

	(void)command(c, "SELECT INBOX");
	begin = now();
	for (unsigned i = 0; i < total + UNDER_WAY; i++) {
		const int n =
		    snprintf(text, sizeof(text), "a FETCH %u BODY.PEEK[]\r\n", i + 1);

		if (i < total)
			say(c, text, (size_t)n);
		if (i >= UNDER_WAY)
			octets += until_tag(c);
	}
	printf("%.6f %zu\n", now() - begin, octets);
	hang_up(c);
}

/* Of the users from 1 on, one after the other; mailboxes 0: SMTP. */
static void idle(unsigned port, unsigned count, unsigned mailboxes)
{
	for (unsigned i = 0; i < count; i++) {
		struct client *c =
		    mailboxes == 0 ? greet(port) : log_in(port, 1 + i % mailboxes);

		if (mailboxes == 0)
			continue;
		(void)command(c, "SELECT INBOX");
		say(c, "a IDLE\r\n", 8);
		(void)line(c);
	}
	printf("ready\n");
	(void)fflush(stdout);
	(void)getchar();
}

/* --- a server that takes everything ---------------------------------------------------
 */

static atomic_uint sink_taken, sink_sessions;

struct sink {
	int fd;
	char buf[64 * 1024];
	size_t len;
	bool data;    /* up to a dot on a line of its own */
	size_t chunk; /* octets of a BDAT that are still to come */
	bool last;    /* it is the last one */
	char out[16 * 1024];
	size_t out_len;
};

static void answer(struct sink *k, const char *text)
{
	const size_t len = strlen(text);

	if (k->out_len + len > sizeof(k->out))
		fail("too much at once");
	memcpy(k->out + k->out_len, text, len);
	k->out_len += len;
}

static void took_one(struct sink *k)
{
	atomic_fetch_add(&sink_taken, 1);
	answer(k, "250 2.0.0 taken\r\n");
}

/* A command line; false: the end. */
static bool obey(struct sink *k, char *text)
{
	if (strncmp(text, "EHLO", 4) == 0)
		answer(k, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
			  "250 ENHANCEDSTATUSCODES\r\n");
	else if (strncmp(text, "DATA", 4) == 0) {
		answer(k, "354 go on\r\n");
		k->data = true;
	} else if (strncmp(text, "BDAT", 4) == 0) {
		k->chunk = strtoul(text + 4, NULL, 10);
		k->last = strstr(text, "LAST") != NULL;
		if (k->chunk == 0 && k->last)
			took_one(k);
	} else if (strncmp(text, "QUIT", 4) == 0) {
		answer(k, "221 2.0.0 bye\r\n");
		return false;
	} else {
		answer(k, "250 2.0.0 ok\r\n");
	}
	return true;
}

static void drop(struct sink *k, size_t n)
{
	k->len -= n;
	memmove(k->buf, k->buf + n, k->len);
}

/* What there is: true when more is needed. */
static bool digest(struct sink *k, bool *over)
{
	char *end;

	if (k->chunk > 0) {
		const size_t n = k->chunk < k->len ? k->chunk : k->len;

		drop(k, n);
		k->chunk -= n;
		if (k->chunk > 0)
			return true;
		if (k->last)
			took_one(k);
		else
			answer(k, "250 2.0.0 ok\r\n");
	}
	if (k->data) {
		end = memmem(k->buf, k->len, "\r\n.\r\n", 5);
		if (end == NULL) {
			if (k->len > 4)
				drop(k, k->len - 4);
			return true;
		}
		drop(k, (size_t)(end - k->buf) + 5);
		k->data = false;
		took_one(k);
	}
	end = memchr(k->buf, '\n', k->len);
	if (end == NULL)
		return true;
	*end = '\0';
	*over = !obey(k, k->buf);
	drop(k, (size_t)(end - k->buf) + 1);
	return *over;
}

static void *serve(void *arg)
{
	struct sink *k = arg;
	bool over = false;

	answer(k, "220 sink\r\n");
	while (!over) {
		ssize_t n;

		if (k->out_len > 0 && send(k->fd, k->out, k->out_len, MSG_NOSIGNAL) < 0)
			break;
		k->out_len = 0;
		n = recv(k->fd, k->buf + k->len, sizeof(k->buf) - k->len, 0);
		if (n <= 0)
			break;
		k->len += (size_t)n;
		while (!over && !digest(k, &over))
			;
	}
	if (k->out_len > 0)
		(void)send(k->fd, k->out, k->out_len, MSG_NOSIGNAL);
	(void)close(k->fd);
	free(k);
	return NULL;
}

static void *accept_all(void *arg)
{
	const int listener = *(const int *)arg, on = 1;

	for (;;) {
		struct sink *k = calloc(1, sizeof(*k));
		pthread_t id;

		if (k == NULL)
			fail("memory");
		k->fd = accept(listener, NULL, NULL);
		if (k->fd < 0)
			fail("accept");
		(void)setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		atomic_fetch_add(&sink_sessions, 1);
		if (pthread_create(&id, NULL, serve, k) != 0)
			fail("thread");
		(void)pthread_detach(id);
	}
}

/* "ready", then seconds from the first to the last of total messages, and sessions. */
static void sink(unsigned port, unsigned total)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	const struct timespec tick = { .tv_nsec = 1000000 };
	const int on = 1;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	double begin = 0;
	pthread_t id;

	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(listener, 1000) < 0 ||
	    pthread_create(&id, NULL, accept_all, &listener) != 0)
		fail("sink");
	printf("ready\n");
	(void)fflush(stdout);
	while (atomic_load(&sink_taken) < total) {
		if (begin == 0 && atomic_load(&sink_taken) > 0)
			begin = now();
		(void)nanosleep(&tick, NULL);
	}
	printf("%.3f %u\n", now() - begin, atomic_load(&sink_sessions));
}

/* --- limits
 * ------------------------------------------------------------------------------ */

#define CHUNK ((size_t)16 * 1024)
#define COPIES 40000u
#define RECORDS 20000u
#define HANDSHAKES 500u

struct pair { /* both ends of a TLS connection, in one thread */
	int fds[2];
	gnutls_session_t ends[2];
};

static void open_pair(struct pair *p, gnutls_certificate_credentials_t server)
{
	static const unsigned roles[2] = { GNUTLS_SERVER, GNUTLS_CLIENT };
	int rc[2] = { GNUTLS_E_AGAIN, GNUTLS_E_AGAIN };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds) < 0)
		fail("socketpair");
	for (int i = 0; i < 2; i++) {
		if (gnutls_init(&p->ends[i], roles[i] | GNUTLS_NONBLOCK) < 0 ||
		    gnutls_set_default_priority(p->ends[i]) < 0 ||
		    gnutls_credentials_set(p->ends[i], GNUTLS_CRD_CERTIFICATE,
			i == 0 ? server : credentials) < 0)
			fail("TLS");
		gnutls_transport_set_int(p->ends[i], p->fds[i]);
	}
	while (rc[0] < 0 || rc[1] < 0)
		for (int i = 0; i < 2; i++)
			if (rc[i] < 0 && (rc[i] = gnutls_handshake(p->ends[i])) < 0 &&
			    gnutls_error_is_fatal(rc[i]))
				fail(gnutls_strerror(rc[i]));
}

static void close_pair(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		gnutls_deinit(p->ends[i]);
		(void)close(p->fds[i]);
	}
}

/* MB a second that one core can put into records of 16 KiB, sending them included. */
static double tls_records(gnutls_certificate_credentials_t server, char *chunk)
{
	struct pair p;
	double took = 0;

	open_pair(&p, server);
	for (unsigned i = 0; i < RECORDS; i++) {
		const double begin = now();
		size_t got = 0;

		if (gnutls_record_send(p.ends[0], chunk, CHUNK) != (ssize_t)CHUNK)
			fail("record");
		took += now() - begin;
		while (got < CHUNK) {
			const ssize_t n = gnutls_record_recv(p.ends[1], chunk, CHUNK);

			if (n < 0 && gnutls_error_is_fatal((int)n))
				fail("record");
			got += n > 0 ? (size_t)n : 0;
		}
	}
	close_pair(&p);
	return RECORDS * (double)CHUNK / 1e6 / took;
}

/* Handshakes a second of one core that does both ends. */
static double handshakes(gnutls_certificate_credentials_t server)
{
	const double begin = now();

	for (unsigned i = 0; i < HANDSHAKES; i++) {
		struct pair p;

		open_pair(&p, server);
		close_pair(&p);
	}
	return HANDSHAKES / (now() - begin);
}

static double copies(char *a, char *b)
{
	const double begin = now();

	for (unsigned i = 0; i < COPIES / 64; i++) {
		memcpy(b, a, CHUNK * 64);
		a[i % CHUNK] = b[(i + 1) % CHUNK];
	}
	return COPIES / 64 * 64 * (double)CHUNK / 1e6 / (now() - begin);
}

static void limits(const char *chain, const char *key)
{
	char *a = calloc(CHUNK, 64), *b = calloc(CHUNK, 64);
	gnutls_certificate_credentials_t server;

	if (a == NULL || b == NULL)
		fail("memory");
	if (gnutls_certificate_allocate_credentials(&server) < 0 ||
	    gnutls_certificate_set_x509_key_file(
		server, chain, key, GNUTLS_X509_FMT_PEM) < 0)
		fail("the certificate");
	printf("memcpy MB/s %.1f\n", copies(a, b));
	printf("tls_records MB/s %.1f\n", tls_records(server, a));
	printf("handshakes 1/s %.1f\n", handshakes(server));
	gnutls_certificate_free_credentials(server);
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
	if (strcmp(mode, "limits") == 0 && argc == 4) {
		limits(argv[2], argv[3]);
	} else if (((strcmp(mode, "smtp") == 0 || strcmp(mode, "starttls") == 0) &&
		       (argc == 8 || argc == 9)) ||
		   (strcmp(mode, "submit") == 0 && argc == 9) ||
		   (strcmp(mode, "file") == 0 && argc == 11)) {
		const bool submit = strcmp(mode, "submit") == 0;

		j.name = argc == 9 && !submit ? argv[8] : "u";
		j.domain = submit ? argv[8] : DOMAIN;
		j.sender = argc == 11 ? argv[9] : submit ? NULL : "someone@example.net";
		j.starttls = strcmp(mode, "starttls") == 0;
		if (argc == 11) {
			read_file(&j, argv[8]);
			from = inet_addr(argv[10]);
		}
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
	} else if (strcmp(mode, "each") == 0 && argc == 5) {
		fetch_each(j.port, number(argv[3]), number(argv[4]));
	} else if (strcmp(mode, "sink") == 0 && argc == 4) {
		sink(j.port, j.threads);
	} else if (strcmp(mode, "idle") == 0 && argc == 5) {
		idle(j.port, j.threads, number(argv[4]));
	} else if (strcmp(mode, "idle-smtp") == 0 && argc == 4) {
		idle(j.port, j.threads, 0);
	} else {
		fprintf(stderr, "usage: see the beginning of bench/load.c\n");
		return 2;
	}
	if (j.run != NULL) {
		make_bodies(&j);
		run_all(&j);
		for (size_t i = 0; i < KINDS; i++)
			free(j.bodies[i].text);
		free(j.took);
		free(j.file);
	}
	gnutls_certificate_free_credentials(credentials);
	return 0;
}
