#include "auth/refused.h"

#include "base/chars.h"
#include "base/mem.h"

static const char *const words[] = { [VX_AUTH_RIGHT] = "right",
	[VX_AUTH_UNKNOWN] = "no-such-mailbox",
	[VX_AUTH_WRONG] = "wrong-password",
	[VX_AUTH_ALIAS] = "alias",
	[VX_AUTH_INACTIVE] = "inactive-mailbox",
	[VX_AUTH_CLOSED] = "inactive-domain",
	[VX_AUTH_SUSPENDED] = "sending-suspended",
	[VX_AUTH_POP3_OFF] = "pop3-off",
	[VX_AUTH_NO_TLS] = "no-tls",
	[VX_AUTH_THROTTLED] = "throttled" };

const char *vx_auth_reason_word(unsigned reason)
{
	return reason < VX_AUTH_REASONS ? words[reason] : "?";
}

/* --- the lists ------------------------------------------------------------------- */

/* To the end, wherever it is: how long it takes tells nothing. */
static struct vx_refused_entry *find(struct vx_refused_entry *list, size_t count,
    vx_slice login, enum vx_auth_reason reason)
{
	struct vx_refused_entry *found = NULL;

	for (size_t i = 0; i < count; i++)
		if (list[i].reason == reason &&
		    vx_slice_eq(vx_slice_of(list[i].login, list[i].len), login))
			found = &list[i];
	return found;
}

/* A new one, or the oldest. */
static struct vx_refused_entry *place(
    struct vx_refused_entry *list, size_t *count, size_t max)
{
	struct vx_refused_entry *oldest = &list[0];

	if (*count < max)
		return &list[(*count)++];
	for (size_t i = 1; i < max; i++)
		if (list[i].last < oldest->last)
			oldest = &list[i];
	return oldest;
}

static void remove_unknown(struct vx_refused *r, struct vx_refused_entry *e)
{
	*e = r->unknown[--r->unknown_count];
}

/* One that was thought to be nobody's is somebody's. */
static struct vx_refused_entry *promote(
    struct vx_refused *r, struct vx_refused_entry *from)
{
	const struct vx_refused_entry copy = *from;
	struct vx_refused_entry *to = find(
	    r->known, r->known_count, vx_slice_of(copy.login, copy.len), copy.reason);

	remove_unknown(r, from);
	if (to == NULL) {
		to = place(r->known, &r->known_count, VX_AUTH_REFUSED_KNOWN);
		*to = copy;
	} else {
		to->count += copy.count;
		to->network = copy.network;
		to->last = copy.last;
	}
	to->unsorted = false;
	return to;
}

/* Both lists are looked through, whoever it is. */
static struct vx_refused_entry *entry_of(struct vx_refused *r, vx_slice login,
    enum vx_refused_name name, enum vx_auth_reason reason)
{
	struct vx_refused_entry *known = find(r->known, r->known_count, login, reason);
	struct vx_refused_entry *unknown =
	    find(r->unknown, r->unknown_count, login, reason);
	struct vx_refused_entry *e = known;

	if (unknown != NULL)
		e = name == VX_REFUSED_KNOWN ? promote(r, unknown) : unknown;
	if (e != NULL)
		return e;
	e = name == VX_REFUSED_KNOWN
		? place(r->known, &r->known_count, VX_AUTH_REFUSED_KNOWN)
		: place(r->unknown, &r->unknown_count, VX_AUTH_REFUSED_UNKNOWN);
	*e = (struct vx_refused_entry){ .len = login.len,
		.reason = reason,
		.unsorted = name == VX_REFUSED_UNSORTED };
	if (login.len > 0)
		memcpy(e->login, login.ptr, login.len);
	return e;
}

void vx_refused_note(struct vx_refused *r, vx_slice login, enum vx_refused_name name,
    enum vx_auth_reason reason, const char *address, int64_t now_s)
{
	struct vx_refused_entry *e =
	    entry_of(r, vx_slice_head(login, VX_ADDRESS_MAX), name, reason);
	struct vx_network n = { .bits = 0 };
	bool exact;

