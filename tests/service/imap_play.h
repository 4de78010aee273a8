/*
 * imap_play.h - IMAP as it goes over the wire, written down.
 *
 *     # a comment; empty lines are passed over
 *     C: a LOGIN alice@example.org secret-4-tests     a line to the server
 *     S: a OK [<*>] welcome                           the next line from it
 *     C2: b NOOP                                      the same on connection 2
 *     S2: ...                                         any number of lines
 *     C~ text                                         octets without CRLF at their end
 *     @open 3 [clear]          connect (as the first C does); clear: without TLS
 *     @login 2 alice [INBOX]   connect, log in, perhaps select; nothing of it is compared
 *     @mail INBOX 3            file so many small messages for alice (m1, m2, ...)
 *     @file INBOX name.eml     file a message of tests/data/imap
 *     @all [off]               accounts have a mailbox All Mail; or no longer
 *     @tls 1                   the handshake is done
 *     @raw 1                   octets that are no compressed data
 *     @zip 1                   COMPRESS was answered: from now on it is compressed,
 *                              until UNAUTHENTICATE
 *     @closed 1                the server has closed the connection
 *
 * In C lines \r \n \0 \\ and \xNN stand for octets.  In S lines <*> is any text, <n> a
 * number, and <name> a text without blanks, brackets and parentheses that is the same
 * wherever it is named again, in C lines, too.  Before a C line, and at the end, every
 * line that the server wrote must have been compared.
 *
 * A transcript is played several times: in whole lines, octet by octet, and in pieces.
 * With VXT_RECORD=1 in the environment it is played once, its S lines are passed over, and
 * the session with what the server said goes to standard error: to be read against the
 * RFC before it becomes a file.
 */
#ifndef VXT_SERVICE_IMAP_PLAY_H
#define VXT_SERVICE_IMAP_PLAY_H

/* The path of the file; fails the test with file and line. */
void imap_play(const char *path);

#endif
