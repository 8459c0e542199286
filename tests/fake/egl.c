/* SPDX-License-Identifier: MIT */
#include "egl.h"

#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_egl fake_egl;

#define JUDGE(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "fake EGL: %s: not so: %s\n", __func__, #condition); \
			abort(); \
		} \
	} while (0)

static bool has(const char *extension)
{
	return strstr(fake_egl.extensions, extension);
}

void fake_egl_init(void)
{
	fake_egl = (struct fake_egl){
		.extensions = "EGL_EXT_image_dma_buf_import"
			      " EGL_EXT_image_dma_buf_import_modifiers EGL_KHR_fence_sync"
			      " EGL_KHR_wait_sync EGL_ANDROID_native_fence_sync",
		.client_extensions = "EGL_EXT_device_query",
		.device_extensions = "EGL_EXT_device_drm EGL_EXT_device_drm_render_node",
		.node = "/dev/null",
		.current = FAKE_DISPLAY,
		.fence = -1,
		.given = -1,
	};
}

void fake_egl_finish(void)
{
	JUDGE(fake_egl.images == 0);
	JUDGE(fake_egl.textures == 0);
	JUDGE(fake_egl.framebuffers == 0);
	JUDGE(fake_egl.syncs == 0);
}

EGLint fake_egl_attrib(EGLint name)
{
	for (int i = 0; fake_egl.attribs[i] != EGL_NONE; i += 2) {
		if (fake_egl.attribs[i] == name)
			return fake_egl.attribs[i + 1];
	}
	return -1;
}

/* ---- EGL ----------------------------------------------------------------------------------- */

static EGLint last_error = EGL_SUCCESS;

EGLint eglGetError(void)
{
	EGLint error = last_error;
	last_error = EGL_SUCCESS;
	return error;
}

EGLContext eglGetCurrentContext(void)
{
	return fake_egl.current;
}

EGLDisplay eglGetCurrentDisplay(void)
{
	return fake_egl.current;
}

const char *eglQueryString(EGLDisplay display, EGLint name)
{
	JUDGE(name == EGL_EXTENSIONS);
	return display == EGL_NO_DISPLAY ? fake_egl.client_extensions : fake_egl.extensions;
}

static EGLBoolean query_display(EGLDisplay display, EGLint name, EGLAttrib *value)
{
	JUDGE(strstr(fake_egl.client_extensions, "EGL_EXT_device"));
	JUDGE(display == FAKE_DISPLAY && name == EGL_DEVICE_EXT);
	*value = (EGLAttrib)FAKE_DISPLAY;
	return EGL_TRUE;
}

static const char *query_device(EGLDeviceEXT device, EGLint name)
{
	JUDGE(device == FAKE_DISPLAY);
	if (name == EGL_EXTENSIONS)
		return fake_egl.device_extensions;
	JUDGE(strstr(fake_egl.device_extensions, "EGL_EXT_device_drm_render_node"));
	return fake_egl.node;
}

static char *get_driver_name(EGLDisplay display)
{
	JUDGE(has("EGL_MESA_query_driver"));
	return (char *)(uintptr_t)fake_egl.driver;
}

static EGLBoolean query_formats(EGLDisplay display, EGLint max, EGLint *formats, EGLint *n)
{
	static const EGLint all[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12, DRM_FORMAT_R8};
	JUDGE(has("EGL_EXT_image_dma_buf_import_modifiers") && max >= 3);
	last_error = EGL_BAD_ALLOC;
	if (fake_egl.lists_fail)
		return EGL_FALSE;
	memcpy(formats, all, sizeof(all));
	*n = 3;
	return EGL_TRUE;
}

