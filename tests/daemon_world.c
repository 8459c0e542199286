/* SPDX-License-Identifier: MIT */
#include "daemon_world.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "card.h"
#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fake/udmabuf.h"
#include "fake/worker.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "output.h"
#include "outputs.h"
#include "shm.h"
#include "surface_state.h"
#include "util/fd.h"
#include "wl_globals.h"
#include "xdg-shell-client-protocol.h"
#include "xdg.h"

/*
 * The first covers the output, the others are small; one is in a format that no plane takes, and one
 * has no explicit synchronisation, and perhaps its buffers in wl_shm.
 */
static const struct {
	uint32_t width, height, format;
} kinds[WORLD_WINDOWS] = {
	{FAKE_MACHINE_WIDTH, FAKE_MACHINE_HEIGHT, DRM_FORMAT_XRGB8888},
	{32, 32, DRM_FORMAT_XRGB8888},
	{32, 16, DRM_FORMAT_XRGB8888},
	{16, 16, DRM_FORMAT_ARGB8888},
};

/* Of each buffer; whole pages. */
enum { MEMORY = FAKE_MACHINE_WIDTH * FAKE_MACHINE_HEIGHT * 4 };

bool world_has_shm;
uint32_t world_scale;

bool world_is_explicit(int i)
{
	return i != WORLD_IMPLICIT;
}

static bool is_shm(int i)
{
	return world_has_shm && i == WORLD_IMPLICIT;
}

/* ---- both sides ------------------------------------------------------------------------------ */

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	return poll(&poll_fd, 1, 0) == 1;
}

static void run_client(struct world *world)
{
	if (!world->display)
		return;
	while (wl_display_prepare_read(world->display) < 0)
		wl_display_dispatch_pending(world->display);
	wl_display_flush(world->display);
	if (is_readable(wl_display_get_fd(world->display)))
		wl_display_read_events(world->display);
	else
		wl_display_cancel_read(world->display);
	wl_display_dispatch_pending(world->display);
	ck_assert_int_eq(wl_display_get_error(world->display), 0);
}

/* Idle callbacks come at the beginning of a turn, so that one more tells that there is none. */
void world_settle(struct world *world)
{
	if (!world->serving)
		return;
	struct wl_event_loop *loop = wl_display_get_event_loop(world->daemon.display);
	int turns = 0;
	for (int quiet = 0; quiet < 2; quiet++) {
		run_client(world);
		if (is_readable(wl_event_loop_get_fd(loop)))
			quiet = 0;
		wl_event_loop_dispatch(loop, 0);
		wl_display_flush_clients(world->daemon.display);
		ck_assert_int_lt(++turns, 1000);
	}
	run_client(world);
}

void world_flip(struct world *world)
{
	world_settle(world);
	while (fake_screen_flipping()) {
		fake_screen_flip(0, true);
		world_settle(world);
	}
}

/* ---- the daemon ------------------------------------------------------------------------------ */

static int import_test(void *data, const struct waybuf_dmabuf_import *import)
{
	return 0;
}

static void offer_dmabuf(struct daemon *daemon)
{
	static const struct waybuf_dmabuf_pair pairs[] = {
		{DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR},
		{DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR},
	};
	static const struct waybuf_tranche tranche = {0, WAYBUF_TRANCHE_SAMPLING, pairs, 2};
	static const struct waybuf_feedback feedback = {0, &tranche, 1};
	const struct waybuf_server_dmabuf_options options = {
		.feedback = &feedback, .import_test = import_test};
	ck_assert_int_eq(waybuf_server_dmabuf_create(daemon->server, &options, &daemon->dmabuf), 0);
}

static void offer_points(struct world *world)
{
	struct daemon *daemon = &world->daemon;
	int fd = fake_syncobj_device();
	const struct waybuf_server_syncobj_options options = {.drm_fd = fd};
	ck_assert_int_eq(
		waybuf_server_syncobj_create(daemon->server, &options, &daemon->syncobj), 0);
	ck_assert_int_eq(waybuf_syncobj_device_create(fd, &world->device), 0);
	close(fd);
}

