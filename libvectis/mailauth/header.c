#include "mailauth/header.h"

#include "base/chars.h"
#include "base/mem.h"

/* Without regard to case; only to pass over other names quickly. */
static uint32_t hash(vx_slice name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)vx_lower(name.ptr[i])) * 16777619u;
	return h;
}

static size_t count_fields(vx_slice block)
{
	struct vx_field f;
	size_t n = 0;

	while (n <= VX_DKIM_FIELDS_MAX && vx_field_next(&block, &f))
		n += !f.bad;
	return n;
}

int vx_mail_header_init(struct vx_mail_header *h, vx_slice block)
{
	const size_t count = count_fields(block);
	struct vx_field f;

	*h = (struct vx_mail_header){
		.open = block.len > 0 && vx_is(block.ptr[0], VX_C_WSP),
		.too_long =
		    count > VX_DKIM_FIELDS_MAX || block.len > VX_DKIM_HEADER_OCTETS_MAX,
	};
	if (count == 0)
		return VX_OK;
	h->fields = vx_alloc_array(count, sizeof(*h->fields));
	if (h->fields == NULL)
		return VX_ENOMEM;
	while (h->count < count && h->count < VX_DKIM_FIELDS_MAX &&
	       vx_field_next(&block, &f))
		if (!f.bad)
			h->fields[h->count++] = (struct vx_mail_field){ f, hash(f.name) };
	return VX_OK;
}

void vx_mail_header_done(struct vx_mail_header *h)
{
	vx_free(h->fields);
	*h = (struct vx_mail_header){ 0 };
}

static bool is_named(const struct vx_mail_field *f, vx_slice name, uint32_t name_hash)
{
	return f->hash == name_hash && vx_slice_eq_nocase(f->f.name, name);
}

size_t vx_mail_header_count(const struct vx_mail_header *h, const char *name)
{
	const vx_slice wanted = vx_slice_str(name);
	const uint32_t wanted_hash = hash(wanted);
	size_t n = 0;

	for (size_t i = 0; i < h->count; i++)
		n += is_named(&h->fields[i], wanted, wanted_hash);
	return n;
}

void vx_mail_pick_init(
    struct vx_mail_pick *p, const struct vx_mail_header *h, const struct vx_field *self)
{
	*p = (struct vx_mail_pick){ .header = h };
	for (size_t i = 0; self != NULL && i < h->count; i++)
		if (h->fields[i].f.whole.ptr == self->whole.ptr)
			p->taken[i / 8] = (uint8_t)(p->taken[i / 8] | 1u << i % 8);
}

const struct vx_field *vx_mail_pick_next(struct vx_mail_pick *p, vx_slice name)
{
	const uint32_t name_hash = hash(name);

	for (size_t i = p->header->count; i-- > 0;) {
		const struct vx_mail_field *const f = &p->header->fields[i];

		if (!is_named(f, name, name_hash) || (p->taken[i / 8] >> i % 8 & 1) != 0)
			continue;
		p->taken[i / 8] = (uint8_t)(p->taken[i / 8] | 1u << i % 8);
		return &f->f;
	}
	return NULL;
}
