/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wayland-client.h>

#include <waybuf/interfaces/exporter.h>

#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

/* The sentence of a connect that failed: there is no client yet to keep it in. */
static _Thread_local char connect_error[CLIENT_ERROR_SIZE];

int client_fail(struct waybuf_client *client, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(client->error, sizeof(client->error), format, args);
	va_end(args);
	waybuf_debug("client: %s", client->error);
	return error;
}

int client_fail_refused(struct waybuf_client *client, const struct client_refusal *refusal)
{
	return client_fail(client, refusal->error, "%s", refusal->text);
}

const char *waybuf_client_error(const struct waybuf_client *client)
{
	return client ? client->error : connect_error;
}

int64_t client_now_ms(void)
{
	return (int64_t)clock_now_ms();
}

/* ---- reading ------------------------------------------------------------------------------- */

int client_check(struct waybuf_client *client)
{
	return client_link_check(&client->compositor);
}

/* The number of events handled, or the error of the compositor's connection. */
static int dispatch_pending(struct waybuf_client *client, bool everything)
{
	int beside = client_link_dispatch(&client->beside, false);
	int handled = client_link_dispatch(&client->compositor, everything);
	return handled < 0 || beside < 0 ? handled : handled + beside;
}

/* What poll() takes for the rest of the time. 0 is over without a look at the clock. */
static int remaining_ms(int64_t deadline_ms)
{
	if (deadline_ms == 0)
		return 0;
	int64_t left = deadline_ms - client_now_ms();
	if (left < 0)
		return 0;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/*
 * Waits for the sockets and reads them. 1: perhaps there are events, or there is no service any more;
 * 0: there are none; or -errno.
 */
static int read_sockets(struct waybuf_client *client, int timeout_ms)
{
	struct pollfd fds[] = {{.fd = -1}, {.fd = -1}, {.fd = client->wake_fd, .events = POLLIN}};
	if (!client_link_prepare(&client->compositor, &fds[0]))
		return 1;
	if (!client_link_prepare(&client->beside, &fds[1])) {
		client_link_cancel(&client->compositor, &fds[0]);
		return 1;
	}
	/* A signal is no event: the caller looks at its clock. */
	if (poll(fds, 3, timeout_ms) <= 0)
		fds[0].revents = fds[1].revents = fds[2].revents = 0;
	int beside = client_link_read(&client->beside, &fds[1]);
	int read = client_link_read(&client->compositor, &fds[0]);
	if (read < 0)
		return read;
	return read || beside || fds[2].revents ? 1 : 0;
}

bool client_is_true(void *data)
{
	return *(bool *)data;
}

/* Reads of what has arrived already, once the time is over: a server that never stops is not waited for. */
#define LATE_READS 8

int client_wait(struct waybuf_client *client, const struct client_link *link, int64_t deadline_ms,
	bool (*done)(void *data), void *data)
{
	for (int late = 0; late <= LATE_READS;) {
		int handled = dispatch_pending(client, false);
		if (done(data))
			return 0;
		if (handled < 0)
			return handled;
		if (link && link->broken)
			return link->broken;
		int left = remaining_ms(deadline_ms);
		int read = read_sockets(client, left);
		if (read < 0)
			return read;
		if (read == 0 && left == 0)
			return -ETIMEDOUT;
		late += left == 0;
	}
	return -ETIMEDOUT;
}

int waybuf_client_dispatch(struct waybuf_client *client, int timeout_ms)
{
	if (timeout_ms < 0)
		return client_fail(client, -EINVAL, "dispatch: a negative time");
	int ret = client->compositor.broken;
	if (ret < 0)
		return ret;
	int64_t deadline = timeout_ms > 0 ? client_now_ms() + timeout_ms : 0;
	for (;;) {
		client_service_check(client);
		int handled = dispatch_pending(client, client->compositor.owned);
		if (handled)
			return handled;
		int left = remaining_ms(deadline);
		int read = read_sockets(client, left);
		if (read < 0)
			return read;
		if (read == 0 && left == 0)
			return 0;
	}
}

int client_flush(struct waybuf_client *client)
{
	int beside = client_link_flush(&client->beside);
	int ret = client_link_flush(&client->compositor);
	return ret == 0 && beside == -EAGAIN ? beside : ret;
}

int waybuf_client_flush(struct waybuf_client *client)
{
	int ret = client_flush(client);
	return ret == -EAGAIN ? client_fail(client, ret, "flush: the socket is full") : ret;
}

/* ---- connect ------------------------------------------------------------------------------- */

/* Without an allocator there must be another way to show something. */
static int check_fallbacks(struct waybuf_client *client)
{
	if (client->offer.n_explicit > 0 || client->n_shm_pairs > 0)
		return 0;
	return client_fail(client, -EOPNOTSUPP,
		"the Wayland server offers no waybuf_allocator_v1, no linux-dmabuf and no wl_shm: "
		"there is nothing to show buffers with");
}

static int look_beside(struct waybuf_client *client)
{
	/* there from the start, so that get_fd has one answer whatever comes and goes */
	int ret = client_service_watch(client, &client->compositor);
	if (ret < 0)
		return client_fail(client, ret, "connect: %s", strerror(-ret));
	return client_service_find(client) == 0 ? 0 : check_fallbacks(client);
}

/* Learns what the server has. */
static int learn(struct waybuf_client *client)
{
	int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
	struct client_link *link = &client->compositor;
	int ret = client_link_open(link);
	if (ret == 0)
		ret = client_link_roundtrip(link, deadline);
	if (ret < 0)
		return ret;
	/* what each global says when it is bound */
	ret = client_link_roundtrip(link, deadline);
	if (ret < 0)
		return ret;
	if (!client->allocator)
		return look_beside(client);
	client->service = link;
	snprintf(client->service_reason, sizeof(client->service_reason), "the compositor has one");
	return client_wait(client, link, deadline, client_is_true, &client->ready);
}

/* An integrated server makes wl_buffers of its own memory, and takes others through linux-dmabuf. */
static void drop_shm(struct waybuf_client *client)
{
	if (client->shm)
		wl_shm_destroy(client->shm);
	client->shm = NULL;
}

static void drop_foreign(struct waybuf_client *client)
{
	drop_shm(client);
	client_feedback_finish(client);
	if (client->dmabuf)
		zwp_linux_dmabuf_v1_destroy(client->dmabuf);
	client->dmabuf = NULL;
}

static int start(struct waybuf_client *client)
{
	int ret = learn(client);
	if (ret == 0 && (client->capabilities & WAYBUF_CLIENT_INTEGRATED))
		drop_shm(client);
	if (ret == -ETIMEDOUT)
		client_fail(client, ret, "the Wayland server did not answer within %d s",
			CLIENT_PATIENCE_MS / 1000);
	else if (ret == -ENOMEM)
		client_fail(client, ret, "connect: out of memory");
	return ret;
}

/* Lets go of the connections, with what was made on them. */
static void stop(struct waybuf_client *client)
{
	struct waybuf_client_import *import;
	waybuf_list_for_each(import, &client->imports, link)
		client_import_detach(import);
	client_dmabuf_forget(client);
	client_service_leave(client);
	fd_close(&client->epoll_fd);
	drop_foreign(client);
	if (client->syncobj)
		wp_linux_drm_syncobj_manager_v1_destroy(client->syncobj);
	if (client->allocator)
		waybuf_allocator_v1_destroy(client->allocator);
	client_link_close(&client->compositor);
	client_offer_finish(&client->offer);
	client->syncobj = NULL;
	client->allocator = NULL;
	client->service = NULL;
	client->n_shm_pairs = 0;
	if (client->udmabuf)
		client->udmabuf->ops->destroy(client->udmabuf);
	client->udmabuf = NULL;
}

/* Takes @display on success if @owns says so. */
static int create(struct wl_display *display, bool owns, struct waybuf_client **out)
{
	struct waybuf_client *client = calloc(1, sizeof(*client));
	if (!client) {
		snprintf(connect_error, sizeof(connect_error), "connect: out of memory");
		return -ENOMEM;
	}
	client->compositor = (struct client_link){
		.client = client, .peer = "the Wayland server", .display = display};
	client->beside = (struct client_link){.client = client, .peer = "the allocation service"};
	client->wake_fd = client->epoll_fd = -1;
	waybuf_list_init(&client->pools);
	waybuf_list_init(&client->imports);
	waybuf_list_init(&client->late_imports);
	int ret = start(client);
	if (ret < 0) {
		memcpy(connect_error, client->error, sizeof(connect_error));
		waybuf_client_destroy(client);
		return ret;
	}
	client->compositor.owned = owns;
	*out = client;
	return 0;
}

static int connect_display(const char *name, struct wl_display **out)
{
	*out = wl_display_connect(name);
	if (*out)
		return 0;
	int ret = errno ? -errno : -ENOENT;
	const char *socket = name ? name : getenv("WAYLAND_DISPLAY");
	snprintf(connect_error, sizeof(connect_error),
		"no connection to the Wayland server %s: %s; is it running, and is "
		"XDG_RUNTIME_DIR set?",
		socket ? socket : "wayland-0", strerror(-ret));
	return ret;
}

int waybuf_client_connect(const char *name, struct waybuf_client **out)
{
	struct wl_display *display;
	int ret = connect_display(name, &display);
	if (ret < 0)
		return ret;
	ret = create(display, true, out);
	if (ret < 0)
		wl_display_disconnect(display);
	return ret;
}

int waybuf_client_connect_to_display(struct wl_display *display, struct waybuf_client **out)
{
	return create(display, false, out);
}

void waybuf_client_destroy(struct waybuf_client *client)
{
	if (!client)
		return;
	struct waybuf_client_pool *pool, *tmp;
	waybuf_list_for_each_safe(pool, tmp, &client->pools, link)
		waybuf_client_pool_destroy(pool);
	struct waybuf_client_import *import, *next;
	waybuf_list_for_each_safe(import, next, &client->imports, link)
		waybuf_client_import_destroy(import);
	stop(client);
	free(client);
}

/* ---- reconnect ----------------------------------------------------------------------------- */

static int resume_pools(struct waybuf_client *client)
{
	int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
	struct waybuf_client_pool *pool;
	waybuf_list_for_each(pool, &client->pools, link) {
		int ret = client_pool_resume(pool, deadline);
		if (ret < 0)
			return client_fail(client, ret, "reconnect: %s", strerror(-ret));
	}
	return waybuf_client_flush(client) == -EPIPE ? -EPIPE : 0;
}

/* From here on the client is of the new connection, good or bad. */
static int move(struct waybuf_client *client, struct wl_display *display, bool owns)
{
	struct waybuf_client_pool *pool;
	waybuf_list_for_each(pool, &client->pools, link)
		client_pool_detach(pool);
	stop(client);
	client->compositor.display = display;
	client->compositor.owned = owns;
	client->capabilities = 0;
	client->ready = false;
	client->account[0] = client->error[0] = '\0';
	int ret = start(client);
	if (ret == 0)
		ret = resume_pools(client);
	/* until the next attempt */
	if (ret < 0)
		client->compositor.broken = ret;
	return ret;
}

int waybuf_client_reconnect_to_display(struct waybuf_client *client, struct wl_display *display)
{
	return move(client, display, false);
}

#define CONNECT_INTERVAL_MS 20

int waybuf_client_reconnect(struct waybuf_client *client, const char *name, int timeout_ms)
{
	if (timeout_ms < 0)
		return client_fail(client, -EINVAL, "reconnect: a negative time");
	int64_t deadline = client_now_ms() + timeout_ms;
	struct wl_display *display;
	int ret;
	while ((ret = connect_display(name, &display)) < 0) {
		if (client_now_ms() >= deadline)
			return client_fail(client, ret, "%s", connect_error);
		poll(NULL, 0, CONNECT_INTERVAL_MS);
	}
	return move(client, display, true);
}

struct wl_display *waybuf_client_get_display(struct waybuf_client *client)
{
	return client->compositor.display;
}

int waybuf_client_get_fd(const struct waybuf_client *client)
{
	return client->epoll_fd >= 0 ? client->epoll_fd
				     : wl_display_get_fd(client->compositor.display);
}

uint32_t waybuf_client_get_capabilities(const struct waybuf_client *client)
{
	return client->capabilities;
}
