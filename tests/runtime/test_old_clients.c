#include "lib/vxt.h"
#include "runtime/old_clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[200];

static const char *written(struct vx_old_clients *o)
{
	static char text[8192];
	FILE *f;
	size_t n;

	ck_assert(vx_old_clients_write(o, path));
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

static void set_up(void)
{
	char dir[] = "/tmp/vectis-test-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/x.1.old", dir);
}

static void tear_down(void)
{
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
}

START_TEST(they_are_counted_by_network)
{
	static struct vx_old_clients o;

	set_up();
	vx_old_clients_note(&o, "192.0.2.1", 100);
	vx_old_clients_note(&o, "2001:db8::1", 101);
	vx_old_clients_note(&o, "::ffff:192.0.2.1", 102);
	vx_old_clients_note(&o, "2001:db8::ffff:1", 103);
	vx_old_clients_note(&o, "192.0.2.2", 104);
	vx_old_clients_note(&o, "nobody", 105);
	ck_assert_str_eq(
	    written(&o), "192.0.2.1 2 102\n2001:db8::/64 2 103\n192.0.2.2 1 104\n");
	ck_assert(!o.changed);
	tear_down();
}
END_TEST

/* Nobody makes it larger; who comes again and again stays. */
START_TEST(there_is_an_end)
{
	static struct vx_old_clients o;
	char address[40];
	unsigned lines = 0;

	set_up();
	for (unsigned i = 0; i < 1000; i++) {
		vx_old_clients_note(&o, "192.0.2.1", (int64_t)i * 2);
		(void)snprintf(
		    address, sizeof(address), "198.51.%u.%u", i / 250, i % 250);
		vx_old_clients_note(&o, address, (int64_t)i * 2 + 1);
	}
	ck_assert_uint_eq(o.count, VX_OLD_CLIENTS_MAX);
	for (const char *c = written(&o); *c != '\0'; c++)
		lines += *c == '\n';
	ck_assert_uint_eq(lines, VX_OLD_CLIENTS_MAX);
	ck_assert_ptr_nonnull(strstr(written(&o), "192.0.2.1 1000 1998\n"));
	ck_assert_ptr_nonnull(strstr(written(&o), "198.51.3.249 1 1999\n"));
	ck_assert_ptr_null(strstr(written(&o), "198.51.0.1 "));
	tear_down();
}
END_TEST

START_TEST(it_is_written_when_something_is_new)
{
	static struct vx_old_clients o;

	set_up();
	ck_assert(vx_old_clients_write(&o, path));
	ck_assert_int_eq(access(path, F_OK), -1);
	vx_old_clients_note(&o, "192.0.2.1", 100);
	ck_assert(!vx_old_clients_write(&o, "/nonexistent/x"));
	vx_old_clients_note(&o, "192.0.2.1", 101);
	ck_assert_str_eq(written(&o), "192.0.2.1 2 101\n");
	tear_down();
}
END_TEST

VXT_SUITE(test_old_clients, "old_clients", they_are_counted_by_network, there_is_an_end,
    it_is_written_when_something_is_new)
