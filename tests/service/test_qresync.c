/*
 * What QRESYNC tells, against what is known: a mailbox is changed at random, and a client
 * that knew any earlier state of it learns just what went and what changed.
 */
#include "host.h"
#include "lib/vxt.h"
#include "store/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	UIDS = 512,
	STATES = 60,
	QUESTIONS = 300
};

struct test {
	struct host host;
	struct link link;
	struct link *all[1];
	unsigned seed;
	uint32_t uidvalidity;
	/* what was there, and the last change of each flag, at each state */
	bool there[STATES][UIDS + 1];
	uint64_t changed[STATES][UIDS + 1];
	uint64_t modseq[STATES];
	size_t states;
};

static uint32_t below(struct test *t, uint32_t n)
{
	return (uint32_t)rand_r(&t->seed) % n;
}

static void say(struct test *t, const char *text)
{
	vx_buf_reset(&t->link.out);
	link_send(&t->link, vx_slice_str(text));
	host_settle(&t->host, t->all, 1);
}

static void begin(struct test *t)
{
	memset(t, 0, sizeof(*t));
	t->seed = 7;
	ck_assert_int_eq(host_open(&t->host), VX_OK);
	ck_assert_uint_gt(host_deliver(&t->host, host_account(&t->host, "alice"), "INBOX",
			      VX_S("a: b\r\n\r\nc\r\n"), 1793000000, 0),
	    0);
	ck_assert_int_eq(link_open(&t->link, &t->host, true), VX_OK);
	t->all[0] = &t->link;
	say(t, "l LOGIN alice@" HOST_DOMAIN " " HOST_PASSWORD
	       "\r\ne ENABLE QRESYNC\r\ns SELECT INBOX\r\n");
	for (unsigned n = 1; n < UIDS; n *= 2)
		say(t, "c COPY 1:* INBOX\r\n");
	say(t, "s SELECT INBOX\r\n");
	ck_assert_uint_lt(
	    vx_slice_find_slice(vx_buf_slice(&t->link.out), VX_S("* 512 EXISTS")),
	    t->link.out.len);
	vx_buf_add_char(&t->link.out, '\0');
	ck_assert_int_eq(sscanf(strstr(t->link.out.ptr, "UIDVALIDITY"), "UIDVALIDITY %u",
			     &t->uidvalidity),
	    1);
}

static void end(struct test *t)
{
	char *dir = strdup(t->host.dir);

	link_close(&t->link);
	host_close(&t->host);
	vxt_rmdir(dir);
	free(dir);
}

/* The state as it is, read from the store. */
static void note(struct test *t)
{
	const size_t at = t->states++;
	const uint32_t alice = host_account(&t->host, "alice");
	const struct vx_record_query q = {
		.account = alice, .mailbox = 1, .first_uid = 1, .last_uid = UIDS
	};
	struct vx_record *r = calloc(UIDS, sizeof(*r));
	struct vx_mailbox_status st;
	struct vx_view *v;
	size_t count;
	uint32_t next;

	ck_assert_ptr_nonnull(r);
	vxt_assert_ok(vx_view_begin(t->host.store, &v));
	vxt_assert_ok(vx_mailbox_status(v, alice, 1, &st));
	vxt_assert_ok(vx_records_read(v, &q, r, UIDS, &count, &next));
	vx_view_end(v);
	t->modseq[at] = st.highestmodseq;
	for (size_t i = 0; i < count; i++) {
		t->there[at][r[i].uid] = true;
		t->changed[at][r[i].uid] = r[i].modseq;
	}
	free(r);
}

static void change(struct test *t)
{
	char text[200];
	const uint32_t first = 1 + below(t, UIDS), last = first + below(t, 9);

	(void)snprintf(text, sizeof(text),
	    below(t, 2) == 0 ? "f UID STORE %u:%u +FLAGS.SILENT (k%u)\r\n"
			     : "f UID STORE %u:%u +FLAGS.SILENT (\\Deleted k%u)\r\n"
			       "x EXPUNGE\r\n",
	    first, last, below(t, 30));
	say(t, text);
}

