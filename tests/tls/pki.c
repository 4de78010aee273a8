#include "tls/pki.h"

#include "base/encode.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define must(call) ck_assert_int_ge((call), 0)

static void add_names(gnutls_x509_crt_t crt, const char *names)
{
	vx_slice rest = vx_slice_str(names), name;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &name);
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
		    name.ptr, (unsigned)name.len, GNUTLS_FSAN_APPEND));
	}
}

static void describe(struct pki *p, const struct pki_spec *spec)
{
	static unsigned char serial[8] = { 0x42, 0, 0, 0, 0, 0, 0, 0 };
	const time_t now = time(NULL);
	struct vx_buf hex = { .max = 64 };

	serial[7]++;
	must(gnutls_x509_crt_set_version(p->crt, 3));
	must(gnutls_x509_crt_set_serial(p->crt, serial, sizeof(serial)));
	vx_hex_add(&hex, vx_slice_of(serial, sizeof(serial)));
	(void)snprintf(p->serial, sizeof(p->serial), "%s", hex.ptr);
	vx_buf_done(&hex);
	must(gnutls_x509_crt_set_activation_time(
	    p->crt, now + (time_t)spec->begin_days * 86400 - 60));
	must(gnutls_x509_crt_set_expiration_time(
	    p->crt, now + (time_t)(spec->end_days == 0 ? 90 : spec->end_days) * 86400));
	must(gnutls_x509_crt_set_dn_by_oid(p->crt, GNUTLS_OID_X520_COMMON_NAME, 0,
	    spec->cn, (unsigned)strlen(spec->cn)));
	if (spec->names != NULL)
		add_names(p->crt, spec->names);
	must(gnutls_x509_crt_set_basic_constraints(p->crt, spec->ca ? 1 : 0, -1));
	must(gnutls_x509_crt_set_key(p->crt, p->key));
}

void pki_make(struct pki *p, const struct pki_spec *spec)
{
	gnutls_datum_t pem;

	memset(p, 0, sizeof(*p));
	vx_buf_init(&p->pem, VX_TLS_PEM_MAX);
	vx_buf_init(&p->key_pem, VX_TLS_PEM_MAX);
	must(gnutls_x509_crt_init(&p->crt));
	must(gnutls_x509_privkey_init(&p->key));
	must(gnutls_x509_privkey_generate(p->key,
	    spec->rsa ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA,
	    spec->rsa ? 2048 : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	describe(p, spec);
	must(gnutls_x509_crt_sign2(p->crt,
	    spec->issuer == NULL ? p->crt : spec->issuer->crt,
	    spec->issuer == NULL ? p->key : spec->issuer->key, GNUTLS_DIG_SHA256, 0));
	must(gnutls_x509_crt_export2(p->crt, GNUTLS_X509_FMT_PEM, &pem));
	vx_buf_add(&p->pem, vx_slice_of(pem.data, pem.size));
	gnutls_free(pem.data);
	must(gnutls_x509_privkey_export2(p->key, GNUTLS_X509_FMT_PEM, &pem));
	vx_buf_add(&p->key_pem, vx_slice_of(pem.data, pem.size));
	gnutls_free(pem.data);
}

void pki_free(struct pki *p)
{
	gnutls_x509_crt_deinit(p->crt);
	gnutls_x509_privkey_deinit(p->key);
	vx_buf_done(&p->pem);
	vx_buf_done(&p->key_pem);
}

const char *pki_file(const char *dir, const char *name, vx_slice text, unsigned mode)
{
	static char paths[4][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	FILE *f;

	(void)snprintf(path, PATH_MAX, "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text.ptr, 1, text.len, f), text.len);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
	return path;
}

void pki_install(const char *dir, const char *name, const struct pki *p)
{
	struct vx_error err = { .text = "" };

	ck_assert_msg(vx_certs_install(dir, name, vx_buf_slice(&p->pem),
			  vx_buf_slice(&p->key_pem), "custom", &err) == VX_OK,
	    "%s", err.text);
}
