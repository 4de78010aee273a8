/*
 * Keys and the TLSA records of port 25, over years: no records that anybody may remember
 * are without a key that is served (world.c looks at that after each step).
 */
#include "acme/ca.h"

#include <stdio.h>

#define DAY INT64_C(86400)
#define HOUR INT64_C(3600)

static const char *const one[] = { "mail.example.com", "imap.example.com", NULL };

/* A lineage of both kinds in a signed zone; sets: the host sets the records. */
static void begin(struct world *w, bool sets)
{
	world_init(w);
	w->zone_secure = true;
	world_cert(w, "mail", VX_PKI_P256, one);
	world_cert(w, "mail", VX_PKI_RSA, one);
	for (size_t i = 0; sets && i < 2; i++)
		w->certs[i].dane = one[0];
	world_start(w);
}

static void key_of(struct world *w, size_t index, char out[VX_PKI_DIGEST_OCTETS])
{
	memcpy(out, w->served[index].cert.digest, VX_PKI_DIGEST_OCTETS);
}

static bool is_served(struct world *w, size_t index, const char *digest)
{
	return memcmp(w->served[index].cert.digest, digest, VX_PKI_DIGEST_OCTETS) == 0;
}

static bool is_published(const struct world *w, const char *digest)
{
	for (size_t i = 0; i < w->zone.count; i++)
		if (memcmp(w->zone.digests[i], digest, VX_PKI_DIGEST_OCTETS) == 0)
			return true;
	return false;
}

static int roll(struct world *w, enum vx_acme_haste haste)
{
	return vx_acme_do(w->core, VX_ACME_ROLL_KEYS, "mail", haste, 77);
}

/* What has to be so on each day. */
static void check_day(struct world *w, unsigned day)
{
	ck_assert_msg(w->mismatches == 0, "day %u: %u mismatches", day, w->mismatches);
	for (size_t i = 0; i < w->cert_count; i++)
		ck_assert_msg(w->served[i].installs > 0 &&
				  w->served[i].cert.not_after > w->now + DAY,
		    "day %u: no certificate of kind %zu", day, i);
	ck_assert_uint_eq(w->provided_count, 0);
}

static void live(struct world *w, unsigned from, unsigned days)
{
	const int64_t begin = w->now;

	for (unsigned day = 0; day < days; day++) {
		world_run(w, begin + (int64_t)(day + 1) * DAY);
		check_day(w, from + day);
	}
}

/* --- years ----------------------------------------------------------------------------
 */

START_TEST(four_hundred_days)
{
	static const struct {
		int64_t life_days;
		uint32_t ttl;
	} cases[] = { { 45, 300 }, { 7, 86400 } };

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		const unsigned renewals =
		    (unsigned)(400 * 3 / (cases[c].life_days * 2 - 4)) + 2;
		unsigned rolls = 0;
		struct world w;
		char before[2][VX_PKI_DIGEST_OCTETS];

		begin(&w, true);
		w.ca[0].life_s = cases[c].life_days * DAY;
		w.zone_ttl = cases[c].ttl;
		live(&w, 0, 2);
		ck_assert_uint_eq(w.generations, 1);
		ck_assert_uint_eq(w.zone.count, 4); /* in use and next, of both kinds */
		for (unsigned day = 2; day < 400; day += 33) {
			const bool rolls_now = day % 2 == 0;

			key_of(&w, 0, before[0]);
			key_of(&w, 1, before[1]);
			if (rolls_now)
				vxt_assert_ok(roll(
				    &w, day % 4 == 0 ? VX_ACME_STAGED : VX_ACME_URGENT));
			rolls += rolls_now;
			live(&w, day, 33);
			/* stable, but for what was asked for (TLS-26) */
			for (size_t i = 0; i < 2; i++) {
				ck_assert_int_eq(is_served(&w, i, before[i]), !rolls_now);
				ck_assert(is_published(&w, w.served[i].cert.digest));
				ck_assert_int_eq(is_published(&w, before[i]), !rolls_now);
			}
			ck_assert_uint_eq(w.zone.count, 4);
		}
		ck_assert_uint_ge(rolls, 6);
		ck_assert_msg(w.ca[0].order_count <= 2 * (renewals + rolls),
		    "%zu orders, %u renewals, %u rolls", w.ca[0].order_count, renewals,
		    rolls);
		/* both kinds at one time, always */
		ck_assert_uint_eq(w.generations * 2, w.ca[0].certs);
		ck_assert_uint_eq(w.served[0].installs, w.served[1].installs);
		ck_assert_str_eq(w.alarm, "");
		world_done(&w);
	}
}
END_TEST

