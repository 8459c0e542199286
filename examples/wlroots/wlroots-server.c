/* SPDX-License-Identifier: MIT */

/*
 * A compositor of wlroots 0.18 with the buffers of libwaybuf-server: every window is full screen, and
 * nothing is typed.
 *
 *	wlroots-server		ends on SIGINT and SIGTERM; WLR_RENDERER, WLR_BACKENDS as wlroots has it
 *
 * This file is as in any such compositor, but for what begins with offer_ and commits_: in place of
 * wlr_renderer_init_wl_display(), which would bring linux-dmabuf of wlroots, stand offer_init() and
 * a wl_shm. What they do is in offer.c, buffers.c and commits.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wlr/backend.h>
#include <wlr/render/allocator.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_presentation_time.h>
#include <wlr/types/wlr_scene.h>
#include <wlr/types/wlr_subcompositor.h>
#include <wlr/types/wlr_viewporter.h>
#include <wlr/types/wlr_xdg_shell.h>
#include <wlr/util/log.h>

#include "compositor.h"

static struct {
	struct wl_display *display;
	struct wlr_backend *backend;
	struct wlr_renderer *renderer;
	struct wlr_allocator *allocator;
	struct wlr_scene *scene;
	struct wlr_scene_output_layout *scene_layout;
	struct wlr_output_layout *layout;
	struct wl_listener new_output, new_toplevel;
	struct wl_event_source *signals[2];
	struct offer offer;
} server;

struct output {
	struct wlr_output *wlr;
	struct wl_listener frame, request_state, destroy;
};

struct window {
	struct wlr_xdg_toplevel *toplevel;
	struct wl_listener commit, destroy;
};

/* ---- outputs ------------------------------------------------------------------------------- */

/* The scene shows what covers the screen without a copy, where the display takes it. */
static void handle_frame(struct wl_listener *listener, void *data)
{
	struct output *output = wl_container_of(listener, output, frame);
	struct wlr_scene_output *scene_output =
		wlr_scene_get_scene_output(server.scene, output->wlr);
	struct timespec now;
	wlr_scene_output_commit(scene_output, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	wlr_scene_output_send_frame_done(scene_output, &now);
}

static void handle_request_state(struct wl_listener *listener, void *data)
{
	struct output *output = wl_container_of(listener, output, request_state);
	const struct wlr_output_event_request_state *event = data;
	wlr_output_commit_state(output->wlr, event->state);
}

static void handle_output_destroy(struct wl_listener *listener, void *data)
{
	struct output *output = wl_container_of(listener, output, destroy);
	wl_list_remove(&output->frame.link);
	wl_list_remove(&output->request_state.link);
	wl_list_remove(&output->destroy.link);
	free(output);
}

static void switch_on(struct wlr_output *wlr)
{
	struct wlr_output_state state;
	struct wlr_output_mode *mode = wlr_output_preferred_mode(wlr);
	wlr_output_state_init(&state);
	wlr_output_state_set_enabled(&state, true);
	if (mode)
		wlr_output_state_set_mode(&state, mode);
	wlr_output_commit_state(wlr, &state);
	wlr_output_state_finish(&state);
}

static void handle_new_output(struct wl_listener *listener, void *data)
{
	struct wlr_output *wlr = data;
	struct output *output = calloc(1, sizeof(*output));
	if (!output || !wlr_output_init_render(wlr, server.allocator, server.renderer)) {
		free(output);
		return;
	}
	output->wlr = wlr;
	output->frame.notify = handle_frame;
	wl_signal_add(&wlr->events.frame, &output->frame);
	output->request_state.notify = handle_request_state;
	wl_signal_add(&wlr->events.request_state, &output->request_state);
	output->destroy.notify = handle_output_destroy;
	wl_signal_add(&wlr->events.destroy, &output->destroy);
	switch_on(wlr);
	wlr_scene_output_layout_add_output(server.scene_layout,
		wlr_output_layout_add_auto(server.layout, wlr),
		wlr_scene_output_create(server.scene, wlr));
	offer_add_output(&server.offer, wlr);
}

/* ---- windows ------------------------------------------------------------------------------- */

/* The first commit asks for a size: that of the screen. */
static void handle_window_commit(struct wl_listener *listener, void *data)
{
	struct window *window = wl_container_of(listener, window, commit);
	struct wlr_output *output = wlr_output_layout_get_center_output(server.layout);
	if (!window->toplevel->base->initial_commit)
		return;
	wlr_xdg_toplevel_set_fullscreen(window->toplevel, true);
	if (output)
		wlr_xdg_toplevel_set_size(window->toplevel, output->width, output->height);
}

static void handle_window_destroy(struct wl_listener *listener, void *data)
{
	struct window *window = wl_container_of(listener, window, destroy);
	wl_list_remove(&window->commit.link);
	wl_list_remove(&window->destroy.link);
	free(window);
}

static void handle_new_toplevel(struct wl_listener *listener, void *data)
{
	struct wlr_xdg_toplevel *toplevel = data;
	struct window *window = calloc(1, sizeof(*window));
	if (!window || !wlr_scene_xdg_surface_create(&server.scene->tree, toplevel->base)) {
		wl_resource_post_no_memory(toplevel->resource);
		free(window);
		return;
	}
	window->toplevel = toplevel;
	window->commit.notify = handle_window_commit;
	wl_signal_add(&toplevel->base->surface->events.commit, &window->commit);
	window->destroy.notify = handle_window_destroy;
	wl_signal_add(&toplevel->events.destroy, &window->destroy);
}

/* ---- start and end ------------------------------------------------------------------------- */

static bool create_renderer(void)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(server.display);
	server.backend = wlr_backend_autocreate(loop, NULL);
	if (server.backend)
		server.renderer = wlr_renderer_autocreate(server.backend);
	if (server.renderer)
		server.allocator = wlr_allocator_autocreate(server.backend, server.renderer);
	return server.allocator;
}

