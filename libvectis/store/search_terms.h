/*
 * search_terms.h - what the index keeps of a text, and what a needle asks of it.
 *
 * A text, folded by vx_text_fold, falls into runs: words (VX_CHAR_WORD), signs
 * (VX_CHAR_SIGN) and the blanks between them, each as long as it can be.  Its terms are
 *   - a word of at most VX_TERM_OCTETS octets: itself;
 *   - a longer word: windows of about that size, one every VX_TERM_STEP octets;
 *   - one sign alone: itself; several signs: each two neighbours.
 * So a needle that is one word of at most VX_NEEDLE_OCTETS, one sign or two signs is in a
 * text if and only if it is in one of its terms (two signs: is one of them).  Of any
 * other needle the runs are asked for, and the text itself decides.
 */
#ifndef VX_STORE_SEARCH_TERMS_H
#define VX_STORE_SEARCH_TERMS_H

#include "vectis/err.h"
#include "vectis/slice.h"

#define VX_TERM_OCTETS 96 /* and up to 3 more, where a code point is not cut */
#define VX_TERM_STEP 48
#define VX_TERM_MAX (VX_TERM_OCTETS + 3)
#define VX_NEEDLE_OCTETS 45 /* VX_TERM_OCTETS - VX_TERM_STEP - 3 */

/* Each term of a text, in its order, the same one as often as it comes. */
typedef void vx_term_fn(void *ctx, vx_slice term);
/* VX_OK, VX_ENOMEM.  text is UTF-8. */
int vx_terms_of(vx_slice text, vx_term_fn *fn, void *ctx);

/*
 * Octets to be looked for in terms that stand one after the other, each with a NUL before
 * and behind it: "\0TERM\0OTHER\0".  NULs in a pattern tie it to the ends of a term.
 */
struct vx_pattern {
	char octets[VX_TERM_MAX + 2];
	size_t len;
};

#define VX_PATTERNS_MAX 12
struct vx_needle_plan {
	/* Every text with the needle has a term for each pattern. */
	struct vx_pattern patterns[VX_PATTERNS_MAX];
	size_t count; /* 0: any text may have it */
	bool exact;   /* and every text that has them has the needle */
};
/* needle is folded; an empty one is in every text.  VX_OK, VX_ENOMEM. */
int vx_needle_plan(vx_slice needle, struct vx_needle_plan *out);
/* Add the words of a field's name: a header with the field has each as a term. */
int vx_needle_plan_name(vx_slice name, struct vx_needle_plan *plan);

#endif
