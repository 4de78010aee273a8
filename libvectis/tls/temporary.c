/*
 * The self-signed certificate that is served while there is no other.  All processes
 * share it, and it keeps its key: a user who accepted it once must not be asked again.
 */
#include "base/fs.h"
#include "base/mem.h"
#include "tls/certs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
	CLOCK_SKEW_S = 3600,
	DAY_S = 86400
};

static int fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *hostname)
{
	unsigned char serial[16];
	const time_t now = time(NULL);
	int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] &= 0x7f; /* positive, and never shorter */
	serial[0] |= 0x40;
	if (rc == 0)
		rc = gnutls_x509_crt_set_version(crt, 3);
	if (rc == 0)
		rc = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	if (rc == 0)
		rc = gnutls_x509_crt_set_activation_time(crt, now - CLOCK_SKEW_S);
	if (rc == 0)
		rc = gnutls_x509_crt_set_expiration_time(
		    crt, now + (time_t)VX_TEMPORARY_DAYS * DAY_S);
	if (rc == 0)
		rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
		    hostname, (unsigned)strlen(hostname), GNUTLS_FSAN_SET);
	if (rc == 0)
		rc = gnutls_x509_crt_set_dn_by_oid(
		    crt, GNUTLS_OID_X520_COMMON_NAME, 0, "temporary certificate", 21);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key(crt, key);
	if (rc == 0)
		rc = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	return rc;
}

/* The key in old, when there is one; else a new one. */
static int find_key(gnutls_x509_privkey_t key, vx_slice old)
{
	const gnutls_datum_t data = { (unsigned char *)(uintptr_t)old.ptr,
		(unsigned)old.len };

	if (old.len > 0 &&
	    gnutls_x509_privkey_import2(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0) == 0)
		return 0;
	return gnutls_x509_privkey_generate(
	    key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

static int export_both(
    gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, struct vx_buf *out)
{
	gnutls_datum_t chain = { 0 }, pem = { 0 };
	int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &chain);

	if (rc == 0)
		rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	vx_buf_add(out, vx_slice_of(chain.data, chain.size));
	vx_buf_add(out, vx_slice_of(pem.data, pem.size));
	gnutls_free(chain.data);
	if (pem.data != NULL)
		vx_wipe(pem.data, pem.size);
	gnutls_free(pem.data);
	return rc == 0 && out->failed ? GNUTLS_E_MEMORY_ERROR : rc;
}

/* A new certificate and its key, both as PEM. */
static int make(
    const char *hostname, vx_slice old, struct vx_buf *out, struct vx_error *err)
{
	gnutls_x509_crt_t crt = NULL;
	gnutls_x509_privkey_t key = NULL;
	int rc = gnutls_x509_crt_init(&crt);

	if (rc == 0)
		rc = gnutls_x509_privkey_init(&key);
	if (rc == 0)
		rc = find_key(key, old);
	if (rc == 0)
		rc = fill(crt, key, hostname);
	if (rc == 0)
		rc = export_both(crt, key, out);
	if (crt != NULL)
		gnutls_x509_crt_deinit(crt);
	if (key != NULL)
		gnutls_x509_privkey_deinit(key);
	return rc == 0 ? VX_OK
		       : vx_error_set(err, VX_ETLS,
			     "the temporary certificate cannot be made: %s",
			     gnutls_strerror(rc));
}

static bool usable(vx_slice pem, const char *hostname)
{
	struct vx_tls_cert_info info;

	return vx_tls_check_pair(pem, pem, &info, NULL) == VX_OK &&
	       strcmp(info.names, hostname) == 0 &&
	       info.not_after - (int64_t)time(NULL) > VX_TEMPORARY_RENEW_DAYS * DAY_S;
}

/* Under the lock: what is in the file is what everybody serves. */
static int read_or_make(
    const char *path, const char *hostname, struct vx_buf *pem, struct vx_error *err)
{
	struct vx_buf old = { .max = VX_TLS_PEM_MAX };
	int rc = VX_OK;

	if (vx_fs_read(path, &old, err) == VX_OK &&
	    usable(vx_buf_slice(&old), hostname)) {
		vx_buf_add(pem, vx_buf_slice(&old));
	} else {
		rc = make(hostname, vx_buf_slice(&old), pem, err);
		if (rc == VX_OK)
			rc = vx_fs_write(path, 0600, vx_buf_slice(pem), err);
	}
	vx_buf_wipe(&old);
	return rc;
}

int vx_tls_temporary(
    const char *dir, const char *hostname, struct vx_tls_cert **out, struct vx_error *err)
{
	struct vx_tls_pair p = { .chain_name = "temporary.pem",
		.key_name = "temporary.pem" };
	struct vx_buf pem = { .max = VX_TLS_PEM_MAX };
	char path[PATH_MAX];
	const int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = VX_OK;

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		rc = vx_error_set(err, vx_errno_result(errno), "cannot lock %s: %s", dir,
		    vx_errno_text(errno));
	if (rc == VX_OK &&
	    snprintf(path, sizeof(path), "%s/temporary.pem", dir) >= (int)sizeof(path))
		rc = vx_error_set(err, VX_ELIMIT, "the path %s is too long", dir);
	if (rc == VX_OK)
		rc = read_or_make(path, hostname, &pem, err);
	if (lock >= 0)
		(void)close(lock);
	p.chain = p.key = vx_buf_slice(&pem);
	if (rc == VX_OK)
		rc = vx_tls_cert_new(&p, NULL, out, err);
	vx_buf_wipe(&pem);
	return rc;
}
