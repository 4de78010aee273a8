/* The table of keys, and everything that follows from it. */
#include "vectis/config.h"

#include "base/chars.h"
#include "base/fs.h"
#include "base/mem.h"
#include "config/yaml.h"
#include "vectis/address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>

enum type { TEXT, PATH, NUMBER, YES_NO, WORD, LISTEN, HOSTNAME, CHARACTER };

struct key {
	struct vx_config_key public;
	enum type type;
	size_t offset;
	uint64_t min, max;
	const char *words; /* of a WORD: its values in order, separated by '|' */
	uint64_t numbers;  /* of a WORD: the first value's number */
};

static const char level_words[] = "error|warn|info|debug";
static const uint64_t level_numbers[] = { VX_LOG_ERROR, VX_LOG_WARN, VX_LOG_INFO,
	VX_LOG_DEBUG };

#define FIELD(name) offsetof(struct vx_config, name)
#define KEY(path, type_text, standard, help, daemons, ...)                               \
	{ { path, type_text, standard, help, daemons }, __VA_ARGS__ }
#define ALL "smtpd imapd pop3d acmed"
#define MAIL "smtpd imapd pop3d"

static const struct key keys[] = {
	KEY("hostname", "text", "", "The name by which this server is known.", ALL, HOSTNAME,
	    FIELD(hostname), 0, 0, NULL, 0),
	KEY("state_dir", "text", VX_STATEDIR, "Mail, accounts and certificates.", ALL, PATH,
	    FIELD(state_dir), 0, 0, NULL, 0),
	KEY("run_dir", "text", VX_RUNDIR, "Where the daemons say what they do.", ALL, PATH,
	    FIELD(run_dir), 0, 0, NULL, 0),
	KEY("user", "text", "vectis",
	    "The system user the daemons run as; empty: the one who starts them.", ALL, TEXT,
	    FIELD(user), 0, 0, NULL, 0),
	KEY("workers", "number", "0", "Worker processes of a daemon; 0: the cores, at most 4.",
	    MAIL, NUMBER, FIELD(workers), 0, 64, NULL, 0),
	KEY("logging.level", "error, warn, info or debug", "info",
	    "Less important lines are left out.", ALL, WORD, FIELD(log_level), 0, 0,
	    level_words, 1),
	KEY("tls.provider", "letsencrypt, custom or self-signed", "letsencrypt",
	    "Where the certificate comes from.", "acmed", WORD, FIELD(tls_provider), 0, 0,
	    "letsencrypt|custom|self-signed", 0),
	KEY("tls.cert_path", "text", VX_SYSCONFDIR "/certs/fullchain.pem",
	    "With provider custom: the certificate and its issuers, PEM.", "acmed", PATH,
	    FIELD(tls_cert_path), 0, 0, NULL, 0),
	KEY("tls.key_path", "text", VX_SYSCONFDIR "/certs/privkey.pem",
	    "With provider custom: the private key, PEM, mode 0600.", "acmed", PATH,
	    FIELD(tls_key_path), 0, 0, NULL, 0),
	KEY("tls.email", "text", "", "The contact of the ACME account.", "acmed", TEXT,
	    FIELD(tls_email), 0, 0, NULL, 0),
	KEY("tls.dns_challenge", "none or cloudflare", "none",
	    "Prove the name by DNS instead of HTTP.", "acmed", TEXT, FIELD(tls_dns_challenge),
	    0, 0, NULL, 0),
	KEY("smtp.listen", "list of address:port", "[\"0.0.0.0:25\", \"[::]:25\"]",
	    "Where mail from other servers is received.", "smtpd", LISTEN, FIELD(smtp_listen),
	    0, 0, NULL, 0),
	KEY("submission.listen", "list of address:port", "[\"0.0.0.0:587\", \"[::]:587\"]",
	    "Where users send from, with STARTTLS.", "smtpd", LISTEN, FIELD(submission_listen),
	    0, 0, NULL, 0),
	KEY("submissions.listen", "list of address:port", "[\"0.0.0.0:465\", \"[::]:465\"]",
	    "Where users send from, TLS from the first octet.", "smtpd", LISTEN,
	    FIELD(submissions_listen), 0, 0, NULL, 0),
	KEY("imaps.listen", "list of address:port", "[\"0.0.0.0:993\", \"[::]:993\"]",
	    "Where IMAP is served.", "imapd", LISTEN, FIELD(imaps_listen), 0, 0, NULL, 0),
	KEY("pop3s.listen", "list of address:port", "[\"0.0.0.0:995\", \"[::]:995\"]",
	    "Where POP3 is served.", "pop3d", LISTEN, FIELD(pop3s_listen), 0, 0, NULL, 0),
	KEY("smtp.banner", "text", "ESMTP", "What follows the host name in the greeting.",
	    "smtpd", TEXT, FIELD(smtp_banner), 0, 0, NULL, 0),
	KEY("smtp.message_size_limit", "number", "52428800", "Octets of the largest message.",
	    "smtpd imapd", NUMBER, FIELD(message_octets_max), 65536, (uint64_t)2 << 30, NULL,
	    0),
	KEY("smtp.max_recipients", "number", "1000", "Recipients of one message.", "smtpd",
	    NUMBER, FIELD(smtp_recipients_max), 100, 10000, NULL, 0),
	KEY("smtp.max_received", "number", "50", "Received fields from which on it is a loop.",
	    "smtpd", NUMBER, FIELD(smtp_received_max), 25, 200, NULL, 0),
	KEY("smtp.subaddress_delimiter", "one character or nothing", "+",
	    "user+tag is delivered to user.", "smtpd", CHARACTER, FIELD(subaddress_delimiter),
	    0, 0, NULL, 0),
	KEY("limits.connections", "number", "10000", "Connections of a worker at once.", MAIL,
	    NUMBER, FIELD(connections_max), 10, 1000000, NULL, 0),
	KEY("limits.connections_per_address", "number", "100",
	    "Of these from one IPv4 address or IPv6 /64.", MAIL, NUMBER,
	    FIELD(connections_per_address), 1, 1000000, NULL, 0),
	KEY("limits.login_seconds", "number", "60", "Time to log in.", "imapd pop3d smtpd",
	    NUMBER, FIELD(login_s), 5, 600, NULL, 0),
	KEY("imap.idle_seconds", "number", "1800", "Silence after which IMAP hangs up.",
	    "imapd", NUMBER, FIELD(imap_idle_s), 1800, 86400, NULL, 0),
	KEY("pop3.idle_seconds", "number", "600", "Silence after which POP3 hangs up.",
	    "pop3d", NUMBER, FIELD(pop3_idle_s), 600, 86400, NULL, 0),
	KEY("smtp.idle_seconds", "number", "300", "Silence after which SMTP hangs up.",
	    "smtpd", NUMBER, FIELD(smtp_idle_s), 30, 3600, NULL, 0),
	KEY("pop3.default_enabled", "yes or no", "no", "New mailboxes may use POP3.",
	    "vectisctl", YES_NO, FIELD(pop3_default_enabled), 0, 0, NULL, 0),
	KEY("quota.default_mb", "number", "1024", "Quota of new mailboxes in MB; 0: none.",
	    "vectisctl", NUMBER, FIELD(quota_default_mb), 0, 1000000000, NULL, 0),
	KEY("auth.hash_cost", "number", "0", "Cost of password hashes; 0: crypt's default.",
	    MAIL, NUMBER, FIELD(auth_hash_cost), 0, 11, NULL, 0),
	KEY("auth.scram_iterations", "number", "15000", "Iterations of SCRAM keys.",
	    "vectisctl", NUMBER, FIELD(auth_scram_iterations), 4096, 1000000, NULL, 0),
	KEY("auth.cache_seconds", "number", "300", "How long a login is remembered.", MAIL,
	    NUMBER, FIELD(auth_cache_s), 1, 3600, NULL, 0),
	KEY("store.grace_days", "number", "7", "Days after which deleted mail is really gone.",
	    MAIL, NUMBER, FIELD(store_grace_days), 1, 365, NULL, 0),
	KEY("store.volume_mb", "number", "4096", "Size at which a volume of mail is sealed.",
	    MAIL, NUMBER, FIELD(store_volume_mb), 16, 65536, NULL, 0),
	KEY("store.ballast_mb", "number", "64", "Space kept for a full disk.", MAIL, NUMBER,
	    FIELD(store_ballast_mb), 1, 4096, NULL, 0),
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

struct owned {
	struct vx_config c; /* first: what callers see */
	struct vx_arena arena;
};

/* --- values --------------------------------------------------------------------------- */

static void *field(struct vx_config *c, const struct key *k)
{
	return (char *)c + k->offset;
}

static const void *field_const(const struct vx_config *c, const struct key *k)
{
	return (const char *)c + k->offset;
}

static int set_listen(vx_slice text, struct vx_listen_list *out)
{
	const size_t colon = vx_slice_rfind(text, ':');
	vx_slice address = vx_slice_head(text, colon);
	unsigned char octets[16];
	struct vx_listen l = { 0 };
	uint64_t port;

	if (address.len >= 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']')
		address = vx_slice_of(address.ptr + 1, address.len - 2);
	if (address.len >= sizeof(l.address) || out->count == VX_CONFIG_LISTEN_MAX ||
	    vx_slice_number(vx_slice_from(text, colon + 1), 65535, &port) != VX_OK || port == 0)
		return VX_EINVAL;
	memcpy(l.address, address.ptr, address.len);
	if (inet_pton(AF_INET, l.address, octets) != 1 &&
	    inet_pton(AF_INET6, l.address, octets) != 1)
		return VX_EINVAL;
	l.port = (uint16_t)port;
	out->items[out->count++] = l;
	return VX_OK;
}

static int set_word(const struct key *k, vx_slice text, uint64_t *out)
{
	vx_slice rest = vx_slice_str(k->words), word;
	uint64_t n = 0;

	for (bool more = true; more; n++) {
		more = vx_slice_cut(&rest, '|', &word);
		if (vx_slice_eq(word, text)) {
			*out = k->words == level_words ? level_numbers[n] : n;
			return VX_OK;
		}
	}
	return VX_EINVAL;
}

static int set_yes_no(vx_slice text, uint64_t *out)
{
	if (vx_slice_eq(text, VX_S("true")) || vx_slice_eq(text, VX_S("yes")) ||
	    vx_slice_eq(text, VX_S("on")))
		*out = 1;
	else if (vx_slice_eq(text, VX_S("false")) || vx_slice_eq(text, VX_S("no")) ||
		 vx_slice_eq(text, VX_S("off")))
		*out = 0;
	else
		return VX_EINVAL;
	return VX_OK;
}

static int check_hostname(vx_slice text)
{
	struct vx_buf name = { .max = 256 };
	int rc = vx_slice_find(text, '.') < text.len ? vx_domain_normalise(text, &name) : VX_EINVAL;

	/* what a template says must not become the name of a server (SE-14) */
	if (rc == VX_OK && (vx_slice_has_suffix(text, VX_S(".example.com")) ||
	                       vx_slice_has_suffix(text, VX_S(".example.org"))))
		rc = VX_EINVAL;
	vx_buf_done(&name);
	return rc;
}

/* text is NUL-terminated and lives as long as c. */
static int set_value(struct vx_config *c, const struct key *k, vx_slice text)
{
	uint64_t n = 0;
	int rc = VX_OK;

	switch (k->type) {
	case NUMBER:
		rc = vx_slice_number(text, k->max, &n);
		if (rc == VX_OK && n < k->min)
			rc = VX_EINVAL;
		break;
	case YES_NO:
		rc = set_yes_no(text, &n);
		break;
	case WORD:
		rc = set_word(k, text, &n);
		break;
	case LISTEN:
		return set_listen(text, field(c, k));
	case PATH:
		rc = text.len > 0 && text.ptr[0] == '/' ? VX_OK : VX_EINVAL;
		break;
	case HOSTNAME:
		rc = check_hostname(text);
		break;
	case CHARACTER:
		rc = text.len <= 1 ? VX_OK : VX_EINVAL;
		break;
	case TEXT:
		rc = memchr(text.ptr, '\0', text.len) == NULL ? VX_OK : VX_EINVAL;
		break;
	}
	if (rc == VX_OK && (k->type == NUMBER || k->type == YES_NO || k->type == WORD))
		*(uint64_t *)field(c, k) = n;
	else if (rc == VX_OK)
		*(const char **)field(c, k) = text.ptr;
	return rc;
}

/* "[a, b]" of the table, for a list. */
static void set_standard(struct vx_config *c, const struct key *k)
{
	vx_slice rest = vx_slice_str(k->public.standard), item;

	if (k->type != LISTEN) {
		if (k->type == HOSTNAME)
			*(const char **)field(c, k) = k->public.standard;
		else
			(void)set_value(c, k, rest);
		return;
	}
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '"', &item);
		if (vx_slice_cut(&rest, '"', &item))
			(void)set_listen(item, field(c, k));
	}
}

