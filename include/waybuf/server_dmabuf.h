/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_SERVER_DMABUF_H
#define WAYBUF_SERVER_DMABUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <waybuf/buffer.h>
#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * linux-dmabuf: feedback tells clients what they should allocate, for each surface by what came of
 * showing it; and the dma-bufs that they come with are made wl_buffers.
 *
 * The thread and the rules are those of waybuf/server.h, which includes this one.
 */

struct waybuf_server;
struct waybuf_use;
struct wl_client;
struct wl_resource;

/** The global zwp_linux_dmabuf_v1. */
struct waybuf_server_dmabuf;

/* ---- feedback ------------------------------------------------------------------------------ */

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

/* ---- buffers of clients -------------------------------------------------------------------- */

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

/* ---- the global ---------------------------------------------------------------------------- */

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

#ifdef __cplusplus
}
#endif

#endif
