/* Pending domains over time: who is looked for when, with a clock and a DNS of ours. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "service/verify_plan.h"
#include "vectis/verifier.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define T1 "1111111111111111111111111111111111111111111111111111111111111111"
#define T2 "2222222222222222222222222222222222222222222222222222222222222222"
#define START 1700000000
#define HOUR 3600
#define DAY 86400

/* --- the plan alone --------------------------------------------------------------------
 */

static void name(struct verify_plan *p, const char *domain, const char *token,
    int64_t asked, int64_t at)
{
	const struct vx_domain d = { .status = VX_DOMAIN_PENDING,
		.name = vx_slice_str(domain),
		.token = vx_slice_str(token),
		.asked = (uint64_t)asked };

	vxt_assert_ok(verify_plan_name(p, &d, at));
}

/* How many looks from then on for so many seconds, none of which sees anything. */
static unsigned looks(struct verify_plan *p, int64_t from, int64_t seconds)
{
	unsigned n = 0;
	struct verify_item *i;

	for (int64_t t = from; t < from + seconds; t++)
		while ((i = verify_plan_due(p, t)) != NULL) {
			n++;
			verify_plan_again(p, i, t);
		}
	return n;
}

START_TEST(once_a_minute_and_later_less_often)
{
	struct verify_plan p;

	verify_plan_init(&p);
	verify_plan_begin(&p);
	verify_plan_end(&p);
	ck_assert_uint_eq(looks(&p, START, DAY), 0);
	verify_plan_begin(&p);
	name(&p, "d.test", T1, START, START);
	verify_plan_end(&p);
	ck_assert_uint_eq(
	    looks(&p, START, VX_VERIFIER_SOON_S), 0); /* who asked has looked */
	ck_assert_uint_eq(looks(&p, START + 60, HOUR - 60), 59);
	ck_assert_uint_eq(looks(&p, START + HOUR, DAY - HOUR), 23 * 6);
	ck_assert_uint_eq(looks(&p, START + DAY, 10 * DAY), 240);
	/* named again, nothing is different */
	verify_plan_begin(&p);
	name(&p, "d.test", T1, START, START + 11 * DAY);
	verify_plan_end(&p);
	ck_assert_uint_eq(looks(&p, START + 11 * DAY, DAY), 24);
	/* asked for again: once a minute */
	verify_plan_begin(&p);
	name(&p, "d.test", T1, START + 12 * DAY, START + 12 * DAY);
	verify_plan_end(&p);
	ck_assert_uint_eq(looks(&p, START + 12 * DAY, HOUR), 59);
	/* not named: gone */
	verify_plan_begin(&p);
	verify_plan_end(&p);
	ck_assert_uint_eq(looks(&p, START + 13 * DAY, DAY), 0);
	verify_plan_done(&p);
}
END_TEST

/* What was pending long before a restart is looked for at once. */
START_TEST(after_a_restart)
{
	struct verify_plan p;

	verify_plan_init(&p);
	verify_plan_begin(&p);
	name(&p, "d.test", T1, START - 5, START);
	name(&p, "e.test", T2, START - 10 * DAY, START);
	verify_plan_end(&p);
	ck_assert_uint_eq(looks(&p, START, 1), 2);
	ck_assert_uint_eq(looks(&p, START + 1, 600), 10);
	verify_plan_done(&p);
}
END_TEST

START_TEST(the_clock_goes_back)
{
	struct verify_plan p;

	verify_plan_init(&p);
	verify_plan_begin(&p);
	name(&p, "d.test", T1, START, START);
	verify_plan_end(&p);
	ck_assert_uint_eq(looks(&p, START, 120), 2);
	ck_assert_uint_ge(looks(&p, START - 10 * DAY, HOUR), 59);
	/* and a record that is of tomorrow, or of no time at all */
	verify_plan_begin(&p);
	name(&p, "d.test", T1, START + DAY, START);
	name(&p, "e.test", T2, INT64_MAX, START);
	verify_plan_end(&p);
	ck_assert_uint_ge(looks(&p, START, HOUR), 110);
	verify_plan_done(&p);
}
END_TEST

/* One that goes, or is another, while it is looked for. */
START_TEST(busy_ones_stay)
{
	struct verify_plan p;
	struct verify_item *i;

	verify_plan_init(&p);
	verify_plan_begin(&p);
	name(&p, "d.test", T1, START - HOUR, START);
	verify_plan_end(&p);
	i = verify_plan_due(&p, START);
	ck_assert_ptr_nonnull(i);
	verify_plan_begin(&p);
	verify_plan_end(&p);
	ck_assert_str_eq(i->name, "d.test");
	verify_plan_again(&p, i, START + 1);
	ck_assert_uint_eq(p.items.count, 0);
	ck_assert_uint_eq(p.busy, 0);
	verify_plan_done(&p);
}
END_TEST

/* --- on a loop -------------------------------------------------------------------------
 */

#define ASKED_MAX 100

