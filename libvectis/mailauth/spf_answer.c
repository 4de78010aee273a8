/* What the DNS said, and what that means for the term that asked (RFC 7208 4.4, 4.5, 5).
 */
#include "mailauth/spf_int.h"

static bool is_void(const struct vx_dns_answer *a)
{
	return a->status == VX_DNS_NODATA || a->status == VX_DNS_NO_NAME || a->count == 0;
}

static void dns_failed(struct vx_spf *s, const struct vx_dns_answer *a)
{
	vx_spf_fail(s, VX_VERDICT_TEMPERROR, "%s %s: %s",
	    vx_dns_type_name(s->question.type), s->question.name,
	    a->status == VX_DNS_BOGUS ? "the DNS answer is forged or its signature broken"
				      : "the DNS gives no answer");
}

/* --- records (4.5) ----------------------------------------------------------------- */

/* The first octets of the strings of a TXT record; how many it has in all. */
static size_t txt_head(vx_slice rdata, char *out, size_t max)
{
	size_t total = 0;

	while (rdata.len > 0) {
		const size_t len = (unsigned char)rdata.ptr[0];
		const vx_slice string = vx_slice_head(vx_slice_from(rdata, 1), len);
		const vx_slice head =
		    vx_slice_head(string, total < max ? max - total : 0);

		if (head.len > 0)
			memcpy(out + total, head.ptr, head.len);
		total += string.len;
		rdata = vx_slice_from(rdata, string.len + 1);
	}
	return total;
}

static bool is_record(vx_slice rdata, size_t *len)
{
	char head[7];

	*len = txt_head(rdata, head, sizeof(head));
	return *len >= 6 && vx_slice_eq_nocase(vx_slice_of(head, 6), VX_S("v=spf1")) &&
	       (*len == 6 || head[6] == ' ');
}

/* How many records there are: 0, 1 or 2 for more; the last one. */
static size_t select_records(
    const struct vx_dns_answer *a, vx_slice *record, size_t *record_len)
{
	size_t n = 0, len;

	for (size_t i = 0; i < a->count && n < 2; i++)
		if (is_record(a->rdata[i], &len)) {
			*record = a->rdata[i];
			*record_len = len;
			n++;
		}
	return n;
}

static void no_record(struct vx_spf *s, const struct vx_dns_answer *a)
{
	const bool is_first = s->depth == 1 && !s->frames[0].redirected;

	vx_spf_fail(s, is_first ? VX_VERDICT_NONE : VX_VERDICT_PERMERROR,
	    a->status == VX_DNS_NO_NAME ? "%s does not exist" : "%s has no SPF record",
	    vx_spf_top(s)->domain);
}

/* VX_OK, or VX_ENOMEM with text as it was. */
static int add_txt(struct vx_spf *s, vx_slice rdata, size_t len)
{
	if (vx_buf_reserve(&s->text, len) == NULL) {
		s->text.failed = false;
		return VX_ENOMEM;
	}
	return vx_dns_read_txt(rdata, &s->text);
}

static int on_record(struct vx_spf *s, const struct vx_dns_answer *a)
{
	vx_slice record = VX_S("");
	size_t n, len = 0;
	int rc;

	if (!vx_dns_answered(a)) {
		dns_failed(s, a);
		return VX_OK;
	}
	n = select_records(a, &record, &len);
	if (n == 0) {
		no_record(s, a);
		return VX_OK;
	}
	if (n > 1 || len > VX_SPF_RECORD_MAX) {
		vx_spf_fail(s, VX_VERDICT_PERMERROR,
		    n > 1 ? "%s has more than one SPF record"
			  : "the SPF record of %s is too long",
		    vx_spf_top(s)->domain);
		return VX_OK;
	}
	rc = add_txt(s, record, len);
	if (rc == VX_ENOMEM)
		return rc;
	if (rc == VX_OK)
		vx_spf_enter_record(s);
	else
		no_record(s, a);
	return VX_OK;
}

/* --- addresses --------------------------------------------------------------------- */

static bool has_client(struct vx_spf *s, const struct vx_dns_answer *a, unsigned prefix)
{
	for (size_t i = 0; i < a->count; i++)
		if (vx_spf_is_client(s, a->rdata[i], prefix))
			return true;
	return false;
}

/* Of a, mx, exists: false when it is over. */
static bool is_usable(struct vx_spf *s, const struct vx_dns_answer *a)
{
	if (!vx_dns_answered(a)) {
		dns_failed(s, a);
		return false;
	}
	return !is_void(a) || vx_spf_count_void(s);
}

static void on_address(struct vx_spf *s, const struct vx_dns_answer *a)
{
	if (is_usable(s, a))
		vx_spf_decide(
		    s, has_client(s, a, s->ipv6 ? s->term.prefix6 : s->term.prefix4));
}

