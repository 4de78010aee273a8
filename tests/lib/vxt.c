#include "lib/vxt.h"

#include "base/fs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *vxt_escape(vx_slice s, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len && n + 5 < size; i++) {
		const unsigned char c = (unsigned char)s.ptr[i];

		if (c >= 32 && c < 127)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
	}
	out[n] = '\0';
	return out;
}

/* Hand out input cut before each offset i with cut[i] set (cut[0] is not used). */
static void run_split(vx_slice input, const bool *cut, vxt_split_fn *fn, void *ctx)
{
	vx_slice *pieces = calloc(input.len + 1, sizeof(*pieces));
	size_t count = 0, start = 0;

	ck_assert_ptr_nonnull(pieces);
	for (size_t i = 1; i <= input.len; i++) {
		char *block;

		if (i < input.len && !cut[i])
			continue;
		block = malloc(i - start);
		ck_assert_ptr_nonnull(block);
		memcpy(block, input.ptr + start, i - start);
		pieces[count++] = vx_slice_of(block, i - start);
		start = i;
	}
	fn(ctx, pieces, count);
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)pieces[i].ptr);
	free(pieces);
}

void vxt_every_split(vx_slice input, vxt_split_fn *fn, void *ctx)
{
	bool *cut = calloc(input.len + 1, sizeof(*cut));
	unsigned seed = 42;

	ck_assert_ptr_nonnull(cut);
	run_split(input, cut, fn, ctx);
	if (input.len >= 2 && input.len <= 12) {
		for (unsigned mask = 1; mask < 1u << (input.len - 1); mask++) {
			for (size_t i = 1; i < input.len; i++)
				cut[i] = (mask >> (i - 1) & 1) != 0;
			run_split(input, cut, fn, ctx);
		}
	} else if (input.len > 12) {
		memset(cut, 1, input.len);
		run_split(input, cut, fn, ctx);
		memset(cut, 0, input.len);
		for (size_t i = 1;
		     i<input.len; i += input.len> 4096 ? input.len / 1024 : 1) {
			cut[i] = true;
			run_split(input, cut, fn, ctx);
			cut[i] = false;
		}
		for (int round = 0; round < 64; round++) {
			for (size_t i = 1; i < input.len; i++)
				cut[i] = rand_r(&seed) % 8 == 0;
			run_split(input, cut, fn, ctx);
		}
	}
	free(cut);
}

struct vx_buf vxt_read(const char *name)
{
	struct vx_buf b = { .max = 64u << 20 };
	struct vx_error err;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : VXT_DATA,
	    name[0] == '/' ? "" : "/", name);
	ck_assert_msg(vx_fs_read(path, &b, &err) == VX_OK, "%s", err.text);
	return b;
}

const char *vxt_mkdir(void)
{
	static char path[PATH_MAX];
	const char *tmp = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/vxt.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(path));
	return path;
}

void vxt_rmdir(const char *dir)
{
	struct vx_error err;

	ck_assert_msg(vx_fs_remove_tree(dir, &err) == VX_OK, "%s", err.text);
}

void vxt_child(int keep)
{
	const int null = open("/dev/null", O_RDWR);

	for (int fd = 3; fd < 64; fd++)
		if (fd != keep && fd != null && fcntl(fd, F_GETFD) >= 0)
			(void)dup2(null, fd);
}

Suite *vxt_suite(const char *name, const TTest *const tests[], size_t count)
{
	Suite *s = suite_create(name);
	TCase *c = tcase_create(name);

	tcase_set_timeout(c, 300);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return s;
}

int vxt_main(vxt_suite_fn *const suites[], size_t count)
{
	SRunner *r = srunner_create(NULL);
	int failed;

	for (size_t i = 0; i < count; i++)
		srunner_add_suite(r, suites[i]());
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
