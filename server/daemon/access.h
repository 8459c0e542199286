/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include "frame.h"
#include "util/sigbus.h"

struct render_image;

/*
 * The CPU's access to others' memory, on the worker: bracketed, mapped, and guarded. Clients cut
 * their files off, and drivers answer a read of what the client has given back to them (MADVISE of
 * its GEM object, for one) with SIGBUS, too.
 */

/* Of the memory of a wl_shm buffer; NULL, or one pixel of ours: nothing to be guarded. */
void access_guard(struct sigbus_guard *guard, struct shm_buffer *shm);
/* True: some of it was not there. */
bool access_unguard(struct sigbus_guard *guard, struct shm_buffer *shm);

/* Of all memories of a dma-buf frame, to read it. */
struct frame_access {
	const struct waybuf_layout *layout;
	struct backing *backing;
	uint32_t n_begun, n_mapped;
	char *address[WAYBUF_MAX_PLANES];
	struct sigbus_guard guards[WAYBUF_MAX_PLANES];
};

/* False: somebody else is at it, or it cannot be mapped. frame_access_end() is needed in any case. */
bool frame_access_begin(struct frame_access *access, const struct frame *frame);
/* False: some of it was not there, and what was read instead is worth nothing. */
bool frame_access_end(struct frame_access *access);
char *frame_access_plane(const struct frame_access *access, uint32_t plane);

/* Of an image that is drawn into. */
struct image_access {
	struct render_image *image;
	void *pixels;
	struct sigbus_guard guard;
};

/* 0 with pixels, or -ETIMEDOUT: somebody is at it, or what keeps it from being mapped. */
int image_access_begin(struct image_access *access, struct render_image *image);
/* 0, or -EIO: some of it was not there. */
int image_access_end(struct image_access *access);

#endif
