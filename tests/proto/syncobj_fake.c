/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "fake/sync.h"
#include "syncobj_kit.h"

static int fences[4];
static bool made[4];

void kernel_set_up(void)
{
	fake_sync_init();
	memset(made, 0, sizeof(made));
}

void kernel_tear_down(void)
{
	ck_assert_int_eq(fake_count_sync_files(), 0);
	ck_assert_int_eq(fake_count_handles(), 0);
	fake_sync_finish();
}

int kernel_open_drm(void)
{
	return fake_syncobj_device();
}

int kernel_make_dmabuf(void)
{
	int fd = fake_dmabuf_open();
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	return fd;
}

int kernel_make_fence(int index)
{
	fences[index] = fake_fence();
	made[index] = true;
	return fake_sync_file(&fences[index], 1);
}

void kernel_signal_fence(int index)
{
	for (int i = 0; i <= index; i++) {
		if (made[i])
			fake_fence_settle(fences[i], 1, 1);
		made[i] = false;
	}
}
