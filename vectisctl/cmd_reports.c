/* reports: what others say of our domains, and what we say of theirs. */
#include "vectis/date.h"
#include "vectis/memory.h"
#include "vectis/report_sender.h"
#include "vectisctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAYS_STANDARD 30
#define SHOWN_MAX 50 /* rows for a person, unless --all is given */

/* --- saying ----------------------------------------------------------------------------
 */

static void day_text(uint32_t day, char out[16])
{
	const struct vx_civil d = vx_civil_of((int64_t)day * VX_REPORT_DAY_S, 0);

	(void)snprintf(out, 16, "%04d-%02d-%02d", d.year, d.month, d.day);
}

/* Text of strangers for a terminal: what is not printable becomes a question mark. */
static void plain(vx_slice s, char *out, size_t size)
{
	size_t n = s.len < size - 1 ? s.len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = s.ptr[i] >= ' ' && s.ptr[i] < 0x7f ? s.ptr[i] : '?';
	out[n] = '\0';
}

static void set_number(json_t *j, const char *name, uint64_t n)
{
	(void)json_object_set_new(j, name, json_integer((json_int_t)n));
}

static void set_text(json_t *j, const char *name, const char *text)
{
	(void)json_object_set_new(j, name, json_string(text));
}

static void set_day(json_t *j, const char *name, uint32_t day)
{
	char text[16];

	day_text(day, text);
	set_text(j, name, text);
}

/* The first day that is asked for. */
static int first_day(struct ctl *c, uint32_t *day)
{
	const char *value = ctl_option(c, "--days");
	const uint64_t today = (uint64_t)time(NULL) / VX_REPORT_DAY_S;
	uint64_t n = DAYS_STANDARD;

	if (value != NULL &&
	    (vx_slice_number(vx_slice_str(value), VX_REPORT_GOT_DAYS, &n) != VX_OK ||
		n == 0))
		return ctl_fail(c, CTL_USAGE,
		    "--days is a number from 1 to %d, not \"%s\"", VX_REPORT_GOT_DAYS,
		    value);
	*day = (uint32_t)(today < n ? 0 : today - n + 1);
	return CTL_OK;
}

static int damaged(struct ctl *c)
{
	return ctl_fail(c, CTL_FAILED,
	    "the reports are damaged: stop the daemons and run vectisctl store repair");
}

/* Twice the room; false: there is no memory. */
static bool grow(void **list, size_t *cap, size_t count, size_t size)
{
	const size_t more = *cap == 0 ? 64 : *cap * 2;
	void *room = vx_memory_alloc(more * size);

	if (room == NULL)
		return false;
	if (count > 0)
		memcpy(room, *list, count * size);
	vx_memory_free(*list);
	*list = room;
	*cap = more;
	return true;
}

/* --- list ------------------------------------------------------------------------------
 */

/* A domain's reports of one kind, of all days. */
struct total {
	char domain[VX_DNS_NAME_MAX + 1];
	enum vx_report_kind kind;
	uint64_t reports, good, bad;
	uint32_t first, last;
};
struct totals {
	struct total *list; /* own */
	size_t count, cap;
};

static struct total *total_of(struct totals *t, const struct vx_report_sum *s)
{
	struct total *found;

	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].kind == s->kind &&
		    vx_slice_eq(s->domain, vx_slice_str(t->list[i].domain)))
			return &t->list[i];
	if (t->count == t->cap &&
	    !grow((void **)&t->list, &t->cap, t->count, sizeof(*t->list)))
		return NULL;
	found = &t->list[t->count++];
	*found = (struct total){ .kind = s->kind, .first = s->day };
	memcpy(found->domain, s->domain.ptr, s->domain.len);
	return found;
}

