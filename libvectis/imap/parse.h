/* parse.h - productions of RFC 9051 9 and RFC 3501 9 over a complete command. */
#ifndef VX_IMAP_PARSE_H
#define VX_IMAP_PARSE_H

#include "base/cursor.h"
#include "vectis/arena.h"
#include "vectis/buf.h"
#include "vectis/err.h"

#define VX_IMAP_TAG_MAX 256
#define VX_IMAP_RANGES_MAX 10000 /* in one set */
#define VX_IMAP_SEARCH_KEYS_MAX 1000
#define VX_IMAP_SEARCH_DEPTH_MAX 32
#define VX_IMAP_FETCH_ITEMS_MAX 100
#define VX_IMAP_FIELD_NAMES_MAX 1000 /* of HEADER.FIELDS */

/* Each: false when it is not there (the cursor may have moved: the command is bad). */
bool vx_imap_sp(struct vx_cursor *c);
bool vx_imap_atom(struct vx_cursor *c, vx_slice *out);
bool vx_imap_tag(struct vx_cursor *c, vx_slice *out);
/* quoted, literal or (astring) atom; copied into the arena. */
bool vx_imap_string(struct vx_cursor *c, struct vx_arena *a, vx_slice *out);
bool vx_imap_astring(struct vx_cursor *c, struct vx_arena *a, vx_slice *out);
bool vx_imap_nstring(struct vx_cursor *c, struct vx_arena *a, vx_slice *out);
/* "(name value ...)" or NIL (RFC 2971 3.3): nothing of it is kept. */
#define VX_IMAP_ID_FIELDS_MAX 30
#define VX_IMAP_ID_NAME_MAX 30
#define VX_IMAP_ID_VALUE_MAX 1024
bool vx_imap_id(struct vx_cursor *c, struct vx_arena *a);
/* As LIST takes it: with wildcards. */
bool vx_imap_list_mailbox(struct vx_cursor *c, struct vx_arena *a, vx_slice *out);
bool vx_imap_number(struct vx_cursor *c, uint64_t max, uint64_t *out);

/* A sequence set: 0 stands for '*'.  saved: it was "$". */
struct vx_imap_range {
	uint32_t first, last;
};
struct vx_imap_set {
	struct vx_imap_range *ranges; /* in the arena, as written */
	size_t count;
	bool saved;
};
bool vx_imap_sequence_set(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_set *out);

/* UIDs or numbers that a client knows: neither "*" nor "$" (RFC 7162 7: known-uids). */
bool vx_imap_known_set(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_set *out);

/* The parameters of SELECT and EXAMINE: " (CONDSTORE QRESYNC (1 2 3:4 (5 6)))" or none.
 */
struct vx_imap_select {
	bool condstore, qresync;
	uint32_t uidvalidity;
	uint64_t modseq;
	bool has_known, has_match;
	struct vx_imap_set known;    /* UIDs */
	struct vx_imap_set match[2]; /* ascending: numbers, and as many UIDs */
};
bool vx_imap_select_params(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_select *out);

/*
 * "(\Seen $Junk)" or without parentheses: system flags as bits, keywords by name.  Other
 * flags with a backslash are passed over (RFC 3501 7.1: those that cannot be kept are).
 */
struct vx_imap_flags {
	uint64_t system; /* store.h's bits */
	vx_slice *keywords;
	size_t keyword_count;
};
#define VX_IMAP_FLAGS_MAX 100
bool vx_imap_flags(
    struct vx_cursor *c, struct vx_arena *a, bool parentheses, struct vx_imap_flags *out);

/*
 * "1:500" or "-1:-100" (RFC 9394 4): places from low to high, counted from 1, perhaps
 * from the end.
 */
struct vx_imap_partial {
	bool from_end;
	uint32_t low, high;
	vx_slice text; /* as it was written; borrowed from the command */
};
bool vx_imap_partial(struct vx_cursor *c, struct vx_imap_partial *out);
/* Of count things, the places [*first, *last] from the beginning; false: none. */
bool vx_imap_partial_of(
    const struct vx_imap_partial *p, uint32_t count, uint32_t *first, uint32_t *last);

/* --- FETCH ----------------------------------------------------------------------- */

enum vx_imap_item_type {
	VX_ITEM_FLAGS,
	VX_ITEM_UID,
	VX_ITEM_INTERNALDATE,
	VX_ITEM_SIZE,
	VX_ITEM_ENVELOPE,
	VX_ITEM_BODY, /* non-extensible BODYSTRUCTURE */
	VX_ITEM_BODYSTRUCTURE,
	VX_ITEM_SECTION, /* BODY[...], BODY.PEEK[...], RFC822... */
	VX_ITEM_BINARY,  /* BINARY[...], BINARY.PEEK[...] */
	VX_ITEM_BINARY_SIZE,
	VX_ITEM_MODSEQ,
	VX_ITEM_PREVIEW,  /* RFC 8970 */
	VX_ITEM_SAVEDATE, /* RFC 8514 */
	VX_ITEM_EMAILID,
	VX_ITEM_THREADID, /* RFC 8474 */
};