/* --- errors ------------------------------------------------------------------------------ */

static void add_error(struct vx_config_errors *errors, const char *file, unsigned line,
    unsigned column, const char *text)
{
	struct vx_error *e;

	if (errors->count == VX_CONFIG_ERRORS_MAX)
		return;
	e = &errors->items[errors->count++];
	(void)vx_error_set(e, VX_EINVAL, "%s", text);
	vx_error_at(e, file, line, column);
}

/* How many single changes make b of a (only for names shorter than 64). */
static size_t distance(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	size_t row[64];

	if (n >= 64 || m >= 64)
		return 64;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			const size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t best = row[j] + 1;

			diagonal = row[j];
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = change < best ? change : best;
		}
	}
	return row[m];
}

static const struct key *find_key(const char *path)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].public.path, path) == 0)
			return &keys[i];
	return NULL;
}

static void unknown_key(
    struct vx_config_errors *errors, const char *file, const struct vx_yaml_value *v)
{
	const struct key *best = &keys[0];
	char text[300];

	for (size_t i = 1; i < KEYS; i++)
		if (distance(v->path, keys[i].public.path) < distance(v->path, best->public.path))
			best = &keys[i];
	if (distance(v->path, best->public.path) <= 4)
		(void)snprintf(text, sizeof(text), "there is no key %.100s; is %s meant?",
		    v->path, best->public.path);
	else
		(void)snprintf(text, sizeof(text), "there is no key %.100s", v->path);
	add_error(errors, file, v->line, v->column, text);
}

