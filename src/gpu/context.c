/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gpu/egl.h"
#include "gpu/extension.h"

EGLContext gpu_context_create(const struct waybuf_gpu *gpu)
{
	static const EGLint plain[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
	static const EGLint robust[] = {EGL_CONTEXT_MAJOR_VERSION, 3,
		EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY_EXT, EGL_LOSE_CONTEXT_ON_RESET_EXT,
		EGL_NONE};
	const char *extensions = eglQueryString(gpu->display, EGL_EXTENSIONS);
	EGLContext context = EGL_NO_CONTEXT;
	if (!eglBindAPI(EGL_OPENGL_ES_API))
		return EGL_NO_CONTEXT;
	if (gpu_has_extension(extensions, "EGL_EXT_create_context_robustness"))
		context = eglCreateContext(gpu->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, robust);
	if (context == EGL_NO_CONTEXT)
		context = eglCreateContext(gpu->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, plain);
	return context;
}

bool gpu_enter(const struct waybuf_gpu *gpu, EGLContext context)
{
	return eglBindAPI(EGL_OPENGL_ES_API) &&
		eglMakeCurrent(gpu->display, EGL_NO_SURFACE, EGL_NO_SURFACE, context);
}

void gpu_leave(const struct waybuf_gpu *gpu)
{
	eglMakeCurrent(gpu->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
}

/* Software has drawn when it returns; what it waits for is its own threads. */
static int finish(const struct waybuf_gpu *gpu)
{
	if (gpu->software) {
		glFinish();
		return -1;
	}
	GLsync sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	GLenum result = sync ? glClientWaitSync(sync, GL_SYNC_FLUSH_COMMANDS_BIT,
				       GPU_FINISH_MS * UINT64_C(1000000))
			     : GL_WAIT_FAILED;
	glDeleteSync(sync);
	return result == GL_ALREADY_SIGNALED || result == GL_CONDITION_SATISFIED ? -1 : -EIO;
}

int gpu_submit(const struct waybuf_gpu *gpu)
{
	const struct gpu_functions *egl = &gpu->egl;
	EGLSyncKHR sync = EGL_NO_SYNC_KHR;
	int fd = EGL_NO_NATIVE_FENCE_FD_ANDROID;
	if (egl->create_sync)
		sync = egl->create_sync(gpu->display, EGL_SYNC_NATIVE_FENCE_ANDROID, NULL);
	if (sync != EGL_NO_SYNC_KHR) {
		/* the fence comes into being with the flush */
		glFlush();
		fd = egl->dup_fence(gpu->display, sync);
		egl->destroy_sync(gpu->display, sync);
	}
	return fd < 0 ? finish(gpu) : fd;
}
