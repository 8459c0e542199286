/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <stdlib.h>
#include <time.h>

#include <wayland-server-protocol.h>

#include "presentation-time-server-protocol.h"
#include "xdg-shell-server-protocol.h"

void shell_send_callbacks(struct wl_list *callbacks, const struct shell_flip *flip)
{
	struct wl_resource *callback, *next;
	wl_resource_for_each_safe(callback, next, callbacks) {
		wl_callback_send_done(callback, flip->seconds * 1000 + flip->nanoseconds / 1000000);
		wl_resource_destroy(callback);
	}
}

void shell_drop_callbacks(struct wl_list *callbacks)
{
	struct wl_resource *callback, *next;
	wl_resource_for_each_safe(callback, next, callbacks)
		wl_resource_destroy(callback);
}

void shell_send_presented(struct wl_list *feedbacks, const struct shell_flip *flip)
{
	const uint32_t flags = WP_PRESENTATION_FEEDBACK_KIND_VSYNC |
		WP_PRESENTATION_FEEDBACK_KIND_HW_CLOCK |
		WP_PRESENTATION_FEEDBACK_KIND_HW_COMPLETION |
		WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;
	struct wl_resource *feedback, *next;
	wl_resource_for_each_safe(feedback, next, feedbacks) {
		wp_presentation_feedback_send_presented(
			feedback, 0, flip->seconds, flip->nanoseconds, 0, 0, flip->sequence, flags);
		wl_resource_destroy(feedback);
	}
}

void shell_send_discarded(struct wl_list *feedbacks)
{
	struct wl_resource *feedback, *next;
	wl_resource_for_each_safe(feedback, next, feedbacks) {
		wp_presentation_feedback_send_discarded(feedback);
		wl_resource_destroy(feedback);
	}
}

static void unlink_resource(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

/* ---- wl_surface ---------------------------------------------------------------------------- */

static void forget_buffer(struct shell_surface *surface)
{
	wl_list_remove(&surface->buffer_destroyed.link);
	wl_list_init(&surface->buffer_destroyed.link);
	surface->buffer = NULL;
}

static void handle_buffer_destroyed(struct wl_listener *listener, void *data)
{
	struct shell_surface *surface = wl_container_of(listener, surface, buffer_destroyed);
	forget_buffer(surface);
}

static void surface_attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	struct shell_surface *surface = wl_resource_get_user_data(resource);
	forget_buffer(surface);
	surface->attached = true;
	surface->buffer = buffer;
	if (buffer)
		wl_resource_add_destroy_listener(buffer, &surface->buffer_destroyed);
}

static void surface_frame(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct shell_surface *surface = wl_resource_get_user_data(resource);
	struct wl_resource *callback = wl_resource_create(client, &wl_callback_interface, 1, id);
	if (!callback) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(callback, NULL, NULL, unlink_resource);
	wl_list_insert(surface->callbacks.prev, wl_resource_get_link(callback));
}

/* A window's first commit, without a buffer, asks how large it should be. */
static void configure(struct shell_surface *surface)
{
	uint32_t *state;
	struct wl_array states;
	wl_array_init(&states);
	state = wl_array_add(&states, sizeof(*state));
	if (state)
		*state = XDG_TOPLEVEL_STATE_FULLSCREEN;
	const struct shell *shell = surface->shell;
	xdg_toplevel_send_configure(surface->toplevel, shell->width, shell->height, &states);
	xdg_surface_send_configure(surface->xdg_surface, wl_display_next_serial(shell->display));
	wl_array_release(&states);
	surface->configured = true;
}

static void surface_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct shell_surface *surface = wl_resource_get_user_data(resource);
	if (surface->toplevel && !surface->configured)
		configure(surface);
	surface->shell->ops->committed(surface);
	surface->attached = false;
	forget_buffer(surface);
}

static void destroy_resource(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* The whole window is shown, unscaled, so these change nothing. */
static void surface_damage(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
}

static void surface_region(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *region)
{
}

static void surface_number(struct wl_client *client, struct wl_resource *resource, int32_t number)
{
}

static const struct wl_surface_interface surface_impl = {
	.destroy = destroy_resource,
	.attach = surface_attach,
	.damage = surface_damage,
	.frame = surface_frame,
	.set_opaque_region = surface_region,
	.set_input_region = surface_region,
	.commit = surface_commit,
	.set_buffer_transform = surface_number,
	.set_buffer_scale = surface_number,
	.damage_buffer = surface_damage,
};

static void close_window(struct shell_surface *surface)
{
	if (surface->toplevel)
		wl_resource_set_user_data(surface->toplevel, NULL);
	surface->toplevel = NULL;
	surface->configured = false;
	if (surface->shell->window != surface)
		return;
	surface->shell->window = NULL;
	surface->shell->ops->closed();
}

static void surface_destroyed(struct wl_resource *resource)
{
	struct shell_surface *surface = wl_resource_get_user_data(resource);
	close_window(surface);
	if (surface->xdg_surface)
		wl_resource_set_user_data(surface->xdg_surface, NULL);
	forget_buffer(surface);
	surface->shell->ops->destroyed(surface);
	shell_drop_callbacks(&surface->callbacks);
	shell_send_discarded(&surface->feedbacks);
	free(surface);
}

/* ---- globals ------------------------------------------------------------------------------- */

/* Objects whose every request may be ignored, but that the first of each destroys them. */
static int ignore(const void *implementation, void *resource, uint32_t opcode,
	const struct wl_message *message, union wl_argument *arguments)
{
	if (opcode == 0)
		wl_resource_destroy(resource);
	return 0;
}

/* An object whose requests are @implementation, or ignored if that is NULL. */
static struct wl_resource *create(struct wl_client *client, const struct wl_interface *interface,
	uint32_t version, uint32_t id, const void *implementation, void *data)
{
	struct wl_resource *resource = wl_resource_create(client, interface, (int)version, id);
	if (!resource)
		wl_client_post_no_memory(client);
	else if (implementation)
		wl_resource_set_implementation(resource, implementation, data, NULL);
	else
		wl_resource_set_dispatcher(resource, ignore, NULL, data, NULL);
	return resource;
}

static void create_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct shell_surface *surface = calloc(1, sizeof(*surface));
	if (!surface) {
		wl_client_post_no_memory(client);
		return;
	}
	surface->shell = wl_resource_get_user_data(resource);
	surface->buffer_destroyed.notify = handle_buffer_destroyed;
	wl_list_init(&surface->buffer_destroyed.link);
	wl_list_init(&surface->callbacks);
	wl_list_init(&surface->feedbacks);
	surface->resource = create(client, &wl_surface_interface,
		(uint32_t)wl_resource_get_version(resource), id, &surface_impl, surface);
	if (surface->resource && surface->shell->ops->created(surface)) {
		wl_resource_set_destructor(surface->resource, surface_destroyed);
		return;
	}
	if (surface->resource)
		wl_resource_post_no_memory(surface->resource);
	free(surface);
}

