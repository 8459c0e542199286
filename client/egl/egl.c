/* SPDX-License-Identifier: MIT */
#include "egl_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/extension.h"

/* ---- errors -------------------------------------------------------------------------------- */

int egl_fail(struct waybuf_egl *egl, int error, const char *format, ...)
{
	va_list arguments;
	if (!egl)
		return error;
	va_start(arguments, format);
	vsnprintf(egl->error, sizeof(egl->error), format, arguments);
	va_end(arguments);
	return error;
}

static const struct {
	EGLint code;
	int error;
	const char *name;
} egl_errors[] = {
	{EGL_BAD_ALLOC, -ENOMEM, "EGL_BAD_ALLOC"},
	{EGL_BAD_MATCH, -EOPNOTSUPP, "EGL_BAD_MATCH"},
	{EGL_BAD_ATTRIBUTE, -EOPNOTSUPP, "EGL_BAD_ATTRIBUTE"},
	{EGL_BAD_PARAMETER, -EOPNOTSUPP, "EGL_BAD_PARAMETER"},
	{EGL_BAD_ACCESS, -EOPNOTSUPP, "EGL_BAD_ACCESS"},
	{EGL_CONTEXT_LOST, -EIO, "EGL_CONTEXT_LOST"},
};

int egl_fail_call(struct waybuf_egl *egl, const char *what)
{
	EGLint code = eglGetError();
	for (size_t i = 0; i < sizeof(egl_errors) / sizeof(egl_errors[0]); i++) {
		if (egl_errors[i].code == code)
			return egl_fail(
				egl, egl_errors[i].error, "%s: %s", what, egl_errors[i].name);
	}
	return egl_fail(egl, -EIO, "%s: EGL error 0x%x", what, (unsigned)code);
}

int egl_check_context(struct waybuf_egl *egl, const char *what)
{
	if (eglGetCurrentContext() == EGL_NO_CONTEXT)
		return egl_fail(egl, -EINVAL, "%s: no context is current", what);
	if (eglGetCurrentDisplay() != egl->display)
		return egl_fail(egl, -EINVAL, "%s: the context is of another display", what);
	return 0;
}

/* ---- extensions ---------------------------------------------------------------------------- */

#define GET(member, name) ((member) = (__typeof__(member))(void (*)(void))eglGetProcAddress(name))

static void get_image_functions(struct waybuf_egl *egl, const char *extensions)
{
	struct egl_functions *f = &egl->egl;
	if (!gpu_has_extension(extensions, "EGL_EXT_image_dma_buf_import") ||
		!GET(f->create_image, "eglCreateImageKHR") ||
		!GET(f->destroy_image, "eglDestroyImageKHR"))
		return;
	egl->features |= WAYBUF_EGL_IMAGES;
	if (gpu_has_extension(extensions, "EGL_EXT_image_dma_buf_import_modifiers") &&
		GET(f->query_formats, "eglQueryDmaBufFormatsEXT") &&
		GET(f->query_modifiers, "eglQueryDmaBufModifiersEXT"))
		egl->features |= WAYBUF_EGL_MODIFIERS;
}

static void get_texture_functions(struct waybuf_egl *egl)
{
	struct gl_functions *f = &egl->gl;
	if (GET(f->image_target_texture, "glEGLImageTargetTexture2DOES") &&
		GET(f->get_error, "glGetError") && GET(f->gen_textures, "glGenTextures") &&
		GET(f->delete_textures, "glDeleteTextures") &&
		GET(f->bind_texture, "glBindTexture") && GET(f->tex_parameter, "glTexParameteri") &&
		GET(f->gen_framebuffers, "glGenFramebuffers") &&
		GET(f->delete_framebuffers, "glDeleteFramebuffers") &&
		GET(f->bind_framebuffer, "glBindFramebuffer") &&
		GET(f->framebuffer_texture, "glFramebufferTexture2D") &&
		GET(f->check_framebuffer, "glCheckFramebufferStatus"))
		egl->features |= WAYBUF_EGL_TEXTURES;
}

