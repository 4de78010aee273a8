/* cert issue, renew, revoke ...: what acmed is asked to do, and what it did. */
#include "vectisctl/ctl.h"

#include "vectis/acme_setup.h"
#include "vectis/crypto.h"
#include "vectis/tls.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WAIT_S =
	    600, /* an authority that asks for patience gets it from acmed, not here */
	LINE_MAX_OCTETS = 1000,
	STARTS_TURNS = 25 /* of a fifth of a second */
};

/* --- the folder of acmed
 * ------------------------------------------------------------------ */

static bool acmed_runs(struct ctl *c)
{
	struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t n = ctl_workers(c, workers);

	for (size_t i = 0; i < n; i++)
		if (strcmp(workers[i].daemon, "acmed") == 0)
			return true;
	return false;
}

/* One that was started a moment ago is waited for. */
static int check_acmed(struct ctl *c)
{
	const struct timespec pause = { .tv_nsec = 200000000 };

	if (!vx_acme_is_wanted(c->config))
		return ctl_fail(c, CTL_FAILED, "%s",
		    c->config->tls_provider == VX_TLS_LETSENCRYPT
			? "tls.email is not set: certificates are not ordered before"
			: "tls.provider is not letsencrypt: certificates are yours, see "
			  "\"vectisctl cert import\"");
	if (ctl_check_store(c) != CTL_OK)
		return CTL_FAILED;
	for (int i = 0; i < STARTS_TURNS; i++) {
		if (acmed_runs(c))
			return CTL_OK;
		(void)nanosleep(&pause, NULL);
	}
	return ctl_fail(c, CTL_FAILED, "acmed does not run: start it first");
}

/* A file of the folder as it is now; false: it is not there. */
static bool read_file(struct ctl *c, const char *name, struct vx_buf *out)
{
	char path[VX_ACME_PATH_MAX], piece[4096];
	ssize_t n = 1;
	int fd;

	if (vx_acme_path(c->config, name, path) != VX_OK)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && n > 0) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			vx_buf_add(out, vx_slice_of(piece, (size_t)n));
	}
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0 && n == 0 && !out->failed;
}

/* What is behind the line may be a key: nobody else reads the file, and acmed removes it.
 */
static bool write_question(
    const char *path, const char *line, vx_slice chain, vx_slice key)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	const bool good =
	    fd >= 0 && dprintf(fd, "%s\n", line) > 0 &&
	    (chain.len == 0 || write(fd, chain.ptr, chain.len) == (ssize_t)chain.len) &&
	    (key.len == 0 || write(fd, key.ptr, key.len) == (ssize_t)key.len);

	return fd >= 0 && close(fd) == 0 && good;
}

static int put_question(struct ctl *c, const char *line, vx_slice chain, vx_slice key,
    unsigned long long number)
{
	char aside[VX_ACME_PATH_MAX], path[VX_ACME_PATH_MAX], name[64];

	(void)snprintf(name, sizeof(name), "ask/.%llu", number);
	if (vx_acme_path(c->config, name, aside) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the path of state_dir is too long");
	(void)snprintf(name, sizeof(name), "ask/%llu", number);
	(void)vx_acme_path(c->config, name, path);
	if (write_question(aside, line, chain, key) && rename(aside, path) == 0)
		return CTL_OK;
	(void)unlink(aside);
	return ctl_fail(
	    c, CTL_FAILED, "acmed cannot be asked: %s is not writable", aside);
}

/* --- waiting
 * ------------------------------------------------------------------------------- */

/* What acmed says meanwhile. */
static void show_new(struct ctl *c, size_t *seen)
{
	struct vx_buf text = { .max = (size_t)1 << 20 };
	vx_slice rest, line;

	if (read_file(c, "events.log", &text)) {
		if (text.len < *seen)
			*seen = 0; /* a new file was begun */
		rest = vx_slice_from(vx_buf_slice(&text), *seen);
		*seen = text.len;
		while (rest.len > 0) {
			(void)vx_slice_cut(&rest, '\n', &line);
			ctl_say(c, "%.*s", (int)line.len, line.ptr);
		}
	}
	vx_buf_done(&text);
}

/* "0 text" or "1 text" when it is over. */
static int wait_for(struct ctl *c, unsigned long long number, size_t seen)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	const time_t until = time(NULL) + WAIT_S;
	char name[64], path[VX_ACME_PATH_MAX];
	struct vx_buf said = { .max = LINE_MAX_OCTETS };
	vx_slice text;
	int status;

	(void)snprintf(name, sizeof(name), "done/%llu", number);
	while (!read_file(c, name, &said)) {
		vx_buf_done(&said);
		show_new(c, &seen);
		if (time(NULL) >= until)
			return ctl_fail(c, CTL_FAILED,
			    "acmed goes on trying; see \"vectisctl cert status\" and "
			    "\"vectisctl logs acme\"");
		(void)nanosleep(&pause, NULL);
	}
	show_new(c, &seen);
	if (vx_acme_path(c->config, name, path) == VX_OK)
		(void)unlink(path);
	text = vx_slice_trim(vx_slice_from(vx_buf_slice(&said), 2), "\n");
	(void)json_object_set_new(c->result, "text", ctl_text(text));
	if (said.len > 0 && said.ptr[0] == '0') {
		ctl_say(c, "done: %.*s", (int)text.len, text.ptr);
		status = CTL_OK;
	} else {
		status = ctl_fail(c, CTL_FAILED, "%.*s", (int)text.len, text.ptr);
	}
	vx_buf_done(&said);
	return status;
}

