/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wayland-server-protocol.h>

#include "core/format.h"
#include "daemon.h"
#include "input/seat.h"
#include "output.h"
#include "outputs.h"
#include "presentation.h"
#include "region.h"
#include "subsurface.h"
#include "surface_state.h"
#include "util/log.h"
#include "xdg.h"

void surface_log(struct surface *surface, const char *what, ...)
{
	char text[256];
	va_list args;
	va_start(args, what);
	vsnprintf(text, sizeof(text), what, args);
	va_end(args);
	pid_t pid = 0;
	wl_client_get_credentials(wl_resource_get_client(surface->resource), &pid, NULL, NULL);
	waybuf_info(
		"surface %u of process %d: %s", wl_resource_get_id(surface->resource), pid, text);
}

static void forget_pending_buffer(struct surface *surface)
{
	if (surface->pending_buffer)
		wl_list_remove(&surface->pending_buffer_destroyed.link);
	surface->pending_buffer = NULL;
}

static void handle_pending_buffer_destroyed(struct wl_listener *listener, void *data)
{
	struct surface *surface = wl_container_of(listener, surface, pending_buffer_destroyed);
	forget_pending_buffer(surface);
}

static void handle_attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (wl_resource_get_version(resource) >= WL_SURFACE_OFFSET_SINCE_VERSION && (x || y)) {
		wl_resource_post_error(resource, WL_SURFACE_ERROR_INVALID_OFFSET,
			"attach at %d,%d: since version 5 the offset has a request of its own", x,
			y);
		return;
	}
	/* since version 5 that has been said, or will be */
	if (wl_resource_get_version(resource) < WL_SURFACE_OFFSET_SINCE_VERSION) {
		surface->pending.dx = x;
		surface->pending.dy = y;
	}
	forget_pending_buffer(surface);
	surface->pending.changes |= SURFACE_BUFFER;
	surface->pending_buffer = buffer;
	if (buffer) {
		surface->pending_buffer_destroyed.notify = handle_pending_buffer_destroyed;
		wl_resource_add_destroy_listener(buffer, &surface->pending_buffer_destroyed);
	}
}

static void add_damage(
	struct surface *surface, struct damage *damage, const struct geometry_box *box)
{
	if (box->width <= 0 || box->height <= 0)
		return;
	surface->pending.changes |= SURFACE_DAMAGE;
	damage_add(damage, box);
}

static void handle_damage(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	const struct geometry_box box = {x, y, width, height};
	add_damage(surface, &surface->pending.damage, &box);
}

static void handle_damage_buffer(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	const struct geometry_box box = {x, y, width, height};
	add_damage(surface, &surface->pending.buffer_damage, &box);
}

static void handle_frame(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct wl_resource *callback = wl_resource_create(client, &wl_callback_interface, 1, id);
	if (!callback) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(callback, NULL, NULL, resource_unlink);
	wl_list_insert(surface->pending.callbacks.prev, wl_resource_get_link(callback));
}

static void set_region(pixman_region32_t *to, struct wl_resource *region)
{
	if (region)
		pixman_region32_copy(to, region_from_resource(region));
	else
		pixman_region32_clear(to);
}

static void handle_set_opaque_region(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *region)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	set_region(&surface->pending.opaque, region);
	surface->pending.changes |= SURFACE_OPAQUE;
}

static void handle_set_input_region(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *region)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	surface->pending.input_everywhere = !region;
	set_region(&surface->pending.input, region);
	surface->pending.changes |= SURFACE_INPUT;
}

static void handle_set_buffer_transform(
	struct wl_client *client, struct wl_resource *resource, int32_t transform)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (transform < WL_OUTPUT_TRANSFORM_NORMAL || transform > WL_OUTPUT_TRANSFORM_FLIPPED_270) {
		wl_resource_post_error(resource, WL_SURFACE_ERROR_INVALID_TRANSFORM,
			"%d is no transform", transform);
		return;
	}
	surface->pending.transform = transform;
	surface->pending.changes |= SURFACE_TRANSFORM;
}

static void handle_set_buffer_scale(
	struct wl_client *client, struct wl_resource *resource, int32_t scale)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (scale < 1) {
		wl_resource_post_error(
			resource, WL_SURFACE_ERROR_INVALID_SCALE, "%d is no scale", scale);
		return;
	}
	surface->pending.scale = scale;
	surface->pending.changes |= SURFACE_SCALE;
}

