#include "zone.h"

#include "base/bytes.h"
#include "lib/vxt.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define CHAIN_MAX 10 /* CNAMEs */

void vxt_zone_init(struct vxt_zone *z)
{
	memset(z, 0, sizeof(*z));
}

void vxt_zone_done(struct vxt_zone *z)
{
	for (size_t i = 0; i < z->count; i++)
		vx_buf_done(&z->records[i].rdata);
	z->count = 0;
}

static struct vxt_record *add(struct vxt_zone *z, const char *name, int type)
{
	struct vxt_record *r;

	ck_assert_uint_lt(z->count, VXT_ZONE_RECORDS);
	r = &z->records[z->count++];
	vxt_assert_ok(vx_dns_name(vx_slice_str(name), r->name));
	r->type = type;
	r->status = VX_DNS_FOUND;
	vx_buf_init(&r->rdata, 70000);
	return r;
}

static void add_name(struct vx_buf *out, vx_slice name)
{
	vx_slice label;

	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	while (name.len > 0) {
		(void)vx_slice_cut(&name, '.', &label);
		vx_buf_add_char(out, (char)label.len);
		vx_buf_add(out, label);
	}
	vx_buf_add_char(out, '\0');
}

static void add_address(struct vx_buf *out, int family, const char *text)
{
	char octets[16];

	ck_assert_msg(inet_pton(family, text, octets) == 1, "%s is no address", text);
	vx_buf_add(out, vx_slice_of(octets, family == AF_INET ? 4 : 16));
}

static void add_srv(struct vx_buf *out, const char *text)
{
	vx_slice rest = vx_slice_str(text), word;
	uint64_t n;

	for (int i = 0; i < 3; i++) {
		(void)vx_slice_cut(&rest, ' ', &word);
		vxt_assert_ok(vx_slice_number(word, 65535, &n));
		vx_buf_add_char(out, (char)(n >> 8));
		vx_buf_add_char(out, (char)n);
	}
	add_name(out, rest);
}

static void add_mx(struct vx_buf *out, const char *text)
{
	char preference[2], *end;

	vx_put_be16(preference, (uint16_t)strtoul(text, &end, 10));
	vx_buf_add(out, vx_slice_of(preference, 2));
	add_name(out, vx_slice_trim(vx_slice_str(end), " "));
}

static void add_tlsa(struct vx_buf *out, const char *text)
{
	unsigned usage, selector, matching, octet;
	int used = 0;

	ck_assert_int_eq(
	    sscanf(text, "%u %u %u %n", &usage, &selector, &matching, &used), 3);
	vx_buf_add_char(out, (char)usage);
	vx_buf_add_char(out, (char)selector);
	vx_buf_add_char(out, (char)matching);
	for (text += used; sscanf(text, "%2x", &octet) == 1; text += 2)
		vx_buf_add_char(out, (char)octet);
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

/* "128 issue ca.example; a=b" */
static void add_caa(struct vx_buf *out, const char *text)
{
	vx_slice value = vx_slice_str(text), tag;
	char *end;

	vx_buf_add_char(out, (char)strtoul(text, &end, 10));
	value = vx_slice_from(value, (size_t)(end - text) + 1);
	(void)vx_slice_cut(&value, ' ', &tag);
	vx_buf_add_char(out, (char)tag.len);
	vx_buf_add(out, tag);
	vx_buf_add(out, value);
}

void vxt_zone_add(
    struct vxt_zone *z, const char *name, enum vx_dns_type type, const char *text)
{
	struct vx_buf *out = &add(z, name, (int)type)->rdata;

	if (type == VX_DNS_A || type == VX_DNS_AAAA)
		add_address(out, type == VX_DNS_A ? AF_INET : AF_INET6, text);
	else if (type == VX_DNS_MX)
		add_mx(out, text);
	else if (type == VX_DNS_SRV)
		add_srv(out, text);
	else if (type == VX_DNS_TXT || (int)type == 99) /* SPF */
		add_strings(out, vx_slice_str(text));
	else if (type == VX_DNS_TLSA)
		add_tlsa(out, text);
	else if (type == VX_DNS_CAA)
		add_caa(out, text);
	else
		add_name(out, vx_slice_str(text));
	ck_assert(!out->failed);
}

void vxt_zone_add_txt(
    struct vxt_zone *z, const char *name, const vx_slice *strings, size_t count)
{
	struct vx_buf *out = &add(z, name, VX_DNS_TXT)->rdata;

	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_le(strings[i].len, 255);
		vx_buf_add_char(out, (char)strings[i].len);
		vx_buf_add(out, strings[i]);
	}
}

