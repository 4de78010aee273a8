#include "tls/peer.h"
#include "tls/pki.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *dir, *log_path;
static struct vx_log log_to;

static void set_up(void)
{
	dir = strdup(vxt_mkdir());
	log_path = malloc(strlen(dir) + 10);
	(void)sprintf(log_path, "%s.log", dir);
	log_to = (struct vx_log){ .level = VX_LOG_DEBUG,
		.fd = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) };
	ck_assert_int_ge(log_to.fd, 0);
}

static void tear_down(void)
{
	(void)close(log_to.fd);
	(void)unlink(log_path);
	vxt_rmdir(dir);
	free(dir);
	free(log_path);
}

/* How often a text was logged. */
static unsigned logged(const char *text)
{
	struct vx_buf b = vxt_read(log_path);
	vx_slice rest = vx_buf_slice(&b);
	unsigned n = 0;

	for (;;) {
		const size_t at = vx_slice_find_slice(rest, vx_slice_str(text));

		if (at >= rest.len)
			break;
		n++;
		rest = vx_slice_from(rest, at + strlen(text));
	}
	vx_buf_done(&b);
	return n;
}

static struct vx_certs *follow_as(const char *hostname)
{
	const struct vx_certs_options o = {
		.struct_size = sizeof(o), .dir = dir, .hostname = hostname, .log = &log_to
	};
	struct vx_certs *c;
	struct vx_error err = { .text = "" };

	ck_assert_msg(vx_certs_open(&o, &c, &err) == VX_OK, "%s", err.text);
	return c;
}

static struct vx_certs *follow(void)
{
	return follow_as("mail.host.test");
}

static const char *serial(struct vx_certs *c)
{
	return vx_tls_certs_serial(vx_certs_get(c));
}

static void make(struct pki *p, const char *names, int end_days)
{
	pki_make(p, &(struct pki_spec){ .cn = "x",
			.names = names,
			.begin_days = end_days < 0 ? -90 : 0,
			.end_days = end_days });
}

static void write_manifest(const char *text)
{
	char path[4200];

	(void)pki_file(dir, "manifest.new", vx_slice_str(text), 0644);
	(void)snprintf(path, sizeof(path), "%s/manifest.new", dir);
	{
		char to[4200];

		(void)snprintf(to, sizeof(to), "%s/manifest", dir);
		ck_assert_int_eq(rename(path, to), 0);
	}
}

/* A generation as another program would write it, unchecked. */
static void write_generation(const char *name, const struct pki *p, const struct pki *key)
{
	char folder[4200];

	(void)snprintf(folder, sizeof(folder), "%s/%s", dir, name);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	(void)pki_file(folder, "fullchain.pem", vx_buf_slice(&p->pem), 0644);
	(void)pki_file(folder, "privkey.pem", vx_buf_slice(&key->key_pem), 0600);
}

START_TEST(a_temporary_one_until_there_is_another)
{
	struct vx_certs *c;
	struct pki p;

	set_up();
	make(&p, "mail.host.test", 0);
	c = follow();
	ck_assert(vx_tls_certs_temporary(vx_certs_get(c)));
	ck_assert_str_eq(peer_serial_for(vx_certs_get(c), "mail.host.test"), serial(c));
	ck_assert_uint_eq(logged("temporary self-signed"), 1);
	ck_assert(!vx_certs_dispatch(c));
	pki_install(dir, "mail", &p);
	ck_assert(vx_certs_dispatch(c));
	ck_assert(!vx_tls_certs_temporary(vx_certs_get(c)));
	ck_assert_str_eq(serial(c), p.serial);
	ck_assert(!vx_certs_dispatch(c));
	vx_certs_close(c);
	c = follow();
	ck_assert_str_eq(serial(c), p.serial);
	vx_certs_close(c);
	pki_free(&p);
	tear_down();
}
END_TEST

/* All processes have the same one; another host name makes a new one, with the same key.
 */
START_TEST(the_temporary_one_is_shared)
{
	struct vx_certs *one, *two;
	struct vx_buf pem, again;
	char path[4200], first[VX_TLS_SERIAL_MAX];

	set_up();
	one = follow();
	two = follow();
	ck_assert_str_eq(serial(one), serial(two));
	(void)snprintf(first, sizeof(first), "%s", serial(one));
	vx_certs_close(one);
	vx_certs_close(two);
	one = follow();
	ck_assert_str_eq(serial(one), first);
	(void)snprintf(path, sizeof(path), "%s/temporary.pem", dir);
	pem = vxt_read(path);
	two = follow_as("other.host.test");
	ck_assert_str_ne(serial(two), first);
	again = vxt_read(path);
	vxt_assert_slice(
	    vx_slice_from(vx_buf_slice(&pem),
		vx_slice_find_slice(vx_buf_slice(&pem), VX_S("-----BEGIN EC PRIVATE"))),
	    vx_slice_from(vx_buf_slice(&again), vx_slice_find_slice(vx_buf_slice(&again),
						    VX_S("-----BEGIN EC PRIVATE"))));
	vx_certs_close(one);
	vx_certs_close(two);
	vx_buf_done(&pem);
	vx_buf_done(&again);
	tear_down();
}
END_TEST

