/* casemap.h - characters as searches see them: what they fold to, what they are. */
#ifndef VX_MIME_CASEMAP_H
#define VX_MIME_CASEMAP_H

#include "vectis/buf.h"

enum vx_char_class {
	VX_CHAR_SPACE, /* blanks and controls */
	VX_CHAR_WORD, /* letters, digits and marks of scripts that part words by blanks */
	VX_CHAR_SIGN, /* everything else: punctuation, emoji, Han, Kana, Thai and the like
		       */
};

/*
 * Of 256 code points.  Made when one of them is first met, then kept for the life of the
 * process: at most 6 MB when a text has them all.
 */
struct vx_case_block {
	uint16_t at[257];     /* code point i folds to octets [at[i], at[i + 1]) */
	uint8_t classes[256]; /* enum vx_char_class */
	char octets[];
};

/* The block of code point c (at most U+10FFFF); NULL: no memory.  Any thread. */
const struct vx_case_block *vx_case_block(uint32_t c);

#endif
