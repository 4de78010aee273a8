/*
 * DMARC's aggregate reports, read (RFC 9990 3.1.1, RFC 7489 appendix C).  One table says
 * which element stands in which, and where its text goes; others are passed over with all
 * that is in them.
 */
#include "base/encode.h"
#include "mailauth/xml.h"
#include "vectis/header.h"

#include <arpa/inet.h>
#include <stddef.h>

/* What an element is, and what it stands in. */
enum node {
	DOCUMENT,
	FEEDBACK,
	METADATA,
	DATE_RANGE,
	POLICY,
	RECORD,
	ROW,
	EVALUATED,
	REASON,
	IDENTIFIERS,
	AUTH_RESULTS,
	DKIM,
	SPF,
	NODES,
	OTHER = NODES, /* passed over */
	LEAF           /* its text is a value */
};

enum kind {
	K_NODE,
	K_TEXT,
	K_NUMBER,
	K_POLICY,
	K_STRICT,
	K_YES,
	K_DISCOVERY,
	K_PASS,
	K_DISPOSITION,
	K_OVERRIDE,
	K_VERDICT,
	K_SCOPE,
	K_ADDRESS
};

struct element {
	enum node in;
	const char *name;
	enum kind kind;
	enum node node; /* of K_NODE */
	size_t offset;  /* of a value in what "in" fills */
};

#define IN_REPORT(in, name, kind, field)                                                 \
	{                                                                                \
		in, name, kind, LEAF, offsetof(struct vx_report, field)                  \
	}
#define IN_ROW(in, name, kind, field)                                                    \
	{                                                                                \
		in, name, kind, LEAF, offsetof(struct vx_report_row, field)              \
	}
#define IN_AUTH(in, name, kind, field)                                                   \
	{                                                                                \
		in, name, kind, LEAF, offsetof(struct vx_report_auth, field)             \
	}
#define IN_REASON(name, kind, field)                                                     \
	{                                                                                \
		REASON, name, kind, LEAF, offsetof(struct vx_report_reason, field)       \
	}

static const struct element elements[] = {
	{ DOCUMENT, "feedback", K_NODE, FEEDBACK, 0 },
	{ FEEDBACK, "report_metadata", K_NODE, METADATA, 0 },
	{ FEEDBACK, "policy_published", K_NODE, POLICY, 0 },
	{ FEEDBACK, "record", K_NODE, RECORD, 0 },
	IN_REPORT(METADATA, "org_name", K_TEXT, org_name),
	IN_REPORT(METADATA, "email", K_TEXT, email),
	IN_REPORT(METADATA, "extra_contact_info", K_TEXT, extra_contact_info),
	IN_REPORT(METADATA, "report_id", K_TEXT, report_id),
	IN_REPORT(METADATA, "error", K_TEXT, error),
	IN_REPORT(METADATA, "generator", K_TEXT, generator),
	{ METADATA, "date_range", K_NODE, DATE_RANGE, 0 },
	IN_REPORT(DATE_RANGE, "begin", K_NUMBER, begin),
	IN_REPORT(DATE_RANGE, "end", K_NUMBER, end),
	IN_REPORT(POLICY, "domain", K_TEXT, domain),
	IN_REPORT(POLICY, "p", K_POLICY, p),
	IN_REPORT(POLICY, "sp", K_POLICY, sp),
	IN_REPORT(POLICY, "np", K_POLICY, np),
	IN_REPORT(POLICY, "adkim", K_STRICT, strict_dkim),
	IN_REPORT(POLICY, "aspf", K_STRICT, strict_spf),
	IN_REPORT(POLICY, "fo", K_TEXT, fo),
	IN_REPORT(POLICY, "testing", K_YES, testing),
	IN_REPORT(POLICY, "discovery_method", K_DISCOVERY, discovery),
	{ RECORD, "row", K_NODE, ROW, 0 },
	{ RECORD, "identifiers", K_NODE, IDENTIFIERS, 0 },
	{ RECORD, "auth_results", K_NODE, AUTH_RESULTS, 0 },
	IN_ROW(ROW, "source_ip", K_ADDRESS, source_ip),
	IN_ROW(ROW, "count", K_NUMBER, count),
	{ ROW, "policy_evaluated", K_NODE, EVALUATED, 0 },
	IN_ROW(EVALUATED, "disposition", K_DISPOSITION, disposition),
	IN_ROW(EVALUATED, "dkim", K_PASS, dkim),
	IN_ROW(EVALUATED, "spf", K_PASS, spf),
	{ EVALUATED, "reason", K_NODE, REASON, 0 },
	IN_REASON("type", K_OVERRIDE, type),
	IN_REASON("comment", K_TEXT, comment),
	IN_ROW(IDENTIFIERS, "header_from", K_TEXT, header_from),
	IN_ROW(IDENTIFIERS, "envelope_from", K_TEXT, envelope_from),
	IN_ROW(IDENTIFIERS, "envelope_to", K_TEXT, envelope_to),
	{ AUTH_RESULTS, "dkim", K_NODE, DKIM, 0 },
	{ AUTH_RESULTS, "spf", K_NODE, SPF, 0 },
	IN_AUTH(DKIM, "domain", K_TEXT, domain),
	IN_AUTH(DKIM, "selector", K_TEXT, selector),
	IN_AUTH(DKIM, "result", K_VERDICT, verdict),
	IN_AUTH(DKIM, "human_result", K_TEXT, human_result),
	IN_AUTH(SPF, "domain", K_TEXT, domain),
	IN_AUTH(SPF, "scope", K_SCOPE, helo),
	IN_AUTH(SPF, "result", K_VERDICT, verdict),
	IN_AUTH(SPF, "human_result", K_TEXT, human_result),
};

