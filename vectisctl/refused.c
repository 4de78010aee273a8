/* Logins that failed, as the daemons saw it (auth.h; DX-OP-09, DX-OP-10). */
#include "vectisctl/ctl.h"

#include "vectis/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_OCTETS (VX_AUTH_REFUSED_LINE_MAX + 2)

void ctl_worker_lines(
    struct ctl *c, const char *end, void (*take)(void *ctx, const char *line), void *ctx)
{
	static struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t count = ctl_workers(c, workers);
	char path[PATH_MAX], line[LINE_MAX_OCTETS];

	for (size_t i = 0; i < count; i++) {
		FILE *f;

		(void)snprintf(path, sizeof(path), "%.3800s/%.15s.%d%.20s",
		    c->config->run_dir, workers[i].daemon, workers[i].pid, end);
		f = fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			take(ctx, line);
		if (f != NULL)
			(void)fclose(f);
	}
}

struct found {
	struct vx_auth_refused *list;
	size_t count;
	bool (*wanted)(const struct vx_auth_refused *r, const void *ctx);
	const void *ctx;
};

/* The same in the files of several workers is one. */
static void take(void *ctx, const char *line)
{
	struct vx_auth_refused one;
	struct found *f = ctx;

	if (vx_auth_read_refused(vx_slice_str(line), &one) != VX_OK ||
	    !f->wanted(&one, f->ctx))
		return;
	for (size_t i = 0; i < f->count; i++) {
		struct vx_auth_refused *r = &f->list[i];

		if (r->reason != one.reason || strcmp(r->login, one.login) != 0)
			continue;
		r->count += one.count;
		if (r->last < one.last) {
			r->last = one.last;
			memcpy(r->network, one.network, sizeof(r->network));
		}
		return;
	}
	if (f->count < CTL_REFUSED_MAX)
		f->list[f->count++] = one;
}

static int by_time(const void *a, const void *b)
{
	const struct vx_auth_refused *x = a, *y = b;

	return (x->last < y->last) - (x->last > y->last);
}

size_t ctl_refused(struct ctl *c,
    bool (*wanted)(const struct vx_auth_refused *r, const void *ctx), const void *ctx,
    struct vx_auth_refused *out)
{
	struct found f = { .list = out, .wanted = wanted, .ctx = ctx };

	ctl_worker_lines(c, ".refused", take, &f);
	if (f.count > 0)
		qsort(out, f.count, sizeof(out[0]), by_time);
	return f.count;
}

/* --- what is known besides ------------------------------------------------------------
 */

/* The mailboxes among those that an alias leads to. */
static void find_owner(struct vx_view *v, vx_slice login, char out[VX_ADDRESS_MAX + 1])
{
	struct vx_account account;
	struct vx_alias a;
	vx_slice target;
	size_t len = 0;

	if (vx_directory_alias(v, login, &a) != VX_OK)
		return;
	while (vx_directory_target(&a.targets, &target))
		if (vx_directory_account(v, target, &account) == VX_OK &&
		    len + target.len + 2 <= VX_ADDRESS_MAX)
			len += (size_t)snprintf(out + len, VX_ADDRESS_MAX + 1 - len,
			    "%s%.*s", len > 0 ? " " : "", (int)target.len, target.ptr);
}

static void look(struct vx_view *v, vx_slice login, struct ctl_refused_more *out)
{
	struct vx_account account;
	struct vx_domain domain;

	out->mailbox = vx_directory_account(v, login, &account) == VX_OK;
	out->flags = out->mailbox ? account.flags : 0;
	out->closed =
	    vx_directory_domain(v, vx_slice_from(login, vx_slice_rfind(login, '@') + 1),
		&domain) == VX_OK &&
	    (domain.flags & VX_DOMAIN_INACTIVE) != 0;
	find_owner(v, login, out->owner);
}

/* Who logs in is in a file that all workers share; without it nothing is known. */
static struct vx_auth *open_auth(struct ctl *c)
{
	struct vx_auth_options o = { .struct_size = sizeof(o), .store = c->store };
	struct vx_auth *a = NULL;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.3800s/logins", c->config->run_dir);
	o.throttle_path = path;
	if (access(path, R_OK | W_OK) < 0 || vx_auth_new(&o, &a) != VX_OK)
		return NULL;
	return a;
}

void ctl_refused_look(struct ctl *c, const struct vx_auth_refused *list, size_t count,
    struct ctl_refused_more *out)
{
	struct vx_auth *a = open_auth(c);
	struct vx_view *v = NULL;

	(void)vx_view_begin(c->store, &v);
	for (size_t i = 0; i < count; i++) {
		const vx_slice login = vx_slice_str(list[i].login);

		out[i] = (struct ctl_refused_more){ .right = 0 };
		if (a != NULL)
			out[i].right = vx_auth_right_s(a, login);
		if (v != NULL)
			look(v, login, &out[i]);
	}
	if (v != NULL)
		vx_view_end(v);
	vx_auth_free(a);
}

const char *ctl_refused_words(unsigned reason)
{
	static const char *const words[] = { [VX_AUTH_RIGHT] = "",
		[VX_AUTH_UNKNOWN] = "there is no such mailbox",
		[VX_AUTH_WRONG] = "the password was wrong",
		[VX_AUTH_ALIAS] = "an alias is no login",
		[VX_AUTH_INACTIVE] = "the mailbox is inactive",
		[VX_AUTH_CLOSED] = "the domain is inactive",
		[VX_AUTH_SUSPENDED] = "sending is suspended for the mailbox",
		[VX_AUTH_POP3_OFF] = "the mailbox may not use POP3",
		[VX_AUTH_NO_TLS] = "it was tried without TLS",
		[VX_AUTH_THROTTLED] = "there were too many wrong passwords before" };

	return reason < VX_AUTH_REASONS ? words[reason] : "?";
}
