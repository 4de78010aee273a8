/* What checks came to, run by run (features DNS-33). */
#include "vectis/history.h"

#include "base/chars.h"
#include "base/mem.h"

#include <string.h>

#define FIRST_WORD "vectis-checks"
#define VERSION 1
#define VERDICTS (VX_DIAG_NA + 1)

void vx_history_init(struct vx_history *h)
{
	h->name_count = h->run_count = 0;
	h->passed = 0;
}

/* --- names ----------------------------------------------------------------------------
 */

static bool is_name(vx_slice name)
{
	if (name.len == 0 || name.len > VX_HISTORY_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!vx_is(name.ptr[i], VX_C_ALPHA | VX_C_DIGIT) && name.ptr[i] != '.' &&
		    name.ptr[i] != '_' && name.ptr[i] != '-')
			return false;
	return true;
}

/* Its number; name_count: it is not known. */
static size_t find_name(const struct vx_history *h, vx_slice name)
{
	size_t i = 0;

	while (i < h->name_count && !vx_slice_eq(vx_slice_str(h->names[i]), name))
		i++;
	return i;
}

/* Its number, known from now on; VX_HISTORY_CHECKS_MAX: there is no room. */
static size_t need_name(struct vx_history *h, vx_slice name)
{
	const size_t i = find_name(h, name);

	if (i < h->name_count || i == VX_HISTORY_CHECKS_MAX)
		return i;
	memcpy(h->names[i], name.ptr, name.len);
	h->names[i][name.len] = '\0';
	for (size_t r = 0; r < h->run_count; r++)
		h->runs[r].verdicts[i] = VX_HISTORY_NOTHING;
	h->name_count++;
	return i;
}

static bool has_name(const struct vx_history *h, size_t i)
{
	for (size_t r = 0; r < h->run_count; r++)
		if (h->runs[r].verdicts[i] != VX_HISTORY_NOTHING)
			return true;
	return false;
}

/* Names that no run has any more go; the last one takes the place of each. */
static void forget_names(struct vx_history *h)
{
	for (size_t i = h->name_count; i-- > 0;) {
		const size_t last = h->name_count - 1;

		if (has_name(h, i))
			continue;
		if (i != last)
			memcpy(h->names[i], h->names[last], sizeof(h->names[i]));
		for (size_t r = 0; r < h->run_count; r++)
			h->runs[r].verdicts[i] = h->runs[r].verdicts[last];
		h->name_count--;
	}
}

/* --- text -----------------------------------------------------------------------------
 */

static bool take_time(vx_slice *rest, int64_t *out)
{
	uint64_t n;
	vx_slice word;

	(void)vx_slice_cut(rest, ' ', &word);
	if (vx_slice_number(word, VX_HISTORY_TIME_MAX, &n) != VX_OK || n == 0)
		return false;
	*out = (int64_t)n;
	return true;
}

/* NAME=VERDICT */
static int read_check(struct vx_history *h, struct vx_history_run *run, vx_slice word)
{
	vx_slice name;
	unsigned v = 0;
	size_t i;

	(void)vx_slice_cut(&word, '=', &name);
	while (v < VERDICTS && !vx_slice_eq(word, vx_slice_str(vx_diag_verdict_name(
						      (enum vx_diag_verdict)v))))
		v++;
	if (!is_name(name) || v == VERDICTS)
		return VX_ESYNTAX;
	i = need_name(h, name);
	if (i == VX_HISTORY_CHECKS_MAX)
		return VX_ELIMIT;
	if (run->verdicts[i] != VX_HISTORY_NOTHING)
		return VX_ESYNTAX;
	run->verdicts[i] = (unsigned char)v;
	return VX_OK;
}

static struct vx_history_run *next_run(struct vx_history *h, int64_t at, unsigned score)
{
	struct vx_history_run *run = &h->runs[h->run_count++];

	run->at = at;
	run->score = score;
	memset(run->verdicts, VX_HISTORY_NOTHING, sizeof(run->verdicts));
	return run;
}