struct reader {
	struct vx_xml xml;
	struct vx_arena *arena;
	struct vx_report report;
	struct vx_report_row *row;
	struct vx_report_row **rows_end;
	struct vx_report_auth *auth, **auth_end;
	struct vx_report_reason *reason, **reasons_end;
	size_t auth_count, reasons_count;
	enum node open[VX_REPORT_DEPTH_MAX];
	const struct element *leaf; /* whose text is read */
	struct vx_buf text;
	vx_slice prefix;        /* of the root's name: "x:" */
	bool feedback, counted; /* the root was there; the row says how many */
	int rc;
};

static bool stop(struct reader *r, int rc)
{
	r->rc = rc;
	return false;
}

/* --- values --------------------------------------------------------------------------
 */

struct word {
	const char *text;
	int value;
};

static const struct word policies[] = { { "none", VX_DMARC_NONE },
	{ "quarantine", VX_DMARC_QUARANTINE }, { "reject", VX_DMARC_REJECT },
	{ NULL, VX_DMARC_UNSET } };
static const struct word discoveries[] = { { "psl", VX_REPORT_DISCOVERY_PSL },
	{ "treewalk", VX_REPORT_DISCOVERY_TREEWALK },
	{ NULL, VX_REPORT_DISCOVERY_UNSET } };
static const struct word dispositions[] = { { "none", VX_REPORT_NONE },
	{ "pass", VX_REPORT_PASS }, { "quarantine", VX_REPORT_QUARANTINE },
	{ "reject", VX_REPORT_REJECT }, { NULL, VX_REPORT_NONE } };
static const struct word overrides[] = { { "other", VX_REPORT_OTHER },
	{ "local_policy", VX_REPORT_LOCAL_POLICY },
	{ "mailing_list", VX_REPORT_MAILING_LIST },
	{ "policy_test_mode", VX_REPORT_TEST_MODE },
	{ "trusted_forwarder", VX_REPORT_TRUSTED_FORWARDER },
	{ "forwarded", VX_REPORT_FORWARDED }, { "sampled_out", VX_REPORT_SAMPLED_OUT },
	{ NULL, VX_REPORT_OTHER } };
/* The last three are of the drafts before RFC 7489. */
static const struct word verdicts[] = { { "none", VX_VERDICT_NONE },
	{ "pass", VX_VERDICT_PASS }, { "fail", VX_VERDICT_FAIL },
	{ "softfail", VX_VERDICT_SOFTFAIL }, { "neutral", VX_VERDICT_NEUTRAL },
	{ "policy", VX_VERDICT_POLICY }, { "temperror", VX_VERDICT_TEMPERROR },
	{ "permerror", VX_VERDICT_PERMERROR }, { "hardfail", VX_VERDICT_FAIL },
	{ "error", VX_VERDICT_TEMPERROR }, { "unknown", VX_VERDICT_PERMERROR },
	{ NULL, VX_VERDICT_NONE } };
static const struct word strictness[] = { { "r", false }, { "s", true },
	{ NULL, false } };
static const struct word yes[] = { { "n", false }, { "y", true }, { NULL, false } };
static const struct word passes[] = { { "fail", false }, { "pass", true },
	{ NULL, false } };
static const struct word scopes[] = { { "mfrom", false }, { "helo", true },
	{ NULL, false } };

