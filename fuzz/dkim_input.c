#include "dkim_input.h"

#include <stdio.h>
#include <stdlib.h>

void dkim_must(bool good)
{
	if (!good)
		abort();
}

bool dkim_input_read(const uint8_t *data, size_t size, struct dkim_input *out)
{
	vx_slice all = vx_slice_of(data, size), message;
	size_t at;

	if (size < 2 || size > 65536)
		return false;
	out->chunk = data[0] % 50u + 1;
	all = vx_slice_from(all, 1);
	(void)vx_slice_cut(&all, '\0', &message);
	out->records = all;
	at = vx_slice_find_slice(message, VX_S("\r\n\r\n"));
	out->header = vx_slice_head(message, at + 2);
	out->body = vx_slice_from(message, at + 4);
	return true;
}

static vx_slice record_at(vx_slice records, unsigned n)
{
	vx_slice one = { NULL, 0 };

	do
		(void)vx_slice_cut(&records, '\0', &one);
	while (n-- > 0 && records.len > 0);
	return one;
}

static unsigned hash(const char *name)
{
	unsigned h = 17;

	for (; *name != '\0'; name++)
		h = h * 31 + (unsigned char)*name;
	return h;
}

/* The record as it is on the wire. */
static vx_slice on_wire(vx_slice text, struct vx_buf *out)
{
	do {
		const vx_slice some = vx_slice_head(text, 255);

		vx_buf_add_char(out, (char)some.len);
		vx_buf_add(out, some);
		text = vx_slice_from(text, some.len);
	} while (text.len > 0);
	return vx_buf_slice(out);
}

static vx_slice our_record(void)
{
	static struct vx_buf text = { .max = 300 };

	if (text.len == 0) {
		vx_buf_add_str(&text, "k=ed25519; p=");
		dkim_must(vx_private_key_public(dkim_our_key(), &text) == VX_OK);
	}
	return vx_buf_slice(&text);
}

struct vx_dns_answer dkim_input_answer(
    const struct dkim_input *in, const struct vx_dns_question *q)
{
	static struct vx_buf wire[3];
	static vx_slice rdata[3];
	struct vx_dns_answer a = { .status = VX_DNS_FOUND, .rdata = rdata };
	const bool ours =
	    strcmp(q->name, DKIM_OUR_SELECTOR "._domainkey." DKIM_OUR_DOMAIN) == 0;
	unsigned h = hash(q->name);

	if (!ours && h % 11 < 4)
		a.status = (enum vx_dns_status)(VX_DNS_NODATA + h % 4);
	else
		a.count = ours ? 1 : h % 3 + 1;
	for (size_t i = 0; i < a.count; i++) {
		wire[i].max = 1u << 17;
		vx_buf_reset(&wire[i]);
		rdata[i] = on_wire(
		    ours ? our_record() : record_at(in->records, (h + (unsigned)i) % 4),
		    &wire[i]);
	}
	return a;
}

const struct vx_private_key *dkim_our_key(void)
{
	static struct vx_private_key *key;

	if (key == NULL)
		dkim_must(
		    vx_private_key_read(
			VX_S(
			    "-----BEGIN PRIVATE KEY-----\n"
			    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMc"
			    "rn9g\n-----END PRIVATE KEY-----\n"),
			&key, NULL) == VX_OK);
	return key;
}
