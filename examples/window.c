/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "presentation-time-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* ---- signals and time ---------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void handle_signal(int number)
{
	interrupted = 1;
}

static volatile sig_atomic_t paused;

static void handle_pause(int number)
{
	paused = !paused;
}

void window_catch_pause(void)
{
	struct sigaction action = {.sa_handler = handle_pause};
	sigaction(SIGUSR1, &action, NULL);
}

bool window_paused(void)
{
	return paused;
}

void window_catch_signals(void)
{
	/* Without SA_RESTART, so that a poll() ends. */
	struct sigaction action = {.sa_handler = handle_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool window_interrupted(void)
{
	return interrupted;
}

int64_t window_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- events -------------------------------------------------------------------------------- */

bool window_dispatch(struct window *window, int timeout_ms)
{
	struct wl_display *display = window->display;
	while (wl_display_prepare_read(display) < 0) {
		if (wl_display_dispatch_pending(display) != 0)
			return wl_display_get_error(display) == 0;
	}
	struct pollfd pollfd = {.fd = wl_display_get_fd(display), .events = POLLIN};
	if (wl_display_flush(display) < 0 && errno == EAGAIN)
		pollfd.events |= POLLOUT;
	int ready = poll(&pollfd, 1, timeout_ms);
	if (ready > 0 && (pollfd.revents & ~POLLOUT))
		wl_display_read_events(display);
	else
		wl_display_cancel_read(display);
	return wl_display_dispatch_pending(display) >= 0;
}

static void handle_sync(void *data, struct wl_callback *callback, uint32_t serial)
{
	*(bool *)data = true;
}

static const struct wl_callback_listener sync_listener = {.done = handle_sync};

bool window_sync(struct window *window)
{
	bool done = false;
	int64_t deadline = window_now_ms() + WINDOW_PATIENCE_MS;
	struct wl_callback *callback = wl_display_sync(window->display);
	wl_callback_add_listener(callback, &sync_listener, &done);
	bool alive = true;
	while (alive && !done && !interrupted && window_now_ms() < deadline)
		alive = window_dispatch(window, 100);
	wl_callback_destroy(callback);
	return done;
}

/* ---- the shell ----------------------------------------------------------------------------- */

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_surface_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct window *window = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	window->configured = true;
}

static const struct xdg_surface_listener xdg_surface_listener = {
	.configure = handle_surface_configure,
};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct window *window = data;
	window->width = width;
	window->height = height;
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

/* ---- frames -------------------------------------------------------------------------------- */

/* A frame whose fate is not known yet. */
struct feedback {
	struct window *window;
	struct wp_presentation_feedback *proxy;
	struct wl_list link; /* window.feedbacks */
};

static void destroy_feedback(struct feedback *feedback)
{
	wl_list_remove(&feedback->link);
	wp_presentation_feedback_destroy(feedback->proxy);
	free(feedback);
}

static void handle_sync_output(
	void *data, struct wp_presentation_feedback *proxy, struct wl_output *output)
{
	/* There is one output. */
}

static void handle_presented(void *data, struct wp_presentation_feedback *proxy,
	uint32_t seconds_hi, uint32_t seconds_lo, uint32_t nanoseconds, uint32_t refresh,
	uint32_t seq_hi, uint32_t seq_lo, uint32_t flags)
{
	struct feedback *feedback = data;
	struct window *window = feedback->window;
	window->presented++;
	if (flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY)
		window->zero_copy++;
	window->presented_ns = ((int64_t)seconds_hi << 32 | seconds_lo) * 1000000000 + nanoseconds;
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

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	struct window *window = data;
	wl_callback_destroy(callback);
	window->frame = NULL;
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static void request_feedback(struct window *window)
{
	struct feedback *feedback = calloc(1, sizeof(*feedback));
	if (!feedback)
		return;
	feedback->window = window;
	feedback->proxy = wp_presentation_feedback(window->presentation, window->surface);
	wp_presentation_feedback_add_listener(feedback->proxy, &feedback_listener, feedback);
	wl_list_insert(&window->feedbacks, &feedback->link);
}

void window_request_frame(struct window *window)
{
	if (window->presentation)
		request_feedback(window);
	if (window->frame)
		return;
	window->frame = wl_surface_frame(window->surface);
	wl_callback_add_listener(window->frame, &frame_listener, window);
}

bool window_is_ready(const struct window *window)
{
	return !window->frame;
}

/* ---- the window ---------------------------------------------------------------------------- */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct window *window = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0) {
		window->compositor = wl_registry_bind(
			registry, name, &wl_compositor_interface, version < 4 ? version : 4);
	} else if (strcmp(interface, xdg_wm_base_interface.name) == 0) {
		window->wm_base = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
		xdg_wm_base_add_listener(window->wm_base, &wm_base_listener, window);
	} else if (strcmp(interface, wp_presentation_interface.name) == 0) {
		window->presentation =
			wl_registry_bind(registry, name, &wp_presentation_interface, 1);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* None of those bound here ever goes away. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static bool bind_globals(struct window *window)
{
	window->registry = wl_display_get_registry(window->display);
	wl_registry_add_listener(window->registry, &registry_listener, window);
	if (!window_sync(window)) {
		fprintf(stderr, "the Wayland server does not answer\n");
		return false;
	}
	if (!window->compositor || !window->wm_base) {
		fprintf(stderr, "the Wayland server shows no windows: it has no %s\n",
			window->compositor ? "xdg_wm_base" : "wl_compositor");
		return false;
	}
	return true;
}

static void create_surface(struct window *window, const char *title)
{
	window->surface = wl_compositor_create_surface(window->compositor);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(window->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &xdg_surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	xdg_toplevel_set_title(window->toplevel, title);
	xdg_toplevel_set_app_id(window->toplevel, "waybuf-example");
	xdg_toplevel_set_fullscreen(window->toplevel, NULL);
	/* The first commit has no buffer: it asks for the size. */
	wl_surface_commit(window->surface);
}

bool window_init(struct window *window, struct wl_display *display, const char *title)
{
	*window = (struct window){.display = display};
	wl_list_init(&window->feedbacks);
	if (!bind_globals(window)) {
		window_finish(window);
		return false;
	}
	create_surface(window, title);
	int64_t deadline = window_now_ms() + WINDOW_PATIENCE_MS;
	bool alive = true;
	while (alive && !window->configured && !interrupted && window_now_ms() < deadline)
		alive = window_dispatch(window, 100);
	if (window->configured)
		return true;
	fprintf(stderr, "the Wayland server does not configure the window\n");
	window_finish(window);
	return false;
}

void window_finish(struct window *window)
{
	struct feedback *feedback, *tmp;
	wl_list_for_each_safe(feedback, tmp, &window->feedbacks, link)
		destroy_feedback(feedback);
	if (window->frame)
		wl_callback_destroy(window->frame);
	if (window->toplevel)
		xdg_toplevel_destroy(window->toplevel);
	if (window->xdg_surface)
		xdg_surface_destroy(window->xdg_surface);
	if (window->surface)
		wl_surface_destroy(window->surface);
	if (window->presentation)
		wp_presentation_destroy(window->presentation);
	if (window->wm_base)
		xdg_wm_base_destroy(window->wm_base);
	if (window->compositor)
		wl_compositor_destroy(window->compositor);
	wl_registry_destroy(window->registry);
	wl_display_flush(window->display);
}
