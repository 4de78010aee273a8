/* show.h - what was parsed, as text. */
#ifndef TEST_IMAP_SHOW_H
#define TEST_IMAP_SHOW_H

#include "imap/parse.h"

/* Octets below 32, 127 and above, and backslashes, as \r \n \\ \xNN. */
void show_text(struct vx_buf *out, vx_slice text);
/* "1:3,5,*" */
void show_set(struct vx_buf *out, const struct vx_imap_set *set);
/* "flags body.peek[1.2.fields:A,B]<0.5> changed-since=7" */
void show_fetch(struct vx_buf *out, const struct vx_imap_fetch *f);
/* "(and (seen 1) (not ...))", after "return=min,max " and the like */
void show_search(struct vx_buf *out, const struct vx_imap_search *s);

#endif
