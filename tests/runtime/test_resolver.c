/* The resolver on a loop, against a name server of a few lines in the same loop. */
#include "lib/vxt.h"
#include "runtime/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uv_loop_t loop;
static uv_udp_t server;
static char buffer[4096];
static char last = 1;  /* octet of the address that it says */
static unsigned asked; /* questions that reached the server */
static struct vx_resolver *resolver;
static struct vx_config config;

/* --- the name server: what it says is in the name ------------------------------------
 */

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *out)
{
	(void)h;
	(void)size;
	*out = uv_buf_init(buffer, sizeof(buffer));
}

static size_t question_end(const char *m, size_t len)
{
	size_t at = 12;

	while (at < len && m[at] != 0)
		at += (unsigned char)m[at] + 1;
	return at + 5;
}

static bool name_has(const char *m, size_t len, const char *word)
{
	return memmem(m + 12, len - 12, word, strlen(word)) != NULL;
}

static size_t answer(char *m, size_t len)
{
	static const char a[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\300\0\2\1";
	static const char soa[] =
	    "\xc0\x0c\0\6\0\1\0\0\0\x3c\0\x16\0\0\0\0\0\1\0\0\0\1\0\0\0"
	    "\1\0\0\0\1\0\0\0\x3c";
	const size_t end = question_end(m, len);
	const bool is_a = m[end - 3] == 1;

	m[2] = (char)0x84;
	m[3] = name_has(m, len, "missing") ? 3 : name_has(m, len, "broken") ? 2 : 0;
	memset(m + 6, 0, 6);
	if (m[3] == 0 && is_a && !name_has(m, len, "empty")) {
		m[7] = 1;
		memcpy(m + end, a, sizeof(a) - 1);
		m[end + sizeof(a) - 2] = last;
		return end + sizeof(a) - 1;
	}
	if (m[3] != 2) {
		m[9] = 1;
		memcpy(m + end, soa, sizeof(soa) - 1);
		return end + sizeof(soa) - 1;
	}
	return end;
}

static void on_query(uv_udp_t *h, ssize_t n, const uv_buf_t *buf,
    const struct sockaddr *from, unsigned flags)
{
	uv_buf_t out;

	(void)flags;
	if (n < 17 || from == NULL)
		return;
	asked++;
	if (name_has(buf->base, (size_t)n, "silent"))
		return;
	out = uv_buf_init(buf->base, (unsigned)answer(buf->base, (size_t)n));
	ck_assert_int_ge(uv_udp_try_send(h, &out, 1, from), 0);
}

/* --- asking --------------------------------------------------------------------------
 */

struct lookup {
	struct vx_lookup base;
	enum vx_dns_status status;
	size_t count;
	char address[VX_DNS_ADDRESS_MAX + 1];
	unsigned done;
};

static void on_done(struct vx_lookup *base, const struct vx_dns_answer *a)
{
	struct lookup *l = (struct lookup *)base;

	l->done++;
	l->status = a->status;
	l->count = a->count;
	ck_assert(!a->secure);
	if (a->count > 0)
		vxt_assert_ok(vx_dns_read_address(a->rdata[0], l->address));
}

static void ask_as(struct lookup *l, const char *name, bool fresh)
{
	memset(l, 0, sizeof(*l));
	l->base.done = on_done;
	l->base.fresh = fresh;
	vxt_assert_ok(vx_dns_ask(VX_DNS_A, "", vx_slice_str(name), &l->base.question));
	vxt_assert_ok(vx_resolver_ask(resolver, &l->base));
	ck_assert_uint_eq(l->done, 0); /* never from within */
}

static void ask(struct lookup *l, const char *name)
{
	ask_as(l, name, false);
}

static void wait_for(const struct lookup *l)
{
	const uint64_t until = uv_hrtime() + 20u * 1000000000u;

	while (l->done == 0 && uv_hrtime() < until)
		(void)uv_run(&loop, UV_RUN_ONCE);
	ck_assert_uint_eq(l->done, 1);
}

static void begin(void)
{
	static char zone[60], deep[60];
	const struct vx_log log = { .fd = STDERR_FILENO, .level = VX_LOG_ERROR };
	struct sockaddr_in at;
	int len = sizeof(at);
	struct vx_error err = { .text = "" };

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_udp_init(&loop, &server), 0);
	ck_assert_int_eq(uv_ip4_addr("127.0.0.1", 0, &at), 0);
	ck_assert_int_eq(uv_udp_bind(&server, (const struct sockaddr *)&at, 0), 0);
	ck_assert_int_eq(uv_udp_getsockname(&server, (struct sockaddr *)&at, &len), 0);
	ck_assert_int_eq(uv_udp_recv_start(&server, on_alloc, on_query), 0);
	(void)snprintf(zone, sizeof(zone), "test 127.0.0.1@%u", ntohs(at.sin_port));
	/* below one that resolvers know without asking (RFC 8375) */
	(void)snprintf(
	    deep, sizeof(deep), "deep.home.arpa 127.0.0.1@%u", ntohs(at.sin_port));
	config = (struct vx_config){ .dns_trust_anchor = "/nonexistent",
		.dns_zones = { .items = { zone, deep }, .count = 2 } };
	ck_assert_msg(vx_resolver_new(&loop, &config, &log, &resolver, &err) == VX_OK,
	    "%s", err.text);
	asked = 0;
}

