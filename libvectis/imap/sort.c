/*
 * A column of numbers for each criterion.  Strings are folded and interned while they
 * come; in the end their numbers are replaced by their ranks, and each column, the least
 * important first, puts the messages in order.
 */
#include "imap/sort.h"

#include "base/intern.h"
#include "base/mem.h"
#include "base/order.h"
#include "vectis/header.h"

enum {
	FIRST_CAP = 64
};

struct vx_sorter {
	struct vx_sort_program program;
	size_t count, cap, memory;
	uint32_t *numbers;               /* own */
	uint32_t *sorted;                /* own: what is handed out */
	uint64_t *columns[VX_SORT_KEYS]; /* own: of each criterion */
	struct vx_intern strings;
	struct vx_buf text, folded; /* of the message under way */
};

/* --- the program ---------------------------------------------------------------------
 */

static const struct {
	const char *name;
	enum vx_sort_key key;
	bool text;
	enum vx_envelope_item item;
} keys[] = {
	[VX_SORT_ARRIVAL] = { "ARRIVAL", VX_SORT_ARRIVAL, false, 0 },
	[VX_SORT_CC] = { "CC", VX_SORT_CC, true, VX_ENVELOPE_CC },
	[VX_SORT_DATE] = { "DATE", VX_SORT_DATE, false, 0 },
	[VX_SORT_DISPLAYFROM] = { "DISPLAYFROM", VX_SORT_DISPLAYFROM, true,
	    VX_ENVELOPE_FROM },
	[VX_SORT_DISPLAYTO] = { "DISPLAYTO", VX_SORT_DISPLAYTO, true, VX_ENVELOPE_TO },
	[VX_SORT_FROM] = { "FROM", VX_SORT_FROM, true, VX_ENVELOPE_FROM },
	[VX_SORT_RELEVANCY] = { "RELEVANCY", VX_SORT_RELEVANCY, false, 0 },
	[VX_SORT_SIZE] = { "SIZE", VX_SORT_SIZE, false, 0 },
	[VX_SORT_SUBJECT] = { "SUBJECT", VX_SORT_SUBJECT, true, 0 },
	[VX_SORT_TO] = { "TO", VX_SORT_TO, true, VX_ENVELOPE_TO },
};

static bool sort_key(struct vx_cursor *c, enum vx_sort_key *out)
{
	vx_slice name;

	if (!vx_cur_some(c, VX_C_ALPHA, &name))
		return false;
	for (size_t i = 0; i < VX_SORT_KEYS; i++) {
		if (vx_slice_eq_nocase(name, vx_slice_str(keys[i].name))) {
			*out = keys[i].key;
			return true;
		}
	}
	return false;
}

bool vx_sort_has(const struct vx_sort_program *p, enum vx_sort_key key)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->criteria[i].key == key)
			return true;
	return false;
}

bool vx_sort_program(struct vx_cursor *c, struct vx_sort_program *out)
{
	unsigned seen = 0;
	size_t count = 0;

	*out = (struct vx_sort_program){ 0 };
	if (!vx_cur_char(c, '('))
		return false;
	do {
		const bool reverse = vx_cur_text(c, VX_S("REVERSE "));
		enum vx_sort_key key;

		if (count++ >= VX_SORT_CRITERIA_MAX || !sort_key(c, &key))
			return false;
		if ((seen & 1u << key) == 0) { /* else it decides nothing */
			out->criteria[out->count].key = key;
			out->criteria[out->count++].reverse = reverse;
		}
		seen |= 1u << key;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')');
}

/* --- messages ------------------------------------------------------------------------
 */

int64_t vx_sent_date(const struct vx_descriptor *d, int64_t arrival)
{
	return d->sent == INT64_MIN ? arrival : d->sent;
}

int vx_sorter_new(
    const struct vx_sort_program *program, size_t memory, struct vx_sorter **out)
{
	struct vx_sorter *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->program = *program;
	s->memory = memory;
	vx_intern_init(&s->strings, memory / 2);
	vx_buf_init(&s->text, VX_DESCRIPTOR_MAX);
	vx_buf_init(&s->folded, 8 * VX_DESCRIPTOR_MAX);
	*out = s;
	return VX_OK;
}

void vx_sorter_free(struct vx_sorter *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < VX_SORT_KEYS; i++)
		vx_free(s->columns[i]);
	vx_free(s->numbers);
	vx_free(s->sorted);
	vx_intern_done(&s->strings);
	vx_buf_done(&s->text);
	vx_buf_done(&s->folded);
	vx_free(s);
}

static int grow(struct vx_sorter *s)
{
	const size_t cap = s->cap == 0 ? FIRST_CAP : 2 * s->cap;
	uint32_t *numbers;

	if (s->count < s->cap)
		return VX_OK;
	/* a number, its place and a scratch place, then the columns */
	if (cap * (3 * sizeof(uint32_t) + s->program.count * sizeof(uint64_t)) >
	    s->memory / 2)
		return VX_ELIMIT;
	numbers = vx_realloc(s->numbers, cap * sizeof(*numbers));
	if (numbers == NULL)
		return VX_ENOMEM;
	s->numbers = numbers;
	for (size_t i = 0; i < s->program.count; i++) {
		uint64_t *column = vx_realloc(s->columns[i], cap * sizeof(*column));

		if (column == NULL)
			return VX_ENOMEM;
		s->columns[i] = column;
	}
	s->cap = cap;
	return VX_OK;
}