static EGLBoolean query_modifiers(EGLDisplay display, EGLint format, EGLint max,
	EGLuint64KHR *modifiers, EGLBoolean *external, EGLint *n)
{
	JUDGE(has("EGL_EXT_image_dma_buf_import_modifiers") && max >= 2);
	modifiers[0] = DRM_FORMAT_MOD_LINEAR;
	modifiers[1] = I915_FORMAT_MOD_X_TILED;
	/* as Mesa's llvmpipe, which leaves the others as they were */
	if (format == DRM_FORMAT_NV12)
		external[0] = EGL_TRUE;
	*n = format == DRM_FORMAT_XRGB8888 ? 2 : format == DRM_FORMAT_NV12 ? 1 : 0;
	return *n > 0 || format == DRM_FORMAT_R8;
}

/* ---- images -------------------------------------------------------------------------------- */

static EGLImageKHR create_image(EGLDisplay display, EGLContext context, EGLenum target,
	EGLClientBuffer buffer, const EGLint *attribs)
{
	int n = 0;
	JUDGE(has("EGL_EXT_image_dma_buf_import") && display == FAKE_DISPLAY);
	JUDGE(context == EGL_NO_CONTEXT && target == EGL_LINUX_DMA_BUF_EXT && !buffer);
	for (; attribs[n] != EGL_NONE; n += 2)
		JUDGE(n < 62);
	memcpy(fake_egl.attribs, attribs, (size_t)(n + 1) * sizeof(EGLint));
	last_error = fake_egl.image_error;
	if (fake_egl.image_error)
		return EGL_NO_IMAGE_KHR;
	fake_egl.images++;
	return &fake_egl.images;
}

static EGLBoolean destroy_image(EGLDisplay display, EGLImageKHR image)
{
	JUDGE(image == &fake_egl.images && fake_egl.images-- > 0);
	return EGL_TRUE;
}

/* ---- syncs --------------------------------------------------------------------------------- */

static EGLSyncKHR create_sync(EGLDisplay display, EGLenum type, const EGLint *attribs)
{
	bool native = type == EGL_SYNC_NATIVE_FENCE_ANDROID;
	JUDGE(has(native ? "EGL_ANDROID_native_fence_sync" : "EGL_KHR_fence_sync"));
	JUDGE(fake_egl.current == display);
	last_error = native ? fake_egl.native_error : fake_egl.fence_error;
	if (last_error)
		return EGL_NO_SYNC_KHR;
	if (attribs) {
		JUDGE(native && attribs[0] == EGL_SYNC_NATIVE_FENCE_FD_ANDROID);
		fake_egl.given = attribs[1];
	}
	fake_egl.syncs++;
	return &fake_egl.syncs;
}

static EGLBoolean destroy_sync(EGLDisplay display, EGLSyncKHR sync)
{
	JUDGE(sync == &fake_egl.syncs && fake_egl.syncs-- > 0);
	if (fake_egl.given >= 0)
		close(fake_egl.given);
	fake_egl.given = -1;
	return EGL_TRUE;
}

static EGLint dup_fence(EGLDisplay display, EGLSyncKHR sync)
{
	JUDGE(fake_egl.syncs > 0 && fake_egl.flushes > 0);
	return fake_egl.fence >= 0 ? dup(fake_egl.fence) : EGL_NO_NATIVE_FENCE_FD_ANDROID;
}

static EGLint client_wait_sync(
	EGLDisplay display, EGLSyncKHR sync, EGLint flags, EGLTimeKHR timeout)
{
	JUDGE(fake_egl.syncs > 0);
	last_error = EGL_BAD_ALLOC;
	fake_egl.timeout = timeout;
	return fake_egl.client_wait < 0 ? EGL_FALSE
		: fake_egl.client_wait  ? fake_egl.client_wait
					: EGL_CONDITION_SATISFIED_KHR;
}

static EGLint wait_sync(EGLDisplay display, EGLSyncKHR sync, EGLint flags)
{
	JUDGE(fake_egl.syncs > 0 && has("EGL_KHR_wait_sync"));
	last_error = EGL_BAD_PARAMETER;
	return fake_egl.wait < 0 ? EGL_FALSE : EGL_TRUE;
}

/* ---- GL ------------------------------------------------------------------------------------ */

static GLenum gl_error;

