/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "guest/daemon_fixture.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/*
 * Each protocol error of the daemon's own globals, provoked once, by a client that is a process of
 * its own. It is told which rule it broke, and nobody else notices.
 */

/* What most mistakes begin with. */
struct toys {
	struct client client;
	struct wl_surface *surface;
	struct wl_buffer *buffer; /* 64 x 64 */
	struct wl_shm_pool *pool; /* 64 KiB */
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct xdg_positioner *positioner;
	struct ext_image_copy_capture_frame_v1 *frame;
	struct ext_image_copy_capture_session_v1 *session;
	int fd;
};

static void make_pool(struct toys *toys)
{
	toys->fd = memfd_create("pool", MFD_CLOEXEC);
	if (ftruncate(toys->fd, 65536) < 0)
		_exit(200);
	toys->pool = wl_shm_create_pool(toys->client.shm, toys->fd, 65536);
	toys->buffer =
		wl_shm_pool_create_buffer(toys->pool, 0, 64, 64, 256, WL_SHM_FORMAT_XRGB8888);
}

static void make_toplevel(struct toys *toys)
{
	toys->xdg_surface = xdg_wm_base_get_xdg_surface(toys->client.wm_base, toys->surface);
	toys->toplevel = xdg_surface_get_toplevel(toys->xdg_surface);
}

static void make_frame(struct toys *toys)
{
	struct ext_image_capture_source_v1 *source =
		ext_output_image_capture_source_manager_v1_create_source(
			toys->client.sources, toys->client.output);
	toys->session =
		ext_image_copy_capture_manager_v1_create_session(toys->client.captures, source, 0);
	toys->frame = ext_image_copy_capture_session_v1_create_frame(toys->session);
}

/* ---- the mistakes -------------------------------------------------------------------------- */

static void scale_zero(struct toys *toys)
{
	wl_surface_set_buffer_scale(toys->surface, 0);
}

static void transform_unknown(struct toys *toys)
{
	wl_surface_set_buffer_transform(toys->surface, 8);
}

static void size_indivisible(struct toys *toys)
{
	wl_surface_set_buffer_scale(toys->surface, 3);
	wl_surface_attach(toys->surface, toys->buffer, 0, 0);
	wl_surface_commit(toys->surface);
}

static void attach_offset(struct toys *toys)
{
	wl_surface_attach(toys->surface, toys->buffer, 1, 0);
}

static void surface_before_role(struct toys *toys)
{
	make_toplevel(toys);
	wl_surface_destroy(toys->surface);
}

/* Another surface, and its subsurface object. */
static struct wl_surface *make_child(
	struct toys *toys, struct wl_surface *parent, struct wl_subsurface **subsurface)
{
	struct wl_surface *child = wl_compositor_create_surface(toys->client.compositor);
	*subsurface = wl_subcompositor_get_subsurface(toys->client.subcompositor, child, parent);
	return child;
}

static void subsurface_twice(struct toys *toys)
{
	struct wl_subsurface *subsurface;
	struct wl_surface *child = make_child(toys, toys->surface, &subsurface);
	wl_subcompositor_get_subsurface(toys->client.subcompositor, child, toys->surface);
}

static void subsurface_of_a_toplevel(struct toys *toys)
{
	struct wl_surface *parent = wl_compositor_create_surface(toys->client.compositor);
	make_toplevel(toys);
	wl_subcompositor_get_subsurface(toys->client.subcompositor, toys->surface, parent);
}

static void toplevel_of_a_subsurface(struct toys *toys)
{
	struct wl_subsurface *subsurface;
	struct wl_surface *child = make_child(toys, toys->surface, &subsurface);
	/* the role stays */
	wl_subsurface_destroy(subsurface);
	xdg_wm_base_get_xdg_surface(toys->client.wm_base, child);
}

/* It has no role before it is constructed, and then it has the wrong one. */
static void toplevel_becomes_subsurface(struct toys *toys)
{
	struct wl_surface *parent = wl_compositor_create_surface(toys->client.compositor);
	toys->xdg_surface = xdg_wm_base_get_xdg_surface(toys->client.wm_base, toys->surface);
	wl_subcompositor_get_subsurface(toys->client.subcompositor, toys->surface, parent);
	xdg_surface_get_toplevel(toys->xdg_surface);
}

