#include "show.h"

void show_text(struct vx_buf *out, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.ptr[i];

		if (c == '\r')
			vx_buf_add_str(out, "\\r");
		else if (c == '\n')
			vx_buf_add_str(out, "\\n");
		else if (c == '\\')
			vx_buf_add_str(out, "\\\\");
		else if (c < 32 || c > 126)
			vx_buf_printf(out, "\\x%02x", c);
		else
			vx_buf_add_char(out, (char)c);
	}
}

static void show_number(struct vx_buf *out, uint32_t n)
{
	if (n == 0)
		vx_buf_add_char(out, '*');
	else
		vx_buf_add_number(out, n);
}

void show_set(struct vx_buf *out, const struct vx_imap_set *set)
{
	if (set->saved)
		vx_buf_add_char(out, '$');
	for (size_t i = 0; i < set->count; i++) {
		if (i > 0)
			vx_buf_add_char(out, ',');
		show_number(out, set->ranges[i].first);
		if (set->ranges[i].last != set->ranges[i].first) {
			vx_buf_add_char(out, ':');
			show_number(out, set->ranges[i].last);
		}
	}
}

/* --- FETCH ------------------------------------------------------------------------- */

static void show_section(struct vx_buf *out, const struct vx_imap_section *s)
{
	static const char *const texts[] = { "", "header", "fields", "fields-not", "text",
		"mime" };
	const char *separator = "";

	vx_buf_add_char(out, '[');
	for (size_t i = 0; i < s->part_count; i++) {
		vx_buf_printf(out, "%s%u", separator, s->parts[i]);
		separator = ".";
	}
	if (s->text != VX_SECTION_ALL)
		vx_buf_printf(out, "%s%s", separator, texts[s->text]);
	for (size_t i = 0; i < s->name_count; i++) {
		vx_buf_add_char(out, i == 0 ? ':' : ',');
		show_text(out, s->names[i]);
	}
	vx_buf_add_char(out, ']');
}

static void show_item(struct vx_buf *out, const struct vx_imap_item *item)
{
	static const char *const types[] = { "flags", "uid", "internaldate", "size",
		"envelope", "body", "bodystructure", "section", "binary", "binary-size",
		"modseq", "preview", "savedate", "emailid", "threadid" };

	vx_buf_add_str(out, types[item->type]);
	if (item->peek && item->type != VX_ITEM_BINARY_SIZE)
		vx_buf_add_str(out, ".peek");
	if (item->type == VX_ITEM_SECTION || item->type == VX_ITEM_BINARY ||
	    item->type == VX_ITEM_BINARY_SIZE)
		show_section(out, &item->section);
	if (item->legacy != NULL)
		vx_buf_printf(out, "=%s", item->legacy);
	if (item->partial)
		vx_buf_printf(out, "<%llu.%llu>", (unsigned long long)item->offset,
		    (unsigned long long)item->length);
}

void show_fetch(struct vx_buf *out, const struct vx_imap_fetch *f)
{
	for (size_t i = 0; i < f->count; i++) {
		if (i > 0)
			vx_buf_add_char(out, ' ');
		show_item(out, &f->items[i]);
	}
	if (f->changed_since > 0)
		vx_buf_printf(out, " since=%llu", (unsigned long long)f->changed_since);
	if (f->partial)
		vx_buf_printf(out, " partial=%s%u-%u", f->places.from_end ? "end-" : "",
		    f->places.low, f->places.high);
}

/* --- SEARCH ------------------------------------------------------------------------ */

static void show_args(struct vx_buf *out, const struct vx_imap_key *k)
{
	switch (k->type) {
	case VX_KEY_FLAG:
	case VX_KEY_NO_FLAG:
		vx_buf_printf(out, " %llu", (unsigned long long)k->flags);
		break;
	case VX_KEY_SEQUENCE:
	case VX_KEY_UID:
		vx_buf_add_char(out, ' ');
		show_set(out, &k->set);
		break;
	case VX_KEY_HEADER:
		vx_buf_add_char(out, ' ');
		show_text(out, k->name);
		vx_buf_add_char(out, '=');
		show_text(out, k->text);
		break;
	case VX_KEY_UIDAFTER:
	case VX_KEY_UIDBEFORE:
		vx_buf_printf(out, " %lld", (long long)k->number);
		break;
	case VX_KEY_KEYWORD:
	case VX_KEY_NO_KEYWORD:
	case VX_KEY_BODY:
	case VX_KEY_TEXT:
		vx_buf_add_char(out, ' ');
		show_text(out, k->text);
		break;
	case VX_KEY_ALL:
	case VX_KEY_AND:
	case VX_KEY_OR:
	case VX_KEY_NOT:
	case VX_KEY_FUZZY:
	case VX_KEY_NONE:
		break;
	case VX_KEY_LARGER:
	case VX_KEY_SMALLER:
	case VX_KEY_BEFORE:
	case VX_KEY_ON:
	case VX_KEY_SINCE:
	case VX_KEY_SENTBEFORE:
	case VX_KEY_SENTON:
	case VX_KEY_SENTSINCE:
	case VX_KEY_MODSEQ:
	case VX_KEY_OLDER:
	case VX_KEY_YOUNGER:
	case VX_KEY_SAVEDBEFORE:
	case VX_KEY_SAVEDON:
	case VX_KEY_SAVEDSINCE:
		vx_buf_printf(out, " %lld", (long long)k->number);
		break;
	case VX_KEY_EMAILID:
		vx_buf_printf(out, " %llx", (unsigned long long)k->blob);
		break;
	}
}

static void show_key(struct vx_buf *out, const struct vx_imap_key *k)
{
	static const char *const types[] = { "all", "and", "or", "not", "flag", "no-flag",
		"keyword", "no-keyword", "seq", "uid", "uidafter", "uidbefore", "larger",
		"smaller", "before", "on", "since", "sentbefore", "senton", "sentsince",
		"header", "body", "text", "modseq", "older", "younger", "savedbefore",
		"savedon", "savedsince", "emailid", "fuzzy", "none" };

	vx_buf_printf(out, "(%s", types[k->type]);
	show_args(out, k);
	for (const struct vx_imap_key *c = k->child; c != NULL; c = c->next) {
		vx_buf_add_char(out, ' ');
		show_key(out, c);
	}
	vx_buf_add_char(out, ')');
}

void show_search(struct vx_buf *out, const struct vx_imap_search *s)
{
	if (s->has_return)
		vx_buf_printf(out, "return:%s%s%s%s%s", s->min ? " min" : "",
		    s->max ? " max" : "", s->count ? " count" : "", s->all ? " all" : "",
		    s->save ? " save" : "");
	if (s->partial)
		vx_buf_printf(out, " partial %s%u to %u (%.*s)",
		    s->places.from_end ? "from the end " : "", s->places.low,
		    s->places.high, (int)s->places.text.len, s->places.text.ptr);
	if (s->has_return)
		vx_buf_add_char(out, ' ');
	if (s->bad_charset)
		vx_buf_add_str(out, "charset? ");
	if (s->modseq)
		vx_buf_add_str(out, "modseq! ");
	if (s->saved_dates)
		vx_buf_add_str(out, "saved! ");
	show_key(out, s->key);
}
