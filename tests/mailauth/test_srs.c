#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/srs.h"

#include <nettle/hmac.h>
#include <stdio.h>
#include <stdlib.h>

static const vx_slice secrets[] = { VX_SLICE_INIT("tops3cr3t"), VX_SLICE_INIT("older"),
	VX_SLICE_INIT("oldest") };

enum {
	DAY = 86400
};
#define NOW INT64_C(1577836860) /* 2020-01-01 00:01:00 */

static struct vx_srs_options options(void)
{
	return (struct vx_srs_options){ .struct_size = sizeof(struct vx_srs_options),
		.secrets = secrets,
		.secrets_count = 1 };
}

/* In blocks that end where the text ends. */
static int run(const struct vx_srs_options *o, bool reverse, const char *path,
    const char *domain, int64_t now, struct vx_buf *out)
{
	const size_t len = strlen(path), domain_len = strlen(domain);
	char *const a = malloc(len + 1), *const b = malloc(domain_len + 1);
	int rc;

	memcpy(a + 1, path, len);
	memcpy(b + 1, domain, domain_len);
	vx_buf_reset(out);
	rc = reverse ? vx_srs_reverse(o, vx_slice_of(a + 1, len), now, out)
		     : vx_srs_forward(o, vx_slice_of(a + 1, len),
			   vx_slice_of(b + 1, domain_len), now, out);
	free(a);
	free(b);
	return rc;
}

/*
 * PostSRSd's hash, so that its vectors are met: HMAC-SHA1 over the parts without what
 * stands between them.
 */
static void postsrsd(vx_slice key, vx_slice text, char out[VX_SHA256_OCTETS])
{
	struct vx_buf joined = { .max = 1000 };
	struct hmac_sha1_ctx ctx;
	vx_slice rest = vx_slice_from(text, 5), part;

	for (int i = text.ptr[3] == '0' ? 2 : 1; i > 0; i--) {
		ck_assert(vx_slice_cut(&rest, '=', &part));
		vx_buf_add(&joined, part);
	}
	vx_buf_add(&joined, rest);
	hmac_sha1_set_key(&ctx, key.len, (const uint8_t *)key.ptr);
	hmac_sha1_update(&ctx, joined.len, (const uint8_t *)joined.ptr);
	hmac_sha1_digest(&ctx, 20, (uint8_t *)out);
	vx_buf_done(&joined);
}

static int result_of(const char *reason)
{
	static const struct {
		const char *reason;
		int rc;
	} table[] = {
		{ "No at sign", VX_EINVAL },
		{ "Already rewritten", VX_EEXIST },
		{ "Not an SRS address", VX_ENOENT },
		{ "Time stamp out of date", VX_ETIMEOUT },
		{ "Hash invalid", VX_EAUTH },
		{ "No hash", VX_ESYNTAX },
		{ "No time", VX_ESYNTAX },
		{ "No host", VX_ESYNTAX },
		{ "No user", VX_ESYNTAX },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].reason, reason) == 0)
			return table[i].rc;
	ck_abort_msg("%s", reason);
	return 0;
}

START_TEST(vectors_of_postsrsd)
{
	struct vx_buf file = vxt_read("mailauth/srs/vectors.txt"), out = { .max = 1000 };
	vx_slice rest = vx_buf_slice(&file), line, f[6];
	size_t count = 0;

	while (vx_slice_cut(&rest, '\n', &line)) {
		struct vx_srs_options o = options();
		char input[200], want[200];
		int rc;

		for (size_t i = 0; i < 6; i++)
			(void)vx_slice_cut(&line, '\t', &f[i]);
		/* whose mail is left alone is not decided here */
		if (vx_slice_eq(f[5], VX_S("Domain excluded")))
			continue;
		(void)snprintf(input, sizeof(input), "%.*s", (int)f[2].len, f[2].ptr);
		(void)snprintf(want, sizeof(want), "%.*s", (int)f[5].len, f[5].ptr);
		o.hash_chars = 4;
		o.hmac = postsrsd;
		o.always = vx_slice_eq(f[1], VX_S("-A"));
		rc = run(&o, vx_slice_eq(f[0], VX_S("reverse")), input, "example.com",
		    NOW, &out);
		if (vx_slice_eq(f[3], VX_S("200"))) {
			ck_assert_msg(rc == VX_OK, "%s: %d", input, rc);
			ck_assert_msg(vx_slice_eq(f[4], VX_S("equal"))
					  ? vx_slice_eq(vx_buf_slice(&out), f[5])
					  : vx_slice_has_prefix(vx_buf_slice(&out), f[5]),
			    "%s: %.*s", input, (int)out.len, out.ptr);
		} else {
			ck_assert_msg(rc == result_of(want), "%s: %d", input, rc);
			ck_assert_uint_eq(out.len, 0);
		}
		count++;
	}
	ck_assert_uint_eq(count, 22);
	vx_buf_done(&file);
	vx_buf_done(&out);
}
END_TEST

