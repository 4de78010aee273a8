#include "directory/record.h"
#include "store/account.h"
#include "vectis/address.h"

#include "base/chars.h"

/* The slots of a record's strings. */
enum {
	NAME,
	CREDENTIAL,
	DISPLAY,
	TARGETS = CREDENTIAL,
	BACKUP = DISPLAY
};

static void as_account(const struct vx_dir_record *r, struct vx_account *out)
{
	*out = (struct vx_account){ .id = r->number,
		.flags = r->flags,
		.created = r->created,
		.login = r->strings[NAME],
		.credential = r->strings[CREDENTIAL],
		.display_name = r->strings[DISPLAY] };
}

static int as_domain(const struct vx_dir_record *r, struct vx_domain *out)
{
	struct vx_domain d = { .flags = r->flags,
		.max_accounts = r->number,
		.name = r->strings[NAME],
		.catch_all = r->strings[TARGETS],
		.backup = r->strings[BACKUP] };
	const int rc = vx_dir_ownership(r, &d);

	if (rc == VX_OK)
		*out = d;
	return rc;
}

static void as_alias(const struct vx_dir_record *r, struct vx_alias *out)
{
	*out = (struct vx_alias){ .address = r->strings[NAME],
		.disabled = r->flags != 0,
		.targets = r->strings[TARGETS] };
}

/* The record of a normalised name. */
static int find(struct vx_view *v, enum vx_directory_kind kind, vx_slice name,
    struct vx_dir_record *out)
{
	struct vx_dir_key k;
	const int rc = vx_dir_key(&k, kind, name);

	return rc == VX_OK ? vx_dir_read(vx_view_txn(v), &k, out) : rc;
}

/* The record of an address as somebody wrote it. */
static int find_address(struct vx_view *v, enum vx_directory_kind kind, vx_slice address,
    struct vx_dir_record *out)
{
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	int rc = vx_directory_normalise(address, &key);

	if (rc == VX_OK)
		rc = find(v, kind, vx_buf_slice(&key), out);
	vx_buf_done(&key);
	return rc;
}

int vx_directory_domain(struct vx_view *v, vx_slice name, struct vx_domain *out)
{
	struct vx_buf key = { .max = 256 };
	struct vx_dir_record r;
	int rc = vx_domain_normalise(name, &key);

	if (rc == VX_OK)
		rc = find(v, VX_DIR_DOMAIN, vx_buf_slice(&key), &r);
	if (rc == VX_OK)
		rc = as_domain(&r, out);
	vx_buf_done(&key);
	return rc;
}

int vx_directory_footer(struct vx_view *v, vx_slice domain, struct vx_footer *out)
{
	struct vx_buf key = { .max = 256 };
	struct vx_dir_record r;
	int rc = vx_domain_normalise(domain, &key);

	if (rc == VX_OK)
		rc = find(v, VX_DIR_FOOTER, vx_buf_slice(&key), &r);
	if (rc == VX_OK)
		*out = (struct vx_footer){ r.strings[1], r.strings[2] };
	vx_buf_done(&key);
	return rc;
}

int vx_directory_account(struct vx_view *v, vx_slice login, struct vx_account *out)
{
	struct vx_dir_record r;
	const int rc = find_address(v, VX_DIR_ACCOUNT, login, &r);

	if (rc == VX_OK)
		as_account(&r, out);
	return rc == VX_EINVAL ? VX_ENOENT : rc;
}

int vx_directory_account_by_id(struct vx_view *v, uint32_t id, struct vx_account *out)
{
	struct vx_dir_key k;
	vx_slice login;
	int rc = vx_dir_key_id(&k, id);

	if (rc == VX_OK)
		rc = vx_kv_get(vx_view_txn(v), VX_TREE_DIR, vx_dir_key_slice(&k), &login);
	return rc == VX_OK ? vx_directory_account(v, login, out) : rc;
}

int vx_directory_alias(struct vx_view *v, vx_slice address, struct vx_alias *out)
{
	struct vx_dir_record r;
	const int rc = find_address(v, VX_DIR_ALIAS, address, &r);

	if (rc == VX_OK)
		as_alias(&r, out);
	return rc;
}

int vx_dir_next(struct vx_view *v, enum vx_directory_kind kind, vx_slice after,
    struct vx_dir_record *out)
{
	struct vx_kv_cursor *c;
	struct vx_dir_key k;
	vx_slice key, value;
	int rc = vx_dir_key(&k, kind, after);

