/*
 * gzip.h - whole files in memory: gzip (RFC 1952) and the first file of a ZIP archive, as
 * reports are sent.
 *
 * Hostile files.  A thousand octets may stand for a million: what is unpacked is never
 * more than the buffer's max, and no other memory grows with it.
 */
#ifndef VX_ZIP_GZIP_H
#define VX_ZIP_GZIP_H

#include "vectis/buf.h"
#include "vectis/err.h"

#define VX_ZIP_ENTRIES_MAX                                                               \
	32 /* of an archive that are looked at for one that is a file */

/* Append in as one member, without a name or a time.  VX_OK, VX_ENOMEM, VX_ELIMIT. */
int vx_gzip(vx_slice in, struct vx_buf *out);
/*
 * Append what the members of a file have.  Octets behind the last one are not looked at.
 * VX_OK; VX_ESYNTAX: it is no gzip, is damaged, or not whole; VX_ELIMIT: it has more
 * than out may hold; VX_ENOMEM.  out is as it was on failure.
 */
int vx_gunzip(vx_slice in, struct vx_buf *out);
/* As vx_gunzip, of the first file in an archive; VX_EUNSUP: it is encrypted, or packed in
 * another way than DEFLATE; VX_ENOENT: there is none. */
int vx_unzip(vx_slice in, struct vx_buf *out);

#endif