static struct vxt_zone zone;
static struct vx_store *store;
static struct vx_verifier *verifier;
static struct vx_lookup *asked[ASKED_MAX];
static size_t asked_count, asks, most;
static bool full; /* the resolver takes no questions */
static int64_t now;
static char dir[200], log_path[230];
static struct vx_log sink = { .level = VX_LOG_INFO };

static int loop_ask(struct vx_loop *loop, struct vx_lookup *l)
{
	(void)loop;
	ck_assert(l->fresh);
	asks++;
	if (full)
		return VX_ELIMIT;
	ck_assert_uint_lt(asked_count, ASKED_MAX);
	asked[asked_count++] = l;
	most = asked_count > most ? asked_count : most;
	return VX_OK;
}

static void loop_forget(struct vx_loop *loop, struct vx_lookup *l)
{
	(void)loop;
	for (size_t i = 0; i < asked_count; i++)
		if (asked[i] == l) {
			asked[i] = asked[--asked_count];
			return;
		}
	ck_abort_msg("forgotten, and never asked");
}

static int64_t loop_now(struct vx_loop *loop)
{
	(void)loop;
	return now;
}

static struct vx_loop loop = {
	.ask = loop_ask, .forget = loop_forget, .now_s = loop_now
};

static void start(void)
{
	const struct vx_verifier_options o = {
		.struct_size = sizeof(o), .store = store, .log = &sink, .loop = &loop
	};

	vxt_assert_ok(vx_verifier_new(&o, &verifier));
}

static void set_up(void)
{
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = dir, .ballast_octets = 4096
	};
	struct vx_error err;

	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	(void)snprintf(log_path, sizeof(log_path), "%s/log", dir);
	sink.fd = open(log_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(sink.fd, 0);
	ck_assert_msg(vx_store_open(&o, &store, &err) == VX_OK, "%s", err.text);
	vxt_zone_init(&zone);
	now = START;
	asks = most = asked_count = 0;
	full = false;
	start();
}

static void tear_down(void)
{
	vx_verifier_free(verifier);
	vx_store_close(store);
	vxt_zone_done(&zone);
	(void)close(sink.fd);
	vxt_rmdir(dir);
}

static int run(enum vx_directory_verb verb, const char *domain, const char *token,
    enum vx_domain_status status)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, verb);
	op.name = vx_slice_str(domain);
	op.token = vx_slice_str(token);
	op.status = status;
	op.asked = (uint64_t)now;
	return vx_store_run(store, &op.op);
}

static void add(const char *domain, const char *token)
{
	vxt_assert_ok(run(VX_DOMAIN_ADD, domain, token, VX_DOMAIN_UNVERIFIED));
}

static void want(const char *domain)
{
	vxt_assert_ok(run(VX_DOMAIN_VERIFY, domain, "", VX_DOMAIN_PENDING));
}

static enum vx_domain_status status_of(const char *domain)
{
	struct vx_domain d = { .status = VX_DOMAIN_VERIFIED };
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_domain(v, vx_slice_str(domain), &d));
	vx_view_end(v);
	return d.status;
}

static void answer_all(void)
{
	while (asked_count > 0) {
		struct vx_lookup *l = asked[--asked_count];
		const struct vx_dns_answer a = vxt_zone_answer(&zone, &l->question);

		l->done(l, &a);
	}
}

/* So many seconds, each with a tick and the answers to what it asked. */
static void pass(int64_t seconds)
{
	for (int64_t i = 0; i < seconds; i++) {
		now++;
		vx_store_dispatch(store);
		vx_verifier_tick(verifier);
		answer_all();
	}
}

/* An op is on another thread: until it is done. */
static void wait_for(const char *domain, enum vx_domain_status status)
{
	for (int i = 0; i < 5000 && status_of(domain) != status; i++) {
		vx_store_dispatch(store);
		(void)usleep(1000);
	}
	ck_assert_int_eq(status_of(domain), status);
}

static bool logged(const char *text)
{
	static char all[20000];
	const ssize_t n = pread(sink.fd, all, sizeof(all) - 1, 0);

	ck_assert_int_ge(n, 0);
	all[n] = '\0';
	return strstr(all, text) != NULL;
}

START_TEST(it_is_seen_and_noted)
{
	set_up();
	add("d.test", T1);
	pass(HOUR);
	ck_assert_uint_eq(asks, 0); /* nobody has asked for it */
	want("d.test");
	pass(10 * 60);
	ck_assert_uint_eq(asks, 10);
	ck_assert_int_eq(status_of("d.test"), VX_DOMAIN_PENDING);
	vxt_zone_add(&zone, "d.test", VX_DNS_TXT, "vectis-verify=" T2); /* another's */
	pass(60);
	ck_assert_int_eq(status_of("d.test"), VX_DOMAIN_PENDING);
	vxt_zone_add(&zone, "d.test", VX_DNS_TXT, "vectis-verify=" T1);
	pass(60);
	wait_for("d.test", VX_DOMAIN_VERIFIED);
	pass(5);
	for (int i = 0; i < 5000 && !logged("domain verified"); i++) {
		vx_store_dispatch(store);
		(void)usleep(1000);
	}
	ck_assert(logged("d.test"));
	asks = 0;
	pass(HOUR);
	ck_assert_uint_eq(asks, 0);
	tear_down();
}
END_TEST

