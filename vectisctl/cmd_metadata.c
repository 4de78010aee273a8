/* metadata: what the server says of itself to IMAP clients (RFC 5464 6.2.1) */
#include "vectis/metadata.h"
#include "vectisctl/ctl.h"

#include <string.h>

static int change(struct ctl *c, vx_slice value, const char *what)
{
	const struct vx_metadata_entry e = { .name = vx_slice_str(c->args[0]),
		.value = value };
	struct vx_metadata_op op;
	int rc;

	if (!vx_metadata_name_ok(e.name) ||
	    !vx_slice_has_prefix_nocase(e.name, VX_S("/shared/")))
		return ctl_fail(c, CTL_USAGE,
		    "%s is no entry of the server: /shared/comment, /shared/admin, or "
		    "/shared/vendor/NAME/...",
		    c->args[0]);
	if (value.len > VX_METADATA_VALUE_MAX)
		return ctl_fail(c, CTL_USAGE, "a value has at most %zu octets",
		    VX_METADATA_VALUE_MAX);
	vx_metadata_op_init(&op);
	op.entries = &e;
	op.count = 1;
	rc = vx_store_run(c->store, &op.op);
	return ctl_done(c, rc, what, c->args[0]);
}

static int metadata_set(struct ctl *c)
{
	return change(c, vx_slice_str(c->args[1]), "entry set");
}

static int metadata_remove(struct ctl *c)
{
	return change(c, vx_slice_of(NULL, 0), "entry removed");
}

static int metadata_list(struct ctl *c)
{
	struct vx_metadata_entry e = { .name = VX_S("") };
	json_t *entries = json_object();
	struct vx_view *v;

	if (vx_view_begin(c->store, &v) != VX_OK) {
		json_decref(entries);
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	}
	while (vx_metadata_next(v, 0, 0, 0, e.name, &e) == VX_OK) {
		char name[VX_METADATA_NAME_MAX + 1] = { 0 };

		memcpy(name, e.name.ptr, vx_slice_head(e.name, sizeof(name) - 1).len);
		(void)json_object_set_new(entries, name, ctl_text(e.value));
		ctl_say(c, "%s %.*s", name, (int)e.value.len, e.value.ptr);
	}
	vx_view_end(v);
	(void)json_object_set_new(c->result, "entries", entries);
	return CTL_OK;
}

const struct ctl_command ctl_metadata_commands[] = {
	{ "metadata", "set", metadata_set, NEEDS_STORE, 2, 2, "ENTRY VALUE",
	    "set what IMAP clients are told of the server, such as /shared/comment" },
	{ "metadata", "remove", metadata_remove, NEEDS_STORE, 1, 1, "ENTRY",
	    "remove such an entry" },
	{ "metadata", "list", metadata_list, NEEDS_STORE_READ, 0, 0, "",
	    "list these entries" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
