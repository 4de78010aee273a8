#include "mailauth/signature.h"

#include "base/chars.h"
#include "base/encode.h"
#include "mailauth/tags.h"
#include "vectis/address.h"

#include <stdio.h>

const char vx_signature_no_memory[] = "there is too little memory to look at it";
const char vx_signature_too_large[] = "it is larger than is looked at";

struct parse {
	enum vx_signature_kind kind;
	struct vx_tags tags;
	struct vx_arena *arena;
};

/* The value of a tag; false: it is missing. */
static bool get(const struct parse *p, const char *name, vx_slice *out)
{
	const struct vx_tag *const tag = vx_tags_find(&p->tags, name);

	if (tag != NULL)
		*out = tag->value;
	return tag != NULL;
}

static const char *keep(const struct parse *p, vx_slice s, vx_slice *out)
{
	return vx_arena_copy(p->arena, s, out) == VX_OK ? NULL : vx_signature_no_memory;
}

/* --- one function for each tag: NULL, or what is wrong with it -----------------------
 */

static const char *take_version(const struct parse *p, struct vx_signature *s)
{
	vx_slice v;

	(void)s;
	if (!get(p, "v", &v))
		return "v= is missing";
	return vx_slice_eq(v, VX_S("1")) ? NULL : "its version is not 1";
}

