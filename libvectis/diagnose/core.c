/* A diagnosis: what is known, and the table of checks. */
#include "diagnose/diagnose.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const verdicts[] = { "pass", "info", "warn", "fail", "n/a" };

const char *vx_diag_verdict_name(enum vx_diag_verdict v)
{
	return (unsigned)v < sizeof(verdicts) / sizeof(verdicts[0]) ? verdicts[v] : "?";
}

static bool is_address(const char *text)
{
	unsigned char octets[16];

	return inet_pton(AF_INET, text, octets) == 1 ||
	       inet_pton(AF_INET6, text, octets) == 1;
}

int vx_diag_new(const struct vx_diag_facts *f, struct vx_diag **out)
{
	char name[VX_DNS_NAME_MAX + 1];
	struct vx_diag *d;

	if (vx_dns_name(vx_slice_str(f->domain), name) != VX_OK ||
	    !vx_dns_is_host(name) ||
	    vx_dns_name(vx_slice_str(f->hostname), name) != VX_OK ||
	    !vx_dns_is_host(name) || f->address_count > VX_ZONE_ADDRESSES_MAX ||
	    f->list_count > VX_DIAG_LISTS_MAX || f->port_count > VX_DIAG_PORTS_MAX)
		return VX_EINVAL;
	for (size_t i = 0; i < f->address_count; i++)
		if (!is_address(f->addresses[i]))
			return VX_EINVAL;
	d = vx_alloc(sizeof(*d));
	if (d == NULL)
		return VX_ENOMEM;
	d->f = *f;
	*out = d;
	return VX_OK;
}

void vx_diag_free(struct vx_diag *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->known_count; i++)
		vx_dns_answer_free(d->known[i].answer);
	for (size_t i = 0; i < d->said_count; i++)
		vx_dns_answer_free(d->said[i].answer);
	vx_free(d);
}

/* --- saying ---------------------------------------------------------------------------
 */

/* What came from others is shown as printable ASCII. */
static void clean(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text >= 0x7f)
			*text = '?';
}

void vx_diag_seen(struct vx_diag_finding *f, const char *fmt, ...)
{
	const size_t len = strlen(f->seen);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(f->seen + len, sizeof(f->seen) - len, fmt, args);
	va_end(args);
	clean(f->seen);
}

void vx_diag_fix(struct vx_diag_finding *f, const char *fmt, ...)
{
	const size_t len = strlen(f->fix);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(f->fix + len, sizeof(f->fix) - len, fmt, args);
	va_end(args);
	clean(f->fix);
}

enum vx_diag_verdict vx_diag_see(struct vx_diag_finding *f, const char *name)
{
	vx_diag_seen(f, "follows from %s", name);
	return VX_DIAG_NA;
}

enum vx_diag_verdict vx_diag_silent(struct vx_diag_finding *f)
{
	vx_diag_seen(f, "the name servers do not answer, or not as they have signed");
	return VX_DIAG_NA;
}

/* A list that was written one by one ends in what goes between. */
static void end_list(char *text)
{
	const size_t len = strlen(text);

	if (len >= 2 && strcmp(text + len - 2, "; ") == 0)
		text[len - 2] = '\0';
}

/* --- the table ------------------------------------------------------------------------
 */

static void run_rows(struct vx_diag *d, const struct vx_diag_row *rows)
{
	for (; rows->id != NULL && d->finding_count < VX_DIAG_CHECKS_MAX; rows++) {
		struct vx_diag_finding *f = &d->findings[d->finding_count++];

		*f = (struct vx_diag_finding){ .id = rows->id,
			.name = rows->name,
			.title = rows->title,
			.why = rows->why,
			.wait = rows->wait };
		f->verdict = rows->check(d, f);
		end_list(f->seen);
		end_list(f->fix);
		if (f->seen[0] != '\0')
			continue;
		vx_diag_seen(f, "nothing that can be read");
		if (f->verdict == VX_DIAG_PASS)
			f->verdict = VX_DIAG_NA;
	}
}

static void run_server(struct vx_diag *d)
{
	run_rows(d, vx_diag_server_rows);
	run_rows(d, vx_diag_process_rows);
	run_rows(d, vx_diag_state_rows);
}

void vx_diag_run(struct vx_diag *d)
{
	d->finding_count = 0;
	if (d->f.host != NULL) {
		run_rows(d, vx_diag_preflight_rows);
		return;
	}
	/* without a store nothing is known of the domain */
	if (d->f.server != NULL && d->f.server->store.unusable) {
		run_server(d);
		return;
	}
	if (!d->f.provider_only)
		run_rows(d, vx_diag_move_rows);
	run_rows(d, vx_diag_cloudflare_rows);
	run_rows(d, vx_diag_backup_rows);
	if (d->f.provider_only)
		return;
	run_rows(d, vx_diag_dns_rows);
	run_rows(d, vx_diag_sender_rows);
	run_rows(d, vx_diag_policy_rows);
	run_rows(d, vx_diag_witness_rows);
	run_rows(d, vx_diag_tls_rows);
	run_rows(d, vx_diag_web_rows);
	if (d->f.server != NULL)
		run_server(d);
	if (d->f.flow != NULL) /* last: it looks at what the others found */
		run_rows(d, vx_diag_flow_rows);
}

const struct vx_diag_finding *vx_diag_finding(const struct vx_diag *d, size_t index)
{
	return index < d->finding_count ? &d->findings[index] : NULL;
}
