/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_SERVER_H
#define WAYBUF_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <waybuf/buffer.h>
#include <waybuf/device.h>
#include <waybuf/gate.h>
#include <waybuf/server_allocator.h>
#include <waybuf/server_dmabuf.h>
#include <waybuf/server_monitor.h>
#include <waybuf/server_syncobj.h>
#include <waybuf/trace.h>
#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * libwaybuf-server: buffers for Wayland compositors, and for services beside them.
 *
 *	struct waybuf_server *server;
 *	waybuf_server_create(display, NULL, &server);
 *	waybuf_server_dmabuf_create(server, &dmabuf_options, &dmabuf);
 *	waybuf_server_allocator_create(server, NULL, &allocator);
 *
 * and where a surface commits, latches and is displaced:
 *
 *	waybuf_use_commit(&commit_info, &use);	points, fences and the gate (waybuf/gate.h)
 *	waybuf_use_latch(use, &grant);		when the gate says ready: show grant.layout
 *	waybuf_use_done(use, out_fence);	the next writer, and the release point, wait for it
 *	waybuf_use_end(use, NULL);		after the flip: wl_buffer.release, if it was the last use
 *
 * examples/tiny-server.c is a compositor that does this, and waybuf/scanout.h puts such buffers on
 * planes. Each global has a header of its own, which this one includes: waybuf/server_dmabuf.h,
 * waybuf/server_syncobj.h, waybuf/server_allocator.h and waybuf/server_monitor.h.
 *
 * A compositor with several readers of one frame, subsurfaces or a gate of its own does the parts of
 * waybuf_use_commit() itself
 *
 * at wl_surface.commit:
 *
 *	ret = waybuf_syncobj_surface_commit(surface, attached, &points);
 *	if (ret < 0)			a protocol error was posted: forget this commit
 *		return;
 *	if (attached) {
 *		waybuf_use_begin(attached, &use);
 *		if (waybuf_use_latch(use, &grant) == 0)
 *			fences = {points.acquire, grant.fence};
 *	}
 *	part = {queue, content, fences, 2, points.error};
 *	ret = waybuf_gate_submit(gate, &(struct waybuf_gate_request){&part, 1, 0, commit});
 *	waybuf_fence_unref(points.acquire);	the gate has its own
 *	if (ret == 1)
 *		apply(commit);			and else when ops.ready(commit) comes
 *
 *   In apply() latch the use again: a newer generation may have come while it waited. If that gives
 *   a fence which has not signalled, waybuf_gate_submit_again() puts the commit back in its place.
 *
 *   Keep points.release with the use: whoever reads the buffer for this commit has both. In
 *   ops.discard() and for the buffers that ops.fold() drops, and when the surface is destroyed
 *   while the commit waits, nobody reads: waybuf_use_end() and waybuf_release_point_unref(), both
 *   with a NULL fence. With points.is_explicit call
 *   waybuf_use_set_explicit() before the latch. A synchronised subsurface's commit goes, with its
 *   use and points, into the cache, and is a part of its parent's request.
 *
 * at latch, for each further reader (a CRTC, a capture, a GPU or CPU copy):
 *
 *	waybuf_release_point_ref(release)	before it begins; refused: it must not read
 *
 * at displacement, that is when the atomic commit that shows something else was accepted:
 *
 *	waybuf_release_point_unref(release, out_fence);	of that commit, for that CRTC; before the flip
 *	waybuf_release_point_unref(release, fence);	for a copy, when its end is known
 *	waybuf_use_done(use, merged);			with the last of them
 *	waybuf_use_end(use, NULL);			after the flip: wl_buffer.release
 *
 *   When the last reader has let go, the merge of all fences goes onto the client's timeline at
 *   once, or is waited for here where the kernel cannot have it. If the commit fails, touch
 *   nothing.
 *
 * Threads: every call belongs to the thread that dispatches the display's event loop, and every
 * callback arrives there. Callbacks must not destroy the object that calls them.
 *
 * Order of destruction: gates, then the server with its globals, then the display. Clients may still be
 * connected: what they made becomes inert, and dies with its wl_resource.
 *
 * Nothing here aborts or writes to stderr; see waybuf/log.h for where messages go.
 */

