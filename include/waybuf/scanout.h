/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_SCANOUT_H
#define WAYBUF_SCANOUT_H

#include <stdint.h>

#include <waybuf/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Scanout: one plane of a display controller, for compositors that make their atomic commits
 * themselves. It answers what clients and the allocator ask of a display, and adds to the
 * compositor's own request what it takes to show a client's buffer.
 *
 *	waybuf_scanout_create(&(struct waybuf_scanout_options){drm_fd, crtc_id, 0}, &scanout);
 *	dmabuf_options.feedback = waybuf_scanout_feedback(scanout);
 *	dmabuf_options.import_test = waybuf_scanout_import_test;		data: the scanout
 *	allocator_options.display = waybuf_scanout_device_ops();	data: the scanout
 *
 * and for each frame
 *
 *	waybuf_scanout_add(scanout, use, request, &out_fence);
 *	drmModeAtomicCommit(drm_fd, request, flags, data);
 *
 * Three things are hard to get right without it. GEM handles are not counted within one open file:
 * a compositor that imports a dma-buf and closes the handle takes it from the exporters that work on
 * the same file, or from itself. Making a framebuffer costs more than showing a frame, so it has to
 * stay with the wl_buffer, for each memory that this has had. And a plane without an IN_FENCE_FD
 * waits for whatever some client has left on its dma-buf, and with it all other planes of that CRTC.
 *
 * The thread and the rules are those of waybuf/server.h.
 */

/** One plane. */
struct waybuf_scanout;

struct _drmModeAtomicReq;

/** Which plane it is. */
struct waybuf_scanout_options {
	/**
	 * Where the compositor commits, best the waybuf_server_options.drm_fd. Duplicated: it stays
	 * one open file, whose master the compositor is. DRM_CLIENT_CAP_ATOMIC is set on it.
	 */
	int drm_fd;
	/** the CRTC that it is shown by */
	uint32_t crtc_id;
	/** 0: the first primary plane that can be on the CRTC */
	uint32_t plane_id;
};

/**
 * Takes hold of a plane. Its CRTC must be on, and the file master: what the plane takes is found by
 * trying, once, which may take some milliseconds (waybuf_server_probe_pairs()). 0; -ENODEV (no such
 * CRTC, or no such plane for it), -ENOTCONN (it is off), -ENOTSUP (no atomic KMS, or the plane
 * takes nothing that this machine can make, for example because the file is not master), -ENOMEM,
 * or the errno of the dup or of an ioctl.
 */
WAYBUF_EXPORT int waybuf_scanout_create(
	const struct waybuf_scanout_options *options, struct waybuf_scanout **out);

/**
 * Lets it go. All uses that were added must have ended. Framebuffers that are still on the display
 * stay there until they are replaced. NULL is a no-op.
 */
WAYBUF_EXPORT void waybuf_scanout_destroy(struct waybuf_scanout *scanout);

/**
 * One scanout tranche with the pairs of which the plane has really taken an image; borrowed while the
 * scanout exists. As a default feedback it says that nothing is composed, which version 6 calls
 * sampling by the display as well; beside a renderer its tranche is for
 * waybuf_server_dmabuf_set_plane_result().
 */
WAYBUF_EXPORT const struct waybuf_feedback *waybuf_scanout_feedback(
	const struct waybuf_scanout *scanout);

/**
 * What a plane needs, and a test of it, for waybuf_server_add_device() and
 * waybuf_server_allocator_options.display; their data is the scanout.
 */
WAYBUF_EXPORT const struct waybuf_server_device_ops *waybuf_scanout_device_ops(void);

/**
 * Whether the plane takes memory like @layout (borrowed): a framebuffer, and a TEST_ONLY commit at
 * 0,0 of as much of it as the CRTC's mode has room for, over what it shows now. Remembered by kind:
 * format, modifier, exporter, class of size and stride; refusals of foreign memory are not. 0;
 * -ENOTCONN (the CRTC is off); -EACCES (not master now); -EINVAL, or what the driver said.
 */
WAYBUF_EXPORT int waybuf_scanout_test(
	struct waybuf_scanout *scanout, const struct waybuf_layout *layout);

/**
 * waybuf_scanout_test() as waybuf_server_dmabuf_options.import_test, with the scanout as @data, for
 * hosts that show by this plane alone: what it does not take is `failed`. What it takes in the mode
 * that the CRTC had when the library last looked (in waybuf_scanout_add(), or when something had to
 * be tried) is not asked again: not even whether it is on. -EOPNOTSUPP for flags.
 */
WAYBUF_EXPORT int waybuf_scanout_import_test(void *data, const struct waybuf_dmabuf_import *import);

/**
 * Adds to @request what shows, at 0,0, unscaled and cut to the mode, what the last
 * waybuf_use_latch() of @use has granted; latches first if none has. The fences of the grant are
 * not waited for, and nor are any others: that is the gate's part. Of properties that are added
 * twice libdrm takes the later, so another place on the screen can be added after this.
 *
 * @out_fence, which may be NULL, is what the commit (not a test) writes a sync_file to, the caller's
 * to close: it signals when what the commit displaces is not read any more. It is set to -1 here.
 *
 * The framebuffer is kept with the wl_buffer and the use.
 *
 * 0; -ENODATA (there is nothing to show, keep
 * the last frame), -ENOTCONN (the CRTC is off), -EINVAL (no framebuffer of this device), -ENOMEM, or
 * the errno of the import. On failure @request may have got some of the properties.
 */
WAYBUF_EXPORT int waybuf_scanout_add(struct waybuf_scanout *scanout, struct waybuf_use *use,
	struct _drmModeAtomicReq *request, int *out_fence);

#ifdef __cplusplus
}
#endif

#endif
