/* SPDX-License-Identifier: MIT */
#include "fixture_server.h"

#include <drm_fourcc.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <wayland-server.h>

static const struct waybuf_dmabuf_pair pairs[] = {
	{DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_YUV420, DRM_FORMAT_MOD_LINEAR},
	{DRM_FORMAT_XRGB8888, FIXTURE_TILED_MODIFIER},
};

static const struct waybuf_tranche tranches[] = {
	{.target = 0xe201, .flags = WAYBUF_TRANCHE_SCANOUT, .pairs = pairs, .n_pairs = 1},
	{.target = 0xe280, .pairs = pairs, .n_pairs = sizeof(pairs) / sizeof(pairs[0])},
};

const struct waybuf_feedback fixture_feedback = {
	.main_device = 0xe280,
	.tranches = tranches,
	.n_tranches = sizeof(tranches) / sizeof(tranches[0]),
};

/* ---- wl_compositor, as little of it as attach and commit need ------------------------------ */

struct surface {
	struct fixture_server *server;
	struct wl_resource *pending;
	struct wl_listener pending_destroy;
};

static void destroy_resource(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void set_pending(struct surface *surface, struct wl_resource *buffer)
{
	wl_list_remove(&surface->pending_destroy.link);
	wl_list_init(&surface->pending_destroy.link);
	surface->pending = buffer;
	if (buffer)
		wl_resource_add_destroy_listener(buffer, &surface->pending_destroy);
}

static void pending_destroyed(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, pending_destroy);
	set_pending(surface, NULL);
}

static void committed_destroyed(struct wl_listener *listener, void *data)
{
	struct fixture_server *server = wl_container_of(listener, server, committed_destroy);
	fixture_server_set_committed(server, NULL);
}

void fixture_server_set_committed(struct fixture_server *server, struct wl_resource *buffer)
{
	wl_list_remove(&server->committed_destroy.link);
	wl_list_init(&server->committed_destroy.link);
	server->committed = buffer;
	if (buffer)
		wl_resource_add_destroy_listener(buffer, &server->committed_destroy);
}

static void surface_attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	set_pending(wl_resource_get_user_data(resource), buffer);
}

static void surface_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct fixture_server *server = surface->server;
	server->surface = resource;
	fixture_server_set_committed(server, surface->pending);
	if (server->options.commit)
		server->options.commit(server, surface->pending);
}

/* What has nothing to do with buffers. */
static void ignore_damage(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
}

static void ignore_frame(struct wl_client *client, struct wl_resource *resource, uint32_t id) {}

static void ignore_region(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *region)
{
}

static const struct wl_surface_interface surface_impl = {
	.destroy = destroy_resource,
	.attach = surface_attach,
	.damage = ignore_damage,
	.frame = ignore_frame,
	.set_opaque_region = ignore_region,
	.set_input_region = ignore_region,
	.commit = surface_commit,
};

static void surface_destroyed(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	set_pending(surface, NULL);
	if (surface->server->surface == resource)
		surface->server->surface = NULL;
	free(surface);
}

static void create_surface(struct wl_client *client, struct wl_resource *compositor, uint32_t id)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	surface->server = wl_resource_get_user_data(compositor);
	surface->pending_destroy.notify = pending_destroyed;
	wl_list_init(&surface->pending_destroy.link);
	struct wl_resource *resource = wl_resource_create(client, &wl_surface_interface, 1, id);
	wl_resource_set_implementation(resource, &surface_impl, surface, surface_destroyed);
	surface->server->surface = resource;
}

static const struct wl_compositor_interface compositor_impl = {
	.create_surface = create_surface,
	.create_region = ignore_frame,
};

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_compositor_interface, (int)version, id);
	wl_resource_set_implementation(resource, &compositor_impl, data, NULL);
}

/* ---- the host's callbacks ------------------------------------------------------------------ */

static int may_create_pool(
	void *data, struct wl_client *client, const struct waybuf_export_info *info)
{
	struct fixture_server *server = data;
	return server->options.pool_policy;
}

static const char *security_context(void *data, struct wl_client *client)
{
	struct fixture_server *server = data;
	return server->options.context;
}

static void group_limits(void *data, struct wl_client *client, struct waybuf_limits *limits)
{
	const struct fixture_server *server = data;
	*limits = *server->options.group_limits;
}

static int import_test(void *data, const struct waybuf_dmabuf_import *import)
{
	struct fixture_server *server = data;
	server->imports++;
	server->has_device = import->has_device;
	server->sampling_device = import->device;
	return server->options.import_result;
}

/* XR24 and a stride that the CPU alone would not ask for. */
static int device_constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888};
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, 256, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, formats, 2, &modifier, 1);
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

static int device_test(void *data, const struct waybuf_layout *layout)
{
	struct fixture_server *server = data;
	server->imports++;
	return server->options.device_result;
}