/* A roll-over every three days, the process dies at another step of each. */
START_TEST(dies_at_every_step)
{
	unsigned steps = 0, day = 2;
	struct world w;

	begin(&w, true);
	w.zone_ttl = 300;
	live(&w, 0, day);
	for (unsigned at = 1; at == 1 || at <= steps; at++)
		for (unsigned after = 0; after < 2; after++) {
			const unsigned first = w.steps, deaths = w.deaths;
			char before[2][VX_PKI_DIGEST_OCTETS];

			key_of(&w, 0, before[0]);
			key_of(&w, 1, before[1]);
			w.die_at = w.steps + at;
			w.die_after = after == 1;
			vxt_assert_ok(roll(&w, VX_ACME_URGENT));
			world_run(&w, w.now + 60);
			/* nobody kept what was asked for: it is asked for again */
			if (!world_status(&w, 0).rolling && is_served(&w, 0, before[0]))
				vxt_assert_ok(roll(&w, VX_ACME_URGENT));
			live(&w, day, 3);
			day += 3;
			ck_assert_uint_eq(w.deaths, deaths + 1);
			for (size_t i = 0; i < 2; i++) {
				ck_assert_msg(!is_served(&w, i, before[i]),
				    "dead at %u: %s", at, w.told);
				ck_assert_msg(
				    !is_published(&w, before[i]), "dead at %u", at);
				ck_assert(!world_status(&w, i).rolling);
			}
			ck_assert_uint_eq(w.zone.count, 4);
			if (steps < w.steps - first && at == 1)
				steps = w.steps - first < 90 ? w.steps - first : 90;
		}
	ck_assert_uint_gt(steps, 60);
	/* two of each roll-over, and those that nobody heard of */
	ck_assert_uint_le(w.ca[0].order_count, 2 * steps * 2 + 2 * steps);
	world_done(&w);
}
END_TEST

/* The authority, the DNS and the host's right to set records come and go. */
START_TEST(four_hundred_bad_days)
{
	struct world w;

	begin(&w, true);
	w.ca[0].nonce_reject = 20;
	w.ca[0].life_s = 45 * DAY;
	live(&w, 0, 1);
	for (unsigned day = 1; day < 400; day++) {
		w.ca[0].deaf = day % 11 < 2;
		w.zone_bogus = day % 13 < 3;
		w.no_publish = day % 17 < 4;
		w.not_served = day % 19 < 2;
		if (day % 7 == 3) {
			w.die_at = w.steps + 1 + day % 9;
			w.die_after = day % 2 == 0;
		}
		if (day % 40 == 0)
			(void)roll(&w, VX_ACME_STAGED);
		live(&w, day, 1);
	}
	ck_assert_uint_gt(w.deaths, 20);
	ck_assert_uint_le(w.ca[0].order_count, 2 * (400 / 28 + 400 / 40 + 6));
	world_done(&w);
}
END_TEST

/* --- a person sets the records --------------------------------------------------------
 */

/* Publishes what is wanted, some days after it changed. */
START_TEST(a_slow_person)
{
	struct world w;
	char before[VX_PKI_DIGEST_OCTETS];
	unsigned changed = 0;

	begin(&w, false);
	live(&w, 0, 2);
	ck_assert_uint_eq(w.publishes, 0);
	world_publish_wanted(&w);
	ck_assert_uint_eq(w.zone.count, 4);
	key_of(&w, 0, before);
	for (unsigned day = 2; day < 200; day++) {
		if (day % 50 == 0)
			(void)roll(&w, VX_ACME_STAGED);
		if (day % 50 == 5 || day % 50 == 10)
			world_publish_wanted(&w);
		live(&w, day, 1);
		if (!is_served(&w, 0, before)) {
			key_of(&w, 0, before);
			changed++;
			/* the next one was there since the last time */
			ck_assert_uint_le(day % 50, 2);
		}
	}
	ck_assert_uint_eq(changed, 3);
	ck_assert_uint_eq(w.publishes, 0);
	world_done(&w);
}
END_TEST