/* Any case is taken, but only lower case is right. */
static int look_up(struct reader *r, vx_slice s, const struct word *words)
{
	for (; words->text != NULL; words++) {
		if (!vx_slice_eq_nocase(s, vx_slice_str(words->text)))
			continue;
		r->report.defects += !vx_slice_eq(s, vx_slice_str(words->text));
		return words->value;
	}
	r->report.defects++;
	return words->value;
}

static void set_enum(struct reader *r, char *at, vx_slice s, const struct word *words)
{
	const int value = look_up(r, s, words);

	memcpy(at, &value, sizeof(value));
}
/* ... which is one of these */
_Static_assert(sizeof(enum vx_dmarc_policy) == sizeof(int), "an enum is an int");
_Static_assert(sizeof(enum vx_verdict) == sizeof(int), "an enum is an int");
_Static_assert(sizeof(enum vx_report_override) == sizeof(int), "an enum is an int");
_Static_assert(sizeof(enum vx_report_disposition) == sizeof(int), "an enum is an int");
_Static_assert(sizeof(enum vx_report_discovery) == sizeof(int), "an enum is an int");

static void set_bool(struct reader *r, char *at, vx_slice s, const struct word *words)
{
	const bool value = look_up(r, s, words) != 0;

	memcpy(at, &value, sizeof(value));
}

static void set_number(struct reader *r, char *at, vx_slice s)
{
	uint64_t n = 0;

	if (vx_slice_number(s, INT64_MAX, &n) != VX_OK)
		r->report.defects++;
	memcpy(at, &n, sizeof(n));
}

/* As it is written by us; "": it is none. */
static void set_address(char *at, vx_slice s)
{
	unsigned char octets[16];
	char text[VX_DNS_ADDRESS_MAX + 1] = { 0 };
	vx_slice rdata = vx_slice_of(octets, 0);

	at[0] = '\0';
	if (s.len > VX_DNS_ADDRESS_MAX || s.len == 0 ||
	    memchr(s.ptr, '\0', s.len) != NULL)
		return;
	memcpy(text, s.ptr, s.len);
	if (inet_pton(AF_INET, text, octets) == 1)
		rdata.len = 4;
	else if (inet_pton(AF_INET6, text, octets) == 1)
		rdata.len = 16;
	if (rdata.len > 0 && vx_dns_read_address(rdata, text) == VX_OK)
		memcpy(at, text, sizeof(text));
}

static bool set_text(struct reader *r, char *at, vx_slice s)
{
	vx_slice copy;

	if (vx_arena_copy(r->arena, s, &copy) != VX_OK)
		return stop(r, VX_ELIMIT);
	memcpy(at, &copy, sizeof(copy));
	return true;
}

/* What the elements within "in" fill. */
static char *base_of(struct reader *r, enum node in)
{
	switch (in) {
	case ROW:
	case EVALUATED:
	case IDENTIFIERS:
		return (char *)r->row;
	case REASON:
		return (char *)r->reason;
	case DKIM:
	case SPF:
		return (char *)r->auth;
	case DOCUMENT:
	case FEEDBACK:
	case METADATA:
	case DATE_RANGE:
	case POLICY:
	case RECORD:
	case AUTH_RESULTS:
	case OTHER:
	case LEAF:
		break;
	}
	return (char *)&r->report;
}

static bool set_value(struct reader *r, const struct element *e, vx_slice s)
{
	char *const at = base_of(r, e->in) + e->offset;

	switch (e->kind) {
	case K_NODE:
		break;
	case K_TEXT:
		return set_text(r, at, s);
	case K_NUMBER:
		r->counted = r->counted || e->in == ROW;
		set_number(r, at, s);
		break;
	case K_POLICY:
		set_enum(r, at, s, policies);
		break;
	case K_STRICT:
		set_bool(r, at, s, strictness);
		break;
	case K_YES:
		set_bool(r, at, s, yes);
		break;
	case K_DISCOVERY:
		set_enum(r, at, s, discoveries);
		break;
	case K_PASS:
		set_bool(r, at, s, passes);
		break;
	case K_DISPOSITION:
		set_enum(r, at, s, dispositions);
		break;
	case K_OVERRIDE:
		set_enum(r, at, s, overrides);
		break;
	case K_VERDICT:
		set_enum(r, at, s, verdicts);
		break;
	case K_SCOPE:
		set_bool(r, at, s, scopes);
		break;
	case K_ADDRESS:
		set_address(at, s);
		break;
	}
	return true;
}

/* --- elements ------------------------------------------------------------------------
 */

/*
 * The element's own name.  One with another prefix than the root is of an extension
 * (RFC 9990 5): empty.
 */
