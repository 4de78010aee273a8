#include "auth/fixture.h"

#include <stdlib.h>

uint64_t now_ms = 1800000000000u;
static struct vx_store *store;
static char *dir;

uint64_t the_time(void)
{
	return now_ms;
}

const char *auth_dir(void)
{
	return dir;
}

static void run(struct vx_directory_op *op)
{
	vxt_assert_ok(vx_store_run(store, &op->op));
}

static void add(enum vx_directory_verb verb, const char *name)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, verb);
	op.name = vx_slice_str(name);
	run(&op);
}

void auth_set_credential(const char *login, vx_slice credential)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = vx_slice_str(login);
	op.set = VX_SET_CREDENTIAL;
	op.credential = credential;
	run(&op);
}

void auth_set_password(const char *login, const char *password)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };

	vxt_assert_ok(vx_credential_make(vx_slice_str(password), 1, 4096, &credential));
	auth_set_credential(login, vx_buf_slice(&credential));
	vx_buf_done(&credential);
}

void auth_set_flags(const char *login, unsigned flags)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = vx_slice_str(login);
	op.set = VX_SET_FLAGS;
	op.flags = flags;
	run(&op);
}

void auth_set_domain_flags(unsigned flags)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_SET);
	op.name = VX_S("example.test");
	op.set = VX_SET_FLAGS;
	op.flags = flags;
	run(&op);
}

int auth_run(struct vx_directory_op *op)
{
	return vx_store_run(store, &op->op);
}

struct vx_buf auth_credential(const char *login)
{
	struct vx_buf out = { .max = VX_CREDENTIAL_MAX };
	struct vx_account a;
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_account(v, vx_slice_str(login), &a));
	vx_buf_add(&out, a.credential);
	vx_view_end(v);
	return out;
}

struct vx_auth *auth_open_another(const char *throttle_path)
{
	const struct vx_auth_options o = { .struct_size = sizeof(o),
		.store = store,
		.hash_cost = 1,
		.cache_s = 60,
		.scram_iterations = 4096,
		.throttle_path = throttle_path,
		.now_ms = the_time };
	struct vx_auth *a;

	vxt_assert_ok(vx_auth_new(&o, &a));
	return a;
}

struct vx_auth *auth_open(void)
{
	struct vx_store_options o = { .struct_size = sizeof(o), .ballast_octets = 4096 };
	struct vx_error err;

	dir = strdup(vxt_mkdir());
	o.dir = dir;
	ck_assert_msg(vx_store_open(&o, &store, &err) == VX_OK, "%s", err.text);
	add(VX_DOMAIN_ADD, "example.test");
	add(VX_ACCOUNT_ADD, ALICE);
	add(VX_ACCOUNT_ADD, "bob@example.test");
	auth_set_password(ALICE, PASSWORD);
	auth_set_password("bob@example.test", "another password 8");
	return auth_open_another(NULL);
}

void auth_close(struct vx_auth *a)
{
	vx_auth_free(a);
	vx_store_close(store);
	vxt_rmdir(dir);
	free(dir);
}

int auth_try(
    struct vx_auth *a, const char *address, const char *login, const char *password)
{
	struct vx_auth_login who = { 0 };
	const int rc =
	    vx_auth_check(a, address, vx_slice_str(login), vx_slice_str(password), &who);

	ck_assert_int_eq(rc == VX_OK, who.account != 0);
	return rc;
}
