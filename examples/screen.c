/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include <xf86drm.h>

/* The first display that is connected, and the CRTC that it is on or could be on. */
static void find_output(struct screen *screen, const drmModeRes *resources)
{
	for (int i = 0; !screen->crtc_id && i < resources->count_connectors; i++) {
		drmModeConnector *connector =
			drmModeGetConnector(screen->fd, resources->connectors[i]);
		drmModeEncoder *encoder = NULL;
		if (connector && connector->connection == DRM_MODE_CONNECTED &&
			connector->count_modes && connector->count_encoders)
			encoder = drmModeGetEncoder(screen->fd, connector->encoders[0]);
		if (encoder) {
			screen->connector_id = connector->connector_id;
			screen->mode = connector->modes[0]; /* the best */
			screen->crtc_id = encoder->crtc_id;
			for (int j = 0; !screen->crtc_id && j < resources->count_crtcs; j++)
				if (encoder->possible_crtcs >> j & 1)
					screen->crtc_id = resources->crtcs[j];
		}
		drmModeFreeEncoder(encoder);
		drmModeFreeConnector(connector);
	}
}

/* Whether @path has a display, and it is ours: the first to open a node becomes its master. */
static bool open_node(struct screen *screen, const char *path)
{
	screen->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	drmModeRes *resources = screen->fd < 0 ? NULL : drmModeGetResources(screen->fd);
	if (resources && drmIsMaster(screen->fd))
		find_output(screen, resources);
	drmModeFreeResources(resources);
	if (!screen->crtc_id && screen->fd >= 0)
		close(screen->fd);
	return screen->crtc_id;
}

static bool find_node(struct screen *screen, const char *path)
{
	char node[] = "/dev/dri/card0";
	bool found = path && open_node(screen, path);
	for (; !path && !found && node[13] <= '9'; node[13]++)
		found = open_node(screen, node);
	return found;
}

/* Fresh memory is zeroes. */
static int make_black(struct screen *screen)
{
	uint32_t handle, pitch, width = screen->mode.hdisplay, height = screen->mode.vdisplay;
	uint64_t size;
	int ret = drmModeCreateDumbBuffer(screen->fd, width, height, 32, 0, &handle, &pitch, &size);
	if (ret < 0)
		return ret;
	return drmModeAddFB(screen->fd, width, height, 24, 32, pitch, handle, &screen->black);
}

int screen_open(struct screen *screen, const char *path)
{
	*screen = (struct screen){.fd = -1};
	if (!find_node(screen, path))
		return -ENODEV;
	screen->before = drmModeGetCrtc(screen->fd, screen->crtc_id);
	int ret = make_black(screen);
	if (ret == 0)
		ret = screen_show_black(screen);
	if (ret < 0)
		screen_close(screen);
	return ret;
}

int screen_show_black(struct screen *screen)
{
	return drmModeSetCrtc(screen->fd, screen->crtc_id, screen->black, 0, 0,
		&screen->connector_id, 1, &screen->mode);
}

void screen_restore(struct screen *screen)
{
	drmModeCrtc *before = screen->before;
	if (!before)
		return;
	/* off, where it was, or where the framebuffer is gone with the program that had made it */
	if (!before->mode_valid ||
		drmModeSetCrtc(screen->fd, screen->crtc_id, before->buffer_id, before->x, before->y,
			&screen->connector_id, 1, &before->mode) < 0)
		drmModeSetCrtc(screen->fd, screen->crtc_id, 0, 0, 0, NULL, 0, NULL);
	drmModeFreeCrtc(before);
	screen->before = NULL;
}

void screen_close(struct screen *screen)
{
	screen_restore(screen);
	if (screen->fd >= 0)
		close(screen->fd);
	screen->fd = -1;
}
