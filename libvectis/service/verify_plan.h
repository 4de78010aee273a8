/* verify_plan.h - which domain is looked for when; without I/O. */
#ifndef VX_SERVICE_VERIFY_PLAN_H
#define VX_SERVICE_VERIFY_PLAN_H

#include "base/map.h"
#include "vectis/directory.h"
#include "vectis/dns.h"

/* A domain that is pending. */
struct verify_item {
	char name[VX_DNS_NAME_MAX + 1];
	char token[VX_DOMAIN_TOKEN_OCTETS + 1];
	int64_t asked; /* since when, in seconds since 1970 */
	int64_t again; /* the next look */
	bool busy;     /* it is under way: the item stays */
	bool known;    /* the last list had it */
};

struct verify_plan {
	struct vx_map items; /* own, by name */
	int64_t next;        /* nothing is due before */
	size_t busy;
	bool listed; /* once at least: what was pending before is looked for at once */
};

void verify_plan_init(struct verify_plan *p);
void verify_plan_done(struct verify_plan *p);
/*
 * All that are pending, named one by one between begin and end: others are forgotten.
 * One that is known waits on; one that is asked for anew begins anew.  VX_OK; VX_ELIMIT
 * (more than VX_DOMAINS_MAX), VX_ENOMEM: it is not looked for.
 */
void verify_plan_begin(struct verify_plan *p);
int verify_plan_name(struct verify_plan *p, const struct vx_domain *d, int64_t now);
void verify_plan_end(struct verify_plan *p);
/* The next that is due, which is busy then; NULL: none, or too many are. */
struct verify_item *verify_plan_due(struct verify_plan *p, int64_t now);
/* It was not seen, or could not be asked for: it is looked for again. */
void verify_plan_again(struct verify_plan *p, struct verify_item *i, int64_t now);
/* Nobody looks for it any more. */
void verify_plan_drop(struct verify_plan *p, struct verify_item *i);

#endif
