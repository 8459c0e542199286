/* SPDX-License-Identifier: MIT */
#include "syncobj_kit.h"

#include <drm_fourcc.h>
#include <unistd.h>

#include <wayland-server-core.h>

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct world *world = data;
	if (strcmp(interface, wp_linux_drm_syncobj_manager_v1_interface.name) == 0)
		world->manager = wl_registry_bind(
			registry, name, &wp_linux_drm_syncobj_manager_v1_interface, 1);
	else if (strcmp(interface, wl_shm_interface.name) == 0)
		world->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void make_timeline(struct world *world, int i)
{
	int fd = -1;
	ck_assert_int_eq(waybuf_syncobj_create(world->device, &world->syncobj[i]), 0);
	ck_assert_int_eq(waybuf_syncobj_export(world->syncobj[i], &fd), 0);
	world->timeline[i] = wp_linux_drm_syncobj_manager_v1_import_timeline(world->manager, fd);
	close(fd);
}

static void make_buffer(struct world *world)
{
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(world->client.dmabuf);
	int fd = kernel_make_dmabuf();
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, 64, 0, 0);
	world->buffer =
		zwp_linux_buffer_params_v1_create_immed(params, 16, 16, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	ck_assert(client_sync(&world->client));
	close(fd);
}

void world_init(struct world *world)
{
	world_init_limits(world, NULL);
}

void world_init_limits(struct world *world, const struct waybuf_limits *limits)
{
	memset(world, 0, sizeof(*world));
	kernel_set_up();
	struct fixture_server_options options = {
		.limits = limits, .no_monitor = true, .no_allocator = true};
	fixture_server_init(&world->server, &options);
	wl_display_init_shm(world->server.display);
	world->drm_fd = kernel_open_drm();
	struct waybuf_server_syncobj_options syncobj = {.drm_fd = world->drm_fd};
	ck_assert_int_eq(
		waybuf_server_syncobj_create(world->server.server, &syncobj, &world->global), 0);
	ck_assert_int_eq(waybuf_syncobj_device_create(world->drm_fd, &world->device), 0);
	close(world->drm_fd);

	client_init(&world->client, &world->server);
	world->registry = wl_display_get_registry(world->client.display);
	wl_registry_add_listener(world->registry, &registry_listener, world);
	ck_assert(client_sync(&world->client));
	ck_assert_ptr_nonnull(world->manager);
	world->surface = wl_compositor_create_surface(world->client.compositor);
	world->explicit =
		wp_linux_drm_syncobj_manager_v1_get_surface(world->manager, world->surface);
	make_timeline(world, 0);
	make_timeline(world, 1);
	make_buffer(world);
}

static void destroy_proxies(struct world *world)
{
	for (int i = 0; i < 2; i++)
		if (world->timeline[i])
			wp_linux_drm_syncobj_timeline_v1_destroy(world->timeline[i]);
	if (world->explicit)
		wp_linux_drm_syncobj_surface_v1_destroy(world->explicit);
	if (world->surface)
		wl_surface_destroy(world->surface);
	if (world->manager)
		wp_linux_drm_syncobj_manager_v1_destroy(world->manager);
	wl_buffer_destroy(world->buffer);
	wl_shm_destroy(world->shm);
	wl_registry_destroy(world->registry);
}

void world_finish(struct world *world)
{
	destroy_proxies(world);
	client_finish(&world->client);
	waybuf_server_syncobj_destroy(world->global);
	fixture_server_finish(&world->server);
	for (int i = 0; i < 2; i++)
		waybuf_syncobj_unref(world->syncobj[i]);
	waybuf_syncobj_device_unref(world->device);
	kernel_tear_down();
}

void set_acquire(struct world *world, int timeline, uint64_t point)
{
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(world->explicit,
		world->timeline[timeline], (uint32_t)(point >> 32), (uint32_t)point);
}

void set_release(struct world *world, int timeline, uint64_t point)
{
	wp_linux_drm_syncobj_surface_v1_set_release_point(world->explicit,
		world->timeline[timeline], (uint32_t)(point >> 32), (uint32_t)point);
}

int commit(struct world *world, bool attach, struct waybuf_syncobj_points *points)
{
	if (attach)
		wl_surface_attach(world->surface, world->buffer, 0, 0);
	wl_surface_commit(world->surface);
	ck_assert(client_sync(&world->client));
	return waybuf_syncobj_surface_commit(
		world->server.surface, attach ? world->server.committed : NULL, points);
}

void commit_good(struct world *world, uint64_t acquire, uint64_t release,
	struct waybuf_syncobj_points *points)
{
	set_acquire(world, 0, acquire);
	set_release(world, 1, release);
	ck_assert_int_eq(commit(world, true, points), 0);
	ck_assert(points->is_explicit);
	ck_assert_int_eq(points->error, 0);
	ck_assert_ptr_nonnull(points->acquire);
	ck_assert_ptr_nonnull(points->release);
}

uint64_t reached(struct world *world, int timeline)
{
	uint64_t point;
	ck_assert_int_eq(waybuf_syncobj_query(world->syncobj[timeline], &point), 0);
	return point;
}

bool is_submitted(struct world *world, int timeline, uint64_t point)
{
	int fd = -1;
	int ret = waybuf_syncobj_export_point(world->syncobj[timeline], point, &fd);
	if (ret == 0)
		close(fd);
	return ret == 0;
}

void expect_surface_error(struct world *world, uint32_t code)
{
	client_expect_error(&world->client, &wp_linux_drm_syncobj_surface_v1_interface, code);
}
