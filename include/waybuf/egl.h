/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_EGL_H
#define WAYBUF_EGL_H

#include <stddef.h>
#include <stdint.h>

#include <waybuf/buffer.h>
#include <waybuf/constraints.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * libwaybuf-egl: buffers of libwaybuf-client as EGL images, textures and framebuffers, and the fences
 * between the GPU and whoever shows them. A library of its own, so that programs without a renderer
 * do not load EGL.
 *
 *	waybuf_egl_create(display, &egl);
 *	waybuf_egl_constraints(egl, WAYBUF_ACCESS_RENDER, &format, 1, &options.pool.constraints);
 *	waybuf_client_swapchain_create(client, &options, &chain);
 *	for (;;) {
 *		waybuf_client_swapchain_acquire(chain, 1000, &buffer, &fence);
 *		waybuf_egl_target_init(egl, waybuf_client_buffer_get_layout(buffer),
 *			WAYBUF_ACCESS_RENDER, NULL, &target);        ... once per buffer and generation
 *		waybuf_egl_fence_import(egl, fence, 1000);
 *		glBindFramebuffer(GL_FRAMEBUFFER, target.framebuffer);
 *		... draw ...
 *		waybuf_egl_fence_export(egl, 1000, &fence);
 *		waybuf_client_swapchain_submit(chain, buffer, fence);
 *	}
 *
 * All of GL is had from eglGetProcAddress(), so it is the same to the library which of GLES and
 * desktop GL is current. This header needs none of EGL's: an EGLDisplay and an EGLImage are untyped
 * pointers there, too, and GLenum and GLuint are unsigned int.
 *
 * The rows of a buffer are in the order in which they are shown, from the top. GL counts from the
 * bottom, so what is drawn as usual comes out upside down: mirror the projection, not the buffer.
 *
 * Threads: one helper is used by one thread at a time, in whichever a context of its display is
 * current where a function says that one must be.
 *
 * Errors are negative errnos. waybuf_egl_error() has the sentence that belongs to the last one.
 */

/** The helper: one for each EGLDisplay. */
struct waybuf_egl;

/** What the display can do, by its extensions. */
enum waybuf_egl_feature {
	/** dma-bufs as images: EGL_EXT_image_dma_buf_import */
	WAYBUF_EGL_IMAGES = 1 << 0,
	/** with any modifier, and a list of them: EGL_EXT_image_dma_buf_import_modifiers */
	WAYBUF_EGL_MODIFIERS = 1 << 1,
	/** images as textures of the context's API: glEGLImageTargetTexture2DOES() exists */
	WAYBUF_EGL_TEXTURES = 1 << 2,
	/** an end of the work that the CPU can wait for: EGL_KHR_fence_sync */
	WAYBUF_EGL_FENCES = 1 << 3,
	/** sync_files in both directions: EGL_ANDROID_native_fence_sync and EGL_KHR_wait_sync */
	WAYBUF_EGL_SYNC_FILES = 1 << 4,
};

/**
 * Makes a helper. @display is an initialised EGLDisplay, borrowed, which must outlive it. No
 * context need be current. Extensions that are missing are no failure here: see
 * waybuf_egl_get_features(). 0, -EINVAL (no display, or not initialised), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_egl_create(void *display, struct waybuf_egl **out);

/** Leaves what was made with it as it is, for the display to free. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_egl_destroy(struct waybuf_egl *egl);

/** enum waybuf_egl_feature bits. */
WAYBUF_EXPORT uint32_t waybuf_egl_get_features(const struct waybuf_egl *egl);

/**
 * The path of the render node that the display draws with, as for waybuf_client_swapchain_options.drm_fd;
 * borrowed from the helper. NULL: a software renderer, or EGL does not say.
 */
WAYBUF_EXPORT const char *waybuf_egl_get_node(const struct waybuf_egl *egl);

/** One line of text for the last call that failed. Never NULL; valid until the next call. */
WAYBUF_EXPORT const char *waybuf_egl_error(const struct waybuf_egl *egl);

/* ---- what fits ----------------------------------------------------------------------------- */