static void subsurface_of_itself(struct toys *toys)
{
	wl_subcompositor_get_subsurface(toys->client.subcompositor, toys->surface, toys->surface);
}

static void subsurfaces_in_a_ring(struct toys *toys)
{
	struct wl_subsurface *subsurface;
	struct wl_surface *child = make_child(toys, toys->surface, &subsurface);
	struct wl_surface *grandchild = make_child(toys, child, &subsurface);
	wl_subcompositor_get_subsurface(toys->client.subcompositor, toys->surface, grandchild);
}

static void place_above_itself(struct toys *toys)
{
	struct wl_subsurface *subsurface;
	struct wl_surface *child = make_child(toys, toys->surface, &subsurface);
	wl_subsurface_place_above(subsurface, child);
}

static void place_below_a_stranger(struct toys *toys)
{
	struct wl_subsurface *subsurface;
	make_child(toys, toys->surface, &subsurface);
	wl_subsurface_place_below(
		subsurface, wl_compositor_create_surface(toys->client.compositor));
}

static void place_above_a_nephew(struct toys *toys)
{
	struct wl_subsurface *subsurface, *other;
	make_child(toys, toys->surface, &subsurface);
	struct wl_surface *sibling = make_child(toys, toys->surface, &other);
	wl_subsurface_place_above(subsurface, make_child(toys, sibling, &other));
}

static void place_above_one_that_went(struct toys *toys)
{
	struct wl_subsurface *subsurface, *other;
	make_child(toys, toys->surface, &subsurface);
	struct wl_surface *sibling = make_child(toys, toys->surface, &other);
	wl_subsurface_destroy(other);
	wl_subsurface_place_above(subsurface, sibling);
}

static void surface_before_subsurface(struct toys *toys)
{
	struct wl_subsurface *subsurface;
	wl_surface_destroy(make_child(toys, toys->surface, &subsurface));
}

static void pool_empty(struct toys *toys)
{
	wl_shm_create_pool(toys->client.shm, toys->fd, 0);
}

static void pool_of_a_pipe(struct toys *toys)
{
	int fds[2];
	if (pipe(fds) == 0)
		wl_shm_create_pool(toys->client.shm, fds[0], 4096);
}

static void pool_shrinks(struct toys *toys)
{
	wl_shm_pool_resize(toys->pool, 4096);
}

static void buffer_of_unknown_format(struct toys *toys)
{
	wl_shm_pool_create_buffer(toys->pool, 0, 16, 16, 64, DRM_FORMAT_NV12);
}

static void buffer_stride_short(struct toys *toys)
{
	wl_shm_pool_create_buffer(toys->pool, 0, 64, 64, 255, WL_SHM_FORMAT_XRGB8888);
}

static void buffer_stride_huge(struct toys *toys)
{
	wl_shm_pool_create_buffer(
		toys->pool, 0, INT32_MAX, INT32_MAX, INT32_MAX, WL_SHM_FORMAT_XRGB8888);
}

static void buffer_beyond_the_pool(struct toys *toys)
{
	wl_shm_pool_create_buffer(toys->pool, 65536 - 4, 2, 1, 8, WL_SHM_FORMAT_XRGB8888);
}

static void buffer_offset_negative(struct toys *toys)
{
	wl_shm_pool_create_buffer(toys->pool, -4, 1, 1, 4, WL_SHM_FORMAT_XRGB8888);
}

static void wm_base_before_surfaces(struct toys *toys)
{
	make_toplevel(toys);
	xdg_wm_base_destroy(toys->client.wm_base);
	toys->client.wm_base = NULL;
}

static void surface_with_buffer(struct toys *toys)
{
	wl_surface_attach(toys->surface, toys->buffer, 0, 0);
	wl_surface_commit(toys->surface);
	make_toplevel(toys);
}

static void surface_twice(struct toys *toys)
{
	make_toplevel(toys);
	make_toplevel(toys);
}

