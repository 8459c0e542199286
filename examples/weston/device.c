/* SPDX-License-Identifier: MIT */
#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

/* ---- which one ----------------------------------------------------------------------------- */

/* The node that weston has open: the first of this process' fds that is a primary one. */
static bool find_node(char path[static 32])
{
	DIR *fds = opendir("/proc/self/fd");
	const struct dirent *entry;
	bool found = false;
	while (fds && !found && (entry = readdir(fds))) {
		char target[32];
		ssize_t size = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
		if (size <= 0)
			continue;
		target[size] = '\0';
		found = strncmp(target, "/dev/dri/card", strlen("/dev/dri/card")) == 0;
		if (found)
			memcpy(path, target, sizeof(target));
	}
	if (fds)
		closedir(fds);
	return found;
}

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	/* the first to open a node without a master becomes that, and weston could not come back */
	if (fd >= 0 && drmIsMaster(fd))
		drmDropMaster(fd);
	return fd;
}

static bool is_on(int fd, uint32_t crtc_id)
{
	drmModeCrtc *crtc = drmModeGetCrtc(fd, crtc_id);
	bool on = crtc && crtc->mode_valid;
	drmModeFreeCrtc(crtc);
	return on;
}

/* The CRTC that is on, or the first one; 0: there is none. */
static uint32_t find_crtc(int fd)
{
	drmModeRes *resources = drmModeGetResources(fd);
	uint32_t found = 0;
	if (resources && resources->count_crtcs > 0)
		found = resources->crtcs[0];
	for (int i = 0; found && i < resources->count_crtcs; i++) {
		if (!is_on(fd, resources->crtcs[i]))
			continue;
		found = resources->crtcs[i];
		break;
	}
	drmModeFreeResources(resources);
	return found;
}

/* ---- what it takes ------------------------------------------------------------------------- */

static int kms_constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	struct device *device = data;
	return waybuf_scanout_device_ops()->constraints(device->scanout, access, out);
}

/* GEM handles are not counted: planes that share a memory share the handle, which is closed once. */
static void close_handles(int fd, const uint32_t handles[4])
{
	for (int i = 0; i < 4; i++) {
		bool again = false;
		for (int k = 0; k < i; k++)
			again |= handles[k] == handles[i];
		if (handles[i] && !again)
			drmCloseBufferHandle(fd, handles[i]);
	}
}

static int add_framebuffer(int fd, const struct waybuf_layout *layout, const uint32_t handles[4])
{
	uint32_t strides[4] = {0}, offsets[4] = {0}, id;
	uint64_t modifiers[4] = {0};
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		strides[i] = layout->planes[i].stride;
		offsets[i] = layout->planes[i].offset;
		modifiers[i] = layout->modifier;
	}
	if (drmModeAddFB2WithModifiers(fd, layout->width, layout->height, layout->format, handles,
		    strides, offsets, modifiers, &id, DRM_MODE_FB_MODIFIERS) < 0)
		return -errno;
	drmModeRmFB(fd, id);
	return 0;
}

/*
 * A framebuffer is as far as somebody who is not master comes. On a file of its own: the exporters'
 * handles are theirs.
 */
static int import_test(void *data, const struct waybuf_layout *layout)
{
	const struct device *device = data;
	uint32_t handles[4] = {0};
	int ret = 0;
	for (uint32_t i = 0; i < layout->n_planes && ret == 0; i++) {
		int memory = layout->memory[layout->planes[i].slot].fd;
		ret = drmPrimeFDToHandle(device->probe_fd, memory, &handles[i]) < 0 ? -errno : 0;
	}
	if (ret == 0)
		ret = add_framebuffer(device->probe_fd, layout, handles);
	close_handles(device->probe_fd, handles);
	return ret;
}

const struct waybuf_server_device_ops device_kms_ops = {
	.constraints = kms_constraints,
	.import_test = import_test,
};

/* A renderer that nobody can ask: weston takes no shared memory by way of linux-dmabuf. */
static int other_constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	const uint64_t yes = 1;
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_access(builder, access);
	waybuf_constraints_builder_add(builder, WAYBUF_FIELD_DMABUF, WAYBUF_PLANE_ALL, &yes, 1);
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

const struct waybuf_server_device_ops device_other_ops = {.constraints = other_constraints};

/* ---- life ---------------------------------------------------------------------------------- */

void device_init(struct device *device)
{
	struct stat stat;
	*device = (struct device){.fd = -1, .probe_fd = -1};
	if (!find_node(device->path))
		return;
	device->fd = open_node(device->path);
	if (device->fd < 0)
		return;
	if (fstat(device->fd, &stat) == 0)
		device->dev = stat.st_rdev;
	device->probe_fd = open_node(device->path);
	const struct waybuf_scanout_options options = {
		.drm_fd = device->fd, .crtc_id = find_crtc(device->fd)};
	if (device->probe_fd >= 0 && waybuf_scanout_create(&options, &device->scanout) < 0)
		device->scanout = NULL;
}

void device_finish(struct device *device)
{
	waybuf_scanout_destroy(device->scanout);
	if (device->probe_fd >= 0)
		close(device->probe_fd);
	if (device->fd >= 0)
		close(device->fd);
}