static const struct waybuf_server_device_ops device_ops = {
	.constraints = device_constraints,
	.import_test = device_test,
};

static void info(void *data, struct waybuf_report *report)
{
	ck_assert_int_eq(waybuf_report_add(report, "{\"type\": \"host\", \"n\": 1}"), 0);
	ck_assert_int_eq(waybuf_report_add(report, "[1]"), -EINVAL);
	ck_assert_int_eq(waybuf_report_add(report, "{\"type\":\n1}"), -EINVAL);
	ck_assert_int_eq(waybuf_report_add(report, "{"), -EINVAL);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void create_server(struct fixture_server *server)
{
	struct waybuf_server_options options = {
		.no_default_exporters = server->options.exporter != NULL,
		.limits = server->options.limits,
		.data = server,
		.may_create_pool = may_create_pool,
		.security_context = security_context,
		.group_limits = server->options.group_limits ? group_limits : NULL,
	};
	const char *exporters = server->options.exporters;
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", exporters ? exporters : "memfd", 1), 0);
	ck_assert_int_eq(waybuf_server_create(server->display, &options, &server->server), 0);
	if (server->options.exporter)
		ck_assert_int_eq(waybuf_manager_add_exporter(waybuf_server_manager(server->server),
					 server->options.exporter),
			0);
}

static void create_globals(struct fixture_server *server)
{
	struct waybuf_server_dmabuf_options dmabuf = {
		.feedback = &fixture_feedback,
		.data = server,
		.import_test = import_test,
		.version = server->options.dmabuf_version,
		.settle_ms = server->options.settle_ms,
	};
	struct waybuf_server_allocator_options allocator = {
		.integrated = server->options.integrated,
		.data = server,
		.display = &device_ops,
		.ticket_file = server->options.ticket_file,
	};
	struct waybuf_server_monitor_options monitor = {
		.data = server,
		.info = server->options.no_info ? NULL : info,
		.power = server->options.power,
	};
	if (!server->options.no_dmabuf)
		ck_assert_int_eq(
			waybuf_server_dmabuf_create(server->server, &dmabuf, &server->dmabuf), 0);
	if (!server->options.no_allocator)
		ck_assert_int_eq(waybuf_server_allocator_create(
					 server->server, &allocator, &server->allocator),
			0);
	if (!server->options.no_monitor)
		ck_assert_int_eq(
			waybuf_server_monitor_create(server->server, &monitor, &server->monitor),
			0);
}

void fixture_server_init(
	struct fixture_server *server, const struct fixture_server_options *options)
{
	*server = (struct fixture_server){0};
	if (options)
		server->options = *options;
	server->committed_destroy.notify = committed_destroyed;
	wl_list_init(&server->committed_destroy.link);
	server->display = wl_display_create();
	ck_assert_ptr_nonnull(server->display);
	ck_assert_ptr_nonnull(wl_global_create(
		server->display, &wl_compositor_interface, 1, server, bind_compositor));
	create_server(server);
	create_globals(server);
	struct waybuf_server_device_info device = {
		.kind = WAYBUF_DEVICE_RENDER,
		.name = "painter",
		.has_dev = true,
		.dev = makedev(226, 128),
		.ops = &device_ops,
		.data = server,
	};
	if (server->options.device)
		ck_assert_int_eq(
			waybuf_server_add_device(server->server, &device, &server->device), 0);
}

static bool filter(const struct wl_client *client, const struct wl_global *global, void *data)
{
	struct fixture_server *server = data;
	return waybuf_server_global_visible(server->server, client, global);
}

void fixture_server_filter(struct fixture_server *server)
{
	wl_display_set_global_filter(server->display, filter, server);
}

void fixture_server_finish(struct fixture_server *server)
{
	wl_display_set_global_filter(server->display, NULL, NULL);
	waybuf_server_monitor_destroy(server->monitor);
	waybuf_server_allocator_destroy(server->allocator);
	waybuf_server_dmabuf_destroy(server->dmabuf);
	waybuf_server_destroy(server->server);
	fixture_server_destroy_display(server);
}

void fixture_server_destroy_display(struct fixture_server *server)
{
	wl_display_destroy_clients(server->display);
	wl_display_destroy(server->display);
}

int fixture_server_connect(struct fixture_server *server, struct wl_client **client)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	struct wl_client *made = wl_client_create(server->display, fds[0]);
	ck_assert_ptr_nonnull(made);
	if (client)
		*client = made;
	return fds[1];
}

void fixture_server_dispatch(struct fixture_server *server, int ms)
{
	wl_display_flush_clients(server->display);
	wl_event_loop_dispatch(wl_display_get_event_loop(server->display), ms);
	wl_display_flush_clients(server->display);
}

void fixture_server_disconnect(struct fixture_server *server)
{
	wl_display_destroy_clients(server->display);
}
