/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kms/commit.h"
#include "kms/device.h"
#include "kms/probe.h"
#include "kms/state.h"
#include "kms/stub.h"
#include "util/fd.h"
#include "util/log.h"

void waybuf_kms_why_set(struct waybuf_kms_why *why, const char *format, ...)
{
	if (!why)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
}

static bool get_cap(int fd, uint64_t cap, uint64_t *value)
{
	*value = 0;
	return drmGetCap(fd, cap, value) == 0;
}

static bool has_cap(int fd, uint64_t cap)
{
	uint64_t value;
	return get_cap(fd, cap, &value) && value != 0;
}

/* Client capabilities hold for the open file; atomic brings universal planes along. */
static void load_caps(struct waybuf_kms_caps *caps, int fd, bool guest)
{
	uint64_t value;
	caps->atomic = drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0;
	/* a host that did not ask for them would take writeback connectors for displays */
	caps->writeback = !guest && caps->atomic &&
		drmSetClientCap(fd, DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1) == 0;
	caps->modifiers = has_cap(fd, DRM_CAP_ADDFB2_MODIFIERS);
	get_cap(fd, DRM_CAP_PRIME, &value);
	caps->prime_import = value & DRM_PRIME_CAP_IMPORT;
	caps->prime_export = value & DRM_PRIME_CAP_EXPORT;
	caps->dumb = has_cap(fd, DRM_CAP_DUMB_BUFFER);
	caps->async_flip = has_cap(fd, DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP);
	caps->syncobj = has_cap(fd, DRM_CAP_SYNCOBJ);
	caps->syncobj_timeline = has_cap(fd, DRM_CAP_SYNCOBJ_TIMELINE);
	caps->monotonic = has_cap(fd, DRM_CAP_TIMESTAMP_MONOTONIC);
	/* drivers without an opinion mean 64 */
	caps->cursor_width = get_cap(fd, DRM_CAP_CURSOR_WIDTH, &value) ? (uint32_t)value : 64;
	caps->cursor_height = get_cap(fd, DRM_CAP_CURSOR_HEIGHT, &value) ? (uint32_t)value : 64;
}

static int load_version(struct waybuf_kms_device *device)
{
	drmVersionPtr version = drmGetVersion(device->fd);
	if (!version)
		return errno ? -errno : -ENOTSUP;
	device->driver = strndup(version->name, (size_t)version->name_len);
	device->description = strndup(version->desc, (size_t)version->desc_len);
	device->version[0] = version->version_major;
	device->version[1] = version->version_minor;
	device->version[2] = version->version_patchlevel;
	drmFreeVersion(version);
	return device->driver && device->description ? 0 : -ENOMEM;
}

bool waybuf_kms_device_check_master(struct waybuf_kms_device *device)
{
	device->master = drmIsMaster(device->fd);
	return device->master;
}

/*
 * The first to open a node becomes master by that. So if we are not, somebody else is, and asking
 * helps only if he has just left. Without CAP_SYS_ADMIN the kernel does not even let us ask
 * (EACCES), which means the same.
 */
static int take_master(struct waybuf_kms_device *device, struct waybuf_kms_why *why)
{
	if (waybuf_kms_device_check_master(device))
		return 0;
	if (drmSetMaster(device->fd) == 0 && waybuf_kms_device_check_master(device))
		return 0;
	waybuf_kms_why_set(why, "another program holds the display of %s (it is DRM master)",
		device->path ? device->path : device->driver);
	return -EBUSY;
}

static int settle_master(
	struct waybuf_kms_device *device, enum waybuf_kms_mode mode, struct waybuf_kms_why *why)
{
	if (mode == WAYBUF_KMS_MASTER)
		return take_master(device, why);
	if (mode == WAYBUF_KMS_GUEST) {
		waybuf_kms_device_check_master(device);
		return 0;
	}
	/* whoever starts while we look must find the display free */
	if (waybuf_kms_device_check_master(device))
		drmDropMaster(device->fd);
	device->master = false;
	return 0;
}

static int identify(struct waybuf_kms_device *device, const char *path, struct waybuf_kms_why *why)
{
	struct stat st;
	if (fstat(device->fd, &st) < 0)
		return -errno;
	device->rdev = st.st_rdev;
	if (path && !(device->path = strdup(path)))
		return -ENOMEM;
	int error = load_version(device);
	if (error)
		waybuf_kms_why_set(why, "%s is not a DRM device", path ? path : "the fd");
	return error;
}

