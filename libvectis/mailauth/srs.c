#include "vectis/srs.h"

#include "base/chars.h"
#include "base/encode.h"
#include "mailauth/path.h"
#include "vectis/address.h"

enum {
	SLOTS = 1024, /* days that two letters can say */
	DAY_SECONDS = 86400,
	TEXT_MAX = 2048, /* of an address: VX_SMTP_PATH_MAX is less */
	HASH_OCTETS = VX_SRS_HASH_MAX / 4 * 3
};

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static bool is_good(const struct vx_srs_options *o)
{
	if (o->secrets_count == 0 || o->secrets_count > VX_SRS_SECRETS_MAX ||
	    o->days > VX_SRS_DAYS_MAX || o->local_max > VX_SRS_LOCAL_MAX ||
	    (o->hash_chars != 0 &&
		(o->hash_chars < VX_SRS_HASH_MIN || o->hash_chars > VX_SRS_HASH_MAX)))
		return false;
	for (size_t i = 0; i < o->secrets_count; i++)
		if (o->secrets[i].len == 0)
			return false;
	return true;
}

static size_t hash_chars(const struct vx_srs_options *o)
{
	return o->hash_chars == 0 ? VX_SRS_HASH_DEFAULT : o->hash_chars;
}

/* --- the parts of a rewritten local part ---------------------------------------------
 */

struct parts {
	char kind;           /* '0' or '1' */
	vx_slice hash, day;  /* day: of SRS0 only */
	vx_slice host, rest; /* rest: the local part, or "=opaque" */
};

/* After "SRS0" and "SRS1" the first separator may be one of three; it is kept in opaque.
 */
static bool is_separator(char c)
{
	return c == '=' || c == '+' || c == '-';
}

static bool begins(vx_slice local, char kind)
{
	return local.len > 4 && vx_slice_has_prefix_nocase(local, VX_S("SRS")) &&
	       local.ptr[3] == kind && is_separator(local.ptr[4]);
}

static bool split(vx_slice local, char kind, struct parts *out)
{
	struct parts p = { .kind = kind };
	vx_slice rest = vx_slice_from(local, 5);

	if (!begins(local, kind) || !vx_slice_cut(&rest, '=', &p.hash) ||
	    (kind == '0' && !vx_slice_cut(&rest, '=', &p.day)) ||
	    !vx_slice_cut(&rest, '=', &p.host))
		return false;
	p.rest = rest;
	if (p.host.len == 0 || rest.len == 0 || (kind == '1' && !is_separator(*rest.ptr)))
		return false;
	*out = p;
	return true;
}

/* What is hashed: the kind, and what stands behind the hash, in lower case. */
static void hash(const struct vx_srs_options *o, vx_slice secret, const struct parts *p,
    char out[VX_SRS_HASH_MAX])
{
	struct vx_buf text = { .max = TEXT_MAX }, encoded = { .max = 64 };
	char digest[VX_SHA256_OCTETS] = { 0 };

	vx_buf_printf(&text, "srs%c=", p->kind);
	if (p->kind == '0') {
		vx_buf_add(&text, p->day);
		vx_buf_add_char(&text, '=');
	}
	vx_buf_add(&text, p->host);
	vx_buf_add_char(&text, '=');
	vx_buf_add(&text, p->rest);
	for (size_t i = 0; i < text.len; i++)
		text.ptr[i] = vx_lower(text.ptr[i]);
	memset(out, 0, VX_SRS_HASH_MAX);
	if (!text.failed) {
		(o->hmac == NULL ? vx_hmac_sha256 : o->hmac)(
		    secret, vx_buf_slice(&text), digest);
		vx_base64_add(&encoded, vx_slice_of(digest, HASH_OCTETS));
		if (!encoded.failed)
			memcpy(out, encoded.ptr, VX_SRS_HASH_MAX);
	}
	vx_buf_done(&text);
	vx_buf_done(&encoded);
}

static bool is_signed(const struct vx_srs_options *o, const struct parts *p)
{
	char want[VX_SRS_HASH_MAX], got[VX_SRS_HASH_MAX];
	bool found = false;

	if (p->hash.len < hash_chars(o) || p->hash.len > VX_SRS_HASH_MAX)
		return false;
	for (size_t i = 0; i < p->hash.len; i++)
		got[i] = vx_lower(p->hash.ptr[i]);
	for (size_t k = 0; k < o->secrets_count; k++) {
		hash(o, o->secrets[k], p, want);
		for (size_t i = 0; i < sizeof(want); i++)
			want[i] = vx_lower(want[i]);
		found = vx_equal_secret(vx_slice_of(want, p->hash.len),
			    vx_slice_of(got, p->hash.len)) ||
			found;
	}
	return found;
}

