#include "lib/vxt.h"

#include <errno.h>

START_TEST(every_result_has_its_text)
{
	static const struct {
		const char *name;
		int number;
		const char *text;
	} table[] = {
#define ROW(name, number, text) { #name, number, text },
		VX_ERR_TABLE(ROW)
#undef ROW
	};
	const size_t count = sizeof(table) / sizeof(table[0]);

	for (size_t i = 0; i < count; i++) {
		ck_assert_str_eq(vx_strerror(table[i].number), table[i].text);
		ck_assert_int_eq(table[i].number, -(int)i - 1); /* part of the ABI */
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(table[i].text, table[k].text);
	}
	ck_assert_str_eq(vx_strerror(VX_OK), "ok");
	ck_assert_str_eq(vx_strerror(VX_WAIT), "in progress");
	ck_assert_str_eq(vx_strerror(-(int)count - 1), "unknown error");
}
END_TEST

START_TEST(errno_numbers_stand_for_results)
{
	static const int table[][2] = { { 0, VX_OK }, { ENOMEM, VX_ENOMEM },
		{ ENOENT, VX_ENOENT }, { ENOTDIR, VX_ENOENT }, { EEXIST, VX_EEXIST },
		{ ENOSPC, VX_ENOSPC }, { EDQUOT, VX_ENOSPC }, { EACCES, VX_EPERM },
		{ EROFS, VX_EPERM }, { EADDRINUSE, VX_EBUSY }, { EINTR, VX_ETEMP },
		{ EMFILE, VX_ELIMIT }, { ENOTEMPTY, VX_ENOTEMPTY },
		{ ETIMEDOUT, VX_ETIMEOUT }, { EIO, VX_EIO }, { 9999, VX_EIO } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		ck_assert_int_eq(vx_errno_result(table[i][0]), table[i][1]);
	ck_assert_str_eq(vx_errno_text(ENOENT), "No such file or directory");
	ck_assert_str_eq(vx_errno_text(9999), "unknown error");
}
END_TEST

START_TEST(texts_for_a_person_are_one_line_and_have_a_place)
{
	char big[1000];
	struct vx_error err;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ck_assert_int_eq(
	    vx_error_set(&err, VX_EINVAL, "a%sb%d", "\r\n\t\1", 7), VX_EINVAL);
	ck_assert_str_eq(err.text, "a????b7");
	ck_assert_int_eq(err.code, VX_EINVAL);
	ck_assert_uint_eq(err.line, 0);
	vx_error_at(&err, "file.yaml", 3, 9);
	ck_assert_str_eq(err.file, "file.yaml");
	ck_assert(err.line == 3 && err.column == 9);
	vx_error_at(&err, NULL, 0, 0);
	ck_assert_str_eq(err.file, "");
	vx_error_at(&err, big, 1, 1);
	ck_assert_uint_eq(strlen(err.file), VX_ERROR_FILE_MAX - 1);
	(void)vx_error_set(&err, VX_EIO, "%s", big);
	ck_assert_uint_eq(strlen(err.text), VX_ERROR_TEXT_MAX - 1);
	ck_assert_str_eq(err.file, ""); /* a new error has no old place */
	ck_assert_int_eq(vx_error_set(NULL, VX_EIO, "x"), VX_EIO);
	vx_error_at(NULL, "x", 1, 1);
}
END_TEST

VXT_SUITE(test_err, "err", every_result_has_its_text, errno_numbers_stand_for_results,
    texts_for_a_person_are_one_line_and_have_a_place)
