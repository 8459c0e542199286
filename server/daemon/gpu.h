/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_GPU_H
#define DAEMON_GPU_H

#include "daemon.h"

/*
 * The GPU as a device that clients can attach, and whose engine copies what has to move; and as the
 * one that composes. WAYBUF_GPU is "none", "software" (Mesa's renderer without a device: slow, and
 * good for tests), or not set: the one that the display belongs to.
 */

/* False: said what is wrong on stderr. */
bool gpu_check_environment(void);

/* True also if there is none. False: said why on stderr. */
bool gpu_offer(struct daemon *daemon);
/*
 * Gives the daemon the renderer that was asked for, or that is best. False: the one that was asked
 * for cannot be had, which was said on stderr.
 */
bool gpu_choose_renderer(struct daemon *daemon);
/* Before the server. */
void gpu_finish(struct daemon *daemon);

#endif
