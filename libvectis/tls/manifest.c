/* The manifest, which names the current generations, and installing a new one. */
#include "base/chars.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tls/certs_int.h"

#include "base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROVIDER_MAX 31

/* It becomes part of paths: no separators, and not hidden. */
static bool is_name(vx_slice s, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    (s.ptr[i] == '\0' || strchr(".-_", s.ptr[i]) == NULL))
			return false;
	return s.len > 0 && s.len <= max && s.ptr[0] != '.';
}

/* --- reading --------------------------------------------------------------------- */

int vx_manifest_next(vx_slice *rest, struct vx_manifest_line *out)
{
	struct vx_manifest_line l;
	vx_slice line, number;

	if (rest->len == 0)
		return VX_DONE;
	/* a last line without LF was cut off */
	if (!vx_slice_cut(rest, '\n', &line) || !vx_slice_cut(&line, ' ', &l.name) ||
	    !vx_slice_cut(&line, ' ', &number))
		return VX_ESYNTAX;
	l.provider = line;
	if (!is_name(l.name, VX_CERTS_NAME_MAX) || !is_name(l.provider, PROVIDER_MAX) ||
	    vx_slice_number(number, UINT32_MAX, &l.generation) != VX_OK ||
	    number.ptr[0] == '0')
		return VX_ESYNTAX;
	*out = l;
	return VX_OK;
}

static int check(vx_slice text, const char *path, struct vx_error *err)
{
	struct vx_manifest_line l;
	unsigned n = 0;
	int rc;

	while ((rc = vx_manifest_next(&text, &l)) == VX_OK)
		if (++n > VX_TLS_CERTS_MAX)
			return vx_error_set(err, VX_ELIMIT,
			    "%s names more than %d certificates", path, VX_TLS_CERTS_MAX);
	if (rc == VX_DONE)
		return VX_OK;
	return vx_error_set(err, VX_ESYNTAX,
	    "%s is damaged at line %u: \"NAME GENERATION PROVIDER\" is expected", path,
	    n + 1);
}

int vx_manifest_read(const char *dir, struct vx_buf *out, struct vx_error *err)
{
	char path[PATH_MAX];
	int rc;

	vx_buf_init(out, VX_MANIFEST_MAX);
	if (snprintf(path, sizeof(path), "%s/manifest", dir) >= (int)sizeof(path))
		return vx_error_set(err, VX_ELIMIT, "the path %s is too long", dir);
	rc = vx_fs_read(path, out, err);
	if (rc == VX_OK)
		rc = check(vx_buf_slice(out), path, err);
	if (rc != VX_OK)
		vx_buf_done(out);
	return rc;
}

static int path_of(char out[PATH_MAX], const char *dir, const struct vx_manifest_line *l,
    const char *file)
{
	return snprintf(out, PATH_MAX, "%s/%.*s@%llu%s%s", dir, (int)l->name.len,
		   l->name.ptr, (unsigned long long)l->generation,
		   file[0] == '\0' ? "" : "/", file) < PATH_MAX
		   ? VX_OK
		   : VX_ELIMIT;
}

const char *vx_certs_chain_file(bool rsa)
{
	return rsa ? "fullchain.rsa.pem" : "fullchain.pem";
}

const char *vx_certs_key_file(bool rsa)
{
	return rsa ? "privkey.rsa.pem" : "privkey.pem";
}

/* The files of a pair with their paths. */
struct files {
	char chain_name[PATH_MAX], key_name[PATH_MAX];
	struct vx_buf chain, key; /* own */
};

static void files_done(struct files *f)
{
	vx_buf_done(&f->chain);
	vx_buf_wipe(&f->key);
}

/* VX_ENOENT with rsa: there is no second pair. */
static int read_files(const char *dir, const struct vx_manifest_line *l, bool rsa,
    struct files *out, struct vx_error *err)
{
	int rc;

