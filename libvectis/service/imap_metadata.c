/* GETMETADATA, SETMETADATA (RFC 5464); the use of a mailbox as an entry (RFC 6154 4). */
#include "base/mem.h"
#include "service/imap_notify.h"

#include <inttypes.h>

#define ENTRIES_MAX 128 /* that one command names */
#define SPECIAL_USE VX_S("/private/specialuse")

/* What rights give entries (RFC 5464 3.3): lookup, and one of these. */
#define ANNOTATE                                                                         \
	(VX_RIGHT_READ | VX_RIGHT_SEEN | VX_RIGHT_WRITE | VX_RIGHT_INSERT | VX_RIGHT_POST)

/* The server (account and mailbox 0) or a mailbox: VX_OK, VX_ENOENT, VX_EACCES. */
static int reach(
    struct imap_session *s, struct vx_view *v, vx_slice name, struct imap_place *p)
{
	int rc;

	*p = (struct imap_place){ 0 };
	if (name.len == 0)
		return VX_OK;
	rc = imap_reach_in(s, v, name, VX_RIGHT_LOOKUP, p);
	return rc == VX_OK && (p->rights & ANNOTATE) == 0 ? VX_EACCES : rc;
}

static bool is_shared(vx_slice entry)
{
	return vx_slice_has_prefix_nocase(entry, VX_S("/shared"));
}

static bool is_use(
    const struct imap_session *s, const struct imap_place *p, vx_slice name)
{
	return p->mailbox != 0 && p->account == s->who.account &&
	       vx_slice_eq_nocase(name, SPECIAL_USE);
}

bool imap_metadata_names(struct imap_session *s, struct vx_cursor *c, vx_slice *names,
    size_t max, size_t *count)
{
	const bool open = vx_cur_char(c, '(');

	do {
		if (*count == max || !vx_imap_astring(c, &s->arena, &names[(*count)++]))
			return false;
	} while (open && vx_imap_sp(c));
	return !open || vx_cur_char(c, ')');
}

/* --- GETMETADATA ------------------------------------------------------------------ */

enum depth {
	ONLY_IT,
	CHILDREN,
	ALL_BELOW
};

struct get { /* in the session's arena */
	vx_slice mailbox;
	struct imap_place place;
	vx_slice names[ENTRIES_MAX];
	size_t count, at; /* of names */
	bool below;       /* names[at] itself is told: what is below it follows */
	bool together;    /* all entries in one response (RFC 9590 3) */
	bool begun;       /* that response is */
	enum depth depth;
	bool has_max;
	uint64_t max, longest; /* octets */
	char after[VX_METADATA_NAME_MAX];
	size_t after_len;
};

static void write_value(struct imap_session *s, struct get *g, vx_slice name,
    vx_slice value, struct vx_buf *out)
{
	if (value.ptr != NULL && g->has_max && value.len > g->max) {
		if (value.len > g->longest)
			g->longest = value.len;
		return;
	}
	if (g->begun) {
		vx_buf_add_char(out, ' ');
	} else {
		vx_buf_add_str(out, "* METADATA ");
		vx_imap_write_mailbox(out, g->mailbox, imap_utf8(s));
		vx_buf_add_str(out, " (");
		g->begun = g->together;
	}
	vx_imap_write_string(out, name, imap_utf8(s));
	vx_buf_add_char(out, ' ');
	if (value.ptr != NULL && memchr(value.ptr, '\0', value.len) != NULL) {
		vx_buf_printf(out, "~{%zu}\r\n", value.len);
		vx_buf_add(out, value);
	} else {
		vx_imap_write_string(out, value, imap_utf8(s));
	}
	if (!g->together)
		vx_buf_add_str(out, ")\r\n");
}