static void end(void)
{
	vx_resolver_free(resolver);
	uv_close((uv_handle_t *)&server, NULL);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0); /* every handle is closed */
}

START_TEST(answers_have_a_status)
{
	static const struct {
		const char *name;
		enum vx_dns_status status;
	} cases[] = { { "a.test", VX_DNS_FOUND }, { "empty.test", VX_DNS_NODATA },
		{ "missing.test", VX_DNS_NO_NAME }, { "broken.test", VX_DNS_FAILED },
		{ "a.deep.home.arpa", VX_DNS_FOUND } };
	struct lookup l;

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask(&l, cases[i].name);
		wait_for(&l);
		ck_assert_int_eq(l.status, cases[i].status);
		ck_assert_uint_eq(l.count, cases[i].status == VX_DNS_FOUND);
	}
	ask(&l, "A.Test.");
	wait_for(&l);
	ck_assert_str_eq(l.address, "192.0.2.1");
	end();
}
END_TEST

START_TEST(answers_are_remembered)
{
	struct lookup l;
	unsigned before;

	begin();
	ask(&l, "b.test");
	wait_for(&l);
	before = asked;
	ck_assert_uint_gt(before, 0);
	for (int i = 0; i < 100; i++) {
		ask(&l, i % 2 == 0 ? "b.test" : "B.test");
		wait_for(&l);
		ck_assert_str_eq(l.address, "192.0.2.1");
	}
	ck_assert_uint_eq(asked, before);
	end();
}
END_TEST

static void expect(const char *name, bool fresh, const char *address)
{
	struct lookup l;

	ask_as(&l, name, fresh);
	wait_for(&l);
	ck_assert_str_eq(l.address, address);
}

static void on_timer(uv_timer_t *t)
{
	uv_stop(t->loop);
}

/* What fresh lookups remember, as the loop sees it. */
static void let_it_be_old(void)
{
	uv_timer_t t;

	ck_assert_int_eq(uv_timer_init(&loop, &t), 0);
	ck_assert_int_eq(uv_timer_start(&t, on_timer, VX_LOOKUP_FRESH_MS, 0), 0);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&t, NULL);
	(void)uv_run(&loop, UV_RUN_NOWAIT);
}

/* A record is another one long before its time is over, and only who asks anew sees it.
 */
START_TEST(fresh_lookups)
{
	static struct lookup l[20];

	begin();
	expect("c.test", true, "192.0.2.1");
	expect("c.test", false, "192.0.2.1");
	last = 2;
	let_it_be_old();
	expect("c.test", true, "192.0.2.2");
	expect("c.test", false, "192.0.2.1");
	last = 1;
	/* some are under way in one that is old, and some at the end */
	for (unsigned i = 0; i < 10; i++)
		ask_as(&l[i], "silent.test", true);
	vx_resolver_forget(resolver, &l[0].base);
	let_it_be_old();
	vx_resolver_sweep(resolver);
	for (unsigned i = 10; i < 20; i++)
		ask_as(&l[i], "silent.test", true);
	expect("d.test", true, "192.0.2.1");
	end();
}
END_TEST

START_TEST(many_at_once_and_some_forgotten)
{
	static struct lookup l[500];
	char name[40];

	begin();
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "n%u.%s", i,
		    i % 10 == 7 ? "silent.test" : "test");
		ask(&l[i], name);
	}
	for (unsigned i = 0; i < 500; i += 5)
		vx_resolver_forget(resolver, &l[i].base);
	for (unsigned i = 0; i < 500; i++)
		if (i % 5 != 0 && i % 10 != 7)
			wait_for(&l[i]);
	for (unsigned i = 0; i < 500; i += 5)
		ck_assert_uint_eq(l[i].done, 0);
	end(); /* what is silent is under way still */
}
END_TEST

START_TEST(silence_fails)
{
	struct lookup l;

	begin();
	ask(&l, "silent.test");
	wait_for(&l);
	ck_assert_int_eq(l.status, VX_DNS_FAILED);
	end();
}
END_TEST

VXT_SUITE(test_resolver, "resolver", answers_have_a_status, answers_are_remembered,
    fresh_lookups, many_at_once_and_some_forgotten, silence_fails)