	if (rc == VX_OK)
		rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_DIR, &c);
	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_dir_key_slice(&k), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_dir_key_slice(&k)))
		rc = vx_kv_next(c, &key, &value);
	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != (char)kind))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_dir_parse(value, out);
	vx_kv_cursor_close(c);
	return rc;
}

int vx_directory_next_domain(struct vx_view *v, vx_slice after, struct vx_domain *out)
{
	struct vx_dir_record r;
	const int rc = vx_dir_next(v, VX_DIR_DOMAIN, after, &r);

	return rc == VX_OK ? as_domain(&r, out) : rc;
}

int vx_directory_host_domain(struct vx_view *v, vx_slice host, struct vx_domain *out)
{
	while (host.len > 0) {
		if (vx_directory_domain(v, host, out) == VX_OK &&
		    (out->flags & VX_DOMAIN_INACTIVE) == 0)
			return VX_OK;
		host = vx_slice_from(host, vx_slice_find(host, '.') + 1);
	}
	return vx_directory_next_domain(v, vx_slice_of("", 0), out);
}

int vx_directory_next_account(struct vx_view *v, vx_slice after, struct vx_account *out)
{
	struct vx_dir_record r;
	const int rc = vx_dir_next(v, VX_DIR_ACCOUNT, after, &r);

	if (rc == VX_OK)
		as_account(&r, out);
	return rc;
}

int vx_directory_next_alias(struct vx_view *v, vx_slice after, struct vx_alias *out)
{
	struct vx_dir_record r;
	const int rc = vx_dir_next(v, VX_DIR_ALIAS, after, &r);

	if (rc == VX_OK)
		as_alias(&r, out);
	return rc;
}

bool vx_directory_target(vx_slice *targets, vx_slice *out)
{
	if (targets->len == 0)
		return false;
	(void)vx_slice_cut(targets, '\n', out);
	return true;
}

/* --- resolving ------------------------------------------------------------------------
 */

struct resolver {
	struct vx_view *v;
	struct vx_arena *arena;
	struct vx_resolved *out;
	bool disabled; /* an inactive account was met on the way */
	bool persons;  /* lists and groups are nobody */
	bool nobody;   /* one was met */
};

static int add_target(struct resolver *r, uint32_t account, vx_slice address)
{
	struct vx_resolved *out = r->out;
	vx_slice copy;
	int rc;

	for (size_t i = 0; i < out->count; i++)
		if (account != 0 && out->targets[i].account == account)
			return VX_OK;
	if (out->count == VX_ALIAS_TARGETS_MAX)
		return VX_OK;
	rc = vx_arena_copy(r->arena, address, &copy);
	if (rc == VX_OK)
		out->targets[out->count++] = (struct vx_resolved_target){ account, copy };
	return rc;
}

/* An active account of that normalised login. */
static int try_account(struct resolver *r, vx_slice login)
{
	struct vx_dir_record rec;
	int rc = find(r->v, VX_DIR_ACCOUNT, login, &rec);

	if (rc == VX_OK && (rec.flags & VX_ACCOUNT_INACTIVE) != 0) {
		r->disabled = true;
		return VX_ENOENT;
	}
	return rc == VX_OK ? add_target(r, rec.number, login) : rc;
}

static bool is_elsewhere(struct vx_view *v, vx_slice address)
{
	vx_slice local, domain;
	struct vx_domain d;
	int rc;

	if (vx_address_split(address, &local, &domain) != VX_OK)
		return false;
	rc = vx_directory_domain(v, domain, &d);
	return rc == VX_ENOENT || (rc == VX_OK && (d.flags & VX_DOMAIN_INACTIVE) == 0 &&
				      (d.flags & VX_DOMAIN_NO_INCOMING) != 0);
}

/* All targets of a list: accounts of ours (no alias of an alias), or external ones. */
static int add_list(struct resolver *r, vx_slice targets)
{
	vx_slice address;
	int rc = VX_OK;

	while (rc == VX_OK && vx_directory_target(&targets, &address)) {
		rc = try_account(r, address);
		if (rc != VX_ENOENT)
			continue;
		rc = is_elsewhere(r->v, address) ? add_target(r, 0, address) : VX_OK;
	}
	return rc == VX_OK && r->out->count == 0 ? VX_ENOENT : rc;
}