static void create_region(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	create(client, &wl_region_interface, 1, id, NULL, NULL);
}

static const struct wl_compositor_interface compositor_impl = {
	.create_surface = create_surface,
	.create_region = create_region,
};

static void toplevel_destroyed(struct wl_resource *resource)
{
	struct shell_surface *surface = wl_resource_get_user_data(resource);
	if (surface)
		close_window(surface);
}

static void get_toplevel(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct shell_surface *surface = wl_resource_get_user_data(resource);
	if (!surface || surface->toplevel) {
		wl_resource_post_error(resource, XDG_SURFACE_ERROR_ALREADY_CONSTRUCTED,
			"the surface is a window already, or is gone");
		return;
	}
	surface->toplevel = create(client, &xdg_toplevel_interface, 1, id, NULL, surface);
	if (!surface->toplevel)
		return;
	wl_resource_set_destructor(surface->toplevel, toplevel_destroyed);
	/* there is room for one */
	if (surface->shell->window)
		xdg_toplevel_send_close(surface->toplevel);
	else
		surface->shell->window = surface;
}

static void get_popup(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *parent, struct wl_resource *positioner)
{
	struct wl_resource *popup = create(client, &xdg_popup_interface, 1, id, NULL, NULL);
	if (popup)
		xdg_popup_send_popup_done(popup);
}

static void set_geometry(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
}

static void handle_serial(struct wl_client *client, struct wl_resource *resource, uint32_t serial)
{
}

static const struct xdg_surface_interface xdg_surface_impl = {
	.destroy = destroy_resource,
	.get_toplevel = get_toplevel,
	.get_popup = get_popup,
	.set_window_geometry = set_geometry,
	.ack_configure = handle_serial,
};

static void xdg_surface_destroyed(struct wl_resource *resource)
{
	struct shell_surface *surface = wl_resource_get_user_data(resource);
	if (!surface)
		return;
	close_window(surface);
	surface->xdg_surface = NULL;
}

static void create_positioner(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	create(client, &xdg_positioner_interface, 1, id, NULL, NULL);
}

static void get_xdg_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface_resource)
{
	struct shell_surface *surface = wl_resource_get_user_data(surface_resource);
	if (surface->xdg_surface) {
		wl_resource_post_error(resource, XDG_WM_BASE_ERROR_ROLE, "it has an xdg_surface");
		return;
	}
	surface->xdg_surface =
		create(client, &xdg_surface_interface, 1, id, &xdg_surface_impl, surface);
	if (surface->xdg_surface)
		wl_resource_set_destructor(surface->xdg_surface, xdg_surface_destroyed);
}

static const struct xdg_wm_base_interface wm_base_impl = {
	.destroy = destroy_resource,
	.create_positioner = create_positioner,
	.get_xdg_surface = get_xdg_surface,
	.pong = handle_serial,
};

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	create(client, &wl_compositor_interface, version, id, &compositor_impl, data);
}

static void get_feedback(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *surface_resource, uint32_t id)
{
	struct shell_surface *surface = wl_resource_get_user_data(surface_resource);
	struct wl_resource *feedback =
		create(client, &wp_presentation_feedback_interface, 1, id, NULL, NULL);
	if (!feedback)
		return;
	wl_list_insert(surface->feedbacks.prev, wl_resource_get_link(feedback));
	wl_resource_set_destructor(feedback, unlink_resource);
}

static const struct wp_presentation_interface presentation_impl = {
	.destroy = destroy_resource,
	.feedback = get_feedback,
};

static void bind_presentation(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		create(client, &wp_presentation_interface, version, id, &presentation_impl, data);
	if (resource)
		wp_presentation_send_clock_id(resource, CLOCK_MONOTONIC);
}

static void bind_wm_base(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	create(client, &xdg_wm_base_interface, version, id, &wm_base_impl, NULL);
}

bool shell_init(struct shell *shell, struct wl_display *display, const struct shell_ops *ops,
	int32_t width, int32_t height)
{
	*shell = (struct shell){.display = display, .ops = ops, .width = width, .height = height};
	return wl_global_create(display, &wl_compositor_interface, 4, shell, bind_compositor) &&
		wl_global_create(display, &xdg_wm_base_interface, 1, shell, bind_wm_base) &&
		wl_global_create(display, &wp_presentation_interface, 1, shell, bind_presentation);
}
