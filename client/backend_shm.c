/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <string.h>

#include <drm_fourcc.h>

#include "core/format.h"
#include "exporter/exporter.h"
#include "util/shm_format.h"

/*
 * Shared memory that the compositor reads by CPU: wl_shm, which every compositor has. Nothing but the
 * CPU can draw into it.
 */

/* ---- formats ------------------------------------------------------------------------------- */

/* The number of planes of a wl_shm buffer is nowhere said, so that peers take one only. */
static void handle_format(void *data, struct wl_shm *shm, uint32_t format)
{
	struct waybuf_client *client = data;
	const struct waybuf_format *known = waybuf_format_get(shm_format_to_drm(format));
	if (!known || known->n_planes != 1 || client->n_shm_pairs >= CLIENT_MAX_SHM_FORMATS)
		return;
	client->shm_pairs[client->n_shm_pairs++] = (struct waybuf_client_format){
		.format = known->format, .modifier = DRM_FORMAT_MOD_LINEAR};
}

const struct wl_shm_listener client_shm_listener = {.format = handle_format};

bool client_shm_takes(const struct waybuf_client *client, const struct waybuf_layout *layout)
{
	if (!client->shm || layout->n_memory != 1 || layout->memory[0].size > INT32_MAX)
		return false;
	for (uint32_t i = 0; i < client->n_shm_pairs; i++)
		if (client->shm_pairs[i].format == layout->format)
			return true;
	return false;
}

/* ---- the backend --------------------------------------------------------------------------- */

static int make_constraints(struct waybuf_client *client, struct waybuf_constraints **out)
{
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	uint32_t formats[CLIENT_MAX_SHM_FORMATS];
	if (client->n_shm_pairs == 0)
		return client_fail(client, -EOPNOTSUPP, "the compositor has no wl_shm");
	for (uint32_t i = 0; i < client->n_shm_pairs; i++)
		formats[i] = client->shm_pairs[i].format;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_CPU_READ);
	waybuf_constraints_builder_set(builder, formats, client->n_shm_pairs, &modifier, 1);
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

static int start(struct waybuf_client_pool *pool, uint32_t count)
{
	static const struct waybuf_exporter_caps caps = {
		.name = "memfd",
		.kind = WAYBUF_EXPORTER_RAW,
		.cpu_mappable = true,
		.cache = WAYBUF_CACHED,
		.max_size = INT32_MAX, /* what wl_shm.create_pool can say */
	};
	struct waybuf_constraints *display = NULL;
	int ret = pool->wants_display ? make_constraints(pool->client, &display) : 0;
	if (ret == 0)
		ret = client_local_plan(pool, display, &caps);
	waybuf_constraints_unref(display);
	return ret;
}

static int make_wl_buffer(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client *client = buffer->pool->client;
	struct client_storage *storage = buffer->storage;
	const struct waybuf_layout *layout = &storage->layout;
	const struct waybuf_plane *plane = &layout->planes[0];
	int fd = storage->memfd >= 0 ? storage->memfd : layout->memory[0].fd;
	struct wl_shm_pool *pool =
		wl_shm_create_pool(client->shm, fd, (int32_t)layout->memory[0].size);
	if (pool) {
		storage->wl_buffer = wl_shm_pool_create_buffer(pool, (int32_t)plane->offset,
			(int32_t)layout->width, (int32_t)layout->height, (int32_t)plane->stride,
			shm_format_from_drm(layout->format));
		wl_shm_pool_destroy(pool);
	}
	if (!storage->wl_buffer)
		return client_fail(client, -ENOMEM, "present: out of memory");
	client_present_listen(buffer);
	return 0;
}

const struct client_backend client_backend_shm = {
	.name = "wl_shm",
	.path = WAYBUF_CLIENT_PATH_SHM,
	.start = start,
	.finish = client_local_finish,
	.bind = client_local_bind,
	.unbind = client_local_unbind,
	.map = client_local_map,
	.unmap = client_local_unmap,
	.make_wl_buffer = make_wl_buffer,
	.explain = client_local_explain,
};