struct wl_client;
struct wl_display;
struct wl_global;
struct wl_resource;

/** All of it, for one wl_display. */
struct waybuf_server;
/** A use of a wl_buffer by a surface. */
struct waybuf_use;

/* ---- the server ---------------------------------------------------------------------------- */

/** What a server is to be; all zero is a good start. */
struct waybuf_server_options {
	/** for the dumb and gbm exporters; borrowed for the call; 0 and below: none */
	int drm_fd;
	/** register no exporters: the host adds its own with waybuf_manager_add_exporter() */
	bool no_default_exporters;
	/** what each client may hold, copied; NULL: generous defaults */
	const struct waybuf_limits *limits;
	/** passed to the callbacks below, borrowed while the server exists */
	void *data;
	/**
	 * May lower or raise @limits, which start as those above, for a new @client. NULL: all
	 * clients are equal.
	 */
	void (*client_limits)(void *data, struct wl_client *client, struct waybuf_limits *limits);
	/**
	 * The same for all connections together that are in the security context of @client, or,
	 * outside of any, belong to its user. Called for the first one. @limits start as twice
	 * those above for a security context, and eight times for a user. NULL: so they stay.
	 */
	void (*group_limits)(void *data, struct wl_client *client, struct waybuf_limits *limits);
	/**
	 * Whether @client may create this pool. 0, or a negative errno: the pool fails with reason
	 * denied. NULL: everybody may, within the limits.
	 */
	int (*may_create_pool)(
		void *data, struct wl_client *client, const struct waybuf_export_info *info);
	/**
	 * The security context of @client as a string that is equal for connections of one
	 * sandbox, borrowed for the call; NULL: it is in none. Without this callback
	 * waybuf_server_monitor_create() refuses, because the library could not tell who is a
	 * sandboxed program, and tokens are good for everybody.
	 */
	const char *(*security_context)(void *data, struct wl_client *client);
};

/**
 * Creates the server of @display (borrowed, outlives the server), with a waybuf_manager on its
 * event loop. @options may be NULL; it is copied, and so is what it points to. 0, -ENOMEM, -EINVAL
 * (WAYBUF_EXPORTERS names an exporter that does not exist), or the errno of eventfd().
 */
WAYBUF_EXPORT int waybuf_server_create(struct wl_display *display,
	const struct waybuf_server_options *options, struct waybuf_server **out);

/**
 * Gates and uses must have been destroyed. Globals that are left are withdrawn, so a host that never
 * withdraws one earlier may create it with a NULL @out. What clients hold becomes inert. NULL is a
 * no-op.
 */
WAYBUF_EXPORT void waybuf_server_destroy(struct waybuf_server *server);

/** Borrowed, for exporters and for attachments of the host's own. Never NULL. */
WAYBUF_EXPORT struct waybuf_manager *waybuf_server_manager(struct waybuf_server *server);

/**
 * The ledger of @client, made at the first call, named after the process at the other end of the
 * socket. Borrowed; valid until the client is destroyed. NULL: -ENOMEM.
 */
WAYBUF_EXPORT struct waybuf_account *waybuf_server_client_account(
	struct waybuf_server *server, struct wl_client *client);

/**
 * For the host's filter, see wl_display_set_global_filter(): false if @global is ours and not for
 * @client. True for all globals that are not ours.
 */
WAYBUF_EXPORT bool waybuf_server_global_visible(struct waybuf_server *server,
	const struct wl_client *client, const struct wl_global *global);

/* ---- devices ------------------------------------------------------------------------------- */

