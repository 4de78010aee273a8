/* fixture.h - a store with alice and bob, and a clock that the tests set. */
#ifndef AUTH_FIXTURE_H
#define AUTH_FIXTURE_H

#include "lib/vxt.h"
#include "vectis/auth.h"

#define PASSWORD "correct horse 7"
#define ALICE "alice@example.test"

extern uint64_t now_ms;
uint64_t the_time(void);

struct vx_auth *auth_open(void); /* the store is made for the first */
struct vx_auth *auth_open_another(const char *throttle_path);
const char *auth_dir(void);
void auth_close(struct vx_auth *a); /* with the store */

void auth_set_password(const char *login, const char *password);
void auth_set_credential(const char *login, vx_slice credential);
void auth_set_flags(const char *login, unsigned flags);
void auth_set_domain_flags(unsigned flags);
struct vx_buf auth_credential(const char *login); /* heap */

int auth_run(struct vx_directory_op *op);

/* One try from an address. */
int auth_try(
    struct vx_auth *a, const char *address, const char *login, const char *password);

#endif
