#include "mail.h"

#include "base/encode.h"
#include "mailauth/signature.h"

#include <stdio.h>

void mail_add_crlf(struct vx_buf *out, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\n' && (i == 0 || text.ptr[i - 1] != '\r'))
			vx_buf_add_char(out, '\r');
		vx_buf_add_char(out, text.ptr[i]);
	}
}

struct vx_buf mail_read(const char *name)
{
	char path[200];
	struct vx_buf raw, out = { .max = 1u << 20 };

	(void)snprintf(path, sizeof(path), "mailauth/%s", name);
	raw = vxt_read(path);
	mail_add_crlf(&out, vx_buf_slice(&raw));
	vx_buf_done(&raw);
	return out;
}

vx_slice mail_header(vx_slice message, vx_slice *body)
{
	size_t at = vx_slice_find_slice(message, VX_S("\r\n\r\n"));

	if (vx_slice_has_prefix(message, VX_S("\r\n"))) {
		*body = vx_slice_from(message, 2);
		return vx_slice_head(message, 0);
	}
	at = at == message.len ? at : at + 2;
	*body = vx_slice_from(message, at + 2);
	return vx_slice_head(message, at);
}

void mail_answer(struct vx_dkim_verifier *v, struct vxt_zone *zone)
{
	struct vx_dns_question q, again;
	int rc;

	while ((rc = vx_dkim_verifier_next(v, &q)) == VX_WAIT) {
		struct vx_dns_answer a;

		ck_assert_int_eq(vx_dkim_verifier_next(v, &again), VX_WAIT);
		ck_assert_str_eq(q.name, again.name);
		ck_assert_int_eq(q.type, VX_DNS_TXT);
		a = vxt_zone_answer(zone, &q);
		vxt_assert_ok(vx_dkim_verifier_answer(v, &a));
	}
	ck_assert_int_eq(rc, VX_DONE);
}

struct vx_dkim_verifier *mail_verify(
    vx_slice message, size_t chunk, struct vxt_zone *zone, int64_t now_s)
{
	const struct vx_dkim_verifier_options o = { .struct_size = sizeof(o),
		.now_s = now_s };
	struct vx_dkim_verifier *v;
	vx_slice body, header = mail_header(message, &body);

	vxt_assert_ok(vx_dkim_verifier_new(&o, &v));
	vxt_assert_ok(vx_dkim_verifier_header(v, header));
	for (; body.len > 0; body = vx_slice_from(body, chunk))
		vxt_assert_ok(vx_dkim_verifier_body(v, vx_slice_head(body, chunk)));
	vxt_assert_ok(vx_dkim_verifier_end(v));
	mail_answer(v, zone);
	return v;
}

enum vx_verdict mail_verdict(vx_slice message, struct vxt_zone *zone, int64_t now_s)
{
	struct vx_dkim_verifier *const v = mail_verify(message, 4096, zone, now_s);
	enum vx_verdict verdict;

	ck_assert_uint_eq(vx_dkim_verifier_count(v), 1);
	verdict = vx_dkim_verifier_result(v, 0)->verdict;
	vx_dkim_verifier_free(v);
	return verdict;
}

struct vx_private_key *mail_key(const char *name)
{
	struct vx_private_key *key = NULL;
	struct vx_error err;
	struct vx_buf pem = mail_read(name);

	ck_assert_msg(vx_private_key_read(vx_buf_slice(&pem), &key, &err) == VX_OK,
	    "%s: %s", name, err.text);
	vx_buf_done(&pem);
	return key;
}

struct vx_private_key *mail_ed25519(const char *base64)
{
	struct vx_buf der = { .max = 100 }, pem = { .max = 1000 };
	struct vx_private_key *key = NULL;

	/* PKCS#8 up to the octets of the key (RFC 8410 7) */
	vx_buf_add(&der, vx_slice_of("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70"
				     "\x04\x22\x04\x20",
			     16));
	vxt_assert_ok(
	    vx_base64_decode(vx_slice_trim(vx_slice_str(base64), "\r\n"), &der));
	vx_buf_add_str(&pem, "-----BEGIN PRIVATE KEY-----\n");
	vx_base64_add(&pem, vx_buf_slice(&der));
	vx_buf_add_str(&pem, "\n-----END PRIVATE KEY-----\n");
	vxt_assert_ok(vx_private_key_read(vx_buf_slice(&pem), &key, NULL));
	vx_buf_done(&der);
	vx_buf_done(&pem);
	return key;
}

