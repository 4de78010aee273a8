/* A certificate chain and its key: is the pair usable, and what does it say? */
#include "base/chars.h"
#include "base/encode.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tls/certs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	CHAIN_MAX = 16,
	CLOCK_SKEW_S = 3600
};

static gnutls_datum_t datum(vx_slice s)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)s.ptr, (unsigned)s.len };
}

/* --- what a certificate says ----------------------------------------------------- */

/* A host name, perhaps with a wildcard: nothing that could be taken for two. */
static bool is_host(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!vx_is(name[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    (name[i] == '\0' || strchr(".-_*", name[i]) == NULL))
			return false;
	return len > 0;
}

static void read_names(gnutls_x509_crt_t crt, struct vx_buf *names)
{
	for (unsigned i = 0; i < VX_TLS_NAMES_MAX; i++) {
		char name[256];
		size_t len = sizeof(name) - 1;
		const int type =
		    gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);

		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (type != GNUTLS_SAN_DNSNAME || len >= sizeof(name) ||
		    !is_host(name, len) || names->len + len + 1 > names->max)
			continue;
		if (names->len > 0)
			vx_buf_add_char(names, ' ');
		vx_buf_add(names, vx_slice_of(name, len));
	}
}

/* As many names as there is room for. */
static void show_names(vx_slice names, char *out, size_t size)
{
	size_t len = names.len;

	if (len >= size)
		for (len = size - 1; len > 0 && names.ptr[len] != ' ';)
			len--;
	if (len > 0)
		memcpy(out, names.ptr, len);
	out[len] = '\0';
}

/* RFC 6698 2.1.2: SubjectPublicKeyInfo. */
static void read_digest(gnutls_x509_crt_t crt, char out[65])
{
	struct vx_buf hex = { .max = 64 };
	gnutls_datum_t spki = { NULL, 0 };
	gnutls_pubkey_t key = NULL;
	unsigned char digest[32];

	if (gnutls_pubkey_init(&key) == 0 &&
	    gnutls_pubkey_import_x509(key, crt, 0) == 0 &&
	    gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki) == 0 &&
	    gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.data, spki.size, digest) == 0) {
		vx_hex_add(&hex, vx_slice_of(digest, sizeof(digest)));
		if (hex.len == 64)
			memcpy(out, hex.ptr, 64);
	}
	gnutls_free(spki.data);
	if (key != NULL)
		gnutls_pubkey_deinit(key);
	vx_buf_done(&hex);
}

static const char *kind_of(gnutls_x509_crt_t crt)
{
	switch ((int)gnutls_x509_crt_get_pk_algorithm(crt, NULL)) {
	case GNUTLS_PK_ECDSA:
		return "ecdsa";
	case GNUTLS_PK_RSA:
		return "rsa";
	case GNUTLS_PK_EDDSA_ED25519:
		return "ed25519";
	default:
		return "other";
	}
}

static void read_info(
    gnutls_x509_crt_t crt, vx_slice names, struct vx_tls_cert_info *info)
{
	struct vx_buf hex = { .max = VX_TLS_SERIAL_MAX - 1 };
	unsigned char serial[64];
	size_t len = sizeof(serial);

	memset(info, 0, sizeof(*info));
	if (gnutls_x509_crt_get_serial(crt, serial, &len) == 0)
		vx_hex_add(&hex, vx_slice_of(serial, len));
	(void)snprintf(
	    info->serial, sizeof(info->serial), "%s", hex.ptr == NULL ? "" : hex.ptr);
	vx_buf_done(&hex);
	len = sizeof(info->subject);
	if (gnutls_x509_crt_get_dn(crt, info->subject, &len) < 0)
		info->subject[0] = '\0';
	len = sizeof(info->issuer);
	if (gnutls_x509_crt_get_issuer_dn(crt, info->issuer, &len) < 0)
		info->issuer[0] = '\0';
	info->not_before = (int64_t)gnutls_x509_crt_get_activation_time(crt);
	info->not_after = (int64_t)gnutls_x509_crt_get_expiration_time(crt);
	show_names(names, info->names, sizeof(info->names));
	read_digest(crt, info->key_digest);
	info->key_kind = kind_of(crt);
}

/* --- checks ---------------------------------------------------------------------- */