static void get_fence_functions(struct waybuf_egl *egl, const char *extensions)
{
	struct egl_functions *f = &egl->egl;
	if (!gpu_has_extension(extensions, "EGL_KHR_fence_sync") ||
		!GET(f->create_sync, "eglCreateSyncKHR") ||
		!GET(f->destroy_sync, "eglDestroySyncKHR") ||
		!GET(f->client_wait_sync, "eglClientWaitSyncKHR") || !GET(egl->gl.flush, "glFlush"))
		return;
	egl->features |= WAYBUF_EGL_FENCES;
	if (gpu_has_extension(extensions, "EGL_ANDROID_native_fence_sync") &&
		gpu_has_extension(extensions, "EGL_KHR_wait_sync") &&
		GET(f->wait_sync, "eglWaitSyncKHR") &&
		GET(f->dup_fence, "eglDupNativeFenceFDANDROID"))
		egl->features |= WAYBUF_EGL_SYNC_FILES;
}

/* "swrast", or "kms_swrast" on the node of a display controller, whose device is not a software one. */
static bool is_swrast(struct waybuf_egl *egl, const char *extensions)
{
	PFNEGLGETDISPLAYDRIVERNAMEPROC get_name;
	if (!gpu_has_extension(extensions, "EGL_MESA_query_driver") ||
		!GET(get_name, "eglGetDisplayDriverName"))
		return false;
	const char *name = get_name(egl->display);
	return name && strstr(name, "swrast");
}

/* Of EGL_EXT_device_query and what devices have in turn. */
static void get_device(struct waybuf_egl *egl)
{
	const char *client = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	EGLAttrib device = 0;
	if (!gpu_has_extension(client, "EGL_EXT_device_query") &&
		!gpu_has_extension(client, "EGL_EXT_device_base"))
		return;
	if (!GET(egl->egl.query_display, "eglQueryDisplayAttribEXT") ||
		!GET(egl->egl.query_device, "eglQueryDeviceStringEXT") ||
		!egl->egl.query_display(egl->display, EGL_DEVICE_EXT, &device) || !device)
		return;
	const char *extensions = egl->egl.query_device((EGLDeviceEXT)device, EGL_EXTENSIONS);
	egl->software = gpu_has_extension(extensions, "EGL_MESA_device_software");
	if (!gpu_has_extension(extensions, "EGL_EXT_device_drm_render_node"))
		return;
	const char *node =
		egl->egl.query_device((EGLDeviceEXT)device, EGL_DRM_RENDER_NODE_FILE_EXT);
	if (node && strlen(node) < sizeof(egl->node))
		strcpy(egl->node, node);
}

/* ---- life ---------------------------------------------------------------------------------- */

int waybuf_egl_create(void *display, struct waybuf_egl **out)
{
	if (display == EGL_NO_DISPLAY)
		return -EINVAL;
	const char *extensions = eglQueryString(display, EGL_EXTENSIONS);
	if (!extensions)
		return -EINVAL;
	struct waybuf_egl *egl = calloc(1, sizeof(*egl));
	if (!egl)
		return -ENOMEM;
	egl->display = display;
	get_image_functions(egl, extensions);
	get_texture_functions(egl);
	get_fence_functions(egl, extensions);
	get_device(egl);
	egl->software |= is_swrast(egl, extensions);
	*out = egl;
	return 0;
}

void waybuf_egl_destroy(struct waybuf_egl *egl)
{
	free(egl);
}

uint32_t waybuf_egl_get_features(const struct waybuf_egl *egl)
{
	return egl->features;
}

const char *waybuf_egl_get_node(const struct waybuf_egl *egl)
{
	return egl->node[0] ? egl->node : NULL;
}

const char *waybuf_egl_error(const struct waybuf_egl *egl)
{
	return egl->error;
}
