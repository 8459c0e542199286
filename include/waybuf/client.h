/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_CLIENT_H
#define WAYBUF_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <waybuf/buffer.h>
#include <waybuf/constraints.h>
#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The client library: buffers that fit the compositor, the display and this program, from the
 * Wayland socket alone. On a compositor without an allocator the same calls give memory of a waybufd
 * beside it, found at WAYBUF_DISPLAY (a name in XDG_RUNTIME_DIR, or an absolute path; "none": not
 * wanted) or else at waybuf-0. Without that they give memory of this process: by /dev/udmabuf, the one
 * device node that is ever opened, or for wl_shm. waybuf_client_pool_get_path() tells.
 *
 *	waybuf_client_connect(NULL, &client);
 *	waybuf_client_pool_create(client, &(struct waybuf_client_pool_options){
 *		.width = 1024, .height = 768, .name = "paint", .display = true }, &pool);
 *	for (;;) {
 *		waybuf_client_pool_acquire(pool, 1000, &buffer);
 *		waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image);
 *		draw(image.planes[0].data, image.planes[0].stride);
 *		waybuf_client_buffer_end_cpu(buffer);
 *		waybuf_client_buffer_present(buffer, surface);
 *	}
 *
 * A pool declares images; memory appears with the first acquire, where everybody who takes part can
 * reach it. An acquired buffer belongs to the caller until present or release. Present hands it to
 * the surface and asks for it again at once, so that the next acquire finds it when the display is
 * done with it. Calls in any other order change nothing and return -EINVAL.
 *
 * Threads: one client with its pools and buffers is used by one thread at a time. Different clients
 * are independent. The library has an event queue of its own on the connection, so other threads
 * may dispatch other queues of the same wl_display meanwhile, as libwayland allows.
 *
 * Waits: every call that waits has a limit in milliseconds, and runs none of the program's own
 * Wayland listeners while it waits.
 *
 * Errors are negative errnos. waybuf_client_error() has the sentence that belongs to the last one.
 * What the server refuses arrives as
 *
 *	-EOPNOTSUPP  the constraints cannot be met here, others may; or the server does not do this
 *	-E2BIG       the search for a layout ran out of budget
 *	-ENOMEM      no memory              -EDQUOT     over this client's quota
 *	-EMFILE      no file descriptors    -ETIMEDOUT  another participant was late
 *	-EACCES      denied                 -ENODEV     the device is gone
 *	-ESHUTDOWN   the pool has ended     -EIO        any other reason
 *
 * and a connection that broke as -EPIPE, or -EPROTO after a protocol error; from then on every call
 * that needs a server fails with that, until waybuf_client_reconnect(). What was acquired can still
 * be looked at and closed, and everything be destroyed.
 *
 * A server that is restarted takes everybody's connection along, and no memory: the library keeps a
 * ticket beside each fd, with which the next server takes the memory back, contents and all:
 *
 *	ret = waybuf_client_pool_acquire(pool, 1000, &buffer);
 *	if (ret == -EPIPE) {
 *		destroy surfaces and whatever else was made on the connection
 *		ret = waybuf_client_reconnect(client, NULL, 5000);
 *		make surfaces again, on waybuf_client_get_display()
 *	}
 */

/** A connection, and what was made on it. */
struct waybuf_client;
/** A few images of one kind. */
struct waybuf_client_pool;
/** One of the images of a pool. */
struct waybuf_client_buffer;

struct wl_display;
struct wl_surface;

/* ---- connection ---------------------------------------------------------------------------- */

/** What the server can do; the numbers are those of the protocol's `capabilities` event. */
enum waybuf_client_capability {
	/** fences travel as sync_files */
	WAYBUF_CLIENT_SYNC_FILE = 1,
	/** fences travel as timeline points */
	WAYBUF_CLIENT_TIMELINES = 2,
	/** the server is the compositor that shows the buffers */
	WAYBUF_CLIENT_INTEGRATED = 4,
	/** buffers outlive a restart of the server */
	WAYBUF_CLIENT_RESTORE = 8,
};