static int ask_line(struct ctl *c, const char *line, vx_slice chain, vx_slice key)
{
	struct vx_buf before = { .max = (size_t)1 << 20 };
	unsigned long long number;
	size_t seen;
	int status;

	vx_random(&number, sizeof(number));
	number = (number >> 2) + 1;
	(void)read_file(c, "events.log", &before);
	seen = before.len;
	vx_buf_done(&before);
	status = put_question(c, line, chain, key, number);
	return status == CTL_OK ? wait_for(c, number, seen) : status;
}

static bool is_id(const char *id)
{
	return strpbrk(id, " \n") == NULL && strlen(id) <= VX_ACME_ID_MAX;
}

static int ask(struct ctl *c, const char *verb, const char *id, unsigned reason)
{
	const vx_slice nothing = { NULL, 0 };
	char line[VX_ACME_ID_MAX + 64];

	if (check_acmed(c) != CTL_OK)
		return CTL_FAILED;
	if (!is_id(id))
		return ctl_fail(c, CTL_USAGE, "\"%s\" is no name of a certificate", id);
	(void)snprintf(line, sizeof(line), "%s %s %u", verb, id, reason);
	return ask_line(c, line, nothing, nothing);
}

/* --- commands
 * -------------------------------------------------------------------------------- */

static const char *id_of(const struct ctl *c)
{
	return c->arg_count > 0 ? c->args[0] : VX_ACME_DEFAULT;
}

int ctl_cert_issue(struct ctl *c)
{
	return ask(c, "issue", VX_ACME_DEFAULT, 0);
}

static int cert_issue(struct ctl *c)
{
	return ask(c, "issue", id_of(c), 0);
}

static int cert_renew(struct ctl *c)
{
	return ask(c, ctl_flag(c, "--force") ? "renew" : "issue", id_of(c), 0);
}

/* RFC 5280 5.3.1, those that authorities take. */
static int read_reason(struct ctl *c, unsigned *out)
{
	static const struct {
		const char *word;
		unsigned number;
	} reasons[] = { { "unspecified", 0 }, { "key-compromise", 1 },
		{ "superseded", 4 }, { "cessation", 5 } };
	const char *const word = ctl_option(c, "--reason");

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(word == NULL ? "unspecified" : word, reasons[i].word) == 0) {
			*out = reasons[i].number;
			return CTL_OK;
		}
	return ctl_fail(c, CTL_USAGE,
	    "a reason is unspecified, key-compromise, superseded or cessation, not "
	    "\"%s\"",
	    word);
}

/* Of a file, or what is installed. */
static int read_chain(struct ctl *c, struct vx_buf *out)
{
	const char *const file = ctl_option(c, "--certificate");
	char dir[PATH_MAX], path[PATH_MAX + 128];

	ctl_state_path(c, "certs", dir);
	(void)snprintf(path, sizeof(path), "%s/%.64s/fullchain.pem", dir, id_of(c));
	return ctl_read_file(c, file != NULL ? file : path, out);
}