	vx_buf_init(&out->chain, VX_TLS_PEM_MAX);
	vx_buf_init(&out->key, VX_TLS_PEM_MAX);
	if (path_of(out->chain_name, dir, l, vx_certs_chain_file(rsa)) != VX_OK ||
	    path_of(out->key_name, dir, l, vx_certs_key_file(rsa)) != VX_OK)
		return vx_error_set(err, VX_ELIMIT, "the path %s is too long", dir);
	if (rsa && access(out->chain_name, F_OK) < 0 && errno == ENOENT)
		return VX_ENOENT;
	rc = vx_fs_read(out->chain_name, &out->chain, err);
	if (rc == VX_OK)
		rc = vx_fs_read(out->key_name, &out->key, err);
	/* half of a pair is none that is not there */
	return rc == VX_ENOENT && rsa ? VX_EIO : rc;
}

static struct vx_tls_pair pair_of(const struct files *f, bool expired_too)
{
	return (struct vx_tls_pair){ .chain = vx_buf_slice(&f->chain),
		.key = vx_buf_slice(&f->key),
		.chain_name = f->chain_name,
		.key_name = f->key_name,
		.expired_too = expired_too };
}

int vx_manifest_load(const char *dir, const struct vx_manifest_line *l, bool expired_too,
    struct vx_tls_cert **out, struct vx_error *err)
{
	struct files first, second = { .chain_name = "" };
	struct vx_error beside = { .text = "" };
	int rc = read_files(dir, l, false, &first, err), second_rc = VX_ENOENT;

	if (rc == VX_OK) {
		second_rc = read_files(dir, l, true, &second, &beside);
		if (second_rc != VX_OK && second_rc != VX_ENOENT && !expired_too) {
			*err = beside;
			rc = second_rc;
		}
	}
	if (rc == VX_OK) {
		const struct vx_tls_pair p = pair_of(&first, expired_too),
					 rsa = pair_of(&second, expired_too);

		rc = vx_tls_cert_new(&p, second_rc == VX_OK ? &rsa : NULL, out, err);
	}
	if (rc == VX_OK) {
		if (second_rc != VX_OK)
			(*out)->left_out = beside;
		(void)snprintf((*out)->name, sizeof((*out)->name), "%.*s",
		    (int)l->name.len, l->name.ptr);
		(*out)->generation = l->generation;
	}
	files_done(&first);
	files_done(&second);
	return rc;
}

void vx_manifest_mark(vx_slice text, char out[VX_CERTS_MARK_MAX])
{
	struct vx_buf hex = { .max = VX_CERTS_MARK_MAX - 1 };
	unsigned char digest[32];

	out[0] = '\0';
	if (gnutls_hash_fast(
		GNUTLS_DIG_SHA256, text.len > 0 ? text.ptr : "", text.len, digest) == 0)
		vx_hex_add(&hex, vx_slice_of(digest, (VX_CERTS_MARK_MAX - 1) / 2));
	if (hex.len == VX_CERTS_MARK_MAX - 1)
		memcpy(out, hex.ptr, VX_CERTS_MARK_MAX);
	vx_buf_done(&hex);
}

int vx_certs_mark_of(const char *dir, char out[VX_CERTS_MARK_MAX], struct vx_error *err)
{
	struct vx_buf manifest;
	const int rc = vx_manifest_read(dir, &manifest, err);

	if (rc == VX_OK)
		vx_manifest_mark(vx_buf_slice(&manifest), out);
	vx_buf_done(&manifest);
	return rc;
}

/* One that cannot be used is listed too, with what is wrong. */
static void describe(
    const char *dir, const struct vx_manifest_line *l, struct vx_certs_entry *out)
{
	struct files f;
	int rc = read_files(dir, l, false, &f, &out->problem);

	if (rc == VX_OK)
		(void)vx_tls_check_pair(vx_buf_slice(&f.chain), vx_buf_slice(&f.key),
		    &out->info, &out->problem);
	files_done(&f);
	rc = read_files(dir, l, true, &f, &out->rsa_problem);
	out->has_rsa = rc != VX_ENOENT;
	if (rc == VX_OK)
		(void)vx_tls_check_pair(vx_buf_slice(&f.chain), vx_buf_slice(&f.key),
		    &out->rsa, &out->rsa_problem);
	files_done(&f);
}