enum vx_imap_section_text {
	VX_SECTION_ALL,
	VX_SECTION_HEADER,
	VX_SECTION_FIELDS,
	VX_SECTION_FIELDS_NOT,
	VX_SECTION_TEXT,
	VX_SECTION_MIME,
};
#define VX_IMAP_PART_DEPTH_MAX 64

struct vx_imap_section {
	uint32_t *parts; /* in the arena */
	size_t part_count;
	enum vx_imap_section_text text;
	vx_slice *names; /* of FIELDS */
	size_t name_count;
};

struct vx_imap_item {
	enum vx_imap_item_type type;
	bool peek;
	const char *
	    legacy; /* "RFC822", "RFC822.HEADER", "RFC822.TEXT": its name in the answer */
	struct vx_imap_section section;
	vx_slice section_text; /* for the answer: as written, but no literals */
	bool partial;
	uint64_t offset, length;
};

struct vx_imap_fetch {
	struct vx_imap_item *items;
	size_t count;
	bool has_changed_since;
	uint64_t changed_since; /* RFC 7162 */
	bool vanished;          /* of UID FETCH only, with changed_since */
	bool partial;
	struct vx_imap_partial places; /* RFC 9394: of UID FETCH only */
};
bool vx_imap_fetch_items(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_fetch *out);
/* "(item item ...)" alone, of NOTIFY and UPDATE; all of them peek. */
bool vx_imap_fetch_atts(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_fetch *out);

/* --- SEARCH ---------------------------------------------------------------------- */

enum vx_imap_key_type {
	VX_KEY_ALL,
	VX_KEY_AND, /* of children */
	VX_KEY_OR,
	VX_KEY_NOT,
	VX_KEY_FLAG, /* bits all set */
	VX_KEY_NO_FLAG,
	VX_KEY_KEYWORD,
	VX_KEY_NO_KEYWORD, /* text: the name */
	VX_KEY_SEQUENCE,
	VX_KEY_UID, /* set */
	VX_KEY_UIDAFTER,
	VX_KEY_UIDBEFORE, /* number (RFC 9738 3.2) */
	VX_KEY_LARGER,
	VX_KEY_SMALLER, /* number */
	VX_KEY_BEFORE,
	VX_KEY_ON,
	VX_KEY_SINCE, /* number: day */
	VX_KEY_SENTBEFORE,
	VX_KEY_SENTON,
	VX_KEY_SENTSINCE,
	VX_KEY_HEADER, /* name, text */
	VX_KEY_BODY,
	VX_KEY_TEXT,
	VX_KEY_MODSEQ, /* number */
	VX_KEY_OLDER,
	VX_KEY_YOUNGER, /* number: seconds (RFC 5032) */
	VX_KEY_SAVEDBEFORE,
	VX_KEY_SAVEDON,
	VX_KEY_SAVEDSINCE, /* number: day (RFC 8514) */
	VX_KEY_EMAILID,    /* blob (RFC 8474) */
	VX_KEY_FUZZY, /* children: a text, then its words if it has several (RFC 6203) */
	VX_KEY_NONE,  /* matches nothing: NEW, RECENT */
};

struct vx_imap_key {
	enum vx_imap_key_type type;
	uint64_t flags;
	int64_t number;
	uint64_t blob;
	vx_slice name, text;
	struct vx_imap_set set;
	struct vx_imap_key *child, *next;
};

struct vx_imap_search {
	bool has_return, min, max, count, all, save;
	bool has_charset, bad_charset;
	bool fuzzy, relevancy; /* FUZZY was used; its scores are asked for */
	bool numbers;          /* numbers of messages were used */
	bool modseq;           /* MODSEQ was used */
	bool saved_dates;      /* SAVEDON or the like were used */
	bool partial;
	struct vx_imap_partial places;
	bool update;             /* RFC 5267 */
	vx_slice items;          /* of UPDATE, for vx_imap_fetch_atts; empty: none */
	struct vx_imap_key *key; /* VX_KEY_AND of what was asked */
};
bool vx_imap_search(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out);
/* The parts of SORT and THREAD: "RETURN (...) " or nothing; "charset keys" to the end. */
bool vx_imap_search_returns(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out);
bool vx_imap_search_criteria(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_search *out);
#define VX_IMAP_OBJECT_ID_MAX 255

/* --- names ----------------------------------------------------------------------- */

/*
 * Append modified UTF-7 (RFC 3501 5.1.3) as UTF-8.  VX_EINVAL: not that, or not
 * canonical, and *out is as it was; VX_ELIMIT.
 */
int vx_imap_utf7_decode(vx_slice s, struct vx_buf *out);
void vx_imap_utf7_encode(vx_slice utf8, struct vx_buf *out);
/* Does pattern ('*': anything, '%': anything without '/') match?  Linear in practice. */
bool vx_imap_list_match(vx_slice pattern, vx_slice name);

#endif
