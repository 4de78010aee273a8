#include "service/own_srs.h"

#include "base/mem.h"

void vx_own_srs_secret(struct vx_store *store, char out[VX_SHA256_OCTETS])
{
	char secret[VX_STORE_SECRET_OCTETS];

	vx_store_secret(store, secret);
	vx_hmac_sha256(vx_slice_of(secret, sizeof(secret)), VX_S("srs"), out);
	vx_wipe(secret, sizeof(secret));
}

int vx_own_srs_reverse(
    struct vx_store *store, int64_t now_s, vx_slice path, struct vx_buf *out)
{
	char octets[VX_SHA256_OCTETS];
	const vx_slice secret = vx_slice_of(octets, sizeof(octets));
	const struct vx_srs_options o = {
		.struct_size = sizeof(o), .secrets = &secret, .secrets_count = 1
	};
	int rc;

	if (!vx_srs_is_rewritten(path))
		return VX_ENOENT;
	vx_own_srs_secret(store, octets);
	rc = vx_srs_reverse(&o, path, now_s, out);
	vx_wipe(octets, sizeof(octets));
	return rc == VX_OK ? VX_OK : VX_ENOENT;
}

int vx_own_bounce_goes(struct vx_view *v, vx_slice path, char delimiter,
    struct vx_arena *arena, vx_slice *to, struct vx_resolved *out)
{
	struct vx_list list;
	int rc = vx_directory_list(v, path, &list);

	if (rc != VX_OK || (list.flags & VX_LIST_GROUP) != 0) {
		*to = path;
		return vx_directory_person(v, path, delimiter, arena, out);
	}
	rc = vx_directory_list_owner(v, &list, delimiter, arena, out);
	return rc == VX_OK ? vx_arena_copy(arena, list.owner, to) : rc;
}
