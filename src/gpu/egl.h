/* SPDX-License-Identifier: MIT */
#ifndef GPU_EGL_H
#define GPU_EGL_H

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
/* the extensions of GLES 2 hold for 3, too */
#include <GLES2/gl2ext.h>

#include "gpu/gpu.h"

struct waybuf_format;

/* Shared by the files of this folder, and by a renderer with a context of its own. */
struct gpu_functions {
	PFNEGLGETPLATFORMDISPLAYEXTPROC get_platform_display;
	PFNEGLCREATEIMAGEKHRPROC create_image;
	PFNEGLDESTROYIMAGEKHRPROC destroy_image;
	PFNEGLQUERYDMABUFFORMATSEXTPROC query_formats;
	PFNEGLQUERYDMABUFMODIFIERSEXTPROC query_modifiers;
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC image_target_texture;
	/* NULL: who draws waits until it is over */
	PFNEGLCREATESYNCKHRPROC create_sync;
	PFNEGLDESTROYSYNCKHRPROC destroy_sync;
	PFNEGLDUPNATIVEFENCEFDANDROIDPROC dup_fence;
};

struct waybuf_gpu {
	unsigned refs; /* the owner's, and one for each copy */
	bool closing;
	struct waybuf_list copies; // gpu_copy.link

	int fd; /* render node, -1 */
	void *gbm; /* struct gbm_device, NULL */
	char name[64];
	bool software; /* see gpu/software.h */
	EGLDisplay display;
	EGLContext context;
	bool has_modifiers;
	struct gpu_functions egl;
	struct waybuf_format_modifier *pairs;
	size_t n_pairs;
};

void gpu_unref(struct waybuf_gpu *gpu);
/* Settles what is waited for. */
void gpu_cancel_copies(struct waybuf_gpu *gpu);

/* The planes @first to @first + @n of the layout as an image of @format; EGL_NO_IMAGE_KHR if refused. */
EGLImageKHR gpu_image_create(const struct waybuf_gpu *gpu, const struct waybuf_layout *layout,
	uint32_t format, uint32_t first, uint32_t n, uint32_t width, uint32_t height);

/* What one plane of an image with several is taken as: one or two components. 0: nothing has that. */
uint32_t gpu_plane_format(const struct waybuf_format *format, uint32_t plane);

/* Whether images of that kind can be sampled as external textures only. */
bool gpu_is_external(const struct waybuf_gpu *gpu, uint32_t format, uint64_t modifier);

/*
 * A context for GLES 3, current nowhere, that tells when the GPU was reset, where EGL can have it
 * told. EGL_NO_CONTEXT: there is none.
 */
EGLContext gpu_context_create(const struct waybuf_gpu *gpu);
/* Makes a context the calling thread's, until it leaves. False: the driver failed. */
bool gpu_enter(const struct waybuf_gpu *gpu, EGLContext context);
void gpu_leave(const struct waybuf_gpu *gpu);
/*
 * A sync_file for all that was drawn since gpu_enter(), -1 after it is over; -EIO: the driver gives no
 * fence and was not done within GPU_FINISH_MS, for it may wait for somebody's fence without a limit.
 */
#define GPU_FINISH_MS 250
int gpu_submit(const struct waybuf_gpu *gpu);

/* Fills pairs. 0, -EOPNOTSUPP (there are none), -ENOMEM. */
int gpu_find_pairs(struct waybuf_gpu *gpu);

#endif
