/*
 * Relays, and the rules that name them.  A rule is an entry of its own, so that a
 * recipient's relay is found by looking up, however many relays there are.
 */
#include "queue/relay.h"

#include "base/bytes.h"
#include "base/chars.h"
#include "base/clock.h"
#include "store/account.h"
#include "vectis/address.h"

#include <arpa/inet.h>

enum {
	RELAY_OCTETS = VX_VALUE_HEADER + 16,
	RELAY_VALUE_MAX = 64 * 1024,
	LIST_OCTETS_MAX = 16 * 1024, /* of either list */
	RULE_TEXT_MAX = 480 /* octets of a pattern and a domain: what a key holds */
};

/* Kinds of rules, in the order in which they are asked. */
enum {
	RULE_EXACT = 'e',
	RULE_BELOW = 'b',
	RULE_MX = 'm',
	RULE_ANY = 'z'
};

/* --- words -----------------------------------------------------------------------------
 */

bool vx_relay_name_ok(vx_slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!(name.ptr[i] >= 'a' && name.ptr[i] <= 'z') &&
		    !vx_is(name.ptr[i], VX_C_DIGIT) && strchr("-_", name.ptr[i]) == NULL)
			return false;
	return name.len > 0 && name.len <= VX_RELAY_NAME_MAX;
}

static bool is_literal(vx_slice word)
{
	return word.len > 2 && word.ptr[0] == '[' && word.ptr[word.len - 1] == ']' &&
	       vx_slice_find(word, '\0') == word.len;
}

/* An address in brackets stays as it is; VX_EINVAL. */
static int add_host(vx_slice word, struct vx_buf *out)
{
	char text[VX_DNS_ADDRESS_MAX + 1];
	unsigned char octets[16];
	vx_slice inner;

	if (!is_literal(word))
		return vx_domain_normalise(word, out);
	inner = vx_slice_of(word.ptr + 1, word.len - 2);
	if (vx_slice_has_prefix_nocase(inner, VX_S("IPv6:")))
		inner = vx_slice_from(inner, 5);
	if (inner.len > VX_DNS_ADDRESS_MAX)
		return VX_EINVAL;
	memcpy(text, inner.ptr, inner.len);
	text[inner.len] = '\0';
	if (inet_pton(AF_INET, text, octets) != 1 &&
	    inet_pton(AF_INET6, text, octets) != 1)
		return VX_EINVAL;
	vx_buf_add(out, word);
	return VX_OK;
}

int vx_relay_host(vx_slice word, struct vx_buf *out)
{
	return add_host(word, out);
}

static int add_pattern(vx_slice word, struct vx_buf *out)
{
	if (vx_slice_has_prefix(word, VX_S("*."))) {
		vx_buf_add_str(out, "*.");
		return vx_domain_normalise(vx_slice_from(word, 2), out);
	}
	if (vx_slice_has_prefix_nocase(word, VX_S("mx:"))) {
		vx_buf_add_str(out, "mx:");
		return vx_domain_normalise(vx_slice_from(word, 3), out);
	}
	return add_host(word, out);
}

/* The next word of a list of either form; false: there is none. */
static bool next_word(vx_slice *rest, vx_slice *word)
{
	static const char between[] = ", \t\r\n";
	size_t n = 0;

	*rest = vx_slice_trim(*rest, between);
	while (n < rest->len && strchr(between, rest->ptr[n]) == NULL)
		n++;
	*word = vx_slice_head(*rest, n);
	*rest = vx_slice_from(*rest, n);
	return n > 0;
}

static int add_list(vx_slice words, struct vx_buf *out, vx_slice *bad,
    int (*add)(vx_slice word, struct vx_buf *out))
{
	size_t count = 0;
	vx_slice word;

	while (next_word(&words, &word)) {
		int rc = ++count > VX_RELAY_LIST_MAX ? VX_ELIMIT : VX_OK;

		*bad = word;
		if (rc == VX_OK && out->len > 0)
			vx_buf_add_char(out, '\n');
		if (rc == VX_OK)
			rc = add(word, out);
		if (rc != VX_OK)
			return rc;
	}
	return out->failed ? VX_ELIMIT : VX_OK;
}

int vx_relay_domains(vx_slice words, struct vx_buf *out, vx_slice *bad)
{
	return add_list(words, out, bad, vx_domain_normalise);
}

