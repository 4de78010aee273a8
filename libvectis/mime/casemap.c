/*
 * i;unicode-casemap (RFC 5051): each code point to its titlecase, that to its full
 * decomposition, with nothing put in order and nothing looked at around it.  So the fold
 * of a text is the folds of its pieces, and can be kept in tables.
 */
#include "mime/casemap.h"

#include "base/encode.h"
#include "base/mem.h"
#include "vectis/header.h"

#include <stdatomic.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

enum {
	BLOCK = 256,
	BLOCKS = 0x110000 / BLOCK,
	EXPANDED_MAX = 64, /* code points; the longest of Unicode 15 has 18 */
};

/* --- tables ------------------------------------------------------------------------ */

static _Atomic(struct vx_case_block *) blocks[BLOCKS];

/* Scripts that write without blanks between words, and signs that stand for a word. */
static bool without_blanks(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = { { 0x0e00, 0x0eff }, { 0x1000, 0x109f }, { 0x1780, 0x17ff },
		{ 0x2e80, 0x312f }, { 0x3190, 0x4dbf }, { 0x4e00, 0xa4cf },
		{ 0xf900, 0xfaff }, { 0xfe00, 0xfe0f }, { 0xff66, 0xff9f },
		{ 0x16f00, 0x18cff }, { 0x1aff0, 0x1b16f }, { 0x20000, 0x3ffff },
		{ 0xe0000, 0xe0fff } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static enum vx_char_class class_of(uint32_t c)
{
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Z))
		return VX_CHAR_SPACE;
	if (without_blanks(c))
		return VX_CHAR_SIGN;
	return uc_is_general_category_withtable(
		   c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_M)
		   ? VX_CHAR_WORD
		   : VX_CHAR_SIGN;
}

/* What c folds to, as UTF-8 at the end of out. */
static void expand(uint32_t c, struct vx_buf *out)
{
	ucs4_t todo[EXPANDED_MAX + UC_DECOMPOSITION_MAX_LENGTH];
	size_t count = 1;

	todo[0] = uc_totitle(c);
	while (count > 0) { /* the next one lies on top */
		ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
		const ucs4_t next = todo[--count];
		int tag;
		const int n =
		    count < EXPANDED_MAX ? uc_decomposition(next, &tag, parts) : -1;

		if (n < 0)
			vx_utf8_add(out, next);
		for (int i = n; i-- > 0;)
			todo[count++] = parts[i];
	}
}

static struct vx_case_block *make_block(uint32_t number)
{
	struct vx_buf octets = { .max = UINT16_MAX };
	struct vx_case_block *b = NULL;
	uint16_t at[BLOCK + 1] = { 0 };

	for (uint32_t i = 0; i < BLOCK; i++) {
		expand(number * BLOCK + i, &octets);
		at[i + 1] = (uint16_t)octets.len;
	}
	if (!octets.failed)
		b = vx_alloc(sizeof(*b) + octets.len);
	if (b != NULL) {
		memcpy(b->at, at, sizeof(at));
		memcpy(b->octets, octets.ptr, octets.len);
		for (uint32_t i = 0; i < BLOCK; i++)
			b->classes[i] = (uint8_t)class_of(number * BLOCK + i);
	}
	vx_buf_done(&octets);
	return b;
}

const struct vx_case_block *vx_case_block(uint32_t c)
{
	const uint32_t number = c / BLOCK;
	struct vx_case_block *b =
	    atomic_load_explicit(&blocks[number], memory_order_acquire);
	struct vx_case_block *made, *none = NULL;

	if (b != NULL)
		return b;
	made = make_block(number);
	if (made == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&blocks[number], &none, made))
		return made;
	vx_free(made); /* another thread was faster */
	return none;
}

/* --- folding ----------------------------------------------------------------------- */

/* Eight octets below 128 at a time: 0x20 off those from 'a' to 'z'. */
static void fold_ascii(const char *from, char *to, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t w, from_a, after_z;

		memcpy(&w, from + i, 8);
		from_a = w + ones * (0x80 - 'a');
		after_z = w + ones * (0x7f - 'z');
		w -= ((from_a & ~after_z) & ones * 0x80) >> 2;
		memcpy(to + i, &w, 8);
	}
	for (; i < len; i++)
		to[i] = (char)(from[i] - (from[i] >= 'a' && from[i] <= 'z' ? 0x20 : 0));
}

static void add_ascii(vx_slice s, struct vx_buf *out)
{
	char *p = vx_buf_reserve(out, s.len);

	if (p == NULL)
		return;
	fold_ascii(s.ptr, p, s.len);
	vx_buf_truncate(out, (out->len += s.len));
}

/* Code points beyond ASCII, up to the first octet that is ASCII. */
static vx_slice fold_others(vx_slice s, struct vx_buf *out)
{
	const struct vx_case_block *b = NULL;
	uint32_t number = UINT32_MAX;

	while (s.len > 0 && (s.ptr[0] & 0x80) != 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(s, &n);

		if (c / BLOCK != number) {
			number = c / BLOCK;
			b = vx_case_block(c);
		}
		if (b == NULL) {
			out->failed = true;
			return vx_slice_of(NULL, 0);
		}
		vx_buf_add(out, vx_slice_of(b->octets + b->at[c % BLOCK],
				    (size_t)(b->at[c % BLOCK + 1] - b->at[c % BLOCK])));
		s = vx_slice_from(s, n);
	}
	return s;
}

void vx_text_fold(vx_slice utf8, struct vx_buf *out)
{
	while (utf8.len > 0 && !out->failed) {
		const size_t n = vx_ascii_run(utf8);

		if (n > 0)
			add_ascii(vx_slice_head(utf8, n), out);
		utf8 = fold_others(vx_slice_from(utf8, n), out);
	}
}
