/* search */
#include "vectis/search.h"
#include "vectisctl/ctl.h"

static int search_status(struct ctl *c)
{
	struct vx_search_status st;
	const bool wanted = c->config->search_index != 0;

	if (vx_search_status(c->store, &st) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	(void)json_object_set_new(c->result, "enabled", json_boolean(wanted));
	(void)json_object_set_new(c->result, "present", json_boolean(st.present));
	(void)json_object_set_new(c->result, "indexing", json_boolean(st.indexing));
	{
		const struct {
			const char *name;
			uint64_t value;
		} rows[] = { { "messages", st.messages }, { "pending", st.pending },
			{ "segments", st.segments }, { "octets", st.octets } };

		ctl_say(c, "%-16s %s", "index",
		    !wanted          ? "off (search.index)"
		    : !st.present    ? "not there yet"
		    : !st.indexing   ? "nobody keeps it: is imapd running?"
		    : st.pending > 0 ? "being built"
				     : "complete");
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			(void)json_object_set_new(c->result, rows[i].name,
			    json_integer((json_int_t)rows[i].value));
			ctl_say(c, "%-16s %llu", rows[i].name,
			    (unsigned long long)rows[i].value);
		}
	}
	return CTL_OK;
}

static int search_rebuild(struct ctl *c)
{
	if (vx_search_rebuild(c->store) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the index cannot be deleted");
	ctl_say(c, "the index was deleted; imapd makes a new one");
	return CTL_OK;
}

const struct ctl_command ctl_search_commands[] = {
	{ "search", "status", search_status, NEEDS_STORE, 0, 0, "",
	    "how far the search index has come" },
	{ "search", "rebuild", search_rebuild, NEEDS_STORE, 0, 0, "",
	    "have the search index made anew" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
