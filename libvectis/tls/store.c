/* The directory of certificates: immutable generations, a manifest renamed last. */
#include "base/chars.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tls/certs_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_MAX ((size_t)64 * 1024)

static bool name_ok(const char *name)
{
	const vx_slice s = vx_slice_str(name);

	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    strchr(".-_", s.ptr[i]) == NULL)
			return false;
	return s.len > 0 && s.len <= VX_CERTS_NAME_MAX && s.ptr[0] != '.';
}

static int join(char out[PATH_MAX], const char *dir, const char *file)
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, file) < PATH_MAX ? VX_OK : VX_ELIMIT;
}

/* A line of the manifest: NAME GENERATION PROVIDER. */
struct line {
	vx_slice name, provider;
	uint64_t generation;
};

static bool next_line(vx_slice *rest, struct line *out)
{
	vx_slice line, number;

	while (rest->len > 0) {
		(void)vx_slice_cut(rest, '\n', &line);
		if (vx_slice_cut(&line, ' ', &out->name) &&
		    vx_slice_cut(&line, ' ', &number) &&
		    vx_slice_number(number, UINT32_MAX, &out->generation) == VX_OK) {
			out->provider = line;
			return true;
		}
	}
	return false;
}

static int read_manifest(const char *dir, struct vx_buf *out, struct vx_error *err)
{
	char path[PATH_MAX];

	vx_buf_init(out, MANIFEST_MAX);
	if (join(path, dir, "manifest") != VX_OK)
		return vx_error_set(err, VX_ELIMIT, "the path %s is too long", dir);
	return vx_fs_read(path, out, err);
}

static int read_generation(const char *dir, const struct line *l, struct vx_buf *chain,
    struct vx_buf *key, struct vx_error *err)
{
	char path[PATH_MAX];
	int rc;

	(void)snprintf(path, sizeof(path), "%.3000s/%.*s@%llu/fullchain.pem", dir,
	    (int)l->name.len, l->name.ptr, (unsigned long long)l->generation);
	rc = vx_fs_read(path, chain, err);
	(void)snprintf(path, sizeof(path), "%.3000s/%.*s@%llu/privkey.pem", dir,
	    (int)l->name.len, l->name.ptr, (unsigned long long)l->generation);
	return rc == VX_OK ? vx_fs_read(path, key, err) : rc;
}

/* --- installing ------------------------------------------------------------------ */

static int check_key_mode(const char *path, struct vx_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return vx_error_set(err, vx_errno_result(errno),
		    "cannot read the key %s: %s", path, vx_errno_text(errno));
	if ((st.st_mode & 077) != 0)
		return vx_error_set(err, VX_EPERM,
		    "the key %s has mode %04o: others may read it; run chmod 0600 on it",
		    path, (unsigned)(st.st_mode & 07777));
	return VX_OK;
}

static int write_generation(const char *dir, const char *name, unsigned generation,
    vx_slice chain, vx_slice key, struct vx_error *err)
{
	char folder[PATH_MAX], path[PATH_MAX], link[PATH_MAX], target[128];
	int rc;

	(void)snprintf(folder, sizeof(folder), "%.3000s/%s@%u", dir, name, generation);
	rc = vx_fs_mkdirs(folder, 0750, err);
	if (rc == VX_OK && join(path, folder, "fullchain.pem") == VX_OK)
		rc = vx_fs_write(path, 0644, chain, err);
	if (rc == VX_OK && join(path, folder, "privkey.pem") == VX_OK)
		rc = vx_fs_write(path, 0640, key, err);
	if (rc != VX_OK)
		return rc;
	/* for other programs: NAME points to the current generation */
	(void)snprintf(target, sizeof(target), "%s@%u", name, generation);
	(void)snprintf(path, sizeof(path), "%.3000s/.%s.new", dir, name);
	(void)snprintf(link, sizeof(link), "%.3000s/%s", dir, name);
	(void)unlink(path);
	if (symlink(target, path) < 0 || rename(path, link) < 0)
		return vx_error_set(err, vx_errno_result(errno),
		    "cannot make the link %s: %s", link, vx_errno_text(errno));
	return VX_OK;
}

/* The manifest with a new generation of name, which is the default when it is the first.
 */
static int write_manifest(const char *dir, const char *name, const char *provider,
    unsigned generation, vx_slice old, struct vx_error *err)
{
	struct vx_buf out = { .max = MANIFEST_MAX };
	char path[PATH_MAX];
	struct line l;
	bool written = false;
	int rc = join(path, dir, "manifest");

	while (next_line(&old, &l)) {
		const bool same = vx_slice_eq(l.name, vx_slice_str(name));

		vx_buf_printf(&out, "%.*s %llu %.*s\n", (int)l.name.len, l.name.ptr,
		    same ? (unsigned long long)generation
			 : (unsigned long long)l.generation,
		    same ? (int)strlen(provider) : (int)l.provider.len,
		    same ? provider : l.provider.ptr);
		written = written || same;
	}
	if (!written)
		vx_buf_printf(&out, "%s %u %s\n", name, generation, provider);
	if (rc == VX_OK)
		rc = out.failed ? vx_error_set(err, VX_ELIMIT, "too many certificates")
				: vx_fs_write(path, 0644, vx_buf_slice(&out), err);
	vx_buf_done(&out);
	return rc;
}