/**
 * Opens a connection of the client's own. @name is a socket name or path as for
 * wl_display_connect(), NULL for WAYLAND_DISPLAY. Waits at most 5 s for the server, and at most 2 s
 * for a service beside it. 0, the errno of the connect, -EOPNOTSUPP if the server has neither an
 * allocator nor linux-dmabuf nor wl_shm, -ETIMEDOUT, -ENOMEM, -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_connect(const char *name, struct waybuf_client **out);

/**
 * The same on @display, a connection of the caller's, borrowed: it must outlive the client. Events
 * of the caller's own queues are read from the socket but not dispatched. Errors as for
 * waybuf_client_connect().
 */
WAYBUF_EXPORT int waybuf_client_connect_to_display(
	struct wl_display *display, struct waybuf_client **out);

/**
 * Destroys the client with the pools and imports it still has. A connection of its own is closed, so
 * what the caller made on it (surfaces) must be gone. On a connection of the caller's, an import that
 * was not answered in time is left to the default queue until the compositor answers it: if that is not
 * dispatched, or the compositor never answers, some hundred bytes stay behind. NULL is a no-op.
 */
WAYBUF_EXPORT void waybuf_client_destroy(struct waybuf_client *client);

/**
 * Connects again, after the connection broke or because the caller wants to, with the pools that
 * there are: they and the client stay what they are, and @name is as for connect. Tries for
 * @timeout_ms until a server is there; then waits at most 5 s for its answers.
 *
 * All buffers that the caller has acquired are given back, CPU access that is open is closed, and
 * layouts, images, fences and buffers got before are not to be used any more. Every buffer whose
 * memory the server takes back keeps its contents; the others are as if new, which the flag
 * WAYBUF_GRANT_FRESH of a later acquire tells. The first acquire of each pool gives the buffer that
 * was presented last, so that it can be shown at once. A pool that was shared may make its first
 * acquire wait for half a second. Tickets are for servers that were restarted: from one that still
 * runs pools may come back empty, as they end with the connection.
 *
 * A connection of the client's own is closed, so what the caller made on it (surfaces) must be gone
 * by then, as for destroy. A device that still writes to a buffer must be waited for before.
 *
 * 0; -EINVAL (negative time) or the errno of the connect: nothing has changed; otherwise, as for
 * connect, the old connection is gone and every call but the destroy ones fails with the error,
 * until another reconnect, which still has the memory of the pools that were not reached: -ETIMEDOUT,
 * -EOPNOTSUPP, -ENOMEM, -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_reconnect(
	struct waybuf_client *client, const char *name, int timeout_ms);

/**
 * The same on @display, a connection of the caller's, borrowed as for connect_to_display. If the
 * former one was the caller's, too, it must still be there, and may go afterwards, or stay as after
 * waybuf_client_destroy(). Errors as for waybuf_client_reconnect().
 */
WAYBUF_EXPORT int waybuf_client_reconnect_to_display(
	struct waybuf_client *client, struct wl_display *display);

/** The connection, borrowed, for the caller's own objects. Never NULL. */
WAYBUF_EXPORT struct wl_display *waybuf_client_get_display(struct waybuf_client *client);

/**
 * Returns an fd that polls readable when there is something to dispatch; borrowed, O_CLOEXEC, and
 * the same until a reconnect. It is an epoll fd where a service beside the compositor may have a
 * connection of its own, so poll it for POLLIN only.
 */
WAYBUF_EXPORT int waybuf_client_get_fd(const struct waybuf_client *client);

/**
 * Sends what is pending, waits at most @timeout_ms for events (0: does not wait), and handles those
 * of the library. On a connection of the client's own this also dispatches the default queue, that
 * is, the caller's listeners; it must not be called from one. The number of events, 0 when the time
 * is over, -EINVAL (negative time), -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_dispatch(struct waybuf_client *client, int timeout_ms);

/**
 * Sends what is pending. 0; -EAGAIN: a socket is full, and the rest goes with the next flush, dispatch
 * or acquire; -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_flush(struct waybuf_client *client);

/** enum waybuf_client_capability bits, as of the last dispatch. */
WAYBUF_EXPORT uint32_t waybuf_client_get_capabilities(const struct waybuf_client *client);

/**
 * One line of text for the last call that failed on @client, its pools and buffers, with the
 * requirements that clash where that is the reason. NULL @client: for the last connect that failed
 * in this thread. Never NULL; valid until the next call.
 */
WAYBUF_EXPORT const char *waybuf_client_error(const struct waybuf_client *client);

