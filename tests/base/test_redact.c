#include "lib/vxt.h"
#include "vectis/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define R "[redacted]"
#define HASH "[a hash, redacted]"
#define KEY "[a private key, redacted]"

static const vx_slice known[] = { { "hunter2-of-relay", 16 }, { "abc", 3 },
	{ "hunter2", 7 } };
static struct vx_redact redact = {
	.secrets = known, .secret_count = 3, .seed = "0123456789abcdef"
};

static const char *done(const char *text)
{
	static char said[8192];
	struct vx_buf out = { .max = sizeof(said) - 1 };

	vxt_assert_ok(vx_redact(&redact, vx_slice_str(text), &out));
	memcpy(said, out.len == 0 ? "" : out.ptr, out.len);
	said[out.len] = '\0';
	vx_buf_done(&out);
	return said;
}

START_TEST(secrets_are_left_out)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "nothing here: a b c, 1.5 MB", "nothing here: a b c, 1.5 MB" },
		/* what is known, the longest first; abc is too short */
		{ "x hunter2-of-relay y hunter2! abc", "x " R " y " R "! abc" },
		{ "xhunter2x", "x" R "x" },
		/* hashes */
		{ "hash $y$j9T$abcdefgh$ijklmnop end", "hash " HASH " end" },
		{ "{\"h\": \"$2b$10$abcdefghijklmnopqrstu\"}", "{\"h\": \"" HASH "\"}" },
		{ "$6$salt$hashhashhash\n", HASH "\n" },
		{ "k SCRAM-SHA-256$4096:salt$stored:server z", "k " R " z" },
		{ "costs $5 and $1 or $y$", "costs $5 and $1 or $y$" },
		/* keys */
		{ "a\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nb",
		    "a\n" KEY "\nb" },
		{ "-----BEGIN RSA PRIVATE KEY-----\\nMI\\n-----END RSA PRIVATE "
		  "KEY-----\"",
		    KEY "\"" },
		{ "-----BEGIN EC PRIVATE KEY-----\nMIIE and no end", KEY },
		{ "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
		    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----" },
		{ "-----BEGIN PRIVATE KEY-----\nMI\n-----END ", KEY },
		/* tokens */
		{ "Authorization: Bearer abcdefgh12345", "Authorization: " R },
		{ "with bearer abcdefgh12345.x", "with bearer " R },
		{ "bearer of news", "bearer of news" },
		{ "key vectis_sk_0123456789", "key vectis_sk_" R },
		/* URLs */
		{ "https://ann:pw@api.example/x", "https://" R "@api.example/x" },
		{ "https://api.example/x@y z", NULL },
		/* what its name tells */
		{ "password=swordfish x", "password=" R " x" },
		{ "relay_password: swordfish", "relay_password: " R },
		{ "{\"token\": \"a b\\\"c\", \"n\": 1}",
		    "{\"token\": \"" R "\", \"n\": 1}" },
		{ "{\\\"secret\\\":\\\"abcd\\\"}", NULL },
		{ "PASSWD = 'a b' c", "PASSWD = '" R "' c" },
		{ "eab_key: abc", "eab_key: " R },
		{ "\"name\": \"cf.token\", \"x\"", "\"name\": \"cf.token\", \"x\"" },
		{ "reason=\"wrong password\" user=x",
		    "reason=\"wrong password\" user=x" },
		{ "password=", "password=" },
		{ "password=\"", "password=\"" },
		{ "token:", "token:" },
		{ "tokens: 5", "tokens: 5" },
	};

	redact.keep_addresses = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *said = done(rows[i].text);

		if (rows[i].want != NULL)
			ck_assert_msg(
			    strcmp(said, rows[i].want) == 0, "%zu: %s", i, said);
		ck_assert_ptr_null(strstr(said, "swordfish"));
	}
	ck_assert_ptr_null(strstr(done("{\\\"secret\\\":\\\"abcd\\\"}"), "abcd"));
}
END_TEST

