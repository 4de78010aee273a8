/* What is due, what comes of a failure, and the end of a task. */
#include "acme/acme_int.h"
#include "base/encode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DAY INT64_C(86400)
#define HOUR INT64_C(3600)

enum {
	SIBLING_S = 120,     /* between the kinds of one certificate */
	EMERGENCY_FAILS = 2, /* of one authority, before the next is tried */
	FIRST_FAILS = 4,     /* the same, when there is no certificate at all */
	THROTTLED_MAX = 20,  /* answers "later" that are believed */
	OURS_MAX = 3         /* a certificate that we do not take is ordered anew then */
};

/* --- when -----------------------------------------------------------------------------
 */

bool vx_acme_cert_id(const struct vx_pki_cert *cert, struct vx_buf *out)
{
	if (cert->key_id_len == 0)
		return false;
	vx_base64url_add(out, vx_slice_of(cert->key_id, cert->key_id_len));
	vx_buf_add_char(out, '.');
	vx_base64url_add(out, vx_slice_of(cert->serial, cert->serial_len));
	return true;
}

bool vx_acme_same_names(const struct vx_acme_lineage *l, const struct vx_pki_cert *cert)
{
	struct vx_buf list = { .max = VX_PKI_NAMES_OCTETS + 8 };
	char word[VX_ACME_NAME_MAX + 3];
	size_t wanted = 0, there = 1;
	bool same = cert->names[0] != '\0' && !cert->names_cut;

	vx_buf_printf(&list, " %s ", cert->names);
	for (size_t i = 0; cert->names[i] != '\0'; i++)
		there += cert->names[i] == ' ';
	for (size_t i = 0; i < l->count && same; i++) {
		if ((l->refused & (UINT32_C(1) << i)) != 0)
			continue;
		wanted++;
		(void)snprintf(word, sizeof(word), " %s ", l->names[i]);
		same = !list.failed && strstr(list.ptr, word) != NULL;
	}
	vx_buf_done(&list);
	return same && wanted == there;
}

/* Whatever an authority says: not later than this. */
static int64_t latest(const struct vx_acme_lineage *l)
{
	const int64_t life = l->cert.not_after - l->cert.not_before;

	if (life >= 10 * DAY)
		return l->cert.not_after - life / 5;
	return l->cert.not_after - (life / 3 < 36 * HOUR ? life / 3 : 36 * HOUR);
}

/* TLS-36: in the window, else at two thirds; 0: at once. */
static int64_t own_due(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	const int64_t net = latest(l);
	int64_t at = l->chosen, key;

	if (!l->there || l->forced || !vx_acme_same_names(l, &l->cert))
		return 0;
	if (at == 0)
		at =
		    l->cert.not_before + (l->cert.not_after - l->cert.not_before) / 3 * 2;
	if (net < at)
		at = net;
	key = l->rolling ? vx_acme_next_ready(l, a->now) : INT64_MAX;
	return key < at ? key : at;
}

/* Kinds that were issued at about the same time are renewed together. */
int64_t vx_acme_due(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	const int64_t own = own_due(a, l);
	const int64_t near = (l->cert.not_after - l->cert.not_before) / 3;
	int64_t at = own;

	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].group == l->group && own > near) {
			const int64_t other = own_due(a, &a->certs[i]);

			if (other < at && own - other <= near)
				at = other;
		}
	return at;
}

static uint32_t bit(size_t authority)
{
	return UINT32_C(1) << authority;
}

static bool is_stopped(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	for (size_t i = 0; i < a->account_count; i++)
		if ((l->stopped & bit(i)) == 0)
			return false;
	return true;
}

/* When it is ordered at the earliest. */
int64_t vx_acme_earliest(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	int64_t at = vx_acme_due(a, l);
	const struct vx_acme_account *const c = &a->accounts[l->authority];
	const int64_t key = vx_acme_order_ready(a, l);

	/* what came of the last order is to be installed first */
	if (is_stopped(a, l) || l->has_fresh)
		return INT64_MAX;
	if (l->forced)
		return l->not_before > key ? l->not_before : key;
	if (at < key)
		at = key;
	if (at < l->not_before)
		at = l->not_before;
	if (at < c->not_before)
		at = c->not_before;
	for (size_t i = 0; i < a->cert_count; i++) {
		const struct vx_acme_lineage *const other = &a->certs[i];

		/* the first ones are in a hurry, and so are people who wait */
		if (l->group->served_count > 0 && l->group->number == 0 && other != l &&
		    other->group == l->group && other->tried_at != 0 &&
		    at < other->tried_at + SIBLING_S)
			at = other->tried_at + SIBLING_S;
	}
	return at;
}