/** What a device can be asked. */
struct waybuf_server_device_ops {
	/**
	 * Required. What the device needs in order to use images as @access says (enum
	 * waybuf_access bits): a new reference in *out. 0, -EOPNOTSUPP (it can do no such thing),
	 * -ENOMEM.
	 */
	int (*constraints)(void *data, uint64_t access, struct waybuf_constraints **out);
	/**
	 * Optional. Imports memory of this layout for real, and lets it go again. 0: the device
	 * takes it. A refusal is the errno that the import gave, and is remembered for all memory
	 * of that exporter, format and modifier; -ENOMEM, -EMFILE, -ENFILE and -EBUSY are not.
	 */
	int (*import_test)(void *data, const struct waybuf_layout *layout);
	/**
	 * Optional. Starts a copy of @from into @to with the device's own engine (a blit of a GPU), when
	 * memory has to move: two images of one format and size, both of which import_test has taken,
	 * with modifiers and strides of their own. Must not wait: *fence, a reference for the caller,
	 * settles when neither is touched any more, and until then both layouts and their fds are
	 * valid; NULL: that is so already. A device that takes longer than a second makes the move fail.
	 * 0, or a negative errno: it cannot copy these, and nothing was touched; then the CPU copies,
	 * where both are linear. NULL: the device has no engine.
	 */
	int (*copy)(void *data, const struct waybuf_layout *from, const struct waybuf_layout *to,
		struct waybuf_fence **fence);
};

/** A device, as it is announced. */
struct waybuf_server_device_info {
	/** what it is for */
	enum waybuf_device_kind kind;
	/** for people; copied; at most 128 bytes of UTF-8, cut if longer */
	const char *name;
	/** whether `dev` means anything; it is told to clients outside security contexts only */
	bool has_dev;
	/** of its node */
	dev_t dev;
	/** borrowed while the device is there */
	const struct waybuf_server_device_ops *ops;
	/** passed to these, borrowed while the device is there */
	void *data;
};

/**
 * Announces a device (@info is copied) that clients can attach by id; bound allocators get a new
 * batch. *id is above 0 and never used again. 0, -EINVAL (no ops), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_add_device(
	struct waybuf_server *server, const struct waybuf_server_device_info *info, uint32_t *id);

/** Device @id is gone: its attachments are told, clients get a new batch. Ignores unknown ids. */
WAYBUF_EXPORT void waybuf_server_remove_device(struct waybuf_server *server, uint32_t id);

/* ---- the gate and the trace ---------------------------------------------------------------- */

/**
 * A gate (waybuf/gate.h) on the server's event loop, to be destroyed before the server. @ops is
 * copied. 0, -EINVAL (an operation is missing), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_gate_create(
	struct waybuf_server *server, const struct waybuf_gate_ops *ops, struct waybuf_gate **out);

/**
 * Adds @event (copied) to the fence trace, which the monitor reports. The library itself adds the
 * acquire and release of commits with points, and migrations; the rest is known to the host only.
 */
WAYBUF_EXPORT void waybuf_server_trace(
	struct waybuf_server *server, const struct waybuf_trace_event *event);

/* ---- wl_buffers ---------------------------------------------------------------------------- */

/** What a wl_buffer is. */
struct waybuf_server_buffer_info {
	/** pixels; 0 while nothing was ever drawn, and for a buffer whose creation failed */
	uint32_t width, height;
	/** DRM_FORMAT_*; 0 likewise */
	uint32_t format;
	/** enum waybuf_dmabuf_flags */
	uint32_t flags;
	/**
	 * made by create_wl_buffer: follows migrations. Others, even of memory of ours, stay with
	 * the memory that they were made from
	 */
	bool follows;
	/** failed: can be attached and committed, has nothing to show */
	bool inert;
	/** who is to sample it, as in struct waybuf_dmabuf_import */
	bool has_device;
	/** that one */
	dev_t device;
};

/**
 * The buffer behind @wl_buffer, one that came from linux-dmabuf or from create_wl_buffer, borrowed:
 * with a reference of your own it outlives the resource. NULL for wl_shm and all other kinds, and
 * for an inert one.
 */
WAYBUF_EXPORT struct waybuf_buffer *waybuf_buffer_from_resource(struct wl_resource *wl_buffer);

/** Describes any @wl_buffer of ours, inert ones too, in *info. 0, or -EINVAL: it is not ours. */
WAYBUF_EXPORT int waybuf_server_buffer_get_info(
	struct wl_resource *wl_buffer, struct waybuf_server_buffer_info *info);

