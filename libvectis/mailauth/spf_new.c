/* What is to be checked: the client, the identity, the values of macros. */
#include "mailauth/spf_int.h"

#include "base/encode.h"
#include "base/mem.h"
#include "vectis/address.h"

#include <arpa/inet.h>
#include <stdio.h>

void vx_spf_copy_text(char *out, size_t size, vx_slice text)
{
	const vx_slice head = vx_slice_head(text, size - 1);

	if (head.len > 0)
		memcpy(out, head.ptr, head.len);
	out[head.len] = '\0';
}

static int read_client(struct vx_spf *s, const char *text)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const char digits[] = "0123456789abcdef";
	unsigned char octets[16];
	char *at = s->dotted;

	if (text == NULL)
		return VX_EINVAL;
	s->ipv6 = inet_pton(AF_INET, text, s->address) != 1;
	if (s->ipv6 && inet_pton(AF_INET6, text, s->address) != 1)
		return VX_EINVAL;
	if (s->ipv6 && memcmp(s->address, mapped, sizeof(mapped)) == 0) {
		memcpy(octets, s->address, sizeof(octets));
		memcpy(s->address, octets + sizeof(mapped), 4);
		s->ipv6 = false;
	}
	(void)inet_ntop(
	    s->ipv6 ? AF_INET6 : AF_INET, s->address, s->client, sizeof(s->client));
	if (!s->ipv6) {
		vx_spf_copy_text(s->dotted, sizeof(s->dotted), vx_slice_str(s->client));
		return VX_OK;
	}
	for (size_t i = 0; i < sizeof(s->address); i++) {
		*at++ = digits[s->address[i] >> 4];
		*at++ = '.';
		*at++ = digits[s->address[i] & 15];
		*at++ = i + 1 < sizeof(s->address) ? '.' : '\0';
	}
	return VX_OK;
}

/* A name in A-labels, of what may have U-labels.  VX_OK, VX_EINVAL, VX_ENOMEM. */
static int to_ascii(vx_slice text, char out[VX_DNS_NAME_MAX + 1])
{
	struct vx_buf name = { .max = 2 * VX_DNS_NAME_MAX };
	int rc;

	if (vx_is_ascii(text))
		return vx_dns_name(text, out);
	rc = vx_domain_normalise(text, &name);
	if (rc == VX_OK)
		rc = vx_dns_name(vx_buf_slice(&name), out);
	vx_buf_done(&name);
	return rc;
}

/* A multi-label name of a host; no address, which TLDs without a letter stand for. */
static bool is_domain(const char *name)
{
	const char *const dot = strrchr(name, '.');

	return vx_dns_is_host(name) && dot != NULL &&
	       strspn(dot + 1, "0123456789") < strlen(dot + 1);
}

static int read_domain(struct vx_spf *s, vx_slice text, const char *what)
{
	const int rc = to_ascii(text, s->origin);

	if (rc == VX_OK && is_domain(s->origin))
		return VX_OK;
	if (rc != VX_OK && rc != VX_EINVAL)
		return rc;
	s->origin[0] = '\0';
	vx_spf_fail(
	    s, VX_VERDICT_NONE, "%s has no domain name that could be checked", what);
	return VX_OK;
}

/* `"joe"` is joe (RFC 5321 4.1.2). */
static void unquote(vx_slice local, char *out)
{
	const bool quoted =
	    local.len >= 2 && local.ptr[0] == '"' && local.ptr[local.len - 1] == '"';

	if (quoted)
		local = vx_slice_of(local.ptr + 1, local.len - 2);
	for (size_t i = 0; i < local.len; i++) {
		if (quoted && local.ptr[i] == '\\' && i + 1 < local.len)
			i++;
		*out++ = local.ptr[i];
	}
	*out = '\0';
}