/** A kind of image. */
struct waybuf_client_format {
	/** DRM_FORMAT_* */
	uint32_t format;
	/** DRM_FORMAT_MOD_* */
	uint64_t modifier;
};

/**
 * What the compositor says that it shows, in no order, by linux-dmabuf; or by wl_shm, as
 * DRM_FORMAT_MOD_LINEAR, where it has neither that nor an allocator. It may say something else as time
 * goes by: *out is an array, borrowed until the next call with the client; the number of its elements.
 * 0: it does not say, and what it takes shows only when a pool asks for it. An allocator may make other
 * kinds for it, too, in memory that is no dma-buf.
 */
WAYBUF_EXPORT size_t waybuf_client_get_formats(
	const struct waybuf_client *client, const struct waybuf_client_format **out);

/* ---- pools --------------------------------------------------------------------------------- */

/** What a pool is to be. */
struct waybuf_client_pool_options {
	/** pixels, 1 to 65536 */
	uint32_t width, height;
	/** buffers, 1 to 64; 0 means 2. Participants that hold more can raise it */
	uint32_t count;
	/** for people, at most 64 bytes of UTF-8; NULL means none */
	const char *name;
	/**
	 * what this program needs, referenced for the call only; NULL means that its CPU reads and
	 * writes linear DRM_FORMAT_XRGB8888
	 */
	struct waybuf_constraints *constraints;
	/**
	 * the buffers are for surfaces: also ask for what the compositor and its display need. The
	 * constraints must then have an ACCESS that reads: what a program may not see it cannot show
	 */
	bool display;
};

/**
 * Declares a pool. Sends requests and waits for nothing: what an allocator refuses is the result of
 * an acquire. 0, -EINVAL (a value out of range; no ACCESS that writes), -EOPNOTSUPP (no path leads
 * from memory as it is wanted to who shows it; the error has all reasons), -ENOMEM, -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_pool_create(struct waybuf_client *client,
	const struct waybuf_client_pool_options *options, struct waybuf_client_pool **out);

/**
 * Gives everything back, acquired buffers included, and closes what is open of them. Destroy
 * surfaces that show one, or commit something else to them, before: the Wayland protocol leaves it
 * to the compositor what a surface shows whose wl_buffer is gone. NULL is a no-op.
 */
WAYBUF_EXPORT void waybuf_client_pool_destroy(struct waybuf_client_pool *pool);

/** Where the memory of a pool comes from, and how it reaches the compositor. */
enum waybuf_client_path {
	/** the allocator of the compositor that shows it, or a module in it */
	WAYBUF_CLIENT_PATH_COMPOSITOR = 0,
	/** a waybufd beside the compositor, which gets it through linux-dmabuf; also after its end */
	WAYBUF_CLIENT_PATH_SERVICE = 1,
	/** this process, by /dev/udmabuf, and linux-dmabuf */
	WAYBUF_CLIENT_PATH_UDMABUF = 2,
	/** this process, and wl_shm: only the CPU draws, and the compositor copies */
	WAYBUF_CLIENT_PATH_SHM = 3,
};

/**
 * The best of them that is there, chosen when the pool is created. Of udmabuf the compositor's last
 * word comes with the first buffer that is presented: if it says no, the same memory goes on through
 * wl_shm. A restart of the server may change it, too. WAYBUF_LOG_INFO tells of each choice.
 */
WAYBUF_EXPORT enum waybuf_client_path waybuf_client_pool_get_path(
	const struct waybuf_client_pool *pool);

/** One line of text: why it is that path and no better one. Borrowed until the next call. */
WAYBUF_EXPORT const char *waybuf_client_pool_get_path_reason(const struct waybuf_client_pool *pool);

/** Two or three words for people: "udmabuf". Static, never NULL. */
WAYBUF_EXPORT const char *waybuf_client_path_name(enum waybuf_client_path path);

/** The number of buffers, as of the last dispatch. */
WAYBUF_EXPORT uint32_t waybuf_client_pool_get_count(const struct waybuf_client_pool *pool);

/** The number of buffers whose memory the server took back at the last reconnect; 0 before. */
WAYBUF_EXPORT uint32_t waybuf_client_pool_get_restored(const struct waybuf_client_pool *pool);

