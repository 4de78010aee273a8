/* bounce: how much of what our domains send comes to its recipients (OUT-19). */
#include "vectis/bounce.h"
#include "vectisctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAYS 30
#define DAY_S 86400
#define HARD_PERCENT                                                                     \
	2.0 /* from which on others think that we do not know whom we write to */

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0.0 : 100.0 * (double)part / (double)whole;
}

static void show(struct ctl *c, const struct vx_bounces *b, json_t *list)
{
	const uint64_t *n = b->counts;
	const uint64_t all = n[VX_BOUNCE_SENT] + n[VX_BOUNCE_HARD] + n[VX_BOUNCE_SOFT],
		       hard = n[VX_BOUNCE_HARD] + n[VX_BOUNCE_RETURNED_HARD],
		       soft = n[VX_BOUNCE_SOFT] + n[VX_BOUNCE_RETURNED_SOFT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "domain", json_string(b->domain));
	(void)json_object_set_new(j, "recipients", json_integer((json_int_t)all));
	(void)json_object_set_new(
	    j, "delivered", json_integer((json_int_t)n[VX_BOUNCE_SENT]));
	(void)json_object_set_new(j, "hard", json_integer((json_int_t)hard));
	(void)json_object_set_new(j, "soft", json_integer((json_int_t)soft));
	(void)json_object_set_new(j, "returned",
	    json_integer(
		(json_int_t)(n[VX_BOUNCE_RETURNED_HARD] + n[VX_BOUNCE_RETURNED_SOFT])));
	(void)json_object_set_new(j, "hard_percent", json_real(percent(hard, all)));
	(void)json_object_set_new(j, "soft_percent", json_real(percent(soft, all)));
	(void)json_object_set_new(
	    j, "high", json_boolean(percent(hard, all) >= HARD_PERCENT));
	(void)json_array_append_new(list, j);
	ctl_say(c,
	    "%-30s %8" PRIu64 " recipients, failed for good %" PRIu64 " (%.1f %%%s), "
	    "otherwise %" PRIu64 " (%.1f %%)",
	    b->domain, all, hard, percent(hard, all),
	    percent(hard, all) >= HARD_PERCENT ? ": too many" : "", soft,
	    percent(soft, all));
}

static int bounce_list(struct ctl *c)
{
	const char *given = ctl_option(c, "--days"), *only = ctl_option(c, "--domain");
	const uint32_t today = (uint32_t)(time(NULL) / DAY_S);
	struct vx_bounces b = { .domain = "" };
	json_t *list = json_array();
	uint64_t days = DAYS;
	struct vx_view *v;
	int rc;

	(void)json_object_set_new(c->result, "domains", list);
	if (given != NULL &&
	    (vx_slice_number(vx_slice_str(given), VX_BOUNCE_DAYS, &days) != VX_OK ||
		days == 0))
		return ctl_fail(c, CTL_USAGE,
		    "--days is a number from 1 to %d, not \"%s\"", VX_BOUNCE_DAYS, given);
	if (vx_view_begin(c->store, &v) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	while ((rc = vx_bounces_next(
		    v, vx_slice_str(b.domain), today + 1 - (uint32_t)days, &b)) == VX_OK)
		if (only == NULL ||
		    vx_slice_eq_nocase(vx_slice_str(only), vx_slice_str(b.domain)))
			show(c, &b, list);
	vx_view_end(v);
	(void)json_object_set_new(c->result, "days", json_integer((json_int_t)days));
	if (rc != VX_ENOENT)
		return ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
	if (json_array_size(list) == 0)
		ctl_say(c, "nothing was sent");
	return CTL_OK;
}

const struct ctl_command ctl_bounce_commands[] = {
	{ "bounce", "list", bounce_list, NEEDS_STORE_READ, 0, 0,
	    "[--days N] [--domain DOMAIN]",
	    "how much of what our domains send does not come to its recipients" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
