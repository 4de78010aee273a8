#include "service/own_tls_results.h"

#include "base/mem.h"

/* A policy with what is found of it again. */
struct entry {
	struct vx_tls_policy policy; /* first */
	struct vx_tls_failure **tail;
	size_t kinds;
};

void vx_own_tls_results_init(struct own_tls_results *r)
{
	*r = (struct own_tls_results){ 0 };
	vx_arena_init(&r->arena, OWN_TLS_OCTETS_MAX);
	vx_map_init(&r->known, OWN_TLS_POLICIES_MAX);
	r->tail = &r->policies;
}

void vx_own_tls_results_done(struct own_tls_results *r)
{
	vx_map_done(&r->known);
	vx_arena_done(&r->arena);
}

void vx_own_tls_results_reset(struct own_tls_results *r)
{
	vx_map_done(&r->known);
	vx_map_init(&r->known, OWN_TLS_POLICIES_MAX);
	vx_arena_reset(&r->arena);
	r->policies = NULL;
	r->tail = &r->policies;
	r->count = 0;
	r->begin = r->end = 0;
	r->lost = 0;
}

/* --- policies ------------------------------------------------------------------------
 */

static int copy_lines(struct vx_arena *a, vx_slice text, struct vx_report_line **tail)
{
	vx_slice line;

	while (text.len > 0) {
		struct vx_report_line *l = vx_arena_alloc(a, sizeof(*l));

		(void)vx_slice_cut(&text, '\n', &line);
		if (l == NULL || vx_arena_copy(a, line, &l->text) != VX_OK)
			return VX_ELIMIT;
		*tail = l;
		tail = &l->next;
	}
	return VX_OK;
}

/* All that makes it another policy, in one text. */
static int make_key(const struct own_tls_outcome *o, struct vx_buf *key)
{
	vx_buf_printf(key, "%d", (int)o->type);
	vx_buf_add_char(key, '\0');
	vx_buf_add(key, o->domain);
	vx_buf_add_char(key, '\0');
	vx_buf_add(key, o->policy);
	vx_buf_add_char(key, '\0');
	vx_buf_add(key, o->mx_hosts);
	return key->failed ? VX_ELIMIT : VX_OK;
}

static struct entry *add_policy(
    struct own_tls_results *r, const struct own_tls_outcome *o, vx_slice key)
{
	struct entry *e = vx_arena_alloc(&r->arena, sizeof(*e));

	if (e == NULL || vx_arena_copy(&r->arena, key, &key) != VX_OK ||
	    vx_arena_copy(&r->arena, o->domain, &e->policy.domain) != VX_OK ||
	    copy_lines(&r->arena, o->policy, &e->policy.lines) != VX_OK ||
	    copy_lines(&r->arena, o->mx_hosts, &e->policy.mx_hosts) != VX_OK ||
	    vx_map_set(&r->known, key, e) != VX_OK)
		return NULL;
	e->policy.type = o->type;
	e->tail = &e->policy.details;
	*r->tail = &e->policy;
	r->tail = &e->policy.next;
	r->count++;
	return e;
}

static struct entry *policy_of(struct own_tls_results *r, const struct own_tls_outcome *o)
{
	struct vx_buf key = { .max = (size_t)2 * OWN_TLS_TEXT_MAX + 1024 };
	struct entry *e = NULL;

	if (o->policy.len <= OWN_TLS_TEXT_MAX && o->mx_hosts.len <= OWN_TLS_TEXT_MAX &&
	    make_key(o, &key) == VX_OK) {
		e = vx_map_find(&r->known, vx_buf_slice(&key));
		if (e == NULL)
			e = add_policy(r, o, vx_buf_slice(&key));
	}
	vx_buf_done(&key);
	return e;
}

/* --- failures ------------------------------------------------------------------------
 */

static vx_slice reason_of(const struct own_tls_outcome *o)
{
	return vx_slice_head(o->reason_code, OWN_TLS_REASON_MAX);
}

static bool is_same(const struct vx_tls_failure *f, const struct own_tls_outcome *o)
{
	return f->type == o->failure && vx_slice_eq(f->sending_ip, o->sending_ip) &&
	       vx_slice_eq(f->receiving_ip, o->receiving_ip) &&
	       vx_slice_eq(f->receiving_hostname, o->receiving_hostname) &&
	       vx_slice_eq(f->receiving_helo, o->receiving_helo) &&
	       vx_slice_eq(f->reason_code, reason_of(o));
}

static int add_failure(
    struct own_tls_results *r, struct entry *e, const struct own_tls_outcome *o)
{
	struct vx_tls_failure *f = vx_arena_alloc(&r->arena, sizeof(*f));
	struct vx_arena *a = &r->arena;

	if (f == NULL || vx_arena_copy(a, o->sending_ip, &f->sending_ip) != VX_OK ||
	    vx_arena_copy(a, o->receiving_ip, &f->receiving_ip) != VX_OK ||
	    vx_arena_copy(a, o->receiving_hostname, &f->receiving_hostname) != VX_OK ||
	    vx_arena_copy(a, o->receiving_helo, &f->receiving_helo) != VX_OK ||
	    vx_arena_copy(a, reason_of(o), &f->reason_code) != VX_OK)
		return VX_ELIMIT;
	f->type = o->failure;
	f->count = 1;
	*e->tail = f;
	e->tail = &f->next;
	e->kinds++;
	return VX_OK;
}

static int count_failure(
    struct own_tls_results *r, struct entry *e, const struct own_tls_outcome *o)
{
	int rc = VX_OK;

	for (struct vx_tls_failure *f = e->policy.details; f != NULL; f = f->next)
		if (is_same(f, o)) {
			f->count++;
			e->policy.failures++;
			return VX_OK;
		}
	rc = e->kinds < OWN_TLS_FAILURES_MAX ? add_failure(r, e, o) : VX_ELIMIT;
	e->policy.failures++; /* it failed, even if there is no room to say how */
	return rc;
}

int vx_own_tls_result(
    struct own_tls_results *r, const struct own_tls_outcome *o, int64_t now)
{
	struct entry *e;
	int rc = VX_OK;

	if (o->domain.len == 0 || o->domain.len > VX_DNS_NAME_MAX)
		return VX_EINVAL;
	e = policy_of(r, o);
	if (e == NULL)
		rc = VX_ELIMIT;
	else if (o->failed)
		rc = count_failure(r, e, o);
	else
		e->policy.successes++;
	if (rc != VX_OK) {
		r->lost++;
		return rc;
	}
	if (r->begin == 0)
		r->begin = now;
	r->end = now;
	return VX_OK;
}