static int try_alias(struct resolver *r, vx_slice address)
{
	struct vx_dir_record rec;
	int rc = find(r->v, VX_DIR_ALIAS, address, &rec);

	if (rc == VX_OK)
		rc = rec.flags != 0 ? VX_ENOENT : add_list(r, rec.strings[TARGETS]);
	r->out->alias = r->out->alias || rc == VX_OK;
	return rc;
}

/* A list stands for itself, a group for its accounts. */
static int try_list(struct resolver *r, vx_slice address)
{
	struct vx_list list;
	int rc = vx_directory_list(r->v, address, &list);

	if (rc == VX_OK && (list.flags & VX_LIST_INACTIVE) != 0)
		rc = VX_ENOENT;
	if (rc == VX_OK && r->persons) {
		r->nobody = true;
		rc = VX_ENOENT;
	}
	if (rc != VX_OK)
		return rc;
	if ((list.flags & VX_LIST_GROUP) == 0) {
		r->out->list = list.id;
		return add_target(r, 0, list.address);
	}
	r->out->group = true;
	rc = vx_directory_expand(r->v, &list, r->arena, r->out);
	return rc == VX_OK && r->out->count == 0 ? VX_ENOENT : rc;
}

/* Does text match pattern, where '*' is any octets?  Linear: only the last '*' is
 * retried. */
static bool matches(vx_slice pattern, vx_slice text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			retry = t;
		} else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++retry;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

/* The longest wildcard alias of the domain that matches. */
static int try_wildcards(struct resolver *r, vx_slice address, vx_slice domain)
{
	struct vx_dir_record rec;
	vx_slice best = { 0 };
	char at_domain[VX_ADDRESS_MAX + 1];
	vx_slice after;
	int rc;

	if (domain.len + 1 > sizeof(at_domain))
		return VX_ENOENT;
	at_domain[0] = '@';
	memcpy(at_domain + 1, domain.ptr, domain.len);
	after = vx_slice_of(at_domain, domain.len + 1);
	while ((rc = vx_dir_next(r->v, VX_DIR_ALIAS, after, &rec)) == VX_OK) {
		after = rec.strings[NAME];
		if (!vx_slice_has_suffix(after, vx_slice_of(at_domain, domain.len + 1)))
			break;
		if (rec.flags == 0 && vx_slice_find(after, '*') < after.len &&
		    after.len > best.len && matches(after, address))
			best = after;
	}
	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	return best.len > 0 ? try_alias(r, best) : VX_ENOENT;
}

static int try_exact(struct resolver *r, vx_slice address)
{
	int rc = try_account(r, address);

	if (rc == VX_ENOENT)
		rc = try_alias(r, address);
	return rc == VX_ENOENT ? try_list(r, address) : rc;
}

/* local+tag: the same as local. */
static int try_untagged(
    struct resolver *r, vx_slice address, vx_slice local, char delimiter)
{
	char plain[VX_ADDRESS_MAX];
	const size_t at = vx_slice_find(local, delimiter);

	if (delimiter == '\0' || at == 0 || at == local.len ||
	    address.len > sizeof(plain))
		return VX_ENOENT;
	memcpy(plain, address.ptr, at);
	memcpy(plain + at, address.ptr + local.len, address.len - local.len);
	return try_exact(r, vx_slice_of(plain, at + address.len - local.len));
}

/* RFC 5321 4.5.1: the domain's first account reads its postmaster's mail. */
static int try_postmaster(struct resolver *r, vx_slice local, vx_slice domain)
{
	char at_domain[VX_ADDRESS_MAX + 1];
	struct vx_dir_record rec;
	int rc;

	if (!vx_slice_eq(local, VX_S("postmaster")) || domain.len + 1 > sizeof(at_domain))
		return VX_ENOENT;
	at_domain[0] = '@';
	memcpy(at_domain + 1, domain.ptr, domain.len);
	rc = vx_dir_next(
	    r->v, VX_DIR_ACCOUNT, vx_slice_of(at_domain, domain.len + 1), &rec);
	if (rc == VX_OK && !vx_slice_has_suffix(
			       rec.strings[NAME], vx_slice_of(at_domain, domain.len + 1)))
		rc = VX_ENOENT;
	return rc == VX_OK ? try_account(r, rec.strings[NAME]) : rc;
}