static unsigned next_generation(const char *dir, const char *name)
{
	char path[PATH_MAX];
	unsigned n = 1;

	do
		(void)snprintf(path, sizeof(path), "%.3000s/%s@%u", dir, name, n++);
	while (access(path, F_OK) == 0);
	return n - 1;
}

int vx_certs_install(const char *dir, const char *name, const char *chain_path,
    const char *key_path, const char *provider, struct vx_error *err)
{
	struct vx_buf chain = { .max = VX_TLS_PEM_MAX }, key = { .max = VX_TLS_PEM_MAX };
	struct vx_buf manifest = { 0 };
	struct vx_tls_cert_info info;
	unsigned generation;
	int rc = name_ok(name) ? check_key_mode(key_path, err)
			       : vx_error_set(err, VX_EINVAL,
				     "%s is no name for a certificate", name);

	if (rc == VX_OK)
		rc = vx_fs_read(chain_path, &chain, err);
	if (rc == VX_OK)
		rc = vx_fs_read(key_path, &key, err);
	if (rc == VX_OK)
		rc = vx_tls_check_pair(
		    vx_buf_slice(&chain), vx_buf_slice(&key), &info, err);
	if (rc == VX_OK)
		rc = vx_fs_mkdirs(dir, 0750, err);
	if (rc == VX_OK) {
		generation = next_generation(dir, name);
		rc = write_generation(
		    dir, name, generation, vx_buf_slice(&chain), vx_buf_slice(&key), err);
		if (rc == VX_OK && read_manifest(dir, &manifest, NULL) != VX_OK)
			vx_buf_reset(&manifest);
		if (rc == VX_OK)
			rc = write_manifest(dir, name, provider, generation,
			    vx_buf_slice(&manifest), err);
	}
	vx_buf_done(&manifest);
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
	return rc;
}

int vx_certs_entry(
    const char *dir, size_t index, struct vx_certs_entry *out, struct vx_error *err)
{
	struct vx_buf manifest, chain = { .max = VX_TLS_PEM_MAX },
				key = { .max = VX_TLS_PEM_MAX };
	struct line l = { 0 };
	vx_slice rest;
	int rc = read_manifest(dir, &manifest, err);

	rest = vx_buf_slice(&manifest);
	for (size_t i = 0; rc == VX_OK && i <= index; i++)
		if (!next_line(&rest, &l))
			rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = read_generation(dir, &l, &chain, &key, err);
	if (rc == VX_OK) {
		*out = (struct vx_certs_entry){ .generation = (unsigned)l.generation };
		(void)snprintf(
		    out->name, sizeof(out->name), "%.*s", (int)l.name.len, l.name.ptr);
		(void)snprintf(out->provider, sizeof(out->provider), "%.*s",
		    (int)l.provider.len, l.provider.ptr);
		/* an expired one is shown too: what is wrong is in its dates */
		(void)vx_tls_check_pair(
		    vx_buf_slice(&chain), vx_buf_slice(&key), &out->info, err);
	}
	vx_buf_done(&manifest);
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
	return rc;
}

/* --- following ------------------------------------------------------------------- */

struct vx_certs {
	char dir[PATH_MAX];
	char hostname[256];
	const struct vx_log *log; /* borrowed */
	struct vx_tls_certs *set; /* own reference */
	int inotify_fd;
	struct timespec seen; /* mtime of the manifest in use */
	ino_t seen_ino;
};

static int load(struct vx_certs *c, vx_slice manifest, struct vx_tls_certs **out,
    struct vx_error *err)
{
	struct vx_tls_certs *set = NULL;
	struct line l;
	int rc = vx_tls_certs_new(VX_TLS_CERTS_MAX, &set, err);

	while (rc == VX_OK && set->count < VX_TLS_CERTS_MAX && next_line(&manifest, &l)) {
		struct vx_buf chain = { .max = VX_TLS_PEM_MAX },
			      key = { .max = VX_TLS_PEM_MAX };

		rc = read_generation(c->dir, &l, &chain, &key, err);
		if (rc == VX_OK)
			rc = vx_tls_certs_add(
			    set, vx_buf_slice(&chain), vx_buf_slice(&key), err);
		vx_buf_done(&chain);
		vx_buf_wipe(&key);
	}
	if (rc == VX_OK && set->count == 0)
		rc = vx_error_set(err, VX_ENOENT, "the manifest names no certificate");
	if (rc == VX_OK)
		*out = set;
	else
		vx_tls_certs_free(set);
	return rc;
}

