/* What checks of a domain came to before: a file of each domain in the state directory.
 */
#include "vectisctl/history.h"

#include "vectis/address.h"
#include "vectis/crypto.h"
#include "vectis/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "dns/checks"
#define FILE_NAME_MAX 200 /* of a longer domain its beginning and a hash */
#define FILE_NAME_HEAD 100

/* --- the file -------------------------------------------------------------------------
 */

static void find_path(const struct ctl *c, const char *domain, char path[PATH_MAX])
{
	char folder[PATH_MAX], hash[VX_SHA256_OCTETS], tail[33] = "";
	size_t len = strlen(domain);

	ctl_state_path(c, FOLDER, folder);
	if (len > FILE_NAME_MAX) {
		vx_sha256(vx_slice_str(domain), hash);
		/* no name of a domain has this sign */
		tail[0] = '+';
		for (size_t i = 0; i < 15; i++)
			(void)snprintf(tail + 1 + 2 * i, 3, "%02x",
			    (unsigned)(unsigned char)hash[i]);
		len = FILE_NAME_HEAD;
	}
	(void)snprintf(path, PATH_MAX, "%.3800s/%.*s%s", folder, (int)len, domain, tail);
}

/* VX_OK, or VX_EIO and why. */
static int read_open(int fd, struct vx_buf *out, struct vx_error *err)
{
	char chunk[4096];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return vx_error_set(err, VX_EIO, "it is no file");
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && !out->failed)
		vx_buf_add(out, vx_slice_of(chunk, (size_t)n));
	if (n < 0)
		return vx_error_set(err, VX_EIO, "%s", vx_errno_text(errno));
	return out->failed ? vx_error_set(err, VX_EIO, "it is too large") : VX_OK;
}

/* The same; VX_ENOENT: there is none. */
static int read_file(const char *path, struct vx_buf *out, struct vx_error *err)
{
	/* a pipe is not waited for, and a link not followed */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rc;

	if (fd < 0 && errno == ENOENT)
		return VX_ENOENT;
	if (fd < 0)
		return vx_error_set(err, VX_EIO, "%s", vx_errno_text(errno));
	rc = read_open(fd, out, err);
	(void)close(fd);
	return rc;
}

static int read_history(const char *path, struct vx_history *out, struct vx_error *err)
{
	struct vx_buf text = { .max = VX_HISTORY_OCTETS_MAX };
	int rc = read_file(path, &text, err);

	if (rc == VX_OK) {
		rc = vx_history_read(vx_buf_slice(&text), out);
		if (rc == VX_EUNSUP)
			(void)vx_error_set(err, rc, "another version has written it");
		else if (rc != VX_OK)
			(void)vx_error_set(err, rc,
			    rc == VX_ESYNTAX ? "it is damaged" : "%s", vx_strerror(rc));
	}
	vx_buf_done(&text);
	return rc;
}

void ctl_history_read(struct ctl *c, const char *domain, struct vx_history *out)
{
	char path[PATH_MAX];
	struct vx_error err;
	int rc;

	vx_history_init(out);
	find_path(c, domain, path);
	rc = read_history(path, out, &err);
	if (rc != VX_OK && rc != VX_ENOENT)
		ctl_warn(c, "what was found before is not known: %s: %s", path, err.text);
}

