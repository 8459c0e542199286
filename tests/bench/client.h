/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stdint.h>
#include <wayland-client.h>

#include "server.h"
#include "waybuf-allocator-v1-client-protocol.h"
#include "waybuf/constraints.h"

/* A client in plain libwayland: what is measured is the server, and nothing of our own client. */

struct bench_client {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_output *output;
	struct xdg_wm_base *wm_base;
	struct wp_presentation *presentation;
	struct zwp_linux_dmabuf_v1 *dmabuf; /* NULL without an exporter of dma-bufs */
	struct waybuf_allocator_v1 *allocator;
	struct wp_linux_drm_syncobj_manager_v1 *syncobj; /* NULL where there are no timelines */
	int32_t width, height; /* of the output */
};

/* Fails without one of the above, unless it may be NULL. */
void bench_client_connect(struct bench_client *client, const struct bench_server *server);
void bench_client_disconnect(struct bench_client *client);
/* A round trip. */
void bench_client_sync(struct bench_client *client);
/* Dispatches until *@count is at least @least; bench_init() bounds the wait. */
void bench_client_wait(struct bench_client *client, const unsigned *count, unsigned least);

/* A pool, one attachment, and the view of its first buffer. */
struct bench_image {
	struct bench_client *client;
	struct waybuf_pool_v1 *pool;
	struct waybuf_attachment_v1 *attachment;
	struct waybuf_buffer_v1 *buffer;
	unsigned accepted, mapped;
	uint32_t outcome, generation, stride;
	uint64_t size;
	int fd; /* of memory 0, -1: none */
	char exporter[32];
};

/* Adds what a participant wants. */
typedef void (*bench_wish)(struct waybuf_constraints_builder *builder);
/* XRGB8888, linear, written by the CPU. */
void bench_wish_cpu(struct waybuf_constraints_builder *builder);

/* Declares; nothing is waited for. */
void bench_image_init(struct bench_client *client, struct bench_image *image, uint32_t width,
	uint32_t height, bench_wish wish);
/* Another participant of the pool, whose answer counts in @image. */
struct waybuf_attachment_v1 *bench_image_attach(
	struct bench_image *image, enum waybuf_attachment_v1_kind kind, bench_wish wish);
void bench_image_map(struct bench_image *image, enum waybuf_buffer_v1_direction direction);
void bench_image_finish(struct bench_image *image);

/* Sends @wish as the set of @attachment, and commits. Without a round trip, and without listening. */
void bench_constrain(struct waybuf_attachment_v1 *attachment, bench_wish wish);

#endif