/* Is each certificate issued by the next one? */
static int check_order(const struct vx_tls_pair *p, gnutls_x509_crt_t *crts,
    unsigned count, struct vx_error *err)
{
	for (unsigned i = 0; i + 1 < count; i++)
		if (gnutls_x509_crt_check_issuer(crts[i], crts[i + 1]) != 1)
			return vx_error_set(err, VX_ETLS,
			    "%s: certificate %u was not issued by number %u: the "
			    "server's "
			    "certificate comes first, then each issuer in order",
			    p->chain_name, i + 1, i + 2);
	return VX_OK;
}

static int read_key(
    const struct vx_tls_pair *p, gnutls_x509_privkey_t key, struct vx_error *err)
{
	char *ended; /* the library reads PEM up to a NUL behind it */
	int rc;

	if (vx_slice_find_slice(p->key, VX_S("ENCRYPTED")) < p->key.len)
		return vx_error_set(err, VX_ETLS,
		    "%s is encrypted: nobody is there to type its passphrase, take it "
		    "off",
		    p->key_name);
	ended = vx_alloc(p->key.len + 1);
	if (ended == NULL)
		return VX_ENOMEM;
	memcpy(ended, p->key.ptr, p->key.len);
	rc = gnutls_x509_privkey_import2(key,
	    &(gnutls_datum_t){ (unsigned char *)ended, (unsigned)p->key.len },
	    GNUTLS_X509_FMT_PEM, NULL, 0);
	vx_wipe(ended, p->key.len);
	vx_free(ended);
	if (rc == GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR ||
	    rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return vx_error_set(
		    err, VX_ETLS, "%s has no private key in PEM", p->key_name);
	if (rc < 0)
		return vx_error_set(err, VX_ETLS, "%s cannot be read: %s", p->key_name,
		    gnutls_strerror(rc));
	return VX_OK;
}

static int compare_keys(const struct vx_tls_pair *p, gnutls_x509_crt_t crt,
    gnutls_x509_privkey_t key, struct vx_error *err)
{
	unsigned char a[64], b[64];
	size_t a_len = sizeof(a), b_len = sizeof(b);
	int rc = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, a, &a_len);

	if (rc == 0)
		rc = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, b, &b_len);
	if (rc < 0)
		return vx_error_set(err, VX_ETLS, "%s and %s cannot be compared: %s",
		    p->key_name, p->chain_name, gnutls_strerror(rc));
	if (a_len != b_len || memcmp(a, b, a_len) != 0)
		return vx_error_set(err, VX_ETLS,
		    "%s does not belong to the certificate in %s: install the pair that "
		    "was "
		    "issued together",
		    p->key_name, p->chain_name);
	return VX_OK;
}

static int check_key(
    const struct vx_tls_pair *p, gnutls_x509_crt_t crt, struct vx_error *err)
{
	gnutls_x509_privkey_t key;
	int rc;

	if (gnutls_x509_privkey_init(&key) < 0)
		return vx_error_set(err, VX_ENOMEM, "no memory for the key");
	rc = read_key(p, key, err);
	if (rc == VX_OK)
		rc = compare_keys(p, crt, key, err);
	gnutls_x509_privkey_deinit(key);
	return rc;
}

static int check_times(const struct vx_tls_pair *p, const struct vx_tls_cert_info *info,
    struct vx_error *err)
{
	const int64_t now = (int64_t)time(NULL), past = now - info->not_after;

	if (past >= 0 && !p->expired_too)
		return vx_error_set(err, VX_ETLS,
		    "%s: the certificate expired %lld %s ago", p->chain_name,
		    (long long)(past >= 86400 ? past / 86400 : past / 3600),
		    past >= 86400 ? "days" : "hours");
	if (info->not_before > now + CLOCK_SKEW_S)
		return vx_error_set(err, VX_ETLS,
		    "%s: the certificate is not valid yet: is the clock right?",
		    p->chain_name);
	if (info->names[0] == '\0')
		return vx_error_set(err, VX_ETLS,
		    "%s: the certificate names no host (subjectAltName)", p->chain_name);
	return VX_OK;
}

static int check_all(const struct vx_tls_pair *p, gnutls_x509_crt_t *crts, unsigned count,
    const struct vx_tls_cert_info *info, struct vx_error *err)
{
	int rc = check_order(p, crts, count, err);

	if (rc == VX_OK)
		rc = check_key(p, crts[0], err);
	return rc == VX_OK ? check_times(p, info, err) : rc;
}

