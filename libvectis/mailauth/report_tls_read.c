/*
 * Reports of SMTP's TLS, read (RFC 8460 4.4).  One table says which name stands in which
 * object, and where its value goes; others are passed over with all that is in them.
 */
#include "base/encode.h"
#include "mailauth/json.h"
#include "vectis/date.h"
#include "vectis/report.h"

#include <stddef.h>

/* What an object or an array is. */
enum node {
	DOCUMENT,
	REPORT,
	RANGE,
	POLICIES,
	ENTRY,
	POLICY,
	LINES,
	SUMMARY,
	DETAILS,
	DETAIL,
	OTHER /* passed over */
};

enum kind {
	K_OBJECT,
	K_ARRAY,
	K_LINES, /* an array of strings, or a string */
	K_TEXT,
	K_TIME,
	K_COUNT,
	K_POLICY_TYPE,
	K_FAILURE_TYPE
};

struct member {
	enum node in;
	const char *name;
	enum kind kind;
	enum node node; /* of an object or array */
	size_t offset;  /* of a value in what "in" fills */
};

#define VALUE(in, name, kind, type, field)                                               \
	{                                                                                \
		in, name, kind, OTHER, offsetof(struct type, field)                      \
	}

static const struct member members[] = {
	VALUE(REPORT, "organization-name", K_TEXT, vx_tls_report, organization),
	VALUE(REPORT, "contact-info", K_TEXT, vx_tls_report, contact),
	VALUE(REPORT, "report-id", K_TEXT, vx_tls_report, report_id),
	{ REPORT, "date-range", K_OBJECT, RANGE, 0 },
	{ REPORT, "policies", K_ARRAY, POLICIES, 0 },
	VALUE(RANGE, "start-datetime", K_TIME, vx_tls_report, begin),
	VALUE(RANGE, "end-datetime", K_TIME, vx_tls_report, end),
	{ ENTRY, "policy", K_OBJECT, POLICY, 0 },
	{ ENTRY, "summary", K_OBJECT, SUMMARY, 0 },
	{ ENTRY, "failure-details", K_ARRAY, DETAILS, 0 },
	VALUE(POLICY, "policy-type", K_POLICY_TYPE, vx_tls_policy, type),
	{ POLICY, "policy-string", K_LINES, LINES,
	    offsetof(struct vx_tls_policy, lines) },
	VALUE(POLICY, "policy-domain", K_TEXT, vx_tls_policy, domain),
	{ POLICY, "mx-host", K_LINES, LINES, offsetof(struct vx_tls_policy, mx_hosts) },
	VALUE(
	    SUMMARY, "total-successful-session-count", K_COUNT, vx_tls_policy, successes),
	VALUE(SUMMARY, "total-failure-session-count", K_COUNT, vx_tls_policy, failures),
	VALUE(DETAIL, "result-type", K_FAILURE_TYPE, vx_tls_failure, type),
	VALUE(DETAIL, "sending-mta-ip", K_TEXT, vx_tls_failure, sending_ip),
	VALUE(
	    DETAIL, "receiving-mx-hostname", K_TEXT, vx_tls_failure, receiving_hostname),
	VALUE(DETAIL, "receiving-mx-helo", K_TEXT, vx_tls_failure, receiving_helo),
	VALUE(DETAIL, "receiving-ip", K_TEXT, vx_tls_failure, receiving_ip),
	VALUE(DETAIL, "failed-session-count", K_COUNT, vx_tls_failure, count),
	VALUE(DETAIL, "additional-information", K_TEXT, vx_tls_failure,
	    additional_information),
	VALUE(DETAIL, "failure-reason-code", K_TEXT, vx_tls_failure, reason_code),
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))
_Static_assert(MEMBERS <= 64, "one bit for each in the set of what was seen");
_Static_assert(sizeof(enum vx_tls_policy_type) == sizeof(int), "an enum is an int");
_Static_assert(sizeof(enum vx_tls_failure_type) == sizeof(int), "an enum is an int");