void vxt_zone_fail(struct vxt_zone *z, const char *name, enum vx_dns_status status)
{
	add(z, name, -1)->status = status;
}

/* The records of a name: how many are found; *there: the name, or one below it, is. */
static size_t find(struct vxt_zone *z, const char *name, int type, bool *there,
    enum vx_dns_status *status, const char **alias, char target[VX_DNS_NAME_MAX + 1])
{
	size_t n = 0;

	*alias = NULL;
	for (size_t i = 0; i < z->count; i++) {
		const struct vxt_record *r = &z->records[i];
		const bool same = strcmp(r->name, name) == 0;

		*there =
		    *there || vx_dns_is_below(vx_slice_str(r->name), vx_slice_str(name));
		if (!same)
			continue;
		if (r->type < 0)
			*status = r->status;
		else if (r->type == type)
			z->found[n++] = vx_buf_slice(&r->rdata);
		else if (r->type == VX_DNS_CNAME &&
			 vx_dns_read_name(vx_buf_slice(&r->rdata), target) == VX_OK)
			*alias = target;
	}
	return n;
}

struct vx_dns_answer vxt_zone_answer(struct vxt_zone *z, const struct vx_dns_question *q)
{
	struct vx_dns_answer a = { .secure = z->secure, .ttl = 3600, .rdata = z->found };
	enum vx_dns_status status = VX_DNS_FOUND;
	char name[VX_DNS_NAME_MAX + 1], target[VX_DNS_NAME_MAX + 1];
	const char *alias = q->name;
	bool there = false;

	z->asked++;
	for (int i = 0; i < CHAIN_MAX && alias != NULL && a.count == 0; i++) {
		memmove(name, alias, strlen(alias) + 1);
		there = false;
		if (z->insecure != NULL && strcmp(name, z->insecure) == 0)
			a.secure = false;
		a.count = find(z, name, (int)q->type, &there, &status, &alias, target);
	}
	a.status = status != VX_DNS_FOUND ? status
		   : a.count > 0          ? VX_DNS_FOUND
		   : there                ? VX_DNS_NODATA
					  : VX_DNS_NO_NAME;
	if (a.status != VX_DNS_FOUND)
		a.count = 0;
	memcpy(z->canonical, name, strlen(name) + 1);
	if (a.count > 0 && strcmp(name, q->name) != 0)
		a.canonical = vx_slice_str(z->canonical);
	return a;
}

/* --- zones as text --------------------------------------------------------------------
 */

static const struct {
	const char *word;
	enum vx_dns_type type;
} types[] = { { "A", VX_DNS_A }, { "AAAA", VX_DNS_AAAA }, { "MX", VX_DNS_MX },
	{ "TXT", VX_DNS_TXT }, { "NS", VX_DNS_NS }, { "PTR", VX_DNS_PTR },
	{ "TLSA", VX_DNS_TLSA }, { "CAA", VX_DNS_CAA }, { "SRV", VX_DNS_SRV },
	{ "SPF", (enum vx_dns_type)99 } };

static void add_line(struct vxt_zone *z, vx_slice line)
{
	char name[300], word[8], content[600];
	vx_slice head;

	(void)vx_slice_cut(&line, ' ', &head);
	(void)snprintf(name, sizeof(name), "%.*s", (int)head.len, head.ptr);
	(void)vx_slice_cut(&line, ' ', &head);
	(void)snprintf(word, sizeof(word), "%.*s", (int)head.len, head.ptr);
	(void)snprintf(content, sizeof(content), "%.*s", (int)line.len, line.ptr);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].word, word) == 0) {
			vxt_zone_add(z, name, types[i].type, content);
			return;
		}
	ck_abort_msg("no type %s", word);
}

/* Is it one of the lines that begin as one of drop (separated by '|')? */
static bool dropped(vx_slice line, const char *drop)
{
	vx_slice rest = vx_slice_str(drop), each;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '|', &each);
		if (vx_slice_has_prefix(line, each))
			return true;
	}
	return false;
}

void vxt_zone_fill(struct vxt_zone *z, const char *text, const char *drop)
{
	vx_slice rest = vx_slice_str(text), line;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (line.len > 0 && !dropped(line, drop))
			add_line(z, line);
	}
}