/* RFC 8555 7.6: whoever has the key of a certificate may, with any account or none. */
static int revoke_by_key(struct ctl *c, unsigned reason)
{
	struct vx_buf chain = { .max = VX_PKI_PEM_MAX }, key = { .max = VX_PKI_PEM_MAX };
	const char *const authority = ctl_option(c, "--authority");
	char line[VX_ACME_ID_MAX + 128];
	int status = ctl_read_file(c, ctl_option(c, "--key"), &key);

	if (authority != NULL && !is_id(authority))
		status = ctl_fail(
		    c, CTL_USAGE, "\"%s\" is no name of an authority", authority);
	if (status == CTL_OK && check_acmed(c) != CTL_OK)
		status = CTL_FAILED;
	if (status == CTL_OK)
		status = read_chain(c, &chain);
	(void)snprintf(line, sizeof(line), "revoke-key %s %u %zu",
	    authority == NULL ? "-" : authority, reason, chain.len);
	if (status == CTL_OK)
		status = ask_line(c, line, vx_buf_slice(&chain), vx_buf_slice(&key));
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
	return status;
}

static int cert_revoke(struct ctl *c)
{
	const bool by_key = ctl_option(c, "--key") != NULL;
	unsigned reason = 0;

	if (!ctl_flag(c, "--confirm"))
		return ctl_fail(c, CTL_USAGE,
		    "clients that look will refuse the certificate at once, and one that "
		    "is installed is ordered anew: add --confirm");
	if (!by_key && (ctl_option(c, "--certificate") != NULL ||
			   ctl_option(c, "--authority") != NULL))
		return ctl_fail(c, CTL_USAGE,
		    "--certificate and --authority are for --key: without it, what is "
		    "installed is revoked by the account");
	if (read_reason(c, &reason) != CTL_OK)
		return CTL_USAGE;
	return by_key ? revoke_by_key(c, reason) : ask(c, "revoke", id_of(c), reason);
}

static int cert_roll_over(struct ctl *c)
{
	return ask(c, "roll-over", c->arg_count > 0 ? c->args[0] : "letsencrypt", 0);
}

static int cert_deactivate(struct ctl *c)
{
	if (!ctl_flag(c, "--confirm"))
		return ctl_fail(c, CTL_USAGE,
		    "an account that is deactivated stays so for ever: add --confirm");
	return ask(c, "deactivate", c->args[0], 0);
}

