/* spf_int.h - what the files of the SPF check share. */
#ifndef VX_MAILAUTH_SPF_INT_H
#define VX_MAILAUTH_SPF_INT_H

#include "vectis/spf.h"

#include "base/cursor.h"

/* --- spf_term.c: the grammar (RFC 7208 12) ----------------------------------------- */

enum vx_spf_kind {
	VX_SPF_ALL,
	VX_SPF_INCLUDE,
	VX_SPF_A,
	VX_SPF_MX,
	VX_SPF_PTR,
	VX_SPF_IP4,
	VX_SPF_IP6,
	VX_SPF_EXISTS,
	VX_SPF_REDIRECT, /* from here on: modifiers */
	VX_SPF_EXP,
	VX_SPF_UNKNOWN
};

struct vx_spf_term {
	enum vx_spf_kind kind;
	enum vx_verdict qualifier;
	vx_slice text;   /* all of it */
	vx_slice spec;   /* domain-spec; empty: the domain itself */
	unsigned macros; /* VX_SPF_LETTER of those in spec */
	char last;       /* the macro that spec ends in, in lower case; 0: none */
	unsigned prefix4, prefix6;
	unsigned char network[16];
};

#define VX_SPF_LETTER(c) (1u << ((c) - 'a'))

/* The term at or behind *at, which moves; false: there is none.  *at 0: the first. */
bool vx_spf_term_next(vx_slice record, size_t *at, vx_slice *out);
/* NULL, or what is wrong with it. */
const char *vx_spf_term_parse(vx_slice text, struct vx_spf_term *out);
/* Does it say something of the address itself?  For vx_spf_is_explicit. */
bool vx_spf_term_is_explicit(const struct vx_spf_term *t, bool ipv6);

/* One piece of a macro-string. */
struct vx_spf_piece {
	bool macro;     /* macro-expand */
	char letter;    /* in lower case; 0: text stands for itself */
	bool escape;    /* it was in upper case */
	bool transform; /* keep, reverse, delimiters were said, or one of them */
	bool reverse;
	unsigned keep; /* so many parts at the right */
	vx_slice delimiters, text;
};
enum {
	VX_SPF_PARTS_MAX = 1000 /* no value has so many */
};
/* False: a syntax error at *c.  Literal text may have blanks. */
bool vx_spf_piece_next(struct vx_cursor *c, struct vx_spf_piece *out);
/* An explain-string; *macros gets its letters. */
bool vx_spf_is_explanation(vx_slice text, unsigned *macros);

/* --- the check --------------------------------------------------------------------- */

enum vx_spf_ask {
	VX_SPF_ASK_NOTHING,
	VX_SPF_ASK_RECORD,
	VX_SPF_ASK_ADDRESS, /* of a */
	VX_SPF_ASK_EXISTS,
	VX_SPF_ASK_MX,
	VX_SPF_ASK_MX_ADDRESS,
	VX_SPF_ASK_PTR,
	VX_SPF_ASK_PTR_ADDRESS,
	VX_SPF_ASK_EXPLANATION
};

enum vx_spf_phase {
	VX_SPF_NEXT_TERM,
	VX_SPF_THIS_TERM,
	VX_SPF_EXPLAIN,      /* exp= is to be looked up */
	VX_SPF_EXPLAIN_TEXT, /* and was found */
	VX_SPF_OVER
};

struct vx_spf_span {
	size_t at, len;
};

/* A record that is being evaluated: the domain's, and those that include: led to. */
struct vx_spf_frame {
	char domain[VX_DNS_NAME_MAX + 1];
	size_t record;                          /* where it begins in vx_spf.text */
	size_t record_len;                      /* octets */
	struct vx_spf_span term, redirect, exp; /* in the record; len 0: none */
	size_t at;                              /* in the record: what follows term */
	bool redirected;                        /* here */
	bool loose;                             /* by a name that the client chose */
};

struct vx_spf_name {
	char name[VX_DNS_NAME_MAX + 1];
	enum {
		VX_SPF_UNTRIED,
		VX_SPF_VALID,
		VX_SPF_INVALID
	} state;
};

struct vx_spf {
	/* what is checked */
	bool ipv6;
	unsigned char address[16];
	char client[VX_DNS_ADDRESS_MAX + 1]; /* %{c} */
	char dotted[64];                     /* %{i} */
	char helo[VX_SPF_HELO_MAX + 1];
	char receiver[VX_DNS_NAME_MAX + 1];
	char now[21];
	char local[VX_SPF_LOCAL_MAX + 1];
	char origin[VX_DNS_NAME_MAX + 1];                           /* %{o} */
	char sender[VX_SPF_LOCAL_MAX + 1 + VX_DNS_NAME_MAX + 1];    /* %{s} */
	char mail_from[VX_SPF_LOCAL_MAX + 1 + VX_DNS_NAME_MAX + 1]; /* as it came */
	bool local_ascii;
	unsigned lookups_max, voids_max;

	/* where it stands */
	enum vx_spf_phase phase;
	enum vx_spf_ask asked;
	struct vx_dns_question question;
	struct vx_buf text; /* the records of frames, one behind the other */
	struct vx_spf_frame frames[VX_SPF_LOOKUPS_MAX + 1];
	size_t depth; /* of frames: at least one */
	struct vx_spf_term term;
	bool has_target, is_void; /* of term */
	char target[VX_DNS_NAME_MAX + 1];
	struct vx_spf_name mx[VX_SPF_MX_MAX], ptr[VX_SPF_PTR_MAX];
	size_t mx_count, mx_at, ptr_count, ptr_at;
	bool mx_known, ptr_known;
	const char *p; /* %{p} */
	unsigned explanation_macros;

	/* what it comes to */
	struct vx_spf_result result;
	bool is_explicit;
	char mechanism[VX_SPF_MECHANISM_MAX + 1], inner[VX_SPF_MECHANISM_MAX + 1];
	char explanation[VX_SPF_EXPLANATION_MAX + 1];
	char reason[VX_SPF_REASON_MAX + 1];
};

static inline struct vx_spf_frame *vx_spf_top(struct vx_spf *s)
{
	return &s->frames[s->depth - 1];
}

/* As a string; what does not fit is cut. */
void vx_spf_copy_text(char *out, size_t size, vx_slice text);
void vx_spf_ask(
    struct vx_spf *s, enum vx_spf_ask what, enum vx_dns_type type, const char *name);
/* The end, with a reason. */
void vx_spf_fail(struct vx_spf *s, enum vx_verdict verdict, const char *fmt, ...)
    VX_PRINTF(3, 4);
/* The term matches, or it does not. */
void vx_spf_decide(struct vx_spf *s, bool matches);
/* Is this A or AAAA record in the client's network? */
bool vx_spf_is_client(const struct vx_spf *s, vx_slice rdata, unsigned prefix);
/* One more term found nothing; false: that was one too many, and it is over. */
bool vx_spf_count_void(struct vx_spf *s);
/* The record at the end of text is the top frame's. */
void vx_spf_enter_record(struct vx_spf *s);

/* --- spf_macro.c: expansion (RFC 7208 7); s->p is set where it is used ------------- */

/* VX_OK; VX_EINVAL: it is no name. */
int vx_spf_expand_name(
    const struct vx_spf *s, const char *domain, vx_slice spec, char *out);
/* False: what came out is not all printable ASCII. */
bool vx_spf_expand_text(const struct vx_spf *s, const char *domain, vx_slice text,
    char out[VX_SPF_EXPLANATION_MAX + 1]);

#endif