static vx_slice own_name(const struct reader *r, vx_slice name)
{
	if (!vx_slice_has_prefix(name, r->prefix))
		return vx_slice_of(NULL, 0);
	name = vx_slice_from(name, r->prefix.len);
	return vx_slice_find(name, ':') < name.len ? vx_slice_of(NULL, 0) : name;
}

static const struct element *find(const struct reader *r, enum node in, vx_slice name)
{
	name = own_name(r, name);
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		if (elements[i].in == in &&
		    vx_slice_eq(name, vx_slice_str(elements[i].name)))
			return &elements[i];
	return NULL;
}

static bool begin_row(struct reader *r)
{
	if (r->report.rows_count == VX_REPORT_ROWS_MAX)
		return stop(r, VX_ELIMIT);
	r->row = vx_arena_alloc(r->arena, sizeof(*r->row));
	if (r->row == NULL)
		return stop(r, VX_ELIMIT);
	r->auth_end = &r->row->auth;
	r->reasons_end = &r->row->reasons;
	r->auth_count = r->reasons_count = 0;
	r->counted = false;
	return true;
}

/* A row without an address or a count says nothing. */
static void end_row(struct reader *r)
{
	if (r->row->source_ip[0] == '\0' || !r->counted) {
		r->report.defects++;
		return;
	}
	*r->rows_end = r->row;
	r->rows_end = &r->row->next;
	r->report.rows_count++;
}

static bool begin_auth(struct reader *r, enum vx_dmarc_method method)
{
	r->auth = vx_arena_alloc(r->arena, sizeof(*r->auth));
	if (r->auth == NULL)
		return stop(r, VX_ELIMIT);
	r->auth->method = method;
	return true;
}

static void end_auth(struct reader *r)
{
	if (r->auth_count == VX_REPORT_AUTH_MAX) {
		r->report.defects++;
		return;
	}
	r->auth_count++;
	*r->auth_end = r->auth;
	r->auth_end = &r->auth->next;
}

static bool begin_reason(struct reader *r)
{
	r->reason = vx_arena_alloc(r->arena, sizeof(*r->reason));
	return r->reason != NULL || stop(r, VX_ELIMIT);
}

static void end_reason(struct reader *r)
{
	if (r->reasons_count == VX_REPORT_REASONS_MAX) {
		r->report.defects++;
		return;
	}
	/* some write an empty one where there is none */
	if (r->reason->type == VX_REPORT_OTHER && r->reason->comment.len == 0)
		return;
	r->reasons_count++;
	*r->reasons_end = r->reason;
	r->reasons_end = &r->reason->next;
}

static bool begin(struct reader *r)
{
	const size_t depth = r->xml.depth - 1;
	const enum node in = depth == 0 ? DOCUMENT : r->open[depth - 1];
	const size_t colon = vx_slice_find(r->xml.name, ':');
	const struct element *e;
	enum node node;

	if (depth == 0 && colon < r->xml.name.len)
		r->prefix = vx_slice_head(r->xml.name, colon + 1);
	e = in < NODES ? find(r, in, r->xml.name) : NULL;
	node = e == NULL ? OTHER : e->node;
	r->open[depth] = node;
	r->feedback = r->feedback || node == FEEDBACK;
	if (node == LEAF) {
		r->leaf = e;
		vx_buf_reset(&r->text);
	} else if (node == RECORD) {
		return begin_row(r);
	} else if (node == DKIM || node == SPF) {
		return begin_auth(r, node == DKIM ? VX_DMARC_DKIM : VX_DMARC_SPF);
	} else if (node == REASON) {
		return begin_reason(r);
	}
	return true;
}

static bool end(struct reader *r)
{
	const enum node node = r->open[r->xml.depth];
	const vx_slice value = vx_slice_trim(vx_buf_slice(&r->text), " \t\r\n");

	if (node == LEAF) {
		if (r->text.failed)
			return stop(r, VX_ELIMIT);
		return set_value(r, r->leaf, value);
	}
	if (node == RECORD)
		end_row(r);
	else if (node == DKIM || node == SPF)
		end_auth(r);
	else if (node == REASON)
		end_reason(r);
	return true;
}

/* --- the document --------------------------------------------------------------------
 */

/* VX_OK; VX_ESYNTAX with err. */
static int finish(struct reader *r, struct vx_error *err)
{
	if (!r->feedback)
		return vx_error_set(err, VX_ESYNTAX, "the element is no \"feedback\"");
	if (r->report.domain.len == 0)
		return vx_error_set(err, VX_ESYNTAX, "there is no domain of a policy");
	if (r->report.end == 0 || r->report.end < r->report.begin)
		return vx_error_set(err, VX_ESYNTAX, "there is no range of time");
	r->report.defects += r->report.p == VX_DMARC_UNSET;
	r->report.defects += r->report.report_id.len == 0;
	r->report.defects += r->report.rows == NULL;
	return VX_OK;
}

