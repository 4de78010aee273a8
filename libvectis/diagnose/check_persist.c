/* Names that records prove for good (dns-persist-01), and what is wrong with these. */
#include "diagnose/diagnose.h"

#include "zone/persist.h"

#include <inttypes.h>

#define ENDS_SOON (30 * INT64_C(86400))

/* The best that a record says of a proof; spoken: the DNS has answered. */
static enum vx_zone_proven look(
    struct vx_diag *d, const struct vx_zone_proof *p, int64_t *until, bool *spoken)
{
	const struct vx_dns_answer *a =
	    vx_diag_look(d, VX_DNS_TXT, VX_ZONE_PERSIST_LABEL, p->name);
	enum vx_zone_proven best = VX_ZONE_PROOF_NONE;

	*until = 0;
	*spoken = vx_diag_spoken(a);
	for (size_t i = 0; *spoken && i < a->count; i++) {
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };
		enum vx_zone_proven each = VX_ZONE_PROOF_NONE;
		int64_t end = 0;

		if (vx_dns_read_txt(a->rdata[i], &text) == VX_OK)
			each =
			    vx_zone_judge_proof(vx_buf_slice(&text), p, d->f.now, &end);
		/* of two good ones that which lasts */
		if (each > best || (each == best && each == VX_ZONE_PROOF_GOOD &&
				       *until != 0 && (end == 0 || end > *until))) {
			best = each;
			*until = end;
		}
		vx_buf_done(&text);
	}
	return best;
}

bool vx_diag_is_proven(struct vx_diag *d, const char *name)
{
	for (size_t i = 0; i < d->f.proof_count; i++) {
		int64_t until;
		bool spoken;

		if (strcmp(d->f.proofs[i].name, name) == 0 &&
		    look(d, &d->f.proofs[i], &until, &spoken) == VX_ZONE_PROOF_GOOD)
			return true;
	}
	return false;
}

bool vx_diag_all_proven(struct vx_diag *d)
{
	vx_slice rest = vx_slice_str(d->f.acme_names == NULL ? "" : d->f.acme_names);
	bool any = false, all = true;

	while (rest.len > 0) {
		char name[VX_DNS_NAME_MAX + 1];
		vx_slice word;

		(void)vx_slice_cut(&rest, ' ', &word);
		if (vx_slice_has_prefix(word, VX_S("*.")))
			word = vx_slice_from(word, 2);
		any = true;
		/* each is looked at, so that all of them are asked side by side */
		all =
		    vx_dns_name(word, name) == VX_OK && vx_diag_is_proven(d, name) && all;
	}
	return any && all;
}

static void want(struct vx_diag_finding *f, const struct vx_zone_proof *p)
{
	vx_diag_fix(f, "%s " VX_ZONE_PERSIST_LABEL ".%s TXT \"%s; accounturi=%s%s\"",
	    f->fix[0] == '\0' ? "have" : ", and", p->name, p->issuer, p->account,
	    p->wildcard ? "; policy=wildcard" : "");
}

/* true: it is a fault. */
static bool say(struct vx_diag *d, struct vx_diag_finding *f,
    const struct vx_zone_proof *p, enum vx_zone_proven proven, int64_t until)
{
	static const char *const words[] = {
		[VX_ZONE_PROOF_UNREADABLE] = "cannot be read",
		[VX_ZONE_PROOF_OTHER] = "names another account",
		[VX_ZONE_PROOF_ENDED] = "has ended",
		[VX_ZONE_PROOF_NARROW] = "is not for what is below the name",
	};
	const bool soon =
	    proven == VX_ZONE_PROOF_GOOD && until != 0 && until - d->f.now < ENDS_SOON;

	if (soon) {
		vx_diag_seen(f, "the record of %s ends in %" PRId64 " days; ", p->name,
		    (until - d->f.now) / 86400);
		want(f, p);
		return true;
	}
	if (proven == VX_ZONE_PROOF_NONE || proven == VX_ZONE_PROOF_GOOD)
		return false;
	vx_diag_seen(f, "the record of %s %s; ", p->name, words[proven]);
	if (proven == VX_ZONE_PROOF_OTHER) /* which is that one's affair */
		return false;
	want(f, p);
	return true;
}

enum vx_diag_verdict vx_diag_check_persist(struct vx_diag *d, struct vx_diag_finding *f)
{
	size_t good = 0, others = 0;
	bool fault = false, silent = false;

	if (d->f.proof_count == 0) {
		vx_diag_seen(f, "no authority is known to take such records");
		return VX_DIAG_NA;
	}
	for (size_t i = 0; i < d->f.proof_count; i++) {
		int64_t until;
		bool spoken;
		const enum vx_zone_proven p = look(d, &d->f.proofs[i], &until, &spoken);

		silent = silent || !spoken;
		good += p == VX_ZONE_PROOF_GOOD;
		others += p == VX_ZONE_PROOF_OTHER;
		fault = say(d, f, &d->f.proofs[i], p, until) || fault;
	}
	if (good == 0 && others == 0 && !fault) {
		if (silent)
			return vx_diag_silent(f);
		vx_diag_seen(f, "not used: names are proven each time");
		return VX_DIAG_NA;
	}
	vx_diag_seen(f, "%zu of %zu are proven for good", good, d->f.proof_count);
	if (fault)
		return VX_DIAG_WARN;
	return good == d->f.proof_count ? VX_DIAG_PASS : VX_DIAG_INFO;
}
