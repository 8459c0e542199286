/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alpha_modifier.h"
#include "capture.h"
#include "card.h"
#include "color_representation.h"
#include "content_type.h"
#include "daemon.h"
#include "fractional_scale.h"
#include "gpu.h"
#include "idle_v1.h"
#include "info.h"
#include "input/input.h"
#include "loop.h"
#include "output.h"
#include "planes.h"
#include "power.h"
#include "presentation.h"
#include "sandbox.h"
#include "service.h"
#include "session.h"
#include "shm.h"
#include "single_pixel.h"
#include "socket.h"
#include "subsurface.h"
#include "surface.h"
#include "surface_state.h"
#include "util/log.h"
#include "util/sigbus.h"
#include "viewporter.h"
#include "xdg.h"
#include "xdg_decoration.h"
#include "xdg_output.h"

void resource_unlink(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

void resource_detach(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
	wl_list_init(wl_resource_get_link(resource));
}

static bool failed(const char *what, int error)
{
	fprintf(stderr, "waybufd: %s: %s\n", what, strerror(-error));
	return false;
}

static const char *security_context(void *data, struct wl_client *client)
{
	return sandbox_name(client);
}

static bool global_filter(
	const struct wl_client *client, const struct wl_global *global, void *data)
{
	const struct daemon *daemon = data;
	return sandbox_shows(client, global) &&
		waybuf_server_global_visible(daemon->server, client, global);
}

static bool create_server(struct daemon *daemon)
{
	const struct waybuf_server_options options = {
		.drm_fd = daemon->card ? daemon->card->kms->fd : -1,
		.data = daemon,
		.security_context = security_context,
	};
	int ret = waybuf_server_create(daemon->display, &options, &daemon->server);
	if (ret == -EINVAL && getenv("WAYBUF_EXPORTERS"))
		return false; /* which name is wrong has been said */
	if (ret < 0)
		return failed("the buffer manager cannot be made", ret);
	wl_display_set_global_filter(daemon->display, global_filter, daemon);
	return true;
}

static int add_device(struct daemon *daemon)
{
	uint32_t id;
	const struct waybuf_server_device_info info = {
		.kind = WAYBUF_DEVICE_KMS,
		.name = daemon->card->kms->driver,
		.has_dev = true,
		.dev = daemon->card->kms->rdev,
		.ops = &planes_device_ops,
		.data = daemon,
	};
	return waybuf_server_add_device(daemon->server, &info, &id);
}

static bool has_outputs(const struct daemon *daemon)
{
	return !wl_list_empty(&daemon->outputs);
}

static int offer_allocator(struct daemon *daemon)
{
	/* who ends with its command is not started again, and should leave nothing behind */
	bool keeps = !daemon->options->command;
	char *tickets = keeps ? socket_companion(daemon->socket, ".tickets") : NULL;
	if (keeps && !tickets)
		return -ENOMEM;
	const struct waybuf_server_allocator_options options = {
		.integrated = has_outputs(daemon),
		.data = daemon,
		.display = !has_outputs(daemon) ? NULL
			: daemon->card          ? &planes_device_ops
						: &headless_device_ops,
		.ticket_file = tickets,
	};
	int ret = waybuf_server_allocator_create(daemon->server, &options, &daemon->allocator);
	free(tickets);
	return ret;
}

/* What allocates: all there is without a display. */
static bool offer_buffers(struct daemon *daemon)
{
	const struct waybuf_server_monitor_options monitor = {.data = daemon,
		.info = info_report,
		.why = info_why,
		.power = has_outputs(daemon) ? power_command : NULL};
	if (!gpu_offer(daemon))
		return false;
	int ret = daemon->card ? add_device(daemon) : 0;
	if (ret == 0)
		ret = offer_allocator(daemon);
	if (ret == 0)
		ret = waybuf_server_monitor_create(daemon->server, &monitor, &daemon->monitor);
	if (ret == 0 && !sandbox_create_global(daemon))
		ret = -ENOMEM;
	return ret == 0 || failed("the allocation service cannot be offered", ret);
}

/* Only where the display's device has timelines; elsewhere clients have implicit fences. */
static int offer_explicit_sync(struct daemon *daemon)
{
	const struct waybuf_server_syncobj_options options = {
		.drm_fd = daemon->card->kms->fd,
	};
	int ret = waybuf_server_syncobj_create(daemon->server, &options, &daemon->syncobj);
	if (ret == -EOPNOTSUPP)
		waybuf_info("explicit synchronisation is not offered: %s has no timelines",
			daemon->card->kms->driver);
	return ret == -EOPNOTSUPP ? 0 : ret;
}

/* What needs a device of the display. */
static bool offer_device(struct daemon *daemon)
{
	int ret = planes_dmabuf_create(daemon);
	if (ret < 0)
		return failed("linux-dmabuf cannot be offered", ret);
	ret = offer_explicit_sync(daemon);
	return ret == 0 || failed("explicit synchronisation cannot be offered", ret);
}

static bool create_output_globals(struct daemon *daemon)
{
	struct output *output;
	wl_list_for_each(output, &daemon->outputs, link) {
		output->global = output_global_create(output);
		if (!output->global)
			return false;
	}
	return true;
}

/* Without a seat nothing would switch the displays on again. */
static bool start_idle(struct daemon *daemon)
{
	if (daemon->options->idle_off_s && !daemon->seat) {
		fputs("waybufd: --idle-off needs input, and this waybufd is built without\n",
			stderr);
		return false;
	}
	if (daemon->seat && !idle_create_globals(daemon))
		return failed("the compositor's globals cannot be offered", -ENOMEM);
	return idle_start(daemon) || failed("no timer can be made", -ENOMEM);
}

/* What shows. */
static bool offer_display(struct daemon *daemon)
{
	if (!gpu_choose_renderer(daemon) || (daemon->card && !offer_device(daemon)))
		return false;
	int ret = waybuf_server_gate_create(daemon->server, &surface_gate_ops, &daemon->gate);
	if (ret < 0)
		return failed("surfaces cannot be offered", ret);
	if (!create_output_globals(daemon) || !surface_compositor_create(daemon) ||
		!subsurface_compositor_create(daemon) || !shm_create(daemon) ||
		!xdg_shell_create(daemon) || !xdg_decoration_create_global(daemon) ||
		!presentation_create(daemon) || !viewporter_create(daemon) ||
		!fractional_scale_create(daemon) || !single_pixel_create(daemon) ||
		!alpha_modifier_create(daemon) || !color_representation_create(daemon) ||
		!xdg_output_create(daemon) || !content_type_create(daemon) ||
		!capture_create_globals(daemon))
		return failed("the compositor's globals cannot be offered", -ENOMEM);
	return input_create(daemon) && start_idle(daemon);
}

static bool create_base(struct daemon *daemon)
{
	daemon->display = wl_display_create();
	if (!daemon->display)
		return failed("no Wayland display can be made", -ENOMEM);
	objects_watch(&daemon->objects, daemon->display);
	unread_watch(&daemon->unread, daemon->display);
	int ret = server_loop_create(wl_display_get_event_loop(daemon->display), &daemon->loop);
	if (ret == 0)
		ret = waybuf_worker_create(daemon->loop, &daemon->worker);
	if (ret == 0)
		ret = sigbus_install();
	return ret == 0 || failed("no event loop can be made", ret);
}

bool daemon_init(struct daemon *daemon, const struct options *options)
{
	*daemon = (struct daemon){.options = options};
	wl_list_init(&daemon->outputs);
	wl_list_init(&daemon->retired);
	wl_list_init(&daemon->withdrawn);
	wl_list_init(&daemon->surfaces);
	wl_list_init(&daemon->subsurfaces);
	wl_list_init(&daemon->toplevels);
	wl_list_init(&daemon->popups);
	wl_list_init(&daemon->xdg_surfaces);
	wl_list_init(&daemon->sandboxes);
	idle_init(daemon);
	return create_base(daemon);
}

static bool listen_on(struct daemon *daemon, int fd)
{
	if (daemon->options->socket)
		fputs("waybufd: the service manager passed a socket: leave --socket out\n", stderr);
	else if (wl_display_add_socket_fd(daemon->display, fd) == 0)
		return true;
	else
		failed("the socket of the service manager cannot be used", -ENOMEM);
	close(fd);
	return false;
}

static bool listen_for_clients(struct daemon *daemon)
{
	int fd;
	if (!service_take_socket(&fd, &daemon->socket))
		return false;
	if (fd >= 0)
		return listen_on(daemon, fd);
	daemon->socket = socket_listen(daemon->display, daemon->options->socket);
	return daemon->socket != NULL;
}

static bool start_outputs(struct daemon *daemon)
{
	if (daemon->options->no_display)
		return true;
	return daemon->options->n_headless ? headless_start(daemon) : card_start(daemon);
}

bool daemon_start(struct daemon *daemon)
{
	if (!gpu_check_environment())
		return false;
	/* first, because it can fail without a flicker; nobody is accepted before the loop runs */
	if (!listen_for_clients(daemon))
		return false;
	return start_outputs(daemon) && create_server(daemon) && offer_buffers(daemon) &&
		(!has_outputs(daemon) || offer_display(daemon));
}

static void log_stats(const struct output *output)
{
	const struct output_stats *stats = &output->stats;
	waybuf_info("%s: shown %" PRIu64 " frames, %" PRIu64 " direct, %" PRIu64 " copied; %" PRIu64
		    " commits, %" PRIu64 " discarded",
		output->name, stats->direct + stats->copied, stats->direct, stats->copied,
		stats->commits, stats->discarded);
}

static void destroy_outputs(struct daemon *daemon)
{
	struct output *output, *tmp;
	if (daemon->card)
		card_restore(daemon->card);
	if (daemon->retiring)
		wl_event_source_remove(daemon->retiring);
	hotplug_finish(daemon);
	wl_list_for_each_safe(output, tmp, &daemon->outputs, link)
		output_destroy(output);
	wl_list_for_each_safe(output, tmp, &daemon->retired, link)
		output_destroy(output);
	card_destroy(daemon->card);
}

void daemon_finish(struct daemon *daemon)
{
	struct output *output;
	if (!daemon->display)
		return;
	wl_display_destroy_clients(daemon->display);
	sandbox_finish(daemon);
	/* ends the jobs, which hold frames */
	render_stop(daemon->renderer);
	waybuf_worker_destroy(daemon->worker);
	wl_list_for_each(output, &daemon->outputs, link)
		log_stats(output);
	if (daemon->server) {
		gpu_finish(daemon);
		waybuf_server_monitor_destroy(daemon->monitor);
		waybuf_server_allocator_destroy(daemon->allocator);
		waybuf_server_syncobj_destroy(daemon->syncobj);
		waybuf_server_dmabuf_destroy(daemon->dmabuf);
		waybuf_gate_destroy(daemon->gate);
	}
	idle_finish(daemon);
	input_destroy(daemon);
	destroy_outputs(daemon);
	render_finish(daemon->renderer);
	session_destroy(daemon->session);
	waybuf_server_destroy(daemon->server);
	for (size_t i = 0; i < sizeof(daemon->signals) / sizeof(daemon->signals[0]); i++)
		if (daemon->signals[i])
			wl_event_source_remove(daemon->signals[i]);
	if (daemon->loop)
		waybuf_loop_destroy(daemon->loop);
	wl_display_destroy(daemon->display);
}