static void bad_value(struct vx_config_errors *errors, const char *file,
    const struct vx_yaml_value *v, const struct key *k)
{
	char text[VX_ERROR_TEXT_MAX];

	if (k->type == NUMBER)
		(void)snprintf(text, sizeof(text),
		    "%s is a number from %llu to %llu, not \"%.60s\"", k->public.path,
		    (unsigned long long)k->min, (unsigned long long)k->max, v->text.ptr);
	else if (k->type == HOSTNAME)
		(void)snprintf(text, sizeof(text),
		    "hostname is the full name of this server, such as mail.your-domain.net, "
		    "not \"%.60s\"", v->text.ptr);
	else if (k->type == PATH)
		(void)snprintf(text, sizeof(text), "%s is a path that begins with /, not \"%.60s\"",
		    k->public.path, v->text.ptr);
	else
		(void)snprintf(text, sizeof(text), "%s is %s, not \"%.60s\"", k->public.path,
		    k->public.type, v->text.ptr);
	add_error(errors, file, v->line, v->column, text);
}

void vx_config_error_write(const struct vx_error *e, struct vx_buf *out)
{
	if (e->file[0] != '\0')
		vx_buf_printf(out, "%s:", e->file);
	if (e->line > 0)
		vx_buf_printf(out, "%u:%u:", e->line, e->column);
	vx_buf_printf(out, "%s%s", e->file[0] != '\0' ? " " : "", e->text);
}

