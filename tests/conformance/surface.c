/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "kit.h"
#include "presentation-time-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* Surfaces with explicit synchronisation, and what became of their commits. */

/* Of a server that leaves it to us. */
#define WIDTH 256
#define HEIGHT 192

/* ---- surfaces -------------------------------------------------------------------------------- */

void surface_init(struct surface *surface, struct client *client)
{
	*surface = (struct surface){.client = client, .width = WIDTH, .height = HEIGHT};
	surface->wl_surface = wl_compositor_create_surface(client->compositor);
	surface->sync =
		wp_linux_drm_syncobj_manager_v1_get_surface(client->syncobj, surface->wl_surface);
}

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct surface *surface = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	surface->configured++;
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

/* A later size is not followed: buffers have the first. */
static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct surface *surface = data;
	if (surface->configured || width <= 0 || height <= 0)
		return;
	surface->width = width;
	surface->height = height;
}

static void handle_close(void *data, struct xdg_toplevel *toplevel) {}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_close,
};

void window_init(struct surface *surface, struct client *client)
{
	if (!client->wm_base)
		SKIP("the server does not offer xdg_wm_base");
	surface_init(surface, client);
	surface->xdg_surface = xdg_wm_base_get_xdg_surface(client->wm_base, surface->wl_surface);
	xdg_surface_add_listener(surface->xdg_surface, &xdg_surface_listener, surface);
	surface->toplevel = xdg_surface_get_toplevel(surface->xdg_surface);
	xdg_toplevel_add_listener(surface->toplevel, &toplevel_listener, surface);
	xdg_toplevel_set_title(surface->toplevel, "syncobj-conformance");
	wl_surface_commit(surface->wl_surface);
	conformance_waits("the first xdg_surface.configure");
	EXPECT(client_wait(client, &surface->configured, 1, PATIENCE_MS),
		"the server does not configure a window");
}

void subsurface_init(struct surface *surface, struct surface *parent)
{
	struct client *client = parent->client;
	surface_init(surface, client);
	surface->subsurface = wl_subcompositor_get_subsurface(
		client->subcompositor, surface->wl_surface, parent->wl_surface);
}

void surface_destroy(struct surface *surface)
{
	if (surface->subsurface)
		wl_subsurface_destroy(surface->subsurface);
	if (surface->toplevel)
		xdg_toplevel_destroy(surface->toplevel);
	if (surface->xdg_surface)
		xdg_surface_destroy(surface->xdg_surface);
	wl_surface_destroy(surface->wl_surface);
	wp_linux_drm_syncobj_surface_v1_destroy(surface->sync);
	*surface = (struct surface){0};
}

/* ---- commits --------------------------------------------------------------------------------- */

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	struct commit *commit = data;
	commit->shown++;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static void handle_sync_output(
	void *data, struct wp_presentation_feedback *feedback, struct wl_output *output)
{
}

static void handle_presented(void *data, struct wp_presentation_feedback *feedback, uint32_t sec_hi,
	uint32_t sec_lo, uint32_t nsec, uint32_t refresh, uint32_t seq_hi, uint32_t seq_lo,
	uint32_t flags)
{
	struct commit *commit = data;
	commit->presented++;
	commit->presented_ns = ((uint64_t)sec_hi << 32 | sec_lo) * 1000000000 + nsec;
	wp_presentation_feedback_destroy(feedback);
}

static void handle_discarded(void *data, struct wp_presentation_feedback *feedback)
{
	struct commit *commit = data;
	commit->discarded++;
	wp_presentation_feedback_destroy(feedback);
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	.sync_output = handle_sync_output,
	.presented = handle_presented,
	.discarded = handle_discarded,
};

void set_acquire(struct surface *surface, const struct timeline *timeline, uint64_t point)
{
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(
		surface->sync, timeline->proxy, (uint32_t)(point >> 32), (uint32_t)point);
}