static int read_run(struct vx_history *h, vx_slice rest)
{
	struct vx_history_run *run;
	uint64_t score;
	int64_t at;
	vx_slice word;
	int rc = VX_OK;

	if (!take_time(&rest, &at))
		return VX_ESYNTAX;
	(void)vx_slice_cut(&rest, ' ', &word);
	if (vx_slice_number(word, VX_HISTORY_SCORE_MAX, &score) != VX_OK)
		return VX_ESYNTAX;
	if (h->run_count == VX_HISTORY_RUNS_MAX)
		return VX_ELIMIT;
	run = next_run(h, at, (unsigned)score);
	while (rc == VX_OK && rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &word);
		rc = read_check(h, run, word);
	}
	return rc;
}

static int read_first(vx_slice line)
{
	uint64_t version;
	vx_slice word;

	(void)vx_slice_cut(&line, ' ', &word);
	if (!vx_slice_eq(word, VX_S(FIRST_WORD)) ||
	    vx_slice_number(line, UINT32_MAX, &version) != VX_OK)
		return VX_ESYNTAX;
	return version == VERSION ? VX_OK : VX_EUNSUP;
}

/* Each line ends with LF: what was cut off is not taken for all of it. */
static int read_lines(vx_slice text, struct vx_history *h)
{
	vx_slice line, word;
	int rc;

	if (text.len > VX_HISTORY_OCTETS_MAX)
		return VX_ELIMIT;
	if (text.len == 0 || text.ptr[text.len - 1] != '\n')
		return VX_ESYNTAX;
	(void)vx_slice_cut(&text, '\n', &line);
	rc = read_first(line);
	while (rc == VX_OK && text.len > 0) {
		(void)vx_slice_cut(&text, '\n', &line);
		(void)vx_slice_cut(&line, ' ', &word);
		if (vx_slice_eq(word, VX_S("run")))
			rc = read_run(h, line);
		else if (!vx_slice_eq(word, VX_S("passed")) || h->passed != 0 ||
			 !take_time(&line, &h->passed) || line.len > 0)
			rc = VX_ESYNTAX;
	}
	return rc;
}

int vx_history_read(vx_slice text, struct vx_history *out)
{
	struct vx_history *h = vx_alloc(sizeof(*h));
	int rc;

	if (h == NULL)
		return VX_ENOMEM;
	vx_history_init(h);
	rc = read_lines(text, h);
	if (rc == VX_OK)
		*out = *h;
	vx_free(h);
	return rc;
}

void vx_history_write(const struct vx_history *h, struct vx_buf *out)
{
	vx_buf_printf(out, FIRST_WORD " %d\n", VERSION);
	if (h->passed != 0)
		vx_buf_printf(out, "passed %lld\n", (long long)h->passed);
	for (size_t r = 0; r < h->run_count; r++) {
		const struct vx_history_run *run = &h->runs[r];

		vx_buf_printf(out, "run %lld %u", (long long)run->at, run->score);
		for (size_t i = 0; i < h->name_count; i++)
			if (run->verdicts[i] != VX_HISTORY_NOTHING)
				vx_buf_printf(out, " %s=%s", h->names[i],
				    vx_diag_verdict_name(
					(enum vx_diag_verdict)run->verdicts[i]));
		vx_buf_add_char(out, '\n');
	}
}

/* --- adding ---------------------------------------------------------------------------
 */

/* Pass or info is no difference: what is only told may change by the minute. */
static bool is_alike(unsigned a, unsigned b)
{
	return a == b || (a == VX_DIAG_PASS && b == VX_DIAG_INFO) ||
	       (a == VX_DIAG_INFO && b == VX_DIAG_PASS);
}

static bool says_the_same(const struct vx_history *h, const struct vx_history_run *a,
    const struct vx_history_run *b)
{
	for (size_t i = 0; i < h->name_count; i++)
		if (!is_alike(a->verdicts[i], b->verdicts[i]))
			return false;
	return a->score == b->score;
}

