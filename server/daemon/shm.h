/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SHM_H
#define DAEMON_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kms/fb.h"

struct daemon;
struct shm_fb;
struct shm_file;
struct shm_wrap;
struct waybuf_account;
struct wl_client;
struct wl_global;
struct wl_resource;

/*
 * wl_shm, our own. libwayland's resizes a pool's mapping in place, and counts references to pools
 * rather than to mappings, which does not go with reading on another thread. Here a mapping never
 * moves: a resize makes a new one, and the old one lives as long as a buffer in it is in use.
 */
struct shm_mapping {
	unsigned refs;
	struct waybuf_account *account; /* charged for an fd; NULL: the memory is ours */
	char *data;
	size_t size;
	bool writable;
	/* its pages as a dma-buf, see shm_plane.h */
	struct shm_file *file; /* NULL: never */
	struct shm_wrap *wrap; /* NULL: not now */
	const char *refusal; /* why not, static; NULL: for no reason */
	int error; /* beside that: of the last try, or 0 */
	unsigned pause; /* repaints until the next one; 0: there is none */
	unsigned n_wraps; /* that were tried, less those that were worth it */
	uint32_t pixel; /* the data, where it is of one pixel and nobody else's */
};

/* Behind a wl_buffer from wl_shm; lives as long as the resource or a use of it. */
struct shm_buffer {
	struct wl_resource *resource; /* NULL once the client has destroyed it */
	struct shm_mapping *mapping;
	unsigned uses; /* by commits */
	unsigned refs; /* by others, who need it but release nothing */
	uint32_t format; /* DRM_FORMAT_* */
	uint32_t width, height, stride;
	size_t offset;
	/* on a plane, see shm_plane.h */
	struct shm_fb *fb; /* NULL: none, maybe because of: */
	enum waybuf_kms_refusal refusal;
	struct waybuf_kms_why why;
	uint64_t shown_on, shown_as; /* its last commit: id of the surface, serial of the frame */
};

struct wl_global *shm_create(struct daemon *daemon);

/* NULL if it is another kind of wl_buffer. */
struct shm_buffer *shm_buffer_from_resource(struct wl_resource *resource);

/*
 * A new wl_buffer of one pixel that is no client's memory: 0xAARRGGBB, premultiplied, or without
 * alpha if it is @opaque. Version 1. NULL: no memory.
 */
struct shm_buffer *shm_buffer_create_pixel(
	struct wl_client *client, uint32_t id, uint32_t pixel, bool opaque);

static inline bool shm_buffer_is_pixel(const struct shm_buffer *buffer)
{
	return !buffer->mapping->account;
}

/* A use by a commit; the end of the last one sends wl_buffer.release. */
void shm_buffer_use(struct shm_buffer *buffer);
void shm_buffer_end_use(struct shm_buffer *buffer);

/* Keeps it without being a use: the target of a capture. */
void shm_buffer_ref(struct shm_buffer *buffer);
void shm_buffer_unref(struct shm_buffer *buffer);

/* The client has cut off its own memory while we read it: its error. */
void shm_buffer_blame(struct shm_buffer *buffer);

#endif
