/* why: what became of a message or a login, and for what reasons. */
#include "vectis/auth.h"
#include "vectis/event.h"
#include "vectisctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WHY_MAX 20 /* events that are shown unless --all is given */

/* What a check looked at, for people; others are names of blocklists. */
static const struct {
	const char *check, *words;
} checks[] = {
	{ "name", "the name of its address" },
	{ "helo", "how it introduced itself (HELO)" },
	{ "spf", "may it send for the sender's domain (SPF)" },
	{ "own domain", "mail in the name of our own domain" },
	{ "greylist", "has it written here before (greylist)" },
	{ "dkim", "a signature (DKIM)" },
	{ "arc", "what forwarders say (ARC)" },
	{ "dmarc", "is the author proved (DMARC)" },
	{ "tls", "TLS with it" },
	{ "relay", "by our relay" },
	{ "policy", "decision" },
	{ "checks", "checks" },
};

static const char *words_of(vx_slice check)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (vx_slice_eq(check, vx_slice_str(checks[i].check)))
			return checks[i].words;
	return NULL;
}

/* --- which events --------------------------------------------------------------------
 */

static bool is_among(vx_slice word, vx_slice list)
{
	vx_slice one;

	while (list.len > 0) {
		(void)vx_slice_cut(&list, ' ', &one);
		if (vx_slice_eq_nocase(one, word))
			return true;
	}
	return false;
}

/* An id, a Message-ID, the address of a sender, a recipient, a login or a client. */
static bool matches(const struct vx_event *e, vx_slice word)
{
	return vx_slice_eq_nocase(e->texts[VX_EVENT_ID], word) ||
	       vx_slice_eq(e->texts[VX_EVENT_MESSAGE_ID], word) ||
	       vx_slice_eq_nocase(e->texts[VX_EVENT_SENDER], word) ||
	       vx_slice_eq_nocase(e->texts[VX_EVENT_LOGIN], word) ||
	       vx_slice_eq(e->texts[VX_EVENT_ADDRESS], word) ||
	       is_among(word, e->texts[VX_EVENT_RECIPIENTS]);
}

/* --- showing -------------------------------------------------------------------------
 */

static void say_text(const struct ctl *c, const char *label, vx_slice text)
{
	if (text.len > 0)
		ctl_say(c, "  %-10s %.*s", label, (int)text.len, text.ptr);
}

vx_slice ctl_event_check(const struct vx_event *e, const char *name, vx_slice *detail)
{
	vx_slice rest = e->texts[VX_EVENT_CHECKS];

	while (rest.len > 0) {
		vx_slice line, check, result;

		(void)vx_slice_cut(&rest, '\n', &line);
		(void)vx_slice_cut(&line, '\t', &check);
		(void)vx_slice_cut(&line, '\t', &result);
		*detail = line;
		if (vx_slice_eq(check, vx_slice_str(name)))
			return result;
	}
	return vx_slice_of("", 0);
}

/* A line of "check<TAB>result<TAB>detail". */
static void show_check(struct ctl *c, vx_slice line, json_t *list)
{
	json_t *j = json_object();
	vx_slice check, result;
	const char *words;

	(void)vx_slice_cut(&line, '\t', &check);
	(void)vx_slice_cut(&line, '\t', &result);
	words = words_of(check);
	(void)json_object_set_new(j, "check", ctl_text(check));
	(void)json_object_set_new(j, "result", ctl_text(result));
	(void)json_object_set_new(j, "detail", ctl_text(line));
	(void)json_array_append_new(list, j);
	ctl_say(c, "    %s%.*s: %.*s%s%.*s%s", words == NULL ? "blocklist " : words,
	    words == NULL ? (int)check.len : 0, check.len > 0 ? check.ptr : "",
	    (int)result.len, result.len > 0 ? result.ptr : "", line.len > 0 ? " (" : "",
	    (int)line.len, line.len > 0 ? line.ptr : "", line.len > 0 ? ")" : "");
}