/* Processes that start at the same moment agree. */
START_TEST(a_race_for_the_temporary_one)
{
	enum {
		PROCESSES = 8
	};
	char seen[PROCESSES][VX_TLS_SERIAL_MAX] = { "" };
	int fds[2];

	set_up();
	ck_assert_int_eq(pipe(fds), 0);
	for (int i = 0; i < PROCESSES; i++) {
		const pid_t pid = fork();

		if (pid == 0) {
			char text[VX_TLS_SERIAL_MAX] = "";

			vxt_child(fds[1]);
			log_to.fd = -1;
			(void)snprintf(text, sizeof(text), "%s", serial(follow()));
			(void)!write(fds[1], text, sizeof(text));
			_exit(0);
		}
		ck_assert_int_gt(pid, 0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		ck_assert_int_eq(read(fds[0], seen[i], sizeof(seen[i])), sizeof(seen[i]));
		ck_assert_str_eq(seen[i], seen[0]);
	}
	for (int i = 0; i < PROCESSES; i++)
		ck_assert_int_gt(wait(NULL), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	tear_down();
}
END_TEST

START_TEST(generations)
{
	struct vx_certs *c;
	struct vx_certs_entry e;
	struct vx_error err;
	struct pki p[3];
	struct vx_tls_certs *held;
	char link[4200], target[100] = "";

	set_up();
	for (int i = 0; i < 3; i++)
		make(&p[i], "mail.host.test", 0);
	pki_install(dir, "mail", &p[0]);
	c = follow();
	held = vx_tls_certs_ref(vx_certs_get(c)); /* of a session */
	for (int i = 1; i < 3; i++) {
		struct pollfd readable = { .fd = vx_certs_fd(c), .events = POLLIN };

		pki_install(dir, "mail", &p[i]);
		ck_assert_int_eq(poll(&readable, 1, 5000), 1); /* inotify says so */
		ck_assert(vx_certs_dispatch(c));
		ck_assert_str_eq(peer_serial_for(vx_certs_get(c), NULL), p[i].serial);
	}
	ck_assert_str_eq(peer_serial_for(held, NULL), p[0].serial);
	vx_tls_certs_free(held);
	vxt_assert_ok(vx_certs_entry(dir, 0, &e, &err));
	ck_assert_uint_eq(e.generation, 3);
	ck_assert_str_eq(e.name, "mail");
	ck_assert_str_eq(e.provider, "custom");
	ck_assert_str_eq(e.info.serial, p[2].serial);
	ck_assert_str_eq(e.problem.text, "");
	ck_assert_int_eq(vx_certs_entry(dir, 1, &e, &err), VX_ENOENT);
	(void)snprintf(link, sizeof(link), "%s/mail", dir);
	ck_assert_int_gt(readlink(link, target, sizeof(target) - 1), 0);
	ck_assert_str_eq(target, "mail@3");
	vx_certs_close(c);
	for (int i = 0; i < 3; i++)
		pki_free(&p[i]);
	tear_down();
}
END_TEST

START_TEST(sni_chooses)
{
	static const struct {
		const char *asked;
		int which;
	} cases[] = { { NULL, 0 }, { "mail.host.test", 0 }, { "mail.one.test", 1 },
		{ "MAIL.ONE.TEST", 1 }, { "x.wild.test", 2 }, { "wild.test", 0 },
		{ "a.x.wild.test", 0 }, { ".wild.test", 0 }, { "unknown.test", 0 },
		{ "name199.many.test", 2 }, { "name100.many.test", 2 } };
	struct vx_buf many = { .max = 8000 };
	struct vx_certs *c;
	struct pki p[3];

	set_up();
	make(&p[0], "mail.host.test", 0);
	make(&p[1], "imap.one.test mail.one.test", 0);
	vx_buf_add_str(&many, "*.wild.test");
	for (int i = 1; i < VX_TLS_NAMES_MAX; i++)
		vx_buf_printf(&many, " name%d.many.test", i);
	vx_buf_add_char(&many, '\0');
	make(&p[2], many.ptr, 0);
	pki_install(dir, "mail", &p[0]);
	pki_install(dir, "one", &p[1]);
	pki_install(dir, "wild", &p[2]);
	c = follow();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *asked = cases[i].asked;

		ck_assert_msg(strcmp(peer_serial_for(vx_certs_get(c), asked),
				  p[cases[i].which].serial) == 0,
		    "%s", asked == NULL ? "nothing" : asked);
	}
	vx_certs_close(c);
	vx_buf_done(&many);
	for (int i = 0; i < 3; i++)
		pki_free(&p[i]);
	tear_down();
}
END_TEST

/* Whatever is wrong with a new one: it is told once, and the old one stays. */
START_TEST(bad_ones_are_refused_and_the_old_one_stays)
{
	static const struct {
		const char *manifest, *reason;
	} cases[] = {
		{ "mail 7 custom\n", "mail@7/fullchain.pem" },
		{ "mail 8 custom\n", "does not belong" },
		{ "mail 9 custom\n", "expired" },
		{ "mail 1 custom\nmore 9 custom\n", "expired" },
		{ "", "names no certificate" },
		{ "mail 1 custom", "damaged at line 1" },
		{ "mail one custom\n", "damaged at line 1" },
		{ "mail 1 custom\n\n", "damaged at line 2" },
		{ "mail 1 custom\n../x 1 custom\n", "damaged at line 2" },
		{ "mail 0 custom\n", "damaged at line 1" },
		{ "mail 01 custom\n", "damaged at line 1" },
		{ "mail 1\n", "damaged at line 1" },
	};
	struct vx_certs *c;
	struct pki good, expired;

	set_up();
	make(&good, "mail.host.test", 0);
	make(&expired, "mail.host.test", -1);
	pki_install(dir, "mail", &good);
	write_generation("mail@8", &good, &expired);
	write_generation("mail@9", &expired, &expired);
	write_generation("more@9", &expired, &expired);
	c = follow();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned before = logged("refused, the old one stays");

		write_manifest(cases[i].manifest);
		ck_assert(!vx_certs_dispatch(c));
		ck_assert(!vx_certs_dispatch(c)); /* the minute after */
		ck_assert_str_eq(serial(c), good.serial);
		ck_assert_uint_le(logged("refused, the old one stays"), before + 1);
		ck_assert_msg(logged(cases[i].reason) > 0, "%s", cases[i].reason);
	}
	/* one that was only not there yet is taken when it is */
	write_manifest("mail 7 custom\n");
	ck_assert(!vx_certs_dispatch(c));
	write_generation("mail@7", &good, &good);
	ck_assert(vx_certs_dispatch(c));
	vx_certs_close(c);
	pki_free(&good);
	pki_free(&expired);
	tear_down();
}
END_TEST