static void write_history(struct ctl *c, const char *domain, const struct vx_history *h)
{
	struct vx_buf text = { .max = VX_HISTORY_OCTETS_MAX };
	char path[PATH_MAX];
	struct vx_error err = { .text = "" };

	ctl_state_path(c, "dns", path);
	(void)mkdir(path, 0700); /* what fails is said of the file */
	ctl_state_path(c, FOLDER, path);
	(void)mkdir(path, 0700);
	find_path(c, domain, path);
	vx_history_write(h, &text);
	if (text.failed)
		(void)vx_error_set(&err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	else
		(void)ctl_replace_file(path, 0600, vx_buf_slice(&text), &err);
	if (err.text[0] != '\0')
		ctl_warn(c, "what was found is not kept: %s", err.text);
	vx_buf_done(&text);
}

void ctl_history_changed(struct ctl *c, const char *domain)
{
	struct vx_history *h = vx_memory_alloc(sizeof(*h));

	if (h == NULL)
		return;
	ctl_history_read(c, domain, h);
	if (h->passed != 0) {
		vx_history_changed(h);
		write_history(c, domain, h);
	}
	vx_memory_free(h);
}

void ctl_history_forget(struct ctl *c, const char *domain)
{
	struct vx_buf name = { .max = VX_ADDRESS_MAX };
	char path[PATH_MAX];

	if (vx_domain_normalise(vx_slice_str(domain), &name) == VX_OK) {
		vx_buf_add_char(&name, '\0');
		find_path(c, name.failed ? domain : name.ptr, path);
		if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
			ctl_warn(c, "what its checks found stays in %s: %s", path,
			    vx_errno_text(errno));
	}
	vx_buf_done(&name);
}

/* --- a run ----------------------------------------------------------------------------
 */

void ctl_history_keep(
    struct ctl *c, const char *domain, const struct vx_diag *d, struct ctl_past *out)
{
	struct vx_history_check checks[VX_HISTORY_CHECKS_MAX];
	struct vx_diag_section sections[VX_DIAG_SECTIONS];
	const int64_t now = (int64_t)time(NULL);
	const struct vx_diag_finding *f;
	size_t n = 0;

	for (; n < VX_HISTORY_CHECKS_MAX && (f = vx_diag_finding(d, n)) != NULL; n++)
		checks[n] = (struct vx_history_check){ f->name, f->verdict };
	ctl_history_read(c, domain, &out->h);
	if (vx_history_add(&out->h, now, vx_diag_report(d, sections), checks, n))
		write_history(c, domain, &out->h);
	out->at = out->h.runs[out->h.run_count - 1].at == now ? now : 0;
}

/* --- telling --------------------------------------------------------------------------
 */

#define TIME_SIZE 32
#define DAY_LEN 10

/* "2026-11-29 10:00" */
static void write_time(int64_t at, char out[TIME_SIZE])
{
	const time_t t = (time_t)at;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(out, TIME_SIZE, "%Y-%m-%d %H:%M", &tm) == 0)
		(void)snprintf(out, TIME_SIZE, "%lld", (long long)at);
}

static void add_since(const struct vx_history_since *s, json_t *j)
{
	(void)json_object_set_new(j, "since", json_integer(s->since));
	(void)json_object_set_new(j, "before",
	    s->has_before ? json_string(vx_diag_verdict_name(s->before)) : json_null());
	(void)json_object_set_new(
	    j, "until", s->has_before ? json_integer(s->until) : json_null());
}

void ctl_history_tell(
    const struct ctl_past *p, const char *check, json_t *j, char out[100])
{
	char now[TIME_SIZE], until[TIME_SIZE];
	struct vx_history_since s;
	bool changed;

	out[0] = '\0';
	if (vx_history_since(&p->h, check, &s) != VX_OK)
		return;
	changed = p->at != 0 && s.since == p->at && s.has_before;
	add_since(&s, j);
	(void)json_object_set_new(j, "changed", json_boolean(changed));
	if (!changed)
		return;
	write_time(p->at, now);
	write_time(s.until, until);
	if (strncmp(now, until, DAY_LEN) == 0)
		(void)snprintf(out, 100, " (since today, was %s until %s today)",
		    vx_diag_verdict_name(s.before), until + DAY_LEN + 1);
	else
		(void)snprintf(out, 100, " (since today, was %s until %.*s)",
		    vx_diag_verdict_name(s.before), DAY_LEN, until);
}

/* --- domain check --history -----------------------------------------------------------
 */

static const char *const colours[] = { "green", "yellow", "red" };
#define COLOURS (sizeof(colours) / sizeof(colours[0]))

static json_t *run_json(const struct vx_history *h, const struct vx_history_run *run)
{
	json_t *j = json_object(), *checks = json_object();

	for (size_t i = 0; i < h->name_count; i++)
		if (run->verdicts[i] != VX_HISTORY_NOTHING)
			(void)json_object_set_new(checks, h->names[i],
			    json_string(vx_diag_verdict_name(
				(enum vx_diag_verdict)run->verdicts[i])));
	(void)json_object_set_new(j, "at", json_integer(run->at));
	(void)json_object_set_new(j, "score", json_integer((json_int_t)run->score));
	(void)json_object_set_new(j, "checks", checks);
	return j;
}

static bool has_colour(const struct vx_history_run *run, size_t i, const char *colour)
{
	return run->verdicts[i] != VX_HISTORY_NOTHING &&
	       strcmp(vx_history_colour((enum vx_diag_verdict)run->verdicts[i]),
		   colour) == 0;
}

