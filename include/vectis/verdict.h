/* verdict.h - what SPF, DKIM, DMARC and ARC come to, in the words of RFC 8601. */
#ifndef VECTIS_VERDICT_H
#define VECTIS_VERDICT_H

#include "vectis/api.h"

VX_BEGIN_DECLS

enum vx_verdict {
	VX_VERDICT_NONE,
	VX_VERDICT_PASS,
	VX_VERDICT_FAIL,
	VX_VERDICT_SOFTFAIL,
	VX_VERDICT_NEUTRAL,
	VX_VERDICT_POLICY, /* it would pass, but for a rule of ours (RFC 8601 2.4) */
	VX_VERDICT_TEMPERROR,
	VX_VERDICT_PERMERROR
};

/* "pass"; never NULL.  Static. */
VX_API const char *vx_verdict_name(enum vx_verdict verdict);

VX_END_DECLS

#endif