static void write_time(int64_t when, char text[32])
{
	const time_t t = (time_t)when;
	struct tm tm;

	(void)snprintf(text, 32, "?");
	if (localtime_r(&t, &tm) != NULL)
		(void)strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

static void show_time(const struct ctl *c, const struct vx_event *e)
{
	char text[32];

	write_time((int64_t)e->time, text);
	ctl_say(c, "%s %s%s%.*s", text, vx_event_name(e->type),
	    e->texts[VX_EVENT_ID].len > 0 ? ", id " : "", (int)e->texts[VX_EVENT_ID].len,
	    e->texts[VX_EVENT_ID].ptr);
}

static void show(struct ctl *c, const struct vx_event *e, json_t *list)
{
	static const struct {
		unsigned text;
		const char *key, *label;
	} texts[] = { { VX_EVENT_ID, "id", NULL },
		{ VX_EVENT_MESSAGE_ID, "message_id", "message" },
		{ VX_EVENT_SUBJECT, "subject", "subject" },
		{ VX_EVENT_SENDER, "sender", "from" },
		{ VX_EVENT_RECIPIENTS, "recipients", "to" },
		{ VX_EVENT_ADDRESS, "address", "address" },
		{ VX_EVENT_HOST, "host", "host" }, { VX_EVENT_LOGIN, "login", "login" },
		{ VX_EVENT_REASON, "reason", "reason" } };
	json_t *j = json_object(), *lines = json_array();
	vx_slice rest = e->texts[VX_EVENT_CHECKS], line;

	(void)json_object_set_new(j, "event", json_string(vx_event_name(e->type)));
	(void)json_object_set_new(j, "time", json_integer((json_int_t)e->time));
	(void)json_object_set_new(j, "size", json_integer((json_int_t)e->size));
	show_time(c, e);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		(void)json_object_set_new(
		    j, texts[i].key, ctl_text(e->texts[texts[i].text]));
		if (texts[i].label != NULL)
			say_text(c, texts[i].label, e->texts[texts[i].text]);
	}
	if (rest.len > 0)
		ctl_say(c, "  checks");
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (line.len > 0)
			show_check(c, line, lines);
	}
	(void)json_object_set_new(j, "checks", lines);
	(void)json_array_append_new(list, j);
}

/* --- logins ---------------------------------------------------------------------------
 */

static bool is_login(const struct vx_auth_refused *r, const void *ctx)
{
	return vx_slice_eq_nocase(vx_slice_str(r->login), *(const vx_slice *)ctx);
}

static void show_login(struct ctl *c, const struct vx_auth_refused *r,
    const struct ctl_refused_more *more, json_t *list)
{
	const char *const reason = vx_auth_reason_word(r->reason);
	const char *const owner = r->reason == VX_AUTH_ALIAS ? more->owner : "";
	json_t *j = json_object();
	char last[32], right[32];

	(void)json_object_set_new(j, "login", json_string(r->login));
	(void)json_object_set_new(j, "reason", json_string(reason));
	(void)json_object_set_new(j, "count", json_integer((json_int_t)r->count));
	(void)json_object_set_new(j, "last", json_integer(r->last));
	(void)json_object_set_new(j, "network", json_string(r->network));
	(void)json_object_set_new(j, "right", json_integer(more->right));
	(void)json_object_set_new(j, "owner", json_string(owner));
	(void)json_array_append_new(list, j);
	write_time(r->last, last);
	write_time(more->right, right);
	ctl_say(c,
	    "%s login refused: %s (%s)\n  %-10s %s\n  times      %" PRIu64
	    ", the last from %s",
	    last, ctl_refused_words(r->reason), reason, "login", r->login, r->count,
	    r->network);
	if (owner[0] != '\0')
		ctl_say(c, "  do         log in as %s", owner);
	if (more->right > 0)
		ctl_say(c, "  logged in  %s, the last time", right);
}

/* How many there are. */
static size_t show_logins(struct ctl *c, vx_slice word)
{
	static struct vx_auth_refused list[CTL_REFUSED_MAX];
	static struct ctl_refused_more more[CTL_REFUSED_MAX];
	const size_t n = ctl_refused(c, is_login, &word, list);
	json_t *out = json_array();

	(void)json_object_set_new(c->result, "logins", out);
	ctl_refused_look(c, list, n, more);
	for (size_t i = 0; i < n; i++)
		show_login(c, &list[i], &more[i], out);
	return n;
}

static int why(struct ctl *c)
{
	const vx_slice word = vx_slice_trim(vx_slice_str(c->args[0]), "<> ");
	struct vx_event e = { .number = UINT64_MAX };
	json_t *list = json_array();
	struct vx_view *v;
	uint64_t count = 0;
	size_t logins;
	int rc;

	(void)json_object_set_new(c->result, "events", list);
	if (vx_view_begin(c->store, &v) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	while ((rc = vx_event_before(v, e.number, &e)) == VX_OK)
		if (matches(&e, word) && (count++ < WHY_MAX || ctl_flag(c, "--all")))
			show(c, &e, list);
	vx_view_end(v);
	(void)json_object_set_new(c->result, "count", json_integer((json_int_t)count));
	if (rc != VX_ENOENT)
		return ctl_fail(c, CTL_FAILED, "the events are damaged");
	logins = show_logins(c, word);
	if (count == 0 && logins == 0)
		return ctl_fail(c, CTL_FAILED,
		    "nothing is known of %s: events are kept for %d days", c->args[0],
		    VX_EVENT_DAYS);
	if (count > WHY_MAX && !ctl_flag(c, "--all"))
		ctl_say(
		    c, "and %" PRIu64 " older ones: --all shows them", count - WHY_MAX);
	return CTL_OK;
}

const struct ctl_command ctl_why_commands[] = {
	{ "why", NULL, why, NEEDS_STORE_READ, 1, 1, "ID|MESSAGE-ID|ADDRESS [--all]",
	    "what became of a message or a login, and for what reasons" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