/* There and back; "*" stands for the hash. */
START_TEST(there_and_back)
{
	static const struct {
		const char *path, *there, *back; /* back NULL: path */
	} cases[] = {
		{ "user@host.example", "SRS0=*=2W=host.example=user@ours.example", NULL },
		{ "User.Name+x@Host.example",
		    "SRS0=*=2W=host.example=User.Name+x@ours.example",
		    "User.Name+x@host.example" },
		{ "a=b=c@host.example", "SRS0=*=2W=host.example=a=b=c@ours.example",
		    NULL },
		{ "=@host.example", "SRS0=*=2W=host.example==@ours.example", NULL },
		{ "\"a b\"@host.example", "\"SRS0=*=2W=host.example=a b\"@ours.example",
		    NULL },
		{ "\"a\\\"\\\\@b\"@host.example",
		    "\"SRS0=*=2W=host.example=a\\\"\\\\@b\"@ours.example", NULL },
		{ "\"plain\"@host.example", "SRS0=*=2W=host.example=plain@ours.example",
		    "plain@host.example" },
		{ "u@[192.0.2.1]", "\"SRS0=*=2W=[192.0.2.1]=u\"@ours.example", NULL },
		{ "u@[IPv6:2001:db8::1]",
		    "\"SRS0=*=2W=[IPv6:2001:db8::1]=u\"@ours.example", NULL },
		/* RFC 6531 */
		{ "\xc3\xbc@host.example", "SRS0=*=2W=host.example=\xc3\xbc@ours.example",
		    NULL },
		{ "u@m\xc3\xbcller.example",
		    "SRS0=*=2W=xn--mller-kva.example=u@ours.example",
		    "u@xn--mller-kva.example" },
		{ "\"\xc3\xbc x\"@host.example",
		    "\"SRS0=*=2W=host.example=\xc3\xbc x\"@ours.example", NULL },
		/* of others */
		{ "SRS0=x=y=z=u@host.example",
		    "SRS1=*=host.example==x=y=z=u@ours.example", NULL },
		{ "srs0+x@host.example", "SRS1=*=host.example=+x@ours.example",
		    "SRS0+x@host.example" },
		{ "SRS0-x@host.example", "SRS1=*=host.example=-x@ours.example", NULL },
		{ "SRS1=h=first.example==x=y@host.example",
		    "SRS1=*=first.example==x=y@ours.example", "SRS0=x=y@first.example" },
		{ "SRS1+h=first.example=-x@host.example",
		    "SRS1=*=first.example=-x@ours.example", "SRS0-x@first.example" },
		/* only like those of others */
		{ "SRS0@host.example", "SRS0=*=2W=host.example=SRS0@ours.example", NULL },
		{ "SRS0x=y@host.example", "SRS0=*=2W=host.example=SRS0x=y@ours.example",
		    NULL },
		{ "SRS1=h=first.example=x@host.example",
		    "SRS0=*=2W=host.example=SRS1=h=first.example=x@ours.example", NULL },
		{ "SRS1=h@host.example", "SRS0=*=2W=host.example=SRS1=h@ours.example",
		    NULL },
		{ "SRS1=h=first.==x@host.example",
		    "SRS0=*=2W=host.example=SRS1=h=first.==x@ours.example", NULL },
		{ "SRS2=x@host.example", "SRS0=*=2W=host.example=SRS2=x@ours.example",
		    NULL },
	};
	const struct vx_srs_options o = options();
	struct vx_buf out = { .max = 1000 }, shown = { .max = 1000 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char there[300];
		size_t hash;

		vxt_assert_ok(run(&o, false, cases[i].path, "ours.example", NOW, &out));
		hash = vx_slice_find(vx_buf_slice(&out), '=') + 1;
		vx_buf_reset(&shown);
		vx_buf_add(&shown, vx_slice_head(vx_buf_slice(&out), hash));
		vx_buf_add_char(&shown, '*');
		vx_buf_add(&shown,
		    vx_slice_from(vx_buf_slice(&out), hash + VX_SRS_HASH_DEFAULT));
		vxt_assert_str(vx_buf_slice(&shown), cases[i].there);
		(void)snprintf(there, sizeof(there), "%.*s", (int)out.len, out.ptr);
		ck_assert(vx_srs_is_rewritten(vx_buf_slice(&out)));
		vxt_assert_ok(run(&o, true, there, "", NOW, &out));
		vxt_assert_str(vx_buf_slice(&out),
		    cases[i].back == NULL ? cases[i].path : cases[i].back);
		/* a server that does not keep the case: but for it, the same comes back
		 */
		for (char *c = there; *c != '\0'; c++)
			*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
		vxt_assert_ok(run(&o, true, there, "", NOW, &out));
		ck_assert(vx_slice_eq_nocase(vx_buf_slice(&out),
		    vx_slice_str(cases[i].back == NULL ? cases[i].path : cases[i].back)));
	}
	vx_buf_done(&out);
	vx_buf_done(&shown);
}
END_TEST