struct vx_acme_lineage *vx_acme_member(
    const struct vx_acme *a, const struct vx_acme_group *g, size_t from)
{
	for (size_t i = from; i < a->cert_count; i++)
		if (a->certs[i].group == g)
			return &a->certs[i];
	return NULL;
}

static size_t authority_of(const struct vx_acme *a, const char *id)
{
	for (size_t i = 0; i < a->account_count; i++)
		if (strcmp(a->accounts[i].id, id) == 0)
			return i;
	return VX_ACME_AUTHORITIES_MAX;
}

size_t vx_acme_issuer_of(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	return authority_of(a, l->issued_by);
}

/* --- authorities in order
 * --------------------------------------------------------------- */

static bool is_emergency(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	if (!l->there)
		return l->failures >= FIRST_FAILS;
	return a->now >= latest(l) && l->failures >= EMERGENCY_FAILS;
}

static void choose_authority(struct vx_acme *a, struct vx_acme_lineage *l)
{
	const bool stopped = (l->stopped & bit(l->authority)) != 0;
	const bool tired =
	    l->failing_since != 0 && a->now - l->failing_since > VX_ACME_PATIENCE_S;
	size_t next = l->authority;

	if (!stopped && !tired && !is_emergency(a, l))
		return;
	for (size_t i = 1; i <= a->account_count; i++) {
		next = (l->authority + i) % a->account_count;
		if ((l->stopped & bit(next)) == 0)
			break;
	}
	if (next == l->authority)
		return;
	l->authority = next;
	l->order[0] = '\0';
	l->failing_since = a->now;
	l->no_profile = l->no_replaces = false;
	a->dirty = true;
	vx_acme_tell(a, VX_ACME_WARN, "it is asked from %s now", a->accounts[next].id);
}

/* --- beginning
 * ---------------------------------------------------------------------------- */

static void begin(struct vx_acme *a, const struct vx_acme_task *task)
{
	a->task = *task;
	a->failed = a->agreed_again = false;
	a->phase_end = 0;
	a->wait_until = 0;
	memset(&a->look, 0, sizeof(a->look));
	vx_acme_go(a, task->type == VX_ACME_T_ISSUE     ? VX_ACME_PH_LOOK
		      : task->type == VX_ACME_T_INSTALL ? VX_ACME_PH_INSTALL
		      : task->type == VX_ACME_T_DANE    ? VX_ACME_PH_TLSA
							: VX_ACME_PH_DIRECTORY);
}

static void begin_issue(struct vx_acme *a, struct vx_acme_lineage *l)
{
	struct vx_acme_task task = { .type = VX_ACME_T_ISSUE, .l = l };

	a->task = task; /* events are about it */
	choose_authority(a, l);
	task.authority = l->authority;
	/* names that were refused once may be taken now */
	if (l->order[0] == '\0' && l->there && l->failures == 0)
		l->refused = 0;
	l->tried_at = a->now;
	begin(a, &task);
}

/* What is left of a run that died is removed first. */
static bool begin_clean(struct vx_acme *a)
{
	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].provided_count > 0) {
			begin(a, &(struct vx_acme_task){ .type = VX_ACME_T_ISSUE,
				     .l = &a->certs[i],
				     .authority = a->certs[i].authority });
			vx_acme_go(a, VX_ACME_PH_CLEAN);
			return true;
		}
	return false;
}

static bool begin_command(struct vx_acme *a)
{
	const struct vx_acme_task task = a->commands[0];

	if (a->command_count == 0)
		return false;
	a->command_count--;
	memmove(a->commands, a->commands + 1, a->command_count * sizeof(a->commands[0]));
	begin(a, &task);
	return true;
}

