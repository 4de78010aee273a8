/*
 * Relays: lists as people write them, entries of the store that may be damaged, and any
 * number of changes, after which a rule is there as long as its relay is.
 *
 * Input: 'd' and domains, 'p' and patterns of destinations, 'h' and a host; 's' and what
 * is behind the header of an entry, 'r' and the same of a rule; 'c' and changes, one a
 * line:
 * "+name|domains|destinations", "=name|...", "-name".
 */
#include "queue/record.h"
#include "queue/relay.h"
#include "store/account.h"
#include "tests/service/world.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	LIST_OCTETS = 16 * 1024,
	CHANGES = 20
};

static struct world the_world;

static void must(bool good)
{
	if (!good)
		abort();
}

static void at_end(void)
{
	world_close(&the_world); /* store check, too */
}

static struct vx_store *store(void)
{
	if (the_world.store == NULL) {
		world_open(&the_world);
		(void)atexit(at_end);
	}
	return the_world.store;
}

/* --- words -----------------------------------------------------------------------------
 */

typedef int list_fn(vx_slice words, struct vx_buf *out, vx_slice *bad);

/* What was normalised stays as it is, and has no more words than it may. */
static void list(list_fn *fn, vx_slice words)
{
	struct vx_buf once = { .max = LIST_OCTETS }, twice = { .max = LIST_OCTETS };
	vx_slice bad = { 0 }, rest, line;
	size_t count = 0;
	const int rc = fn(words, &once, &bad);

	must(rc == VX_OK || rc == VX_EINVAL || rc == VX_ELIMIT || rc == VX_ENOMEM);
	must(bad.len == 0 ||
	     (bad.ptr >= words.ptr && bad.ptr + bad.len <= words.ptr + words.len));
	if (rc == VX_OK) {
		must(fn(vx_buf_slice(&once), &twice, &bad) == VX_OK);
		must(vx_slice_eq(vx_buf_slice(&once), vx_buf_slice(&twice)));
		for (rest = vx_buf_slice(&once); rest.len > 0; count++) {
			(void)vx_slice_cut(&rest, '\n', &line);
			must(line.len > 0 && line.len <= VX_DNS_NAME_MAX + 3);
		}
		must(count <= VX_RELAY_LIST_MAX);
	}
	vx_buf_done(&once);
	vx_buf_done(&twice);
}

static void host(vx_slice word)
{
	struct vx_buf once = { .max = VX_DNS_NAME_MAX },
		      twice = { .max = VX_DNS_NAME_MAX };

	if (vx_relay_host(word, &once) == VX_OK && !once.failed) {
		must(once.len > 0);
		must(vx_relay_host(vx_buf_slice(&once), &twice) == VX_OK);
		must(vx_slice_eq(vx_buf_slice(&once), vx_buf_slice(&twice)));
	}
	vx_buf_done(&once);
	vx_buf_done(&twice);
}

/* --- entries ---------------------------------------------------------------------------
 */

struct raw { /* octets that are written as they are, with a right checksum */
	struct vx_store_op op;
	struct vx_key key;
	vx_slice octets; /* ptr NULL: it is deleted */
};

static int apply_raw(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct raw *x = (struct raw *)base;
	const char header[VX_VALUE_HEADER] = { 0 };
	struct vx_buf value = { .max = 65536 };
	int rc;

	if (x->octets.ptr == NULL) {
		rc = vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&x->key));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	vx_buf_add(&value, vx_slice_of(header, sizeof(header)));
	vx_buf_add(&value, x->octets);
	return vx_queue_put(txn, &x->key, &value);
}

static void put_raw(vx_slice key, vx_slice octets)
{
	struct raw x = { .op = { .apply = apply_raw, .frees = octets.ptr == NULL },
		.octets = octets };

	memcpy(x.key.octets, key.ptr, key.len);
	x.key.len = key.len;
	must(vx_store_run(store(), &x.op) == VX_OK);
}

static bool is_result(int rc)
{
	return rc == VX_OK || rc == VX_ENOENT || rc == VX_ECORRUPT || rc == VX_WAIT;
}

static void ask_all(void)
{
	static const char *const names[] = { "a.test", "b.a.test", "[192.0.2.1]", "x.b" };
	char name[VX_RELAY_NAME_MAX + 1];
	struct vx_relay r = { .name = { 0 } };
	struct vx_view *v;

	must(vx_view_begin(store(), &v) == VX_OK);
	for (int i = 0; i < CHANGES && vx_relay_next(v, r.name, &r) == VX_OK; i++)
		must(r.name.len <= 65536 && r.host.len <= 65536);
	for (size_t i = 0; i < 16; i++)
		must(is_result(vx_relay_route(v, vx_slice_str(i % 2 != 0 ? "a.test" : ""),
		    vx_slice_str(names[i / 4]),
		    vx_slice_str((i & 2) != 0 ? "mx.b.a.test" : ""), name)));
	vx_view_end(v);
}

static int change(
    enum vx_relay_verb verb, vx_slice name, vx_slice domains, vx_slice destinations)
{
	struct vx_relay_op op;

