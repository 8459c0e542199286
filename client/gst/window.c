/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <glib.h>

#include "color-representation-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* ---- the shell ----------------------------------------------------------------------------- */

static void handle_surface_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct window *window = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	window->resized = window->configured;
	window->configured = true;
}

static const struct xdg_surface_listener xdg_surface_listener = {
	.configure = handle_surface_configure,
};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct window *window = data;
	window->width = width > 0 ? width : 0;
	window->height = height > 0 ? height : 0;
}

static void handle_close(void *data, struct xdg_toplevel *toplevel)
{
	struct window *window = data;
	window->closed = true;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_close,
};

/* ---- what became of frames ----------------------------------------------------------------- */

struct feedback {
	struct window *window;
	struct wp_presentation_feedback *proxy;
	struct wl_list link; /* window.feedbacks */
};

static void destroy_feedback(struct feedback *feedback)
{
	wl_list_remove(&feedback->link);
	wp_presentation_feedback_destroy(feedback->proxy);
	g_free(feedback);
}

static void handle_sync_output(
	void *data, struct wp_presentation_feedback *proxy, struct wl_output *output)
{
	/* On which one does not matter. */
}

static void handle_presented(void *data, struct wp_presentation_feedback *proxy,
	uint32_t seconds_hi, uint32_t seconds_lo, uint32_t nanoseconds, uint32_t refresh,
	uint32_t seq_hi, uint32_t seq_lo, uint32_t flags)
{
	struct feedback *feedback = data;
	feedback->window->presented++;
	if (flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY)
		feedback->window->zero_copy++;
	destroy_feedback(feedback);
}

static void handle_discarded(void *data, struct wp_presentation_feedback *proxy)
{
	struct feedback *feedback = data;
	feedback->window->discarded++;
	destroy_feedback(feedback);
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	.sync_output = handle_sync_output,
	.presented = handle_presented,
	.discarded = handle_discarded,
};

static void request_feedback(struct window *window)
{
	if (!window->globals->presentation)
		return;
	struct feedback *feedback = g_new0(struct feedback, 1);
	feedback->window = window;
	feedback->proxy = wp_presentation_feedback(window->globals->presentation, window->surface);
	wp_presentation_feedback_add_listener(feedback->proxy, &feedback_listener, feedback);
	wl_list_insert(&window->feedbacks, &feedback->link);
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	struct window *window = data;
	wl_callback_destroy(callback);
	window->frame = NULL;
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

bool window_is_ready(const struct window *window)
{
	return window->configured && !window->frame;
}

/* ---- a frame ------------------------------------------------------------------------------- */

/* The size on the surface: the largest of the picture's shape that the window has room for. */
static void fit(
	const struct window *window, const struct view *view, int32_t *width, int32_t *height)
{
	uint64_t wide = view->shown_width, high = view->shown_height;
	uint64_t room_wide = window->width ? (uint64_t)window->width : wide;
	uint64_t room_high = window->height ? (uint64_t)window->height : high;
	bool fits = wide <= room_wide && high <= room_high;
	if (!fits || (view->scale && (wide < room_wide && high < room_high))) {
		uint64_t by_width = high * room_wide / wide;
		bool narrow = by_width <= room_high;
		wide = narrow ? room_wide : wide * room_high / high;
		high = narrow ? by_width : room_high;
	}
	*width = wide > 0 ? (int32_t)wide : 1;
	*height = high > 0 ? (int32_t)high : 1;
}

static void set_viewport(struct window *window, const struct view *view)
{
	int32_t width, height;
	fit(window, view, &width, &height);
	wp_viewport_set_source(window->viewport, wl_fixed_from_int((int)view->x),
		wl_fixed_from_int((int)view->y), wl_fixed_from_int((int)view->width),
		wl_fixed_from_int((int)view->height));
	wp_viewport_set_destination(window->viewport, width, height);
}

/* Of a frame that is shown as it is nothing is said, so that a compositor need not look closely. */
static void unset_viewport(struct window *window)
{
	wl_fixed_t none = wl_fixed_from_int(-1);
	wp_viewport_set_source(window->viewport, none, none, none, none);
	wp_viewport_set_destination(window->viewport, -1, -1);
}

static bool is_plain(
	const struct window *window, const struct view *view, uint32_t width, uint32_t height)
{
	int32_t wide, high;
	fit(window, view, &wide, &high);
	return view->x == 0 && view->y == 0 && view->width == width && view->height == height &&
		(uint32_t)wide == width && (uint32_t)high == height;
}

void window_prepare(struct window *window, const struct view *view, uint32_t width, uint32_t height,
	const struct coding *coding)
{
	if (window->viewport && is_plain(window, view, width, height))
		unset_viewport(window);
	else if (window->viewport)
		set_viewport(window, view);
	if (!coding_equal(coding, &window->coding)) {
		coding_tell(coding, window->globals, window->surface, &window->colours);
		window->coding = *coding;
	}
	window->resized = false;
	request_feedback(window);
	if (window->frame)
		return;
	window->frame = wl_surface_frame(window->surface);
	wl_callback_add_listener(window->frame, &frame_listener, window);
}

void window_cancel(struct window *window)
{
	if (window->frame)
		wl_callback_destroy(window->frame);
	window->frame = NULL;
	if (wl_list_empty(&window->feedbacks) || !window->globals->presentation)
		return;
	struct feedback *newest = wl_container_of(window->feedbacks.next, newest, link);
	destroy_feedback(newest);
}

void window_follow(struct window *window, const struct view *view)
{
	window->resized = false;
	if (!window->viewport)
		return;
	set_viewport(window, view);
	wl_surface_commit(window->surface);
}

/* ---- the window ---------------------------------------------------------------------------- */

void window_set_fullscreen(struct window *window, bool fullscreen)
{
	if (fullscreen)
		xdg_toplevel_set_fullscreen(window->toplevel, NULL);
	else
		xdg_toplevel_unset_fullscreen(window->toplevel);
}

void window_set_title(struct window *window, const char *title)
{
	xdg_toplevel_set_title(window->toplevel, title ? title : "");
}

struct window *window_create(const struct globals *globals, const struct window_options *options)
{
	struct window *window = g_new0(struct window, 1);
	window->globals = globals;
	wl_list_init(&window->feedbacks);
	window->surface = wl_compositor_create_surface(globals->compositor);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(globals->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &xdg_surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	if (globals->viewporter)
		window->viewport = wp_viewporter_get_viewport(globals->viewporter, window->surface);
	if (options->title)
		window_set_title(window, options->title);
	if (options->app_id)
		xdg_toplevel_set_app_id(window->toplevel, options->app_id);
	if (options->fullscreen)
		xdg_toplevel_set_fullscreen(window->toplevel, NULL);
	/* The first commit has no buffer: it asks for the size. */
	wl_surface_commit(window->surface);
	return window;
}

void window_destroy(struct window *window)
{
	if (!window)
		return;
	struct feedback *feedback, *next;
	wl_list_for_each_safe(feedback, next, &window->feedbacks, link)
		destroy_feedback(feedback);
	if (window->frame)
		wl_callback_destroy(window->frame);
	if (window->colours)
		wp_color_representation_surface_v1_destroy(window->colours);
	if (window->viewport)
		wp_viewport_destroy(window->viewport);
	xdg_toplevel_destroy(window->toplevel);
	xdg_surface_destroy(window->xdg_surface);
	wl_surface_destroy(window->surface);
	g_free(window);
}