int vx_relay_destinations(vx_slice words, struct vx_buf *out, vx_slice *bad)
{
	return add_list(words, out, bad, add_pattern);
}

/* --- entries ---------------------------------------------------------------------------
 */

static void relay_key(struct vx_key *k, vx_slice name)
{
	k->octets[0] = VX_QUEUE_RELAY;
	k->len = 1;
	vx_key_add(k, name);
}

static int parse_relay(vx_slice v, struct vx_relay *out)
{
	struct vx_relay r = { 0 };
	vx_slice *const strings[] = { &r.name, &r.host, &r.user, &r.password, &r.domains,
		&r.destinations };
	const char *p = v.ptr + VX_VALUE_HEADER;
	int rc = vx_value_check(v, 'q', RELAY_OCTETS);

	if (rc != VX_OK)
		return rc;
	r.port = vx_get_le16(p);
	r.tls = p[2] == VX_RELAY_OFFERED    ? VX_RELAY_OFFERED
		: p[2] == VX_RELAY_IMPLICIT ? VX_RELAY_IMPLICIT
					    : VX_RELAY_STARTTLS;
	r.connections = vx_get_le32(p + 4);
	r.created = vx_get_le64(p + 8);
	rc = vx_queue_take_strings(vx_slice_from(v, RELAY_OCTETS), strings, 6);
	if (rc == VX_OK)
		*out = r;
	return rc;
}

static int write_relay(struct vx_kv_txn *txn, const struct vx_relay *r)
{
	struct vx_buf value = { .max = RELAY_VALUE_MAX };
	char fixed[RELAY_OCTETS] = { 0 };
	char *const p = fixed + VX_VALUE_HEADER;
	struct vx_key k;

	vx_put_le16(p, r->port);
	p[2] = (char)r->tls;
	vx_put_le32(p + 4, r->connections);
	vx_put_le64(p + 8, r->created);
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_queue_add_string(&value, r->name);
	vx_queue_add_string(&value, r->host);
	vx_queue_add_string(&value, r->user);
	vx_queue_add_string(&value, r->password);
	vx_queue_add_string(&value, r->domains);
	vx_queue_add_string(&value, r->destinations);
	relay_key(&k, r->name);
	return vx_queue_put(txn, &k, &value);
}

static int read_relay(struct vx_kv_txn *txn, vx_slice name, struct vx_relay *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	relay_key(&k, name);
	rc = vx_kv_get(txn, VX_TREE_QUEUE, vx_key_slice(&k), &v);
	return rc == VX_OK ? parse_relay(v, out) : rc;
}

int vx_relay_get(struct vx_view *v, vx_slice name, struct vx_relay *out)
{
	return read_relay(vx_view_txn(v), name, out);
}

static int next_relay(struct vx_kv_txn *txn, vx_slice after, struct vx_relay *out)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key k;
	int rc = vx_kv_cursor_open(txn, VX_TREE_QUEUE, &c);

	if (rc != VX_OK)
		return rc;
	relay_key(&k, after);
	if (after.len > 0)
		vx_key_add(&k, VX_S("\0"));
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != VX_QUEUE_RELAY))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = parse_relay(value, out);
	vx_kv_cursor_close(c);
	return rc;
}

int vx_relay_next(struct vx_view *v, vx_slice after, struct vx_relay *out)
{
	return next_relay(vx_view_txn(v), after, out);
}

/* --- finding ---------------------------------------------------------------------------
 */

static void rule_key(struct vx_key *k, char kind, vx_slice pattern, vx_slice domain)
{
	k->octets[0] = VX_QUEUE_RULE;
	k->octets[1] = kind;
	k->len = 2;
	vx_key_add(k, pattern);
	vx_key_add(k, VX_S("\0"));
	vx_key_add(k, domain);
}

static int read_rule(struct vx_kv_txn *txn, const struct vx_key *k, vx_slice *name)
{
	vx_slice v;
	int rc = vx_kv_get(txn, VX_TREE_QUEUE, vx_key_slice(k), &v);

	if (rc == VX_OK)
		rc = vx_value_check(v, 'q', VX_VALUE_HEADER + 1);
	if (rc == VX_OK && v.len > VX_VALUE_HEADER + VX_RELAY_NAME_MAX)
		rc = VX_ECORRUPT;
	if (rc == VX_OK)
		*name = vx_slice_from(v, VX_VALUE_HEADER);
	return rc;
}

