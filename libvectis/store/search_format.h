/*
 * search_format.h - the octets of search.mdb (STORE.md 8), written and read.
 *
 * One tree.  A key is account u32 | kind u8 | rest, big-endian; a value is sealed like
 * those of the state (keys.h: type, version, CRC-32C, here of the key as well), and is
 * looked at only when its seal is right.  Whatever reads takes any octets and says
 * VX_ECORRUPT.
 *
 * An account's messages are documents, named by their blobs.  A new one is a list of its
 * terms; many are a segment, whose parts are numbered from 0 in each zone:
 *   docs      its blobs, ascending: document i is the i-th of them
 *   dict      terms in order, in blocks, with a posting (the documents) for each
 *   filter    a signature of the octet triples of each block, to pass blocks over
 *   posting   what is too long to stand in its block
 */
#ifndef VX_STORE_SEARCH_FORMAT_H
#define VX_STORE_SEARCH_FORMAT_H

#include "store/keys.h"
#include "store/search_terms.h"
#include "vectis/buf.h"

#define VX_SEARCH_FORMAT 1

enum vx_search_kind {
	VX_SEARCH_META = 'V',     /* account 0: format, whose index it is */
	VX_SEARCH_ACCOUNT = 'A',  /* the next segment's number */
	VX_SEARCH_BUILDING = 'B', /* segment: its parts are being written */
	VX_SEARCH_DICT = 'D',     /* segment, zone u8, block */
	VX_SEARCH_FILTER = 'F',   /* segment, zone u8, block / VX_FILTER_BLOCKS */
	VX_SEARCH_LIST = 'L',     /* blob u64: the terms of a message in no segment yet */
	VX_SEARCH_MARK = 'M',     /* mailbox: messages up to this UID were taken */
	VX_SEARCH_DOCS = 'N',     /* segment */
	VX_SEARCH_POSTING = 'P',  /* segment, number */
	VX_SEARCH_SEGMENT = 'S',  /* segment: it is whole */
	VX_SEARCH_TRASH = 'T',    /* segment: its parts are to be deleted */
};

/* What a term was in.  A field's name is a term of OTHER. */
enum vx_zone {
	VX_ZONE_BODY,
	VX_ZONE_SUBJECT,
	VX_ZONE_FROM,
	VX_ZONE_TO,
	VX_ZONE_CC,
	VX_ZONE_BCC,
	VX_ZONE_OTHER,
	VX_ZONES
};

#define VX_SEGMENT_DOCS_MAX ((uint32_t)1 << 20)
#define VX_DICT_OCTETS_MAX ((size_t)8176) /* two pages, less LMDB's header */
#define VX_SIGNATURE_OCTETS ((size_t)512)
#define VX_FILTER_BLOCKS 63
#define VX_POSTING_INLINE_MAX ((size_t)256)
#define VX_LIST_OCTETS_MAX ((size_t)512 << 10) /* with more terms a message is wild */

void vx_search_key(struct vx_key *k, uint32_t account, enum vx_search_kind kind);
void vx_search_key_zone(struct vx_key *k, uint32_t account, enum vx_search_kind kind,
    uint32_t segment, enum vx_zone zone, uint32_t number);

/*
 * Like vx_value_seal and vx_value_check, but the CRC covers the key, too: a damaged page
 * may have the right value of another key.  The type is the key's kind.
 */
void vx_search_seal(vx_slice key, char *value, size_t len);
int vx_search_check(vx_slice key, vx_slice value, enum vx_search_kind kind, size_t min);

/* Numbers of 1 to 10 octets, 7 bits each, low ones first. */
void vx_varint_add(struct vx_buf *out, uint64_t n);
bool vx_varint_take(vx_slice *s, uint64_t *out);

/* --- writing ---------------------------------------------------------------------- */

