/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_TIMELINES_H
#define CLIENT_TIMELINES_H

#include <stdbool.h>
#include <stdint.h>

struct waybuf_client;
struct waybuf_client_buffer;
struct waybuf_fence;
struct waybuf_syncobj;
struct wl_surface;
struct wp_linux_drm_syncobj_timeline_v1;

/* A timeline of a surface's client, and the last point on it that was used. */
struct client_timeline {
	struct waybuf_syncobj *syncobj; /* NULL: not made yet */
	struct wp_linux_drm_syncobj_timeline_v1 *proxy;
	uint64_t point;
};

struct client_timelines;

/* -EOPNOTSUPP: the compositor or @drm_fd (borrowed) has none; -EMFILE, -ENFILE, -ENOMEM. */
int client_timelines_create(struct waybuf_client *client, struct wl_surface *surface, int drm_fd,
	struct client_timelines **out);
/* NULL is a no-op. */
void client_timelines_destroy(struct client_timelines *timelines);
/* Readable when a release point has got a fence. */
int client_timelines_wake_fd(const struct client_timelines *timelines);
/* Looks away from what made it readable. */
void client_timelines_drain(struct client_timelines *timelines);
/* Sets the points of the next commit, with @fence (NULL: signalled) on the acquire point. */
int client_timelines_set(struct client_timelines *timelines, struct waybuf_client_buffer *buffer,
	struct waybuf_fence *fence);
/* Whether the buffer's release point has a fence, which *fence becomes a file of. */
bool client_timelines_take_release(struct waybuf_client_buffer *buffer, int *fence);
/* Lets go of the buffer's own. */
void client_timeline_finish(struct client_timeline *timeline);

#endif