static int read_mail_from(struct vx_spf *s, vx_slice address)
{
	size_t at = vx_slice_rfind(address, '@');
	const vx_slice domain =
	    at < address.len ? vx_slice_from(address, at + 1) : address;
	vx_slice local = vx_slice_head(address, at < address.len ? at : 0);
	int rc;

	vx_spf_copy_text(s->mail_from, sizeof(s->mail_from), address);
	if (local.len > VX_SPF_LOCAL_MAX || vx_slice_find(local, '\0') < local.len) {
		vx_spf_fail(s, VX_VERDICT_NONE, "MAIL FROM has no usable local part");
		return VX_OK;
	}
	if (local.len == 0)
		local = VX_S("postmaster");
	unquote(local, s->local);
	rc = read_domain(s, domain, "MAIL FROM");
	if (s->origin[0] != '\0')
		(void)snprintf(s->mail_from, sizeof(s->mail_from), "%.*s@%s",
		    (int)local.len, local.ptr, s->origin);
	return rc;
}

static int read_helo(struct vx_spf *s, vx_slice helo)
{
	char name[VX_DNS_NAME_MAX + 1];
	int rc;

	if (helo.len == 0 || helo.len > VX_SPF_HELO_MAX ||
	    vx_slice_find(helo, '\0') < helo.len)
		helo = VX_S("unknown");
	rc = vx_is_ascii(helo) ? VX_EINVAL : to_ascii(helo, name);
	if (rc != VX_OK && rc != VX_EINVAL)
		return rc;
	vx_spf_copy_text(
	    s->helo, sizeof(s->helo), rc == VX_OK ? vx_slice_str(name) : helo);
	return VX_OK;
}

static unsigned limit(unsigned asked, unsigned otherwise)
{
	return asked == 0 ? otherwise
			  : (asked < VX_SPF_LOOKUPS_MAX ? asked : VX_SPF_LOOKUPS_MAX);
}

static int read_options(struct vx_spf *s, const struct vx_spf_options *o)
{
	const bool helo = o->identity == VX_SPF_HELO || o->mail_from.len == 0;
	int rc = read_client(s, o->client);

	if (rc == VX_OK)
		rc = read_helo(s, o->helo);
	if (rc != VX_OK)
		return rc;
	s->result.identity = helo ? VX_SPF_HELO : VX_SPF_MAILFROM;
	s->lookups_max = limit(o->lookups_max, VX_SPF_LOOKUPS_MAX);
	s->voids_max = limit(o->voids_max, VX_SPF_VOIDS_MAX);
	(void)snprintf(s->now, sizeof(s->now), "%lld", (long long)o->now);
	if (o->receiver.len == 0 || vx_dns_name(o->receiver, s->receiver) != VX_OK)
		vx_spf_copy_text(s->receiver, sizeof(s->receiver), VX_S("unknown"));
	if (helo) {
		vx_spf_copy_text(s->local, sizeof(s->local), VX_S("postmaster"));
		rc = read_domain(s, vx_slice_str(s->helo), "HELO");
	} else {
		rc = read_mail_from(s, o->mail_from);
	}
	s->local_ascii = vx_is_ascii(vx_slice_str(s->local));
	(void)snprintf(s->sender, sizeof(s->sender), "%s@%s", s->local, s->origin);
	return rc;
}

int vx_spf_new(const struct vx_spf_options *o, struct vx_spf **out)
{
	struct vx_spf *const s = vx_alloc(sizeof(*s));
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	vx_buf_init(&s->text, (VX_SPF_LOOKUPS_MAX + 1) * VX_SPF_RECORD_MAX);
	rc = read_options(s, o);
	if (rc != VX_OK) {
		vx_spf_free(s);
		return rc == VX_EINVAL ? rc : VX_ENOMEM;
	}
	s->result.domain = s->origin;
	s->result.mechanism = s->mechanism;
	s->result.inner = s->inner;
	s->result.explanation = s->explanation;
	s->result.reason = s->reason;
	if (s->phase != VX_SPF_OVER) {
		s->depth = 1;
		memcpy(s->frames[0].domain, s->origin, sizeof(s->origin));
		vx_spf_ask(s, VX_SPF_ASK_RECORD, VX_DNS_TXT, s->origin);
	}
	*out = s;
	return VX_OK;
}

void vx_spf_free(struct vx_spf *s)
{
	if (s == NULL)
		return;
	vx_buf_done(&s->text);
	vx_free(s);
}
