/* Times as authorities write them, and when to try again. */
#include "acme/acme_int.h"
#include "base/chars.h"
#include "vectis/date.h"

#include <string.h>

enum {
	DAY = 86400
};

/* n digits at the beginning of *s, which is advanced, and then the octet end. */
static bool number(vx_slice *s, size_t n, char end, int *out)
{
	uint64_t value;

	if (s->len < n || vx_slice_number(vx_slice_head(*s, n), 9999, &value) != VX_OK)
		return false;
	*s = vx_slice_from(*s, n);
	*out = (int)value;
	if (end == '\0')
		return true;
	if (s->len == 0 || vx_upper(s->ptr[0]) != end)
		return false;
	*s = vx_slice_from(*s, 1);
	return true;
}

/* "Z", "+01:00" */
static bool zone(vx_slice s, int *minutes)
{
	int hour, minute;
	const bool west = s.len > 0 && s.ptr[0] == '-';

	*minutes = 0;
	if (s.len == 1 && vx_upper(s.ptr[0]) == 'Z')
		return true;
	if (s.len == 0 || (!west && s.ptr[0] != '+'))
		return false;
	s = vx_slice_from(s, 1);
	if (!number(&s, 2, ':', &hour) || !number(&s, 2, '\0', &minute) || s.len > 0 ||
	    hour > 23 || minute > 59)
		return false;
	*minutes = (hour * 60 + minute) * (west ? -1 : 1);
	return true;
}

static bool is_civil(const struct vx_civil *c)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return c->year >= 1970 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	       c->day <= days[c->month - 1] && c->hour <= 23 && c->minute <= 59 &&
	       c->second <= 60;
}

int vx_acme_time(vx_slice s, int64_t *out)
{
	struct vx_civil c = { .year = 0 };

	if (!number(&s, 4, '-', &c.year) || !number(&s, 2, '-', &c.month) ||
	    !number(&s, 2, 'T', &c.day) || !number(&s, 2, ':', &c.hour) ||
	    !number(&s, 2, ':', &c.minute) || !number(&s, 2, '\0', &c.second))
		return VX_EINVAL;
	if (s.len > 0 && s.ptr[0] == '.') {
		s = vx_slice_from(s, 1);
		if (s.len == 0 || !vx_is(s.ptr[0], VX_C_DIGIT))
			return VX_EINVAL;
		while (s.len > 0 && vx_is(s.ptr[0], VX_C_DIGIT))
			s = vx_slice_from(s, 1);
	}
	if (!zone(s, &c.zone) || !is_civil(&c))
		return VX_EINVAL;
	*out = vx_civil_time(&c);
	return VX_OK;
}

static int64_t between(int64_t low, int64_t value, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

int64_t vx_acme_retry_after(vx_slice field, int64_t now, int64_t standard)
{
	struct vx_civil c;
	uint64_t seconds;

	field = vx_slice_trim(field, " \t");
	if (vx_slice_number(field, UINT32_MAX, &seconds) == VX_OK)
		return between(1, (int64_t)seconds, DAY);
	if (field.len > 0 && vx_is(field.ptr[0], VX_C_ALPHA) &&
	    vx_date_parse(field, &c) == VX_OK)
		return between(1, vx_civil_time(&c) - now, DAY);
	return standard;
}

int64_t vx_acme_retry_text(const char *text)
{
	static const char before[] = "retry after ";
	const char *const at = strstr(text, before);
	struct vx_civil c = { .year = 0 };
	vx_slice s;

	if (at == NULL)
		return 0;
	s = vx_slice_str(at + sizeof(before) - 1);
	if (!number(&s, 4, '-', &c.year) || !number(&s, 2, '-', &c.month) ||
	    !number(&s, 2, '\0', &c.day) || s.len == 0 ||
	    (s.ptr[0] != ' ' && s.ptr[0] != 'T'))
		return 0;
	s = vx_slice_from(s, 1);
	if (!number(&s, 2, ':', &c.hour) || !number(&s, 2, ':', &c.minute) ||
	    !number(&s, 2, '\0', &c.second) || !is_civil(&c))
		return 0;
	return vx_civil_time(&c);
}

int64_t vx_acme_backoff(unsigned failures)
{
	static const int64_t steps[] = { 60, 600, 6000 };

	if (failures == 0)
		return 0;
	return failures <= 3 ? steps[failures - 1] : VX_ACME_BACKOFF_MAX;
}
