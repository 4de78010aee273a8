/* date.h - dates of mail: seconds since 1970-01-01 UTC, and their written forms. */
#ifndef VECTIS_DATE_H
#define VECTIS_DATE_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

struct vx_civil {
	int year, month, day; /* 1 to 12, 1 to 31 */
	int hour, minute, second;
	int zone;    /* minutes east of UTC */
	int weekday; /* 0: Sunday; set by vx_civil_of only */
};

/* 0000-01-01 00:00:00 and 9999-12-31 23:59:59 UTC: what four digits of a year can say. */
#define VX_DATE_MIN INT64_C(-62167219200)
#define VX_DATE_MAX INT64_C(253402300799)

/*
 * Days and time of day of t in a zone; the reverse.  Proleptic Gregorian calendar.
 * _of: what is more than days beyond VX_DATE_MIN and _MAX is taken as that.
 */
VX_API struct vx_civil vx_civil_of(int64_t t, int zone);
VX_API int64_t vx_civil_time(const struct vx_civil *c);

/*
 * date-time of RFC 5322 3.3 with the obsolete forms of 4.3: years of two and three
 * digits, zones with names (one that is not known is UTC), comments.  VX_EINVAL.
 */
VX_API int vx_date_parse(vx_slice text, struct vx_civil *out);
/* "Mon, 23 Nov 2026 10:00:00 +0000" */
VX_API void vx_date_write(struct vx_buf *out, int64_t t, int zone);

/*
 * IMAP's date-time "23-Nov-2026 10:00:00 +0000" (without quotes) and date "1-Nov-2026".
 * A time beyond VX_DATE_MIN or _MAX is VX_EINVAL; written, it is that one.
 */
VX_API int vx_date_imap_parse(vx_slice text, int64_t *out);
VX_API void vx_date_imap_write(struct vx_buf *out, int64_t t);
VX_API int vx_date_day_parse(vx_slice text, int64_t *day); /* days since 1970-01-01 */

VX_END_DECLS

#endif
