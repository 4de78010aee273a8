/* Base subjects (RFC 5256 2.1) and message ids. */
#include "lib/vxt.h"
#include "mime/subject.h"
#include "vectis/message.h"

static const struct {
	const char *in, *base;
	bool reply;
} subjects[] = {
	{ "", "", false },
	{ "hello", "hello", false },
	{ "  hello \t there ", "hello there", false },
	{ "hello\r\n there", "hello there", false },
	{ "Re: hello", "hello", true },
	{ "RE:hello", "hello", true },
	{ "re : hello", "hello", true },
	{ "Fw: hello", "hello", true },
	{ "FWD: hello", "hello", true },
	{ "Fwdx: hello", "Fwdx: hello", false },
	{ "Re[2]: hello", "hello", true },
	{ "Re [any thing] : hello", "hello", true },
	{ "Re [any thing]: hello", "hello", true },
	{ "Re: Re: Fwd: hello", "hello", true },
	{ "[list] hello", "hello", false },
	{ "[a] [b] hello", "hello", false },
	{ "[a][b]Re: hello", "hello", true },
	{ "Re: [list] Re: hello", "hello", true },
	{ "[list] Re: [list] hello", "hello", true },
	{ "[list]", "[list]", false },
	{ "[a] [b]", "[b]", false },
	{ "Re: [list]", "[list]", true },
	{ "[list] Re:", "", true },
	{ "[a[b] hello", "[a[b] hello", false },
	{ "[] hello", "hello", false },
	{ "hello (fwd)", "hello", true },
	{ "hello (FWD) (fwd) ", "hello", true },
	{ "hello (fwd", "hello (fwd", false },
	{ "(fwd)", "", true },
	{ "[fwd: hello]", "hello", true },
	{ "[Fwd: Re: [list] hello (fwd)]", "hello", true },
	{ "[fwd:[fwd:[fwd: hello]]]", "hello", true },
	{ "[fwd: hello", "[fwd: hello", false },
	{ "[fwd:]", "", true },
	{ "[fwd: hello] (fwd)", "hello", true },
	{ "[fwd: hello] again", "again", false },
	{ "Re: [fwd: hello]", "hello", true },
	{ "re", "re", false },
	{ "Re:", "", true },
	{ "Ref: hello", "Ref: hello", false },
	{ "AW: hello", "AW: hello", false }, /* translated words are kept (RFC 5256 7) */
	{ "=?UTF-8?Q?Re=3A_gr=C3=BC=C3=9Fe?=",
	    "gr\xc3\xbc\xc3\x9f"
	    "e",
	    true },
	{ "=?UTF-8?B?W2xpc3RdIA==?= hello", "hello", false },
	{ "Re: =?ISO-8859-1?Q?caf=E9?=", "caf\xc3\xa9", true },
};

START_TEST(base_subjects)
{
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		struct vx_buf out = { .max = 8192 };
		bool reply = !subjects[i].reply;

		vx_subject_base(vx_slice_str(subjects[i].in), &out, &reply);
		vxt_assert_str(vx_buf_slice(&out), subjects[i].base);
		ck_assert_msg(reply == subjects[i].reply, "%s", subjects[i].in);
		vx_buf_done(&out);
	}
}
END_TEST

/* A base subject is its own base subject, and no pattern takes long. */
START_TEST(long_subjects)
{
	static const char *const pieces[] = { "[a]", "[fwd:", "re:", "re[", "(fwd)", "[",
		"]", " ", "fwd:", "[a] " };
	const size_t kinds = sizeof(pieces) / sizeof(pieces[0]);

	for (size_t i = 0; i < kinds * kinds; i++) {
		struct vx_buf in = { .max = 1 << 16 }, out = { .max = 1 << 16 },
			      again = { .max = 1 << 16 };
		bool reply;

		while (in.len < VX_SUBJECT_MAX) {
			vx_buf_add_str(&in, pieces[i % kinds]);
			vx_buf_add_str(&in, pieces[i / kinds]);
		}
		vx_subject_base(vx_buf_slice(&in), &out, &reply);
		vx_subject_base(vx_buf_slice(&out), &again, &reply);
		vxt_assert_slice(vx_buf_slice(&again), vx_buf_slice(&out));
		vx_buf_done(&in);
		vx_buf_done(&out);
		vx_buf_done(&again);
	}
}
END_TEST