static void say_time(int64_t t, char out[32])
{
	const time_t when = (time_t)t;
	struct tm tm;

	if (t <= (int64_t)time(NULL))
		(void)snprintf(out, 32, "now");
	else if (t == INT64_MAX || gmtime_r(&when, &tm) == NULL)
		(void)snprintf(out, 32, "never");
	else
		(void)strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

/* The next keys are used on their own time; a person may want that sooner. */
static int cert_roll_keys(struct ctl *c)
{
	enum vx_acme_haste haste = VX_ACME_STAGED;

	if (ctl_flag(c, "--at-once") && !ctl_flag(c, "--confirm"))
		return ctl_fail(c, CTL_USAGE,
		    "servers that remember TLSA records without the next key will not "
		    "deliver mail until they forget them: add --confirm");
	if (ctl_flag(c, "--at-once"))
		haste = VX_ACME_AT_ONCE;
	else if (ctl_flag(c, "--urgent"))
		haste = VX_ACME_URGENT;
	return ask(c, "roll-keys", id_of(c), haste);
}

static void add_hex(const char digest[VX_PKI_DIGEST_OCTETS], char out[65])
{
	for (size_t i = 0; i < VX_PKI_DIGEST_OCTETS; i++)
		(void)snprintf(
		    out + 2 * i, 3, "%02x", (unsigned)(unsigned char)digest[i]);
}

/* When the next key may be served, and what it waits for. */
static void say_next(struct ctl *c, const struct vx_acme_status *s, json_t *list)
{
	char hex[65], ready[32], seen[32];
	const bool never = s->next_ready == INT64_MAX;

	if (!s->has_next)
		return;
	add_hex(s->next_digest, hex);
	say_time(s->next_ready, ready);
	say_time(s->next_seen, seen);
	ctl_say(c, "%s: TLSA 3 1 1 %s (%s, the next key%s)", s->id, hex,
	    vx_pki_kind_name(s->kind), s->rolling ? ", which is wanted" : "");
	if (s->dane && s->next_seen == 0)
		ctl_say(
		    c, "  its record is not there: it is not used before it was seen");
	else if (!never)
		ctl_say(c, "  can be used: %s", ready);
	(void)json_array_append_new(
	    list, json_pack("{s:o, s:s, s:s, s:I, s:o, s:b}", "name",
		      ctl_text(vx_slice_str(s->id)), "kind", vx_pki_kind_name(s->kind),
		      "sha256", hex, "seen", (json_int_t)s->next_seen, "ready",
		      never ? json_null() : json_integer((json_int_t)s->next_ready),
		      "wanted", (int)s->rolling));
}

/* What acmed keeps, which is read before the store is opened: as root. */
static struct vx_acme *look_at_core(struct ctl *c)
{
	struct vx_acme *core = NULL;
	struct vx_error err;

	if (vx_acme_is_wanted(c->config) &&
	    vx_acme_open(c->config, NULL, 0, &core, &err) != VX_OK)
		ctl_warn(c, "%s", err.text);
	return core;
}

static void say_key(struct ctl *c, struct vx_acme *core, const struct vx_certs_entry *e,
    const struct vx_tls_cert_info *info, json_t *list)
{
	if (info->key_kind == NULL || info->key_digest[0] == '\0')
		return;
	/* when the next one is used depends on what is served */
	if (core != NULL)
		vx_acme_serving(core, e->name, info->key_digest);
	ctl_say(c, "%s: TLSA 3 1 1 %s (%s, in use)", e->name, info->key_digest,
	    info->key_kind);
	(void)json_array_append_new(list,
	    json_pack("{s:o, s:o, s:s, s:s}", "name", ctl_text(vx_slice_str(e->name)),
		"names", ctl_text(vx_slice_str(info->names)), "kind", info->key_kind,
		"sha256", info->key_digest));
}

/* The records that DANE needs, for what is installed and what will be (RFC 6698, MA-16).
 */
static int cert_keys(struct ctl *c)
{
	json_t *const list = json_array(), *const next = json_array();
	struct vx_acme *const core = look_at_core(c);
	struct vx_certs_entry e;
	struct vx_acme_status s;
	struct vx_error err = { 0 };
	char dir[PATH_MAX];
	size_t n = 0;

	(void)json_object_set_new(c->result, "keys", list);
	(void)json_object_set_new(c->result, "next", next);
	if (ctl_check_store(c) != CTL_OK) {
		vx_acme_free(core);
		return CTL_FAILED;
	}
	ctl_state_path(c, "certs", dir);
	for (; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++) {
		say_key(c, core, &e, &e.info, list);
		if (e.has_rsa)
			say_key(c, core, &e, &e.rsa, list);
	}
	for (size_t i = 0;
	     core != NULL && vx_acme_status(core, (int64_t)time(NULL), i, &s) == VX_OK;
	     i++)
		say_next(c, &s, next);
	vx_acme_free(core);
	if (n == 0)
		return ctl_fail(c, CTL_FAILED, "no certificate is installed");
	ctl_say(c,
	    "publish \"_25._tcp.%s. TLSA\" only where the zone is signed, and the next "
	    "key's with it; a key stays when a certificate is renewed",
	    c->config->hostname);
	return CTL_OK;
}

/* --- the log
 * ------------------------------------------------------------------------------------ */

static int logs_acme(struct ctl *c)
{
	struct vx_buf text = { .max = (size_t)2 << 20 };
	json_t *const list = json_array();
	const char *const tail = ctl_option(c, "--tail");
	uint64_t lines = 100;
	vx_slice rest, line;
	size_t from;

	(void)json_object_set_new(c->result, "lines", list);
	if (tail != NULL &&
	    (vx_slice_number(vx_slice_str(tail), 1000000, &lines) != VX_OK || lines == 0))
		return ctl_fail(
		    c, CTL_USAGE, "--tail is a number of lines, not \"%s\"", tail);
	if (ctl_check_store(c) != CTL_OK)
		return CTL_FAILED;
	(void)read_file(c, "events.log.1", &text);
	(void)read_file(c, "events.log", &text);
	for (from = text.len; from > 0; from--)
		if (text.ptr[from - 1] == '\n' && from < text.len && --lines == 0)
			break;
	rest = vx_slice_from(vx_buf_slice(&text), from);
	if (rest.len == 0)
		ctl_say(c, "acmed has asked no authority yet");
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		ctl_say(c, "%.*s", (int)line.len, line.ptr);
		(void)json_array_append_new(list, ctl_text(line));
	}
	vx_buf_done(&text);
	return CTL_OK;
}

/* --- what will be done, for cert status
 * --------------------------------------------------------- */