/* What is about all kinds of a certificate; else *until is when something will be. */
static bool begin_group(struct vx_acme *a, int64_t *until)
{
	for (size_t i = 0; i < a->group_count; i++) {
		struct vx_acme_group *const g = &a->groups[i];
		const int64_t install = vx_acme_install_at(a, g);
		struct vx_acme_task task = { .l = vx_acme_member(a, g, 0) };

		if (install <= a->now) {
			task.type = VX_ACME_T_INSTALL;
			begin(a, &task);
			if (vx_acme_install_needs_look(a, g))
				vx_acme_go_tlsa(a);
			return true;
		}
		if (g->served_count > 0 && g->look_at <= a->now) {
			task.type = VX_ACME_T_DANE;
			begin(a, &task);
			return true;
		}
		if (install < *until)
			*until = install;
		if (g->served_count > 0 && g->look_at < *until)
			*until = g->look_at;
	}
	return false;
}

/* What is not served any more, and is to be revoked. */
static bool begin_doomed(struct vx_acme *a, int64_t *until)
{
	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];
		const int64_t at = vx_acme_doomed_at(l);
		const size_t issuer = authority_of(a, l->doomed_by);

		if (at <= a->now) {
			begin(a, &(struct vx_acme_task){ .type = VX_ACME_T_REVOKE_DOOMED,
				     .l = l,
				     .authority = issuer < a->account_count ? issuer : 0,
				     .reason = VX_ACME_KEY_COMPROMISE });
			return true;
		}
		if (at < *until)
			*until = at;
	}
	return false;
}

bool vx_acme_plan(struct vx_acme *a, int64_t *until)
{
	struct vx_acme_lineage *first = NULL;
	int64_t best = INT64_MAX, others = INT64_MAX;

	if (begin_clean(a) || begin_command(a) || begin_group(a, &others) ||
	    begin_doomed(a, &others))
		return true;
	for (size_t i = 0; i < a->cert_count; i++) {
		const int64_t at = vx_acme_earliest(a, &a->certs[i]);

		if (at < best) {
			best = at;
			first = &a->certs[i];
		}
	}
	if (first != NULL && best <= a->now) {
		begin_issue(a, first);
		return true;
	}
	*until = best < others ? best : others;
	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];
		const size_t issuer = vx_acme_issuer_of(a, l);

		if (!l->there || issuer == VX_ACME_AUTHORITIES_MAX)
			continue;
		if (l->window_next <= a->now) {
			begin(a,
			    &(struct vx_acme_task){
				.type = VX_ACME_T_WINDOW, .l = l, .authority = issuer });
			return true;
		}
		if (l->window_next < *until)
			*until = l->window_next;
	}
	return false;
}

/* --- the end
 * ------------------------------------------------------------------------------- */

void vx_acme_end(struct vx_acme *a, int result, const char *text)
{
	/* who waits for a certificate waits until it is served, or something fails */
	if ((a->task.type == VX_ACME_T_ISSUE && result != VX_OK) ||
	    (a->task.type == VX_ACME_T_INSTALL && (result != VX_OK || text[0] != '\0'))) {
		a->task.number = a->task.l->group->number;
		a->task.l->group->number = 0;
	}
	if (a->task.number != 0) {
		const uint64_t number = a->task.number;
		struct vx_acme_queued *e;

		vx_acme_tell(a, result == VX_OK ? VX_ACME_INFO : VX_ACME_WARN, "%s",
		    text[0] != '\0'                        ? text
		    : result == VX_OK || a->task.l == NULL ? "done"
							   : a->task.l->problem);
		e = &a->events[(a->event_first + a->event_count - 1) %
			       VX_ACME_EVENTS_MAX];
		e->command = number;
		e->result = result;
	}
	if (a->task.type == VX_ACME_T_REVOKE_OTHER)
		vx_acme_forget_other(a);
	a->request.active = false;
	a->task = (struct vx_acme_task){ .l = NULL };
	vx_acme_go(a, VX_ACME_PH_IDLE);
}

/* --- failures (the table of them)
 * ------------------------------------------------------------ */

/* Authorities say unauthorized of an account and of what was proven. */
static enum vx_acme_problem_class meant(
    const struct vx_acme *a, const struct vx_acme_problem *p)
{
	if (p->what != VX_ACME_P_UNAUTHORIZED)
		return p->what;
	return a->phase == VX_ACME_PH_ACCOUNT || a->phase == VX_ACME_PH_NEW_ORDER ||
		       a->phase == VX_ACME_PH_AGREE
		   ? VX_ACME_P_ACCOUNT
		   : VX_ACME_P_VALIDATION;
}