static void write_use(struct imap_session *s, struct vx_view *v, struct get *g,
    vx_slice name, struct vx_buf *out)
{
	struct vx_buf text = { .max = 200 };
	struct vx_mailbox_info m;

	if (vx_mailbox_get(v, g->place.account, g->place.mailbox, &m) == VX_OK)
		imap_write_uses(m.special_use, &text);
	write_value(s, g, name,
	    text.len > 0 ? vx_slice_from(vx_buf_slice(&text), 1) : vx_slice_of(NULL, 0),
	    out);
	vx_buf_done(&text);
}

static void write_named(struct imap_session *s, struct vx_view *v, struct get *g,
    vx_slice name, struct vx_buf *out)
{
	vx_slice value = { 0 };

	if (is_use(s, &g->place, name)) {
		write_use(s, v, g, name, out);
		return;
	}
	if (vx_metadata_get(v, g->place.account, g->place.mailbox,
		is_shared(name) ? 0 : s->who.account, name, &value) != VX_OK)
		value = vx_slice_of(NULL, 0);
	else if (value.ptr == NULL)
		value = VX_S("");
	/* above entries there is nothing to tell that is not there */
	if (value.ptr != NULL || g->depth == ONLY_IT)
		write_value(s, g, name, value, out);
}

void imap_metadata_list(struct imap_session *s, struct vx_view *v,
    const struct vx_mailbox_info *m, unsigned rights, const vx_slice *names, size_t count,
    struct vx_buf *out)
{
	struct get *g;

	if ((rights & VX_RIGHT_LOOKUP) == 0 || (rights & ANNOTATE) == 0 ||
	    (g = vx_alloc(sizeof(*g))) == NULL)
		return;
	g->mailbox = m->name;
	g->place = (struct imap_place){
		.account = m->account, .mailbox = m->mailbox, .rights = rights
	};
	g->together = true;
	for (size_t i = 0; i < count; i++)
		write_named(s, v, g, names[i], out);
	if (g->begun)
		vx_buf_add_str(out, ")\r\n");
	vx_free(g);
}

/* One entry below names[at]: VX_DATA, or VX_OK when there is none. */
static int write_below(
    struct imap_session *s, struct vx_view *v, struct get *g, struct vx_buf *out)
{
	const vx_slice root = g->names[g->at];
	struct vx_metadata_entry e;
	vx_slice rest;

	if (vx_metadata_next(v, g->place.account, g->place.mailbox,
		is_shared(root) ? 0 : s->who.account, vx_slice_of(g->after, g->after_len),
		&e) != VX_OK ||
	    e.name.len > sizeof(g->after) ||
	    !vx_slice_has_prefix_nocase(e.name, vx_slice_head(root, e.name.len)))
		return VX_OK;
	memcpy(g->after, e.name.ptr, e.name.len);
	g->after_len = e.name.len;
	if (!vx_slice_has_prefix_nocase(e.name, root)) /* root begins with it */
		return VX_DATA;
	rest = vx_slice_from(e.name, root.len);
	if (rest.len < 2 || rest.ptr[0] != '/')
		return VX_DATA;
	rest = vx_slice_from(rest, 1);
	if (g->depth == ALL_BELOW || vx_slice_find(rest, '/') == rest.len)
		write_value(s, g, e.name, e.value.ptr == NULL ? VX_S("") : e.value, out);
	return VX_DATA;
}

static int get_some(
    struct imap_session *s, struct vx_view *v, struct get *g, struct vx_buf *out)
{
	while (g->at < g->count) {
		const vx_slice name = g->names[g->at];

		if (imap_full(s, out))
			return VX_DATA;
		if (!g->below) {
			write_named(s, v, g, name, out);
			g->below = true;
			g->after_len =
			    name.len < sizeof(g->after) ? name.len : sizeof(g->after);
			memcpy(g->after, name.ptr, g->after_len);
		} else if (g->depth == ONLY_IT || write_below(s, v, g, out) != VX_DATA) {
			g->below = false;
			g->at++;
		}
	}
	return VX_OK;
}