/* The first address of a list: addr-mailbox, or what RFC 5957 3 would display. */
static void address_text(vx_slice list, bool display, struct vx_buf *out)
{
	struct vx_envelope_address a;

	if (!vx_envelope_address(&list, &a))
		return;
	if (display && a.name.len > 0)
		vx_text_decode(a.name, out);
	if (out->len > 0)
		return;
	vx_buf_add(out, a.mailbox);
	if (display && a.mailbox.ptr != NULL && a.host.ptr != NULL) {
		vx_buf_add_char(out, '@');
		vx_buf_add(out, a.host);
	}
}

static int text_value(struct vx_sorter *s, enum vx_sort_key key,
    const struct vx_descriptor *d, const vx_slice items[VX_ENVELOPE_ITEMS], uint64_t *out)
{
	uint32_t number;
	int rc;

	vx_buf_reset(&s->text);
	vx_buf_reset(&s->folded);
	if (key == VX_SORT_SUBJECT)
		vx_buf_add(&s->text, d->base_subject);
	else
		address_text(items[keys[key].item],
		    key == VX_SORT_DISPLAYFROM || key == VX_SORT_DISPLAYTO, &s->text);
	vx_text_fold(vx_buf_slice(&s->text), &s->folded);
	if (s->text.failed || s->folded.failed)
		return VX_ENOMEM;
	rc = vx_intern_add(&s->strings, vx_buf_slice(&s->folded), &number);
	*out = number;
	return rc;
}

int vx_sorter_add(struct vx_sorter *s, uint32_t number, int64_t arrival, unsigned score,
    const struct vx_descriptor *d)
{
	vx_slice items[VX_ENVELOPE_ITEMS];
	struct vx_part root;
	int rc = grow(s);

	if (rc == VX_OK)
		rc = vx_descriptor_part(d, 0, &root);
	if (rc == VX_OK)
		rc = vx_envelope_open(root.envelope, items);
	for (size_t i = 0; rc == VX_OK && i < s->program.count; i++) {
		const enum vx_sort_key key = s->program.criteria[i].key;
		uint64_t *slot = &s->columns[i][s->count];

		if (keys[key].text)
			rc = text_value(s, key, d, items, slot);
		else if (key == VX_SORT_SIZE)
			*slot = d->size;
		else if (key == VX_SORT_RELEVANCY)
			*slot = UINT8_MAX - score;
		else
			*slot = vx_order_signed(
			    key == VX_SORT_DATE ? vx_sent_date(d, arrival) : arrival);
	}
	if (rc == VX_OK)
		s->numbers[s->count++] = number;
	return rc;
}

/* --- the order -----------------------------------------------------------------------
 */

static int rank_strings(struct vx_sorter *s)
{
	uint32_t *ranks = vx_alloc_array(s->strings.count, sizeof(*ranks));
	int rc = ranks == NULL ? VX_ENOMEM : vx_intern_ranks(&s->strings, ranks);

	for (size_t i = 0; rc == VX_OK && i < s->program.count; i++)
		if (keys[s->program.criteria[i].key].text)
			for (size_t m = 0; m < s->count; m++)
				s->columns[i][m] = ranks[s->columns[i][m]];
	vx_free(ranks);
	return rc;
}

int vx_sorter_end(struct vx_sorter *s, const uint32_t **numbers, size_t *count)
{
	uint32_t *scratch = vx_alloc_array(s->count, sizeof(*scratch));
	int rc = VX_OK;

	s->sorted = vx_alloc_array(s->count, sizeof(*s->sorted));
	if (scratch == NULL || s->sorted == NULL)
		rc = VX_ENOMEM;
	if (rc == VX_OK)
		rc = rank_strings(s);
	vx_intern_done(&s->strings);
	if (rc == VX_OK)
		vx_order_init(s->sorted, s->count);
	for (size_t i = s->program.count; rc == VX_OK && i-- > 0;) {
		if (s->program.criteria[i].reverse)
			for (size_t m = 0; m < s->count; m++)
				s->columns[i][m] = ~s->columns[i][m];
		vx_order_by(s->columns[i], s->sorted, scratch, s->count);
	}
	for (size_t i = 0; rc == VX_OK && i < s->count; i++)
		s->sorted[i] = s->numbers[s->sorted[i]];
	vx_free(scratch);
	/* what is not handed out goes here, on the thread of a job */
	for (size_t i = 0; i < VX_SORT_KEYS; i++) {
		vx_free(s->columns[i]);
		s->columns[i] = NULL;
	}
	vx_free(s->numbers);
	s->numbers = NULL;
	vx_buf_done(&s->text);
	vx_buf_done(&s->folded);
	if (rc == VX_OK) {
		*numbers = s->sorted;
		*count = s->count;
	}
	return rc;
}