/* For cursors and icons. Toplevels stand where the output wants them. */
static void handle_offset(
	struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	surface->pending.dx = x;
	surface->pending.dy = y;
}

/* Begins the use of what was attached. False: the client is at fault, or memory is short. */
static bool take_buffer(
	struct surface *surface, struct waybuf_syncobj_points *points, struct frame **frame)
{
	*frame = NULL;
	struct wl_resource *buffer = surface->pending_buffer;
	if (!buffer)
		return true;
	int ret = frame_create(surface, buffer, points, frame);
	if (ret == -EINVAL)
		wl_resource_post_error(surface->resource, WL_DISPLAY_ERROR_INVALID_OBJECT,
			"a wl_buffer of an unknown kind");
	else if (ret < 0)
		wl_resource_post_no_memory(surface->resource);
	forget_pending_buffer(surface);
	return ret == 0;
}

/* False: memory is short. */
static bool take_stack(struct surface *surface)
{
	if (!(surface->pending.changes & SURFACE_STACK) ||
		wl_array_copy(&surface->pending.stack, &surface->stack) == 0)
		return true;
	wl_resource_post_no_memory(surface->resource);
	return false;
}

/*
 * Finds out what the frame has to show. An inert buffer, or one that nobody has drawn into, leaves
 * the surface as it was, because there is nothing that it could show. False: no commit.
 */
static bool latch(struct surface *surface, struct frame *frame, struct waybuf_fence **fence)
{
	struct surface_state *pending = &surface->pending;
	int ret = frame_latch(frame, fence);
	frame->resource = NULL;
	if (ret == 0) {
		pending->frame = frame;
		return true;
	}
	frame_drop(frame);
	if (ret < 0 && ret != -ENODATA)
		wl_resource_post_no_memory(surface->resource);
	if (ret != -ENODATA)
		return false;
	pending->changes &= ~(uint32_t)SURFACE_BUFFER;
	pending->changes |= SURFACE_LOST;
	return true;
}

/* A commit with these points, unless the client is at fault, or memory is short. */
static void make_commit(struct surface *surface, struct waybuf_syncobj_points *points)
{
	struct surface_fences fences = {.fence = {points->acquire}, .error = points->error};
	struct frame *frame;
	if (!take_stack(surface) || !take_buffer(surface, points, &frame))
		return;
	if ((frame && !latch(surface, frame, &fences.fence[1])) || !surface_view_valid(surface))
		return;
	outputs_of(surface)->stats.commits++;
	if (surface->role && surface->role->committed)
		surface->role->committed(surface);
	surface_enqueue(surface, &surface->pending, &fences);
}

static void handle_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct waybuf_syncobj_points points;
	if (surface->xdg && !xdg_surface_may_commit(surface->xdg))
		return;
	if (waybuf_syncobj_surface_commit(resource, surface->pending_buffer, &points) < 0)
		return;
	make_commit(surface, &points);
	waybuf_syncobj_points_finish(&points);
}

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (surface->role_object && wl_resource_get_version(resource) >= 6) {
		wl_resource_post_error(resource, WL_SURFACE_ERROR_DEFUNCT_ROLE_OBJECT,
			"the %s of the surface must be destroyed first", surface->role->name);
		return;
	}
	wl_resource_destroy(resource);
}

static const struct wl_surface_interface surface_impl = {
	.destroy = handle_destroy,
	.attach = handle_attach,
	.damage = handle_damage,
	.frame = handle_frame,
	.set_opaque_region = handle_set_opaque_region,
	.set_input_region = handle_set_input_region,
	.commit = handle_commit,
	.set_buffer_transform = handle_set_buffer_transform,
	.set_buffer_scale = handle_set_buffer_scale,
	.damage_buffer = handle_damage_buffer,
	.offset = handle_offset,
};

static void leave_extensions(struct surface *surface)
{
	for (unsigned i = 0; i < SURFACE_EXTENSIONS; i++)
		if (surface->extensions[i])
			wl_resource_set_user_data(surface->extensions[i], NULL);
}

static void surface_destroyed(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	seat_surface_gone(surface->daemon->seat, surface);
	outputs_surface_gone(surface->daemon, surface);
	subsurface_surface_gone(surface);
	surface_queue_finish(surface);
	forget_pending_buffer(surface);
	leave_extensions(surface);
	surface_state_finish(&surface->pending);
	surface_state_finish(&surface->current);
	wl_array_release(&surface->stack);
	wl_list_remove(&surface->link);
	free(surface);
}

