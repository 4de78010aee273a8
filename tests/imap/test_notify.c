/* What NOTIFY may ask for (RFC 5465 8). */
#include "imap/notify.h"
#include "lib/vxt.h"

#include <stdlib.h>

static void show(struct vx_buf *out, const struct vx_notify *n)
{
	vx_buf_add_str(out, !n->set ? "none" : n->status ? "status" : "set");
	for (size_t i = 0; i < n->count; i++) {
		const struct vx_notify_group *g = &n->groups[i];

		vx_buf_printf(out, " %d", (int)g->filter);
		for (size_t k = 0; k < g->count; k++)
			vx_buf_printf(
			    out, "<%.*s>", (int)g->names[k].len, g->names[k].ptr);
		vx_buf_printf(out, "(");
		vx_imap_write_events(out, g->events);
		vx_buf_printf(out, "%s)", (g->events & VX_EVENT_UNKNOWN) != 0 ? "?" : "");
		for (size_t k = 0; k < g->fetch.count; k++)
			vx_buf_printf(out, "%s%d", g->fetch.items[k].peek ? "" : "!",
			    (int)g->fetch.items[k].type);
	}
}

START_TEST(groups)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} t[] = {
		{ "NONE", "none" },
		{ "none", "none" },
		{ "SET (personal NONE)", "set 3()" },
		{ "set status (INBOXES (mailboxname))", "status 2(MailboxName)" },
		{ "SET (selected (MessageNew (UID BODY[1]) MessageExpunge))",
		    "set 0(MessageNew MessageExpunge)17" },
		{ "SET (selected-delayed (MessageExpunge MessageNew FlagChange)) "
		  "(subscribed (SubscriptionChange X-Other))",
		    "set 1(MessageNew MessageExpunge FlagChange) "
		    "4(SubscriptionChange?)" },
		{ "SET (subtree a (MailboxName)) (mailboxes (b \"c d\") (MailboxName))",
		    "set 5<a>(MailboxName) 6<b><c d>(MailboxName)" },
		{ "SET (mailboxes STATUS NONE)", "set 6<STATUS>()" },
		{ "SET (personal (MessageNew MessageExpunge AnnotationChange "
		  "MailboxMetadataChange ServerMetadataChange))",
		    "set 3(MessageNew MessageExpunge AnnotationChange "
		    "MailboxMetadataChange ServerMetadataChange)" },
		{ "", NULL },
		{ "NONE ", NULL },
		{ "SET", NULL },
		{ "SET ", NULL },
		{ "SET STATUS", NULL },
		{ "SET STATUS ", NULL },
		{ "SET ()", NULL },
		{ "SET (personal)", NULL },
		{ "SET (personal ())", NULL },
		{ "SET (personal NONE) ", NULL },
		{ "SET (personal NONE)(inboxes NONE)", NULL },
		{ "SET (subtree NONE)", NULL },
		{ "SET (subtree () NONE)", NULL },
		{ "SET (selected (MessageNew () MessageExpunge))", NULL },
		{ "SET (selected (MessageNew (UID) (UID) MessageExpunge))", NULL },
		{ "SET (selected (MessageNew (NOSUCH) MessageExpunge))", NULL },
		{ "SET (personal (MessageNew (UID) MessageExpunge))", NULL },
		{ "SET (personal (MessageNew))", NULL },
		{ "SET (personal (MessageExpunge))", NULL },
		{ "SET (personal (FlagChange))", NULL },
		{ "SET (personal (AnnotationChange MessageExpunge))", NULL },
		{ "SET (selected (SubscriptionChange))", NULL },
		{ "SET (selected NONE) (selected NONE)", NULL },
		{ "SET (selected NONE) (selected-delayed NONE)", NULL },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct vx_arena a = { .limit = 1 << 20 };
		struct vx_buf text = { .max = 1000 };
		struct vx_notify n;
		struct vx_cursor c = vx_cursor_of(vx_slice_str(t[i].in));
		const bool ok = vx_imap_notify(&c, &a, &n);

		ck_assert_msg(ok == (t[i].out != NULL), "%s", t[i].in);
		if (ok) {
			show(&text, &n);
			vxt_assert_str(vx_buf_slice(&text), t[i].out);
		}
		vx_buf_done(&text);
		vx_arena_done(&a);
	}
}
END_TEST

static bool taken(const char *what, const char *each, unsigned times, const char *end)
{
	struct vx_arena a = { .limit = 1 << 20 };
	struct vx_buf text = { .max = 1 << 20 };
	struct vx_cursor c;
	struct vx_notify n;
	bool ok;

	vx_buf_add_str(&text, what);
	for (unsigned i = 0; i < times; i++)
		vx_buf_add_str(&text, each);
	vx_buf_add_str(&text, end);
	c = vx_cursor_of(vx_buf_slice(&text));
	ok = vx_imap_notify(&c, &a, &n);
	vx_buf_done(&text);
	vx_arena_done(&a);
	return ok;
}

START_TEST(limits)
{
	ck_assert(taken(
	    "SET (inboxes NONE)", " (personal NONE)", VX_NOTIFY_GROUPS_MAX - 1, ""));
	ck_assert(
	    !taken("SET (inboxes NONE)", " (personal NONE)", VX_NOTIFY_GROUPS_MAX, ""));
	ck_assert(taken("SET (subtree (a", " b", VX_NOTIFY_NAMES_MAX - 1, ") NONE)"));
	ck_assert(!taken("SET (subtree (a", " b", VX_NOTIFY_NAMES_MAX, ") NONE)"));
	/* of all groups together */
	ck_assert(!taken("SET (subtree a NONE) (mailboxes (a", " b",
	    VX_NOTIFY_NAMES_MAX - 1, ") NONE)"));
}
END_TEST

VXT_SUITE(test_notify, "notify", groups, limits)
