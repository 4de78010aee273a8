/* From keys of the configuration to what the core of ACME wants. */
#include "vectis/acme_setup.h"

#include "base/chars.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vectis/arena.h"

#include <stdio.h>
#include <string.h>

#define STATE "state.json"
#define LETS_ENCRYPT "https://acme-v02.api.letsencrypt.org/directory"

int vx_acme_path(const struct vx_config *c, const char *file, char out[VX_ACME_PATH_MAX])
{
	const int n = snprintf(out, VX_ACME_PATH_MAX, "%s-acme%s%s", c->state_dir,
	    file == NULL ? "" : "/", file == NULL ? "" : file);

	return n < VX_ACME_PATH_MAX ? VX_OK : VX_ELIMIT;
}

bool vx_acme_is_wanted(const struct vx_config *c)
{
	return c->tls_provider == VX_TLS_LETSENCRYPT && c->tls_email[0] != '\0';
}

/* --- options -------------------------------------------------------------------------
 */

struct wish {
	struct vx_arena arena;
	struct vx_acme_authority authorities[VX_ACME_AUTHORITIES_MAX];
	size_t authority_count;
	struct vx_acme_wanted certs[VX_PKI_KINDS * (2 + VX_CONFIG_LIST_MAX)];
	size_t cert_count;
	char contact[300];
};

/* A word for an authority: its host, or what people call it. */
static const char *name_of(struct wish *w, const char *url)
{
	vx_slice host = vx_slice_from(vx_slice_str(url), sizeof("https://") - 1);
	char *id;

	if (strcmp(url, LETS_ENCRYPT) == 0)
		return "letsencrypt";
	host = vx_slice_head(host, vx_slice_find(host, '/'));
	id = vx_arena_dup(&w->arena, vx_slice_head(host, VX_ACME_ID_MAX - 3));
	for (size_t i = 0; id != NULL && id[i] != '\0'; i++)
		if (!vx_is(id[i], VX_C_ALPHA | VX_C_DIGIT) && id[i] != '.')
			id[i] = '-';
	/* two of one host are told apart by their number */
	for (size_t i = 0; id != NULL && i < w->authority_count; i++)
		if (strcmp(w->authorities[i].id, id) == 0) {
			char text[VX_ACME_ID_MAX + 1];

			(void)snprintf(text, sizeof(text), "%s-%zu", id, i + 2);
			return vx_arena_dup(&w->arena, vx_slice_str(text));
		}
	return id;
}

static int add_authority(struct wish *w, const struct vx_config *c, const char *url)
{
	struct vx_acme_authority *const a = &w->authorities[w->authority_count];

	*a = (struct vx_acme_authority){ .id = name_of(w, url),
		.directory = url,
		.profile = c->acme_profile[0] == '\0' ? NULL : c->acme_profile,
		.chain = c->acme_chain[0] == '\0' ? NULL : c->acme_chain };
	w->authority_count++;
	return a->id == NULL ? VX_ENOMEM : VX_OK;
}

/* One for each kind of key that is wanted. */
static void add_kinds(
    struct wish *w, const struct vx_config *c, const struct vx_acme_wanted *cert)
{
	for (int kind = 0; kind < VX_PKI_KINDS; kind++) {
		const uint64_t alone =
		    kind == VX_PKI_P256 ? VX_TLS_KEYS_ECDSA : VX_TLS_KEYS_RSA;

		if (c->tls_key_type != VX_TLS_KEYS_BOTH && c->tls_key_type != alone)
			continue;
		w->certs[w->cert_count] = *cert;
		w->certs[w->cert_count++].kind = (enum vx_pki_kind)kind;
	}
}

/* The certificate of hostname and tls.names. */
static int add_main(struct wish *w, const struct vx_config *c)
{
	const char **const names =
	    vx_arena_array(&w->arena, c->tls_names.count + 1, sizeof(char *));
	size_t n = 1;

	if (names == NULL)
		return VX_ENOMEM;
	names[0] = c->hostname;
	for (size_t i = 0; i < c->tls_names.count; i++)
		if (strcmp(c->tls_names.items[i], c->hostname) != 0)
			names[n++] = c->tls_names.items[i];
	add_kinds(w, c,
	    &(struct vx_acme_wanted){ .id = VX_ACME_DEFAULT,
		.names = names,
		.count = n,
		.dane = c->tls_dane == VX_TLS_DANE_CLOUDFLARE ? c->hostname : NULL });
	return VX_OK;
}