static const char *take_algorithm(const struct parse *p, struct vx_signature *s)
{
	vx_slice a;
	const char *why;

	if (!get(p, "a", &a))
		return "a= is missing";
	for (size_t i = 0; i < a.len; i++)
		if (!vx_is(a.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && a.ptr[i] != '-')
			return "a= is malformed";
	why = keep(p, a, &s->algorithm);
	if (why != NULL)
		return why;
	s->type = VX_KEY_RSA;
	if (vx_slice_eq(a, VX_S("rsa-sha256")))
		return NULL;
	s->type = VX_KEY_ED25519;
	if (vx_slice_eq(a, VX_S("ed25519-sha256")))
		return NULL;
	if (vx_slice_eq(a, VX_S("rsa-sha1")))
		return "rsa-sha1 is not secure and does not count (RFC 8301)";
	return "its algorithm is not known";
}

/* A domain name in A-labels (RFC 8616 3). */
static const char *take_name(
    const struct parse *p, vx_slice text, const char *wrong, vx_slice *out)
{
	struct vx_buf name = { .max = VX_DNS_NAME_MAX };
	const int rc = vx_domain_normalise(text, &name);
	const char *why = wrong;

	if (rc == VX_OK)
		why = keep(p, vx_buf_slice(&name), out);
	else if (rc == VX_ELIMIT) /* a domain is never too long for it */
		why = vx_signature_no_memory;
	vx_buf_done(&name);
	return why;
}

static const char *take_domain(const struct parse *p, struct vx_signature *s)
{
	static const char wrong[] = "d= is no domain";
	const char *why;
	vx_slice d;

	if (!get(p, "d", &d))
		return "d= is missing";
	why = take_name(p, d, wrong, &s->domain);
	if (why == NULL && vx_slice_find(s->domain, '.') == s->domain.len) {
		s->domain.len = 0;
		why = wrong;
	}
	return why;
}

static const char *take_selector(const struct parse *p, struct vx_signature *s)
{
	vx_slice value;

	if (!get(p, "s", &value))
		return "s= is missing";
	return take_name(p, value, "s= is no selector", &s->selector);
}

/* Where its key is (RFC 6376 3.6.2.1). */
static const char *take_key_name(const struct parse *p, struct vx_signature *s)
{
	char text[2 * VX_DNS_NAME_MAX + 20];
	int len;

	if (s->domain.len == 0 || s->selector.len == 0)
		return NULL; /* and it was said */
	len = snprintf(text, sizeof(text), "%.*s._domainkey.%.*s", (int)s->selector.len,
	    s->selector.ptr, (int)s->domain.len, s->domain.ptr);
	if (len < 0 || len > VX_DNS_NAME_MAX)
		return "the name of its key is too long";
	s->key_name = vx_arena_dup(p->arena, vx_slice_of(text, (size_t)len));
	return s->key_name == NULL ? vx_signature_no_memory : NULL;
}

/* RFC 6008 4: some of b=, to tell the signatures of a message apart. */
static const char *take_first(const struct parse *p, vx_slice b, struct vx_signature *s)
{
	char first[8];
	size_t n = 0;

	for (size_t i = 0; i < b.len && n < sizeof(first); i++)
		if (vx_base64_value(b.ptr[i]) >= 0 || b.ptr[i] == '=')
			first[n++] = b.ptr[i];
	return keep(p, vx_slice_of(first, n), &s->first);
}

static const char *take_value(const struct parse *p, struct vx_signature *s)
{
	const struct vx_tag *const tag = vx_tags_find(&p->tags, "b");
	struct vx_buf value = { .max = VX_DKIM_FIELD_OCTETS_MAX };
	const char *why;
	int rc;

	if (tag == NULL)
		return "b= is missing";
	s->cut = tag->raw;
	why = take_first(p, tag->value, s);
	if (why != NULL)
		return why;
	rc = vx_tags_base64(tag->value, &value);
	if (rc == VX_OK)
		why = keep(p, vx_buf_slice(&value), &s->value);
	else
		why = rc == VX_ESYNTAX ? "b= is not base64" : vx_signature_no_memory;
	vx_buf_done(&value);
	return why;
}

static const char *take_body_hash(const struct parse *p, struct vx_signature *s)
{
	struct vx_buf octets = { .max = VX_DKIM_FIELD_OCTETS_MAX };
	const char *why = NULL;
	vx_slice bh;
	int rc;

	if (!get(p, "bh", &bh))
		return "bh= is missing";
	rc = vx_tags_base64(bh, &octets);
	if (rc == VX_ELIMIT)
		why = vx_signature_no_memory;
	else if (rc != VX_OK || octets.len != VX_SHA256_OCTETS)
		why = "bh= is not the base64 of a SHA-256 hash";
	else
		memcpy(s->body_hash, octets.ptr, VX_SHA256_OCTETS);
	vx_buf_done(&octets);
	return why;
}

static bool is_relaxed(vx_slice word, bool *out)
{
	*out = vx_slice_eq(word, VX_S("relaxed"));
	return *out || vx_slice_eq(word, VX_S("simple"));
}

static const char *take_canon(const struct parse *p, struct vx_signature *s)
{
	/* ARC's own tests have it without c= and relaxed, as the seal always is */
	vx_slice body = p->kind == VX_SIGNATURE_DKIM ? VX_S("simple/simple")
						     : VX_S("relaxed/relaxed");
	vx_slice header;

	(void)get(p, "c", &body);
	if (!vx_slice_cut(&body, '/', &header))
		body = VX_S("simple");
	return is_relaxed(header, &s->relaxed_header) &&
		       is_relaxed(body, &s->relaxed_body)
		   ? NULL
		   : "its canonicalization is not known";
}

static bool is_field_name(vx_slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!vx_is(name.ptr[i], VX_C_FTEXT))
			return false;
	return name.len > 0;
}

static const char *take_names(const struct parse *p, struct vx_signature *s)
{
	const bool arc = p->kind == VX_SIGNATURE_MESSAGE;
	vx_slice rest, name;
	size_t count = 0;

	if (!get(p, "h", &s->names))
		return "h= is missing";
	rest = s->names;
	while (vx_tags_item(&rest, &name)) {
		if (count++ == VX_DKIM_NAMES_MAX)
			return vx_signature_too_large;
		/* ARC's own tests have empty names, and nothing at all, pass */
		if (!is_field_name(name) && !(arc && name.len == 0))
			return "h= is malformed";
		if (arc && vx_slice_eq_nocase(name, VX_S("ARC-Seal")))
			return "h= has ARC-Seal, which must not be in it";
		s->from_names += vx_slice_eq_nocase(name, VX_S("From"));
	}
	return arc || s->from_names > 0 ? NULL : "it does not sign the From field";
}

