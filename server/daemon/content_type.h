/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CONTENT_TYPE_H
#define DAEMON_CONTENT_TYPE_H

#include <stdint.h>

struct daemon;
struct wl_global;

/* Offers wp_content_type_manager_v1. NULL: no memory. */
struct wl_global *content_type_create(struct daemon *daemon);
/* What a surface was said to show; NULL: nothing in particular. Static. */
const char *content_type_name(uint32_t type);

#endif