void mail_publish(
    struct vxt_zone *zone, const char *name, const struct vx_private_key *key)
{
	struct vx_buf text = { .max = 4096 };
	vx_slice strings[20], rest;
	size_t n = 0;

	vx_buf_printf(
	    &text, "v=DKIM1; k=%s; p=", vx_key_type_name(vx_private_key_type(key)));
	vxt_assert_ok(vx_private_key_public(key, &text));
	for (rest = vx_buf_slice(&text); rest.len > 0; rest = vx_slice_from(rest, 255))
		strings[n++] = vx_slice_head(rest, 255);
	vxt_zone_add_txt(zone, name, strings, n);
	vx_buf_done(&text);
}

struct vx_buf mail_sign(vx_slice message, size_t chunk,
    const struct vx_dkim_identity *identities, size_t count, int64_t now_s)
{
	const struct vx_dkim_signer_options o = { .struct_size = sizeof(o),
		.identities = identities,
		.count = count,
		.now_s = now_s };
	struct vx_dkim_signer *s;
	struct vx_buf out = { .max = 1u << 20 };
	vx_slice body, header = mail_header(message, &body);

	vxt_assert_ok(vx_dkim_signer_new(&o, &s));
	vxt_assert_ok(vx_dkim_signer_header(s, header));
	for (; body.len > 0; body = vx_slice_from(body, chunk))
		vxt_assert_ok(vx_dkim_signer_body(s, vx_slice_head(body, chunk)));
	vxt_assert_ok(vx_dkim_signer_end(s));
	vxt_assert_ok(vx_dkim_signer_compute(s));
	vxt_assert_ok(vx_dkim_signer_write(s, &out));
	vx_dkim_signer_free(s);
	vx_buf_add(&out, message);
	return out;
}

/* tags with what stands for the hash and the signature. */
static void fill(const char *tags, vx_slice bh, vx_slice b, struct vx_buf *out)
{
	const vx_slice text = vx_slice_str(tags);
	const size_t bh_at = vx_slice_find_slice(text, VX_S("bh=@"));
	const size_t b_at = vx_slice_find_slice(text, VX_S("b=@"));

	vx_buf_reset(out);
	vx_buf_add_str(out, "DKIM-Signature: ");
	for (size_t i = 0; i < text.len; i++) {
		if (i == bh_at + 3)
			vx_buf_add(out, bh);
		else if (i == b_at + 2)
			vx_buf_add(out, b);
		else
			vx_buf_add_char(out, text.ptr[i]);
	}
	vx_buf_add_str(out, "\r\n");
}

static void hash_body(vx_slice body, const struct vx_signature *s, struct vx_buf *out)
{
	struct vx_body b = { 0 };

	(void)vx_body_want(&b, s->relaxed_body, s->length);
	vx_body_add(&b, body);
	vx_body_end(&b);
	vx_base64_add(out, vx_slice_of(b.hashes[0].digest, VX_SHA256_OCTETS));
}

static void read_forged(vx_slice field, struct vx_arena *arena, struct vx_signature *out)
{
	struct vx_field f;

	ck_assert(vx_field_next(&field, &f));
	(void)vx_signature_parse(VX_SIGNATURE_DKIM, &f, arena, out);
}

struct vx_buf mail_forge(
    vx_slice message, const char *tags, const struct vx_private_key *key)
{
	struct vx_buf out = { .max = 4u << 20 }, bh = { .max = 100 }, b = { .max = 4096 },
		      octets = { .max = 2048 };
	struct vx_arena arena = { .limit = 65536 };
	struct vx_signature s;
	struct vx_mail_header h;
	vx_slice body, header = mail_header(message, &body);

	fill(tags, VX_S("AAAA"), VX_S("AAAA"), &out);
	read_forged(vx_buf_slice(&out), &arena, &s);
	hash_body(body, &s, &bh);
	fill(tags, vx_buf_slice(&bh), VX_S("AAAA"), &out);
	read_forged(vx_buf_slice(&out), &arena, &s);
	vxt_assert_ok(vx_mail_header_init(&h, header));
	vx_signature_hash(&s, &h);
	vx_mail_header_done(&h);
	vxt_assert_ok(vx_private_key_sign(key, s.digest, &octets));
	vx_base64_add(&b, vx_buf_slice(&octets));
	fill(tags, vx_buf_slice(&bh), vx_buf_slice(&b), &out);
	vx_buf_add(&out, message);
	vx_arena_done(&arena);
	vx_buf_done(&bh);
	vx_buf_done(&b);
	vx_buf_done(&octets);
	ck_assert(!out.failed);
	return out;
}