/**
 * Begins a use of @wl_buffer by a surface: from wl_surface.commit until everything that read this
 * frame is done. Begin it in wl_surface.commit itself, also into the cache of a synchronized
 * subsurface: the read claim that it takes keeps the client's next write away, in the order of its
 * requests.
 *
 * 0, -EINVAL (not a wl_buffer of ours), -ENOMEM. An inert or empty wl_buffer can be used; there is
 * nothing to latch then.
 */
WAYBUF_EXPORT int waybuf_use_begin(struct wl_resource *wl_buffer, struct waybuf_use **out);

/** What a wl_surface.commit brings for waybuf_use_commit(). All pointers are borrowed for the call. */
struct waybuf_use_commit_info {
	/** the wl_surface */
	struct wl_resource *surface;
	/** there was a wl_surface.attach since the last commit */
	bool attached;
	/** with this wl_buffer; NULL: with none */
	struct wl_resource *buffer;
	/** who holds the commit back */
	struct waybuf_gate *gate;
	/** of this surface */
	struct waybuf_gate_queue *queue;
	/** for the gate's callbacks, which own it from then on; not NULL */
	void *commit;
};

/**
 * All that a commit asks of a compositor whose frames have one reader each, the screen: takes the
 * surface's points, begins a use of the buffer, latches it, and submits the commit to the gate with
 * the fences of both. The use keeps the release point, for waybuf_use_done().
 *
 * *use, best a field of the commit, is set before the gate is asked, because that may call fold()
 * with the commit as the newer one; NULL where there is no buffer, or not one of this library, which
 * is then the host's to find. In discard(), and for what a newer commit replaces, end the use.
 *
 * 1: ready, apply it now. 0: it waits, and the answer comes by callback. -EPROTO, -ENOMEM: the
 * client was told and is disconnected; nothing was kept, *use is NULL, the commit is the caller's.
 */
WAYBUF_EXPORT int waybuf_use_commit(
	const struct waybuf_use_commit_info *info, struct waybuf_use **use);

/** The buffer, borrowed while the use lasts; NULL if there is none (inert). */
WAYBUF_EXPORT struct waybuf_buffer *waybuf_use_buffer(struct waybuf_use *use);

/**
 * What to show now, at latch, into *grant (borrowed until the use ends): grant->fence must signal
 * before grant->layout is read. Can be called again; a newer generation may have come. 0, or
 * -ENODATA: nothing to show, keep the last frame; -ENOMEM: nothing can be shown now.
 */
WAYBUF_EXPORT int waybuf_use_latch(struct waybuf_use *use, struct waybuf_grant *grant);

/**
 * The commit came with points (waybuf_syncobj_points.is_explicit): latches do not wait for the
 * implicit fences of the dma-buf, and waybuf_use_done() leaves none there.
 */
WAYBUF_EXPORT void waybuf_use_set_explicit(struct waybuf_use *use);

/**
 * The frame was displaced: nobody begins to read it any more, and reading is over when @fence
 * (referenced; NULL: now) settles. To be called when that is known, which on a screen is at the
 * displacing commit, before the flip: the next one who maps the buffer for writing is granted it
 * with the fence, for clients that know of implicit fences only it is put on the dma-bufs
 * (waybuf_dmabuf_import_fence()), and the release point of waybuf_use_commit() gets it. The grant
 * of the latch is not valid any more. Only the first call does something; NULL use is a no-op.
 */
WAYBUF_EXPORT void waybuf_use_done(struct waybuf_use *use, struct waybuf_fence *fence);

/**
 * The end of the use, after waybuf_use_done(), which is called with @fence if it has not been. With
 * the last use of the wl_buffer wl_buffer.release is sent, unless the client has destroyed it.
 * Clients exist that take this event for the end of all reading and look at no fences, so it
 * belongs after the flip. NULL use is a no-op.
 */
WAYBUF_EXPORT void waybuf_use_end(struct waybuf_use *use, struct waybuf_fence *fence);

#ifdef __cplusplus
}
#endif

#endif