static void popup_after_toplevel(struct toys *toys)
{
	make_toplevel(toys);
	xdg_toplevel_destroy(toys->toplevel);
	xdg_positioner_set_size(toys->positioner, 1, 1);
	xdg_positioner_set_anchor_rect(toys->positioner, 0, 0, 1, 1);
	xdg_surface_get_popup(toys->xdg_surface, NULL, toys->positioner);
}

static void popup_positioner_incomplete(struct toys *toys)
{
	toys->xdg_surface = xdg_wm_base_get_xdg_surface(toys->client.wm_base, toys->surface);
	xdg_surface_get_popup(toys->xdg_surface, NULL, toys->positioner);
}

static void positioner_size_zero(struct toys *toys)
{
	xdg_positioner_set_size(toys->positioner, 0, 1);
}

static void positioner_anchor_negative(struct toys *toys)
{
	xdg_positioner_set_anchor_rect(toys->positioner, 0, 0, -1, 1);
}

static void positioner_anchor_unknown(struct toys *toys)
{
	xdg_positioner_set_anchor(toys->positioner, 9);
}

static void positioner_gravity_unknown(struct toys *toys)
{
	xdg_positioner_set_gravity(toys->positioner, 9);
}

static void toplevel_twice(struct toys *toys)
{
	make_toplevel(toys);
	xdg_surface_get_toplevel(toys->xdg_surface);
}

static void buffer_before_ack(struct toys *toys)
{
	make_toplevel(toys);
	wl_surface_commit(toys->surface);
	wl_surface_attach(toys->surface, toys->buffer, 0, 0);
	wl_surface_commit(toys->surface);
}

static void buffer_without_a_role(struct toys *toys)
{
	toys->xdg_surface = xdg_wm_base_get_xdg_surface(toys->client.wm_base, toys->surface);
	wl_surface_attach(toys->surface, toys->buffer, 0, 0);
	wl_surface_commit(toys->surface);
}

/* The role's object has gone, and with it all that was configured. */
static void buffer_after_the_role(struct toys *toys)
{
	make_toplevel(toys);
	xdg_toplevel_destroy(toys->toplevel);
	wl_surface_attach(toys->surface, toys->buffer, 0, 0);
	wl_surface_commit(toys->surface);
}

static void ack_of_nothing(struct toys *toys)
{
	make_toplevel(toys);
	xdg_surface_ack_configure(toys->xdg_surface, 12345);
}

static void ack_before_construction(struct toys *toys)
{
	toys->xdg_surface = xdg_wm_base_get_xdg_surface(toys->client.wm_base, toys->surface);
	xdg_surface_ack_configure(toys->xdg_surface, 1);
}

static void geometry_empty(struct toys *toys)
{
	make_toplevel(toys);
	xdg_surface_set_window_geometry(toys->xdg_surface, 0, 0, 0, 10);
}

static void xdg_surface_before_role(struct toys *toys)
{
	make_toplevel(toys);
	xdg_surface_destroy(toys->xdg_surface);
}

static void own_parent(struct toys *toys)
{
	make_toplevel(toys);
	xdg_toplevel_set_parent(toys->toplevel, toys->toplevel);
}

static void parents_in_a_ring(struct toys *toys)
{
	make_toplevel(toys);
	struct wl_surface *surface = wl_compositor_create_surface(toys->client.compositor);
	struct xdg_toplevel *other = xdg_surface_get_toplevel(
		xdg_wm_base_get_xdg_surface(toys->client.wm_base, surface));
	xdg_toplevel_set_parent(toys->toplevel, other);
	xdg_toplevel_set_parent(other, toys->toplevel);
}

static void size_negative(struct toys *toys)
{
	make_toplevel(toys);
	xdg_toplevel_set_max_size(toys->toplevel, -1, 0);
}

static void size_least_above_most(struct toys *toys)
{
	make_toplevel(toys);
	xdg_toplevel_set_min_size(toys->toplevel, 10, 20);
	xdg_toplevel_set_max_size(toys->toplevel, 10, 19);
	wl_surface_commit(toys->surface);
}

static void capture_option_unknown(struct toys *toys)
{
	struct ext_image_capture_source_v1 *source =
		ext_output_image_capture_source_manager_v1_create_source(
			toys->client.sources, toys->client.output);
	ext_image_copy_capture_manager_v1_create_session(toys->client.captures, source, 2);
}