/* Who publishes the key in use only keeps it, whatever is asked for. */
START_TEST(a_person_who_forgets)
{
	char before[2][VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, false);
	live(&w, 0, 2);
	key_of(&w, 0, before[0]);
	key_of(&w, 1, before[1]);
	world_publish(&w, (const char(*)[VX_PKI_DIGEST_OCTETS])before, 2);
	live(&w, 2, 1);
	ck_assert_ptr_nonnull(strstr(w.told, "_25._tcp.mail.example.com. TLSA 3 1 1 "));
	ck_assert_ptr_nonnull(strstr(w.told, "next key"));
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.ended, 77);
	live(&w, 3, 70);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(is_served(&w, i, before[i]));
		ck_assert_uint_eq(w.served[i].installs, 2);
		ck_assert(world_status(&w, i).rolling);
		ck_assert_int_eq(world_status(&w, i).next_ready, INT64_MAX);
	}
	ck_assert_uint_eq(w.ca[0].order_count, 4);
	/* one of them is remembered at last */
	world_publish_wanted(&w);
	live(&w, 73, 1);
	ck_assert(is_served(&w, 0, before[0]));
	live(&w, 74, 1);
	ck_assert(!is_served(&w, 0, before[0]) && !is_served(&w, 1, before[1]));
	world_done(&w);
}
END_TEST

/* Records that do not name what is served are told, and are no reason to wait for ever.
 */
START_TEST(a_person_who_is_wrong)
{
	static const char nobody[1][VX_PKI_DIGEST_OCTETS] = { "nobody's" };
	char before[VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, false);
	live(&w, 0, 2);
	key_of(&w, 0, before);
	world_publish(&w, nobody, 1);
	world_run(&w, w.now + 7 * HOUR);
	ck_assert_ptr_nonnull(strstr(w.alarm, "do not deliver mail here"));
	ck_assert_uint_gt(w.mismatches, 0);
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	world_run(&w, w.now + 10 * HOUR);
	ck_assert(is_served(&w, 0, before));
	world_run(&w, w.now + DAY);
	ck_assert(!is_served(&w, 0, before));
	/* taken out: whoever remembers them waits; then there is no rule */
	world_publish(&w, NULL, 0);
	key_of(&w, 0, before);
	world_run(&w, w.now + 7 * HOUR);
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	world_run(&w, w.now + DAY / 2);
	ck_assert(!is_served(&w, 0, before));
	world_done(&w);
}
END_TEST

/* Who remembers records that are gone, without the next key, is waited for. */
START_TEST(records_are_taken_out)
{
	char before[2][VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, false);
	w.zone_ttl = 86400;
	live(&w, 0, 2);
	key_of(&w, 0, before[0]);
	key_of(&w, 1, before[1]);
	world_publish(&w, (const char(*)[VX_PKI_DIGEST_OCTETS])before, 2);
	live(&w, 2, 4);
	world_publish(&w, NULL, 0);
	while (world_status(&w, 0).dane)
		world_run(&w, w.now + HOUR);
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	live(&w, 7, 1);
	ck_assert(is_served(&w, 0, before[0]));
	live(&w, 8, 2);
	ck_assert(!is_served(&w, 0, before[0]) && !is_served(&w, 1, before[1]));
	world_done(&w);
}
END_TEST

/* A TTL that becomes smaller makes roll-overs shorter, when nobody has the larger one. */
START_TEST(a_shorter_ttl)
{
	static const uint32_t large = 7 * 86400;
	char before[VX_PKI_DIGEST_OCTETS];
	struct world w;
	struct world_set zone;

	begin(&w, true);
	w.zone_ttl = large;
	live(&w, 0, 9);
	ck_assert_int_eq(world_status(&w, 0).dane_ttl, large);
	w.zone_ttl = 300;
	zone = w.zone;
	world_publish(&w, (const char(*)[VX_PKI_DIGEST_OCTETS])zone.digests, zone.count);
	live(&w, 9, 5);
	ck_assert_int_eq(world_status(&w, 0).dane_ttl, large);
	live(&w, 14, 9);
	ck_assert_int_eq(world_status(&w, 0).dane_ttl, 300);
	key_of(&w, 0, before);
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	live(&w, 23, 3);
	ck_assert(!is_served(&w, 0, before));
	/* and a larger one counts at once */
	w.zone_ttl = 86400;
	zone = w.zone;
	world_publish(&w, (const char(*)[VX_PKI_DIGEST_OCTETS])zone.digests, zone.count);
	live(&w, 26, 1);
	ck_assert_int_eq(world_status(&w, 0).dane_ttl, 86400);
	world_done(&w);
}
END_TEST

