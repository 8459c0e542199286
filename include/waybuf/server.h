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
 * planes.
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
/** The global zwp_linux_dmabuf_v1. */
struct waybuf_server_dmabuf;
/** The global waybuf_allocator_v1. */
struct waybuf_server_allocator;
/** The global waybuf_monitor_v1. */
struct waybuf_server_monitor;
/** The global wp_linux_drm_syncobj_manager_v1. */
struct waybuf_server_syncobj;
/** The release point of one commit. */
struct waybuf_release_point;
/** A report of the monitor, while it is made. */
struct waybuf_report;
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

/* ---- zwp_linux_dmabuf_v1 ------------------------------------------------------------------- */

/** A kind of image. */
struct waybuf_dmabuf_pair {
	/** DRM_FORMAT_* */
	uint32_t format;
	/** DRM_FORMAT_MOD_* */
	uint64_t modifier;
};

/**
 * The protocol's tranche flags; a flag that a client's version does not know is not sent to it. A
 * tranche without flags is for sampling, that is for whatever composes, a CPU too. If no tranche is,
 * those of the main device are it as well: version 6 wants one.
 */
enum waybuf_tranche_flags {
	/** for planes of the display */
	WAYBUF_TRANCHE_SCANOUT = 1,
	/** for what composes */
	WAYBUF_TRANCHE_SAMPLING = 2,
};

/** Pairs of equal preference, for one device. */
struct waybuf_tranche {
	/** the device */
	dev_t target;
	/** enum waybuf_tranche_flags */
	uint32_t flags;
	/** what it takes */
	const struct waybuf_dmabuf_pair *pairs;
	/** how many there are */
	size_t n_pairs;
};

/**
 * What clients should allocate: tranches in descending preference. A pair that an earlier tranche of
 * the same target and flags has is not sent again.
 */
struct waybuf_feedback {
	/** some tranche must have this target; told to clients of version 5 and below */
	dev_t main_device;
	/** the best first */
	const struct waybuf_tranche *tranches;
	/** how many there are */
	size_t n_tranches;
};

/** How waybuf_server_probe_pairs() finds out. */
struct waybuf_probe {
	/** pixels of the images that are tried; for a plane those of its mode */
	uint32_t width, height;
	/**
	 * Required. Imports memory of this layout (borrowed, not drawn) for real, and lets it go
	 * again. 0: it was imported; or a negative errno.
	 */
	int (*import_test)(void *data, const struct waybuf_layout *layout);
	/** passed to it */
	void *data;
};

/**
 * Keeps of the @n @pairs those of which an image really can be imported, for a list that clients
 * see: what a driver says it takes it may refuse all the same. Every exporter of this machine makes
 * an image of each, until the test takes one: dma-heaps, udmabuf, and by way of the server's drm_fd
 * dumb buffers and gbm, whichever of them the allocator has. Linear pairs can be tried anywhere,
 * others where gbm makes them.
 *
 * It blocks while memory is made, some milliseconds for each frame's worth: for the start, and for
 * new hardware. The number of pairs that were kept, in their order at the front of the array, which
 * may be 0; -EINVAL (no test, no size, more than 65535 pairs), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_probe_pairs(struct waybuf_server *server,
	const struct waybuf_probe *probe, struct waybuf_dmabuf_pair *pairs, size_t n);

/** The protocol's flags of a wl_buffer made from dma-bufs. */
enum waybuf_dmabuf_flags {
	/** the rows begin at the bottom */
	WAYBUF_DMABUF_Y_INVERT = 1,
	/** every other row is of another time */
	WAYBUF_DMABUF_INTERLACED = 2,
	/** and the lower of two rows is the earlier one */
	WAYBUF_DMABUF_BOTTOM_FIRST = 4,
};

/** A client wants a wl_buffer of its dma-bufs. All pointers are borrowed for the call. */
struct waybuf_dmabuf_import {
	/** who it is */
	struct wl_client *client;
	/** its fds are dma-bufs, its layout is valid and lies in them, its pair was advertised */
	struct waybuf_buffer *buffer;
	/** enum waybuf_dmabuf_flags */
	uint32_t flags;
	/** the client has said who is to sample it; if not, whoever can */
	bool has_device;
	/** the target of a sampling tranche of today, or another node of that device */
	dev_t device;
};