/**
 * Takes a buffer for writing. Prefers one that is ready; else asks for one that was never used,
 * which makes its memory; else waits for one to come back from the display, at most @timeout_ms.
 * *out is borrowed from the pool, and the caller's to use until present or release. 0; -EAGAIN if
 * @timeout_ms is 0 and none is ready: try again after the next dispatch; -ETIMEDOUT; -EINVAL
 * (negative time); -EBUSY: the caller holds all buffers; or what the server answered, see the top.
 */
WAYBUF_EXPORT int waybuf_client_pool_acquire(
	struct waybuf_client_pool *pool, int timeout_ms, struct waybuf_client_buffer **out);

/**
 * Asks the server why the storage is as it is: lines of JSON. Waits at most @timeout_ms for the
 * answer. *out is to be freed with free(). 0, -EOPNOTSUPP (no allocator is part of it), -ETIMEDOUT,
 * -EINVAL (negative time), -EIO (the answer is no readable file), -ENOMEM, -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_pool_explain(
	struct waybuf_client_pool *pool, int timeout_ms, char **out);

/* ---- buffers ------------------------------------------------------------------------------- */

/** 0 to the count of the pool. */
WAYBUF_EXPORT uint32_t waybuf_client_buffer_get_index(const struct waybuf_client_buffer *buffer);

/**
 * Where the image is; the fds in it are borrowed. Valid until the buffer is presented or released;
 * its generation tells whether it is the same as last time. NULL unless acquired.
 */
WAYBUF_EXPORT const struct waybuf_layout *waybuf_client_buffer_get_layout(
	const struct waybuf_client_buffer *buffer);

/** enum waybuf_grant_flags: what the contents are. 0 unless acquired. */
WAYBUF_EXPORT uint32_t waybuf_client_buffer_get_flags(const struct waybuf_client_buffer *buffer);

/** The number that the write will have in the buffer's history. 0 unless acquired. */
WAYBUF_EXPORT uint64_t waybuf_client_buffer_get_serial(const struct waybuf_client_buffer *buffer);

/**
 * What a device must wait for before it writes: a sync_file, borrowed until the buffer is presented
 * or released. -1: nothing. begin_cpu waits for it by itself.
 */
WAYBUF_EXPORT int waybuf_client_buffer_get_fence(const struct waybuf_client_buffer *buffer);

/** One plane as the CPU sees it. */
struct waybuf_client_plane {
	/** first byte of the first row */
	void *data;
	/** bytes from one row to the next */
	uint32_t stride;
	/** rows that exist, padding included */
	uint32_t rows;
};

/** A mapped image. */
struct waybuf_client_image {
	/** pixels */
	uint32_t width, height;
	/** DRM_FORMAT_* */
	uint32_t format;
	/** 1 to WAYBUF_MAX_PLANES */
	uint32_t n_planes;
	/** in the order of the format */
	struct waybuf_client_plane planes[WAYBUF_MAX_PLANES];
};

/**
 * Opens the buffer to the CPU: waits for the fence (at most 5 s), maps, brackets with
 * DMA_BUF_IOCTL_SYNC. @image is filled, and valid until end_cpu. A mapping costs once per buffer
 * and generation. 0; -EINVAL: not acquired, open already, or not linear; -ETIMEDOUT; or the errno
 * of mmap() or the ioctl; on failure nothing is open.
 */
WAYBUF_EXPORT int waybuf_client_buffer_begin_cpu(struct waybuf_client_buffer *buffer,
	enum waybuf_direction direction, struct waybuf_client_image *image);

/** Closes it again. 0; -EINVAL: it is not open; or the errno of the ioctl, and it is closed. */
WAYBUF_EXPORT int waybuf_client_buffer_end_cpu(struct waybuf_client_buffer *buffer);

