/* Every production of IMAP over the input; what can be written again comes back. */
#include "imap/notify.h"
#include "imap/respond.h"
#include "imap/url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ARENA_MAX = 1 << 20,
	TEXT_MAX = 1 << 20
};

static void must(bool good)
{
	if (!good)
		abort();
}

typedef bool string_fn(struct vx_cursor *c, struct vx_arena *a, vx_slice *out);

static void string(string_fn *fn, vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_buf out = { .max = TEXT_MAX };
	struct vx_cursor c = vx_cursor_of(in), again;
	vx_slice got, back;

	if (fn(&c, &a, &got) && got.ptr != NULL) {
		must(c.p >= in.ptr && c.p <= vx_slice_end(in) && got.len <= in.len);
		vx_imap_write_string(&out, got, in.len % 2 == 0);
		again = vx_cursor_of(vx_buf_slice(&out));
		must(vx_imap_string(&again, &a, &back) && vx_cur_end(&again));
		must(vx_slice_eq(got, back));
	}
	vx_buf_done(&out);
	vx_arena_done(&a);
}

static void set(vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(in);
	struct vx_imap_set s;

	if (vx_imap_sequence_set(&c, &a, &s)) {
		must(s.saved || (s.count > 0 && s.count <= VX_IMAP_RANGES_MAX));
		must(s.count <= (size_t)(c.p - in.ptr));
	}
	vx_arena_done(&a);
}

static void flags(vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(in);
	struct vx_imap_flags f;

	if (vx_imap_flags(&c, &a, in.len % 2 == 0, &f))
		for (size_t i = 0; i < f.keyword_count; i++)
			must(f.keywords[i].len > 0 &&
			     f.keywords[i].len <= VX_KEYWORD_OCTETS_MAX);
	vx_arena_done(&a);
}

/* "BODY[text]" with the text that is told gives the same section. */
static void told_again(const struct vx_imap_item *item)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_buf text = { .max = TEXT_MAX };
	struct vx_imap_fetch f;
	struct vx_cursor c;

	vx_buf_add_str(&text, "BODY[");
	vx_buf_add(&text, item->section_text);
	vx_buf_add_char(&text, ']');
	c = vx_cursor_of(vx_buf_slice(&text));
	must(vx_imap_fetch_items(&c, &a, &f) && f.count == 1);
	must(f.items[0].section.text == item->section.text &&
	     f.items[0].section.part_count == item->section.part_count &&
	     f.items[0].section.name_count == item->section.name_count);
	for (size_t i = 0; i < item->section.name_count; i++)
		must(vx_slice_eq(f.items[0].section.names[i], item->section.names[i]));
	vx_buf_done(&text);
	vx_arena_done(&a);
}

static void fetch(vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(in);
	struct vx_imap_fetch f;

	if (vx_imap_fetch_items(&c, &a, &f)) {
		must(vx_cur_end(&c) && f.count > 0 && f.count <= VX_IMAP_FETCH_ITEMS_MAX);
		for (size_t i = 0; i < f.count; i++) {
			must(!f.items[i].partial || f.items[i].length > 0);
			if (f.items[i].type == VX_ITEM_SECTION &&
			    f.items[i].legacy == NULL)
				told_again(&f.items[i]);
		}
	}
	vx_arena_done(&a);
}

static void check_known(const struct vx_imap_set *s)
{
	must(!s->saved && s->count <= VX_IMAP_RANGES_MAX);
	for (size_t i = 0; i < s->count; i++)
		must(s->ranges[i].first > 0 && s->ranges[i].last > 0);
}

static uint64_t numbers(const struct vx_imap_set *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += (uint64_t)s->ranges[i].last - s->ranges[i].first + 1;
	return n;
}

static void select_params(vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(in);
	struct vx_imap_select s;

	if (vx_imap_select_params(&c, &a, &s)) {
		must(vx_cur_end(&c) && s.qresync == (s.uidvalidity != 0));
		check_known(&s.known);
		check_known(&s.match[0]);
		check_known(&s.match[1]);
		must(s.has_match == (s.match[0].count > 0));
		must(numbers(&s.match[0]) == numbers(&s.match[1]));
	}
	vx_arena_done(&a);
}