/* A tool that reads what was kept does not take old looks for new ones. */
START_TEST(looked_long_ago)
{
	struct vx_acme_status s;
	struct world w;

	begin(&w, true);
	live(&w, 0, 3);
	vxt_assert_ok(vx_acme_status(w.core, w.now, 0, &s));
	ck_assert_int_lt(s.next_ready, w.now);
	vxt_assert_ok(
	    vx_acme_status(w.core, s.dane_looked + VX_ACME_UNSEEN_MAX_S, 0, &s));
	ck_assert_int_lt(s.next_ready, w.now);
	vxt_assert_ok(
	    vx_acme_status(w.core, s.dane_looked + VX_ACME_UNSEEN_MAX_S + 1, 0, &s));
	ck_assert_int_eq(s.next_ready, INT64_MAX);
	world_done(&w);
}
END_TEST

/* --- single things --------------------------------------------------------------------
 */

START_TEST(unsigned_zone)
{
	char before[2][VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, true);
	w.zone_secure = false;
	live(&w, 0, 2);
	ck_assert_uint_eq(w.publishes, 0);
	key_of(&w, 0, before[0]);
	key_of(&w, 1, before[1]);
	ck_assert_int_eq(roll(&w, VX_ACME_AT_ONCE + 1), VX_EINVAL);
	ck_assert_int_eq(vx_acme_do(w.core, VX_ACME_ROLL_KEYS, "other", 0, 1), VX_ENOENT);
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	world_run(&w, w.now + 60);
	/* nobody looks: it is done at once */
	ck_assert_uint_eq(w.ended, 77);
	ck_assert_int_eq(w.ended_result, VX_OK);
	ck_assert(!is_served(&w, 0, before[0]) && !is_served(&w, 1, before[1]));
	ck_assert_uint_eq(w.generations, 2);
	ck_assert_uint_eq(w.ca[0].order_count, 4);
	live(&w, 2, 3);
	ck_assert_uint_eq(world_status(&w, 0).old_count, 0);
	world_done(&w);
}
END_TEST

START_TEST(before_there_is_one)
{
	char digests[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, true);
	ck_assert_int_eq(roll(&w, VX_ACME_STAGED), VX_ENOENT);
	ck_assert_uint_eq(vx_acme_tlsa(w.core, "mail", digests), 0);
	ck_assert_uint_eq(vx_acme_tlsa(w.core, "other", digests), 0);
	/* records of a host that was here before: a certificate is better than none */
	world_publish(&w, (const char[1][VX_PKI_DIGEST_OCTETS]){ "x" }, 1);
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(vx_acme_tlsa(w.core, "mail", digests), 4);
	/* they are ours then */
	world_run(&w, w.now + 3 * HOUR);
	ck_assert_uint_eq(w.zone.count, 4);
	world_done(&w);
}
END_TEST

/* The records go between the order and the switch: what is served stays. */
START_TEST(refused_at_the_switch)
{
	char before[VX_PKI_DIGEST_OCTETS];
	unsigned orders = 0;
	struct world w;

	begin(&w, false);
	live(&w, 0, 2);
	world_publish_wanted(&w);
	live(&w, 2, 3);
	key_of(&w, 0, before);
	w.ca[0].processing = 5; /* the authority takes its time */
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	while (w.ca[0].order_count < 3)
		world_run(&w, w.now + 1);
	world_publish(&w, (const char[1][VX_PKI_DIGEST_OCTETS]){ "x" }, 0);
	memcpy(w.zone.digests[0], before, sizeof(before));
	key_of(&w, 1, w.zone.digests[1]);
	w.zone.count = 2;
	memset(&w.before, 0, sizeof(w.before));
	w.cache.until = 0;
	world_run(&w, w.now + 2 * HOUR);
	ck_assert(is_served(&w, 0, before));
	ck_assert_ptr_nonnull(strstr(w.alarm, "the old one stays"));
	ck_assert(world_status(&w, 0).waits);
	orders = (unsigned)w.ca[0].order_count;
	live(&w, 5, 2);
	ck_assert(is_served(&w, 0, before));
	ck_assert(!world_status(&w, 0).waits); /* thrown away */
	ck_assert_ptr_nonnull(strstr(w.alarm, "thrown away"));
	ck_assert_uint_eq(w.ca[0].order_count, orders);
	/* and when they are there again, for long enough, all is as it should be */
	world_publish_wanted(&w);
	live(&w, 7, 3);
	ck_assert(!is_served(&w, 0, before));
	world_done(&w);
}
END_TEST

