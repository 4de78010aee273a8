#include "tls/pki.h"

#include <stdlib.h>

static struct pki root, middle, leaf, other;

static void set_up(void)
{
	pki_make(&root, &(struct pki_spec){ .cn = "root", .ca = true });
	pki_make(
	    &middle, &(struct pki_spec){ .cn = "middle", .ca = true, .issuer = &root });
	pki_make(&leaf,
	    &(struct pki_spec){
		.cn = "leaf", .names = "mail.a.test *.b.test", .issuer = &middle });
	pki_make(&other,
	    &(struct pki_spec){ .cn = "other", .names = "mail.a.test", .rsa = true });
}

static void tear_down(void)
{
	pki_free(&root);
	pki_free(&middle);
	pki_free(&leaf);
	pki_free(&other);
}

static vx_slice join(
    struct vx_buf *b, const struct pki *x, const struct pki *y, const struct pki *z)
{
	const struct pki *const all[] = { x, y, z };

	vx_buf_reset(b);
	for (size_t i = 0; i < 3; i++)
		if (all[i] != NULL)
			vx_buf_add(b, vx_buf_slice(&all[i]->pem));
	return vx_buf_slice(b);
}

/* VX_OK, or the text of the error contains what is expected. */
static void check(vx_slice chain, const struct pki *key, const char *expected)
{
	struct vx_error err = { .text = "" };
	struct vx_tls_cert_info info;
	const int rc = vx_tls_check_pair(chain,
	    key == NULL ? vx_slice_of("", 0) : vx_buf_slice(&key->key_pem), &info, &err);

	if (expected == NULL)
		ck_assert_msg(rc == VX_OK, "%s", err.text);
	else
		ck_assert_msg(rc == VX_ETLS && strstr(err.text, expected) != NULL,
		    "%d: \"%s\", not \"%s\"", rc, err.text, expected);
}

START_TEST(chains)
{
	struct vx_buf b = { .max = VX_TLS_PEM_MAX };

	set_up();
	check(join(&b, &leaf, &middle, NULL), &leaf, NULL);
	check(join(&b, &leaf, &middle, &root), &leaf, NULL);
	check(join(&b, &leaf, NULL, NULL), &leaf, NULL);
	check(join(&b, &other, NULL, NULL), &other, NULL);
	check(join(&b, &middle, &leaf, NULL), &leaf,
	    "certificate 1 was not issued by number 2");
	check(join(&b, &leaf, &root, &middle), &leaf, "certificate 1 was not issued");
	check(join(&b, &leaf, &middle, &other), &leaf,
	    "certificate 2 was not issued by number 3");
	check(join(&b, &leaf, &middle, NULL), &other, "does not belong");
	check(join(&b, &leaf, &middle, NULL), &middle, "does not belong");
	check(join(&b, &leaf, &middle, NULL), NULL, "has no private key in PEM");
	vx_buf_done(&b);
	tear_down();
}
END_TEST

