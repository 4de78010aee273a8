/*
 * Hashing bodies for DKIM and ARC beside what SHA-256 alone takes, and what keys do in a
 * second.  Rows of name, value, unit, and of bodies the ratio to SHA-256 in this run.
 */
#include "base/encode.h"
#include "mailauth/canon.h"
#include "vectis/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	BODY_OCTETS = 16 << 20,
	PIECE_OCTETS = 16384,
	SECONDS = 1 /* of each row */
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* Of this process: what others do on the machine does not count. */
static double cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void row(const char *name, double value, const char *unit, double limit)
{
	printf("%-28s %12.1f %-8s", name, value, unit);
	if (limit > 0)
		printf(" %6.2f", value / limit);
	printf("\n");
	(void)fflush(stdout);
}

static char body[BODY_OCTETS + 100];

/* Line after line, up to the end of the body. */
static void fill(const char *line)
{
	const size_t len = strlen(line);

	for (size_t at = 0; at < BODY_OCTETS; at += len)
		memcpy(body + at, line, len);
}

static double sha256_mb_s(void)
{
	const double start = cpu_s();
	char digest[VX_SHA256_OCTETS];
	unsigned n = 0;

	for (; cpu_s() - start < SECONDS; n++)
		vx_sha256(vx_slice_of(body, BODY_OCTETS), digest);
	return n * (BODY_OCTETS / 1e6) / (cpu_s() - start);
}

static void bodies(const char *name, const char *line, bool relaxed, double limit)
{
	double start;
	unsigned n = 0;

	fill(line);
	for (start = cpu_s(); cpu_s() - start < SECONDS; n++) {
		struct vx_body b = { 0 };

		(void)vx_body_want(&b, relaxed, UINT64_MAX);
		for (size_t at = 0; at < BODY_OCTETS; at += PIECE_OCTETS)
			vx_body_add(&b, vx_slice_of(body + at, PIECE_OCTETS));
		vx_body_end(&b);
	}
	row(name, n * (BODY_OCTETS / 1e6) / (cpu_s() - start), "MB/s", limit);
}

static struct vx_key *public_of(const struct vx_private_key *key)
{
	struct vx_buf text = { .max = 4096 }, octets = { .max = 4096 };
	struct vx_key *pub;

	must(vx_private_key_public(key, &text) == VX_OK &&
	     vx_base64_decode(vx_buf_slice(&text), &octets) == VX_OK &&
	     vx_key_load(vx_private_key_type(key), vx_buf_slice(&octets), &pub) == VX_OK);
	vx_buf_done(&text);
	vx_buf_done(&octets);
	return pub;
}

static void keys(enum vx_key_type type, const char *signs, const char *verifies)
{
	char digest[VX_SHA256_OCTETS] = { 0 };
	struct vx_buf s = { .max = VX_KEY_SIGNATURE_OCTETS_MAX };
	struct vx_private_key *key;
	struct vx_key *pub;
	unsigned n = 0;
	double start;

	must(vx_private_key_generate(type, &key) == VX_OK);
	pub = public_of(key);
	for (start = cpu_s(); cpu_s() - start < SECONDS; n++) {
		vx_buf_reset(&s);
		memcpy(digest, &n, sizeof(n));
		must(vx_private_key_sign(key, digest, &s) == VX_OK);
	}
	row(signs, n / (cpu_s() - start), "/s", 0);
	n = 0;
	for (start = cpu_s(); cpu_s() - start < SECONDS; n++)
		must(vx_key_verify(pub, digest, vx_buf_slice(&s)) == VX_OK);
	row(verifies, n / (cpu_s() - start), "/s", 0);
	vx_key_free(pub);
	vx_private_key_free(key);
	vx_buf_done(&s);
}

int main(void)
{
	static const char text[] =
	    "It is a line as people write them, with words and blanks in it.\r\n";
	static const char base64[] =
	    "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsuTWFueSBoYW5kcyBt"
	    "YWtlIGxpZ2h0IHdvcmsuTWFu\r\n";
	double limit;

	fill(text);
	limit = sha256_mb_s();
	row("SHA-256", limit, "MB/s", 0);
	bodies("simple, text", text, false, limit);
	bodies("relaxed, text", text, true, limit);
	bodies("relaxed, base64", base64, true, limit);
	bodies("relaxed, blanks everywhere", "a  b \r\n", true, limit);
	bodies("simple, empty lines", "\r\n", false, limit);
	keys(VX_KEY_RSA, "RSA-2048 signs", "RSA-2048 verifies");
	keys(VX_KEY_ED25519, "Ed25519 signs", "Ed25519 verifies");
	return 0;
}