static int load(
	struct waybuf_kms_device *device, enum waybuf_kms_mode mode, struct waybuf_kms_why *why)
{
	const char *name = device->path ? device->path : device->driver;
	load_caps(&device->caps, device->fd, mode == WAYBUF_KMS_GUEST);
	int error = waybuf_kms_resources_init(&device->res, device->fd, !device->caps.modifiers);
	if (error) {
		waybuf_kms_why_set(why, "%s (%s) cannot drive a display: %s", name, device->driver,
			strerror(-error));
		return error;
	}
	if (mode != WAYBUF_KMS_INSPECT && !device->caps.atomic) {
		waybuf_kms_why_set(why, "%s (%s) has no atomic KMS", name, device->driver);
		return -ENOTSUP;
	}
	error = waybuf_gem_handles_create(device->fd, &device->handles);
	if (!error)
		error = waybuf_kms_state_create(device, &device->current);
	if (!error)
		error = waybuf_kms_probe_cache_create(&device->probes);
	if (!error && mode != WAYBUF_KMS_INSPECT)
		device->stub_fence = waybuf_kms_stub_fence(device);
	return error;
}

int waybuf_kms_device_create(int fd, const char *path, enum waybuf_kms_mode mode,
	struct waybuf_kms_device **out, struct waybuf_kms_why *why)
{
	struct waybuf_kms_device *device = calloc(1, sizeof(*device));
	if (!device) {
		close(fd);
		return -ENOMEM;
	}
	device->fd = fd;
	device->stub_fence = -1;
	waybuf_list_init(&device->commits);
	int error = identify(device, path, why);
	if (!error)
		error = settle_master(device, mode, why);
	if (!error)
		error = load(device, mode, why);
	if (error) {
		waybuf_kms_device_destroy(device);
		return error;
	}
	*out = device;
	return 0;
}

void waybuf_kms_device_destroy(struct waybuf_kms_device *device)
{
	if (!device)
		return;
	waybuf_kms_commits_abandon(device);
	waybuf_source_remove(device->source);
	waybuf_source_remove(device->capture_timer);
	waybuf_kms_state_destroy(device->current);
	waybuf_kms_probe_cache_destroy(device->probes);
	waybuf_kms_resources_finish(&device->res);
	waybuf_gem_handles_unref(device->handles);
	fd_close(&device->stub_fence);
	fd_close(&device->fd);
	free(device->path);
	free(device->driver);
	free(device->description);
	free(device);
}

int waybuf_kms_device_refresh(struct waybuf_kms_device *device, bool probe, bool *changed)
{
	int error = waybuf_kms_resources_refresh(&device->res, device->fd, probe, changed);
	int grown = waybuf_kms_state_grow(device->current);
	if (*changed || error || grown) {
		device->serial++;
		waybuf_kms_probe_cache_clear(device->probes);
	}
	return error ? error : grown;
}

void waybuf_kms_device_invalidate(struct waybuf_kms_device *device)
{
	device->known = false;
	device->serial++;
	waybuf_kms_device_check_master(device);
	waybuf_kms_probe_cache_clear(device->probes);
}

int waybuf_kms_device_follow(struct waybuf_kms_device *device, struct waybuf_kms_crtc *crtc)
{
	drmModeCrtcPtr info = drmModeGetCrtc(device->fd, crtc->id);
	if (!info)
		return errno ? -errno : -ENOMEM;
	struct waybuf_kms_crtc_state *now = &device->current->crtcs[crtc->index];
	bool same = info->mode_valid && now->mode &&
		memcmp(&now->mode->info, &info->mode, sizeof(info->mode)) == 0;
	int error = same ? 0
			 : waybuf_kms_state_set_mode(
				   device->current, crtc, info->mode_valid ? &info->mode : NULL);
	if (!same)
		waybuf_kms_probe_cache_clear(device->probes);
	bool on = info->mode_valid;
	drmModeFreeCrtc(info);
	if (error)
		return error;
	device->known = true;
	return on ? 0 : -ENOTCONN;
}

struct waybuf_kms_connector *waybuf_kms_device_find_connector(
	struct waybuf_kms_device *device, const char *name)
{
	for (uint32_t i = 0; i < device->res.n_connectors; i++) {
		struct waybuf_kms_connector *connector = device->res.connectors[i];
		if (!connector->gone && strcmp(connector->name, name) == 0)
			return connector;
	}
	return NULL;
}