static void capture_frame_twice(struct toys *toys)
{
	make_frame(toys);
	ext_image_copy_capture_session_v1_create_frame(toys->session);
}

static void capture_without_buffer(struct toys *toys)
{
	make_frame(toys);
	ext_image_copy_capture_frame_v1_capture(toys->frame);
}

static void capture_damage_negative(struct toys *toys)
{
	make_frame(toys);
	ext_image_copy_capture_frame_v1_damage_buffer(toys->frame, -1, 0, 1, 1);
}

static void capture_twice(struct toys *toys)
{
	make_frame(toys);
	ext_image_copy_capture_frame_v1_attach_buffer(toys->frame, toys->buffer);
	ext_image_copy_capture_frame_v1_capture(toys->frame);
	ext_image_copy_capture_frame_v1_capture(toys->frame);
}

#define MISTAKE(name, interface, error) {#name, name, #interface, error}
/* The mistake was to destroy the object, so that the client knows it no more. */
#define DESTRUCTION(name, error) {#name, name, "", error}

static struct zxdg_toplevel_decoration_v1 *decorate(struct toys *toys)
{
	struct zxdg_decoration_manager_v1 *manager =
		client_bind(&toys->client, &zxdg_decoration_manager_v1_interface, 1);
	struct zxdg_toplevel_decoration_v1 *decoration =
		zxdg_decoration_manager_v1_get_toplevel_decoration(manager, toys->toplevel);
	/* what it has made outlives it */
	zxdg_decoration_manager_v1_destroy(manager);
	return decoration;
}

static void decoration_of_no_mode(struct toys *toys)
{
	make_toplevel(toys);
	zxdg_toplevel_decoration_v1_set_mode(decorate(toys), 0);
}

static void decoration_of_an_unknown_mode(struct toys *toys)
{
	make_toplevel(toys);
	zxdg_toplevel_decoration_v1_set_mode(decorate(toys), 3);
}

static void decoration_twice(struct toys *toys)
{
	make_toplevel(toys);
	decorate(toys);
	decorate(toys);
}

static void decoration_orphaned(struct toys *toys)
{
	make_toplevel(toys);
	decorate(toys);
	xdg_toplevel_destroy(toys->toplevel);
}

static void decoration_after_the_buffer(struct toys *toys)
{
	make_toplevel(toys);
	wl_surface_attach(toys->surface, toys->buffer, 0, 0);
	decorate(toys);
}

