/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_SERVER_SYNCOBJ_H
#define WAYBUF_SERVER_SYNCOBJ_H

#include <stdbool.h>

#include <waybuf/fence.h>
#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * linux-drm-syncobj: commits come with points of timelines, one to be waited for before the buffer
 * is read, and one to be signalled when nobody reads it any more. Who calls waybuf_use_commit() needs
 * no more than the global; the rest is for compositors that do the parts of that themselves, in the
 * order that waybuf/server.h has.
 *
 * The thread and the rules are those of waybuf/server.h, which includes this one.
 */

struct waybuf_server;
struct wl_resource;

/** The global wp_linux_drm_syncobj_manager_v1. */
struct waybuf_server_syncobj;
/** The release point of one commit. */
struct waybuf_release_point;

/** What is offered by linux-drm-syncobj. */
struct waybuf_server_syncobj_options {
	/** a DRM device whose driver has timeline syncobjs; borrowed for the call */
	int drm_fd;
	/** passed to the callback, borrowed while the global exists */
	void *data;
	/**
	 * Whether a wl_buffer that is not of this library (waybuf_buffer_from_resource()) supports
	 * explicit synchronisation. NULL: none does.
	 */
	bool (*supports)(void *data, struct wl_resource *wl_buffer);
	/**
	 * See that the work of an acquire point ended in an error also where it had signalled before
	 * the commit: the kernel tells that by a sync_file only, so each such commit costs two ioctls
	 * and a close() more. False: what such work has left in the buffer is shown.
	 */
	bool check_errors;
};

/**
 * Offers wp_linux_drm_syncobj_manager_v1. 0, -EOPNOTSUPP (the driver or the kernel lacks what it
 * takes, as vkms in stock kernels), -ENOMEM, -EMFILE.
 */
WAYBUF_EXPORT int waybuf_server_syncobj_create(struct waybuf_server *server,
	const struct waybuf_server_syncobj_options *options, struct waybuf_server_syncobj **out);

/** Withdraws the global. What clients have made of it goes on. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_server_syncobj_destroy(struct waybuf_server_syncobj *syncobj);

/** The points of one commit. */
struct waybuf_syncobj_points {
	/** the commit brings points; if not, the rest is NULL and 0 */
	bool is_explicit;
	/** what must signal before the buffer is read; a reference for the caller, NULL on error */
	struct waybuf_fence *acquire;
	/**
	 * to be let go of when the buffer is not read any more for this commit; the caller is its
	 * first reader. NULL on some errors
	 */
	struct waybuf_release_point *release;
	/**
	 * 0, or why the points cannot be had: -EDQUOT (the client has too many), or our own
	 * -ENOMEM, -EMFILE or -ENFILE. The client is not to blame, so it is not told; the buffer
	 * must not be read: waybuf_gate_part.error
	 */
	int error;
};

/**
 * Takes the points that were set for @surface since its last commit. To be called in each
 * wl_surface.commit, also of synchronised subsurfaces; @buffer is what was attached in this commit,
 * NULL if nothing was or the surface was left without a buffer. Surfaces without a synchronisation
 * object have no points, and that is success.
 *
 * 0, or -EPROTO: a protocol error was posted, no_buffer, unsupported_buffer, no_acquire_point,
 * no_release_point or conflicting_points; *out is empty. Timelines are compared by their protocol
 * object: one that was imported twice counts as two, and the client waits for itself until the
 * deadline.
 *
 * A point that has signalled costs one ioctl. That the work of such a point ended in an error is
 * not seen, unless options.check_errors is set: then the acquire fence ends in it.
 */
WAYBUF_EXPORT int waybuf_syncobj_surface_commit(
	struct wl_resource *surface, struct wl_resource *buffer, struct waybuf_syncobj_points *out);

/** For a commit that was not used: drops the fence, signals the release point, empties @points. */
WAYBUF_EXPORT void waybuf_syncobj_points_finish(struct waybuf_syncobj_points *points);

/** Holds @release for a further reader, who must not begin if it is refused. 0 or -ENOMEM. */
WAYBUF_EXPORT int waybuf_release_point_ref(struct waybuf_release_point *release);

/**
 * A reader is done when @fence (referenced; NULL: now) settles. When the last one has let go, the
 * point gets the merge of all their fences, at once if the kernel can take it (its own fences, and
 * the work need not be over), and else is signalled when they have settled. Exactly once, whatever
 * becomes of the surface, the timeline and the client; never before the last fence, except when the
 * server is destroyed: then nobody can be reading. NULL @release is a no-op.
 */
WAYBUF_EXPORT void waybuf_release_point_unref(
	struct waybuf_release_point *release, struct waybuf_fence *fence);

#ifdef __cplusplus
}
#endif

#endif