/* "1:3,7" into what is in it. */
static void read_set(const char *text, bool in[UIDS + 1])
{
	while (*text >= '0' && *text <= '9') {
		char *end;
		const unsigned long a = strtoul(text, &end, 10);
		const unsigned long b = *end == ':' ? strtoul(end + 1, &end, 10) : a;

		ck_assert(a >= 1 && a <= b && b <= UIDS);
		for (unsigned long i = a; i <= b; i++) {
			ck_assert_msg(!in[i], "UID %lu twice", i);
			in[i] = true;
		}
		text = *end == ',' ? end + 1 : end;
	}
	ck_assert(*text == '\r' || *text == '\n' || *text == ' ' || *text == '\0');
}

struct answer {
	bool gone[UIDS + 1], flags[UIDS + 1];
};

static void read_answer(struct test *t, struct answer *a)
{
	vx_slice rest, line;
	bool fetched = false;

	memset(a, 0, sizeof(*a));
	for (rest = vx_buf_slice(&t->link.out); rest.len > 0;) {
		char text[12000];
		const char *uid;

		(void)vx_slice_cut(&rest, '\n', &line);
		ck_assert_uint_lt(line.len, sizeof(text));
		memcpy(text, line.ptr, line.len);
		text[line.len] = '\0';
		if (strncmp(text, "* VANISHED (EARLIER) ", 21) == 0) {
			ck_assert_msg(!fetched, "VANISHED after FETCH");
			read_set(text + 21, a->gone);
		} else if ((uid = strstr(text, "FETCH (UID ")) != NULL) {
			fetched = true;
			read_set(uid + 11, a->flags);
		}
	}
}

/* Some UIDs, as a set; text has room for all of them. */
static void some(struct test *t, bool in[UIDS + 1], char *text)
{
	memset(in, 0, UIDS + 1);
	for (unsigned n = 1 + below(t, 6); n > 0; n--) {
		const uint32_t a = 1 + below(t, UIDS), b = 1 + below(t, UIDS);

		text += sprintf(text, "%u:%u%s", a, b, n > 1 ? "," : "");
		for (uint32_t i = a < b ? a : b; i <= (a > b ? a : b); i++)
			in[i] = true;
	}
}

/* What a client knew of numbers at a state; floor: all up to it is right now, too. */
static uint32_t match(struct test *t, size_t state, char *text)
{
	const bool *then = t->there[state], *now = t->there[t->states - 1];
	char uids[4000] = "", *end = uids;
	uint32_t seq = 0, now_seq = 0, floor = 0;

	*text++ = '(';
	for (uint32_t uid = 1; uid <= UIDS; uid++) {
		seq += then[uid];
		now_seq += now[uid];
		if (!then[uid] || below(t, 20) > 0)
			continue;
		text += sprintf(text, "%s%u", end == uids ? "" : ",", seq);
		end += sprintf(end, "%s%u", end == uids ? "" : ",", uid);
		if (now[uid] && now_seq == seq)
			floor = uid;
	}
	if (end == uids) {
		text += sprintf(text, "%u", UIDS + 1);
		(void)sprintf(uids, "%u", UIDS + 1);
	}
	(void)sprintf(text, " %s)", uids);
	return floor;
}

/* Ask as one who knew a state, and compare; horizon: what was expunged is not known. */
static void ask(struct test *t, size_t state, bool horizon)
{
	char known[400] = "1:512", matched[8000], command[9000];
	const size_t last = t->states - 1;
	bool in[UIDS + 1];
	struct answer a;
	uint32_t floor = 0;

	memset(in, true, sizeof(in));
	if (below(t, 2) == 0)
		some(t, in, known);
	if (below(t, 2) == 0) {
		(void)snprintf(command, sizeof(command),
		    "q UID FETCH %s (FLAGS) (CHANGEDSINCE %llu VANISHED)\r\n", known,
		    (unsigned long long)t->modseq[state]);
	} else {
		matched[0] = '\0';
		if (below(t, 2) == 0)
			floor = match(t, state, matched);
		(void)snprintf(command, sizeof(command),
		    "q SELECT INBOX (QRESYNC (%u %llu %s%s%s))\r\n", t->uidvalidity,
		    (unsigned long long)t->modseq[state], known,
		    matched[0] != '\0' ? " " : "", matched);
	}
	say(t, command);
	ck_assert_msg(vx_slice_find_slice(vx_buf_slice(&t->link.out), VX_S("q OK")) <
			  t->link.out.len,
	    "%s %.*s", command, (int)t->link.out.len, t->link.out.ptr);
	read_answer(t, &a);
	for (uint32_t uid = 1; uid <= UIDS; uid++) {
		const bool was = horizon || t->there[state][uid];
		const bool is = t->there[last][uid];
		const bool gone = in[uid] && was && !is && uid > floor;
		const bool flags =
		    in[uid] && is && t->changed[last][uid] > t->modseq[state];

		ck_assert_msg(a.gone[uid] == gone && a.flags[uid] == flags, "UID %u: %s",
		    uid, command);
	}
}

