/* Every file below tests/data/config says in its comments what it must give. */
#include "base/fs.h"
#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/config.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

/* The next line that begins with mark, without it and without its end. */
static bool next_mark(vx_slice *rest, const char *mark, vx_slice *out)
{
	vx_slice line;

	while (rest->len > 0) {
		(void)vx_slice_cut(rest, '\n', &line);
		if (!vx_slice_has_prefix(line, vx_slice_str(mark)))
			continue;
		*out = vx_slice_trim(vx_slice_from(line, strlen(mark)), "\r");
		return true;
	}
	return false;
}

static void check_good(const char *path, vx_slice text)
{
	struct vx_config_errors errors;
	struct vx_config *c = NULL;
	vx_slice rest = text, line;
	size_t expectations = 0;
	const int rc = vx_config_load(path, &c, &errors);

	ck_assert_msg(rc == VX_OK, "%s: %s", path, errors.items[0].text);
	ck_assert_uint_eq(errors.count, 0);
	while (next_mark(&rest, "# expect ", &line)) {
		const size_t equals = vx_slice_find(line, '=');
		struct vx_buf got = { .max = 4096 };

		vxt_assert_ok(vx_config_get(c, vx_slice_head(line, equals - 1), &got));
		vxt_assert_slice(vx_buf_slice(&got), vx_slice_from(line, equals + 2));
		vx_buf_done(&got);
		expectations++;
	}
	ck_assert_uint_gt(expectations, 0);
	vx_config_free(c);
}

static void check_bad(const char *path, vx_slice text)
{
	struct vx_config_errors errors;
	struct vx_config *c = NULL;
	vx_slice rest = text, want;
	size_t i = 0;
	const int rc = vx_config_load(path, &c, &errors);

	ck_assert_msg(rc == VX_EINVAL || rc == VX_ESYNTAX, "%s: %d", path, rc);
	ck_assert_ptr_null(c);
	for (; next_mark(&rest, "# error: ", &want); i++) {
		struct vx_buf got = { .max = 4096 }, expected = { .max = 4096 };
		const bool place =
		    want.len > 0 && want.ptr[0] >= '0' && want.ptr[0] <= '9';

		ck_assert_msg(i < errors.count, "%s: %zu errors", path, errors.count);
		vx_config_error_write(&errors.items[i], &got);
		vx_buf_printf(&expected, "%s:%s%.*s", path, place ? "" : " ",
		    (int)want.len, want.ptr);
		vxt_assert_slice(vx_buf_slice(&got), vx_buf_slice(&expected));
		vx_buf_done(&got);
		vx_buf_done(&expected);
	}
	ck_assert_msg(
	    errors.count == i, "%s: %zu errors, not %zu", path, errors.count, i);
}

static size_t each_file(
    const char *folder, void (*check)(const char *path, vx_slice text))
{
	const struct dirent *e;
	size_t count = 0;
	DIR *d = opendir(folder);

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		char path[PATH_MAX];
		struct vx_buf text;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.3000s/%.255s", folder, e->d_name);
		text = vxt_read(path);
		check(path, vx_buf_slice(&text));
		vx_buf_done(&text);
		count++;
	}
	closedir(d);
	return count;
}

START_TEST(good_files)
{
	ck_assert_uint_ge(each_file(VXT_DATA "/config/good", check_good), 12);
}
END_TEST

START_TEST(bad_files)
{
	ck_assert_uint_ge(each_file(VXT_DATA "/config/bad", check_bad), 50);
}
END_TEST

/* It is read, and the place of what is doubtful is said; beside errors it is not. */
START_TEST(warnings)
{
	static const char file[] = "hostname: mail.test.net\ntls:\n  minimum: 1.1\n";
	struct vx_config_errors errors;
	struct vx_buf text = { .max = 1000 };
	struct vx_config *c = NULL;

	vxt_assert_ok(vx_config_parse(vx_slice_str(file), "f", &c, &errors));
	ck_assert_uint_eq(c->tls_minimum, VX_TLS_MINIMUM_1_1);
	ck_assert_uint_eq(errors.warnings, 1);
	ck_assert_uint_eq(errors.count, 1);
	vx_config_error_write(&errors.items[0], &text);
	ck_assert(
	    vx_slice_has_prefix(vx_buf_slice(&text), VX_S("f:3:12: TLS ")));
	vx_config_free(c);
	vx_buf_reset(&text);
	vx_buf_printf(&text, "%sworkers: many\n", file);
	ck_assert_int_eq(
	    vx_config_parse(vx_buf_slice(&text), "f", &c, &errors), VX_EINVAL);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_uint_eq(errors.warnings, 0);
	vx_buf_done(&text);
}
END_TEST

START_TEST(a_file_that_cannot_be_read)
{
	struct vx_config_errors errors;
	struct vx_config *c = NULL;

	ck_assert_int_eq(vx_config_load("/none/config.yaml", &c, &errors), VX_ENOENT);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "/none/config.yaml"));
	ck_assert_int_ne(vx_config_load("/dev/zero", &c, &errors), VX_OK);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_ptr_null(c);
}
END_TEST