static void drop(struct vx_history *h, size_t r)
{
	h->run_count--;
	memmove(&h->runs[r], &h->runs[r + 1], (h->run_count - r) * sizeof(h->runs[0]));
}

/* Room for one more: what tells of a change stays longest. */
static void make_room(struct vx_history *h)
{
	if (h->run_count < VX_HISTORY_RUNS_MAX)
		return;
	for (size_t r = 1; r + 1 < h->run_count; r++)
		if (says_the_same(h, &h->runs[r], &h->runs[r - 1]) &&
		    says_the_same(h, &h->runs[r], &h->runs[r + 1])) {
			drop(h, r);
			return;
		}
	drop(h, 0);
}

/* Its number; old runs go for it if there is no room, but not the last one, which it is
 * for. */
static size_t make_name(struct vx_history *h, vx_slice name)
{
	size_t i = need_name(h, name);

	while (i == VX_HISTORY_CHECKS_MAX && h->run_count > 1) {
		drop(h, 0);
		forget_names(h);
		i = need_name(h, name);
	}
	return i;
}

bool vx_history_add(struct vx_history *h, int64_t now, unsigned score,
    const struct vx_history_check *checks, size_t count)
{
	const bool passed_before = h->passed != 0;
	const struct vx_history_run *last;
	bool fails = false;

	make_room(h);
	(void)next_run(
	    h, now, score < VX_HISTORY_SCORE_MAX ? score : VX_HISTORY_SCORE_MAX);
	for (size_t k = 0; k < count; k++) {
		const vx_slice name = vx_slice_str(checks[k].name);
		size_t i;

		fails = fails || checks[k].verdict == VX_DIAG_FAIL;
		if (!is_name(name) || (i = make_name(h, name)) == VX_HISTORY_CHECKS_MAX)
			continue;
		h->runs[h->run_count - 1].verdicts[i] = (unsigned char)checks[k].verdict;
	}
	if (!fails && !passed_before)
		h->passed = now;
	if (h->run_count < 2)
		return true;
	last = &h->runs[h->run_count - 2];
	if (now < last->at || now - last->at >= VX_HISTORY_EVERY_S ||
	    !says_the_same(h, last, last + 1))
		return true;
	h->run_count--;
	return !fails && !passed_before;
}

void vx_history_changed(struct vx_history *h)
{
	h->passed = 0;
}

/* --- since when -----------------------------------------------------------------------
 */

int vx_history_since(
    const struct vx_history *h, const char *name, struct vx_history_since *out)
{
	const size_t i = find_name(h, vx_slice_str(name));
	size_t first = h->run_count - 1, r;
	unsigned v;

	if (i == h->name_count || h->run_count == 0 ||
	    (v = h->runs[first].verdicts[i]) == VX_HISTORY_NOTHING)
		return VX_ENOENT;
	*out = (struct vx_history_since){ .verdict = (enum vx_diag_verdict)v };
	for (r = first; r-- > 0 && !out->has_before;) {
		const unsigned was = h->runs[r].verdicts[i];

		if (is_alike(was, v)) {
			first = r;
		} else if (was != VX_HISTORY_NOTHING && was != VX_DIAG_NA) {
			out->has_before = true;
			out->before = (enum vx_diag_verdict)was;
			out->until = h->runs[r].at;
		}
	}
	out->since = h->runs[first].at;
	for (r = first; r-- > 0 && !out->has_before;)
		if (h->runs[r].verdicts[i] == VX_DIAG_NA) {
			out->has_before = true;
			out->before = VX_DIAG_NA;
			out->until = h->runs[r].at;
		}
	return VX_OK;
}

const char *vx_history_colour(enum vx_diag_verdict v)
{
	switch (v) {
	case VX_DIAG_PASS:
	case VX_DIAG_INFO:
		return "green";
	case VX_DIAG_WARN:
		return "yellow";
	case VX_DIAG_FAIL:
		return "red";
	case VX_DIAG_NA:
		break;
	}
	return "";
}