static GLenum get_error(void)
{
	GLenum error = gl_error;
	gl_error = GL_NO_ERROR;
	return error;
}

static void flush(void)
{
	JUDGE(fake_egl.current);
	fake_egl.flushes++;
}

static void gen_textures(GLsizei n, GLuint *names)
{
	JUDGE(fake_egl.current && n == 1);
	*names = (GLuint)++fake_egl.textures;
}

static void delete_textures(GLsizei n, const GLuint *names)
{
	JUDGE(fake_egl.current && n == 1 && fake_egl.textures-- > 0);
}

static void bind_texture(GLenum target, GLuint name)
{
	JUDGE(fake_egl.current);
	fake_egl.bound = target;
}

static void tex_parameter(GLenum target, GLenum name, GLint value)
{
	JUDGE(target == fake_egl.bound);
}

static void image_target_texture(GLenum target, GLeglImageOES image)
{
	JUDGE(target == fake_egl.bound && fake_egl.images > 0);
	gl_error = fake_egl.texture_error;
}

static void gen_framebuffers(GLsizei n, GLuint *names)
{
	JUDGE(fake_egl.current && n == 1);
	*names = (GLuint)++fake_egl.framebuffers;
}

static void delete_framebuffers(GLsizei n, const GLuint *names)
{
	JUDGE(fake_egl.current && n == 1 && fake_egl.framebuffers-- > 0);
}

static void bind_framebuffer(GLenum target, GLuint name)
{
	JUDGE(fake_egl.current && target == GL_FRAMEBUFFER);
}

static void framebuffer_texture(
	GLenum target, GLenum attachment, GLenum kind, GLuint texture, GLint level)
{
	JUDGE(kind == GL_TEXTURE_2D && fake_egl.bound == GL_TEXTURE_2D);
}

static GLenum check_framebuffer(GLenum target)
{
	return fake_egl.framebuffer_status ? fake_egl.framebuffer_status : GL_FRAMEBUFFER_COMPLETE;
}

/* ---- functions by name --------------------------------------------------------------------- */

typedef void (*function_t)(void);

static const struct {
	const char *name;
	function_t function;
} functions[] = {
	{"eglQueryDisplayAttribEXT", (function_t)query_display},
	{"eglQueryDeviceStringEXT", (function_t)query_device},
	{"eglGetDisplayDriverName", (function_t)get_driver_name},
	{"eglQueryDmaBufFormatsEXT", (function_t)query_formats},
	{"eglQueryDmaBufModifiersEXT", (function_t)query_modifiers},
	{"eglCreateImageKHR", (function_t)create_image},
	{"eglDestroyImageKHR", (function_t)destroy_image},
	{"eglCreateSyncKHR", (function_t)create_sync},
	{"eglDestroySyncKHR", (function_t)destroy_sync},
	{"eglDupNativeFenceFDANDROID", (function_t)dup_fence},
	{"eglClientWaitSyncKHR", (function_t)client_wait_sync},
	{"eglWaitSyncKHR", (function_t)wait_sync},
	{"glEGLImageTargetTexture2DOES", (function_t)image_target_texture},
	{"glGetError", (function_t)get_error},
	{"glFlush", (function_t)flush},
	{"glGenTextures", (function_t)gen_textures},
	{"glDeleteTextures", (function_t)delete_textures},
	{"glBindTexture", (function_t)bind_texture},
	{"glTexParameteri", (function_t)tex_parameter},
	{"glGenFramebuffers", (function_t)gen_framebuffers},
	{"glDeleteFramebuffers", (function_t)delete_framebuffers},
	{"glBindFramebuffer", (function_t)bind_framebuffer},
	{"glFramebufferTexture2D", (function_t)framebuffer_texture},
	{"glCheckFramebufferStatus", (function_t)check_framebuffer},
};

__eglMustCastToProperFunctionPointerType eglGetProcAddress(const char *name)
{
	if (fake_egl.missing && strcmp(name, fake_egl.missing) == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(functions[i].name, name) == 0)
			return functions[i].function;
	}
	return NULL;
}