/* "2026-11-29 10:00   95 of 100  80 green, 1 yellow (tls.expiry), 1 red (rbl.listed)" */
static void say_run(struct ctl *c, const struct vx_history *h,
    const struct vx_history_run *run, json_t *j)
{
	struct vx_buf text = { .max = 65536 };
	json_t *counts = json_object();
	char when[TIME_SIZE];

	write_time(run->at, when);
	for (size_t k = 0; k < COLOURS; k++) {
		struct vx_buf names = { .max = 65536 };
		size_t n = 0;

		for (size_t i = 0; i < h->name_count; i++)
			if (has_colour(run, i, colours[k]))
				vx_buf_printf(
				    &names, "%s%s", n++ > 0 ? ", " : "", h->names[i]);
		(void)json_object_set_new(
		    counts, colours[k], json_integer((json_int_t)n));
		if (n > 0 || k == 0)
			vx_buf_printf(
			    &text, "%s%zu %s", k > 0 ? ", " : "", n, colours[k]);
		if (n > 0 && k > 0)
			vx_buf_printf(&text, " (%.*s)", (int)names.len, names.ptr);
		vx_buf_done(&names);
	}
	(void)json_object_set_new(j, "counts", counts);
	ctl_say(c, "  %s  %3u of %d  %.*s", when, run->score, VX_HISTORY_SCORE_MAX,
	    (int)text.len, text.len > 0 ? text.ptr : "");
	vx_buf_done(&text);
}

static void say_check(
    struct ctl *c, const char *name, const struct vx_history_since *s, json_t *list)
{
	char since[TIME_SIZE], until[TIME_SIZE];
	json_t *j = json_object();

	(void)json_object_set_new(j, "name", json_string(name));
	(void)json_object_set_new(
	    j, "verdict", json_string(vx_diag_verdict_name(s->verdict)));
	(void)json_object_set_new(
	    j, "colour", json_string(vx_history_colour(s->verdict)));
	add_since(s, j);
	(void)json_array_append_new(list, j);
	if (s->verdict == VX_DIAG_NA && !ctl_flag(c, "--all"))
		return;
	write_time(s->since, since);
	write_time(s->until, until);
	if (s->has_before)
		ctl_say(c, "  %-6s  %s: %s since %s, was %s until %s",
		    vx_history_colour(s->verdict), name, vx_diag_verdict_name(s->verdict),
		    since, vx_diag_verdict_name(s->before), until);
	else
		ctl_say(c, "  %-6s  %s: %s since %s or longer",
		    vx_history_colour(s->verdict), name, vx_diag_verdict_name(s->verdict),
		    since);
}

/* The worst first. */
static void say_checks(struct ctl *c, const struct vx_history *h)
{
	static const enum vx_diag_verdict order[] = { VX_DIAG_FAIL, VX_DIAG_WARN,
		VX_DIAG_INFO, VX_DIAG_PASS, VX_DIAG_NA };
	json_t *list = json_array();
	struct vx_history_since s;

	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (size_t i = 0; i < h->name_count; i++)
			if (vx_history_since(h, h->names[i], &s) == VX_OK &&
			    s.verdict == order[k])
				say_check(c, h->names[i], &s, list);
	(void)json_object_set_new(c->result, "checks", list);
}

static void say_history(struct ctl *c, const char *domain, const struct vx_history *h)
{
	json_t *runs = json_array();

	ctl_say(c, h->run_count > 0 ? "%s:" : "%s was not checked yet", domain);
	for (size_t r = 0; r < h->run_count; r++) {
		json_t *j = run_json(h, &h->runs[r]);

		say_run(c, h, &h->runs[r], j);
		(void)json_array_append_new(runs, j);
	}
	if (h->run_count > 0)
		ctl_say(c, "%s", "");
	say_checks(c, h);
	(void)json_object_set_new(c->result, "domain", json_string(domain));
	(void)json_object_set_new(c->result, "runs", runs);
	(void)json_object_set_new(
	    c->result, "passed", h->passed != 0 ? json_integer(h->passed) : json_null());
}

int ctl_history_show(struct ctl *c)
{
	struct vx_buf name = { .max = VX_ADDRESS_MAX };
	struct vx_history *h = vx_memory_alloc(sizeof(*h));
	int status = h != NULL ? ctl_open_store(c, true) : CTL_FAILED;

	if (status == CTL_OK)
		status = ctl_find_domain(c, c->args[0]);
	if (status == CTL_OK &&
	    vx_domain_normalise(vx_slice_str(c->args[0]), &name) != VX_OK)
		status = CTL_FAILED;
	vx_buf_add_char(&name, '\0');
	if (status == CTL_OK) {
		ctl_history_read(c, name.ptr, h);
		say_history(c, name.ptr, h);
	}
	vx_buf_done(&name);
	vx_memory_free(h);
	return status;
}
