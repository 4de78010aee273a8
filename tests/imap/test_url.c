/* The URLs of CATENATE (RFC 4469, RFC 5092): what is taken, and what it stands for. */
#include "imap/url.h"
#include "lib/vxt.h"

#include <stdio.h>

static const struct {
	const char *in, *out; /* NULL: it is none */
} urls[] = {
	{ "/INBOX/;UID=20", "/INBOX 0 20 parts=0 text=0" },
	{ "/INBOX;UIDVALIDITY=7/;UID=20", "/INBOX 7 20 parts=0 text=0" },
	{ "/a/b/;uid=1/;section=1.2.MIME", "/a/b 0 1 parts=2 text=5" },
	{ "/a/;UID=1/;SECTION=HEADER", "/a 0 1 parts=0 text=1" },
	{ "/a/;UID=1/;SECTION=HEADER.FIELDS%20(A%20B)", "/a 0 1 parts=0 text=2 names=2" },
	{ "/a/;UID=1/;PARTIAL=5", "/a 0 1 parts=0 text=0 <5.4294967295>" },
	{ "/a/;UID=1/;SECTION=1/;PARTIAL=5.6", "/a 0 1 parts=1 text=0 <5.6>" },
	{ ";UID=3/;SECTION=TEXT", "selected 0 3 parts=0 text=4" },
	{ "/;UID=3", NULL },
	{ "b/;UID=3", "beside:b 0 3 parts=0 text=0" },
	{ "/Gr%C3%BC%c3%9fe%2fx/;UID=1", "/Gr\xc3\xbc\xc3\x9f"
					 "e/x 0 1 parts=0 text=0" },
	{ "/a;UID=1", NULL },
	{ "/a/;UID=0", NULL },
	{ "/a/;UID=4294967296", NULL },
	{ "/a/;UID=1x", NULL },
	{ "/a/;UID=1/", NULL },
	{ "/a/;UID=1/;SECTION=", NULL },
	{ "/a/;UID=1/;SECTION=0", NULL },
	{ "/a/;UID=1/;SECTION=1]<0.5>", NULL },
	{ "/a/;UID=1/;PARTIAL=", NULL },
	{ "/a/;UID=1/;PARTIAL=1.0", NULL },
	{ "/a/;UID=1/;PARTIAL=x", NULL },
	{ "/a;UIDVALIDITY=0/;UID=1", NULL },
	{ "/a;UIDVALIDITY=1x/;UID=1", NULL },
	{ "/%ff/;UID=1", NULL },
	{ "/a%00b/;UID=1", NULL },
	{ "/a%0/;UID=1", NULL },
	{ "//host/a/;UID=1", NULL },
	{ "imap://host/a/;UID=1", NULL },
	{ "", NULL },
	{ "/INBOX", NULL },
};

static void show(struct vx_buf *out, const struct vx_imap_url *u)
{
	static const char *const where[] = { "selected", "beside:", "/" };

	vx_buf_add_str(out, where[u->where]);
	vx_buf_add(out, u->mailbox);
	vx_buf_printf(out, " %u %u parts=%zu text=%d", u->uidvalidity, u->uid,
	    u->item.section.part_count, (int)u->item.section.text);
	if (u->item.section.name_count > 0)
		vx_buf_printf(out, " names=%zu", u->item.section.name_count);
	if (u->item.partial)
		vx_buf_printf(out, " <%llu.%llu>", (unsigned long long)u->item.offset,
		    (unsigned long long)u->item.length);
}

START_TEST(relative_urls)
{
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct vx_buf out = { .max = 1000 };
		struct vx_imap_url u;
		struct vx_arena a;
		bool good;

		vx_arena_init(&a, 1 << 20);
		good = vx_imap_url(vx_slice_str(urls[i].in), &a, &u);
		ck_assert_msg(good == (urls[i].out != NULL), "%s", urls[i].in);
		if (good) {
			show(&out, &u);
			vxt_assert_str(vx_buf_slice(&out), urls[i].out);
		}
		vx_buf_done(&out);
		vx_arena_done(&a);
	}
}
END_TEST

VXT_SUITE(test_url, "url", relative_urls)