int vx_certs_entry(
    const char *dir, size_t index, struct vx_certs_entry *out, struct vx_error *err)
{
	struct vx_buf manifest;
	struct vx_manifest_line l = { 0 };
	vx_slice rest;
	int rc = vx_manifest_read(dir, &manifest, err);

	rest = vx_buf_slice(&manifest);
	for (size_t i = 0; rc == VX_OK && i <= index; i++)
		if (vx_manifest_next(&rest, &l) != VX_OK)
			rc = VX_ENOENT;
	if (rc == VX_OK) {
		*out = (struct vx_certs_entry){ .generation = (unsigned)l.generation };
		(void)snprintf(
		    out->name, sizeof(out->name), "%.*s", (int)l.name.len, l.name.ptr);
		(void)snprintf(out->provider, sizeof(out->provider), "%.*s",
		    (int)l.provider.len, l.provider.ptr);
		describe(dir, &l, out);
	}
	vx_buf_done(&manifest);
	return rc;
}

/* --- installing ------------------------------------------------------------------ */

/* The link NAME points to the current generation, for other programs. */
static int set_link(
    const char *dir, const struct vx_manifest_line *l, struct vx_error *err)
{
	char aside[PATH_MAX], link[PATH_MAX], target[128];

	(void)snprintf(target, sizeof(target), "%.*s@%llu", (int)l->name.len, l->name.ptr,
	    (unsigned long long)l->generation);
	if (snprintf(aside, sizeof(aside), "%s/.%.*s.new", dir, (int)l->name.len,
		l->name.ptr) >= PATH_MAX)
		return vx_error_set(err, VX_ELIMIT, "the path %s is too long", dir);
	(void)snprintf(link, sizeof(link), "%s/%.*s", dir, (int)l->name.len, l->name.ptr);
	(void)unlink(aside);
	if (symlink(target, aside) < 0 || rename(aside, link) < 0)
		return vx_error_set(err, vx_errno_result(errno),
		    "cannot make the link %s: %s", link, vx_errno_text(errno));
	return VX_OK;
}

static int write_generation(const char *dir, const struct vx_manifest_line *l,
    const struct vx_certs_pair *pairs, size_t count, struct vx_error *err)
{
	char path[PATH_MAX];
	int rc = path_of(path, dir, l, "");

	if (rc == VX_OK)
		rc = vx_fs_mkdirs(path, 0750, err);
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		rc = path_of(path, dir, l, vx_certs_chain_file(i > 0));
		if (rc == VX_OK)
			rc = vx_fs_write(path, 0644, pairs[i].chain, err);
		if (rc == VX_OK)
			rc = path_of(path, dir, l, vx_certs_key_file(i > 0));
		if (rc == VX_OK)
			rc = vx_fs_write(path, 0640, pairs[i].key, err);
	}
	return rc == VX_OK ? set_link(dir, l, err) : rc;
}

static void add_line(struct vx_buf *out, const struct vx_manifest_line *l)
{
	vx_buf_printf(out, "%.*s %llu %.*s\n", (int)l->name.len, l->name.ptr,
	    (unsigned long long)l->generation, (int)l->provider.len, l->provider.ptr);
}

/* The old lines with the new one in its place; the first of all is the default. */
static int write_manifest(const char *dir, const struct vx_manifest_line *fresh,
    vx_slice old, struct vx_error *err)
{
	struct vx_buf out = { .max = VX_MANIFEST_MAX };
	struct vx_manifest_line l;
	char path[PATH_MAX];
	bool written = false;
	int rc = VX_OK;

	while (vx_manifest_next(&old, &l) == VX_OK) {
		const bool same = vx_slice_eq(l.name, fresh->name);

		if (!same || !written)
			add_line(&out, same ? fresh : &l);
		written = written || same;
	}
	if (!written)
		add_line(&out, fresh);
	(void)snprintf(path, sizeof(path), "%.4000s/manifest", dir);
	rc = out.failed ? vx_error_set(err, VX_ELIMIT, "too many certificates")
			: check(vx_buf_slice(&out), path, err);
	if (rc == VX_OK)
		rc = vx_fs_write(path, 0644, vx_buf_slice(&out), err);
	vx_buf_done(&out);
	return rc;
}

