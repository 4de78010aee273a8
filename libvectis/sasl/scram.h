/* scram.h - SCRAM-SHA-256 (RFC 5802, RFC 7677), inside sasl/. */
#ifndef VX_SASL_SCRAM_H
#define VX_SASL_SCRAM_H

#include "vectis/sasl.h"

int vx_scram_next(struct vx_sasl *s, vx_slice response, vx_slice *challenge);

#endif