static void notify(vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(in);
	struct vx_notify n;
	size_t names = 0;

	if (vx_imap_notify(&c, &a, &n)) {
		must(vx_cur_end(&c) && n.set == (n.count > 0));
		must(n.count <= VX_NOTIFY_GROUPS_MAX);
		for (size_t i = 0; i < n.count; i++)
			names += n.groups[i].count;
		must(names <= VX_NOTIFY_NAMES_MAX);
	}
	vx_arena_done(&a);
}

static void sources(vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(in);
	struct vx_notify n;

	if (vx_imap_sources(&c, &a, &n)) {
		must(n.count > 0 && n.count <= VX_NOTIFY_GROUPS_MAX);
		for (size_t i = 0; i < n.count; i++)
			must(n.groups[i].filter != VX_NOTIFY_SELECTED_DELAYED);
	}
	vx_arena_done(&a);
}

static void url(vx_slice in)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_imap_url u;

	if (vx_imap_url(in, &a, &u)) {
		must(u.uid > 0 && in.len <= VX_IMAP_URL_MAX);
		must((u.mailbox.len == 0) == (u.where == VX_URL_SELECTED));
		must(u.item.type == VX_ITEM_SECTION && u.item.peek);
		must(!u.item.partial || u.item.length > 0);
	}
	vx_arena_done(&a);
}

/* What is taken is canonical: encoding gives it back. */
static void name(vx_slice in)
{
	struct vx_buf utf8 = { .max = TEXT_MAX }, back = { .max = TEXT_MAX };

	if (vx_imap_utf7_decode(in, &utf8) == VX_OK) {
		vx_imap_utf7_encode(vx_buf_slice(&utf8), &back);
		must(vx_slice_eq(vx_buf_slice(&back), in));
	} else {
		must(utf8.len == 0);
	}
	vx_buf_reset(&utf8);
	vx_buf_reset(&back);
	vx_imap_utf7_encode(in, &back); /* ill-formed octets become U+FFFD */
	must(vx_imap_utf7_decode(vx_buf_slice(&back), &utf8) == VX_OK);
	vx_buf_done(&utf8);
	vx_buf_done(&back);
}

/* row[j]: the pattern so far matches the first j octets of the name. */
static bool slow_match(vx_slice p, vx_slice n)
{
	bool row[256] = { true };

	for (size_t i = 0; i < p.len; i++) {
		bool diagonal = row[0];

		row[0] = row[0] && (p.ptr[i] == '*' || p.ptr[i] == '%');
		for (size_t j = 1; j <= n.len; j++) {
			const bool above = row[j];

			if (p.ptr[i] == '*' || p.ptr[i] == '%')
				row[j] = above ||
					 (row[j - 1] &&
					     (p.ptr[i] == '*' || n.ptr[j - 1] != '/'));
			else
				row[j] = diagonal && p.ptr[i] == n.ptr[j - 1];
			diagonal = above;
		}
	}
	return row[n.len];
}

static void match(vx_slice in)
{
	const vx_slice p = vx_slice_head(in, in.len / 2),
		       n = vx_slice_from(in, in.len / 2);

	if (n.len < 256)
		must(vx_imap_list_match(p, n) == slow_match(p, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static string_fn *const strings[] = { vx_imap_string, vx_imap_astring,
		vx_imap_nstring, vx_imap_list_mailbox };
	const vx_slice in = vx_slice_of(data, size);
	struct vx_cursor c = vx_cursor_of(in);
	vx_slice s;

	if (vx_imap_tag(&c, &s))
		must(s.len <= 256);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		string(strings[i], in);
	set(in);
	flags(in);
	fetch(in);
	select_params(in);
	notify(in);
	sources(in);
	url(in);
	name(in);
	match(in);
	return 0;
}