	if (vx_network_parse(vx_slice_str(address), &n, &exact) == VX_OK)
		n = vx_network_owner(&n);
	e->network = n;
	e->count++;
	e->last = now_s;
	r->changed = true;
}

void vx_refused_sort(
    struct vx_refused *r, bool (*exists)(void *ctx, vx_slice login), void *ctx)
{
	/* from the end: what is removed is replaced by the last */
	for (size_t i = r->unknown_count; i > 0; i--) {
		struct vx_refused_entry *e = &r->unknown[i - 1];

		if (!e->unsorted)
			continue;
		e->unsorted = false;
		if (exists(ctx, vx_slice_of(e->login, e->len)))
			(void)promote(r, e);
	}
}

/* --- lines ----------------------------------------------------------------------- */

/* What others said is one word of printable ASCII; nothing at all is "-". */
static void write_login(const struct vx_refused_entry *e, struct vx_buf *out)
{
	const bool dash = e->len == 1 && e->login[0] == '-';

	if (e->len == 0)
		vx_buf_add_char(out, '-');
	for (size_t i = 0; i < e->len; i++) {
		const unsigned char c = (unsigned char)e->login[i];

		if (c > ' ' && c < 0x7f && c != '%' && !dash)
			vx_buf_add_char(out, (char)c);
		else
			vx_buf_printf(out, "%%%02X", c);
	}
}

static void write_list(
    const struct vx_refused_entry *list, size_t count, struct vx_buf *out)
{
	char network[VX_NETWORK_TEXT_MAX + 1];

	for (size_t i = 0; i < count; i++) {
		const struct vx_refused_entry *e = &list[i];

		write_login(e, out);
		vx_network_write(&e->network, network);
		vx_buf_printf(out, " %s %llu %lld %s\n", words[e->reason],
		    (unsigned long long)e->count, (long long)e->last,
		    e->network.bits > 0 ? network : "-");
	}
}

void vx_refused_write(const struct vx_refused *r, struct vx_buf *out)
{
	write_list(r->known, r->known_count, out);
	write_list(r->unknown, r->unknown_count, out);
}

static bool read_reason(vx_slice word, enum vx_auth_reason *out)
{
	for (unsigned i = VX_AUTH_RIGHT + 1; i < VX_AUTH_REASONS; i++)
		if (vx_slice_eq(word, vx_slice_str(words[i]))) {
			*out = (enum vx_auth_reason)i;
			return true;
		}
	return false;
}

static bool is_word(vx_slice word, size_t max)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.ptr[i] <= ' ' || (unsigned char)word.ptr[i] >= 0x7f)
			return false;
	return word.len > 0 && word.len <= max;
}

int vx_auth_read_refused(vx_slice line, struct vx_auth_refused *out)
{
	struct vx_auth_refused r = { .count = 0 };
	vx_slice rest = vx_slice_trim(line, "\n"), login, reason, count, last;
	uint64_t seconds;

	if (!vx_slice_cut(&rest, ' ', &login) || !vx_slice_cut(&rest, ' ', &reason) ||
	    !vx_slice_cut(&rest, ' ', &count) || !vx_slice_cut(&rest, ' ', &last) ||
	    !is_word(login, VX_AUTH_REFUSED_LOGIN_MAX) ||
	    !is_word(rest, VX_NETWORK_TEXT_MAX) || !read_reason(reason, &r.reason) ||
	    vx_slice_number(count, INT64_MAX, &r.count) != VX_OK ||
	    vx_slice_number(last, INT64_MAX, &seconds) != VX_OK)
		return VX_EINVAL;
	memcpy(r.login, login.ptr, login.len);
	memcpy(r.network, rest.ptr, rest.len);
	r.last = (int64_t)seconds;
	*out = r;
	return VX_OK;
}