/* As daemon_start(), without what has to do with neither buffers nor the display. */
static void start(struct world *world)
{
	struct daemon *daemon = &world->daemon;
	const struct waybuf_server_options options = {.drm_fd = -1};
	ck_assert(daemon_init(daemon, &world->options));
	ck_assert(card_start(daemon));
	ck_assert_int_eq(waybuf_server_create(daemon->display, &options, &daemon->server), 0);
	fake_udmabuf_add(waybuf_server_manager(daemon->server));
	offer_dmabuf(daemon);
	offer_points(world);
	ck_assert_int_eq(
		waybuf_server_gate_create(daemon->server, &surface_gate_ops, &daemon->gate), 0);
	struct output *output = outputs_first(daemon);
	output->global = output_global_create(output);
	ck_assert(output->global && surface_compositor_create(daemon) && shm_create(daemon) &&
		xdg_shell_create(daemon) && capture_create_globals(daemon));
	world->serving = true;
}

static void ignore_log(enum waybuf_log_level level, const char *text, void *data) {}

static int make_fd(int i)
{
	int fd = is_shm(i) ? memfd_create("shm", MFD_CLOEXEC | MFD_ALLOW_SEALING)
			   : fake_dmabuf_open();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, MEMORY), 0);
	ck_assert(!is_shm(i) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	return fd;
}

static void make_memory(struct world *world)
{
	struct stat st;
	for (int i = 0; i < WORLD_WINDOWS * WORLD_BUFFERS; i++) {
		struct world_buffer *buffer =
			&world->windows[i / WORLD_BUFFERS].buffers[i % WORLD_BUFFERS];
		buffer->fd = make_fd(i / WORLD_BUFFERS);
		ck_assert_int_eq(fstat(buffer->fd, &st), 0);
		buffer->memory = st.st_ino;
	}
}

void world_init(struct world *world)
{
	*world = (struct world){.options = {.ready_fd = -1, .scale = world_scale}};
	setenv("WAYBUF_EXPORTERS", "memfd", 1);
	setenv("LIBSEAT_BACKEND", "none", 1);
	if (getenv("WAYBUF_TEST_LOG"))
		waybuf_log_set_handler(waybuf_log_to_stderr, NULL, WAYBUF_LOG_DEBUG);
	else
		waybuf_log_set_handler(ignore_log, NULL, WAYBUF_LOG_ERROR);
	fake_sync_init();
	fake_machine_init();
	start(world);
	make_memory(world);
	world_connect(world);
}

void world_shut_down(struct world *world)
{
	if (!world->serving)
		return;
	world->serving = false;
	daemon_finish(&world->daemon);
	fake_worker_hold(false);
	fake_drm_finish();
}

void world_finish(struct world *world)
{
	world_kill_client(world);
	world_shut_down(world);
	for (int i = 0; i < WORLD_WINDOWS; i++)
		for (int k = 0; k < WORLD_BUFFERS; k++)
			close(world->windows[i].buffers[k].fd);
	waybuf_syncobj_device_unref(world->device);
}

