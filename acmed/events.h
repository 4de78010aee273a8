/*
 * events.h - what acmed did, for people: in the log, and in a file that vectisctl shows.
 */
#ifndef VX_ACMED_EVENTS_H
#define VX_ACMED_EVENTS_H

#include "vectis/acme_setup.h"
#include "vectis/log.h"

#define EVENTS_FILE "events.log"
#define EVENTS_OLD "events.log.1"
#define EVENTS_OCTETS_MAX ((long)256 * 1024) /* then it becomes the old one */

void events_tell(const struct vx_config *config, const struct vx_log *log,
    const struct vx_acme_step *step);

#endif
