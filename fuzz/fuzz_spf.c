/*
 * SPF: whatever the client says and the DNS answers, a check ends after a bounded number
 * of questions, and what comes of it is fit for a header and a reply.
 *
 * The lines of the input: which client, HELO, MAIL FROM; then answers, which are used in
 * turn, again from the first when there are no more.  An answer begins with a letter: n
 * no data, x no name, f failed, b bogus, r records as they are on the wire; of other
 * letters what follows is text.  Records end at '|'.
 */
#include "vectis/spf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORDS_MAX = 40
};

struct answers {
	vx_slice all, rest;
	vx_slice rdata[RECORDS_MAX];
	struct vx_buf octets;
	bool ipv6;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void add_strings(struct vx_buf *out, vx_slice text)
{
	do {
		const vx_slice piece = vx_slice_head(text, 255);

		vx_buf_add_char(out, (char)piece.len);
		vx_buf_add(out, piece);
		text = vx_slice_from(text, piece.len);
	} while (text.len > 0);
}

static void add_name(struct vx_buf *out, vx_slice name)
{
	vx_slice label;

	while (name.len > 0) {
		(void)vx_slice_cut(&name, '.', &label);
		label = vx_slice_head(label, VX_DNS_LABEL_MAX);
		if (label.len > 0) {
			vx_buf_add_char(out, (char)label.len);
			vx_buf_add(out, label);
		}
	}
	vx_buf_add_char(out, '\0');
}

/* The client's address, or one that differs in the octet that text says. */
static void add_address(struct vx_buf *out, vx_slice text, bool ipv6)
{
	static const char v4[] = "\xc0\0\2\1";
	static const char v6[] = "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1";
	const size_t len = ipv6 ? 16 : 4;
	const size_t start = out->len;

	vx_buf_add(out, vx_slice_of(ipv6 ? v6 : v4, len));
	if (text.len > 0 && !out->failed)
		out->ptr[start + (unsigned char)text.ptr[0] % len] ^= 1;
}

static void add_record(struct answers *in, enum vx_dns_type type, vx_slice text, bool raw)
{
	if (raw) {
		vx_buf_add(&in->octets, text);
	} else if (type == VX_DNS_TXT) {
		add_strings(&in->octets, text);
	} else if (type == VX_DNS_A || type == VX_DNS_AAAA) {
		add_address(&in->octets, text, type == VX_DNS_AAAA);
	} else {
		if (type == VX_DNS_MX)
			vx_buf_add(&in->octets, vx_slice_of("\0\12", 2));
		add_name(&in->octets, text);
	}
}

static enum vx_dns_status status_of(char c)
{
	switch (c) {
	case 'n':
		return VX_DNS_NODATA;
	case 'x':
		return VX_DNS_NO_NAME;
	case 'f':
		return VX_DNS_FAILED;
	case 'b':
		return VX_DNS_BOGUS;
	default:
		return VX_DNS_FOUND;
	}
}

static struct vx_dns_answer next_answer(struct answers *in, enum vx_dns_type type)
{
	struct vx_dns_answer a = { .ttl = 60, .rdata = in->rdata };
	size_t ends[RECORDS_MAX], start = 0;
	vx_slice line, record;
	char kind;

