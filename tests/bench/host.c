/* SPDX-License-Identifier: MIT */

/*
 * The least that can host the library, for `bench clients`: a compositor without a screen, whose
 * surfaces hold what was committed last. With the argument `bare` it has the same globals without the
 * library behind them: what they cost then is libwayland's own.
 */
#include <drm_fourcc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wayland-server.h>

#include <waybuf/server.h>

#include "linux-dmabuf-v1-server-protocol.h"
#include "waybuf-allocator-v1-server-protocol.h"

/* Quotas are not what is measured: of any resource each client may have so many. */
#define MANY 100000

static struct {
	struct wl_display *display;
	struct waybuf_server *waybuf;
	struct waybuf_gate *gate;
} host;

/* ---- surfaces ------------------------------------------------------------------------------ */

struct frame {
	struct waybuf_use *use;
};

struct surface {
	struct wl_resource *resource;
	struct waybuf_gate_queue *queue;
	struct wl_resource *pending;
	struct frame *shown;
};

static void frame_destroy(struct frame *frame)
{
	if (frame)
		waybuf_use_end(frame->use, NULL);
	free(frame);
}

static void handle_over(void *frame)
{
	frame_destroy(frame);
}

static void handle_fold(void *older, void *newer)
{
	frame_destroy(older);
}

static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	struct frame *frame = data;
	waybuf_use_end(frame->use, NULL);
	frame->use = NULL;
}

static const struct waybuf_gate_ops gate_ops = {
	.ready = handle_over,
	.fold = handle_fold,
	.discard = handle_discard,
	.cancel = handle_over,
};

static void surface_attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	surface->pending = buffer;
}

static void surface_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	struct frame *frame = calloc(1, sizeof(*frame));
	const struct waybuf_use_commit_info info = {resource, surface->pending != NULL,
		surface->pending, host.gate, surface->queue, frame};
	if (!frame)
		abort();
	surface->pending = NULL;
	if (waybuf_use_commit(&info, &frame->use) != 1)
		return;
	if (surface->shown)
		waybuf_use_done(surface->shown->use, NULL);
	frame_destroy(surface->shown);
	surface->shown = frame;
}

static void destroy_resource(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_surface_interface surface_impl = {
	.destroy = destroy_resource,
	.attach = surface_attach,
	.commit = surface_commit,
};

static void surface_destroyed(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	frame_destroy(surface->shown);
	waybuf_gate_queue_destroy(surface->queue);
	free(surface);
}

static void create_surface(struct wl_client *client, struct wl_resource *compositor, uint32_t id)
{
	struct surface *surface = calloc(1, sizeof(*surface));
	struct wl_resource *resource = wl_resource_create(client, &wl_surface_interface, 1, id);
	if (!surface || !resource || waybuf_gate_queue_create(host.gate, &surface->queue) < 0)
		abort();
	wl_resource_set_implementation(resource, &surface_impl, surface, surface_destroyed);
}

static const struct wl_compositor_interface compositor_impl = {.create_surface = create_surface};

/* ---- globals ------------------------------------------------------------------------------- */

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_compositor_interface, (int)version, id);
	wl_resource_set_implementation(resource, &compositor_impl, NULL, NULL);
}

static void bind_nothing(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	wl_resource_create(client, data, (int)version, id);
}

static void offer_nothing(void)
{
	wl_global_create(host.display, &zwp_linux_dmabuf_v1_interface, 4,
		(void *)&zwp_linux_dmabuf_v1_interface, bind_nothing);
	wl_global_create(host.display, &waybuf_allocator_v1_interface, 1,
		(void *)&waybuf_allocator_v1_interface, bind_nothing);
}

static int offer_library(void)
{
	static const struct waybuf_dmabuf_pair pair = {DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR};
	static const struct waybuf_tranche tranche = {
		.target = 0xe200, .pairs = &pair, .n_pairs = 1};
	static const struct waybuf_feedback feedback = {
		.main_device = 0xe200, .tranches = &tranche, .n_tranches = 1};
	const struct waybuf_server_dmabuf_options dmabuf = {.feedback = &feedback, .version = 4};
	struct waybuf_limits limits;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		limits.max[i] = MANY;
	const struct waybuf_server_options options = {.limits = &limits};
	int ret = waybuf_server_create(host.display, &options, &host.waybuf);
	if (ret == 0)
		ret = waybuf_server_gate_create(host.waybuf, &gate_ops, &host.gate);
	if (ret == 0)
		ret = waybuf_server_dmabuf_create(host.waybuf, &dmabuf, NULL);
	return ret == 0 ? waybuf_server_allocator_create(host.waybuf, NULL, NULL) : ret;
}

static void handle_signal(int number)
{
	wl_display_terminate(host.display);
}

int main(int argc, char **argv)
{
	host.display = wl_display_create();
	if (!host.display)
		return 1;
	wl_global_create(host.display, &wl_compositor_interface, 1, NULL, bind_compositor);
	if (argc > 1 && strcmp(argv[1], "bare") == 0)
		offer_nothing();
	else if (offer_library() < 0)
		return 1;
	if (!wl_display_add_socket_auto(host.display))
		return 1;
	signal(SIGTERM, handle_signal);
	wl_display_run(host.display);
	wl_display_destroy_clients(host.display);
	waybuf_gate_destroy(host.gate);
	waybuf_server_destroy(host.waybuf);
	wl_display_destroy(host.display);
	return 0;
}
