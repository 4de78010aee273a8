/* Whose message it says it is (RFC 9989 5.3.1 and 11.5). */
#include "vectis/address.h"
#include "vectis/dmarc.h"
#include "vectis/header.h"

enum {
	FIELD_MEMORY_MAX = 1 << 20,
};

struct from {
	struct vx_dmarc_authors *out;
	size_t fields, bad;
};

static void add(struct from *f, vx_slice domain)
{
	struct vx_dmarc_authors *const out = f->out;
	struct vx_buf text = { .max = VX_DNS_NAME_MAX };
	char name[VX_DNS_NAME_MAX + 1];

	if (vx_domain_normalise(domain, &text) != VX_OK ||
	    vx_dns_name(vx_buf_slice(&text), name) != VX_OK) {
		f->bad++;
		vx_buf_done(&text);
		return;
	}
	vx_buf_done(&text);
	for (size_t i = 0; i < out->count; i++)
		if (strcmp(out->domains[i], name) == 0)
			return;
	if (out->count == VX_DMARC_AUTHORS_MAX)
		out->more = true;
	else
		memcpy(out->domains[out->count++], name, sizeof(name));
}

static void add_field(struct from *f, vx_slice value)
{
	struct vx_arena arena = { .limit = FIELD_MEMORY_MAX };
	struct vx_address *a;

	if (vx_address_parse(value, &arena, &a) != VX_OK)
		f->out->more = true;
	for (; a != NULL; a = a->next)
		if (a->kind == VX_ADDRESS_MAILBOX)
			add(f, a->domain);
	vx_arena_done(&arena);
}

void vx_dmarc_authors(vx_slice header, struct vx_dmarc_authors *out)
{
	struct from f = { .out = out };
	struct vx_field field;

	*out = (struct vx_dmarc_authors){ .from = VX_DMARC_FROM_ONE };
	while (vx_field_next(&header, &field)) {
		if (!vx_slice_eq_nocase(field.name, VX_S("From")))
			continue;
		/* the others are counted, and their work is bounded */
		if (f.fields++ < VX_DMARC_AUTHORS_MAX)
			add_field(&f, field.value);
		else
			out->more = true;
	}
	if (f.fields > 1)
		out->from = VX_DMARC_FROM_FIELDS;
	else if (f.bad > 0)
		out->from = VX_DMARC_FROM_BAD;
	else if (out->count > 1 || out->more)
		out->from = VX_DMARC_FROM_SEVERAL;
	else if (out->count == 0)
		out->from = VX_DMARC_FROM_NONE;
}
