/*
 * The search index: values as the file has them, with right seals and any content, and
 * the rule that a needle's patterns must be among the terms of every text that has it.
 */
#include "store/search_format.h"

#include "base/mem.h"
#include "vectis/header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static char key[9];
#define KEY vx_slice_of(key, sizeof(key))

static vx_slice seal(vx_slice in, char type, char **copy)
{
	const size_t len = VX_VALUE_HEADER + in.len;

	*copy = calloc(1, len);
	must(*copy != NULL);
	if (in.len > 2)
		memcpy(*copy + 2, in.ptr, 2); /* two octets of a value's own */
	if (in.len > 0)
		memcpy(*copy + VX_VALUE_HEADER, in.ptr, in.len);
	key[4] = type;
	vx_search_seal(KEY, *copy, len);
	return vx_slice_of(*copy, len);
}

/* Both readings of a posting agree. */
static void posting(const struct vx_posting *p, uint32_t docs)
{
	uint64_t *bits = calloc(vx_words(docs) + 1, sizeof(*bits));
	uint32_t *list = calloc((size_t)docs + 1, sizeof(*list));
	size_t count = 0;

	must(bits != NULL && list != NULL);
	if (p->form != VX_POSTING_APART && vx_posting_mark(p, docs, bits) == VX_OK) {
		must(vx_posting_list(p, docs, list, &count) == VX_OK && count <= docs);
		for (size_t i = 0; i < count; i++)
			must((bits[list[i] / 64] >> list[i] % 64 & 1) != 0 &&
			     (i == 0 || list[i] > list[i - 1]));
	} else if (p->form != VX_POSTING_APART) {
		(void)vx_posting_list(p, docs, list, &count);
	}
	free(bits);
	free(list);
}

static void dict(vx_slice in)
{
	struct vx_pattern p = { .octets = { '\0', 'A' }, .len = 2 };
	struct vx_posting out;
	struct vx_dict d;
	char *copy;

	if (vx_dict_read(KEY, seal(in, VX_SEARCH_DICT, &copy), &d) == VX_OK) {
		(void)vx_pattern_find(d.terms, 0, &p);
		while (d.postings.len > 0 && vx_posting_next(&d.postings, &out))
			posting(&out, 300);
	}
	free(copy);
}

static void others(vx_slice in)
{
	const struct vx_pattern p = { .octets = "ABCD", .len = 4 };
	struct vx_search_segment s;
	struct vx_search_docs docs;
	struct vx_posting out;
	vx_slice zones[VX_ZONES];
	char *copy;
	size_t count;
	bool wild;

	(void)vx_segment_read(KEY, seal(in, VX_SEARCH_SEGMENT, &copy), &s);
	free(copy);
	if (vx_docs_read(KEY, seal(in, VX_SEARCH_DOCS, &copy), &docs) == VX_OK) {
		for (uint32_t i = 1; i < docs.count; i++)
			must(docs.blobs[i] > docs.blobs[i - 1]);
		vx_docs_done(&docs);
	}
	free(copy);
	(void)vx_list_read(KEY, seal(in, VX_SEARCH_LIST, &copy), zones, &wild);
	free(copy);
	if (vx_posting_read(KEY, seal(in, VX_SEARCH_POSTING, &copy), &out) == VX_OK)
		posting(&out, 1000);
	free(copy);
	in = seal(in, VX_SEARCH_FILTER, &copy);
	if (vx_filter_read(KEY, in, &count) == VX_OK)
		for (size_t i = 0; i < count; i++)
			(void)vx_filter_may_have(in, i, &p);
	free(copy);
}

static void add_term(void *ctx, vx_slice term)
{
	must(term.len > 0 && term.len <= VX_TERM_MAX);
	vx_buf_add(ctx, term);
	vx_buf_add_char(ctx, '\0');
}

/* needle LF text */
static void terms(vx_slice in)
{
	struct vx_buf needle = { .max = 1 << 20 }, text = { .max = 1 << 20 },
		      flat = { .max = 1 << 20 };
	struct vx_needle_plan plan;
	bool all = true, has;
	vx_slice part;

	(void)vx_slice_cut(&in, '\n', &part);
	vx_text_fold(part, &needle);
	vx_text_fold(in, &text);
	vx_buf_add_char(&flat, '\0');
	must(vx_terms_of(vx_buf_slice(&text), add_term, &flat) == VX_OK);
	must(vx_needle_plan(vx_buf_slice(&needle), &plan) == VX_OK);
	for (size_t i = 0; i < plan.count; i++)
		all = all && vx_pattern_find(vx_buf_slice(&flat), 0, &plan.patterns[i]) <
				 flat.len;
	has = needle.len == 0 ||
	      (text.len >= needle.len &&
		  memmem(text.ptr, text.len, needle.ptr, needle.len) != NULL);
	if (!flat.failed) {
		must(!has || all);
		must(!plan.exact || has == all);
	}
	vx_buf_done(&needle);
	vx_buf_done(&text);
	vx_buf_done(&flat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice in = vx_slice_of(data, size);

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'D':
		dict(vx_slice_from(in, 1));
		break;
	case 'T':
		terms(vx_slice_from(in, 1));
		break;
	default:
		others(vx_slice_from(in, 1));
	}
	return 0;
}