static int get_step(struct imap_session *s, struct vx_buf *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc == VX_OK) {
		rc = get_some(s, v, s->answer.state, out);
		vx_view_end(v);
	}
	if (rc < 0)
		s->answer.result = rc;
	return rc < 0 ? VX_OK : rc;
}

static int get_tail(struct imap_session *s, struct vx_buf *out)
{
	const struct get *g = s->answer.state;

	if (s->answer.result != VX_OK || g->longest == 0)
		return imap_result(s, out, s->answer.result, "done");
	vx_buf_add(out, s->tag);
	vx_buf_printf(out, " OK [METADATA LONGENTRIES %" PRIu64 "] done\r\n", g->longest);
	return VX_OK;
}

/* "(MAXSIZE 1024 DEPTH 1)" */
static bool options(struct vx_cursor *c, struct get *g)
{
	bool has_depth = false;

	do {
		if (!g->has_max && vx_cur_text(c, VX_S("MAXSIZE "))) {
			g->has_max = true;
			if (!vx_cur_number(c, UINT32_MAX, &g->max))
				return false;
		} else if (!has_depth && vx_cur_text(c, VX_S("DEPTH "))) {
			has_depth = true;
			if (vx_cur_char(c, '1'))
				g->depth = CHILDREN;
			else if (vx_cur_text(c, VX_S("infinity")))
				g->depth = ALL_BELOW;
			else if (!vx_cur_char(c, '0'))
				return false;
		} else {
			return false;
		}
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')');
}

/* The options come first; many clients have them behind the mailbox, as the examples. */
static bool get_words(struct imap_session *s, struct vx_cursor *c, struct get *g)
{
	struct vx_cursor look;

	if (!vx_imap_sp(c) ||
	    (vx_cur_char(c, '(') && (!options(c, g) || !vx_imap_sp(c))) ||
	    !imap_mailbox_name(s, c, &g->mailbox) || !vx_imap_sp(c))
		return false;
	look = *c;
	if (vx_cur_char(&look, '(') && options(&look, g) && vx_imap_sp(&look))
		*c = look;
	return imap_metadata_names(s, c, g->names, ENTRIES_MAX, &g->count) &&
	       vx_cur_end(c);
}