static int add_totals(struct vx_view *v, uint32_t from, struct totals *t)
{
	struct vx_report_sum s = { .domain = vx_slice_of("", 0) };
	int rc = vx_report_sum_next(v, NULL, &s);

	for (; rc == VX_OK; rc = vx_report_sum_next(v, &s, &s)) {
		struct total *x = s.day < from ? NULL : total_of(t, &s);

		if (x == NULL)
			continue;
		x->reports += s.reports;
		x->good += s.good;
		x->bad += s.bad;
		x->last = s.day;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static void show_totals(struct ctl *c, const struct totals *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->count; i++) {
		const struct total *x = &t->list[i];
		const bool tls = x->kind == VX_REPORT_TLS;
		json_t *j = json_object();

		ctl_say(c,
		    "%s  %s  %" PRIu64 " report%s: %" PRIu64 " %s, %" PRIu64 " failed",
		    x->domain, vx_report_kind_name(x->kind), x->reports,
		    x->reports == 1 ? "" : "s", x->good,
		    tls ? "sessions succeeded" : "messages passed", x->bad);
		set_text(j, "domain", x->domain);
		set_text(j, "kind", vx_report_kind_name(x->kind));
		set_number(j, "reports", x->reports);
		set_number(j, "good", x->good);
		set_number(j, "bad", x->bad);
		set_day(j, "first_day", x->first);
		set_day(j, "last_day", x->last);
		(void)json_array_append_new(list, j);
	}
	if (t->count == 0)
		ctl_say(c, "no reports about our domains came");
	(void)json_object_set_new(c->result, "domains", list);
}

static int show_bad(struct ctl *c, struct vx_view *v)
{
	json_t *list = json_array();
	struct vx_report_bad_count b;
	char detail[VX_REPORT_NOTED_TEXT_MAX + 1];

	(void)json_object_set_new(c->result, "bad", list);
	for (int i = VX_REPORT_GOOD + 1; i < VX_REPORT_BADS; i++) {
		json_t *j;

		if (vx_report_bad_get(v, (enum vx_report_bad)i, &b) != VX_OK)
			return damaged(c);
		if (b.count == 0)
			continue;
		plain(b.detail, detail, sizeof(detail));
		ctl_say(c, "%" PRIu64 " not taken: %s%s%s%s", b.count,
		    vx_report_bad_text((enum vx_report_bad)i),
		    detail[0] == '\0' ? "" : " (the last one: ", detail,
		    detail[0] == '\0' ? "" : ")");
		j = json_object();
		set_text(j, "reason", vx_report_bad_text((enum vx_report_bad)i));
		set_number(j, "count", b.count);
		set_number(j, "last", b.last);
		set_text(j, "detail", detail);
		(void)json_array_append_new(list, j);
	}
	return CTL_OK;
}

static int list_in(struct ctl *c, struct vx_view *v, uint32_t from)
{
	struct totals t = { .list = NULL };
	uint64_t waiting;
	int rc = add_totals(v, from, &t);

	if (rc == VX_OK)
		show_totals(c, &t);
	vx_memory_free(t.list);
	if (rc != VX_OK || vx_report_waiting(v, &waiting) != VX_OK)
		return damaged(c);
	if (waiting > 0)
		ctl_say(c, "%" PRIu64 " wait to be read", waiting);
	set_number(c->result, "waiting", waiting);
	return show_bad(c, v);
}

static int reports_list(struct ctl *c)
{
	struct vx_view *v;
	uint32_t from;
	int status = first_day(c, &from);

	if (status != CTL_OK)
		return status;
	if (vx_view_begin(c->store, &v) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	status = list_in(c, v, from);
	vx_view_end(v);
	return status;
}

/* --- show ------------------------------------------------------------------------------
 */

struct rows {
	struct vx_report_got_row *list; /* own; slices are of the view */
	size_t count, cap;
	uint64_t good, bad, dropped;
	json_t *reports; /* of the result */
};

static bool add_row(struct rows *rows, const struct vx_report_got_row *row)
{
	if (rows->count == rows->cap &&
	    !grow((void **)&rows->list, &rows->cap, rows->count, sizeof(*rows->list)))
		return false;
	rows->list[rows->count++] = *row;
	return true;
}

/* The digest is of all that makes a row. */
static int by_digest(const void *a, const void *b)
{
	const struct vx_report_got_row *x = a, *y = b;

	return memcmp(x->digest, y->digest, VX_REPORT_DIGEST);
}

static int by_count(const void *a, const void *b)
{
	const struct vx_report_got_row *x = a, *y = b;
	const uint64_t m = x->count + x->failures, n = y->count + y->failures;

	return m != n ? (m < n ? 1 : -1) : by_digest(a, b);
}

/* Those of several days become one; the largest come first. */
static void merge(struct rows *rows)
{
	size_t kept = 0;

	if (rows->count == 0)
		return;
	qsort(rows->list, rows->count, sizeof(*rows->list), by_digest);
	for (size_t i = 1; i < rows->count; i++) {
		if (by_digest(&rows->list[kept], &rows->list[i]) == 0) {
			rows->list[kept].count += rows->list[i].count;
			rows->list[kept].failures += rows->list[i].failures;
		} else {
			rows->list[++kept] = rows->list[i];
		}
	}
	rows->count = kept + 1;
	qsort(rows->list, rows->count, sizeof(*rows->list), by_count);
}

static int add_reports(
    struct vx_view *v, const struct vx_report_sum *s, struct rows *rows)
{
	struct vx_report_got g;
	int rc = vx_report_got_next(v, s, NULL, &g);

	for (; rc == VX_OK; rc = vx_report_got_next(v, s, g.digest, &g)) {
		json_t *j = json_object();

		(void)json_object_set_new(j, "organization", ctl_text(g.organization));
		(void)json_object_set_new(j, "id", ctl_text(g.id));
		(void)json_object_set_new(j, "contact", ctl_text(g.contact));
		set_number(j, "begin", g.begin);
		set_number(j, "end", g.end);
		set_number(j, "came", g.came);
		set_number(j, "good", g.good);
		set_number(j, "bad", g.bad);
		(void)json_array_append_new(rows->reports, j);
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int add_day(struct vx_view *v, const struct vx_report_sum *s, struct rows *rows)
{
	struct vx_report_got_row row;
	int rc = add_reports(v, s, rows);

	if (rc != VX_OK)
		return rc;
	rows->good += s->good;
	rows->bad += s->bad;
	rows->dropped += s->dropped;
	rc = vx_report_got_row_next(v, s, NULL, &row);
	for (; rc == VX_OK; rc = vx_report_got_row_next(v, s, row.digest, &row))
		if (!add_row(rows, &row))
			return VX_ENOMEM;
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int add_days(struct vx_view *v, enum vx_report_kind kind, vx_slice domain,
    uint32_t from, struct rows *rows)
{
	struct vx_report_sum s;
	int rc = vx_report_sum_next(v, NULL, &s);

	for (; rc == VX_OK; rc = vx_report_sum_next(v, &s, &s)) {
		int added = VX_OK;

		if (s.day >= from && s.kind == kind &&
		    vx_slice_eq_nocase(s.domain, domain))
			added = add_day(v, &s, rows);
		if (added != VX_OK)
			return added;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static bool is_shown(struct ctl *c, size_t i)
{
	return i < SHOWN_MAX || ctl_flag(c, "--all");
}

static void say_rest(struct ctl *c, size_t count)
{
	if (count > 0 && !is_shown(c, count - 1))
		ctl_say(c, "  and %zu more: --all shows them", count - SHOWN_MAX);
}

static json_t *show_sources(struct ctl *c, const struct rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct vx_report_got_row *r = &rows->list[i];
		const char *disposition = vx_report_disposition_name(r->disposition);
		json_t *j = json_object();

		if (is_shown(c, i))
			ctl_say(c, "  %8" PRIu64 "  %-39s  dkim %s  spf %s  %s", r->count,
			    r->source_ip, r->dkim ? "pass" : "fail",
			    r->spf ? "pass" : "fail", disposition);
		set_text(j, "source_ip", r->source_ip);
		set_number(j, "count", r->count);
		set_text(j, "dkim", r->dkim ? "pass" : "fail");
		set_text(j, "spf", r->spf ? "pass" : "fail");
		set_text(j, "disposition", disposition);
		(void)json_array_append_new(list, j);
	}
	say_rest(c, rows->count);
	return list;
}

static json_t *show_policies(struct ctl *c, const struct rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct vx_report_got_row *r = &rows->list[i];
		json_t *j;

		if (r->failure)
			continue;
		ctl_say(c, "  %-15s  %" PRIu64 " sessions succeeded, %" PRIu64 " failed",
		    vx_tls_policy_type_name(r->policy), r->count, r->failures);
		j = json_object();
		set_text(j, "policy", vx_tls_policy_type_name(r->policy));
		set_number(j, "good", r->count);
		set_number(j, "bad", r->failures);
		(void)json_array_append_new(list, j);
	}
	return list;
}

static json_t *show_failures(struct ctl *c, const struct rows *rows)
{
	char host[VX_DNS_NAME_MAX + 1], reason[VX_REPORT_NOTED_TEXT_MAX + 1];
	json_t *list = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct vx_report_got_row *r = &rows->list[i];
		json_t *j;

		if (!r->failure)
			continue;
		plain(r->hostname, host, sizeof(host));
		plain(r->reason, reason, sizeof(reason));
		if (is_shown(c, i))
			ctl_say(c, "  %8" PRIu64 "  %s  %s  %s", r->count,
			    vx_tls_failure_type_name(r->type), host, reason);
		j = json_object();
		set_text(j, "policy", vx_tls_policy_type_name(r->policy));
		set_text(j, "type", vx_tls_failure_type_name(r->type));
		(void)json_object_set_new(j, "hostname", ctl_text(r->hostname));
		(void)json_object_set_new(j, "reason", ctl_text(r->reason));
		set_number(j, "count", r->count);
		(void)json_array_append_new(list, j);
	}
	say_rest(c, rows->count);
	return list;
}

static void show_kind(struct ctl *c, enum vx_report_kind kind, struct rows *rows)
{
	const bool tls = kind == VX_REPORT_TLS;
	json_t *j = json_object();

	merge(rows);
	ctl_say(c, "%s: %zu report%s, %" PRIu64 " %s, %" PRIu64 " failed",
	    tls ? "TLS" : "DMARC", json_array_size(rows->reports),
	    json_array_size(rows->reports) == 1 ? "" : "s", rows->good,
	    tls ? "sessions succeeded" : "messages passed", rows->bad);
	if (tls) {
		(void)json_object_set_new(j, "policies", show_policies(c, rows));
		(void)json_object_set_new(j, "failures", show_failures(c, rows));
	} else {
		(void)json_object_set_new(j, "sources", show_sources(c, rows));
	}
	if (rows->dropped > 0)
		ctl_say(
		    c, "  %8" PRIu64 "  of others, beyond what is kept", rows->dropped);
	set_number(j, "good", rows->good);
	set_number(j, "bad", rows->bad);
	set_number(j, "dropped", rows->dropped);
	(void)json_object_set(j, "reports", rows->reports);
	(void)json_object_set_new(c->result, vx_report_kind_name(kind), j);
}

static int show_in(struct ctl *c, struct vx_view *v, uint32_t from)
{
	static const enum vx_report_kind kinds[] = { VX_REPORT_DMARC, VX_REPORT_TLS };
	int rc = VX_OK;

	set_text(c->result, "domain", c->args[0]);
	for (size_t i = 0; i < 2 && rc == VX_OK; i++) {
		struct rows rows = { .reports = json_array() };

		rc = add_days(v, kinds[i], vx_slice_str(c->args[0]), from, &rows);
		if (rc == VX_OK)
			show_kind(c, kinds[i], &rows);
		json_decref(rows.reports);
		vx_memory_free(rows.list);
	}
	return rc == VX_OK ? CTL_OK : damaged(c);
}

static int reports_show(struct ctl *c)
{
	struct vx_view *v;
	uint32_t from;
	int status = first_day(c, &from);

	if (status != CTL_OK)
		return status;
	if (vx_view_begin(c->store, &v) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	status = show_in(c, v, from);
	vx_view_end(v);
	return status;
}

/* --- what we send ----------------------------------------------------------------------
 */

static const char *state_of(const struct vx_report_day *d)
{
	switch (d->state) {
	case VX_REPORT_SENT:
		return "sent";
	case VX_REPORT_UNWANTED:
		return "unwanted";
	case VX_REPORT_GIVEN_UP:
		return "given-up";
	case VX_REPORT_OPEN:
		break;
	}
	return d->tries > 0 ? "put-off" : "counting";
}

static void show_day(struct ctl *c, const struct vx_report_day *d, json_t *list)
{
	char domain[VX_DNS_NAME_MAX + 1], day[16], reason[VX_REPORT_NOTED_TEXT_MAX + 1];
	json_t *j = json_object();

	day_text(d->day, day);
	plain(d->domain, domain, sizeof(domain));
	plain(d->reason, reason, sizeof(reason));
	ctl_say(c, "%s  %-5s  %-8s  %s: %" PRIu64 " %s%s%s", day,
	    vx_report_kind_name(d->kind), state_of(d), domain, d->seen,
	    d->kind == VX_REPORT_TLS ? "sessions" : "messages",
	    reason[0] == '\0' ? "" : "; ", reason);
	set_text(j, "domain", domain);
	set_text(j, "kind", vx_report_kind_name(d->kind));
	set_text(j, "day", day);
	set_text(j, "state", state_of(d));
	set_number(j, "seen", d->seen);
	set_number(j, "rows", d->rows);
	set_number(j, "dropped", d->dropped);
	set_number(j, "tries", d->tries);
	set_number(j, "due", d->due);
	set_number(j, "settled", d->settled);
	set_text(j, "reason", reason);
	(void)json_array_append_new(list, j);
}

static int reports_pending(struct ctl *c)
{
	const bool all = ctl_flag(c, "--all");
	json_t *list = json_array();
	struct vx_report_day d;
	struct vx_view *v;
	size_t count = 0;
	int rc;

	(void)json_object_set_new(c->result, "reports", list);
	if (vx_view_begin(c->store, &v) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	for (rc = vx_report_day_next(v, NULL, &d); rc == VX_OK;
	     rc = vx_report_day_next(v, &d, &d))
		if (all || d.state == VX_REPORT_OPEN) {
			show_day(c, &d, list);
			count++;
		}
	vx_view_end(v);
	if (rc != VX_ENOENT)
		return damaged(c);
	if (count == 0)
		ctl_say(c, all ? "nothing was counted" : "nothing waits to be sent");
	return CTL_OK;
}

static bool take_number(vx_slice *text, uint64_t *out)
{
	vx_slice word;

	(void)vx_slice_cut(text, '-', &word);
	return vx_slice_number(word, 9999, out) == VX_OK;
}

/* --day, else yesterday: today is not over. */
static int last_day(struct ctl *c, uint32_t *day)
{
	const char *value = ctl_option(c, "--day");
	const uint32_t today = (uint32_t)((uint64_t)time(NULL) / VX_REPORT_DAY_S);
	vx_slice text = vx_slice_str(value == NULL ? "" : value);
	uint64_t year, month, number;

	*day = today - 1;
	if (value == NULL)
		return CTL_OK;
	if (!take_number(&text, &year) || !take_number(&text, &month) ||
	    !take_number(&text, &number) || text.len > 0 || year < 1970 || month < 1 ||
	    month > 12 || number < 1 || number > 31)
		return ctl_fail(c, CTL_USAGE,
		    "--day is a date such as 2026-11-24, not \"%s\"", value);
	*day =
	    (uint32_t)(vx_civil_time(&(struct vx_civil){
			   .year = (int)year, .month = (int)month, .day = (int)number }) /
		       VX_REPORT_DAY_S);
	if (*day > today)
		return ctl_fail(c, CTL_USAGE, "%s is not here yet", value);
	if (*day == today)
		ctl_warn(c, "today is not over: what comes later is in no report");
	return CTL_OK;
}

static int reports_send_now(struct ctl *c)
{
	struct vx_report_wish_op op;
	uint64_t changed = 0;
	uint32_t day;
	int rc, status = last_day(c, &day);

	if (status != CTL_OK)
		return status;
	if (!c->config->reports_dmarc && !c->config->reports_tls)
		ctl_warn(c, "reports.dmarc and reports.tls are no: nothing is sent");
	vx_report_wish_op_init(&op);
	op.last_day = day;
	op.domain = c->arg_count > 0 ? vx_slice_str(c->args[0]) : vx_slice_of("", 0);
	do {
		rc = vx_store_run(c->store, &op.op);
		changed += rc == VX_OK ? op.changed : 0;
	} while (rc == VX_OK && op.more);
	set_number(c->result, "changed", changed);
	if (rc != VX_OK)
		return ctl_fail(
		    c, CTL_FAILED, "the reports cannot be changed: %s", vx_strerror(rc));
	ctl_say(
	    c, "%" PRIu64 " report%s due now", changed, changed == 1 ? " is" : "s are");
	return CTL_OK;
}

const struct ctl_command ctl_reports_commands[] = {
	{ "reports", "list", reports_list, NEEDS_STORE_READ, 0, 0, "[--days N]",
	    "what others reported about our domains, in short" },
	{ "reports", "show", reports_show, NEEDS_STORE_READ, 1, 1,
	    "DOMAIN [--days N] [--all]",
	    "who sent mail as this domain, and TLS with its servers" },
	{ "reports", "pending", reports_pending, NEEDS_STORE_READ, 0, 0, "[--all]",
	    "what we report to others: what is counted, and with --all what was sent" },
	{ "reports", "send-now", reports_send_now, NEEDS_STORE, 0, 1,
	    "[DOMAIN] [--day DATE]", "do not wait until a report is due" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