/* The record that proves a name for good, where the authority takes one. */
static void show_record(struct ctl *c, const struct vx_acme_status *s)
{
	vx_slice rest = vx_slice_str(s->names), name;

	if (s->persists[0] == '\0' || s->account[0] == '\0')
		return;
	ctl_say(c, "  records that would prove the names for good, without ports or a "
		   "token:");
	while (rest.len > 0) {
		bool wild;

		(void)vx_slice_cut(&rest, ' ', &name);
		wild = vx_slice_has_prefix(name, VX_S("*."));
		name = vx_slice_from(name, wild ? 2 : 0);
		ctl_say(c, "    _validation-persist.%.*s. TXT \"%s; accounturi=%s%s\"",
		    (int)name.len, name.ptr, s->persists, s->account,
		    wild ? "; policy=wildcard" : "");
	}
}

static void show_plan(struct ctl *c, const struct vx_acme_status *s, json_t *list)
{
	char due[32], next[32];

	say_time(s->due, due);
	say_time(s->next, next);
	ctl_say(c, "%s (%s): %s from %s; %s", s->id, vx_pki_kind_name(s->kind),
	    s->there ? "renewed" : "ordered", s->authority, s->names);
	ctl_say(c, "  due %s%s, next attempt %s", due,
	    s->has_window ? " (the authority named the time)" : "", next);
	if (s->account[0] != '\0')
		ctl_say(c, "  account %s", s->account);
	show_record(c, s);
	if (s->problem[0] != '\0')
		ctl_say(c, "  after %u failures: %s", s->failures, s->problem);
	if (s->waits)
		ctl_say(c, "  the new one waits until it may be served");
	if (s->stopped)
		ctl_say(c,
		    "  STOPPED: nothing is tried before \"vectisctl cert renew %s "
		    "--force\"",
		    s->id);
	(void)json_array_append_new(list,
	    json_pack("{s:o, s:s, s:b, s:o, s:o, s:o, s:I, s:I, s:i, s:o, s:b, s:b, s:s}",
		"name", ctl_text(vx_slice_str(s->id)), "kind", vx_pki_kind_name(s->kind),
		"waits", (int)s->waits, "names", ctl_text(vx_slice_str(s->names)),
		"authority", ctl_text(vx_slice_str(s->authority)), "account",
		ctl_text(vx_slice_str(s->account)), "due", (json_int_t)s->due, "next",
		(json_int_t)s->next, "failures", (int)s->failures, "problem",
		ctl_text(vx_slice_str(s->problem)), "stopped", (int)s->stopped, "there",
		(int)s->there, "persists", s->persists));
}

void ctl_acme_status(struct ctl *c)
{
	json_t *const list = json_array();
	struct vx_acme *core = NULL;
	struct vx_acme_status s;
	struct vx_error err;

	(void)json_object_set_new(c->result, "acme", list);
	if (!vx_acme_is_wanted(c->config))
		return;
	if (vx_acme_open(c->config, NULL, 0, &core, &err) != VX_OK) {
		ctl_warn(c, "%s", err.text);
		return;
	}
	for (size_t i = 0; vx_acme_status(core, (int64_t)time(NULL), i, &s) == VX_OK; i++)
		show_plan(c, &s, list);
	vx_acme_free(core);
}

const struct ctl_command ctl_acme_commands[] = {
	{ "cert", "issue", cert_issue, NEEDS_CONFIG, 0, 1, "[NAME]",
	    "order what is missing or due, and wait for it" },
	{ "cert", "renew", cert_renew, NEEDS_CONFIG, 0, 1, "[NAME] [--force]",
	    "renew what is due; --force: whatever its age" },
	{ "cert", "revoke", cert_revoke, NEEDS_CONFIG, 0, 1,
	    "[NAME] [--reason WORD] [--key FILE [--certificate FILE] [--authority NAME]] "
	    "--confirm",
	    "revoke what is served, and order another" },
	{ "cert", "keys", cert_keys, NEEDS_CONFIG, 0, 0, "",
	    "digests of the keys in use and the next ones, for TLSA records" },
	{ "cert", "roll-keys", cert_roll_keys, NEEDS_CONFIG, 0, 1,
	    "[NAME] [--urgent] [--at-once --confirm]",
	    "use the next keys, when their TLSA records were seen for long enough" },
	{ "cert", "roll-over", cert_roll_over, NEEDS_CONFIG, 0, 1, "[AUTHORITY]",
	    "another key for the account there" },
	{ "cert", "deactivate", cert_deactivate, NEEDS_CONFIG, 1, 1,
	    "AUTHORITY --confirm", "give up the account there for ever" },
	{ "logs", "acme", logs_acme, NEEDS_CONFIG, 0, 0, "[--tail LINES]",
	    "what acmed did about certificates" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
