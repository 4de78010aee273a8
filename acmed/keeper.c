#include "acmed/keeper.h"

#include "vectis/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME "mail" /* what the daemons serve by default */
#define DAY 86400

/* A file as it was: what makes a change of it seen. */
struct seen {
	struct timespec changed;
	off_t size;
	ino_t inode;
	int error; /* errno of stat */
};

struct keeper {
	const struct vx_config *config;
	const struct vx_log *log;
	char dir[PATH_MAX];
	unsigned ticks;
	struct seen chain, key;
	struct {
		char serial[VX_TLS_SERIAL_MAX];
		int64_t days; /* the stage that was told */
	} told[VX_TLS_CERTS_MAX];
};

int keeper_new(
    const struct vx_config *config, const struct vx_log *log, struct keeper **out)
{
	struct keeper *k = vx_memory_alloc(sizeof(*k));

	if (k == NULL)
		return VX_ENOMEM;
	k->config = config;
	k->log = log;
	(void)snprintf(k->dir, sizeof(k->dir), "%.4000s/certs", config->state_dir);
	*out = k;
	return VX_OK;
}

void keeper_free(struct keeper *k)
{
	vx_memory_free(k);
}

/* --- custom files ------------------------------------------------------------------- */

static bool is_changed(struct seen *s, const char *path)
{
	struct stat st = { 0 };
	const int error = stat(path, &st) < 0 ? errno : 0;
	const struct seen now = { .changed = st.st_ctim,
		.size = st.st_size,
		.inode = st.st_ino,
		.error = error };
	const bool changed = now.changed.tv_sec != s->changed.tv_sec ||
			     now.changed.tv_nsec != s->changed.tv_nsec ||
			     now.size != s->size || now.inode != s->inode ||
			     now.error != s->error;

	*s = now;
	return changed;
}

static bool is_installed(struct keeper *k, const struct vx_tls_cert_info *info)
{
	struct vx_certs_entry e;
	struct vx_error err;

	for (size_t i = 0; vx_certs_entry(k->dir, i, &e, &err) == VX_OK; i++)
		if (strcmp(e.name, NAME) == 0)
			return strcmp(e.info.serial, info->serial) == 0 &&
			       e.info.not_after == info->not_after;
	return false;
}

/* Both files are looked at: a pair is complete when the second one was replaced. */
static void look_at_files(struct keeper *k)
{
	const char *const chain_path = k->config->tls_cert_path;
	const char *const key_path = k->config->tls_key_path;
	const bool chain_changed = is_changed(&k->chain, chain_path);
	const bool key_changed = is_changed(&k->key, key_path);
	struct vx_buf chain = { .max = VX_TLS_PEM_MAX }, key = { .max = VX_TLS_PEM_MAX };
	struct vx_tls_cert_info info;
	struct vx_error err = { 0 };
	int rc;

	if (!chain_changed && !key_changed)
		return;
	rc = vx_tls_read_pair(chain_path, key_path, &chain, &key, &info, &err);
	if (rc == VX_OK && is_installed(k, &info))
		rc = VX_EEXIST;
	if (rc == VX_OK)
		rc = vx_certs_install(k->dir, NAME, vx_buf_slice(&chain),
		    vx_buf_slice(&key), "custom", &err);
	if (rc == VX_OK)
		vx_log(k->log, VX_LOG_INFO, "custom certificate installed",
		    VX_KV_Z("file", chain_path), VX_KV_Z("serial", info.serial));
	else if (rc != VX_EEXIST)
		vx_log(k->log, VX_LOG_ERROR, "custom certificate not taken",
		    VX_KV_Z("file", chain_path), VX_KV_Z("reason", err.text),
		    VX_KV_Z("do",
			"mend it, or run \"vectisctl config apply\" as root after each "
			"change if only root can read it"));
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
}

/* --- the end of certificates -------------------------------------------------------- */

/* The last of these days that is reached; -1: none. */
static int64_t stage(int64_t left_s)
{
	static const int64_t days[] = { 0, 1, 3, 7, 14, 30 };

	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		if (left_s <= days[i] * DAY)
			return days[i];
	return -1;
}

/* Each stage is told once for a certificate. */
static void look_at_expiry(struct keeper *k)
{
	struct vx_certs_entry e;
	struct vx_error err;

	for (size_t i = 0;
	     i < VX_TLS_CERTS_MAX && vx_certs_entry(k->dir, i, &e, &err) == VX_OK; i++) {
		/* of two the one that ends first; one without dates cannot be read: those
		 * who serve it say so */
		const bool rsa = e.has_rsa && e.rsa.serial[0] != '\0' &&
				 e.rsa.not_after < e.info.not_after;
		const struct vx_tls_cert_info *const info = rsa ? &e.rsa : &e.info;
		const int64_t left =
		    info->serial[0] == '\0' ? INT64_MAX : info->not_after - vx_now_s();
		const int64_t days = stage(left);

		if (days < 0 || (days == k->told[i].days &&
				    strcmp(info->serial, k->told[i].serial) == 0))
			continue;
		k->told[i].days = days;
		memcpy(k->told[i].serial, info->serial, sizeof(info->serial));
		vx_log(k->log, days <= 1 ? VX_LOG_ERROR : VX_LOG_WARN,
		    left <= 0 ? "certificate has expired" : "certificate ends soon",
		    VX_KV_Z("name", e.name), VX_KV_Z("serial", info->serial),
		    VX_KV_I("days_left", left <= 0 ? 0 : left / DAY),
		    VX_KV_Z("provider", e.provider));
	}
}

void keeper_tick(struct keeper *k)
{
	if (k->config->tls_provider == VX_TLS_CUSTOM && k->ticks % KEEPER_LOOK_S == 0)
		look_at_files(k);
	if (k->ticks % KEEPER_EXPIRY_S == 0)
		look_at_expiry(k);
	k->ticks++;
}
