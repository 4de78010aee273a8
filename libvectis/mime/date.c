#include "vectis/date.h"

#include "mime/cfws.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

/* Days since 1970-01-01 of a civil date; years count from March so that leap days end
 * them. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t era, of_era;
	int of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	of_era = (year - era * 400) * 365 + (year - era * 400) / 4 -
		 (year - era * 400) / 100 + of_year;
	return era * 146097 + of_era - 719468;
}

struct vx_civil vx_civil_of(int64_t t, int zone)
{
	const int64_t wide = 400000; /* more than any zone's seconds */
	const int64_t local = (t < VX_DATE_MIN - wide      ? VX_DATE_MIN - wide
				  : t > VX_DATE_MAX + wide ? VX_DATE_MAX + wide
							   : t) +
			      (int64_t)zone * 60;
	const int64_t day = (local >= 0 ? local : local - 86399) / 86400;
	const int64_t second = local - day * 86400, z = day + 719468;
	const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	const int64_t doe = z - era * 146097;
	const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const int64_t mp = (5 * doy + 2) / 153;
	struct vx_civil c = { .zone = zone };

	c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c.year = (int)(yoe + era * 400 + (c.month <= 2));
	c.hour = (int)(second / 3600);
	c.minute = (int)(second / 60 % 60);
	c.second = (int)(second % 60);
	c.weekday = (int)(((day + 4) % 7 + 7) % 7);
	return c;
}

int64_t vx_civil_time(const struct vx_civil *c)
{
	return days_of(c->year, c->month, c->day) * 86400 + c->hour * 3600 +
	       c->minute * 60 + c->second - (int64_t)c->zone * 60;
}

static bool valid(const struct vx_civil *c)
{
	static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	if (c->month < 1 || c->month > 12 || c->day < 1 || c->day > lengths[c->month - 1])
		return false;
	if (c->month == 2 && c->day == 29 && !leap)
		return false;
	return c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

static bool month(struct vx_cursor *c, int *out)
{
	for (int i = 0; i < 12; i++) {
		if (vx_cur_text(c, vx_slice_of(months + 3 * i, 3))) {
			*out = i + 1;
			return true;
		}
	}
	return false;
}

static bool number(struct vx_cursor *c, size_t least, size_t most, int *out)
{
	struct vx_cursor t = *c;
	const vx_slice digits = vx_cur_run(&t, VX_C_DIGIT);
	uint64_t n;

	if (digits.len < least || digits.len > most ||
	    vx_slice_number(digits, 9999, &n) != VX_OK)
		return false;
	*c = t;
	*out = (int)n;
	return true;
}

static bool time_of_day(struct vx_cursor *c, struct vx_civil *out)
{
	vx_skip_cfws(c);
	if (!number(c, 1, 2, &out->hour))
		return false;
	vx_skip_cfws(c);
	if (!vx_cur_char(c, ':'))
		return false;
	vx_skip_cfws(c);
	if (!number(c, 2, 2, &out->minute))
		return false;
	vx_skip_cfws(c);
	if (!vx_cur_char(c, ':'))
		return true;
	vx_skip_cfws(c);
	return number(c, 2, 2, &out->second);
}

/* "+hhmm", the names of RFC 822, or anything else, which means an unknown zone: UTC. */
static void zone(struct vx_cursor *c, struct vx_civil *out)
{
	static const struct {
		const char *name;
		int hours;
	} names[] = { { "EST", -5 }, { "EDT", -4 }, { "CST", -6 }, { "CDT", -5 },
		{ "MST", -7 }, { "MDT", -6 }, { "PST", -8 }, { "PDT", -7 } };
	vx_slice name;
	int sign = 0, n;

	vx_skip_cfws(c);
	if (vx_cur_char(c, '+'))
		sign = 1;
	else if (vx_cur_char(c, '-'))
		sign = -1;
	if (sign != 0 && number(c, 4, 4, &n) && n % 100 < 60) {
		out->zone = sign * (n / 100 * 60 + n % 100);
		return;
	}
	name = vx_cur_run(c, VX_C_ALPHA);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sign == 0 && vx_slice_eq_nocase(name, vx_slice_str(names[i].name)))
			out->zone = names[i].hours * 60;
}