/* One more than any that was there: a generation is never changed. */
static uint64_t next_generation(
    const char *dir, const struct vx_manifest_line *fresh, vx_slice old)
{
	struct vx_manifest_line l, next = *fresh;
	char path[PATH_MAX];

	next.generation = 1;
	while (vx_manifest_next(&old, &l) == VX_OK)
		if (vx_slice_eq(l.name, next.name) && l.generation >= next.generation)
			next.generation = l.generation + 1;
	while (path_of(path, dir, &next, "") == VX_OK && access(path, F_OK) == 0)
		next.generation++;
	return next.generation;
}

/* What the manifest names now; 0: nothing. */
static uint64_t generation_of(vx_slice manifest, vx_slice name)
{
	struct vx_manifest_line l;

	while (vx_manifest_next(&manifest, &l) == VX_OK)
		if (vx_slice_eq(l.name, name))
			return l.generation;
	return 0;
}

/* Under the lock of dir. */
static int install(const char *dir, struct vx_manifest_line *l,
    const struct vx_certs_pair *pairs, size_t count, struct vx_error *err)
{
	struct vx_buf manifest;
	int rc = vx_manifest_read(dir, &manifest, err);

	if (rc == VX_ENOENT)
		rc = VX_OK; /* it is the first */
	if (rc != VX_OK)
		return rc;
	l->generation = next_generation(dir, l, vx_buf_slice(&manifest));
	rc = write_generation(dir, l, pairs, count, err);
	if (rc == VX_OK)
		rc = write_manifest(dir, l, vx_buf_slice(&manifest), err);
	if (rc == VX_OK)
		vx_certs_prune(dir, l->name, l->generation,
		    generation_of(vx_buf_slice(&manifest), l->name), (int64_t)time(NULL));
	vx_buf_done(&manifest);
	return rc;
}

static int check_pairs(
    const struct vx_certs_pair *pairs, size_t count, struct vx_error *err)
{
	struct vx_tls_cert_info info[VX_CERTS_PAIRS_MAX];
	int rc = VX_OK;

	if (count == 0 || count > VX_CERTS_PAIRS_MAX)
		return vx_error_set(
		    err, VX_EINVAL, "a certificate is of one or two pairs");
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		rc = vx_tls_check_pair(pairs[i].chain, pairs[i].key, &info[i], err);
	if (rc == VX_OK && count > 1 &&
	    (strcmp(info[0].key_kind, "rsa") == 0 ||
		strcmp(info[1].key_kind, "rsa") != 0))
		rc = vx_error_set(err, VX_EINVAL,
		    "of two pairs the second one is of RSA, and the first is not");
	return rc;
}

int vx_certs_install(const char *dir, const char *name, vx_slice chain, vx_slice key,
    const char *provider, struct vx_error *err)
{
	const struct vx_certs_pair pair = { .chain = chain, .key = key };

	return vx_certs_install_pairs(dir, name, &pair, 1, provider, err);
}

int vx_certs_install_pairs(const char *dir, const char *name,
    const struct vx_certs_pair *pairs, size_t count, const char *provider,
    struct vx_error *err)
{
	struct vx_manifest_line l = { .name = vx_slice_str(name),
		.provider = vx_slice_str(provider) };
	int lock = -1, rc = VX_OK;

	if (!is_name(l.name, VX_CERTS_NAME_MAX) || !is_name(l.provider, PROVIDER_MAX))
		rc = vx_error_set(
		    err, VX_EINVAL, "\"%s\" is no name for a certificate", name);
	if (rc == VX_OK)
		rc = check_pairs(pairs, count, err);
	if (rc == VX_OK)
		rc = vx_fs_mkdirs(dir, 0750, err);
	if (rc == VX_OK) {
		lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (lock < 0 || flock(lock, LOCK_EX) < 0)
			rc = vx_error_set(err, vx_errno_result(errno),
			    "cannot lock %s: %s", dir, vx_errno_text(errno));
	}
	if (rc == VX_OK)
		rc = install(dir, &l, pairs, count, err);
	if (lock >= 0)
		(void)close(lock);
	return rc;
}