/* Of this pattern: the rule of the domain that sends before that of all. */
static int look(
    struct vx_kv_txn *txn, char kind, vx_slice pattern, vx_slice domain, vx_slice *name)
{
	struct vx_key k;
	int rc = VX_ENOENT;

	if (domain.len > 0) {
		rule_key(&k, kind, pattern, domain);
		rc = read_rule(txn, &k, name);
	}
	if (rc != VX_ENOENT)
		return rc;
	rule_key(&k, kind, pattern, vx_slice_of("", 0));
	return read_rule(txn, &k, name);
}

/* The name's own rule, if it may have one, and those of the names above, nearest first.
 */
static int look_above(struct vx_kv_txn *txn, char kind, bool itself, vx_slice name,
    vx_slice domain, vx_slice *relay)
{
	int rc = itself ? look(txn, kind, name, domain, relay) : VX_ENOENT;

	while (rc == VX_ENOENT) {
		const size_t dot = vx_slice_find(name, '.');

		if (dot >= name.len)
			break;
		name = vx_slice_from(name, dot + 1);
		rc = look(txn, kind, name, domain, relay);
	}
	return rc;
}

/* Is there any rule, or one of a kind (not NUL)? */
static bool has_rules(struct vx_kv_txn *txn, char kind)
{
	const char octets[2] = { VX_QUEUE_RULE, kind };
	const vx_slice prefix = vx_slice_of(octets, kind == '\0' ? 1 : 2);
	struct vx_kv_cursor *c;
	vx_slice key, value;
	bool found;

	if (vx_kv_cursor_open(txn, VX_TREE_QUEUE, &c) != VX_OK)
		return false;
	found = vx_kv_seek(c, prefix, &key, &value) == VX_OK &&
		vx_slice_has_prefix(key, prefix);
	vx_kv_cursor_close(c);
	return found;
}

bool vx_queue_is_inner(vx_slice destination)
{
	return vx_slice_eq(destination, VX_S(VX_QUEUE_LISTS)) ||
	       vx_slice_eq(destination, VX_S(VX_QUEUE_DELIVERED)) ||
	       vx_slice_eq(destination, VX_S(VX_QUEUE_EXPANDED));
}

static int find(struct vx_kv_txn *txn, vx_slice domain, vx_slice destination, vx_slice mx,
    vx_slice *name)
{
	const bool literal = is_literal(destination);
	int rc;

	if (vx_queue_is_inner(destination) || !has_rules(txn, '\0'))
		return VX_ENOENT;
	rc = look(txn, RULE_EXACT, destination, domain, name);
	if (rc == VX_ENOENT && !literal)
		rc = look_above(txn, RULE_BELOW, false, destination, domain, name);
	if (rc == VX_ENOENT && !literal && has_rules(txn, RULE_MX)) {
		if (mx.len == 0)
			return VX_WAIT;
		rc = look_above(txn, RULE_MX, true, mx, domain, name);
	}
	if (rc == VX_ENOENT)
		rc = look(txn, RULE_ANY, vx_slice_of("", 0), domain, name);
	return rc;
}

int vx_relay_route(struct vx_view *v, vx_slice domain, vx_slice destination, vx_slice mx,
    char out[VX_RELAY_NAME_MAX + 1])
{
	vx_slice name;
	const int rc = find(vx_view_txn(v), domain, destination, mx, &name);

	if (rc != VX_OK)
		return rc;
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
	return VX_OK;
}

int vx_queue_slot(struct vx_kv_txn *txn, vx_slice domain, vx_slice destination,
    vx_slice mx, struct vx_slot *out)
{
	vx_slice name;
	const int rc = find(txn, domain, destination, mx, &name);

	if (rc != VX_OK && rc != VX_ENOENT && rc != VX_WAIT)
		return rc;
	out->len = 0;
	if (rc == VX_OK)
		out->name[out->len++] = VX_RELAY_MARK;
	else
		name = vx_slice_head(destination, VX_DNS_NAME_MAX);
	memcpy(out->name + out->len, name.ptr, name.len);
	out->len += name.len;
	return VX_OK;
}

int vx_queue_destination_of(vx_slice path, struct vx_slot *out)
{
	const vx_slice domain = vx_slice_from(path, vx_slice_rfind(path, '@') + 1);
	struct vx_buf name = { .max = VX_DNS_NAME_MAX };
	int rc = add_host(domain, &name);

	if (rc == VX_OK && name.failed)
		rc = VX_EINVAL;
	if (rc == VX_OK) {
		out->len = name.len;
		memcpy(out->name, name.ptr, name.len);
	}
	vx_buf_done(&name);
	return rc;
}

