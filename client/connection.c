/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <wayland-client.h>

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
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Notes why the connection is over. */
static int note_broken(struct waybuf_client *client, int error)
{
	if (client->broken)
		return client->broken;
	if (error != EPROTO) {
		client->broken = client_fail(client, -EPIPE,
			"the connection to the Wayland server was lost: %s", strerror(error));
		return client->broken;
	}
	const struct wl_interface *interface = NULL;
	uint32_t id = 0;
	uint32_t code = wl_display_get_protocol_error(client->display, &interface, &id);
	client->broken = client_fail(client, -EPROTO,
		"the server ended the connection with protocol error %u of %s#%u", code,
		interface ? interface->name : "an unknown object", id);
	return client->broken;
}

int client_check(struct waybuf_client *client)
{
	if (client->broken)
		return client->broken;
	int error = wl_display_get_error(client->display);
	return error ? note_broken(client, error) : 0;
}

/* The number of events handled, or the error of the connection. */
static int dispatch_pending(struct waybuf_client *client, bool everything)
{
	int own = wl_display_dispatch_queue_pending(client->display, client->queue);
	if (own < 0)
		return note_broken(client, errno);
	if (!everything)
		return own;
	int others = wl_display_dispatch_pending(client->display);
	return others < 0 ? note_broken(client, errno) : own + others;
}

/* What poll() takes for the rest of the time. */
static int remaining_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - client_now_ms();
	if (left < 0)
		return 0;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/*
 * Whether a socket that was hung up has nothing more to read. libwayland, which finds half a message
 * in its buffer, does not notice, and would be asked for ever.
 */