int imap_cmd_getmetadata(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct get *g = vx_arena_alloc(&s->arena, sizeof(*g));
	struct vx_view *v;
	int rc;

	if (g == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	if (!get_words(s, c, g))
		return imap_bad(s, out, "GETMETADATA mailbox entries is expected");
	for (size_t i = 0; i < g->count; i++)
		if (!vx_metadata_name_ok(g->names[i]) &&
		    !(g->depth != ONLY_IT &&
			(vx_slice_eq_nocase(g->names[i], VX_S("/private")) ||
			    vx_slice_eq_nocase(g->names[i], VX_S("/shared")))))
			return imap_bad(s, out, "this cannot be the name of an entry");
	rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	rc = reach(s, v, g->mailbox, &g->place);
	vx_view_end(v);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	g->place.name = vx_slice_of("", 0);
	return imap_answer(s, &(struct imap_answer){ .body = get_step,
				  .state = g,
				  .sync = true,
				  .expunges = true,
				  .tail = get_tail });
}

/* --- SETMETADATA ------------------------------------------------------------------ */

static int set_done(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	if (t->result == VX_OK)
		imap_notify_own_entries(s, &t->u.metadata);
	if (t->result == VX_ELIMIT)
		return imap_no(s, out, "[METADATA TOOMANY] there are too many entries");
	if (t->result == VX_EQUOTA)
		return imap_no(s, out, "[OVERQUOTA] there are too many annotations");
	return imap_done(s, t->result, "done");
}

/* nstring / literal8 */
static bool value(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	uint64_t size;

	if (!vx_cur_char(c, '~'))
		return vx_imap_nstring(c, a, out);
	if (!vx_cur_char(c, '{') || !vx_cur_number(c, SIZE_MAX, &size))
		return false;
	(void)vx_cur_char(c, '+');
	if (!vx_cur_text(c, VX_S("}\r\n")) || size > vx_cur_left(c))
		return false;
	*out = vx_slice_of(c->p, (size_t)size);
	c->p += size;
	return vx_arena_copy(a, *out, out) == VX_OK;
}

static bool entry_values(
    struct vx_cursor *c, struct vx_arena *a, struct vx_metadata_entry *e, size_t *count)
{
	if (!vx_cur_char(c, '('))
		return false;
	do {
		if (*count == ENTRIES_MAX || !vx_imap_astring(c, a, &e[*count].name) ||
		    !vx_imap_sp(c) || !value(c, a, &e[*count].value))
			return false;
		(*count)++;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')') && vx_cur_end(c);
}

/* VX_MORE: it may be submitted; else it was answered. */
static int check_values(struct imap_session *s, const struct imap_place *p,
    struct vx_metadata_op *op, struct vx_buf *out)
{
	for (size_t i = 0; i < op->count; i++) {
		const struct vx_metadata_entry *e = &op->entries[i];

		if (!vx_metadata_name_ok(e->name))
			return imap_bad(s, out, "this cannot be the name of an entry");
		if (p->mailbox == 0 && is_shared(e->name))
			return imap_no(
			    s, out, "[NOPERM] only the administrator sets these entries");
		if (e->value.len > VX_METADATA_VALUE_MAX) {
			vx_buf_add(out, s->tag);
			vx_buf_printf(out,
			    " NO [METADATA MAXSIZE %zu] the value is too large\r\n",
			    VX_METADATA_VALUE_MAX);
			return VX_OK;
		}
	}
	return VX_MORE;
}

/* Take the use out of the entries: it is kept with the mailbox.  False: none that is. */
static bool take_use(struct imap_session *s, const struct imap_place *p,
    struct vx_metadata_entry *e, struct vx_metadata_op *op)
{
	size_t kept = 0;

	for (size_t i = 0; i < op->count; i++) {
		vx_slice rest, word;

		if (!is_use(s, p, e[i].name)) {
			e[kept++] = e[i];
			continue;
		}
		op->set_use = true;
		op->special_use = 0;
		for (rest = e[i].value; rest.len > 0;) {
			unsigned use;

			(void)vx_slice_cut(&rest, ' ', &word);
			use = imap_use_of(word);
			if (use == 0 || use == VX_USE_ALL)
				return false;
			op->special_use |= use;
		}
	}
	op->count = kept;
	return true;
}

int imap_cmd_setmetadata(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, set_done);
	struct vx_metadata_entry *e =
	    t == NULL ? NULL : vx_arena_array(&t->arena, ENTRIES_MAX, sizeof(*e));
	struct vx_metadata_op *op;
	struct imap_place p;
	struct vx_view *v;
	vx_slice name;
	int rc;

	if (e == NULL) {
		imap_task_free(t);
		return imap_result(s, out, VX_ENOMEM, "");
	}
	op = &t->u.metadata;
	vx_metadata_op_init(op);
	op->entries = e;
	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_imap_sp(c) ||
	    !entry_values(c, &t->arena, e, &op->count)) {
		imap_task_free(t);
		return imap_bad(s, out, "SETMETADATA mailbox (entry value) is expected");
	}
	rc = vx_view_begin(s->service->o.store, &v);
	if (rc == VX_OK) {
		rc = reach(s, v, name, &p);
		vx_view_end(v);
	}
	if (rc != VX_OK)
		rc = imap_result(s, out, rc, "");
	else
		rc = check_values(s, &p, op, out);
	if (rc == VX_MORE && !take_use(s, &p, e, op))
		rc = imap_no(s, out, "[USEATTR] this use is not known");
	if (rc != VX_MORE) {
		imap_task_free(t);
		return rc;
	}
	op->account = p.account;
	op->mailbox = p.mailbox;
	op->user = s->who.account;
	return imap_submit(s, t, out);
}