static const struct mistake {
	const char *name;
	void (*make)(struct toys *toys);
	const char *interface;
	uint32_t error;
} mistakes[] = {
	MISTAKE(scale_zero, wl_surface, WL_SURFACE_ERROR_INVALID_SCALE),
	MISTAKE(transform_unknown, wl_surface, WL_SURFACE_ERROR_INVALID_TRANSFORM),
	MISTAKE(size_indivisible, wl_surface, WL_SURFACE_ERROR_INVALID_SIZE),
	MISTAKE(attach_offset, wl_surface, WL_SURFACE_ERROR_INVALID_OFFSET),
	DESTRUCTION(surface_before_role, WL_SURFACE_ERROR_DEFUNCT_ROLE_OBJECT),
	MISTAKE(subsurface_twice, wl_subcompositor, WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE),
	MISTAKE(subsurface_of_a_toplevel, wl_subcompositor, WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE),
	MISTAKE(toplevel_of_a_subsurface, xdg_wm_base, XDG_WM_BASE_ERROR_ROLE),
	MISTAKE(toplevel_becomes_subsurface, xdg_wm_base, XDG_WM_BASE_ERROR_ROLE),
	MISTAKE(subsurface_of_itself, wl_subcompositor, WL_SUBCOMPOSITOR_ERROR_BAD_PARENT),
	MISTAKE(subsurfaces_in_a_ring, wl_subcompositor, WL_SUBCOMPOSITOR_ERROR_BAD_PARENT),
	MISTAKE(place_above_itself, wl_subsurface, WL_SUBSURFACE_ERROR_BAD_SURFACE),
	MISTAKE(place_below_a_stranger, wl_subsurface, WL_SUBSURFACE_ERROR_BAD_SURFACE),
	MISTAKE(place_above_a_nephew, wl_subsurface, WL_SUBSURFACE_ERROR_BAD_SURFACE),
	MISTAKE(place_above_one_that_went, wl_subsurface, WL_SUBSURFACE_ERROR_BAD_SURFACE),
	DESTRUCTION(surface_before_subsurface, WL_SURFACE_ERROR_DEFUNCT_ROLE_OBJECT),
	MISTAKE(pool_empty, wl_shm, WL_SHM_ERROR_INVALID_STRIDE),
	MISTAKE(pool_of_a_pipe, wl_shm, WL_SHM_ERROR_INVALID_FD),
	MISTAKE(pool_shrinks, wl_shm_pool, WL_SHM_ERROR_INVALID_FD),
	MISTAKE(buffer_of_unknown_format, wl_shm_pool, WL_SHM_ERROR_INVALID_FORMAT),
	MISTAKE(buffer_stride_short, wl_shm_pool, WL_SHM_ERROR_INVALID_STRIDE),
	MISTAKE(buffer_stride_huge, wl_shm_pool, WL_SHM_ERROR_INVALID_STRIDE),
	MISTAKE(buffer_beyond_the_pool, wl_shm_pool, WL_SHM_ERROR_INVALID_STRIDE),
	MISTAKE(buffer_offset_negative, wl_shm_pool, WL_SHM_ERROR_INVALID_STRIDE),
	DESTRUCTION(wm_base_before_surfaces, XDG_WM_BASE_ERROR_DEFUNCT_SURFACES),
	MISTAKE(surface_with_buffer, xdg_wm_base, XDG_WM_BASE_ERROR_INVALID_SURFACE_STATE),
	MISTAKE(surface_twice, xdg_wm_base, XDG_WM_BASE_ERROR_ROLE),
	MISTAKE(popup_after_toplevel, xdg_wm_base, XDG_WM_BASE_ERROR_ROLE),
	MISTAKE(popup_positioner_incomplete, xdg_wm_base, XDG_WM_BASE_ERROR_INVALID_POSITIONER),
	MISTAKE(positioner_size_zero, xdg_positioner, XDG_POSITIONER_ERROR_INVALID_INPUT),
	MISTAKE(positioner_anchor_negative, xdg_positioner, XDG_POSITIONER_ERROR_INVALID_INPUT),
	MISTAKE(positioner_anchor_unknown, xdg_positioner, XDG_POSITIONER_ERROR_INVALID_INPUT),
	MISTAKE(positioner_gravity_unknown, xdg_positioner, XDG_POSITIONER_ERROR_INVALID_INPUT),
	MISTAKE(toplevel_twice, xdg_surface, XDG_SURFACE_ERROR_ALREADY_CONSTRUCTED),
	MISTAKE(buffer_before_ack, xdg_surface, XDG_SURFACE_ERROR_UNCONFIGURED_BUFFER),
	MISTAKE(buffer_without_a_role, xdg_surface, XDG_SURFACE_ERROR_UNCONFIGURED_BUFFER),
	MISTAKE(buffer_after_the_role, xdg_surface, XDG_SURFACE_ERROR_UNCONFIGURED_BUFFER),
	MISTAKE(ack_of_nothing, xdg_surface, XDG_SURFACE_ERROR_INVALID_SERIAL),
	MISTAKE(ack_before_construction, xdg_surface, XDG_SURFACE_ERROR_NOT_CONSTRUCTED),
	MISTAKE(geometry_empty, xdg_surface, XDG_SURFACE_ERROR_INVALID_SIZE),
	DESTRUCTION(xdg_surface_before_role, XDG_SURFACE_ERROR_DEFUNCT_ROLE_OBJECT),
	MISTAKE(own_parent, xdg_toplevel, XDG_TOPLEVEL_ERROR_INVALID_PARENT),
	MISTAKE(parents_in_a_ring, xdg_toplevel, XDG_TOPLEVEL_ERROR_INVALID_PARENT),
	MISTAKE(size_negative, xdg_toplevel, XDG_TOPLEVEL_ERROR_INVALID_SIZE),
	MISTAKE(size_least_above_most, xdg_toplevel, XDG_TOPLEVEL_ERROR_INVALID_SIZE),
	MISTAKE(decoration_of_no_mode, zxdg_toplevel_decoration_v1,
		ZXDG_TOPLEVEL_DECORATION_V1_ERROR_INVALID_MODE),
	MISTAKE(decoration_of_an_unknown_mode, zxdg_toplevel_decoration_v1,
		ZXDG_TOPLEVEL_DECORATION_V1_ERROR_INVALID_MODE),
	MISTAKE(decoration_twice, zxdg_toplevel_decoration_v1,
		ZXDG_TOPLEVEL_DECORATION_V1_ERROR_ALREADY_CONSTRUCTED),
	MISTAKE(decoration_orphaned, zxdg_toplevel_decoration_v1,
		ZXDG_TOPLEVEL_DECORATION_V1_ERROR_ORPHANED),
	MISTAKE(decoration_after_the_buffer, zxdg_toplevel_decoration_v1,
		ZXDG_TOPLEVEL_DECORATION_V1_ERROR_UNCONFIGURED_BUFFER),
	MISTAKE(capture_option_unknown, ext_image_copy_capture_manager_v1,
		EXT_IMAGE_COPY_CAPTURE_MANAGER_V1_ERROR_INVALID_OPTION),
	MISTAKE(capture_frame_twice, ext_image_copy_capture_session_v1,
		EXT_IMAGE_COPY_CAPTURE_SESSION_V1_ERROR_DUPLICATE_FRAME),
	MISTAKE(capture_without_buffer, ext_image_copy_capture_frame_v1,
		EXT_IMAGE_COPY_CAPTURE_FRAME_V1_ERROR_NO_BUFFER),
	MISTAKE(capture_damage_negative, ext_image_copy_capture_frame_v1,
		EXT_IMAGE_COPY_CAPTURE_FRAME_V1_ERROR_INVALID_BUFFER_DAMAGE),
	MISTAKE(capture_twice, ext_image_copy_capture_frame_v1,
		EXT_IMAGE_COPY_CAPTURE_FRAME_V1_ERROR_ALREADY_CAPTURED),
};