/* With its place in the gate. NULL: no memory. */
static struct surface *allocate(
	struct daemon *daemon, struct wl_client *client, int version, uint32_t id)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return NULL;
	if (waybuf_gate_queue_create(daemon->gate, &surface->queue) < 0)
		goto memory;
	surface->resource = wl_resource_create(client, &wl_surface_interface, version, id);
	if (surface->resource)
		return surface;
	waybuf_gate_queue_destroy(surface->queue);
memory:
	free(surface);
	return NULL;
}

static void handle_create_surface(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct daemon *daemon = wl_resource_get_user_data(resource);
	struct surface *surface = allocate(daemon, client, wl_resource_get_version(resource), id);
	if (!surface) {
		wl_client_post_no_memory(client);
		return;
	}
	surface->daemon = daemon;
	surface->id = ++daemon->n_surfaces;
	surface_state_init(&surface->pending);
	surface_state_init(&surface->current);
	wl_list_init(&surface->parts);
	wl_list_init(&surface->children);
	wl_array_init(&surface->stack);
	wl_list_insert(&daemon->surfaces, &surface->link);
	wl_resource_set_implementation(
		surface->resource, &surface_impl, surface, surface_destroyed);
	output_prefer(outputs_default(daemon), surface);
}

static void handle_create_region(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	region_create(client, (uint32_t)wl_resource_get_version(resource), id);
}

static const struct wl_compositor_interface compositor_impl = {
	.create_surface = handle_create_surface,
	.create_region = handle_create_region,
};

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_compositor_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &compositor_impl, data, NULL);
}

struct wl_global *surface_compositor_create(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &wl_compositor_interface, 6, daemon, bind_compositor);
}

struct surface *surface_from_resource(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}

bool surface_set_role(struct surface *surface, const struct surface_role *role, void *object)
{
	if (surface->role && surface->role != role)
		return false;
	surface->role = role;
	surface->role_object = object;
	return true;
}

struct wl_resource *surface_extend(struct wl_resource *manager, uint32_t id,
	struct wl_resource *surface_resource, enum surface_extension kind,
	const struct wl_interface *interface, uint32_t exists)
{
	struct surface *surface = surface_from_resource(surface_resource);
	if (surface->extensions[kind]) {
		wl_resource_post_error(manager, exists, "surface %u has a %s already",
			wl_resource_get_id(surface_resource), interface->name);
		return NULL;
	}
	surface->extensions[kind] = wl_resource_create(
		wl_resource_get_client(manager), interface, wl_resource_get_version(manager), id);
	if (!surface->extensions[kind])
		wl_resource_post_no_memory(manager);
	return surface->extensions[kind];
}

struct surface *surface_extension_gone(struct wl_resource *object, enum surface_extension kind)
{
	struct surface *surface = wl_resource_get_user_data(object);
	if (surface)
		surface->extensions[kind] = NULL;
	return surface;
}

bool surface_has_buffer(const struct surface *surface)
{
	return surface->pending_buffer || surface->current.frame || !wl_list_empty(&surface->parts);
}

bool surface_is_opaque(const struct surface *surface)
{
	const struct frame *frame = surface->current.frame;
	if (!frame || surface->current.alpha != UINT32_MAX)
		return false;
	const struct waybuf_format *format = waybuf_format_get(frame->format);
	if (format && !format->has_alpha)
		return true;
	pixman_box32_t all = {0, 0, (int32_t)surface->width, (int32_t)surface->height};
	pixman_region32_t *opaque = (pixman_region32_t *)&surface->current.opaque;
	return pixman_region32_contains_rectangle(opaque, &all) == PIXMAN_REGION_IN;
}

void surface_send_callbacks(struct wl_list *list, uint32_t ms)
{
	struct wl_resource *resource, *tmp;
	wl_resource_for_each_safe(resource, tmp, list) {
		wl_callback_send_done(resource, ms);
		wl_resource_destroy(resource);
	}
}

void surface_drop_callbacks(struct wl_list *list)
{
	struct wl_resource *resource, *tmp;
	wl_resource_for_each_safe(resource, tmp, list)
		wl_resource_destroy(resource);
}