static void random_changes(struct test *t)
{
	note(t);
	while (t->states < STATES) {
		change(t);
		note(t);
	}
}

START_TEST(every_state_is_reached)
{
	struct test *t = calloc(1, sizeof(*t));

	ck_assert_ptr_nonnull(t);
	begin(t);
	random_changes(t);
	for (unsigned i = 0; i < QUESTIONS; i++)
		ask(t, below(t, STATES), false);
	end(t);
	free(t);
}
END_TEST

static int apply_forget(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	struct vx_head h;
	int rc = vx_head_read(txn, 1, 1, &h);

	(void)op;
	h.s.expunge_floor = h.s.highestmodseq + 1;
	if (rc == VX_OK)
		rc = vx_head_write(txn, 1, 1, &h);
	return rc;
}

/* All that is not there is told: nothing that went is missed. */
START_TEST(beyond_the_horizon_all_is_told)
{
	struct vx_store_op forget = { .apply = apply_forget };
	struct test *t = calloc(1, sizeof(*t));

	ck_assert_ptr_nonnull(t);
	begin(t);
	random_changes(t);
	ck_assert_uint_eq(host_account(&t->host, "alice"), 1);
	vxt_assert_ok(vx_store_run(t->host.store, &forget));
	for (unsigned i = 0; i < QUESTIONS / 3; i++)
		ask(t, below(t, STATES), true);
	end(t);
	free(t);
}
END_TEST

/* More ranges than are kept in memory, or told in one line. */
START_TEST(very_many_ranges)
{
	struct test *t = calloc(1, sizeof(*t));

	ck_assert_ptr_nonnull(t);
	begin(t);
	note(t);
	for (unsigned n = UIDS; n < 4096; n *= 2)
		say(t, "c COPY 1:* INBOX\r\n");
	say(t, "s SELECT INBOX\r\n");
	vx_buf_reset(&t->link.out);
	link_send(&t->link, VX_S("f STORE "));
	for (unsigned i = 1; i <= 4096; i += 2) {
		char text[20];

		(void)snprintf(text, sizeof(text), "%s%u", i > 1 ? "," : "", i);
		link_send(&t->link, vx_slice_str(text));
	}
	link_send(&t->link, VX_S(" +FLAGS.SILENT (\\Deleted)\r\n"));
	host_settle(&t->host, t->all, 1);
	say(t, "x EXPUNGE\r\n");
	for (unsigned way = 0; way < 3; way++) {
		uint32_t count = 0, lines = 0;
		vx_slice rest = vx_buf_slice(&t->link.out), line, word;

		while (rest.len > 0) {
			(void)vx_slice_cut(&rest, '\n', &line);
			ck_assert_uint_lt(line.len, 11000);
			if (!vx_slice_has_prefix(line, VX_S("* VANISHED ")))
				continue;
			lines++;
			ck_assert(way == 0 || vx_slice_has_prefix(
						  line, VX_S("* VANISHED (EARLIER) ")));
			for (bool more = true; more; count++)
				more = vx_slice_cut(&line, ',', &word);
		}
		ck_assert_uint_eq(count, 2048);
		ck_assert_uint_eq(lines, 5);
		if (way == 0)
			say(t, "q UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n");
		else if (way == 1) {
			struct vx_store_op forget = { .apply = apply_forget };

			vxt_assert_ok(vx_store_run(t->host.store, &forget));
			say(t, "q UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n");
		}
	}
	end(t);
	free(t);
}
END_TEST

VXT_SUITE(test_qresync, "qresync", every_state_is_reached, beyond_the_horizon_all_is_told,
    very_many_ranges)