/** What an import test says of a buffer that can be imported. */
enum waybuf_import_result {
	/** this one can; ask again for the next */
	WAYBUF_IMPORT_ONE = 0,
	/**
	 * and so can all of its kind: by this device, from this exporter of the kernel's, with this
	 * format, modifier and flags. The next ones are taken without a test; import them when they
	 * are first used. For hosts that can do something else then, see
	 * waybuf_server_dmabuf_import_failed(). Forgotten with every change of the default feedback
	 */
	WAYBUF_IMPORT_KIND = 1,
};

/** What is offered by linux-dmabuf. */
struct waybuf_server_dmabuf_options {
	/** the default feedback, copied; required, with 1 to 65535 pairs in all */
	const struct waybuf_feedback *feedback;
	/** passed to the callbacks, borrowed while the global exists */
	void *data;
	/**
	 * Whether the renderer and the display can take the buffer at all: enum
	 * waybuf_import_result, or a negative errno: the client is told `failed` and goes on, and
	 * the reason is in the log and in the monitor's report. NULL: buffers without flags are
	 * taken, others are not.
	 */
	int (*import_test)(void *data, const struct waybuf_dmabuf_import *import);
	/**
	 * the highest version to offer; 0: the highest there is, 6, or that of the protocol file
	 * that the library was built with
	 */
	uint32_t version;
	/**
	 * ms that a surface must be the same for, as waybuf_server_dmabuf_set_plane_result() tells,
	 * before its feedback is another one; 0: 1000
	 */
	uint32_t settle_ms;
};

/**
 * Offers zwp_linux_dmabuf_v1. 0, -EINVAL (no feedback, none for its main device, or an empty
 * tranche), -EEXIST (the server has one), -ENOMEM, or the errno of memfd_create().
 */
WAYBUF_EXPORT int waybuf_server_dmabuf_create(struct waybuf_server *server,
	const struct waybuf_server_dmabuf_options *options, struct waybuf_server_dmabuf **out);

/** Withdraws the global. Buffers stay valid. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_server_dmabuf_destroy(struct waybuf_server_dmabuf *dmabuf);

/**
 * Replaces the default feedback (copied), and tells those who listen if it is another one. On
 * failure the former stays. Errors as for create.
 */
WAYBUF_EXPORT int waybuf_server_dmabuf_set_feedback(
	struct waybuf_server_dmabuf *dmabuf, const struct waybuf_feedback *feedback);

/**
 * Gives @surface, a wl_surface, feedback of its own (copied), or with NULL the default again. Kept
 * until the surface is destroyed, told to its feedback objects of today and tomorrow. Errors as for
 * create.
 */
WAYBUF_EXPORT int waybuf_server_dmabuf_set_surface_feedback(struct waybuf_server_dmabuf *dmabuf,
	struct wl_resource *surface, const struct waybuf_feedback *feedback);

/** What came of showing a surface by a plane of its own. */
enum waybuf_plane_result {
	/** whatever its client allocates: covered, scaled, hidden, no plane is free */
	WAYBUF_PLANE_CANNOT,
	/** only its buffer is in the way: another format, modifier or memory could do */
	WAYBUF_PLANE_COULD,
	/** it is on a plane */
	WAYBUF_PLANE_SHOWN,
};

/**
 * Says what came of @surface in a frame, each frame or when it is something else; also when it is
 * hidden. From this the library decides what the client is told: a scanout tranche with the pairs of
 * @plane, before its other feedback, once the surface could go on the plane for a while; no longer
 * once it cannot, or once that did not help. What is on a plane already is told nothing new, and who
 * keeps changing is told ever more slowly. Pairs that no sampling tranche has are left out: they
 * could not be composed.
 *
 * @plane is borrowed for the call; its flags are not looked at. Required for WAYBUF_PLANE_COULD, and
 * best the one that was tried; else ignored. 0, -EINVAL (there are no pairs), -ENOMEM, or the errno
 * of the timer's making: nothing changes, and the next call tries again.
 */
WAYBUF_EXPORT int waybuf_server_dmabuf_set_plane_result(struct waybuf_server_dmabuf *dmabuf,
	struct wl_resource *surface, enum waybuf_plane_result result,
	const struct waybuf_tranche *plane);

/**
 * A buffer that was taken could not be imported when it was used, with @error, a negative errno: no
 * fault that the client could be told of. Keep its last frame, or copy it with the CPU. Its kind is
 * tested again from now on, and the monitor's report has it. So is an fd found out that was opened by
 * O_PATH, which says of no kind anything: neither a device nor the CPU can use it.
 */
WAYBUF_EXPORT void waybuf_server_dmabuf_import_failed(
	struct waybuf_server_dmabuf *dmabuf, struct waybuf_use *use, int error);