/* --- days ----------------------------------------------------------------------------
 */

static unsigned day_of(int64_t now)
{
	const int64_t day = now / DAY_SECONDS % SLOTS;

	return (unsigned)(day < 0 ? day + SLOTS : day);
}

static bool read_day(vx_slice s, unsigned *out)
{
	unsigned day = 0;

	if (s.len != 2)
		return false;
	for (size_t i = 0; i < 2; i++) {
		const char c = vx_upper(s.ptr[i]);
		const char *const at = c == '\0' ? NULL : strchr(base32, c);

		if (at == NULL)
			return false;
		day = day * 32 + (unsigned)(at - base32);
	}
	*out = day;
	return true;
}

/* One that was written tomorrow comes from another server whose clock is not ours. */
static bool is_recent(const struct vx_srs_options *o, unsigned day, int64_t now)
{
	const unsigned age = (day_of(now) + SLOTS - day) % SLOTS;

	return age <= (o->days == 0 ? VX_SRS_DAYS_DEFAULT : o->days) || age == SLOTS - 1;
}

/* --- forward -------------------------------------------------------------------------
 */

static bool is_literal(vx_slice domain)
{
	for (size_t i = 1; i + 1 < domain.len; i++)
		if (!vx_is(domain.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    domain.ptr[i] != '.' && domain.ptr[i] != ':' && domain.ptr[i] != '-')
			return false;
	return domain.len > 2 && domain.ptr[0] == '[' &&
	       domain.ptr[domain.len - 1] == ']';
}

/* As A-labels; an address literal as it is.  VX_OK, VX_EINVAL, VX_ELIMIT. */
static int add_domain(struct vx_buf *out, vx_slice domain)
{
	if (!is_literal(domain))
		return vx_domain_normalise(domain, out);
	vx_buf_add(out, domain);
	return out->failed ? VX_ELIMIT : VX_OK;
}

static bool is_host(vx_slice host)
{
	struct vx_buf text = { .max = TEXT_MAX };
	const bool good = add_domain(&text, host) == VX_OK;

	vx_buf_done(&text);
	return good;
}

/* content@domain, where the local part is not too long; the domain is a good one. */
static int finish(const struct vx_srs_options *o, const struct vx_buf *content,
    vx_slice domain, struct vx_buf *out)
{
	const size_t max = o->local_max == 0 ? VX_SRS_LOCAL_MAX : o->local_max;
	struct vx_buf text = { .max = TEXT_MAX };
	int rc = VX_ELIMIT;

	vx_path_quote(vx_buf_slice(content), &text);
	if (!content->failed && text.len <= max) {
		vx_buf_add_char(&text, '@');
		vx_buf_add(&text, domain);
		if (!text.failed) {
			vx_buf_add(out, vx_buf_slice(&text));
			rc = out->failed ? VX_ELIMIT : VX_OK;
		}
	}
	vx_buf_done(&text);
	return rc;
}

static int sign(const struct vx_srs_options *o, const struct parts *p, vx_slice domain,
    struct vx_buf *out)
{
	struct vx_buf content = { .max = TEXT_MAX };
	char signature[VX_SRS_HASH_MAX];
	int rc;

	hash(o, o->secrets[0], p, signature);
	vx_buf_printf(&content, "SRS%c=", p->kind);
	vx_buf_add(&content, vx_slice_of(signature, hash_chars(o)));
	vx_buf_add_char(&content, '=');
	if (p->kind == '0') {
		vx_buf_add(&content, p->day);
		vx_buf_add_char(&content, '=');
	}
	vx_buf_add(&content, p->host);
	vx_buf_add_char(&content, '=');
	vx_buf_add(&content, p->rest);
	rc = signature[0] == '\0' ? VX_ELIMIT : finish(o, &content, domain, out);
	vx_buf_done(&content);
	return rc;
}

/* local is without quotes, host as it is compared. */
static int rewrite(const struct vx_srs_options *o, vx_slice local, vx_slice host,
    vx_slice domain, int64_t now, struct vx_buf *out)
{
	const unsigned day = day_of(now);
	const char text[2] = { base32[day / 32], base32[day % 32] };
	struct parts p;

	/* the host of the first rewriting stays */
	if (split(local, '1', &p) && is_host(p.host))
		return sign(o, &p, domain, out);
	if (begins(local, '0'))
		p = (struct parts){
			.kind = '1', .host = host, .rest = vx_slice_from(local, 4)
		};
	else
		p = (struct parts){ .kind = '0',
			.day = vx_slice_of(text, 2),
			.host = host,
			.rest = local };
	return sign(o, &p, domain, out);
}

/* The domains are as they are compared. */
static int forward(const struct vx_srs_options *o, vx_slice local, vx_slice host,
    vx_slice domain, int64_t now, struct vx_buf *out)
{
	struct vx_buf content = { .max = TEXT_MAX };
	const bool own = vx_slice_eq(host, domain);
	int rc;

	vx_path_unquote(local, &content);
	local = vx_buf_slice(&content);
	if (content.failed) {
		rc = VX_ELIMIT;
	} else if (own && (begins(local, '0') || begins(local, '1'))) {
		rc = VX_EEXIST;
	} else if (own && !o->always) {
		rc = VX_DONE;
	} else if (local.len == 0) { /* ""@host could not be told from a broken one */
		rc = VX_EINVAL;
	} else {
		rc = rewrite(o, local, host, domain, now, out);
	}
	vx_buf_done(&content);
	return rc;
}

int vx_srs_forward(const struct vx_srs_options *o, vx_slice path, vx_slice domain,
    int64_t now, struct vx_buf *out)
{
	struct vx_buf host = { .max = TEXT_MAX }, ours = { .max = TEXT_MAX };
	vx_slice local, theirs;
	int rc;

	if (!is_good(o))
		return VX_EINVAL;
	if (path.len == 0)
		return VX_OK;
	if (vx_path_split(path, &local, &theirs) != VX_OK)
		return VX_EINVAL;
	rc = add_domain(&host, theirs);
	if (rc == VX_OK)
		rc = add_domain(&ours, domain);
	if (rc == VX_OK)
		rc =
		    forward(o, local, vx_buf_slice(&host), vx_buf_slice(&ours), now, out);
	if (rc == VX_DONE) { /* it stays as it is */
		vx_buf_add(out, path);
		rc = out->failed ? VX_ELIMIT : VX_OK;
	}
	vx_buf_done(&host);
	vx_buf_done(&ours);
	return rc;
}

/* --- reverse -------------------------------------------------------------------------
 */

bool vx_srs_is_rewritten(vx_slice path)
{
	/* the quotes of a local part are before the prefix, which needs none itself */
	if (path.len > 0 && path.ptr[0] == '"')
		path = vx_slice_from(path, 1);
	return begins(path, '0') || begins(path, '1');
}

static int undo(const struct vx_srs_options *o, vx_slice local, int64_t now,
    struct parts *p, struct vx_buf *content)
{
	unsigned day = 0;

	if (!split(local, '0', p) && !split(local, '1', p))
		return VX_ESYNTAX;
	if (p->hash.len == 0 || (p->kind == '0' && !read_day(p->day, &day)))
		return VX_ESYNTAX;
	if (!is_signed(o, p))
		return VX_EAUTH;
	if (p->kind == '0' && !is_recent(o, day, now))
		return VX_ETIMEOUT;
	if (p->kind == '1')
		vx_buf_add_str(content, "SRS0");
	vx_buf_add(content, p->rest);
	return VX_OK;
}

int vx_srs_reverse(
    const struct vx_srs_options *o, vx_slice path, int64_t now, struct vx_buf *out)
{
	struct vx_buf content = { .max = TEXT_MAX }, before = { .max = TEXT_MAX };
	struct vx_buf text = { .max = TEXT_MAX };
	vx_slice local, domain;
	struct parts p;
	int rc;

	if (!is_good(o))
		return VX_EINVAL;
	if (!vx_srs_is_rewritten(path))
		return VX_ENOENT;
	if (vx_path_split(path, &local, &domain) != VX_OK)
		return VX_ESYNTAX;
	vx_path_unquote(local, &content);
	rc = content.failed ? VX_ELIMIT
			    : undo(o, vx_buf_slice(&content), now, &p, &before);
	if (rc == VX_OK && !is_host(p.host))
		rc = VX_ESYNTAX;
	if (rc == VX_OK) {
		vx_path_quote(vx_buf_slice(&before), &text);
		vx_buf_add_char(&text, '@');
		vx_buf_add(&text, p.host);
		rc = before.failed || text.failed ? VX_ELIMIT : VX_OK;
	}
	if (rc == VX_OK) {
		vx_buf_add(out, vx_buf_slice(&text));
		rc = out->failed ? VX_ELIMIT : VX_OK;
	}
	vx_buf_done(&content);
	vx_buf_done(&before);
	vx_buf_done(&text);
	return rc;
}
