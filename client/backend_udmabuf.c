/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <string.h>

#include "exporter/exporter.h"
#include "util/fd.h"

/*
 * Shared memory of our own, wrapped by /dev/udmabuf, goes to the compositor through linux-dmabuf.
 * Whether it really takes that is only known when it has answered the first import. The memfd is kept
 * until then: if the answer is no, the same pages are shown through wl_shm, and nothing that was
 * drawn is lost.
 */

static int open_exporter(struct waybuf_client *client)
{
	if (client->udmabuf)
		return 0;
	int ret = waybuf_udmabuf_exporter_create(&client->udmabuf);
	if (ret < 0 && ret != -ENOMEM)
		return client_fail(client, -EOPNOTSUPP, "/dev/udmabuf: %s", strerror(-ret));
	return ret;
}

static int start(struct waybuf_client_pool *pool, uint32_t count)
{
	struct waybuf_constraints *display = NULL;
	int ret = open_exporter(pool->client);
	if (ret == 0 && pool->wants_display)
		ret = client_foreign_constraints(pool, &display);
	if (ret == 0)
		ret = client_local_plan(pool, display, &pool->client->udmabuf->caps);
	waybuf_constraints_unref(display);
	return ret;
}

static int wrap(struct waybuf_client *client, struct client_storage *storage)
{
	struct waybuf_exporter *exporter = client->udmabuf;
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		struct waybuf_memory *memory = &storage->layout.memory[i];
		int fd = exporter->ops->wrap(exporter, memory->fd, memory->size);
		if (fd < 0)
			return fd;
		if (i == 0)
			storage->memfd = memory->fd;
		else
			fd_close(&memory->fd);
		memory->fd = fd;
		memory->kind = WAYBUF_MEMORY_DMABUF;
	}
	return 0;
}

static int make_wl_buffer(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client_pool *pool = buffer->pool;
	int ret = client_present_import(buffer);
	if (ret == 0)
		fd_close(&buffer->storage->memfd);
	if (ret != -EOPNOTSUPP || !client_shm_takes(pool->client, &buffer->storage->layout))
		return ret;
	client_pool_change_path(pool, &client_backend_shm, waybuf_client_error(pool->client));
	return client_backend_shm.make_wl_buffer(buffer);
}

const struct client_backend client_backend_udmabuf = {
	.name = "udmabuf",
	.path = WAYBUF_CLIENT_PATH_UDMABUF,
	.start = start,
	.finish = client_local_finish,
	.bind = client_local_bind,
	.unbind = client_local_unbind,
	.map = client_local_map,
	.unmap = client_local_unmap,
	.wrap = wrap,
	.make_wl_buffer = make_wl_buffer,
	.explain = client_local_explain,
};
