/* The set in use, following the directory of certificates. */
#include "base/fs.h"
#include "base/mem.h"
#include "tls/certs_int.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct vx_certs {
	char dir[PATH_MAX];
	char hostname[256];
	enum vx_tls_floor floor;
	const struct vx_log *log; /* borrowed */
	struct vx_tls_certs *set; /* own reference */
	int inotify_fd;
	struct vx_buf manifest; /* own: of the set in use */
	char mark[VX_CERTS_MARK_MAX];
	struct timespec seen; /* mtime of the manifest that was looked at last */
	ino_t seen_ino;
	bool failed;                  /* it could not be used: it is looked at again */
	char told[VX_ERROR_TEXT_MAX]; /* why: said once */
};

/* --- loading --------------------------------------------------------------------- */

static void tell(struct vx_certs *c, const char *what, const struct vx_error *err)
{
	if (strcmp(c->told, err->text) == 0)
		return;
	(void)snprintf(c->told, sizeof(c->told), "%s", err->text);
	vx_log(c->log, VX_LOG_ERROR, what, VX_KV_Z("reason", err->text));
}

/* The certificate of the set in use that is the same generation. */
static struct vx_tls_cert *in_use(struct vx_certs *c, const struct vx_manifest_line *l)
{
	for (size_t i = 0; c->set != NULL && i < c->set->count; i++) {
		struct vx_tls_cert *cert = c->set->certs[i];

		if (cert->generation == l->generation &&
		    vx_slice_eq(vx_slice_str(cert->name), l->name)) {
			(void)atomic_fetch_add(&cert->refs, 1);
			return cert;
		}
	}
	return NULL;
}

/* Was the line in the manifest of the set in use? */
static bool is_old(const struct vx_certs *c, const struct vx_manifest_line *l)
{
	vx_slice rest = vx_buf_slice(&c->manifest);
	struct vx_manifest_line old;

	while (vx_manifest_next(&rest, &old) == VX_OK)
		if (old.generation == l->generation && vx_slice_eq(old.name, l->name))
			return true;
	return false;
}

/*
 * One line's certificate.  What is new has to be good.  What was there before, or is
 * found at the start, must not keep the others from being served: an expired one is
 * better than none (DANE does not look at dates), a broken one is left out.
 */
static int load_line(struct vx_certs *c, const struct vx_manifest_line *l,
    struct vx_tls_certs *set, struct vx_error *err)
{
	struct vx_tls_cert *cert = in_use(c, l);
	const bool old = c->set == NULL || is_old(c, l);
	int rc = VX_OK;

	if (cert == NULL)
		rc = vx_manifest_load(c->dir, l, old, &cert, err);
	if (rc == VX_OK && cert->left_out.text[0] != '\0')
		vx_log(c->log, VX_LOG_ERROR, "certificate left out",
		    VX_KV_Z("reason", cert->left_out.text));
	if (rc == VX_OK)
		vx_tls_certs_put(set, cert);
	else if (old)
		vx_log(c->log, VX_LOG_ERROR, "certificate left out",
		    VX_KV_Z("reason", err->text));
	if (rc == VX_OK && cert->info.not_after <= (int64_t)time(NULL))
		vx_log(c->log, VX_LOG_ERROR, "an expired certificate is served",
		    VX_KV_Z("name", cert->name), VX_KV_Z("serial", cert->info.serial));
	return old ? VX_OK : rc;
}

static int load(struct vx_certs *c, vx_slice manifest, struct vx_tls_certs **out,
    struct vx_error *err)
{
	struct vx_tls_certs *set = NULL;
	struct vx_manifest_line l;
	int rc = vx_tls_certs_new(VX_TLS_CERTS_MAX, c->floor, &set, err);

	while (rc == VX_OK && vx_manifest_next(&manifest, &l) == VX_OK)
		rc = load_line(c, &l, set, err);
	if (rc == VX_OK && set->count == 0)
		rc = vx_error_set(
		    err, VX_ENOENT, "the manifest names no certificate that can be used");
	if (rc == VX_OK)
		*out = set;
	else
		vx_tls_certs_free(set);
	return rc;
}

static bool manifest_changed(struct vx_certs *c)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%.4000s/manifest", c->dir);
	if (stat(path, &st) < 0)
		return false;
	if (!c->failed && st.st_ino == c->seen_ino &&
	    st.st_mtim.tv_sec == c->seen.tv_sec && st.st_mtim.tv_nsec == c->seen.tv_nsec)
		return false;
	c->seen = st.st_mtim;
	c->seen_ino = st.st_ino;
	return true;
}

