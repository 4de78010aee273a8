/*
 * spf.h - may this address send for that domain?  SPF (RFC 7208, RFC 8616), without I/O.
 *
 * A check asks the DNS one question at a time, at most VX_SPF_QUESTIONS_MAX:
 *
 *	vx_spf_new(&options, &s);
 *	while (vx_spf_next(s, &question) == VX_WAIT)
 *		vx_spf_answer(s, &answer);
 *	r = vx_spf_result(s);
 *
 * A receiver that records both identities makes two checks.
 *
 * Where RFC 7208 leaves room: a term counts as a void lookup once, however many of its
 * questions found nothing, and the addresses of the client's names never do, since their
 * owner is not the record's.  The question for these names counts as a lookup when %{p}
 * asks it, and is asked once.  A target-name that is no name matches nothing, but is an
 * error in include: and redirect=.  A quoted local part is what is within the quotes.
 */
#ifndef VECTIS_SPF_H
#define VECTIS_SPF_H

#include "vectis/dns.h"
#include "vectis/verdict.h"

VX_BEGIN_DECLS

#define VX_SPF_LOOKUPS_MAX 10      /* terms that ask the DNS (4.6.4) */
#define VX_SPF_VOIDS_MAX 2         /* of these, such that found nothing (4.6.4) */
#define VX_SPF_MX_MAX 10           /* hosts of one mx; with more it is an error */
#define VX_SPF_PTR_MAX 10          /* names of the client; the rest is not looked at */
#define VX_SPF_RECORD_MAX 8192     /* octets of a record, and of the text of exp= */
#define VX_SPF_EXPLANATION_MAX 500 /* octets; longer ones are cut */
#define VX_SPF_LOCAL_MAX 256       /* octets of a local part, quotes and all */
#define VX_SPF_HELO_MAX 255        /* octets; a longer name is as good as none */
#define VX_SPF_MECHANISM_MAX 255   /* octets of its text; longer ones are cut */
#define VX_SPF_REASON_MAX 300      /* octets */
#define VX_SPF_VALUE_MAX 400       /* octets of a value in Received-SPF; cut */
#define VX_SPF_SECONDS 20          /* no less for a whole check (4.6.4) */
/* The first record; ten mx with ten hosts each; exp=; the client's names for %{p}. */
#define VX_SPF_QUESTIONS_MAX                                                             \
	(1 + VX_SPF_LOOKUPS_MAX * (1 + VX_SPF_MX_MAX) + 1 + 1 + VX_SPF_PTR_MAX)

/* What is wider than this authorises nobody in particular. */
#define VX_SPF_EXPLICIT_IP4 16
#define VX_SPF_EXPLICIT_IP6 32

enum vx_spf_identity {
	VX_SPF_MAILFROM,
	VX_SPF_HELO
};

/* All of it is copied. */
struct vx_spf_options {
	size_t struct_size;
	enum vx_spf_identity identity; /* to be checked */
	const char *client;            /* its address as text, IPv4 or IPv6 */
	vx_slice helo;                 /* what HELO or EHLO said */
	vx_slice mail_from;   /* without <>; empty: postmaster at the HELO name (2.4) */
	vx_slice receiver;    /* our host name, for %{r}; empty: "unknown" */
	int64_t now;          /* seconds since 1970, for %{t} */
	unsigned lookups_max; /* 0: VX_SPF_LOOKUPS_MAX, which is the most */
	unsigned voids_max;   /* 0: VX_SPF_VOIDS_MAX */
};

/* Strings are never NULL, printable ASCII, and live as long as the check. */
struct vx_spf_result {
	enum vx_verdict verdict;
	/* Whose domain it is: VX_SPF_HELO also where MAIL FROM is empty. */
	enum vx_spf_identity identity;
	const char *domain;    /* that was checked, A-labels; "": there is none */
	const char *mechanism; /* as it is in the domain's record, or the one that
				  redirect= led to; "default": none matched; "": error */
	const char *inner;     /* what matched within an include:; "" */
	/* Of fail: what the domain's owner says, a stranger's words.  "": nothing. */
	const char *explanation;
	const char *reason; /* of none, temperror, permerror: why; else "" */
	unsigned lookups;   /* terms that asked the DNS; one above the limit: too many */
	unsigned voids;     /* of these, such that found nothing */
};

struct vx_spf;
/*
 * VX_OK; VX_EINVAL: client is no address; VX_ENOMEM.  What the peer said is never an
 * error: a HELO or MAIL FROM that cannot be checked comes to none.
 */
VX_API int vx_spf_new(const struct vx_spf_options *o, struct vx_spf **out);
VX_API void vx_spf_free(struct vx_spf *s);

/*
 * VX_WAIT: *question is to be asked, and its answer given; until then it stays the same.
 * VX_DONE: there is a result.
 */
VX_API int vx_spf_next(struct vx_spf *s, struct vx_dns_question *question);
/*
 * VX_OK; VX_ESTATE: nothing was asked; VX_ENOMEM: the question still waits for its
 * answer.  What the answer borrows may go then.
 */
VX_API int vx_spf_answer(struct vx_spf *s, const struct vx_dns_answer *answer);
/* It took too long: temperror, unless only the explanation was missing (4.6.4). */
VX_API void vx_spf_timeout(struct vx_spf *s);

/* NULL before VX_DONE. */
VX_API const struct vx_spf_result *vx_spf_result(const struct vx_spf *s);

/*
 * Has the domain's owner named this very address, or few with it?  True for a pass by
 * anything but `all`, a network wider than VX_SPF_EXPLICIT_*, an exists: that does not
 * ask for the address (%{i}, %{p}), and names in a domain that the client chooses (a
 * domain-spec that ends in %{h}, %{p}, %{l} or %{s}).  All that led there counts.
 */
VX_API bool vx_spf_is_explicit(const struct vx_spf *s);

/* Append a Received-SPF field (9.1) with its CRLF; after VX_DONE. */
VX_API void vx_spf_write(const struct vx_spf *s, struct vx_buf *out);

VX_END_DECLS

#endif