int vx_tls_pair_check(const struct vx_tls_pair *p, struct vx_tls_cert_info *info,
    struct vx_buf *names, struct vx_error *err)
{
	const gnutls_datum_t data = datum(p->chain);
	struct vx_buf own = { .max = VX_TLS_NAMES_OCTETS };
	gnutls_x509_crt_t crts[CHAIN_MAX];
	unsigned count = CHAIN_MAX;
	int rc = gnutls_x509_crt_list_import(crts, &count, &data, GNUTLS_X509_FMT_PEM,
	    GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

	if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER)
		return vx_error_set(err, VX_ELIMIT, "%s has more than %d certificates",
		    p->chain_name, CHAIN_MAX);
	if (rc == GNUTLS_E_NO_CERTIFICATE_FOUND ||
	    rc == GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR || rc == 0)
		return vx_error_set(
		    err, VX_ETLS, "%s has no certificate in PEM", p->chain_name);
	if (rc < 0)
		return vx_error_set(err, VX_ETLS, "%s cannot be read: %s", p->chain_name,
		    gnutls_strerror(rc));
	if (names == NULL)
		names = &own;
	read_names(crts[0], names);
	read_info(crts[0], vx_buf_slice(names), info);
	rc = check_all(p, crts, count, info, err);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(crts[i]);
	vx_buf_done(&own);
	return rc;
}

void vx_tls_describe(gnutls_x509_crt_t crt, struct vx_tls_cert_info *info)
{
	struct vx_buf names = { .max = VX_TLS_NAMES_OCTETS };

	read_names(crt, &names);
	read_info(crt, vx_buf_slice(&names), info);
	vx_buf_done(&names);
}

int vx_tls_check_pair(vx_slice chain_pem, vx_slice key_pem, struct vx_tls_cert_info *info,
    struct vx_error *err)
{
	const struct vx_tls_pair p = { .chain = chain_pem,
		.key = key_pem,
		.chain_name = "the certificate file",
		.key_name = "the private key" };

	return vx_tls_pair_check(&p, info, NULL, err);
}

/* --- files ----------------------------------------------------------------------- */

/* The mode of the file that is read, not of one that is there a moment later. */
static int check_mode(int fd, const char *path, struct vx_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vx_error_set(err, vx_errno_result(errno), "cannot read %s: %s",
		    path, vx_errno_text(errno));
	if ((st.st_mode & 077) != 0)
		return vx_error_set(err, VX_EPERM,
		    "%s has mode %04o: others may read the key; run chmod 0600 on it, "
		    "and "
		    "think about a new key",
		    path, (unsigned)(st.st_mode & 07777));
	return VX_OK;
}

static int read_file(
    const char *path, bool secret, struct vx_buf *out, struct vx_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = 1;
	int rc = VX_OK;

	if (fd < 0)
		return vx_error_set(err, vx_errno_result(errno), "cannot read %s: %s",
		    path, vx_errno_text(errno));
	if (secret)
		rc = check_mode(fd, path, err);
	while (rc == VX_OK && n > 0) {
		char piece[4096];

		n = read(fd, piece, sizeof(piece));
		if (n < 0)
			rc = vx_error_set(err, vx_errno_result(errno),
			    "cannot read %s: %s", path, vx_errno_text(errno));
		else
			vx_buf_add(out, vx_slice_of(piece, (size_t)n));
		vx_wipe(piece, sizeof(piece));
		if (out->failed)
			rc = vx_error_set(err, VX_ELIMIT, "%s is too large", path);
	}
	(void)close(fd);
	return rc;
}

int vx_tls_read_pair(const char *chain_path, const char *key_path, struct vx_buf *chain,
    struct vx_buf *key, struct vx_tls_cert_info *info, struct vx_error *err)
{
	int rc = read_file(chain_path, false, chain, err);

	if (rc == VX_OK)
		rc = read_file(key_path, true, key, err);
	if (rc == VX_OK) {
		const struct vx_tls_pair p = { .chain = vx_buf_slice(chain),
			.key = vx_buf_slice(key),
			.chain_name = chain_path,
			.key_name = key_path };

		rc = vx_tls_pair_check(&p, info, NULL, err);
	}
	return rc;
}
