/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_IDLE_V1_H
#define DAEMON_IDLE_V1_H

#include <stdbool.h>

struct daemon;

/* Offers ext_idle_notifier_v1 and zwp_idle_inhibit_manager_v1. False: no memory. */
bool idle_create_globals(struct daemon *daemon);

/* Whether a surface is seen that is to be watched without input. */
bool idle_is_inhibited(const struct daemon *daemon);

#endif
