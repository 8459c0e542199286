/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <wayland-client.h>

#include "util/fd.h"
#include "util/log.h"

/*
 * A waybufd beside a compositor that has no allocator. It is found by its socket, and has a connection
 * of its own: WAYBUF_DISPLAY, a name in XDG_RUNTIME_DIR or an absolute path, or waybuf-0. What it says
 * of itself is what an allocator says anywhere, but that it is no compositor of ours.
 */
#define DEFAULT_NAME "waybuf-0"
/* A service that has been started but not come up yet must not hold up the program for long. */
#define SERVICE_PATIENCE_MS 2000
#define SERVICE_INTERVAL_MS 500
/* One that takes connections and does not answer costs a program its patience no more often. */
#define SILENCE_INTERVAL_MS 30000

/* Notes why there is none, for the reason of other paths. */
static int no_service(struct waybuf_client *client, const char *name, const char *why)
{
	snprintf(client->service_reason, sizeof(client->service_reason),
		"the compositor has no waybuf_allocator_v1, and there is no service at %.80s: %s",
		name, why);
	return client_fail(client, -EOPNOTSUPP, "%s", client->service_reason);
}

/* ---- the socket ---------------------------------------------------------------------------- */

static int find_path(const char *name, struct sockaddr_un *address)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	if (name[0] != '/' && (!folder || folder[0] != '/'))
		return -ENOENT;
	int length = snprintf(address->sun_path, sizeof(address->sun_path), "%s%s%s",
		name[0] == '/' ? "" : folder, name[0] == '/' ? "" : "/", name);
	return length < (int)sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

/*
 * Not wl_display_connect(), which would take the WAYLAND_SOCKET that somebody meant for the
 * compositor's. A service whose backlog is full is as good as none: connect() must not block.
 */
static int connect_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ret = find_path(name, &address);
	if (ret < 0)
		return ret;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	ret = -errno;
	fd_close(&fd);
	return ret;
}

/* Takes @fd. */
static int open_display(struct client_link *link, int fd)
{
	link->display = wl_display_connect_to_fd(fd);
	if (!link->display)
		return -ENOMEM;
	link->owned = true;
	return 0;
}

/* ---- one fd for two connections ------------------------------------------------------------ */