/* --- loading ------------------------------------------------------------------------------ */

static void apply(struct vx_config *c, const struct vx_yaml_value *values, const char *file,
    struct vx_config_errors *errors)
{
	bool given[KEYS] = { false };

	for (size_t i = 0; i < KEYS; i++)
		set_standard(c, &keys[i]);
	for (const struct vx_yaml_value *v = values; v != NULL; v = v->next) {
		const struct key *k = find_key(v->path);

		if (k == NULL) {
			unknown_key(errors, file, v);
			continue;
		}
		/* the first item replaces the standard list */
		if (k->type == LISTEN && !given[k - keys])
			((struct vx_listen_list *)field(c, k))->count = 0;
		given[k - keys] = true;
		if ((v->in_list && k->type != LISTEN) || set_value(c, k, v->text) != VX_OK)
			bad_value(errors, file, v, k);
	}
	if (!given[0])
		add_error(errors, file, 0, 0, "hostname is missing: the full name of this server");
}

static int parse(vx_slice text, const char *file, struct vx_config **out,
    struct vx_config_errors *errors)
{
	struct owned *o = vx_alloc(sizeof(*o));
	struct vx_yaml_value *values;
	struct vx_error err;
	int rc;

	if (o == NULL)
		return VX_ENOMEM;
	vx_arena_init(&o->arena, 8 * VX_CONFIG_OCTETS_MAX);
	rc = vx_yaml_read(text, file, &o->arena, &values, &err);
	if (rc != VX_OK)
		errors->items[errors->count++] = err;
	else
		apply(&o->c, values, file, errors);
	if (rc == VX_OK && errors->count > 0)
		rc = VX_EINVAL;
	if (rc != VX_OK) {
		vx_config_free(&o->c);
		return rc;
	}
	*out = &o->c;
	return VX_OK;
}

