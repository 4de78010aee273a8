/* secrets.yaml: a few keys, and a file that only its owner can read. */
#include "base/fs.h"
#include "base/mem.h"
#include "config/keys.h"
#include "config/yaml.h"

#include <errno.h>
#include <sys/stat.h>

#define SECRETS 3
#define FILE_MAX ((size_t)64 * 1024)

struct owned {
	struct vx_secrets s;                     /* first: what callers see */
	char values[SECRETS][VX_SECRET_MAX + 1]; /* what the strings are */
	char accounts[VX_SECRET_ACCOUNTS_MAX][VX_SECRET_MAX + 1];
};

static const struct {
	const char *path;
	size_t offset;
} keys[SECRETS] = {
	{ "cloudflare.api_token", offsetof(struct vx_secrets, cloudflare_api_token) },
	{ "acme.eab_kid", offsetof(struct vx_secrets, acme_eab_kid) },
	{ "acme.eab_key", offsetof(struct vx_secrets, acme_eab_key) },
};

static void *field(struct owned *o, size_t i)
{
	return (char *)&o->s + keys[i].offset;
}

static int check_mode(const char *path, struct vx_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return vx_error_set(
		    err, vx_errno_result(errno), "%s: %s", path, vx_errno_text(errno));
	if ((st.st_mode & 077) != 0)
		return vx_error_set(
		    err, VX_EPERM, "%s can be read by others: chmod 600 %s", path, path);
	return VX_OK;
}

static bool is_group(vx_slice name)
{
	for (size_t i = 0; i < SECRETS; i++) {
		const vx_slice path = vx_slice_str(keys[i].path);

		if (vx_slice_has_prefix(path, name) && path.ptr[name.len] == '.')
			return true;
	}
	return false;
}

/* "AUTHORITY KID KEY", where each blank becomes an end. */
static int add_account(
    struct owned *o, const struct vx_yaml_value *v, struct vx_error *err)
{
	struct vx_secret_account *const a = &o->s.acme_eab[o->s.acme_eab_count];
	char *at = o->accounts[o->s.acme_eab_count];
	vx_slice rest = v->text, words[3];
	bool more = true, good = true;
	size_t n = 0;

	if (v->kind == VX_YAML_NO_ITEMS || v->kind == VX_YAML_NOTHING)
		return VX_OK;
	if (o->s.acme_eab_count == VX_SECRET_ACCOUNTS_MAX)
		return vx_error_set(err, VX_EINVAL, "acme.eab has at most %d accounts",
		    VX_SECRET_ACCOUNTS_MAX);
	while (more && n < 3) {
		more = vx_slice_cut(&rest, ' ', &words[n]);
		good = good && words[n++].len > 0;
	}
	if (v->kind != VX_YAML_ITEM || n != 3 || more || !good ||
	    v->text.len > VX_SECRET_MAX || !vx_key_text_ok(v->text))
		return vx_error_set(err, VX_EINVAL,
		    "acme.eab is a list of \"AUTHORITY KID KEY\", with one blank between "
		    "them");
	memcpy(at, v->text.ptr, v->text.len);
	a->authority = at;
	a->kid = at + (words[1].ptr - v->text.ptr);
	a->key = at + (words[2].ptr - v->text.ptr);
	at[words[0].len] = at[a->kid - at + (ptrdiff_t)words[1].len] = '\0';
	o->s.acme_eab_count++;
	return VX_OK;
}

static int set(struct owned *o, const struct vx_yaml_value *v, struct vx_error *err)
{
	for (size_t i = 0; i < SECRETS; i++) {
		if (strcmp(v->path, keys[i].path) != 0)
			continue;
		if (v->kind != VX_YAML_SCALAR || v->text.len == 0 ||
		    v->text.len > VX_SECRET_MAX || !vx_key_text_ok(v->text))
			return vx_error_set(
			    err, VX_EINVAL, "%s is a line of text", v->path);
		memcpy(o->values[i], v->text.ptr, v->text.len);
		return VX_OK;
	}
	if (strcmp(v->path, "acme.eab") == 0)
		return add_account(o, v, err);
	if (v->kind == VX_YAML_NOTHING && is_group(vx_slice_str(v->path)))
		return VX_OK;
	return vx_error_set(err, VX_EINVAL, "there is no secret %.100s", v->path);
}

int vx_secrets_load(const char *path, struct vx_secrets **out, struct vx_error *err)
{
	struct vx_buf text = { .max = FILE_MAX };
	struct vx_yaml_value *values = NULL;
	struct vx_arena arena;
	struct owned *o;
	int rc = check_mode(path, err);

	if (rc != VX_OK)
		return rc;
	o = vx_alloc(sizeof(*o));
	if (o == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	vx_arena_init(&arena, 8 * FILE_MAX);
	for (size_t i = 0; i < SECRETS; i++)
		*(const char **)field(o, i) = o->values[i];
	rc = vx_fs_read(path, &text, err);
	if (rc == VX_OK)
		rc = vx_yaml_read(vx_buf_slice(&text), path, &arena, &values, err);
	for (; rc == VX_OK && values != NULL; values = values->next) {
		rc = set(o, values, err);
		if (rc != VX_OK)
			vx_error_at(err, path, values->line, values->column);
	}
	vx_buf_wipe(&text);
	vx_arena_done(&arena);
	if (rc == VX_OK)
		*out = &o->s;
	else
		vx_secrets_free(&o->s);
	return rc;
}

void vx_secrets_free(struct vx_secrets *s)
{
	struct owned *o = (struct owned *)s;

	if (o == NULL)
		return;
	vx_wipe(o, sizeof(*o));
	vx_free(o);
}