static bool needs_person(enum vx_acme_problem_class what, bool paused)
{
	return what == VX_ACME_P_STOP || what == VX_ACME_P_ACCOUNT ||
	       what == VX_ACME_P_TERMS || (what == VX_ACME_P_LIMITED && paused);
}

static bool is_daily(enum vx_acme_problem_class what)
{
	return what == VX_ACME_P_CAA || what == VX_ACME_P_NAMES;
}

/* Not on the hour, and not all at one time: up to an eighth more. */
static int64_t next_try(struct vx_acme *a, const struct vx_acme_lineage *l, bool daily)
{
	const int64_t pause = daily ? DAY : vx_acme_backoff(l->failures);

	return a->now + pause + (int64_t)vx_acme_random(a, (uint64_t)pause / 8 + 1);
}

/* The authority asked for time: that is no failure, unless it goes on and on. */
static bool is_believed(struct vx_acme *a, const struct vx_acme_problem *p, int64_t retry)
{
	struct vx_acme_lineage *const l = a->task.l;

	if (p->what != VX_ACME_P_LIMITED || retry <= a->now ||
	    ++l->throttled > THROTTLED_MAX)
		return false;
	l->not_before = retry;
	if (p->overload)
		vx_acme_account_of(a)->not_before = retry;
	return true;
}

static void note_failure(
    struct vx_acme *a, const struct vx_acme_problem *p, int64_t retry)
{
	struct vx_acme_lineage *const l = a->task.l;
	const enum vx_acme_problem_class what = meant(a, p);
	const bool stops = needs_person(what, p->paused);

	(void)snprintf(l->problem, sizeof(l->problem), "%s", p->text);
	if (l->failing_since == 0)
		l->failing_since = a->now;
	if (stops)
		l->stopped |= bit(a->task.authority);
	if (stops || !is_believed(a, p, retry)) {
		l->failures++;
		l->forced = false;
		l->not_before = next_try(a, l, is_daily(what));
		if (l->not_before < retry)
			l->not_before = retry;
	}
	if (what == VX_ACME_P_OURS && l->failures % OURS_MAX == 0)
		l->order[0] = '\0';
	vx_acme_tell(a,
	    is_stopped(a, l) || l->failures > 2 ? VX_ACME_ALARM : VX_ACME_WARN, "%s%s",
	    p->text,
	    is_stopped(a, l)
		? "; nothing is tried before \"vectisctl cert renew --force\""
		: "");
}

void vx_acme_fail(struct vx_acme *a, const struct vx_acme_problem *p, int64_t retry)
{
	struct vx_acme_lineage *const l = a->task.l;

	a->dirty = true;
	if (a->task.type == VX_ACME_T_ISSUE) {
		note_failure(a, p, retry);
		a->failed = true;
		vx_acme_clean(a);
		return;
	}
	if (a->task.type == VX_ACME_T_INSTALL) {
		struct vx_acme_lineage *m = l;

		/* the first that waits stands for all */
		while (m != NULL && !m->has_fresh)
			m = vx_acme_member(a, l->group, (size_t)(m - a->certs) + 1);
		a->task.l = m == NULL ? l : m;
		note_failure(a, p, retry);
		l->group->install_next = a->task.l->not_before;
		if (a->task.l->failures % OURS_MAX == 0)
			vx_acme_drop_fresh(a->task.l);
	}
	if (a->task.type == VX_ACME_T_WINDOW) {
		l->window_next = a->now + 6 * HOUR;
		if (l->window_next < retry)
			l->window_next = retry;
		vx_acme_tell(a, VX_ACME_WARN,
		    "the window of its renewal is not known: %s", p->text);
	}
	if (a->task.type == VX_ACME_T_REVOKE_DOOMED) {
		l->doomed_next = a->now + HOUR > retry ? a->now + HOUR : retry;
		vx_acme_tell(a, VX_ACME_ALARM,
		    "the certificate whose key others have is not revoked yet: %s",
		    p->text);
	}
	vx_acme_end(a, VX_EPROTO, p->text);
}

void vx_acme_fail_text(
    struct vx_acme *a, enum vx_acme_problem_class what, const char *fmt, ...)
{
	struct vx_acme_problem p = { .what = what };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(p.text, sizeof(p.text), fmt, args);
	va_end(args);
	vx_acme_fail(a, &p, 0);
}

