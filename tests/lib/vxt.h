/* vxt.h - what every test program uses beside Check. */
#ifndef VXT_H
#define VXT_H

#include "vectis/buf.h"
#include "vectis/err.h"

#include <check.h>

/* Compare slices and show both as escaped text. */
#define vxt_assert_slice(got, want)                                                      \
	do {                                                                             \
		char vxt_g[512], vxt_w[512];                                             \
		const vx_slice vxt_got = (got), vxt_want = (want);                       \
                                                                                         \
		ck_assert_msg(vx_slice_eq(vxt_got, vxt_want),                            \
		    "%s is \"%s\", not \"%s\"", #got,                                    \
		    vxt_escape(vxt_got, vxt_g, sizeof(vxt_g)),                           \
		    vxt_escape(vxt_want, vxt_w, sizeof(vxt_w)));                         \
	} while (0)
#define vxt_assert_str(got, want) vxt_assert_slice((got), vx_slice_str(want))
#define vxt_assert_ok(call)                                                              \
	do {                                                                             \
		const int vxt_rc = (call);                                               \
                                                                                         \
		ck_assert_msg(                                                           \
		    vxt_rc == VX_OK, "%s: %d (%s)", #call, vxt_rc, vx_strerror(vxt_rc)); \
	} while (0)

/* s with octets outside 32..126 as \xNN, cut to size; returns out. */
const char *vxt_escape(vx_slice s, char *out, size_t size);

/*
 * Call fn once for every way worth trying to cut input: whole, octet by octet, all
 * cuts into pieces when it has at most 12 octets, every single cut, and 64 random
 * ones.  Each piece is in a heap block of exactly its size, so that ASan sees a
 * read past its end.  fn gets the pieces in order and must compare by itself.
 */
typedef void vxt_split_fn(void *ctx, const vx_slice *pieces, size_t count);
void vxt_every_split(vx_slice input, vxt_split_fn *fn, void *ctx);

/* The file below tests/data (or an absolute path), heap, or a failed test. */
struct vx_buf vxt_read(const char *name);

/* A fresh directory below $TMPDIR, static storage; removed by vxt_rmdir. */
const char *vxt_mkdir(void);
void vxt_rmdir(const char *dir);

/*
 * In a child made by fork: from here on nothing is told to Check, whose file the child
 * shares.  keep stays open.
 */
void vxt_child(int keep);

/* Run the suites of a program; the exit status of main. */
typedef Suite *vxt_suite_fn(void);
int vxt_main(vxt_suite_fn *const suites[], size_t count);
#define VXT_MAIN(...)                                                                    \
	int main(void)                                                                   \
	{                                                                                \
		vxt_suite_fn *const suites[] = { __VA_ARGS__ };                          \
                                                                                         \
		return vxt_main(suites, sizeof(suites) / sizeof(suites[0]));             \
	}

/* A suite of one case: Suite *test_x(void) { return vxt_suite("x", tests...); } */
#define VXT_SUITE(function, name, ...)                                                   \
	Suite *function(void);                                                           \
	Suite *function(void)                                                            \
	{                                                                                \
		const TTest *const tests[] = { __VA_ARGS__ };                            \
                                                                                         \
		return vxt_suite(name, tests, sizeof(tests) / sizeof(tests[0]));         \
	}
Suite *vxt_suite(const char *name, const TTest *const tests[], size_t count);

#endif