void set_release(struct surface *surface, const struct timeline *timeline, uint64_t point)
{
	wp_linux_drm_syncobj_surface_v1_set_release_point(
		surface->sync, timeline->proxy, (uint32_t)(point >> 32), (uint32_t)point);
}

void attach(struct surface *surface, const struct buffer *buffer)
{
	wl_surface_attach(surface->wl_surface, buffer ? buffer->wl_buffer : NULL, 0, 0);
	if (buffer)
		wl_surface_damage_buffer(surface->wl_surface, 0, 0, INT32_MAX, INT32_MAX);
}

struct commit *surface_commit(struct surface *surface)
{
	/* is told of what becomes of it for as long as the connection lives */
	struct commit *commit = calloc(1, sizeof(*commit));
	EXPECT(commit, "out of memory");
	wl_callback_add_listener(wl_surface_frame(surface->wl_surface), &frame_listener, commit);
	struct wp_presentation *presentation = surface->client->presentation;
	if (presentation)
		wp_presentation_feedback_add_listener(
			wp_presentation_feedback(presentation, surface->wl_surface),
			&feedback_listener, commit);
	wl_surface_commit(surface->wl_surface);
	return commit;
}

struct commit *submit(
	struct surface *surface, const struct buffer *buffer, uint64_t acquire, uint64_t release)
{
	attach(surface, buffer);
	set_acquire(surface, &buffer->acquire, acquire);
	set_release(surface, &buffer->release, release);
	return surface_commit(surface);
}

void show(struct surface *surface, const struct buffer *buffer, uint64_t release)
{
	timeline_signal(&buffer->acquire, release);
	struct commit *commit = submit(surface, buffer, release, release);
	expect_shown(surface, commit, "a commit whose acquire point has signalled");
}

void expect_shown(struct surface *surface, const struct commit *commit, const char *what)
{
	conformance_waits(what);
	EXPECT(client_wait(surface->client, &commit->shown, 1, PATIENCE_MS), "%s is not shown",
		what);
	conformance_waits(NULL);
}

void expect_not_shown(struct surface *surface, const struct commit *commit, const char *what)
{
	EXPECT(!client_wait(surface->client, &commit->shown, 1, MOMENT_MS), "%s is shown", what);
	EXPECT(!commit->presented, "%s is presented", what);
}

void expect_released(struct client *client, const struct buffer *buffer, uint64_t point)
{
	conformance_waits("a release point");
	EXPECT(timeline_comes(&buffer->release, client, point, PATIENCE_MS),
		"release point %llu of buffer %d does not signal", (unsigned long long)point,
		buffer->number);
	uint64_t got = timeline_signalled(&buffer->release);
	EXPECT(got == point, "release point %llu of buffer %d signals, where it was to be %llu",
		(unsigned long long)got, buffer->number, (unsigned long long)point);
	conformance_waits(NULL);
}

void expect_held(struct client *client, const struct buffer *buffer, uint64_t point)
{
	if (!conformance_copies)
		expect_untouched(client, buffer, point);
}

void expect_untouched(struct client *client, const struct buffer *buffer, uint64_t point)
{
	client_idle(client);
	uint64_t got = timeline_signalled(&buffer->release);
	EXPECT(got == point, "release point %llu of buffer %d signals too early, %llu was the last",
		(unsigned long long)got, buffer->number, (unsigned long long)point);
}

/* ---- scenes ---------------------------------------------------------------------------------- */

void scene_init(struct scene *scene, int n)
{
	client_open(&scene->client);
	scene_fill(scene, n);
}

void scene_fill(struct scene *scene, int n)
{
	window_init(&scene->window, &scene->client);
	for (int i = 0; i < n; i++) {
		buffer_init(&scene->buffers[i], &scene->client, scene->window.width,
			scene->window.height);
		scene->buffers[i].number = i;
	}
}

void scene_show(struct scene *scene, int n)
{
	scene_init(scene, n);
	show(&scene->window, &scene->buffers[0], 1);
}
