/* SPDX-License-Identifier: MIT */
#include <sys/eventfd.h>
#include <unistd.h>

#include "egl_world.h"

/* Fences out of EGL and into it, by whatever way the display has. */

TEST(fence_out)
{
	int fence;
	fake_egl_init();
	fake_egl.fence = eventfd(0, EFD_CLOEXEC);
	egl_start();
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 0, &fence), 0);
	ck_assert_int_ge(fence, 0);
	close(fence);
	close(fake_egl.fence);
	/* none is to be had: then the work is waited for */
	fake_egl.fence = -1;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 7, &fence), 0);
	ck_assert_int_eq(fence, -1);
	ck_assert_uint_eq(fake_egl.timeout, 7000000);
	fake_egl.native_error = EGL_BAD_ALLOC;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 7, &fence), 0);
	egl_finish();
}

TEST(fence_out_fails)
{
	int fence;
	fake_egl_init();
	fake_egl.extensions = "EGL_KHR_fence_sync";
	egl_start();
	ck_assert_int_eq(waybuf_egl_fence_export(egl, -1, &fence), -EINVAL);
	fake_egl.client_wait = EGL_TIMEOUT_EXPIRED_KHR;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -ETIME);
	egl_check_error("3 ms");
	fake_egl.client_wait = -1;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EIO);
	fake_egl.fence_error = EGL_BAD_ALLOC;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EIO);
	egl_check_error("EGL_BAD_ALLOC");
	fake_egl.current = EGL_NO_DISPLAY;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EINVAL);
	ck_assert_int_eq(fence, -1);
	egl_finish();
	fake_egl_init();
	fake_egl.extensions = "";
	egl_start();
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EOPNOTSUPP);
	egl_check_error("EGL_KHR_fence_sync");
	egl_finish();
}

/* A fence of its own each time: whoever takes it closes it, and the harness counts. */
static int signalled(void)
{
	int fd = eventfd(1, EFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

TEST(fence_in)
{
	fake_egl_init();
	egl_start();
	ck_assert_int_eq(waybuf_egl_fence_import(egl, -1, 0), 0);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, eventfd(0, EFD_CLOEXEC), 0), 0);
	/* the GPU cannot: EGL waits, with the fence that it has */
	fake_egl.wait = -1;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), 0);
	ck_assert_uint_eq(fake_egl.timeout, 5000000);
	fake_egl.client_wait = EGL_TIMEOUT_EXPIRED_KHR;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), -ETIME);
	fake_egl.client_wait = -1;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), -EIO);
	/* EGL does not take it: it is still ours, and waited for */
	fake_egl.native_error = EGL_BAD_ATTRIBUTE;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), 0);
	egl_finish();
}

TEST(fence_in_without_extensions)
{
	fake_egl_init();
	fake_egl.extensions = "";
	egl_start();
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 0), 0);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, eventfd(0, EFD_CLOEXEC), 1), -ETIME);
	egl_check_error("not signalled");
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), -1), -EINVAL);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, 1000000, 1), -EBADF);
	fake_egl.current = EGL_NO_DISPLAY;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 1), -EINVAL);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, -1, 1), -EINVAL);
	egl_finish();
}

TEST_MAIN("egl-fence")