int client_service_watch(struct waybuf_client *client, const struct client_link *link)
{
	struct epoll_event event = {.events = EPOLLIN};
	if (client->epoll_fd < 0)
		client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (client->epoll_fd < 0)
		return -errno;
	/* a socket that is closed leaves by itself */
	int fd = wl_display_get_fd(link->display);
	return epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int learn(struct waybuf_client *client)
{
	struct client_link *link = &client->beside;
	int64_t deadline = client_now_ms() + SERVICE_PATIENCE_MS;
	int ret = client_link_open(link);
	if (ret == 0)
		ret = client_link_roundtrip(link, deadline);
	if (ret == 0 && !client->allocator)
		return -EPROTONOSUPPORT;
	return ret < 0 ? ret : client_wait(client, link, deadline, client_is_true, &client->ready);
}

void client_service_leave(struct waybuf_client *client)
{
	if (!client->beside.display)
		return;
	if (client->allocator)
		waybuf_allocator_v1_destroy(client->allocator);
	client->allocator = NULL;
	client->service = NULL;
	client->capabilities = 0;
	client->ready = false;
	client_link_close(&client->beside);
}

void client_service_look_again(struct waybuf_client *client)
{
	if (client->service || client->epoll_fd < 0 || client_now_ms() < client->next_look_ms)
		return;
	if (client_service_find(client) == 0)
		waybuf_info("client: %s", client->service_reason);
}

int client_service_find(struct waybuf_client *client)
{
	client->next_look_ms = client_now_ms() + SERVICE_INTERVAL_MS;
	const char *name = getenv("WAYBUF_DISPLAY");
	if (!name || !name[0])
		name = DEFAULT_NAME;
	if (strcmp(name, "none") == 0)
		return no_service(client, "WAYBUF_DISPLAY", "none is wanted");
	int fd = connect_socket(name);
	int ret = fd < 0 ? fd : open_display(&client->beside, fd);
	if (ret == 0)
		ret = learn(client);
	if (ret == 0)
		ret = client_service_watch(client, &client->beside);
	if (ret == -ETIMEDOUT)
		client->next_look_ms = client_now_ms() + SILENCE_INTERVAL_MS;
	if (ret < 0) {
		client_service_leave(client);
		return no_service(
			client, name, ret == -EPROTONOSUPPORT ? "it offers none" : strerror(-ret));
	}
	client->service = &client->beside;
	snprintf(client->service_reason, sizeof(client->service_reason),
		"the compositor has no waybuf_allocator_v1, but the service at %s", name);
	return 0;
}

/* ---- after its end ------------------------------------------------------------------------- */

/* Nobody else takes part any more, so that what is not in use can be had. */
static void kept_map(struct waybuf_client_buffer *buffer)
{
	/* nobody makes more memory: the others come back */
	buffer->state = buffer->storage ? CLIENT_BUFFER_READY : CLIENT_BUFFER_IDLE;
	buffer->flags = 0;
	buffer->revoked = false;
}

const struct client_backend client_backend_kept = {
	.name = "the service that has ended",
	.path = WAYBUF_CLIENT_PATH_SERVICE,
	.finish = client_local_finish,
	.bind = client_local_bind,
	.unbind = client_local_unbind,
	.map = kept_map,
	.unmap = client_local_unmap,
	.make_wl_buffer = client_foreign_make_wl_buffer,
	.explain = client_local_explain,
};

static void keep_buffer(struct waybuf_client_buffer *buffer)
{
	client_backend_allocator.unbind(buffer);
	buffer->unanswered = 0;
	buffer->retired = 0;
	buffer->revoked = buffer->asked = buffer->unknown = false;
	/* whoever the fence of a grant is from goes on without us */
	if (buffer->state == CLIENT_BUFFER_QUEUED || buffer->state == CLIENT_BUFFER_FAILED)
		buffer->state = CLIENT_BUFFER_IDLE;
}

/* Whether there is any. */
static bool keep_memory(struct waybuf_client_pool *pool)
{
	bool has_memory = false;
	for (uint32_t i = 0; i < pool->count; i++) {
		keep_buffer(pool->buffers[i]);
		has_memory |= pool->buffers[i]->storage != NULL;
	}
	client_backend_allocator.finish(pool);
	pool->backend = &client_backend_kept;
	return has_memory;
}

static void keep_pool(struct waybuf_client_pool *pool)
{
	pool->renegotiate = !keep_memory(pool);
	snprintf(pool->path_reason, sizeof(pool->path_reason), "%s",
		"the service has ended, and the memory is kept");
	waybuf_info("client: pool \"%s\": %s", pool->name, pool->path_reason);
}

void client_service_return(struct waybuf_client_pool *pool)
{
	struct waybuf_client *client = pool->client;
	if (pool->backend != &client_backend_kept || pool->stays)
		return;
	client_service_look_again(client);
	if (!client->service)
		return;
	int ret = client_pool_return(pool, client_now_ms() + SERVICE_PATIENCE_MS);
	if (ret < 0) {
		pool->stays = ret == -ENOENT;
		keep_pool(pool);
		return;
	}
	snprintf(pool->path_reason, sizeof(pool->path_reason), "%s", client->service_reason);
	waybuf_info("client: pool \"%s\" went back to the service", pool->name);
}

void client_service_check(struct waybuf_client *client)
{
	struct waybuf_client_pool *pool, *former;
	if (client->service != &client->beside || !client->beside.broken)
		return;
	waybuf_list_for_each(pool, &client->pools, link) {
		if (pool->backend == &client_backend_allocator)
			keep_pool(pool);
		for (former = pool->former; former; former = former->former)
			if (former->backend == &client_backend_allocator)
				keep_memory(former);
	}
	client_service_leave(client);
	snprintf(client->service_reason, sizeof(client->service_reason),
		"the allocation service has ended");
}