/* "ID NAME NAME ..." (TLS-37) */
static int add_other(struct wish *w, const struct vx_config *c, const char *text)
{
	const char **const names =
	    vx_arena_array(&w->arena, VX_ACME_NAMES_MAX, sizeof(char *));
	vx_slice rest = vx_slice_str(text), word;
	struct vx_acme_wanted cert = { .names = names };

	(void)vx_slice_cut(&rest, ' ', &word);
	cert.id = vx_arena_dup(&w->arena, word);
	if (names == NULL || cert.id == NULL)
		return VX_ENOMEM;
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (cert.count == VX_ACME_NAMES_MAX)
			return VX_ELIMIT;
		names[cert.count] = vx_arena_dup(&w->arena, word);
		if (names[cert.count++] == NULL)
			return VX_ENOMEM;
	}
	add_kinds(w, c, &cert);
	return VX_OK;
}

/* RFC 6125 6.4.3 */
static bool covers(vx_slice name, vx_slice host)
{
	return vx_slice_eq(name, host) ||
	       (vx_slice_has_prefix(name, VX_S("*.")) &&
		   vx_slice_eq(vx_slice_from(name, 1),
		       vx_slice_from(host, vx_slice_find(host, '.'))));
}

/*
 * Of dns.admin_host one of its own, unless another has it (TLS-25): what a proxy makes of
 * challenges keeps nobody from the certificate of mail.
 */
static int add_admin(struct wish *w, const struct vx_config *c)
{
	const char **const names = vx_arena_array(&w->arena, 1, sizeof(char *));

	if (names == NULL)
		return VX_ENOMEM;
	names[0] = c->dns_admin_host;
	for (size_t i = 0; i < w->cert_count; i++)
		for (size_t k = 0; k < w->certs[i].count; k++)
			if (covers(vx_slice_str(w->certs[i].names[k]),
				vx_slice_str(names[0])))
				return VX_OK;
	add_kinds(w, c,
	    &(struct vx_acme_wanted){
		.id = VX_ACME_ADMIN_HOST, .names = names, .count = 1 });
	return VX_OK;
}

static int make_wish(struct wish *w, const struct vx_config *c)
{
	int rc = VX_OK;

	vx_arena_init(&w->arena, (size_t)1 << 20);
	(void)snprintf(w->contact, sizeof(w->contact), "mailto:%s", c->tls_email);
	if (c->acme_directories.count == 0)
		rc = add_authority(w, c, LETS_ENCRYPT);
	for (size_t i = 0; i < c->acme_directories.count && rc == VX_OK; i++)
		rc = i < VX_ACME_AUTHORITIES_MAX
			 ? add_authority(w, c, c->acme_directories.items[i])
			 : VX_ELIMIT;
	if (rc == VX_OK)
		rc = add_main(w, c);
	for (size_t i = 0; i < c->tls_certificates.count && rc == VX_OK; i++)
		rc = add_other(w, c, c->tls_certificates.items[i]);
	if (rc == VX_OK && c->dns_admin_host[0] != '\0')
		rc = add_admin(w, c);
	return rc;
}

/* The one account is for whichever authority wants one and has none of its own. */
static int add_common(
    struct wish *w, const struct vx_secrets *secrets, struct vx_error *err)
{
	if (secrets->acme_eab_kid[0] == '\0' && secrets->acme_eab_key[0] == '\0')
		return VX_OK;
	if (secrets->acme_eab_kid[0] == '\0' || secrets->acme_eab_key[0] == '\0')
		return vx_error_set(err, VX_EINVAL,
		    "secrets.yaml has to have both acme.eab_kid and acme.eab_key");
	for (size_t i = 0; i < w->authority_count; i++)
		if (w->authorities[i].eab_kid == NULL) {
			w->authorities[i].eab_kid = secrets->acme_eab_kid;
			w->authorities[i].eab_key = secrets->acme_eab_key;
		}
	return VX_OK;
}

static int add_own(
    struct wish *w, const struct vx_secret_account *a, struct vx_error *err)
{
	struct vx_buf known = { .max = 400 };
	size_t i = 0;
	int rc = VX_OK;

