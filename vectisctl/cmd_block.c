/* block: networks from which no mail is taken. */
#include "vectis/block.h"
#include "vectisctl/ctl.h"

#include <string.h>
#include <time.h>

static int parse(struct ctl *c, struct vx_network *out)
{
	char text[VX_NETWORK_TEXT_MAX + 1];
	bool exact;

	if (vx_network_parse(vx_slice_str(c->args[0]), out, &exact) != VX_OK)
		return ctl_fail(c, CTL_USAGE,
		    "%s is no network, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32",
		    c->args[0]);
	vx_network_write(out, text);
	if (!exact)
		return ctl_fail(c, CTL_USAGE, "%s is in the network %s: is that meant?",
		    c->args[0], text);
	return CTL_OK;
}

static int change(struct ctl *c, bool remove, const char *what)
{
	const char *reason = ctl_option(c, "--reason");
	struct vx_block_op op;
	int rc;

	vx_block_op_init(&op);
	op.remove = remove;
	op.block.created = (uint64_t)time(NULL);
	op.block.reason = reason == NULL ? VX_S("") : vx_slice_str(reason);
	rc = parse(c, &op.block.network);
	if (rc != CTL_OK)
		return rc;
	if (op.block.reason.len > VX_BLOCK_REASON_MAX)
		return ctl_fail(
		    c, CTL_USAGE, "a reason has at most %d octets", VX_BLOCK_REASON_MAX);
	rc = vx_store_run(c->store, &op.op);
	if (rc == VX_ELIMIT)
		return ctl_fail(
		    c, CTL_FAILED, "there are %d blocks already", VX_BLOCKS_MAX);
	return ctl_done(c, rc, what, c->args[0]);
}

static int block_add(struct ctl *c)
{
	return change(c, false, "network blocked");
}

static int block_remove(struct ctl *c)
{
	return change(c, true, "block removed");
}

static int block_list(struct ctl *c)
{
	json_t *list = json_array();
	char text[VX_NETWORK_TEXT_MAX + 1];
	struct vx_network at;
	struct vx_block b;
	struct vx_view *v;
	int rc;

	(void)json_object_set_new(c->result, "blocks", list);
	if (vx_view_begin(c->store, &v) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	rc = vx_block_next(v, NULL, &b);
	for (; rc == VX_OK; rc = vx_block_next(v, &at, &b)) {
		json_t *j = json_object();

		at = b.network;
		vx_network_write(&at, text);
		(void)json_object_set_new(j, "network", json_string(text));
		(void)json_object_set_new(j, "reason", ctl_text(b.reason));
		(void)json_object_set_new(
		    j, "created", json_integer((json_int_t)b.created));
		(void)json_array_append_new(list, j);
		ctl_say(c, "%-24s %.*s", text, (int)b.reason.len, b.reason.ptr);
	}
	vx_view_end(v);
	return rc == VX_ENOENT ? CTL_OK
			       : ctl_fail(c, CTL_FAILED, "the directory is damaged");
}

const struct ctl_command ctl_block_commands[] = {
	{ "block", "add", block_add, NEEDS_STORE, 1, 1, "NETWORK [--reason TEXT]",
	    "take no mail from there, from now on" },
	{ "block", "remove", block_remove, NEEDS_STORE, 1, 1, "NETWORK",
	    "take mail from there again" },
	{ "block", "list", block_list, NEEDS_STORE_READ, 0, 0, "",
	    "the networks that are blocked" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