/* --- what a person wants
 * ----------------------------------------------------------------------- */

void vx_acme_tell_number(
    struct vx_acme *a, const struct vx_acme_group *g, uint64_t number, const char *text)
{
	struct vx_acme_queued *e;

	vx_acme_tell(a, VX_ACME_INFO, "%s", text);
	e = &a->events[(a->event_first + a->event_count - 1) % VX_ACME_EVENTS_MAX];
	(void)snprintf(e->id, sizeof(e->id), "%s", g->id);
	e->command = number;
}

/* The last one who waits is told of what is installed. */
static void wait_for(
    struct vx_acme *a, struct vx_acme_group *g, uint64_t number, bool rolls)
{
	if (g->number != 0 && g->number != number)
		vx_acme_tell_number(a, g, g->number, "another command is waited for");
	g->number = number;
	g->number_rolls = rolls;
}

/* What stopped it is forgotten. */
static void forgive(struct vx_acme *a, struct vx_acme_lineage *l)
{
	l->not_before = 0;
	l->stopped = 0;
	l->failures = l->throttled = 0;
	l->group->install_next = 0;
	for (size_t i = 0; i < a->account_count; i++)
		a->accounts[i].not_before = 0;
}

static void force(struct vx_acme *a, struct vx_acme_lineage *l)
{
	const bool running = a->task.l == l && a->task.type == VX_ACME_T_ISSUE;

	/* what is under way is what is wanted, but for what may not be served */
	if (l->has_fresh && l->group->told_blocked)
		vx_acme_drop_fresh(l);
	l->forced = !running && !l->has_fresh;
	forgive(a, l);
}

int vx_acme_queue(struct vx_acme *a, const struct vx_acme_task *task)
{
	if (a->command_count == VX_ACME_COMMANDS_MAX)
		return VX_ELIMIT;
	a->commands[a->command_count++] = *task;
	return VX_OK;
}

/*
 * A key that others have is changed first: where TLSA records keep the next one waiting,
 * a certificate that is revoked is no better served.
 */
static int doom(struct vx_acme *a, struct vx_acme_group *g, uint64_t number)
{
	bool ready = true, some = false;

	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];

		if (l->group != g || !l->there)
			continue;
		some = true;
		vx_acme_doom(l);
		forgive(a, l);
		ready = ready && l->next_key != NULL &&
			vx_acme_next_ready(l, a->now) <= a->now;
	}
	if (!some)
		return VX_ENOENT;
	g->look_at = a->now;
	a->dirty = true;
	if (ready)
		wait_for(a, g, number, false);
	else
		vx_acme_tell_number(a, g, number, VX_ACME_REVOKE_WAITS);
	return VX_OK;
}

/* Of those kinds that are there, one after the other. */
static int revoke(
    struct vx_acme *a, struct vx_acme_group *g, unsigned reason, uint64_t number)
{
	struct vx_acme_lineage *l = vx_acme_member(a, g, 0);
	size_t issuer;

	if (reason == VX_ACME_KEY_COMPROMISE)
		return doom(a, g, number);
	while (l != NULL && !l->there)
		l = vx_acme_member(a, g, (size_t)(l - a->certs) + 1);
	if (l == NULL)
		return VX_ENOENT;
	issuer = vx_acme_issuer_of(a, l);
	return vx_acme_queue(a, &(struct vx_acme_task){ .type = VX_ACME_T_REVOKE,
				    .l = l,
				    .authority = issuer < a->account_count ? issuer : 0,
				    .reason = reason,
				    .number = number });
}

static int order(
    struct vx_acme *a, struct vx_acme_group *g, bool whatever, uint64_t number)
{
	bool some = false;

	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];

		if (l->group != g ||
		    (!whatever && !l->has_fresh && vx_acme_due(a, l) > a->now))
			continue;
		force(a, l);
		some = true;
	}
	if (some)
		wait_for(a, g, number, false);
	else
		vx_acme_tell_number(a, g, number, "it is there and not due");
	return VX_OK;
}

/* What can be done at once is waited for. */
static int roll(
    struct vx_acme *a, struct vx_acme_group *g, unsigned haste, uint64_t number)
{
	bool ready = true, some = false;

