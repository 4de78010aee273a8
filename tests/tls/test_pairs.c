/* Two pairs in one generation, and old generations. */
#include "tls/certs_int.h"
#include "tls/peer.h"
#include "tls/pki.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ONLY_1_2 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define ECDSA "-SIGN-ALL:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256"
#define RSA "-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-RSA-PSS-RSAE-SHA256"

static char *dir;
static struct pki ecdsa, rsa;
static const struct vx_log quiet = { .level = VX_LOG_ERROR, .fd = -1 };

static void set_up(void)
{
	dir = strdup(vxt_mkdir());
	pki_make(&ecdsa, &(struct pki_spec){ .cn = "x", .names = "mail.a.test" });
	pki_make(
	    &rsa, &(struct pki_spec){ .cn = "x", .names = "mail.a.test", .rsa = true });
}

static void tear_down(void)
{
	pki_free(&ecdsa);
	pki_free(&rsa);
	vxt_rmdir(dir);
	free(dir);
}

static struct vx_certs_pair pair(const struct pki *p)
{
	return (struct vx_certs_pair){ .chain = vx_buf_slice(&p->pem),
		.key = vx_buf_slice(&p->key_pem) };
}

static int install(const struct pki *first, const struct pki *second)
{
	const struct vx_certs_pair pairs[] = { pair(first), pair(second) };
	struct vx_error err;

	return vx_certs_install_pairs(dir, "mail", pairs, 2, "letsencrypt", &err);
}

static struct vx_certs *follow(void)
{
	const struct vx_certs_options o = { .struct_size = sizeof(o),
		.dir = dir,
		.hostname = "mail.a.test",
		.log = &quiet };
	struct vx_certs *c;
	struct vx_error err;

	ck_assert_msg(vx_certs_open(&o, &c, &err) == VX_OK, "%s", err.text);
	return c;
}

static void sees(struct vx_certs *c, const char *priority, const struct pki *what)
{
	struct vx_tls *server;
	struct peer p;

	vxt_assert_ok(vx_tls_server_new(vx_certs_get(c), NULL, &server));
	peer_open(&p, priority, "mail.a.test", NULL);
	if (what == NULL) {
		ck_assert_int_ne(peer_run(&p, server, 0, 0), VX_OK);
	} else {
		ck_assert_msg(peer_run(&p, server, 0, 0) == VX_OK, "%s", priority);
		ck_assert_str_eq(peer_serial(&p), what->serial);
	}
	peer_close(&p);
	vx_tls_free(server);
}

/* Which is shown is what the client can check. */
START_TEST(each_client_gets_what_fits)
{
	struct vx_certs *c;

	set_up();
	ck_assert_int_eq(install(&ecdsa, &rsa), VX_OK);
	c = follow();
	sees(c, "NORMAL", &ecdsa);
	sees(c, "NORMAL:" ECDSA, &ecdsa);
	sees(c, "NORMAL:" RSA, &rsa);
	sees(c, ONLY_1_2 ":" ECDSA, &ecdsa);
	sees(c, ONLY_1_2 ":" RSA, &rsa);
	sees(c, ONLY_1_2 ":-KX-ALL:+ECDHE-RSA", &rsa);
	sees(c, ONLY_1_2 ":-KX-ALL:+ECDHE-ECDSA", &ecdsa);
	/* one pair alone is of no use to the others */
	pki_install(dir, "mail", &ecdsa);
	ck_assert(vx_certs_dispatch(c));
	sees(c, "NORMAL", &ecdsa);
	sees(c, "NORMAL:" RSA, NULL);
	vx_certs_close(c);
	tear_down();
}
END_TEST

START_TEST(pairs_that_are_none)
{
	struct vx_certs_entry e;
	struct vx_error err;
	struct pki expired;
	const struct vx_certs_pair crossed[] = { { { NULL, 0 }, { NULL, 0 } },
		{ { NULL, 0 }, { NULL, 0 } }, { { NULL, 0 }, { NULL, 0 } } };

	set_up();
	pki_make(&expired,
	    &(struct pki_spec){
		.cn = "x", .names = "mail.a.test", .rsa = true, .end_days = -1 });
	ck_assert_int_eq(install(&rsa, &ecdsa), VX_EINVAL);
	ck_assert_int_eq(install(&ecdsa, &ecdsa), VX_EINVAL);
	ck_assert_int_eq(install(&rsa, &rsa), VX_EINVAL);
	ck_assert_int_eq(install(&ecdsa, &expired), VX_ETLS);
	for (size_t n = 0; n <= 3; n += 3)
		ck_assert_int_eq(
		    vx_certs_install_pairs(dir, "mail", crossed, n, "letsencrypt", &err),
		    VX_EINVAL);
	ck_assert_int_eq(vx_certs_entry(dir, 0, &e, &err), VX_ENOENT);
	ck_assert_int_eq(install(&ecdsa, &rsa), VX_OK);
	vxt_assert_ok(vx_certs_entry(dir, 0, &e, &err));
	ck_assert(e.has_rsa);
	ck_assert_str_eq(e.info.key_kind, "ecdsa");
	ck_assert_str_eq(e.rsa.key_kind, "rsa");
	ck_assert_str_eq(e.info.serial, ecdsa.serial);
	ck_assert_str_eq(e.rsa.serial, rsa.serial);
	ck_assert_str_ne(e.info.key_digest, e.rsa.key_digest);
	pki_install(dir, "mail", &rsa);
	vxt_assert_ok(vx_certs_entry(dir, 0, &e, &err));
	ck_assert(!e.has_rsa);
	ck_assert_str_eq(e.info.key_kind, "rsa");
	pki_free(&expired);
	tear_down();
}
END_TEST