START_TEST(people_have_marks)
{
	char first[100], text[300];

	redact.keep_addresses = false;
	(void)snprintf(first, sizeof(first), "%s", done("ann@example.net"));
	ck_assert_uint_eq(strlen(first), strlen("u-01234567@example.net"));
	ck_assert(
	    strncmp(first, "u-", 2) == 0 && strcmp(first + 10, "@example.net") == 0);
	/* the same address has the same one, wherever it is; others have others */
	(void)snprintf(
	    text, sizeof(text), "from=<%s> to=\"%s\" mailto:%s,", first, first, first);
	ck_assert_str_eq(
	    done("from=<ann@example.net> to=\"ANN@example.net\" mailto:ann@example.net,"),
	    text);
	ck_assert_str_ne(done("bob@example.net"), first);
	ck_assert_str_ne(done("ann@example.org") + 2, first + 2);
	ck_assert_ptr_null(strstr(done("o'ann.b+x@a.net"), "ann"));
	ck_assert_ptr_null(strstr(done("\"a\": \"\\\"ann b\\\"@a.net\""), "ann"));
	ck_assert_ptr_null(strstr(done("j\xc3\xbcrgen@a.net"), "rgen"));
	ck_assert_ptr_null(strstr(done("ann@[192.0.2.1]"), "ann"));
	ck_assert_ptr_null(strstr(done("ann@x\n"), "ann"));
}
END_TEST

START_TEST(what_is_nobody_stays)
{
	static const char *const texts[] = { "postmaster@example.net",
		"rua=mailto:dmarc@example.net; fo=1", "127.0.0.1@5353", "a @ b",
		"@example.net", "x=@", "x@", "@" };

	redact.keep_addresses = false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (i != 2) /* it looks like one */
			ck_assert_str_eq(done(texts[i]), texts[i]);
	redact.keep_addresses = true;
	ck_assert_str_eq(done("ann@example.net"), "ann@example.net");
}
END_TEST

START_TEST(a_full_buffer_is_as_it_was)
{
	struct vx_buf out = { .max = 10 };

	redact.keep_addresses = true;
	vx_buf_add_str(&out, "12345");
	ck_assert_int_eq(vx_redact(&redact, VX_S("abcdefgh"), &out), VX_ELIMIT);
	ck_assert_uint_eq(out.len, 5);
	vx_buf_done(&out);
}
END_TEST

/* Any octets: nothing is read behind them, and no secret is among what is said. */
START_TEST(any_text_is_taken)
{
	static const char *const parts[] = { "hunter2", "@", "-----BEGIN ",
		"PRIVATE KEY-----", "-----END ", "$6$", "password", "=", ":", "\"", "\\",
		"://", "Bearer ", "ann", "\n", " ", "\\\"", "[", "-", "." };
	unsigned seed = 3;

	redact.keep_addresses = false;
	for (int i = 0; i < 20000; i++) {
		struct vx_buf in = { .max = 4096 }, out = { .max = 65536 };
		const int count = rand_r(&seed) % 12;
		char *exact;

		for (int k = 0; k < count; k++)
			vx_buf_add_str(&in, parts[(size_t)rand_r(&seed) %
						  (sizeof(parts) / sizeof(parts[0]))]);
		exact = malloc(in.len + 1); /* so that what is read behind it is seen */
		ck_assert_ptr_nonnull(exact);
		memcpy(exact, in.len == 0 ? "" : in.ptr, in.len);
		vxt_assert_ok(vx_redact(&redact, vx_slice_of(exact, in.len), &out));
		ck_assert_uint_eq(
		    vx_slice_find_slice(vx_buf_slice(&out), VX_S("hunter2")), out.len);
		free(exact);
		vx_buf_done(&in);
		vx_buf_done(&out);
	}
}
END_TEST

VXT_SUITE(test_redact, "redact", secrets_are_left_out, people_have_marks,
    what_is_nobody_stays, a_full_buffer_is_as_it_was, any_text_is_taken)