START_TEST(what_stays_and_what_is_refused)
{
	static const struct {
		const char *path, *domain;
		int rc;
	} cases[] = {
		{ "", "ours.example", VX_OK },
		{ "u@ours.example", "ours.example", VX_OK },
		{ "u@OURS.example", "ours.EXAMPLE", VX_OK },
		{ "u@m\xc3\xbcller.example", "xn--mller-kva.example", VX_OK },
		{ "SRS0=a=b=c=d@ours.example", "ours.example", VX_EEXIST },
		{ "srs1+a=b=-c@ours.example", "ours.example", VX_EEXIST },
		{ "u", "ours.example", VX_EINVAL },
		{ "@host.example", "ours.example", VX_EINVAL },
		{ "u@", "ours.example", VX_EINVAL },
		{ "\"\"@host.example", "ours.example", VX_EINVAL },
		{ "\"\"@ours.example", "ours.example", VX_OK },
		{ "u@a b", "ours.example", VX_EINVAL },
		{ "u@a\r\nb", "ours.example", VX_EINVAL },
		{ "u@[a b]", "ours.example", VX_EINVAL },
		{ "u@[]", "ours.example", VX_EINVAL },
		{ "u@[1.2.3.4", "ours.example", VX_EINVAL },
		{ "a b@host.example", "ours.example", VX_EINVAL },
		{ "a..b@host.example", "ours.example", VX_EINVAL },
		{ "\"a@host.example", "ours.example", VX_EINVAL },
		{ "\"a\nb\"@host.example", "ours.example", VX_EINVAL },
		{ "\xff@host.example", "ours.example", VX_EINVAL },
		{ "u@host.example", "", VX_EINVAL },
		{ "u@host.example", "a b", VX_EINVAL },
	};
	struct vx_srs_options o = options();
	struct vx_buf out = { .max = 1000 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int rc = run(&o, false, cases[i].path, cases[i].domain, NOW, &out);

		ck_assert_msg(rc == cases[i].rc, "%s: %d", cases[i].path, rc);
		vxt_assert_str(vx_buf_slice(&out), rc == VX_OK ? cases[i].path : "");
	}
	ck_assert_int_eq(
	    vx_srs_forward(&o, VX_S("u@[1.\0.2.3]"), VX_S("o.example"), NOW, &out),
	    VX_EINVAL);
	ck_assert_int_eq(
	    vx_srs_forward(&o, VX_S("u\0@h.example"), VX_S("o.example"), NOW, &out),
	    VX_EINVAL);
	o.always = true;
	vxt_assert_ok(run(&o, false, "u@ours.example", "ours.example", NOW, &out));
	ck_assert(vx_srs_is_rewritten(vx_buf_slice(&out)));
	ck_assert_int_eq(
	    run(&o, false, "SRS0=x@ours.example", "ours.example", NOW, &out), VX_EEXIST);
	vx_buf_done(&out);
}
END_TEST