static void take(struct vx_certs *c, struct vx_tls_certs *set)
{
	vx_tls_certs_free(c->set);
	c->set = set;
	c->told[0] = '\0';
}

/* Load what the manifest names; false: nothing changed, or it cannot be used. */
static bool reload(struct vx_certs *c)
{
	struct vx_tls_certs *set;
	struct vx_buf manifest;
	struct vx_error err;
	int rc;

	if (!manifest_changed(c))
		return false;
	rc = vx_manifest_read(c->dir, &manifest, &err);
	if (rc == VX_OK)
		rc = load(c, vx_buf_slice(&manifest), &set, &err);
	c->failed = rc != VX_OK;
	if (rc != VX_OK) {
		vx_buf_done(&manifest);
		tell(c,
		    c->set == NULL ? "no certificate can be used"
				   : "new certificate refused, the old one stays",
		    &err);
		return false;
	}
	take(c, set);
	vx_buf_done(&c->manifest);
	c->manifest = manifest;
	vx_manifest_mark(vx_buf_slice(&manifest), c->mark);
	vx_log(c->log, VX_LOG_INFO, "certificate in use",
	    VX_KV_Z("serial", vx_tls_certs_serial(set)));
	return true;
}

/* --- the temporary one ----------------------------------------------------------- */

static int temporary(struct vx_certs *c, struct vx_error *err)
{
	struct vx_tls_certs *set = NULL;
	struct vx_tls_cert *cert;
	int rc = vx_tls_certs_new(1, c->floor, &set, err);

	if (rc == VX_OK)
		rc = vx_tls_temporary(c->dir, c->hostname, &cert, err);
	if (rc != VX_OK) {
		vx_tls_certs_free(set);
		return rc;
	}
	vx_tls_certs_put(set, cert);
	set->temporary = true;
	take(c, set);
	return VX_OK;
}

/* It is served for months by those who have no other: true when it was made anew. */
static bool renew_temporary(struct vx_certs *c)
{
	const int64_t left = c->set->certs[0]->info.not_after - (int64_t)time(NULL);
	struct vx_error err;

	if (!c->set->temporary || left > (int64_t)VX_TEMPORARY_RENEW_DAYS * 86400)
		return false;
	if (temporary(c, &err) != VX_OK) {
		tell(c, "the temporary certificate cannot be renewed", &err);
		return false;
	}
	vx_log(c->log, VX_LOG_INFO, "temporary certificate renewed",
	    VX_KV_Z("serial", vx_tls_certs_serial(c->set)));
	return true;
}

/* --- following ------------------------------------------------------------------- */

static int open_all(struct vx_certs *c, struct vx_error *err)
{
	int rc = vx_fs_mkdirs(c->dir, 0750, err);

	c->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (rc == VX_OK && (c->inotify_fd < 0 ||
			       inotify_add_watch(c->inotify_fd, c->dir, IN_MOVED_TO) < 0))
		rc = vx_error_set(err, vx_errno_result(errno), "cannot watch %s: %s",
		    c->dir, vx_errno_text(errno));
	if (rc != VX_OK || reload(c))
		return rc;
	rc = temporary(c, err);
	if (rc == VX_OK)
		vx_log(c->log, VX_LOG_WARN,
		    "no certificate yet: a temporary self-signed one is served",
		    VX_KV_Z("host", c->hostname));
	return rc;
}

int vx_certs_open(
    const struct vx_certs_options *o, struct vx_certs **out, struct vx_error *err)
{
	struct vx_certs *c = vx_alloc(sizeof(*c));
	int rc = VX_OK;

	if (c == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for the certificates");
	c->log = o->log;
	c->floor = o->floor;
	c->inotify_fd = -1;
	if (snprintf(c->dir, sizeof(c->dir), "%s", o->dir) >= 4000 ||
	    snprintf(c->hostname, sizeof(c->hostname), "%s", o->hostname) >=
		(int)sizeof(c->hostname))
		rc =
		    vx_error_set(err, VX_ELIMIT, "the path or the host name is too long");
	if (rc == VX_OK)
		rc = open_all(c, err);
	if (rc == VX_OK && c->floor != VX_TLS_FLOOR_1_2 && c->floor != VX_TLS_FLOOR_1_3)
		vx_log(c->log, VX_LOG_WARN,
		    "obsolete TLS is allowed: it can be broken by others");
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
	vx_buf_done(&c->manifest);
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
	return reload(c) || renew_temporary(c);
}

const char *vx_certs_mark(const struct vx_certs *c)
{
	return c->mark;
}

struct vx_tls_certs *vx_certs_get(struct vx_certs *c)
{
	return c->set;
}
