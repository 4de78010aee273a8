/*
 * Recipients elsewhere.  Those to whom the sender writes himself keep his reverse-path;
 * what one of our domains forwards leaves with a path in that domain (SRS), so that SPF
 * of the sender's domain does not speak against us and bounces find back (MA-15).
 */
#include "service/own_queue.h"
#include "service/smtp_int.h"
#include "vectis/address.h"
#include "vectis/directory.h"
#include "vectis/srs.h"

static int64_t now_s(const struct vx_smtp_service *s)
{
	return s->o.loop->now_s(s->o.loop);
}

/* The sender's path as domain, which is ours, forwards it. */
static int rewrite(struct smtp_txn *t, vx_slice domain, vx_slice *out)
{
	const vx_slice sender = vx_buf_slice(&t->sender);
	struct vx_buf path = { .max = VX_SMTP_PATH_MAX };
	const vx_slice secret =
	    vx_slice_of(t->service->srs_secret, sizeof(t->service->srs_secret));
	const struct vx_srs_options o = {
		.struct_size = sizeof(o), .secrets = &secret, .secrets_count = 1
	};
	int rc = vx_srs_forward(&o, sender, domain, now_s(t->service), &path);

	/* what is rewritten already is ours; what cannot be gets no bounces */
	if (rc == VX_EEXIST)
		rc = vx_arena_copy(&t->arena, sender, out);
	else if (rc == VX_EINVAL || rc == VX_ELIMIT)
		rc = vx_arena_copy(&t->arena, VX_S(""), out);
	else if (rc == VX_OK)
		rc = vx_arena_copy(&t->arena, vx_buf_slice(&path), out);
	vx_buf_done(&path);
	return rc;
}

/* As it is compared with Delivered-To; what is no address stays as it is. */
static int normalise(struct smtp_txn *t, vx_slice via, vx_slice *out)
{
	struct vx_buf address = { .max = VX_ADDRESS_MAX };
	int rc;

	if (vx_directory_normalise(via, &address) == VX_OK && !address.failed)
		via = vx_buf_slice(&address);
	rc = vx_arena_copy(&t->arena, via, out);
	vx_buf_done(&address);
	return rc;
}

/* Of one of our addresses; <postmaster> has none, and the host's is the next best. */
static vx_slice domain_of(const struct smtp_txn *t, vx_slice address)
{
	const size_t at = vx_slice_rfind(address, '@');

	return at < address.len ? vx_slice_from(address, at + 1)
				: vx_slice_str(t->service->o.hostname);
}

static int find_group(struct smtp_txn *t, vx_slice via, struct smtp_group **out)
{
	struct smtp_group *g = t->groups;
	int rc;

	while (g != NULL && !vx_slice_eq_nocase(g->via, via))
		g = g->next;
	if (g == NULL) {
		g = vx_arena_alloc(&t->arena, sizeof(*g));
		if (g == NULL)
			return VX_ELIMIT;
		*g = (struct smtp_group){ .reverse_path = vx_buf_slice(&t->sender) };
		rc = normalise(t, via, &g->via);
		if (rc == VX_OK && via.len > 0)
			rc = rewrite(t, domain_of(t, via), &g->reverse_path);
		if (rc != VX_OK)
			return rc;
		g->next = t->groups;
		t->groups = g;
		t->group_count++;
	}
	*out = g;
	return VX_OK;
}

static int reserve(struct smtp_txn *t, struct smtp_group *g)
{
	const size_t cap = g->cap == 0 ? 4 : g->cap * 2;
	struct vx_queue_to *grown;

	if (g->count < g->cap)
		return VX_OK;
	grown = vx_arena_array(&t->arena, cap, sizeof(*grown));
	if (grown == NULL || g->count == VX_QUEUE_RECIPIENTS_MAX)
		return VX_ELIMIT;
	if (g->count > 0)
		memcpy(grown, g->to, g->count * sizeof(*grown));
	g->to = grown;
	g->cap = cap;
	return VX_OK;
}

/* One copy each. */
static int add_to(struct smtp_txn *t, vx_slice via, const struct vx_queue_to *to)
{
	struct smtp_group *g;
	int rc = find_group(t, via, &g);

	if (rc == VX_OK)
		rc = reserve(t, g);
	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < g->count; i++)
		if (vx_slice_eq(g->to[i].forward_path, to->forward_path) &&
		    vx_slice_eq(g->to[i].destination, to->destination))
			return VX_OK;
	g->to[g->count++] = *to;
	return VX_OK;
}

static int describe(struct smtp_txn *t, vx_slice recipient,
    const struct vx_smtp_params *params, struct vx_queue_to *to)
{
	int rc = vx_arena_copy(&t->arena, recipient, &to->forward_path);

	to->notify = params->notify;
	return rc == VX_OK ? vx_arena_copy(&t->arena, params->orcpt, &to->orcpt) : rc;
}

int vx_smtp_queue_to(struct smtp_txn *t, vx_slice recipient, vx_slice via,
    const struct vx_smtp_params *params)
{
	struct vx_queue_to to = { 0 };
	int rc = describe(t, recipient, params, &to);

	if (rc == VX_OK)
		rc = vx_own_destination(&t->arena, to.forward_path, &to.destination);
	return rc == VX_OK ? add_to(t, via, &to) : rc;
}

int vx_smtp_queue_list(
    struct smtp_txn *t, vx_slice address, const struct vx_smtp_params *params)
{
	struct vx_queue_to to = { .destination = VX_S(VX_QUEUE_LISTS) };
	const int rc = describe(t, address, params, &to);