/* Nobody knows what others remember: renewals go on, other keys wait. */
START_TEST(dns_is_away)
{
	char before[VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, true);
	live(&w, 0, 3);
	key_of(&w, 0, before);
	w.zone_bogus = true;
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.ended, 77); /* that it waits is said at once */
	live(&w, 3, 70);
	ck_assert(is_served(&w, 0, before));
	ck_assert_uint_eq(w.served[0].installs, 2);
	ck_assert_uint_eq(w.served[1].installs, 2);
	ck_assert_uint_eq(w.ca[0].order_count, 4); /* none in vain */
	w.zone_bogus = false;
	/* what was seen months ago does not count */
	live(&w, 73, 1);
	ck_assert(is_served(&w, 0, before));
	live(&w, 74, 1);
	ck_assert(!is_served(&w, 0, before));
	world_done(&w);
}
END_TEST

START_TEST(at_once)
{
	char before[VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, false);
	live(&w, 0, 2);
	key_of(&w, 0, before);
	world_publish(&w, (const char(*)[VX_PKI_DIGEST_OCTETS]) & before, 1);
	w.zone_bogus = true;
	vxt_assert_ok(roll(&w, VX_ACME_AT_ONCE));
	world_run(&w, w.now + 60);
	ck_assert(!is_served(&w, 0, before));
	ck_assert_uint_gt(w.mismatches, 0); /* as it was asked for */
	world_done(&w);
}
END_TEST

/* What nobody signed keeps the next key waiting, for ever, and does nothing else. */
START_TEST(a_server_that_is_behind)
{
	char before[VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, false);
	live(&w, 0, 2);
	key_of(&w, 0, before);
	world_publish(&w, (const char(*)[VX_PKI_DIGEST_OCTETS]) & before, 1);
	key_of(&w, 1, w.zone.digests[w.zone.count++]);
	w.behind = true;
	w.alarm[0] = '\0';
	world_run(&w, w.now + 7 * HOUR);
	vxt_assert_ok(roll(&w, VX_ACME_URGENT));
	live(&w, 3, 5);
	ck_assert(is_served(&w, 0, before));
	ck_assert_str_eq(w.alarm, "");
	world_publish_wanted(&w);
	live(&w, 8, 3);
	ck_assert(is_served(&w, 0, before));
	w.behind = false;
	world_run(&w, w.now + 2 * DAY);
	ck_assert(!is_served(&w, 0, before));
	ck_assert_uint_eq(w.mismatches, 0);
	world_done(&w);
}
END_TEST

/* A key that others have: no certificate for it, and the next one as soon as it is safe.
 */
START_TEST(compromised)
{
	char before[VX_PKI_DIGEST_OCTETS];
	unsigned orders;
	struct world w;

	begin(&w, false);
	live(&w, 0, 2);
	key_of(&w, 0, before);
	world_publish(&w, (const char(*)[VX_PKI_DIGEST_OCTETS]) & before, 1);
	key_of(&w, 1, w.zone.digests[w.zone.count++]);
	live(&w, 2, 1);
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_REVOKE, "mail", 1, 5));
	orders = (unsigned)w.ca[0].order_count;
	live(&w, 3, 2);
	ck_assert_uint_eq(w.ended, 5);
	ck_assert_uint_eq(w.commands_ended, 1);
	/* what is served stays until the next key is safe */
	ck_assert_uint_eq(w.ca[0].revoked, 0);
	ck_assert_uint_eq(w.ca[0].order_count, orders);
	world_start(&w); /* and so does what is to be revoked */
	world_publish_wanted(&w);
	world_run(&w, w.now + 4 * HOUR);
	ck_assert(!is_served(&w, 0, before));
	ck_assert_uint_eq(w.ca[0].order_count, orders + 2);
	ck_assert_uint_eq(w.ca[0].revoked, 2);
	ck_assert_uint_eq(w.ca[0].last_reason, 1);
	check_day(&w, 5);
	world_done(&w);
}
END_TEST

