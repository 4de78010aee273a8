/* SEARCH programs (RFC 9051 6.4.4): a bounded tree. */
#include "imap/parse.h"

#include "vectis/date.h"
#include "vectis/store.h"

enum arg {
	NO_ARG,
	FLAG_ARG,
	TEXT_ARG,
	KEYWORD_ARG,
	DATE_ARG,
	SIZE_ARG,
	HEADER_ARG,
	UID_ARG,
	ONE_UID_ARG,
	NOT_ARG,
	OR_ARG,
	MODSEQ_ARG,
	SECONDS_ARG,
	SAVED_ARG,
	OBJECT_ARG,
	FUZZY_ARG
};

static const struct word {
	const char *word;
	enum arg arg;
	enum vx_imap_key_type type;
	uint64_t flags;
	const char *header;
} words[] = {
	{ "ALL", NO_ARG, VX_KEY_ALL, 0, NULL },
	{ "ANSWERED", FLAG_ARG, VX_KEY_FLAG, VX_FLAG_ANSWERED, NULL },
	{ "BCC", TEXT_ARG, VX_KEY_HEADER, 0, "bcc" },
	{ "BEFORE", DATE_ARG, VX_KEY_BEFORE, 0, NULL },
	{ "BODY", TEXT_ARG, VX_KEY_BODY, 0, NULL },
	{ "CC", TEXT_ARG, VX_KEY_HEADER, 0, "cc" },
	{ "DELETED", FLAG_ARG, VX_KEY_FLAG, VX_FLAG_DELETED, NULL },
	{ "DRAFT", FLAG_ARG, VX_KEY_FLAG, VX_FLAG_DRAFT, NULL },
	{ "EMAILID", OBJECT_ARG, VX_KEY_EMAILID, 0, NULL },
	{ "FLAGGED", FLAG_ARG, VX_KEY_FLAG, VX_FLAG_FLAGGED, NULL },
	{ "FROM", TEXT_ARG, VX_KEY_HEADER, 0, "from" },
	{ "FUZZY", FUZZY_ARG, VX_KEY_AND, 0, NULL },
	{ "HEADER", HEADER_ARG, VX_KEY_HEADER, 0, NULL },
	{ "KEYWORD", KEYWORD_ARG, VX_KEY_KEYWORD, 0, NULL },
	{ "LARGER", SIZE_ARG, VX_KEY_LARGER, 0, NULL },
	{ "MODSEQ", MODSEQ_ARG, VX_KEY_MODSEQ, 0, NULL },
	{ "NEW", NO_ARG, VX_KEY_NONE, 0, NULL },
	{ "NOT", NOT_ARG, VX_KEY_NOT, 0, NULL },
	{ "OLD", NO_ARG, VX_KEY_ALL, 0, NULL },
	{ "OLDER", SECONDS_ARG, VX_KEY_OLDER, 0, NULL },
	{ "ON", DATE_ARG, VX_KEY_ON, 0, NULL },
	{ "OR", OR_ARG, VX_KEY_OR, 0, NULL },
	{ "RECENT", NO_ARG, VX_KEY_NONE, 0, NULL },
	{ "SAVEDATESUPPORTED", NO_ARG, VX_KEY_ALL, 0, NULL },
	{ "SAVEDBEFORE", SAVED_ARG, VX_KEY_SAVEDBEFORE, 0, NULL },
	{ "SAVEDON", SAVED_ARG, VX_KEY_SAVEDON, 0, NULL },
	{ "SAVEDSINCE", SAVED_ARG, VX_KEY_SAVEDSINCE, 0, NULL },
	{ "SEEN", FLAG_ARG, VX_KEY_FLAG, VX_FLAG_SEEN, NULL },
	{ "SENTBEFORE", DATE_ARG, VX_KEY_SENTBEFORE, 0, NULL },
	{ "SENTON", DATE_ARG, VX_KEY_SENTON, 0, NULL },
	{ "SENTSINCE", DATE_ARG, VX_KEY_SENTSINCE, 0, NULL },
	{ "SINCE", DATE_ARG, VX_KEY_SINCE, 0, NULL },
	{ "SMALLER", SIZE_ARG, VX_KEY_SMALLER, 0, NULL },
	{ "SUBJECT", TEXT_ARG, VX_KEY_HEADER, 0, "subject" },
	{ "TEXT", TEXT_ARG, VX_KEY_TEXT, 0, NULL },
	{ "THREADID", OBJECT_ARG, VX_KEY_NONE, 0, NULL }, /* no message has one */
	{ "TO", TEXT_ARG, VX_KEY_HEADER, 0, "to" },
	{ "UID", UID_ARG, VX_KEY_UID, 0, NULL },
	{ "UIDAFTER", ONE_UID_ARG, VX_KEY_UIDAFTER, 0, NULL },
	{ "UIDBEFORE", ONE_UID_ARG, VX_KEY_UIDBEFORE, 0, NULL },
	{ "UNANSWERED", FLAG_ARG, VX_KEY_NO_FLAG, VX_FLAG_ANSWERED, NULL },
	{ "UNDELETED", FLAG_ARG, VX_KEY_NO_FLAG, VX_FLAG_DELETED, NULL },
	{ "UNDRAFT", FLAG_ARG, VX_KEY_NO_FLAG, VX_FLAG_DRAFT, NULL },
	{ "UNFLAGGED", FLAG_ARG, VX_KEY_NO_FLAG, VX_FLAG_FLAGGED, NULL },
	{ "UNKEYWORD", KEYWORD_ARG, VX_KEY_NO_KEYWORD, 0, NULL },
	{ "UNSEEN", FLAG_ARG, VX_KEY_NO_FLAG, VX_FLAG_SEEN, NULL },
	{ "YOUNGER", SECONDS_ARG, VX_KEY_YOUNGER, 0, NULL },
};