/* Load what the manifest names; false: nothing changed, or it cannot be used. */
static bool reload(struct vx_certs *c)
{
	struct vx_tls_certs *set;
	struct vx_buf manifest;
	struct vx_error err;
	char path[PATH_MAX];
	struct stat st;
	int rc;

	if (join(path, c->dir, "manifest") != VX_OK || stat(path, &st) < 0)
		return false;
	if (st.st_ino == c->seen_ino && st.st_mtim.tv_sec == c->seen.tv_sec &&
	    st.st_mtim.tv_nsec == c->seen.tv_nsec)
		return false;
	c->seen = st.st_mtim;
	c->seen_ino = st.st_ino;
	rc = read_manifest(c->dir, &manifest, &err);
	if (rc == VX_OK)
		rc = load(c, vx_buf_slice(&manifest), &set, &err);
	vx_buf_done(&manifest);
	if (rc != VX_OK) {
		vx_log(c->log, VX_LOG_ERROR, "new certificate refused, the old one stays",
		    VX_KV_Z("reason", err.text));
		return false;
	}
	vx_tls_certs_free(c->set);
	c->set = set;
	vx_log(c->log, VX_LOG_INFO, "certificate in use",
	    VX_KV_Z("serial", vx_tls_certs_serial(set)));
	return true;
}

/* A new temporary certificate at path, unless another process was faster. */
static int make_temporary(struct vx_certs *c, const char *path, struct vx_error *err)
{
	struct vx_buf pem = { .max = VX_TLS_PEM_MAX };
	char aside[PATH_MAX];
	int rc = vx_tls_self_signed_pem(c->hostname, &pem, err);

	if (rc == VX_OK && snprintf(aside, sizeof(aside), "%s.%ld", path,
			       (long)getpid()) >= (int)sizeof(aside))
		rc = vx_error_set(err, VX_ELIMIT, "%s is too long", path);
	if (rc == VX_OK)
		rc = vx_fs_write(aside, 0600, vx_buf_slice(&pem), err);
	vx_buf_wipe(&pem);
	if (rc != VX_OK)
		return rc;
	if (link(aside, path) < 0 && errno != EEXIST)
		rc = vx_error_set(err, vx_errno_result(errno), "cannot make %s: %s", path,
		    vx_errno_text(errno));
	(void)unlink(aside);
	return rc;
}

/*
 * The self-signed certificate that all daemons share until there is another: a user who
 * accepted it once must not be asked again by the next process.
 */
static int temporary(struct vx_certs *c, struct vx_error *err)
{
	char path[PATH_MAX];
	int rc = join(path, c->dir, "temporary.pem");

	for (int tries = 0; tries < 3 && rc == VX_OK; tries++) {
		struct vx_buf pem = { .max = VX_TLS_PEM_MAX };
		bool usable = vx_fs_read(path, &pem, err) == VX_OK &&
			      vx_tls_certs_temporary_from(
				  vx_buf_slice(&pem), c->hostname, &c->set, err) == VX_OK;

		vx_buf_wipe(&pem);
		if (usable)
			return VX_OK;
		(void)unlink(path); /* expired, or for another name */
		rc = make_temporary(c, path, err);
	}
	return rc == VX_OK ? VX_EIO : rc;
}

int vx_certs_open(const char *dir, const char *hostname, const struct vx_log *log,
    struct vx_certs **out, struct vx_error *err)
{
	struct vx_certs *c = vx_alloc(sizeof(*c));
	int rc = VX_OK;

	if (c == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for the certificates");
	c->log = log;
	c->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (snprintf(c->dir, sizeof(c->dir), "%s", dir) >= (int)sizeof(c->dir) ||
	    snprintf(c->hostname, sizeof(c->hostname), "%s", hostname) >=
		(int)sizeof(c->hostname))
		rc =
		    vx_error_set(err, VX_ELIMIT, "the path or the host name is too long");
	if (rc == VX_OK)
		rc = vx_fs_mkdirs(dir, 0750, err);
	if (rc == VX_OK &&
	    (c->inotify_fd < 0 || inotify_add_watch(c->inotify_fd, dir, IN_MOVED_TO) < 0))
		rc = vx_error_set(err, vx_errno_result(errno), "cannot watch %s: %s", dir,
		    vx_errno_text(errno));
	if (rc == VX_OK && !reload(c)) {
		rc = temporary(c, err);
		if (rc == VX_OK)
			vx_log(log, VX_LOG_WARN,
			    "no certificate yet: a temporary self-signed one is served",
			    VX_KV_Z("host", hostname));
	}
	if (rc != VX_OK) {
		vx_certs_close(c);
		return rc;
	}
	*out = c;
	return VX_OK;
}

void vx_certs_close(struct vx_certs *c)
{
	if (c == NULL)
		return;
	if (c->inotify_fd >= 0)
		(void)close(c->inotify_fd);
	vx_tls_certs_free(c->set);
	vx_free(c);
}

int vx_certs_fd(const struct vx_certs *c)
{
	return c->inotify_fd;
}

bool vx_certs_dispatch(struct vx_certs *c)
{
	char events[4096];

	while (read(c->inotify_fd, events, sizeof(events)) > 0)
		;
	return reload(c);
}

struct vx_tls_certs *vx_certs_get(struct vx_certs *c)
{
	return c->set;
}