START_TEST(forged_ones)
{
	static const char *const syntax[] = { "SRS0=@o.example", "SRS0=abcdef@o.example",
		"SRS0=abcdef=2W@o.example", "SRS0=abcdef=2W=h.example@o.example",
		"SRS0=abcdef=2W=h.example=@o.example", "SRS0=abcdef=2W==u@o.example",
		"SRS0=abcdef=W=h.example=u@o.example",
		"SRS0=abcdef=2WW=h.example=u@o.example",
		"SRS0=abcdef=01=h.example=u@o.example", "SRS0==2W=h.example=u@o.example",
		"SRS1=abcdef@o.example", "SRS1=abcdef=h.example@o.example",
		"SRS1=abcdef=h.example=@o.example", "SRS1=abcdef=h.example=x@o.example",
		"SRS1=abcdef===x@o.example", "SRS0=", "\"SRS0=a",
		"SRS0=a b=2W=h=u@o.example", "SRS0=abcdef=2W=h.example=u@" };
	static const char *const none[] = { "", "@", "u@o.example", "SRS", "SRS0",
		"SRS0@o.example", "SRS2=x@o.example", "\"", "\"SRS0\"@o.example",
		"xSRS0=abcdef=2W=h=u@o.example" };
	static const char *const forged[] = { "SRS0=abcdef=2W=h.example=u@o.example",
		"SRS0=a=2W=h.example=u@o.example", "SRS1=abcdef=h.example==x@o.example",
		"SRS0=abcdefghijklmnopqrstuvwxyz=2W=h.example=u@o.example" };
	const struct vx_srs_options o = options();
	struct vx_buf out = { .max = 1000 };

	for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++)
		ck_assert_msg(run(&o, true, syntax[i], "", NOW, &out) == VX_ESYNTAX, "%s",
		    syntax[i]);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		ck_assert_msg(
		    run(&o, true, none[i], "", NOW, &out) == VX_ENOENT, "%s", none[i]);
		ck_assert(!vx_srs_is_rewritten(vx_slice_str(none[i])));
	}
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		ck_assert_msg(
		    run(&o, true, forged[i], "", NOW, &out) == VX_EAUTH, "%s", forged[i]);
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&out);
}
END_TEST

/* Any other octet anywhere in what is signed, and the hash says no. */
START_TEST(nothing_can_be_changed)
{
	const struct vx_srs_options o = options();
	struct vx_buf out = { .max = 1000 };
	char path[200], changed[200];
	static const char *const from[] = { "user@host.example",
		"SRS0=x=y@host.example" };

	for (size_t k = 0; k < 2; k++) {
		vxt_assert_ok(run(&o, false, from[k], "ours.example", NOW, &out));
		(void)snprintf(path, sizeof(path), "%.*s", (int)out.len, out.ptr);
		for (size_t i = 5; path[i] != '@'; i++) {
			memcpy(changed, path, sizeof(path));
			changed[i] = path[i] == 'x' ? 'y' : 'x';
			ck_assert_int_ne(run(&o, true, changed, "", NOW, &out), VX_OK);
		}
		/* its hash counts for the other kind no more than for another host */
		path[3] = (char)(path[3] ^ 1);
		ck_assert_int_ne(run(&o, true, path, "", NOW, &out), VX_OK);
	}
	/* nor can octets go from the host to the user */
	vxt_assert_ok(run(&o, false, "b.c@a.example", "ours.example", NOW, &out));
	(void)snprintf(path, sizeof(path), "%.*s", (int)out.len, out.ptr);
	memcpy(changed, path, 15);
	(void)snprintf(changed + 15, sizeof(changed) - 15, "a.exampleb=.c@ours.example");
	ck_assert_int_eq(run(&o, true, changed, "", NOW, &out), VX_EAUTH);
	vx_buf_done(&out);
}
END_TEST