struct reader {
	struct vx_json json;
	struct vx_arena *arena;
	struct vx_tls_report report;
	struct vx_tls_policy *policy, **policies_end;
	struct vx_tls_failure *failure, **failures_end;
	struct vx_report_line **lines_end;
	size_t policies_count, failures_count, lines_count;
	enum node open[VX_REPORT_DEPTH_MAX + 1]; /* the first is DOCUMENT */
	uint64_t seen[VX_REPORT_DEPTH_MAX + 1];
	size_t depth;
	const struct member *member; /* whose value is next; NULL: passed over */
	bool begin, end;             /* both times were there */
	const char *problem;
	int rc;
};

static bool stop(struct reader *r, int rc, const char *problem)
{
	r->rc = rc;
	r->problem = problem;
	return false;
}

/* --- values --------------------------------------------------------------------------
 */

static bool two_digits(struct vx_cursor *c, int max, int *out)
{
	int n = 0;

	for (int i = 0; i < 2; i++, c->p++) {
		if (vx_cur_end(c) || !vx_is(*c->p, VX_C_DIGIT))
			return false;
		n = n * 10 + (*c->p - '0');
	}
	*out = n;
	return n <= max;
}

/* "Z", "+01:00" */
static bool time_offset(struct vx_cursor *c, int *minutes)
{
	const bool minus = vx_cur_peek(c) == '-';
	int h, m;

	if (vx_cur_char(c, 'Z') || vx_cur_char(c, 'z')) {
		*minutes = 0;
		return true;
	}
	if (!vx_cur_char(c, '+') && !vx_cur_char(c, '-'))
		return false;
	if (!two_digits(c, 23, &h) || !vx_cur_char(c, ':') || !two_digits(c, 59, &m))
		return false;
	*minutes = minus ? -(h * 60 + m) : h * 60 + m;
	return true;
}

/* date-time of RFC 3339 5.6 */
static bool date_time(vx_slice s, int64_t *out)
{
	struct vx_cursor c = vx_cursor_of(s);
	struct vx_civil t = { 0 };
	int century, year;

	if (!two_digits(&c, 99, &century) || !two_digits(&c, 99, &year) ||
	    !vx_cur_char(&c, '-') || !two_digits(&c, 12, &t.month) ||
	    !vx_cur_char(&c, '-') || !two_digits(&c, 31, &t.day) ||
	    !(vx_cur_char(&c, 'T') || vx_cur_char(&c, 't') || vx_cur_char(&c, ' ')) ||
	    !two_digits(&c, 23, &t.hour) || !vx_cur_char(&c, ':') ||
	    !two_digits(&c, 59, &t.minute) || !vx_cur_char(&c, ':') ||
	    !two_digits(&c, 60, &t.second))
		return false;
	if (vx_cur_char(&c, '.') && vx_cur_run(&c, VX_C_DIGIT).len == 0)
		return false;
	if (!time_offset(&c, &t.zone) || !vx_cur_end(&c) || t.month == 0 || t.day == 0)
		return false;
	t.year = century * 100 + year;
	*out = vx_civil_time(&t);
	return true;
}

static int policy_type(struct reader *r, vx_slice s)
{
	for (int i = VX_TLS_POLICY_NONE; i <= VX_TLS_POLICY_TLSA; i++)
		if (vx_slice_eq(s, vx_slice_str(vx_tls_policy_type_name(
				       (enum vx_tls_policy_type)i))))
			return i;
	r->report.defects++;
	return VX_TLS_POLICY_NONE;
}

static int failure_type(struct reader *r, vx_slice s)
{
	for (int i = 0; i <= VX_TLS_STS_WEBPKI_INVALID; i++)
		if (vx_slice_eq(s, vx_slice_str(vx_tls_failure_type_name(
				       (enum vx_tls_failure_type)i))))
			return i;
	r->report.defects++;
	return VX_TLS_VALIDATION_FAILURE;
}