/* ---- wp_linux_drm_syncobj_manager_v1 ------------------------------------------------------- */

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

/**
 * A gate (waybuf/gate.h) on the server's event loop, to be destroyed before the server. @ops is
 * copied. 0, -EINVAL (an operation is missing), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_gate_create(
	struct waybuf_server *server, const struct waybuf_gate_ops *ops, struct waybuf_gate **out);

/* ---- waybuf_allocator_v1 ------------------------------------------------------------------- */

/** What is offered by the allocator. */
struct waybuf_server_allocator_options {
	/**
	 * This process is the compositor that shows the buffers, and routes its commits through
	 * waybuf_use_begin() and its latch through waybuf_use_latch()
	 */
	bool integrated;
	/** passed to the callbacks, borrowed while the global exists */
	void *data;
	/**
	 * What an attachment of kind display must meet, and prefers: renderer and planes; its
	 * import_test sees what the renderer, the planes, or both get. Borrowed while the global
	 * exists. Not looked at unless @integrated; NULL: a display attachment adds nothing but its
	 * access.
	 */
	const struct waybuf_server_device_ops *display;
	/**
	 * Path of a file, made with mode 0600 if it is not there, with the key of the tickets by
	 * which clients give their memory back when this server has been restarted, see the
	 * restore capability of the protocol. It should be in the service's runtime folder, and
	 * have a name of its own for each socket; a server that uses it keeps others from it, and
	 * leaves it behind. If it cannot be used (logged as an error), or the library was built
	 * without nettle, whoever comes with a ticket is told so, and all else works. Borrowed for
	 * the call; NULL: no tickets.
	 */
	const char *ticket_file;
};

/**
 * Offers waybuf_allocator_v1. @options may be NULL: a service that shows nothing. 0, -EEXIST (the
 * server has one), -EINVAL (a display without constraints), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_allocator_create(struct waybuf_server *server,
	const struct waybuf_server_allocator_options *options,
	struct waybuf_server_allocator **out);

/** Withdraws the global; pools go on. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_server_allocator_destroy(struct waybuf_server_allocator *allocator);

/* ---- waybuf_monitor_v1 --------------------------------------------------------------------- */

/** What the host adds to reports. */
struct waybuf_server_monitor_options {
	/** passed to the callbacks, borrowed while the global exists */
	void *data;
	/**
	 * Adds lines to an `info` report, after those of the library: planes, outputs, whatever
	 * the host has. NULL: nothing.
	 */
	void (*info)(void *data, struct waybuf_report *report);
	/**
	 * Adds a line for each surface of this id (of its wl_surface) or with a buffer of this id,
	 * about what it waits for, to a `why` report. False: there is none. NULL: nothing is shown.
	 */
	bool (*why)(void *data, struct waybuf_report *report, uint32_t id);
	/**
	 * Switches the output @name (borrowed for the call; NULL: all that there are) off, or on
	 * again, at once or as soon as what is under way is over, and calls
	 * waybuf_server_monitor_tell_power() for each that it concerns, also if it was so already.
	 * 0, -ENOENT: there is none; -ENODEV: its device is gone; any other negative errno: it cannot
	 * be switched. On failure nothing was changed. NULL: this host switches none, which clients
	 * are told.
	 */
	int (*power)(void *data, const char *name, bool on);
};

/**
 * Offers waybuf_monitor_v1 to connections of our own user outside security contexts. @options may
 * be NULL. 0, -ENOTSUP (the server has no security_context callback), -EEXIST (it has a monitor),
 * -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_server_monitor_create(struct waybuf_server *server,
	const struct waybuf_server_monitor_options *options, struct waybuf_server_monitor **out);

/**
 * Tells every client of @monitor (NULL is a no-op) that the output @name (borrowed for the call, not
 * NULL) is to be on (@on), or off: whenever that changes, whoever has wanted it, and as an answer
 * within the callback `power`.
 */
WAYBUF_EXPORT void waybuf_server_monitor_tell_power(
	struct waybuf_server_monitor *monitor, const char *name, bool on);

/** Withdraws the global. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_server_monitor_destroy(struct waybuf_server_monitor *monitor);

/**
 * Adds one line: @json, the text of one JSON object without a newline, copied. By convention its
 * key "type" says what it describes. 0, -EINVAL (no JSON object), -ENOMEM; the report goes on
 * without the line.
 */
WAYBUF_EXPORT int waybuf_report_add(struct waybuf_report *report, const char *json);

/* ---- trace ----------------------------------------------------------------------------------- */

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
