/* SPDX-License-Identifier: MIT */

/*
 * A module for weston 14: clients get buffers from weston's socket, without a device node of their
 * own, that its display can show.
 *
 *	weston --modules=waybuf.so
 *
 * It adds waybuf_allocator_v1, not *integrated*: what a client is given goes back to weston by way of
 * weston's own linux-dmabuf, and weston puts it on a plane or not, as it does with any buffer. And it
 * adds the monitor, so that `waybufctl info` tells who holds what.
 *
 * Weston's headers give a module neither the DRM device nor the planes. But both are in the same
 * process: the module looks which node weston has open, and opens that node once more (device.c).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libweston/libweston.h>
#include <waybuf/log.h>
#include <waybuf/server.h>

#include "device.h"

struct module {
	struct weston_compositor *compositor;
	struct wl_listener destroy;
	struct device device;
	struct waybuf_server *server;
};

/* What weston looks for in a module; it is in none of the headers that are installed. */
__attribute__((visibility("default"))) int wet_module_init(
	struct weston_compositor *compositor, int *argc, char *argv[]);

/* ---- messages ------------------------------------------------------------------------------ */

static pthread_t main_thread;

/* Weston's log is for weston's thread. */
static void log_message(enum waybuf_log_level level, const char *text, void *data)
{
	if (pthread_equal(pthread_self(), main_thread))
		weston_log("waybuf: %s\n", text);
	else
		waybuf_log_to_stderr(level, text, NULL);
}

/* ---- who is in a sandbox ------------------------------------------------------------------- */

static bool mount_namespace(const char *process, struct stat *stat_out)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	return stat(path, stat_out) == 0;
}

/*
 * Weston 14 knows no security contexts. A sandbox, though, has a file system of its own: a client in
 * another mount namespace than ours counts as in one, and so does one that is not to be looked into.
 * A process that is gone when this is asked, its number given to another, would deceive it; tokens
 * and what the monitor shows are all that there is to win.
 */
static const char *security_context(void *data, struct wl_client *client)
{
	static char context[64];
	struct stat ours, theirs;
	char process[16];
	pid_t pid;
	wl_client_get_credentials(client, &pid, NULL, NULL);
	snprintf(process, sizeof(process), "%d", (int)pid);
	if (!mount_namespace("self", &ours) || !mount_namespace(process, &theirs))
		return "unknown";
	if (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
		return NULL;
	snprintf(context, sizeof(context), "mnt:[%llu]", (unsigned long long)theirs.st_ino);
	return context;
}

static bool filter(const struct wl_client *client, const struct wl_global *global, void *data)
{
	const struct module *module = data;
	return waybuf_server_global_visible(module->server, client, global);
}

/* ---- start and end ------------------------------------------------------------------------- */

static void finish(struct module *module)
{
	wl_display_set_global_filter(module->compositor->wl_display, NULL, NULL);
	waybuf_server_destroy(module->server);
	device_finish(&module->device);
	waybuf_log_set_handler(NULL, NULL, WAYBUF_LOG_SILENT);
	free(module);
}

static void handle_destroy(struct wl_listener *listener, void *data)
{
	struct module *module = wl_container_of(listener, module, destroy);
	wl_list_remove(&module->destroy.link);
	finish(module);
}

/*
 * Clients attach it for weston. Its constraints are all that weston's linux-dmabuf does not say: what
 * the planes take, and that memory must be a dma-buf.
 */
static int add_device(struct module *module)
{
	const struct device *device = &module->device;
	const struct waybuf_server_device_info info = {
		.kind = device->scanout ? WAYBUF_DEVICE_KMS : WAYBUF_DEVICE_RENDER,
		.name = device->scanout ? device->path : "weston",
		.has_dev = device->dev,
		.dev = device->dev,
		.ops = device->scanout ? &device_kms_ops : &device_other_ops,
		.data = &module->device,
	};
	uint32_t id;
	return waybuf_server_add_device(module->server, &info, &id);
}

/* Without a node there are dma-heaps and udmabuf. */
static int start(struct module *module)
{
	struct wl_display *display = module->compositor->wl_display;
	device_init(&module->device);
	const struct waybuf_server_options options = {
		.drm_fd = module->device.fd,
		.data = module,
		.security_context = security_context,
	};
	int ret = waybuf_server_create(display, &options, &module->server);
	if (ret == 0)
		ret = waybuf_manager_catch_sigbus(waybuf_server_manager(module->server));
	if (ret == 0)
		ret = waybuf_server_allocator_create(module->server, NULL, NULL);
	if (ret == 0)
		ret = add_device(module);
	if (ret == 0)
		ret = waybuf_server_monitor_create(module->server, NULL, NULL);
	return ret;
}

int wet_module_init(struct weston_compositor *compositor, int *argc, char *argv[])
{
	struct module *module = calloc(1, sizeof(*module));
	if (!module)
		return -1;
	module->compositor = compositor;
	main_thread = pthread_self();
	waybuf_log_set_handler(log_message, NULL, WAYBUF_LOG_INFO);
	int ret = start(module);
	/* loaded twice: the first one is in charge */
	if (ret < 0 ||
		!weston_compositor_add_destroy_listener_once(
			compositor, &module->destroy, handle_destroy)) {
		weston_log("waybuf: %s\n", ret < 0 ? strerror(-ret) : "is there already");
		finish(module);
		return -1;
	}
	wl_display_set_global_filter(compositor->wl_display, filter, module);
	weston_log("waybuf: buffers for the display of %s\n",
		module->device.fd >= 0 ? module->device.path : "no DRM device");
	return 0;
}
