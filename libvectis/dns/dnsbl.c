#include "vectis/dnsbl.h"

#include "base/bytes.h"

#include <string.h>

#define LOOPBACK_FIRST 0x7f000000u /* 127.0.0.0/8 */
#define LOOPBACK_LAST 0x7fffffffu
#define LOCALHOST 0x7f000001u
#define REFUSALS_FIRST 0x7fffff00u /* 127.255.255.0/24 */

/* Four numbers with dots between them. */
static int parse_code(vx_slice text, uint32_t *out)
{
	uint32_t code = 0;

	for (size_t i = 0; i < 4; i++) {
		const size_t dot = vx_slice_find(text, '.');
		uint64_t n;

		if ((i < 3) != (dot < text.len) ||
		    vx_slice_number(vx_slice_head(text, dot), 255, &n) != VX_OK)
			return VX_EINVAL;
		code = code << 8 | (uint32_t)n;
		text = vx_slice_from(text, dot + 1);
	}
	*out = code;
	return VX_OK;
}

static int parse_range(vx_slice text, struct vx_dnsbl_range *out)
{
	const size_t dash = vx_slice_find(text, '-');
	int rc = parse_code(vx_slice_head(text, dash), &out->first);

	out->last = out->first;
	if (rc == VX_OK && dash < text.len)
		rc = parse_code(vx_slice_from(text, dash + 1), &out->last);
	if (rc == VX_OK && (out->first < LOOPBACK_FIRST || out->last > LOOPBACK_LAST ||
			       out->first > out->last))
		rc = VX_EINVAL;
	return rc;
}

static bool next_word(vx_slice *text, vx_slice *word)
{
	*text = vx_slice_trim(*text, " \t");
	if (text->len == 0)
		return false;
	(void)vx_slice_cut(text, ' ', word);
	return true;
}

int vx_dnsbl_parse(vx_slice text, struct vx_dnsbl *out)
{
	struct vx_dnsbl l = { .weight = VX_DNSBL_WEIGHT };
	uint64_t weight;
	vx_slice word;

	if (!next_word(&text, &word) || vx_dns_name(word, l.zone) != VX_OK ||
	    !vx_dns_is_host(l.zone))
		return VX_EINVAL;
	if (next_word(&text, &word)) {
		if (vx_slice_number(word, VX_DNSBL_WEIGHT_MAX, &weight) != VX_OK ||
		    weight == 0)
			return VX_EINVAL;
		l.weight = (unsigned)weight;
	}
	while (next_word(&text, &word))
		if (l.count == VX_DNSBL_CODES_MAX ||
		    parse_range(word, &l.codes[l.count++]) != VX_OK)
			return VX_EINVAL;
	*out = l;
	return VX_OK;
}

int vx_dnsbl_ask(
    const struct vx_dnsbl *l, const char *address, struct vx_dns_question *out)
{
	struct vx_dns_question q = { .type = VX_DNS_A };
	const int rc = vx_dns_reverse(address, l->zone, q.name);

	if (rc == VX_OK)
		*out = q;
	return rc;
}

static bool counts(const struct vx_dnsbl *l, uint32_t code)
{
	for (size_t i = 0; i < l->count; i++)
		if (code >= l->codes[i].first && code <= l->codes[i].last)
			return true;
	return l->count == 0;
}

static enum vx_dnsbl_verdict judge(const struct vx_dnsbl *l, vx_slice rdata)
{
	const uint32_t code = rdata.len == 4 ? vx_get_be32(rdata.ptr) : 0;

	if (code < LOOPBACK_FIRST || code > LOOPBACK_LAST)
		return VX_DNSBL_FAILED; /* a provider's page for names that are not there
					 */
	if (code == LOCALHOST || code >= REFUSALS_FIRST)
		return VX_DNSBL_REFUSED;
	return counts(l, code) ? VX_DNSBL_LISTED : VX_DNSBL_OTHER;
}

enum vx_dnsbl_verdict vx_dnsbl_read(const struct vx_dnsbl *l,
    const struct vx_dns_answer *a, char code[VX_DNS_ADDRESS_MAX + 1])
{
	/* what is worth more: a refusal speaks of all that came with it */
	static const int rank[] = { [VX_DNSBL_NOT_LISTED] = 0,
		[VX_DNSBL_OTHER] = 1,
		[VX_DNSBL_FAILED] = 2,
		[VX_DNSBL_LISTED] = 3,
		[VX_DNSBL_REFUSED] = 4 };
	enum vx_dnsbl_verdict best = VX_DNSBL_NOT_LISTED;

	if (code != NULL)
		code[0] = '\0';
	if (!vx_dns_answered(a))
		return VX_DNSBL_FAILED;
	for (size_t i = 0; i < a->count; i++) {
		const enum vx_dnsbl_verdict v = judge(l, a->rdata[i]);

		if (rank[v] <= rank[best])
			continue;
		best = v;
		if (code != NULL)
			(void)vx_dns_read_address(a->rdata[i], code);
	}
	return best;
}

const char *vx_dnsbl_verdict_name(enum vx_dnsbl_verdict v)
{
	static const char *const names[] = { [VX_DNSBL_NOT_LISTED] = "not listed",
		[VX_DNSBL_LISTED] = "listed",
		[VX_DNSBL_OTHER] = "listed for other reasons",
		[VX_DNSBL_REFUSED] = "refuses to answer",
		[VX_DNSBL_FAILED] = "does not answer" };

	return names[v];
}

bool vx_dnsbl_works(enum vx_dnsbl_verdict listed, enum vx_dnsbl_verdict not_listed)
{
	return (listed == VX_DNSBL_LISTED || listed == VX_DNSBL_OTHER) &&
	       not_listed == VX_DNSBL_NOT_LISTED;
}
