/*
 * Two users, every command: what bob may not know of alice's looks exactly like what is
 * not there.  A command that is new has to be given its lines here.
 */
#include "host.h"
#include "lib/vxt.h"
#include "service/imap_int.h"
#include "service/imap_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN "Other Users/alice@example.org/Hidden"
#define NOTHING "Other Users/alice@example.org/Nowhere"
#define NOBODY "Other Users/nobody@example.org/Hidden"

/* Lines with a mailbox's name at "@"; NULL: the command names none. */
static const struct {
	const char *command, *lines[4];
} commands[] = {
	{ "CAPABILITY", { 0 } },
	{ "NOOP", { 0 } },
	{ "LOGOUT", { 0 } },
	{ "ID", { 0 } },
	{ "STARTTLS", { 0 } },
	{ "LOGIN", { 0 } },
	{ "AUTHENTICATE", { 0 } },
	{ "ENABLE", { 0 } },
	{ "COMPRESS", { 0 } },
	{ "UNAUTHENTICATE", { 0 } },
	{ "NAMESPACE", { 0 } },
	{ "IDLE", { 0 } },
	{ "CHECK", { 0 } },
	{ "CLOSE", { 0 } },
	{ "UNSELECT", { 0 } },
	{ "EXPUNGE", { 0 } },
	{ "FETCH", { 0 } },
	{ "STORE", { 0 } },
	{ "SEARCH", { 0 } },
	{ "CANCELUPDATE", { 0 } },
	{ "SORT", { 0 } },
	{ "THREAD", { 0 } },
	{ "GETQUOTA", { 0 } },
	{ "SETQUOTA", { 0 } },
	{ "SELECT", { "SELECT @", "SELECT @ (CONDSTORE)" } },
	{ "EXAMINE", { "EXAMINE @" } },
	{ "CREATE", { "CREATE @/Below" } },
	{ "DELETE", { "DELETE @" } },
	{ "RENAME", { "RENAME @ Mine", "RENAME Sent @/Sent" } },
	{ "SUBSCRIBE", { "SUBSCRIBE @" } },
	{ "LIST", { "LIST \"\" @", "LIST (SUBSCRIBED) \"\" @ RETURN (CHILDREN)",
		      "LIST \"\" (\"Other Users/%\" @) RETURN (STATUS (MESSAGES))" } },
	{ "LSUB", { "LSUB \"\" @" } },
	{ "UNSUBSCRIBE", { "UNSUBSCRIBE @" } },
	{ "STATUS", { "STATUS @ (MESSAGES UIDNEXT)" } },
	{ "APPEND", { "APPEND @ {4+}\r\nmail" } },
	{ "REPLACE", { "REPLACE 1 @ {4+}\r\nmail", "UID REPLACE 1 @ {4+}\r\nmail" } },
	{ "NOTIFY", { "NOTIFY SET (MAILBOXES @ (MessageNew MessageExpunge))" } },
	{ "ESEARCH", { "ESEARCH IN (mailboxes @) ALL", "ESEARCH IN (subtree @) ALL",
			 "ESEARCH IN (subtree-one @ personal) RETURN (COUNT) ALL" } },
	{ "COPY", { "COPY 1 @", "UID COPY 1 @" } },
	{ "MOVE", { "MOVE 1 @", "UID MOVE 1 @" } },
	{ "GETACL", { "GETACL @" } },
	{ "SETACL", { "SETACL @ bob@example.org lr", "SETACL @ nobody@example.org lr" } },
	{ "DELETEACL", { "DELETEACL @ bob@example.org" } },
	{ "LISTRIGHTS", { "LISTRIGHTS @ bob@example.org" } },
	{ "MYRIGHTS", { "MYRIGHTS @" } },
	{ "GETQUOTAROOT", { "GETQUOTAROOT @" } },
	{ "GETMETADATA", { "GETMETADATA @ /shared/comment",
			     "GETMETADATA (DEPTH infinity) @ /private/a" } },
	{ "SETMETADATA", { "SETMETADATA @ (/private/comment \"x\")" } },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void say(struct host *h, struct link *l, const char *text)
{
	struct link *const all[] = { l };

	link_send(l, vx_slice_str(text));
	host_settle(h, all, 1);
}

static void open_as(struct host *h, struct link *l, const char *who)
{
	char line[200];

	vxt_assert_ok(link_open(l, h, true));
	(void)snprintf(
	    line, sizeof(line), "x LOGIN %s@" HOST_DOMAIN " " HOST_PASSWORD "\r\n", who);
	say(h, l, line);
	vx_buf_reset(&l->out);
}

/* What is answered to a line about a mailbox, with "@" for its name. */
static void ask(struct host *h, struct link *l, const char *line, const char *name,
    struct vx_buf *answer)
{
	struct vx_buf sent = { .max = 1000 };
	vx_slice rest;

	vx_buf_add_str(&sent, "t ");
	for (const char *p = line; *p != '\0'; p++) {
		if (*p == '@' && (p[1] == '\0' || strchr(" /)", p[1]) != NULL)) {
			vx_buf_printf(&sent, p[1] == '/' ? "\"%s" : "\"%s\"", name);
			if (p[1] == '/') { /* to the end of the word */
				while (p[1] != '\0' && p[1] != ' ')
					vx_buf_add_char(&sent, *++p);
				vx_buf_add_char(&sent, '"');
			}
		} else {
			vx_buf_add_char(&sent, *p);
		}
	}
	vx_buf_add_str(&sent, "\r\n");
	vx_buf_add_char(&sent, '\0');
	say(h, l, "s SELECT INBOX\r\n"); /* each begins alike */
	vx_buf_reset(&l->out);
	say(h, l, sent.ptr);
	vx_buf_done(&sent);
	vx_buf_reset(answer);
	for (rest = vx_buf_slice(&l->out); rest.len > 0;) {
		const vx_slice own = vx_slice_str(name);

		if (vx_slice_has_prefix(rest, own)) {
			vx_buf_add_char(answer, '@');
			rest = vx_slice_from(rest, own.len);
		} else {
			vx_buf_add_char(answer, rest.ptr[0]);
			rest = vx_slice_from(rest, 1);
		}
	}
	ck_assert_uint_gt(answer->len, 0);
}

static void compare(struct host *h, struct link *l, const char *line)
{
	static const char *const others[] = { NOTHING, NOBODY };
	struct vx_buf hidden = { .max = 100000 }, none = { .max = 100000 };

	ask(h, l, line, HIDDEN, &hidden);
	for (size_t i = 0; i < 2; i++) {
		ask(h, l, line, others[i], &none);
		if (!vx_slice_eq(vx_buf_slice(&hidden), vx_buf_slice(&none)))
			ck_abort_msg("%s\nhidden: %.*s\n%s: %.*s", line, (int)hidden.len,
			    hidden.ptr, others[i], (int)none.len, none.ptr);
	}
	vx_buf_done(&hidden);
	vx_buf_done(&none);
}

START_TEST(every_command_is_known_here)
{
	const char *name;

	for (size_t i = 0; (name = imap_command_name(i)) != NULL; i++) {
		size_t k = 0;

		while (k < COMMANDS && strcmp(commands[k].command, name) != 0)
			k++;
		if (k == COMMANDS)
			ck_abort_msg("%s: say what it tells of hidden mailboxes", name);
	}
}
END_TEST

START_TEST(hidden_is_as_if_not_there)
{
	struct host h;
	struct link alice, bob;
	char *dir;

	vxt_assert_ok(host_open(&h));
	dir = strdup(h.dir);
	open_as(&h, &alice, "alice");
	open_as(&h, &bob, "bob");
	/* rights that are no reason to know of it; another mailbox that is shared */
	say(&h, &alice,
	    "a CREATE Hidden\r\nb CREATE Hidden/Below\r\n"
	    "c SETACL Hidden bob@example.org swpte\r\n"
	    "d SETACL Hidden/Below bob@example.org swpte\r\n");
	ck_assert(vx_slice_has_suffix(vx_buf_slice(&alice.out), VX_S("d OK done\r\n")));
	host_deliver(&h, host_account(&h, "alice"), "Hidden",
	    VX_S("Subject: x\r\n\r\nx\r\n"), 1, 0);
	host_deliver(
	    &h, host_account(&h, "bob"), "INBOX", VX_S("Subject: x\r\n\r\nx\r\n"), 1, 0);
	for (size_t i = 0; i < COMMANDS; i++)
		for (size_t k = 0; k < 4 && commands[i].lines[k] != NULL; k++)
			compare(&h, &bob, commands[i].lines[k]);
	link_close(&alice);
	link_close(&bob);
	host_close(&h);
	vxt_rmdir(dir);
	free(dir);
}
END_TEST

/* Whoever shares too much spoils nobody's list: as much of it is told as fits. */
START_TEST(too_much_that_is_shared)
{
	struct vx_buf lines = { .max = 16u << 20 };
	struct host h;
	struct link alice, bob;
	char *dir;

	vxt_assert_ok(host_open(&h));
	dir = strdup(h.dir);
	open_as(&h, &alice, "alice");
	open_as(&h, &bob, "bob");
	for (unsigned i = 0; i < IMAP_SHARED_MAX + 100; i++)
		vx_buf_printf(
		    &lines, "c CREATE %0380u\r\ns SETACL %0380u anyone lr\r\n", i, i);
	link_send(&alice, vx_buf_slice(&lines));
	say(&h, &alice, "z NOOP\r\n");
	ck_assert(vx_slice_has_suffix(vx_buf_slice(&alice.out), VX_S("z OK done\r\n")));
	say(&h, &bob, "s SUBSCRIBE \"Other Users/alice@example.org/last\"\r\n");
	vx_buf_reset(&bob.out);
	say(&h, &bob, "l LIST \"\" *\r\n");
	ck_assert(vx_slice_has_suffix(vx_buf_slice(&bob.out), VX_S("l OK done\r\n")));
	ck_assert_uint_gt(bob.out.len, 500000);
	vx_buf_reset(&bob.out);
	say(&h, &bob, "l LSUB \"\" \"Other Users/*\"\r\n");
	vxt_assert_str(
	    vx_buf_slice(&bob.out), "* LSUB (\\HasNoChildren \\Noselect) \"/\" \"Other "
				    "Users/alice@example.org/last\"\r\nl OK done\r\n");
	vx_buf_done(&lines);
	link_close(&alice);
	link_close(&bob);
	host_close(&h);
	vxt_rmdir(dir);
	free(dir);
}
END_TEST

VXT_SUITE(test_sharing, "sharing", every_command_is_known_here, hidden_is_as_if_not_there,
    too_much_that_is_shared)