	if (in->rest.len == 0)
		in->rest = in->all;
	(void)vx_slice_cut(&in->rest, '\n', &line);
	kind = line.len > 0 ? line.ptr[0] : 'n';
	line = vx_slice_from(line, 1);
	a.status = status_of(kind);
	vx_buf_reset(&in->octets);
	while (a.status == VX_DNS_FOUND && line.len > 0 && a.count < RECORDS_MAX) {
		(void)vx_slice_cut(&line, '|', &record);
		add_record(in, type, record, kind == 'r');
		ends[a.count++] = in->octets.len;
	}
	for (size_t i = 0; i < a.count; i++) {
		in->rdata[i] = vx_slice_head(
		    vx_slice_from(vx_buf_slice(&in->octets), start), ends[i] - start);
		start = ends[i];
	}
	return a;
}

static void check_text(const char *text, size_t max)
{
	must(strlen(text) <= max);
	for (; *text != '\0'; text++)
		must(*text >= ' ' && *text <= '~');
}

static void check_question(const struct vx_dns_question *q)
{
	char again[VX_DNS_NAME_MAX + 1];

	must(vx_dns_name(vx_slice_str(q->name), again) == VX_OK);
	must(strcmp(again, q->name) == 0 && again[0] != '\0');
	must(q->type == VX_DNS_A || q->type == VX_DNS_AAAA || q->type == VX_DNS_MX ||
	     q->type == VX_DNS_PTR || q->type == VX_DNS_TXT);
}

static void check_field(const struct vx_spf *s)
{
	struct vx_buf out = { .max = 1u << 16 };
	vx_slice rest, line;

	vx_spf_write(s, &out);
	must(!out.failed);
	rest = vx_buf_slice(&out);
	must(vx_slice_has_prefix(rest, VX_S("Received-SPF: ")));
	must(vx_slice_has_suffix(rest, VX_S("\r\n")));
	for (bool first = true; rest.len > 0; first = false) {
		(void)vx_slice_cut(&rest, '\n', &line);
		must(line.len >= 2 && line.len <= 999 && line.ptr[line.len - 1] == '\r');
		must(first || line.ptr[0] == '\t');
		for (size_t i = 1; i + 1 < line.len; i++)
			must(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
	}
	vx_buf_done(&out);
}

static void check_result(const struct vx_spf *s)
{
	const struct vx_spf_result *const r = vx_spf_result(s);
	const bool no_verdict = r->verdict == VX_VERDICT_NONE ||
				r->verdict == VX_VERDICT_TEMPERROR ||
				r->verdict == VX_VERDICT_PERMERROR;

	must(r->verdict != VX_VERDICT_POLICY);
	must((r->reason[0] != '\0') == no_verdict);
	must((r->mechanism[0] == '\0') == no_verdict);
	must(r->explanation[0] == '\0' || r->verdict == VX_VERDICT_FAIL);
	must(!vx_spf_is_explicit(s) || r->verdict == VX_VERDICT_PASS);
	must(r->lookups <= VX_SPF_LOOKUPS_MAX + 1 && r->voids <= VX_SPF_VOIDS_MAX + 1);
	check_text(r->domain, VX_DNS_NAME_MAX);
	check_text(r->mechanism, VX_SPF_MECHANISM_MAX);
	check_text(r->inner, VX_SPF_MECHANISM_MAX);
	check_text(r->explanation, VX_SPF_EXPLANATION_MAX);
	check_text(r->reason, VX_SPF_REASON_MAX);
	check_field(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answers in = { .octets = { .max = 1u << 20 } };
	struct vx_spf_options o = { .struct_size = sizeof(o), .now = 1700000000 };
	struct vx_dns_question q;
	struct vx_spf *s;
	vx_slice line;
	unsigned asked = 0;

	if (size > 65536)
		return 0;
	in.all = vx_slice_of(data, size);
	(void)vx_slice_cut(&in.all, '\n', &line);
	in.ipv6 = vx_slice_find(line, '6') < line.len;
	o.client = in.ipv6 ? "2001:db8::1" : "192.0.2.1";
	o.identity = vx_slice_find(line, 'h') < line.len ? VX_SPF_HELO : VX_SPF_MAILFROM;
	o.receiver = VX_S("mx.test");
	(void)vx_slice_cut(&in.all, '\n', &o.helo);
	(void)vx_slice_cut(&in.all, '\n', &o.mail_from);
	must(vx_spf_new(&o, &s) == VX_OK);
	for (; vx_spf_next(s, &q) == VX_WAIT; asked++) {
		struct vx_dns_answer a;

		must(asked < VX_SPF_QUESTIONS_MAX);
		check_question(&q);
		a = next_answer(&in, q.type);
		must(vx_spf_answer(s, &a) == VX_OK);
	}
	check_result(s);
	vx_spf_free(s);
	vx_buf_done(&in.octets);
	return 0;
}
