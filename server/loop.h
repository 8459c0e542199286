/* SPDX-License-Identifier: MIT */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include "util/loop.h"

struct wl_event_loop;

/*
 * The mechanism's event loop on top of the host's, which is borrowed and must outlive it. Destroyed
 * with waybuf_loop_destroy(). 0 or -ENOMEM.
 */
int server_loop_create(struct wl_event_loop *host, struct waybuf_loop **out);

#endif
