#include "zone/zone_check.h"

#include <stdio.h>

static vx_slice field(vx_slice *line)
{
	vx_slice f;

	(void)vx_slice_cut(line, '|', &f);
	return vx_slice_trim(f, " ");
}

static uint32_t read_number(vx_slice text)
{
	uint64_t n = 0;

	vxt_assert_ok(vx_slice_number(text, UINT32_MAX, &n));
	return (uint32_t)n;
}

void zone_check_read(struct vx_zone *z, const char *text)
{
	vx_slice rest = vx_slice_str(text), line, name, type;
	struct vx_arena a;

	vx_arena_init(&a, 1 << 20);
	vx_zone_init(z);
	while (rest.len > 0) {
		struct vx_zone_record r = { .comment = "" };
		char id[16];
		vx_slice content, flag;

		(void)vx_slice_cut(&rest, '\n', &line);
		if (line.len == 0)
			continue;
		content = field(&line);
		(void)vx_slice_cut(&content, ' ', &name);
		(void)vx_slice_cut(&content, ' ', &type);
		(void)snprintf(id, sizeof(id), "r%zu", z->count);
		r.name = vx_arena_dup(&a, name);
		r.type = vx_arena_dup(&a, type);
		r.content = vx_arena_dup(&a, content);
		r.id = id;
		while (line.len > 0) {
			flag = field(&line);
			if (vx_slice_eq(flag, VX_S("proxied")))
				r.proxied = true;
			else if (vx_slice_eq(flag, VX_S("locked")))
				r.locked = true;
			else if (vx_slice_has_prefix(flag, VX_S("ttl=")))
				r.ttl = read_number(vx_slice_from(flag, 4));
			else
				r.comment = vx_arena_dup(&a, flag);
		}
		vxt_assert_ok(vx_zone_add(z, &r));
	}
	vx_arena_done(&a);
}

void zone_check_write(const struct vx_zone_diff *d, struct vx_buf *out)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct vx_zone_change *c = &d->changes[i];
		const bool to = c->verb == VX_ZONE_ADD || c->verb == VX_ZONE_CHANGE ||
				c->verb == VX_ZONE_MERGE || c->have == NULL;
		const struct vx_zone_record *r = to ? &c->to : c->have;

		if (c->verb != VX_ZONE_KEEP)
			vx_buf_printf(out, "%s%s %s %s %s\n", c->taken ? "take-" : "",
			    vx_zone_verb_name(c->verb), r->name, r->type, r->content);
	}
}

void zone_check_apply(
    const struct vx_zone *have, const struct vx_zone_diff *d, struct vx_zone *out)
{
	vx_zone_init(out);
	for (size_t k = 0; k < have->count; k++) {
		struct vx_zone_record r = have->records[k];
		bool goes = false;

		for (size_t i = 0; i < d->count; i++) {
			const struct vx_zone_change *c = &d->changes[i];

			if (c->have != &have->records[k])
				continue;
			goes = c->verb == VX_ZONE_REMOVE;
			if (c->verb == VX_ZONE_CHANGE || c->verb == VX_ZONE_MERGE) {
				r = c->to;
				r.id = have->records[k].id;
			}
		}
		if (!goes)
			vxt_assert_ok(vx_zone_add(out, &r));
	}
	for (size_t i = 0; i < d->count; i++)
		if (d->changes[i].verb == VX_ZONE_ADD)
			vxt_assert_ok(vx_zone_add(out, &d->changes[i].to));
}

struct vx_zone_wish zone_check_wish(void)
{
	static const char *const addresses[] = { "192.0.2.1", "2001:DB8:0::1" };
	struct vx_zone_wish w = { .struct_size = sizeof(w),
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 2 };

	return w;
}