/* --- changing --------------------------------------------------------------------------
 */

struct rule {
	char kind;
	vx_slice pattern, domain;
};

static struct rule rule_of(vx_slice pattern, vx_slice domain)
{
	if (pattern.len == 0)
		return (struct rule){ RULE_ANY, pattern, domain };
	if (vx_slice_has_prefix(pattern, VX_S("*.")))
		return (struct rule){ RULE_BELOW, vx_slice_from(pattern, 2), domain };
	if (vx_slice_has_prefix(pattern, VX_S("mx:")))
		return (struct rule){ RULE_MX, vx_slice_from(pattern, 3), domain };
	return (struct rule){ RULE_EXACT, pattern, domain };
}

typedef int rule_fn(
    struct vx_kv_txn *txn, const struct vx_key *k, vx_slice relay, vx_slice *other);

/* All rules of a relay: the one list times the other, of which an empty one has "". */
static int each_rule(
    struct vx_kv_txn *txn, const struct vx_relay *r, rule_fn *fn, vx_slice *other)
{
	vx_slice patterns = r->destinations, pattern;
	size_t count = 0;

	do {
		vx_slice domains = r->domains, domain;

		(void)vx_slice_cut(&patterns, '\n', &pattern);
		do {
			struct rule rule;
			struct vx_key k;
			int rc;

			(void)vx_slice_cut(&domains, '\n', &domain);
			rule = rule_of(pattern, domain);
			if (rule.pattern.len + domain.len > RULE_TEXT_MAX)
				return VX_EINVAL;
			if (++count > VX_RELAY_RULES_MAX)
				return VX_ELIMIT;
			rule_key(&k, rule.kind, rule.pattern, rule.domain);
			rc = fn(txn, &k, r->name, other);
			if (rc != VX_OK)
				return rc;
		} while (domains.len > 0);
	} while (patterns.len > 0);
	return VX_OK;
}

/* Nobody else has it. */
static int check_rule(
    struct vx_kv_txn *txn, const struct vx_key *k, vx_slice relay, vx_slice *other)
{
	const int rc = read_rule(txn, k, other);

	if (rc == VX_OK && !vx_slice_eq(*other, relay))
		return VX_ECONFLICT;
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int write_rule(
    struct vx_kv_txn *txn, const struct vx_key *k, vx_slice relay, vx_slice *other)
{
	struct vx_buf value = { .max = VX_VALUE_HEADER + VX_RELAY_NAME_MAX };
	const char fixed[VX_VALUE_HEADER] = { 0 };

	(void)other;
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_buf_add(&value, relay);
	return vx_queue_put(txn, k, &value);
}

static int delete_rule(
    struct vx_kv_txn *txn, const struct vx_key *k, vx_slice relay, vx_slice *other)
{
	vx_slice name;
	int rc = read_rule(txn, k, &name);

	(void)other;
	if (rc != VX_OK || !vx_slice_eq(name, relay))
		return rc == VX_ENOENT ? VX_OK : rc;
	rc = vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(k));
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int count_relays(struct vx_kv_txn *txn, size_t *count)
{
	struct vx_relay r = { .name = { 0 } };
	int rc;

	*count = 0;
	while ((rc = next_relay(txn, r.name, &r)) == VX_OK)
		(*count)++;
	return rc == VX_ENOENT ? VX_OK : rc;
}

static bool is_text(vx_slice s, size_t max)
{
	return s.len <= max && vx_slice_find(s, '\0') == s.len;
}

/* The relay as it is kept, in buffers that the caller frees. */
static int check_relay(const struct vx_relay *in, struct vx_relay *out,
    struct vx_buf *host, struct vx_buf *domains, struct vx_buf *destinations)
{
	vx_slice bad;
	int rc = vx_relay_host(in->host, host);