/*
 * At the start an expired one is better than a self-signed one (DANE does not look at
 * dates), and a broken one does not take the others with it.
 */
START_TEST(what_is_served_after_a_start)
{
	struct vx_certs *c;
	struct pki good, expired;

	set_up();
	make(&good, "mail.good.test", 0);
	make(&expired, "mail.host.test", -1);
	write_generation("mail@1", &expired, &expired);
	write_generation("broken@1", &expired, &good);
	write_generation("good@1", &good, &good);
	write_manifest("mail 1 custom\nbroken 1 custom\ngood 1 custom\n");
	c = follow();
	ck_assert_str_eq(serial(c), expired.serial);
	ck_assert_str_eq(peer_serial_for(vx_certs_get(c), "mail.good.test"), good.serial);
	ck_assert_uint_eq(logged("an expired certificate is served"), 1);
	ck_assert_uint_eq(logged("certificate left out"), 1);
	/* the two that were there keep nobody from getting a new one */
	pki_install(dir, "mail", &good);
	ck_assert(vx_certs_dispatch(c));
	ck_assert_str_eq(serial(c), good.serial);
	vx_certs_close(c);
	pki_free(&good);
	pki_free(&expired);
	tear_down();
}
END_TEST

START_TEST(installing)
{
	static const char *const names[] = { "", "a b", "../x", ".x", "a/b", "a\n",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	struct pki good, expired;
	struct vx_certs_entry e;
	struct vx_error err;

	set_up();
	make(&good, "mail.host.test", 0);
	make(&expired, "mail.host.test", -1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(vx_certs_install(dir, names[i], vx_buf_slice(&good.pem),
				     vx_buf_slice(&good.key_pem), "custom", &err),
		    VX_EINVAL);
	ck_assert_int_eq(vx_certs_install(dir, "mail", vx_buf_slice(&expired.pem),
			     vx_buf_slice(&expired.key_pem), "custom", &err),
	    VX_ETLS);
	ck_assert_int_eq(vx_certs_entry(dir, 0, &e, &err), VX_ENOENT);
	/* a damaged manifest is not written over */
	write_manifest("mail 1 custom\nother 2");
	ck_assert_int_eq(vx_certs_install(dir, "mail", vx_buf_slice(&good.pem),
			     vx_buf_slice(&good.key_pem), "custom", &err),
	    VX_ESYNTAX);
	/* a generation that is there, whoever made it, is not touched */
	write_generation("mail@3", &expired, &expired);
	write_manifest("mail 2 custom\n");
	pki_install(dir, "mail", &good);
	vxt_assert_ok(vx_certs_entry(dir, 0, &e, &err));
	ck_assert_uint_eq(e.generation, 4);
	write_manifest("mail 9 custom\n");
	vxt_assert_ok(vx_certs_entry(dir, 0, &e, &err));
	ck_assert_str_ne(e.problem.text, ""); /* listed, with what is wrong */
	pki_free(&good);
	pki_free(&expired);
	tear_down();
}
END_TEST

VXT_SUITE(test_follow, "follow", a_temporary_one_until_there_is_another,
    the_temporary_one_is_shared, a_race_for_the_temporary_one, generations, sni_chooses,
    bad_ones_are_refused_and_the_old_one_stays, what_is_served_after_a_start, installing)
