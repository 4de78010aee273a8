/*
 * A hostile Cloudflare: the input is a task, and answers that are separated by NUL; the
 * first octet of each is its status.  Requests stay in their form, tasks come to an end,
 * and of the records that were told only ours and SPF are ever changed.
 */
#include "vectis/cloudflare.h"

#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MAX 2000

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_request(const struct vx_cf_request *r)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%?&=/:";
	const char *rest = r->url + strlen("https://a.test");

	check(strncmp(r->url, "https://a.test/", 15) == 0);
	check(strspn(r->url, allowed) == strlen(r->url));
	/* no answer leads us elsewhere */
	check(strstr(rest, "..") == NULL && strstr(rest, "//") == NULL);
	check(strcmp(r->authorization, "Bearer t") == 0);
}

static void check_diff(
    const struct vx_zone_plan *p, const struct vx_zone *z, unsigned flags)
{
	struct vx_zone_diff *d = calloc(1, sizeof(*d));
	size_t work = 0;

	check(d != NULL);
	if (vx_zone_diff(p, z, flags, d) == VX_OK) {
		for (size_t i = 0; i < d->count; i++) {
			const struct vx_zone_change *c = &d->changes[i];
			const bool spf = c->have != NULL &&
					 strncasecmp(c->have->content, "v=spf1", 6) == 0;
			const bool changes = c->verb == VX_ZONE_CHANGE ||
					     c->verb == VX_ZONE_MERGE ||
					     c->verb == VX_ZONE_REMOVE;

			/* of the declared backup, the preference */
			const bool backup = c->verb == VX_ZONE_MERGE &&
					    strcmp(c->have->type, "MX") == 0 &&
					    strcmp(strrchr(c->have->content, ' '),
						strrchr(c->to.content, ' ')) == 0;

			check(!changes || vx_zone_is_ours(c->have) || spf || c->taken ||
			      backup);
			check(!changes || !c->have->locked ||
			      (flags & VX_ZONE_UNLOCK) != 0);
			check(!c->taken || (flags & VX_ZONE_TAKE) != 0);
			check(c->why != NULL);
			work += changes || c->verb == VX_ZONE_ADD;
		}
		check(work == d->work);
	}
	vx_zone_diff_done(d);
	free(d);
}

/* What is led to proxies has a target within its record, and the way out is in the zone.
 */
static void check_tangles(const struct vx_zone_plan *p, const struct vx_zone *z)
{
	struct vx_zone_tangle t[VX_ZONE_TANGLES_MAX];
	const size_t n = vx_zone_find_tangles(z, t);
	char name[VX_DNS_NAME_MAX + 1];

	for (size_t i = 0; i < n; i++)
		check(t[i].target > t[i].have->content &&
		      t[i].target <= t[i].have->content + strlen(t[i].have->content));
	if (vx_zone_open_name(p, z, name) == VX_OK)
		check(vx_dns_is_below(vx_slice_str(name), vx_slice_str("example.net")));
}

static void check_backup(const struct vx_cf *cf)
{
	enum vx_cf_todo todo[VX_CF_TODO_MAX];

	check(vx_cf_backup_todo(vx_cf_backup(cf), "a@b.test", false, todo) <=
	      VX_CF_TODO_MAX);
	check(vx_cf_backup_todo(vx_cf_backup(cf), NULL, false, todo) <= VX_CF_TODO_MAX);
}

#define BACKUP_TASKS 250 /* and those behind it */

static void begin_backup(struct vx_cf *cf, unsigned task)
{
	const char *to = (task & 1) != 0 ? "a@b.test" : NULL;
	const int rc = task < BACKUP_TASKS + 2
			   ? vx_cf_ask_backup(cf, "example.net", to)
			   : vx_cf_set_backup(cf, "example.net", to, task >= 254);

	check(rc == VX_OK);
}

static void begin(struct vx_cf *cf, unsigned task, const struct vx_zone_plan *p)
{
	int rc;

	if (task >= BACKUP_TASKS) {
		begin_backup(cf, task);
		return;
	}
	switch (task % 7) {
	case 0:
		rc = vx_cf_check(cf, "example.net");
		break;
	case 1:
		rc = vx_cf_load(cf, "example.net");
		break;
	case 2:
		rc = vx_cf_export(cf, "example.net");
		break;
	case 3:
		rc = vx_cf_txt_set(cf, "_acme-challenge.example.net", VX_S("x"));
		break;
	case 4:
		rc = vx_cf_txt_remove(cf, "_acme-challenge.example.net", VX_S("x"));
		break;
	case 5:
		rc = vx_cf_ask_state(cf, "example.net");
		break;
	default:
		rc = vx_cf_apply(cf, p, (task / 7) & 7);
		break;
	}
	check(rc == VX_OK);
}

static void converse(struct vx_cf *cf, vx_slice in)
{
	static const int statuses[] = { 200, 400, 401, 403, 404, 429, 500, 0 };
	struct vx_cf_request r;
	uint64_t now = 0, at = 0;
	vx_slice answer;
	int rc;

	for (size_t n = 0; (rc = vx_cf_next(cf, now, &r, &at)) != VX_DONE;) {
		struct vx_cf_answer a = { .status = 0 };

		if (rc == VX_WAIT) {
			check(at > now);
			now = at;
			continue;
		}
		check_request(&r);
		check(++n < REQUESTS_MAX);
		(void)vx_slice_cut(&in, '\0', &answer);
		if (answer.len > 0) {
			a.status = statuses[(unsigned char)answer.ptr[0] & 7];
			a.body = vx_slice_from(answer, 1);
		}
		check(vx_cf_answer(cf, now, &a) == VX_OK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const addresses[] = { "192.0.2.1", "2001:db8::1" };
	const struct vx_zone_wish w = { .struct_size = sizeof(w),
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 2,
		.services = VX_ZONE_IMAPS,
		.autoconfig = true,
		.backup = VX_ZONE_BACKUP_CLOUDFLARE };
	const struct vx_cf_options o = { .struct_size = sizeof(o),
		.token = VX_S("t"),
		.base = "https://a.test",
		.per_page = 3,
		.batch_max = 2 };
	struct vx_zone_plan p;
	struct vx_cf *cf;

	if (size == 0)
		return 0;
	check(vx_zone_plan(&w, &p) == VX_OK);
	check(vx_cf_new(&o, &cf) == VX_OK);
	begin(cf, data[0], &p);
	converse(cf, vx_slice_of(data + 1, size - 1));
	for (const char *t = vx_cf_result(cf)->text; *t != '\0'; t++)
		check(*t >= ' ' && *t < 0x7f);
	for (unsigned flags = 0; flags < 32; flags++)
		check_diff(&p, vx_cf_records(cf), flags);
	check_tangles(&p, vx_cf_records(cf));
	check_backup(cf);
	vx_cf_free(cf);
	vx_zone_plan_done(&p);
	return 0;
}