enum { TOLD = 0, NOT_TOLD, WRONG_ERROR, WRONG_INTERFACE };

/* In the child: its exit code. */
static int err(const struct daemon *daemon, const struct mistake *mistake)
{
	struct toys toys = {0};
	client_connect(&toys.client, daemon);
	toys.surface = wl_compositor_create_surface(toys.client.compositor);
	toys.positioner = xdg_wm_base_create_positioner(toys.client.wm_base);
	make_pool(&toys);
	if (!client_sync(&toys.client))
		return 100;
	mistake->make(&toys);
	if (client_sync(&toys.client) || wl_display_get_error(toys.client.display) != EPROTO)
		return NOT_TOLD;
	const struct wl_interface *interface = NULL;
	uint32_t id;
	uint32_t error = wl_display_get_protocol_error(toys.client.display, &interface, &id);
	if (error != mistake->error)
		return WRONG_ERROR;
	const char *name = interface ? interface->name : "";
	return strcmp(name, mistake->interface) == 0 ? TOLD : WRONG_INTERFACE;
}

TEST(every_error)
{
	struct daemon daemon;
	struct client neighbour;
	struct window window;
	struct picture picture;
	daemon_start(&daemon, NULL);
	client_connect(&neighbour, &daemon);
	window_init(&window, &neighbour);
	picture_init(&neighbour, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			_exit(err(&daemon, &mistakes[i]));
		int status;
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == TOLD, "%s: status %x",
			mistakes[i].name, (unsigned)status);
		window_show(&window, &picture);
	}
	picture_finish(&picture);
	window_finish(&window);
	client_disconnect(&neighbour);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

/* ---- borders that nobody draws --------------------------------------------------------------- */

struct decorations {
	int configured;
	uint32_t mode;
};

static void handle_decoration(
	void *data, struct zxdg_toplevel_decoration_v1 *decoration, uint32_t mode)
{
	struct decorations *decorations = data;
	decorations->configured++;
	decorations->mode = mode;
}