	if (rc == VX_OK)
		rc = vx_relay_domains(in->domains, domains, &bad);
	if (rc == VX_OK)
		rc = vx_relay_destinations(in->destinations, destinations, &bad);
	if (rc == VX_OK && (!vx_relay_name_ok(in->name) || in->port == 0 ||
			       !is_text(in->user, VX_RELAY_USER_MAX) ||
			       !is_text(in->password, VX_RELAY_PASSWORD_MAX) ||
			       (in->user.len > 0 && in->tls == VX_RELAY_OFFERED) ||
			       (in->user.len == 0) != (in->password.len == 0)))
		rc = VX_EINVAL;
	*out = *in;
	out->host = vx_buf_slice(host);
	out->domains = vx_buf_slice(domains);
	out->destinations = vx_buf_slice(destinations);
	return rc;
}

static int keep_other(struct vx_relay_op *op, int rc, vx_slice other)
{
	if (rc == VX_ECONFLICT) {
		memcpy(op->other, other.ptr, other.len);
		op->other[other.len] = '\0';
	}
	return rc;
}

/* r is in memory of our own. */
static int replace(struct vx_relay_op *op, struct vx_kv_txn *txn, struct vx_relay *r)
{
	struct vx_arena arena;
	struct vx_relay old;
	vx_slice other = { 0 };
	size_t count;
	int rc = read_relay(txn, r->name, &old);

	r->created = rc == VX_OK ? old.created : (uint64_t)vx_clock_s();
	if (op->verb == VX_RELAY_ADD)
		rc = rc == VX_OK ? VX_EEXIST : rc == VX_ENOENT ? VX_OK : rc;
	if (rc == VX_OK && op->verb == VX_RELAY_ADD) {
		rc = count_relays(txn, &count);
		if (rc == VX_OK && count >= VX_RELAYS_MAX)
			rc = VX_ELIMIT;
	}
	if (rc == VX_OK)
		rc = keep_other(op, each_rule(txn, r, check_rule, &other), other);
	if (rc != VX_OK)
		return rc;
	vx_arena_init(&arena, 2 * LIST_OCTETS_MAX);
	if (op->verb == VX_RELAY_SET) {
		rc = vx_arena_copy(&arena, old.domains, &old.domains);
		if (rc == VX_OK)
			rc = vx_arena_copy(&arena, old.destinations, &old.destinations);
		old.name = r->name;
		if (rc == VX_OK)
			rc = each_rule(txn, &old, delete_rule, NULL);
	}
	if (rc == VX_OK)
		rc = write_relay(txn, r);
	if (rc == VX_OK)
		rc = each_rule(txn, r, write_rule, NULL);
	vx_arena_done(&arena);
	return rc;
}

static int remove_relay(struct vx_relay_op *op, struct vx_kv_txn *txn)
{
	struct vx_arena arena;
	struct vx_relay old;
	struct vx_key k;
	int rc = read_relay(txn, op->relay.name, &old);

	if (rc != VX_OK)
		return rc;
	vx_arena_init(&arena, 2 * LIST_OCTETS_MAX);
	old.name = op->relay.name;
	rc = vx_arena_copy(&arena, old.domains, &old.domains);
	if (rc == VX_OK)
		rc = vx_arena_copy(&arena, old.destinations, &old.destinations);
	if (rc == VX_OK)
		rc = each_rule(txn, &old, delete_rule, NULL);
	vx_arena_done(&arena);
	relay_key(&k, op->relay.name);
	return rc == VX_OK ? vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&k)) : rc;
}

static int apply_relay(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_relay_op *op = (struct vx_relay_op *)base;
	struct vx_buf host = { .max = VX_DNS_NAME_MAX },
		      domains = { .max = LIST_OCTETS_MAX },
		      destinations = { .max = LIST_OCTETS_MAX };
	struct vx_relay relay;
	int rc;

	op->other[0] = '\0';
	if (op->verb == VX_RELAY_REMOVE) {
		rc = remove_relay(op, txn);
	} else {
		rc = check_relay(&op->relay, &relay, &host, &domains, &destinations);
		if (rc == VX_OK)
			rc = replace(op, txn, &relay);
	}
	if (rc == VX_OK)
		vx_kv_note_change(txn, VX_WATCH_QUEUE, VX_QUEUE_WATCH_ROUTES, 0);
	vx_buf_done(&host);
	vx_buf_done(&domains);
	vx_buf_done(&destinations);
	return rc;
}

void vx_relay_op_init(struct vx_relay_op *op, enum vx_relay_verb verb)
{
	*op = (struct vx_relay_op){ .op = { .apply = apply_relay }, .verb = verb };
	op->op.frees = verb == VX_RELAY_REMOVE;
}