int vx_config_load(const char *path, struct vx_config **out, struct vx_config_errors *errors)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX };
	int rc;

	memset(errors, 0, sizeof(*errors));
	rc = vx_fs_read(path, &text, &errors->items[0]);
	if (rc == VX_OK)
		rc = parse(vx_buf_slice(&text), path, out, errors);
	else
		errors->count = 1;
	vx_buf_done(&text);
	return rc;
}

void vx_config_free(struct vx_config *c)
{
	struct owned *o = (struct owned *)c;

	if (o == NULL)
		return;
	vx_arena_done(&o->arena);
	vx_free(o);
}

/* --- the table for tools ------------------------------------------------------------------- */

const struct vx_config_key *vx_config_key_at(size_t index)
{
	return index < KEYS ? &keys[index].public : NULL;
}

static void write_word(const struct key *k, uint64_t n, struct vx_buf *out)
{
	vx_slice rest = vx_slice_str(k->words), word = { 0 };

	if (k->words == level_words)
		n = n == VX_LOG_ERROR ? 0 : n == VX_LOG_WARN ? 1 : n == VX_LOG_INFO ? 2 : 3;
	for (uint64_t i = 0; i <= n; i++)
		(void)vx_slice_cut(&rest, '|', &word);
	vx_buf_add(out, word);
}

int vx_config_get(const struct vx_config *c, vx_slice path, struct vx_buf *out)
{
	for (size_t i = 0; i < KEYS; i++) {
		const struct key *k = &keys[i];
		const void *f = field_const(c, k);

		if (!vx_slice_eq(path, vx_slice_str(k->public.path)))
			continue;
		if (k->type == LISTEN) {
			const struct vx_listen_list *l = f;

			vx_buf_add_char(out, '[');
			for (size_t n = 0; n < l->count; n++)
				vx_buf_printf(out, "%s\"%s%s%s:%u\"", n > 0 ? ", " : "",
				    strchr(l->items[n].address, ':') != NULL ? "[" : "",
				    l->items[n].address,
				    strchr(l->items[n].address, ':') != NULL ? "]" : "",
				    l->items[n].port);
			vx_buf_add_char(out, ']');
		} else if (k->type == NUMBER) {
			vx_buf_add_number(out, *(const uint64_t *)f);
		} else if (k->type == YES_NO) {
			vx_buf_add_str(out, *(const uint64_t *)f != 0 ? "yes" : "no");
		} else if (k->type == WORD) {
			write_word(k, *(const uint64_t *)f, out);
		} else {
			vx_buf_add_str(out, *(const char *const *)f);
		}
		return VX_OK;
	}
	return VX_ENOENT;
}