/*
 * What is for an inactive mailbox goes to the catch-all, if there is one (IN-04), as when
 * it was removed (IN-05).
 */
static int resolve(
    struct resolver *r, vx_slice address, const struct vx_domain *d, char delimiter)
{
	vx_slice local, domain;
	int rc = vx_address_split(address, &local, &domain);

	if (rc == VX_OK)
		rc = try_exact(r, address);
	if (rc == VX_ENOENT && !r->disabled && !r->nobody)
		rc = try_wildcards(r, address, domain);
	if (rc == VX_ENOENT && !r->disabled && !r->nobody)
		rc = try_untagged(r, address, local, delimiter);
	if (rc == VX_ENOENT && !r->persons && d->catch_all.len > 0)
		rc = add_list(r, d->catch_all);
	if (rc == VX_ENOENT && !r->disabled && !r->nobody)
		rc = try_postmaster(r, local, domain);
	return rc;
}

static int run(struct resolver *r, vx_slice address, char delimiter)
{
	struct vx_resolved *out = r->out;
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	struct vx_domain d;
	vx_slice local, domain;
	int rc;

	*out = (struct vx_resolved){ .kind = VX_RESOLVED_FOREIGN };
	out->targets =
	    vx_arena_array(r->arena, VX_ALIAS_TARGETS_MAX, sizeof(*out->targets));
	if (out->targets == NULL)
		return VX_ELIMIT;
	rc = vx_directory_normalise(address, &key);
	if (rc == VX_OK)
		rc = vx_address_split(vx_buf_slice(&key), &local, &domain);
	if (rc == VX_OK)
		rc = vx_directory_domain(r->v, domain, &d);
	if (rc == VX_OK && (d.flags & VX_DOMAIN_INACTIVE) != 0) {
		out->kind = VX_RESOLVED_CLOSED;
	} else if (rc == VX_OK && (d.flags & VX_DOMAIN_NO_INCOMING) != 0) {
		out->away = true;
	} else if (rc == VX_OK) {
		rc = resolve(r, vx_buf_slice(&key), &d, delimiter);
		out->kind = rc == VX_OK   ? VX_RESOLVED_LOCAL
			    : r->disabled ? VX_RESOLVED_DISABLED
					  : VX_RESOLVED_UNKNOWN;
	}
	vx_buf_done(&key);
	/* an address that cannot be one of ours is foreign */
	return rc == VX_ENOENT || rc == VX_EINVAL ? VX_OK : rc;
}

int vx_directory_resolve(struct vx_view *v, vx_slice address, char delimiter,
    struct vx_arena *arena, struct vx_resolved *out)
{
	struct resolver r = { .v = v, .arena = arena, .out = out };

	return run(&r, address, delimiter);
}

int vx_directory_person(struct vx_view *v, vx_slice address, char delimiter,
    struct vx_arena *arena, struct vx_resolved *out)
{
	struct resolver r = { .v = v, .arena = arena, .out = out, .persons = true };

	return run(&r, address, delimiter);
}

bool vx_directory_may_send_as(
    struct vx_view *v, const struct vx_account *account, vx_slice address, char delimiter)
{
	struct vx_arena arena = { .limit = 16384 };
	struct vx_resolved r = { .kind = VX_RESOLVED_UNKNOWN };
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	struct resolver exact = { .v = v, .arena = &arena, .out = &r, .persons = true };
	vx_slice local, domain;
	bool may = false;
	int rc = vx_directory_normalise(address, &key);

	r.targets = vx_arena_array(&arena, VX_ALIAS_TARGETS_MAX, sizeof(*r.targets));
	if (rc == VX_OK && r.targets != NULL)
		rc = vx_address_split(vx_buf_slice(&key), &local, &domain);
	if (rc == VX_OK && r.targets != NULL) {
		rc = try_exact(&exact, vx_buf_slice(&key));
		if (rc == VX_ENOENT && !exact.nobody)
			rc = try_wildcards(&exact, vx_buf_slice(&key), domain);
		if (rc == VX_ENOENT && !exact.nobody)
			rc = try_untagged(&exact, vx_buf_slice(&key), local, delimiter);
	}
	for (size_t i = 0; rc == VX_OK && i < r.count; i++)
		may = may || r.targets[i].account == account->id;
	vx_buf_done(&key);
	vx_arena_done(&arena);
	return may;
}
