/* safe.h - text of others, made fit to be put into a header, a log or a report. */
#ifndef VX_MIME_SAFE_H
#define VX_MIME_SAFE_H

#include "vectis/buf.h"

/*
 * Append at most max octets of text as one line: blanks in a row are one; control
 * characters, what turns the direction of writing, and what is not UTF-8 become '?'.
 * ascii: all above 127 does.  Cut between two characters.
 */
void vx_safe_text(vx_slice text, size_t max, bool ascii, struct vx_buf *out);

#endif