static const struct {
	const char *in, *ids;
} id_rows[] = {
	{ "", "" },
	{ "<a@b>", "a@b|" },
	{ " <a@b>\r\n <c@d> ", "a@b|c@d|" },
	{ "<a@b><c@d>", "a@b|c@d|" },
	{ "<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>", "01KF8JCEOCBS0045PS@xxx.yyy.com|" },
	{ "<01KF8JCEOCBS0045PS@xxx.yyy.com>", "01KF8JCEOCBS0045PS@xxx.yyy.com|" },
	{ "<\"a\\\"b\"@c>", "a\"b@c|" },
	{ "<\"a>b\"@c>", "a>b@c|" },
	{ "<a\r\n b@c>", "ab@c|" },
	{ "<nohost>", "nohost|" },
	{ "<A@B> <a@b>", "A@B|a@b|" },
	{ "Your message of Monday <x@y> (or <z@w>)", "x@y|z@w|" },
	{ "no id at all", "" },
	{ "<> <a@b>", "a@b|" },
	{ "<a@b", "" },
	{ "<a<c@d>", "c@d|" },
	{ "<\"a@b> <c@d>", "c@d|" },
};

START_TEST(message_ids)
{
	for (size_t i = 0; i < sizeof(id_rows) / sizeof(id_rows[0]); i++) {
		struct vx_buf out = { .max = 8192 };
		vx_slice value = vx_slice_str(id_rows[i].in);

		while (vx_message_id_next(&value, &out))
			vx_buf_add_char(&out, '|');
		ck_assert_uint_eq(value.len, 0);
		vxt_assert_str(vx_buf_slice(&out), id_rows[i].ids);
		vx_buf_done(&out);
	}
	ck_assert_uint_ne(
	    vx_message_id_hash(VX_S("a@b")), vx_message_id_hash(VX_S("A@b")));
}
END_TEST

/* What a message's descriptor says of its thread. */
static void describe(const char *header, struct vx_buf *out, struct vx_descriptor *d)
{
	struct vx_describer *w;

	vxt_assert_ok(vx_describer_new(&w));
	vx_describer_add(w, vx_slice_str(header));
	vx_describer_add(w, VX_S("\r\nbody\r\n"));
	vx_buf_init(out, VX_DESCRIPTOR_MAX);
	vxt_assert_ok(vx_describer_end(w, out));
	vx_describer_free(w);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(out), d));
}

static void assert_references(const char *header, const char *want)
{
	struct vx_descriptor d;
	struct vx_buf octets;
	vx_slice ids = vx_slice_str(want), id, list;
	uint64_t hash;

	describe(header, &octets, &d);
	list = d.references;
	while (ids.len > 0) {
		(void)vx_slice_cut(&ids, ' ', &id);
		ck_assert_msg(vx_reference_next(&list, &hash), "%s", header);
		ck_assert_uint_eq(hash, vx_message_id_hash(id));
	}
	ck_assert_msg(!vx_reference_next(&list, &hash), "%s", header);
	vx_buf_done(&octets);
}

START_TEST(references)
{
	assert_references("Subject: x\r\n", "");
	assert_references("References: <a@b> <c@d>\r\nIn-Reply-To: <e@f>\r\n", "a@b c@d");
	assert_references("References: nothing\r\nIn-Reply-To: <e@f> <g@h>\r\n", "e@f");
	assert_references("In-Reply-To: \"x\" of Monday <e@f>\r\n", "e@f");
	assert_references("References:\r\n <a@b>\r\n\t<\"c\"@d>\r\n", "a@b c@d");
}
END_TEST

START_TEST(many_references)
{
	struct vx_buf header = { .max = 1 << 20 }, want = { .max = 1 << 20 };

	vx_buf_add_str(&header, "References:");
	for (unsigned i = 0; i < 300; i++) {
		vx_buf_printf(&header, "\r\n <%u@x>", i);
		if (i == 0 || i >= 300 - (VX_REFERENCES_MAX - 1))
			vx_buf_printf(&want, i == 0 ? "%u@x" : " %u@x", i);
	}
	vx_buf_add_str(&header, "\r\n");
	assert_references(header.ptr, want.ptr);
	vx_buf_done(&header);
	vx_buf_done(&want);
}
END_TEST

START_TEST(own_id_and_subject)
{
	struct vx_descriptor d;
	struct vx_buf octets;

	describe("Message-ID: <\"a\"@b>\r\nSubject: Re: [x] hello\r\n", &octets, &d);
	ck_assert_uint_eq(d.message_id_hash, vx_message_id_hash(VX_S("a@b")));
	vxt_assert_str(d.base_subject, "hello");
	ck_assert(d.reply);
	vx_buf_done(&octets);
	describe("Message-ID: none\r\nSubject: hello\r\n", &octets, &d);
	ck_assert_uint_eq(d.message_id_hash, 0);
	ck_assert(!d.reply);
	vx_buf_done(&octets);
}
END_TEST

VXT_SUITE(test_subject, "subject", base_subjects, long_subjects, message_ids, references,
    many_references, own_id_and_subject)
