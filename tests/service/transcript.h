/*
 * transcript.h - sessions in data files, whole and cut in every way.
 *
 * "=== title: options" (see drive_open) begins a session.  "C: text" is a line from the
 * client, CR LF is added; "R: text" are octets with \r \n \\ \xNN.  "T:" is where the
 * client begins TLS; what was not taken before is lost.  "B: ACCOUNT text" puts a message
 * there before the session (escapes as above).  "S:" lines are the server's, in order;
 * "E: DONE": it ended the session; then what is in the mailboxes afterwards (world_show).
 * Ids of messages are shown as ID.
 */
#ifndef VXT_SERVICE_TRANSCRIPT_H
#define VXT_SERVICE_TRANSCRIPT_H

#include "service/world.h"

/* A file below tests/data. */
void transcripts_run(struct world *w, const char *name);

#endif
