/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_REGION_H
#define DAEMON_REGION_H

#include <pixman.h>
#include <stdint.h>

struct wl_client;
struct wl_resource;

/* wl_region: a pixman region that its resource owns. */
void region_create(struct wl_client *client, uint32_t version, uint32_t id);

/* Borrowed from the resource. */
const pixman_region32_t *region_from_resource(struct wl_resource *resource);

#endif