/* The line of a key in text: its offset and length, SIZE_MAX when it is not there. */
static size_t find_line(vx_slice text, unsigned line, size_t *len)
{
	size_t at = 0;

	for (unsigned n = 1; n < line; n++)
		at += vx_slice_find(vx_slice_from(text, at), '\n') + 1;
	*len = vx_slice_find(vx_slice_from(text, at), '\n');
	return at;
}

/* Write value at the place of v: from its column to the end of its line. */
static void replace(vx_slice text, const struct vx_yaml_value *v, vx_slice value, struct vx_buf *out)
{
	size_t len, at = find_line(text, v->line, &len);

	vx_buf_add(out, vx_slice_head(text, at + v->column - 1));
	vx_buf_add(out, value);
	vx_buf_add(out, vx_slice_from(text, at + len));
}

static void append(vx_slice text, vx_slice path, vx_slice value, struct vx_buf *out)
{
	vx_slice rest = path, group;

	vx_buf_add(out, text);
	if (text.len > 0 && text.ptr[text.len - 1] != '\n')
		vx_buf_add_char(out, '\n');
	if (vx_slice_cut(&rest, '.', &group))
		vx_buf_printf(out, "%.*s:\n  ", (int)group.len, group.ptr);
	else
		rest = group;
	vx_buf_printf(out, "%.*s: %.*s\n", (int)rest.len, rest.ptr, (int)value.len, value.ptr);
}

/* The same below a group that is there: after the line of its first key. */
static bool insert(vx_slice text, vx_slice path, vx_slice value,
    const struct vx_yaml_value *values, struct vx_buf *out)
{
	const size_t dot = vx_slice_find(path, '.');

	for (const struct vx_yaml_value *v = values; v != NULL && dot < path.len; v = v->next) {
		size_t len, at, indent = 0;

		if (!vx_slice_has_prefix(vx_slice_str(v->path), vx_slice_head(path, dot + 1)) ||
		    v->in_list)
			continue;
		at = find_line(text, v->line, &len);
		while (indent < len && text.ptr[at + indent] == ' ')
			indent++;
		vx_buf_add(out, vx_slice_head(text, at));
		vx_buf_printf(out, "%.*s%.*s: %.*s\n", (int)indent, text.ptr + at,
		    (int)(path.len - dot - 1), path.ptr + dot + 1, (int)value.len, value.ptr);
		vx_buf_add(out, vx_slice_from(text, at));
		return true;
	}
	return false;
}

int vx_config_set(vx_slice text, const char *file, vx_slice path, vx_slice value,
    struct vx_buf *out, struct vx_error *err)
{
	struct vx_arena arena = { .limit = 8 * VX_CONFIG_OCTETS_MAX };
	struct vx_config_errors errors = { 0 };
	struct vx_yaml_value *values = NULL, *v;
	struct vx_config *c = NULL;
	int rc = vx_slice_find(value, '\n') == value.len ?
	    vx_yaml_read(text, file, &arena, &values, err) :
	    vx_error_set(err, VX_EINVAL, "a value is one line");

	if (rc == VX_OK) {
		for (v = values; v != NULL && !vx_slice_eq(vx_slice_str(v->path), path);)
			v = v->next;
		if (v != NULL && v->in_list)
			rc = vx_error_set(err, VX_EUNSUP, "%.*s is a list: edit the file",
			    (int)path.len, path.ptr);
		else if (v != NULL)
			replace(text, v, value, out);
		else if (!insert(text, path, value, values, out))
			append(text, path, value, out);
	}
	if (rc == VX_OK) {
		rc = parse(vx_buf_slice(out), file, &c, &errors);
		if (rc != VX_OK && errors.count > 0 && err != NULL)
			*err = errors.items[0];
		vx_config_free(c);
	}
	vx_arena_done(&arena);
	return rc;
}