/**
 * Shows the buffer: ends the write, attaches the buffer to @surface (borrowed, on the client's
 * connection), marks all of it as damaged, commits, flushes, and asks for the buffer again. State
 * that the caller has set on the surface before (a frame callback, a viewport) is part of the
 * commit. Afterwards the buffer is no longer the caller's.
 *
 * 0; -EINVAL: not acquired, open to the CPU, no @surface, or no pool with `display`; otherwise the
 * buffer stays the caller's: -EOPNOTSUPP: the compositor does not import it after all, or lists its
 * kind no longer: release it, and an acquire when the caller has no buffer of the pool gives one of
 * another kind, if there is any, while what is shown stays where it is until the compositor gives it
 * back; -ETIMEDOUT: it did not answer the import within 5 s; -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_buffer_present(
	struct waybuf_client_buffer *buffer, struct wl_surface *surface);

/**
 * Ends the write and goes on as a reader: what a decoder does with a frame that it still refers to
 * while the screen shows it. An open CPU scope becomes one of WAYBUF_READ, at the same addresses;
 * another may be opened later, with WAYBUF_READ only. From here on present shows the buffer, as often
 * as it is called and with the scope open, and leaves it with the caller; release gives it back, and
 * asks for it again at once. Nobody writes to it before that, and the memory stays where it is.
 *
 * The caller's constraints must allow it to read. 0; -EINVAL: not acquired, shared already, or of a
 * swapchain; the errno of the ioctl that closes the scope, -EPIPE, -EPROTO: nothing is shared.
 */
WAYBUF_EXPORT int waybuf_client_buffer_share(struct waybuf_client_buffer *buffer);

/** Gives the buffer back without showing it. 0, or -EINVAL: not acquired, or open to the CPU. */
WAYBUF_EXPORT int waybuf_client_buffer_release(struct waybuf_client_buffer *buffer);

/* ---- memory of others ---------------------------------------------------------------------- */

/*
 * Dma-bufs that somebody else has exported, a hardware decoder or a camera, shown where they are:
 *
 *	waybuf_client_import_create(client, &layout, &import);     ... once for each of its buffers
 *	waybuf_client_import_present(import, surface);
 *	... the exporter must not write again while waybuf_client_import_is_busy(import) ...
 *
 * There is no pool, and nobody was asked what fits: the compositor takes the memory as it is or not
 * at all. Fences are the implicit ones of the dma-bufs.
 */
struct waybuf_client_import;

/**
 * Makes memory known to the compositor. @layout is borrowed for the call, and of it the size, format,
 * modifier, planes and memories, whose fds are duplicated on their way. Waits at most 5 s for the
 * answer. 0; -EINVAL: no planes, planes outside of their memory, no room for the image in them, or
 * memory that is no dma-buf; the errno of lseek() on a memory; -EOPNOTSUPP: the compositor has no
 * linux-dmabuf, does not take this, or has version 4 and does not list the format with the modifier, and
 * is not asked, since that would end the connection; -ETIMEDOUT, -ENOMEM, -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_import_create(struct waybuf_client *client,
	const struct waybuf_layout *layout, struct waybuf_client_import **out);

/**
 * Shows it on @surface (borrowed, on the client's connection), as waybuf_client_buffer_present() does;
 * also while it is busy. 0; -EINVAL: no @surface, or the connection is another one since; -EPIPE,
 * -EPROTO.
 */
WAYBUF_EXPORT int waybuf_client_import_present(
	struct waybuf_client_import *import, struct wl_surface *surface);

/**
 * Whether the compositor may be reading: from present until it has released what it was shown last, as
 * of the last dispatch. False if the connection is another one since.
 */
WAYBUF_EXPORT bool waybuf_client_import_is_busy(const struct waybuf_client_import *import);

/**
 * Forgets it; the memory is its exporter's as before. Surfaces as for waybuf_client_pool_destroy().
 * NULL is a no-op. waybuf_client_destroy() does it to those that are left.
 */
WAYBUF_EXPORT void waybuf_client_import_destroy(struct waybuf_client_import *import);

/* ---- swapchains ---------------------------------------------------------------------------- */

/*
 * A pool that belongs to a surface, for programs that draw with fences: a GPU's, or none at all.
 *
 *	waybuf_client_swapchain_acquire(chain, 1000, &buffer, &fence);
 *	... queue work on the image that waits for `fence`, and get a fence of its end ...
 *	waybuf_client_swapchain_submit(chain, buffer, done);
 *
 * Fences are sync_files in both directions, whatever they travel as: what EGL takes and gives as
 * EGL_ANDROID_native_fence_sync, and Vulkan as VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT. -1
 * says that there is nothing to wait for. The CPU need not care: begin_cpu waits by itself, and a
 * frame that the CPU has drawn is submitted with -1.
 */

/** A pool that shows its images on one surface. */
struct waybuf_client_swapchain;