	return rc == VX_OK ? add_to(t, vx_slice_of("", 0), &to) : rc;
}

int vx_smtp_queue_told(struct smtp_txn *t, vx_slice address, bool expanded,
    const struct vx_smtp_params *params)
{
	struct vx_queue_to to = { .destination = expanded ? VX_S(VX_QUEUE_EXPANDED)
							  : VX_S(VX_QUEUE_DELIVERED) };
	const int rc = describe(t, address, params, &to);

	to.notify = VX_SMTP_NOTIFY_SUCCESS;
	return rc == VX_OK ? add_to(t, vx_slice_of("", 0), &to) : rc;
}

size_t vx_smtp_queued(const struct smtp_txn *t)
{
	size_t n = 0;

	for (const struct smtp_group *g = t->groups; g != NULL; g = g->next)
		n += g->count;
	return n;
}

static unsigned flags_of(const struct smtp_txn *t)
{
	return (t->eight_bit ? VX_QUEUE_8BIT : 0u) | (t->utf8 ? VX_QUEUE_UTF8 : 0u) |
	       (t->ret_headers ? VX_QUEUE_RET_HEADERS : 0u) |
	       (t->ret_full ? VX_QUEUE_RET_FULL : 0u) |
	       (t->scan.has_8bit ? VX_QUEUE_HAS_8BIT : 0u) |
	       (t->scan.has_utf8_header ? VX_QUEUE_HAS_UTF8_HEADER : 0u) |
	       (t->scan.has_bare ? VX_QUEUE_HAS_BARE : 0u);
}

static vx_slice domain_part(vx_slice address)
{
	return vx_slice_from(address, vx_slice_rfind(address, '@') + 1);
}

/* A domain of ours as rules have it. */
static int normal(struct smtp_txn *t, vx_slice domain, vx_slice *out)
{
	struct vx_buf name = { .max = VX_DNS_NAME_MAX };
	int rc = vx_domain_normalise(domain, &name);

	*out = vx_slice_of("", 0);
	if (rc == VX_OK)
		rc = vx_arena_copy(&t->arena, vx_buf_slice(&name), out);
	vx_buf_done(&name);
	return rc == VX_EINVAL ? VX_OK : rc;
}

/* Whose relay it goes by: the reverse-path's domain if it is ours, or else the login's.
 */
static int find_domain(struct smtp_session *s, vx_slice path, vx_slice *out)
{
	struct vx_account a;
	struct vx_domain d;
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = path.len == 0 ? VX_ENOENT : vx_directory_domain(v, domain_part(path), &d);
	if (rc == VX_OK) {
		rc = vx_arena_copy(&s->txn->arena, d.name, out);
	} else if (vx_directory_account_by_id(v, s->who.account, &a) == VX_OK) {
		rc = vx_arena_copy(&s->txn->arena, domain_part(a.login), out);
	} else {
		*out = vx_slice_of("", 0);
		rc = VX_OK;
	}
	vx_view_end(v);
	return rc;
}

/*
 * What the sender sends himself has his signature; what we forward was signed by others,
 * or by nobody, and tells through which address it came (RFC 9228).
 */
static int prefix_of(struct smtp_txn *t, const struct smtp_group *g, vx_slice *out)
{
	struct vx_buf field = { .max = VX_ADDRESS_MAX + 32 };
	int rc;

	*out = vx_slice_of("", 0);
	if (g->via.len == 0)
		*out = vx_buf_slice(&t->signature);
	if (g->via.len == 0 || vx_slice_find(g->via, '@') == g->via.len)
		return VX_OK;
	vx_buf_printf(&field, "Delivered-To: %.*s\r\n", (int)g->via.len, g->via.ptr);
	rc = field.failed ? VX_OK : vx_arena_copy(&t->arena, vx_buf_slice(&field), out);
	vx_buf_done(&field);
	return rc;
}

int vx_smtp_queue(struct smtp_session *s, struct smtp_txn *t)
{
	struct vx_queue_new *list;
	vx_slice own;
	size_t i = 0;
	int rc;

	if (t->groups == NULL)
		return VX_OK;
	list = vx_arena_array(&t->arena, t->group_count, sizeof(*list));
	rc = list == NULL ? VX_ELIMIT : find_domain(s, vx_buf_slice(&t->sender), &own);
	vx_smtp_scan_end(&t->scan);
	for (const struct smtp_group *g = t->groups; g != NULL && rc == VX_OK;
	     g = g->next, i++) {
		vx_slice domain = own;

		if (g->via.len > 0)
			rc = normal(t, domain_of(t, g->via), &domain);
		list[i] = (struct vx_queue_new){ .created = t->op.internal_date,
			.due = t->release > 0 ? t->release : t->op.internal_date,
			.release = t->release,
			.hold = t->hold,
			.size = vx_blob_writer_size(t->writer),
			.account = s->role == VX_SMTP_SUBMISSION ? s->who.account : 0,
			.flags = flags_of(t),
			.reverse_path = g->reverse_path,
			.envid = t->envid,
			.domain = domain,
			.to = g->to,
			.count = g->count };
		if (rc == VX_OK)
			rc = prefix_of(t, g, &list[i].prefix);
		if (i == 0) /* the message's own id */
			memcpy(list[i].token, t->id, VX_QUEUE_TOKEN_OCTETS);
		else
			vx_own_token(list[i].token);
	}
	t->also.queue = (struct vx_queue_also){ .add = list, .add_count = i };
	return rc;
}
