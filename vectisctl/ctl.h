/* ctl.h - vectisctl: a table of commands, and what they share. */
#ifndef VECTISCTL_CTL_H
#define VECTISCTL_CTL_H

#include "vectis/config.h"
#include "vectis/directory.h"
#include "vectis/store.h"

#include <jansson.h>
#include <sys/types.h>

enum {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2
};
#define CTL_ARGS_MAX 32

struct ctl {
	const char *config_path;
	bool json;
	struct vx_config *config;       /* when the command wants it */
	struct vx_store *store;         /* when the command wants it */
	const char *args[CTL_ARGS_MAX]; /* positional */
	size_t arg_count;
	struct {
		const char *name, *value; /* "--quota", "10" or "" */
	} options[CTL_ARGS_MAX];
	size_t option_count;
	json_t *result; /* own: what --json prints */
};

enum {
	NEEDS_CONFIG = 1,
	NEEDS_STORE = 2,
	READS_STORE = 4 /* one that is there: nothing is made or changed */
};

struct ctl_command {
	const char *group, *verb; /* verb NULL: the group alone */
	int (*run)(struct ctl *c);
	unsigned needs;
	size_t args; /* positional ones at least */
	const char *usage, *help;
};

extern const struct ctl_command ctl_directory_commands[], ctl_config_commands[],
    ctl_search_commands[], ctl_store_commands[];

/* An option's value; NULL: not given. */
const char *ctl_option(const struct ctl *c, const char *name);
bool ctl_flag(const struct ctl *c, const char *name);
/* "vectisctl: ..." on standard error (or in the result): returns status. */
int ctl_fail(struct ctl *c, int status, const char *fmt, ...) VX_PRINTF(3, 4);
/* A line on standard output, not with --json. */
void ctl_say(const struct ctl *c, const char *fmt, ...) VX_PRINTF(2, 3);
/* A copy of a slice as a JSON string. */
json_t *ctl_text(vx_slice s);

/* What NEEDS_CONFIG and NEEDS_STORE do; errors are reported. */
int ctl_load_config(struct ctl *c);
int ctl_open_store(struct ctl *c, bool read_only);
/*
 * Root becomes the user that the store's files belong to, after it made state_dir and
 * run_dir for that user.
 */
int ctl_become_user(struct ctl *c);
/* A directory and those above it. */
int ctl_make_dir(struct ctl *c, const char *path, mode_t mode);

#endif