	vx_relay_op_init(&op, verb);
	op.relay = (struct vx_relay){ .name = name,
		.host = VX_S("relay.test"),
		.port = 25,
		.domains = domains,
		.destinations = destinations };
	return vx_store_run(store(), &op.op);
}

/* A damaged entry can be read or not, be replaced or not; it does no harm. */
static void entry(vx_slice octets)
{
	static const char relay[] = { VX_QUEUE_RELAY, 'a' };
	static const char rule[] = { VX_QUEUE_RULE, 'e', 'a', '.', 't', 'e', 's', 't',
		'\0' };
	const vx_slice key = vx_slice_of(relay, sizeof(relay));
	struct vx_relay r;
	struct vx_view *v;

	put_raw(key, octets);
	must(vx_view_begin(store(), &v) == VX_OK);
	if (vx_relay_get(v, VX_S("a"), &r) == VX_OK)
		must(r.tls == VX_RELAY_STARTTLS || r.tls == VX_RELAY_IMPLICIT ||
		     r.tls == VX_RELAY_OFFERED);
	vx_view_end(v);
	ask_all();
	(void)change(VX_RELAY_SET, VX_S("a"), VX_S("a.test"), VX_S("*.a.test"));
	ask_all();
	(void)change(VX_RELAY_REMOVE, VX_S("a"), VX_S(""), VX_S(""));
	put_raw(key, vx_slice_of(NULL, 0));
	put_raw(vx_slice_of(rule, sizeof(rule)), vx_slice_of(NULL, 0));
}

static void rule(vx_slice octets)
{
	static const char key[] = { VX_QUEUE_RULE, 'e', 'a', '.', 't', 'e', 's', 't',
		'\0' };

	put_raw(vx_slice_of(key, sizeof(key)), octets);
	ask_all();
	(void)change(VX_RELAY_ADD, VX_S("a"), VX_S(""), VX_S("a.test"));
	(void)change(VX_RELAY_REMOVE, VX_S("a"), VX_S(""), VX_S(""));
	put_raw(vx_slice_of(key, sizeof(key)), vx_slice_of(NULL, 0));
}

/* --- changes ---------------------------------------------------------------------------
 */

static void change_line(vx_slice line)
{
	const char verb = line.ptr[0];
	vx_slice name, domains, rest = vx_slice_from(line, 1);

	(void)vx_slice_cut(&rest, '|', &name);
	(void)vx_slice_cut(&rest, '|', &domains);
	(void)change(verb == '-'   ? VX_RELAY_REMOVE
		     : verb == '=' ? VX_RELAY_SET
				   : VX_RELAY_ADD,
	    name, domains, rest);
}

static bool has_rules(struct vx_view *v)
{
	const char kind = VX_QUEUE_RULE;
	const vx_slice prefix = vx_slice_of(&kind, 1);
	struct vx_kv_cursor *c;
	vx_slice key, value;
	bool found;

	must(vx_kv_cursor_open(vx_view_txn(v), VX_TREE_QUEUE, &c) == VX_OK);
	found = vx_kv_seek(c, prefix, &key, &value) == VX_OK &&
		vx_slice_has_prefix(key, prefix);
	vx_kv_cursor_close(c);
	return found;
}

/* Nothing is left of relays that are gone. */
static void remove_all(void)
{
	char octets[VX_RELAY_NAME_MAX + 1], name[VX_RELAY_NAME_MAX + 1];
	struct vx_relay r;
	struct vx_view *v;
	vx_slice key;
	int rc;

	for (;;) {
		must(vx_view_begin(store(), &v) == VX_OK);
		rc = vx_relay_next(v, vx_slice_of("", 0), &r);
		must(rc == VX_OK || rc == VX_ENOENT);
		if (rc == VX_OK) {
			must(vx_relay_name_ok(r.name));
			memcpy(octets, r.name.ptr, r.name.len);
			key = vx_slice_of(octets, r.name.len);
		}
		vx_view_end(v);
		if (rc != VX_OK)
			break;
		must(change(VX_RELAY_REMOVE, key, VX_S(""), VX_S("")) == VX_OK);
	}
	must(vx_view_begin(store(), &v) == VX_OK);
	/* with any rule of MX hosts it would have to wait, and one for all would match */
	must(vx_relay_route(v, VX_S("a.test"), VX_S("a.test"), VX_S(""), name) ==
	     VX_ENOENT);
	must(!has_rules(v));
	vx_view_end(v);
}

static void changes(vx_slice lines)
{
	vx_slice line;

	for (int i = 0; i < CHANGES && lines.len > 0; i++) {
		(void)vx_slice_cut(&lines, '\n', &line);
		if (line.len > 0)
			change_line(line);
		ask_all();
	}
	remove_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice rest = vx_slice_of(data + 1, size - 1);

	if (size < 1 || size > LIST_OCTETS)
		return 0;
	switch (data[0]) {
	case 'd':
		list(vx_relay_domains, rest);
		break;
	case 'p':
		list(vx_relay_destinations, rest);
		break;
	case 'h':
		host(rest);
		break;
	case 's':
		entry(rest);
		break;
	case 'r':
		rule(rest);
		break;
	default:
		changes(rest);
		break;
	}
	return 0;
}
