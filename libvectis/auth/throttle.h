/*
 * throttle.h - wrong logins counted, per address, per account and for both together, by
 * all processes that share a file.
 *
 * The tables are of fixed size and without locks: what two processes write at the same
 * moment may be counted once.  A full table forgets the oldest of a key's neighbours.
 */
#ifndef VX_AUTH_THROTTLE_H
#define VX_AUTH_THROTTLE_H

#include "vectis/auth.h"

struct vx_throttle;

/* path NULL: in this process only.  secret keys the tables: the same in all processes. */
int vx_throttle_open(const char *path, vx_slice secret, struct vx_throttle **out);
void vx_throttle_close(struct vx_throttle *t);

/* login is normalised.  How long an attempt has to wait at now_ms; 0: go on. */
uint64_t vx_throttle_wait_ms(
    struct vx_throttle *t, const char *address, vx_slice login, uint64_t now_ms);
void vx_throttle_note(struct vx_throttle *t, const char *address, vx_slice login,
    bool right, uint64_t now_ms);
/* When the login was right last, in milliseconds since 1970; 0: not known. */
uint64_t vx_throttle_right_ms(struct vx_throttle *t, vx_slice login, uint64_t now_ms);

#endif
