/* SPDX-License-Identifier: MIT */

/*
 * What others have: the linux-dmabuf global of wlroots 0.18 and nothing else, for `bench import-any`.
 * Its main device is the display's, as in a compositor that renders on it, and there is no renderer:
 * a buffer that is never shown costs what the global makes it cost.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include <wayland-server-core.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_linux_dmabuf_v1.h>

static struct wl_display *display;

/*
 * In libdrm's place, whose releases before 2.4.125 do not know the bus that vkms is on, and then
 * wlroots offers nothing. Its answer for vkms: there is such a device, and it has no render node.
 */
__attribute__((visibility("default"))) int drmGetDeviceFromDevId(
	dev_t dev, uint32_t flags, drmDevicePtr *out)
{
	static char name[] = "the display's";
	static char *nodes[DRM_NODE_MAX] = {[DRM_NODE_PRIMARY] = name};
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->nodes = nodes;
	(*out)->available_nodes = 1 << DRM_NODE_PRIMARY;
	return 0;
}

static void handle_signal(int number)
{
	wl_display_terminate(display);
}

/* Of the first DRM device that has displays, or 0. */
static dev_t find_device(void)
{
	glob_t nodes;
	dev_t dev = 0;
	if (glob("/dev/dri/card*", 0, NULL, &nodes) != 0)
		return 0;
	for (size_t i = 0; i < nodes.gl_pathc && dev == 0; i++) {
		struct stat st;
		int fd = open(nodes.gl_pathv[i], O_RDWR | O_CLOEXEC);
		if (fd >= 0 && drmIsKMS(fd) && fstat(fd, &st) == 0)
			dev = st.st_rdev;
		if (fd >= 0)
			close(fd);
	}
	globfree(&nodes);
	return dev;
}

static struct wlr_linux_dmabuf_v1 *offer_buffers(void)
{
	struct wlr_linux_dmabuf_feedback_v1 feedback = {.main_device = find_device()};
	struct wlr_linux_dmabuf_feedback_v1_tranche *tranche =
		wlr_linux_dmabuf_feedback_add_tranche(&feedback);
	if (!tranche)
		return NULL;
	tranche->target_device = feedback.main_device;
	wlr_drm_format_set_add(&tranche->formats, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	wlr_drm_format_set_add(&tranche->formats, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR);
	struct wlr_linux_dmabuf_v1 *global = wlr_linux_dmabuf_v1_create(display, 4, &feedback);
	wlr_linux_dmabuf_feedback_v1_finish(&feedback);
	return global;
}

int main(void)
{
	display = wl_display_create();
	if (!display || !wlr_compositor_create(display, 5, NULL) || !offer_buffers() ||
		!wl_display_add_socket_auto(display)) {
		fprintf(stderr, "peer-wlroots: no display, or no DRM device\n");
		return 1;
	}
	signal(SIGTERM, handle_signal);
	wl_display_run(display);
	wl_display_destroy(display);
	return 0;
}