static char *base_of(struct reader *r, enum node in)
{
	if (in == POLICY || in == SUMMARY)
		return (char *)r->policy;
	if (in == DETAIL)
		return (char *)r->failure;
	return (char *)&r->report;
}

static bool add_line(struct reader *r)
{
	struct vx_report_line *line;

	if (r->lines_count == VX_REPORT_LINES_MAX) {
		r->report.defects++;
		return true;
	}
	line = vx_arena_alloc(r->arena, sizeof(*line));
	if (line == NULL || vx_arena_copy(r->arena, r->json.text, &line->text) != VX_OK)
		return stop(r, VX_ELIMIT, "too much memory");
	r->lines_count++;
	*r->lines_end = line;
	r->lines_end = &line->next;
	return true;
}

static void begin_lines(struct reader *r, const struct member *m)
{
	r->lines_end = (struct vx_report_line **)(void *)(base_of(r, m->in) + m->offset);
	r->lines_count = 0;
}

static bool set_text(struct reader *r, char *at)
{
	vx_slice copy;

	if (vx_arena_copy(r->arena, r->json.text, &copy) != VX_OK)
		return stop(r, VX_ELIMIT, "too much memory");
	memcpy(at, &copy, sizeof(copy));
	return true;
}

static bool set_string(struct reader *r, const struct member *m)
{
	char *const at = base_of(r, m->in) + m->offset;
	int64_t t;
	int n;

	switch (m->kind) {
	case K_TEXT:
		return set_text(r, at);
	case K_LINES:
		begin_lines(r, m);
		return add_line(r);
	case K_TIME:
		if (!date_time(r->json.text, &t))
			break;
		memcpy(at, &t, sizeof(t));
		if (m->offset == offsetof(struct vx_tls_report, begin))
			r->begin = true;
		else
			r->end = true;
		return true;
	case K_POLICY_TYPE:
		n = policy_type(r, r->json.text);
		memcpy(at, &n, sizeof(n));
		return true;
	case K_FAILURE_TYPE:
		n = failure_type(r, r->json.text);
		memcpy(at, &n, sizeof(n));
		return true;
	case K_OBJECT:
	case K_ARRAY:
	case K_COUNT:
		break;
	}
	r->report.defects++;
	return true;
}

static bool string(struct reader *r)
{
	const enum node in = r->open[r->depth];

	if (in == LINES)
		return add_line(r);
	if (r->member != NULL)
		return set_string(r, r->member);
	r->report.defects += in == POLICIES || in == DETAILS;
	return true;
}

static void number(struct reader *r)
{
	const struct member *const m = r->member;
	uint64_t n;

	if (m == NULL)
		return;
	if (m->kind == K_COUNT && vx_slice_number(r->json.text, INT64_MAX, &n) == VX_OK)
		memcpy(base_of(r, m->in) + m->offset, &n, sizeof(n));
	else
		r->report.defects++;
}

/* --- objects and arrays --------------------------------------------------------------
 */

static bool name(struct reader *r)
{
	const enum node in = r->open[r->depth];

	r->member = NULL;
	for (size_t i = 0; i < MEMBERS; i++) {
		if (members[i].in != in ||
		    !vx_slice_eq(r->json.text, vx_slice_str(members[i].name)))
			continue;
		if ((r->seen[r->depth] >> i & 1) != 0)
			return stop(r, VX_ESYNTAX, "a name is there twice");
		r->seen[r->depth] |= UINT64_C(1) << i;
		r->member = &members[i];
	}
	return true;
}

/* What an object or array is that begins here. */
static enum node kind_of(struct reader *r, bool object)
{
	const enum node in = r->open[r->depth];
	const struct member *const m = r->member;

	if (in == DOCUMENT)
		return object ? REPORT : OTHER;
	if (in == POLICIES && object)
		return ENTRY;
	if (in == DETAILS && object)
		return DETAIL;
	if (m != NULL &&
	    (object ? m->kind == K_OBJECT : m->kind == K_ARRAY || m->kind == K_LINES))
		return m->node;
	r->report.defects += m != NULL || in == POLICIES || in == DETAILS || in == LINES;
	return OTHER;
}

