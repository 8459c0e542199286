/* SPDX-License-Identifier: MIT */
#include "dmabuf_world.h"

#include <sys/mman.h>
#include <unistd.h>

void world_init_with(
	struct world *w, uint32_t version, const struct fixture_server_options *options)
{
	fixture_server_init(&w->server, options);
	client_init_version(&w->client, &w->server, version);
	raw_params_create(&w->client, &w->params);
	w->fd = memfd_create("no dma-buf", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(w->fd, 1 << 20), 0);
}

void world_init_version(struct world *w, uint32_t version)
{
	world_init_with(w, version, NULL);
}

void world_init(struct world *w)
{
	world_init_version(w, 0);
}

void world_finish(struct world *w)
{
	close(w->fd);
	raw_params_destroy(&w->params);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

void world_add(struct world *w, uint32_t plane, uint32_t offset, uint32_t stride)
{
	raw_params_add(&w->params, w->fd, plane, offset, stride, LINEAR);
}

void world_create(struct world *w, int32_t width, int32_t height, uint32_t format)
{
	zwp_linux_buffer_params_v1_create(w->params.proxy, width, height, format, 0);
}
