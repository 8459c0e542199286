/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <wayland-client.h>

/*
 * One connection to a server. Reading is in steps, so that two of them can be waited for at once, and
 * a connection that broke takes part in nothing more.
 */

/* ---- the end ------------------------------------------------------------------------------- */

/* Notes why the connection is over. */
static int note_broken(struct client_link *link, int error)
{
	struct waybuf_client *client = link->client;
	if (link->broken)
		return link->broken;
	if (error != EPROTO) {
		link->broken = client_fail(client, -EPIPE, "the connection to %s was lost: %s",
			link->peer, strerror(error));
		return link->broken;
	}
	const struct wl_interface *interface = NULL;
	uint32_t id = 0;
	uint32_t code = wl_display_get_protocol_error(link->display, &interface, &id);
	link->broken = client_fail(client, -EPROTO,
		"the server ended the connection with protocol error %u of %s#%u", code,
		interface ? interface->name : "an unknown object", id);
	return link->broken;
}

int client_link_check(struct client_link *link)
{
	if (link->broken)
		return link->broken;
	int error = wl_display_get_error(link->display);
	return error ? note_broken(link, error) : 0;
}

bool client_link_is_live(const struct client_link *link)
{
	return link->display && !link->broken;
}

/* ---- reading ------------------------------------------------------------------------------- */

int client_link_dispatch(struct client_link *link, bool everything)
{
	if (!client_link_is_live(link))
		return link->broken;
	int own = wl_display_dispatch_queue_pending(link->display, link->queue);
	if (own < 0)
		return note_broken(link, errno);
	if (!everything)
		return own;
	int others = wl_display_dispatch_pending(link->display);
	return others < 0 ? note_broken(link, errno) : own + others;
}

bool client_link_prepare(struct client_link *link, struct pollfd *pollfd)
{
	*pollfd = (struct pollfd){.fd = -1};
	if (!client_link_is_live(link))
		return true;
	if (wl_display_prepare_read_queue(link->display, link->queue) < 0)
		return false;
	*pollfd = (struct pollfd){.fd = wl_display_get_fd(link->display), .events = POLLIN};
	/* After EPIPE the server's last words, a protocol error perhaps, can still be read. */
	if (wl_display_flush(link->display) < 0 && errno == EAGAIN)
		pollfd->events |= POLLOUT;
	return true;
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

void client_link_cancel(struct client_link *link, const struct pollfd *pollfd)
{
	if (pollfd->fd >= 0)
		wl_display_cancel_read(link->display);
}

int client_link_read(struct client_link *link, const struct pollfd *pollfd)
{
	/* Room to send is no event. */
	if (!(pollfd->revents & ~POLLOUT)) {
		client_link_cancel(link, pollfd);
		return 0;
	}
	bool over = is_at_end(pollfd);
	if (wl_display_read_events(link->display) < 0)
		return note_broken(link, errno);
	return over ? note_broken(link, EPIPE) : 1;
}

int client_link_flush(struct client_link *link)
{
	if (!client_link_is_live(link))
		return link->broken;
	if (wl_display_flush(link->display) >= 0)
		return 0;
	return errno == EAGAIN ? -EAGAIN : note_broken(link, errno);
}

/* ---- life ---------------------------------------------------------------------------------- */

int client_link_open(struct client_link *link)
{
	link->queue = wl_display_create_queue(link->display);
	if (!link->queue)
		return -ENOMEM;
	/* So that no event of ours reaches a queue that another thread dispatches. */
	link->wrapper = wl_proxy_create_wrapper(link->display);
	if (!link->wrapper)
		return -ENOMEM;
	wl_proxy_set_queue((struct wl_proxy *)link->wrapper, link->queue);
	link->registry = wl_display_get_registry(link->wrapper);
	if (!link->registry)
		return -ENOMEM;
	wl_registry_add_listener(link->registry, &client_registry_listener, link);
	return 0;
}

void client_link_close(struct client_link *link)
{
	if (!link->display)
		return;
	if (link->registry)
		wl_registry_destroy(link->registry);
	if (link->wrapper)
		wl_proxy_wrapper_destroy(link->wrapper);
	/* Destructors are requests: the server should hear of them from a shared connection, too. */
	wl_display_flush(link->display);
	if (link->queue)
		wl_event_queue_destroy(link->queue);
	if (link->owned)
		wl_display_disconnect(link->display);
	*link = (struct client_link){.client = link->client, .peer = link->peer};
}

static void handle_sync(void *data, struct wl_callback *callback, uint32_t serial)
{
	*(bool *)data = true;
}

static const struct wl_callback_listener sync_listener = {.done = handle_sync};

int client_link_roundtrip(struct client_link *link, int64_t deadline_ms)
{
	bool done = false;
	struct wl_callback *callback = wl_display_sync(link->wrapper);
	if (!callback)
		return -ENOMEM;
	wl_callback_add_listener(callback, &sync_listener, &done);
	int ret = client_wait(link->client, link, deadline_ms, client_is_true, &done);
	wl_callback_destroy(callback);
	return ret;
}