struct parser {
	struct vx_cursor *c;
	struct vx_arena *a;
	struct vx_imap_search *out;
	size_t keys;
	bool fuzzy; /* the key is below FUZZY */
};

static bool key(struct parser *p, unsigned depth, struct vx_imap_key **out);

static struct vx_imap_key *new_key(struct parser *p, enum vx_imap_key_type type)
{
	struct vx_imap_key *k = p->keys++ >= VX_IMAP_SEARCH_KEYS_MAX
				    ? NULL
				    : vx_arena_alloc(p->a, sizeof(*k));

	if (k != NULL)
		k->type = type;
	return k;
}

static bool date(struct parser *p, int64_t *out)
{
	const bool quoted = vx_cur_char(p->c, '"');
	const char *const start = p->c->p;

	while (!vx_cur_end(p->c) &&
	       (vx_is(*p->c->p, VX_C_ALPHA | VX_C_DIGIT) || *p->c->p == '-'))
		p->c->p++;
	return vx_date_day_parse(vx_slice_range(start, p->c->p), out) == VX_OK &&
	       (!quoted || vx_cur_char(p->c, '"'));
}

/* "MODSEQ [entry-name entry-type] number" (RFC 7162 3.1.5) */
static bool modseq(struct parser *p, struct vx_imap_key *k)
{
	uint64_t n;
	vx_slice name, type;

	/* one MODSEQ stands for all items of a message: which is asked for is no matter
	 */
	if (vx_cur_peek(p->c) == '"' &&
	    (!vx_imap_string(p->c, p->a, &name) ||
		!vx_slice_has_prefix_nocase(name, VX_S("/flags/")) || name.len == 7 ||
		!vx_imap_sp(p->c) || !vx_imap_atom(p->c, &type) || !vx_imap_sp(p->c) ||
		!(vx_slice_eq_nocase(type, VX_S("all")) ||
		    vx_slice_eq_nocase(type, VX_S("priv")) ||
		    vx_slice_eq_nocase(type, VX_S("shared")))))
		return false;
	if (!vx_cur_number(p->c, INT64_MAX, &n))
		return false;
	k->number = (int64_t)n;
	p->out->modseq = true;
	return true;
}

/* "M" and 16 hexadecimal digits, as vx_imap_write_email_id has it; others match nothing.
 */
