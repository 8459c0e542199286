/* SPDX-License-Identifier: MIT */
#ifndef SERVER_MONITOR_H
#define SERVER_MONITOR_H

#include "server.h"

/* Whether @global is that of @monitor, which may be NULL. */
bool monitor_owns(const struct waybuf_server_monitor *monitor, const struct wl_global *global);

#endif