START_TEST(days)
{
	struct vx_srs_options o = options();
	struct vx_buf out = { .max = 1000 };
	char path[200];
	static const struct {
		unsigned days; /* option */
		int64_t later;
		int rc;
	} cases[] = {
		{ 0, 0, VX_OK },
		{ 0, 21, VX_OK },
		{ 0, 22, VX_ETIMEOUT },
		{ 0, -1, VX_OK },
		{ 0, -2, VX_ETIMEOUT },
		{ 0, 1023, VX_OK }, /* as if it was tomorrow's */
		{ 0, 1022, VX_ETIMEOUT },
		{ 0, 1024, VX_OK },
		{ 1, 1, VX_OK },
		{ 1, 2, VX_ETIMEOUT },
		{ 500, 500, VX_OK },
		{ 500, 501, VX_ETIMEOUT },
	};

	for (int64_t begin = 0; begin < 1100; begin += 7) {
		vxt_assert_ok(
		    run(&o, false, "u@h.example", "o.example", NOW + begin * DAY, &out));
		(void)snprintf(path, sizeof(path), "%.*s", (int)out.len, out.ptr);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			o.days = cases[i].days;
			ck_assert_int_eq(run(&o, true, path, "",
					     NOW + (begin + cases[i].later) * DAY, &out),
			    cases[i].rc);
		}
	}
	/* before 1970, and at the end of time */
	o.days = 0;
	vxt_assert_ok(run(&o, false, "u@h.example", "o.example", -5, &out));
	vxt_assert_ok(run(&o, false, "u@h.example", "o.example", INT64_MIN, &out));
	vxt_assert_ok(run(&o, false, "u@h.example", "o.example", INT64_MAX, &out));
	vx_buf_done(&out);
}
END_TEST

START_TEST(secrets_change)
{
	struct vx_srs_options o = options(), old = options();
	struct vx_buf out = { .max = 1000 };
	char path[200];

	old.secrets = &secrets[2];
	vxt_assert_ok(run(&old, false, "u@h.example", "o.example", NOW, &out));
	(void)snprintf(path, sizeof(path), "%.*s", (int)out.len, out.ptr);
	ck_assert_int_eq(run(&o, true, path, "", NOW, &out), VX_EAUTH);
	o.secrets_count = 3;
	vxt_assert_ok(run(&o, true, path, "", NOW, &out));
	vxt_assert_ok(run(&o, false, "u@h.example", "o.example", NOW, &out));
	(void)snprintf(path, sizeof(path), "%.*s", (int)out.len, out.ptr);
	o.secrets_count = 1;
	vxt_assert_ok(run(&o, true, path, "", NOW, &out));
	ck_assert_int_eq(run(&old, true, path, "", NOW, &out), VX_EAUTH);
	vx_buf_done(&out);
}
END_TEST

/* What was written with longer hashes still counts, with shorter ones it does not. */
START_TEST(lengths_of_hashes)
{
	struct vx_srs_options o = options(), other = options();
	struct vx_buf out = { .max = 1000 };
	char path[200];

	for (unsigned n = VX_SRS_HASH_MIN; n <= VX_SRS_HASH_MAX; n++) {
		o.hash_chars = n;
		vxt_assert_ok(run(&o, false, "u@h.example", "o.example", NOW, &out));
		ck_assert_uint_eq(out.len, 5 + n + strlen("=2W=h.example=u@o.example"));
		(void)snprintf(path, sizeof(path), "%.*s", (int)out.len, out.ptr);
		for (unsigned k = VX_SRS_HASH_MIN; k <= VX_SRS_HASH_MAX; k++) {
			other.hash_chars = k;
			ck_assert_int_eq(run(&other, true, path, "", NOW, &out),
			    k <= n ? VX_OK : VX_EAUTH);
		}
	}
	vx_buf_done(&out);
}
END_TEST