static int read_all(struct reader *r, struct vx_error *err)
{
	bool good = true;

	while (good) {
		switch (vx_xml_next(&r->xml)) {
		case VX_XML_START:
			good = begin(r);
			break;
		case VX_XML_TEXT:
			if (r->open[r->xml.depth - 1] == LEAF)
				vx_buf_add(&r->text, r->xml.text);
			break;
		case VX_XML_END:
			good = end(r);
			break;
		case VX_XML_DONE:
			return finish(r, err);
		case VX_XML_BROKEN:
			(void)vx_error_set(err, r->xml.limit ? VX_ELIMIT : VX_ESYNTAX,
			    "%s", r->xml.problem);
			vx_error_at(err, "", vx_xml_line(&r->xml), 0);
			return r->xml.limit ? VX_ELIMIT : VX_ESYNTAX;
		}
	}
	(void)vx_error_set(err, r->rc, "%s", vx_strerror(r->rc));
	vx_error_at(err, "", vx_xml_line(&r->xml), 0);
	return r->rc;
}

/* The value of "encoding" in the declaration at the beginning; empty: none. */
static vx_slice declared(vx_slice xml)
{
	vx_slice s = vx_slice_trim(vx_slice_head(xml, 200), " \t\r\n");
	char quote;

	if (!vx_slice_has_prefix(s, VX_S("<?xml")))
		return vx_slice_of(NULL, 0);
	s = vx_slice_head(s, vx_slice_find_slice(s, VX_S("?>")));
	s = vx_slice_from(s, vx_slice_find_slice(s, VX_S("encoding")) + 8);
	s = vx_slice_trim(s, " \t\r\n=");
	if (s.len < 2 || (*s.ptr != '"' && *s.ptr != '\''))
		return vx_slice_of(NULL, 0);
	quote = *s.ptr;
	s = vx_slice_from(s, 1);
	return vx_slice_head(s, vx_slice_find(s, quote));
}

static bool is_control(char c)
{
	return vx_is(c, VX_C_CTL) && c != '\t' && c != '\r' && c != '\n' && c != 0x7f;
}

/* In UTF-8, and without octets that XML does not have; else why not. */
static const char *to_utf8(vx_slice *xml, struct vx_buf *decoded)
{
	vx_slice charset = vx_slice_of(NULL, 0);

	if (vx_slice_has_prefix(*xml, VX_S("\xff\xfe")) ||
	    vx_slice_has_prefix(*xml, VX_S("\xfe\xff")))
		charset = VX_S("UTF-16");
	else
		charset = declared(*xml);
	/* one that begins with the mark of UTF-8 is that, whatever it says */
	if (vx_slice_has_prefix(*xml, VX_S("\xef\xbb\xbf")))
		charset.len = 0;
	if (charset.len > 0 && !vx_slice_eq_nocase(charset, VX_S("UTF-8"))) {
		if (!vx_charset_decode(charset, *xml, decoded) || decoded->failed)
			return "its encoding is not known";
		*xml = vx_buf_slice(decoded);
	}
	if (vx_slice_has_prefix(*xml, VX_S("\xef\xbb\xbf")))
		*xml = vx_slice_from(*xml, 3);
	if (!vx_utf8_valid(*xml))
		return "octets that are not UTF-8";
	for (size_t i = 0; i < xml->len; i++)
		if (is_control(xml->ptr[i]))
			return "control characters";
	return NULL;
}

int vx_report_parse(
    vx_slice xml, struct vx_arena *arena, struct vx_report *out, struct vx_error *err)
{
	struct vx_buf decoded = { .max = 4 * VX_REPORT_OCTETS_MAX };
	struct reader r = { .arena = arena, .text = { .max = VX_REPORT_TEXT_MAX } };
	const char *problem;
	int rc;

	if (xml.len > VX_REPORT_OCTETS_MAX)
		return vx_error_set(err, VX_ELIMIT, "a report of more than %zu octets",
		    VX_REPORT_OCTETS_MAX);
	problem = to_utf8(&xml, &decoded);
	if (problem == NULL) {
		vx_xml_init(&r.xml, xml);
		r.rows_end = &r.report.rows;
		rc = read_all(&r, err);
	} else {
		rc = vx_error_set(err, VX_ESYNTAX, "%s", problem);
	}
	if (rc == VX_OK)
		*out = r.report;
	vx_buf_done(&decoded);
	vx_buf_done(&r.text);
	return rc;
}
