/* Zones: records with their text. */
#include "base/mem.h"
#include "vectis/zone.h"
#include "zone/content.h"

#include "base/chars.h"

void vx_zone_init(struct vx_zone *z)
{
	*z = (struct vx_zone){ .count = 0 };
	vx_arena_init(&z->arena, VX_ZONE_OCTETS_MAX);
}

void vx_zone_done(struct vx_zone *z)
{
	vx_free(z->records);
	vx_arena_done(&z->arena);
	vx_zone_init(z);
}

bool vx_zone_is_ours(const struct vx_zone_record *r)
{
	return vx_slice_has_prefix(vx_slice_str(r->comment), VX_S(VX_ZONE_MARK));
}

bool vx_zone_dkim_key(vx_slice record, struct vx_buf *out)
{
	vx_slice tag, name;

	while (record.len > 0) {
		(void)vx_slice_cut(&record, ';', &tag);
		(void)vx_slice_cut(&tag, '=', &name);
		if (!vx_slice_eq(vx_slice_trim(name, " \t"), VX_S("p")))
			continue;
		for (size_t i = 0; i < tag.len; i++)
			if (tag.ptr[i] != ' ' && tag.ptr[i] != '\t')
				vx_buf_add_char(out, tag.ptr[i]);
		return true;
	}
	return false;
}

static bool has_room(struct vx_zone *z)
{
	size_t room = z->room == 0 ? 64 : z->room * 2;
	struct vx_zone_record *more;

	if (z->count < z->room)
		return true;
	if (room > VX_ZONE_RECORDS_MAX)
		room = VX_ZONE_RECORDS_MAX;
	if (z->count >= room)
		return false;
	more = vx_realloc(z->records, room * sizeof(*more));
	if (more == NULL)
		return false;
	z->records = more;
	z->room = room;
	return true;
}

/* Types are letters and digits; what else comes is not worth a record. */
static char *copy_type(struct vx_arena *a, const char *type)
{
	char *copy = vx_arena_dup(a, vx_slice_str(type));

	for (char *c = copy; c != NULL && *c != '\0'; c++)
		*c = vx_upper(*c);
	return copy;
}

static char *copy_content(struct vx_arena *a, const char *type, const char *text)
{
	struct vx_buf content = { .max = VX_ZONE_CONTENT_MAX };
	char *copy = NULL;

	if (vx_zone_content(type, vx_slice_str(text), &content) == VX_OK &&
	    !content.failed)
		copy = vx_arena_dup(a, vx_buf_slice(&content));
	else
		copy = vx_arena_dup(
		    a, vx_slice_head(vx_slice_str(text), VX_ZONE_CONTENT_MAX));
	vx_buf_done(&content);
	return copy;
}

int vx_zone_add(struct vx_zone *z, const struct vx_zone_record *r)
{
	char name[VX_DNS_NAME_MAX + 1];
	struct vx_zone_record copy = *r;

	if (vx_dns_name(vx_slice_str(r->name), name) != VX_OK)
		return VX_EINVAL;
	if (!has_room(z))
		return VX_ELIMIT;
	copy.name = vx_arena_dup(&z->arena, vx_slice_str(name));
	copy.type = copy_type(&z->arena, r->type);
	copy.content =
	    copy.type == NULL ? NULL : copy_content(&z->arena, copy.type, r->content);
	copy.comment = vx_arena_dup(
	    &z->arena, vx_slice_head(vx_slice_str(r->comment), VX_ZONE_COMMENT_MAX));
	copy.id = vx_arena_dup(&z->arena, vx_slice_str(r->id));
	if (copy.name == NULL || copy.type == NULL || copy.content == NULL ||
	    copy.comment == NULL || copy.id == NULL)
		return VX_ELIMIT;
	z->records[z->count++] = copy;
	return VX_OK;
}