static bool is_at_end(const struct pollfd *pollfd)
{
	char byte;
	return pollfd->revents & POLLHUP &&
		recv(pollfd->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Waits for the socket and reads it. 1: perhaps there are events; 0: there are none; or -errno. */
static int read_socket(struct waybuf_client *client, int64_t deadline_ms)
{
	if (wl_display_prepare_read_queue(client->display, client->queue) < 0)
		return 1;
	struct pollfd fds[] = {{.fd = wl_display_get_fd(client->display), .events = POLLIN},
		{.fd = client->wake_fd, .events = POLLIN}};
	int flushed = wl_display_flush(client->display);
	if (flushed < 0 && errno == EAGAIN)
		fds[0].events |= POLLOUT;
	/* After EPIPE the server's last words, a protocol error perhaps, can still be read. */
	int ready = poll(fds, 2, remaining_ms(deadline_ms));
	if (ready <= 0 || !(fds[0].revents & ~POLLOUT)) {
		wl_display_cancel_read(client->display);
		/* A signal, or room to send, is no event: the caller looks at its clock. */
		return ready > 0 && fds[1].revents ? 1 : 0;
	}
	bool over = is_at_end(&fds[0]);
	if (wl_display_read_events(client->display) < 0)
		return note_broken(client, errno);
	return over ? note_broken(client, EPIPE) : 1;
}

/* Reads of what has arrived already, once the time is over: a server that never stops is not waited for. */
#define LATE_READS 8

int client_wait(
	struct waybuf_client *client, int64_t deadline_ms, bool (*done)(void *data), void *data)
{
	for (int late = 0; late <= LATE_READS;) {
		int handled = dispatch_pending(client, false);
		if (done(data))
			return 0;
		if (handled < 0)
			return handled;
		bool over = client_now_ms() >= deadline_ms;
		int read = read_socket(client, deadline_ms);
		if (read < 0)
			return read;
		if (read == 0 && over)
			return -ETIMEDOUT;
		late += over;
	}
	return -ETIMEDOUT;
}

int waybuf_client_dispatch(struct waybuf_client *client, int timeout_ms)
{
	if (timeout_ms < 0)
		return client_fail(client, -EINVAL, "dispatch: a negative time");
	if (client->broken)
		return client->broken;
	int64_t deadline = client_now_ms() + timeout_ms;
	for (;;) {
		int handled = dispatch_pending(client, client->owns_display);
		if (handled)
			return handled;
		int read = read_socket(client, deadline);
		if (read < 0)
			return read;
		if (read == 0 && client_now_ms() >= deadline)
			return 0;
	}
}

int waybuf_client_flush(struct waybuf_client *client)
{
	if (wl_display_flush(client->display) >= 0)
		return 0;
	if (errno == EAGAIN)
		return client_fail(client, -EAGAIN, "flush: the socket is full");
	return note_broken(client, errno);
}

/* ---- globals ------------------------------------------------------------------------------- */

static void handle_capabilities(void *data, struct waybuf_allocator_v1 *allocator, uint32_t flags)
{
	struct waybuf_client *client = data;
	/* what the server is was settled when we connected, and is what we have kept globals for */
	if (client->ready) {
		flags &= ~(uint32_t)WAYBUF_CLIENT_INTEGRATED;
		flags |= client->capabilities & WAYBUF_CLIENT_INTEGRATED;
	}
	client->capabilities = flags;
	client->device = 0;
}

/* What a compositor shows by is a display controller, or else what it renders with. */
static void handle_device(void *data, struct waybuf_allocator_v1 *allocator, uint32_t device,
	uint32_t kind, struct wl_array *dev, const char *name)
{
	struct waybuf_client *client = data;
	bool first = !client->device && kind == WAYBUF_ALLOCATOR_V1_DEVICE_KIND_RENDER;
	bool better = kind == WAYBUF_ALLOCATOR_V1_DEVICE_KIND_KMS &&
		(!client->device || client->device_kind != kind);
	if (!first && !better)
		return;
	client->device = device;
	client->device_kind = kind;
}

static void handle_usage(void *data, struct waybuf_allocator_v1 *allocator, uint32_t what,
	uint32_t used, uint32_t limit)
{
	static const char *const names[] = {
		"KiB", "buffers", "fds", "pools", "attachments", "maps", "fences"};
	struct waybuf_client *client = data;
	if (!client->ready || what >= sizeof(names) / sizeof(names[0]))
		return;
	size_t length = strlen(client->account);
	snprintf(client->account + length, sizeof(client->account) - length, "%s%u of %u %s used",
		length ? ", " : "", used, limit, names[what]);
}

static void handle_done(void *data, struct waybuf_allocator_v1 *allocator)
{
	struct waybuf_client *client = data;
	client->ready = true;
	/* What came in the batch is no account of a refusal. */
	client->account[0] = '\0';
}

static const struct waybuf_allocator_v1_listener allocator_listener = {
	.capabilities = handle_capabilities,
	.device = handle_device,
	.usage = handle_usage,
	.done = handle_done,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct waybuf_client *client = data;
	if (strcmp(interface, waybuf_allocator_v1_interface.name) == 0 && !client->allocator) {
		client->allocator =
			wl_registry_bind(registry, name, &waybuf_allocator_v1_interface, 1);
		if (client->allocator)
			waybuf_allocator_v1_add_listener(
				client->allocator, &allocator_listener, client);
	} else if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) == 0 && version >= 3 &&
		!client->dmabuf) {
		/* Version 3 is the last that lists pairs without a table to map. */
		client->dmabuf =
			wl_registry_bind(registry, name, &zwp_linux_dmabuf_v1_interface, 3);
		if (client->dmabuf)
			zwp_linux_dmabuf_v1_add_listener(
				client->dmabuf, &client_foreign_listener, client);
	} else if (strcmp(interface, wp_linux_drm_syncobj_manager_v1_interface.name) == 0 &&
		!client->syncobj) {
		client->syncobj = wl_registry_bind(
			registry, name, &wp_linux_drm_syncobj_manager_v1_interface, 1);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* Objects made from a global outlive it. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

/* ---- connect ------------------------------------------------------------------------------- */

static void handle_sync(void *data, struct wl_callback *callback, uint32_t serial)
{
	*(bool *)data = true;
}

static const struct wl_callback_listener sync_listener = {.done = handle_sync};

static bool is_true(void *data)
{
	return *(bool *)data;
}

/* wl_display_roundtrip_queue() with a limit. @display is a wrapper on the client's queue. */
static int roundtrip(struct waybuf_client *client, struct wl_display *display, int64_t deadline_ms)
{
	bool done = false;
	struct wl_callback *callback = wl_display_sync(display);
	if (!callback)
		return -ENOMEM;
	wl_callback_add_listener(callback, &sync_listener, &done);
	int ret = client_wait(client, deadline_ms, is_true, &done);
	wl_callback_destroy(callback);
	return ret;
}

/* Learns what the server has. @display is a wrapper on the client's queue. */
static int learn(struct waybuf_client *client, struct wl_display *display)
{
	int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
	client->registry = wl_display_get_registry(display);
	if (!client->registry)
		return -ENOMEM;
	wl_registry_add_listener(client->registry, &registry_listener, client);
	int ret = roundtrip(client, display, deadline);
	if (ret < 0)
		return ret;
	if (!client->allocator)
		return client_fail(client, -EOPNOTSUPP,
			"the Wayland server offers no waybuf_allocator_v1: it is neither waybufd nor "
			"built with libwaybuf-server");
	ret = roundtrip(client, display, deadline);
	return ret < 0 ? ret : client_wait(client, deadline, is_true, &client->ready);
}

static int start_queue(struct waybuf_client *client)
{
	client->queue = wl_display_create_queue(client->display);
	if (!client->queue)
		return -ENOMEM;
	/* So that no event of ours reaches a queue that another thread dispatches. */
	struct wl_display *wrapper = wl_proxy_create_wrapper(client->display);
	if (!wrapper)
		return -ENOMEM;
	wl_proxy_set_queue((struct wl_proxy *)wrapper, client->queue);
	int ret = learn(client, wrapper);
	wl_proxy_wrapper_destroy(wrapper);
	if (ret == 0 && (client->capabilities & WAYBUF_CLIENT_INTEGRATED) && client->dmabuf) {
		zwp_linux_dmabuf_v1_destroy(client->dmabuf);
		client->dmabuf = NULL;
	}
	return ret;
}

static int start(struct waybuf_client *client)
{
	int ret = start_queue(client);
	if (ret == -ETIMEDOUT)
		client_fail(client, ret, "the Wayland server did not answer within %d s",
			CLIENT_PATIENCE_MS / 1000);
	else if (ret == -ENOMEM)
		client_fail(client, ret, "connect: out of memory");
	return ret;
}

/* Lets go of the connection, with what was made on it. */
static void stop(struct waybuf_client *client)
{
	if (client->dmabuf)
		zwp_linux_dmabuf_v1_destroy(client->dmabuf);
	if (client->syncobj)
		wp_linux_drm_syncobj_manager_v1_destroy(client->syncobj);
	if (client->allocator)
		waybuf_allocator_v1_destroy(client->allocator);
	if (client->registry)
		wl_registry_destroy(client->registry);
	/* Destructors are requests: the server should hear of them from a shared connection, too. */
	wl_display_flush(client->display);
	if (client->queue)
		wl_event_queue_destroy(client->queue);
	if (client->owns_display)
		wl_display_disconnect(client->display);
	free(client->pairs);
	client->dmabuf = NULL;
	client->syncobj = NULL;
	client->allocator = NULL;
	client->registry = NULL;
	client->queue = NULL;
	client->pairs = NULL;
	client->n_pairs = 0;
}

/* Takes @display on success if @owns says so. */
static int create(struct wl_display *display, bool owns, struct waybuf_client **out)
{
	struct waybuf_client *client = calloc(1, sizeof(*client));
	if (!client) {
		snprintf(connect_error, sizeof(connect_error), "connect: out of memory");
		return -ENOMEM;
	}
	client->display = display;
	client->wake_fd = -1;
	waybuf_list_init(&client->pools);
	int ret = start(client);
	if (ret < 0) {
		memcpy(connect_error, client->error, sizeof(connect_error));
		waybuf_client_destroy(client);
		return ret;
	}
	client->owns_display = owns;
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
	client->display = display;
	client->owns_display = owns;
	client->capabilities = 0;
	client->ready = false;
	client->broken = 0;
	client->account[0] = client->error[0] = '\0';
	int ret = start(client);
	if (ret == 0)
		ret = resume_pools(client);
	/* until the next attempt */
	if (ret < 0)
		client->broken = ret;
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
	return client->display;
}

int waybuf_client_get_fd(const struct waybuf_client *client)
{
	return wl_display_get_fd(client->display);
}

uint32_t waybuf_client_get_capabilities(const struct waybuf_client *client)
{
	return client->capabilities;
}