/** How fences travel to those who show the images, and back. */
enum waybuf_client_fences {
	/**
	 * on the dma-bufs themselves, which costs nothing where drivers look there; for memory that
	 * takes no fences, submit waits for the work (at most 5 s)
	 */
	WAYBUF_CLIENT_FENCES_IMPLICIT = 0,
	/** as sync_files, through the allocator */
	WAYBUF_CLIENT_FENCES_FILES = 1,
	/** as timeline points, with each commit: linux-drm-syncobj-v1 */
	WAYBUF_CLIENT_FENCES_POINTS = 2,
};

/** What a swapchain is to be. */
struct waybuf_client_swapchain_options {
	/** the images; `display` is set by itself */
	struct waybuf_client_pool_options pool;
	/**
	 * borrowed, on the client's connection, to be destroyed after the swapchain. Nobody else may
	 * have made its wp_linux_drm_syncobj_surface_v1: that would be a protocol error
	 */
	struct wl_surface *surface;
	/**
	 * a DRM device, borrowed for the call: points need one with timelines. Any other fd, and -1,
	 * mean that there is none
	 */
	int drm_fd;
};

/**
 * Makes a swapchain, with the best way for fences that the compositor and this program both have:
 * points where the compositor offers them and @drm_fd is a device for them, else sync_files where
 * the server shows the images itself, else implicit. To be destroyed before the client. As
 * waybuf_client_pool_create(); also -EINVAL without a surface, -EMFILE, and what the kernel says to
 * a timeline.
 */
WAYBUF_EXPORT int waybuf_client_swapchain_create(struct waybuf_client *client,
	const struct waybuf_client_swapchain_options *options,
	struct waybuf_client_swapchain **out);

/** Gives the images back, as waybuf_client_pool_destroy(). NULL is a no-op. */
WAYBUF_EXPORT void waybuf_client_swapchain_destroy(struct waybuf_client_swapchain *chain);

/** How its fences travel. */
WAYBUF_EXPORT enum waybuf_client_fences waybuf_client_swapchain_get_fences(
	const struct waybuf_client_swapchain *chain);

/** The pool of its images, borrowed until the next resize, for explain and the like. */
WAYBUF_EXPORT struct waybuf_client_pool *waybuf_client_swapchain_get_pool(
	struct waybuf_client_swapchain *chain);

/**
 * Takes an image to draw into, and waits @timeout_ms for it at most. *fence is what a device must
 * wait for before it writes: a sync_file that is the caller's to close, or -1. The display may
 * still read the image then. As waybuf_client_pool_acquire(); also -EMFILE and -ENFILE. On failure
 * nothing is acquired.
 */
WAYBUF_EXPORT int waybuf_client_swapchain_acquire(struct waybuf_client_swapchain *chain,
	int timeout_ms, struct waybuf_client_buffer **out, int *fence);

/**
 * Shows an image when @fence signals: a sync_file of the work that draws it, *taken*, on failure,
 * too; or -1. An image that is not to be shown goes back with waybuf_client_buffer_release().
 *
 * As waybuf_client_buffer_present(); also -EBADF: @fence is no fd; -EINVAL: it is no sync_file, the
 * image is not one of the chain's present size, or the connection is another one since; -ETIME: the
 * work had to be waited for and did not end; -EMFILE, -ENFILE, and what the kernel says to a
 * timeline. After a failure the image is still the caller's.
 */
WAYBUF_EXPORT int waybuf_client_swapchain_submit(
	struct waybuf_client_swapchain *chain, struct waybuf_client_buffer *buffer, int fence);

/**
 * Images of @width times @height pixels from now on. Those that are shown stay until others are in
 * their place; those that the caller holds can only be released. As waybuf_client_pool_create(),
 * and on failure the chain is as it was.
 */
WAYBUF_EXPORT int waybuf_client_swapchain_resize(
	struct waybuf_client_swapchain *chain, uint32_t width, uint32_t height);

/**
 * Goes on with another @surface, such as one on a new connection: waybuf_client_reconnect() leaves
 * a chain with its images and without a surface. It and @drm_fd are as in the options. 0; -EINVAL:
 * no surface, or the one that it has; -ENOMEM, -EMFILE, or what the kernel says to a timeline: the
 * chain is as it was.
 */
WAYBUF_EXPORT int waybuf_client_swapchain_set_surface(
	struct waybuf_client_swapchain *chain, struct wl_surface *surface, int drm_fd);

#ifdef __cplusplus
}
#endif

#endif