static const struct zxdg_toplevel_decoration_v1_listener decoration_listener = {
	.configure = handle_decoration};

static void expect_server_side(struct toys *toys, struct decorations *told, int configured)
{
	ck_assert(client_sync(&toys->client));
	ck_assert_int_eq(told->configured, configured);
	if (configured)
		ck_assert_uint_eq(told->mode, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
}

TEST(no_borders)
{
	struct daemon daemon;
	struct toys toys = {0};
	struct decorations told = {0};
	daemon_start(&daemon, NULL);
	client_connect(&toys.client, &daemon);
	toys.surface = wl_compositor_create_surface(toys.client.compositor);
	make_toplevel(&toys);
	struct zxdg_toplevel_decoration_v1 *decoration = decorate(&toys);
	zxdg_toplevel_decoration_v1_add_listener(decoration, &decoration_listener, &told);
	zxdg_toplevel_decoration_v1_set_mode(
		decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_CLIENT_SIDE);
	/* with the first configure, which the first commit asks for */
	expect_server_side(&toys, &told, 0);
	wl_surface_commit(toys.surface);
	expect_server_side(&toys, &told, 1);
	zxdg_toplevel_decoration_v1_set_mode(
		decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_CLIENT_SIDE);
	expect_server_side(&toys, &told, 2);
	zxdg_toplevel_decoration_v1_unset_mode(decoration);
	expect_server_side(&toys, &told, 3);
	/* what is no answer to a wish need not say it again */
	xdg_toplevel_set_maximized(toys.toplevel);
	expect_server_side(&toys, &told, 3);
	zxdg_toplevel_decoration_v1_destroy(decoration);
	/* and there may be another one */
	zxdg_toplevel_decoration_v1_destroy(decorate(&toys));
	xdg_toplevel_destroy(toys.toplevel);
	xdg_surface_destroy(toys.xdg_surface);
	ck_assert(client_sync(&toys.client));
	/* its client goes without a word */
	make_toplevel(&toys);
	decoration = decorate(&toys);
	ck_assert(client_sync(&toys.client));
	wl_proxy_destroy((struct wl_proxy *)decoration);
	wl_proxy_destroy((struct wl_proxy *)toys.toplevel);
	wl_proxy_destroy((struct wl_proxy *)toys.xdg_surface);
	wl_proxy_destroy((struct wl_proxy *)toys.surface);
	client_disconnect(&toys.client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

/* What looks like a mistake and is none. */
TEST(no_error)
{
	struct daemon daemon;
	struct toys toys = {0};
	daemon_start(&daemon, NULL);
	client_connect(&toys.client, &daemon);
	struct client *client = &toys.client;
	toys.surface = wl_compositor_create_surface(client->compositor);
	make_pool(&toys);
	/* everything, twice, and more than there is */
	struct wl_region *region = wl_compositor_create_region(client->compositor);
	wl_region_add(region, INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX);
	wl_region_add(region, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX);
	wl_region_subtract(region, 0, 0, -1, INT32_MIN);
	wl_surface_set_opaque_region(toys.surface, region);
	wl_surface_set_input_region(toys.surface, region);
	wl_region_destroy(region);
	wl_surface_damage(toys.surface, INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX);
	wl_surface_damage_buffer(toys.surface, INT32_MAX, 5, INT32_MAX, -7);
	/* a buffer that goes before its commit, and a surface without a role that has one */
	wl_surface_attach(toys.surface, toys.buffer, 0, 0);
	wl_buffer_destroy(toys.buffer);
	wl_surface_commit(toys.surface);
	wl_shm_pool_resize(toys.pool, 1 << 20);
	wl_shm_pool_destroy(toys.pool);
	wl_surface_set_opaque_region(toys.surface, NULL);
	wl_surface_offset(toys.surface, INT32_MAX, INT32_MIN);
	wl_surface_commit(toys.surface);
	ck_assert(client_sync(client));
	wl_surface_destroy(toys.surface);
	ck_assert(client_sync(client));
	close(toys.fd);
	client_disconnect(client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-errors")