static bool begin(struct reader *r, bool object)
{
	const enum node node = kind_of(r, object);

	if (node == ENTRY) {
		r->policy = r->policies_count++ < VX_REPORT_POLICIES_MAX
				? vx_arena_alloc(r->arena, sizeof(*r->policy))
				: NULL;
		if (r->policy == NULL)
			return stop(r, VX_ELIMIT, "too many policies");
		r->failures_end = &r->policy->details;
	} else if (node == DETAIL) {
		r->failure = r->failures_count++ < VX_REPORT_FAILURES_MAX
				 ? vx_arena_alloc(r->arena, sizeof(*r->failure))
				 : NULL;
		if (r->failure == NULL)
			return stop(r, VX_ELIMIT, "too many failures");
	} else if (node == LINES) {
		begin_lines(r, r->member);
	}
	r->open[++r->depth] = node;
	r->seen[r->depth] = 0;
	r->member = NULL;
	return true;
}

static void end(struct reader *r)
{
	const enum node node = r->open[r->depth--];

	r->member = NULL;
	if (node == ENTRY) {
		r->report.defects += r->policy->domain.len == 0;
		*r->policies_end = r->policy;
		r->policies_end = &r->policy->next;
	} else if (node == DETAIL) {
		*r->failures_end = r->failure;
		r->failures_end = &r->failure->next;
	}
}

/* --- the document --------------------------------------------------------------------
 */

static bool finish(struct reader *r)
{
	r->report.defects += r->report.organization.len == 0;
	r->report.defects += r->report.report_id.len == 0;
	if (r->report.policies == NULL)
		return stop(r, VX_ESYNTAX, "there are no policies");
	if (!r->begin || !r->end || r->report.end < r->report.begin)
		return stop(r, VX_ESYNTAX, "there is no range of time");
	return true;
}

/* VX_OK, or VX_ESYNTAX, VX_ELIMIT with a problem. */
static int read_all(struct reader *r)
{
	bool good = true;

	while (good) {
		switch (vx_json_next(&r->json)) {
		case VX_JSON_OBJECT:
			good = begin(r, true);
			break;
		case VX_JSON_ARRAY:
			good = begin(r, false);
			break;
		case VX_JSON_OBJECT_END:
		case VX_JSON_ARRAY_END:
			end(r);
			break;
		case VX_JSON_NAME:
			good = name(r);
			break;
		case VX_JSON_STRING:
			good = string(r);
			break;
		case VX_JSON_NUMBER:
			number(r);
			break;
		case VX_JSON_WORD:
			r->report.defects += r->member != NULL;
			break;
		case VX_JSON_DONE:
			return finish(r) ? VX_OK : r->rc;
		case VX_JSON_BROKEN:
			(void)stop(
			    r, r->json.limit ? VX_ELIMIT : VX_ESYNTAX, r->json.problem);
			good = false;
			break;
		}
	}
	return r->rc;
}

int vx_tls_report_parse(vx_slice json, struct vx_arena *arena, struct vx_tls_report *out,
    struct vx_error *err)
{
	struct reader r = { .arena = arena };
	int rc;

	if (json.len > VX_REPORT_OCTETS_MAX)
		return vx_error_set(err, VX_ELIMIT, "a report of more than %zu octets",
		    VX_REPORT_OCTETS_MAX);
	if (vx_slice_has_prefix(json, VX_S("\xef\xbb\xbf")))
		json = vx_slice_from(json, 3);
	if (!vx_utf8_valid(json))
		return vx_error_set(err, VX_ESYNTAX, "octets that are not UTF-8");
	vx_json_init(&r.json, json);
	r.policies_end = &r.report.policies;
	rc = read_all(&r);
	if (rc == VX_OK) {
		*out = r.report;
	} else {
		(void)vx_error_set(err, rc, "%s", r.problem);
		vx_error_at(err, "", vx_json_line(&r.json), 0);
	}
	vx_json_done(&r.json);
	return rc;
}