/**
 * What the display can import, as constraints of a pool or swapchain, so that the memory is chosen
 * with the renderer in mind: pairs of format and modifier, without those that can only be sampled if
 * @access has WAYBUF_ACCESS_RENDER; the device that it should be near; dma-bufs rather than other
 * memory; and how Mesa's software renderer wants its rows. @access is of WAYBUF_ACCESS_READ, _WRITE,
 * _SAMPLE and _RENDER; the last brings the first. @formats are the DRM_FORMAT_* that the program can
 * draw, borrowed for the call; none (0): all that the display has.
 *
 * Without WAYBUF_EGL_MODIFIERS nothing is known, and it is each of @formats as DRM_FORMAT_MOD_LINEAR
 * or with a layout of the driver's own.
 *
 * 0 and a reference in *out, to be dropped with waybuf_constraints_unref(); -EINVAL: no @access, or
 * another one; -EOPNOTSUPP: it imports no dma-bufs, or none of @formats; or they are to be listed and
 * it has no list; -E2BIG: more pairs than a set may have; -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_egl_constraints(struct waybuf_egl *egl, uint64_t access,
	const uint32_t *formats, size_t n_formats, struct waybuf_constraints **out);

/* ---- images -------------------------------------------------------------------------------- */

/** How YUV is coded. Not of concern to RGB. */
enum waybuf_egl_encoding {
	/** no hint: the driver decides, most often BT.601 */
	WAYBUF_EGL_ENCODING_DEFAULT = 0,
	/** standard definition */
	WAYBUF_EGL_BT601 = 1,
	/** high definition */
	WAYBUF_EGL_BT709 = 2,
	/** ultra high definition */
	WAYBUF_EGL_BT2020 = 3,
};

/** Which values YUV has. */
enum waybuf_egl_range {
	/** no hint: the driver decides, most often limited */
	WAYBUF_EGL_RANGE_DEFAULT = 0,
	/** 16 to 235 and 240 of 8 bits */
	WAYBUF_EGL_LIMITED = 1,
	/** 0 to 255 */
	WAYBUF_EGL_FULL = 2,
};

/** Where samples of chroma are, along one axis. */
enum waybuf_egl_siting {
	/** no hint: the driver decides */
	WAYBUF_EGL_SITING_DEFAULT = 0,
	/** at the first of the two samples of luma */
	WAYBUF_EGL_COSITED = 1,
	/** half way between them */
	WAYBUF_EGL_MIDPOINT = 2,
};

/** All zero: no hints. */
struct waybuf_egl_image_options {
	/** of YUV */
	enum waybuf_egl_encoding encoding;
	/** of YUV */
	enum waybuf_egl_range range;
	/** of chroma */
	enum waybuf_egl_siting horizontal, vertical;
};

/**
 * Makes an EGLImage of all planes of @layout, which with its fds is borrowed for the call: the image
 * keeps the memory by itself. It shows the memory of that generation, whatever becomes of the buffer.
 * NULL @options are the defaults. No context need be current.
 *
 * 0, and *image to be destroyed with waybuf_egl_image_destroy(); -EINVAL: a value out of range, or
 * memory that is no dma-buf; -EOPNOTSUPP: no WAYBUF_EGL_IMAGES, or without WAYBUF_EGL_MODIFIERS a modifier
 * that needs them, or the driver does not take this; -ENOMEM; -EIO: another error of EGL's.
 */
WAYBUF_EXPORT int waybuf_egl_image_create(struct waybuf_egl *egl,
	const struct waybuf_layout *layout, const struct waybuf_egl_image_options *options,
	void **image);

/** Destroys an image. Textures made of it stay as they are. NULL @image is a no-op. */
WAYBUF_EXPORT void waybuf_egl_image_destroy(struct waybuf_egl *egl, void *image);

struct gbm_device;
struct gbm_bo;

/**
 * Makes a GBM buffer object of all planes of @layout, of whatever modifier, with
 * GBM_BO_IMPORT_FD_MODIFIER: for programs that draw with what has no EGL, or show it by KMS themselves.
 * @gbm and @layout are borrowed, the latter and its fds for the call; the buffer object keeps the memory
 * by itself and must be destroyed before @gbm. @usage is of GBM_BO_USE_*. NULL @egl: there is none, and
 * nobody asks for the sentence of a failure.
 *
 * 0, and *bo to be destroyed with gbm_bo_destroy(); -EINVAL: no @gbm, a value out of range, or memory that
 * is no dma-buf; -EOPNOTSUPP: the driver does not take this, or the library was built without GBM;
 * -ENOMEM, -EMFILE, -ENFILE. On failure *bo is NULL.
 */