	if (haste > VX_ACME_AT_ONCE)
		return VX_EINVAL;
	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];

		if (l->group != g || !l->there)
			continue;
		some = l->rolling = true;
		l->haste = (enum vx_acme_haste)haste;
		ready = ready && l->next_key != NULL &&
			vx_acme_next_ready(l, a->now) <= a->now;
	}
	if (!some)
		return VX_ENOENT;
	for (size_t i = 0; i < a->cert_count && ready; i++)
		if (a->certs[i].group == g && a->certs[i].there)
			forgive(a, &a->certs[i]);
	g->look_at = a->now;
	a->dirty = true;
	if (ready)
		wait_for(a, g, number, true);
	else
		vx_acme_tell_number(a, g, number, VX_ACME_ROLL_WAITS);
	return VX_OK;
}

static int do_account(
    struct vx_acme *a, enum vx_acme_command command, const char *id, uint64_t number)
{
	for (size_t i = 0; i < a->account_count; i++)
		if (strcmp(a->accounts[i].id, id) == 0)
			return vx_acme_queue(a,
			    &(struct vx_acme_task){ .type = command == VX_ACME_ROLL_OVER
								? VX_ACME_T_ROLL_OVER
								: VX_ACME_T_DEACTIVATE,
				.authority = i,
				.number = number });
	return VX_ENOENT;
}

int vx_acme_do(struct vx_acme *a, enum vx_acme_command command, const char *id,
    unsigned reason, uint64_t number)
{
	struct vx_acme_group *g = NULL;

	for (size_t i = 0; i < a->group_count; i++)
		if (strcmp(a->groups[i].id, id) == 0)
			g = &a->groups[i];
	switch (command) {
	case VX_ACME_ROLL_OVER:
	case VX_ACME_DEACTIVATE:
		return do_account(a, command, id, number);
	case VX_ACME_REVOKE:
		return g == NULL ? VX_ENOENT : revoke(a, g, reason, number);
	case VX_ACME_ROLL_KEYS:
		return g == NULL ? VX_ENOENT : roll(a, g, reason, number);
	case VX_ACME_RENEW:
	case VX_ACME_ISSUE:
		break;
	}
	return g == NULL ? VX_ENOENT : order(a, g, command == VX_ACME_RENEW, number);
}

int vx_acme_status(
    const struct vx_acme *a, int64_t now, size_t index, struct vx_acme_status *out)
{
	const struct vx_acme_lineage *l;

	if (index >= a->cert_count)
		return VX_ENOENT;
	l = &a->certs[index];
	*out = (struct vx_acme_status){ .id = l->id,
		.names = l->all,
		.kind = l->kind,
		.there = l->there,
		.not_before = l->cert.not_before,
		.not_after = l->cert.not_after,
		.due = vx_acme_due(a, l),
		.next = vx_acme_earliest(a, l),
		.failures = l->failures,
		.problem = l->problem,
		.stopped = is_stopped(a, l),
		.running = a->task.l == l && a->phase != VX_ACME_PH_IDLE,
		.authority = a->accounts[l->authority].id,
		.account = a->accounts[l->authority].url,
		.persists = a->accounts[l->authority].persists,
		.has_window = l->window_end != 0,
		.window_start = l->window_start,
		.window_end = l->window_end };
	out->next_seen = l->next_seen;
	out->next_ready = vx_acme_next_ready(l, now);
	out->rolling = l->rolling || l->bad;
	out->key_since = l->key_since;
	out->old_count = l->old_count;
	out->waits = l->has_fresh;
	out->dane = l->group->used;
	out->dane_secure = l->group->secure;
	out->dane_looked = l->group->looked;
	out->dane_ttl = l->group->ttl;
	out->has_next = l->next_key != NULL &&
			vx_pki_key_digest(l->next_key, out->next_digest) == VX_OK;
	out->has_key = l->key != NULL && vx_pki_key_digest(l->key, out->digest) == VX_OK;
	return VX_OK;
}

int vx_acme_issuer(const struct vx_acme *a, size_t index, struct vx_acme_issuer *out)
{
	const struct vx_acme_account *c;

	if (index >= a->account_count)
		return VX_ENOENT;
	c = &a->accounts[index];
	*out = (struct vx_acme_issuer){ .id = c->id,
		.directory = c->directory_url,
		.account = c->deactivated ? "" : c->url,
		.caa = c->issuers,
		.persists = c->persists };
	return VX_OK;
}