START_TEST(a_dns_that_fails)
{
	set_up();
	add("d.test", T1);
	vxt_zone_fail(&zone, "d.test", VX_DNS_FAILED);
	want("d.test");
	pass(HOUR);
	ck_assert_uint_eq(asks, 60);
	full = true; /* and a resolver that has too much to do */
	pass(HOUR);
	ck_assert_uint_ge(asks, 60 + 5);
	ck_assert_int_eq(status_of("d.test"), VX_DOMAIN_PENDING);
	tear_down();
}
END_TEST

START_TEST(so_many_at_once)
{
	char domain[40];

	set_up();
	for (int i = 0; i < 40; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.test", i);
		add(domain, T1);
		want(domain);
		vxt_zone_add(&zone, domain, VX_DNS_TXT, "vectis-verify=" T1);
	}
	now += 300;
	vx_store_dispatch(store);
	vx_verifier_tick(verifier);
	vx_verifier_tick(verifier);
	ck_assert_uint_eq(asked_count, VX_VERIFIER_AT_ONCE); /* the others wait */
	answer_all();
	for (int i = 0; i < 5000 && asks < 40; i++) {
		vx_store_dispatch(store);
		vx_verifier_tick(verifier);
		answer_all();
		(void)usleep(1000);
	}
	for (int i = 0; i < 40; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.test", i);
		wait_for(domain, VX_DOMAIN_VERIFIED);
	}
	ck_assert_uint_eq(asks, 40);
	ck_assert_uint_eq(most, VX_VERIFIER_AT_ONCE);
	tear_down();
}
END_TEST

START_TEST(domains_that_go)
{
	set_up();
	add("d.test", T1);
	want("d.test");
	pass(60);
	ck_assert_uint_eq(asks, 1);
	vxt_assert_ok(run(VX_DOMAIN_REMOVE, "d.test", "", VX_DOMAIN_VERIFIED));
	pass(HOUR);
	ck_assert_uint_eq(asks, 1);
	/* there again, and asked for under another token, while the old one is looked for
	 */
	add("d.test", T1);
	want("d.test");
	vxt_zone_add(&zone, "d.test", VX_DNS_TXT, "vectis-verify=" T1);
	for (int i = 0; i < 61; i++) {
		now++;
		vx_store_dispatch(store);
		vx_verifier_tick(verifier);
	}
	ck_assert_uint_eq(asked_count, 1);
	vxt_assert_ok(run(VX_DOMAIN_REMOVE, "d.test", "", VX_DOMAIN_VERIFIED));
	add("d.test", T2);
	answer_all();
	for (int i = 0; i < 100; i++) {
		vx_store_dispatch(store);
		(void)usleep(1000);
	}
	ck_assert_int_eq(status_of("d.test"), VX_DOMAIN_UNVERIFIED);
	tear_down();
}
END_TEST

/* Somebody vouches for it meanwhile. */
START_TEST(verified_by_another)
{
	set_up();
	add("d.test", T1);
	want("d.test");
	pass(60);
	vxt_assert_ok(run(VX_DOMAIN_VERIFY, "d.test", "", VX_DOMAIN_VERIFIED));
	asks = 0;
	pass(HOUR);
	ck_assert_uint_eq(asks, 0);
	ck_assert(!logged("domain verified"));
	tear_down();
}
END_TEST

START_TEST(it_ends_in_the_middle)
{
	set_up();
	add("d.test", T1);
	want("d.test");
	vxt_zone_add(&zone, "d.test", VX_DNS_TXT, "vectis-verify=" T1);
	now += 60;
	vx_store_dispatch(store);
	vx_verifier_tick(verifier);
	ck_assert_uint_eq(asked_count, 1);
	vx_verifier_free(verifier); /* a question is under way */
	ck_assert_uint_eq(asked_count, 0);
	start();
	vx_verifier_tick(verifier); /* what was pending is looked for at once */
	ck_assert_uint_eq(asked_count, 1);
	answer_all();
	vx_verifier_free(verifier); /* a note is */
	wait_for("d.test", VX_DOMAIN_VERIFIED);
	start();
	pass(HOUR);
	ck_assert_uint_eq(asks, 2);
	tear_down();
}
END_TEST

VXT_SUITE(test_verifier, "verifier", once_a_minute_and_later_less_often, after_a_restart,
    the_clock_goes_back, busy_ones_stay, it_is_seen_and_noted, a_dns_that_fails,
    so_many_at_once, domains_that_go, verified_by_another, it_ends_in_the_middle)
