/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PROTO_DMABUF_WORLD_H
#define TESTS_PROTO_DMABUF_WORLD_H

#include <drm_fourcc.h>

#include "dmabuf_kit.h"

#define LINEAR DRM_FORMAT_MOD_LINEAR
#define XR24 DRM_FORMAT_XRGB8888

/* A server, a client with linux-dmabuf, and an image that is not made yet of a file that is no dma-buf. */
struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct raw_params params;
	int fd;
};

void world_init_with(
	struct world *w, uint32_t version, const struct fixture_server_options *options);
/* 0: the newest that there is. */
void world_init_version(struct world *w, uint32_t version);
void world_init(struct world *w);
void world_finish(struct world *w);

/* A plane of w->fd in w->params, linear. */
void world_add(struct world *w, uint32_t plane, uint32_t offset, uint32_t stride);
void world_create(struct world *w, int32_t width, int32_t height, uint32_t format);

#endif