static const char *refuse_names(const struct parse *p, struct vx_signature *s)
{
	vx_slice h;

	(void)s;
	return get(p, "h", &h) ? "it has h=, which must not be there" : NULL;
}

/* dkim-quoted-printable (RFC 6376 2.11): blanks do not count. */
static bool unquote(vx_slice text, struct vx_buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (vx_is(c, VX_C_WSP) || c == '\r' || c == '\n')
			continue;
		if (c == '=') {
			const int high =
			    i + 2 < text.len ? vx_hex_value(text.ptr[i + 1]) : -1;
			const int low = high < 0 ? -1 : vx_hex_value(text.ptr[i + 2]);

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (vx_is(c, VX_C_CTL))
			return false;
		vx_buf_add_char(out, c);
	}
	return vx_utf8_valid(vx_buf_slice(out));
}

static const char *take_identity(const struct parse *p, struct vx_signature *s)
{
	struct vx_buf text = { .max = VX_DKIM_FIELD_OCTETS_MAX };
	const char *why = NULL;
	vx_slice i, domain;
	size_t at;

	if (get(p, "i", &i)) {
		if (!unquote(i, &text))
			why = "i= is malformed";
	} else if (s->domain.len > 0) {
		vx_buf_add_char(&text, '@');
		vx_buf_add(&text, s->domain);
	}
	if (text.failed)
		why = vx_signature_no_memory;
	at = vx_slice_rfind(vx_buf_slice(&text), '@');
	if (why == NULL && s->domain.len > 0) {
		why = take_name(p, vx_slice_from(vx_buf_slice(&text), at + 1),
		    "i= has no domain", &domain);
		if (why == NULL && !vx_dns_is_below(domain, s->domain))
			why = "i= is not in the domain of d=";
		if (why == NULL) {
			vx_buf_truncate(&text, at + 1);
			vx_buf_add(&text, domain);
			why = keep(p, vx_buf_slice(&text), &s->identity);
		}
	}
	vx_buf_done(&text);
	return why;
}

static const char *take_query(const struct parse *p, struct vx_signature *s)
{
	vx_slice q;

	(void)s;
	return !get(p, "q", &q) || vx_tags_has_item(q, "dns/txt")
		   ? NULL
		   : "its key is not in the DNS (q=)";
}

static const char *take_length(const struct parse *p, struct vx_signature *s)
{
	vx_slice l;

	s->length = UINT64_MAX;
	if (!get(p, "l", &l))
		return NULL;
	if (vx_tags_number(l, 76, &s->length) != VX_OK)
		return "l= is no number";
	if (s->length == UINT64_MAX) /* no body is that long, and it has a meaning */
		s->length--;
	return NULL;
}

static const char *take_times(const struct parse *p, struct vx_signature *s)
{
	vx_slice t, x;

	s->expires = UINT64_MAX;
	if (get(p, "t", &t) && vx_tags_number(t, 12, &s->begins) != VX_OK)
		return "t= is no time";
	if (p->kind == VX_SIGNATURE_SEAL || !get(p, "x", &x))
		return NULL;
	if (vx_tags_number(x, 12, &s->expires) != VX_OK)
		return "x= is no time";
	return s->expires > s->begins ? NULL : "x= is not later than t=";
}

static const char *take_instance(const struct parse *p, struct vx_signature *s)
{
	uint64_t n;
	vx_slice i;

	if (!get(p, "i", &i))
		return "i= is missing";
	if (vx_tags_number(i, 2, &n) != VX_OK || n < 1 || n > VX_SIGNATURE_INSTANCE_MAX)
		return "i= is not 1 to 50";
	s->instance = (unsigned)n;
	return NULL;
}

