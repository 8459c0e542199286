/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <xf86drm.h>

#include "libdrm_impl.h"

/* Blobs, handles, framebuffers. */

drmModePropertyBlobPtr drmModeGetPropertyBlob(int fd, uint32_t id)
{
	if (id < FIRST_BLOB || id >= FIRST_BLOB + MAX || !fake.blobs[id - FIRST_BLOB].open) {
		errno = ENOENT;
		return NULL;
	}
	drmModePropertyBlobPtr blob = calloc(1, sizeof(*blob));
	blob->length = fake.blobs[id - FIRST_BLOB].size;
	blob->data = malloc(blob->length);
	memcpy(blob->data, fake.blobs[id - FIRST_BLOB].data, blob->length);
	return blob;
}

void drmModeFreePropertyBlob(drmModePropertyBlobPtr blob)
{
	free(blob->data);
	free(blob);
}

int drmModeCreatePropertyBlob(int fd, const void *data, size_t size, uint32_t *id)
{
	*id = new_blob(data, size);
	return 0;
}

int drmModeDestroyPropertyBlob(int fd, uint32_t id)
{
	JUDGE(id >= FIRST_BLOB && id < FIRST_BLOB + MAX && fake.blobs[id - FIRST_BLOB].open,
		"blob %u destroyed twice", id);
	free(fake.blobs[id - FIRST_BLOB].data);
	fake.blobs[id - FIRST_BLOB].open = false;
	return 0;
}

int drmPrimeFDToHandle(int fd, int dmabuf, uint32_t *handle)
{
	struct stat st;
	errno = -injected(FAKE_PRIME);
	if (errno || fstat(dmabuf, &st) < 0)
		return -1;
	uint32_t lowest = 0;
	for (uint32_t i = 1; i < MAX; i++) {
		if (fake.handles[i].open && fake.handles[i].ino == st.st_ino) {
			*handle = i;
			return 0;
		}
		if (!fake.handles[i].open && !lowest)
			lowest = i;
	}
	fake.handles[lowest] = (struct handle){true, st.st_ino};
	*handle = lowest;
	return 0;
}

int drmCloseBufferHandle(int fd, uint32_t handle)
{
	JUDGE(handle > 0 && handle < MAX && fake.handles[handle].open, "handle %u closed twice",
		handle);
	fake.handles[handle].open = false;
	return 0;
}

int drmModeAddFB2WithModifiers(int fd, uint32_t width, uint32_t height, uint32_t format,
	const uint32_t handles[4], const uint32_t strides[4], const uint32_t offsets[4],
	const uint64_t modifiers[4], uint32_t *id, uint32_t flags)
{
	int error = injected(FAKE_ADDFB);
	if (error)
		return error;
	JUDGE(!modifiers == !(flags & DRM_MODE_FB_MODIFIERS), "modifiers without their flag");
	for (int i = 0; i < 4; i++) {
		if (handles[i] && !fake.handles[handles[i]].open)
			return -ENOENT;
		JUDGE(handles[i] || (!strides[i] && !offsets[i]), "plane %d has no handle", i);
	}
	for (uint32_t i = 0; i < MAX; i++) {
		if (fake.fbs[i].open)
			continue;
		fake.fbs[i].open = true;
		fake.fbs[i].ino = fake.handles[handles[0]].ino;
		*id = FIRST_FB + i;
		return 0;
	}
	return -ENOMEM;
}

static int close_fb(uint32_t id)
{
	if (id < FIRST_FB || id >= FIRST_FB + MAX || !fake.fbs[id - FIRST_FB].open)
		return -ENOENT;
	fake.fbs[id - FIRST_FB].open = false;
	return 0;
}

int drmModeCloseFB(int fd, uint32_t id)
{
	int error = injected(FAKE_CLOSEFB);
	return error ? error : close_fb(id);
}

int drmModeRmFB(int fd, uint32_t id)
{
	fake.removed++;
	return close_fb(id);
}

drmModeFBPtr drmModeGetFB(int fd, uint32_t id)
{
	if (id < FIRST_FB || id >= FIRST_FB + MAX || !fake.fbs[id - FIRST_FB].open) {
		errno = ENOENT;
		return NULL;
	}
	return calloc(1, sizeof(drmModeFB));
}

void drmModeFreeFB(drmModeFBPtr fb)
{
	free(fb);
}
