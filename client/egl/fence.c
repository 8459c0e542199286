/* SPDX-License-Identifier: MIT */
#include "egl_priv.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000

static int check(struct waybuf_egl *egl, int timeout_ms, const char *what)
{
	if (timeout_ms < 0)
		return egl_fail(egl, -EINVAL, "%s: negative time", what);
	return egl_check_context(egl, what);
}

/* ---- out ----------------------------------------------------------------------------------- */

/* -1: there is none. */
static int get_sync_file(struct waybuf_egl *egl)
{
	const struct egl_functions *f = &egl->egl;
	EGLSyncKHR sync = f->create_sync(egl->display, EGL_SYNC_NATIVE_FENCE_ANDROID, NULL);
	if (sync == EGL_NO_SYNC_KHR)
		return -1;
	/* the fence comes into being with the flush */
	egl->gl.flush();
	int fd = f->dup_fence(egl->display, sync);
	f->destroy_sync(egl->display, sync);
	return fd == EGL_NO_NATIVE_FENCE_FD_ANDROID ? -1 : fd;
}

/* Takes @sync, which EGL may have failed to make. */
static int wait_for_sync(struct waybuf_egl *egl, EGLSyncKHR sync, EGLint flags, int timeout_ms)
{
	const struct egl_functions *f = &egl->egl;
	EGLint ret = EGL_FALSE;
	if (sync != EGL_NO_SYNC_KHR)
		ret = f->client_wait_sync(
			egl->display, sync, flags, (EGLTimeKHR)timeout_ms * NS_PER_MS);
	if (ret == EGL_FALSE)
		egl_fail_call(egl, "fence");
	if (sync != EGL_NO_SYNC_KHR)
		f->destroy_sync(egl->display, sync);
	if (ret == EGL_TIMEOUT_EXPIRED_KHR)
		return egl_fail(egl, -ETIME, "fence: not over in %d ms", timeout_ms);
	return ret == EGL_FALSE ? -EIO : 0;
}

static int wait_for_work(struct waybuf_egl *egl, int timeout_ms)
{
	EGLSyncKHR sync = egl->egl.create_sync(egl->display, EGL_SYNC_FENCE_KHR, NULL);
	return wait_for_sync(egl, sync, EGL_SYNC_FLUSH_COMMANDS_BIT_KHR, timeout_ms);
}

int waybuf_egl_fence_export(struct waybuf_egl *egl, int timeout_ms, int *fence)
{
	*fence = -1;
	int ret = check(egl, timeout_ms, "fence");
	if (ret < 0)
		return ret;
	if (!(egl->features & WAYBUF_EGL_FENCES))
		return egl_fail(
			egl, -EOPNOTSUPP, "fence: the EGL display has no EGL_KHR_fence_sync");
	if (egl->features & WAYBUF_EGL_SYNC_FILES)
		*fence = get_sync_file(egl);
	/* no fds left, or a renderer that makes fences for some of its work only */
	return *fence >= 0 ? 0 : wait_for_work(egl, timeout_ms);
}

/* ---- in ------------------------------------------------------------------------------------ */

/* 1: EGL does not take it. Otherwise it is EGL's now. */
static int give_to_gpu(struct waybuf_egl *egl, int fence, int timeout_ms)
{
	const struct egl_functions *f = &egl->egl;
	const EGLint attribs[] = {EGL_SYNC_NATIVE_FENCE_FD_ANDROID, fence, EGL_NONE};
	if (!(egl->features & WAYBUF_EGL_SYNC_FILES))
		return 1;
	EGLSyncKHR sync = f->create_sync(egl->display, EGL_SYNC_NATIVE_FENCE_ANDROID, attribs);
	if (sync == EGL_NO_SYNC_KHR)
		return 1;
	if (f->wait_sync(egl->display, sync, 0) != EGL_TRUE)
		return wait_for_sync(egl, sync, 0, timeout_ms);
	f->destroy_sync(egl->display, sync);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

static int wait_here(struct waybuf_egl *egl, int fence, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fence, .events = POLLIN};
	int64_t deadline = now_ms() + timeout_ms, left;
	int ret;
	do {
		left = deadline - now_ms();
		ret = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return egl_fail(egl, -errno, "fence: poll() fails");
	if (ret == 0)
		return egl_fail(egl, -ETIME, "fence: not signalled in %d ms", timeout_ms);
	if (poll_fd.revents & POLLNVAL)
		return egl_fail(egl, -EBADF, "fence: no fd");
	return 0;
}

int waybuf_egl_fence_import(struct waybuf_egl *egl, int fence, int timeout_ms)
{
	int ret = check(egl, timeout_ms, "fence");
	if (fence < 0)
		return ret;
	int taken = ret == 0 ? give_to_gpu(egl, fence, timeout_ms) : 1;
	if (taken <= 0)
		return taken;
	if (ret == 0)
		ret = wait_here(egl, fence, timeout_ms);
	if (ret != -EBADF)
		close(fence);
	return ret;
}