static bool object_id(struct parser *p, struct vx_imap_key *k)
{
	const char *const start = p->c->p;
	uint64_t id = 0;
	vx_slice s;
	bool own;

	while (!vx_cur_end(p->c) && (vx_is(*p->c->p, VX_C_ALPHA | VX_C_DIGIT) ||
					*p->c->p == '_' || *p->c->p == '-'))
		p->c->p++;
	s = vx_slice_range(start, p->c->p);
	own = s.len == 17 && s.ptr[0] == 'M';
	for (size_t i = 1; own && i < s.len; i++) {
		own = vx_is(s.ptr[i], VX_C_DIGIT) || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f');
		id = id << 4 |
		     (uint64_t)(s.ptr[i] <= '9' ? s.ptr[i] - '0' : s.ptr[i] - 'a' + 10);
	}
	k->blob = id;
	if (!own)
		k->type = VX_KEY_NONE;
	return s.len > 0 && s.len <= VX_IMAP_OBJECT_ID_MAX;
}

/*
 * A text that may match loosely: whole, or all of its words wherever they are.  What is
 * no text is matched as it is (RFC 6203 5).
 */
static bool loosen(struct parser *p, struct vx_imap_key *k)
{
	struct vx_imap_key *whole = new_key(p, k->type), **tail;
	vx_slice rest = vx_slice_trim(k->text, " "), word;

	if (whole == NULL)
		return false;
	whole->name = k->name;
	whole->text = k->text;
	k->type = VX_KEY_FUZZY;
	k->child = whole;
	if (vx_slice_find(rest, ' ') == rest.len)
		return true;
	tail = &whole->next;
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (word.len == 0)
			continue;
		*tail = new_key(p, whole->type);
		if (*tail == NULL)
			return false;
		(*tail)->name = k->name;
		(*tail)->text = word;
		tail = &(*tail)->next;
	}
	return true;
}

static bool fuzzy(struct parser *p, unsigned depth, struct vx_imap_key *k)
{
	const bool before = p->fuzzy;
	bool good;

	p->out->fuzzy = p->fuzzy = true;
	good = key(p, depth + 1, &k->child);
	p->fuzzy = before;
	return good;
}

static bool argument(
    struct parser *p, const struct word *w, unsigned depth, struct vx_imap_key *k)
{
	uint64_t n;

	if (w->arg == NO_ARG || w->arg == FLAG_ARG)
		return true;
	if (!vx_imap_sp(p->c))
		return false;
	switch (w->arg) {
	case TEXT_ARG:
		k->name = vx_slice_str(w->header);
		return vx_imap_astring(p->c, p->a, &k->text) &&
		       (!p->fuzzy || loosen(p, k));
	case KEYWORD_ARG:
		return vx_imap_atom(p->c, &k->text);
	case DATE_ARG:
		return date(p, &k->number);
	case SIZE_ARG:
		if (!vx_cur_number(p->c, INT64_MAX, &n))
			return false;
		k->number = (int64_t)n;
		return true;
	case HEADER_ARG:
		return vx_imap_astring(p->c, p->a, &k->name) && vx_imap_sp(p->c) &&
		       vx_imap_astring(p->c, p->a, &k->text) &&
		       (!p->fuzzy || loosen(p, k));
	case UID_ARG:
		return vx_imap_sequence_set(p->c, p->a, &k->set);
	case NOT_ARG:
		return key(p, depth + 1, &k->child);
	case OR_ARG:
		return key(p, depth + 1, &k->child) && vx_imap_sp(p->c) &&
		       key(p, depth + 1, &k->child->next);
	case MODSEQ_ARG:
		return modseq(p, k);
	case SECONDS_ARG:
	case ONE_UID_ARG:
		if (!vx_cur_number(p->c, UINT32_MAX, &n) || n == 0)
			return false;
		k->number = (int64_t)n;
		return true;
	case SAVED_ARG:
		p->out->saved_dates = true;
		return date(p, &k->number);
	case OBJECT_ARG:
		return object_id(p, k);
	case FUZZY_ARG:
		return fuzzy(p, depth, k);
	case NO_ARG:
	case FLAG_ARG:
		break;
	}
	return true;
}

/* One or more keys, all of which must match. */
static bool keys(struct parser *p, unsigned depth, struct vx_imap_key **out)
{
	struct vx_imap_key *all = new_key(p, VX_KEY_AND), **tail;

	if (all == NULL)
		return false;
	tail = &all->child;
	do {
		if (!key(p, depth + 1, tail))
			return false;
		tail = &(*tail)->next;
	} while (vx_imap_sp(p->c));
	*out = all;
	return true;
}

