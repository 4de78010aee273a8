/*
 * acme_setup.h - the core of acme.h as the configuration wants it, for acmed and for
 * tools that look at what acmed does.
 *
 * What acmed keeps is beside state_dir and not in it: the daemons that serve mail may not
 * look there, so that the key of the account is acmed's alone.
 */
#ifndef VECTIS_ACME_SETUP_H
#define VECTIS_ACME_SETUP_H

#include "vectis/acme.h"
#include "vectis/config.h"

VX_BEGIN_DECLS

#define VX_ACME_PATH_MAX 512
#define VX_ACME_ADMIN_HOST "admin-host" /* that of dns.admin_host */
#define VX_ACME_DEFAULT                                                                  \
	"mail" /* the certificate of hostname, and for all other names                   \
		*/

/* "<state_dir>-acme", or with "/" and file behind it; file NULL: none.  VX_OK, VX_ELIMIT.
 */
VX_API int vx_acme_path(
    const struct vx_config *c, const char *file, char out[VX_ACME_PATH_MAX]);
/* Does the configuration want certificates from an authority? */
VX_API bool vx_acme_is_wanted(const struct vx_config *c);
/*
 * A core with the state that was kept.  secrets may be NULL, for those who only look.
 * VX_OK; VX_ESTATE: none is wanted; else err says what a person has to do.
 */
VX_API int vx_acme_open(const struct vx_config *c, const struct vx_secrets *secrets,
    uint64_t seed, struct vx_acme **out, struct vx_error *err);
/* Replace the state on the disk, mode 0600.  VX_OK, or err says why not. */
VX_API int vx_acme_keep(
    const struct vx_config *c, const struct vx_acme *a, struct vx_error *err);

VX_END_DECLS

#endif