	for (; i < w->authority_count; i++) {
		if (strcmp(w->authorities[i].id, a->authority) == 0)
			break;
		vx_buf_printf(&known, "%s%s", i > 0 ? ", " : "", w->authorities[i].id);
	}
	if (i == w->authority_count)
		rc = vx_error_set(err, VX_EINVAL,
		    "acme.eab of secrets.yaml has an account at %.60s, which is none of "
		    "acme.directories: they are %s",
		    a->authority, known.ptr);
	else if (w->authorities[i].eab_kid != NULL)
		rc = vx_error_set(err, VX_EINVAL,
		    "acme.eab of secrets.yaml has two accounts at %.60s", a->authority);
	vx_buf_done(&known);
	if (rc == VX_OK) {
		w->authorities[i].eab_kid = a->kid;
		w->authorities[i].eab_key = a->key;
	}
	return rc;
}

static int add_external(
    struct wish *w, const struct vx_secrets *secrets, struct vx_error *err)
{
	int rc = VX_OK;

	if (secrets == NULL)
		return VX_OK;
	for (size_t i = 0; i < secrets->acme_eab_count && rc == VX_OK; i++)
		rc = add_own(w, &secrets->acme_eab[i], err);
	return rc == VX_OK ? add_common(w, secrets, err) : rc;
}

static int open_state(const struct vx_config *c, const struct wish *w, uint64_t seed,
    struct vx_acme **out, struct vx_error *err)
{
	const struct vx_acme_options o = { .struct_size = sizeof(o),
		.authorities = w->authorities,
		.authority_count = w->authority_count,
		.certs = w->certs,
		.cert_count = w->cert_count,
		.contact = w->contact,
		.agrees = true, /* who sets provider and email does (TLS-01) */
		.seed = seed,
		.key_days = (unsigned)c->tls_key_days };
	struct vx_buf state = { .max = VX_ACME_STATE_MAX };
	char path[VX_ACME_PATH_MAX];
	int rc = vx_acme_path(c, STATE, path);

	if (rc != VX_OK)
		return vx_error_set(err, rc, "the path %.200s is too long", c->state_dir);
	rc = vx_fs_read(path, &state, err);
	if (rc == VX_OK || rc == VX_ENOENT)
		rc = vx_acme_new(&o, vx_buf_slice(&state), out, err);
	if (rc == VX_ESYNTAX)
		vx_error_at(err, path, 0, 0);
	vx_buf_wipe(&state);
	return rc;
}

int vx_acme_open(const struct vx_config *c, const struct vx_secrets *secrets,
    uint64_t seed, struct vx_acme **out, struct vx_error *err)
{
	struct wish *w;
	int rc;

	if (!vx_acme_is_wanted(c))
		return vx_error_set(err, VX_ESTATE,
		    c->tls_provider == VX_TLS_LETSENCRYPT
			? "certificates are not ordered before tls.email is set"
			: "tls.provider is not letsencrypt: certificates are yours");
	w = vx_alloc(sizeof(*w));
	if (w == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	rc = make_wish(w, c);
	if (rc == VX_OK)
		rc = add_external(w, secrets, err);
	if (rc == VX_ELIMIT)
		rc = vx_error_set(err, rc,
		    "there are at most %d acme.directories, and a certificate has at "
		    "most "
		    "%d names",
		    VX_ACME_AUTHORITIES_MAX, VX_ACME_NAMES_MAX);
	else if (rc == VX_OK)
		rc = open_state(c, w, seed, out, err);
	vx_arena_done(&w->arena);
	vx_free(w);
	return rc;
}

int vx_acme_keep(const struct vx_config *c, const struct vx_acme *a, struct vx_error *err)
{
	struct vx_buf state = { .max = VX_ACME_STATE_MAX };
	char path[VX_ACME_PATH_MAX];
	int rc = vx_acme_path(c, STATE, path);

	if (rc == VX_OK)
		rc = vx_acme_save(a, &state);
	if (rc != VX_OK)
		rc = vx_error_set(
		    err, rc, "the state of the certificates: %s", vx_strerror(rc));
	else
		rc = vx_fs_write(path, 0600, vx_buf_slice(&state), err);
	vx_buf_wipe(&state);
	return rc;
}
