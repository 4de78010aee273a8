#include "mailauth/dmarc_walk.h"

void vx_dmarc_dns_init(struct vx_dmarc_dns *dns)
{
	dns->count = 0;
	vx_arena_init(&dns->arena, VX_DMARC_MEMORY_MAX);
}

void vx_dmarc_dns_done(struct vx_dmarc_dns *dns)
{
	vx_arena_done(&dns->arena);
}

/* The question without an answer is always the last. */
static bool waiting(const struct vx_dmarc_dns *dns)
{
	return dns->count > 0 && !dns->asked[dns->count - 1].answered;
}

int vx_dmarc_dns_next(const struct vx_dmarc_dns *dns, struct vx_dns_question *question)
{
	if (!waiting(dns))
		return VX_OK;
	*question = dns->asked[dns->count - 1].question;
	return VX_WAIT;
}

static bool has_addresses(const struct vx_dmarc_record *r)
{
	return r->rua_count > 0 || r->ruf_count > 0;
}

/* One TXT record: it may be about anything. */
static int read_record(
    struct vx_dmarc_asked *asked, struct vx_arena *arena, struct vx_buf *text)
{
	struct vx_dmarc_record record;
	const int rc = vx_dmarc_record_parse(vx_buf_slice(text), arena, &record);

	if (rc != VX_OK)
		return rc == VX_EINVAL ? VX_OK : VX_ENOMEM;
	if (asked->records == 0 || !has_addresses(&asked->record))
		asked->record = record;
	asked->records++;
	return VX_OK;
}

static int read_records(struct vx_dmarc_asked *asked, struct vx_arena *arena,
    const struct vx_dns_answer *answer)
{
	struct vx_buf text = { .max = UINT16_MAX }; /* as long as rdata can be */
	int rc = VX_OK;

	for (size_t i = 0; i < answer->count && i < VX_DMARC_RECORDS_MAX && rc == VX_OK;
	     i++) {
		vx_buf_reset(&text);
		if (vx_dns_read_txt(answer->rdata[i], &text) != VX_OK)
			continue;
		rc = text.failed ? VX_ENOMEM : read_record(asked, arena, &text);
	}
	vx_buf_done(&text);
	return rc;
}

int vx_dmarc_dns_answer(struct vx_dmarc_dns *dns, const struct vx_dns_answer *answer)
{
	struct vx_dmarc_asked *last, asked;
	int rc = VX_OK;

	if (!waiting(dns))
		return VX_ESTATE;
	last = &dns->asked[dns->count - 1];
	asked = *last;
	asked.answered = true;
	asked.failed = !vx_dns_answered(answer);
	asked.exists = answer->status != VX_DNS_NO_NAME;
	if (answer->status == VX_DNS_FOUND && asked.question.type == VX_DNS_TXT)
		rc = read_records(&asked, &dns->arena, answer);
	if (rc == VX_OK)
		*last = asked;
	return rc;
}

int vx_dmarc_dns_ask(struct vx_dmarc_dns *dns, enum vx_dns_type type, const char *prefix,
    vx_slice name, const struct vx_dmarc_asked **out)
{
	static const struct vx_dmarc_asked nothing = { .answered = true };
	struct vx_dns_question q;

	if (vx_dns_ask(type, prefix, name, &q) != VX_OK) {
		*out = &nothing;
		return VX_OK;
	}
	for (size_t i = 0; i < dns->count; i++) {
		const struct vx_dmarc_asked *const a = &dns->asked[i];

		if (a->question.type == type && strcmp(a->question.name, q.name) == 0) {
			*out = a;
			return a->answered ? VX_OK : VX_WAIT;
		}
	}
	if (dns->count >= VX_DMARC_QUESTIONS_MAX)
		return VX_ELIMIT;
	dns->asked[dns->count++] = (struct vx_dmarc_asked){ .question = q };
	return VX_WAIT;
}

/* --- the tree walk -------------------------------------------------------------------
 */

/* The target after the first one: VX_DMARC_WALK_MAX questions in all (4.10 step 4). */
static vx_slice second_target(vx_slice name)
{
	const size_t labels = vx_dns_labels(name);

	return vx_dns_parent(
	    name, labels < VX_DMARC_WALK_MAX ? 1 : labels - (VX_DMARC_WALK_MAX - 1));
}

/* The name that is one label longer than zone, which name is below. */
static vx_slice one_below(vx_slice name, vx_slice zone)
{
	return vx_dns_parent(name, vx_dns_labels(name) - vx_dns_labels(zone) - 1);
}

/*
 * What a record at target says about name (4.10.2); *at: where the last record was, and
 * *found it.  True: nothing above matters.
 */
static bool consider(vx_slice name, vx_slice target, const struct vx_dmarc_record *record,
    struct vx_dmarc_walk *w)
{
	const bool start = target.len == name.len;

	if (record->psd == VX_DMARC_PSD_Y && !start) {
		const vx_slice org = one_below(name, target);

		/* only a record of the organization itself counts before this one */
		if (w->policy == NULL || w->policy_domain.len != org.len) {
			w->policy = record;
			w->policy_domain = target;
		}
		w->organizational = org;
		return true;
	}
	w->policy = record;
	w->policy_domain = target;
	w->organizational = target;
	return record->psd != VX_DMARC_PSD_U;
}

int vx_dmarc_walk(struct vx_dmarc_dns *dns, vx_slice name, struct vx_dmarc_walk *out)
{
	struct vx_dmarc_walk w = { .organizational = name };
	vx_slice target = name;
	bool stop = false;

	while (target.len > 0 && !stop) {
		const struct vx_dmarc_asked *asked;
		const int rc =
		    vx_dmarc_dns_ask(dns, VX_DNS_TXT, "_dmarc", target, &asked);

		if (rc != VX_OK)
			return rc;
		if (asked->failed)
			return VX_ETEMP;
		/* several records are as good as none (step 2) */
		if (asked->records == 1)
			stop = consider(name, target, &asked->record, &w);
		target = target.len == name.len ? second_target(name)
						: vx_dns_parent(target, 1);
	}
	*out = w;
	return VX_OK;
}

int vx_dmarc_same_organization(
    struct vx_dmarc_dns *dns, vx_slice name, vx_slice organizational)
{
	struct vx_dmarc_walk w;
	int rc;

	if (!vx_dns_is_below(name, organizational))
		return VX_OK;
	rc = vx_dmarc_walk(dns, name, &w);
	if (rc != VX_OK)
		return rc;
	return vx_slice_eq(w.organizational, organizational) ? VX_DONE : VX_OK;
}
