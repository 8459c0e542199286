/* SPDX-License-Identifier: MIT */
#ifndef CORE_CLOSING_H
#define CORE_CLOSING_H

#include <stdint.h>

struct waybuf_layout;
struct waybuf_manager;
struct waybuf_source;

/*
 * fds of memory from elsewhere, closed when the loop has done what it is at: a client that gives up
 * its wl_buffers does so in one go, and numbers in a row take one call, however many they are.
 */
#define CLOSING_MAX 24 /* below what servers keep in reserve; the next one closes all */

struct waybuf_closing {
	int fds[CLOSING_MAX];
	uint32_t n;
	struct waybuf_source *idle; /* NULL: nothing waits */
};

/* Takes the fds of @layout; at once where the loop has no "later". */
void waybuf_closing_add(struct waybuf_manager *manager, struct waybuf_layout *layout);
/* The manager goes. */
void waybuf_closing_finish(struct waybuf_manager *manager);

#endif
