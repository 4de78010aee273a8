/*
 * DMARC with any author, identifiers and answers: nothing is asked twice, the questions
 * end, and a message passes only by something that passed and is aligned.
 *
 * The input is lines: the author domain, one with identifiers, and one for each answer
 * (its first octet is the status, "|" is between its records); then it begins anew.
 */
#include "vectis/dmarc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	IDS_MAX = 40,
	RECORDS_MAX = 10,
	TXT_MAX = 2000
};

struct dns {
	vx_slice lines, rest;
	char names[VX_DMARC_QUESTIONS_MAX][VX_DNS_NAME_MAX + 8];
	size_t count;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void asked(struct dns *dns, const struct vx_dns_question *q)
{
	char again[VX_DNS_NAME_MAX + 1];
	char *const name = dns->names[dns->count];

	must(dns->count < VX_DMARC_QUESTIONS_MAX);
	must(q->type == VX_DNS_TXT || q->type == VX_DNS_A);
	must(vx_dns_name(vx_slice_str(q->name), again) == VX_OK);
	must(strcmp(again, q->name) == 0);
	name[0] = (char)q->type;
	memcpy(name + 1, q->name, strlen(q->name) + 1);
	for (size_t i = 0; i < dns->count; i++)
		must(strcmp(dns->names[i], name) != 0);
	dns->count++;
}

/* "text|text" as TXT records of strings of at most 255 octets. */
static size_t records(vx_slice line, struct vx_buf *wire, vx_slice out[RECORDS_MAX])
{
	size_t at[RECORDS_MAX + 1], n = 0;
	bool more = true;

	while (more && n < RECORDS_MAX) {
		vx_slice one;

		more = vx_slice_cut(&line, '|', &one);
		one = vx_slice_head(one, TXT_MAX);
		at[n++] = wire->len;
		do {
			const vx_slice piece = vx_slice_head(one, 255);

			vx_buf_add_char(wire, (char)piece.len);
			vx_buf_add(wire, piece);
			one = vx_slice_from(one, 255);
		} while (one.len > 0);
	}
	at[n] = wire->len;
	for (size_t i = 0; i < n; i++)
		out[i] = vx_slice_of(wire->ptr + at[i], at[i + 1] - at[i]);
	return n;
}

static void answer(struct dns *dns, struct vx_dmarc *d, struct vx_dmarc_destinations *to,
    const struct vx_dns_question *q)
{
	struct vx_buf wire = { .max = 1 << 20 };
	struct vx_dns_answer a = { .status = VX_DNS_NO_NAME };
	vx_slice rdata[RECORDS_MAX], line;

	asked(dns, q);
	if (dns->rest.len == 0)
		dns->rest = dns->lines;
	(void)vx_slice_cut(&dns->rest, '\n', &line);
	if (line.len > 0) {
		a.status = (enum vx_dns_status)((unsigned char)line.ptr[0] % 5);
		a.rdata = rdata;
		if (a.status == VX_DNS_FOUND)
			a.count = records(vx_slice_from(line, 1), &wire, rdata);
	}
	must((d != NULL ? vx_dmarc_answer(d, &a)
			: vx_dmarc_destinations_answer(to, &a)) == VX_OK);
	vx_buf_done(&wire);
}

/* "sp example.com,..." : method, verdict, domain */
static size_t identifiers(vx_slice line, struct vx_dmarc_identifier out[IDS_MAX])
{
	size_t n = 0;
	vx_slice one;
	bool more = line.len > 0;

	while (more && n < IDS_MAX) {
		more = vx_slice_cut(&line, ',', &one);
		if (one.len < 2)
			continue;
		out[n++] = (struct vx_dmarc_identifier){
			.method = one.ptr[0] == 's' ? VX_DMARC_SPF : VX_DMARC_DKIM,
			.verdict = (enum vx_verdict)((unsigned char)one.ptr[1] % 8),
			.domain = vx_slice_from(one, 2)
		};
	}
	return n;
}

static void check(const struct vx_dmarc_result *r, const struct vx_dmarc_identifier *ids)
{
	bool spf = false, dkim = false;

	for (size_t i = 0; i < r->aligned_count; i++) {
		if (r->aligned[i] == VX_DMARC_NOT_ALIGNED)
			continue;
		must(ids[i].verdict == VX_VERDICT_PASS ||
		     ids[i].verdict == VX_VERDICT_TEMPERROR);
		if (r->aligned[i] != VX_DMARC_ALIGNED ||
		    ids[i].verdict != VX_VERDICT_PASS)
			continue;
		spf = spf || ids[i].method == VX_DMARC_SPF;
		dkim = dkim || ids[i].method == VX_DMARC_DKIM;
	}
	must(r->spf == spf && r->dkim == dkim);
	must((r->verdict == VX_VERDICT_PASS) == (spf || dkim));
	must(r->verdict == VX_VERDICT_FAIL || r->policy == VX_DMARC_NONE);
	must(r->policy != VX_DMARC_UNSET && r->published != VX_DMARC_UNSET);
	must((r->record != NULL) == (r->policy_domain[0] != '\0'));
	must(vx_dns_is_below(vx_slice_str(r->author), vx_slice_str(r->policy_domain)));
	must(vx_dns_is_below(vx_slice_str(r->author), vx_slice_str(r->organizational)));
	must(r->reason[0] != '\0' && strlen(r->reason) <= VX_DMARC_REASON_MAX);
	for (const char *c = r->reason; *c != '\0'; c++)
		must(*c >= ' ' && *c < 0x7f);
}

static void destinations(const struct vx_dmarc_result *r, vx_slice lines, bool failure)
{
	struct dns dns = { .lines = lines, .rest = lines };
	const struct vx_dmarc_uri *uris = failure ? r->record->ruf : r->record->rua;
	const size_t count = failure ? r->record->ruf_count : r->record->rua_count;
	struct vx_dmarc_destinations *to;
	struct vx_dns_question q;
	int rc;

	must(vx_dmarc_destinations_new(
		 vx_slice_str(r->policy_domain), uris, count, failure, &to) == VX_OK);
	while ((rc = vx_dmarc_destinations_next(to, &q)) == VX_WAIT)
		answer(&dns, NULL, to, &q);
	must(rc == VX_DONE);
	for (size_t i = 0; i < count; i++) {
		const struct vx_dmarc_destination *const one =
		    &vx_dmarc_destinations_result(to)[i];

		must((one->count > 0) == (one->status == VX_DMARC_TO_OWN ||
					     one->status == VX_DMARC_TO_CONFIRMED));
		for (size_t k = 0; k < one->count; k++) {
			must(vx_slice_eq(one->uris[k].host, uris[i].host));
			must(vx_slice_has_suffix(one->uris[k].address, uris[i].host));
		}
	}
	vx_dmarc_destinations_free(to);
}

static void message(vx_slice author, vx_slice ids_line, vx_slice lines)
{
	struct dns dns = { .lines = lines, .rest = lines };
	struct vx_dmarc_identifier ids[IDS_MAX];
	const struct vx_dmarc_options o = { .struct_size = sizeof(o),
		.author = author,
		.identifiers = ids,
		.identifiers_count = identifiers(ids_line, ids) };
	struct vx_dns_question q;
	struct vx_dmarc *d;
	int rc;

	if (vx_dmarc_new(&o, &d) != VX_OK)
		return;
	while ((rc = vx_dmarc_next(d, &q)) == VX_WAIT)
		answer(&dns, d, NULL, &q);
	must(rc == VX_DONE);
	check(vx_dmarc_result(d), ids);
	if (vx_dmarc_result(d)->record != NULL) {
		destinations(vx_dmarc_result(d), lines, false);
		destinations(vx_dmarc_result(d), lines, true);
	}
	vx_dmarc_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vx_arena arena = { .limit = VX_DMARC_MEMORY_MAX };
	vx_slice rest = vx_slice_of(data, size), author, ids;
	struct vx_dmarc_record record;
	struct vx_dmarc_authors authors;

	(void)vx_dmarc_record_parse(rest, &arena, &record);
	vx_arena_done(&arena);
	vx_dmarc_authors(rest, &authors);
	must((authors.from == VX_DMARC_FROM_ONE) <= (authors.count == 1));
	(void)vx_slice_cut(&rest, '\n', &author);
	(void)vx_slice_cut(&rest, '\n', &ids);
	message(author, ids, rest);
	return 0;
}