static bool create_globals(void)
{
	struct wlr_compositor *compositor =
		wlr_compositor_create(server.display, 6, server.renderer);
	struct wlr_xdg_shell *shell = wlr_xdg_shell_create(server.display, 3);
	if (!compositor || !shell || !wlr_renderer_init_wl_shm(server.renderer, server.display) ||
		!wlr_subcompositor_create(server.display) ||
		!wlr_viewporter_create(server.display) ||
		!wlr_presentation_create(server.display, server.backend))
		return false;
	commits_init(compositor, server.offer.gate);
	server.new_toplevel.notify = handle_new_toplevel;
	wl_signal_add(&shell->events.new_toplevel, &server.new_toplevel);
	return true;
}

static bool create_scene(void)
{
	server.layout = wlr_output_layout_create(server.display);
	server.scene = wlr_scene_create();
	if (!server.layout || !server.scene)
		return false;
	server.scene_layout = wlr_scene_attach_output_layout(server.scene, server.layout);
	server.new_output.notify = handle_new_output;
	wl_signal_add(&server.backend->events.new_output, &server.new_output);
	return server.scene_layout;
}

static int handle_signal(int number, void *data)
{
	wl_display_terminate(server.display);
	return 0;
}

static bool catch_signals(void)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(server.display);
	server.signals[0] = wl_event_loop_add_signal(loop, SIGINT, handle_signal, NULL);
	server.signals[1] = wl_event_loop_add_signal(loop, SIGTERM, handle_signal, NULL);
	return server.signals[0] && server.signals[1];
}

/* NULL: it goes on. */
static const char *start(void)
{
	if (!create_renderer())
		return "no display, or no renderer for it";
	int ret = offer_init(&server.offer, server.display, server.backend, server.renderer);
	if (ret < 0)
		return strerror(-ret);
	if (!create_globals() || !create_scene() || !catch_signals())
		return "out of memory";
	const char *socket = wl_display_add_socket_auto(server.display);
	if (!socket)
		return "no socket in XDG_RUNTIME_DIR";
	if (!wlr_backend_start(server.backend))
		return "the display cannot be used";
	printf("%s\n", socket);
	fflush(stdout);
	return NULL;
}

/*
 * Clients first, and then their surfaces are gone. The server after wlroots, which keeps on the
 * display what it has shown last.
 */
static void finish(void)
{
	wl_display_destroy_clients(server.display);
	if (server.scene)
		wlr_scene_node_destroy(&server.scene->tree.node);
	if (server.allocator)
		wlr_allocator_destroy(server.allocator);
	if (server.renderer)
		wlr_renderer_destroy(server.renderer);
	if (server.backend)
		wlr_backend_destroy(server.backend);
	if (server.offer.display)
		offer_finish(&server.offer);
	for (size_t i = 0; i < 2; i++)
		if (server.signals[i])
			wl_event_source_remove(server.signals[i]);
	wl_display_destroy(server.display);
}

int main(void)
{
	wlr_log_init(WLR_ERROR, NULL);
	server.display = wl_display_create();
	if (!server.display) {
		fprintf(stderr, "wlroots-server: no Wayland display\n");
		return 1;
	}
	const char *problem = start();
	if (problem)
		fprintf(stderr, "wlroots-server: %s\n", problem);
	else
		wl_display_run(server.display);
	finish();
	return problem ? 1 : 0;
}
