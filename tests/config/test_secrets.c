/* secrets.yaml, as a file with a mode. */
#include "lib/vxt.h"
#include "vectis/config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int load(
    const char *text, mode_t mode, struct vx_secrets **out, struct vx_error *err)
{
	const char *dir = vxt_mkdir();
	char path[PATH_MAX];
	int fd, rc;

	(void)snprintf(path, sizeof(path), "%s/secrets.yaml", dir);
	if (text != NULL) {
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
		ck_assert_int_eq(fchmod(fd, mode), 0);
		ck_assert_int_eq(close(fd), 0);
	}
	rc = vx_secrets_load(path, out, err);
	vxt_rmdir(dir);
	return rc;
}

START_TEST(what_is_in_it)
{
	static const struct {
		const char *text;
		int rc;
		const char *token, *says;
	} rows[] = {
		{ "cloudflare:\n  api_token: cfut_abc\n", VX_OK, "cfut_abc", NULL },
		{ "# nothing\n", VX_OK, "", NULL },
		{ "cloudflare:\n", VX_OK, "", NULL },
		{ "cloudflare:\n  api_token: \"a b\"\n", VX_OK, "a b", NULL },
		{ "cloudflare:\n  api_token:\n", VX_EINVAL, NULL, "is a line of text" },
		{ "cloudflare:\n  api_token: [a]\n", VX_EINVAL, NULL,
		    "is a line of text" },
		{ "cloudflare:\n  api_token: \"a\\nb\"\n", VX_EINVAL, NULL, "is a line" },
		{ "cloudflare:\n  token: x\n", VX_EINVAL, NULL,
		    "no secret cloudflare.token" },
		{ "hostname: x\n", VX_EINVAL, NULL, "no secret hostname" },
		{ "cloud\n", VX_ESYNTAX, NULL, NULL },
		{ NULL, VX_ENOENT, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_secrets *s = NULL;
		struct vx_error err = { 0 };
		const int rc = load(rows[i].text, 0600, &s, &err);

		ck_assert_msg(rc == rows[i].rc, "row %zu: %d %s", i, rc, err.text);
		if (rows[i].token != NULL)
			ck_assert_str_eq(s->cloudflare_api_token, rows[i].token);
		if (rows[i].says != NULL) {
			ck_assert_ptr_nonnull(strstr(err.text, rows[i].says));
			ck_assert_uint_gt(err.line, 0);
		}
		vx_secrets_free(s);
	}
}
END_TEST

START_TEST(accounts)
{
	static const char *const bad[] = { "a b", "a b c d", "a  b c", "a b ", " a b",
		"" };
	struct vx_secrets *s = NULL;
	struct vx_error err = { 0 };
	char text[200];

	vxt_assert_ok(
	    load("acme:\n  eab_kid: k\n  eab_key: x\n  eab:\n    - ca.test kid-1 "
		 "c2Vj\n    - \"other kid-2 YQ\"\n",
		0600, &s, &err));
	ck_assert_uint_eq(s->acme_eab_count, 2);
	ck_assert_str_eq(s->acme_eab[0].authority, "ca.test");
	ck_assert_str_eq(s->acme_eab[0].kid, "kid-1");
	ck_assert_str_eq(s->acme_eab[0].key, "c2Vj");
	ck_assert_str_eq(s->acme_eab[1].authority, "other");
	ck_assert_str_eq(s->acme_eab[1].key, "YQ");
	ck_assert_str_eq(s->acme_eab_kid, "k");
	vx_secrets_free(s);
	vxt_assert_ok(load("acme:\n  eab: []\n", 0600, &s, &err));
	ck_assert_uint_eq(s->acme_eab_count, 0);
	vx_secrets_free(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "acme:\n  eab: [\"%s\"]\n", bad[i]);
		ck_assert_msg(load(text, 0600, &s, &err) == VX_EINVAL, "%s", bad[i]);
		ck_assert_ptr_nonnull(strstr(err.text, "AUTHORITY KID KEY"));
	}
	ck_assert_int_eq(load("acme:\n  eab: a b c\n", 0600, &s, &err), VX_EINVAL);
	ck_assert_int_eq(
	    load("acme:\n  eab: [a b c, a b c, a b c, a b c, a b c]\n", 0600, &s, &err),
	    VX_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "at most 4"));
}
END_TEST

START_TEST(others_must_not_read_it)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0601, 0610, 0666 };
	struct vx_secrets *s = NULL;
	struct vx_error err = { 0 };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		ck_assert_int_eq(
		    load("cloudflare:\n  api_token: secret\n", modes[i], &s, &err),
		    VX_EPERM);
		ck_assert_ptr_nonnull(strstr(err.text, "chmod 600"));
		ck_assert_ptr_null(strstr(err.text, "secret:"));
	}
	vxt_assert_ok(load("cloudflare:\n  api_token: secret\n", 0400, &s, &err));
	vx_secrets_free(s);
}
END_TEST

START_TEST(secrets_have_limits)
{
	char text[VX_SECRET_MAX + 100];
	struct vx_secrets *s = NULL;
	struct vx_error err = { 0 };
	size_t at;

	(void)snprintf(text, sizeof(text), "cloudflare:\n  api_token: ");
	at = strlen(text);
	memset(text + at, 'a', VX_SECRET_MAX);
	text[at + VX_SECRET_MAX] = '\0';
	vxt_assert_ok(load(text, 0600, &s, &err));
	ck_assert_uint_eq(strlen(s->cloudflare_api_token), VX_SECRET_MAX);
	vx_secrets_free(s);
	text[at + VX_SECRET_MAX] = 'a';
	text[at + VX_SECRET_MAX + 1] = '\0';
	ck_assert_int_eq(load(text, 0600, &s, &err), VX_EINVAL);
	ck_assert_ptr_null(strstr(err.text, "aaa"));
}
END_TEST

VXT_SUITE(test_secrets, "secrets", what_is_in_it, accounts, others_must_not_read_it,
    secrets_have_limits)