static void on_exists(struct vx_spf *s, const struct vx_dns_answer *a)
{
	if (is_usable(s, a))
		vx_spf_decide(s, !is_void(a));
}

static void on_mx_address(struct vx_spf *s, const struct vx_dns_answer *a)
{
	if (is_usable(s, a) &&
	    has_client(s, a, s->ipv6 ? s->term.prefix6 : s->term.prefix4))
		vx_spf_decide(s, true);
}

static void on_mx(struct vx_spf *s, const struct vx_dns_answer *a)
{
	struct vx_dns_mx mx;

	if (!is_usable(s, a))
		return;
	if (a->count > VX_SPF_MX_MAX) {
		vx_spf_fail(s, VX_VERDICT_PERMERROR,
		    "%s: \"%.*s\" is of more than %d mail exchangers",
		    vx_spf_top(s)->domain, (int)s->term.text.len, s->term.text.ptr,
		    VX_SPF_MX_MAX);
		return;
	}
	s->mx_known = true;
	s->mx_at = 0;
	for (s->mx_count = 0; s->mx_count < a->count; s->mx_count++) {
		if (vx_dns_read_mx(a->rdata[s->mx_count], &mx) != VX_OK)
			mx.host[0] = '\0';
		memcpy(s->mx[s->mx_count].name, mx.host, sizeof(mx.host));
	}
}

/* --- the client's names: a failure is as good as nothing (5.5) --------------------- */

static void on_ptr(struct vx_spf *s, const struct vx_dns_answer *a)
{
	s->ptr_known = true;
	for (size_t i = 0; i < a->count && i < VX_SPF_PTR_MAX; i++) {
		struct vx_spf_name *const n = &s->ptr[s->ptr_count];

		if (vx_dns_read_name(a->rdata[i], n->name) == VX_OK && n->name[0] != '\0')
			s->ptr_count++;
	}
	/* the names' addresses are not counted: their owner is not the record's */
	if (vx_dns_answered(a) && is_void(a) && s->phase == VX_SPF_THIS_TERM &&
	    s->term.kind == VX_SPF_PTR)
		(void)vx_spf_count_void(s);
}

static void on_ptr_address(struct vx_spf *s, const struct vx_dns_answer *a)
{
	s->ptr[s->ptr_at].state =
	    has_client(s, a, s->ipv6 ? 128 : 32) ? VX_SPF_VALID : VX_SPF_INVALID;
}

/* --- exp= -------------------------------------------------------------------------- */

static int on_explanation(struct vx_spf *s, const struct vx_dns_answer *a)
{
	const size_t len = a->count == 1 ? txt_head(a->rdata[0], NULL, 0) : 0;
	int rc;

	s->phase = VX_SPF_OVER;
	if (len == 0 || len > VX_SPF_RECORD_MAX)
		return VX_OK;
	vx_buf_truncate(&s->text, 0);
	rc = add_txt(s, a->rdata[0], len);
	if (rc == VX_ENOMEM)
		s->phase = VX_SPF_EXPLAIN;
	else if (rc == VX_OK &&
		 vx_spf_is_explanation(vx_buf_slice(&s->text), &s->explanation_macros))
		s->phase = VX_SPF_EXPLAIN_TEXT;
	return rc == VX_ENOMEM ? rc : VX_OK;
}

static int take(struct vx_spf *s, enum vx_spf_ask asked, const struct vx_dns_answer *a)
{
	switch (asked) {
	case VX_SPF_ASK_NOTHING:
		return VX_ESTATE;
	case VX_SPF_ASK_RECORD:
		return on_record(s, a);
	case VX_SPF_ASK_ADDRESS:
		on_address(s, a);
		return VX_OK;
	case VX_SPF_ASK_EXISTS:
		on_exists(s, a);
		return VX_OK;
	case VX_SPF_ASK_MX:
		on_mx(s, a);
		return VX_OK;
	case VX_SPF_ASK_MX_ADDRESS:
		on_mx_address(s, a);
		return VX_OK;
	case VX_SPF_ASK_PTR:
		on_ptr(s, a);
		return VX_OK;
	case VX_SPF_ASK_PTR_ADDRESS:
		on_ptr_address(s, a);
		return VX_OK;
	case VX_SPF_ASK_EXPLANATION:
		return on_explanation(s, a);
	}
	return VX_ESTATE;
}

int vx_spf_answer(struct vx_spf *s, const struct vx_dns_answer *answer)
{
	const struct vx_dns_answer none = { .status = answer->status };
	const enum vx_spf_ask asked = s->asked;
	int rc;

	s->asked = VX_SPF_ASK_NOTHING;
	rc = take(s, asked, answer->status == VX_DNS_FOUND ? answer : &none);
	if (rc != VX_OK)
		s->asked = asked;
	return rc;
}