/* Keys and values collected in memory, put into the index in one transaction. */
struct vx_search_writes {
	struct vx_buf octets;
	size_t count;
};
/* value begins with VX_VALUE_HEADER octets, which are filled in. */
void vx_writes_add(
    struct vx_search_writes *w, const struct vx_key *k, struct vx_buf *value);
int vx_writes_put(const struct vx_search_writes *w, struct vx_kv_txn *txn);

struct vx_search_segment {
	unsigned level;
	uint32_t docs, terms, postings;
	uint32_t blocks[VX_ZONES];
	uint64_t octets; /* of all its values */
};

/* Writes the terms of a segment; they come by zone, then by octets. */
struct vx_dict_writer {
	struct vx_search_writes *to;
	uint32_t account, segment;
	struct vx_search_segment s; /* docs is set; the rest grows */
	enum vx_zone zone;
	unsigned count; /* of the block under way */
	struct vx_buf terms, postings, filter, value, posting;
	char signature[VX_SIGNATURE_OCTETS];
};
void vx_dict_writer_init(struct vx_dict_writer *w, struct vx_search_writes *to,
    uint32_t account, uint32_t segment, uint32_t docs);
void vx_dict_writer_done(struct vx_dict_writer *w);
/* docs ascend and are fewer than w->s.docs. */
void vx_dict_add(struct vx_dict_writer *w, enum vx_zone zone, vx_slice term,
    const uint32_t *docs, size_t count);
/* The last blocks, the table of documents and the segment's own value. */
void vx_dict_end(struct vx_dict_writer *w, const uint64_t *blobs, const bool *wild);
/* VX_OK, VX_ENOMEM: something did not fit. */
int vx_dict_result(const struct vx_dict_writer *w);

/* The terms of one message: zones[i] is "\0TERM\0OTHER\0", or empty. */
void vx_list_write(const vx_slice zones[VX_ZONES], bool wild, struct vx_buf *value);

/* --- reading ------------------------------------------------------------------------ */

int vx_list_read(vx_slice key, vx_slice value, vx_slice zones[VX_ZONES], bool *wild);

int vx_segment_read(vx_slice key, vx_slice value, struct vx_search_segment *out);

struct vx_search_docs {
	uint64_t *blobs; /* own, ascending */
	uint64_t *wild;  /* own, a bit each: not indexed, always looked at; NULL: none */
	uint32_t count;
};
int vx_docs_read(vx_slice key, vx_slice value, struct vx_search_docs *out);
void vx_docs_done(struct vx_search_docs *d);

/* How many signatures the filter has; signature i. */
int vx_filter_read(vx_slice key, vx_slice value, size_t *count);
bool vx_filter_may_have(vx_slice value, size_t i, const struct vx_pattern *p);

struct vx_dict {
	vx_slice terms, postings;
	unsigned count;
};
int vx_dict_read(vx_slice key, vx_slice value, struct vx_dict *out);
/* Where pattern is in terms from octet from on; terms.len: nowhere. */
size_t vx_pattern_find(vx_slice terms, size_t from, const struct vx_pattern *p);

enum vx_posting_form {
	VX_POSTING_GAPS,
	VX_POSTING_BITS,
	VX_POSTING_APART, /* in a value of its own, by number */
};
struct vx_posting {
	enum vx_posting_form form;
	vx_slice octets;
	uint32_t number;
};
/* Take the next posting off a block's; false: damaged. */
bool vx_posting_next(vx_slice *postings, struct vx_posting *out);
/* The value of one that is apart. */
int vx_posting_read(vx_slice key, vx_slice value, struct vx_posting *out);
/* Set the bits of its documents, of which there are docs. */
int vx_posting_mark(const struct vx_posting *p, uint32_t docs, uint64_t *bits);
/* Its documents; room for docs of them. */
int vx_posting_list(
    const struct vx_posting *p, uint32_t docs, uint32_t *out, size_t *count);

static inline size_t vx_words(uint32_t bits)
{
	return ((size_t)bits + 63) / 64;
}

#endif