static const char *take_chain(const struct parse *p, struct vx_signature *s)
{
	static const enum vx_verdict all[] = { VX_VERDICT_NONE, VX_VERDICT_PASS,
		VX_VERDICT_FAIL };
	vx_slice cv;

	if (!get(p, "cv", &cv))
		return "cv= is missing";
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (vx_slice_eq(cv, vx_slice_str(vx_verdict_name(all[i])))) {
			s->chain = all[i];
			return NULL;
		}
	return "cv= is not none, pass or fail";
}

enum {
	DKIM = VX_SIGNATURE_DKIM,
	MESSAGE = VX_SIGNATURE_MESSAGE,
	SEAL = VX_SIGNATURE_SEAL
};

/* All are done, so that a result tells what can be read; the first reason counts. */
static const struct step {
	const char *(*take)(const struct parse *p, struct vx_signature *s);
	unsigned kinds;
} steps[] = {
	{ take_version, DKIM },
	{ take_instance, MESSAGE | SEAL },
	{ take_chain, SEAL },
	{ take_algorithm, DKIM | MESSAGE | SEAL },
	{ take_domain, DKIM | MESSAGE | SEAL },
	{ take_selector, DKIM | MESSAGE | SEAL },
	{ take_key_name, DKIM | MESSAGE | SEAL },
	{ take_value, DKIM | MESSAGE | SEAL },
	{ take_body_hash, DKIM | MESSAGE },
	{ take_canon, DKIM | MESSAGE },
	{ take_names, DKIM | MESSAGE },
	{ refuse_names, SEAL },
	{ take_identity, DKIM },
	{ take_query, DKIM | MESSAGE },
	{ take_length, DKIM | MESSAGE },
	{ take_times, DKIM | MESSAGE | SEAL },
};

const char *vx_signature_parse(enum vx_signature_kind kind, const struct vx_field *field,
    struct vx_arena *arena, struct vx_signature *out)
{
	struct parse p = { .kind = kind, .arena = arena };
	const char *why = NULL;

	*out = (struct vx_signature){
		.field = *field, .length = UINT64_MAX, .expires = UINT64_MAX
	};
	if (field->whole.len > VX_DKIM_FIELD_OCTETS_MAX)
		return vx_signature_too_large;
	switch (vx_tags_parse(field->value, &p.tags)) {
	case VX_OK:
		break;
	case VX_ELIMIT:
		return vx_signature_too_large;
	default:
		return "it is malformed";
	}
	out->relaxed_header = kind == VX_SIGNATURE_SEAL;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const char *const now =
		    (steps[i].kinds & kind) != 0 ? steps[i].take(&p, out) : NULL;

		if (why == NULL || now == vx_signature_no_memory)
			why = now;
	}
	return why;
}

void vx_signature_hash(struct vx_signature *s, const struct vx_mail_header *h)
{
	struct vx_sha256_state hash;
	struct vx_mail_pick pick;
	vx_slice rest = s->names, name;

	vx_mail_pick_init(&pick, h, &s->field);
	vx_sha256_begin(&hash);
	while (vx_tags_item(&rest, &name)) {
		const struct vx_field *const f = vx_mail_pick_next(&pick, name);

		if (f != NULL)
			vx_canon_field(&hash, s->relaxed_header, f, vx_slice_of(NULL, 0));
	}
	vx_canon_field(&hash, s->relaxed_header, &s->field, s->cut);
	vx_sha256_end(&hash, s->digest);
}

const char *vx_signature_untimely(const struct vx_signature *s, int64_t now_s)
{
	const uint64_t now = now_s < 0 ? 0 : (uint64_t)now_s;

	if (s->expires != UINT64_MAX && now > s->expires + VX_DKIM_SKEW_S)
		return "the signature has expired";
	if (s->begins > now + VX_DKIM_SKEW_S)
		return "the signature is from the future";
	return NULL;
}