START_TEST(dates_and_names)
{
	static const struct {
		struct pki_spec spec;
		const char *text;
	} cases[] = {
		{ { .cn = "x", .names = "a.test", .begin_days = -9, .end_days = -2 },
		    "expired 2 days ago" },
		{ { .cn = "x", .names = "a.test", .begin_days = 2, .end_days = 9 },
		    "not valid yet" },
		{ { .cn = "mail.a.test" }, "names no host" },
		{ { .cn = "x", .names = "a.test", .end_days = 1 }, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pki p;

		pki_make(&p, &cases[i].spec);
		check(vx_buf_slice(&p.pem), &p, cases[i].text);
		pki_free(&p);
	}
}
END_TEST

START_TEST(texts_that_are_no_certificates)
{
	static const struct {
		const char *text, *what;
	} cases[] = {
		{ "", "has no certificate in PEM" },
		{ "hello\n", "has no certificate in PEM" },
		{ "\x30\x82\x01\x01", "has no certificate in PEM" },
		{ "-----BEGIN CERTIFICATE-----\n", "the certificate file" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		    "the certificate file cannot be read" },
		{ "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
		    "the certificate file" },
	};
	struct vx_error err;
	struct vx_tls_cert_info info;

	set_up();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(vx_slice_str(cases[i].text), &leaf, cases[i].what);
	/* a key file in the place of the chain, and the other way round */
	check(vx_buf_slice(&leaf.key_pem), &leaf, "has no certificate in PEM");
	ck_assert_int_eq(vx_tls_check_pair(vx_buf_slice(&leaf.pem),
			     vx_buf_slice(&leaf.pem), &info, &err),
	    VX_ETLS);
	ck_assert_ptr_nonnull(strstr(err.text, "private key"));
	ck_assert_int_eq(vx_tls_check_pair(vx_buf_slice(&leaf.pem),
			     VX_S("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
				  "-----END ENCRYPTED PRIVATE KEY-----\n"),
			     &info, &err),
	    VX_ETLS);
	ck_assert_ptr_nonnull(strstr(err.text, "passphrase"));
	tear_down();
}
END_TEST

START_TEST(too_many_certificates)
{
	struct vx_buf b = { .max = VX_TLS_PEM_MAX };
	struct vx_error err;
	struct vx_tls_cert_info info;

	set_up();
	for (int i = 0; i < 17; i++)
		vx_buf_add(&b, vx_buf_slice(&root.pem));
	ck_assert_int_eq(
	    vx_tls_check_pair(vx_buf_slice(&b), vx_buf_slice(&root.key_pem), &info, &err),
	    VX_ELIMIT);
	ck_assert_ptr_nonnull(strstr(err.text, "more than 16"));
	vx_buf_done(&b);
	tear_down();
}
END_TEST

START_TEST(what_is_said_of_one)
{
	struct vx_tls_cert_info info;
	struct vx_error err;

	set_up();
	vxt_assert_ok(vx_tls_check_pair(
	    vx_buf_slice(&leaf.pem), vx_buf_slice(&leaf.key_pem), &info, &err));
	ck_assert_str_eq(info.serial, leaf.serial);
	ck_assert_str_eq(info.names, "mail.a.test *.b.test");
	ck_assert_str_eq(info.subject, "CN=leaf");
	ck_assert_str_eq(info.issuer, "CN=middle");
	ck_assert_int_eq((info.not_after - info.not_before) / 86400, 90);
	tear_down();
}
END_TEST

/* Put an octet in the place of the Q behind a text. */
static void spoil(gnutls_datum_t *der, vx_slice before, char octet)
{
	const size_t at = vx_slice_find_slice(vx_slice_of(der->data, der->size), before);

	ck_assert_uint_lt(at + before.len, der->size);
	ck_assert_int_eq(der->data[at + before.len], 'Q');
	der->data[at + before.len] = (unsigned char)octet;
}

/* A name with a blank or a NUL in it must not become two, or another. */
START_TEST(odd_names)
{
	struct vx_tls_cert_info info;
	gnutls_datum_t der, pem;
	struct vx_error err;
	struct pki p;

	pki_make(
	    &p, &(struct pki_spec){ .cn = "x",
		    .names = "one.testQevil.test nul.testQ.evil.test aQb.test A.test" });
	ck_assert_int_eq(gnutls_x509_crt_export2(p.crt, GNUTLS_X509_FMT_DER, &der), 0);
	spoil(&der, VX_S("one.test"), ' ');
	spoil(&der, VX_S("nul.test"), '\0');
	spoil(&der,
	    VX_S("\x08"
		 "a"),
	    ',');
	ck_assert_int_eq(gnutls_pem_base64_encode2("CERTIFICATE", &der, &pem), 0);
	ck_assert_msg(vx_tls_check_pair(vx_slice_of(pem.data, pem.size),
			  vx_buf_slice(&p.key_pem), &info, &err) == VX_OK,
	    "%s", err.text);
	ck_assert_str_eq(info.names, "A.test");
	gnutls_free(der.data);
	gnutls_free(pem.data);
	pki_free(&p);
}
END_TEST

static void read_pair(const char *chain, const char *key, int rc, const char *text)
{
	struct vx_buf c = { .max = VX_TLS_PEM_MAX }, k = { .max = VX_TLS_PEM_MAX };
	struct vx_error err = { .text = "" };
	struct vx_tls_cert_info info;
	const int got = vx_tls_read_pair(chain, key, &c, &k, &info, &err);

	ck_assert_msg(got == rc && strstr(err.text, text) != NULL,
	    "%d: \"%s\", not \"%s\"", got, err.text, text);
	vx_buf_done(&c);
	vx_buf_done(&k);
}

/* Each mistake names the file that is wrong (TLS-09). */
START_TEST(files)
{
	const char *dir = vxt_mkdir(), *chain, *key, *loose, *wrong, *junk, *big;
	static char zeros[VX_TLS_PEM_MAX + 1];

	set_up();
	chain = strdup(pki_file(dir, "chain.pem", vx_buf_slice(&leaf.pem), 0644));
	key = strdup(pki_file(dir, "key.pem", vx_buf_slice(&leaf.key_pem), 0600));
	loose = strdup(pki_file(dir, "loose.pem", vx_buf_slice(&leaf.key_pem), 0640));
	wrong = strdup(pki_file(dir, "wrong.pem", vx_buf_slice(&other.key_pem), 0400));
	junk = strdup(pki_file(dir, "junk.pem", VX_S("junk"), 0600));
	big = strdup(pki_file(dir, "big.pem", vx_slice_of(zeros, sizeof(zeros)), 0600));
	read_pair(chain, key, VX_OK, "");
	read_pair(chain, loose, VX_EPERM, "loose.pem has mode 0640");
	read_pair(
	    chain, wrong, VX_ETLS, "wrong.pem does not belong to the certificate in ");
	read_pair(chain, junk, VX_ETLS, "junk.pem has no private key");
	read_pair(junk, key, VX_ETLS, "junk.pem has no certificate");
	read_pair(big, key, VX_ELIMIT, "big.pem is too large");
	read_pair(chain, big, VX_ELIMIT, "big.pem is too large");
	read_pair("/no/such.pem", key, VX_ENOENT, "/no/such.pem");
	read_pair(chain, "/no/such.key", VX_ENOENT, "/no/such.key");
	read_pair(dir, key, VX_EIO, "cannot read ");
	free((void *)(uintptr_t)chain);
	free((void *)(uintptr_t)key);
	free((void *)(uintptr_t)loose);
	free((void *)(uintptr_t)wrong);
	free((void *)(uintptr_t)junk);
	free((void *)(uintptr_t)big);
	vxt_rmdir(dir);
	tear_down();
}
END_TEST

VXT_SUITE(test_pair, "pair", chains, dates_and_names, texts_that_are_no_certificates,
    too_many_certificates, what_is_said_of_one, odd_names, files)