WAYBUF_EXPORT int waybuf_egl_gbm_import(struct waybuf_egl *egl, struct gbm_device *gbm,
	const struct waybuf_layout *layout, uint32_t usage, struct gbm_bo **bo);

/** A buffer to draw into or to sample: filled by init, and read-only. */
struct waybuf_egl_target {
	/** EGLImage */
	void *image;
	/** GL_TEXTURE_2D, or GL_TEXTURE_EXTERNAL_OES for what can only be sampled as that */
	unsigned int texture_target;
	/** name of the texture */
	unsigned int texture;
	/** with the texture as GL_COLOR_ATTACHMENT0; 0 unless asked for */
	unsigned int framebuffer;
	/** pixels */
	uint32_t width, height;
	/** of the layout: when that of the buffer is another one, a target of the new memory is due */
	uint32_t generation;
};

/**
 * Makes an image, a texture with linear filters clamped to its edges, and, if @access has
 * WAYBUF_ACCESS_RENDER, a framebuffer object. @access must have that or WAYBUF_ACCESS_SAMPLE, and may
 * have both. The rest is as for waybuf_egl_image_create().
 *
 * A context of the display must be current. The texture is left bound to its target in the active
 * unit, and the framebuffer as GL_FRAMEBUFFER; GL errors that nobody has asked for are forgotten.
 *
 * As waybuf_egl_image_create(), and on failure there is nothing to finish; also -EINVAL: no context, or
 * no such @access; -EOPNOTSUPP: no WAYBUF_EGL_TEXTURES, no external textures where they are needed, GL
 * refuses the texture, or nothing can be drawn into it; that goes for a software renderer and rows that
 * do not suit it, too, because Mesa's does not look and writes past them.
 */
WAYBUF_EXPORT int waybuf_egl_target_init(struct waybuf_egl *egl, const struct waybuf_layout *layout,
	uint64_t access, const struct waybuf_egl_image_options *options,
	struct waybuf_egl_target *target);

/**
 * Deletes all three, while the context that they belong to, or one that shares with it, is current.
 * A target that is all zero is a no-op.
 */
WAYBUF_EXPORT void waybuf_egl_target_finish(
	struct waybuf_egl *egl, struct waybuf_egl_target *target);

/* ---- fences -------------------------------------------------------------------------------- */

/**
 * The end of all that was given to GL in the current context so far, as
 * waybuf_client_swapchain_submit() takes it. With WAYBUF_EGL_SYNC_FILES it is a sync_file, nothing is
 * waited for, and the work is flushed. Without them no fence leaves the process: the call waits for
 * the work, @timeout_ms at most, and *fence is -1.
 *
 * 0 and *fence, the caller's to close; -EINVAL: no context, or negative time; -EOPNOTSUPP: no
 * WAYBUF_EGL_FENCES; -ETIME: the work goes on, and another call goes on waiting; -EIO: EGL has failed.
 * On failure *fence is -1.
 */
WAYBUF_EXPORT int waybuf_egl_fence_export(struct waybuf_egl *egl, int timeout_ms, int *fence);

/**
 * Lets all that is given to GL in the current context from now on wait for @fence: a sync_file, as
 * waybuf_client_swapchain_acquire() gives it, *taken*, on failure, too; or -1: there is nothing to wait
 * for. With WAYBUF_EGL_SYNC_FILES the GPU waits, and the call does not. Without them, or if the driver
 * does not take this one, the CPU waits here, @timeout_ms at most.
 *
 * 0; -EINVAL: no context, or negative time; -EBADF: @fence is no fd; -ETIME: it has not signalled, and
 * the memory must not be written yet; -EIO: EGL has failed.
 */
WAYBUF_EXPORT int waybuf_egl_fence_import(struct waybuf_egl *egl, int fence, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
