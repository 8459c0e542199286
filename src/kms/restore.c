/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kms/commit.h"
#include "kms/restore.h"

struct saved {
	uint32_t object, property;
	uint64_t value;
	void *blob; /* contents, if the value is a blob's id; NULL: none */
	size_t blob_size;
	bool is_blob;
	bool is_plane;
	bool is_fb;
	bool is_switch; /* ACTIVE, MODE_ID, CRTC_ID, FB_ID: 0 turns it off */
};

struct waybuf_kms_restore {
	struct waybuf_kms_device *device;
	struct saved *saved;
	size_t n, capacity;
};

/*
 * Properties that are not state: they ask for something in one commit, or are set by other means
 * (DPMS is refused in atomic commits), or by hardware.
 */
static bool is_action(const char *name)
{
	static const char *const names[] = {"IN_FENCE_FD", "OUT_FENCE_PTR", "WRITEBACK_FB_ID",
		"WRITEBACK_OUT_FENCE_PTR", "FB_DAMAGE_CLIPS", "DPMS", "link-status",
		"Content Protection"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool is_switch(const char *name)
{
	return strcmp(name, "ACTIVE") == 0 || strcmp(name, "MODE_ID") == 0 ||
		strcmp(name, "CRTC_ID") == 0 || strcmp(name, "FB_ID") == 0;
}

static struct saved *add_saved(struct waybuf_kms_restore *restore)
{
	if (restore->n == restore->capacity) {
		size_t capacity = restore->capacity ? restore->capacity * 2 : 128;
		struct saved *saved = reallocarray(restore->saved, capacity, sizeof(*saved));
		if (!saved)
			return NULL;
		restore->saved = saved;
		restore->capacity = capacity;
	}
	struct saved *saved = &restore->saved[restore->n++];
	*saved = (struct saved){0};
	return saved;
}

static int save_property(struct waybuf_kms_restore *restore, uint32_t object, uint32_t type,
	drmModePropertyRes *property, uint64_t value)
{
	if (property->flags & DRM_MODE_PROP_IMMUTABLE || is_action(property->name))
		return 0;
	struct saved *saved = add_saved(restore);
	if (!saved)
		return -ENOMEM;
	saved->object = object;
	saved->property = property->prop_id;
	saved->value = value;
	saved->is_plane = type == DRM_MODE_OBJECT_PLANE;
	saved->is_fb = strcmp(property->name, "FB_ID") == 0;
	saved->is_switch = is_switch(property->name);
	saved->is_blob = drm_property_type_is(property, DRM_MODE_PROP_BLOB);
	if (!saved->is_blob || value == 0)
		return 0;
	return waybuf_kms_blob_read(
		restore->device->fd, (uint32_t)value, &saved->blob, &saved->blob_size);
}

static int save_object(struct waybuf_kms_restore *restore, uint32_t object, uint32_t type)
{
	struct waybuf_kms_device *device = restore->device;
	drmModeObjectPropertiesPtr list = drmModeObjectGetProperties(device->fd, object, type);
	if (!list)
		return -errno;
	int error = 0;
	for (uint32_t i = 0; i < list->count_props && !error; i++) {
		drmModePropertyRes *property =
			waybuf_kms_prop_cache_get(&device->res.cache, device->fd, list->props[i]);
		error = property
			? save_property(restore, object, type, property, list->prop_values[i])
			: -ENOMEM;
	}
	drmModeFreeObjectProperties(list);
	return error;
}

static int save_all(struct waybuf_kms_restore *restore)
{
	const struct waybuf_kms_resources *res = &restore->device->res;
	int error = 0;
	for (uint32_t i = 0; i < res->n_connectors && !error; i++) {
		if (!res->connectors[i]->gone)
			error = save_object(
				restore, res->connectors[i]->id, DRM_MODE_OBJECT_CONNECTOR);
	}
	for (uint32_t i = 0; i < res->n_crtcs && !error; i++)
		error = save_object(restore, res->crtcs[i]->id, DRM_MODE_OBJECT_CRTC);
	for (uint32_t i = 0; i < res->n_planes && !error; i++)
		error = save_object(restore, res->planes[i]->id, DRM_MODE_OBJECT_PLANE);
	return error;
}

int waybuf_kms_restore_save(struct waybuf_kms_device *device, struct waybuf_kms_restore **out)
{
	struct waybuf_kms_restore *restore = calloc(1, sizeof(*restore));
	if (!restore)
		return -ENOMEM;
	restore->device = device;
	int error = save_all(restore);
	if (error) {
		waybuf_kms_restore_destroy(restore);
		return error;
	}
	*out = restore;
	return 0;
}

void waybuf_kms_restore_destroy(struct waybuf_kms_restore *restore)
{
	if (!restore)
		return;
	for (size_t i = 0; i < restore->n; i++)
		free(restore->saved[i].blob);
	free(restore->saved);
	free(restore);
}

enum extent {
	EVERYTHING,
	WITHOUT_PLANES, /* modes and outputs; planes off */
	OFF,
	EXTENTS,
};

static int blob_for(const struct waybuf_kms_restore *restore, const struct saved *saved,
	uint32_t *blobs, size_t *n_blobs, uint64_t *value)
{
	*value = 0;
	if (!saved->blob)
		return 0;
	uint32_t id;
	int error =
		drmModeCreatePropertyBlob(restore->device->fd, saved->blob, saved->blob_size, &id);
	if (error)
		return error;
	blobs[(*n_blobs)++] = id;
	*value = id;
	return 0;
}

/* Whether it is like that now. What cannot be told is put back. */
static bool is_same(const struct waybuf_kms_restore *now, const struct saved *saved)
{
	for (size_t i = 0; i < now->n; i++) {
		const struct saved *other = &now->saved[i];
		if (other->object != saved->object || other->property != saved->property)
			continue;
		if (!saved->blob || !other->blob)
			return saved->value == other->value;
		return saved->blob_size == other->blob_size &&
			memcmp(saved->blob, other->blob, saved->blob_size) == 0;
	}
	return false;
}

static int build(const struct waybuf_kms_restore *restore, const struct waybuf_kms_restore *now,
	enum extent extent, drmModeAtomicReq *req, uint32_t *blobs, size_t *n_blobs)
{
	for (size_t i = 0; i < restore->n; i++) {
		const struct saved *saved = &restore->saved[i];
		if (extent == EVERYTHING && is_same(now, saved))
			continue;
		uint64_t value = saved->value;
		bool off = extent == OFF || (extent == WITHOUT_PLANES && saved->is_plane);
		if (extent != EVERYTHING && !saved->is_switch)
			continue;
		if (off) {
			value = 0;
		} else if (saved->is_blob) {
			int error = blob_for(restore, saved, blobs, n_blobs, &value);
			if (error)
				return error;
		}
		int n = drmModeAtomicAddProperty(req, saved->object, saved->property, value);
		if (n < 0)
			return n;
	}
	return 0;
}

static uint64_t saved_fb(const struct waybuf_kms_restore *restore, uint32_t plane)
{
	for (size_t i = 0; i < restore->n; i++) {
		if (restore->saved[i].object == plane && restore->saved[i].is_fb)
			return restore->saved[i].value;
	}
	return 0;
}

/* The buffers of others may carry fences that never signal, and this commit blocks. */
static int add_fences(const struct waybuf_kms_restore *restore, drmModeAtomicReq *req)
{
	const struct waybuf_kms_device *device = restore->device;
	for (uint32_t i = 0; i < device->res.n_planes && device->stub_fence >= 0; i++) {
		const struct waybuf_kms_plane *plane = device->res.planes[i];
		const struct waybuf_kms_prop *fence = &plane->props[WAYBUF_KMS_PLANE_IN_FENCE_FD];
		if (!waybuf_kms_prop_known(fence) || saved_fb(restore, plane->id) == 0)
			continue;
		int n = drmModeAtomicAddProperty(
			req, plane->id, fence->id, (uint64_t)device->stub_fence);
		if (n < 0)
			return n;
	}
	return 0;
}

/* Framebuffers whose program has ended: a plane cannot show them again. */
static void drop_lost_framebuffers(struct waybuf_kms_restore *restore)
{
	for (size_t i = 0; i < restore->n; i++) {
		struct saved *saved = &restore->saved[i];
		if (!saved->is_fb || saved->value == 0)
			continue;
		drmModeFBPtr fb = drmModeGetFB(restore->device->fd, (uint32_t)saved->value);
		if (!fb && errno == ENOENT) {
			for (size_t j = 0; j < restore->n; j++) {
				if (restore->saved[j].object == saved->object &&
					restore->saved[j].is_switch)
					restore->saved[j].value = 0;
			}
		}
		if (fb && fb->handle)
			drmCloseBufferHandle(restore->device->fd, fb->handle);
		drmModeFreeFB(fb);
	}
}

static int attempt(struct waybuf_kms_restore *restore, const struct waybuf_kms_restore *now,
	enum extent extent)
{
	int fd = restore->device->fd;
	size_t n_blobs = 0;
	uint32_t *blobs = calloc(restore->n + 1, sizeof(*blobs));
	drmModeAtomicReq *req = drmModeAtomicAlloc();
	int error = blobs && req ? build(restore, now, extent, req, blobs, &n_blobs) : -ENOMEM;
	if (!error && extent == EVERYTHING)
		error = add_fences(restore, req);
	if (!error)
		error = drmModeAtomicCommit(fd, req, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL);
	for (size_t i = 0; i < n_blobs; i++)
		drmModeDestroyPropertyBlob(fd, blobs[i]);
	drmModeAtomicFree(req);
	free(blobs);
	return error;
}

int waybuf_kms_restore_apply(struct waybuf_kms_restore *restore, struct waybuf_kms_why *why)
{
	struct waybuf_kms_restore *now;
	int error = waybuf_kms_restore_save(restore->device, &now);
	if (error)
		return error;
	drop_lost_framebuffers(restore);
	error = -EINVAL;
	/* the kernel makes a blocking commit wait for those before it, so pending flips do not matter */
	for (enum extent extent = EVERYTHING; error && error != -EACCES && extent < EXTENTS;
		extent++)
		error = attempt(restore, now, extent);
	waybuf_kms_restore_destroy(now);
	if (error)
		waybuf_kms_why_set(why, "%s: the display could not be restored: %s",
			restore->device->driver, strerror(-error));
	waybuf_kms_device_invalidate(restore->device);
	return error;
}
