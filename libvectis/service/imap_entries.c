/* An entry is the length of its name in one octet, the name, and 8 octets of hash. */
#include "service/imap_entries.h"

#include "base/bytes.h"
#include "base/chars.h"
#include "base/hash.h"
#include "base/mem.h"

enum {
	HASH = 8,
	NAMES = 10,                     /* in one response */
	OCTETS_MAX = 2 * (VX_METADATA_ENTRIES_MAX + 1) *
		     (1 + VX_METADATA_NAME_MAX + HASH)
};

#define SPECIAL_USE VX_S("/private/specialuse") /* RFC 6154 4 */

void imap_entries_done(struct imap_entries *e)
{
	vx_free(e->octets);
	*e = (struct imap_entries){ 0 };
}

static uint64_t hash_of(vx_slice value)
{
	static const struct vx_siphash_key key = { 1, 2 }; /* nobody gains by a clash */

	return vx_siphash(&key, value);
}

static void add(struct vx_buf *to, vx_slice name, vx_slice value)
{
	char hash[HASH];

	vx_put_be64(hash, hash_of(value));
	vx_buf_add_char(to, (char)name.len);
	for (size_t i = 0; i < name.len; i++)
		vx_buf_add_char(to, vx_lower(name.ptr[i]));
	vx_buf_add(to, vx_slice_of(hash, HASH));
}

/* The next entry of rest: false: there is none. */
static bool next(vx_slice *rest, vx_slice *name, uint64_t *hash)
{
	size_t len;

	if (rest->len == 0)
		return false;
	len = (unsigned char)rest->ptr[0];
	*name = vx_slice_head(vx_slice_from(*rest, 1), len);
	*hash = vx_get_be64(rest->ptr + 1 + len);
	*rest = vx_slice_from(*rest, 1 + len + HASH);
	return true;
}

static void add_use(struct vx_buf *to, unsigned use)
{
	char octets[4];

	vx_put_be32(octets, use);
	if (use != 0)
		add(to, SPECIAL_USE, vx_slice_of(octets, sizeof(octets)));
}

/* What was gathered, as entries: VX_OK, VX_ENOMEM. */
static int take(struct imap_entries *out, struct vx_buf *from)
{
	int rc = from->failed ? VX_ENOMEM : VX_OK;

	*out = (struct imap_entries){ 0 };
	if (rc == VX_OK && from->len > 0) {
		out->octets = vx_alloc(from->len);
		rc = out->octets == NULL ? VX_ENOMEM : VX_OK;
	}
	if (rc == VX_OK && from->len > 0) {
		memcpy(out->octets, from->ptr, from->len);
		out->len = from->len;
	}
	vx_buf_done(from);
	return rc;
}

static void read_of(struct vx_view *v, uint32_t account, uint32_t mailbox, uint32_t user,
    struct vx_buf *to)
{
	struct vx_metadata_entry e = { .name = VX_S("") };

	while (!to->failed &&
	       vx_metadata_next(v, account, mailbox, user, e.name, &e) == VX_OK)
		add(to, e.name, e.value);
}

int imap_entries_read(struct imap_session *s, struct vx_view *v, uint32_t account,
    uint32_t mailbox, struct imap_entries *out)
{
	struct vx_buf all = { .max = OCTETS_MAX };
	struct vx_mailbox_info m;

	read_of(v, account, mailbox, s->who.account, &all);
	read_of(v, account, mailbox, 0, &all);
	if (mailbox != 0 && vx_mailbox_get(v, account, mailbox, &m) == VX_OK)
		add_use(&all, m.special_use);
	return take(out, &all);
}

/* Is there one of the same name after it?  That is written last. */
static bool is_overwritten(const struct vx_metadata_op *op, size_t at)
{
	for (size_t i = at + 1; i < op->count; i++)
		if (vx_slice_eq_nocase(op->entries[i].name, op->entries[at].name))
			return true;
	return false;
}

/* All of e but the entries that op names, then those. */
void imap_entries_own(struct imap_entries *e, const struct vx_metadata_op *op)
{
	struct vx_buf all = { .max = 2 * OCTETS_MAX };
	vx_slice rest = vx_slice_of(e->octets, e->len), name;
	struct imap_entries fresh;
	uint64_t hash;

	for (const char *at = rest.ptr; next(&rest, &name, &hash); at = rest.ptr) {
		bool named = op->set_use && vx_slice_eq(name, SPECIAL_USE);

		for (size_t i = 0; i < op->count; i++)
			named = named || vx_slice_eq_nocase(name, op->entries[i].name);
		if (!named)
			vx_buf_add(&all, vx_slice_of(at, 1 + name.len + HASH));
	}
	for (size_t i = 0; i < op->count; i++)
		if (op->entries[i].value.ptr != NULL && !is_overwritten(op, i))
			add(&all, op->entries[i].name, op->entries[i].value);
	if (op->set_use)
		add_use(&all, op->special_use);
	if (take(&fresh, &all) != VX_OK)
		return;
	imap_entries_done(e);
	*e = fresh;
}

/* Is there an entry of this name, and of this hash? */
static bool has(const struct imap_entries *e, vx_slice wanted, const uint64_t *value)
{
	vx_slice rest = vx_slice_of(e->octets, e->len), name;
	uint64_t hash;

	while (next(&rest, &name, &hash))
		if (vx_slice_eq(name, wanted))
			return value == NULL || hash == *value;
	return false;
}

static void tell_one(struct imap_session *s, vx_slice mailbox, vx_slice name,
    size_t *told, struct vx_buf *out)
{
	if (*told % NAMES == 0) {
		vx_buf_add_str(out, *told > 0 ? "\r\n* METADATA " : "* METADATA ");
		vx_imap_write_mailbox(out, mailbox, imap_utf8(s));
	}
	(*told)++;
	vx_buf_add_char(out, ' ');
	vx_imap_write_string(out, name, imap_utf8(s));
}

void imap_entries_tell(struct imap_session *s, vx_slice name,
    const struct imap_entries *known, const struct imap_entries *now, struct vx_buf *out)
{
	vx_slice rest = vx_slice_of(known->octets, known->len), entry;
	uint64_t hash;
	size_t told = 0;

	while (next(&rest, &entry, &hash)) /* removed */
		if (!has(now, entry, NULL))
			tell_one(s, name, entry, &told, out);
	rest = vx_slice_of(now->octets, now->len);
	while (next(&rest, &entry, &hash)) /* new, or another value */
		if (!has(known, entry, &hash))
			tell_one(s, name, entry, &told, out);
	if (told > 0)
		vx_buf_add_str(out, "\r\n");
}