/* A daemon that did not switch keeps the record of its key. */
START_TEST(somebody_serves_the_old_one)
{
	static const char hex[] =
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	static const char brought[1][VX_PKI_DIGEST_OCTETS] = { { 0, 1, 2, 3, 4, 5, 6, 7,
	    8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
	    28, 29, 30, 31 } };
	char before[VX_PKI_DIGEST_OCTETS];
	struct world w;

	begin(&w, true);
	live(&w, 0, 3);
	key_of(&w, 0, before);
	w.not_served = true;
	vxt_assert_ok(roll(&w, VX_ACME_STAGED));
	live(&w, 3, 10);
	ck_assert(!is_served(&w, 0, before) && is_published(&w, before));
	ck_assert_ptr_nonnull(strstr(w.alarm, "imapd.7"));
	w.not_served = false;
	live(&w, 13, 1);
	ck_assert(!is_published(&w, before));
	world_done(&w);

	/* a certificate that a person brought: its key is in the records, ours are not */
	for (int sets = 0; sets < 2; sets++) {
		begin(&w, sets == 1);
		world_publish(&w, brought, 1);
		vx_acme_serving(w.core, "mail", "00");
		vx_acme_serving(w.core, "mail", hex);
		world_run(&w, w.now + 20 * HOUR);
		ck_assert_uint_eq(w.ca[0].order_count, 0);
		world_run(&w, w.now + 2 * DAY);
		ck_assert_uint_eq(w.served[0].installs, (unsigned)sets);
		ck_assert_int_eq(is_published(&w, brought[0]), sets == 0);
		world_done(&w);
	}
}
END_TEST

/* A second kind, where records name the first one only. */
START_TEST(a_kind_is_added)
{
	struct world w;
	int64_t since;

	begin(&w, true);
	w.cert_count = 1;
	world_start(&w);
	live(&w, 0, 5);
	ck_assert_uint_eq(w.zone.count, 2);
	w.cert_count = 2;
	world_start(&w);
	since = w.now;
	world_run(&w, w.now + 23 * HOUR);
	ck_assert_uint_eq(w.served[1].installs, 0);
	ck_assert_uint_eq(w.ca[0].order_count, 1);
	while (w.served[1].installs == 0)
		world_run(&w, w.now + HOUR);
	ck_assert_int_ge(w.now - since, DAY);
	ck_assert_int_lt(w.now - since, 2 * DAY);
	ck_assert_uint_eq(w.zone.count, 4);
	ck_assert_uint_eq(w.served[0].installs, 1);
	live(&w, 7, 100);
	/* what began apart in less than a third of a life goes on together */
	ck_assert_uint_eq(w.generations, 3);
	world_done(&w);
}
END_TEST

/* One kind that fails does not keep the other waiting for ever. */
START_TEST(one_kind_fails)
{
	struct world w;

	begin(&w, true);
	w.ca[0].no_rsa = true;
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.served[1].installs, 0);
	w.ca[0].no_rsa = false;
	world_run(&w, w.now + 3 * DAY);
	ck_assert_uint_eq(w.served[1].installs, 1);
	w.ca[0].no_rsa = true;
	world_run(&w, w.now + 70 * DAY);
	ck_assert_uint_eq(w.served[0].installs, 2);
	ck_assert_uint_eq(w.served[1].installs, 1);
	ck_assert_uint_eq(w.mismatches, 0);
	w.ca[0].no_rsa = false;
	live(&w, 73, 60);
	ck_assert_uint_eq(w.served[0].installs, 3);
	ck_assert_uint_eq(w.served[1].installs, 3);
	world_done(&w);
}
END_TEST

/* Keys of an age go with the renewals: no more orders than without. */
START_TEST(keys_of_an_age)
{
	char before[VX_PKI_DIGEST_OCTETS];
	struct world w;
	unsigned changed = 0;

	begin(&w, true);
	w.key_days = 100;
	world_start(&w);
	live(&w, 0, 2);
	key_of(&w, 0, before);
	for (unsigned day = 2; day < 260; day++) {
		live(&w, day, 1);
		changed += !is_served(&w, 0, before);
		key_of(&w, 0, before);
	}
	ck_assert_uint_eq(changed, 2);
	ck_assert_uint_le(w.ca[0].order_count, 2 * (260 / 58 + 2));
	world_done(&w);
}
END_TEST

VXT_SUITE(test_dane, "dane", four_hundred_days, dies_at_every_step, four_hundred_bad_days,
    a_slow_person, a_person_who_forgets, a_person_who_is_wrong, records_are_taken_out,
    a_shorter_ttl, looked_long_ago, unsigned_zone, before_there_is_one,
    refused_at_the_switch, dns_is_away, at_once, a_server_that_is_behind, compromised,
    somebody_serves_the_old_one, a_kind_is_added, one_kind_fails, keys_of_an_age)
