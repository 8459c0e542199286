/* SPDX-License-Identifier: MIT */
#include "gpu/gpu.h"

#include <errno.h>
#include <fcntl.h>
#include <gbm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

#include "gpu/egl.h"
#include "gpu/extension.h"
#include "util/fd.h"
#include "util/log.h"

static int get_display(struct waybuf_gpu *gpu)
{
	const char *client = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	bool gbm = gpu_has_extension(client, "EGL_KHR_platform_gbm") ||
		gpu_has_extension(client, "EGL_MESA_platform_gbm");
	gpu->egl.get_platform_display =
		(PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
	if (!gpu->egl.get_platform_display)
		return -EOPNOTSUPP;
	if (gpu->gbm && gbm)
		gpu->display = gpu->egl.get_platform_display(EGL_PLATFORM_GBM_KHR, gpu->gbm, NULL);
	else if (!gpu->gbm && gpu_has_extension(client, "EGL_MESA_platform_surfaceless"))
		gpu->display = gpu->egl.get_platform_display(
			EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	if (gpu->display == EGL_NO_DISPLAY || !eglInitialize(gpu->display, NULL, NULL))
		return -EOPNOTSUPP;
	return 0;
}

static void get_fence_functions(struct gpu_functions *egl)
{
	egl->create_sync = (PFNEGLCREATESYNCKHRPROC)eglGetProcAddress("eglCreateSyncKHR");
	egl->destroy_sync = (PFNEGLDESTROYSYNCKHRPROC)eglGetProcAddress("eglDestroySyncKHR");
	egl->dup_fence =
		(PFNEGLDUPNATIVEFENCEFDANDROIDPROC)eglGetProcAddress("eglDupNativeFenceFDANDROID");
	if (!egl->destroy_sync || !egl->dup_fence)
		egl->create_sync = NULL;
}

static int get_functions(struct waybuf_gpu *gpu)
{
	struct gpu_functions *egl = &gpu->egl;
	const char *extensions = eglQueryString(gpu->display, EGL_EXTENSIONS);
	if (!gpu_has_extension(extensions, "EGL_EXT_image_dma_buf_import") ||
		!gpu_has_extension(extensions, "EGL_KHR_surfaceless_context") ||
		!gpu_has_extension(extensions, "EGL_KHR_no_config_context"))
		return -EOPNOTSUPP;
	gpu->has_modifiers =
		gpu_has_extension(extensions, "EGL_EXT_image_dma_buf_import_modifiers");
	egl->create_image = (PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
	egl->destroy_image = (PFNEGLDESTROYIMAGEKHRPROC)eglGetProcAddress("eglDestroyImageKHR");
	egl->query_formats =
		(PFNEGLQUERYDMABUFFORMATSEXTPROC)eglGetProcAddress("eglQueryDmaBufFormatsEXT");
	egl->query_modifiers =
		(PFNEGLQUERYDMABUFMODIFIERSEXTPROC)eglGetProcAddress("eglQueryDmaBufModifiersEXT");
	egl->image_target_texture = (PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)eglGetProcAddress(
		"glEGLImageTargetTexture2DOES");
	if (gpu_has_extension(extensions, "EGL_ANDROID_native_fence_sync"))
		get_fence_functions(egl);
	return egl->create_image && egl->destroy_image && egl->query_formats &&
			egl->query_modifiers && egl->image_target_texture
		? 0
		: -EOPNOTSUPP;
}

static int create_context(struct waybuf_gpu *gpu)
{
	gpu->context = gpu_context_create(gpu);
	if (gpu->context == EGL_NO_CONTEXT || !gpu_enter(gpu, gpu->context))
		return -EOPNOTSUPP;
	const char *extensions = (const char *)glGetString(GL_EXTENSIONS);
	const char *renderer = (const char *)glGetString(GL_RENDERER);
	bool images = gpu_has_extension(extensions, "GL_OES_EGL_image");
	snprintf(gpu->name, sizeof(gpu->name), "%s", renderer ? renderer : "gpu");
	gpu->software =
		strncmp(gpu->name, "llvmpipe", 8) == 0 || strncmp(gpu->name, "softpipe", 8) == 0;
	gpu_leave(gpu);
	return images ? 0 : -EOPNOTSUPP;
}

/* A file of our own, as for the gbm exporter: GEM handles are counted by nobody within one. */
static int open_device(struct waybuf_gpu *gpu, int drm_fd)
{
	char *path = drmGetRenderDeviceNameFromFd(drm_fd);
	if (!path)
		return -ENODEV;
	gpu->fd = open(path, O_RDWR | O_CLOEXEC);
	int error = -errno;
	free(path);
	if (gpu->fd < 0)
		return error;
	gpu->gbm = gbm_create_device(gpu->fd);
	return gpu->gbm ? 0 : -ENODEV;
}

static int init(struct waybuf_gpu *gpu, int drm_fd)
{
	int error = drm_fd >= 0 ? open_device(gpu, drm_fd) : 0;
	if (error == 0)
		error = get_display(gpu);
	if (error == 0)
		error = get_functions(gpu);
	if (error == 0)
		error = create_context(gpu);
	if (error == 0)
		error = gpu_find_pairs(gpu);
	return error;
}

int waybuf_gpu_create(int drm_fd, struct waybuf_gpu **out)
{
	struct waybuf_gpu *gpu = calloc(1, sizeof(*gpu));
	if (!gpu)
		return -ENOMEM;
	gpu->refs = 1;
	waybuf_list_init(&gpu->copies);
	gpu->fd = -1;
	gpu->display = EGL_NO_DISPLAY;
	gpu->context = EGL_NO_CONTEXT;
	int error = init(gpu, drm_fd);
	if (error < 0) {
		waybuf_debug("no GPU by way of EGL: %s", strerror(-error));
		waybuf_gpu_destroy(gpu);
		return error;
	}
	*out = gpu;
	return 0;
}

void gpu_unref(struct waybuf_gpu *gpu)
{
	if (--gpu->refs > 0)
		return;
	if (gpu->context != EGL_NO_CONTEXT)
		eglDestroyContext(gpu->display, gpu->context);
	if (gpu->display != EGL_NO_DISPLAY)
		eglTerminate(gpu->display);
	if (gpu->gbm)
		gbm_device_destroy(gpu->gbm);
	eglReleaseThread();
	fd_close(&gpu->fd);
	free(gpu->pairs);
	free(gpu);
}

void waybuf_gpu_destroy(struct waybuf_gpu *gpu)
{
	if (!gpu)
		return;
	gpu->closing = true;
	gpu_cancel_copies(gpu);
	gpu_unref(gpu);
}

bool waybuf_gpu_dev(const struct waybuf_gpu *gpu, dev_t *dev)
{
	struct stat info;
	if (gpu->fd < 0 || fstat(gpu->fd, &info) < 0)
		return false;
	*dev = info.st_rdev;
	return true;
}

bool waybuf_gpu_is_software(const struct waybuf_gpu *gpu)
{
	return gpu->software;
}

const char *waybuf_gpu_name(const struct waybuf_gpu *gpu)
{
	return gpu->name;
}

const struct waybuf_format_modifier *waybuf_gpu_pairs(const struct waybuf_gpu *gpu, size_t *n)
{
	*n = gpu->n_pairs;
	return gpu->pairs;
}