/* Parse text that is prefix, then unit count times, then suffix; the first error. */
static struct vx_error parse_many(
    const char *prefix, const char *unit, size_t count, int want)
{
	struct vx_buf text = { .max = 4 * VX_CONFIG_OCTETS_MAX };
	struct vx_config_errors errors;
	struct vx_config *c = NULL;
	int rc;

	vx_buf_add_str(&text, prefix);
	for (size_t i = 0; i < count; i++) {
		/* @ in the unit is a number of its own */
		const char *at = strchr(unit, '@');

		if (at == NULL)
			vx_buf_add_str(&text, unit);
		else
			vx_buf_printf(
			    &text, "%.*s%zu%s", (int)(at - unit), unit, i, at + 1);
	}
	ck_assert(!text.failed);
	rc = vx_config_parse(vx_buf_slice(&text), "f", &c, &errors);
	ck_assert_msg(rc == want, "%d: %s", rc, errors.items[0].text);
	vx_buf_done(&text);
	vx_config_free(c);
	return errors.items[0];
}

START_TEST(limits)
{
	struct vx_error e;

	/* as many unknown keys as are allowed: 20 errors are kept */
	e = parse_many("", "k@: 1\n", VX_CONFIG_VALUES_MAX, VX_EINVAL);
	ck_assert_str_eq(e.text, "there is no key k0");
	e = parse_many("", "k@: 1\n", VX_CONFIG_VALUES_MAX + 1, VX_ELIMIT);
	ck_assert_str_eq(e.text, "too many keys and values");
	ck_assert_uint_eq(e.line, VX_CONFIG_VALUES_MAX + 1);
	/* and what a file of the largest size can have of them */
	e = parse_many("", "k@: 1\n", VX_CONFIG_OCTETS_MAX / 11, VX_ELIMIT);
	ck_assert_uint_eq(e.line, VX_CONFIG_VALUES_MAX + 1);
	e = parse_many("", "k@: {}\n", 20000, VX_ELIMIT);
	ck_assert_uint_eq(e.line, VX_CONFIG_VALUES_MAX + 1);
	e = parse_many("smtp: {listen: [", "a,", 100000, VX_ELIMIT);
	ck_assert_str_eq(e.text, "too many keys and values");
}
END_TEST

START_TEST(nesting_bombs)
{
	struct vx_error e;

	e = parse_many("a: ", "[", 500000, VX_ESYNTAX);
	ck_assert_str_eq(e.text, "a list is not expected here");
	e = parse_many("", "{a: ", 250000, VX_ESYNTAX);
	ck_assert_str_eq(e.text, "a group of keys is not expected here");
	ck_assert_uint_eq(e.column, 4 * VX_CONFIG_DEPTH_MAX + 1);
	e = parse_many("a: ", "? ", 500000, VX_ESYNTAX);
	e = parse_many("", "- ", 500000, VX_ESYNTAX);
	ck_assert_str_eq(e.text, "a list is not expected here");
	/* the laughing billion needs its first anchor */
	e = parse_many("a0: &a0 [x]\n", "a@: &a@ [*a0, *a0, *a0]\n", 30, VX_ESYNTAX);
	ck_assert_str_eq(e.text, "anchors and tags are not used here");
	ck_assert_uint_eq(e.line, 1);
}
END_TEST

START_TEST(every_key_gives_what_it_gets)
{
	struct vx_config_errors errors;
	struct vx_config *c, *d;
	size_t count = 0;

	vxt_assert_ok(vx_config_parse(VX_S("hostname: mail.test.net"), "f", &c, &errors));
	for (const struct vx_config_key *k; (k = vx_config_key_at(count)) != NULL;
	     count++) {
		struct vx_buf value = { .max = 4096 }, text = { .max = 4096 },
			      again = { .max = 4096 };
		struct vx_error err;

		ck_assert_uint_gt(strlen(k->help), 0);
		ck_assert_uint_gt(strlen(k->daemons), 0);
		vxt_assert_ok(vx_config_get(c, vx_slice_str(k->path), &value));
		if (strcmp(k->path, "hostname") != 0)
			vxt_assert_str(vx_buf_slice(&value), k->standard);
		ck_assert_msg(vx_config_set(VX_S("hostname: mail.test.net\n"), "f",
				  vx_slice_str(k->path), vx_buf_slice(&value), &text,
				  &err) == VX_OK,
		    "%s: %s", k->path, err.text);
		vxt_assert_ok(vx_config_parse(vx_buf_slice(&text), "f", &d, &errors));
		vxt_assert_ok(vx_config_get(d, vx_slice_str(k->path), &again));
		vxt_assert_slice(vx_buf_slice(&again), vx_buf_slice(&value));
		vx_config_free(d);
		vx_buf_done(&value);
		vx_buf_done(&text);
		vx_buf_done(&again);
	}
	ck_assert_uint_ge(count, 34);
	ck_assert_int_eq(
	    vx_config_get(c, VX_S("no.such"), &(struct vx_buf){ .max = 10 }), VX_ENOENT);
	vx_config_free(c);
}
END_TEST

START_TEST(no_memory)
{
	struct vx_buf text = vxt_read("config/good/lists.yaml");
	int rc = VX_ENOMEM;
	unsigned n = 1;

	for (; rc != VX_OK && n < 1000; n++) {
		struct vx_config_errors errors;
		struct vx_config *c = NULL;

		vx_mem_fail_at(n);
		rc = vx_config_parse(vx_buf_slice(&text), "f", &c, &errors);
		vx_mem_fail_at(0);
		ck_assert((rc == VX_OK) == (c != NULL));
		vx_config_free(c);
	}
	ck_assert_uint_gt(n, 2);
	ck_assert_int_eq(rc, VX_OK);
	vx_buf_done(&text);
}
END_TEST

VXT_SUITE(test_load, "load", good_files, bad_files, warnings, a_file_that_cannot_be_read,
    limits, nesting_bombs, every_key_gives_what_it_gets, no_memory)