int vx_date_parse(vx_slice text, struct vx_civil *out)
{
	struct vx_cursor c = vx_cursor_of(text);
	struct vx_civil d = { 0 };
	size_t digits;

	vx_skip_cfws(&c);
	if (vx_cur_run(&c, VX_C_ALPHA).len > 0) {
		vx_skip_cfws(&c);
		(void)vx_cur_char(&c, ',');
		vx_skip_cfws(&c);
	}
	if (!number(&c, 1, 2, &d.day))
		return VX_EINVAL;
	vx_skip_cfws(&c);
	(void)vx_cur_char(&c, '-');
	if (!month(&c, &d.month))
		return VX_EINVAL;
	(void)vx_cur_run(&c, VX_C_ALPHA); /* a month's whole name */
	vx_skip_cfws(&c);
	(void)vx_cur_char(&c, '-');
	digits = vx_cur_left(&c);
	if (!number(&c, 2, 4, &d.year))
		return VX_EINVAL;
	digits -= vx_cur_left(&c);
	if (digits == 2) /* RFC 5322 4.3 */
		d.year += d.year < 50 ? 2000 : 1900;
	else if (digits == 3)
		d.year += 1900;
	if (!time_of_day(&c, &d))
		return VX_EINVAL;
	zone(&c, &d);
	if (!valid(&d))
		return VX_EINVAL;
	*out = d;
	return VX_OK;
}

static void add_zone(struct vx_buf *out, int z)
{
	vx_buf_printf(out, " %c%02d%02d", z < 0 ? '-' : '+', (z < 0 ? -z : z) / 60,
	    (z < 0 ? -z : z) % 60);
}

void vx_date_write(struct vx_buf *out, int64_t t, int z)
{
	const struct vx_civil c = vx_civil_of(t, z);

	vx_buf_printf(out, "%.3s, %02d %.3s %04d %02d:%02d:%02d", days + 3 * c.weekday,
	    c.day, months + 3 * (c.month - 1), c.year, c.hour, c.minute, c.second);
	add_zone(out, z);
}

static char *two_digits(char *p, int n, char after)
{
	p[0] = (char)('0' + n / 10 % 10);
	p[1] = (char)('0' + n % 10);
	p[2] = after;
	return p + 3;
}

void vx_date_imap_write(struct vx_buf *out, int64_t t)
{
	const struct vx_civil c = vx_civil_of(t < VX_DATE_MIN   ? VX_DATE_MIN
					      : t > VX_DATE_MAX ? VX_DATE_MAX
								: t,
	    0);
	char *p = vx_buf_reserve(out, sizeof("23-Nov-2026 10:00:00 +0000"));

	if (p == NULL)
		return;
	p = two_digits(p, c.day, '-');
	memcpy(p, months + 3 * (c.month - 1), 3);
	p[3] = '-';
	p = two_digits(p + 4, c.year / 100, '\0') - 1;
	p = two_digits(p, c.year % 100, ' ');
	p = two_digits(p, c.hour, ':');
	p = two_digits(p, c.minute, ':');
	p = two_digits(p, c.second, ' ');
	memcpy(p, "+0000", 6);
	out->len = (size_t)(p + 5 - out->ptr);
}

static bool imap_date(struct vx_cursor *c, struct vx_civil *d)
{
	return number(c, 1, 2, &d->day) && vx_cur_char(c, '-') && month(c, &d->month) &&
	       vx_cur_char(c, '-') && number(c, 4, 4, &d->year);
}

int vx_date_imap_parse(vx_slice text, int64_t *out)
{
	struct vx_cursor c = vx_cursor_of(text);
	struct vx_civil d = { 0 };
	int64_t t;
	int sign, n;

	(void)vx_cur_char(&c, ' '); /* date-day-fixed: a blank or a digit first */
	if (!imap_date(&c, &d) || !vx_cur_char(&c, ' ') || !number(&c, 2, 2, &d.hour) ||
	    !vx_cur_char(&c, ':') || !number(&c, 2, 2, &d.minute) ||
	    !vx_cur_char(&c, ':') || !number(&c, 2, 2, &d.second) ||
	    !vx_cur_char(&c, ' '))
		return VX_EINVAL;
	sign = vx_cur_char(&c, '-') ? -1 : vx_cur_char(&c, '+') ? 1 : 0;
	if (sign == 0 || !number(&c, 4, 4, &n) || n % 100 > 59 || !vx_cur_end(&c) ||
	    !valid(&d))
		return VX_EINVAL;
	d.zone = sign * (n / 100 * 60 + n % 100);
	t = vx_civil_time(&d);
	if (t < VX_DATE_MIN || t > VX_DATE_MAX)
		return VX_EINVAL;
	*out = t;
	return VX_OK;
}

int vx_date_day_parse(vx_slice text, int64_t *day)
{
	struct vx_cursor c = vx_cursor_of(text);
	struct vx_civil d = { 0 };

	if (!imap_date(&c, &d) || !vx_cur_end(&c) || !valid(&d))
		return VX_EINVAL;
	*day = days_of(d.year, d.month, d.day);
	return VX_OK;
}