static void spoil(const char *file, const struct pki *with)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/mail@%u", dir, with == NULL ? 2u : 1u);
	if (with == NULL) {
		(void)strcat(path, "/");
		(void)strcat(path, file);
		ck_assert_int_eq(unlink(path), 0);
	} else {
		(void)pki_file(path, file, vx_buf_slice(&with->pem), 0644);
	}
}

/* What came bad is refused as a whole; what went bad later is left out alone. */
START_TEST(a_second_pair_that_is_bad)
{
	struct vx_certs *c, *later;

	set_up();
	ck_assert_int_eq(install(&ecdsa, &rsa), VX_OK);
	c = follow();
	spoil("fullchain.rsa.pem", &ecdsa);
	later = follow();
	sees(later, "NORMAL", &ecdsa);
	sees(later, "NORMAL:" RSA, NULL);
	sees(c, "NORMAL:" RSA, &rsa); /* it is in memory */
	ck_assert_int_eq(install(&ecdsa, &rsa), VX_OK);
	spoil("privkey.rsa.pem", NULL);
	ck_assert(!vx_certs_dispatch(c));
	sees(c, "NORMAL:" RSA, &rsa);
	vx_certs_close(c);
	vx_certs_close(later);
	tear_down();
}
END_TEST

START_TEST(marks)
{
	char mark[VX_CERTS_MARK_MAX] = "", before[VX_CERTS_MARK_MAX];
	struct vx_certs *c;
	struct vx_error err;

	set_up();
	ck_assert_int_eq(vx_certs_mark_of(dir, mark, &err), VX_ENOENT);
	c = follow();
	ck_assert_str_eq(vx_certs_mark(c), "");
	for (int i = 0; i < 3; i++) {
		memcpy(before, mark, sizeof(mark));
		ck_assert_int_eq(install(&ecdsa, &rsa), VX_OK);
		vxt_assert_ok(vx_certs_mark_of(dir, mark, &err));
		ck_assert_uint_eq(strlen(mark), VX_CERTS_MARK_MAX - 1);
		ck_assert_str_ne(mark, before);
		ck_assert_str_ne(mark, vx_certs_mark(c));
		ck_assert(vx_certs_dispatch(c));
		ck_assert_str_eq(mark, vx_certs_mark(c));
	}
	vx_certs_close(c);
	tear_down();
}
END_TEST

/* --- old generations ------------------------------------------------------------------
 */

static bool is_there(const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void is_kept(unsigned from, unsigned to, unsigned first)
{
	char name[32];

	for (unsigned n = from; n <= to; n++) {
		(void)snprintf(name, sizeof(name), "mail@%u", n);
		ck_assert_msg(is_there(name) == (n >= first), "%s", name);
	}
}

static void age(const char *name, int64_t days)
{
	const time_t then = time(NULL) - (time_t)days * 86400;
	const struct timespec times[2] = { { .tv_sec = then }, { .tv_sec = then } };
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

START_TEST(too_many_are_removed)
{
	set_up();
	for (unsigned n = 1; n <= 3 * VX_CERTS_KEEP_MAX; n++) {
		pki_install(dir, "mail", &ecdsa);
		is_kept(1, n, n > VX_CERTS_KEEP_MAX ? n - VX_CERTS_KEEP_MAX + 1 : 1);
	}
	tear_down();
}
END_TEST

START_TEST(old_ones_are_removed)
{
	static const char *const others[] = { "mail@x", "mail@07", "mail@3x", "mailbox@1",
		"xmail@1" };
	struct vx_error err;
	char path[PATH_MAX];

	set_up();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, others[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	for (unsigned n = 1; n <= 4; n++)
		ck_assert_int_eq(install(&ecdsa, &rsa), VX_OK);
	age("mail@1", VX_CERTS_KEEP_DAYS - 1);
	age("mail@2", VX_CERTS_KEEP_DAYS + 1);
	age("mail@3", VX_CERTS_KEEP_DAYS + 1);
	age("mail@4", 1000); /* in use for years */
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		age(others[i], 1000);
	ck_assert_int_eq(install(&ecdsa, &rsa), VX_OK);
	ck_assert(is_there("mail@1") && !is_there("mail@2") && !is_there("mail@3"));
	ck_assert(is_there("mail@4") && is_there("mail@5"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert(is_there(others[i]));
	/* one that nobody ever served, from a process that died, is not the one before */
	(void)snprintf(path, sizeof(path), "%s/mail@6", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	age("mail@5", 1000);
	vxt_assert_ok(vx_certs_install(dir, "mail", vx_buf_slice(&ecdsa.pem),
	    vx_buf_slice(&ecdsa.key_pem), "custom", &err));
	ck_assert(is_there("mail@5") && is_there("mail@7") && !is_there("mail@4"));
	tear_down();
}
END_TEST

VXT_SUITE(test_pairs, "pairs", each_client_gets_what_fits, pairs_that_are_none,
    a_second_pair_that_is_bad, marks, too_many_are_removed, old_ones_are_removed)