START_TEST(local_parts_have_limits)
{
	struct vx_srs_options o = options();
	struct vx_buf out = { .max = 1000 };
	char path[400];

	for (size_t n = 200; n < 300; n++) {
		/* "SRS0=" 6 "=2W=" "h.example=" */
		const size_t made = 25 + n;

		memset(path, 'a', n);
		memcpy(path + n, "@h.example", 11);
		o.local_max = 0;
		ck_assert_int_eq(run(&o, false, path, "o.example", NOW, &out),
		    made <= VX_SRS_LOCAL_MAX ? VX_OK : VX_ELIMIT);
		if (made > VX_SRS_LOCAL_MAX)
			ck_assert_uint_eq(out.len, 0);
		o.local_max = 230;
		ck_assert_int_eq(run(&o, false, path, "o.example", NOW, &out),
		    made <= 230 ? VX_OK : VX_ELIMIT);
	}
	/* the quotes count */
	o.local_max = 29;
	vxt_assert_ok(run(&o, false, "abcd@h.example", "o.example", NOW, &out));
	vxt_assert_ok(run(&o, false, "\" a\"@h.example", "o.example", NOW, &out));
	ck_assert_int_eq(
	    run(&o, false, "\" ab\"@h.example", "o.example", NOW, &out), VX_ELIMIT);
	vx_buf_done(&out);
}
END_TEST

START_TEST(options_are_checked)
{
	static const vx_slice empty[] = { VX_SLICE_INIT("x"), VX_SLICE_INIT("") };
	vx_slice many[VX_SRS_SECRETS_MAX + 1];
	struct vx_buf out = { .max = 1000 };
	struct vx_srs_options bad[8];

	for (size_t i = 0; i <= VX_SRS_SECRETS_MAX; i++)
		many[i] = VX_S("x");
	for (size_t i = 0; i < 8; i++)
		bad[i] = options();
	bad[0].secrets_count = 0;
	bad[1].secrets = many;
	bad[1].secrets_count = VX_SRS_SECRETS_MAX + 1;
	bad[2].secrets = empty;
	bad[2].secrets_count = 2;
	bad[3].hash_chars = VX_SRS_HASH_MIN - 1;
	bad[4].hash_chars = VX_SRS_HASH_MAX + 1;
	bad[5].days = VX_SRS_DAYS_MAX + 1;
	bad[6].local_max = VX_SRS_LOCAL_MAX + 1;
	for (size_t i = 0; i < 7; i++) {
		ck_assert_int_eq(
		    run(&bad[i], false, "u@h.example", "o.example", NOW, &out),
		    VX_EINVAL);
		ck_assert_int_eq(
		    run(&bad[i], true, "u@h.example", "", NOW, &out), VX_EINVAL);
	}
	bad[1].secrets_count--;
	vxt_assert_ok(run(&bad[1], false, "u@h.example", "o.example", NOW, &out));
	vx_buf_done(&out);
}
END_TEST

/* Room and memory may end anywhere: nothing half is given out, and nothing forged. */
START_TEST(no_room_and_no_memory)
{
	const struct vx_srs_options o = options();
	struct vx_buf all = { .max = 1000 }, out;
	char path[200];

	vxt_assert_ok(run(&o, false, "u@h.example", "o.example", NOW, &all));
	(void)snprintf(path, sizeof(path), "%.*s", (int)all.len, all.ptr);
	out = (struct vx_buf){ .max = all.len - 1 };
	ck_assert_int_eq(
	    run(&o, false, "u@h.example", "o.example", NOW, &out), VX_ELIMIT);
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&out);
	out = (struct vx_buf){ .max = 10 };
	ck_assert_int_eq(run(&o, true, path, "", NOW, &out), VX_ELIMIT);
	vx_buf_done(&out);
	for (int reverse = 0; reverse < 2; reverse++) {
		bool failed = true;

		for (size_t n = 1; failed; n++) {
			int rc;

			ck_assert_uint_lt(n, 100);
			out = (struct vx_buf){ .max = 1000 };
			vx_mem_fail_at(n);
			rc = run(&o, reverse == 1, reverse ? path : "u@h.example",
			    "o.example", NOW, &out);
			failed = vx_mem_failed() != 0;
			vx_mem_fail_at(0);
			ck_assert(failed == (rc != VX_OK));
			if (failed)
				ck_assert_uint_eq(out.len, 0);
			vx_buf_done(&out);
		}
	}
	vx_buf_done(&all);
}
END_TEST

VXT_SUITE(test_srs, "srs", vectors_of_postsrsd, there_and_back,
    what_stays_and_what_is_refused, forged_ones, nothing_can_be_changed, days,
    secrets_change, lengths_of_hashes, local_parts_have_limits, options_are_checked,
    no_room_and_no_memory)