/* ---- the client ------------------------------------------------------------------------------ */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct world *world = data;
	const struct wl_wanted wanted[] = {
		{&wl_compositor_interface, &world->compositor, 4},
		{&wl_shm_interface, &world->shm, 1},
		{&wl_output_interface, &world->output, 1},
		{&xdg_wm_base_interface, &world->wm_base, 1},
		{&zwp_linux_dmabuf_v1_interface, &world->dmabuf, 4},
		{&wp_linux_drm_syncobj_manager_v1_interface, &world->manager, 1},
		{&ext_image_copy_capture_manager_v1_interface, &world->captures, 1},
		{&ext_output_image_capture_source_manager_v1_interface, &world->sources, 1},
	};
	wl_wanted_bind(
		wanted, sizeof(wanted) / sizeof(wanted[0]), registry, name, interface, version);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_release(void *data, struct wl_buffer *proxy)
{
	struct world_buffer *buffer = data;
	ck_assert(buffer->busy);
	buffer->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static struct wl_buffer *make_shm(struct world *world, const struct world_buffer *buffer, int i)
{
	struct wl_shm_pool *pool = wl_shm_create_pool(world->shm, buffer->fd, MEMORY);
	struct wl_buffer *proxy = wl_shm_pool_create_buffer(pool, 0, (int32_t)kinds[i].width,
		(int32_t)kinds[i].height, (int32_t)kinds[i].width * 4, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	return proxy;
}

struct wl_buffer *world_make_dmabuf(struct world *world, const struct world_buffer *buffer,
	uint32_t width, uint32_t height, uint32_t format)
{
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(world->dmabuf);
	zwp_linux_buffer_params_v1_add(params, buffer->fd, 0, 0, width * 4, 0, 0);
	struct wl_buffer *proxy = zwp_linux_buffer_params_v1_create_immed(
		params, (int32_t)width, (int32_t)height, format, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	return proxy;
}

static void make_buffer(struct world *world, struct world_buffer *buffer, int i)
{
	buffer->proxy = is_shm(i) ? make_shm(world, buffer, i)
				  : world_make_dmabuf(world, buffer, kinds[i].width,
					    kinds[i].height, kinds[i].format);
	wl_buffer_add_listener(buffer->proxy, &buffer_listener, buffer);
	buffer->busy = false;
}

void world_renew_buffer(struct world *world, struct world_buffer *buffer, int i)
{
	wl_buffer_destroy(buffer->proxy);
	make_buffer(world, buffer, i);
}

static void make_picture(struct world *world)
{
	const int32_t size = FAKE_MACHINE_WIDTH * FAKE_MACHINE_HEIGHT * 4;
	int fd = memfd_create("picture", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(world->shm, fd, size);
	world->picture = wl_shm_pool_create_buffer(pool, 0, FAKE_MACHINE_WIDTH, FAKE_MACHINE_HEIGHT,
		FAKE_MACHINE_WIDTH * 4, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
}

void world_connect(struct world *world)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_ptr_nonnull(wl_client_create(world->daemon.display, fds[0]));
	world->display = wl_display_connect_to_fd(fds[1]);
	world->registry = wl_display_get_registry(world->display);
	wl_registry_add_listener(world->registry, &registry_listener, world);
	world_settle(world);
	ck_assert_ptr_nonnull(world->manager);
	make_picture(world);
	for (int i = 0; i < WORLD_WINDOWS; i++) {
		for (int k = 0; k < WORLD_BUFFERS; k++)
			make_buffer(world, &world->windows[i].buffers[k], i);
		world_open_window(world, i);
	}
	world_settle(world);
}

/* Without a request: whoever dies says nothing. */
static void drop(void *slot)
{
	struct wl_proxy **proxy = slot;
	if (*proxy)
		wl_proxy_destroy(*proxy);
	*proxy = NULL;
}

static void drop_window(struct world_window *window)
{
	drop(&window->points);
	drop(&window->toplevel);
	drop(&window->xdg_surface);
	drop(&window->surface);
	window->configured = false;
	for (int k = 0; k < WORLD_BUFFERS; k++)
		drop(&window->buffers[k].proxy);
}

void world_kill_client(struct world *world)
{
	if (!world->display)
		return;
	for (int i = 0; i < WORLD_WINDOWS; i++)
		drop_window(&world->windows[i]);
	drop(&world->frame);
	drop(&world->session);
	drop(&world->picture);
	drop(&world->sources);
	drop(&world->captures);
	drop(&world->manager);
	drop(&world->dmabuf);
	drop(&world->wm_base);
	drop(&world->output);
	drop(&world->shm);
	drop(&world->compositor);
	drop(&world->registry);
	wl_display_disconnect(world->display);
	world->display = NULL;
}

/* ---- windows --------------------------------------------------------------------------------- */

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct world_window *window = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	window->configured = true;
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
}

static void handle_close(void *data, struct xdg_toplevel *toplevel) {}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure, .close = handle_close};

void world_open_window(struct world *world, int i)
{
	struct world_window *window = &world->windows[i];
	window->surface = wl_compositor_create_surface(world->compositor);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(world->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &xdg_surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, NULL);
	if (world_is_explicit(i))
		window->points = wp_linux_drm_syncobj_manager_v1_get_surface(
			world->manager, window->surface);
	window->configured = false;
	wl_surface_commit(window->surface);
}

void world_close_window(struct world *world, int i)
{
	struct world_window *window = &world->windows[i];
	if (window->points)
		wp_linux_drm_syncobj_surface_v1_destroy(window->points);
	window->points = NULL;
	xdg_toplevel_destroy(window->toplevel);
	xdg_surface_destroy(window->xdg_surface);
	wl_surface_destroy(window->surface);
}

static struct wp_linux_drm_syncobj_timeline_v1 *tell(
	struct world *world, struct waybuf_syncobj *syncobj)
{
	int fd = -1;
	ck_assert_int_eq(waybuf_syncobj_export(syncobj, &fd), 0);
	struct wp_linux_drm_syncobj_timeline_v1 *timeline =
		wp_linux_drm_syncobj_manager_v1_import_timeline(world->manager, fd);
	close(fd);
	return timeline;
}

void world_set_points(
	struct world *world, int i, struct waybuf_syncobj *acquire, struct waybuf_syncobj *release)
{
	struct wp_linux_drm_syncobj_surface_v1 *points = world->windows[i].points;
	struct wp_linux_drm_syncobj_timeline_v1 *first = tell(world, acquire),
						*second = tell(world, release);
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(points, first, 0, 1);
	wp_linux_drm_syncobj_surface_v1_set_release_point(points, second, 0, 1);
	wp_linux_drm_syncobj_timeline_v1_destroy(first);
	wp_linux_drm_syncobj_timeline_v1_destroy(second);
}

/* ---- captures -------------------------------------------------------------------------------- */

static void handle_size(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t width, uint32_t height)
{
}

static void handle_shm_format(
	void *data, struct ext_image_copy_capture_session_v1 *session, uint32_t format)
{
}

static void handle_dmabuf_device(
	void *data, struct ext_image_copy_capture_session_v1 *session, struct wl_array *device)
{
}

static void handle_dmabuf_format(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t format, struct wl_array *modifiers)
{
}

static void handle_session_done(void *data, struct ext_image_copy_capture_session_v1 *session) {}

static void handle_stopped(void *data, struct ext_image_copy_capture_session_v1 *session) {}

static const struct ext_image_copy_capture_session_v1_listener session_listener = {
	.buffer_size = handle_size,
	.shm_format = handle_shm_format,
	.dmabuf_device = handle_dmabuf_device,
	.dmabuf_format = handle_dmabuf_format,
	.done = handle_session_done,
	.stopped = handle_stopped,
};

static void handle_transform(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t transform)
{
}

static void handle_damage(void *data, struct ext_image_copy_capture_frame_v1 *frame, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
}

static void handle_time(void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t high,
	uint32_t low, uint32_t ns)
{
}

static void handle_ready(void *data, struct ext_image_copy_capture_frame_v1 *frame)
{
	((struct world *)data)->captured = true;
}

static void handle_failed(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t reason)
{
	((struct world *)data)->captured = true;
}

static const struct ext_image_copy_capture_frame_v1_listener frame_listener = {
	.transform = handle_transform,
	.damage = handle_damage,
	.presentation_time = handle_time,
	.ready = handle_ready,
	.failed = handle_failed,
};

/* A session's second frame waits for a change, its first does not. */
static void begin_session(struct world *world)
{
	struct ext_image_capture_source_v1 *source =
		ext_output_image_capture_source_manager_v1_create_source(
			world->sources, world->output);
	world->session =
		ext_image_copy_capture_manager_v1_create_session(world->captures, source, 0);
	ext_image_capture_source_v1_destroy(source);
	ext_image_copy_capture_session_v1_add_listener(world->session, &session_listener, NULL);
}

static void begin_frame(struct world *world)
{
	world->captured = false;
	world->frame = ext_image_copy_capture_session_v1_create_frame(world->session);
	ext_image_copy_capture_frame_v1_add_listener(world->frame, &frame_listener, world);
	ext_image_copy_capture_frame_v1_attach_buffer(world->frame, world->picture);
	ext_image_copy_capture_frame_v1_capture(world->frame);
}

static void end_session(struct world *world)
{
	ext_image_copy_capture_session_v1_destroy(world->session);
	world->session = NULL;
}

void world_capture(struct world *world, bool again)
{
	if (!world->output || (world->frame && !world->captured))
		return;
	if (world->frame)
		ext_image_copy_capture_frame_v1_destroy(world->frame);
	world->frame = NULL;
	if (world->session && !again)
		end_session(world);
	if (!world->session)
		begin_session(world);
	begin_frame(world);
}