static bool key(struct parser *p, unsigned depth, struct vx_imap_key **out)
{
	struct vx_cursor look = *p->c;
	struct vx_imap_key *k;
	vx_slice name;

	if (depth > VX_IMAP_SEARCH_DEPTH_MAX)
		return false;
	if (vx_cur_char(p->c, '('))
		return keys(p, depth, out) && vx_cur_char(p->c, ')');
	if (vx_cur_peek(p->c) == '$' || vx_cur_peek(p->c) == '*' ||
	    (vx_cur_peek(p->c) >= '0' && vx_cur_peek(p->c) <= '9')) {
		k = new_key(p, VX_KEY_SEQUENCE);
		*out = k;
		if (k == NULL || !vx_imap_sequence_set(p->c, p->a, &k->set))
			return false;
		p->out->numbers = p->out->numbers || !k->set.saved;
		return true;
	}
	if (!vx_cur_some(&look, VX_C_ALPHA, &name))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!vx_slice_eq_nocase(name, vx_slice_str(words[i].word)))
			continue;
		*p->c = look;
		k = new_key(p, words[i].type);
		if (k == NULL)
			return false;
		k->flags = words[i].flags;
		*out = k;
		return argument(p, &words[i], depth, k);
	}
	return false;
}

/* "UPDATE", and what to tell of new messages (RFC 5465 7) */
static bool update(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out)
{
	struct vx_cursor look = *c;
	struct vx_imap_fetch items;
	const char *start;

	if (out->update)
		return false;
	out->update = true;
	if (!vx_imap_sp(&look) || vx_cur_peek(&look) != '(')
		return true;
	*c = look;
	start = c->p;
	if (!vx_imap_fetch_atts(c, a, &items))
		return false;
	out->items = vx_slice_range(start, c->p);
	return true;
}

static bool one_return(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out)
{
	bool *const flags[] = { &out->min, &out->max, &out->count, &out->all, &out->save,
		&out->relevancy };
	static const char *const names[] = { "MIN", "MAX", "COUNT", "ALL", "SAVE",
		"RELEVANCY" };
	vx_slice name;

	if (!vx_cur_some(c, VX_C_ALPHA, &name))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (vx_slice_eq_nocase(name, vx_slice_str(names[i]))) {
			*flags[i] = true;
			return true;
		}
	}
	if (vx_slice_eq_nocase(name, VX_S("CONTEXT"))) /* a hint (RFC 5267 4.2) */
		return true;
	if (vx_slice_eq_nocase(name, VX_S("UPDATE")))
		return update(c, a, out);
	return vx_slice_eq_nocase(name, VX_S("PARTIAL")) && !out->partial &&
	       vx_imap_sp(c) && (out->partial = vx_imap_partial(c, &out->places));
}

bool vx_imap_search_returns(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out)
{
	*out = (struct vx_imap_search){ 0 };
	if (!vx_cur_text(c, VX_S("RETURN (")))
		return true;
	out->has_return = true;
	for (bool first = true; !vx_cur_char(c, ')'); first = false)
		if ((!first && !vx_imap_sp(c)) || !one_return(c, a, out))
			return false;
	if (out->partial && out->all) /* RFC 9394 3.1 */
		return false;
	if (!out->min && !out->max && !out->count && !out->save && !out->partial &&
	    !out->relevancy)
		out->all = true;
	return vx_imap_sp(c);
}

static bool charset(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out)
{
	vx_slice name;

	if (!vx_imap_astring(c, a, &name) || !vx_imap_sp(c))
		return false;
	out->has_charset = true;
	out->bad_charset = !vx_slice_eq_nocase(name, VX_S("UTF-8")) &&
			   !vx_slice_eq_nocase(name, VX_S("US-ASCII"));
	return true;
}

bool vx_imap_search_criteria(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out)
{
	struct parser p = { .c = c, .a = a, .out = out };

	return charset(c, a, out) && keys(&p, 0, &out->key) && vx_cur_end(c) &&
	       (out->fuzzy || !out->relevancy); /* RFC 6203 4 */
}

bool vx_imap_search(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out)
{
	struct parser p = { .c = c, .a = a, .out = out };

	return vx_imap_search_returns(c, a, out) &&
	       (!vx_cur_text(c, VX_S("CHARSET ")) || charset(c, a, out)) &&
	       keys(&p, 0, &out->key) && vx_cur_end(c) && (out->fuzzy || !out->relevancy);
}
