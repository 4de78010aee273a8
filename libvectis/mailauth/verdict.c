#include "vectis/verdict.h"

const char *vx_verdict_name(enum vx_verdict verdict)
{
	switch (verdict) {
	case VX_VERDICT_NONE:
		return "none";
	case VX_VERDICT_PASS:
		return "pass";
	case VX_VERDICT_FAIL:
		return "fail";
	case VX_VERDICT_SOFTFAIL:
		return "softfail";
	case VX_VERDICT_NEUTRAL:
		return "neutral";
	case VX_VERDICT_POLICY:
		return "policy";
	case VX_VERDICT_TEMPERROR:
		return "temperror";
	case VX_VERDICT_PERMERROR:
		return "permerror";
	}
	return "none";
}
